"""Audits as they stand in their folders: read, and found by the strategy's source.

`audit.json` holds a record of plain values:

    audit_id            hash of all that decides the result
    strategy, orders_itself, symbols, parameters, strategy_sha256, rules_version, packages,
    inputs              by place in the data folder, the sha256
    span                {first, last}
    settings            {from, to, worlds, rules}
    seed
    checks              list of {name, title, what, tried, findings, count}:
        name            "prefix", "perturbation", "event_time", "reads", "repeat"
        title           of the check, in two or three words
        what            what was tried, a sentence
        tried           {worlds, dates, compared}: worlds made, dates tried, decisions (or
                        orders) compared
        findings        the first 20, of {date, event_id, what, full, world}; `full` and `world`
                        are what the strategy did on the full data and in the world, each
                        {text, ...}, or None where it did nothing
        count           how many findings there were
        not_tried       why a check could not be tried; empty where it was
    sensitivity         {peek: {what, caught, worlds, made_up}, delay: {what, moved, tried,
                        events} or None}
    null                {worlds, level, bias, what, tested, significant, share, interval}, or
                        {worlds, level, bias, why} where nothing could be tested
    data                list of {severity, where, what, why, mend}, of the data audit
    outcome             "clean", "bias" or "not deterministic"
    sentence            the outcome in words
    started_at, finished_at
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backtest.workspace.files import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EXIT_CODE = 4  # of a command that has found bias


@dataclass(frozen=True)
class Audit:
    """An audit as it stands in its folder; `record` is what `audit.json` holds."""

    path: Path
    record: Mapping[str, Any]


def read_audit(path: Path) -> Audit:
    """Read the folder of an audit.

    Raises:
        DataError: it holds no readable record.

    """
    record = read_record(path / "audit.json", ["audit_id"], "audit again")
    return Audit(path, record)


def list_audits(reports: Path) -> list[Audit]:
    """The audits in a folder, newest first.

    Raises:
        DataError: one is not readable.

    """
    found = [read_audit(place.parent) for place in reports.glob("audit-*/audit.json")]
    return sorted(found, key=lambda audit: str(audit.record["finished_at"]), reverse=True)


def find_audit(reports: Path, strategy: str, source_sha256: str) -> Audit | None:
    """The newest audit of a strategy as its source stands now; None where there is none.

    Args:
        reports: the reports folder.
        strategy: the name.
        source_sha256: as of `StrategyFile.source_sha256`.

    Raises:
        DataError: an audit of the strategy is not readable.

    """
    found = [
        audit
        for place in reports.glob(f"audit-{strategy}-*/audit.json")
        if (audit := read_audit(place.parent)).record["strategy"] == strategy
        and audit.record["strategy_sha256"] == source_sha256
    ]
    return max(found, key=lambda audit: str(audit.record["finished_at"]), default=None)
