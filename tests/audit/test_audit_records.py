"""The processes of an audit, and its record: what decides it, and how it is read and found."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from backtest.audit import find_audit, read_audit
from backtest.audit.jobs import Job, JobGroup, in_processes
from backtest.audit.observe import Ask
from backtest.audit.run import audit
from backtest.errors import BacktestError
from backtest.strategy.loading import load_strategy
from tests.audit.test_audit_checks import audited, prepared
from tests.audits import in_this_process


@pytest.fixture(autouse=True)
def _inside(checkout, monkeypatch):
    monkeypatch.chdir(checkout.root)


def test_the_result_is_the_same_in_processes_of_any_number_and_nothing_is_left(
    checkout, monkeypatch, tmp_path_factory
):
    place = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(place))
    plan = prepared(checkout, worlds=2)
    steps = []
    here = audit(plan, observer=in_this_process).record
    there = audit(
        plan,
        force=True,
        observer=lambda source, groups: in_processes(source, groups, 3),
        progress=lambda *step: steps.append(step),
    ).record
    times = ("started_at", "finished_at")
    assert {**here, **dict.fromkeys(times)} == {**there, **dict.fromkeys(times)}
    assert steps == [(n, 17) for n in range(1, 18)]  # 2 + 6 + 6, one delay, 2 null worlds
    # What multiprocessing keeps there until this process ends is its own.
    assert [path for path in place.iterdir() if not path.name.startswith("pymp-")] == []


def answered_in_processes(checkout, *seeds):
    """What `made` answers on all data, by group; each group has one of the seeds of hashes."""
    plan = prepared(checkout, "made")
    groups = [JobGroup([Job(plan.source.as_is, Ask(plan.request))], seed) for seed in seeds]
    seen = dict(in_processes(plan.source, groups, 1))
    return [[one["reason"] for one in seen[group.jobs[0]].passes[0]] for group in groups]


def test_each_lane_is_a_fresh_process_with_the_hashes_of_its_seed(checkout):
    count = "import sys; sys.made_up = getattr(sys, 'made_up', 0) + 1"
    checkout.strategy("made", f"{count}; return f'{{sys.made_up}} {{hash(event.headline)}}'")
    first, second, other = answered_in_processes(checkout, 1, 1, 2)
    assert first == second
    assert [one.split()[0] for one in other] == [one.split()[0] for one in first] == ["1", "2"]
    assert not set(other) & set(first)


def test_a_process_has_the_environment_of_now(checkout, monkeypatch):
    checkout.strategy("made", "import os; return os.environ['MADE_UP']")
    for value in ("before", "now"):
        monkeypatch.setenv("MADE_UP", value)
        assert answered_in_processes(checkout, 1) == [[value, value]]


def test_a_process_that_is_killed_is_told(checkout):
    checkout.strategy("made", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(BacktestError, match=r"ended \(exit code -9\).*fewer --workers"):
        answered_in_processes(checkout, 1)


def test_a_script_needs_no_guard_of_its_main_module(checkout):
    script = checkout.root / "audit.py"
    call = 'audit_strategy("beats", symbols="ACME", worlds=1, workers=2).record["outcome"]'
    script.write_text(f"from backtest import audit_strategy\nprint({call})\n")
    done = subprocess.run(
        [sys.executable, script], cwd=checkout.root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "clean\n", "")


def test_the_working_folder_and_the_environment_are_as_before(checkout, monkeypatch):
    monkeypatch.setenv("BACKTEST_DATA", "mine")
    audited(checkout)
    assert os.environ["BACKTEST_DATA"] == "mine"
    assert "BACKTEST_STRATEGIES" not in os.environ
    assert Path.cwd() == checkout.root


def test_an_audit_that_exists_is_read(checkout):
    plan = prepared(checkout)
    made = audit(plan, observer=in_this_process)
    assert plan.exists
    assert audit(plan).record == made.record == read_audit(made.path).record
    assert made.path.name == f"audit-beats-ACME-{made.record['audit_id']}"


@pytest.mark.parametrize(
    "changes",
    [{"seed": 2}, {"worlds": 1}, {"settings": {"hold": 4}}, {"first": date(2025, 6, 3)}],
)
def test_what_decides_the_result_decides_the_id(checkout, changes):
    assert prepared(checkout).path != prepared(checkout, **changes).path


def test_the_price_files_that_it_looks_at_decide_the_result(checkout):
    def ids() -> list:
        return [prepared(checkout, name).path for name in ("beats", "looking")]

    body = "return f\"{len(market.bars('INDX'))} closes\""
    checkout.strategy("looking", body, more='    looks_at = ("INDX",)\n')
    beats, looking = ids()
    checkout.edit("data/prices/INDX.csv", "2025-06-05,51.00", "2025-06-05,52.00")
    assert ids()[0] == beats
    assert ids()[1] != looking


def test_the_newest_audit_of_a_source_is_found(checkout):
    reports = checkout.workspace.reports
    source = load_strategy(checkout.workspace.strategies, "beats").source_sha256()
    assert find_audit(reports, "beats", source) is None
    older = audit(prepared(checkout), observer=in_this_process)
    newer = audit(prepared(checkout, seed=2), observer=in_this_process)
    assert find_audit(reports, "beats", source) == newer
    assert find_audit(reports, "beats", "another") is None
    assert find_audit(reports, "owner", source) is None
    (newer.path / "audit.json").write_text("{}")
    assert find_audit(reports, "beats", source) == older


def test_the_record_is_plain_json(checkout):
    record = audited(checkout, worlds=3)
    assert json.loads(json.dumps(record)) == record
    assert record["null"]["tested"] <= 3
    assert set(record["inputs"]) >= {"prices/ACME.csv", "events/news.csv", "borrow/ACME.csv"}
