"""Parse the days and times in users' columns, or ask how they are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.data.calendar import trading_calendar
from backtest.data.kinds import NEW_YORK
from backtest.errors import UsageError

Days = NDArray[np.datetime64]
Times = NDArray[np.datetime64]

_DAY_FORMS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y",
    "%m-%d-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y", "%y-%m-%d", "%b %d, %Y",
    "%B %d, %Y", "%b %d %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%Y-%b-%d",
    "%a, %b %d, %Y", "%a %b %d %Y", "%a, %d %b %Y", "%b-%d-%Y", "%d/%b/%Y",
)  # fmt: skip
CLOCK = re.compile(
    r"^(?P<day>.*?\d)(?:T|,?\s+)"
    r"(?P<clock>\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s*[AP]\.?M\.?(?![A-Z]))?)"
    r"(?P<zone>\s*(?:New York|Z|(?:GMT|UTC)?[+-]\d\d:?\d\d|[A-Z]{2,4}|[A-Z]+(?:/[A-Z_]+)+))?$",
    re.IGNORECASE,
)
_ZONE = r"\s*(?:Z|[+-]\d\d:?\d\d)$"
_ZONED = r"\d{4}-\d\d-\d\d[T ]\d.*" + _ZONE
_EPOCHS = {9: "s", 10: "s", 12: "ms", 13: "ms", 15: "us", 16: "us", 18: "ns", 19: "ns"}  # by digits
_LONG_AGO, _FAR_OFF = np.datetime64("1700-01-01"), np.datetime64("2300-01-01")
_DIGITS = re.compile(r"(\d{1,2})(\d\d)(\d\d)?")  # 0930 and 093000
_DAY_AND_DIGITS = re.compile(r"^(?P<day>\d{8}) +(?P<clock>\d{4,6})(?P<zone>)$")
_SAMPLE = 60  # one of so many first rows tells how times are written
_EXCEL = np.datetime64("1899-12-30")  # day 0 of its serial numbers
_NOW = ("now", "today")  # pandas reads these words, in small letters, as the time of reading
_CENTURY = np.timedelta64(36525, "D")
_ZONES = {"ET": "New York", "EST": "New York", "EDT": "New York", "Z": "UTC", "GMT": "UTC"}


def parse_days(cells: pd.Series, form: str | None) -> tuple[Days, str]:
    """Return the days of cells, which are texts, dates or times, and the format that texts have.

    A cell that is no day is NaT. Of several formats the one counts whose days are sessions without
    gaps. Raise UsageError if that decides nothing, or no format fits.
    """
    if cells.dtype.kind != "M":
        texts = _texts(cells)
        moments = None if form else epochs(texts)
        if moments is None and not form and texts.str.match(_ZONED).any():
            moments = _moments(texts)
        if moments is None:
            days = {text: day_part(text) for text in texts.unique()}
            return read_days(texts.map(days), form, fit_of_sessions, np.datetime64("today"))
        cells = moments
    if cells.dt.tz is None:
        return _as_days(cells), ""
    local = cells.dt.tz_localize(None)
    return _as_days(local if _midnights(local) else _in_new_york(cells)), ""


def _texts(cells: pd.Series) -> pd.Series:
    texts = cells.astype(str).fillna("").str.strip()
    return texts.mask(texts.isin(_NOW), texts.str.upper())


def day_part(text: str) -> str:
    """Return a text without the time of day behind its day."""
    match = CLOCK.match(text)
    return match["day"] if match else text


def clock_part(text: str) -> tuple[str, str]:
    """Return the time of day behind a day, and its zone; each is empty if there is none."""
    match = CLOCK.match(text)
    return (match["clock"], (match["zone"] or "").strip()) if match else ("", "")


def read_days(
    texts: pd.Series, form: str | None, score: Callable[[Days], Any], latest: np.datetime64
) -> tuple[Days, str]:
    """Return texts as days, and their format: the one whose days have the highest `score`.

    A year of two digits that would be beyond the `latest` day is one of the century before. Raise
    the errors of `parse_days`.
    """
    distinct = texts.drop_duplicates()
    by_form: dict[str, Days] = {}
    for name in (form,) if form else _DAY_FORMS:
        try:
            days = _as_days(pd.to_datetime(distinct, format=name, errors="coerce"))
        except (ValueError, re.error) as error:
            raise UsageError(
                f"--date-format {form!r} is not understood ({error}). Write it as '%d/%m/%Y'."
            ) from None
        if "%y" in name:
            days = np.where(days > latest, days - _CENTURY, days)
        if not np.isnat(days).all():
            by_form[name] = days
    if not by_form:
        raise UsageError(
            f"The date {texts.iloc[0]!r} cannot be read as {form or 'a day'}. "
            f"Say how days are written with --date-format, such as '%d/%m/%Y'."
        )
    scores = {name: score(days) for name, days in by_form.items()}
    best = [name for name, value in scores.items() if value == max(scores.values())]
    days = by_form[best[0]]
    for name in best[1:]:
        differ = np.flatnonzero(by_form[name] != days)
        if len(differ):
            raise UsageError(
                f"Days such as {distinct.iloc[differ[0]]!r} can be read as {' or '.join(best)}. "
                f"Say which, with --date-format '{best[0]}'."
            )
    by_text = pd.Series(days.astype("M8[s]"), index=distinct.to_numpy())
    return _as_days(texts.map(by_text)), best[0]


def fit_of_sessions(days: Days) -> tuple[int, int]:
    """Score how well days fit the calendar: how many are sessions, then how few their span has."""
    days = days[~np.isnat(days)]
    sessions = trading_calendar().between(days.min().item(), days.max().item())
    return int(np.isin(days, sessions).sum()), -len(sessions)


def _as_days(cells: pd.Series) -> Days:
    days: Days = cells.to_numpy().astype("M8[D]")
    return np.where((days > _LONG_AGO) & (days < _FAR_OFF), days, np.datetime64("NaT", "D"))


def epochs(texts: pd.Series) -> pd.Series | None:
    """Read texts as UTC times since 1970, or days of Excel, by their digits, or return None."""
    numeric = texts.str.match(r"-?\d+(?:\.\d*)?$")
    if not numeric.any() or texts[~numeric].str.match(r"\d").any():
        return None
    whole = texts[numeric].str.partition(".")[0]
    counts, least = whole.str.lstrip("-").str.len(), min(_EPOCHS)
    are_days = whole.str.fullmatch(r"(?:19|20)\d{6}|\d{5}").mean() >= 1 / 2  # beside a stray -1
    if (counts >= least).mean() > 1 / 2 or (whole.str.startswith("-").any() and not are_days):
        counts = counts.clip(lower=least)  # seconds near 1970, not the eight digits of a day
    digits = set(counts)
    if digits == {5}:
        days = _EXCEL + whole.astype("i8").to_numpy().astype("m8[D]")
        return pd.Series(days.astype("M8[s]")) if fit_of_sessions(days)[0] == len(texts) else None
    units = {_EPOCHS.get(count) for count in digits}
    unit = units.pop()
    if units or unit is None:
        return None
    moments = np.full(len(texts), np.datetime64("NaT", "us"))
    moments[numeric.to_numpy()] = pd.to_numeric(whole).to_numpy().astype("i8").astype(f"M8[{unit}]")
    return pd.Series(moments).dt.tz_localize("UTC")


def _moments(texts: pd.Series) -> pd.Series:
    """Return texts with a zone in New York's time, or as they are written if all are midnights."""
    bare = texts.str.replace(_ZONE, "", regex=True)
    local = pd.to_datetime(bare, format="ISO8601", errors="coerce")
    if _midnights(local):
        return local
    return _in_new_york(pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True))


