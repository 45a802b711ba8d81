"""Dividends that adjusted closes tell, and when an action is another than that on file."""

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from backtest.data.actions import Action
from backtest.errors import DataError, UsageError
from backtest.sources.action_files import (
    _differences,
    _rounding,
    action_cells,
    dividends_of,
    paid_actions,
    prepare_actions,
    read_action_file,
)

DAYS = pd.DatetimeIndex(["2025-06-02", "2025-06-03", "2025-06-04"])
SECOND = date(2025, 6, 3)


def found(closes, without, splits=(), *, exact=True):
    columns = (pd.Series(one, DAYS[: len(one)], dtype=float) for one in (closes, without))
    rows, off = dividends_of(*columns, dict(splits), "mine", exact=exact)
    return [(row.day, row.amount) for row in rows], off


def test_a_dividend_is_rounded_to_the_digits_that_are_certain():
    """Of the close before, 100, less the 99.87655 left, to within 0.00012 of single precision."""
    rows, off = found([100, 100], [99.87655, 100])
    assert rows == [(SECOND, 0.1235)]
    assert off == pytest.approx(99.87655 * 2 * 6e-8)


def test_a_dividend_of_cents_is_in_cents():
    """101.37 - 100 × 103.11 ÷ 102.08 is 0.361, to within two cents of four roundings."""
    rows, off = found([101.37, 103.11], [100.0, 102.08], exact=False)
    assert rows == [(SECOND, 0.36)]
    assert off == pytest.approx(0.01988, abs=1e-5)


def test_a_dividend_on_the_day_of_a_split_is_of_a_new_share():
    """Two for one: of 100 dollars 49.50 are left for each, so that 0.50 were paid."""
    rows, off = found([100, 50], [49.5, 50.0], {SECOND: 2.0})
    assert rows == [(SECOND, 0.5)]
    assert off == pytest.approx(49.5 * (0.005 / 49.5 + 0.005 / 50))


@pytest.mark.parametrize(("close", "amounts"), [(100.025, [0.03]), (100.015, [])])
def test_less_than_twice_what_rounding_makes_is_no_dividend(close, amounts):
    """Cents of 100 dollars in both rows make a cent of it."""
    rows, _ = found([close, 100], [100.00, 100.00])
    assert [amount for _, amount in rows] == amounts


def test_off_by_is_the_most_of_all_dividends():
    """The first is of a close of 200 dollars, to within two cents, the second of 100, to one."""
    rows, off = found([200, 100, 98], [196.0, 99.0, 98.0])
    assert rows == [(SECOND, 2.02), (date(2025, 6, 4), 1.0)]
    assert off == pytest.approx(100 * 1.96 / 0.99 * (0.005 / 196 + 0.005 / 99))


@pytest.mark.parametrize("without", [[74.0, 100.0], [101.0, 100.0]])
def test_a_quarter_of_the_close_or_a_rise_is_no_dividend(without):
    with pytest.raises(UsageError, match="on 2025-06-03: more than a dividend"):
        found([100, 100], without)
    assert found([100, 100], [76.0, 100.0])[0] == [(SECOND, 24.0)]


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ([1.25, 2.0], [0.005, 0.005]),  # cents
        ([1.2345, 2.5], [0.00005, 0.00005]),
        ([1e6, 2.25], [0.06, 0.005]),  # a half of the last bit of single precision
        ([1 / 3 * 1e-3, 1.0], [0.5e-9, 6e-8]),  # nine decimals at most
    ],
)
def test_half_of_the_last_digit_may_be_rounding(values, errors):
    assert _rounding(pd.Series(values)).tolist() == pytest.approx(errors, rel=1e-9)


def test_a_dividend_told_in_shares_of_today_is_paid_before_later_splits_alone():
    days = [date(2025, 6, day) for day in (2, 3, 4)]
    rows = paid_actions({days[1]: 4.0}, dict.fromkeys(days, 0.05), "it")
    paid = {row.day: row.amount for row in rows if row.action == "dividend"}
    assert paid == {days[0]: 0.2, days[1]: 0.05, days[2]: 0.05}
    assert {row.source for row in rows} == {"it"}


def test_an_amount_is_written_without_a_point_where_it_is_whole():
    cells = action_cells(Action(SECOND, "split", 2.0))
    assert (cells["amount"], cells["until"]) == ("2", "")
    halt = action_cells(Action(SECOND, "halted", until=date(2025, 6, 4)))
    assert (halt["amount"], halt["until"]) == ("", "2025-06-04")


OLD = Action(SECOND, "dividend", 0.5)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (OLD, replace(OLD, amount=0.50004), []),  # to within a ten-thousandth
        (OLD, replace(OLD, amount=0.5001), ["amount"]),
        (Action(SECOND, "delisted"), Action(SECOND, "delisted", 1.0), ["amount"]),
        (Action(SECOND, "delisted", 1.0), Action(SECOND, "delisted"), ["amount"]),
        (
            Action(SECOND, "halted", until=SECOND),
            Action(SECOND, "halted", until=date(2025, 6, 4)),
            ["until"],
        ),
    ],
)
def test_what_differs_of_an_action(old, new, changed):
    assert [change.column for change in _differences(old, new)] == changed


