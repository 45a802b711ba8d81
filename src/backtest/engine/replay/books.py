"""What a replay is told in: quotes, orders, fills, trades, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from backtest.engine.actions import splits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    from backtest.data.borrow import BorrowRate
    from backtest.data.prices import Prices
    from backtest.engine.bars import StockBars
    from backtest.engine.rules import Rules
    from backtest.engine.schedule import Decision
    from backtest.strategy.base import Direction


CENT = 0.005
_FRESH_DAYS = 7  # a quote that is older when it is charged is an assumption
_NAMED = 3  # stocks without a rate

OrderType = Literal["market", "stop", "limit", "close"]
FillTime = Literal["open", "session", "close"]
ExitReason = Literal[
    "time", "signal", "stop", "target", "trailing_stop", "reversal", "margin_call", "ruin", "open",
    "strategy", "split", "delisted", "merger",
]  # fmt: skip


_WHY = {
    "renew": "same direction as the open trade: its exit plan is set anew",
    "resize": "same direction as the open trade: the difference to the new weight was traded",
    "no_room": "no room: not one share fits the weight, the cash and the gross limit",
    "not_filled": "the price did not come to the limit",
    "nothing_held": "nothing was held that could be left",
    "ruined": "the account was ruined before",
}
_PUBLISHED_LATER = "another signal of the same open was published later"
_OF_ONE_STAMP = (
    "another signal has the same time, and its kind or headline is later in the alphabet: "
    "which came first is not known"
)


def settle(
    decisions: Sequence[Decision],
    outcomes: Mapping[str, str],
    notes: Mapping[str, str],
    bar_of: Callable[[Decision], int],
) -> list[Decision]:
    """The decisions with what became of their signals, and why.

    Args:
        decisions: in order of publication.
        outcomes: by event id.
        notes: by event id what bound an order.
        bar_of: the bar of a decision with a signal.

    """
    newest = {(d.signal.symbol, bar_of(d)): d.event for d in decisions if d.signal is not None}
    found = []
    for decision in decisions:
        event, signal = decision.event, decision.signal
        outcome = outcomes.get(event.id)
        if outcome is None or signal is None:
            found.append(decision)
            continue
        why = _WHY.get(outcome, "")
        if outcome == "superseded":
            acts = newest[signal.symbol, bar_of(decision)]
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
        last_close: dollars; None in its first bar.
        begins: whether the bar is the stock's first of its session.
        ends: whether it is the last.
        ends_day: whether it is the last of its session on a day: after a close that is the day
            before.
        clock: when it opens in New York, minutes after midnight; 0 of a daily one.
        is_extended: whether it is outside of the hours of sessions.

    """

    open: float
    slip: float
    most_shares: int | None = None
    last_close: float | None = None
    begins: bool = True
    ends: bool = True
    ends_day: bool = True
    clock: int = 0
    is_extended: bool = False


class Lot(NamedTuple):
    """The part of an order that belongs to one event: signed shares, and why they leave."""

    event_id: str
    size: float
    exit_reason: ExitReason | None


@dataclass(frozen=True)
class Order:
    """An order for one session.

    Attributes:
        symbol: the stock.
        size: signed shares, positive to buy.
        type: `market` fills at the open, `close` at the close, `stop` and `limit` rest through
            the session.
        price: the level of a resting order, dollars; otherwise the fill expected.
        event_id: the event behind an entry; of an exit, the event of its trade.
        exit_reason: why the position is left; None for an entry.
        lots: of legs, the lots that it nets; their sizes add up to its own, which may be 0.

    """

    symbol: str
    size: float
    type: OrderType
    price: float
    event_id: str
    exit_reason: ExitReason | None = None
    lots: tuple[Lot, ...] = ()


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
    at: FillTime = "open"
    bar: datetime | None = None  # when its bar opens, as of `SentOrder`


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
    bar: datetime | None = None  # when its bar opens, UTC, where that is finer than the session


