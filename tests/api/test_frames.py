"""Frames of prices and of events, in place of files."""

import re

import pandas as pd
import pytest

import backtest
from backtest.errors import DataError, UsageError
from backtest.events import Earnings
from tests.api.test_library import MINE, on_acme, written

EVENT_FILES = {
    "earnings": "earnings",
    "stake_disclosure": "stake_disclosures",
    "short_report": "short_reports",
    "news": "news",
}


@pytest.fixture
def frames(inside):
    """The checkout's files as DataFrames."""
    data = inside.root / "data"
    return {
        "prices": {name: pd.read_csv(data / f"prices/{name}.csv") for name in ("ACME", "INDX")},
        "events": {
            kind: pd.read_csv(data / f"events/{name}.csv") for kind, name in EVENT_FILES.items()
        },
    }


def test_frames_make_the_run_that_their_files_make(inside, frames):
    of_files = on_acme()
    found = backtest.run("beats", benchmark="INDX", force=True, **frames)
    assert found.run_id == of_files.run_id
    pd.testing.assert_frame_equal(found.trades, of_files.trades)
    assert on_acme(prices=backtest.load_prices()).run_id == of_files.run_id


def test_frames_may_be_one_of_many_symbols_and_of_many_kinds(inside, frames):
    prices = pd.concat([one.assign(Symbol=name) for name, one in frames["prices"].items()])
    prices = prices.rename(columns=str.upper).drop(columns="VOLUME").assign(VOLUME=1000)
    prices = prices[prices["SYMBOL"] == "ACME"].set_index("DATE")
    prices.index = pd.to_datetime(prices.index)
    events = pd.concat([one.assign(kind=kind) for kind, one in frames["events"].items()])
    closes = frames["prices"]["INDX"]
    found = backtest.run("beats", prices=prices, events=events, benchmark=closes)
    assert (found.record["symbols"], found.record["benchmark"]) == (["ACME"], "BENCHMARK")
    pd.testing.assert_frame_equal(found.trades, on_acme().trades)


def test_events_may_be_a_list_and_stand_instead_of_the_files(inside):
    beat = Earnings(
        symbol="ACME", published_at="2025-06-10T16:05:00-04:00", precision="exact",
        headline="A beat", period="2025Q1", eps=0.3, eps_consensus=0.2,
    )  # fmt: skip
    found = on_acme(events=[beat])
    assert list(found.decisions.index) == [beat.id]
    assert found.trades["entry_session"].to_list() == [pd.Timestamp("2025-06-11")]
    assert len(on_acme(events=[]).trades) == 0


def test_studies_and_sweeps_of_frames_are_those_of_files(inside, frames):
    swept = backtest.sweep("beats", {"hold": [1, 2]}, symbols="ACME", **frames)
    assert swept.sweep_id == backtest.sweep("beats", {"hold": [1, 2]}, symbols="ACME").sweep_id
    terms = {"symbols": "ACME", "benchmark": "INDX", "draws": 99}
    studied = backtest.study("earnings", **terms, **frames)
    assert studied.study_id == backtest.study("earnings", **terms).study_id


@pytest.mark.slow
def test_frames_are_audited(inside, frames):
    found = backtest.audit_strategy("beats", symbols="ACME", worlds=0, workers=1, **frames)
    assert found.sentence in str(found).replace("\n", " ")
    assert set(found.checks["count"]) == {0}
    assert found.findings.empty


