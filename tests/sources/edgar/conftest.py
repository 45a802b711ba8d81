"""A stand-in for EDGAR, and its client."""

import pytest

from backtest.data.actions import Actions
from backtest.sources.edgar import Company, Edgar
from backtest.sources.stakes import fetch_stakes
from tests.edgar_site import ACME, BIGCO, WHO, made_up_edgar


@pytest.fixture
def site(monkeypatch, tmp_path):
    with made_up_edgar(monkeypatch, tmp_path / "cache") as site:
        yield site


@pytest.fixture
def edgar(site):
    return Edgar(WHO, site.server.url)


@pytest.fixture
def fetch(edgar):
    def fetch(known=(), close=lambda day: None, cusips=(), since=None, actions=()):
        return fetch_stakes(
            edgar,
            Company(ACME, "ACME CORP"),
            "ACME",
            Company(BIGCO, "BIGCO INC"),
            cusips=cusips,
            since=since,
            known=known,
            close=close,
            actions=Actions("ACME", tuple(actions)),
        )

    return fetch
