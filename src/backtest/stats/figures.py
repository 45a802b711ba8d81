"""Compute the figures of a run from its equity, returns and trades, and their intervals.

Returns are simple, one a session, as fractions. A figure that cannot be known is None, never NaN.
Ratios are of returns above what cash earned. docs/figures.md compares each with quantstats.

Intervals are by occasion. What was held at the same time met the same days, so that an occasion,
not a trade, is one observation. The standard errors are those of a ratio of sums (Cochran 1977,
chapter 6) and of the delta method; the quantiles are Student's. Such an interval is widened to the
spread of random draws, for trades that all met the same stop show no spread of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from math import ceil, log2, nan, sqrt
from typing import TYPE_CHECKING

import numpy as np

from backtest.stats import NO_RETURN, SESSIONS_A_YEAR
from backtest.stats.formats import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from typing import Any

    from numpy.typing import NDArray

    from backtest.stats import Floats, Ints


FEWEST_SESSIONS = 20
CONFIDENCE = 0.95
_FEWEST_TRADES = 6  # as many as an interval takes; the t of two alike losses is beyond all scales
_RATIOS = ("volatility", "sharpe", "sortino", "calmar")


def varies(returns: Floats) -> bool:
    """Tell whether returns differ by more than rounding leaves of equal ones."""
    return bool(np.ptp(returns) > NO_RETURN)


def session_returns(equity: Floats, start: float) -> Floats:
    """Return `equity[t] ÷ equity[t-1] − 1` by session, the first one against `start`.

    After ruin, where the equity before is zero or below, a return has no meaning: it is 0.
    """
    before = np.concatenate(([start], equity[:-1]))
    alive = before > 0
    return np.where(alive, equity / np.where(alive, before, 1.0) - 1, 0.0)


def mean_of_known(returns: Floats) -> Floats:
    """Average the known returns of each session, shape (T,); 0 where none is known."""
    known = ~np.isnan(returns)
    total = np.where(known, returns, 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(known.sum(axis=1), 1), np.float64)


def total_return(equity: Floats, start: float) -> float:
    """Return `final equity ÷ start − 1`, which is below -1 where the account ends in debt."""
    return float(equity[-1] / start - 1)


def cagr(equity: Floats, start: float) -> float:
    """Return the annual growth `(final ÷ start)^(252 ÷ sessions) − 1`; -1 after a total loss."""
    growth = equity[-1] / start
    return float(growth ** (SESSIONS_A_YEAR / len(equity)) - 1) if growth > 0 else -1.0


def volatility(returns: Floats) -> float | None:
    """Return the annual standard deviation of returns (n − 1); None for fewer than two."""
    return float(np.std(returns, ddof=1)) * sqrt(SESSIONS_A_YEAR) if len(returns) > 1 else None


def sharpe(returns: Floats) -> float | None:
    """Return mean ÷ deviation (n − 1) of returns above cash × √252; None where they do not vary."""
    if len(returns) < 2 or not varies(returns):  # noqa: PLR2004 - no deviation of one
        return None
    return float(np.mean(returns) / np.std(returns, ddof=1)) * sqrt(SESSIONS_A_YEAR)


def sortino(returns: Floats) -> float | None:
    """Return mean ÷ downside deviation of returns above cash, × √252 (Sortino & Price 1994).

    The downside deviation is the root of the mean over all sessions of the squared losses;
    None where there is no loss, and for fewer than two returns.
    """
    if len(returns) < 2:  # noqa: PLR2004 - one return would give √252 whatever it is
        return None
    losses = np.minimum(returns, 0.0)
    downside = sqrt(float(np.mean(losses**2)))
    return float(np.mean(returns)) / downside * sqrt(SESSIONS_A_YEAR) if downside else None


def max_drawdown(equity: Floats, start: float) -> float:
    """Return the deepest fall `equity ÷ highest before − 1`, at most 0; the start is a peak."""
    curve = np.concatenate(([start], equity))
    return float(np.min(curve / np.maximum.accumulate(curve) - 1))


def calmar(equity: Floats, start: float) -> float | None:
    """Return CAGR ÷ |maximum drawdown|; None where there is no drawdown."""
    depth = max_drawdown(equity, start)
    return cagr(equity, start) / -depth if depth else None


def win_rate(net_profits: Sequence[float]) -> float | None:
    """Return the share of trades with a net profit above 0, open ones marked; None without any."""
    return sum(profit > 0 for profit in net_profits) / len(net_profits) if net_profits else None


def exposure(held: Sequence[tuple[date, date]], sessions: Sequence[date]) -> float:
    """Return the share of sessions with a position, from each trade's entry and exit session."""
    return sessions_held(held, sessions) / len(sessions)


def sessions_held(held: Sequence[tuple[date, date]], sessions: Sequence[date]) -> int:
    """Count the sessions with a position at any time; entry and exit session both count."""
    if not held:
        return 0
    days, (first, last) = np.array(sessions, "M8[D]"), np.array(held, "M8[D]").T
    changes = np.zeros(len(days) + 1, int)
    np.add.at(changes, np.searchsorted(days, first), 1)
    np.add.at(changes, np.searchsorted(days, last, side="right"), -1)
    return int(np.count_nonzero(changes.cumsum() > 0))


