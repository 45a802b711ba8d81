"""The tests of abnormal returns at their bounds, and the errors by cluster."""

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from backtest.stats.significance import (
    NO_MEAN,
    Sample,
    _random_positions,
    _standard_ranks,
    across_events,
    at_positions,
    clustered_mean,
    cross_section_t,
    difference_by_season,
    generalised_sign,
    kp_bmp,
    kp_patell,
    mean_by_season,
    mean_correlation,
    patell,
    quantiles,
    statistic,
    t_plain,
    t_with_prediction_error,
)
from tests.stats.test_many_stocks import one_day


def sample(correlation: float = 0.0) -> Sample:
    """Two CARs of 2 and 4 %, whose standardised ones are 1 and 4."""
    return Sample(
        cars=np.array([0.02, 0.04]),
        sigmas=np.array([0.01, 0.005]),
        errors=np.array([0.02, 0.01]),
        freedom=np.array([10.0, 6.0]),
        length=4,
        correlation=correlation,
    )


def test_tests_by_hand():
    assert t_plain(sample()) == pytest.approx(0.06 / sqrt((0.01**2 + 0.005**2) * 4))
    assert t_with_prediction_error(sample()) == pytest.approx(0.06 / sqrt(0.02**2 + 0.01**2))
    assert patell(sample()) == pytest.approx(5 / sqrt(10 / 8 + 6 / 4))
    # 1 and 4: the mean is 2.5, the deviation √4.5
    assert kp_bmp(sample()) == pytest.approx(sqrt(2) * 2.5 / sqrt(4.5))
    assert kp_bmp(sample(0.25)) == pytest.approx(sqrt(2) * 2.5 / sqrt(4.5) * sqrt(0.75 / 1.25))
    assert kp_patell(sample(0.25)) == pytest.approx(patell(sample()) / sqrt(1.25))


def test_events_that_are_one_tell_nothing_more_and_opposite_ones_nothing():
    assert kp_bmp(sample(1.0)) == 0.0
    assert kp_patell(sample(-1.0)) is None  # they would have no error at all
    assert kp_bmp(sample(-1.0)) is None
    assert kp_bmp(sample(1.5)) is None


def test_windows_correlate_by_the_sessions_that_they_share():
    days, signs = np.array([3, 5, 6, 20]), np.array([1, -1, 1, 1])
    # of four sessions 3 and 5 share two, 3 and 6 one, 5 and 6 three
    assert mean_correlation(np.abs(signs), days, 4) == pytest.approx((2 + 1 + 3) / 4 / 6)
    assert mean_correlation(signs, days, 4) == pytest.approx((-2 + 1 - 3) / 4 / 6)
    assert mean_correlation(signs, days, 1) == mean_correlation(signs[:1], days[:1], 4) == 0


def test_the_t_across_events_is_of_what_their_windows_do_not_share():
    cars, days, alike = np.array([0.1, 0.3]), np.array([7, 9]), np.array([1, 1])
    plain = cross_section_t(cars)
    assert across_events(cars, alike, days, 2).value == pytest.approx(plain)
    assert across_events(cars, alike, days, 4).value == pytest.approx(plain * sqrt(0.5 / 1.5))
    # Opposite ones in the same sessions make the mean no surer than they would apart.
    opposite = across_events(cars, np.array([1, -1]), days, 4)
    assert opposite.value == pytest.approx(cross_section_t(np.array([0.1, -0.3])))


@pytest.mark.parametrize(("count", "length"), [(20, 21), (40, 6), (40, 61)])
def test_long_windows_of_near_events_find_no_more_than_luck(count, length):
    rng, found = np.random.default_rng(4), []
    for _ in range(1_000):
        total = np.append(0.0, rng.normal(size=400).cumsum())
        days = np.sort(rng.choice(401 - length, count, replace=False))
        cars = total[days + length] - total[days]
        found.append(across_events(cars, np.ones(count, int), days, length).p)
    assert np.mean(np.array(found) <= 0.05) < 0.085  # as if they were apart 0.09 to 0.5


def test_two_cars_have_a_spread_and_one_has_none():
    assert cross_section_t(np.array([0.1, 0.3])) == pytest.approx(2.0)  # √2 × 0.2 ÷ √0.02
    assert cross_section_t(np.array([0.1])) is None


def test_a_car_of_zero_is_not_positive():
    found = generalised_sign(np.array([0.1, 0.0, -0.1, 0.2]), np.array([0.5, 0.5, 0.25, 0.75]))
    assert found == pytest.approx((2 - 4 * 0.5) / sqrt(4 * 0.25)) == 0


def test_p_values_are_two_sided():
    normal, student = statistic("made up", -1.959964), statistic("made up", -2.570582, 5)
    assert (normal.p, student.p) == (pytest.approx(0.05), pytest.approx(0.05))
    assert statistic("made up", None, 5).p is None


