"""Edges of the engine that faults planted in it have shown to be untested, worked by hand."""

from datetime import date
from itertools import product
from types import SimpleNamespace
from typing import ClassVar

import backtrader as bt
import pytest

from backtest.engine.backtrader_parts import RulesBroker
from backtest.engine.costs import read_costs
from backtest.engine.event_strategy import EventStrategy, replay_event_strategy
from backtest.engine.excursions import set_excursions
from backtest.engine.ledger import Ledger, Trade
from backtest.engine.orders import Fill, Quote
from backtest.engine.replay import replay
from backtest.engine.result import SentOrder
from backtest.engine.rules import Rules
from backtest.engine.timeline import Decision
from backtest.engine.trader import Trader
from backtest.errors import AccountingError, UsageError
from backtest.market.borrow import BorrowRate, BorrowRates
from backtest.strategy import Signal
from tests.engines import made_up_decisions, made_up_prices
from tests.spec.case import Case, long, parse_bars, short

FREE = {"slippage_bps": 0.0, "commission_per_share": 0.0, "borrow_default": 0.0}
MONDAY, TUESDAY, WEDNESDAY = (date(2025, 6, day) for day in (2, 3, 4))
FLAT = """
    2025-06-02 100 100 100 100
    2025-06-03 100 100 100 100
    2025-06-04 100 100 100 100
"""


def prices_of(bars: dict[str, str]):
    return {symbol: made_up_prices(symbol, parse_bars(table)) for symbol, table in bars.items()}


def replayed(*signals, bars=FLAT, rates=(), modes=(), **rules):
    tables = bars if isinstance(bars, dict) else {"ACME": bars}
    named = Case("", "", tables, signals, [], []).named_signals()
    lent = {s: BorrowRates(s, tuple(rates) if s == "ACME" else ()) for s in tables}
    decisions = made_up_decisions(named)
    return replay(prices_of(tables), lent, decisions, Rules(**{**FREE, **rules}), **dict(modes))


# The ways of Backtrader


@pytest.mark.parametrize(("runonce", "preload"), [*product((True, False), repeat=2)])
def test_every_mode_of_backtrader_trades_the_same_bars(runonce, preload) -> None:
    bars = {
        "ACME": """
            2025-06-02 100 101  99 100
            2025-06-03 101 104 100 103
            2025-06-04 103 106  89  90
            2025-06-05  90  91  88  89
        """,
        "BOLT": "2025-06-03 10 11 9 10.5",
    }
    signals = (long("2025-06-02", weight=0.5, stop=0.08), long("2025-06-03", "BOLT", weight=0.1))
    made = replayed(*signals, bars=bars, modes={"runonce": runonce, "preload": preload})
    assert [(t.symbol, t.shares, t.entry_price, t.exit_price) for t in made.trades] == [
        ("ACME", 500, 100.0, 92.0),
        ("BOLT", 1_005, 10.0, 10.5),  # a tenth of 100,500 at the open of 06-03
    ]
    assert [p.equity for p in made.curve] == [100_000, 102_002.5, 96_502.5, 96_502.5]


def test_a_volume_too_old_does_not_bind_an_entry() -> None:
    days = [f"2025-06-{day:02}" for day in (2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 20)]
    days += [f"2025-06-{day:02}" for day in (23, 24, 25, 26, 27, 30)] + ["2025-07-01"]
    # of 21 sessions before 07-02 ten trade 1,000 shares and eleven 3,000, the first of all among
    # them: the last twenty have a median of 2,000
    volumes = [3_000.0] * 11 + [1_000.0] * 10
    rows = [(date.fromisoformat(d), 1, 1, 1, 1, v) for d, v in zip(days, volumes, strict=True)]
    rows.append((date(2025, 7, 2), 1, 1, 1, 1, 9_000.0))
    prices = {"ACME": made_up_prices("ACME", rows)}
    decisions = made_up_decisions(
        Case("", "", {}, [long("2025-07-02", weight=0.5)], [], []).named_signals()
    )
    rules = Rules(**FREE, max_participation=0.1)
    made = replay(prices, {"ACME": BorrowRates("ACME")}, decisions, rules)
    assert made.trades[0].shares == 200
    assert made.decisions[0].reason == "cut from 50,000 to 200 shares by participation"


