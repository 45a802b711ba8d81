"""This module runs audits: `prepare` reads and checks what one needs, `audit` writes its folder.

Worlds in which nothing can be predicted, events that come late and planted peeks show that a
strategy which looks ahead would have been seen.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from backtest.audit import Audit, read_audit
from backtest.audit.checks import (
    EVENT_TIME,
    PERTURBATION,
    PREFIX,
    TITLES,
    UNSTEADY,
    WORLDS_OF_MOMENT,
    Check,
    Progress,
    Repeats,
    compare,
    in_worlds,
    plan,
    reads,
    sample,
    spread,
    text_of,
)
from backtest.audit.jobs import Job, JobGroup, Observer, Source, in_processes
from backtest.audit.observe import AnswerFields, Ask, AuditRequest, Observation
from backtest.audit.worlds import (
    DecisionTime,
    key_of,
    one_session_later,
    shuffled,
    with_one_delayed,
)
from backtest.data.calendar import trading_calendar
from backtest.data.checks import check_data
from backtest.data.events import has_file, kinds_with_files
from backtest.data.kinds import altered
from backtest.data.tables import data_tables
from backtest.data.universe import tables_folder
from backtest.errors import UsageError
from backtest.experiments.runs.run import goes_by_sessions
from backtest.experiments.terms import Plan, folder_name, identity, installed_packages, run_id
from backtest.stats import LEVEL
from backtest.stats.formats import counted
from backtest.stats.multiple_testing import wilson_interval
from backtest.strategy.base import BacktraderStrategy, Strategy, StrategyFile
from backtest.strategy.loading import event_kinds, find_strategy
from backtest.strategy.parameters import configure, json_values, to_record
from backtest.workspace.files import record_text, write_text

if TYPE_CHECKING:
    from backtest.data.event_checks import Finding
    from backtest.data.inputs import Inputs
    from backtest.data.kinds import Event
    from backtest.workspace.folders import Workspace

WORLDS = 200
ORDERS_ITSELF = (
    "it orders by itself, and the times at which it leaves are part of what came out, so that they "
    "do better than random ones where nothing can be predicted"
)
_TABLES, _TABLES_OF_NULL = 25_000, 8_000  # the most written, so that a universe takes minutes
_BARS_OF_CALL = 10  # bars that are replayed in the time of one call of a strategy
_GROUP = 50  # null worlds that one process sees
_MOST_DELAYED = 100  # events; each takes a world in which all symbols are written
_SURE = 0.999  # the confidence at which more than luck is called bias


@dataclass(frozen=True)
class PreparedAudit(Plan[Audit]):
    """A prepared audit is a request whose inputs were read and checked, so that its id is known."""

    workspace: Workspace
    request: AuditRequest
    file: StrategyFile
    strategy: Strategy | BacktraderStrategy
    inputs: Inputs
    source: Source

    def read(self) -> Audit:
        """Read the audit from its folder; raise DataError where it is missing or damaged."""
        return read_audit(self.path)


def prepare(workspace: Workspace, request: AuditRequest) -> PreparedAudit:
    """Read and check everything that an audit needs.

    Raises UsageError where a strategy, symbol, parameter or span is wrong, and DataError where a
    data file is.
    """
    file = find_strategy(workspace, request.strategy)
    strategy = configure(file, request.settings)
    named, settings = tuple(sorted({*request.symbols})), json_values(file, request.settings)
    request = replace(request, symbols=named, settings=settings)
    if request.bars and isinstance(strategy, BacktraderStrategy):
        raise goes_by_sessions(request.strategy)
    inputs = request.inputs(workspace.data, strategy)
    folder = workspace.strategies if file.package else file.path.parent
    tables = data_tables(inputs, workspace.data)
    own = replace(workspace, strategies=folder)
    bars = request.run_bars(inputs)
    calls = _calls(strategy, inputs)
    source = Source(own, tables, request.reaction, strategy.decides, bars, calls)
    worlds = request.worlds
    if isinstance(strategy, BacktraderStrategy):
        worlds = 0  # see ORDERS_ITSELF
    elif worlds is None:
        worlds = min(WORLDS, source.at_most(_TABLES_OF_NULL, 1))
    request = replace(request, symbols=tuple(sorted(inputs.span)), worlds=worlds)
    # Whole files decide the id, not only the rows that are used: worlds alter all of them.
    files = {name: one.sha256 for name, one in source.data.files.items()}
    decides = identity(file, files, strategy=file.name, **_terms(request, strategy, inputs))
    traded = (request.universe,) if request.universe else request.symbols
    path = workspace.reports / folder_name(f"audit-{file.name}", traded, run_id(decides))
    return PreparedAudit(decides, path, workspace, request, file, strategy, inputs, source)


def _terms(
    request: AuditRequest, strategy: Strategy | BacktraderStrategy, inputs: Inputs
) -> dict[str, Any]:
    return {
        "orders_itself": isinstance(strategy, BacktraderStrategy),
        "symbols": list(request.symbols),
        "parameters": to_record(strategy),
        "span": {"first": inputs.first.isoformat(), "last": inputs.last.isoformat()},
        "settings": {
            "from": request.first and request.first.isoformat(),
            "to": request.last and request.last.isoformat(),
            "worlds": request.worlds,
            **({"universe": request.universe} if request.universe else {}),
            **(
                {"bars": request.bars, "missing_bars": request.missing_bars} if request.bars else {}
            ),
            "rules": request.rules.model_dump(),
        },
        "seed": request.seed,
    }


def audit(
    prepared: PreparedAudit,
    *,
    force: bool = False,
    observer: Observer | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Audit the strategy and write the folder; one that exists whole is read, unless `force`.

    By default as many processes as there are cores observe the worlds; the result is the same for
    any number. `progress` is called with how many worlds are done, and how many there are. Raises
    UsageError where the strategy fails on the full data, or the folder cannot be written.
    """
    if not force and (existing := prepared.result):
        return existing
    started = datetime.now(UTC)
    observer = observer or partial(in_processes, workers=os.cpu_count() or 1)
    repeats = Repeats(prepared.source, prepared.request, observer)
    if repeats.error:
        raise UsageError(repeats.error)
    again = repeats.check()
    result = _in_worlds(prepared, repeats, again, observer, progress or (lambda *_: None))
    checks = {**result.pop("checks"), "reads": reads(repeats.full), "repeat": again}
    data = _data(prepared)
    outcome, sentence = _verdict(checks, biased=result["null"]["bias"], data=data)
    record = {
        "audit_id": prepared.id,
        **prepared.identity,
        "packages": installed_packages(),
        "started_at": started.isoformat(timespec="seconds"),
        **result,
        "checks": [check.as_dict() for check in checks.values()],
        "data": [asdict(finding) for finding in data],
        "outcome": outcome,
        "sentence": sentence,
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
    }
    write_text(prepared.path / "audit.json", record_text(record))
    return prepared.read()


