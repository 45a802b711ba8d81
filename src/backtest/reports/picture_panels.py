"""The panels of the picture of a run, one below the other on one axis of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.reports.picture_scene import ACCENT, INK, LINE, PAPER, SOFT, colour
from backtest.stats.formats import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from backtest.reports.picture_scene import Scene

_RESULT_WIDTH = 0.075  # of the axis, for the return of a trade in words
_SIZES = {"*": 6.0, "p": 4.8, "h": 4.8}  # of events, in points, where the shape fills little
_MOST_ROWS = 3  # of them above each other
_LONGEST = 22  # letters beside a panel
_BESIDE = 0.1566  # of the axis, to the left of it: where they begin
_FEWEST_MONTHS = 4  # below which days are named
_AIR = 0.008  # likewise, between them and the axis


def draw_events(axes: Axes, scene: Scene) -> None:
    """Draw a lane for each kind of event: filled where it was traded, hollow where not."""
    for row, (kind, (shape, tint)) in enumerate(scene.kinds.items()):
        for marker in scene.markers:
            if marker.kind == kind:
                axes.plot(marker.place, row, **mark(shape, tint, filled=marker.traded))
    names = [kind.replace("_", " ").capitalize() for kind in scene.kinds]
    _lanes(axes, names or ["No event"])


def mark(shape: str, tint: str, *, filled: bool) -> dict[str, Any]:
    """The look of an event, for `plot`."""
    return {
        "marker": shape, "markersize": _SIZES.get(shape, 4), "markeredgewidth": 0.9,
        "linestyle": "", "color": tint, "markerfacecolor": tint if filled else PAPER,
    }  # fmt: skip


def draw_results(axes: Axes, scene: Scene, rows: Sequence[int | None]) -> None:
    """Write the return of each trade above its span.

    Args:
        axes: the panel.
        scene: what is drawn.
        rows: as `result_rows` gives them.

    """
    for trade, row in zip(scene.trades, rows, strict=True):
        if row is not None:
            middle = sum(scene.span(trade)) / 2
            text = percent(float(trade["return"]))
            axes.text(middle, row, text, color=colour(trade), size=6.2, ha="center", va="center")
    lowest = max((row for row in rows if row), default=0)
    _lanes(axes, ["Net return" if rows else "No trade", *[""] * lowest])


def result_rows(scene: Scene) -> list[int | None]:
    """For each trade the row in which its return covers no other; None where it fits in none."""
    low, high = scene.limits
    width = _RESULT_WIDTH * (high - low)
    ends = [float("-inf")] * _MOST_ROWS
    rows: list[int | None] = []
    for trade in scene.trades:
        left = sum(scene.span(trade)) / 2 - width / 2
        row = next((row for row, end in enumerate(ends) if left >= end), None)
        if row is not None:
            ends[row] = left + width
        rows.append(row)
    return rows


def draw_prices(axes: Axes, scene: Scene) -> None:
    """Draw the candles, and of each trade its span, entry, stops and exit."""
    _draw_candles(axes, scene)
    for kind, look in LEVELS.items():
        for level in scene.levels(kind):
            axes.plot([level.begin, level.end], [level.price] * 2, **look)
    for trade in scene.trades:
        begin, end = scene.span(trade)
        axes.axvspan(begin - 0.5, end + 0.5, **shade(colour(trade)))
        entry, left = float(trade["entry_price"]), float(trade["exit_price"])
        axes.plot(begin, entry, **fill(trade["direction"], colour(trade)))
        left_by = "open" if trade["exit_reason"] == "open" else "exit"
        axes.plot(end, left, **fill(left_by, colour(trade)))
    axes.margins(y=0.05)
    _panel(axes, f"{scene.symbol}, dollars", ticks=5)


LEVELS: Mapping[str, Mapping[str, Any]] = {  # of resting orders
    "stop": {"color": INK, "linewidth": 1, "linestyle": (0, (2, 1)), "zorder": 4},
    "limit": {"color": INK, "linewidth": 1, "linestyle": (0, (1, 1)), "zorder": 4},
}
_FILLS = {"long": ("^", 6.5), "short": ("v", 6.5), "exit": ("X", 5.5), "open": ("o", 5)}


def shade(tint: str) -> dict[str, Any]:
    """The look of a trade's span."""
    return {"color": tint, "alpha": 0.18, "linewidth": 0, "zorder": 0}


