"""From what on a price counts as changed, a file as of another basis, and a session as a hole."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from backtest.data.prices import read_prices
from backtest.errors import DataError, UsageError
from backtest.sources.updates import _differs, _gone, _without_faults, prepare_update
from tests.made_up import SESSIONS
from tests.sources.test_updates import bars, incoming


@pytest.fixture
def path(tmp_path):
    return tmp_path / "prices/BOLT.csv"


def take(path, table, *, accept=False, skip_bad=False, **changes):
    came = incoming(table=table, **changes)
    return prepare_update(path, came, accept=accept, skip_bad=skip_bad)


@pytest.mark.parametrize(
    ("name", "old", "new", "differs"),
    [
        ("volume", 1000.0, 1001.0, False),  # 0.1 %
        ("volume", 1000.0, 1001.5, True),
        ("volume", 1000.0, 998.5, True),
        ("close", 0.0, 0.0005, False),  # 0.0005 dollars
        ("close", 0.0, 0.0006, True),
        ("close", 1e5, 1e5 + 1, False),  # 0.001 %
        ("close", 1e5, 1e5 + 2, True),
        ("close", 1e5, 1e5 - 2, True),
        ("close", 10.0, 10.0004, False),
        ("close", 10.0, 9.9994, True),
    ],
)
def test_a_cell_is_changed_where_it_differs_by_more_than_sources_round(name, old, new, differs):
    assert _differs(name, pd.Series([old]), pd.Series([new])).tolist() == [differs]


@pytest.mark.parametrize("changed", [1, 2, 3])
def test_prices_are_of_another_basis_where_more_than_half_of_the_closes_differ(path, changed):
    take(path, bars(SESSIONS[:4])).make()
    other = bars(SESSIONS[:4])
    other.iloc[:changed] *= 2
    if changed < 3:
        assert len(take(path, other).changes) == 5 * changed
    else:
        with pytest.raises(UsageError, match="In the median a close is 2 times") as caught:
            take(path, other)
        assert "stamped otherwise" not in str(caught.value)


@pytest.mark.parametrize(
    ("day", "refused"), [(SESSIONS[2], False), (SESSIONS[3], True), (SESSIONS[1], False)]
)
def test_a_split_after_the_last_row_of_the_file_is_of_another_basis(path, day, refused):
    take(path, bars(SESSIONS[:3])).make()
    for rows in (bars(SESSIONS[:4]), bars(SESSIONS[3:4])):
        if refused:
            with pytest.raises(UsageError, match=f"2 shares came for one on {day}") as caught:
                take(path, rows, splits={str(day): 2.0})
            assert "In the median" not in str(caught.value)  # prices are as they were
        else:
            assert list(take(path, rows, splits={str(day): 2.0}).added) == [str(SESSIONS[3])]


def test_rows_after_the_file_need_one_that_both_have_where_dividends_are_in(path):
    adjust = "splits and dividends, as of 2025-06-30"
    take(path, bars(SESSIONS[:3]), adjust=adjust).make()
    with pytest.raises(UsageError, match="none of the sessions that came"):
        take(path, bars(SESSIONS[3:5]), adjust=adjust)
    assert len(take(path, bars().iloc[2:5], adjust=adjust).added) == 2


def test_what_came_needs_the_columns_of_the_file(path):
    take(path, bars(SESSIONS[:3])).make()
    with pytest.raises(UsageError, match="has the column open, and what came has not"):
        take(path, bars(SESSIONS[:4])[["close"]])


def test_bars_for_a_file_of_closes_leave_a_note(path):
    take(path, bars(SESSIONS[:3])[["close"]]).make()
    update = take(path, bars(SESSIONS[:4]))
    (note,) = update.notes
    assert "holds closes alone and takes no open, high, low, volume. To have more, " in note
    assert list(update.table) == ["close"]


def test_one_column_beside_the_closes_is_told_as_one(path):
    take(path, bars(SESSIONS[:3])[["close"]]).make()
    (note,) = take(path, bars(SESSIONS[:4])[["close", "volume"]]).notes
    assert "holds closes alone and takes no volume. " in note


def test_a_session_of_which_the_file_has_a_row_is_no_hole(path):
    take(path, bars(SESSIONS[:4])).make()
    table = bars(SESSIONS[:4])
    table.iloc[1, 1] = 1.0
    assert take(path, table, skip_bad=True).notes == [
        f"Left out as wrong: {SESSIONS[1]}.",
        f"Rows that the file has did not come and are kept: {SESSIONS[1]}.",
    ]


def test_finer_bars_of_another_basis_may_be_stamped_otherwise(tmp_path):
    path = tmp_path / "1h/BOLT.parquet"
    table = bars().rename_axis("time")
    take(path, table).make()
    with pytest.raises(UsageError, match="or where bars are stamped otherwise") as caught:
        take(path, table / 2)
    assert "give --accept-revisions to replace them all" in str(caught.value)


@pytest.mark.parametrize(("gone", "is_told"), [(0, False), (1, True), (2, True), (3, False)])
def test_a_row_that_did_not_come_is_told_where_its_time_did(gone, is_told):
    old = bars(SESSIONS[:4])
    told = f"Rows that the file has did not come and are kept: {SESSIONS[gone]}."
    assert _gone(old, old.drop(old.index[gone])) == [told] * is_told


def test_whether_a_file_changes(path):
    first = take(path, bars(SESSIONS[:3]))
    assert first
    first.make()
    assert not take(path, bars(SESSIONS[:3]))
    revised = bars(SESSIONS[:3])
    revised.iloc[1] += 1
    assert not take(path, revised)
    assert take(path, revised).make() is None
    accepted = take(path, revised, accept=True)
    assert accepted.replaced == {str(SESSIONS[1])}
    assert accepted.make().reason == "1 row replaced from made up for tests"
    assert read_prices(path.parent, "BOLT").table["open"].tolist() == [100, 102, 102]


def test_a_file_has_the_source_of_all_its_rows_and_once_that_of_later_ones(path):
    def made(table, source, **terms):
        return take(path, table, source=source, **terms).make().metadata["source"]

    assert made(bars(SESSIONS[:2]), "one") == "one"
    assert made(bars(SESSIONS[:3]), "two") == "one Later rows: two"
    assert made(bars(SESSIONS[:4]), "two") == "one Later rows: two"
    other = bars(SESSIONS[:5], price=200.0)  # four rows replaced, one added: all of them
    assert made(other, "three", accept=True) == "three"


# Holes


@pytest.mark.parametrize("missing", [2, 3])
def test_up_to_half_of_the_sessions_may_be_holes(path, missing):
    """Of four sessions two may lack, of five three may not."""
    table = bars(SESSIONS[: missing + 2]).iloc[[0, -1]]
    if missing == 2:
        update = take(path, table, skip_bad=True)
        assert sorted(map(str, update.holes)) == [str(day) for day in SESSIONS[1:3]]
    else:
        with pytest.raises(DataError, match="3 of 5 sessions have no row that is right"):
            take(path, table, skip_bad=True)


def test_of_two_rows_of_a_session_neither_is_taken_and_ten_are_named(path):
    table = bars(SESSIONS)
    wrong = table.iloc[1:7].assign(close=1.0)
    table = pd.concat([table.iloc[:7], wrong, table.iloc[7:]]).sort_index(kind="stable")
    update = take(path, table, skip_bad=True)
    days = [str(day) for day in SESSIONS[1:7]]
    named = [day for day in days for _ in range(2)]
    assert update.notes == [
        f"Left out as wrong: {', '.join(named[:10])} and 2 more.",
        f"Holes, in which nothing is traded: {', '.join(days)}.",
    ]
    assert len(update.added) == len(SESSIONS) - 6


def test_no_more_than_ten_holes_are_named(path):
    update = take(path, bars().drop(bars().index[1:12]), skip_bad=True)
    (note,) = update.notes
    assert note.endswith(f"{SESSIONS[10]} and 1 more.")
    assert len(update.holes) == 11


def test_rows_that_are_left_keep_where_they_stood(path):
    table = bars(SESSIONS[:4])
    table.iloc[1, 1] = 1.0
    came, gaps = _without_faults(incoming(table=table, lines=np.array([2, 4, 6, 8])))
    assert came.lines.tolist() == [2, 6, 8]
    assert came.at(1) == f"{SESSIONS[2]} (line 6)"
    assert gaps == {date.fromisoformat(str(SESSIONS[1]))}
    assert _without_faults(incoming(table=table))[0].lines is None


def test_nothing_right_is_nothing(path):
    with pytest.raises(DataError, match="3 of 3 sessions have no row that is right"):
        take(path, bars(SESSIONS[:3]).assign(close=1.0), skip_bad=True)


def test_what_is_wrong_is_told_once_and_with_a_way_out_where_there_is_one(path):
    table = bars(SESSIONS[:4])
    table.iloc[1, 1] = 101.5
    with pytest.raises(DataError) as caught:
        take(path, table, lines=np.array([2, 3, 4, 5]))
    assert str(caught.value).count("is below") == 1
    assert f"{SESSIONS[1]} (line 3)" in str(caught.value)
    assert "--skip-bad" in str(caught.value)
    with pytest.raises(DataError) as caught:
        take(path, bars(SESSIONS[:3]).assign(close=1.0))
    assert "--skip-bad" not in str(caught.value)


def test_finer_bars_have_no_holes_and_are_held_against_daily_bars(tmp_path):
    prices = tmp_path / "prices"
    days = pd.DatetimeIndex([f"{day}T13:30" for day in (SESSIONS[0], SESSIONS[5])])
    table = bars(SESSIONS[:2]).set_axis(days).rename_axis("time")
    update = take(prices / "1h/BOLT.parquet", table, skip_bad=True)
    assert update.holes == frozenset()
    assert update.notes[0].startswith("No run takes them so. There is no price file")
    closes = bars()[["close"]]
    take(prices / "BOLT.csv", closes).make()
    (note,) = take(prices / "1h/BOLT.parquet", table).notes
    assert note.startswith("No run takes them so. ")
    assert "There is no price file" not in note  # there is, but of closes alone


def test_a_change_is_made_from_the_file_as_it_was_read(path):
    take(path, bars(SESSIONS[:3])).make()
    first, second = (take(path, bars(SESSIONS[:n])) for n in (4, 5))
    first.make()
    with pytest.raises(UsageError, match="has changed since it was read"):
        second.make()


def test_what_a_killed_process_left_of_a_file_s_history_is_cleared_away(path):
    left = path.parent / ".history/BOLT/.1-0123456789.csv.0a1b2c3d"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    take(path, bars(SESSIONS[:3]))
    assert not left.exists()
