"""Replay, kernel and oracle agree on every trade and on the equity, whatever is drawn."""

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import settings as run_settings

from tests.engines import Engine, run_kernel, run_replay
from tests.oracle import Outcome, simulate
from tests.property.actions import eventful_worlds
from tests.property.strategies import World, worlds


def assert_equal(got: Outcome, wanted: Outcome) -> None:
    assert got.outcomes == wanted.outcomes
    assert got.capped == wanted.capped
    assert len(got.trades) == len(wanted.trades)
    scale = max([1.0, *(abs(point.equity) for point in wanted.equity)])
    for what in ("interest", "commission", "borrow", "dividends"):
        wanted_total = pytest.approx(getattr(wanted, what), rel=1e-9, abs=1e-9 * scale)
        assert getattr(got, what) == wanted_total, what
    for mine, theirs in zip(got.trades, wanted.trades, strict=True):
        for one, other in zip(astuple(mine), astuple(theirs), strict=True):
            if isinstance(one, float) or isinstance(other, float):
                assert one == pytest.approx(other, rel=1e-9, abs=1e-9 * scale)
            else:
                assert one == other
    for mine, theirs in zip(got.equity, wanted.equity, strict=True):
        assert mine.session == theirs.session
        assert mine[1:] == pytest.approx(theirs[1:], rel=1e-9, abs=1e-9 * scale)


def assert_equals_the_oracle(engine: Engine, world: World) -> None:
    asked = world.bars, world.signals, world.settings, world.borrow
    known = {"actions": world.actions} if world.actions else {}
    assert_equal(engine(*asked, **known), simulate(*asked, **known))


@run_settings(max_examples=4 * run_settings().max_examples)  # this guards the money
@given(worlds())
def test_replay_and_kernel_equal_the_oracle(world: World) -> None:
    assert_equals_the_oracle(run_replay, world)
    assert_equals_the_oracle(run_kernel, world)


@run_settings(max_examples=4 * run_settings().max_examples)
@given(eventful_worlds())
def test_replay_and_kernel_equal_the_oracle_with_actions(world: World) -> None:
    assert_equals_the_oracle(run_replay, world)
    assert_equals_the_oracle(run_kernel, world)


@given(eventful_worlds())
def test_the_equity_is_the_sum_of_what_was_made(world: World) -> None:
    found = simulate(world.bars, world.signals, world.settings, world.borrow, world.actions)
    profit = sum(trade.net_profit for trade in found.trades)
    scale = max([1.0, *(abs(point.cash) for point in found.equity)])
    wanted = world.settings.cash + profit + found.interest
    assert found.equity[-1].equity == pytest.approx(wanted, rel=1e-9, abs=1e-9 * scale)
