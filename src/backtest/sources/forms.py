"""Read forms as they are filed: XML, Form 4 (sales by insiders), Schedules 13D and 13G (stakes).

Schedules are XML since the end of 2024. Older ones are text for people, from which only figures
that are stated plainly, and once, are taken.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pandas as pd

from backtest.errors import DataError
from backtest.sources.edgar import Company, plain_name
from backtest.stats.formats import price as dollars

_SALE = "S"
_ROLES = (
    ("isDirector", "director"),
    ("isOfficer", "officer"),
    ("isTenPercentOwner", "owner of more than 10 %"),
    ("isOther", "other"),
)
_YES = ("1", "true")
SCHEDULES = tuple(
    form + amendment
    for form in ("SCHEDULE 13D", "SCHEDULE 13G", "SC 13D", "SC 13G")
    for amendment in ("", "/A")
)
_PERSON = ("reportingPersonInfo", "coverPageHeaderReportingPersonDetails")
_AMOUNT = ("aggregateAmountOwned", "reportingPersonBeneficiallyOwnedAggregateNumberOfShares")
_PERCENT = ("percentOfClass", "classPercent")
_CIK = ("reportingPersonCIK", "reportingPersonCik", "reportingCik")
_ISSUER = ("issuerCIK", "issuerCik")
_EVENT = ("dateOfEvent", "eventDateRequiresFilingThisStatement")


# XML: read whole or not at all, by the local names of its elements


class BrokenOffError(DataError):
    """`BrokenOffError` reports a document that broke off, and may come whole another time."""


class _NoDoctype(ET.TreeBuilder):
    """Refuse a document type, without which no entity can be defined and blown up."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        raise DataError("refused: it declares a document type, which filings have no need of.")


def read_xml(content: bytes, name: str) -> ET.Element:
    """Return the root of a document called `name`; raise DataError if it is another or broken."""
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - no document type, so no entities
    try:
        parser.feed(content)
        root = parser.close()
    except ET.ParseError as error:
        raise BrokenOffError(
            f"is not whole XML ({error}). It may have broken off on the way: try again."
        ) from None
    if local_name(root) != name:
        raise DataError(f"begins with {local_name(root)!r}; an {name} is expected there.")
    return root


def elements(element: ET.Element, *names: str) -> Iterator[ET.Element]:
    """Return the elements below one that have one of the names, in any name space."""
    return (child for child in element.iter() if local_name(child) in names)


def local_name(element: ET.Element) -> str:
    """Return the name of an element without its name space."""
    return str(element.tag).rpartition("}")[2]


def element_text(element: ET.Element, *names: str) -> str:
    """Return the first text of an element below that has one of the names; empty if there is none.

    Text in a nested element `value`, as in forms of insiders, counts as the element's own.
    """
    for match in elements(element, *names):
        inner = next(elements(match, "value"), match)
        if text := (inner.text or "").strip():
            return text
    return ""


def need_text(element: ET.Element, *names: str) -> str:
    """Return the `element_text` of a required element; raise DataError if it is empty."""
    text = element_text(element, *names)
    if not text:
        paths = " or ".join(f"{local_name(element)}/{name}" for name in names)
        raise DataError(f"has no {paths}; a text is expected there.")
    return text


def number_of(text: str, what: str) -> float | None:
    """Parse a number from 0, such as `1,234.50`, or None if empty; raise DataError for others."""
    if not text:
        return None
    try:
        value = float(text.replace(",", "").rstrip("%").strip())
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise DataError(f"{what} is {text[:60]!r}; a number from 0 is expected there.")
    return value


def need_number(element: ET.Element, *names: str) -> float:
    """Return the number in the first element of one of the names; raise DataError if none is."""
    return number_of(need_text(element, *names), names[0]) or 0.0


# Form 4: what insiders sold in the open market


@dataclass(frozen=True)
class Sale:
    """A sale sums up the open market sales (code S) of one Form 4."""

    issuer: int | None  # number (CIK) of the company whose stock it is; None is unknown
    issuer_name: str
    owner: str
    relationship: str
    figures: str  # a sentence on shares, prices in dollars and days


def read_sale(content: bytes) -> Sale | None:
    """Read the sales in a Form 4; return None if it has none."""
    root = read_xml(content, "ownershipDocument")
    owner = need_text(root, "rptOwnerName")
    sales = [
        _transaction(element)
        for element in elements(root, "nonDerivativeTransaction")
        if element_text(element, "transactionCode") == _SALE
    ]
    if not sales:
        return None
    issuer = element_text(root, "issuerCik")
    cik = int(issuer) if issuer.isdecimal() else None
    plan = element_text(root, "aff10b5One").casefold()
    planned = f"; {'under a' if plan in _YES else 'no'} 10b5-1 plan" if plan else ""
    figures = _figures(sales) + planned
    return Sale(cik, element_text(root, "issuerName"), owner, _relationship(root), figures)


