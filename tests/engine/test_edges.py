"""Edges of the engine that faults planted in it have shown to be untested, worked by hand."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from types import SimpleNamespace
from typing import ClassVar

import pytest
from pydantic import BaseModel, ValidationError

from backtest.data.borrow import BorrowRate, BorrowRates
from backtest.engine.replay.books import SentOrder
from backtest.engine.replay.broker import RulesBroker
from backtest.engine.replay.position import Quote
from backtest.engine.replay.replay import replay
from backtest.engine.replay.trader import Trader
from backtest.engine.rules import (
    Rules,
    affordable_long,
    affordable_short,
    is_margin_call,
    is_sent,
    read_costs,
)
from backtest.engine.schedule import Decision
from backtest.engine.timeline import decide
from backtest.errors import AccountingError, DataError, UsageError
from backtest.events import Earnings, Start
from backtest.strategy.base import Signal, Strategy, failure
from tests.engines import made_up_decisions, made_up_prices
from tests.made_up import earnings, utc
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
    assert made.decisions[0].reason == "cut to 200 shares by participation"


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


def test_an_order_that_leaves_is_written_down_at_the_price_that_it_gets() -> None:
    bars = """
        2025-06-02 100 101  99 100
        2025-06-03 100 101  99 100
    """
    made = replayed(long("2025-06-02", weight=0.5, hold=1), bars=bars, slippage_bps=100.0)
    bought, sold = made.orders
    assert (bought.price, sold.price) == (101.0, 99.0)


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


def test_books_that_differ_name_the_session(monkeypatch) -> None:
    monkeypatch.setattr(RulesBroker, "get_cash", lambda self: self.cash + 0.01)
    with pytest.raises(AccountingError, match=r"^2025-06-02: the ledger has 100000\.0000 in cash"):
        replayed(long("2025-06-03"))


# Settings


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("cash", [0.01, 1e12], [0, 1.01e12]),
        ("commission_per_share", [0], [-0.001]),
        ("commission_fixed", [0], [-0.01]),
        ("commission_bps", [0], [-0.1]),
        ("commission_min", [0], [-0.01]),
        ("commission_max", [0.0001], [0]),
        ("slippage_bps", [0, 9_999], [-0.1, 10_000]),
        ("slippage_range", [0, 1], [-0.1, 1.01]),
        ("max_participation", [0.01, 1, None], [0, 1.01]),
        ("reaction_minutes", [0, 10_080], [-1, 10_081]),
        ("max_gross", [0.1, 10], [0, 10.1]),
        ("max_positions", [1, 5_000, None], [0, 1.5, 10**400]),
        ("min_order", [0, 25_000], [-0.01, float("inf")]),
        ("maintenance_margin", [0], [-0.01]),
        ("borrow_mode", ["table", "flat", "none"], ["", "Table"]),
        ("borrow_default", [0], [-0.01]),
        ("borrow_collateral", [0], [-0.01]),
        ("borrow_day_count", [1, 366], [0, 360.5, 10**400]),
        ("cash_rate", [0], [-0.01, float("nan"), float("inf")]),
        ("leverage", [], [1]),
    ],
)
def test_settings_have_bounds(name, allowed, refused) -> None:
    for value in allowed:
        assert getattr(Rules(**{name: value}), name) == value
    for value in refused:
        with pytest.raises(ValidationError, match=name):
            Rules(**{name: value})


def test_rounding_is_forgiven_up_to_a_billionth_of_a_dollar() -> None:
    bare = Rules(**FREE)
    assert [affordable_long(1, price, 0.0, bare) for price in (1e-9, 1.1e-9)] == [1, 0]
    assert affordable_long(2, 1e-9, 0.0, bare) == 1
    assert [affordable_short(1, 1e-9, cash, bare) for cash in (-2e-9, -2.1e-9)] == [1, 0]
    least = Rules(**FREE, min_order=1.0)
    assert [is_sent(1, price, least) for price in (1 - 1e-9, 1 - 1.1e-9)] == [True, False]
    assert [is_sent(shares, 100.0, Rules(**FREE)) for shares in (0, 1)] == [False, True]


def test_the_search_for_shares_ends_where_doubles_lie_more_than_one_apart() -> None:
    """The kernel counts in doubles: of ten quadrillion shares at a hundredth of a cent."""
    shares, fill, cash = affordable_long(1e16, 1e-4, 1e12, Rules()), 1e-4, 1e12
    assert shares == pytest.approx(cash / (fill * 1.01), rel=1e-12)  # a commission of 1 % at most
    assert shares * fill * 1.01 <= cash * (1 + 1e-15)


def test_a_signal_without_a_weight_needs_max_positions() -> None:
    signal = long("2025-06-03", weight=None)
    with pytest.raises(UsageError, match="max_positions is not set"):
        replayed(signal)
    (trade,) = replayed(signal, max_positions=4).trades
    assert trade.shares == 250


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


@pytest.mark.parametrize("text", ["", "sources = 1\n[figures]\n"])
def test_costs_are_tables(tmp_path, text) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(DataError, match=r"must hold a table \[figures\]"):
        read_costs(tmp_path, "mine")


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


@pytest.mark.parametrize(
    ("others", "named"),
    [
        (["BB", "CC", "DD"], ["BB", "CC", "DD"]),
        (["BB", "CC", "DD", "EE", "FF"], ["BB, CC, DD and 2 more stocks"]),
    ],
)
def test_of_more_than_three_stocks_without_a_rate_one_sentence_is_said(others, named) -> None:
    """ACME has a rate, and is not one of them."""
    stocks = ["ACME", *others]
    made = replayed(
        *(short("2025-06-02", symbol, weight=0.1) for symbol in stocks),
        bars=dict.fromkeys(stocks, FLAT),
        rates=[BorrowRate(MONDAY, 0.36, "assumption")],
        borrow_default=0.03,
        max_positions=9,
    )
    assert made.assumptions[1:] == [
        f"No borrow rate is known for some nights short {few}; 3.0% a year was charged."
        for few in named
    ]


def test_a_quote_of_more_than_a_week_ago_is_named() -> None:
    bars = """
        2025-06-09 100 100 100 100
        2025-06-10 100 100 100 100
        2025-06-11 100 100 100 100
    """
    signal = short("2025-06-09", weight=0.5, hold=1)  # the one night is seven days after the quote
    assert replayed(signal, bars=bars, rates=[QUOTED]).assumptions == []
    (told,) = replayed(replace(signal, hold=2), bars=bars, rates=[QUOTED]).assumptions
    assert told == (
        "The borrow rate of ACME quoted for 2025-06-02, 10.0% a year, was carried on to "
        "2025-06-10: no later quote was found."
    )


@pytest.mark.parametrize("mode", ["flat", "none"])
def test_rates_that_are_not_asked_for_are_not_named(mode) -> None:
    made = replayed(
        short("2025-06-02", weight=0.5), rates=[GUESSED], borrow_mode=mode, borrow_default=0.03
    )
    assert made.assumptions == []


# The trader


@pytest.mark.parametrize(
    ("equity", "shorts", "called"),
    [(0.29, 1.0, True), (0.30, 1.0, False), (0.1, 0.9, True), (-1.0, 0.0, False)],
)
def test_a_margin_call_is_for_shorts_alone(equity, shorts, called) -> None:
    assert is_margin_call(equity, shorts, Rules()) is called


def test_a_target_that_no_price_can_reach_is_not_sent() -> None:
    trader = Trader(Rules(**FREE))
    signal = Signal(symbol="ACME", event_id="e1", direction="short", stop=0.5, target=1.0)
    trader.at_open({"ACME": Quote(100.0, 0.0)}, 100_000.0, [signal])
    assert [(order.type, order.price) for order in trader.resting("ACME")] == [("stop", 150.0)]


# Strategies that are asked


class AtTheStart(Strategy):
    """Keeps the market that it sees at the start."""

    listens_to = (Start,)
    seen: list = []  # noqa: RUF012 - pydantic copies it for each strategy

    def on_event(self, event, market):
        self.seen.append(market)
        return "seen"


def test_the_reaction_time_holds_at_the_start_too() -> None:
    table = prices_of({"ACME": FLAT})
    known, late = earnings("2025-06-02T09:24:59-04:00"), earnings("2025-06-02T09:25:00-04:00")
    strategy = AtTheStart()
    (decision,) = decide(strategy, [late, known], table, table, timedelta(minutes=5))
    (market,) = strategy.seen
    assert market.events(Earnings) == (known,)
    assert market.now == utc("2025-06-02T09:30:00-04:00")
    assert decision.tradable_session == market.session == MONDAY


def test_a_failure_outside_of_the_strategys_file_names_its_last_line() -> None:
    names: dict = {}
    text = "def outer():\n    inner()\n\n\ndef inner():\n    raise ValueError('made up')\n"
    exec(compile(text, "elsewhere.py", "exec"), names)
    with pytest.raises(ValueError, match="made up") as caught:
        names["outer"]()
    told = str(failure(Strategy, "on e1", caught.value))
    assert told.startswith("Strategy failed on e1: ValueError: made up\n  elsewhere.py, line 6: ")


def test_a_failure_is_told_of_a_class_with_an_object_that_has_any_attribute() -> None:
    class Anything(dict):
        __getattr__ = dict.get

    class Odd(Strategy):
        table: ClassVar[Anything] = Anything()

        def on_event(self, event, market):
            raise ValueError("made up")

    with pytest.raises(ValueError, match="made up") as caught:
        Odd().on_event(None, None)
    told = str(failure(Odd, "on e1", caught.value))
    assert told.startswith(f"Odd failed on e1: ValueError: made up\n  {__file__}, line ")


def test_a_fault_within_a_part_is_told_by_its_field() -> None:
    class Whole(BaseModel):
        part: Rules

    with pytest.raises(ValidationError) as caught:
        Whole(part={"cash": -1.0})
    told = str(failure(Strategy, "on e1", caught.value)).splitlines()[0]
    assert told.startswith("Strategy failed on e1: ValidationError: cash: Input should be")


def test_every_fault_of_a_signal_is_told() -> None:
    with pytest.raises(ValidationError) as caught:
        Signal(symbol="ACME", event_id="e1", direction="long", hold=-1, weight=0)
    told = str(failure(Strategy, "on e1", caught.value)).splitlines()[0]
    assert told == (
        "Strategy failed on e1: ValidationError: weight: Input should be greater than 0; "
        "hold: Input should be greater than or equal to 0"
    )
