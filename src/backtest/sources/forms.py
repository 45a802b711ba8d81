"""Forms as they are filed: XML, Form 4 (sales by insiders), Schedules 13D and 13G (stakes).

Schedules are XML since the end of 2024. Older ones are text for people; of those only what stands
there plainly, and once, is taken.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from backtest.errors import DataError
from backtest.sources.edgar import MOVED, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backtest.sources.edgar import Company

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

_AMOUNT_TEXT = re.compile(
    r"aggregate\s+amount\s+(?:beneficially\s+)?owned\s+by\s+each\s+reporting\s+person"
    r"[^0-9]{0,120}(\d{1,3}(?:,\d{3})+|\d{4,})\b",
    re.IGNORECASE,
)
_PERCENT_TEXT = re.compile(
    r"percent\s+of\s+class\s+represented\s+by\s+amount\s+in\s+row[^%]{0,120}?"
    r"(\d{1,3}(?:\.\d+)?)\s*%",
    re.IGNORECASE,
)
_EVENT_TEXT = re.compile(r"([A-Z][a-z]+\s+\d{1,2},\s+\d{4})[\s_\-(]{0,80}Date\s+of\s+Event")


# XML: read whole or not at all, by the local names of its elements


class BrokenOffError(DataError):
    """A document is not whole: it may come whole another time."""


class _NoDoctype(ET.TreeBuilder):
    """Refuses a document type, without which no entity can be defined and blown up."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002
        raise DataError("it declares a document type, which filings have no need of")


def read_xml(content: bytes, address: str) -> ET.Element:
    """The root of a document; DataError where it is not whole XML, or declares a document type."""
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - no document type, so no entities
    try:
        parser.feed(content)
        return parser.close()
    except ET.ParseError as error:
        raise BrokenOffError(
            f"{address} is not whole XML ({error}). It may have broken off on the way: try again."
        ) from None
    except DataError as error:
        raise DataError(f"{address} is refused: {error}.") from None


def every(element: ET.Element, *names: str) -> Iterator[ET.Element]:
    """The elements below one that have one of the names, whatever their name space."""
    return (one for one in element.iter() if local(one) in names)


def local(element: ET.Element) -> str:
    """The name of an element without its name space."""
    return str(element.tag).rpartition("}")[2]


def element_text(element: ET.Element, *names: str) -> str:
    """The text of the first element below one that has one of the names; empty where there is none.

    A text that stands in an element `value` within it, as in forms of insiders, counts as its own.
    """
    for found in every(element, *names):
        inner = next(every(found, "value"), found)
        if text := (inner.text or "").strip():
            return text
    return ""


def needed(element: ET.Element, address: str, *names: str) -> str:
    """As `element_text`, of what has to be there; DataError where it is not."""
    text = element_text(element, *names)
    if not text:
        paths = " or ".join(f"{local(element)}/{name}" for name in names)
        raise DataError(f"{address} has no {paths}; a text is expected there. {MOVED}")
    return text


def number_of(text: str, address: str, what: str) -> float | None:
    """A number from 0 as filings write it, such as `1,234.50`; None where the text is empty."""
    if not text:
        return None
    try:
        value = float(text.replace(",", "").rstrip("%").strip())
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise DataError(f"{address}: {what} is {text[:60]!r}; a number from 0 is expected there.")
    return value


def document_root(content: bytes, address: str, name: str) -> ET.Element:
    """The root of an XML document that has to begin with an element of a name."""
    root = read_xml(content, address)
    if local(root) != name:
        raise DataError(
            f"{address} begins with {local(root)!r}; an {name} is expected there. {MOVED}"
        )
    return root


# Form 4: what insiders sold in the open market


@dataclass(frozen=True)
class Sale:
    """Open market sales (code S) of the stock in one form, taken together; prices in dollars."""

    issuer: int | None  # number of the company whose stock it is; None is unknown
    issuer_name: str
    owner: str
    relationship: str
    shares: float
    low: float | None  # where any price is unknown, all are
    high: float | None
    average: float | None  # weighted by shares
    first: date
    last: date
    planned: bool | None  # under a plan (rule 10b5-1); None where the form does not say

    @property
    def figures(self) -> str:
        """The sale in a few words."""
        days = f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"
        price = "price not given"
        if self.average is not None:
            span = f", from {self.low:.2f} to {self.high:.2f}" if self.low != self.high else ""
            price = f"at {self.average:.2f} dollars on average{span}"
        plan = {True: "; under a 10b5-1 plan", False: "; no 10b5-1 plan", None: ""}[self.planned]
        return f"{self.shares:,.0f} shares {price}; {days}{plan}"


