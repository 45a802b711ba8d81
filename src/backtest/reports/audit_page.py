"""An audit in plain words and as a page: what was tried, what was found, where decisions differ."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.audit.record import find_audit
from backtest.reports.pages import write_page
from backtest.stats.formats import UNKNOWN, count, counted, percent, share
from backtest.strategy.parameters import flat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from backtest.audit.record import Audit
    from backtest.experiments.runs.store import Run

    Record = Mapping[str, Any]


def audit_of(run: Run) -> Audit | None:
    """The newest audit of the source that ran; None where there is none that can be read."""
    manifest = run.manifest
    return find_audit(run.path.parent, manifest["strategy"], manifest["strategy_sha256"])


def audited_on(run: Run, audit: Audit) -> str:
    """The day of an audit, and whether it was of other parameters than the run's."""
    others = audit.record["parameters"] != run.manifest["parameters"]
    return f"{audit.record['finished_at'][:10]}{' with other parameters' * others}"


def caution(run: Run, audit: Audit | None) -> str:
    """What an audit found against the strategy of a run; empty where it found nothing."""
    if audit is None or audit.record["outcome"] == "clean":
        return ""
    return f"The audit of {audited_on(run, audit)} {verdict(audit.record)}."


def audit_lines(runs: Sequence[Run]) -> list[tuple[str, bool]]:
    """What is known of the strategies of runs, in few lines, and whether each is a caution."""
    audits = [(run, audit_of(run)) for run in runs]
    bad = [
        f"{run.manifest['strategy']}: {told}" for run, one in audits if (told := caution(run, one))
    ]
    clean = [
        f"{run.manifest['strategy']} ({audited_on(run, one)})"
        for run, one in audits
        if one and not caution(run, one)
    ]
    unknown = [run.manifest["strategy"] for run, one in audits if one is None]
    lines = [(line, True) for line in bad]
    if clean:
        lines.append((f"Audited clean: {', '.join(clean)}.", False))
    if unknown:
        name = unknown[0] if len(unknown) == 1 else "NAME"
        told = f"Not audited: {', '.join(unknown)}. `backtest audit {name}` looks for look-ahead."
        lines.append((told, False))
    return lines


OUTCOMES = {"clean": "Clean", "bias": "Bias found", "not deterministic": "Not deterministic"}
NOTHING = "nothing"
SEVERITIES = ("error", "warning", "note")
_DATA = (
    "If a stamp in an event file is too early, no strategy is to blame and no world shows it. The "
    "data audit looks for the signs of it, and sees some."
)
_HINDSIGHT = (
    "Whoever wrote the rule knew how the stock had moved. Rules and parameters chosen after the "
    "fact look ahead without any code that does. The trials on record and the placebo speak of it."
)
_NOT_REACHED = (
    "These data, parameters and dates were tried. A line that did not run here was not seen."
)
_WITHOUT_EFFECT = (
    "What a strategy learned of the future and did not act on leaves no trace in its decisions; "
    "files and connections that Python opens are noted even so."
)
_MALICE = (
    "The audit finds mistakes. Code that is written to deceive it can, since it runs with the "
    "rights of the program."
)
LIMITS = (
    ("The data", _DATA),
    ("Hindsight of the author", _HINDSIGHT),
    ("What was not reached", _NOT_REACHED),
    ("A peek without effect", _WITHOUT_EFFECT),
    ("Malice", _MALICE),
)
"""What an audit cannot prove: a heading and a text each."""


class Side(NamedTuple):
    """A field of a decision on the full data and in a world."""

    name: str
    full: str
    world: str
    differs: bool


def title(record: Record) -> str:
    """The strategy and its stocks."""
    traded = record["settings"].get("universe") or " + ".join(record["symbols"])
    return f"{record['strategy']} · {traded}"


def decided(record: Record) -> str:
    """What is compared: the decisions of a strategy, or the orders of one of Backtrader's."""
    return "order" if record["orders_itself"] else "decision"


def outcome(record: Record) -> str:
    """The outcome in a word or two."""
    return OUTCOMES[record["outcome"]]


def verdict(record: Record) -> str:
    """What an audit found that is not clean, to follow its name."""
    found = {check["name"] for check in record["checks"] if check["count"]}
    if found - {"reads", "repeat"} or record["null"]["bias"]:
        return "found that it looks ahead"
    if "reads" in found:
        return "found that it looks at more than it is handed"
    if record["outcome"] == "not deterministic":
        return "found that the same data do not always give the same answers"
    return "found errors in its data"