def _midnights(times: pd.Series) -> bool:
    return bool((times == times.dt.normalize())[times.notna()].all())


def _in_new_york(moments: pd.Series) -> pd.Series:
    return moments.dt.tz_convert(NEW_YORK).dt.tz_localize(None)


# When bars open: times of any zone


def parse_times(
    cells: pd.Series, clocks: pd.Series | None, form: str | None, zone: str | None
) -> tuple[Times, str]:
    """Return the times of cells, UTC, and the format of their days; NaT for those that are none.

    Cells that are days have their times of day in `clocks`. Raise UsageError if the zone or the
    format of days cannot be told.
    """
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        return _utc(cells), ""
    if clocks is None and cells.dtype.kind == "M":
        return _in_zone(cells, str(cells.iloc[0]), zone), ""
    texts = _texts(cells)
    if clocks is not None:
        parts = pd.DataFrame({"day": texts, "clock": _texts(clocks), "zone": ""})
    else:
        moments = None if form else epochs(texts)
        if moments is not None and moments.dt.tz is not None:
            return _utc(moments), ""
        parts = _parts(texts)
    codes, distinct = pd.factorize(parts["day"])
    days, form = read_days(pd.Series(distinct), form, fit_of_sessions, np.datetime64("today"))
    of_rows = np.append(days, np.datetime64("NaT", "D"))[codes].astype("M8[us]")
    local = pd.Series(of_rows + _clocks(parts["clock"]))
    zones = parts["zone"].str.strip().where(local.notna(), zone or "UTC")
    times = np.full(len(texts), np.datetime64("NaT", "us"))
    for name in zones.unique():
        rows = (zones == name).to_numpy()
        times[rows] = _in_zone(local[rows], texts[rows].iloc[0], name or zone)
    return times, form


