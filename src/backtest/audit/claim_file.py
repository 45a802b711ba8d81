"""The file of claims: `data/claims.csv`, a row for each, read and checked.

| measure | what it is |
|---|---|
| `close_change` | close to close: of a session, or from `first` to `last` |
| `open_to_close` | of a session |
| `high_change` `low_change` | high or low of a session against the close before |
| `tradable_session` | the first session in which an event could be traded |
| `published_day` | the New York day on which an event became public |
| `event_field` | a field of an event, or a figure that follows from its fields |
| `given` | a figure that neither prices nor events hold: `actual`, from `actual_source` |

A session is named by its day, `last`, or by `event_id`: the first in which the event can be traded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING

from backtest.data.datafile import open_data_file, raise_problems, read_data_file, read_rows
from backtest.data.versions import seal

if TYPE_CHECKING:
    from pathlib import Path

    from backtest.data.datafile import DataFile

NAME = "claims"
SEAL_COMMAND = f"backtest events seal {NAME}"
SESSION_MEASURES = ("close_change", "open_to_close", "high_change", "low_change")
DAY_MEASURES = ("tradable_session", "published_day")
NUMBERS = ("percent", "dollars", "million dollars", "count")
DIRECTIONS = ("up", "down", "unchanged")
UNITS = {
    **dict.fromkeys(SESSION_MEASURES, ("percent",)),
    **dict.fromkeys(DAY_MEASURES, ("day",)),
    "event_field": (*NUMBERS, "direction"),
    "given": NUMBERS,
}
"""The measures, each with the units that its figure can be claimed in."""

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(frozen=True)
class Claim:
    """A row: what was claimed, and how it is measured. An empty text says nothing.

    Attributes:
        line: its line in the file.
        claim_id: its name.
        symbol: the stock.
        statement: the claim in a sentence.
        measure: one of `UNITS`.
        event_id: the event that it is about.
        first: the ISO day whose close a change begins at; by default the session before `last`.
        last: the ISO day of the session, or the last of a longer change.
        field: the event's field.
        claimed: the number as it was claimed, an ISO day, or `up`, `down` or `unchanged`.
        unit: of `claimed` and of `actual`.
        actual: the figure, where neither prices nor events hold it.
        actual_source: where it comes from.

    """

    line: int
    claim_id: str
    symbol: str
    statement: str
    measure: str
    event_id: str
    first: str
    last: str
    field: str
    claimed: str
    unit: str
    actual: str
    actual_source: str


COLUMNS = tuple(field.name for field in fields(Claim) if field.name != "line")


def claims_path(data: Path) -> Path:
    """The file of claims in a data folder."""
    return data / f"{NAME}.csv"


def read_claims(data: Path) -> list[Claim]:
    """The claims of a data folder.

    Raises:
        DataError: the file is missing, changed or breaks its format; every such row is named with
            line, column, value and what is allowed.

    """
    return parse_claims(read_data_file(claims_path(data), seal_command=SEAL_COMMAND))


def seal_claims(data: Path, source: str | None) -> Path:
    """Check the claims as they are now and write their metadata; return their place.

    Raises:
        DataError: as for `read_claims`.
        UsageError: no source is given and none is on record.

    """
    file = open_data_file(claims_path(data))
    days = [claim.last or None for claim in parse_claims(file)]
    return seal(file.path, days, source=source, adjust=None)


def parse_claims(file: DataFile) -> list[Claim]:
    """Check the text of a file of claims; see `read_claims`."""
    problems: list[str] = []
    claims: dict[str, Claim] = {}
    for line, row in read_rows(file, COLUMNS, problems):
        claim = Claim(line, **{name: row[name] for name in COLUMNS})
        problems += [f"line {line}, column {fault}" for fault in _faults(claim)]
        if claim.claim_id in claims:
            problems.append(f"line {line}, column claim_id: {claim.claim_id!r} is there twice")
        claims[claim.claim_id] = claim
    raise_problems(file.path, problems)
    return list(claims.values())


def _faults(claim: Claim) -> list[str]:
    """What is wrong with a row, each with its column first."""
    found = [
        f"{name}: is empty; a value is needed"
        for name in ("claim_id", "symbol", "statement", "claimed")
        if not getattr(claim, name)
    ]
    if claim.measure not in UNITS:
        return [*found, f"measure: {claim.measure!r} is not one of {', '.join(UNITS)}"]
    units = UNITS[claim.measure]
    if claim.unit not in units:
        return [*found, f"unit: {claim.unit!r} of {claim.measure} is not one of {', '.join(units)}"]
    return [*found, *_faults_of_subject(claim), *_faults_of_days(claim), *_faults_of_figures(claim)]


def _faults_of_subject(claim: Claim) -> list[str]:
    measure, found = claim.measure, []
    if measure in SESSION_MEASURES and bool(claim.last) == bool(claim.event_id):
        found.append(f"last: {measure} needs either a day here or an event_id")
    if claim.first and (measure != "close_change" or not claim.last):
        found.append("first: stands with a close_change that has a `last`, else it is empty")
    if measure in (*DAY_MEASURES, "event_field") and not claim.event_id:
        found.append(f"event_id: is empty; {measure} needs one, as `backtest events list` shows it")
    if (measure == "event_field") != bool(claim.field):
        found.append("field: stands with the measure event_field, and with no other")
    if bool(claim.actual) != bool(claim.actual_source):
        found.append("actual_source: stands with `actual`; leave both empty where it is unknown")
    if claim.actual and measure != "given":
        found.append(f"actual: {measure} is measured; leave it empty, or write measure `given`")
    return found


def _faults_of_days(claim: Claim) -> list[str]:
    days = {"first": claim.first, "last": claim.last}
    if claim.unit == "day":
        days["claimed"] = claim.claimed
    found = [
        f"{name}: {text!r} is not a day such as 2025-11-14"
        for name, text in days.items()
        if text and not _is_day(text)
    ]
    if not found and claim.first and claim.first >= claim.last:
        found.append(f"first: {claim.first} is not before `last`, {claim.last}")
    return found


def _faults_of_figures(claim: Claim) -> list[str]:
    if claim.unit == "direction" and claim.claimed not in DIRECTIONS:
        return [f"claimed: {claim.claimed!r} is not one of {', '.join(DIRECTIONS)}"]
    if claim.unit not in NUMBERS:
        return []
    return [
        f"{name}: {text!r} is not a number such as -16.3"
        for name, text in (("claimed", claim.claimed), ("actual", claim.actual))
        if text and not _NUMBER.fullmatch(text)
    ]


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
