"""The run page: the story of a run in one chart, its evidence, trades, decisions and figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from backtest.experiments.runs.finding import name_of
from backtest.experiments.runs.store import FILES, Run
from backtest.experiments.trials import trials_on_record
from backtest.reports import audit_page
from backtest.reports.audit_page import audit_of
from backtest.reports.charts import ChartAxis, account_of, kinds_of, minutes, rounded, story
from backtest.reports.pages import write_page
from backtest.reports.run_words import (
    ENDS,
    earned,
    evidence_rows,
    is_many,
    most_reasons,
    no_room,
    no_trade,
    plain_sentence,
    profit_parts,
    ranked_stocks,
    ruin,
    speed_rows,
    years,
)
from backtest.reports.tearsheet_charts import monthly
from backtest.stats.formats import FIGURES, MORE_FIGURES, bar_or_session, costs_line, few
from backtest.strategy.parameters import flat

if TYPE_CHECKING:
    from backtest.experiments.runs.figures import Group


MOST_ROWS = (400, 200, 100, 50)  # of trades and of decisions; fewer where the page grows too large
MOST_BYTES = 490_000  # of a page, so that it opens at once
MOST_TRADES = 10_000  # of very many, so that the page weighs less than 2 MB
FEW = 25  # rows of a way of grouping, where trades are many
_FOUND = ("evidence", "attribution", "trials", "speed", "from_class")  # what the page shows itself
_STEPS = 20  # in which the worst and the best prices of many trades are counted, each
_REACHED = 0.98  # of them lie within the steps
_MOST_LETTERS = 80  # of a headline and a reason
_LONG = ("symbols", "inputs", "versions")  # of many stocks, which stand in run.json
_GROUPS = (
    ("event", "Event"),
    ("kind", "Kind of event"),
    ("direction", "Direction"),
    ("exit_reason", "Left by"),
    ("hour", "Hour of knowledge"),
    ("surprise", "EPS surprise"),
)


def write_run_page(run: Run, folder: Path | None = None) -> Path:
    """Write `index.html` of a run from its folder alone, there or in another; return its place."""
    folder, shared = folder or run.path, _content(run)
    if is_many(run):
        return _write(folder, "run_many.html", {**shared, **_many(run), "few": FEW})
    for rows in MOST_ROWS:
        page = _write(folder, "run.html", {**shared, **_each(run, rows)})
        if page.stat().st_size <= MOST_BYTES:
            break
    return page


def _write(folder: Path, template: str, content: dict[str, Any]) -> Path:
    return write_page(folder / "index.html", folder.parent, template, **content)


def _content(run: Run) -> dict[str, Any]:
    from backtest.experiments.runs.figures import all_figures  # loads pandas

    manifest, trials = run.manifest, trials_on_record(run.path.parent, run.manifest)
    many, stock = is_many(run), f"{few(manifest['symbols'])} held"
    by_year = years(run)
    _, _, held, market = zip(*by_year, strict=True)
    hidden, known = (*_FOUND, *(_LONG if many else ())), all_figures(run)
    return {
        "run": run,
        "manifest": manifest,
        "many": many,
        "decided": {name: value for name, value in manifest.items() if name not in hidden},
        "parameters": flat(manifest["parameters"]),
        "costs": costs_line(manifest),
        "files": (*FILES, "run.json"),
        "p": manifest["evidence"]["p"],
        "sentence": plain_sentence(manifest["evidence"], trials),
        "ruin": ruin(run),
        "no_room": no_room(run),
        "parts": profit_parts(run.trades),
        "speed": speed_rows(run),
        "evidence_rows": evidence_rows(manifest["evidence"], trials),
        "null": null_of(run),
        "audit": audit_of(run),
        "words": audit_page,
        "variant": name_of(run),
        "figures": FIGURES,
        "more": [
            (label, form(value))
            for name, label, form in MORE_FIGURES
            if (value := known[name]) is not None
        ],
        "held": manifest["summary"]["stock"],
        "stock": stock,
        "months": [] if manifest["ruined_on"] else monthly(run.equity["return"]),
        "years": by_year,
        "others": [
            (name, column)
            for name, column in ((stock, held), (manifest["benchmark"], market))
            if column[0] is not None and not many
        ],
        "groups": _GROUPS[many:],
        "headlines": {} if many else {row["event_id"]: row["headline"] for row in run.decisions},
        "no_trade": "" if run.trades else no_trade(run),
    }


def _each(run: Run, rows: int) -> dict[str, Any]:
    """The chart, and so many rows of trades and decisions, with fewer of what tells less."""
    decisions, few = run.decisions[-rows:], max(1, rows // 4)
    moves = run.manifest["attribution"]["moves"]
    within = minutes(run)
    return {
        "data": {
            **story(run, [row["event_id"] for row in decisions]),
            "excursions": [_excursion(row) for row in run.trades[-rows:]],
            "null": null_of(run),
            "minutes": within,
        },
        "within": bool(within),
        "orders": {row["type"] for row in run.orders},
        "trades": [_trade(row, run) for row in run.trades[-rows:]],
        "decisions": decisions,
        "kinds": kinds_of(run),
        "source": _source,
        "when": bar_or_session,
        "moves": [move for move in moves if move["gap"] is not None][-few:],
        "several": len(run.manifest["symbols"]) > 1,
        "few": few,
    }


def null_of(run: Run) -> dict[str, Any] | None:
    """The Sharpe ratios of random timing as a histogram, and the run's; None where unknown."""
    timing = run.manifest["evidence"]["random_timing"]
    if timing is None or timing["histogram"] is None or timing["sharpe"]["observed"] is None:
        return None
    return {**timing["histogram"], "run": timing["sharpe"]["observed"]}


