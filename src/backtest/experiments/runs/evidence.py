"""This module weighs the result of a run: its evidence and its verdict.

Both follow from the inputs of the run and a fixed seed alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.engine.kernel import IS_LEG
from backtest.engine.kernel.panel import Panel, decision_rows, panel_of, signals_of_trades
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import Rules, above_cash
from backtest.experiments.runs import placebo
from backtest.experiments.runs.figures import attribution_of
from backtest.experiments.runs.placebo import Account, Null
from backtest.experiments.runs.store import LEADING
from backtest.stats import LEVEL, SEED, figures
from backtest.stats.figures import Estimate, Interval, fewest_occasions
from backtest.stats.formats import counted, percent, share
from backtest.stats.multiple_testing import (
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    sharpe_estimate,
)
from backtest.stats.surface import histogram

if TYPE_CHECKING:
    from backtest.data.inputs import Inputs
    from backtest.engine.bars import RunBars
    from backtest.engine.replay.books import ReplayResult, Trade
    from backtest.engine.schedule import Decision
    from backtest.stats import Floats, Ints

DRAWS = 10_000
POWER = 0.8
_PERCENTILES = (5, 25, 50, 75, 95)
_SCALES = (100, 1_000, 10_000)
_BY_SIGNAL = ("signal",)
_ONE_SIDED = ("stop", "target", "trailing_stop", *_BY_SIGNAL)
_FEWEST_OF_A_SIDE = 3  # occasions that gained, and that lost, that are needed after such exits
_SESSIONS_A_MONTH = 21
_PART = 0.25  # of the span; in a shorter part prices may drift otherwise than in the rest


@dataclass(frozen=True)
class Occasions:
    """Occasions group the signals and trades of a run that belong together."""

    begins: Ints  # number of the session in which each begins, shape (k,)
    of_trade: Ints  # number of each trade's occasion, shape (trades,)

    @property
    def count(self) -> int:
        """Return the number of occasions, k."""
        return len(self.begins)

    def sums(self, values: Floats) -> Floats:
        """Sum values of trades, shape (trades,), by occasion, shape (k,)."""
        return np.bincount(self.of_trade, values, self.count).astype(float)

    def groups(self, sessions: int) -> Ints:
        """Return the occasion of each session, up to the begin of the next; -1 before the first."""
        return np.searchsorted(self.begins, np.arange(sessions), side="right") - 1


def evidence_of(
    result: ReplayResult,
    inputs: Inputs,
    rules: Rules,
    bars: RunBars | None,
    *,
    orders_itself: bool,
) -> dict[str, Any]:
    """Return the `evidence`, the `attribution` and the `no_room` of `run.json`.

    A strategy that sends its own orders gives no signals: its trades stand in for them.
    """
    panel, trades, decisions = panel_of(inputs.replayed, bars), result.trades, result.decisions
    if orders_itself:
        signals = signals_of_trades(panel, trades, result.curve, rules.cash)
    else:
        signals = decision_rows(panel, decisions)
    account = Account(panel, placebo.acting(signals), rules, inputs.rates)
    equity = np.array([point.equity for point in result.curve])
    return {
        "evidence": evidence(account, trades, equity, by_trades=orders_itself),
        "attribution": attribution_of(trades, decisions, inputs.history, bars),
        "no_room": _no_room(account, decisions),
    }


def evidence(
    account: Account,
    trades: Sequence[Trade],
    equity: Floats,
    *,
    by_trades: bool = False,
    draws: int | None = None,
) -> dict[str, Any]:
    """Weigh the result of a run: return the `evidence` of `run.json`; `equity` is by session.

    A result is better than luck if random timing and random directions both do as well in at most
    5 of 100 draws, by the account's Sharpe ratio; worse likewise. The verdict is refused below six
    occasions, where there is no timing to test, where trades stand in for the signals, and where
    most trades were left by a signal, nearly all on the same side of zero.
    """
    draws = DRAWS if draws is None else draws
    timing = direction = occasions = None
    if trades and len(account.signals):
        panel, rows = account.panel, account.signals
        starts = np.array([0, len(rows)])
        tables = simulate(panel, rows, starts, account.rules, account.rates, trades=True)
        signals = placebo.by_session(panel, rows)
        outcomes = placebo.by_session(panel, tables.trades)
        numbers = placebo.occasions_of(signals, outcomes)
        occasions = _occasions(account, numbers, trades)
    refused = _refusal(account.panel, trades, occasions, by_trades=by_trades)
    if not refused:
        chains = placebo.chains_of(signals, placebo.longest_trade(outcomes))
        timing = placebo.random_timing(account, chains, seed=SEED, draws=draws)
        direction = placebo.random_direction(account, numbers, seed=SEED, draws=draws)
        refused = "" if timing else "The history is too short to move the dates in"
    standings = [null.standing(LEADING) for null in (timing, direction) if null]
    p_values = [standing for standing in standings if standing is not None]
    if not refused and len(p_values) < 2:  # noqa: PLR2004 - the verdict needs both
        refused = "The account has no Sharpe ratio to compare"
    record = {
        "trades": len(trades),
        "occasions": occasions.count if occasions else 0,
        "by_trades": by_trades,
        "ruined": bool(np.min(equity) <= 0),
        "total_return": float(equity[-1] / account.rules.cash - 1),
        "level": LEVEL,
        "power": POWER,
        "draws": draws,
        "refused": refused,
        "p": None if refused else max(p.upper for p in p_values),
        "p_low": None if refused else max(p.lower for p in p_values),
        "random_timing": None if refused else _null(timing, draws),
        "random_direction": None if refused else _null(direction, draws),
        **_mean_trade(occasions, trades, timing, refused),
        "sharpe": _sharpe(account, trades, equity, occasions, timing),
    }
    record["verdict"] = _verdict(record)
    text = sentence(record)
    if occasions and not refused:
        text += _in_one_part(occasions, account.panel)
    return {"sentence": text, **record}


def _refusal(
    panel: Panel, trades: Sequence[Trade], occasions: Occasions | None, *, by_trades: bool
) -> str:
    """Say why no verdict is possible whatever is drawn; empty where one is."""
    if occasions is None:
        return "No trade: there is nothing to weigh"
    if _is_held_throughout(panel, trades):
        return "Held from the first session to the last, so that there is no timing to test"
    if by_trades:
        return (
            "No verdict: it orders by itself, and the times at which it leaves are part of what "
            "came out, so that its trades cannot be moved as if they had been planned"
        )
    if occasions.count < fewest_occasions():
        counts = f"{occasions.count}; {fewest_occasions()} are needed"
        return f"Too few separate occasions for a verdict ({counts})"
    if _one_sided(trades, occasions, _BY_SIGNAL):
        return (
            "No verdict: most trades were left by a signal, nearly all with the same end, as where "
            "a strategy waits for a profit, so that the times at which it left are part of what "
            "came out"
        )
    return ""


def _occasions(account: Account, numbers: Ints, trades: Sequence[Trade]) -> Occasions:
    """Return the occasions of a run; `numbers` are those of each signal's occasion."""
    signals = placebo.by_session(account.panel, account.signals)
    begins = signals["bar"][np.unique(numbers, return_index=True)[1]]
    entries = np.array([trade.entry_session for trade in trades], "M8[D]")
    bars = np.searchsorted(account.panel.session_days, entries)
    of_trade = np.maximum(np.searchsorted(begins, bars, side="right") - 1, 0)
    return Occasions(begins, of_trade)


