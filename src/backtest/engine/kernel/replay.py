"""The kernel's replay of decisions: the same result as Backtrader's, for many bars.

Trades, curve and decisions are the same to the cent, which tests hold. Of the orders it tells
those that were filled alone: what rests through a session leaves no trace in the kernel. Here too
two engines' results are held against each other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from backtest.data.borrow import BorrowRate, BorrowRates, borrow_assumptions
from backtest.engine.bars import RunBars, daily_bars, set_excursions
from backtest.engine.kernel.panel import Panel, decision_rows, panel_of, signalled
from backtest.engine.kernel.records import (
    CAPPED,
    DELISTED,
    FILL_TIMES,
    IS_LEG,
    LOOKS_AT_CLOSES,
    MERGER,
    OPEN,
    OUTCOMES,
    REASONS,
    SPLIT,
    TRADE,
    WAITS,
)
from backtest.engine.kernel.simulate import as_served, by_entry, simulate
from backtest.engine.replay.books import (
    CENT,
    EquityPoint,
    ReplayResult,
    SentOrder,
    Totals,
    Trade,
    check_identity,
)
from backtest.engine.rules import VOLUME_SESSIONS, Rules, is_nothing, participation_cap
from backtest.engine.schedule import Decision, settle, splits_since
from backtest.errors import AccountingError
from backtest.stats.formats import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from backtest.data.prices import Prices
    from backtest.engine.replay.books import ExitReason, FillTime
    from backtest.engine.replay.position import OrderType

_RESTING: dict[str, OrderType] = {"stop": "stop", "trailing_stop": "stop", "target": "limit"}
# In a session, by what is done; at an open a reversal leaves in its turn, at a close beforehand.
_OPEN = {"ruin": 0, "margin_call": 0, "signal": 2, "reversal": 3, "entry": 3, "time": 4}
_PASSED, _LEGS, _REST, _LEGS_AT_CLOSE = 1, 5, 6, 10
_CLOSE = {"signal": 7, "reversal": 7, "time": 8, "entry": 9}
_NO_ORDER = (OPEN, SPLIT, DELISTED, MERGER)
_NO_SHARE = 1e-9  # what rounding leaves of shares that add up to none
_SHARE = 1e-6  # of an excursion, a fraction of the entry price
_FRACTIONS = ("mae", "mfe")
_Row = tuple[str, dict[str, Any]]  # what it is of, and its values by name


def replay_by_kernel(
    prices: Mapping[str, Prices],
    rates: Mapping[str, BorrowRates],
    decisions: Sequence[Decision],
    rules: Rules,
    bars: RunBars | None = None,
) -> ReplayResult:
    """Replay decisions on the compiled kernel; arguments and errors are those of `replay`."""
    panel = panel_of(prices, bars)
    acting = [decision for _, decision in signalled(panel, decisions)]
    rows = decision_rows(panel, acting)
    whole = np.array([0, len(rows)])
    made = simulate(panel, rows, whole, rules, rates, trades=True, curves=True)
    leads = rows["terms"] & IS_LEG == 0
    outcome = made.outcomes[leads]
    ids = [decision.event.id for decision in acting]
    trades = trades_of(made.trades[leads], rows[leads], panel, ids)
    set_excursions(trades, prices, bars.of if bars else daily_bars(prices))
    last = np.append(np.flatnonzero(np.diff(panel.session_numbers)), len(panel.times) - 1)
    sessions = panel.sessions[last].tolist()
    ruined = panel.sessions[made.equity[0] <= 0].tolist()  # by its last bar it may have recovered
    equity, cash = made.equity[0][last].tolist(), made.cash[0][last].tolist()
    totals = Totals(*(float(made.totals[0][one.name]) for one in fields(Totals)))
    check_identity(rules.cash + totals.interest + sum(t.net_profit for t in trades), equity[-1])
    outcomes = dict(zip(ids, outcome.tolist(), strict=True))
    notes = {
        decision.event.id: _participation(panel, decision, rules)
        for decision in decisions
        if outcomes.get(decision.event.id, 0) >= CAPPED
    }
    names = {event_id: OUTCOMES[outcome % CAPPED] for event_id, outcome in outcomes.items()}
    return ReplayResult(
        curve=[
            EquityPoint(session, total, free, total - free)
            for session, total, free in zip(sessions, equity, cash, strict=True)
        ],
        trades=trades,
        decisions=settle(decisions, names, notes, panel.bar_for, panel.is_first),
        assumptions=borrow_assumptions(
            used_rates(made.trades, rows, panel, rates, rules), rules.borrow_default
        ),
        orders=_orders(made.trades, rows, panel, acting),
        totals=totals,
        ruined_on=next(iter(ruined), None),
    )


def trades_of(
    made: NDArray[Any], rows: NDArray[Any], panel: Panel, event_ids: Sequence[str]
) -> list[Trade]:
    """The trades in order of entry, from one record a signal and the event of each."""
    trades: list[Trade] = []
    sessions = panel.sessions
    for place in by_entry(rows, made).tolist():
        one, side = made[place], int(rows[place]["side"])
        shares, entry = one["shares"].item(), one["entry_price"].item()
        left = one["exit_price"].item()
        trades.append(
            Trade(
                trade_id=len(trades) + 1,
                event_id=event_ids[place],
                symbol=panel.symbols[rows[place]["symbol"]],
                direction="long" if side > 0 else "short",
                shares=shares,
                entry_session=sessions[one["entry_bar"]].item(),
                entry_price=entry,
                exit_session=sessions[one["exit_bar"]].item(),
                exit_price=left,
                exit_reason=cast("ExitReason", REASONS[one["reason"]]),
                gross_profit=side * shares * (left - entry),
                commission=one["commission"].item(),
                borrow=one["borrow"].item(),
                entered_at=cast("FillTime", FILL_TIMES[one["entered_at"]]),
                hedge_profit=one["hedge_profit"].item(),
                dividends=one["dividends"].item(),
                left_at=cast("FillTime", FILL_TIMES[one["left_at"]]),
                entry_bar=panel.time_of(one["entry_bar"]),
                exit_bar=panel.time_of(one["exit_bar"]),
            )
        )
    return trades


def _participation(panel: Panel, decision: Decision, rules: Rules) -> str:
    bar, symbol = panel.bar_for(decision), decision.event.symbol
    volumes, today = panel.volume[:bar, panel.columns[symbol]], panel.days[bar].item()
    alike = ~np.isnan(volumes)
    if panel.kinds is not None:
        alike &= panel.kinds[:bar] == panel.kinds[bar]
    splits = [
        (one.session, one.value)
        for one in panel.effects
        if one.what == "split" and one.symbol == symbol
    ]
    seen = [
        float(volumes[row]) * splits_since(splits, panel.days[row].item(), today)
        for row in np.flatnonzero(alike)[-VOLUME_SESSIONS:].tolist()
    ]
    cap = participation_cap(seen, rules) or 0
    return f"cut to {counted(cap, 'share')} by participation"


def used_rates(
    made: NDArray[Any], rows: NDArray[Any], panel: Panel, rates: Mapping[str, BorrowRates],
    rules: Rules,
) -> dict[tuple[str, BorrowRate | None], date]:  # fmt: skip
    """The rates of the nights short, each with the last night that it was charged for."""
    used: dict[tuple[str, BorrowRate | None], date] = {}
    if rules.borrow_mode != "table" or not len(rows):
        return used
    by_symbol = np.argsort(rows["symbol"], kind="stable")
    columns, begins = np.unique(rows["symbol"][by_symbol], return_index=True)
    for column, places in zip(columns.tolist(), np.split(by_symbol, begins[1:]), strict=True):
        symbol, own = panel.symbols[column], panel.bars_of(column)
        is_short = _is_short(made[places], rows[places], panel, symbol)[own[:-1]]
        days = panel.days[own]
        for night in np.unique(days[:-1][is_short & (days[1:] != days[:-1])]).tolist():
            rate = rates[symbol].on(night) if symbol in rates else None
            if rules.borrow_default if rate is None else rate.annual_rate:
                used[symbol, rate] = night
    return used


def _is_short(
    made: NDArray[Any], rows: NDArray[Any], panel: Panel, symbol: str
) -> NDArray[np.bool_]:
    """After which bars a symbol is held short; of legs their net counts."""
    is_leg = rows["terms"] & IS_LEG != 0
    is_short = np.zeros(len(panel.times), np.bool_)
    for one in made[~is_leg & (rows["side"] < 0) & (made["shares"] > 0)]:
        is_short[one["entry_bar"] : one["exit_bar"]] = True
    if is_leg.any():
        shares = np.ones(len(panel.times))  # of each bar, for one of the first
        for effect in panel.effects:
            if effect.what == "split" and effect.symbol == symbol:
                shares[panel.first_bar(effect.session, symbol) :] *= effect.value
        net = np.zeros(len(panel.times))
        for bar, size in (("entry_bar", "first_size"), ("exit_bar", "last_size")):
            np.add.at(net, made[is_leg][bar], made[is_leg][size] / shares[made[is_leg][bar]])
        is_short |= np.cumsum(net) < -_NO_SHARE
    return is_short


def _orders(
    made: NDArray[Any], rows: NDArray[Any], panel: Panel, decisions: Sequence[Decision]
) -> list[SentOrder]:
    """The orders that were filled, at their fills, in the order of the rules.

    Those of legs come last at their open or close, one for what the lots of a symbol net to.
    """
    leads = np.flatnonzero(rows["terms"] & IS_LEG == 0)
    legs_of = np.split(np.arange(len(rows)), leads[1:])
    found: list[tuple[int, int, int, SentOrder]] = []  # bar, phase and turn
    lots: list[tuple[int, int, int, int, str]] = []  # likewise, row and event; exits below 0
    trade_of: dict[str, str] = {}  # by symbol the event of its newest trade
    own, filled = rows[leads], made[leads]
    served = as_served(own, np.where(filled["first_size"], filled["entry_bar"], own["bar"]))
    # The turn of each signal at its bar; an entry that waits is filled after all that do not.
    ranks = np.argsort(np.lexsort((-own["priority"], own["bar"]))).tolist()
    # By bar and symbol the turn of the signal that acts, at which a trade leaves.
    turns = dict(zip(own[["bar", "symbol"]].tolist(), ranks, strict=True))
    for number, place in enumerate(served.tolist()):
        decision, (lead, *legs) = decisions[place], legs_of[place].tolist()
        row, symbol = rows[lead], decision.event.symbol
        change = dict(zip(TRADE.names or (), made[lead].item(), strict=True))
        side, first = int(row["side"]), change["first_size"]
        if not first:
            continue
        is_entry = change["shares"] > 0
        if is_entry:
            trade_of[symbol] = decision.event.id
        event_id, bar, at = trade_of[symbol], change["entry_bar"], FILL_TIMES[change["entered_at"]]
        kind: OrderType = "market" if at == "open" else "close"
        waits = row["terms"] & WAITS
        kind, turn = ("limit", len(own)) if waits else (kind, ranks[place])
        less: ExitReason | None = None if first * side > 0 else "signal"
        phase = (_CLOSE if at == "close" else _OPEN)[less or "entry"]
        terms = (symbol, first, kind, change["first_price"], event_id, less)
        found.append((bar, phase, turn, _sent(panel, bar, terms)))
        lots += [(bar, phase, turn, leg + 1, event_id) for leg in legs]
        if not is_entry:
            continue
        reason, at = cast("ExitReason", REASONS[change["reason"]]), FILL_TIMES[change["left_at"]]
        kind = _RESTING.get(reason, "close" if at == "close" else "market")
        bar, phase = change["exit_bar"], (_CLOSE if at == "close" else _OPEN).get(reason, _REST)
        # A target may rest and be met at the very open; a stop is filled there by no other way.
        looks_at_closes = reason != "target" or row["terms"] & LOOKS_AT_CLOSES
        if at == "open" and reason in _RESTING and looks_at_closes:
            kind, phase = "market", _PASSED
        by_signal = reason in ("signal", "reversal")
        gone = turns[bar, row["symbol"].item()] if by_signal else number
        lots += [(made[leg]["exit_bar"].item(), phase, gone, -leg - 1, event_id) for leg in legs]
        if change["reason"] not in _NO_ORDER:
            terms = (symbol, change["last_size"], kind, change["last_price"], event_id, reason)
            found.append((bar, phase, gone, _sent(panel, bar, terms)))
    found += _leg_orders(made, rows, panel, sorted(lots, key=lambda lot: lot[:3]))
    return [order for *_, order in sorted(found, key=lambda one: one[:3])]


def _leg_orders(
    made: NDArray[Any],
    rows: NDArray[Any],
    panel: Panel,
    lots: Sequence[tuple[int, int, int, int, str]],
) -> list[tuple[int, int, int, SentOrder]]:
    """What lots in their order net to: by bar, moment and symbol, with the first one's event."""
    sizes: dict[tuple[int, int, str], float] = defaultdict(float)
    firsts: dict[tuple[int, int, str], tuple[float, str]] = {}
    for bar, _, _, number, event_id in lots:
        lot, symbol = made[abs(number) - 1], panel.symbols[rows[abs(number) - 1]["symbol"]]
        which, moment = ("first", "entered_at") if number > 0 else ("last", "left_at")
        key = bar, int(lot[moment]), symbol
        sizes[key] += float(lot[f"{which}_size"])
        firsts.setdefault(key, (float(lot[f"{which}_price"]), event_id))
    found = []
    for (bar, at, symbol), size in sorted(sizes.items()):
        price, event_id = firsts[bar, at, symbol]
        is_open = FILL_TIMES[at] == "open"
        terms = (symbol, size, "market" if is_open else "close", price, event_id, None)
        if not is_nothing(size):
            phase = _LEGS if is_open else _LEGS_AT_CLOSE
            found.append((bar, phase, 0, _sent(panel, bar, terms)))
    return found


