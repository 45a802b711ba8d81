"""Both engines list the same orders of legs, whatever is drawn."""

from hypothesis import given
from hypothesis import settings as run_settings

from backtest.engine.kernel.replay import replay_by_kernel
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from tests.engines import borrow_rates, made_up_decisions, made_up_stocks
from tests.property.actions import eventful_worlds
from tests.property.strategies import World, worlds


@run_settings(max_examples=2 * run_settings().max_examples)
@given(worlds() | eventful_worlds())
def test_both_engines_list_the_orders_of_legs(world: World) -> None:
    legs = {leg[0] for signal in world.signals for leg in signal.legs}
    if not legs:
        return
    listed = []
    for engine in (replay, replay_by_kernel):
        result = engine(
            made_up_stocks(world.bars, world.actions),
            borrow_rates(world.bars, world.borrow),
            made_up_decisions(world.signals),
            Rules(**vars(world.settings)),
        )
        orders = [order for order in result.orders if order.symbol in legs]
        listed.append(
            [
                (o.session, o.symbol, round(o.size, 6), o.type, round(o.price, 6), o.event_id,
                 o.exit_reason)
                for o in orders
            ]
        )  # fmt: skip
    assert listed[0] == listed[1]
