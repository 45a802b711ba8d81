"""The evidence in words, and the picture of a run inside its null."""

from types import SimpleNamespace

import pytest

from backtest.experiments.runs.evidence import LEADING
from backtest.reports.run_charts import histogram_chart
from backtest.reports.words.run import corrected, holm_line, p_value, plain_sentence


@pytest.mark.parametrize(
    ("p", "text"),
    [(None, "–"), (1.0, "1.00"), (0.1, "0.10"), (0.0917, "0.092"), (0.0001, "0.0001")],
)
def test_p_values(p, text):
    assert p_value(p) == text


def run(strategy: str, p: float | None):
    timing = None if p is None else {LEADING: {"p": p}}
    found = {"sentence": "Better than luck.", "random_timing": timing, "level": 0.05}
    return SimpleNamespace(manifest={"strategy": strategy, "evidence": found})


def test_correction_leaves_out_what_has_no_p_value():
    # Holm: 0.01 × 3, then 0.02 × 2, then 0.4.
    runs = [run("a", 0.4), run("b", None), run("c", 0.01), run("d", 0.02)]
    assert corrected(runs) == pytest.approx([0.4, None, 0.03, 0.04])
    assert holm_line(runs) == (
        "p of random timing, corrected for 3 strategies (Holm): a 0.40, c 0.03, d 0.04."
    )


def test_one_p_value_needs_no_correction():
    assert corrected([run("a", 0.4), run("b", None)]) == [0.4, None]
    assert holm_line([run("a", 0.4), run("b", None)]) == ""


def test_a_run_without_evidence_has_no_p_value():
    assert corrected([SimpleNamespace(manifest={"strategy": "a"}), run("b", 0.2)]) == [None, 0.2]


@pytest.mark.parametrize(
    ("p", "count", "told"), [(0.05, 2, True), (0.05, 1, False), (0.06, 2, False), (None, 2, False)]
)
def test_a_good_result_of_many_variants_says_so(p, count, told):
    text = plain_sentence(run("a", p).manifest["evidence"], {"count": count})
    assert ("2 variants were tried; the p-value counts one." in text) is told


def test_bars_by_hand():
    picture = histogram_chart(-0.1, 0.1, [1, 4, 2], 0.06, "+6.0 %")
    assert [bar.beyond for bar in picture.bars] == [False, False, True]  # by their middles
    heights = [bar.height for bar in picture.bars]
    assert [h / heights[1] for h in heights] == pytest.approx([0.25, 1, 0.5])
    assert {round(bar.y + bar.height, 6) for bar in picture.bars} == {picture.bottom}
    # Of 944 pixels from 8 on, 0.16 of 0.3.
    assert picture.mark.place == pytest.approx(8 + 944 * 0.16 / 0.3)
    assert picture.mark_anchor == "end"
    assert "0 %" in [tick.label for tick in picture.x_ticks]
