"""How figures are written: what rounds to zero has no sign."""

import pytest

from backtest.engine.rules import Rules
from backtest.stats.formats import costs_line, count, gain, percent, ratio, share


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (percent, 0.0, "0.0 %"),
        (percent, -0.0, "0.0 %"),
        (percent, 0.0004, "0.0 %"),
        (percent, -0.0004, "0.0 %"),
        (percent, 0.0006, "+0.1 %"),
        (percent, -1.0, "-100.0 %"),
        (percent, None, "–"),
        (share, -0.0, "0 %"),
        (share, 0.0064, "0.64 %"),
        (share, -0.001, "-0.1 %"),
        (share, 0.0006, "0.06 %"),
        (share, 2e-7, "under 0.01 %"),
        (ratio, -0.001, "0.00"),
        (count, -0.4, "0"),
        (gain, -0.4, "0"),
        (gain, 0.4, "0"),
        (gain, -1000.0, "-1,000"),
        (gain, 20.0, "+20"),
    ],
)
def test_zero_has_no_sign(form, value, text):
    assert form(value) == text


@pytest.mark.parametrize(
    ("part", "told"), [(0.0, "5 bp slippage,"), (0.05, "5 bp slippage and 5 % of the range,")]
)
def test_slippage_by_the_range_is_told_with_the_costs(part, told):
    assert told in costs_line({"rules": Rules(slippage_range=part).model_dump()})
