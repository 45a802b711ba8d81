"""Time two pieces of work in turn, and report them as a row."""

import statistics
from collections.abc import Callable, Iterable
from typing import Any


def in_turn(
    mine: Callable[[], float], theirs: Callable[[], float], rounds: int
) -> list[tuple[float, float]]:
    """Return the seconds of both, once for each round; a first round warms up."""
    return [(mine(), theirs()) for _ in range(rounds + 1)][1:]


def row(
    work: str,
    against: str,
    pairs: list[tuple[float, float]],
    reach: float,
    *,
    faster: bool = False,
) -> dict[str, Any]:
    """Return a row of the table.

    Args:
        work: the work that is done.
        against: the program that does the same.
        pairs: our seconds and theirs, round by round.
        reach: the share of their time to stay below, or how many times faster to be.
        faster: whether the ratio says how many times faster we are.

    Returns:
        `work`, `against`, `ours` and `theirs` (median seconds), `ratio` (median of our time over
        theirs, or of theirs over ours), `low` and `high` (its quartiles) and `reach`.

    """
    ratios = [theirs / mine if faster else mine / theirs for mine, theirs in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "work": work,
        "against": against,
        "ours": statistics.median(mine for mine, _ in pairs),
        "theirs": statistics.median(theirs for _, theirs in pairs),
        "ratio": middle,
        "low": low,
        "high": high,
        "reach": f"≥ {reach:,} ×" if faster else f"≤ {reach} ×",
    }


def tell(rows: Iterable[dict[str, Any]]) -> None:
    """Print each row as soon as it is measured."""
    for one in rows:
        print(f"{one['work']}: {1e3 * one['ours']:.1f} ms")
        print(f"  against {one['against']}: {1e3 * one['theirs']:.1f} ms")
        spread = f"quartiles {one['low']:.2f} to {one['high']:.2f}"
        print(f"  ratio {one['ratio']:.2f} ({spread}), to reach {one['reach']}")
