"""The audit page: what was tried, what was found, and both decisions where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.reports.pages import write_page
from backtest.reports.words import audit as words
from backtest.strategy.parameters import flat

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Record = Mapping[str, Any]

_DECIDES = ("seed", "settings", "strategy_sha256", "rules_version", "packages", "inputs")


def write_audit_page(folder: Path, record: Record, reports: Path) -> Path:
    """Write `index.html` of an audit; return its place.

    Args:
        folder: the audit's folder.
        record: what `audit.json` holds.
        reports: the reports folder, to which the page leads back.

    Raises:
        UsageError: the folder cannot be written.

    """
    return write_page(
        folder / "index.html",
        reports,
        "audit.html",
        record=record,
        words=words,
        parameters=flat(record["parameters"]),
        manifest=flat({name: record[name] for name in _DECIDES}).items(),
    )