def _sent(panel: Panel, bar: int, terms: tuple[Any, ...]) -> SentOrder:
    """An order of a bar from its symbol, size, type, price, event and reason to leave."""
    symbol, size, kind, price, event_id, reason = terms
    session, time = panel.sessions[bar].item(), panel.time_of(bar)
    return SentOrder(session, symbol, size, kind, price, event_id, reason, time)


# Whether two engines made the same of the same decisions, to the cent


def check_agreement(name: str, result: ReplayResult, other_name: str, other: ReplayResult) -> None:
    """Hold decisions, trades, curve and totals of two engines against each other.

    Raises:
        AccountingError: they differ; it tells the first difference.

    """
    parts = {"decisions": _decisions, "trades": _trades, "the curve": _curve, "totals": _totals}
    for what, of in parts.items():
        if fault := _difference(name, of(result), other_name, of(other)):
            raise AccountingError(
                f"The engines differ in {what}, which is a fault of the program. First "
                f"difference: {fault}."
            )


def _difference(name: str, rows: Sequence[_Row], other_name: str, others: Sequence[_Row]) -> str:
    """The first difference in words; empty where there is none."""
    for (label, row), (other_label, other) in zip(rows, others, strict=False):
        if label != other_label:
            return f"{label} with {name}, {other_label} with {other_name}"
        for column, value in row.items():
            if not _equal(column, value, other[column]):
                values = f"{value} with {name}, {other[column]} with {other_name}"
                return f"{label}, {column.replace('_', ' ')} {values}"
    if len(rows) == len(others):
        return ""
    longer, has_more = (rows, name) if len(rows) > len(others) else (others, other_name)
    return f"{longer[min(len(rows), len(others))][0]} with {has_more} alone"


def _equal(column: str, one: Any, other: Any) -> bool:
    if isinstance(one, float):
        return bool(abs(one - other) < (_SHARE if column in _FRACTIONS else CENT))
    return bool(one == other)


def _decisions(result: ReplayResult) -> list[_Row]:
    return [
        (d.event.id, {"session": d.tradable_session, "outcome": d.action, "reason": d.reason})
        for d in result.decisions
    ]


def _trades(result: ReplayResult) -> list[_Row]:
    return [
        (f"trade {trade.trade_id} on {trade.event_id}", asdict(trade)) for trade in result.trades
    ]


def _curve(result: ReplayResult) -> list[_Row]:
    return [(f"the account on {point.session}", asdict(point)) for point in result.curve]


def _totals(result: ReplayResult) -> list[_Row]:
    told = {"assumptions": list(result.assumptions), "ruined_on": result.ruined_on}
    return [("the account", asdict(result.totals) | told)]
