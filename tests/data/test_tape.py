"""The tape of a replay: what it plays into the past, winding back, and the rank of an event."""

import numpy as np
import pandas as pd
import pytest

from backtest.data.market import Market, Tape
from backtest.events import Event, News
from tests.asking import ask
from tests.made_up import MINUTES_5, day, earnings, ids, news, utc

DAYS = ["2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05"]


def table(closes, days):
    index = pd.DatetimeIndex(days, name="session")
    return pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), closes), index)


def tape(events=(), members=lambda _: ("ACME", "BETA")):
    tables = {
        "ACME": table([10.0, 11, 12, 13], DAYS),
        "BETA": table([50.0, 51], DAYS[2:]),
        "INDX": table([1.0, 2, 3, 4], DAYS)[["close"]],
    }
    return Tape(tables, events, MINUTES_5, members)


def market(made, session, symbol="ACME"):
    now = utc(f"{session}T09:30:00-04:00")
    made.play(day(session), now)
    return Market(day(session), now, symbol, made.past)


def closes(shown, symbol):
    return shown.bars(symbol)["close"].tolist()


def test_each_session_that_has_passed_is_played():
    made = tape()
    assert closes(market(made, DAYS[0]), "ACME") == []
    assert closes(market(made, DAYS[2]), "ACME") == [10, 11]
    assert closes(market(made, DAYS[2]), "BETA") == []  # its first price is of that session
    last = market(made, DAYS[3])
    assert closes(last, "ACME") == [10, 11, 12]
    assert closes(last, "BETA") == [50]
    assert closes(last, "INDX") == [1, 2, 3]
    assert list(last.bars("INDX").columns) == ["close"]


def test_what_is_later_is_no_number_yet():
    made = tape()
    market(made, DAYS[2])
    bars = made.past._bars
    assert not np.isnan(bars[:2, 0]).any()
    assert np.isnan(bars[2:]).all()
    assert np.isnat(made.past._sessions[2:]).all()


def test_an_earlier_market_does_not_see_what_was_played_since():
    made = tape([news("2025-06-04T10:00:00-04:00")])
    early, late = market(made, DAYS[1]), market(made, DAYS[3])
    assert len(late.events(Event)) == 1
    assert closes(early, "ACME") == [10]
    assert early.events(Event) == ()


def test_winding_back_forgets_what_came_later():
    made = tape([news("2025-06-04T10:00:00-04:00")])
    assert len(market(made, DAYS[3]).events(News)) == 1
    back = market(made, DAYS[1])
    assert np.isnan(made.past._bars[1:]).all()
    assert back.events(News) == ()
    assert closes(back, "ACME") == [10]
    again = market(made, DAYS[3])
    assert closes(again, "ACME") == [10, 11, 12]
    assert len(again.events(News)) == 1


def test_an_event_is_known_once_the_reaction_time_has_passed():
    known, late = news("2025-06-03T09:24:59-04:00"), news("2025-06-03T09:25:00-04:00")
    assert ids(market(tape([known, late]), DAYS[1]).events(Event)) == [known.id]


def test_the_universe_is_that_of_the_session():
    made = tape(members=lambda d: ("ACME", "BETA") if d >= day(DAYS[2]) else ("ACME",))
    early, late = market(made, DAYS[1]), market(made, DAYS[2])
    assert (early.universe, late.universe) == (("ACME",), ("ACME", "BETA"))


def test_without_a_universe_it_is_the_symbols_of_the_run(prices):
    _, ((_, shown),) = ask(prices, [earnings()])
    assert shown.universe == ("ACME",)


# Rank: surprises of 0.1, 0.2, 0.2 and unknown before; `at` is the hour on 2 June


def surprise(value, at, symbol="ACME"):
    eps = {} if value is None else {"eps": 1 + value, "eps_consensus": 1.0}
    return earnings(at, symbol=symbol, headline=f"{symbol} {at}", **eps)


BEFORE = [
    surprise(0.125, "2025-05-20T16:05:00-04:00", "AAA"),
    surprise(0.25, "2025-05-30T16:05:00-04:00", "BBB"),
    surprise(0.25, "2025-06-02T08:00:00-04:00", "CCC"),
    surprise(None, "2025-06-02T08:30:00-04:00", "DDD"),
]


@pytest.mark.parametrize(
    ("value", "rank"),
    [(0.0, 0.0), (0.125, 1 / 6), (0.1875, 1 / 3), (0.25, 2 / 3), (0.5, 1.0), (None, None)],
)
def test_a_rank_is_the_share_below_and_half_of_the_equal(value, rank):
    own = surprise(value, "2025-06-02T09:00:00-04:00")
    shown = market(tape([*BEFORE, own]), DAYS[0])
    assert shown.rank(own, "eps_surprise") == (rank if rank is None else pytest.approx(rank))


def test_a_rank_counts_the_last_days_alone():
    own = surprise(0.1875, "2025-06-02T09:00:00-04:00")
    shown = market(tape([*BEFORE, own]), DAYS[0])
    assert shown.rank(own, "eps_surprise", days=5) == 0.0  # below both of 0.25
    assert shown.rank(own, "eps_surprise", days=14) == pytest.approx(1 / 3)
    assert shown.rank(own, "eps_surprise", days=0) is None  # nothing else is known


def test_a_rank_knows_nothing_of_later_events_and_of_other_kinds():
    own = surprise(0.1875, "2025-06-02T09:00:00-04:00")
    later = surprise(0.0, "2025-06-02T09:26:00-04:00", "EEE")
    other = news("2025-06-02T08:00:00-04:00")
    made = tape([*BEFORE[:3], other, own, later])
    assert market(made, DAYS[0]).rank(own, "eps_surprise") == pytest.approx(1 / 3)
    assert market(made, DAYS[1]).rank(own, "eps_surprise") == pytest.approx(1 / 2)
    assert market(made, DAYS[0]).rank(own, "eps_surprise") == pytest.approx(1 / 3)  # wound back


def test_events_of_the_same_minute_are_told_apart():
    at = "2025-06-02T08:00:00-04:00"
    first, second = surprise(0.125, at, "AAA"), surprise(0.25, at, "BBB")
    shown = market(tape([first, second]), DAYS[0])
    assert (shown.rank(first, "eps_surprise"), shown.rank(second, "eps_surprise")) == (0.0, 1.0)


def test_an_event_of_its_own_has_no_rank():
    own = surprise(0.125, "2025-06-02T08:00:00-04:00")
    assert market(tape([own]), DAYS[0]).rank(own, "eps_surprise") is None
