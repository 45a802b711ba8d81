"""Volatility, the weight it gives, the true range and the stop, by hand. ACME is made up."""

from math import log, sqrt

import pytest

from backtest.blocks import atr_stop, average_true_range, realised_volatility, volatility_weight
from tests.block_market import made_market

# Up by half, down to where it was, up by half: log returns +u, −u, +u.
SWINGING = made_market([100, 150, 100, 150])
UP = log(1.5)
# Mean u ÷ 3; deviations 2u/3, −4u/3, 2u/3; squares sum to 24u²/9; divided by 2: 4u²/3.
VOLATILITY = sqrt(4 / 3) * UP * sqrt(252)


def test_volatility_is_the_deviation_of_log_returns_by_the_year():
    assert realised_volatility(SWINGING, sessions=3) == pytest.approx(VOLATILITY, rel=1e-12)
    assert round(VOLATILITY, 4) == 7.4323


def test_only_the_last_sessions_count():
    wild_before = made_market([1, 90, 100, 150, 100, 150])
    assert realised_volatility(wild_before, sessions=3) == pytest.approx(VOLATILITY, rel=1e-12)


@pytest.mark.parametrize("closes", [[], [100], [100, 150, 100]])
def test_volatility_is_unknown_where_a_close_is_missing(closes):
    assert realised_volatility(made_market(closes), sessions=3) is None
    assert volatility_weight(made_market(closes), sessions=3) is None


def test_the_weight_makes_a_position_as_volatile_as_the_target():
    weight = volatility_weight(SWINGING, target=0.5, sessions=3)
    assert weight == pytest.approx(0.5 / VOLATILITY, rel=1e-12)
    assert volatility_weight(SWINGING, target=20, sessions=3) == 0.95
    assert volatility_weight(SWINGING, target=20, sessions=3, most=2) == 2


def test_a_stock_that_does_not_move_gets_the_largest_weight():
    assert volatility_weight(made_market([100] * 4), sessions=3) == 0.95


RANGES = made_market([100, 104, 98, 103], highs=[101, 105, 99, 110], lows=[90, 102, 97, 101])
# Of the second session on: 105 − 100 = 5 (opened above the close before), 104 − 97 = 7 (fell from
# the close before), 110 − 98 = 12. The first session has no close before it.


def test_the_average_true_range_by_hand():
    # over 2: begins as (5 + 7) ÷ 2 = 6, then 6 + (12 − 6) ÷ 2 = 9, of the close 103
    assert average_true_range(RANGES, sessions=2) == pytest.approx(9 / 103, rel=1e-12)
    # over 3 the plain mean: 24 ÷ 3 = 8
    assert average_true_range(RANGES, sessions=3) == pytest.approx(8 / 103, rel=1e-12)


def test_the_true_range_needs_a_close_before():
    assert average_true_range(RANGES, sessions=4) is None
    assert average_true_range(made_market(), sessions=1) is None


def test_the_stop_is_a_multiple_of_it_up_to_a_bound():
    assert atr_stop(RANGES, sessions=3) == pytest.approx(24 / 103, rel=1e-12)
    assert atr_stop(RANGES, sessions=3, multiple=1) == pytest.approx(8 / 103, rel=1e-12)
    assert atr_stop(RANGES, sessions=3, multiple=9) == 0.5
    assert atr_stop(RANGES, sessions=3, multiple=9, most=0.6) == 0.6
    assert atr_stop(RANGES, sessions=4) is None


def test_a_stock_that_does_not_move_has_no_stop():
    assert atr_stop(made_market([100] * 4), sessions=3) is None
