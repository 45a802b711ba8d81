"""The figures of a run, of its benchmark, and of holding the stock itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.engine.kernel.panel import nights_before
from backtest.engine.rules import Rules, above_cash
from backtest.errors import DataError
from backtest.stats import figures
from backtest.stats.formats import few

if TYPE_CHECKING:
    from backtest.data.prices import Prices
    from backtest.experiments.runs.store import Run
    from backtest.stats import Floats


def figures_of_holding(returns: Floats, nights: Floats, rules: Rules) -> dict[str, float | None]:
    """The figures of all cash in something of these returns; `nights` as of `nights_before`."""
    growth = np.asarray(rules.cash * np.cumprod(1 + returns), dtype=np.float64)
    return {
        **figures.curve_figures(growth, rules.cash, above_cash(returns, nights, rules)),
        "trades": None,
        "win_rate": None,
        "exposure": 1.0,
        **dict.fromkeys(("commission", "borrow", "dividends", "interest"), 0.0),
    }


def benchmark_returns(prices: Prices, sessions: Sequence[date]) -> NDArray[np.float64]:
    """Return of the benchmark in each session, close to close, with dividends.

    The first return needs the close before; where the prices begin with the first session it is
    taken from that session's open, and is 0 where there is no open either.

    Raises DataError where a session has no close.
    """
    index = pd.DatetimeIndex(pd.to_datetime(sessions))
    growth = prices.growth
    missing = index.difference(growth.index)
    if len(missing):
        raise DataError(
            f"The benchmark {prices.symbol} has no close on {missing[0]:%Y-%m-%d} "
            f"({len(missing)} sessions are missing). Its prices run from {prices.first} to "
            f"{prices.last}: choose another --benchmark, or a span {_within(prices, sessions)}."
        )
    # Of what it has grown to: where the run has no session, the next one's return holds it.
    changes = growth.reindex(index).pct_change(fill_method=None)
    changes.iloc[0] = prices.returns[index[0]]
    if pd.isna(changes.iloc[0]):
        first = prices.table.iloc[0]
        changes.iloc[0] = first["close"] / first["open"] - 1 if prices.has_bars else 0.0
    array: NDArray[np.float64] = changes.to_numpy(dtype=float)
    return array


def _within(prices: Prices, sessions: Sequence[date]) -> str:
    """The options that keep a span within prices."""
    ends = [f"--from {prices.first}"] * (sessions[0] < prices.first)
    ends += [f"--to {prices.last}"] * (sessions[-1] > prices.last)
    return "with " + (" ".join(ends) or "--from and --to")


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


def holding_returns(history: Iterable[Prices], sessions: Sequence[date]) -> Floats:
    """Returns by session of holding stocks bought once, in equal parts, dividends reinvested.

    The first of each is against its close before, or against the open that its prices begin with.
    """
    index = pd.DatetimeIndex(pd.to_datetime(sessions))
    paths = []
    for prices in history:
        growth, first = prices.growth, prices.table.iloc[0]
        row = int(growth.index.searchsorted(index[0])) - 1
        bought = growth.iloc[row] if row >= 0 else first["open"] / first["close"]
        paths.append((growth / bought).reindex(index, method="ffill").fillna(1.0).to_numpy())
    return figures.session_returns(np.mean(paths, axis=0), 1.0)


def stock_figures(run: Run) -> dict[str, float | None] | None:
    """The figures of holding what a run traded; None where the benchmark is the same, or unknown.

    The benchmark of a universe is the mean of its members.
    """
    found: dict[str, float | None] | None = run.manifest["summary"]["stock"]
    return found


def all_figures(run: Run) -> dict[str, float | None]:
    """The figures of the record, and those that follow from trades and curves."""
    cash, equity = run.manifest["rules"]["cash"], run.equity["equity"].to_numpy()
    trades = pd.DataFrame(
        sorted(run.trades, key=lambda row: (row["exit_session"], row.get("exit_bar"))),
        columns=["net_profit", "return", "shares", "entry_price", "mae", "mfe"],
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
    own, nights, rules = run.equity["return"].to_numpy(), _nights(run), _rules(run)
    for name, column in (("", "benchmark_return"), ("_stock", "holding_return")):
        market = run.equity[column].to_numpy()
        pair: tuple[float | None, float | None] = (None, None)
        if not np.isnan(market).all():
            returns = above_cash(market, nights, rules)
            pair = figures.alpha_beta(above_cash(own, nights, rules), returns)
        found |= dict(zip((f"alpha{name}", f"beta{name}"), pair, strict=True))
    return found


def _mean_holding(run: Run) -> float | None:
    """Mean sessions from entry to exit of trades; of an open one to the last session."""
    if not run.trades:
        return None
    ends = [(row["entry_session"], row["exit_session"]) for row in run.trades]
    first, last = np.array(ends, "M8[D]").T
    sessions = run.equity.index.to_numpy("M8[D]")
    return float(np.mean(np.searchsorted(sessions, last) - np.searchsorted(sessions, first)))


def _nights(run: Run) -> Floats:
    return nights_before(run.equity.index.to_numpy("M8[D]"))


def _rules(run: Run) -> Rules:
    return Rules(**run.manifest["rules"])
