"""Draw the picture of a run: its events, trades, prices, equity and drawdown in one PNG."""

from __future__ import annotations

import io
import re
from importlib.resources import files
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from backtest.errors import unknown
from backtest.reports.charts import TRADED, kinds_of
from backtest.reports.run_words import evidence_figures
from backtest.stats.formats import costs_line, counted, new_york_day, p_value, percent
from backtest.workspace.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from backtest.experiments.runs.store import Run

_CSS = files("backtest.reports").joinpath("templates/base.css").read_text(encoding="utf-8")
_LIGHT = dict(re.findall(r"--([\w-]+): (#\w+)", _CSS.partition("}")[0]))  # the pages' colours
INK, SOFT, LINE, PAPER = (_LIGHT[name] for name in ("ink", "soft", "line", "paper"))
GAIN, LOSS, ACCENT = (_LIGHT[name] for name in ("gain", "loss", "accent"))
_SHAPES = {  # of the run page, as matplotlib calls them
    "circle": "o", "diamond": "D", "triangle-down": "v", "square": "s",
    "star": "*", "pentagon": "p", "triangle-up": "^", "hexagon": "h",
}  # fmt: skip
_FILLS = {"long": "^", "short": "v", "exit": "X", "open": "o"}
_LEVELS = {"stop": (0, (2, 1)), "limit": (0, (1, 1))}  # dashed and dotted
_RESULT = 0.075  # the share of the axis that a trade's return in words takes
_EDGE = 0.02  # the share of the axis for events that were public before or after the run
_LONGEST = 20  # letters of a name on an axis
_MARGIN = 0.024
# Letters that a line has room for, and that it may lack since words are not split. The sentence of
# evidence takes two lines, in a smaller size where it is longer.
_LINE, _WORD = 140, 12
_UNWEIGHED = {"sentence": "Its evidence has not been weighed yet."}
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 7,  # it comes with matplotlib
    "text.parse_math": False, "text.hinting": "no_hinting",  # $ is no formula; sizes are exact
    "text.color": INK, "xtick.labelcolor": SOFT, "ytick.labelcolor": SOFT,
    "xtick.major.size": 0, "ytick.major.size": 0,
    "axes.edgecolor": LINE, "axes.axisbelow": True, "axes.xmargin": 0.035, "axes.ymargin": 0.12,
    "axes.titlesize": 7, "axes.titlelocation": "left", "axes.titlepad": 2,
    "axes.spines.top": False, "axes.spines.left": False, "axes.spines.right": False,
}  # fmt: skip


def write_picture(run: Run, path: Path, symbol: str | None = None) -> Path:
    """Draw a run as a PNG of 3200 × 1800 pixels, by default with the prices of its first stock.

    A run of a universe is drawn as its account, unless a stock is named. The same run gives the
    same bytes. Raises UsageError where the run has no such stock, or the file cannot be written.
    """
    import matplotlib.style

    symbols = run.manifest["symbols"]
    if symbol is not None and symbol not in symbols:
        raise unknown(f"stock in run {run.run_id} that is named", symbol, symbols)
    content = io.BytesIO()
    with matplotlib.style.context(["default", _STYLE]):
        whole = symbol is None and run.manifest.get("universe")
        figure = _account_figure(run) if whole else _figure(run, symbol or symbols[0])
        figure.savefig(content, metadata={"Software": "backtest"})
    write_bytes(path, content.getvalue())
    return path


_SIZE: dict[str, Any] = {"figsize": (8.0, 4.5), "dpi": 400}  # readable at a quarter of this
_GRID = {"left": 0.13, "right": 0.94, "top": 0.775, "bottom": 0.085, "hspace": 0.25}


def _account_figure(run: Run) -> Figure:
    """Draw the account, its drawdown and how many stocks it held."""
    from matplotlib.figure import Figure

    figure = Figure(**_SIZE)
    heights = {"height_ratios": [2.4, 1.0, 0.8]}
    equity, drawdown, held = figure.subplots(
        3, sharex=True, gridspec_kw=_GRID | {"left": _MARGIN} | heights
    )
    _draw_equity(equity, drawdown, run)
    counts = _held(run)
    held.fill_between(range(len(counts)), counts, step="mid", color=SOFT, linewidth=0)
    held.set_ylim(0)
    _panel(held, "Stocks held", ticks=2, whole=True)
    _name_days(held, run)
    stocks = counted(len(run.manifest["symbols"]), "stock")
    _write_heading(figure, run, f"{run.manifest['universe']}, {stocks}")
    return figure


def _held(run: Run) -> list[int]:
    """Return for each session how many stocks had a position in it."""
    import numpy as np

    sessions, trades = run.equity.index, run.trades
    held = {trade["symbol"]: np.zeros(len(sessions), bool) for trade in trades}
    for trade in trades:  # one that is reversed has two in a session
        first, last = sessions.searchsorted([trade["entry_session"], trade["exit_session"]])
        held[trade["symbol"]][first : last + 1] = True
    counts: list[int] = np.sum([np.zeros(len(sessions), int), *held.values()], axis=0).tolist()
    return counts


