"""Study the events of one stock: the plan of a study, and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.errors import UsageError
from backtest.experiments.records import STUDY, StudyRecord
from backtest.experiments.studies.subject import (
    Study,
    StudyPlan,
    StudyRequest,
    choose_benchmark,
    close_returns,
    corrected,
    events_of,
    find_subject,
    is_tested,
    read_candidates,
    read_study_inputs,
    study_identity,
    study_minutes,
    untested,
    windows_of,
    write_study,
)
from backtest.experiments.terms import folder_name, run_id
from backtest.stats.event_study import ESTIMATION_DAYS, WINDOWS, Series, event_study
from backtest.stats.significance import across_events, detectable_effect, permutation_test

if TYPE_CHECKING:
    from backtest.data.kinds import Event
    from backtest.experiments.studies.subject import Benchmark, StudiedEvent
    from backtest.stats import Floats, Ints
    from backtest.stats.event_study import EventOutcome, EventStudy, Window
    from backtest.stats.significance import Permutation
    from backtest.workspace.folders import Workspace

_COLUMNS = [
    "event_id", "kind", "day_0", "direction", "model", "estimation_days", "window", "car", "error",
    "unknown",
]  # fmt: skip
_FAR = 60  # sessions from day 0 that a window may reach: longer CARs add up noise
_CURVE_DRAWS = 2_000  # random days for each day of each curve
_BAND = (0.025, 0.975)  # quantiles of random days, for the band of a curve


@dataclass(frozen=True)
class OneStockPlan(StudyPlan[StudyRecord]):
    """Hold the inputs of a study of one stock, read and checked."""

    file, kind = STUDY, StudyRecord
    series: Series
    benchmark: Benchmark


def parse_windows(texts: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Read windows such as `-1,+1`, each once; raises UsageError where one is wrong."""
    windows = []
    for text in texts:
        try:
            first, last = (int(part) for part in text.strip(" []").split(","))
        except ValueError:
            raise UsageError(
                f"--window {text!r} is not of the form first,last in whole sessions from day 0, "
                f"such as -1,+1."
            ) from None
        if first > last:
            raise UsageError(
                f"--window {text!r} ends before it begins: did you mean {last:+d},{first:+d}?"
            )
        if max(-first, last) > _FAR:
            raise UsageError(f"--window {text!r} reaches beyond {_FAR} sessions from day 0.")
        windows.append((first, last))
    return tuple(dict.fromkeys(windows))


def prepare_study(workspace: Workspace, request: StudyRequest) -> OneStockPlan:
    """Read and check everything that a study of one stock needs.

    Raises UsageError where the name, the symbol or the benchmark is wrong, or no event can be
    studied, and DataError where a data file is wrong.
    """
    subject = find_subject(workspace, request.name, as_strategy=request.as_strategy)
    request = replace(request, windows=windows_of(request, subject, WINDOWS))
    (symbol,), is_named = request.symbols, request.benchmark is not None
    candidates = read_candidates(workspace.data / "prices", symbol, request.benchmark)
    inputs = read_study_inputs(workspace, request, subject, candidates[0].symbol)
    events, left_out = events_of(subject, inputs, timedelta(minutes=request.reaction))
    stock = inputs.history[symbol]
    sessions = stock.table.index.to_numpy("M8[D]")
    days = np.searchsorted(sessions, np.array([event.session for event in events], "M8[D]"))
    benchmark = choose_benchmark(stock, candidates, days.tolist(), named=is_named)
    series = Series(close_returns(stock, stock.table.index), benchmark.returns, days)
    terms = {
        "symbol": symbol,
        "benchmark": benchmark.symbol,
        "benchmark_given": is_named,
        "reaction_minutes": request.reaction,
        "settings": {
            "windows": [list(window) for window in request.windows],
            "model": request.model,
            "estimation": ESTIMATION_DAYS,
            "seed": request.seed,
            "draws": request.draws,
        },
    }
    decides = study_identity(subject, inputs, terms, candidates)
    path = workspace.reports / folder_name(f"study-{request.name}", (symbol,), run_id(decides))
    plan = OneStockPlan(
        decides, path, request, subject, inputs, events, left_out, series, benchmark
    )
    if not events:
        raise _no_car(plan, [])
    return plan


