"""What pages share: plotly's script, stored once beside them."""

from __future__ import annotations

from pathlib import Path

from backtest.workspace.files import write_text

# Of plotly's bundles the one with the charts that pages have: a third of the whole, and read in
# a third of the time. Where it comes from stands beside it.
PLOTLY = Path(__file__).parent / "plotly" / "plotly-cartesian-4.1.1.min.js"


def store_plotly(reports: Path) -> Path:
    """Where plotly's script lies in a reports folder; it is put there unless it is.

    The name carries the version, so that an upgrade leaves older pages the script they were
    made for. A damaged file is replaced.

    Raises:
        UsageError: the folder cannot be written.

    """
    script, stored = PLOTLY.read_bytes(), reports / "assets" / PLOTLY.name
    if not stored.is_file() or stored.read_bytes() != script:
        write_text(stored, script.decode("utf-8"))
    return stored
