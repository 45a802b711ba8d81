"""Laws that hold whatever is drawn, for the oracle and for the replay alike."""

from dataclasses import replace
from datetime import date
from itertools import pairwise
from math import floor, fsum
from statistics import median

import pytest
from hypothesis import event, given

from tests.engines import ENGINES, Engine
from tests.oracle import Outcome
from tests.property.strategies import World, worlds


@pytest.fixture(scope="module", params=sorted(ENGINES), autouse=True)
def _engine(request: pytest.FixtureRequest) -> None:
    CHOSEN["engine"] = ENGINES[request.param]


CHOSEN: dict[str, Engine] = {}


def run(world: World) -> Outcome:
    return CHOSEN["engine"](world.bars, world.signals, world.settings, world.borrow)


def slippages(world: World) -> dict[tuple[str, date], float]:
    """Of each session of each symbol."""
    rules = world.settings
    found = {}
    for symbol, rows in world.bars.items():
        shares = [0.0] + [(high - low) / close for _, _, high, low, close, *_ in rows[:-1]]
        for row, share in zip(rows, shares, strict=True):
            found[symbol, row[0]] = min(
                rules.slippage_bps / 1e4 + rules.slippage_range * share, 0.99
            )
    return found


@given(worlds())
def test_final_equity_is_cash_and_profits_less_costs(world: World) -> None:
    outcome = run(world)
    parts = [world.settings.cash, outcome.interest]
    for trade in outcome.trades:
        parts += [trade.gross_profit, -trade.commission, -trade.borrow, trade.hedge_profit]
        net = trade.gross_profit - trade.commission - trade.borrow + trade.hedge_profit
        assert trade.net_profit == pytest.approx(net, rel=1e-12, abs=1e-9)
    scale = max(abs(part) for part in parts)
    assert outcome.equity[-1].equity == pytest.approx(fsum(parts), rel=1e-9, abs=1e-12 * scale)


@given(worlds())
def test_there_is_a_point_for_each_session(world: World) -> None:
    points = run(world).equity
    assert [point.session for point in points] == world.sessions()
    for point in points:
        assert point.equity == point.cash + point.position_value


@given(worlds(newer=False))
def test_longs_never_spend_more_than_the_cash(world: World) -> None:
    outcome = run(replace(world, signals=[s for s in world.signals if s.direction == "long"]))
    assert all(point.cash >= -1e-6 for point in outcome.equity)


@given(worlds(newer=False))
def test_fills_lie_in_the_range_of_the_bar_slippage_aside(world: World) -> None:
    bars = {(symbol, row[0]): row[1:5] for symbol, rows in world.bars.items() for row in rows}
    slips = slippages(world)
    for trade in run(world).trades:
        sign = 1 if trade.direction == "long" else -1
        open_ = bars[trade.symbol, trade.entry_session][0]
        slip = slips[trade.symbol, trade.entry_session]
        assert trade.entry_price == pytest.approx(open_ * (1 + sign * slip), rel=1e-12)
        if trade.exit_reason == "delisted":  # five sessions after its last bar, at its close
            assert trade.exit_price == pytest.approx(world.bars[trade.symbol][-1][4], rel=1e-12)
            continue
        open_, high, low, close = bars[trade.symbol, trade.exit_session]
        slip = slips[trade.symbol, trade.exit_session]
        slipped = 0.0 if trade.exit_reason in {"target", "open"} else slip
        raw = trade.exit_price / (1 - sign * slipped)
        assert low * (1 - 1e-12) <= raw <= high * (1 + 1e-12)
        if trade.exit_reason in {"time", "reversal", "margin_call", "ruin"}:
            assert raw == pytest.approx(open_, rel=1e-12)
        if trade.exit_reason == "open":
            assert raw == pytest.approx(close, rel=1e-12)


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


@given(worlds(newer=False))
def test_entries_from_flat_stay_within_weight_and_gross(world: World) -> None:
    outcome = run(world)
    weight = {signal.event_id: signal.weight for signal in world.signals}
    rules, before, earned = world.settings, world.settings.cash, {}
    for last, point in pairwise(outcome.equity):
        nights = (point.session - last.session).days
        rate = rules.cash_rate / rules.borrow_day_count * nights
        earned[point.session] = max(0.0, last.cash) * rate
    for session, equity, _, _ in outcome.equity:
        entered = [trade for trade in outcome.trades if trade.entry_session == session]
        held = [
            trade
            for trade in outcome.trades
            if trade.entry_session < session
            and (trade.exit_reason == "open" or trade.exit_session >= session)
        ]
        if not held:  # nothing was short at the last close, so all cash has earned interest
            before += earned.get(session, 0.0)
            room = rules.max_gross * before * (1 + 1e-12)
            assert sum(trade.shares * trade.entry_price for trade in entered) <= max(room, 0)
            for trade in entered:
                own = weight[trade.event_id] or rules.max_gross / rules.max_positions
                most = own * before * (1 + 1e-12)
                assert trade.shares * trade.entry_price <= most
        before = equity


def doubled(world: World) -> tuple[Outcome, Outcome]:
    """The world without costs a share or of at least so much, and the same at twice the prices."""
    rules = replace(world.settings, commission_per_share=0.0, commission_min=0.0)
    bars = {
        symbol: [(day, *(2 * price for price in row[:4]), *row[4:]) for day, *row in rows]
        for symbol, rows in world.bars.items()
    }
    dollars = ("cash", "commission_fixed", "min_order")
    twice = replace(rules, **{name: 2 * getattr(rules, name) for name in dollars})
    plain = run(replace(world, settings=rules))
    return plain, run(replace(world, bars=bars, settings=twice))


