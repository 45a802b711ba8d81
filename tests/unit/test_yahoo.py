"""Prices from Yahoo: what is asked, what is taken, and each way in which an answer can be wrong.

yfinance itself asks here, on plain `requests` in place of curl, and a server on this machine
answers in Yahoo's form.
"""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from backtest.errors import DataError, SourceError, UsageError
from backtest.sources import price_fetch, yahoo
from backtest.sources.price_fetch import FetchRequest, fetch_prices
from backtest.sources.retries import Patience
from backtest.sources.yahoo_bars import finished_bars
from tests.local_server import Answer
from tests.yahoo import chart, minutes, refusal, yahoo_server

ROWS = [
    ("2025-06-16", 41.94, 42.5, 41.01, 42.0, 1000),
    ("2025-06-17", 42.0, 43.0, 41.5, 42.25, 1100),
    ("2025-06-18", 42.3, 43.1, 42.2, 43.0, 1200),
    ("2025-06-20", 43.0, 44.0, 42.9, 43.9, 1300),
]
EVENING = datetime(2025, 6, 20, 23, 0, tzinfo=UTC)


@pytest.fixture
def site(monkeypatch, tmp_path):
    monkeypatch.setattr(yahoo, "_PATIENCE", Patience(tries=3, seconds=10, each=3, wait=0.001))
    monkeypatch.setattr(yahoo, "_PACE", yahoo.Pace(10_000))
    monkeypatch.setattr(price_fetch, "_now", lambda: EVENING)
    with yahoo_server(monkeypatch) as site:
        yield site


@pytest.fixture
def fetch(site, tmp_path):
    def fetch(symbol="ACME", **request):
        return fetch_prices(tmp_path, symbol, FetchRequest(**request))

    return fetch


def at(monkeypatch, text):
    monkeypatch.setattr(price_fetch, "_now", lambda: datetime.fromisoformat(text))


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
    version = fetch().make()
    known = version.metadata
    assert (known["first"], known["last"], known["rows"]) == ("2025-06-16", "2025-06-20", 4)
    assert known["adjust"] == "none: as traded, no split in the span"
    assert known["source"].startswith("Yahoo Finance by yfinance")
    (retrieval,) = known["retrievals"]
    assert retrieval == {
        "source": "Yahoo Finance", "library": "yfinance", "version": yahoo.library()["version"],
        "fetched_at": "2025-06-20T23:00:00+00:00", "interval": "1d", "adjust": known["adjust"],
        "first": "2025-06-16", "last": "2025-06-20", "rows": 4, "added": 4, "replaced": 0,
    }  # fmt: skip
    assert version.reason == "4 rows added from Yahoo Finance by yfinance"


def test_the_span_that_is_asked_for(site, fetch):
    site.has("ACME", chart(ROWS))
    day = date(2025, 6, 17)
    update = fetch(first=day, last=day)
    assert site.asked[0]["period1"] == str(int(datetime(2025, 6, 17, 4, tzinfo=UTC).timestamp()))
    assert list(update.added) == ["2025-06-16", "2025-06-17"]  # the server sends what it has


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


def test_a_session_that_is_missing_is_named_and_nothing_is_written(site, fetch):
    site.has("ACME", chart([ROWS[0], *ROWS[2:]]))
    with pytest.raises(DataError, match="no row for the session 2025-06-17: a gap") as caught:
        fetch()
    assert "ACME: with what came, the file would be wrong, so nothing was written" in str(
        caught.value
    )


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


def test_finer_bars_are_kept_as_simulate_reads_them(site, fetch, monkeypatch, tmp_path):
    from backtest.engine.bar_files import BarFiles

    at(monkeypatch, "2025-06-18T14:20+00:00")  # 10:20 in New York
    early = [("2025-06-18T09:00:00", 9.0, 9.0, 9.0, 9.0, 1)]
    rows = [*early, *minutes("2025-06-17", 78, 5), *minutes("2025-06-18", 10, 5)]
    site.has("ACME", chart(rows))
    update = fetch(interval="5m")
    assert update.added[-1] == "2025-06-18T13:45"
    assert update.notes[0] == (
        "Left out the bar of 2025-06-18 09:50 New York, which is not finished."
    )
    assert len(update.notes) == 6
    update.make()
    assert update.path == tmp_path / "prices/5m/ACME.parquet"
    (batch,) = BarFiles(tmp_path / "prices/5m", None, volume=True).batches("open", "volume")
    assert (batch.names, len(batch.rows)) == (["ACME"], 82)
    assert str(batch.times[0]) == "2025-06-17T13:30:00.000000"
    assert fetch(interval="5m").make() is None


