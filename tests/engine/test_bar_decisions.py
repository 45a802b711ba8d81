"""What a strategy sees when it decides in a run by finer bars, by hand.

Stamps are those of New York; the bars are those of `tests/spec/test_tradable_bar.py`.
"""

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from backtest.data.kinds import NEW_YORK, News, Start
from backtest.engine.timeline import decide
from backtest.strategy.base import Signal, Strategy, Wait
from tests.engines import made_up_bars, made_up_stocks
from tests.spec.case import Case
from tests.spec.test_tradable_bar import DAILY, FINER, stamp

seen: list[tuple[str, str, int, list[str]]] = []


class Sees(Strategy):
    """Notes the moment, the session, how many sessions were before it, and the finer bars."""

    listens_to = (News,)

    def on_event(self, event, market):
        finer = market.finer_bars().index.tz_convert(NEW_YORK).strftime("%Y-%m-%d %H:%M")
        now = market.now.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")
        seen.append((now, str(market.session), len(market.bars()), finer.tolist()))
        return Signal.long(event, enter=self.decides, weight=0.5, reason="noted")


class SeesBeforeTheClose(Sees):
    """The same before the close."""

    decides = "close"


class Waits(Strategy):
    """Waits for a session."""

    listens_to = (News,)

    def on_event(self, event, market):
        seen.append((market.now.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M"), "", 0, []))
        return Signal.long(event, weight=0.5) if len(seen) > 1 else Wait(event, 1, reason="waits")


def asked(strategy, published: str, missing_bars: str = "daily"):
    """The decision on an event, of which the moments are noted in `seen`."""
    seen.clear()
    finer = (
        FINER["ACME"]
        + """
        2025-06-06 15:55 100 100 100 100
        2025-06-09 15:58 100 100 100 100
    """
    )
    rows = sorted(
        filter(str.strip, finer.splitlines()), key=lambda line: line.split("#")[0].split()[:2]
    )
    case = Case("", "", DAILY, [], [], [], finer={**FINER, "ACME": "\n".join(rows)})
    stocks = made_up_stocks(case.rows(), {})
    bars = made_up_bars(stocks, case.finer_rows(), [])
    bars = replace(bars, is_needed=missing_bars == "none")
    event = News(
        symbol="ACME", published_at=stamp(published), precision="exact", headline="A",
        category="contract",
    )  # fmt: skip
    decision, *_ = decide(strategy(), [event], stocks, stocks, timedelta(0), bars=bars)
    return decision


@pytest.mark.parametrize(
    ("published", "now", "last"),
    [
        ("2025-06-03 09:31", "2025-06-03 09:35", "2025-06-03 09:30"),
        ("2025-06-03 12:00", "2025-06-03 15:50", "2025-06-03 09:40"),
        ("2025-06-03 15:57", "2025-06-05 09:35", "2025-06-03 15:55"),
    ],
)
def test_before_a_bar_the_bars_that_have_ended_are_seen(published, now, last) -> None:
    decision = asked(Sees, published)
    ((moment, session, _, finer),) = seen
    assert (moment, finer[-1]) == (now, last)
    assert str(decision.tradable_session) == session == now[:10]
    assert decision.tradable_bar == stamp(now).astimezone(UTC)


def test_before_a_session_by_the_day_all_bars_before_it_are_seen() -> None:
    decision = asked(Sees, "2025-06-05 18:00")
    # Of Monday by the day, of Tuesday and of Thursday: nothing was traded on Wednesday.
    assert seen[0][:3] == ("2025-06-06 09:30", "2025-06-06", 3)
    assert seen[0][3][-1] == "2025-06-05 15:30"
    assert decision.tradable_bar is None


@pytest.mark.parametrize(
    ("published", "now", "last"),
    [
        # The bar of 15:55 is traded at its close, at 16:00.
        ("2025-06-03 09:31", "2025-06-03 16:00", "2025-06-03 15:50"),
        # The stock's last bar ends at 15:35, and its close is the price of that time.
        ("2025-06-05 12:00", "2025-06-05 15:35", "2025-06-05 09:35"),
        # By the day: its daily close is that of the bar of 15:55.
        ("2025-06-06 12:00", "2025-06-06 16:00", "2025-06-06 09:30"),
        # The bar of 15:58 is cut short by the close, and that of 15:55 ends with it.
        ("2025-06-09 12:00", "2025-06-09 16:00", "2025-06-09 09:30"),
    ],
)
def test_before_the_close_the_bar_that_is_traded_is_not_seen(published, now, last) -> None:
    asked(SeesBeforeTheClose, published)
    ((moment, session, _, finer),) = seen
    assert (moment, session, finer[-1]) == (now, now[:10], last)


def test_a_wait_is_put_again_before_the_first_bar_of_its_session() -> None:
    decision = asked(Waits, "2025-06-03 09:31")
    # Wednesday has no bars, Thursday begins at 09:35.
    assert [moment for moment, *_ in seen] == ["2025-06-03 09:35", "2025-06-05 09:35"]
    assert decision.tradable_bar == stamp("2025-06-05 09:35").astimezone(UTC)


def test_a_wait_into_a_session_by_the_day_is_in_vain_where_bars_are_needed() -> None:
    assert asked(Waits, "2025-06-05 09:36", "none").action == "no_signal"
    assert len(seen) == 1
    decision = asked(Waits, "2025-06-05 09:36")
    assert [moment for moment, *_ in seen] == ["2025-06-05 15:30", "2025-06-06 09:30"]
    assert (decision.action, decision.tradable_bar) == ("signal", None)


class SeesTheStart(Sees):
    """The same at the start."""

    listens_to = (Start,)


def test_the_start_in_a_session_by_the_day_is_not_traded_where_bars_are_needed() -> None:
    assert asked(SeesTheStart, "2025-06-03 09:31").action == "signal"
    decision = asked(SeesTheStart, "2025-06-03 09:31", missing_bars="none")
    assert (decision.action, seen) == ("not_tradable", [])
    assert decision.reason == "no bars of 5 minutes in 2025-06-02"
