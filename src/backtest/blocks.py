"""Building blocks for `on_event`: small pure functions of the event and of what was known then.

Each answers None where it cannot know, such as in a stock's first sessions. Say then why there is
no signal: a signal takes `stop=None` for no stop at all.
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
    "above_average",
    "atr_stop",
    "average_true_range",
    "beta",
    "events_near",
    "faded",
    "grade_scale",
    "precision_scale",
    "realised_volatility",
    "sessions_since",
    "standardised_surprise",
    "volatility_weight",
]


def faded(answer: AnyAnswer) -> AnyAnswer:
    """The signal turned round: short for long, long for short; any other answer as it is.

    Weight, hold, stop, target and trailing stop stay: they are fractions and counts, which mean
    the same on either side. A flat signal leaves whatever way is held.
    """
    if not isinstance(answer, Signal) or answer.direction == "flat":
        return answer
    direction = "short" if answer.direction == "long" else "long"
    reason = f"faded: {answer.reason}" if answer.reason else "faded"
    return answer.model_copy(update={"direction": direction, "reason": reason})


# Events near


def sessions_since(event: Event, market: Market) -> int:
    """How many sessions have opened since an event was public and before the decision's own.

    `0` is an event that is first traded at the decision's open, as the one that is answered, or
    that became public in the session since; `1` one that could be traded a session earlier. Nobody
    needs time to react here.
    """
    calendar = trading_calendar()
    first = calendar.tradable_session(event.published_at, timedelta(0))
    return max(len(calendar.between(first, market.session)) - 1, 0)


def events_near(
    event: Event, market: Market, *kinds: type[Event], sessions: int = 2
) -> tuple[Event, ...]:
    """Other events of the event's stock, public at most so many sessions before the decision.

    They are of the kinds that are named, such as `Earnings`, or of any without one, in order of
    publication; sessions count as in `sessions_since`. Only what was public by then counts: a
    report that is due next week is not known of, even if its date is.
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


# How far a row is to be trusted: a convention, a quarter off for each step down, not estimated

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
    """1 for grade A (two sources, one primary), 0.75 for B, 0.5 for C and where it is unknown."""
    return _GRADES[event.grade]


def precision_scale(event: Event) -> float:
    """1 where the time is known to the session or better, 0.75 by its day, then 0.5 and 0.25.

    What is known by its day alone is traded in the session after that day, by when part of the
    move may be over. What is known by its week or month is never traded.
    """
    return _PRECISIONS[event.precision]


# Prices


def above_average(market: Market, symbol: str | None = None, *, sessions: int = 50) -> bool | None:
    """Whether the last close stands above the mean of the last `sessions` closes, its own with it.

    None where fewer closes are known. The symbol is the event's own by default; another, such as
    SPY, has to be named in the strategy's `looks_at`. The rule of Faber (2007), who took 10 months
    of an index.
    """
    closes = market.bars(symbol)["close"].tail(sessions)
    if len(closes) < sessions:
        return None
    return bool(closes.iloc[-1] > closes.mean())


def beta(market: Market, *symbols: str, sessions: int = 60) -> float | None:
    """How much the event's stock moves for each move of another symbol, such as SPY.

    The slope of the least squares line of its returns, close to close, on the other's, over the
    last `sessions` returns that both have; of several symbols on the mean of their returns. None
    where fewer are known, or the other stood still. The others are named in the strategy's
    `looks_at`, or in its `trades_also` to hedge with them.
    """
    closes = [market.bars(symbol)["close"] for symbol in (None, *symbols)]
    shared = closes[0].index
    for each in closes[1:]:
        shared = shared.intersection(each.index)
    shared = shared[-(sessions + 1) :]
    if len(shared) <= sessions:
        return None
    own, *others = ([b / a - 1 for a, b in pairwise(each[shared].tolist())] for each in closes)
    of_others = [fmean(moves) for moves in zip(*others, strict=True)]
    if max(of_others) == min(of_others):
        return None
    return linear_regression(of_others, own).slope


def average_true_range(market: Market, *, sessions: int = 14) -> float | None:
    """Wilder's average true range (1978) of the event's stock, a fraction of its last close.

    The true range is the span of the session's high, its low and the close before. The average
    begins as the mean of the first `sessions` of them; after that each new one counts
    `1 ÷ sessions` and the average before it the rest. None where fewer than `sessions + 1` bars are
    known: a true range needs the close before.
    """
    bars = market.bars()
    if len(bars) <= sessions:
        return None
    closes = bars["close"].tolist()
    rows = zip(bars["high"].tolist()[1:], bars["low"].tolist()[1:], closes[:-1], strict=True)
    ranges = [max(high, before) - min(low, before) for high, low, before in rows]
    average = sum(ranges[:sessions]) / sessions
    for each in ranges[sessions:]:
        average += (each - average) / sessions
    return float(average / closes[-1])


def atr_stop(
    market: Market, *, multiple: float = 3.0, sessions: int = 14, most: float = 0.5
) -> float | None:
    """A stop `multiple` average true ranges away, a fraction of the entry price, at most `most`.

    Three is Wilder's constant for his volatility system, for which he gives 2.8 to 3.1. None where
    the range is unknown, or 0 in a stock that stands still.
    """
    average = average_true_range(market, sessions=sessions)
    return min(multiple * average, most) if average else None


def realised_volatility(market: Market, *, sessions: int = 20) -> float | None:
    """The volatility of the event's stock by the year, a fraction: 0.8 is 80 %.

    The standard deviation of the last `sessions` log returns, close to close, with n − 1, times
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
    """The share of equity at which a position is as volatile as `target`, at most `most`.

    `min(target ÷ realised volatility, most)`. Moskowitz, Ooi & Pedersen (2012) scale each
    position to 40 % a year, about the volatility of a single stock. None where the volatility is
    unknown.
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
    """How unusual a surprise is, in standard deviations (SUE).

    `(surprise − mean) ÷ standard deviation` of the surprises in the stock's earlier reports, with
    n − 1 in the deviation. Latané & Jones (1979) divide by what the forecasts used to miss by;
    Foster, Olsen & Shevlin (1984) also allow for a drift, which the mean is here.

    `eps` is measured in dollars a share, actual less consensus, for a fraction of a consensus near
    zero says nothing; `revenue` and `guidance` are the fractions of `Earnings`. None where the
    surprise is unknown, fewer than `least` (2 or more) earlier ones are known, or they were equal.
    """
    of = _MEASURES[measure]
    surprise = of(event)
    past = [
        value
        for report in market.events(Earnings)
        if report.symbol == event.symbol and report.published_at < event.published_at
        if (value := of(report)) is not None
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
