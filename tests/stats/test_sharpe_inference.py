"""Sharpe inference against the values of the papers' formulas."""

from math import ceil, floor, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backtest.stats.figures import sharpe
from backtest.stats.sharpe_inference import (
    SharpeEstimate,
    deflated_sharpe_ratio,
    expected_maximum,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    sharpe_estimate,
    thin_record,
)

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
    assert thin_record(trades, held, sessions) == told
