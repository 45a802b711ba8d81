"""What callers give, as the program takes it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.engine.rules import Rules, read_costs
from backtest.errors import UsageError, unknown
from backtest.experiments.runs.run import make_rules
from backtest.strategy.parameters import Text
from backtest.workspace.folders import Workspace, find_workspace
from backtest.workspace.settings import read_config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backtest.engine.rules import Costs

Folder = str | os.PathLike[str] | None
Day = str | date | None


@dataclass(frozen=True)
class Terms:
    """What is traded, and by which rules.

    Attributes:
        symbols: stocks in one account.
        benchmark: what they are held against.
        rules: the trading rules' settings.
        costs: where their costs come from; None for the defaults.

    """

    symbols: tuple[str, ...]
    benchmark: str
    rules: Rules
    costs: Costs | None


def folders(strategies: Folder, data: Folder, reports: Folder) -> Workspace:
    """The folders that are given; the others as commands find them."""
    return find_workspace(*(Path(one) if one else None for one in (strategies, data, reports)))


def several(names: str | Sequence[str] | None) -> list[str] | None:
    """Names that come as one text or as several."""
    return [names] if isinstance(names, str) else list(names or ()) or None


def terms(
    data: Path,
    symbols: str | Sequence[str] | None,
    benchmark: str | None,
    cash: float | None,
    costs: str | os.PathLike[str] | None,
    rules: Mapping[str, Any] | None,
) -> Terms:
    """The terms that are given; the others by environment, by `backtest.toml`, or built in.

    Raises:
        UsageError: one is not allowed, a rule is unknown or out of its bounds, or there are no
            such costs.
        DataError: the file of costs is not readable.

    """
    for name in rules or {}:
        if name not in Rules.model_fields:
            raise unknown("trading rule", name, Rules.model_fields)
    config = read_config(
        {
            "symbol": several(symbols),
            "benchmark": benchmark,
            "cash": cash,
            "costs": costs and os.fspath(costs),
        }
    )
    named = config.chosen("costs")
    chosen = read_costs(data / "costs", named) if named else None
    changed = {"cash": config.chosen("cash"), **(rules or {})}
    return Terms(
        symbols=config.value("symbol"),
        benchmark=config.value("benchmark"),
        rules=make_rules(chosen, **changed),
        costs=chosen,
    )


def day(name: str, value: Day) -> date | None:
    """A day that is given as such or as an ISO text.

    Raises:
        UsageError: it is not a day.

    """
    try:
        if isinstance(value, datetime):  # as pandas has them
            return value.date()
        return value if value is None or isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} {value!r} is not a day. Write it as '2025-03-28'.") from None


def check_name(name: object, rule: str) -> None:
    """Refuse what is no name, such as a class.

    Raises:
        UsageError: it begins with the rule.

    """
    if not isinstance(name, str):
        raise UsageError(
            f"{rule}, not {name!r}. Save a class in the strategies folder, and give its name."
        )


def window(ends: object) -> str:
    """The first and the last session of a window as `--window` takes them."""
    return ",".join(map(str, ends)) if isinstance(ends, list | tuple) else str(ends)


def axis(name: str, values: object) -> Text | list[Any]:
    """The values of a parameter in a grid; a text is read as that of `--grid`.

    Args:
        name: of the parameter.
        values: a text such as `1:40`, a range, or any collection of values.

    Raises:
        UsageError: it is neither.

    """
    if isinstance(values, str):
        return Text(values)
    try:
        return list(values)  # type: ignore[call-overload, no-any-return]
    except TypeError:
        raise UsageError(
            f"grid {name}: {values!r} is no collection of values. Give a list, a range, "
            f"or a text such as '0.02:0.30:0.01'."
        ) from None
