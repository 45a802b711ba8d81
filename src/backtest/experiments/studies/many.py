"""Study what many stocks did round the events of a kind, by quantile of a field.

An observation is a stock and a day 0: further events of that day tell of the same move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.data.scheduled import MarketEvent
from backtest.errors import UsageError, unknown
from backtest.experiments.records import MANY_STUDY, ManyStudyRecord
from backtest.experiments.studies.run import window_name
from backtest.experiments.studies.subject import (
    StudiedEvent,
    Study,
    StudyPlan,
    StudyRequest,
    Subject,
    close_returns,
    corrected,
    events_of,
    find_subject,
    funds_in,
    is_tested,
    read_study_inputs,
    study_identity,
    study_minutes,
    untested,
    windows_of,
    write_study,
)
from backtest.experiments.terms import folder_name, run_id
from backtest.stats.figures import mean_of_known
from backtest.stats.formats import field
from backtest.stats.significance import (
    abnormal_paths,
    difference_by_season,
    mean_by_season,
    quantiles,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from backtest.data.inputs import Inputs
    from backtest.data.kinds import Event
    from backtest.stats import Floats, Ints
    from backtest.stats.event_study import Window
    from backtest.workspace.folders import Workspace

WINDOWS: tuple[Window, ...] = ((0, 10), (1, 10), (-1, -1), (0, 0), (0, 1))
_DAYS = (-10, 20)  # first and last day of the curves
_MONTHS_A_SEASON = 3


@dataclass(frozen=True)
class ManyStocksPlan(StudyPlan[ManyStudyRecord]):
    """Hold the inputs of a study of many stocks, read and checked."""

    file, kind = MANY_STUDY, ManyStudyRecord
    by: str | None  # field that the events are sorted by


def prepare_many_study(workspace: Workspace, request: StudyRequest) -> ManyStocksPlan:
    """Read and check everything that a study of many stocks needs.

    Raises UsageError where a name, a field or the benchmark is wrong, or no event can be studied,
    and DataError where a data file is wrong.
    """
    subject = find_subject(workspace, request.name, as_strategy=request.as_strategy)
    request = replace(request, windows=windows_of(request, subject, WINDOWS))
    if request.benchmark is None and request.universe is None:
        funds = funds_in(workspace.data / "prices", request.symbols)
        request = replace(request, benchmark=next(iter(funds), None))
    benchmark = request.benchmark or request.universe or request.symbols[0]
    inputs = read_study_inputs(workspace, request, subject, benchmark)
    events, left_out = events_of(subject, inputs, timedelta(minutes=request.reaction))
    if not events:
        counts = Counter(_plain(one.reason) for one in left_out).most_common(3)
        why = "; ".join(f"{count:,} {reason}" for reason, count in counts)
        raise UsageError(
            f"No event of {request.name} can be studied: {why}."
            if left_out
            else f"There is no event of {request.name} on these stocks."
        )
    of_all = subject.strategy is None and issubclass(subject.kinds[0], MarketEvent)
    if of_all and request.benchmark is None:
        raise UsageError(
            f"{request.name} comes to all stocks at once, and together they do nothing beyond "
            f"their mean. Name a fund to hold them against with --benchmark."
        )
    by = None if request.by is None else _field(subject, request.by, events)
    terms = {
        "symbols": sorted(inputs.span),
        "universe": request.universe,
        "benchmark": request.benchmark,
        "by": by,
        "quantiles": request.quantiles if by else None,
        "reaction_minutes": request.reaction,
        "windows": [list(window) for window in request.windows],
    }
    decides = study_identity(subject, inputs, terms)
    traded = (request.universe,) if request.universe else tuple(sorted(inputs.span))
    path = workspace.reports / folder_name(f"study-{request.name}", traded, run_id(decides))
    return ManyStocksPlan(decides, path, request, subject, inputs, events, left_out, by)


def run_many_study(plan: ManyStocksPlan, *, force: bool = False) -> Study[ManyStudyRecord]:
    """Study the events and write the folder; read a study that is already whole, unless forced.

    Raises UsageError where the folder cannot be written.
    """
    if not force and (made := plan.result):
        return made
    started = datetime.now(UTC)
    observations = _Observations(plan)
    figures = {
        "against": observations.against,
        **observations.measured(),
        "left_out": dict(Counter(_plain(one.reason) for one in plan.left_out).most_common()),
        "assumptions": list(plan.inputs.assumptions),
        **study_minutes(plan.inputs, plan.events),
    }
    return write_study(plan, started, figures, observations.table())


class _Observations:
    """Hold the observations of a study, one a stock and day 0, with their abnormal returns."""

    def __init__(self, plan: ManyStocksPlan) -> None:
        request, inputs = plan.request, plan.inputs
        self.request, self.by, self.subject = request, plan.by, plan.subject
        symbols = sorted(inputs.span)
        history = [inputs.history[name] for name in symbols]
        sessions = reduce(pd.Index.union, (prices.table.index for prices in history))
        returns = np.column_stack([close_returns(one, sessions, stands=True) for one in history])
        market, self.against = _market(request, inputs, sessions, returns)
        latest = {(one.event.symbol, one.session): one for one in plan.events}
        self.published = len(plan.events)
        self.events = list(latest.values())
        self.stocks = np.searchsorted(symbols, [one.event.symbol for one in self.events])
        day_zero = np.array([one.session for one in self.events], "M8[D]")
        self.days = np.searchsorted(sessions.to_numpy("M8[D]"), day_zero)
        first = min(_DAYS[0], *(window[0] for window in request.windows))
        last = max(_DAYS[1], *(window[1] for window in request.windows))
        self.first = first
        abnormal = returns - market[:, None]
        self.paths = abnormal_paths(abnormal, self.days, self.stocks, first, last)
        quarters = sessions.to_numpy("M8[M]").astype(np.int64) // _MONTHS_A_SEASON
        reached = self.days[:, None] + np.arange(first, last + 1)
        self.quarters = quarters.take(reached, mode="clip")  # of the returns in `paths`
        self.seasons = self.quarters[:, -first]  # those of day 0
        self.values, self.group, self.names = self._groups()

    def _groups(self) -> tuple[Floats, Ints, list[str]]:
        """Return the value and group of each observation, and the groups' names, lowest first."""
        if self.by is not None:
            numbers = [getattr(one.event, self.by) for one in self.events]
            values = np.array(numbers, dtype=float)
            count = self.request.quantiles
            group = quantiles(values, count)
            return values, group, _group_names(self.by, values, group, count)
        signs = np.array([one.direction for one in self.events])
        values = np.full(len(signs), np.nan)
        if not {-1, 1} <= {*signs.tolist()}:  # one direction alone is no group
            return values, np.full(len(signs), -1), []
        group = np.select([signs < 0, signs > 0], [0, 1], -1)
        return values, group, ["fall expected", "rise expected"]

    def car(self, window: Window) -> Floats:
        """Return the cumulative abnormal return of each observation; NaN where unknown."""
        return np.asarray(self.paths[:, self._columns(window)].sum(axis=1), np.float64)

    def _columns(self, window: Window) -> slice:
        return slice(window[0] - self.first, window[1] - self.first + 1)

    def _select(self, window: Window, each: NDArray[np.bool]) -> tuple[Floats, Ints]:
        """Return some observations' returns over a window, and their quarters, day 0's first."""
        columns, quarters = self._columns(window), self.quarters[each]
        seasons = np.column_stack((self.seasons[each], quarters[:, columns]))
        return self.paths[each][:, columns], seasons

    def measured(self) -> dict[str, Any]:
        """Return the figures, ready for JSON."""
        rows = [self._window(window) for window in self.request.windows]
        return {
            "told": self.published,
            "observations": len(self.events),
            "stocks": len(set(self.stocks.tolist())),
            "dates": len(set(self.days.tolist())),
            "seasons": len(set(self.seasons.tolist())),
            "without_return": int(np.isnan(self.car(self.request.windows[0])).sum()),
            "without_value": int(np.sum(self.group < 0)) if self.names else 0,
            "groups": self.names,
            "rows": corrected(rows, lambda row: row["spread"] or row["all"]),
            "days": list(range(_DAYS[0], _DAYS[1] + 1)),
            "curves": self._curves(),
        }

    def _window(self, window: Window) -> dict[str, Any]:
        groups = [self._select(window, self.group == number) for number in range(len(self.names))]
        spread = None
        if groups:
            (low, of_low), (high, of_high) = groups[0], groups[-1]
            spread = asdict(difference_by_season(high, low, (of_high, of_low)))
        every = np.ones(len(self.events), bool)
        row = {
            "window": window_name(window),
            "all": asdict(mean_by_season(*self._select(window, every))),
            "groups": [asdict(mean_by_season(*each)) for each in groups],
            "spread": spread,
        }
        return row if is_tested(self.subject, window) else untested(row) | {"tested": False}

    def _curves(self) -> list[dict[str, Any]]:
        """Return the mean cumulative abnormal return by day of each group, with its bounds."""
        curves = []
        groups = [(name, self.group == number) for number, name in enumerate(self.names)]
        for name, each in groups or [("all events", np.ones(len(self.events), bool))]:
            means = [
                mean_by_season(*self._select((_DAYS[0], day), each))
                for day in range(_DAYS[0], _DAYS[1] + 1)
            ]
            line, low, high = ([getattr(m, end) for m in means] for end in ("value", "low", "high"))
            curves.append({"name": name, "mean": line, "low": low, "high": high})
        return curves

    def table(self) -> pd.DataFrame:
        """Return every observation with its value, its group and its CARs."""
        columns = {
            "event_id": [one.event.id for one in self.events],
            "symbol": [one.event.symbol for one in self.events],
            "day_0": [one.session for one in self.events],
            "value": self.values,
            "group": [number + 1 if number >= 0 else None for number in self.group.tolist()],
        }
        cars = {window_name(window): self.car(window) for window in self.request.windows}
        return pd.DataFrame(columns | cars).astype({"group": "Int64"})


