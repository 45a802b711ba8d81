"""When the bars of anyone's file open: times of any zone, stamped by their open or their end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.data.bars import LENGTHS, minutes_of
from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.kinds import NEW_YORK
from backtest.errors import DataError, UsageError
from backtest.sources.own_cells import (
    CLOCK,
    epochs,
    fit_of_sessions,
    read_days,
    time_of_day,
    zone_of,
)

if TYPE_CHECKING:
    Times = NDArray[np.datetime64]

Stamped = Literal["open", "end"]
_DIGITS = re.compile(r"(\d{1,2})(\d\d)(\d\d)?")  # of 0930 and 093000
_DAY_AND_DIGITS = re.compile(r"^(?P<day>\d{8}) +(?P<clock>\d{4,6})(?P<zone>)$")
_SAMPLE = 60  # rows of which one tells how times are written
_EARLY, _LATE = 4 * 60, 20 * 60  # minutes of the day at which trading before and after begins, ends
_OF_ONE_GRID = 20  # bars of a session that are enough to tell how long bars are


@dataclass(frozen=True)
class Stamps:
    """How a file's bars are stamped: their length, the zone of bare times, open or end.

    Zone and stamp are None where the file has to tell them.
    """

    bars: str
    zone: str | None = None
    stamped: Stamped | None = None

    def __post_init__(self) -> None:
        minutes_of(self.bars)
        if self.stamped not in (None, "open", "end"):
            raise UsageError(f"--stamped {self.stamped!r} is unknown. Choose open or end.")

    @property
    def length(self) -> np.timedelta64:
        """The length of a bar."""
        return np.timedelta64(LENGTHS[self.bars], "m")


def parse_times(
    cells: pd.Series, clocks: pd.Series | None, form: str | None, zone: str | None
) -> tuple[Times, str]:
    """The times of cells, UTC, and how their days are written; NaT for those that are none.

    Days may have their `clocks` beside. UsageError where a zone, or the way days are written, has
    to be said.
    """
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        return _utc(cells.dt.tz_convert("UTC").dt.tz_localize(None)), ""
    if clocks is None and cells.dtype.kind == "M":
        return _in_zone(cells, str(cells.iloc[0]), zone), ""
    texts = cells.astype(str).str.strip()
    if clocks is not None:
        parts = pd.DataFrame({"day": texts, "clock": clocks.astype(str).str.strip(), "zone": ""})
    else:
        moments = None if form else epochs(texts)
        if moments is not None and moments.dt.tz is not None:
            return _utc(moments.dt.tz_localize(None)), ""
        parts = _parts(texts)
    codes, distinct = pd.factorize(parts["day"])
    days, form = read_days(pd.Series(distinct), form, fit_of_sessions)
    of_rows = np.append(days, np.datetime64("NaT", "D"))[codes].astype("M8[us]")
    local = pd.Series(of_rows + _clocks(parts["clock"]))
    zones = parts["zone"].str.strip().where(local.notna(), zone or "UTC")
    times = np.full(len(texts), np.datetime64("NaT", "us"))
    for said in zones.unique():
        rows = (zones == said).to_numpy()
        times[rows] = _in_zone(local[rows], texts[rows].iloc[0], said or zone)
    return times, form


def _parts(texts: pd.Series) -> pd.DataFrame:
    """The day, the time of day and the zone of texts, which most files write at one length."""
    forms = (CLOCK, _DAY_AND_DIGITS)
    some = ((form, form.match(text)) for text in texts.head(_SAMPLE) for form in forms)
    pattern, found = next(((form, match) for form, match in some if match), (None, None))
    if pattern is None or found is None:
        raise UsageError(
            f"{texts.iloc[0]!r} has no time of day, which bars need: name its column with "
            f"--map time=COLUMN, or leave --bars away where these are daily prices."
        )
    between = texts.str.slice(found.end("day"), found.start("clock")).unique()
    if len(texts.str.len().unique()) > 1 or len(between) > 1:
        return texts.str.extract(pattern).fillna("")
    return pd.DataFrame({name: texts.str.slice(*found.span(name)) for name in pattern.groupindex})


def _clocks(texts: pd.Series) -> NDArray[np.timedelta64]:
    codes, distinct = pd.factorize(texts)
    found = np.full(len(distinct) + 1, np.timedelta64("NaT", "us"))
    for n, text in enumerate(distinct):
        digits = _DIGITS.fullmatch(text)
        moment = time_of_day(":".join(filter(None, digits.groups())) if digits else text)
        if moment is not None:
            seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
            found[n] = np.timedelta64(seconds, "s")
    times: NDArray[np.timedelta64] = found[codes]
    return times


def _in_zone(local: pd.Series, example: str, zone: str | None) -> Times:
    if zone is None:
        raise UsageError(
            f"Times such as {example!r} have no zone. Say it with --zone 'New York', or UTC, or "
            f"one such as Europe/Berlin."
        )
    times = local.dt.tz_localize(zone_of(zone), ambiguous="NaT", nonexistent="NaT")
    return _utc(times.dt.tz_convert("UTC").dt.tz_localize(None))


def _utc(times: pd.Series) -> Times:
    found: Times = times.to_numpy().astype("M8[us]")
    return found


def stamp_of(times: Times, said: Stamped | None) -> Stamped:
    """Whether times are those at which bars open or end; UsageError where nothing tells."""
    if said is not None:
        return said
    calendar, times = trading_calendar(), times[~np.isnat(times)]
    at_close = np.isin(times, calendar.closes)
    if (np.isnat(calendar.sessions_at(times)) & ~at_close).any():
        local = pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(NEW_YORK)
        clocks = local.hour * 60 + local.minute
        begins, ends = (clocks == _EARLY).any(), (clocks == _LATE).any()
    else:
        begins, ends = np.isin(times, calendar.opens).any(), at_close.any()
    if begins == ends:
        there = "both at the first open and" if begins else "neither at the first open nor"
        raise UsageError(
            f"Whether bars are stamped by their open or by their end cannot be told: there are "
            f"stamps {there} at the last close of a day. Say it with --stamped open or "
            f"--stamped end."
        )
    return "open" if begins else "end"


def opens_of(times: Times, length: np.timedelta64) -> Times:
    """When bars open that are stamped by their end, of one symbol and in order.

    None begins before the one before has ended, or before its session where all lie in sessions:
    those at an end of the session may be shorter.
    """
    ends, rows = np.unique(times, return_inverse=True)
    opens = ends - length
    opens[1:] = np.maximum(opens[1:], ends[:-1])
    calendar, moment = trading_calendar(), np.timedelta64(1, "us")
    begins = calendar.times_of(calendar.sessions_at(ends - moment), "open")
    if not np.isnat(begins).any():
        opens = np.maximum(opens, begins)
    return opens[rows]


def check_length(symbol: str, opens: Times, bars: str) -> None:
    """Raise UsageError where bars are of another length than was said, or none is in a session."""
    sessions = trading_calendar().sessions_at(opens)
    inside = ~np.isnat(sessions)
    if not inside.any():
        raise DataError(
            f"{symbol}: no bar opens within the hours of a session of {EXCHANGE}; the first is of "
            f"{written(opens[0])}. Is the zone right?"
        )
    steps = np.diff(opens[inside])[sessions[inside][1:] == sessions[inside][:-1]]
    minutes = (steps[steps > np.timedelta64(0)] / np.timedelta64(1, "m")).astype(int)
    if len(minutes) < _OF_ONE_GRID:
        return
    grid, common = np.gcd.reduce(minutes), np.bincount(minutes).argmax()
    if common < LENGTHS[bars] or grid > LENGTHS[bars]:
        apart = common if common < LENGTHS[bars] else grid
        right = next((name for name, length in LENGTHS.items() if length == apart), None)
        advice = f"Give --bars {right}." if right else f"Bars can be of {', '.join(LENGTHS)}."
        step = f"{apart or 'less than 1'} min"
        raise UsageError(
            f"{symbol}: bars open {step} apart, which those of {bars} do not. {advice}"
        )


def written(moment: np.datetime64) -> str:
    """A time, UTC, as the clocks of New York show it."""
    local = pd.Timestamp(moment).tz_localize("UTC").tz_convert(NEW_YORK)
    return f"{local:%Y-%m-%d %H:%M} New York"
