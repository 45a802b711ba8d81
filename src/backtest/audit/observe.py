"""Observe what a strategy does in a world. A worker process runs this for each of its worlds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtest.audit.watch import Touched, Watch, silent
from backtest.audit.worlds import DecisionTime
from backtest.data.calendar import trading_calendar
from backtest.data.kinds import NEW_YORK
from backtest.engine.bars import COLUMNS, RunBars
from backtest.engine.kernel.panel import Panel, decision_rows, panel_of
from backtest.engine.schedule import Decision, schedule
from backtest.engine.timeline import Question, decide, decided_at, questions
from backtest.errors import BacktestError, DataError, UsageError
from backtest.experiments.runs.placebo import (
    Account,
    acting,
    by_session,
    chains_of,
    random_timing,
)
from backtest.experiments.runs.store import LEADING
from backtest.experiments.terms import Request
from backtest.strategy.base import TERMS, BacktraderStrategy, Signal, Strategy
from backtest.strategy.loading import find_strategy, strategy_origins
from backtest.strategy.parameters import configure
from backtest.workspace.folders import workspace_of_worker

if TYPE_CHECKING:
    from backtest.data.inputs import Inputs
    from backtest.data.market import Market
    from backtest.engine.replay.books import ReplayResult


# A term with its default is left out of an answer.
_DEFAULTS = {name: Signal.model_fields[name].default for name in TERMS if name != "weight"}
PEEK, PEEK_OF_BAR = "session's own close", "close of the bar that is filled"
_DRAWS = 199  # so that by luck 5 % of the p-values are at most 5 %

AnswerFields = dict[str, Any]
"""One decision or order of a strategy: its `moment`, `date`, `event_id` and its terms."""


_ANSWERED = ("signal", "no_signal")
WITHOUT_SIGNAL = ("no signal", "waits")
"""The actions of answers that trade nothing."""
_OPEN, _CLOSE = COLUMNS.index("open"), COLUMNS.index("close")
_ORDER = ("symbol", "size", "type", "price", "exit_reason")


@dataclass(frozen=True)
class AuditRequest(Request):
    """An audit request names what is audited.

    By default there are 200 null `worlds`, fewer for very many stocks, and none for a strategy of
    Backtrader's.
    """

    accept_jumps: bool = True  # made-up prices may jump
    worlds: int | None = None
    seed: int = 1

    @property
    def reaction(self) -> timedelta:
        """Return the time between publication and the earliest order."""
        return timedelta(minutes=self.rules.reaction_minutes)


@dataclass(frozen=True)
class Ask:
    """`Ask` says what is asked of a strategy in a world."""

    request: AuditRequest
    until: DecisionTime | None = None  # the last moment whose decisions count
    passes: int = 1  # how often the same strategy in the same process is asked everything
    placebo: int | None = None  # its seed; None for no placebo
    clock: datetime | None = None  # the time that the strategy reads; None for the true one


@dataclass
class Observation:
    """An observation holds a strategy's answers in each pass, or why it failed, with the line."""

    passes: list[list[AnswerFields]] = field(default_factory=list)
    error: str = ""
    touched: Touched = field(default_factory=dict)
    peeks: dict[tuple[str, str], str] = field(default_factory=dict)  # planted, by event and kind
    heard: Sequence[DecisionTime] = ()  # the moments at which events can be traded, in order
    p: float | None = None  # of the placebo

    @property
    def moments(self) -> list[DecisionTime]:
        """Return the moments at which it hears of an event, decides or orders, in order."""
        return sorted({*self.heard, *(answer["moment"] for answer in self.passes[0])})


def observe(root: Path, ask: Ask) -> Observation:
    """Load the strategy anew from the world in `root`, a resolved folder, and ask it.

    Raises DataError where the world cannot be read, which is a fault of its maker.
    """
    watch = Watch(root, ask.clock)
    seen = Observation(touched=watch.touched)
    folders = {f"BACKTEST_{name.upper()}": str(root / name) for name in ("strategies", "data")}
    with chdir(root), environment(**folders):
        try:
            with silent():
                _ask(ask, seen, watch)
        except UsageError as error:
            seen.error = str(error).replace(f"{root}{os.sep}", "")
        except DataError as error:
            if ask.placebo is None:
                raise
            seen.error = str(error)  # events on random days may break the rules of their kind
    return seen


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set environment variables within the context, and restore them at its end."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _ask(ask: Ask, seen: Observation, watch: Watch) -> None:
    workspace = workspace_of_worker()
    strategy_origins(workspace)  # reads the metadata of packages, before reading is watched
    with watch.during("while it loads"):
        file = find_strategy(workspace, ask.request.strategy)
        strategy = configure(file, ask.request.settings)
    try:
        inputs = ask.request.inputs(workspace.data, strategy)
    except UsageError as error:  # no fault of the strategy
        raise BacktestError(f"A world of the audit cannot be read: {error}") from error
    bars = ask.request.run_bars(inputs)
    if ask.placebo is None:
        data = (inputs.events, inputs.seen, inputs.span, ask.request.reaction, inputs.universe)
        every = questions(strategy.listens_to, *data, strategy.decides, bars)
        asked = [one for one in every if isinstance(one, Question)]
        seen.heard = sorted({_moment(question.market) for question in asked})
        seen.peeks = {
            (question.event.id, kind): answer
            for question in asked
            if ask.until in (None, _moment(question.market))
            for kind, answer in _peeks(question, inputs)
        }
    if isinstance(strategy, Strategy):
        _decide(ask, strategy, inputs, bars, seen, watch)
        return
    for _ in range(ask.passes):
        with watch.during("while it replays"):
            result = _replay(ask, strategy, inputs)
        seen.passes.append(_until(ask, [_order_fields(order) for order in result.orders]))


