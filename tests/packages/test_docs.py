"""What the documents say is there, and their code runs."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from backtest.experiments.runs.run import prepare_run, run
from backtest.experiments.runs.store import LEADING
from backtest.stats.formats import p_value, percent, share
from tests.doc_blocks import matches
from tests.golden.goldens import ROOT
from tests.made_up import INDX, Checkout, request
from tests.mutants import explained, mutants
from tests.spec.test_spec import CASES

SHOWN = {
    "dictionary.md": ROOT / "data/README.md", "benchmarks.md": ROOT / "benchmarks/README.md",
    "changelog.md": ROOT / "CHANGELOG.md",
}  # fmt: skip
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "data" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    link = re.compile(r"(?:\]\((?!https?:)|src(?:set)?=\")([^)#\"]+)")
    links = link.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "docs/index.md"], ids=lambda one: one.name
)
def test_every_page_can_be_reached_from_the_first_ones(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    reached = {(page.parent / link).resolve() for link in links}
    # The index takes the place of the README; these show a file that the README links itself.
    for name, shown in SHOWN.items():
        if shown.resolve() in reached:
            reached.add((ROOT / "docs" / name).resolve())
    assert {*(ROOT / "docs").rglob("*.md")} - reached - {ROOT / "docs/index.md"} == set()


def test_cases_that_the_assumptions_name_are_there() -> None:
    text = (ROOT / "docs" / "assumptions.md").read_text(encoding="utf-8")
    tables = text.partition("## Worked by hand")[0]
    rows = [line.split("|")[2] for line in tables.splitlines() if line.count("|") == 3]
    named = {name for row in rows for name in re.findall(r"`([a-z0-9_]+_[a-z0-9_]+)`", row)}
    assert len(named) > 50
    assert named - {case.name for case in CASES} == set()


def test_faults_that_are_explained_can_be_planted() -> None:
    named = explained()
    paths = {line.partition(":")[0] for line in named}
    possible = {one.change for path in paths for one in mutants(f"src/backtest/{path}")}
    assert named - possible == set()


def snippets() -> list[tuple[str, str]]:
    return [
        (page.name, code)
        for page in PAGES
        for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        if "listens_to" in code
        and page.name != "tutorial.md"  # the notebook, which test_site.py runs
    ]


@pytest.mark.parametrize(("page", "code"), snippets())
def test_strategies_in_the_documents_run(page: str, code: str, checkout: Checkout) -> None:
    checkout.write("strategies/shown.py", code)
    # Made-up prices under the name that the page hedges with, or looks at.
    acme = (checkout.root / "data" / "prices" / "ACME.csv").read_text(encoding="utf-8")
    checkout.write("data/prices/SPY.csv", acme if "trades_also" in code else INDX)
    checkout.write(
        "data/events/report_dates.csv",
        "symbol,published_at,precision,headline,report_on\n"
        "ACME,2025-06-04T16:05:00-04:00,minute,A day is announced,2025-06-27\n",
    )
    checkout.write(
        "data/events/insider_sales.csv",
        "symbol,published_at,precision,headline,seller,shares\n"
        "ACME,2025-06-04T16:05:00-04:00,minute,A sale,Jane Boss,100\n",
    )
    assert run(prepare_run(checkout.workspace, request("shown"))).decisions


def blocks(page: Path) -> list[str]:
    return re.findall(r"```\n(.*?)\n```", page.read_text(encoding="utf-8"), re.DOTALL)


PLACEBOS = ("random_timing", "random_direction")
FOLDERS = ("--data", str(ROOT / "data"), "--strategies", str(ROOT / "strategies"))


@pytest.mark.slow
def test_the_documents_show_what_comes_out(command, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "92")
    out = "\n".join(
        line.rstrip() for line in command("run", "-v", "--no-tearsheet", *FOLDERS).out.splitlines()
    )
    shown = [
        b.partition("\n")[2] if b.startswith("$") else b  # but for the command
        for b in blocks(ROOT / "README.md")
        if "CRWV" in b and "sweep" not in b
    ]
    assert len(shown) == 2
    shown.append(blocks(ROOT / "docs" / "evidence.md")[0].partition("…\n")[2])
    for text in shown:
        assert text in out


@pytest.mark.slow
def test_the_table_of_the_evidence_is_what_comes_out(command) -> None:
    text = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8").replace("−", "-")
    table = {row[1]: row for row in re.findall(r"^\| (`(\w+)`) \| (.*) \|$", text, re.MULTILINE)}
    runs = json.loads(command("run", "--no-tearsheet", "--json", *FOLDERS).out)
    chosen = [one for one in runs if one["strategy"] != "buy_and_hold"]
    assert table.keys() == {told["strategy"] for told in chosen}
    for told in chosen:
        found, mean = told["evidence"], told["evidence"]["mean_trade_return"]
        interval = "unknown"
        if mean["low"] is not None:
            interval = f"{100 * mean['low']:+.1f} to {100 * mean['high']:+.1f} %"
        assert table[told["strategy"]][2].split(" | ") == [
            f"{found['trades']}, {found['occasions']}",
            percent(told["summary"]["run"]["total_return"]),
            *(p_value(found[name] and found[name][LEADING]["p"]) for name in PLACEBOS),
            p_value(told["placebo_p_holm"]),
            f"{percent(mean['estimate'])}, {interval}",
            share(found["detectable"]),
        ]


def test_what_is_said_of_the_three_strategies_is_what_is_on_record() -> None:
    said = " ".join((ROOT / "docs" / "building-blocks.md").read_text(encoding="utf-8").split())

    def made(name: str) -> tuple[list[float], float]:
        golden = json.loads((ROOT / "tests/golden" / f"{name}.json").read_text())
        gained = [
            (trade["gross_profit"] - trade["commission"] - trade["borrow"])
            / (trade["shares"] * trade["entry_price"])
            for trade in golden["trades"]
        ]
        return gained, golden["final_equity"] / 100_000 - 1

    (lockup,), _ = made("lockup_expiry")
    assert f"one trade: {percent(lockup)} in five sessions" in said
    contracts, total = made("contract_news")
    each = ", ".join(map(percent, contracts))
    assert f"opened {len(contracts)} trades, of {each};" in said
    assert f"gained {share(total)}: each" in said
    assert sum(one > 0 for one in contracts) == 3  # of four, in words
    faded, total = made("fade_the_gap")
    won = sum(one > 0 for one in faded)
    assert f"{len(faded)} trades lost {share(-total)} of the account; {won} of them won" in said


def test_what_is_said_of_the_gaps_of_us_large_is_what_is_in_its_file() -> None:
    text = (ROOT / "data/universes/us_large/events/earnings.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    hours = Counter(row["published_at"][11:16] for row in rows)
    before, after, nine = hours["09:00"], hours["23:59"], hours["09:59"]
    lacks = {name: sum(not row[name] for row in rows) for name in ("eps", "eps_consensus")}
    either = sum(not (row["eps"] and row["eps_consensus"]) for row in rows)
    dictionary = " ".join((ROOT / "data/README.md").read_text(encoding="utf-8").split())
    assert f"before the open ({before:,} reports)" in dictionary
    assert f"after the close ({after:,});" in dictionary
    assert f"such as 09:59:59 ({len(rows) - before - after}). So {nine} reports" in dictionary
    assert f"{lacks['eps_consensus']} reports have none, {lacks['eps']} no EPS" in dictionary
    assert f"without a surprise are {either}." in dictionary
    page = " ".join((ROOT / "docs/many-stocks.md").read_text(encoding="utf-8").split())
    assert f"{either} reports lack the EPS or the consensus" in page


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
    assert matches(f"{printed}\nEvery set: ", out)
    assert announced.partition(", under")[0] in outcome.err
