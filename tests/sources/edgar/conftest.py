"""A stand-in for EDGAR, and its client."""

import pytest

from backtest.sources.edgar import Edgar
from tests.edgar_site import WHO, made_up_edgar


@pytest.fixture
def site(monkeypatch, tmp_path):
    with made_up_edgar(monkeypatch, tmp_path / "cache") as site:
        yield site


@pytest.fixture
def edgar(site):
    return Edgar(WHO, site.server.url)
