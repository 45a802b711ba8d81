"""Prices that come in: CSV for a handful, Parquet for thousands, beside what is there already."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.data.checks import check_prices
from backtest.data.datafile import metadata_of, read_data_file, write_data_file
from backtest.data.inputs import read_inputs
from backtest.data.listing import seal_prices
from backtest.data.price_rows import decimal_text, parquet_bytes
from backtest.data.prices import MOST_CSV, path_for, price_path, price_symbols, read_prices
from backtest.data.versions import versions
from backtest.errors import DataError, UsageError
from backtest.sources import yahoo
from backtest.sources.updates import Incoming, prepare_update
from backtest.sources.yahoo import rounded
from tests.made_up import SESSIONS, do
from tests.yahoo import ROWS, chart


def bars(days=SESSIONS, price=100.0):
    count = range(len(days))
    return pd.DataFrame(
        {
            "open": [price + n for n in count],
            "high": [price + 2 + n for n in count],
            "low": [price - 2 + n for n in count],
            "close": [price + 1 + n for n in count],
            "volume": [1000.0 + n for n in count],
        },
        index=pd.DatetimeIndex(days, name="session"),
    )


def incoming(symbol="BOLT", table=None, **changes):
    table = bars() if table is None else table
    terms = {"adjust": "none", "source": "made up for tests", "retrieval": {"source": "made up"}}
    return Incoming(symbol, table, **{**terms, **changes})


def put(folder, symbol="BOLT", table=None, *, among=1, accept=False):
    path = path_for(folder, symbol, among=among)
    return prepare_update(path, incoming(symbol, table), accept=accept).make()


@pytest.fixture
def folder(checkout):
    return checkout.root / "data/prices"


def test_a_handful_is_kept_as_csv_and_many_as_parquet(folder):
    assert put(folder, "BOLT", among=MOST_CSV).path == folder / "BOLT.csv"
    assert put(folder, "COIL", among=MOST_CSV + 1).path == folder / "parquet/COIL.parquet"
    assert price_symbols(folder) == ["ACME", "BOLT", "COIL", "INDX"]
    assert path_for(folder, "BOLT", among=1000) == folder / "BOLT.csv"
    assert path_for(folder, "COIL", among=1) == folder / "parquet/COIL.parquet"


def test_both_are_read_alike(folder):
    for among in (1, 1000):
        put(folder, f"BOLT{among}", among=among)
    one, other = (read_prices(folder, f"BOLT{among}", bars=True) for among in (1, 1000))
    pd.testing.assert_frame_equal(one.table, other.table)
    pd.testing.assert_frame_equal(one.table, read_prices(folder, "ACME").table)
    for name in ("source", "first", "last", "rows", "adjust", "version"):
        assert one.file.metadata[name] == other.file.metadata[name]


def test_a_run_on_parquet_is_the_run_on_csv(checkout, folder):
    before = do(checkout).summary
    acme = read_prices(folder, "ACME").table
    (folder / "ACME.csv").unlink()
    (folder / "ACME.meta.json").unlink()
    put(folder, "ACME", acme, among=1000)
    assert do(checkout).summary == before
    inputs = read_inputs(checkout.root / "data", ["ACME"], "INDX", (None, None), [])
    assert inputs.versions(checkout.root / "data")["prices/parquet/ACME.parquet"] == 1


def test_parquet_is_checked_as_csv_is(checkout, folder):
    for among in (1, 1000):
        put(folder, f"BOLT{among}", among=among)
    one, other = (
        [finding.what for finding in check_prices(checkout.workspace, [f"BOLT{among}"])]
        for among in (1, 1000)
    )
    assert [what.replace("BOLT1000", "BOLT1") for what in other] == one
    put(folder, among=1000)
    price_path(folder, "BOLT").write_bytes(parquet_bytes(bars(SESSIONS[::2])))
    told = [str(one) for one in check_prices(checkout.workspace, ["BOLT"])]
    assert any("no row for the session 2025-06-03" in one for one in told)


def test_versions_of_parquet_are_kept_and_read_as_of_then(folder):
    put(folder, table=bars(SESSIONS[:3]), among=1000)
    put(folder, among=1000)
    path = price_path(folder, "BOLT")
    assert [(v.number, v.metadata["rows"]) for v in versions(path)] == [(1, 3), (2, 30)]
    assert len({v.path for v in versions(path)}) == 2


def test_a_symbol_in_two_files_is_refused(folder):
    put(folder, among=1000)
    (folder / "BOLT.csv").write_text("date,close\n2025-06-02,1\n")
    with pytest.raises(DataError, match="both hold BOLT"):
        read_prices(folder, "BOLT")


def test_small_letters_do_not_pass_for_capitals(folder, monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda _: True)  # as where both name the same file
    assert price_path(folder, "acme") is None
    with pytest.raises(UsageError, match="Did you mean 'ACME'"):
        read_prices(folder, "acme")


def test_a_changed_parquet_file_is_refused_until_it_is_sealed(checkout, folder):
    put(folder, among=1000)
    path = price_path(folder, "BOLT")
    path.write_bytes(parquet_bytes(bars(price=50.0)))
    with pytest.raises(DataError, match="acknowledge it with `backtest prices seal BOLT`"):
        read_prices(folder, "BOLT")
    seal_prices(checkout.workspace, "BOLT", None, None)
    assert read_prices(folder, "BOLT").table["open"].iloc[0] == 50.0


def faulty(folder, table):
    path = folder / "parquet/BOLT.parquet"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(table if isinstance(table, bytes) else parquet_bytes(table))
    from backtest.data.datafile import open_data_file
    from backtest.data.prices import parse_prices

    with pytest.raises(DataError) as caught:
        parse_prices(open_data_file(path))
    return str(caught.value)


def test_faults_of_parquet_are_told_by_row(folder):
    table = bars(SESSIONS[:3])
    table.iloc[1, 1] = 1.0
    assert "row 1: high 1 is below open 101" in faulty(folder, table)
    table.iloc[1, 1] = float("nan")
    assert "row 1, column high: nan is not a number above 0" in faulty(folder, table)
    assert "no row for the session 2025-06-03" in faulty(folder, bars(SESSIONS[::2]))
    assert "row 1, column date: 2025-06-02 comes before row 0" in faulty(
        folder, bars((SESSIONS[1], SESSIONS[0]))
    )
    assert "no column 'volume'" in faulty(folder, bars().drop(columns="volume"))
    assert "no column 'close'" in faulty(folder, bars()[["volume"]])
    assert "has no row" in faulty(folder, bars().iloc[:0])
    assert "no column 'session'" in faulty(folder, bars().rename_axis("time"))
    assert "is not a Parquet file of prices" in faulty(folder, b"PAR1 and then nothing")
    assert "is empty" in faulty(folder, b"")


def test_what_is_wrong_is_left_out_and_its_session_noted_as_a_hole(folder):
    path = folder / "BOLT.csv"
    table = bars(SESSIONS[:6]).drop(pd.Timestamp(SESSIONS[1]))  # 3 June has no row
    table.loc[SESSIONS[3], "low"] = 104.0  # 5 June: low above open
    at = np.array([2, 3, 4, 5, 6])
    with pytest.raises(DataError) as caught:
        prepare_update(path, incoming(table=table, lines=at), accept=False)
    assert "row of 2025-06-05 (line 4): low 104 is above open 103" in str(caught.value)
    assert "no row for the session 2025-06-03" in str(caught.value)
    assert "What is right comes in with --skip-bad" in str(caught.value)
    update = prepare_update(path, incoming(table=table, lines=at), accept=False, skip_bad=True)
    assert update.notes == [
        "Left out as wrong: 2025-06-05 (line 4).",
        "Holes, in which nothing is traded: 2025-06-03, 2025-06-05.",
    ]
    assert update.make().metadata["holes"] == ["2025-06-03", "2025-06-05"]
    prices = read_prices(folder, "BOLT", bars=True)
    assert prices.table["open"].tolist() == [100, 102, 104, 105]
    assert prices.holes == {date(2025, 6, 3), date(2025, 6, 5)}
    later = prepare_update(path, incoming(table=bars().iloc[5:8]), accept=False)
    assert later.make().metadata["holes"] == ["2025-06-03", "2025-06-05"]
    mended = prepare_update(path, incoming(table=bars().iloc[1:3]), accept=True)
    assert list(mended.added) == ["2025-06-03"]
    assert mended.make().metadata["holes"] == ["2025-06-05"]


def test_holes_lie_between_what_came_and_are_the_lesser_part(folder):
    path = folder / "BOLT.csv"
    prepare_update(path, incoming(table=bars(SESSIONS[:3])), accept=False).make()
    with pytest.raises(DataError, match="no row for the session 2025-06-05"):
        prepare_update(path, incoming(table=bars(SESSIONS[4:6])), accept=False, skip_bad=True)
    weekly = bars(SESSIONS[::5])
    with pytest.raises(DataError, match=r"COIL: 20 of 26 sessions have no row that is right"):
        prepare_update(folder / "COIL.csv", incoming("COIL", weekly), accept=False, skip_bad=True)


def test_a_file_with_holes_is_sealed_and_checked(checkout, folder):
    path = folder / "BOLT.csv"
    table = bars().drop(pd.Timestamp(SESSIONS[1]))
    prepare_update(path, incoming(table=table), accept=False, skip_bad=True).make()
    seal_prices(checkout.workspace, "BOLT", None, None)
    told = [one.what for one in check_prices(checkout.workspace, ["BOLT"])]
    assert "No row on 2025-06-03: left out as holes" in told
    inputs = read_inputs(checkout.root / "data", ["BOLT"], "INDX", (None, None), [])
    assert inputs.span["BOLT"].holes == {date(2025, 6, 3)}


def test_finer_bars_of_two_bases_never_stand_in_one_file(tmp_path):
    path = tmp_path / "1h/BOLT.parquet"
    table = bars().rename_axis("time")
    prepare_update(path, incoming(table=table), accept=False).make()
    halves = (table / 2).iloc[1:]
    with pytest.raises(UsageError, match="move the file away with its metadata, and begin a new"):
        prepare_update(path, incoming(table=halves), accept=True)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (41.939998626708984, "41.94"),
        (0.12834799289703369, "0.128348"),
        (745000.0, "745000"),
        (1208.8800048828125, "1208.88"),
        (1e-7, "0.0000001"),
    ],
)
def test_prices_are_rounded_to_what_was_meant(sent, kept):
    assert decimal_text(rounded(pd.Series([sent]).to_numpy())[0]) == kept


_KILLED = """
import os, shutil, sys
from pathlib import Path
from backtest.sources.updates import prepare_update
from tests.sources.test_updates import bars, incoming
from backtest.data.prices import path_for

