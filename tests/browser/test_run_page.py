"""The page of a run: the chart holds what the files hold; chart and tables lead to each other."""

import re
import shutil

import pytest

from backtest.experiments.runs.store import Run, read_run
from backtest.reports import charts
from backtest.reports.run_page import write_run_page
from tests.browser.dom import too_wide, unlabelled
from tests.browser.made_up_reports import NASTY
from tests.browser.pages import at, beside, column, figure, hover, rows, settle
from tests.made_up import ACME, EARNINGS, SESSIONS, do

TRADED = ("enter", "renew", "reverse")
BEAT = "earnings-20250604-54bd86"


@pytest.mark.parametrize("run", ["mixed-ACME", "mixed-ACME+BOOM", "never-ACME"])
def test_the_chart_shows_every_event_trade_and_level_of_the_files(run, reports, open_page):
    folder = reports.folder(run)
    page = open_page(folder / "index.html")
    events, trades, stops, limits = {}, [], set(), set()
    for symbol in page.locator("#symbol option").all():
        page.locator("#symbol").select_option(symbol.get_attribute("value"), force=True)
        traces, layout = figure(page, "story")
        for trace in traces:
            if trace.get("meta") == "events":
                events |= dict(zip(trace["customdata"], trace["marker"]["symbol"], strict=True))
        trades += [one for one in layout["shapes"] if one.get("name", "").startswith("trade ")]
        stops |= _levels(traces, "stop")
        limits |= _levels(traces, "limit")

    decisions = rows(folder / "decisions.csv")
    assert set(events) == {row["event_id"] for row in decisions}
    hollow = {event for event, symbol in events.items() if symbol.endswith("-open")}
    assert hollow == {row["event_id"] for row in decisions if row["action"] not in TRADED}
    assert len(trades) == len(rows(folder / "trades.csv"))
    for drawn, kind in ((stops, "stop"), (limits, "limit")):
        orders = [row for row in rows(folder / "orders.csv") if row["type"] == kind]
        assert drawn == {round(float(row["price"]), 2) for row in orders}


def _levels(traces, name):
    (trace,) = [one for one in traces if one.get("meta") == name]
    return {round(level, 2) for level in trace["y"] if level is not None}


@pytest.mark.parametrize("symbol", ["ACME", "BOOM"])
def test_a_candle_stands_for_each_bar_filled_where_the_price_fell(symbol, reports, open_page):
    folder = reports.folder("mixed-ACME+BOOM")
    page = open_page(folder / "index.html")
    page.locator("#symbol").select_option(label=symbol, force=True)
    traces, layout = figure(page, "story")
    (bodies,) = [one for one in traces if one.get("meta") == "candles"]
    wicks = "".join(one["path"] for one in layout["shapes"] if one["type"] == "path")
    ends = sorted(
        (int(place), low, high)
        for place, low, high in re.findall(r"M(\d+),([\d.]+)L\d+,([\d.]+)", wicks)
    )
    ends = [(low, high) for _, low, high in ends]
    drawn = zip(bodies["base"], bodies["y"], ends, strict=True)

    bars = [row for row in rows(folder / "bars.csv") if row["symbol"] == symbol]
    prices = [[float(bar[name]) for name in ("open", "close", "low", "high")] for bar in bars]
    assert [[base, base + y, *map(float, low_high)] for base, y, low_high in drawn] == prices
    filled = page.locator("#story .xy2 .barlayer path").evaluate_all(
        """(all) => all.filter((one) => one.getBBox().width > 1) // also where no price moved
          .map((one) => getComputedStyle(one))
          .filter(({ strokeWidth, stroke }) => strokeWidth === "1px" && stroke !== "none")
          .map(({ fill }) => fill !== getComputedStyle(document.body).backgroundColor)"""
    )
    assert filled == [close < start for start, close, *_ in prices]


