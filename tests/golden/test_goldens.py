"""Each shipped strategy does on the embedded data what it did when its golden was agreed to."""

import json

import pytest

from tests.golden.goldens import HERE, STRATEGIES, golden, recorded


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_trades_and_orders_are_those_of_the_golden(strategy: str) -> None:
    assert golden(strategy) == json.loads(recorded(strategy))


def test_no_golden_is_left_of_a_strategy_that_is_gone() -> None:
    assert sorted(path.stem for path in HERE.glob("*.json")) == STRATEGIES
