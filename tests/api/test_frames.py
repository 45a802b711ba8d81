"""Frames as libraries make them, in place of files."""

import pandas as pd
import pytest

import backtest
from backtest.errors import UsageError


@pytest.fixture
def tables(checkout, monkeypatch):
    """The made-up prices by symbol, the workspace around."""
    monkeypatch.chdir(checkout.root)
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
    with pytest.raises(UsageError, match=r"prices\['ACME'\]: its columns are of 2 symbols"):
        backtest.run("beats", prices={"ACME": prices}, benchmark="INDX")


def test_a_ticker_has_rows_where_it_has_prices(tables):
    tables["ACME"] = tables["ACME"].iloc[5:]
    prices = downloaded(tables, by_ticker=False)
    wanted = backtest.run("beats", prices=tables, benchmark="INDX")
    assert backtest.run("beats", prices=prices, benchmark="INDX").run_id == wanted.run_id


def test_two_levels_without_a_close_are_told(tables):
    prices = downloaded(tables, by_ticker=True).rename(columns={"Close": "Last"})
    with pytest.raises(UsageError, match="one has to be figures, close among them"):
        backtest.run("beats", prices=prices, benchmark="INDX")
