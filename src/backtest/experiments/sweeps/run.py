"""Run a sweep, from the request to the folder with every set, and weigh the best set.

The evidence compares the distinct results of a sweep, at most `MOST` of them, spread over the grid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.errors import BacktestError, UsageError
from backtest.experiments.runs.run import bars_assumption
from backtest.experiments.sweeps.evaluate import Evaluator, Histories, evaluator, run_chunks
from backtest.experiments.sweeps.folder import Sweep, SweepFolder, read_sweep
from backtest.experiments.sweeps.grid import REACTION, SweepSpec, base_of, read_grid, sweepable
from backtest.experiments.terms import Plan, Request, identity, installed_packages
from backtest.experiments.trials import (
    deflated,
    has_sweep,
    record_base,
    record_sweep,
    traded,
    trial_sharpes,
)
from backtest.stats import SEED, SESSIONS_A_YEAR
from backtest.stats.figures import too_few_observations
from backtest.stats.multiple_testing import (
    WalkForward,
    probability_of_overfitting,
    sharpe_estimate,
    superior_ability,
    walk_forward,
)
from backtest.strategy.base import Strategy, heard_kinds
from backtest.strategy.loading import find_strategy
from backtest.strategy.parameters import Text, json_values, to_record

if TYPE_CHECKING:
    from backtest.data.kinds import Event
    from backtest.engine.rules import Costs
    from backtest.stats import Floats
    from backtest.workspace.folders import Workspace

MOST = 1_000  # distinct results that are compared
BLOCKS = 10  # blocks of sessions; every half of them is in-sample once
_FEWEST_HELD = 126  # sessions; in two sessions of a falling stock any set beats holding
_CENT = 2  # decimals in which final equities differ


@dataclass(frozen=True, kw_only=True)
class SweepRequest(Request):
    """Say what is swept; `settings` are shared by all sets."""

    grid: Mapping[str, Text | Sequence[Any]]  # values of each parameter, or a text such as `1:40`


@dataclass(frozen=True)
class SweepPlan(Plan[Sweep]):
    """Hold the inputs of a sweep, read and checked."""

    spec: SweepSpec
    strategy: Strategy
    workspace: Workspace
    costs: Costs | None
    assumptions: tuple[str, ...]

    @property
    def evaluator(self) -> Evaluator:
        """Return the evaluator of its sets; errors as of `evaluator`."""
        return evaluator(self.spec.to_json(), self.workspace)

    def read(self) -> Sweep:
        """Read the finished sweep with all its sets; DataError where a file is damaged."""
        sweep = read_sweep(self.path)
        _ = sweep.sets  # reads the file, which raises where it is damaged
        return sweep


def prepare_sweep(workspace: Workspace, request: SweepRequest) -> SweepPlan:
    """Read and check everything that a sweep needs.

    Raises UsageError where the strategy, the grid, a symbol or the span is wrong, and DataError
    where a data file is.
    """
    file = find_strategy(workspace, request.strategy)
    strategy = sweepable(file, request.settings)
    to_record(strategy)  # raises before all sets are evaluated where a value cannot be on record
    axes = read_grid(file, request.settings, request.grid)
    if REACTION in axes and "reaction_minutes" in request.rules.model_fields_set:
        raise UsageError("The reaction is given by --reaction and by --grid; choose one of them.")
    inputs = request.inputs(workspace.data, strategy)
    decides = identity(
        file,
        inputs.hashes(heard_kinds(strategy)),
        strategy=file.name,
        settings=json_values(file, request.settings),
        axes=axes,
        symbols=tuple(sorted(inputs.span)),
        universe=request.universe,
        span=(inputs.first.isoformat(), inputs.last.isoformat()),
        rules=request.rules.model_dump(),
        bars=request.bars,
        missing_bars=request.missing_bars,
    )
    spec, assumptions = SweepSpec(**decides), tuple(inputs.assumptions)
    path = SweepFolder(workspace.reports, spec).path
    return SweepPlan(spec.identity, path, spec, strategy, workspace, request.costs, assumptions)


def known_sweep(plan: SweepPlan) -> Sweep | None:
    """Read the finished sweep of a plan and record its trials; None where none is whole."""
    done, reports = plan.result, plan.workspace.reports
    if done and not has_sweep(reports, done.manifest):
        record_sweep(reports, done.manifest, [done.sets])
        record_base(reports, done.manifest, done.manifest["base_figures"]["sharpe"])
    return done


def run_sweep(
    plan: SweepPlan,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    on_sets: Callable[[int, int], None],
    tell: Callable[[str], None],
) -> Sweep:
    """Evaluate every set and write the sweep's folder; finished parts are not evaluated again.

    `on_sets` takes the sets that are done and all sets, `tell` a sentence for each corrupt part.
    Errors are those of `run_chunks` and of `SweepFolder`.
    """
    spec, reports = plan.spec, plan.workspace.reports
    folder = SweepFolder(reports, spec)
    started = datetime.now(UTC)
    with folder.held():
        done = folder.finished_parts(tell)
        todo = sorted(set(range(spec.chunks)) - set(done))

        def count() -> None:
            on_sets(sum(len(spec.numbers(chunk)) for chunk in done), spec.sets)

        def keep(chunk: int, content: bytes) -> None:
            folder.write_part(chunk, content)
            done.append(chunk)
            count()

        def record() -> dict[str, Any]:
            manifest = _manifest(plan, started)
            record_sweep(reports, manifest, folder.tables(sorted(done)))
            return manifest

        count()
        try:
            run_chunks(
                spec.to_json(), todo, keep, folders=plan.workspace, workers=workers, cluster=cluster
            )
        except BaseException:
            with suppress(BacktestError):  # the error that stopped the sweep is the one to raise
                record()  # also what an interrupted sweep has evaluated counts as tried
            raise
        manifest = record()
        figures = plan.evaluator.base_figures()
        record_base(reports, manifest, figures["sharpe"])
        sharpes = trial_sharpes(reports, spec.strategy, traded(manifest))
        columns = ["final_equity", "total_return", "sharpe", "borrow"]
        parts = folder.tables(range(spec.chunks))
        sets = pd.concat([part.select(columns).to_pandas() for part in parts], ignore_index=True)
        evidence = sweep_evidence(plan.evaluator, sets, sharpes)
        best_and_dearest = np.array([evidence["best"]["set"], sets["borrow"].argmax()])
        manifest["assumptions"] += plan.evaluator.assumptions(best_and_dearest)
        more = {"base_figures": figures, "trials": len(sharpes), "evidence": evidence}
        return folder.finish({**manifest, **more})


def _manifest(plan: SweepPlan, started: datetime) -> dict[str, Any]:
    spec = plan.spec
    return {
        "sweep_id": plan.id,
        "strategy": spec.strategy,
        "symbols": list(spec.symbols),
        "universe": spec.universe,
        "parameters": to_record(plan.strategy),
        "axes": spec.axes,
        "base": base_of(plan.strategy, spec.rules, spec.axes),
        "sets": spec.sets,
        "rules": spec.rules,
        **({"bars": spec.bars, "missing_bars": spec.missing_bars} if spec.bars else {}),
        "costs": plan.costs and {"name": plan.costs.name, "sources": dict(plan.costs.sources)},
        "span": dict(zip(("first", "last"), spec.span, strict=True)),
        "assumptions": [
            *plan.assumptions,
            *bars_assumption(plan.evaluator.run_bars, plan.evaluator.panel.count),
        ],
        "inputs": spec.inputs,
        "strategy_sha256": spec.strategy_sha256,
        "rules_version": spec.rules_version,
        "packages": installed_packages(),
        "started_at": started.isoformat(timespec="seconds"),
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
    }


def sweep_evidence(
    sweep: Evaluator, sets: pd.DataFrame, sharpes: Sequence[float | None]
) -> dict[str, Any]:
    """Weigh a sweep: its evidence as JSON values, None where a figure has no meaning.

    `sets` are as in `sets.parquet`; `sharpes` are the annual Sharpe ratios of all trials on record,
    this sweep's included.
    """
    spec, numbers = sweep.spec, _compared(sets)
    compared = sweep.histories(spec.axes, spec.codes(numbers))
    base = sweep.histories(*sweep.base)
    best = int(np.argmax(sets["total_return"].to_numpy()[numbers]))
    forward = walk_forward(
        np.vstack([base.earned, compared.earned]),
        np.vstack([base.exits, compared.exits]),
        np.array(sweep.bars, np.int64),
        default=0,
    )
    too_few = _too_few(compared, best)
    held = sweep.held_throughout()
    has_ratio = sets["sharpe"].notna().to_numpy()[numbers[best]]  # not after a ruin
    return {
        "universe": spec.universe,
        "compared": len(numbers),
        "holding": float(np.prod(1 + held) - 1),
        "distinct": int(sets["final_equity"].round(_CENT).nunique()),
        "best": {
            "set": int(numbers[best]),
            **_deflated(compared.returns[:, best] if has_ratio else None, sharpes, too_few["best"]),
        },
        "overfitting": None if too_few["all"] else _overfitting(compared.returns),
        "thin": too_few,
        "superior": _superior(compared.returns, sweep.above_cash(held)),
        "walk_forward": _walked(forward, sweep.events, [None, *numbers.tolist()]),
        "seed": SEED,
    }


def _compared(sets: pd.DataFrame) -> NDArray[np.intp]:
    """Choose sets with distinct results, spread over the grid, the best among them."""
    first = np.flatnonzero(~sets["final_equity"].round(_CENT).duplicated().to_numpy())
    spread = np.unique(np.linspace(0, len(first) - 1, MOST).astype(int))
    best = first[sets["total_return"].to_numpy()[first].argmax()]
    return np.unique([*first[spread].tolist(), best])


def _too_few(histories: Histories, best: int) -> dict[str, str]:
    """Return why the trades of the best set, and of all together, are too few; empty if not."""
    held, traded = histories.held(), histories.traded
    alone, together = int(held[:, best].sum()), int(held.any(axis=1).sum())
    events = int(traded.any(axis=0).sum())
    return {
        "best": too_few_observations(int(traded[best].sum()), alone, len(held)),
        "all": too_few_observations(events, together, len(held), noun="traded event"),
    }


def _deflated(
    returns: Floats | None, sharpes: Sequence[float | None], too_few: str
) -> dict[str, Any]:
    """Deflate the best set's Sharpe ratio by the trials on record unless trades are too few."""
    estimate = None if returns is None else sharpe_estimate(returns)
    return {
        "trials": len(sharpes),
        "dsr": None if estimate is None or too_few else deflated(estimate, sharpes),
        "sharpe": estimate and estimate.ratio * np.sqrt(SESSIONS_A_YEAR),
    }


