"""What actions on a share change beside fills: what is seen, when events trade, total returns."""

from math import isnan

import numpy as np
import pytest

from backtest.engine.bars import StockBars, daily_bars, set_excursions
from backtest.engine.replay.books import Trade
from backtest.engine.rules import EXTENDED, FINER
from backtest.engine.schedule import effects
from backtest.experiments.runs.figures import benchmark_returns, moves
from backtest.strategy.base import Signal
from tests import oracle
from tests.asking import END_OF_DAY, ask
from tests.engines import made_up_prices, run_kernel, run_replay
from tests.made_up import day, earnings


def stock(*bars, actions=()):
    """Prices of ACME from a day and one price, or open, high, low, close, volume."""
    rows = [(day(d), *(prices if len(prices) > 1 else [*prices * 4, 1_000])) for d, *prices in bars]
    rows = [(row[0], *map(float, row[1:])) for row in rows]
    return made_up_prices("ACME", rows, actions)


SPLIT = (day("2025-06-04"), "split", 2.0)
HALVED = (
    ("2025-06-02", 100),
    ("2025-06-03", 102),
    ("2025-06-04", 51),
    ("2025-06-05", 52),
    ("2025-06-06", 53),
)


def seen(prices, published):
    (answer,) = ask(prices, [earnings(published + END_OF_DAY)])[1]
    return answer[1].bars()


def test_bars_are_in_the_shares_of_the_session_that_can_be_traded():
    # 100 and 102 before the split of 2:1 on the 4th are 50 and 51 after it; volumes double.
    bars = seen(stock(*HALVED, actions=[SPLIT]), "2025-06-03")
    assert bars["close"].tolist() == [50.0, 51.0]
    assert bars["volume"].tolist() == [2_000.0, 2_000.0]


def test_a_split_to_come_is_not_in_the_bars_nor_anywhere_else():
    prices = stock(*HALVED, actions=[SPLIT])
    _, ((_, market),) = ask(prices, [earnings("2025-06-02" + END_OF_DAY)])
    assert market.bars()["close"].tolist() == [100.0]
    events = [earnings("2025-06-03" + END_OF_DAY), earnings("2025-06-02" + END_OF_DAY)]
    _, asked = ask(prices, events, lambda _, market: f"{list(market._past.splits)}")
    assert asked[0][1].session == day("2025-06-03")


def test_winding_back_forgets_a_split():
    found = []

    def keep(_, market):
        found.append((market.session, list(market._past.splits)))
        return "kept"

    events = [earnings("2025-06-02" + END_OF_DAY), earnings("2025-06-05" + END_OF_DAY)]
    ask(stock(*HALVED, actions=[SPLIT]), events, keep)
    assert found == [
        (day("2025-06-03"), []),
        (day("2025-06-06"), [(day("2025-06-04"), "ACME", 2.0)]),
    ]


HALTED = (
    ("2025-06-02", 100, 101, 99, 100, 50_000),
    ("2025-06-03", 100, 100, 100, 100, 0),
    ("2025-06-04", 100, 100, 100, 100, 0),
    ("2025-06-05", 60, 61, 59, 60, 50_000),
    ("2025-06-06", 60, 61, 59, 60, 50_000),
)


def test_news_in_a_halt_is_traded_at_the_first_open_after_it():
    (decision,), _ = ask(stock(*HALTED), [earnings("2025-06-02" + END_OF_DAY)])
    assert decision.tradable_session == day("2025-06-05")


def test_in_a_halt_a_strategy_sees_no_bar():
    assert seen(stock(*HALTED), "2025-06-02")["close"].tolist() == [100.0]


def test_without_any_volume_on_file_no_bar_is_a_halt():
    rows = [(d, *prices[:-1], 0) for d, *prices in HALTED]
    (decision,), _ = ask(stock(*rows), [earnings("2025-06-02" + END_OF_DAY)])
    assert decision.tradable_session == day("2025-06-03")


MERGED = (day("2025-06-05"), "cash_merger", 55.0)


