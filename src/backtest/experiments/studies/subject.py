"""Whose events are studied: those of a kind, or those that a strategy would trade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backtest.data.kinds import Earnings, News, ShortReport, StakeDisclosure, Start
from backtest.errors import UsageError, unknown
from backtest.strategy.kinds import event_kinds
from backtest.strategy.loading import BacktraderStrategy, configure
from backtest.strategy.places import find_strategy, strategy_places

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, timedelta

    from backtest.data.inputs import Inputs
    from backtest.data.kinds import Event
    from backtest.engine.timeline import Decision
    from backtest.strategy.base import Strategy
    from backtest.strategy.loading import StrategyFile
    from backtest.workspace.folders import Workspace


@dataclass(frozen=True)
class Subject:
    """What a study is of.

    Attributes:
        name: as it was given.
        kinds: the kinds of event.
        file: the strategy's file; None where all events of a kind are studied.
        strategy: the strategy, with its default parameters; likewise.
        also: what else has this name, in a sentence; empty where nothing has.

    """

    name: str
    kinds: tuple[type[Event], ...]
    file: StrategyFile | None = None
    strategy: Strategy | None = None
    also: str = ""


@dataclass(frozen=True)
class StudiedEvent:
    """An event with its day 0.

    Attributes:
        event: the event.
        session: day 0, the first session whose open comes after it was public.
        direction: where the price is expected to go, +1 or -1; 0 where nothing is expected.
        why: the reason of the direction.
        labels: its group by each way of grouping.

    """

    event: Event
    session: date
    direction: int
    why: str
    labels: dict[str, str]


@dataclass(frozen=True)
class LeftOut:
    """An event that is not studied, and why."""

    event: Event
    reason: str


def find_subject(workspace: Workspace, name: str, *, as_strategy: bool) -> Subject:
    """The kind of event that has the name, or the strategy.

    Args:
        workspace: the folders.
        name: of a kind or of a strategy.
        as_strategy: whether the strategy is meant where both have the name.

    Raises:
        UsageError: nothing has the name, or the strategy answers with no signals.

    """
    kinds, strategies = event_kinds(workspace), strategy_places(workspace)
    if name in kinds and not as_strategy:
        also = f"A strategy has this name too: --strategy studies what {name} would trade."
        return Subject(name, (kinds[name],), also=also if name in strategies else "")
    if name not in strategies:
        what = "strategy" if as_strategy else "kind of event or strategy"
        raise unknown(what, name, strategies if as_strategy else {*kinds, *strategies})
    file = find_strategy(workspace, name)
    strategy = configure(file, {})
    if isinstance(strategy, BacktraderStrategy):
        heard = ", ".join(kind.kind for kind in file.cls.listens_to)
        raise UsageError(
            f"{name} orders by itself and answers events with no signal, so that nothing says "
            f"which it trades. Study the kinds that it hears of: {heard}."
        )
    return Subject(name, tuple(strategy.listens_to), file, strategy)


def events_of(
    subject: Subject, inputs: Inputs, reaction: timedelta
) -> tuple[list[StudiedEvent], list[LeftOut]]:
    """The events with a day 0, in order of publication, and those that are left out."""
    from backtest.engine.timeline import decide, schedule

    where = (inputs.events, inputs.seen, inputs.span, reaction)
    if subject.strategy is None:
        decisions = schedule(subject.kinds, *where)
    else:
        decisions = decide(subject.strategy, *where)
    studied, left_out = [], []
    for decision in decisions:
        event, session = decision.event, decision.tradable_session
        if isinstance(event, Start):
            left_out.append(LeftOut(event, "no public fact: the replay begins"))
        elif session is None or decision.action in ("not_tradable", "no_signal"):
            left_out.append(LeftOut(event, decision.reason))
        else:
            direction, why = _expected(decision, inputs.events)
            labels = _labels(decision, inputs.events)
            studied.append(StudiedEvent(event, session, direction, why, labels))
    return studied, left_out


def _expected(decision: Decision, events: Sequence[Event]) -> tuple[int, str]:
    """The direction, by the signal or else by what the event says, and the reason."""
    event = decision.event
    if decision.signal is not None:
        return (1 if decision.direction == "long" else -1), decision.signal.reason
    if isinstance(event, Earnings):
        return _sign(event.eps_surprise), "sign of the EPS surprise"
    if isinstance(event, StakeDisclosure):
        if event.is_stale(events):
            return 0, "a stale filing says nothing"
        return _sign(event.stake_change), "sign of the stake's change"
    if isinstance(event, ShortReport):
        return -1, "a case against the stock"
    return 0, "nothing is expected of this kind"


def _labels(decision: Decision, events: Sequence[Event]) -> dict[str, str]:
    event = decision.event
    labels = {"kind": event.kind}
    if decision.direction is not None:
        labels["direction"] = decision.direction
    if isinstance(event, Earnings):
        labels["EPS surprise"] = _word(event.eps_surprise, "beat", "miss", "in line")
    if isinstance(event, StakeDisclosure):
        word = _word(event.stake_change, "raised", "cut", "unchanged")
        labels["stake"] = "stale" if event.is_stale(events) else word
    if isinstance(event, ShortReport):
        labels["author"] = event.author
    if isinstance(event, News):
        labels["category"] = event.category
    return labels


def _word(change: float | None, up: str, down: str, level: str) -> str:
    return "unknown" if change is None else (level, up, down)[_sign(change)]


def _sign(value: float | None) -> int:
    return 0 if not value else 1 if value > 0 else -1
