"""Evidence: what the result of a run is worth, and where it came from.

It follows from the inputs of the run and a fixed seed alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.engine.kernel.panel import Panel, decision_rows, panel_of, signals_of_trades
from backtest.engine.kernel.records import IS_LEG
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import Rules, above_cash
from backtest.experiments.runs import placebo
from backtest.experiments.runs.figures import attribution_of
from backtest.experiments.runs.placebo import (
    Account,
    Null,
    by_session,
    chains_of,
    longest_trade,
    occasions_of,
)
from backtest.experiments.runs.store import LEADING
from backtest.stats import LEVEL, SEED
from backtest.stats.figures import (
    Estimate,
    Interval,
    curve_figures,
    fewest_occasions,
    ratio_of_sums,
    session_returns,
    sessions_held,
    sharpe_by_group,
    thin_record,
)
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
_FEWEST_OF_A_KIND = 3  # occasions that gained, and that lost, where most trades had such an end
_SESSIONS_A_MONTH = 21
_PART = 0.25  # of the span: the drift of so short a part is easily unlike that of the rest


@dataclass(frozen=True)
class Occasions:
    """What was signalled together, on the sessions of a run."""

    begins: Ints  # first session of each, by number, shape (k,)
    of_trade: Ints  # number of each trade's occasion, shape (trades,)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.begins)

    def sums(self, values: Floats) -> Floats:
        """The sum over the trades of each occasion, shape (k,)."""
        return np.bincount(self.of_trade, values, self.count).astype(float)

    def groups(self, sessions: int) -> Ints:
        """The number of each session's occasion, from its begin to the next; -1 before all."""
        return np.searchsorted(self.begins, np.arange(sessions), side="right") - 1


