"""The page of a run with many trades: what it counts and holds, and how little it weighs."""

import csv
import json
import re
from datetime import date, timedelta

import pytest

from backtest.experiments.runs.figures import Group
from backtest.experiments.runs.store import Run
from backtest.reports import run_page, run_words
from backtest.reports.compare_page import write_comparison
from backtest.reports.run_page import excursions_of, write_run_page
from backtest.reports.run_words import most_reasons, ranked_stocks, run_markdown
from backtest.reports.tearsheet import write_tearsheet
from tests.made_up import do

HOSTILE = '</script><script>alert("x")</script>'


def rewrite(run: Run, name: str, rows: list[dict[str, str]]) -> Run:
    """The run with other rows in one of its files."""
    with (run.path / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return Run(run.path, run.manifest)


def traded(run: Run, *trades: tuple[str, float, float]) -> Run:
    """The run with these trades: a symbol, net dollars and a return each."""
    (row,) = run.trades
    rows = [
        {**row, "trade_id": str(n), "symbol": symbol, "net_profit": str(net), "return": str(change)}
        for n, (symbol, net, change) in enumerate(trades, 1)
    ]
    return rewrite(run, "trades.csv", rows)


def data_of(text: str):
    return json.loads(re.search(r'type="application/json" id="data">(.*?)</script>', text)[1])


def page_of(run: Run) -> str:
    return write_run_page(run).read_text(encoding="utf-8")


@pytest.fixture
def of_two_stocks(checkout, monkeypatch) -> Run:
    monkeypatch.setattr(run_words, "MANY", 2)
    return traded(do(checkout), ("AAA", 100, 0.02), ("BBB", -50, -0.01), ("AAA", -20, -0.03))


def test_a_page_of_ten_thousand_trades_weighs_less_than_two_megabytes(checkout):
    run = do(checkout)
    (trade,), event = run.trades, run.decisions[0]
    trades, decisions = [], []
    for n in range(10_000):
        name, day = f"earnings-20250604-{n:06}", date(2015, 1, 2) + timedelta(n // 3)
        headline = f"Stock {n % 500} reports EPS {n / 321:.2f}, of which {n / 456:.2f} was expected"
        own = {"event_id": name, "symbol": f"S{n % 500:03}"}
        decisions.append(
            {**event, **own, "headline": headline, "reason": f"surprise {n / 77:+.1%}"}
        )
        prices = {"entry_price": f"{100 + n / 7}", "exit_price": f"{101 + n / 9}"}
        profit = {"net_profit": f"{n / 3 - 1500}", "return": f"{n / 1e5 - 0.05}"}
        sessions = {"entry_session": str(day), "exit_session": str(day + timedelta(14))}
        number = {"trade_id": str(n + 1), "shares": f"{n / 11}"}
        trades.append({**trade, **own, **number, **prices, **profit, **sessions})
    run = rewrite(rewrite(run, "trades.csv", trades), "decisions.csv", decisions)
    page = write_run_page(run)
    assert page.stat().st_size < 2_000_000
    assert len(data_of(page.read_text(encoding="utf-8"))["trades"]) == 10_000
    assert len(run_markdown(run).splitlines()) < 120
    write_tearsheet(run)
    comparison = write_comparison(run.path.parent, [run])
    assert comparison.stat().st_size < 490_000
    assert "is not listed for so many" in comparison.read_text(encoding="utf-8")


def test_profit_by_stock(of_two_stocks):
    assert ranked_stocks(of_two_stocks) == [
        Group("AAA", trades=2, wins=1, net_profit=80.0, mean_return=pytest.approx(-0.005)),
        Group("BBB", trades=1, wins=0, net_profit=-50.0, mean_return=-0.01),
    ]


def test_the_page_holds_every_trade_stock_and_year(of_two_stocks):
    text = page_of(of_two_stocks)
    data = data_of(text)
    assert data["stocks"] == [["AAA", 2, 1, 80.0, -0.005], ["BBB", 1, 0, -50.0, -0.01]]
    # Its id, stock, side, entry, exit, how it was left, shares, profit, return, and texts.
    (first, *_) = data["trades"]
    assert first[:3] == [1, 0, 1]
    assert [data["days"][first[3]], first[4]] == ["2025-06-05", 103.051]
    assert [data["days"][first[5]], first[6]] == ["2025-06-10", 105.947]
    assert data["exits"][first[7]] == "time"
    assert first[9:] == [100.0, 0.02, "A made-up beat · a beat"]
    assert '<th scope="row">2025</th>' in text
    assert data["weeks"][:2] == ["2025-06-06", "2025-06-13"]
    assert data["account"]["equity"][0] == 100_000


def test_returns_by_year_stand_beside_the_stocks_held(of_two_stocks):
    rows = re.findall(r"<tr>(<th[^>]*>(?:Year|2025)<.*?)</tr>", page_of(of_two_stocks), re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)<", row) for row in rows]
    assert [row[:4] for row in cells if len(row) == 7] == [
        ["Year", "Return", "ACME held", "INDX"], ["2025", "+1.4 %", "+30.0 %", "+2.0 %"],
    ]  # fmt: skip


def test_a_mean_return_is_coloured_by_its_own_sign(of_two_stocks):
    text = page_of(of_two_stocks)
    assert '<td class="n gain">+80</td><td class="n loss">-0.5 %</td>' in text


def test_the_page_says_what_the_hedges_made(of_two_stocks):
    rows = [{**row, "hedge_profit": "-30.0"} for row in of_two_stocks.trades]  # of +30 in all
    assert "The stocks made +120 $, their hedges -90 $." in page_of(
        rewrite(of_two_stocks, "trades.csv", rows)
    )


def test_of_too_many_trades_the_newest_are_on_the_page(of_two_stocks, monkeypatch):
    monkeypatch.setattr(run_page, "MOST_TRADES", 2)
    text = page_of(of_two_stocks)
    assert [trade[0] for trade in data_of(text)["trades"]] == [2, 3]
    assert 'The newest; 1 earlier ones are in <a href="trades.csv">' in text


def test_reasons_that_differ_in_their_numbers_are_one(checkout, monkeypatch):
    run = do(checkout)
    row = run.decisions[0]
    told = [
        ("enter", "surprise +1.5%"), ("enter", "surprise -12.0 %"), ("no_signal", "none is known"),
        ("no_signal", "too small"),
    ]  # fmt: skip
    rows = [{**row, "action": action, "reason": reason} for action, reason in told]
    run = rewrite(run, "decisions.csv", rows)
    assert most_reasons(run) == [
        ("enter", "surprise …", 2),
        ("no signal", "none is known", 1),
        ("no signal", "too small", 1),
    ]
    monkeypatch.setattr(run_words, "MOST_REASONS", 1)
    assert most_reasons(run) == [("enter", "surprise …", 2), ("other", "2 more reasons", 2)]


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        (["public before 2025-03-28", "public before 2025-03-28"], "public before 2025-03-28"),
        (["public before 2025-03-28", "public before 2025-04-01"], "public before …"),
        (["from 5 to 10 %", "from 6 to 10 %"], "from … to …"),
        (["less than 1.0%"], "less than 1.0%"),
    ],
)
def test_a_reason_keeps_its_figures_where_they_are_alike(checkout, reasons, said):
    run = do(checkout)
    rows = [{**run.decisions[0], "action": "no_signal", "reason": reason} for reason in reasons]
    run = rewrite(run, "decisions.csv", rows)
    assert most_reasons(run) == [("no signal", said, len(reasons))]


