"""Intervals by occasion and Sharpe inference: reference values, and when nothing is known."""

from math import ceil, floor, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from backtest.stats.figures import (
    Estimate,
    fewest_occasions,
    ratio_of_sums,
    sharpe,
    sharpe_by_group,
    student,
    too_few_observations,
)
from backtest.stats.multiple_testing import (
    SharpeEstimate,
    deflated_sharpe_ratio,
    expected_maximum,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    sharpe_estimate,
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


@pytest.mark.parametrize(("value", "count"), [(0.0, 30), (0.1, 7), (0.3, 10)])
def test_a_ratio_that_does_not_vary_is_none(value, count):
    """The mean of squares less the square of the mean is not quite 0 of some equal figures."""
    assert sharpe_by_group(np.full(count, value), np.zeros(count, int)) is None


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


MONTHLY = SharpeEstimate(1.585 / sqrt(12), 24, -2.448, 10.164)


@pytest.mark.parametrize(
    ("trials", "best"),
    [(1, 0.0), (5, 1.1926), (10, 1.5746), (45, 2.2356), (46, 2.2442), (88, 2.4853), (1000, 3.2551)],
)
def test_expected_maximum(trials, best):
    assert expected_maximum(trials) == pytest.approx(best, abs=5e-5)


def test_expected_maximum_of_a_hundred_to_the_last_digit():
    assert expected_maximum(100) == pytest.approx(2.5306028932016846, abs=1e-14)


@given(st.integers(1, 10**9))
def test_more_trials_show_a_better_best(trials):
    assert expected_maximum(trials) < expected_maximum(trials + max(1, trials // 100))


def test_psr():
    assert probabilistic_sharpe_ratio(MONTHLY) == pytest.approx(0.91323430688486, abs=1e-13)


def test_psr_wants_raw_kurtosis():
    excess = SharpeEstimate(MONTHLY.ratio, 24, -2.448, 10.164 - 3)
    assert probabilistic_sharpe_ratio(excess) == pytest.approx(0.9198, abs=5e-5)


def test_psr_is_not_that_of_the_later_version():
    later = SharpeEstimate(0.036 / 0.079, 24, -2.448, 10.164)
    assert probabilistic_sharpe_ratio(later) == pytest.approx(0.9127, abs=5e-5)


def test_psr_is_even_at_its_own_benchmark():
    assert probabilistic_sharpe_ratio(MONTHLY, MONTHLY.ratio) == 0.5


def test_psr_without_variance_is_unknown():
    assert probabilistic_sharpe_ratio(SharpeEstimate(1.0, 1)) is None
    assert probabilistic_sharpe_ratio(SharpeEstimate(1.0, 24, 1.0, 1.0)) is None


@pytest.mark.parametrize(
    ("trials", "skewness", "kurtosis", "days", "expected", "digits"),
    [
        (100, -3, 10, 250, 0.90039683444939, 13),
        (46, -3, 10, 250, 0.950502, 6),
        (88, 0, 3, 250, 0.950491, 6),
        (100, -3, 10, 252, 0.899672, 6),
    ],
)
def test_dsr(trials, skewness, kurtosis, days, expected, digits):
    estimate = SharpeEstimate(2.5 / sqrt(days), 1250, skewness, kurtosis)
    found = deflated_sharpe_ratio(estimate, 0.5 / days, trials)
    assert found == pytest.approx(expected, abs=0.51 * 10**-digits)


def test_the_best_of_a_hundred_without_skill():
    assert sqrt(0.5 / 250) * expected_maximum(100) == pytest.approx(0.113172, abs=5e-7)


def test_dsr_of_a_single_trial_is_psr():
    assert deflated_sharpe_ratio(MONTHLY, 0.01, 1) == probabilistic_sharpe_ratio(MONTHLY)


@pytest.mark.parametrize(
    ("periods", "skewness", "kurtosis", "years", "digits"),
    [
        (250, 0, 3, 2.7311878, 7),
        (52, 0, 3, 2.8288336, 7),
        (12, 0, 3, 3.2398, 4),
        (12, -0.72, 5.78, 4.9913, 4),
    ],
)
def test_minimum_track_record_length(periods, skewness, kurtosis, years, digits):
    estimate = SharpeEstimate(2 / sqrt(periods), 1000, skewness, kurtosis)
    length = minimum_track_record_length(estimate, 1 / sqrt(periods))
    assert length / periods == pytest.approx(years, abs=0.51 * 10**-digits)


def test_no_record_is_long_enough_for_what_does_not_exceed():
    assert minimum_track_record_length(SharpeEstimate(0.1, 100), 0.1) is None


@given(st.floats(0.01, 0.5), st.floats(-0.5, 0.0), st.floats(-1, 1), st.floats(2.1, 20))
def test_the_minimum_is_where_the_confidence_is_reached(ratio, benchmark, skewness, kurtosis):
    length = minimum_track_record_length(SharpeEstimate(ratio, 2, skewness, kurtosis), benchmark)
    for periods, reached in ((floor(length), False), (ceil(length) + 1, True)):
        found = SharpeEstimate(ratio, max(periods, 2), skewness, kurtosis)
        assert periods < 2 or (probabilistic_sharpe_ratio(found, benchmark) > 0.95) == reached


def test_estimate_by_hand():
    # mean 0; squares 1 1 1 1 4 4, cubes cancel, fourth powers 1 1 1 1 16 16
    found = sharpe_estimate(np.array([-1.0, 1, -1, 1, -2, 2]) + 0.5)
    assert found.ratio == pytest.approx(0.5 / sqrt(12 / 5))
    assert (found.observations, found.skewness) == (6, pytest.approx(0))
    assert found.kurtosis == pytest.approx((36 / 6) / 2**2)


@pytest.mark.parametrize("returns", [[], [0.1], [0.01, 0.01, 0.01]])
def test_estimate_is_unknown_where_nothing_varies(returns):
    assert sharpe_estimate(np.array(returns)) is None


@given(arrays(float, st.integers(2, 50), elements=st.integers(-500, 500).map(lambda n: n / 1e3)))
def test_estimate_agrees_with_the_figure_and_its_variance_is_not_negative(returns):
    found = sharpe_estimate(returns)
    if found is not None:
        assert found.ratio * sqrt(252) == pytest.approx(sharpe(returns))
        assert found.variance >= -1e-9 * max(1, found.ratio**2)


@pytest.mark.parametrize(
    ("trades", "held", "sessions", "told"),
    [
        (1, 381, 381, ""),  # always in the market: its sessions are what is observed
        (1, 191, 381, ""),
        (1, 190, 381, "1 trade: at least 6 are needed"),
        (5, 60, 381, "5 trades: at least 6 are needed"),
        (6, 20, 381, ""),
        (6, 19, 381, "19 sessions with a position: at least 20 are needed"),
        (1, 1, 2, "1 session with a position: at least 20 are needed"),
        (0, 0, 381, "0 trades: at least 6 are needed"),
    ],
)
def test_a_record_is_thin_without_enough_trades_or_sessions(trades, held, sessions, told):
    assert too_few_observations(trades, held, sessions) == told


def test_one_draw_has_no_error_of_its_own():
    sums = (2.015048 + 0.919544) * 0.02
    found = Estimate(0.0, 0.02, 6).detectable(np.array([0.5]), 0.05, 0.8)
    assert found == pytest.approx(sums, rel=1e-5)


def test_without_a_benchmark_a_ratio_is_held_against_nothing():
    estimate = SharpeEstimate(0.1, 100)
    for found in (probabilistic_sharpe_ratio, minimum_track_record_length):
        assert found(estimate) == found(estimate, 0.0)


def test_one_observation_has_no_error_and_two_have():
    one = ratio_of_sums(np.array([10.0]), np.array([100.0]))
    assert one.value == pytest.approx(0.1)
    assert np.isnan(one.error)
    # 40 of 200 is 0.2: both are 10 away from it
    two = ratio_of_sums(np.array([10.0, 30.0]), np.array([100.0, 100.0]))
    assert two.error == pytest.approx(sqrt(2 / 1 * (10**2 + 10**2)) / 200)


def test_the_error_of_a_ratio_is_of_the_groups_that_are_held():
    """Sessions of no group, here before and after, move the ratio and add nothing to its error."""
    returns = np.array([0.0, 0.03, -0.01, 0.01, 0.02, 0.0, 0.01])
    groups = np.array([-1, 0, 0, 1, 1, -1, 1])
    found = sharpe_by_group(returns, groups)

    def ratio(first: float, second: float) -> float:
        """The ratio where the returns of a group, and their squares, count so often."""
        weights = np.array([1, first, first, second, second, 1, second])
        mean, square = (weights @ returns**power / 7 for power in (1, 2))
        return mean / sqrt(square - mean**2) * sqrt(252)

    step = 1e-6
    # Each group less the mean of both: by half of how far the first moves it beyond the second.
    moved = (ratio(1 + step, 1) - ratio(1, 1 + step)) / step / 2
    assert found.error == pytest.approx(sqrt(2 / 1 * 2 * moved**2), rel=1e-4)
    assert found.count == 2


def test_a_ratio_that_is_never_held_has_no_group():
    found = sharpe_by_group(np.array([0.1, 0.2, 0.0]), np.full(3, -1))
    assert (found.count, np.isnan(found.error)) == (0, True)


def test_returns_whose_squares_vanish_have_no_ratio():
    assert sharpe_by_group(np.array([1e-200, 2e-200]), np.array([0, 1])) is None


def test_two_returns_have_an_estimate_and_two_observations_a_probability():
    # mean 0.2, deviation √(0.02)
    found = sharpe_estimate(np.array([0.1, 0.3]))
    assert (found.ratio, found.observations) == (pytest.approx(0.2 / sqrt(0.02)), 2)
    assert probabilistic_sharpe_ratio(SharpeEstimate(0.0, 2)) == 0.5


def test_an_interval_has_the_spread_of_the_draws_about_their_own_mean():
    draws = np.array([0.17] * 90 + [0.47] * 10)  # mean 0.2, from which they lie as above
    found = Estimate(-0.03, 0.0, 12).interval(draws)
    assert (found.low, found.high) == (pytest.approx(-0.30), pytest.approx(0.0))
