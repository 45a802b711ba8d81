"""Claims that were made about a stock, each held against its prices and events.

What a claim says is measured anew, and the verdict is

- `true`: the figure rounds to the number claimed, at the digits in which it is written; the day or
  the direction is the one claimed.
- `imprecise`: the number claimed is off by at most a quarter of the figure, so that its sign is
  right; or the day is next to the day claimed, no session between them.
- `false`: anything else.
- `unknown`: the data do not tell.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from backtest.audit.claim_file import (
    DAY_MEASURES,
    SESSION_MEASURES,
    claims_path,
    read_claims,
)
from backtest.data.calendar import trading_calendar
from backtest.data.checks.figures import agrees
from backtest.data.checks.session_figures import session_figure
from backtest.data.datafile import raise_problems
from backtest.data.listing import list_events
from backtest.data.prices import price_symbols, read_prices
from backtest.stats.formats import field
from backtest.strategy.kinds import event_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.audit.claim_file import Claim
    from backtest.data.listing import EventRow
    from backtest.data.prices import Prices
    from backtest.workspace.folders import Workspace

Judgement = Literal["true", "imprecise", "false", "unknown"]
JUDGEMENTS: tuple[Judgement, ...] = ("true", "imprecise", "false", "unknown")
OFF = 0.25  # of the figure, up to which a number claimed is imprecise and not false
MEANING = (
    "True: it rounds to the figure claimed. Imprecise: off by at most a quarter of the figure, or "
    "the day is the session next to it. False: otherwise."
)
REACTION_MINUTES = 5.0  # the default of the rules

_FRACTIONS = (
    "eps_surprise",
    "revenue_surprise",
    "guidance_surprise",
    "guidance_change",
    "stake_change",
)
_PARTS = {
    "stake_change": ("shares", "previous_shares"),
    "eps_surprise": ("eps", "eps_consensus"),
    "revenue_surprise": ("revenue", "revenue_consensus"),
}
_UNITS = {"percent": "%", "dollars": "dollars", "million dollars": "million dollars"}
_SCALES = {"million dollars": 1e-6}
_TOLD = (
    ("close_change", "close {:+.1f} %"),
    ("open_to_close", "from its open {:+.1f} %"),
    ("high_change", "high {:+.1f} %"),
    ("low_change", "low {:+.1f} %"),
)


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    Attributes:
        claim: the claim.
        verdict: `true`, `imprecise`, `false` or `unknown`.
        found: the figure, day or direction, in words; empty where it is unknown.
        evidence: what prices or events say, or who says it.

    """

    claim: Claim
    verdict: Judgement
    found: str
    evidence: str

    def as_dict(self) -> dict[str, Any]:
        """The row with its verdict."""
        told = {"verdict": self.verdict, "found": self.found or None, "evidence": self.evidence}
        return {**asdict(self.claim), **told}


@dataclass(frozen=True)
class _Measured:
    """What a claim is about: a number in the claim's unit or a day, None where it is unknown."""

    value: float | date | None
    evidence: str
    text: str = ""  # the number as its source writes it


def judge_claims(workspace: Workspace) -> list[Verdict]:
    """The verdict on each claim in `data/claims.csv`, in the order of the file.

    Raises:
        DataError: the file of claims, or one that it is held against, breaks its format.

    """
    claims = read_claims(workspace.data)
    rows = list_events(workspace, event_kinds(workspace).values(), None, REACTION_MINUTES)
    events = {row.event.id: row for row in rows}
    problems = [text for claim in claims for text in _faults_of_event(claim, events)]
    raise_problems(claims_path(workspace.data), problems)
    folder = workspace.data / "prices"
    symbols = {claim.symbol for claim in claims} & set(price_symbols(folder))
    prices = {symbol: read_prices(folder, symbol) for symbol in symbols}
    return [_judge(claim, events.get(claim.event_id), prices.get(claim.symbol)) for claim in claims]


def _faults_of_event(claim: Claim, events: Mapping[str, EventRow]) -> list[str]:
    row = events.get(claim.event_id)
    if row is not None and row.event.symbol != claim.symbol:
        return [f"line {claim.line}, column symbol: the event is of {row.event.symbol}"]
    if row is None or not claim.field:
        return []
    numbers = [
        name
        for name, value in row.as_dict().items()
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    ]
    if claim.field in numbers:
        return []
    known = ", ".join(numbers)
    return [f"line {claim.line}, column field: {claim.field!r} is no figure of it; known: {known}"]


def _judge(claim: Claim, row: EventRow | None, prices: Prices | None) -> Verdict:
    measured = _measure(claim, row, prices)
    value = measured.value
    if value is None:
        return Verdict(claim, "unknown", "", measured.evidence)
    if isinstance(value, date):
        found, verdict = value.isoformat(), judge_day(claim.claimed, value)
    elif claim.unit == "direction":
        found = "unchanged" if value == 0 else "up" if value > 0 else "down"
        verdict = "true" if found == claim.claimed else "false"
    else:
        found = with_unit(measured.text or _number(value, claim), claim.unit)
        verdict = judge_number(claim.claimed, value)
    return Verdict(claim, verdict, found, measured.evidence)


