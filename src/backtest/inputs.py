"""The inputs of a replay: prices, borrow rates and events, read and checked together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backtest.events import FILED_KINDS, Event, Start, read_all_events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from backtest.events import EventFile
    from backtest.market.borrow import BorrowRates
    from backtest.market.prices import Prices


@dataclass(frozen=True)
class Inputs:
    """What was read.

    Attributes:
        history: by symbol all prices, also from before the span.
        span: by symbol the prices that are replayed.
        rates: by symbol the borrow rates.
        files: the event files of every kind that may be looked at.
        benchmark: closes to compare with.

    """

    history: Mapping[str, Prices]
    span: Mapping[str, Prices]
    rates: Mapping[str, BorrowRates]
    files: Sequence[EventFile]
    benchmark: Prices

    @property
    def events(self) -> list[Event]:
        """The events of all files."""
        return [event for file in self.files for event in file.events]

    @property
    def first(self) -> date:
        """The first session of the replay."""
        return min(prices.first for prices in self.span.values())

    @property
    def last(self) -> date:
        """The last session of the replay."""
        return max(prices.last for prices in self.span.values())

    def hashes(self, data: Path) -> dict[str, str]:
        """The sha256 of every file that was read, by its place in the data folder."""
        files = [p.file for p in (*self.history.values(), self.benchmark)]
        files += [r.file for r in self.rates.values() if r.file] + [f.file for f in self.files]
        return {f.path.relative_to(data).as_posix(): f.sha256 for f in files}


def read_inputs(
    data: Path,
    symbols: Sequence[str],
    benchmark: str,
    span: tuple[date | None, date | None],
    listens_to: Sequence[type[Event]],
) -> Inputs:
    """Read and check what a strategy is replayed on.

    Args:
        data: the data folder.
        symbols: stocks that are traded.
        benchmark: a symbol with closes.
        span: first and last day of the replay; the prices' own where None.
        listens_to: the kinds of event that the strategy hears of.

    Raises:
        UsageError: a symbol or the span is wrong.
        DataError: a file is.

    """
    from backtest.market.borrow import read_borrow_rates
    from backtest.market.prices import read_prices

    history = {symbol: read_prices(data / "prices", symbol, bars=True) for symbol in symbols}
    kinds = [kind for kind in listens_to if kind not in (Event, Start)]
    # Strategies may look at any public event, not only at those that they answer.
    seen: list[type[Event]] = [*FILED_KINDS, *(k for k in kinds if k not in FILED_KINDS)]
    return Inputs(
        history=history,
        span={symbol: prices.span(*span) for symbol, prices in history.items()},
        rates={symbol: read_borrow_rates(data / "borrow", symbol) for symbol in symbols},
        files=read_all_events(data / "events", seen),
        benchmark=read_prices(data / "prices", benchmark),
    )
