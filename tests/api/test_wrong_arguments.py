"""Arguments as a notebook gives them: a Series is a list of names, and what is wrong is told."""

import pandas as pd
import pytest

import backtest
from backtest.errors import UsageError


@pytest.fixture(autouse=True)
def inside(checkout, monkeypatch):
    monkeypatch.chdir(checkout.root)


def run(**terms):
    return backtest.run("beats", **{"symbols": "ACME", "benchmark": "INDX", **terms})


@pytest.mark.parametrize("table", [pd.Series, pd.Index, tuple, iter])
def test_names_come_in_any_collection(table):
    assert run(symbols=table(["ACME"])).run_id == run(strategies=("strategies",)).run_id


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"symbols": []}, "empty list names nothing"),
        ({"symbols": pd.Series([])}, "empty list names nothing"),
        ({"symbols": 5}, "5 is no name"),
        ({"parameters": ["hold"]}, "parameters is .*'hold'.*by name"),
        ({"rules": [("cash", 5)]}, "rules is .*by name"),
        ({"costs": {"slippage_bps": 5}}, "costs is .*name some, or a TOML file"),
        ({"first": pd.NaT}, "first NaT is not a day"),
        ({"label": 5, "note": "a\nb"}, "note .* is not one line"),
    ],
)
def test_what_is_wrong_is_one_message(terms, told):
    with pytest.raises(UsageError, match=told):
        run(**terms)


def test_a_grid_without_names_is_told():
    with pytest.raises(UsageError, match=r"grid is .*by name"):
        backtest.sweep("beats", ["hold"])
