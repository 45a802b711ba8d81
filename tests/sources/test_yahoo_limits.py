"""What is asked of Yahoo, and from what on a price, a split or a bar is not believed."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from backtest.errors import DataError, UsageError
from backtest.sources import yahoo
from backtest.sources.yahoo import (
    History,
    _adjust_mode,
    _finished,
    _of_another_scale,
    _refuse_unadjusted,
    ask_estimates,
    ask_history,
    finished_bars,
    read_history,
    rounded,
)
from tests.yahoo import ROWS, chart, minutes

NEW_YORK = "America/New_York"
DAYS = pd.DatetimeIndex(["2025-06-16", "2025-06-17", "2025-06-18", "2025-06-20"], name="session")
EVENING = datetime(2025, 6, 20, 23, 0, tzinfo=UTC)


def seconds(day):
    """A day's first in New York, since 1970."""
    return str(int(pd.Timestamp(day).tz_localize(NEW_YORK).timestamp()))


def told(closes, days=DAYS):
    columns = ("open", "high", "low", "close", "volume")
    return pd.DataFrame({name: map(float, closes) for name in columns}, index=days[: len(closes)])


# What is asked


@pytest.fixture
def ticker(monkeypatch):
    """A stand-in for yfinance's, which keeps what it is asked."""
    index = DAYS[:1].tz_localize(NEW_YORK)
    names = ("Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits")
    frame = pd.DataFrame({name: [0.0] for name in names}, index=index)
    figures = pd.DataFrame({"EPS Estimate": [0.1], "Reported EPS": [0.2]}, index=index)
    ticker = SimpleNamespace(asked=[], history_metadata={"currency": "USD"})

    def history(**terms):
        ticker.asked.append(terms)
        return frame

    def get_earnings_dates(**terms):
        ticker.asked.append(terms)
        return figures

    ticker.history, ticker.get_earnings_dates = history, get_earnings_dates
    monkeypatch.setattr(yahoo, "_ticker", lambda symbol: ticker)
    monkeypatch.setattr(yahoo, "_PACE", yahoo.Pace(10_000))
    return ticker


@pytest.mark.parametrize(
    ("bars", "adjust", "interval"),
    [(None, "splits", "1d"), ("5m", "splits", "5m"), (None, "all", "1d")],
)
def test_prices_are_asked_for_from_a_day_on_up_to_now(ticker, bars, adjust, interval):
    ask_history("ACME", bars, adjust, date(2025, 6, 16))
    assert ticker.asked == [
        {
            "period": None,
            "interval": interval,
            "start": "2025-06-16",
            "auto_adjust": False,
            "timeout": 20.0,
        }
    ]


def test_estimates_are_asked_for_of_25_years(ticker):
    ask_estimates("ACME")
    assert ticker.asked == [{"limit": 4 * 25}]


def test_of_a_new_file_all_that_yahoo_has_of_any_stock_is_asked_for(site, fetch):
    site.has("ACME", chart(ROWS))
    fetch()
    assert site.asked[0]["period1"] == seconds("1962-01-02")


@pytest.mark.parametrize(
    ("bars", "earliest"),
    [
        ("1h", date(2023, 6, 23)),  # of two years, of which one has 366 days
        ("30m", date(2025, 4, 23)), ("15m", date(2025, 4, 23)), ("5m", date(2025, 4, 23)),
        ("1m", date(2025, 6, 14)),
    ],
)  # fmt: skip
def test_finer_bars_are_asked_for_as_far_back_as_yahoo_has_them(site, fetch, bars, earliest):
    """Today is 2025-06-20, and counts."""
    site.has("ACME", chart(minutes("2025-06-18", 3, int(bars[:-1]) if bars != "1h" else 60)))
    with pytest.raises(UsageError, match=f"--from can be {earliest} at the earliest"):
        fetch(bars=bars, first=earliest - timedelta(days=1))
    for first in (earliest, None):
        fetch(bars=bars, first=first)
        assert site.asked[-1]["period1"] == seconds(earliest)


def test_a_span_has_a_day_at_least(site, fetch):
    site.has("ACME", chart(ROWS))
    fetch(first=date(2025, 6, 20), last=date(2025, 6, 20))
    fetch(first=date(2025, 6, 20))
    with pytest.raises(UsageError, match="--from 2025-06-20 is after --to 2025-06-19"):
        fetch(first=date(2025, 6, 20), last=date(2025, 6, 19))
    with pytest.raises(UsageError, match="--from 2025-06-21 is after --to today"):
        fetch(first=date(2025, 6, 21))


