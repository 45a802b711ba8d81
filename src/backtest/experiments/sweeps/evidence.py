"""What the best of a sweep is worth: how many were tried, and what choosing among them earns.

It looks at the distinct results of a sweep, at most `MOST` of them, spread over the grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.stats import SEED, SESSIONS_A_YEAR
from backtest.stats.overfitting import probability_of_overfitting, superior_ability, walk_forward
from backtest.stats.sharpe_inference import (
    deflated_sharpe_ratio,
    sharpe_estimate,
    thin_record,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from backtest.experiments.sweeps.prepared import Histories, PreparedSweep
    from backtest.stats.overfitting import WalkForward

    Floats = NDArray[np.float64]

MOST = 1_000  # distinct results that are held against each other
BLOCKS = 10  # of sessions; every half of them is in-sample once
_CENT = 2  # decimals in which final equities differ


def sweep_evidence(
    sweep: PreparedSweep, sets: pd.DataFrame, sharpes: Sequence[float | None]
) -> dict[str, Any]:
    """The evidence of a sweep, as JSON knows it; None where a figure has no meaning.

    Args:
        sweep: the sweep.
        sets: its sets, as `sets.parquet` holds them.
        sharpes: annual Sharpe ratios of all trials on record, this sweep's included.

    """
    spec, numbers = sweep.spec, _chosen(sets)
    places = np.unravel_index(numbers, spec.grid.shape)
    chosen = sweep.histories(spec.axes, dict(zip(spec.axes, places, strict=True)))
    base = sweep.histories(
        {name: [value] for name, value in sweep.base.items()},
        dict.fromkeys(spec.axes, np.zeros(1, np.intp)),
    )
    best = int(np.argmax(sets["total_return"].to_numpy()[numbers]))
    ids, bars = zip(*sweep.events, strict=True) if sweep.events else ((), ())
    forward = walk_forward(
        np.vstack([base.earned, chosen.earned]),
        np.vstack([base.exits, chosen.exits]),
        np.array(bars, np.int64),
        default=0,
    )
    thin = _thin(chosen, best)
    return {
        "universe": spec.universe,
        "compared": len(numbers),
        "distinct": int(sets["final_equity"].round(_CENT).nunique()),
        "best": {
            "set": int(numbers[best]),
            **_deflated(chosen.returns[:, best], sharpes, thin["best"]),
        },
        "overfitting": None if thin["all"] else _overfitting(chosen.returns),
        "thin": thin,
        "superior": _superior(chosen.returns, sweep.held_throughout()),
        "walk_forward": _walked(forward, ids, [None, *numbers.tolist()]),
        "seed": SEED,
    }


def _chosen(sets: pd.DataFrame) -> NDArray[np.intp]:
    """Numbers of sets with distinct results, spread over the grid, the best among them."""
    first = np.flatnonzero(~sets["final_equity"].round(_CENT).duplicated().to_numpy())
    places = np.unique(np.linspace(0, len(first) - 1, MOST).astype(int))
    best = sets["total_return"].to_numpy().argmax()
    return np.unique([*first[places].tolist(), best])


def _thin(found: Histories, best: int) -> dict[str, str]:
    """Why the trades of the best set, and of all together, are too few to tell; empty if not."""
    held, traded = found.held(), found.traded
    alone, together = held[:, best].sum(), held.any(axis=1).sum()
    events = traded.any(axis=0).sum()
    return {
        "best": thin_record(int(traded[best].sum()), int(alone), len(held)),
        "all": thin_record(int(events), int(together), len(held), noun="traded event"),
    }


def _deflated(returns: Floats, sharpes: Sequence[float | None], thin: str) -> dict[str, Any]:
    """The best set's Sharpe ratio, deflated by the trials on record unless its record is thin."""
    known = np.array([ratio for ratio in sharpes if ratio is not None])
    estimate = sharpe_estimate(returns)
    found: dict[str, Any] = {"trials": len(sharpes), "dsr": None, "sharpe": None}
    if estimate is None:
        return found
    found["sharpe"] = estimate.ratio * np.sqrt(SESSIONS_A_YEAR)
    if len(known) > 1 and not thin:
        variance = float(np.var(known / np.sqrt(SESSIONS_A_YEAR), ddof=1))
        found["dsr"] = deflated_sharpe_ratio(estimate, variance, len(sharpes))
    return found


def _overfitting(returns: Floats) -> dict[str, Any] | None:
    if returns.shape[1] < 2 or len(returns) < 2 * BLOCKS:  # noqa: PLR2004 - none to choose from
        return None
    found = probability_of_overfitting(returns, BLOCKS)
    return {
        "pbo": found.probability,
        "loss_share": found.loss_share,
        "blocks": BLOCKS,
    }


def _superior(returns: Floats, held: Floats) -> dict[str, Any] | None:
    found = superior_ability(returns, held, seed=SEED)
    if found is None:
        return None
    return {"p": found.consistent, "lower": found.lower, "upper": found.upper}


def _walked(
    forward: WalkForward, event_ids: Sequence[str], numbers: Sequence[int | None]
) -> dict[str, Any]:
    """Event by event the set that was chosen; None is the default."""
    columns = (forward.events, forward.known, forward.picked, forward.returns, forward.default)
    return {
        "events": [
            {
                "event_id": event_ids[event],
                "known": bool(known),
                "set": numbers[chosen],
                "return": float(earned),
                "default": float(usual),
            }
            for event, known, chosen, earned, usual in zip(*columns, strict=True)
        ],
        "total": float(forward.returns.sum()),
        "default": float(forward.default.sum()),
        "hindsight": float(forward.hindsight.sum()),
    }
