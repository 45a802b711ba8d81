"""`backtest run --bars 5m` on imported bars, as a user types it, with figures worked by hand.

ACME has bars of five minutes on 2025-06-12 alone, which agree with its daily bar 108 110 106 109,
and one after the close before; New York is four hours behind UTC.
"""

import json

import pytest

from tests.commands import MADE_UP, WRONG_USE, rows, words

BARS = """\
time,open,high,low,close,volume
2025-06-11 16:40,107.5,107.5,107,107,100
2025-06-12 09:30,108,110,108,109,100
2025-06-12 10:15,109,109,107,107,100
2025-06-12 10:20,107,108,106,107,100
2025-06-12 10:25,107,107,106,106,100
2025-06-12 15:50,106,109,106,108,100
2025-06-12 15:55,108,109,108,109,100
"""
NEWS = """\
symbol,published_at,precision,headline,category,note
ACME,2025-06-12T10:15:00-04:00,minute,Within the bars,contract,made up
ACME,2025-06-16T10:00:00-04:00,minute,Beyond them,contract,made up
"""


@pytest.fixture
def quick(checkout, command):
    """A strategy that is short until ten to four, run on the imported bars."""
    checkout.strategy(
        "quick", 'return Signal.short(event, weight=0.5, leave_at="15:50")', listens_to="News"
    )
    checkout.write("data/events/news.csv", NEWS)
    path = checkout.root / "acme.csv"
    path.write_text(BARS)
    outcome = command(
        "prices", "import", str(path), "--symbol", "ACME", "--bars", "5m", "--zone", "New York",
        "--stamped", "open", "--source", "made up", "--adjust", "none", "--yes",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")

    def run(*more):
        outcome = command("run", "quick", *MADE_UP, "--bars", "5m", "--verify", *more)
        assert outcome.code == 0
        assert outcome.err.startswith("both engines agree: ")
        return rows(checkout, "trades.csv"), rows(checkout, "decisions.csv")

    return run


def test_an_event_is_traded_at_the_first_bar_after_the_reaction(quick):
    trades, decisions = quick()
    # 10:15 and five minutes end at the open of 10:20, so it is the bar of 10:25, at 107.
    fill, cover = 107 * 0.9995, 106 * 1.0005
    assert 467 * fill < 50_000 < 468 * fill
    assert trades[0]["entry_bar"].replace(" ", "T").startswith("2025-06-12T14:25")
    assert trades[0]["exit_bar"].replace(" ", "T").startswith("2025-06-12T19:50")
    assert (trades[0]["shares"], trades[0]["exit_reason"]) == ("467", "time")
    assert float(trades[0]["entry_price"]) == pytest.approx(fill)
    assert float(trades[0]["exit_price"]) == pytest.approx(cover)
    first = 467 * (fill - cover) - 2 * 467 * 0.005
    assert float(trades[0]["net_profit"]) == pytest.approx(first)
    # Monday is by the day, so the other is traded on Tuesday, from its open of 111 to its close.
    fill, cover = 111 * 0.9995, 112 * 1.0005
    shares = int(0.5 * (100_000 + first) / fill)
    assert (trades[1]["entry_bar"], trades[1]["exit_bar"]) == ("", "")
    assert (trades[1]["entry_session"], trades[1]["exit_session"]) == 2 * ("2025-06-17",)
    assert float(trades[1]["shares"]) == shares
    assert float(trades[1]["net_profit"]) == pytest.approx(
        shares * (fill - cover) - 2 * shares * 0.005
    )
    assert [row["action"] for row in decisions] == ["enter", "enter"]
    assert [bool(row["tradable_bar"]) for row in decisions] == [True, False]


def test_where_bars_are_missing_it_is_not_traded_if_so_chosen(quick):
    trades, decisions = quick("--missing-bars", "none")
    assert [trade["entry_session"] for trade in trades] == ["2025-06-12"]
    assert [row["action"] for row in decisions] == ["enter", "not_tradable"]
    assert "no bars of 5 minutes in 2025-06-16" in decisions[1]["reason"]


def test_an_audit_by_bars_says_so_and_so_do_runs_by_others(
    quick, command, checkout, in_one_process
):
    audit = ("audit", "quick", "--symbol", "ACME", "--worlds", "0", "--bars", "5m")
    done = command(*audit)
    assert done.code == 0
    told = words(done.out)
    # 7 for each of two events, and 6 with the full data
    assert "Clean by bars of 5m. Nothing peeked: in 20 worlds" in told
    assert "close of the bar that is filled was caught in 1 of 1 worlds without it" in told
    (record,) = checkout.root.glob("reports/audit-quick-ACME-*/audit.json")
    made = json.loads(record.read_text())
    assert (made["settings"]["bars"], made["settings"]["missing_bars"]) == ("5m", "daily")
    assert "bars/ACME" not in made["inputs"]
    assert "prices/5m/ACME.parquet" in made["inputs"]
    assert "<b>Clean by bars of 5m.</b>" in record.with_name("index.html").read_text()
    day = made["finished_at"][:10]
    same = command("run", "quick", *MADE_UP, "--bars", "5m")
    assert f"Audited clean: quick ({day})." in words(same.out)
    others = command("run", "quick", *MADE_UP)
    assert f"Audited clean: quick ({day} by bars of 5m)." in words(others.out)
    wrong = command(*audit[:-1], "7m")
    assert wrong.code == WRONG_USE
    assert "There is no length of bars '7m'" in words(wrong.err)


def test_a_stop_that_rests_through_bars_of_a_session_is_told_once(quick, checkout):
    terms = 'weight=0.5, stop=0.10, leave_at="15:50"'
    checkout.strategy("quick", f"return Signal.short(event, {terms})", listens_to="News")
    trades, _ = quick()
    assert trades[0]["exit_reason"] == "time"  # 117 was never reached
    # It is live in the bars of 10:25 and of 15:50, the first of which is told.
    stops = [row for row in rows(checkout, "orders.csv") if row["type"] == "stop"]
    first = [row["bar"][11:16] for row in stops if row["session"] == "2025-06-12"]
    assert first == ["14:25"]
    assert float(stops[0]["price"]) == pytest.approx(1.10 * 107 * 0.9995)


AFTER_HOURS = """\
symbol,published_at,precision,headline,category,note
ACME,2025-06-11T16:31:00-04:00,minute,After the close,contract,made up
"""


@pytest.mark.parametrize(
    ("options", "opened", "fill"),
    [
        ([], "2025-06-12T13:30", 108 * 0.9995),
        (["--hours", "extended"], "2025-06-11T20:40", 107.5 * 0.9975),
        (["--hours", "extended", "--extended-slippage", "40"], "2025-06-11T20:40", 107.5 * 0.996),
    ],
)
def test_after_the_close_it_is_traded_in_extended_hours_alone(
    quick, checkout, options, opened, fill
):
    checkout.write("data/events/news.csv", AFTER_HOURS)
    trades, decisions = quick(*options)
    shares, cover = int(50_000 / fill), 106 * 1.0005
    assert [trade["entry_session"] for trade in trades] == ["2025-06-12"]
    assert trades[0]["entry_bar"].replace(" ", "T").startswith(opened)
    assert decisions[0]["tradable_bar"].replace(" ", "T").startswith(opened)
    assert trades[0]["exit_bar"].replace(" ", "T").startswith("2025-06-12T19:50")
    assert float(trades[0]["shares"]) == shares
    # Of 10 % a year for a night, on the last price of the evening before.
    borrow = shares * 107 * 1.02 * 0.10 / 360 if options else 0
    profit = shares * (fill - cover) - 2 * shares * 0.005 - borrow
    assert float(trades[0]["net_profit"]) == pytest.approx(profit)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--hours", "extended"], "choose some with --bars, or leave --hours out."),
        (["--hours", "late", "--bars", "5m"], "hours 'late': Input should be 'regular' or"),
    ],
)
def test_hours_that_cannot_be_are_refused(quick, command, options, told):
    outcome = command("run", "quick", *MADE_UP, *options)
    assert outcome.code == 2
    assert told in outcome.err


def test_an_audit_of_extended_hours_is_refused(quick, command):
    outcome = command("audit", "quick", "--symbol", "ACME", "--bars", "5m", "--hours", "extended")
    assert outcome.code == WRONG_USE
    assert "leave --hours out" in words(outcome.err)