def _is_held_throughout(panel: Panel, trades: Sequence[Trade]) -> bool:
    """Tell whether each trade lasted from the first bar of its symbol to the last, or beyond it."""
    for trade in trades:
        bars = np.flatnonzero(~np.isnan(panel.prices["open"][:, panel.columns[trade.symbol]]))
        first, last = (panel.sessions[bars[end]].item() for end in (0, -1))
        if trade.entry_session != first or trade.exit_session < last:
            return False
    return True


def _null(null: Null | None, draws: int) -> dict[str, Any] | None:
    """Return where the run is among the draws by statistic, and the leading one's histogram."""
    if null is None:
        return None
    record: dict[str, Any] = {}
    for name, values in null.draws.items():
        p, known = null.standing(name), values[~np.isnan(values)]
        quantiles = np.percentile(known, _PERCENTILES).tolist() if len(known) else ()
        record[name] = {
            "observed": None if isnan(null.observed[name]) else null.observed[name],
            "p": p and p.upper,
            "p_low": p and p.lower,
            "percentiles": dict(zip(map(str, _PERCENTILES), quantiles, strict=False)),
        }
    if not null.is_complete and len(null.draws[LEADING]) < draws:
        record["drawn"] = len(null.draws[LEADING])  # the verdict was certain before all were made
    bars = histogram(null.draws[LEADING], record[LEADING]["observed"])
    record["histogram"] = bars and {
        "first": float(bars.edges[0]),
        "step": float(bars.edges[1] - bars.edges[0]),
        "counts": bars.counts.tolist(),
    }
    return record


