"""Made-up events and prices: what a strategy may be shown, also where no data are there yet.

The stock is `EXAMPLE`. Events say what their kind allows: little, much, or something extreme.
"""

from __future__ import annotations

import csv
import enum
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from backtest.data.datafile import metadata_of
from backtest.data.events import columns_of
from backtest.data.kinds import FILED_KINDS, NEW_YORK, Event, Start
from backtest.data.versions import put
from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    from pydantic.fields import FieldInfo

    from backtest.strategy.base import BacktraderStrategy, Strategy
    from backtest.workspace.folders import Workspace


_SOURCE = "Made up, for the contract's checks alone."
_FIRST, _BETWEEN, _EVENTS = datetime(2025, 6, 10, 16, 5, tzinfo=NEW_YORK), timedelta(days=14), 5


def made_up_workspace(
    folder: str, workspace: Workspace, strategy: Strategy | BacktraderStrategy
) -> Workspace:
    """Write made-up prices, and events of the kinds that a strategy listens to.

    Args:
        folder: an empty one.
        workspace: of the strategies, which stay where they are.
        strategy: what is traded.

    """
    data = Path(folder) / "data"
    bars = made_up_bars(AFTER_THE_LAST, SESSIONS)
    days = [day.date().isoformat() for day in bars.index]
    _write(data / "prices" / f"{SYMBOL}.csv", bars.to_csv(), days)
    for symbol in strategy.looks_at:
        _write(data / "prices" / f"{symbol}.csv", bars[["close"]].to_csv(), days)
    heard = [kind for kind in strategy.listens_to if kind not in (Event, Start)]
    for kind in dict.fromkeys((*FILED_KINDS, *heard)):
        events = list(_events(kind)) if kind in heard or Event in strategy.listens_to else []
        text = _text(kind, events)
        _write(data / "events" / kind.file_name(), text, [str(_day(one)) for one in events])
    return replace(workspace, data=data, reports=Path(folder) / "reports")


def _write(path: Path, text: str, days: Sequence[str]) -> None:
    put(path, text, metadata_of(days, source=_SOURCE), reason="made up", over=None)


def _events(kind: type[Event]) -> Iterator[Event]:
    """Events at intervals, each with other content."""
    try:
        contents = [event for _, event in variants(made_up_event(kind))]
    except UsageError:  # the answers tell of it
        return
    for number in range(_EVENTS):
        content = contents[number % len(contents)].model_dump()
        stamp = {"published_at": _FIRST + number * _BETWEEN}
        yield kind.model_validate(content | stamp | {"headline": f"Made-up event {number + 1}"})


def _day(event: Event) -> date:
    return event.published_at.astimezone(NEW_YORK).date()


