"""What a sweep found in plain sentences, for its page and for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.stats import LEVEL
from backtest.stats.formats import counted, percent, ratio, share
from backtest.strategy.parameters import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backtest.stats.surface import Neighbourhood, Rank, Spread, SweepSummary, Value

    Told = Mapping[str, Any]
_FEW = 6  # values that are told one by one


def evidence_sentences(evidence: Told) -> list[tuple[str, str]]:
    """A heading and its sentence for each figure, in the order to be read."""
    return [
        ("Deflated", _deflated(evidence)),
        ("Overfitting", _overfitting(evidence)),
        ("Against holding", _superior(evidence)),
        ("Walk-forward", _walked(evidence["walk_forward"])),
    ]


def walk_forward_rows(evidence: Told) -> list[list[str]]:
    """Event, set that was chosen for it, return of its trade, return of the default's."""
    return [
        [row["event_id"], _choice(row), percent(row["return"]), percent(row["default"])]
        for row in evidence["walk_forward"]["events"]
    ]


def _choice(row: Told) -> str:
    if not row.get("known", True):
        return "default: nothing to choose on"
    return "default" if row["set"] is None else f"{row['set']:,}"


def _too_little(evidence: Told, part: str) -> str:
    """Why there are too few trades to tell; empty where not, and in a record that is older."""
    return str(evidence.get("thin", {}).get(part, ""))


def _deflated(evidence: Told) -> str:
    best = evidence["best"]
    if why := _too_little(evidence, "best"):
        return f"Not told of the best set, which has too little behind it ({why})."
    if best["dsr"] is None:
        return "Not told: the best set has no Sharpe ratio, or nothing varies among the trials."
    return (
        f"The best set's Sharpe ratio is {ratio(best['sharpe'])}. That it exceeds what the best of "
        f"{best['trials']:,} trials without any skill would show has a probability of "
        f"{share(best['dsr'])} (deflated Sharpe ratio)."
    )


def _overfitting(evidence: Told) -> str:
    found = evidence["overfitting"]
    if why := _too_little(evidence, "all"):
        return f"Not told: all sets together have too little behind them ({why})."
    if found is None:
        return "Not told: there are too few sessions, or nothing to choose from."
    return (
        f"Chosen on one half of the sessions, the best set ends in the lower half of all on the "
        f"other {share(found['pbo'])} of the time (PBO; 50 % without any skill), and loses "
        f"there {share(found['loss_share'])} of the time."
    )


def _superior(evidence: Told) -> str:
    found, universe = evidence["superior"], evidence.get("universe")
    held = f"the mean of the members of {universe}" if universe else "holding the stock"
    if found is None:
        return f"Not told: no set differs from {held}."
    verdict = "No set is shown to beat" if found["p"] > LEVEL else "A set beats"
    return (
        f"{verdict} {held} throughout: p {found['p']:.2f}, corrected for choosing among "
        f"{evidence['compared']:,} of {evidence['distinct']:,} distinct results (SPA)."
    )


def _walked(found: Told) -> str:
    events = len(found["events"])
    if not events:
        return "Not told: no set has traded."
    if not any(row.get("known", True) for row in found["events"]):
        return "Not told: no earlier event to choose on."
    return (
        f"Chosen for each event on earlier ones alone, the trades on "
        f"{counted(events, 'event')} return {percent(found['total'])} in sum; the "
        f"default's {percent(found['default'])}, the best set's in hindsight "
        f"{percent(found['hindsight'])}."
    )


def sentences(summary: SweepSummary, trials: int) -> list[tuple[str, str]]:
    """A heading and its sentences each; `trials` are the sets on record, this sweep's too."""
    return [
        ("Tried", tried(summary, trials)),
        ("Returns", returns(summary)),
        ("Sharpe", sharpes(summary)),
        ("The default", default(summary)),
        ("Around it", around(summary)),
        (f"Best of {summary.sets:,}", best(summary)),
    ]


def tried(summary: SweepSummary, trials: int) -> str:
    """How many sets, how many distinct results, how many on record."""
    distinct = (
        f"they gave {counted(summary.distinct, 'distinct result')}: sets with the same result are "
        f"one observation, not many"
        if summary.distinct < summary.sets
        else "no two gave the same result"
    )
    record = f"On record for this strategy and these symbols: {counted(trials, 'set')}."
    if summary.sets == 1:
        return f"One set was tried. {record}"
    return f"{summary.sets:,} sets were tried, and {distinct}. {record}"


def returns(summary: SweepSummary) -> str:
    """The distribution of total returns."""
    text = (
        f"{_distribution(summary.returns, percent)}; "
        f"{share_of(summary.above_zero, summary.sets)} end above zero."
    )
    if summary.never_traded:
        text += f" {summary.never_traded:,} never traded."
    if summary.ruined:
        text += f" {summary.ruined:,} ended in ruin."
    return text


