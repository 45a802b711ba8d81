"""Prices from Yahoo: what is asked, what is taken, and each way in which an answer can be wrong.

yfinance itself asks here, on plain `requests` in place of curl, and a server on this machine
answers in Yahoo's form.
"""

from datetime import UTC, date, datetime
from importlib.metadata import version

import pandas as pd
import pytest

from backtest.data.actions import Action, read_actions
from backtest.data.prices import read_prices
from backtest.errors import DataError, UsageError
from backtest.sources import yahoo
from backtest.sources.action_files import prepare_actions
from backtest.sources.yahoo import finished_bars, read_history
from tests.yahoo import ROWS, chart, minutes, stamp

EVENING = datetime(2025, 6, 20, 23, 0, tzinfo=UTC)


def at(monkeypatch, text):
    monkeypatch.setattr(yahoo, "_now", lambda: datetime.fromisoformat(text))


# What comes


def test_prices_are_taken_as_they_were_quoted(site, fetch):
    site.has("ACME", chart(ROWS))
    update = fetch()
    assert list(update.added) == ["2025-06-16", "2025-06-17", "2025-06-18", "2025-06-20"]
    assert update.table.iloc[0].tolist() == [41.94, 42.5, 41.01, 42.0, 1000]
    assert update.notes == []
    update.make()
    assert update.path.read_text().splitlines()[:2] == [
        "date,open,high,low,close,volume", "2025-06-16,41.94,42.5,41.01,42,1000",
    ]  # fmt: skip
    (asked,) = site.asked
    assert asked["interval"] == "1d"
    assert asked["includePrePost"] == "False"


def test_the_metadata_tell_how_they_were_had(site, fetch):
    site.has("ACME", chart(ROWS))
    made = fetch().make()
    known = made.metadata
    assert (known["first"], known["last"], known["rows"]) == ("2025-06-16", "2025-06-20", 4)
    assert known["adjust"] == "none: as traded, no split in the span"
    assert known["source"].startswith("Yahoo Finance by yfinance")
    (retrieval,) = known["retrievals"]
    assert retrieval == {
        "source": "Yahoo Finance", "library": "yfinance", "version": version("yfinance"),
        "fetched_at": "2025-06-20T23:00:00+00:00", "adjust": known["adjust"],
        "first": "2025-06-16", "last": "2025-06-20", "rows": 4, "added": 4, "replaced": 0,
    }  # fmt: skip
    assert made.reason == "4 rows added from Yahoo Finance by yfinance"


def test_the_span_that_is_asked_for(site, fetch):
    site.has("ACME", chart(ROWS))
    day = date(2025, 6, 17)
    update = fetch(first=day, last=day)
    assert site.asked[0]["period1"] == str(int(datetime(2025, 6, 17, 4, tzinfo=UTC).timestamp()))
    assert list(update.added) == ["2025-06-16", "2025-06-17"]  # the server sends what it has


def test_of_a_file_that_is_there_all_its_days_are_asked_for_again(site, kept, fetch):
    site.has("ACME", chart(ROWS))
    fetch()
    first = int(datetime(2025, 6, 16, 4, tzinfo=UTC).timestamp())
    assert site.asked[-1]["period1"] == str(first)


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2025-06-20T19:00+00:00", "2025-06-18"),  # the session runs
        ("2025-06-20T20:29+00:00", "2025-06-18"),  # it has closed, but Yahoo lags
        ("2025-06-20T20:31+00:00", "2025-06-20"),
    ],
)
def test_the_bar_that_is_not_finished_is_left_out_and_said(site, fetch, monkeypatch, now, last):
    at(monkeypatch, now)
    site.has("ACME", chart(ROWS))
    update = fetch()
    assert update.added[-1] == last
    told = ["Left out the bar of 2025-06-20, which is not finished."] if last < "2025-06-20" else []
    assert update.notes == told


def test_an_early_close_ends_a_session(site, fetch, monkeypatch):
    at(monkeypatch, "2025-07-03T17:31+00:00")
    site.has("ACME", chart([("2025-07-03", 10.0, 11.0, 9.0, 10.0, 5)]))
    assert fetch().notes == []


def test_rows_that_are_no_session_are_left_out_and_said(site, fetch):
    holiday = ("2025-06-19", 43.0, 43.0, 43.0, 43.0, 7)
    site.has("ACME", chart([*ROWS[:3], holiday, ROWS[3]]))
    update = fetch()
    assert "2025-06-19" not in update.added
    assert update.notes == ["Left out 1 row outside of the sessions of XNYS."]


