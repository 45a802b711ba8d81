"""Diffs of tables: whole rows by key, and cells of the rows that both have."""

from backtest.data.edits import Change, diff_rows


def test_a_diff_names_rows_and_cells():
    old = {"1": {"close": "5"}, "2": {"close": "6"}, "3": {"close": "7"}}
    new = {"3": {"close": "8"}, "2": {"close": "6"}, "4": {"close": "9"}}
    diff = diff_rows(old, new)
    assert diff.added == {"4": {"close": "9"}}
    assert diff.removed == {"1": {"close": "5"}}
    assert diff.changed == [Change("3", "close", "7", "8")]
    assert diff


def test_a_column_that_is_missing_counts_as_empty():
    old, new = {"1": {}}, {"1": {"note": "", "unit": "usd"}}
    assert diff_rows(old, new).changed == [Change("1", "unit", "", "usd")]
    assert diff_rows(new, old).changed == [Change("1", "unit", "usd", "")]


def test_tables_that_are_alike_do_not_differ():
    assert not diff_rows({"1": {}}, {"1": {"note": ""}})
