"""The terms of a command or call: what is traded, from when to when, and by which rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from backtest.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from backtest.engine.rules import Costs, Rules


@dataclass(frozen=True)
class Terms:
    """Stocks in one account, what they are held against, and the trading rules' settings.

    `costs` are those that the rules take their figures from; None for the defaults.
    """

    symbols: tuple[str, ...]
    benchmark: str
    rules: Rules
    costs: Costs | None


def read_terms(
    data: Path, settings: Mapping[str, Any], rules: Mapping[str, Any] | None = None
) -> Terms:
    """The terms that are named; the others by environment, by `backtest.toml`, or built in.

    Args:
        data: the data folder, in which presets of costs are.
        settings: `symbol`, `benchmark`, `cash` and `costs`, as of `read_config`.
        rules: fields of `Rules`, which go before the costs; those that are None are left.

    Raises:
        UsageError: a setting is not allowed, a rule is unknown or out of its bounds, or there are
            no such costs.
        DataError: the file of costs is not readable.

    """
    from backtest.engine.rules import Rules, read_costs
    from backtest.experiments.runs.run import make_rules
    from backtest.workspace.settings import read_config

    for name in rules or {}:
        if name not in Rules.model_fields:
            raise unknown("trading rule", name, Rules.model_fields)
    config = read_config(dict(settings))
    preset = config.chosen("costs")
    costs = read_costs(data / "costs", preset) if preset else None
    return Terms(
        symbols=config.value("symbol"),
        benchmark=config.value("benchmark"),
        rules=make_rules(costs, **{"cash": config.chosen("cash"), **(rules or {})}),
        costs=costs,
    )


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