def _mean_trade(
    occasions: Occasions | None, trades: Sequence[Trade], timing: Null | None, refused: str
) -> dict[str, Any]:
    """Return the mean trade with its interval, and the least edge that would mostly be detected.

    The mean is net profit ÷ entry value over all trades, so that a small trade counts for little.
    """
    if occasions is None:
        return {"mean_trade_return": asdict(Interval(unknown="no trade")), "detectable": None}
    profits = occasions.sums(np.array([trade.net_profit for trade in trades]))
    entered = occasions.sums(np.array([trade.shares * trade.entry_price for trade in trades]))
    estimate = figures.ratio_of_sums(profits, entered)
    draws = timing.draws["mean_trade_return"] if timing else np.array([])
    unknown = _too_few(occasions.count) or _one_sided(trades, occasions, _ONE_SIDED)
    interval = Interval(estimate.value, unknown=unknown) if unknown else estimate.interval(draws)
    detectable = None if refused else estimate.detectable(draws, LEVEL, POWER)
    return {"mean_trade_return": asdict(interval), "detectable": detectable}


def _too_few(count: int, unit: str = "occasion") -> str:
    needed = fewest_occasions()
    return "" if count >= needed else f"{counted(count, unit)}: an interval needs {needed}"


def _one_sided(trades: Sequence[Trade], occasions: Occasions, reasons: Sequence[str]) -> str:
    """Say why trades that mostly left for these reasons carry no interval; empty where they do."""
    left = sum(trade.exit_reason in reasons for trade in trades)
    profits = occasions.sums(np.array([trade.net_profit for trade in trades]))
    rarer = min(np.count_nonzero(profits > 0), np.count_nonzero(profits < 0))
    if 2 * left < len(trades) or rarer >= _FEWEST_OF_A_SIDE:
        return ""
    return "nearly all trades met the same end; the other was not seen often enough"


def _sharpe(
    account: Account,
    trades: Sequence[Trade],
    equity: Floats,
    occasions: Occasions | None,
    timing: Null | None,
) -> dict[str, Any]:
    """Return the annual Sharpe ratio with its interval, and by session what PSR and DSR take."""
    rules = account.rules
    returns = above_cash(figures.session_returns(equity, rules.cash), account.panel.nights, rules)
    estimate = sharpe_estimate(returns)
    ratio = figures.curve_figures(equity, rules.cash, returns)["sharpe"]
    if ratio is None or estimate is None:
        why = "ruined, too few sessions, or no return differs from that of cash"
        return asdict(Interval(unknown=why))
    held, sessions = _held(account.panel, trades), len(returns)
    too_thin = figures.too_few_observations(len(trades), held, sessions)
    by_unit, draws, unit = _sharpe_by_occasion(
        returns, occasions, timing, mostly_held=2 * held >= sessions
    )
    why = too_thin or ("no return differs" if by_unit is None else _too_few(by_unit.count, unit))
    why = why or (_one_sided(trades, occasions, _BY_SIGNAL) if occasions else "")
    interval = Interval(ratio, unknown=why) if by_unit is None or why else by_unit.interval(draws)
    return {
        **asdict(interval),
        "per_session": asdict(estimate),
        "psr": None if too_thin else probabilistic_sharpe_ratio(estimate),
        "min_track_record": None if too_thin else minimum_track_record_length(estimate),
    }


def _sharpe_by_occasion(
    returns: Floats, occasions: Occasions | None, timing: Null | None, *, mostly_held: bool
) -> tuple[Estimate | None, Floats, str]:
    """Estimate the ratio by occasion, or by month where they are few but a position is mostly held.

    Return the estimate, the ratios of draws to widen its interval by, and the unit.
    """
    sessions = len(returns)
    if occasions and (occasions.count >= fewest_occasions() or not mostly_held):
        draws = timing.draws["sharpe"] if timing else np.array([])
        return figures.sharpe_by_group(returns, occasions.groups(sessions)), draws, "occasion"
    months = np.arange(sessions) // _SESSIONS_A_MONTH
    return figures.sharpe_by_group(returns, months), np.array([]), "month"


