"""Replay, kernel and oracle agree on runs by finer bars, whatever is drawn."""

from hypothesis import given
from hypothesis import settings as run_settings

from tests.engines import Engine, run_kernel, run_replay
from tests.oracle import simulate
from tests.property.bars import BarWorld, bar_worlds
from tests.property.test_engines_equal_oracle import assert_equal


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
