"""What Backtrader does by default, and must not do here. Each test names the trap."""

from datetime import date
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given

import backtest
from backtest.engine.replay.broker import RulesBroker
from backtest.errors import AccountingError
from tests.engines import run_replay
from tests.oracle import Outcome, Settings
from tests.property.strategies import World, worlds
from tests.spec.case import FREE, free, long, parse_bars, short


def replayed(bars: str, *signals, settings: Settings = FREE, borrow=(), **more: str) -> Outcome:
    tables = {"ACME": bars, **more}
    named = [
        type(s)(**{**vars(s), "event_id": f"e{n}", "published_at": n})
        for n, s in enumerate(signals, start=1)
    ]
    rates = {"ACME": [(date.fromisoformat(day), rate) for day, rate in borrow]}
    return run_replay({s: parse_bars(t) for s, t in tables.items()}, named, settings, rates)


def test_an_order_is_not_refused_when_the_open_gaps() -> None:
    outcome = replayed(
        """
        2025-06-02 100 100 100 100
        2025-06-03 150 150 150 150
        """,
        long("2025-06-03", weight=0.95),
    )
    assert [trade.shares for trade in outcome.trades] == [633]  # 95,000 / 150


def test_an_order_that_costs_exactly_the_cash_is_filled() -> None:
    rules = free(cash=1_001.0, commission_per_share=0.005, max_gross=2)  # 1,000 and 1.00
    outcome = replayed("2025-06-02 100 100 100 100", long("2025-06-02", weight=1), settings=rules)
    assert [trade.shares for trade in outcome.trades] == [10]
    assert outcome.equity[-1].cash == 0.0


def test_a_short_is_bounded() -> None:
    outcome = replayed("2025-06-02 100 100 100 100", short("2025-06-02", weight=10))
    assert [trade.shares for trade in outcome.trades] == [1_000]


def test_borrow_is_on_the_market_value_and_not_on_the_entry_price() -> None:
    outcome = replayed(
        """
        2025-06-02 100 100 100 100
        2025-06-03 100 200 100 200
        2025-06-04 200 200 200 200
        """,
        short("2025-06-02", weight=0.12, hold=2),
        borrow=[("2025-06-01", 0.30)],
    )
    night = 120 * 1.02 * 0.30 / 360
    assert outcome.trades[0].borrow == pytest.approx(night * 100 + night * 200)
    assert outcome.trades[0].commission == 0.0  # Backtrader adds interest to it by default


def test_a_stop_is_live_in_the_entry_session() -> None:
    outcome = replayed("2025-06-02 100 100 80 95", long("2025-06-02", stop=0.1))
    assert [(t.exit_reason, t.exit_price) for t in outcome.trades] == [("stop", 90.0)]


def test_a_close_and_a_live_stop_of_one_bar_do_not_both_fill() -> None:
    outcome = replayed(
        """
        2025-06-02 100 100 100 100
        2025-06-03 100 100  80  85
        2025-06-04  85  85  85  85
        """,
        long("2025-06-02", hold=1, stop=0.1),
    )
    assert [(t.exit_reason, t.exit_price) for t in outcome.trades] == [("time", 100.0)]
    assert [point.position_value for point in outcome.equity[1:]] == [0.0, 0.0]


def test_nothing_fills_at_the_close_before_the_tradable_session() -> None:
    outcome = replayed(
        """
        2025-06-02 100 100 100 100
        2025-06-03 120 120 120 120
        """,
        long("2025-06-03"),
    )
    assert [t.entry_price for t in outcome.trades] == [120.0]


def test_slippage_reaches_the_open_and_goes_beyond_the_bar() -> None:
    outcome = replayed(
        "2025-06-02 100 100 100 100", long("2025-06-02"), settings=free(slippage_bps=50)
    )
    assert outcome.trades[0].entry_price == pytest.approx(100.5)


def test_a_target_is_not_slipped() -> None:
    outcome = replayed(
        "2025-06-02 100 120 100 120",
        long("2025-06-02", target=0.1),
        settings=free(slippage_bps=50),
    )
    assert outcome.trades[0].exit_price == pytest.approx(100.5 * 1.1)


def test_orders_of_the_last_bar_are_filled() -> None:
    outcome = replayed(
        """
        2025-06-02 100 100 100 100
        2025-06-03 100 110 100 110
        """,
        long("2025-06-03", weight=0.5),
    )
    assert [(t.exit_reason, t.exit_price) for t in outcome.trades] == [("open", 110.0)]
    assert outcome.equity[-1].equity == 105_000.0


def test_a_feed_that_begins_later_does_not_delay_the_others() -> None:
    outcome = replayed(
        """
        2025-06-02 100 100 100 100
        2025-06-03 100 100 100 100
        """,
        long("2025-06-02", weight=0.5),
        BOLT="2025-06-03 10 10 10 10",
    )
    assert [t.entry_session for t in outcome.trades] == [date(2025, 6, 2)]
    assert len(outcome.equity) == 2


def test_a_feed_that_has_ended_does_not_repeat_its_last_bar() -> None:
    outcome = replayed(
        """
        2025-06-02 100 100 100 100
        2025-06-03 100 100  85  95
        """,
        long("2025-06-02", weight=0.5, stop=0.10, symbol="BOLT"),
        short("2025-06-02", weight=0.3),
        borrow=[("2025-06-01", 0.36)],
        BOLT="2025-06-02 10 10 9.5 9.5",
    )
    stays, other = outcome.trades
    assert (stays.symbol, stays.exit_reason, stays.exit_price) == ("BOLT", "open", 9.5)
    assert other.borrow == pytest.approx(300 * 100 * 1.02 * 0.36 / 360)


def test_an_order_that_backtrader_refuses_is_a_fault_and_not_silence(monkeypatch) -> None:
    monkeypatch.setattr(RulesBroker, "_slip_up", lambda *_, **__: 1e9)
    with pytest.raises(AccountingError, match="refused"):
        replayed("2025-06-02 100 100 100 100", long("2025-06-02"))


def test_books_that_do_not_balance_are_a_fault_and_not_a_warning(monkeypatch) -> None:
    monkeypatch.setattr(RulesBroker, "_slip_up", lambda _, __, price, *___, **____: price * 0.9)
    monkeypatch.setattr(RulesBroker, "get_cash", lambda self: self.cash + 0.01)
    with pytest.raises(AccountingError, match="ledger"):
        replayed("2025-06-02 100 100 100 100", long("2025-06-02"))


def test_plot_is_never_called() -> None:
    engine = Path(backtest.__file__).parent / "engine"
    assert not [path for path in engine.rglob("*.py") if ".plot(" in path.read_text()]


@given(worlds())
def test_orders_are_the_same_in_every_mode(world: World) -> None:
    parts = (world.bars, world.signals, world.settings, world.borrow)
    usual = run_replay(*parts)
    for runonce, preload in product((True, False), repeat=2):
        assert run_replay(*parts, runonce=runonce, preload=preload) == usual
