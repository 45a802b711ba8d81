"""What a run is held against: a benchmark, and its stocks held throughout."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from backtest.engine.rules import Rules
from backtest.errors import DataError
from backtest.experiments.runs.figures import (
    _mean_holding,
    _within,
    benchmark_returns,
    figures_of_holding,
    grouped,
    holding_returns,
    holdings,
    moves,
)
from backtest.experiments.runs.run import _figures
from tests.engines import made_up_prices
from tests.experiments.test_attribution import decision
from tests.made_up import earnings

DAYS = [date(2025, 6, day) for day in (2, 3, 4, 5, 6)]


def prices(symbol: str, *closes: float, first: int = 0, open_: float = 100.0, actions=()):
    """Bars of which the first opens at a price of its own and each other at the close before."""
    opens = [open_, *closes[:-1]]
    rows = [
        (day, start, max(start, end), min(start, end), end)
        for day, start, end in zip(DAYS[first:], opens, closes, strict=False)
    ]
    return made_up_prices(symbol, rows, actions)


def test_a_benchmark_begins_at_the_close_before_or_at_its_own_open():
    index = prices("INDX", 110, 121, 121, 133.1, 133.1)
    assert benchmark_returns(index, DAYS) == pytest.approx([0.1, 0.1, 0, 0.1, 0])
    assert benchmark_returns(index, DAYS[1:3]) == pytest.approx([0.1, 0])
    # A session that the run has not is in the return of the next.
    assert benchmark_returns(index, [DAYS[1], DAYS[3]]) == pytest.approx([0.1, 0.1])
    bare = SimpleNamespace(
        growth=index.growth, returns=index.returns, traded=index.table, has_bars=False
    )
    assert benchmark_returns(bare, DAYS[:2]) == pytest.approx([0, 0.1])


@pytest.mark.parametrize(
    ("sessions", "options"),
    [
        (DAYS[:4], "with --from 2025-06-03"),
        (DAYS[1:], "with --to 2025-06-05"),
        (DAYS, "with --from 2025-06-03 --to 2025-06-05"),
        (DAYS[1:4], "with --from and --to"),
    ],
)
def test_a_benchmark_without_a_session_says_which_span_it_has(sessions, options):
    index = prices("INDX", 1, 1, 1, first=1)
    assert _within(index, sessions) == options
    missing = [day for day in sessions if day not in DAYS[1:4]]
    if missing:
        told = rf"no close on {missing[0]} \({len(missing)} sessions? .* a span {options}\."
        with pytest.raises(DataError, match=told):
            benchmark_returns(index, sessions)


def test_stocks_are_held_in_equal_parts_and_one_that_lists_later_from_its_open():
    """ACME from the close before at 110: +10 %, 0, +10 %. BOLT from its open at 50 on the third."""
    both = [prices("ACME", 110, 121, 121, 133.1), prices("BOLT", 55, 66, first=2, open_=50)]
    growth = [(1.1 + 1) / 2, (1.1 + 1.1) / 2, (1.21 + 1.32) / 2]
    found = holding_returns(both, DAYS[1:4])
    assert np.cumprod(1 + found) == pytest.approx(growth)
    # What ends before the span does stays as it was.
    short = holding_returns([prices("CORE", 110, 121)], DAYS[:4])
    assert np.cumprod(1 + short) == pytest.approx([1.1, 1.21, 1.21, 1.21])


def test_all_cash_in_something_is_exposed_throughout_and_pays_nothing():
    returns = np.array([0.1, -0.5, 0.0])
    found = figures_of_holding(returns, np.zeros(3), Rules(cash=1_000))
    assert found["final_equity"] == pytest.approx(550)
    assert found["total_return"] == pytest.approx(-0.45)
    assert found["max_drawdown"] == pytest.approx(-0.5)
    assert (found["exposure"], found["trades"], found["win_rate"]) == (1, None, None)
    assert [found[name] for name in ("commission", "borrow", "dividends", "interest")] == [0] * 4


def run(symbols: str, first: str = "2025-06-02", cash: float = 1e5, stock: object = None):
    manifest = {
        "span": {"first": first, "last": "2025-07-15"}, "rules": {"cash": cash},
        "symbols": list(symbols), "summary": {"stock": stock},
    }  # fmt: skip
    return SimpleNamespace(manifest=manifest, traded=", ".join(symbols))


def test_what_runs_traded_is_held_once_of_each_span_and_cash():
    figures = {"sharpe": 1.0}
    runs = [
        run("A", stock=figures), run("A", stock={"sharpe": 2.0}), run("AB", stock=figures),
        run("A", "2025-06-03", stock=figures), run("A", cash=5.0, stock=figures), run("B"),
    ]  # fmt: skip
    found = holdings(runs)
    assert [runs.index(one.run) for one in found] == [0, 2, 3, 4]
    assert (found[0].figures, found[1].symbols) == (figures, "A, B")


@pytest.mark.parametrize(
    ("spans", "mean"),
    [([(0, 3)], 3), ([(0, 3), (1, 1)], 1.5), ([(1, 4), (0, 2), (2, 3)], 2), ([], None)],
)
def test_a_trade_is_held_for_the_sessions_from_its_entry_to_its_exit(spans, mean):
    trades = [
        {"entry_session": str(DAYS[first]), "exit_session": str(DAYS[last])}
        for first, last in spans
    ]
    made = SimpleNamespace(trades=trades, equity=pd.DataFrame(index=pd.DatetimeIndex(DAYS)))
    assert _mean_holding(made) == mean


def test_a_trade_that_made_nothing_is_no_win():
    (group,) = grouped([("a", 0.0, 0.0), ("a", 0.01, 0.1), ("a", -4.0, -0.4)])
    assert (group.trades, group.wins) == (3, 1)
    assert group.net_profit == pytest.approx(-3.99)
    assert group.mean_return == pytest.approx(-0.1)


def test_a_gap_over_a_split_is_in_the_shares_of_the_open():
    """It closes at 100 and opens at 26 on the day of a split of four for one: a gain of 4 %."""
    split = ((DAYS[2], "split", 4.0),)
    rows = [(day, *[100 if n < 2 else 26] * 4) for n, day in enumerate(DAYS)]
    stock = made_up_prices("ACME", rows, split)
    event = earnings("2025-06-03T16:05:00-04:00")
    (found,) = moves([decision(event, "2025-06-04")], [], {"ACME": stock})
    assert (found["last_close"], found["first_open"]) == (25, 26)
    assert found["gap"] == pytest.approx(0.04)
    earlier = earnings("2025-06-02T16:05:00-04:00")
    (found,) = moves([decision(earlier, "2025-06-03")], [], {"ACME": stock})
    assert (found["last_close"], found["gap"]) == (100, 0)
    (found,) = moves([decision(event, None)], [], {"ACME": stock})
    assert (found["last_close"], found["first_open"]) == (100, None)


def test_what_a_reaction_earns_is_weighed_by_what_was_put_in():
    trades = [
        SimpleNamespace(shares=10, entry_price=100, net_profit=50),
        SimpleNamespace(shares=10, entry_price=300, net_profit=30),
    ]
    assert _figures(5.0, trades) == {
        "reaction": 5.0, "trades": 2, "profit": 80, "mean_trade_return": 0.02,
    }  # fmt: skip
    assert _figures(None, []) == {
        "reaction": None, "trades": 0, "profit": 0, "mean_trade_return": None,
    }  # fmt: skip


def test_a_stock_that_is_silent_at_first_is_bought_at_its_first_trade():
    rows = [(DAYS[0], *[100.0] * 4, 0.0), (DAYS[1], 110.0, 125.0, 109.0, 121.0, 900.0),
            (DAYS[2], *[133.1] * 4, 900.0)]  # fmt: skip
    found = holding_returns([made_up_prices("ACME", rows)], DAYS[:3])
    assert found.tolist() == pytest.approx([0.0, 0.1, 0.1])
    assert benchmark_returns(made_up_prices("ACME", rows), DAYS[:3]).tolist() == found.tolist()


def test_a_stock_that_never_trades_is_worth_what_it_was():
    days = [(day, *[100.0] * 4) for day in DAYS[:3]]
    halted = made_up_prices("ACME", days, ((DAYS[0], "halted", None, DAYS[2]),))
    assert halted.traded.empty
    assert holding_returns([halted], DAYS[:3]).tolist() == [0.0, 0.0, 0.0]
    assert benchmark_returns(halted, DAYS[:3]).tolist() == [0.0, 0.0, 0.0]
