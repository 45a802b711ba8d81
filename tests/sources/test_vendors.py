"""Price files as vendors and libraries write them: each is read to the same bars, or asked about.

All hold the bars of `ROWS`, so that every right value is known by hand.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from backtest.data.prices import read_prices
from backtest.errors import DataError, UsageError
from backtest.sources.own_prices import read_price_file
from tests.commands import BAD_DATA, WRONG_USE, words

DAYS = ["2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05"]
ROWS = [
    [10, 12, 9, 11.5, 100],
    [11, 13, 10, 12, 200],
    [12, 14, 11, 13.25, 300],
    [13, 15, 12, 14, 400],
]
HEADER = "Date,Open,High,Low,Close,Volume\n"
MIDNIGHTS = [1748822400, 1748908800, 1748995200, 1749081600]  # of the days, UTC


def lines(days=DAYS, separator=",", row=lambda cells: cells):
    return "\n".join(
        separator.join([day, *map(str, row(cells))]) for day, cells in zip(days, ROWS, strict=True)
    )


def written(form):
    return [pd.Timestamp(day).strftime(form) for day in DAYS]


def german(cells):
    return [f"{cell:.2f}".replace(".", ",") for cell in cells[:4]] + [cells[4]]


def doubled(cells):
    return [both for cell in cells for both in (cell, 2 * cell)]


TWO = "BOLT,COIL,BOLT,COIL,BOLT,COIL,BOLT,COIL,BOLT,COIL"
PAIRS = "Open,Open,High,High,Low,Low,Close,Close,Volume,Volume"
UNKNOWN_VOLUME = [[*row[:4], 0] for row in ROWS]


@pytest.fixture
def read(tmp_path):
    def read(text, name="BOLT.csv", encoding="utf-8", **reading):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return read_price_file(path, **{"columns": {}, **reading})

    return read


def bars(file, symbol="BOLT"):
    table = file.tables[symbol]
    days = np.datetime_as_string(table.index.to_numpy(), unit="D").tolist()
    return days, table.to_numpy().tolist()


@pytest.mark.parametrize(
    "text",
    [
        HEADER + lines(map(str, MIDNIGHTS)),
        HEADER + lines(f"{at + 13 * 3600 + 1800}" for at in MIDNIGHTS),  # the opens, as charts do
        HEADER + lines(f"{at}000" for at in MIDNIGHTS),
        HEADER + lines(f"{at + 4 * 3600}000000000" for at in MIDNIGHTS),  # midnights in New York
        HEADER + lines(["45810", "45811", "45812", "45813"]),  # days as Excel counts them
        "sep=;\n" + HEADER.replace(",", ";") + lines(written("%d.%m.%Y"), ";", german),
        "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen\n" + lines(written("%d.%m.%Y"), ";", german),
        "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen\n"
        + lines(written("%d.%m.%Y"), ";", lambda row: [*german(row), "1.234"]),
        '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"\n' + "\n".join(
            f'"{day}","{row[3]:.2f}","{row[0]:.2f}","{row[1]:.2f}","{row[2]:.2f}",'
            f'"{row[4] / 1000:.2f}K","0,50%"'.replace(".", ",").replace(day.replace(".", ","), day)
            for day, row in zip(written("%d.%m.%Y"), ROWS, strict=True)),
        HEADER.replace("Date", "") + lines(),
        ",date,open,high,low,close,volume,Name\n"
        + "\n".join(f"{n},{line},BOLT" for n, line in enumerate(lines().split("\n"))),
        '"","BOLT.Open","BOLT.High","BOLT.Low","BOLT.Close","BOLT.Volume","BOLT.Adjusted"\n'
        + lines(row=lambda row: [*row, 1.5]),
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        + "\n".join(f"BOLT.US,D,{line},0" for line in
                    lines(f"{day},000000" for day in written("%Y%m%d")).split("\n")),
        lines(f"{day},00:00" for day in written("%Y.%m.%d")),
        "\n".join(f"BOLT,{line}" for line in lines().split("\n")),
        HEADER.replace("Date", "Date,Time") + lines(f"{day},16:00:00" for day in written("%Y%m%d")),
        HEADER.replace("Date,", "Date, ") + lines(written("%m/%d/%y"), ", "),
        HEADER + lines(f"{day} 16:00:00" for day in written("%m/%d/%Y")),
        HEADER + lines(written("%d/%m/%Y")),
        HEADER + lines(written("%a, %b %d, %Y")).replace("Mon, Jun 02, 2025", '"Mon, Jun 02, 2025"')
        .replace("Tue, Jun 03, 2025", '"Tue, Jun 03, 2025"')
        .replace("Wed, Jun 04, 2025", '"Wed, Jun 04, 2025"')
        .replace("Thu, Jun 05, 2025", '"Thu, Jun 05, 2025"'),
        "Symbol: BOLT\nCurrency: USD\n\n" + HEADER + lines() + "\n\nSource: nowhere, of nobody\n",
        HEADER + lines() + "\n" + HEADER,
        HEADER.replace(",", "\t").replace("Close", "Close*\tAdj Close**")
        + lines(written("%b %d, %Y"), "\t", lambda row: [*row[:4], 1.5, row[4]])
        + "\nJun 04, 2025\t0.25 Dividend\nJun 03, 2025\t4:1 Stock Splits\n",
        HEADER + lines((f"{day}  16:00:00 US/Eastern" for day in written("%Y%m%d")),
                       row=lambda row: [*(f"USD {cell}" for cell in row[:4]), row[4]]),
        HEADER + lines().replace("\n", ",\n") + ",\n",
        HEADER + lines() + "\n2025-06-07,null,null,null,null,null\n",  # a Saturday
        HEADER + lines() + "\n2025-06-06,null,null,null,null,null\n",  # not there yet
        HEADER + lines() + "\n" + lines().split("\n")[-1],
        "Exchange Date,Price Close,Price Open,Price High,Price Low,Trade Volume\n"
        + lines(row=lambda row: [row[3], *row[:3], row[4]]),
        "Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME\n" + lines(),
    ],
)  # fmt: skip
def test_every_layout_is_read_to_the_same_bars(read, text):
    file = read(text)
    assert list(file.tables) == ["BOLT"]
    assert bars(file) == (DAYS, ROWS)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_encodings_that_tell_themselves_are_read(read, encoding):
    assert bars(read(HEADER + lines(), encoding=encoding)) == (DAYS, ROWS)


def test_another_encoding_is_said_to_be_a_guess_or_is_named(read):
    text = "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen\n" + lines(written("%d.%m.%Y"), ";", german)
    file = read(text, encoding="cp1252")
    assert bars(file) == (DAYS, ROWS)
    assert "It is not UTF-8 and is read as cp1252; --encoding says another." in file.notes
    path = file.path
    path.write_bytes(text.encode("cp437"))
    assert bars(read_price_file(path, {}, encoding="cp437")) == (DAYS, ROWS)
    with pytest.raises(UsageError, match="--encoding 'klingon' is unknown"):
        read_price_file(path, {}, encoding="klingon")


@pytest.mark.parametrize("cell", ["-", "", "N/A", "null", "NaN"])
def test_a_volume_that_is_not_known_counts_as_none_and_is_said(read, cell):
    file = read(HEADER + lines(row=lambda row: [*row[:4], cell]))
    assert bars(file) == (DAYS, UNKNOWN_VOLUME)
    assert "Volumes that are not known count as 0: 4." in file.notes


def test_a_file_without_volumes_is_asked_about(read):
    text = HEADER.replace(",Volume", "") + lines(row=lambda row: row[:4])
    with pytest.raises(UsageError, match=r"Where there is none, --set volume=0"):
        read(text)
    assert bars(read(text, constants={"volume": "0"})) == (DAYS, UNKNOWN_VOLUME)
    with pytest.raises(UsageError, match="the volume alone can be set"):
        read(text, constants={"close": "1"})


# What a file says of its symbol


@pytest.mark.parametrize(
    "text",
    [
        f"Price,{PAIRS}\nTicker,{TWO}\nDate,,,,,,,,,,\n" + lines(row=doubled),
        f",{PAIRS}\n,{TWO}\nDate,,,,,,,,,,\n" + lines(row=doubled),
        f"Ticker,{TWO}\nPrice,{PAIRS}\nDate,,,,,,,,,,\n" + lines(row=doubled),
        "Date," + ",".join(f"{a}_{b}" for a, b in
                           zip(PAIRS.split(","), TWO.split(","), strict=True))
        + "\n" + lines(row=doubled),
    ],
)  # fmt: skip
def test_each_ticker_of_a_wide_table_has_its_own_bars(read, text):
    both = read(text, "prices.csv")
    assert bars(both) == (DAYS, ROWS)
    assert bars(both, "COIL") == (DAYS, [[2 * cell for cell in row] for row in ROWS])
    assert list(read(text, symbols=["COIL"]).tables) == ["COIL"]
    with pytest.raises(UsageError, match="says that its prices are of BOLT, COIL"):
        read(text, symbols=["ACME"])


@pytest.mark.parametrize(
    "text",
    [
        "Price,Open,High,Low,Close,Volume\nTicker,BOLT,BOLT,BOLT,BOLT,BOLT\nDate,,,,,\n" + lines(),
        "Name," + HEADER + "\n".join(f"BOLT,{line}" for line in lines().split("\n")),
        "Symbol: BOLT\n" + HEADER + lines(),
        "The symbol for Bolt\nTICKER,BOLT\n" + HEADER + lines(),
        "Date,BOLT.Open,BOLT.High,BOLT.Low,BOLT.Close,BOLT.Volume\n" + lines(),
    ],
)
def test_a_file_of_one_ticker_is_not_taken_for_another(read, text):
    assert list(read(text, "prices.csv").tables) == ["BOLT"]
    with pytest.raises(UsageError, match=r"prices are of BOLT\. If both .*--symbol ACME='BOLT'"):
        read(text, "ACME.csv", symbols=["ACME"])
    assert bars(read(text, symbols=["ACME=BOLT"]), "ACME") == (DAYS, ROWS)


def test_the_name_of_a_company_is_no_symbol(read):
    text = "Name," + HEADER + "\n".join(f"Bolt Inc.,{line}" for line in lines().split("\n"))
    file = read(text, "prices.csv", symbols=["BOLT"])
    assert "Column Name says 'Bolt Inc.', which is no symbol." in file.notes
    with pytest.raises(UsageError, match="Say it with --symbol"):
        read(text, "my prices.csv")


def test_closes_side_by_side_are_read_where_it_is_said(read):
    text = "Date,BOLT,COIL\n" + lines(row=lambda row: row[3:1:-1])
    with pytest.raises(UsageError, match=r"BOLT, COIL symbols\? --closes takes the closes of each"):
        read(text)
    file = read(text, closes=True)
    assert bars(file)[1] == [[11.5], [12], [13.25], [14]]
    assert bars(file, "COIL")[1] == [[9], [10], [11], [12]]


def test_a_strange_symbol_does_not_hold_up_the_others(command, checkout):
    text = "symbol," + HEADER + "\n".join(
        f"{symbol},{line}" for symbol in ("^GSPC", "BRK/B", "nasdaq:bolt", "BOLT")
        for line in lines().split("\n")
    )  # fmt: skip
    (checkout.root / "all.csv").write_text(text.replace("nasdaq:bolt", "coil.us"))
    told = command("prices", "import", "all.csv", "--source", "x", "--yes")
    assert told.code == WRONG_USE
    assert "2 of 4 symbols could not be taken in" in told.err
    assert "--symbol NEW='BRK/B' takes it under a name" in words(told.err)
    folder = checkout.root / "data/prices"
    for symbol in ("BOLT", "COIL"):
        assert read_prices(folder, symbol).table["close"].tolist() == [11.5, 12, 13.25, 14]
    arguments = ("--symbol", "BRK-B=BRK/B", "--source", "x", "--yes")
    assert command("prices", "import", "all.csv", *arguments).code == 0
    assert read_prices(folder, "BRK-B").table["open"].tolist() == [10, 11, 12, 13]


# Parquet


@pytest.mark.parametrize("form", ["unnamed", "two levels", "texts of two levels", "polars"])
def test_parquet_of_libraries_is_read(tmp_path, form):
    names = ["Open", "High", "Low", "Close", "Volume"]
    table = pd.DataFrame(ROWS, columns=names, index=pd.DatetimeIndex(DAYS))
    path = tmp_path / "BOLT.parquet"
    if form == "unnamed":
        table.to_parquet(path)
    elif form == "polars":
        columns = {name: pa.array(table[name].to_numpy(dtype=float)) for name in names}
        days = pa.array(table.index.date)
        own = {"ticker": pa.array(["BOLT"] * 4, pa.string_view()), "date": days}
        parquet.write_table(pa.table({**own, **columns}), path)
    else:
        wide = pd.concat({"BOLT": table}, axis=1).rename_axis("Date")
        if form == "texts of two levels":
            wide.columns = [str(name) for name in wide.columns]
        wide.to_parquet(path)
    file = read_price_file(path, {})
    assert list(file.tables) == ["BOLT"]
    assert bars(file) == (DAYS, ROWS)


# What is asked about, and what is wrong


@pytest.mark.parametrize(
    "row", [lambda row: [f"{cell:.3f}" for cell in row[:4]] + row[4:], lambda row: [
        f"{cell * 1000:,.0f}".replace(",", ".") for cell in row[:4]] + row[4:]],
)  # fmt: skip
def test_three_digits_behind_a_point_are_asked_about_in_a_german_file(read, row):
    text = HEADER.replace(",", ";") + lines(written("%d.%m.%Y"), ";", row)
    with pytest.raises(UsageError, match="can be read in two ways"):
        read(text)
    exact, thousands = (read(text, decimal=sign) for sign in ".,")
    assert bars(thousands)[1] == [[1000 * c for c in r[:4]] + r[4:] for r in bars(exact)[1]]


@pytest.mark.parametrize("header", [HEADER.replace("Close", "Schluss"), HEADER])
def test_a_german_file_is_known_by_its_words_and_its_days(read, header):
    days = DAYS if header != HEADER else written("%d/%m/%Y")
    text = header.replace(",", "\t") + lines(days, "\t", lambda row: ["1.234"] * 4 + row[4:])
    with pytest.raises(UsageError, match=r"'1\.234' can be read in two ways"):
        read(text)


def test_three_digits_behind_a_point_are_digits_in_an_american_file(read):
    text = HEADER + lines(row=lambda row: [f"{cell:.3f}" for cell in row[:4]] + row[4:])
    assert bars(read(text)) == (DAYS, ROWS)


def test_signs_that_contradict_each_other_are_asked_about(read):
    with pytest.raises(UsageError, match=r"'12,5' and '11\.25' can be read in two ways"):
        read("date;close\n2025-06-02;12,5\n2025-06-03;11.25\n")


def test_a_number_that_does_not_fit_the_others_is_none(read):
    with pytest.raises(DataError, match=r"line 3, column close: '350\.21' is no number"):
        read("date;close\n2025-06-02;1.234,5\n2025-06-03;350.21\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Close,Close,Date\n1,2,2025-06-02\n", "two columns are called 'Close'"),
        (HEADER + lines().replace("11,13", "11;13"), "is no number"),
    ],
)
def test_what_is_damaged_is_told(read, text, told):
    with pytest.raises(DataError) as caught:
        read(text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (lines(row=lambda row: [row[3], *row[:3], row[4]]), "has no header"),
        (lines(row=lambda row: [row[3]] * 4 + [row[4]]), "has no header"),  # any order would fit
        (HEADER + lines(written("%d.%m.%Y")).replace("2025", "25.9"), "cannot be read as a day"),
    ],
)
def test_what_does_not_tell_itself_is_asked_about(read, text, told):
    with pytest.raises(UsageError) as caught:
        read(text)
    assert told in str(caught.value)


def test_columns_without_names_are_named_by_their_numbers(read):
    text = lines(row=lambda row: [row[3], *row[:3], row[4]])
    named = {"date": "1", "close": "2", "open": "3", "high": "4", "low": "5", "volume": "6"}
    assert bars(read(text, columns=named)) == (DAYS, ROWS)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("BOLT.xlsx", b"PK\x03\x04", "a workbook of Excel"),
        ("BOLT.json", b'[{"date": "2025-06-02", "open": 10}]', "JSON"),
        ("BOLT.json", b'{\n  "Meta Data": {', "JSON"),
    ],
)
def test_what_is_no_table_is_refused_with_the_way_out(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=rf"{told}.* save its table as CSV"):
        read_price_file(tmp_path / name, {})


# One stone does not stop the cart


def test_what_is_wrong_is_left_out_and_what_is_right_comes_in(command, checkout):
    bad = HEADER + lines()
    bad = bad.replace("11,13,10,12,200", "null,null,null,null,null").replace(
        "12,14,11", "12,cheap,11"
    )
    bad += (
        "\n2025-06-06,14,16,15.5,15,500\n2025-06-09,15,17,14,16,600\n2025-06-10,16,18,15,17,700\n"
    )
    bad += "2025-06-11,17,19,16,18,800\n2025-06-12,18,20,17,19,900\n"
    (checkout.root / "BOLT.csv").write_text(bad)
    arguments = ("prices", "import", "BOLT.csv", "--source", "x", "--yes")
    told = command(*arguments)
    assert told.code == BAD_DATA
    assert "line 3: 2025-06-03 has no prices" in told.err
    assert "line 4, column High: 'cheap' is no number" in told.err
    assert "comes in with --skip-bad" in words(told.err)
    assert not (checkout.root / "data/prices/BOLT.csv").exists()
    told = command(*arguments, "--skip-bad")
    assert told.code == 0
    assert "2025-06-03 (line 3), 2025-06-04 (line 4), 2025-06-06 (line 6)" in words(told.out)
    prices = read_prices(checkout.root / "data/prices", "BOLT", bars=True)
    assert prices.table["open"].tolist() == [10, 13, 15, 16, 17, 18]
    assert prices.file.metadata["holes"] == ["2025-06-03", "2025-06-04", "2025-06-06"]


def test_prices_of_long_ago_are_read_and_older_ones_told(read, command, checkout):
    (checkout.root / "BOLT.csv").write_text("date,close\n1962-01-02,1\n1962-01-03,2\n")
    arguments = ("prices", "import", "BOLT.csv", "--source", "x", "--yes")
    assert command(*arguments).code == 0
    assert read_prices(checkout.root / "data/prices", "BOLT").table["close"].tolist() == [1, 2]
    (checkout.root / "COIL.csv").write_text("date,close\n1925-12-31,1\n1926-01-04,2\n")
    told = command("prices", "import", "COIL.csv", "--source", "x", "--yes")
    assert told.code == BAD_DATA
    assert "1925-12-31 lies before 1926-01-04, with which the calendar of XNYS" in words(told.err)
