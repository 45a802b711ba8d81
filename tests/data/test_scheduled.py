"""Dates that are known: kinds whose day is still to come, and events of the whole market."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from backtest.data.listing import list_events
from backtest.engine.schedule import schedule
from backtest.engine.timeline import decide
from backtest.events import (
    Deal,
    DecisionDate,
    Delisting,
    Dividend,
    Event,
    IndexChange,
    LockupEnd,
    MacroDate,
    MarketEvent,
    ReportDate,
    Split,
)
from backtest.strategy.base import Signal, Strategy
from backtest.strategy.loading import event_kinds, kinds_named
from tests.made_up import MINUTES_5, day, utc

FIELDS = {
    ReportDate: {"report_on": "2025-06-27"},
    IndexChange: {"index": "S&P 500", "change": "added", "effective_on": "2025-06-27"},
    LockupEnd: {"ends_on": "2025-06-27"},
    Dividend: {"ex_on": "2025-06-27", "amount": 0.25},
    Split: {"ex_on": "2025-06-27", "ratio": 0.1},
    Delisting: {"delists_on": "2025-06-27"},
    Deal: {"closes_by": "2025-06-27", "acquirer": "BIGCO", "cash": 12.5},
    DecisionDate: {"decides_on": "2025-06-27", "subject": "a drug"},
    MacroDate: {"release": "CPI", "happens_on": "2025-06-27"},
}
FILES = (
    "report_dates", "index_changes", "lockup_ends", "dividends", "splits", "delistings", "deals",
    "decision_dates",
)  # fmt: skip


def announced(kind, at="2025-06-04T16:05:00-04:00", **fields):
    common = {"symbol": "" if issubclass(kind, MarketEvent) else "ACME", "precision": "exact"}
    texts = {"headline": "Announced", "published_at": at}
    return kind.model_validate({**common, **texts, **FIELDS[kind], **fields})


@pytest.mark.parametrize("kind", FIELDS)
def test_the_day_has_not_passed_when_it_is_announced(kind):
    (name,) = (n for n, value in FIELDS[kind].items() if str(value).startswith("2025"))
    assert getattr(announced(kind), name) == day("2025-06-27")
    assert announced(kind, **{name: "2025-06-04"})  # on the day itself
    with pytest.raises(ValidationError, match="2025-06-03 lies before the day on which it became"):
        announced(kind, **{name: "2025-06-03"})


def test_each_has_a_file_of_its_own():
    names = {kind.file_name() for kind in FIELDS}
    assert names == {f"{name}.csv" for name in (*FILES, "macro_dates")}


def test_a_kind_that_ships_is_of_use_without_a_file(checkout):
    names = set(event_kinds(checkout.workspace))
    assert {"report_date", "macro_date"} <= names
    assert "report_date" not in {k.kind for k in kinds_named(checkout.workspace, None)}
    checkout.write("data/events/report_dates.csv", REPORTS)
    assert "report_date" in {k.kind for k in kinds_named(checkout.workspace, None)}


REPORTS = """\
symbol,published_at,precision,headline,report_on,session
ACME,2025-06-04T16:05:00-04:00,exact,A report is announced,2025-06-27,after close
"""
RELEASES = """\
published_at,precision,headline,release,happens_on
2025-06-04T16:05:00-04:00,exact,The day of the prices is announced,CPI,2025-06-27
2025-06-05T23:59:59-04:00,week,The day of the rates is announced,FOMC,2025-06-27
"""


def test_a_file_of_the_whole_market_needs_no_symbol(checkout):
    checkout.write("data/events/macro_dates.csv", RELEASES)
    first, second = list_events(checkout.workspace, [MacroDate], None, 5)
    assert (first.event.symbol, first.session, first.obstacle) == ("", day("2025-06-05"), "")
    assert second.obstacle == "known by the week alone, never traded"


class Hears(Strategy):
    """Long whatever it hears, and says what it sees."""

    listens_to = (MacroDate,)

    def on_event(self, event, market):
        seen = [(one.symbol, one.headline) for one in market.events(Event)]
        return Signal.long(event, reason=f"{event.symbol} {market.symbol} {seen}")


def test_an_event_of_the_market_is_heard_of_each_symbol(prices):
    both = {"ACME": prices, "BOLT": prices}
    made = announced(MacroDate)
    found = decide(Hears(), [made], both, both, MINUTES_5)
    assert [one.event.symbol for one in found] == ["ACME", "BOLT"]
    assert len({made.id, *(one.event.id for one in found)}) == 3
    assert [one.signal.symbol for one in found] == ["ACME", "BOLT"]
    # what is public of the market stands there once
    assert [one.reason for one in found] == [f"{s} {s} [('', 'Announced')]" for s in both]


def test_a_strategy_of_backtraders_hears_it_too(prices):
    both = {"ACME": prices, "BOLT": prices}
    found = schedule((MacroDate,), [announced(MacroDate)], both, both, MINUTES_5)
    assert [(one.event.symbol, one.action) for one in found] == [
        ("ACME", "notified"),
        ("BOLT", "notified"),
    ]


class BeforeTheClose(Strategy):
    """Decides before the close."""

    listens_to = (ReportDate,)
    decides = "close"
    enter: str = "close"

    def on_event(self, event, market):
        bars = market.bars()
        last = bars.index[-1].date() if len(bars) else None
        known = len(market.events(Event))
        return Signal.long(event, enter=self.enter, reason=f"{market.session} {last} {known}")


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2025-06-04T15:54:00-04:00", "2025-06-04 2025-06-03 1"),
        ("2025-06-04T15:55:00-04:00", "2025-06-05 2025-06-04 1"),  # strictly later
        ("2025-06-04T16:05:00-04:00", "2025-06-05 2025-06-04 1"),
        ("2025-06-04T08:00:00-04:00", "2025-06-04 2025-06-03 1"),
        ("2025-07-03T12:54:00-04:00", "2025-07-03 2025-07-02 1"),  # a half day
        ("2025-07-03T12:55:00-04:00", "2025-07-07 2025-07-03 1"),
    ],
)
def test_before_the_close_what_is_public_by_then_counts(prices, at, reason):
    made = announced(ReportDate, at=at, report_on="2025-07-31")
    held = {"ACME": prices}
    (decision,) = decide(BeforeTheClose(), [made], held, held, MINUTES_5)
    assert decision.reason == reason
    assert str(decision.tradable_session) == reason.split()[0]


def test_a_market_before_the_close_ends_there(prices):
    held = {"ACME": prices}
    made = announced(ReportDate, at="2025-07-03T12:00:00-04:00", report_on="2025-07-31")
    later = announced(ReportDate, at="2025-07-03T12:55:00-04:00", report_on="2025-07-31")
    seen = []

    class Keeps(BeforeTheClose):
        def on_event(self, event, market):
            seen.append((market.now, [one.id for one in market.events(Event)]))
            return "noted"

    decide(Keeps(), [made, later], held, held, MINUTES_5)
    assert seen[0] == (utc("2025-07-03T13:00:00-04:00"), [made.id])


def test_what_is_decided_before_the_close_is_not_for_the_open(prices):
    held = {"ACME": prices}
    with pytest.raises(Exception, match=r'decides before the close, .* Say enter="close"'):
        decide(BeforeTheClose(enter="open"), [announced(ReportDate)], held, held, MINUTES_5)


def test_a_day_known_by_its_date_counts_from_its_end(prices):
    held = {"ACME": prices}
    made = announced(ReportDate, at="2025-06-04T23:59:59-04:00", precision="date")
    (decision,) = decide(BeforeTheClose(), [made], held, held, timedelta(minutes=5))
    assert decision.tradable_session == day("2025-06-05")
