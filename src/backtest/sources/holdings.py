"""Form 13F: the table of a holder's shares, which of its papers a stock is, and splits between two.

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
from backtest.sources.forms import element_text, every, needed, needed_number, read_xml
from backtest.stats.formats import price as dollars

if TYPE_CHECKING:
    from backtest.data.actions import Actions

RESTATEMENT, NEW_HOLDINGS = "RESTATEMENT", "NEW HOLDINGS"
IN_DOLLARS_FROM = date(2023, 1, 3)
_SHARES = "SH"
_MOST_CANDIDATES = 10
_HALF, _TWICE = 0.5, 2.0
_CUT = 26  # characters, after which a table cuts a name off
_ALIKE = 0.4  # of two names, as difflib counts it


@dataclass(frozen=True)
class Holding:
    """One line of a table. `value` is in the unit of the table."""

    issuer: str
    title: str
    cusip: str
    value: float
    shares: int


def read_table(content: bytes) -> list[Holding]:
    """The shares in an information table; options and principal amounts are left out."""
    return [
        Holding(
            issuer=needed(line, "nameOfIssuer"),
            title=element_text(line, "titleOfClass"),
            cusip=needed(line, "cusip").upper().zfill(9),
            value=needed_number(line, "value"),
            shares=int(needed_number(line, "sshPrnamt")),
        )
        for line in every(read_xml(content, "informationTable"), "infoTable")
        if not element_text(line, "putCall") and needed(line, "sshPrnamtType").upper() == _SHARES
    ]


def read_amendment(content: bytes) -> str:
    """What an amendment does with its table: `RESTATEMENT`, `NEW HOLDINGS`, or other words."""
    return element_text(read_xml(content, "edgarSubmission"), "amendmentType").upper()


def in_dollars(value: float, shares: int, filed: date, close: float | None) -> tuple[float, str]:
    """A value of a table in dollars, and a remark where there is something to be said.

    Tables were in thousands before 2023-01-03 and are in dollars since, but not all holders kept
    to it. Where the close of the table's day is known, value ÷ shares is held against it.
    """
    is_old = filed < IN_DOLLARS_FROM
    amount, unit = (value * 1000, "thousands") if is_old else (value, "dollars")
    if close is None or not shares:
        return amount, ""
    price = amount / shares
    factor = next((n for n in (1, 1000, 1 / 1000) if _HALF <= n * price / close <= _TWICE), None)
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
    """The lines of a stock; several managers may have one each."""
    return [one for one in table if one.cusip in cusips]


def papers_of(
    tables: Sequence[Sequence[Holding]],
    names: Sequence[str],
    cusips: Collection[str] = (),
    on_file: Collection[str] = (),
) -> list[str]:
    """The CUSIPs of a stock: those that are named, or have the name of its company, or are on file.

    A paper of the same class, with the issuer's name or number (the first six characters), is the
    same stock under another CUSIP where no table ever has the two side by side. None where no line
    has such a name; UsageError where several papers have it.
    """
    papers = {one.cusip: one for table in tables for one in table}
    named = list(cusips) or _named_so(papers.values(), names)
    known = list(dict.fromkeys([*named, *on_file]))
    together = [{one.cusip for one in table} for table in tables]
    classes = {_class(papers[one].title) for one in known if one in papers}
    learned = set(named).difference(cusips, on_file)
    if learned and (len(classes) > 1 or any(len(side & learned) > 1 for side in together)):
        raise UsageError(
            f"The tables have several papers of that name. Choose one, or several with a comma "
            f"between:{listed_papers(papers[one] for one in sorted(learned))}"
        )
    issuers = {plain_name(papers[one].issuer) for one in known if one in papers}
    numbers = {one[:6] for one in known}
    more = [
        cusip
        for cusip, one in papers.items()
        if cusip not in known
        and _class(one.title) in classes
        and (cusip[:6] in numbers or plain_name(one.issuer) in issuers)
        and not any(cusip in side and side & set(known) for side in together)
    ]
    found = [*known, *more]
    return found if cusips or any(one in papers for one in found) else []


def listed_papers(papers: Iterable[Holding]) -> str:
    """Some papers, one a line, as the option that chooses one."""
    lines = [f"\n  --cusip {one.cusip}  {one.issuer}, {one.title}" for one in papers]
    return "".join(lines[:_MOST_CANDIDATES])


def nearest_papers(
    tables: Iterable[Iterable[Holding]], names: Sequence[str], most: int
) -> list[Holding]:
    """The papers whose issuers' names are most alike."""

    def likeness(paper: Holding) -> float:
        issuer = plain_name(paper.issuer)
        return max(SequenceMatcher(None, issuer, plain_name(name)).ratio() for name in names)

    papers = {one.cusip: one for table in tables for one in table}
    ordered = sorted(papers.values(), key=likeness, reverse=True)
    return [one for one in ordered[:most] if likeness(one) >= _ALIKE]


