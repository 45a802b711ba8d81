"""How placebos are drawn, at their bounds: where chains may stand, how many, in what parts."""

import numpy as np
import pytest

from backtest.engine.kernel import IS_FLAT, IS_LEG
from backtest.engine.kernel.panel import panel_of, signals_of_trades
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import Rules
from backtest.experiments.runs import placebo
from backtest.experiments.runs.placebo import Chains, chains_of
from tests.engines import made_up_prices
from tests.experiments.test_placebo import (
    account,
    direction,
    panel,
    signals,
    timing,
    trade,
    walk,
    watched,
)

# Where chains may stand


def test_a_chain_begins_where_each_of_its_signals_finds_a_bar():
    has_bar = np.ones((10, 2), np.bool_)
    has_bar[:4, 1] = False  # the second symbol lists in session 4
    rows = signals((2, 1), (5, 1), (7, 1), symbol=[0, 1, 0], hold=3)
    chains = Chains(np.array([0, 0, 1]), np.array([2, 7]), np.array([7, 4]))
    fits = placebo._fitting(rows, has_bar, chains, np.array([0, 3, 0]))
    # Its signal in the second symbol comes three sessions after its begin, or round the end.
    assert np.flatnonzero(fits[0]).tolist() == [1, 2, 3, 4, 5, 6]
    assert fits[1].all()


@pytest.mark.parametrize(
    ("held", "starts", "found", "can"),
    [
        (60, 20, 25, True),  # as long as the span, with just starts enough, in half of the draws
        (61, 20, 25, False),
        (60, 19, 25, False),
        (60, 20, 24, False),
    ],
)
def test_chains_stand_apart_where_at_least_half_of_fifty_draws_find_room(
    monkeypatch, held, starts, found, can
):
    fits = np.ones((2, 60), np.bool_)
    fits[1, starts:] = False
    monkeypatch.setattr(placebo, "_among_others", lambda *_: np.zeros((found, 2)))
    assert placebo._can_stand_apart(np.array([30, held - 30]), fits, seed=1) == can


def test_chains_among_others_never_meet_and_keep_to_their_starts():
    fits = np.ones((3, 12), np.bool_)
    fits[0, :10] = False  # the first begins in session 10 or 11, and goes on round the end
    lengths = np.array([4, 3, 2])
    drawn = placebo._among_others(lengths, fits, 400, np.random.default_rng(1))
    taken = [
        np.concatenate([(begin + np.arange(length)) % 12 for begin, length in zip(row, lengths)])  # noqa: B905
        for row in drawn
    ]
    assert len(drawn) > 300
    assert all(len(set(sessions.tolist())) == 9 for sessions in taken)
    assert set(drawn[:, 0]) == {10, 11}
    assert all(set(drawn[:, chain]) > set(range(3, 8)) for chain in (1, 2))


class Stubborn:
    """Draws that place a second chain upon the first until the last try that is allowed."""

    def __init__(self, blocked: int) -> None:
        self.left = [0, *[0] * blocked, 5]

    def choice(self, starts: np.ndarray, size: int) -> np.ndarray:
        return np.full(size, self.left.pop(0))


@pytest.mark.parametrize(("blocked", "kept"), [(199, 1), (200, 0)])
def test_a_draw_is_left_out_after_two_hundred_tries_of_a_chain(blocked, kept):
    fits = np.ones((2, 10), np.bool_)
    drawn = placebo._among_others(np.array([5, 5]), fits, 1, Stubborn(blocked))
    assert drawn.tolist() == [[0, 5]] * kept


def test_chains_of_as_many_starts_are_placed_in_their_order():
    """Each of forty begins in the session of its number, or forty later."""
    placed = []

    class Watched:
        def choice(self, starts: np.ndarray, size: int) -> np.ndarray:
            placed.append(int(starts[0]))
            return np.full(size, starts[0])

    fits = np.tile(np.eye(40, dtype=np.bool_), 2)
    fits[39, 60] = True  # the last has a start more
    fits[38, 78] = False  # and the one before a start less
    placebo._among_others(np.ones(40, np.int64), fits, 1, Watched())
    assert placed == [38, *range(38), 39]