# A file of them


def prepare(folder, *rows, accept=False):
    return prepare_actions(folder, "ACME", rows, source="it, of mine", accept=accept)


def test_a_file_changes_by_what_is_new_and_by_what_is_accepted(tmp_path):
    own = replace(OLD, source="it")
    first = prepare(tmp_path, own)
    assert first
    made = first.make()
    assert (made.reason, made.metadata["source"]) == ("1 added from it", "it, of mine")
    assert not prepare(tmp_path, own)
    assert not prepare(tmp_path, own, accept=True)
    other = replace(own, amount=0.6)
    assert not prepare(tmp_path, other)
    assert prepare(tmp_path, other).make() is None
    assert prepare(tmp_path, other, accept=True).make().reason == "0 added from it"
    assert "2025-06-03,dividend,0.6" in (tmp_path / "ACME.csv").read_text()


def test_a_file_that_would_break_its_rules_is_refused(tmp_path):
    prepare(tmp_path, Action(date(2025, 6, 2), "delisted", 1.0, source="it")).make()
    with pytest.raises(DataError, match="after the stock was delisted on 2025-06-02"):
        prepare(tmp_path, replace(OLD, source="it"))


def test_what_a_killed_process_left_of_a_file_s_history_is_cleared_away(tmp_path):
    left = tmp_path / ".history/ACME/.1-0123456789.csv.0a1b2c3d"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    prepare(tmp_path, replace(OLD, source="it"))
    assert not left.exists()


def test_every_wrong_row_of_a_file_is_told(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("day,action,amount\n2025-06-03,gift,1\n2025-06-04,gift,2\n")
    with pytest.raises(DataError) as caught:
        read_action_file(path, ["ACME"])
    assert "line 2, " in str(caught.value)
    assert "line 3, " in str(caught.value)


def test_a_row_has_its_own_source_and_symbol_where_it_says_them(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("day,action,amount,source\n2025-06-03,dividend,1,\n2025-06-04,dividend,2,it\n")
    rows = read_action_file(path, ["ACME"])["ACME"]
    assert [row.source for row in rows] == ["mine.csv", "it"]
    path.write_text("symbol,day,action,amount\nBOLT,2025-06-03,dividend,1\n")
    with pytest.raises(UsageError, match="has no action of ACME"):
        read_action_file(path, ["ACME"])
    assert list(read_action_file(path, ["ACME", "BOLT"])) == ["BOLT"]
    path.write_text(path.read_text().replace("BOLT", "bolt"))
    assert list(read_action_file(path, ["ACME", "BOLT"])) == ["BOLT"]


def test_days_of_a_file_to_import_may_be_in_any_iso_form(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("day,action,amount,until\n20250603,dividend,1,\n2025-W23-3,halted,,20250605\n")
    assert list(map(str, read_action_file(path, ["ACME"])["ACME"])) == [
        "dividend 2025-06-03 1",
        "halted 2025-06-04 until 2025-06-05",
    ]
    path.write_text("day,action,amount\n20250631,dividend,1\n")
    with pytest.raises(DataError, match="line 2, column day: '20250631' is not a day such as"):
        read_action_file(path, ["ACME"])


def test_two_actions_of_a_kind_and_day_are_refused(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("day,action,amount\n2025-06-03,dividend,1\n2025-06-03,dividend,2\n")
    with pytest.raises(DataError, match="line 3: a second dividend of 2025-06-03; add the two up"):
        read_action_file(path, ["ACME"])
    path.write_text("day,action,amount\n2025-06-03,split,2\n2025-06-03,split,4\n")
    with pytest.raises(DataError, match="a second split of 2025-06-03; take one of them out"):
        read_action_file(path, ["ACME"])
    own = replace(OLD, source="it")
    assert len(prepare(tmp_path, own, own).added) == 1
    with pytest.raises(DataError, match=r"ACME: two came of one day, dividend 2025-06-03 0.5 "):
        prepare(tmp_path, own, replace(own, amount=0.6, source="its closes"))
    split = replace(own, action="split", amount=2.0)
    with pytest.raises(DataError, match=r"\(it\)\. Take one of them out\.$"):
        prepare(tmp_path, split, replace(split, amount=4.0))


def test_a_row_that_is_there_twice_is_one(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("day,action,amount\n2025-06-03,dividend,1\n2025-06-03,dividend,1.0\n")
    assert [row.amount for row in read_action_file(path, ["ACME"])["ACME"]] == [1]


@pytest.mark.parametrize(
    ("name", "told"), [("a.parquet", "is a Parquet file, and CSV is needed"), ("a.csv", "is empty")]
)
def test_what_is_no_file_of_actions_is_told(tmp_path, name, told):
    path = tmp_path / name
    pd.DataFrame({"day": ["2025-06-03"]}).to_parquet(path)
    if name == "a.csv":
        path.write_text("\ufeff", encoding="utf-8")
    with pytest.raises(DataError, match=told):
        read_action_file(path, ["ACME"])
