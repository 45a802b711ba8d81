"""The kernel and the oracle agree on finer bars, and on what a session of one bar is."""

from dataclasses import replace
from datetime import datetime, time

from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from tests.engines import run_kernel, run_kernel_on_finer_bars
from tests.property.actions import eventful_worlds
from tests.property.finer import OPENS, cut, finer_worlds
from tests.property.strategies import World, worlds
from tests.property.test_engines_equal_oracle import assert_equal, assert_equals_the_oracle


@run_settings(max_examples=4 * run_settings().max_examples)
@given(finer_worlds(worlds()))
def test_the_kernel_equals_the_oracle_on_finer_bars(world: World) -> None:
    assert_equals_the_oracle(run_kernel_on_finer_bars, world)


@run_settings(max_examples=4 * run_settings().max_examples)
@given(finer_worlds(eventful_worlds()))
def test_the_kernel_equals_the_oracle_on_finer_bars_with_actions(world: World) -> None:
    assert_equals_the_oracle(run_kernel_on_finer_bars, world)


@given(worlds())
def test_a_session_of_one_bar_is_a_session(world: World) -> None:
    def moment(session):
        return datetime.combine(session, time(14, 30))

    daily = run_kernel(world.bars, world.signals, world.settings, world.borrow)
    bars = {s: [(moment(row[0]), *row[1:]) for row in rows] for s, rows in world.bars.items()}
    signals = [replace(signal, session=moment(signal.session)) for signal in world.signals]
    got = run_kernel_on_finer_bars(bars, signals, world.settings, world.borrow)
    dated = replace(
        got,
        trades=[
            replace(t, entry_session=t.entry_session.date(), exit_session=t.exit_session.date())
            for t in got.trades
        ],
        equity=[point._replace(session=point.session.date()) for point in got.equity],
    )
    assert_equal(dated, daily)


@given(worlds(), st.data())
def test_the_bars_of_a_session_compose_to_it(world: World, data: st.DataObject) -> None:
    rows = data.draw(st.sampled_from(list(world.bars.values())))
    for row in rows:
        opens = data.draw(st.lists(st.sampled_from(OPENS), min_size=1, unique=True).map(sorted))
        bars = cut(row, opens, data.draw(st.integers(0, 10**12)))
        assert (bars[0][1], bars[-1][4]) == (row[1], row[4])
        assert (max(bar[2] for bar in bars), min(bar[3] for bar in bars)) == (row[2], row[3])
        assert all(bar[3] <= min(bar[1], bar[4]) <= max(bar[1], bar[4]) <= bar[2] for bar in bars)
