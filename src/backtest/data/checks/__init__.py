"""The audit of the data: what could be traded before it was public, what disagrees, is assumed.

`check` reads the files and asks `events`, `moves` and `prices`.
"""

from backtest.data.checks.check import check_data, check_events, check_prices
from backtest.data.checks.finding import SEVERITIES, Finding, Severity, by_severity

__all__ = [
    "SEVERITIES",
    "Finding",
    "Severity",
    "by_severity",
    "check_data",
    "check_events",
    "check_prices",
]
