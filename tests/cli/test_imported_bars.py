"""A short report that is traded by 5-minute bars of an imported file, against figures by hand.

The bars agree with ACME's daily rows: of each session the first goes two dollars up and down from
the open, the last closes a dollar above it, and all between stand at the open.
"""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.commands import rows
from tests.made_up import SESSIONS

STRATEGY = Path(__file__).parents[2] / "strategies/short_report.py"
RUN = ("run", "short_report", "--symbol", "ACME", "--benchmark", "INDX", "--bars", "5m",
       "--set", "hold=2", "--no-tearsheet")  # fmt: skip


def five_minute_bars():
    lines = ["Datetime,Open,High,Low,Close,Volume"]
    for number, session in enumerate(SESSIONS):
        opens, count = 100 + number, 42 if session == "2025-07-03" else 78
        for bar in range(count):
            time = datetime.fromisoformat(f"{session} 09:30") + timedelta(minutes=5 * bar)
            rise, fall, gain = (
                (2, 2, 0) if bar == 0 else (1, 0, 1) if bar == count - 1 else (0,) * 3
            )
            lines.append(f"{time},{opens},{opens + rise},{opens - fall},{opens + gain},13")
    return "\n".join(lines) + "\n"


@pytest.fixture
def report(command, checkout):
    """A checkout with imported bars, and one report of a time in New York."""

    def report(published, precision="exact", bars="", more=()):
        shutil.copy(STRATEGY, checkout.root / "strategies")
        checkout.write(
            "data/events/short_reports.csv",
            "symbol,published_at,precision,headline,author,author_type,target_price,note\n"
            f"ACME,{published}-04:00,{precision},A report,Jane Bear,short_seller,10,made up\n",
        )
        (checkout.root / "acme.csv").write_text(bars or five_minute_bars())
        said = ("--symbol", "ACME", "--bars", "5m", "--zone", "ET", "--source", "made up", "--yes")
        assert command("prices", "import", "acme.csv", *said, *more).code == 0
        return checkout

    return report


def test_the_program_gives_what_the_hand_gives(command, report):
    made = report("2025-06-05T10:15:00")
    assert command(*RUN).code == 0
    (trade,) = rows(made, "trades.csv")
    # public at 10:15, five minutes to react: 10:20 is not after 10:20, so the bar of 10:25
    assert trade["entry_bar"] == "2025-06-05T14:25:00+00:00"
    assert trade["exit_bar"] == "2025-06-09T13:30:00+00:00"  # two sessions later, at the open
    assert trade["shares"] == "922"  # 95,000 / 102.9485 = 922.8
    assert float(trade["entry_price"]) == pytest.approx(103 * 0.9995)
    assert float(trade["exit_price"]) == pytest.approx(105 * 1.0005)
    borrow = 922 * 1.02 * 0.10 / 360 * (104 * 1 + 105 * 3)  # of both closes, one night and three
    assert float(trade["borrow"]) == pytest.approx(borrow)
    profit = 922 * (102.9485 - 105.0525) - 2 * 922 * 0.005 - borrow
    assert float(trade["net_profit"]) == pytest.approx(profit)
    # from the entry bar on: the first bar of 06-06 goes from 102 to 106; that of 06-05 was before
    assert float(trade["mae"]) == pytest.approx((102.9485 - 106) / 102.9485)
    assert float(trade["mfe"]) == pytest.approx((102.9485 - 102) / 102.9485)


@pytest.mark.parametrize(
    ("published", "precision", "reaction", "bar"),
    [
        ("2025-06-05T10:15:00", "exact", "0", "2025-06-05T14:20:00+00:00"),
        ("2025-06-05T10:15:01", "exact", "5", "2025-06-05T14:25:00+00:00"),
        ("2025-06-05T10:15:00", "exact", "10", "2025-06-05T14:30:00+00:00"),
        ("2025-06-05T09:24:59", "exact", "5", "2025-06-05T13:30:00+00:00"),
        ("2025-06-05T09:25:00", "exact", "5", "2025-06-05T13:35:00+00:00"),
        ("2025-06-05T15:50:00", "exact", "5", "2025-06-06T13:30:00+00:00"),
        ("2025-07-03T12:49:00", "exact", "5", "2025-07-03T16:55:00+00:00"),
        ("2025-07-03T12:51:00", "exact", "5", "2025-07-07T13:30:00+00:00"),
        ("2025-06-05T10:15:00", "session", "5", "2025-06-06T13:30:00+00:00"),
    ],
)
def test_the_bar_is_the_first_that_opens_after_the_reaction(
    command, report, published, precision, reaction, bar
):
    made = report(published, precision)
    assert command(*RUN, "--reaction", reaction).code == 0
    (decision,) = rows(made, "decisions.csv")
    assert (decision["action"], decision["tradable_bar"]) == ("enter", bar)


