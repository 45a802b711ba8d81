"""The options of room: how many positions, and how small an order."""

import json

import pytest


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
