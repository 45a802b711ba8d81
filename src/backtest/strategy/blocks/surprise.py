"""Surprises of a report, standardised by those before it."""

from __future__ import annotations

from statistics import mean, stdev
from typing import TYPE_CHECKING, Final, Literal

from backtest.data.kinds import Earnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from backtest.data.inputs import Market

Measure = Literal["eps", "revenue", "guidance"]
_NOISE: Final = 1e-9  # 0.30 - 0.20 and 0.40 - 0.30 are not the same number


def standardised_surprise(
    event: Earnings, market: Market, measure: Measure = "eps", *, least: int = 4
) -> float | None:
    """How unusual a surprise is, in standard deviations (SUE).

    `(surprise − mean) ÷ standard deviation` of the surprises in the stock's earlier reports, with
    n − 1 in the deviation. Latané & Jones (1979) divide by what the forecasts used to miss by;
    Foster, Olsen & Shevlin (1984) also allow for a drift, which the mean is here.

    Args:
        event: a report.
        market: what was known; reports that were public earlier are the history.
        measure: `eps` in dollars a share, actual less consensus, for a fraction of a consensus
            near zero says nothing; `revenue` or `guidance` as the fractions of `Earnings`.
        least: earlier surprises that are needed, 2 or more.

    Returns:
        None where the surprise is unknown, fewer earlier ones are known, or they were all equal.

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
