"""This module replays decisions on the kernel, and compares the results of two engines.

Trades, curve and decisions are those of Backtrader to the cent, which tests hold. Only orders that
were filled are listed: one that rests through a session leaves no trace in the kernel.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from backtest.data.borrow import BorrowRate, BorrowRates, borrow_assumptions
from backtest.engine.bars import RunBars, daily_bars, set_excursions
from backtest.engine.kernel import (
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
from backtest.engine.kernel.panel import Panel, decision_rows, panel_of, signalled
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
from backtest.engine.schedule import Decision, Effect, settle, splits_since
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
# The phases of a session in order; at an open a reversal leaves in its turn, at a close beforehand.
_OPEN = {"ruin": 0, "margin_call": 0, "signal": 2, "reversal": 3, "entry": 3, "time": 4}
_PASSED, _LEGS, _REST, _LEGS_AT_CLOSE = 1, 5, 6, 10
_CLOSE = {"signal": 7, "reversal": 7, "time": 8, "entry": 9}
_NO_ORDER = (OPEN, SPLIT, DELISTED, MERGER)
# The fields that `Trade` and `TRADE` share.
_NUMBERS = (
    "shares", "entry_price", "exit_price", "commission", "borrow", "hedge_profit", "dividends",
)  # fmt: skip
_NO_SHARE = 1e-9  # what rounding leaves of shares that add up to none
_FRACTIONS = ("mae", "mfe")  # of the entry price
_NEAR = 1e-6  # between two engines' fractions
_Row = tuple[str, dict[str, Any]]  # what it describes, and its values by name


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
    starts = np.array([0, len(rows)])
    tables = simulate(panel, rows, starts, rules, rates, trades=True, curves=True)
    leads = rows["terms"] & IS_LEG == 0
    ids = [decision.event.id for decision in acting]
    trades = trades_of(tables.trades[leads], rows[leads], panel, ids)
    set_excursions(trades, prices, bars.of if bars else daily_bars(prices))
    ends = panel.session_ends
    equity, cash = tables.equity[0][ends].tolist(), tables.cash[0][ends].tolist()
    ruined = panel.sessions[tables.equity[0] <= 0].tolist()  # by its last bar it may have recovered
    totals = Totals(*(float(tables.totals[0][each.name]) for each in fields(Totals)))
    check_identity(rules.cash + totals.interest + sum(t.net_profit for t in trades), equity[-1])
    outcomes = dict(zip(ids, tables.outcomes[leads].tolist(), strict=True))
    notes = {
        decision.event.id: _participation(panel, decision, rules)
        for decision in decisions
        if outcomes.get(decision.event.id, 0) >= CAPPED
    }
    names = {event_id: OUTCOMES[outcome % CAPPED] for event_id, outcome in outcomes.items()}
    return ReplayResult(
        curve=[
            EquityPoint(session, total, free, total - free)
            for session, total, free in zip(panel.session_days.tolist(), equity, cash, strict=True)
        ],
        trades=trades,
        decisions=settle(decisions, names, notes, panel.bar_for, panel.is_first),
        assumptions=borrow_assumptions(
            used_rates(tables.trades, rows, panel, rates, rules), rules.borrow_default
        ),
        orders=_orders(tables.trades, rows, panel, acting),
        totals=totals,
        ruined_on=next(iter(ruined), None),
    )


def trades_of(
    records: NDArray[Any], rows: NDArray[Any], panel: Panel, event_ids: Sequence[str]
) -> list[Trade]:
    """Return the trades in order of entry.

    Records of `TRADE`, signals and event ids stand side by side, one for each signal.
    """
    trades: list[Trade] = []
    sessions = panel.sessions
    for row in by_entry(rows, records).tolist():
        record, side = records[row], int(rows[row]["side"])
        trade = Trade(
            trade_id=len(trades) + 1,
            event_id=event_ids[row],
            symbol=panel.symbols[rows[row]["symbol"]],
            direction="long" if side > 0 else "short",
            entry_session=sessions[record["entry_bar"]].item(),
            exit_session=sessions[record["exit_bar"]].item(),
            exit_reason=cast("ExitReason", REASONS[record["reason"]]),
            entered_at=cast("FillTime", FILL_TIMES[record["entered_at"]]),
            left_at=cast("FillTime", FILL_TIMES[record["left_at"]]),
            entry_bar=panel.time_of(record["entry_bar"]),
            exit_bar=panel.time_of(record["exit_bar"]),
            **{name: record[name].item() for name in _NUMBERS},
        )
        trade.gross_profit = side * trade.shares * (trade.exit_price - trade.entry_price)
        trades.append(trade)
    return trades


def _participation(panel: Panel, decision: Decision, rules: Rules) -> str:
    """Say how many shares the participation cap has left of an entry, by bars of its kind."""
    bar, symbol = panel.bar_for(decision), decision.event.symbol
    volumes, today = panel.volume[:bar, panel.columns[symbol]], panel.days[bar].item()
    is_alike = ~np.isnan(volumes)
    if panel.kinds is not None:
        is_alike &= panel.kinds[:bar] == panel.kinds[bar]
    splits = [(one.session, one.value) for one in _splits(panel, symbol)]
    seen = [
        float(volumes[row]) * splits_since(splits, panel.days[row].item(), today)
        for row in np.flatnonzero(is_alike)[-VOLUME_SESSIONS:].tolist()
    ]
    cap = participation_cap(seen, rules) or 0
    return f"cut to {counted(cap, 'share')} by participation"


def _splits(panel: Panel, symbol: str) -> list[Effect]:
    return [one for one in panel.effects if one.what == "split" and one.symbol == symbol]


def used_rates(
    records: NDArray[Any], rows: NDArray[Any], panel: Panel, rates: Mapping[str, BorrowRates],
    rules: Rules,
) -> dict[tuple[str, BorrowRate | None], date]:  # fmt: skip
    """Return the rates charged for shorts by symbol, each with the last night it was charged for.

    `records` are those of `TRADE`, side by side with the signals. A rate is None where nobody
    quoted one. Nothing is returned unless rates come from tables.
    """
    used: dict[tuple[str, BorrowRate | None], date] = {}
    if rules.borrow_mode != "table" or not len(rows):
        return used
    by_symbol = np.argsort(rows["symbol"], kind="stable")
    columns, begins = np.unique(rows["symbol"][by_symbol], return_index=True)
    for column, signals in zip(columns.tolist(), np.split(by_symbol, begins[1:]), strict=True):
        symbol, bars = panel.symbols[column], panel.bars_of(column)
        is_short = _is_short(records[signals], rows[signals], panel, symbol)[bars[:-1]]
        days = panel.days[bars]
        for night in np.unique(days[:-1][is_short & (days[1:] != days[:-1])]).tolist():
            rate = rates[symbol].on(night) if symbol in rates else None
            if rules.borrow_default if rate is None else rate.annual_rate:
                used[symbol, rate] = night
    return used


def _is_short(
    records: NDArray[Any], rows: NDArray[Any], panel: Panel, symbol: str
) -> NDArray[np.bool_]:
    """Tell after which bars a symbol is held short, shape (bars,); legs count by their net."""
    is_leg = rows["terms"] & IS_LEG != 0
    is_short = np.zeros(len(panel.times), np.bool_)
    for trade in records[~is_leg & (rows["side"] < 0) & (records["shares"] > 0)]:
        is_short[trade["entry_bar"] : trade["exit_bar"]] = True
    if is_leg.any():
        legs, shares = records[is_leg], np.ones(len(panel.times))  # by bar, for one of the first
        for split in _splits(panel, symbol):
            shares[panel.first_bar(split.session, symbol) :] *= split.value
        net = np.zeros(len(panel.times))
        for bar, size in (("entry_bar", "first_size"), ("exit_bar", "last_size")):
            np.add.at(net, legs[bar], legs[size] / shares[legs[bar]])
        is_short |= np.cumsum(net) < -_NO_SHARE
    return is_short


def _orders(
    records: NDArray[Any], rows: NDArray[Any], panel: Panel, decisions: Sequence[Decision]
) -> list[SentOrder]:
    """Return the orders that were filled, with their fills as prices, in the order of the rules.

    The orders of legs come last at their open or close, one for the net of a symbol's lots.
    """
    leads = np.flatnonzero(rows["terms"] & IS_LEG == 0)
    legs_of = np.split(np.arange(len(rows)), leads[1:])
    orders: list[tuple[int, int, int, SentOrder]] = []  # with bar, phase and turn
    lots: list[tuple[int, int, int, int, str]] = []  # likewise, row and event; exits below 0
    trade_of: dict[str, str] = {}  # the event of each symbol's newest trade
    signals, fills = rows[leads], records[leads]
    served = as_served(signals, np.where(fills["first_size"], fills["entry_bar"], signals["bar"]))
    # The turn of each signal at its bar; an entry that waits is filled after all that do not.
    ranks = np.argsort(np.lexsort((-signals["priority"], signals["bar"]))).tolist()
    # By bar and symbol the turn of the signal that acts, at which a trade leaves.
    turns = dict(zip(signals[["bar", "symbol"]].tolist(), ranks, strict=True))
    for number, index in enumerate(served.tolist()):
        decision, (lead, *legs) = decisions[index], legs_of[index].tolist()
        signal, symbol = rows[lead], decision.event.symbol
        trade = dict(zip(TRADE.names or (), records[lead].item(), strict=True))
        size = trade["first_size"]
        if not size:
            continue
        is_entry = trade["shares"] > 0
        if is_entry:
            trade_of[symbol] = decision.event.id
        event_id, bar, at = trade_of[symbol], trade["entry_bar"], FILL_TIMES[trade["entered_at"]]
        kind: OrderType = "market" if at == "open" else "close"
        kind, turn = ("limit", len(signals)) if signal["terms"] & WAITS else (kind, ranks[index])
        less: ExitReason | None = None if size * int(signal["side"]) > 0 else "signal"
        phase = (_CLOSE if at == "close" else _OPEN)[less or "entry"]
        order = _sent(panel, bar, symbol, size, kind, trade["first_price"], event_id, less)
        orders.append((bar, phase, turn, order))
        lots += [(bar, phase, turn, leg + 1, event_id) for leg in legs]
        if not is_entry:
            continue
        reason, at = cast("ExitReason", REASONS[trade["reason"]]), FILL_TIMES[trade["left_at"]]
        kind = _RESTING.get(reason, "close" if at == "close" else "market")
        bar, phase = trade["exit_bar"], (_CLOSE if at == "close" else _OPEN).get(reason, _REST)
        # A target may rest and be met at the very open; a stop is filled there by no other way.
        looks_at_closes = reason != "target" or trade["terms"] & LOOKS_AT_CLOSES
        if at == "open" and reason in _RESTING and looks_at_closes:
            kind, phase = "market", _PASSED
        by_signal = reason in ("signal", "reversal")
        turn = turns[bar, signal["symbol"].item()] if by_signal else number
        lots += [(records[leg]["exit_bar"].item(), phase, turn, -leg - 1, event_id) for leg in legs]
        if trade["reason"] not in _NO_ORDER:
            size, price = trade["last_size"], trade["last_price"]
            order = _sent(panel, bar, symbol, size, kind, price, event_id, reason)
            orders.append((bar, phase, turn, order))
    orders += _leg_orders(records, rows, panel, sorted(lots, key=lambda lot: lot[:3]))
    return [order for *_, order in sorted(orders, key=lambda entry: entry[:3])]


def _leg_orders(
    records: NDArray[Any],
    rows: NDArray[Any],
    panel: Panel,
    lots: Sequence[tuple[int, int, int, int, str]],
) -> list[tuple[int, int, int, SentOrder]]:
    """Return the net orders of lots by bar, moment and symbol, each with its first lot's event."""
    sizes: dict[tuple[int, int, str], float] = defaultdict(float)
    firsts: dict[tuple[int, int, str], tuple[float, str]] = {}
    for bar, _, _, number, event_id in lots:
        lot, symbol = records[abs(number) - 1], panel.symbols[rows[abs(number) - 1]["symbol"]]
        which, moment = ("first", "entered_at") if number > 0 else ("last", "left_at")
        key = bar, int(lot[moment]), symbol
        sizes[key] += float(lot[f"{which}_size"])
        firsts.setdefault(key, (float(lot[f"{which}_price"]), event_id))
    orders = []
    for (bar, at, symbol), size in sorted(sizes.items()):
        if is_nothing(size):
            continue
        is_open = FILL_TIMES[at] == "open"
        kind, phase = ("market", _LEGS) if is_open else ("close", _LEGS_AT_CLOSE)
        order = _sent(panel, bar, symbol, size, kind, *firsts[bar, at, symbol], None)
        orders.append((bar, phase, 0, order))
    return orders


