"""List what is in the data folder, events with their tradable sessions among it, and seal files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.data.actions import parse_actions
from backtest.data.bars import LENGTHS, bar_symbols, bars_path, parse_bars, read_bars
from backtest.data.borrow import parse_borrow_rates
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import DataFile, open_data_file, open_known_file
from backtest.data.events import (
    as_filed,
    event_order,
    has_file,
    kinds_with_files,
    open_events,
    parse_events,
    parse_lines,
    read_all_events,
)
from backtest.data.kinds import NEVER_TRADED, NEW_YORK, Event, new_york_day
from backtest.data.market import tradable_session
from backtest.data.price_rows import BAR_COLUMNS
from backtest.data.prices import parse_prices, path_for, price_symbols, read_prices
from backtest.data.universe import (
    FOLDER,
    parse_universe,
    read_universe,
    tables_folder,
    universe_names,
)
from backtest.data.versions import Version, read_version, seal, versions
from backtest.errors import DataError, unknown

if TYPE_CHECKING:
    import pandas as pd

    from backtest.workspace.folders import Workspace

_PROPERTIES = (
    "eps_surprise", "revenue_surprise", "guidance_surprise", "guidance_change", "stake_change",
    "staleness",
)  # fmt: skip


@dataclass(frozen=True)
class ListedEvent:
    """A listed event has the first session in which it can be traded, or why it cannot."""

    event: Event
    session: date | None
    obstacle: str

    @property
    def published(self) -> str:
        """Return the time of publication in New York, to the minute."""
        return self.event.published_at.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")

    def as_dict(self) -> dict[str, Any]:
        """Return every field by name, with the figures and the session that follow from them."""
        derived = {n: getattr(self.event, n) for n in _PROPERTIES if hasattr(self.event, n)}
        return {
            "id": self.event.id,
            "kind": self.event.kind,
            **self.event.model_dump(),
            **derived,
            "tradable_session": None if self.obstacle else self.session,
            "not_tradable_because": self.obstacle or None,
        }


def list_events(
    workspace: Workspace,
    kinds: Iterable[type[Event]],
    symbols: Sequence[str] | None,
    reaction: float,
) -> list[ListedEvent]:
    """List the events of some stocks, or of all, in order of publication.

    The reaction is in minutes. UsageError where a symbol has no event.
    """
    events = _all_events(workspace, kinds)
    known = {event.symbol for event in events} - {""}
    for symbol in symbols or ():
        if symbol not in known:
            raise unknown("event of symbol", symbol, known)
    listed = [event for event in events if not symbols or event.symbol in (*symbols, "")]
    return with_sessions(workspace, listed, reaction)


def find_event(
    workspace: Workspace, kinds: Iterable[type[Event]], event_id: str, reaction: float
) -> ListedEvent:
    """Find the event of an id among some kinds; UsageError where no event has it."""
    events = {event.id: event for event in _all_events(workspace, kinds)}
    if event_id not in events:
        raise unknown("event", event_id, events)
    return with_sessions(workspace, [events[event_id]], reaction)[0]


def _all_events(workspace: Workspace, kinds: Iterable[type[Event]]) -> list[Event]:
    folder = workspace.data / "events"
    files = read_all_events(folder, kinds_with_files(folder, kinds))
    return sorted((event for file in files for event in file.events), key=event_order)


def with_sessions(
    workspace: Workspace, events: Sequence[Event], reaction: float
) -> list[ListedEvent]:
    """Find the first session in which each event can be traded, or why it cannot."""
    folder = workspace.data / "prices"
    known = set(price_symbols(folder))
    prices = {symbol: read_prices(folder, symbol) for symbol in {e.symbol for e in events} & known}
    wait = timedelta(minutes=reaction)
    listed = []
    for event in events:
        if not event.symbol:
            listed.append(_with_market_session(event, wait))
        elif history := prices.get(event.symbol):
            listed.append(ListedEvent(event, *tradable_session(event, history, history, wait)))
        else:
            listed.append(ListedEvent(event, None, f"no prices of {event.symbol}"))
    return listed


def _with_market_session(event: Event, reaction: timedelta) -> ListedEvent:
    if event.precision in NEVER_TRADED:
        return ListedEvent(event, None, f"known by the {event.precision} alone, never traded")
    session = trading_calendar().tradable_session(event.published_at, reaction)
    return ListedEvent(event, session, "")


OF_PRICES = ("symbol", "bars", "first", "last", "sessions", "columns", "adjust", "source")


def list_prices(workspace: Workspace) -> list[dict[str, Any]]:
    """List each symbol's daily prices and each length of its bars, as rows with `OF_PRICES`."""
    folder = workspace.data / "prices"
    rows = [
        _price_row(one.symbol, "daily", one.table.index, one.table.columns, one.file)
        for one in (read_prices(folder, symbol) for symbol in price_symbols(folder))
    ]
    for length in LENGTHS:
        for symbol in bar_symbols(folder, length):
            bars = read_bars(folder, symbol, length)
            rows.append(_price_row(symbol, length, bars.by_session.index, BAR_COLUMNS, bars.file))
    return sorted(rows, key=lambda row: row["symbol"])


def _price_row(
    symbol: str, bars: str, days: pd.Index, columns: Iterable[str], file: DataFile
) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "bars": bars,
        "first": str(days[0].date()) if len(days) else None,
        "last": str(days[-1].date()) if len(days) else None,
        "sessions": len(days),
        "columns": " ".join(columns),
        "adjust": file.metadata["adjust"],
        "source": file.metadata["source"],
    }


