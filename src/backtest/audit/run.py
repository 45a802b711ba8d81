"""The public calls: `prepare` reads and checks what an audit needs, `audit` makes its folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

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
    drawn,
    in_worlds,
    plan,
    reads,
)
from backtest.audit.jobs import JobGroup, Observer, Source, in_processes
from backtest.audit.record import Audit, read_audit
from backtest.audit.sensitivity import (
    delay_record,
    delays,
    null_jobs,
    null_record,
    peek_record,
)
from backtest.audit.worlds import Moment
from backtest.data.calendar import trading_calendar
from backtest.data.checks import check_data
from backtest.data.events import filed, has_file
from backtest.data.tables import data_tables
from backtest.data.universe import tables_folder
from backtest.errors import UsageError
from backtest.experiments.runs.run import goes_by_sessions
from backtest.experiments.terms import Plan, folder_name, identity, installed_packages, run_id
from backtest.stats.formats import counted
from backtest.strategy.base import BacktraderStrategy, Strategy, StrategyFile
from backtest.strategy.loading import event_kinds, find_strategy
from backtest.strategy.parameters import configure, recorded, stated
from backtest.workspace.files import record_text, write_text

if TYPE_CHECKING:
    from backtest.audit.observe import AuditRequest, Observation
    from backtest.data.event_checks import Finding
    from backtest.data.inputs import Inputs
    from backtest.workspace.folders import Workspace

WORLDS, WORLDS_OF_BACKTRADER = 200, 100  # a replay takes longer than a few answers
_TABLES, _TABLES_OF_NULL = 25_000, 8_000  # written at most, so that a universe takes minutes
_BARS = 50_000_000  # finer ones written at most, of each kind of world, likewise
_FEWEST = 20  # sessions, bars or null worlds, of however many tables
_GROUP = 50  # null worlds that one process sees


@dataclass(frozen=True)
class PreparedAudit(Plan[Audit]):
    """A request whose inputs were read and checked, and whose id is therefore known."""

    workspace: Workspace
    request: AuditRequest
    file: StrategyFile
    strategy: Strategy | BacktraderStrategy
    inputs: Inputs
    source: Source

    def read(self) -> Audit:
        """Read the audit; DataError where it is missing or damaged."""
        return read_audit(self.path)


def prepare(workspace: Workspace, request: AuditRequest) -> PreparedAudit:
    """Read and check everything that an audit needs.

    UsageError where a strategy, symbol, parameter or span is wrong; DataError where a data file is.
    """
    file = find_strategy(workspace, request.strategy)
    strategy = configure(file, request.settings)
    named, settings = tuple(sorted({*request.symbols})), stated(file, request.settings)
    request = replace(request, symbols=named, settings=settings)
    if request.bars and isinstance(strategy, BacktraderStrategy):
        raise goes_by_sessions(request.strategy)
    inputs = request.inputs(workspace.data, strategy)
    folder = workspace.strategies if file.package else file.path.parent
    tables = data_tables(inputs, workspace.data)
    own = replace(workspace, strategies=folder)
    bars = request.run_bars(inputs)
    source = Source(own, tables, request.reaction, strategy.decides, bars)
    worlds = request.worlds
    if worlds is None:
        usual = WORLDS_OF_BACKTRADER if isinstance(strategy, BacktraderStrategy) else WORLDS
        worlds = min(usual, _at_most(source, _TABLES_OF_NULL, 1))
    request = replace(request, symbols=tuple(sorted(inputs.span)), worlds=worlds)
    # Whole files decide, not the rows that are used: worlds alter all of them.
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
        "parameters": recorded(strategy),
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
    any number. `progress` gets how many worlds are done, of how many. UsageError where the strategy
    fails on the full data, or the folder cannot be written.
    """
    if not force and (made := prepared.result):
        return made
    started = datetime.now(UTC)
    observer = observer or partial(in_processes, workers=os.cpu_count() or 1)
    found = _examine(prepared, observer, progress or (lambda *_: None))
    data = _data(prepared)
    outcome, sentence = _verdict(found["checks"], biased=found["null"]["bias"], data=data)
    record = {
        "audit_id": prepared.id,
        **prepared.identity,
        "packages": installed_packages(),
        "started_at": started.isoformat(timespec="seconds"),
        **{name: found[name] for name in ("sensitivity", "null")},
        "checks": [check.as_dict() for check in found["checks"].values()],
        "data": [asdict(one) for one in data],
        "outcome": outcome,
        "sentence": sentence,
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
    }
    write_text(prepared.path / "audit.json", record_text(record))
    return prepared.read()


