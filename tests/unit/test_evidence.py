"""What a run's evidence says, in figures and in its sentence, and that it hangs on nothing else."""

import json
from copy import deepcopy
from itertools import pairwise

import numpy as np
import pytest

from backtest.engine.kernel.panel import panel_of, signal_rows
from backtest.engine.kernel.simulate import simulate
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from backtest.errors import DataError
from backtest.experiments.runs import evidence, placebo
from backtest.experiments.runs import run as api
from backtest.experiments.runs.evidence import DRAWS, LEADING, sentence, trials_on_record
from backtest.experiments.runs.placebo import Null
from backtest.experiments.trials import read_trials, trial_sharpes
from backtest.stats.figures import curve_figures
from backtest.strategy.base import Signal
from tests.engines import borrow_rates, made_up_decisions, made_up_prices
from tests.made_up import ACME, day, do, request
from tests.oracle import Signal as Wanted

# The sentence

FOUND = {
    "trades": 4,
    "ruined": False,
    "no_placebo": "",
    "random_timing": {LEADING: {"p": 0.31, "p_low": 0.69}},
    "detectable": 0.14,
}


def told(p: float | None = 0.31, p_low: float = 0.69, **changes: object) -> str:
    found = {**deepcopy(FOUND), **changes}
    if found["random_timing"]:
        found["random_timing"] = {LEADING: {"p": p, "p_low": p_low}}
    return sentence(found)


def test_luck():
    assert told() == (
        "4 trades. Random timing does as well 31 times in 100. Not distinguishable from luck; an "
        "edge under 14 % a trade could not have been seen."
    )


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (1.0, "100 times in 100"), (0.051, "5 times in 100"), (0.0149, "once in 100"),
        (0.01, "once in 100"), (0.0096, "10 times in 1,000"), (0.001, "once in 1,000"),
        (0.0004, "4 times in 10,000"), (1 / 10_001, "once in 10,000"),
    ],
)  # fmt: skip
def test_how_often(p, words):
    assert f"Random timing does as well {words}." in told(p)


def test_one_trade_is_one():
    assert told(trades=1).startswith("1 trade. Random timing")


def test_better_than_luck_with_enough_trades():
    assert told(0.05, 0.95, trades=6).endswith("5 times in 100. Better than luck at the 5 % level.")


def test_better_than_luck_with_few_trades_stays_careful():
    assert told(0.01, 0.99, trades=5).endswith(
        "Better than luck at the 5 % level, but so few trades carry no interval: one more can "
        "undo it."
    )


def test_worse_than_luck():
    assert "Worse than luck at the 5 % level: the times were bad ones." in told(0.98, 0.03)


def test_ruin_comes_first():
    assert told(0.9, 0.1, ruined=True).startswith("4 trades, then ruin. Random timing")


def test_no_trade():
    none = told(trades=0, no_placebo=evidence.NO_TRADE, random_timing=None, detectable=None)
    assert none == "No trade: there is nothing to weigh."


def test_held_throughout():
    held = told(trades=1, no_placebo=evidence.HELD_THROUGHOUT, random_timing=None, detectable=None)
    assert held == (
        "1 trade. Held from the first session to the last, so that there is no timing to test."
    )


def test_signals_that_make_no_trade_of_their_own():
    assert told(None) == (
        "4 trades. The signals alone make none, so that there is no timing to test."
    )


def test_small_edges_keep_a_figure():
    assert "an edge under 0.4 % a trade" in told(detectable=0.0042)


# The figures, on a hand-made null


def test_p_values_against_a_null_by_hand(monkeypatch, checkout):
    draws = np.array([0.1, 0.2, 0.3, np.nan])
    null = Null(dict.fromkeys(placebo.STATISTICS, 0.2), dict.fromkeys(placebo.STATISTICS, draws))
    monkeypatch.setattr(placebo, "random_timing", lambda *_, **__: null)
    found = do(checkout).manifest["evidence"]["random_timing"]
    # As good or better: 0.2, 0.3 and the one that is undefined; as bad: 0.1, 0.2 and that one.
    for name in placebo.STATISTICS:
        assert found[name]["p"] == pytest.approx((1 + 3) / (1 + 4))
        assert found[name]["p_low"] == pytest.approx((1 + 3) / (1 + 4))
        assert found[name]["percentiles"]["50"] == pytest.approx(0.2)
    bars = found["histogram"]
    assert sum(bars["counts"]) == 3
    assert bars["first"] <= 0.1
    assert bars["first"] + bars["step"] * len(bars["counts"]) > 0.3


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
    signals, accounts = signal_rows(panel, given), []

    def watched(panel, table, starts, *rest, **more):
        accounts.extend(table[a:b].copy() for a, b in pairwise(starts))
        return simulate(panel, table, starts, *rest, **more)

    monkeypatch.setattr(placebo, "simulate", watched)
    for make in (placebo.random_timing, placebo.random_direction):
        accounts.clear()
        null = make(panel, signals, rules, rates, seed=5, draws=8)
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
            mean = np.mean([trade.net_return for trade in result.trades])
            told = {**curve, LEADING: mean}
            for name in placebo.STATISTICS:
                assert null.draws[name][number] == pytest.approx(told[name], rel=1e-9)


