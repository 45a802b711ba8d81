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

__all__ = [
    "Earnings",
    "Event",
    "Grade",
    "News",
    "Precision",
    "ShortReport",
    "StakeDisclosure",
    "Start",
]
