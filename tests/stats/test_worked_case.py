"""The tests of abnormal returns across firms: a worked case of four stocks with one event day.

Their CARs are correlated as their residuals are (Kolari & Pynnönen 2010).
"""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest.stats.event_study import EventOutcome, Series, _tests, event_study
from backtest.stats.significance import Sample, Statistic, cross_section_t, statistic

DAYS = np.arange(45)
MARKET = 0.010 * np.sin(0.7 * DAYS) + 0.002 * np.cos(2.3 * DAYS)
WINDOWS = ((-2, 2), (0, 0))
COLUMNS = (slice(0, 5), slice(2, 3))  # of the days from -2 to 2


def firms(scale: float = 1.0, alpha: float = 0.0) -> list[EventOutcome]:
    """What four stocks did round an event at 42, without random numbers."""
    outcomes = []
    for i in range(4):
        returns = (
            0.0005 * (i - 1)
            + (0.8 + 0.2 * i) * MARKET
            + 0.006 * np.sin((1.1 + 0.37 * i) * DAYS + 0.5 * i)
        )
        returns[42] += 0.020 + 0.004 * i
        returns[43] += 0.005
        series = Series(scale * returns + alpha, scale * MARKET, np.array([42]))
        outcomes.append(event_study(series, WINDOWS, estimation=40, draws=0).outcomes[42])
    return outcomes


def sample(outcomes: list[EventOutcome], window: int) -> Sample:
    """Their sample, with the mean correlation of their residuals, for all windows coincide."""
    residuals = np.corrcoef([outcome.fit.residuals for outcome in outcomes])
    return Sample(
        cars=np.array([outcome.cars[window] for outcome in outcomes]),
        sigmas=np.array([outcome.fit.sigma for outcome in outcomes]),
        errors=np.array([outcome.errors[window] for outcome in outcomes]),
        freedom=np.array([outcome.fit.degrees_of_freedom for outcome in outcomes], np.float64),
        length=WINDOWS[window][1] - WINDOWS[window][0] + 1,
        correlation=float(residuals[np.triu_indices(4, 1)].mean()),
    )


def statistics_of(outcomes: list[EventOutcome], window: int) -> dict[str, Statistic]:
    """The tests of a window by name."""
    found = sample(outcomes, window)
    across = statistic("cross_section", cross_section_t(found.cars), len(found.cars) - 1)
    return {one.name: one for one in _tests(across, found, outcomes, COLUMNS[window])}


@pytest.fixture(scope="module")
def golden() -> list[EventOutcome]:
    return firms()


def test_estimates(golden):
    betas, sigmas = [one.fit.beta for one in golden], [one.fit.sigma for one in golden]
    assert betas == pytest.approx([0.78446363, 0.99015776, 1.19480872, 1.37100830], abs=5e-9)
    assert sigmas == pytest.approx([0.00435084, 0.00435815, 0.00434758, 0.00433783], abs=5e-9)
    assert {(one.fit.model, one.fit.reason) for one in golden} == {("market", "")}


def test_cars(golden):
    found = sample(golden, 0)
    cars = [0.02806022, 0.03047315, 0.03038795, 0.03573726]
    scars = [2.62941964, 2.85073467, 2.84967981, 3.35884546]
    assert found.cars == pytest.approx(cars, abs=5e-9)
    assert found.scars == pytest.approx(scars, abs=5e-9)
    assert found.cars.mean() == pytest.approx(0.031164645324, abs=5e-13)
    assert found.correlation == pytest.approx(-0.011435147834, abs=5e-13)


@pytest.mark.parametrize(
    ("window", "name", "value"),
    [
        (0, "t", 6.409986981758),
        (0, "t_prediction", 5.843645765330),
        (0, "cross_section", 19.196381677150),
        (1, "patell", 11.444697748275),
        (0, "patell", 5.688462638032),
        (1, "bmp", 10.190324236318),
        (0, "bmp", 18.903723159020),
        (0, "kp_bmp", 19.346235833896),
        (0, "kp_patell", 5.788619700273),
        (1, "corrado", 22 / sqrt(16961 / 360)),  # mean rank 45 of 45; 3.205148855755
        (0, "corrado", 1.873175074408),
        (0, "sign", 2.0),
    ],
)
def test_statistics(golden, window, name, value):
    found = statistics_of(golden, window)[name]
    assert found.value == pytest.approx(value, abs=1e-12, rel=0)
    assert found.p is not None


def test_p_values(golden):
    tests = statistics_of(golden, 0)
    assert (tests["cross_section"].freedom, tests["bmp"].freedom) == (3, 3)
    assert tests["sign"].p == pytest.approx(0.0455, abs=5e-5)
    assert tests["sign"].freedom is None
    assert tests["cross_section"].p == pytest.approx(0.000309, abs=5e-7)


def test_the_mean_of_firms_that_go_apart_varies_less(golden):
    found = sample(golden, 0)
    assert found.inflation == pytest.approx(1 - 3 * 0.011435147834)


@settings(max_examples=20)
@given(st.floats(0.1, 10), st.floats(-0.01, 0.01))
def test_units_and_a_constant_do_not_matter(scale, alpha):
    plain, other = firms(), firms(scale, alpha)
    assert sample(other, 0).cars == pytest.approx(scale * sample(plain, 0).cars)
    for name, found in statistics_of(plain, 0).items():
        assert statistics_of(other, 0)[name].value == pytest.approx(found.value, abs=1e-6)