# What is written down


def test_every_outcome_tells_why() -> None:
    made = replayed(
        long("2025-06-02", weight=0.5),
        long("2025-06-02", "BOLT", weight=0.5),
        long("2025-06-03", weight=0.5),
        long("2025-06-03", weight=0.5, published_at=9),
        long("2025-06-03", "COIL", weight=0.5),
        bars={"ACME": FLAT, "BOLT": FLAT, "COIL": FLAT},
    )
    assert {d.event.id: (d.action, d.reason) for d in made.decisions} == {
        "e1": ("enter", ""),
        "e2": ("enter", ""),
        "e3": ("superseded", "another signal of the same open was published later"),
        "e4": ("renew", "same direction as the open trade: its exit plan is set anew"),
        "e5": ("no_room", "no room: not one share fits the weight, the cash and the gross limit"),
    }


def test_a_signal_after_ruin_tells_so_and_the_session_of_the_ruin_is_kept() -> None:
    bars = """
        2025-06-02 100 100 100 100
        2025-06-03 100 250 100 250
        2025-06-04 100 100 100 100
    """
    made = replayed(short("2025-06-02", weight=1), long("2025-06-04"), bars=bars)
    assert made.decisions[1].reason == "the account was ruined before"
    assert made.ruined_on == TUESDAY
    assert replayed(long("2025-06-02")).ruined_on is None


def test_equity_of_exactly_nothing_is_kept_as_ruin() -> None:
    bars = """
        2025-06-02 100 100 100 100
        2025-06-03 100 200 100 200
    """
    assert replayed(short("2025-06-02", weight=1), bars=bars).ruined_on == TUESDAY


def test_less_than_a_dollar_is_no_ruin() -> None:
    bars = """
        2025-06-02 100 100            100 100
        2025-06-03 100 199.9990234375 100 199.9990234375
    """
    made = replayed(short("2025-06-02", weight=1), bars=bars)
    assert made.curve[-1].equity == 0.9765625
    assert made.ruined_on is None


def test_decisions_without_a_signal_are_left_as_they_are() -> None:
    quiet = Decision(SimpleNamespace(id="e1"), MONDAY, "no_signal", "too small")
    never = Decision(SimpleNamespace(id="e2"), None, "not_tradable", "known by the week alone")
    made = replay(
        prices_of({"ACME": FLAT}), {"ACME": BorrowRates("ACME")}, [quiet, never], Rules(**FREE)
    )
    assert made.decisions == [quiet, never]
    assert made.trades == made.orders == []


def test_every_order_is_written_down_in_each_session_that_it_lives() -> None:
    bars = """
        2025-06-02 100 101  99 100
        2025-06-03 100 101  99 100
        2025-06-04 100 101  99 100
    """
    plan = {"weight": 0.5, "hold": 2, "stop": 0.1, "target": 0.2}
    made = replayed(long("2025-06-02", **plan), bars=bars)
    assert made.orders == [
        SentOrder(MONDAY, "ACME", 500, "market", 100.0, "e1", None),
        SentOrder(MONDAY, "ACME", -500, "stop", 90.0, "e1", "stop"),
        SentOrder(MONDAY, "ACME", -500, "limit", 120.0, "e1", "target"),
        SentOrder(TUESDAY, "ACME", -500, "stop", 90.0, "e1", "stop"),
        SentOrder(TUESDAY, "ACME", -500, "limit", 120.0, "e1", "target"),
        SentOrder(WEDNESDAY, "ACME", -500, "market", 100.0, "e1", "time"),
    ]


def test_the_curve_splits_equity_into_cash_and_positions() -> None:
    bars = """
        2025-06-02 100 110 100 110
        2025-06-03 110 120 110 120
    """
    made = replayed(short("2025-06-02", weight=0.5), bars=bars)
    assert [(p.session, p.equity, p.cash, p.position_value) for p in made.curve] == [
        (MONDAY, 95_000, 150_000, -55_000),
        (TUESDAY, 90_000, 150_000, -60_000),
    ]