def test_finer_bars_can_have_gaps_and_missing_sessions_are_told(site, fetch):
    rows = [minutes("2025-06-16", 2, 60)[1], *minutes("2025-06-18", 2, 60)]
    site.has("ACME", chart(rows))
    assert fetch(interval="1h").notes == ["Yahoo has nothing of the sessions 2025-06-17."]


def test_yahoo_keeps_finer_bars_for_some_time(site, fetch):
    with pytest.raises(UsageError, match=r"for the last 7 days alone: --from can be 2025-06-14"):
        fetch(interval="1m", first=date(2025, 6, 13))
    assert site.asked == []


def test_finer_bars_that_somebody_changed_are_left_alone(site, fetch):
    site.has("ACME", chart(minutes("2025-06-18", 3, 60)))
    update = fetch(interval="1h")
    update.make()
    content = update.path.read_bytes()
    update.path.write_bytes(content + b"x")
    with pytest.raises(DataError, match="is not what was fetched"):
        fetch(interval="1h")


# What is there already


@pytest.fixture
def kept(site, fetch):
    """A file of the first three rows."""
    site.has("ACME", chart(ROWS[:3]))
    update = fetch()
    update.make()
    return update.path


def test_new_rows_are_added_to_those_that_are_there(site, fetch, kept):
    before = kept.read_text()
    site.has("ACME", chart(ROWS))
    update = fetch()
    assert (list(update.added), update.changes) == (["2025-06-20"], [])
    version = update.make()
    assert kept.read_text() == before + "2025-06-20,43,44,42.9,43.9,1300\n"
    assert version.number == 2
    assert [r["added"] for r in version.metadata["retrievals"]] == [3, 1]


def test_the_same_again_writes_nothing(site, fetch, kept):
    before = {path: path.read_bytes() for path in kept.parent.rglob("*") if path.is_file()}
    assert fetch().make() is None
    assert {p: p.read_bytes() for p in kept.parent.rglob("*") if p.is_file()} == before


def test_rows_that_differ_are_shown_and_stay(site, fetch, kept):
    before = kept.read_text()
    revised = [("2025-06-16", 41.95, 42.5, 41.01, 42.0004, 1000.4), *ROWS[1:]]
    site.has("ACME", chart(revised))
    update = fetch()
    assert [tuple(change) for change in update.changes] == [
        ("2025-06-16", "open", "41.94", "41.95")
    ]
    update.make()
    assert kept.read_text().startswith(before)
    assert fetch().make() is None


def test_rows_that_differ_are_replaced_where_that_is_accepted(site, fetch, kept):
    revised = [("2025-06-16", 41.95, 42.5, 41.01, 42.0, 1500), *ROWS[1:3]]
    site.has("ACME", chart(revised))
    update = fetch(accept=True)
    version = update.make()
    assert kept.read_text().splitlines()[1] == "2025-06-16,41.95,42.5,41.01,42,1500"
    assert kept.read_text().splitlines()[2] == "2025-06-17,42,43,41.5,42.25,1100"
    assert version.reason == "1 row replaced from Yahoo Finance by yfinance"
    (old,) = (kept.parent / ".history/ACME").glob("1-*.csv")
    assert "41.94" in old.read_text()


def test_rows_of_two_bases_never_stand_in_one_file(site, fetch, kept):
    before = kept.read_bytes()
    halves = [(day, *(price / 2 for price in prices), 2 * volume)
              for day, *prices, volume in ROWS]  # fmt: skip
    site.has("ACME", chart(halves, splits={"2025-06-20": (2, 1)}))
    with pytest.raises(UsageError) as caught:
        fetch()
    assert "2 shares came for one on 2025-06-20. In the median a close is 0.5 times" in str(
        caught.value
    )
    assert "give --accept-revisions to replace them all" in str(caught.value)
    site.has("ACME", chart(halves[1:], splits={"2025-06-20": (2, 1)}))
    with pytest.raises(UsageError, match="without --from, and with --accept-revisions"):
        fetch(first=date(2025, 6, 17), accept=True)
    assert kept.read_bytes() == before
    site.has("ACME", chart(halves, splits={"2025-06-20": (2, 1)}))
    version = fetch(accept=True).make()
    assert "2025-06-16,20.97,21.25,20.505,21,2000" in kept.read_text()
    assert version.metadata["adjust"].startswith("splits, as of")


