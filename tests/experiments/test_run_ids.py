"""The id of a run: what decides it, and how runs are found by it."""

import json
import shutil
from dataclasses import replace

import pytest

from backtest.errors import UsageError
from backtest.experiments import terms
from backtest.experiments.runs import finding as runs
from backtest.experiments.runs import run as api
from backtest.experiments.studies.run import prepare_study
from backtest.experiments.studies.subject import StudyRequest
from backtest.experiments.sweeps.run import SweepRequest, prepare_sweep
from backtest.experiments.terms import make_rules
from backtest.strategy.parameters import Text
from tests.made_up import BORROW, Checkout, day, do, request


def identity(checkout: Checkout, **changes) -> str:
    return api.prepare_run(checkout.workspace, request(**changes)).path.name.rpartition("-")[2]


# The id


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"hold": 4}},
        {"settings": {"weight": 0.6}},
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


LOOK = "    def on_event(self, event, market):\n"
NEWS_OF_ACME = "ACME,2025-06-12T09:24:00-04:00,minute,A made-up contract,contract,made up\n"
NEWS_OF_OTHR = "OTHR,2025-06-12T09:24:00-04:00,minute,A made-up contract,contract,another stock\n"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("data/prices/ACME.csv", ",1029\n", ",1030\n"),
        ("data/prices/INDX.csv", "2025-07-15,51.00", "2025-07-15,52.00"),
        ("data/events/earnings.csv", "0.30,0.20", "0.31,0.20"),
        ("data/events/earnings.csv", "https://example.org/1", "https://example.org/2"),
        ("data/events/news.csv", NEWS_OF_ACME, ""),  # the market shows it to every strategy
        ("data/events/short_reports.csv", ",10,made up", ",11,made up"),
        ("data/borrow/ACME.csv", "0.36", "0.37"),
        ("data/borrow/ACME.csv", "assumption", "Made Up Lenders"),
        ("strategies/beats.py", "not a beat", "no beat at all"),
        ("strategies/beats.py", "<= 0", "<= 0.01"),
        ("strategies/beats.py", "Field(3, ge=1, le=20", "Field(3, ge=1, le=21"),
    ],
)
def test_the_id_changes_with_all_that_decides(checkout, name, old, new):
    before = identity(checkout)
    checkout.edit(name, old, new)
    assert identity(checkout) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("data/events/news.csv", NEWS_OF_OTHR, ""),
        ("data/events/news.csv", NEWS_OF_OTHR, NEWS_OF_OTHR + NEWS_OF_OTHR.replace("OTHR", "NEW")),
        ("data/events/news.csv", NEWS_OF_ACME + NEWS_OF_OTHR, NEWS_OF_OTHR + NEWS_OF_ACME),
        ("data/events/earnings.csv", ",A,made up", ",A,remarks of later"),
        ("data/events/earnings.csv", "2025-06-04T16:05:00-04:00", "2025-06-04T20:05:00+00:00"),
        ("data/prices/ACME.csv", "2025-06-02,100.00", "2025-06-02,100.0"),
        ("data/borrow/ACME.csv", "Made Up Lenders", "Other Lenders"),
        ("strategies/beats.py", "Long a beat.", "Own what has surprised."),
        ("strategies/beats.py", "Made up for tests.", "Written anew."),
        ("strategies/beats.py", LOOK, f"    # why\n\n{LOOK}"),
        ("strategies/beats.py", '"not a beat"', "('not a beat')"),
    ],
)
def test_the_id_does_not_change_with_what_decides_nothing(checkout, name, old, new):
    before = identity(checkout)
    checkout.edit(name, old, new)
    assert identity(checkout) == before


ACTIONS = "day,action,amount,until,name,source\n{},,made up\n"


@pytest.mark.parametrize(
    "row",
    [
        "2025-06-05,halted,,",  # before the span: a strategy sees no bar of it
        "2025-07-16,halted,,2025-07-18",  # after the last price: it is no end of the stock
    ],
)
def test_the_id_changes_with_an_action_that_decides_outside_of_the_span(checkout, row):
    before = identity(checkout, first=day("2025-06-16"))
    checkout.write("data/actions/ACME.csv", ACTIONS.format(row))
    assert identity(checkout, first=day("2025-06-16")) != before


def test_the_id_changes_with_a_halt_of_what_a_strategy_looks_at(checkout):
    checkout.write("data/prices/BETA.csv", (checkout.root / "data/prices/ACME.csv").read_text())
    checkout.edit(
        "strategies/beats.py", "    listens_to", '    looks_at = ("BETA",)\n    listens_to'
    )
    before = identity(checkout)
    checkout.write("data/actions/BETA.csv", ACTIONS.format("2025-06-05,halted,,"))
    assert identity(checkout) != before


