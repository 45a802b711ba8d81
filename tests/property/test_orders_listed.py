"""Both engines list the same orders in the same order, whatever is drawn."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import settings as run_settings

from backtest.engine.kernel.replay import replay_by_kernel
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from tests.engines import borrow_rates, made_up_decisions, made_up_stocks
from tests.property.actions import eventful_worlds
from tests.property.strategies import World, worlds
from tests.spec.case import FREE, flat, long, short


@run_settings(max_examples=2 * run_settings().max_examples)
@given(worlds() | eventful_worlds())
def test_both_engines_list_the_orders_of_opens_and_closes_in_the_same_order(world: World) -> None:
    """The replay tells beside them what rested unfilled."""
    replayed, by_kernel = (
        [order for order in orders if order[3] in ("market", "close")] for orders in listed(world)
    )
    assert replayed == by_kernel


def test_what_leaves_by_a_signal_leaves_in_the_turn_of_that_signal() -> None:
    """At an open a reversal is one turn; at a close all that signals end goes before the clock."""
    days = [date(2025, 6, n) for n in (5, 6, 9, 10)]
    world = World(
        bars={symbol: [(day, 50.0, 50.0, 50.0, 50.0) for day in days] for symbol in "ABCD"},
        signals=[
            *(long("2025-06-06", symbol, event_id=symbol, published_at=0, weight=0.1)
              for symbol in "ABC"),
            flat("2025-06-09", "C", event_id="no C", published_at=1),
            flat("2025-06-09", "A", event_id="no A", published_at=2),
            long("2025-06-09", "D", event_id="D", published_at=3, weight=0.1, hold=1,
                 leave="close"),
            short("2025-06-09", "B", event_id="short B", published_at=4, weight=0.1),
            flat("2025-06-10", "B", event_id="no B", published_at=5, enter="close"),
        ],
        settings=FREE,
        borrow={},
        actions={},
    )  # fmt: skip
    replayed, by_kernel = listed(world)
    assert [(order[1], order[2], order[6]) for order in by_kernel[3:]] == [
        ("C", -200, "signal"), ("A", -200, "signal"), ("D", 200, None),
        ("B", -200, "reversal"), ("B", -200, None),
        ("B", 200, "signal"), ("D", -200, "time"),
    ]  # fmt: skip
    assert by_kernel == replayed


def test_what_an_entry_at_a_limit_turns_round_leaves_in_the_turn_of_its_signal() -> None:
    """The entry itself comes later, where its bar reaches the limit."""
    days = [date(2025, 6, n) for n in (5, 6, 9)]
    world = World(
        bars={symbol: [(day, 50.0, 50.0, 50.0, 50.0) for day in days] for symbol in "AB"},
        signals=[
            long("2025-06-06", "A", event_id="A", published_at=0, weight=0.1),
            short("2025-06-09", "A", event_id="short A", published_at=1, weight=0.1, limit=-0.01),
            long("2025-06-09", "B", event_id="B", published_at=2, weight=0.1),
        ],
        settings=FREE,
        borrow={},
        actions={},
    )
    replayed, by_kernel = listed(world)
    for orders in (replayed, by_kernel):
        assert [order[1:4] for order in orders[1:]] == [
            ("A", -200, "market"), ("B", 200, "market"), ("A", -202, "limit"),
        ]  # fmt: skip


def test_what_leaves_by_a_renewed_plan_is_listed_by_that_plan() -> None:
    """The entry's target would rest at 55; the renewal's has passed at the close before."""
    days = [date(2025, 6, n) for n in (5, 6, 9, 10)]
    bars = [(day, *[54.0 if day > days[1] else 50.0] * 4) for day in days]
    world = World(
        bars={"A": bars},
        signals=[
            long("2025-06-05", "A", event_id="A", published_at=0, weight=0.1, target=0.1),
            long("2025-06-06", "A", event_id="again", published_at=1, target=0.05, levels="close"),
        ],
        settings=FREE,
        borrow={},
        actions={},
    )
    replayed, by_kernel = listed(world)
    assert [order[2:4] + order[6:7] for order in by_kernel] == [
        (200, "market", None), (-200, "market", "target"),
    ]  # fmt: skip
    assert by_kernel == [order for order in replayed if order[3] != "limit"]  # that rested in vain


def listed(world: World) -> list[list[tuple[object, ...]]]:
    """The orders of the replay, then those of the kernel."""
    found = []
    for engine in (replay, replay_by_kernel):
        result = engine(
            made_up_stocks(world.bars, world.actions),
            borrow_rates(world.bars, world.borrow),
            made_up_decisions(world.signals),
            Rules(**vars(world.settings)),
        )
        found.append(
            [
                (o.session, o.symbol, round(o.size, 6), o.type, round(o.price, 6), o.event_id,
                 o.exit_reason)
                for o in result.orders
            ]
        )  # fmt: skip
    return found


@pytest.mark.parametrize("kind", ["target", "stop"])
def test_what_a_close_has_passed_is_left_by_the_first_orders_of_the_next_open(kind: str) -> None:
    """The leg that leaves and the one that is entered net to one order, of the event that left."""
    days = [date(2025, 6, n) for n in (5, 6, 9, 10)]
    closes = (100.0, 100.0, 72.0 if kind == "target" else 128.0, 100.0)
    pairs = list(zip(days, closes, strict=True))
    world = World(
        bars={
            "ACME": [(day, 100.0, 130.0, 70.0, close) for day, close in pairs],
            "COIL": [(day, 50.0, 50.0, 50.0, 50.0) for day in days],
        },
        signals=[
            short("2025-06-06", event_id="left", published_at=1, weight=0.2, levels="close",
                  legs=(("COIL", 1.0),), **{kind: 0.25}),
            long("2025-06-10", event_id="entered", published_at=2, weight=0.3,
                 legs=(("COIL", 1.0),)),
        ],
        settings=FREE,
        borrow={},
        actions={},
    )  # fmt: skip
    replayed, by_kernel = listed(world)
    assert [(order[1], order[3], order[5]) for order in replayed[2:]] == [
        ("ACME", "market", "left"), ("ACME", "market", "entered"), ("COIL", "market", "left"),
    ]  # fmt: skip
    assert by_kernel == replayed


def test_what_legs_net_to_bears_the_event_that_was_served_first() -> None:
    """At the entry as at the exit; a part bought later is an order of its trade."""
    days = [date(2025, 6, n) for n in (5, 6, 9, 10)]
    bars = {symbol: [(day, 50.0, 50.0, 50.0, 50.0) for day in days] for symbol in "ABC"}
    world = World(
        bars={**bars, "COIL": bars["A"]},
        signals=[
            long("2025-06-06", symbol, event_id=symbol.lower(), published_at=number, weight=0.1,
                 hold=1, **({"legs": (("COIL", 1.0),)} if symbol != "C" else {}))
            for number, symbol in enumerate("ABC")
        ]
        + [long("2025-06-09", "C", event_id="more", published_at=9, weight=0.2, resize=True)],
        settings=FREE,
        borrow={},
        actions={},
    )  # fmt: skip
    replayed, by_kernel = listed(world)
    assert [order[1:3] + order[5:6] for order in replayed if order[1] in ("C", "COIL")] == [
        ("C", 200, "c"), ("COIL", -400, "a"), ("C", 200, "c"), ("COIL", 400, "a"),
    ]  # fmt: skip
    assert by_kernel == replayed
