"""The comparison page: curves, the best of each row, who earned on what, and what is unlike."""

import json
import re
import shutil
from types import SimpleNamespace

import pandas as pd
import pytest

from backtest.experiments.runs.store import Run
from backtest.reports import charts, compare_page
from backtest.reports.charts import Curve, chart, matrix, strengths
from backtest.reports.compare_page import (
    benchmarks_of,
    correlations,
    differences,
    differing_settings,
    figure_rows,
    write_comparison,
)
from backtest.reports.run_page import write_run_page
from backtest.stats.formats import FIGURES, percent
from tests.made_up import day, do
from tests.pages import drawn, table, visible

SELF_MADE = """\
from backtest import EventStrategy


class SelfMade(EventStrategy):
    \"\"\"Orders in its own sessions, not only on events.\"\"\"

    def notify_event(self, event):
        pass

    def next(self):
        if len(self) == 3:
            self.buy(size=10)
        if len(self) == 6:
            self.close()
"""


def page_of(checkout, *runs, **options) -> str:
    return write_comparison(checkout.root / "reports", runs, **options).read_text(encoding="utf-8")


# The figures


def made_up(cash=100.0, **figures):
    """A run that is nothing but figures."""
    told = {**dict.fromkeys(name for name, *_ in FIGURES), **figures}
    return SimpleNamespace(summary=told, manifest={"rules": {"cash": cash}})


def best(name, *values, **changes):
    """The places of the runs that are the best in a figure."""
    label = {key: text for key, text, _ in FIGURES}[name]
    runs = [made_up(**{name: value}, **changes) for value in values]
    return [place for place, cell in enumerate(dict(figure_rows(runs, []))[label]) if cell.best]


@pytest.mark.parametrize(
    ("name", "values", "places"),
    [
        ("total_return", (0.1, 0.3, -0.2), [1]),
        ("sharpe", (None, -0.5, -0.2), [2]),
        ("max_drawdown", (-0.3, -0.1, -0.2), [1]),  # the one nearest zero
        ("volatility", (0.3, 0.1, 0.2), [1]),
        ("borrow", (5.0, 0.0, 9.0), [1]),
        ("final_equity", (90.0, 110.0, 109.9), [1, 2]),  # all that show the same
        ("trades", (1, 2, 3), []),
        ("exposure", (0.1, 0.2, 0.3), []),
        ("cagr", (0.2, 0.2, 0.2), []),  # nothing is better than another
        ("calmar", (None, 0.2, None), []),  # has no rival
    ],
)
def test_the_best_of_a_row(name, values, places):
    assert best(name, *values) == places


def test_dollars_of_unlike_amounts_have_no_best():
    runs = [made_up(100.0, final_equity=120.0), made_up(1000.0, final_equity=900.0)]
    assert not any(cell.best for cell in dict(figure_rows(runs, []))["Final equity $"])


def test_benchmarks_stand_behind_the_runs_and_do_not_compete(checkout):
    runs = [do(checkout), do(checkout, "owner")]
    rows = dict(figure_rows(runs, benchmarks_of(runs)))
    assert not any(cells[2].best for cells in rows.values())
    assert [cell.best for cell in rows["Total return"]] == [False, True, False]
    assert rows["Final equity $"][2].text == "102,000"
    page = page_of(checkout, *runs)
    assert table(page, "figures")[0] == ["", "beats", "owner", "ACME held", "INDX benchmark"]
    assert ["Total return", "+1.4 %", "+29.9 % best", "+30.0 %", "+2.0 %"] in table(page, "figures")


def test_evidence_stands_below_the_figures(checkout):
    labels = [
        row[0] for row in table(page_of(checkout, do(checkout), do(checkout, "owner")), "figures")
    ]
    assert labels[-7:] == [
        "p-value", "p-value , Holm", "Mean trade", "95 % from", "95 % to", "Detectable edge",
        "Trials",
    ]  # fmt: skip


# Which event earned what


def net_profit(run):
    return run.summary["final_equity"] - run.manifest["rules"]["cash"]


def sums(found, runs):
    """What the rows and the others of a matrix come to, by run."""
    return [
        sum(row.profits[n].dollars or 0 for row in found.rows if row.profits[n])
        + sum(dollars[n] for _, dollars in found.others)
        for n in range(len(runs))
    ]


