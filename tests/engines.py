"""The engines behind the interface of the oracle, so that tests can hold them equal."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from backtest.datafiles import DataFile
from backtest.engine.replay import replay
from backtest.engine.rules import Rules
from backtest.engine.timeline import Decision
from backtest.market.borrow import BorrowRate, BorrowRates
from backtest.market.prices import Prices
from backtest.strategy import Signal
from tests import oracle

NOWHERE = DataFile(Path("made-up.csv"), "", "", {})
TERMS = ("symbol", "event_id", "direction", "weight", "hold", "stop", "target", "trailing_stop")


def made_up_prices(symbol: str, rows: Sequence[Any]) -> Prices:
    """Prices from rows of session, open, high, low, close and, if told, volume."""
    index = pd.DatetimeIndex([row[0] for row in rows], name="session")
    table = pd.DataFrame(
        [list(oracle.Bar(*row)[1:]) for row in rows],
        columns=["open", "high", "low", "close", "volume"],
        index=index,
        dtype=float,
    )
    return Prices(symbol, table, NOWHERE)


def made_up_decisions(signals: Sequence[oracle.Signal]) -> list[Decision]:
    """Decisions that carry the signals, in order of publication, symbol and event id."""
    ordered = sorted(signals, key=lambda s: (s.published_at, s.symbol, s.event_id))
    return [
        Decision(
            event=SimpleNamespace(id=signal.event_id),
            tradable_session=signal.session,
            action="signal",
            reason="",
            signal=Signal(**{term: getattr(signal, term) for term in TERMS}),
        )
        for signal in ordered
    ]


def run_replay(
    bars: Mapping[str, Sequence[Any]],
    signals: Sequence[oracle.Signal],
    settings: oracle.Settings,
    borrow: Mapping[str, Sequence[Any]],
    **modes: bool,
) -> oracle.Outcome:
    """The replay on Backtrader, its result in the oracle's words."""
    rates = {
        symbol: BorrowRates(
            symbol, tuple(BorrowRate(*pair, "made up") for pair in sorted(borrow.get(symbol, ())))
        )
        for symbol in bars
    }
    result = replay(
        {symbol: made_up_prices(symbol, rows) for symbol, rows in bars.items()},
        rates,
        made_up_decisions(signals),
        Rules(**vars(settings)),
        **modes,
    )
    names = oracle.Trade.__dataclass_fields__
    return oracle.Outcome(
        trades=[
            oracle.Trade(**{name: getattr(trade, name) for name in names})
            for trade in result.trades
        ],
        equity=[oracle.Point(p.session, p.equity, p.cash, p.position_value) for p in result.curve],
        outcomes={d.event.id: d.action for d in result.decisions},
        capped={d.event.id for d in result.decisions if "by participation" in d.reason},
        interest=result.interest,
    )


Engine = Callable[..., oracle.Outcome]
ENGINES: dict[str, Engine] = {"oracle": oracle.simulate, "replay": run_replay}
