"""The kernel's replay of decisions: the same result as Backtrader's, for many bars.

Trades, curve and decisions are the same to the cent, which tests hold. Of the orders it tells
those that were filled alone: what rests through a session leaves no trace in the kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from backtest.engine.kernel.panel import panel_of, signal_rows
from backtest.engine.kernel.records import CAPPED, OUTCOMES, REASONS
from backtest.engine.kernel.simulate import by_entry, simulate
from backtest.engine.replay.books import (
    AT_THE_OPEN,
    EquityPoint,
    Result,
    SentOrder,
    Trade,
    borrow_assumptions,
    check_identity,
    set_excursions,
    settle,
)
from backtest.engine.rules import VOLUME_SESSIONS, participation_cap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from backtest.data.prices import BorrowRate, BorrowRates, Prices
    from backtest.engine.replay.books import ExitReason, OrderType
    from backtest.engine.rules import Rules
    from backtest.engine.timeline import Decision

_RESTING: dict[str, OrderType] = {"stop": "stop", "trailing_stop": "stop", "target": "limit"}
_PHASES = {"ruin": 0, "margin_call": 0, "reversal": 1, "time": 3}  # entries are 2, resting ones 4


def replay_by_kernel(
    prices: Mapping[str, Prices],
    rates: Mapping[str, BorrowRates],
    decisions: Sequence[Decision],
    rules: Rules,
) -> Result:
    """Replay decisions on the compiled kernel.

    Args:
        prices: by symbol, the bars that are replayed.
        rates: by symbol, the borrow rates.
        decisions: as the timeline made them; those that carry a signal are traded.
        rules: the settings.

    Raises:
        AccountingError: the books do not balance, a fault of the program.
        UsageError: a signal leaves out its weight, and the rules set no `max_positions`.

    """
    panel = panel_of(prices)
    signalled = [
        (decision.tradable_session, place, decision.signal)
        for place, decision in enumerate(decisions)
        if decision.signal is not None and decision.tradable_session is not None
    ]
    signalled.sort(key=lambda one: one[:2])  # decisions stand in order of publication
    places = [place for _, place, _ in signalled]
    rows = signal_rows(panel, [(session, signal) for session, _, signal in signalled])
    whole = np.array([0, len(rows)])
    made = simulate(panel, rows, whole, rules, rates, trades=True, curves=True)
    sessions = panel.sessions.tolist()
    trades = _trades(made.trades, rows, sessions, [decisions[place] for place in places])
    set_excursions(trades, prices)
    equity, cash = made.equity[0].tolist(), made.cash[0].tolist()
    interest = float(made.totals[0]["interest"])
    check_identity(rules.cash + interest + sum(t.net_profit for t in trades), equity[-1])
    ids = [decisions[place].event.id for place in places]
    outcomes = dict(zip(ids, made.outcomes.tolist(), strict=True))
    notes = {
        decision.event.id: _participation(decision, prices, rules)
        for decision in decisions
        if outcomes.get(decision.event.id, 0) >= CAPPED
    }
    names = {event_id: OUTCOMES[outcome % CAPPED] for event_id, outcome in outcomes.items()}
    return Result(
        curve=[
            EquityPoint(session, total, free, total - free)
            for session, total, free in zip(sessions, equity, cash, strict=True)
        ],
        trades=trades,
        decisions=settle(decisions, names, notes),
        assumptions=borrow_assumptions(_used_rates(trades, sessions, rates, rules), rules),
        orders=_orders(trades),
        interest=interest,
        ruined_on=next((s for s, e in zip(sessions, equity, strict=True) if e <= 0), None),
    )


def _trades(
    made: NDArray[Any], rows: NDArray[Any], sessions: list[date], decisions: Sequence[Decision]
) -> list[Trade]:
    """The trades in order of entry, from one record a signal."""
    trades: list[Trade] = []
    for place in by_entry(rows, made).tolist():
        entry_bar, exit_bar, reason, shares, entry, exit_price, commission, borrow = made[
            place
        ].item()
        side, event = int(rows[place]["side"]), decisions[place].event
        trades.append(
            Trade(
                trade_id=len(trades) + 1,
                event_id=event.id,
                symbol=event.symbol,
                direction="long" if side > 0 else "short",
                shares=shares,
                entry_session=sessions[entry_bar],
                entry_price=entry,
                exit_session=sessions[exit_bar],
                exit_price=exit_price,
                exit_reason=cast("ExitReason", REASONS[reason]),
                gross_profit=side * shares * (exit_price - entry),
                commission=commission,
                borrow=borrow,
            )
        )
    return trades


def _participation(decision: Decision, prices: Mapping[str, Prices], rules: Rules) -> str:
    table = prices[decision.event.symbol].table
    before = table.index < np.datetime64(decision.tradable_session)
    cap = participation_cap(table["volume"][before].iloc[-VOLUME_SESSIONS:].tolist(), rules)
    return f"cut to {cap:,} shares by participation"


def _used_rates(
    trades: Sequence[Trade], sessions: list[date], rates: Mapping[str, BorrowRates], rules: Rules
) -> dict[tuple[str, BorrowRate | None], date]:
    """The rates of the nights short, each with the last night that it was charged for."""
    used: dict[tuple[str, BorrowRate | None], date] = {}
    if rules.borrow_mode != "table":
        return used
    number = {session: place for place, session in enumerate(sessions)}
    for trade in trades:
        if trade.sign > 0 or trade.exit_session is None:
            continue
        for night in sessions[number[trade.entry_session] : number[trade.exit_session]]:
            key = trade.symbol, rates[trade.symbol].on(night)
            used[key] = max(night, used.get(key, night))
    return used


def _orders(trades: Sequence[Trade]) -> list[SentOrder]:
    """The orders that were filled, at their fills, in the order of the rules."""
    found: list[tuple[tuple[date, int, int], SentOrder]] = []
    for trade in trades:
        size = trade.sign * trade.shares
        name, event = trade.symbol, trade.event_id
        entry = SentOrder(trade.entry_session, name, size, "market", trade.entry_price, event, None)
        found.append(((trade.entry_session, 2, trade.trade_id), entry))
        if trade.exit_reason == "open" or trade.exit_session is None:
            continue
        reason = trade.exit_reason
        kind = "market" if reason in AT_THE_OPEN else _RESTING[reason]
        leave = SentOrder(trade.exit_session, name, -size, kind, trade.exit_price, event, reason)
        found.append(((trade.exit_session, _PHASES.get(reason, 4), trade.trade_id), leave))
    return [order for _, order in sorted(found, key=lambda one: one[0])]
