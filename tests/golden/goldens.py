"""The goldens: every trade of each shipped strategy on the embedded data, and a hash of its orders.

`make goldens` runs this module: it shows what differs from the files, and asks before it writes.
"""

import difflib
import hashlib
import json
import sys
import tempfile
from dataclasses import astuple
from pathlib import Path
from typing import Any

from backtest.experiments.runs.run import RunRequest, _replay, make_rules, prepare_run
from backtest.strategy.loading import strategy_names
from backtest.workspace.folders import Workspace

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
STRATEGIES = strategy_names(ROOT / "strategies")


def golden(strategy: str) -> dict[str, Any]:
    """What a strategy does on the embedded data, with the default rules."""
    with tempfile.TemporaryDirectory() as reports:
        workspace = Workspace(ROOT / "strategies", ROOT / "data", Path(reports))
        request = RunRequest(strategy, ("CRWV",), {}, None, None, "SPY", make_rules())
        result = _replay(prepare_run(workspace, request))
    orders = "\n".join(repr(astuple(order)) for order in result.orders)
    return {
        "orders": len(result.orders),
        "orders_sha256": hashlib.sha256(orders.encode()).hexdigest(),
        "final_equity": result.curve[-1].equity,
        "trades": [
            {name: str(value) if name.endswith("session") else value for name, value in row.items()}
            for row in (vars(trade) for trade in result.trades)
        ],
    }


def text_of(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"


def recorded(strategy: str) -> str:
    path = HERE / f"{strategy}.json"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main() -> None:
    """Show every difference, and write what is agreed to."""
    for strategy in STRATEGIES:
        old, new = recorded(strategy), text_of(golden(strategy))
        if old == new:
            print(f"{strategy}: unchanged")
            continue
        sys.stdout.writelines(
            difflib.unified_diff(
                old.splitlines(keepends=True), new.splitlines(keepends=True), "recorded", "now"
            )
        )
        if input(f"{strategy}: write this as the new golden? [y/N] ").strip().lower() == "y":
            (HERE / f"{strategy}.json").write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
