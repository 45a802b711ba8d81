"""`backtest study --bars 5m` of one and of two stocks on imported bars, with figures by hand.

All bars of a session stand at its open, 100 dollars in the first and one more in each that follows,
and the last closes a dollar above it, where the next session opens. ACME alone falls by a dollar
in the bar of its report, at 10:15 of the sixteenth session, and stays there until the last bar.
BOLT is the same without the fall, and pays 1.17 dollars on the day after, when it closes at 117.
"""

import json
import re

import pytest

from tests.cli.test_imported_bars import five_minute_bars
from tests.commands import WRONG_USE, fails, words
from tests.made_up import ACME, SESSIONS, Checkout

DAY = SESSIONS[15]
REPORTS = f"""\
symbol,published_at,precision,headline,author,author_type,target_price,note
ACME,{DAY}T10:17:00-04:00,minute,A report,Jane Bear,short_seller,10,made up
BOLT,{DAY}T12:01:00-04:00,minute,Another,Jane Bear,short_seller,10,made up
BOLT,{DAY}T18:01:00-04:00,minute,In the evening,Jane Bear,short_seller,10,made up
ACME,{SESSIONS[3]}T11:00:00-04:00,minute,Too early,Jane Bear,short_seller,10,made up
"""
# What the last bar usually does: of ACME without the session of its early report.
BOLT = 1 / 115 - sum(1 / (100 + session) for session in range(15)) / 15
ACMES = 1 / 115 - sum(1 / (100 + session) for session in range(15) if session != 3) / 14
BOTH = ("--symbol", "ACME", "--symbol", "BOLT", "--benchmark", "INDX", "--bars", "5m")


def fallen(line: str) -> str:
    time = line.split(",", maxsplit=1)[0]
    if not f"{DAY} 10:15" <= time < f"{DAY} 15:55":
        return line
    return f"{time},{115 if time.endswith('10:15:00') else 114},115,114,114,13"


@pytest.fixture
def made(checkout, command) -> Checkout:
    checkout.write("data/prices/BOLT.csv", ACME)
    assert command("prices", "seal", "BOLT", "--adjust", "none").code == 0
    checkout.write(
        "data/actions/BOLT.csv",
        f"day,action,amount,until,name,source\n{SESSIONS[16]},dividend,1.17,,,made up\n",
    )
    checkout.write("data/events/short_reports.csv", REPORTS)
    lines = five_minute_bars().splitlines()
    for symbol, bars in {"ACME": map(fallen, lines), "BOLT": lines}.items():
        (checkout.root / "bars.csv").write_text("\n".join(bars) + "\n")
        said = ("--symbol", symbol, "--bars", "5m", "--zone", "ET", "--source", "made up", "--yes")
        assert command("prices", "import", "bars.csv", *said).code == 0
    return checkout


def minutes_of(command, *arguments: str) -> dict:
    done = command("study", "short_report", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)["minutes"]


def test_two_stocks_are_studied_together(made, command) -> None:
    minutes = minutes_of(command, *BOTH)
    counts = ("events", "stocks", "sessions", "without_usual", "outside")
    assert [minutes[name] for name in counts] == [2, 2, 1, 1, 1]
    cars = {row["minute"]: row["car"] for row in minutes["rows"]}
    assert (cars[0]["value"], cars[0]["events"]) == (0.0, 2)
    assert cars[5]["value"] == pytest.approx(-1 / 115 / 2)
    assert cars[120]["value"] == pytest.approx(-1 / 115 / 2)
    assert cars[5]["low"] is None  # of one session there is no interval
    assert minutes["close"]["value"] == pytest.approx((ACMES + BOLT) / 2)
    paid = 116 / 115 * 1.17 / 117
    assert minutes["next_open"]["value"] == pytest.approx((ACMES + BOLT + paid) / 2)
    assert set(minutes["shares"].values()) == {None}  # without an interval there may be no move


def test_terminal_markdown_and_page_say_the_same(made, command) -> None:
    done = command("study", "short_report", *BOTH)
    assert done.code == 0, done.err
    said = words(done.out)
    # 1/115 is 0.870 %, half of it 0.435 %; the mean of 1/100 … 1/114 is 0.936 %, without 1/103
    # 0.933 %; half of the dividend of 1.009 % of the price at 12:00 is 0.504 %.
    found = (
        "2 events of 2 stocks in 1 session. The mean cumulative abnormal return is -0.43 % after "
        "30 minutes, -0.07 % at the close and +0.44 % at the next open; of fewer than eight "
        "sessions there is no interval. Not studied for want of ten sessions before: 1. Not known "
        "to the minute, or not within the hours with bars: 1."
    )
    assert found in said
    assert "+5 2 -0.43 % –" in said
    (page,) = made.root.glob("reports/study-short_report-*/index.html")
    text = re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))
    assert found in " ".join(text.split())