def test_a_backtrader_strategy_does_not_see_what_it_does_not_hear_of(checkout):
    checkout.write(
        "strategies/trend.py",
        "from backtest import EventStrategy\nfrom backtest.events import Earnings\n\n\n"
        "class Trend(EventStrategy):\n    listens_to = (Earnings,)\n",
    )
    before = identity(checkout, strategy="trend")
    checkout.edit("data/events/news.csv", NEWS_OF_ACME, "")
    assert identity(checkout, strategy="trend") == before
    checkout.edit("data/events/earnings.csv", "0.30,0.20", "0.31,0.20")
    assert identity(checkout, strategy="trend") != before


def test_a_strategy_that_moves_to_another_folder_is_the_same(checkout):
    before = identity(checkout)
    place = checkout.root / "strategies/beats.py"
    place.rename(checkout.write("mine/beats.py", ""))
    moved = replace(checkout.workspace, strategies=checkout.root / "mine")
    assert api.prepare_run(moved, request()).path.name.endswith(before)


def test_the_order_of_the_symbols_does_not_count(checkout):
    checkout.write("data/prices/BETA.csv", (checkout.root / "data/prices/ACME.csv").read_text())
    there, back = (do(checkout, symbols=s) for s in (("ACME", "BETA"), ("BETA", "ACME", "BETA")))
    assert there.manifest["symbols"] == ["ACME", "BETA"]
    assert back.path == there.path
    assert identity(checkout) != there.run_id
    before = {path.name: path.read_bytes() for path in there.path.glob("*.csv")}
    do(checkout, symbols=("BETA", "ACME"), force=True)
    assert {path.name: path.read_bytes() for path in there.path.glob("*.csv")} == before


def test_prices_of_another_symbol_do_not_count_until_they_are_used(checkout):
    checkout.write("data/prices/BETA.csv", (checkout.root / "data/prices/ACME.csv").read_text())
    checkout.write("data/borrow/BETA.csv", BORROW.replace("ACME", "BETA"))
    before = identity(checkout), identity(checkout, symbols=("ACME", "BETA"))
    checkout.edit("data/prices/BETA.csv", ",1029\n", ",1030\n")
    after = identity(checkout), identity(checkout, symbols=("ACME", "BETA"))
    checkout.edit("data/borrow/BETA.csv", "0.36", "0.37")
    last = identity(checkout), identity(checkout, symbols=("ACME", "BETA"))
    assert before[0] == after[0] == last[0]
    assert len({before[1], after[1], last[1]}) == 3


def test_the_id_changes_with_the_version_of_the_rules(checkout, monkeypatch):
    before = identity(checkout)
    monkeypatch.setattr(terms, "RULES_VERSION", terms.RULES_VERSION + 1)
    assert identity(checkout) != before


@pytest.mark.parametrize(
    ("package", "release", "counts"),
    [
        ("numpy", "2.3.4", False),
        ("numpy", "2.4.0", True),
        ("scipy", "2.3.4", False),
        ("scipy", "2.4.0", True),
        ("numba", "2.4.0", True),
        ("pandas", "2.4.0", True),
        ("backtrader", "2.3.4", True),
        ("exchange-calendars", "2.3.4", True),
        ("quantstats", "3.0.0", False),
        ("backtest", "3.0.0", False),
    ],
)
def test_packages_count_by_what_may_change_numbers(checkout, monkeypatch, package, release, counts):
    monkeypatch.setattr(terms, "version", lambda name: "2.3.3")
    before = identity(checkout)
    monkeypatch.setattr(terms, "version", lambda name: release if name == package else "2.3.3")
    assert (identity(checkout) != before) is counts


def sweep_id(checkout: Checkout) -> str:
    asked = SweepRequest(
        "beats", ("ACME",), {}, None, None, make_rules(), grid={"hold": Text("1:3")}
    )
    return prepare_sweep(checkout.workspace, asked).spec.sweep_id


def study_id(checkout: Checkout) -> str:
    asked = StudyRequest("earnings", ("ACME",), benchmark="INDX")
    return prepare_study(checkout.workspace, asked).path.name


def test_sweeps_and_studies_count_what_they_use(checkout):
    before = sweep_id(checkout), study_id(checkout)
    checkout.edit("data/events/news.csv", NEWS_OF_OTHR, "")
    checkout.edit("data/prices/INDX.csv", "2025-07-15,51.00", "2025-07-15,51.0")
    checkout.edit("strategies/beats.py", "Long a beat.", "Own what has surprised.")
    assert (sweep_id(checkout), study_id(checkout)) == before
    checkout.edit("data/borrow/ACME.csv", "0.36", "0.37")  # a study borrows nothing
    checkout.edit("data/events/news.csv", NEWS_OF_ACME, "")  # nor looks at other kinds
    assert study_id(checkout) == before[1]
    swept = sweep_id(checkout)
    assert swept != before[0]
    checkout.edit("data/prices/INDX.csv", "2025-07-15,51.0", "2025-07-15,52.0")
    assert study_id(checkout) != before[1]
    assert sweep_id(checkout) == swept  # a sweep has no benchmark
    checkout.edit("data/prices/ACME.csv", ",1029\n", ",1030\n")
    assert sweep_id(checkout) != swept


