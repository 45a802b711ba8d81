"""What the page of a run with many trades shows in place of a chart and a row for each event."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.reports.run_chart import ChartAxis, account_of, rounded
from backtest.reports.run_words import reasons
from backtest.stats.formats import counted, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backtest.experiments.runs.store import Run

MANY = 300  # trades, from which on a page is of this kind
MOST_TRADES = 10_000  # that a page holds, so that it weighs less than 2 MB
ENDS = 10  # of the best and of the worst
MOST_REASONS = 25
_MOST_LETTERS = 80  # of a headline and a reason


class Earned(NamedTuple):
    """What trades earned that have something in common: dollars, and the mean of their returns."""

    name: str
    trades: int
    wins: int
    net_profit: float
    mean_return: float


def is_many(run: Run) -> bool:
    """Whether a run has too many trades or stocks to draw and list each."""
    return bool(run.manifest.get("universe")) or len(run.trades) > MANY


def many_content(run: Run) -> dict[str, Any]:
    """What the template shows beside what every run has."""
    stocks = sorted(earned(run, "symbol"), key=lambda stock: stock.net_profit, reverse=True)
    return {
        "data": _data(run, stocks),
        "stocks": len(stocks),
        "best": stocks[:ENDS],
        "worst": stocks[ENDS:][-ENDS:][::-1],
        "years": _years(run),
        "reasons": most_reasons(run),
        "left_out": max(0, len(run.trades) - MOST_TRADES),
    }


def earned(run: Run, by: str) -> list[Earned]:
    """What the trades of each value of a column earned."""
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in run.trades:
        groups[row[by]].append((float(row["net_profit"]), float(row["return"])))
    return [
        Earned(
            name,
            len(trades),
            sum(net > 0 for net, _ in trades),
            sum(net for net, _ in trades),
            sum(change for _, change in trades) / len(trades),
        )
        for name, trades in groups.items()
    ]


def most_reasons(run: Run) -> list[tuple[str, str, int]]:
    """The commonest `reasons`; the rest is a sum."""
    rows = reasons(run)
    if rest := rows[MOST_REASONS:]:
        total = sum(number for *_, number in rest)
        rows[MOST_REASONS:] = [("other", counted(len(rest), "more reason"), total)]
    return rows


def _years(run: Run) -> list[tuple[str, int, int, float, str, str]]:
    """Of each year: the trades that ended in it, those won, their net profit, and both returns."""
    equity = run.equity
    grown = (1 + equity[["return", "benchmark_return"]]).groupby(equity.index.year).prod() - 1
    trades: dict[str, list[float]] = defaultdict(list)
    for row in run.trades:
        trades[row["exit_session"][:4]].append(float(row["net_profit"]))
    return [
        (
            str(year),
            len(nets := trades[str(year)]),
            sum(net > 0 for net in nets),
            sum(nets),
            percent(own),
            percent(other),
        )
        for year, own, other in grown.itertuples()
    ]


def _data(run: Run, stocks: Sequence[Earned]) -> dict[str, Any]:
    """The account by week, all stocks, and the newest trades, with names and days by number."""
    told = {row["event_id"]: row for row in run.decisions}
    trades = run.trades[-MOST_TRADES:]
    symbols = {symbol: n for n, (symbol, *_) in enumerate(stocks)}
    exits = _numbered(row["exit_reason"] for row in trades)
    days = _numbered(sorted({row[f"{end}_session"] for row in trades for end in ("entry", "exit")}))
    weeks = ChartAxis(
        sorted(run.equity.groupby(run.equity.index.to_period("W-FRI")).apply(_last_day))
    )
    return {
        "strategy": run.manifest["strategy"],
        "benchmark": run.manifest["benchmark"],
        "weeks": weeks.days,
        "account": account_of(run, weeks),
        "stocks": [[*stock[:3], round(stock[3], 2), round(stock[4], 5)] for stock in stocks],
        "days": list(days),
        "exits": [name.replace("_", " ") for name in exits],
        "trades": [
            [
                int(row["trade_id"]),
                symbols[row["symbol"]],
                int(row["direction"] == "long"),
                days[row["entry_session"]],
                rounded(float(row["entry_price"]), 6),
                days[row["exit_session"]],
                rounded(float(row["exit_price"]), 6),
                exits[row["exit_reason"]],
                rounded(float(row["shares"]), 8),
                round(float(row["net_profit"]), 2),
                round(float(row["return"]), 5),
                _text(told.get(row["event_id"], {})),
            ]
            for row in trades
        ],
    }


def _last_day(part: Any) -> str:
    return f"{part.index[-1]:%Y-%m-%d}"


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: n for n, name in enumerate(dict.fromkeys(names))}


def _text(event: dict[str, str]) -> str:
    """The headline of an event and the reason of its trade, not too long."""
    text = " · ".join(filter(None, (event.get("headline"), event.get("reason"))))
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"
