"""Read Form 13F: a holder's table of shares, which of its papers are a stock, splits between two.

A stock may have had several CUSIPs, one after the other; its counts are compared in the shares of
one day.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import SequenceMatcher
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING, NamedTuple

from backtest.errors import UsageError
from backtest.sources.edgar import LEGAL_FORMS, name_words, plain_name
from backtest.sources.forms import element_text, elements, need_number, need_text, read_xml
from backtest.stats.formats import price as dollars

if TYPE_CHECKING:
    from backtest.data.actions import Actions

RESTATEMENT, NEW_HOLDINGS = "RESTATEMENT", "NEW HOLDINGS"
IN_DOLLARS_FROM = date(2023, 1, 3)
_SHARES = "SH"
_MOST_CANDIDATES = 10
_HALF, _TWICE = 0.5, 2.0
_CUT = 26  # tables cut a name off after so many characters
_ALIKE = 0.4  # least likeness of two names, as difflib's `ratio`


@dataclass(frozen=True)
class Holding:
    """A holding is one line of a table, with its value in the unit of the table."""

    issuer: str
    title: str
    cusip: str
    value: float
    shares: int


def read_table(content: bytes) -> list[Holding]:
    """Read the lines of shares in an information table, without options and principal amounts."""
    return [
        Holding(
            issuer=need_text(line, "nameOfIssuer"),
            title=element_text(line, "titleOfClass"),
            cusip=need_text(line, "cusip").upper().zfill(9),
            value=need_number(line, "value"),
            shares=int(need_number(line, "sshPrnamt")),
        )
        for line in elements(read_xml(content, "informationTable"), "infoTable")
        if not element_text(line, "putCall") and need_text(line, "sshPrnamtType").upper() == _SHARES
    ]


def read_amendment(content: bytes) -> str:
    """Read what an amendment does with its table: `RESTATEMENT`, `NEW HOLDINGS`, or other words."""
    return element_text(read_xml(content, "edgarSubmission"), "amendmentType").upper()


def in_dollars(value: float, shares: int, filed: date, close: float | None) -> tuple[float, str]:
    """Return a value of a table in dollars, and a remark if it does not fit the close.

    Tables filed before 2023-01-03 are in thousands, later ones in dollars, but not all holders keep
    to it. If the close of the table's day is known, comparing it to value ÷ shares mends the unit.
    """
    is_old = filed < IN_DOLLARS_FROM
    amount, unit = (value * 1000, "thousands") if is_old else (value, "dollars")
    if close is None or not shares:
        return amount, ""
    price = amount / shares
    factor = next((x for x in (1, 1000, 1 / 1000) if _HALF <= x * price / close <= _TWICE), None)
    if factor == 1:
        return amount, ""
    remark = (
        f"The value, {value:,.0f} in {unit}, the unit of the time, is {price:,.4g} dollars a "
        f"share; the close was {dollars(close)}"
    )
    if factor is None:
        return amount, f"{remark}."
    return amount * factor, f"{remark}: taken {'times' if factor > 1 else 'divided by'} 1000."


# Which papers of the tables a stock is

_ANY_CLASS = frozenset(
    {"com", "common", "stock", "stk", "shs", "shares", "share", "ord", "ordinary", "cap", "capital"}
    | {"new", "par", "usd", "value", "the", "of", "npv", "del"}
)


def lines_of(table: Iterable[Holding], cusips: Collection[str]) -> list[Holding]:
    """Return the lines of a stock; several managers may have one each."""
    return [line for line in table if line.cusip in cusips]


def papers_of(
    tables: Sequence[Sequence[Holding]],
    names: Sequence[str],
    cusips: Collection[str] = (),
    on_file: Collection[str] = (),
) -> list[str]:
    """Return the CUSIPs of a stock: `cusips`, or those of its company's names, and those on file.

    A paper of the same class, with the issuer's name or number (the first six characters), is the
    same stock under another CUSIP if no table has the two side by side. Return none if the tables
    have none of them, unless `cusips` are given; raise UsageError if several papers have the name.
    """
    papers = {line.cusip: line for table in tables for line in table}
    named = list(cusips) or _named_so(papers.values(), names)
    stock = list(dict.fromkeys([*named, *on_file]))
    together = [{line.cusip for line in table} for table in tables]
    listed = [papers[cusip] for cusip in stock if cusip in papers]
    classes = {_class(paper.title) for paper in listed}
    learned = set(named).difference(cusips, on_file)
    if learned and (len(classes) > 1 or any(len(side & learned) > 1 for side in together)):
        raise UsageError(
            f"The tables have several papers of that name. Choose one, or several with a comma "
            f"between:{listed_papers(papers[cusip] for cusip in sorted(learned))}"
        )
    issuers = {plain_name(paper.issuer) for paper in listed}
    numbers = {cusip[:6] for cusip in stock}
    more = [
        cusip
        for cusip, paper in papers.items()
        if cusip not in stock
        and _class(paper.title) in classes
        and (cusip[:6] in numbers or plain_name(paper.issuer) in issuers)
        and not any(cusip in side and side & set(stock) for side in together)
    ]
    return [*stock, *more] if cusips or listed else []


def listed_papers(papers: Iterable[Holding]) -> str:
    """Return lines with the option that chooses each paper, for the first ten papers."""
    lines = [f"\n  --cusip {paper.cusip}  {paper.issuer}, {paper.title}" for paper in papers]
    return "".join(lines[:_MOST_CANDIDATES])


def nearest_papers(
    tables: Iterable[Iterable[Holding]], names: Sequence[str], most: int
) -> list[Holding]:
    """Return the `most` papers, or fewer, whose issuers' names are most like one of `names`."""

    def likeness(paper: Holding) -> float:
        issuer = plain_name(paper.issuer)
        return max(SequenceMatcher(None, issuer, plain_name(name)).ratio() for name in names)

    papers = {line.cusip: line for table in tables for line in table}
    ordered = sorted(papers.values(), key=likeness, reverse=True)
    return [paper for paper in ordered[:most] if likeness(paper) >= _ALIKE]