# Costs of one's own


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "There is no file or preset of costs 'mine.toml'. Known: none."),
        (
            "[figures]\nfixed = 1",
            "There is no figure of costs in mine.toml: 'fixed'. Known: borrow",
        ),
    ],
)
def test_what_is_unknown_of_costs_is_named(tmp_path, monkeypatch, text, message) -> None:
    monkeypatch.chdir(tmp_path)
    if text:
        (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        read_costs(tmp_path / "presets", "mine.toml")
    assert str(caught.value).startswith(message)


def test_sources_of_costs_are_kept(tmp_path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[figures]\n[sources]\nborrow = "société"\n', encoding="utf-8")
    assert dict(read_costs(tmp_path, "mine").sources) == {"borrow": "société"}


# Rates that nobody quoted

QUOTED = BorrowRate(MONDAY, 0.10, "Made Up Lenders")
GUESSED = BorrowRate(TUESDAY, 0.36, "assumption", "Made up.")


def test_a_night_on_an_assumed_rate_is_named_with_its_note() -> None:
    made = replayed(short("2025-06-02", weight=0.5), rates=[QUOTED, GUESSED])
    assert made.assumptions == [
        "The borrow rate of ACME from 2025-06-03 on, 36.0% a year, is an assumption. Made up."
    ]


def test_an_assumed_rate_of_no_night_short_is_not_named() -> None:
    signal = short("2025-06-02", weight=0.5, hold=1)  # the one night begins on 06-02
    assert replayed(signal, rates=[QUOTED, GUESSED]).assumptions == []


def test_a_night_without_a_rate_is_named_once_and_by_symbol() -> None:
    made = replayed(
        short("2025-06-02", "BOLT", weight=0.3),
        short("2025-06-02", weight=0.3),
        bars={"ACME": FLAT, "BOLT": FLAT},
        rates=[BorrowRate(TUESDAY, 0.36, "assumption")],
        borrow_default=0.03,
    )
    assert made.assumptions == [
        "The borrow rate of ACME from 2025-06-03 on, 36.0% a year, is an assumption.",
        "No borrow rate is known for some nights short ACME; 3.0% a year was charged.",
        "No borrow rate is known for some nights short BOLT; 3.0% a year was charged.",
    ]


@pytest.mark.parametrize("mode", ["flat", "none"])
def test_rates_that_are_not_asked_for_are_not_named(mode) -> None:
    made = replayed(
        short("2025-06-02", weight=0.5), rates=[GUESSED], borrow_mode=mode, borrow_default=0.03
    )
    assert made.assumptions == []


# Excursions


def a_trade(direction, reason, exit_price, exit_session=WEDNESDAY, entered=MONDAY) -> Trade:
    trade = Trade(1, "e1", "ACME", direction, 10, entered, 100.0)
    trade.exit_session, trade.exit_price, trade.exit_reason = exit_session, exit_price, reason
    return trade


SWINGS = """
    2025-06-02 100 104  97 100
    2025-06-03 100 108  98 100
    2025-06-04 110 120  90  95
"""


@pytest.mark.parametrize(
    ("trade", "mae", "mfe"),
    [
        # whole bars to 06-03; of 06-04 the open and the exit
        (a_trade("long", "time", 110.0), -0.03, 0.10),
        (a_trade("long", "stop", 95.0), -0.05, 0.10),
        (a_trade("long", "target", 112.0), -0.03, 0.12),
        (a_trade("short", "time", 110.0), -0.10, 0.03),
        (a_trade("short", "target", 95.0), -0.10, 0.05),
        # all of 06-04
        (a_trade("long", "open", 95.0), -0.10, 0.20),
        (a_trade("short", "open", 95.0), -0.20, 0.10),
        # within the entry session nothing but the exit is sure to come after the entry
        (a_trade("long", "stop", 98.0, MONDAY), -0.02, 0.0),
        (a_trade("long", "target", 103.0, MONDAY), 0.0, 0.03),
        (a_trade("short", "stop", 102.0, MONDAY), -0.02, 0.0),
        # the bar of 06-03, and of 06-04 the open and the exit
        (a_trade("long", "strategy", 95.0, entered=TUESDAY), -0.05, 0.10),
    ],
)
def test_excursions(trade, mae, mfe) -> None:
    set_excursions([trade], prices_of({"ACME": SWINGS}))
    assert (trade.mae, trade.mfe) == pytest.approx((mae, mfe))


@pytest.mark.parametrize("reason", ["time", "reversal", "margin_call", "ruin"])
def test_the_open_of_a_trade_that_ends_there_is_seen(reason) -> None:
    trade = a_trade("long", reason, 99.0, entered=WEDNESDAY)
    set_excursions([trade], prices_of({"ACME": SWINGS}))
    assert (trade.mae, trade.mfe) == pytest.approx((-0.01, 0.10))


# The books


def fill(size, price, commission=0.0, reason=None, symbol="ACME") -> Fill:
    return Fill(MONDAY, symbol, size, price, commission, "e1", reason)


def test_books_differ_from_half_a_cent_on() -> None:
    ledger = Ledger(100.0)
    ledger.check_cash(100.004, MONDAY)
    ledger.check_identity(99.996)
    with pytest.raises(AccountingError) as caught:
        ledger.check_cash(100.0051, MONDAY)
    assert str(caught.value) == (
        "2025-06-02: the ledger has 100.0000 in cash and Backtrader 100.0051. "
        "This is a fault of the program; please report it."
    )
    with pytest.raises(AccountingError) as caught:
        ledger.check_identity(99.9949)
    assert str(caught.value) == (
        "The accounting identity is broken: the trades make 100.0000 of final equity 99.9949. "
        "This is a fault of the program; please report it."
    )


def test_half_a_cent_is_a_difference() -> None:
    with pytest.raises(AccountingError):
        Ledger(0.0).check_cash(0.005, MONDAY)
    with pytest.raises(AccountingError):
        Ledger(0.0).check_identity(0.005)


def test_books_that_differ_name_the_session(monkeypatch) -> None:
    monkeypatch.setattr(RulesBroker, "get_cash", lambda self: self.cash + 0.01)
    with pytest.raises(AccountingError, match=r"^2025-06-02: the ledger has 100000\.0000 in cash"):
        replayed(long("2025-06-03"))


def test_books_that_are_no_number_differ() -> None:
    with pytest.raises(AccountingError):
        Ledger(100.0).check_cash(float("nan"), MONDAY)
    with pytest.raises(AccountingError):
        Ledger(100.0).check_identity(float("nan"))


def test_books_of_a_fortune_agree_to_what_a_double_resolves() -> None:
    ledger = Ledger(-1e15)
    ledger.check_cash(-1e15 - 9, MONDAY)  # a tolerance of 10
    with pytest.raises(AccountingError):
        ledger.check_cash(-1e15 - 11, MONDAY)


def test_the_identity_counts_interest_borrow_and_commission() -> None:
    ledger = Ledger(1_000.0)
    ledger.book(fill(-10, 50.0, commission=1.0))
    ledger.charge_borrow("ACME", 2.0)
    ledger.receive_interest(0.5)
    ledger.book(fill(10, 45.0, commission=1.5, reason="time"))
    assert ledger.cash == 1_000 + 500 - 1 - 2 + 0.5 - 450 - 1.5
    ledger.check_identity(1_046.0)  # 50 earned, 2.5 of commission, 2 of borrow, 0.5 of interest
    assert ledger.trades[0].net_return == pytest.approx(45.5 / 500)


def test_shares_held_are_signed_and_nothing_where_nothing_is_held() -> None:
    ledger = Ledger(1_000.0)
    ledger.book(fill(-10, 50.0))
    ledger.book(fill(5, 20.0, symbol="BOLT"))
    assert [ledger.shares(symbol) for symbol in ("ACME", "BOLT", "COIL")] == [-10, 5, 0]


def test_parts_of_a_share_add_up_to_one_trade() -> None:
    ledger = Ledger(1_000.0)
    for size, price in ((0.5, 40.0), (0.5, 60.0), (-0.75, 80.0), (-0.25, 100.0)):
        ledger.book(fill(size, price))
    (trade,) = ledger.trades
    assert (trade.direction, trade.shares, trade.entry_price) == ("long", 1.0, 50.0)
    assert (trade.exit_price, trade.gross_profit) == (85.0, 35.0)


def test_a_close_that_nobody_explains_is_the_strategys_own() -> None:
    ledger = Ledger(1_000.0)
    ledger.book(fill(10, 50.0))
    ledger.book(fill(-10, 55.0))
    assert ledger.trades[0].exit_reason == "strategy"


# The trader


def test_a_target_that_no_price_can_reach_is_not_sent() -> None:
    trader = Trader(Rules(**FREE))
    signal = Signal(symbol="ACME", event_id="e1", direction="short", stop=0.5, target=1.0)
    trader.at_open({"ACME": Quote(100.0, 0.0)}, 100_000.0, [signal])
    assert [(order.type, order.price) for order in trader.resting("ACME")] == [("stop", 150.0)]


# Plain Backtrader strategies


class Made(EventStrategy):
    """Orders with the arguments that it is told, at the first event that it hears."""

    params = (("side", "buy"), ("arguments", ()), ("terms", {}))

    def notify_event(self, event) -> None:
        getattr(self, self.p.side)(self.data, *self.p.arguments, **self.p.terms)


def heard(*sessions: date | None) -> list[Decision]:
    return [
        Decision(SimpleNamespace(id=f"e{n}"), session, "notified", "")
        for n, session in enumerate(sessions, start=1)
    ]


def replayed_plain(decisions, bars=FLAT, strategy=Made, rates=(), **parameters):
    return replay_event_strategy(
        strategy,
        parameters,
        prices_of({"ACME": bars}),
        {"ACME": BorrowRates("ACME", tuple(rates))},
        decisions,
        Rules(**FREE),
    )


@pytest.mark.parametrize(("side", "shares"), [("buy", 10), ("sell", -10)])
def test_orders_take_backtraders_arguments_by_place(side, shares) -> None:
    made = replayed_plain(heard(TUESDAY), side=side, arguments=(10,))
    assert made.orders == [SentOrder(TUESDAY, "ACME", shares, "market", 100.0, "e1", None)]


def test_what_became_of_an_event_is_told() -> None:
    def reasons(decisions, **parameters):
        return [(d.action, d.reason) for d in replayed_plain(decisions, **parameters).decisions]

    assert reasons(heard(TUESDAY), arguments=(10,)) == [("enter", "notify_event ordered")]
    assert reasons(heard(TUESDAY), arguments=(5_000,)) == [
        ("no_room", "Backtrader refused the order: not enough cash")
    ]
    resting = {"size": 10, "exectype": bt.Order.Limit, "price": 50.0}
    assert reasons(heard(TUESDAY), terms=resting) == [
        ("no_signal", "notify_event ordered nothing that opened a trade")
    ]
    assert reasons(heard(MONDAY)) == [("not_tradable", "no bar comes before its tradable session")]
    never = Decision(SimpleNamespace(id="e1"), None, "not_tradable", "known by the week alone")
    assert reasons([never]) == [("not_tradable", "known by the week alone")]


def test_an_order_past_the_strategys_own_methods_answers_no_event() -> None:
    class Direct(Made):
        def notify_event(self, event) -> None:
            self.broker.buy(self, self.data, 10, exectype=bt.Order.Market)

    made = replayed_plain(heard(TUESDAY), strategy=Direct)
    assert [(trade.event_id, trade.shares) for trade in made.trades] == [("", 10)]
    assert [order.event_id for order in made.orders] == [""]
    assert made.decisions[0].action == "no_signal"


def test_a_part_of_a_share_that_is_owned_pays_no_borrow() -> None:
    rates = [BorrowRate(MONDAY, 0.36, "Made Up Lenders")]
    (owned,) = replayed_plain(heard(TUESDAY), arguments=(0.5,), rates=rates).trades
    assert (owned.shares, owned.borrow) == (0.5, 0.0)
    (sold,) = replayed_plain(heard(TUESDAY), side="sell", arguments=(0.5,), rates=rates).trades
    assert sold.borrow == pytest.approx(0.5 * 100 * 1.02 * 0.36 / 360)  # the night of 06-03


def test_open_interest_is_nothing() -> None:
    class Looks(Made):
        seen: ClassVar[list[float]] = []

        def notify_event(self, event) -> None:
            self.seen.append(self.data.openinterest[0])

    replayed_plain(heard(TUESDAY, WEDNESDAY), strategy=Looks)
    assert Looks.seen == [0.0, 0.0]
