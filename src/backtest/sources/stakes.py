"""Stakes: what a holder files on its shares of one stock, in the order in which it is public."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from backtest.data.kinds import StakeDisclosure
from backtest.sources.edgar import filings_of, plain_name
from backtest.sources.filings import Fetched, row_of, same
from backtest.sources.forms import (
    NEW_HOLDINGS,
    RESTATEMENT,
    SCHEDULES,
    Holding,
    in_dollars,
    learn_cusip,
    lines_of,
    read_amendment,
    read_schedule,
    read_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from backtest.sources.edgar import Company, Edgar, Filing, Header

    Close = Callable[[date], float | None]
    Report = tuple[Filing, Header, list[Holding], str]

QUARTERLY = ("13F-HR", "13F-HR/A")
_BEFORE = timedelta(days=200)  # so that the quarterly report before the first one is there


@dataclass(frozen=True)
class Disclosure:
    """What one filing discloses: shares and value on a day; None is unknown."""

    filing: Filing
    header: Header
    as_of: date | None
    shares: int | None
    value: float | None = None
    percent: float | None = None
    note: str = ""


def fetch_stakes(
    edgar: Edgar,
    company: Company,
    symbol: str,
    holder: Company,
    *,
    cusip: str | None,
    since: date | None,
    known: Sequence[StakeDisclosure],
    close: Close,
) -> Fetched:
    """What a holder has filed since a day, or ever, on its shares of a company's stock.

    The CUSIP is learned from the names in the tables where None; UsageError where several fit.
    `known` are the stakes on file; `close` gives the stock's on a day or shortly before.
    """
    done = Fetched(StakeDisclosure)
    start = since and since - _BEFORE
    listed = filings_of(edgar, holder.cik, (*QUARTERLY, *SCHEDULES), start).filings
    about = filings_of(edgar, company.cik, SCHEDULES, start)
    of_both = {one.accession for one in about.filings}
    quarterly = [one for one in listed if one.form in QUARTERLY]
    schedules = [one for one in listed if one.accession in of_both]
    disclosed = [
        *_quarterly_reports(edgar, quarterly, about.names, cusip, close, done),
        *_schedules(edgar, company, holder, schedules, done),
    ]
    name = _spelling(holder, symbol, known)
    on_file = [one for one in known if (one.symbol, one.holder) == (symbol, name)]
    before: list[StakeDisclosure] = []
    for one in sorted(disclosed, key=lambda one: (one.header.public[0], one.filing.accession)):
        row = _row(symbol, name, holder, one)
        event = StakeDisclosure.model_validate({key: cell for key, cell in row.items() if cell})
        earlier = [old for old in on_file if old.published_at < event.published_at]
        row |= _from_earlier(event, [*before, *(old for old in earlier if not same(old, event))])
        before.append(event)
        if since is None or one.filing.filed >= since:
            done.rows.append(row)
    if not disclosed:
        done.remarks.append(f"No filing of {holder.name} that was read tells of {symbol}.")
    return done


def _quarterly_reports(
    edgar: Edgar,
    filings: Sequence[Filing],
    names: Sequence[str],
    cusip: str | None,
    close: Close,
    done: Fetched,
) -> Iterator[Disclosure]:
    """What each report on Form 13F says of a stock, in order of acceptance.

    A report without the stock says something where the one before had it: nothing is left.
    """
    reports = sorted(
        (one for filing in filings if (one := _report(edgar, filing, done))),
        key=lambda one: one[1].public[0],
    )
    found = cusip or learn_cusip((table for _, _, table, _ in reports), names)
    if found is None:
        if reports:
            done.remarks.append(
                f"None of {len(reports)} reports on Form 13F has a line of {names[0]}. If they "
                f"should, name the paper with --cusip."
            )
        return
    done.remarks.append(_matched(found, [table for _, _, table, _ in reports]))
    yield from _folded(reports, found, close, done)


def _folded(
    reports: Sequence[Report], cusip: str, close: Close, done: Fetched
) -> Iterator[Disclosure]:
    """Each report with the lines that hold for its quarter after it."""
    held: dict[date, list[Holding]] = {}
    latest: list[Holding] = []  # of the last report that counts
    for filing, header, table, amendment in reports:
        quarter = filing.period
        if quarter is None:
            done.leave_out(filing, "EDGAR names no quarter")
            continue
        lines = lines_of(table, cusip)
        before = held.get(quarter, latest)
        if amendment == NEW_HOLDINGS:
            if not lines:
                continue
            lines = [*held.get(quarter, []), *lines]
        held[quarter] = latest = lines
        if not lines and not before:
            continue
        shares = sum(line.shares for line in lines)
        value, note = in_dollars(
            sum(line.value for line in lines), shares, filing.filed, close(quarter)
        )
        if amendment == NEW_HOLDINGS:
            note = f"Holdings added to what the report of {quarter} told. {note}".strip()
        if not lines:
            note = "No line of the stock; the report before had one."
        if note:
            done.remarks.append(f"{filing.form} for {quarter} ({filing.accession}): {note}")
        yield Disclosure(filing, header, quarter, shares, value, None, note)


def _report(edgar: Edgar, filing: Filing, done: Fetched) -> Report | None:
    header = done.header(edgar, filing)
    if header is None:
        return None
    name = header.document("INFORMATION TABLE")
    if name is None or not name.endswith(".xml"):
        done.leave_out(filing, "it holds no table in XML, as before the middle of 2013")
        return None
    table = done.document(edgar, filing, name, read_table)
    if table is None:
        return None
    if not table:
        done.leave_out(filing, "its table has no shares, which tells nothing")
        return None
    amendment = ""
    if filing.form.endswith("/A"):
        cover = header.document(*QUARTERLY) or "primary_doc.xml"
        amendment = done.document(edgar, filing, cover, read_amendment) or ""
        if amendment not in (RESTATEMENT, NEW_HOLDINGS):
            why = f"it does not say whether it restates or adds (amendmentType {amendment!r})"
            done.leave_out(filing, why)
            return None
    return filing, header, table, amendment


def _matched(cusip: str, tables: Sequence[Sequence[Holding]]) -> str:
    lines = [line for table in tables for line in lines_of(table, cusip)]
    names = sorted({f"{line.issuer}, {line.title}" for line in lines})
    return f"CUSIP {cusip}: {len(lines)} lines in {len(tables)} reports ({'; '.join(names)})."


def _schedules(
    edgar: Edgar, company: Company, holder: Company, filings: Sequence[Filing], done: Fetched
) -> Iterator[Disclosure]:
    """Schedules 13D and 13G that the company's list has as well: they are about it."""
    for filing in filings:
        header = done.header(edgar, filing)
        if header is None:
            continue
        if header.subject not in (None, company.cik):
            done.leave_out(filing, f"it is about the company {header.subject}")
            continue
        file = header.document(*SCHEDULES)
        if file is None:
            done.leave_out(filing, "its header names no document of that form")
            continue
        stake = done.document(
            edgar, filing, file, lambda content, address: read_schedule(content, address, holder)
        )
        if stake is None:
            continue
        if stake.issuer not in (None, company.cik):
            done.leave_out(filing, f"it is about the company {stake.issuer}")
            continue
        as_of, note = stake.as_of, stake.remark
        if as_of and as_of > header.public[0].date():
            as_of, note = None, f"{note} The day of the event, {as_of}, is later.".strip()
        yield Disclosure(filing, header, as_of, stake.shares, None, stake.percent, note)