def test_no_headline_ends_the_script(of_two_stocks):
    rows = [{**row, "headline": HOSTILE} for row in of_two_stocks.decisions]
    text = page_of(rewrite(of_two_stocks, "decisions.csv", rows))
    assert HOSTILE not in text
    assert data_of(text)["trades"][0][-1].startswith(HOSTILE)


def test_a_run_of_a_universe_is_named_after_it_and_has_such_a_page(checkout):
    run = do(checkout)
    run = Run(run.path, {**run.manifest, "universe": "made_up"})
    assert run.name == "beats · made_up"
    assert "Profit by stock" in page_of(run)
    assert "| ACME | 1 | 1 |" in run_markdown(run)


def test_few_trades_keep_their_chart_and_rows(checkout):
    text = page_of(do(checkout))
    assert "Profit by stock" not in text
    assert 'id="story"' in text


def test_the_worst_and_best_prices_of_many_trades_are_counted(of_two_stocks):
    moves = [("100", "-0.011", "0.0305"), ("-50", "-0.04", "0.002"), ("-20", "-0.0999", "0.0")]
    rows = [
        {**row, "net_profit": net, "mae": mae, "mfe": mfe}
        for row, (net, mae, mfe) in zip(of_two_stocks.trades, moves, strict=True)
    ]
    found = excursions_of(rewrite(of_two_stocks, "trades.csv", rows))
    # 98 in 100 lie within 9.391 % by interpolation, which twenty steps of 0.5 % hold.
    assert found["step"] == 0.005
    gained, lost = found["worst"]
    assert [n for n, many in enumerate(gained) if many] == [2]
    assert [n for n, many in enumerate(lost) if many] == [8, 19]
    gained, lost = found["best"]
    assert [n for n, many in enumerate(gained) if many] == [6]
    assert [n for n, many in enumerate(lost) if many] == [0]
    assert sum(lost) == 2
    assert found["endured"] == -0.011
    assert found["missed"] == pytest.approx(0.001)
    text = page_of(of_two_stocks)
    assert "Nine in ten of the trades that gained never stood lower than" in text
