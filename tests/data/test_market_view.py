"""What a strategy sees of the past, and that nothing else is there."""

import gc
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from backtest.blocks import events_near
from backtest.data.prices import read_prices
from backtest.engine.timeline import decide
from backtest.errors import UsageError
from backtest.events import Earnings, Event, News, ShortReport, Split, StakeDisclosure
from tests.asking import END_OF_DAY, Asked, ask
from tests.made_up import MINUTES_5, day, earnings, ids, news, report, stake, utc


def test_bars_end_with_the_session_before(prices):
    _, ((_, market),) = ask(prices, [earnings("2025-06-18T23:59:59-04:00")])
    assert (market.session, market.symbol) == (day("2025-06-20"), "ACME")  # over Juneteenth
    assert market.now == utc("2025-06-20T09:30:00-04:00")
    bars = market.bars()
    assert [str(stamp.date()) for stamp in bars.index[[0, -1]]] == ["2025-06-02", "2025-06-18"]
    assert bars.iloc[-1].tolist() == [112.0, 114.0, 110.0, 113.0, 1012.0]
    assert len(bars) == 13
    pd.testing.assert_frame_equal(bars, market.bars("ACME"))


class Level(Event):
    """A kind of one's own."""


class HighLevel(Level):
    """A kind that is made from it."""


def test_a_kind_of_ones_own_is_shown_to_who_listens_to_it_alone(prices):
    """Its file is read for nobody else: none of it would look as if nothing had happened."""
    events = [earnings("2025-06-18T23:59:59-04:00")]
    with pytest.raises(UsageError, match=r"events of level are not shown.*listens_to"):
        ask(prices, events, lambda _, market: f"{market.events(Level)}")
    with pytest.raises(UsageError, match=r"events of level are not shown.*listens_to"):
        ask(prices, events, lambda event, market: f"{events_near(event, market, Level)}")

    class Listener(Asked):
        listens_to: ClassVar = (Earnings, HighLevel)

    told = ask(
        prices,
        events,
        lambda _, market: f"{len(market.events(Level))} {len(market.events(Split))}",
        strategy=Listener,
    )
    assert [decision.reason for decision in told[0]] == ["0 0"]


def test_before_the_first_session_there_is_no_bar(prices):
    _, ((_, market),) = ask(prices, [earnings("2025-06-02T08:00:00-04:00")])
    assert market.bars().empty
    assert list(market.bars().columns) == ["open", "high", "low", "close", "volume"]


def test_bars_reach_back_beyond_the_span(prices):
    _, ((_, market),) = ask(prices, [earnings("2025-06-18T23:59:59-04:00")], first="2025-06-20")
    assert len(market.bars()) == 13


def test_changing_what_was_shown_changes_nothing(prices):
    before = prices.table.copy()

    def spoil(_, market):
        bars = market.bars()
        bars.loc[:, "close"] = 0.0
        return f"{market.bars()['close'].sum()}"

    events = [earnings("2025-06-04T16:05:00-04:00"), earnings("2025-06-18T23:59:59-04:00")]
    decisions, _ = ask(prices, events, spoil)
    pd.testing.assert_frame_equal(prices.table, before)
    assert [d.reason for d in decisions] == ["306.0", "1391.0"]  # 101 + 102 + 103; 13 closes


def reachable_arrays(root: object) -> list[np.ndarray]:
    """Every array that can be reached from an object, through attributes and bases."""
    found, waiting, known = [], [root], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in known or isinstance(thing, type) or type(thing).__name__ == "module":
            continue
        known.add(id(thing))
        if isinstance(thing, np.ndarray):
            found.append(thing)
            waiting.append(thing.base)
        if not callable(thing):
            waiting += gc.get_referents(thing)
    return found


def test_later_bars_are_not_there_at_all(prices):
    _, ((_, market),) = ask(prices, [earnings("2025-06-18T23:59:59-04:00")])
    for shown in (market, market.bars()):
        arrays = reachable_arrays(shown)
        numbers = [a for a in arrays if a.dtype.kind == "f"]
        stamps = [a for a in arrays if a.dtype.kind == "M"]
        assert numbers
        assert stamps
        # the last volume known, later are larger; what is to come is not a number yet
        assert max(np.nanmax(a) for a in numbers) == 1012.0
        assert max(np.nanmax(a) for a in stamps) == np.datetime64("2025-06-18")
        assert all(np.count_nonzero(~np.isnan(a)) <= 13 * 5 for a in (*numbers, *stamps))


def test_only_events_that_were_public_by_then_are_there(prices):
    known = [
        news("2025-05-30T08:00:00-04:00", headline="before the first price"),
        news("2025-06-05T09:24:59-04:00", headline="in time"),
        report(f"2025-06-01{END_OF_DAY}", precision="month"),
        earnings("2025-06-04T16:05:00-04:00"),
    ]
    later = [
        news("2025-06-05T09:25:00-04:00", headline="too late"),
        news("2025-06-05T09:29:59-04:00", headline="within the reaction time"),
        stake("2025-06-05T09:30:00-04:00"),
        earnings("2025-06-27T08:00:00-04:00"),
    ]
    other = news("2025-06-04T08:00:00-04:00", symbol="OTHR")
    _, seen = ask(prices, [*later, *known, other])
    (market,) = [market for event, market in seen if event == known[3]]
    assert market.events(Event) == tuple(sorted(known, key=lambda e: e.published_at))
    assert market.events(News) == (known[0], known[1])
    assert market.events(StakeDisclosure) == ()


def test_what_is_known_by_its_session_alone_is_not_there_before_the_close_of_that(prices):
    at_noon = report("2025-06-04T12:00:00-04:00", precision="session")

    class BeforeTheClose(Asked):
        decides: ClassVar = "close"

    events = [
        at_noon,
        report("2025-06-04T12:01:00-04:00", precision="minute", headline="in the minute after"),
        earnings("2025-06-04T14:00:00-04:00"),
        stake("2025-06-05T11:00:00-04:00"),
    ]
    _, seen = ask(prices, events, strategy=BeforeTheClose)
    reports = {event.kind: market.events(ShortReport) for event, market in seen}
    assert reports["earnings"] == (events[1],)
    assert reports["stake_disclosure"] == (events[1], at_noon)


def test_an_event_sees_itself_among_the_events_known(prices):
    _, ((event, market),) = ask(prices, [earnings()])
    assert market.events(Earnings) == (event,)


def test_stocks_of_the_run_see_each_other_and_no_others(checkout):
    text = (checkout.root / "data/prices/ACME.csv").read_text()
    checkout.write(
        "data/prices/BETA.csv",
        "".join(text.splitlines(keepends=True)[:1] + text.splitlines(keepends=True)[10:]),
    )
    folder = checkout.root / "data/prices"
    both = {name: read_prices(folder, name) for name in ("ACME", "BETA")}
    made = Asked()
    events = [
        earnings("2025-06-16T16:05:00-04:00"),
        news("2025-06-13T16:05:00-04:00", symbol="BETA"),
    ]
    decide(made, events, both, both, MINUTES_5)
    ((_, market),) = made.seen
    assert len(market.bars("ACME")) == 11
    assert len(market.bars("BETA")) == 2  # it begins on 2025-06-13
    assert ids(market.events(Event)) == ids([events[1], events[0]])
    with pytest.raises(UsageError, match="the prices of INDX are not shown, those of ACME, BETA"):
        market.bars("INDX")