def test_a_day_that_nobody_gave_is_not_told_as_that_of_an_option(site, fetch):
    site.has("ACME", chart(ROWS))
    fetch().make()
    with pytest.raises(UsageError, match=r"^2025-06-16, which counts without --from, is after"):
        fetch(last=date(2025, 6, 13))
    with pytest.raises(UsageError, match=r"^2025-04-23, which counts without --from, is after"):
        fetch(bars="5m", last=date(2025, 4, 22))


def test_of_a_file_of_finer_bars_the_days_that_yahoo_still_has_are_asked_for(site, fetch):
    site.has("ACME", chart(minutes("2025-06-18", 3, 60)))
    fetch(bars="1h").make()
    again = fetch(bars="1h")
    assert site.asked[-1]["period1"] == seconds("2023-06-23")
    assert not any("a file keeps them" in note for note in again.notes)  # it is said once


def test_many_symbols_at_once_become_the_dataset(site, fetch):
    site.has("ACME", chart(ROWS))
    assert fetch().path.suffix == ".csv"
    assert fetch(among=1000).path.suffix == ".parquet"


def test_a_file_whose_first_rows_did_not_come_keeps_its_mode(site, fetch, kept):
    """Splits of before what came are not known."""
    site.has("ACME", chart(ROWS[1:], splits={"2025-06-16": (2, 1)}))
    mode = fetch().make().metadata["adjust"]
    assert mode == "none: as traded, no split in the span"
    site.has("ACME", chart(ROWS, splits={"2025-06-16": (2, 1)}))
    assert fetch().incoming.adjust.startswith("splits, as of 2025-06-20")


def test_the_time_of_a_fetch_is_to_the_second(site, fetch, monkeypatch):
    monkeypatch.setattr(yahoo, "_now", lambda: EVENING.replace(microsecond=7))
    site.has("ACME", chart(ROWS))
    assert fetch().incoming.retrieval["fetched_at"] == "2025-06-20T23:00:00+00:00"


@pytest.mark.parametrize(
    ("wanted", "is_daily", "mode"),
    [(None, True, "splits"), ("all", True, "all"), ("splits", False, "splits"),
     (None, False, "splits")],
)  # fmt: skip
def test_the_mode_of_a_new_file_is_what_is_wanted_or_splits(tmp_path, wanted, is_daily, mode):
    assert _adjust_mode(tmp_path / "ACME.csv", wanted, is_daily=is_daily) == mode
    with pytest.raises(UsageError, match="adjusts bars finer than sessions for splits alone"):
        _adjust_mode(tmp_path / "ACME.csv", "all", is_daily=False)


# What is not believed


@pytest.mark.parametrize(
    ("ratio", "before", "after", "is_refused"),
    [
        (1.4, 140, 100, False),  # a move of the market may be as large
        (1.5, 150, 100, True),
        (1.5, 100, 100, False),
        (4.0, 201, 100, True),  # nearer to four for one than to none
        (4.0, 199, 100, False),
        (0.25, 100, 201, True),
        (0.25, 100, 199, False),
    ],
)
def test_a_split_is_not_adjusted_for_where_the_closes_are_nearer_to_it(
    ratio, before, after, is_refused
):
    closes = [before, before, after, after]
    history = History("ACME", None, told(closes), {date(2025, 6, 18): ratio}, {})
    if is_refused:
        with pytest.raises(DataError, match=f"{before} is the close before, {after} that of the"):
            _refuse_unadjusted(told(closes), history)
    else:
        _refuse_unadjusted(told(closes), history)


def test_every_split_is_looked_at_but_one_of_the_first_row():
    closes = [100, 100, 25, 25]
    splits = {date(2025, 6, 16): 4.0, date(2025, 6, 17): 1.1, date(2025, 6, 18): 4.0}
    with pytest.raises(DataError, match="on 2025-06-18 by Yahoo"):
        _refuse_unadjusted(told(closes), History("ACME", None, told(closes), splits, {}))
    tail = told(closes).iloc[2:]
    _refuse_unadjusted(tail, History("ACME", None, tail, splits, {}))


@pytest.mark.parametrize(("price", "is_wrong"), [(30.0, False), (30.1, True), (0.033, True)])
def test_a_price_is_of_another_scale_beyond_thirty_times_the_closes_around(price, is_wrong):
    table = told([1.0] * 4)
    table.iloc[2, 1] = price
    assert _of_another_scale(table).tolist() == [False, False, is_wrong, False]
    table = told([1.0] * 4)
    table.iloc[2, 4] = 1e9  # a volume is no price
    assert not _of_another_scale(table).any()