def test_rows_before_and_after_a_dividend_never_stand_in_one_file(site, fetch):
    closes = [row[4] for row in ROWS]
    site.has("ACME", chart(ROWS[:3], adjusted=closes[:3]))
    path = fetch(adjust="all").path
    fetch(adjust="all").make()
    before = path.read_bytes()
    told = [close - 0.5 for close in closes[:3]] + closes[3:]
    site.has("ACME", chart(ROWS[3:], adjusted=told[3:], dividends={"2025-06-20": 0.5}))
    with pytest.raises(UsageError, match=r"none of the sessions that came.*a dividend"):
        fetch(first=date(2025, 6, 20))
    assert path.read_bytes() == before
    site.has("ACME", chart(ROWS, adjusted=told, dividends={"2025-06-20": 0.5}))
    with pytest.raises(UsageError, match="give --accept-revisions to replace them all"):
        fetch()


def test_rows_that_did_not_come_are_kept_and_said(site, fetch, kept):
    site.has("ACME", chart([ROWS[0], *ROWS[2:]]))
    update = fetch()
    assert update.notes == [
        "Yahoo has nothing of the sessions 2025-06-17.",
        "Rows that the file has did not come and are kept: 2025-06-17.",
    ]
    update.make()
    assert "2025-06-17,42,43,41.5,42.25,1100" in kept.read_text()


def test_columns_of_the_user_stay(site, fetch, kept):
    from backtest.versions import seal

    text = kept.read_text().replace("\n", ",mine\n").replace("volume,mine", "volume,note")
    kept.write_bytes(text.replace("\n", "\r\n").encode())
    seal(kept, ["2025-06-16", "2025-06-18"], source="by hand", adjust=None)
    site.has("ACME", chart(ROWS))
    fetch().make()
    lines = kept.read_bytes().decode().split("\r\n")
    assert lines[0].endswith("volume,note")
    assert lines[3:] == ["2025-06-18,42.3,43.1,42.2,43,1200,mine",
                         "2025-06-20,43,44,42.9,43.9,1300,", ""]  # fmt: skip


@pytest.mark.parametrize("accept", [False, True])
def test_the_adjust_mode_of_a_file_is_not_changed(site, fetch, kept, accept):
    with pytest.raises(UsageError, match="Prices of two modes cannot stand in one file"):
        fetch(adjust="all", accept=accept)