def test_a_phone_shows_a_long_label_and_every_title_of_the_chart_whole(
    checkout, open_page, monkeypatch
):
    monkeypatch.setattr(charts, "MOST_BARS", 20)  # of 21 weeks
    for symbol in ("ACMF", "ACMG"):
        checkout.write(f"data/prices/{symbol}.csv", ACME)
    run = do(checkout, symbols=("ACME", "ACMF", "ACMG"))
    label = "extended hours, from 2025-03-22 to 2025-07-15, by bars of 5 minutes"
    (run.path / "label").write_text(label)
    page = open_page(write_run_page(run), width=390)
    assert too_wide(page) == []
    beyond = page.locator("#story .annotation-text").evaluate_all(
        "(all) => all.filter((one) => one.getBoundingClientRect().right > innerWidth - 16)"
        ".map((one) => one.textContent)"
    )
    assert beyond == []
    assert "no chart here (1);" in page.locator("#how").inner_text()


def test_no_letter_stands_for_a_thousandth_as_m_is_read_as_a_million(checkout, open_page):
    checkout.write("data/prices/ACME.csv", re.sub(r",\d+$", ",0", ACME, flags=re.MULTILINE))
    page = open_page(write_run_page(do(checkout)))
    assert page.locator("#story .y3tick").all_text_contents() == ["0", "0.5", "1"]


def test_axes_tell_thousands_millions_and_billions(checkout, open_page):
    many = re.sub(r",\d+$", ",40000000", ACME, flags=re.MULTILINE)
    checkout.write("data/prices/ACME.csv", many)
    page = open_page(write_run_page(do(checkout, rules={"cash": 2e9})))
    for ticks, letter in (("y3tick", "M"), ("y4tick", "B")):  # shares, dollars
        texts = page.locator(f"#story .{ticks}").all_text_contents()
        assert {text[-1] for text in texts if text != "0"} == {letter}
    page = open_page(write_run_page(do(checkout)))
    assert {text[-1] for text in page.locator("#story .y4tick").all_text_contents()} == {"k"}


def test_figures_beside_the_months_are_whole_whatever_the_strategy_is_called(checkout, open_page):
    source = (checkout.workspace.strategies / "beats.py").read_text()
    checkout.write("strategies/trend_after_beats.py", source.replace("Beats", "TrendAfterBeats"))
    page = open_page(write_run_page(do(checkout, "trend_after_beats")), width=1200)
    assert (
        page.locator(".figures thead").inner_text().replace("\n", "").count("trend_after_beats")
        == 1
    )
    hidden = page.locator(".figures").evaluate(
        "(table) => table.parentElement.scrollWidth - table.parentElement.clientWidth"
    )
    assert hidden == 0


def test_a_marker_tells_its_event_and_leads_to_its_rows(reports, open_page):
    page = open_page(reports.page("mixed-ACME"))
    curve, point = _marker(page, BEAT)
    assert NASTY in hover(page, "story", curve, point)

    place = at(page, "story", curve, point)
    page.mouse.move(*place)
    page.locator("#story .hoverlayer text").first.wait_for()
    page.mouse.click(*place)
    assert page.locator("#event h3").inner_text() == NASTY
    picked = page.locator("tr.picked")
    assert [row.get_attribute("data-event") for row in picked.all()] == [BEAT, BEAT]
    assert page.locator("#decisions tr.picked").count() == 1


