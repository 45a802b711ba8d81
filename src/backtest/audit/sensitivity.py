"""Sensitivity: what shows that the audit would have seen a peek."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.audit import worlds
from backtest.audit.checks import PERTURBATION, PREFIX, spread, text_of
from backtest.audit.jobs import Job, JobGroup
from backtest.stats import LEVEL
from backtest.stats.multiple_testing import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from backtest.audit.checks import Check
    from backtest.audit.observe import Answer, Ask, Observation
    from backtest.audit.worlds import Source, World
    from backtest.data.inputs import Row
    from backtest.data.kinds import Event


_GROUP = 50  # worlds that one process sees
_MOST_DELAYED = 100  # events; each takes a world in which all symbols are written
_SURE = 0.999  # the confidence at which more than luck is called bias


def null_jobs(
    source: Source, ask: Ask, sessions: Sequence[date], count: int, seed: int
) -> list[Job]:
    """The null worlds, and what is asked in them.

    Args:
        source: the data.
        ask: what is asked.
        sessions: those of the replay, on which events are put.
        count: how many worlds.
        seed: of all of them.

    """
    return [
        Job(
            partial(_world, source, sessions, (seed, number)),
            replace(ask, placebo=int(np.random.default_rng((seed, number)).integers(2**32))),
        )
        for number in range(count)
    ]


def _world(source: Source, sessions: Sequence[date], seed: tuple[int, int]) -> World:
    return worlds.shuffled(source, np.random.default_rng(seed), sessions)


def null_groups(jobs: Sequence[Job]) -> list[JobGroup]:
    """Groups of some worlds each."""
    return [JobGroup(jobs[first : first + _GROUP]) for first in range(0, len(jobs), _GROUP)]


def null_record(
    seen: Sequence[Observation], why_not: str = "no null world was asked for"
) -> dict[str, Any]:
    """How often the strategy looked significant, as the record holds it.

    Args:
        seen: what it did in the null worlds.
        why_not: why there are none, where there are none.

    """
    told: dict[str, Any] = {"worlds": len(seen), "level": LEVEL, "bias": False}
    failed = [one.error for one in seen if one.error]
    p_values = [one.p for one in seen if one.p is not None]
    if not seen:
        return {**told, "why": f"{why_not}."}
    if len(failed) == len(seen):
        return {**told, "why": f"it fails in all of them. {failed[0]}"}
    if not p_values:
        why = (
            "it trades in none of them, holds from the first session to the last, or trades so "
            "many stocks at a time that its signals cannot be moved to other times."
        )
        return {**told, "why": why}
    found = sum(p <= LEVEL for p in p_values)
    low, _ = wilson_interval(found, len(p_values), _SURE)
    return {
        **told,
        "what": f"{len(seen)} worlds with days drawn at random from the stock's own and its "
        "events in random sessions: nothing can be predicted there.",
        "tested": len(p_values),
        "significant": found,
        "share": found / len(p_values),
        "interval": list(wilson_interval(found, len(p_values))),
        "bias": low > LEVEL,
    }


@dataclass(frozen=True)
class Delay:
    """One event that comes a session later.

    Attributes:
        event: as it is.
        late_id: its id when it comes later.
        order: what the strategy did on it.
        job: the world in which it comes later.

    """

    event: Event
    late_id: str
    order: Answer
    job: Job


def delays(
    source: Source, ask: Ask, events: Sequence[Event], answers: Sequence[Answer]
) -> list[Delay]:
    """A world for each event that the strategy acted on; of very many, for some of them."""
    by_id = {event.id: event for event in events}
    acted: dict[str, Answer] = {}
    for answer in answers:
        if answer["event_id"] in by_id and answer.get("action") != "no signal":
            acted.setdefault(answer["event_id"], answer)
    found = []
    for event_id, answer in spread(list(acted.items()), _MOST_DELAYED):
        event = by_id[event_id]
        row = _row_of(source, event)
        late = worlds.one_session_later(row, ask.reaction).published_at
        late_id = type(event).model_validate({**event.model_dump(), "published_at": late}).id
        make = partial(worlds.with_one_delayed, source, row.line, ask.reaction)
        found.append(Delay(event, late_id, answer, Job(make, replace(ask))))
    return found


def _row_of(source: Source, event: Event) -> Row:
    return next(
        row
        for name, rows in source.data.tables.events.items()
        if source.data.kinds[name] is type(event)
        for row in rows
        if row.published_at == event.published_at
        and (row.cells["symbol"], row.cells["headline"].strip()) == (event.symbol, event.headline)
    )


def delay_record(tried: Sequence[Delay], seen: Mapping[Job, Observation]) -> dict[str, Any] | None:
    """Whether orders moved with their events; None where no event was acted on."""
    if not tried:
        return None
    moves = [_moved(delay, seen[delay.job]) for delay in tried]
    first = next((move for move in moves if move["moved"]), moves[0])
    return {
        "what": f"{first['what']} So it was with {sum(m['moved'] for m in moves)} of {len(moves)} "
        "events that it acted on.",
        "moved": sum(move["moved"] for move in moves),
        "tried": len(moves),
        "events": moves,
    }


def _moved(delay: Delay, seen: Observation) -> dict[str, Any]:
    """What became of the order of an event that came later."""
    answers = seen.passes[0] if seen.passes else []
    late = next((one for one in answers if one["event_id"] == delay.late_id), None)
    day = delay.order["date"]
    still = any(
        one["date"] == day and one["event_id"] in (delay.event.id, delay.late_id) for one in answers
    )
    became = "is gone" if late is None else f"moved to {late['date']}: {text_of(late)}"
    if late is not None and late.get("action") == "no signal":
        became = f"is gone ({late['reason']})"
    return {
        "event_id": delay.event.id,
        "headline": delay.event.headline,
        "from": day.isoformat(),
        "to": None if late is None else late["date"].isoformat(),
        "moved": not still,
        "what": f"Delaying “{delay.event.headline}” by one session: its order of {day} "
        f"({text_of(delay.order)}) {'stayed' if still else became}.",
    }


def peek_record(checks: Mapping[str, Check]) -> dict[str, Any]:
    """How often a planted peek at the session's own close was caught."""
    found = {name: checks[name].peeks for name in (PREFIX, PERTURBATION)}
    caught, asked = found[PREFIX]
    made_up, of = found[PERTURBATION]
    what = (
        f"A planted peek at the session's own close was caught in {caught} of {asked} worlds "
        f"without it, and in {made_up} of {of} worlds in which it was made up: it looks only at "
        "whether the stock rose, which a made-up session gets right half of the time."
        if asked
        else f"Not tried: {checks[PREFIX].not_tried or 'no event can be traded'}."
    )
    return {"what": what, "caught": caught, "worlds": asked, "made_up": [made_up, of]}
