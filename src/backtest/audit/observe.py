"""What a strategy does in a world. A worker runs this: it sees one world after the other."""

from __future__ import annotations

import os
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.audit.watch import Watch
from backtest.data.inputs import read_inputs
from backtest.data.prices import read_prices
from backtest.data.universe import tables_folder
from backtest.engine.kernel.panel import decision_rows, panel_of, signalled
from backtest.engine.timeline import Question, decide, questions, schedule
from backtest.errors import BacktestError, DataError, UsageError
from backtest.experiments.runs.placebo import (
    Account,
    acting,
    chains_of,
    random_timing,
    signals_of_trades,
)
from backtest.experiments.runs.store import LEADING
from backtest.strategy.base import TERMS, BacktraderStrategy
from backtest.strategy.loading import find_strategy, strategy_origins
from backtest.strategy.parameters import configure
from backtest.workspace.folders import workspace_of_worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    import pandas as pd

    from backtest.data.inputs import Inputs
    from backtest.data.kinds import Event
    from backtest.engine.kernel.panel import Panel
    from backtest.engine.replay.books import Result
    from backtest.engine.rules import Rules
    from backtest.engine.timeline import Decision
    from backtest.strategy.base import Strategy


_DRAWS = 199  # so that 5 % of the p-values are at most 5 % by luck


def of_decisions(
    decisions: Sequence[Decision], inputs: Inputs, rules: Rules, seed: int
) -> float | None:
    """The chance that random timing does as well as the signals; None where none was given."""
    panel = panel_of(inputs.span)
    return _p(panel, decision_rows(panel, signalled(decisions)), inputs, rules, seed)


def of_trades(result: Result, inputs: Inputs, rules: Rules, seed: int) -> float | None:
    """The same of the trades of a strategy that orders by itself."""
    panel = panel_of(inputs.span)
    signals = signals_of_trades(panel, result.trades, result.curve, rules.cash)
    return _p(panel, signals, inputs, rules, seed)


def _p(panel: Panel, signals: Any, inputs: Inputs, rules: Rules, seed: int) -> float | None:
    held_throughout = len(signals) == 1 and signals["bar"][0] == 0 and signals["hold"][0] < 0
    if len(signals) == 0 or held_throughout:
        return None
    account = Account(panel, acting(signals), rules, inputs.rates)
    chains = chains_of(account.signals, longest=panel.count)
    null = random_timing(account, chains, seed=seed, draws=_DRAWS)
    found = null and null.standing(LEADING)
    return found.upper if found else None


Answer = dict[str, Any]
"""One thing that a strategy did: `date`, `event_id` and the terms of its decision or order."""

_ANSWERED = ("signal", "no_signal")
_ORDER = ("symbol", "size", "type", "price", "exit_reason")


@dataclass(frozen=True)
class Ask:
    """What is asked of a strategy in a world.

    Attributes:
        strategy: its name.
        symbols: stocks that are traded.
        universe: the universe that is traded, in place of symbols; None for symbols.
        settings: parameters by dotted name.
        span: first and last day of the replay.
        rules: the settings.
        until: the last session whose decisions are asked for; None for all.
        passes: how often everything is asked, of the same strategy in the same process.
        placebo: seed of the placebo that the answers are held against; None for none.
        clock: the time at which the strategy is at work; None for the true one.

    """

    strategy: str
    symbols: tuple[str, ...]
    settings: Mapping[str, Any]
    span: tuple[date | None, date | None]
    rules: Rules
    universe: str | None = None
    until: date | None = None
    passes: int = 1
    placebo: int | None = None
    clock: datetime | None = None

    @property
    def reaction(self) -> timedelta:
        """Time between publication and the earliest order."""
        return timedelta(minutes=self.rules.reaction_minutes)

    def inputs(self, data: Path, strategy: Strategy | BacktraderStrategy) -> Inputs:
        """What the strategy is replayed on, from a data folder.

        Raises:
            UsageError: a symbol or the span is wrong.
            DataError: a data file is.

        """
        return read_inputs(
            data,
            self.symbols,
            self.universe or self.symbols[0],
            self.span,
            strategy.listens_to,
            looks_at=strategy.looks_at,
            universe=self.universe,
        )


@dataclass
class Observation:
    """What a strategy did in a world.

    Attributes:
        passes: its answers, once for each time that it was asked.
        error: why it failed, with its line; empty where it did not.
        touched: what it touched that is not its to touch: what, the line, when.
        peeks: by event id, the session and what the planted peek answered.
        p: of the placebo; None where none was asked for, or there was nothing to test.

    """

    passes: list[list[Answer]] = field(default_factory=list)
    error: str = ""
    touched: list[tuple[str, str, str]] = field(default_factory=list)
    peeks: dict[str, tuple[date, str]] = field(default_factory=dict)
    p: float | None = None

    @property
    def heard(self) -> list[date]:
        """The sessions in which an event can be traded."""
        return sorted({session for session, _ in self.peeks.values()})


def observe(root: Path, ask: Ask) -> Observation:
    """Load the strategy anew from a world and ask it.

    Args:
        root: the folder of the world, resolved.
        ask: what is asked.

    Raises:
        DataError: the world cannot be read, a fault of its maker.

    """
    seen, watch = Observation(), Watch(root, ask.clock)
    with _inside(root), Path(os.devnull).open("w") as nowhere:
        try:
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                _ask(ask, seen, watch)
        except UsageError as error:
            seen.error = str(error).replace(f"{root}{os.sep}", "")
        except DataError as error:
            if ask.placebo is None:
                raise
            seen.error = str(error)  # events on random days may break the rules of their kind
        except SystemExit as ending:
            seen.error = f"It ends the program (exit code {ending.code})."
    seen.touched = [(what, line, when) for (what, line), when in watch.touched.items()]
    return seen


