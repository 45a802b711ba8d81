"""What the checks have found of one strategy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from backtest.audit.record import EXIT_CODE as PEEKS

if TYPE_CHECKING:
    from collections.abc import Sequence

BROKEN = 2  # the exit code where the contract is broken
TITLES = {
    "loads": "Loads",
    "parameters": "Parameters",
    "listens": "Listens",
    "frozen": "Frozen",
    "answers": "Answers",
    "terms": "Signal terms",
    "bounded": "Bounded",
    "pure": "Pure",
    "deterministic": "Deterministic",
    "peeking": "No peeking",
}
Outcome = Literal["ok", "warning", "failed", "not tried"]


@dataclass(frozen=True)
class Result:
    """One check.

    Attributes:
        name: one of `TITLES`.
        outcome: `ok`, `warning`, `failed` or `not tried`.
        what: what was tried and found, or why nothing was tried.
        where: the line at fault; empty where there is none.

    """

    name: str
    outcome: Outcome
    what: str
    where: str = ""

    @property
    def title(self) -> str:
        """The check in two or three words."""
        return TITLES[self.name]


@dataclass(frozen=True)
class Report:
    """All checks of a strategy, in the order of `TITLES`."""

    strategy: str
    results: Sequence[Result]

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the checks that failed."""
        return tuple(one.name for one in self.results if one.outcome == "failed")

    @property
    def exit_code(self) -> int:
        """0 where the contract is kept, 4 where the strategy peeks, else 2."""
        return 0 if not self.failed else PEEKS if "peeking" in self.failed else BROKEN

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if self.failed:
            titles = ", ".join(TITLES[name] for name in self.failed)
            return f"The contract is broken: {titles}."
        warnings = sum(one.outcome == "warning" for one in self.results)
        noun = "warning" if warnings == 1 else "warnings"
        return "The contract is kept" + f", with {warnings} {noun}" * bool(warnings) + "."

    def as_dict(self) -> dict[str, Any]:
        """As JSON tells it."""
        return {
            "strategy": self.strategy,
            "ok": not self.failed,
            "sentence": self.sentence,
            "checks": [{"title": one.title, **vars(one)} for one in self.results],
        }

    def __str__(self) -> str:
        """The table as plain text."""
        lines = [f"{self.strategy}: {self.sentence}"]
        for one in self.results:
            lines.append(f"{one.outcome:<9}  {one.title:<13}  {one.what}")
            lines += [f"{'':<26}{line}" for line in one.where.splitlines()]
        return "\n".join(lines)


def all_results(found: Sequence[Result], why_not: str) -> list[Result]:
    """A result for every check: those that are not among `found` were not tried."""
    known = {one.name: one for one in found}
    return [known.get(name) or Result(name, "not tried", why_not) for name in TITLES]
