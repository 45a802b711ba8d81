"""Figures against hand-computed values, and against quantstats where the definitions agree."""

from datetime import date
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from backtest.engine.kernel import ACCOUNT
from backtest.stats import figures
from backtest.stats.multiple_testing import sharpe_estimate, superior_ability

CURVE = np.array([110.0, 99.0, 99.0, 118.8])  # from 100: +10 %, -10 %, 0 %, +20 %
RETURNS = np.array([0.10, -0.10, 0.0, 0.20])


def test_returns_begin_with_the_start_cash() -> None:
    assert figures.session_returns(CURVE, 100.0) == pytest.approx(RETURNS)


def test_returns_after_ruin_are_zero() -> None:
    curve = np.array([50.0, -10.0, -10.0, -12.0])
    assert figures.session_returns(curve, 100.0) == pytest.approx([-0.5, -1.2, 0.0, 0.0])


def test_total_return() -> None:
    assert figures.total_return(CURVE, 100.0) == pytest.approx(0.188)
    assert figures.total_return(np.array([-23.0]), 100.0) == pytest.approx(-1.23)


def test_cagr_compounds_over_252_sessions() -> None:
    assert figures.cagr(CURVE, 100.0) == pytest.approx(1.188**63 - 1)
    assert figures.cagr(np.full(252, 107.0), 100.0) == pytest.approx(0.07)


@pytest.mark.parametrize("final", [0.0, -5.0])
def test_cagr_of_a_total_loss_is_minus_one(final: float) -> None:
    assert figures.cagr(np.array([50.0, final]), 100.0) == -1.0


def test_volatility_is_the_sample_deviation_a_year() -> None:
    # mean 0.05; squared deviations .0025 .0225 .0025 .0225, over 3
    assert figures.volatility(RETURNS) == pytest.approx(sqrt(0.05 / 3) * sqrt(252))
    assert figures.volatility(np.array([0.1])) is None


def test_sharpe() -> None:
    assert figures.sharpe(RETURNS) == pytest.approx(0.05 / sqrt(0.05 / 3) * sqrt(252))


@pytest.mark.parametrize("returns", [[0.0, 0.0, 0.0], [0.01, 0.01], [0.1]])
def test_sharpe_is_unknown_where_nothing_varies(returns: list[float]) -> None:
    assert figures.sharpe(np.array(returns)) is None


def test_sortino_divides_by_all_sessions() -> None:
    assert figures.sortino(RETURNS) == pytest.approx(0.05 / sqrt(0.01 / 4) * sqrt(252))
    assert figures.sortino(np.array([0.1, 0.0])) is None


def test_max_drawdown_counts_the_start_as_a_peak() -> None:
    assert figures.max_drawdown(CURVE, 100.0) == pytest.approx(99 / 110 - 1)
    assert figures.max_drawdown(np.array([80.0, 90.0]), 100.0) == pytest.approx(-0.2)
    assert figures.max_drawdown(np.array([101.0, 102.0]), 100.0) == 0.0


def test_max_drawdown_below_minus_one_is_not_hidden() -> None:
    assert figures.max_drawdown(np.array([150.0, -30.0]), 100.0) == pytest.approx(-1.2)


def test_calmar() -> None:
    assert figures.calmar(CURVE, 100.0) == pytest.approx((1.188**63 - 1) / 0.1)
    assert figures.calmar(np.array([101.0, 102.0]), 100.0) is None


def test_win_rate_is_of_trades() -> None:
    assert figures.win_rate([5.0, -1.0, 0.0, 2.0]) == 0.5
    assert figures.win_rate([]) is None


def test_exposure_counts_entry_and_exit_sessions_once() -> None:
    days = [date(2025, 6, n) for n in (2, 3, 4, 5, 6)]
    held = [(days[0], days[1]), (days[1], days[2])]
    assert figures.exposure(held, days) == 3 / 5
    assert figures.exposure([], days) == 0.0


def test_a_ruined_curve_has_no_ratios() -> None:
    ruined = figures.curve_figures(np.array([50.0, *[-20.0] * 24]), 100.0)
    assert ruined == {
        "final_equity": -20.0,
        "total_return": pytest.approx(-1.2),
        "cagr": -1.0,
        "volatility": None,
        "sharpe": None,
        "sortino": None,
        "max_drawdown": pytest.approx(-1.2),
        "calmar": None,
    }