def test_a_row_moves_the_chart_by_keys_alone(reports, open_page):
    page = open_page(reports.page("mixed-ACME"))
    whole = figure(page, "story")[1]["xaxis"]["range"]
    row = page.locator("#trades tbody tr[data-trade='2']")
    page.locator("#trades thead button").last.focus()
    while not row.evaluate("(one) => one.contains(document.activeElement)"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    first, last = figure(page, "story")[1]["xaxis"]["range"]
    assert last - first < whole[1] - whole[0]
    assert "news" in page.locator("#event").inner_text()
    assert row.get_attribute("class") == "picked"
    page.locator("#whole").click()
    assert figure(page, "story")[1]["xaxis"]["range"] == whole


def test_the_dates_and_what_was_chosen_are_seen_without_scrolling(reports, open_page):
    page = open_page(reports.page("mixed-ACME"))
    dates = page.locator("#story .xaxislayer-above text").first.bounding_box()
    assert dates["y"] + dates["height"] < 900
    page.emulate_media(reduced_motion="reduce")  # it scrolls at once
    page.locator("#trades tbody button").nth(1).click()
    settle(page)
    page.emulate_media(reduced_motion="no-preference")
    card = page.locator("#event").bounding_box()
    assert 0 <= card["y"] < card["y"] + card["height"] <= 900
    page.set_viewport_size({"width": 390, "height": 844})  # a phone has it at its foot
    page.locator("#story").scroll_into_view_if_needed()
    settle(page)
    card = page.locator("#event").bounding_box()
    assert card["y"] + card["height"] <= 844


def test_the_view_is_moved_by_the_strip_and_headlines_stand_beside_their_markers(
    reports, open_page
):
    page = open_page(reports.page("mixed-ACME"))
    assert not any("text" in one for one in figure(page, "story")[0] if one.get("meta") == "events")
    first, last = figure(page, "story")[1]["xaxis"]["range"]
    thumb = page.get_by_label("Last bar in view")
    for _ in range(8):
        thumb.press("ArrowLeft")
    moved = figure(page, "story")[1]["xaxis"]["range"]
    assert moved[0] == first
    assert last - 9 < moved[1] < last - 6
    texts = [
        text.strip()
        for trace in figure(page, "story")[0]
        if trace.get("meta") == "events"
        for text in trace["text"]
        if text.strip()
    ]
    assert texts
    box = page.locator("#strip i").bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 10)
    page.mouse.up()
    later = figure(page, "story")[1]["xaxis"]["range"]
    assert later[0] > moved[0]
    assert later[1] - later[0] == pytest.approx(moved[1] - moved[0])
    page.locator("#whole").click()
    assert figure(page, "story")[1]["xaxis"]["range"] == [first, last]


def test_headlines_stand_beside_their_markers_whatever_was_chosen_before(checkout, open_page):
    head, beat, _ = EARNINGS.splitlines()
    beats = [
        beat.replace("06-04", day[5:]).replace("2024Q4", f"20{n:02}Q4")
        for n, day in enumerate(SESSIONS[1::3])
    ]
    checkout.write("data/events/earnings.csv", "\n".join([head, *beats, ""]))
    page = open_page(write_run_page(do(checkout)))
    counts = []
    for row in page.locator("#decisions tbody button").all():
        row.click()
        counts.append(beside(page, "story"))
    assert any(given for _, given in counts)
    assert [shown for shown, _ in counts] == [given for _, given in counts]


def test_prices_are_drawn_by_equal_growth_too(reports, open_page):
    folder = reports.folder("mixed-ACME")
    page = open_page(folder / "index.html")
    page.get_by_label("log", exact=True).check(force=True)
    axis = figure(page, "story")[1]["yaxis2"]
    assert axis["type"] == "log"
    bars = [row for row in rows(folder / "bars.csv") if row["symbol"] == "ACME"]
    low, high = (10**end for end in axis["range"])
    assert low < min(float(bar["low"]) for bar in bars)
    assert high > max(float(bar["high"]) for bar in bars)
    page.get_by_label("linear", exact=True).check(force=True)
    assert figure(page, "story")[1]["yaxis2"]["type"] == "linear"


def test_each_trade_shows_how_far_it_went_and_leads_to_its_row(reports, open_page):
    folder = reports.folder("mixed-ACME")
    page = open_page(folder / "index.html")
    worst, best, end = figure(page, "excursions")[0]
    trades = rows(folder / "trades.csv")
    for trace, column_ in ((worst, "mae"), (best, "mfe")):
        assert trace["y"] == pytest.approx([float(row[column_]) for row in trades], abs=1e-5)
    assert all(
        low <= value <= high
        for low, value, high in zip(worst["y"], end["y"], best["y"], strict=True)
    )
    assert "MAE" in hover(page, "excursions", 2, 0)


