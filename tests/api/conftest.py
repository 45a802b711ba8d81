"""What the tests of the calls share."""

import pytest


@pytest.fixture
def inside(checkout, monkeypatch):
    """The made-up checkout, with the working folder in it."""
    monkeypatch.chdir(checkout.root)
    return checkout
