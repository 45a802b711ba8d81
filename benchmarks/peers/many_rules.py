"""What every peer's script on many stocks works out by itself: who wants what, and who is served.

The work is `earnings_surprise` with 5 % of equity a signal, held for ten sessions, without a stop
and without borrow: long above the consensus, short below it, all in one account that holds at most
its equity, served in order of publication.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from terms import SLIPPAGE

CASH, WEIGHT, HOLD = 100_000.0, 0.05, 10
REACTION = pd.Timedelta(minutes=5)
OPEN = pd.Timedelta(hours=9, minutes=30)


def read_market(folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Opens by session and symbol, and where what is entered there has been held long enough.

    Before a stock's first price, where nothing is traded, that stands. A session counts as held
    where the stock was traded at all.
    """
    files = sorted((folder / "prices" / "parquet").glob("*.parquet"))
    bars = {file.stem: pd.read_parquet(file).set_index("session") for file in files}
    opens = pd.DataFrame({name: table["open"] for name, table in bars.items()}).sort_index()
    opens.index = pd.to_datetime(opens.index)
    volumes = pd.DataFrame({name: table["volume"] for name, table in bars.items()}).sort_index()
    leaves = np.empty(opens.shape, int)
    for column, traded in enumerate((volumes > 0).to_numpy().T):
        sessions = np.append(np.flatnonzero(traded), np.full(HOLD + 1, len(opens)))
        leaves[:, column] = sessions[np.maximum(traded.cumsum() - 1, 0) + HOLD]
    return opens.bfill(), leaves


def read_signals(folder: Path, opens: pd.DataFrame) -> np.ndarray:
    """Session, symbol and side of each report with a surprise, in the order that they are served.

    The session is the first whose open comes later than publication plus reaction.
    """
    reports = pd.read_csv(folder / "events" / "earnings.csv")
    known = reports["eps"].notna() & (reports["eps_consensus"].fillna(0) != 0)
    reports = reports[known & (reports["eps"] != reports["eps_consensus"])]
    public = pd.to_datetime(reports["published_at"], utc=True)
    local = (public + REACTION).dt.tz_convert("America/New_York").dt.tz_localize(None)
    day = local.dt.normalize() + pd.to_timedelta((local - local.dt.normalize() >= OPEN) * 1, "D")
    sessions = opens.index.searchsorted(day)
    table = pd.DataFrame(
        {
            "session": sessions,
            "public": public,
            "symbol": opens.columns.get_indexer(reports["symbol"]),
            "side": np.sign(reports["eps"] - reports["eps_consensus"]).astype(int),
        }
    ).sort_values(["session", "public", "symbol"])
    return table[["session", "symbol", "side"]].to_numpy()


def commission_of(shares: float, price: float) -> float:
    """0.005 dollars a share, at least 1 dollar, at most 1 % of the value."""
    shares = abs(shares)
    return min(max(0.005 * shares, 1.0), 0.01 * shares * price)


def orders_of(bar, todays, opens, leaves, shares, expires, cash):
    """The orders of an open, as symbols and signed shares; what they expire at is kept.

    Signals are served in turn, then what has been held long enough leaves. Plain loops, so that
    numba compiles it where that is the peer's way.
    """
    wanted = [(0, 0.0) for _ in range(0)]
    equity, gross = cash, 0.0
    for symbol in range(len(shares)):
        equity += shares[symbol] * opens[symbol]
        gross += abs(shares[symbol]) * opens[symbol]
    for row in range(len(todays)):
        symbol, side = todays[row, 1], todays[row, 2]
        held, price = shares[symbol], opens[symbol]
        if held * side > 0:
            expires[symbol] = leaves[symbol]
            continue
        if held != 0:
            fill = price * (1 + side * SLIPPAGE)
            wanted.append((symbol, -held))
            cash += held * fill - commission_of(held, fill)
            gross -= abs(held) * price
            expires[symbol] = -1
        fill = price * (1 + side * SLIPPAGE)
        count = np.floor(min(WEIGHT * equity, equity - gross) / fill + 1e-9)
        while side > 0 and count > 0 and count * fill + commission_of(count, fill) > cash:
            count -= 1
        if count > 0:
            wanted.append((symbol, side * count))
            cash -= side * count * fill + commission_of(count, fill)
            gross += count * fill
            expires[symbol] = leaves[symbol]
    for symbol in range(len(shares)):
        if shares[symbol] != 0 and expires[symbol] == bar:
            wanted.append((symbol, -shares[symbol]))  # noqa: PERF401 - numba knows no generators
    return wanted


def report(opens: pd.DataFrame, orders: pd.DataFrame, equity: float, file: str) -> None:
    """Write the orders, `session`, `symbol` and signed `shares`, and print the final equity."""
    orders = orders.assign(session=opens.index[orders["session"]].strftime("%Y-%m-%d"))
    orders["symbol"] = opens.columns[orders["symbol"]]
    orders.to_csv(file, index=False)
    print(f"{equity:.6f}")
