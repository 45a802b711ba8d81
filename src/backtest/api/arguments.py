"""What callers give, as the program takes it."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.errors import UsageError
from backtest.experiments.terms import Terms, read_terms
from backtest.strategy.values import Text
from backtest.workspace.folders import Workspace, find_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Folder = str | os.PathLike[str] | None
Day = str | date | None


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
    """The terms that a call names; see `read_terms`."""
    named = {
        "symbol": several(symbols),
        "benchmark": benchmark,
        "cash": cash,
        "costs": costs and os.fspath(costs),
    }
    return read_terms(data, named, rules)


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
