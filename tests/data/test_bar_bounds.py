"""Finer bars against daily prices at the bounds: what is rounding, a small difference, a split."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.data.actions import Action, Actions
from backtest.data.bars import (
    _continued,
    agreement_sentences,
    bars_within,
    check_against_daily,
    differences,
    disagreement,
    minutes_a_bar,
)
from backtest.data.datafile import DataFile
from backtest.data.prices import Prices
from backtest.errors import DataError, UsageError
from tests.made_up import day

DAYS = ("2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05")
NAMES = ["open", "high", "low", "close", "volume"]


def finer(rows, days=DAYS, length="5m", symbol="ACME"):
    """A bar a session, at 09:30 New York."""
    file = DataFile(Path(f"made/{length}/{symbol}.parquet"), "", "", {}, b"x")
    times = np.array([f"{one}T13:30" for one in days], "M8[us]")
    return bars_within(file, pd.DataFrame(np.array(rows, float), pd.DatetimeIndex(times)))


def daily(rows, days=DAYS, splits=()):
    index = pd.DatetimeIndex(list(days), name="session")
    table = pd.DataFrame(np.array(rows, float), index, NAMES)
    actions = Actions("ACME", tuple(Action(day(one), "split", 2.0) for one in splits))
    return Prices("ACME", table, DataFile(Path("made/ACME.csv"), "", "", {}), actions)


def flat(*prices, volume=100.0):
    return [[one] * 4 + [volume] for one in prices]


@pytest.mark.parametrize(
    ("close", "by_its_bars", "differs"),
    [
        (10.0, 10.005, False),  # half a cent
        (10.0, 10.0051, True),
        (1000.0, 1000.0099, False),  # a hundred thousandth
        (1000.0, 1000.0101, True),
        (100000.0, 100001.0, False),  # exactly that much
        (10.0, 9.995, False),
        (10.0, 9.9949, True),
    ],
)
def test_half_a_cent_or_a_hundred_thousandth_is_rounding(close, by_its_bars, differs):
    found = differences(finer(flat(by_its_bars), DAYS[:1]), daily(flat(close), DAYS[:1]))
    assert [one.column for one in found] == (NAMES[:4] if differs else [])


def test_differences_come_by_session_and_then_by_column():
    own, days = flat(10.0, 20.0), flat(10.0, 20.0)
    own[0][3], own[0][0], own[1][1] = 10.5, 10.25, 21.0
    found = differences(finer(own, DAYS[:2]), daily(days, DAYS[:2]))
    assert [str(one) for one in found] == [
        "2025-06-02 open 10.25 by its bars, 10 by the day",
        "2025-06-02 close 10.5 by its bars, 10 by the day",
        "2025-06-03 high 21 by its bars, 20 by the day",
    ]
    assert [one.share for one in found] == pytest.approx([0.025, 0.05, 0.05])


def test_sessions_that_one_of_the_two_lacks_do_not_differ():
    assert differences(finer(flat(9.0), DAYS[:1]), daily(flat(10.0), DAYS[1:2])) == []


@pytest.mark.parametrize(("price", "is_far"), [(100.99, False), (101.01, True), (98.99, True)])
def test_a_hundredth_is_a_small_difference_and_more_is_refused(price, is_far):
    bars, prices = finer(flat(price, 100), DAYS[:2]), daily(flat(100, 100), DAYS[:2])
    severities = [one.severity for one in check_against_daily(bars, prices, "made")]
    assert severities == ["error" if is_far else "note"]
    if is_far:
        with pytest.raises(DataError, match="differ by more than 1 % in 1 of 2 sessions"):
            agreement_sentences(bars, prices)
    else:
        (sentence,) = agreement_sentences(bars, prices)
        assert "in 1 of 2 sessions, by 0.99 % at most (2025-06-02 open 100.99" in sentence


def test_the_worst_of_small_differences_is_named():
    bars = finer(flat(100.2, 100.5, 100.1), DAYS[:3])
    (sentence,) = agreement_sentences(bars, daily(flat(100, 100, 100), DAYS[:3]))
    assert "in 3 of 3 sessions, by 0.5 % at most (2025-06-03 open 100.5" in sentence


def test_far_and_near_differences_are_told_apart():
    bars, prices = finer(flat(100.5, 110), DAYS[:2]), daily(flat(100, 100), DAYS[:2])
    far, near = check_against_daily(bars, prices, "made")
    assert far.what.count("2025-06-03") == 4
    assert "2025-06-02" not in far.what
    assert near.what.startswith("4 prices differ by more than rounding: 2025-06-02 open 100.5")
    with pytest.raises(DataError, match=r"in 1 of 2 sessions, first on 2025-06-03 open 110"):
        agreement_sentences(bars, prices)


def cause(own, days, splits=(), span=DAYS):
    bars, prices = finer(own, span[: len(own)]), daily(days, span[: len(own)], splits)
    return disagreement(bars, prices, differences(bars, prices))


@pytest.mark.parametrize(
    ("price", "what"),
    [
        (140.0, "dividends"),  # 1.4 new shares for one are not more than 1.4
        (141.0, "a split (1.41 for 1)"),
        (100 / 1.41, "a split (1.41 for 1)"),
        (72.0, "dividends"),
        (200.0, "a split (2 for 1)"),
        (25.0, "a split (4 for 1)"),
    ],
)
def test_all_prices_in_one_ratio_are_of_another_adjustment(price, what):
    told = cause(flat(price), flat(100))
    assert f"one of the two is adjusted for {what}, the other is not" in told
    assert told.startswith(f"All prices of 2025-06-02 are {price / 100:.4g} times those of the day")


@pytest.mark.parametrize(("low", "is_one_ratio"), [(9900, True), (9899, False)])
def test_ratios_within_a_hundredth_are_one(low, is_one_ratio):
    # A hundred times as high but for the low: 99 and 100 are a hundredth of 100 apart.
    told = cause([[10000, 10000, low, 10000, 100]], flat(100))
    assert ("All prices of" in told) == is_one_ratio
    assert ("may be incomplete" in told) != is_one_ratio


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        (("2025-06-03",), "a split (2 for 1)"),  # of the last session that differs, not after it
        (("2025-06-04",), "a split of 2025-06-04 (2 for 1)"),
        (("2025-06-02", "2025-06-04", "2025-06-05"), "a split of 2025-06-04 (2 for 1)"),
        ((), "a split (2 for 1)"),
    ],
)
def test_the_split_that_is_named_comes_after_the_sessions_that_differ(splits, told):
    assert told in cause(flat(200, 200, 100), flat(100, 100, 100), splits)


def test_the_cause_is_sought_in_the_first_session_that_is_far_off():
    assert cause(flat(100.5, 200, 400), flat(100, 100, 100)).startswith(
        "All prices of 2025-06-03 are 2 times"
    )


@pytest.mark.parametrize(
    ("sessions", "more"),
    [(10, ""), (11, "1 more session differs"), (12, "2 more sessions differ")],
)
def test_ten_sessions_have_a_finding_each(sessions, more):
    days = [f"2025-06-{n:02}" for n in (2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17)][:sessions]
    bars, prices = finer(flat(*[50] * sessions), days), daily(flat(*[100] * sessions), days)
    found = [one.what for one in check_against_daily(bars, prices, "made")]
    assert len(found) == 10 + bool(more)
    if more:
        assert found[10] == f"{more} by more than 1 %, to {days[-1]}"


@pytest.mark.parametrize(
    ("volume", "told"), [(104.9, []), (95.1, []), (105.1, ["1.1 times"]), (94.9, ["0.95 times"])]
)
def test_volumes_may_be_a_twentieth_apart(volume, told):
    bars, prices = finer(flat(100, volume=volume), DAYS[:1]), daily(flat(100), DAYS[:1])
    found = [one.what for one in check_against_daily(bars, prices, "made")]
    assert len(found) == len(told)
    assert all(text in what for text, what in zip(told, found, strict=True))


def test_sessions_are_missed_between_the_first_and_the_last_bar():
    bars, prices = finer(flat(1, 1), [DAYS[0], DAYS[2]]), daily(flat(1, 1, 1, 1))
    (gap,) = check_against_daily(bars, prices, "made")
    assert gap.what == "No bar on 2025-06-03"
    lone = daily(flat(1, 1), [DAYS[0], DAYS[3]])
    (gap,) = check_against_daily(finer(flat(1, 1, 1), [*DAYS[:2], DAYS[3]]), lone, "made")
    assert gap.what == "No daily price on 2025-06-03"


def test_a_file_without_a_bar_within_hours_is_told_alone():
    none = finer(np.empty((0, 5)), [])
    (found,) = check_against_daily(none, daily(flat(1, 1, 1, 1)), "made")
    assert (found.severity, found.what) == ("warning", "No bar within the hours of a session")


# The bars of a session, and of another ticker


def at(*times, hours="regular", symbol="ACME"):
    """Bars at times of New York summer, of prices and volumes 1, 2, 3 …"""
    file = DataFile(Path(f"made/5m/{symbol}.parquet"), "", "", {}, b"x")
    moments = np.array(times, "M8[us]") + np.timedelta64(4, "h")
    rows = np.array([[n, n + 2, n - 0.5, n + 1, 10 * n] for n in range(1, len(times) + 1)], float)
    return bars_within(file, pd.DataFrame(rows, pd.DatetimeIndex(moments)), hours)


def test_a_session_opens_with_its_first_bar_and_closes_with_its_last():
    bars = at("2025-06-02T09:30", "2025-06-02T12:00", "2025-06-02T15:55", "2025-06-03T09:30")
    assert bars.by_session.to_numpy().tolist() == [[1, 5, 0.5, 4, 60], [4, 6, 3.5, 5, 40]]
    assert bars.by_session.index.strftime("%Y-%m-%d").tolist() == ["2025-06-02", "2025-06-03"]
    assert list(bars.by_session.columns) == NAMES
    assert bars.by_session.index.name == "session"
    assert bars.frame()["volume"].tolist() == [10, 20, 30, 40]
    assert str(bars.frame().index[0]) == "2025-06-02 13:30:00+00:00"
    assert bars.frame().index.name == "time"


def test_bars_out_of_hours_are_in_no_daily_price():
    bars = at("2025-06-02T08:00", "2025-06-02T09:30", "2025-06-02T16:00", hours="extended")
    assert bars.is_extended.tolist() == [True, False, True]
    assert bars.sessions.astype(str).tolist() == ["2025-06-02", "2025-06-02", "2025-06-03"]
    assert bars.by_session.to_numpy().tolist() == [[2, 4, 1.5, 3, 20]]


def test_bars_of_some_sessions():
    bars = at("2025-06-02T09:30", "2025-06-03T09:30", "2025-06-04T09:30")
    some = bars.within(np.array(["2025-06-02", "2025-06-04"], "M8[D]"))
    assert some.table[:, 4].tolist() == [10, 30]
    assert some.sessions.astype(str).tolist() == ["2025-06-02", "2025-06-04"]


@pytest.mark.parametrize(
    ("renamed_on", "own", "volumes"),
    [
        ("2025-06-04", ["2025-06-04T09:30"], [10, 20, 10]),  # its last session is the day before
        ("2025-06-03", ["2025-06-04T09:30"], [10, 10]),
        ("2025-06-05", ["2025-06-03T09:30"], [10, 10]),  # not beside what is its own already
        ("2025-06-04", [], [10, 20]),
    ],
)
def test_of_a_former_ticker_the_sessions_before_the_rename_come_first(renamed_on, own, volumes):
    former = at("2025-06-02T09:30", "2025-06-03T09:30", "2025-06-04T09:30", symbol="OLDC")
    bars = at(*own) if own else at("2025-06-04T08:00")
    joined = _continued(former, bars, day(renamed_on))
    assert joined.table[:, 4].tolist() == volumes
    assert [file.path.stem for file in joined.former] == ["OLDC"]
    again = _continued(replace(former, symbol="ELSE"), joined, day("2025-06-02"))
    assert [file.path.stem for file in again.former] == ["OLDC", "OLDC"]


def test_a_length_that_is_none_is_refused():
    assert minutes_a_bar("1h") == 60
    with pytest.raises(UsageError, match=r"Bars of '2m' are unknown\. Choose one of 1m, 5m"):
        minutes_a_bar("2m")


def test_the_hash_of_bars_tells_times_prices_and_length_apart():
    bars = at("2025-06-02T09:30", "2025-06-02T12:00")
    later = replace(bars, times=bars.times + np.timedelta64(1, "m"))
    dearer = replace(bars, table=bars.table + 1)
    longer = replace(bars, length=15)
    assert len({one.sha256() for one in (bars, later, dearer, longer)}) == 4
    assert replace(bars, symbol="BETA").sha256() == bars.sha256()
