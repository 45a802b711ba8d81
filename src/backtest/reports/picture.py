"""The picture of a run: its events, trades, prices and equity in one PNG, for a message."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from backtest.errors import UsageError, unknown
from backtest.reports import picture_panels as panels
from backtest.reports.picture_scene import GAIN, INK, LINE, LOSS, SOFT, Scene, colour
from backtest.reports.words.run import leading_p, p_value
from backtest.stats.formats import costs_line, percent
from backtest.workspace.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    from backtest.experiments.runs.store import Run

_INCHES = (8.0, 4.5)
_DOTS_AN_INCH = 400  # 3200 × 1800 pixels: sharp on a dense screen, readable at a quarter of it
_EDGES = {"left": 0.148, "right": 0.94, "top": 0.83, "bottom": 0.082}
_MARGIN = 0.024
_LANE, _PRICES, _VOLUME, _EQUITY = 0.19, 2.4, 0.4, 1.0  # heights
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 7,
    "text.parse_math": False,  # a dollar is a dollar
    "text.hinting": "no_hinting",  # so that a text grows with its size
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.axisbelow": True,
    "xtick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
}


def write_picture(run: Run, path: Path, symbol: str | None = None) -> Path:
    """Draw a run as a PNG of 3200 × 1800 pixels; the same run gives the same bytes.

    Args:
        run: as it stands in its folder.
        path: the file.
        symbol: the stock whose prices are drawn; the first of the run by default.

    Raises:
        UsageError: the run has no such stock, or the file cannot be written.

    """
    import matplotlib.style

    symbols = run.manifest["symbols"]
    if symbol is not None and symbol not in symbols:
        raise unknown(f"stock in run {run.run_id} that is named", symbol, symbols)
    content = io.BytesIO()
    with matplotlib.style.context(["default", _STYLE]):
        figure = _figure(Scene(run, symbol or symbols[0]))
        figure.savefig(content, metadata={"Software": None})
    try:
        write_whole(path, content.getvalue())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from None
    return path


def _figure(scene: Scene) -> Figure:
    from matplotlib.figure import Figure

    rows = panels.result_rows(scene)
    lanes = [max(1, len(scene.kinds)), 1 + max((row for row in rows if row), default=0)]
    figure = Figure(_INCHES, dpi=_DOTS_AN_INCH)
    heights = [*(_LANE * lane for lane in lanes), _PRICES, _VOLUME, _EQUITY]
    events, results, prices, volume, equity = figure.subplots(
        5, 1, sharex=True, gridspec_kw={**_EDGES, "height_ratios": heights, "hspace": 0.09}
    )
    panels.draw_events(events, scene)
    panels.draw_results(results, scene, rows)
    panels.draw_prices(prices, scene)
    panels.draw_volume(volume, scene)
    panels.draw_equity(equity, scene)
    panels.draw_sessions(equity, scene)
    events.set_xlim(*scene.limits)
    _write_heading(figure, scene)
    _write_key(figure, scene)
    return figure


def _write_heading(figure: Figure, scene: Scene) -> None:
    manifest = scene.run.manifest
    returns, span = manifest["summary"], manifest["span"]
    trades, p = len(scene.run.trades), leading_p(scene.run)
    own, other = (percent(returns[whose]["total_return"]) for whose in ("run", "benchmark"))
    told = [
        f"Return {own}, {manifest['benchmark']} {other}",
        "1 trade" if trades == 1 else f"{trades} trades",
        "no placebo p" if p is None else f"placebo p {p_value(p)}",
        f"{span['first']} to {span['last']}",
    ]
    if manifest["ruined_on"]:
        told.insert(0, f"Ruined on {manifest['ruined_on']}")
    others = len(manifest["symbols"]) - 1
    name = f"{manifest['strategy']} · {scene.symbol}" + (f" and {others} more" if others else "")
    foot = f"run {scene.run.run_id} · {costs_line(manifest)}"
    for text in (
        figure.text(_MARGIN, 0.937, name, size=13, weight="bold"),
        figure.text(_MARGIN, 0.893, " · ".join(told), size=8.5),
        figure.text(_MARGIN, 0.018, foot, size=6, color=SOFT),
    ):
        panels.fit(text, (1 - 2 * _MARGIN) * figure.bbox.width)


def _write_key(figure: Figure, scene: Scene) -> None:
    """Say what the marks mean, of those that are there."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries = {trade["direction"] for trade in scene.trades}
    ends = {"open" if trade["exit_reason"] == "open" else "exit" for trade in scene.trades}
    results = {colour(trade) for trade in scene.trades}
    traded = {marker.traded for marker in scene.markers}
    found: list[tuple[bool, str, Artist]] = [
        (True in traded, "event, traded", _point(panels.mark("o", INK, filled=True))),
        (False in traded, "event, not traded", _point(panels.mark("o", INK, filled=False))),
        (GAIN in results, "gain", Patch(**panels.shade(GAIN))),
        (LOSS in results, "loss", Patch(**panels.shade(LOSS))),
        ("long" in entries, "long entry", _point(panels.fill("long", INK))),
        ("short" in entries, "short entry", _point(panels.fill("short", INK))),
        ("exit" in ends, "exit", _point(panels.fill("exit", INK))),
        ("open" in ends, "still open", _point(panels.fill("open", INK))),
        *(
            (bool(scene.levels(kind)), kind, Line2D([], [], **look))
            for kind, look in panels.LEVELS.items()
        ),
    ]
    shown = [(handle, label) for is_there, label, handle in found if is_there]
    figure.legend(
        [handle for handle, _ in shown], [label for _, label in shown],
        ncols=max(1, len(shown)), loc="center left", bbox_to_anchor=(_MARGIN, 0.853), borderpad=0,
        borderaxespad=0, frameon=False, fontsize=6.5, handlelength=1.2, handletextpad=0.4,
        columnspacing=1.3,
    )  # fmt: skip


def _point(look: dict[str, Any]) -> Artist:
    from matplotlib.lines import Line2D

    return Line2D([], [], **look)
