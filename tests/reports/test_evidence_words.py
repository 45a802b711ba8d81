"""The evidence in words, and the picture of a run inside its null."""

from types import SimpleNamespace

import pytest

from backtest.reports.run_words import (
    evidence_rows,
    holm_corrected,
    holm_line,
    no_room,
    plain_sentence,
    profit_parts,
)
from backtest.stats.formats import p_value


@pytest.mark.parametrize(
    ("p", "text"),
    [(None, "–"), (1.0, "1.00"), (0.1, "0.10"), (0.0917, "0.092"), (0.0001, "0.0001")],
)
def test_p_values(p, text):
    assert p_value(p) == text


def run(strategy: str, p: float | None):
    verdict = "none" if p is None else "better" if p <= 0.05 else "neither"
    found = {"sentence": "As it is.", "p": p, "verdict": verdict}
    return SimpleNamespace(run_id=strategy, manifest={"strategy": strategy, "evidence": found})


def test_correction_leaves_out_what_has_no_p_value():
    # Holm: 0.01 × 3, then 0.02 × 2, then 0.4.
    runs = [run("a", 0.4), run("b", None), run("c", 0.01), run("d", 0.02)]
    assert holm_corrected(runs) == pytest.approx([0.4, None, 0.03, 0.04])
    assert holm_line(runs) == (
        "p-values, corrected for 3 strategies (Holm): a 0.40, c 0.03, d 0.04."
    )


def test_one_p_value_needs_no_correction():
    assert holm_corrected([run("a", 0.4), run("b", None)]) == [0.4, None]
    assert holm_line([run("a", 0.4), run("b", None)]) == ""


def test_a_run_without_evidence_has_no_p_value():
    bare = SimpleNamespace(run_id="a", manifest={"strategy": "a"})
    assert holm_corrected([bare, run("b", 0.2)]) == [None, 0.2]


def test_a_run_that_is_named_twice_counts_once():
    # Holm of two: 0.01 × 2, then 0.4; of three it would be 0.01 × 3.
    one, other = run("a", 0.01), run("b", 0.4)
    assert holm_corrected([one, other, one]) == pytest.approx([0.02, 0.4, 0.02])
    assert holm_corrected([one, one]) == [0.01, 0.01]


def weighed(verdict: str):
    """Six trades whose p-values, as good and as bad, are all unlike."""
    p = {
        "random_timing": [(0.02, 0.98), (0.03, 0.97), (0.04, 0.96)],
        "random_direction": [(0.05, 0.95), (0.06, 0.94), (0.07, 0.93)],
    }
    names = ("sharpe", "total_return", "mean_trade_return")
    placebos = {
        placebo: {n: {"p": a, "p_low": b} for n, (a, b) in zip(names, values, strict=True)}
        for placebo, values in p.items()
    }
    interval = {"estimate": 0.02, "low": None, "high": None, "unknown": "6 occasions"}
    return {
        "refused": "", "trades": 6, "verdict": verdict, "p": 0.05, "p_low": 0.98, **placebos,
        "detectable": 0.1, "power": 0.8, "mean_trade_return": interval,
        "sharpe": {"estimate": None, "unknown": "ruined"},
    }  # fmt: skip


def test_the_rows_show_the_tail_that_the_verdict_is_about():
    trials = {"count": 1, "deflated_sharpe": None}
    rows = dict(evidence_rows(weighed("better"), trials))
    assert list(rows)[:4] == ["Verdict", "Random timing", "Random direction", "Detectable edge"]
    assert rows["Verdict"] == "p 0.05, the larger of both by the Sharpe ratio"
    assert rows["Random timing"] == "Sharpe ratio p 0.02, total return p 0.03, mean trade p 0.04"
    rows = dict(evidence_rows(weighed("worse"), trials))
    assert rows["Verdict"] == "p of doing as badly 0.98, the larger of both by the Sharpe ratio"
    assert rows["Random direction"] == "Sharpe ratio p 0.95, total return p 0.94, mean trade p 0.93"
    assert "Verdict" not in dict(evidence_rows({**weighed("none"), "refused": "No"}, trials))


@pytest.mark.parametrize(
    ("p", "count", "told"), [(0.05, 2, True), (0.05, 1, False), (0.06, 2, False), (None, 2, False)]
)
def test_a_good_result_of_many_variants_says_so(p, count, told):
    text = plain_sentence(run("a", p).manifest["evidence"], {"count": count})
    assert ("2 variants were tried; the p-value counts one." in text) is told


def test_what_found_no_room_is_one_sentence():
    def told(**found: object) -> str:
        return no_room(SimpleNamespace(manifest={"no_room": found}))

    assert told(signals=0, mean_return=None, wins=0) == ""
    assert no_room(SimpleNamespace(manifest={})) == ""
    assert told(signals=1_676, mean_return=0.0038, wins=890) == (
        "1,676 signals found no room; traded alone, they would have made +0.4 % a trade in the "
        "mean, 890 of them a profit."
    )
    assert told(signals=1, mean_return=0.0038, wins=1) == (
        "1 signal found no room; traded alone, it would have made +0.4 %."
    )
    assert told(signals=1, mean_return=None, wins=0) == (
        "1 signal found no room, and would not have been entered alone either."
    )


def test_what_hedges_and_dividends_made_is_told_apart():
    rows = [
        # 329 by the stock
        {"net_profit": "180.75", "hedge_profit": "-148.25", "dividends": "0.0"},
        {"net_profit": "-40.0", "hedge_profit": "0.0", "dividends": "0.0"},
        {"net_profit": "12.0", "hedge_profit": "0.0", "dividends": "-30.0"},
    ]
    hedges = "The stocks made +289 $, their hedges -148 $."
    assert profit_parts(rows[:2]) == hedges
    assert profit_parts(rows[1:2]) == profit_parts([]) == ""
    assert profit_parts(rows[1:]) == "Dividends made -30 $ of the profit."
    assert profit_parts(rows).startswith("The stocks made +301 $")
