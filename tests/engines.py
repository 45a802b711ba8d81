"""The engines behind the interface of the oracle, so that tests can hold them equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, date, datetime, timedelta
from math import nan
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.data import actions as data_actions
from backtest.data.actions import Action
from backtest.data.bars import Hours, bars_within
from backtest.data.borrow import BorrowRate, BorrowRates
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import DataFile
from backtest.data.prices import Prices
from backtest.engine.bars import RunBars, run_bars
from backtest.engine.replay.books import ReplayResult, Totals
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from backtest.engine.schedule import Decision, Effect
from backtest.strategy import base
from backtest.strategy.base import Signal
from tests import oracle
from tests.oracle_account import of_last_share

if TYPE_CHECKING:
    from backtest.engine.kernel.panel import Panel

NOWHERE = DataFile(Path("made-up.csv"), "", "", {})
TERMS = ("symbol", "event_id", "direction", *base.TERMS)
ENDS = {"delisted": "delisted", "cash_merger": "merger"}
Actions = Mapping[str, Sequence[oracle.Action]]


def made_up_prices(
    symbol: str, rows: Sequence[Any], actions: Sequence[oracle.Action] = ()
) -> Prices:
    """Prices from rows of session, open, high, low, close and, if told, volume."""
    index = pd.DatetimeIndex([row[0] for row in rows], name="session")
    table = pd.DataFrame(
        [list(oracle.Bar(*row)[1:6]) for row in rows],
        columns=["open", "high", "low", "close", "volume"],
        index=index,
        dtype=float,
    )
    last = rows[-1][0]
    acting = sorted((Action(*action) for action in actions), key=lambda action: action.order)
    file = replace(NOWHERE, metadata={"adjust": "none", "last": str(last)})
    return Prices(symbol, table, file, data_actions.Actions(symbol, tuple(acting)))


def made_up_stocks(bars: Mapping[str, Sequence[Any]], actions: Actions) -> dict[str, Prices]:
    """Prices by symbol, with what happens to their shares."""
    return {s: made_up_prices(s, rows, actions.get(s, ())) for s, rows in bars.items()}


def made_up_decisions(signals: Sequence[oracle.Signal]) -> list[Decision]:
    """Decisions that carry the signals, in order of publication, symbol and event id."""
    ordered = sorted(signals, key=lambda s: (s.published_at, s.symbol, s.event_id))
    return [
        Decision(
            event=SimpleNamespace(
                id=signal.event_id, published_at=signal.published_at, symbol=signal.symbol
            ),
            tradable_session=session_of(signal.session),
            tradable_bar=bar_time(signal.session),
            action="signal",
            reason="",
            signal=as_signal(signal),
        )
        for signal in ordered
    ]


def session_of(moment: date) -> date:
    """The session that a moment of the oracle belongs to: after a close the next one."""
    time = bar_time(moment)
    return trading_calendar().next_to_close(time) if time else moment


def bar_time(moment: date) -> datetime | None:
    """A moment of the oracle, UTC; None of a session."""
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else None


def naive(moment: datetime | None) -> datetime | None:
    """A time, UTC, as the oracle has it."""
    return moment and moment.replace(tzinfo=None)


def made_up_bars(
    stocks: Mapping[str, Prices],
    finer: Mapping[str, Sequence[Any]] | None,
    signals: Sequence[oracle.Signal],
    hours: Hours = "regular",
) -> RunBars | None:
    """The bars of a run with rows of finer bars, by symbol; None without any."""
    if finer is None:
        return None
    found = {}
    for symbol in stocks:
        rows = finer.get(symbol, ())
        times = np.array([row[0] for row in rows], "M8[us]")
        table = np.array([oracle.Bar(*row)[1:6] for row in rows], float).reshape(-1, 5)
        file = replace(NOWHERE, path=Path(f"5m/{symbol}.parquet"))
        frame = pd.DataFrame(table, pd.DatetimeIndex(times))
        found[symbol] = bars_within(file, frame, hours)
    hedges = {leg[0] for signal in signals for leg in signal.legs}
    return run_bars(stocks, found, hedges)


def as_signal(signal: oracle.Signal) -> Signal:
    """The oracle's signal in the program's words."""
    terms = {term: getattr(signal, term) for term in TERMS}
    # Without its checks: engines bear more than strategies may say.
    return Signal.model_construct(**terms, legs=tuple(base.Leg(*leg) for leg in signal.legs))


def borrow_rates(
    symbols: Iterable[str], borrow: Mapping[str, Sequence[Any]]
) -> dict[str, BorrowRates]:
    """Made-up rates by symbol."""
    return {
        symbol: BorrowRates(
            symbol, tuple(BorrowRate(*pair, "made up") for pair in sorted(borrow.get(symbol, ())))
        )
        for symbol in symbols
    }


def run_replay(
    bars: Mapping[str, Sequence[Any]],
    signals: Sequence[oracle.Signal],
    settings: oracle.Settings,
    borrow: Mapping[str, Sequence[Any]],
    actions: Actions = MappingProxyType({}),
    finer: Mapping[str, Sequence[Any]] | None = None,
    **modes: bool,
) -> oracle.Outcome:
    """The replay on Backtrader, its result in the oracle's words."""
    stocks = made_up_stocks(bars, actions)
    result = replay(
        stocks,
        borrow_rates(bars, borrow),
        made_up_decisions(signals),
        Rules(**vars(settings)),
        made_up_bars(stocks, finer, signals, settings.hours),
        **modes,
    )
    return outcome_of(result)


