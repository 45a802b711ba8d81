"""Corrected p-values against Harvey & Liu; Monte Carlo p-values; shares with their error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.stats.multiple_testing import (
    holm,
    holm_of_known,
    is_certain,
    monte_carlo,
    shares_of,
    wilson_interval,
)

HARVEY_LIU = [0.005, 0.009, 0.0128, 0.0135, 0.045, 0.06]
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_harvey_and_liu():
    expected = [0.03, 0.045, 0.0512, 0.0512, 0.09, 0.09]
    assert holm(HARVEY_LIU) == pytest.approx(expected, abs=5e-5)
    turned = holm(HARVEY_LIU[::-1])
    assert turned == pytest.approx(expected[::-1], abs=5e-5)


def test_a_single_test_needs_no_correction():
    assert holm([0.04]) == pytest.approx([0.04])
    assert len(holm([])) == 0


@given(P_VALUES)
def test_corrections_never_help_keep_the_order_and_rank_in_power(p):
    own = np.array(p)
    found = holm(p)
    assert np.all(found >= own - 1e-12)
    assert np.all(found <= 1)
    assert np.all(np.diff(found[np.argsort(own)]) >= -1e-12)
    assert np.all(found <= np.minimum(len(own) * own, 1) + 1e-12)  # Bonferroni


@given(P_VALUES, st.randoms())
def test_corrections_do_not_hang_on_the_order(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    assert holm([p[i] for i in order]) == pytest.approx(holm(p)[order])


def test_monte_carlo_by_hand():
    found = monte_carlo(2.0, np.array([1.0, 2.0, 3.0, 0.0]))
    assert (found.upper, found.lower, found.two_sided) == (3 / 5, 4 / 5, 1.0)
    assert monte_carlo(9.0, np.zeros(99)).upper == 1 / 100
    assert monte_carlo(9.0, np.zeros(99)).two_sided == 2 / 100


def test_a_p_value_is_certain_where_the_level_would_hardly_give_such_draws():
    # 0 of 200 at 5 %: 0.95 ** 200 is 3.5e-5, one or none 4.0e-4; six looks leave 1.7e-4 each.
    none, one = np.zeros(200), np.append(np.zeros(199), 2.0)
    assert is_certain(1.0, none, 0.05, looks=6)
    assert not is_certain(1.0, one, 0.05, looks=6)
    assert is_certain(1.0, one, 0.05, looks=2)
    # 14 as low is what 5 % gives, and 30 as low, with 170 as high, lies far above it in both.
    assert not is_certain(1.0, np.append(np.zeros(14), np.full(186, 2.0)), 0.05, looks=6)
    assert is_certain(1.0, np.append(np.zeros(30), np.full(170, 2.0)), 0.05, looks=6)
    assert is_certain(np.nan, none, 0.05, looks=6)


def test_a_draw_that_repeats_what_happened_is_equal_up_to_rounding():
    assert monte_carlo(0.1 + 0.2, np.array([0.3])).upper == 1.0


def test_what_is_not_known_speaks_for_no_effect():
    found = monte_carlo(2.0, np.array([np.nan, 0.0, 0.0]))
    assert (found.upper, found.lower) == (2 / 4, 4 / 4)
    assert monte_carlo(np.nan, np.array([1.0])) is None
    assert monte_carlo(1.0, np.array([])) is None


@given(st.floats(-1e9, 1e9), st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30))
def test_tails_overlap_in_what_is_equal(observed, null):
    found = monte_carlo(observed, np.array(null))
    assert 0 < found.upper <= 1
    assert found.upper + found.lower >= 1


@pytest.mark.parametrize(
    ("successes", "tries", "low", "high"),
    [
        # Newcombe 1998: 81 of 263, 15 of 148, 0 of 20, 1 of 29
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_interval(successes, tries, low, high):
    assert wilson_interval(successes, tries) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_interval_holds_the_share(successes, tries):
    successes = min(successes, tries)
    low, high = wilson_interval(successes, tries)
    assert 0 <= low <= successes / tries <= high <= 1


def test_where_all_draws_are_known_the_outcome_is_one_of_them():
    found = monte_carlo(2.0, np.array([1.0, 2.0, 3.0, 0.0]), is_complete=True)
    assert (found.upper, found.lower) == (2 / 4, 3 / 4)


def test_unknown_p_values_are_not_counted():
    found = holm_of_known([0.01, None, 0.04])
    assert found == [pytest.approx(0.02), None, pytest.approx(0.04)]


@pytest.mark.parametrize("looks", [1, 2])
def test_more_looks_ask_for_more_certainty(looks):
    """Of 135 draws none is as high: 0.95 to the power of 135 is 0.00098, below a thousandth."""
    assert is_certain(1.0, np.zeros(135), 0.05, looks=looks) == (looks == 1)
    assert not is_certain(1.0, np.zeros(134), 0.05, looks=looks)


def test_shares_are_all_ways_to_make_a_total():
    drawn = shares_of(2, np.random.default_rng(1), 300, 2)
    assert {tuple(row) for row in drawn.tolist()} == {(0, 2), (1, 1), (2, 0)}
    assert shares_of(0, np.random.default_rng(1), 3, 0).shape == (3, 0)
    assert shares_of(5, np.random.default_rng(1), 2, 1).tolist() == [[5], [5]]


def test_a_smaller_confidence_is_a_narrower_interval():
    # Newcombe's 81 of 263 at 90 %
    low, high = wilson_interval(81, 263, 0.9)
    assert (low, high) == (pytest.approx(0.2633, abs=5e-4), pytest.approx(0.3565, abs=5e-4))