def test_rows_without_prices_are_passed_over(site, fetch):
    empty = ("2025-06-19", None, None, None, None, None)
    site.has("ACME", chart([*ROWS[:3], empty, ROWS[3]]))
    assert len(fetch().added) == 4


def test_a_price_of_zero_is_left_out_without_a_word_of_numpy(site, fetch):
    """A warning would be an error here."""
    site.has("ACME", chart([ROWS[0], ("2025-06-17", 0.0, 0.0, 0.0, 42.25, 0), *ROWS[2:]]))
    assert fetch(skip_bad=True).holes == {date(2025, 6, 17)}


def test_a_session_that_is_missing_is_named_and_nothing_is_written(site, fetch):
    site.has("ACME", chart([ROWS[0], *ROWS[2:]]))
    with pytest.raises(DataError, match="no row for the session 2025-06-17: a gap") as caught:
        fetch()
    assert "ACME: with what came, the file would be wrong, so nothing was written" in str(
        caught.value
    )


def test_a_hole_of_yahoo_s_does_not_keep_a_file_behind(site, fetch):
    broken = ("2025-06-17", 42.0, None, 41.5, 42.25, 1100)
    for rows in ([ROWS[0], *ROWS[2:]], [ROWS[0], broken, *ROWS[2:]]):
        site.has("ACME", chart(rows))
        with pytest.raises(DataError, match="--skip-bad"):
            fetch()
        update = fetch(skip_bad=True)
        assert list(update.added) == ["2025-06-16", "2025-06-18", "2025-06-20"]
        assert update.holes == {date(2025, 6, 17)}
    update.make()
    assert fetch(skip_bad=True).make() is None
    site.has("ACME", chart(ROWS))
    mended = fetch()
    assert (list(mended.added), mended.holes) == (["2025-06-17"], set())


def scaled(row, factor):
    return (row[0], *(price * factor for price in row[1:5]), row[5])


def test_a_split_before_which_prices_are_not_adjusted_yet_is_refused(site, fetch):
    early = [scaled(row, 4.0) for row in ROWS[:2]]  # 42.25 × 4 = 169 before 43
    site.has("ACME", chart([*early, *ROWS[2:]], splits={"2025-06-18": (4, 1)}))
    with pytest.raises(DataError, match="169 is the close before, 43 that of the day"):
        fetch()
    late = [scaled(row, 8.0) for row in ROWS[2:]]  # 1 for 8: 42.25 before 344
    site.has("NEWB", chart([*ROWS[:2], *late], splits={"2025-06-18": (1, 8)}))
    with pytest.raises(DataError, match=r"0\.125 shares came for one on 2025-06-18"):
        fetch("NEWB")


def test_the_price_of_the_running_session_tells_of_a_split_too(site, fetch, monkeypatch):
    at(monkeypatch, "2025-06-20T19:00+00:00")
    split = {"2025-06-20": (4, 1)}
    site.has("ACME", chart([*ROWS[:3], scaled(ROWS[3], 0.25)], splits=split))
    with pytest.raises(DataError, match=r"43 is the close before, 10\.975 that of the day"):
        fetch()
    site.has("ACME", chart(ROWS[:3], splits=split))
    with pytest.raises(DataError, match="43 is the close before, no price since"):
        fetch()
    site.has("ACME", chart(ROWS, splits=split))
    assert fetch().added[-1] == "2025-06-18"


@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_a_row_a_hundred_times_too_small_or_large_is_refused(site, fetch, row, factor):
    rows = [*ROWS[:row], scaled(ROWS[row], factor), *ROWS[row + 1 :]]
    site.has("ACME", chart(rows))
    day = ROWS[row][0]
    with pytest.raises(DataError, match=f"a price of {day} is more than 30 times the closes"):
        fetch()
    update = fetch(skip_bad=True)
    assert list(update.added) == [one[0] for one in ROWS if one[0] != day]
    assert f"Left out {day}, of another scale." in update.notes


def test_one_price_a_hundred_times_too_small_is_refused(site, fetch):
    low = (*ROWS[1][:3], 0.415, *ROWS[1][4:])
    site.has("ACME", chart([ROWS[0], low, *ROWS[2:]]))
    with pytest.raises(DataError, match="a price of 2025-06-17"):
        fetch()


def test_a_new_row_is_held_against_the_file(site, kept, fetch):
    site.has("ACME", chart([scaled(ROWS[3], 0.01)]))
    with pytest.raises(DataError, match="a price of 2025-06-20"):
        fetch(first=date(2025, 6, 20))


