"""Comparisons that are kept: a folder each, with what was compared and the page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from backtest.experiments.runs.store import run_id
from backtest.workspace.files import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from backtest.experiments.runs.store import Run


def record_comparison(reports: Path, runs: Sequence[Run]) -> Path:
    """Write `compare.json` of a comparison; return its folder, the same for the same runs.

    Raises:
        UsageError: the folder cannot be written.

    """
    identity = run_id({"runs": sorted(run.run_id for run in runs)})
    spans = [run.manifest["span"] for run in runs]
    record = {
        "comparison_id": identity,
        "runs": [run.run_id for run in runs],
        "strategies": [run.manifest["strategy"] for run in runs],
        "symbols": sorted({symbol for run in runs for symbol in run.manifest["symbols"]}),
        "span": {
            "first": min(span["first"] for span in spans),
            "last": max(span["last"] for span in spans),
        },
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
    }
    folder = reports / f"compare-{identity}"
    text = json.dumps(record, indent=2, ensure_ascii=False)
    write_text(folder / "compare.json", text + "\n")
    return folder
