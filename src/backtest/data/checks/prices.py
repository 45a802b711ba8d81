"""Checks of prices and borrow rates: what is unlikely, unknown or assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtest.data.checks.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from numpy.typing import NDArray

    from backtest.data.borrow import BorrowRate, BorrowRates
    from backtest.data.prices import Prices

_ABSURD = 0.6  # change from close to close
_SPLITS = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100)
_NEAR_SPLIT = 0.05  # a split day has a move of its own
_LONG = 20  # nights that a last quote may be carried on before it is told
_SHOWN = 3  # days that a finding names


def check_table(prices: Prices, where: str) -> Iterator[Finding]:
    """Moves that no stock makes, splits that were left in, sessions without volume."""
    table = prices.table
    seal = f"Correct the rows, then `backtest prices seal {prices.symbol}`."
    closes = table["close"].to_numpy()
    ratios = (table["open"].to_numpy() if prices.has_bars else closes)[1:] / closes[:-1]
    days = table.index[1:]
    for place in np.flatnonzero(_is_split(ratios)):
        yield Finding(
            "warning",
            where,
            f"{days[place]:%Y-%m-%d} begins at {ratios[place]:.3g} times the close before: "
            f"a split?",
            "A split that is left in the prices is a gain or a loss that nobody had.",
            f"Adjust what comes before the split. {seal}",
        )
    moves = closes[1:] / closes[:-1] - 1
    for place in np.flatnonzero(np.abs(moves) > _ABSURD):
        yield Finding(
            "note",
            where,
            f"{days[place]:%Y-%m-%d} closes {100 * moves[place]:+.0f} % from the close before",
            "One such session can make a result, and it may be an error of the table.",
            f"Check the session at another source. {seal}",
        )
    if prices.has_bars and (idle := [f"{day:%Y-%m-%d}" for day in table.index[table.volume == 0]]):
        more = f" and {len(idle) - _SHOWN} more" if len(idle) > _SHOWN else ""
        yield Finding(
            "note",
            where,
            f"No volume on {', '.join(idle[:_SHOWN])}{more}",
            "Orders fill at prices at which nobody traded.",
            f"Check whether the stock was halted. {seal}",
        )


def _is_split(ratios: NDArray[np.float64]) -> NDArray[np.bool_]:
    factors = np.array([*_SPLITS, *(1 / n for n in _SPLITS)])
    near = np.abs(ratios[:, None] / factors - 1) < _NEAR_SPLIT
    return np.asarray(near.any(axis=1), np.bool_)


def check_borrow(rates: BorrowRates, prices: Prices, where: str) -> Iterator[Finding]:
    """Nights whose borrow rate nobody quoted.

    A night is the one that follows a session; that of the last session is not told, since no
    price follows it.
    """
    nights = [stamp.date() for stamp in prices.table.index[:-1]]
    why = "A short sale in these nights rests on a guess, and every such run says so."
    mend = f"Add a quote of the time, then `backtest prices seal {prices.symbol} --borrow`."
    first = rates.rates[0].day if rates.rates else None
    before = [night for night in nights if first is None or night < first]
    if before:
        known = "No borrow rates" if first is None else f"No borrow rate before {first}"
        told = f"{known}: {_count(before)} at the default rate of the rules"
        yield Finding("note", where, told, why, mend)
    for rate, covered in _covered(rates, nights):
        span = f"from {rate.day}" + (f" to {covered[-1]}" if covered else "")
        if rate.is_assumption:
            told = f"{100 * rate.annual_rate:g} % a year {span} is an assumption: {_count(covered)}"
            yield Finding("note", where, told, why, mend)
        elif rate is rates.rates[-1] and len(covered) > _LONG:
            told = f"The last quote, of {rate.day}, is carried on to {covered[-1]}"
            yield Finding("note", where, f"{told}: {_count(covered)}", why, mend)


def _count(nights: list[date]) -> str:
    return f"{len(nights)} night{'' if len(nights) == 1 else 's'}"


def _covered(rates: BorrowRates, nights: list[date]) -> Iterator[tuple[BorrowRate, list[date]]]:
    """Each rate with the nights that pay it."""
    for rate in rates.rates:
        yield rate, [night for night in nights if rates.on(night) is rate]
