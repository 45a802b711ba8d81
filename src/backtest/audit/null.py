"""The null world: made-up prices without predictability, the strategy's events on random days.

A strategy finds nothing there but luck, and a test of level 5 % says so in 5 of 100 worlds. One
that knows the prices of the world beforehand shows it in many more.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.audit import worlds
from backtest.audit.lanes import Job, Lane
from backtest.experiments.runs.evidence import LEVEL
from backtest.stats.multiple_testing import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from backtest.audit.observe import Ask, Observation
    from backtest.audit.source import Source, World

_LANE = 50  # worlds that one process sees
_SURE = 0.999  # the confidence at which more than luck is called bias


def null_jobs(
    source: Source, ask: Ask, sessions: Sequence[date], count: int, seed: int
) -> list[Job]:
    """The null worlds, and what is asked in them.

    Args:
        source: the data.
        ask: what is asked.
        sessions: those of the replay, on which events are put.
        count: how many worlds.
        seed: of all of them.

    """
    return [
        Job(
            partial(_world, source, sessions, (seed, number)),
            replace(ask, placebo=int(np.random.default_rng((seed, number)).integers(2**32))),
        )
        for number in range(count)
    ]


def _world(source: Source, sessions: Sequence[date], seed: tuple[int, int]) -> World:
    return worlds.shuffled(source, np.random.default_rng(seed), sessions)


def null_lanes(jobs: Sequence[Job]) -> list[Lane]:
    """Lanes of some worlds each."""
    return [Lane(jobs[first : first + _LANE]) for first in range(0, len(jobs), _LANE)]


def null_record(
    seen: Sequence[Observation], why_not: str = "no null world was asked for"
) -> dict[str, Any]:
    """How often the strategy looked significant, as the record holds it.

    Args:
        seen: what it did in the null worlds.
        why_not: why there are none, where there are none.

    """
    told: dict[str, Any] = {"worlds": len(seen), "level": LEVEL, "bias": False}
    failed = [one.error for one in seen if one.error]
    p_values = [one.p for one in seen if one.p is not None]
    if not seen:
        return {**told, "why": f"{why_not}."}
    if len(failed) == len(seen):
        return {**told, "why": f"it fails in all of them. {failed[0]}"}
    if not p_values:
        why = "it trades in none of them, or holds from the first session to the last."
        return {**told, "why": why}
    found = sum(p <= LEVEL for p in p_values)
    low, _ = wilson_interval(found, len(p_values), _SURE)
    return {
        **told,
        "what": f"{len(seen)} worlds with days drawn at random from the stock's own and its "
        "events in random sessions: nothing can be predicted there.",
        "tested": len(p_values),
        "significant": found,
        "share": found / len(p_values),
        "interval": list(wilson_interval(found, len(p_values))),
        "bias": low > LEVEL,
    }
