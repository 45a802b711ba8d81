"""Run event studies: abnormal returns of each event, their average, and the tests of it.

MacKinlay 1997 is the frame. A model that is estimated before an event says what was to be expected;
what went beyond it adds up, and `significance` asks whether that is more than chance. Returns are
simple, fractions, one a session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from backtest.stats import NO_RETURN
from backtest.stats import significance as test
from backtest.stats.figures import varies
from backtest.stats.significance import Permutation, detectable_effect, permutation_test

if TYPE_CHECKING:
    from backtest.stats import Floats, Ints

    Window = tuple[int, int]

Model = Literal["market", "market_adjusted", "mean_adjusted"]
FEWEST_DAYS = 30  # estimation days of a model with parameters
FEWEST_FOR_SIGMA = 10  # estimation days for a standard deviation
_PARAMETERS: dict[Model, int] = {"market": 2, "market_adjusted": 0, "mean_adjusted": 1}
MODELS = tuple(_PARAMETERS)


@dataclass(frozen=True)
class Fit:
    """Hold a model of normal returns as estimated before one event.

    `market` is `R = alpha + beta Rm`, `market_adjusted` `R = Rm`, `mean_adjusted` `R = alpha`.
    `sigma` is the standard deviation of a session's abnormal return, `√(ΣAR² ÷ (L1 − parameters))`;
    NaN for fewer than 10 estimation days, or where it would be 0.
    """

    model: Model
    reason: str  # why it is not the wanted model; empty where it is
    alpha: float  # intercept, a fraction a session
    beta: float  # slope on the market
    sigma: float
    days: Ints  # positions of the estimation days in the series, shape (L1,)
    residuals: Floats  # abnormal returns on those days, shape (L1,)
    market_mean: float  # mean return of the market on those days
    market_squares: float  # Σ (Rm − mean)² on those days

    @property
    def degrees_of_freedom(self) -> int:
        """Return estimation days less parameters, `L1 − 2` for the market model."""
        return len(self.days) - _PARAMETERS[self.model]

    def window_error(self, market: Floats) -> float:
        """Return the standard deviation of a CAR, the estimates' error included (MacKinlay 1997).

        `s √(L2 + L2² ÷ L1 + (ΣRm − L2 R̄m)² ÷ Sxx)` with the market's returns in the window; the
        second term falls away without an intercept, the third without a slope.
        """
        length = len(market)
        variance = float(length)
        if _PARAMETERS[self.model]:
            variance += length**2 / len(self.days)
        if self.model == "market":
            away = float(np.sum(market)) - length * self.market_mean
            variance += away**2 / self.market_squares
        return self.sigma * sqrt(variance)


def fit(returns: Floats, market: Floats, days: Ints, wanted: Model) -> Fit:
    """Estimate a model on days, positions on which the returns of stock and market are known.

    Where a model with parameters has fewer than 30 days, or the market does not move on them, the
    market's returns are subtracted instead, which needs no estimate.
    """
    model, reason = wanted, ""
    if _PARAMETERS[wanted] and len(days) < FEWEST_DAYS:
        model = "market_adjusted"
        reason = f"{len(days)} estimation days: {wanted} needs {FEWEST_DAYS}"
    elif wanted == "market" and not varies(market[days]):
        model, reason = "market_adjusted", "the market does not move on the estimation days"
    of_stock, of_market = returns[days], market[days]
    mean = float(np.mean(of_market)) if len(days) else nan
    squares = float(np.sum((of_market - mean) ** 2))
    beta = {"market_adjusted": 1.0, "mean_adjusted": 0.0}.get(model)
    if beta is None:
        beta = float(np.sum((of_market - mean) * of_stock) / squares)
    alpha = 0.0 if model == "market_adjusted" else float(np.mean(of_stock)) - beta * mean
    residuals = _beyond(of_stock, alpha + beta * of_market)
    freedom = len(days) - _PARAMETERS[model]
    known = len(days) >= FEWEST_FOR_SIGMA and np.any(residuals)
    sigma = sqrt(float(np.sum(residuals**2)) / freedom) if known else nan
    return Fit(model, reason, alpha, beta, sigma, days, residuals, mean, squares)


def _beyond(returns: Floats, expected: Floats) -> Floats:
    """Subtract expected returns; what rounding leaves of nothing is nothing."""
    away = returns - expected
    return np.where(np.abs(away) < NO_RETURN, 0.0, away)


WINDOWS: tuple[Window, ...] = ((-1, 1), (0, 1), (0, 5), (0, 20), (-10, 10))
ESTIMATION_DAYS = 120
_CORE = (-1, 1)  # sessions round an event that no estimate rests on


@dataclass(frozen=True)
class Series:
    """Hold a stock's returns, the market's, and the positions of the events."""

    returns: Floats  # simple returns, one a session, shape (T,); NaN where unknown
    market: Floats  # the market's in the same sessions, (T,); NaN where unknown
    events: Ints  # position of each event's day 0; several of one day are one observation


@dataclass(frozen=True)
class EventOutcome:
    """Hold what the stock did round one day 0."""

    day: int  # position of day 0
    fit: Fit  # what was to be expected, and why by this model
    abnormal: Floats  # abnormal returns by day of the event period, shape (days,); NaN if unknown
    cars: Floats  # cumulative abnormal returns by window; NaN where unknown
    errors: Floats  # standard deviation of each CAR with the error of prediction; NaN where unknown
    unknown: tuple[str, ...]  # reason by window why its CAR is unknown; empty where it is known


@dataclass(frozen=True)
class WindowOutcome:
    """Hold the events' average over one window with its tests."""

    window: Window  # first and last day, both included
    known: int  # days 0 whose CAR is known; the average is theirs
    unknown: int  # days 0 whose CAR is not
    caar: float | None  # average CAR, a fraction; None where no CAR is known
    overlaps: int  # pairs of events whose windows share a session
    correlation: float  # mean correlation of two events' CARs; see `mean_correlation`
    tests: Mapping[str, test.Statistic]  # by name; of events with a known error but `cross_section`
    permutation: Permutation | None  # the leading test; None where no CAR is known
    detectable: float | None  # effect that would be found at 5 %, two-sided, 80 times in 100


