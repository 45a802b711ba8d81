"""Events: dated public facts with a source, their kinds, and the files that they are kept in."""

from backtest.events.base import NEW_YORK, Event, Grade, Precision
from backtest.events.files import EventFile, event_order, read_all_events, read_events
from backtest.events.kinds import (
    FILED_KINDS,
    Earnings,
    News,
    ShortReport,
    StakeDisclosure,
    Start,
)

__all__ = [
    "FILED_KINDS",
    "NEW_YORK",
    "Earnings",
    "Event",
    "EventFile",
    "Grade",
    "News",
    "Precision",
    "ShortReport",
    "StakeDisclosure",
    "Start",
    "event_order",
    "read_all_events",
    "read_events",
]
