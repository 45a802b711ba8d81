"""The tear sheet, one test for each thing that quantstats 0.0.86 does wrong if left alone."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from backtest.engine.rules import Rules
from backtest.reports import tearsheet, tearsheet_charts
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
    with_table,
    write,
)

# ---- the span ---------------------------------------------------------------------------------


def test_whole_span_though_the_first_trade_comes_late():
    source, text = CASES["usual"](), page("usual")
    assert "2024-01-02 to 2025-06-12 · 378 sessions · 6 trades" in visible(text)
    growth = (1 + total(source.equity["return"])) ** (252 / SESSIONS) - 1
    market = (1 + total(source.equity["benchmark_return"])) ** (252 / SESSIONS) - 1
    assert [number(cell) for cell in rows(text, "metrics")["CAGR"]] == [near(market), near(growth)]


def test_yearly_table_is_compounded_for_both_without_inf_and_agrees_with_the_total():
    source, text = CASES["usual"](), page("usual")
    years = rows(text, "years")
    assert list(years) == ["2024", "2025"]
    for year, (market, own, difference, won) in years.items():
        assert number(market) == near(total(source.equity["benchmark_return"][year]))
        assert number(own) == near(total(source.equity["return"][year]))
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


def test_a_window_begins_after_the_close_of_its_day(tmp_path):
    source = made_up(999)  # to 2027-10-29, a session as those days of the windows are
    metrics = rows(write(source, tmp_path).read_text(encoding="utf-8"), "metrics")
    since = {"3M": "2027-07-29", "6M": "2027-04-29", "1Y": "2026-10-29", "3Y (ann.)": "2024-10-29"}
    for column, name in enumerate(("benchmark_return", "return")):
        returns = source.equity[name]
        for window, day in since.items():
            part = returns[returns.index > day]
            years = len(part) / 252 if "ann." in window else 1
            expected = (1 + total(part)) ** (1 / years) - 1
            assert number(metrics[window][column]) == near(expected), window


def test_ratios_of_a_return_are_of_one_by_the_year_however_long_the_span(tmp_path):
    source = made_up(1000)
    metrics = rows(write(source, tmp_path).read_text(encoding="utf-8"), "metrics")
    own, market = source.equity["return"], source.equity["benchmark_return"]
    growth = (1 + total(own)) ** (252 / 1000) - 1
    treynor = growth * market.var() / own.cov(market)
    assert number(metrics["Treynor Ratio"][1]) == near(treynor)
    falls = tearsheet_charts.underwater(own)
    martin = growth / math.sqrt(sum(falls**2) / 999)
    assert number(metrics["Ulcer Performance Index"][1]) == pytest.approx(martin, abs=0.00501)


def test_benchmark_has_smart_ratios_of_its_own():
    source = CASES["usual"]()
    with tearsheet.quantstats_at_work(Rules()) as quantstats:
        expected = quantstats.stats.smart_sharpe(source.equity["benchmark_return"])
    assert number(rows(page("usual"), "metrics")["Smart Sharpe"][0]) == pytest.approx(
        expected, abs=0.0051
    )


# ---- what cash earned -------------------------------------------------------------------------


def with_interest(source, own):
    nights = pd.Series(source.equity.index).diff().dt.days.fillna(0).to_numpy()
    earned = pd.Series(nights * 0.05 / 360, source.equity.index)
    table = source.equity.assign(**{"return": own + earned})
    manifest = {**source.manifest, "rules": {"cash_rate": 0.05}}
    return with_table(replace(source, manifest=manifest), table), earned


def test_ratios_are_of_returns_above_cash_by_the_night(tmp_path):
    source = made_up()
    rich, earned = with_interest(source, source.equity["return"])
    text = write(rich, tmp_path).read_text(encoding="utf-8")
    own, market = source.equity["return"], source.equity["benchmark_return"] - earned
    ratios = [returns.mean() / returns.std() * 252**0.5 for returns in (market, own)]
    metrics = rows(text, "metrics")
    assert [number(cell) for cell in metrics["Sharpe"]] == pytest.approx(ratios, abs=0.0051)
    losses = [np.sqrt((returns.clip(upper=0) ** 2).mean()) for returns in (market, own)]
    sortinos = [
        returns.mean() / loss * 252**0.5
        for returns, loss in zip((market, own), losses, strict=True)
    ]
    assert [number(cell) for cell in metrics["Sortino"]] == pytest.approx(sortinos, abs=0.0051)
    growth = (1 + total(rich.equity["return"])) ** (252 / SESSIONS) - 1
    assert number(metrics["CAGR"][1]) == near(growth)
    assert "ratios above the 5% a year that cash earns" in visible(text)


def test_interest_alone_is_no_strategy(tmp_path):
    idle, _ = with_interest(made_up(), 0.0)
    text = write(idle, tmp_path).read_text(encoding="utf-8")
    assert "Equity moved by the interest of cash alone." in visible(text)
    assert len(rows(text, "metrics")["Sharpe"]) == 1  # the benchmark's


# ---- returns taken for prices -----------------------------------------------------------------


@pytest.mark.parametrize("case", ["leap", "both never fell"])
def test_no_losing_day_and_a_day_of_plus_100_percent_is_not_taken_for_prices(case):
    source, metrics = CASES[case](), rows(page(case), "metrics")
    expected = total(source.equity["return"])
    assert number(metrics["Cumulative Return"][1]) == near(expected)
    growth = (1 + expected) ** (252 / len(source.equity)) - 1
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
    first, second = tearsheet_charts.drawdowns(tearsheet_charts.underwater(returns))
    assert (first.started, first.ended, first.recovered, first.days) == (
        date(2024, 1, 2), date(2024, 1, 4), True, 2,
    )  # fmt: skip
    assert (second.started, second.recovered, second.days) == (date(2024, 1, 8), False, 3)
    assert first.depth == pytest.approx(-0.2)


# ---- charts -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    """The lines of a run that wins twice and then rests, by chart, before they become SVG."""
    table = with_returns(made_up(), {5: 0.1, 40: 0.05, 90: -0.02, 300: 0.03}).equity
    both = pd.DataFrame({"SPY": table["benchmark_return"], "Strategy": table["return"]})
    charts = tearsheet_charts.charts_of(both, both, plain=False, flat=False)
    return both, {chart.title: chart for chart in charts}


def lines(chart) -> list[str]:
    return tearsheet_charts.layout(chart)["paths"]


def test_daily_sum_does_not_fall_to_zero_on_weekends(drawn):
    both, charts = drawn
    line = charts["Daily Returns (Cumulative Sum)"].data["Strategy"]
    assert list(line) == list(both["Strategy"].cumsum())


def test_rolling_beta_does_not_begin_with_zeros_and_is_that_of_its_window(drawn):
    both, charts = drawn
    beta = charts["Rolling Beta to Benchmark"].data["6 months"]
    assert beta.first_valid_index() == both.index[125]
    own, market = both["Strategy"][:126], both["SPY"][:126]
    deviations = market - market.mean()
    assert beta.iloc[125] == pytest.approx(sum(own * deviations) / sum(deviations**2))


def test_rolling_ratios_are_those_of_their_window(drawn):
    both, charts = drawn
    days = both["Strategy"][:126]
    sharpe = math.sqrt(252) * days.mean() / days.std()
    sortino = math.sqrt(252) * days.mean() / math.sqrt(0.02**2 / 126)
    assert charts["Rolling Sharpe (6 Months)"].data["Strategy"].iloc[125] == pytest.approx(sharpe)
    assert charts["Rolling Sortino (6 Months)"].data["Strategy"].iloc[125] == pytest.approx(sortino)
    volatility = charts["Rolling Volatility (6 Months)"].data["SPY"].iloc[125]
    assert volatility == pytest.approx(math.sqrt(252) * both["SPY"][:126].std())


def test_a_fund_that_grows_alike_is_neither_matched_nor_has_it_a_beta_or_ratio(drawn):
    both, _ = drawn
    alike = pd.DataFrame({"FUND": 100 * 1.0002 ** np.arange(len(both) + 1)}).pct_change()[1:]
    alike.index = both.index
    for returns in (alike.assign(Strategy=both["Strategy"]), alike.assign(Strategy=alike["FUND"])):
        found = tearsheet_charts.charts_of(returns, returns, plain=False, flat=False)
        missing = {chart.title for chart in found if chart.missing}
        assert "Cumulative Returns vs Benchmark (Volatility Matched)" in missing
        assert "Rolling Beta to Benchmark" in missing
    assert "Rolling Sharpe (6 Months)" in missing


def test_what_rounding_leaves_of_a_fund_that_grows_alike_is_no_ratio(tmp_path):
    run = made_up()
    fund = pd.Series(100 * 1.0002 ** np.arange(len(run.equity) + 1)).pct_change()[1:].to_numpy()
    alike = with_table(run, run.equity.assign(benchmark_return=fund))
    found = rows(write(alike, tmp_path).read_text(), "metrics")
    for name in ("Sharpe", "Smart Sharpe", "Prob. Sharpe Ratio", "Risk-Return Ratio", "Skew"):
        assert found[name][0] == "—", name
    for name in ("Beta", "Alpha", "Correlation", "R^2", "Treynor Ratio"):
        assert found[name] == ["—", "—"], name
    assert found["Sharpe"][1] == "0.25"


def test_rolling_sortino_of_windows_without_a_losing_day_is_a_gap(drawn):
    _, charts = drawn
    values = charts["Rolling Sortino (6 Months)"].data["Strategy"]
    assert values.iloc[250:].isna().all()
    assert not np.isinf(values).any()


def test_a_gap_breaks_the_line(drawn):
    _, charts = drawn
    (line,) = lines(charts["Rolling Sharpe (6 Months)"])  # no session of 91 to 299 had a return
    assert line.count("M") == 2
    assert "nan" not in line


def test_growth_is_on_a_logarithmic_scale():
    doubled = pd.DataFrame({"Strategy": [1.0, 2.0, 4.0]}, pd.bdate_range("2024-01-01", periods=3))
    (line,) = lines(tearsheet_charts.Chart("Growth", doubled, log=True))
    assert line == "M0.0,200.0L292.0,100.0L584.0,0.0"


def test_growth_of_thousands_is_grouped():
    grown = pd.DataFrame({"Strategy": [1.0, 2e6]}, pd.bdate_range("2024-01-01", periods=2))
    ticks = tearsheet_charts.layout(tearsheet_charts.Chart("Growth", grown, log=True))["ticks"]
    assert [text for _, text in ticks][-2:] == ["100,000", "1,000,000"]


def test_growth_within_a_narrow_range_has_more_than_one_label():
    grown = pd.DataFrame({"Strategy": [0.88, 1.0, 1.23]}, pd.bdate_range("2024-01-01", periods=3))
    ticks = tearsheet_charts.layout(tearsheet_charts.Chart("Growth", grown, log=True))["ticks"]
    assert [text for _, text in ticks] == ["0.9", "1", "1.1", "1.2"]
    whole = math.log(1.23 / 0.88)
    heights = [200 * math.log(1.23 / float(text)) / whole for _, text in ticks]
    assert [y for y, _ in ticks] == pytest.approx(heights)


@pytest.mark.parametrize("sessions", [1, 7, 31, 37, 378])
def test_no_date_reaches_beyond_its_chart(sessions):
    flat = pd.DataFrame({"Strategy": 0.0}, pd.bdate_range("2024-01-01", periods=sessions))
    days = tearsheet_charts.layout(tearsheet_charts.Chart("Flat", flat))["days"]
    assert [str(day) for x, day in days if x == 0] == ["2024-01-01"]
    assert all(x <= 584 - 60 for x, _ in days)


def test_months_outside_the_span_are_blank_not_zero(drawn):
    both, _ = drawn
    months = tearsheet_charts.monthly(both["Strategy"])
    assert [year for year, *_ in months] == [2024, 2025]
    assert [sum(value is not None for value in values) for _, values, _ in months] == [12, 6]
    table = re.search(r'<table class="months pinned">.*?</table>', page("usual"), re.DOTALL)[0]
    assert len(re.findall(r"<td[^>]*>-?[0-9]+[.][0-9]{2}</td>", table)) == 18


def test_quantiles_weigh_every_month_once():
    returns = CASES["usual"]().equity["return"]
    months = sorted(total(part) for _, part in returns.groupby(returns.index.strftime("%Y-%m")))
    worst, *_, best = rows(page("usual"), "quantiles")["Monthly, Strategy"]
    assert [number(worst), number(best)] == [near(months[0]), near(months[-1])]


# ---- figures that mislead -------------------------------------------------------------------


def test_the_recovery_factor_of_a_loss_is_below_zero():
    assert rows(page("never recovered"), "metrics")["Recovery Factor"][1] == "-0.87"  # -24.4 / 28


def test_figures_that_no_account_could_have_earned_are_left_out():
    for case in ("usual", "idle"):
        assert not {"Risk of Ruin", "Risk-Adjusted Return"} & set(rows(page(case), "metrics"))


# ---- quantstats afterwards ------------------------------------------------------------------


def test_quantstats_is_left_as_it_was():
    import quantstats

    functions = dict(vars(quantstats.stats)), dict(vars(quantstats.utils))

    def fail():
        with tearsheet.quantstats_at_work(Rules()) as ours:
            assert ours is not quantstats
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    import quantstats as again

    assert again is quantstats
    assert (dict(vars(again.stats)), dict(vars(again.utils))) == functions
    assert callable(again.plots.snapshot)