def test_a_split_is_said_and_the_prices_are_not_called_as_traded(site, fetch):
    site.has("ACME", chart(ROWS, splits={"2025-06-18": (4, 1)}))
    update = fetch()
    assert update.notes == ["4 shares came for one on 2025-06-18."]
    assert update.make().metadata["adjust"] == "splits, as of 2025-06-20; not dividends"


def test_closes_alone_are_kept_of_prices_without_dividends(site, fetch):
    site.has("ACME", chart(ROWS, adjusted=[41.0, 42.25, 43.0, 43.9], dividends={"2025-06-17": 1.0}))
    update = fetch(adjust="all")
    assert update.table.columns.tolist() == ["close"]
    assert update.table["close"].tolist() == [41.0, 42.25, 43.0, 43.9]
    assert update.make().metadata["adjust"] == "splits and dividends, as of 2025-06-20"
    assert fetch().table["close"].tolist() == [41.0, 42.25, 43.0, 43.9]


def test_closes_with_dividends_are_not_taken_for_those_without(site, fetch):
    answer = chart(ROWS, dividends={"2025-06-17": 1.0})
    del answer["chart"]["result"][0]["indicators"]["adjclose"]  # yfinance puts the closes there
    site.has("ACME", answer)
    with pytest.raises(DataError, match="dividends came, and no closes without them"):
        fetch(adjust="all")
    assert len(fetch().added) == 4


def test_finer_bars_are_kept_as_simulate_reads_them(site, fetch, monkeypatch, tmp_path):
    from backtest.data.bars import read_bars
    from backtest.experiments.panel_files import BarFiles

    at(monkeypatch, "2025-06-18T14:20+00:00")  # 10:20 in New York
    early = [("2025-06-18T09:00:00", 9.0, 9.0, 9.0, 9.0, 1)]
    rows = [*early, *minutes("2025-06-17", 78, 5), *minutes("2025-06-18", 10, 5)]
    site.has("ACME", chart(rows))
    update = fetch(bars="5m")
    assert update.added[-1] == "2025-06-18T13:45Z"
    assert update.notes[0] == (
        "Left out the bar of 2025-06-18 09:50 New York, which is not finished."
    )
    assert len(update.notes) == 8
    assert update.notes[-2] == "Yahoo has bars of 5m for 59 days alone; a file keeps them."
    update.make()
    assert update.path == tmp_path / "prices/5m/ACME.parquet"
    (batch,) = BarFiles(tmp_path / "prices/5m", volume=True).batches("open", "volume")
    assert (batch.names, batch.table.num_rows) == (["ACME"], 82)
    assert str(batch.times[0]) == "2025-06-17T13:30:00.000000"
    assert len(read_bars(tmp_path / "prices", "ACME", "5m").times) == 82
    assert fetch(bars="5m").make() is None


def test_finer_bars_can_have_gaps_and_missing_sessions_are_told(site, fetch):
    rows = [minutes("2025-06-16", 2, 60)[1], *minutes("2025-06-18", 2, 60)]
    site.has("ACME", chart(rows))
    assert fetch(bars="1h").notes[0] == "Yahoo has nothing of the sessions 2025-06-17."


def test_yahoo_keeps_finer_bars_for_some_time(site, fetch):
    with pytest.raises(UsageError, match=r"for the last 7 days alone: --from can be 2025-06-14"):
        fetch(bars="1m", first=date(2025, 6, 13))
    assert site.asked == []


def test_finer_bars_that_somebody_changed_are_left_alone(site, fetch):
    site.has("ACME", chart(minutes("2025-06-18", 3, 60)))
    update = fetch(bars="1h")
    update.make()
    content = update.path.read_bytes()
    update.path.write_bytes(content + b"x")
    with pytest.raises(DataError, match="changed since its metadata"):
        fetch(bars="1h")


# The table that yfinance hands over


def table(**columns):
    names = ("Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits")
    index = pd.DatetimeIndex(["2025-06-18", "2025-06-20"], tz="America/New_York")
    values = {name: [1.0, 1.0] for name in names} | {"Stock Splits": [0.0, 0.0]} | columns
    return pd.DataFrame({n: v for n, v in values.items() if v is not None}, index=index)