def test_ranks_are_of_what_is_known_and_equal_ones_share_theirs():
    table = np.array([[0.3, 0.1, 0.1, np.nan], [0.1, 0.2, 0.3, 0.4]])
    # ranks 3, 1.5, 1.5 of three by 4, and 1 to 4 by 5
    expected = [[0.25, -0.125, -0.125, np.nan], [-0.3, -0.1, 0.1, 0.3]]
    np.testing.assert_allclose(_standard_ranks(table), expected)


def test_days_exactly_a_window_apart_may_come_to_lie_elsewhere():
    """Gaps of 2 and 4 on a circle of six, windows of two sessions: 3 and 3 overlap no more."""
    drawn = _random_positions(np.random.default_rng(1), np.array([0, 2]), 6, 2, 300)
    found = {tuple(sorted(np.diff([*sorted(row), min(row) + 6]))) for row in drawn.tolist()}
    assert found == {(2, 4), (3, 3)}


def test_unknown_values_have_no_quantile():
    assert quantiles(np.array([np.nan, np.nan]), 5).tolist() == [-1, -1]
    assert quantiles(np.array([np.nan, 0.1]), 1).tolist() == [-1, 0]


@pytest.mark.parametrize(("clusters", "known"), [(7, False), (8, True)])
def test_eight_clusters_are_enough_for_an_interval(clusters, known):
    moved, weights = np.array([0.01, -0.01] * 4)[:clusters], np.full((1, clusters), 1 / clusters)
    found = clustered_mean(0.02, moved, 9, weights)
    assert (found.value, found.events, found.seasons) == (0.02, 9, clusters)
    if not known:
        assert (found.low, found.high, found.p, found.detectable) == (None,) * 4
        return
    error = sqrt(7 / 8 * 8) * 0.01
    reach = stats.t.ppf(0.975, 7) * error
    assert (found.low, found.high) == (pytest.approx(0.02 - reach), pytest.approx(0.02 + reach))
    assert found.p == pytest.approx(2 * stats.t.sf(0.02 / error, 7))
    assert found.detectable == pytest.approx(reach + stats.t.ppf(0.8, 7) * error)
    assert clustered_mean(-0.02, moved, 9, weights).p == pytest.approx(found.p)


def test_a_cluster_of_half_of_the_events_counts_as_much_as_it_weighs():
    """Weights of 1/2 and 11 of 1/22 are those of 1 ÷ (1/4 + 1/44) = 11/3 equal clusters."""
    weights = np.array([[1 / 2] + [1 / 22] * 11])
    found = clustered_mean(0.02, np.full(12, 0.01), 22, weights)
    error = sqrt(11) * 0.01
    assert found.p == pytest.approx(2 * stats.t.sf(0.02 / error, 11 / 3 - 1))
    found = clustered_mean(0.02, np.full(12, 0.01), 22, np.vstack([weights, [1] + [0] * 11]))
    assert (found.p, found.seasons) == (None, 12)  # one of the means is of a cluster alone


@pytest.mark.parametrize("sizes", [[10] * 11 + [110], [2, 4, 8, 16, 32, 64, 128, 256], [10] * 8])
def test_unequal_seasons_find_nothing_where_there_is_nothing(sizes):
    """Seasons that move all of their events alike; expected at 5 % at most: 20 of 400 worlds."""
    rng, seasons = np.random.default_rng(2), np.repeat(np.arange(len(sizes)), sizes)
    one = rng.random(len(seasons)) < 0.5
    found = differs = 0
    for _ in range(400):
        values = rng.normal(size=len(sizes))[seasons] + rng.normal(size=len(seasons))
        found += mean_by_season(*one_day(values, seasons)).p <= 0.05
        late = ~one & (seasons == len(sizes) - 1)
        (high, of_high), (low, of_low) = (one_day(values[of], seasons[of]) for of in (one, late))
        differs += (difference_by_season(high, low, (of_high, of_low)).p or 1) <= 0.05
    assert found <= 34
    assert differs == 0  # of one season nothing can be told


def test_clusters_that_add_nothing_have_no_error():
    for rest in (0.0, 1e-17):  # what rounding leaves of nothing
        values = 0.5 * (rest == 0) + rest * np.arange(8.0)
        found = mean_by_season(*one_day(values, np.arange(8)))
        assert (found.value, found.p, found.low) == (pytest.approx(0.5 * (rest == 0)), None, None)


def test_without_an_event_on_either_side_there_is_no_difference():
    none, seasons = one_day(np.array([np.nan, np.nan]), np.array([0, 1]))
    known = np.array([[0.1], [0.2]])
    for ends in ((known, none), (none, known)):
        assert difference_by_season(*ends, (seasons, seasons)) == NO_MEAN


def test_columns_at_positions_add_up_to_the_last_bit_as_each_does_alone():
    table = np.random.default_rng(0).random((20, 6))
    alone = [table[:, column].sum() for column in (1, 4)]
    assert at_positions(table, np.array([1, 4])).sum(axis=0).tolist() == alone
    assert np.isnan(at_positions(table, np.array([-1, 6]))).all()