def sharpes(summary: SweepSummary) -> str:
    """The distribution of Sharpe ratios."""
    if summary.sharpes is None:
        return "No set has a Sharpe ratio, as is so without trades, after ruin and in a short span."
    missing = summary.sets - summary.sharpes.count
    none = f" {missing:,} have none, without trades or after ruin." if missing else ""
    return f"{_distribution(summary.sharpes, ratio)}.{none}"


def default(summary: SweepSummary) -> str:
    """Where the default stands among all sets."""
    figures = summary.default
    returned, sharpe = percent(figures["total_return"]), ratio(figures["sharpe"])
    text = f"The default returns {returned}, better than {rank(summary.by_return)}."
    if summary.by_sharpe is None:
        return f"{text} It has no Sharpe ratio."
    better = rank(summary.by_sharpe, " with one")
    return f"{text} Its Sharpe ratio is {sharpe}, better than {better}."


def around(summary: SweepSummary) -> str:
    """How flat the surface is round the default, and what was taken for its neighbourhood."""
    near = summary.neighbourhood
    if near is None:
        names = ", ".join(summary.unplaced)
        return f"The default has no place in the grid, nor a near one, along {names}."
    text = _flatness(summary, near)
    for name, level in near.moved.items():
        text += f" The default's {name} is not in the grid: the nearest, {label(level)}, stands in."
    if near.held:
        text += f" Categories have no steps: {', '.join(near.held)} as in the default."
    return text


def _flatness(summary: SweepSummary, near: Neighbourhood) -> str:
    everywhere = near.around.returns
    if everywhere is None:
        return "No set of the grid is one step away from the default."
    told = [
        f"The {counted(group.count, 'set')} {where}: median {percent(group.returns.median)}, "
        f"from {percent(group.returns.lowest)} to {percent(group.returns.highest)}."
        for group, where in (
            (near.beside, "one step away in one parameter"),
            (near.around, "within one step in every parameter"),
        )
        if group.returns is not None
    ]
    if near.around.count == near.beside.count:
        told.pop()
    width = everywhere.highest - everywhere.lowest
    whole = summary.returns.highest - summary.returns.lowest
    return (
        f"{' '.join(told)} The default returns {percent(summary.default['total_return'])}. "
        f"Its neighbours span {100 * width:,.1f} points of return, all sets {100 * whole:,.1f}."
    )


def best(summary: SweepSummary) -> str:
    """The best set with the number tried, and what that is worth."""
    first = summary.best[0]
    return (
        f"{percent(first.figures['total_return'])} with {settings(first.settings)} "
        f"(set {first.number:,}), the best of {counted(summary.sets, 'set')} tried. {luck(summary)}"
    )


def luck(summary: SweepSummary) -> str:
    """What choosing the best of many does to its figures."""
    if summary.sets == 1:
        return "Nothing was chosen among others."
    return (
        f"With {summary.sets:,} tried, the best looks good by luck alone: its figures are those "
        f"of a choice made afterwards, and say little about what comes next."
    )


def settings(values: Mapping[str, Value]) -> str:
    """Parameters with their values, such as `hold 5, stop 0.1`."""
    return ", ".join(f"{name} {label(value)}" for name, value in values.items())


def span(values: Sequence[Value]) -> str:
    """The values of an axis in short."""
    if len(values) <= _FEW:
        return ", ".join(map(label, values))
    return f"{', '.join(map(label, values[:3]))} … {label(values[-1])} ({len(values):,} values)"


def label(value: Value) -> str:
    """A value of a parameter as `--set` takes it, floats without the noise of their last bits."""
    return f"{value:.10g}" if isinstance(value, float) else shown(value)


def rank(among: Rank, which: str = "") -> str:
    """How many of which sets have less, such as `23 % of the 3,480 sets`."""
    same = f"; {among.equal:,} have exactly that" if among.equal > 1 else ""
    sets = f"{counted(among.known, 'set')}{which}"
    return f"{_share(among.below, among.known)} of the {sets}{same}"


def share_of(part: int, whole: int) -> str:
    """A part in numbers and percent, such as `12 of 48 (25 %)`."""
    return f"{part:,} of {whole:,} ({_share(part, whole)})"


def _share(part: int, whole: int) -> str:
    if part in (0, whole):
        return "none" if part == 0 else "all"
    percentage = 100 * part / whole
    if percentage < 1:
        return "under 1 %"
    return "over 99 %" if percentage > 99 else f"{percentage:.0f} %"  # noqa: PLR2004


def _distribution(spread: Spread, form: Callable[[float | None], str]) -> str:
    return (
        f"Median {form(spread.median)}, the middle half from {form(spread.lower_quartile)} to "
        f"{form(spread.upper_quartile)}, all from {form(spread.lowest)} to {form(spread.highest)}"
    )