def judge_number(claimed: str, actual: float) -> Judgement:
    """The verdict on a number as it was written, such as `-14`, in the unit of the figure."""
    if agrees(claimed, actual):
        return "true"
    off = abs(float(claimed) - actual)  # up to a quarter of the figure, the sign is right too
    return "imprecise" if off <= OFF * abs(actual) else "false"


def judge_day(claimed: str, actual: date) -> Judgement:
    """The verdict on an ISO day."""
    day = date.fromisoformat(claimed)
    if day == actual:
        return "true"
    between = trading_calendar().between(min(day, actual), max(day, actual))
    inside = [one for one in between.tolist() if one not in (day, actual)]
    return "false" if inside else "imprecise"


def _measure(claim: Claim, row: EventRow | None, prices: Prices | None) -> _Measured:
    if claim.measure == "given":
        return _given(claim)
    if claim.event_id and row is None:
        return _Measured(None, f"There is no event {claim.event_id} in the data.")
    if row is not None and claim.measure == "event_field":
        return _of_field(claim, row)
    if row is not None and claim.measure in DAY_MEASURES:
        return _of_day(claim, row, prices)
    return _of_prices(claim, row, prices)


def _given(claim: Claim) -> _Measured:
    if not claim.actual:
        return _Measured(None, "Neither prices nor events hold it, and no source gives it.")
    told = f"Neither prices nor events hold it; given by {claim.actual_source}."
    return _Measured(float(claim.actual), told, claim.actual)


def _of_prices(claim: Claim, row: EventRow | None, prices: Prices | None) -> _Measured:
    if prices is None:
        return _Measured(None, f"There are no prices of {claim.symbol}.")
    if claim.first:
        return _of_span(prices, date.fromisoformat(claim.first), date.fromisoformat(claim.last))
    session = _tradable(row) if row else date.fromisoformat(claim.last)
    if session is None:
        return _Measured(None, f"{claim.event_id} cannot be traded.")
    change = session_figure(prices, session, claim.measure)
    told = [_told_session(prices, session) or f"There is no such price of {session}."]
    if row is not None:
        told.insert(0, f"{claim.event_id} is first tradable on {session}.")
    return _Measured(None if change is None else 100 * change, " ".join(told))


def _of_span(prices: Prices, first: date, last: date) -> _Measured:
    old, new = (session_figure(prices, day, "close") for day in (first, last))
    if old is None or new is None:
        missing = first if old is None else last
        return _Measured(None, f"There is no close of {prices.symbol} on {missing}.")
    told = f"Closed at {old:.2f} on {first} and at {new:.2f} on {last}."
    return _Measured(100 * (new / old - 1), told)


def _told_session(prices: Prices, session: date) -> str:
    """What a session did, as far as the prices tell; empty where they tell nothing."""
    parts = []
    for name, words in _TOLD:
        value = session_figure(prices, session, name)
        if value is not None:
            parts.append(words.format(100 * value))
    return f"{session}: {', '.join(parts)}." if parts else ""


def _of_day(claim: Claim, row: EventRow, prices: Prices | None) -> _Measured:
    published = date.fromisoformat(row.published[:10])
    session = _tradable(row)
    tradable = f"first tradable on {session}" if session else f"not tradable: {row.obstacle}"
    public = f"public by {row.published} New York time ({row.event.precision})"
    told = [f"{claim.event_id} was {public}, {tradable}."]
    days = {published, date.fromisoformat(claim.claimed)} | ({session} if session else set())
    if prices is not None:
        changes = {day: session_figure(prices, day, "close_change") for day in sorted(days)}
        told += [f"{day} closed {100 * c:+.1f} %." for day, c in changes.items() if c is not None]
    value = session if claim.measure == "tradable_session" else published
    return _Measured(value, " ".join(told))


def _tradable(row: EventRow) -> date | None:
    return None if row.obstacle else row.session


def _of_field(claim: Claim, row: EventRow) -> _Measured:
    values = row.as_dict()
    value = values[claim.field]
    names = _PARTS.get(claim.field, (claim.field,))
    parts = ", ".join(f"{name} {field(name, values[name])}" for name in names)
    told = (
        f"{claim.event_id}: {parts}. {row.event.headline} (grade {row.event.grade or 'unknown'})."
    )
    if value is None:
        return _Measured(None, told)
    is_fraction = claim.unit == "percent" and claim.field in _FRACTIONS
    return _Measured(value * (100 if is_fraction else _SCALES.get(claim.unit, 1)), told)


def _number(value: float, claim: Claim) -> str:
    """A figure with a digit more than was claimed, so that the difference can be seen."""
    decimals = len(claim.claimed.partition(".")[2])
    more = 0 if claim.unit == "count" else decimals + 1
    is_change = claim.measure in SESSION_MEASURES or claim.field in _FRACTIONS
    return f"{value:+,.{more}f}" if is_change else f"{value:,.{more}f}"


def with_unit(number: str, unit: str) -> str:
    """A number with its unit; days, directions and counts stand as they are."""
    return f"{number} {_UNITS[unit]}" if unit in _UNITS else number
