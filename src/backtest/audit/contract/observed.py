"""Observing a strategy in a few worlds of the audit: whether it reads, repeats itself and peeks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from backtest.audit.checks import TITLES, compare, lanes_of, plan, reads
from backtest.audit.contract.report import Result
from backtest.audit.lanes import in_processes
from backtest.audit.repeats import Repeats, note_chance
from backtest.strategy.loading import BacktraderStrategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from backtest.audit.checks import Check
    from backtest.audit.lanes import Crew
    from backtest.audit.observe import Observation
    from backtest.audit.run import PreparedAudit

PROCESSES = 2
_MOST_DATES = 5
_SEED = 1
_PEEKS = ("prefix", "perturbation", "event_time")


def observe(prepared: PreparedAudit, crew: Crew | None = None) -> tuple[Observation, list[Result]]:
    """Observe the strategy on the full data and in a few worlds.

    Args:
        prepared: of the audit.
        crew: who observes; by default two processes.

    Returns:
        What it did on the full data, and the checks that could be tried.

    """
    crew = crew or partial(in_processes, workers=PROCESSES)
    repeats = Repeats(prepared.source, prepared.ask)
    seen = dict(crew(prepared.source, repeats.lanes))
    full = seen[repeats.twice]
    pure = _of_check("pure", reads(full))
    if full.error or seen[repeats.anew].error:
        return full, [pure] if full.touched else []
    again = repeats.check(seen)
    checks = {} if again.findings else _in_worlds(prepared, full, again, crew)
    if again.findings:
        why = "The same question got two answers, so that nothing can be told."
        peeks = Result("peeking", "not tried", why)
    else:
        peeks = _peeks(checks)
    return full, [pure, _of_check("deterministic", again), peeks]


def _in_worlds(
    prepared: PreparedAudit, full: Observation, again: Check, crew: Crew
) -> dict[str, Check]:
    """The checks in worlds; what differs there by chance is noted as what is asked again."""
    source = prepared.source
    dates = _few(_dates(prepared, full))
    trials = plan(source, prepared.ask, dates, dates, _SEED)
    seen = dict(crew(source, lanes_of(trials)))
    checks = compare(trials, seen, full)
    note_chance(again, source, crew, checks.values(), seen)
    return checks


def _peeks(checks: Mapping[str, Check]) -> Result:
    found = [checks[name] for name in _PEEKS if checks[name].findings]
    if found:
        named = ", ".join(TITLES[check.name] for check in found)
        told = _first(one for check in found for one in check.findings.values())
        return Result("peeking", "failed", f"{told} Seen in: {named}.")
    worlds = sum(check.worlds for check in checks.values())
    what = f"It decided the same in {worlds} worlds in which what came later was another."
    return Result("peeking", "ok", what)


def _dates(prepared: PreparedAudit, full: Observation) -> list[date]:
    """The sessions in which it decides or orders."""
    if isinstance(prepared.strategy, BacktraderStrategy):
        return sorted({*full.heard, *(answer["date"] for answer in full.passes[0])})
    return full.heard


def _few(dates: Sequence[date]) -> list[date]:
    """Some of the dates, spread evenly."""
    count = min(len(dates), _MOST_DATES)
    return [dates[(2 * n + 1) * len(dates) // (2 * count)] for n in range(count)]


def _of_check(name: str, check: Check) -> Result:
    if check.findings:
        return Result(name, "failed", _first(check.findings.values()))
    what = {
        "pure": "It reads no file and reaches for no network while it loads and decides.",
        "deterministic": f"{check.compared} answers were the same when asked again, in another "
        "process and on other days.",
    }
    return Result(name, "ok", what[name])


def _first(findings: Iterable[Mapping[str, Any]]) -> str:
    """The earliest finding: when, what, and both answers where there are two."""
    one = min(findings, key=lambda finding: finding["date"] or "")
    at = f"{one['date']}: " if one["date"] else ""
    if not one["full"] and not one["world"]:
        return f"{at}{one['what']}."
    ours, theirs = (side["text"] if side else "nothing" for side in (one["full"], one["world"]))
    return f"{at}{one['what']}: “{theirs}” in place of “{ours}”."