def outcome_of(result: ReplayResult) -> oracle.Outcome:
    """A result in the oracle's words."""
    names = oracle.Trade.__dataclass_fields__
    times = {"entry_bar", "exit_bar"}
    return oracle.Outcome(
        trades=[
            oracle.Trade(
                **{name: getattr(trade, name) for name in names if name not in times},
                **{name: naive(getattr(trade, name)) for name in times},
            )
            for trade in result.trades
        ],
        equity=[oracle.Point(p.session, p.equity, p.cash, p.position_value) for p in result.curve],
        outcomes={d.event.id: d.action for d in result.decisions},
        capped={d.event.id for d in result.decisions if "by participation" in d.reason},
        **asdict(result.totals),
    )


def run_kernel(
    bars: Mapping[str, Sequence[Any]],
    signals: Sequence[oracle.Signal],
    settings: oracle.Settings,
    borrow: Mapping[str, Sequence[Any]],
    actions: Actions = MappingProxyType({}),
    finer: Mapping[str, Sequence[Any]] | None = None,
) -> oracle.Outcome:
    """The compiled kernel, its result in the oracle's words."""
    from backtest.engine.kernel.panel import panel_of
    from backtest.engine.kernel.replay import replay_by_kernel

    if finer is not None:
        stocks = made_up_stocks(bars, actions)
        decisions, rates = made_up_decisions(signals), borrow_rates(bars, borrow)
        rules, run = (
            Rules(**vars(settings)),
            made_up_bars(stocks, finer, signals, settings.hours),
        )
        return outcome_of(replay_by_kernel(stocks, rates, decisions, rules, run))
    panel = panel_of(made_up_stocks(bars, actions))
    return trade_panel(panel, panel.sessions.tolist(), signals, settings, borrow)


def run_kernel_on_finer_bars(
    bars: Mapping[str, Sequence[Any]],
    signals: Sequence[oracle.Signal],
    settings: oracle.Settings,
    borrow: Mapping[str, Sequence[Any]],
    actions: Actions = MappingProxyType({}),
) -> oracle.Outcome:
    """The compiled kernel on bars that have the moment of their open in place of the session."""
    panel = replace(finer_panel(bars), effects=list(effects_on_bars(bars, actions)))
    return trade_panel(panel, panel.times.tolist(), signals, settings, borrow)


def effects_on_bars(bars: Mapping[str, Sequence[Any]], actions: Actions) -> Iterator[Effect]:
    """What the actions do, by the session in which they do it."""
    for symbol, found in actions.items():
        for day, action, amount in sorted(found, key=lambda one: (one[0], one[1] != "split")):
            before = [row for row in bars[symbol] if row[0].date() < day]
            after = [row[0] for row in bars[symbol] if row[0].date() >= day]
            if action in ("dividend", "split") and before and after:
                yield Effect(after[0].date(), symbol, action, amount)
            elif action in ENDS and before:
                paid = of_last_share(found, before[-1][0].date(), day, amount)
                value = nan if paid is None else paid
                yield Effect(day - timedelta(1), symbol, ENDS[action], value)


