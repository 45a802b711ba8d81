"""What a run's evidence says, in figures and in its sentence, and that it hangs on nothing else."""

import json
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from backtest.engine import timeline
from backtest.engine.kernel.panel import panel_of, signal_rows
from backtest.engine.kernel.simulate import simulate
from backtest.engine.replay.books import Trade
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from backtest.errors import DataError
from backtest.experiments.runs import evidence, placebo, store
from backtest.experiments.runs import run as api
from backtest.experiments.runs.evidence import DRAWS, sentence
from backtest.experiments.runs.placebo import (
    Account,
    Null,
    chains_of,
    random_direction,
    random_timing,
)
from backtest.experiments.runs.store import LEADING
from backtest.experiments.trials import trial_sharpes, trials_on_record
from backtest.stats.figures import curve_figures
from backtest.strategy.base import Signal
from tests.engines import borrow_rates, made_up_decisions, made_up_prices
from tests.made_up import ACME, day, do, request
from tests.oracle import Signal as Wanted

# The sentence

FOUND = {
    "trades": 9,
    "occasions": 7,
    "ruined": False,
    "total_return": 0.12,
    "refused": "",
    "verdict": "neither",
    "detectable": 0.14,
}


def told(timing=(0.31, 0.69), direction=(0.25, 0.8), **changes: object) -> str:
    standings = {
        name: {LEADING: {"p": p, "p_low": p_low}}
        for name, (p, p_low) in {"random_timing": timing, "random_direction": direction}.items()
    }
    return sentence({**FOUND, **standings, **changes})


def test_luck():
    assert told() == (
        "9 trades on 7 occasions. Not distinguishable from luck: at other times the same signals "
        "earn as much for their risk 31 times in 100, in other directions 25 times in 100. An edge "
        "of 14 % a trade would be missed more than once in five times."
    )


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (1.0, "100 times in 100"), (0.104, "10 times in 100"), (0.054, "54 times in 1,000"),
        (0.047, "47 times in 1,000"), (0.0149, "15 times in 1,000"), (0.0096, "10 times in 1,000"),
        (0.0094, "94 times in 10,000"), (0.0004, "4 times in 10,000"),
        (1 / 10_001, "once in 10,000"),
    ],
)  # fmt: skip
def test_how_often(p, words):
    assert f"for their risk {words}, in other" in told((p, 0.5))


def test_one_trade_is_one():
    refused = "Too few separate occasions for a verdict (1; 6 are needed)"
    assert told(trades=1, occasions=1, refused=refused, verdict="none") == (
        "1 trade on 1 occasion. Too few separate occasions for a verdict (1; 6 are needed)."
    )


def test_better_than_luck():
    assert told((0.03, 0.98), (0.0156, 0.99), verdict="better") == (
        "9 trades on 7 occasions. Better than luck at the 5 % level: at other times the same "
        "signals earn as much for their risk 30 times in 1,000, in other directions 16 times in "
        "1,000."
    )


def test_an_account_that_lost_is_not_praised_without_a_word():
    text = told((0.03, 0.98), (0.0156, 0.99), verdict="better", total_return=-0.341)
    assert text.endswith("in 1,000. It lost 34 % all the same.")


@pytest.mark.parametrize("verdict", ["better", "worse"])
def test_of_nothing_made_or_lost_there_is_no_word(verdict):
    assert "all the same" not in told(verdict=verdict, total_return=0.0)


def test_worse_than_luck():
    text = told((0.98, 0.03), (0.97, 0.04), verdict="worse", total_return=0.05)
    assert text.endswith(
        "Worse than luck at the 5 % level: at other times the same signals earn as little for "
        "their risk 30 times in 1,000, in other directions 40 times in 1,000. It made +5.0 % all "
        "the same."
    )


def test_times_that_stand_out_alone():
    assert "The times stand out, the directions do not: such dates" in told((0.01, 0.99))


def test_directions_that_stand_out_alone():
    text = told((0.2, 0.9), (0.01, 0.99))
    assert "The directions stand out, the times do not: random times do as well" in text


def test_ruin_comes_first():
    assert told(ruined=True).startswith("9 trades on 7 occasions, then ruin. Not dist")


def test_no_trade():
    text = told(trades=0, occasions=0, refused="No trade: there is nothing to weigh")
    assert text == "No trade: there is nothing to weigh."


