"""Tell when rows of users' files count: bars by their open or end, events once they are public."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time
from typing import Literal

import numpy as np
import pandas as pd

from backtest.data.bars import LENGTHS, minutes_a_bar
from backtest.data.calendar import EXCHANGE, trading_calendar
from backtest.data.kinds import COARSE, NEW_YORK, latest
from backtest.errors import DataError, UsageError
from backtest.sources.own_cells import (
    Times,
    clock_part,
    clock_text,
    day_part,
    epochs,
    read_days,
    time_of_day,
    zone_of,
)

Stamped = Literal["open", "end"]
_EARLY, _LATE = 4 * 60, 20 * 60  # minutes of the day between which extended hours lie
_OF_ONE_GRID = 20  # so many steps between bars tell how long bars are


@dataclass(frozen=True)
class Stamps:
    """`Stamps` says how bars are stamped: their length, the zone of bare times, open or end.

    Zone and stamp are None if the file has to tell them.
    """

    bars: str
    zone: str | None = None
    stamped: Stamped | None = None

    def __post_init__(self) -> None:
        minutes_a_bar(self.bars)
        if self.stamped not in (None, "open", "end"):
            raise UsageError(f"--stamped {self.stamped!r} is unknown. Choose open or end.")

    @property
    def length(self) -> np.timedelta64:
        """Return the length of a bar."""
        return np.timedelta64(LENGTHS[self.bars], "m")


def stamp_of(times: Times, stamped: Stamped | None) -> Stamped:
    """Return `stamped`, or whether bars open or end at `times`; raise UsageError if unclear."""
    if stamped is not None:
        return stamped
    calendar, times = trading_calendar(), times[~np.isnat(times)]
    at_close = np.isin(times, calendar.closes)
    if (np.isnat(calendar.sessions_at(times)) & ~at_close).any():
        local = pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(NEW_YORK)
        clocks = local.hour * 60 + local.minute
        begins, ends = (clocks == _EARLY).any(), (clocks == _LATE).any()
    else:
        begins, ends = np.isin(times, calendar.opens).any(), at_close.any()
    if begins == ends:
        where = "both at the first open and" if begins else "neither at the first open nor"
        raise UsageError(
            f"Whether bars are stamped by their open or by their end cannot be told: there are "
            f"stamps {where} at the last close of a day. Say it with --stamped open or "
            f"--stamped end."
        )
    return "open" if begins else "end"


def opens_of(times: Times, length: np.timedelta64) -> Times:
    """Return when bars open whose ends are `times`, of one symbol and in order.

    A bar opens a length before its end, but not before the end of the bar before, nor, if all lie
    in sessions, before its session: the first and last of a session may be shorter.
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
    """Raise UsageError if bars are not of the length `bars`, DataError if none is in a session."""
    sessions = trading_calendar().sessions_at(opens)
    inside = ~np.isnat(sessions)
    if not inside.any():
        raise DataError(
            f"{symbol}: no bar opens within the hours of a session of {EXCHANGE}; the first is of "
            f"{clock_text(opens[0])}. Is the zone right?"
        )
    steps = np.diff(opens[inside])[sessions[inside][1:] == sessions[inside][:-1]]
    minutes = (steps[steps > np.timedelta64(0, "m")] / np.timedelta64(1, "m")).astype(int)
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


# When events were public: days, times of day and zones as they are written

_BEFORE = {"bmo", "beforeopen", "beforemarketopen", "beforemarket", "premarket", "pre", "before",
           "beforetheopen", "beforethemarketopens", "beforetheopeningbell"}  # fmt: skip
_AFTER = {"amc", "afterclose", "aftermarketclose", "aftermarket", "postmarket", "post", "after",
          "afterhours", "aftertheclose", "afterthemarketcloses", "aftermarkethours"}  # fmt: skip
_SOME_TIME = {"", "dmh", "duringmarkethours", "duringmarket", "during", "tns", "notsupplied",
              "timenotsupplied", "na", "tas", "unknown", "unspecified", "tbd", "none"}  # fmt: skip
_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_READY = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\S*(?:Z|[+-]\d\d:?\d\d)| +(?:before open|after close)"
    r"| +[\d:]+ +New York)",
    re.IGNORECASE,
)  # times as `parse_time` and events take them
_WINTER = {"EST", "CET", "EET", "MET", "WET"}  # winter times of zones that have a summer time too
_WORD = re.compile(r"(?P<day>.*\d),?\s+\(?(?P<word>[A-Za-z][A-Za-z \-]*)\)?")


