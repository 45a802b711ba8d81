"""Kinds of events: those that ship, and those that strategy files define."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.data.kinds import FILED_KINDS
from backtest.errors import UsageError, unknown
from backtest.strategy.places import find_strategy, strategy_places

if TYPE_CHECKING:
    from backtest.data.kinds import Event
    from backtest.workspace.folders import Workspace


def event_kinds(workspace: Workspace) -> dict[str, type[Event]]:
    """Kinds by name: those that ship, and those that strategy files define."""
    kinds = {kind.kind: kind for kind in FILED_KINDS}
    for name in strategy_places(workspace):
        try:
            heard = find_strategy(workspace, name).cls.listens_to
        except UsageError:  # `list strategies` tells of it
            continue
        own = (kind for kind in heard if not kind.__module__.startswith("backtest."))
        kinds |= {kind.kind: kind for kind in own}
    return kinds


def kinds_named(workspace: Workspace, name: str | None) -> list[type[Event]]:
    """The kind of event of a name, or every kind where that is None.

    Raises:
        UsageError: there is none.

    """
    return [*event_kinds(workspace).values()] if name is None else [kind_of(workspace, name)]


def kind_of(workspace: Workspace, name: str) -> type[Event]:
    """The kind of event of a name.

    Raises:
        UsageError: there is none.

    """
    kinds = event_kinds(workspace)
    if name not in kinds:
        raise unknown("kind of event", name, kinds)
    return kinds[name]
