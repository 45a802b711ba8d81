"""Run folders: their bytes and columns, and that they are whole."""

import csv
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from backtest.errors import DataError, UsageError
from backtest.experiments.runs import finding
from backtest.experiments.runs import run as api
from backtest.experiments.runs import store as runs
from backtest.experiments.runs.store import bars_around
from backtest.stats import SEED
from tests.engines import made_up_prices
from tests.made_up import Checkout, day, do, make_checkout, request

CSV_FILES = ("trades.csv", "equity.csv", "decisions.csv", "orders.csv", "bars.csv")


# The files


def table(run: runs.Run, name: str) -> list[list[str]]:
    with (run.path / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_columns_are_those_of_the_design(checkout):
    run = do(checkout)
    assert ",".join(table(run, "trades.csv")[0]) == (
        "trade_id,event_id,symbol,direction,shares,entry_session,entry_price,exit_session,"
        "exit_price,exit_reason,gross_profit,commission,borrow,net_profit,return,mae,mfe,"
        "entered_at,left_at,hedge_profit,dividends,entry_bar,exit_bar"
    )
    assert ",".join(table(run, "equity.csv")[0]) == (
        "session,equity,cash,position_value,return,benchmark_return,holding_return"
    )
    assert ",".join(table(run, "decisions.csv")[0]) == (
        "event_id,symbol,kind,published_at,precision,tradable_session,tradable_bar,action,direction,"
        "reason,headline,grade,source_url,source_url_2"
    )
    assert ",".join(table(run, "orders.csv")[0]) == (
        "session,symbol,size,type,price,event_id,exit_reason,bar"
    )
    assert ",".join(table(run, "bars.csv")[0]) == "symbol,session,open,high,low,close,volume"


def test_every_order_of_a_trade_stands_in_the_session_in_which_it_was_live(checkout):
    terms = "weight=0.5, hold=3, stop=0.10, target=0.05"
    checkout.strategy("guarded", f"return Signal.long(event, {terms})")
    run = do(checkout, "guarded")
    bought = 103 * 1.0005
    first, *rest = [(o["session"], o["type"], float(o["price"]), o["size"]) for o in run.orders[:6]]
    assert first == ("2025-06-05", "market", pytest.approx(bought), "485")
    levels = [("stop", pytest.approx(0.9 * bought)), ("limit", pytest.approx(1.05 * bought))]
    days = ("2025-06-05", "2025-06-06")  # on the 9th it opens at 105, on the 10th at 106: time
    assert rest[:4] == [(day, *level, "-485") for day in days for level in levels]


def test_the_bars_are_those_of_the_price_file_also_before_the_span(checkout):
    run = do(checkout, first=day("2025-06-04"))
    lines = (checkout.root / "data/prices/ACME.csv").read_text().splitlines()
    assert [[float(cell) for cell in row[2:]] for row in table(run, "bars.csv")[1:]] == [
        [float(cell) for cell in line.split(",")[1:]] for line in lines[1:]
    ]
    assert {row[0] for row in table(run, "bars.csv")[1:]} == {"ACME"}


def test_the_bars_of_a_universe_are_those_around_its_trades():
    days = pd.bdate_range("2025-01-01", periods=100).date
    prices = {
        name: made_up_prices(name, [(day, 1, 1, 1, 1) for day in days])
        for name in ("ACME", "BOLT", "CORE")
    }
    spans = [("ACME", 30, 35), ("ACME", 50, 50), ("CORE", 5, 95)]
    trades = [
        SimpleNamespace(symbol=name, entry_session=days[first], exit_session=days[last])
        for name, first, last in spans
    ]
    kept = bars_around(trades, prices)
    found = {name: [days.tolist().index(d.date()) for d in kept[name].index] for name in kept}
    # 5 around each; BOLT did not trade.
    assert found == {"ACME": [*range(25, 41), *range(45, 56)], "CORE": list(range(100))}


def test_a_decision_tells_the_grade_and_the_sources_of_its_event(checkout):
    beat, miss = do(checkout).decisions
    assert (beat["grade"], beat["source_url"]) == ("A", "https://example.org/1")
    assert (miss["grade"], miss["source_url"], miss["source_url_2"]) == ("B", "", "")


def test_the_rows_of_a_run_by_hand(checkout):
    run = do(checkout)
    (trade,) = run.trades
    # Half of 100,000 at 103 × 1.0005 buys 485 shares; out three sessions later at 106 × 0.9995.
    # Worst low while open 101 (bar of the 5th), best high 107 (bar of the 9th).
    entry, leave = 103 * 1.0005, 106 * 0.9995
    assert [trade[n] for n in ("trade_id", "symbol", "direction", "shares")] == [
        "1", "ACME", "long", "485",
    ]  # fmt: skip
    assert [trade[n] for n in ("entry_session", "exit_session", "exit_reason")] == [
        "2025-06-05", "2025-06-10", "time",
    ]  # fmt: skip
    figures = {
        "entry_price": entry,
        "exit_price": leave,
        "gross_profit": 485 * (leave - entry),
        "commission": 4.85,
        "borrow": 0.0,
        "net_profit": 485 * (leave - entry) - 4.85,
        "return": (485 * (leave - entry) - 4.85) / (485 * entry),
        "mae": 101 / entry - 1,
        "mfe": 107 / entry - 1,
    }
    assert {n: float(trade[n]) for n in figures} == pytest.approx(figures, rel=1e-9)
    equity = table(run, "equity.csv")[1:]
    assert [row[0] for row in (equity[0], equity[-1])] == ["2025-06-02", "2025-07-15"]
    assert len(equity) == 30
    # 2025-06-05 closes at 104: cash 100,000 − 485 × entry − 2.425
    cash = 100_000 - 485 * entry - 2.425
    assert [float(cell) for cell in equity[3][1:4]] == pytest.approx(
        [cash + 485 * 104, cash, 485 * 104], rel=1e-12
    )
    assert float(equity[3][4]) == pytest.approx((cash + 485 * 104) / 100_000 - 1, rel=1e-9)
    assert [float(row[5]) for row in equity[:2]] == pytest.approx([51 / 50 - 1, 0.0])
    first, second = run.decisions
    assert first == {
        "event_id": trade["event_id"],
        "symbol": "ACME",
        "kind": "earnings",
        "published_at": "2025-06-04T20:05:00+00:00",
        "precision": "exact",
        "tradable_session": "2025-06-05",
        "tradable_bar": "",
        "action": "enter",
        "direction": "long",
        "reason": "a beat",
        "headline": "A made-up beat",
        "grade": "A",
        "source_url": "https://example.org/1",
        "source_url_2": "",
    }
    assert (second["action"], second["direction"], second["reason"]) == (
        "no_signal", "", "not a beat",
    )  # fmt: skip


def test_an_event_never_traded_has_no_session_in_the_log(checkout):
    checkout.strategy("reporter", "return 'noted'", "ShortReport")
    run = do(checkout, "reporter")
    week = run.decisions[-1]
    assert (week["precision"], week["tradable_session"], week["action"]) == (
        "week", "", "not_tradable",
    )  # fmt: skip
    assert [row["event_id"] for row in run.decisions] == sorted(
        row["event_id"] for row in run.decisions
    )


def test_numbers_keep_every_digit(checkout):
    run = do(checkout)
    for row in table(run, "equity.csv")[1:]:
        assert all(repr(float(cell)) == cell for cell in row[1:])
    assert float(run.trades[0]["entry_price"]) == 103 * (1 + 5 * 1e-4)


def test_csv_files_are_utf_8_with_plain_line_ends_and_quotes_where_needed(checkout):
    checkout.edit("data/events/earnings.csv", "A made-up beat", '"Über, ""made"" up\nbeat"')
    run = do(checkout)
    content = (run.path / "decisions.csv").read_bytes()
    assert b"\r" not in content
    assert '"Über, ""made"" up\nbeat"'.encode() in content
    assert run.decisions[0]["headline"] == 'Über, "made" up\nbeat'


def test_the_manifest_tells_all_that_decided(checkout):
    run = do(checkout, settings={"hold": 4}, first=day("2025-06-03"))
    manifest = json.loads((run.path / "run.json").read_text())
    assert manifest["run_id"] == run.path.name[-10:]
    assert (manifest["strategy"], manifest["symbols"]) == ("beats", ["ACME"])
    assert manifest["parameters"] == {"hold": 4, "weight": 0.5}
    assert manifest["span"] == {"first": "2025-06-03", "last": "2025-07-15"}
    assert manifest["rules"]["cash"] == 100_000.0
    assert manifest["rules"]["slippage_bps"] == 5.0
    assert manifest["benchmark"] == "INDX"
    assert set(manifest["inputs"]) == {
        "prices/ACME", "prices/INDX", "borrow/ACME", "events/earnings/ACME",
        "events/stake_disclosure/ACME", "events/short_report/ACME", "events/news/ACME",
    }  # fmt: skip
    assert {"backtrader", "pandas", "numpy", "quantstats"} <= manifest["packages"].keys()
    assert manifest["seed"] == SEED
    assert manifest["started_at"] <= manifest["finished_at"]
    assert manifest["ruined_on"] is None
    names = {
        "final_equity", "total_return", "cagr", "volatility", "sharpe", "sortino", "max_drawdown",
        "calmar", "trades", "win_rate", "exposure", "commission", "borrow",
    }  # fmt: skip
    assert names <= manifest["summary"]["run"].keys()
    assert names <= manifest["summary"]["benchmark"].keys()
    assert manifest["summary"]["benchmark"]["total_return"] == pytest.approx(0.0)


def test_rates_that_nobody_quoted_are_named_as_assumptions(checkout):
    checkout.strategy("shorter", "return Signal.short(event, weight=0.5, hold=2)")
    basis, sentence = do(checkout, "shorter").manifest["assumptions"]
    assert "borrow rate of ACME from 2025-06-23 on, 36.0% a year, is an assumption" in sentence
    for name in ("data/borrow/ACME.csv", "data/borrow/ACME.meta.json"):
        (checkout.root / name).unlink()
    basis, sentence = do(checkout, "shorter").manifest["assumptions"]
    assert "No borrow rate is known for some nights short ACME; 3.0% a year" in sentence
    assert do(checkout, "beats").manifest["assumptions"] == [basis]


def test_a_run_without_trades_is_whole(checkout):
    run = do(checkout, "beats", last=day("2025-06-03"))
    assert run.trades == []
    assert len(run.equity) == 2
    assert run.summary["total_return"] == 0.0
    assert run.summary["win_rate"] is None
    assert run.summary["sharpe"] is None


def test_the_first_return_of_the_stock_itself_is_from_its_open(checkout) -> None:
    made = api.run(api.prepare_run(checkout.workspace, request("owner", benchmark="ACME")))
    assert made.equity["benchmark_return"].iloc[0] == pytest.approx(101 / 100 - 1)


def test_a_quote_that_is_carried_on_for_long_is_told(checkout) -> None:
    columns = "symbol,date,annual_rate,provider,source_url,note\n"
    checkout.write("data/borrow/ACME.csv", columns + "ACME,2025-05-01,0.5,Made Up Lenders,,\n")
    checkout.strategy("bear", "return Signal.short(event, weight=0.5, hold=2)")
    asked = request("bear", last=day("2025-06-20"))
    made = api.run(api.prepare_run(checkout.workspace, asked))
    assert made.manifest["assumptions"][1:] == [
        (
            "The borrow rate of ACME quoted for 2025-05-01, 50.0% a year, was carried on to "
            "2025-06-06: no later quote was found."
        )
    ]


# Again


def contents(run: runs.Run) -> dict[str, bytes]:
    return {name: (run.path / name).read_bytes() for name in CSV_FILES}


def test_the_same_inputs_give_the_same_bytes(checkout, tmp_path_factory):
    first = do(checkout)
    before = contents(first)
    assert contents(do(checkout, force=True)) == before
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    shutil.copytree(checkout.root, elsewhere)
    shutil.rmtree(elsewhere / "reports")
    moved = do(Checkout(elsewhere))
    assert contents(moved) == before
    assert moved.path.name == first.path.name


def test_a_run_that_exists_is_read_and_not_repeated(checkout, monkeypatch):
    first = do(checkout)
    stamp = first.manifest["finished_at"]

    def fail(*_, **__):
        raise AssertionError("was replayed")

    monkeypatch.setattr("backtest.engine.replay.replay.replay", fail)
    again = do(checkout)
    assert (again.run_id, again.manifest["finished_at"]) == (first.run_id, stamp)
    with pytest.raises(AssertionError, match="was replayed"):
        do(checkout, force=True)


def test_a_forced_run_replaces_the_folder_whole(checkout):
    run = do(checkout)
    (run.path / "tearsheet.html").write_text("of the older run")
    do(checkout, force=True)
    assert sorted(place.name for place in run.path.iterdir()) == [
        "bars.csv", "decisions.csv", "equity.csv", "orders.csv", "run.json", "trades.csv",
    ]  # fmt: skip
    assert {place.name for place in (checkout.root / "reports").iterdir()} == {
        run.path.name, "trials.sqlite",
    }  # fmt: skip


# Whole or not at all


@pytest.mark.parametrize("name", [*CSV_FILES, "run.json"])
@pytest.mark.parametrize("kind", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_or_is_interrupted_keeps_what_was_there(
    checkout, monkeypatch, name, kind
):
    do(checkout)
    before = checkout.snapshot()
    write_text = Path.write_text

    def fail(path, *args, **kwargs):
        if path.name == name:
            write_text(path, "half", encoding="utf-8")
            raise kind
        return write_text(path, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises((UsageError, KeyboardInterrupt)):
        do(checkout, force=True)
    with pytest.raises((UsageError, KeyboardInterrupt)):
        do(checkout, settings={"hold": 4})
    monkeypatch.undo()
    assert checkout.snapshot() == before


@pytest.mark.parametrize("kind", [OSError(13, "Permission denied"), KeyboardInterrupt()])
def test_a_rename_that_fails_or_is_interrupted_keeps_what_was_there(checkout, monkeypatch, kind):
    do(checkout)
    before = checkout.snapshot()

    def fail(*_, **__):
        raise kind

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises((UsageError, KeyboardInterrupt)):
        do(checkout, force=True)
    monkeypatch.undo()
    assert checkout.snapshot() == before


def test_a_folder_that_cannot_be_written_is_told(checkout):
    (checkout.root / "reports").rmdir()
    (checkout.root / "reports").write_text("a file")
    with pytest.raises(UsageError, match=r"reports/beats-ACME-\w+ cannot be written.*--out"):
        do(checkout)


def test_what_a_killed_program_left_is_no_run(checkout):
    run = do(checkout)
    for name in (f".{run.path.name}.0a1b2c3d", f".{run.path.name}.0a1b2c3d.old"):
        shutil.copytree(run.path, checkout.root / "reports" / name)
    (found,) = finding.list_runs(checkout.root / "reports", pytest.fail)
    assert found.path == run.path


# Damage


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def altered(content: bytes) -> bytes:
    return content[:-2] + bytes([content[-2] ^ 1]) + content[-1:]


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A workspace with a run of `beats` and one of `owner`."""
    made = make_checkout(tmp_path_factory.mktemp("made"))
    do(made)
    do(made, "owner")
    return made.root


@pytest.fixture
def copied(made_once, tmp_path):
    shutil.copytree(made_once, tmp_path / "copy")
    return Checkout(tmp_path / "copy")


@pytest.mark.parametrize("name", [*CSV_FILES, "run.json"])
@pytest.mark.parametrize("damage", [cut, altered, None])
def test_a_file_that_is_not_what_the_run_wrote_is_found(copied, name, damage):
    reports = copied.root / "reports"
    (path,) = reports.glob(f"beats-*/{name}")
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError) as caught:
        runs.read_run(path.parent)
    assert str(caught.value).startswith(f"{path} is damaged (")
    told: list[str] = []
    assert [run.name for run in finding.list_runs(reports, told.append)] == ["owner · ACME"]
    if path.name != "run.json" or damage:  # a folder without a record is no run
        assert told == [f"Left out: {caught.value}"]
        for named in ("beats", path.parent.name, path.parent.name[-10:]):
            with pytest.raises(DataError, match="is damaged"):
                finding.find_run(reports, named, pytest.fail)
    again = do(copied)
    assert again.path == path.parent
    assert len(finding.list_runs(reports, pytest.fail)) == 2


def test_a_damaged_run_hides_no_older_one_of_its_strategy(copied):
    reports = copied.root / "reports"
    other = do(copied, settings={"hold": 4})
    (other.path / "trades.csv").unlink()
    told: list[str] = []
    assert finding.find_run(reports, "beats", told.append).manifest["parameters"]["hold"] == 3
    (sentence,) = told  # and says that it is there
    assert sentence.startswith(f"Left out: {other.path / 'trades.csv'} is damaged (No such file")
    assert finding.find_run(reports, "owner", pytest.fail).manifest["strategy"] == "owner"
    with pytest.raises(DataError, match=r"trades\.csv is damaged \(No such file"):
        finding.find_run(reports, other.run_id, pytest.fail)


def test_runs_are_told_by_the_value_of_a_parameter_however_it_is_written(checkout):
    run = do(checkout, settings={"hold": 5})
    run.manifest["parameters"]["measure"] = "eps"
    assert finding._has(run, "hold", " 5.0 ")
    assert not finding._has(run, "hold", "4")
    assert finding._has(run, "measure", " eps ")
    assert not finding._has(run, "measure", "revenue")
