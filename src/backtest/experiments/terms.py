"""This module reads the terms of a command, and defines the request and the plan made of them.

A run, a sweep and a study each go from a request, which names things, to a plan, whose inputs were
read and checked and whose id is therefore known, and from the plan to a result in a folder.
"""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from pydantic import ValidationError

from backtest.engine.rules import RULES_VERSION, Costs, Rules, read_costs
from backtest.errors import DataError, UsageError, unknown
from backtest.stats.formats import few
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from backtest.data.inputs import Inputs
    from backtest.engine.bars import RunBars
    from backtest.strategy.base import BacktraderStrategy, Strategy, StrategyFile

T = TypeVar("T")
# Packages that decide numbers. A minor release of numpy and the like may sum or draw in another
# order, a patch does not; any release of Backtrader may fill otherwise, any of the calendar adds
# holidays. The program itself counts by RULES_VERSION.
_BY_MINOR_RELEASE = ("numba", "numpy", "pandas", "scipy")
_BY_RELEASE = ("backtrader", "exchange-calendars")
_MINUTES = {"s": 1 / 60, "m": 1.0, "h": 60.0}  # by unit of time
_MOST_NAMED = 3  # symbols, in the name of a folder
_RECORDED = ("backtest", "pyarrow", "quantstats")  # the last two only write and draw

MissingBars = Literal["daily", "none"]
MISSING_BARS: tuple[MissingBars, ...] = get_args(MissingBars)