def days_by_text(texts: Iterable[str], form: str | None) -> dict[str, date]:
    """Return the day of each text that is one, all of one format; raise UsageError if unclear."""
    by_text: dict[str, date] = {}
    for text in filter(_ISO.fullmatch, texts):
        with suppress(ValueError):  # 2025-02-30 is no day
            by_text[text] = date.fromisoformat(text)
    others = [
        text for text in dict.fromkeys(texts) if text not in by_text and re.search(r"\d", text)
    ]
    if others:
        latest = trading_calendar().sessions[-1]  # a day may lie ahead, as of a dividend to come
        days, _ = read_days(pd.Series(others), form, lambda days: (~np.isnat(days)).sum(), latest)
        by_text |= {
            text: day.item() for text, day in zip(others, days, strict=True) if not np.isnat(day)
        }
    return by_text


def days_of_midnights(texts: Sequence[str]) -> list[str]:
    """Return texts of times; if midnight is the only time of day, return their days as written."""
    split = [_split(text) for text in texts]
    kept = _without_midnights([clock for _, clock in split])
    rows = zip(texts, split, kept, strict=True)
    return [text if clock == kept_clock else day for text, (day, clock), kept_clock in rows]


def _without_midnights(clocks: Sequence[str]) -> Sequence[str]:
    """Return times of day, without 0:00 if that is the only one, as days are often stored."""
    times = {text for text in {*clocks} if re.search(r"\d", text)}
    if any(time_of_day(clock_part(f"1 {text}")[0]) != time() for text in times):
        return clocks
    return ["" if text in times else text for text in clocks]


class PublicTimes:
    """`PublicTimes` holds a column's times, completed by times of day of a column beside."""

    def __init__(
        self,
        texts: Sequence[str],
        clocks: Sequence[str] | None,
        form: str | None,
        zone: str | None,
    ) -> None:
        if zone:
            zone_of(zone)  # raises if it is unknown
        self._zone = zone
        moments = None if form else epochs(pd.Series(texts, dtype=str))
        if moments is not None and moments.dt.tz is not None:  # without a zone: days of Excel
            texts = ["" if pd.isna(moment) else moment.isoformat() for moment in moments]
        texts = days_of_midnights(texts)
        split = [_split(text) for text in texts]
        beside = _without_midnights(clocks or [])
        if any(beside):
            both = zip(split, beside, strict=True)
            split = [(day, clock or other or "not supplied") for (day, clock), other in both]
        self._texts, self._split = texts, split
        self._days = days_by_text([day for text, (day, _) in zip(texts, split, strict=True)
                                   if not _READY.fullmatch(text)], form)  # fmt: skip
        self.bare = clocks is None and any(not clock and day in self._days for day, clock in split)

    def of(self, row: int, precision: str | None) -> tuple[str, str]:
        """Return the time of a row as `prepare_row` takes it, and its precision.

        If the file has no `precision` (None), the time of day implies it. Raise ValueError if the
        row has no readable time.
        """
        text, (day_text, clock) = self._texts[row], self._split[row]
        if not text:
            raise ValueError("is empty; write when it was public")
        if _READY.fullmatch(text):
            implied = _precision_of(text) if re.search(r"\d:\d\d", text) else ""
            return text, implied if precision is None else precision
        day = self._days.get(day_text)
        if day is None:
            return text, precision or ""  # the check of the event judges it
        word = re.sub(r"[^a-z]", "", clock.casefold().removeprefix("time-"))
        if not clock or precision in COARSE:
            return str(day), precision or ""
        if word in _BEFORE | _AFTER:
            return f"{day} {'before open' if word in _BEFORE else 'after close'}", ""
        if word in _SOME_TIME and not re.search(r"\d", clock):
            return str(day), precision or "date"
        return self._stamp(text, day, clock), precision or _precision_of(clock)

    def _stamp(self, text: str, day: date, clock: str) -> str:
        """Return a day with a time of day as an ISO time with its zone."""
        digits, zone = clock_part(f"1 {clock}")
        moment = time_of_day(digits)
        if moment is None:
            raise ValueError(
                f"{clock!r} is no time of day. Write 16:05, before open or after close, or leave "
                f"it empty where the day alone is known"
            )
        if not (name := zone or self._zone):
            raise ValueError(
                f"{text!r} has no zone. Write one, or say it for all rows with --zone 'New York'"
            )
        stamp = latest(day, moment, zone_of(name))
        if name.upper() in _WINTER and (ahead := stamp.dst()):  # EST is often written all year:
            stamp += ahead  # the later of both times counts
        return stamp.isoformat()


def _split(text: str) -> tuple[str, str]:
    """Return the day in a text, and the time of day behind it, if any."""
    clock, zone = clock_part(text)
    if clock:
        return day_part(text), f"{clock} {zone}".strip()
    match = _WORD.fullmatch(text)
    word = re.sub(r"[^a-z]", "", match["word"].casefold()) if match else ""
    return (match["day"], match["word"]) if match and word in _BEFORE | _AFTER else (text, "")


def _precision_of(text: str) -> str:
    """Return the precision of a time of day by the way it is written: `exact` or `minute`."""
    seconds = re.search(r"\d:\d\d:(\d\d)", text)
    return "exact" if seconds and seconds[1] != "00" else "minute"