def _calls(strategy: Strategy | BacktraderStrategy, inputs: Inputs) -> int:
    """Estimate how often a strategy is called in a world; a replayed bar is a part of a call."""
    heard = sum(isinstance(event, strategy.listens_to) for event in inputs.events)
    replayed = isinstance(strategy, BacktraderStrategy)
    bars = sum(len(prices.table) for prices in inputs.span.values()) if replayed else 0
    return heard + bars // _BARS_OF_CALL


def _data(prepared: PreparedAudit) -> list[Finding]:
    universe = prepared.request.universe
    folder = tables_folder(prepared.workspace.data, universe)
    every, events = event_kinds(prepared.workspace).values(), folder / "events"
    kinds = (
        [kind for kind in every if has_file(events, kind)]
        if universe
        else kinds_with_files(events, every)
    )
    return check_data(replace(prepared.workspace, data=folder), kinds, prepared.request.symbols)


def _in_worlds(
    prepared: PreparedAudit, repeats: Repeats, again: Check, observer: Observer, progress: Progress
) -> dict[str, Any]:
    """Run the checks in worlds; nothing counts where answers differ by chance, which is noted."""
    source, request, full = prepared.source, prepared.request, repeats.full
    if not repeats.steady:  # what differs by itself cannot be compared with a world
        return _untried(source, full)
    sessions = sorted({day.date() for p in prepared.inputs.span.values() for day in p.table.index})
    eventful = full.moments
    every, why_not = eventful, "no null world was asked for"
    if isinstance(prepared.strategy, BacktraderStrategy):
        why_not = ORDERS_ITSELF
        every = [DecisionTime(day, trading_calendar().time_of(day, "open")) for day in sessions]
    most = source.at_most(_TABLES, WORLDS_OF_MOMENT)
    samples = (sample(moments, most, request.seed) for moments in (every, eventful))
    probes = plan(source, request, *samples)
    delayed = delays(source, request, prepared.inputs.events, full.passes[0])
    null = null_jobs(source, request, sessions)
    chunks = [null[first : first + _GROUP] for first in range(0, len(null), _GROUP)]
    others = [JobGroup(some) for some in (*chunks, [delay.job for delay in delayed]) if some]
    checks, seen, by_chance = in_worlds(source, observer, probes, full, again, others, progress)
    if by_chance:
        return _untried(source, full)
    for name, moments in ((PREFIX, every), (PERTURBATION, eventful), (EVENT_TIME, eventful)):
        if len(moments) > most:
            checks[name].what += f" Of {len(moments):,} {source.unit}s {most} were drawn at random."
    return {
        "checks": checks,
        "sensitivity": {"peek": peek_record(checks), "delay": delay_record(delayed, seen)},
        "null": null_record([seen[job] for job in null], why_not),
    }


