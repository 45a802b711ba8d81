"""Asking again: the same data must give the same answers, wherever and on whatever day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from backtest.audit.checks import Check
from backtest.audit.findings import differences, finding
from backtest.audit.lanes import Job, Lane
from backtest.audit.watch import CLOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backtest.audit.lanes import Crew
    from backtest.audit.observe import Ask, Observation
    from backtest.audit.source import Source

    Seen = Mapping[Job, Observation]

UNSTEADY = "it is not deterministic"
# A Sunday before any event and a Wednesday after all, in no part of which they are alike.
DAYS = (datetime(1998, 2, 1, 3, 7, 17, tzinfo=UTC), datetime(2055, 7, 28, 18, 41, 52, tzinfo=UTC))


class Repeats:
    """The full data: asked twice, once more in another process, and there on other days.

    Attributes:
        twice: asks twice.
        anew: asks in another process.
        lanes: of all jobs.

    """

    def __init__(self, source: Source, ask: Ask) -> None:
        self.twice = Job(source.as_is, replace(ask, passes=2))
        self.anew = Job(source.as_is, ask)
        self._days = [Job(source.as_is, replace(ask, clock=moment)) for moment in DAYS]
        # The true day is last: a package is loaded once, and keeps the day that it read then.
        self.lanes = [Lane([self.twice]), Lane([*self._days, self.anew], hash_seed=2)]

    def check(self, seen: Seen) -> Check:
        """Whether the same data give the same answers."""
        first, again = seen[self.twice].passes
        anew = seen[self.anew].passes[0]
        check = Check(
            "repeat",
            "On the full data the same strategy was asked twice, once more in another process "
            "with another order of sets, and there with clocks that show two other days.",
            worlds=3 + len(DAYS),
            dates=set(seen[self.twice].heard),
            compared=(2 + len(DAYS)) * len(first),
        )
        told = _clock_told(seen[job] for job in self._days)
        check.note(f"It does otherwise when asked again{told}", differences(first, again))
        check.note(f"It does otherwise in another process{told}", differences(first, anew))
        for job in self._days:
            if error := seen[job].error:
                failed = finding(f"It fails on another day{told}: {error}")
                check.findings.setdefault((None, ""), failed)
            else:
                answers = seen[job].passes[0]
                check.note(f"It does otherwise on another day{told}", differences(anew, answers))
        return check

    def steady(self, seen: Seen) -> bool:
        """Whether processes and days answer alike, so that a world can be held against them."""
        first = seen[self.twice].passes[0]
        return all(seen[job].passes[:1] == [first] for job in (self.anew, *self._days))


def _clock_told(days: Iterable[Observation]) -> str:
    """That the strategy asks what time it is, and on which line; empty where it does not."""
    lines = [line for day in days for what, line, _ in day.touched if what == CLOCK]
    return f"; it {CLOCK} ({lines[0]})" if lines else ""


def note_chance(
    check: Check, source: Source, crew: Crew, others: Iterable[Check], seen: Seen
) -> bool:
    """Ask once more in a world of each check in which a strategy did otherwise.

    One that looks ahead does the same there again, and chance another thing.

    Args:
        check: takes up the answers that differ.
        source: the data.
        crew: who observes.
        others: the checks whose worlds they are.
        seen: what was done in them.

    Returns:
        Whether any differs.

    """
    by_chance = False
    jobs = [other.odd[0].job for other in others if other.odd]
    for job, again in crew(source, [Lane([job]) for job in jobs]):
        passes = [] if again.error else again.passes[0]
        if pairs := list(differences(seen[job].passes[0], passes)):
            check.note("It does otherwise when asked again", pairs)
            by_chance = True
    return by_chance
