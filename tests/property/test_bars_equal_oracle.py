"""Replay, kernel and oracle agree on runs by finer bars, whatever is drawn."""

from hypothesis import given
from hypothesis import settings as run_settings

from backtest.data.kinds import News
from tests.engines import Engine, run_kernel, run_replay
from tests.oracle import simulate
from tests.property.bars import BarWorld, bar_worlds
from tests.property.test_engines_equal_oracle import assert_equal
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
        assert program_bar(world.bars, world.finer, event, *asked) == world.bar_of(fact)
