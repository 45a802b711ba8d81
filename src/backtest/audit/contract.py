"""The public call: `check` holds a strategy against the contract."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from backtest.audit import declared, questions
from backtest.audit.checks import TITLES, Repeats, in_worlds, plan, reads, spread
from backtest.audit.declared import ContractResult, Report, all_results, check_terms
from backtest.audit.jobs import in_processes
from backtest.audit.observe import WITHOUT_SIGNAL
from backtest.audit.questions import SYMBOL, as_example, made_up_workspace
from backtest.audit.run import AuditRequest, eventful, prepare
from backtest.data.kinds import Event, Start
from backtest.errors import UsageError
from backtest.strategy.base import BacktraderStrategy
from backtest.strategy.loading import find_strategy, strategy_origins
from backtest.strategy.parameters import configure, recorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backtest.audit.checks import Check
    from backtest.audit.jobs import Observer
    from backtest.audit.observe import Observation
    from backtest.audit.run import PreparedAudit
    from backtest.engine.rules import Rules
    from backtest.strategy.base import Strategy
    from backtest.strategy.source import StrategyFile
    from backtest.workspace.folders import Workspace


PROCESSES = 2
_MOST_DATES = 5
_SEED = 1
_PEEKS = ("prefix", "perturbation", "event_time")


def observe(
    prepared: PreparedAudit, observer: Observer | None = None
) -> tuple[Observation, list[ContractResult]]:
    """Observe the strategy on the full data and in a few worlds.

    Args:
        prepared: of the audit.
        observer: who observes; by default two processes.

    Returns:
        What it did on the full data, and the checks that could be tried.

    """
    observer = observer or partial(in_processes, workers=PROCESSES)
    repeats = Repeats(prepared.source, prepared.ask)
    seen = dict(observer(prepared.source, repeats.groups))
    full = seen[repeats.twice]
    pure = _of_check("pure", reads(full))
    if full.error or seen[repeats.anew].error:
        return full, [pure] if full.touched else []
    again = repeats.check(seen)
    checks: Mapping[str, Check] = {}
    if not again.findings:
        dates = spread(eventful(full), _MOST_DATES)
        trials = plan(prepared.source, prepared.ask, dates, dates, _SEED)
        checks = in_worlds(prepared.source, observer, trials, full, again).checks
    if again.findings:
        why = "The same question got two answers, so that nothing can be told."
        peeks = ContractResult("peeking", "not tried", why)
    else:
        peeks = _peeks(checks)
    return full, [pure, _of_check("deterministic", again), peeks]


def _peeks(checks: Mapping[str, Check]) -> ContractResult:
    found = [checks[name] for name in _PEEKS if checks[name].findings]
    if found:
        named = ", ".join(TITLES[check.name] for check in found)
        told = _first(one for check in found for one in check.findings.values())
        return ContractResult("peeking", "failed", f"{told} Seen in: {named}.")
    worlds = sum(check.worlds for check in checks.values())
    what = f"It decided the same in {worlds} worlds in which what came later was another."
    return ContractResult("peeking", "ok", what)


def _of_check(name: str, check: Check) -> ContractResult:
    if check.findings:
        return ContractResult(name, "failed", _first(check.findings.values()))
    what = {
        "pure": "It reads no file and reaches for no network while it loads and decides.",
        "deterministic": f"{check.compared} answers were the same when asked again, in another "
        "process and on other days.",
    }
    return ContractResult(name, "ok", what[name])


def _first(findings: Iterable[Mapping[str, Any]]) -> str:
    """The earliest finding: when, what, and both answers where there are two."""
    one = min(findings, key=lambda finding: finding["date"] or "")
    at = f"{one['date']}: " if one["date"] else ""
    if not one["full"] and not one["world"]:
        return f"{at}{one['what']}."
    ours, theirs = (side["text"] if side else "nothing" for side in (one["full"], one["world"]))
    return f"{at}{one['what']}: “{theirs}” in place of “{ours}”."


@dataclass(frozen=True)
class _Subject:
    """What is checked, and on which data."""

    workspace: Workspace
    file: StrategyFile
    strategy: Strategy | BacktraderStrategy
    symbols: tuple[str, ...]
    settings: Mapping[str, Any]
    rules: Rules


def check(
    workspace: Workspace,
    name: str,
    *,
    symbols: Sequence[str],
    settings: Mapping[str, Any] | None = None,
    observer: Observer | None = None,
) -> Report:
    """Hold a strategy against the contract; nothing is written.

    Args:
        workspace: the folders.
        name: of the strategy.
        symbols: stocks whose events and prices it is asked about; made-up ones stand in where
            it cannot trade any of their events.
        settings: parameters as `discovery.configure` takes them.
        observer: who observes the worlds, as of an audit; by default two processes.

    Raises:
        UsageError: there is no such strategy, symbol or parameter.
        DataError: a data file is wrong.

    """
    from backtest.engine.rules import Rules

    try:
        file = find_strategy(workspace, name)
    except UsageError as error:
        if len(strategy_origins(workspace).get(name, ())) != 1:
            raise
        what, where = _split(str(error), workspace)
        failed = ContractResult("loads", "failed", what, where)
        return Report(name, all_results([failed], "It does not load."))
    found = [ContractResult("loads", "ok", f"{file.path.name} defines {file.cls.__name__}.")]
    found.append(declared.check_parameters(file))
    strategy = configure(file, settings or {})
    try:
        recorded(strategy)
    except UsageError as error:
        if found[-1].outcome != "failed":
            found[-1] = ContractResult(
                "parameters", "failed", str(error), declared.class_line(file)
            )
        return Report(name, all_results(found, "Its parameters cannot be put on record."))
    found.append(declared.check_kinds(file, strategy.listens_to))
    if found[-1].outcome == "failed":
        return Report(name, all_results(found, "It listens to nothing."))
    subject = _Subject(workspace, file, strategy, tuple(symbols), settings or {}, Rules())
    return Report(name, all_results([*found, *_examined(subject, observer)], "It fails before."))


def _examined(subject: _Subject, observer: Observer | None) -> list[ContractResult]:
    with TemporaryDirectory(prefix="backtest-check-", ignore_cleanup_errors=True) as folder:
        prepared, listens = _prepared(subject, folder)
        given, answers, frozen = _answers(subject, prepared)
        terms = _terms(subject, prepared)
        full, observed = observe(prepared, observer)
    if full.error and answers.outcome == "ok":
        answers = ContractResult("answers", "failed", *_split(full.error, subject.workspace))
    return [listens, frozen, answers, terms, _bounded(subject, given, full), *observed]


def _prepared(subject: _Subject, folder: str) -> tuple[PreparedAudit, ContractResult]:
    """The data that it is observed on: those at hand, or made-up ones where it can trade none."""
    kinds, data = subject.strategy.listens_to, subject.workspace.data / "events"
    missing = [k for k in kinds if k not in (Event, Start) and not (data / k.file_name()).exists()]
    told = ", ".join(kind.kind for kind in kinds)
    names = " and ".join(subject.symbols)

    def request(symbols: tuple[str, ...]) -> AuditRequest:
        return AuditRequest(
            subject.file.name, symbols, subject.settings, None, None, subject.rules, worlds=0
        )

    if not missing:
        prepared = prepare(subject.workspace, request(subject.symbols))
        if count := _tradable(prepared):
            return prepared, ContractResult(
                "listens", "ok", f"{told}; {count} can be traded in {names}."
            )
        what = (
            f"{told}: no event of {names} can be traded, so that made-up ones were used. Replace "
            f"the example row of a new signal, or see `backtest events list`."
        )
        listens = ContractResult("listens", "warning", what)
    else:
        places = ", ".join(f"data/events/{kind.file_name()}" for kind in missing)
        what = (
            f"{places} is missing: write the file, then `backtest events seal {missing[0].kind}`."
        )
        listens = ContractResult("listens", "failed", what, declared.class_line(subject.file))
    workspace = made_up_workspace(folder, subject.workspace, subject.strategy)
    return prepare(workspace, request((SYMBOL,))), listens


def _tradable(prepared: PreparedAudit) -> int:
    """How many events the strategy would be asked about."""
    from backtest.engine.timeline import schedule

    inputs, kinds = prepared.inputs, prepared.strategy.listens_to
    reaction = prepared.ask.reaction
    at = prepared.strategy.decides
    found = schedule(kinds, inputs.events, inputs.history, inputs.span, reaction, at=at)
    started = len(inputs.span) if Start in kinds else 0
    return started + sum(one.action == "notified" for one in found)


def _answers(
    subject: _Subject, prepared: PreparedAudit
) -> tuple[questions.ContractAnswers, ContractResult, ContractResult]:
    """What it answers; whether it answers everything; and whether it stays as it is."""
    strategy, rows = subject.strategy, as_example(prepared.inputs.events)
    tried, missing = questions.events_to_try(strategy.listens_to, rows)
    if isinstance(strategy, BacktraderStrategy):
        given = questions.replayed(strategy, [event for _, event in tried], subject.rules)
        frozen = declared.check_frozen(subject.file)
    else:
        before = declared.kept(strategy)
        given = questions.answers(strategy, questions.cases(tried, rows, strategy))
        frozen = declared.unchanged(subject.file, before, strategy)
    if given.fault:
        what, where = _split(given.fault, subject.workspace)
        where = where or declared.method_line(subject.file)
        return given, ContractResult("answers", "failed", what, where), frozen
    what = f"{given.asked} questions: unknown fields, extreme numbers, no bars, the first event."
    if given.signals and not any(signal["reason"].strip() for signal in given.signals):
        missing.append("No signal says its reason.")
    if missing:
        return given, ContractResult("answers", "warning", f"{what} {' '.join(missing)}"), frozen
    return given, ContractResult("answers", "ok", what), frozen


def _terms(subject: _Subject, prepared: PreparedAudit) -> ContractResult:
    """Whether what it declares as terms of its signal is handed on and no more."""
    rows = as_example(prepared.inputs.events)
    tried, _ = questions.events_to_try(subject.strategy.listens_to, rows)
    found = questions.cases(tried, rows, subject.strategy)
    return check_terms(subject.file, subject.settings, list(found))


def _bounded(
    subject: _Subject, answers: questions.ContractAnswers, full: Observation
) -> ContractResult:
    if isinstance(subject.strategy, BacktraderStrategy):
        why = "It sizes its own orders; Backtrader refuses those that the cash does not cover."
        return ContractResult("bounded", "not tried", why)
    on_file = (one for one in (full.passes or [[]])[0] if one["action"] not in WITHOUT_SIGNAL)
    given = [*answers.signals, *on_file]
    if fault := questions.beyond(given, subject.rules):
        return ContractResult("bounded", "failed", fault, declared.method_line(subject.file))
    if odd := questions.unusual(given):
        return ContractResult("bounded", "warning", f"{odd}.", declared.method_line(subject.file))
    what = f"{len(given)} signals, each within what the account can hold."
    return ContractResult("bounded", "ok", what)


def _split(error: str, workspace: Workspace) -> tuple[str, str]:
    """A message and, apart, the line of the strategy that it names; places without the folder."""
    text = error.replace(f"{workspace.strategies}/", "").replace("strategies/", "")
    lines = [line for line in text.splitlines() if line.strip()]
    where = [line.strip() for line in lines[1:] if line.startswith("  ")]
    return " ".join(line for line in lines if not line.startswith("  ")), "\n".join(where)