def passed(record: Record) -> tuple[int, int]:
    """How many checks found nothing, and how many were tried."""
    tried = [check for check in record["checks"] if not check["not_tried"]]
    return sum(check["count"] == 0 for check in tried), len(tried)


def total(record: Record, name: str) -> int:
    """The sum of `worlds` or `compared` over all checks."""
    return sum(check["tried"].get(name) or 0 for check in record["checks"])


def found(check: Record) -> str:
    """What a check found, and where first."""
    if check["not_tried"]:
        return f"not tried: {check['not_tried']}"
    if not check["count"]:
        return NOTHING
    day, many = check["findings"][0]["date"], counted(check["count"], "finding")
    return f"{many}, the first on {day}" if day else many


def tried(check: Record, noun: str) -> str:
    """The size of a check."""
    sizes = check["tried"]
    nouns = (("worlds", "world"), ("dates", "date"), ("compared", f"{noun} compared"))
    told = [_many(sizes[name], word) for name, word in nouns if sizes.get(name)]
    return ", ".join(told) or UNKNOWN


def _many(number: int, noun: str) -> str:
    first, _, rest = noun.partition(" ")
    return f"{counted(number, first)} {rest}".strip()


def headings(check: Record) -> tuple[str, str]:
    """What the two sides of its findings are."""
    if check["name"] == "repeat":
        return "Asked first", "Asked again"
    return "On all data", "In the world"


def sides(finding: Record) -> list[Side]:
    """Both decisions of a finding, field by field."""
    full, world = (finding[name] or {} for name in ("full", "world"))
    names = [name for name in {**full, **world} if name != "text"] or ["text"]
    return [_side(name, full.get(name), world.get(name)) for name in names]


def _side(name: str, full: Any, world: Any) -> Side:
    return Side(name.replace("_", " "), value(full), value(world), full != world)


def value(given: Any) -> str:
    """A value of a decision."""
    if given is None or given == "":
        return UNKNOWN
    return f"{given:g}" if isinstance(given, float) else str(given)


def text_of(side: Record | None) -> str:
    """A decision in a line; none was made where it is None."""
    return "nothing" if side is None else str(side["text"])


def sensitivity(record: Record) -> list[tuple[str, str]]:
    """What shows that the audit would have seen a peek: a heading and a text each."""
    peek, delayed = record["sensitivity"]["peek"], record["sensitivity"]["delay"]
    told = delayed["what"] if delayed else delay(record)
    return [("Planted peek", peek["what"]), ("Delayed event", told)]


def delay(record: Record) -> str:
    """Whether what the strategy does moves with its events."""
    delayed = record["sensitivity"]["delay"]
    if delayed is None:
        why = next(check["not_tried"] for check in record["checks"])
        return f"Not tried: {why}." if why else "It acted on no event, so that none was delayed."
    return (
        f"Events that it acted on were delayed by a session, one at a time: {delayed['moved']} of "
        f"{delayed['tried']} {decided(record)}s moved or were gone."
    )


def null(record: Record) -> str:
    """How often the strategy does well where there is nothing to find."""
    tested = record["null"]
    if tested.get("why"):
        return f"Not tried: {tested['why']}"
    low, high = tested["interval"]
    return (
        f"{tested['what']} {count(tested['significant'])} of {counted(tested['tested'], 'world')} "
        f"({percent(tested['share']).lstrip('+')}) look significant at the "
        f"{share(tested['level'])} level; 95 % interval {share(low)} to {share(high)}."
    )


def data(record: Record) -> str:
    """How much the data audit found, by severity."""
    many = [(sum(one["severity"] == name for one in record["data"]), name) for name in SEVERITIES]
    told = ", ".join(counted(number, name) for number, name in many if number)
    return f"Stamps, prices, moves and borrow rates were checked: {told or 'nothing was found'}."


def data_errors(record: Record) -> str:
    """That the data let a strategy trade too early; empty where they do not."""
    errors = sum(one["severity"] == "error" for one in record["data"])
    if not errors:
        return ""
    return f"{counted(errors, 'error')} in the data: no strategy is honest on wrong stamps."


_DECIDES = ("seed", "settings", "strategy_sha256", "rules_version", "packages", "inputs")


def write_audit_page(folder: Path, record: Record, reports: Path) -> Path:
    """Write `index.html` of an audit from its record; return its place.

    Raises:
        UsageError: a folder cannot be written.

    """
    return write_page(
        folder / "index.html",
        reports,
        "audit.html",
        record=record,
        words=sys.modules[__name__],  # the template calls what stands above
        parameters=flat(record["parameters"]),
        manifest=flat({name: record[name] for name in _DECIDES}).items(),
    )
