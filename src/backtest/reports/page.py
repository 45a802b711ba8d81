"""The run page: figures, curve, trades and decisions of one run, in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.discovery import flat
from backtest.evidence import LEADING, trials_on_record
from backtest.reports.chart import Histogram, Line, histogram_chart, line_chart
from backtest.reports.evidence_words import evidence_rows, plain_sentence
from backtest.reports.formats import FIGURES, UNKNOWN, costs_line, count, new_york_time, percent
from backtest.reports.pages import fill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.runs import Run

_FOUND = ("evidence", "attribution", "trials")  # what the page shows itself
_GROUPS = (
    ("event", "Event"),
    ("kind", "Kind of event"),
    ("direction", "Direction"),
    ("exit_reason", "Left by"),
    ("hour", "Hour of knowledge"),
)


def render_run(run: Run) -> str:
    """The page of a run as HTML; every text is escaped, nothing is fetched."""
    manifest = run.manifest
    trials = trials_on_record(run.path.parent, manifest)
    return fill(
        "run.html",
        run=run,
        manifest=manifest,
        decided={name: value for name, value in manifest.items() if name not in _FOUND},
        sentence=plain_sentence(manifest["evidence"], trials),
        draws=manifest["evidence"]["draws"],
        evidence_rows=evidence_rows(manifest["evidence"], trials),
        null=_null(manifest["evidence"]),
        attribution=_attribution(run),
        moves=_moves(run),
        figures=_figures(manifest["summary"]),
        chart=line_chart(*_curves(run)),
        trades=[_trade(row, run) for row in run.trades],
        decisions=[{**row, "public": new_york_time(row["published_at"])} for row in run.decisions],
        unknown=UNKNOWN,
        parameters=flat(manifest["parameters"]),
        costs=costs_line(manifest),
        several=len(manifest["symbols"]) > 1,
    )


def _null(found: Mapping[str, Any]) -> Histogram | None:
    """The picture of the run inside its null; None where it has none."""
    timing = found["random_timing"]
    if timing is None or timing["histogram"] is None or timing[LEADING]["observed"] is None:
        return None
    observed = timing[LEADING]["observed"]
    return histogram_chart(**timing["histogram"], mark=observed, label=percent(observed))


def _attribution(run: Run) -> list[tuple[str, list[dict[str, str]]]]:
    """The profit by each way of grouping, with texts as the page shows them."""
    headlines = {row["event_id"]: row["headline"] for row in run.decisions}
    return [
        (
            title,
            [
                {
                    "name": headlines.get(group["name"], group["name"]).replace("_", " "),
                    "trades": count(group["trades"]),
                    "wins": count(group["wins"]),
                    "profit": f"{group['net_profit']:+,.0f}",
                    "sign": "gain" if group["net_profit"] > 0 else "loss",
                    "mean": percent(group["mean_return"]),
                }
                for group in run.manifest["attribution"]["profit_by"][name]
            ],
        )
        for name, title in _GROUPS
    ]


def _moves(run: Run) -> list[dict[str, str]]:
    """What the price did on each event that has prices, with texts as the page shows them."""
    headlines = {row["event_id"]: row["headline"] for row in run.decisions}
    return [
        {
            "headline": headlines[move["event_id"]],
            "last_close": f"{move['last_close']:,.2f}",
            "first_open": f"{move['first_open']:,.2f}",
            "gap": percent(move["gap"]),
            "side": {1: "long", -1: "short", None: UNKNOWN}[move["direction"]],
            "traded": percent(move["traded"]),
        }
        for move in run.manifest["attribution"]["moves"]
        if move["gap"] is not None
    ]


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
