"""Every run shows its evidence: in the terminal, on its page, and beside others."""

import json
import re

import pytest

from backtest.experiments.runs import run as api
from backtest.stats.formats import p_value, share
from backtest.stats.multiple_testing import holm
from tests.commands import rows, too_wide, words
from tests.made_up import often, request

TOO_FEW = "1 trade on 1 occasion. Too few separate occasions for a verdict (1; 6 are needed)."


def manifest(checkout, strategy):
    (path,) = checkout.root.glob(f"reports/{strategy}-*/run.json")
    return json.loads(path.read_text())


def verdict_p(found):
    """The larger of both placebos by the Sharpe ratio."""
    return max(found[placebo]["sharpe"]["p"] for placebo in ("random_timing", "random_direction"))


@pytest.fixture
def tested(run_made_up, checkout):
    """What a run of four strategies printed: two with six occasions, one with one, one held."""
    often(checkout)
    often(checkout, "shorts", "short")
    return run_made_up("-v")


def test_run_tells_the_sentence_and_the_figures(tested, checkout):
    out, found = words(tested.out), manifest(checkout, "often")["evidence"]
    assert found["sentence"] in out
    assert found["sentence"].startswith("6 trades on 6 occasions. Not distinguishable from luck: ")
    # Of 2⁶ directions all long does best, by far: ACME does nothing but rise.
    direction = found["random_direction"]["sharpe"]
    assert direction["p"] == 1 / 64
    assert found["p"] == found["random_timing"]["sharpe"]["p"] > 0.05
    assert "The directions stand out, the times do not: random times do as well" in out
    assert f"Verdict p {p_value(found['p'])}, the larger of both by the Sharpe ratio" in out
    assert "Random direction Sharpe ratio p 0.016, total return p 0.016, mean trade p 0.016" in out
    assert re.search(r"Mean trade \+\d\.\d %, 95 % interval [+-][\d.]+ % to \+[\d.]+ %", out)


def test_no_line_of_the_evidence_is_too_wide(tested, monkeypatch, run_made_up):
    monkeypatch.setenv("COLUMNS", "80")
    assert too_wide(run_made_up().out, 80) == []


def test_too_few_occasions_have_no_verdict(run_made_up, checkout):
    out = words(run_made_up("beats").out)
    found = manifest(checkout, "beats")["evidence"]
    assert found["sentence"] == TOO_FEW
    assert TOO_FEW in out
    assert "Random timing" not in out
    assert "Mean trade +2.8 %; interval unknown (1 occasion: an interval needs 6)" in out
    assert "interval and PSR unknown (1 trade: at least 6 are needed)" in out
    assert "Track record 0.1 years; how many would show it is unknown (MinTRL)" in out
    assert "Trials 1 variant on record" in out
    assert "Holm" not in out


def test_run_corrects_for_the_number_of_strategies(tested, checkout):
    out, names = words(tested.out), ("often", "shorts")
    p = [verdict_p(manifest(checkout, name)["evidence"]) for name in names]
    told = ", ".join(f"{name} {p_value(one)}" for name, one in zip(names, holm(p), strict=True))
    assert f"p-values, corrected for 2 strategies (Holm): {told}." in out
    # One trade has no p, nor has a held stock.
    assert re.search(r"owner 1 \+29.9 % .* held from the first session to the last", out)


def test_run_as_json_carries_the_evidence(run_made_up, checkout):
    often(checkout)
    beats, tested, owner = json.loads(run_made_up("--json").out)
    assert verdict_p(tested["evidence"]) == tested["evidence"]["p"] == tested["placebo_p_holm"]
    assert beats["placebo_p_holm"] is None
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
    # Always in the market, so that a month is an observation: 30 sessions have two.
    unknown = r"interval unknown \(2 months: an interval needs 6\)"
    assert re.search(rf"Sharpe ratio [\d.]+; {unknown}; above 0 by PSR: \d+ %", out)
    assert re.search(r"Track record 0.1 years; [\d.]+ years to show it \(MinTRL\)", out)
    assert "Trials 2 variants on record; above the best" in words(run_made_up("owner").out)


def test_compare_shows_evidence_beside_the_figures(tested, command, checkout):
    out = command("compare").out
    found = [manifest(checkout, name)["evidence"] for name in ("often", "shorts")]
    p = [verdict_p(one) for one in found]
    edges = [one["detectable"] for one in found]
    for label, (longs, shorts) in {
        "p-value": [p_value(value) for value in p],
        "p-value, Holm": [p_value(value) for value in holm(p)],
        "Detectable edge": [re.escape(share(value)) for value in edges],
    }.items():
        assert re.search(rf"^{label} +– +{longs} +– +{shorts} *$", out, re.MULTILINE)
    assert re.search(r"^Trials +1 +1 +1 +1 *$", out, re.MULTILINE)
    assert "p-value, Holm: the same, corrected for the 2 runs that are compared." in out
    told = json.loads(command("compare", "--json").out)
    longs, shorts = holm(p)
    assert [one["placebo_p_holm"] for one in told] == [None, longs, None, shorts]
    assert told[1]["evidence"]["sentence"] == found[0]["sentence"]


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
        patched.setattr("backtest.experiments.runs.evidence.evidence", stop)
        assert run_made_up("beats").code == 130
    assert len(rows(checkout, "trades.csv", "beats-*")) == 1
    assert "evidence" not in manifest(checkout, "beats")
    assert TOO_FEW in words(run_made_up("beats").out)
    assert "evidence" in manifest(checkout, "beats")


@pytest.fixture
def page(run_made_up, checkout):
    often(checkout)
    run_made_up()

    def read(strategy):
        (path,) = checkout.root.glob(f"reports/{strategy}-*/index.html")
        return path.read_text()

    return read


def test_the_page_shows_the_run_inside_its_null(page, checkout):
    text = page("often")
    timing = manifest(checkout, "often")["evidence"]["random_timing"]
    drawn = json.loads(text.split('id="data">')[1].split("</script>")[0])["null"]
    assert drawn == {**timing["histogram"], "run": timing["sharpe"]["observed"]}
    assert "10,000 accounts that trade the same signals at random times" in text
    for untested in ("beats", "owner"):
        assert 'id="null"' not in page(untested)
    assert "there is no timing to test" in page("owner")


def test_the_page_shows_where_the_profit_came_from(page):
    text = page("beats")
    for title in ("Event", "Kind of event", "Direction", "Left by", "Hour of knowledge"):
        assert f'<th scope="col" class="wide">{title}</th>' in text
    assert '<th scope="row" class="wide">after the close</th>' in text
    assert '<td class="n">103.00</td><td class="n">103.00</td><td class="n">0.0 %</td>' in text
