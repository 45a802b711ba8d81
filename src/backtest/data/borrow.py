"""Read and check the dated rates of borrowing a stock to sell it short, in `borrow/SYMBOL.csv`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from backtest.data.datafile import (
    DataFile,
    Reader,
    day_of,
    parsed_rows,
    raise_problems,
    read_data_file,
)
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from backtest.data.event_checks import Finding
    from backtest.data.prices import Prices

ASSUMPTION = "assumption"
COMPUTED = "(computed)"  # the end of the provider's name where the rate follows from other prices
_FRESH_DAYS = 7  # a quote older than this when it is charged is an assumption
_NAMED = 3  # stocks without a rate that get a sentence each; more share one
_STEEP = 5.0  # annual rate from which on percent may be meant
_LONG = 20  # nights for which the last quote may be carried on without a note
_COLUMNS = ("symbol", "date", "annual_rate", "provider", "source_url", "note")


@dataclass(frozen=True)
class BorrowRate:
    """A borrow rate is an annual rate (1.5 is 150 %) from a day on, and who quoted it."""

    day: date
    annual_rate: float
    provider: str
    note: str = ""

    @property
    def is_quote(self) -> bool:
        """Tell whether somebody quoted the rate; else it is assumed, or follows from prices."""
        return self.provider != ASSUMPTION and not self.provider.endswith(COMPUTED)

    @property
    def origin(self) -> str:
        """Return where the rate comes from, worded to follow its figure in a sentence."""
        return "is an assumption" if self.provider == ASSUMPTION else f"is {self.provider}"


@dataclass(frozen=True)
class BorrowRates:
    """`BorrowRates` holds the rates of one symbol, oldest first; none where no rate is known."""

    symbol: str
    rates: tuple[BorrowRate, ...] = ()
    file: DataFile | None = None

    def sha256(self) -> str:
        """Return the hash of the rates and of what a run says of them."""
        return sha256_of(
            [[r.day.isoformat(), r.annual_rate, r.is_quote or r.origin, r.note] for r in self.rates]
        )

    def on(self, night: date) -> BorrowRate | None:
        """Return the last rate dated on or before `night`, the day on which the night begins.

        None before the first rate.
        """
        count = bisect_right(self.rates, night, key=lambda rate: rate.day)
        return self.rates[count - 1] if count else None


def read_borrow_rates(folder: Path, symbol: str, read: Reader = read_data_file) -> BorrowRates:
    """Read `folder/SYMBOL.csv`; a symbol without a file has no rates.

    DataError where the file breaks its format or does not agree with its metadata.
    """
    path = folder / f"{symbol}.csv"
    if not path.exists():
        return BorrowRates(symbol)
    return parse_borrow_rates(read(path, f"backtest prices seal {symbol} --borrow"))


def parse_borrow_rates(file: DataFile) -> BorrowRates:
    """Parse and check a file of borrow rates; DataError where it breaks its format."""
    symbol = file.path.stem
    rates: dict[date, BorrowRate] = {}
    problems: list[str] = []
    for line, rate in parsed_rows(file, _COLUMNS, problems, partial(_parse_rate, symbol)):
        if rate.day in rates:
            problems.append(f"line {line}, column date: {rate.day} is there twice")
        rates[rate.day] = rate
    raise_problems(file.path, problems)
    return BorrowRates(symbol, tuple(rates[day] for day in sorted(rates)), file)


def _parse_rate(symbol: str, row: dict[str, str]) -> BorrowRate:
    if row["symbol"] != symbol:
        raise ValueError(f"column symbol: {row['symbol']!r} in the file of {symbol}")
    day = day_of(row, "date")
    try:
        annual_rate = float(row["annual_rate"])
    except ValueError:
        annual_rate = -1.0
    if not 0 <= annual_rate <= 100:  # noqa: PLR2004 - 10,000 % a year; also refuses NaN
        raise ValueError(
            f"column annual_rate: {row['annual_rate']!r} is not a fraction from 0 to 100 "
            f"(0.3 is 30 % a year)"
        )
    if not row["provider"]:
        raise ValueError(f"column provider: is empty; name who quoted it, or {ASSUMPTION!r}")
    return BorrowRate(day, annual_rate, row["provider"], row["note"])


def borrow_assumptions(
    used: Mapping[tuple[str, BorrowRate | None], date], default: float
) -> list[str]:
    """Write a sentence on each borrow rate that was charged and that nobody quoted for that night.

    `used` maps each symbol and rate to the last night that was charged; the rate is None where
    the `default`, an annual fraction, was charged.
    """
    unknown = sorted({symbol for symbol, rate in used if rate is None})
    charged = f"{default:.1%} a year was charged."
    sentences = []
    for (symbol, rate), night in sorted(used.items(), key=str):
        if rate is None:
            if len(unknown) <= _NAMED:
                sentences.append(
                    f"No borrow rate is known for some nights short {symbol}; {charged}"
                )
        elif not rate.is_quote:
            sentences.append(
                f"The borrow rate of {symbol} from {rate.day} on, {rate.annual_rate:.1%} "
                f"a year, {rate.origin}. {rate.note}".strip()
            )
        elif (night - rate.day).days > _FRESH_DAYS:
            sentences.append(
                f"The borrow rate of {symbol} quoted for {rate.day}, {rate.annual_rate:.1%} a "
                f"year, was carried on to {night}: no later quote was found."
            )
    if len(unknown) > _NAMED:
        more = len(unknown) - _NAMED
        few = f"{', '.join(unknown[:_NAMED])} and {more:,} more stock{'s' * (more > 1)}"
        sentences.append(f"No borrow rate is known for some nights short {few}; {charged}")
    return sentences


# What `prices check` finds


def check_borrow(rates: BorrowRates, prices: Prices, where: str) -> Iterator[Finding]:
    """Find nights whose borrow rate nobody quoted, and rates that may be meant in percent.

    A night follows each session but the last, after which there is no price.
    """
    from backtest.data.event_checks import Finding  # which loads pandas

    nights: dict[BorrowRate | None, list[date]] = {None: [], **{one: [] for one in rates.rates}}
    for stamp in prices.table.index[:-1]:
        nights[rates.on(stamp.date())].append(stamp.date())
    why = "A short sale in these nights rests on a guess, and every such run says so."
    mend = f"Add a quote of the time, then `backtest prices seal {prices.symbol} --borrow`."
    first = rates.rates[0].day if rates.rates else None
    if nights[None]:
        known = "No borrow rates" if first is None else f"No borrow rate before {first}"
        what = f"{known}: {_count(nights[None])} at the default rate of the rules"
        yield Finding("note", where, what, why, mend)
    if steep := [rate for rate in rates.rates if rate.annual_rate >= _STEEP]:
        high, more = steep[0].annual_rate, f" {len(steep):,} rates are so high." * (len(steep) > 1)
        what = f"{100 * high:g} % a year from {steep[0].day} on: is {high:g} meant in percent?"
        fraction = f"Rates are fractions: {high / 100:g} is {high:g} % a year."
        yield Finding("warning", where, what + more, fraction, mend.replace("Add a", "Correct the"))
    for rate in rates.rates:
        covered = nights[rate]
        span = f"from {rate.day}" + (f" to {covered[-1]}" if covered else "")
        if not rate.is_quote:
            what = f"{100 * rate.annual_rate:g} % a year {span} {rate.origin}: {_count(covered)}"
            yield Finding("note", where, what, why, mend)
        elif rate is rates.rates[-1] and len(covered) > _LONG:
            what = f"The last quote, of {rate.day}, is carried on to {covered[-1]}"
            yield Finding("note", where, f"{what}: {_count(covered)}", why, mend)


def _count(nights: list[date]) -> str:
    return f"{len(nights)} night{'' if len(nights) == 1 else 's'}"
