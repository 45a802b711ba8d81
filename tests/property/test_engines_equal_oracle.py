"""Replay, kernel and oracle agree on every trade and on the equity, whatever is drawn."""

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import settings as run_settings

from tests.engines import run_kernel, run_replay
from tests.oracle import Outcome, simulate
from tests.property.strategies import World, worlds


def assert_equal(got: Outcome, wanted: Outcome) -> None:
    assert got.outcomes == wanted.outcomes
    assert got.capped == wanted.capped
    assert len(got.trades) == len(wanted.trades)
    assert got.interest == pytest.approx(wanted.interest, rel=1e-9, abs=1e-9)
    scale = max([1.0, *(abs(point.equity) for point in wanted.equity)])
    for mine, theirs in zip(got.trades, wanted.trades, strict=True):
        for one, other in zip(astuple(mine), astuple(theirs), strict=True):
            if isinstance(other, float):
                assert one == pytest.approx(other, rel=1e-9, abs=1e-9 * scale)
            else:
                assert one == other
    for mine, theirs in zip(got.equity, wanted.equity, strict=True):
        assert mine.session == theirs.session
        assert mine[1:] == pytest.approx(theirs[1:], rel=1e-9, abs=1e-9 * scale)


@run_settings(max_examples=4 * run_settings().max_examples)  # this guards the money
@given(worlds())
def test_replay_and_kernel_equal_the_oracle(world: World) -> None:
    wanted = simulate(world.bars, world.signals, world.settings, world.borrow)
    for engine in (run_replay, run_kernel):
        assert_equal(engine(world.bars, world.signals, world.settings, world.borrow), wanted)
