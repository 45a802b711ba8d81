"""A strategy of Backtrader's in a made-up market, with events that are hard to answer."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from backtest.audit.contract.examples import AFTER_THE_LAST, SESSIONS, SYMBOL, made_up_bars
from backtest.audit.contract.questions import Answers
from backtest.data.datafile import DataFile
from backtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backtest.data.kinds import Event
    from backtest.engine.rules import Rules
    from backtest.strategy.loading import BacktraderStrategy

_AT = (1, 2, 5, 30, 55)  # places of the sessions in which events can be traded


def replayed(strategy: BacktraderStrategy, events: Sequence[Event], rules: Rules) -> Answers:
    """Replay it with events in early and late sessions of a made-up market."""
    from backtest.data.borrow import BorrowRates
    from backtest.data.prices import Prices
    from backtest.engine.replay.event_strategy import replay_event_strategy
    from backtest.engine.timeline import Decision

    table = made_up_bars(AFTER_THE_LAST, SESSIONS)
    prices = Prices(SYMBOL, table, DataFile(Path(f"{SYMBOL}.csv"), "", "", {}))
    sessions = [table.index[place].date() for place in _AT]
    decisions = [Decision(one, session, "notified", "") for session in sessions for one in events]
    terms = ({SYMBOL: prices}, {SYMBOL: BorrowRates(SYMBOL)}, decisions, rules)
    fault = ""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            replay_event_strategy(strategy.cls, strategy.parameters, *terms)
        except UsageError as error:
            fault = str(error)
        except SystemExit as ending:
            fault = f"It ends the program (exit code {ending.code})."
    return Answers(len(decisions), fault=fault)
