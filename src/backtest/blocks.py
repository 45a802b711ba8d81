"""This module offers building blocks for `on_event`: pure functions of the event and the market.

Each returns None where too little is known, such as in a stock's first sessions. Then return a
reason for no signal: a signal with `stop=None` would have no stop at all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from math import log, sqrt
from statistics import fmean, linear_regression, mean, stdev
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from backtest.data.calendar import trading_calendar
from backtest.data.events import event_order
from backtest.data.kinds import Earnings, Event, Grade, Precision
from backtest.stats import SESSIONS_A_YEAR
from backtest.strategy.base import Signal, Wait

if TYPE_CHECKING:
    from backtest.data.market import Market

AnyAnswer = TypeVar("AnyAnswer", bound=Signal | Wait | str)

__all__ = [
    "above_average", "atr_stop", "average_true_range", "beta", "events_near", "faded",
    "grade_scale", "precision_scale", "realised_volatility", "sessions_since",
    "standardised_surprise", "volatility_weight",
]  # fmt: skip


def faded(answer: AnyAnswer) -> AnyAnswer:
    """Reverse a signal: short for long, long for short; return any other answer unchanged.

    Weight, hold, stop, target and trailing stop stay: they are fractions and counts, which mean
    the same on either side. A flat signal stays too, for it closes a position of either direction.
    """
    if not isinstance(answer, Signal) or answer.direction == "flat":
        return answer
    direction = "short" if answer.direction == "long" else "long"
    reason = f"faded: {answer.reason}" if answer.reason else "faded"
    return answer.model_copy(update={"direction": direction, "reason": reason})


# Events near


def sessions_since(event: Event, market: Market) -> int:
    """Count the sessions that opened after an event was public and before the decision's own.

    It is 0 for an event that can first be traded at the decision's open, such as the one that is
    answered, or that became public in that session; 1 for one that could be traded a session
    earlier. No reaction time is added here.
    """
    calendar = trading_calendar()
    first = calendar.tradable_session(event.published_at, timedelta(0))
    return max(len(calendar.between(first, market.session)) - 1, 0)


def events_near(
    event: Event, market: Market, *kinds: type[Event], sessions: int = 2
) -> tuple[Event, ...]:
    """Return the other events of the stock in the `sessions` before the decision, oldest first.

    They are of the given kinds, such as `Earnings`, or of any kind if none is given; sessions
    are counted as in `sessions_since`. Only what was public by then is among them: a report that is
    due next week is not, even if its date is known.
    """
    near = {
        other.id: other
        for kind in kinds or (Event,)
        for other in market.events(kind)
        if other.symbol == event.symbol
        and other.id != event.id
        and sessions_since(other, market) <= sessions
    }
    return tuple(sorted(near.values(), key=event_order))


# How far a row can be trusted: by convention a quarter less for each step down, not an estimate

_GRADES: Final[dict[Grade | None, float]] = {"A": 1.0, "B": 0.75, "C": 0.5, None: 0.5}
_PRECISIONS: Final[dict[Precision, float]] = {
    "exact": 1.0,
    "minute": 1.0,
    "session": 1.0,
    "date": 0.75,
    "week": 0.5,
    "month": 0.25,
}


def grade_scale(event: Event) -> float:
    """Return 1 for grade A (two sources, one primary), 0.75 for B, 0.5 for C or an unknown one."""
    return _GRADES[event.grade]


def precision_scale(event: Event) -> float:
    """Return 1 for a time known to the session or better, 0.75 to the day, 0.5 week, 0.25 month.

    An event whose day alone is known is traded in the session after that day, by when part of the
    move may be over. One whose week or month alone is known is never traded.
    """
    return _PRECISIONS[event.precision]


# Prices


def above_average(market: Market, symbol: str | None = None, *, sessions: int = 50) -> bool | None:
    """Tell whether the last close is above the simple moving average of `sessions` closes.

    The last close counts in the average; None where fewer closes are known. The symbol is the
    event's own by default; another, such as SPY, has to be named in the strategy's `looks_at`.
    This is the rule of Faber (2007), who took 10 months of an index.
    """
    closes = market.bars(symbol)["close"].tail(sessions)
    if len(closes) < sessions:
        return None
    return bool(closes.iloc[-1] > closes.mean())


def beta(market: Market, symbol: str, *more: str, sessions: int = 60) -> float | None:
    """Estimate the beta of the event's stock to another symbol, such as SPY.

    It is the least squares slope of the stock's close-to-close returns on the other's, over the
    last `sessions` returns that both have; of several symbols on the mean of their returns. None
    where fewer are known, or the other did not move. Name the others in the strategy's `looks_at`,
    or in its `trades_also` to hedge with them.
    """
    closes = [market.bars(name)["close"] for name in (None, symbol, *more)]
    shared = closes[0].index
    for other in closes[1:]:
        shared = shared.intersection(other.index)
    shared = shared[-(sessions + 1) :]
    if len(shared) <= sessions:
        return None
    stock, *others = ([b / a - 1 for a, b in pairwise(c[shared].tolist())] for c in closes)
    mean_of_others = [fmean(returns) for returns in zip(*others, strict=True)]
    if max(mean_of_others) == min(mean_of_others):
        return None
    return linear_regression(mean_of_others, stock).slope


def average_true_range(market: Market, *, sessions: int = 14) -> float | None:
    """Compute Wilder's average true range (1978) of the event's stock, as a fraction of its close.

    The true range is the span of the session's high, its low and the close before. The average
    begins as the mean of the first `sessions` of them; after that each new one has the weight
    `1 ÷ sessions` and the average so far the rest. It is divided by the last close. None where
    fewer than `sessions + 1` bars are known: a true range needs the close before.
    """
    bars = market.bars()
    if len(bars) <= sessions:
        return None
    closes = bars["close"].tolist()
    rows = zip(bars["high"].tolist()[1:], bars["low"].tolist()[1:], closes[:-1], strict=True)
    ranges = [max(high, before) - min(low, before) for high, low, before in rows]
    average = sum(ranges[:sessions]) / sessions
    for true_range in ranges[sessions:]:
        average += (true_range - average) / sessions
    return float(average / closes[-1])


def atr_stop(
    market: Market, *, multiple: float = 3.0, sessions: int = 14, most: float = 0.5
) -> float | None:
    """Return a stop of `multiple` average true ranges, a fraction of the entry price up to `most`.

    Three is within the 2.8 to 3.1 that Wilder gives as the constant of his volatility system. None
    where the range is unknown, or 0 in a stock that does not move.
    """
    average = average_true_range(market, sessions=sessions)
    return min(multiple * average, most) if average else None


def realised_volatility(market: Market, *, sessions: int = 20) -> float | None:
    """Compute the annual volatility of the event's stock, a fraction: 0.8 is 80 %.

    It is the standard deviation (n − 1) of the last `sessions` log returns, close to close, times
    √252. None where fewer than `sessions + 1` closes are known; `sessions` is 2 or more.
    """
    closes = market.bars()["close"].tail(sessions + 1).tolist()
    if len(closes) <= sessions:
        return None
    returns = [log(close / before) for before, close in pairwise(closes)]
    return stdev(returns) * sqrt(SESSIONS_A_YEAR)


def volatility_weight(
    market: Market, *, target: float = 0.4, sessions: int = 20, most: float = 0.95
) -> float | None:
    """Return the weight at which a position has the annual volatility `target`, at most `most`.

    It is `min(target ÷ realised volatility, most)`, a fraction of equity; None where the volatility
    is unknown. Moskowitz, Ooi & Pedersen (2012) scale each position to 40 % a year, about the
    volatility of a single stock.
    """
    volatility = realised_volatility(market, sessions=sessions)
    if volatility is None:
        return None
    return min(target / volatility, most) if volatility else most


# Surprises

Measure = Literal["eps", "revenue", "guidance"]
_NOISE: Final = 1e-9  # 0.30 - 0.20 and 0.40 - 0.30 are not the same number


def standardised_surprise(
    event: Earnings, market: Market, measure: Measure = "eps", *, least: int = 4
) -> float | None:
    """Compute the standardised unexpected earnings (SUE): a surprise in standard deviations.

    It is `(surprise − mean) ÷ standard deviation` (n − 1) of the surprises in the stock's earlier
    reports. Latané & Jones (1979) divide by what the forecasts used to miss by; Foster, Olsen &
    Shevlin (1984) also allow for a drift, which is the mean here.

    `eps` is measured in dollars a share, actual less consensus, for a fraction of a consensus near
    zero says nothing; `revenue` and `guidance` are the fractions of `Earnings`. None where the
    surprise is unknown, fewer than `least` (2 or more) earlier ones are known, or they were equal.
    """
    surprise_of = _MEASURES[measure]
    surprise = surprise_of(event)
    past = [
        value
        for report in market.events(Earnings)
        if report.symbol == event.symbol and report.published_at < event.published_at
        if (value := surprise_of(report)) is not None
    ]
    if surprise is None or len(past) < max(least, 2):
        return None
    spread = stdev(past)
    return (surprise - mean(past)) / spread if spread > _NOISE else None


def _eps_in_dollars(report: Earnings) -> float | None:
    if report.eps is None or report.eps_consensus is None:
        return None
    return report.eps - report.eps_consensus


_MEASURES: Final[dict[Measure, Callable[[Earnings], float | None]]] = {
    "eps": _eps_in_dollars,
    "revenue": lambda report: report.revenue_surprise,
    "guidance": lambda report: report.guidance_surprise,
}