@pytest.mark.parametrize(("sessions", "told"), [(19, False), (20, True)])
def test_a_short_span_has_nothing_by_the_year(sessions: int, told: bool) -> None:
    curve = 100 * np.cumprod(np.tile([1.02, 0.99], 10)[:sessions])
    annual = ("cagr", "volatility", "sharpe", "sortino", "calmar")
    found = figures.curve_figures(curve, 100.0)
    assert [found[name] is not None for name in annual] == [told] * 5
    assert found["total_return"] == pytest.approx(curve[-1] / 100 - 1)


def test_sharpe_and_sortino_are_of_returns_above_cash() -> None:
    returns = np.tile([0.03, -0.01], 10)
    curve = 100 * np.cumprod(1 + returns)
    found = figures.curve_figures(curve, 100.0, returns - 0.005)
    # means 0.005, deviation 0.02 √(20/19), downside 0.015 √(1/2)
    assert found["sharpe"] == pytest.approx(0.005 / (0.02 * sqrt(20 / 19)) * sqrt(252))
    assert found["sortino"] == pytest.approx(0.005 / (0.015 * sqrt(0.5)) * sqrt(252))
    assert found["volatility"] == pytest.approx(0.02 * sqrt(20 / 19) * sqrt(252))
    assert figures.curve_figures(curve, 100.0, np.zeros(20))["sharpe"] is None


@pytest.mark.parametrize(("returned", "has_ratio"), [(30, False), (29, True)])
def test_equal_returns_of_every_session_have_no_sharpe_ratio(
    returned: int, has_ratio: bool
) -> None:
    """A return of 1 % in all of 30 sessions does not vary; in 29 of them it does."""
    totals = np.zeros(1, ACCOUNT)
    totals["returns"], totals["total"], totals["squares"] = returned, returned / 100, returned / 1e4
    totals["least"] = totals["most"] = 0.01
    totals["lowest"] = 100.0
    (ratio,) = figures.figures_of_totals(totals, 100.0, 30)["sharpe"]
    assert np.isnan(ratio) != has_ratio
    if has_ratio:  # the mean is 0.29 / 30, the variance (0.0029 - 0.29² / 30) / 29 = 0.0001 / 30
        assert ratio == pytest.approx(29 / sqrt(30) * sqrt(252))


def test_figures_agree_with_quantstats() -> None:
    import quantstats as qs

    drawn = np.random.default_rng(7).normal(0.001, 0.02, 300)  # made-up returns
    curve = 1_000 * np.cumprod(1 + drawn)
    series = pd.Series(drawn, index=pd.bdate_range("2025-01-02", periods=300))
    mine = figures.curve_figures(curve, 1_000.0)
    theirs = {
        "total_return": qs.stats.comp(series),
        "cagr": qs.stats.cagr(series),
        "volatility": qs.stats.volatility(series),
        "sharpe": qs.stats.sharpe(series),
        "sortino": qs.stats.sortino(series),
        "max_drawdown": qs.stats.max_drawdown(series),
        "calmar": qs.stats.calmar(series),
    }
    assert {name: mine[name] for name in theirs} == pytest.approx(theirs, rel=1e-9)


def test_trades_have_the_figures_that_traders_look_for() -> None:
    profits = np.array([300.0, -100.0, 0.0, 100.0, -50.0])
    returns = np.array([0.03, -0.02, 0.0, 0.01, -0.01])
    assert figures.trade_figures(profits, returns) == {
        "profit_factor": pytest.approx(400 / 150),
        "expectancy": pytest.approx(250 / 5),
        "average_win": pytest.approx(200.0),
        "average_loss": pytest.approx(-75.0),
        "payoff": pytest.approx(200 / 75),
        "best_trade": 0.03,
        "worst_trade": -0.02,
        "sqn": None,  # of five trades it says nothing
        "winning_streak": 1,
        "losing_streak": 1,
    }


@pytest.mark.parametrize(
    ("profits", "won", "lost"),
    [
        ([1.0, 2.0, -1.0, 3.0, 1.0, 4.0, -2.0, -2.0], 3, 2),
        ([1.0, 2.0, 0.0, 3.0], 2, 0),  # what neither won nor lost ends a streak
        ([-1.0, -1.0], 0, 2),
    ],
)
def test_streaks_are_of_trades_in_a_row(profits: list[float], won: int, lost: int) -> None:
    found = figures.trade_figures(np.array(profits), np.array(profits))
    assert (found["winning_streak"], found["losing_streak"]) == (won, lost)


