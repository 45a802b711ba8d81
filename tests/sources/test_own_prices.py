"""Anyone's price file: what is guessed, what is asked for, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from backtest.data.prices import price_symbols, read_prices
from backtest.data.versions import seal
from backtest.errors import DataError, UsageError
from backtest.sources.own_prices import import_prices, read_price_file
from tests.commands import BAD_DATA, WRONG_USE, words
from tests.made_up import SESSIONS
from tests.sources.test_updates import bars

PLAIN = "date,open,high,low,close,volume\n2025-06-02,10,12,9,11.5,100\n2025-06-03,11,13,10,12,200\n"
EXCHANGE = """\
Date,Close/Last,Volume,Open,High,Low
06/03/2025,$12.00,200,$11.00,$13.00,$10.00
06/02/2025,$11.50,100,$10.00,$12.00,$9.00
"""
PORTAL = """\
"Date","Price","Open","High","Low","Vol.","Change %"
"06/03/2025","12.00","11.00","13.00","10.00","0.2K","1.0%"
"06/02/2025","11.50","10.00","12.00","9.00","0.1K","1.0%"
"""
DOWNLOADED = """\
Price,Close,High,Low,Open,Volume
Ticker,BOLT,BOLT,BOLT,BOLT,BOLT
Date,,,,,
2025-06-02,11.5,12,9,10,100
2025-06-03,12,13,10,11,200
"""
INDEXED = """\
,Close,High,Low,Open,Volume
Date,,,,,
2025-06-02,11.5,12,9,10,100
2025-06-03,12,13,10,11,200
"""
ROWS = [[10.0, 12.0, 9.0, 11.5, 100.0], [11.0, 13.0, 10.0, 12.0, 200.0]]
DAYS = ["2025-06-02", "2025-06-03"]


@pytest.fixture
def read(tmp_path):
    def read(text, name="BOLT.csv", **reading):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_price_file(path, **{"columns": {}, **reading})

    return read


def only(file):
    ((symbol, table),) = file.tables.items()
    days = np.datetime_as_string(table.index.to_numpy(), unit="D").tolist()
    return symbol, days, table.to_numpy().tolist()


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "\ufeff" + PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("date,open", "Date,Open").replace("volume", "Volume"),
        PLAIN.replace("date,open,high,low,close,volume", "timestamp,o,h,l,c,v"),
        PLAIN.replace("date,open,high,low,close,volume",
                      "time,1. open,2. high,3. low,4. close,5. volume"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";").replace("11.5", "11,5"),
        PLAIN.replace("2025-06-02", "06/02/2025").replace("2025-06-03", "06/03/2025"),
        PLAIN.replace("2025-06-02", "20250602").replace("2025-06-03", "20250603"),
        PLAIN.replace("2025-06-02", '"Jun 02, 2025"').replace("2025-06-03", '"Jun 03, 2025"'),
        PLAIN.replace("-02,", "-02 00:00:00-04:00,").replace("-03,", "-03 00:00:00-04:00,"),
        PLAIN.replace("-02,", "-02T00:00:00Z,").replace("-03,", "-03T00:00:00Z,"),
        PLAIN.replace("-02,", "-02T13:30:00Z,").replace("-03,", "-03T13:30:00Z,"),
        EXCHANGE,
        PORTAL,
        DOWNLOADED,
        INDEXED,
    ],
)  # fmt: skip
def test_files_of_all_sorts_are_understood(read, text):
    assert only(read(text)) == ("BOLT", DAYS, ROWS)


def test_what_was_understood_is_told(read):
    more = PLAIN.replace("volume", "volume,Adj Close,adjHigh").replace("00\n", "00,1,1\n")
    file = read(more)
    assert file.columns == {
        name: name for name in ("date", "open", "high", "low", "close", "volume")
    }
    assert file.notes == [
        "'2025-06-02' is read as 2025-06-02, and '.' as the decimal sign.",
        "Not taken: Adj Close, adjHigh.",
        "--dividends 'Adj Close' derives dividends from it.",
    ]


def test_columns_without_a_name_are_told_by_the_line_of_the_index_or_by_what_they_hold(read):
    assert read(INDEXED).columns["date"] == "Date"
    file = read(PLAIN.partition("\n")[2])
    assert only(file) == ("BOLT", DAYS, ROWS)
    assert "It has no header: the columns are taken by what they hold." in file.notes


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("day,price\n2025-06-02,11.5\n2025-06-03,12\n", {}),
        (PLAIN, {"closes": True}),
        (PLAIN.replace("volume", "Adj Close").replace("100", "11.5").replace("200", "12"),
         {"columns": {"close": "Adj Close"}}),
    ],
)  # fmt: skip
def test_closes_alone_make_a_benchmark(read, text, reading):
    file = read(text, **reading)
    assert only(file) == ("BOLT", DAYS, [[11.5], [12.0]])
    assert file.notes[-1] == "Closes alone, so it can be a benchmark but not be traded."


def test_columns_can_be_named(read):
    text = PLAIN.replace("date,open,high,low,close,volume", "Tag,Auf,Hoch,Tief,Zu,Menge")
    german = {"date": "Tag", "open": "Auf", "high": "Hoch", "low": "Tief", "close": "Zu"}
    german["volume"] = "Menge"
    assert only(read(text, columns=german)) == ("BOLT", DAYS, ROWS)


@pytest.mark.parametrize(
    ("text", "reading", "told"),
    [
        (PLAIN.replace("date", "x"), {}, "looks like the date. Name it with --map date=COLUMN"),
        (PLAIN.replace("close", "x"), {}, "looks like the close"),
        (PLAIN.replace("high", "x"), {}, "looks like the high. Name it with --map high=COLUMN, or"),
        (PLAIN.replace("open", "last"), {}, "Both 'last' and 'close' may be the close"),
        (PLAIN, {"columns": {"closing": "close"}}, "no field of prices 'closing'"),
        (PLAIN, {"columns": {"close": "Close"}}, "no column of the file 'Close'. Did you mean 'c"),
        ("date,close\n2025-13-41,1\n", {}, "'2025-13-41' cannot be read as a day"),
        ("date,close\n2025-06-02,1\n", {"date_form": "%d.%m.%Y"}, "cannot be read as %d.%m.%Y"),
        ("date,close\n03/04/2025,1\n", {}, "read as %m/%d/%Y or %d/%m/%Y"),
        ('date;close\n2025-06-02;"1,234"\n', {}, "'1,234' can be read in two ways"),
        (PLAIN, {"symbols": ["bolt"]}, "'bolt' is no symbol"),
        ("ticker,date,close\nAcme,2025-06-02,1\n", {}, "'Acme' is no symbol"),
        ("ticker,date,close\nACME,2025-06-02,1\n", {"symbols": ["BOLT"]}, "has no row of BOLT"),
    ],
)
def test_what_cannot_be_guessed_is_asked_for(read, text, reading, told):
    with pytest.raises(UsageError) as caught:
        read(text, **reading)
    assert told in str(caught.value)


def test_a_name_that_is_no_symbol_is_asked_for(read):
    with pytest.raises(UsageError, match=r"Whose prices are in .*\? Say it with --symbol"):
        read(PLAIN, name="my prices.csv")
    assert only(read(PLAIN, name="my prices.csv", symbols=["BOLT"]))[0] == "BOLT"


@pytest.mark.parametrize(("decimal", "value"), [(",", 1.234), (".", 1234.0)])
def test_the_decimal_sign_can_be_said(read, decimal, value):
    file = read('date;close\n2025-06-02;"1,234"\n', decimal=decimal)
    assert only(file)[2] == [[value]]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1.234,50", 1234.5), ("1,234.50", 1234.5), ("$1,234.50", 1234.5), ("1 234,5", 1234.5),
     ("12,3456", 12.3456)],
)  # fmt: skip
def test_the_decimal_sign_is_guessed(read, cell, value):
    assert only(read(f"date;close\n2025-06-02;{cell}\n"))[2] == [[value]]


def test_days_that_can_be_read_in_two_ways_are_read_by_the_sessions(read):
    # The 6th of April is a Sunday; the 4th of June is none.
    assert only(read("date,close\n06/04/2025,1\n"))[1] == ["2025-06-04"]
    assert only(read("date,close\n03/04/2025,1\n", date_form="%d/%m/%Y"))[1] == ["2025-04-03"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PLAIN.replace("11.5", "cheap"), "line 2, column close: 'cheap' is no number"),
        (PLAIN.replace("11.5", "€11.5"), "line 2, column close: '€11.5' is no number"),
        (PLAIN.replace("11.5", ""), "line 2, column close: '' is no number"),
        (PLAIN.replace("2025-06-03", "later"), "line 3, column date: 'later' is no day"),
        (PLAIN + "2025-06-03,1,1,1,1,1\n", "BOLT has two rows of 2025-06-03"),
        (PLAIN + "2025-06-04,1,2,1,1,1,2\n", "line 4 has 7 cells where the header has 6"),
        ("date,close\n", "has no row"),
        ("", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_what_is_damaged_is_told(read, text, told):
    with pytest.raises(DataError) as caught:
        read(text)
    assert told in str(caught.value)


@pytest.mark.parametrize("column", ["Currency", "Währung"])
@pytest.mark.parametrize(
    ("currency", "is_dollars"),
    [*((one, True) for one in ("USD", "usd", "US Dollar", "-", "N/A")), ("EUR", False)],
)
def test_what_says_that_it_is_no_dollars_is_not_taken_for_them(read, column, currency, is_dollars):
    text = f"date,close,{column}\n2025-06-02,10,{currency}\n2025-06-03,11,\n"
    if is_dollars:
        assert only(read(text))[2] == [[10.0], [11.0]]
    else:
        with pytest.raises(UsageError, match=f"amounts in 'EUR', column {column}: only dollars"):
            read(text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="There is no file"):
        read_price_file(tmp_path / "BOLT.csv", {})


def long_table(symbols, days=SESSIONS[:3]):
    parts = [bars(days, 10.0 + n).assign(ticker=name) for n, name in enumerate(symbols)]
    return pd.concat(parts).rename_axis("Date").reset_index()


@pytest.mark.parametrize("form", ["csv", "parquet", "parquet with an index"])
def test_a_long_file_holds_many_symbols(tmp_path, form):
    table = long_table(["COIL", "BOLT"])
    path = tmp_path / ("all.csv" if form == "csv" else "all.parquet")
    if form == "csv":
        table.to_csv(path, index=False)
    elif form == "parquet":
        table.to_parquet(path)
    else:
        table.set_index(["ticker", "Date"]).to_parquet(path)
    file = read_price_file(path, {})
    assert list(file.tables) == ["BOLT", "COIL"]
    assert file.tables["BOLT"]["open"].tolist() == [11.0, 12.0, 13.0]
    one = read_price_file(path, {}, symbols=["COIL"])
    assert list(one.tables) == ["COIL"]
    both = read_price_file(path, {}, symbols=["COIL", "BOLT"])
    assert list(both.tables) == ["BOLT", "COIL"]
    with pytest.raises(UsageError, match="has no row of ACME"):
        read_price_file(path, {}, symbols=["COIL", "ACME"])


def test_a_file_without_symbols_is_of_one_stock(tmp_path):
    (tmp_path / "BOLT.csv").write_text(PLAIN)
    with pytest.raises(UsageError, match="of one stock, not of BOLT, COIL"):
        read_price_file(tmp_path / "BOLT.csv", {}, symbols=["BOLT", "COIL"])


@pytest.mark.parametrize("day", [SESSIONS[1], None])
def test_a_row_of_parquet_may_hold_nothing(tmp_path, day):
    table = bars(SESSIONS[:3], 10.0).rename_axis("Date").reset_index()
    table.loc[1, table.columns[1:]] = None
    table["Date"] = table["Date"].where(table.index != 1, day and pd.Timestamp(day))
    table.to_parquet(tmp_path / "BOLT.parquet")
    if day:
        with pytest.raises(DataError, match=rf"row 1: {SESSIONS[1]} has no prices"):
            read_price_file(tmp_path / "BOLT.parquet", {})
    else:
        file = read_price_file(tmp_path / "BOLT.parquet", {})
        assert len(file.tables["BOLT"]) == 2
        assert file.notes[1].startswith("Not rows of prices: row 1 ")


def test_a_parquet_file_that_is_none(tmp_path):
    (tmp_path / "BOLT.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        read_price_file(tmp_path / "BOLT.parquet", {})


def test_many_symbols_become_the_dataset(tmp_path):
    symbols = [f"S{n:02}" for n in range(25)]
    path = tmp_path / "all.parquet"
    long_table(symbols).to_parquet(path)
    file = read_price_file(path, {})
    for update in import_prices(tmp_path, file, {}, source="mine", adjust="none", accept=False):
        update.make()
    folder = tmp_path / "prices"
    assert price_symbols(folder) == symbols
    assert list(folder.glob("*.csv")) == []
    prices = read_prices(folder, "S07")
    assert prices.table["open"].tolist() == [17.0, 18.0, 19.0]
    assert prices.file.metadata["source"] == "mine"
    (retrieval,) = prices.file.metadata["retrievals"]
    assert (retrieval["file"], retrieval["rows"], retrieval["library"]) == ("all.parquet", 3, None)


# The command


@pytest.fixture
def mine(checkout):
    def write(text, name="BOLT.csv"):
        (checkout.root / name).write_text(text)
        return name

    return write


def test_what_is_guessed_is_shown_before_it_is_written(command, checkout, mine):
    arguments = ("prices", "import", mine(PLAIN), "--source", "mine", "--adjust", "none")
    before = checkout.snapshot("data")
    outcome = command(*arguments)
    assert outcome.code == WRONG_USE
    assert "BOLT.csv is read as follows: date from 'date', open from 'open'" in outcome.out
    assert "BOLT 2025-06-02 10 12 9 11.5 100" in words(outcome.out)
    assert "BOLT: 2 rows added, 2025-06-02 to 2025-06-03" in outcome.out
    assert "there is no terminal to ask at. Give --yes" in outcome.err
    assert checkout.snapshot("data") == before
    outcome = command(*arguments, "--yes")
    assert outcome.code == 0
    path = checkout.root / "data/prices/BOLT.csv"
    assert outcome.out.endswith(f"wrote {path}\n")
    assert path.read_text() == PLAIN
    metadata = json.loads(path.with_suffix(".meta.json").read_text())
    assert (metadata["source"], metadata["adjust"], metadata["version"]) == ("mine", "none", 1)
    assert command(*arguments, "--yes").out.endswith("Nothing changes.\n")


def test_an_answer_at_the_terminal_decides(command, checkout, mine, monkeypatch):
    monkeypatch.setattr("backtest.cli.show.at_terminal", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "my broker")
    for answer in (False, True):
        monkeypatch.setattr("typer.confirm", lambda _, answer=answer: answer)
        out = command("prices", "import", mine(PLAIN)).out
        assert ("Nothing was written." in out) is not answer
        assert (checkout.root / "data/prices/BOLT.csv").exists() is answer
    metadata = json.loads((checkout.root / "data/prices/BOLT.meta.json").read_text())
    assert (metadata["source"], metadata["adjust"]) == ("my broker", None)


def test_rows_that_differ_stay_until_it_is_said(command, checkout, mine):
    arguments = ("--source", "mine", "--yes")
    command("prices", "import", mine(PLAIN), *arguments)
    more = PLAIN.replace(",200", ",300") + "2025-06-04,12,14,11,13,300\n"
    out = command("prices", "import", mine(more), *arguments).out
    assert "2025-06-03 volume: 200 → 300" in out
    path = checkout.root / "data/prices/BOLT.csv"
    assert path.read_text() == PLAIN + "2025-06-04,12,14,11,13,300\n"
    command("prices", "import", "BOLT.csv", *arguments, "--accept-revisions")
    assert path.read_text() == more


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), WRONG_USE, "Say where the figures come from, with --source"),
        (("--source", "x", "--map", "close"), WRONG_USE, "--map 'close' is not of the form"),
        (("--source", "x", "--decimal", ";"), WRONG_USE, "--decimal ';' is unknown"),
        (("--source", "x", "--symbol", "ACME"), WRONG_USE, "most prices that are in"),
    ],
)
def test_wrong_use_is_told(command, checkout, mine, arguments, code, told):
    before = checkout.snapshot("data")
    outcome = command("prices", "import", mine(PLAIN), *arguments, "--yes")
    assert outcome.code == code
    assert told in words(outcome.err)
    assert checkout.snapshot("data") == before


def test_a_file_with_a_gap_is_refused(command, checkout, mine):
    before = checkout.snapshot("data")
    gap = PLAIN.replace("2025-06-03", "2025-06-04")
    outcome = command("prices", "import", mine(gap), "--source", "x", "--yes")
    assert outcome.code == BAD_DATA
    assert "no row for the session 2025-06-03" in outcome.err
    assert checkout.snapshot("data") == before


def test_a_symbol_that_cannot_be_taken_in_does_not_hold_up_the_others(command, checkout, mine):
    fund = checkout.root / "data/prices/FUND.csv"
    fund.write_text("date,close\n2025-07-01,50\n")
    seal(fund, ["2025-07-01"], source="x", adjust="splits and dividends")
    header, *rows = PLAIN.splitlines()
    both = [f"symbol,{header}", *(f"{name},{row}" for name in ("BOLT", "FUND") for row in rows)]
    arguments = (mine("\n".join(both)), "--source", "x", "--yes")
    outcome = command("prices", "import", *arguments)
    assert outcome.code == WRONG_USE
    assert outcome.out.endswith(f"wrote {checkout.root / 'data/prices/BOLT.csv'}\n")
    assert "1 of 2 symbols could not be taken in. FUND:" in words(outcome.err)
    assert "or move the file away with its metadata" in words(outcome.err)
    assert fund.read_text() == "date,close\n2025-07-01,50\n"
    for path in (fund, fund.with_suffix(".meta.json")):  # what the message advises
        path.rename(checkout.root / path.name)
    assert command("prices", "import", *arguments).code == 0
    assert read_prices(fund.parent, "FUND").has_bars


def test_prices_and_thousands_are_read_with_one_decimal_sign(read):
    text = PLAIN.replace(",", ";").replace("11.5", "11,5").replace("200\n", "1.200\n")
    assert only(read(text.replace("100\n", "1.100\n")))[2][0][-1] == 1100
