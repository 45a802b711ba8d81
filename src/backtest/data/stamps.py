"""Times of publication as people write them, and the stamps that they stand for."""

from __future__ import annotations

import re
from datetime import date, datetime, time

from backtest.data.kinds import COARSE, NEW_YORK, end_of_day

FORMS = (
    "2025-11-10 16:05 New York",
    "2025-11-10T16:05:00-05:00, or another zone",
    "2025-11-10 before open",
    "2025-11-10 after close",
    "2025-11-10, where no more is known: it counts from the end of the day",
)
_FORM = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:\s+(?P<half>before open|after close)|\s+(?P<clock>\d\d:\d\d(?::\d\d)?)\s+New York)?",
    re.IGNORECASE,
)
_BEFORE_OPEN = time(9)


def stamped(text: str, precision: str) -> tuple[str, str]:
    """The stamp of a time in one of `FORMS`, and its precision.

    Args:
        text: as it was written. One of no such form is returned as it is, for the check of the
            event to judge.
        precision: of an event, or empty; `before open` and `after close` imply `session`.

    Raises:
        ValueError: the day or the time is none, or precision and form do not go together.

    """
    form = _FORM.fullmatch(text.strip())
    if form is None:
        return text, precision
    try:
        day, clock = date.fromisoformat(form["day"]), time.fromisoformat(form["clock"] or "00:00")
    except ValueError as error:
        raise ValueError(f"{text!r} is no time: {error}") from None
    if form["clock"]:
        # of an hour that the clocks repeat, the later: never early
        return datetime.combine(day, clock, NEW_YORK).replace(fold=1).isoformat(), precision
    if form["half"]:
        if precision not in ("", "session"):
            raise ValueError(f"{text!r} is known by the session, not by precision {precision}")
        before = form["half"].casefold() == "before open"
        moment = datetime.combine(day, _BEFORE_OPEN, NEW_YORK) if before else end_of_day(day)
        return moment.isoformat(), "session"
    if precision not in COARSE:
        raise ValueError(_bare(text, precision))
    return end_of_day(day).isoformat(), precision


def is_bare_day(text: str) -> bool:
    """Whether a time is a day alone, so that its precision is `date`, `week` or `month`."""
    form = _FORM.fullmatch(text.strip())
    return form is not None and not form["half"] and not form["clock"]


def _bare(text: str, precision: str) -> str:
    if not precision:
        return f"{text!r} is a day alone; say with precision whether it is a date, week or month"
    if precision == "session":
        return f"{text!r} is a day alone; write '{text} before open' or '{text} after close'"
    return f"{text!r} is a day alone; precision {precision} needs a time, such as '{FORMS[0]}'"
