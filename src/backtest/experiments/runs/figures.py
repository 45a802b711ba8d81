"""This module computes the figures of a run and its benchmark, and where its profit came from.

Profits are net, in dollars.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from backtest.data.calendar import trading_calendar
from backtest.data.kinds import COARSE, NEVER_TRADED, NEW_YORK, Event
from backtest.engine.kernel import FILL_TIMES
from backtest.engine.kernel.panel import nights_before
from backtest.engine.rules import Rules, above_cash
from backtest.engine.schedule import splits_of, splits_since
from backtest.errors import DataError
from backtest.stats import figures
from backtest.stats.formats import counted, few, percent

if TYPE_CHECKING:
    from backtest.data.prices import Prices
    from backtest.engine.bars import RunBars
    from backtest.engine.replay.books import Trade
    from backtest.engine.schedule import Decision
    from backtest.experiments.records import MoveRecord
    from backtest.experiments.runs.store import Run
    from backtest.stats import Floats

Hour = Literal[
    "before the open", "during the session", "after the close", "without a session", "unknown"
]
_FEWEST_BY_SURPRISE = 50  # trades, ten in each fifth


def figures_of_holding(returns: Floats, nights: Floats, rules: Rules) -> dict[str, float | None]:
    """Return the figures of all cash held in something with these returns by session."""
    growth = np.asarray(rules.cash * np.cumprod(1 + returns))
    return {
        **figures.curve_figures(growth, rules.cash, above_cash(returns, nights, rules)),
        "trades": None,
        "win_rate": None,
        "exposure": 1.0,
        **dict.fromkeys(("commission", "borrow", "dividends", "interest"), 0.0),
    }


def benchmark_returns(prices: Prices, sessions: Sequence[date]) -> Floats:
    """Compute the benchmark's return in each session, close to close, with dividends.

    The first return needs the close before. Where the benchmark is first traded within the span,
    its returns are 0 until that session, whose return is taken from its open, if it has one.

    Raise DataError where a session has no close.
    """
    index = pd.DatetimeIndex(pd.to_datetime(sessions))
    growth = prices.growth
    missing = index.difference(growth.index)
    if len(missing):
        raise DataError(
            f"The benchmark {prices.symbol} has no close on {missing[0]:%Y-%m-%d} "
            f"({counted(len(missing), 'session')} {'is' if len(missing) == 1 else 'are'} missing). "
            f"Its prices run from {prices.first} to {prices.last}: choose another --benchmark, "
            f"or a span {_within(prices, sessions)}."
        )
    # By growth, so that the return of a session that the run lacks is part of the next one's.
    changes = growth.reindex(index).pct_change(fill_method=None).fillna(0.0)
    changes.iloc[0] = prices.returns[index[0]]
    if pd.isna(changes.iloc[0]):
        changes.iloc[0] = 0.0
        first = prices.traded.iloc[:1]
        place = int(index.searchsorted(first.index[0])) if len(first) else len(index)
        if prices.has_bars and place < len(index):
            intraday = (first["close"] / first["open"]).iloc[0]
            changes.iloc[place] = (1 + changes.iloc[place]) * intraday - 1
    return np.asarray(changes, np.float64)


def _within(prices: Prices, sessions: Sequence[date]) -> str:
    """Return the options that keep a span within the prices, as words for a message."""
    ends = [f"--from {prices.first}"] * (sessions[0] < prices.first)
    ends += [f"--to {prices.last}"] * (sessions[-1] > prices.last)
    return "with " + (" ".join(ends) or "--from and --to")


class BuyAndHold(NamedTuple):
    """Buy and hold keeps what a run traded from the first session to the last."""

    symbols: str  # the symbols in a line, of many the first
    figures: Mapping[str, float | None]
    run: Run


def holdings(runs: Sequence[Run]) -> list[BuyAndHold]:
    """Return buy and hold for the runs, once for each set of stocks, span and amount of cash."""
    held: dict[tuple[str, ...], BuyAndHold] = {}
    for run in runs:
        manifest = run.manifest
        span, cash = manifest["span"], manifest["rules"]["cash"]
        terms = (run.traded, span["first"], span["last"], str(cash))
        if terms not in held and (stock := manifest["summary"]["stock"]):
            held[terms] = BuyAndHold(few(manifest["symbols"]), stock, run)
    return list(held.values())


def holding_returns(history: Iterable[Prices], sessions: Sequence[date]) -> Floats:
    """Compute the returns by session of stocks bought once in equal parts, dividends reinvested.

    Each stock is bought at the close before the first session, or at the open of its first price.
    """
    index = pd.DatetimeIndex(pd.to_datetime(sessions))
    paths = []
    for prices in history:
        if prices.traded.empty:  # such as where a halt covers all prices
            paths.append(np.ones(len(index)))
            continue
        first = prices.traded.iloc[0]
        growth = prices.growth.loc[first.name :]
        row = int(growth.index.searchsorted(index[0])) - 1
        bought = growth.iloc[row] if row >= 0 else first["open"] / first["close"]
        paths.append((growth / bought).reindex(index, method="ffill").fillna(1.0).to_numpy())
    return figures.session_returns(np.mean(paths, axis=0), 1.0)


def all_figures(run: Run) -> dict[str, float | None]:
    """Return the figures of the record, and those that follow from trades and curves."""
    cash, equity = run.manifest["rules"]["cash"], run.equity["equity"].to_numpy()
    rows = sorted(
        run.trades,
        key=lambda row: (row["exit_session"], row["exit_bar"], FILL_TIMES.index(row["left_at"])),
    )
    columns = ["net_profit", "return", "shares", "entry_price", "mae", "mfe"]
    trades = pd.DataFrame(rows, columns=columns).apply(pd.to_numeric)
    excursions = trades[["mae", "mfe"]].mean()
    values = {
        **run.summary,
        **figures.trade_figures(trades["net_profit"].to_numpy(), trades["return"].to_numpy()),
        **{name: None if pd.isna(mean) else float(mean) for name, mean in excursions.items()},
        "holding_sessions": _mean_holding(run),
        "longest_drawdown": figures.longest_drawdown(equity, cash),
        "turnover": figures.turnover((trades["shares"] * trades["entry_price"]).to_numpy(), equity),
    }
    rules = Rules(**run.manifest["rules"])
    nights = nights_before(run.equity.index.to_numpy("M8[D]"))
    returns = above_cash(run.equity["return"].to_numpy(), nights, rules)
    for suffix, column in (("", "benchmark_return"), ("_stock", "holding_return")):
        market = run.equity[column].to_numpy()
        alpha = beta = None
        if equity.min() > 0 and not np.isnan(market).all():  # a ruin has no ratios
            alpha, beta = figures.alpha_beta(returns, above_cash(market, nights, rules))
        values |= {f"alpha{suffix}": alpha, f"beta{suffix}": beta}
    return values


def _mean_holding(run: Run) -> float | None:
    """Return the mean sessions from entry to exit of trades; an open one ends with the last."""
    if not run.trades:
        return None
    ends = [(row["entry_session"], row["exit_session"]) for row in run.trades]
    first, last = np.array(ends, "M8[D]").T
    sessions = run.equity.index.to_numpy("M8[D]")
    return float(np.mean(np.searchsorted(sessions, last) - np.searchsorted(sessions, first)))


def attribution_of(
    trades: Sequence[Trade],
    decisions: Sequence[Decision],
    history: Mapping[str, Prices],
    bars: RunBars | None = None,
) -> dict[str, Any]:
    """Return the `attribution` of `run.json`."""
    events = {decision.event.id: decision.event for decision in decisions}
    groups = attribution(trades, events)
    if surprises := by_surprise(trades, events):
        groups["surprise"] = surprises
    return {
        "profit_by": {name: [asdict(group) for group in each] for name, each in groups.items()},
        "moves": moves(decisions, trades, history, bars),
    }


@dataclass(frozen=True)
class Group:
    """A group sums up trades that have something in common, such as their kind of event."""

    name: str  # what the trades have in common
    trades: int
    wins: int  # trades with a net profit above 0
    net_profit: float  # sum, dollars
    mean_return: float  # mean of net profit ÷ entry value, a fraction


def attribution(
    trades: Sequence[Trade], events: Mapping[str, Event]
) -> dict[str, tuple[Group, ...]]:
    """Group the profit by `event`, `kind`, `direction`, `exit_reason` and `hour` of publication.

    A trade counts for the event that opened it, also where later ones renewed its plan; one of no
    event counts under `none`. Groups are in order of their first trade, and each way of grouping
    adds up to the same profit.
    """

    def of_event(name_of: Callable[[Event], str]) -> Callable[[Trade], str]:
        return lambda trade: name_of(events[trade.event_id]) if trade.event_id in events else "none"

    return {
        "event": _grouped(trades, of_event(lambda event: event.id)),
        "kind": _grouped(trades, of_event(lambda event: event.kind)),
        "direction": _grouped(trades, lambda trade: trade.direction),
        "exit_reason": _grouped(trades, lambda trade: trade.exit_reason),
        "hour": _grouped(trades, of_event(hour_of_knowledge)),
    }


def by_surprise(trades: Sequence[Trade], events: Mapping[str, Event]) -> tuple[Group, ...]:
    """Group the profit by fifths of the EPS surprise, the lowest first.

    There are none below 50 trades with a known surprise; the last group, `unknown`, has the others.
    """
    surprises = {t.trade_id: getattr(events.get(t.event_id), "eps_surprise", None) for t in trades}
    known = np.sort([surprise for surprise in surprises.values() if surprise is not None])
    if len(known) < _FEWEST_BY_SURPRISE:
        return ()
    edges = np.quantile(known, [0.2, 0.4, 0.6, 0.8])
    fifths = np.split(known, np.searchsorted(known, edges))
    names = [
        f"fifth {n}, {percent(fifth[0])} to {percent(fifth[-1])}" if len(fifth) else ""
        for n, fifth in enumerate(fifths, 1)
    ]

    def name_of(trade: Trade) -> str:
        surprise = surprises[trade.trade_id]
        if surprise is None:
            return "unknown"
        return names[int(np.searchsorted(edges, surprise, side="right"))]

    return tuple(sorted(_grouped(trades, name_of), key=lambda group: group.name))


def hour_of_knowledge(event: Event) -> Hour:
    """Tell when in the New York day an event became public.

    It is `without a session` on a day on which the exchange did not open, and `unknown` where only
    the day, week or month is known.
    """
    if event.precision in COARSE:
        return "unknown"
    moment, calendar = event.published_at, trading_calendar()
    day = moment.astimezone(NEW_YORK).date()
    if calendar.is_open(moment):
        return "during the session"
    if calendar.tradable_session(moment, timedelta(0)) == day:
        return "before the open"
    return "after the close" if calendar.last_closed(moment) == day else "without a session"


def moves(
    decisions: Sequence[Decision],
    trades: Sequence[Trade],
    history: Mapping[str, Prices],
    bars: RunBars | None = None,
) -> list[MoveRecord]:
    """Return the move on every event that was decided on, in the order of the decisions.

    The last close is that of the last session before the event can have been public, the first open
    that of the session or bar in which it could first be traded, and the gap between them is what
    nobody could trade. Of several trades from one event the first counts. An event on which the
    strategy waited counts from the open at which it was first asked, of a finer bar if there is
    one. An event whose day alone is known may have been public all that day, so that its gap begins
    at the close before; one whose week or month alone is known has no prices.
    """
    first = {trade.event_id: trade for trade in reversed(trades)}
    days = {name: prices.table.index.to_numpy("M8[D]") for name, prices in history.items()}
    dollars = {
        (name, column): prices.table[column].to_numpy()
        for name, prices in history.items()
        for column in ("close", "open")
    }
    splits = {name: splits_of(prices) for name, prices in history.items()}
    calendar = trading_calendar()
    result: list[MoveRecord] = []

    def price(symbol: str, column: str, session: date | None) -> float | None:
        row = np.searchsorted(days[symbol], np.datetime64(session or "NaT", "D"))
        if row == len(days[symbol]) or days[symbol][row] != session:
            return None
        return float(dollars[symbol, column][row])

    def first_open(decision: Decision) -> tuple[float | None, date | None]:
        """Return the first open after an event that could be traded, and its day."""
        event, session, moment = decision.event, *_first_chance(decision)
        if bars and session and moment:
            finer = bars.of[event.symbol]
            place = finer.place(session, moment)
            if place < len(finer.times) and finer.time_of(place) == moment:
                return float(finer.table[place][0]), finer.days_and_clock[0][place].item()
        if session and calendar.time_of(session, "open") <= event.published_at:
            session = calendar.tradable_session(event.published_at, timedelta(0))  # at a close
        return price(event.symbol, "open", session), session

    for decision in decisions:
        event, trade = decision.event, first.get(decision.event.id)
        closed, opened = None, None
        if event.precision not in NEVER_TRADED:
            before, (opened, day) = calendar.last_closed(_earliest(event)), first_open(decision)
            closed = price(event.symbol, "close", before)
            if closed and day:  # per share of the open's day
                closed /= splits_since(splits[event.symbol], before, day)
        gap = None if closed is None or opened is None else opened / closed - 1
        result.append(
            {
                "event_id": event.id,
                "last_close": closed,
                "first_open": opened,
                "gap": gap,
                "direction": trade.sign if trade else None,
                "traded": trade.exit_price / trade.entry_price - 1 if trade else None,
            }
        )
    return result


def _first_chance(decision: Decision) -> tuple[date | None, datetime | None]:
    """Return the session in which an event could first be traded, and the time of its bar."""
    if decision.waited:
        return decision.waited[0].session, decision.waited[0].time
    return decision.tradable_session, decision.tradable_bar


def _earliest(event: Event) -> datetime:
    """Return the earliest time at which an event can have been public."""
    if event.precision != "date":
        return event.published_at
    day = event.published_at.astimezone(NEW_YORK)
    return day.combine(day.date(), time(), NEW_YORK)


def _grouped(trades: Sequence[Trade], name_of: Callable[[Trade], str]) -> tuple[Group, ...]:
    return grouped((name_of(trade), trade.net_profit, trade.net_return) for trade in trades)


def grouped(trades: Iterable[tuple[str, float, float]]) -> tuple[Group, ...]:
    """Group trades, each a group's name, a net profit and a return, in order of first trade."""
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, profit, change in trades:
        groups[name].append((profit, change))
    return tuple(
        Group(
            name,
            trades=len(members),
            wins=sum(profit > 0 for profit, _ in members),
            net_profit=sum(profit for profit, _ in members),
            mean_return=sum(change for _, change in members) / len(members),
        )
        for name, members in groups.items()
    )
