"""Make a workspace with a universe of random walks, to time whole commands on.

    python benchmarks/world.py FOLDER STOCKS REPORTS [csv|parquet]

Each stock has the 2,520 sessions up to the end of 2023, and its reports are spread evenly over
them.
The stocks share a market, so that neither prices nor the seasons of reports are independent.
"""

import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from backtest.data.calendar import trading_calendar
from backtest.data.datafile import metadata_of, write_data_file
from backtest.data.price_rows import parquet_bytes

SESSIONS = 2_520
SOURCE = "random walks"


def make_world(root: Path, stocks: int, reports: int, suffix: str = "csv") -> Path:
    """Write the universe `walks` into `root/data`, with each file sealed, and return its folder."""
    rng = np.random.default_rng(20250401)
    days = trading_calendar().between(date(2013, 1, 1), date(2023, 12, 29))[-SESSIONS:]
    names = [f"S{number:04d}" for number in range(stocks)]
    folder = root / "data" / "universes" / "walks"
    market = rng.normal(0.0003, 0.01, SESSIONS)
    for name in names:
        content = _bars(rng, days, market, suffix)
        place = folder / "prices" / ("parquet" if suffix == "parquet" else "") / f"{name}.{suffix}"
        metadata = metadata_of([str(days[0]), str(days[-1])], source=SOURCE, adjust="none")
        write_data_file(place, content, metadata | {"rows": SESSIONS})
    members = pd.DataFrame({"symbol": names, "first": str(days[0]), "last": ""})
    _write(folder / "members.csv", members, members["first"])
    events = _reports(rng, days, names, reports // stocks)
    _write(folder / "events" / "earnings.csv", events, events["published_at"].str[:10])
    return folder


def one_file(folder: Path, path: Path) -> Path:
    """Write the CSV prices of all stocks of a universe into one file that can be imported."""
    tables = {place.stem: pd.read_csv(place) for place in sorted(folder.glob("prices/*.csv"))}
    pd.concat(tables, names=["symbol"]).droplevel(1).to_csv(path)
    return path


def _bars(rng: np.random.Generator, days: np.ndarray, market: np.ndarray, suffix: str) -> bytes:
    close = 50 * np.exp(np.cumsum(market + rng.normal(0, 0.015, len(days))))
    opens = np.append(50, close[:-1]) * np.exp(rng.normal(0, 0.004, len(days)))
    bars = {
        "open": opens,
        "high": np.maximum(opens, close) * 1.004,
        "low": np.minimum(opens, close) * 0.996,
        "close": close,
        "volume": rng.integers(10**6, 10**7, len(days)),
    }
    table = pd.DataFrame(bars, index=pd.Index(days, name="session")).round(4)
    if suffix == "parquet":
        return parquet_bytes(table)
    return table.to_csv(index_label="date", lineterminator="\n").encode()


def _reports(
    rng: np.random.Generator, days: np.ndarray, names: list[str], each: int
) -> pd.DataFrame:
    step = len(days) // each
    at = np.arange(each) * step + rng.integers(2, step - 12, (len(names), each))
    eps = rng.normal(1, 0.1, at.shape).round(2)
    events = pd.DataFrame(
        {
            "symbol": np.repeat(names, each),
            "published_at": days[at.ravel()].astype(str),
            "precision": "session",
            "headline": [f"EPS {value}, consensus 1" for value in eps.ravel().tolist()],
            "eps": eps.ravel(),
            "eps_consensus": 1.0,
        }
    )
    events["published_at"] += "T23:59:59-05:00"
    return events.sort_values(["published_at", "symbol"])


def _write(path: Path, table: pd.DataFrame, days: pd.Series) -> None:
    content = table.to_csv(index=False, lineterminator="\n").encode()
    write_data_file(path, content, metadata_of(days.tolist(), source=SOURCE))


if __name__ == "__main__":
    make_world(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:5])
