"""The calls about prices, events, runs and strategies: each does what its command does."""

import json

import pandas as pd
import pytest

import backtest
from backtest.errors import UsageError

PATH = "data/events/short_reports.csv"
FIELDS = {
    "symbol": "ACME",
    "published_at": "2025-06-24T16:05:00-04:00",
    "precision": "minute",
    "headline": "Made up anew",
    "author": "Jane Bear",
    "author_type": "short_seller",
    "target_price": "20",
    "source_url": "https://example.org/new",
}


def test_an_event_is_added_edited_removed_and_taken_back(inside):
    before = (inside.root / PATH).read_text()
    planned = backtest.add_event("short_report", FIELDS, dry_run=True)
    assert (inside.root / PATH).read_text() == before
    (name,) = planned.diff.added
    made = backtest.add_event("short_report", FIELDS)
    assert (made.path, list(made.diff.added)) == (planned.path, [name])
    assert backtest.show_event(name)["target_price"] == 20

    backtest.edit_event(name, {"target_price": "10"})
    assert backtest.load_events("short_report").loc[name, "target_price"] == 10
    backtest.undo_events("short_report")
    assert backtest.load_events("short_report").loc[name, "target_price"] == 20
    backtest.remove_event(name)
    assert name not in backtest.load_events("short_report").index
    with pytest.raises(UsageError, match="There is no event"):
        backtest.remove_event(name)


def test_an_event_may_have_values_that_are_no_texts(inside):
    fields = FIELDS | {"published_at": pd.Timestamp("2025-06-24 16:05", tz="America/New_York"),
                       "target_price": 20.5, "grade": None, "discloses_short": True,
                       "claim": float("nan")}  # fmt: skip
    (added,) = backtest.add_event("short_report", fields).events
    event = added.event
    assert (event.target_price, event.discloses_short, event.claim, event.grade) == (
        20.5, True, "", None,
    )  # fmt: skip
    assert event.published_at == pd.Timestamp("2025-06-24T20:05Z")
    (edited,) = backtest.edit_event(event.id, {"target_price": None, "claim": pd.NA}).events
    assert edited.event.target_price is None
    with pytest.raises(UsageError, match="has no zone"):
        backtest.add_event("short_report", FIELDS | {"published_at": pd.Timestamp("2025-06-24")})
    with pytest.raises(UsageError, match="column headline: is empty"):
        backtest.add_event("short_report", FIELDS | {"headline": None})


@pytest.mark.parametrize("files", [[], pd.DataFrame(), pd.DataFrame({"close": [1.0]})])
def test_files_of_prices_are_named(files):
    with pytest.raises(UsageError, match="files: name one or several"):
        backtest.import_prices(files)


def test_a_file_of_events_is_taken_in_and_what_is_there_is_replaced_or_refused(inside, tmp_path):
    file = tmp_path / "mine.csv"
    pd.DataFrame([FIELDS]).to_csv(file, index=False)
    (name,) = backtest.import_events(file, "short_report").diff.added
    pd.DataFrame([FIELDS | {"target_price": "15"}]).to_csv(file, index=False)
    with pytest.raises(UsageError, match="is there already"):
        backtest.import_events(str(file), "short_report", replace=False)
    changes = backtest.import_events(str(file), "short_report").diff.changed
    told = [change for change in changes if change.column != "retrieved_at"]  # a second later
    assert told == [(name, "target_price", "20", "15")]


def test_findings_are_those_of_the_commands(inside, command):
    for call, room in ((backtest.check_events, "events"), (backtest.check_prices, "prices")):
        printed = json.loads(command(room, "check", "--json").out)
        assert call().to_dict("records") == printed
    assert list(backtest.check_prices("INDX").columns) == [
        "severity", "where", "what", "why", "mend",
    ]  # fmt: skip


def test_a_file_that_was_changed_is_sealed(inside):
    inside.edit(PATH, "A made-up rumour", "A rumour", sealed=False)
    assert "error" in set(backtest.check_events("short_report")["severity"])
    sealed = backtest.seal_events("short_report", "made up")
    assert json.loads(sealed.read_text())["source"] == "made up"
    assert "error" not in set(backtest.check_events("short_report")["severity"])

    inside.edit("data/prices/INDX.csv", "2025-06-02,51.00", "2025-06-02,51.50", sealed=False)
    backtest.seal_prices("INDX")
    assert backtest.load_prices("INDX")["INDX"].loc["2025-06-02", "close"] == 51.5


