"""The checks: which worlds a strategy is asked in, and what it must not do otherwise there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from math import isclose
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from backtest.audit import worlds
from backtest.audit.jobs import Job, JobGroup, Observer, Source
from backtest.audit.observe import AnswerFields, Ask, AuditRequest, Observation
from backtest.audit.watch import CLOCK
from backtest.audit.worlds import DecisionTime, World, altered_events, delayed_events
from backtest.data.kinds import NEW_YORK
from backtest.stats.formats import price
from backtest.strategy.base import TERMS

if TYPE_CHECKING:
    from backtest.data.tables import Row

    Seen = Mapping[Job, Observation]

Progress = Callable[[int, int], None]  # worlds done, worlds in all

T = TypeVar("T")
Pair = tuple["AnswerFields | None", "AnswerFields | None"]

_KEYS = ("event_id", "symbol", "type", "exit_reason")
_PRECISION = 1e-9  # sums may round differently where arrays lie otherwise in memory
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def differences(full: Iterable[AnswerFields], world: Iterable[AnswerFields]) -> Iterator[Pair]:
    """The answers that differ, by date; None stands where there is none."""
    ours, theirs = _by_key(full), _by_key(world)
    for key in sorted({**ours, **theirs}):
        pair = (ours.get(key), theirs.get(key))
        if not _same(*pair):
            yield pair


def _by_key(answers: Iterable[AnswerFields]) -> dict[tuple[Any, ...], AnswerFields]:
    seen: Counter[tuple[Any, ...]] = Counter()
    found: dict[tuple[Any, ...], AnswerFields] = {}
    for answer in answers:
        key = (answer["date"], *(str(answer.get(name, "")) for name in _KEYS))
        found[*key, seen[key]] = answer  # those of one open that are alike are numbered
        seen[key] += 1
    return found


def _same(full: AnswerFields | None, world: AnswerFields | None) -> bool:
    if full is None or world is None or full.keys() != world.keys():
        return False
    return all(_equal(value, world[name]) for name, value in full.items())


def _equal(one: Any, other: Any) -> bool:
    if one == other:
        return True
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=_PRECISION)
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    if _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(isclose(float(a), float(b), rel_tol=_PRECISION) for a, b in pairs)


def finding(what: str, pair: Pair = (None, None)) -> dict[str, Any]:
    """A finding as `record.FindingRow` holds it."""
    full, world = pair
    about = full or world or {"date": None, "event_id": ""}
    return {
        "date": about["date"] and about["date"].isoformat(),
        "event_id": about["event_id"],
        "what": what,
        "full": _side(full),
        "world": _side(world),
    }


def _side(answer: AnswerFields | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    where = ("moment", "date", "event_id")
    terms = {name: value for name, value in answer.items() if name not in where}
    return {"text": text_of(answer), **terms}


def text_of(answer: AnswerFields) -> str:
    """An answer in one line."""
    if "action" in answer:
        terms = [
            f"{name.replace('_', ' ')} {_number(answer[name])}"
            for name in (*TERMS, "legs", "sessions", "at_most", "gives_way")
            if name in answer
        ]
        told = ", ".join([answer["action"], *terms])
        return f"{told}: {answer['reason']}" if answer["reason"] else told
    side_of = "buy" if answer["size"] > 0 else "sell"
    why = f" ({answer['exit_reason'].replace('_', ' ')})" if "exit_reason" in answer else ""
    level = price(answer["price"]) if "price" in answer else "no level"
    at = "" if answer["type"] == "market" else f" at {level}"
    return f"{side_of} {abs(answer['size']):,.0f} {answer['symbol']}, {answer['type']}{at}{why}"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


UNSTEADY = "it is not deterministic"
# A Sunday before any event and a Wednesday after all, in no part of which they are alike.
DAYS = (datetime(1998, 2, 1, 3, 7, 17, tzinfo=UTC), datetime(2055, 7, 28, 18, 41, 52, tzinfo=UTC))


class Repeats:
    """The full data, asked twice, once more in another process, and there on other days."""

    def __init__(self, source: Source, request: AuditRequest, observer: Observer) -> None:
        twice, anew = Job(source.as_is, Ask(request, passes=2)), Job(source.as_is, Ask(request))
        days = [Job(source.as_is, Ask(request, clock=moment)) for moment in DAYS]
        # The true day is last: a package is loaded once, and keeps the day that it read then.
        groups = [JobGroup([twice]), JobGroup([*days, anew], hash_seed=2)]
        seen = dict(observer(source, groups))
        self.full, self._anew = seen[twice], seen[anew]
        self._days = [seen[job] for job in days]
        self.error = self.full.error or self._anew.error

    def check(self) -> Check:
        """Whether the same data give the same answers; where there is no error."""
        (first, again), (anew,) = self.full.passes, self._anew.passes
        check = Check(
            "repeat",
            "On the full data the same strategy was asked twice, once more in another process "
            "with another order of sets, and there with clocks that show two other days.",
            worlds=3 + len(DAYS),
            dates={one.session for one in self.full.heard},
            compared=(2 + len(DAYS)) * len(first),
        )
        lines = [line for day in self._days for what, line in day.touched if what == CLOCK]
        clock = f"; it {CLOCK} ({lines[0]})" if lines else ""
        check.note(f"It does otherwise when asked again{clock}", differences(first, again))
        check.note(f"It does otherwise in another process{clock}", differences(first, anew))
        for day in self._days:
            if day.error:
                failed = finding(f"It fails on another day{clock}: {day.error}")
                check.findings.setdefault((None, ""), failed)
            else:
                differing = differences(anew, day.passes[0])
                check.note(f"It does otherwise on another day{clock}", differing)
        return check

    @property
    def steady(self) -> bool:
        """Whether processes and days answer alike, so that a world can be held against them."""
        first, others = self.full.passes[0], (self._anew, *self._days)
        return not any(one.error or any(differences(first, one.passes[0])) for one in others)


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most so many of the items, spread evenly."""
    count = min(len(items), most)
    return [items[(2 * n + 1) * len(items) // (2 * count)] for n in range(count)]


def drawn(items: Sequence[T], most: int, seed: int) -> list[T]:
    """At most so many of the items, drawn at random."""
    if len(items) <= most:
        return list(items)
    chosen = np.random.default_rng(seed).choice(len(items), most, replace=False)
    return [items[number] for number in sorted(chosen)]


VARIANTS = 3  # of made-up prices, for each moment
WORLDS_OF_MOMENT = 1 + VARIANTS + 3
_MOST_SHOWN = 20
_GROUP = 100  # worlds that one process sees at most

PREFIX, PERTURBATION, EVENT_TIME = "prefix", "perturbation", "event_time"
TITLES = {
    PREFIX: "Prefix",
    PERTURBATION: "Perturbation",
    EVENT_TIME: "Event time",
    "reads": "Reads",
    "repeat": "Repeat",
}
_WHAT = {
    PREFIX: "For each {one}, prices and events from its open on were taken away.",
    PERTURBATION: f"For each {{one}}, prices from it on were made up, {VARIANTS} times; the "
    "number of rows and their dates stayed.",
    EVENT_TIME: "For each {one}, the events that were not public by its open were dropped, "
    "delayed by a week, and altered.",
}


@dataclass(frozen=True)
class Trial:
    """A world of a check: all that was decided up to the moment must be as on the full data."""

    check: str
    moment: DecisionTime
    how: str
    job: Job


@dataclass
class Check:
    """What a check has tried and found; `what` was tried is a sentence."""

    name: str
    what: str
    worlds: int = 0
    dates: set[date] = field(default_factory=set)
    compared: int = 0  # answers that were held against each other
    findings: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)  # first of each
    peeks: dict[str, tuple[int, int]] = field(default_factory=dict)  # caught, tried; by its kind
    not_tried: str = ""
    odd: list[Trial] = field(default_factory=list)  # in whose worlds it did otherwise

    def note(self, what: str, pairs: Iterable[Pair]) -> None:
        """Add answers that differ; of each date and event the first ones count."""
        for pair in pairs:
            row = finding(what, pair)
            self.findings.setdefault((row["date"], row["event_id"]), row)

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
    request: AuditRequest,
    every: Iterable[DecisionTime],
    eventful: Iterable[DecisionTime],
) -> list[Trial]:
    """The worlds of the three checks, from early moments to later ones.

    The prefix check tries `every` moment, the others those that are `eventful`.
    """

    def trial(check: str, moment: DecisionTime, how: str, make: Callable[[], World]) -> Trial:
        return Trial(check, moment, how, Job(make, Ask(request, until=moment)))

    def when(moment: DecisionTime) -> str:
        if not request.bars:
            return str(moment.session)
        return f"{moment.time.astimezone(NEW_YORK):%Y-%m-%d %H:%M} New York"

    delayed, altered = delayed_events(source), altered_events(source, request.seed)
    changes: dict[str, Callable[[Row], Row | None]] = {
        "dropped": lambda _: None,
        "delayed by a week": lambda row: delayed[row.line],
        "altered": lambda row: altered[row.line],
    }
    trials = []
    at = "" if request.bars else "the open of "
    for one in sorted(every):
        make = partial(worlds.prefix, source, one)
        trials.append(trial(PREFIX, one, f"with nothing known from {at}{when(one)} on", make))
    for one in sorted(eventful):
        made_up, later = f"with prices made up from {when(one)} on", f"the events after {when(one)}"
        for variant in range(VARIANTS):
            make = partial(worlds.perturbed, source, one, request.seed, variant)
            trials.append(trial(PERTURBATION, one, made_up, make))
        for word, change in changes.items():
            make = partial(worlds.with_later_events, source, one, change)
            trials.append(trial(EVENT_TIME, one, f"with {later} {word}", make))
    return trials


