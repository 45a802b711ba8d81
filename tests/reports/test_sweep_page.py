"""The sweep page: what it says of which sweep, what it draws, and that it is safe."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from backtest.engine.rules import Rules
from backtest.reports.pages import PLOTLY
from backtest.reports.sweep_page import walk_forward_table, write_sweep_page
from tests.sweeps import FIGURES, drawn, page_of, rows, set_of, visible, write_sweep

HOLD = list(range(1, 11))
STOP = [0.1, 0.2, 0.3, 0.4, 0.5]
NASTY = "</script><script>alert(1)</script>"


def hills(hold, stop, *_) -> dict[str, float | None]:
    """A return of a percent for each session, less the stop."""
    return set_of(hold / 100 - (stop or 0.0))


@pytest.fixture
def page(tmp_path):
    """The page of a sweep over two parameters, 50 sets, default (4, 0.2)."""
    return page_of(tmp_path, {"hold": HOLD, "stop": STOP}, {"hold": 4, "stop": 0.2}, hills)


# ---- what it says -------------------------------------------------------------------------------


def test_beside_costs_the_command_names_each_of_their_rules(tmp_path):
    """5 basis points are the usual slippage, and not that of the costs that are named."""
    costs = {"name": "frictionless", "sources": {}}
    rules = Rules(commission_per_share=0.0, slippage_bps=5.0).model_dump()
    page = page_of(tmp_path, {"hold": HOLD}, {"hold": 4}, lambda hold: set_of(hold / 100),
                   costs=costs, rules=rules)  # fmt: skip
    command = " ".join(drawn(page)["command"])
    assert " --costs frictionless --commission 0 --slippage 5 " in command
    assert "--cash" not in command


def test_heading_tells_what_was_swept_and_by_which_rules(page):
    text = visible(page)
    assert "made_up · ACME 50 sets tried" in text
    assert "2025-06-02 to 2025-07-15 · sweep 0123456789" in text
    assert "Varied: hold 1, 2, 3 … 10 (10 values) · stop 0.1, 0.2, 0.3, 0.4, 0.5" in text
    assert "Fixed: weight 0.95 · inner.side both · start 100,000 $" in text
    assert "5 bp slippage" in text
    assert "On record for this strategy and these symbols: 1,050 sets." in text


def test_no_figure_of_the_best_set_stands_without_the_number_tried(page):
    text = visible(page)
    assert "Best of 50 tried 0.0 %" in text.replace("+", "")
    assert "With 50 tried, the best looks good by luck alone" in text
    assert text.count("Best of 50 tried") == 2  # in short, and above its rows


def test_default_stands_among_all_sets(page):
    # hold / 100 − stop: −0.16 for the default. Less are all with a stop of 0.3 or more (30), and
    # those with 0.2 and a shorter hold (3): 33. With 0.1, hold 1 returns −0.09. No set is equal.
    text = visible(page)
    assert "The default returns -16.0 %, better than 66 % of the 50 sets." in text
    assert "Its Sharpe ratio is -0.64, better than 66 % of the 50 sets with one." in text
    assert "0 of 50 (none) end above zero." in text


def test_neighbourhood_is_told_and_tabled(page):
    text = visible(page)
    assert (
        "The 4 sets one step away in one parameter: median -16.0 %, from -26.0 % to -6.0 %. "
        "The 8 sets within one step in every parameter: median -16.0 %, from -27.0 % to -5.0 %. "
        "The default returns -16.0 %. Its neighbours span 22.0 points of return, all sets 49.0."
    ) in text
    beside = ["-26.0 %", "-16.0 %", "-6.0 %", "-1.04", "-0.64", "-0.24"]
    around = ["-27.0 %", "-16.0 %", "-5.0 %", "-1.08", "-0.64", "-0.20"]
    assert rows(page, "around")[2:] == [
        ["The default", "1", "", "-16.0 %", "", "", "-0.64", ""],
        ["One step away in one parameter", "4", *beside],
        ["Within one step in every parameter", "8", *around],
        ["All sets", "50", "-49.0 %", "-24.5 %", "0.0 %", "-1.96", "-0.98", "0.00"],
    ]


def test_best_and_worst_results_with_their_numbers(page):
    table = rows(page, "ranked")
    assert table[0] == [
        "Set", "hold", "stop", "Return", "Sharpe", "Drawdown", "Trades", "Win rate",
        "Commission $", "Borrow $", "Equal sets",
    ]  # fmt: skip
    assert table[1] == ["Best of 50 tried"]
    assert table[2] == [
        "45", "10", "0.1", "0.0 %", "0.00", "-5.0 %", "6", "50 %", "60", "5", "1",
    ]  # fmt: skip
    assert [row[0] for row in table[2:7]] == ["45", "40", "35", "30", "25"]
    assert table[7] == ["The default"]
    assert table[8][:4] == ["16", "4", "0.2", "-16.0 %"]
    assert table[9] == ["Worst of 50 tried"]
    assert table[14][:4] == ["4", "1", "0.5", "-49.0 %"]


def test_equal_results_are_counted_once(tmp_path):
    text = visible(
        page_of(
            tmp_path,
            {"hold": HOLD, "stop": STOP},
            {"hold": 4, "stop": 0.2},
            lambda hold, _: set_of(0.1 if hold > 5 else -0.1),
        )
    )
    assert "50 sets were tried, and they gave 2 distinct results" in text
    assert "Distinct results 2 among 50 sets" in text
    assert "better than none of the 50 sets; 25 have exactly that" in text


def test_no_trades_at_all(tmp_path):
    page = page_of(
        tmp_path, {"hold": HOLD, "stop": STOP}, {"hold": 4, "stop": 0.2}, lambda *_: set_of(0.0, 0)
    )
    text = visible(page)
    assert "50 never traded." in text
    assert "No set has a Sharpe ratio" in text
    assert "It has no Sharpe ratio." in text
    charts = drawn(page)
    assert {value for row in charts["pairs"][0]["all"]["sharpe"] for value in row} == {None}
    assert charts["histograms"][1] is None
    assert 'id="sharpe"' not in page


def test_ruin_below_minus_100_percent(tmp_path):
    page = page_of(
        tmp_path,
        {"hold": HOLD, "weight": [1.0, 5.0]},
        {"hold": 4, "weight": 1.0},
        lambda hold, weight: set_of(-0.05 * hold * weight),
    )
    text = visible(page)
    assert "from -250.0 % to -5.0 %" in text
    assert "7 ended in ruin." in text  # 5 × 0.05 × hold ≥ 1 from a hold of 4 on
    assert "7 have none, without trades or after ruin." in text
    surface = drawn(page)["pairs"][0]["all"]
    assert surface["total_return"][1][-1] == -250.0
    assert surface["sharpe"][1][-1] is None


def test_default_outside_of_the_grid(tmp_path):
    page = page_of(tmp_path, {"hold": HOLD, "stop": STOP}, {"hold": 4, "stop": 0.24}, hills)
    text = visible(page)
    assert "The default's stop is not in the grid: the nearest, 0.2, stands in." in text
    assert "The default's stop is not in the grid." in text
    assert drawn(page)["axes"]["1"]["default"] is None
    assert rows(page, "ranked")[8][:3] == ["–", "4", "0.24"]


def test_default_without_a_place_has_no_neighbourhood(tmp_path):
    page = page_of(tmp_path, {"hold": HOLD, "stop": STOP}, {"hold": 4, "stop": None}, hills)
    assert "The default has no place in the grid, nor a near one, along stop." in visible(page)
    assert [row[0] for row in rows(page, "around")[2:]] == ["The default", "All sets"]


def test_one_set(tmp_path):
    page = page_of(tmp_path, {"hold": [4]}, {"hold": 4}, lambda _: set_of(0.1))
    text = visible(page)
    assert "made_up · ACME 1 set tried" in text
    assert "One set was tried." in text
    assert "No set of the grid is one step away from the default." in text
    assert 'id="map"' not in page
    assert (drawn(page)["pairs"], drawn(page)["line"]) == ([], None)


# ---- what it draws ------------------------------------------------------------------------------


def test_pair_of_two_parameters(page):
    charts = drawn(page)
    assert charts["axes"]["0"] == {
        "name": "hold",
        "labels": [str(hold) for hold in HOLD],
        "numbers": [float(hold) for hold in HOLD],
        "sizes": [1] * 10,
        "values": [str(hold) for hold in HOLD],
        "default": 3,
    }
    (pair,) = charts["pairs"]
    assert (pair["x"], pair["y"], pair["others"], pair["fixed"]) == (0, 1, [], None)
    assert pair["all"]["total_return"][1][3] == -16.0
    assert pair["all"]["sharpe"][1][3] == -0.64
    assert pair["all"]["max_drawdown"][4][0] == -54.0
    assert pair["all"]["trades"][0][0] == 6
    assert charts["default"] == {
        "total_return": -16.0, "sharpe": -0.64, "max_drawdown": -21.0, "trades": 6,
    }  # fmt: skip
    assert 'name="others"' not in page


def test_every_pair_of_four_parameters_with_the_others_as_median_or_at_their_defaults(tmp_path):
    page = page_of(
        tmp_path,
        {"hold": [1, 2, 3], "side": ["both", "long"], "stop": [None, 0.1], "first": [True, False]},
        {"hold": 2, "side": "long", "stop": None, "first": True},
        lambda hold, side, stop, first: set_of(
            hold / 10 + (side == "long") / 50 + (stop is None) / 500 + first / 2
        ),
    )
    charts = drawn(page)
    assert [(pair["x"], pair["y"]) for pair in charts["pairs"]] == [
        (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3),
    ]  # fmt: skip
    assert charts["axes"]["2"]["labels"] == ["0.1", "none"]
    assert [axis["default"] for axis in charts["axes"].values()] == [1, 1, 1, 0]
    hold_by_first = charts["pairs"][2]
    assert hold_by_first["others"] == ["side", "stop"]
    # The others add 0, 0.002, 0.02 or 0.022, the last at their defaults.
    assert hold_by_first["all"]["total_return"] == [[61.1, 71.1, 81.1], [11.1, 21.1, 31.1]]
    assert hold_by_first["fixed"]["total_return"] == [[62.2, 72.2, 82.2], [12.2, 22.2, 32.2]]
    assert "Categories have no steps: side, stop, first as in the default." in visible(page)


def test_others_at_their_defaults_are_not_offered_where_the_grid_lacks_one(tmp_path):
    page = page_of(
        tmp_path,
        {"hold": [1, 2], "stop": [0.1, 0.2], "weight": [0.5, 1.0]},
        {"hold": 1, "stop": 0.1, "weight": 0.95},
        hills,
    )
    without_weight, *with_weight = drawn(page)["pairs"]
    assert without_weight["fixed"] is None
    assert None not in [pair["fixed"] for pair in with_weight]


def test_lines_in_the_distribution_stand_where_their_sets_are(tmp_path):
    returns = {3: 0.00811, 5: 0.00816, 8: 0.00833}
    cell = lambda hold: set_of(returns[hold])  # noqa: E731
    page = page_of(tmp_path, {"hold": [*returns]}, {"hold": 5}, cell)
    data = drawn(page)
    assert data["default"]["total_return"] == data["histograms"][0]["median"] == 0.816


def test_one_parameter_is_a_line(tmp_path):
    page = page_of(tmp_path, {"hold": HOLD}, {"hold": 4}, lambda hold: set_of(hold / 100))
    charts = drawn(page)
    assert charts["line"]["total_return"] == [float(hold) for hold in HOLD]
    assert charts["axes"]["0"]["default"] == 3
    assert charts["pairs"] == []
    assert 'id="pair"' not in page
    assert "Along hold" in visible(page)


def test_parameter_with_one_value_is_told_and_not_drawn(tmp_path):
    page = page_of(tmp_path, {"hold": HOLD, "stop": [0.1]}, {"hold": 4, "stop": 0.1}, hills)
    assert list(drawn(page)["axes"]) == ["0"]
    assert "stop has one value only, 0.1, and no chart." in visible(page)


def test_a_thousand_values_are_grouped_and_the_page_says_so(tmp_path):
    page = page_of(
        tmp_path,
        {"hold": list(range(1, 1001)), "stop": [0.1, 0.2]},
        {"hold": 10, "stop": 0.1},
        hills,
    )
    hold = drawn(page)["axes"]["0"]
    assert hold["sizes"] == [10] * 100
    assert (hold["labels"][0], hold["labels"][-1]) == ("1 – 10", "991 – 1000")
    assert (hold["default"], hold["numbers"][0]) == (0, 5.5)
    assert "hold has 1,000 values, shown in 100 groups of neighbours" in visible(page)


def test_distribution_is_counted_with_the_default_in_sight(page):
    returns, sharpes = drawn(page)["histograms"]
    assert sum(returns["counts"]) == sum(sharpes["counts"]) == 50
    assert len(returns["edges"]) == len(returns["counts"]) + 1
    assert returns["edges"][0] <= -49.0
    assert 0.0 in returns["edges"]
    assert returns["median"] == -24.5


@pytest.mark.parametrize("parameters", [2, 3, 6])
def test_page_stays_small_whatever_the_number_of_sets(parameters, tmp_path):
    values = list(range({2: 400, 3: 56, 6: 7}[parameters]))
    folder = write_sweep(tmp_path, {"p0": [0]}, {"p0": 0}, lambda *_: set_of(0.0))
    axes = {f"p{number}": values for number in range(parameters)}
    count = len(values) ** parameters
    noise = np.random.default_rng(1).normal(size=(count, len(FIGURES)))
    sets = pd.DataFrame(noise, columns=FIGURES)
    sets.insert(0, "set", np.arange(count))
    sets.to_parquet(folder / "sets.parquet")
    record = json.loads((folder / "sweep.json").read_text())
    record |= {"axes": axes, "base": dict.fromkeys(axes, 3), "sets": count}
    (folder / "sweep.json").write_text(json.dumps(record))
    assert write_sweep_page(folder, tmp_path).stat().st_size < 500_000


# ---- safety -------------------------------------------------------------------------------------


def test_texts_from_outside_are_escaped(tmp_path):
    page = page_of(
        tmp_path,
        {NASTY: ["<img src=x onerror=alert(1)>", "{{ 7 * 7 }}"], "hold": [1, 2]},
        {NASTY: "{{ 7 * 7 }}", "hold": 1},
        lambda _, hold: set_of(hold / 100),
        strategy=NASTY,
        symbols=[NASTY],
    )
    assert NASTY not in page
    assert "<img" not in page
    assert page.count("<script") == page.count("</script>") == 3
    assert drawn(page)["axes"]["0"]["name"] == NASTY
    assert drawn(page)["axes"]["0"]["labels"][1] == "{{ 7 * 7 }}"
    assert f"{NASTY} · {NASTY}" in visible(page)


def test_page_fetches_nothing_and_runs_its_own_scripts_alone(page):
    assert "http:" not in page
    assert "https:" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})';", policy)[1]
    assert "default-src 'none'" in policy
    scripts = re.findall(r"<script ([^>]*)>", page)
    assert scripts == [
        'type="application/json" id="data"',
        f'nonce="{nonce}" src="../assets/{PLOTLY.name}"',
        f'nonce="{nonce}"',
    ]
    assert set(re.findall(r'href="([^"]*)"', page)) == {
        "data:,", "#main", "../index.html", "sets.parquet", "sweep.json",
    }  # fmt: skip
    assert not re.search(r"\son\w+=", page)


def test_controls_are_labelled(page):
    assert '<label class="above" for="pair">' in page
    assert page.count("<legend>") == page.count("<fieldset>") > 0
    for element in re.findall(r'<div class="chart"[^>]*>', page):
        named = re.search(r'role="img" aria-labelledby="([^"]+)"', element)[1]
        assert f'id="{named}"' in page


def test_a_walk_forward_of_many_events_is_told_by_the_set_that_was_chosen():
    events = [
        {"event_id": f"event {n}", "known": True, "set": n % 2 or None, "return": r, "default": 0.0}
        for n, r in enumerate([0.01, 0.03] * 30)
    ]
    sweep = {
        "evidence": {"walk_forward": {"events": events}},
        "axes": {"hold": [5], "stop": [1, 2]},
    }
    headings, told = walk_forward_table(sweep)
    assert headings[:2] == ("Set chosen", "Events")
    assert told == [
        ["default", "30", "+1.0 %", "0.0 %"],
        ["hold 5, stop 2", "30", "+3.0 %", "0.0 %"],
    ]


def test_the_assumptions_of_a_universe_stand_on_the_page(tmp_path):
    folder = write_sweep(tmp_path, {"hold": HOLD, "stop": STOP}, {"hold": 4, "stop": 0.2}, hills)
    record = folder / "sweep.json"
    sweep = json.loads(record.read_text(encoding="utf-8"))
    record.write_text(json.dumps(sweep | {"assumptions": ["1 of 9 members have no prices: X."]}))
    text = visible(write_sweep_page(folder, tmp_path).read_text(encoding="utf-8"))
    assert "Assumptions 1 of 9 members have no prices: X." in text
