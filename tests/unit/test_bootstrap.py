"""Bootstrap intervals: when there is none, what they hold, and that they are seeded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from backtest.stats.bootstrap import fewest_trades, mean_trade_return, sharpe_interval
from backtest.stats.figures import sharpe
from backtest.stats.multiple_testing import wilson_interval


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(("confidence", "fewest"), [(0.9, 5), (0.95, 6), (0.99, 8)])
def test_fewest_trades(confidence, fewest):
    assert fewest_trades(confidence) == fewest
    assert 2 / 2**fewest <= 1 - confidence < 2 / 2 ** (fewest - 1)


@pytest.mark.parametrize("returns", [[0.1], [0.1, -0.2], [0.1, -0.2, 0.3], [0.1, 0.2, 0.3, 0.4, 0]])
def test_few_trades_have_a_mean_and_no_interval(returns):
    found = mean_trade_return(np.array(returns), seed=1)
    assert found.estimate == pytest.approx(np.mean(returns))
    assert (found.low, found.high) == (None, None)
    noun = "trade" if len(returns) == 1 else "trades"
    assert found.unknown == f"{len(returns)} {noun}: an interval needs 6"


def test_no_trade_and_trades_that_are_all_alike():
    assert mean_trade_return(np.array([]), seed=1).unknown == "no trade"
    assert mean_trade_return(np.array([]), seed=1).estimate is None
    alike = mean_trade_return(np.full(9, 0.1), seed=1)
    assert (alike.low, alike.unknown) == (None, "all trades are alike")


def test_interval_is_seeded():
    returns = rng(1).normal(size=20)
    one, same, other = (mean_trade_return(returns, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_interval_of_skewed_trades_reaches_further_to_the_long_side():
    returns = np.array([-0.15] * 8 + [0.1, 0.2, 0.9, 1.4])
    found = mean_trade_return(returns, seed=1)
    assert found.high - found.estimate > 1.3 * (found.estimate - found.low)
    turned = mean_trade_return(-returns, seed=1)
    assert turned.low == pytest.approx(-found.high, abs=0.02)


def test_interval_of_many_trades_is_that_of_the_normal_distribution():
    returns = rng(2).normal(0.1, 1.0, 2_000)
    found = mean_trade_return(returns, seed=1, draws=4_000)
    reach = 1.96 * returns.std(ddof=1) / np.sqrt(2_000)
    assert found.high - found.low == pytest.approx(2 * reach, rel=0.05)


CENTS = st.integers(-100, 300).map(lambda n: n / 100)


@given(arrays(float, st.integers(6, 40), elements=CENTS), st.integers(0, 9))
def test_interval_lies_within_the_trades(returns, seed):
    found = mean_trade_return(returns, seed=seed, draws=200)
    if found.low is not None:
        assert returns.min() - 1e-12 <= found.low <= found.high <= returns.max() + 1e-12


@pytest.mark.parametrize(("count", "expected"), [(6, 0.94), (20, 0.945)])
def test_interval_holds_the_mean_of_normal_trades_as_often_as_is_said(count, expected):
    draw, tries = rng(3), 500
    held = 0
    for seed in range(tries):
        found = mean_trade_return(draw.normal(size=count), seed=seed, draws=1_000)
        held += found.low <= 0 <= found.high
    low, high = wilson_interval(held, tries, 0.99)
    assert low <= expected <= high


def test_sharpe_interval_holds_the_estimate_and_is_seeded():
    returns = rng(4).normal(0.001, 0.01, 300)
    one, same, other = (sharpe_interval(returns, seed=seed, draws=300) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert one.estimate == sharpe(returns)
    assert one.low < one.estimate < one.high


def test_sharpe_interval_is_wider_where_returns_last():
    shocks = rng(5).normal(0, 0.01, 1_000)
    lasting = np.convolve(shocks, [1, 0.9, 0.8, 0.7, 0.6, 0.5], mode="valid")
    shuffled = rng(6).permutation(lasting)
    wide, narrow = (sharpe_interval(r, seed=1, draws=500) for r in (lasting, shuffled))
    assert wide.high - wide.low > 1.4 * (narrow.high - narrow.low)


def test_sharpe_interval_of_a_strategy_that_rarely_trades():
    returns = np.zeros(381)
    returns[[100, 101, 250]] = [0.05, -0.02, 0.04]
    found = sharpe_interval(returns, seed=1, draws=500)
    assert np.isfinite([found.low, found.high]).all()
    assert found.low <= found.estimate <= found.high


@pytest.mark.parametrize(
    ("returns", "why"),
    [([0.0] * 50, "no return differs from another"), ([0.1, 0.2], "2 sessions: an interval needs")],
)
def test_no_sharpe_interval(returns, why):
    found = sharpe_interval(np.array(returns), seed=1)
    assert (found.low, found.high) == (None, None)
    assert found.unknown.startswith(why)


def test_sharpe_interval_holds_the_truth_about_as_often_as_it_says():
    draw, tries = rng(11), 300
    held = 0
    for seed in range(tries):
        found = sharpe_interval(draw.normal(0.001, 0.01, 250), seed=seed, draws=300)
        held += found.low <= 0.1 * np.sqrt(252) <= found.high
    low, high = wilson_interval(held, tries, 0.99)
    assert low <= 0.95 <= high