def test_the_months_of_a_run_multiply_to_its_year(reports, open_page):
    page = open_page(reports.page("mixed-ACME"))
    year, *months, whole, held, market = (
        page.locator(".months tbody tr").first.locator("th, td").all_inner_texts()
    )
    assert (year, len(months)) == ("2025", 12)
    assert [n for n, text in enumerate(months, 1) if text] == [6, 7]
    grown = (1 + float(months[5]) / 100) * (1 + float(months[6]) / 100) - 1
    assert float(whole.removesuffix(" %")) == pytest.approx(100 * grown, abs=0.06)
    # Of one year it is the whole of both: ACME from 100 to 130, the benchmark 2 % up.
    names = page.locator(".months thead th").all_inner_texts()[-2:]
    assert dict(zip(names, (held, market), strict=True)) == {
        "ACME held": "+30.0 %",
        "INDX": "+2.0 %",
    }


def test_the_figures_that_traders_look_for_are_told(reports, open_page):
    page = open_page(reports.page("mixed-ACME"))
    tiles = dict(
        zip(
            page.locator(".tiles.small dt").all_inner_texts(),
            page.locator(".tiles.small dd").all_inner_texts(),
            strict=True,
        )
    )
    profits = [
        float(row["net_profit"]) for row in rows(reports.folder("mixed-ACME") / "trades.csv")
    ]
    signs = "".join("+" if profit > 0 else "-" for profit in profits)
    assert int(tiles["Winning streak"]) == max(map(len, signs.split("-")))
    assert int(tiles["Losing streak"]) == max(map(len, signs.split("+")))
    assert ("SQN" in tiles) == (len(profits) > 5)


def test_on_paper_headings_repeat_and_no_control_stands(reports, open_page):
    page = open_page(reports.page("mixed-ACME"))
    page.emulate_media(media="print")
    assert page.locator("#decisions").is_visible()
    assert page.locator("button:visible:not(table *), select:visible, input:visible").count() == 0
    # A button is a box of its own, which Chromium leaves out of headings that repeat.
    buttons = (
        "[...document.querySelectorAll('thead button')].map((one) => getComputedStyle(one).display)"
    )
    assert set(page.evaluate(buttons)) == {"contents"}


def test_a_table_that_goes_on_says_so_and_filters_fold_on_a_phone(reports, open_page):
    page = open_page(reports.page("mixed-ACME"))
    assert page.locator("#decisions-title ~ details.filters").get_attribute("open") is not None
    page = open_page(reports.page("mixed-ACME"), width=390)
    assert page.locator("form[data-narrows=trades]").is_hidden()
    page.locator("#trades-title ~ details.filters summary").click()
    assert page.locator("form[data-narrows=trades]").is_visible()
    more = page.locator("#trades-title ~ .more").first
    assert "→ more columns" in more.text_content()
    page.locator("#trades").evaluate("(table) => table.parentElement.scrollTo(9999, 9999)")
    settle(page)
    assert more.text_content().strip() == ""
    first = page.locator("#trades tbody th").first.bounding_box()
    assert first["x"] == page.locator("#trades").evaluate(
        "(table) => table.parentElement.getBoundingClientRect().left"
    )


def test_a_word_that_needs_it_is_explained(reports, open_page):
    page = open_page(reports.page("mixed-ACME"))
    word = page.locator("abbr", has_text="Sortino").first
    assert "only losses count" in word.get_attribute("title")
    words = page.locator("abbr").all_inner_texts()
    assert {"p-value", "MAE", "MFE"} <= set(words)