def test_columns_add_up_to_the_net_profit_of_the_runs(checkout):
    checkout.write("strategies/self_made.py", SELF_MADE)
    runs = [
        do(checkout),
        do(checkout, "owner"),
        do(checkout, "self_made"),
        do(checkout, "beats", rules={"cash_rate": 0.05}),
    ]
    found = matrix(runs)
    assert sums(found, runs) == pytest.approx([net_profit(run) for run in runs])
    assert list(found.totals) == [net_profit(run) for run in runs]
    assert [label for label, _ in found.others] == ["Orders without an event", "Interest on cash"]
    (orders, interest) = (dollars for _, dollars in found.others)
    assert [bool(dollars) for dollars in orders] == [False, False, True, False]
    assert [bool(dollars) for dollars in interest] == [False, False, False, True]


def test_a_cell_tells_the_profit_or_the_reason_or_nothing(checkout):
    runs = [do(checkout), do(checkout, "owner")]
    rows = {row.event["headline"]: row for row in matrix(runs).rows}
    assert [row.event["headline"] for row in matrix(runs).rows] == [
        "The replay begins", "A made-up beat", "A made-up miss",
    ]  # fmt: skip
    assert rows["A made-up beat"].event["published_at"].startswith("2025-06-04")
    (trade,) = runs[0].trades
    profit, nothing = rows["A made-up beat"].profits
    assert (profit.dollars, profit.text) == (float(trade["net_profit"]), "+2.8 %")
    assert nothing is None
    assert rows["A made-up miss"].profits == [(None, "no signal: not a beat"), None]
    assert not rows["A made-up miss"].is_traded


def test_several_trades_of_an_event_are_one_cell(checkout):
    run = do(checkout)
    (trade,) = run.trades
    run.__dict__["trades"] = [trade, {**trade, "net_profit": "100.0"}]
    (row,) = [row for row in matrix([run]).rows if row.is_traded]
    assert row.profits == [(float(trade["net_profit"]) + 100, "2 trades")]


def test_what_rounds_to_zero_dollars_has_no_sign(checkout):
    run = do(checkout)
    (trade,) = run.trades
    run.__dict__["trades"] = [{**trade, "net_profit": "-0.4"}]
    run.manifest["summary"]["run"]["final_equity"] = 100_000.3
    shown = visible(page_of(checkout, run))
    assert "2025-06-04 · earnings 0 +2.8 %" in shown
    assert "Net profit 0 " in shown


def test_colours_go_by_the_share_of_the_cash_that_was_earned(checkout):
    runs = [do(checkout), do(checkout, "owner", rules={"cash": 10_000.0}), do(checkout, "owner")]
    (start, beat, miss) = strengths(matrix(runs), runs)
    assert start[0] == miss[0] == 0
    assert abs(start[1] - start[2]) <= 1  # the like share, whatever the amount
    assert 0 < beat[0] < max(start) == 50


def test_of_very_many_events_the_newest_traded_are_shown_and_the_sums_hold(checkout, monkeypatch):
    checkout.strategy("both", "return Signal.long(event, hold=2, weight=0.5)", "Earnings, News")
    run = do(checkout, "both")
    assert len(run.trades) == 3
    monkeypatch.setattr(charts, "MOST_CELLS", 2)
    found = matrix([run])
    assert [row.event["headline"] for row in found.rows] == ["A made-up contract", "A made-up miss"]
    assert found.left_out == 1
    assert [label for label, _ in found.others] == ["Earlier events"]
    assert sums(found, [run]) == pytest.approx([net_profit(run)])
    assert "1 further event is left out" in visible(page_of(checkout, run))


# How alike the returns are


def curve(values, first="2025-01-01", cash=1.0, freq="D"):
    """A curve whose returns, and whose dollars, are these values day by day."""
    days = pd.date_range(first, periods=len(values), freq=freq)
    made = pd.Series(values, days, dtype=float)
    return Curve(cash, made, made)


def correlation(one, other):
    return correlations([one, other])[0][1]


def test_correlation_over_the_common_sessions():
    a = curve([0.0, 2.0, 4.0, 2.0] * 5 + [9.0])
    b = [1.0, 2.0, 3.0, 2.0] * 5  # the last of `a` has no like
    assert correlation(a, curve(b)) == (pytest.approx(1), 20)
    assert correlation(a, curve([-value for value in b])) == (pytest.approx(-1), 20)


def test_correlation_is_unknown_where_it_has_no_meaning():
    a = curve(range(30))
    assert correlation(a, curve(range(19))) == (None, 19)
    assert correlation(a, curve([0.1] * 25)) == (None, 25)
    assert correlation(a, curve(range(30), first="2026-01-01")) == (None, 0)


def test_correlations_are_those_of_each_with_each():
    curves = [curve([n * k % 7 for n in range(30)]) for k in (1, 2, 3)]
    found = correlations(curves)
    assert [found[n][n][0] for n in range(3)] == pytest.approx([1, 1, 1])
    assert found[0][2] == found[2][0] == correlation(curves[0], curves[2])


