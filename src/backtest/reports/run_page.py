"""The run page: the story of a run in one chart, its evidence, trades, decisions and figures."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from backtest.experiments.runs.run_files import FILES
from backtest.experiments.runs.store import LEADING, Run
from backtest.experiments.trials import trials_on_record
from backtest.reports.audit_page import audit_of, audited_on, caution, outcome
from backtest.reports.pages import round_values, write_page
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
    new_york_day,
    new_york_time,
    percent,
    ratio,
    share,
)
from backtest.strategy.parameters import flat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd


MOST_ROWS = (400, 200, 100, 50)  # of trades and of decisions; fewer where the page grows too large
MOST_BYTES = 490_000  # of a page, so that it opens at once
MOST_BARS = 2500
TRADED = ("enter", "renew", "reverse")
_FOUND = ("evidence", "attribution", "trials")  # what the page shows itself
_GROUPS = (
    ("event", "Event"),
    ("kind", "Kind of event"),
    ("direction", "Direction"),
    ("exit_reason", "Left by"),
    ("hour", "Hour of knowledge"),
)
_KINDS = ("earnings", "stake_disclosure", "short_report", "news")  # others follow by their names
_MARKS = (  # the sign of a kind in texts, and its shape in the chart
    ("●", "circle"), ("◆", "diamond"), ("▼", "triangle-down"), ("■", "square"),
    ("★", "star"), ("⬟", "pentagon"), ("▲", "triangle-up"), ("⬢", "hexagon"),
)  # fmt: skip
_PRICES = ("open", "high", "low", "close")


def write_run_page(run: Run) -> Path:
    """Write `index.html` of a run from its folder alone; return its place.

    Raises:
        UsageError: a folder cannot be written.

    """
    trials = trials_on_record(run.path.parent, run.manifest)
    for rows in MOST_ROWS:
        page = _write(run, trials, rows, few=max(1, rows // 4))
        if page.stat().st_size <= MOST_BYTES:
            break
    return page


def _write(run: Run, trials: Mapping[str, Any], rows: int, few: int) -> Path:
    """Write the page with so many rows of trades and decisions, and `few` of what tells less."""
    manifest, kinds, decisions = run.manifest, kinds_of(run), run.decisions[-rows:]
    return write_page(
        run.path / "index.html",
        run.path.parent,
        "run.html",
        data=story(run, [row["event_id"] for row in decisions]),
        run=run,
        manifest=manifest,
        decided={name: value for name, value in manifest.items() if name not in _FOUND},
        parameters=flat(manifest["parameters"]),
        costs=costs_line(manifest),
        files=(*FILES, "run.json"),
        tiles=_tiles(run),
        sentence=plain_sentence(manifest["evidence"], trials),
        ruin=ruin(run),
        no_room=no_room(run),
        evidence_rows=evidence_rows(manifest["evidence"], trials),
        null=_null(manifest["evidence"]),
        audit=_audit(run),
        orders={row["type"] for row in run.orders},
        trades=[_trade(row, run) for row in run.trades[-rows:]],
        decisions=[_decision(row, kinds) for row in decisions],
        figures=FIGURES,
        groups=_GROUPS,
        headlines={row["event_id"]: row["headline"] for row in run.decisions},
        moves=[move for move in manifest["attribution"]["moves"] if move["gap"] is not None][-few:],
        no_trade="" if run.trades else no_trade(run),
        several=len(manifest["symbols"]) > 1,
        few=few,
    )


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


class Null(NamedTuple):
    """Bars, a mark among them, and the axis below: a place in pixels and a label each."""

    bars: Sequence[Bar]
    mark: tuple[float, str]
    ticks: Sequence[tuple[float, str]]


def _null(found: Mapping[str, Any]) -> Null | None:
    """The picture of the run inside its null; None where it has none."""
    timing = found["random_timing"]
    if timing is None or timing["histogram"] is None or timing[LEADING]["observed"] is None:
        return None
    return null_chart(**timing["histogram"], mark=timing[LEADING]["observed"])


def null_chart(first: float, step: float, counts: Sequence[int], mark: float) -> Null:
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
    return Null(bars, (x(mark), ratio(mark)), inside)


# The chart. Places on the time axis are numbers of bars, so that days without trading take no room.


@dataclass(frozen=True)
class Axis:
    """The time axis: the last session of each bar, as ISO texts in order."""

    days: Sequence[str]

    def place(self, day: str) -> int:
        """The bar of a day; of one without a bar the first after it, or the last there is."""
        return min(bisect_left(self.days, day), len(self.days) - 1)


def kinds_of(run: Run) -> dict[str, dict[str, str]]:
    """How each kind of event of a run is drawn: `sign`, `shape`, `colour`, by its name."""
    found, known = {row["kind"] for row in run.decisions}, len(_KINDS)
    others = {kind: known + n % known for n, kind in enumerate(sorted(found - {*_KINDS}))}
    numbers = {**{kind: n for n, kind in enumerate(_KINDS)}, **others}
    return {
        kind: {"sign": _MARKS[n][0], "shape": _MARKS[n][1], "colour": f"--kind-{n % known + 1}"}
        for kind, n in numbers.items()
        if kind in found
    }


def story(run: Run, told: Iterable[str]) -> dict[str, Any]:
    """The figures of the chart, rounded to sight and ready for JSON.

    Args:
        run: the run.
        told: ids of the events that have a row on the page; the markers of others carry no id.

    """
    bars, weekly = _bars(run)
    axis = Axis(sorted({str(day) for day in bars["day"]}))
    kinds, rows = kinds_of(run), set(told)
    span = run.manifest["span"]
    return {
        "strategy": run.manifest["strategy"],
        "benchmark": run.manifest["benchmark"],
        "days": axis.days,
        "weekly": weekly,
        "span": [axis.place(span["first"]), axis.place(span["last"])],
        "left_out": len(run.manifest["symbols"]) - bars["symbol"].nunique(),
        "kinds": [{"name": kind.replace("_", " "), **drawn} for kind, drawn in kinds.items()],
        "symbols": [
            {
                "name": symbol,
                "bars": _columns(bars[bars["symbol"] == symbol], axis),
                "events": _events(run, symbol, axis, list(kinds), rows),
                "trades": _trades(run, symbol, axis),
                "levels": {kind: _levels(run, symbol, kind, axis) for kind in ("stop", "limit")},
            }
            for symbol in bars["symbol"].unique()
        ],
        "account": _account(run, axis),
    }


def _bars(run: Run) -> tuple[pd.DataFrame, bool]:
    """The bars with the `day` that each ends on: sessions, or weeks where there are too many.

    Of symbols too many even for weeks, those are kept on which the run traded most.
    """
    bars = run.bars.assign(day=run.bars["session"].dt.strftime("%Y-%m-%d"))
    if len(bars) <= MOST_BARS:
        return bars, False
    week = bars["session"].dt.to_period("W-FRI")
    bars["day"] = bars.groupby(week)["day"].transform("max")
    whole = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    weeks = bars.groupby(["symbol", "day"], sort=False).agg(whole).reset_index()
    traded = [row["symbol"] for row in run.trades]
    counts = weeks["symbol"].value_counts(sort=False)
    counts = counts[sorted(counts.index, key=lambda symbol: -traded.count(symbol))]
    kept = counts.index[(counts.cumsum() <= MOST_BARS) | (counts.index == counts.index[0])]
    return weeks[weeks["symbol"].isin(kept)], True


def _columns(bars: pd.DataFrame, axis: Axis) -> dict[str, list[float | None]]:
    """Prices to six figures that count and volume to four; None where a symbol has no bar."""
    table = bars.set_index("day").reindex(axis.days)
    prices = {name: _each(table[name], 6) for name in _PRICES}
    return {**prices, "volume": _each(table["volume"], 4)}


def _each(values: Iterable[float], digits: int) -> list[float | None]:
    return [_rounded(value, digits) for value in values]


def _rounded(value: float, digits: int) -> float | None:
    if value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short


def _events(
    run: Run, symbol: str, axis: Axis, kinds: Sequence[str], rows: set[str]
) -> list[list[Any]]:
    """Of each event of a symbol: its bar, its kind, whether it traded, and its id or ''."""
    return [
        [
            axis.place(row["tradable_session"] or new_york_day(row["published_at"])),
            kinds.index(row["kind"]),
            int(row["action"] in TRADED),
            row["event_id"] if row["event_id"] in rows else "",
        ]
        for row in run.decisions
        if row["symbol"] == symbol
    ]


def _trades(run: Run, symbol: str, axis: Axis) -> list[list[Any]]:
    """Of each trade of a symbol: its id, bar and price of entry, bar and price of exit.

    Then three flags: whether it was long, gained, and is still open.
    """
    return [
        [
            row["trade_id"],
            axis.place(row["entry_session"]),
            _rounded(float(row["entry_price"]), 6),
            axis.place(row["exit_session"]),
            _rounded(float(row["exit_price"]), 6),
            int(row["direction"] == "long"),
            int(float(row["net_profit"]) > 0),
            int(row["exit_reason"] == "open"),
        ]
        for row in run.trades
        if row["symbol"] == symbol
    ]


def _levels(run: Run, symbol: str, kind: str, axis: Axis) -> list[list[Any]]:
    """The levels of resting orders as lines: the first bar of each, and a price for every bar."""
    by_event: dict[str, dict[int, float | None]] = defaultdict(dict)
    for row in run.orders:
        if (row["symbol"], row["type"]) == (symbol, kind):
            levels = by_event[row["event_id"]]
            levels[axis.place(row["session"])] = _rounded(float(row["price"]), 6)
    return [line for levels in by_event.values() for line in _lines(levels)]


def _lines(levels: Mapping[int, float | None]) -> list[list[Any]]:
    """Levels by bar as lines, each of which ends where a bar has no level."""
    lines: list[list[Any]] = []
    for place, price in levels.items():
        if lines and place == lines[-1][0] + len(lines[-1][1]):
            lines[-1][1].append(price)
        else:
            lines.append([place, [price]])
    return lines


def _account(run: Run, axis: Axis) -> dict[str, Any]:
    """The account by bar: dollars, the benchmark on the same money, and fractions.

    `equity` and `benchmark` begin with the cash at the first open, before the first bar of the
    span; `drawdown` is the deepest of each bar. `exposure` is unknown where equity is not above 0.
    """
    import pandas as pd

    table, cash = run.equity, run.manifest["rules"]["cash"]
    bar = pd.Index([axis.place(f"{day:%Y-%m-%d}") for day in table.index])
    benchmark = cash * (1 + table["benchmark_return"]).cumprod()
    exposure = (table["position_value"] / table["equity"]).where(table["equity"] > 0)
    account: dict[str, Any] = {
        "exposure": _each(exposure.groupby(bar).apply(lambda part: part.iloc[-1]), 3)
    }
    for name, falls, curve in (
        ("equity", "drawdown", table["equity"]),
        ("benchmark", "benchmark_drawdown", benchmark),
    ):
        fall = curve / curve.cummax().clip(lower=cash) - 1
        account[name] = [cash, *_each(curve.groupby(bar).last(), 6)]
        account[falls] = _each(fall.groupby(bar).min(), 3)
    return account
