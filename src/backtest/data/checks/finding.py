"""What a check of the data found, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """Something about the data that a user should know.

    Attributes:
        severity: `error` where a strategy could trade before a fact was public, or where a file
            cannot be used; `warning` where two things disagree; `note` where something is unknown
            or assumed.
        where: file, and the line and the event's id where it is about one.
        what: what was found, in one line.
        why: why it matters.
        mend: what to do about it.

    """

    severity: Severity
    where: str
    what: str
    why: str
    mend: str


def by_severity(findings: Iterable[Finding]) -> dict[Severity, list[Finding]]:
    """The findings of each severity, errors first; in the order in which they were found."""
    found = list(findings)
    return {level: [one for one in found if one.severity == level] for level in SEVERITIES}
