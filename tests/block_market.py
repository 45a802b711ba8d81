"""A `Market` made up by hand for the building blocks: a few closes before 2025-06-20."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd

from backtest.data.market import Market, Tape
from tests.made_up import SESSIONS, day, utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backtest.events import Event

SESSION = "2025-06-20"  # after Juneteenth; the session before is 2025-06-18


def made_market(
    closes: Sequence[float] = (),
    *,
    highs: Sequence[float] | None = None,
    lows: Sequence[float] | None = None,
    events: Sequence[Event] = (),
    index: Sequence[float] | None = None,
    **others: Sequence[float],
) -> Market:
    """A market before the open of 2025-06-20.

    Args:
        closes: of ACME, the last on 2025-06-18.
        highs: of the same sessions; the closes where None.
        lows: likewise.
        events: public by then.
        index: closes of INDX, which has no opens; none where None.
        others: closes of other symbols, likewise.

    """
    bars = {
        "open": closes,
        "high": highs or closes,
        "low": lows or closes,
        "close": closes,
        "volume": [1000.0] * len(closes),
    }
    shown = {"ACME": _table(bars)}
    if index is not None:
        others["INDX"] = index
    shown |= {symbol: _table({"close": found}) for symbol, found in others.items()}
    tape = Tape(shown, events, timedelta(0), lambda _: ("ACME",))
    now = utc(f"{SESSION}T09:30:00-04:00")
    tape.play(day(SESSION), now)
    return Market(day(SESSION), now, "ACME", tape.past)


def _table(columns: dict[str, Sequence[float]]) -> pd.DataFrame:
    before = [session for session in SESSIONS if session < SESSION]
    days = before[len(before) - len(columns["close"]) :]
    table = {name: [float(value) for value in values] for name, values in columns.items()}
    return pd.DataFrame(table, index=pd.DatetimeIndex(days, name="session"))
