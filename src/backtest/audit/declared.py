"""This module checks what a strategy declares, and holds the report on the whole contract."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import decode_source
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from backtest.audit import EXIT_CODE as PEEKS
from backtest.audit.checks import spread
from backtest.audit.questions import Case, allowed
from backtest.data.kinds import Event, Start
from backtest.errors import UsageError
from backtest.experiments.sweeps.answers import is_handed_on, term_fault
from backtest.experiments.sweeps.grid import parameter_value
from backtest.stats.formats import counted
from backtest.strategy.base import Strategy, StrategyFile, term_of
from backtest.strategy.parameters import default_of, parameters, read_values, to_text, variant

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from backtest.engine.schedule import Decision


BROKEN = 2  # the exit code where the contract is broken
_MOST_LETTERS = 120  # of a strategy's state in a message
TITLES = {
    "loads": "Loads",
    "parameters": "Parameters",
    "listens": "Listens",
    "frozen": "Frozen",
    "answers": "Answers",
    "terms": "Signal terms",
    "bounded": "Bounded",
    "pure": "Pure",
    "deterministic": "Deterministic",
    "peeking": "No peeking",
}
Outcome = Literal["ok", "warning", "failed", "not tried"]


@dataclass(frozen=True)
class ContractResult:
    """A result says what a check of `TITLES` found, and where, or why it was not tried."""

    name: str
    outcome: Outcome
    what: str
    where: str = ""

    @property
    def title(self) -> str:
        """Return the check's name as readers see it."""
        return TITLES[self.name]


def ok(name: str, what: str) -> ContractResult:
    """Return the result of a check that found nothing."""
    return ContractResult(name, "ok", what)


def warning(name: str, what: str, where: str = "") -> ContractResult:
    """Return the result of a check that found what may be meant, or a mistake."""
    return ContractResult(name, "warning", what, where)


def failed(name: str, what: str, where: str = "") -> ContractResult:
    """Return the result of a check that found the contract broken."""
    return ContractResult(name, "failed", what, where)


def not_tried(name: str, why: str) -> ContractResult:
    """Return the result of a check that could not be tried."""
    return ContractResult(name, "not tried", why)


@dataclass(frozen=True)
class Report:
    """A report holds the results of all checks of a strategy, in the order of `TITLES`."""

    strategy: str
    results: Sequence[ContractResult]

    @property
    def failed(self) -> tuple[str, ...]:
        """Return the names of the checks that failed."""
        return tuple(result.name for result in self.results if result.outcome == "failed")

    @property
    def exit_code(self) -> int:
        """Return 0 where the contract is kept, 4 where the strategy peeks, else 2."""
        return 0 if not self.failed else PEEKS if "peeking" in self.failed else BROKEN

    @property
    def sentence(self) -> str:
        """Say in a sentence whether the contract is kept."""
        if self.failed:
            titles = ", ".join(TITLES[name] for name in self.failed)
            return f"The contract is broken: {titles}."
        warnings = sum(result.outcome == "warning" for result in self.results)
        more = f", with {counted(warnings, 'warning')}" if warnings else ""
        return f"The contract is kept{more}."

    def as_dict(self) -> dict[str, Any]:
        """Return the report, ready for JSON."""
        return {
            "strategy": self.strategy,
            "ok": not self.failed,
            "sentence": self.sentence,
            "checks": [{"title": result.title, **vars(result)} for result in self.results],
        }

    def __str__(self) -> str:
        """Return the table of results as plain text."""
        lines = [f"{self.strategy}: {self.sentence}"]
        for result in self.results:
            lines.append(f"{result.outcome:<9}  {result.title:<13}  {result.what}")
            lines += [f"{'':<26}{line}" for line in result.where.splitlines()]
        return "\n".join(lines)


def all_results(results: Sequence[ContractResult], why_not: str) -> list[ContractResult]:
    """Return a result for every check of `TITLES`: those that are missing were not tried."""
    by_name = {result.name: result for result in results}
    return [by_name.get(name) or not_tried(name, why_not) for name in TITLES]


_VALUES: tuple[Any, ...] = (None, 1, 3, 40, 0.04, 0.3, 0.7)
# A sweep asks only with the ends of an axis, which may lie anywhere.
_MANY_VALUES = (*range(2, 64), 126, 252, *(n / 100 for n in range(1, 100)))
_FEW = 5  # questions that are asked with all of these
_BARS = 60  # the length of a past that a strategy can answer by


def check_terms(
    file: StrategyFile, settings: Mapping[str, Any], strategy: Strategy, cases: Iterable[Case]
) -> ContractResult:
    """Check that the parameters in `signal_terms` change nothing but their terms of the signal.

    Each event is asked about with other values of each. Cases with a short past are left out; a
    few that get a signal are asked with many values.
    """
    if not strategy.signal_terms:
        return ok("terms", "signal_terms names none: a sweep asks for every set.")
    # No bar can be known at a start.
    tried = [one for one in cases if one.sessions >= _BARS or isinstance(one.question.event, Start)]
    answers = [(case, one) for case in tried if (one := _answer(case, strategy)) is not None]
    signals = [(case, before) for case, before in answers if before.signal]
    for some, values in ((answers, _VALUES), (spread(signals, _FEW), _MANY_VALUES)):
        variants = list(_variants(file, settings, strategy, values))
        for case, before in some:
            for name, other in variants:
                after, value = _answer(case, other), parameter_value(other, name)
                if after is None or is_handed_on(before, after, term_of(name), value) is None:
                    what = (
                        f"{name} is in signal_terms, and with {to_text(value)} in place of "
                        f"{to_text(parameter_value(strategy, name))} the answer to {case.how} "
                        f"changes in more than the {term_of(name)} of the signal."
                    )
                    return failed("terms", what, class_line(file))
    named = ", ".join(strategy.signal_terms)
    return ok("terms", f"{named}: handed on and no more, in {counted(len(tried), 'question')}.")


