"""Bars finer than a session, worked by hand: what goes by the bar, and what by the session.

Each case runs through the kernel and through the oracle. Thursday 2025-06-05 is followed by a
Friday and, after the weekend, by Monday 2025-06-09; bars open at 13:30, 15:30 and 17:30 UTC.
"""

from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from statistics import mean, stdev

import numpy as np
import pytest

from backtest.engine.kernel.panel import signal_rows
from backtest.engine.kernel.simulate import simulate
from backtest.engine.rules import Rules
from backtest.stats.figures import figures_of_totals
from tests import oracle
from tests.engines import as_signal, finer_panel, run_kernel_on_finer_bars
from tests.oracle import Settings, Signal
from tests.property.strategies import exchange_sessions
from tests.spec.case import FREE, free

ENGINES = {"kernel": run_kernel_on_finer_bars, "oracle": oracle.simulate}
CALM = """
    06-05 13:30 100 100 100 100
    06-05 15:30 100 100 100 100
    06-05 17:30 100 100 100 100
    06-06 13:30 100 100 100 100
    06-06 15:30 100 100 100 100
    06-06 17:30 100 100 100 100
    06-09 13:30 100 100 100 100
    06-09 15:30 100 100 100 100
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2025-{text.strip().replace(' ', 'T')}")


def bars(table: str) -> list[tuple]:
    """Rows of `day time open high low close`."""
    rows = [line.split() for line in table.strip().splitlines()]
    return [(at(f"{day} {time}"), *map(float, prices)) for day, time, *prices in rows]


def changed(**lines: str) -> str:
    """The calm bars with other prices on some: `d05_1530="100 101 99 100"`."""
    table = CALM
    for name, prices in lines.items():
        start = f"06-{name[1:3]} {name[4:6]}:{name[6:]}"
        assert f"{start} 100 100 100 100" in table
        table = table.replace(f"{start} 100 100 100 100", f"{start} {prices}" if prices else "")
    return "\n".join(line for line in table.splitlines() if line.strip())


def signal(moment: str, direction: str = "long", symbol: str = "ACME", **terms) -> Signal:
    terms = {"weight": 0.5, "event_id": f"e {moment}", "published_at": at(moment), **terms}
    return Signal(at(moment), symbol, direction, **terms)


def traded(engine: str, tables, signals, settings: Settings = FREE, borrow=None):
    tables = {"ACME": tables} if isinstance(tables, str) else tables
    rows = {symbol: bars(table) for symbol, table in tables.items()}
    return ENGINES[engine](rows, signals, settings, borrow or {})


def told(outcome) -> list[tuple]:
    return [
        (t.direction, t.shares, t.entry_session, t.entry_price, t.exit_session, t.exit_price,
         t.exit_reason)
        for t in outcome.trades
    ]  # fmt: skip


@pytest.fixture(params=ENGINES)
def engine(request) -> str:
    return request.param


def test_an_entry_in_mid_session_is_at_the_open_of_its_bar(engine) -> None:
    table = changed(d05_1530="80 90 70 85")
    outcome = traded(engine, table, [signal("06-05 15:30")])
    assert told(outcome) == [
        ("long", 625, at("06-05 15:30"), 80.0, at("06-09 15:30"), 100.0, "open")
    ]
    equities = [point.equity for point in outcome.equity]
    assert equities[:3] == [100_000.0, 100_000.0 + 625 * 5, 100_000.0 + 625 * 20]


def test_hold_counts_sessions_and_ends_at_the_first_bar_of_one(engine) -> None:
    table = changed(d06_1330="101 101 101 101", d09_1330="102 103 101 102")
    signals = [signal("06-05 15:30", hold=2)]
    assert told(traded(engine, table, signals)) == [
        ("long", 500, at("06-05 15:30"), 100.0, at("06-09 13:30"), 102.0, "time")
    ]
    signals = [signal("06-05 17:30", hold=1)]
    assert told(traded(engine, table, signals)) == [
        ("long", 500, at("06-05 17:30"), 100.0, at("06-06 13:30"), 101.0, "time")
    ]


@pytest.mark.parametrize("hold", [1_000_000, 2**31 - 1])
def test_a_hold_of_more_than_any_number_of_sessions(engine, hold) -> None:
    (trade,) = traded(engine, CALM, [signal("06-05 13:30", hold=hold)]).trades
    assert (trade.exit_session, trade.exit_reason) == (at("06-09 15:30"), "open")


def test_borrow_is_paid_once_a_night_on_the_last_close_of_the_session(engine) -> None:
    # 0.36 a year on 360 days and a collateral of 1: a thousandth of the value a calendar day.
    table = changed(
        d05_1530="100 101 100 101", d05_1730="101 102 101 102", d06_1730="100 104 99 104"
    )
    settings = free(borrow_default=0.36, borrow_collateral=1.0)
    outcome = traded(engine, table, [signal("06-05 13:30", "short", hold=2)], settings)
    thursday, weekend = 500 * 102 * 0.001, 500 * 104 * 0.001 * 3
    (trade,) = outcome.trades
    assert (trade.exit_session, trade.exit_reason) == (at("06-09 13:30"), "time")
    assert trade.borrow == pytest.approx(thursday + weekend)
    cash = [point.cash for point in outcome.equity]
    paid = [150_000.0, 150_000.0 - thursday, 100_000.0 - thursday - weekend]
    assert cash == pytest.approx([paid[0]] * 3 + [paid[1]] * 3 + [paid[2]] * 2)


def test_the_rate_of_a_night_is_that_of_its_session(engine) -> None:
    dated = [(date(2025, 6, 6), 0.36), (date(2025, 6, 9), 5.0)]
    settings = free(borrow_collateral=1.0)  # nothing before the first rate
    signals = [signal("06-05 15:30", "short")]
    (trade,) = traded(engine, CALM, signals, settings, {"ACME": dated}).trades
    assert trade.borrow == pytest.approx(500 * 100 * 0.001 * 3)


def test_a_stop_is_touched_in_a_later_bar_of_the_entry_session(engine) -> None:
    table = changed(d05_1530="99 99 96 97", d05_1730="97 97 94 96")
    outcome = traded(engine, table, [signal("06-05 13:30", stop=0.05)])
    assert told(outcome) == [
        ("long", 500, at("06-05 13:30"), 100.0, at("06-05 17:30"), 95.0, "stop")
    ]


def test_a_stop_is_live_in_the_bar_of_the_entry_and_not_before(engine) -> None:
    table = changed(d05_1330="100 100 90 100", d05_1530="100 100 94 100")
    outcome = traded(engine, table, [signal("06-05 15:30", stop=0.05)])
    assert told(outcome) == [
        ("long", 500, at("06-05 15:30"), 100.0, at("06-05 15:30"), 95.0, "stop")
    ]


def test_a_bar_that_opens_beyond_the_stop_fills_at_its_open(engine) -> None:
    outcome = traded(engine, changed(d05_1730="93 100 92 100"), [signal("06-05 13:30", stop=0.05)])
    assert [trade.exit_price for trade in outcome.trades] == [93.0]


def test_a_trailing_stop_moves_from_bar_to_bar(engine) -> None:
    table = changed(
        d05_1330="100 112 80 110",  # not live in the bar of the entry
        d05_1530="110 121 100 120",  # stands at 110 × 0.9 = 99
        d05_1730="120 120 107 110",  # stands at 120 × 0.9 = 108
    )
    outcome = traded(engine, table, [signal("06-05 13:30", trailing_stop=0.1)])
    assert told(outcome) == [
        ("long", 500, at("06-05 13:30"), 100.0, at("06-05 17:30"), 108.0, "trailing_stop")
    ]


def test_renewed_in_mid_session_the_hold_counts_from_that_session(engine) -> None:
    table = changed(
        d06_1530="120 120 120 120",
        d06_1730="120 120 109 120",
        d09_1330="115 115 115 115",
        d09_1530="116 116 116 116",
    )
    first = signal("06-05 13:30", hold=2, stop=0.2)
    renewed = signal("06-06 15:30", hold=1, stop=0.1)  # stands at 120 × 0.9 = 108
    outcome = traded(engine, table, [first, renewed])
    assert told(outcome) == [
        ("long", 500, at("06-05 13:30"), 100.0, at("06-09 13:30"), 115.0, "time")
    ]
    assert outcome.outcomes == {"e 06-05 13:30": "enter", "e 06-06 15:30": "renew"}
    later = traded(engine, table, [first, replace(renewed, hold=2)])
    assert [(t.exit_session, t.exit_reason) for t in later.trades] == [(at("06-09 15:30"), "open")]


def test_reversed_in_mid_session(engine) -> None:
    table = changed(d05_1530="110 110 110 110")
    outcome = traded(engine, table, [signal("06-05 13:30"), signal("06-05 15:30", "short", hold=1)])
    # 100,000 + 500 × 10 = 105,000, half of it at 110 is 477 shares.
    assert told(outcome) == [
        ("long", 500, at("06-05 13:30"), 100.0, at("06-05 15:30"), 110.0, "reversal"),
        ("short", 477, at("06-05 15:30"), 110.0, at("06-06 13:30"), 100.0, "time"),
    ]


def test_a_margin_call_is_answered_at_the_next_bar(engine) -> None:
    # 1,000 short at 100: at 160 the equity is 40,000, less than 0.3 × 160,000 = 48,000.
    table = changed(d05_1530="150 160 150 160", d05_1730="155 155 155 155")
    outcome = traded(engine, table, [signal("06-05 13:30", "short", weight=1.0)])
    assert told(outcome) == [
        ("short", 1000, at("06-05 13:30"), 100.0, at("06-05 17:30"), 155.0, "margin_call")
    ]


def test_ruin_at_a_close_ends_the_trading_at_the_next_bar(engine) -> None:
    table = changed(d05_1530="150 210 150 205", d05_1730="190 190 190 190")
    signals = [signal("06-05 13:30", "short", weight=1.0), signal("06-05 17:30")]
    outcome = traded(engine, table, signals, free(maintenance_margin=0.0))
    assert told(outcome) == [
        ("short", 1000, at("06-05 13:30"), 100.0, at("06-05 17:30"), 190.0, "ruin")
    ]
    assert outcome.outcomes["e 06-05 17:30"] == "ruined"


def test_interest_goes_by_days_not_by_bars(engine) -> None:
    # 0.36 a year on 360 days: a thousandth a day; Friday's night lasts three days.
    outcome = traded(engine, CALM, [], free(cash_rate=0.36))
    friday = 100_000.0 * 1.001
    monday = friday * 1.003
    expected = [100_000.0] * 3 + [friday] * 3 + [monday] * 2
    assert [point.equity for point in outcome.equity] == pytest.approx(expected)
    assert outcome.interest == pytest.approx(monday - 100_000.0)


def test_slippage_and_volume_look_back_by_bars(engine) -> None:
    # The bar before has a range of 4 on a close of 100, and a tenth of that slips: 0.4 %.
    table = changed(d05_1330="100 102 98 100")
    outcome = traded(engine, table, [signal("06-05 15:30")], free(slippage_range=0.1))
    assert [trade.entry_price for trade in outcome.trades] == [pytest.approx(100.4)]
    rows = [(*row, 50.0 if place else 30.0) for place, row in enumerate(bars(CALM))]
    settings = free(max_participation=0.5)
    outcome = ENGINES[engine]({"ACME": rows}, [signal("06-05 15:30")], settings, {})
    assert [trade.shares for trade in outcome.trades] == [15]
    assert outcome.capped == {"e 06-05 15:30"}


class TestHoles:
    """Bars that one symbol has and another has not."""

    def test_a_time_exit_waits_for_the_symbols_first_bar_of_the_session(self, engine) -> None:
        table = changed(d06_1330="", d06_1530="103 103 103 103")
        outcome = traded(engine, {"ACME": table, "BOLT": CALM}, [signal("06-05 15:30", hold=1)])
        assert told(outcome) == [
            ("long", 500, at("06-05 15:30"), 100.0, at("06-06 15:30"), 103.0, "time")
        ]

    def test_a_session_without_bars_counts_neither_for_the_hold_nor_for_nights(
        self, engine
    ) -> None:
        table = changed(d05_1730="102 102 102 102", d06_1330="", d06_1530="", d06_1730="")
        settings = free(borrow_default=0.36, borrow_collateral=1.0)
        signals = [signal("06-05 13:30", "short", hold=1)]
        outcome = traded(engine, {"ACME": table, "BOLT": CALM}, signals, settings)
        (trade,) = outcome.trades
        assert (trade.exit_session, trade.exit_reason) == (at("06-09 13:30"), "time")
        assert trade.borrow == pytest.approx(500 * 102 * 0.001 * 4)

    def test_without_a_bar_a_position_counts_at_its_last_close(self, engine) -> None:
        table = changed(d05_1330="100 110 100 110", d05_1530="", d05_1730="120 120 120 120")
        outcome = traded(engine, {"ACME": table, "BOLT": CALM}, [signal("06-05 13:30")])
        equity = [point.equity for point in outcome.equity[:3]]
        assert equity == [105_000.0, 105_000.0, 110_000.0]

    def test_a_margin_call_waits_for_a_bar_of_the_symbol(self, engine) -> None:
        table = changed(d05_1330="100 160 100 160", d05_1530="", d05_1730="158 158 158 158")
        signals = [signal("06-05 13:30", "short", weight=1.0)]
        outcome = traded(engine, {"ACME": table, "BOLT": CALM}, signals)
        assert told(outcome) == [
            ("short", 1000, at("06-05 13:30"), 100.0, at("06-05 17:30"), 158.0, "margin_call")
        ]

    def test_a_stop_waits_for_a_bar_and_fills_at_its_open(self, engine) -> None:
        table = changed(d05_1530="", d05_1730="90 92 89 91")
        signals = [signal("06-05 13:30", stop=0.05)]
        outcome = traded(engine, {"ACME": table, "BOLT": CALM}, signals)
        assert told(outcome) == [
            ("long", 500, at("06-05 13:30"), 100.0, at("06-05 17:30"), 90.0, "stop")
        ]

    def test_slippage_looks_back_over_a_hole(self, engine) -> None:
        table = changed(d05_1330="100 102 98 100", d05_1530="")
        outcome = traded(
            engine, {"ACME": table, "BOLT": CALM}, [signal("06-05 17:30")], free(slippage_range=0.1)
        )
        assert [trade.entry_price for trade in outcome.trades] == [pytest.approx(100.4)]

    def test_a_symbol_whose_bars_end_stays_at_its_last_close(self, engine) -> None:
        ended = "\n".join(changed(d05_1730="104 104 104 104").splitlines()[:3])
        settings = free(borrow_default=0.36, borrow_collateral=1.0)
        signals = [signal("06-05 13:30", "short", hold=1)]
        outcome = traded(engine, {"ACME": ended, "BOLT": CALM}, signals, settings)
        assert told(outcome) == [
            ("short", 500, at("06-05 13:30"), 100.0, at("06-05 17:30"), 104.0, "open")
        ]
        assert outcome.trades[0].borrow == 0
        assert outcome.equity[-1].equity == 98_000.0


def test_an_account_that_lives_of_interest_alone_has_no_sharpe_ratio() -> None:
    days = exchange_sessions(date(2025, 6, 2), 22)
    hours = ("06-02 13:30", "06-02 17:30")
    times = [datetime.combine(day, at(hour).time()) for day in days for hour in hours]
    panel = finer_panel({"ACME": [(time, 100.0, 100.0, 100.0, 100.0) for time in times]})
    none = np.array([0, 0])
    totals = simulate(panel, signal_rows(panel, []), none, Rules(cash_rate=0.36), {}).totals
    assert totals["interest"][0] > 2_900  # of a thousandth a day
    assert totals["total"][0] == totals["squares"][0] == 0.0
    assert np.isnan(figures_of_totals(totals, 100_000.0, panel.count)["sharpe"][0])


def test_returns_are_those_of_sessions_and_the_drawdown_is_by_bars() -> None:
    days = exchange_sessions(date(2025, 6, 2), 22)
    closes = [100.0 + (number * 7) % 5 for number in range(22)]
    rows = []
    for day, close in zip(days, closes, strict=True):
        low = 60.0 if day == days[10] else 95.0
        rows.append((datetime.combine(day, at("06-02 13:30").time()), 100.0, 105.0, low, low))
        rows.append((datetime.combine(day, at("06-02 17:30").time()), low, 105.0, low, close))
    panel = finer_panel({"ACME": rows})
    wanted = signal_rows(panel, [(0, as_signal(signal("06-02 13:30", weight=1.0)))])
    rules = Rules(slippage_bps=0, commission_per_share=0)
    totals = simulate(panel, wanted, np.array([0, 1]), rules, {}).totals
    figures = figures_of_totals(totals, 100_000.0, panel.count)
    curve = [100_000.0, *(1000 * close for close in closes)]  # 1,000 shares at 100
    returns = [after / before - 1 for before, after in pairwise(curve)]
    assert panel.count == totals["returns"][0] == 22
    assert figures["sharpe"][0] == pytest.approx(mean(returns) / stdev(returns) * 252**0.5)
    assert figures["max_drawdown"][0] == pytest.approx(60 / max(closes[:10]) - 1)
