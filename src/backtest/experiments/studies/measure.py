"""The figures of a study, ready for JSON: events, windows, signs, groups, and the curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.stats.event_study.significance import (
    cross_section_t,
    detectable_effect,
    permutation_test,
    student_test,
)
from backtest.stats.event_study.study import ESTIMATION_DAYS, WINDOWS, outcomes_of, study
from backtest.stats.multiple_testing import holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from backtest.experiments.studies.subject import StudiedEvent
    from backtest.stats.event_study.models import Model
    from backtest.stats.event_study.significance import Permutation
    from backtest.stats.event_study.study import EventOutcome, Series, Study, Window

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_CURVE_DRAWS = 2_000  # of random days, for each day of each curve
_BAND = (0.025, 0.975)


@dataclass(frozen=True)
class Settings:
    """How a study is made; the first window leads."""

    windows: tuple[Window, ...] = WINDOWS
    model: Model = "market"
    estimation: int = ESTIMATION_DAYS
    seed: int = 1
    draws: int = 10_000


@dataclass(frozen=True)
class _Sample:
    """Some of the events, each with a sign.

    Attributes:
        by: the way of grouping; empty where all events are looked at.
        name: of the group.
        places: of the events, shape (N,).
        signs: what each CAR is multiplied by, shape (N,).

    """

    by: str
    name: str
    places: Ints
    signs: Ints


def window_name(window: Window) -> str:
    """A window as it is written, such as `[-1,+1]`."""
    return f"[{', '.join(f'{day:+d}' if day else '0' for day in window)}]".replace(" ", "")


def measure(series: Series, events: Sequence[StudiedEvent], settings: Settings) -> dict[str, Any]:
    """Study the events of one stock.

    Args:
        series: the stock; `series.events` holds the day 0 of each event.
        events: in the same order.
        settings: how.

    """
    found = study(
        [series],
        settings.windows,
        model=settings.model,
        estimation=settings.estimation,
        seed=settings.seed,
        draws=settings.draws,
    )
    first = int(found.days[0])
    curve = [(first, int(day)) for day in found.days]
    everywhere = _cars_everywhere(series, found.days, (*settings.windows, *curve), settings)
    cars, paths = everywhere[:, : len(settings.windows)], everywhere[:, len(settings.windows) :]
    groups = _groups(events)
    signed = _signed(events)
    return {
        "days": found.days.tolist(),
        "average": list(map(_known, found.average)),
        "counts": found.counts.tolist(),
        "events": [
            _event(event, outcome, settings.windows)
            for event, outcome in zip(events, found.events, strict=True)
        ],
        "windows": _windows(found),
        "signed": None if signed is None else _averages(series, cars, signed, settings),
        "groups": _group_rows(series, cars[:, 0], groups, settings),
        "curves": [
            _curve(series, paths, sample, settings.seed)
            for sample in (_everyone(events), *([signed] if signed else []), *groups)
            if len(sample.places) > 1 or not sample.by
        ],
    }


def _cars_everywhere(
    series: Series, days: Ints, windows: Sequence[Window], settings: Settings
) -> Floats:
    """The CAR that an event on each day would have had, shape (T, windows)."""
    found = outcomes_of(series, days, windows, settings.model, settings.estimation)
    return np.array([found[day].cars for day in range(len(series.returns))])


def _everyone(events: Sequence[StudiedEvent]) -> _Sample:
    return _Sample("", "all events", np.arange(len(events)), np.ones(len(events), np.int64))


def _signed(events: Sequence[StudiedEvent]) -> _Sample | None:
    """The events of which something is expected; None where there is none."""
    signs = np.array([event.direction for event in events], np.int64)
    places = np.flatnonzero(signs)
    return _Sample("", "in the expected direction", places, signs[places]) if len(places) else None


def _groups(events: Sequence[StudiedEvent]) -> list[_Sample]:
    """Groups by each way of grouping that parts the events, the largest first.

    Events that two ways put together are one group, told once.
    """
    found: dict[tuple[int, ...], _Sample] = {}
    for by in dict.fromkeys(by for event in events for by in event.labels):
        labels = np.array([event.labels.get(by, "") for event in events])
        names, counts = np.unique(labels[labels != ""], return_counts=True)
        for name in names[np.argsort(-counts, kind="stable")].tolist():
            places = np.flatnonzero(labels == name)
            if len(places) < len(events):
                sample = _Sample(by, name, places, np.ones(len(places), np.int64))
                found.setdefault(tuple(places.tolist()), sample)
    return list(found.values())


def _event(event: StudiedEvent, outcome: EventOutcome, windows: Sequence[Window]) -> dict[str, Any]:
    names, fit = list(map(window_name, windows)), outcome.fit
    return {
        "event_id": event.event.id,
        "kind": event.event.kind,
        "published_at": event.event.published_at.isoformat(),
        "precision": event.event.precision,
        "headline": event.event.headline,
        "day_0": event.session.isoformat(),
        "direction": event.direction,
        "direction_reason": event.why,
        "labels": event.labels,
        "model": fit.model,
        "model_reason": fit.reason,
        "estimation_days": len(fit.days),
        "alpha": _known(fit.alpha),
        "beta": _known(fit.beta),
        "sigma": _known(fit.sigma),
        "cars": dict(zip(names, map(_known, outcome.cars), strict=True)),
        "errors": dict(zip(names, map(_known, outcome.errors), strict=True)),
        "unknown": {n: why for n, why in zip(names, outcome.unknown, strict=True) if why},
        "path": list(map(_known, np.cumsum(outcome.abnormal))),
    }


def _windows(found: Study) -> list[dict[str, Any]]:
    rows = [
        {
            "window": window_name(window.window),
            "known": window.known,
            "unknown": window.unknown,
            "caar": window.caar,
            "overlaps": window.overlaps,
            "correlation": window.correlation,
            "detectable": window.detectable,
            "p_across": window.tests["cross_section"].p,
            **_standing(window.permutation),
            "tests": {name: vars(test) for name, test in window.tests.items()},
        }
        for window in found.windows
    ]
    return _corrected(rows)


def _averages(
    series: Series, cars: Floats, sample: _Sample, settings: Settings
) -> list[dict[str, Any]]:
    """By window the average of CAR × sign, and how random days with these signs would do."""
    rows = []
    for place, window in enumerate(settings.windows):
        length = window[1] - window[0] + 1
        found = _random_days(series, cars[:, place], sample, length, settings.seed, settings.draws)
        own = sample.signs * cars[series.events[sample.places], place]
        own = own[~np.isnan(own)]
        rows.append(
            {
                "window": window_name(window),
                "known": len(own),
                "right": int(np.sum(own > 0)),
                "p_across": _p_across(own),
                "caar": None if found is None else found.caar,
                "detectable": None
                if found is None
                else detectable_effect(float(np.std(found.null))),
                **_standing(found),
            }
        )
    return _corrected(rows)


def _group_rows(
    series: Series, cars: Floats, groups: Sequence[_Sample], settings: Settings
) -> list[dict[str, Any]]:
    """The groups in the leading window."""
    rows, length = [], settings.windows[0][1] - settings.windows[0][0] + 1
    for sample in groups:
        found = _random_days(series, cars, sample, length, settings.seed, settings.draws)
        own = cars[series.events[sample.places]]
        rows.append(
            {
                "by": sample.by,
                "name": sample.name,
                "events": len(sample.places),
                "known": int(np.sum(~np.isnan(own))),
                "caar": None if found is None else found.caar,
                "p_across": _p_across(own[~np.isnan(own)]),
                **_standing(found),
            }
        )
    return _corrected(rows)


def _curve(series: Series, paths: Floats, sample: _Sample, seed: int) -> dict[str, Any]:
    """Average cumulative abnormal return by day, and the band that random days keep to."""
    found = [
        _random_days(series, path, sample, length, seed, _CURVE_DRAWS)
        for length, path in enumerate(paths.T, start=1)
    ]
    bands = [
        (None, None) if each is None else np.quantile(each.null, _BAND).tolist() for each in found
    ]
    return {
        "by": sample.by,
        "name": sample.name,
        "places": sample.places.tolist(),
        "signs": sample.signs.tolist(),
        "mean": [None if each is None else each.caar for each in found],
        "low": [low for low, _ in bands],
        "high": [high for _, high in bands],
    }


def _random_days(
    series: Series, cars: Floats, sample: _Sample, length: int, seed: int, draws: int
) -> Permutation | None:
    """The sample's average CAR × sign beside that of random days; each sign is moved by itself."""
    days = series.events[sample.places]
    sides = [side for side in (1, -1) if np.any(sample.signs == side)]
    return permutation_test(
        [side * cars for side in sides],
        [days[sample.signs == side] for side in sides],
        length=length,
        seed=seed,
        draws=draws,
    )


def _p_across(cars: Floats) -> float | None:
    """The p-value of the t test across events."""
    return student_test("cross_section", cross_section_t(cars), len(cars) - 1).p


def _standing(found: Permutation | None) -> dict[str, Any]:
    """The two-sided p-value among random days."""
    return {"p": None if found is None else found.p.two_sided}


def _corrected(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their p-values corrected for the number of rows (Holm)."""
    known = [row for row in rows if row["p"] is not None]
    corrected = iter(holm([row["p"] for row in known]).tolist())
    return [{**row, "p_holm": None if row["p"] is None else next(corrected)} for row in rows]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
