"""This module asks a strategy about events that are hard to answer, in a made-up market."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from backtest.audit.watch import silent
from backtest.data.datafile import DataFile, csv_text, metadata_of
from backtest.data.events import columns_of, event_order
from backtest.data.kinds import FILED_KINDS, NEW_YORK, Event, Start, altered, new_york_day
from backtest.data.versions import write_version
from backtest.errors import UsageError, unknown
from backtest.stats.formats import counted
from backtest.strategy.parameters import default_of

if TYPE_CHECKING:
    import pandas as pd
    from pydantic.fields import FieldInfo

    from backtest.engine.rules import Rules
    from backtest.engine.schedule import Decision
    from backtest.engine.timeline import Question
    from backtest.strategy.base import BacktraderStrategy, Strategy
    from backtest.workspace.folders import Workspace


_SOURCE = "Made up, for the contract's checks alone."
_FIRST, _BETWEEN, _EVENTS = datetime(2025, 6, 10, 16, 5, tzinfo=NEW_YORK), timedelta(days=14), 5


def example_workspace(
    folder: str, workspace: Workspace, strategy: Strategy | BacktraderStrategy
) -> Workspace:
    """Write made-up prices, and events that a strategy listens to, into an empty folder."""
    data = Path(folder) / "data"
    bars = example_bars(AFTER_THE_LAST, SESSIONS)
    days = [day.date().isoformat() for day in bars.index]
    _write(data / "prices" / f"{SYMBOL}.csv", bars.to_csv(), days)
    for symbol in strategy.looks_at:
        _write(data / "prices" / f"{symbol}.csv", bars[["close"]].to_csv(), days)
    for symbol in strategy.trades_also:
        _write(data / "prices" / f"{symbol}.csv", bars.to_csv(), days)
    heard = [kind for kind in strategy.listens_to if kind not in (Event, Start)]
    for kind in dict.fromkeys((*FILED_KINDS, *heard)):
        events = list(_events(kind)) if kind in heard or Event in strategy.listens_to else []
        text = csv_text(columns_of(kind), [event.model_dump(mode="json") for event in events])
        days = [str(new_york_day(one.published_at)) for one in events]
        _write(data / "events" / kind.file_name(), text, days)
    return replace(workspace, data=data, reports=Path(folder) / "reports")


def _write(path: Path, text: str, days: Sequence[str]) -> None:
    write_version(path, text, metadata_of(days, source=_SOURCE), reason="made up", over=None)


def _events(kind: type[Event]) -> Iterator[Event]:
    try:
        contents = [event for _, event in variants(example_event(kind))]
    except UsageError:  # the check of the answers reports it
        return
    for number in range(_EVENTS):
        content, headline = contents[number % len(contents)], f"Made-up event {number + 1}"
        with suppress(ValidationError):  # a kind may compare other fields with the time
            yield altered(content, published_at=_FIRST + number * _BETWEEN, headline=headline)


SYMBOL = "EXAMPLE"
SESSIONS, AFTER_THE_LAST = 60, date(2025, 8, 27)  # of the example workspace
_AT = datetime(2025, 6, 25, 20, 5, tzinfo=UTC)  # after the close
_TEXTS = ("example", "2025Q1", "2025-01-31", "A", "1", "2025", "https://example.org", "a@b.org")
_TO_COME = date(2025, 8, 15)  # for kinds that announce a day
_TYPICAL: tuple[Any, ...] = (*_TEXTS, 1_000, 100, 10, 1, 0.5, 0.1, -1, date(2025, 1, 31), _AT, [])
EXTREMES: Mapping[str, Sequence[float]] = {
    "very large": (1e300, 10**18, 10**12, 10**9, 10**6, 1_000, 100, 10, 1, 0.999),
    "very small": (-1e300, -(10**18), -(10**9), -1_000, -100, -1, 0, 1e-300, 1e-9, 1),
    "zero": (0,),
}


def example_event(kind: type[Event], fields: Mapping[str, Any] | None = None) -> Event:
    """Make an event of a kind; required fields that are not in `fields` get made-up values.

    Raises UsageError where a field is wrong, or a required one cannot be made up.
    """
    stated = {
        "symbol": SYMBOL,
        "published_at": _AT,
        "precision": "exact",
        "headline": f"A made-up {kind.kind.replace('_', ' ')}",
        **(fields or {}),
    }
    required = {name: f for name, f in kind.model_fields.items() if f.is_required()}
    faults = ""
    for first in ((), (_TO_COME,)):
        values = {name: typical(f, first) for name, f in required.items() if name not in stated}
        values = {name: value for name, value in values.items() if value is not None}
        try:
            return kind.model_validate(stated | values)
        except ValidationError as error:
            faults = faults or "; ".join(
                f"{'.'.join(map(str, one['loc'])) or kind.kind}: {one['msg']}"
                for one in error.errors()
            )
    raise UsageError(f"An event of the kind {kind.kind} cannot be made up: {faults}.")


def as_example(events: Sequence[Event]) -> list[Event]:
    """Return the events as if they were about the made-up stock, in their order."""
    return [altered(event, symbol=SYMBOL) for event in events]


def variants(event: Event) -> Iterator[tuple[str, Event]]:
    """Yield the event as it is and with other content that its kind allows, after a label each."""
    fields = type(event).model_fields
    own = {name: f for name, f in fields.items() if name not in Event.model_fields}
    yield "as it is", event
    defaults = {name: default_of(f) for name, f in own.items()}
    empty = {name: f for name, f in own.items() if getattr(event, name) in (None, "")}
    changes: dict[str, dict[str, Any]] = {
        "every optional field unknown": {
            name: default for name, default in defaults.items() if default is not PydanticUndefined
        },
        "every field filled": {n: v for n, f in empty.items() if (v := typical(f)) is not None},
    }
    for word, numbers in EXTREMES.items():
        extreme = {n: v for n, f in own.items() if (v := _number(f, numbers)) is not None}
        changes[f"every number {word}"] = extreme
    for word, changed in changes.items():
        with suppress(ValidationError):  # two fields may forbid each other
            if changed:
                yield word, altered(event, **changed)


def typical(field: FieldInfo, first: Sequence[Any] = ()) -> Any:
    """Return a value that a field allows, those of `first` tried first; None where none fits."""
    return next(allowed(field, (*_choices(field.annotation), *first, *_TYPICAL)), None)


def _number(field: FieldInfo, numbers: Sequence[float]) -> Any:
    if not {int, float} & set(_parts(field.annotation)):
        return None
    return next(allowed(field, numbers), None)


def allowed(field: FieldInfo, candidates: Sequence[Any]) -> Iterator[Any]:
    """Yield the candidates that a field allows, converted to its type."""
    bare = copy(field)
    bare.default_factory = None  # it may need other fields, which are missing here
    annotation: Any = Annotated[field.annotation, bare]
    check: TypeAdapter[Any] = TypeAdapter(annotation)
    for candidate in candidates:
        with suppress(ValidationError):
            yield check.validate_python(candidate)


def _choices(annotation: Any) -> list[Any]:
    """Return the values of the `Literal`s and enumerations in an annotation, in their order."""
    values: list[Any] = []
    for part in _parts(annotation):
        if get_origin(part) is Literal:
            values += get_args(part)
        elif isinstance(part, type) and issubclass(part, enum.Enum):
            values += part
    return values


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and those inside of it, as in `Annotated[int, …] | None`."""
    yield annotation
    if get_origin(annotation) is not Literal:
        for inner in get_args(annotation):
            yield from _parts(inner)