def _parts(texts: pd.Series) -> pd.DataFrame:
    """Return day, time of day and zone of texts, by slices where all are written at one length."""
    forms = (CLOCK, _DAY_AND_DIGITS)
    matches = (form.match(text) for text in texts.head(_SAMPLE) for form in forms)
    match = next(filter(None, matches), None)
    if match is None:
        raise UsageError(
            f"{texts.iloc[0]!r} has no time of day, which bars need: name its column with "
            f"--map time=COLUMN, or leave --bars away where these are daily prices."
        )
    between = texts.str.slice(match.end("day"), match.start("clock")).unique()
    if len(texts.str.len().unique()) > 1 or len(between) > 1:
        return texts.str.extract(match.re).fillna("")
    return pd.DataFrame({name: texts.str.slice(*match.span(name)) for name in match.re.groupindex})


def _clocks(texts: pd.Series) -> NDArray[np.timedelta64]:
    """Return times of day as spans since midnight; NaT for texts that are none."""
    codes, distinct = pd.factorize(texts)
    times = np.full(len(distinct) + 1, np.timedelta64("NaT", "us"))
    for n, text in enumerate(distinct):
        digits = _DIGITS.fullmatch(text)
        moment = time_of_day(":".join(filter(None, digits.groups())) if digits else text)
        if moment is not None:
            seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
            times[n] = np.timedelta64(seconds, "s")
    return np.asarray(times[codes])


def _in_zone(local: pd.Series, example: str, zone: str | None) -> Times:
    if zone is None:
        raise UsageError(
            f"Times such as {example!r} have no zone. Say it with --zone 'New York', or UTC, or "
            f"one such as Europe/Berlin."
        )
    return _utc(local.dt.tz_localize(zone_of(zone), ambiguous="NaT", nonexistent="NaT"))


def _utc(times: pd.Series) -> Times:
    return np.asarray(times.dt.tz_convert("UTC").dt.tz_localize(None), "M8[us]")


def clock_text(moment: np.datetime64) -> str:
    """Write a UTC time as New York's, such as `2025-06-02 09:30 New York`."""
    local = pd.Timestamp(moment).tz_localize("UTC").tz_convert(NEW_YORK)
    return f"{local:%Y-%m-%d %H:%M} New York"


def zone_of(text: str) -> tzinfo:
    """Return the zone of a name such as `New York`, `EST` or `+02:00`; UsageError if unknown."""
    named = _ZONES.get(text.upper(), text)
    if named.casefold() == "new york":
        return NEW_YORK
    try:
        if offset := re.fullmatch(r"(?:GMT|UTC)?([+-]\d\d:?\d\d)", named, re.IGNORECASE):
            return datetime.strptime(offset[1], "%z").tzinfo or UTC
        return ZoneInfo(named.replace(" ", "_"))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: America is a folder of zones
        raise UsageError(
            f"The zone {text!r} is unknown. Such as 'New York', UTC or Europe/Berlin."
        ) from None


def time_of_day(text: str) -> time | None:
    """Parse a time of day such as `16:05`, `9:30 AM` or `16:05:00.5`; return None if it is none."""
    match = re.fullmatch(
        r"(?P<h>\d{1,2}):(?P<m>\d\d)(?::(?P<s>\d\d)(?:[.,]\d+)?)?\s*(?P<half>[AP])?\.?M?\.?",
        text,
        re.IGNORECASE,
    )
    if match is None:
        return None
    hour, half = int(match["h"]), (match["half"] or "").upper()
    if half and hour in range(13):
        hour = hour % 12 + 12 * (half == "P")
    elif half == "A":  # 16:30 PM is 16:30, but 16:30 AM may be that or 4:30
        return None
    try:
        return time(hour, int(match["m"]), int(match["s"] or 0))
    except ValueError:
        return None