def _trade(row: Mapping[str, str], run: Run) -> dict[str, Any]:
    """A trade's row with its figures as numbers, its costs, and its event."""
    event = next((d for d in run.decisions if d["event_id"] == row["event_id"]), {})
    prices, costs = ("entry_price", "exit_price"), ("commission", "borrow")
    figures = ("return", "net_profit", "hedge_profit", *prices, *costs)
    numbers = {name: float(row[name]) for name in figures}
    return {
        **row,
        **numbers,
        "costs": numbers["commission"] + numbers["borrow"],
        "sign": "gain" if numbers["return"] > 0 else "loss",
        "event": event,
        "entered": bar_or_session(row["entry_session"], row.get("entry_bar")),
        "left": bar_or_session(row["exit_session"], row.get("exit_bar")),
    }


def _excursion(row: Mapping[str, str]) -> list[Any]:
    """A trade's id, and its worst, its last and its best price as changes from its entry."""
    entry, end = float(row["entry_price"]), float(row["exit_price"])
    change = (end / entry - 1) * (1 if row["direction"] == "long" else -1)
    return [row["trade_id"], *(round(v, 5) for v in (float(row["mae"]), change, float(row["mfe"])))]


def _source(address: str) -> tuple[str, str]:
    """What a source is called, and its address; '' for one that no page may link to."""
    try:
        parts = urlsplit(address)
    except ValueError:  # such as a bracket that is not closed
        return address, ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return address, ""
    return parts.hostname.removeprefix("www."), address


# ---- of a run with many trades, in place of a chart and a row for each event ----


def _many(run: Run) -> dict[str, Any]:
    """What the template shows beside what every run has."""
    stocks = ranked_stocks(run)
    excursions = excursions_of(run) if run.trades else None
    return {
        "data": {**_data(run, stocks), "excursions": excursions},
        "excursions": excursions,
        "stocks": len(stocks),
        "best": stocks[:ENDS],
        "worst": stocks[ENDS:][-ENDS:][::-1],
        "ended_in": {
            one.name: one for one in earned(run.trades, lambda row: row["exit_session"][:4])
        },
        "reasons": most_reasons(run),
        "left_out": max(0, len(run.trades) - MOST_TRADES),
    }


def excursions_of(run: Run) -> dict[str, Any]:
    """How many trades had their worst and best price how far from the entry, in steps from 0 on.

    Of each side those that gained, then those that lost; the last step holds what lies beyond it.
    """
    import numpy as np

    names = ("mae", "mfe", "net_profit")
    worst, best, profit = np.array([[float(row[name]) for name in names] for row in run.trades]).T
    far, gained = np.abs([worst, best]), profit > 0
    step = float(np.ceil(1000 * np.quantile(far, _REACHED) / _STEPS).clip(1)) / 1000
    counts = [
        [np.bincount(places[own], minlength=_STEPS).tolist() for own in (gained, ~gained)]
        for places in np.minimum(far / step, _STEPS - 1).astype(int)
    ]
    return {
        "step": step,
        **dict(zip(("worst", "best"), counts, strict=True)),
        "endured": float(np.quantile(worst[gained], 0.1)) if gained.any() else None,
        "missed": float(np.median(best[~gained])) if not gained.all() else None,
    }


def _data(run: Run, stocks: Sequence[Group]) -> dict[str, Any]:
    """The account by week, all stocks, and the newest trades, with names and days by number."""
    events = {row["event_id"]: row for row in run.decisions}
    trades = run.trades[-MOST_TRADES:]
    symbols = {stock.name: n for n, stock in enumerate(stocks)}
    exits = _numbered(row["exit_reason"] for row in trades)
    days = _numbered(sorted({row[f"{end}_session"] for row in trades for end in ("entry", "exit")}))
    sessions = run.equity.index.to_series()
    last = sessions.groupby(sessions.dt.to_period("W-FRI")).max()
    weeks = ChartAxis(last.dt.strftime("%Y-%m-%d").to_list())
    return {
        "strategy": run.manifest["strategy"],
        "benchmark": run.manifest["benchmark"],
        "stock": f"{few(run.manifest['symbols'])} held",
        "null": null_of(run),
        "weeks": weeks.days,
        "account": account_of(run, weeks),
        "stocks": [
            [one.name, one.trades, one.wins, round(one.net_profit, 2), round(one.mean_return, 5)]
            for one in stocks
        ],
        "days": list(days),
        "exits": [name.replace("_", " ") for name in exits],
        "trades": [
            [
                int(row["trade_id"]),
                symbols[row["symbol"]],
                int(row["direction"] == "long"),
                days[row["entry_session"]],
                rounded(float(row["entry_price"])),
                days[row["exit_session"]],
                rounded(float(row["exit_price"])),
                exits[row["exit_reason"]],
                rounded(float(row["shares"]), 8),
                round(float(row["net_profit"]), 2),
                round(float(row["return"]), 5),
                _text(events.get(row["event_id"], {})),
            ]
            for row in trades
        ],
    }


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: n for n, name in enumerate(dict.fromkeys(names))}


def _text(event: dict[str, str]) -> str:
    """The headline of an event and the reason of its trade, not too long."""
    text = " · ".join(filter(None, (event.get("headline"), event.get("reason"))))
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"