def finer_panel(bars: Mapping[str, Sequence[Any]]) -> Panel:
    """The panel of bars known by the moment of their open, UTC without a zone."""
    from backtest.engine.kernel import PRICES
    from backtest.engine.kernel.panel import Panel, blank_prices

    moments = sorted({row[0] for rows in bars.values() for row in rows})
    shape = (len(moments), len(bars))
    prices, volume = blank_prices(shape), np.full(shape, np.nan)
    for column, symbol in enumerate(sorted(bars)):
        for row in bars[symbol]:
            bar = oracle.Bar(*row)
            place = moments.index(bar.session), column
            prices[place] = tuple(getattr(bar, name) for name in PRICES.names)
            volume[place] = bar.volume
    times = np.array(moments, "M8[us]")
    return Panel(tuple(sorted(bars)), times, times.astype("M8[D]"), prices, volume)


def trade_panel(
    panel: Panel,
    moments: Sequence[Any],
    signals: Sequence[oracle.Signal],
    settings: oracle.Settings,
    borrow: Mapping[str, Sequence[Any]],
) -> oracle.Outcome:
    """The kernel on a panel, in the oracle's words; `moments` are what its bars are known by."""
    from backtest.engine.kernel import CAPPED, IS_LEG, OUTCOMES, REASONS
    from backtest.engine.kernel.panel import signal_rows
    from backtest.engine.kernel.simulate import by_entry, simulate

    ordered = sorted(signals, key=lambda s: (s.session, s.published_at, s.symbol, s.event_id))
    rows = signal_rows(panel, [(moments.index(s.session), as_signal(s)) for s in ordered])
    result = simulate(
        panel,
        rows,
        np.array([0, len(rows)]),
        Rules(**vars(settings)),
        borrow_rates(panel.symbols, borrow),
        trades=True,
        curves=True,
    )
    leads = rows["terms"] & IS_LEG == 0
    rows, table, outcomes = rows[leads], result.trades[leads], result.outcomes[leads].tolist()
    trades = [
        (ordered[place], rows[place]["side"], table[place]) for place in by_entry(rows, table)
    ]
    curve = zip(moments, result.equity[0].tolist(), result.cash[0].tolist(), strict=True)
    return oracle.Outcome(
        trades=[
            oracle.Trade(
                event_id=signal.event_id,
                symbol=signal.symbol,
                direction=signal.direction,
                shares=trade["shares"],
                entry_session=moments[trade["entry_bar"]],
                entry_price=trade["entry_price"],
                exit_session=moments[trade["exit_bar"]],
                exit_price=trade["exit_price"],
                exit_reason=REASONS[trade["reason"]],
                gross_profit=(
                    gross := side * trade["shares"] * (trade["exit_price"] - trade["entry_price"])
                ),
                commission=trade["commission"],
                borrow=trade["borrow"],
                net_profit=gross
                - trade["commission"]
                - trade["borrow"]
                + trade["hedge_profit"]
                + trade["dividends"],
                hedge_profit=trade["hedge_profit"],
                dividends=trade["dividends"],
            )
            for signal, side, trade in trades
        ],
        equity=[oracle.Point(moment, *both, both[0] - both[1]) for moment, *both in curve],
        outcomes={
            signal.event_id: OUTCOMES[outcome % CAPPED]
            for signal, outcome in zip(ordered, outcomes, strict=True)
        },
        capped={
            signal.event_id
            for signal, outcome in zip(ordered, outcomes, strict=True)
            if outcome >= CAPPED
        },
        **{one.name: float(result.totals[one.name][0]) for one in fields(Totals)},
    )


Engine = Callable[..., oracle.Outcome]
ENGINES: dict[str, Engine] = {"oracle": oracle.simulate, "replay": run_replay, "kernel": run_kernel}
