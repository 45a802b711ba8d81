"""What the strategies made of building blocks answer, and when the one that waits trades.

ACME and SPY are made up here. The trades on the embedded data that are worked by hand stand in
tests/golden/by_hand.py.
"""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from backtest.data.market import Market, Tape
from backtest.errors import UsageError
from backtest.experiments.runs.run import prepare_run, run
from backtest.strategy.loading import load_strategy
from backtest.strategy.parameters import configure
from tests.golden.goldens import ROOT
from tests.made_up import SESSIONS, day, earnings, news, request, utc

BUY_AND_HOLD = ROOT / "strategies" / "buy_and_hold.py"
RISING, FALLING = range(60), range(60, 0, -1)
# 24 sessions in which ACME goes up by a tenth and down again; each bar is 4 dollars long.
CLOSES = np.array([100.0, 110.0] * 12)
MOVES = np.diff(np.log(CLOSES))[-20:]
WEIGHT = 0.4 / (MOVES.std(ddof=1) * np.sqrt(252))
# Every session but the first has a true range of 12: its bar of 4, and the close before 10 away.
STOP = 3 * 12 / 110
CONTRACT = news("2025-07-07T16:05:00-04:00", grade="A", figures="11.9B")
LOCKUP = news("2025-07-07T16:00:00-04:00", category="lockup", headline="Lock-up ends")


def market(*events, sessions=24, index=RISING):
    """The market before the open of 2025-07-08."""
    closes = CLOSES[:sessions]
    bars = pd.DataFrame(
        {"open": closes, "high": closes + 2, "low": closes - 2, "close": closes, "volume": 1.0},
        index=pd.DatetimeIndex(SESSIONS[:sessions], name="session"),
    )
    days = pd.bdate_range(end="2025-07-07", periods=len(index), name="session")
    spy = pd.DataFrame({"close": [float(close) for close in index]}, index=days)
    now = utc("2025-07-08T09:30:00-04:00")  # 24 sessions were before
    tape = Tape({"ACME": bars, "SPY": spy}, events, timedelta(0), lambda _: ("ACME",))
    tape.play(day("2025-07-08"), now)
    return Market(day("2025-07-08"), now, "ACME", tape.past)


def made(name, **settings):
    return configure(load_strategy(ROOT / "strategies", name), settings)


def terms(signal):
    return {
        "direction": signal.direction,
        "weight": pytest.approx(signal.weight, rel=1e-12),
        "stop": pytest.approx(signal.stop, rel=1e-12),
        "hold": signal.hold,
    }


def test_a_contract_is_bought_by_how_wild_the_stock_is():
    signal = made("contract_news").on_event(CONTRACT, market())
    assert terms(signal) == {"direction": "long", "weight": WEIGHT, "stop": STOP, "hold": 10}
    assert signal.reason == "11.9B"


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({"grade": "B"}, 0.75),
        ({"grade": None}, 0.5),
        ({"precision": "date", "at": "2025-07-07T23:59:59-04:00"}, 0.75),
        ({"grade": "C", "precision": "date", "at": "2025-07-07T23:59:59-04:00"}, 0.375),
    ],
)
def test_a_contract_that_is_less_well_known_weighs_less(changes, factor):
    event = news(**{"at": "2025-07-07T16:05:00-04:00", "grade": "A", **changes})
    signal = made("contract_news").on_event(event, market())
    assert signal.weight == pytest.approx(WEIGHT * factor, rel=1e-12)


REPORT = earnings("2025-07-02T16:05:00-04:00")  # could be traded on the 3rd, two sessions before


@pytest.mark.parametrize(
    ("event", "seen", "reason"),
    [
        (LOCKUP, market(), "lockup is not a contract"),
        (CONTRACT, market(REPORT), "too near to a report: Made up"),
        (CONTRACT, market(index=FALLING), "SPY stands below its average of 50 sessions"),
        (CONTRACT, market(index=range(49)), "fewer than 50 closes of SPY are known"),
        (CONTRACT, market(sessions=20), "too few sessions to tell how wild ACME is: 20"),
        (CONTRACT, market(sessions=0), "too few sessions to tell how wild ACME is: 0"),
    ],
)
def test_a_contract_that_is_not_bought_says_why(event, seen, reason):
    assert made("contract_news").on_event(event, seen) == reason