root, among = Path(sys.argv[1]), int(sys.argv[2])
replace = os.replace
for number in range(1, 12):
    folder = root.with_name(f"{root.name}-{number}")
    shutil.copytree(root, folder)
    update = prepare_update(path_for(folder, "BOLT", among=among), incoming(), accept=False)
    if os.fork() == 0:
        left = [number]
        def killed(*paths):
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
            replace(*paths)
        os.replace = killed
        update.make()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("among", [1, 1000])
def test_a_process_that_is_killed_leaves_the_old_file_or_the_new_one(tmp_path, among):
    root = tmp_path / "prices"
    put(root, table=bars(SESSIONS[:3]), among=among)
    command = [sys.executable, "-c", _KILLED, str(root), str(among)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    codes = [int(code) for code in done.stdout.split()]
    assert codes[0] == 9
    assert codes[-1] == 0
    found = set()
    for number_, code in enumerate(codes, start=1):
        folder = tmp_path / f"prices-{number_}"
        rows = len(read_prices(folder, "BOLT", read=read_data_file).table)
        assert rows in (3, 30)
        assert rows == 30 or code == 9
        found.add(rows)
        again = put(folder)
        assert (again is None) == (rows == 30)
        assert len(read_prices(folder, "BOLT").table) == 30
    assert found == {3, 30}


# From Yahoo, beside those that are there already


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


@pytest.mark.parametrize("mode", ["none", "splits, as of 2025-06-13"])
def test_a_split_within_a_file_as_traded_is_of_another_basis(site, fetch, tmp_path, mode):
    """However few rows lie before it: those stay as they were traded, and the rest is adjusted."""
    path = tmp_path / "prices/ACME.csv"
    lines = [",".join(map(str, row)) for row in ROWS[:3]]
    lines[0] = "2025-06-16,83.88,85,82.02,84,500"
    text = "\n".join(["date,open,high,low,close,volume", *lines, ""])
    known = metadata_of([row[0] for row in ROWS[:3]], source="made up", adjust=mode)
    write_data_file(path, text.encode(), known)
    site.has("ACME", chart(ROWS, splits={"2025-06-17": (2, 1)}))
    with pytest.raises(UsageError, match=r"2 shares came for one on 2025-06-17\. .* --accept-rev"):
        fetch()
    assert path.read_text() == text
    version = fetch(accept=True).make()
    assert version.metadata["adjust"] == "splits, as of 2025-06-20; not dividends"


def test_a_split_that_is_in_the_file_already_is_not_refused_again(site, fetch, monkeypatch):
    """It was fetched in the session of the split, whose own row was not finished."""
    split = {"2025-06-20": (2, 1)}
    site.has("ACME", chart(ROWS, splits=split))
    noon = datetime(2025, 6, 20, 16, 0, tzinfo=UTC)
    monkeypatch.setattr(yahoo, "_now", lambda: noon)
    fetch().make()
    monkeypatch.setattr(yahoo, "_now", lambda: noon + timedelta(days=1))
    assert list(fetch().added) == ["2025-06-20"]
    site.has("ACME", chart([(day, *(price / 2 for price in prices), 2 * volume)
                            for day, *prices, volume in ROWS], splits=split))  # fmt: skip
    with pytest.raises(UsageError, match=r"In the median a close is 0\.5 times"):
        fetch()


def test_where_a_row_of_the_file_is_not_had_any_more_a_new_file_is_advised(site, fetch, kept):
    """Another fetch of the whole span, which is what was just done, would be refused again."""
    halves = [(day, *(price / 2 for price in prices), 2 * volume)
              for day, *prices, volume in ROWS]  # fmt: skip
    site.has("ACME", chart([halves[0], *halves[2:]], splits={"2025-06-20": (2, 1)}))
    for terms in ({}, {"accept": True}, {"accept": True, "skip_bad": True}):
        with pytest.raises(UsageError, match="did not come and are kept: 2025-06-17") as caught:
            fetch(**terms)
        assert "move the file away with its metadata, and begin a new one" in str(caught.value)
        assert "--accept-revisions" not in str(caught.value)


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


def test_a_run_trades_nothing_in_a_hole(checkout, folder):
    acme = read_prices(folder, "ACME").table
    (folder / "ACME.csv").unlink()
    (folder / "ACME.meta.json").unlink()
    table = acme.drop(
        pd.Timestamp("2025-06-05")
    )  # in which the report of the evening before trades
    came = incoming("ACME", table)
    prepare_update(folder / "ACME.csv", came, accept=False, skip_bad=True).make()
    first, *_ = do(checkout).trades
    assert (str(first["entry_session"]), float(first["entry_price"])) == (
        "2025-06-06",
        104 * 1.0005,
    )
