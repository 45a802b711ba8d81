"""Diffs of tables: whole rows by key, and cells of the rows that both have."""

from backtest.data.edits import Change, diff_rows


def key(row):
    return row["date"]


def test_a_diff_names_rows_and_cells():
    old = [{"date": "1", "close": "5"}, {"date": "2", "close": "6"}, {"date": "3", "close": "7"}]
    new = [{"date": "3", "close": "8"}, {"date": "2", "close": "6"}, {"date": "4", "close": "9"}]
    diff = diff_rows(old, new, key)
    assert diff.added == {"4": {"date": "4", "close": "9"}}
    assert diff.removed == {"1": {"date": "1", "close": "5"}}
    assert diff.changed == [Change("3", "close", "7", "8")]
    assert diff


def test_a_column_that_is_missing_counts_as_empty():
    old, new = [{"date": "1"}], [{"date": "1", "note": "", "unit": "usd"}]
    assert diff_rows(old, new, key).changed == [Change("1", "unit", "", "usd")]
    assert diff_rows(new, old, key).changed == [Change("1", "unit", "usd", "")]


def test_tables_that_are_alike_do_not_differ():
    assert not diff_rows([{"date": "1"}], [{"date": "1", "note": ""}], key)
