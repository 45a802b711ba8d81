"""New signals: files that run at once, pass every check of their language, and overwrite none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import backtest
from backtest.audit.questions import example_case
from backtest.data.listing import find_event, list_events
from backtest.errors import UsageError
from backtest.experiments.runs.run import prepare_run, run
from backtest.strategy import new as scaffold
from backtest.strategy.loading import kind_of, load_strategy
from backtest.strategy.new import camel_case, checked_name, new_signal
from backtest.strategy.parameters import configure
from tests.made_up import day, request

SOURCE = Path(backtest.__file__).parent.parent
KINDS = (None, "earnings", "news", "short_report", "stake_disclosure")
VARIANTS = {
    f"{'bt_' * backtrader}{kind or 'insider_sale'}_one": (kind, backtrader)
    for kind in KINDS
    for backtrader in (False, True)
}
VARIANTS |= {f"before_{kind}": (kind, False) for kind in ("report_date", "index_change")}


@pytest.fixture
def all_new(checkout):
    """The made-up checkout with a new signal of every form, and what was written."""
    checkout.write("backtest.toml", 'symbol = "ACME"\nbenchmark = "INDX"\n')
    made = [
        new_signal(checkout.workspace, name, kind=kind, backtrader=backtrader)
        for name, (kind, backtrader) in VARIANTS.items()
    ]
    return checkout, made


def tool(checkout, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=checkout.root,
        env=os.environ | {"MYPYPATH": str(SOURCE), "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_ruff_and_mypy_find_nothing_in_them(all_new):
    checkout, made = all_new
    files = [str(path) for new in made for path in (new.strategy, new.test)]
    ruff = tool(checkout, "ruff", "check", "--isolated", "--no-cache", *files)
    assert ruff.returncode == 0, ruff.stdout
    formatted = tool(checkout, "ruff", "format", "--check", "--isolated", "--no-cache", *files)
    assert formatted.returncode == 0, formatted.stdout
    cache = str(checkout.root / ".mypy")
    strict = ("--strict", "--follow-imports=silent", "--config-file=", "--cache-dir", cache)
    mypy = tool(checkout, "mypy", *strict, *files)
    assert mypy.returncode == 0, mypy.stdout


@pytest.mark.parametrize("name", [*VARIANTS])
def test_they_run_and_keep_the_contract(checkout, monkeypatch, name):
    kind, backtrader = VARIANTS[name]
    new_signal(checkout.workspace, name, kind=kind, backtrader=backtrader)
    assert run(prepare_run(checkout.workspace, request(name))).path.exists()
    report = scaffold_check(checkout, name)
    assert not report.failed, report
    # Nothing can be traded before the example row is replaced, which is said; ACME has the others.
    warned = [one.name for one in report.results if one.outcome == "warning"]
    has_example = kind is None or name.startswith("before_")
    assert warned == (["listens"] if has_example else [])


def scaffold_check(checkout, name):
    from backtest.audit.contract import check
    from tests.audits import in_this_process

    return check(checkout.workspace, name, symbols=["ACME"], observer=in_this_process)


@pytest.mark.slow
def test_their_own_tests_pass(checkout):
    checkout.write("backtest.toml", 'symbol = "ACME"\nbenchmark = "INDX"\n')
    made = [new_signal(checkout.workspace, "insider_sale")]
    made.append(new_signal(checkout.workspace, "insider_selling", kind="news"))
    quick = ("-k", "not contract")  # those take a process each, and are tried above
    done = tool(checkout, "pytest", "-q", "-p", "no:randomly", *quick, *(str(n.test) for n in made))
    assert "4 passed, 2 deselected" in done.stdout
    whole = tool(checkout, "pytest", "-q", "-k", "contract", str(made[0].test))
    assert "1 passed" in whole.stdout, whole.stdout


def test_the_example_row_can_be_told_from_a_real_one_and_is_never_traded(checkout):
    new = new_signal(checkout.workspace, "insider_sale")
    (row,) = list_events(
        checkout.workspace, [kind_of(checkout.workspace, "insider_sale")], None, 5.0
    )
    assert row.event.symbol == "EXAMPLE"
    assert row.event.precision == "month"
    assert row.event.source_url.startswith("https://example.org/")
    assert row.event.note.startswith("replace me")
    assert find_event(checkout.workspace, [type(row.event)], row.event.id, 5.0).obstacle
    assert new.events == checkout.root / "data" / "events" / "insider_sales.csv"


def test_a_real_row_in_its_place_is_traded(checkout):
    new = new_signal(checkout.workspace, "insider_sale")
    header = new.events.read_text(encoding="utf-8").splitlines()[0]
    row = "ACME,2025-06-04T16:05:00-04:00,minute,Made up,Jane Boss,5000,,,,made up"
    checkout.write("data/events/insider_sales.csv", f"{header}\n{row}\n")
    done = run(prepare_run(checkout.workspace, request("insider_sale")))
    assert [trade["direction"] for trade in done.trades] == ["long"]
    assert "Jane Boss, 5,000 dollars" in done.decisions[0]["reason"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("InsiderSale", r"not in snake case.*such as insider_sale\.$"),
        ("insider-sale", r"such as insider_sale\.$"),
        ("2nd_sale", r"such as nd_sale\.$"),
        ("_hidden", r"such as hidden\.$"),
        ("sale__twice", r"such as sale_twice\.$"),
        ("", r"such as insider_sale\.$"),
        ("../sale", r"such as sale\.$"),
        ("class", r"a word of Python's.*such as class_signal\.$"),
        ("signal", r"something else here.*such as signal_signal\.$"),
        ("none", r"a word of Python's.*such as none_signal\.$"),  # its class would be None
        ("form_4", r"turn into form4 by its class, Form4.*such as form4\.$"),
        ("class_a_unlock", r"turn into class_aunlock by.*such as class_aunlock\.$"),
        ("beats", r"taken by the strategy .*beats\.py.*such as beats_signal\.$"),
        ("news", r"taken by a kind of event.*--from news.*such as news_signal\.$"),
    ],
)
def test_a_name_that_cannot_be_is_answered_with_one_that_can(checkout, name, told):
    before = checkout.snapshot(".")
    with pytest.raises(UsageError, match=told):
        new_signal(checkout.workspace, name)
    assert checkout.snapshot(".") == before


def test_a_strategy_that_starts_from_a_kind_may_have_its_name(checkout):
    assert new_signal(checkout.workspace, "earnings", kind="earnings").events is None


def test_an_unknown_kind_is_answered_with_the_nearest(checkout):
    with pytest.raises(UsageError, match="Did you mean 'earnings'"):
        new_signal(checkout.workspace, "sale", kind="earning")


@pytest.mark.parametrize(
    "place",
    ["tests/test_sale.py", "data/events/sales.csv", "data/events/sales.meta.json"],
)
def test_nothing_is_overwritten(checkout, place):
    checkout.write(place, "mine", sealed=False)
    before = checkout.snapshot(".")
    with pytest.raises(UsageError, match="is there already, and nothing is overwritten"):
        new_signal(checkout.workspace, "sale")
    assert checkout.snapshot(".") == before


def test_all_files_are_written_or_none(checkout, monkeypatch):
    def fail(*_, **__):
        raise UsageError("the disk is full")

    monkeypatch.setattr(scaffold, "write_version", fail)
    with pytest.raises(UsageError, match="the disk is full"):
        new_signal(checkout.workspace, "sale")
    assert not list(checkout.root.rglob("*sale*"))


def test_a_folder_that_cannot_be_written_is_named(checkout):
    checkout.write("tests", "a file, no folder")
    with pytest.raises(UsageError, match=r"tests/test_sale\.py cannot be written"):
        new_signal(checkout.workspace, "sale")
    assert not (checkout.root / "strategies" / "sale.py").exists()


@pytest.mark.slow
def test_imports_stand_as_ruff_wants_them_in_a_checkout_too(checkout):
    checkout.write("src/backtest/__init__.py", "")
    checkout.write("src/backtest/events.py", "")
    new = new_signal(checkout.workspace, "sale")
    ruff = tool(checkout, "ruff", "check", "--isolated", "--no-cache", str(new.strategy))
    assert ruff.returncode == 0, ruff.stdout


def test_names_of_classes():
    assert camel_case("insider_sale2") == "InsiderSale2"
    assert checked_name("insider_sale2", {}) == "insider_sale2"


def test_every_template_is_used():
    folder = Path(scaffold.__file__).parent / "templates"
    forms = ("own", "change", "text")
    used = {f"{prefix}{form}.py.tmpl" for form in forms for prefix in ("", "backtrader_")}
    used |= {"test.py.tmpl", "test_backtrader.py.tmpl", "events.csv.tmpl"}
    used |= {"dated.py.tmpl", "dated.csv.tmpl"}
    assert {path.name for path in folder.iterdir()} == used


@pytest.mark.parametrize("kind", [kind for kind in scaffold._KNOWN if kind not in KINDS])
def test_one_before_a_day_that_is_known_waits_for_it(checkout, kind):
    new = new_signal(checkout.workspace, "before_it", kind=kind)
    assert (
        new.events
        == checkout.root / "data" / "events" / kind_of(checkout.workspace, kind).file_name()
    )
    (row,) = list_events(checkout.workspace, [kind_of(checkout.workspace, kind)], None, 5.0)
    assert row.event.headline.startswith("Example row")
    strategy = configure(load_strategy(checkout.workspace.strategies, "before_it"), {})
    name = scaffold._KNOWN[kind]["field"]
    decision = example_case(strategy, {name: "2025-07-31"}).ask(strategy)
    # From 2025-06-26 to 07-31 are 25 sessions; five before is 07-24, and out on 07-30.
    assert (decision.tradable_session, decision.signal.hold) == (day("2025-07-24"), 4)
    passed = example_case(strategy, {name: "2025-06-25"}).ask(strategy)
    assert passed.reason == "the day has come"
    again = new_signal(checkout.workspace, "before_it_again", kind=kind)
    assert again.events is None


def test_one_of_backtraders_counts_for_itself(checkout):
    with pytest.raises(UsageError, match="Leave out --backtrader"):
        new_signal(checkout.workspace, "before_it", kind="dividend", backtrader=True)


def test_a_taken_name_that_ends_in_one_letter_gets_another_one() -> None:
    with pytest.raises(UsageError, match=r"taken by a strategy.*such as dip_xsignal\."):
        checked_name("dip_x", {"dip_x": "a strategy"})
