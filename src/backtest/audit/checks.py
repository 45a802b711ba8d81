"""This module plans the worlds that a strategy is asked in, and compares its answers in them."""

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
    """Yield the pairs of answers that differ, by date; None stands for a missing answer."""
    ours, theirs = _by_key(full), _by_key(world)
    for key in sorted({**ours, **theirs}):
        pair = (ours.get(key), theirs.get(key))
        if not _same(*pair):
            yield pair


def _by_key(answers: Iterable[AnswerFields]) -> dict[tuple[Any, ...], AnswerFields]:
    counts: Counter[tuple[Any, ...]] = Counter()
    keyed: dict[tuple[Any, ...], AnswerFields] = {}
    for answer in answers:
        key = (answer["date"], *(str(answer.get(name, "")) for name in _KEYS))
        keyed[*key, counts[key]] = answer  # equal keys, as of two orders at one open, are numbered
        counts[key] += 1
    return keyed


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
    """Return a finding as `audit.FindingRow` holds it."""
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
    keys = ("moment", "date", "event_id")
    terms = {name: value for name, value in answer.items() if name not in keys}
    return {"text": text_of(answer), **terms}


def text_of(answer: AnswerFields) -> str:
    """Describe an answer, a decision or an order, in one line."""
    if "action" in answer:
        terms = [
            f"{name.replace('_', ' ')} {_number(answer[name])}"
            for name in (*TERMS, "legs", "sessions", "at_most", "gives_way")
            if name in answer
        ]
        text = ", ".join([answer["action"], *terms])
        return f"{text}: {answer['reason']}" if answer["reason"] else text
    side = "buy" if answer["size"] > 0 else "sell"
    why = f" ({answer['exit_reason'].replace('_', ' ')})" if "exit_reason" in answer else ""
    level = price(answer["price"]) if "price" in answer else "no level"
    at = "" if answer["type"] == "market" else f" at {level}"
    return f"{side} {abs(answer['size']):,.0f} {answer['symbol']}, {answer['type']}{at}{why}"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


UNSTEADY = "it is not deterministic"
# A Sunday before any event and a Wednesday after all, in no part of which they are alike.
DAYS = (datetime(1998, 2, 1, 3, 7, 17, tzinfo=UTC), datetime(2055, 7, 28, 18, 41, 52, tzinfo=UTC))


class Repeats:
    """`Repeats` asks on the full data twice, again in another process, and there on other days."""

    def __init__(self, source: Source, request: AuditRequest, observer: Observer) -> None:
        twice, again = Job(source.as_is, Ask(request, passes=2)), Job(source.as_is, Ask(request))
        days = [Job(source.as_is, Ask(request, clock=moment)) for moment in DAYS]
        # The true day is last: a package is loaded once, and keeps the day that it read then.
        groups = [JobGroup([twice]), JobGroup([*days, again], hash_seed=2)]
        seen = dict(observer(source, groups))
        self.full, self._again = seen[twice], seen[again]
        self._days = [seen[job] for job in days]
        self.error = self.full.error or self._again.error

    def check(self) -> Check:
        """Compare the answers on the same data; only where `error` is empty."""
        (first, second), (other,) = self.full.passes, self._again.passes
        check = Check(
            "repeat",
            "On the full data the same strategy was asked twice, once more in another process "
            "with another order of sets, and there with clocks that show two other days.",
            worlds=3 + len(DAYS),
            dates={moment.session for moment in self.full.heard},
            compared=(2 + len(DAYS)) * len(first),
        )
        lines = [line for day in self._days for what, line in day.touched if what == CLOCK]
        clock = f"; it {CLOCK} ({lines[0]})" if lines else ""
        check.note(f"It does otherwise when asked again{clock}", differences(first, second))
        check.note(f"It does otherwise in another process{clock}", differences(first, other))
        for day in self._days:
            if day.error:
                failed = finding(f"It fails on another day{clock}: {day.error}")
                check.findings.setdefault((None, ""), failed)
            else:
                pairs = differences(other, day.passes[0])
                check.note(f"It does otherwise on another day{clock}", pairs)
        return check

    @property
    def steady(self) -> bool:
        """Tell whether processes and days answer alike, so that worlds can be compared to them."""
        first, others = self.full.passes[0], (self._again, *self._days)
        return not any(one.error or any(differences(first, one.passes[0])) for one in others)


