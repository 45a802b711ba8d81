"""A run by finer bars: those of the session of what is chosen, and what speed is worth."""

from tests.browser.pages import settle
from tests.cli.test_imported_bars import RUN, five_minute_bars, report  # noqa: F401 - a fixture


def page_of(made, command, open_page, *more, width=1440):
    assert command(*RUN, *more).code == 0
    (path,) = (made.root / "reports").glob("short_report-*/index.html")
    return open_page(path, width=width)


def test_the_bars_of_the_session_that_is_chosen_are_drawn(command, report, open_page):  # noqa: F811
    page = page_of(report("2025-06-05T10:15:00"), command, open_page)
    assert page.locator("#minutes").is_hidden()
    page.locator("#trades tbody button").first.click()
    settle(page)
    assert page.locator("#minutes h3").inner_text().startswith("ACME on 2025-06-05, by the bars")
    data, layout = page.evaluate(
        "() => { const c = document.querySelector('#minutes .chart'); return [c.data, c.layout]; }"
    )
    wicks, bodies, fills = data
    assert (wicks["x"][0], wicks["x"][-1], len(wicks["x"])) == ("09:30", "15:55", 78)
    assert (wicks["base"][0], wicks["y"][0]) == (101, 4)  # of a first bar from 101 to 105
    assert (bodies["base"][-1], bodies["y"][-1]) == (103, 1)  # it closes a dollar above its open
    assert (fills["x"], fills["y"]) == (["10:25"], [102.95])  # it leaves two sessions later
    assert fills["marker"]["symbol"] == ["triangle-down"]
    (line,) = layout["shapes"]
    assert line["x0"] == 9.5  # between the bars of 10:15 and 10:20
    assert layout["annotations"][0]["text"] == "public 10:15"


def test_the_bars_of_an_evening_are_those_of_the_session_that_opens_next(
    command,
    report,  # noqa: F811
    open_page,
):
    head, *bars = five_minute_bars().splitlines()
    bars += [f"2025-06-05 16:{minute}:00,104,104,104,104,5" for minute in ("05", 10, 15, 20)]
    text = "\n".join([head, *sorted(bars)])
    made = report("2025-06-05T16:05:00", bars=text, more=("--stamped", "open"))
    page = page_of(made, command, open_page, "--hours", "extended")
    page.locator("#trades tbody button").first.click()
    settle(page)
    assert page.locator("#minutes h3").inner_text().startswith("ACME on 2025-06-06, by the bars")
    data, layout = page.evaluate(
        "() => { const c = document.querySelector('#minutes .chart'); return [c.data, c.layout]; }"
    )
    assert (data[2]["x"], data[2]["text"]) == (["2025-06-05 16:15"], ["entry"])
    assert data[0]["x"][3:5] == ["2025-06-05 16:20", "09:30"]
    assert layout["shapes"][0]["x0"] == 0.5  # between the bars of 16:05 and 16:10
    assert layout["annotations"][0]["text"] == "public 2025-06-05 16:05"
    ticks = page.locator("#minutes .xtick text").all_text_contents()
    assert ticks[0] == "16:05"


def test_what_speed_is_worth_is_a_table(command, report, open_page):  # noqa: F811
    page = page_of(report("2025-06-05T10:15:00"), command, open_page, width=390)
    table = page.locator("section[aria-labelledby=speed] tbody tr")
    assert [row.locator("th").inner_text() for row in table.all()] == [
        "0 min", "1 min", "5 min (this run)", "30 min", "60 min", "the next open",
    ]  # fmt: skip
    assert "2025-06-05 10:25" in page.locator("#trades").inner_text()
    assert "2025-06-05 10:25" in page.locator("#decisions").inner_text()