def bars(frame):
    history = yahoo._try("ACME", lambda: read_history(frame, "USD", "ACME", None))
    return finished_bars(history, EVENING, None)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (table(Close=None), "KeyError: \"['Close'] not in index\""),
        (pd.concat({"ACME": table(), "BOLT": table()}, axis=1), "KeyError: "),
        (pd.concat({"ACME": table(), "BOLT": table()}, axis=1).swaplevel(axis=1), "ValueError: "),
        (table(Volume=["1", "2"]), "KeyError: \"['Volume'] not in index\""),
        (table().tz_localize(None), "TypeError: Cannot convert tz-naive timestamps"),
        (table().reset_index(drop=True), "TypeError: Cannot convert tz-naive timestamps"),
    ],
)
def test_another_table_is_refused(frame, told):
    with pytest.raises(DataError, match="is of another form") as caught:
        bars(frame)
    assert told in str(caught.value)


def test_a_day_stands_once():
    frame = table()
    frame.index = frame.index[[0, 0]]
    with pytest.raises(DataError, match="two rows came for 2025-06-18"):
        bars(frame)


def test_nothing_finished_is_told():
    history = read_history(table(), "USD", "ACME", None)
    with pytest.raises(UsageError, match="no finished bar of 1d of ACME"):
        finished_bars(history, datetime(2025, 6, 18, tzinfo=UTC), None)


# What happens to the share itself


def of_file(update):
    rows = read_actions(update.actions.path.parent, "ACME").rows
    return [(str(row.day), row.action, row.amount, row.source) for row in rows]


def test_dividends_and_splits_are_filed_as_they_were_on_their_day(site, fetch):
    # Four shares came for one on the 18th: 0.05 of today were 0.20 a share on the 17th.
    told = {"2025-06-17": 0.05, "2025-06-20": 0.06}
    site.has("ACME", chart(ROWS, splits={"2025-06-18": (4, 1)}, dividends=told))
    update = fetch()
    update.make()
    assert of_file(update) == [
        ("2025-06-17", "dividend", 0.2, "Yahoo Finance"),
        ("2025-06-18", "split", 4.0, "Yahoo Finance"),
        ("2025-06-20", "dividend", 0.06, "Yahoo Finance"),
    ]
    prices = read_prices(update.path.parent, "ACME")  # adjusted for the split
    assert [(row.action, row.amount) for row in prices.actions.applied(prices)] == [
        ("dividend", 0.05), ("dividend", 0.06),
    ]  # fmt: skip


@pytest.mark.parametrize("of_first", ["USD", "", None])
def test_a_dividend_in_another_currency_is_not_taken_for_dollars(site, fetch, of_first):
    answer = chart(ROWS, dividends={"2025-06-17": 0.5, "2025-06-20": 0.75})
    paid = answer["chart"]["result"][0]["events"]["dividends"].values()
    for one, currency in zip(paid, (of_first, "CAD"), strict=True):
        one.update({} if currency is None else {"currency": currency})
    site.has("ACME", answer)
    update = fetch()
    assert [str(row) for row in update.actions.added] == ["dividend 2025-06-17 0.5"]
    assert " ".join(update.notes) == (
        "Left out the dividend of 0.75 CAD on 2025-06-20: only dollars are known here. Add it in "
        "dollars with `backtest actions add ACME dividend 2025-06-20 …`."
    )


@pytest.mark.parametrize(
    ("dividends", "filed", "told"),
    [
        ({}, 1.25, "Capital gains of 1.25 on 2025-06-17 are counted as a dividend."),
        ({"2025-06-17": 0.5}, 1.75, "Capital gains of 1.25 on 2025-06-17 are counted as a "),
        ({"2025-06-17": 1.5}, 1.5, "Capital gains of 1.25 on 2025-06-17 are taken to be part of "),
    ],
)
def test_capital_gains_of_a_fund_are_paid_as_well(site, fetch, dividends, filed, told):
    """A dividend that is smaller cannot hold them; a larger one often does."""
    answer = chart(ROWS, dividends=dividends, instrumentType="ETF")
    one = {"date": stamp("2025-06-17"), "amount": 1.25}
    answer["chart"]["result"][0]["events"]["capitalGains"] = {str(one["date"]): one}
    site.has("ACME", answer)
    update = fetch()
    assert [(row.action, row.amount) for row in update.actions.added] == [("dividend", filed)]
    assert update.notes[0].startswith(told)


def test_a_reverse_split_makes_a_dividend_of_before_smaller(site, fetch):
    site.has("ACME", chart(ROWS, splits={"2025-06-18": (1, 10)}, dividends={"2025-06-17": 1.0}))
    update = fetch()
    assert [(row.action, row.amount) for row in update.actions.added] == [
        ("dividend", 0.1), ("split", 0.1),
    ]  # fmt: skip