MONEY = ("entry_price", "exit_price", "gross_profit", "commission", "borrow", "net_profit")
TOTALS = ("interest", "commission", "borrow", "dividends")


@given(worlds(newer=False))
def test_doubled_prices_and_cash_double_the_money_and_nothing_else(world: World) -> None:
    """To the last bit where no level is rounded."""
    bare = {"stop": None, "target": None, "trailing_stop": None}
    plain, double = doubled(replace(world, signals=[replace(s, **bare) for s in world.signals]))
    assert double == Outcome(
        trades=[
            replace(trade, **{name: 2 * getattr(trade, name) for name in MONEY})
            for trade in plain.trades
        ],
        equity=[
            (session, 2 * equity, 2 * cash, 2 * value)
            for session, equity, cash, value in plain.equity
        ],
        outcomes=plain.outcomes,
        capped=plain.capped,
        **{name: 2 * getattr(plain, name) for name in TOTALS},
    )


@given(worlds(newer=False))
def test_doubled_prices_double_the_levels(world: World) -> None:
    """Approximately, for levels are rounded; of so few decimals that rounding decides nothing."""
    signals = [
        replace(
            signal,
            **{
                name: distance and max(round(distance, 5), 1e-5)
                for name in ("stop", "target", "trailing_stop")
                for distance in [getattr(signal, name)]
            },
        )
        for signal in world.signals
    ]
    rules = replace(world.settings, slippage_bps=0.0, slippage_range=0.0)
    plain, double = doubled(replace(world, signals=signals, settings=rules))
    assert (double.outcomes, double.capped) == (plain.outcomes, plain.capped)
    scale = max(abs(value) for point in plain.equity for value in point[1:])
    for one, two in zip(plain.equity, double.equity, strict=True):
        assert two[1:] == pytest.approx(
            [2 * value for value in one[1:]], rel=1e-9, abs=1e-9 * scale
        )
    for one, two in zip(plain.trades, double.trades, strict=True):
        assert replace(two, **dict.fromkeys(MONEY, 0)) == replace(one, **dict.fromkeys(MONEY, 0))
        for name in MONEY:
            expected = pytest.approx(2 * getattr(one, name), rel=1e-9, abs=1e-9 * scale)
            assert getattr(two, name) == expected


@given(worlds())
def test_the_order_of_the_input_changes_nothing(world: World) -> None:
    turned = replace(
        world,
        bars=dict(reversed(world.bars.items())),
        signals=world.signals[::-1],
        borrow={symbol: pairs[::-1] for symbol, pairs in reversed(world.borrow.items())},
    )
    assert run(turned) == run(world)


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
    assert early.capped <= full.capped
    closed = [trade for trade in early.trades if trade.exit_reason != "open"]
    kept = [t for t in full.trades if t.exit_session <= last and t.exit_reason != "open"]
    assert closed == kept


@given(worlds(newer=False))
def test_no_entry_takes_more_than_its_part_of_the_volume(world: World) -> None:
    outcome = run(world)
    part = world.settings.max_participation
    event(f"capped: {sorted({outcome.outcomes[name] for name in outcome.capped})}")
    assert {outcome.outcomes[name] for name in outcome.capped} <= {"enter", "reverse", "no_room"}
    if part is None:
        assert not outcome.capped
        return
    for trade in outcome.trades:
        rows = [row for row in world.bars[trade.symbol] if row[0] < trade.entry_session]
        if rows:
            most = floor(part * median(row[5] for row in rows[-20:]))
            assert trade.shares <= most
            # what was cut takes all that it may, if the cash suffices
            if trade.event_id in outcome.capped and trade.direction == "short":
                assert trade.shares == most
        else:
            assert trade.event_id not in outcome.capped
    if not outcome.capped:
        uncapped = replace(world.settings, max_participation=None)
        assert run(replace(world, settings=uncapped)) == outcome


@given(worlds())
def test_flat_and_no_borrow_are_tables_without_rates(world: World) -> None:
    rules = world.settings
    flat, none = replace(rules, borrow_mode="flat"), replace(rules, borrow_mode="none")
    table = replace(rules, borrow_mode="table")
    bare = replace(world, borrow={}, settings=table)
    assert run(replace(world, settings=flat)) == run(bare)
    free = run(replace(world, settings=none))
    assert free == run(replace(bare, settings=replace(table, borrow_default=0.0)))
    assert all(trade.borrow == 0 for trade in free.trades)


@given(worlds())
def test_interest_is_paid_on_what_is_not_owed_to_shorts(world: World) -> None:
    rules, outcome = world.settings, run(world)
    event("interest" if outcome.interest else "no interest")
    assert outcome.interest >= 0
    assert run(replace(world, settings=replace(rules, cash_rate=0.0))).interest == 0
    if len(world.bars) > 1:  # a long and a short would be lost in the sum
        return
    earned, ruined = [], False
    for last, point in pairwise(outcome.equity):
        ruined = ruined or last.equity <= 0 or "ruin" in ends_by(outcome, last.session)
        if not ruined:
            nights = (point.session - last.session).days
            free = max(0.0, last.cash + min(last.position_value, 0))
            earned.append(free * rules.cash_rate / rules.borrow_day_count * nights)
    assert outcome.interest == pytest.approx(fsum(earned), rel=1e-9, abs=1e-9)


def ends_by(outcome: Outcome, session: date) -> set[str]:
    """The reasons for which trades have ended up to a session."""
    return {trade.exit_reason for trade in outcome.trades if trade.exit_session <= session}
