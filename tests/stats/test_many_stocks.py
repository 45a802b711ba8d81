"""The event study of many stocks: by hand, and where there is nothing to find."""

import numpy as np
import pytest

from backtest.stats.significance import (
    abnormal_paths,
    difference_by_season,
    mean_by_season,
    quantiles,
)

SEASONS = np.repeat(np.arange(8), 2)


def one_day(values: np.ndarray, seasons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Events of a return each, of the season of their day 0."""
    return values[:, None], np.column_stack((seasons, seasons))


def test_errors_are_clustered_by_season():
    values = np.array([1.0, 3.0] + [2.0, 2.0] * 6 + [5.0, 5.0])
    # mean 38 ÷ 16 = 2.375; season sums of (x − mean) ÷ 16 are -0.75, six of -0.75, 5.25, ÷ 16
    # error² = 8 ÷ 7 × (7 × 0.75² + 5.25²) ÷ 256
    found = mean_by_season(*one_day(values, SEASONS))
    error = (8 / 7 * (7 * 0.75**2 + 5.25**2) / 256) ** 0.5
    assert found.value == pytest.approx(2.375)
    # Student's t of 7 degrees of freedom: 2.36462 at 97.5 %
    assert found.high - found.value == pytest.approx(2.364624 * error, rel=1e-6)
    assert (found.events, found.seasons) == (16, 8)


def test_fewer_than_eight_seasons_leave_the_interval_unknown():
    found = mean_by_season(*one_day(np.array([1.0, 2.0, np.nan]), np.array([0, 1, 2])))
    assert (found.value, found.p, found.low, found.events, found.seasons) == (1.5, None, None, 2, 2)


def test_a_difference_is_that_of_the_means():
    (high, seasons), (low, _) = (one_day(np.arange(16.0) / n, SEASONS) for n in (1, 2))
    found = difference_by_season(high, low, (seasons, seasons))
    assert found.value == pytest.approx(7.5 - 3.75)
    # season g adds (4g + 1 − 15) ÷ 16 less half of it: (4g − 14) ÷ 32, g from 0 to 7
    sums = np.array([-14, -10, -6, -2, 2, 6, 10, 14]) / 32
    error = (8 / 7 * np.sum(sums**2)) ** 0.5
    assert found.high - found.value == pytest.approx(2.364624 * error, rel=1e-6)


def test_equal_values_are_never_parted():
    values = np.array([5.0, 1.0, 1.0, 1.0, 2.0, np.nan, 3.0, 4.0, 6.0, 7.0, 1.0])
    # ten known: the four ones have ranks 0 to 4, whose middle is 2, in the second fifth
    assert quantiles(values, 5).tolist() == [3, 1, 1, 1, 2, -1, 2, 3, 4, 4, 1]
    assert quantiles(np.arange(10.0), 5).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_paths_are_cut_at_the_ends_of_the_data():
    returns = np.array([[0.01, 0.03], [0.02, 0.00], [0.05, 0.01]])
    abnormal = returns - returns.mean(axis=1)[:, None]
    found = abnormal_paths(abnormal, np.array([0, 2]), np.array([0, 1]), -1, 1)
    assert np.allclose(found[0], [np.nan, -0.01, 0.01], equal_nan=True)
    assert np.allclose(found[1], [-0.01, -0.02, np.nan], equal_nan=True)


def test_the_error_is_the_larger_of_that_by_events_and_that_by_returns():
    """Two returns an event, +1 and -1 or the other way round, the second in the next season.

    The sums are 0 each. Left out, the first and the last season of returns move one day's mean of
    eight by 1/8 ÷ 7/8, and those between both days' means, the same way.
    """
    seasons = np.arange(8)
    values = np.where(seasons % 2, -1.0, 1.0)[:, None] * np.array([1.0, -1.0])
    found = mean_by_season(values, np.column_stack((seasons, seasons, seasons + 1)))
    error = (7 / 8 * (2 * 1**2 + 7 * 2**2)) ** 0.5 / 7
    assert found.value == 0
    assert found.high == pytest.approx(2.364624 * error, rel=1e-6)
    assert found.seasons == 8
    # Of returns that all are of the season of their event it is that of the sums.
    alike = mean_by_season(values * [3, 1], np.repeat(seasons[:, None], 3, axis=1))
    sums = mean_by_season(*one_day(2 * values[:, 0], seasons))
    assert (alike.low, alike.high, alike.p) == pytest.approx((sums.low, sums.high, sums.p))


@pytest.mark.parametrize("spread", [1, 30], ids=["all on one day", "over a season"])
def test_events_that_know_nothing_are_seldom_told_to_know_something(spread):
    """40 made-up stocks of two sectors, 16 seasons; expected at 5 %: 20 of 400 worlds."""
    rejected = sum(null_p(np.random.default_rng(seed), spread) <= 0.05 for seed in range(400))
    assert 8 <= rejected <= 34


@pytest.mark.parametrize("own", [True, False], ids=["a mean", "a difference"])
def test_long_windows_of_events_in_every_week_find_nothing_where_there_is_nothing(own):
    """Three events a week, and windows into the next quarter; by events alone 40 of 400 worlds."""
    found = sum(weekly_p(np.random.default_rng(seed), own=own) <= 0.05 for seed in range(400))
    assert 8 <= found <= 34


def weekly_p(rng: np.random.Generator, *, own: bool) -> float:
    """The p-value of CAAR [0,+60], or of its difference between stocks that move apart."""
    sessions, stocks, length = 17 * 63, 20, 61
    sectors = rng.normal(0, 0.012, (sessions, 2))[:, np.arange(stocks) % 2]
    abnormal = sectors + rng.normal(0, 0.02, (sessions, stocks))
    days = np.repeat(np.arange(0, 15 * 63, 5), 3)
    which = rng.integers(stocks // 2, size=len(days)) * 2
    quarters = (days[:, None] + np.arange(length)) // 63
    seasons = np.column_stack((quarters[:, 0], quarters))
    ends = [abnormal_paths(abnormal, days, which + other, 0, length - 1) for other in (0, 1)]
    if own:
        found = mean_by_season(ends[0], seasons)
    else:
        found = difference_by_season(ends[0], ends[1], (seasons, seasons))
    assert found.p is not None
    return found.p


def null_p(rng: np.random.Generator, spread: int) -> float:
    """The p-value of CAAR [0,10] in a world where events of one sector tell nothing."""
    sessions, stocks, length = 16 * 63, 40, 11
    market = rng.normal(0, 0.01, sessions)
    sectors = rng.normal(0, 0.012, (sessions, 2))[:, np.arange(stocks) % 2]
    returns = market[:, None] + sectors + rng.normal(0, 0.02, (sessions, stocks))
    abnormal = returns - returns.mean(axis=1)[:, None]
    own = np.flatnonzero(np.arange(stocks) % 2 == 0)  # the other sector has no events
    days = (np.arange(16)[:, None] * 63 + 5 + rng.integers(spread, size=(16, len(own)))).ravel()
    which = np.tile(own, 16)
    seasons = (days[:, None] + np.append(0, np.arange(length))) // 63
    p = mean_by_season(abnormal_paths(abnormal, days, which, 0, length - 1), seasons).p
    assert p is not None
    return p
