"""Anyone's files of events, as rows to take in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.data.datafile import open_data_file, raise_problems, read_rows
from backtest.data.events import FIRST_COLUMNS, check_columns, prepared

if TYPE_CHECKING:
    from pathlib import Path

    from backtest.data.kinds import Event


def read_event_file(path: Path, kind: type[Event], source_url: str | None) -> list[dict[str, str]]:
    """The rows of a CSV file of events, `prepared`; DataError, which names every wrong row."""
    file = open_data_file(path)
    check_columns(file, kind)
    problems: list[str] = []
    found = []
    for line, row in read_rows(file, FIRST_COLUMNS, problems):
        try:
            found.append(prepared(kind, row, source_url))
        except ValueError as error:
            problems.append(f"line {line}, {error}")
    raise_problems(path, problems)
    return found
