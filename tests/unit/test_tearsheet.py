"""The tear sheet, one test for each thing that quantstats 0.0.86 does wrong if left alone."""

from __future__ import annotations

import html
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

from backtest.errors import UsageError
from backtest.reports import tearsheet, tearsheet_charts, tearsheet_quantstats, tearsheet_tables
from backtest.reports.tearsheet import TearsheetInput, write_tearsheet

SESSIONS = 378
FIRST_TRADE = 150
NASTY = "<script>alert(1)</script>"


def made_up(sessions: int = SESSIONS, first_trade: int = 0) -> TearsheetInput:
    """Returns of a strategy that is in the market on a third of the days."""
    random = np.random.default_rng(7)
    index = pd.bdate_range("2024-01-02", periods=sessions)
    days_in = (random.random(sessions) < 0.35) & (np.arange(sessions) >= first_trade)
    returns = np.where(days_in, random.normal(0.004, 0.03, sessions), 0.0)
    if first_trade == 0:
        returns[0] = 0.01
    return TearsheetInput(
        title="made_up · ABC",
        parameters={"hold": "10"},
        returns=pd.Series(returns, index),
        benchmark=pd.Series(random.normal(0.0005, 0.01, sessions), index),
        benchmark_title="SPY",
        trades=6,
        ruined_on=None,
    )


def with_returns(source: TearsheetInput, days: dict[int, float], **changes) -> TearsheetInput:
    """The same run with no return but those of `days` (by number)."""
    returns = source.returns * 0.0
    for day, value in days.items():
        returns.iloc[day] = value
    return replace(source, returns=returns, **changes)


def ruined_run() -> TearsheetInput:
    source = made_up()
    returns = source.returns.copy()
    returns.iloc[200] = -1.25
    returns.iloc[201:] = 0.0
    return replace(source, returns=returns, ruined_on=returns.index[200].date())


def nasty_run() -> TearsheetInput:
    return replace(
        made_up(),
        title=NASTY,
        parameters={"{{metrics}}": f"{{{{ 7 * 7 }}}} {NASTY}", "note": "{{returns}} {% raw %}"},
        benchmark_title='<img src=x onerror="x()"> $a$ & _{{title}}',
    )


CASES = {
    "usual": lambda: made_up(first_trade=FIRST_TRADE),
    "first trade at once": made_up,
    "idle": lambda: with_returns(made_up(), {}, trades=0),
    "leap": lambda: with_returns(made_up(), {100: 1.5, 120: 0.1}),
    "both never fell": lambda: with_returns(
        made_up(30),
        dict.fromkeys(range(30), 0.001) | {5: 1.0},
        benchmark=made_up(30).benchmark * 0.0 + 0.001,
    ),
    "never recovered": lambda: with_returns(made_up(60), {0: -0.1, 30: -0.2, 40: 0.05}),
    "constant": lambda: replace(made_up(40), returns=made_up(40).returns * 0.0 + 0.001),
    "ruined": ruined_run,
    "nasty": nasty_run,
    "same name": lambda: replace(made_up(130), benchmark_title="Strategy"),
    **{f"{count} sessions": (lambda count=count: made_up(count)) for count in (1, 2, 5, 20)},
    "5 idle sessions": lambda: with_returns(made_up(5), {}, trades=0),
    "5 sessions to ruin": lambda: with_returns(made_up(5), {3: -1.0}),
}