def longest_drawdown(equity: Floats, start: float) -> int:
    """Return the most sessions in a row below an earlier peak; the start is a peak."""
    curve = np.concatenate(([start], equity))
    peaks = np.flatnonzero(curve >= np.maximum.accumulate(curve))
    return int(np.max(np.diff([*peaks, len(curve)]))) - 1


def turnover(entered: Floats, equity: Floats) -> float | None:
    """Return the value of all entries ÷ mean equity, a year; None under 20 sessions and in debt."""
    mean = float(np.mean(equity))
    if len(equity) < FEWEST_SESSIONS or mean <= 0:
        return None
    return float(np.sum(entered)) / mean * SESSIONS_A_YEAR / len(equity)


def alpha_beta(returns: Floats, market: Floats) -> tuple[float | None, float | None]:
    """Regress returns above cash on those of a market: annual alpha and beta (Jensen 1968).

    Both are by least squares, alpha × 252; None for fewer than 20 sessions, and where the market
    does not vary.
    """
    if len(returns) < FEWEST_SESSIONS or not varies(market):
        return None, None
    beta = float(np.cov(returns, market)[0, 1] / np.var(market, ddof=1))
    return float(np.mean(returns) - beta * np.mean(market)) * SESSIONS_A_YEAR, beta


def trade_figures(profits: Floats, returns: Floats) -> dict[str, float | None]:
    """Compute the figures of trades from net profits in dollars and returns, in order of exit.

    A trade of no profit is neither won nor lost. Profit factor: dollars won ÷ dollars lost;
    expectancy: mean profit; payoff: mean win ÷ mean loss. A figure is None where no trade bears it.
    """
    won, lost = profits[profits > 0], profits[profits < 0]
    win, loss = _mean(won), _mean(lost)
    return {
        "profit_factor": float(np.sum(won) / -np.sum(lost)) if loss else None,
        "expectancy": _mean(profits),
        "average_win": win,
        "average_loss": loss,
        "payoff": -win / loss if win and loss else None,
        "best_trade": float(np.max(returns)) if len(returns) else None,
        "worst_trade": float(np.min(returns)) if len(returns) else None,
        "sqn": system_quality(profits),
        "winning_streak": longest_streak(profits > 0),
        "losing_streak": longest_streak(profits < 0),
    }


def system_quality(profits: Floats) -> float | None:
    """Return `√trades × mean ÷ standard deviation (n − 1)` of profits, the SQN (Tharp 2008).

    It is Student's t of the mean trade; None for fewer than six trades, and where all are alike.
    """
    if len(profits) < _FEWEST_TRADES or np.ptp(profits) == 0:
        return None
    return sqrt(len(profits)) * float(np.mean(profits) / np.std(profits, ddof=1))


def longest_streak(hits: NDArray[np.bool_]) -> int | None:
    """Count the most hits in a row; None where there is nothing to count."""
    return max((int(sum(row)) for _, row in groupby(hits.tolist())), default=None)


def _mean(values: Floats) -> float | None:
    return float(np.mean(values)) if len(values) else None


def curve_figures(
    equity: Floats, start: float, above_cash: Floats | None = None
) -> dict[str, float | None]:
    """Compute the figures that follow from an equity curve alone, by their names in `run.json`.

    The ratios are None for a curve that fell to zero or below, whose returns cross a base without
    meaning, and so is every annual figure of fewer than 20 sessions. `above_cash` are the returns
    less what cash earned; all of them where it earns nothing.
    """
    returns = session_returns(equity, start)
    above_cash = returns if above_cash is None else above_cash
    figures = {
        "final_equity": float(equity[-1]),
        "total_return": total_return(equity, start),
        "cagr": cagr(equity, start),
        "volatility": volatility(returns),
        "sharpe": sharpe(above_cash),
        "sortino": sortino(above_cash),
        "max_drawdown": max_drawdown(equity, start),
        "calmar": calmar(equity, start),
    }
    if np.min(equity) <= 0:
        figures |= dict.fromkeys(_RATIOS)
    if len(equity) < FEWEST_SESSIONS:
        figures |= dict.fromkeys(("cagr", *_RATIOS))
    return figures


def figures_of_totals(totals: NDArray[Any], start: float, sessions: int) -> dict[str, NDArray[Any]]:
    """Compute many accounts' figures from the kernel's `ACCOUNT` records; NaN where undefined."""
    passed_over = totals["returns"] < sessions  # those sessions earned nothing
    least = np.where(passed_over, np.minimum(totals["least"], 0), totals["least"])
    most = np.where(passed_over, np.maximum(totals["most"], 0), totals["most"])
    has_ratio = (totals["lowest"] > 0) & (most - least > NO_RETURN) & (sessions >= FEWEST_SESSIONS)
    mean = totals["total"] / sessions
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (totals["squares"] - totals["total"] * mean) / (sessions - 1)
        sharpe = mean / np.sqrt(variance) * np.sqrt(SESSIONS_A_YEAR)
        return {
            "final_equity": totals["equity"],
            "total_return": totals["equity"] / start - 1,
            "sharpe": np.where(has_ratio, sharpe, np.nan),
            "max_drawdown": totals["deepest"],
            "trades": totals["trades"],
            "win_rate": totals["wins"] / totals["trades"],
            "mean_trade_return": totals["profit"] / totals["entered"],
            "commission": totals["commission"],
            "borrow": totals["borrow"],
            "interest": totals["interest"],
        }