def test_a_session_that_yahoo_lost_moves_no_action_to_the_one_before(site, fetch):
    """On file already, a dividend would be paid twice."""
    told = {"dividends": {"2025-06-16": 0.25, "2025-06-17": 0.5}, "splits": {"2025-06-17": (2, 1)}}
    site.has("ACME", chart(ROWS, **told))
    first = fetch()
    first.make()
    site.has("ACME", chart([ROWS[0], *ROWS[2:]], **told))
    again = fetch().actions
    assert (again.added, again.changes) == ([], [])
    first.actions.path.unlink()
    update = fetch(skip_bad=True)
    assert [str(row) for row in update.actions.added] == [str(row) for row in first.actions.added]
    assert {str(row.day) for row in update.actions.added} == {"2025-06-16", "2025-06-17"}


def test_one_share_for_one_is_no_split(site, fetch):
    site.has("ACME", chart(ROWS, splits={"2025-06-18": (1, 1)}))
    update = fetch()
    assert (update.actions, update.notes, update.incoming.adjust[:4]) == (None, [], "none")


def test_a_split_of_nothing_is_refused(site, fetch):
    site.has("ACME", chart(ROWS, splits={"2025-06-18": (1, 0)}))
    with pytest.raises(DataError, match="column amount: 'inf' is not new shares for one"):
        fetch()


def test_prices_are_adjusted_as_of_the_day_in_new_york(site, fetch, monkeypatch):
    at(monkeypatch, "2025-06-21T01:00+00:00")  # nine in the evening of the 20th
    site.has("ACME", chart(ROWS, splits={"2025-06-18": (4, 1)}))
    assert fetch().incoming.adjust == "splits, as of 2025-06-20; not dividends"


def test_an_action_that_is_corrected_is_shown_and_replaced_when_accepted(site, fetch):
    site.has("ACME", chart(ROWS, dividends={"2025-06-17": 0.5}))
    fetch().make()
    site.has("ACME", chart(ROWS, dividends={"2025-06-17": 0.6, "2025-06-20": 0.1}))
    update = fetch()
    assert [str(row) for row in update.actions.added] == ["dividend 2025-06-20 0.1"]
    assert update.actions.changes == [("2025-06-17 dividend", "amount", "0.5", "0.6")]
    assert update.make() is None  # no price changes
    assert [row[2] for row in of_file(update)] == [0.5, 0.1]
    accepted = fetch(accept=True)
    accepted.make()
    assert [row[2] for row in of_file(accepted)] == [0.6, 0.1]
    assert not fetch().actions


def test_a_dividend_that_was_moved_is_told_and_not_paid_twice_when_accepted(site, fetch, tmp_path):
    site.has("ACME", chart(ROWS[:3], dividends={"2025-06-17": 1.0}))
    fetch().make()
    paid = Action(date(2025, 6, 16), "dividend", 0.5, source="by hand")  # which Yahoo lacks
    prepare_actions(tmp_path / "actions", "ACME", [paid], source="x", accept=True).make()
    site.has("ACME", chart(ROWS[2:], dividends={"2025-06-18": 1.0}))
    assert fetch(first=date(2025, 6, 18)).actions.changes == []  # of before nothing was asked
    site.has("ACME", chart(ROWS, dividends={"2025-06-18": 1.0}))
    update = fetch()
    moved = ("2025-06-17 dividend", "day", "2025-06-17", "2025-06-18")
    assert list(map(tuple, update.actions.changes)) == [moved]
    assert [str(row.day) for row in update.actions.rows] == ["2025-06-16", "2025-06-17"]
    site.has("ACME", chart(ROWS, dividends={"2025-06-18": 0.3}))  # is another one
    (gone,) = fetch().actions.changes
    assert tuple(gone) == ("2025-06-17 dividend", "amount", "1", "none")
    site.has("ACME", chart(ROWS, dividends={"2025-06-18": 1.0}))
    fetch(accept=True).make()
    assert [str(row.day) for row in read_actions(tmp_path / "actions", "ACME").rows] == [
        "2025-06-16", "2025-06-18",
    ]  # fmt: skip


def test_a_split_that_yahoo_forgets_stays_in_the_prices(site, fetch):
    site.has("ACME", chart(ROWS[:3], splits={"2025-06-17": (4, 1)}))
    fetch().make()
    site.has("ACME", chart(ROWS))
    assert fetch().make().metadata["adjust"] == "splits, as of 2025-06-20; not dividends"


def test_without_actions_there_is_no_file_of_them(site, fetch, tmp_path):
    site.has("ACME", chart(ROWS))
    fetch().make()
    assert not (tmp_path / "actions").exists()