@dataclass(frozen=True)
class EventStudy:
    """Hold the averages by day, the outcomes by event and the windows' tests."""

    days: Ints  # days of the event period, from the first of any window to the last, shape (days,)
    average: Floats  # average abnormal return by day, (days,); NaN where no event's is known
    counts: Ints  # events behind each average, (days,)
    outcomes: Mapping[int, EventOutcome]  # outcome of an event on each session, true days included
    windows: tuple[WindowOutcome, ...]


def event_study(
    series: Series,
    windows: Sequence[Window] = WINDOWS,
    *,
    model: Model = "market",
    estimation: int = ESTIMATION_DAYS,
    seed: int = 0,
    draws: int = 10_000,
) -> EventStudy:
    """Study what a stock did round its events.

    The event period reaches from the first day of any window to the last, relative to day 0. A
    model is estimated for each event on the last `estimation` sessions before it, less those within
    a session of any event studied here; all windows share it. `seed` and `draws` are those of the
    permutation test. Raises ValueError where a window ends before it begins.
    """
    if any(first > last for first, last in windows):
        raise ValueError("a window ends before it begins")
    days = np.arange(min(a for a, _ in windows), max(b for _, b in windows) + 1)
    outcomes = _outcomes(series, days, windows, model, estimation)
    events = [outcomes[day] for day in np.unique(series.events).tolist()]
    table = np.array([event.abnormal for event in events]).reshape(-1, len(days))
    counts = np.sum(~np.isnan(table), axis=0)
    average = np.where(counts > 0, np.nansum(table, axis=0) / np.maximum(counts, 1), np.nan)
    results = []
    for number, (first, last) in enumerate(windows):
        cars = np.array([outcomes[day].cars[number] for day in range(len(series.returns))])
        length = last - first + 1
        permutation = permutation_test(
            [cars], [series.events], length=length, seed=seed, draws=draws
        )
        columns = slice(first - days[0], last - days[0] + 1)
        results.append(_window(events, number, (first, last), columns, permutation))
    return EventStudy(days, average, counts, outcomes, tuple(results))


