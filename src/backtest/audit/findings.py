"""Two answers side by side: where a strategy does otherwise in a world than on the full data."""

from __future__ import annotations

import re
from collections import Counter
from math import isclose
from typing import TYPE_CHECKING, Any

from backtest.strategy.base import TERMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from backtest.audit.observe import Answer

Pair = tuple["Answer | None", "Answer | None"]

_KEYS = ("event_id", "symbol", "type", "exit_reason")
_PRECISION = 1e-9  # sums may round differently where arrays lie otherwise in memory
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def differences(
    full: Sequence[Answer], world: Sequence[Answer], until: date | None = None
) -> Iterator[Pair]:
    """The answers that differ, by date; None stands where there is none to hold against.

    Args:
        full: on the full data.
        world: in a world.
        until: later answers are not compared.

    """
    ours, theirs = _by_key(full, until), _by_key(world, until)
    for key in sorted({**ours, **theirs}):
        pair = (ours.get(key), theirs.get(key))
        if not _same(*pair):
            yield pair


def _by_key(answers: Sequence[Answer], until: date | None) -> dict[tuple[Any, ...], Answer]:
    """Answers by date and what they are about; those of one open that are alike are numbered."""
    seen: Counter[tuple[Any, ...]] = Counter()
    found: dict[tuple[Any, ...], Answer] = {}
    for answer in answers:
        if until is None or answer["date"] <= until:
            key = (answer["date"], *(str(answer.get(name, "")) for name in _KEYS))
            found[*key, seen[key]] = answer
            seen[key] += 1
    return found


def _same(full: Answer | None, world: Answer | None) -> bool:
    if full is None or world is None or full.keys() != world.keys():
        return False
    return all(_equal(value, world[name]) for name, value in full.items())


def _equal(one: Any, other: Any) -> bool:
    if one == other:
        return True
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=_PRECISION)
    if isinstance(one, str) and isinstance(other, str):
        texts, numbers = (_NUMBER.sub("#", text) for text in (one, other)), (one, other)
        first, second = ([float(n) for n in _NUMBER.findall(text)] for text in numbers)
        return len(set(texts)) == 1 and all(
            isclose(a, b, rel_tol=_PRECISION) for a, b in zip(first, second, strict=True)
        )
    return False


def finding(what: str, pair: Pair = (None, None)) -> dict[str, Any]:
    """A finding as the record holds it; see `backtest.audit.record`."""
    full, world = pair
    about = full or world or {"date": None, "event_id": ""}
    return {
        "date": about["date"] and about["date"].isoformat(),
        "event_id": about["event_id"],
        "what": what,
        "full": side(full),
        "world": side(world),
    }


def side(answer: Answer | None) -> dict[str, Any] | None:
    """An answer as the record holds it: its terms, and all of them in a text."""
    if answer is None:
        return None
    terms = {name: value for name, value in answer.items() if name not in ("date", "event_id")}
    return {"text": text_of(answer), **terms}


def text_of(answer: Answer) -> str:
    """An answer in one line."""
    if "action" in answer:
        terms = [f"{name.replace('_', ' ')} {answer[name]:g}" for name in TERMS if name in answer]
        told = ", ".join([answer["action"], *terms])
        return f"{told}: {answer['reason']}" if answer["reason"] else told
    side_of = "buy" if answer["size"] > 0 else "sell"
    why = f" ({answer['exit_reason'].replace('_', ' ')})" if "exit_reason" in answer else ""
    at = "" if answer["type"] == "market" else f" at {answer['price']:,.2f}"
    return f"{side_of} {abs(answer['size']):,.0f} {answer['symbol']}, {answer['type']}{at}{why}"
