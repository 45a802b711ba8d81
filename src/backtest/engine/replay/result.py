"""`Result`: what a replay gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from backtest.engine.replay.books import Trade
    from backtest.engine.replay.orders import ExitReason
    from backtest.engine.timeline import Decision


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