def read_sale(content: bytes, address: str) -> Sale | None:
    """The sales in a Form 4; None where it tells of none."""
    root = document_root(content, address, "ownershipDocument")
    owner = needed(root, address, "rptOwnerName")
    sales = [
        _line(one, address)
        for one in every(root, "nonDerivativeTransaction")
        if element_text(one, "transactionCode") == _SALE
    ]
    if not sales:
        return None
    shares = sum(count for _, count, _ in sales)
    prices = [price for _, _, price in sales if price is not None]
    known = len(prices) == len(sales) and shares > 0
    days = [day for day, _, _ in sales]
    plan = element_text(root, "aff10b5One").casefold()
    issuer = element_text(root, "issuerCik")
    return Sale(
        issuer=int(issuer) if issuer.isdecimal() else None,
        issuer_name=element_text(root, "issuerName"),
        owner=owner,
        relationship=_relationship(root),
        shares=shares,
        low=min(prices) if known else None,
        high=max(prices) if known else None,
        average=sum(n * (p or 0) for _, n, p in sales) / shares if known else None,
        first=min(days),
        last=max(days),
        planned=(plan in _YES) if plan else None,
    )


def _line(one: ET.Element, address: str) -> tuple[date, float, float | None]:
    day = needed(one, address, "transactionDate")
    shares = number_of(needed(one, address, "transactionShares"), address, "transactionShares")
    price = number_of(
        element_text(one, "transactionPricePerShare"), address, "transactionPricePerShare"
    )
    try:
        return date.fromisoformat(day[:10]), shares or 0.0, price
    except ValueError:
        raise DataError(
            f"{address}: transactionDate is {day!r}; a day is expected there."
        ) from None


def _relationship(root: ET.Element) -> str:
    roles = [name for tag, name in _ROLES if element_text(root, tag).casefold() in _YES]
    title = element_text(root, "officerTitle") or element_text(root, "otherText")
    return ", ".join(roles) + f" ({title})" * bool(title)


# Schedules 13D and 13G: who holds more than 5 % of a company


@dataclass(frozen=True)
class Stake:
    """What a schedule says of its holder; None is unknown."""

    issuer: int | None  # its number at EDGAR
    as_of: date | None  # the day of the event that made the schedule due
    shares: int | None
    percent: float | None  # of the class
    remark: str = ""  # what could not be read


def read_schedule(content: bytes, address: str, holder: Company) -> Stake:
    """Read a schedule: XML, or the text or HTML of the old form.

    Where several persons report, the line of the holder counts, or else the largest.
    """
    return _from_xml(content, address, holder) if address.endswith(".xml") else _from_text(content)


def _from_xml(content: bytes, address: str, holder: Company) -> Stake:
    root = read_xml(content, address)
    persons = list(every(root, *_PERSON))
    if local(root) != "edgarSubmission" or not persons:
        raise DataError(
            f"{address} has no {' or '.join(_PERSON)} in an edgarSubmission; the persons who "
            f"report are expected there. {MOVED}"
        )
    person = next((one for one in persons if _is(one, holder)), None) or max(
        persons, key=lambda one: number_of(element_text(one, *_AMOUNT), address, _AMOUNT[0]) or 0.0
    )
    name = needed(person, address, "reportingPersonName")
    amount = number_of(needed(person, address, *_AMOUNT), address, "the amount owned")
    more = f"{len(persons)} persons report; taken is {name}." if len(persons) > 1 else ""
    issuer = needed(root, address, *_ISSUER)
    return Stake(
        int(issuer) if issuer.isdecimal() else None,
        _day(element_text(root, *_EVENT), "%m/%d/%Y"),
        None if amount is None else int(amount),
        number_of(element_text(person, *_PERCENT), address, "the percent of the class"),
        more,
    )


def _is(person: ET.Element, holder: Company) -> bool:
    cik = element_text(person, *_CIK)
    if cik.isdecimal():
        return int(cik) == holder.cik
    return plain_name(element_text(person, "reportingPersonName")) == plain_name(holder.name)


def _from_text(content: bytes) -> Stake:
    text = html.unescape(re.sub(r"<[^>]*>", " ", content.decode("utf-8", "replace")))
    amounts = {int(one.replace(",", "")) for one in _AMOUNT_TEXT.findall(text)}
    percents = {float(one) for one in _PERCENT_TEXT.findall(text)}
    event = _EVENT_TEXT.search(text)
    as_of = _day(" ".join(event[1].split()), "%B %d, %Y") if event else None
    if len(amounts) != 1:
        fault = f"{len(amounts)} amounts stand" if amounts else "no amount stands"
        return Stake(None, as_of, None, None, f"Shares unknown: {fault} plainly in the text.")
    return Stake(None, as_of, amounts.pop(), percents.pop() if len(percents) == 1 else None)


def _day(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None