def _market(
    request: StudyRequest, inputs: Inputs, sessions: pd.Index[Any], returns: Floats
) -> tuple[Floats, str]:
    """Return what is subtracted from each return, shape (sessions,), and its name."""
    if request.benchmark is None and request.universe is None:
        return mean_of_known(returns), "the mean of the stocks, each of equal weight"
    market = close_returns(inputs.benchmark, sessions)
    if request.benchmark is None:
        return market, f"the mean of the members of {request.universe}, each of equal weight"
    return market, request.benchmark


def _group_names(by: str, values: Floats, group: Ints, count: int) -> list[str]:
    names = []
    for number in range(count):
        members = values[group == number]
        if not len(members):
            names.append("none")
            continue
        low, high = (field(by, float(end)) for end in (members.min(), members.max()))
        ends = {0: f"up to {high}", count - 1: f"from {low}"}
        names.append(ends.get(number, f"{low} to {high}"))
    return names


def _field(subject: Subject, by: str, events: Sequence[StudiedEvent]) -> str:
    """Find the field by its name or the end of it, among those that some event knows."""
    kinds = subject.kinds
    fields = {name for kind in kinds for name in _numbers(kind)}
    known = {n for n in fields if any(getattr(e.event, n, None) is not None for e in events)}
    if by in known:
        return by
    ending = sorted(name for name in known if name.endswith(f"_{by}"))
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise UsageError(f"--by {by} can be {' or '.join(ending)}: name the one that is meant.")
    if by in fields:
        raise UsageError(f"--by {by}: it is known of no event of {subject.name}.")
    raise unknown(f"field of {subject.name} with numbers", by, known)


def _numbers(kind: type[Event]) -> set[str]:
    """Return the names of a kind's fields and properties that may be numbers."""
    computed = {n for n, v in vars(kind).items() if isinstance(v, property) and n[0] != "_"}
    fields = {n: str(field.annotation).lower() for n, field in kind.model_fields.items()}
    return computed | {name for name, kind in fields.items() if "float" in kind or "int" in kind}


def _plain(reason: str) -> str:
    """Drop from a reason what is particular to one event, so that equal reasons can be counted."""
    return reason.partition(",")[0].partition(":")[0]