def run_study(plan: OneStockPlan, *, force: bool = False) -> Study[StudyRecord]:
    """Study the events and write the folder; read a study that is already whole, unless forced.

    Raises UsageError where no event can be studied, or the folder cannot be written.
    """
    if not force and (made := plan.result):
        return made
    started = datetime.now(UTC)
    tested = [is_tested(plan.subject, window) for window in plan.request.windows]
    figures = measure(plan.series, plan.events, plan.request, tested)
    if not any(window["known"] for window in figures["windows"]):
        raise _no_car(plan, figures["events"])
    more: dict[str, Any] = {
        "also": plan.subject.also,
        "benchmark_reason": plan.benchmark.reason,
        "explained": dict(plan.benchmark.explained),
        "left_out": [_fields(each.event) | {"reason": each.reason} for each in plan.left_out],
    }
    more |= study_minutes(plan.inputs, plan.events)
    return write_study(plan, started, {**figures, **more}, _cars(figures["events"]))


def _no_car(plan: OneStockPlan, events: Sequence[Mapping[str, Any]]) -> UsageError:
    """Make the error for a study without a single CAR, with the reason of each event."""
    request = plan.request
    reasons = [f"{each.event.id}: {each.reason}" for each in plan.left_out]
    for event in events:
        reasons += [f"{event['event_id']} {name}: {why}" for name, why in event["unknown"].items()]
    why = "".join(f"\n  {reason}" for reason in reasons) or " There is none in the files."
    return UsageError(f"No event of {request.name} on {request.symbols[0]} can be studied.{why}")


