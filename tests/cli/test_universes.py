"""Universes from the command line: run, study, list, seal, and what is wrong."""

import json
import re
from dataclasses import replace

import pytest

from backtest.engine.kernel import replay as kernel
from tests.commands import WRONG_USE, fails, words
from tests.golden.goldens import ROOT
from tests.made_up import INDX
from tests.universes import MEMBERS, write_crowd, write_universe

RUN = ("run", "beats", "--universe", "quartet", "--no-tearsheet")
# ACME: 485 shares from 103 to 106; BOLT: 1,013 shares at 50, in and out; slippage 5 bp a side,
# half a cent a share and side.
PROFIT = 485 * (106 * 0.9995 - 103 * 1.0005) - 4.85 + 1013 * (50 * 0.9995 - 50 * 1.0005) - 10.13


@pytest.fixture
def quartet(checkout):
    """A checkout with the universe of four stocks."""
    return write_universe(checkout)


@pytest.mark.parametrize("engine", ["backtrader", "kernel"])
def test_a_run_trades_the_members_against_their_mean(quartet, command, engine):
    (told,) = json.loads(command(*RUN, "--engine", engine, "--json").out)
    assert told["summary"]["run"]["final_equity"] == pytest.approx(100_000 + PROFIT, abs=0.005)
    assert (told["universe"], told["benchmark"], told["engine"]) == ("quartet", "quartet", engine)
    assert told["symbols"] == ["ACME", "BOLT"]
    # The mean of ACME, from 101 to 130, and of BOLT, which is flat; each session half of both.
    growth = 1.0
    for close in range(101, 130):
        growth *= 1 + 0.5 / close
    assert told["summary"]["benchmark"]["total_return"] == pytest.approx(growth - 1)


def test_the_header_names_universe_benchmark_and_engine(quartet, command):
    told = words(command(*RUN).out)
    assert told.startswith(
        "quartet, 2 stocks, from 2025-06-02 to 2025-07-15, start 100,000 $, "
        "benchmark the mean of its members, on Backtrader "
    )
    assert "beats · quartet · run" in told
    assert "on the kernel" in words(command(*RUN, "--engine", "kernel").out)
    other = words(command(*RUN, "--benchmark", "INDX").out)
    assert "benchmark INDX, on Backtrader" in other


def test_members_that_are_left_out_are_told_once(quartet, command):
    told = words(command(*RUN).out)
    assert told.count("DUST") == 1
    assert told.count("COIL") == 1
    assert told.count("STRG") == 1


def test_verify_replays_with_the_other_engine(quartet, command):
    outcome = command(*RUN, "--verify")
    assert "both engines agree: 2 trades" in outcome.err
    again = command(*RUN, "--engine", "kernel", "--verify", "--json")
    assert "both engines agree: 2 trades" in again.err
    assert json.loads(again.out)[0]["engine"] == "kernel"


def test_engines_that_differ_are_an_error_of_the_program(quartet, command, monkeypatch):
    right = kernel.replay_by_kernel

    def wrong(*arguments):
        made = right(*arguments)
        second = replace(made.trades[1], exit_price=made.trades[1].exit_price + 0.01)
        return replace(made, trades=[made.trades[0], second])

    monkeypatch.setattr(kernel, "replay_by_kernel", wrong)
    outcome = command(*RUN, "--verify")
    assert outcome.code == 1
    assert "The engines differ in trades, which is a fault of the program" in outcome.err
    assert "trade 2 on earnings-20250610-" in outcome.err
    assert "exit price 49.975 with backtrader, 49.985" in outcome.err


def test_a_strategy_of_backtraders_cannot_be_verified(quartet, command):
    quartet.write(
        "strategies/by_itself.py",
        '"""Made up."""\n\nfrom backtest import EventStrategy\n'
        "from backtest.events import Earnings\n"
        "\n\nclass ByItself(EventStrategy):\n    listens_to = (Earnings,)\n\n"
        "    def notify_event(self, event):\n        pass\n",
    )
    outcome = command("run", "by_itself", *RUN[2:], "--verify")
    assert outcome.code == WRONG_USE
    assert "orders on Backtrader by itself" in outcome.err


