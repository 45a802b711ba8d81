"""Whether two results agree: to the cent, and the first difference by its name."""

import copy
from dataclasses import replace

import pytest

from backtest.data.borrow import BorrowRates
from backtest.engine.kernel.replay import check_agreement, replay_by_kernel
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from backtest.errors import AccountingError
from tests.engine.test_edges import FREE, prices_of, replayed
from tests.engines import made_up_decisions
from tests.spec.case import Case, long

BARS = """
    2025-06-02 100 150 87.5 100
    2025-06-03 104 110 104 110
    2025-06-04 120 120 120 120
"""


@pytest.fixture
def result():
    """1,000 shares bought at 100 and sold at 104."""
    return replayed(long("2025-06-02", weight=1.0, hold=1), bars=BARS)


def with_trade(result, **changes):
    (trade,) = copy.deepcopy(result.trades)
    for name, value in changes.items():
        setattr(trade, name, value)
    return replace(result, trades=[trade])


def refused(result, other):
    with pytest.raises(AccountingError) as caught:
        check_agreement("one", result, "two", other)
    head, found = str(caught.value).split(", which is a fault of the program. First difference: ")
    return head, found


@pytest.mark.parametrize("changes", [{}, {"exit_price": 104.004}, {"mae": -0.1250009}])
def test_results_agree_to_the_cent_and_excursions_to_a_millionth(result, changes):
    assert (result.trades[0].exit_price, result.trades[0].mae) == (104.0, -0.125)
    check_agreement("one", result, "two", with_trade(result, **changes))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"exit_price": 104.006}, "exit price 104.0 with one, 104.006 with two"),
        ({"mae": -0.12501}, "mae -0.125 with one, -0.12501 with two"),
        ({"mfe": 0.01}, "mfe 0.5 with one, 0.01 with two"),
        ({"exit_reason": "stop"}, "exit reason time with one, stop with two"),
    ],
)
def test_a_trade_that_differs_is_named_with_both_values(result, changes, found):
    assert refused(result, with_trade(result, **changes)) == (
        "The engines differ in trades", f"trade 1 on e1, {found}.",
    )  # fmt: skip


def test_a_trade_or_a_session_that_one_alone_has_is_named(result):
    less = replace(result, trades=[])
    whole = ("The engines differ in trades", "trade 1 on e1 with {} alone.")
    assert refused(result, less) == (whole[0], whole[1].format("one"))
    assert refused(less, result) == (whole[0], whole[1].format("two"))
    short = replace(result, curve=result.curve[:2])
    alone = ("The engines differ in the curve", "the account on 2025-06-04 with {} alone.")
    assert refused(result, short) == (alone[0], alone[1].format("one"))
    assert refused(short, result) == (alone[0], alone[1].format("two"))


def test_what_the_account_paid_is_held_equal_to_the_cent(result):
    paid = replace(result.totals, commission=3.0)
    check_agreement("one", replace(result, totals=paid), "two", replace(result, totals=paid))
    near = replace(result, totals=replace(paid, commission=3.004))
    check_agreement("one", replace(result, totals=paid), "two", near)
    for name in ("commission", "borrow", "dividends", "interest"):
        other = replace(result, totals=replace(result.totals, **{name: 0.02}))
        assert refused(result, other) == (
            "The engines differ in totals", f"the account, {name} 0.0 with one, 0.02 with two.",
        )  # fmt: skip


def test_another_session_and_another_decision_are_named(result):
    later = replace(result, curve=result.curve[1:])
    assert refused(result, later) == (
        "The engines differ in the curve",
        "the account on 2025-06-02 with one, the account on 2025-06-03 with two.",
    )
    (decision,) = result.decisions
    other = replace(result, decisions=[replace(decision, action="no_room")], trades=[])
    assert refused(result, other) == (
        "The engines differ in decisions", "e1, outcome enter with one, no_room with two.",
    )  # fmt: skip


def test_what_is_sold_makes_room_before_what_is_bought_at_one_open():
    """Both engines send a part of BOLT first, whose event is the later one."""
    tables = {"ACME": BARS, "BOLT": BARS}
    signals = (
        long("2025-06-02", "BOLT", weight=0.9),
        long("2025-06-03", "ACME", weight=0.5),
        long("2025-06-03", "BOLT", weight=0.3, resize=True),
    )
    decisions = made_up_decisions(Case("", "", tables, signals, [], []).named_signals())
    rates = {symbol: BorrowRates(symbol, ()) for symbol in tables}
    for engine in (replay, replay_by_kernel):
        made = engine(prices_of(tables), rates, decisions, Rules(**FREE))
        sent = [order for order in made.orders if str(order.session) == "2025-06-03"]
        assert [(order.symbol, order.size < 0) for order in sent] == [
            ("BOLT", True),
            ("ACME", False),
        ]