def _moment(market: Market) -> DecisionTime:
    return DecisionTime(market.session, market.now)


def _peeks(question: Question, inputs: Inputs) -> Iterator[tuple[str, str]]:
    """Yield each planted peek, at the session and at the bar that is traded, and its answer."""
    symbol, session = question.event.symbol, question.market.session
    if question.bars and question.tradable_bar:
        own = question.bars.of[symbol]
        row = own.place(session, question.tradable_bar)
        last = int(np.searchsorted(own.sessions, np.datetime64(session), side="right")) - 1
        yield PEEK, _peek(own.table, row, last)
        yield PEEK_OF_BAR, _peek(own.table, row, row)
    else:
        prices = inputs.history[symbol]
        row = int(np.searchsorted(prices.days, np.datetime64(session)))
        yield PEEK, _peek(prices.bars, row, row)


def _peek(bars: NDArray[np.float64], row: int, last: int) -> str:
    """Tell how the bar `last` closes against the close before the bar `row`."""
    before = bars[row - 1, _CLOSE] if row else bars[0, _OPEN]
    change = bars[last, _CLOSE] - before
    return "rises" if change > 0 else "falls" if change < 0 else "stands still"


def _decide(
    ask: Ask,
    strategy: Strategy,
    inputs: Inputs,
    bars: RunBars | None,
    seen: Observation,
    watch: Watch,
) -> None:
    data = (inputs.events, inputs.seen, inputs.span, ask.request.reaction, inputs.universe)
    last = ask.until and ask.until.time  # made-up prices may break what comes later
    for _ in range(ask.passes):
        with watch.during("while it decides"):
            decisions = decide(strategy, *data, bars, last=last)
        answers = [
            answer
            for decision in decisions
            if decision.action in _ANSWERED
            for answer in _answers(decision, strategy, bars)
        ]
        seen.passes.append(_until(ask, answers))
    if ask.placebo is not None:
        panel = panel_of(inputs.replayed, bars)
        seen.p = _p(ask, inputs, panel, decision_rows(panel, decisions))


def _until(ask: Ask, answers: Sequence[AnswerFields]) -> list[AnswerFields]:
    return [one for one in answers if ask.until is None or one["moment"] <= ask.until]


def _answers(
    decision: Decision, strategy: Strategy, bars: RunBars | None
) -> Iterator[AnswerFields]:
    """Yield what the strategy answered to an event: each of its waits, and its final answer."""
    signal, event_id = decision.signal, decision.event.id
    for pause in decision.waited:
        yield {
            "moment": DecisionTime(pause.session, pause.time),
            "date": pause.session,
            "event_id": event_id,
            "action": "waits",
            "sessions": pause.sessions,
            "reason": pause.reason,
            **({} if pause.at_most is None else {"at_most": pause.at_most}),
            **({"gives_way": True} if pause.gives_way else {}),
        }
    if decision.waits_in_vain:  # the data end before it answers
        return
    session, bar = decision.tradable_session, decision.tradable_bar
    assert session is not None  # noqa: S101 - it was answered in one
    terms = {name: getattr(signal, name) for name in TERMS} if signal else {}
    terms = {name: value for name, value in terms.items() if value != _DEFAULTS.get(name)}
    if signal and signal.legs:
        terms["legs"] = ", ".join(f"{leg.by:g} {leg.symbol}" for leg in signal.legs)
    if bar:
        terms["bar"] = f"{bar.astimezone(NEW_YORK):%H:%M} New York"
    time = decided_at(bars, decision.event.symbol, session, strategy.decides, bar)
    yield {
        "moment": DecisionTime(session, time),
        "date": session,
        "event_id": event_id,
        "action": signal.direction if signal else "no signal",
        **terms,
        "reason": decision.reason,
    }


def _replay(ask: Ask, strategy: BacktraderStrategy, inputs: Inputs) -> ReplayResult:
    from backtest.engine.replay.replay import replay_event_strategy

    request = ask.request

    def replay(span: Any) -> ReplayResult:
        terms = (inputs.events, inputs.history, span, request.reaction, inputs.universe)
        decisions = schedule(strategy.listens_to, *terms)
        return replay_event_strategy(
            strategy.cls, strategy.parameters, span, inputs.rates, decisions, request.rules
        )

    try:
        return replay(inputs.span)
    except UsageError:
        if ask.until is None:
            raise
    # Made-up prices may break it later: only what it does up to the session matters.
    until = ask.until.session
    return replay(
        {
            symbol: prices.span(None, until) if prices.first <= until else prices
            for symbol, prices in inputs.span.items()
        }
    )


def _order_fields(order: Any) -> AnswerFields:
    terms = {name: getattr(order, name) for name in _ORDER}
    if not isfinite(order.price):  # such as the level of an indicator that has not begun
        terms["price"] = None
    terms = {name: value for name, value in terms.items() if value is not None}
    moment = DecisionTime(order.session, trading_calendar().time_of(order.session, "open"))
    return {"moment": moment, "date": order.session, "event_id": order.event_id, **terms}


def _p(ask: Ask, inputs: Inputs, panel: Panel, signals: Any) -> float | None:
    """Return the p-value of random timing; None where no signal could have come at another time."""
    held_throughout = len(signals) == 1 and signals["bar"][0] == 0 and signals["hold"][0] < 0
    if len(signals) == 0 or held_throughout:
        return None
    account = Account(panel, acting(signals), ask.request.rules, inputs.rates)
    chains = chains_of(by_session(panel, account.signals), longest=panel.count)
    null = random_timing(account, chains, seed=ask.placebo or 0, draws=_DRAWS)
    rank = null and null.standing(LEADING)
    return rank.upper if rank else None
