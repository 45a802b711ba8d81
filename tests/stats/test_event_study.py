"""The event study of a stock: models, estimation, overlaps, and the ends of the data."""

from math import sqrt

import numpy as np
import pytest

from backtest.stats.event_study import (
    EventStudy,
    Series,
    event_study,
    fit,
)
from backtest.stats.significance import (
    corrado,
    cross_section_t,
    detectable_effect,
    generalised_sign,
    permutation_test,
)

DAY_ZEROS = (60, 63, 100, 150)


def noise(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, count)


def one_stock(*days: int, count: int = 200, seed: int = 1) -> Series:
    market = noise(count, seed + 100)
    return Series(1.5 * market + noise(count, seed), market, np.array(days))


@pytest.fixture(scope="module")
def overlapping() -> EventStudy:
    """Four events, two of which share two of the five sessions of the first window."""
    return event_study(one_stock(*DAY_ZEROS), ((-2, 2), (0, 0)), estimation=40, draws=99)


def test_averages_by_day(overlapping):
    assert overlapping.days.tolist() == [-2, -1, 0, 1, 2]
    assert overlapping.counts.tolist() == [4] * 5
    assert overlapping.average.sum() == pytest.approx(overlapping.windows[0].caar)
    assert overlapping.average[2] == pytest.approx(overlapping.windows[1].caar)


# Models


def test_mean_adjusted_by_hand():
    returns = np.array([0.0, 0.02] * 20 + [0.05, 0.06])
    market = noise(42)  # it has no part
    found = fit(returns, market, np.arange(40), "mean_adjusted")
    assert (found.alpha, found.beta) == (pytest.approx(0.01), 0.0)
    assert found.sigma == pytest.approx(0.01 * np.sqrt(40 / 39))
    series = Series(returns, market, np.array([40]))
    studied = event_study(series, ((0, 1),), model="mean_adjusted", estimation=40, draws=0)
    # the session before an event is no estimation day: 19 of 39 have a return of 0.02
    assert studied.outcomes[40].cars == pytest.approx([0.05 + 0.06 - 2 * 19 * 0.02 / 39])
    assert found.window_error(market[40:]) == pytest.approx(found.sigma * np.sqrt(2 + 4 / 40))


def test_market_adjusted_by_hand():
    market = np.tile([0.01, -0.01], 20)
    returns = market + np.tile([0.02, 0.02, -0.02, -0.02], 10)
    found = fit(returns, market, np.arange(40), "market_adjusted")
    assert (found.alpha, found.beta, found.degrees_of_freedom) == (0.0, 1.0, 40)
    assert found.sigma == pytest.approx(0.02)
    assert found.window_error(market[:9]) == pytest.approx(0.02 * 3)


@pytest.mark.parametrize("wanted", ["market", "mean_adjusted"])
def test_fewer_than_thirty_days_fall_back_on_the_market(wanted):
    returns, market = noise(60), noise(60, 2)
    short = fit(returns, market, np.arange(29), wanted)
    assert short.model == "market_adjusted"
    assert short.reason == f"29 estimation days: {wanted} needs 30"
    enough = fit(returns, market, np.arange(30), wanted)
    assert (enough.model, enough.reason) == (wanted, "")


def test_spread_is_unknown_below_ten_days():
    returns, market = noise(60), noise(60, 2)
    assert np.isnan(fit(returns, market, np.arange(9), "market").sigma)
    assert fit(returns, market, np.arange(10), "market").sigma > 0
    assert np.isnan(fit(market, market, np.arange(10), "market").sigma)


def test_market_that_does_not_move_gives_no_slope():
    found = fit(noise(60), np.zeros(60), np.arange(60), "market")
    assert (found.model, found.reason) == (
        "market_adjusted",
        "the market does not move on the estimation days",
    )


# The estimation window


def test_estimation_ends_before_the_period_and_leaves_events_out():
    found = event_study(one_stock(60, 100), ((-5, 5), (0, 1)), estimation=50, draws=0)
    assert found.outcomes[60].fit.days.tolist() == list(range(5, 55))
    expected = [day for day in range(95) if day not in (59, 60, 61)][-50:]
    assert found.outcomes[100].fit.days.tolist() == expected


def test_unknown_returns_are_left_out():
    series = one_stock(60)
    series.returns[0] = np.nan
    series.market[20] = np.nan
    found = event_study(series, ((0, 1),), draws=0)
    assert found.outcomes[60].fit.days.tolist() == [n for n in range(59) if n not in (0, 20)]


# The ends of the data


