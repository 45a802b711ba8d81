"""Evidence: what the result of a run is worth, and where it came from.

It follows from the inputs of the run and a fixed seed alone. The number of trials, which grows as
more is tried, is counted anew whenever a run is shown.
"""

from __future__ import annotations

from dataclasses import asdict
from math import isnan
from typing import TYPE_CHECKING, Any

from backtest.experiments.trials import trial_sharpes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from backtest.data.borrow import BorrowRates
    from backtest.data.inputs import Inputs
    from backtest.engine.kernel.panel import Panel
    from backtest.engine.replay.books import Trade
    from backtest.engine.rules import Rules
    from backtest.engine.timeline import Decision
    from backtest.experiments.runs.placebo import Null
    from backtest.experiments.runs.store import Run

    Floats = NDArray[np.float64]

SEED = 1
DRAWS = 10_000
LEVEL = 0.05  # what luck gives less often is told apart from it
POWER = 0.8
LEADING = "mean_trade_return"  # the statistic that the sentence is about
_PERCENTILES = (5, 25, 50, 75, 95)
_SCALES = (100, 1_000, 10_000)

NO_TRADE = "no trade"
HELD_THROUGHOUT = "held from the first session to the last, so that there is no timing to test"


def evidence_of(
    run: Run,
    inputs: Inputs,
    rules: Rules,
    decisions: Sequence[Decision],
    *,
    orders_itself: bool = False,
) -> dict[str, Any]:
    """The `evidence` and the `attribution` of a run, as JSON knows them.

    Args:
        run: as it stands in its folder.
        inputs: what it was made from.
        rules: likewise.
        decisions: what the strategy answers to each event.
        orders_itself: whether it is a Backtrader strategy, which gives no signals; its trades
            stand in for them.

    """
    from backtest.engine.kernel.panel import panel_of, signal_rows
    from backtest.engine.replay.result import EquityPoint
    from backtest.experiments.runs.placebo import signals_of_trades

    panel, trades, table = panel_of(inputs.span), run.trade_records(), run.equity
    if orders_itself:
        rows = table[["equity", "cash", "position_value"]].itertuples()
        curve = [EquityPoint(day.date(), *figures) for day, *figures in rows]
        signals = signals_of_trades(panel, trades, curve, rules.cash)
    else:
        given = [(d.tradable_session, d.signal) for d in decisions if d.tradable_session]
        acting = [(session, signal) for session, signal in given if signal is not None]
        signals = signal_rows(panel, sorted(acting, key=lambda one: one[0]))
    equity = table["equity"].to_numpy(float)
    found = evidence(panel, signals, rules, inputs.rates, trades, equity)
    return {"evidence": found, "attribution": _attribution(trades, decisions, inputs)}


def evidence(
    panel: Panel,
    signals: NDArray[Any],
    rules: Rules,
    rates: Mapping[str, BorrowRates],
    trades: Sequence[Trade],
    equity: Floats,
) -> dict[str, Any]:
    """What the result of a run is worth, with one plain sentence about it.

    Args:
        panel: the bars of the run.
        signals: of the run, fields as in `SIGNAL`, in the kernel's order.
        rules: the settings.
        rates: borrow rates by symbol.
        trades: of the run.
        equity: at the close of each session, dollars, shape (sessions,).

    """
    import numpy as np

    from backtest.experiments.runs import placebo
    from backtest.stats.bootstrap import mean_trade_return

    returns = np.array([trade.net_return for trade in trades])
    obstacle = _obstacle(panel, trades)
    timing = direction = None
    if not obstacle:
        asked = (panel, signals, rules, rates)
        timing = placebo.random_timing(*asked, seed=SEED, draws=DRAWS)
        direction = placebo.random_direction(*asked, seed=SEED, draws=DRAWS)
    found = {
        "trades": len(trades),
        "ruined": bool(np.min(equity) <= 0),
        "level": LEVEL,
        "power": POWER,
        "draws": DRAWS,
        "no_placebo": obstacle,
        "random_timing": timing and _null(timing),
        "random_direction": direction and _null(direction),
        "detectable": timing and timing.detectable(LEADING, LEVEL, POWER),
        "mean_trade_return": asdict(mean_trade_return(returns, seed=SEED)),
        "sharpe": _sharpe(equity, rules.cash, _thin(panel, trades)),
    }
    return {"sentence": sentence(found), **found}


def _obstacle(panel: Panel, trades: Sequence[Trade]) -> str:
    """Why random timing tells nothing of a run; empty where it does."""
    if not trades:
        return NO_TRADE
    span = (panel.sessions[0].item(), panel.sessions[-1].item())
    held = all((trade.entry_session, trade.exit_session) == span for trade in trades)
    return HELD_THROUGHOUT if held else ""


def _null(null: Null) -> dict[str, Any]:
    """Where the run stands among the draws, by statistic, and the picture of the leading one."""
    import numpy as np

    from backtest.stats.surface import histogram

    found: dict[str, Any] = {}
    for name, values in null.draws.items():
        standing, known = null.standing(name), values[~np.isnan(values)]
        quantiles = np.percentile(known, _PERCENTILES).tolist() if len(known) else ()
        found[name] = {
            "observed": None if isnan(null.observed[name]) else null.observed[name],
            "p": standing and standing.upper,
            "p_low": standing and standing.lower,
            "percentiles": dict(zip(map(str, _PERCENTILES), quantiles, strict=False)),
        }
    bars = histogram(null.draws[LEADING], found[LEADING]["observed"])
    found["histogram"] = bars and {
        "first": float(bars.edges[0]),
        "step": float(bars.edges[1] - bars.edges[0]),
        "counts": bars.counts.tolist(),
    }
    return found


