"""Check the claims about stocks in `data/claims.csv` against prices and events.

`data/README.md` describes columns and measures. A claim is `true` where the figure rounds to the
number claimed, at the digits in which it is written, or is the day or direction claimed. It is
`imprecise` where the number is off by at most a quarter of the figure, so that its sign is right,
or no session lies between the days; `false` otherwise; and `unknown` where the data do not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.data.calendar import trading_calendar
from backtest.data.datafile import (
    DataFile,
    open_data_file,
    raise_problems,
    read_data_file,
    read_rows,
)
from backtest.data.event_checks import agrees, session_figure
from backtest.data.listing import ListedEvent, list_events
from backtest.data.prices import Prices, price_symbols, read_prices
from backtest.data.versions import seal
from backtest.stats.formats import field, price
from backtest.strategy.loading import event_kinds

if TYPE_CHECKING:
    from backtest.workspace.folders import Workspace

Measured = tuple[float | date | None, str]  # the figure, None where unknown, and the evidence

NAME = "claims"
JUDGEMENTS = ("true", "imprecise", "false", "unknown")
MEANING = (
    "True: it rounds to the figure claimed. Imprecise: off by at most a quarter of the figure, or "
    "the day is the session next to it. False: otherwise."
)
_OFF = 0.25  # of the figure, up to which a number claimed is imprecise and not false
_REACTION_MINUTES = 5.0  # the default of the rules
_MOVES = {
    "close_change": "close", "open_to_close": "from its open",
    "high_change": "high", "low_change": "low",
}  # fmt: skip
_DAYS = ("tradable_session", "published_day")
_NUMBERS = ("percent", "dollars", "million dollars", "count")
_DIRECTIONS = ("up", "down", "unchanged")
_UNITS = {
    **dict.fromkeys(_MOVES, ("percent",)),
    **dict.fromkeys(_DAYS, ("day",)),
    "event_field": (*_NUMBERS, "direction"),
    "given": _NUMBERS,
}
_PARTS = {
    "stake_change": ("shares", "previous_shares"),
    "eps_surprise": ("eps", "eps_consensus"),
    "revenue_surprise": ("revenue", "revenue_consensus"),
}


class Claim(NamedTuple):
    """A claim is a row of the file, with its line number; an unused column is an empty text."""

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


COLUMNS = Claim._fields[1:]


class Verdict(NamedTuple):
    """A verdict is one of `JUDGEMENTS` on a claim, with the figure found and the evidence."""

    claim: Claim
    verdict: str
    found: str
    evidence: str

    def as_dict(self) -> dict[str, Any]:
        """Return the row with its verdict, ready for JSON."""
        answer = {"verdict": self.verdict, "found": self.found or None, "evidence": self.evidence}
        return {**self.claim._asdict(), **answer}


def read_claims(data: Path) -> list[Claim]:
    """Read the claims of a data folder; a `DataError` names every row that breaks the format."""
    command = f"backtest events seal {NAME}"
    return _parse(read_data_file(data / f"{NAME}.csv", seal_command=command))


def seal_claims(data: Path, source: str | None) -> Path:
    """Check the claims as they are now, and write their metadata; see `versions.seal`."""
    file = open_data_file(data / f"{NAME}.csv")
    days = [one.last or None for one in _parse(file)]
    return seal(file.path, days, source=source, over=file.sha256)


def _parse(file: DataFile) -> list[Claim]:
    problems: list[str] = []
    claims: dict[str, Claim] = {}
    for line, row in read_rows(file, COLUMNS, problems):
        claim = Claim(line, *(row[name] for name in COLUMNS))
        twice = [f"claim_id: {claim.claim_id!r} is there twice"] * (claim.claim_id in claims)
        problems += [f"line {line}, column {fault}" for fault in (*_faults(claim), *twice)]
        claims[claim.claim_id] = claim
    raise_problems(file.path, problems)
    return list(claims.values())


def _faults(claim: Claim) -> list[str]:
    """Return what is wrong with a row; each fault begins with the name of its column."""
    needed = ("claim_id", "symbol", "statement", "claimed")
    empty = [f"{name}: is empty; a value is needed" for name in needed if not getattr(claim, name)]
    measure, units = claim.measure, _UNITS.get(claim.measure, ())
    if not units:
        return [*empty, f"measure: {measure!r} is not one of {', '.join(_UNITS)}"]
    if claim.unit not in units:
        return [*empty, f"unit: {claim.unit!r} of {measure} is not one of {', '.join(units)}"]
    rules = (
        (measure in _MOVES and bool(claim.last) == bool(claim.event_id),
         f"last: {measure} needs either a day here or an event_id"),
        (claim.first and (measure != "close_change" or not claim.last),
         "first: stands with a close_change that has a `last`, else it is empty"),
        (measure in (*_DAYS, "event_field") and not claim.event_id,
         f"event_id: is empty; {measure} needs one, as `backtest events list` shows it"),
        ((measure == "event_field") != bool(claim.field),
         "field: stands with the measure event_field, and with no other"),
        (bool(claim.actual) != bool(claim.actual_source),
         "actual_source: stands with `actual`; leave both empty where it is unknown"),
        (claim.actual and measure != "given",
         f"actual: {measure} is measured; leave it empty, or write measure `given`"),
        (claim.unit == "direction" and claim.claimed not in _DIRECTIONS,
         f"claimed: {claim.claimed!r} is not one of {', '.join(_DIRECTIONS)}"),
        (_is_day(claim.first) and _is_day(claim.last) and claim.first >= claim.last,
         f"first: {claim.first} is not before `last`, {claim.last}"),
    )  # fmt: skip
    days = ("first", "last", *(["claimed"] if claim.unit == "day" else []))
    numbers = ("claimed", "actual") if claim.unit in _NUMBERS else ()
    forms = (
        (days, _is_day, "a day such as 2025-11-14"),
        (numbers, re.compile(r"[+-]?\d+(\.\d+)?").fullmatch, "a number such as -16.3"),
    )
    malformed = [
        f"{name}: {text!r} is not {form}"
        for names, is_such, form in forms
        for name in names
        if (text := getattr(claim, name)) and not is_such(text)
    ]
    return [*empty, *(text for is_wrong, text in rules if is_wrong), *malformed]


def _is_day(text: str) -> bool:
    with suppress(ValueError):
        return date.fromisoformat(text).isoformat() == text
    return False


def judge_claims(workspace: Workspace) -> list[Verdict]:
    """Judge each claim in its order; a file that breaks its format raises a `DataError`."""
    claims = read_claims(workspace.data)
    rows = list_events(workspace, event_kinds(workspace).values(), None, _REACTION_MINUTES)
    events = {row.event.id: row for row in rows}
    about = [(claim, events.get(claim.event_id)) for claim in claims]
    faults = [
        f"line {claim.line}, column {fault}"
        for claim, row in about
        for fault in (_faults_of_event(claim, row) if row else ())
    ]
    raise_problems(workspace.data / f"{NAME}.csv", faults)
    folder = workspace.data / "prices"
    symbols = {claim.symbol for claim in claims} & set(price_symbols(folder))
    prices = {symbol: read_prices(folder, symbol) for symbol in symbols}
    return [_judge(claim, row, prices.get(claim.symbol)) for claim, row in about]


def _faults_of_event(claim: Claim, row: ListedEvent) -> Iterator[str]:
    if row.event.symbol != claim.symbol:
        yield f"symbol: the event is of {row.event.symbol}"
    elif claim.field:
        values = row.as_dict().items()
        figures = [name for name, value in values if type(value) in (int, float, type(None))]
        if claim.field not in figures:
            yield f"field: {claim.field!r} is no figure of it; known: {', '.join(figures)}"


def _judge(claim: Claim, row: ListedEvent | None, prices: Prices | None) -> Verdict:
    value, evidence = _measure(claim, row, prices)
    if value is None:
        return Verdict(claim, "unknown", "", evidence)
    if isinstance(value, date):
        return Verdict(claim, judge_day(claim.claimed, value), value.isoformat(), evidence)
    if claim.unit == "direction":
        found = "unchanged" if value == 0 else "up" if value > 0 else "down"
        return Verdict(claim, "true" if found == claim.claimed else "false", found, evidence)
    found = with_unit(claim.actual or _number(claim, value), claim.unit)
    return Verdict(claim, judge_number(claim.claimed, value), found, evidence)


def judge_number(claimed: str, actual: float) -> str:
    """Return the verdict on a number as it was written, such as `-14`, in the figure's unit."""
    is_near = abs(float(claimed) - actual) <= _OFF * abs(actual)
    return "true" if agrees(claimed, actual) else "imprecise" if is_near else "false"


