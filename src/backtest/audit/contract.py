"""The public call: `check` holds a strategy against the contract."""

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
from backtest.audit.run import PreparedAudit, eventful, prepare
from backtest.data.kinds import Event, Start
from backtest.data.universe import tables_folder
from backtest.engine.rules import Rules
from backtest.errors import UsageError
from backtest.stats import SESSIONS_A_YEAR
from backtest.stats.formats import counted, few
from backtest.strategy.base import BacktraderStrategy, Strategy, StrategyFile
from backtest.strategy.loading import find_strategy, strategy_origins
from backtest.strategy.parameters import configure, recorded

if TYPE_CHECKING:
    from backtest.workspace.folders import Workspace


PROCESSES = 2
_MOST_DATES = 5
_USUAL = {  # what is allowed beyond is seldom meant
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
    """Hold a strategy against the contract; nothing is written.

    It is asked about the events and prices of the symbols, or of the members of a universe, and
    about made-up ones where it can trade none of them. By default two processes observe the worlds.
    UsageError where there is no such strategy, symbol or parameter; DataError where a data file is
    wrong.
    """
    try:
        file = find_strategy(workspace, name)
    except UsageError as error:
        if len(strategy_origins(workspace).get(name, ())) != 1:
            raise
        loads = failed("loads", *_split(str(error), workspace))
        return Report(name, all_results([loads], "It does not load."))
    found = [ok("loads", f"{file.path.name} defines {file.cls.__name__}.")]
    found.append(declared.check_parameters(file))
    request = AuditRequest(
        name, tuple(symbols), settings or {}, None, None, Rules(), universe=universe, worlds=0
    )
    strategy = configure(file, request.settings)
    try:
        recorded(strategy)
    except UsageError as error:
        if found[-1].outcome != "failed":
            found[-1] = failed("parameters", str(error), declared.class_line(file))
        return Report(name, all_results(found, "Its parameters cannot be put on record."))
    found.append(declared.check_kinds(file, strategy.listens_to))
    if found[-1].outcome == "failed":
        return Report(name, all_results(found, "It listens to nothing."))
    with TemporaryDirectory(prefix="backtest-check-", ignore_cleanup_errors=True) as folder:
        found += _examined(workspace, request, file, folder, observer)
    return Report(name, all_results(found, "It fails before."))


def _examined(
    workspace: Workspace,
    request: AuditRequest,
    file: StrategyFile,
    folder: str,
    observer: Observer | None,
) -> list[ContractResult]:
    prepared, listens = _prepared(workspace, request, file, folder)
    strategy, rows = prepared.strategy, questions.as_example(prepared.inputs.events)
    tried, missing = questions.events_to_try(strategy.listens_to, rows)
    if isinstance(strategy, Strategy):
        before = declared.kept(strategy)
        given = questions.answers(strategy, questions.cases(tried, rows, strategy))
        frozen = declared.check_frozen(file, before, strategy)
        cases = questions.cases(tried, rows, strategy)
        terms = declared.check_terms(file, request.settings, strategy, cases)
    else:
        given = questions.replayed(strategy, [event for _, event in tried], request.rules)
        frozen = not_tried("frozen", "A strategy of Backtrader's keeps state as it trades.")
        terms = not_tried("terms", "A strategy of Backtrader's answers with no signal.")
    answers = _answers(given, missing, prepared)
    full, observed = observe(prepared, observer)
    if full.error and answers.outcome == "ok":
        answers = failed("answers", *_split(full.error, workspace))
    return [listens, frozen, answers, terms, _bounded(prepared, given, full), *observed]


def _prepared(
    workspace: Workspace, request: AuditRequest, file: StrategyFile, folder: str
) -> tuple[PreparedAudit, ContractResult]:
    """The data that it is observed on: those at hand, or made-up ones where it can trade none."""
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
    made_up = questions.made_up_workspace(folder, workspace, strategy)
    return prepare(made_up, replace(request, symbols=(questions.SYMBOL,), universe=None)), listens


def _tradable(prepared: PreparedAudit) -> int:
    """How many events the strategy would be asked about."""
    from backtest.engine.schedule import schedule

    inputs, kinds = prepared.inputs, prepared.strategy.listens_to
    reaction, at = prepared.request.reaction, prepared.strategy.decides
    found = schedule(kinds, inputs.events, inputs.history, inputs.span, reaction, at=at)
    started = len(inputs.span) if Start in kinds else 0
    return started + sum(one.action == "notified" for one in found)


def _answers(
    given: questions.ContractAnswers, missing: list[str], prepared: PreparedAudit
) -> ContractResult:
    if given.fault:
        what, where = _split(given.fault, prepared.workspace)
        return failed("answers", what, where or declared.method_line(prepared.file))
    what = f"{given.asked} questions: unknown fields, extreme numbers, no bars, the first event."
    if given.signals and not any(signal["reason"].strip() for signal in given.signals):
        missing = [*missing, "No signal says its reason."]
    return warning("answers", " ".join([what, *missing])) if missing else ok("answers", what)


def _bounded(
    prepared: PreparedAudit, answers: questions.ContractAnswers, full: Observation
) -> ContractResult:
    if isinstance(prepared.strategy, BacktraderStrategy):
        why = "It sizes its own orders; Backtrader refuses those that the cash does not cover."
        return not_tried("bounded", why)
    on_file = (one for one in (full.passes or [[]])[0] if one["action"] not in WITHOUT_SIGNAL)
    given = [*answers.signals, *on_file]
    worst = max((one.get("weight") or 0.0 for one in given), default=0.0)
    if worst > (most := prepared.request.rules.max_gross):
        what = f"A signal has weight {worst:g}; the account holds positions of up to {most:g} times"
        return failed("bounded", f"{what} its equity.", declared.method_line(prepared.file))
    if odd := _unusual(given):
        return warning("bounded", f"{odd}.", declared.method_line(prepared.file))
    return ok("bounded", f"{counted(len(given), 'signal')}, each within what the account can hold.")


def _unusual(signals: Sequence[Mapping[str, Any]]) -> str:
    found = []
    for name, (limit, unit) in _USUAL.items():
        worst = max((one[name] for one in signals if one.get(name) is not None), default=0)
        if worst > limit:
            found.append(f"{name.replace('_', ' ')} {worst:g} is above {limit:g} {unit}")
    return "; ".join(found)


def observe(
    prepared: PreparedAudit, observer: Observer | None = None
) -> tuple[Observation, list[ContractResult]]:
    """What a strategy did on the full data, and what was found there and in a few worlds."""
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
        dates = spread(eventful(full), _MOST_DATES)
        trials = plan(prepared.source, prepared.request, dates, dates)
        checks, _, by_chance = in_worlds(prepared.source, observer, trials, full, again)
        if not by_chance:
            peeks = _peeks(checks.values())
    same = f"{again.compared} answers were the same when asked again, in another process and on"
    return full, [pure, _of_check("deterministic", again, f"{same} other days."), peeks]


def _peeks(checks: Collection[Check]) -> ContractResult:
    if found := [check for check in checks if check.findings]:
        named = ", ".join(TITLES[check.name] for check in found)
        first = _first(one for check in found for one in check.findings.values())
        return failed("peeking", f"{first} Seen in: {named}.")
    worlds = sum(check.worlds for check in checks)
    what = (
        f"It decided the same in {counted(worlds, 'world')} in which what came later was another."
    )
    return ok("peeking", what)


def _of_check(name: str, check: Check, otherwise: str) -> ContractResult:
    return failed(name, _first(check.findings.values())) if check.findings else ok(name, otherwise)


def _first(findings: Iterable[Mapping[str, Any]]) -> str:
    """The earliest finding: when, what, and both answers where there are two."""
    one = min(findings, key=lambda finding: finding["date"] or "")
    at = f"{one['date']}: " if one["date"] else ""
    if not one["full"] and not one["world"]:
        return f"{at}{one['what']}."
    ours, theirs = (side["text"] if side else "nothing" for side in (one["full"], one["world"]))
    return f"{at}{one['what']}: “{theirs}” in place of “{ours}”."


def _split(error: str, workspace: Workspace) -> tuple[str, str]:
    """A message and, apart, the line of the strategy that it names; paths without the folder."""
    text = error.replace(f"{workspace.strategies}/", "").replace("strategies/", "")
    lines = [line for line in text.splitlines() if line.strip()]
    where = [line.strip() for line in lines[1:] if line.startswith("  ")]
    return " ".join(line for line in lines if not line.startswith("  ")), "\n".join(where)