def test_chains_that_just_fill_the_span_change_places(monkeypatch):
    """17, 25 and 18 of 60 sessions; with one more they would all move by one number."""
    given = signals((3, 1), (20, 1), (45, -1), hold=[16, 24, 17])
    accounts = watched(monkeypatch)
    timing(account(given), 200)
    gaps = set()
    for one in accounts[1:]:
        first, second = (one["bar"][one["hold"] == hold][0] for hold in (16, 24))
        gaps.add(int(second - first) % 60)
    assert gaps == {17, 35}  # after the first itself, or after the third as well


def test_signals_of_an_open_are_moved_in_their_order(monkeypatch):
    """Those without room are the last, also where there are many."""
    names = [f"S{number:02}" for number in range(30)]
    bars = panel_of({name: made_up_prices(name, walk(number)) for number, name in enumerate(names)})
    given = signals(*[(5, 1)] * 30, *[(30, 1)] * 30, symbol=[*range(30)] * 2, hold=2)
    accounts = watched(monkeypatch)
    timing(account(given, bars), 20)
    for one in accounts[1:]:
        assert one["symbol"].tolist() == [*range(30)] * 2


def test_a_stock_goes_round_its_own_bars_as_far_as_it_lacks_them():
    has_bar = np.ones((6, 2), np.bool_)
    has_bar[[0, 3, 5], 1] = False
    # Its own are 1, 2 and 4: session 0 is the first of them, 3 again and 5 the third.
    assert placebo._own_bars(has_bar).tolist() == [[0, 1], [1, 1], [2, 2], [3, 1], [4, 4], [5, 4]]


def test_legs_follow_their_leader_where_its_stock_goes_round_its_own_bars(monkeypatch):
    """The two stocks trade together in no session but those that happened; the hedge in all."""
    rows = walk(1)
    own = {
        "ACME": [row for n, row in enumerate(rows) if n % 3 == 2],
        "BOLT": [row for n, row in enumerate(rows) if n % 3 != 2 or n == 8],
        "INDX": rows,
    }
    bars = panel_of({name: made_up_prices(name, some) for name, some in own.items()})
    given = signals((5, 1), (5, -1), (8, 1), (8, -1), symbol=[0, 2, 1, 2], terms=[0, IS_LEG] * 2)
    accounts = watched(monkeypatch)
    timing(account(given, bars), 50)
    for one in accounts[1:]:
        assert one["terms"].tolist() == [0, IS_LEG] * 2
        assert one["bar"][::2].tolist() == one["bar"][1::2].tolist()


# How many


@pytest.mark.parametrize(
    ("count", "draws", "size"),
    [
        (10, 99, 99),  # all of few
        (10, 101, 100),  # a thousand signals
        (100, 99, 20),  # no fewer than are needed to tell anything
        (45, 99, 22),
    ],
)
def test_draws_are_traded_in_batches_of_so_many_signals(monkeypatch, count, draws, size):
    monkeypatch.setattr(placebo, "_BATCH", 1_000)
    monkeypatch.setattr(placebo, "_LEAST_BATCH", 20)
    assert account(signals(*((at, 1) for at in range(count)))).batch(draws) == size


@pytest.mark.parametrize(("draws", "size"), [(1_000_000, 1_000_000), (1_000_001, 1_000_000)])
def test_a_million_signals_are_traded_before_the_first_look(draws, size):
    assert account(signals((5, 1))).batch(draws) == size


