"""Every run shows its evidence: in the terminal, on its page, and beside others."""

import json
import re

import pytest

from backtest.experiments.runs import run as api
from backtest.stats.multiple_testing import holm
from tests.commands import rows, words
from tests.made_up import request

SENTENCE = r"1 trade\. Random timing does as well \d+ times in 100\. Not distinguishable from luck;"


def manifest(checkout, strategy):
    (path,) = checkout.root.glob(f"reports/{strategy}-*/run.json")
    return json.loads(path.read_text())


def test_run_tells_the_sentence_and_the_figures(run_made_up, checkout):
    out = words(run_made_up("beats").out)
    found = manifest(checkout, "beats")["evidence"]
    assert re.search(SENTENCE, out)
    assert found["sentence"] in out
    p = found["random_timing"]["mean_trade_return"]["p"]
    assert f"Random timing mean trade p {p:.2f}, total return p " in out
    assert "Mean trade +2.8 %; interval unknown (1 trade" in out
    assert "interval and PSR unknown (1 trade: at least 6 are needed)" in out
    assert "Track record 0.1 years; how many would show it is unknown (MinTRL)" in out
    assert "Trials 1 variant on record" in out
    assert "Holm" not in out


def test_run_corrects_for_the_number_of_strategies(run_made_up, checkout):
    checkout.strategy("misses", "return Signal.short(event, weight=0.5, hold=2)")
    out = words(run_made_up().out)
    names = ("beats", "misses")
    p = [
        manifest(checkout, name)["evidence"]["random_timing"]["mean_trade_return"]["p"]
        for name in names
    ]
    told = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, holm(p), strict=True))
    assert f"corrected for 2 strategies (Holm): {told}." in out  # a held stock has no p
    assert "1 trade. Held from the first session to the last, so that there is no timing" in out


def test_run_as_json_carries_the_evidence(run_made_up, checkout):
    beats, owner = json.loads(run_made_up("--json").out)
    assert beats["evidence"]["random_timing"]["mean_trade_return"]["p"] == beats["placebo_p_holm"]
    assert beats["attribution"]["profit_by"]["direction"][0]["name"] == "long"
    assert beats["trials"] == {"count": 1, "deflated_sharpe": None}
    assert owner["placebo_p_holm"] is None


def test_trials_are_counted_anew_for_a_run_that_exists(run_made_up):
    assert "Trials 1 variant on record" in words(run_made_up("beats").out)
    run_made_up("beats", "--set", "hold=5")
    assert re.search(r"Trials 2 variants on record ", words(run_made_up("beats").out))


def test_the_ratio_of_a_stock_that_is_held_is_deflated(run_made_up, checkout):
    checkout.edit(
        "strategies/owner.py", "    listens_to", "    weight: float = 1.0\n    listens_to"
    )
    checkout.edit("strategies/owner.py", "weight=1.0, reason", "weight=self.weight, reason")
    out = words(run_made_up("owner", "--set", "weight=0.5").out)
    assert re.search(r"95 % interval [\d.-]+ to [\d.]+; above 0 by PSR: \d+ %", out)
    assert re.search(r"Track record 0.1 years; [\d.]+ years to show it \(MinTRL\)", out)
    assert "Trials 2 variants on record; above the best" in words(run_made_up("owner").out)


def test_compare_shows_evidence_beside_the_figures(run_made_up, command, checkout):
    checkout.strategy("misses", "return Signal.short(event, weight=0.5, hold=2)")
    run_made_up()
    out = command("compare").out
    found = [manifest(checkout, name)["evidence"] for name in ("beats", "misses")]
    p = [one["random_timing"]["mean_trade_return"]["p"] for one in found]
    edges = [one["detectable"] for one in found]
    for label, (beats, misses) in {
        "Placebo p": [f"{value:.2f}" for value in p],
        "Holm p": [f"{value:.2f}" for value in holm(p)],
        "Detectable edge": [f"{100 * value:.0f} %" for value in edges],
    }.items():
        assert re.search(rf"^{label} +{beats} +{misses} +– *$", out, re.MULTILINE)
    assert re.search(r"^Trials +1 +1 +1 *$", out, re.MULTILINE)
    assert "Holm p: the same, corrected for the 2 runs that are compared." in out
    told = json.loads(command("compare", "--json").out)
    assert [one["placebo_p_holm"] for one in told] == [*holm(p), None]
    assert told[0]["evidence"]["sentence"] == found[0]["sentence"]


def test_compare_tells_of_a_run_that_was_interrupted_before_its_evidence(command, checkout):
    alone = api.replay_run(api.prepare_run(checkout.workspace, request()))
    out = words(command("compare").out)
    assert f"Without evidence yet: {alone.run_id}; `backtest run` adds it." in out


def test_ctrl_c_while_evidence_is_weighed_leaves_a_run_that_goes_on(
    run_made_up, checkout, monkeypatch
):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("backtest.experiments.runs.placebo.random_timing", stop)
        assert run_made_up("beats").code == 130
    assert len(rows(checkout, "trades.csv", "beats-*")) == 1
    assert "evidence" not in manifest(checkout, "beats")
    assert re.search(SENTENCE, words(run_made_up("beats").out))
    assert "evidence" in manifest(checkout, "beats")


@pytest.fixture
def page(run_made_up, checkout):
    run_made_up("beats")
    run_made_up("owner")

    def read(strategy):
        (path,) = checkout.root.glob(f"reports/{strategy}-*/index.html")
        return path.read_text()

    return read


def test_the_page_shows_the_run_inside_its_null(page, checkout):
    text = page("beats")
    bars = manifest(checkout, "beats")["evidence"]["random_timing"]["histogram"]["counts"]
    assert text.count("<rect ") == len(bars)
    assert "this run +2.8 %" in text
    assert "10,000 random re-timings" in text
    assert "this run" not in page("owner")
    assert "there is no timing to test" in page("owner")


def test_the_page_shows_where_the_profit_came_from(page):
    text = page("beats")
    for title in ("Event", "Kind of event", "Direction", "Left by", "Hour of knowledge"):
        assert f'<th scope="col" class="wide">{title}</th>' in text
    assert '<th scope="row" class="wide">after the close</th>' in text
    assert '<td class="n">103.00</td><td class="n">103.00</td><td class="n">0.0 %</td>' in text
