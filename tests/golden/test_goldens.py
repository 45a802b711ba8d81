"""Each shipped strategy does on the embedded data what it did when its golden was agreed to."""

import json

import pytest

from tests.golden.goldens import (
    HERE,
    RAISE,
    STRATEGIES,
    VERSION,
    changed,
    golden,
    hashes,
    recorded,
    version_text,
)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_trades_and_orders_are_those_of_the_golden(strategy: str) -> None:
    assert golden(strategy) == json.loads(recorded(strategy))


def test_no_golden_is_left_of_a_strategy_that_is_gone() -> None:
    assert sorted(path.stem for path in HERE.glob("*.json")) == STRATEGIES


def test_a_golden_changes_with_the_version_of_the_rules_or_the_data_alone() -> None:
    known = VERSION.read_text(encoding="utf-8")
    assert not changed(known, hashes()), RAISE
    assert known == version_text(), (
        "Run `make goldens`: it records the new version, data and strategies."
    )


def test_a_golden_that_is_new_or_gone_needs_no_new_version() -> None:
    known = "1\nsame 00\nother 11\ngone 22\n"
    assert changed(known, {"same": "00", "other": "12", "new": "33"}) == ["other"]
