"""The run page: figures, curve, trades and decisions of one run, in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.discovery import flat
from backtest.reports.chart import Line, line_chart
from backtest.reports.formats import FIGURES, UNKNOWN, costs_line, new_york_time, percent
from backtest.reports.pages import fill

if TYPE_CHECKING:
    from backtest.runs import Run


def render_run(run: Run) -> str:
    """The page of a run as HTML; every text is escaped, nothing is fetched."""
    manifest = run.manifest
    return fill(
        "run.html",
        run=run,
        manifest=manifest,
        figures=_figures(manifest["summary"]),
        chart=line_chart(*_curves(run)),
        trades=[_trade(row, run) for row in run.trades],
        decisions=[{**row, "public": new_york_time(row["published_at"])} for row in run.decisions],
        unknown=UNKNOWN,
        parameters=flat(manifest["parameters"]),
        costs=costs_line(manifest),
        several=len(manifest["symbols"]) > 1,
    )


def _figures(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (label, form(summary["run"][name]), form(summary["benchmark"][name]))
        for name, label, form in FIGURES
    ]


def _curves(run: Run) -> tuple[list[str], list[Line]]:
    table = run.equity
    start = run.manifest["rules"]["cash"]
    benchmark = start * (1 + table["benchmark_return"]).cumprod()
    days = [f"{day:%Y-%m-%d}" for day in table.index]
    return [days[0], *days], [  # the curves begin with the cash at the first open
        Line(run.manifest["benchmark"], [start, *benchmark], "benchmark"),
        Line(run.manifest["strategy"], [start, *table["equity"]], "equity"),
    ]


def _trade(row: dict[str, str], run: Run) -> dict[str, str]:
    """A trade's row with its texts as the page shows them."""
    event = next((d for d in run.decisions if d["event_id"] == row["event_id"]), {})
    net = float(row["return"])
    return {
        **row,
        "entry": f"{float(row['entry_price']):,.2f}",
        "exit": f"{float(row['exit_price']):,.2f}",
        "costs": f"{float(row['commission']) + float(row['borrow']):,.0f}",
        "profit": f"{float(row['net_profit']):+,.0f}",
        "percent": percent(net),
        "sign": "gain" if net > 0 else "loss",
        "reason": event.get("reason", ""),
        "headline": event.get("headline", ""),
    }
