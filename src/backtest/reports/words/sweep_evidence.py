"""What the best of a sweep is worth, in plain sentences for its page and for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.stats.formats import UNKNOWN, percent, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    Told = Mapping[str, Any]


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
        [
            row["event_id"],
            _choice(row),
            percent(row["return"]),
            percent(row["default"]),
        ]
        for row in evidence["walk_forward"]["events"]
    ]


def _choice(row: Told) -> str:
    if not row.get("known", True):
        return "default: nothing to choose on"
    return "default" if row["set"] is None else f"{row['set']:,}"


def _thin(evidence: Told, part: str) -> str:
    """Why there are too few trades to tell; empty where not, and in a record that is older."""
    return str(evidence.get("thin", {}).get(part, ""))


def _deflated(evidence: Told) -> str:
    best = evidence["best"]
    if thin := _thin(evidence, "best"):
        return f"Not told of the best set, which has too little behind it ({thin})."
    if best["dsr"] is None:
        return "Not told: the best set has no Sharpe ratio, or nothing varies among the trials."
    return (
        f"The best set's Sharpe ratio is {ratio(best['sharpe'])}. That it exceeds what the best of "
        f"{best['trials']:,} trials without any skill would show has a probability of "
        f"{_share(best['dsr'])} (deflated Sharpe ratio)."
    )


def _overfitting(evidence: Told) -> str:
    found = evidence["overfitting"]
    if thin := _thin(evidence, "all"):
        return f"Not told: all sets together have too little behind them ({thin})."
    if found is None:
        return "Not told: there are too few sessions, or nothing to choose from."
    return (
        f"Chosen on one half of the sessions, the best set ends in the lower half of all on the "
        f"other {_share(found['pbo'])} of the time (PBO; 50 % without any skill), and loses there "
        f"{_share(found['loss_share'])} of the time."
    )


def _superior(evidence: Told) -> str:
    found = evidence["superior"]
    if found is None:
        return "Not told: no set differs from holding the stock."
    verdict = "No set is shown to beat" if found["p"] > 0.05 else "A set beats"  # noqa: PLR2004
    return (
        f"{verdict} holding the stock throughout: p {found['p']:.2f}, corrected for choosing among "
        f"{evidence['compared']:,} of {evidence['distinct']:,} distinct results (SPA)."
    )


def _walked(found: Told) -> str:
    events = len(found["events"])
    if not events:
        return "Not told: no set has traded."
    if not any(row.get("known", True) for row in found["events"]):
        return "Not told: no earlier event to choose on."
    return (
        f"Chosen for each event on earlier ones alone, the trades on {events} "
        f"{'event' if events == 1 else 'events'} return {percent(found['total'])} in sum; the "
        f"default's {percent(found['default'])}, the best set's in hindsight "
        f"{percent(found['hindsight'])}."
    )


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{100 * value:.0f} %"
