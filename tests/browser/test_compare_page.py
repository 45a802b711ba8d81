"""The comparison page: one chart in three scales, the best of each row, events by strategies."""

import json

import pytest

from tests.browser.made_up_reports import COMPARED, NASTY
from tests.browser.pages import beside, figure, rows, settle

CASH = 100_000


@pytest.fixture
def page(reports, open_page):
    page = open_page(reports.page("compare.html"))
    page.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
    return page


def test_the_scale_of_the_chart_is_money_percent_or_log(page, reports):
    folders = [reports.folder(f"{name}-ACME") for name in COMPARED]
    ends = [float(rows(folder / "equity.csv")[-1]["equity"]) for folder in folders]
    for scale, form, axis in (
        ("money", lambda equity: equity, "linear"),
        ("percent", lambda equity: 100 * (equity / CASH - 1), "linear"),
        ("log", lambda equity: equity / CASH, "log"),
    ):
        page.get_by_label(scale, exact=True).check(force=True)
        traces, layout = figure(page, "curves")
        upper = [trace["y"][-1] for trace in traces if trace.get("yaxis", "y") == "y"]
        assert upper[: len(ends)] == pytest.approx([form(end) for end in ends], rel=1e-4, abs=0.01)
        assert layout["yaxis"]["type"] == axis

    page.get_by_label("owner").uncheck()
    assert len(figure(page, "curves")[0]) == len(traces) - 2  # its equity and its drawdown


def test_a_curve_stands_out_when_its_row_is_pointed_at(page):
    page.locator("#overview tr", has_text="owner").hover()
    owner = COMPARED.index("owner")
    traces = figure(page, "curves")[0]
    assert {trace["meta"] for trace in traces if trace["opacity"] == 1} == {owner}
    page.locator("h1").hover()
    assert {trace["opacity"] for trace in figure(page, "curves")[0]} == {1}


def test_each_curve_is_named_where_it_ends(page):
    texts = {one["text"] for one in figure(page, "curves")[1]["annotations"]}
    assert {*COMPARED, "INDX benchmark"} <= texts


def test_the_essentials_of_all_runs_fit_a_screen(reports, open_page):
    page = open_page(reports.page("compare.html"))
    for part in ("#overview", "#curves"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] < 900
    points, _ = figure(page, "risk")
    assert len(points[0]["x"]) == len(COMPARED) + 2
    assert page.locator("#correlations").is_hidden()


def test_runs_are_named_beside_their_marks_however_often_they_are_drawn(page):
    for width in (390, 1440, 390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        shown, given = beside(page, "risk")
        assert shown == given
    assert given


def test_the_names_of_the_matrix_stay_in_sight_on_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    inside = """() => {
      const box = document.getElementById("matrix").parentElement;
      box.scrollTo(80, 400);
      const place = (one) => one.getBoundingClientRect();
      const shown = (one) => one.getClientRects().length;
      const all = [...document.querySelectorAll("#matrix tbody th, #matrix thead th")];
      return all.filter(shown).every((one) =>
        one.closest("thead") ? Math.abs(place(one).top - place(box).top) < 2
          : Math.abs(place(one).left - place(box).left) < 2);
    }"""
    assert page.evaluate(inside)


def test_what_rounds_to_zero_has_no_sign(page):
    told = page.evaluate("[0, -0.04, 0.04, 0.06, -1234.5].map((value) => charts.signed(value, 1))")
    assert told == ["0.0", "0.0", "0.0", "+0.1", "-1,234.5"]


def test_every_row_of_figures_marks_its_best(page):
    marked = dict(
        page.evaluate(
            """[...document.querySelectorAll("#figures tbody:first-of-type tr")].map((row) =>
              [row.cells[0].textContent, [...row.cells].flatMap((cell, place) =>
                cell.classList.contains("best") ? [place] : [])])"""
        )
    )
    owner = COMPARED.index("owner") + 1  # holds a stock that rises by a dollar each session
    assert marked["Total return"] == marked["Final equity $"] == [owner]
    assert marked["Exposure"] == []  # more is not better
    falling = COMPARED.index("mixed") + 1
    assert marked["Max drawdown"] == [place for place in (1, 2, 3, 4) if place != falling]


def test_the_matrix_holds_a_profit_for_each_trade_of_an_event(page, reports):
    profits = [
        float(trade["net_profit"])
        for name in COMPARED
        for trade in rows(reports.folder(f"{name}-ACME") / "trades.csv")
    ]
    cells = page.locator("#matrix tbody td.n[data-v]:not([data-v=''])").all()
    shown = [float(cell.get_attribute("data-v")) for cell in cells]
    assert sorted(shown) == pytest.approx(sorted(profits), abs=0.01)
    assert page.locator("#matrix tbody th", has_text=NASTY).count() == 1

    hidden = page.locator("#matrix tbody tr:not(:visible)").count()
    page.get_by_label("also events that nobody traded").check()
    assert hidden > 0
    assert page.locator("#matrix tbody tr:not(:visible)").count() == 0


def test_a_word_without_end_pushes_no_figure_out_of_sight(page):
    beyond = """() => {
      document.querySelector("#matrix tbody .wide").textContent = "A".repeat(400);
      const box = document.getElementById("matrix").parentElement;
      return box.scrollWidth - box.clientWidth;
    }"""
    assert page.evaluate(beyond) <= 0


def test_the_sums_of_the_matrix_are_printed_once(page):
    page.emulate_media(media="print")  # the foot of a table is repeated on every sheet
    foot = "getComputedStyle(document.querySelector('#matrix tfoot')).display"
    assert page.evaluate(foot) == "table-row-group"


def test_what_is_folded_on_the_screen_is_open_on_paper(page):
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = false; })")
    is_seen = "document.getElementById('figures').checkVisibility()"
    assert not page.evaluate(is_seen)
    page.emulate_media(media="print")
    assert page.evaluate(is_seen)


def test_returns_are_correlated_both_ways_alike_and_differences_are_named(page, reports):
    table = page.evaluate(
        """[...document.querySelectorAll("#correlations tbody tr")].map((row) =>
          [...row.querySelectorAll("td")].map((cell) => cell.textContent))"""
    )
    assert table == [list(column) for column in zip(*table, strict=True)]
    assert {table[n][n] for n in (0, 1, 3)} == {"1.00"}  # one of them never trades
    manifest = json.loads((reports.folder("beats-ACME") / "run.json").read_text())
    told = page.locator("#parameters tr", has_text="hold").inner_text()
    assert str(manifest["parameters"]["hold"]) in told.split()


@pytest.mark.parametrize("first", ["2025-06-02", "2024-06-02", "2022-06-02", "2010-06-02"])
def test_dates_are_whole_on_a_phone_however_long_the_span(first, reports, open_page):
    page = open_page(reports.page("compare.html"), width=390)
    page.evaluate(
        "(first) => Plotly.relayout('curves', { 'xaxis.range': [first, '2025-07-15'] })", first
    )
    settle(page)
    cut = page.evaluate(
        """() => {
          const chart = document.getElementById("curves").getBoundingClientRect();
          const ticks = [...document.querySelectorAll("#curves .xaxislayer-above text")];
          const boxes = ticks.map((one) => one.getBoundingClientRect());
          const meet = (one, other) => other.left < one.right && one.left < other.right;
          const cut = ticks.filter((_, n) => boxes[n].bottom > chart.bottom + 1 ||
            boxes.some((other, m) => m > n && meet(boxes[n], other)));
          return [ticks.length > 1, cut.map((one) => one.textContent)];
        }"""
    )
    assert cut == [True, []]