# The chart


def test_curves_are_those_of_the_runs_and_of_each_benchmark_once(checkout):
    runs = [do(checkout), do(checkout, "owner", first=day("2025-06-04"))]
    data = drawn(page_of(checkout, *runs))
    assert data["days"] == [f"{session:%Y-%m-%d}" for session in runs[0].equity.index]
    names = [line["name"] for line in data["series"]]
    assert names == [
        "beats", "owner · from 2025-06-04",
        "ACME held from 2025-06-02", "ACME held from 2025-06-04",
        "INDX benchmark from 2025-06-02", "INDX benchmark from 2025-06-04",
    ]  # fmt: skip
    assert [line["first"] for line in data["series"]] == [0, 2, 0, 2, 0, 2]
    assert data["series"][0]["equity"] == runs[0].equity["equity"].round().tolist()
    assert data["series"][4]["equity"][-1] == 102_000
    assert [line["isRun"] for line in data["series"]] == [True, True, *[False] * 4]
    looks = [(line["colour"], line["dash"]) for line in data["series"]]
    assert len(set(looks)) == 6


def test_benchmarks_are_named_by_what_tells_them_apart(checkout):
    whole, poor = do(checkout), do(checkout, rules={"cash": 500.0})
    part = do(checkout, first=day("2025-06-04"), benchmark="ACME")
    headings = [benchmark.heading for benchmark in benchmarks_of([whole, poor, part])]
    assert headings == [
        "INDX\nbenchmark\n100,000 $", "INDX\nbenchmark\n500 $", "ACME\nbenchmark",
    ]  # fmt: skip


def test_small_accounts_keep_their_cents():
    assert chart([curve([100.123456], cash=100.0)], ["a"], 1)["series"][0]["equity"] == [100.123]


@pytest.mark.parametrize(
    ("runs", "count", "step"),
    [(2, 2, "session"), (20, 25, "month"), (20, 15, "week"), (1, 60, "session")],
)
def test_the_chart_stays_light_and_ends_with_the_last_close(runs, count, step):
    values = [123_456.789] * (261 * count)
    curves = [curve(values, first="2000-01-03", cash=100_000.0, freq="B")] * runs
    data = chart(curves, ["a"] * runs, runs)
    assert data["step"] == step
    assert data["days"][-1] == f"{curves[0].equity.index[-1]:%Y-%m-%d}"
    assert sum(len(line["equity"]) for line in data["series"]) <= charts.MOST_POINTS
    assert len(json.dumps(data)) < 450_000


# What is unlike


def test_runs_that_are_alike_differ_in_nothing(checkout):
    runs = [do(checkout), do(checkout, "owner")]
    assert differences(runs) == differing_settings(runs) == []
    page = page_of(checkout, *runs)
    assert "Unlike is compared" not in visible(page)
    assert "Nothing: span, symbols, costs" in visible(page)


def test_what_was_set_differently_is_told(checkout):
    runs = [do(checkout), do(checkout, settings={"hold": 5}, rules={"slippage_bps": 20.0})]
    assert differences(runs) == [
        ("beats.hold", ["3", "5"]),
        ("rules.slippage_bps", ["5.0", "20.0"]),
    ]
    page = page_of(checkout, *runs)
    assert table(page, "differences")[0] == ["", "beats defaults", "beats hold 5 slippage 20 bp"]
    assert ["beats.hold", "3", "5"] in table(page, "differences")
    assert ["weight", "0.5", "0.5"] in table(page, "parameters")


@pytest.mark.parametrize(
    ("changes", "ground"),
    [
        ({"first": day("2025-06-04")}, "span"),
        ({"rules": {"cash": 5000.0}}, "cash at the start"),
        ({"rules": {"slippage_bps": 9.0}}, "costs and rules"),
        ({"symbols": ("ACME", "OTHR")}, "symbols"),
    ],
)
def test_unlike_is_not_compared_unknowingly(checkout, changes, ground):
    prices = (checkout.root / "data/prices/ACME.csv").read_text(encoding="utf-8")
    checkout.write("data/prices/OTHR.csv", prices)
    runs = [do(checkout), do(checkout, "owner", **changes)]
    assert differing_settings(runs) == [ground]
    assert f"Unlike is compared here. The runs differ in: {ground}." in visible(
        page_of(checkout, *runs)
    )


