"""How figures are written: what rounds to zero has no sign."""

import pytest

from backtest.reports.formats import count, gain, percent, ratio, share


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
        (share, -0.001, "0 %"),
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
