"""What stands beside the daily prices of a stock: its finer bars, and its borrow rates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.data.event_checks import Finding
from backtest.data.price_rows import BAR_COLUMNS
from backtest.errors import DataError, first_few

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from backtest.data.bars import FinerBars
    from backtest.data.borrow import BorrowRates
    from backtest.data.prices import Prices

_ROUNDED, _ROUNDED_SHARE = 0.005, 0.00001  # dollars, as cents round, and digits of large prices
_MOST_OFF = 0.01  # of a price; beyond it bars and daily prices are not of one kind
_ALIKE = 0.01  # how near ratios are to each other that come of one adjustment
_LEAST_SPLIT = 1.4  # new shares for one
_NAMED = 10  # sessions of which each has a finding of its own
_VOLUME = 0.05  # of the daily volume, by which that of the bars may be off without a note


@dataclass(frozen=True)
class Difference:
    """A price of a session that its bars and its daily row tell differently."""

    session: date
    column: str
    finer: float
    daily: float

    @property
    def share(self) -> float:
        """How far they are apart, of the daily price."""
        return abs(self.finer / self.daily - 1)

    def __str__(self) -> str:
        return (
            f"{self.session} {self.column} {self.finer:.10g} by its bars, "
            f"{self.daily:.10g} by the day"
        )


def differences(bars: FinerBars, prices: Prices) -> list[Difference]:
    """The prices that differ by more than rounding, of the sessions that both have."""
    days = bars.by_session.index.intersection(prices.table.index)
    found = []
    for column in BAR_COLUMNS[:-1]:
        finer = bars.by_session.loc[days, column].to_numpy()
        daily = prices.table.loc[days, column].to_numpy()
        apart = np.abs(finer - daily) > np.maximum(_ROUNDED * (1 + 1e-9), _ROUNDED_SHARE * daily)
        found += [
            Difference(days[row].date(), column, float(finer[row]), float(daily[row]))
            for row in np.flatnonzero(apart).tolist()
        ]
    return sorted(found, key=lambda one: (one.session, BAR_COLUMNS.index(one.column)))


def disagreement(bars: FinerBars, prices: Prices, found: Sequence[Difference]) -> str:
    """What may be the cause of differences beyond `_MOST_OFF`, and the remedy."""
    far = [one for one in found if one.share > _MOST_OFF]
    first, last = far[0].session, far[-1].session
    own = bars.by_session.loc[pd.Timestamp(first), list(BAR_COLUMNS[:-1])]
    ratios = (own / prices.table.loc[pd.Timestamp(first), list(BAR_COLUMNS[:-1])]).to_numpy()
    ratio = float(np.median(ratios))
    command = f"`backtest prices import FILE --bars {bars.of} --symbol {bars.symbol}`"
    if np.ptp(ratios) > _ALIKE * ratio:
        return (
            f"The bars of {first} may be incomplete, stamped by their end in place of their open, "
            f"of another zone or of another stock. {command} with --accept-revisions takes in "
            f"better ones; --from and --to leave the session out."
        )
    shares = max(ratio, 1 / ratio)
    splits = [row for row in prices.actions.rows if row.action == "split" and row.day > last]
    on_file = f" of {splits[0].day}" if splits else ""
    what = f"a split{on_file} ({shares:.4g} for 1)" if shares > _LEAST_SPLIT else "dividends"
    return (
        f"All prices of {first} are {ratio:.4g} times those of the day: one of the two is adjusted "
        f"for {what}, the other is not. Take in both as adjusted in one way, with {command} and "
        f"--accept-revisions, or without --bars the daily ones."
    )


def agreement_sentences(bars: FinerBars, prices: Prices) -> list[str]:
    """A sentence on prices that differ a little; DataError where some do by `_MOST_OFF`."""
    found = differences(bars, prices)
    if not found:
        return []
    sessions = len(bars.by_session.index.intersection(prices.table.index))
    see = f"`backtest prices check {bars.symbol}` lists them."
    if far := [one for one in found if one.share > _MOST_OFF]:
        count = len({one.session for one in far})
        raise DataError(
            f"{bars.symbol}: bars of {bars.of} and daily prices differ by more than "
            f"{100 * _MOST_OFF:g} % in {count:,} of {sessions:,} sessions, first on {far[0]}. "
            f"{disagreement(bars, prices, found)} {see}"
        )
    worst = max(found, key=lambda one: one.share)
    count = len({one.session for one in found})
    text = (
        f"Bars of {bars.of} and daily prices of {bars.symbol} differ by more than rounding in "
        f"{count:,} of {sessions:,} sessions, by {100 * worst.share:.2g} % at most ({worst}). {see}"
    )
    return [text]


# What `prices check` finds


def check_against_daily(bars: FinerBars, prices: Prices, where: str) -> Iterator[Finding]:
    """Sessions that bars and daily prices tell differently, or that one of them lacks."""
    found = differences(bars, prices)
    far = [one for one in found if one.share > _MOST_OFF]
    near = [str(one) for one in found if one.share <= _MOST_OFF]
    why = f"Runs by --bars {bars.of} stop: stops, entries and results would be of other prices."
    by_day = [list(some) for _, some in groupby(far, key=lambda one: one.session)]
    for own in by_day[:_NAMED]:
        what = "; ".join(map(str, own))
        yield Finding("error", where, what, why, disagreement(bars, prices, own))
    if rest := by_day[_NAMED:]:
        what = f"{len(rest):,} more sessions differ by more than {100 * _MOST_OFF:g} %"
        yield Finding("error", where, f"{what}, to {rest[-1][0].session}", why, "As above.")
    if near:
        what = f"{len(near):,} prices differ by more than rounding: {first_few(near)}"
        why = "Daily prices may be those of auctions, which bars lack; runs say so."
        yield Finding("note", where, what, why, "Compare with another source.")
    yield from _check_sessions(bars, prices, where)


def _check_sessions(bars: FinerBars, prices: Prices, where: str) -> Iterator[Finding]:
    """Sessions without bars, or without a daily row; and how far volumes are apart."""
    own, days = bars.by_session, prices.days
    if own.empty:
        what = "No bar within the hours of a session"
        yield Finding("warning", where, what, "No run can use the file.", "Take bars in anew.")
        return
    there = own.index.to_numpy().astype("M8[D]")
    within = days[(there[0] <= days) & (days <= there[-1])]
    for some, lacks, why in (
        (np.setdiff1d(within, there), "No bar", "Runs trade such sessions by their daily prices."),
        (np.setdiff1d(there, days), "No daily price", "Runs leave the bars of such sessions out."),
    ):
        if len(some):
            what = f"{lacks} on {first_few(some.astype(str).tolist())}"
            yield Finding("note", where, what, why, "Take the sessions in from another source.")
    both = own.index.intersection(prices.traded.index)
    volumes = own.loc[both, "volume"] / prices.table.loc[both, "volume"]
    if abs(share := volumes.median() - 1) > _VOLUME:
        what = f"In the median session the bars have {1 + share:.2g} times the daily volume"
        why = "A cap on the share of the volume is met at other sizes than by daily prices."
        yield Finding("note", where, what, why, "Compare with another source.")


# Borrow rates beside the daily prices

_LONG = 20  # nights that a last quote may be carried on without a note


def check_borrow(rates: BorrowRates, prices: Prices, where: str) -> Iterator[Finding]:
    """Nights whose borrow rate nobody quoted.

    A night is the one that follows a session; the last session has none, since no price
    follows it.
    """
    nights = [stamp.date() for stamp in prices.table.index[:-1]]
    why = "A short sale in these nights rests on a guess, and every such run says so."
    mend = f"Add a quote of the time, then `backtest prices seal {prices.symbol} --borrow`."
    first = rates.rates[0].day if rates.rates else None
    before = [night for night in nights if first is None or night < first]
    if before:
        known = "No borrow rates" if first is None else f"No borrow rate before {first}"
        what = f"{known}: {_count(before)} at the default rate of the rules"
        yield Finding("note", where, what, why, mend)
    for rate in rates.rates:
        covered = [night for night in nights if rates.on(night) is rate]
        span = f"from {rate.day}" + (f" to {covered[-1]}" if covered else "")
        if not rate.is_quote:
            what = f"{100 * rate.annual_rate:g} % a year {span} {rate.origin}: {_count(covered)}"
            yield Finding("note", where, what, why, mend)
        elif rate is rates.rates[-1] and len(covered) > _LONG:
            what = f"The last quote, of {rate.day}, is carried on to {covered[-1]}"
            yield Finding("note", where, f"{what}: {_count(covered)}", why, mend)


def _count(nights: list[date]) -> str:
    return f"{len(nights)} night{'' if len(nights) == 1 else 's'}"
