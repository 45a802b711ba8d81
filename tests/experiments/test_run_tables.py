"""The tables of a run folder row by row, and what a run says of itself."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from backtest.engine.bars import StockBars
from backtest.engine.replay.books import EquityPoint, SentOrder
from backtest.engine.rules import DAILY, FINER
from backtest.errors import DataError
from backtest.experiments.runs import store
from backtest.experiments.runs.store import Run, bars_around, read_run, read_table
from tests.engines import made_up_prices
from tests.made_up import do

DAYS = [date(2025, 6, day) for day in (2, 3, 4, 5, 6)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"2025-06-{text}").replace(tzinfo=UTC)


# What a run says of itself


def test_a_run_has_the_label_and_the_note_that_lie_in_its_folder(tmp_path):
    run = Run(tmp_path, {})
    assert (run.label, run.note, run.has_tearsheet) == ("", "", False)
    store.write_notes(run, {"label": " mine\n", "note": "Try again"})
    (tmp_path / "tearsheet.html").touch()
    assert (run.label, run.note, run.has_tearsheet) == ("mine", "Try again", True)
    (tmp_path / "note").write_bytes(b"\xff")  # no text
    assert run.note == ""


def test_a_run_is_named_after_its_universe_or_else_its_symbols(tmp_path):
    manifest = {
        "strategy": "beats", "symbols": ["ACME", "BOLT"], "run_id": "0123456789",
        "summary": {"run": {"trades": 2}, "benchmark": {"sharpe": 1.5}},
    }  # fmt: skip
    run = Run(tmp_path, manifest)
    assert (run.name, run.run_id) == ("beats · ACME, BOLT", "0123456789")
    assert (run.summary, run.benchmark) == ({"trades": 2}, {"sharpe": 1.5})
    assert Run(tmp_path, {**manifest, "universe": "chips"}).name == "beats · chips"
    assert Run(tmp_path, {**manifest, "universe": None}).traded == "ACME, BOLT"


def test_a_run_was_requested_when_it_was_made_or_again_since(tmp_path):
    run = Run(tmp_path, {"finished_at": "2025-06-02T10:00:00+00:00"})
    assert run.last_request == moment("02T10:00")
    (tmp_path / "requested_at").write_text("2025-06-03T10:00:00+02:00")
    assert run.last_request == moment("03T08:00")
    assert run.last_request.tzinfo is UTC
    store.request_again(run)
    assert timedelta(0) <= datetime.now(UTC) - run.last_request < timedelta(minutes=1)


def test_a_record_that_lacks_a_table_is_damaged(checkout):
    run = do(checkout)
    files = {name: sha for name, sha in run.manifest["files"].items() if name != "orders.csv"}
    store.complete_manifest(run, {"files": run.manifest["files"]})
    (run.path / "run.json").write_text(store.record_text({**run.manifest, "files": files}))
    with pytest.raises(DataError, match=r"run\.json is damaged \(it lacks files\.orders\.csv"):
        read_run(run.path)


def test_a_run_by_sessions_has_no_finer_bars(checkout):
    run = do(checkout)
    assert list(run.finer_bars.columns) == list(store.FINER_BARS)
    assert len(run.finer_bars) == 0
    assert {row["kind"] for row in run.decisions} == {"earnings"}
    assert {row["type"] for row in run.orders} == {"market"}
    assert run.bars["symbol"].unique().tolist() == ["ACME"]


def test_a_save_returns_the_result_that_it_wrote_and_keeps_notes(checkout):
    first = do(checkout, notes={"label": "mine"})
    assert first.label == "mine"
    again = do(checkout, force=True)
    assert again.label == "mine"
    assert read_run(again.path).result is None
    assert first.path == again.path


def test_the_parts_with_a_row_for_each_event_are_on_one_line(checkout):
    text = (do(checkout).path / "run.json").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith('  "attribution": ')]
    assert line.endswith("},")


# Tables


def test_as_many_returns_as_points_are_written():
    curve = [EquityPoint(day, 10.0, 4.0, 6.0) for day in DAYS[:2]]
    made = SimpleNamespace(curve=curve, trades=[], decisions=[], orders=[])
    rows = store.result_files(made, [(0.0, 0.5, None)] * 2, {})["equity.csv"].splitlines()
    assert rows[1:] == ["2025-06-02,10.0,4.0,6.0,0.0,0.5,", "2025-06-03,10.0,4.0,6.0,0.0,0.5,"]
    with pytest.raises(ValueError, match="shorter"):
        store.result_files(made, [(0.0, 0.5, None)], {})


def order(type_: str, bar: str | None, price: float = 90.0) -> SentOrder:
    when = bar and moment(bar)
    return SentOrder(DAYS[0], "ACME", -5.0, type_, price, "e", None, when)


def test_an_order_that_rests_unchanged_through_a_session_stands_once():
    """Of stops and limits the first bar at each level; others, and those of sessions, all."""
    every = [
        order("stop", "02T13:30"), order("limit", "02T13:30", 110), order("stop", "02T13:35"),
        order("stop", "02T13:40", 91), order("limit", "02T13:40", 110), order("stop", "02T13:45"),
        order("market", "02T13:50"), order("market", "02T13:55"), order("stop", None),
        order("stop", None),
    ]  # fmt: skip
    kept = list(store._once(every))
    assert [every.index(one) for one in kept] == [0, 1, 3, 6, 7, 8, 8]


def finer(*bars: tuple[str, int]) -> StockBars:
    """Bars of a moment of June, and of which kind; each has its place for all five numbers."""
    times = np.array([f"2025-06-{when}" for when, _ in bars], "M8[us]")
    table = np.repeat(np.arange(len(bars), dtype=float)[:, None], 5, axis=1)
    kinds = np.array([kind for _, kind in bars], np.int8)
    return StockBars(times, times.astype("M8[D]"), kinds, table)


BARS = SimpleNamespace(
    of={
        "BOLT": finer(("02T13:30", FINER), ("02T13:35", FINER), ("04T13:30", FINER)),
        "ACME": finer(
            ("02T13:30", FINER), ("03T13:30", FINER), ("03T13:35", FINER), ("04T13:30", DAILY),
            ("05T13:30", FINER), ("06T13:30", FINER),
        ),
    }
)  # fmt: skip


def result(*decided: tuple[str, int | None], trades: tuple[tuple[str, int, int], ...] = ()):
    return SimpleNamespace(
        decisions=[
            SimpleNamespace(
                tradable_session=None if at is None else DAYS[at],
                event=SimpleNamespace(symbol=symbol),
            )
            for symbol, at in decided
        ],
        trades=[
            SimpleNamespace(
                symbol=symbol,
                entry_session=DAYS[first],
                exit_session=DAYS[last],
            )
            for symbol, first, last in trades
        ],
    )


def kept(made) -> list[tuple[str, str]]:
    rows = list(store._finer_rows(made, BARS))
    assert all(row[2] == row[1].date() and len(row) == 8 for row in rows)
    assert all(row[1] == BARS.of[row[0]].time_of(int(row[3])) for row in rows)
    return [(row[0], f"{row[1]:%d %H:%M}") for row in rows]


def test_finer_bars_are_kept_of_the_sessions_of_events_and_of_both_ends_of_trades():
    made = result(("ACME", 1), ("ACME", None), ("CORE", 1), trades=(("BOLT", 0, 2),))
    assert kept(made) == [
        ("ACME", "03 13:30"), ("ACME", "03 13:35"),
        ("BOLT", "02 13:30"), ("BOLT", "02 13:35"), ("BOLT", "04 13:30"),
    ]  # fmt: skip
    # A daily bar is none of them, nor a session within a trade.
    assert kept(result(trades=(("ACME", 2, 4),))) == [("ACME", "06 13:30")]
    assert kept(result(trades=(("ACME", 3, 3),))) == [("ACME", "05 13:30")]


@pytest.mark.parametrize(
    ("most", "days"), [(4, {2, 3, 5, 6}), (3, {3, 5, 6}), (2, {3, 5, 6}), (1, {5, 6}), (0, {6})]
)
def test_of_many_finer_bars_the_newest_sessions_are_kept(monkeypatch, most, days):
    """06-06 and 06-05 have one, 06-03 has two; the session that goes beyond is whole."""
    monkeypatch.setattr(store, "_MOST_FINER", most)
    made = result(*(("ACME", at) for at in (4, 0, 1, 3)))
    assert {int(when[:2]) for _, when in kept(made)} == days


@pytest.mark.parametrize(("count", "sessions"), [(20_000, 2), (20_001, 1)])
def test_twenty_thousand_finer_bars_are_kept(count, sessions):
    times = np.datetime64("2025-06-03T13:30", "us") + np.arange(count) * np.timedelta64(1, "s")
    days = np.full(count + 1, np.datetime64(DAYS[1]))
    days[0] = np.datetime64(DAYS[0])
    own = StockBars(
        np.append(np.datetime64("2025-06-02T13:30", "us"), times), days,
        np.full(count + 1, FINER, np.int8), np.ones((count + 1, 5)),
    )  # fmt: skip
    made = result(("ACME", 0), ("ACME", 1))
    rows = list(store._finer_rows(made, SimpleNamespace(of={"ACME": own})))
    assert len({row[2] for row in rows}) == sessions


def test_bars_of_a_universe_go_to_the_last_where_a_trade_is_open():
    days = pd.bdate_range("2025-01-01", periods=30).date
    prices = {"ACME": made_up_prices("ACME", [(day, 1, 1, 1, 1) for day in days])}
    trades = [SimpleNamespace(symbol="ACME", entry_session=days[22], exit_session=days[29])]
    assert [d.date() for d in bars_around(trades, prices)["ACME"].index] == list(days[17:])
    early = [SimpleNamespace(symbol="ACME", entry_session=days[3], exit_session=days[4])]
    assert [d.date() for d in bars_around(early, prices)["ACME"].index] == list(days[:10])


# Read again


def test_a_table_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(
        "session,symbol,size,type,price,event_id,exit_reason,bar\n"
        "2025-06-02,NA,1e2,stop,nan,1e5,,2025-06-02T13:30:00+00:00\n"
        "2025-06-03,nan,,null,2.5,2e5,time,\n"
        "2025-06-03,X,1,stop,1,,,2025-06-03T09:30:00.500000-04:00\n"
    )
    table = read_table(path)
    first, second, third = table.to_dict("records")
    assert third["bar"] == pd.Timestamp("2025-06-03 13:30:00.5", tz="UTC")
    assert (first["symbol"], first["event_id"], second["symbol"]) == ("NA", "1e5", "nan")
    assert (second["type"], second["event_id"], second["exit_reason"]) == ("null", "2e5", "time")
    assert pd.isna([first["price"], first["exit_reason"], second["size"], second["bar"]]).all()
    assert (first["size"], second["price"]) == (100, 2.5)
    assert first["session"] == pd.Timestamp("2025-06-02")
    assert first["bar"] == pd.Timestamp("2025-06-02 13:30", tz="UTC")
    by_day = read_table(path, index="session")
    assert by_day.index.tolist() == [pd.Timestamp(f"2025-06-0{day}") for day in (2, 3, 3)]


def test_a_line_end_within_a_cell_is_as_it_was_written(tmp_path):
    path = tmp_path / "decisions.csv"
    path.write_bytes(b'event_id,headline\n1,"two\r\nlines"\n')
    assert store.read_rows(path) == [{"event_id": "1", "headline": "two\r\nlines"}]


def test_columns_that_an_earlier_version_did_not_write_are_unknown(tmp_path):
    path = tmp_path / "equity.csv"
    path.write_text("session,equity,cash,other\n2025-06-02,1,1,x\n")
    table = read_table(path)
    assert list(table.columns) == list(store.EQUITY)
    assert table["holding_return"].isna().all()


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (0.1, "0.1"), (np.float64(1 / 3), "0.3333333333333333"), (float("nan"), ""), (5, 5),
        ("text", "text"), (None, None), (moment("02T13:30"), "2025-06-02T13:30:00+00:00"),
        (DAYS[0], DAYS[0]),
    ],
)  # fmt: skip
def test_a_cell_has_every_digit_and_an_unknown_one_nothing(cell, text):
    found = store._full(cell)
    assert (found, type(found)) == (text, type(text))


@pytest.mark.parametrize(("shares", "count"), [(5.0, 5), (5.5, 5.5), (-3.0, -3)])
def test_whole_shares_are_whole_numbers(shares, count):
    found = store._count(shares)
    assert (found, type(found)) == (count, type(count))


def test_the_rows_of_a_file_of_bars():
    index = pd.DatetimeIndex([DAYS[0]])
    columns = dict(
        zip(("open", "high", "low", "close", "volume"), (1.5, 2, 0.1, 1, 7), strict=True)
    )
    table = pd.DataFrame(columns, index, dtype=float)
    assert store._csv(store.BARS, store._bar_rows({"ACME": table})) == (
        "symbol,session,open,high,low,close,volume\nACME,2025-06-02,1.5,2.0,0.1,1.0,7\n"
    )