def test_tables_are_sorted_by_number_and_narrowed(reports, open_page):
    folder = reports.folder("mixed-ACME")
    page = open_page(folder / "index.html")
    profits = sorted(float(row["net_profit"]) for row in rows(folder / "trades.csv"))
    heading = page.locator("#trades th", has_text="Net $")
    heading.locator("button").focus()
    for keys, order in (("Enter", "ascending"), ("Space", "descending")):
        page.keyboard.press(keys)
        assert heading.get_attribute("aria-sort") == order
        shown = [float(value) for value in column(page, "trades", "Net $")]
        assert shown == pytest.approx(profits if order == "ascending" else profits[::-1], abs=0.01)

    page.locator("#decisions th", has_text="Kind").locator("button").click()
    kinds = column(page, "decisions", "Kind")  # by their names, not by their signs
    assert kinds == sorted(kinds)
    assert len(set(kinds)) > 2

    decisions = rows(folder / "decisions.csv")
    told = page.locator("form[data-narrows=decisions] output")
    assert told.inner_text() == f"{len(decisions)} shown"
    page.emulate_media(media="print")
    assert not told.is_visible()  # of a whole table paper says nothing
    page.emulate_media(media="screen")
    page.locator("form[data-narrows=decisions] select[name=action]").select_option("enter")
    traded = [row for row in decisions if row["action"] == "enter"]
    assert told.inner_text() == f"{len(traded)} of {len(decisions)} shown"
    page.emulate_media(media="print")
    assert told.is_visible()
    page.emulate_media(media="screen")
    assert page.locator("#decisions tbody tr:visible").count() == len(traded)
    page.locator("form[data-narrows=decisions] input[type=search]").fill("<script> BEAT")
    assert page.locator("#decisions tbody tr:visible").count() == 1


def test_the_tear_sheet_is_one_click_away_and_leads_back(reports, open_page):
    page = open_page(reports.page("beats-ACME"))
    page.get_by_role("link", name="tear sheet").click()
    page.locator("h2", has_text="Key Performance Metrics").wait_for()
    assert page.locator("figure svg").count() > 5
    page.set_viewport_size({"width": 390, "height": 844})
    settle(page)
    assert too_wide(page) == []
    assert unlabelled(page) == []
    letters = "(all) => all.map((one) => one.getBoundingClientRect().height)"
    assert min(page.locator("svg text:visible").evaluate_all(letters)) > 9
    name = page.locator("th", has_text="ACME held").first  # of many symbols it is longer
    assert name.evaluate("(one) => getComputedStyle(one).whiteSpace") == "normal"
    page.get_by_role("link", name="← Run").click()
    page.locator("#story").wait_for()


def _marker(page, event):
    """The curve and the point of an event's marker."""
    for number, trace in enumerate(figure(page, "story")[0]):
        if event in trace.get("customdata", ()) and trace["meta"] == "events":
            return number, trace["customdata"].index(event)
    raise AssertionError(event)


def test_the_run_stands_among_the_accounts_that_trade_at_random_times(reports, tmp_path, open_page):
    shutil.copytree(reports.folder("mixed-ACME"), tmp_path / "a-run")
    run = read_run(tmp_path / "a-run")
    timing = {
        "histogram": {"first": -0.1, "step": 0.1, "counts": [1, 4, 2]},
        "sharpe": {"observed": 0.06},
    }
    evidence = {**run.manifest["evidence"], "random_timing": timing}
    page = open_page(write_run_page(Run(run.path, {**run.manifest, "evidence": evidence})))
    (bars,), layout = figure(page, "null")
    assert bars["x"] == pytest.approx([-0.05, 0.05, 0.15])
    assert bars["y"] == [1, 4, 2]
    first, second, third = bars["marker"]["color"]  # by their middles
    assert first == second != third
    assert layout["shapes"][0]["x0"] == 0.06
    assert hover(page, "null", 0, 1) == "0.00 to 0.10: 4 accounts"


def test_the_strip_shows_the_whole_span_across_its_width(reports, open_page):
    page = open_page(reports.page("mixed-ACME"))
    widths = page.evaluate(
        "['#strip', '#strip svg'].map((one) => document.querySelector(one).clientWidth)"
    )
    assert widths[0] == widths[1] > 500
