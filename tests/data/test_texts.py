"""Texts that look like numbers, truth or nothing stay what they are, from files to pages."""

import json
from html import escape

import pandas as pd
import pytest

import backtest
from backtest.data.prices import read_prices
from backtest.errors import DataError, UsageError
from backtest.experiments.runs.finding import find_run
from backtest.experiments.runs.store import read_rows, read_table
from backtest.sources.own_prices import read_price_file
from tests.commands import WRONG_USE
from tests.made_up import ACME, SESSIONS

SYMBOLS = ("NA", "NULL", "NAN", "INF", "TRUE", "1E5", "007")
HEADLINES = ("None", "NA", "nan", "-", "1e5")
PUBLISHED = [f"{day}T16:05:00-04:00" for day in (SESSIONS[0], *SESSIONS[4:24:5])]


def earnings(symbol):
    """A beat, told five times with a headline each."""
    return "symbol,published_at,precision,headline,period,eps,eps_consensus,eps_basis\n" + "".join(
        f"{symbol},{at},exact,{headline},2025Q1,0.30,0.20,NA\n"
        for at, headline in zip(PUBLISHED, HEADLINES, strict=True)
    )


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_texts_go_from_import_to_pages_and_python(symbol, checkout, command):
    checkout.write("mine.csv", ACME, sealed=False)
    source = ("--source", "NA", "--adjust", "none", "--yes")
    done = command("prices", "import", "mine.csv", "--symbol", symbol, *source)
    assert done.code == 0, done.err
    checkout.write("data/events/earnings.csv", earnings(symbol))
    here = ("--symbol", symbol, "--benchmark", "INDX")
    done = command("run", "beats", *here, "--json")
    assert done.code == 0, done.err
    (told,) = json.loads(done.out)
    assert told["symbols"] == [symbol]

    run = find_run(checkout.root / "reports", told["run_id"], pytest.fail)
    assert [row["headline"] for row in run.decisions] == list(HEADLINES)
    assert {row["symbol"] for row in (*run.decisions, *run.trades, *run.orders)} == {symbol}
    assert run.bars["symbol"].tolist() == [symbol] * len(SESSIONS)

    assert command("report", told["run_id"]).code == 0
    page = (run.path / "index.html").read_text()
    assert all(f'"{headline}"' in page or f">{headline}<" in page for headline in HEADLINES)
    assert escape(symbol) in page
    record = json.loads(command("report", told["run_id"], "--format", "json").out)
    assert [row["headline"] for row in record["decisions"]] == list(HEADLINES)
    assert {row["symbol"] for row in record["trades"]} == {symbol}
    other = json.loads(command("run", "owner", *here, "--json").out)[0]["run_id"]
    assert command("compare", told["run_id"], other).code == 0
    (listed,) = [
        row for row in json.loads(command("prices", "list", "--json").out)
        if row["symbol"] == symbol
    ]  # fmt: skip
    assert listed["source"] == "NA"

    found = backtest.run("beats", symbols=symbol, benchmark="INDX")
    assert found.run_id == told["run_id"]
    assert found.decisions["headline"].tolist() == list(HEADLINES)
    assert found.decisions["symbol"].tolist() == [symbol] * 5
    assert found.trades["symbol"].unique().tolist() == [symbol]
    events = backtest.load_events()
    events = events[events["kind"] == "earnings"]
    assert events["headline"].tolist() == list(HEADLINES)
    assert events["eps_basis"].tolist() == ["NA"] * 5
    prices = backtest.load_prices()
    again = backtest.run("beats", prices={symbol: prices[symbol]}, benchmark="INDX")
    assert again.run_id == told["run_id"]
    table = events.reset_index()
    columns = ["symbol", "published_at", "precision", "headline", "period", "eps", "eps_consensus"]
    of_frames = backtest.run(
        "beats",
        prices=prices[symbol].assign(symbol=symbol),
        events={"earnings": table[[*columns, "eps_basis"]]},
        benchmark="INDX",
    )
    assert of_frames.run_id == told["run_id"]
    pd.testing.assert_frame_equal(of_frames.decisions, found.decisions)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_symbols_of_one_file_are_texts(ending, tmp_path):
    table = pd.DataFrame(
        [
            (symbol, day, 10.0, 12.0, 9.0, 11.0, 100)
            for symbol in SYMBOLS
            for day in SESSIONS
        ],
        columns=["symbol", "date", "open", "high", "low", "close", "volume"],
    )  # fmt: skip
    path = tmp_path / f"all.{ending}"
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path, index=False)
    assert sorted(read_price_file(path, {}).tables) == sorted(SYMBOLS)


def test_symbols_that_are_numbers_are_refused(tmp_path):
    path = tmp_path / "all.parquet"
    table = pd.DataFrame({"symbol": [7, 7], "date": SESSIONS[:2], "close": [1.0, 2.0]})
    table.to_parquet(path, index=False)
    with pytest.raises(DataError, match="column symbol: not texts"):
        read_price_file(path, {})


def test_a_file_named_by_a_day_names_no_symbol(tmp_path, command):
    path = tmp_path / "2025-06-02.csv"
    path.write_text(ACME)
    done = command("prices", "import", str(path))
    assert done.code == WRONG_USE
    assert "Say it with --symbol" in done.err


def test_symbols_are_in_capitals(checkout):
    table = read_prices(checkout.root / "data/prices", "ACME").table
    with pytest.raises(UsageError, match="'NaN' is no symbol; write it in capitals"):
        backtest.run("beats", prices={"NaN": table})


def test_an_empty_cell_is_unknown_and_no_other(tmp_path):
    path = tmp_path / "decisions.csv"
    path.write_text(
        "event_id,symbol,kind,published_at,precision,tradable_session,tradable_bar,action,direction,"
        "reason,headline,grade,source_url,source_url_2\n"
        "a,NA,news,2025-06-02T20:05:00+00:00,exact,2025-06-03,,enter,long,null,nan,A,,\n"
        "b,NA,news,2025-06-02T20:05:00+00:00,week,,,ignore,,#N/A,1e5,,,\n"
    )
    table = read_table(path, index="event_id")
    assert table["direction"].isna().tolist() == [False, True]
    assert table["grade"].isna().tolist() == [False, True]
    assert table["source_url"].isna().all()
    assert table["tradable_session"].tolist() == [pd.Timestamp("2025-06-03"), pd.NaT]
    assert table[["reason", "headline"]].to_numpy().tolist() == [["null", "nan"], ["#N/A", "1e5"]]
    assert [row["headline"] for row in read_rows(path)] == ["nan", "1e5"]