@cache
def example_bars(before: date, count: int, after: int = 0) -> pd.DataFrame:
    """Make daily bars near 100 dollars: `count` sessions before a day, and `after` from it on."""
    import numpy as np
    import pandas as pd

    from backtest.data.calendar import trading_calendar
    from backtest.data.price_rows import BAR_COLUMNS

    start, end = (timedelta(days=2 * sessions + 10) for sessions in (count, after))
    days = trading_calendar().between(before - start, before + end)
    first = int(np.searchsorted(days, np.datetime64(before))) - count
    days = days[first : first + count + after]
    steps = np.random.default_rng(1).normal(0, 0.02, (len(days), 2)).round(4)
    closes = 100 * np.cumprod(1 + steps[:, 0])
    opens = closes * (1 + steps[:, 1])
    high, low = np.maximum(opens, closes) * 1.01, np.minimum(opens, closes) * 0.99
    columns = (opens, high, low, closes, np.full(len(days), 1_000_000.0))
    index = pd.DatetimeIndex(days, name="date")
    return pd.DataFrame(dict(zip(BAR_COLUMNS, columns, strict=True)), index=index).round(2)


_TRADED_AT = (1, 2, 5, 30, 55)  # numbers of the sessions in which events can be traded


def replay(strategy: BacktraderStrategy, events: Sequence[Event], rules: Rules) -> ContractAnswers:
    """Replay a strategy with events in early and late sessions of a made-up market."""
    from backtest.data.borrow import BorrowRates
    from backtest.data.prices import Prices
    from backtest.engine.replay.replay import replay_event_strategy
    from backtest.engine.schedule import Decision

    table = example_bars(AFTER_THE_LAST, SESSIONS)
    prices = Prices(SYMBOL, table, DataFile(Path(f"{SYMBOL}.csv"), "", "", {}))
    sessions = [table.index[number].date() for number in _TRADED_AT]
    decisions = [Decision(event, day, "notified", "") for day in sessions for event in events]
    terms = ({SYMBOL: prices}, {SYMBOL: BorrowRates(SYMBOL)}, decisions, rules)
    try:
        with silent():
            replay_event_strategy(strategy.cls, strategy.parameters, *terms)
    except UsageError as error:
        return ContractAnswers(len(decisions), fault=str(error))
    return ContractAnswers(len(decisions))


REACTION = timedelta(minutes=5)
_BARS = (60, 5, 1, 0)  # how many sessions are known
_AFTER = 60  # sessions to come, for strategies that wait
_MOST_ROWS = 50  # the last ones of a file


