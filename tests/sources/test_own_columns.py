"""Whose prices a table holds, which columns are which, and how bars are stamped, by its cells."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.errors import DataError, UsageError
from backtest.sources.own_columns import (
    _only,
    _texts,
    are_blank,
    by_symbol,
    by_ticker,
    fields_of,
    named_columns,
    without_header,
)
from backtest.sources.own_tables import TICKER, RawTable
from backtest.sources.own_times import Stamps, check_length, opens_of, stamp_of

NAMED = {"date": "date | day", "close": "close c"}
NAMES = {"date": "date", "open": "open", "high": "high", "low": "low", "close": "close"}


def raw(names, *rows, path="BOLT.csv", before=""):
    cells = pd.DataFrame(list(rows), columns=list(names))
    lines = np.arange(2, 2 + len(rows))
    return RawTable(Path(path), cells, lines, "line", before=before)


# Columns of tickers


def test_of_two_tickers_of_which_one_ends_as_the_other_each_has_its_own():
    table = raw(["Date", "Close.BRK.A", "Close.A"], ["2025-06-02", "7", "8"])
    found = by_ticker(table, closes=False).cells
    assert dict(zip(found[TICKER], found["Close"], strict=True)) == {"BRK.A": "7", "A": "8"}


@pytest.mark.parametrize(
    "names",
    [
        ["Date", "Close", "BOLT.Close"],
        ["Date", "BOLT.Open"],
        *(["Date", f"{word}.Close"] for word in ("ADJ", "ADJUSTED", "PREV", "PREVIOUS", "RAW")),
    ],
)
def test_a_table_with_a_close_of_its_own_or_no_ticker_s_stays(names):
    table = raw(names, ["2025-06-02", "7", "8"][: len(names)])
    assert by_ticker(table, closes=True) is table


@pytest.mark.parametrize(
    ("names", "is_wide"),
    [
        (["Date", "BOLT", "COIL"], True),
        (["", "BOLT", "COIL"], True),
        (["Date", "BOLT", "C"], True),  # beside another one is a stock as well
        (["Date", "C", "V"], False),  # a close and a volume
        (["Date", "DAY", "LOW"], True),
        (["Date", "BOLT"], False),  # one alone may be anything
        (["Date", "CLOSE", "V"], False),
        (["Date", "BOLT", "Remarks"], False),
    ],
)
def test_closes_side_by_side_are_two_symbols_at_least_and_nothing_else(names, is_wide):
    table = raw(names, ["2025-06-02", "7", "8"][: len(names)])
    assert by_ticker(table, closes=False) is table
    found = by_ticker(table, closes=True)
    assert (found is not table) is is_wide
    if is_wide:
        assert found.cells["Close"].tolist() == ["7", "8"]
        assert found.cells[TICKER].tolist() == names[1:]
        with pytest.raises(UsageError, match=f"Or are {names[1]}, {names[2]} symbols"):
            named_columns(table, {}, NAMED)
        assert named_columns(table, {"close": names[1]}, {"date": "date"})["close"] == names[1]


@pytest.mark.parametrize(
    ("names", "symbols", "is_wide"),
    [
        ("C V", ["ZZZ"], False),
        ("C V", ["V"], False),
        ("C V", ["C", "V"], True),
        ("C V VWAP", ["ZZZ"], False),
        ("OPEN LOW", ["ZZZ"], False),
        ("OPEN LOW", ["OPEN"], True),
        ("OPEN LOW", ["ZZZ=LOW"], True),
        ("AAPL C", ["ZZZ"], True),
        ("AAPL C MSFT V", [], True),
        ("AAPL C MSFT V", ["AAPL"], True),
    ],
)
def test_columns_of_fields_are_of_the_one_symbol_that_is_wanted(names, symbols, is_wide):
    names = ["Date", *names.split()]
    table = raw(names, ["2025-06-02", *"7890"][: len(names)])
    assert (by_ticker(table, symbols, closes=True) is not table) is is_wide
    known = {"date": "date", "close": "close c", "volume": "v", "open": "open"}
    if is_wide or "C" not in names:
        with pytest.raises(UsageError) as caught:
            named_columns(table, {}, known, symbols)
        assert ("symbols?" in str(caught.value)) is is_wide
    else:
        found = named_columns(table, {}, known, symbols)
        assert (found["close"], found["volume"]) == ("C", "V")


@pytest.mark.parametrize("closes", [True, False])
def test_names_with_a_field_in_capitals_are_no_tickers_alone(closes):
    table = raw(["Date", "BOLT.CLOSE", "COIL.CLOSE"], ["2025-06-02", "7", "8"])
    assert by_ticker(table, closes=closes).cells[TICKER].tolist() == ["BOLT", "COIL"]


def test_letters_of_bars_are_bars_and_not_tickers():
    bars = raw(["Date", *"OHLCV", "VWAP"], ["2025-06-02", *"123456"])
    assert by_ticker(bars, closes=True) is bars
    stocks = raw(["Date", *"OHLC", "BOLT", "COIL", "IRON", "NUTS"], ["2025-06-02", *"12345678"])
    assert by_ticker(stocks, closes=True).cells["Close"].tolist() == [*"12345678"]


# Columns without names


def nameless(bad=(), count=100, rows=("2025-06-02", "10", "12", "9", "11", "12345678")):
    table = [list(rows) for _ in range(count)]
    for n, (column, text) in enumerate(bad):
        table[n][column] = text
    return raw(range(1, len(rows) + 1), *table)


@pytest.mark.parametrize(
    ("column", "text"), [(1, "x"), (4, "x"), (1, "13"), (4, "13"), (1, "8"), (4, "8")]
)
def test_99_rows_of_100_have_to_fit_where_no_column_has_a_name(column, text):
    notes = []
    found = without_header(nameless([(column, text)]), notes)
    assert list(found.cells) == ["Date", "open", "high", "low", "close", "volume"]
    assert notes == ["It has no header: the columns are taken by what they hold."]
    with pytest.raises(UsageError, match="has no header"):
        without_header(nameless([(column, text)] * 2), [])


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (("2025-06-02", "10", "12", "9", "11"), "Date open high low close"),
        (("2025-06-02", "09:30", "10", "12", "9", "11"), "Date Time open high low close"),
        (("BOLT", "2025-06-02", "10", "12", "9", "11"), "Symbol Date open high low close"),
        (("BOLT", "x", "2025-06-02", "10", "12", "9", "11"), None),  # which of two is it?
        (("2025-06-02", "10", "12", "9"), None),
        (("10", "12", "9", "11", "5"), None),  # no day
        (("2025-06-02", "10", "10", "10", "10"), None),  # any order would fit
    ],
)
def test_what_columns_hold_names_them_where_it_is_certain(row, names):
    if names:
        assert list(without_header(nameless(rows=row), []).cells) == names.split()
    else:
        with pytest.raises(UsageError, match="has no header"):
            without_header(nameless(rows=row), [])


def test_columns_without_a_day_s_name_are_known_by_having_none():
    table = raw(["", "Unnamed: 0", "close"], ["2025-06-02", "1", "7"])
    assert named_columns(table, {}, NAMES) == {"date": "", "close": "close"}
    with pytest.raises(UsageError) as caught:
        named_columns(raw(["x", "BOLT", "COIL"]), {}, NAMES)
    assert "--closes" not in str(caught.value)  # it is the date that is missing
    for names, told in ((["date", "BOLT"], False), (["date", "BOLT", "COIL"], True)):
        with pytest.raises(UsageError, match="looks like the close") as caught:
            named_columns(raw(names), {}, NAMES)
        assert ("--closes takes the closes of each" in str(caught.value)) is told


BARS = ("open", "high", "low", "close", "volume")


@pytest.mark.parametrize(
    ("columns", "constants", "fields"),
    [
        ("date close", {}, ("close",)),
        ("date close volume", {}, ("close",)),
        ("date open high low close volume", {}, BARS),
        ("date open high low close", {"volume": "0"}, BARS),
        ("date open high low close", {"volume": "1.5"}, BARS),
    ],
)
def test_bars_need_all_their_columns_and_closes_one(columns, constants, fields):
    found = {name: name for name in columns.split()}
    assert fields_of(found, constants, closes=False) == fields
    assert fields_of(found, constants, closes=True) == ("close",)
    assert fields_of({**found, "close": "Adj Close"}, constants, closes=False) == ("close",)


@pytest.mark.parametrize(
    ("columns", "constants", "told"),
    [
        ("date low close volume", {}, "looks like the open"),
        ("date high low close volume", {}, "looks like the open"),
        ("date open high low close", {}, r"looks like the volume.*--set volume=0\."),
        ("date open high low close", {"volume": "some"}, "the volume alone can be set"),
        ("date open high low close volume", {"close": "1"}, "the volume alone can be set"),
    ],
)
def test_bars_that_lack_a_column_are_asked_about(columns, constants, told):
    with pytest.raises(UsageError, match=told) as caught:
        fields_of({name: name for name in columns.split()}, constants, closes=False)
    assert ("--set volume=0" in str(caught.value)) is ("--set" in told)


# Whose they are


def symbols_of(texts, symbols=()):
    table = raw(["symbol"], *([text] for text in texts))
    every = np.ones(len(texts), dtype=bool)
    found = by_symbol(table, {"symbol": "symbol"}, symbols, every, [])
    return {one: rows if isinstance(rows, Exception) else rows.tolist()
            for one, rows in found.items()}  # fmt: skip


def test_the_rows_of_a_symbol_are_all_that_are_written_as_it_may_be():
    assert symbols_of(["BOLT", "coil.us", "bolt.us", "NASDAQ:BOLT"]) == {
        "BOLT": [0, 2, 3],
        "COIL": [1],
    }
    assert symbols_of(["BOLT", "coil.us"], ["NEW=COIL"]) == {"NEW": [1]}
    assert symbols_of(["BRK/B", "BOLT"], ["BRK-B=BRK/B"]) == {"BRK-B": [0]}


def test_a_text_that_is_no_symbol_does_not_hide_those_behind_it():
    found = symbols_of(["A/B", "BOLT", "^X"])
    assert list(found) == ["A/B", "BOLT", "^X"]
    assert found["BOLT"] == [1]
    assert isinstance(found["A/B"], UsageError)


@pytest.mark.parametrize("text", [None, np.nan, "", " "])
def test_a_row_without_a_symbol_is_refused_where_it_stands(text):
    found = symbols_of(["BOLT", text, "COIL"])
    assert (found["BOLT"], found["COIL"]) == ([0], [2])
    assert str(found["no symbol"]).startswith("BOLT.csv, line 3, column symbol: empty.")


def test_of_the_symbols_that_are_there_ten_are_named():
    texts = [f"B{n:02}" for n in range(11)]
    with pytest.raises(UsageError, match=r"prices are of B00, .*, B09 and 1 more\.$"):
        symbols_of(texts, ["ACME"])
    with pytest.raises(UsageError, match=r"If both are the same stock: --symbol ACME='BOLT'"):
        symbols_of(["BOLT"], ["ACME"])


def test_a_column_that_may_hold_symbols_does_where_one_cell_is_one():
    for column, texts, taken in (
        ("name", ["BOLT", "Bolt Inc."], True),
        ("name", ["Bolt Inc.", "Coil Inc."], False),
        ("symbol", ["Bolt Inc.", "Coil Inc."], True),  # it says that it does
    ):
        names, notes = {"symbol": column}, []
        found = _texts(raw([column], *([text] for text in texts)), names, notes)
        assert (found is not None) is taken
        assert ("symbol" in names) is taken
        assert notes == ["Column name says 'Bolt Inc.', which is no symbol."] * (not taken)
    with pytest.raises(DataError, match="column symbol: not texts"):
        _texts(raw(["symbol"], [7]), {"symbol": "symbol"}, [])
    assert _texts(raw(["name"], [7]), {"symbol": "name"}, []).tolist() == ["7"]


def test_what_stands_before_the_header_may_say_it_of_all_rows():
    found = _texts(raw(["close"], ["1"], ["2"], before="Ticker;BOLT"), {}, [])
    assert found.tolist() == ["BOLT", "BOLT"]
    assert _texts(raw(["close"], ["1"]), {}, []) is None


@pytest.mark.parametrize(
    ("path", "wanted", "symbol"),
    [
        ("BOLT.csv", [], "BOLT"), ("B2.csv", [], "B2"), ("bolt.us.csv", [], "BOLT"),
        ("BOLT.US.csv", [], "BOLT"), ("x y.csv", ["BOLT"], "BOLT"), ("BOLT.csv", ["COIL"], "COIL"),
        ("bolt.csv", [], None), ("2025-06-02.csv", [], None), ("2B.csv", [], None),
        ("BOLT.csv", ["BOLT", "COIL"], None), ("x.csv", ["2B"], "2B"),
    ],
)  # fmt: skip
def test_the_symbol_of_a_file_that_says_nothing_of_it(path, wanted, symbol):
    if symbol:
        assert _only(raw(["close"], path=path), wanted) == symbol
    else:
        with pytest.raises(UsageError):
            _only(raw(["close"], path=path), wanted)


def test_cells_that_hold_nothing():
    cells = pd.Series(["-", "N/A", None, "5", "", "NULL", "0", "#N/A N/A"])
    assert are_blank(cells).tolist() == [True, True, True, False, True, True, False, True]
    assert are_blank(pd.Series([1.0, np.nan])).tolist() == [False, True]


# Bars


def at(*texts, day="2025-06-03"):
    """Times of a summer day in New York, UTC."""
    local = pd.DatetimeIndex([f"{day} {text}" for text in texts]).tz_localize("America/New_York")
    return local.tz_convert("UTC").tz_localize(None).to_numpy().astype("M8[us]")


NOT_A_TIME = np.array(["NaT"], dtype="M8[us]")


@pytest.mark.parametrize(
    ("times", "stamped"),
    [
        (["09:30", "15:55"], "open"), (["09:35", "16:00"], "end"), (["09:30", "16:00"], None),
        (["09:35", "15:55"], None),
        (["04:00", "09:30", "16:00", "19:55"], "open"),  # with hours before and after
        (["04:05", "09:30", "16:00", "20:00"], "end"), (["04:00", "20:00"], None),
        (["04:01", "19:59"], None), (["04:00", "15:55"], "open"), (["09:30", "20:00"], "end"),
    ],
)  # fmt: skip
def test_bars_are_stamped_as_the_first_and_the_last_stamps_of_a_day_tell(times, stamped):
    there = np.concatenate([at(*times), NOT_A_TIME])
    if stamped:
        assert stamp_of(there, None) == stamped
    else:
        with pytest.raises(UsageError, match="cannot be told"):
            stamp_of(there, None)
    assert stamp_of(there, "end") == "end"


def test_bars_that_end_open_after_the_one_before_and_within_their_session():
    five = np.timedelta64(5, "m")
    assert (opens_of(at("09:32", "09:37", "09:37", "09:40"), five) ==
            at("09:30", "09:32", "09:32", "09:37")).all()  # fmt: skip
    assert (opens_of(at("04:05", "09:32"), five) == at("04:00", "09:27")).all()


def steps(count, minutes):
    first = at("09:30")[0]
    return first + np.arange(count + 1) * np.timedelta64(minutes, "m")


@pytest.mark.parametrize(
    ("opens", "bars", "told"),
    [
        (steps(19, 1), "5m", None),  # too few to tell
        (steps(20, 1), "5m", "bars open 1 min apart, .*Give --bars 1m"),
        (steps(20, 5), "5m", None),
        (steps(20, 5), "1m", "bars open 5 min apart, .*Give --bars 5m"),
        (steps(20, 10), "5m", "bars open 10 min apart, .*Bars can be of 1m, 5m"),
        (np.repeat(steps(20, 5), 3), "5m", None),  # of several lines of one bar
        (np.delete(steps(30, 5), [3, 4, 9]), "5m", None),  # where nothing was traded
    ],
)
def test_twenty_bars_tell_how_long_they_are(opens, bars, told):
    if told is None:
        check_length("BOLT", opens, bars)
    else:
        with pytest.raises(UsageError, match=told):
            check_length("BOLT", opens, bars)


def test_a_step_to_the_next_session_tells_nothing_of_the_length():
    days = [at(*[f"09:{30 + n}" for n in range(11)], day=f"2025-06-0{day}") for day in (3, 4)]
    with pytest.raises(UsageError, match="bars open 1 min apart"):
        check_length("BOLT", np.concatenate(days), "5m")


def test_bars_of_another_length_or_stamp_are_unknown():
    with pytest.raises(UsageError, match="Bars of '7m' are unknown"):
        Stamps("7m")
    with pytest.raises(UsageError, match="--stamped 'middle' is unknown"):
        Stamps("5m", stamped="middle")
    assert Stamps("5m", stamped="end").length == np.timedelta64(5, "m")
