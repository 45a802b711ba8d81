"""Fixtures of the unit tests."""

import pytest

from backtest.data.prices import read_prices


@pytest.fixture
def prices(checkout):
    """The prices of ACME."""
    return read_prices(checkout.root / "data/prices", "ACME", bars=True)
