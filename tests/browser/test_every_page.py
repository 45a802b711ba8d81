"""What holds for every page: whole and quiet from disk, small, told to all, on any screen."""

import re
from urllib.parse import unquote

import pytest

from tests.browser.dom import pale, texts, too_wide, unlabelled
from tests.browser.pages import settle

PAGES = (
    "mixed-ACME", "mixed-ACME+BOOM", "never-ACME", "bear-BOOM", "compare.html", "index.html",
    "sweep-beats-ACME", "study-earnings-ACME",
    "audit-never-ACME",
)  # fmt: skip
WITHOUT_CHARTS = {"index.html", "audit-never-ACME"}
PRINTED_WIDTH = 700


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_told_to_all_on_any_screen(name, reports, open_page):
    place = reports.page(name)
    page = open_page(place)
    assert place.stat().st_size < 500_000
    assert (page.locator(".chart .main-svg").count() == 0) == (name in WITHOUT_CHARTS)
    assert page.locator("#no-charts:visible").count() == 0
    assert [one for one in _addresses(page) if not (place.parent / one).exists()] == []
    assert unlabelled(page) == []
    assert pale(page) == []
    on_screen = texts(page)
    headlines = page.locator("td, th", has_text="A <script>alert(1)</script> beat")
    breaks = "(all) => all.map((one) => getComputedStyle(one).overflowWrap)"
    assert {*headlines.evaluate_all(breaks)} <= {"anywhere"}  # however long its words are

    page.set_viewport_size({"width": 390, "height": 844})
    settle(page)
    assert too_wide(page) == []
    page.emulate_media(color_scheme="dark")
    settle(page)
    assert pale(page) == []
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert pale(page) == []
    assert texts(page) == on_screen
    assert set(_widths(page)) <= {PRINTED_WIDTH}


def test_a_page_opens_dark_on_a_narrow_screen(reports, open_page):
    place = reports.page("mixed-ACME")
    dark = open_page(place, width=390, dark=True)
    assert too_wide(dark) == []
    assert pale(dark) == []
    assert min(_colour(dark, "color")) > max(_colour(dark, "backgroundColor"))
    light = open_page(place)
    assert min(_colour(light, "backgroundColor")) > max(_colour(light, "color"))


def _addresses(page):
    """The files to which a page links; a link to elsewhere is secure, one within leads there."""
    links = page.locator("a").evaluate_all("(all) => all.map((one) => one.getAttribute('href'))")
    away = [link for link in links if re.match(r"[a-z]+:", link)]
    assert all(link.startswith("https://") for link in away)
    within = [link for link in links if link.startswith("#")]
    assert all(page.locator(link).count() == 1 for link in within)
    files = [unquote(link.split("#")[0]) for link in links if link not in away + within]
    assert files
    return files


def _widths(page):
    return page.evaluate("[...document.querySelectorAll('.chart')].map((one) => one.layout.width)")


def _colour(page, name):
    """Red, green and blue of the page's text or background."""
    text = page.evaluate("(name) => getComputedStyle(document.body)[name]", name)
    return [int(part) for part in re.findall(r"\d+", text)[:3]]
