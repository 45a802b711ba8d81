"""The specification of a sweep: all that decides its result, as a text that can travel."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from backtest.experiments.runs.store import run_id
from backtest.experiments.sweeps.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARTS, _FEWEST, _MOST = 64, 1_000, 20_000  # chunks that are aimed at, and sets a chunk


@dataclass(frozen=True)
class SweepSpec:
    """All that decides the result of a sweep.

    Attributes:
        strategy: name of the strategy file.
        settings: parameters that all sets share, JSON values by dotted name.
        axes: JSON values by parameter; see `Grid`.
        symbols: stocks that are traded in one account.
        span: first and last session.
        rules: the trading rules' settings.
        inputs: sha256 of the data that are used, by names such as `prices/CRWV`.
        strategy_sha256: of the strategy's source.
        rules_version: of what results mean; see `RULES_VERSION`.
        packages: what of the packages' versions decides results.

    """

    strategy: str
    settings: Mapping[str, Any]
    axes: Mapping[str, list[Any]]
    symbols: tuple[str, ...]
    span: tuple[str, str]
    rules: Mapping[str, Any]
    inputs: Mapping[str, str]
    strategy_sha256: str
    rules_version: int
    packages: Mapping[str, str]

    @property
    def grid(self) -> Grid:
        """The axes as a grid."""
        return Grid(self.axes)

    @cached_property
    def sweep_id(self) -> str:
        """A short hash of all of it."""
        return run_id(json.loads(self.to_json()))

    @property
    def sets(self) -> int:
        """How many sets are evaluated."""
        return self.grid.sets

    @property
    def chunk(self) -> int:
        """Sets a chunk: it hangs on the grid alone, so that parts fit whoever evaluates them."""
        return min(max(-(-self.sets // _PARTS), _FEWEST), _MOST)

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-self.sets // self.chunk)

    def size_of(self, chunk: int) -> int:
        """How many sets a chunk has."""
        return min(self.chunk, self.sets - chunk * self.chunk)

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last session."""
        first, last = map(date.fromisoformat, self.span)
        return first, last

    def to_json(self) -> str:
        """The specification as JSON, the same text for the same specification."""
        # The order of the axes is part of it, and JSON objects have none.
        return json.dumps({**asdict(self), "axes": list(self.axes.items())}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SweepSpec:
        """The specification that a text holds."""
        content = json.loads(text)
        values = {field.name: content[field.name] for field in fields(cls)}
        values |= {name: tuple(values[name]) for name in ("symbols", "span")}
        values["axes"] = dict(values["axes"])
        return cls(**values)
