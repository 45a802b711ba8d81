"""The event study in minutes against figures by hand."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pytest

from backtest.stats.minutes import (
    AFTER,
    BEFORE,
    BarsByClock,
    _shares,
    _steps,
    by_clock,
    minutes_study,
)
from backtest.stats.significance import Mean

FLAT = (100.0, 101.0, 99.0, 100.0, 10.0)


def _clock(
    special: dict[tuple[int, int], tuple[float, ...]],
    sessions: int = 13,
    nights: np.ndarray | None = None,
    lacking: Collection[tuple[int, int]] = (),
) -> BarsByClock:
    """Sessions of 78 flat bars of 5 minutes, but for some."""
    places = [(row, slot) for row in range(sessions) for slot in range(78)]
    places = [place for place in places if place not in lacking]
    table = np.array([special.get(place, FLAT) for place in places])
    rows, slots = zip(*places, strict=True)
    return by_clock(5, rows, slots, table, np.zeros(sessions) if nights is None else nights)


def _study(clock: BarsByClock, events: list[tuple[int, int]]) -> dict[str, Any]:
    return minutes_study(5, [(clock, events)])


def _row(found: dict, minute: int) -> dict:
    return next(row for row in found["rows"] if row["minute"] == minute)


def test_a_fall_in_the_bar_of_publication_is_against_the_close_before_it() -> None:
    fallen = {(12, slot): (90.0, 91.0, 90.0, 90.0, 10.0) for slot in range(11, 78)}
    found = _study(_clock(fallen | {(12, 10): (100.0, 100.0, 95.0, 95.0, 40.0)}), [(12, 10)])
    assert _row(found, -30)["car"]["value"] == 0.0
    assert _row(found, 0)["car"]["value"] == 0.0
    assert _row(found, 5)["car"]["value"] == pytest.approx(95 / 100 - 1)
    assert _row(found, 10)["car"]["value"] == pytest.approx(-0.10)
    assert found["close"]["value"] == pytest.approx(-0.10)
    assert _row(found, 5)["volume"] == pytest.approx(4.0)
    assert _row(found, 5)["range"] == pytest.approx((5 / 95) / (2 / 100))
    assert found["close"]["low"] is None  # of one event there is no interval


def test_what_is_usual_at_the_clock_is_taken_off() -> None:
    usual = {(row, 20): (100.0, 102.0, 100.0, 102.0, 20.0) for row in range(12)}
    found = _study(_clock(usual | {(12, 20): (100.0, 105.0, 100.0, 105.0, 60.0)}), [(12, 20)])
    assert _row(found, 5)["car"]["value"] == pytest.approx(0.05 - 0.02)
    assert _row(found, 5)["volume"] == pytest.approx(3.0)


def test_an_event_in_the_first_bar_is_against_the_open() -> None:
    found = _study(_clock({(12, 0): (100.0, 100.0, 97.0, 97.0, 10.0)}), [(12, 0)])
    assert _row(found, 0)["car"]["value"] == 0.0
    assert _row(found, -5)["car"]["value"] is None
    assert _row(found, 5)["car"]["value"] == pytest.approx(-0.03)


def test_before_a_bar_that_others_lack_the_price_is_the_close_before_them() -> None:
    """Trading stands still from 10:10 until the report, and ends at 13:00."""
    lacking = {(12, slot) for slot in (8, 9, *range(42, 78))}
    fallen = {(12, slot): (95.0, 95.0, 95.0, 95.0, 10.0) for slot in range(10, 42)}
    found = _study(_clock(fallen, lacking=lacking), [(12, 10)])
    assert (found["events"], found["without_usual"]) == (1, 0)
    assert [_row(found, minute)["car"]["value"] for minute in (-10, -5, 0)] == [0.0, 0.0, 0.0]
    assert _row(found, 5)["car"]["value"] == pytest.approx(-0.05)
    assert found["close"]["value"] == pytest.approx(-0.05)
    late = _study(_clock({}, lacking=lacking), [(12, 40)])
    assert [_row(late, minute)["car"]["value"] for minute in (10, 15)] == [0.0, None]


def test_nine_sessions_before_are_too_few() -> None:
    found = _study(_clock({}), [(9, 10)])
    assert found["events"] == 0
    assert found["close"]["value"] is None


def test_the_twenty_sessions_before_are_the_usual_ones() -> None:
    earlier = {(row, 20): (100.0, 110.0, 100.0, 110.0, 990.0) for row in range(10)}
    event = {(30, 20): (100.0, 103.0, 100.0, 103.0, 30.0)}
    found = _study(_clock(earlier | event, 31), [(30, 20)])
    assert _row(found, 5)["car"]["value"] == pytest.approx(0.03)
    assert _row(found, 5)["volume"] == pytest.approx(3.0)


def test_how_much_was_over_after_five_minutes_and_at_the_next_open() -> None:
    """Ten fall by half in their bar, wholly in the next, and by half as much in the night."""
    special: dict[tuple[int, int], tuple[float, ...]] = {}
    nights = np.zeros(22)
    for number, row in enumerate(range(12, 22)):
        half, whole = 98.0 - number / 100, 96.0 - number / 50
        special[row, 10] = (100.0, 100.0, half, half, 10.0)
        special |= {(row, slot): (whole, whole, whole, whole, 10.0) for slot in range(11, 78)}
        nights[row] = (94.0 - number * 3 / 100) / whole - 1
    found = _study(_clock(special, 22, nights), [(row, 10) for row in range(12, 22)])
    assert found["events"] == found["sessions"] == 10
    # The mean of 96.00, 95.98 … 95.82 is 95.91, that of the opens 94.00, 93.97 … 93.73 is 93.865.
    assert found["close"]["value"] == pytest.approx(-0.0409)
    assert found["next_open"]["value"] == pytest.approx(-0.06135)
    assert found["shares"] == pytest.approx({"5": 0.5, "30": 1.0, "next open": 1.5})


def test_two_stocks_are_one_mean_and_their_sessions_the_clusters() -> None:
    """Eight sessions, in each of which two stocks move alike: as if one of them were alone."""
    moves = {row: 100.0 + row - 11 for row in range(12, 20)}
    special = {(row, 20): (100.0, price, 100.0, price, 10.0) for row, price in moves.items()}
    events = [(row, 20) for row in moves]
    alone = _row(_study(_clock(special, 20), events), 5)["car"]
    clocks = [(_clock(special, 20), events)] * 2
    found = minutes_study(5, clocks)
    assert (found["stocks"], found["events"], found["sessions"]) == (2, 16, 8)
    both = _row(found, 5)["car"]
    # 1 % to 8 %: the mean is 4.5 %, its error √(42 ÷ 7 ÷ 8) = 0.866 %, and t(0.975, 7) = 2.3646.
    assert alone == pytest.approx(
        {"value": 0.045, "low": 0.02452, "high": 0.06548, "events": 8}, abs=1e-5
    )
    assert both == {**{name: pytest.approx(alone[name]) for name in alone}, "events": 16}


def test_events_that_cannot_be_held_against_anything_are_counted() -> None:
    found = minutes_study(5, [(_clock({}), [(9, 10), (12, 10), (12, 40)])])
    assert (found["events"], found["without_usual"]) == (1, 1)


@pytest.mark.parametrize(
    ("stocks", "part", "shared", "deviation"),
    [(1, 1.0, 0.0, 0.0), pytest.param(5, 0.5, 0.5, 0.5, marks=pytest.mark.slow)],
)
def test_without_any_effect_the_interval_misses_nothing_in_few_worlds(
    stocks: int, part: float, shared: float, deviation: float
) -> None:
    """Of 20 sessions each stock has an event in a part, at any clock; of 60 others in none.

    Stocks have a correlation of `shared`; the deviation is of the logarithm of that of a session.
    """
    rng, missed, worlds = np.random.default_rng(7), 0, 400
    rows, slots = np.repeat(np.arange(80), 24), np.tile(np.arange(24), 80)
    for _ in range(worlds):
        days = rng.choice(np.arange(25, 80), 20, replace=False)
        wild = 0.002 * np.exp(deviation * rng.standard_normal((80, 1)))
        market = rng.standard_normal((80, 25))
        clocks = []
        for _ in range(stocks):
            own = rng.standard_normal((80, 25))
            moves = wild * (np.sqrt(shared) * market + np.sqrt(1 - shared) * own)
            path = 100 * np.exp(np.cumsum(moves, axis=1))
            opens, closes = path[:, :-1].ravel(), path[:, 1:].ravel()
            bars = [opens, np.maximum(opens, closes), np.minimum(opens, closes), closes, 9 + closes]
            clock = by_clock(5, rows, slots, np.column_stack(bars), np.zeros(80))
            happened = days[rng.random(20) < part].tolist()
            clocks.append((clock, [(day, int(rng.integers(2, 16))) for day in happened]))
        car = _row(minutes_study(5, clocks), 30)["car"]
        missed += car["low"] > 0 or car["high"] < 0
    assert 0.03 <= missed / worlds <= 0.07


def test_half_an_hour_before_and_two_hours_after_are_looked_at() -> None:
    assert (BEFORE, AFTER) == (30, 120)


def test_a_clock_has_the_open_and_a_column_for_each_bar() -> None:
    assert _clock({}, 3).prices.shape == (3, 79)


def test_ten_sessions_before_are_enough() -> None:
    found = _study(_clock({}, 11), [(10, 10)])
    assert (found["events"], found["without_usual"]) == (1, 0)


def test_the_rows_reach_from_half_an_hour_before_to_two_hours_after() -> None:
    minutes = [row["minute"] for row in _study(_clock({}), [(12, 40)])["rows"]]
    assert minutes == list(range(-30, 125, 5))


def test_minutes_after_the_last_bar_are_unknown() -> None:
    """The bar of 15:30 is the 73rd of 78: five come after it, and no sixth."""
    found = _study(_clock({}), [(12, 72)])
    cars = {row["minute"]: row["car"]["value"] for row in found["rows"]}
    assert [minute for minute, value in cars.items() if value is None] == list(range(35, 125, 5))
    assert _row(found, 30)["volume"] == 1.0
    assert _row(found, 35)["volume"] is None


def test_of_two_events_in_a_session_the_first_counts() -> None:
    special = {(12, 10): (100.0, 100.0, 95.0, 95.0, 40.0)}
    for events in ([(12, 10), (12, 40)], [(12, 40), (12, 10)]):
        assert _row(_study(_clock(special), events), 5)["car"]["value"] == pytest.approx(-0.05)


def test_a_session_without_bars_is_none_of_the_twenty() -> None:
    """The 21st session before rises in that bar, and counts where one of the later has no bars."""
    places = [(row, slot) for row in range(22) if row != 5 for slot in range(78)]
    risen = {(0, 20): (100.0, 110.0, 100.0, 120.0, 10.0)}
    table = np.array([risen.get(place, FLAT) for place in places])
    rows, slots = zip(*places, strict=True)
    clock = by_clock(5, rows, slots, table, np.zeros(22))
    assert _row(_study(clock, [(21, 20)]), 5)["car"]["value"] == pytest.approx(-0.2 / 20)
    assert _row(_study(_clock(risen, 22), [(21, 20)]), 5)["car"]["value"] == pytest.approx(0.0)


def test_where_nothing_is_usually_traded_there_is_no_multiple() -> None:
    still = {(row, 10): (100.0, 100.0, 100.0, 100.0, 0.0) for row in range(12)}
    row = _row(_study(_clock(still), [(12, 10)]), 5)
    assert (row["volume"], row["range"]) == (None, None)
    few = {(row, 10): (100.0, 101.0, 99.0, 100.0, 0.5) for row in range(12)}
    assert _row(_study(_clock(few), [(12, 10)]), 5)["volume"] == 20.0


MOVES = [-0.01] * 7 + [0.02] + [0.0] * 23 + [0.04, 0.08]  # by 5 minutes, to the close and the open


@pytest.mark.parametrize(
    ("low", "high", "moves"),
    [
        (0.01, 0.07, True),
        (-0.07, -0.01, True),
        (-0.01, 0.07, False),
        (0.0, 0.07, False),  # zero is in the interval
        (None, None, False),
    ],
)
def test_a_share_is_told_where_the_move_to_the_close_is_beyond_doubt(low, high, moves) -> None:
    close = Mean(0.04, low, high, None, None, 9, 9)
    unknown = [*MOVES[:-1], np.nan]  # no next open
    found = _shares(np.array([MOVES, unknown]), close, 5)
    # 0.02 of 0.04 after five minutes, and nothing after 30; 0.08 of 0.04 at the one next open
    assert found == ({"5": 0.5, "30": 0.0, "next open": 2.0} if moves else dict.fromkeys(found))


def test_without_any_next_open_there_is_no_share_of_it() -> None:
    close = Mean(0.04, 0.01, 0.07, None, None, 9, 9)
    assert _shares(np.array([[*MOVES[:-1], np.nan]]), close, 5)["next open"] is None


@pytest.mark.parametrize(("length", "steps"), [(5, range(-6, 25)), (60, range(3))])
def test_steps_are_whole_bars_within_the_minutes(length, steps) -> None:
    assert _steps(length) == steps
