"""Made-up sweeps, their pages, and what tests read in these."""

from __future__ import annotations

import html
import json
import re
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.engine.rules import Rules
from backtest.reports.sweep_page import write_sweep_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

FIGURES = (
    "final_equity", "total_return", "sharpe", "max_drawdown", "trades", "win_rate", "commission",
    "borrow",
)  # fmt: skip

EVIDENCE: dict[str, Any] = {
    "compared": 3,
    "distinct": 4,
    "best": {"set": 1, "trials": 1000, "dsr": 0.25, "sharpe": 1.5},
    "overfitting": {"pbo": 0.4, "loss_share": 0.3, "blocks": 10},
    "thin": {"best": "", "all": ""},
    "superior": {"p": 0.6, "lower": 0.5, "upper": 0.7},
    "walk_forward": {
        "events": [
            {
                "event_id": "news-20250603-0a1b2c",
                "known": False,
                "set": None,
                "return": -0.1,
                "default": -0.1,
            },
            {
                "event_id": "news-20250620-3d4e5f",
                "known": True,
                "set": 0,
                "return": 0.05,
                "default": 0.01,
            },
        ],
        "total": -0.05,
        "default": -0.09,
        "hindsight": 0.2,
    },
    "seed": 1,
}


def set_of(returned: float, trades: int = 6) -> dict[str, float | None]:
    """The figures of a set that returns this; without trades or after ruin it has no Sharpe."""
    ratios = trades > 0 and returned > -1
    return {
        "final_equity": 100_000 * (1 + returned),
        "total_return": returned,
        "sharpe": returned * 4 if ratios else None,
        "max_drawdown": min(returned, 0.0) - 0.05,
        "trades": trades,
        "win_rate": 0.5 if trades else None,
        "commission": 10.0 * trades,
        "borrow": 5.0,
    }


def write_sweep(
    reports: Path,
    axes: Mapping[str, Sequence[Any]],
    base: Mapping[str, Any],
    figures: Callable[..., dict[str, float | None]],
    **changes: Any,
) -> Path:
    """Write the files of a sweep; `figures` takes the values of a set by their axes' order."""
    folder = reports / "sweep-made_up-ACME-0123456789"
    folder.mkdir(parents=True)
    sets = pd.DataFrame([figures(*values) for values in product(*axes.values())])
    sets.insert(0, "set", np.arange(len(sets)))
    sets.astype({"sharpe": float, "win_rate": float}).to_parquet(folder / "sets.parquet")
    record = {
        "sweep_id": "0123456789",
        "strategy": "made_up",
        "symbols": ["ACME"],
        "parameters": {**base, "weight": 0.95, "inner": {"side": "both"}},
        "axes": axes,
        "base": base,
        "base_figures": figures(*base.values()),
        "sets": len(sets),
        "rules": Rules().model_dump(),
        "span": {"first": "2025-06-02", "last": "2025-07-15"},
        "costs": None,
        "trials": len(sets) + 1000,
        "evidence": EVIDENCE,
        "started_at": "2025-08-01T10:00:00+00:00",
        "finished_at": "2025-08-01T10:00:03+00:00",
        **changes,
    }
    (folder / "sweep.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def page_of(reports: Path, *terms: Any, **changes: Any) -> str:
    """The page of a made-up sweep."""
    folder = write_sweep(reports, *terms, **changes)
    return write_sweep_page(folder, reports).read_text(encoding="utf-8")


def visible(page: str) -> str:
    """What a reader sees, but for the charts."""
    bare = re.sub(r"<head>.*?</head>|<script.*?</script>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def drawn(page: str) -> dict[str, Any]:
    """What the script draws."""
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert text is not None
    charts: dict[str, Any] = json.loads(text[1])
    return charts


def rows(page: str, heading: str) -> list[list[str]]:
    """The rows of the table after a heading, cells as texts."""
    after = page[page.index(f'<h2 id="{heading}"') :]
    table = after[: after.index("</table>")]
    found = [re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", row) for row in table.split("</tr>")]
    return [[html.unescape(cell) for cell in cells] for cells in found if cells]
