"""Made-up audits, as `audit.json` holds them, and an observer that needs no further process."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from backtest.audit.observe import observe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backtest.audit.jobs import JobGroup, Observations, Source

_CHECKS = {
    "prefix": ("Prefix", "Each decision was made again on data that end with its session."),
    "perturbation": (
        "Scrambled prices",
        "Each decision was made again with other prices after it.",
    ),
    "event_time": ("Event time", "Later events were dropped, delayed and altered."),
    "reads": ("Files and network", "What the strategy opens while it decides was noted."),
    "repeat": ("Repetition", "The whole was asked three times, once in another process."),
}


def decision(text: str, **fields: Any) -> dict[str, Any]:
    """One side of a finding."""
    return {"text": text, **fields}


def finding(**changes: Any) -> dict[str, Any]:
    """A finding of 2025-06-13, long on all data and nothing in the world."""
    return {
        "date": "2025-06-13",
        "event_id": "earnings-20250612-0a1b2c",
        "what": "It decides otherwise when what comes after is not there.",
        "full": decision(
            "long, hold 2: rising", action="signal", direction="long", hold=2, reason="rising"
        ),
        "world": decision("no signal: not rising", action="no_signal", reason="not rising"),
        **changes,
    }


def touched(what: str) -> dict[str, Any]:
    """A finding that has no other side."""
    return {"date": None, "event_id": "", "what": what, "full": None, "world": None}


def record(found: dict[str, list[dict[str, Any]]] | None = None, **changes: Any) -> dict[str, Any]:
    """An audit of the strategy `made_up` on ACME; `found` has the findings of each check."""
    found = found or {}
    clean = "What it does up to a date depends on nothing that comes later."
    return {
        "audit_id": "0123456789",
        "strategy": "made_up",
        "orders_itself": False,
        "symbols": ["ACME"],
        "parameters": {"hold": 3, "inner": {"side": "both"}},
        "strategy_sha256": "a" * 64,
        "rules_version": 1,
        "packages": {"numpy": "2.1.0"},
        "inputs": {"prices/ACME.csv": "c" * 64},
        "span": {"first": "2025-06-02", "last": "2025-08-26"},
        "settings": {"worlds": 200, "rules": {"reaction_minutes": 5.0}},
        "seed": 1,
        "checks": [
            {
                "name": name,
                "title": title,
                "what": what,
                "tried": {"worlds": 10, "dates": 5, "compared": 1500},
                "findings": found.get(name, [])[:20],
                "count": len(found.get(name, [])),
                "not_tried": "",
            }
            for name, (title, what) in _CHECKS.items()
        ],
        "sensitivity": {
            "peek": {
                "what": "A planted peek was caught in 4 of 5 worlds.",
                "caught": 4,
                "worlds": 5,
            },
            "delay": {
                "what": "Delaying “A made-up beat” by one session: its order moved.",
                "moved": 1,
                "tried": 2,
                "events": [
                    {
                        "event_id": "earnings-20250612-0a1b2c",
                        "headline": "A made-up beat",
                        "from": "2025-06-13",
                        "to": "2025-06-16",
                        "moved": True,
                    },
                    {
                        "event_id": "news-20250624-0a1b2c",
                        "headline": "A made-up contract",
                        "from": "2025-06-24",
                        "to": None,
                        "moved": False,
                    },
                ],
            },
        },
        "null": {
            "worlds": 200,
            "tested": 190,
            "significant": 9,
            "share": 9 / 190,
            "interval": [0.025, 0.087],
            "level": 0.05,
            "what": "Prices and dates were drawn at random.",
            "bias": False,
        },
        "data": [
            {
                "severity": "warning",
                "where": "events/news.csv, line 2",
                "what": "It states +5.0 %; prices moved +4.1 %.",
                "why": "One of the two is wrong.",
                "mend": "Look it up, then `backtest events seal news`.",
            }
        ],
        "outcome": "bias" if found else "clean",
        "sentence": "It looks ahead." if found else clean,
        "started_at": "2025-09-01T10:00:00+00:00",
        "finished_at": "2025-09-01T10:00:30+00:00",
        **changes,
    }


def in_this_process(source: Source, groups: Sequence[JobGroup]) -> Observations:
    """Observe all worlds here: for few and small ones, of a strategy that is trusted."""
    with TemporaryDirectory(prefix="backtest-audit-", ignore_cleanup_errors=True) as folder:
        for number, group in enumerate(groups):
            root = Path(folder).resolve() / str(number)
            source.copy_to(root)
            for job in group.jobs:
                source.write(root, job.world())
                yield job, observe(root, job.ask)
