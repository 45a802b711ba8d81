"""The page of a run with many trades: searched, sorted, turned, and a stock drawn."""

import shutil

import pytest

from backtest.experiments.runs.store import Run, read_run
from backtest.reports import run_words
from backtest.reports.run_page import write_run_page
from tests.browser.dom import too_wide
from tests.browser.pages import figure, rows


@pytest.fixture
def run(reports, tmp_path, monkeypatch) -> Run:
    """A made-up run of two stocks, drawn as one of many trades."""
    monkeypatch.setattr(run_words, "MANY", 0)
    folder = tmp_path / "a-run"
    shutil.copytree(reports.folder("mixed-ACME+BOOM"), folder)
    run = read_run(folder)
    write_run_page(run)
    return run


def stocks_of(page):
    return page.locator("#trades tbody td:nth-child(2)").all_text_contents()


def test_trades_are_searched_and_sorted(run, open_page):
    page = open_page(run.path / "index.html")
    trades = rows(run.path / "trades.csv")
    assert stocks_of(page) == [row["symbol"] for row in trades]
    page.locator("#trades-words").fill("acme stop")
    stopped = [row for row in trades if "stop" in row["exit_reason"]]
    assert stocks_of(page) == ["ACME"] * len(stopped)
    told = page.locator("[data-paged=trades] output").text_content()
    assert told == f"{len(stopped)} of {len(trades)} · page 1 of 1"
    page.locator("#trades-words").fill("")
    page.locator("#trades thead button", has_text="Net $").click()
    numbers = page.locator("#trades tbody td:nth-child(5)").all_text_contents()
    profits = sorted(float(row["net_profit"]) for row in trades)
    assert [float(text.replace(",", "")) for text in numbers] == [round(one) for one in profits]


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_a_chosen_stock_shows_its_trades(width, dark, run, open_page):
    page = open_page(run.path / "index.html", width=width, dark=dark)
    assert not page.locator("#stock").is_visible()
    page.locator("#stocks tbody button", has_text="ACME").click()
    assert page.locator("#stock h3").text_content() == "ACME"
    traces, _ = figure(page, "stock-chart")
    trades = rows(run.path / "trades.csv")
    assert traces[2]["x"] == [row["entry_session"] for row in trades]
    assert not too_wide(page)


def test_each_trade_counts_once_by_its_worst_and_once_by_its_best_price(run, open_page):
    (gained, lost), _ = figure(open_page(run.path / "index.html"), "excursions")
    trades = rows(run.path / "trades.csv")
    for side in (-1, 1):
        drawn = [(x, a, b) for x, a, b in zip(gained["x"], gained["y"], lost["y"], strict=True)]
        counts = [a + b for x, a, b in drawn if x * side > 0]
        assert sum(counts) == len(trades)
    profits = [float(row["net_profit"]) for row in trades]
    assert sum(gained["y"]) == 2 * sum(profit > 0 for profit in profits)