def test_runs_on_other_data_or_of_another_program_are_unlike(checkout):
    before = do(checkout)
    checkout.edit("data/prices/ACME.csv", ",1029\n", ",1030\n")
    after = do(checkout)
    assert differing_settings([before, after]) == ["data files"]
    ((name, values),) = differences([before, after])
    assert name == "prices/ACME"
    assert values == [run.manifest["inputs"][name][:8] for run in (before, after)]
    now = after.manifest["rules_version"]
    newer = Run(after.path, {**after.manifest, "rules_version": now + 1})
    assert differing_settings([after, newer]) == ["version of the rules"]
    told = ("version of the rules", [str(now), str(now + 1)])
    assert told in differences([after, newer])


# The page


def test_texts_from_outside_are_escaped(checkout):
    nasty = "<script>alert(1)</script>"
    checkout.edit("data/events/earnings.csv", "A made-up beat", nasty)
    page = page_of(checkout, do(checkout))
    assert nasty not in page
    assert f"{nasty} 2025-06-04 · earnings" in [row[0] for row in table(page, "matrix")]


def test_titles_lead_to_the_pages_of_the_runs_where_they_were_drawn(checkout):
    run = do(checkout)
    assert f"{run.path.name}/index.html" not in page_of(checkout, run)
    write_run_page(run)
    write_comparison(checkout.root / "reports", [run], keep=True)
    (kept,) = (checkout.root / "reports").glob("compare-*/index.html")
    assert f'href="../{run.path.name}/index.html"' in kept.read_text(encoding="utf-8")
    assert f'href="./{run.path.name}/index.html"' in page_of(checkout, run)


def test_a_run_alone_competes_with_nobody(checkout):
    page = page_of(checkout, do(checkout))
    assert "best" not in visible(page[page.index('<table id="figures"') :])
    assert "Set differently" not in visible(page)


def test_many_runs_have_a_look_each_and_a_light_page(checkout):
    runs = [do(checkout, settings={"hold": hold}) for hold in range(1, 21)]
    page = page_of(checkout, *runs)
    lines = drawn(page)["series"]
    assert (
        len({(line["colour"], line["dash"]) for line in lines}) == len(lines) == 22
    )  # with both that are held
    assert len(page) < 200_000


def test_a_run_without_its_evidence_yet_is_compared(checkout):
    run = do(checkout)
    gone = ("evidence", "attribution")
    early = Run(run.path, {name: told for name, told in run.manifest.items() if name not in gone})
    page = page_of(checkout, early, do(checkout, "owner"))
    assert f"Without evidence yet: {run.run_id}" in visible(page)


def test_a_comparison_that_is_kept_has_a_record_by_its_runs(checkout):
    reports = checkout.root / "reports"
    runs = [do(checkout), do(checkout, "owner", first=day("2025-06-04"))]
    write_comparison(reports, runs, keep=True)
    write_comparison(reports, runs[::-1], keep=True)  # the same, in another order
    (path,) = reports.glob("compare-*/compare.json")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert path.parent.name == f"compare-{record['comparison_id']}"
    assert record["strategies"] == ["owner", "beats"]
    assert record["runs"] == [run.run_id for run in runs[::-1]]
    assert record["symbols"] == ["ACME"]
    assert record["span"] == {"first": "2025-06-02", "last": "2025-07-15"}
    shutil.rmtree(path.parent)
    write_comparison(reports, runs)
    assert not list(reports.glob("compare-*"))


@pytest.mark.parametrize(
    ("verdict", "corrected", "words", "better"),
    [
        ("better", 0.03, "better than luck", "1 of 2"),
        ("better", 0.08, "better alone, not among so many", "0 of 2"),
        ("neither", 0.6, "like luck", "0 of 2"),
        ("worse", 0.01, "worse than luck", "0 of 2"),
    ],
)
def test_a_verdict_counts_the_runs_it_is_among(
    checkout, monkeypatch, verdict, corrected, words, better
):
    run, other = do(checkout), do(checkout, "owner")
    manifest = {**run.manifest, "evidence": {**run.manifest["evidence"], "verdict": verdict}}
    monkeypatch.setattr(compare_page, "holm_corrected", lambda _: [corrected, 0.5])
    page = page_of(checkout, Run(run.path, manifest), other)
    first, second, _, benchmark = table(page, "overview")[1:]
    assert first[-1] == words
    assert second[1:3] == [
        percent(other.summary["total_return"]),
        percent(other.summary["max_drawdown"]),
    ]
    assert second[-1] == "no verdict"
    assert benchmark[-2:] == ["", ""]
    assert f"{better} runs with a verdict did better than luck." in visible(page)


def test_a_profit_is_blue_and_a_loss_orange(checkout):
    page = page_of(checkout, do(checkout), do(checkout, "owner"))
    cells = re.findall(r'<td class="n (up|down)" data-v="(-?)', page)
    assert cells
    assert all((look == "down") == bool(minus) for look, minus in cells)
