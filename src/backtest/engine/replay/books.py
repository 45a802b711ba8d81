"""Orders, fills and trades, the ledger that accounts for every cent of them, and the result.

The ledger keeps books of its own beside the broker's, so that either can be held against the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from backtest.errors import AccountingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from backtest.data.prices import BorrowRate, Prices
    from backtest.engine.rules import Rules
    from backtest.engine.timeline import Decision
    from backtest.strategy.base import Direction


CENT = 0.005
_FRESH_DAYS = 7  # a quote that is older when it is charged is an assumption
_NAMED = 3  # stocks without a rate
AT_THE_OPEN = ("time", "reversal", "margin_call", "ruin")

OrderType = Literal["market", "stop", "limit"]
ExitReason = Literal[
    "time", "stop", "target", "trailing_stop", "reversal", "margin_call", "ruin", "open", "strategy"
]


_WHY = {
    "renew": "same direction as the open trade: its exit plan is set anew",
    "no_room": "no room: not one share fits the weight, the cash and the gross limit",
    "ruined": "the account was ruined before",
}
_PUBLISHED_LATER = "another signal of the same open was published later"
_OF_ONE_STAMP = (
    "another signal has the same time, and its kind or headline is later in the alphabet: "
    "which came first is not known"
)


def settle(
    decisions: Sequence[Decision], outcomes: Mapping[str, str], notes: Mapping[str, str]
) -> list[Decision]:
    """The decisions with what became of their signals, and why.

    Args:
        decisions: in order of publication.
        outcomes: by event id.
        notes: by event id what bound an order.

    """
    newest = {
        (d.signal.symbol, d.tradable_session): d.event for d in decisions if d.signal is not None
    }
    found = []
    for decision in decisions:
        event, signal = decision.event, decision.signal
        outcome = outcomes.get(event.id)
        if outcome is None or signal is None:
            found.append(decision)
            continue
        why = _WHY.get(outcome, "")
        if outcome == "superseded":
            acts = newest[signal.symbol, decision.tradable_session]
            later = acts.published_at > event.published_at
            why = _PUBLISHED_LATER if later else _OF_ONE_STAMP
        found.append(decision.settled(outcome, why, notes.get(event.id, "")))
    return found


@dataclass(frozen=True)
class Quote:
    """What is known of a symbol at an open.

    Attributes:
        open: the open, dollars.
        slip: slippage of this session, a fraction of the price.
        most_shares: the participation cap of an entry; None where there is none.

    """

    open: float
    slip: float
    most_shares: int | None = None


@dataclass(frozen=True)
class Order:
    """An order for one session.

    Attributes:
        symbol: the stock.
        size: signed shares, positive to buy.
        type: `market` fills at the open, `stop` and `limit` rest through the session.
        price: the level of a resting order, dollars; for a market order the fill expected.
        event_id: the event behind an entry; of an exit, the event of its trade.
        exit_reason: why the position is left; None for an entry.

    """

    symbol: str
    size: int
    type: OrderType
    price: float
    event_id: str
    exit_reason: ExitReason | None = None


@dataclass(frozen=True)
class Fill:
    """An order that was executed: signed shares, price and commission in dollars."""

    session: date
    symbol: str
    size: float
    price: float
    commission: float
    event_id: str
    exit_reason: ExitReason | None = None


@dataclass(frozen=True)
class EquityPoint:
    """The account at the close of a session, dollars."""

    session: date
    equity: float
    cash: float
    position_value: float


@dataclass(frozen=True)
class SentOrder:
    """An order as it went to the market, in the session in which it was live.

    `size` is signed shares, `price` the level of a resting order in dollars or, for a market
    order, the fill that was expected.
    """

    session: date
    symbol: str
    size: float
    type: str
    price: float
    event_id: str
    exit_reason: ExitReason | None


@dataclass
class Trade:
    """One position from flat to flat, or to a reversal.

    Prices are fills in dollars (averages where a position grew or shrank in steps),
    `commission` and `borrow` dollars paid, `mae` and `mfe` the worst and best excursion as
    fractions of the entry price.
    """

    trade_id: int
    event_id: str
    symbol: str
    direction: Direction
    shares: float
    entry_session: date
    entry_price: float
    exit_session: date | None = None
    exit_price: float = 0.0
    exit_reason: ExitReason = "open"
    gross_profit: float = 0.0
    commission: float = 0.0
    borrow: float = 0.0
    mae: float = 0.0
    mfe: float = 0.0

    @property
    def sign(self) -> int:
        """+1 for a long trade, -1 for a short one."""
        return 1 if self.direction == "long" else -1

    @property
    def net_profit(self) -> float:
        """Gross profit less commission and borrow, dollars."""
        return self.gross_profit - self.commission - self.borrow

    @property
    def net_return(self) -> float:
        """Net profit as a fraction of the entry value."""
        return self.net_profit / (self.shares * self.entry_price)


@dataclass(frozen=True)
class Result:
    """What a replay gives back.

    Attributes:
        curve: the account at each close, one point a session.
        trades: in order of entry.
        decisions: one for every event that the strategy listens to.
        assumptions: what the result rests on that nobody quoted, in sentences.
        orders: what was sent to the market, session by session.
        interest: what cash earned, dollars.
        ruined_on: the session at whose close or open equity had fallen to zero or below.

    """

    curve: Sequence[EquityPoint]
    trades: Sequence[Trade]
    decisions: Sequence[Decision]
    assumptions: Sequence[str]
    orders: Sequence[SentOrder]
    interest: float
    ruined_on: date | None


@dataclass
class _Holding:
    """The open part of a trade."""

    trade: Trade
    shares: float  # signed
    closed_shares: float = 0.0
    exit_price: float = 0.0  # average of what was closed

    def leave(self, shares: float, price: float) -> None:
        """Close shares at a price; one price stays as it is, several are averaged."""
        total = self.closed_shares + shares
        part = shares / total
        self.exit_price = price if part == 1 else self.exit_price * (1 - part) + price * part
        self.closed_shares = total


class Ledger:
    """Cash, holdings and trades of one account."""

    def __init__(self, cash: float) -> None:
        self.start_cash = cash
        self.cash = cash
        self.interest = 0.0
        self.trades: list[Trade] = []
        self._open: dict[str, _Holding] = {}

    def shares(self, symbol: str) -> float:
        """Signed shares held."""
        holding = self._open.get(symbol)
        return holding.shares if holding else 0.0

    def charge_borrow(self, symbol: str, amount: float) -> None:
        """Take the cost of a short's night from cash."""
        self.cash -= amount
        self._open[symbol].trade.borrow += amount

    def receive_interest(self, amount: float) -> None:
        """Add what the cash has earned."""
        self.cash += amount
        self.interest += amount

    def book(self, fill: Fill) -> None:
        """Enter a fill: it opens, adds to, reduces or closes the symbol's trade.

        A fill that crosses zero closes the trade and opens the next; its commission is shared
        in proportion to the shares.
        """
        self.cash -= fill.size * fill.price + fill.commission
        held = self.shares(fill.symbol)
        if held == 0 or held * fill.size > 0:
            self._add(fill, fill.size, fill.commission)
            return
        closing = max(-abs(held), -abs(fill.size)) * (1 if held > 0 else -1)
        opening = fill.size - closing
        part = closing / fill.size
        self._reduce(fill, closing, fill.commission * part)
        if opening:
            self._add(fill, opening, fill.commission * (1 - part))

    def _add(self, fill: Fill, size: float, commission: float) -> None:
        holding = self._open.get(fill.symbol)
        if holding is None:
            trade = Trade(
                trade_id=len(self.trades) + 1,
                event_id=fill.event_id,
                symbol=fill.symbol,
                direction="long" if size > 0 else "short",
                shares=abs(size),
                entry_session=fill.session,
                entry_price=fill.price,
                commission=commission,
            )
            self.trades.append(trade)
            self._open[fill.symbol] = _Holding(trade, size)
            return
        trade = holding.trade
        value = trade.shares * trade.entry_price + abs(size) * fill.price
        trade.shares += abs(size)
        trade.entry_price = value / trade.shares
        trade.commission += commission
        holding.shares += size

    def _reduce(self, fill: Fill, size: float, commission: float) -> None:
        holding = self._open[fill.symbol]
        trade = holding.trade
        trade.commission += commission
        holding.shares += size
        holding.leave(abs(size), fill.price)
        if holding.shares == 0:
            del self._open[fill.symbol]
            self._finish(holding, fill.session, fill.exit_reason or "strategy")

    def mark_open_trades(self, marks: Mapping[str, float], sessions: Mapping[str, date]) -> None:
        """Value the trades that stay open at the last closes; they stay flagged `open`."""
        for symbol, holding in self._open.items():
            holding.leave(abs(holding.shares), marks[symbol])
            self._finish(holding, sessions[symbol], "open")

    @staticmethod
    def _finish(holding: _Holding, session: date, reason: ExitReason) -> None:
        trade = holding.trade
        trade.exit_session = session
        trade.exit_price = holding.exit_price
        trade.exit_reason = reason
        trade.gross_profit = trade.sign * trade.shares * (trade.exit_price - trade.entry_price)

    def check_cash(self, broker_cash: float, session: date) -> None:
        """Hold the ledger's cash against the broker's.

        Raises:
            AccountingError: they differ by a cent or more.

        """
        if not abs(self.cash - broker_cash) < _tolerance(broker_cash):
            raise AccountingError(
                f"{session}: the ledger has {self.cash:.4f} in cash and Backtrader "
                f"{broker_cash:.4f}. This is a fault of the program; please report it."
            )

    def check_identity(self, final_equity: float) -> None:
        """Hold the trades of the ledger against the final equity; see `check_identity`."""
        expected = self.start_cash + self.interest + sum(t.net_profit for t in self.trades)
        check_identity(expected, final_equity)