def test_system_quality_is_the_t_of_the_mean_trade() -> None:
    # Mean 2, squares of deviations 9 + 9 + 1 + 1 + 4 + 4 = 28, ÷ 5 is 5.6: √6 × 2 ÷ √5.6.
    profits = np.array([5.0, -1.0, 3.0, 1.0, 4.0, 0.0])
    assert figures.system_quality(profits) == pytest.approx(2.0702, abs=5e-5)
    assert figures.system_quality(profits) == pytest.approx(stats.ttest_1samp(profits, 0).statistic)


@pytest.mark.parametrize("profits", [[], [-3.0, -3.1, -3.2, -3.0, -3.1], [3.0] * 6])
def test_of_few_trades_and_without_a_spread_there_is_no_system_quality(
    profits: list[float],
) -> None:
    assert figures.system_quality(np.array(profits)) is None


def test_without_losses_there_is_no_profit_factor_and_without_trades_nothing() -> None:
    won = figures.trade_figures(np.array([5.0]), np.array([0.1]))
    assert (won["profit_factor"], won["payoff"], won["average_loss"]) == (None, None, None)
    assert set(figures.trade_figures(np.array([]), np.array([])).values()) == {None}


@pytest.mark.parametrize(
    ("curve", "longest"),
    [
        ([101.0, 102.0, 103.0], 0),
        ([110.0, 99.0, 109.0, 110.0, 90.0], 2),  # back at 110 it is over
        ([99.0, 98.0, 97.0], 3),  # the start is a peak
        ([110.0, 100.0, 120.0, 119.0, 118.0, 117.0], 3),  # not over at the end
        ([100.0, 100.0], 0),
    ],
)
def test_longest_drawdown(curve: list[float], longest: int) -> None:
    assert figures.longest_drawdown(np.array(curve), 100.0) == longest


def test_turnover_is_by_the_year() -> None:
    # 63 sessions are a quarter: entries of once the mean equity are four times a year
    assert figures.turnover(np.array([60.0, 40.0]), np.full(63, 100.0)) == pytest.approx(4.0)
    assert figures.turnover(np.array([60.0]), np.full(19, 100.0)) is None
    assert figures.turnover(np.array([60.0]), np.full(63, -1.0)) is None


def test_alpha_and_beta_are_of_least_squares() -> None:
    market = np.array([0.01, -0.02, 0.03, 0.0] * 5)
    alpha, beta = figures.alpha_beta(0.001 + 1.5 * market, market)
    assert (alpha, beta) == (pytest.approx(0.252), pytest.approx(1.5))
    assert figures.alpha_beta(market[:19], market[:19]) == (None, None)
    assert figures.alpha_beta(market, np.zeros(20)) == (None, None)


@pytest.mark.parametrize("sessions", [19, 20])
def test_ratios_of_totals_begin_with_twenty_sessions(sessions: int) -> None:
    totals = np.zeros(1, ACCOUNT)
    totals["returns"], totals["total"], totals["squares"] = sessions, 0.1, 0.01
    totals["least"], totals["most"], totals["lowest"] = -0.05, 0.05, 100.0
    (ratio,) = figures.figures_of_totals(totals, 100.0, sessions)["sharpe"]
    assert np.isnan(ratio) == (sessions < 20)


