"""What pages share: plotly's script, stored once beside them."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

from backtest.datafiles import write_text


def store_plotly(reports: Path) -> Path:
    """Where plotly's script lies in a reports folder; it is put there unless it is.

    The name carries the version, so that an upgrade leaves older pages the script they were
    made for. A file of another length was damaged and is replaced.

    Raises:
        UsageError: the folder cannot be written.

    """
    package = distribution("plotly")  # to import it would take a second
    source = Path(str(package.locate_file("plotly/package_data/plotly.min.js")))
    stored = reports / "assets" / f"plotly-{package.version}.min.js"
    if not stored.is_file() or stored.stat().st_size != source.stat().st_size:
        write_text(stored, source.read_bytes().decode("utf-8"))
    return stored