def test_small_edges_keep_a_figure():
    assert "An edge of 0.42 % a trade" in told(detectable=0.0042)
    assert "An edge of under 0.01 % a trade" in told(detectable=2e-7)


@pytest.mark.parametrize(
    ("begins", "is_told"),
    [([29, 30, 31, 33, 35, 38], True), ([28, 30, 31, 33, 35, 38], False), ([0, 4, 9], True)],
)
def test_occasions_in_one_part_of_the_span_are_a_caution(begins, is_told):
    # Of 40 sessions a quarter is 10: nine sessions apart are within it, ten are not.
    days = np.arange("2025-06-01", "2025-07-11", dtype="datetime64[D]")
    every = evidence.Occasions(np.array(begins), np.arange(len(begins)))
    text = evidence._in_one_part(every, SimpleNamespace(session_days=days, count=len(days)))
    assert ("All occasions lie in one part of the span, " in text) == is_told
    if begins[0] == 29:
        assert "2025-06-30 to 2025-07-09: if prices rose there and fell elsewhere, longs" in text


# The figures, on a hand-made null


def test_a_verdict_needs_both_placebos():
    assert verdict_of(0.04, 0.05, 0.97, 0.96) == "better"
    assert verdict_of(0.04, 0.051, 0.97, 0.96) == "neither"
    assert verdict_of(0.051, 0.04, 0.97, 0.96) == "neither"
    assert verdict_of(0.97, 0.96, 0.05, 0.01) == "worse"
    assert verdict_of(0.97, 0.96, 0.06, 0.01) == "neither"


def verdict_of(timing: float, direction: float, timing_low: float, direction_low: float) -> str:
    p, p_low = max(timing, direction), max(timing_low, direction_low)
    return evidence._verdict({"refused": "", "p": p, "p_low": p_low})


def test_p_values_against_a_null_by_hand():
    draws = np.array([0.1, 0.2, 0.3, np.nan])
    null = Null(dict.fromkeys(placebo.STATISTICS, 0.2), dict.fromkeys(placebo.STATISTICS, draws))
    found = evidence._null(null, len(draws))
    # As good or better: 0.2, 0.3 and the one that is undefined; as bad: 0.1, 0.2 and that one.
    for name in placebo.STATISTICS:
        assert found[name]["p"] == pytest.approx((1 + 3) / (1 + 4))
        assert found[name]["p_low"] == pytest.approx((1 + 3) / (1 + 4))
        assert found[name]["percentiles"]["50"] == pytest.approx(0.2)
    bars = found["histogram"]
    assert sum(bars["counts"]) == 3
    assert bars["first"] <= 0.1
    assert bars["first"] + bars["step"] * len(bars["counts"]) > 0.3


def test_what_signals_without_room_would_have_made():
    days = pd.bdate_range("2025-06-02", periods=6).date
    rows = [(day, p, p, p, p) for day, p in zip(days, (10, 10, 20, 40, 30, 30), strict=True)]
    panel = panel_of({"ACME": made_up_prices("ACME", rows)})
    free = Rules(commission_per_share=0, commission_min=0, slippage_bps=0, borrow_mode="none")
    account = Account(panel, signal_rows(panel, []), free, {})
    decisions = [
        timeline.Decision(
            SimpleNamespace(id="e"), days[at], action, "",
            Signal(symbol="ACME", event_id="e", direction=direction, weight=0.5, hold=hold),
        )
        for at, action, direction, hold in (
            (0, "enter", "long", 1), (1, "no_room", "long", 2), (2, "no_room", "short", 2),
            (3, "no_room", "long", 1),
        )
    ]  # fmt: skip
    # 10 to 40: 3; 20 to 30, short: -0.5; 40 to 30: -0.25. Each alone, though they overlap.
    assert evidence._no_room(account, decisions) == {
        "signals": 3, "mean_return": pytest.approx(2.25 / 3), "wins": 1,
    }  # fmt: skip
    assert evidence._no_room(account, decisions[:1]) == {
        "signals": 0, "mean_return": None, "wins": 0,
    }  # fmt: skip


def test_how_often_of_few_draws():
    placebo_of = {LEADING: {"p": 1 / 214}, "drawn": 213}
    assert evidence._times(placebo_of, "p") == "once in 100"
    assert evidence._times({LEADING: {"p": 0.53}, "drawn": 213}, "p") == "53 times in 100"


