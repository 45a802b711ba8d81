"""Made-up studies, as `study.json` holds them."""

from __future__ import annotations

from typing import Any

WINDOW: dict[str, Any] = {
    "window": "[-1,+1]",
    "events": 6,
    "known": 6,
    "caar": -0.1008,
    "p": 0.036,
    "p_holm": 0.036,
    "p_across": 0.3,
    "detectable": 0.1,
    "overlaps": 0,
    "tests": {},
}


def made_up_study(**changes: Any) -> dict[str, Any]:
    """A study of earnings on ACME."""
    return {
        "study_id": "1123456789",
        "name": "earnings",
        "of": "kind",
        "symbol": "ACME",
        "benchmark": "INDX",
        "benchmark_reason": "it was named",
        "reaction_minutes": 5.0,
        "settings": {"estimation": 120, "seed": 1, "draws": 10_000},
        "also": "",
        "days": [-1, 0, 1],
        "events": [],
        "windows": [WINDOW],
        "signed": None,
        "groups": [],
        "curves": [],
        "left_out": [],
        "finished_at": "2025-08-02T10:00:03.5+00:00",
        **changes,
    }
