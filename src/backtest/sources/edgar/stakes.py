"""Stakes: what a holder told of its shares of one stock, in the order in which it became public."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from backtest.data.kinds import StakeDisclosure
from backtest.sources.edgar import schedules
from backtest.sources.edgar.filings import header_or_remark, left_out
from backtest.sources.edgar.lists import filings_of
from backtest.sources.edgar.matching import same
from backtest.sources.edgar.names import plain_name
from backtest.sources.edgar.quarterly import QUARTERLY, quarterly_reports
from backtest.sources.edgar.results import Fetched, Told, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backtest.sources.edgar.client import Edgar
    from backtest.sources.edgar.lists import Company, Filing
    from backtest.sources.edgar.results import Close

_BEFORE = timedelta(days=200)  # so that the quarterly report before the first one is there


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
    """What a holder told of its shares of a stock.

    Args:
        edgar: EDGAR.
        company: whose stock it is.
        symbol: the stock.
        holder: who holds it.
        cusip: of the stock; learned from the names in the tables where None.
        since: first date of filing; None for all.
        known: stakes on file, whose counts are known as well.
        close: the close of the stock on a day or shortly before; None where unknown.

    Raises:
        UsageError: the CUSIP cannot be told from the tables.
        SourceError: EDGAR does not answer.
        DataError: a page is not as expected.

    """
    done = Fetched(StakeDisclosure)
    forms = (*QUARTERLY, *schedules.FORMS)
    start = since and since - _BEFORE
    listed = filings_of(edgar, holder.cik, forms, start).filings
    about = filings_of(edgar, company.cik, schedules.FORMS, start)
    shared = {one.accession for one in about.filings}
    quarterly = [one for one in listed if one.form in QUARTERLY]
    told = [
        *quarterly_reports(edgar, quarterly, about.names, cusip, close, done.remarks),
        *_schedules(
            edgar, company, holder, [one for one in listed if one.accession in shared], done.remarks
        ),
    ]
    name = _spelling(holder, symbol, known)
    mine = [one for one in known if (one.symbol, one.holder) == (symbol, name)]
    before: list[StakeDisclosure] = []
    for one in sorted(told, key=lambda one: (one.header.shown[0], one.filing.accession)):
        row = _row(symbol, name, holder, one)
        event = _event(row)
        earlier = [
            *before,
            *(
                old
                for old in mine
                if old.published_at < event.published_at and not same(old, event)
            ),
        ]
        row |= _from_earlier(event, earlier)
        before.append(event)
        if since is None or one.filing.filed >= since:
            done.rows.append(row)
    if not told:
        done.remarks.append(f"No filing of {holder.name} that was read tells of {symbol}.")
    return done


def _schedules(
    edgar: Edgar, company: Company, holder: Company, filings: Sequence[Filing], remarks: list[str]
) -> Iterator[Told]:
    """Schedules 13D and 13G that the company's list has as well: they are about it."""
    for filing in filings:
        header = header_or_remark(edgar, filing, remarks)
        if header is None:
            continue
        file = header.document(*schedules.FORMS)
        if file is None:
            remarks.append(left_out(filing, "its header names no document of that form"))
            continue
        stake = edgar.document(
            f"{filing.folder}/{file}",
            lambda content, address: schedules.read_schedule(content, address, holder),
        )
        if stake.issuer not in (None, company.cik):
            remarks.append(left_out(filing, f"it is about the company {stake.issuer}"))
            continue
        as_of, note = stake.as_of, stake.remark
        if as_of and as_of > header.shown[0].date():
            as_of, note = None, f"{note} The day of the event, {as_of}, is later.".strip()
        yield Told(filing, header, as_of, stake.shares, None, stake.percent, note)


def _row(symbol: str, name: str, holder: Company, told: Told) -> dict[str, str]:
    count = "shares unknown" if told.shares is None else f"{told.shares:,} shares"
    day = f" as of {told.as_of}" if told.as_of else ""
    return row_of(
        symbol,
        told.filing,
        told.header,
        f"{told.filing.form} of {holder.name}: {count}{day} ({told.filing.accession})",
        holder=name,
        form=told.filing.form,
        as_of=told.as_of,
        shares=told.shares,
        previous_shares=None,
        first_filing=False,
        percent_of_class=told.percent,
        value=told.value,
        note=told.note,
    )


def _from_earlier(event: StakeDisclosure, earlier: Sequence[StakeDisclosure]) -> dict[str, str]:
    """The fields that follow from what was public before."""
    counted = [one for one in earlier if one.shares is not None]
    last = max(counted, key=lambda one: one.published_at, default=None)
    shown = any(one.form in QUARTERLY and one.shares for one in earlier)
    first = event.form in QUARTERLY and bool(event.shares) and not shown
    return {
        "previous_shares": "" if last is None else str(last.shares),
        "first_filing": str(first).lower(),
    }


def _spelling(holder: Company, symbol: str, known: Sequence[StakeDisclosure]) -> str:
    """The holder's name as the file has it already, or as EDGAR has it."""
    wanted = plain_name(holder.name)
    used = (one.holder for one in known if one.symbol == symbol)
    return next((name for name in used if plain_name(name) == wanted), holder.name)


def _event(row: dict[str, str]) -> StakeDisclosure:
    return StakeDisclosure.model_validate({name: cell for name, cell in row.items() if cell})


def close_before(closes: dict[date, float], day: date) -> float | None:
    """The close of a day, or of the last session within a week before it."""
    days = (day - timedelta(days=back) for back in range(7))
    return next((closes[one] for one in days if one in closes), None)
