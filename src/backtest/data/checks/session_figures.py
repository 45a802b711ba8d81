"""Figures of one session: what its prices were, and how far they moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from datetime import date

    from backtest.data.prices import Prices

CHANGES = {
    "close_change": ("close", "previous_close"),
    "high_change": ("high", "previous_close"),
    "low_change": ("low", "previous_close"),
    "open_to_close": ("close", "open"),
}
"""Changes as fractions, by name: what changed, and what it is held against."""


def session_figure(prices: Prices, session: date, name: str) -> float | None:
    """A price of a session in dollars, or one of `CHANGES` as a fraction.

    Args:
        prices: of the symbol.
        session: the day.
        name: `open`, `high`, `low`, `close`, `previous_close`, or one of `CHANGES`.

    Returns:
        None where the prices do not tell it.

    """
    if name in CHANGES:
        new, old = (session_figure(prices, session, part) for part in CHANGES[name])
        return None if new is None or old is None else new / old - 1
    table = prices.table
    column = "close" if name == "previous_close" else name
    stamp = pd.Timestamp(session)
    if stamp not in table.index or column not in table:
        return None
    place = int(table.index.get_loc(stamp)) - (name == "previous_close")
    return float(table[column].iloc[place]) if place >= 0 else None