@pytest.mark.parametrize(
    ("words_of_command", "told"),
    [
        (("--universe", "quartett"), ["There is no universe", "Did you mean 'quartet'?"]),
        (
            ("--universe", "quartet", "--symbol", "ACME", "--symbol", "BOLT"),
            ["The universe quartet says which stocks are traded, so ACME, BOLT cannot"],
        ),
        (
            ("--universe", "quartet", "--from", "2026-01-05"),
            ["No member of quartet has a session from 2026-01-05", "to 2025-07-15; choose"],
        ),
        (("--universe", "quartet", "--engine", "zipline"), ["There is no engine 'zipline'"]),
    ],
)
def test_wrong_use_is_one_message(quartet, command, words_of_command, told):
    before = quartet.snapshot()
    fails(command("run", "beats", *words_of_command), WRONG_USE, told, quartet, before)


def test_a_study_does_not_take_a_universe_and_symbols(quartet, command):
    before = quartet.snapshot()
    outcome = command("study", "earnings", "--universe", "quartet", "--symbol", "ACME")
    fails(outcome, WRONG_USE, ["so ACME cannot be named beside it"], quartet, before)


def test_the_list_tells_what_there_is_and_what_is_missing(quartet, command):
    (row,) = json.loads(command("universes", "--json").out)
    assert row["symbols"] == ["ACME", "BOLT", "COIL", "DUST"]
    assert (row["first"], row["last"]) == ("2025-05-30", "2025-07-15")
    assert row["events"] == {"earnings": 3}
    assert row["without_prices"] == ["DUST"]
    assert row["without_events"] == ["COIL", "DUST"]
    told = words(command("universes").out)
    assert "quartet Stocks 4: ACME, BOLT, COIL, DUST Prices 2025-05-30 to 2025-07-15" in told
    assert "Missing 1 stock without prices: DUST; 2 stocks without events: COIL, DUST" in told


def test_without_a_universe_the_list_says_how_to_write_one(checkout, command):
    assert "universes/NAME/members.csv" in words(command("universes").out)


def test_a_table_that_was_changed_is_sealed_by_the_command_that_is_named(quartet, command):
    place = "data/universes/quartet/members.csv"
    quartet.write(place, MEMBERS.replace("BOLT,2025-06-02,", "BOLT,2025-06-02,2025-06-10"),
                  sealed=False)  # fmt: skip
    refused = command(*RUN)
    assert refused.code == 3
    assert "backtest universes seal quartet" in refused.err
    assert "members.meta.json" in command("universes", "seal", "quartet").out
    (told,) = json.loads(command(*RUN, "--json").out)
    assert told["summary"]["run"]["trades"] == 1  # BOLT had left on 2025-06-11
    assert command("universes", "seal", "quintet").code == WRONG_USE


def test_many_trades_are_a_page_and_all_of_them_with_verbose(checkout, command, monkeypatch):
    write_crowd(checkout)
    crowd = ("run", "beats", "--universe", "crowd", "--set", "weight=0.02", "--no-tearsheet")
    out = command(*crowd).out
    told = words(out)
    assert "25 trades of 25 stocks, 24 won" in told
    assert "The 10 best and the 10 worst by return" in told
    assert [name for name in (f"S{n:02}" for n in range(1, 26)) if name not in out] == [
        "S11", "S12", "S13", "S14", "S15"
    ]  # fmt: skip
    assert out.index("S25 ") < out.index("S24 ") < out.index("S10 ") < out.index("S01 ")
    assert "25 no signal not a beat" in told
    assert "Every trade and event: on the page, or here with -v" in told
    assert len(out.splitlines()) <= 80
    monkeypatch.setenv("COLUMNS", "40")
    assert re.search(r"^S25 +\d{4}-\d\d-\d\d +\+", command(*crowd).out, re.MULTILINE)
    monkeypatch.setenv("COLUMNS", "80")
    whole = command(*crowd, "-v").out
    assert all(f"S{n:02}: Beat of S{n:02}" in whole for n in range(1, 26))
    assert all(f"S{n:02}: Miss of S{n:02}" in words(whole) for n in range(1, 26))


def test_a_study_of_a_universe_says_what_it_found(quartet, command):
    told = json.loads(command("study", "earnings", "--universe", "quartet", "--json").out)
    assert (told["universe"], told["observations"], told["stocks"]) == ("quartet", 3, 2)