@dataclass(frozen=True)
class Terms:
    """Terms are the stocks of one account, their benchmark and the settings of the trading rules.

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
    """Read terms from arguments, or else from the environment, `backtest.toml` or the defaults.

    `settings` are `symbol`, `benchmark`, `cash` and `costs`, as `read_config` takes them; `rules`
    are fields of `Rules`, which go before the costs; those that are None do not count. Raise
    UsageError where a universe and symbols are named, a setting is not allowed, a rule is unknown
    or out of its bounds, or there are no such costs, and DataError where the file of costs is not
    readable.
    """
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


def make_rules(costs: Costs | None = None, **settings: Any) -> Rules:
    """Make rules of costs, then settings that are not None; UsageError where one is wrong."""
    set_values = {name: value for name, value in settings.items() if value is not None}
    try:
        return Rules(**{**(costs.figures if costs else {}), **set_values})
    except ValidationError as error:
        faults = [f"{f['loc'][0]} {f['input']!r}: {f['msg']}" for f in error.errors()]
        raise UsageError("; ".join(faults)) from None


def check_one_of(universe: str | None, symbols: Sequence[str] | None) -> None:
    """Raise UsageError where both a universe and symbols are named."""
    if universe and symbols:
        raise UsageError(
            f"The universe {universe} says which stocks are traded, so {few(symbols)} cannot be "
            f"named beside it: leave one of the two out."
        )


def read_symbols(names: Iterable[str]) -> list[str]:
    """Return symbols in order, each once; a name that is a file stands for the symbols in it.

    A file has one symbol a line, or is a CSV file with a column `symbol`; UsageError where it is
    neither.
    """
    symbols: list[str] = []
    for name in names:
        symbols += _symbols_in(Path(name)) if Path(name).is_file() else [name]
    return list(dict.fromkeys(symbols))


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
    """Read a day from a date or an ISO text, None from None; UsageError, with its name, else."""
    try:
        if isinstance(value, datetime):  # a Timestamp; NaT has no ordinal, but a date()
            return date.fromordinal(value.toordinal())
        return value if value is None or isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} {value!r} is not a day. Write it as 2025-03-28.") from None


def minutes_of(value: object) -> float:
    """Read minutes from a number or a text such as `30m` or `2h`; ValueError for anything else."""
    text = str(value).strip()
    unit = _MINUTES.get(text[-1:])
    return float(text[:-1]) * unit if unit else float(text)


def read_reaction(value: object) -> float:
    """Read the minutes from publication to the earliest trade; UsageError where out of bounds."""
    with suppress(ValueError, UsageError):
        return make_rules(reaction_minutes=minutes_of(value)).reaction_minutes
    raise UsageError(
        f"reaction is {value!r}. Allowed: minutes from 0 to 10,080, such as 5 or '2h'."
    )


def read_count(name: str, value: object, least: int = 0) -> int:
    """Return a whole number, also one of numpy, as int; UsageError where it is none or too low."""
    if not isinstance(value, Integral) or int(value) < least:
        raise UsageError(f"{name} is {value!r}. Allowed: a whole number from {least}.")
    return int(value)


@dataclass(frozen=True)
class Request:
    """A request names what is replayed: a strategy, stocks in one account, a span and rules."""

    strategy: str
    symbols: tuple[str, ...]  # in any order
    settings: Mapping[str, Any]  # parameters as `strategy.parameters.configure` takes them
    first: date | None  # None for the first session of the prices
    last: date | None  # None for the last session of the prices
    rules: Rules
    costs: Costs | None = None  # those that the rules' figures come from; None for the defaults
    universe: str | None = None  # the universe that is traded in place of symbols
    bars: str | None = None  # the length of bars finer than sessions, such as 5m
    missing_bars: MissingBars = "daily"  # what an event trades by where it has no such bars
    accept_jumps: bool = False  # whether prices that jump as after a split are taken as they are

    def inputs(
        self,
        data: Path,
        strategy: Strategy | BacktraderStrategy,
        benchmark: str | None = None,
        as_of: date | None = None,
    ) -> Inputs:
        """Read the inputs of a replay of the strategy from a data folder; raise as `read_inputs`.

        Without a benchmark, what is traded is its own, so that no other prices are read.
        """
        from backtest.data.inputs import read_inputs  # loads pandas

        symbols = tuple(sorted({*self.symbols}))
        return read_inputs(
            data,
            symbols,
            benchmark or self.universe or symbols[0],
            (self.first, self.last),
            strategy.listens_to,
            as_of=as_of,
            looks_at=strategy.looks_at,
            trades_also=strategy.trades_also,
            wanted_by=self.strategy,
            universe=self.universe,
            bars=self.bars,
            hours=self.rules.hours,
            accept_jumps=self.accept_jumps,
        )

    def run_bars(self, inputs: Inputs) -> RunBars | None:
        """Return the bars to replay where some are finer than sessions, else None."""
        from backtest.engine.bars import run_bars

        is_needed = self.missing_bars == "none"
        return run_bars(inputs.replayed, inputs.finer, inputs.hedges.keys(), is_needed=is_needed)


@dataclass(frozen=True)
class Plan(ABC, Generic[T]):
    """A plan holds all that decides a result, and the folder that the result is in or goes to."""

    identity: Mapping[str, Any]
    path: Path

    @property
    def id(self) -> str:
        """Return a short hash of all that decides the result."""
        return run_id(self.identity)

    @property
    def result(self) -> T | None:
        """Return the result if it is on disk and undamaged, else None."""
        with suppress(DataError):
            return self.read()
        return None

    @property
    def exists(self) -> bool:
        """Tell whether the result is on disk and undamaged."""
        return self.result is not None

    @abstractmethod
    def read(self) -> T:
        """Read the result; raise DataError where it is missing or damaged."""


def run_id(identity: Mapping[str, Any]) -> str:
    """Return a short hash, ten hexadecimal digits, of all that decides a result."""
    return sha256_of(identity)[:10]


def identity(file: StrategyFile | None, inputs: Mapping[str, str], **terms: Any) -> dict[str, Any]:
    """Return all that decides a result and its evidence, and nothing else, as JSON values.

    `inputs` are the hashes of the data that are used, by name, and `terms` all else; `file` is None
    where no strategy takes part.
    """
    return {
        **terms,
        "inputs": dict(sorted(inputs.items())),
        "strategy_sha256": file and file.source_sha256(),
        "rules_version": RULES_VERSION,
        "packages": deciding_packages(),
    }


def deciding_packages() -> dict[str, str]:
    """Return by name that part of each package's version that may change numbers."""
    minor = {name: ".".join(version(name).split(".")[:2]) for name in _BY_MINOR_RELEASE}
    return minor | {name: version(name) for name in _BY_RELEASE}


def installed_packages() -> dict[str, str]:
    """Return by name the whole version of each package that takes part, for the record."""
    return {name: version(name) for name in (*_RECORDED, *_BY_MINOR_RELEASE, *_BY_RELEASE)}


def folder_name(strategy: str, symbols: Sequence[str], identity: str) -> str:
    """Return the name of a result's folder; more than three symbols are counted, not named."""
    stocks = "+".join(symbols) if len(symbols) <= _MOST_NAMED else f"{len(symbols)}-symbols"
    return f"{strategy}-{stocks}-{identity}"