@dataclass(frozen=True)
class UniverseRow:
    """A universe row tells which data there are of the members of a universe."""

    name: str
    symbols: Sequence[str]  # every stock that ever was a member
    first: date | None  # the first session with a price of any member; None without prices
    last: date | None
    events: Mapping[str, int]  # counts by kind; kinds without any are left out
    without_prices: Sequence[str]  # members that have none
    without_events: Sequence[str]  # members that have none of any kind
    source: str  # the source of the table of members


def list_universes(workspace: Workspace, kinds: Iterable[type[Event]]) -> list[UniverseRow]:
    """List the universes of the data folder, counting their events of some kinds."""
    kinds = list(kinds)
    return [_universe_row(workspace.data, name, kinds) for name in universe_names(workspace.data)]


def _universe_row(data: Path, name: str, kinds: Sequence[type[Event]]) -> UniverseRow:
    universe, folder = read_universe(data, name), tables_folder(data, name)
    priced = set(price_symbols(folder / "prices")) & set(universe.symbols)
    prices = [read_prices(folder / "prices", symbol) for symbol in priced]
    with_file = [kind for kind in kinds if has_file(folder / "events", kind)]
    files = read_all_events(folder / "events", with_file)
    events = [e for file in files for e in file.events if e.symbol in universe.spans]
    with_event = {event.symbol for event in events}
    return UniverseRow(
        name=name,
        symbols=universe.symbols,
        first=min((one.first for one in prices), default=None),
        last=max((one.last for one in prices), default=None),
        events=dict(Counter(event.kind for event in events)),
        without_prices=[symbol for symbol in universe.symbols if symbol not in priced],
        without_events=[symbol for symbol in universe.symbols if symbol not in with_event],
        source=universe.file.metadata["source"],
    )


def provenance(workspace: Workspace, event: Event) -> dict[str, Any]:
    """Tell by name all that is known of where an event came from, and which version brought it."""
    file = open_events(workspace.data / "events", type(event))
    lines = {one.event.id: one.line for one in parse_lines(file, type(event))}
    return {
        "sources": [url for url in (event.source_url, event.source_url_2) if url],
        "retrieved_at": event.retrieved_at,
        "file": file.path.relative_to(workspace.data).as_posix(),
        "line": lines[event.id],
        "sha256": file.sha256,
        "compiled_on": file.metadata["compiled_on"],
        "compiled_from": file.metadata["source"],
        **_history(file.path, event),
    }


def _history(path: Path, event: Event) -> dict[str, Any]:
    came_in = changed = "unknown"
    row: Mapping[str, str] | None = None
    lost = False
    try:
        for version in versions(path):
            if version.path is None:
                lost = True
                continue
            before, row = row, _row(path, version, event)
            if row != before:
                changed = _version_text(version, lost=lost)
                came_in = came_in if before else changed
            lost = False
    except DataError as error:
        return {"history": str(error)}
    return {"came_in_with": came_in, "changed_last_with": changed}


def _row(path: Path, version: Version, event: Event) -> dict[str, str] | None:
    for one in parse_lines(read_version(path, version), type(event)):
        if one.event.id == event.id:
            return {name: cell for name, cell in one.cells.items() if cell}
    return None


def _version_text(version: Version, *, lost: bool) -> str:
    text = f"version {version.number} of {version.recorded_at:%Y-%m-%d %H:%M} UTC, {version.reason}"
    return text + " (or the version before, whose text was not kept)" * lost


def seal_events(workspace: Workspace, kind: type[Event], source: str | None) -> Path:
    """Check the file of a kind as it is now and write its metadata; return their path.

    Times as people write them, such as `2025-06-24 before open`, become stamps. As in all `seal_…`
    here, DataError where the file is wrong, UsageError where no source is named or on record.
    """
    edited = open_data_file(workspace.data / "events" / kind.file_name())
    file = as_filed(edited)
    events = parse_events(file, kind)
    days = [new_york_day(event.published_at).isoformat() for event in events]
    text = None if file is edited else file.text
    return seal(file.path, days, source=source, text=text, over=edited.sha256)


def seal_prices(
    workspace: Workspace,
    symbol: str,
    source: str | None,
    adjust: str | None,
    *,
    borrow: bool = False,
    bars: str | None = None,
) -> Path:
    """Check the prices, the finer bars or the borrow rates of a symbol and write their metadata."""
    if bars is not None:
        file = open_known_file(bars_path(workspace.data / "prices", symbol, bars))
        days = parse_bars(file).sessions.astype(str).tolist()
    elif borrow:
        file = open_data_file(workspace.data / "borrow" / f"{symbol}.csv")
        days = [rate.day.isoformat() for rate in parse_borrow_rates(file).rates]
    else:
        file = open_known_file(path_for(workspace.data / "prices", symbol))
        days = [day.date().isoformat() for day in parse_prices(file).table.index]
    return seal(file.path, days, source=source, adjust=adjust, over=file.sha256)


def seal_actions(workspace: Workspace, symbol: str, source: str | None) -> Path:
    """Check the actions of a symbol as they are now and write their metadata."""
    file = open_data_file(workspace.data / "actions" / f"{symbol}.csv")
    days = [row.day.isoformat() for row in parse_actions(file).rows]
    return seal(file.path, days, source=source, over=file.sha256)


def seal_universe(workspace: Workspace, name: str, source: str | None) -> Path:
    """Check the table of a universe's members as it is now and write its metadata."""
    names = universe_names(workspace.data)
    if name not in names:
        raise unknown(f"universe in {workspace.data / FOLDER}", name, names)
    file = open_data_file(workspace.data / FOLDER / name / "members.csv")
    spans = parse_universe(name, file).spans.values()
    days = [None if first == date.min else str(first) for pairs in spans for first, _ in pairs]
    return seal(file.path, days, source=source, over=file.sha256)