def test_the_filters_can_be_moved_and_the_trend_left_out():
    falling, near = market(index=FALLING), market(REPORT)
    assert made("contract_news", trend=None).on_event(CONTRACT, falling).direction == "long"
    assert made("contract_news", quiet=1).on_event(CONTRACT, near).direction == "long"
    assert made("contract_news", weight=0.1).on_event(CONTRACT, market()).weight == 0.1


def test_the_end_of_a_lockup_is_sold():
    signal = made("lockup_expiry").on_event(LOCKUP, market())
    assert terms(signal) == {"direction": "short", "weight": WEIGHT, "stop": STOP, "hold": 5}
    assert signal.reason == "Lock-up ends"


def test_or_bought_against_the_selling():
    signal = made("lockup_expiry", side="long").on_event(LOCKUP, market())
    assert terms(signal) == {"direction": "long", "weight": WEIGHT, "stop": STOP, "hold": 5}
    assert signal.reason == "faded: Lock-up ends"


@pytest.mark.parametrize(
    ("event", "seen", "reason"),
    [
        (CONTRACT, market(), "contract is not a lock-up"),
        (LOCKUP, market(sessions=20), "too few sessions to tell how wild ACME is: 20"),
    ],
)
def test_what_is_not_sold_says_why(event, seen, reason):
    assert made("lockup_expiry").on_event(event, seen) == reason


# fade_the_gap. The report comes on 2025-06-04 after the close of 100 and is first traded on the
# 5th; what it does is done from the open of the 6th on. Bars are open, high, low, close.
BEFORE = (100, 101, 99, 100)
LATER = dict.fromkeys(
    [session for session in SESSIONS if session > "2025-06-05"], (112, 113, 111, 112)
)


@pytest.fixture
def faded(checkout):
    """The trades of fade_the_gap where ACME has some bars of its own after its report."""

    def replay(bars, **settings):
        sessions = dict.fromkeys(SESSIONS, BEFORE) | bars
        lines = [f"{d},{','.join(map(str, bar))},1000" for d, bar in sessions.items()]
        checkout.write(
            "data/prices/ACME.csv", "\n".join(["date,open,high,low,close,volume", *lines, ""])
        )
        text = (ROOT / "strategies/fade_the_gap.py").read_text(encoding="utf-8")
        checkout.write("strategies/fade_the_gap.py", text)
        return run(prepare_run(checkout.workspace, request("fade_the_gap", settings=settings)))

    return replay


def told(made):
    names = ("direction", "entry_session", "exit_session", "exit_reason")
    return [tuple(trade[name] for name in names) for trade in made.trades]


def test_a_gap_up_is_sold_at_the_second_open_and_left_two_sessions_on(faded):
    made = faded({"2025-06-05": (110, 113, 109, 112), **LATER})
    (trade,) = made.trades
    assert told(made) == [("short", "2025-06-06", "2025-06-10", "time")]
    assert trade["shares"] == "848"  # 95 % of 100,000 at 111.944: 848.6
    assert float(trade["entry_price"]) == pytest.approx(112 * 0.9995)
    assert trade["event_id"] == made.decisions[0]["event_id"]


def test_a_gap_down_is_bought(faded):
    low = dict.fromkeys(LATER, (88, 89, 87, 88))
    made = faded({"2025-06-05": (90, 91, 87, 88), **low})
    assert told(made) == [("long", "2025-06-06", "2025-06-10", "time")]


