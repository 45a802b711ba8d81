"""What a new signal can start from: a kind of event, the field it looks at, and its template."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backtest.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Beginning:
    """What a template needs to know of a kind.

    Attributes:
        kind: the class of the kind; empty for one that is new.
        template: `own`, `change` or `text`.
        traded: fields of an event that the new strategy trades, as Python writes them.
        left: of one that it leaves alone.
        reason: what it answers then.
        more: by name, what else the template asks for.

    """

    kind: str
    template: str
    traded: str
    left: str
    reason: str
    more: Mapping[str, str] = field(default_factory=dict)


_NEW = Beginning("", "own", "amount=1_000_000.0", "amount=None", "the amount is not known")
_KNOWN = {
    "earnings": Beginning(
        "Earnings",
        "change",
        "eps=0.30, eps_consensus=0.20",
        "eps=None",
        "eps_surprise is not known",
        {"field": "eps_surprise"},
    ),
    "stake_disclosure": Beginning(
        "StakeDisclosure",
        "change",
        "shares=150, previous_shares=100",
        "shares=None",
        "stake_change is not known",
        {"field": "stake_change"},
    ),
    "news": Beginning(
        "News",
        "text",
        'category="$name"',
        'category="something_else"',
        "category is something_else, not $name",
        {"field": "category", "value": "$name", "told": "figures"},
    ),
    "short_report": Beginning(
        "ShortReport",
        "text",
        'author_type="short_seller"',
        'author_type="press"',
        "author_type is press, not short_seller",
        {
            "field": "author_type",
            "value": "short_seller",
            "told": "claim",
            "side": "short",
            "weight": "-0.8",
        },
    ),
}


def beginning(kind: str | None) -> Beginning:
    """What a signal starts from.

    Args:
        kind: a kind that ships, or None for one that is new.

    Raises:
        UsageError: there is no such kind.

    """
    if kind is None:
        return _NEW
    if kind not in _KNOWN:
        raise unknown("kind of event to start from", kind, _KNOWN)
    return _KNOWN[kind]
