"""A made-up workspace: prices and events for a strategy whose own data are not there yet."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from backtest.audit.contract.examples import (
    AFTER_THE_LAST,
    SESSIONS,
    SYMBOL,
    made_up_bars,
    made_up_event,
    variants,
)
from backtest.data.datafile import metadata_of
from backtest.data.events import columns_of
from backtest.data.kinds import FILED_KINDS, NEW_YORK, Event, Start
from backtest.data.versions import put
from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backtest.strategy.base import Strategy
    from backtest.strategy.loading import BacktraderStrategy
    from backtest.workspace.folders import Workspace

_SOURCE = "Made up, for the contract's checks alone."
_FIRST, _BETWEEN, _EVENTS = datetime(2025, 6, 10, 16, 5, tzinfo=NEW_YORK), timedelta(days=14), 5


def made_up_workspace(
    folder: str, workspace: Workspace, strategy: Strategy | BacktraderStrategy
) -> Workspace:
    """Write made-up prices, and events of the kinds that a strategy listens to.

    Args:
        folder: an empty one.
        workspace: of the strategies, which stay where they are.
        strategy: what is traded.

    """
    data = Path(folder) / "data"
    bars = made_up_bars(AFTER_THE_LAST, SESSIONS)
    days = [day.date().isoformat() for day in bars.index]
    _write(data / "prices" / f"{SYMBOL}.csv", bars.to_csv(), days)
    for symbol in strategy.looks_at:
        _write(data / "prices" / f"{symbol}.csv", bars[["close"]].to_csv(), days)
    heard = [kind for kind in strategy.listens_to if kind not in (Event, Start)]
    for kind in dict.fromkeys((*FILED_KINDS, *heard)):
        events = list(_events(kind)) if kind in heard or Event in strategy.listens_to else []
        text = _text(kind, events)
        _write(data / "events" / kind.file_name(), text, [str(_day(one)) for one in events])
    return replace(workspace, data=data, reports=Path(folder) / "reports")


def _write(path: Path, text: str, days: Sequence[str]) -> None:
    put(path, text, metadata_of(days, source=_SOURCE), reason="made up", over=None)


def _events(kind: type[Event]) -> Iterator[Event]:
    """Events at intervals, each with other content."""
    try:
        contents = [event for _, event in variants(made_up_event(kind))]
    except UsageError:  # the answers tell of it
        return
    for number in range(_EVENTS):
        content = contents[number % len(contents)].model_dump()
        stamp = {"published_at": _FIRST + number * _BETWEEN}
        yield kind.model_validate(content | stamp | {"headline": f"Made-up event {number + 1}"})


def _day(event: Event) -> date:
    return event.published_at.astimezone(NEW_YORK).date()


def _text(kind: type[Event], events: Sequence[Event]) -> str:
    """The file of a kind."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns_of(kind), lineterminator="\n")
    writer.writeheader()
    for event in events:
        cells = event.model_dump(mode="json")
        writer.writerow({name: "" if cell is None else cell for name, cell in cells.items()})
    return text.getvalue()
