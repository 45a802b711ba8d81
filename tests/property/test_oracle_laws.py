"""Laws that hold whatever is drawn; here the oracle itself is held to them."""

from dataclasses import replace
from math import fsum

import pytest
from hypothesis import given
from hypothesis import settings as run_settings

from tests.oracle import Outcome, simulate
from tests.property.strategies import World, worlds

law = run_settings(deadline=None, max_examples=200)


def run(world: World) -> Outcome:
    return simulate(world.bars, world.signals, world.settings, world.borrow)


@law
@given(worlds())
def test_final_equity_is_cash_and_profits_less_costs(world: World) -> None:
    outcome = run(world)
    parts = [world.settings.cash]
    for trade in outcome.trades:
        parts += [trade.gross_profit, -trade.commission, -trade.borrow]
        net = trade.gross_profit - trade.commission - trade.borrow
        assert trade.net_profit == pytest.approx(net, rel=1e-12, abs=1e-9)
    scale = max(abs(part) for part in parts)
    assert outcome.equity[-1].equity == pytest.approx(fsum(parts), rel=1e-9, abs=1e-12 * scale)


@law
@given(worlds())
def test_there_is_a_point_for_each_session(world: World) -> None:
    points = run(world).equity
    assert [point.session for point in points] == world.sessions()
    for point in points:
        assert point.equity == point.cash + point.position_value


@law
@given(worlds())
def test_longs_never_spend_more_than_the_cash(world: World) -> None:
    outcome = run(replace(world, signals=[s for s in world.signals if s.direction == "long"]))
    assert all(point.cash >= -1e-6 for point in outcome.equity)


@law
@given(worlds())
def test_fills_lie_in_the_range_of_the_bar_slippage_aside(world: World) -> None:
    bars = {(symbol, row[0]): row[1:] for symbol, rows in world.bars.items() for row in rows}
    slip = world.settings.slippage_bps / 1e4
    for trade in run(world).trades:
        sign = 1 if trade.direction == "long" else -1
        open_ = bars[trade.symbol, trade.entry_session][0]
        assert trade.entry_price == pytest.approx(open_ * (1 + sign * slip), rel=1e-12)
        open_, high, low, close = bars[trade.symbol, trade.exit_session]
        slipped = 0.0 if trade.exit_reason in {"target", "open"} else slip
        raw = trade.exit_price / (1 - sign * slipped)
        assert low * (1 - 1e-12) <= raw <= high * (1 + 1e-12)
        if trade.exit_reason in {"time", "reversal", "margin_call", "ruin"}:
            assert raw == pytest.approx(open_, rel=1e-12)
        if trade.exit_reason == "open":
            assert raw == close


@law
@given(worlds())
def test_every_signal_has_its_outcome(world: World) -> None:
    outcome = run(world)
    assert set(outcome.outcomes) == {signal.event_id for signal in world.signals}
    entered = [event for event, did in outcome.outcomes.items() if did in {"enter", "reverse"}]
    assert sorted(trade.event_id for trade in outcome.trades) == sorted(entered)
    direction = {signal.event_id: signal.direction for signal in world.signals}
    symbol = {signal.event_id: signal.symbol for signal in world.signals}
    for trade in outcome.trades:
        assert trade.shares > 0
        assert (trade.direction, trade.symbol) == (
            direction[trade.event_id],
            symbol[trade.event_id],
        )


@law
@given(worlds())
def test_entries_from_flat_stay_within_weight_and_gross(world: World) -> None:
    outcome = run(world)
    weight = {signal.event_id: signal.weight for signal in world.signals}
    before = world.settings.cash
    for session, equity, _, _ in outcome.equity:
        entered = [trade for trade in outcome.trades if trade.entry_session == session]
        held = [
            trade
            for trade in outcome.trades
            if trade.entry_session < session
            and (trade.exit_reason == "open" or trade.exit_session >= session)
        ]
        if not held:
            room = world.settings.max_gross * before * (1 + 1e-12)
            assert sum(trade.shares * trade.entry_price for trade in entered) <= max(room, 0)
            for trade in entered:
                most = weight[trade.event_id] * before * (1 + 1e-12)
                assert trade.shares * trade.entry_price <= most
        before = equity


@law
@given(worlds())
def test_doubled_prices_and_cash_double_the_money_and_nothing_else(world: World) -> None:
    rules = replace(world.settings, commission_per_share=0.0, commission_min=0.0)
    plain = run(replace(world, settings=rules))
    bars = {
        symbol: [(day, *(2 * price for price in prices)) for day, *prices in rows]
        for symbol, rows in world.bars.items()
    }
    double = run(replace(world, bars=bars, settings=replace(rules, cash=2 * rules.cash)))
    assert double.outcomes == plain.outcomes
    assert double.equity == [
        (session, 2 * equity, 2 * cash, 2 * value) for session, equity, cash, value in plain.equity
    ]
    money = ("entry_price", "exit_price", "gross_profit", "commission", "borrow", "net_profit")
    assert double.trades == [
        replace(trade, **{name: 2 * getattr(trade, name) for name in money})
        for trade in plain.trades
    ]


@law
@given(worlds())
def test_the_order_of_the_input_changes_nothing(world: World) -> None:
    turned = replace(
        world,
        bars=dict(reversed(world.bars.items())),
        signals=world.signals[::-1],
        borrow={symbol: pairs[::-1] for symbol, pairs in reversed(world.borrow.items())},
    )
    assert run(turned) == run(world)


@law
@given(worlds())
def test_later_sessions_change_nothing_earlier(world: World) -> None:
    sessions = world.sessions()
    last = sessions[len(sessions) // 2]
    cut = {symbol: [row for row in rows if row[0] <= last] for symbol, rows in world.bars.items()}
    early = run(
        replace(
            world,
            bars={symbol: rows for symbol, rows in cut.items() if rows},
            signals=[signal for signal in world.signals if signal.session <= last],
        )
    )
    full = run(world)
    assert early.equity == [point for point in full.equity if point.session <= last]
    assert early.outcomes.items() <= full.outcomes.items()
    closed = [trade for trade in early.trades if trade.exit_reason != "open"]
    kept = [t for t in full.trades if t.exit_session <= last and t.exit_reason != "open"]
    assert closed == kept