# Intervals: how far the figures could have come out otherwise


@dataclass(frozen=True)
class Interval:
    """Hold an estimate and its bounds, which are None where they cannot be known."""

    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = CONFIDENCE  # chance that such an interval holds the truth
    unknown: str = ""  # why there are no bounds; empty where there are


@dataclass(frozen=True)
class Estimate:
    """Hold a figure with its standard error from `count` independent observations."""

    value: float
    error: float
    count: int

    def interval(self, draws: Floats) -> Interval:
        """Return Student's interval, widened to the spread of random draws about their mean."""
        reach = student(0.5 + CONFIDENCE / 2, self.count - 1) * self.error
        low, high = self.value - reach, self.value + reach
        known = draws[~np.isnan(draws)]
        if len(known):
            tails = (0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2)
            below, above = (np.quantile(known, tails) - np.mean(known)).tolist()
            low, high = min(low, self.value - above), max(high, self.value - below)
        return Interval(self.value, low, high)

    def detectable(self, draws: Floats, level: float, power: float) -> float:
        """Return the least effect that is found at this level with this power, one-sided.

        `(t(1 − level) + t(power)) × error`, the error that of the draws where it is larger.
        """
        known = draws[~np.isnan(draws)]
        error = max(self.error, float(np.std(known)) if len(known) > 1 else 0.0)
        freedom = self.count - 1
        return (student(1 - level, freedom) + student(power, freedom)) * error


def fewest_occasions() -> int:
    """Return the fewest observations that can carry an interval: six for 95 %.

    n observations of a symmetric distribution all lie on one side of its mean with chance
    `2 ÷ 2ⁿ`, and then no interval made of them holds it.
    """
    return ceil(log2(2 / (1 - CONFIDENCE)))


def student(probability: float, freedom: float) -> float:
    """Return a quantile of Student's t with `freedom` degrees of freedom."""
    from scipy.special import stdtrit  # a tenth of the time that scipy.stats takes to load

    return float(stdtrit(freedom, probability))


def ratio_of_sums(numerators: Floats, denominators: Floats) -> Estimate:
    """Divide two sums over independent observations, such as profits by entry values."""
    count, total = len(numerators), float(np.sum(denominators))
    ratio = float(np.sum(numerators)) / total
    away = numerators - ratio * denominators
    error = sqrt(count / (count - 1) * float(np.sum(away**2))) / total if count > 1 else nan
    return Estimate(ratio, error, count)


def sharpe_by_group(returns: Floats, groups: Ints) -> Estimate | None:
    """Estimate the annual Sharpe ratio, with its error over independent groups of sessions.

    With R and Q the sums of a group's returns and of their squares, the ratio is a function of ΣR
    and ΣQ; each group moves it by `∂R (R − mean) + ∂Q (Q − mean)` (delta method). Groups are
    numbered from 0; -1 marks sessions without a position. The error is NaN for fewer than two
    groups; None where no return differs.
    """
    sessions, count = len(returns), int(groups.max()) + 1
    mean = float(np.mean(returns))
    variance = float(np.mean(returns**2)) - mean**2
    if not varies(returns) or variance <= 0:
        return None
    value = mean / sqrt(variance * sessions / (sessions - 1)) * sqrt(SESSIONS_A_YEAR)
    if count < 2:  # noqa: PLR2004 - one group has no spread
        return Estimate(value, nan, count)
    held = groups >= 0
    sums = np.bincount(groups[held], returns[held], count)
    squares = np.bincount(groups[held], returns[held] ** 2, count)
    by_sum = (1 / sqrt(variance) + mean**2 / variance**1.5) / sessions
    by_square = -mean / (2 * variance**1.5) / sessions
    moved = by_sum * (sums - np.mean(sums)) + by_square * (squares - np.mean(squares))
    error = sqrt(count / (count - 1) * float(np.sum(moved**2)) * SESSIONS_A_YEAR)
    return Estimate(value, error, count)


def too_few_observations(trades: int, held: int, sessions: int, noun: str = "trade") -> str:
    """Return why a record is too thin for a figure that counts sessions; empty where it is not.

    Sessions without a position count too, but tell nothing. An account that is in the market for
    most of them has its sessions for observations; one that is seldom in it has its trades, whose
    dates it chose, and needs as many as the interval of their mean.
    """
    if trades < fewest_occasions() and 2 * held < sessions:
        return f"{counted(trades, noun)}: at least {fewest_occasions()} are needed"
    if held < FEWEST_SESSIONS:
        return f"{counted(held, 'session')} with a position: at least {FEWEST_SESSIONS} are needed"
    return ""