def _answer(case: Case, strategy: Strategy) -> Decision | None:
    try:
        return case.ask(strategy)
    except UsageError:  # another check reports it
        return None


def _variants(
    file: StrategyFile, settings: Mapping[str, Any], strategy: object, values: Sequence[Any]
) -> Iterator[tuple[str, Strategy]]:
    fields = parameters(file.cls)
    for name in file.cls.signal_terms:
        for value in allowed(fields[name], values):
            if value == parameter_value(strategy, name) or term_fault(term_of(name), value):
                continue
            try:
                other = variant(file, {**read_values(file, settings), name: value})
            except UsageError:  # its validators forbid it
                continue
            if isinstance(other, Strategy):
                yield name, other


_BOUNDS = ("gt", "ge", "lt", "le", "multiple_of")


def check_parameters(file: StrategyFile) -> ContractResult:
    """Check that every parameter has a type, bounds, a description and a default that it allows."""
    fields = parameters(file.cls)
    if not issubclass(file.cls, Strategy):
        untyped = {name: "no type" for name, field in fields.items() if field.annotation is Any}
        if untyped:
            what = f"{_listed(untyped)} The type is that of the default, and None has none."
            return warning("parameters", what, _lines(file, untyped))
        what = f"{len(fields)}, each with a type; Backtrader's have no bounds and no descriptions."
        return ok("parameters", what)
    faults = {name: fault for name, field in fields.items() if (fault := _fault(field))}
    if faults:
        return failed("parameters", _listed(faults), _lines(file, faults))
    loose = {name: "a number without bounds" for name, field in fields.items() if _is_loose(field)}
    if loose:
        return warning("parameters", _listed(loose), _lines(file, loose))
    return ok("parameters", f"{len(fields)}, each with a type, bounds and a description.")


def _fault(field: FieldInfo) -> str:
    if Any in _types(field.annotation):
        return "no type (Any)"
    if not field.description:
        return "no description"
    if (default := default_of(field)) is not PydanticUndefined:
        annotation: Any = Annotated[field.annotation, field]
        try:
            TypeAdapter[Any](annotation).validate_python(default)
        except ValidationError as error:
            return f"its default {to_text(default)} is not allowed ({error.errors()[0]['msg']})"
    return ""


def _is_loose(field: FieldInfo) -> bool:
    types = _types(field.annotation)
    bounded = any(hasattr(term, name) for term in field.metadata for name in _BOUNDS)
    return not types.isdisjoint({int, float}) and not bounded and types <= {int, float, NoneType}


def _types(annotation: Any) -> set[Any]:
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(_types, get_args(annotation)))
    return {annotation}


def _listed(faults: dict[str, str]) -> str:
    return "; ".join(f"{name}: {fault}" for name, fault in faults.items()) + "."


def _lines(file: StrategyFile, names: dict[str, str]) -> str:
    content = file.path.read_bytes()
    numbers = {
        node.target.id: node.lineno
        for node in ast.walk(ast.parse(content))
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    source = decode_source(content).split("\n")
    lines = sorted({numbers[name] for name in names if name in numbers})
    return "\n".join(f"{file.path.name}, line {n}: {source[n - 1].strip()}" for n in lines)


def check_kinds(file: StrategyFile, kinds: Sequence[type[Event]]) -> ContractResult:
    """Check that the strategy listens to any kind of event."""
    if not kinds:
        what = "listens_to names no kind of event, so that it would never be asked."
        return failed("listens", what, class_line(file))
    return ok("listens", f"{', '.join(kind.kind for kind in kinds)}.")


def state_text(strategy: BaseModel) -> str:
    """Return a text of all that a strategy holds, its private attributes included."""
    private = strategy.__pydantic_private__
    return f"{strategy!r} with {private!r}" if private else repr(strategy)


def _cut(text: str) -> str:
    more = len(text) - _MOST_LETTERS
    return text if more <= 0 else f"{text[:_MOST_LETTERS]}… and {more:,} more letters"


def check_frozen(file: StrategyFile, before: str, strategy: BaseModel) -> ContractResult:
    """Check that a strategy is frozen, and that its `state_text` is still what it was `before`."""
    if (after := state_text(strategy)) != before:
        what = f"Being asked changed it, from {_cut(before)} to {_cut(after)}."
        return failed("frozen", what, method_line(file))
    if not file.cls.model_config.get("frozen"):
        what = "model_config says frozen=False: what it keeps would change its next answer."
        return failed("frozen", what, class_line(file))
    return ok("frozen", "Its parameters cannot be changed.")


def class_line(file: StrategyFile) -> str:
    """Return the line on which the strategy's class begins, after its file and number."""
    return _line_of(file, file.cls)


def method_line(file: StrategyFile) -> str:
    """Return the line on which `on_event` or `notify_event` begins, after its file and number."""
    name = "on_event" if issubclass(file.cls, Strategy) else "notify_event"
    return _line_of(file, vars(file.cls).get(name, file.cls))


def _line_of(file: StrategyFile, thing: Any) -> str:
    try:
        lines, number = inspect.getsourcelines(thing)
    except (OSError, TypeError):
        return file.path.name
    return f"{file.path.name}, line {number}: {lines[0].strip()}"
