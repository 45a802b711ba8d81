"""The permutation test: what it draws, what it says, and how often it is wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.stats.event_study import Series, event_study
from backtest.stats.multiple_testing import draw_distinct, wilson_interval
from backtest.stats.significance import _random_positions, permutation_test


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def gaps(places: np.ndarray, among: int) -> list[int]:
    places = np.sort(places)
    return sorted(np.diff(places, append=places[0] + among).tolist())


@given(st.lists(st.integers(0, 49), min_size=1, max_size=12), st.integers(1, 9), st.integers(0, 99))
def test_random_days_are_as_close_together_as_the_true_ones(days, length, seed):
    places = np.sort(np.array(days))
    drawn = _random_positions(rng(seed), places, 50, length, 20)
    assert drawn.shape == (20, len(days))
    assert drawn.min() >= 0
    assert drawn.max() < 50
    close = [gap for gap in gaps(places, 50) if gap < length]
    for row in drawn:
        assert [gap for gap in gaps(row, 50) if gap < length] == close


def test_every_day_is_drawn_as_often():
    drawn = _random_positions(rng(1), np.array([3, 4, 20]), 25, 3, 20_000)
    counts = np.bincount(drawn.ravel(), minlength=25)
    assert counts == pytest.approx(np.full(25, 60_000 / 25), rel=0.1)


def test_days_that_fill_the_history_can_only_be_turned():
    drawn = _random_positions(rng(1), np.array([0, 2, 4]), 6, 3, 50)
    assert {tuple(sorted(row)) for row in drawn.tolist()} == {(0, 2, 4), (1, 3, 5)}


def test_single_days_apart_are_drawn_as_any_set_of_days():
    drawn = np.sort(_random_positions(rng(1), np.array([0, 3]), 6, 1, 30_000), axis=1)
    sets, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(sets) == 15
    assert counts == pytest.approx(np.full(15, 2_000), rel=0.1)


def test_distinct_numbers_are_drawn_in_every_order():
    drawn = draw_distinct(rng(1), 24_000, 3, 4)
    rows, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(rows) == 24
    assert all(len(set(row)) == 3 for row in rows.tolist())
    assert counts == pytest.approx(np.full(24, 1_000), rel=0.15)


def test_one_event_stands_among_all_days():
    cars = np.arange(100.0)
    cars[:5] = np.nan
    found = permutation_test([cars], [np.array([94])], seed=1, draws=5_000)
    assert (found.caar, found.days) == (94.0, 95)
    assert found.p.upper == pytest.approx(6 / 95, abs=0.01)
    assert set(found.null) == set(cars[5:])


def test_events_whose_car_is_unknown_are_left_out():
    cars = np.arange(50.0)
    cars[10] = np.nan
    found = permutation_test([cars], [np.array([10, 20, -4, 77])], seed=1, draws=10)
    assert found.caar == 20.0
    assert permutation_test([cars], [np.array([10, -4])], seed=1, draws=10) is None


def test_events_of_several_stocks_are_averaged_over_all():
    one, other = np.full(50, 1.0), np.full(30, 4.0)
    found = permutation_test(
        [one, other], [np.array([5, 9]), np.array([7])], length=2, seed=1, draws=10
    )
    assert (found.caar, found.days) == (2.0, 80)
    assert found.null == pytest.approx(np.full(10, 2.0))
    assert found.p.two_sided == 1.0


def test_it_is_seeded():
    cars = rng(1).normal(size=200)
    one, same, other = (
        permutation_test([cars], [np.array([5, 90])], length=3, seed=s, draws=50) for s in (1, 1, 2)
    )
    assert np.array_equal(one.null, same.null)
    assert not np.array_equal(one.null, other.null)


def test_a_planted_effect_is_found_in_a_study():
    days = np.array([80, 130, 180, 230])
    market, returns = rng(1).normal(0, 0.01, 300), rng(2).normal(0, 0.02, 300)
    returns[days] += 0.08
    found = event_study(Series(returns + market, market, days), ((0, 1),), draws=999)
    assert found.windows[0].permutation.p.upper == 1 / 1000
    assert found.windows[0].permutation.caar == pytest.approx(0.08, abs=0.03)


def calm_and_wild(draw: np.random.Generator, count: int) -> np.ndarray:
    """Unpredictable returns whose spread comes in clusters."""
    spread, returns = 0.02, np.empty(count)
    for day in range(count):
        returns[day] = draw.normal(0, spread)
        spread = np.sqrt(0.00002 + 0.9 * spread**2 + 0.08 * returns[day] ** 2)
    return returns


@pytest.mark.parametrize("events", [2, 6, 25])
def test_level_holds_where_spreads_cluster_and_windows_overlap(events):
    draw, tries, found = rng(events), 500, 0
    for seed in range(tries):
        returns = calm_and_wild(draw, 150)
        cars = np.convolve(returns, np.ones(6), mode="valid")
        days = draw.choice(len(cars), events, replace=False)
        test = permutation_test([cars], [days], length=6, seed=seed, draws=199)
        found += test.p.two_sided <= 0.1
    low, high = wilson_interval(found, tries, 0.99)
    assert low <= 0.1 <= high


def test_level_of_a_whole_study_holds():
    draw, tries, found = rng(3), 60, 0
    for seed in range(tries):
        market, own = calm_and_wild(draw, 100), calm_and_wild(draw, 100)
        days = draw.choice(np.arange(1, 95), 6, replace=False)
        series = Series(2 * market + own, market, days)
        outcome = event_study(series, ((0, 3),), seed=seed, draws=99).windows[0]
        found += outcome.permutation.p.two_sided <= 0.2
    low, high = wilson_interval(found, tries, 0.99)
    assert low <= 0.2 <= high
