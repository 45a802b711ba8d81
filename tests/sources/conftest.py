"""A stand-in for Yahoo, and a file of prices that came from it."""

from datetime import UTC, datetime

import pytest

from backtest.sources import yahoo
from backtest.sources.http import Patience
from backtest.sources.yahoo import fetch_prices
from tests.yahoo import ROWS, chart, yahoo_server

EVENING = datetime(2025, 6, 20, 23, 0, tzinfo=UTC)


@pytest.fixture
def site(monkeypatch, tmp_path):
    monkeypatch.setattr(yahoo, "_PATIENCE", Patience(tries=3, seconds=10, each=3, wait=0.001))
    monkeypatch.setattr(yahoo, "_PACE", yahoo.Pace(10_000))
    monkeypatch.setattr(yahoo, "_now", lambda: EVENING)
    with yahoo_server(monkeypatch) as site:
        yield site


@pytest.fixture
def fetch(site, tmp_path):
    def fetch(symbol="ACME", **request):
        return fetch_prices(tmp_path, symbol, **request)

    return fetch


@pytest.fixture
def kept(site, fetch):
    """A file of the first three rows."""
    site.has("ACME", chart(ROWS[:3]))
    update = fetch()
    update.make()
    return update.path
