"""Actions at the terminal and from Python: put on file, listed, held against prices, taken back."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import backtest
from backtest.errors import DataError, UsageError
from tests.commands import words
from tests.made_up import ACME

FILE = "data/actions/ACME.csv"
# From 16 June on a share is half of one before: the open of 110 becomes 55, after a close of 110.
SPLIT = "2025-06-16"
HALVED = "".join(
    line
    if not line[0].isdigit() or line < SPLIT
    else ",".join(
        [cells[0], *(f"{float(cell) / 2:g}" for cell in cells[1:5]), cells[5]]
    )
    for line in ACME.splitlines(keepends=True)
    for cells in (line.split(","),)
)  # fmt: skip


@pytest.fixture
def halved(checkout):
    path = checkout.write("data/prices/ACME.csv", HALVED)
    backtest.seal_prices("ACME", adjust="none", data=path.parents[1])
    return checkout


def test_a_split_that_nobody_recorded_stops_the_run_until_it_is_recorded(halved, command):
    stopped = command("run", "beats", "--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet")
    assert stopped.code == 3
    assert "ACME opens on 2025-06-16 at 0.5 times the close before" in stopped.err
    assert "`backtest actions add ACME split 2025-06-16 2 --source '…'`" in stopped.err
    assert not list((halved.root / "reports").glob("beats*"))
    added = command("actions", "add", "ACME", "split", SPLIT, "2", "--source", "ACME", "--yes")
    assert added.code == 0
    assert "added split 2025-06-16 2" in added.out
    made = command("run", "beats", "--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet")
    assert made.code == 0
    assert "ACME as traded" in made.out
    assert "Applied: 1 split." in words(made.out)


def test_a_jump_that_is_a_move_is_accepted_and_said(halved, command):
    made = command(
        "run", "beats", "--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet",
        "--accept-jumps",
    )  # fmt: skip
    assert made.code == 0
    assert "ACME opens on 2025-06-16 at 0.5 times the close before, which is taken for" in words(
        made.out
    )


def test_actions_are_listed_checked_and_taken_back(checkout, command):
    assert "There are no actions on file." in command("actions", "list").out
    terms = ("actions", "add", "ACME", "dividend", "2025-06-05")
    command(*terms, "50", "--source", "made up", "--yes")
    command(*terms, "0.5", "--source", "made up", "--yes")
    (row,) = json.loads(command("actions", "list", "ACME", "--json").out)
    assert row == {
        "symbol": "ACME", "day": "2025-06-05", "action": "dividend", "amount": 0.5, "until": None,
        "name": "", "source": "made up",
    }  # fmt: skip
    backtest.seal_prices("ACME", adjust="none", data=checkout.root / "data")
    assert "0 errors, 0 warnings" in command("actions", "check").out
    assert command("actions", "undo", "ACME").code == 0
    checked = command("actions", "check")
    assert "dividend of 50 on 2025-06-05, where the last close is 103" in checked.out
    again = command("actions", "undo", "ACME", "--to", "2")
    assert "version 4" in again.out
    (row,) = json.loads(command("actions", "list", "ACME", "--json").out)
    assert row["amount"] == 0.5

    for _ in range(2):  # however often, it is the version that is named
        taken_back = command("actions", "undo", "ACME", "--to", "1")
        assert "undone, back to version 1" in taken_back.out
    (row,) = json.loads(command("actions", "list", "ACME", "--json").out)
    assert row["amount"] == 50
    assert command("actions", "undo", "ACME", "--to", "9").code == 2


def test_an_amount_is_listed_with_all_its_digits(checkout, command):
    terms = ("actions", "add", "ACME", "dividend", "2025-06-12", "12345.678")
    command(*terms, "--source", "made up", "--yes")
    assert "2025-06-12  dividend  12,345.678" in command("actions", "list").out


def test_what_contradicts_the_prices_is_an_error(checkout, command):
    checkout.write(FILE, "day,action,amount,until,name,source\n2025-06-05,dividend,1,,,x\n")
    unknown = command("actions", "check")  # adjusted for dividends, or not?
    assert unknown.code == 3
    assert "adjusted for the dividend of 2025-06-05 is not on record" in words(unknown.out)
    backtest.seal_prices("ACME", adjust="none", data=checkout.root / "data")
    row = "2025-06-05,split,2,,,x\n2025-06-12,halted,,2025-06-13,,x\n2025-06-20,delisted,,,,x\n"
    checkout.write(FILE, f"day,action,amount,until,name,source\n{row}")
    late = command("actions", "check")
    assert "delisted on 2025-06-20, with prices until 2025-07-15" in late.out
    checkout.write(FILE, f"day,action,amount,until,name,source\n{row[: row.index('2025-06-20')]}")
    found = command("actions", "check")
    assert "The split of 2025-06-05 and the prices of that day disagree" in found.out
    assert "Halted from 2025-06-12, with volume on 2025-06-12, 2025-06-13" in found.out


def test_a_file_that_was_edited_is_refused_until_it_is_sealed(checkout, command):
    text = "day,action,amount,until,name,source\n2025-06-05,dividend,1,,,x\n"
    checkout.write(FILE, text)
    checkout.write(FILE, text.replace("1,,,x", "2,,,x"), sealed=False)
    refused = command("run", "beats", "--symbol", "ACME", "--benchmark", "INDX")
    assert refused.code == 3
    assert "backtest actions seal ACME" in refused.err
    assert command("actions", "seal", "ACME").code == 0
    assert backtest.list_actions(data=checkout.root / "data")["amount"].tolist() == [2.0]


def test_python_adds_and_lists(checkout):
    data = checkout.root / "data"
    preview = backtest.add_action(
        "ACME", "split", "2025-06-05", 2, source="x", dry_run=True, data=data
    )
    assert [str(row) for row in preview.added] == ["split 2025-06-05 2"]
    assert backtest.list_actions(data=data).empty
    backtest.add_action("ACME", "halted", "2025-06-12", until="2025-06-13", source="x", data=data)
    table = backtest.list_actions("ACME", data=data)
    assert table[["day", "until"]].to_numpy().tolist() == [
        [pd.Timestamp("2025-06-12"), pd.Timestamp("2025-06-13")]
    ]
    with pytest.raises(UsageError, match="column action: 'gift' is not one of"):
        backtest.add_action("ACME", "gift", "2025-06-05", source="x", data=data)
    for amount in (np.float64(2), np.int64(2), Decimal(2)):
        update = backtest.add_action(
            "ACME", "split", "2025-06-05", amount, source="x", data=data, dry_run=True
        )
        assert update.added[0].amount == 2
    with pytest.raises(UsageError, match=r"amount is 'two'\. Allowed: a number or None"):
        backtest.add_action("ACME", "split", "2025-06-05", "two", source="x", data=data)
    with pytest.raises(UsageError, match=r"file of actions of 'ACEM'.*ACME"):
        backtest.seal_actions("ACEM", data=data)


def test_frames_have_the_basis_and_the_actions_of_their_files(halved, monkeypatch):
    monkeypatch.chdir(halved.root)
    halt = "2025-06-12,halted,,2025-06-13,,x\n"
    checkout_file = "day,action,amount,until,name,source\n2025-06-16,split,2,,,x\n" + halt
    halved.write(FILE, checkout_file)
    lines = HALVED.splitlines(keepends=True)
    without = [line for line in lines if line[:10] not in ("2025-06-12", "2025-06-13")]
    (halved.root / "data/prices/ACME.csv").write_text("".join(without))
    backtest.seal_prices("ACME", data=halved.root / "data")
    terms = {"symbols": "ACME", "benchmark": "INDX"}
    of_files = backtest.run("beats", **terms)
    basis, silence = of_files.record["assumptions"][:2]
    assert basis.endswith("Applied: 1 split.")
    assert silence.startswith("ACME did not trade in 2 sessions")
    of_frames = backtest.run("beats", prices=backtest.load_prices("ACME"), **terms)
    assert of_frames.run_id == of_files.run_id
    gap = backtest.load_prices("ACME")["ACME"].drop(pd.Timestamp("2025-06-20"))
    with pytest.raises(DataError, match=r"prices\['ACME'\].*\n.*no row for the session 2025-06-20"):
        backtest.run("beats", prices={"ACME": gap}, **terms)
