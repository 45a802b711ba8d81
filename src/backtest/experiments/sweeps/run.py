"""Running a sweep: from a request to the folder with every set and what the best is worth.

The evidence looks at the distinct results of a sweep, at most `MOST` of them, spread over the grid.
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
from backtest.experiments.runs.run import of_bars
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
from backtest.stats.figures import thin_record
from backtest.stats.multiple_testing import (
    WalkForward,
    probability_of_overfitting,
    sharpe_estimate,
    superior_ability,
    walk_forward,
)
from backtest.strategy.base import Strategy, heard_kinds
from backtest.strategy.loading import find_strategy
from backtest.strategy.parameters import Text, recorded, stated

if TYPE_CHECKING:
    from backtest.data.kinds import Event
    from backtest.engine.rules import Costs
    from backtest.stats import Floats
    from backtest.workspace.folders import Workspace

MOST = 1_000  # distinct results that are held against each other
BLOCKS = 10  # of sessions; every half of them is in-sample once
_FEWEST_HELD = 126  # sessions; of two in which the stock falls any set beats holding
_CENT = 2  # decimals in which final equities differ


@dataclass(frozen=True, kw_only=True)
class SweepRequest(Request):
    """What is swept; `settings` are shared by all sets."""

    grid: Mapping[str, Text | Sequence[Any]]  # by parameter its values, or a text such as `1:40`


@dataclass(frozen=True)
class SweepPlan(Plan[Sweep]):
    """A sweep whose inputs were read and checked."""

    spec: SweepSpec
    strategy: Strategy
    workspace: Workspace
    costs: Costs | None
    assumptions: tuple[str, ...]

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator of its sets; errors as of `evaluator`."""
        return evaluator(self.spec.to_json(), self.workspace)

    def read(self) -> Sweep:
        """Read the finished sweep, all its sets; errors as of `read_sweep`."""
        sweep = read_sweep(self.path)
        sweep.sets.validate()
        return sweep


def prepare_sweep(workspace: Workspace, request: SweepRequest) -> SweepPlan:
    """Read and check everything that a sweep needs.

    Raises UsageError where the strategy, the grid, a symbol or the span is wrong, and DataError
    where a data file is.
    """
    file = find_strategy(workspace, request.strategy)
    strategy = sweepable(file, request.settings)
    recorded(strategy)  # what cannot be on record is told before all sets are evaluated
    axes = read_grid(file, request.settings, request.grid)
    if REACTION in axes and "reaction_minutes" in request.rules.model_fields_set:
        raise UsageError("The reaction is given by --reaction and by --grid; choose one of them.")
    inputs = request.inputs(workspace.data, strategy)
    decides = identity(
        file,
        inputs.hashes(heard_kinds(strategy)),
        strategy=file.name,
        settings=stated(file, request.settings),
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
    """The finished sweep of a plan, its sets on record; None where none is there and whole."""
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
    """Evaluate every set and write the sweep's folder; parts that are there are not done again.

    `on_sets` takes how many sets are done, of how many, `tell` a sentence for each part that was
    found corrupt. Errors are those of `run_chunks`, and UsageError where the folder cannot be
    written.
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
            with suppress(BacktestError):  # what stopped the sweep is what has to be told
                record()  # also what an interrupted sweep has evaluated counts as tried
            raise
        manifest = record()
        figures = plan.evaluator.base_figures()
        record_base(reports, manifest, figures["sharpe"])
        sharpes = trial_sharpes(reports, spec.strategy, traded(manifest))
        sets = _figures(folder, spec)
        found = sweep_evidence(plan.evaluator, sets, sharpes)
        told = np.array([found["best"]["set"], sets["borrow"].argmax()])
        manifest["assumptions"] += plan.evaluator.assumptions(told)
        more = {"base_figures": figures, "trials": len(sharpes), "evidence": found}
        return folder.finish({**manifest, **more})


def _figures(folder: SweepFolder, spec: SweepSpec) -> pd.DataFrame:
    parts = folder.tables(range(spec.chunks))
    columns = ["final_equity", "total_return", "sharpe", "borrow"]
    return pd.concat([part.select(columns).to_pandas() for part in parts], ignore_index=True)


def _manifest(plan: SweepPlan, started: datetime) -> dict[str, Any]:
    spec = plan.spec
    return {
        "sweep_id": plan.id,
        "strategy": spec.strategy,
        "symbols": list(spec.symbols),
        "universe": spec.universe,
        "parameters": recorded(plan.strategy),
        "axes": spec.axes,
        "base": base_of(plan.strategy, spec.rules, spec.axes),
        "sets": spec.sets,
        "rules": spec.rules,
        **({"bars": spec.bars, "missing_bars": spec.missing_bars} if spec.bars else {}),
        "costs": plan.costs and {"name": plan.costs.name, "sources": dict(plan.costs.sources)},
        "span": dict(zip(("first", "last"), spec.span, strict=True)),
        "assumptions": [
            *plan.assumptions,
            *of_bars(plan.evaluator.run_bars, plan.evaluator.panel.count),
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
    """The evidence of a sweep, as JSON knows it; None where a figure has no meaning.

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
    superior = _superior(compared.returns, sweep.above_cash(held))
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
        "superior": superior,
        "walk_forward": _walked(forward, sweep.events, [None, *numbers.tolist()]),
        "seed": SEED,
    }


def _compared(sets: pd.DataFrame) -> NDArray[np.intp]:
    """Numbers of sets with distinct results, spread over the grid, the best among them."""
    first = np.flatnonzero(~sets["final_equity"].round(_CENT).duplicated().to_numpy())
    spread = np.unique(np.linspace(0, len(first) - 1, MOST).astype(int))
    best = first[sets["total_return"].to_numpy()[first].argmax()]
    return np.unique([*first[spread].tolist(), best])


def _too_few(found: Histories, best: int) -> dict[str, str]:
    """Why the trades of the best set, and of all together, are too few to tell; empty if not."""
    held, traded = found.held(), found.traded
    alone, together = held[:, best].sum(), held.any(axis=1).sum()
    events = traded.any(axis=0).sum()
    return {
        "best": thin_record(int(traded[best].sum()), int(alone), len(held)),
        "all": thin_record(int(events), int(together), len(held), noun="traded event"),
    }


def _deflated(
    returns: Floats | None, sharpes: Sequence[float | None], too_few: str
) -> dict[str, Any]:
    """The best set's Sharpe ratio, deflated by the trials on record unless trades are too few."""
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
    """Whether a set beats what was held; not told of few sessions, where it too often would."""
    found = superior_ability(returns, held, seed=SEED) if len(held) >= _FEWEST_HELD else None
    return None if found is None else asdict(found)


def _walked(
    forward: WalkForward, events: Sequence[Event], numbers: Sequence[int | None]
) -> dict[str, Any]:
    """Event by event the set that was chosen; None is the default."""
    columns = (forward.events, forward.known, forward.picked, forward.returns, forward.default)
    return {
        "events": [
            {
                "event_id": events[place].id,
                "headline": events[place].headline,
                "known": bool(known),
                "set": numbers[picked],
                "return": float(earned),
                "default": float(usual),
            }
            for place, known, picked, earned, usual in zip(*columns, strict=True)
        ],
        "total": float(forward.returns.sum()),
        "default": float(forward.default.sum()),
        "hindsight": float(forward.hindsight.sum()),
    }
