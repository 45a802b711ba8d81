"""The goldens: what each shipped strategy does on the embedded data, and what that is worth.

`make goldens` runs this module: it shows what differs from the files, and asks before it writes.
They guard `RULES_VERSION`: `version.txt` holds the version that they were recorded with, and a hash
of the embedded data and of each golden. Only another version, or other data, may change what is
recorded.
"""

import difflib
import hashlib
import json
import sys
import tempfile
from dataclasses import astuple
from datetime import date
from pathlib import Path
from typing import Any

from backtest.engine.rules import RULES_VERSION, Rules
from backtest.experiments.runs.run import RunRequest, _replay, prepare_run, run
from backtest.experiments.runs.store import FILES
from backtest.experiments.terms import make_rules
from backtest.strategy.loading import strategy_names
from backtest.workspace.files import sha256_of
from backtest.workspace.folders import Workspace

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
VERSION = HERE / "version.txt"
RAISE = (
    "Results have changed: raise RULES_VERSION in backtest/engine/rules.py, so that no old result "
    "passes for a new one, and run `make goldens`."
)
STRATEGIES = strategy_names(ROOT / "strategies")
OF_US_LARGE = ("hedged_drift",)  # it hedges with stocks that have bars there alone


def request(strategy: str, rules: Rules) -> RunRequest:
    """A run of a strategy as it is: on CRWV, or for a season of reports on us_large."""
    if strategy not in OF_US_LARGE:
        return RunRequest(strategy, ("CRWV",), {}, None, None, rules, benchmark="SPY")
    season, universe = (date(2014, 8, 13), date(2014, 9, 30)), "us_large"
    return RunRequest(strategy, (), {}, *season, rules, benchmark=universe, universe=universe)


def golden(strategy: str) -> dict[str, Any]:
    """What a strategy does on the embedded data, with the default rules."""
    with tempfile.TemporaryDirectory() as reports:
        workspace = Workspace(ROOT / "strategies", ROOT / "data", Path(reports))
        prepared = prepare_run(workspace, request(strategy, make_rules()))
        result, made = _replay(prepared), run(prepared)
        files = {name: _header(made.path / name) for name in FILES}
    orders = "\n".join(repr(astuple(order)) for order in result.orders)
    return {
        "orders": len(result.orders),
        "orders_sha256": hashlib.sha256(orders.encode()).hexdigest(),
        "final_equity": result.curve[-1].equity,
        "files": files,
        **{name: rounded(made.manifest[name]) for name in ("summary", "evidence")},
        "trades": [
            {name: str(value) if name.endswith("session") else value for name, value in row.items()}
            for row in (vars(trade) for trade in result.trades)
        ],
    }


def rounded(content: Any) -> Any:
    """Content with doubles to nine digits: how a processor sums is not what they guard."""
    if isinstance(content, dict):
        return {name: rounded(value) for name, value in content.items()}
    if isinstance(content, list):
        return [rounded(value) for value in content]
    return float(f"{content:.9g}") if isinstance(content, float) else content


def _header(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0]


def text_of(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"


def recorded(strategy: str) -> str:
    path = HERE / f"{strategy}.json"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def hashes() -> dict[str, str]:
    """The hash of each golden that is recorded, by strategy."""
    return {path.stem: sha256_of(json.loads(path.read_text())) for path in HERE.glob("*.json")}


def data_hash() -> str:
    """The hash of what the seals of the embedded prices, events and borrow rates say."""
    seals = sorted((ROOT / "data").glob("*/*.meta.json"))
    return sha256_of([json.loads(path.read_text(encoding="utf-8"))["sha256"] for path in seals])


def changed(known: str, now: dict[str, str]) -> list[str]:
    """The goldens that are not those of a text of `version.txt`; new ones are none of them."""
    before = dict(line.split() for line in known.splitlines()[1:])
    return sorted(name for name in before.keys() & now.keys() if before[name] != now[name])


def version_text() -> str:
    """What `version.txt` is to hold."""
    held = {"data": data_hash()} | dict(sorted(hashes().items()))
    return f"{RULES_VERSION}\n" + "".join(f"{name} {value}\n" for name, value in held.items())


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
    known = VERSION.read_text(encoding="utf-8")
    same = int(known.split()[0]) == RULES_VERSION and f"data {data_hash()}" in known
    if same and changed(known, hashes()):
        print(RAISE)
    else:
        VERSION.write_text(version_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
