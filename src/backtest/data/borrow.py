"""Dated rates for borrowing a stock to sell it short."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from backtest.data.datafile import DataFile, raise_problems, read_data_file, read_rows
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from backtest.data.datafile import Reader

ASSUMPTION = "assumption"
_COLUMNS = ("symbol", "date", "annual_rate", "provider", "source_url", "note")


@dataclass(frozen=True)
class BorrowRate:
    """An annual rate (1.5 is 150 %) from a day on, and who quoted it."""

    day: date
    annual_rate: float
    provider: str
    note: str = ""

    @property
    def is_assumption(self) -> bool:
        """Whether nobody quoted the rate."""
        return self.provider == ASSUMPTION


@dataclass(frozen=True)
class BorrowRates:
    """The rates of one symbol, oldest first; empty where none is known."""

    symbol: str
    rates: tuple[BorrowRate, ...] = ()
    file: DataFile | None = None

    def sha256(self) -> str:
        """Hash of the rates and of what a run says of them."""
        return sha256_of(
            [[r.day.isoformat(), r.annual_rate, r.is_assumption, r.note] for r in self.rates]
        )

    def on(self, night: date) -> BorrowRate | None:
        """The rate dated on or before the night that begins on `night`; None before the first."""
        place = bisect_right(self.rates, night, key=lambda rate: rate.day)
        return self.rates[place - 1] if place else None


def read_borrow_rates(folder: Path, symbol: str, read: Reader = read_data_file) -> BorrowRates:
    """Read `folder/<symbol>.csv`; a symbol without a file has no rates.

    Raises:
        DataError: the file breaks its format or does not agree with its metadata.

    """
    path = folder / f"{symbol}.csv"
    if not path.exists():
        return BorrowRates(symbol)
    command = f"backtest prices seal {symbol} --borrow"
    return parse_borrow_rates(read(path, seal_command=command))


def parse_borrow_rates(file: DataFile) -> BorrowRates:
    """Check the text of a file of borrow rates; see `read_borrow_rates`."""
    symbol = file.path.stem
    rates: dict[date, BorrowRate] = {}
    problems: list[str] = []
    for line, row in read_rows(file, _COLUMNS, problems):
        try:
            rate = _parse_rate(symbol, row)
        except ValueError as error:
            problems.append(f"line {line}, {error}")
            continue
        if rate.day in rates:
            problems.append(f"line {line}, column date: {rate.day} is there twice")
        rates[rate.day] = rate
    raise_problems(file.path, problems)
    return BorrowRates(symbol, tuple(rates[day] for day in sorted(rates)), file)


def _parse_rate(symbol: str, row: dict[str, str]) -> BorrowRate:
    if row["symbol"] != symbol:
        raise ValueError(f"column symbol: {row['symbol']!r} in the file of {symbol}")
    try:
        day = date.fromisoformat(row["date"])
    except ValueError:
        raise ValueError(f"column date: {row['date']!r} is not a day such as 2025-03-28") from None
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