def test_one_stock_alone(made, command) -> None:
    minutes = minutes_of(command, "--symbol", "ACME", "--benchmark", "INDX", "--bars", "5m")
    assert (minutes["events"], minutes["without_usual"], minutes["outside"]) == (1, 1, 0)
    assert minutes["next_open"]["value"] == pytest.approx(ACMES)


def test_a_stock_without_bars_is_named(made, command) -> None:
    before = made.snapshot()
    done = command("study", "short_report", *BOTH, "--symbol", "INDX")
    fails(done, WRONG_USE, ["INDX", "`backtest prices import FILE --bars 5m"], made, before)


def test_by_bars_of_an_hour_the_mean_is_after_an_hour(made, command) -> None:
    lines = ["Datetime,Open,High,Low,Close,Volume"]
    for number, session in enumerate(SESSIONS):
        price, bars = 100 + number, 4 if session == "2025-07-03" else 7
        fall = 1 if session == DAY else 0
        first, last = (f"{session} 09:30", f"{session} {8 + bars:02}:30")
        lines.append(f"{first},{price},{price + 2},{price - 2},{price - fall},13")
        flat = f"{price},{price},{price},{price},13"
        lines += [f"{session} {hour}:30,{flat}" for hour in range(10, 8 + bars)]
        lines.append(f"{last},{price},{price + 1},{price},{price + 1},13")
    (made.root / "bars.csv").write_text("\n".join(lines) + "\n")
    said = ("--symbol", "ACME", "--bars", "1h", "--zone", "ET", "--source", "made up", "--yes")
    assert command("prices", "import", "bars.csv", *said).code == 0
    done = command(
        "study", "short_report", "--symbol", "ACME", "--benchmark", "INDX", "--bars", "1h"
    )
    assert done.code == 0, done.err
    assert "is -0.87 % after 60 minutes, -0.06 % at the close" in words(done.out)


def test_bars_of_an_hour_may_open_on_the_hour(made, command) -> None:
    """The first is of half an hour, and a report of 10:47 is in that of 10:00."""
    made.edit("data/events/short_reports.csv", f"ACME,{DAY}T10:17", f"ACME,{DAY}T10:47")
    lines = ["Datetime,Open,High,Low,Close,Volume"]
    for number, session in enumerate(SESSIONS):
        price, ends = 100 + number, 13 if session == "2025-07-03" else 16
        for clock in ("09:30", *(f"{hour}:00" for hour in range(10, ends))):
            falls = session == DAY and clock == "10:00"
            high = price + 2 if clock == "09:30" else price
            low = price - 2 if clock == "09:30" else price - falls
            close = price + 1 if clock == f"{ends - 1}:00" else price - falls
            lines.append(f"{session} {clock},{price},{max(high, close)},{low},{close},13")
    (made.root / "bars.csv").write_text("\n".join(lines) + "\n")
    said = ("--symbol", "ACME", "--bars", "1h", "--zone", "ET", "--source", "made up", "--yes")
    assert command("prices", "import", "bars.csv", *said).code == 0
    done = command(
        "study", "short_report", "--symbol", "ACME", "--benchmark", "INDX", "--bars", "1h"
    )
    assert done.code == 0, done.err
    assert "is -0.87 % after 60 minutes, -0.06 % at the close" in words(done.out)


def test_a_universe_is_studied_as_its_stocks_are(made, command) -> None:
    rows = "symbol,first,last\nACME,2025-06-02,\nBOLT,2025-06-02,\n"
    made.write("data/universes/pair/members.csv", rows, sealed=False)
    assert command("universes", "seal", "pair", "--source", "made up").code == 0
    of_two = minutes_of(command, *BOTH)
    of_pair = minutes_of(command, "--universe", "pair", "--benchmark", "INDX", "--bars", "5m")
    assert of_pair == of_two


def test_a_strategy_that_is_studied_sees_finer_bars(made, command) -> None:
    last = "market.finer_bars().index[-1]"
    made.strategy("late", f"return Signal.short(event, reason=f'{{{last}}}')", "ShortReport")
    asked = ("--symbol", "ACME", "--benchmark", "INDX", "--bars", "5m", "--json")
    done = command("study", "late", *asked)
    assert done.code == 0, done.err
    assert [event["direction_reason"] for event in json.loads(done.out)["events"]] == [
        "2025-06-05 19:55:00+00:00",
        f"{DAY} 19:55:00+00:00",
    ]