def test_prices_are_taken_in_listed_and_put_back(inside, tmp_path):
    file = tmp_path / "BOLT.csv"
    file.write_text("Day,Last\n2025-06-02,11.50\n2025-06-03,12.00\n")
    terms = {"symbols": "BOLT", "columns": {"date": "Day", "close": "Last"}, "source": "made up"}
    (planned,) = backtest.import_prices(file, dry_run=True, **terms)
    assert list(planned.added) == ["2025-06-02", "2025-06-03"]
    assert "BOLT" not in backtest.list_prices().index
    backtest.import_prices(file, **terms)
    listed = backtest.list_prices().loc["BOLT"]
    assert (listed["first"], listed["last"], listed["sessions"]) == ("2025-06-02", "2025-06-03", 2)

    file.write_text("Day,Last\n2025-06-02,11.50\n2025-06-03,13.00\n")
    backtest.import_prices(file, accept=True, **terms)
    assert backtest.load_prices("BOLT")["BOLT"]["close"].to_list() == [11.5, 13]
    path, version = backtest.undo_prices("BOLT")
    assert path.name == "BOLT.csv"
    assert version.number == 3
    assert backtest.load_prices("BOLT")["BOLT"]["close"].to_list() == [11.5, 12]
    with pytest.raises(UsageError, match="BOLD"):
        backtest.undo_prices("BOLD")


def test_runs_and_strategies_are_listed(inside):
    assert backtest.list_runs().empty
    inside.write("strategies/broken.py", "1 /\n")
    found = backtest.run("beats", symbols="ACME", benchmark="INDX")
    listed = backtest.list_runs()
    assert listed.loc[found.run_id, ["strategy", "first"]].to_list() == ["beats", "2025-06-02"]
    assert listed.loc[found.run_id, "path"] == found.path
    known = backtest.list_strategies()
    assert known["state"].to_dict() == {"beats": "ok", "broken": "not usable", "owner": "ok"}
    assert known.loc["beats", "last_run"]["run_id"] == found.run_id
    assert known.loc["owner", "last_run"] is None


@pytest.mark.slow
def test_the_contract_is_checked_on_frames(inside):
    prices = backtest.load_prices("ACME")
    for file in ("data/prices/ACME.csv", "data/events/earnings.csv"):
        (inside.root / file).unlink()
    assert backtest.check("owner", prices=prices, events=[]).ok


@pytest.mark.slow
def test_a_run_is_reported_and_its_page_found(inside, command, tmp_path):
    found = backtest.run("beats", symbols="ACME", benchmark="INDX")
    page = backtest.find_page(found.run_id)
    assert page == found.path / "index.html"
    assert page.is_file()
    assert backtest.find_page() == inside.root / "reports/index.html"
    assert backtest.find_page("compare").name == "compare.html"
    for form in ("md", "json", "csv"):
        assert (
            backtest.report_run("beats", form) == command("report", "beats", "--format", form).out
        )
    trades = backtest.report_run(found.path, "csv", output=tmp_path / "t.csv")
    assert trades.read_bytes() == (found.path / "trades.csv").read_bytes()
    with pytest.raises(UsageError, match="format"):
        backtest.report_run("beats", "pdf")


def test_settings_are_listed_with_their_source(inside):
    inside.write("backtest.toml", 'symbol = "ACME"\n')
    found = backtest.list_settings()
    assert found.loc["symbol", ["value", "source"]].to_list() == [("ACME",), "file"]
    assert found.loc["cash", ["value", "source"]].to_list() == [100_000.0, "built in"]


def test_a_workspace_and_a_signal_are_begun(tmp_path, monkeypatch):
    made = backtest.init(tmp_path / "signals")
    assert (made / "backtest.toml").is_file()
    monkeypatch.chdir(made)
    new = backtest.new_signal("insider_sale")
    assert new.strategy == made / "strategies/insider_sale.py"
    assert "insider_sale" in backtest.list_strategies().index
    with pytest.raises(UsageError, match="insider_sale"):
        backtest.new_signal("insider_sale")


def test_signals_from_a_file_are_traded(inside, tmp_path):
    rows = backtest.load_prices("ACME")["ACME"].reset_index().assign(symbol="ACME")
    bars, signals = tmp_path / "bars.parquet", tmp_path / "signals.parquet"
    rows.assign(session=rows["session"].dt.date).to_parquet(bars)
    public = pd.Timestamp("2025-06-04T16:05:00-04:00").tz_convert("UTC")
    pd.DataFrame({"symbol": ["ACME"], "published_at": [public], "direction": ["long"]}).to_parquet(
        signals
    )
    account = backtest.simulate(bars, signals, cash=50_000, rules={"slippage_bps": 0})
    assert account.counts()["signals"] == 1
    assert account.equity().num_rows == 30
    assert (account.rules.cash, account.rules.slippage_bps) == (50_000, 0)
