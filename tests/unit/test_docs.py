"""What the documents say is there, and their code runs."""

import re
from pathlib import Path

import pytest

from backtest.api import prepare_run, run
from tests.golden.goldens import ROOT
from tests.made_up import Checkout, request
from tests.spec.test_spec import CASES

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "data" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_cases_that_the_assumptions_name_are_there() -> None:
    text = (ROOT / "docs" / "assumptions.md").read_text(encoding="utf-8")
    tables = text.partition("## Worked by hand")[0]
    rows = [line.split("|")[2] for line in tables.splitlines() if line.count("|") == 3]
    named = {name for row in rows for name in re.findall(r"`([a-z0-9_]+_[a-z0-9_]+)`", row)}
    assert len(named) > 50
    assert named - {case.name for case in CASES} == set()


def snippets() -> list[tuple[str, str]]:
    return [
        (page.name, code)
        for page in PAGES
        for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        if "listens_to" in code
    ]


@pytest.mark.parametrize(("page", "code"), snippets())
def test_strategies_in_the_documents_run(page: str, code: str, checkout: Checkout) -> None:
    checkout.write("strategies/shown.py", code)
    checkout.write(
        "data/events/insider_sales.csv",
        "symbol,published_at,precision,headline,seller,shares\n"
        "ACME,2025-06-04T16:05:00-04:00,minute,A sale,Jane Boss,100\n",
    )
    assert run(prepare_run(checkout.workspace, request("shown"))).decisions


def test_the_readme_shows_what_comes_out(command, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "92")
    folders = ("--data", str(ROOT / "data"), "--strategies", str(ROOT / "strategies"))
    out = "\n".join(
        line.rstrip() for line in command("run", "--no-tearsheet", *folders).out.splitlines()
    )
    blocks = re.findall(r"```\n(.*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    shown = [block.partition("\n")[2] for block in blocks if "CRWV" in block]
    assert len(shown) == 2
    for text in shown:  # but for the first line: a command, or a heading with a run id
        assert text in out


def sweeps_shown():
    return [
        (page.name, *block.split("\n", 2))
        for page in PAGES
        for block in re.findall(r"```\n(.*?)\n```", page.read_text(encoding="utf-8"), re.DOTALL)
        if block.startswith("$ backtest sweep ")
    ]


def test_sweeps_are_shown():
    assert [page for page, *_ in sweeps_shown()] == ["README.md", "sweeps.md"]


@pytest.mark.parametrize(("page", "typed", "announced", "printed"), sweeps_shown())
def test_the_documents_show_what_a_sweep_prints(
    command, monkeypatch, page, typed, announced, printed
):
    monkeypatch.setenv("COLUMNS", "92")
    folders = ("--data", str(ROOT / "data"), "--strategies", str(ROOT / "strategies"))
    outcome = command(*typed.split()[2:], *folders)
    out = "\n".join(line.rstrip() for line in outcome.out.splitlines())
    assert out.startswith(f"{printed}\nEvery set: ")
    assert announced.partition(", under")[0] in outcome.err
