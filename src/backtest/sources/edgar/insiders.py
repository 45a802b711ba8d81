"""Form 4: what insiders sold in the open market."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from backtest.errors import DataError
from backtest.sources.edgar.xml import every, local, needed, number, read_xml, text_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SALE = "S"
_ROLES = (
    ("isDirector", "director"),
    ("isOfficer", "officer"),
    ("isTenPercentOwner", "owner of more than 10 %"),
    ("isOther", "other"),
)
_YES = ("1", "true")


@dataclass(frozen=True)
class Sale:
    """Open market sales (code S) of the stock that one form tells of, taken together.

    Attributes:
        owner: who sold.
        relationship: of the owner to the company, with the title.
        shares: sold in all.
        low: lowest price, dollars; None where a price is unknown.
        high: highest price.
        average: weighted by shares.
        first: first day of sale.
        last: last day.
        planned: whether the form says that it was under a plan (rule 10b5-1); None where it
            does not say.

    """

    owner: str
    relationship: str
    shares: float
    low: float | None
    high: float | None
    average: float | None
    first: date
    last: date
    planned: bool | None

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
    """The sales in a Form 4; None where it tells of none.

    Raises:
        DataError: it is not a Form 4, or a figure in it is none.

    """
    root = read_xml(content, address)
    if local(root) != "ownershipDocument":
        raise DataError(f"{address} is {local(root)!r}; an ownershipDocument is expected there.")
    owner = needed(root, address, "rptOwnerName")
    sales = [
        _line(one, address)
        for one in every(root, "nonDerivativeTransaction")
        if text_of(one, "transactionCode") == _SALE
    ]
    if not sales:
        return None
    shares = sum(count for _, count, _ in sales)
    prices = [price for _, _, price in sales if price is not None]
    known = len(prices) == len(sales) and shares > 0
    days = [day for day, _, _ in sales]
    plan = text_of(root, "aff10b5One").casefold()
    return Sale(
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


def _line(one: Element, address: str) -> tuple[date, float, float | None]:
    """Day, shares and price of one transaction."""
    day = needed(one, address, "transactionDate")
    shares = number(needed(one, address, "transactionShares"), address, "transactionShares")
    price = number(text_of(one, "transactionPricePerShare"), address, "transactionPricePerShare")
    try:
        return date.fromisoformat(day[:10]), shares or 0.0, price
    except ValueError:
        raise DataError(
            f"{address}: transactionDate is {day!r}; a day is expected there."
        ) from None


def _relationship(root: Element) -> str:
    roles = [name for tag, name in _ROLES if text_of(root, tag).casefold() in _YES]
    title = text_of(root, "officerTitle") or text_of(root, "otherText")
    return ", ".join(roles) + f" ({title})" * bool(title)
