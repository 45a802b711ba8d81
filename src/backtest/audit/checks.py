"""The checks: which worlds a strategy is asked in, and what it must not do otherwise there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from backtest.audit import worlds
from backtest.audit.altered import altered_events, delayed_events
from backtest.audit.findings import differences, finding
from backtest.audit.lanes import Job, Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from backtest.audit.findings import Pair
    from backtest.audit.observe import Ask, Observation
    from backtest.audit.source import Source, World
    from backtest.data.tables import Row

VARIANTS = 3  # of made-up prices, for each session
_MOST_SHOWN = 20
_LANE = 100  # worlds that one process sees at most

PREFIX, PERTURBATION, EVENT_TIME = "prefix", "perturbation", "event_time"
TITLES = {
    PREFIX: "Prefix",
    PERTURBATION: "Perturbation",
    EVENT_TIME: "Event time",
    "reads": "Reads",
    "repeat": "Repeat",
}
_WHAT = {
    PREFIX: "For each session, prices and events from its open on were taken away.",
    PERTURBATION: f"For each session, prices from it on were made up, {VARIANTS} times; the "
    "number of rows and their dates stayed.",
    EVENT_TIME: "For each session, the events that were not public by its open were dropped, "
    "delayed by a week, and altered.",
}


@dataclass(frozen=True)
class Trial:
    """A world of a check: all that was decided up to the session must be as on the full data."""

    check: str
    session: date
    how: str
    job: Job


@dataclass
class Check:
    """What a check has tried and found.

    Attributes:
        name: of the check.
        what: what was tried, a sentence.
        worlds: how many there were.
        dates: sessions that were tried.
        compared: answers that were held against each other.
        findings: by date and event, the first of each.
        peeks: of the planted peek, how often it was caught, and how often it was asked.
        not_tried: why nothing was tried.
        odd: the trials in whose worlds it did otherwise.

    """

    name: str
    what: str
    worlds: int = 0
    dates: set[date] = field(default_factory=set)
    compared: int = 0
    findings: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    peeks: tuple[int, int] = (0, 0)
    not_tried: str = ""
    odd: list[Trial] = field(default_factory=list)

    def note(self, what: str, pairs: Iterable[Pair]) -> None:
        """Take up answers that differ; of each date and event the first ones count."""
        for pair in pairs:
            told = finding(what, pair)
            self.findings.setdefault((told["date"], told["event_id"]), told)

    def as_dict(self) -> dict[str, Any]:
        """As the record holds it."""
        found = sorted(self.findings.values(), key=lambda one: one["date"] or "")
        sizes = {"worlds": self.worlds, "dates": len(self.dates), "compared": self.compared}
        return {
            "name": self.name,
            "title": TITLES[self.name],
            "what": self.what,
            "tried": sizes,
            "findings": found[:_MOST_SHOWN],
            "count": len(found),
            "not_tried": self.not_tried,
        }


def plan(
    source: Source,
    ask: Ask,
    every: Iterable[date],
    eventful: Iterable[date],
    seed: int,
) -> list[Trial]:
    """The worlds of the three checks, from early sessions to later ones.

    Args:
        source: the data.
        ask: what is asked.
        every: the sessions of the prefix check.
        eventful: those of the others.
        seed: of all that is random.

    """
    changes: dict[str, Callable[[Row], Row | None]] = {
        "dropped": worlds.dropped,
        "delayed by a week": partial(worlds.replaced, instead=delayed_events(source)),
        "altered": partial(worlds.replaced, instead=altered_events(source, seed)),
    }
    trials = [
        _trial(
            ask,
            PREFIX,
            day,
            f"with nothing known from the open of {day} on",
            partial(worlds.prefix, source, day, ask.reaction),
        )
        for day in sorted(every)
    ]
    for day in sorted(eventful):
        made_up, later = f"with prices made up from {day} on", f"with the events after {day}"
        for variant in range(VARIANTS):
            make = partial(worlds.perturbed, source, day, seed, variant)
            trials.append(_trial(ask, PERTURBATION, day, made_up, make))
        for word, change in changes.items():
            make = partial(worlds.with_later_events, source, day, ask.reaction, change)
            trials.append(_trial(ask, EVENT_TIME, day, f"{later} {word}", make))
    return trials


def _trial(ask: Ask, check: str, day: date, how: str, make: Callable[[], World]) -> Trial:
    return Trial(check, day, how, Job(make, replace(ask, until=day)))


def lanes_of(trials: Sequence[Trial]) -> list[Lane]:
    """Lanes of one check each, so that none knows prices that another takes away."""
    lanes = []
    for check in (PREFIX, PERTURBATION, EVENT_TIME):
        jobs = [trial.job for trial in trials if trial.check == check]
        count = -(-len(jobs) // _LANE)
        lanes += [Lane(jobs[start::count]) for start in range(count)]
    return lanes


def compare(
    trials: Sequence[Trial], seen: Mapping[Job, Observation], full: Observation
) -> dict[str, Check]:
    """Hold what was done in each world against what was done on the full data."""
    checks = {name: Check(name, what) for name, what in _WHAT.items()}
    for trial in trials:
        _judge(checks[trial.check], trial, seen[trial.job], full)
    for check in checks.values():
        if not check.worlds:
            check.not_tried = "no event can be traded, so that nothing is decided"
    return checks


def _judge(check: Check, trial: Trial, seen: Observation, full: Observation) -> None:
    check.worlds += 1
    check.dates.add(trial.session)
    ours = full.passes[0]
    check.compared += sum(answer["date"] <= trial.session for answer in ours)
    caught, asked = check.peeks
    wrong = sum(said != full.peeks.get(event_id) for event_id, said in seen.peeks.items())
    check.peeks = (caught + wrong, asked + len(seen.peeks))
    if seen.error:
        told = {**finding(f"It fails {trial.how}: {seen.error}"), "date": trial.session.isoformat()}
        check.findings.setdefault((trial.session, ""), told)
        return
    if pairs := list(differences(ours, seen.passes[0], trial.session)):
        check.odd.append(trial)
        check.note(f"It does otherwise {trial.how}", pairs)


def reads(full: Observation) -> Check:
    """What the strategy touched besides what it is handed."""
    check = Check(
        "reads",
        "Files that were read, connections and programs, while the strategy loaded and decided, "
        "were noted.",
        worlds=1,
        dates=set(full.heard),
    )
    for what, line, when in full.touched:
        where = f" ({line})" if line else ""
        check.findings[what, line] = finding(f"It {what} {when}{where}")
    return check
