"""Tables of rows alike, which Arrow reads: as pandas reads them, number by number."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backtest.sources.own_columns import guess_decimal, parse_numbers
from backtest.sources.own_tables import _irregular_body, _regular_body

CELL = st.text(st.sampled_from("ab 1.-;é–\t'\\#"), max_size=5)
SEPARATORS = st.sampled_from(",;\t|")


def stripped(cells: pd.DataFrame) -> list[list[str]]:
    return cells.apply(lambda column: column.str.strip()).to_numpy().tolist()


@given(st.data(), SEPARATORS, st.integers(2, 4), st.integers(0, 2))
def test_what_arrow_reads_pandas_reads_too(data, separator, width, start):
    row = st.lists(CELL, min_size=width, max_size=width)
    blank = st.just([])
    rows = data.draw(st.lists(row | blank, min_size=1, max_size=6))
    assume(any(rows))
    lines = ["a title"] * start + [
        separator.join(cell.replace(separator, "") for cell in row) for row in rows
    ]
    text = "\n".join(lines) + data.draw(st.sampled_from(["", "\n", "\n\n"]))
    found = _regular_body(text, separator, start, width)
    assert found is not None
    by_pandas = _irregular_body(Path("made_up.csv"), text, separator, start, width)
    assert list(found.columns) == list(by_pandas.columns)
    assert stripped(found) == stripped(by_pandas)


@pytest.mark.parametrize(
    "body",
    ["1,2\n3\n", "1,2\n3,4,5\n", '1,"2"\n', '"1,5",2\n', ""],
    ids=["short", "long", "quoted", "quoted separator", "empty"],
)
def test_other_tables_are_left_to_pandas(body):
    assert _regular_body(f"a,b\n{body}", ",", 1, 2) is None


@pytest.mark.parametrize(("separator", "cell"), [("§", "1"), (",", "\ud800")], ids=["sign", "half"])
def test_what_arrow_cannot_take_is_left_to_pandas(separator, cell):
    assert _regular_body(f"a{separator}b\n1{separator}{cell}\n", separator, 1, 2) is None


def test_nothing_below_nothing_is_nothing():
    assert str(parse_numbers(pd.Series(["-0", "1"], dtype="str"), ".")[0]) == "0.0"


def test_one_column_is_left_to_pandas():
    assert _regular_body("a\n1\n2\n", ",", 1, 1) is None


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=5))
def test_numbers_of_texts_are_the_nearest_ones(values):
    found = parse_numbers(pd.Series([repr(one) for one in values], dtype="str"), ".")
    assert found.to_numpy().tolist() == values


@pytest.mark.parametrize("rest", ["", "nan", "x", "1,000", " 7 "])
def test_a_cell_that_arrow_takes_for_no_number_changes_nothing_of_the_others(rest):
    found = parse_numbers(pd.Series(["1.5", rest, "-2e3"], dtype="str"), ".").to_numpy()
    own = {"1,000": 1000.0, " 7 ": 7.0}.get(rest, np.nan)
    assert found.tolist()[::2] == [1.5, -2000.0]
    assert np.array_equal(found[1], own, equal_nan=True)


def test_a_column_that_says_nan_still_tells_the_decimal_sign_of_others():
    columns = [pd.Series(cells, dtype="str") for cells in (["nan", "12.5"], ["1.234.567", "1"])]
    assert guess_decimal(columns, continental=False) == "."
