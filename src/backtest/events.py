"""This module has what strategies import of events: the base class and the kinds that ship."""

from backtest.data.kinds import (
    Earnings,
    Event,
    Grade,
    News,
    Precision,
    ShortReport,
    StakeDisclosure,
    Start,
)
from backtest.data.scheduled import (
    Deal,
    DecisionDate,
    Delisting,
    Dividend,
    IndexChange,
    LockupEnd,
    MacroDate,
    MarketEvent,
    ReportDate,
    Split,
)

__all__ = [
    "Deal", "DecisionDate", "Delisting", "Dividend", "Earnings", "Event", "Grade", "IndexChange",
    "LockupEnd", "MacroDate", "MarketEvent", "News", "Precision", "ReportDate", "ShortReport",
    "Split", "StakeDisclosure", "Start",
]  # fmt: skip