def _text(kind: type[Event], events: Sequence[Event]) -> str:
    """The file of a kind."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns_of(kind), lineterminator="\n")
    writer.writeheader()
    for event in events:
        cells = event.model_dump(mode="json")
        writer.writerow({name: "" if cell is None else cell for name, cell in cells.items()})
    return text.getvalue()


SYMBOL = "EXAMPLE"
SESSIONS, AFTER_THE_LAST = 60, date(2025, 8, 27)  # of a whole made-up market
_AT = datetime(2025, 6, 25, 20, 5, tzinfo=UTC)  # after the close
_TEXTS = ("example", "2025Q1", "2025-01-31", "A", "1", "2025", "https://example.org", "a@b.org")
_TYPICAL: tuple[Any, ...] = (*_TEXTS, 1_000, 100, 10, 1, 0.5, 0.1, -1, date(2025, 1, 31), _AT, [])
EXTREMES: Mapping[str, Sequence[float]] = {
    "very large": (1e300, 10**18, 10**12, 10**9, 10**6, 1_000, 100, 10, 1, 0.999),
    "very small": (-1e300, -(10**18), -(10**9), -1_000, -100, -1, 0, 1e-300, 1e-9, 1),
    "zero": (0,),
}


def made_up_event(kind: type[Event], fields: Mapping[str, Any] | None = None) -> Event:
    """An event of a kind: what is needed is made up where `fields` does not say it.

    Args:
        kind: the kind.
        fields: values by name.

    Raises:
        UsageError: a field is wrong, or one that is needed cannot be made up.

    """
    given = dict(fields or {})
    common = {
        "symbol": SYMBOL,
        "published_at": _AT,
        "precision": "exact",
        "headline": f"A made-up {kind.kind.replace('_', ' ')}",
    }
    for name, field in kind.model_fields.items():
        if field.is_required() and name not in (*common, *given):
            value = typical(field)
            if value is not None:
                given[name] = value
    try:
        return kind.model_validate(common | given)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or kind.kind}: {one['msg']}" for one in error.errors()
        )
        raise UsageError(f"An event of the kind {kind.kind} cannot be made up: {faults}.") from None


def as_example(events: Sequence[Event]) -> list[Event]:
    """The events as if they were of the made-up stock, in their order."""
    return [type(one).model_validate(one.model_dump() | {"symbol": SYMBOL}) for one in events]


def variants(event: Event) -> Iterator[tuple[str, Event]]:
    """The event as it is and with other content, as far as its kind allows it.

    Yields:
        What was changed, in a few words, and the event.

    """
    kind = type(event)
    own = {name: f for name, f in kind.model_fields.items() if name not in Event.model_fields}
    as_it_is = event.model_dump()
    yield "as it is", event
    optional = {
        name: field.get_default(call_default_factory=True)
        for name, field in own.items()
        if not field.is_required()
    }
    filled = {name: value for name, field in own.items() if (value := typical(field)) is not None}
    changes: dict[str, Mapping[str, Any]] = {
        "every optional field unknown": optional,
        "every field filled": {n: v for n, v in filled.items() if as_it_is[n] in (None, "")},
    }
    for word, numbers in EXTREMES.items():
        extreme = {n: v for n, f in own.items() if (v := _number(f, numbers)) is not None}
        changes[f"every number {word}"] = extreme
    for word, changed in changes.items():
        if not changed:
            continue
        try:
            yield word, kind.model_validate({**as_it_is, **changed})
        except ValidationError:  # two fields may forbid each other
            continue


def typical(field: FieldInfo) -> Any:
    """A value that a field allows; None where none was found."""
    return next(allowed(field, (*_choices(field.annotation), *_TYPICAL)), None)


def _number(field: FieldInfo, numbers: Sequence[float]) -> Any:
    """The first of the numbers that a field of numbers allows."""
    if not {int, float} & set(_parts(field.annotation)):
        return None
    return next(allowed(field, numbers), None)


def allowed(field: FieldInfo, candidates: Sequence[Any]) -> Iterator[Any]:
    """The candidates that a field allows, as it has them."""
    annotation: Any = Annotated[field.annotation, field]
    check: TypeAdapter[Any] = TypeAdapter(annotation)
    for candidate in candidates:
        try:
            yield check.validate_python(candidate)
        except ValidationError:
            continue


def _choices(annotation: Any) -> list[Any]:
    """The values of `Literal` and of enumerations, in their order."""
    found: list[Any] = []
    for part in _parts(annotation):
        if get_origin(part) is Literal:
            found += get_args(part)
        elif isinstance(part, type) and issubclass(part, enum.Enum):
            found += list(part)
    return found


def _parts(annotation: Any) -> Iterator[Any]:
    """The annotation and those inside of it, as in `Annotated[int, …] | None`."""
    yield annotation
    if get_origin(annotation) is not Literal:
        for inner in get_args(annotation):
            yield from _parts(inner)


def made_up_bars(before: date, count: int) -> pd.DataFrame:
    """Bars of the last sessions before a day: a stock near 100 dollars that moves a little.

    Args:
        before: the first day that is not there.
        count: how many; 0 for a stock that has not traded yet.

    """
    import numpy as np
    import pandas as pd

    from backtest.data.calendar import trading_calendar
    from backtest.data.prices import BAR_COLUMNS

    start = before - timedelta(days=2 * count + 10)
    days = trading_calendar().between(start, before - timedelta(days=1))
    days = days[len(days) - count :]
    steps = np.random.default_rng(1).normal(0, 0.02, (count, 2)).round(4)
    closes = 100 * np.cumprod(1 + steps[:, 0])
    opens = closes * (1 + steps[:, 1])
    high, low = np.maximum(opens, closes) * 1.01, np.minimum(opens, closes) * 0.99
    columns = (opens, high, low, closes, np.full(count, 1_000_000.0))
    index = pd.DatetimeIndex(days, name="date")
    return pd.DataFrame(dict(zip(BAR_COLUMNS, columns, strict=True)), index=index).round(2)