def test_the_study_by_the_minute_gives_what_the_hand_gives(command, report):
    report("2025-06-18T10:15:00")  # the thirteenth session, so it opens at 112
    study = ("study", "short_report", "--symbol", "ACME", "--benchmark", "INDX", "--bars", "5m")
    told = command(*study, "--window", "0,+1")
    assert (told.code, told.err) == (0, "")
    assert "1 event of 1 stock in 1 session." in " ".join(told.out.split())
    minutes = json.loads(command(*study, "--window", "0,+1", "--json").out)["minutes"]
    usual = sum(1 / (100 + number) for number in range(12)) / 12
    assert minutes["close"]["value"] == pytest.approx(1 / 112 - usual)
    assert {row["car"]["value"] for row in minutes["rows"]} == {0.0}  # all stand until the close
    assert [row["volume"] for row in minutes["rows"]] == [1.0] * 31


def test_an_event_known_by_its_session_alone_is_not_studied_by_the_minute(command, report):
    report("2025-06-18T10:15:00", "session")
    study = ("study", "short_report", "--symbol", "ACME", "--benchmark", "INDX", "--bars", "5m")
    minutes = json.loads(command(*study, "--window", "0,+1", "--json").out)["minutes"]
    assert (minutes["events"], minutes["outside"]) == (0, 1)


def test_an_event_whose_bar_lies_before_the_span_is_not_traded_at_its_begin(command, report):
    made = report("2025-06-05T10:15:00")
    assert command(*RUN, "--from", "2025-06-06").code == 0
    (decision,) = rows(made, "decisions.csv")
    assert decision["action"] == "not_tradable"
    assert "before the first session of the replay, 2025-06-06" in decision["reason"]
    assert decision["tradable_bar"] == ""


def test_the_bars_before_the_span_are_seen(command, report):
    made = report("2025-06-06T10:15:00")
    made.strategy(
        "counts", "return f'{len(market.finer_bars())} bars have ended'", listens_to="ShortReport"
    )
    words = ("run", "counts", *RUN[2:6], "--bars", "5m", "--from", "2025-06-06", "--no-tearsheet")
    assert command(*words).code == 0
    (decision,) = rows(made, "decisions.csv")
    assert decision["reason"] == f"{4 * 78 + 11} bars have ended"  # of four sessions, and to 10:25


def test_what_trades_it_is_in_the_name_of_a_run(command, report):
    made, by_days = report("2025-06-05T10:15:00"), [w for w in RUN if w not in ("--bars", "5m")]
    for words in (RUN, (*RUN, "--missing-bars", "none"), by_days):
        assert command(*words).code == 0
    assert len([*made.root.glob("reports/short_report-*")]) == 3
    listed = command("list", "runs").out
    assert listed.count("by 5m") == 2
    assert listed.count("no daily bars") == 1


def test_finer_bars_count_where_the_engine_is_not_named(command, report, monkeypatch):
    made = report("2025-06-05T10:15:00")
    monkeypatch.setattr("backtest.experiments.runs.run.MOST_BARS", 1_000)
    assert command(*RUN).code == 0
    (path,) = made.root.glob("reports/short_report-*/run.json")
    assert json.loads(path.read_text())["engine"] == "kernel"


@pytest.mark.parametrize(
    ("most", "days"), [(50, ["2025-06-09"]), (80, ["2025-06-05", "2025-06-09"])]
)
def test_of_many_finer_bars_the_newest_are_kept(command, report, monkeypatch, most, days):
    made = report("2025-06-05T10:15:00")
    monkeypatch.setattr("backtest.experiments.runs.store._MOST_FINER", most)
    assert command(*RUN).code == 0
    assert sorted({row["session"] for row in rows(made, "finer_bars.csv")}) == days


def test_an_event_that_only_a_daily_bar_could_trade_is_left_out_where_that_is_asked(
    command, report
):
    lines = five_minute_bars().splitlines()
    bars = "\n".join(line for line in lines if not line.startswith("2025-06-05"))
    report("2025-06-05T08:00:00", bars=f"{bars}\n")
    for options, trades in ((("--missing-bars", "none"), 0), ((), 1)):
        (told,) = json.loads(command(*RUN, *options, "--json").out)
        assert told["summary"]["run"]["trades"] == trades
