"""The terms of a command or call: what is traded, from when to when, and by which rules."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.errors import UsageError, unknown
from backtest.stats.formats import few

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backtest.engine.rules import Costs, Rules


@dataclass(frozen=True)
class Terms:
    """Stocks in one account, what they are held against, and the trading rules' settings.

    `costs` are those that the rules take their figures from; None for the defaults. Where a
    `universe` is named, its members are the stocks, and their mean is the benchmark unless
    another is named.
    """

    symbols: tuple[str, ...]
    universe: str | None
    benchmark: str
    rules: Rules
    costs: Costs | None


def read_terms(
    data: Path,
    settings: Mapping[str, Any],
    rules: Mapping[str, Any] | None = None,
    universe: str | None = None,
) -> Terms:
    """The terms that are named; the others by environment, by `backtest.toml`, or built in.

    Args:
        data: the data folder, in which presets of costs are.
        settings: `symbol`, `benchmark`, `cash` and `costs`, as of `read_config`.
        rules: fields of `Rules`, which go before the costs; those that are None are left.
        universe: the universe that is traded, in place of symbols.

    Raises:
        UsageError: a universe and symbols are named, a setting is not allowed, a rule is unknown
            or out of its bounds, or there are no such costs.
        DataError: the file of costs is not readable.

    """
    from backtest.engine.rules import Rules, read_costs
    from backtest.experiments.runs.run import make_rules
    from backtest.workspace.folders import read_config

    for name in rules or {}:
        if name not in Rules.model_fields:
            raise unknown("trading rule", name, Rules.model_fields)
    check_one_of(universe, settings.get("symbol"))
    config = read_config(dict(settings))
    preset = config.chosen("costs")
    costs = read_costs(data / "costs", preset) if preset else None
    return Terms(
        symbols=() if universe else config.value("symbol"),
        universe=universe,
        benchmark=settings.get("benchmark") or universe or config.value("benchmark"),
        rules=make_rules(costs, **{"cash": config.chosen("cash"), **(rules or {})}),
        costs=costs,
    )


def check_one_of(universe: str | None, symbols: Sequence[str] | None) -> None:
    """Refuse a universe and symbols together.

    Raises:
        UsageError: both are named.

    """
    if universe and symbols:
        raise UsageError(
            f"The universe {universe} says which stocks are traded, so {few(symbols)} cannot be "
            f"named beside it: leave one of the two out."
        )


def read_symbols(names: Iterable[str]) -> list[str]:
    """Symbols, of which a name may be a file that holds them, in order and each once.

    A file has one symbol a line, or is a CSV file with a column `symbol`.

    Raises:
        UsageError: a file cannot be read, or holds none.

    """
    found: list[str] = []
    for name in names:
        found += _symbols_in(Path(name)) if Path(name).is_file() else [name]
    return list(dict.fromkeys(found))


def _symbols_in(file: Path) -> list[str]:
    try:
        rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"{file} is not a readable file of symbols: {error}.") from None
    rows = [[cell.strip() for cell in row] for row in rows]
    header = [name.lower() for name in rows[0]] if rows else []
    column = header.index("symbol") if "symbol" in header else 0
    rows = rows[1:] if "symbol" in header else rows
    symbols = [row[column] for row in rows if column < len(row) and row[column]]
    if not symbols or ("symbol" not in header and any(len(row) > 1 for row in rows)):
        raise UsageError(
            f"{file} is no file of symbols. Write one symbol a line, or a CSV file with a "
            f"column symbol."
        )
    return symbols


def read_day(name: str, value: str | date | None) -> date | None:
    """A day that comes as such or as an ISO text; `name` says in messages which it is.

    Raises:
        UsageError: it is not a day.

    """
    try:
        if isinstance(value, datetime):  # as pandas has them
            return value.date()
        return value if value is None or isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} {value!r} is not a day. Write it as 2025-03-28.") from None
