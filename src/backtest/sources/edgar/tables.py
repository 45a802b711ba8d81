"""Form 13F: the table of what a holder holds, in whichever unit, and what an amendment is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from backtest.errors import DataError, UsageError
from backtest.sources.edgar.client import MOVED
from backtest.sources.edgar.names import plain_name
from backtest.sources.edgar.xml import every, local, needed, number, read_xml, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from xml.etree.ElementTree import Element

RESTATEMENT, NEW_HOLDINGS = "RESTATEMENT", "NEW HOLDINGS"
_IN_DOLLARS_FROM = date(2023, 1, 3)
_SHARES = "SH"
_MOST_CANDIDATES = 10


@dataclass(frozen=True)
class Holding:
    """One line of a table. `value` is in the unit of the table."""

    issuer: str
    title: str
    cusip: str
    value: float
    shares: int


def read_table(content: bytes, address: str) -> list[Holding]:
    """The shares in an information table; options and principal amounts are left out.

    Raises:
        DataError: it is no such table, or a line lacks what it needs.

    """
    root = read_xml(content, address)
    if local(root) != "informationTable":
        raise DataError(
            f"{address} begins with {local(root)!r}; an informationTable is expected there. {MOVED}"
        )
    return [
        _holding(line, address)
        for line in every(root, "infoTable")
        if not text_of(line, "putCall")
        and needed(line, address, "sshPrnamtType").upper() == _SHARES
    ]


def read_amendment(content: bytes, address: str) -> str:
    """What an amendment says to do with its table: `RESTATEMENT`, `NEW HOLDINGS`, or other words.

    Raises:
        DataError: it is not a cover page.

    """
    root = read_xml(content, address)
    if local(root) != "edgarSubmission":
        raise DataError(
            f"{address} begins with {local(root)!r}; an edgarSubmission is expected there. {MOVED}"
        )
    return text_of(root, "amendmentType").upper()


def learn_cusip(tables: Iterable[Sequence[Holding]], names: Iterable[str]) -> str | None:
    """The CUSIP of the lines whose issuer has one of the names; None where no line has.

    Raises:
        UsageError: the lines have several, of which one has to be chosen.

    """
    wanted = {plain_name(name) for name in names}
    found = {
        one.cusip: one for table in tables for one in table if plain_name(one.issuer) in wanted
    }
    if len(found) > 1:
        lines = "".join(
            f"\n  --cusip {cusip}  {one.issuer}, {one.title}"
            for cusip, one in sorted(found.items())[:_MOST_CANDIDATES]
        )
        raise UsageError(f"The tables have several papers of that name. Choose one:{lines}")
    return next(iter(found), None)


def lines_of(table: Iterable[Holding], cusip: str) -> list[Holding]:
    """The lines of one paper; several managers may have one each."""
    return [one for one in table if one.cusip == cusip]


def in_dollars(value: float, shares: int, filed: date, close: float | None) -> tuple[float, str]:
    """A value of a table in dollars, and a remark where there is something to be said.

    Tables were in thousands before 2023-01-03 and are in dollars since, but not all holders kept
    to it. Where a close is known, value ÷ shares is held against it.

    Args:
        value: as it stands in the table.
        shares: that it is the value of.
        filed: the date of filing.
        close: dollars a share on the day that the table describes; None where unknown.

    """
    thousands = filed < _IN_DOLLARS_FROM
    amount = value * 1000 if thousands else value
    unit = "thousands" if thousands else "dollars"
    if close is None or not shares:
        return amount, ""
    for factor in (1, 1000, 1 / 1000):
        if _HALF <= amount * factor / (shares * close) <= _TWICE:
            if factor == 1:
                return amount, ""
            return amount * factor, (
                f"The value stands in the table as {value:,.0f}, which in {unit}, the unit of the "
                f"time, is {amount / shares:,.4g} dollars a share; the close was {close:,.2f}: "
                f"taken {'times' if factor > 1 else 'divided by'} 1000."
            )
    return amount, (
        f"The value, {value:,.0f} in {unit}, is {amount / shares:,.4g} dollars a share; the close "
        f"was {close:,.2f}."
    )


_HALF, _TWICE = 0.5, 2.0


def _holding(line: Element, address: str) -> Holding:
    return Holding(
        issuer=needed(line, address, "nameOfIssuer"),
        title=text_of(line, "titleOfClass"),
        cusip=needed(line, address, "cusip").upper().zfill(9),
        value=number(needed(line, address, "value"), address, "value") or 0.0,
        shares=int(number(needed(line, address, "sshPrnamt"), address, "sshPrnamt") or 0),
    )
