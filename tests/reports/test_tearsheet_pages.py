"""The page of the tear sheet: what it says of which run, and how it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import NormalDist

import pytest

from backtest.errors import UsageError
from tests.tearsheets import (
    CASES,
    NASTY,
    SENTENCE,
    made_up,
    near,
    number,
    page,
    rows,
    ruined_run,
    total,
    visible,
    with_table,
    write,
)

ROOT = Path(__file__).parents[2]


# ---- no trade, ruin, short spans --------------------------------------------------------------


def test_run_without_a_trade_has_a_page_with_the_figures_of_the_benchmark():
    source, text = CASES["idle"](), page("idle")
    assert "No trade was made" in visible(text)
    cumulative = rows(text, "metrics")["Cumulative Return"]
    assert [number(cell) for cell in cumulative] == [near(total(source.equity["benchmark_return"]))]
    assert rows(text, "years")["2024"][1] == "0.00%"
    assert text.count("<svg") == 1


def test_ruined_run_shows_the_loss_beyond_100_percent_and_nothing_annual():
    source, text = ruined_run(), page("ruined")
    expected = total(source.equity["return"])
    assert expected < -1
    assert f"Ruined on {source.manifest['ruined_on']}" in visible(text)
    assert f"Cumulative return {expected:.2%}" in visible(text)
    metrics = rows(text, "metrics")
    assert number(metrics["Cumulative Return"][1]) == near(expected)
    assert number(metrics["Max Drawdown"][1]) < -1
    assert not {"CAGR", "Sharpe", "Calmar"} & set(metrics)
    years = rows(text, "years")
    assert number(years["2024"][1]) == near(expected)
    assert years["2025"][1:] == ["—", "—", "—"]
    assert next(iter(rows(text, "drawdowns").values()))[0] == "not recovered"


def test_ruin_within_a_short_span_is_told():
    assert "Ruined on 2024-01-05" in visible(page("5 sessions to ruin"))
    assert "Cumulative return -100.00%" in visible(page("5 sessions to ruin"))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_span_too_short_for_annual_figures_says_so(count):
    source, text = made_up(count), page(f"{count} sessions")
    assert f"The span is short ({count} of at least 20 sessions)" in visible(text)
    metrics = rows(text, "metrics")
    assert number(metrics["Cumulative Return"][1]) == near(total(source.equity["return"]))
    assert list(metrics) == ["Cumulative Return", "Best Day", "Worst Day", "Max Drawdown"]
    assert text.count("<svg") == {1: 0, 2: 2, 5: 3}[count]  # two days, none lost


def test_charts_without_enough_sessions_are_left_out_with_the_reason():
    text = visible(page("20 sessions"))
    for title in ("Beta to Benchmark", "Volatility (6 Months)", "Sharpe (6 Months)"):
        assert f"Rolling {title} is left out: it needs 20 windows of 126 sessions" in text
    assert "left out" not in visible(page("usual"))
    assert page("usual").count("<svg") == 10


@pytest.mark.parametrize("case", CASES)
def test_no_nan_and_no_inf_is_to_be_seen(case):
    assert not re.search(
        r"(?i)(?<![a-z])(nan|nat|inf|none%|undefined)(?![a-z])", visible(page(case))
    )
    assert not re.search(r"(?i)[\"\s](nan|inf)[\"\s]", page(case))  # nor drawn


def test_the_sentence_of_evidence_stands_above_every_figure():
    for case in CASES:
        before, _, _ = visible(page(case)).partition("Cumulative Return")
        assert SENTENCE in before


def test_what_the_run_withholds_of_so_few_trades_is_withheld_here_too():
    few, enough = rows(page("few trades"), "metrics"), rows(page("usual"), "metrics")
    assert (
        "Unknown: Prob. Sharpe Ratio, Kelly Criterion (2 trades: at least 6 are needed)."
        in visible(page("few trades"))
    )
    for name in ("Prob. Sharpe Ratio", "Kelly Criterion"):
        assert few[name] == [enough[name][0], "—"]  # the benchmark is held throughout
        assert "—" not in enough[name]
    assert "Unknown" not in visible(page("usual"))


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
    returns, text = CASES["usual"]().equity["return"], page("usual")
    seen = visible(text)
    for words in (
        "run.json",
        "not of trades",
        "normally distributed",
        "252 sessions",
    ):
        assert words in seen
    metrics = rows(text, "metrics")
    normal = NormalDist(returns.mean(), returns.std()).inv_cdf(0.05)
    assert number(metrics["Daily Value-at-Risk"][1]) == near(normal)
    assert number(metrics["Time in Market"][1]) == near((returns != 0).mean())


def test_same_input_gives_the_same_bytes(tmp_path):
    first = write(made_up(), tmp_path).read_bytes()
    assert write(made_up(), tmp_path).read_bytes() == first


def test_failed_write_leaves_the_old_page_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "tearsheet.html"
    path.write_text("old")

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UsageError, match="disk full"):
        write(made_up(1), tmp_path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# ---- manners ----------------------------------------------------------------------------------


def test_silent_and_without_network_or_display_in_a_process_of_its_own(tmp_path):
    script = f"""
import socket, sys
import backtest.reports.tearsheet as tearsheet
assert not {{"quantstats", "pandas", "jinja2"}} & set(sys.modules)
def refuse(*_, **__): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
sys.path.insert(0, {str(ROOT)!r})
from tests.tearsheets import made_up, write
from pathlib import Path
write(made_up(), Path({str(tmp_path)!r}))
assert not {{"matplotlib", "seaborn", "yfinance", "quantstats"}} & set(sys.modules)
"""
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    sheet = (tmp_path / "tearsheet.html").read_text(encoding="utf-8")
    page("usual")
    assert sheet == page("first trade at once")  # nor does it matter what was drawn before


def test_twenty_sessions_are_enough():
    assert "The span is short" not in page("20 sessions")


@pytest.mark.parametrize(("case", "columns"), [("usual", 3), ("idle", 2), ("5 sessions", 3)])
def test_the_stock_held_stands_beside_the_benchmark(case, columns, tmp_path):
    run = CASES[case]()
    held = run.equity["benchmark_return"] * 2
    text = write(with_table(run, run.equity.assign(holding_return=held)), tmp_path).read_text()
    kept = [run.equity["benchmark_return"], held, run.equity["return"]][:columns]
    cells = rows(text, "metrics")["Cumulative Return"]
    assert [number(cell) for cell in cells] == [near(total(one)) for one in kept]
    assert "ABC held" in visible(text)
    first, *_ = rows(text, "years").values()
    in_2024 = [one[one.index.year == 2024] for one in (kept[0], held)]
    assert [number(cell) for cell in first[:2]] == [near(total(one)) for one in in_2024]