def _at_most(source: Source, tables: int, worlds: int) -> int:
    """Of how many moments, each of so many worlds, no more than so many tables are written."""
    bars = sum(len(table) for table in source.data.tables.bars.values())
    most = tables // len(source.data.files)
    return max(_FEWEST, min(most, _BARS // max(bars, 1)) // worlds)


def _data(prepared: PreparedAudit) -> list[Finding]:
    universe = prepared.request.universe
    folder = tables_folder(prepared.workspace.data, universe)
    known = event_kinds(prepared.workspace).values()
    own = folder / "events"
    kinds = [kind for kind in known if has_file(own, kind)] if universe else filed(own, known)
    return check_data(replace(prepared.workspace, data=folder), kinds, prepared.request.symbols)


def _examine(prepared: PreparedAudit, observer: Observer, progress: Progress) -> dict[str, Any]:
    repeats = Repeats(prepared.source, prepared.request, observer)
    if repeats.error:
        raise UsageError(repeats.error)
    full, again = repeats.full, repeats.check()
    # What differs between processes or days by itself cannot be held against a world.
    if repeats.steady:
        found = _in_worlds(prepared, full, again, observer, progress)
    else:
        found = _untried(prepared.source, full)
    return {**found, "checks": {**found["checks"], "reads": reads(full), "repeat": again}}


def _in_worlds(
    prepared: PreparedAudit, full: Observation, again: Check, observer: Observer, progress: Progress
) -> dict[str, Any]:
    """What is found in worlds; nothing where answers differ there by chance, which is noted."""
    source, request = prepared.source, prepared.request
    sessions = sorted({day.date() for p in prepared.inputs.span.values() for day in p.table.index})
    hears = eventful(full)
    every = hears
    if isinstance(prepared.strategy, BacktraderStrategy):
        every = [Moment(day, trading_calendar().time_of(day, "open")) for day in sessions]
    most = _at_most(source, _TABLES, WORLDS_OF_MOMENT)
    some, some_heard = (drawn(days, most, request.seed) for days in (every, hears))
    trials = plan(source, request, some, some_heard)
    late = delays(source, request, prepared.inputs.events, full.passes[0])
    null = null_jobs(source, request, sessions)
    others = [JobGroup(null[first : first + _GROUP]) for first in range(0, len(null), _GROUP)]
    if late:
        others.append(JobGroup([one.job for one in late]))
    checks, seen, by_chance = in_worlds(source, observer, trials, full, again, others, progress)
    if by_chance:
        return _untried(source, full)
    for name, of in ((PREFIX, every), (PERTURBATION, hears), (EVENT_TIME, hears)):
        if len(of) > most:
            checks[name].what += f" Of {len(of):,} {source.one}s {most} were drawn at random."
    return {
        "checks": checks,
        "sensitivity": {"peek": peek_record(checks), "delay": delay_record(late, seen)},
        "null": null_record([seen[job] for job in null]),
    }


def _untried(source: Source, full: Observation) -> dict[str, Any]:
    """What there is to say where no answer can be held against another."""
    checks = compare(source, [], {}, full)
    for check in checks.values():
        check.not_tried = UNSTEADY
    return {
        "checks": checks,
        "sensitivity": {"peek": peek_record(checks), "delay": None},
        "null": null_record([], UNSTEADY),
    }


def eventful(full: Observation) -> list[Moment]:
    """The moments at which it decides, hears of an event or orders."""
    return sorted({*full.heard, *(answer["moment"] for answer in full.passes[0])})


def _verdict(
    checks: Mapping[str, Check], *, biased: bool, data: Sequence[Finding]
) -> tuple[str, str]:
    """The outcome and its sentence."""
    found = [name for name, check in checks.items() if check.findings]
    if {*found} - {"repeat"} or biased:
        names = ", ".join([TITLES[name] for name in found] + ["Null world"] * biased)
        return "bias", f"What it does depends on what it cannot know. Seen in: {names}."
    if errors := sum(one.severity == "error" for one in data):
        what = f"{counted(errors, 'error')} would let it trade on facts before they were public."
        return "bias", f"The rules do not peek, but the data do: {what}"
    if found:
        what = "The same data give different answers, so that nothing can be proved."
        return "not deterministic", what
    worlds = sum(check.worlds for check in checks.values())
    what = f"in {worlds} worlds every decision was the same whatever came after it."
    return "clean", f"Nothing peeked: {what}"
