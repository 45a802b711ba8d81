"""The grid of a sweep: `hold=1:40`, `stop=0.02:0.30:0.01`, `threshold=0,0.05,0.1`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import prod
from typing import TYPE_CHECKING, Any

from backtest.discovery import BacktraderStrategy, configure, parameters
from backtest.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backtest.discovery import StrategyFile
    from backtest.strategy import Strategy

MOST_VALUES = 1_000_000  # on one axis
_FORMS = "--grid takes name=first:last, name=first:last:step or name=value,value,…"


@dataclass(frozen=True)
class Grid:
    """Values by parameter; its sets are their product, the last parameter changing fastest."""

    axes: Mapping[str, list[Any]]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def sets(self) -> int:
        """How many sets there are."""
        return prod(self.shape)


def read_grid(file: StrategyFile, settings: Mapping[str, str], texts: Sequence[str]) -> Grid:
    """Read the axes and check every value against the strategy's field.

    Args:
        file: the strategy.
        settings: parameters that all sets share, as texts by dotted name.
        texts: one for each axis.

    Raises:
        UsageError: an axis names no parameter, is empty, reversed or named twice, or a value is
            out of the parameter's bounds.

    """
    if not texts:
        raise UsageError(f"A sweep needs at least one axis. {_FORMS}.")
    known = parameters(file.cls)
    axes: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"--grid {text!r} has no name and values. {_FORMS}.")
        if name not in known:
            raise unknown(f"parameter of {file.name}", name, known)
        if name in axes:
            raise UsageError(f"--grid {name} is given twice; write all its values in one.")
        if name in settings:
            raise UsageError(f"{name} is given by --set and by --grid; choose one of them.")
        if any(form in str(known[name].annotation) for form in ("set[", "list[", "tuple[")):
            raise UsageError(f"--grid {name}: its values are lists, which a grid cannot vary.")
        axes[name] = _typed(file, settings, name, _split(name, values))
    return Grid(axes)


def sweepable(file: StrategyFile, settings: Mapping[str, str]) -> Strategy:
    """The strategy that the sets of a sweep are variants of.

    Raises:
        UsageError: it cannot be swept, or a setting is wrong.

    """
    strategy = configure(file, settings)
    if isinstance(strategy, BacktraderStrategy):
        raise UsageError(
            f"{file.name} is a Backtrader strategy, which decides as it goes: it runs in the "
            f"replay alone. A sweep needs a strategy with on_event."
        )
    return strategy


def value_of(strategy: Strategy, name: str) -> Any:
    """The value of a parameter by its dotted name."""
    value: Any = strategy
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _split(name: str, text: str) -> list[str]:
    """The values of an axis as texts."""
    if ":" in text:
        return _range(name, text)
    values = [part.strip() for part in text.split(",") if part.strip()]
    if not values:
        raise UsageError(f"--grid {name} has no value. {_FORMS}.")
    return values


def _range(name: str, text: str) -> list[str]:
    """All values of a range, both ends included, in decimals: 0.02 and ten steps are 0.12."""
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
    count = int((last - first) / step) + 1
    if count > MOST_VALUES:
        raise UsageError(
            f"--grid {name}={text} has {count:,} values; {MOST_VALUES:,} are allowed on an axis. "
            f"Take a wider step."
        )
    return [str(first + number * step) for number in range(count)]


def _typed(
    file: StrategyFile, settings: Mapping[str, str], name: str, texts: list[str]
) -> list[Any]:
    values: list[Any] = []
    for text in texts:
        value = value_of(configure(file, {**settings, name: text}), name)  # type: ignore[arg-type]
        if value in values[-1:] or (len(texts) < MOST_VALUES and value in values):
            raise UsageError(f"--grid {name}: {text} is there twice.")
        values.append(value)
    return values