@cache
def page(case: str) -> str:
    """The sheet of a case, written once."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tearsheet.html"
        write_tearsheet(CASES[case](), path)
        assert [file.name for file in Path(folder).iterdir()] == ["tearsheet.html"]
        return path.read_text(encoding="utf-8")


def visible(source: str) -> str:
    """What a reader sees."""
    bare = re.sub(r"<style.*?</style>|<head>.*?</head>|<!--.*?-->", " ", source, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", bare))


def rows(source: str, kind: str) -> dict[str, list[str]]:
    """A table of the page: first cell to the others."""
    body = re.search(rf'<table class="{kind}">.*?<tbody>(.*?)</tbody>', source, re.DOTALL)
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body[1].split("</tr>")]
    return {cells[0]: cells[1:] for cells in found if len(cells) > 1}


def number(cell: str) -> float:
    return float(cell.rstrip("%").replace(",", "")) / (100 if cell.endswith("%") else 1)


def total(returns: pd.Series) -> float:
    return math.prod(1.0 + returns) - 1.0


def near(expected: float) -> object:
    return pytest.approx(expected, abs=0.0000501)  # a percentage with two decimals


# ---- the span ---------------------------------------------------------------------------------


def test_whole_span_though_the_first_trade_comes_late():
    source, text = CASES["usual"](), page("usual")
    assert "2024-01-02 to 2025-06-12 · 378 sessions · 6 trades" in visible(text)
    growth = (1 + total(source.returns)) ** (252 / SESSIONS) - 1
    market = (1 + total(source.benchmark)) ** (252 / SESSIONS) - 1
    assert [number(cell) for cell in rows(text, "metrics")["CAGR"]] == [near(market), near(growth)]


def test_yearly_table_is_compounded_for_both_without_inf_and_agrees_with_the_total():
    source, text = CASES["usual"](), page("usual")
    years = rows(text, "years")
    assert list(years) == ["2024", "2025"]
    for year, (market, own, difference, won) in years.items():
        assert number(market) == near(total(source.benchmark[year]))
        assert number(own) == near(total(source.returns[year]))
        assert number(difference) == pytest.approx(number(own) - number(market), abs=0.000101)
        assert won == ("+" if number(own) >= number(market) else "-")
    totals = [number(cell) for cell in rows(text, "metrics")["Cumulative Return"]]
    for column, expected in enumerate(totals):
        product = math.prod(1 + number(cells[column]) for cells in years.values()) - 1
        assert product == pytest.approx(expected, abs=0.0005)


def test_windows_longer_than_the_span_are_dashes_not_the_whole_span():
    metrics = rows(page("usual"), "metrics")
    assert metrics["3Y (ann.)"] == metrics["10Y (ann.)"] == ["—", "—"]
    assert "—" not in metrics["1Y"]


def test_benchmark_has_smart_ratios_of_its_own():
    source = CASES["usual"]()
    with tearsheet_quantstats.quantstats_at_work() as quantstats:
        expected = quantstats.stats.smart_sharpe(source.benchmark)
    assert number(rows(page("usual"), "metrics")["Smart Sharpe"][0]) == pytest.approx(
        expected, abs=0.0051
    )


# ---- returns taken for prices -----------------------------------------------------------------


@pytest.mark.parametrize("case", ["leap", "both never fell"])
def test_no_losing_day_and_a_day_of_plus_100_percent_is_not_taken_for_prices(case):
    source, metrics = CASES[case](), rows(page(case), "metrics")
    expected = total(source.returns)
    assert number(metrics["Cumulative Return"][1]) == near(expected)
    growth = (1 + expected) ** (252 / len(source.returns)) - 1
    assert number(metrics["CAGR"][1]) == near(growth)
    assert metrics["Max Drawdown"][1] == "0.00%"
    assert metrics["Max DD Period End"][1] == metrics["Profit Factor"][1] == "—"
    assert "None: no session closed below an earlier high." in page(case)
    assert number(rows(page(case), "years")["2024"][1]) == near(expected)


def test_a_constant_return_has_a_sheet():
    assert number(rows(page("constant"), "metrics")["Cumulative Return"][1]) == near(0.0408)


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


# ---- drawdowns --------------------------------------------------------------------------------


def test_drawdown_that_lasts_to_the_end_is_not_recovered_even_from_the_first_session():
    text = page("never recovered")
    assert rows(text, "drawdowns") == {"2024-01-02": ["not recovered", "-28.00%", "84"]}
    metrics = rows(text, "metrics")
    assert metrics["Max Drawdown"][1] == "-28.00%"
    assert metrics["Max DD Period Start"][1] == "2024-01-02"
    assert metrics["Max DD Period End"][1] == "not recovered"
    assert metrics["Longest DD Days"][1] == "84"


def test_drawdown_is_recovered_on_the_session_that_meets_the_old_high():
    index = pd.bdate_range("2024-01-01", periods=8)
    returns = pd.Series([0.1, -0.2, 0.0, 0.25, 0.0, -0.1, 0.0, 0.0], index)
    first, second = tearsheet_tables.drawdowns(tearsheet_tables.underwater(returns))
    assert (first.started, first.ended, first.recovered, first.days) == (
        date(2024, 1, 2), date(2024, 1, 4), True, 2,
    )  # fmt: skip
    assert (second.started, second.recovered, second.days) == (date(2024, 1, 8), False, 3)
    assert first.depth == pytest.approx(-0.2)


# ---- charts -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    """The figures of a run that wins twice and then rests, before they become SVG."""
    source = with_returns(made_up(), {5: 0.1, 40: 0.05, 90: -0.02, 300: 0.03})
    returns, benchmark = source.returns.rename("Strategy"), source.benchmark.rename("SPY")
    with tearsheet_quantstats.quantstats_at_work() as quantstats:
        figures = {
            title: draw(quantstats, returns, benchmark)
            for title, draw in tearsheet_charts._CHARTS.items()
        }
    return returns, figures


def test_daily_sum_does_not_fall_to_zero_on_weekends(drawn):
    returns, figures = drawn
    line = figures["Daily Returns (Cumulative Sum)"].axes[0].lines[0]
    assert list(line.get_ydata()) == list(returns.cumsum())


def test_rolling_beta_does_not_begin_with_zeros(drawn):
    returns, figures = drawn
    line = figures["Rolling Beta to Benchmark"].axes[0].lines[0]
    assert line.get_xdata()[0] == returns.index[125]


def test_rolling_sortino_of_windows_without_a_losing_day_is_a_gap(drawn):
    _, figures = drawn
    axes = figures["Rolling Sortino (6 Months)"].axes[0]
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
    assert np.isnan(values).any()
    assert not np.isinf(values).any()


def test_growth_is_on_a_logarithmic_scale(drawn):
    _, figures = drawn
    assert figures["Growth of 1 vs Benchmark (Log Scale)"].axes[0].get_yscale() == "log"


def test_months_outside_the_span_are_blank_not_zero(drawn):
    returns, figures = drawn
    texts = figures["Monthly Returns (%)"].axes[0].texts
    assert len(texts) == returns.index.to_period("M").nunique() == 18


def test_yearly_bars_are_those_of_the_table(drawn):
    returns, figures = drawn
    axes = figures["EOY Returns vs Benchmark"].axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2024", "2025"]
    heights = [bar.get_height() for bar in axes.containers[1]]
    assert heights == pytest.approx([total(returns["2024"]), total(returns["2025"])])


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
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_tearsheet import made_up
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


def test_quantstats_and_matplotlib_are_left_as_they_were():
    import matplotlib as mpl
    import quantstats

    def state():
        functions = (
            quantstats.utils._prepare_returns,
            quantstats.utils._looks_like_returns,
            quantstats.stats.drawdown_details,
        )
        rest = {name: value for name, value in mpl.rcParams.copy().items() if name != "backend"}
        return functions, rest

    def fail():
        with tearsheet_quantstats.quantstats_at_work():
            assert state() != before
            raise RuntimeError

    before = state()
    with pytest.raises(RuntimeError):
        fail()
    assert state() == before


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