def judge_day(claimed: str, actual: date) -> str:
    """Return the verdict on an ISO day; the session next to the true one is imprecise."""
    first, last = sorted((date.fromisoformat(claimed), actual))
    between = set(trading_calendar().between(first, last).tolist()) - {first, last}
    return "true" if first == last else "false" if between else "imprecise"


def _measure(claim: Claim, row: ListedEvent | None, prices: Prices | None) -> Measured:
    if claim.measure == "given":
        source = claim.actual_source
        evidence = f"; given by {source}." if source else ", and no source gives it."
        value = float(claim.actual) if claim.actual else None
        return value, f"Neither prices nor events hold it{evidence}"
    if claim.event_id and row is None:
        return None, f"There is no event {claim.event_id} in the data."
    if row is not None and claim.measure == "event_field":
        return _of_field(claim, row)
    if row is not None and claim.measure in _DAYS:
        return _of_day(claim, row, prices)
    if prices is None:
        return None, f"There are no prices of {claim.symbol}."
    return _of_span(claim, prices) if claim.first else _of_session(claim, row, prices)


def _of_field(claim: Claim, row: ListedEvent) -> Measured:
    values, names = row.as_dict(), _PARTS.get(claim.field, (claim.field,))
    parts = ", ".join(f"{name} {field(name, values[name])}" for name in names)
    grade, value = row.event.grade or "unknown", values[claim.field]
    in_percent = claim.unit == "percent" and _is_change(claim)
    scale = 100 if in_percent else 1e-6 if claim.unit == "million dollars" else 1
    evidence = f"{claim.event_id}: {parts}. {row.event.headline} (grade {grade})."
    return None if value is None else value * scale, evidence


