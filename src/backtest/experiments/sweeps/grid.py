"""The grid of a sweep: `hold=1:40`, `stop=0.02:0.30:0.01`, `threshold=0,0.05,0.1`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation, localcontext
from math import prod
from typing import TYPE_CHECKING, Any

from backtest.errors import UsageError, unknown
from backtest.stats.surface import FIGURES
from backtest.strategy.loading import BacktraderStrategy, configure, parameters, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backtest.strategy.base import Strategy
    from backtest.strategy.loading import StrategyFile

MOST_VALUES = 1_000_000  # on one axis
MOST_SETS = 2**63 - 1  # a set's number has 64 bits
_COLUMNS = ("set", *FIGURES)
_TYPES = (bool, int, float, str, type(None))
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
    texts_by_name = _by_name(file, settings, texts)
    sets = prod(len(values) for values in texts_by_name.values())
    if sets > MOST_SETS:
        raise UsageError(
            f"The grid has {sets:,} sets, more than can be numbered. "
            f"Take wider steps, or fewer parameters."
        )
    return Grid(
        {name: _typed(file, settings, name, found) for name, found in texts_by_name.items()}
    )


def _by_name(
    file: StrategyFile, settings: Mapping[str, str], texts: Sequence[str]
) -> dict[str, list[str]]:
    """The values of each axis as texts."""
    known = parameters(file.cls)
    axes: dict[str, list[str]] = {}
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
        if name in _COLUMNS:
            raise UsageError(
                f"--grid {name}: every sweep writes a column of this name. Rename the parameter."
            )
        axes[name] = _split(name, values)
    return axes


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
    with localcontext(
        Context(traps=[InvalidOperation])
    ):  # a number of steps without end is too many
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
    """A range that ends at its end: with a step that was given a shorter one, else a finer one."""
    first, last, *step = (part.strip() for part in text.split(":"))
    if step and len(values) > 1:
        return f"{first}:{values[-1].normalize():f}:{step[0]}"
    places = max(-int(Decimal(end).normalize().as_tuple().exponent) for end in (first, last))
    return f"{first}:{last}:{Decimal(1).scaleb(-max(places, 0)):f}"


def _typed(
    file: StrategyFile, settings: Mapping[str, str], name: str, texts: list[str]
) -> list[Any]:
    """The values of an axis as the strategy's field has them."""

    def value_of_text(text: str) -> Any:
        return value_of(sweepable(file, {**settings, name: text}), name)

    values: dict[Any, None] = {}
    for text in texts:
        value = value_of_text(text)
        if type(value) not in _TYPES:
            raise UsageError(
                f"--grid {name}: {text} stands for a value of the type {type(value).__name__}. "
                f"A grid varies numbers, texts, true and false, and none."
            )
        if shown(value) != text and value_of_text(shown(value)) != value:
            raise UsageError(
                f"--grid {name}: {text} becomes {shown(value)}, and that becomes another value in "
                f"turn. A grid needs a parameter whose value, given again, stays as it is."
            )
        if value in values:
            raise UsageError(f"--grid {name}: {text} is there twice.")
        values[value] = None
    return list(values)
