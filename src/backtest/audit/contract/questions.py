"""Asking a strategy about events that are hard to answer, and judging what it says."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.audit.contract.examples import (
    AFTER_THE_LAST,
    SESSIONS,
    SYMBOL,
    made_up_bars,
    made_up_event,
    variants,
)
from backtest.data.datafile import DataFile
from backtest.data.events import event_order
from backtest.data.kinds import Event, Start
from backtest.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from backtest.engine.rules import Rules
    from backtest.engine.timeline import Decision, Question
    from backtest.strategy.base import BacktraderStrategy, Strategy


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


REACTION = timedelta(minutes=5)
_BARS = (60, 5, 1, 0)  # how many sessions are known
_MOST_ROWS = 50  # of a file; the last ones
_LONG_HOLD, _WIDE_STOP, _FAR_TARGET = 252, 0.5, 5.0


@dataclass(frozen=True)
class Case:
    """An event and the past that a strategy is asked about.

    Attributes:
        how: what is special, in a few words.
        question: the event, and what was known.
        sessions: how many of the stock are known.

    """

    how: str
    question: Question
    sessions: int

    def event_has_a_short_past(self, bars: int) -> bool:
        """Whether fewer sessions are known before it; before the first event none can be."""
        return not isinstance(self.question.event, Start) and self.sessions < bars

    def told(self, fault: str) -> str:
        """Why it was not answered, and what is special about the case."""
        first, _, rest = fault.partition("\n")
        return f"{first.replace(self.question.event.id, self.how)}\n{rest}".strip()

    def ask(self, strategy: Strategy) -> Decision:
        """The answer.

        Raises:
            UsageError: the strategy fails, or answers with something else.

        """
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                return self.question.ask(strategy)
            except SystemExit as ending:
                text = f"It ends the program (exit code {ending.code})."
                raise UsageError(text) from None


@dataclass(frozen=True)
class Answers:
    """What a strategy said.

    Attributes:
        asked: how many questions it was asked.
        signals: their terms.
        fault: why it did not answer one, with the line; empty where it answered all.

    """

    asked: int
    signals: Sequence[Mapping[str, Any]] = ()
    fault: str = ""


def events_to_try(
    kinds: Sequence[type[Event]], rows: Sequence[Event]
) -> tuple[list[tuple[str, Event]], list[str]]:
    """Events of each kind, those on file and made-up ones, with their variants.

    Args:
        kinds: what the strategy listens to.
        rows: the events on file.

    Returns:
        What is special and the event; and why there is none, for the kinds without any.

    """
    from backtest.data.kinds import FILED_KINDS

    found: list[tuple[str, Event]] = []
    missing: list[str] = []
    for kind in dict.fromkeys(k for one in kinds for k in (FILED_KINDS if one is Event else [one])):
        bases = [row for row in rows if type(row) is kind][-_MOST_ROWS:]
        try:
            bases.append(made_up_event(kind))
        except UsageError as error:
            if not bases:
                missing.append(str(error))
        found += [pair for base in bases for pair in variants(base)]
    return found, missing


def cases(
    tried: Sequence[tuple[str, Event]], rows: Sequence[Event], looks_at: Sequence[str]
) -> Iterator[Case]:
    """Each event with much, little and nothing known before it."""
    past = cache(made_up_bars)
    most = _BARS[0]
    for word, event in tried:
        for count in (0,) if isinstance(event, Start) else _BARS:
            # an index may have less of a past than the stock
            for others in (count, 0) if looks_at and count == most else (count,):
                question = _question(event, rows, past, count, (looks_at, others))
                yield Case(_how(event, word, count, others), question, count)


def _how(event: Event, word: str, count: int, others: int) -> str:
    bars = {0: "no bar", 1: "1 bar"}.get(count, f"{count} bars")
    more = "" if others == count else " and nothing of other symbols"
    return f"“{event.headline}” ({event.kind}, {word}, after {bars}{more})"


def _question(
    event: Event,
    rows: Sequence[Event],
    past: Callable[..., pd.DataFrame],
    count: int,
    looked_at: tuple[Sequence[str], int],
) -> Question:
    """What is known before the event can be traded; where bars are few, it is the first event."""
    from backtest.data.calendar import trading_calendar
    from backtest.data.market import Market, Tape
    from backtest.engine.timeline import Question

    calendar = trading_calendar()
    session = calendar.tradable_session(event.published_at, REACTION)
    earlier = [one for one in rows if event_order(one) < event_order(event) and one != event]
    known = (*earlier, event) if count == _BARS[0] else (event,)
    symbols, others = looked_at
    bars: dict[str, Any] = {name: past(session, others)[["close"]].copy() for name in symbols}
    bars[event.symbol] = past(session, count)
    now = calendar.open_of(session)
    tape = Tape(bars, known, timedelta(0), lambda _: (event.symbol,))
    return Question(event, Market(session, now, event.symbol, tape.past), tape)


def made_up_case(
    kinds: Sequence[type[Event]], fields: Mapping[str, Any], looks_at: Sequence[str]
) -> Case:
    """A question about a made-up event of the first kind that has the fields.

    Of symbols that are looked at there are as many made-up closes as of the stock.

    Raises:
        UsageError: none has them, or one of them is wrong.

    """
    fitting = [kind for kind in kinds if fields.keys() <= kind.model_fields.keys()]
    if not fitting:
        known = {name for kind in kinds for name in kind.model_fields}
        names = ", ".join(kind.kind for kind in kinds)
        strange = next((name for name in fields if name not in known), next(iter(fields), ""))
        raise unknown(f"field of {names}", strange, known)
    event = made_up_event(fitting[0], fields)
    question = _question(event, [], made_up_bars, _BARS[0], (looks_at, _BARS[0]))
    return Case("", question, _BARS[0])


def answers(strategy: Strategy, asked: Iterator[Case]) -> Answers:
    """Ask about every case; the first fault is told."""
    signals: list[dict[str, Any]] = []
    count, fault = 0, ""
    for count, case in enumerate(asked, start=1):  # noqa: B007 - told below
        try:
            decision = case.ask(strategy)
        except UsageError as error:
            fault = fault or case.told(str(error))
            continue
        if decision.signal:
            signals.append(decision.signal.model_dump())
    return Answers(count, signals, fault)


def beyond(signals: Sequence[Mapping[str, Any]], rules: Rules) -> str:
    """What a signal asks for that the account cannot give; empty where there is nothing."""
    weights = [one.get("weight") or 0.0 for one in signals]  # none is a part of the room
    worst = max(weights, default=0.0)
    if worst > rules.max_gross:
        return (
            f"A signal has weight {worst:g}; the account holds positions of up to "
            f"{rules.max_gross:g} times its equity."
        )
    return ""


def unusual(signals: Sequence[Mapping[str, Any]]) -> str:
    """What in signals is allowed, and yet seldom meant; empty where there is nothing."""
    limits = {
        "hold": (_LONG_HOLD, "sessions, a year"),
        "stop": (_WIDE_STOP, "of the entry price"),
        "trailing_stop": (_WIDE_STOP, "of the best price"),
        "target": (_FAR_TARGET, "times the entry price"),
    }
    told = []
    for name, (limit, unit) in limits.items():
        worst = max((one[name] for one in signals if one.get(name) is not None), default=0)
        if worst > limit:
            told.append(f"{name.replace('_', ' ')} {worst:g} is above {limit:g} {unit}")
    return "; ".join(told)