@contextmanager
def _inside(root: Path) -> Iterator[None]:
    """Stand in the folder of a world, as the program would."""
    names = ("BACKTEST_STRATEGIES", "BACKTEST_DATA")
    folder, before = Path.cwd(), {name: os.environ.get(name) for name in names}
    os.chdir(root)
    os.environ.update(zip(names, (str(root / "strategies"), str(root / "data")), strict=True))
    try:
        yield
    finally:
        os.chdir(folder)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _ask(ask: Ask, seen: Observation, watch: Watch) -> None:
    workspace = workspace_of_worker()
    strategy_origins(workspace)  # what packages tell of themselves is read before it is watched
    with watch.during("while it loads"):
        file = find_strategy(workspace, ask.strategy)
        strategy = configure(file, ask.settings)
    try:
        inputs = ask.inputs(workspace.data, strategy)
    except UsageError as error:  # no fault of the strategy
        raise BacktestError(f"A world of the audit cannot be read: {error}") from error
    if ask.placebo is None:
        seen.peeks = _peeks(ask, inputs, strategy.listens_to, workspace.data)
    if isinstance(strategy, BacktraderStrategy):
        _replay(ask, strategy, inputs, seen, watch)
    else:
        _decide(ask, strategy, inputs, seen, watch)


def _peeks(
    ask: Ask, inputs: Inputs, listens_to: tuple[type[Event], ...], data: Path
) -> dict[str, tuple[date, str]]:
    """What a planted peek answers to the events of the last session, or else to all."""
    prices = tables_folder(data, ask.universe) / "prices"
    table = cache(lambda symbol: read_prices(prices, symbol).table)
    found = questions(listens_to, *_where(ask, inputs))
    asked = [one for one in found if isinstance(one, Question)]
    return {
        one.event.id: (session, _peek(table(one.event.symbol), session))
        for one in asked
        if (session := one.market.session) == (ask.until or session)
    }


def _peek(table: pd.DataFrame, session: date) -> str:
    """How a session ends, against the close before."""
    row = table.index.get_loc(str(session))
    before = table["close"].iloc[row - 1] if row else table["open"].iloc[0]
    change = table["close"].iloc[row] - before
    return "rises" if change > 0 else "falls" if change < 0 else "stands still"


def _decide(ask: Ask, strategy: Strategy, inputs: Inputs, seen: Observation, watch: Watch) -> None:
    decisions: list[Decision] = []
    for _ in range(ask.passes):
        with watch.during("while it decides"):
            decisions = _decisions(ask, strategy, inputs)
        answers = [_decided(one) for one in decisions if one.action in _ANSWERED]
        seen.passes.append(_until(ask, answers))
    if ask.placebo is not None:
        seen.p = of_decisions(decisions, inputs, ask.rules, ask.placebo)


def _decisions(ask: Ask, strategy: Strategy, inputs: Inputs) -> list[Decision]:
    where = _where(ask, inputs)
    try:
        return decide(strategy, *where)
    except UsageError:
        if ask.until is None:
            raise
    # Made-up prices may break it later: what it answers up to the session counts.
    asked = [one for one in questions(strategy.listens_to, *where) if isinstance(one, Question)]
    return [one.ask(strategy) for one in asked if one.market.session <= ask.until]


def _where(ask: Ask, inputs: Inputs) -> Any:
    """The terms of `questions` that follow the kinds of event."""
    return inputs.events, inputs.seen, inputs.span, ask.reaction, inputs.universe


def _until(ask: Ask, answers: Sequence[Answer]) -> list[Answer]:
    return [one for one in answers if ask.until is None or one["date"] <= ask.until]


def _decided(decision: Decision) -> Answer:
    signal = decision.signal
    terms = {name: getattr(signal, name) for name in TERMS} if signal else {}
    return {
        "date": decision.tradable_session,
        "event_id": decision.event.id,
        "action": decision.direction or "no signal",
        **{name: value for name, value in terms.items() if value},  # a priority of 0 is none
        "reason": decision.reason,
    }


def _replay(
    ask: Ask, strategy: BacktraderStrategy, inputs: Inputs, seen: Observation, watch: Watch
) -> None:
    result: Result | None = None
    for _ in range(ask.passes):
        with watch.during("while it replays"):
            result = _replayed(ask, strategy, inputs)
        seen.passes.append(_until(ask, [_ordered(order) for order in result.orders]))
    if result is not None and ask.placebo is not None:
        seen.p = of_trades(result, inputs, ask.rules, ask.placebo)


def _replayed(ask: Ask, strategy: BacktraderStrategy, inputs: Inputs) -> Result:
    from backtest.engine.replay.event_strategy import replay_event_strategy

    def replay(span: Any) -> Result:
        where = (inputs.events, inputs.history, span, ask.reaction, inputs.universe)
        decisions = schedule(strategy.listens_to, *where)
        terms = (strategy.cls, strategy.parameters, span, inputs.rates, decisions, ask.rules)
        return replay_event_strategy(*terms)

    try:
        return replay(inputs.span)
    except UsageError:
        if ask.until is None:
            raise
    # Made-up prices may break it later: what it does up to the session is asked, and no more.
    return replay(
        {
            symbol: prices.span(None, ask.until) if prices.first <= ask.until else prices
            for symbol, prices in inputs.span.items()
        }
    )


def _ordered(order: Any) -> Answer:
    terms = {name: getattr(order, name) for name in _ORDER}
    told = {name: value for name, value in terms.items() if value is not None}
    return {"date": order.session, "event_id": order.event_id, **told}
