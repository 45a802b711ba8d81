"""This module checks a strategy against the contract: `check` is the public call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from backtest.audit import declared, questions
from backtest.audit.checks import TITLES, Check, Repeats, in_worlds, plan, reads, spread
from backtest.audit.declared import (
    ContractResult,
    Report,
    all_results,
    failed,
    not_tried,
    ok,
    warning,
)
from backtest.audit.jobs import Observer, in_processes
from backtest.audit.observe import WITHOUT_SIGNAL, AuditRequest, Observation
from backtest.audit.run import PreparedAudit, prepare
from backtest.data.kinds import Event, Start
from backtest.data.universe import tables_folder
from backtest.engine.rules import Rules
from backtest.errors import UsageError
from backtest.stats import SESSIONS_A_YEAR
from backtest.stats.formats import counted, few
from backtest.strategy.base import BacktraderStrategy, Strategy, StrategyFile
from backtest.strategy.loading import find_strategy, strategy_origins
from backtest.strategy.parameters import configure, to_record

if TYPE_CHECKING:
    from backtest.workspace.folders import Workspace


PROCESSES = 2
_MOST_DATES = 5
_USUAL = {  # a term beyond its limit is allowed, but seldom meant
    "hold": (SESSIONS_A_YEAR, "sessions, a year"),
    "stop": (0.5, "of the entry price"),
    "trailing_stop": (0.5, "of the best price"),
    "target": (5.0, "times the entry price"),
}


def check(
    workspace: Workspace,
    name: str,
    *,
    symbols: Sequence[str] = (),
    universe: str | None = None,
    settings: Mapping[str, Any] | None = None,
    observer: Observer | None = None,
) -> Report:
    """Check a strategy against the contract, and write nothing.

    It is asked about the events and prices of the symbols, or of the members of a universe, and
    about made-up ones where it can trade none of them. By default two processes observe the worlds.
    Raises UsageError where there is no such strategy, symbol or parameter, and DataError where a
    data file is wrong.
    """
    try:
        file = find_strategy(workspace, name)
    except UsageError as error:
        if len(strategy_origins(workspace).get(name, ())) != 1:
            raise
        loads = failed("loads", *_split(str(error), workspace))
        return Report(name, all_results([loads], "It does not load."))
    results = [ok("loads", f"{file.path.name} defines {file.cls.__name__}.")]
    results.append(declared.check_parameters(file))
    request = AuditRequest(
        name, tuple(symbols), settings or {}, None, None, Rules(), universe=universe, worlds=0
    )
    strategy = configure(file, request.settings)
    try:
        to_record(strategy)
    except UsageError as error:
        if results[-1].outcome != "failed":
            results[-1] = failed("parameters", str(error), declared.class_line(file))
        return Report(name, all_results(results, "Its parameters cannot be put on record."))
    results.append(declared.check_kinds(file, strategy.listens_to))
    if results[-1].outcome == "failed":
        return Report(name, all_results(results, "It listens to nothing."))
    with TemporaryDirectory(prefix="backtest-check-", ignore_cleanup_errors=True) as folder:
        results += _examine(workspace, request, file, folder, observer)
    return Report(name, all_results(results, "It fails before."))


def _examine(
    workspace: Workspace,
    request: AuditRequest,
    file: StrategyFile,
    folder: str,
    observer: Observer | None,
) -> list[ContractResult]:
    prepared, listens = _prepare(workspace, request, file, folder)
    strategy, rows = prepared.strategy, questions.as_example(prepared.inputs.events)
    events, missing = questions.events_to_try(strategy.listens_to, rows)
    if isinstance(strategy, Strategy):
        before = declared.state_text(strategy)
        replies = questions.answers(strategy, questions.cases(events, rows, strategy))
        frozen = declared.check_frozen(file, before, strategy)
        cases = questions.cases(events, rows, strategy)
        terms = declared.check_terms(file, request.settings, strategy, cases)
    else:
        replies = questions.replay(strategy, [event for _, event in events], request.rules)
        frozen = not_tried("frozen", "A strategy of Backtrader's keeps state as it trades.")
        terms = not_tried("terms", "A strategy of Backtrader's answers with no signal.")
    answers = _answers(replies, missing, prepared)
    full, results = observe(prepared, observer)
    if full.error and answers.outcome == "ok":
        answers = failed("answers", *_split(full.error, workspace))
    return [listens, frozen, answers, terms, _bounded(prepared, replies, full), *results]


def _prepare(
    workspace: Workspace, request: AuditRequest, file: StrategyFile, folder: str
) -> tuple[PreparedAudit, ContractResult]:
    """Prepare the data at hand, or made-up ones in the folder where it can trade none of them."""
    strategy = configure(file, request.settings)
    data = tables_folder(workspace.data, request.universe) / "events"
    kinds = strategy.listens_to
    missing = [k for k in kinds if k not in (Event, Start) and not (data / k.file_name()).exists()]
    named, names = ", ".join(kind.kind for kind in kinds), request.universe or few(request.symbols)
    if missing:
        files = ", ".join(f"data/events/{kind.file_name()}" for kind in missing)
        seal = f"write the file, then `backtest events seal {missing[0].kind}`."
        listens = failed("listens", f"{files} is missing: {seal}", declared.class_line(file))
    else:
        prepared = prepare(workspace, request)
        if count := _tradable(prepared):
            return prepared, ok("listens", f"{named}; {count} can be traded in {names}.")
        what = (
            f"{named}: no event of {names} can be traded, so that made-up ones were used. Replace "
            f"the example row of a new signal, or see `backtest events list`."
        )
        listens = warning("listens", what)
    example = questions.example_workspace(folder, workspace, strategy)
    return prepare(example, replace(request, symbols=(questions.SYMBOL,), universe=None)), listens


def _tradable(prepared: PreparedAudit) -> int:
    """Return how many events the strategy would be asked about."""
    from backtest.engine.schedule import schedule

    inputs, kinds = prepared.inputs, prepared.strategy.listens_to
    reaction, at = prepared.request.reaction, prepared.strategy.decides
    decisions = schedule(kinds, inputs.events, inputs.history, inputs.span, reaction, at=at)
    started = len(inputs.span) if Start in kinds else 0
    return started + sum(decision.action == "notified" for decision in decisions)


def _answers(
    replies: questions.ContractAnswers, missing: list[str], prepared: PreparedAudit
) -> ContractResult:
    if replies.fault:
        what, where = _split(replies.fault, prepared.workspace)
        return failed("answers", what, where or declared.method_line(prepared.file))
    what = f"{replies.count} questions: unknown fields, extreme numbers, no bars, the first event."
    if replies.signals and not any(signal["reason"].strip() for signal in replies.signals):
        missing = [*missing, "No signal says its reason."]
    return warning("answers", " ".join([what, *missing])) if missing else ok("answers", what)


def _bounded(
    prepared: PreparedAudit, replies: questions.ContractAnswers, full: Observation
) -> ContractResult:
    if isinstance(prepared.strategy, BacktraderStrategy):
        why = "It sizes its own orders; Backtrader refuses those that the cash does not cover."
        return not_tried("bounded", why)
    on_file = (one for one in (full.passes or [[]])[0] if one["action"] not in WITHOUT_SIGNAL)
    signals = [*replies.signals, *on_file]
    worst = max((one.get("weight") or 0.0 for one in signals), default=0.0)
    if worst > (most := prepared.request.rules.max_gross):
        what = f"A signal has weight {worst:g}; the account holds positions of up to {most:g} times"
        return failed("bounded", f"{what} its equity.", declared.method_line(prepared.file))
    unusual = []
    for name, (limit, unit) in _USUAL.items():
        worst = max((one[name] for one in signals if one.get(name) is not None), default=0)
        if worst > limit:
            unusual.append(f"{name.replace('_', ' ')} {worst:g} is above {limit:g} {unit}")
    if unusual:
        line = declared.method_line(prepared.file)
        return warning("bounded", f"{'; '.join(unusual)}.", line)
    what = f"{counted(len(signals), 'signal')}, each within what the account can hold."
    return ok("bounded", what)


def observe(
    prepared: PreparedAudit, observer: Observer | None = None
) -> tuple[Observation, list[ContractResult]]:
    """Return what a strategy did on the full data, and the results of the checks of its answers."""
    observer = observer or partial(in_processes, workers=PROCESSES)
    repeats = Repeats(prepared.source, prepared.request, observer)
    full = repeats.full
    alone = "It reads no file and reaches for no network while it loads and decides."
    pure = _of_check("pure", reads(full), alone)
    if repeats.error:
        return replace(full, error=repeats.error), [pure] if full.touched else []
    again = repeats.check()
    peeks = not_tried("peeking", "The same question got two answers, so that nothing can be told.")
    if not again.findings:
        moments = spread(full.moments, _MOST_DATES)
        probes = plan(prepared.source, prepared.request, moments, moments)
        checks, _, by_chance = in_worlds(prepared.source, observer, probes, full, again)
        if not by_chance:
            peeks = _peeks(checks.values())
    same = f"{again.compared} answers were the same when asked again, in another process and on"
    return full, [pure, _of_check("deterministic", again, f"{same} other days."), peeks]


def _peeks(checks: Collection[Check]) -> ContractResult:
    if biased := [check for check in checks if check.findings]:
        names = ", ".join(TITLES[check.name] for check in biased)
        first = _first(row for check in biased for row in check.findings.values())
        return failed("peeking", f"{first} Seen in: {names}.")
    worlds = sum(check.worlds for check in checks)
    what = (
        f"It decided the same in {counted(worlds, 'world')} in which what came later was another."
    )
    return ok("peeking", what)


def _of_check(name: str, check: Check, otherwise: str) -> ContractResult:
    return failed(name, _first(check.findings.values())) if check.findings else ok(name, otherwise)


def _first(findings: Iterable[Mapping[str, Any]]) -> str:
    """Describe the earliest finding: its date, what it is, and both answers where there are any."""
    first = min(findings, key=lambda row: row["date"] or "")
    at = f"{first['date']}: " if first["date"] else ""
    if not first["full"] and not first["world"]:
        return f"{at}{first['what']}."
    full, world = (side["text"] if side else "nothing" for side in (first["full"], first["world"]))
    return f"{at}{first['what']}: “{world}” in place of “{full}”."


def _split(error: str, workspace: Workspace) -> tuple[str, str]:
    """Split a message from the line of the strategy that it names; paths lose their folder."""
    text = error.replace(f"{workspace.strategies}/", "").replace("strategies/", "")
    lines = [line for line in text.splitlines() if line.strip()]
    where = [line.strip() for line in lines[1:] if line.startswith("  ")]
    return " ".join(line for line in lines if not line.startswith("  ")), "\n".join(where)
