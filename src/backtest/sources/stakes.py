"""Fetch stakes: what a holder files on its shares of one stock, in the order of publication."""

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
from backtest.sources.filings import Fetched, days_before, is_same_event
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
_BEFORE = timedelta(days=200)  # far enough back to have the quarterly report before the first
_WEEK = timedelta(days=7)
_NEAREST = 3  # papers that a remark names if none is the stock
_UNSEEN = "No price tells whether the value is in dollars, as it should be, or in thousands."


@dataclass(frozen=True)
class Disclosure:
    """A disclosure is what one filing discloses: shares and value on a day; None is unknown."""

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
    """Fetch what a holder has filed since a day, or ever, on its shares of a company's stock.

    Without `cusips` they are learned from the names in the tables; raise UsageError if several
    papers fit. `known` are the stakes on file; `close` returns the close as traded on a day or
    shortly before, None if unknown; `actions` are the stock's splits and changes of CUSIP.
    """
    fetched = Fetched(edgar, symbol, StakeDisclosure)
    start = days_before(since, _BEFORE)
    listing = filings_of(edgar, holder.cik, (*QUARTERLY, *SCHEDULES), start)
    about = filings_of(edgar, company.cik, SCHEDULES, start)
    fetched.remark_if_late(holder, listing, since, "--holder")
    fetched.remark_if_late(company, about, since)
    of_company = {filing.accession for filing in about.filings}
    quarterly = [filing for filing in listing.filings if filing.form in QUARTERLY]
    schedules = [filing for filing in listing.filings if filing.accession in of_company]
    on_file = [row.name for row in actions.rows if row.action == "cusip"]
    papers = partial(papers_of, names=about.names, cusips=cusips, on_file=on_file)
    reports = _quarterly_reports(quarterly, about.names, papers, close, fetched)
    if reports and len(about.tickers) > 1 and not (cusips or on_file):
        fetched.remarks.append(
            f"EDGAR lists {', '.join(about.tickers)} of {company.name}: see that these papers are "
            f"{symbol}, or name its own with --cusip."
        )
    counts = {
        report.as_of: Count(report.as_of, report.shares, report.value, report.cusips)
        for report in reports
        if report.as_of and report.shares is not None and report.value is not None
    }
    splits = splits_of(actions, [counts[day] for day in sorted(counts)])
    read = partial(_schedule, company=company, holder=holder, fetched=fetched)
    disclosures = [*reports, *fetched.readable(schedules, read)]
    disclosures.sort(key=lambda entry: (entry.header.public[0], entry.header.filing.accession))
    name = _spelling(holder, symbol, known)
    old_stakes = [event for event in known if (event.symbol, event.holder) == (symbol, name)]
    before: list[StakeDisclosure] = []
    for disclosure in disclosures:
        row = _row(name, holder, disclosure, fetched)
        event = event_of(StakeDisclosure, row)
        earlier = [old for old in old_stakes if old.published_at < event.published_at]
        earlier = [*before, *(old for old in earlier if not is_same_event(old, event))]
        cells, remark = _from_earlier(event, earlier, splits)
        before.append(event)
        filing = disclosure.header.filing
        if since is None or filing.filed >= since:
            fetched.rows.append({**row, **cells, "note": f"{row['note']} {remark}".strip()})
            if remark:
                fetched.remarks.append(f"{filing.form} ({filing.accession}): {remark}")
    if not disclosures:
        fetched.remarks.append(f"No filing of {holder.name} that was read tells of {symbol}.")
    return fetched


def _quarterly_reports(
    filings: Sequence[Filing],
    names: Sequence[str],
    papers: Callable[[Sequence[Sequence[Holding]]], list[str]],
    close: Close,
    fetched: Fetched,
) -> list[Disclosure]:
    """Return what each report on Form 13F says of a stock, in order of acceptance."""
    reports = list(fetched.readable(filings, partial(_report, fetched=fetched)))
    reports.sort(key=lambda report: report[0].public[0])
    tables = [table for _, table, _ in reports]
    cusips, number = papers(tables), counted(len(tables), "report")
    for cusip in cusips:
        lines = [line for table in tables for line in lines_of(table, (cusip,))]
        titles = "; ".join(sorted({f"{line.issuer}, {line.title}" for line in lines}))
        where = f"{counted(len(lines), 'line')} in {number}" + f" ({titles})" * bool(titles)
        fetched.remarks.append(f"CUSIP {cusip}: {where}.")
    if reports and not cusips:
        nearest = listed_papers(nearest_papers(tables, names, _NEAREST))
        fetched.remarks.append(
            f"{number} on Form 13F, and no line of {names[0]}. If one should be there, "
            f"name the paper with --cusip." + f" The nearest names:{nearest}" * bool(nearest)
        )
    disclosures = list(_with_amendments(reports, cusips, close, fetched)) if cusips else []
    if blind := sorted({str(report.as_of) for report in disclosures if _UNSEEN in report.note}):
        fetched.remarks.append(f"{_UNSEEN} Days without a price: {', '.join(blind)}.")
    return disclosures


