"""What kills the mutants that `tests/mutants.py` once drew and no test noticed."""

from pathlib import Path

import pytest

from backtest.data.actions import parse_actions
from backtest.data.bars import read_bars
from backtest.data.checks import check_actions
from backtest.data.datafile import DataFile
from backtest.data.event_checks import stated_figures
from backtest.data.prices import jumps_of, parse_prices
from backtest.experiments.runs.run import prepare_run, replay_run
from tests.data.test_bars import ROWS, write
from tests.made_up import ACME, SESSIONS, often, request

HEADER = "day,action,amount,until,name,source"

# data


def test_bars_at_other_times_are_other_bars(checkout):
    bars = read_bars(write(checkout, ROWS), "ACME", "5m")
    moved = [
        (row[0].replace("19:55", "19:50"), *row[1:]) if "19:55" in row[0] else row for row in ROWS
    ]
    assert bars.sha256() != read_bars(write(checkout, moved), "ACME", "5m").sha256()


def jumps(ratio, volume, place=25, first=100, high=1.0, usual=1.05, split=""):
    """The jump of flat prices that open at a ratio of the close before, on a session of trade.

    Traded are 100 shares a session, of the first as it is said; the high of a bar is
    `usual` lows, of that of the jump `high`.
    """
    closes = [100.0] * place + [100.0 * ratio] * (len(SESSIONS) - place)
    volumes = [100] * len(SESSIONS)
    volumes[0], volumes[place] = first, volume
    highs = [close * (usual if place != n else high) for n, close in enumerate(closes)]
    rows = [
        f"{day},{close},{top},{close},{close},{traded}"
        for day, close, top, traded in zip(SESSIONS, closes, highs, volumes, strict=True)
    ]
    text = "\n".join(["date,open,high,low,close,volume", *rows, ""])
    metadata = {"adjust": "none", "first": SESSIONS[0], "last": SESSIONS[-1]}
    nothing = parse_actions(DataFile(Path("a/ACME.csv"), f"{HEADER}\n{split}", "", {}))
    return jumps_of(parse_prices(DataFile(Path("made/ACME.csv"), text, "", metadata), nothing))


@pytest.mark.parametrize(
    ("ratio", "shares", "is_news"),
    [(1 / 3, 3, True), (1 / 4, 4, False), (3.0, 1 / 3, True), (4.0, 1 / 4, False)],
)
def test_no_news_moves_a_price_to_a_quarter_or_four_times(ratio, shares, is_news):
    (jump,) = jumps(ratio, 1_000)
    assert (jump.shares, jump.is_news) == (pytest.approx(shares), is_news)


def test_heavy_trade_soon_after_the_first_session_is_news_as_well():
    (jump,) = jumps(0.5, 1_000, place=5)
    assert jump.is_news
    (jump,) = jumps(0.5, 1_000, place=2, first=1_000)  # 500 of old shares, 550 are usual
    assert not jump.is_news


@pytest.mark.parametrize(("high", "is_news"), [(1.28, False), (1.29, True)])
def test_a_range_that_is_news_is_a_quarter_and_three_times_the_usual(high, is_news):
    """In logarithms: ln 1.284 is a quarter, and three times ln 1.05 are 0.146."""
    (jump,) = jumps(0.5, 100, high=high)
    assert jump.is_news == is_news


@pytest.mark.parametrize(("usual", "is_news"), [(1.09, True), (1.10, False)])
def test_a_wide_range_is_news_where_others_are_a_third_of_it(usual, is_news):
    """Three times ln 1.09 are 0.2585, of ln 1.10 0.2859; ln 1.31 is 0.2700."""
    (jump,) = jumps(0.5, 100, high=1.31, usual=usual)
    assert jump.is_news == is_news


def test_a_split_of_the_first_session_changes_no_other():
    assert jumps(1.0, 100, split=f"{SESSIONS[0]},split,2,,,x\n") == []


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("It closed 08-14 +5.0 %", [("closed 08-14 +5.0 %", "close_change", "08-14", "+5.0")]),
        (
            "closed -4 % (50 to 48)",
            [
                ("closed -4 % (50 to 48)", "close_change", "", "-4"),
                ("closed -4 % (50 to 48)", "previous_close", "", "50"),
                ("closed -4 % (50 to 48)", "close", "", "48"),
            ],
        ),
        ("shares fell 3.5 %", [("shares fell 3.5 %", "close_change", "", "-3.5")]),
        ("intraday -7 %", [("intraday -7 %", "low_change", "", "-7")]),
        ("high +7 %", [("high +7 %", "high_change", "", "+7")]),
        ("intraday low 31.5", [("intraday low 31.5", "low", "", "31.5")]),
        (
            "open 20 vs. prior close of 19",
            [
                ("open 20 vs. prior close of 19", "open", "", "20"),
                ("open 20 vs. prior close of 19", "previous_close", "", "19"),
            ],
        ),
    ],
)
def test_a_stated_figure_has_its_words_its_name_and_its_day(text, figures):
    found = [(one.text, one.name, one.day, one.figure) for one in stated_figures(text)]
    assert found == figures


@pytest.mark.parametrize(
    ("first", "last"), [("2025-06-05", "2025-06-05"), ("2025-06-04", "2025-06-05")]
)
def test_volume_on_the_first_day_of_a_halt_is_found(checkout, first, last):
    assert f"{first}," in ACME
    text = f"{HEADER}\n{first},halted,,{last},,x\n"
    checkout.write("data/actions/ACME.csv", text)
    found = [one.what for one in check_actions(checkout.workspace, ["ACME"])]
    days = [day for day in SESSIONS if first <= day <= last]
    assert f"Halted from {first}, with volume on {', '.join(days)}" in found


# engine


@pytest.mark.parametrize("make", ["long", "short"])
def test_the_engines_tell_the_same_of_a_run(checkout, make):
    """Also what was cut by participation, and which borrow rates nobody quoted."""
    name = often(checkout, make=make)
    terms = {"rules": {"max_participation": 0.1, "borrow_mode": "table"}}
    wanted = (request(name, engine=engine, **terms) for engine in ("backtrader", "kernel"))
    one, other = (replay_run(prepare_run(checkout.workspace, each)) for each in wanted)
    assert "participation" in " ".join(row["reason"] for row in one.decisions)
    for row, same in zip(one.decisions, other.decisions, strict=True):
        assert row == same
    assert one.manifest["assumptions"] == other.manifest["assumptions"]
    assert ("assumption" in " ".join(one.manifest["assumptions"])) == (make == "short")
    filled = {"market", "close"}
    orders = [[row for row in run.orders if row["type"] in filled] for run in (one, other)]
    keys = ("session", "symbol", "size", "type", "event_id", "exit_reason")
    first, second = ([[row[key] for key in keys] for row in rows] for rows in orders)
    assert first == second