def _overfitting(returns: Floats) -> dict[str, Any] | None:
    if returns.shape[1] < 2 or len(returns) < 2 * BLOCKS:  # noqa: PLR2004 - none to choose from
        return None
    return {**asdict(probability_of_overfitting(returns, BLOCKS)), "blocks": BLOCKS}


def _superior(returns: Floats, held: Floats) -> dict[str, Any] | None:
    """Test whether a set beats holding; not for few sessions, where it too often would."""
    test = superior_ability(returns, held, seed=SEED) if len(held) >= _FEWEST_HELD else None
    return None if test is None else asdict(test)


def _walked(
    forward: WalkForward, events: Sequence[Event], numbers: Sequence[int | None]
) -> dict[str, Any]:
    """Record for each event the set that was chosen; None is the default."""
    columns = (forward.events, forward.known, forward.picked, forward.returns, forward.default)
    return {
        "events": [
            {
                "event_id": events[column].id,
                "headline": events[column].headline,
                "known": bool(known),
                "set": numbers[picked],
                "return": float(earned),
                "default": float(default),
            }
            for column, known, picked, earned, default in zip(*columns, strict=True)
        ],
        "total": float(forward.returns.sum()),
        "default": float(forward.default.sum()),
        "hindsight": float(forward.hindsight.sum()),
    }