def _of_day(claim: Claim, row: ListedEvent, prices: Prices | None) -> Measured:
    published, session = date.fromisoformat(row.published[:10]), row.as_dict()["tradable_session"]
    tradable = f"first tradable on {session}" if session else f"not tradable: {row.obstacle}"
    public = f"public by {row.published} New York time ({row.event.precision})"
    evidence = f"{claim.event_id} was {public}, {tradable}."
    for day in sorted({published, date.fromisoformat(claim.claimed), session or published}):
        move = session_figure(prices, day, "close_change") if prices is not None else None
        evidence += "" if move is None else f" {day} closed {100 * move:+.1f} %."
    return session if claim.measure == "tradable_session" else published, evidence


def _of_span(claim: Claim, prices: Prices) -> Measured:
    first, last = (date.fromisoformat(day) for day in (claim.first, claim.last))
    old, new = (session_figure(prices, day, "close") for day in (first, last))
    if old is None or new is None:
        return None, f"There is no close of {claim.symbol} on {first if old is None else last}."
    shares = prices.shares_since(first, last)
    of_then = ", in shares of that day" if shares != 1 else ""
    old /= shares
    evidence = f"Closed at {price(old)} on {first} and at {price(new)} on {last}{of_then}."
    return 100 * (new / old - 1), evidence


def _of_session(claim: Claim, row: ListedEvent | None, prices: Prices) -> Measured:
    session = row.as_dict()["tradable_session"] if row else date.fromisoformat(claim.last)
    if session is None:
        return None, f"{claim.event_id} cannot be traded."
    figures = {name: session_figure(prices, session, name) for name in _MOVES}
    moves = {name: 100 * figure for name, figure in figures.items() if figure is not None}
    known = ", ".join(f"{_MOVES[name]} {move:+.1f} %" for name, move in moves.items())
    evidence = f"{session}: {known}." if known else f"There is no such price of {session}."
    prefix = f"{claim.event_id} is first tradable on {session}. " if row else ""
    return moves.get(claim.measure), prefix + evidence


def _is_change(claim: Claim) -> bool:
    return claim.measure in _MOVES or claim.field.endswith(("_surprise", "_change"))


def _number(claim: Claim, value: float) -> str:
    """Format a figure with a digit more than was claimed, so that the difference can be seen."""
    digits = 0 if claim.unit == "count" else len(claim.claimed.partition(".")[2]) + 1
    return f"{value:{'+' if _is_change(claim) else ''},.{digits}f}"


def with_unit(number: str, unit: str) -> str:
    """Append its unit to a number; days, directions and counts stay as they are."""
    words = {"percent": " %", "dollars": " dollars", "million dollars": " million dollars"}
    return number + words.get(unit, "")