def _with_amendments(
    reports: Sequence[HolderReport], cusips: Sequence[str], close: Close, fetched: Fetched
) -> Iterator[Disclosure]:
    """Yield what each report says of a stock, with all lines that hold for its quarter by then.

    A report without the stock counts only if the report before had it: nothing is left.
    """
    held: dict[date, tuple[list[Holding], float]] = {}  # with their value in dollars
    nothing: tuple[list[Holding], float] = ([], 0.0)
    for header, table, amendment in reports:
        filing, quarter = header.filing, header.filing.period
        if quarter is None:
            fetched.leave_out(filing, "EDGAR names no quarter")
            continue
        lines, price = lines_of(table, cusips), close(quarter)
        last = max((day for day in held if day <= quarter), default=quarter)
        before, _ = held.get(last, nothing)
        shares = sum(line.shares for line in lines)
        value, note = in_dollars(sum(line.value for line in lines), shares, filing.filed, price)
        if amendment == NEW_HOLDINGS:
            if not lines:
                continue
            earlier, worth = held.get(quarter, nothing)
            lines, value = [*earlier, *lines], worth + value
            shares = sum(line.shares for line in lines)
            note = f"Holdings added to what the report of {quarter} told. {note}".strip()
        held[quarter] = lines, value
        if not lines and not before:
            continue
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
    """Read a Schedule 13D or 13G that the company's list has too, so that it is about its stock."""
    header = fetched.header(filing)
    # Headers before 2001 name no document: all of the filing is in one text.
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


def _row(name: str, holder: Company, disclosure: Disclosure, fetched: Fetched) -> dict[str, str]:
    count = "shares unknown" if disclosure.shares is None else counted(disclosure.shares, "share")
    day = f" as of {disclosure.as_of}" if disclosure.as_of else ""
    return fetched.row(
        disclosure.header,
        f"{disclosure.header.filing.form} of {holder.name}: {count}{day}",
        disclosure.note,
        holder=name,
        form=disclosure.header.filing.form,
        as_of=disclosure.as_of,
        shares=disclosure.shares,
        percent_of_class=disclosure.percent,
        value=disclosure.value,
    )


def _from_earlier(
    event: StakeDisclosure, earlier: Sequence[StakeDisclosure], splits: Sequence[ShareSplit]
) -> tuple[dict[str, str], str]:
    """Return the cells that follow from earlier stakes, counted in the shares of the event.

    The second text is a remark if a split lies, or may lie, between; else it is empty.
    """
    counts = [stake for stake in earlier if stake.shares is not None]
    counts = [stake for stake in counts if not stake.is_stale(counts)]  # a late report is no news
    last = max(counts, key=lambda stake: stake.published_at, default=None)
    had_shares = any(stake.form in QUARTERLY and stake.shares for stake in earlier)
    first = event.form in QUARTERLY and bool(event.shares) and not had_shares
    previous, remark = None, ""
    if last and last.shares is not None:
        day, other = _day_of(event), _day_of(last)
        previous = in_shares_of(day, last.shares, other, splits)
        if previous != last.shares:
            days = sorted((day, other))
            between = "; ".join(s.witness for s in splits if days[0] < s.by and s.after < days[1])
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
    """Return the day whose shares an event counts."""
    return event.as_of or new_york_day(event.published_at)


def _spelling(holder: Company, symbol: str, known: Sequence[StakeDisclosure]) -> str:
    """Return the name of a holder as the events on file spell it."""
    wanted = plain_name(holder.name)
    names = (event.holder for event in known if event.symbol == symbol)
    return next((name for name in names if plain_name(name) == wanted), holder.name)


def close_as_traded(prices: Prices, actions: Actions, day: date) -> float | None:
    """Return the close, in dollars as traded, of a day or up to a week before, if there is one."""
    closes = prices.table["close"].loc[: pd.Timestamp(day)]
    if not len(closes) or day - (last := closes.index[-1].date()) >= _WEEK:
        return None
    return float(closes.iloc[-1]) * actions.taken_out(prices.file.metadata, last)