def evidence_of(
    result: ReplayResult,
    inputs: Inputs,
    rules: Rules,
    bars: RunBars | None,
    *,
    orders_itself: bool,
) -> dict[str, Any]:
    """The `evidence`, the `attribution` and the `no_room` of a run, as JSON knows them.

    A strategy that orders by itself, on Backtrader, gives no signals: its trades stand in for them.
    """
    panel, trades, decisions = panel_of(inputs.replayed, bars), result.trades, result.decisions
    if orders_itself:
        signals = signals_of_trades(panel, trades, result.curve, rules.cash)
    else:
        signals = decision_rows(panel, decisions)
    account = Account(panel, placebo.acting(signals), rules, inputs.rates)
    equity = np.array([point.equity for point in result.curve])
    found = evidence(account, trades, equity, by_trades=orders_itself)
    return {
        "evidence": found,
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
    """What the result of a run is worth, with its verdict in plain sentences.

    Better than luck is what random timing and random directions both do as well in at most 5 of
    100 draws, by the account's Sharpe ratio; worse likewise. Below six occasions, where there is no
    timing to test, where trades stand in for the signals, and where signals left nearly all with
    the same end, the verdict is refused.
    """
    draws = DRAWS if draws is None else draws
    timing = direction = occasions = None
    refused = ""
    if trades and len(account.signals):
        own = account.signals
        whole = np.array([0, len(own)])
        done = simulate(account.panel, own, whole, account.rules, account.rates, trades=True)
        made, signals = (by_session(account.panel, table) for table in (done.trades, own))
        numbers = occasions_of(signals, made)
        occasions = _occasions(account, numbers, trades)
    if occasions is None:
        refused = "No trade: there is nothing to weigh"
    elif _is_held_throughout(account.panel, trades):
        refused = "Held from the first session to the last, so that there is no timing to test"
    elif by_trades:
        refused = (
            "No verdict: it orders by itself, and the times at which it leaves are part of what "
            "came out, so that its trades cannot be moved as if they had been planned"
        )
    elif occasions.count < fewest_occasions():
        counts = f"{occasions.count}; {fewest_occasions()} are needed"
        refused = f"Too few separate occasions for a verdict ({counts})"
    elif _one_sided(trades, occasions, _BY_SIGNAL):
        refused = (
            "No verdict: most trades were left by a signal, nearly all with the same end, as where "
            "a strategy waits for a profit, so that the times at which it left are part of what "
            "came out"
        )
    else:
        chains = chains_of(signals, longest_trade(made))
        timing = placebo.random_timing(account, chains, seed=SEED, draws=draws)
        direction = placebo.random_direction(account, numbers, seed=SEED, draws=draws)
        if timing is None:
            refused = "The history is too short to move the dates in"
    standings = [null.standing(LEADING) for null in (timing, direction) if null]
    known = [one for one in standings if one is not None]
    if not refused and len(known) < 2:  # noqa: PLR2004 - the verdict needs both
        refused = "The account has no Sharpe ratio to compare"
    found = {
        "trades": len(trades),
        "occasions": occasions.count if occasions else 0,
        "by_trades": by_trades,
        "ruined": bool(np.min(equity) <= 0),
        "total_return": float(equity[-1] / account.rules.cash - 1),
        "level": LEVEL,
        "power": POWER,
        "draws": draws,
        "refused": refused,
        "p": None if refused else max(one.upper for one in known),
        "p_low": None if refused else max(one.lower for one in known),
        "random_timing": None if refused else _null(timing, draws),
        "random_direction": None if refused else _null(direction, draws),
        **_mean_trade(occasions, trades, timing, refused),
        "sharpe": _sharpe(account, trades, equity, occasions, timing),
    }
    found["verdict"] = _verdict(found)
    text = sentence(found)
    if occasions and not refused:
        text += _in_one_part(occasions, account.panel)
    return {"sentence": text, **found}


def _occasions(account: Account, numbers: Ints, trades: Sequence[Trade]) -> Occasions:
    """The occasions of a run, from the number of each signal's."""
    signals = by_session(account.panel, account.signals)
    begins = signals["bar"][np.unique(numbers, return_index=True)[1]]
    entries = np.array([trade.entry_session for trade in trades], "M8[D]")
    bars = np.searchsorted(account.panel.session_days, entries)
    of_trade = np.maximum(np.searchsorted(begins, bars, side="right") - 1, 0)
    return Occasions(begins, of_trade)


def _is_held_throughout(panel: Panel, trades: Sequence[Trade]) -> bool:
    """Whether each trade lasted from the first bar of its symbol to the last, or beyond it."""
    for trade in trades:
        bars = np.flatnonzero(~np.isnan(panel.prices["open"][:, panel.columns[trade.symbol]]))
        first, last = (panel.sessions[bars[end]].item() for end in (0, -1))
        if trade.entry_session != first or (trade.exit_session or last) < last:
            return False
    return True


def _null(null: Null | None, draws: int) -> dict[str, Any] | None:
    """Where the run is among the draws, by statistic, and the picture of the leading one."""
    if null is None:
        return None
    found: dict[str, Any] = {}
    for name, values in null.draws.items():
        p, known = null.standing(name), values[~np.isnan(values)]
        quantiles = np.percentile(known, _PERCENTILES).tolist() if len(known) else ()
        found[name] = {
            "observed": None if isnan(null.observed[name]) else null.observed[name],
            "p": p and p.upper,
            "p_low": p and p.lower,
            "percentiles": dict(zip(map(str, _PERCENTILES), quantiles, strict=False)),
        }
    if not null.is_complete and len(null.draws[LEADING]) < draws:
        found["drawn"] = len(null.draws[LEADING])
    bars = histogram(null.draws[LEADING], found[LEADING]["observed"])
    found["histogram"] = bars and {
        "first": float(bars.edges[0]),
        "step": float(bars.edges[1] - bars.edges[0]),
        "counts": bars.counts.tolist(),
    }
    return found


def _mean_trade(
    occasions: Occasions | None, trades: Sequence[Trade], timing: Null | None, refused: str
) -> dict[str, Any]:
    """The mean trade with its interval, and the least edge that would mostly be found.

    The mean is net profit ÷ entry value over all trades, so that a small trade counts for little.
    """
    if occasions is None:
        unknown = Interval(unknown="no trade")
        return {"mean_trade_return": asdict(unknown), "detectable": None}
    profits = occasions.sums(np.array([trade.net_profit for trade in trades]))
    entered = occasions.sums(np.array([trade.shares * trade.entry_price for trade in trades]))
    estimate = ratio_of_sums(profits, entered)
    draws = timing.draws["mean_trade_return"] if timing else np.array([])
    why = _too_few(occasions.count) or _one_sided(trades, occasions, _ONE_SIDED)
    unknown = Interval(estimate.value, unknown=why)
    interval = unknown if why else estimate.interval(draws)
    detectable = None if refused else estimate.detectable(draws, LEVEL, POWER)
    return {"mean_trade_return": asdict(interval), "detectable": detectable}


def _too_few(count: int, unit: str = "occasion") -> str:
    needed = fewest_occasions()
    return "" if count >= needed else f"{counted(count, unit)}: an interval needs {needed}"


def _one_sided(trades: Sequence[Trade], occasions: Occasions, reasons: Sequence[str]) -> str:
    """Why trades that met the same end tell nothing of the other end; empty where they do."""
    left = sum(trade.exit_reason in reasons for trade in trades)
    profits = occasions.sums(np.array([trade.net_profit for trade in trades]))
    rarer = min(np.count_nonzero(profits > 0), np.count_nonzero(profits < 0))
    if 2 * left < len(trades) or rarer >= _FEWEST_OF_A_KIND:
        return ""
    return "nearly all trades met the same end; the other was not seen often enough"


def _sharpe(
    account: Account,
    trades: Sequence[Trade],
    equity: Floats,
    occasions: Occasions | None,
    timing: Null | None,
) -> dict[str, Any]:
    """The Sharpe ratio, a year, with its interval; and by session what PSR and DSR are made of."""
    rules = account.rules
    returns = above_cash(session_returns(equity, rules.cash), account.panel.nights, rules)
    estimate = sharpe_estimate(returns)
    ratio = curve_figures(equity, rules.cash, returns)["sharpe"]
    if ratio is None or estimate is None:
        why = "ruined, too few sessions, or no return differs from that of cash"
        return asdict(Interval(unknown=why))
    held, sessions = _held(account.panel, trades), len(returns)
    unknown = thin_record(len(trades), held, sessions)
    found, draws, unit = _sharpe_by_occasion(
        returns, occasions, timing, mostly_held=2 * held >= sessions
    )
    why = unknown or ("no return differs" if found is None else _too_few(found.count, unit))
    why = why or (_one_sided(trades, occasions, _BY_SIGNAL) if occasions else "")
    interval = Interval(ratio, unknown=why) if found is None or why else found.interval(draws)
    return {
        **asdict(interval),
        "per_session": asdict(estimate),
        "psr": None if unknown else probabilistic_sharpe_ratio(estimate),
        "min_track_record": None if unknown else minimum_track_record_length(estimate),
    }


def _sharpe_by_occasion(
    returns: Floats, occasions: Occasions | None, timing: Null | None, *, mostly_held: bool
) -> tuple[Estimate | None, Floats, str]:
    """The ratio by occasion; by month where they are few, but something is mostly held."""
    sessions = len(returns)
    if occasions and (occasions.count >= fewest_occasions() or not mostly_held):
        draws = timing.draws["sharpe"] if timing else np.array([])
        return sharpe_by_group(returns, occasions.groups(sessions)), draws, "occasion"
    months = np.arange(sessions) // _SESSIONS_A_MONTH
    return sharpe_by_group(returns, months), np.array([]), "month"


def _held(panel: Panel, trades: Sequence[Trade]) -> int:
    """In how many sessions a position was held."""
    spans = [(trade.entry_session, trade.exit_session or trade.entry_session) for trade in trades]
    return sessions_held(spans, panel.session_days.tolist())


def _verdict(found: Mapping[str, Any]) -> str:
    if found["refused"]:
        return "none"
    if found["p"] <= LEVEL:
        return "better"
    return "worse" if found["p_low"] <= LEVEL else "neither"


def _no_room(account: Account, decisions: Sequence[Decision]) -> dict[str, Any]:
    """What the signals without room would have made: each trades an account of its own."""
    panel = account.panel
    rows = decision_rows(panel, (d for d in decisions if d.action == "no_room"))
    each = np.append(np.flatnonzero(rows["terms"] & IS_LEG == 0), len(rows))
    totals = simulate(panel, rows, each, account.rules, account.rates).totals
    made = totals[totals["trades"] > 0]
    returns = made["profit"] / made["entered"]
    return {
        "signals": len(each) - 1,
        "mean_return": float(np.mean(returns)) if len(returns) else None,
        "wins": int(np.count_nonzero(returns > 0)),
    }


def sentence(found: Mapping[str, Any]) -> str:
    """The evidence in plain words: what was tested, on how many dates, and the verdict."""
    if not found["trades"]:
        return f"{found['refused']}."
    text = f"{counted(found['trades'], 'trade')} on {counted(found['occasions'], 'occasion')}"
    text += ", then ruin." if found["ruined"] else "."
    if found["refused"]:
        return f"{text} {found['refused']}."
    verdict = found["verdict"]
    text += {
        "better": f" Better than luck at the {share(LEVEL)} level: ",
        "worse": f" Worse than luck at the {share(LEVEL)} level: ",
        "neither": " Not distinguishable from luck: ",
    }[verdict]
    tail = "p_low" if verdict == "worse" else "p"
    timing, direction = found["random_timing"], found["random_direction"]
    text += (
        f"at other times the same signals earn as {'little' if verdict == 'worse' else 'much'} "
        f"for their risk {_times(timing, tail)}, in other directions {_times(direction, tail)}."
    )
    return text + _addition(found, verdict, timing[LEADING], direction[LEADING])


def _addition(
    found: Mapping[str, Any], verdict: str, timing: Mapping[str, Any], direction: Mapping[str, Any]
) -> str:
    """What a reader of the verdict would misunderstand without it."""
    total = found["total_return"]
    if verdict == "better":
        return f" It lost {share(-total)} all the same." if total < 0 else ""
    if verdict == "worse":
        return f" It made {percent(total)} all the same." if total > 0 else ""
    text = ""
    if timing["p"] <= LEVEL:
        text = (
            " The times stand out, the directions do not: such dates are followed by large moves "
            "either way, or they are too few."
        )
    elif direction["p"] <= LEVEL:
        text = (
            " The directions stand out, the times do not: random times do as well, so that the "
            "drift of prices may explain it."
        )
    edge = share(found["detectable"])
    return f"{text} An edge of {edge} a trade would be missed more than once in five times."


def _in_one_part(occasions: Occasions, panel: Panel) -> str:
    """That all occasions lie in one part of the span, with what it means; empty where not."""
    first, last = occasions.begins[0], occasions.begins[-1]
    if last - first >= _PART * panel.count:
        return ""
    return (
        f" All occasions lie in one part of the span, {panel.session_days[first]} to "
        f"{panel.session_days[last]}: if prices rose there and fell elsewhere, longs look skilful, "
        f"and shorts the other way round."
    )


def _times(placebo: Mapping[str, Any], tail: str) -> str:
    """How often chance does as well, with two figures that count where so many were drawn."""
    p, drawn = placebo[LEADING][tail], placebo.get("drawn", DRAWS)
    scale = next(s for s in _SCALES if p * s >= 9.5 or 10 * s > drawn)  # noqa: PLR2004
    times = round(p * scale)
    return f"once in {scale:,}" if times <= 1 else f"{times:,} times in {scale:,}"
