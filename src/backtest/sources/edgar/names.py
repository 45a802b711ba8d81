"""Names of companies, as different papers spell them."""

from __future__ import annotations

import re

_FORMS = frozenset(
    {"inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "plc", "llc"}
    | {"lp", "llp", "sa", "nv", "ag", "se", "the", "new", "del", "com"}
)


def plain_name(name: str) -> str:
    """A name without capitals, points and the form of the company: `NVIDIA CORP` is `nvidia`."""
    words = re.sub(r"[^a-z0-9 ]", " ", name.casefold().replace("&", " and ")).split()
    kept = [word for word in words if word not in _FORMS]
    return " ".join(kept or words)
