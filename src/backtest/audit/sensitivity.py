"""Sensitivity: what shows that the audit would have seen a peek."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from backtest.audit import worlds
from backtest.audit.checks import PERTURBATION, PREFIX, Check, spread, text_of
from backtest.audit.jobs import Job, Source
from backtest.audit.observe import Answer, Ask, AuditRequest, Observation
from backtest.stats import LEVEL
from backtest.stats.multiple_testing import wilson_interval

if TYPE_CHECKING:
    from backtest.data.kinds import Event
    from backtest.data.tables import Row


_MOST_DELAYED = 100  # events; each takes a world in which all symbols are written
_SURE = 0.999  # the confidence at which more than luck is called bias


def null_jobs(source: Source, request: AuditRequest, sessions: Sequence[date]) -> list[Job]:
    """The null worlds, whose events are put on the sessions, and what is asked in them."""

    def job(number: int) -> Job:
        rng = partial(np.random.default_rng, (request.seed, number))
        placebo = int(rng().integers(2**32))
        return Job(lambda: worlds.shuffled(source, rng(), sessions), Ask(request, placebo=placebo))

    return [job(number) for number in range(request.worlds or 0)]


def null_record(
    seen: Sequence[Observation], why_not: str = "no null world was asked for"
) -> dict[str, Any]:
    """How often the strategy looked significant in null worlds, as the record holds it."""
    sizes = {"worlds": len(seen), "level": LEVEL}
    p_values = [one.p for one in seen if one.p is not None]
    if not p_values:
        failed = [one.error for one in seen if one.error]
        why = (
            "it trades in none of them, holds from the first session to the last, or trades so "
            "many stocks at a time that its signals cannot be moved to other times."
        )
        if len(failed) == len(seen):
            why = f"it fails in all of them. {failed[0]}" if seen else f"{why_not}."
        return {**sizes, "bias": False, "why": why}
    found = sum(p <= LEVEL for p in p_values)
    low, _ = wilson_interval(found, len(p_values), _SURE)
    return {
        **sizes,
        "what": f"{len(seen)} worlds with days drawn at random from the stock's own and its "
        "events in random sessions: nothing can be predicted there.",
        "tested": len(p_values),
        "significant": found,
        "share": found / len(p_values),
        "interval": list(wilson_interval(found, len(p_values))),
        "bias": low > LEVEL,
    }


class Delay(NamedTuple):
    """One event that comes a session later in a world, and what was done on it as it is."""

    event: Event
    late_id: str
    order: Answer
    job: Job


def delays(
    source: Source, request: AuditRequest, events: Sequence[Event], answers: Sequence[Answer]
) -> list[Delay]:
    """A world for each event that the strategy acted on; of very many, for some of them."""
    by_id = {event.id: event for event in events}
    # A day that is known does not move with its event.
    waited = {answer["event_id"] for answer in answers if answer.get("action") == "waits"}
    acted: dict[str, Answer] = {}
    for answer in answers:
        if answer["event_id"] in by_id.keys() - waited and answer.get("action") != "no signal":
            acted.setdefault(answer["event_id"], answer)
    found = []
    for event_id, answer in spread(list(acted.items()), _MOST_DELAYED):
        event = by_id[event_id]
        row = _row_of(source, event)
        late = worlds.one_session_later(source, row).published_at
        try:
            late_id = type(event).model_validate({**event.model_dump(), "published_at": late}).id
        except ValidationError:  # the day that it tells of would have passed
            continue
        make = partial(worlds.with_one_delayed, source, row)
        found.append(Delay(event, late_id, answer, Job(make, Ask(request))))
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
    answers = seen.passes[0] if seen.passes else []
    late = next((one for one in answers if one["event_id"] == delay.late_id), None)
    day, ids = delay.order["date"], (delay.event.id, delay.late_id)
    still = any(one["date"] == day and one["event_id"] in ids for one in answers)
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
    """How often planted peeks, such as at the session's own close, were caught."""
    without, made_up = checks[PREFIX].peeks, checks[PERTURBATION].peeks
    told = ". ".join(
        f"A planted peek at the {kind} was caught in {caught} of {tried} worlds without it, and in "
        f"{made_up[kind][0]} of {made_up[kind][1]} worlds in which it was made up"
        for kind, (caught, tried) in without.items()
    )
    what = (
        f"{told}: it looks only at whether the stock rose, which made-up prices get right half of "
        f"the time."
        if told
        else f"Not tried: {checks[PREFIX].not_tried or 'no event can be traded'}."
    )
    caught, tried = (sum(one[place] for one in without.values()) for place in (0, 1))
    return {"what": what, "caught": caught, "worlds": tried}