# Runs


def test_evidence_and_attribution_stand_in_the_manifest(checkout):
    run = do(checkout)
    manifest = json.loads((run.path / "run.json").read_text())
    assert manifest == run.manifest
    found = manifest["evidence"]
    assert found["trades"] == 1
    assert found["draws"] == DRAWS
    assert found["sentence"].startswith("1 trade. Random timing does as well ")
    assert found["random_timing"][LEADING]["observed"] == pytest.approx(
        float(run.trades[0]["return"])
    )
    assert found["random_timing"]["total_return"]["observed"] == pytest.approx(
        run.summary["total_return"]
    )
    assert found["sharpe"]["estimate"] == pytest.approx(run.summary["sharpe"])
    assert found["sharpe"]["unknown"] == "1 trade: at least 6 are needed"
    assert {found["sharpe"][name] for name in ("low", "high", "psr", "min_track_record")} == {None}
    assert found["mean_trade_return"]["low"] is None
    assert found["random_direction"][LEADING]["p"] == pytest.approx(0.5, abs=0.05)  # two sides
    assert manifest["trials"] == {"count": 1, "deflated_sharpe": None}
    (group,) = manifest["attribution"]["profit_by"]["hour"]
    assert (group["name"], group["trades"], group["wins"]) == ("after the close", 1, 1)
    assert group["net_profit"] == pytest.approx(float(run.trades[0]["net_profit"]))
    first, second = manifest["attribution"]["moves"]
    # Public after the close of 2025-06-04, 103; the 5th opens at 103.
    assert (first["last_close"], first["first_open"], first["gap"]) == (103, 103, 0)
    assert first["traded"] == pytest.approx(106 * 0.9995 / (103 * 1.0005) - 1)
    assert (second["direction"], second["traded"]) == (None, None)


def test_the_same_inputs_give_the_same_evidence(checkout, monkeypatch):
    def text(run) -> str:
        return json.dumps([run.manifest[name] for name in ("evidence", "attribution")])

    first = text(do(checkout))
    assert text(do(checkout, force=True)) == first
    monkeypatch.setattr(evidence, "SEED", 2)
    assert text(do(checkout, force=True)) != first


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


def test_a_stock_that_is_held_throughout_has_no_placebo(checkout):
    found = do(checkout, "owner").manifest["evidence"]
    assert found["no_placebo"] == evidence.HELD_THROUGHOUT
    assert found["random_timing"] is found["random_direction"] is None
    assert found["sharpe"]["psr"] > 0.5
    assert found["sharpe"]["low"] < found["sharpe"]["estimate"] < found["sharpe"]["high"]
    assert found["sharpe"]["unknown"] == ""


def test_a_ruined_run_has_no_sharpe_ratio(checkout):
    lines = ACME.splitlines()
    spike = [lines[0], *lines[1:9]]
    spike += [f"{line.split(',')[0]},900.00,910.00,890.00,900.00,1000" for line in lines[9:]]
    checkout.write("data/prices/ACME.csv", "\n".join(spike) + "\n")
    checkout.strategy("bear", "return Signal.short(event)")
    run = do(checkout, "bear")
    assert run.manifest["ruined_on"]
    found = run.manifest["evidence"]
    assert found["sentence"].startswith("1 trade, then ruin. ")
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
    found = run.manifest["evidence"]["random_timing"]["total_return"]
    assert found["observed"] == pytest.approx(run.summary["total_return"], rel=0.05)
    assert 0 < found["p"] < 1


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


def test_trials_without_a_sweep_are_read_as_those_with_one(checkout):
    for hold in (4, 5, 4):
        do(checkout, settings={"hold": hold}, force=True)
    do(checkout, settings={"hold": 5}, last=day("2025-06-03"))  # the latest has no ratio
    where = (checkout.root / "reports", "beats", ["ACME"])
    table = [None if np.isnan(ratio) else ratio for ratio in read_trials(*where)["sharpe"]]
    assert trial_sharpes(*where) == table
    assert len(table) == 2
    assert None in table


def test_a_corrupt_record_of_trials_is_told(checkout):
    run = do(checkout)
    (record,) = (checkout.root / "reports" / "trials").rglob("run-*.json")
    record.write_text("{")
    with pytest.raises(DataError, match="not a readable record of trials"):
        trials_on_record(run.path.parent, run.manifest)