def _thin(panel: Panel, trades: Sequence[Trade]) -> str:
    """Why so few trades and sessions tell nothing of a Sharpe ratio; empty where they do."""
    from backtest.stats.figures import sessions_held
    from backtest.stats.sharpe_inference import thin_record

    sessions = panel.sessions.tolist()
    spans = [(trade.entry_session, trade.exit_session or trade.entry_session) for trade in trades]
    return thin_record(len(trades), sessions_held(spans, sessions), len(sessions))


def _sharpe(equity: Floats, cash: float, thin: str) -> dict[str, Any]:
    """The Sharpe ratio, a year, with its interval; and by session what PSR and DSR are made of."""
    from backtest.stats.bootstrap import Interval, sharpe_interval
    from backtest.stats.figures import curve_figures, session_returns, sharpe
    from backtest.stats.sharpe_inference import (
        minimum_track_record_length,
        probabilistic_sharpe_ratio,
        sharpe_estimate,
    )

    returns = session_returns(equity, cash)
    estimate = sharpe_estimate(returns)
    if curve_figures(equity, cash)["sharpe"] is None or estimate is None:
        why = "ruined, too few sessions, or no return differs from another"
        return asdict(Interval(None, None, None, 1 - LEVEL, why))
    if thin:
        unknown = Interval(sharpe(returns), None, None, 1 - LEVEL, thin)
        return {
            **asdict(unknown),
            "per_session": asdict(estimate),
            "psr": None,
            "min_track_record": None,
        }
    return {
        **asdict(sharpe_interval(returns, seed=SEED)),
        "per_session": asdict(estimate),
        "psr": probabilistic_sharpe_ratio(estimate),
        "min_track_record": minimum_track_record_length(estimate),
    }


def _attribution(
    trades: Sequence[Trade], decisions: Sequence[Decision], inputs: Inputs
) -> dict[str, Any]:
    from backtest.experiments.runs.attribution import attribution, moves

    groups = attribution(trades, {decision.event.id: decision.event for decision in decisions})
    columns = ("last_close", "first_open", "gap", "direction", "traded")
    return {
        "profit_by": {name: [asdict(group) for group in found] for name, found in groups.items()},
        "moves": [
            {"event_id": move.event.id, **{name: getattr(move, name) for name in columns}}
            for move in moves(decisions, trades, inputs.history)
        ],
    }


def trials_on_record(reports: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """How many parameter sets were tried, and the deflated Sharpe ratio where more than one was.

    Args:
        reports: the reports folder.
        manifest: of a run; without evidence, or where its Sharpe ratio or what that is worth is
            unknown, the latter is None.

    Raises:
        DataError: a record is corrupt.

    """
    sharpes = trial_sharpes(reports, manifest["strategy"], manifest["symbols"])
    return {
        "count": len(sharpes),
        "deflated_sharpe": _deflated(manifest.get("evidence"), sharpes),
    }


def _deflated(found: Mapping[str, Any] | None, sharpes: Sequence[float | None]) -> float | None:
    from statistics import variance

    known = [ratio for ratio in sharpes if ratio is not None]
    if found is None or found["sharpe"]["unknown"] or len(known) < 2:  # noqa: PLR2004
        return None
    from backtest.stats.figures import SESSIONS_A_YEAR
    from backtest.stats.sharpe_inference import SharpeEstimate, deflated_sharpe_ratio

    estimate = SharpeEstimate(**found["sharpe"]["per_session"])
    return deflated_sharpe_ratio(estimate, variance(known) / SESSIONS_A_YEAR, len(sharpes))


def sentence(found: Mapping[str, Any]) -> str:
    """The evidence in plain words; the leading statistic is the mean return of a trade."""
    from backtest.stats.bootstrap import fewest_trades

    trades = found["trades"]
    if trades == 0:
        return "No trade: there is nothing to weigh."
    told = "1 trade" if trades == 1 else f"{trades} trades"
    told += ", then ruin." if found["ruined"] else "."
    if found["no_placebo"]:
        return f"{told} {found['no_placebo'].capitalize()}."
    standing = found["random_timing"][LEADING]
    if standing["p"] is None:
        return f"{told} The signals alone make none, so that there is no timing to test."
    told += f" Random timing does as well {_times(standing['p'])}."
    if standing["p"] <= LEVEL:
        verdict = f"Better than luck at the {_percent(LEVEL)} level"
        if trades < fewest_trades():
            verdict += ", but so few trades carry no interval: one more can undo it"
    elif standing["p_low"] <= LEVEL:
        verdict = f"Worse than luck at the {_percent(LEVEL)} level: the times were bad ones"
    else:
        verdict = (
            f"Not distinguishable from luck; an edge under {_percent(found['detectable'])} a trade "
            f"could not have been seen"
        )
    return f"{told} {verdict}."


def _times(p: float) -> str:
    scale = next((scale for scale in _SCALES if p * scale >= 1), _SCALES[-1])
    times = round(p * scale)
    return f"once in {scale:,}" if times <= 1 else f"{times} times in {scale:,}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %" if fraction >= LEVEL / 5 else f"{100 * fraction:.1g} %"
