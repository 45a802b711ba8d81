"""The figures of a run, of its benchmark, and of holding the stock itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from backtest.engine.kernel.panel import nights_before
from backtest.engine.rules import Rules, above_cash
from backtest.errors import DataError
from backtest.stats import figures
from backtest.stats.formats import few

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from backtest.data.prices import Prices
    from backtest.experiments.runs.store import Run

    Floats = NDArray[np.float64]


def figures_of_holding(returns: Floats, nights: Floats, rules: Rules) -> dict[str, float | None]:
    """The figures of all cash in something of these returns; `nights` as of `nights_before`."""
    growth = np.asarray(rules.cash * np.cumprod(1 + returns), dtype=np.float64)
    return {
        **figures.curve_figures(growth, rules.cash, above_cash(returns, nights, rules)),
        "trades": None,
        "win_rate": None,
        "exposure": 1.0,
        **dict.fromkeys(("commission", "borrow", "interest"), 0.0),
    }


def benchmark_returns(prices: Prices, sessions: Sequence[date]) -> NDArray[np.float64]:
    """Return of the benchmark in each session, close to close.

    The first return needs the close before; where the prices begin with the first session it is
    taken from that session's open, and is 0 where there is no open either.

    Raises DataError where a session has no close.
    """
    index = pd.DatetimeIndex(pd.to_datetime(sessions))
    closes = prices.table["close"]
    missing = index.difference(closes.index)
    if len(missing):
        raise DataError(
            f"The benchmark {prices.symbol} has no close on {missing[0]:%Y-%m-%d} "
            f"({len(missing)} sessions are missing). Its prices run from {prices.first} to "
            f"{prices.last}: choose another --benchmark, or a span with --from and --to."
        )
    changes = closes.pct_change(fill_method=None).reindex(index)
    if pd.isna(changes.iloc[0]):
        first = prices.table.iloc[0]
        changes.iloc[0] = first["close"] / first["open"] - 1 if prices.has_bars else 0.0
    array: NDArray[np.float64] = changes.to_numpy(dtype=float)
    return array


class Holding(NamedTuple):
    """What runs traded, held from first to last: its symbols, its figures and one of the runs."""

    symbols: str
    figures: Mapping[str, float | None]
    run: Run


def holdings(runs: Sequence[Run]) -> list[Holding]:
    """What runs traded, held, of each set of stocks, span and amount of cash once."""
    held: dict[tuple[str, ...], Holding] = {}
    for run in runs:
        manifest = run.manifest
        span, cash = manifest["span"], manifest["rules"]["cash"]
        terms = (run.traded, span["first"], span["last"], str(cash))
        if terms not in held and (found := stock_figures(run)):
            held[terms] = Holding(few(manifest["symbols"]), found, run)
    return list(held.values())


def stock_returns(run: Run) -> pd.Series[float] | None:
    """Returns by session of holding what the run traded, in equal parts bought once.

    The first is against the close before, or against the open where the prices begin with it.
    None for a universe, whose mean is the benchmark, and where the benchmark is the stock itself.
    """
    manifest = run.manifest
    if manifest.get("universe") or manifest["symbols"] == [manifest["benchmark"]]:
        return None
    sessions = run.equity.index
    paths = []
    for _, table in run.bars.groupby("symbol"):
        bars = table.set_index("session")
        before = bars["close"][bars.index < sessions[0]]
        bought = before.iloc[-1] if len(before) else bars["open"].iloc[0]
        paths.append((bars["close"] / bought).reindex(sessions).ffill().fillna(1.0))
    growth = sum(paths[1:], start=paths[0]) / len(paths)
    return growth / growth.shift(1, fill_value=1.0) - 1


def stock_figures(run: Run) -> dict[str, float | None] | None:
    """The figures of `stock_returns`, by the names of `run.json`; None where these are."""
    returns = stock_returns(run)
    if returns is None:
        return None
    return figures_of_holding(returns.to_numpy(), _nights(run), _rules(run))


def all_figures(run: Run) -> dict[str, float | None]:
    """The figures of the record, and those that follow from trades and curves."""
    cash, equity = run.manifest["rules"]["cash"], run.equity["equity"].to_numpy()
    trades = pd.DataFrame(
        run.trades, columns=["net_profit", "return", "shares", "entry_price", "mae", "mfe"]
    ).apply(pd.to_numeric)
    excursions = trades[["mae", "mfe"]].mean()
    found = {
        **run.summary,
        **figures.trade_figures(trades["net_profit"].to_numpy(), trades["return"].to_numpy()),
        **{name: None if pd.isna(mean) else float(mean) for name, mean in excursions.items()},
        "holding_sessions": _mean_holding(run),
        "longest_drawdown": figures.longest_drawdown(equity, cash),
        "turnover": figures.turnover((trades["shares"] * trades["entry_price"]).to_numpy(), equity),
    }
    own = _above_cash(run, run.equity["return"])
    stock = stock_returns(run)
    markets = {"": run.equity["benchmark_return"], "_stock": stock}
    for name, market in markets.items():
        alpha, beta = (
            (None, None) if market is None else figures.alpha_beta(own, _above_cash(run, market))
        )
        found |= {f"alpha{name}": alpha, f"beta{name}": beta}
    return found


def _mean_holding(run: Run) -> float | None:
    """Mean sessions from entry to exit of trades; of an open one to the last session."""
    if not run.trades:
        return None
    ends = [
        (row["entry_session"], row["exit_session"] or str(run.equity.index[-1].date()))
        for row in run.trades
    ]
    first, last = np.array(ends, "M8[D]").T
    sessions = run.equity.index.to_numpy("M8[D]")
    return float(np.mean(np.searchsorted(sessions, last) - np.searchsorted(sessions, first)))


def _above_cash(run: Run, returns: pd.Series[float]) -> Floats:
    return above_cash(returns.to_numpy(), _nights(run), _rules(run))


def _nights(run: Run) -> Floats:
    return nights_before(run.equity.index.to_numpy("M8[D]"))


def _rules(run: Run) -> Rules:
    return Rules(**run.manifest["rules"])