def _row(symbol: str, name: str, holder: Company, disclosure: Disclosure) -> dict[str, str]:
    count = "shares unknown" if disclosure.shares is None else f"{disclosure.shares:,} shares"
    day = f" as of {disclosure.as_of}" if disclosure.as_of else ""
    return row_of(
        symbol,
        disclosure.filing,
        disclosure.header,
        f"{disclosure.filing.form} of {holder.name}: {count}{day} ({disclosure.filing.accession})",
        holder=name,
        form=disclosure.filing.form,
        as_of=disclosure.as_of,
        shares=disclosure.shares,
        previous_shares=None,
        first_filing=False,
        percent_of_class=disclosure.percent,
        value=disclosure.value,
        note=disclosure.note,
    )


def _from_earlier(event: StakeDisclosure, earlier: Sequence[StakeDisclosure]) -> dict[str, str]:
    counted = [one for one in earlier if one.shares is not None]
    last = max(counted, key=lambda one: one.published_at, default=None)
    had_shares = any(one.form in QUARTERLY and one.shares for one in earlier)
    first = event.form in QUARTERLY and bool(event.shares) and not had_shares
    return {
        "previous_shares": "" if last is None else str(last.shares),
        "first_filing": str(first).lower(),
    }


def _spelling(holder: Company, symbol: str, known: Sequence[StakeDisclosure]) -> str:
    wanted = plain_name(holder.name)
    used = (one.holder for one in known if one.symbol == symbol)
    return next((name for name in used if plain_name(name) == wanted), holder.name)


def close_before(closes: dict[date, float], day: date) -> float | None:
    """The close of a day, or of the last session within a week before it."""
    days = (day - timedelta(days=back) for back in range(7))
    return next((closes[one] for one in days if one in closes), None)