def _untried(source: Source, full: Observation) -> dict[str, Any]:
    """Return the result where answers cannot be compared, so that nothing was tried."""
    checks = compare(source, [], {}, full)
    for check in checks.values():
        check.not_tried = UNSTEADY
    return {
        "checks": checks,
        "sensitivity": {"peek": peek_record(checks), "delay": None},
        "null": null_record([], UNSTEADY),
    }


def _verdict(
    checks: Mapping[str, Check], *, biased: bool, data: Sequence[Finding]
) -> tuple[str, str]:
    """Return the outcome and its sentence."""
    failed = [name for name, check in checks.items() if check.findings]
    if {*failed} - {"repeat"} or biased:
        names = ", ".join([TITLES[name] for name in failed] + ["Null world"] * biased)
        return "bias", f"What it does depends on what it cannot know. Seen in: {names}."
    if errors := sum(finding.severity == "error" for finding in data):
        what = f"no result on these data is worth anything: they have {counted(errors, 'error')}."
        return "bias", f"The rules do not peek, but {what}"
    if failed:
        what = "The same data give different answers, so that nothing can be proved."
        return "not deterministic", what
    if why := checks[PREFIX].not_tried:
        return "clean", f"Nothing was tried: {why}."
    worlds = sum(check.worlds for check in checks.values())
    what = f"in {counted(worlds, 'world')} every decision was the same whatever came after it."
    return "clean", f"Nothing peeked: {what}"


def null_jobs(source: Source, request: AuditRequest, sessions: Sequence[date]) -> list[Job]:
    """Plan the null worlds, whose events fall on random sessions, with their placebos."""

    def job(number: int) -> Job:
        rng = partial(np.random.default_rng, (request.seed, number))
        placebo = int(rng().integers(2**32))
        return Job(lambda: shuffled(source, rng(), sessions), Ask(request, placebo=placebo))

    return [job(number) for number in range(request.worlds or 0)]


def null_record(seen: Sequence[Observation], why_not: str = "") -> dict[str, Any]:
    """Return in how many null worlds the strategy looked significant, as the record holds it.

    `why_not` says why there are no such worlds.
    """
    sizes = {"worlds": len(seen), "level": LEVEL}
    p_values = [world.p for world in seen if world.p is not None]
    if not p_values:
        failed = [world.error for world in seen if world.error]
        why = (
            "it trades in none of them, holds from the first session to the last, or trades so "
            "many stocks at a time that its signals cannot be moved to other times."
        )
        if len(failed) == len(seen):
            why = f"it fails in all of them. {failed[0]}" if seen else f"{why_not}."
        return {**sizes, "bias": False, "why": why}
    significant = sum(p <= LEVEL for p in p_values)
    low, _ = wilson_interval(significant, len(p_values), _SURE)
    return {
        **sizes,
        "what": f"{len(seen)} worlds with days drawn at random from the stock's own and its "
        "events in random sessions: nothing can be predicted there.",
        "tested": len(p_values),
        "significant": significant,
        "share": significant / len(p_values),
        "interval": list(wilson_interval(significant, len(p_values))),
        "bias": low > LEVEL,
    }


