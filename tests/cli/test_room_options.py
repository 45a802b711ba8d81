"""The options of room: how many positions, and how small an order."""

import json
from pathlib import Path

import pytest

_SHIPPED = Path(__file__).parents[2] / "strategies"


@pytest.mark.parametrize(("options", "trades"), [((), 1), (("--min-order", "1e7"), 0)])
def test_an_order_below_the_least_is_not_sent(run_made_up, checkout, options, trades):
    assert run_made_up("owner", *options).code == 0
    (record,) = checkout.root.glob("reports/*/run.json")
    manifest = json.loads(record.read_text(encoding="utf-8"))
    assert manifest["summary"]["run"]["trades"] == trades


def test_no_position_at_all_is_refused(run_made_up):
    outcome = run_made_up("owner", "--max-positions", "0")
    assert outcome.code == 2
    assert "max_positions 0" in outcome.err


@pytest.mark.parametrize("name", ["earnings_surprise", "short_report", "nvidia_stake"])
def test_a_shipped_strategy_without_a_weight_takes_a_share(checkout, command, name):
    checkout.write(f"strategies/{name}.py", (_SHIPPED / f"{name}.py").read_text("utf-8"))
    room = ("--set", "weight=none", "--max-positions", "20", "--no-tearsheet")
    outcome = command("run", name, "--symbol", "ACME", "--benchmark", "INDX", *room)
    assert outcome.code == 0, outcome.err
