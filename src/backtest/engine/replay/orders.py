"""Orders and fills: what the trader asks of the market, and what it got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date

OrderType = Literal["market", "stop", "limit"]
ExitReason = Literal[
    "time", "stop", "target", "trailing_stop", "reversal", "margin_call", "ruin", "open", "strategy"
]


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