def spread(items: Sequence[T], most: int) -> list[T]:
    """Return at most `most` of the items, spread evenly over them."""
    count = min(len(items), most)
    return [items[(2 * n + 1) * len(items) // (2 * count)] for n in range(count)]


def sample(items: Sequence[T], most: int, seed: int) -> list[T]:
    """Return at most `most` of the items, drawn at random, in their order."""
    if len(items) <= most:
        return list(items)
    numbers = np.random.default_rng(seed).choice(len(items), most, replace=False)
    return [items[number] for number in sorted(numbers)]


VARIANTS = 3  # worlds of made-up prices for each moment
WORLDS_OF_MOMENT = 1 + VARIANTS + 3
_MOST_SHOWN = 20
_GROUP = 100  # the most worlds that one process sees

PREFIX, PERTURBATION, EVENT_TIME = "prefix", "perturbation", "event_time"
TITLES = {
    PREFIX: "Prefix",
    PERTURBATION: "Perturbation",
    EVENT_TIME: "Event time",
    "reads": "Reads",
    "repeat": "Repeat",
}
_WHAT = {
    PREFIX: "For each {unit}, prices and events from its open on were taken away.",
    PERTURBATION: f"For each {{unit}}, prices from it on were made up, {VARIANTS} times; the "
    "number of rows and their dates stayed.",
    EVENT_TIME: "For each {unit}, the events that were not public by its open were dropped, "
    "delayed by a week, and altered.",
}


@dataclass(frozen=True)
class Probe:
    """A probe is a world in which decisions up to a moment must be those of the full data."""

    check: str
    moment: DecisionTime
    how: str
    job: Job


@dataclass
class Check:
    """A check holds what was tried, `what` in a sentence, and its findings."""

    name: str
    what: str
    worlds: int = 0
    dates: set[date] = field(default_factory=set)
    compared: int = 0  # pairs of answers
    findings: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)  # by date, event
    peeks: dict[str, tuple[int, int]] = field(default_factory=dict)  # by kind: caught, tried
    not_tried: str = ""  # the reason
    differing: list[Probe] = field(default_factory=list)  # in whose worlds it did otherwise

    def note(self, what: str, pairs: Iterable[Pair]) -> None:
        """Add a finding for each pair of answers; the first of a date and event is kept."""
        for pair in pairs:
            row = finding(what, pair)
            self.findings.setdefault((row["date"], row["event_id"]), row)

    def as_dict(self) -> dict[str, Any]:
        """Return the check as `audit.CheckRow` holds it."""
        findings = sorted(self.findings.values(), key=lambda row: row["date"] or "")
        return {
            "name": self.name,
            "title": TITLES[self.name],
            "what": self.what,
            "tried": {
                "worlds": self.worlds,
                "dates": len(self.dates),
                "compared": self.compared,
            },
            "findings": findings[:_MOST_SHOWN],
            "count": len(findings),
            "not_tried": self.not_tried,
        }


def plan(
    source: Source,
    request: AuditRequest,
    moments: Iterable[DecisionTime],
    eventful: Iterable[DecisionTime],
) -> list[Probe]:
    """Plan the worlds of the three checks, from early moments to later ones.

    The prefix check tries all `moments`, the others those that are `eventful`.
    """

    def probe(check: str, moment: DecisionTime, how: str, make: Callable[[], World]) -> Probe:
        return Probe(check, moment, how, Job(make, Ask(request, until=moment)))

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
    probes = []
    at = "" if request.bars else "the open of "
    for moment in sorted(moments):
        how = f"with nothing known from {at}{when(moment)} on"
        probes.append(probe(PREFIX, moment, how, partial(worlds.prefix, source, moment)))
    for moment in sorted(eventful):
        how = f"with prices made up from {when(moment)} on"
        for variant in range(VARIANTS):
            make = partial(worlds.perturbed, source, moment, request.seed, variant)
            probes.append(probe(PERTURBATION, moment, how, make))
        for word, change in changes.items():
            how = f"with the events after {when(moment)} {word}"
            make = partial(worlds.with_later_events, source, moment, change)
            probes.append(probe(EVENT_TIME, moment, how, make))
    return probes


def _groups_of(probes: Sequence[Probe]) -> list[JobGroup]:
    groups = []  # of one check each, so that no process knows prices that another check hides
    for check in (PREFIX, PERTURBATION, EVENT_TIME):
        jobs = [probe.job for probe in probes if probe.check == check]
        count = -(-len(jobs) // _GROUP)
        groups += [JobGroup(jobs[start::count]) for start in range(count)]
    return groups


def compare(
    source: Source, probes: Sequence[Probe], seen: Seen, full: Observation
) -> dict[str, Check]:
    """Compare what was done in each world with what was done on the full data."""
    checks = {name: Check(name, what.format(unit=source.unit)) for name, what in _WHAT.items()}
    for probe in probes:
        _judge(checks[probe.check], probe, seen[probe.job], full)
    for check in checks.values():
        if not check.worlds:
            check.not_tried = "no event can be traded, so that nothing is decided"
    return checks


def in_worlds(
    source: Source,
    observer: Observer,
    probes: Sequence[Probe],
    full: Observation,
    again: Check,
    others: Sequence[JobGroup] = (),
    progress: Progress = lambda *_: None,
) -> tuple[dict[str, Check], Seen, bool]:
    """Observe the worlds of the probes, and `others`, and compare the former with the full data.

    Returns the checks by name, all observations, and whether any answer differs by chance, which
    `again` then notes. `progress` gets the number of worlds done and that of all.
    """
    groups = [*_groups_of(probes), *others]
    total = sum(len(group.jobs) for group in groups)
    seen = {}
    for job, observation in observer(source, groups):
        seen[job] = observation
        progress(len(seen), total)
    checks = compare(source, probes, seen, full)
    return checks, seen, note_chance(again, source, observer, checks.values(), seen)


def note_chance(
    again: Check, source: Source, observer: Observer, checks: Iterable[Check], seen: Seen
) -> bool:
    """Ask again in one world of each check that found a difference; tell whether one is by chance.

    A strategy that looks ahead repeats itself there. One that decides by chance does not, and
    `again` notes what differs.
    """
    by_chance = False
    groups = [JobGroup([check.differing[0].job]) for check in checks if check.differing]
    for job, repeated in observer(source, groups):
        passes = [] if repeated.error else repeated.passes[0]
        if pairs := list(differences(seen[job].passes[0], passes)):
            again.note("It does otherwise when asked again", pairs)
            by_chance = True
    return by_chance


def _judge(check: Check, probe: Probe, seen: Observation, full: Observation) -> None:
    session = probe.moment.session
    check.worlds += 1
    check.dates.add(session)
    expected = [answer for answer in full.passes[0] if answer["moment"] <= probe.moment]
    check.compared += len(expected)
    for (event_id, kind), peek in seen.peeks.items():
        caught, tried = check.peeks.get(kind, (0, 0))
        is_caught = peek != full.peeks.get((event_id, kind))
        check.peeks[kind] = (caught + is_caught, tried + 1)
    if seen.error:
        row = {**finding(f"It fails {probe.how}: {seen.error}"), "date": session.isoformat()}
        check.findings.setdefault((session, ""), row)
    elif pairs := list(differences(expected, seen.passes[0])):
        check.differing.append(probe)
        check.note(f"It does otherwise {probe.how}", pairs)


def reads(full: Observation) -> Check:
    """Return the check of what the strategy touched besides what it is handed."""
    what = (
        "Files that were read, connections and programs, while the strategy loaded and decided, "
        "were noted."
    )
    check = Check("reads", what, worlds=1, dates={moment.session for moment in full.heard})
    for (what, line), when in full.touched.items():
        where = f" ({line})" if line else ""
        check.findings[what, line] = finding(f"It {what} {when}{where}")
    return check