def _sent(panel: Panel, bar: int, *terms: Any) -> SentOrder:
    """Return the order of a bar with its symbol, size, type, price, event id and exit reason."""
    values = (panel.sessions[bar].item(), *terms, panel.time_of(bar))
    return SentOrder(*values)


# The comparison of two engines, to the cent


def check_agreement(name: str, result: ReplayResult, other_name: str, other: ReplayResult) -> None:
    """Raise AccountingError with the first difference between the results of two engines.

    Decisions, trades, curve and totals are compared.
    """
    others = _parts(other)
    for what, rows in _parts(result).items():
        if fault := _difference(name, rows, other_name, others[what]):
            raise AccountingError(
                f"The engines differ in {what}, which is a fault of the program. First "
                f"difference: {fault}."
            )


def _difference(name: str, rows: Sequence[_Row], other_name: str, others: Sequence[_Row]) -> str:
    """Say what the first difference is; an empty text where there is none."""
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


def _equal(column: str, value: Any, other: Any) -> bool:
    if isinstance(value, float):
        return bool(abs(value - other) < (_NEAR if column in _FRACTIONS else CENT))
    return bool(value == other)


def _parts(result: ReplayResult) -> dict[str, list[_Row]]:
    rest = {"assumptions": list(result.assumptions), "ruined_on": result.ruined_on}
    return {
        "decisions": [
            (d.event.id, {"session": d.tradable_session, "outcome": d.action, "reason": d.reason})
            for d in result.decisions
        ],
        "trades": [(f"trade {t.trade_id} on {t.event_id}", asdict(t)) for t in result.trades],
        "the curve": [(f"the account on {point.session}", asdict(point)) for point in result.curve],
        "totals": [("the account", asdict(result.totals) | rest)],
    }