def _named_so(papers: Iterable[Holding], names: Sequence[str]) -> list[str]:
    """Papers whose issuer has one of the names; only where none has, an abbreviation of one."""
    wanted = {plain_name(name) for name in names}
    every_one = list(papers)
    exact = [one.cusip for one in every_one if plain_name(one.issuer) in wanted]
    return exact or [
        one.cusip for one in every_one if any(same_company(one.issuer, name) for name in names)
    ]


def _class(title: str) -> frozenset[str]:
    """What tells a class of shares apart, such as `cl a`; nothing for common stock."""
    words = plain_name(title).replace("class", "cl").split()
    return frozenset(word for word in words if word not in _ANY_CLASS and word.isalpha())


def same_company(one: str, other: str) -> bool:
    """Whether names are of one company, though words are abbreviated, joined or turned around.

    One word at least is written out in both, and each of the rest stands for one of the other's.
    """
    a, b = _core(one), _core(other)
    rest, others = [x for x in a if x not in b], [x for x in b if x not in a]
    return "".join(a) == "".join(b) or (
        len(rest) < len(a)
        and len(rest) == len(others)
        and all(_abbreviates(*sorted(pair, key=len)) for pair in zip(rest, others, strict=True))
    )


def _core(name: str) -> list[str]:
    """The words of a name that matter, without a state or country after the form of the company."""
    words = re.sub(r"\b(\w) (?=\w\b)", r"\1", " ".join(name_words(name))).split()  # u s is us
    if len(name) >= _CUT and any(form.startswith(words[-1]) for form in LEGAL_FORMS):
        words = words[:-1]
    legal = [n for n, word in enumerate(words) if word in LEGAL_FORMS and n]
    if legal and legal[-1] == len(words) - 2:
        words = words[:-1]
    return [word for word in words if word not in LEGAL_FORMS | {"and", "of"}] or words


def _abbreviates(short: str, word: str) -> bool:
    """Whether a word is shortened: it begins the same, and its letters come in the same order."""
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
_PLAIN = 1000.0  # dollars, below which a value is rounded too much to tell a price
_MOVE, _GROWTH, _WORTH = log(1.5), log(1.8), log(2.0)


class Count(NamedTuple):
    """How many shares a report counts on a day, their value in dollars, and their CUSIPs."""

    day: date
    shares: int
    value: float
    cusips: frozenset[str]


@dataclass(frozen=True)
class ShareSplit:
    """A split after one day and by another: new shares for one old, None where that is unknown."""

    after: date
    by: date
    ratio: float | None
    witness: str


def splits_of(actions: Actions, counts: Sequence[Count]) -> list[ShareSplit]:
    """The splits on file, and where there is none on file those that the reports show."""
    known = [
        ShareSplit(one.day - timedelta(days=1), one.day, one.amount, "by the actions on file")
        for one in actions.rows
        if one.action == "split"
    ]
    apart = (
        two
        for two in pairwise(counts)
        if not any(two[0].day < one.by <= two[1].day for one in known)
    )
    return [*known, *(found for before, after in apart if (found := _split_between(before, after)))]


def _split_between(before: Count, after: Count) -> ShareSplit | None:
    """The split that two reports show: shares and price change by one ratio, in opposite ways.

    The ratio is unknown where there may have been one, but trades or a large move hide it.
    """
    if not (before.shares and after.shares and min(before.value, after.value) >= _PLAIN):
        return None
    old, new = before.value / before.shares, after.value / after.shares
    growth, move = log(after.shares / before.shares), log(new / old)
    off, ratio = min((abs(before.shares * one - after.shares), one) for one in _RATIOS)
    story = f"{before.shares:,} shares at {dollars(old)}, then {after.shares:,} at {dollars(new)}"
    if off < 1 and abs(growth + move) <= _LIKE_A_SPLIT * abs(log(ratio)):
        return ShareSplit(before.day, after.day, ratio, f"as the reports show: {story}")
    is_like_one = abs(growth) >= _GROWTH and abs(growth + move) <= _WORTH
    if abs(move) > _MOVE and (is_like_one or not before.cusips & after.cusips):
        return ShareSplit(before.day, after.day, None, story)
    return None


def in_shares_of(day: date, count: int, counted: date, splits: Iterable[ShareSplit]) -> int | None:
    """A count of one day in the shares of another; None where a split between is not known."""
    first, last = sorted((day, counted))
    ratio = 1.0
    for one in splits:
        if first < one.by and one.after < last:
            if one.ratio is None or one.after < first or last < one.by:
                return None
            ratio *= one.ratio
    return round(count * ratio if day >= counted else count / ratio)
