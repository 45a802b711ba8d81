"""Sessions of the replay in which a stock does not trade, through both engines.

BOLT is flat at 50; where it is silent its bars have no volume and one price.
"""

import pytest

from backtest.engine.schedule import schedule
from backtest.errors import UsageError
from backtest.events import News
from tests.engines import made_up_bars, made_up_stocks
from tests.made_up import MINUTES_5, SESSIONS, day, do, news, utc
from tests.universes import bars

HALTS = [(SESSIONS[3:6], ""), ((), "2025-06-05,halted,,2025-06-09,")]
ENGINES = ("backtrader", "kernel")
ACTIONS = "day,action,amount,until,name,source\n"


def write_bolt(checkout, silent=(), actions=""):
    rows = bars([50] * len(SESSIONS))
    for one in silent:
        rows = rows.replace(f"{one},50,51,49,50,1000000", f"{one},50,50,50,50,0")
    checkout.write("data/prices/BOLT.csv", rows)
    if actions:
        checkout.write("data/actions/BOLT.csv", f"{ACTIONS}{actions},made up\n")


def told(run):
    return [
        (one["symbol"], str(one["tradable_session"]), one["action"], one["reason"])
        for one in run.decisions
    ]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("symbols", [("BOLT",), ("ACME", "BOLT")])
@pytest.mark.parametrize(
    ("silent", "actions"),
    [
        (SESSIONS[-6:], ""),
        ((), "2025-07-08,halted,,2025-07-31,"),
        ((), "2025-07-08,delisted,10,,"),
    ],
)
def test_news_after_the_last_open_of_a_stock_is_not_traded(
    checkout, silent, actions, symbols, engine
):
    write_bolt(checkout, silent, actions)
    checkout.write(
        "data/events/news.csv",
        "symbol,published_at,precision,headline,category,note\n"
        "BOLT,2025-07-08T17:24:00-04:00,minute,A contract,contract,made up\n",
    )
    checkout.strategy("newsy", "return Signal.long(event, weight=0.4, hold=2)", listens_to="News")
    run = do(checkout, "newsy", symbols=symbols, engine=engine)
    why = "no trade of BOLT from 2025-07-09 to the end of the replay"
    assert told(run) == [("BOLT", "", "not_tradable", why)]


def write_holder(checkout):
    checkout.strategy(
        "holder", "return Signal.long(event, weight=0.4, reason='held')", listens_to="Start"
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("silent", "actions"), HALTS)
def test_a_stock_that_is_halted_at_the_start_is_entered_at_its_first_open(
    checkout, silent, actions, engine
):
    write_bolt(checkout, silent, actions)
    write_holder(checkout)
    run = do(checkout, "holder", symbols=("ACME", "BOLT"), engine=engine, first=day("2025-06-05"))
    assert told(run) == [
        ("ACME", "2025-06-05", "enter", "held"),
        ("BOLT", "2025-06-10", "enter", "held"),
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_member_starts_with_its_membership(checkout, engine):
    # 21 June is a Saturday; the first membership of COIL is over by the start, and room is left.
    write_bolt(checkout)
    checkout.write("data/prices/COIL.csv", bars([20] * len(SESSIONS)))
    members = "ACME,,2025-06-20\nBOLT,2025-06-21,\nCOIL,,2025-06-02\nCOIL,2025-06-30,2025-07-02\n"
    checkout.write("data/universes/trio/members.csv", f"symbol,first,last\n{members}")
    write_holder(checkout)
    terms = {"symbols": (), "universe": "trio", "engine": engine, "first": day("2025-06-03")}
    run = do(checkout, "holder", **terms)
    assert told(run) == [
        ("ACME", "2025-06-03", "enter", "held"),
        ("BOLT", "2025-06-23", "enter", "held"),
        ("COIL", "2025-06-30", "enter", "held"),
    ]
    joined = "Its membership begins"
    assert [row["headline"] for row in run.decisions] == ["The replay begins", joined, joined]


def test_a_member_whose_halt_outlasts_its_membership_is_not_started(checkout):
    write_bolt(checkout, SESSIONS[3:6])
    checkout.write(
        "data/universes/duo/members.csv", "symbol,first,last\nACME,,\nBOLT,2025-06-05,2025-06-09\n"
    )
    write_holder(checkout)
    run = do(checkout, "holder", symbols=(), universe="duo")
    assert told(run) == [
        ("ACME", "2025-06-02", "enter", "held"),
        ("BOLT", "", "not_tradable", "the stock was no member of duo then"),
    ]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("silent", "actions"), HALTS)
def test_a_stock_that_is_halted_throughout_the_span_is_not_traded(
    checkout, silent, actions, engine
):
    write_bolt(checkout, silent, actions)
    write_holder(checkout)
    terms = {"symbols": ("ACME", "BOLT"), "first": day("2025-06-05"), "last": day("2025-06-09")}
    run = do(checkout, "holder", engine=engine, **terms)
    why = "no trade of BOLT from 2025-06-05 to the end of the replay"
    assert told(run) == [
        ("ACME", "2025-06-05", "enter", "held"),
        ("BOLT", "", "not_tradable", why),
    ]


def test_a_span_in_which_nothing_is_traded_is_refused(checkout):
    write_bolt(checkout, SESSIONS[3:6])
    write_holder(checkout)
    told = "Nothing is traded of BOLT from 2025-06-05 to 2025-06-09"
    with pytest.raises(UsageError, match=told):
        do(checkout, "holder", symbols=("BOLT",), first=day("2025-06-05"), last=day("2025-06-09"))


def test_news_in_a_span_that_is_halted_throughout_has_no_finer_bar_either():
    sessions = [day(one) for one in SESSIONS[:6]]
    bars = {
        "ACME": [(one, 100, 101, 99, 100, 10) for one in sessions],
        "BOLT": [(one, 50, 50, 50, 50, 0 if n in (3, 4) else 10) for n, one in enumerate(sessions)],
    }
    history = made_up_stocks(bars, {})
    span = {symbol: one.span(sessions[3], sessions[4]) for symbol, one in history.items()}
    event = news("2025-06-04T18:00:00-04:00", symbol="BOLT")
    finer = {
        symbol: [(utc(f"{one}T09:30:00-04:00").replace(tzinfo=None), *row) for one, *row in rows]
        for symbol, rows in bars.items()
    }
    run = made_up_bars(span, finer, [])
    (decision,) = schedule((News,), [event], history, span, MINUTES_5, bars=run)
    assert decision.reason == "after the last price of BOLT in the replay, 2025-06-06"
