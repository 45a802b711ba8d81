"""Intervals by occasion: reference values, what they cover, and when they are unknown."""

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from backtest.stats.figures import sharpe
from backtest.stats.intervals import (
    Estimate,
    fewest_occasions,
    ratio_of_sums,
    sharpe_by_group,
    student,
)


def test_six_is_the_fewest_that_carry_an_interval():
    # Five all lie on one side with chance 2 / 32 = 0.0625, six with 2 / 64 = 0.03125.
    assert fewest_occasions() == 6


@pytest.mark.parametrize(("probability", "freedom"), [(0.975, 5), (0.95, 11), (0.8, 1)])
def test_student_as_scipy_has_it(probability, freedom):
    assert student(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom))


def test_a_ratio_of_sums_by_hand():
    # 30 of 300: 0.1; away from it 10 - 10, 30 - 10, -10 - 10 with equal amounts of 100.
    found = ratio_of_sums(np.array([10.0, 30.0, -10.0]), np.array([100.0, 100.0, 100.0]))
    assert found.value == pytest.approx(0.1)
    assert found.error == pytest.approx(sqrt(3 / 2 * (20**2 + 20**2)) / 300)
    assert found.count == 3


def test_equal_amounts_give_the_standard_error_of_a_mean():
    returns = np.array([0.02, -0.05, 0.11, 0.03, -0.01, 0.07])
    found = ratio_of_sums(returns, np.ones(6))
    assert found.value == pytest.approx(returns.mean())
    assert found.error == pytest.approx(stats.sem(returns))


def test_small_amounts_count_for_little():
    # 1 % on 1,000 and -50 % on 10.
    found = ratio_of_sums(np.array([10.0, -5.0]), np.array([1_000.0, 10.0]))
    assert found.value == pytest.approx(5 / 1_010)


def test_an_interval_is_students_where_draws_are_narrow():
    estimate = Estimate(0.1, 0.02, 6)
    found = estimate.interval(np.array([0.0, 0.001, -0.001]))
    reach = 2.5705818366147395 * 0.02  # t(0.975, 5)
    assert (found.low, found.high) == (pytest.approx(0.1 - reach), pytest.approx(0.1 + reach))


def test_an_interval_is_as_wide_as_the_draws_where_trades_are_alike():
    draws = np.array([-0.03] * 90 + [0.27] * 10)  # mean 0
    found = Estimate(-0.03, 0.0, 12).interval(draws)
    # Quantiles of the draws: -0.03 and 0.27; from -0.03 - 0.27 to -0.03 + 0.03.
    assert (found.low, found.high) == (pytest.approx(-0.30), pytest.approx(0.0))


def test_undefined_draws_are_left_out():
    draws = np.array([np.nan, -0.2, 0.2])
    found = Estimate(0.0, 0.001, 9).interval(draws)
    assert found.high == pytest.approx(0.19)  # the 2.5 % quantile of two values
    assert Estimate(0.0, 0.01, 9).interval(np.array([np.nan])).high == pytest.approx(
        student(0.975, 8) * 0.01
    )


def test_the_detectable_effect_by_hand():
    # t(0.95, 5) = 2.0150 and t(0.8, 5) = 0.9195 times the larger error.
    assert Estimate(0.0, 0.02, 6).detectable(np.zeros(5), 0.05, 0.8) == pytest.approx(
        (2.015048 + 0.919544) * 0.02, rel=1e-5
    )
    wide = np.array([-0.1, 0.1])
    assert Estimate(0.0, 0.02, 6).detectable(wide, 0.05, 0.8) == pytest.approx(
        (2.015048 + 0.919544) * 0.1, rel=1e-5
    )


def test_the_sharpe_ratio_is_that_of_the_figures():
    returns = np.random.default_rng(1).normal(0.001, 0.02, 250)
    found = sharpe_by_group(returns, np.arange(250) // 21)
    assert found.value == pytest.approx(sharpe(returns))
    assert found.count == 12


def test_the_error_of_independent_returns_is_that_of_lo():
    # Lo 2002: the error of a ratio S a session is √((1 + S²/2) / T) for normal returns.
    returns = np.random.default_rng(2).normal(0.1, 1.0, 20_000)
    found = sharpe_by_group(returns, np.arange(20_000) // 20)
    ratio = found.value / sqrt(252)
    assert found.error == pytest.approx(sqrt((1 + ratio**2 / 2) / 20_000 * 252), rel=0.05)


def test_sessions_of_no_group_count_for_the_ratio_alone():
    returns = np.concatenate([np.zeros(30), [0.02, -0.01, 0.03, 0.01]])
    groups = np.array([-1] * 30 + [0, 0, 1, 1])
    found = sharpe_by_group(returns, groups)
    assert found.count == 2
    assert found.value == pytest.approx(sharpe(returns))


def test_a_ratio_that_does_not_vary_is_none():
    assert sharpe_by_group(np.zeros(30), np.zeros(30, int)) is None


def test_one_group_has_no_error():
    assert np.isnan(sharpe_by_group(np.array([0.1, 0.2, 0.0]), np.zeros(3, int)).error)


@pytest.mark.parametrize("skew", [False, True])
def test_what_the_interval_of_a_mean_covers(skew):
    rng, tries = np.random.default_rng(3), 2_000
    drawn = rng.exponential(1, (tries, 12)) - 1 if skew else rng.normal(size=(tries, 12))
    nothing = np.array([])
    found = [ratio_of_sums(row, np.ones(12)).interval(nothing) for row in drawn]
    covered = sum(one.low <= 0 <= one.high for one in found) / tries
    assert 0.87 < covered < 0.97 if skew else 0.935 < covered < 0.965
