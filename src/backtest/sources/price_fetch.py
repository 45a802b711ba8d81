"""Fetching the prices of a symbol from Yahoo into its file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from backtest.data.datafile import metadata_path
from backtest.data.event import NEW_YORK
from backtest.data.price_store import place_for
from backtest.errors import UsageError
from backtest.sources.price_encoding import bars_path, open_kept
from backtest.sources.updates import DIVIDENDS, Incoming, Update, prepare_update
from backtest.sources.yahoo import Adjust, Interval, ask, first_day, library
from backtest.sources.yahoo_bars import finished_bars
from backtest.workspace.files import json_object

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from backtest.sources.yahoo_bars import Bars

_SOURCE = "Yahoo Finance by yfinance, for personal use, without any guarantee."


@dataclass(frozen=True)
class FetchRequest:
    """What is fetched.

    Attributes:
        interval: of the bars.
        first: the first day; where None that of the file, or the first that Yahoo has.
        last: the last day; today where None.
        adjust: adjust mode; where None that of the file, or for splits alone.
        accept: whether rows that differ are replaced.
        among: how many symbols are fetched at once.

    """

    interval: Interval = "1d"
    first: date | None = None
    last: date | None = None
    adjust: Adjust | None = None
    accept: bool = False
    among: int = 1


def fetch_prices(data: Path, symbol: str, request: FetchRequest) -> Update:
    """Ask Yahoo, and tell what would change in the file of a symbol.

    Args:
        data: the data folder.
        symbol: the stock or fund, as Yahoo writes it.
        request: what is wanted.

    Raises:
        UsageError: the span or the adjust mode is wrong, or the symbol is not for this program.
        SourceError: Yahoo does not answer.
        DataError: what came, or what is there, is wrong.

    """
    now = _now()
    folder = data / "prices"
    is_daily = request.interval == "1d"
    if is_daily:
        path = place_for(folder, symbol, among=request.among)
    else:
        path = bars_path(folder, symbol, request.interval)
    adjust = _adjust(path, request)
    begins = open_kept(path).table.index[0].date() if path.exists() else None
    wanted = request.first or (begins if is_daily else None)
    if wanted and wanted > (request.last or now.astimezone(NEW_YORK).date()):
        raise UsageError(f"--from {wanted} is after --to {request.last or 'today'}.")
    first = first_day(request.interval, wanted, now)
    answer = ask(symbol, request.interval, adjust, first, now)
    bars = finished_bars(answer, symbol, request.interval, request.last)
    told = _told_mode(adjust, bars, now)
    if begins and begins < bars.table.index[0].date():  # splits of before are not known
        told = _recorded_mode(path)
    incoming = _incoming(symbol, bars, told, request, now)
    if not path.exists() and adjust == "all":  # such prices were never traded
        incoming = replace(incoming, table=incoming.table[["close"]])
    return prepare_update(path, incoming, accept=request.accept)


def _now() -> datetime:
    return datetime.now(UTC)


def _incoming(symbol: str, bars: Bars, told: str, request: FetchRequest, now: datetime) -> Incoming:
    days = [str(time.date()) for time in (bars.table.index[0], bars.table.index[-1])]
    splits = [f"{ratio:g} shares came for one on {day}." for day, ratio in bars.splits.items()]
    return Incoming(
        symbol=symbol,
        table=bars.table,
        adjust=told,
        source=_SOURCE,
        splits=bars.splits,
        notes=[*bars.notes, *splits],
        retrieval={
            "source": "Yahoo Finance",
            **library(),
            "fetched_at": now.isoformat(timespec="seconds"),
            "interval": request.interval,
            "adjust": told,
            "first": days[0],
            "last": days[1],
            "rows": len(bars.table),
        },
    )


def _told_mode(adjust: Adjust, bars: Bars, now: datetime) -> str:
    """The adjust mode in the words of the metadata, which `_adjust` reads again."""
    if adjust == "all":
        return f"{DIVIDENDS}, as of {now:%Y-%m-%d}"
    if bars.splits:
        return f"splits, as of {now:%Y-%m-%d}; not dividends"
    return "none: as traded, no split in the span"


def _adjust(path: Path, request: FetchRequest) -> Adjust:
    """The adjust mode to ask for.

    Raises:
        UsageError: it is not that of the file, or the file's is not known.

    """
    known = _recorded_mode(path) if path.exists() else ""
    there: Adjust | None = None
    if known.startswith(DIVIDENDS):
        there = "all"
    elif known.startswith(("none", "splits")):
        there = "splits"
    if request.adjust == "all" and request.interval != "1d":
        raise UsageError("Yahoo adjusts bars finer than sessions for splits alone.")
    if path.exists() and request.adjust not in (None, there):
        raise UsageError(
            f"{path} is adjusted so: {known or 'unknown'}. Prices of two modes cannot stand in one "
            f"file. Leave --adjust away, or move the file away with its metadata."
        )
    if path.exists() and there is None:
        raise UsageError(
            f"How {path} is adjusted is not on record. Say it with `backtest prices seal "
            f"{path.stem} --adjust 'none'` or --adjust 'splits and dividends'."
        )
    return there or request.adjust or "splits"


def _recorded_mode(path: Path) -> str:
    return str(json_object(metadata_path(path)).get("adjust") or "")