def test_events_near_the_ends_are_unknown_and_counted():
    series = one_stock(-3, 2, 100, 198, 250)
    found = event_study(series, ((-5, 5), (0, 1)), draws=50)
    begin = "the returns begin within or after the window"
    end = "the returns end within or before the window"
    reasons = [found.outcomes[day].unknown for day in (-3, 2, 100, 198, 250)]
    assert [reason[0] for reason in reasons] == [begin, begin, "", end, end]
    assert [reason[1] == "" for reason in reasons] == [False, True, True, True, False]
    assert [(w.known, w.unknown) for w in found.windows] == [(1, 4), (3, 2)]
    assert found.windows[0].permutation.days == 190
    # without ten days before it, the event at 2 has a CAR and no spread
    assert np.isnan(found.outcomes[2].errors[1])
    assert found.windows[1].tests["cross_section"].freedom == 2
    assert found.windows[1].tests["bmp"].freedom == 1


def test_missing_return_within_a_window_is_told():
    series = one_stock(100)
    series.returns[101] = np.nan
    found = event_study(series, ((0, 5), (0, 0)), draws=0)
    assert found.outcomes[100].unknown == ("a return is missing in the window", "")


def test_single_event_has_no_spread_of_its_own():
    found = event_study(one_stock(150), ((0, 1),), draws=50).windows[0]
    assert {name for name, test in found.tests.items() if test.value is None} == {
        "cross_section", "bmp", "kp_bmp",
    }  # fmt: skip
    assert found.detectable > 0


def test_no_event_at_all():
    found = event_study(one_stock(), draws=50)
    assert found.counts.tolist() == [0] * 31
    assert all(w.caar is w.permutation is w.detectable is None for w in found.windows)
    assert all(test.value is None for w in found.windows for test in w.tests.values())


def test_a_window_that_ends_before_it_begins_cannot_be_studied():
    with pytest.raises(ValueError, match="ends before it begins"):
        event_study(one_stock(10), ((1, 0),))


# Overlaps


