"""Stakes: what a holder files on its shares of one stock, in the order in which it is public."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from backtest.data.events import event_of
from backtest.data.kinds import StakeDisclosure, new_york_day
from backtest.errors import DataError
from backtest.sources.edgar import Company, Edgar, Filing, Header, filings_of, plain_name
from backtest.sources.filings import Fetched, same
from backtest.sources.forms import SCHEDULES, read_schedule
from backtest.sources.holdings import (
    IN_DOLLARS_FROM,
    NEW_HOLDINGS,
    RESTATEMENT,
    Count,
    Holding,
    ShareSplit,
    in_dollars,
    in_shares_of,
    lines_of,
    listed_papers,
    nearest_papers,
    papers_of,
    read_amendment,
    read_table,
    splits_of,
)
from backtest.stats.formats import counted

if TYPE_CHECKING:
    from backtest.data.actions import Actions
    from backtest.data.prices import Prices

    Close = Callable[[date], float | None]
    HolderReport = tuple[Header, list[Holding], str]

QUARTERLY = ("13F-HR", "13F-HR/A")
_BEFORE = timedelta(days=200)  # so that the quarterly report before the first one is there
_WEEK = timedelta(days=7)
_NEAREST = 3  # papers that are named where none is the stock
_UNSEEN = "No price tells whether the value is in dollars, as it should be, or in thousands."


@dataclass(frozen=True)
class Disclosure:
    """What one filing discloses: shares and value on a day; None is unknown."""

    header: Header
    as_of: date | None
    shares: int | None
    value: float | None = None
    percent: float | None = None
    note: str = ""
    cusips: frozenset[str] = frozenset()


def fetch_stakes(
    edgar: Edgar,
    company: Company,
    symbol: str,
    holder: Company,
    *,
    cusips: Collection[str] = (),
    since: date | None,
    known: Sequence[StakeDisclosure],
    close: Close,
    actions: Actions,
) -> Fetched:
    """What a holder has filed since a day, or ever, on its shares of a company's stock.

    CUSIPs that are not known are learned from the names in the tables; UsageError where several
    papers fit. `known` are the stakes on file; `close` gives the stock's on a day or shortly
    before, as it was traded; `actions` are its splits and changes of CUSIP.
    """
    fetched = Fetched(edgar, symbol, StakeDisclosure)
    start = since and since - _BEFORE
    listing = filings_of(edgar, holder.cik, (*QUARTERLY, *SCHEDULES), start)
    about = filings_of(edgar, company.cik, SCHEDULES, start)
    fetched.begins_late(holder, listing, since, "--holder")
    fetched.begins_late(company, about, since)
    of_both = {one.accession for one in about.filings}
    quarterly = [one for one in listing.filings if one.form in QUARTERLY]
    schedules = [one for one in listing.filings if one.accession in of_both]
    on_file = [row.name for row in actions.rows if row.action == "cusip"]
    papers = partial(papers_of, names=about.names, cusips=cusips, on_file=on_file)
    reports = _quarterly_reports(quarterly, about.names, papers, close, fetched)
    if reports and len(about.tickers) > 1 and not (cusips or on_file):
        fetched.remarks.append(
            f"EDGAR lists {', '.join(about.tickers)} of {company.name}: see that these papers are "
            f"{symbol}, or name its own with --cusip."
        )
    counts = {
        one.as_of: Count(one.as_of, one.shares, one.value, one.cusips)
        for one in reports
        if one.as_of and one.shares is not None and one.value is not None
    }
    splits = splits_of(actions, [counts[day] for day in sorted(counts)])
    read = partial(_schedule, company=company, holder=holder, fetched=fetched)
    disclosed = [*reports, *fetched.readable(schedules, read)]
    name = _spelling(holder, symbol, known)
    own = [one for one in known if (one.symbol, one.holder) == (symbol, name)]
    before: list[StakeDisclosure] = []
    disclosed.sort(key=lambda one: (one.header.public[0], one.header.filing.accession))
    for one in disclosed:
        row = _row(name, holder, one, fetched)
        event = event_of(StakeDisclosure, row)
        earlier = [old for old in own if old.published_at < event.published_at]
        earlier = [*before, *(old for old in earlier if not same(old, event))]
        cells, remark = _from_earlier(event, earlier, splits)
        before.append(event)
        filing = one.header.filing
        if since is None or filing.filed >= since:
            fetched.rows.append({**row, **cells, "note": f"{row['note']} {remark}".strip()})
            if remark:
                fetched.remarks.append(f"{filing.form} ({filing.accession}): {remark}")
    if not disclosed:
        fetched.remarks.append(f"No filing of {holder.name} that was read tells of {symbol}.")
    return fetched


def _quarterly_reports(
    filings: Sequence[Filing],
    names: Sequence[str],
    papers: Callable[[Sequence[Sequence[Holding]]], list[str]],
    close: Close,
    fetched: Fetched,
) -> list[Disclosure]:
    """What each report on Form 13F says of a stock, in order of acceptance."""
    reports = list(fetched.readable(filings, partial(_report, fetched=fetched)))
    reports.sort(key=lambda one: one[0].public[0])
    tables = [table for _, table, _ in reports]
    found, all_of_them = papers(tables), counted(len(tables), "report")
    for cusip in found:
        lines = [line for table in tables for line in lines_of(table, (cusip,))]
        titles = "; ".join(sorted({f"{line.issuer}, {line.title}" for line in lines}))
        where = f"{counted(len(lines), 'line')} in {all_of_them}" + f" ({titles})" * bool(titles)
        fetched.remarks.append(f"CUSIP {cusip}: {where}.")
    if reports and not found:
        nearest = listed_papers(nearest_papers(tables, names, _NEAREST))
        fetched.remarks.append(
            f"{all_of_them} on Form 13F, and no line of {names[0]}. If one should be there, "
            f"name the paper with --cusip." + f" The nearest names:{nearest}" * bool(nearest)
        )
    disclosed = list(_folded(reports, found, close, fetched)) if found else []
    if blind := sorted({str(one.as_of) for one in disclosed if _UNSEEN in one.note}):
        fetched.remarks.append(f"{_UNSEEN} Days without a price: {', '.join(blind)}.")
    return disclosed


def _folded(
    reports: Sequence[HolderReport], cusips: Sequence[str], close: Close, fetched: Fetched
) -> Iterator[Disclosure]:
    """What each report says of a stock, with the lines that hold for its quarter after it.

    A report without the stock says something where that of its quarter, or else of the quarter
    before, had it: nothing is left.
    """
    held: dict[date, list[Holding]] = {}
    for header, table, amendment in reports:
        filing, quarter = header.filing, header.filing.period
        if quarter is None:
            fetched.leave_out(filing, "EDGAR names no quarter")
            continue
        lines = lines_of(table, cusips)
        last = max((day for day in held if day <= quarter), default=quarter)
        before = held.get(last, [])
        if amendment == NEW_HOLDINGS:
            if not lines:
                continue
            lines = [*held.get(quarter, []), *lines]
        held[quarter] = lines
        if not lines and not before:
            continue
        shares, price = sum(line.shares for line in lines), close(quarter)
        value, note = in_dollars(sum(line.value for line in lines), shares, filing.filed, price)
        if amendment == NEW_HOLDINGS:
            note = f"Holdings added to what the report of {quarter} told. {note}".strip()
        if not lines:
            note = "No line of the stock; the report before had one."
        if note:
            fetched.remarks.append(f"{filing.form} for {quarter} ({filing.accession}): {note}")
        if shares and price is None and filing.filed >= IN_DOLLARS_FROM:
            note = f"{note} {_UNSEEN}".strip()
        papers = frozenset(line.cusip for line in lines)
        yield Disclosure(header, quarter, shares, value, None, note, papers)


def _report(filing: Filing, fetched: Fetched) -> HolderReport:
    header = fetched.header(filing)
    name = header.document("INFORMATION TABLE")
    if name is None or not name.endswith(".xml"):
        raise DataError("it holds no table in XML, as before the middle of 2013")
    table, amendment = fetched.document(filing, name, read_table), ""
    if not table:
        raise DataError("its table has no shares, which tells nothing")
    if filing.form.endswith("/A"):
        cover = header.document(*QUARTERLY) or "primary_doc.xml"
        amendment = fetched.document(filing, cover, read_amendment)
        if amendment not in (RESTATEMENT, NEW_HOLDINGS):
            why = f"it does not say whether it restates or adds (amendmentType {amendment!r})"
            raise DataError(why)
    return header, table, amendment


def _schedule(filing: Filing, company: Company, holder: Company, fetched: Fetched) -> Disclosure:
    """A Schedule 13D or 13G that the company's list has as well: it is about it."""
    header = fetched.header(filing)
    # one of before 2001 names no document: all of it is in one text
    file = header.document(*SCHEDULES) or f"{filing.accession}.txt"
    read = partial(read_schedule, holder=holder, xml=file.endswith(".xml"))
    _refuse_another(header.subject, company)
    stake = fetched.document(filing, file, read)
    _refuse_another(stake.issuer, company)
    as_of, note = stake.as_of, stake.remark
    if as_of and as_of > header.public[0].date():
        as_of, note = None, f"{note} The day of the event, {as_of}, is later.".strip()
    return Disclosure(header, as_of, stake.shares, None, stake.percent, note)