def _outcomes(
    series: Series, days: Ints, windows: Sequence[Window], model: Model, estimation: int
) -> dict[int, EventOutcome]:
    """Return what an event on each day would have seen, the true events' days among them."""
    known = ~np.isnan(series.returns) & ~np.isnan(series.market)
    core = (series.events[:, None] + np.arange(_CORE[0], _CORE[1] + 1)).ravel()
    usable = np.setdiff1d(np.flatnonzero(known), core)

    def outcome(day: int) -> EventOutcome:
        end = int(np.searchsorted(usable, day + days[0]))
        fitted = fit(series.returns, series.market, usable[max(0, end - estimation) : end], model)
        market = test.at_positions(series.market, day + days)
        returns = test.at_positions(series.returns, day + days)
        abnormal = _beyond(returns, fitted.alpha + fitted.beta * market)
        columns = [slice(first - days[0], last - days[0] + 1) for first, last in windows]
        cars = np.array([np.sum(abnormal[one]) for one in columns])
        errors = np.array([fitted.window_error(market[one]) for one in columns])
        unknown = tuple(
            _why(known, day + first, day + last) if np.isnan(car) else ""
            for (first, last), car in zip(windows, cars, strict=True)
        )
        errors = np.where(np.isnan(cars), nan, errors)
        return EventOutcome(day, fitted, abnormal, cars, errors, unknown)

    return {day: outcome(day) for day in {*range(len(known)), *series.events.tolist()}}


def _why(known: NDArray[np.bool_], first: int, last: int) -> str:
    days = np.flatnonzero(known)
    if len(days) == 0 or first < days[0]:
        return "the returns begin within or after the window"
    if last > days[-1]:
        return "the returns end within or before the window"
    return "a return is missing in the window"


def _window(
    events: Sequence[EventOutcome],
    number: int,
    window: Window,
    columns: slice,
    permutation: Permutation | None,
) -> WindowOutcome:
    known = [event for event in events if not np.isnan(event.cars[number])]
    spread = [event for event in known if not np.isnan(event.errors[number])]
    cars = np.array([event.cars[number] for event in known])
    days, of_spread = (np.array([event.day for event in some], int) for some in (known, spread))
    length = window[1] - window[0] + 1
    alike = np.ones(len(known), int)
    sample = test.Sample(
        cars=np.array([event.cars[number] for event in spread]),
        sigmas=np.array([event.fit.sigma for event in spread]),
        errors=np.array([event.errors[number] for event in spread]),
        freedom=np.array([event.fit.degrees_of_freedom for event in spread], np.float64),
        length=length,
        correlation=test.mean_correlation(alike[: len(spread)], of_spread, length),
    )
    error = sqrt(np.sum(sample.errors**2) * sample.inflation)
    later = np.searchsorted(days, days + length) - np.arange(1, len(days) + 1)
    across = test.across_events(cars, alike, days, length)
    return WindowOutcome(
        window,
        known=len(known),
        unknown=len(events) - len(known),
        caar=float(np.mean(cars)) if known else None,
        overlaps=int(later.sum()),
        correlation=sample.correlation,
        tests={each.name: each for each in _tests(across, sample, spread, columns)},
        permutation=permutation,
        detectable=detectable_effect(error / len(spread)) if spread else None,
    )


def _tests(
    across: test.Statistic, sample: test.Sample, spread: Sequence[EventOutcome], columns: slice
) -> list[test.Statistic]:
    freedom = len(sample.cars) - 1
    estimation = [event.fit.residuals for event in spread]
    period = np.array([event.abnormal for event in spread])
    positive = np.array([np.mean(residuals > 0) for residuals in estimation])
    rank = test.corrado(estimation, period, columns) if spread else None
    return [
        test.statistic("t", test.t_plain(sample)),
        test.statistic("t_prediction", test.t_with_prediction_error(sample)),
        across,
        test.statistic("patell", test.patell(sample)),
        test.statistic("bmp", test.bmp(sample), freedom),
        test.statistic("kp_patell", test.kp_patell(sample)),
        test.statistic("kp_bmp", test.kp_bmp(sample), freedom),
        test.statistic("corrado", rank),
        test.statistic("sign", test.generalised_sign(sample.cars, positive)),
    ]