@pytest.mark.parametrize(
    ("draws", "batches", "looks", "at"),
    [
        (200, [200], 0, []),
        (500, [200, 200, 100], 2, [1, 2]),
        (1_600, [200] * 8, 3, [1, 2, 4]),
        (1_601, [200] * 8 + [1], 4, [1, 2, 4, 8]),
    ],
)
def test_looks_come_after_one_two_four_and_eight_batches(monkeypatch, draws, batches, looks, at):
    asked, seen = [], []

    def certain(observed, null, level, count):
        seen.append((len(null) // 200, count))
        return False

    def tables(count):
        asked.append(count)
        yield np.tile(one.signals, (count, 1))

    monkeypatch.setattr(placebo, "_BATCH", 1)
    monkeypatch.setattr(placebo, "is_certain", certain)
    one = account(signals((5, 1)))
    found = one.null(tables, draws, is_complete=False)
    assert len(found.draws["sharpe"]) == sum(asked) == draws
    assert asked == batches
    assert seen == [(number, looks) for number in at]


@pytest.mark.parametrize(("draws", "is_complete"), [(8, True), (7, False)])
def test_every_direction_is_drawn_once_where_there_are_no_more_than_draws(draws, is_complete):
    one = account(signals((5, 1), (20, -1), (40, 1)))
    null = direction(one, draws)
    assert not timing(one, draws).is_complete
    assert null.is_complete == is_complete
    assert len(null.draws["sharpe"]) == draws


@pytest.mark.parametrize(("count", "sizes"), [(3, [10]), (4, [7, 3]), (30, [1] * 10)])
def test_draws_are_held_in_parts_of_so_many_signals(monkeypatch, count, sizes):
    monkeypatch.setattr(placebo, "_ROOM", 30)
    parts = list(placebo._parts(np.arange(20).reshape(10, 2), count))
    assert [len(part) for part in parts] == sizes
    assert np.concatenate(parts).tolist() == np.arange(20).reshape(10, 2).tolist()


@pytest.mark.parametrize(
    ("count", "processors", "threads"),
    [(20_000, 7, 1), (20_001, 7, 7), (20_001, None, 1), (20_000, None, 1)],
)
def test_many_signals_are_traded_by_every_processor(monkeypatch, count, processors, threads):
    used = []

    def watch(*terms, threads):
        used.append(threads)
        return simulate(*terms)

    monkeypatch.setattr(placebo, "simulate", watch)
    monkeypatch.setattr(placebo.os, "cpu_count", lambda: processors)
    one = account(signals((5, 1)))
    one._statistics(np.tile(one.signals, (count, 1)))
    assert used == [threads]


# What is traded


def test_nothing_costs_anything_where_costs_are_left_out():
    """Whatever they are made of, each high enough to show alone."""
    given = signals((5, 1), (20, -1), (40, 1), weight=0.3)
    dear = Rules(
        commission_per_share=1, commission_fixed=9, commission_bps=90, commission_min=50,
        slippage_bps=90, extended_slippage_bps=90, slippage_range=0.5, borrow_mode="flat",
        borrow_default=0.5,
    )  # fmt: skip
    free = account(given, rules=dear).without_costs()
    made = simulate(panel(), given, np.array([0, 3]), free.rules, {}, trades=True)
    opens = panel().prices["open"][:, 0]
    assert made.totals["commission"][0] == made.totals["borrow"][0] == 0
    assert made.trades["entry_price"].tolist() == opens[[5, 20, 40]].tolist()
    assert made.trades["exit_price"].tolist() == opens[[8, 23, 43]].tolist()
    assert free.rules.extended_slippage_bps == free.rules.commission_min == 0


# Strategies that order by themselves


def test_a_trade_is_held_as_many_bars_of_its_stock_as_it_was():
    """BOLT has a bar in every second session: five sessions on are its second or third bar."""
    bolt = made_up_prices("BOLT", walk(2)[::2])
    both = panel_of({"ACME": made_up_prices("ACME", walk(1)), "BOLT": bolt})
    curve = [placebo_point(day, 1_000.0 + n) for n, day in enumerate(both.session_days.tolist())]
    trades = [trade(10, 14, symbol="BOLT"), trade(2, 6), trade(4, 30, exit_reason="open")]
    found = signals_of_trades(both, trades, curve, 1_000.0)
    assert found["bar"].tolist() == [2, 4, 10]  # in order of entry
    assert found["symbol"].tolist() == [0, 0, 1]
    assert found["hold"].tolist() == [4, -1, 2]  # what is open is held to the end


def placebo_point(day, equity):
    from backtest.engine.replay.books import EquityPoint

    return EquityPoint(day, equity, 0.0, 0.0)


def test_trades_of_a_session_stay_in_their_order():
    days = panel().session_days.tolist()
    curve = [placebo_point(day, 1_000.0) for day in days]
    trades = [trade(5 - n % 2, 9, shares=float(n)) for n in range(1, 41)]
    found = signals_of_trades(panel(), trades, curve, 1_000.0)["weight"] * 1_000 / 50
    assert np.round(found).tolist() == [*range(1, 41, 2), *range(2, 41, 2)]


def test_a_signal_that_leaves_on_its_day_is_a_chain_of_a_session():
    found = chains_of(signals((3, 1), (4, 1), hold=0), longest=5)
    assert (found.first.tolist(), found.lengths.tolist()) == ([3, 4], [1, 1])


def test_a_flat_signal_alone_plans_nothing():
    rows = signals((3, 0), (4, 1), hold=30)
    rows["terms"][0] = IS_FLAT
    found = chains_of(rows, longest=5)
    assert (found.first.tolist(), found.lengths.tolist()) == ([3, 4], [1, 31])
