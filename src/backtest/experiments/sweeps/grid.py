"""Read the grid of a sweep: `hold=1:40`, `stop=0.02:0.30:0.01`, `threshold=0,0.05,0.1`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Context, Decimal, InvalidOperation, localcontext
from functools import cached_property
from math import prod
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from backtest.engine.rules import Rules
from backtest.errors import UsageError, unknown
from backtest.experiments.terms import MissingBars, minutes_of, run_id
from backtest.stats.surface import FIGURES
from backtest.strategy.base import BacktraderStrategy, Strategy, StrategyFile
from backtest.strategy.parameters import (
    ParameterReader,
    Text,
    configure,
    parameters,
    plain,
    read_values,
    to_text,
    variant,
)

_PARTS, _FEWEST, _MOST = 64, 1_000, 20_000  # chunks to aim at, least and most sets a chunk


@dataclass(frozen=True)
class SweepSpec:
    """Hold all that decides the result of a sweep."""

    strategy: str
    settings: Mapping[str, Any]  # parameters that all sets share, JSON values by dotted name
    axes: Mapping[str, list[Any]]  # JSON values by parameter
    symbols: tuple[str, ...]  # traded in one account
    span: tuple[str, str]  # first and last session
    rules: Mapping[str, Any]
    inputs: Mapping[str, str]  # sha256 of the data that are used, by names such as `prices/CRWV`
    strategy_sha256: str  # sha256 of the strategy's source
    rules_version: int
    packages: Mapping[str, str]  # versions of the packages as far as they decide results
    universe: str | None = None  # universe whose members the symbols are
    bars: str | None = None  # the length of bars finer than sessions
    missing_bars: MissingBars = "daily"  # what trades an event without finer bars

    @property
    def shape(self) -> tuple[int, ...]:
        """Return how many values each axis has."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def identity(self) -> dict[str, Any]:
        """Return the whole specification as JSON values."""
        return dict(json.loads(self.to_json()))

    @cached_property
    def sweep_id(self) -> str:
        """Return a short hash of the whole specification."""
        return run_id(self.identity)

    @property
    def sets(self) -> int:
        """Return the number of sets: the product of the axes, the last one changing fastest."""
        return prod(self.shape)

    @property
    def chunk(self) -> int:
        """Return the number of sets a chunk, by the grid alone: parts fit every evaluator."""
        return min(max(-(-self.sets // _PARTS), _FEWEST), _MOST)

    @property
    def chunks(self) -> int:
        """Return the number of chunks."""
        return -(-self.sets // self.chunk)

    def numbers(self, chunk: int) -> range:
        """Return the set numbers of a chunk."""
        return range(chunk * self.chunk, min((chunk + 1) * self.chunk, self.sets))

    def codes(self, numbers: NDArray[np.intp]) -> dict[str, NDArray[np.intp]]:
        """Return for each parameter the index of each set's value on its axis."""
        return dict(zip(self.axes, np.unravel_index(numbers, self.shape), strict=True))

    @property
    def days(self) -> tuple[date, date]:
        """Return the first and the last session."""
        first, last = map(date.fromisoformat, self.span)
        return first, last

    def to_json(self) -> str:
        """Write the specification as JSON, the same text for the same specification."""
        # The order of the axes is part of it, and JSON objects have none.
        content = {**asdict(self), "axes": list(self.axes.items())}
        if self.bars is None:
            del content["bars"], content["missing_bars"]
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SweepSpec:
        """Read the specification from its JSON text."""
        values = json.loads(text)
        values |= {name: tuple(values[name]) for name in ("symbols", "span")}
        return cls(**{**values, "axes": dict(values["axes"])})


MOST_VALUES = 1_000_000  # values on one axis
MOST_SETS = 2**63 - 1  # a set's number has 64 bits
REACTION = "reaction"  # axis that is no parameter, but a term of the trading rules
_COLUMNS = ("set", *FIGURES)
_TYPES = (bool, int, float, str, type(None))
_FORMS = "--grid takes name=first:last, name=first:last:step or name=value,value,…"


def parse_axes(texts: Sequence[str]) -> dict[str, Text]:
    """Split `--grid` texts into axes and values; UsageError for one without values, or twice."""
    axes: dict[str, Text] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"--grid {text!r} has no name and values. {_FORMS}.")
        if name in axes:
            raise UsageError(f"--grid {name} is given twice; write all its values in one.")
        axes[name] = Text(values)
    return axes


def read_grid(
    file: StrategyFile, settings: Mapping[str, Any], axes: Mapping[str, Text | Sequence[Any]]
) -> dict[str, list[Any]]:
    """Read the values of each axis as JSON values, checked against the strategy's fields.

    Those of `REACTION` are minutes, rising. Raises UsageError where an axis names no parameter, is
    empty, reversed or named twice, or a value is out of the parameter's bounds.
    """
    if not axes:
        raise UsageError(f"A sweep needs at least one axis. {_FORMS}.")
    fixed = read_values(file, settings)
    values_by_name = _by_name(file, fixed.keys() - read_values(file, {}).keys(), axes)
    sets = prod(len(values) for values in values_by_name.values())
    if sets > MOST_SETS:
        raise UsageError(
            f"The grid has {sets:,} sets, more than can be numbered. "
            f"Take wider steps, or fewer parameters."
        )
    return {
        name: _reactions(values) if name == REACTION else _axis(file, fixed, name, values)
        for name, values in values_by_name.items()
    }


def _by_name(
    file: StrategyFile, is_set: Iterable[str], axes: Mapping[str, Text | Sequence[Any]]
) -> dict[str, list[Any]]:
    """Return the values of each axis; those from a text are texts."""
    definitions = parameters(file.cls)
    by_name: dict[str, list[Any]] = {}
    for name, values in axes.items():
        if name == REACTION and name in definitions:
            raise UsageError(
                f"--grid {name}: {file.name} has a parameter of this name, and so has the time to "
                f"react in the trading rules. Rename the parameter."
            )
        if name not in definitions and name != REACTION:
            raise unknown(f"parameter of {file.name}", name, definitions)
        if name in is_set and not definitions[name].is_required():  # its default is what is set
            raise UsageError(f"{name} is given by --set and by --grid; choose one of them.")
        if name in _COLUMNS:
            raise UsageError(
                f"--grid {name}: every sweep writes a column of this name. Rename the parameter."
            )
        if isinstance(values, Text):
            is_number = name == REACTION or _takes_numbers(definitions[name].annotation)
            by_name[name] = _split(name, values.text, is_number=is_number)
        else:
            by_name[name] = list(values)
        if not by_name[name]:
            raise UsageError(f"--grid {name} has no value. {_FORMS}.")
    return by_name


def sweepable(file: StrategyFile, settings: Mapping[str, Any]) -> Strategy:
    """Make the strategy whose variants the sets are; UsageError where it cannot be swept."""
    strategy = configure(file, settings)
    if isinstance(strategy, BacktraderStrategy):
        raise UsageError(
            f"{file.name} is a Backtrader strategy, which decides as it goes: it runs in the "
            f"replay alone. A sweep needs a strategy with on_event."
        )
    return strategy


def parameter_value(strategy: object, name: str) -> Any:
    """Return the value of a parameter by its dotted name."""
    return attrgetter(name)(strategy)


def base_of(strategy: object, rules: Mapping[str, Any], axes: Iterable[str]) -> dict[str, Any]:
    """Return for each axis the JSON value that applies without a grid."""
    return {
        name: rules["reaction_minutes"]
        if name == REACTION
        else plain(parameter_value(strategy, name))
        for name in axes
    }


def _takes_numbers(annotation: Any) -> bool:
    """Tell whether a type, or one of a union, is a type of numbers."""
    # A NewType, or an alias of `type`, is read as the type that it names.
    kind = getattr(annotation, "__supertype__", getattr(annotation, "__value__", annotation))
    origin = get_origin(kind) or kind
    if origin in (Union, UnionType, Annotated):
        return any(map(_takes_numbers, get_args(kind)))
    if origin is Literal:
        return any(isinstance(value, int | float) for value in get_args(kind))
    return isinstance(origin, type) and issubclass(origin, int | float | Decimal)


def _split(name: str, text: str, *, is_number: bool) -> list[Any]:
    is_range = is_number and ":" in text  # a text or a time may have a colon within
    parts = _range(name, text) if is_range else [part.strip() for part in text.split(",")]
    return [Text(part) for part in parts if part]


def _range(name: str, text: str) -> list[str]:
    """Expand a range, both ends included, in decimals: 0.02 and ten steps of 0.01 are 0.12."""
    try:
        first, last, step = (*map(Decimal, text.split(":")), Decimal(1))[:3]
        if not all(number.is_finite() for number in (first, last, step)):
            raise ValueError(text)  # noqa: TRY301
    except (InvalidOperation, ValueError):
        raise UsageError(f"--grid {name}={text} is not a range of numbers. {_FORMS}.") from None
    if text.count(":") > 2:  # noqa: PLR2004 - first:last:step
        raise UsageError(f"--grid {name}={text} has too many parts. {_FORMS}.")
    if step <= 0:
        raise UsageError(f"--grid {name}={text}: the step must be above 0.")
    if last < first:
        raise UsageError(f"--grid {name}={text} is empty: write the smaller end first.")
    with localcontext(Context(traps=[InvalidOperation])):  # endless steps are too many
        steps = (last - first) / step
    if steps >= MOST_VALUES:
        count = f"{steps + 1:,.0f}" if steps < MOST_SETS else f"{steps:.0e}"
        raise UsageError(
            f"--grid {name}={text} has {count} values; {MOST_VALUES:,} are allowed on an axis. "
            f"Take a wider step."
        )
    values = [first + number * step for number in range(int(steps) + 1)]
    if values[-1] != last:
        raise UsageError(
            f"--grid {name}={text} does not end at {last:f}: in steps of {step:f} the last value "
            f"is {values[-1]:f}. Both ends are values: write {name}={_landing(text, values)}."
        )
    return [f"{value:f}" for value in values]


def _landing(text: str, values: Sequence[Decimal]) -> str:
    """Write a range that lands on its end: shorter where the step was given, else finer."""
    first, last, *step = (part.strip() for part in text.split(":"))
    if step and len(values) > 1:
        return f"{first}:{values[-1].normalize():f}:{step[0]}"
    decimals = max(-int(Decimal(end).normalize().as_tuple().exponent) for end in (first, last))
    return f"{first}:{last}:{Decimal(1).scaleb(-max(decimals, 0)):f}"


def _reactions(values: Sequence[Any]) -> list[float]:
    """Read reaction times as minutes, rising."""
    reactions = set()
    for value in values:
        text = value.text if isinstance(value, Text) else value
        try:
            minutes = Rules(reaction_minutes=minutes_of(text)).reaction_minutes
        except ValueError:
            raise UsageError(
                f"--grid {REACTION}: {text} is no time to react. Write minutes from 0 to 10,080, "
                f"or a time such as 30m or 2h."
            ) from None
        if minutes in reactions:
            raise UsageError(f"--grid {REACTION}: {text} is there twice.")
        reactions.add(minutes)
    return sorted(reactions)


def _axis(file: StrategyFile, fixed: Mapping[str, Any], name: str, values: list[Any]) -> list[Any]:
    """Read the values of an axis as JSON values of the strategy's field."""
    reader = ParameterReader(parameters(file.cls)[name])

    def field_of(value: Any) -> Any:
        return parameter_value(variant(file, {**fixed, name: value}), name)

    by_json: dict[str, Any] = {}
    for value in values:
        text = value.text if isinstance(value, Text) else to_text(value)
        try:
            read = reader.read(value)
        except ValueError:  # raised with the message that any other setting gets
            configure(file, {**fixed, name: value})
            raise
        field = field_of(read)
        kept = plain(field)
        if type(kept) not in _TYPES:
            raise UsageError(
                f"--grid {name}: {text} stands for a value of the type {type(field).__name__}. "
                f"A grid varies numbers, texts, days, true and false, and none."
            )
        if field != read and field_of(reader.read(kept)) != field:
            raise UsageError(
                f"--grid {name}: {text} becomes {to_text(field)}, and that becomes another value "
                f"in turn. A grid needs a parameter whose value, given again, stays as it is."
            )
        key = json.dumps(kept)
        if key in by_json:
            raise UsageError(f"--grid {name}: {text} is there twice.")
        by_json[key] = kept
    return list(by_json.values())