def check_identity(expected: float, final_equity: float) -> None:
    """Final equity = start cash + Σ gross profit − Σ commission − Σ borrow + interest.

    It holds to the cent.

    Raises:
        AccountingError: the identity does not hold.

    """
    if not abs(expected - final_equity) < _tolerance(final_equity):
        raise AccountingError(
            f"The accounting identity is broken: the trades make {expected:.4f} of final "
            f"equity {final_equity:.4f}. This is a fault of the program; please report it."
        )


def _tolerance(amount: float) -> float:
    # A cent; for fortunes beyond a trillion, what a double can still resolve.
    return max(CENT, abs(amount) * 1e-14)


def set_excursions(trades: Sequence[Trade], prices: Mapping[str, Prices]) -> None:
    """Set `mae` and `mfe` of each trade: fractions of the entry price, `mae` ≤ 0 ≤ `mfe`.

    Whole bars count from the entry session to the one before the exit. Of the exit session only
    what surely came before the exit counts: its open and the exit itself.
    """
    tables = {
        symbol: (
            prices[symbol].table.index.to_numpy("M8[D]"),
            *(prices[symbol].table[name].to_numpy() for name in ("open", "low", "high")),
        )
        for symbol in {trade.symbol for trade in trades}
    }
    for trade in trades:
        days, opens, lows, highs = tables[trade.symbol]
        held = np.array([trade.entry_session, trade.exit_session], "M8[D]")
        first, last = np.searchsorted(days, held).tolist()
        is_open = trade.exit_reason == "open"
        whole, seen = slice(first, last + is_open), [] if is_open else [trade.exit_price]
        if trade.exit_reason in AT_THE_OPEN or last > first:
            seen.append(float(opens[last]))
        low = min([*lows[whole].tolist(), *seen])
        high = max([*highs[whole].tolist(), *seen])
        worst, best = (low, high) if trade.sign > 0 else (high, low)
        trade.mae = min(trade.sign * (worst / trade.entry_price - 1), 0.0)
        trade.mfe = max(trade.sign * (best / trade.entry_price - 1), 0.0)


