"""Write what was measured as Markdown for README.md."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from growth import Table

HERE = Path(__file__).parent
HEAD = [
    "| work | ours | against | theirs | ratio (quartiles) | reach |",
    "|---|---|---|---|---|---|",
]
PROGRAM = ("numba", "numpy", "pandas", "backtrader", "quantstats")
PEERS = (
    "vectorbt", "vectorbt-rust", "backtrader", "backtesting", "bt", "numba", "numpy", "pandas",
)  # fmt: skip


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    theirs = ratio = "–"
    if "theirs" in row:
        theirs = _time(row["theirs"])
        low, middle, high = (_number(row[name]) for name in ("low", "ratio", "high"))
        ratio = f"{middle} × ({low} to {high})"
    ours = _time(row["ours"])
    return f"| {row['work']} | {ours} | {row['against']} | {theirs} | {ratio} | {row['reach']} |"


def memory(rows: list[dict[str, Any]]) -> list[str]:
    """Return what both sides added to their memory, if both were watched."""
    lines = ["| memory added | ours | against | theirs |", "|---|---|---|---|"]
    for row in rows:
        if "theirs_mib" in row:
            ours, theirs = f"{row['ours_mib']:.1f} MiB", f"{row['theirs_mib']:.1f} MiB"
            lines.append(f"| {row['work']} | {ours} | {row['against']} | {theirs} |")
    return [*lines, ""]


def grown(what: str, table: Table) -> list[str]:
    """Return a small table of seconds by size."""
    sizes = " | ".join(f"{size:,}" for size, _ in table)
    times = " | ".join(_time(seconds) for _, seconds in table)
    return [f"| {what} | {sizes} |", f"|---{'|---:' * len(table)}|", f"| time | {times} |", ""]


def about() -> dict[str, Any]:
    """Return the date, the machine and the versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {_processor()}, {platform.system()}",
        "python": platform.python_version(),
        "program": {name: version(name) for name in PROGRAM},
        "peers": {name: _locked(name) for name in PEERS},
    }


def _time(seconds: float) -> str:
    for limit, unit, scale in ((1e-3, "µs", 1e6), (1, "ms", 1e3)):
        if seconds < limit:
            return f"{_number(seconds * scale)} {unit}"
    return f"{_number(seconds)} s"


def _number(value: float) -> str:
    """Write three digits, as many as a measurement is worth."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text("utf-8") if info.exists() else "")
    return names[0] if names else platform.machine()


def _locked(name: str) -> str:
    lock = (HERE / "peers" / "requirements.lock").read_text("utf-8")
    found = re.search(rf"^{name}(?:\[.*?\])?==([^ ]+)", lock, re.MULTILINE)
    return found[1] if found else "?"
