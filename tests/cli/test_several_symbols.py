"""Several stocks in one account, from the command line: made-up BOLT beside CRWV."""

import json
import shutil

import pytest

from tests.commands import words
from tests.golden.goldens import ROOT
from tests.made_up import Checkout

BOTH = ("--symbol", "CRWV", "--symbol", "BOLT", "--no-tearsheet", "--out", "reports")


@pytest.fixture
def beside_crwv(checkout: Checkout) -> Checkout:
    """The embedded data with a made-up stock: flat at 50, a beat on the evening of CRWV's."""
    shutil.rmtree(checkout.root / "data")
    shutil.copytree(ROOT / "data", checkout.root / "data")
    days = [
        line.split(",")[0] for line in (ROOT / "data/prices/CRWV.csv").read_text().splitlines()
    ][1:]
    rows = "".join(f"{day},50,51,49,50,1000000\n" for day in days)
    checkout.write("data/prices/BOLT.csv", "date,open,high,low,close,volume\n" + rows)
    place = checkout.root / "data/events/earnings.csv"
    text = place.read_text(encoding="utf-8")
    columns = text.splitlines()[0].split(",")
    row = dict.fromkeys(columns, "") | {
        "symbol": "BOLT",
        "published_at": "2025-11-10T16:05:00-05:00",
        "precision": "exact",
        "headline": "A made-up beat",
        "period": "2025Q3",
        "eps": "0.2",
        "eps_consensus": "0.1",
    }
    checkout.write("data/events/earnings.csv", text + ",".join(row.values()) + "\n")
    shutil.copy(ROOT / "strategies/earnings_surprise.py", checkout.root / "strategies")
    return checkout


def test_trades_and_decisions_name_the_symbol_and_share_the_account(beside_crwv, command) -> None:
    done = command("run", "earnings_surprise", *BOTH, "--set", "weight=0.6", "--json")
    assert done.code == 0, done.err
    manifest = json.loads(done.out)[0]
    assert manifest["symbols"] == ["BOLT", "CRWV"]
    folder = next((beside_crwv.root / "reports").glob("earnings_surprise-BOLT+CRWV-*"))
    trades = [line.split(",")[2:6] for line in (folder / "trades.csv").read_text().splitlines()][1:]
    first, second = trades[2:4]  # both enter on 2025-11-11: BOLT was published first
    assert [first[0], second[0]] == ["BOLT", "CRWV"]
    assert first[3] == second[3] == "2025-11-11"
    spent = float(first[2]) * 50.025 + float(second[2]) * 96.14805
    equity = next(
        float(line.split(",")[1])
        for line in (folder / "equity.csv").read_text().splitlines()
        if line.startswith("2025-11-10")
    )
    assert int(first[2]) == int(0.6 * equity / 50.025)
    assert 0.99 * equity < spent <= equity  # the second took the room that was left
    decisions = (folder / "decisions.csv").read_text().splitlines()
    assert {line.split(",")[1] for line in decisions[1:]} == {"CRWV", "BOLT"}


def test_the_terminal_names_the_symbol_of_each_trade(beside_crwv, command) -> None:
    done = command("run", "earnings_surprise", *BOTH)
    assert "BOLT: A made-up beat (eps surprise +100.0%" in words(done.out)
    assert "CRWV: Revenue and EPS beat" in words(done.out)


def test_a_symbol_that_is_named_twice_is_traded_once(beside_crwv, command) -> None:
    done = command(
        "run", "owner", "--symbol", "BOLT", "--symbol", "BOLT", "--no-tearsheet", "--json"
    )
    assert json.loads(done.out)[0]["symbols"] == ["BOLT"]
