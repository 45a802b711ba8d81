"""The run page: the story of a run in one chart, its evidence, trades, decisions and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from backtest.experiments.runs.store import FILES, LEADING, Run
from backtest.experiments.trials import trials_on_record
from backtest.reports.audit_page import audit_of, audited_on, caution, outcome
from backtest.reports.pages import round_values, write_page
from backtest.reports.run_chart import kinds_of, story
from backtest.reports.run_many import is_many, many_content
from backtest.reports.run_words import (
    evidence_rows,
    leading_p,
    no_room,
    no_trade,
    p_value,
    plain_sentence,
    ruin,
)
from backtest.stats.formats import (
    FIGURES,
    costs_line,
    count,
    gain,
    new_york_time,
    percent,
    ratio,
    share,
)
from backtest.strategy.parameters import flat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


MOST_ROWS = (400, 200, 100, 50)  # of trades and of decisions; fewer where the page grows too large
MOST_BYTES = 490_000  # of a page, so that it opens at once
FEW = 25  # rows of a way of grouping, where trades are many
_FOUND = ("evidence", "attribution", "trials")  # what the page shows itself
_LONG = ("symbols", "inputs", "versions")  # of many stocks, which stand in run.json
_GROUPS = (
    ("event", "Event"),
    ("kind", "Kind of event"),
    ("direction", "Direction"),
    ("exit_reason", "Left by"),
    ("hour", "Hour of knowledge"),
    ("surprise", "EPS surprise"),
)


def write_run_page(run: Run) -> Path:
    """Write `index.html` of a run from its folder alone; return its place.

    Raises:
        UsageError: a folder cannot be written.

    """
    shared = _content(run)
    if is_many(run):
        return _write(run, "run_many.html", {**shared, **many_content(run), "few": FEW})
    for rows in MOST_ROWS:
        page = _write(run, "run.html", {**shared, **_each(run, rows)})
        if page.stat().st_size <= MOST_BYTES:
            break
    return page


def _write(run: Run, template: str, content: dict[str, Any]) -> Path:
    return write_page(run.path / "index.html", run.path.parent, template, **content)


def _content(run: Run) -> dict[str, Any]:
    """What the page of every run shows."""
    manifest, trials = run.manifest, trials_on_record(run.path.parent, run.manifest)
    many = is_many(run)
    hidden = (*_FOUND, *(_LONG if many else ()))
    return {
        "run": run,
        "manifest": manifest,
        "many": many,
        "decided": {name: value for name, value in manifest.items() if name not in hidden},
        "parameters": flat(manifest["parameters"]),
        "costs": costs_line(manifest),
        "files": (*FILES, "run.json"),
        "tiles": _tiles(run),
        "sentence": plain_sentence(manifest["evidence"], trials),
        "ruin": ruin(run),
        "no_room": no_room(run),
        "evidence_rows": evidence_rows(manifest["evidence"], trials),
        "null": _null(manifest["evidence"]),
        "audit": _audit(run),
        "figures": FIGURES,
        "groups": _GROUPS[many:],
        "headlines": {} if many else {row["event_id"]: row["headline"] for row in run.decisions},
        "no_trade": "" if run.trades else no_trade(run),
    }


def _each(run: Run, rows: int) -> dict[str, Any]:
    """The chart, and so many rows of trades and decisions, with fewer of what tells less."""
    kinds, decisions, few = kinds_of(run), run.decisions[-rows:], max(1, rows // 4)
    moves = run.manifest["attribution"]["moves"]
    return {
        "data": story(run, [row["event_id"] for row in decisions]),
        "orders": {row["type"] for row in run.orders},
        "trades": [_trade(row, run) for row in run.trades[-rows:]],
        "decisions": [_decision(row, kinds) for row in decisions],
        "moves": [move for move in moves if move["gap"] is not None][-few:],
        "several": len(run.manifest["symbols"]) > 1,
        "few": few,
    }


def _tiles(run: Run) -> list[tuple[str, str, str]]:
    """The main figures: a label, a figure, and what stands beside it."""
    own, other = run.summary, run.benchmark
    name, p = run.manifest["benchmark"], leading_p(run)
    won = f"{share(own['win_rate'])} won" if own["trades"] else "no event opened one"
    return [
        ("Total return", percent(own["total_return"]), f"{name} {percent(other['total_return'])}"),
        ("Max drawdown", percent(own["max_drawdown"]), f"{name} {percent(other['max_drawdown'])}"),
        ("Trades", count(own["trades"]), won),
        ("p-value", p_value(p), "no verdict" if p is None else "of times and directions"),
    ]


def _audit(run: Run) -> tuple[str, str, str] | None:
    """How its source was last audited, the page that tells more, and what it found against it."""
    audit = audit_of(run)
    if audit is None:
        return None
    told = f"{outcome(audit.record)}, audited on {audited_on(run, audit)}"
    return told, f"{quote(audit.path.name)}/index.html", caution(run, audit)


def _trade(row: Mapping[str, str], run: Run) -> dict[str, Any]:
    """A trade's row with its texts as the page shows them."""
    event = next((d for d in run.decisions if d["event_id"] == row["event_id"]), {})
    net, costs = float(row["return"]), float(row["commission"]) + float(row["borrow"])
    return {
        **row,
        "entry": f"{float(row['entry_price']):,.2f}",
        "exit": f"{float(row['exit_price']):,.2f}",
        "size": f"{float(row['shares']):,.10g}",
        "costs": f"{costs:,.0f}",
        "profit": gain(float(row["net_profit"])),
        "percent": percent(net),
        "exact": {
            "costs": f"{costs:.2f}",
            "profit": f"{float(row['net_profit']):.2f}",
            "percent": f"{net:.6f}",
        },
        "sign": "gain" if net > 0 else "loss",
        "reason": event.get("reason", ""),
        "headline": event.get("headline", ""),
    }