def test_the_id_changes_with_nothing_else(checkout):
    before = identity(checkout)
    checkout.write("strategies/another.py", "# unrelated\n")
    metadata = checkout.root / "data/prices/ACME.meta.json"
    known = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({**known, "compiled_on": "2001-01-01"}))
    checkout.write("reports/note.txt", "mine")
    assert identity(checkout) == before
    # the same, said in full
    spelled = {"hold": 3, "weight": 0.50}
    same = {"first": day("2025-06-01"), "last": day("2030-01-01"), "settings": spelled}
    assert identity(checkout, **same) == before


def test_the_id_is_the_same_wherever_the_checkout_stands(checkout, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    shutil.copytree(checkout.root, elsewhere)
    assert identity(Checkout(elsewhere)) == identity(checkout)


def test_the_id_is_a_hash_of_the_identity_in_any_order():
    # sha256 of {"a":1,"b":[2,null]}
    assert terms.run_id({"b": [2, None], "a": 1}) == "cc243773f7"
    assert terms.run_id({"a": 1, "b": [2, None]}) == "cc243773f7"


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
    assert terms.folder_name("beats", symbols, "0123456789") == name


# Finding runs


def test_runs_are_listed_newest_first(checkout):
    assert runs.list_runs(checkout.root / "reports", pytest.fail) == []
    assert runs.list_runs(checkout.root / "nowhere", pytest.fail) == []
    first, second = do(checkout, "owner"), do(checkout, "beats")
    third = do(checkout, "owner", force=True)
    found = runs.list_runs(checkout.root / "reports", pytest.fail)
    assert [run.run_id for run in found] == [third.run_id, second.run_id]
    assert third.run_id == first.run_id


def test_a_run_is_found_by_id_folder_or_strategy(checkout):
    old, new = do(checkout), do(checkout, settings={"hold": 4})
    do(checkout, "owner")
    reports = checkout.root / "reports"
    for name, run in ((old.run_id, old), (old.path.name, old), ("beats", new)):
        assert runs.find_run(reports, name, pytest.fail).run_id == run.run_id


def test_the_latest_run_is_the_one_requested_last(checkout):
    reports = checkout.root / "reports"
    first, second = do(checkout), do(checkout, settings={"hold": 4})
    assert do(checkout) == first  # it was there already
    assert runs.find_run(reports, "beats", pytest.fail).run_id == first.run_id
    assert [run.run_id for run in runs.latest_runs(reports, pytest.fail)] == [first.run_id]
    do(checkout, settings={"hold": 4})
    assert [run.run_id for run in runs.list_runs(reports, pytest.fail)] == [
        second.run_id,
        first.run_id,
    ]


@pytest.mark.parametrize("damage", [None, b"", b"2025-", b"\xff", b"0001-01-01T00:00:00+14:00"])
def test_a_run_whose_last_request_cannot_be_read_goes_by_its_own_time(checkout, damage):
    first, second = do(checkout), do(checkout, settings={"hold": 4})
    do(checkout)
    stamp = first.path / "requested_at"
    stamp.unlink() if damage is None else stamp.write_bytes(damage)
    found = runs.list_runs(checkout.root / "reports", pytest.fail)
    assert [run.run_id for run in found] == [second.run_id, first.run_id]


def test_a_run_that_is_not_there_is_answered_with_those_that_are(checkout):
    reports = checkout.root / "reports"
    with pytest.raises(
        UsageError, match=r"no run 'beats'\. Known: none; .*`backtest run STRATEGY` makes one"
    ):
        runs.find_run(reports, "beats", pytest.fail)
    do(checkout)
    with pytest.raises(UsageError, match=r"no run 'bears'\. .*beats.*"):
        runs.find_run(reports, "bears", pytest.fail)


def test_the_latest_run_of_each_strategy_and_set_of_symbols(checkout):
    checkout.write("data/prices/BETA.csv", (checkout.root / "data/prices/ACME.csv").read_text())
    do(checkout)
    newer = do(checkout, settings={"hold": 4})
    both = do(checkout, symbols=("ACME", "BETA"))
    owner = do(checkout, "owner")
    found = runs.latest_runs(checkout.root / "reports", pytest.fail)
    assert [run.name for run in found] == ["beats · ACME", "beats · ACME, BETA", "owner · ACME"]
    assert [run.run_id for run in found] == [newer.run_id, both.run_id, owner.run_id]
