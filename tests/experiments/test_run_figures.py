"""The figures of a run beside those of its record, and what holding its stock made."""

import pytest

from backtest.experiments.runs.figures import all_figures
from tests.made_up import day, do


def test_the_stock_is_held_from_the_open_that_its_prices_begin_with(checkout):
    # ACME opens at 100 on the first session and closes at 130 on the last, the thirtieth.
    held = do(checkout).manifest["summary"]["stock"]
    assert held["total_return"] == pytest.approx(0.30)
    assert held["final_equity"] == pytest.approx(130_000)


def test_of_a_span_it_is_held_from_the_close_before(checkout):
    # It closes at 101 on 06-02, and at 105 on 06-06.
    run = do(checkout, first=day("2025-06-03"), last=day("2025-06-06"))
    assert run.manifest["summary"]["stock"]["total_return"] == pytest.approx(105 / 101 - 1)


def test_a_benchmark_that_is_the_stock_says_it_already(checkout):
    assert do(checkout, benchmark="ACME").manifest["summary"]["stock"] is None


def test_a_run_has_its_trade_in_figures(checkout):
    run = do(checkout)  # long 485 at 103 from 2025-06-05 to 2025-06-10
    (trade,) = run.trades
    found = all_figures(run)
    assert found["holding_sessions"] == 3
    assert found["expectancy"] == found["average_win"] == float(trade["net_profit"])
    assert found["best_trade"] == found["worst_trade"] == float(trade["return"])
    assert (found["mae"], found["mfe"]) == (float(trade["mae"]), float(trade["mfe"]))
    assert found["profit_factor"] is None
    mean = run.equity["equity"].mean()
    bought = 485 * 103 * 1.0005
    assert found["turnover"] == pytest.approx(bought / mean * 252 / 30, rel=1e-6)
    assert found["total_return"] == run.summary["total_return"]


def test_without_a_trade_there_are_no_figures_of_trades(checkout):
    checkout.strategy("never", 'return "no"')
    found = all_figures(do(checkout, "never"))
    assert found["expectancy"] is None
    assert found["holding_sessions"] is None
    assert (found["turnover"], found["longest_drawdown"]) == (0.0, 0)
    assert (found["alpha"], found["beta"]) == (pytest.approx(0), pytest.approx(0))


def test_a_ruined_account_has_neither_alpha_nor_beta(checkout):
    run = do(checkout)
    run.equity.loc["2025-07-15", "equity"] = -1.0
    found = all_figures(run)
    names = ("alpha", "beta", "alpha_stock", "beta_stock")
    assert [found[name] for name in names] == [None] * 4


def test_streaks_are_in_order_of_exits_whichever_trade_began_first(checkout):
    # Written by hand in order of entry: won, lost, won. The last two ended in turned order.
    run = do(checkout)
    (trade,) = run.trades
    days = [("2025-06-10", "100"), ("2025-06-24", "-50"), ("2025-06-12", "30")]
    run.trades[:] = [{**trade, "exit_session": day, "net_profit": net} for day, net in days]
    found = all_figures(run)
    assert (found["winning_streak"], found["losing_streak"]) == (2, 1)


def test_streaks_of_one_session_are_in_order_of_its_fills(checkout):
    # Lost; then of one session lost within it, and won at its open, which came first.
    run = do(checkout)
    (trade,) = run.trades
    ends = [("2025-06-10", "close", "-50"), ("2025-06-12", "session", "-9"),
            ("2025-06-12", "open", "30")]  # fmt: skip
    run.trades[:] = [
        {**trade, "exit_session": day, "left_at": at, "net_profit": net} for day, at, net in ends
    ]
    found = all_figures(run)
    assert (found["winning_streak"], found["losing_streak"]) == (1, 1)
