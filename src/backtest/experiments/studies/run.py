"""The public calls: `prepare` reads and checks what a study needs, `study` makes its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.errors import UsageError
from backtest.experiments.records import STUDY
from backtest.experiments.runs.store import folder_name, installed_packages, run_id
from backtest.experiments.studies.measure import Settings, measure
from backtest.experiments.studies.record import StudyFolder, read_study, write_study
from backtest.experiments.studies.subject import (
    choose,
    close_returns,
    event_fields,
    events_of,
    find_subject,
    read_candidates,
    read_study_inputs,
    study_identity,
)
from backtest.stats.event_study import Series
from backtest.workspace.records import known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from backtest.experiments.studies.subject import Benchmark, LeftOut, StudiedEvent, Subject
    from backtest.workspace.folders import Workspace

_COLUMNS = [
    "event_id", "kind", "day_0", "direction", "model", "estimation_days", "window", "car", "error",
    "unknown",
]  # fmt: skip
_FAR = 60  # sessions from day 0 that a window may reach: CARs add up, which longer ones blur


@dataclass(frozen=True)
class StudyRequest:
    """What is studied."""

    name: str  # a kind of event or a strategy
    symbol: str  # the stock
    as_strategy: bool = False  # whether the strategy is meant where a kind has its name
    # the fund to hold the stock against; chosen from SPY and QQQ where None
    benchmark: str | None = None
    reaction: float = 5.0  # minutes from publication to the earliest open
    settings: Settings = field(default_factory=Settings)  # windows, model, seed and draws


@dataclass(frozen=True)
class PreparedStudy:
    """A request whose inputs were read and checked, and whose id is therefore known."""

    request: StudyRequest
    subject: Subject
    series: Series
    benchmark: Benchmark
    events: Sequence[StudiedEvent]
    left_out: Sequence[LeftOut]
    identity: Mapping[str, Any]
    path: Path

    @property
    def exists(self) -> bool:
        """Whether its result is on disk already, and whole."""
        return known(self.path, read_study) is not None


def parse_windows(texts: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Windows written as `-1,+1`, each once.

    Raises UsageError where one is not of this form, or ends before it begins.
    """
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


def prepare(workspace: Workspace, request: StudyRequest) -> PreparedStudy:
    """Read and check everything that a study needs.

    Raises UsageError where the name, the symbol or the benchmark is wrong, or no event can be
    studied, and DataError where a data file is wrong.
    """
    subject = find_subject(workspace, request.name, as_strategy=request.as_strategy)
    prices = workspace.data / "prices"
    candidates = read_candidates(prices, request.symbol, request.benchmark)
    inputs = read_study_inputs(workspace, subject, (request.symbol,), candidates[0].symbol)
    stock = inputs.history[request.symbol]
    events, left_out = events_of(subject, inputs, timedelta(minutes=request.reaction))
    sessions = stock.table.index.to_numpy().astype("M8[D]")
    days = np.searchsorted(sessions, np.array([event.session for event in events], "M8[D]"))
    benchmark = choose(stock, candidates, days.tolist(), named=request.benchmark is not None)
    series = Series(request.symbol, close_returns(stock, stock), benchmark.returns, days)
    decides = study_identity(subject, inputs, _terms(request, benchmark), candidates)
    name = folder_name(f"study-{request.name}", (request.symbol,), run_id(decides))
    path = workspace.reports / name
    prepared = PreparedStudy(request, subject, series, benchmark, events, left_out, decides, path)
    if not events:
        raise _nothing(prepared, [])
    return prepared


def study(prepared: PreparedStudy, *, force: bool = False) -> StudyFolder:
    """Study the events and write the folder; a study that exists whole is read instead.

    Raises UsageError where no event can be studied, or the folder cannot be written.

    Args:
        prepared: from `prepare`.
        force: study also where the result exists.

    """
    if not force and (made := known(prepared.path, read_study)):
        return made
    started = datetime.now(UTC)
    settings = prepared.request.settings
    figures = measure(prepared.series, prepared.events, settings)
    if not any(window["known"] for window in figures["windows"]):
        raise _nothing(prepared, figures["events"])
    record = {
        "study_id": run_id(prepared.identity),
        **prepared.identity,
        "also": prepared.subject.also,
        "benchmark_reason": prepared.benchmark.reason,
        "explained": dict(prepared.benchmark.explained),
        "packages": installed_packages(),
        "started_at": started.isoformat(timespec="seconds"),
        **figures,
        "left_out": [
            {**event_fields(each.event), "reason": each.reason} for each in prepared.left_out
        ],
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
    }
    write_study(prepared.path, STUDY, record, _cars(record))
    return read_study(prepared.path)


def _terms(request: StudyRequest, benchmark: Benchmark) -> dict[str, Any]:
    return {
        "symbol": request.symbol,
        "benchmark": benchmark.symbol,
        "benchmark_given": request.benchmark is not None,
        "reaction_minutes": request.reaction,
        "settings": json.loads(json.dumps(asdict(request.settings))),
    }


def _nothing(prepared: PreparedStudy, events: Sequence[Mapping[str, Any]]) -> UsageError:
    """The error for a study without a single CAR, with the reason of each event."""
    request = prepared.request
    reasons = [f"{each.event.id}: {each.reason}" for each in prepared.left_out]
    for event in events:
        reasons += [f"{event['event_id']} {name}: {why}" for name, why in event["unknown"].items()]
    why = "".join(f"\n  {reason}" for reason in reasons) or " There is none in the files."
    return UsageError(f"No event of {request.name} on {request.symbol} can be studied.{why}")


def _cars(record: Mapping[str, Any]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {**event, "window": window, "car": car, "error": event["errors"][window]}
        | {"unknown": event["unknown"].get(window, "")}
        for event in record["events"]
        for window, car in event["cars"].items()
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)
