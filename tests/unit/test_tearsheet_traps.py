"""The tear sheet, one test for each thing that quantstats 0.0.86 does wrong if left alone."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest

from backtest.reports import tearsheet_charts, tearsheet_quantstats, tearsheet_tables
from tests.tearsheets import (
    CASES,
    SESSIONS,
    made_up,
    near,
    number,
    page,
    rows,
    total,
    visible,
    with_returns,
)

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


# ---- quantstats afterwards ------------------------------------------------------------------


def test_quantstats_and_matplotlib_are_left_as_they_were():
    import matplotlib as mpl
    import quantstats

    def state():
        functions = (
            quantstats.utils._prepare_returns,
            quantstats.utils._looks_like_returns,
            quantstats.stats.drawdown_details,
        )
        settings = mpl.rcParams.copy().items()  # all but the choice of Agg, which stays
        rest = {name: value for name, value in settings if not name.startswith("backend")}
        return functions, rest

    def fail():
        with tearsheet_quantstats.quantstats_at_work():
            assert state() != before
            raise RuntimeError

    before = state()
    with pytest.raises(RuntimeError):
        fail()
    assert state() == before
