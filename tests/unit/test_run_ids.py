"""The id of a run: what decides it, and how runs are found by it."""

import json
import shutil
from pathlib import Path

import pytest

from backtest.errors import UsageError
from backtest.experiments.runs import run as api
from backtest.experiments.runs import store as runs
from tests.made_up import Checkout, day, do, request


def identity(checkout: Checkout, **changes) -> str:
    return api.prepare_run(checkout.workspace, request(**changes)).path.name.rpartition("-")[2]


# The id


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"hold": "4"}},
        {"settings": {"weight": "0.6"}},
        {"rules": {"cash": 99_999.0}},
        {"rules": {"commission_per_share": 0.006}},
        {"rules": {"slippage_bps": 6.0}},
        {"rules": {"reaction_minutes": 6.0}},
        {"rules": {"borrow_default": 0.04}},
        {"rules": {"max_gross": 2.0}},
        {"first": day("2025-06-03")},
        {"last": day("2025-07-14")},
        {"benchmark": "ACME"},
        {"strategy": "owner"},
    ],
    ids=str,
)
def test_the_id_changes_with_what_is_asked_for(checkout, changes):
    assert identity(checkout, **changes) != identity(checkout)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("data/prices/ACME.csv", ",1029\n", ",1030\n"),
        ("data/prices/INDX.csv", "2025-07-15,51.00", "2025-07-15,52.00"),
        ("data/events/earnings.csv", "0.30,0.20", "0.31,0.20"),
        ("data/events/news.csv", "another stock", "changed"),
        ("data/events/short_reports.csv", ",10,made up", ",11,made up"),
        ("data/borrow/ACME.csv", "0.36", "0.37"),
        ("strategies/beats.py", "not a beat", "no beat at all"),
    ],
)
def test_the_id_changes_with_every_file_that_decides(checkout, name, old, new):
    before = identity(checkout)
    checkout.edit(name, old, new)
    assert identity(checkout) != before


def test_the_id_changes_with_the_program(checkout, monkeypatch):
    before = identity(checkout)
    monkeypatch.setattr(api, "program_sha256", lambda: "made up")
    assert identity(checkout) != before


def test_the_hash_of_the_program_covers_what_decides_results(tmp_path, monkeypatch):
    package = Path(runs.__file__).parents[2]
    copy = tmp_path / "backtest"
    shutil.copytree(package, copy)
    monkeypatch.setattr(runs, "__file__", str(copy / "experiments/runs/store.py"))
    before = runs.program_sha256()
    for name in (
        "engine/replay/trader.py", "engine/rules.py", "data/kinds.py", "data/calendar.py",
        "stats/figures.py", "strategy/base.py", "experiments/runs/run.py",
    ):  # fmt: skip
        text = (copy / name).read_text()
        (copy / name).write_text(text + "\n# changed")
        assert runs.program_sha256() != before, name
        (copy / name).write_text(text)
    (copy / "cli" / "show.py").write_text("# changed")
    assert runs.program_sha256() == before


def test_the_id_changes_with_nothing_else(checkout):
    before = identity(checkout)
    checkout.write("strategies/another.py", "# unrelated\n")
    checkout.write("data/prices/OTHR.csv", (checkout.root / "data/prices/ACME.csv").read_text())
    metadata = checkout.root / "data/prices/ACME.meta.json"
    known = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({**known, "compiled_on": "2001-01-01"}))
    checkout.write("reports/note.txt", "mine")
    assert identity(checkout) == before
    # the same, said in full
    spelled = {"hold": "3", "weight": "0.50"}
    same = {"first": day("2025-06-01"), "last": day("2030-01-01"), "settings": spelled}
    assert identity(checkout, **same) == before


def test_the_id_is_the_same_wherever_the_checkout_stands(checkout, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    shutil.copytree(checkout.root, elsewhere)
    assert identity(Checkout(elsewhere)) == identity(checkout)


def test_the_id_is_a_hash_of_the_identity_in_any_order():
    # sha256 of {"a":1,"b":[2,null]}
    assert runs.run_id({"b": [2, None], "a": 1}) == "cc243773f7"
    assert runs.run_id({"a": 1, "b": [2, None]}) == "cc243773f7"


def test_a_parameter_may_be_a_day(checkout):
    checkout.edit(
        "strategies/beats.py",
        "    weight: float",
        "    since: __import__('datetime').date | None = None\n    weight: float",
    )
    run = do(checkout, settings={"since": "2025-06-02"})
    assert run.manifest["parameters"]["since"] == "2025-06-02"


@pytest.mark.parametrize(
    ("symbols", "name"),
    [
        (("A",), "beats-A-0123456789"),
        (("A", "B", "C"), "beats-A+B+C-0123456789"),
        (("A", "B", "C", "D"), "beats-4-symbols-0123456789"),
    ],
)
def test_folders_are_named_after_strategy_symbols_and_id(symbols, name):
    assert runs.folder_name("beats", symbols, "0123456789") == name


# Finding runs


def test_runs_are_listed_newest_first(checkout):
    assert runs.list_runs(checkout.root / "reports") == []
    assert runs.list_runs(checkout.root / "nowhere") == []
    first, second = do(checkout, "owner"), do(checkout, "beats")
    third = do(checkout, "owner", force=True)
    found = runs.list_runs(checkout.root / "reports")
    assert [run.run_id for run in found] == [third.run_id, second.run_id]
    assert third.run_id == first.run_id


def test_a_run_is_found_by_id_folder_or_strategy(checkout):
    old, new = do(checkout), do(checkout, settings={"hold": "4"})
    do(checkout, "owner")
    reports = checkout.root / "reports"
    assert runs.find_run(reports, old.run_id).run_id == old.run_id
    assert runs.find_run(reports, old.path.name).run_id == old.run_id
    assert runs.find_run(reports, "beats").run_id == new.run_id


def test_a_run_that_is_not_there_is_answered_with_those_that_are(checkout):
    reports = checkout.root / "reports"
    with pytest.raises(
        UsageError, match=r"no run 'beats' in .*none. `backtest run STRATEGY` makes one"
    ):
        runs.find_run(reports, "beats")
    run = do(checkout)
    with pytest.raises(UsageError, match=rf"no run 'bears'.*Known: beats {run.run_id}\."):
        runs.find_run(reports, "bears")


def test_the_latest_run_of_each_strategy_and_set_of_symbols(checkout):
    checkout.write("data/prices/BETA.csv", (checkout.root / "data/prices/ACME.csv").read_text())
    do(checkout)
    newer = do(checkout, settings={"hold": "4"})
    both = do(checkout, symbols=("ACME", "BETA"))
    owner = do(checkout, "owner")
    found = runs.latest_runs(checkout.root / "reports")
    assert [run.name for run in found] == ["beats · ACME", "beats · ACME, BETA", "owner · ACME"]
    assert [run.run_id for run in found] == [newer.run_id, both.run_id, owner.run_id]
