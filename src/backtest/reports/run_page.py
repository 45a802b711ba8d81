"""Write the run page: a run's story in one chart, its evidence, trades, decisions and figures."""

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
from backtest.reports.charts import ChartAxis, account_of, kinds_of, minutes, significant, story
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
FEW = 25  # rows of each grouping where trades are many
_ELSEWHERE = ("evidence", "attribution", "trials", "speed", "from_class")  # shown on the page
_STEPS = 20  # of the histograms of the worst and the best prices of many trades
_REACHED = 0.98  # the share of those prices that lies within the steps
_MOST_LETTERS = 80  # of a headline and a reason
_LONG = ("symbols", "inputs", "versions")  # left to run.json where stocks are many
_GROUPS = (
    ("event", "Event"),
    ("kind", "Kind of event"),
    ("direction", "Direction"),
    ("exit_reason", "Left by"),
    ("hour", "Hour of knowledge"),
    ("surprise", "EPS surprise"),
)


def write_run_page(run: Run, folder: Path | None = None) -> Path:
    """Write `index.html` of a run from its folder alone, there or in `folder`; return its path."""
    folder, shared = folder or run.path, _content(run)
    page = folder / "index.html"
    if is_many(run):
        content = {**shared, **_many_trades(run), "few": FEW}
        return write_page(page, folder.parent, "run_many.html", **content)
    for rows in MOST_ROWS:
        write_page(page, folder.parent, "run.html", **shared, **_each_trade(run, rows))
        if page.stat().st_size <= MOST_BYTES:
            break
    return page


def _content(run: Run) -> dict[str, Any]:
    from backtest.experiments.runs.figures import all_figures  # loads pandas

    manifest, trials = run.manifest, trials_on_record(run.path.parent, run.manifest)
    many, stock = is_many(run), f"{few(manifest['symbols'])} held"
    by_year = years(run)
    _, _, held, market = zip(*by_year, strict=True)
    hidden, more = (*_ELSEWHERE, *(_LONG if many else ())), all_figures(run)
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
            if (value := more[name]) is not None
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


def _each_trade(run: Run, rows: int) -> dict[str, Any]:
    """Return the chart, and so many rows of trades and decisions; a quarter of moves and groups."""
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
    """Return the histogram of random timing's Sharpe ratios, and the run's; None where unknown."""
    timing = run.manifest["evidence"]["random_timing"]
    if timing is None or timing["histogram"] is None or timing["sharpe"]["observed"] is None:
        return None
    return {**timing["histogram"], "run": timing["sharpe"]["observed"]}


def _trade(row: Mapping[str, str], run: Run) -> dict[str, Any]:
    """Return a trade's row with its figures as numbers, its costs, and its event."""
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
    """Return a trade's id, and its worst, last and best price as changes from its entry."""
    change = float(row["exit_price"]) / float(row["entry_price"]) - 1
    change *= 1 if row["direction"] == "long" else -1
    return [row["trade_id"], *(round(v, 5) for v in (float(row["mae"]), change, float(row["mfe"])))]


def _source(address: str) -> tuple[str, str]:
    """Return the name of a source and its address, which is empty where no page may link to it."""
    try:
        parts = urlsplit(address)
    except ValueError:  # such as a bracket that is not closed
        return address, ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return address, ""
    return parts.hostname.removeprefix("www."), address


# ---- a run with many trades, in place of a chart and a row for each event ----


def _many_trades(run: Run) -> dict[str, Any]:
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
    """Count trades by how far their worst and best prices were from the entry, in equal steps.

    `worst` and `best` each hold the counts of those that gained, then of those that lost; the last
    step includes all beyond it. `step`, `endured` and `missed` are fractions of the entry price.
    """
    import numpy as np

    names = ("mae", "mfe", "net_profit")
    worst, best, profit = np.array([[float(row[name]) for name in names] for row in run.trades]).T
    distances, gained = np.abs([worst, best]), profit > 0
    step = float(np.ceil(1000 * np.quantile(distances, _REACHED) / _STEPS).clip(1)) / 1000
    by_worst, by_best = (
        [np.bincount(steps[of], minlength=_STEPS).tolist() for of in (gained, ~gained)]
        for steps in np.minimum(distances / step, _STEPS - 1).astype(int)
    )
    return {
        "step": step,
        "worst": by_worst,
        "best": by_best,
        "endured": float(np.quantile(worst[gained], 0.1)) if gained.any() else None,
        "missed": float(np.median(best[~gained])) if not gained.all() else None,
    }


def _data(run: Run, stocks: Sequence[Group]) -> dict[str, Any]:
    """Return the account by week, all stocks, and the newest trades, names and days as numbers."""
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
                significant(float(row["entry_price"])),
                days[row["exit_session"]],
                significant(float(row["exit_price"])),
                exits[row["exit_reason"]],
                significant(float(row["shares"]), 8),
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
    """Join the headline of an event and the reason of its trade, and cut what is too long."""
    text = " · ".join(filter(None, (event.get("headline"), event.get("reason"))))
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"