def _decision(row: Mapping[str, str], kinds: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A decision's row with its texts as the page shows them."""
    return {
        **row,
        "public": new_york_time(row["published_at"]),
        "sources": [_source(row[name]) for name in ("source_url", "source_url_2") if row[name]],
        **kinds[row["kind"]],
    }


def _source(address: str) -> tuple[str, str]:
    """What a source is called, and its address; '' for one that no page may link to."""
    try:
        parts = urlsplit(address)
    except ValueError:  # such as a bracket that is not closed
        return address, ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return address, ""
    return parts.hostname.removeprefix("www."), address


# The run inside its null, in pixels.

_WIDTH, _SIDE, _TOP, _BOTTOM = 960, 8, 24, 172
_ROOM = 24  # half a label: one at the very edge would be cut


class Bar(NamedTuple):
    """A bar in pixels; `beyond` tells whether its middle lies at the mark or above."""

    x: float
    y: float
    width: float
    height: float
    beyond: bool


class NullPicture(NamedTuple):
    """Bars, a mark among them, and the axis below: a place in pixels and a label each."""

    bars: Sequence[Bar]
    mark: tuple[float, str]
    ticks: Sequence[tuple[float, str]]


def _null(found: Mapping[str, Any]) -> NullPicture | None:
    """The picture of the run inside its null; None where it has none."""
    timing = found["random_timing"]
    if timing is None or timing["histogram"] is None or timing[LEADING]["observed"] is None:
        return None
    return null_chart(**timing["histogram"], mark=timing[LEADING]["observed"])


def null_chart(first: float, step: float, counts: Sequence[int], mark: float) -> NullPicture:
    """Lay out counts of ratios, from `first` on in bars of `step`, with one of them marked."""
    width = (_WIDTH - 2 * _SIDE) / len(counts)
    tallest = (_BOTTOM - _TOP) / max(counts)

    def x(value: float) -> float:
        return _SIDE + width * (value - first) / step

    bars = [
        Bar(x(low), _BOTTOM - tallest * many, width - 1, tallest * many, low + step / 2 >= mark)
        for low, many in ((first + n * step, many) for n, many in enumerate(counts))
    ]
    values = round_values(first, first + step * len(counts), most=8)
    ticks = [(x(value), f"{value:+g}" if value else "0") for value in values]
    inside = [(place, text) for place, text in ticks if _ROOM < place < _WIDTH - _ROOM]
    return NullPicture(bars, (x(mark), ratio(mark)), inside)
