"""This module keeps the books of a replay: fills, trades, the result, and the ledger of every cent.

The ledger stands apart from the broker's books, so that each can be checked against the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from backtest.engine.rules import split_shares, times_ratio
from backtest.errors import AccountingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from backtest.engine.replay.position import Lot
    from backtest.engine.schedule import Decision
    from backtest.strategy.base import Direction

    Bar = tuple[date, datetime | None]  # its session, and when it opens if it is finer

CENT = 0.005
_RESOLVED = 1e-14  # the fraction of an amount that a double still resolves

FillTime = Literal["open", "session", "close"]
ExitReason = Literal[
    "time", "signal", "stop", "target", "trailing_stop", "reversal", "margin_call", "ruin", "open",
    "strategy", "split", "delisted", "merger",
]  # fmt: skip


@dataclass(frozen=True)
class Fill:
    """A fill is an order that was executed: signed shares, price and commission in dollars."""

    session: date
    symbol: str
    size: float
    price: float
    commission: float
    event_id: str
    exit_reason: ExitReason | None = None
    at: FillTime = "open"
    bar: datetime | None = None  # when its bar opens, as in `SentOrder`


@dataclass(frozen=True)
class EquityPoint:
    """Hold the account at the close of a session, dollars."""

    session: date
    equity: float
    cash: float
    position_value: float


@dataclass(frozen=True)
class SentOrder:
    """Describe an order as it went to the market, in a session in which it was live.

    `size` is signed shares; `price` is the level of a resting order in dollars or, for a market
    order, the fill that was expected.
    """

    session: date
    symbol: str
    size: float
    type: str
    price: float
    event_id: str
    exit_reason: ExitReason | None
    bar: datetime | None = None  # when its bar opens, UTC, where that is finer than the session


@dataclass
class Trade:
    """A trade is one position from flat to flat, or to a reversal.

    Prices are fills in dollars (averages where a position grew or shrank in steps), `shares` all
    that were entered, `commission` and `borrow` dollars paid, `mae` and `mfe` the worst and best
    excursion as fractions of the entry price. `entered_at` and `left_at` say whether the first and
    the last fill were at the open, within the session or at the close. `hedge_profit` is what the
    legs made, dollars after their costs; all else is about the stock itself. `dividends` are
    dollars that a long received, and below zero those that a short paid. Shares and prices are
    adjusted to the splits up to the last day. `entry_bar` and `exit_bar` are when those bars open,
    UTC, where they are finer than sessions.
    """

    trade_id: int
    event_id: str
    symbol: str
    direction: Direction
    shares: float
    entry_session: date
    entry_price: float
    exit_session: date  # until the trade is left, that of its entry
    exit_price: float = 0.0
    exit_reason: ExitReason = "open"
    gross_profit: float = 0.0
    commission: float = 0.0
    borrow: float = 0.0
    mae: float = 0.0
    mfe: float = 0.0
    entered_at: FillTime = "open"
    left_at: FillTime = "close"
    hedge_profit: float = 0.0
    dividends: float = 0.0
    entry_bar: datetime | None = None
    exit_bar: datetime | None = None

    @property
    def sign(self) -> int:
        """Return +1 for a long trade, -1 for a short one."""
        return 1 if self.direction == "long" else -1

    @property
    def net_profit(self) -> float:
        """Return gross profit less commission and borrow, plus dividends and legs; dollars."""
        costs = self.commission + self.borrow
        return self.gross_profit - costs + self.dividends + self.hedge_profit

    @property
    def net_return(self) -> float:
        """Return the net profit as a fraction of the entry value."""
        return self.net_profit / (self.shares * self.entry_price)


@dataclass
class Totals:
    """Hold what an account, legs included, paid and received beside prices; dollars."""

    commission: float = 0.0
    borrow: float = 0.0
    dividends: float = 0.0  # below zero where shorts have paid more than longs were paid
    interest: float = 0.0


@dataclass(frozen=True)
class ReplayResult:
    """Hold what a replay returns."""

    curve: Sequence[EquityPoint]  # the account at each close, one point a session
    trades: Sequence[Trade]  # in order of entry
    decisions: Sequence[Decision]  # one for every event that the strategy listens to
    assumptions: Sequence[str]  # sentences on what the result rests on and nobody quoted
    orders: Sequence[SentOrder]  # what was sent to the market, session by session
    totals: Totals
    ruined_on: date | None  # at whose close or open equity had fallen to zero or below


@dataclass
class _Holding:
    """A holding is the open part of a trade."""

    trade: Trade
    shares: float  # signed
    closed_shares: float = 0.0
    exit_price: float = 0.0  # average of what was closed

    def leave(self, shares: float, price: float) -> None:
        """Close shares at a price, which goes into the average."""
        total = self.closed_shares + shares
        part = shares / total
        # A single price stays as it is, to the last bit.
        self.exit_price = price if part == 1 else self.exit_price * (1 - part) + price * part
        self.closed_shares = total


@dataclass
class _Leg:
    """Keep an open leg of a trade."""

    trade: Trade
    symbol: str
    size: float  # signed
    price: float
    costs: float

    def leave(self, price: float, cost: float = 0.0) -> None:
        """Add to the trade what the leg has made."""
        self.trade.hedge_profit += self.size * (price - self.price) - self.costs - cost


class Ledger:
    """Keep cash, holdings and trades of one account."""

    def __init__(self, cash: float) -> None:
        self.start_cash = cash
        self.cash = cash
        self.totals = Totals()
        self.trades: list[Trade] = []
        self._open: dict[str, _Holding] = {}
        self._legs: dict[tuple[str, str], _Leg] = {}  # by symbol and event id

    def shares(self, symbol: str) -> float:
        """Return the signed shares held, without legs."""
        holding = self._open.get(symbol)
        return holding.shares if holding else 0.0

    def charge_borrow(self, symbol: str, amount: float) -> None:
        """Take the borrow of a short from cash; short legs share it by their shares."""
        self.cash -= amount
        self.totals.borrow += amount
        if symbol in self._open:
            self._open[symbol].trade.borrow += amount
            return
        short = [leg for leg in self._legs_of(symbol) if leg.size < 0]
        total = sum(leg.size for leg in short)
        for leg in short:
            leg.costs += amount * leg.size / total

    def receive_interest(self, amount: float) -> None:
        """Add interest to cash."""
        self.cash += amount
        self.totals.interest += amount

    def pay_dividend(self, symbol: str, amount: float) -> None:
        """Add dollars a share to cash for longs, and take them from it for shorts."""
        if symbol in self._open:
            paid = self.shares(symbol) * amount
            self._open[symbol].trade.dividends += paid
            self._receive_dividend(paid)
        for leg in self._legs_of(symbol):
            leg.costs -= leg.size * amount
            self._receive_dividend(leg.size * amount)

    def _receive_dividend(self, amount: float) -> None:
        self.cash += amount
        self.totals.dividends += amount

    def split(
        self, session: date, symbol: str, ratio: float, last: float, time: datetime | None = None
    ) -> None:
        """Turn each share into `ratio` new ones, and what is left of one into cash at `last`."""
        for leg in self._legs_of(symbol):
            leg.size, leg.price = leg.size * ratio, leg.price / ratio
        if symbol not in self._open:
            return
        holding = self._open[symbol]
        trade = holding.trade
        whole, rest = split_shares(abs(holding.shares), ratio)
        self.cash += trade.sign * rest * last
        holding.shares = trade.sign * whole
        holding.closed_shares *= ratio
        holding.exit_price /= ratio
        trade.shares = times_ratio(trade.shares, ratio)
        trade.entry_price /= ratio
        if rest:
            holding.leave(rest, last)
        if not whole:
            del self._open[symbol]
            trade.left_at = "open"
            self._finish(holding, (session, time), "split")

    def _legs_of(self, symbol: str) -> list[_Leg]:
        return [leg for leg in self._legs.values() if leg.symbol == symbol]

    def book(self, fill: Fill) -> None:
        """Book a fill, which opens, adds to, reduces or closes the symbol's trade.

        A fill that crosses zero closes the trade and opens the next; its commission is shared
        in proportion to the shares.
        """
        self._pay(fill)
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

    def book_legs(self, fill: Fill, lots: Sequence[Lot]) -> None:
        """Book a fill of legs: each lot opens or closes one leg, and pays its part of the cost."""
        self._pay(fill)
        traded = sum(abs(lot.size) for lot in lots)
        trades = {trade.event_id: trade for trade in self.trades}
        for lot in lots:
            key, cost = (fill.symbol, lot.event_id), fill.commission * abs(lot.size) / traded
            if lot.exit_reason is None:
                trade = trades[lot.event_id]
                self._legs[key] = _Leg(trade, fill.symbol, lot.size, fill.price, cost)
            else:
                self._legs.pop(key).leave(fill.price, cost)

    def _pay(self, fill: Fill) -> None:
        self.cash -= fill.size * fill.price + fill.commission
        self.totals.commission += fill.commission

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
                exit_session=fill.session,
                commission=commission,
                entered_at=fill.at,
                entry_bar=fill.bar,
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
            holding.trade.left_at = fill.at
            self._finish(holding, (fill.session, fill.bar), fill.exit_reason or "strategy")

    def mark_open_trades(self, marks: Mapping[str, float], bars: Mapping[str, Bar]) -> None:
        """Value the trades that stay open at `marks`, the last closes; they are flagged `open`."""
        for symbol, holding in self._open.items():
            holding.leave(abs(holding.shares), marks[symbol])
            self._finish(holding, bars[symbol], "open")
        for leg in self._legs.values():
            leg.leave(marks[leg.symbol])

    @staticmethod
    def _finish(holding: _Holding, bar: Bar, reason: ExitReason) -> None:
        trade = holding.trade
        trade.exit_session, trade.exit_bar = bar
        # All shares are closed, but for what a ratio with many digits leaves of one.
        trade.exit_price = holding.exit_price * (holding.closed_shares / trade.shares)
        trade.exit_reason = reason
        trade.gross_profit = trade.sign * trade.shares * (trade.exit_price - trade.entry_price)

    def check_cash(self, broker_cash: float, session: date) -> None:
        """Raise AccountingError where the ledger's cash is a cent or more from the broker's."""
        if not abs(self.cash - broker_cash) < _tolerance(broker_cash):
            raise AccountingError(
                f"{session}: the ledger has {self.cash:.4f} in cash and Backtrader "
                f"{broker_cash:.4f}. This is a fault of the program; please report it."
            )

    def check_identity(self, final_equity: float) -> None:
        """Check the trades of the ledger against the final equity; see `check_identity` below."""
        expected = self.start_cash + self.totals.interest + sum(t.net_profit for t in self.trades)
        check_identity(expected, final_equity)


def check_identity(expected: float, final_equity: float, resolved: float = _RESOLVED) -> None:
    """Raise AccountingError where the accounting identity does not hold to the cent.

    Final equity = start cash + Σ gross profit − Σ commission − Σ borrow + dividends + interest. The
    expected equity is the right-hand side, dollars. A fortune is checked to its fraction
    `resolved`.
    """
    if not abs(expected - final_equity) < _tolerance(final_equity, resolved):
        raise AccountingError(
            f"The accounting identity is broken: the trades make {expected:.4f} of final "
            f"equity {final_equity:.4f}. This is a fault of the program; please report it."
        )


def _tolerance(amount: float, resolved: float = _RESOLVED) -> float:
    # A cent or, beyond a trillion dollars, what a double still resolves.
    return max(CENT, abs(amount) * resolved)