def test_frames_need_no_workspace(frames, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("bare")
    monkeypatch.chdir(folder)
    found = backtest.run(written(MINE), benchmark="INDX", **frames)
    assert found.path.parent == folder / "reports"
    assert len(found.trades) == 2
    assert sorted(one.name for one in folder.iterdir()) == ["reports"]


def changed(frame, row, column, value):
    frame = frame.astype({column: object})
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("row", "column", "value", "told"),
    [
        (3, "high", 50.0, "row 3: high 50 is below low 101"),
        (3, "high", 100.99996, "row 3: high 100.99996 is below low 101"),
        (3, "close", -1.0, "row 3, column close: "),
        (3, "close", "x", "row 3, column close: 'x' is not a number above 0"),
        (3, "date", "June", "row 3, column date: 'June' is not a day such as 2025-03-28"),
        (3, "date", 20250605, "row 3, column date: 20250605 is not a day"),
        (13, "date", "2025-06-19", "row 13, column date: 2025-06-19 is not a session of"),
        (3, "date", "2025-06-04", "row 3, column date: 2025-06-04 repeats row 2"),
    ],
)
def test_bad_rows_of_a_frame_of_prices_are_told(inside, frames, row, column, value, told):
    bad = {"ACME": changed(frames["prices"]["ACME"], row, column, value)}
    with pytest.raises(DataError, match=re.escape("prices['ACME']: ")) as caught:
        on_acme(prices=bad)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("published_at", "2025-06-27T08:00:00", "row 1, column published_at: "),
        ("published_at", 20250627, "is a bare number"),
        ("precision", "about", "row 1, column precision: 'about'"),
        ("headline", None, "row 1, column headline: is empty; a value is needed"),
    ],
)
def test_bad_rows_of_a_frame_of_events_are_told(inside, frames, column, value, told):
    bad = {"earnings": changed(frames["events"]["earnings"], 1, column, value)}
    with pytest.raises(DataError, match=re.escape("events['earnings']: ")) as caught:
        on_acme(events=bad)
    assert told in str(caught.value)


def test_a_column_of_events_that_stands_twice_is_refused(inside, frames):
    table = frames["events"]["earnings"]
    twice = pd.concat([table, table[["eps"]] * 2], axis=1)
    with pytest.raises(DataError, match=re.escape("events['earnings']: column 'eps' twice")):
        on_acme(events={"earnings": twice})
    with pytest.raises(DataError, match="events: column 'eps' twice"):
        on_acme(events=twice.assign(kind="earnings"))


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (lambda one: one.reset_index(drop=True), "it begins with 0"),
        (lambda one: pd.concat({"ACME": one}), r"it begins with .'ACME', .*"),
        (lambda one: one.set_axis(one.index + pd.Timedelta(hours=16)), "with 2025-06-02 16:00:00"),
    ],
)
def test_an_index_that_tells_no_day_at_all_is_told_once(inside, frames, index, told):
    table = frames["prices"]["ACME"]
    table = index(table.drop(columns="date").set_axis(pd.to_datetime(table["date"])))
    with pytest.raises(DataError, match=rf"^prices\['ACME'\]: its index tells no day; .*{told}\."):
        on_acme(prices=table)


def test_days_may_be_periods_and_months_are_none(inside, frames):
    prices = frames["prices"]["ACME"].assign(date=lambda one: pd.PeriodIndex(one["date"], freq="D"))
    assert on_acme(prices={"ACME": prices}).run_id == on_acme().run_id
    with pytest.raises(DataError, match="row 0, column date: 2025-06 is not a day"):
        on_acme(prices={"ACME": prices.assign(date=prices["date"].dt.asfreq("M"))})


def test_one_frame_may_have_the_symbols_in_its_index_and_closes_alone(inside):
    prices = pd.concat(backtest.load_prices(), names=["symbol", "date"])
    known = on_acme().run_id
    assert on_acme(prices=prices).run_id == known
    assert on_acme(prices=prices.reset_index()).run_id == known
    both = prices.reset_index("symbol").set_index("symbol", append=True, drop=False)
    assert on_acme(prices=both.droplevel("symbol")).run_id == known
    with pytest.raises(DataError, match="column 'symbol' twice"):
        on_acme(prices=pd.concat([prices.reset_index()] * 2, axis=1))


@pytest.mark.parametrize("kind", [bool, complex])
def test_what_is_no_real_number_is_no_price(inside, kind):
    prices = backtest.load_prices("ACME")["ACME"].astype(kind)
    with pytest.raises(DataError, match=r"column open: .* is not a number above 0"):
        on_acme(prices={"ACME": prices})