def test_a_draw_is_what_the_replay_makes_of_the_same_signals(monkeypatch):
    days = [line.split(",")[0] for line in ACME.splitlines()[1:]]
    rng = np.random.default_rng(3)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.04, len(days))))
    opens = np.concatenate(([100.0], closes[:-1])) * np.exp(rng.normal(0, 0.01, len(days)))
    tops, bottoms = np.maximum(opens, closes) * 1.02, np.minimum(opens, closes) * 0.98
    rows = list(zip(days, opens, tops, bottoms, closes, strict=True))
    prices = {"ACME": made_up_prices("ACME", rows)}
    panel, rates, rules = panel_of(prices), borrow_rates(["ACME"], {}), Rules()
    plans = [("long", 3, 0.05, None), ("short", 4, None, 0.03), ("long", 2, None, None)]
    given = [
        (panel.sessions[at].item(), Signal(symbol="ACME", event_id=f"e{at}", direction=direction,
            weight=0.6, hold=hold, stop=stop, target=target))
        for at, (direction, hold, stop, target) in zip((2, 10, 20), plans, strict=True)
    ]  # fmt: skip
    signals, accounts = signal_rows(panel, [(panel.bar_of(day), one) for day, one in given]), []

    def watched(panel, table, starts, *rest, **more):
        accounts.extend(table[a:b].copy() for a, b in pairwise(starts))
        return simulate(panel, table, starts, *rest, **more)

    monkeypatch.setattr(placebo, "simulate", watched)
    one = Account(panel, signals, rules, rates)
    for draw, free in (
        (lambda: random_timing(one, chains_of(signals, 5), seed=5, draws=8), rules),
        (lambda: random_direction(one, np.arange(3), seed=5, draws=8), one.without_costs().rules),
    ):
        accounts.clear()
        null, rules = draw(), free
        for number, account in enumerate(accounts[1:]):
            wanted = [
                Wanted(
                    session=panel.sessions[row["bar"]].item(), published_at=place, symbol="ACME",
                    event_id=f"e{place}", direction="long" if row["side"] > 0 else "short",
                    weight=float(row["weight"]), hold=int(row["hold"]),
                    stop=None if np.isnan(row["stop"]) else float(row["stop"]),
                    target=None if np.isnan(row["target"]) else float(row["target"]),
                    trailing_stop=None,
                )
                for place, row in enumerate(account)
            ]  # fmt: skip
            result = replay(prices, rates, made_up_decisions(wanted), rules)
            curve = curve_figures(np.array([p.equity for p in result.curve]), rules.cash)
            profit = sum(trade.net_profit for trade in result.trades)
            mean = profit / sum(trade.shares * trade.entry_price for trade in result.trades)
            told = {**curve, "mean_trade_return": mean}
            for name in placebo.STATISTICS:
                assert null.draws[name][number] == pytest.approx(told[name], rel=1e-9)


# Runs


def test_evidence_and_attribution_stand_in_the_manifest(checkout):
    run = do(checkout)
    manifest = json.loads((run.path / "run.json").read_text())
    del manifest["record_sha256"]
    assert manifest == run.manifest
    found = manifest["evidence"]
    assert found["trades"] == 1
    assert found["draws"] == DRAWS
    assert found["sentence"] == (
        "1 trade on 1 occasion. Too few separate occasions for a verdict (1; 6 are needed)."
    )
    assert (found["verdict"], found["p"], found["random_timing"]) == ("none", None, None)
    assert found["mean_trade_return"]["estimate"] == pytest.approx(float(run.trades[0]["return"]))
    assert found["sharpe"]["estimate"] == pytest.approx(run.summary["sharpe"])
    assert found["sharpe"]["unknown"] == "1 trade: at least 6 are needed"
    assert {found["sharpe"][name] for name in ("low", "high", "psr", "min_track_record")} == {None}
    assert found["mean_trade_return"]["low"] is None
    assert manifest["trials"] == {"count": 1, "deflated_sharpe": None}
    (group,) = manifest["attribution"]["profit_by"]["hour"]
    assert (group["name"], group["trades"], group["wins"]) == ("after the close", 1, 1)
    assert group["net_profit"] == pytest.approx(float(run.trades[0]["net_profit"]))
    first, second = manifest["attribution"]["moves"]
    # Public after the close of 2025-06-04, 103; the 5th opens at 103.
    assert (first["last_close"], first["first_open"], first["gap"]) == (103, 103, 0)
    assert first["traded"] == pytest.approx(106 * 0.9995 / (103 * 1.0005) - 1)
    assert (second["direction"], second["traded"]) == (None, None)


