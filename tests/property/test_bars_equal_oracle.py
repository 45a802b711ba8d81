"""Replay, kernel and oracle agree on runs by finer bars, whatever is drawn."""

from dataclasses import replace

from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from backtest.data.kinds import News
from backtest.engine.kernel.replay import check_agreement, replay_by_kernel
from backtest.engine.replay.books import Trade
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from tests.engines import (
    Engine,
    borrow_rates,
    made_up_bars,
    made_up_decisions,
    made_up_stocks,
    run_kernel,
    run_replay,
)
from tests.oracle import Bar, Signal, simulate
from tests.oracle_bars import hours
from tests.property.actions import eventful_worlds
from tests.property.bars import NUMBERS, BarWorld, bar_worlds, told
from tests.property.strategies import World
from tests.property.test_engines_equal_oracle import assert_equal, assert_equals_the_oracle
from tests.spec.test_tradable_bar import program_bar


def check(engine: Engine, world: BarWorld) -> None:
    asked = world.bars, world.signals, world.settings, world.borrow, world.actions, world.finer
    assert_equal(engine(*asked), simulate(*asked))


@run_settings(max_examples=4 * run_settings().max_examples)
@given(bar_worlds())
def test_the_replay_by_bars_equals_the_oracle(world: BarWorld) -> None:
    check(run_replay, world)


@run_settings(max_examples=4 * run_settings().max_examples)
@given(bar_worlds())
def test_the_kernel_by_bars_equals_the_oracle(world: BarWorld) -> None:
    check(run_kernel, world)


@given(bar_worlds())
def test_the_program_finds_the_bar_of_the_oracle(world: BarWorld) -> None:
    hedged = tuple(one.signal for one in world.facts)
    for fact in world.facts:
        event = News(
            symbol=fact.signal.symbol,
            published_at=fact.signal.published_at,
            precision=fact.precision,
            headline=fact.signal.event_id,
            category="contract",
        )
        asked = world.reaction, world.decides, world.missing_bars, hedged
        found = program_bar(world.bars, world.finer, event, *asked, extended=world.extended)
        assert found == world.bar_of(fact)


@given(bar_worlds())
def test_replay_and_kernel_tell_the_same_of_each_trade_and_decision(world: BarWorld) -> None:
    stocks = made_up_stocks(world.bars, world.actions)
    bars = made_up_bars(stocks, world.finer, world.signals, world.settings.hours)
    rates, rules = borrow_rates(world.bars, world.borrow), Rules(**vars(world.settings))
    asked = stocks, rates, made_up_decisions(world.signals), rules, bars
    replayed, by_kernel = replay(*asked), replay_by_kernel(*asked)
    check_agreement("replay", replayed, "kernel", by_kernel)
    own = world.own_bars()
    for trade in replayed.trades:
        if all(action != "split" for _, action, _ in world.actions.get(trade.symbol, ())):
            check_excursions(trade, own[trade.symbol])


def check_excursions(trade: Trade, bars: list[Bar]) -> None:
    """They reach as far as the prices that were surely seen, and no further than all of them."""

    def held(bar: Bar) -> bool:
        entered = trade.entry_bar.replace(tzinfo=None) if trade.entry_bar else None
        left = trade.exit_bar.replace(tzinfo=None) if trade.exit_bar else None
        after = bar.session >= (entered or hours(trade.entry_session)[0])
        return after and bar.session <= (left or hours(trade.exit_session)[0])

    during = [bar for bar in bars if held(bar)]
    whole = during[1:-1]
    ends = [trade.entry_price, trade.exit_price]
    least = [price for bar in whole for price in (bar.low, bar.high)] + ends
    most = [price for bar in during for price in (bar.low, bar.high)] + ends
    for prices, is_bound in ((least, False), (most, True)):
        moves = [trade.sign * (price / trade.entry_price - 1) for price in prices]
        low, high = min(*moves, 0.0), max(*moves, 0.0)
        if is_bound:
            assert low - 1e-9 <= trade.mae <= 0 <= trade.mfe <= high + 1e-9
        else:
            assert trade.mae <= low + 1e-9
            assert trade.mfe >= high - 1e-9


@st.composite
def daily_worlds(draw: st.DrawFn) -> World:
    """Worlds by sessions whose signals have plans by bars and by the clock."""
    world = draw(eventful_worlds())
    numbers = st.integers(0, NUMBERS)
    planned = [told(draw(numbers), signal, "open").signal for signal in world.signals]
    return replace(world, signals=planned)


@given(daily_worlds())
def test_in_runs_by_sessions_a_bar_is_one_and_the_clock_is_its_close(world: World) -> None:
    assert_equals_the_oracle(run_replay, world)
    assert_equals_the_oracle(run_kernel, world)
    in_sessions = [in_sessions_alone(signal) for signal in world.signals]
    asked = world.settings, world.borrow, world.actions
    wanted = simulate(world.bars, in_sessions, *asked)
    assert_equal(simulate(world.bars, world.signals, *asked), wanted)


def in_sessions_alone(signal: Signal) -> Signal:
    """The signal with the same plan in words of sessions."""
    if signal.direction == "flat":  # it has no plan
        return signal
    if signal.hold_bars is not None:
        return replace(signal, hold=signal.hold_bars, hold_bars=None)
    if signal.leave_at is not None:
        return replace(signal, hold=signal.hold or 0, leave_at=None, leave="close")
    return signal