def _held(panel: Panel, trades: Sequence[Trade]) -> int:
    """Count the sessions in which a position was held."""
    spans = [(trade.entry_session, trade.exit_session) for trade in trades]
    return figures.sessions_held(spans, panel.session_days.tolist())


def _verdict(record: Mapping[str, Any]) -> str:
    if record["refused"]:
        return "none"
    if record["p"] <= LEVEL:
        return "better"
    return "worse" if record["p_low"] <= LEVEL else "neither"


def _no_room(account: Account, decisions: Sequence[Decision]) -> dict[str, Any]:
    """Return what the signals without room would have made, each in an account of its own."""
    panel = account.panel
    rows = decision_rows(panel, (d for d in decisions if d.action == "no_room"))
    starts = np.append(np.flatnonzero(rows["terms"] & IS_LEG == 0), len(rows))
    totals = simulate(panel, rows, starts, account.rules, account.rates).totals
    traded = totals[totals["trades"] > 0]
    returns = traded["profit"] / traded["entered"]
    return {
        "signals": len(starts) - 1,
        "mean_return": float(np.mean(returns)) if len(returns) else None,
        "wins": int(np.count_nonzero(returns > 0)),
    }


def sentence(record: Mapping[str, Any]) -> str:
    """Describe the evidence: how many trades and occasions there were, and the verdict on them."""
    if not record["trades"]:
        return f"{record['refused']}."
    text = f"{counted(record['trades'], 'trade')} on {counted(record['occasions'], 'occasion')}"
    text += ", then ruin." if record["ruined"] else "."
    if record["refused"]:
        return f"{text} {record['refused']}."
    verdict = record["verdict"]
    text += {
        "better": f" Better than luck at the {share(LEVEL)} level: ",
        "worse": f" Worse than luck at the {share(LEVEL)} level: ",
        "neither": " Not distinguishable from luck: ",
    }[verdict]
    tail = "p_low" if verdict == "worse" else "p"
    timing, direction = record["random_timing"], record["random_direction"]
    text += (
        f"at other times the same signals earn as {'little' if verdict == 'worse' else 'much'} "
        f"for their risk {_times(timing, tail)}, in other directions {_times(direction, tail)}."
    )
    return text + _caveat(record)


def _caveat(record: Mapping[str, Any]) -> str:
    """Say what a reader of the verdict would misunderstand without it."""
    total, verdict = record["total_return"], record["verdict"]
    if verdict == "better":
        return f" It lost {share(-total)} all the same." if total < 0 else ""
    if verdict == "worse":
        return f" It made {percent(total)} all the same." if total > 0 else ""
    text = ""
    if record["random_timing"][LEADING]["p"] <= LEVEL:
        text = (
            " The times stand out, the directions do not: such dates are followed by large moves "
            "either way, or they are too few."
        )
    elif record["random_direction"][LEADING]["p"] <= LEVEL:
        text = (
            " The directions stand out, the times do not: random times do as well, so that the "
            "drift of prices may explain it."
        )
    edge = share(record["detectable"])
    return f"{text} An edge of {edge} a trade would be missed more than once in five times."


def _in_one_part(occasions: Occasions, panel: Panel) -> str:
    """Warn where all occasions lie in one short part of the span; empty where they do not."""
    first, last = occasions.begins[0], occasions.begins[-1]
    if last - first >= _PART * panel.count:
        return ""
    return (
        f" All occasions lie in one part of the span, {panel.session_days[first]} to "
        f"{panel.session_days[last]}: if prices rose there and fell elsewhere, longs look skilful, "
        f"and shorts the other way round."
    )


def _times(placebo: Mapping[str, Any], tail: str) -> str:
    """Say how often chance does as well, to two significant figures if the draws allow it."""
    p, drawn = placebo[LEADING][tail], placebo.get("drawn", DRAWS)
    scale = next(s for s in _SCALES if p * s >= 9.5 or 10 * s > drawn)  # noqa: PLR2004
    times = round(p * scale)
    return f"once in {scale:,}" if times <= 1 else f"{times:,} times in {scale:,}"