def test_what_rounding_leaves_of_equal_returns_does_not_vary() -> None:
    """A fund that grows alike in each session, as its index is written: its ratio was 1e14."""
    curve = 100 * np.cumprod(np.full(40, 1.0003))
    returns = figures.session_returns(curve, 100.0)
    assert np.ptp(returns) > 0
    assert figures.curve_figures(curve, 100.0)["sharpe"] is None
    assert sharpe_estimate(returns) is None
    assert figures.alpha_beta(np.linspace(-0.1, 0.1, 40), returns) == (None, None)
    assert figures.sharpe_by_group(returns, np.arange(40) // 20) is None
    assert superior_ability(returns[:, None], np.full(40, 0.0003), seed=1) is None


def test_a_curve_that_ends_with_nothing_has_no_ratios() -> None:
    curve = np.array([100.0] * 20 + [50.0, 0.0])
    assert figures.curve_figures(curve, 100.0)["sharpe"] is None


def test_an_account_of_less_than_a_dollar_has_a_turnover() -> None:
    assert figures.turnover(np.array([0.5]), np.full(252, 0.5)) == pytest.approx(1.0)


def test_after_an_account_of_exactly_nothing_returns_are_zero() -> None:
    curve = np.array([50.0, 0.0, 7.0, 14.0])
    assert figures.session_returns(curve, 100.0) == pytest.approx([-0.5, -1.0, 0.0, 1.0])


def test_the_mean_of_a_session_is_that_of_the_known_returns() -> None:
    none = np.nan
    returns = np.array([[0.02, 0.04], [none, 0.04], [none, none]])
    assert figures.mean_of_known(returns) == pytest.approx([0.03, 0.04, 0.0])


def test_a_loss_compounds_too() -> None:
    assert figures.cagr(np.full(252, 80.0), 100.0) == pytest.approx(-0.2)


def test_two_returns_have_a_deviation_and_a_downside_and_one_has_none() -> None:
    two, one = np.array([0.1, -0.1]), np.array([-0.1])
    # mean 0 and deviation √0.02; the downside is √(0.01 / 2)
    assert figures.volatility(two) == pytest.approx(sqrt(0.02 * 252))
    assert (figures.sharpe(two), figures.sortino(two)) == (0.0, 0.0)
    assert (figures.volatility(one), figures.sharpe(one), figures.sortino(one)) == (None,) * 3


def test_turnover_begins_with_twenty_sessions_and_with_equity_on_the_mean() -> None:
    assert figures.turnover(np.array([60.0]), np.full(20, 100.0)) == pytest.approx(0.6 * 252 / 20)
    assert figures.turnover(np.array([60.0]), np.array([100.0, -100.0] * 10)) is None


def test_a_curve_below_a_dollar_has_ratios() -> None:
    curve = 0.5 * np.cumprod(np.tile([1.02, 0.99], 10))
    assert figures.curve_figures(curve, 0.5)["sharpe"] is not None


@pytest.mark.parametrize(("lowest", "has_ratio"), [(-5.0, False), (0.0, False), (0.5, True)])
def test_totals_of_an_account_that_fell_to_nothing_have_no_ratio(
    lowest: float, has_ratio: bool
) -> None:
    totals = np.zeros(1, ACCOUNT)
    totals["returns"], totals["total"], totals["squares"] = 20, 0.1, 0.01
    totals["least"], totals["most"], totals["lowest"] = -0.05, 0.05, lowest
    (ratio,) = figures.figures_of_totals(totals, 100.0, 20)["sharpe"]
    assert np.isnan(ratio) != has_ratio


def test_an_account_without_a_trade_has_no_figure_of_trades() -> None:
    found = figures.figures_of_totals(np.zeros(1, ACCOUNT), 100.0, 20)
    assert np.isnan([found[name][0] for name in ("sharpe", "win_rate", "mean_trade_return")]).all()


def test_a_win_of_half_a_dollar_is_one() -> None:
    profits = np.array([0.5, -0.5, 0.0, -0.25])
    assert figures.win_rate(profits.tolist()) == 0.25
    found = figures.trade_figures(profits, profits)
    assert (found["average_win"], found["average_loss"]) == (0.5, -0.375)
    assert (found["winning_streak"], found["losing_streak"]) == (1, 1)


def test_the_account_ends_with_what_the_curve_and_the_totals_end_with() -> None:
    assert figures.curve_figures(CURVE, 100.0)["final_equity"] == 118.8
    totals = np.zeros(1, ACCOUNT)
    totals["equity"], totals["deepest"], totals["trades"], totals["wins"] = 118.8, -0.1, 4, 1
    totals["profit"], totals["entered"] = 20.0, 400.0
    found = figures.figures_of_totals(totals, 100.0, 4)
    assert (found["final_equity"][0], found["total_return"][0]) == (118.8, pytest.approx(0.188))
    assert (found["win_rate"][0], found["mean_trade_return"][0]) == (0.25, 0.05)
    assert found["max_drawdown"][0] == -0.1
