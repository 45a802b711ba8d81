"""The page of the tear sheet: what it says of which run, and how it is written."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from backtest.errors import UsageError
from backtest.reports import tearsheet
from backtest.reports.tearsheet import TearsheetInput, write_tearsheet
from tests.tearsheets import (
    CASES,
    NASTY,
    made_up,
    near,
    number,
    page,
    rows,
    ruined_run,
    total,
    visible,
)

ROOT = Path(__file__).parents[2]


# ---- no trade, ruin, short spans --------------------------------------------------------------


def test_run_without_a_trade_has_a_page_with_the_figures_of_the_benchmark():
    source, text = CASES["idle"](), page("idle")
    assert "No trade was made" in visible(text)
    cumulative = rows(text, "metrics")["Cumulative Return"]
    assert [number(cell) for cell in cumulative] == [near(total(source.benchmark))]
    assert rows(text, "years")["2024"][1] == "0.00%"
    assert text.count("<svg") == 1


def test_ruined_run_shows_the_loss_beyond_100_percent_and_nothing_annual():
    source, text = ruined_run(), page("ruined")
    expected = total(source.returns)
    assert expected < -1
    assert f"Ruined on {source.ruined_on}" in visible(text)
    assert f"Cumulative return {expected:.2%}" in visible(text)
    metrics = rows(text, "metrics")
    assert number(metrics["Cumulative Return"][1]) == near(expected)
    assert number(metrics["Max Drawdown"][1]) < -1
    assert not {"CAGR", "Sharpe", "Calmar"} & set(metrics)
    years = rows(text, "years")
    assert number(years["2024"][1]) == near(expected)
    assert years["2025"][1:] == ["—", "—", "—"]
    assert next(iter(rows(text, "drawdowns").values()))[0] == "not recovered"


def test_ruin_is_seen_even_if_the_caller_does_not_name_it():
    assert "Ruined on 2024-01-05" in visible(page("5 sessions to ruin"))
    assert "Cumulative return -100.00%" in visible(page("5 sessions to ruin"))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_span_too_short_for_annual_figures_says_so(count):
    source, text = made_up(count), page(f"{count} sessions")
    assert f"The span is short ({count} of at least 20 sessions)" in visible(text)
    metrics = rows(text, "metrics")
    assert number(metrics["Cumulative Return"][1]) == near(total(source.returns))
    assert list(metrics) == ["Cumulative Return", "Best Day", "Worst Day", "Max Drawdown"]
    assert text.count("<svg") == {1: 0, 2: 2, 5: 3}[count]  # two days, none lost


def test_charts_without_enough_sessions_are_left_out_with_the_reason():
    text = visible(page("20 sessions"))
    for title in ("Beta to Benchmark", "Volatility (6 Months)", "Sharpe (6 Months)"):
        assert f"Rolling {title} is left out: it needs 20 windows of 126 sessions" in text
    assert "Distribution of Monthly Returns is left out: it needs 6 months" in text
    assert "left out" not in visible(page("usual"))
    assert page("usual").count("<svg") == 14


@pytest.mark.parametrize("case", CASES)
def test_no_nan_and_no_inf_is_to_be_seen(case):
    assert not re.search(
        r"(?i)(?<![a-z])(nan|nat|inf|none%|undefined)(?![a-z])", visible(page(case))
    )
    assert not re.search(r"(?i)[\"\s](nan|inf)[\"\s]", page(case))  # nor drawn


# ---- the page ---------------------------------------------------------------------------------


def test_text_from_outside_is_escaped_and_never_expanded():
    text = page("nasty")
    assert "<script" not in text
    assert "<img" not in text
    seen = visible(text)
    assert NASTY in seen
    assert f"{{{{metrics}}}}: {{{{ 7 * 7 }}}} {NASTY} · note: {{{{returns}}}} {{% raw %}}" in seen
    assert seen.count('<img src=x onerror="x()"> $a$ & _{{title}}') >= 5  # tables and legends


@pytest.mark.parametrize("case", ["usual", "idle", "ruined", "nasty"])
def test_page_asks_no_other_address_for_anything(case):
    markup = re.sub(r"(?s)>[^<]*<", "><", page(case))
    assert not re.search(r"(?i)https?:|//|\bonload|\bsrc=|@import|<script|<iframe", markup)
    assert set(re.findall(r'href="([^"#][^"]*)"', markup)) == {"data:,", "index.html"}
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page(case))[1]
    assert policy.startswith("default-src 'none'")


def test_page_says_how_to_read_what_quantstats_means():
    source, text = CASES["usual"](), page("usual")
    seen = visible(text)
    for words in (
        "run.json",
        "not of trades",
        "normally distributed",
        "rounded up",
        "252 sessions",
    ):
        assert words in seen
    metrics = rows(text, "metrics")
    normal = NormalDist(source.returns.mean(), source.returns.std()).inv_cdf(0.05)
    assert number(metrics["Daily Value-at-Risk"][1]) == near(normal)
    in_market = (source.returns != 0).mean()
    assert number(metrics["Time in Market"][1]) == pytest.approx(math.ceil(in_market * 100) / 100)


def test_same_input_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write_tearsheet(made_up(5), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_failed_write_leaves_the_old_page_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "tearsheet.html"
    path.write_text("old")

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UsageError, match="disk full"):
        write_tearsheet(made_up(1), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# ---- manners ----------------------------------------------------------------------------------


def test_silent_and_without_network_or_display_in_a_process_of_its_own(tmp_path):
    script = f"""
import socket, sys
import backtest.reports.tearsheet as tearsheet
heavy = {{"quantstats", "matplotlib", "pandas", "jinja2"}} & set(sys.modules)
assert not heavy or "pandas" in heavy and heavy <= {{"pandas"}}, heavy
def refuse(*_, **__): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
sys.path.insert(0, {str(ROOT)!r})
from tests.tearsheets import made_up
from pathlib import Path
tearsheet.write_tearsheet(made_up(), Path({str(tmp_path / "sheet.html")!r}))
"""
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    sheet = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    page("usual")
    assert sheet == page("first trade at once")  # nor does it matter what was drawn before


def broken(**changes) -> TearsheetInput:
    source = made_up(30)
    return replace(source, **{name: change(source) for name, change in changes.items()})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (broken(benchmark=lambda run: run.benchmark.iloc[1:]), "same sessions"),
        (broken(benchmark=lambda run: run.benchmark.tz_localize("UTC")), "same sessions"),
        (broken(returns=lambda run: run.returns.tz_localize("UTC")), "time zone UTC"),
        (broken(returns=lambda run: run.returns.replace(0.01, np.nan)), "returns .* 2024-01-02"),
        (broken(benchmark=lambda run: run.benchmark * np.inf), "benchmark .* 2024-01-02"),
        (broken(returns=lambda run: run.returns.iloc[::-1]), "must rise"),
        (broken(returns=lambda run: run.returns.iloc[:0]), "at least one row"),
        (broken(returns=lambda run: run.returns.reset_index(drop=True)), "DatetimeIndex"),
    ],
)
def test_input_of_the_wrong_shape_is_refused(source, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_tearsheet(source, tmp_path / "sheet.html")
    assert not list(tmp_path.iterdir())


def test_fewest_sessions_is_the_bound():
    assert tearsheet.FEWEST_SESSIONS == 20
    assert "The span is short" not in page("20 sessions")