@pytest.mark.parametrize(("close", "left"), [(99, "2025-06-09"), (100, "2025-06-10")])
def test_it_leaves_once_a_close_has_come_as_far_as_the_gap_was_open(faded, close, left):
    # From 112 to 100 is 10.7 %; from the entry at 111.944 that is 99.95, looked at in closes.
    bars = {"2025-06-05": (110, 113, 109, 112), **LATER, "2025-06-06": (112, 113, 98, close)}
    reason = "target" if close == 99 else "time"
    assert told(faded(bars)) == [("short", "2025-06-06", left, reason)]


@pytest.mark.parametrize(
    "first",
    [
        (104.9, 113, 104, 112),  # the gap is below 5 %, whatever the session did
        (110, 113, 99, 100),  # closed at once: nothing is left of it
        (110, 113, 98, 99),
    ],
)
def test_a_gap_that_is_small_or_closed_is_left_alone(faded, first):
    after = dict.fromkeys(LATER, (first[3],) * 4)
    assert told(faded({"2025-06-05": first, **after})) == []


def test_its_parameters_move_it(faded):
    bars = {"2025-06-05": (104.9, 113, 104, 112), **LATER}
    made = faded(bars, min_gap=0.049, hold=1, weight=0.5)
    assert told(made) == [("short", "2025-06-06", "2025-06-09", "time")]
    assert made.trades[0]["shares"] == "446"


def test_an_event_during_a_trade_renews_it(faded, checkout):
    checkout.write(
        "data/events/news.csv",
        "symbol,published_at,precision,headline,category\n"
        "ACME,2025-06-05T16:30:00-04:00,minute,More,contract\n",
    )
    bars = {"2025-06-05": (110, 113, 109, 112), **LATER, "2025-06-06": (125, 126, 124, 125)}
    assert told(faded(bars)) == [("short", "2025-06-06", "2025-06-11", "time")]


@pytest.mark.parametrize("settings", [{"min_gap": 0}, {"hold": 0}, {"weight": 11}])
def test_parameters_out_of_bounds_are_wrong_use(faded, settings):
    with pytest.raises(UsageError, match=next(iter(settings))):
        faded({}, **settings)


def test_it_runs_also_after_another_strategy_was_loaded(faded, checkout):
    faded({})
    prepared = prepare_run(checkout.workspace, request("fade_the_gap", settings={"hold": 3}))
    prepare_run(checkout.workspace, request("beats"))
    assert run(prepared).manifest["parameters"]["hold"] == 3


# Buy and hold of several stocks


def flat(price, sessions):
    bars = "".join(f"{day},{price},{price + 1},{price - 1},{price},1000\n" for day in sessions)
    return f"date,open,high,low,close,volume\n{bars}"


def test_several_stocks_are_held_in_equal_parts_and_get_no_verdict_whenever_they_trade(checkout):
    checkout.write("strategies/buy_and_hold.py", BUY_AND_HOLD.read_text())
    checkout.write("data/prices/GONE.csv", flat(50, SESSIONS[:10]))
    checkout.write("data/prices/LATE.csv", flat(10, SESSIONS[10:]))
    symbols = ("ACME", "GONE", "LATE")
    made = run(prepare_run(checkout.workspace, request("buy_and_hold", symbols=symbols)))
    # A third of 100,000 is 333.2 shares of ACME at 100 × 1.0005, and 666.3 of GONE at 50 × 1.0005.
    # That leaves 33,361.705 in cash, which is less than a third of what the account is worth when
    # LATE comes: 3,332 shares at 10 × 1.0005 and half a cent of commission each.
    assert [(trade["symbol"], int(trade["shares"])) for trade in made.trades] == [
        ("ACME", 333),
        ("GONE", 666),
        ("LATE", 3332),
    ]
    found = made.manifest["evidence"]
    assert (found["verdict"], found["p"]) == ("none", None)
    assert found["refused"].startswith("Held from the first session to the last")


def test_one_stock_takes_all(checkout):
    checkout.write("strategies/buy_and_hold.py", BUY_AND_HOLD.read_text())
    made = run(prepare_run(checkout.workspace, request("buy_and_hold")))
    assert [int(trade["shares"]) for trade in made.trades] == [999]  # 100,000 ÷ 100.05 is 999.5
