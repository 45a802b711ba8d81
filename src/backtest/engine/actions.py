"""What dividends, splits and ends do to an account, and in which session; of both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from backtest.data.actions import END_SESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from backtest.data.prices import Prices

What = Literal["split", "dividend", "delisted", "merger"]


class Effect(NamedTuple):
    """What an action does to a stock in a session.

    A split and a dividend come before its open, the ends after what rested through it. `value` is
    new shares for an old one, or dollars a share.
    """

    session: date
    symbol: str
    what: What
    value: float

    @property
    def is_end(self) -> bool:
        """Whether what is held is settled in cash."""
        return self.what in ("delisted", "merger")


def effects(prices: Mapping[str, Prices]) -> list[Effect]:
    """The effects on all stocks, by session; in one session in the order in which they act."""
    sessions = np.unique(np.concatenate([one.days for one in prices.values()]))
    found = list(recorded_effects(prices))
    ended = {effect.symbol for effect in found if effect.is_end}
    for symbol in sorted(prices.keys() - ended):
        place = np.searchsorted(sessions, prices[symbol].days[-1]) + END_SESSIONS
        if place < len(sessions):
            close = float(prices[symbol].traded["close"].iloc[-1])
            found.append(Effect(sessions[place].item(), symbol, "delisted", close))
    return sorted(found, key=lambda effect: effect.session)


def recorded_effects(prices: Mapping[str, Prices]) -> Iterator[Effect]:
    """The effects of the actions that are on record, by symbol and in the order of their days."""
    for symbol in sorted(prices):
        yield from _of_stock(prices[symbol])


def _of_stock(prices: Prices) -> Iterator[Effect]:
    days = prices.days
    for action in prices.applied:
        row = int(np.searchsorted(days, np.datetime64(action.day)))
        if action.action in ("dividend", "split") and 0 < row < len(days):
            what: What = "split" if action.action == "split" else "dividend"
            yield Effect(days[row].item(), prices.symbol, what, action.amount or 0.0)
        elif action.action in ("delisted", "cash_merger") and row > 0:
            close = float(prices.traded["close"].iloc[row - 1])
            amount = close if action.amount is None else action.amount
            what = "merger" if action.action == "cash_merger" else "delisted"
            yield Effect(days[row - 1].item(), prices.symbol, what, amount)


def splits_of(prices: Prices) -> list[tuple[date, float]]:
    """The sessions of the splits of a stock, and new shares for an old one."""
    return [(one.session, one.value) for one in _of_stock(prices) if one.what == "split"]


def splits_since(splits: Sequence[tuple[date, float]], day: date, until: date) -> float:
    """New shares for one of a day before, in a later session."""
    ratio = 1.0
    for session, value in splits:
        if day < session <= until:
            ratio *= value
    return ratio
