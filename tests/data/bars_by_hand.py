"""Prices of a few sessions, written by hand and never on disk."""

from pathlib import Path

import numpy as np
import pandas as pd

from backtest.data.actions import Actions
from backtest.data.datafile import DataFile
from backtest.data.prices import Prices

BARS = ["open", "high", "low", "close", "volume"]
DAYS = ("2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05")


def made(rows, actions=(), days=DAYS, symbol="ACME", **metadata):
    """Prices of bars, or of closes alone."""
    index = pd.DatetimeIndex(list(days), name="session")
    table = pd.DataFrame(np.array(rows, float).reshape(len(days), -1), index)
    table.columns = BARS if len(table.columns) > 1 else ["close"]
    facts = {"adjust": "none: as traded", "first": days[0], "last": days[-1], **metadata}
    file = DataFile(Path(f"made/prices/{symbol}.csv"), "", "", facts)
    return Prices(symbol, table, file, Actions(symbol, tuple(actions), file))


def flat(*prices, volume=100.0):
    """Bars that open, trade and close at one price each."""
    return [[one] * 4 + [volume] for one in prices]
