"""Bars and daily prices of one stock: where they differ a check tells it, and a run stops.

ACME of the made-up checkout opens on 2025-07-02 at 121, 07-03 at 122 and 07-07 at 123, goes two
dollars up and down and closes a dollar higher.
"""

import json
from datetime import date

import pytest

from backtest.data.checks import check_prices
from backtest.errors import DataError
from tests.commands import words
from tests.data.test_bars import inputs, write

AGREE = [
    ("2025-07-02T13:30", 121.0, 122.0, 119.0, 121.5, 600.0),
    ("2025-07-02T19:55", 121.5, 123.0, 120.0, 122.0, 421.0),
    ("2025-07-03T13:30", 122.0, 124.0, 120.0, 123.0, 1022.0),
    ("2025-07-07T13:30", 123.0, 125.0, 121.0, 124.0, 1023.0),
]


def other(row, **prices):
    """The rows with other prices in one of them."""
    names = ("time", "open", "high", "low", "close", "volume")
    changed = {**dict(zip(names, AGREE[row], strict=True)), **prices}
    return [*AGREE[:row], tuple(changed.values()), *AGREE[row + 1 :]]


def scaled(ratio, rows):
    return [(row[0], *(ratio * price for price in row[1:5]), row[5]) for row in rows]


def found(checkout):
    """What the check finds in the file of bars: severity and what."""
    every = check_prices(checkout.workspace, ["ACME"])
    return [(one.severity, one.what) for one in every if "5m" in one.where]


def test_bars_that_agree_are_not_told(checkout):
    write(checkout, AGREE)
    assert found(checkout) == []
    assert not any("5m" in text for text in inputs(checkout).assumptions)


def test_half_a_cent_is_rounding(checkout):
    write(checkout, other(2, close=123.005, high=124.004))
    assert found(checkout) == []


def test_a_little_more_is_an_assumption_with_its_count(checkout):
    write(checkout, other(2, close=123.615, low=119.9))
    (told,) = [text for text in inputs(checkout).assumptions if "5m" in text]
    assert told == (
        "Bars of 5m and daily prices of ACME differ by more than rounding in 1 of 3 sessions, "
        "by 0.5 % at most (2025-07-03 close 123.615 by its bars, 123 by the day). "
        "`backtest prices check ACME` lists them."
    )
    ((severity, what),) = found(checkout)
    assert severity == "note"
    assert what == (
        "2 prices differ by more than rounding: 2025-07-03 low 119.9 by its bars, 120 by the day, "
        "2025-07-03 close 123.615 by its bars, 123 by the day"
    )


def test_prices_of_another_adjustment_stop_a_run(checkout):
    write(checkout, [*scaled(0.5, AGREE[:3]), AGREE[3]])
    with pytest.raises(DataError) as caught:
        inputs(checkout)
    assert str(caught.value) == (
        "ACME: bars of 5m and daily prices differ by more than 1 % in 2 of 3 sessions, first on "
        "2025-07-02 open 60.5 by its bars, 121 by the day. All prices of 2025-07-02 are 0.5 times "
        "those of the day: one of the two is adjusted for a split (2 for 1), the other is not. "
        "Take in both as adjusted in one way, with `backtest prices import FILE --bars 5m --symbol "
        "ACME` and --accept-revisions, or without --bars the daily ones. "
        "`backtest prices check ACME` lists them."
    )
    one, two = found(checkout)
    assert one[0] == "error"
    assert one[1] == (
        "2025-07-02 open 60.5 by its bars, 121 by the day; 2025-07-02 high 61.5 by its bars, 123 "
        "by the day; 2025-07-02 low 59.5 by its bars, 119 by the day; 2025-07-02 close 61 by its "
        "bars, 122 by the day"
    )
    assert two[1].startswith("2025-07-03 open 61 by its bars, 122 by the day")


def test_a_split_on_file_is_named(checkout):
    write(checkout, [*scaled(2.0, AGREE[:3]), AGREE[3]])
    checkout.write(
        "data/actions/ACME.csv",
        "day,action,amount,until,name,source\n2025-07-07,split,2,,,made up\n",
    )
    checkout.write("data/prices/ACME.meta.json", checkout_mode(checkout, "splits"))
    with pytest.raises(DataError, match=r"adjusted for a split of 2025-07-07 \(2 for 1\)"):
        inputs(checkout)


def checkout_mode(checkout, adjust):
    facts = json.loads((checkout.root / "data/prices/ACME.meta.json").read_text())
    return json.dumps({**facts, "adjust": adjust})


def test_a_session_whose_bars_are_incomplete_is_another_cause(checkout):
    write(checkout, other(1, open=122.9)[1:])
    with pytest.raises(DataError, match="The bars of 2025-07-02 may be incomplete, stamped by"):
        inputs(checkout)


def test_what_a_run_does_not_replay_does_not_stop_it(checkout):
    write(checkout, [*scaled(0.5, AGREE[:2]), *AGREE[2:]])
    assert inputs(checkout, span=(date(2025, 7, 3), None)).finer["ACME"].times.size == 4


def test_sessions_that_one_of_the_two_lacks_are_told(checkout):
    write(checkout, [*AGREE[:2], AGREE[3], ("2025-07-16T13:30", 9.0, 9.0, 9.0, 9.0, 9.0)])
    what = [text for _, text in found(checkout)]
    assert what[0].startswith("No bar on 2025-07-03, 2025-07-08, 2025-07-09 and 4 more")
    assert what[1] == "No daily price on 2025-07-16"


def test_volumes_are_told_where_they_are_far_apart(checkout):
    write(checkout, [(*row[:5], row[5] / 2) for row in AGREE])
    assert found(checkout) == [
        ("note", "In the median session the bars have 0.5 times the daily volume"),
    ]  # fmt: skip


def test_of_many_sessions_the_first_ten_are_told_one_by_one(checkout):
    days = ["06-16", "06-17", "06-18", "06-20", "06-23", "06-24", "06-25", "06-26", "06-27",
            "06-30", "07-01", "07-02"]  # fmt: skip
    write(checkout, [(f"2025-{day}T13:30", 9.0, 9.0, 9.0, 9.0, 1000.0) for day in days])
    errors = [what for severity, what in found(checkout) if severity == "error"]
    assert len(errors) == 11
    assert errors[10] == "2 more sessions differ by more than 1 %, to 2025-07-02"


def test_the_command_says_where_and_ends_with_three(checkout, command):
    write(checkout, other(3, high=136.0))
    done = command("prices", "check", "ACME")
    assert done.code == 3
    assert "data/prices/5m/ACME.parquet" in done.out
    assert "2025-07-07 high 136 by its bars, 125 by the day" in words(done.out)


def test_a_stock_with_bars_alone_is_checked_as_well(checkout):
    folder = write(checkout, AGREE, symbol="ONLY")
    path = folder / "5m/ONLY.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    every = check_prices(checkout.workspace, ["ONLY"])
    assert "`backtest prices seal ONLY --bars 5m`" in every[0].mend
