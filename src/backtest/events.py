"""Events, as strategies import them: dated public facts with a source, and the kinds that ship."""

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
    DecisionDate,
    ExDate,
    IndexChange,
    LockupEnd,
    MacroDate,
    MarketEvent,
    ReportDate,
)

__all__ = [
    "DecisionDate",
    "Earnings",
    "Event",
    "ExDate",
    "Grade",
    "IndexChange",
    "LockupEnd",
    "MacroDate",
    "MarketEvent",
    "News",
    "Precision",
    "ReportDate",
    "ShortReport",
    "StakeDisclosure",
    "Start",
]
