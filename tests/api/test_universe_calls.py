"""Universes from Python."""

import pytest

from backtest import list_universes, load_prices, run, seal_universe, study
from backtest.errors import UsageError
from tests.made_up import ACME, earnings
from tests.universes import write_crowd, write_universe


@pytest.fixture
def folders(checkout):
    """The folders of a checkout with the universe of four stocks, as calls take them."""
    write_universe(checkout)
    return {name: checkout.root / name for name in ("strategies", "data", "reports")}


def test_a_run_of_a_universe(folders):
    made = run("beats", universe="quartet", engine="kernel", **folders)
    assert made.trades["symbol"].tolist() == ["ACME", "BOLT"]
    assert (made.record["engine"], made.record["benchmark"]) == ("kernel", "quartet")
    assert str(made).startswith("beats · quartet from 2025-06-02 to 2025-07-15")


def test_a_study_of_a_universe_gives_frames(folders, checkout):
    write_crowd(checkout)
    found = study("earnings", universe="crowd", by="surprise", quantiles=2, **folders)
    assert found.rows.index.names == ["window", "group"]
    assert found.rows.index.levels[1].tolist() == ["all", "half 1", "half 2", "spread"]
    assert found.rows.loc[("[0,0]", "all"), "events"] == 50
    assert found.curves.loc["half 1"].index.tolist() == list(range(-10, 21))
    assert len(found.observations) == 50
    assert found.observations["day_0"].min().strftime("%Y-%m-%d") == "2025-06-05"
    assert "Against" in found.summary
    assert found.page().is_file()


def test_a_study_of_several_symbols(folders, checkout):
    checkout.write("data/prices/BOLT.csv", ACME)
    found = study("earnings", symbols=["ACME", "BOLT"], windows=[(0, 1)], **folders)
    groups = ["fall expected", "rise expected"]
    assert found.rows.index.get_level_values("group").tolist() == ["all", *groups, "spread"]
    assert found.curves.index.get_level_values("group").unique().tolist() == groups


@pytest.mark.parametrize("symbol", ["NA", "TRUE", "007", "1E5"])
def test_a_symbol_is_a_text_in_the_observations_of_a_study(folders, symbol):
    prices = {name: load_prices("ACME", data=folders["data"])["ACME"] for name in (symbol, "INF")}
    events = [earnings("2025-06-10T16:05:00-04:00", symbol=name) for name in prices]
    found = study("earnings", prices=prices, events=events, windows=[(0, 1)], **folders)
    assert sorted(found.observations["symbol"]) == sorted(prices)


def test_the_universes_are_a_frame(folders):
    found = list_universes(strategies=folders["strategies"], data=folders["data"])
    assert found.loc["quartet", "without_prices"] == ["DUST"]
    assert found.loc["quartet", "events"] == {"earnings": 3}
    sealed = seal_universe("quartet", strategies=folders["strategies"], data=folders["data"])
    assert sealed.name == "members.meta.json"


@pytest.mark.parametrize("call", [run, study])
def test_a_universe_stands_alone(folders, call):
    name = "beats" if call is run else "earnings"
    with pytest.raises(UsageError, match="so ACME cannot be named beside it"):
        call(name, universe="quartet", symbols="ACME", **folders)
    frames = load_prices("ACME", data=folders["data"])
    with pytest.raises(UsageError, match="frames cannot stand beside them"):
        call(name, universe="quartet", prices=frames, **folders)


def test_an_unknown_engine_is_told(folders):
    with pytest.raises(UsageError, match="There is no engine 'zipline'"):
        run("beats", universe="quartet", engine="zipline", **folders)


def test_by_needs_many_stocks(folders):
    with pytest.raises(UsageError, match="name a universe, or symbols"):
        study("earnings", symbols="ACME", by="surprise", **folders)
