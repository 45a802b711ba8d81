"""The figures of a study, ready for JSON: events, windows, signs, groups, and the curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.experiments.studies.subject import event_fields
from backtest.stats.event_study import ESTIMATION_DAYS, WINDOWS, outcomes_of, study
from backtest.stats.multiple_testing import holm
from backtest.stats.significance import (
    cross_section_t,
    detectable_effect,
    permutation_test,
    student_test,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from backtest.experiments.studies.subject import StudiedEvent
    from backtest.stats.event_study import EventOutcome, Model, Series, Study, Window
    from backtest.stats.significance import Permutation

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
class _Selection:
    """Some of the events; those of one day 0 are one observation."""

    by: str  # the way of grouping; empty where all events are looked at
    name: str  # of the group
    zeros: Ints  # day 0 of each event, shape (N,)
    places: Ints  # of the events, shape (N,)
    of_day: Mapping[int, int]  # by day 0 what its CAR is multiplied by

    @property
    def days(self) -> Ints:
        """The days 0, each once, shape (D,)."""
        return np.array(list(self.of_day), np.int64)

    @property
    def signs(self) -> Ints:
        """The sign of each of these days, shape (D,)."""
        return np.array(list(self.of_day.values()), np.int64)

    def known_events(self, cars: Floats) -> int:
        """How many of the events have a CAR; those of one day have the same."""
        return int(np.sum(~np.isnan(cars[self.zeros])))


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
    outcomes = {outcome.day: outcome for outcome in found.events}
    first = int(found.days[0])
    curve = [(first, int(day)) for day in found.days]
    everywhere = _cars_everywhere(series, found.days, (*settings.windows, *curve), settings)
    cars, paths = everywhere[:, : len(settings.windows)], everywhere[:, len(settings.windows) :]
    alike = np.ones(len(events), np.int64)
    everyone = _selection("", "all events", series.events, np.arange(len(events)), alike)
    groups, signed = _groups(series, events), _signed(series, events)
    return {
        "days": found.days.tolist(),
        "average": list(map(_known, found.average)),
        "counts": found.counts.tolist(),
        "events": [
            _event(event, outcomes[day], settings.windows)
            for event, day in zip(events, series.events.tolist(), strict=True)
        ],
        "windows": _windows(found, list(map(everyone.known_events, cars.T))),
        "signed": None if signed is None else _averages(cars, signed, settings),
        "groups": _group_rows(cars[:, 0], groups, settings),
        "curves": [
            _curve(paths, selection, settings.seed)
            for selection in (everyone, *([signed] if signed else []), *groups)
            if len(selection.days) > 1 or not selection.by
        ],
    }


def _cars_everywhere(
    series: Series, days: Ints, windows: Sequence[Window], settings: Settings
) -> Floats:
    """The CAR that an event on each day would have had, shape (T, windows)."""
    found = outcomes_of(series, days, windows, settings.model, settings.estimation)
    return np.array([found[day].cars for day in range(len(series.returns))])


def _selection(by: str, name: str, days: Ints, places: Ints, signs: Ints) -> _Selection:
    """The events at some places; of several on a day the sign of the last published counts."""
    of_day = dict(zip(days[places].tolist(), signs[places].tolist(), strict=True))
    return _Selection(by, name, days[places], places, of_day)


def _signed(series: Series, events: Sequence[StudiedEvent]) -> _Selection | None:
    """The events of which something is expected; None where there is none."""
    signs = np.array([event.direction for event in events], np.int64)
    places = np.flatnonzero(signs)
    name = "in the expected direction"
    return _selection("", name, series.events, places, signs) if len(places) else None


def _groups(series: Series, events: Sequence[StudiedEvent]) -> list[_Selection]:
    """Groups by each way of grouping that parts the days, the largest first.

    Days that two ways put together are one group.
    """
    alike, days = np.ones(len(events), np.int64), len(np.unique(series.events))
    found: dict[tuple[int, ...], _Selection] = {}
    for by in dict.fromkeys(by for event in events for by in event.labels):
        labels = np.array([event.labels.get(by, "") for event in events])
        names, counts = np.unique(labels[labels != ""], return_counts=True)
        for name in names[np.argsort(-counts, kind="stable")].tolist():
            selection = _selection(by, name, series.events, np.flatnonzero(labels == name), alike)
            if len(selection.days) < days:
                found.setdefault(tuple(selection.days.tolist()), selection)
    return list(found.values())


def _event(event: StudiedEvent, outcome: EventOutcome, windows: Sequence[Window]) -> dict[str, Any]:
    names, fit = list(map(window_name, windows)), outcome.fit
    return {
        **event_fields(event.event),
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


def _windows(found: Study, events: Sequence[int]) -> list[dict[str, Any]]:
    rows = [
        {
            "window": window_name(window.window),
            "events": count,
            "known": window.known,
            "unknown": window.unknown,
            "caar": window.caar,
            "overlaps": window.overlaps,
            "correlation": window.correlation,
            "detectable": window.detectable,
            "p_across": window.tests["cross_section"].p,
            "p": window.permutation and window.permutation.p.two_sided,
            "tests": {name: vars(test) for name, test in window.tests.items()},
        }
        for window, count in zip(found.windows, events, strict=True)
    ]
    return _corrected(rows)


def _averages(cars: Floats, selection: _Selection, settings: Settings) -> list[dict[str, Any]]:
    """By window the average of CAR × sign, and how random days with these signs would do."""
    rows = [
        {"window": window_name(window), **_average(cars[:, place], selection, window, settings)}
        for place, window in enumerate(settings.windows)
    ]
    return _corrected(rows)


def _group_rows(
    cars: Floats, groups: Sequence[_Selection], settings: Settings
) -> list[dict[str, Any]]:
    """The groups in the leading window."""
    rows = [
        {
            "by": selection.by,
            "name": selection.name,
            **_average(cars, selection, settings.windows[0], settings),
        }
        for selection in groups
    ]
    return _corrected(rows)


def _average(
    cars: Floats, selection: _Selection, window: Window, settings: Settings
) -> dict[str, Any]:
    length = window[1] - window[0] + 1
    found = _random_days(cars, selection, length, settings.seed, settings.draws)
    own = selection.signs * cars[selection.days]
    own = own[~np.isnan(own)]
    return {
        "events": selection.known_events(cars),
        "known": len(own),
        "right": int(np.sum(own > 0)),
        "caar": found and found.caar,
        "p": found and found.p.two_sided,
        "p_across": student_test("cross_section", cross_section_t(own), len(own) - 1).p,
        "detectable": found and detectable_effect(float(np.std(found.null))),
    }


def _curve(paths: Floats, selection: _Selection, seed: int) -> dict[str, Any]:
    """Average cumulative abnormal return by day, and the band that random days keep to."""
    found = [
        _random_days(path, selection, length, seed, _CURVE_DRAWS)
        for length, path in enumerate(paths.T, start=1)
    ]
    bands = [
        (None, None) if each is None else np.quantile(each.null, _BAND).tolist() for each in found
    ]
    return {
        "by": selection.by,
        "name": selection.name,
        "places": selection.places.tolist(),
        "signs": [selection.of_day[day] for day in selection.zeros.tolist()],
        "mean": [None if each is None else each.caar for each in found],
        "low": [low for low, _ in bands],
        "high": [high for _, high in bands],
    }


def _random_days(
    cars: Floats, selection: _Selection, length: int, seed: int, draws: int
) -> Permutation | None:
    """The average CAR × sign beside that of random days; each sign is moved by itself."""
    sides = [side for side in (1, -1) if np.any(selection.signs == side)]
    return permutation_test(
        [side * cars for side in sides],
        [selection.days[selection.signs == side] for side in sides],
        length=length,
        seed=seed,
        draws=draws,
    )


def _corrected(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their p-values corrected for the number of rows (Holm)."""
    known = [row for row in rows if row["p"] is not None]
    corrected = iter(holm([row["p"] for row in known]).tolist())
    return [{**row, "p_holm": None if row["p"] is None else next(corrected)} for row in rows]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