def _refuse_another(issuer: int | None, company: Company) -> None:
    if issuer not in (None, company.cik):
        raise DataError(f"it is about the company {issuer}")


def _row(name: str, holder: Company, one: Disclosure, fetched: Fetched) -> dict[str, str]:
    count = "shares unknown" if one.shares is None else counted(one.shares, "share")
    day = f" as of {one.as_of}" if one.as_of else ""
    return fetched.row(
        one.header,
        f"{one.header.filing.form} of {holder.name}: {count}{day}",
        one.note,
        holder=name,
        form=one.header.filing.form,
        as_of=one.as_of,
        shares=one.shares,
        percent_of_class=one.percent,
        value=one.value,
    )


def _from_earlier(
    event: StakeDisclosure, earlier: Sequence[StakeDisclosure], splits: Sequence[ShareSplit]
) -> tuple[dict[str, str], str]:
    """The cells that follow from what was public before, in the shares of the event.

    A text tells where a split lies between, or may.
    """
    counted = [one for one in earlier if one.shares is not None]
    counted = [one for one in counted if not one.is_stale(counted)]  # a late report is no news
    last = max(counted, key=lambda one: one.published_at, default=None)
    had_shares = any(one.form in QUARTERLY and one.shares for one in earlier)
    first = event.form in QUARTERLY and bool(event.shares) and not had_shares
    previous, remark = None, ""
    if last and last.shares is not None:
        day, other = _day_of(event), _day_of(last)
        previous = in_shares_of(day, last.shares, other, splits)
        if previous != last.shares:
            days = sorted((day, other))
            between = "; ".join(x.witness for x in splits if days[0] < x.by and x.after < days[1])
            remark = f"{last.shares:,} shares of {other} are " + (
                f"{previous:,} of {day}, {between}."
                if previous is not None
                else f"not compared: a split may lie between, and is not on file ({between})."
            )
    cells = {
        "previous_shares": "" if previous is None else str(previous),
        "first_filing": str(first).lower(),
    }
    return cells, remark


def _day_of(event: StakeDisclosure) -> date:
    """The day whose shares an event counts."""
    return event.as_of or new_york_day(event.published_at)


def _spelling(holder: Company, symbol: str, known: Sequence[StakeDisclosure]) -> str:
    wanted = plain_name(holder.name)
    used = (one.holder for one in known if one.symbol == symbol)
    return next((name for name in used if plain_name(name) == wanted), holder.name)


def close_as_traded(prices: Prices, actions: Actions, day: date) -> float | None:
    """The close of a day, or of the last session within a week, in dollars a share of its day."""
    closes = prices.table["close"].loc[: pd.Timestamp(day)]
    if not len(closes) or day - (last := closes.index[-1].date()) >= _WEEK:
        return None
    return float(closes.iloc[-1]) * actions.taken_out(prices.file.metadata, last)