@pytest.mark.parametrize(
    ("kind", "terms", "told"),
    [
        (UsageError, {"prices": [1]}, "prices is [1]. Allowed: a DataFrame, or DataFrames by"),
        (UsageError, {"prices": {"ACME": 1}}, "prices['ACME'] is a int"),
        (UsageError, {"prices": {"acme": pd.DataFrame()}}, "'acme' is no symbol"),
        (DataError, {"prices": {"ACME": pd.DataFrame()}}, "prices['ACME'] has no row"),
        (DataError, {"prices": {"ACME": pd.DataFrame({"open": [1]})}}, "no column 'high'"),
        (UsageError, {"events": {"earning": pd.DataFrame()}}, "Did you mean 'earnings'"),
        (UsageError, {"events": pd.DataFrame({"a": [1]})}, "no column 'kind'"),
        (UsageError, {"events": ["beat"]}, "'beat' is no event"),
        (DataError, {"events": {"news": pd.DataFrame({"headlin": [1]})}}, "mean 'headline'"),
        (UsageError, {"events": 5}, "events is 5. Allowed: a DataFrame, DataFrames by kind, or Ev"),
        (UsageError, {"benchmark": pd.Series([1.0])}, "benchmark is a Series. Allowed: a symbol"),
        (UsageError, {"events": [], "as_of": "2025-06-20"}, "as_of looks at versions of files"),
    ],
)  # fmt: skip
def test_wrong_frames_are_told(inside, kind, terms, told):
    with pytest.raises(kind, match=re.escape(told)):
        on_acme(**terms)


@pytest.fixture
def tables(inside):
    """The made-up prices by symbol."""
    read = {"index_col": "date", "parse_dates": True}
    return {one: pd.read_csv(f"data/prices/{one}.csv", **read) for one in ("ACME", "INDX")}


def downloaded(tables, *, by_ticker):
    """As yfinance hands it over: columns of figures and tickers, in capitals."""
    named = {one: table.rename(columns=str.title) for one, table in tables.items()}
    made = pd.concat(named, axis=1, sort=True, names=["Ticker", "Price"]).rename_axis(index="Date")
    return made if by_ticker else made.swaplevel(axis=1).sort_index(axis=1)


@pytest.mark.parametrize("by_ticker", [False, True])
def test_prices_may_have_columns_of_figures_and_tickers(tables, by_ticker):
    prices = downloaded(tables, by_ticker=by_ticker)
    wanted = backtest.run("beats", prices=tables, benchmark="INDX")
    assert backtest.run("beats", prices=prices, benchmark="INDX").run_id == wanted.run_id
    alone = prices.xs("ACME", axis=1, level="Ticker", drop_level=False)
    found = backtest.run("beats", prices={"ACME": alone}, benchmark="INDX", symbols="ACME")
    assert found.run_id == wanted.run_id
    fund = prices.xs("INDX", axis=1, level="Ticker", drop_level=False)
    held = backtest.run("beats", symbols="ACME", prices={"ACME": alone}, benchmark=fund)
    assert held.record["benchmark"] == "BENCHMARK"
    own, known = held.equity["benchmark_return"], wanted.equity["benchmark_return"]
    pd.testing.assert_series_equal(own, known)
    with pytest.raises(UsageError, match=r"prices\['ACME'\]: its columns are of 2 symbols"):
        backtest.run("beats", prices={"ACME": prices}, benchmark="INDX")
    with pytest.raises(UsageError, match=r"prices\['ACME'\]: its columns are of INDX"):
        backtest.run("beats", prices={"ACME": fund}, benchmark="INDX")


def test_a_ticker_has_rows_where_it_has_prices(tables):
    tables["ACME"] = tables["ACME"].iloc[5:]
    prices = downloaded(tables, by_ticker=False)
    wanted = backtest.run("beats", prices=tables, benchmark="INDX")
    assert backtest.run("beats", prices=prices, benchmark="INDX").run_id == wanted.run_id


def test_two_levels_without_a_close_are_told(tables):
    prices = downloaded(tables, by_ticker=True).rename(columns={"Close": "Last"})
    with pytest.raises(UsageError, match="one has to be figures, close among them"):
        backtest.run("beats", prices=prices, benchmark="INDX")