def test_the_same_inputs_give_the_same_evidence(checkout):
    def text(run) -> str:
        return json.dumps([run.manifest[name] for name in ("evidence", "attribution")])

    first = text(do(checkout))
    assert text(do(checkout, force=True)) == first


def test_a_run_asks_its_strategy_once_and_reads_nothing_back(checkout, monkeypatch):
    passes, decide = [], timeline.decide

    def asked(*terms: object) -> list[timeline.Decision]:
        passes.append(terms)
        return decide(*terms)

    monkeypatch.setattr(timeline, "decide", asked)
    monkeypatch.delattr(store, "read_rows")
    assert do(checkout).manifest["evidence"]["trades"] == 1
    assert len(passes) == 1


def test_a_run_that_was_interrupted_before_gets_its_evidence_when_it_is_shown(checkout):
    prepared = api.prepare_run(checkout.workspace, request())
    alone = api.replay_run(prepared)
    assert "evidence" not in json.loads((alone.path / "run.json").read_text())
    weighed = api.run(prepared)
    assert weighed.manifest["evidence"] == do(checkout, force=True).manifest["evidence"]
    assert api.weigh(prepared, weighed) is weighed


def test_a_run_without_trades(checkout):
    checkout.strategy("silent", "return 'nothing'")
    found = do(checkout, "silent").manifest["evidence"]
    assert found["sentence"] == "No trade: there is nothing to weigh."
    assert found["random_timing"] is found["detectable"] is None
    assert found["sharpe"]["estimate"] is None


def test_who_never_trades_has_no_sharpe_ratio_however_much_cash_earns(checkout):
    checkout.strategy("silent", "return 'nothing'")
    run = do(checkout, "silent", rules={"cash_rate": 0.05})
    assert run.summary["interest"] > 0
    assert run.summary["sharpe"] is run.summary["sortino"] is None
    assert run.manifest["evidence"]["sharpe"]["estimate"] is None


def test_ratios_are_of_returns_above_cash(checkout):
    run = do(checkout, "owner", rules={"cash_rate": 0.05})
    nights = pd.Series(run.equity.index).diff().dt.days.fillna(0).to_numpy()
    above = run.equity["return"].to_numpy() - nights * 0.05 / 360
    ratio = above.mean() / above.std(ddof=1)
    assert run.summary["sharpe"] == pytest.approx(ratio * 252**0.5)
    sharpe = run.manifest["evidence"]["sharpe"]
    assert sharpe["estimate"] == run.summary["sharpe"]
    assert sharpe["per_session"]["ratio"] == pytest.approx(ratio)
    market = run.equity["benchmark_return"].to_numpy() - nights * 0.05 / 360
    market_ratio = market.mean() / market.std(ddof=1)
    found = run.manifest["summary"]["benchmark"]["sharpe"]
    assert found == pytest.approx(market_ratio * 252**0.5)


def test_a_stock_that_is_held_throughout_has_no_placebo(checkout):
    found = do(checkout, "owner").manifest["evidence"]
    assert found["refused"].startswith("Held from the first session to the last")
    assert found["random_timing"] is found["random_direction"] is None
    assert found["sharpe"]["psr"] > 0.5
    assert found["sharpe"]["unknown"] == "2 months: an interval needs 6"


def test_a_ruined_run_has_no_sharpe_ratio(checkout):
    lines = ACME.splitlines()
    spike = [lines[0], *lines[1:9]]
    spike += [f"{line.split(',')[0]},900.00,910.00,890.00,900.00,1000" for line in lines[9:]]
    checkout.write("data/prices/ACME.csv", "\n".join(spike) + "\n")
    checkout.strategy("bear", "return Signal.short(event)")
    run = do(checkout, "bear", accept_jumps=True)
    assert run.manifest["ruined_on"]
    found = run.manifest["evidence"]
    assert found["sentence"].startswith("1 trade on 1 occasion, then ruin. ")
    assert found["sharpe"]["estimate"] is None


