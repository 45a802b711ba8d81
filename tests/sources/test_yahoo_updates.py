"""Prices from Yahoo beside those that are there already."""

import json
from datetime import date

import pytest

from backtest.errors import UsageError
from tests.yahoo import ROWS, chart


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
    from backtest.data.versions import seal

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
