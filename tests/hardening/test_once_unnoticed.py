"""Rules of which a fault was planted once and no test noticed it."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from statistics import variance

import numpy as np
import pandas as pd
import pytest

from backtest.data.calendar import trading_calendar
from backtest.data.events import prepare_row
from backtest.data.versions import versions, write_version
from backtest.errors import UsageError
from backtest.events import Earnings
from backtest.experiments.runs.evidence import _is_held_throughout
from backtest.experiments.trials import record_run, trial_sharpes, trials_on_record
from backtest.reports.tearsheet import _percent
from backtest.sources.http import HttpClient, Pace, PassingError, Patience, patiently
from backtest.sources.updates import Incoming, prepare_update
from backtest.stats.formats import share
from backtest.stats.multiple_testing import SharpeEstimate, deflated_sharpe_ratio
from backtest.workspace.files import lock_file
from tests.local_server import Answer, local_server
from tests.made_up import do

TABLE = "date,close\n2025-06-02,100.00\n2025-06-03,101.00\n"
META = {"source": "made up", "first": "2025-06-02", "last": "2025-06-03", "rows": 2,
        "adjust": "none", "compiled_on": "2025-06-04"}  # fmt: skip


def incoming(closes, days=("2025-06-02", "2025-06-03"), **changes):
    index = pd.DatetimeIndex(days, name="session")
    terms = {"adjust": "none", "source": "B, asked", "retrieval": {}, **changes}
    return Incoming("BOLT", pd.DataFrame({"close": closes}, index=index), **terms)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "prices" / "BOLT.csv"
    write_version(path, TABLE, META, reason="made up", over=None)
    return path


def test_a_number_of_a_version_is_never_used_twice(file):
    """Also where the metadata in place were lost, and history alone knows what came before."""
    write_version(
        file, TABLE + "2025-06-04,102.00\n", META, reason="two", over=versions(file)[-1].sha256
    )
    file.with_name("BOLT.meta.json").write_text("{}")
    known = json.loads(next(file.parent.glob(".history/BOLT/2-*.meta.json")).read_text())
    third = write_version(file, TABLE, META, reason="three", over=known["sha256"])
    assert third.number == 3


def test_a_lock_is_another_process_s_until_that_ends(tmp_path):
    program = (
        "import sys; from pathlib import Path; from backtest.workspace.files import lock_file\n"
        "with lock_file(Path(sys.argv[1]), 'busy'): print('held', flush=True); sys.stdin.read()"
    )
    lock = tmp_path / "x.lock"
    words = [sys.executable, "-c", program, str(lock)]
    with subprocess.Popen(words, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(UsageError, match=rf"busy by process {other.pid}"),
            lock_file(lock, "busy by {holder}"),
        ):
            pass
        other.kill()
    with lock_file(lock, "busy"):
        assert lock.exists()
    assert not lock.exists()


def test_a_trial_without_a_ratio_counts_among_the_tries(tmp_path):
    """Three sets were tried, of two the ratio is known: the best of three is deflated."""
    per_session = {"ratio": 0.1, "observations": 250, "skewness": 0.0, "kurtosis": 3.0}
    for number, sharpe in enumerate((1.0, 2.0, None)):
        manifest = {
            "run_id": f"r{number}", "strategy": "beats", "symbols": ["ACME"],
            "rules": {"reaction_minutes": 5.0},
            "parameters": {"hold": number}, "summary": {"run": {"sharpe": sharpe}},
            "finished_at": "2026-01-01T00:00:00+00:00",
            "evidence": {"sharpe": {"psr": 0.9, "per_session": per_session}},
        }  # fmt: skip
        record_run(tmp_path, manifest)
    found = trials_on_record(tmp_path, manifest)
    estimate = SharpeEstimate(**per_session)
    assert found["count"] == 3
    expected = deflated_sharpe_ratio(estimate, variance([1.0, 2.0]) / 252, 3)
    assert found["deflated_sharpe"] == expected


def test_one_trade_that_is_not_held_throughout_is_enough(checkout):
    from backtest.engine.kernel.panel import Panel

    sessions = np.array(["2025-06-02", "2025-06-03", "2025-06-04"], "M8[D]")
    opens = np.ones((3, 1))

    class Shape:
        columns, prices = {"ACME": 0}, {"open": opens}

    Shape.sessions = sessions

    class Trade:
        def __init__(self, first, last):
            self.symbol = "ACME"
            self.entry_session, self.exit_session = first, last

    first, second, last = (day.item() for day in sessions)
    assert Panel  # the shape is that of its fields
    assert _is_held_throughout(Shape, [Trade(first, last)])
    assert not _is_held_throughout(Shape, [Trade(first, last), Trade(second, last)])
    assert not _is_held_throughout(Shape, [Trade(first, second), Trade(first, last)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.01, "1 %"), (0.0099, "0.99 %"), (0.0001, "0.01 %"), (0.000099, "under 0.01 %"),
        (0.0, "0 %"), (-0.0099, "-0.99 %"),
    ],
)  # fmt: skip
def test_shares_below_one_percent_have_two_figures_and_the_least_a_bound(value, text):
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(-0.00004, "0.00%"), (-0.0001, "-0.01%"), (12.5, "1,250.00%")]
)
def test_what_rounds_to_nothing_has_no_sign_in_a_tear_sheet(value, text):
    assert _percent(value) == text


def test_a_strategy_does_not_see_when_an_event_was_retrieved(checkout):
    checkout.edit("data/events/earnings.csv", "grade,note\n", "grade,note,retrieved_at\n")
    text = (checkout.root / "data/events/earnings.csv").read_text()
    header, *rows = text.splitlines()
    stamped = [f"{row},2025-07-01T10:00:00+00:00" for row in rows]
    checkout.write("data/events/earnings.csv", "\n".join([header, *stamped, ""]))
    checkout.strategy("looks", "return f'{event.retrieved_at} {event.note!r} {event.source_url}'")
    reasons = {row["reason"] for row in do(checkout, "looks").decisions}
    assert reasons == {"None '' None"}


ROW = {
    "symbol": "ACME", "published_at": "2025-06-04T16:05:00-04:00", "precision": "exact",
    "headline": "A beat", "period": "2025Q1", "eps": "0.3", "eps_consensus": "0.2",
    "source_url": "https://example.org/1",
}  # fmt: skip


def test_when_a_row_says_it_was_retrieved_stays():
    stamp = "2025-06-05T10:00:00+00:00"
    assert prepare_row(Earnings, {**ROW, "retrieved_at": stamp})["retrieved_at"] == stamp
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert before <= datetime.fromisoformat(prepare_row(Earnings, ROW)["retrieved_at"])


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2025-06-03T19:59:59+00:00", "2025-06-02"),
        ("2025-06-03T20:00:00+00:00", "2025-06-03"),  # 16:00 in New York: it has closed
        ("2025-07-03T17:00:00+00:00", "2025-07-03"),  # a short session
        ("2025-07-03T16:59:59+00:00", "2025-07-02"),
    ],
)
def test_a_session_has_closed_at_the_second_of_its_close(moment, session):
    found = trading_calendar().last_closed(datetime.fromisoformat(moment))
    assert found.isoformat() == session


@pytest.mark.parametrize(
    ("close", "differs"),
    [
        (101.0002, False),  # neither half a cent nor a millionth
        (101.02, True),
    ],
)
def test_a_price_differs_by_dollars_and_by_its_share(file, close, differs):
    update = prepare_update(file, incoming([100.0, close]), accept=False)
    assert bool(update.changes) == differs


def test_a_large_price_may_differ_by_dollars_and_a_small_one_by_its_share(tmp_path):
    from backtest.sources.updates import _DOLLARS, _SHARE

    large, small = 2 * _DOLLARS / _SHARE, _DOLLARS / 2
    path = tmp_path / "BOLT.csv"
    text = f"date,close\n2025-06-02,{large!r}\n2025-06-03,{small!r}\n"
    write_version(path, text, META, reason="made up", over=None)
    moved = [large + 1.5 * _DOLLARS, small * 1.5]
    assert prepare_update(path, incoming(moved), accept=False).changes == []


def test_a_split_of_the_last_day_on_file_is_in_the_file(file):
    """Prices that came on that day or later have it; one of a later day, the file has not."""
    days = ("2025-06-02", "2025-06-03", "2025-06-04")
    came = incoming([100.0, 101.0, 102.0], days, splits={"2025-06-03": 2.0})
    assert prepare_update(file, came, accept=False).added == ["2025-06-04"]
    came = incoming([100.0, 101.0, 102.0], days, splits={"2025-06-04": 2.0})
    with pytest.raises(UsageError, match="shares came for one on 2025-06-04"):
        prepare_update(file, came, accept=False)


def test_a_source_is_named_once_however_often_it_was_asked(file):
    days = ["2025-06-02", "2025-06-03"]
    for day in ("2025-06-04", "2025-06-05"):
        days.append(day)
        closes = [100.0, 101.0, 102.0, 103.0][: len(days)]
        prepare_update(file, incoming(closes, days), accept=False).make()
    source = json.loads(file.with_name("BOLT.meta.json").read_text())["source"]
    assert source == "made up Later rows: B, asked"


def client(server, **patience):
    terms = {"tries": 3, "seconds": 5.0, "each": 2.0, "wait": 0.001, **patience}
    return HttpClient(server.url, identity="x", pace=Pace(1000), patience=Patience(**terms))


def test_a_time_to_come_back_that_has_passed_is_no_wait():
    past = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
    with local_server() as server:
        server.answers(Answer(status=503, headers={"Retry-After": past}), Answer(b"good"))
        began = datetime.now(UTC)
        assert client(server).get("/a") == b"good"
        assert datetime.now(UTC) - began < timedelta(seconds=2)


def test_no_try_begins_or_lasts_beyond_all_patience():
    begun = []

    def work():
        begun.append(datetime.now(UTC))
        raise PassingError("not now")

    began = datetime.now(UTC)
    with pytest.raises(Exception, match="Tried"):
        patiently(work, "x", Patience(tries=50, seconds=0.5, each=5.0, wait=0.1))
    assert datetime.now(UTC) - began < timedelta(seconds=0.75)
    assert 2 <= len(begun) <= 4  # after 0, 0.1 to 0.15, 0.3 to 0.45 seconds

    from threading import Event

    began = datetime.now(UTC)
    with pytest.raises(Exception, match="no whole answer"):
        patiently(lambda: Event().wait(3), "x", Patience(tries=9, seconds=0.3, each=5.0))
    assert datetime.now(UTC) - began < timedelta(seconds=1.5)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_a_set_that_was_tried_twice_the_later_result_counts(tmp_path, order):
    runs = [("r1", 0.5, "2026-01-01T00:00:00+00:00"), ("r2", 0.7, "2026-01-02T00:00:00+00:00")]
    for number in order:
        name, sharpe, at = runs[number]
        manifest = {
            "run_id": name, "strategy": "beats", "symbols": ["ACME"], "parameters": {"hold": 3},
            "rules": {"reaction_minutes": 5.0},
            "summary": {"run": {"sharpe": sharpe}}, "finished_at": at,
        }  # fmt: skip
        record_run(tmp_path, manifest)
    assert trial_sharpes(tmp_path, "beats", ["ACME"]) == [0.7]


def test_two_events_whose_ids_are_the_same_by_chance_are_not_taken_for_one(checkout, command):
    """Their hashes begin alike; among a million events some do."""
    header = "symbol,published_at,precision,headline,category,source_url\n"
    row = "ACME,2025-06-24T14:00:00+00:00,exact,Contract {},contract,https://example.org/{}\n"
    (checkout.root / "mine.csv").write_text(header + row.format(2370, 1))
    words = ("events", "import", "mine.csv", "--kind", "news", "--yes")
    assert command(*words).code == 0
    before = checkout.snapshot("data")
    for rows in ((4483,), (4483, 2370)):
        (checkout.root / "mine.csv").write_text(header + "".join(row.format(n, n) for n in rows))
        outcome = command(*words)
        assert outcome.code == 2
        assert "would be the id of two events, 'Contract 2370' and 'Contract 4483'" in outcome.err
        assert checkout.snapshot("data") == before