def _transaction(element: ET.Element) -> tuple[date, float, float | None]:
    """Return day, shares and price (None is unknown) of a transaction."""
    day = need_text(element, "transactionDate")
    shares = need_number(element, "transactionShares")
    name = "transactionPricePerShare"
    try:
        return date.fromisoformat(day[:10]), shares, number_of(element_text(element, name), name)
    except ValueError:
        raise DataError(f"transactionDate is {day!r}; a day is expected there.") from None


def _figures(sales: list[tuple[date, float, float | None]]) -> str:
    """Describe shares, average price and days; no price is given if any is unknown."""
    days = [day for day, _, _ in sales]
    shares, first, last = sum(number for _, number, _ in sales), min(days), max(days)
    prices = [price for _, _, price in sales if price is not None]
    cost = "price not given"
    if len(prices) == len(sales) and shares:
        low, high = min(prices), max(prices)
        average = sum(number * (price or 0.0) for _, number, price in sales) / shares
        span = f", from {dollars(low)} to {dollars(high)}" if low != high else ""
        cost = f"at {dollars(average)} dollars on average{span}"
    return f"{shares:,.0f} shares {cost}; {first}" + f" to {last}" * (first != last)


def _relationship(root: ET.Element) -> str:
    roles = [role for tag, role in _ROLES if element_text(root, tag).casefold() in _YES]
    title = element_text(root, "officerTitle") or element_text(root, "otherText")
    return f"{', '.join(roles)} ({title})" if roles and title else ", ".join(roles) or title


# Schedules 13D and 13G: who holds more than 5 % of a company


@dataclass(frozen=True)
class Stake:
    """A stake is what a schedule says of its holder; None is unknown."""

    issuer: int | None  # number (CIK) of the company
    as_of: date | None  # the day of the event that made the schedule due
    shares: int | None
    percent: float | None  # percent of the class
    remark: str = ""  # a sentence on what could not be read, or whose figures were taken


def read_schedule(content: bytes, holder: Company, *, xml: bool) -> Stake:
    """Read a schedule, which is XML, or the text or HTML of the old form.

    If several persons report, the holder's figures count; in XML, else those of the largest.
    """
    return _from_xml(content, holder) if xml else _from_text(content, holder)


def _from_xml(content: bytes, holder: Company) -> Stake:
    root = read_xml(content, "edgarSubmission")
    persons = list(elements(root, *_PERSON))
    if not persons:
        what = " or ".join(_PERSON)
        raise DataError(f"has no {what}; the persons who report are expected there.")
    matches = [person for person in persons if _is_holder(person, holder)]
    person = max(
        matches[:1] or persons,
        key=lambda person: number_of(element_text(person, *_AMOUNT), _AMOUNT[0]) or 0.0,
    )
    as_of = None
    with suppress(ValueError):
        as_of = datetime.strptime(element_text(root, *_EVENT), "%m/%d/%Y").date()  # noqa: DTZ007
    name, issuer = need_text(person, "reportingPersonName"), need_text(root, *_ISSUER)
    remark = "" if matches else f"{name} alone reports."
    if len(persons) > 1:
        remark = f"{len(persons)} persons report; taken is {name}."
    return Stake(
        int(issuer) if issuer.isdecimal() else None,
        as_of,
        int(need_number(person, *_AMOUNT)),
        number_of(element_text(person, *_PERCENT), "the percent of the class"),
        remark,
    )


def _is_holder(person: ET.Element, holder: Company) -> bool:
    cik = element_text(person, *_CIK)
    if cik.isdecimal():
        return int(cik) == holder.cik
    return _name_words(element_text(person, "reportingPersonName")) == _name_words(holder.name)


def _name_words(name: str) -> set[str]:
    """Return the words of a name in any order: EDGAR writes DOE JANE for Jane Doe."""
    return set(plain_name(name).split())


# Schedules of before the end of 2024: text for people, with rows for each person who reports

