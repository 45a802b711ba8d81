"""The event study in minutes against figures by hand."""

import numpy as np
import pytest

from backtest.stats.minutes import by_clock, minutes_study

FLAT = (100.0, 101.0, 99.0, 100.0, 10.0)


def _clock(special: dict[tuple[int, int], tuple[float, ...]], sessions: int = 13) -> object:
    """Sessions of 78 flat bars of 5 minutes, but for some."""
    places = [(row, slot) for row in range(sessions) for slot in range(78)]
    table = np.array([special.get(place, FLAT) for place in places])
    rows, slots = zip(*places, strict=True)
    return by_clock(5, rows, slots, table)


def _row(found: dict, minute: int) -> dict:
    return next(row for row in found["rows"] if row["minute"] == minute)


def test_a_fall_in_the_bar_of_publication_is_against_the_close_before_it() -> None:
    fallen = {(12, slot): (90.0, 91.0, 90.0, 90.0, 10.0) for slot in range(11, 78)}
    found = minutes_study(_clock(fallen | {(12, 10): (100.0, 100.0, 95.0, 95.0, 40.0)}), [(12, 10)])
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
    found = minutes_study(
        _clock(usual | {(12, 20): (100.0, 105.0, 100.0, 105.0, 60.0)}), [(12, 20)]
    )
    assert _row(found, 5)["car"]["value"] == pytest.approx(0.05 - 0.02)
    assert _row(found, 5)["volume"] == pytest.approx(3.0)


def test_an_event_in_the_first_bar_is_against_the_open() -> None:
    found = minutes_study(_clock({(12, 0): (100.0, 100.0, 97.0, 97.0, 10.0)}), [(12, 0)])
    assert _row(found, 0)["car"]["value"] == 0.0
    assert _row(found, -5)["car"]["value"] is None
    assert _row(found, 5)["car"]["value"] == pytest.approx(-0.03)


def test_nine_sessions_before_are_too_few() -> None:
    found = minutes_study(_clock({}), [(9, 10)])
    assert found["events"] == 0
    assert found["close"]["value"] is None


def test_the_twenty_sessions_before_are_the_usual_ones() -> None:
    earlier = {(row, 20): (100.0, 110.0, 100.0, 110.0, 990.0) for row in range(10)}
    event = {(30, 20): (100.0, 103.0, 100.0, 103.0, 30.0)}
    found = minutes_study(_clock(earlier | event, 31), [(30, 20)])
    assert _row(found, 5)["car"]["value"] == pytest.approx(0.03)
    assert _row(found, 5)["volume"] == pytest.approx(3.0)


def test_how_much_was_over_after_five_minutes() -> None:
    special: dict[tuple[int, int], tuple[float, ...]] = {}
    for number, row in enumerate(range(12, 22)):
        half, whole = 98.0 - number / 100, 96.0 - number / 50
        special[row, 10] = (100.0, 100.0, half, half, 10.0)
        special |= {(row, slot): (whole, whole, whole, whole, 10.0) for slot in range(11, 78)}
    found = minutes_study(_clock(special, 22), [(row, 10) for row in range(12, 22)])
    assert found["events"] == 10
    assert found["shares"] == {"5": pytest.approx(0.5), "30": pytest.approx(1.0)}


def test_without_any_effect_the_interval_misses_nothing_in_few_worlds() -> None:
    rng, missed, worlds = np.random.default_rng(7), 0, 400
    rows, slots = np.repeat(np.arange(160), 40), np.tile(np.arange(40), 160)
    for _ in range(worlds):
        path = 100 * np.exp(np.cumsum(0.002 * rng.standard_normal((160, 41)), axis=1))
        opens, closes = path[:, :-1].ravel(), path[:, 1:].ravel()
        table = np.column_stack(
            [opens, np.maximum(opens, closes), np.minimum(opens, closes), closes]
        )
        clock = by_clock(5, rows, slots, np.column_stack([table, np.full(len(table), 9.0)]))
        days = rng.choice(np.arange(40, 160), 20, replace=False).tolist()
        car = _row(minutes_study(clock, [(day, 10) for day in days]), 30)["car"]
        missed += car["low"] > 0 or car["high"] < 0
    assert 0.025 <= missed / worlds <= 0.075