def test_the_trades_of_a_backtrader_strategy_stand_in_for_its_signals(checkout):
    checkout.write(
        "strategies/own.py",
        "from backtest import EventStrategy\nfrom backtest.events import Earnings\n\n\n"
        "class Own(EventStrategy):\n    listens_to = (Earnings,)\n\n"
        "    def notify_event(self, event):\n        self.left = 4\n        self.buy(size=100)\n\n"
        "    def next(self):\n        self.left = getattr(self, 'left', 0) - 1\n"
        "        if self.left == 0:\n            self.close()\n",
    )
    run = do(checkout, "own")
    assert run.trades
    found = run.manifest["evidence"]
    assert found["occasions"] == len(run.trades) == 2
    assert found["sentence"].startswith("2 trades on 2 occasions. No verdict: it orders by itself,")
    assert (found["verdict"], found["p"], found["random_timing"]) == ("none", None, None)


# The interval of the mean trade


def ended(*profits: float, levels: int, by: str = "stop") -> list[Trade]:
    """Trades of 1,000 dollars each; so many of them left at their stop, the others by time."""
    return [
        Trade(
            trade_id=n, event_id="", symbol="ACME", direction="long", shares=10,
            entry_session=day("2025-06-02"), entry_price=100, exit_session=day("2025-06-03"),
            exit_reason=by if n < levels else "time", gross_profit=profit,
        )
        for n, profit in enumerate(profits)
    ]  # fmt: skip


def mean_trade(trades: list[Trade]) -> dict:
    each = evidence.Occasions(np.arange(len(trades)), np.arange(len(trades)))
    return evidence._mean_trade(each, trades, None, "refused")["mean_trade_return"]


@pytest.mark.parametrize(
    ("profits", "levels", "is_known"),
    [
        # Six that met the same stop: nobody has seen how the others end.
        ((-31, -31, -30, -31, -31, -31), 6, False),
        ((-31,) * 10 + (200, 150), 10, False),
        ((-31,) * 9 + (200, 150, 90), 9, True),
        # Fewer than half left at a level.
        ((-31, -31, -10, -12, -8, -20), 2, True),
        ((-31, -31, -10, -12, -8), 2, False),  # five occasions
    ],
)
def test_trades_that_met_the_same_end_have_no_interval(profits, levels, is_known):
    for by in ("stop", "signal"):
        found = mean_trade(ended(*profits, levels=levels, by=by))
        assert found["estimate"] == pytest.approx(sum(profits) / (1_000 * len(profits)))
        assert (found["low"] is not None) == (found["unknown"] == "") == is_known


# Trials


def test_trials_are_counted_when_they_are_asked_for(checkout):
    more = "    hold: int = 20\n"
    checkout.strategy("holder", "return Signal.long(event, hold=self.hold)", "Start", more=more)
    first = do(checkout, "holder")
    reports = checkout.root / "reports"
    assert trials_on_record(reports, first.manifest) == {"count": 1, "deflated_sharpe": None}
    for hold in (4, 5, 6):
        do(checkout, "holder", settings={"hold": hold})
    now = trials_on_record(reports, first.manifest)
    assert now["count"] == 4
    # Better than 0 with this probability; the best of four shows more than 0 by luck alone.
    assert 0 < now["deflated_sharpe"] < first.manifest["evidence"]["sharpe"]["psr"]
    assert json.loads((first.path / "run.json").read_text())["trials"]["count"] == 1


def test_the_ratio_of_too_few_trades_is_not_deflated(checkout):
    first = do(checkout)
    do(checkout, settings={"hold": 4})
    told = trials_on_record(checkout.root / "reports", first.manifest)
    assert told == {"count": 2, "deflated_sharpe": None}


def test_the_latest_evaluation_of_a_set_counts(checkout):
    for hold in (4, 5, 4):
        do(checkout, settings={"hold": hold}, force=True)
    do(checkout, settings={"hold": 5}, last=day("2025-06-03"))  # the latest has no ratio
    where = (checkout.root / "reports", "beats", ["ACME"])
    (known,) = (ratio for ratio in trial_sharpes(*where) if ratio is not None)
    assert len(trial_sharpes(*where)) == 2
    assert isinstance(known, float)


def test_a_corrupt_record_of_trials_is_told(checkout):
    run = do(checkout)
    (checkout.root / "reports" / "trials.sqlite").write_text("no database")
    with pytest.raises(DataError, match="not a readable record of trials"):
        trials_on_record(run.path.parent, run.manifest)
