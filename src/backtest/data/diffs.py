"""How two tables differ, row by row and cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Row = Mapping[str, str]


class Change(NamedTuple):
    """A cell that differs: the key of its row, its column, and both texts."""

    key: str
    column: str
    old: str
    new: str


@dataclass(frozen=True)
class Diff:
    """How two tables differ: whole rows by key, and cells of rows that both have."""

    added: Mapping[str, Row]
    removed: Mapping[str, Row]
    changed: Sequence[Change]

    def __bool__(self) -> bool:
        """Whether they differ at all."""
        return bool(self.added or self.removed or self.changed)


def diff_rows(old: Iterable[Row], new: Iterable[Row], key: Callable[[Row], str]) -> Diff:
    """How the rows of two tables differ, whatever their order.

    Args:
        old: rows as texts by column; a column that is missing counts as empty.
        new: likewise.
        key: tells which rows are the same one, such as `lambda row: row["date"]`.

    """
    before, after = {key(row): row for row in old}, {key(row): row for row in new}
    changed = [
        Change(name, column, before[name].get(column, ""), row.get(column, ""))
        for name, row in after.items()
        if name in before
        for column in dict.fromkeys([*before[name], *row])
        if before[name].get(column, "") != row.get(column, "")
    ]
    return Diff(
        added={name: row for name, row in after.items() if name not in before},
        removed={name: row for name, row in before.items() if name not in after},
        changed=changed,
    )