_ROWS = re.compile(
    r"(?i)(?P<name>names?\s*(?:\(s\))?\s*of\s*reporting\s*persons?(?:\s*\(s\))?)"
    r"|(?P<amount>aggregate\s*amount\s*(?:beneficially\s*)?owned\s*by\s*each\s*reporting\s*person"
    r"(?:\s*with\b)?)"
    r"|(?P<percent>percent(?:age)?\s*of\s*class\s*represented\s*by\s*(?:amount\s*in\s*)?row"
    r"\s*\(?\d*\)?)"
    r"|(?P<end>\(?\d{0,2}[.)]?\s*(?:check\b|type\s*of\s*(?:reporting\s*)?person)|\bitem\s*\d)"
)
_REMARKS = re.compile(r"\([^)]*\)")
_ROW_NUMBER = re.compile(r"\s\(?1[0-3]\)?[.):]*\s*$")  # the number of the next row
_NONE = re.compile(r"(?i)[-–—]\s*0\s*[-–—]|\bnone\b|\bnil\b|\bzero\b|(?<![\d.,])0(?![\d.,])")
_NUMBER = re.compile(r"(?<![\d.,$])(\d{1,3}(?:,\d{3})+|\d+)(?:\.0+)?(?![\d,.%])")
_PERCENT_NUMBER = re.compile(r"(\d{0,3}\.?\d+)\s*%|(?<!\d)(\d{0,3}\.\d+)")
_BOUND = re.compile(r"(?i)\bless\s+than\b|\bmore\s+than\b|\bover\b|[<>]")
_IDENTIFICATION = re.compile(
    r"(?i)(?:s\.?\s?s\.?\s*or\s*)?i\.?\s?r\.?\s?s\.?\s*identification\s*(?:nos?|numbers?)\.?(?:\s*of"
    r"\s*(?:the\s*)?above\s*persons?)?"
)
_DAY_WRITTEN = (
    r"([A-Z]{3,9}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4}|\d{1,2}\s+[A-Z]{3,9}\.?,?\s+\d{4}"
    r"|\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d\d-\d\d)"
)
_EVENT_DAYS = (
    re.compile(rf"(?i){_DAY_WRITTEN}[\s_\-=*(]{{0,120}}date\s+of\s+event"),
    re.compile(
        r"(?i)date\s+of\s+event(?:\s+which\s+requires\s+filing\s+of\s+this\s+statement)?"
        rf"[\s_:)\-]{{0,40}}{_DAY_WRITTEN}"
    ),
)
_ROW_LENGTH = 250


class _Person(NamedTuple):
    """A person is one who reports, as the rows of a cover page say; None is unknown."""

    name: str
    shares: int | None
    percent: float | None


def _from_text(content: bytes, holder: Company) -> Stake:
    text = html.unescape(re.sub(r"<[^>]*>", " ", content.decode("utf-8", "replace")))
    as_of = _event_day(text)
    persons = _persons(text)
    wanted = _name_words(holder.name)
    matches = [person for person in persons if _name_words(person.name) == wanted]
    matches = matches or [person for person in persons if wanted <= _name_words(person.name)]
    amounts = {person.shares for person in matches or persons}
    if len(amounts) != 1 or None in amounts:
        count = len(amounts - {None})
        fault = f"{count} amounts stand" if count else "no amount stands"
        return Stake(None, as_of, None, None, f"Shares unknown: {fault} plainly in the text.")
    percents = {person.percent for person in matches or persons}
    percent = percents.pop() if len(percents) == 1 else None
    remark = ""
    if matches and len(persons) > 1:
        remark = f"{len(persons)} persons report; taken is {matches[0].name}."
    return Stake(None, as_of, amounts.pop(), percent, remark)


def _persons(text: str) -> list[_Person]:
    """Read the persons of a cover page, by the labels of its rows."""
    persons: list[_Person] = []
    rows = list(_ROWS.finditer(text))
    name = ""
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        cell = text[row.end() : after.start() if after else None][:_ROW_LENGTH]
        if row["name"]:
            words = re.sub(r"\b\d[\d-]*\b", " ", _IDENTIFICATION.sub(" ", _REMARKS.sub(" ", cell)))
            name = " ".join(words.split()).strip(" :.")
        elif row["amount"]:
            persons.append(_Person(name, _amount(cell), None))
            name = ""
        elif row["percent"] and persons and persons[-1].percent is None:
            persons[-1] = persons[-1]._replace(percent=_percent(cell))
    return persons


def _amount(cell: str) -> int | None:
    """Return the one amount in a cell, or None if it has none, or several."""
    plain = _ROW_NUMBER.sub("", _REMARKS.sub(" ", cell))
    numbers = _NUMBER.findall(plain)
    grouped = [number for number in numbers if "," in number]  # others beside may be days
    amounts = {int(number.replace(",", "")) for number in grouped or numbers}
    if not grouped and _NONE.search(plain):
        amounts.add(0)
    return amounts.pop() if len(amounts) == 1 else None


def _percent(cell: str) -> float | None:
    plain = _REMARKS.sub(" ", cell)
    if _BOUND.search(plain):
        return None
    if number := _PERCENT_NUMBER.search(plain):
        return float(number[1] or number[2])
    return 0.0 if _NONE.search(plain) else None


def _event_day(text: str) -> date | None:
    match = next(filter(None, (pattern.search(text) for pattern in _EVENT_DAYS)), None)
    try:
        return pd.Timestamp(match[1]).date() if match else None
    except ValueError:  # words that only look like a day
        return None