def test_an_audit_of_a_universe_asks_about_its_members(quartet, command):
    told = json.loads(command("audit", "beats", *RUN[2:4], "--worlds", "0", "--json").out)
    assert (told["outcome"], told["settings"]["universe"]) == ("clean", "quartet")


def test_a_sweep_of_a_universe_has_the_run_among_its_sets(quartet, command):
    told = json.loads(command("sweep", "beats", *RUN[2:4], "--grid", "hold=3,5", "--json").out)
    assert told["universe"] == "quartet"
    assert told["base_figures"]["final_equity"] == pytest.approx(100_000 + PROFIT, abs=0.005)


@pytest.mark.slow
def test_the_engines_agree_on_the_universe_that_ships(command, tmp_path):
    terms = ("--set", "weight=0.05", "--set", "hold=10", "--set", "stop=none", "--no-tearsheet")
    folders = ("--data", str(ROOT / "data"), "--strategies", str(ROOT / "strategies"))
    outcome = command(
        "run", "earnings_surprise", "--universe", "us_large", *terms, *folders, "--verify"
    )
    assert outcome.code == 0, outcome.err
    assert "both engines agree: 3,012 trades" in outcome.err
    assert words(outcome.out).startswith("us_large, 144 stocks, from 2013-07-01 to 2024-03-")
    assert len(outcome.out.splitlines()) < 120


# What is wrong in a universe is one message, and what can go on goes on and says so


NAMES = [f"S{number:02}" for number in range(1, 9)]


@pytest.fixture
def crowd(checkout):
    """A checkout with a universe of eight stocks; takes the rows of its members."""
    write_crowd(checkout, 8)

    def with_members(*rows: str):
        checkout.write("data/universes/crowd/members.csv", "\n".join(["symbol,first,last", *rows]))
        return checkout

    return with_members


CROWD = ("run", "beats", "--universe", "crowd", "--no-tearsheet")


def test_members_before_or_after_their_prices_are_left_out_and_counted(crowd, command):
    crowd(*(f"{name},2030-01-01," for name in NAMES[:5]), *(f"{name},," for name in NAMES[5:]))
    told = words(command(*CROWD).out)
    assert told.startswith("crowd, 3 stocks,")
    assert (
        "5 of 8 members were members only before or after their prices: S01, S02, S03 and 2 more."
    ) in told


def test_a_universe_without_a_member_in_its_prices_is_refused(crowd, command):
    checkout = crowd(*(f"{name},2030-01-01," for name in NAMES))
    for words_of_command in (CROWD, ("study", "earnings", "--universe", "crowd")):
        told = ["No stock was a member of crowd while there are prices of it: 8 of 8", "S03 and 5"]
        fails(command(*words_of_command), WRONG_USE, told, checkout, checkout.snapshot())


def test_stocks_that_are_there_twice_are_one_problem(crowd, command):
    checkout = crowd(*(f"{name},," for name in NAMES), *(f"{name},2025-06-02," for name in NAMES))
    told = ["1 problem", "line 10: S01, line 11: S02, line 12: S03 and 5 more is a member in part"]
    fails(command(*CROWD), 3, told, checkout, checkout.snapshot())


def test_a_universe_of_one_says_that_it_is_its_own_mean(crowd, command):
    crowd("S03,,")
    one = "crowd has one stock, so that the mean of its members is that stock"
    assert one in words(command(*CROWD).out)
    assert one in words(command("study", "earnings", "--universe", "crowd").out)
    assert one not in words(command(*CROWD, "--benchmark", "INDX").out)


def test_a_benchmark_that_ends_early_is_told_and_the_study_goes_on(crowd, command):
    checkout = crowd(*(f"{name},," for name in NAMES))
    early = "\n".join(INDX.splitlines()[:20]) + "\n"  # up to 2025-06-26
    checkout.write("data/prices/INDX.csv", early)
    told = ["The benchmark INDX has no close on 2025-06-27 (12 sessions are missing)"]
    fails(command(*CROWD, "--benchmark", "INDX"), 3, told, checkout, checkout.snapshot())
    study = ("study", "earnings", "--universe", "crowd", "--benchmark", "INDX")
    assert "8 have no return over all of [0,+10], since the prices" in words(command(*study).out)