def test_the_usual_close_is_the_median_of_eleven_rows_around():
    """Of five that are high among eleven it is low still, of six it is not."""
    days = pd.bdate_range("2025-03-03", periods=31)
    for high, wrong in ((range(13, 18), 5), (range(13, 19), 0)):
        closes = [100.0 if n in high else 1.0 for n in range(31)]
        found = _of_another_scale(told(closes, days))
        assert np.flatnonzero(found).tolist() == list(high)[:wrong]


def test_a_row_alone_is_held_against_its_own_close():
    table = told([1.0])
    assert not _of_another_scale(table).any()
    table.iloc[0, 2] = 0.01
    assert _of_another_scale(table).all()


@pytest.mark.parametrize(("now", "left"), [("2025-06-20T20:29:59", 3), ("2025-06-20T20:30:00", 4)])
def test_a_bar_is_finished_half_an_hour_after_its_end(now, left):
    assert len(_finished(told([1] * 4), None, np.datetime64(now))[0]) == left


@pytest.mark.parametrize(("now", "left"), [("2025-06-18T15:00", 1), ("2025-06-18T14:59", 0)])
def test_a_finer_bar_ends_after_its_length(now, left):
    table = told([1], pd.DatetimeIndex(["2025-06-18T13:30"], name="time"))
    assert len(_finished(table, "1h", np.datetime64(now))[0]) == left


def test_rows_outside_of_sessions_are_counted_and_others_named():
    days = pd.DatetimeIndex(["2025-06-14", "2025-06-15", "2025-06-16"], name="session")
    table, notes = _finished(told([1, 1, 1], days), None, np.datetime64("2025-06-16T21:00"))
    assert len(table) == 1
    assert notes == ["Left out 2 rows outside of the sessions of XNYS."]


def test_the_last_day_is_wanted_to_its_last_bar():
    times = pd.DatetimeIndex(
        ["2025-06-17T13:30", "2025-06-17T23:59:59.999999", "2025-06-18"], name="time"
    )
    history = History("ACME", "1m", told([1, 1, 1], times), {}, {})
    (table, notes) = finished_bars(history, EVENING, date(2025, 6, 17))
    assert len(table) == 1
    assert notes == ["Left out 1 row outside of the sessions of XNYS."]
    both = finished_bars(history, EVENING, date(2025, 6, 18))[1]
    assert both == ["Left out 2 rows outside of the sessions of XNYS."]


def frame(*days, **columns):
    names = ("Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits")
    zeros = {name: [0.0] * len(days) for name in names}
    return pd.DataFrame({**zeros, **columns}, index=pd.DatetimeIndex(days).tz_localize(NEW_YORK))


def test_an_action_of_a_day_without_a_session_is_of_the_next():
    """2025-06-19 is a holiday."""
    raw = frame("2025-06-18", "2025-06-19", Dividends=[0.1, 0.2])
    history = read_history(raw, "USD", "ACME", None)
    assert history.dividends == {date(2025, 6, 18): 0.1, date(2025, 6, 20): 0.2}
    assert history.splits == {}


def test_what_comes_to_one_session_from_two_days_is_all_there():
    """What is told of the holiday counts with what is told of the next session."""
    actions = {"Dividends": [0.25, 0.5], "Stock Splits": [2.0, 3.0]}
    history = read_history(frame("2025-06-19", "2025-06-20", **actions), "USD", "ACME", None)
    assert history.dividends == {date(2025, 6, 20): 0.75}
    assert history.splits == {date(2025, 6, 20): 6.0}


def test_a_time_that_came_twice_is_named():
    with pytest.raises(DataError, match="two rows came for 2025-06-20 00:00"):
        read_history(frame("2025-06-18", "2025-06-20", "2025-06-20"), "USD", "ACME", None)


@pytest.mark.parametrize(
    ("price", "kept"),
    [(1234567.8, 1234568.0), (123456.78, 123456.8), (0.0, 0.0), (-41.939998, -41.94)],
)
def test_prices_have_the_seven_digits_of_single_precision(price, kept):
    with np.errstate(all="raise"):
        assert rounded(np.array([price])).tolist() == [kept]


def test_an_empty_cell_is_refused_unless_it_is_said():
    table = told([1, 1, 1])
    table.iloc[1, 3] = np.nan
    history = History("ACME", None, table, {}, {})
    with pytest.raises(DataError, match="1 row came with empty cells, the first for 2025-06-17"):
        finished_bars(history, EVENING, None)
    found, notes = finished_bars(history, EVENING, None, skip_bad=True)
    assert (len(found), notes) == (2, ["Yahoo has nothing of the sessions 2025-06-17."])
