"""The pages of a sweep and of a study: what their charts show, and how they answer."""

from backtest.reports.sweep_page import write_sweep_page
from tests.browser.dom import too_wide
from tests.browser.made_up_reports import NASTY
from tests.browser.pages import figure, hover, settle
from tests.cli.test_study_by_minutes import BOTH, made  # noqa: F401 - a fixture
from tests.sweeps import set_of, write_sweep


def test_a_sweep_page_maps_every_set_and_answers_to_keys(reports, open_page):
    page = open_page(reports.page("sweep-beats-ACME"))
    (heat,), layout = figure(page, "map")
    assert [len(row) for row in heat["z"]] == [8] * 4  # a row for each of the four weights
    frame = layout["shapes"][-1]  # of the default, the third hold and the third weight
    assert [frame[end] for end in ("x0", "x1", "y0", "y1")] == [1.5, 2.5, 1.5, 2.5]

    page.locator("#as-table summary").click()
    page.locator("#as-table td").first.wait_for()
    cells = page.locator("#as-table td").all_inner_texts()
    assert cells == [f"{value:+.1f} %" for row in heat["z"][::-1] for value in row]

    page.locator("#as-table td button").nth(1).click()  # of the upper row the second: hold 2
    command = page.locator("#command code").inner_text().split()
    assert command[:5] == ["backtest", "run", "beats", "--symbol", "ACME"]
    assert command[-4:] == ["--set", "hold=2", "--set", "weight=0.6"]

    page.locator("#metrics input").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_label("Sharpe ratio").first.is_checked()
    assert figure(page, "map")[0][0]["z"] != heat["z"]
    assert page.locator("#caption").inner_text().startswith("Sharpe ratio by hold")


def test_the_command_of_a_cell_sets_a_reaction_by_its_own_option(tmp_path, open_page):
    axes = {"reaction": [1.0, 30.0], "hold": [1, 2]}
    cell = lambda reaction, hold: set_of(reaction / 1000 + hold / 100)  # noqa: E731
    folder = write_sweep(tmp_path, axes, {"reaction": 5.0, "hold": 2}, cell, bars="5m")
    page = open_page(write_sweep_page(folder, tmp_path))
    page.locator("#as-table summary").click()
    page.locator("#as-table td button").nth(1).click()  # of hold 2 the second: half an hour
    command = page.locator("#command code").inner_text()
    assert command.endswith("--reaction 30 --set hold=2")
    assert "--bars 5m" in command
    (heat,), _ = figure(page, "map")
    assert heat["text"][1][1].startswith("reaction 30 min, hold 2<br>")


def test_long_names_of_parameters_fit_a_narrow_screen_and_their_axes(tmp_path, open_page):
    names = [f"share_of_{what}_that_is_kept_after_the_first_reaction" for what in "ab"]
    cell = lambda a, b: set_of(a / 100 + b / 1000)  # noqa: E731
    axes = {name: [1, 2, 3] for name in names}
    folder = write_sweep(tmp_path, axes, dict.fromkeys(names, 2), cell)
    page = open_page(write_sweep_page(folder, tmp_path), width=390)
    assert too_wide(page) == []
    beyond = page.evaluate(
        "[...document.querySelectorAll('#map .xtitle, #map .ytitle')].filter((one) => {"
        " const [title, chart] = [one, one.closest('svg')].map((of) => of.getBoundingClientRect());"
        " return title.top < chart.top || title.bottom > chart.bottom || title.right > chart.right;"
        "}).map((one) => one.textContent)"
    )
    assert beyond == []
    assert page.locator("#map .ytitle").text_content().endswith("…")


def test_a_line_of_a_sweep_crosses_no_label_of_another(tmp_path, open_page):
    axes = {"hold": [*range(1, 11)]}
    folder = write_sweep(tmp_path, axes, {"hold": 8}, lambda hold: set_of(hold / 100))
    page = open_page(write_sweep_page(folder, tmp_path))
    paper = page.evaluate("charts.colour('--paper')")
    labels = figure(page, "total_return")[1]["annotations"]
    assert {one.get("bgcolor") for one in labels if "holding" not in one["text"]} == {paper}


def test_a_study_page_draws_each_event_and_the_mean_of_the_group_chosen(reports, open_page):
    page = open_page(reports.page("study-earnings-ACME"))
    band_and_mean = 3
    assert len(figure(page, "curve")[0]) == 2 + band_and_mean
    assert page.locator("td, th", has_text=NASTY).count() == 1
    assert NASTY in hover(page, "curve", curve=2, point=0)

    rise = figure(page, "curve")[0][3]["y"]
    page.locator("#group").select_option(label="in the expected direction (2)")
    assert figure(page, "curve")[0][3]["y"] == [-value if value else value for value in rise]
    assert "Thick: mean of 2 (in the exp" in page.locator("#caption").inner_text()


def test_names_of_groups_are_whole_beside_their_curves(made, command, open_page):  # noqa: F811
    assert command("study", "short_report", *BOTH).code == 0
    (path,) = made.root.glob("reports/study-short_report-*/index.html")
    page = open_page(path, width=390)
    page.evaluate(
        "const [curve] = charts.data.curves; curve.name = '-8,928.6 % to +1,600.0 %';"
        "curve.mean = curve.mean.fill(0.1)"
    )
    page.set_viewport_size({"width": 380, "height": 900})
    settle(page)
    edges = "(all) => all.map((one) => one.getBoundingClientRect().right)"
    assert max(page.locator("#curve .annotation-text").evaluate_all(edges)) < 380 - 16


def test_a_study_by_minutes_is_drawn_with_volume_and_range_beside_it(made, command, open_page):  # noqa: F811
    assert command("study", "short_report", *BOTH).code == 0
    (path,) = made.root.glob("reports/study-short_report-*/index.html")
    page = open_page(path)
    (_, _, mean, ends), layout = figure(page, "by-minute")
    assert mean["x"] == list(range(-30, 125, 5))
    values = dict(zip(mean["x"], mean["y"], strict=True))
    assert (values[0], round(values[5], 4)) == (0, -0.4348)  # of two stocks one fell, 1 of 115
    assert [round(end, 2) for end in ends["y"]] == [-0.07, 0.44]
    assert layout["xaxis"]["ticktext"][-2:] == ["close", "next<br>open"]
    assert hover(page, "by-minute", curve=2, point=7) == "-0.43 % by minute +5 2 events"
    assert [line["name"] for line in figure(page, "multiples")[0]] == ["Volume", "Range"]
    assert page.locator("details table").is_hidden()
    page.locator("summary", has_text="The figures by minute").click()
    assert page.locator("details tbody tr").last.inner_text().split("\t")[:3] == [
        "next open",
        "2",
        "+0.44 %",
    ]
    page.set_viewport_size({"width": 390, "height": 900})
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
