"""Whether the parameters in `signal_terms` are handed on to the signal, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from backtest.audit.contract.declared import class_line
from backtest.audit.contract.examples import allowed
from backtest.audit.contract.report import Result
from backtest.errors import UsageError
from backtest.experiments.sweeps.answers import is_handed_on
from backtest.experiments.sweeps.grid import value_of
from backtest.strategy.base import Signal, Strategy
from backtest.strategy.loading import configure, parameters, term_of, typed, variant
from backtest.strategy.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from backtest.audit.contract.questions import Case
    from backtest.engine.timeline import Decision
    from backtest.strategy.loading import StrategyFile

_VALUES: tuple[Any, ...] = (None, 1, 3, 40, 0.04, 0.3, 0.7)
_BARS = 60  # of a past that is long enough to answer by


def check_terms(file: StrategyFile, settings: Mapping[str, Any], cases: Sequence[Case]) -> Result:
    """Ask about each event with other values of each parameter that is said to be a term.

    Args:
        file: the strategy.
        settings: as `configure` takes them.
        cases: the events to ask about; those with a short past are left out.

    """
    strategy = configure(file, settings)
    if not isinstance(strategy, Strategy):
        return Result("terms", "not tried", "A strategy of Backtrader's answers with no signal.")
    if not strategy.signal_terms:
        return Result("terms", "ok", "signal_terms names none: a sweep asks for every set.")
    changed = list(_changed(file, settings, strategy))
    tried = [one for one in cases if not one.event_has_a_short_past(_BARS)]
    for case in tried:
        before = _answer(case, strategy)
        if before is None:
            continue
        for name, made in changed:
            after, value = _answer(case, made), value_of(made, name)
            if after is None or is_handed_on(before, after, term_of(name), value) is None:
                what = (
                    f"{name} is in signal_terms, and with {shown(value)} in place of "
                    f"{shown(value_of(strategy, name))} the answer to {case.how} changes in more "
                    f"than the {term_of(name)} of the signal."
                )
                return Result("terms", "failed", what, class_line(file))
    what = f"{', '.join(strategy.signal_terms)}: handed on and no more, in {len(tried)} questions."
    return Result("terms", "ok", what)


def _answer(case: Case, strategy: Strategy) -> Decision | None:
    """The answer; None where the strategy fails, of which another check tells."""
    try:
        return case.ask(strategy)
    except UsageError:
        return None


def _changed(
    file: StrategyFile, settings: Mapping[str, Any], strategy: object
) -> Iterator[tuple[str, Strategy]]:
    """The strategy with other values of each term, as its field and a signal allow them."""
    known = parameters(file.cls)
    for name in file.cls.signal_terms:
        for value in allowed(known[name], _VALUES):
            if value == value_of(strategy, name) or not _fits(term_of(name), value):
                continue
            try:
                made = variant(file, {**typed(file, settings), name: value})
            except UsageError:  # its validators forbid it
                continue
            if isinstance(made, Strategy):
                yield name, made


def _fits(term: str, value: Any) -> bool:
    try:
        Signal(symbol="", event_id="", direction="long", **{term: value})
    except ValidationError:
        return False
    return True
