"""The tape of a replay: what it plays into the past, winding back, and the rank of an event."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.data.bars import FinerBars
from backtest.data.datafile import DataFile
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
    assert last.bars("INDX").index.name == "session"


def test_what_is_later_is_no_number_yet():
    made = tape()
    market(made, DAYS[2])
    bars = made.past.daily._table
    assert not np.isnan(bars[:2, 0]).any()
    assert np.isnan(bars[2:]).all()
    assert np.isnat(made.past.daily._times[2:]).all()


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
    assert np.isnan(made.past.daily._table[1:]).all()
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


# Splits, finer bars and what is newer


def test_bars_are_on_the_basis_of_the_shares_of_the_session():
    tables = {"ACME": table([12.0, 12, 6, 6], DAYS), "BETA": table([8.0, 8, 8, 8], DAYS)}
    made = Tape(tables, [], MINUTES_5, lambda _: (), [(day(DAYS[2]), "ACME", 2.0)])
    before = market(made, DAYS[1])
    assert before.bars("ACME").to_numpy().tolist() == [[12] * 5]
    on_it = market(made, DAYS[2])  # its open is in new shares
    assert on_it.bars("ACME")["close"].tolist() == [6, 6]
    assert on_it.bars("ACME")["volume"].tolist() == [24, 24]
    assert market(made, DAYS[3]).bars("ACME")["open"].tolist() == [6, 6, 6]
    assert market(made, DAYS[3]).bars("BETA")["close"].tolist() == [8, 8, 8]
    assert market(made, DAYS[1]).bars("ACME")["close"].tolist() == [12]  # wound back


def test_splits_follow_each_other_whatever_their_order():
    splits = [(day(DAYS[3]), "ACME", 3.0), (day(DAYS[1]), "ACME", 2.0)]
    made = Tape({"ACME": table([12.0, 6, 6, 2], DAYS)}, [], MINUTES_5, lambda _: (), splits)
    assert market(made, DAYS[2]).bars()["close"].tolist() == [6, 6]
    assert market(made, DAYS[3]).bars()["close"].tolist() == [2, 2, 2]
    assert market(made, DAYS[3]).bars()["volume"].tolist() == [72, 18, 18]


def by_bars(at="open"):
    """Bars of half an hour at 09:30, 10:00 and 15:30 of the first day, New York."""
    times = np.array([f"{DAYS[0]}T{t}" for t in ("13:30", "14:00", "19:30")], "M8[us]")
    rows = np.array([[n] * 5 for n in (1.0, 2.0, 3.0)])
    file = DataFile(Path("made/30m/ACME.parquet"), "", "", {})
    bars = FinerBars("ACME", 30, file, times, times.astype("M8[D]"), rows, np.zeros(3, bool))
    tables = {"ACME": table([10.0, 11, 12, 13], DAYS)}
    return Tape(tables, [], MINUTES_5, lambda _: (), finer={"ACME": bars}, at=at)


def ended(made, clock):
    now = utc(f"{DAYS[0]}T{clock}-04:00")
    made.play(day(DAYS[0]), now)
    return Market(day(DAYS[0]), now, "ACME", made.past).finer_bars()["close"].tolist()


@pytest.mark.parametrize(
    ("clock", "at_open", "before_close"),
    [
        ("09:30", [], []),
        ("09:59:59", [], []),
        ("10:00", [1], []),  # the bar that ends at a close is traded there
        ("10:00:01", [1], [1]),
        ("16:00", [1, 2, 3], [1, 2]),
    ],
)
def test_finer_bars_are_those_that_have_ended(clock, at_open, before_close):
    assert ended(by_bars(), clock) == at_open
    assert ended(by_bars("close"), clock) == before_close


def test_finer_bars_that_have_not_ended_are_no_numbers():
    made = by_bars()
    assert ended(made, "16:00") == [1, 2, 3]
    assert ended(made, "10:30") == [1, 2]
    held = made.past.finer["ACME"]
    assert np.isnan(held._table[2:]).all()
    assert np.isnat(held._times[2:]).all()
    assert ended(made, "16:00") == [1, 2, 3]
    shown = Market(day(DAYS[0]), utc(f"{DAYS[0]}T16:00-04:00"), "ACME", made.past)
    frame = shown.finer_bars("ACME")
    assert (str(frame.index[0]), frame.index.name) == (f"{DAYS[0]} 13:30:00+00:00", "time")
    frame.loc[:, "close"] = 0.0
    assert shown.finer_bars()["close"].tolist() == [1, 2, 3]
    assert shown.finer_bars("BETA").empty
    assert list(shown.finer_bars("BETA").columns) == ["open", "high", "low", "close", "volume"]


def test_an_event_is_followed_by_the_first_of_its_kind_and_stock():
    at = "2025-06-02T08:0{}:00-04:00".format
    first, later = news(at(1), headline="b"), news(at(5), headline="c")
    others = [news(at(1), headline="a"), news(at(2), symbol="BETA"), earnings(at(3)), later,
              news(at(6), headline="d")]  # fmt: skip
    events = sorted([first, *others], key=lambda one: (one.published_at, one.headline))
    made = tape(events)
    now = utc("2025-06-02T09:30:00-04:00")
    made.play(day(DAYS[0]), now)
    assert made.past.newer(first, now) == later
    assert made.past.newer(others[-1], now) is None
    early = utc(at(9))  # five minutes later, what came at 08:05 has not been heard of
    assert made.past.newer(first, early) is None
    assert made.past.newer(others[0], now) == first


def test_winding_back_forgets_the_members_of_later_sessions():
    asked = []
    made = tape(members=lambda d: asked.append(d) or (f"of {d}",))
    for session in (DAYS[0], DAYS[2], DAYS[1], DAYS[2]):
        assert market(made, session).universe == (f"of {session}",)
    assert list(made.past.members) == [day(DAYS[0]), day(DAYS[1]), day(DAYS[2])]
    market(made, DAYS[2])
    assert asked == [day(DAYS[n]) for n in (0, 2, 1, 2)]


def test_winding_back_within_a_session_forgets_later_events_alone():
    asked = []
    events = [news("2025-06-03T08:00:00-04:00"), news("2025-06-03T09:00:00-04:00")]
    made = tape(events, members=lambda d: asked.append(d) or ())
    session = day(DAYS[1])
    for clock, known in (("09:30", 2), ("08:30", 1), ("09:30", 2), ("07:30", 0)):
        made.play(session, utc(f"{DAYS[1]}T{clock}:00-04:00"))
        now = utc(f"{DAYS[1]}T23:00:00-04:00")
        assert len(made.past.events(News, now)) == known
        assert made.past.bars("ACME", day(DAYS[3]))["close"].tolist() == [10]
    assert asked == [session]


def test_what_comes_within_the_reaction_time_is_not_heard_of_whatever_was_played_since():
    before = surprise(0.25, "2025-06-03T09:24:59-04:00")
    within = surprise(0.5, "2025-06-03T09:25:00-04:00", "BBB")
    made = tape([before, within])
    early, _ = market(made, DAYS[1]), market(made, DAYS[3])
    assert ids(early.events(Event)) == [before.id]
    assert early.rank(before, "eps_surprise") is None


def test_a_rank_after_winding_back_knows_nothing_of_what_was_played_since():
    own = surprise(0.1875, "2025-06-02T08:00:00-04:00")
    later = surprise(0.0, "2025-06-03T08:00:00-04:00", "EEE")
    other = surprise(0.5, "2025-06-02T08:10:00-04:00", "FFF")
    made = tape([own, other, later])
    assert market(made, DAYS[1]).rank(own, "eps_surprise") == pytest.approx(1 / 2)
    assert market(made, DAYS[0]).rank(own, "eps_surprise") == 0.0
    assert market(made, DAYS[1]).rank(own, "eps_surprise") == pytest.approx(1 / 2)


def test_a_rank_leaves_the_event_itself_out_wherever_it_stands():
    first = surprise(0.25, "2025-06-02T08:00:00-04:00", "AAA")
    second = surprise(0.25, "2025-06-02T08:10:00-04:00", "BBB")
    third = surprise(0.5, "2025-06-02T08:20:00-04:00", "CCC")
    shown = market(tape([first, second, third]), DAYS[0])
    assert [shown.rank(one, "eps_surprise") for one in (first, second, third)] == [0.25, 0.25, 1.0]


def test_days_of_a_rank_reach_back_from_the_decision():
    own = surprise(0.25, "2025-06-01T09:30:00-04:00")  # a day before it, to the second
    other = surprise(0.5, "2025-06-02T09:00:00-04:00", "BBB")
    shown = market(tape([own, other]), DAYS[0])
    assert shown.rank(other, "eps_surprise", days=1) == 1.0
    before = surprise(0.25, "2025-06-01T09:29:59-04:00")
    assert market(tape([before, other]), DAYS[0]).rank(other, "eps_surprise", days=1) is None


def test_sessions_are_counted_on_the_calendar():
    shown = market(tape(), DAYS[2])
    assert [shown.sessions_until(day(one)) for one in DAYS] == [-2, -1, 0, 1]
    assert shown.session_after(1) == day(DAYS[3])
    assert shown.session_after(-2) == day(DAYS[0])


def test_a_later_session_at_an_earlier_time_has_its_bars_and_fewer_events():
    made = tape([news("2025-06-03T08:00:00-04:00"), news("2025-06-03T09:00:00-04:00")])
    made.play(day(DAYS[1]), utc(f"{DAYS[1]}T09:30:00-04:00"))
    made.play(day(DAYS[2]), utc(f"{DAYS[1]}T08:30:00-04:00"))
    now = utc(f"{DAYS[2]}T09:30:00-04:00")
    assert len(made.past.events(News, now)) == 1
    assert made.past.bars("ACME", day(DAYS[3]))["close"].tolist() == [10, 11]
    made.play(day(DAYS[2]), now)
    assert len(made.past.events(News, now)) == 2
    assert made.past.bars("ACME", day(DAYS[3]))["close"].tolist() == [10, 11]


def test_an_earlier_session_at_a_later_time_has_fewer_bars_and_its_events():
    made = tape([news("2025-06-03T08:00:00-04:00"), news("2025-06-03T09:00:00-04:00")])
    made.play(day(DAYS[2]), utc(f"{DAYS[1]}T08:30:00-04:00"))
    made.play(day(DAYS[1]), utc(f"{DAYS[1]}T09:30:00-04:00"))
    assert len(made.past.events(News, utc(f"{DAYS[2]}T09:30:00-04:00"))) == 2
    assert made.past.bars("ACME", day(DAYS[3]))["close"].tolist() == [10]
