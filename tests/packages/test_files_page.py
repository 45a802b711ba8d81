"""The page of the files that commands write has every column and field of them, and no other."""

import json
import re

import pytest

from backtest.audit import AuditRecord
from backtest.experiments.records import ManyStudyRecord, RunRecord, StudyRecord
from backtest.experiments.runs.store import TABLES
from backtest.experiments.sweeps.folder import SweepRecord
from backtest.reports.compare_page import ComparisonRecord
from tests.golden.goldens import ROOT

PAGE = (ROOT / "docs/reference/files.md").read_text(encoding="utf-8")
BEGINS_AND_ENDS = {"started_at", "finished_at", "files", "record_sha256"}
RECORDS = {
    "run.json": RunRecord, "sweep.json": SweepRecord, "study.json": StudyRecord,
    "many-study.json": ManyStudyRecord, "audit.json": AuditRecord,
    "compare.json": ComparisonRecord,
}  # fmt: skip


def named(heading):
    """What the first cells of the table under a heading name, in their order."""
    part = PAGE.partition(f"{heading}\n")[2].partition("\n#")[0]
    cells = re.findall(r"^\| ((?:`[^`]+` ?)+)\|", part, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_the_columns_of_each_table_of_a_run_in_their_order(name):
    assert named(f"### {name}") == list(TABLES[name])


@pytest.mark.parametrize("name", RECORDS)
def test_the_page_has_the_fields_of_each_record(name):
    part = PAGE.partition(f"### {name}\n")[2].partition("\n#")[0]
    said = {*re.findall(r"`(\w+)`", part), *named("## Fields of records"), *BEGINS_AND_ENDS}
    assert RECORDS[name].__annotations__.keys() - said == set()


def test_the_page_has_the_fields_that_a_run_writes_and_no_others(run_made_up, checkout):
    run_made_up("beats")
    (path,) = checkout.root.glob("reports/beats-*/run.json")
    record = json.loads(path.read_text())
    said = {*named("### run.json"), *named("## Fields of records"), *BEGINS_AND_ENDS}
    assert record.keys() - said == set()
    assert said - record.keys() == {"from_class", "bars", "missing_bars", "speed"}
    told = PAGE.partition("| `evidence` |")[2].partition("\n")[0]
    inner = record["evidence"].keys() | record["evidence"]["sharpe"].keys() & {"psr"}
    assert inner - set(re.findall(r"`(\w+)`", told)) == set()


def test_the_page_of_figures_has_every_figure_of_a_run(run_made_up):
    (told,) = json.loads(run_made_up("beats", "--json").out)
    page = (ROOT / "docs/figures.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told["figures"].keys() - named == set()