def borrow_assumptions(
    used: Mapping[tuple[str, BorrowRate | None], date], rules: Rules
) -> list[str]:
    """What the charges for nights short rest on that nobody quoted, in sentences.

    Args:
        used: by symbol and rate the last night that was charged; no rate where the default was.
        rules: the settings.

    """
    unknown = sorted({symbol for symbol, rate in used if rate is None})
    default = f"{rules.borrow_default:.1%} a year was charged."
    found = []
    for (symbol, rate), night in sorted(used.items(), key=str):
        if rate is None:
            if len(unknown) <= _NAMED:
                found.append(f"No borrow rate is known for some nights short {symbol}; {default}")
        elif rate.is_assumption:
            found.append(
                f"The borrow rate of {symbol} from {rate.day} on, {rate.annual_rate:.1%} "
                f"a year, is an assumption. {rate.note}".strip()
            )
        elif (night - rate.day).days > _FRESH_DAYS:
            found.append(
                f"The borrow rate of {symbol} quoted for {rate.day}, {rate.annual_rate:.1%} a "
                f"year, was carried on to {night}: no later quote was found."
            )
    if len(unknown) > _NAMED:
        few = f"{', '.join(unknown[:_NAMED])} and {len(unknown) - _NAMED:,} more stocks"
        found.append(f"No borrow rate is known for some nights short {few}; {default}")
    return found