def _groups_of(trials: Sequence[Trial]) -> list[JobGroup]:
    groups = []  # of one check each, so that none knows prices that another takes away
    for check in (PREFIX, PERTURBATION, EVENT_TIME):
        jobs = [trial.job for trial in trials if trial.check == check]
        count = -(-len(jobs) // _GROUP)
        groups += [JobGroup(jobs[start::count]) for start in range(count)]
    return groups


def compare(
    source: Source, trials: Sequence[Trial], seen: Seen, full: Observation
) -> dict[str, Check]:
    """Hold what was done in each world against what was done on the full data."""
    checks = {name: Check(name, what.format(one=source.one)) for name, what in _WHAT.items()}
    for trial in trials:
        _judge(checks[trial.check], trial, seen[trial.job], full)
    for check in checks.values():
        if not check.worlds:
            check.not_tried = "no event can be traded, so that nothing is decided"
    return checks


def in_worlds(
    source: Source,
    observer: Observer,
    trials: Sequence[Trial],
    full: Observation,
    again: Check,
    others: Sequence[JobGroup] = (),
    progress: Progress = lambda *_: None,
) -> tuple[dict[str, Check], Seen, bool]:
    """The checks in worlds, what was done there and in others, and whether any answer was chance.

    `again` takes up the answers that differ by chance; `progress` gets the worlds done and all.
    """
    groups = [*_groups_of(trials), *others]
    total = sum(len(group.jobs) for group in groups)
    seen = {}
    for job, observation in observer(source, groups):
        seen[job] = observation
        progress(len(seen), total)
    checks = compare(source, trials, seen, full)
    return checks, seen, note_chance(again, source, observer, checks.values(), seen)


def note_chance(
    again: Check, source: Source, observer: Observer, checks: Iterable[Check], seen: Seen
) -> bool:
    """Ask once more in a world of each check in which a strategy did otherwise.

    One that looks ahead does the same there again, and chance another thing, which `again` takes
    up. Returns whether any is chance.
    """
    by_chance = False
    groups = [JobGroup([check.odd[0].job]) for check in checks if check.odd]
    for job, repeated in observer(source, groups):
        passes = [] if repeated.error else repeated.passes[0]
        if pairs := list(differences(seen[job].passes[0], passes)):
            again.note("It does otherwise when asked again", pairs)
            by_chance = True
    return by_chance


def _judge(check: Check, trial: Trial, seen: Observation, full: Observation) -> None:
    session = trial.moment.session
    check.worlds += 1
    check.dates.add(session)
    ours = [answer for answer in full.passes[0] if answer["moment"] <= trial.moment]
    check.compared += len(ours)
    for (event_id, kind), said in seen.peeks.items():
        caught, asked = check.peeks.get(kind, (0, 0))
        wrong = said != full.peeks.get((event_id, kind))
        check.peeks[kind] = (caught + wrong, asked + 1)
    if seen.error:
        row = {**finding(f"It fails {trial.how}: {seen.error}"), "date": session.isoformat()}
        check.findings.setdefault((session, ""), row)
        return
    if pairs := list(differences(ours, seen.passes[0])):
        check.odd.append(trial)
        check.note(f"It does otherwise {trial.how}", pairs)


def reads(full: Observation) -> Check:
    """What the strategy touched besides what it is handed."""
    what = (
        "Files that were read, connections and programs, while the strategy loaded and decided, "
        "were noted."
    )
    check = Check("reads", what, worlds=1, dates={one.session for one in full.heard})
    for (what, line), when in full.touched.items():
        where = f" ({line})" if line else ""
        check.findings[what, line] = finding(f"It {what} {when}{where}")
    return check
