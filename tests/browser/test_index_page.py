"""The index: every report, newest first, narrowed by what readers look for."""

import json

import pytest

from tests.browser.made_up_reports import COMPARED
from tests.browser.pages import column

RECORDS = {
    "run": "run", "comparison": "compare", "sweep": "sweep", "study": "study", "audit": "audit",
}  # fmt: skip


@pytest.fixture
def page(reports, open_page):
    return open_page(reports.page("index.html"))


@pytest.fixture
def found(reports):
    """What each report is, and its record."""
    return [
        (what, json.loads(path.read_text()))
        for what, name in RECORDS.items()
        for path in reports.root.glob(f"*/{name}.json")
    ]


def test_every_report_is_listed_newest_first(page, found):
    assert sorted(column(page, "reports", "What")) == sorted(what for what, _ in found)
    made = column(page, "reports", "Made (UTC)")
    assert made == sorted(made, reverse=True)
    assert page.locator("#reports tbody a").count() >= len(found)


def test_it_is_narrowed_by_strategy_symbol_kind_words_and_day(page, found):
    shown = page.locator("#reports tbody tr:visible")
    told = page.locator("output")

    page.get_by_label("Strategy or events").select_option("bear")
    bears = [one for _, one in found if "bear" in (one.get("strategy"), *one.get("strategies", ()))]
    assert shown.count() == len(bears)
    assert told.inner_text() == f"{len(bears)} of {len(found)} shown"
    page.get_by_label("Symbol").select_option("BOOM")
    assert shown.count() == len([record for record in bears if "BOOM" in record["symbols"]])

    page.get_by_label("Strategy or events").select_option("")
    page.get_by_label("Symbol").select_option("")
    page.get_by_label("What").select_option("study")
    assert set(column(page, "reports", "What")) == {"study"}
    page.get_by_label("What").select_option("")
    page.get_by_label("Search").fill("SWEEP beats")
    assert shown.count() == len([what for what, r in found if what == "sweep"])

    page.get_by_label("Search").fill("")
    page.get_by_label("to", exact=True).fill("2020-01-01")
    assert shown.count() == 0
    page.get_by_label("to", exact=True).fill("")
    page.get_by_label("Made from").fill("2020-01-01")
    assert shown.count() == len(found)


def test_runs_that_are_ticked_are_compared(page, reports):
    command = page.locator("#command")
    assert command.is_hidden()
    ids = [
        json.loads((reports.folder(f"{name}-ACME") / "run.json").read_text())["run_id"]
        for name in COMPARED
    ]
    page.locator(f"tr[data-runs='{ids[0]}'] input").check()
    assert command.locator("code").inner_text() == f"backtest compare {ids[0]}"
    assert command.locator("a").count() == 0
    for one in ids[1:]:
        page.locator(f"tr[data-runs='{one}'] input").check()
    assert set(command.locator("code").inner_text().split()[2:]) == set(ids)
    command.locator("a").click()  # of these there is a comparison
    page.locator("h1", has_text=f"{len(ids)} runs side by side").wait_for()


def test_a_report_is_one_click_away(page, reports):
    link = page.locator("#reports tr", has_text="BOOM").locator("a", has_text="mixed").first
    link.focus()
    page.keyboard.press("Enter")
    page.locator("h1", has_text="mixed · ACME, BOOM").wait_for()
