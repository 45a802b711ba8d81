"""Events that come later or say something else, as far as their kind allows it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from backtest.audit.worlds import shifted
from backtest.data.tables import event_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from backtest.audit.source import Source
    from backtest.data.kinds import Event
    from backtest.data.tables import Cells, Row

_WEEK = timedelta(days=7)  # five sessions, on the same weekday
_KEPT = ("symbol", "published_at", "precision")


def altered_events(source: Source, seed: int) -> Mapping[str, Row]:
    """By the line of each event's row, one that says something else of the same time.

    Args:
        source: the data.
        seed: of the changes.

    """
    rng = np.random.default_rng(seed)
    return {
        row.line: _altered(row, rows, source.data.kinds[name], rng)
        for name, rows in source.data.tables.events.items()
        for row in rows
    }


def delayed_events(source: Source) -> Mapping[str, Row | None]:
    """By the line of each event's row, the same a week later; None where the kind forbids it."""
    return {
        row.line: _delayed(row, source.data.kinds[name])
        for name, rows in source.data.tables.events.items()
        for row in rows
    }


def _delayed(row: Row, kind: type[Event]) -> Row | None:
    later = shifted(row, _WEEK)
    return later if _is_valid(later.cells, kind) else None


def _altered(row: Row, rows: Sequence[Row], kind: type[Event], rng: np.random.Generator) -> Row:
    cells = dict(row.cells)
    for name, cell in row.cells.items():
        if name in _KEPT or not cell:
            continue
        others = [other.cells[name] for other in rows if other.cells[name] != cell]
        for candidate in _candidates(cell, others, rng):
            if _is_valid(cells | {name: candidate}, kind):
                cells[name] = candidate
                break
    return event_row(cells)


def _candidates(cell: str, others: Sequence[str], rng: np.random.Generator) -> Iterator[str]:
    """Other texts for a cell, the most different first; some may not be allowed."""
    factor = float(rng.uniform(0.3, 3))
    try:
        number = float(cell)
    except ValueError:
        yield {"true": "false", "false": "true"}.get(cell.casefold(), f"{cell} (altered)")
        yield from sorted(set(others))
    else:
        for changed in (-factor * number, factor * number):
            yield repr(changed)
            yield str(round(changed))


def _is_valid(cells: Cells, kind: type[Event]) -> bool:
    try:
        kind.model_validate({name: cell for name, cell in cells.items() if cell})
    except ValidationError:
        return False
    return True
