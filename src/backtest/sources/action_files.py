"""Actions that come from somewhere: what they would change in a symbol's file, and doing it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING

import numpy as np

from backtest.data.actions import COLUMNS, Action, parse_actions, read_actions
from backtest.data.datafile import DataFile, csv_text, metadata_of, span_of
from backtest.data.edits import Change
from backtest.data.versions import put

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from backtest.data.actions import Actions
    from backtest.data.versions import Version

_NEAR = 1e-4  # of an amount: as two sources round it


@dataclass(frozen=True)
class ActionUpdate:
    """A change of the actions of a symbol that has not been made yet."""

    symbol: str
    path: Path
    added: Sequence[Action]
    changes: Sequence[Change]  # of rows on file that came otherwise, replaced where accepted
    accepted: bool
    rows: Sequence[Action]  # all that the file would hold
    kept: Actions  # the file as it is
    source: str

    def __bool__(self) -> bool:
        """Whether the file changes."""
        return bool(self.added or (self.changes and self.accepted))

    def make(self) -> Version | None:
        """Write the file as a new version; None where nothing changes."""
        if not self:
            return None
        old, days = self.kept.file, [row.day.isoformat() for row in self.rows]
        known = {**old.metadata, **span_of(days)} if old else metadata_of(days, source=self.source)
        content = csv_text(COLUMNS, map(cells_of, self.rows), old)
        parse_actions(DataFile(self.path, content, "", {}))
        reason = f"{len(self.added):,} added from {self.source.partition(',')[0]}"
        return put(self.path, content, known, reason=reason, over=old.sha256 if old else None)


def prepare_actions(
    folder: Path, symbol: str, incoming: Iterable[Action], *, source: str, accept: bool
) -> ActionUpdate:
    """What actions would change in the file of a symbol, which need not be there yet.

    DataError where the file would break its format.
    """
    kept = read_actions(folder, symbol)
    rows = {row.order: row for row in kept.rows}
    added, changes = [], []
    for row in incoming:
        old = rows.get(row.order)
        if old is None:
            added.append(row)
        found = [] if old is None else _differences(old, row)
        changes += found
        if old is None or (found and accept):
            rows[row.order] = row
    ordered = [rows[key] for key in sorted(rows)]
    path = folder / f"{symbol}.csv"
    parse_actions(DataFile(path, csv_text(COLUMNS, map(cells_of, ordered)), "", {}))
    return ActionUpdate(symbol, path, added, changes, accept, ordered, kept, source)


def _differences(old: Action, new: Action) -> list[Change]:
    before, after = cells_of(old), cells_of(new)
    same = isclose(old.amount or 0.0, new.amount or 0.0, rel_tol=_NEAR)
    return [
        Change(f"{old.day} {old.action}", name, before[name], after[name])
        for name in ("amount", "until", "name")
        if before[name] != after[name] and not (name == "amount" and same)
    ]


def cells_of(row: Action) -> dict[str, str]:
    """An action as its file has it."""
    amount = "" if row.amount is None else np.format_float_positional(row.amount, trim="-")
    until = "" if row.until is None else row.until.isoformat()
    values = (row.day.isoformat(), row.action, amount, until, row.name, row.source)
    return dict(zip(COLUMNS, values, strict=True))


def as_paid(
    splits: Mapping[date, float], dividends: Mapping[date, float], source: str
) -> list[Action]:
    """Actions of dividends that are told in the shares of today, as the shares of their day."""
    found = [Action(day, "split", ratio, source=source) for day, ratio in splits.items()]
    for day, amount in dividends.items():
        later = float(np.prod([ratio for on, ratio in splits.items() if on > day]))
        paid = float(f"{amount * later:.6g}")
        found.append(Action(day, "dividend", paid, source=source))
    return sorted(found, key=lambda row: row.order)