def test_overlaps_of_one_stock_are_counted_and_correlate():
    found = event_study(one_stock(100, 102, 150), ((0, 0), (0, 3)), draws=0)
    assert [w.overlaps for w in found.windows] == [0, 1]
    # of three pairs one shares two of four sessions
    assert [w.correlation for w in found.windows] == [0.0, pytest.approx(0.5 / 3)]
    for w in found.windows:
        bmp, kp_bmp = w.tests["bmp"].value, w.tests["kp_bmp"].value
        assert abs(kp_bmp) <= abs(bmp)
        cars = np.array([found.outcomes[day].cars[w.window[1] // 3] for day in (100, 102, 150)])
        shrunk = np.sqrt((1 - w.correlation) / (1 + 2 * w.correlation))
        assert w.tests["cross_section"].value == pytest.approx(shrunk * cross_section_t(cars))


# The tests alone


def test_corrado_by_hand():
    # ranks 1 2 3 of three days: -1/4 0 1/4 after dividing by 4; sd √(2/3)/4
    found = corrado([np.array([-0.1, 0.0])], np.array([[0.1]]), slice(0, 1))
    assert found == pytest.approx((1 / 4) / (np.sqrt(2 / 3) / 4))


def test_corrado_averages_events_of_unequal_length():
    full, short = noise(60), noise(20, 3)
    found = corrado([full, short], np.array([[0.2, np.nan], [0.3, 0.1]]), slice(0, 1))
    assert found > 2


@pytest.mark.parametrize(("cars", "positive"), [([0.1, 0.2], [1.0, 1.0]), ([], [])])
def test_sign_test_without_a_spread(cars, positive):
    assert generalised_sign(np.array(cars), np.array(positive)) is None


def test_cross_section_of_equal_cars_is_unknown():
    assert cross_section_t(np.array([0.5, 0.5])) is None


# What could have been found


def test_detectable_effect_by_hand():
    # z(0.975) + z(0.8) = 1.959964 + 0.841621
    assert detectable_effect(0.02) == pytest.approx(0.02 * 2.801585, rel=1e-6)


def test_detectable_effect_of_events_that_overlap(overlapping):
    errors = np.array([overlapping.outcomes[day].errors[0] for day in DAY_ZEROS])
    correlation = 2 / 5 / 6  # of six pairs one shares two of five sessions
    assert overlapping.windows[0].correlation == pytest.approx(correlation)
    spread = np.sqrt(np.sum(errors**2) * (1 + 3 * correlation)) / 4
    assert overlapping.windows[0].detectable == pytest.approx(2.80158 * spread, rel=1e-5)


def flat(*days: int, count: int = 60, missing: tuple[int, ...] = ()) -> Series:
    """A stock that makes its days' numbers in thousandths, held against nothing."""
    returns = np.arange(count) / 1e3
    returns[list(missing)] = np.nan
    return Series(returns, np.zeros(count), np.array(days))


def studied(series: Series, *windows: tuple[int, int]) -> EventStudy:
    return event_study(series, windows, model="market_adjusted", draws=0)


def test_a_window_may_reach_the_first_and_the_last_session_and_no_further():
    found = studied(flat(1, 58), (-1, 0), (0, 1), (-2, -2), (2, 2))
    first, last = found.outcomes[1], found.outcomes[58]
    assert first.cars[:2] == pytest.approx([0.001, 0.003])
    assert last.cars[:2] == pytest.approx([0.115, 0.117])
    assert np.isnan(first.cars[2])
    assert np.isnan(last.cars[3])
    assert first.unknown == ("", "", "the returns begin within or after the window", "")
    assert last.unknown == ("", "", "", "the returns end within or before the window")


@pytest.mark.parametrize(
    ("missing", "window", "told"),
    [
        ((0,), (-1, 1), "begin"),  # the first known is the second of the window
        ((0, 3), (0, 2), "missing"),  # the first known is the first of the window
        ((59,), (56, 58), "end"),
        ((59, 56), (55, 57), "missing"),
        (tuple(range(60)), (0, 1), "begin"),
    ],
)
def test_why_a_return_is_unknown(missing, window, told):
    found = studied(flat(1, missing=missing), window)
    assert told in found.outcomes[1].unknown[0]


def test_an_average_is_over_the_events_that_know_the_day():
    found = studied(flat(0, 20, 50, missing=(21, 51)), (-1, 1))
    assert found.counts.tolist() == [2, 3, 1]
    assert found.average == pytest.approx([0.034, 0.070 / 3, 0.001])
    none = studied(flat(20, missing=(21,)), (0, 1))
    assert none.counts.tolist() == [1, 0]
    assert none.average == pytest.approx([0.020, np.nan], nan_ok=True)


@pytest.mark.parametrize(("window", "overlaps"), [((0, 1), 0), ((0, 2), 1), ((-1, 1), 1)])
def test_windows_overlap_where_they_share_a_session(window, overlaps):
    found = studied(flat(30, 32), window).windows[0]
    assert (found.overlaps, found.correlation > 0) == (overlaps, overlaps > 0)


def test_the_spread_of_a_model_loses_its_parameters():
    returns, market = noise(60), noise(60, 2)
    for model, parameters in (("market", 2), ("mean_adjusted", 1), ("market_adjusted", 0)):
        found = fit(returns, market, np.arange(60), model)
        assert found.degrees_of_freedom == 60 - parameters
        assert found.sigma == pytest.approx(sqrt(np.sum(found.residuals**2) / (60 - parameters)))


def test_the_error_of_a_car_grows_as_the_market_goes_far_from_its_mean():
    returns, market = noise(60), noise(60, 2)
    found = fit(returns, market, np.arange(60), "market")
    mean, squares = market.mean(), np.sum((market - market.mean()) ** 2)
    window = np.array([0.05, 0.01])
    variance = 2 + 4 / 60 + (0.06 - 2 * mean) ** 2 / squares
    assert found.window_error(window) == pytest.approx(found.sigma * sqrt(variance))


def test_random_days_overlap_as_much_as_windows_of_this_length():
    series = one_stock(60, 62, 100, count=120)
    found = event_study(series, ((2, 4),), seed=3, draws=99)
    cars = np.array([found.outcomes[day].cars[0] for day in range(120)])
    wanted = permutation_test([cars], [series.events], length=3, seed=3, draws=99)
    np.testing.assert_array_equal(found.windows[0].permutation.null, wanted.null)


def test_a_day_like_the_market_is_no_positive_one():
    """Of 40 days ten are above the market, ten below, and 20 like it: a share of a quarter."""
    market = noise(42)
    returns = market + np.array([*np.tile([0.01, 0.0, -0.01, 0.0], 10), 0.0, 0.05])
    series = Series(returns, market, np.array([41]))
    found = event_study(series, ((0, 0),), model="market_adjusted", estimation=40, draws=0)
    assert found.outcomes[41].fit.days.tolist() == list(range(40))
    assert found.windows[0].tests["sign"].value == pytest.approx(0.75 / sqrt(0.25 * 0.75))


@pytest.mark.parametrize("model", ["market", "mean_adjusted"])
def test_of_what_does_as_expected_in_every_session_rounding_finds_nothing(model):
    """A fund that grows alike in each session, or that is twice the market."""
    market = np.random.default_rng(1).normal(0, 0.01, 200)
    grown = 100 * np.cumprod(np.full(201, 1.0003))
    own = 2 * market if model == "market" else grown[1:] / grown[:-1] - 1
    (found,) = event_study(
        Series(own, market, np.array([130, 150, 170])), [(0, 1)], model=model
    ).windows
    assert (found.caar, found.known, found.detectable) == (0.0, 3, None)
    assert found.permutation.p.two_sided == 1.0
    assert {test.p for test in found.tests.values()} == {None}