def test_a_mode_that_is_not_on_record_is_asked_for(site, fetch, kept):
    path = kept.with_suffix(".meta.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "adjust": None}))
    with pytest.raises(UsageError, match=r"is not on record. Say it with `backtest prices seal AC"):
        fetch()


# What goes wrong


GOOD = chart(ROWS)
HALF = json.dumps(GOOD).encode()


@pytest.mark.parametrize(
    "fault",
    [
        Answer(b"Too Many Requests", status=429),
        Answer(b"<html>Forbidden</html>", status=403),
        Answer(b"<html>fault</html>", status=500),
        Answer(HALF, sent=len(HALF) // 2),
        Answer(HALF[: len(HALF) // 2]),
        Answer(json.dumps(chart([])).encode()),
        Answer(b'{"chart": {"result": null, "error": null}}'),
        Answer(b'{"finance": {"error": "x"}}', status=500),
        Answer(b""),
    ],
)
def test_what_may_pass_is_asked_again(site, fetch, fault):
    site.has("ACME", GOOD)
    site.fails(fault)
    assert len(fetch().added) == 4
    assert len(site.asked) >= 2


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Answer(b"Too Many Requests", status=429), "it has had too many requests (429)"),
        (Answer(b"<html>", status=403), "the answer is no JSON"),
        (Answer(b"<html>", status=500), "the answer is no JSON"),
        (Answer(HALF, sent=len(HALF) // 2), "no connection (ChunkedEncodingError)"),
        (Answer(HALF[: len(HALF) // 2]), "the answer is no JSON"),
        (Answer(json.dumps(chart([])).encode()), "the answer is empty"),
        (Answer(b"Will be right back"), "YAHOO! FINANCE IS CURRENTLY DOWN"),
    ],
)
def test_what_does_not_pass_is_told_once_and_the_file_stays(site, fetch, kept, fault, told):
    before = kept.read_bytes()
    site.has("ACME", fault)
    with pytest.raises(SourceError) as caught:
        fetch()
    assert str(caught.value).startswith("Yahoo, 1d bars of ACME: ")
    assert told in str(caught.value)
    assert "Tried 3 times in " in str(caught.value)
    assert caught.value.exit_code == 5
    assert kept.read_bytes() == before


def test_a_slow_drip_ends(site, fetch, monkeypatch):
    monkeypatch.setattr(yahoo, "_PATIENCE", Patience(tries=2, seconds=10, each=0.5, wait=0.001))
    site.has("ACME", Answer(HALF, drip=0.01))
    with pytest.raises(SourceError, match=r"no whole answer within 0\.5 seconds. Tried 2 times"):
        fetch()


def test_what_yahoo_says_of_a_symbol_is_passed_on(site, fetch):
    site.has("ACME", refusal("Not Found", "No data found, symbol may be delisted"))
    with pytest.raises(SourceError, match="is the symbol right"):
        fetch()


def without(name):
    moved = json.loads(json.dumps(GOOD))
    del moved["chart"]["result"][0]["indicators"]["quote"][0][name]
    return moved


def typed(value):
    wrong = json.loads(json.dumps(GOOD))
    wrong["chart"]["result"][0]["indicators"]["quote"][0]["close"][1] = value
    return wrong


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (without("volume"), "KeyError: 'volume'"),
        (typed("cheap"), "ValueError: "),
        (typed({"raw": 1}), "TypeError: "),
        (chart(ROWS, exchangeTimezoneName=None), ""),
    ],
)
def test_another_form_is_told_and_not_asked_for_again(site, fetch, kept, answer, told):
    before = kept.read_bytes()
    site.has("ACME", answer)
    asked = len(site.asked)
    with pytest.raises((DataError, SourceError)) as caught:
        fetch()
    assert told in str(caught.value)
    assert kept.read_bytes() == before
    if told:
        assert len(site.asked) == asked + 1
        assert "of another form than yfinance" in str(caught.value)


@pytest.mark.parametrize("meta", [{"currency": "EUR"}, {"exchangeTimezoneName": "Europe/Berlin"}])
def test_what_is_traded_elsewhere_is_refused(site, fetch, meta):
    site.has("ACME", chart(ROWS, **meta))
    with pytest.raises(UsageError, match="Only dollars and sessions of XNYS are known here"):
        fetch()


def test_a_price_that_is_missing_is_told(site, fetch):
    site.has("ACME", chart([*ROWS[:3], ("2025-06-20", 43.0, None, 42.0, 43.0, 5)]))
    with pytest.raises(DataError, match="1 rows came with empty cells, the first for 2025-06-20"):
        fetch()


# The table that yfinance hands over


def table(**columns):
    names = ("Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits")
    index = pd.DatetimeIndex(["2025-06-18", "2025-06-20"], tz="America/New_York")
    values = {name: [1.0, 1.0] for name in names} | {"Stock Splits": [0.0, 0.0]} | columns
    return pd.DataFrame({n: v for n, v in values.items() if v is not None}, index=index)


def bars(frame):
    return finished_bars(yahoo.Answer(frame, "USD", EVENING), "ACME", "1d", None)


def test_two_levels_of_columns_are_made_one():
    frame = table(**{"Adj Close": [1.0, 1.0]})
    for order in (["Price", "Ticker"], ["Ticker", "Price"]):
        pairs = [(n, "ACME") if order[0] == "Price" else ("ACME", n) for n in frame.columns]
        level = frame.set_axis(pd.MultiIndex.from_tuples(pairs, names=order), axis=1)
        assert bars(level).table.columns.tolist() == ["open", "high", "low", "close", "volume"]


def test_two_symbols_in_one_table_are_not_taken_for_one():
    both = pd.concat({"ACME": table(), "BOLT": table()}, axis=1)
    with pytest.raises(DataError, match="column 'Open' twice"):
        bars(both)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (table(Close=None), "no column 'Close'"),
        (table(Volume=["1", "2"]), "column 'Volume' holds"),
        (table().tz_localize(None), "its rows are not told by times with a zone"),
        (table().reset_index(drop=True), "its rows are not told by times with a zone"),
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
    answer = replace(
        yahoo.Answer(table(), "USD", EVENING), asked_at=datetime(2025, 6, 18, tzinfo=UTC)
    )
    with pytest.raises(UsageError, match="no finished bar of 1d of ACME"):
        finished_bars(answer, "ACME", "1d", None)