class Delay(NamedTuple):
    """A delay is an event that comes a session later in a world, and the order it had in truth."""

    event: Event
    late_id: str
    order: AnswerFields
    job: Job


def delays(
    source: Source, request: AuditRequest, events: Sequence[Event], answers: Sequence[AnswerFields]
) -> list[Delay]:
    """Plan a world for each event that the strategy acted on; of very many, for some of them."""
    by_id = {event.id: event for event in events}
    # What it waits for, such as a day announced, does not move with the event.
    waited = {answer["event_id"] for answer in answers if answer.get("action") == "waits"}
    acted: dict[str, AnswerFields] = {}
    for answer in answers:
        if answer["event_id"] in by_id.keys() - waited and answer.get("action") != "no signal":
            acted.setdefault(answer["event_id"], answer)
    tables, planned = source.data.tables.events, []
    most = min(_MOST_DELAYED, source.at_most(_TABLES_OF_NULL, 1))
    for event_id, answer in spread(list(acted.items()), most):
        event = by_id[event_id]
        same_kind = (name for name in tables if source.data.kinds[name] is type(event))
        rows = {key_of(row): row for name in same_kind for row in tables[name]}
        row = rows[event.symbol, event.published_at, event.headline]
        late = one_session_later(source, row)
        if key_of(late) in rows:  # where a headline is the same day after day
            continue
        try:
            late_id = altered(event, published_at=late.published_at).id
        except ValidationError:  # the day that it announces would have passed
            continue
        make = partial(with_one_delayed, source, row)
        planned.append(Delay(event, late_id, answer, Job(make, Ask(request))))
    return planned


def delay_record(tried: Sequence[Delay], seen: Mapping[Job, Observation]) -> dict[str, Any] | None:
    """Return how many orders moved with their events; None where no event was delayed."""
    if not tried:
        return None
    moves = [_moved(delay, seen[delay.job]) for delay in tried]
    first = next((move for move in moves if move["moved"]), moves[0])
    count = sum(move["moved"] for move in moves)
    return {
        "what": f"{first['what']} So it was with {count} of {len(moves)} events that it acted on.",
        "moved": count,
        "tried": len(moves),
        "events": moves,
    }


def _moved(delay: Delay, seen: Observation) -> dict[str, Any]:
    answers = seen.passes[0] if seen.passes else []
    late = next((one for one in answers if one["event_id"] == delay.late_id), None)
    day, ids = delay.order["date"], (delay.event.id, delay.late_id)
    stayed = any(one["date"] == day and one["event_id"] in ids for one in answers)
    fate = "is gone" if late is None else f"moved to {late['date']}: {text_of(late)}"
    if late is not None and late.get("action") == "no signal":
        fate = f"is gone ({late['reason']})"
    return {
        "event_id": delay.event.id,
        "headline": delay.event.headline,
        "from": day.isoformat(),
        "to": None if late is None else late["date"].isoformat(),
        "moved": not stayed,
        "what": f"Delaying “{delay.event.headline}” by one session: its order of {day} "
        f"({text_of(delay.order)}) {'stayed' if stayed else fate}.",
    }


def peek_record(checks: Mapping[str, Check]) -> dict[str, Any]:
    """Return how often planted peeks, such as at the session's own close, were caught."""
    without, drawn = checks[PREFIX].peeks, checks[PERTURBATION].peeks
    what = f"Not tried: {checks[PREFIX].not_tried or 'no event can be traded'}."
    if without:
        sentences = (
            f"A planted peek at the {kind} was caught in {caught} of {tried} worlds without it, "
            f"and in {drawn[kind][0]} of {drawn[kind][1]} worlds in which it was made up"
            for kind, (caught, tried) in without.items()
        )
        what = (
            f"{'. '.join(sentences)}: it looks only at whether the stock rose, which made-up "
            "prices get right half of the time."
        )
    caught, tried = (sum(counts[n] for counts in without.values()) for n in (0, 1))
    return {"what": what, "caught": caught, "worlds": tried}
