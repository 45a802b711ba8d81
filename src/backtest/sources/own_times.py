"""When events of anyone's file were public: days, times of day and zones as they are written."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from backtest.data.kinds import COARSE, NEW_YORK
from backtest.errors import UsageError
from backtest.sources.own_cells import clock_part, day_part, read_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BEFORE = {"bmo", "beforeopen", "beforemarketopen", "beforemarket", "premarket", "pre", "before",
           "beforetheopen", "beforethemarketopens", "beforetheopeningbell"}  # fmt: skip
_AFTER = {"amc", "afterclose", "aftermarketclose", "aftermarket", "postmarket", "post", "after",
          "afterhours", "aftertheclose", "afterthemarketcloses", "aftermarkethours"}  # fmt: skip
_SOME_TIME = {"", "dmh", "duringmarkethours", "duringmarket", "during", "tns", "notsupplied",
              "timenotsupplied", "na", "unknown", "unspecified", "tbd", "none"}  # fmt: skip
_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_READY = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d.*(?:Z|[+-]\d\d:?\d\d)| +(?:before open|after close)"
    r"| +[\d:]+ +New York)",
    re.IGNORECASE,
)  # times as `stamped` and events take them
_WORD = re.compile(r"(?P<day>.*\d),?\s+\(?(?P<word>[A-Za-z][A-Za-z \-]*)\)?")
_ZONES = {"ET": "New York", "EST": "New York", "EDT": "New York", "Z": "UTC", "GMT": "UTC"}


def days_by_text(texts: Iterable[str], form: str | None) -> dict[str, date]:
    """The day of each text that is one, where all are written alike; UsageError where unclear."""
    found = {text: date.fromisoformat(text) for text in texts if _is_iso_day(text)}
    others = [text for text in dict.fromkeys(texts) if text not in found and re.search(r"\d", text)]
    if others:
        days, _ = read_days(pd.Series(others), form, lambda days: int((~np.isnat(days)).sum()))
        found |= {
            text: day.item() for text, day in zip(others, days, strict=True) if not np.isnat(day)
        }
    return found


def _is_iso_day(text: str) -> bool:
    try:
        return bool(_ISO.fullmatch(text)) and date.fromisoformat(text) is not None
    except ValueError:
        return False


class PublicTimes:
    """The times of a column, beside which another may tell the time of day."""

    def __init__(
        self,
        texts: Sequence[str],
        clocks: Sequence[str] | None,
        form: str | None,
        zone: str | None,
    ) -> None:
        self._zone = zone
        split = [_split(text) for text in texts]
        if clocks is not None:
            beside = zip(split, clocks, strict=True)
            split = [(day, own or clock) for (day, own), clock in beside]
        clocks_there = {clock for _, clock in split}
        if all(re.fullmatch(r"0?0:00(:00(\.0+)?)?", clock) for clock in clocks_there):
            split = [(day, "") for day, _ in split]  # days that were written with a midnight
        self._texts, self._split = texts, split
        self._days = days_by_text([day for text, (day, _) in zip(texts, split, strict=True)
                                   if not _READY.fullmatch(text)], form)  # fmt: skip
        self.bare = clocks is None and any(
            not clock and not _READY.fullmatch(text)
            for text, (_, clock) in zip(texts, split, strict=True)
        )

    def of(self, place: int, precision: str) -> tuple[str, str]:
        """The time of a row as `prepared` takes it, and its precision; ValueError of no time."""
        text, (day_text, clock) = self._texts[place], self._split[place]
        if _READY.fullmatch(text):
            return text, precision
        day = self._days.get(day_text)
        if day is None:
            return text, precision  # for the check of the event to judge
        word = re.sub(r"[^a-z]", "", clock.casefold().removeprefix("time-"))
        if not clock or precision in COARSE:
            return str(day), precision
        if word in _BEFORE | _AFTER:
            return f"{day} {'before open' if word in _BEFORE else 'after close'}", ""
        if word in _SOME_TIME and not re.search(r"\d", clock):
            return str(day), precision or "date"
        return self._stamp(text, day, clock), precision or _precision_of(clock)

    def _stamp(self, text: str, day: date, clock: str) -> str:
        """A day with a time of day as `stamped` takes it."""
        digits, zone = clock_part(f"1 {clock}")
        moment = _time_of_day(digits)
        if moment is None:
            raise ValueError(
                f"{clock!r} is no time of day. Write 16:05, before open or after close, or leave "
                f"it empty where the day alone is known"
            )
        zone = zone or self._zone or ""
        if not zone:
            raise ValueError(
                f"{text!r} has no zone. Write one, or say it for all rows with --zone 'New York'"
            )
        named = _ZONES.get(zone.upper(), zone)
        if re.fullmatch(r"[+-]\d\d:?\d\d", zone):
            return f"{day}T{moment.isoformat()}{zone}"
        if named.casefold() == "new york":
            # of an hour that the clocks repeat, the later: never early
            return datetime.combine(day, moment, NEW_YORK).replace(fold=1).isoformat()
        try:
            return datetime.combine(day, moment, ZoneInfo(named.replace(" ", "_"))).isoformat()
        except (ZoneInfoNotFoundError, ValueError):
            raise UsageError(
                f"The zone {zone!r} is unknown. Such as 'New York', UTC or Europe/Berlin."
            ) from None


def _split(text: str) -> tuple[str, str]:
    """The day in a text, and the time of day behind it."""
    clock, zone = clock_part(text)
    if clock:
        return day_part(text), f"{clock} {zone}".strip()
    found = _WORD.fullmatch(text)
    word = re.sub(r"[^a-z]", "", found["word"].casefold()) if found else ""
    return (found["day"], found["word"]) if found and word in _BEFORE | _AFTER else (text, "")


def _time_of_day(text: str) -> time | None:
    found = re.fullmatch(
        r"(?P<h>\d{1,2}):(?P<m>\d\d)(?::(?P<s>\d\d)(?:\.\d+)?)?\s*(?P<half>[AP])?\.?M?\.?",
        text,
        re.IGNORECASE,
    )
    if found is None:
        return None
    hour, half = int(found["h"]), (found["half"] or "").upper()
    if half:
        hour = hour % 12 + 12 * (half == "P")
    try:
        return time(hour, int(found["m"]), int(found["s"] or 0))
    except ValueError:
        return None


def _precision_of(clock: str) -> str:
    return "exact" if clock.count(":") > 1 else "minute"
