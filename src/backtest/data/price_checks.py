"""What must hold of daily prices: numbers, order, the calendar's sessions, high and low."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from backtest.data.calendar import EXCHANGE, trading_calendar

if TYPE_CHECKING:
    from backtest.data.price_rows import PriceRows


def checked_table(rows: PriceRows, problems: list[str]) -> pd.DataFrame:
    """Rows as a table of numbers, indexed by session.

    Args:
        rows: as they stand in a file.
        problems: takes a text for each rule that is broken.

    """
    table = pd.DataFrame(
        {name: _numbers(name, rows, problems) for name in rows.cells},
        index=pd.DatetimeIndex(rows.days.astype("M8[ns]"), name="session"),
    )
    if not problems:
        _check_order(rows, problems)
        _check_sessions(rows, problems)
    if "open" in table:
        _check_ranges(table, rows, problems)
    return table


def _numbers(name: str, rows: PriceRows, problems: list[str]) -> np.ndarray:
    cells = rows.cells[name]
    if isinstance(cells, np.ndarray):
        numbers = cells
    else:
        texts = pd.Series(cells, dtype=object)
        numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float)
    allowed = "a number from 0 up" if name == "volume" else "a number above 0"
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(numbers) | (numbers < 0) | ((numbers == 0) & (name != "volume"))
    problems += [
        f"{rows.at(place)}, column {name}: {_told(cells[place])} is not {allowed}"
        for place in np.flatnonzero(bad).tolist()
    ]
    return numbers


def _told(cell: str | np.float64) -> str:
    return repr(cell) if isinstance(cell, str) else f"{cell:g}"


def _check_order(rows: PriceRows, problems: list[str]) -> None:
    days = rows.days
    for place in (np.flatnonzero(days[1:] <= days[:-1]) + 1).tolist():
        fault = "repeats" if days[place] == days[place - 1] else "comes before"
        problems.append(
            f"{rows.at(place)}, column date: {days[place]} {fault} {rows.at(place - 1)}; "
            f"one row a session, oldest first"
        )


def _check_sessions(rows: PriceRows, problems: list[str]) -> None:
    days = rows.days
    sessions = trading_calendar().between(days.min().item(), days.max().item())
    if np.array_equal(days, sessions):
        return
    problems += [
        f"{rows.at(place)}, column date: {days[place]} is not a session of {EXCHANGE}"
        for place in np.flatnonzero(~np.isin(days, sessions)).tolist()
    ]
    problems += [
        f"no row for the session {session}: a gap against the calendar {EXCHANGE}"
        for session in sessions[~np.isin(sessions, days)]
    ]


def _check_ranges(table: pd.DataFrame, rows: PriceRows, problems: list[str]) -> None:
    for bound, names, word in (
        ("high", ("low", "open", "close"), "below"),
        ("low", ("open", "close"), "above"),
    ):
        for name in names:
            limit, price = table[bound].to_numpy(), table[name].to_numpy()
            wrong = price > limit if bound == "high" else price < limit
            problems += [
                f"{rows.at(place)}: {bound} {limit[place]:g} is {word} {name} {price[place]:g}; "
                f"the {bound} is the session's {bound}est price"
                for place in np.flatnonzero(wrong).tolist()
            ]