@dataclass(frozen=True)
class Case:
    """A case is an event with the past that a strategy is asked about."""

    how: str  # what is special about it, in a few words
    question: Question
    sessions: int  # of the stock that are known

    def explain(self, fault: str) -> str:
        """Replace the event's id in a message with what is special about the case."""
        first, _, rest = fault.partition("\n")
        return f"{first.replace(self.question.event.id, self.how)}\n{rest}".strip()

    def ask(self, strategy: Strategy) -> Decision:
        """Ask, and return the answer; UsageError where the strategy fails or answers wrongly."""
        with silent():
            return self.question.ask(strategy)


@dataclass(frozen=True)
class ContractAnswers:
    """`ContractAnswers` holds the count of questions, and the terms of a strategy's signals.

    `fault` says why the first question without an answer got none, with the line; else it is empty.
    """

    count: int
    signals: Sequence[Mapping[str, Any]] = ()
    fault: str = ""


def events_to_try(
    kinds: Sequence[type[Event]], rows: Sequence[Event]
) -> tuple[list[tuple[str, Event]], list[str]]:
    """Collect events of each kind, the `rows` on file and a made-up one, with their variants.

    Returns each after its label, and a sentence for each kind of which there is none.
    """
    events: list[tuple[str, Event]] = []
    missing: list[str] = []
    for kind in dict.fromkeys(k for one in kinds for k in (FILED_KINDS if one is Event else [one])):
        bases = [row for row in rows if type(row) is kind][-_MOST_ROWS:]
        try:
            bases.append(example_event(kind))
        except UsageError as error:
            if not bases:
                missing.append(str(error))
        events += [pair for base in bases for pair in variants(base)]
    return events, missing


def cases(
    events: Sequence[tuple[str, Event]], rows: Sequence[Event], strategy: Strategy
) -> Iterator[Case]:
    """Yield each event with much, little and nothing known before it."""
    most = _BARS[0]
    for word, event in events:
        for count in (0,) if isinstance(event, Start) else _BARS:
            # an index may have less of a past than the stock
            has_others = strategy.looks_at or strategy.trades_also
            for others in (count, 0) if has_others and count == most else (count,):
                bars = counted(count, "bar") if count else "no bar"
                more = "" if others == count else " and nothing of other symbols"
                how = f"“{event.headline}” ({event.kind}, {word}, after {bars}{more})"
                yield Case(how, _question(event, rows, strategy, count, others), count)


def _question(
    event: Event, rows: Sequence[Event], strategy: Strategy, count: int, others: int
) -> Question:
    """Ask about an event after `count` bars; where these are few, it is the first event of all."""
    from backtest.data.calendar import trading_calendar
    from backtest.data.market import Market, Tape, known_at
    from backtest.engine.timeline import Question

    calendar, known_from = trading_calendar(), known_at(event, REACTION)
    session = calendar.tradable_session(known_from, timedelta(0), strategy.decides)
    earlier = [one for one in rows if event_order(one) < event_order(event) and one != event]
    known = (*earlier, event) if count == _BARS[0] else (event,)
    bars: dict[str, Any] = {
        name: example_bars(session, others, _AFTER)[["close"]].copy() for name in strategy.looks_at
    }
    bars |= {name: example_bars(session, others, _AFTER) for name in strategy.trades_also}
    bars[event.symbol] = example_bars(session, count, _AFTER)
    tape = Tape(bars, known, timedelta(0), lambda _: (event.symbol,))
    now = calendar.time_of(session, strategy.decides)
    market = Market(session, now, event.symbol, tape.past)
    last = bars[event.symbol].index[-1].date()
    return Question(event, market, tape, lambda day: "beyond the last bar" if day > last else "")


def example_case(strategy: Strategy, fields: Mapping[str, Any]) -> Case:
    """Make a question about a made-up event of the first kind that has all the fields.

    Of the other symbols that it sees there are as many made-up bars as of the stock. Raises
    UsageError where no kind has the fields, or one of them is wrong.
    """
    kinds = strategy.listens_to
    fitting = [kind for kind in kinds if fields.keys() <= kind.model_fields.keys()]
    if not fitting:
        known = {name for kind in kinds for name in kind.model_fields}
        names = ", ".join(kind.kind for kind in kinds)
        strange = next((name for name in fields if name not in known), next(iter(fields), ""))
        raise unknown(f"field of {names}", strange, known)
    event = example_event(fitting[0], fields)
    return Case("", _question(event, [], strategy, _BARS[0], _BARS[0]), _BARS[0])


def answers(strategy: Strategy, cases: Iterator[Case]) -> ContractAnswers:
    """Ask about every case; the first fault is kept."""
    signals: list[dict[str, Any]] = []
    count, fault = 0, ""
    for count, case in enumerate(cases, start=1):  # noqa: B007 - returned below
        try:
            decision = case.ask(strategy)
        except UsageError as error:
            fault = fault or case.explain(str(error))
            continue
        if decision.signal:
            signals.append(decision.signal.model_dump())
    return ContractAnswers(count, signals, fault)