def _named_so(papers: Collection[Holding], names: Sequence[str]) -> list[str]:
    """Return CUSIPs of papers whose issuer has one of the names; if none has, a similar name."""
    wanted = {plain_name(name) for name in names}
    return [paper.cusip for paper in papers if plain_name(paper.issuer) in wanted] or [
        paper.cusip for paper in papers if any(same_company(paper.issuer, name) for name in names)
    ]


def _class(title: str) -> frozenset[str]:
    """Return the words that tell a class of shares apart, such as `cl a`; none for common stock."""
    words = plain_name(title).replace("class", "cl").split()
    return frozenset(word for word in words if word not in _ANY_CLASS and word.isalpha())


def same_company(name: str, other: str) -> bool:
    """Tell whether names are of one company, with words abbreviated, joined or in another order.

    Both have at least one word in full, and each other word abbreviates one of the other name.
    """
    a, b = _core(name), _core(other)
    rest_a, rest_b = [x for x in a if x not in b], [x for x in b if x not in a]
    return "".join(a) == "".join(b) or (
        len(rest_a) < len(a)
        and len(rest_a) == len(rest_b)
        and all(_abbreviates(*sorted(pair, key=len)) for pair in zip(rest_a, rest_b, strict=True))
    )


def _core(name: str) -> list[str]:
    """Return the words of a name that matter, without a state or country after the legal form."""
    words = re.sub(r"\b(\w) (?=\w\b)", r"\1", " ".join(name_words(name))).split()  # u s is us
    if len(name) >= _CUT and any(form.startswith(words[-1]) for form in LEGAL_FORMS):
        words = words[:-1]
    legal = [n for n, word in enumerate(words) if word in LEGAL_FORMS and n]
    if legal and legal[-1] == len(words) - 2:
        words = words[:-1]
    return [word for word in words if word not in LEGAL_FORMS | {"and", "of"}] or words


def _abbreviates(short: str, word: str) -> bool:
    """Tell whether `short` has the first letter of a longer word, and its others in their order."""
    for written in (word, word.replace("ies", "ys")):  # pptys are properties
        letters = iter(written)
        if 1 < len(short) < len(word) and short[0] == word[0] and all(c in letters for c in short):
            return True
    return False


# Splits between two counts

_RATIOS = (
    *(float(n) for n in range(2, 101)), *(1 / n for n in range(2, 101)),
    *(3 / 2, 2 / 3, 4 / 3, 3 / 4, 5 / 4, 4 / 5, 5 / 2, 2 / 5),
)  # fmt: skip
_LIKE_A_SPLIT = 0.2  # how far the price may be off, as a part of the split, both as logarithms
_PLAIN = 1000.0  # dollars; a smaller value is rounded too much to tell a price
_MOVE, _GROWTH, _WORTH = log(1.5), log(1.8), log(2.0)


class Count(NamedTuple):
    """A count is what a report counts on a day: shares, their value in dollars, their CUSIPs."""

    day: date
    shares: int
    value: float
    cusips: frozenset[str]


@dataclass(frozen=True)
class ShareSplit:
    """A share split came after one day and by another: `ratio` new shares for one, if known."""

    after: date
    by: date
    ratio: float | None
    witness: str


def splits_of(actions: Actions, counts: Sequence[Count]) -> list[ShareSplit]:
    """Return the splits on file, and those that reports show between days without one on file."""
    on_file = [
        ShareSplit(row.day - timedelta(days=1), row.day, row.amount, "by the actions on file")
        for row in actions.rows
        if row.action == "split"
    ]
    apparent = (
        _split_between(before, after)
        for before, after in pairwise(counts)
        if not any(before.day < split.by <= after.day for split in on_file)
    )
    return [*on_file, *filter(None, apparent)]


def _split_between(before: Count, after: Count) -> ShareSplit | None:
    """Return the split that two reports show: shares and price change by one ratio, inversely.

    Return one without a ratio if trades or a large move may hide it, and None if there is none.
    """
    if not (before.shares and after.shares and min(before.value, after.value) >= _PLAIN):
        return None
    old, new = before.value / before.shares, after.value / after.shares
    growth, move = log(after.shares / before.shares), log(new / old)
    off, ratio = min((abs(before.shares * ratio - after.shares), ratio) for ratio in _RATIOS)
    story = f"{before.shares:,} shares at {dollars(old)}, then {after.shares:,} at {dollars(new)}"
    if off < 1 and abs(growth + move) <= _LIKE_A_SPLIT * abs(log(ratio)):
        return ShareSplit(before.day, after.day, ratio, f"as the reports show: {story}")
    is_like_one = abs(growth) >= _GROWTH and abs(growth + move) <= _WORTH
    if abs(move) > _MOVE and (is_like_one or not before.cusips & after.cusips):
        return ShareSplit(before.day, after.day, None, story)
    return None


def in_shares_of(
    day: date, count: int, counted_on: date, splits: Iterable[ShareSplit]
) -> int | None:
    """Return a count of `counted_on` in the shares of `day`, or None if a split is unknown."""
    first, last = sorted((day, counted_on))
    ratio = 1.0
    for split in splits:
        if first < split.by and split.after < last:
            if split.ratio is None or split.after < first or last < split.by:
                return None
            ratio *= split.ratio
    return round(count * ratio if day >= counted_on else count / ratio)
