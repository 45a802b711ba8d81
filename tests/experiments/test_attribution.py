"""Where the profit came from, and what was over before anyone could trade."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.data.calendar import trading_calendar
from backtest.engine.bars import RunBars, StockBars
from backtest.engine.replay.books import Trade
from backtest.engine.rules import EXTENDED, FINER
from backtest.engine.schedule import Decision, Pause
from backtest.events import Event
from backtest.experiments.runs.figures import attribution, by_surprise, hour_of_knowledge, moves
from tests.asking import END_OF_DAY
from tests.engines import made_up_prices
from tests.made_up import SESSIONS, earnings, news, report, utc

# ACME opens at 100 + n and closes at 101 + n in its nth session.
ACME = made_up_prices(
    "ACME",
    [(date.fromisoformat(d), 100 + n, 102 + n, 98 + n, 101 + n) for n, d in enumerate(SESSIONS)],
)


def trade(event: Event | None, profit: float, direction: str = "long", reason: str = "time"):
    return Trade(
        trade_id=1,
        event_id=event.id if event else "",
        symbol="ACME",
        direction=direction,
        shares=10,
        entry_session=date(2025, 6, 5),
        entry_price=100.0,
        exit_session=date(2025, 6, 10),
        exit_price=110.0,
        exit_reason=reason,
        gross_profit=profit + 3,
        commission=2,
        borrow=1,
    )


@pytest.mark.parametrize(
    ("stamp", "hour"),
    [
        ("2025-06-04T06:00:00-04:00", "before the open"),
        ("2025-06-04T09:29:59-04:00", "before the open"),
        ("2025-06-04T09:30:00-04:00", "during the session"),
        ("2025-06-04T15:59:59-04:00", "during the session"),
        ("2025-06-04T16:00:00-04:00", "after the close"),
        ("2025-06-04T23:00:00-04:00", "after the close"),
        ("2025-06-05T00:30:00-04:00", "before the open"),
        ("2025-06-07T12:00:00-04:00", "without a session"),
        ("2025-06-19T12:00:00-04:00", "without a session"),
        ("2025-07-03T12:59:00-04:00", "during the session"),
        ("2025-07-03T13:00:00-04:00", "after the close"),
    ],
)
def test_hour_of_knowledge(stamp, hour):
    assert hour_of_knowledge(earnings(stamp)) == hour


@pytest.mark.parametrize("precision", ["date", "week", "month"])
def test_hour_is_unknown_where_the_day_alone_is(precision):
    assert hour_of_knowledge(report(f"2025-06-04{END_OF_DAY}", precision=precision)) == "unknown"


@pytest.mark.parametrize(
    ("stamp", "session"),
    [
        ("2025-06-04T15:59:59-04:00", date(2025, 6, 3)),
        ("2025-06-04T16:00:00-04:00", date(2025, 6, 4)),
        ("2025-06-08T12:00:00-04:00", date(2025, 6, 6)),
        ("2025-07-03T13:00:00-04:00", date(2025, 7, 3)),
    ],
)
def test_last_closed_session(stamp, session):
    assert trading_calendar().last_closed(utc(stamp)) == session


def test_groups_by_hand():
    beat = earnings("2025-06-04T16:05:00-04:00")
    case = report("2025-06-10T08:00:00-04:00", precision="minute")
    trades = [trade(beat, 100.0), trade(case, -40.0, "short", "stop"), trade(beat, -10.0)]
    found = attribution(trades, {event.id: event for event in (beat, case)})
    assert [(g.name, g.trades, g.wins, g.net_profit) for g in found["kind"]] == [
        ("earnings", 2, 1, 90.0),
        ("short_report", 1, 0, -40.0),
    ]
    assert found["event"][0].name == beat.id
    assert found["event"][0].mean_return == pytest.approx((0.1 - 0.01) / 2)
    assert [g.name for g in found["direction"]] == ["long", "short"]
    assert [g.name for g in found["exit_reason"]] == ["time", "stop"]
    assert [g.name for g in found["hour"]] == ["after the close", "before the open"]


def test_trades_without_an_event_are_told_as_such():
    found = attribution([trade(None, 5.0)], {})
    assert [found[name][0].name for name in ("event", "kind", "hour")] == ["none"] * 3


def test_no_trade_has_no_group():
    assert all(groups == () for groups in attribution([], {}).values())


EVENTS = (
    earnings("2025-06-04T16:05:00-04:00"),
    news("2025-06-12T09:24:00-04:00"),
    report("2025-06-10T12:00:00-04:00", precision="minute"),
    None,
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(EVENTS),
            st.floats(-1e5, 1e5),
            st.sampled_from(("long", "short")),
            st.sampled_from(("time", "stop", "open")),
        )
    )
)
def test_each_way_of_grouping_adds_up_to_the_profit(rows):
    trades = [trade(*row) for row in rows]
    total = sum(t.net_profit for t in trades)
    for groups in attribution(trades, {event.id: event for event in EVENTS if event}).values():
        assert sum(g.net_profit for g in groups) == pytest.approx(total, abs=1e-6)
        assert sum(g.trades for g in groups) == len(trades)
        assert all(0 <= g.wins <= g.trades for g in groups)


def decision(event: Event, session: str | None) -> Decision:
    return Decision(event, session and date.fromisoformat(session), "enter", "")


@pytest.mark.parametrize(
    ("event", "session", "last_close", "first_open"),
    [
        # session 2 closes at 103, session 3 opens at 103
        (earnings("2025-06-04T16:05:00-04:00"), "2025-06-05", 103.0, 103.0),
        (earnings("2025-06-05T08:00:00-04:00"), "2025-06-05", 103.0, 103.0),
        # public during session 3: its move of that day cannot be traded either
        (report("2025-06-05T12:00:00-04:00", precision="minute"), "2025-06-06", 103.0, 104.0),
        # some time on the day of session 3
        (report(f"2025-06-05{END_OF_DAY}", precision="date"), "2025-06-06", 103.0, 104.0),
        (report(f"2025-06-08{END_OF_DAY}", precision="week"), None, None, None),
        # before the first price, and after the last
        (earnings("2025-06-01T12:00:00-04:00"), "2025-06-02", None, 100.0),
        (earnings("2025-07-15T16:05:00-04:00"), "2025-07-16", 130.0, None),
    ],
)
def test_gap(event, session, last_close, first_open):
    (found,) = moves([decision(event, session)], [], {"ACME": ACME})
    assert (found["last_close"], found["first_open"]) == (last_close, first_open)
    if last_close is None or first_open is None:
        assert found["gap"] is None
    else:
        assert found["gap"] == pytest.approx(first_open / last_close - 1)
    assert (found["direction"], found["traded"]) == (None, None)


def test_the_gap_ends_with_the_open_at_which_a_wait_began():
    event = earnings("2025-06-04T16:05:00-04:00")
    began = Pause(date(2025, 6, 5), event.published_at, 3, "three sessions")
    later = replace(decision(event, "2025-06-10"), waited=(began,))
    (found,) = moves([later], [], {"ACME": ACME})
    assert (found["last_close"], found["first_open"]) == (103.0, 103.0)


def test_the_gap_of_what_is_traded_at_a_close_ends_with_the_next_open():
    event = earnings("2025-06-04T11:05:00-04:00")
    (found,) = moves([decision(event, "2025-06-04")], [], {"ACME": ACME})
    (same,) = moves([decision(event, "2025-06-05")], [], {"ACME": ACME})
    assert found == same
    assert found["gap"] is not None


def test_the_gap_of_what_is_traded_by_finer_bars_ends_with_the_first_of_them():
    event = earnings("2025-06-04T10:09:00-04:00")
    times = np.array(["2025-06-04T13:30", "2025-06-04T14:15"], "M8[us]")
    rows = np.array([[102.0] * 5, [99.5, 101.0, 99.0, 100.0, 9.0]])
    own = StockBars(times, np.array(["2025-06-04"] * 2, "M8[D]"), np.full(2, FINER, np.int8), rows)
    bars = RunBars({"ACME": own}, {}, 15, frozenset())
    traded = replace(decision(event, "2025-06-04"), tradable_bar=own.time_of(1))
    (found,) = moves([traded], [], {"ACME": ACME}, bars)
    assert found["first_open"] == 99.5
    began = Pause(date(2025, 6, 4), own.time_of(1), 1, "a session")
    waited = replace(decision(event, "2025-06-05"), waited=(began,))
    (found,) = moves([waited], [], {"ACME": ACME}, bars)
    assert found["first_open"] == 99.5


def test_the_gap_of_the_evening_before_a_split_is_in_the_shares_of_that_evening():
    """It closes at 102 and trades at 102 at 16:30; the next morning it is split 2:1."""
    event = earnings("2025-06-03T16:10:00-04:00")
    split = made_up_prices(
        "ACME", [(date.fromisoformat(d), *[102.0 if d < "2025-06-04" else 51.0] * 4)
                 for d in SESSIONS], ((date(2025, 6, 4), "split", 2.0),),
    )  # fmt: skip
    times = np.array(["2025-06-03T20:30", "2025-06-04T13:30"], "M8[us]")
    rows = np.array([[102.0] * 5, [51.0] * 5])
    kinds = np.array([EXTENDED, FINER], np.int8)
    own = StockBars(times, np.array(["2025-06-04"] * 2, "M8[D]"), kinds, rows)
    bars = RunBars({"ACME": own}, {}, 15, frozenset())
    evening = replace(decision(event, "2025-06-04"), tradable_bar=own.time_of(0))
    (found,) = moves([evening], [], {"ACME": split}, bars)
    assert (found["last_close"], found["first_open"], found["gap"]) == (102.0, 102.0, 0.0)


def test_traded_part_stands_beside_the_gap():
    event = report("2025-06-05T12:00:00-04:00", precision="minute")
    trades = [trade(event, 100.0, "short"), trade(event, 1.0)]
    (found,) = moves([decision(event, "2025-06-06")], trades, {"ACME": ACME})
    assert found["direction"] == -1
    assert found["traded"] == pytest.approx(0.1)
    assert found["gap"] == pytest.approx(1 / 103)


def test_profit_by_fifth_of_the_surprise():
    events = [
        earnings(f"2025-06-04T16:{n:02}:00-04:00", eps=eps, eps_consensus=1.0)
        for n, eps in enumerate([*(1 + n / 100 for n in range(49)), 100.0])
    ]
    trades = [replace(trade(event, n), trade_id=n) for n, event in enumerate(events)]
    unknown = earnings("2025-06-05T16:05:00-04:00", eps=None)
    trades.append(replace(trade(unknown, 7), trade_id=50))
    by_id = {event.id: event for event in [*events, unknown]}
    found = by_surprise(trades, by_id)
    # The first fifth holds the surprises 0, 1 … 9 % with profits of 0, 1 … 9 dollars.
    assert [(group.name, group.trades, group.net_profit) for group in found] == [
        ("fifth 1, 0.0 % to +9.0 %", 10, 45),
        ("fifth 2, +10.0 % to +19.0 %", 10, 145),
        ("fifth 3, +20.0 % to +29.0 %", 10, 245),
        ("fifth 4, +30.0 % to +39.0 %", 10, 345),
        ("fifth 5, +40.0 % to +9,900.0 %", 10, 445),
        ("unknown", 1, 7),
    ]
    assert by_surprise(trades[1:], by_id) == ()