def _name_days(axes: Axes, run: Run) -> None:
    """Label some days below a panel, no more than fit side by side."""
    days = run.equity.index
    ranks = range(0, len(days), -(-len(days) // 8))
    axes.set_xticks(ranks, [f"{days[rank]:%Y-%m-%d}" for rank in ranks])


def _figure(run: Run, symbol: str) -> Figure:
    from matplotlib.figure import Figure

    trades = [row for row in run.trades if row["symbol"] == symbol]
    decisions = [row for row in run.decisions if row["symbol"] == symbol]
    kinds = max(1, len({row["kind"] for row in decisions}))
    figure = Figure(**_SIZE)
    heights = {"height_ratios": [0.2 * kinds, 2.4, 1.0, 0.6]}
    events, prices, equity, drawdown = figure.subplots(4, sharex=True, gridspec_kw=_GRID | heights)
    _draw_events(events, run, decisions)
    _draw_prices(prices, run, symbol, trades)
    _draw_equity(equity, drawdown, run)
    _name_days(drawdown, run)
    others = len(run.manifest["symbols"]) - 1
    _write_heading(figure, run, symbol + (f" and {others} more" if others else ""))
    _write_key(figure)
    return figure


def _at(run: Run, day: str) -> float:
    """Return where a day is on the axis: at its session or the next; outside the run at an edge."""
    sessions = run.equity.index
    edge = max(1.0, _EDGE * len(sessions))
    if day < f"{sessions[0]:%Y-%m-%d}":
        return -edge
    return float(sessions.searchsorted(day)) + (edge if day > f"{sessions[-1]:%Y-%m-%d}" else 0)


def _draw_events(axes: Axes, run: Run, decisions: list[dict[str, str]]) -> None:
    """Draw a line of markers for each kind of event: filled where traded, hollow where not."""
    present = {row["kind"] for row in decisions}
    looks = {kind: look for kind, look in kinds_of(run).items() if kind in present}
    kinds = list(looks)
    for row in decisions:
        look, traded = looks[row["kind"]], row["action"] in TRADED
        tint = _LIGHT[look["colour"].removeprefix("--")]
        axes.plot(
            _at(run, row["tradable_session"] or new_york_day(row["published_at"])),
            kinds.index(row["kind"]),
            label="event, traded" if traded else "event, not traded",
            marker=_SHAPES[look["shape"]], markersize=4, markeredgewidth=0.9, linestyle="",
            color=tint, markerfacecolor=tint if traded else PAPER,
        )  # fmt: skip
    names = [_short(kind.replace("_", " ").capitalize()) for kind in kinds] or ["No event"]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.spines.bottom.set_visible(False)


def _draw_prices(axes: Axes, run: Run, symbol: str, trades: list[dict[str, str]]) -> None:
    """Draw the candles, and of each trade its span, return, entry, levels and exit."""
    _draw_candles(axes, run, symbol)
    _draw_levels(axes, run, symbol)
    row_ends, high = [float("-inf")] * 3, axes.get_xaxis_transform()
    for trade in trades:
        begin, end = _at(run, trade["entry_session"]), _at(run, trade["exit_session"])
        tint = GAIN if float(trade["return"]) > 0 else LOSS
        look = {"color": tint, "alpha": 0.18, "label": "gain" if tint == GAIN else "loss"}
        axes.axvspan(begin - 0.5, end + 0.5, linewidth=0, **look)
        left = "open" if trade["exit_reason"] == "open" else "exit"
        _mark(axes, begin, trade["entry_price"], trade["direction"], tint)
        _mark(axes, end, trade["exit_price"], left, tint)
        middle, width = (begin + end) / 2, _RESULT * len(run.equity)
        row = next((n for n, end in enumerate(row_ends) if middle - width / 2 >= end), None)
        if row is not None:  # else it would cover another
            row_ends[row] = middle + width / 2
            look = {"color": tint, "size": 6.2, "ha": "center", "va": "top"}
            text = percent(float(trade["return"]))
            axes.text(middle, 0.99 - 0.07 * row, text, transform=high, **look)
    _panel(axes, f"{symbol}, dollars")


def _mark(axes: Axes, at: float, price: str, what: str, tint: str) -> None:
    hollow = what == "open"
    axes.plot(
        at, float(price), marker=_FILLS[what], markersize=6, linestyle="", zorder=5,
        label={"exit": "exit", "open": "still open"}.get(what, f"{what} entry"),
        markerfacecolor=PAPER if hollow else tint, markeredgecolor=tint if hollow else PAPER,
    )  # fmt: skip


def _draw_levels(axes: Axes, run: Run, symbol: str) -> None:
    """Draw the levels of resting stops and limits, each for as long as it rested."""
    spans: dict[tuple[str, str, float], list[float]] = {}
    for row in run.orders:
        if row["symbol"] == symbol and row["type"] in _LEVELS and row["price"]:
            level = (row["type"], row["event_id"], float(row["price"]))
            spans.setdefault(level, []).append(_at(run, row["session"]))
    for (kind, _, price), days in spans.items():
        ends = [min(days) - 0.5, max(days) + 0.5]
        axes.plot(ends, [price] * 2, color=INK, linewidth=1, linestyle=_LEVELS[kind], label=kind)


def _draw_candles(axes: Axes, run: Run, symbol: str) -> None:
    bars, sessions = run.bars, run.equity.index
    bars = bars[(bars["symbol"] == symbol) & bars["session"].isin(sessions)]
    at, body = sessions.get_indexer(bars["session"]), bars["close"] - bars["open"]
    line = min(0.9, max(0.15, 150 / len(sessions)))  # points: thinner where bars are many
    axes.vlines(at, bars["low"], bars["high"], color=INK, linewidth=line, zorder=2)
    fills = [INK if falls else PAPER for falls in body < 0]
    look = {"width": 0.68, "color": fills, "edgecolor": INK, "linewidth": line, "zorder": 3}
    axes.bar(at, body, bottom=bars["open"], **look)


def _draw_equity(axes: Axes, below: Axes, run: Run) -> None:
    """Draw the account, the benchmark on the same cash, and how far each fell from its peak."""
    import numpy as np

    manifest, table, cash = run.manifest, run.equity, run.manifest["rules"]["cash"]
    benchmark = cash * (1 + table["benchmark_return"]).cumprod()
    for values, color, line in ((table["equity"], ACCENT, "-"), (benchmark, SOFT, "--")):
        curve = np.array([cash, *values])  # both begin with the cash at the first open
        fall = curve / np.maximum.accumulate(curve) - 1
        at = np.arange(len(curve)) - 1
        axes.plot(at, curve, color=color, linestyle=line, linewidth=1.2)
        below.plot(at, 100 * fall, color=color, linestyle=line, linewidth=0.8)
    own, other = _short(manifest["strategy"]), _short(manifest["benchmark"])
    _panel(axes, f"Equity, dollars: {own} (solid) and {other} (dashed)")
    _panel(below, "Drawdown, percent", ticks=2)


def _panel(axes: Axes, name: str, ticks: int = 4, *, whole: bool = False) -> None:
    """Give a panel its name above it and its scale on the right."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    thousands = EngFormatter(sep="")

    def label(value: float, _position: float) -> str:
        if abs(value) >= 1_000:  # noqa: PLR2004 - below it `15m` would stand for 0.015
            return thousands(value).replace("G", "B")
        return thousands.fix_minus(f"{value + 0.0:.9f}".rstrip("0").rstrip("."))

    axes.set_title(name)
    axes.yaxis.tick_right()
    axes.yaxis.set_major_locator(MaxNLocator(ticks, integer=whole))
    axes.yaxis.set_major_formatter(label)
    axes.grid(axis="y", color=LINE, linewidth=0.5)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _write_heading(figure: Figure, run: Run, traded: str) -> None:
    manifest, p = run.manifest, evidence_figures(run)["p"]
    own, other = (percent(figures["total_return"]) for figures in (run.summary, run.benchmark))
    summary = [
        f"Ruined on {manifest['ruined_on']}" if manifest["ruined_on"] else "",
        f"Return {own}, {manifest['benchmark']} {other}",
        counted(len(run.trades), "trade"),
        "no p-value" if p is None else f"p-value {p_value(p)}",
        f"{manifest['span']['first']} to {manifest['span']['last']}",
    ]
    name = f"{manifest['strategy']} · {traded}"
    sentence = manifest.get("evidence", _UNWEIGHED)["sentence"]
    for height, size, weight, align, text in (
        (0.94, 13, "bold", "baseline", name),
        (0.9, 8.5, "normal", "baseline", " · ".join(filter(None, summary))),
        (0.884, 7, "normal", "top", fill(sentence, max(_LINE, len(sentence) // 2 + _WORD))),
        (0.018, 6, "normal", "baseline", f"run {run.run_id} · {costs_line(manifest)}"),
    ):
        line = figure.text(_MARGIN, height, text, size=size, weight=weight, va=align)
        room = (1 - 2 * _MARGIN) * figure.bbox.width / line.get_window_extent().width
        line.set_fontsize(size * min(1, room))


def _write_key(figure: Figure) -> None:
    """Write the legend of the marks in the figure, each in the colour of its last."""
    legends = [axes.get_legend_handles_labels() for axes in figure.axes]
    marks = {label: handle for legend in legends for handle, label in zip(*legend, strict=True)}
    figure.legend(
        [*marks.values()], [*marks], ncols=max(1, len(marks)), loc="center left",
        bbox_to_anchor=(_MARGIN, 0.813), borderpad=0, borderaxespad=0, frameon=False, fontsize=6.5,
        handlelength=1.2, handletextpad=0.4, columnspacing=1.3,
    )  # fmt: skip