@pytest.mark.parametrize("end", ["2025-06-05", "2025-06-16"])  # where no session is replayed
@pytest.mark.parametrize(("enter", "action"), [("open", "signal"), ("close", "no_signal")])
def test_at_its_last_close_a_stock_is_not_entered(enter, action, end):
    prices = stock(*HALVED[:3], actions=[(day(end), *MERGED[1:])])

    def buy(event, _):
        return Signal.long(event, hold=1, enter=enter, reason="why")

    (decision,), _ = ask(prices, [earnings("2025-06-03" + END_OF_DAY)], buy)
    assert (decision.tradable_session, decision.action) == (day("2025-06-04"), action)
    if action == "no_signal":
        assert decision.reason == "why; ACME is settled at this close, and never traded again"


def test_a_span_that_ends_before_the_end_of_a_stock_knows_nothing_of_it():
    prices = stock(*HALVED, actions=[(day("2025-06-09"), "cash_merger", 55.0)])
    (effect,) = effects({"ACME": prices})
    assert (effect.session, effect.what, effect.value) == (day("2025-06-06"), "merger", 55.0)
    assert effects({"ACME": prices.span(None, day("2025-06-05"))}) == []


def test_bars_after_the_end_of_a_stock_are_not_traded():
    prices = stock(*HALVED, actions=[(day("2025-06-05"), "delisted", None)])
    (effect,) = effects({"ACME": prices})
    assert effect.session == day("2025-06-04")
    assert isnan(effect.value)  # at its last close
    assert len(prices.traded) == 3


def test_growth_has_splits_and_dividends_in_it():
    # 100 → 102, then two shares of 51 for one, and a dollar for each of them, then 52.
    dividend = (day("2025-06-05"), "dividend", 1.0)
    prices = stock(*HALVED[:4], actions=[SPLIT, dividend])
    assert prices.growth.tolist() == pytest.approx([1.0, 1.02, 1.02, 1.02 * 53 / 51])
    assert prices.returns.tolist()[1:] == pytest.approx([0.02, 0.0, 53 / 51 - 1])


def test_growth_ends_with_what_was_paid_for_a_share():
    prices = stock(*HALVED[:3], actions=[SPLIT, MERGED])
    assert prices.growth.tolist() == pytest.approx([1.0, 1.02, 1.02 * 55 / 51])


def test_a_share_of_no_worth_returns_nothing_after_its_end():
    rows = [*HALVED[:3], ("2025-06-05", 9), ("2025-06-06", 9)]  # as it trades over the counter
    prices = stock(*rows, actions=[(day("2025-06-05"), "delisted", 0.0)])
    assert prices.returns.tolist()[2:] == [-1.0, 0.0, 0.0]
    found = benchmark_returns(prices, [day(f"2025-06-{n:02}") for n in (3, 4, 5, 6)])
    assert found.tolist()[1:] == [-1.0, 0.0, 0.0]


def test_growth_ends_with_what_a_share_became_and_paid_after_its_last_trade():
    acting = [SPLIT, (day("2025-06-05"), "split", 0.5), (day("2025-06-06"), "dividend", 4.0)]
    prices = stock(*HALVED[:3], actions=[*acting, (day("2025-06-09"), "cash_merger", 110.0)])
    assert prices.growth.tolist() == pytest.approx([1.0, 1.02, 1.02 * 57 / 51])


def test_the_return_after_a_halt_holds_that_of_the_sessions_without_it():
    fund = made_up_prices(
        "SPY", [(day(d), p, p, p, p, 1.0) for d, p in (("2025-06-02", 100.0), ("2025-06-03", 110.0),
                                                     ("2025-06-04", 121.0), ("2025-06-05", 121.0))]
    )  # fmt: skip
    found = benchmark_returns(fund, [day("2025-06-02"), day("2025-06-04"), day("2025-06-05")])
    assert found.tolist() == pytest.approx([0.0, 0.21, 0.0])


