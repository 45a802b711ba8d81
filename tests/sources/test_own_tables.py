"""Anyone's table as cells: where its header is, what is a row, and which column is which."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from backtest.errors import BacktestError, DataError, UsageError
from backtest.sources.own_tables import (
    TICKER,
    RawTable,
    _decoded,
    _distinct_names,
    _head,
    _is_level,
    _label,
    _layout,
    as_symbol,
    columns_of,
    fields_by_name,
    plain,
    read_named_table,
    read_table,
)

WORDS = {"date": "date", "close": "close last", "open": "open"}
FIELDS = fields_by_name(WORDS)


def known(name):
    return FIELDS.get(plain(name))


@pytest.fixture
def read(tmp_path):
    def read(text, **terms):
        path = tmp_path / "it.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path, known, **terms)

    return read


# Where the header is


@pytest.mark.parametrize(("before", "is_found"), [(59, True), (60, False)])
def test_the_header_is_looked_for_among_the_first_sixty_lines(read, before, is_found):
    text = "about,it\n" * before + "date,close\n2025-06-02,7\n"
    table = read(text)
    assert (list(table.cells) == ["date", "close"]) is is_found
    if is_found:
        assert table.lines.tolist() == [61]
        assert table.before == "\n".join(["about,it"] * before)


def test_the_first_of_two_lines_that_could_be_the_header_is():
    """As a table that repeats it."""
    assert _layout(["date,close", "1,2", "date,close"], known, ",;") == (",", 0)
    assert _layout(["date,close", "date;close;open"], known, ",;") == (";", 1)


@pytest.mark.parametrize(
    ("lines", "separator", "header"),
    [
        (["1;2;x"], ";", None),  # two cells of three are numbers
        (["1;x"], ";", 0),  # half of them
        (["1;x;y"], ";", 0),
        (["7"], ",", 0),  # one cell is no row
        (["about", "x;y,z;a"], ";", 1),  # by the commonest sign of the first line that has one
        (["x,y"], ",", 0),
        (["1;;2"], ";", None),  # of the cells that are filled
    ],
)
def test_where_no_column_is_known_a_line_of_numbers_is_a_row(lines, separator, header):
    assert _layout(lines, known, ",;\t|") == (separator, header)


def test_columns_of_a_table_without_a_header_have_numbers(read):
    table = read("1,2,x\n3,4,y\n")
    assert list(table.cells) == ["1", "2", "3"]
    assert table.cells.to_numpy().tolist() == [["1", "2", "x"], ["3", "4", "y"]]
    assert (table.has_header, table.lines.tolist(), table.before) == (False, [1, 2], "")


@pytest.mark.parametrize(
    ("cells", "names", "is_level"),
    [
        ("Ticker,BOLT", "Date,Close", True), ("symbols,BOLT", "Date,Close", True),
        (",BOLT", "Date,Close", True), (",7.5", "Date,Close", False), ("x,BOLT", "a,b", False),
        (",BOLT,7", "a,b,c", False), (",BOLT,", "a,b,c", False), ("Ticker,BOLT,", "a,b,c", False),
        ("Ticker,,BOLT", "a,b,c", False),
        ("Ticker", "Date", False), (",BOLT", "a,b,c", False), (",-7,.5", "a,b,c", False),
    ],
)  # fmt: skip
def test_a_line_beside_the_header_has_the_symbols_where_it_has_one_a_column(cells, names, is_level):
    assert _is_level(cells.split(","), names.split(",")) is is_level


def test_the_lines_of_a_header_are_the_names_the_tickers_and_the_index():
    names, tickers, index, row = (
        ["Price", "Close"], ["Ticker", "BOLT"], ["Date", ""], ["2025-06-02", "7"],
    )  # fmt: skip
    expected = ["Date", "Close"], ["", "BOLT"]
    assert _head([names, tickers, index, row], 0, known) == (*expected, 3)
    assert _head([names, tickers, row], 0, known) == (*expected, 2)
    assert _head([tickers, names, index, row], 1, known) == (*expected, 3)
    assert _head([tickers, names, row], 1, known) == (*expected, 2)
    assert _head([names, tickers], 0, known) == (*expected, 2)
    assert _head([["", "Close"], index, row], 0, known) == (["Date", "Close"], None, 2)
    assert _head([["Date", "Close"], row], 0, known) == (["Date", "Close"], None, 1)
    assert _head([["Date", "Close"], ["Date", "x"]], 0, known) == (["Date", "Close"], None, 1)
    assert _head([["Date"], ["Date"]], 0, known) == (["Date"], None, 1)
    assert _head([["about"], ["Date", "Close"], row], 1, known) == (["Date", "Close"], None, 2)


@pytest.mark.parametrize("turned", [False, True])
def test_a_line_of_tickers_that_could_be_fields_is_no_header(tmp_path, turned):
    words = {"symbol": "ticker", "open": "open o", "high": "high h", "low": "low l",
             "close": "close c price", "volume": "volume v", "date": "date"}  # fmt: skip
    tickers, fields = ["Ticker", *"OCVLH"], ["Price", *["Close"] * 5]
    lines = [fields, tickers] if turned else [tickers, fields]
    text = "\n".join(map(",".join, [*lines, ["Date", *[""] * 5], ["2025-06-02", *"12345"]]))
    (tmp_path / "it.csv").write_text(text)
    found = read_named_table(tmp_path / "it.csv", {}, words, None).cells
    assert dict(zip(found[TICKER], found["Close"], strict=True)) == dict(
        zip("OCVLH", "12345", strict=True)
    )


# What is a row


def test_rows_keep_their_lines_and_empty_ones_are_none(read):
    table = read("\ndate, close\n\n2025-06-02, 7\n , \n2025-06-03, 8\n")
    assert table.cells.to_numpy().tolist() == [["2025-06-02", "7"], ["2025-06-03", "8"]]
    assert table.cells.index.tolist() == [0, 1]
    assert (table.lines.tolist(), table.at(1)) == ([4, 6], "line 6")


@pytest.mark.parametrize(
    ("row", "is_right"),
    [
        ("2025-06-03,8,,", True),  # no more than signs
        ("2025-06-03,8,9", False),
        ("2025-06-03,8,,9", False),
        ("Source,of,nobody", True),  # a line that begins with no digit is of the foot
        (",8,9", False),
    ],
)
def test_a_row_with_more_cells_than_the_header_has_names(read, row, is_right):
    text = f"date,close\n2025-06-02,7\n{row}\n"
    if is_right:
        assert read(text).cells["close"].iloc[0] == "7"
    else:
        count = row.count(",") + 1
        with pytest.raises(DataError, match=f"line 3 has {count} cells where the header has 2"):
            read(text)


def test_a_column_without_a_name_stays_where_it_holds_something(read):
    assert list(read(",date,,close\n1,2025-06-02,,7\n").cells) == ["", "date", "close"]


def test_two_columns_of_a_name_that_means_nothing_are_told_apart(read):
    assert list(read("date,x,close,x,x\n2025-06-02,1,7,2,3\n").cells) == [
        "date", "x", "close", "x (2)", "x (3)",
    ]  # fmt: skip
    assert _distinct_names(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]
    with pytest.raises(DataError, match="line 3: two columns are called 'close'"):
        read("about\n\ndate,close,close\n2025-06-02,7,8\n")


def test_a_cell_is_a_text_whatever_it_holds(read):
    assert read('date,close,x\n2025-06-02,007,"NA, it is"\n').cells.iloc[0].tolist() == [
        "2025-06-02", "007", "NA, it is",
    ]  # fmt: skip
    assert read("date,close\n2025-06-02,\n2025-06-03,8\n").cells["close"].tolist() == ["", "8"]


def test_a_table_without_a_row_is_shown_by_eighty_characters_of_its_header(read):
    name = "close" + "x" * 90
    with pytest.raises(DataError) as caught:
        read(f"date,open,{name}\n")
    assert str(caught.value).endswith(f"has no row below {f'date, open, {name}'[:80]!r}.")


def test_a_cell_may_be_longer_than_any_header(read):
    long = "x" * 140_000
    table = read(f'date,close,x\n2025-06-02,7,"{long}"\n')
    assert table.cells["x"].tolist() == [long]
    for text in ('call([{"a": "' + long + '", "b": 1}]', f"<html><p>{long}</p>a,b</html>"):
        with pytest.raises(DataError, match="has no row below"):
            read(text)


@pytest.mark.parametrize(("rows", "tickers"), [([True, False], ["B"]), ([True, True], ["B", "C"])])
def test_some_of_the_rows_are_a_table_again(rows, tickers):
    cells = pd.DataFrame({"x": ["1", "2"], "of": ["B", "C"]})
    table = RawTable(Path("it"), cells, np.array([4, 7]), "line").only(np.array(rows))
    assert table.cells["of"].tolist() == tickers
    assert table.cells.index.tolist() == list(range(len(tickers)))
    assert table.lines.tolist() == [4, 7][: len(tickers)]


@pytest.mark.parametrize("word", ["line", "row"])
def test_the_rows_of_tickers_side_by_side_stand_one_below_the_other(word):
    cells = pd.DataFrame([["d", "1", "2", "3"], ["e", "4", "5", "6"]], columns=[*"abcd"])
    table = RawTable(Path("it"), cells, np.array([4, 7]), word)
    found = table.stacked(["", "B", "C", "C"], ["Date", "Close", "Close", "Open"])
    assert found.lines.tolist() == [4, 7, 4, 7]
    assert found.cells.index.tolist() == [0, 1, 2, 3]
    assert found.cells["Close"].tolist() == ["1", "4", "2", "5"]
    assert found.cells[TICKER].tolist() == ["B", "B", "C", "C"]
    assert found.cells["Date"].tolist() == ["d", "e", "d", "e"]
    lacking = found.cells["Open"].iloc[:2]
    assert (lacking == "").all() if word == "line" else lacking.isna().all()


# Encodings


@pytest.mark.parametrize(
    ("content", "encoding", "text", "is_guess"),
    [
        (b"\xc3\xbc", None, "ü", False),
        (b"\xfc", None, "ü", True),
        (b"\xfc", "latin-1", "ü", False),
        ("aü".encode("utf-16-be"), None, "aü", False),
        ("aü".encode("utf-16-le"), None, "aü", False),
        ("aü".encode("utf-16"), None, "aü", False),
        (b"ab\0", None, "ab\0", False),  # a nought further behind tells nothing
    ],
)
def test_the_encoding_of_a_file(content, encoding, text, is_guess):
    assert _decoded(Path("it"), content, encoding) == (text, is_guess)


def test_an_encoding_that_cannot_be_is_told():
    for content, encoding in ((b"\xfc", "utf-8"), (b"\xff\xfea", None)):
        with pytest.raises(DataError, match="it is not"):
            _decoded(Path("it"), content, encoding)
    for encoding in ("klingon", "undefined", "hex", "utf\0"):
        with pytest.raises(UsageError, match=r"--encoding .* is unknown"):
            _decoded(Path("it"), b"a-b,9,\n\n", encoding)
    with pytest.raises(BacktestError, match="punycode"):  # Python 3.13 says where it fails
        _decoded(Path("it"), b"a-b,9,\n\n", "punycode")
    with pytest.raises(UsageError, match="Say in which encoding it is"):
        _decoded(Path("it"), b"\x81", None)


# Which column is which


@pytest.mark.parametrize(
    ("name", "bare"),
    [("1. open", "open"), ("Close/Last", "closelast"), ("Eröffnung", "eroffnung"), ("5", ""),
     ("Vol.", "vol"), ("2x", "x")],
)  # fmt: skip
def test_a_plain_name_is_of_small_letters_and_digits(name, bare):
    assert plain(name) == bare


def test_names_before_a_bar_count_before_others():
    words = {"close": "close | last", "open": "last"}
    assert columns_of(["Last", "Close"], {}, words) == {"close": "Close", "open": "Last"}
    assert columns_of(["Last"], {}, words) == {"close": "Last"}  # and it is taken
    assert columns_of(["Last", "Close"], {"close": "Last"}, words) == {"close": "Last"}
    assert columns_of(["Last", "Close"], {"open": "x"}, words) == {"open": "x", "close": "Close"}
    with pytest.raises(UsageError, match="Both 'Close' and 'close' may be the close"):
        columns_of(["Close", "close"], {}, words)


def test_a_column_that_is_said_makes_its_line_the_header(tmp_path):
    path = tmp_path / "it.csv"
    path.write_text("close\nTag,Zu\n2025-06-02,7\n")
    table = read_named_table(path, {"date": "Tag", "close": "Zu"}, WORDS, None)
    assert table.cells.to_numpy().tolist() == [["2025-06-02", "7"]]
    with pytest.raises(UsageError, match="no column of the file 'Wo'"):
        read_named_table(path, {"date": "Wo"}, WORDS, None)


@pytest.mark.parametrize(
    ("name", "parts"),
    [("Close", ("Close",)), (("BOLT", "Close"), ("BOLT", "Close")), (7, ("7",)),
     ("('BOLT', 'Close')", ("BOLT", "Close")), ("(BOLT)", ("(BOLT)",))],
)  # fmt: skip
def test_the_parts_of_a_column_s_name(name, parts):
    assert _label(name) == parts


@pytest.mark.parametrize(
    ("text", "symbol"),
    [("aapl.us", "AAPL"), ("NASDAQ:AAPL", "AAPL"), (" BRK.B ", "BRK.B"), ("Acme", "Acme"),
     ("AAPL US Equity", "AAPL")],
)  # fmt: skip
def test_a_symbol_is_in_capitals_without_its_exchange(text, symbol):
    assert as_symbol(text) == symbol


# Parquet


def test_the_index_of_a_frame_is_a_column_unless_it_counts_the_rows(tmp_path):
    path = tmp_path / "it.parquet"
    frame = pd.DataFrame({"date": ["2025-06-02", "2025-06-03"], "close": [7.0, 8.0]})
    for table in (frame, frame.set_index("date")):
        table.to_parquet(path)
        found = read_table(path, known)
        assert list(found.cells) == ["date", "close"]
        assert (found.word, found.lines.tolist(), found.at(1)) == ("row", [0, 1], "row 1")


@pytest.mark.parametrize("order", [("Close", "BOLT"), ("BOLT", "Close")])
def test_of_two_levels_the_one_that_is_known_is_the_name(tmp_path, order):
    path = tmp_path / "it.parquet"
    frame = pd.DataFrame([[7.0], [8.0]], columns=pd.MultiIndex.from_tuples([order]))
    frame.index = pd.Index(["2025-06-02", "2025-06-03"], name="date")
    for columns in (frame.columns, [str(order)]):  # as two levels, or as texts of them
        frame.columns = columns
        frame.to_parquet(path)
        found = read_table(path, known).cells
        assert found["Close"].tolist() == [7.0, 8.0]
        assert found[TICKER].tolist() == ["BOLT", "BOLT"]


def test_an_index_that_is_a_column_as_well_is_told_apart(tmp_path):
    path = tmp_path / "it.parquet"
    frame = pd.DataFrame({"date": ["2025-06-02"], "close": [7.0]})
    frame.set_index("date", drop=False).to_parquet(path)
    assert list(read_table(path, known).cells) == ["date", "date (2)", "close"]


@pytest.mark.parametrize("tickers", [["C", "O"], ["BOLT", "C"], ["C"], ["^BOLT", "C"]])
@pytest.mark.parametrize("order", [1, -1])
def test_tickers_that_could_be_fields_are_none_beside_those_that_are(tmp_path, tickers, order):
    words = {"open": "open o", "close": "close c", "date": "date"}
    pairs = [(t, what) for t in tickers for what in ("Open", "Close", "Dividends")]
    frame = pd.DataFrame([[*range(len(pairs))]], pd.Index(["2025-06-02"], name="Date"))
    frame.columns = pd.MultiIndex.from_tuples([one[::order] for one in pairs])
    frame.to_parquet(tmp_path / "it.parquet")
    found = read_named_table(tmp_path / "it.parquet", {}, words, None).cells
    assert list(found) == ["Date", "Open", "Close", "Dividends", TICKER]
    assert found[TICKER].tolist() == tickers
    assert found["Close"].tolist() == [3 * n + 1 for n in range(len(tickers))]


def test_a_frame_is_known_by_its_bytes_or_by_its_name(tmp_path):
    frame = pd.DataFrame({"date": ["2025-06-02"], "close": [7.0]})
    for name in ("it.dat", "it.pq"):
        frame.to_parquet(tmp_path / name)
        assert read_table(tmp_path / name, known).cells["close"].tolist() == [7.0]
    (tmp_path / "it.pq").write_text("date,close\n2025-06-02,7\n")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "it.pq", known)


@pytest.mark.parametrize("is_summed", [True, False])
def test_a_frame_that_is_damaged_is_refused(tmp_path, is_summed):
    """A page by its sum, where it has one, and a text by not being UTF-8."""
    path = tmp_path / "it.parquet"
    table = pa.table({"date": ["2025-06-02"], "close": ["BOLT"]})
    parquet.write_table(
        table, path, compression="none", use_dictionary=False, write_statistics=False,
        write_page_checksum=is_summed,
    )  # fmt: skip
    whole = path.read_bytes()
    assert whole.count(b"BOLT") == 1
    path.write_bytes(whole.replace(b"BOLT", b"COLT" if is_summed else b"BO\xffT"))
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path, known)