def _cars(events: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    rows = [
        {**event, "window": window, "car": car, "error": event["errors"][window]}
        | {"unknown": event["unknown"].get(window, "")}
        for event in events
        for window, car in event["cars"].items()
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


@dataclass(frozen=True)
class _Selection:
    """Select some of the events; those of one day 0 are one observation."""

    by: str  # the way of grouping; empty where all events are studied
    name: str  # the group's name
    zeros: Ints  # day 0 of each event, shape (N,)
    numbers: Ints  # the events' numbers, shape (N,)
    of_day: Mapping[int, int]  # sign by which the CAR of each day 0 is multiplied

    @property
    def days(self) -> Ints:
        """Return the days 0, each once, shape (D,)."""
        return np.array(list(self.of_day), np.int64)

    @property
    def signs(self) -> Ints:
        """Return the sign of each of these days, shape (D,)."""
        return np.array(list(self.of_day.values()), np.int64)

    def known_events(self, cars: Floats) -> int:
        """Count the events that have a CAR; those of one day have the same."""
        return int(np.sum(~np.isnan(cars[self.zeros])))


def window_name(window: Window) -> str:
    """Write a window, such as `[-1,+1]`."""
    return f"[{','.join(f'{day:+d}' if day else '0' for day in window)}]"


def measure(
    series: Series,
    events: Sequence[StudiedEvent],
    request: StudyRequest,
    tested: Sequence[bool] = (),
) -> dict[str, Any]:
    """Compute the figures of a study; `series.events` has the day 0 of each event, in their order.

    `tested` says for each window whether it is tested; all are where it is empty.
    """
    windows = request.windows
    tested = tested or [True] * len(windows)
    result = event_study(
        series, windows, model=request.model, seed=request.seed, draws=request.draws
    )
    outcomes = [result.outcomes[day] for day in range(len(series.returns))]
    cars = np.array([outcome.cars for outcome in outcomes])
    abnormal = np.array([outcome.abnormal for outcome in outcomes])
    paths = np.array([abnormal[:, :days].sum(axis=1) for days in range(1, len(result.days) + 1)])
    alike = np.ones(len(events), np.int64)
    every = _selection("", "all events", series.events, np.arange(len(events)), alike)
    groups, signed = _groups(series, events), _signed(series, events)
    of_signed = signed and [
        {"window": window_name(window), **_average(cars[:, number], signed, window, request)}
        for number, window in enumerate(windows)
    ]
    of_groups = [
        {"by": each.by, "name": each.name} | _average(cars[:, 0], each, windows[0], request)
        for each in groups
    ]
    return {
        "days": result.days.tolist(),
        "average": list(map(_known, result.average)),
        "counts": result.counts.tolist(),
        "events": [
            _event(event, result.outcomes[day], windows)
            for event, day in zip(events, series.events.tolist(), strict=True)
        ],
        "windows": _judged(_windows(result, list(map(every.known_events, cars.T))), tested),
        "signed": of_signed and _judged(of_signed, tested),
        "groups": _judged(of_groups, [tested[0]] * len(of_groups)),
        "curves": [
            _curve(paths, selection, request.seed)
            for selection in (every, *([signed] if signed else []), *groups)
            if len(selection.days) > 1 or not selection.by
        ],
    }


def _judged(rows: Sequence[dict[str, Any]], tested: Sequence[bool]) -> list[dict[str, Any]]:
    """Correct the p-values of rows; those that are not tested lose theirs."""
    pairs = zip(rows, tested, strict=True)
    return corrected([row if is_judged else untested(row) for row, is_judged in pairs])


def _selection(by: str, name: str, days: Ints, numbers: Ints, signs: Ints) -> _Selection:
    """Select events by their numbers; of several on a day the sign of the last published counts."""
    of_day = dict(zip(days[numbers].tolist(), signs[numbers].tolist(), strict=True))
    return _Selection(by, name, days[numbers], numbers, of_day)


def _signed(series: Series, events: Sequence[StudiedEvent]) -> _Selection | None:
    """Select the events of which a direction is expected; None where there is none."""
    signs = np.array([event.direction for event in events], np.int64)
    numbers = np.flatnonzero(signs)
    name = "in the expected direction"
    return _selection("", name, series.events, numbers, signs) if len(numbers) else None


def _groups(series: Series, events: Sequence[StudiedEvent]) -> list[_Selection]:
    """Select groups by each way of grouping that parts the days, the largest first.

    Days that two ways put together are one group.
    """
    alike, days = np.ones(len(events), np.int64), len(np.unique(series.events))
    groups: dict[tuple[int, ...], _Selection] = {}
    for by in dict.fromkeys(by for event in events for by in event.labels):
        labels = np.array([event.labels.get(by, "") for event in events])
        names, counts = np.unique(labels[labels != ""], return_counts=True)
        for name in names[np.argsort(-counts, kind="stable")].tolist():
            selection = _selection(by, name, series.events, np.flatnonzero(labels == name), alike)
            if len(selection.days) < days:
                groups.setdefault(tuple(selection.days.tolist()), selection)
    return list(groups.values())


def _event(event: StudiedEvent, outcome: EventOutcome, windows: Sequence[Window]) -> dict[str, Any]:
    names, fit = list(map(window_name, windows)), outcome.fit
    return {
        **_fields(event.event),
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


def _fields(event: Event) -> dict[str, str]:
    return {
        "event_id": event.id,
        "kind": event.kind,
        "published_at": event.published_at.isoformat(),
        "precision": event.precision,
        "headline": event.headline,
    }


def _windows(result: EventStudy, events: Sequence[int]) -> list[dict[str, Any]]:
    return [
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
        for window, count in zip(result.windows, events, strict=True)
    ]


def _average(
    cars: Floats, selection: _Selection, window: Window, request: StudyRequest
) -> dict[str, Any]:
    length = window[1] - window[0] + 1
    random_days = _random_days(cars, selection, length, request.seed, request.draws)
    is_known = ~np.isnan(cars[selection.days])
    signs, days = selection.signs[is_known], selection.days[is_known]
    return {
        "events": selection.known_events(cars),
        "known": len(days),
        "right": int(np.sum(signs * cars[days] > 0)),
        "caar": random_days and random_days.caar,
        "p": random_days and random_days.p.two_sided,
        "p_across": across_events(cars[days], signs, days, length).p,
        "detectable": random_days and detectable_effect(float(np.std(random_days.null))),
    }


def _curve(paths: Floats, selection: _Selection, seed: int) -> dict[str, Any]:
    """Return the average cumulative abnormal return by day, and the band of random days."""
    by_day = [
        _random_days(path, selection, length, seed, _CURVE_DRAWS)
        for length, path in enumerate(paths, start=1)
    ]
    bands = [
        (None, None) if each is None else np.quantile(each.null, _BAND).tolist() for each in by_day
    ]
    return {
        "by": selection.by,
        "name": selection.name,
        "places": selection.numbers.tolist(),
        "signs": [selection.of_day[day] for day in selection.zeros.tolist()],
        "mean": [each and each.caar for each in by_day],
        "low": [low for low, _ in bands],
        "high": [high for _, high in bands],
    }


def _random_days(
    cars: Floats, selection: _Selection, length: int, seed: int, draws: int
) -> Permutation | None:
    """Compare the average CAR × sign with that of random days; each sign is moved by itself."""
    sides = [side for side in (1, -1) if np.any(selection.signs == side)]
    return permutation_test(
        [side * cars for side in sides],
        [selection.days[selection.signs == side] for side in sides],
        length=length,
        seed=seed,
        draws=draws,
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