@dataclass
class Trade:
    """One position from flat to flat, or to a reversal.

    Prices are fills in dollars (averages where a position grew or shrank in steps), `shares` all
    that were entered, `commission` and `borrow` dollars paid, `mae` and `mfe` the worst and best
    excursion as fractions of the entry price. `entered_at` and `left_at` tell of the first and the
    last fill whether it was at the open, within the session or at the close. `hedge_profit` is what
    its legs made, dollars after their costs; all else is of the stock itself. `dividends` are
    dollars that a long was paid and a short has paid. After a split shares and prices are those
    of the last day. The times are when the bars of entry and exit open, UTC, where they are finer
    than sessions.
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
    entered_at: FillTime = "open"
    left_at: FillTime = "close"
    hedge_profit: float = 0.0
    dividends: float = 0.0
    entry_bar: datetime | None = None
    exit_bar: datetime | None = None

    @property
    def sign(self) -> int:
        """+1 for a long trade, -1 for a short one."""
        return 1 if self.direction == "long" else -1

    @property
    def net_profit(self) -> float:
        """Gross profit less commission and borrow, dividends, and what the legs made; dollars."""
        costs = self.commission + self.borrow
        return self.gross_profit - costs + self.dividends + self.hedge_profit

    @property
    def net_return(self) -> float:
        """Net profit as a fraction of the entry value."""
        return self.net_profit / (self.shares * self.entry_price)


@dataclass
class Totals:
    """What a whole account, its legs included, has paid and been paid beside prices; dollars."""

    commission: float = 0.0
    borrow: float = 0.0
    dividends: float = 0.0  # below zero where shorts have paid more than longs were paid
    interest: float = 0.0


@dataclass(frozen=True)
class Result:
    """What a replay gives back.

    Attributes:
        curve: the account at each close, one point a session.
        trades: in order of entry.
        decisions: one for every event that the strategy listens to.
        assumptions: what the result rests on that nobody quoted, in sentences.
        orders: what was sent to the market, session by session.
        totals: what the account has paid and been paid.
        ruined_on: the session at whose close or open equity had fallen to zero or below.

    """

    curve: Sequence[EquityPoint]
    trades: Sequence[Trade]
    decisions: Sequence[Decision]
    assumptions: Sequence[str]
    orders: Sequence[SentOrder]
    totals: Totals
    ruined_on: date | None


def set_excursions(
    trades: Sequence[Trade], prices: Mapping[str, Prices], bars: Mapping[str, StockBars]
) -> None:
    """Set `mae` and `mfe` of each trade: fractions of the entry price, `mae` ≤ 0 ≤ `mfe`.

    Whole bars count from that of the entry to the one before the exit, or with it where the trade
    was held to its close. Of the bar of the exit only what surely came before the exit counts: its
    open and the exit itself; of that of an entry at a limit the side from which the price came,
    and the close; of that of an entry at the close nothing.
    """
    for trade in trades:
        _set_excursion(trade, bars[trade.symbol], splits_of(prices[trade.symbol]))


def _set_excursion(trade: Trade, own: StockBars, splits: Sequence[tuple[date, float]]) -> None:
    first = own.place(trade.entry_session, trade.entry_bar)
    last = own.place(trade.exit_session or trade.entry_session, trade.exit_bar)
    last = min(last, len(own.times) - 1)  # what had ended before is left when it counts as delisted
    bars = own.table[:, :4]
    for session, ratio in splits:
        row = own.place(session)
        if first < row <= last:
            bars = np.concatenate((bars[:row] / ratio, bars[row:]))
    opens, highs, lows, closes = bars.T
    whole = slice(first + (trade.entered_at != "open"), last + (trade.left_at == "close"))
    seen = [trade.entry_price, trade.exit_price]
    if trade.entered_at == "session" and (last > first or trade.left_at == "close"):
        seen += [float((lows if trade.sign > 0 else highs)[first]), float(closes[first])]
    # What a split has left nothing of was gone before the open.
    if trade.exit_reason != "split" and (trade.left_at == "open" or last > first):
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
        elif not rate.is_quote:
            found.append(
                f"The borrow rate of {symbol} from {rate.day} on, {rate.annual_rate:.1%} "
                f"a year, {rate.origin}. {rate.note}".strip()
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
