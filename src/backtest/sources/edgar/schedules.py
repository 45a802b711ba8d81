"""Schedules 13D and 13G: who holds more than 5 % of a company.

Since the end of 2024 they are XML. Older ones are text for people; of those only what stands there
plainly, and once, is taken.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from backtest.errors import DataError
from backtest.sources.edgar.client import MOVED
from backtest.sources.edgar.names import plain_name
from backtest.sources.edgar.xml import every, local, needed, number, read_xml, text_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from backtest.sources.edgar.lists import Company

FORMS = tuple(
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


@dataclass(frozen=True)
class Stake:
    """What a schedule says of its holder; None is unknown.

    Attributes:
        issuer: the number of the company that it is about.
        as_of: the day of the event that made it due.
        shares: held in all.
        percent: of the class.
        remark: which of several persons it is, or what could not be read.

    """

    issuer: int | None
    as_of: date | None
    shares: int | None
    percent: float | None
    remark: str = ""


def read_schedule(content: bytes, address: str, holder: Company) -> Stake:
    """Read a schedule.

    Args:
        content: XML, or the text or HTML of the old form.
        address: of the page, for messages.
        holder: whose line is looked for among several persons.

    Raises:
        DataError: XML that is not such a schedule, or lacks what it needs.

    """
    if address.endswith(".xml"):
        return _from_xml(content, address, holder)
    return _from_text(content)


def _from_xml(content: bytes, address: str, holder: Company) -> Stake:
    root = read_xml(content, address)
    persons = list(every(root, *_PERSON))
    if local(root) != "edgarSubmission" or not persons:
        raise DataError(
            f"{address} has no {' or '.join(_PERSON)} in an edgarSubmission; the persons who "
            f"report are expected there. {MOVED}"
        )
    person = next((one for one in persons if _is(one, holder)), None) or max(
        persons, key=lambda one: number(text_of(one, *_AMOUNT), address, _AMOUNT[0]) or 0.0
    )
    name = needed(person, address, "reportingPersonName")
    amount = number(needed(person, address, *_AMOUNT), address, "the amount owned")
    more = f"{len(persons)} persons report; taken is {name}." if len(persons) > 1 else ""
    issuer = needed(root, address, *_ISSUER)
    return Stake(
        int(issuer) if issuer.isdecimal() else None,
        _day(text_of(root, *_EVENT), "%m/%d/%Y"),
        None if amount is None else int(amount),
        number(text_of(person, *_PERCENT), address, "the percent of the class"),
        more,
    )


def _is(person: Element, holder: Company) -> bool:
    cik = text_of(person, *_CIK)
    if cik.isdecimal():
        return int(cik) == holder.cik
    return plain_name(text_of(person, "reportingPersonName")) == plain_name(holder.name)


def _from_text(content: bytes) -> Stake:
    text = html.unescape(re.sub(r"<[^>]*>", " ", content.decode("utf-8", "replace")))
    amounts = {int(one.replace(",", "")) for one in _AMOUNT_TEXT.findall(text)}
    percents = {float(one) for one in _PERCENT_TEXT.findall(text)}
    event = _EVENT_TEXT.search(text)
    plain = len(amounts) == 1
    fault = f"{len(amounts)} amounts stand" if amounts else "no amount stands"
    return Stake(
        None,
        _day(" ".join(event[1].split()), "%B %d, %Y") if event else None,
        amounts.pop() if plain else None,
        percents.pop() if plain and len(percents) == 1 else None,
        "" if plain else f"Shares unknown: {fault} plainly in the text.",
    )


def _day(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None