def test_excursions_are_on_the_basis_of_the_last_day():
    # Entered at 100, which are 50 after the split; the high of before is 104, so 52.
    bars = [("2025-06-03", 100, 104, 96, 102, 9), *HALVED[2:4], ("2025-06-06", 50, 55, 49, 53, 9)]
    trade = Trade(1, "e", "ACME", "long", 20, day("2025-06-03"), 50.0, day("2025-06-06"), 50.0)
    trade.left_at = "open"
    prices = {"ACME": stock(*bars, actions=[SPLIT])}
    set_excursions([trade], prices, daily_bars(prices))
    assert (trade.mae, trade.mfe) == pytest.approx((48 / 50 - 1, 52 / 50 - 1))


def test_what_trades_after_a_close_is_before_the_split_of_the_next_day():
    # 100 all of Tuesday and at 16:30, which belongs to Wednesday's session; 2:1, then 50.
    times = ["2025-06-03T13:30", "2025-06-03T20:30", "2025-06-04T13:30", "2025-06-05T13:30"]
    days = ["2025-06-03", "2025-06-04", "2025-06-04", "2025-06-05"]
    rows = [[100.0, 101.0, 99.0, 100.0, 9.0]] * 2 + [[50.0, 50.5, 49.5, 50.0, 9.0]] * 2
    own = StockBars(
        np.array(times, "M8[us]"), np.array(days, "M8[D]"),
        np.array([FINER, EXTENDED, FINER, FINER], np.int8), np.array(rows),
    )  # fmt: skip
    trade = Trade(1, "e", "ACME", "long", 20, day("2025-06-03"), 50.0, day("2025-06-05"), 50.0)
    trade.entry_bar, trade.exit_bar = own.time_of(0), own.time_of(3)
    prices = {"ACME": stock(*HALVED, actions=[SPLIT])}
    set_excursions([trade], prices, {"ACME": own})
    assert (trade.mae, trade.mfe) == pytest.approx((-0.01, 0.01))


def test_the_gap_of_an_event_is_of_like_shares():
    prices = stock(*HALVED, actions=[SPLIT])
    decisions, _ = ask(prices, [earnings("2025-06-03T16:05:00-04:00")])
    (move,) = moves(decisions, [], {"ACME": prices})
    assert move["gap"] == pytest.approx(0.0)  # 102 before, 51 after for each of two


def test_what_a_split_leaves_nothing_of_is_not_held_at_its_open():
    # Five shares at 10, one new one for ten: half a share, paid at 11 × 10; the open of 90 is late.
    bars = [("2025-06-03", 10, 12, 9, 11, 9), ("2025-06-04", 90, 95, 85, 90, 9)]
    trade = Trade(1, "e", "ACME", "long", 0.5, day("2025-06-03"), 100.0, day("2025-06-04"), 110.0)
    trade.left_at, trade.exit_reason = "open", "split"
    prices = {"ACME": stock(*bars, actions=[(day("2025-06-04"), "split", 0.1)])}
    set_excursions([trade], prices, daily_bars(prices))
    assert (trade.mae, trade.mfe) == pytest.approx((-0.1, 0.2))


@pytest.mark.parametrize("engine", [run_replay, run_kernel])
def test_rows_of_a_halt_to_the_last_are_no_end(engine):
    days = [f"2025-06-{number:02}" for number in (2, 3, 4, 5, 6, 9, 10, 11, 12)]
    rows = {  # of ACME nothing is traded from the 4th on
        "ACME": [(day(d), 100.0, 100.0, 100.0, 100.0, 1_000.0 * (d < "2025-06-04")) for d in days],
        "BOLT": [(day(d), 50.0, 50.0, 50.0, 50.0, 1_000.0) for d in days],
    }
    bought = oracle.Signal(day("2025-06-03"), "ACME", "long", published_at=1, event_id="e1")
    (trade,) = engine(rows, [bought], oracle.Settings(), {}).trades
    assert (trade.exit_reason, trade.exit_session) == ("open", day("2025-06-03"))
