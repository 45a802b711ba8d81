"""This module makes the kernel's arrays: bars of several symbols side by side, and signals."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from math import isnan
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.data.actions import END_SESSIONS
from backtest.data.calendar import as_utc64
from backtest.engine.bars import COLUMNS, RunBars, daily_bars, days_and_clock, utc_time
from backtest.engine.kernel import (
    ACTION,
    DELISTED,
    DIVIDEND,
    ENTERS_AT_CLOSE,
    HOLDS_BARS,
    IS_FLAT,
    IS_LEG,
    LEAVES_AT_CLOSE,
    LOOKS_AT_CLOSES,
    MERGER,
    PRICES,
    RESIZES,
    SIGNAL,
    SPLIT,
    WAITS,
    Bars,
    blank,
)
from backtest.engine.rules import DAILY, Rules
from backtest.engine.schedule import Decision, Effect, recorded_effects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from backtest.data.borrow import BorrowRates
    from backtest.data.prices import Prices
    from backtest.engine.replay.books import EquityPoint, Trade
    from backtest.stats import Floats
    from backtest.strategy.base import Signal


SIDES = {"long": 1, "flat": 0, "short": -1}
_WHAT = {"split": SPLIT, "dividend": DIVIDEND, "delisted": DELISTED, "merger": MERGER}


@dataclass(frozen=True)
class Panel:
    """Hold bars by time and symbol.

    Prices are records of `PRICES`, shape (bars, symbols), NaN where a symbol has no bar; volume has
    the same shape, or (0, 0) where no rule needs it. Effects are those of recorded actions; the
    effects on one stock stand in the order in which they act.
    """

    symbols: tuple[str, ...]  # the columns, in order
    times: NDArray[np.datetime64]  # when each bar opens, UTC; the bare day where all are daily
    sessions: NDArray[np.datetime64]  # the session of each bar, dates without a zone
    prices: NDArray[Any]  # dollars
    volume: Floats  # shares
    effects: Sequence[Effect] = ()
    kinds: NDArray[np.int8] | None = None  # of each bar, as in `StockBars`; None if all are alike
    lasts: Mapping[str, date] = field(default_factory=dict)  # `Prices.last_known`, by symbol

    @cached_property
    def session_numbers(self) -> NDArray[np.int64]:
        """Return the number of each bar's session, from 0."""
        return _numbered(self.sessions)

    @cached_property
    def session_days(self) -> NDArray[np.datetime64]:
        """Return the day of each session."""
        return np.unique(self.sessions)

    @cached_property
    def session_ends(self) -> NDArray[np.int64]:
        """Return the number of each session's last bar."""
        return np.append(np.flatnonzero(np.diff(self.session_numbers)), len(self.times) - 1)

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """Return the day of each bar in New York; for a bar after a close, the day before."""
        return self._days_and_clock[0]

    @cached_property
    def day_numbers(self) -> NDArray[np.int64]:
        """Return the number of each bar's day, from 0."""
        return _numbered(self.days)

    @cached_property
    def each_day(self) -> NDArray[np.datetime64]:
        """Return the days on which there are bars."""
        return np.unique(self.days)

    @property
    def clock(self) -> NDArray[np.int64]:
        """Return the clock of each bar, minutes as in `days_and_clock`."""
        return self._days_and_clock[1]

    @cached_property
    def _days_and_clock(self) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
        kinds = np.zeros(len(self.times), np.int8) if self.kinds is None else self.kinds
        return days_and_clock(self.times, self.sessions, kinds)

    @cached_property
    def nights(self) -> Floats:
        """Return the calendar days between each session and the one before; 0 for the first."""
        return nights_before(self.session_days)

    @property
    def count(self) -> int:
        """Return the number of sessions."""
        return int(self.session_numbers[-1]) + 1

    @property
    def columns(self) -> dict[str, int]:
        """Return the column of each symbol."""
        return {symbol: column for column, symbol in enumerate(self.symbols)}

    @cached_property
    def actions(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return records of `ACTION`, unrecorded ends among them, and the first row of each bar."""
        columns = self.columns
        rows = []
        for effect in self.effects:
            bar_of = self.last_bar if effect.is_end else self.first_bar
            bar, column = bar_of(effect.session, effect.symbol), columns[effect.symbol]
            value = self._last_close(column) if isnan(effect.value) else effect.value
            rows.append((bar, column, _WHAT[effect.what], value))
        rows = sorted([*rows, *self._unrecorded_ends()], key=itemgetter(0))
        actions = np.array([row[1:] for row in rows], ACTION)
        first = np.searchsorted([row[0] for row in rows], np.arange(len(self.times) + 1))
        return actions, first

    def _last_close(self, column: int) -> float:
        return float(self.prices["close"][self.bars_of(column)[-1], column])

    def _unrecorded_ends(self) -> Iterator[tuple[int, int, int, float]]:
        numbers, known_ends = self.session_numbers, {e.symbol for e in self.effects if e.is_end}
        for column in np.flatnonzero(np.isnan(self.prices["close"][-1])).tolist():
            bars = self.bars_of(column)
            if not len(bars) or self.symbols[column] in known_ends:
                continue
            day = self.lasts.get(self.symbols[column], self.sessions[bars[-1]])
            last = np.searchsorted(self.sessions, np.datetime64(day), side="right") - 1
            session = numbers[last] + END_SESSIONS
            if session < self.count:
                bar = int(np.searchsorted(numbers, session, side="right")) - 1
                yield bar, column, DELISTED, self._last_close(column)

    def bar_of(self, session: date) -> int:
        """Return the first bar of a session."""
        return int(np.searchsorted(self.sessions, np.datetime64(session)))

    def first_bar(self, session: date, symbol: str) -> int:
        """Return the first bar of a symbol from the day of a session on."""
        first = int(np.searchsorted(self.days, np.datetime64(session)))
        return first + int(np.argmax(~np.isnan(self.prices["close"][first:, self.columns[symbol]])))

    def last_bar(self, session: date, symbol: str) -> int:
        """Return the last bar of a symbol in a session, or of any symbol where it has none there.

        For a session without bars it is that of the session before.
        """
        last = int(np.searchsorted(self.sessions, np.datetime64(session), side="right")) - 1
        first = int(np.searchsorted(self.sessions, self.sessions[last]))
        closes = self.prices["close"][first : last + 1, self.columns[symbol]]
        return int(first + max(np.flatnonzero(~np.isnan(closes)), default=last - first))

    def time_of(self, bar: int) -> datetime | None:
        """Return when a bar opens, UTC; None for a daily bar."""
        is_daily = self.kinds is None or self.kinds[bar] == DAILY
        return None if is_daily else utc_time(self.times[bar])

    def bar_for(self, decision: Decision) -> int:
        """Return the bar in which a signal is traded; for the close, its stock's last of a session.

        Raise ValueError where the decision has no signal that can be traded.
        """
        if decision.tradable_session is None or decision.signal is None:
            raise ValueError(f"{decision.event.id} cannot be traded")
        if decision.at_close and self.kinds is not None:
            return self.last_bar(decision.tradable_session, decision.signal.symbol)
        if decision.tradable_bar is None:
            return self.bar_of(decision.tradable_session)
        return int(np.searchsorted(self.times, as_utc64(decision.tradable_bar)))

    def bars_of(self, column: int) -> NDArray[np.int64]:
        """Return the numbers of the bars that the symbol of a column has."""
        return np.flatnonzero(~np.isnan(self.prices["close"][:, column]))

    def is_first(self, decision: Decision) -> bool:
        """Tell whether a signal is traded in the first bar of its stock."""
        first = self._first_bars[self.columns[decision.event.symbol]]
        return bool(self.bar_for(decision) <= first)

    @cached_property
    def _first_bars(self) -> NDArray[np.int64]:
        bars: NDArray[np.int64] = np.argmax(~np.isnan(self.prices["close"]), axis=0)
        return bars


def _numbered(days: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Count the days, which are in order, from 0."""
    return np.concatenate(([0], np.cumsum(days[1:] != days[:-1])))


def nights_before(sessions: NDArray[np.datetime64]) -> Floats:
    """Return the calendar days between each session and the one before; 0 for the first."""
    days = sessions.astype("M8[D]").astype(np.float64)
    return np.diff(days, prepend=days[:1])


def panel_of(prices: Mapping[str, Prices], bars: RunBars | None = None) -> Panel:
    """Make the panel of the bars that are replayed: `bars`, or else the daily ones of `prices`."""
    of = bars.of if bars else daily_bars(prices)
    symbols = tuple(sorted(of))
    times, first = np.unique(np.concatenate([of[s].times for s in symbols]), return_index=True)
    sessions = np.concatenate([of[s].sessions for s in symbols])[first]
    kinds = np.concatenate([of[s].kinds for s in symbols])[first] if bars else None
    shape = (len(times), len(symbols))
    panel, volume = blank_prices(shape), np.full(shape, np.nan)
    for column, symbol in enumerate(symbols):
        rows, table = np.searchsorted(times, of[symbol].times), of[symbol].table
        volume[rows, column] = table[:, COLUMNS.index("volume")]
        for name in PRICES.names or ():
            panel[name][rows, column] = table[:, COLUMNS.index(name)]
    effects = tuple(recorded_effects(prices))
    lasts = {symbol: prices[symbol].last_known for symbol in symbols}
    return Panel(symbols, times, sessions, panel, volume, effects, kinds, lasts)


def blank_prices(shape: tuple[int, int]) -> NDArray[Any]:
    """Make records of `PRICES` without any bar, which are all NaN; shape (bars, symbols)."""
    prices = blank(shape, PRICES)
    prices[:] = np.nan
    return prices


def kernel_bars(panel: Panel, rates: Mapping[str, BorrowRates], rules: Rules) -> Bars:
    """Return the panel as the kernel takes it, with the borrow rate of each night."""
    rate_row, by_day = _borrow(panel, rates, rules)
    actions, first_action = panel.actions
    return Bars(
        panel.prices,
        panel.volume,
        session=panel.session_numbers,
        day=panel.days.astype("M8[D]").astype(np.int64),
        day_number=panel.day_numbers,
        rate_row=rate_row,
        rates=by_day,
        clock=panel.clock,
        kinds=np.zeros(len(panel.times), np.int8) if panel.kinds is None else panel.kinds,
        actions=actions,
        first_action=first_action,
    )


def _borrow(
    panel: Panel, rates: Mapping[str, BorrowRates], rules: Rules
) -> tuple[NDArray[np.int64], Floats]:
    """Return the row of each symbol, and annual rates by row and day; row 0 has the default."""
    default = 0.0 if rules.borrow_mode == "none" else rules.borrow_default
    nights = panel.each_day
    rows = [np.full(len(nights), default)]
    rate_row = np.zeros(len(panel.symbols), np.int64)
    for column, symbol in enumerate(panel.symbols):
        quoted = rates[symbol].rates if rules.borrow_mode == "table" and symbol in rates else ()
        if quoted:
            rate_row[column] = len(rows)
            days = np.array([rate.day for rate in quoted], "M8[D]")
            annual = np.array([default, *(rate.annual_rate for rate in quoted)])
            rows.append(annual[np.searchsorted(days, nights, side="right")])
    return rate_row, np.array(rows)


def signal_rows(panel: Panel, signals: Sequence[tuple[int, Signal]]) -> NDArray[Any]:
    """Return the signals of one account as records of `SIGNAL`, each followed by its legs.

    Each signal comes with the number of its bar; they are in order of bar, publication, symbol and
    event id, and stay so.
    """
    columns, row = panel.columns, 0
    rows = np.zeros(sum(1 + len(signal.legs) for _, signal in signals), SIGNAL)
    for bar, signal in signals:
        symbols = [signal.symbol, *(leg.symbol for leg in signal.legs)]
        of_signal = rows[row : row + len(symbols)]
        set_terms(of_signal[0], signal)
        of_signal["bar"] = bar
        of_signal["symbol"] = [columns[symbol] for symbol in symbols]
        set_legs(of_signal, signal)
        row += len(symbols)
    return rows


def set_legs(rows: NDArray[Any], signal: Signal) -> None:
    """Write the legs of a signal into the rows that follow the first, which is the signal's own."""
    for row, leg in zip(rows[1:], signal.legs, strict=True):
        row["side"], row["terms"] = rows[0]["side"] * (-1 if leg.by > 0 else 1), IS_LEG
        row["weight"], row["limit"] = abs(leg.by), np.nan


def signalled(panel: Panel, decisions: Iterable[Decision]) -> list[tuple[int, Decision]]:
    """Return the decisions with a signal that can be traded, each with its bar, sorted by it."""
    acting = [(panel.bar_for(one), one) for one in decisions if one.signal and one.tradable_session]
    return sorted(acting, key=itemgetter(0))


def decision_rows(panel: Panel, decisions: Iterable[Decision]) -> NDArray[Any]:
    """Return the signals of decisions as `signal_rows` does, in the order of `signalled`."""
    acting = signalled(panel, decisions)
    return signal_rows(panel, [(bar, one.signal) for bar, one in acting if one.signal])


def signals_of_trades(
    panel: Panel, trades: Sequence[Trade], curve: Sequence[EquityPoint], cash: float
) -> NDArray[Any]:
    """Return signals that make the trades of a strategy which orders by itself, for its placebos.

    Each trade becomes a signal of its direction in its entry session. Its weight is the trade's
    value as a fraction of the equity at the close before. It is held as many sessions as the trade,
    at least one, and to the end where that is still open. It has no stops: what made the strategy
    leave is not known.
    """
    equity = {point.session: point.equity for point in curve}
    before = dict(zip(equity, [cash, *equity.values()], strict=False))
    rows, columns = np.zeros(len(trades), SIGNAL), panel.columns
    for row, trade in zip(rows, trades, strict=True):
        column = columns[trade.symbol]
        row["symbol"], row["side"] = column, trade.sign
        row["bar"] = panel.bar_of(trade.entry_session)
        row["weight"] = trade.shares * trade.entry_price / before[trade.entry_session]
        row["hold"] = -1
        if trade.exit_reason != "open":
            bars = panel.bars_of(column)
            entered, left = np.searchsorted(bars, (row["bar"], panel.bar_of(trade.exit_session)))
            row["hold"] = max(1, left - entered)
    for name in ("stop", "target", "trailing_stop"):
        rows[name] = np.nan
    return rows[np.argsort(rows["bar"], kind="stable")]


def set_terms(row: Any, signal: Signal) -> None:
    """Write the direction and the terms of a signal into a record of `SIGNAL`."""
    is_flat = signal.direction == "flat"
    row["side"] = SIDES[signal.direction]
    row["terms"] = (
        ENTERS_AT_CLOSE * (signal.at == "close")
        + LEAVES_AT_CLOSE * (signal.leave == "close")
        + LOOKS_AT_CLOSES * (signal.levels == "close")
        + RESIZES * signal.resize
        + IS_FLAT * is_flat
        + WAITS * (signal.limit is not None)
        + HOLDS_BARS * (signal.hold_bars is not None)
    )
    row["hold"] = -1 if signal.held is None else signal.held
    row["leave_at"] = signal.leave_minute
    row["priority"] = signal.priority
    for name in ("weight", "stop", "target", "trailing_stop", "limit"):
        value = getattr(signal, name)
        row[name] = np.nan if value is None else value