def fill(what: str, tint: str) -> dict[str, Any]:
    """The look of an entry, `long` or `short`, of an `exit`, or of what is still `open`."""
    shape, size = _FILLS[what]
    return {
        "marker": shape, "markersize": size, "linestyle": "", "zorder": 5,
        "markeredgewidth": 0.9 if what == "open" else 0.6,
        "markerfacecolor": PAPER if what == "open" else tint,
        "markeredgecolor": tint if what == "open" else PAPER,
    }  # fmt: skip


def _draw_candles(axes: Axes, scene: Scene) -> None:
    bars = scene.bars
    line = min(0.9, max(0.15, 150 / len(scene.sessions)))  # points: thin where they are many
    rising = bars["close"] >= bars["open"]
    axes.vlines(bars["place"], bars["low"], bars["high"], color=INK, linewidth=line, zorder=2)
    for found, inside in ((bars[rising], PAPER), (bars[~rising], INK)):
        axes.bar(
            found["place"],
            (found["close"] - found["open"]).abs(),
            bottom=found[["open", "close"]].min(axis=1),
            width=0.68,
            color=inside,
            edgecolor=INK,
            linewidth=line,
            zorder=3,
        )


def draw_volume(axes: Axes, scene: Scene) -> None:
    """Draw the shares that changed hands in each session."""
    axes.bar(scene.bars["place"], scene.bars["volume"], width=0.8, color="#8b95a5")
    axes.set_ylim(bottom=0)
    _panel(axes, "Volume, shares", ticks=2, prune="lower")


def draw_equity(axes: Axes, scene: Scene) -> None:
    """Draw the account at each close, and the benchmark with the same money."""
    manifest, table = scene.run.manifest, scene.run.equity
    cash = manifest["rules"]["cash"]
    places = [-0.5, *range(len(table))]  # both begin with the cash at the first open
    benchmark = cash * (1 + table["benchmark_return"]).cumprod()
    lines: tuple[tuple[str, Any, dict[str, Any]], ...] = (
        (manifest["strategy"], table["equity"], {"color": ACCENT, "linewidth": 1.3, "zorder": 3}),
        (manifest["benchmark"], benchmark, {"color": SOFT, "linewidth": 1, "linestyle": "--"}),
    )
    for row, (name, values, look) in enumerate(lines):
        axes.plot(places, [cash, *values], **look)
        height = 0.66 - 0.2 * row
        key = [-_BESIDE, -_BESIDE + 0.02]
        axes.plot(key, [height] * 2, transform=axes.transAxes, clip_on=False, **look)
        _beside(axes, height, name, indent=0.026, color=look["color"])
    axes.margins(y=0.08)
    _panel(axes, "Equity, dollars", ticks=4)


def draw_sessions(axes: Axes, scene: Scene) -> None:
    """Write the months below the lowest panel, or the days of a short run."""
    days = scene.sessions
    months = [n for n in range(1, len(days)) if days[n].month != days[n - 1].month]
    places, form, most = months, "%Y-%m", 11  # no more than stand beside each other
    if len(months) < _FEWEST_MONTHS:
        places, form, most = list(range(len(days))), "%Y-%m-%d", 8
    places = places[:: -(-len(places) // most)]
    axes.set_xticks(places, [f"{days[n]:{form}}" for n in places])


def _lanes(axes: Axes, names: Sequence[str]) -> None:
    """Lanes from the top down, each with its name beside it."""
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row, name in enumerate(names):
        _beside(axes, 1 - (row + 0.5) / len(names), name)


def _panel(axes: Axes, name: str, ticks: int, prune: str | None = None) -> None:
    """A panel with its scale on the right and its name beside it."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axes.yaxis.tick_right()
    axes.yaxis.set_major_locator(MaxNLocator(ticks, prune=prune))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(axis="y", color=LINE, linewidth=0.5)
    axes.tick_params(length=0)
    axes.spines[["top", "left", "right"]].set_visible(False)
    _beside(axes, 0.9, name)


def _beside(axes: Axes, height: float, text: str, *, indent: float = 0, color: str = INK) -> None:
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    place = (indent - _BESIDE, height)
    written = axes.text(*place, shown, transform=axes.transAxes, color=color, va="center")
    fit(written, (_BESIDE - indent - _AIR) * axes.bbox.width)


def fit(text: Text, room: float) -> None:
    """Make a text smaller until it is no wider than the room, in pixels."""
    width = text.get_window_extent().width
    if width > room:
        text.set_fontsize(float(text.get_fontsize()) * room / width)
