"""The pages that commands leave: the comparison and the index."""

import json

import pytest

from tests.commands import MADE_UP, words
from tests.pages import table


@pytest.fixture
def reports(checkout):
    return checkout.root / "reports"


def page(reports, name) -> str:
    return (reports / name).read_text(encoding="utf-8")


def heads(reports) -> list[str]:
    return table(page(reports, "compare.html"), "figures")[0][1:]


def test_compare_writes_the_page_of_what_was_asked_and_keeps_it(run_made_up, command, reports):
    run_made_up()
    done = command("compare", "owner")
    assert done.out.splitlines()[-1] == f"The page: {reports / 'compare.html'}"
    assert heads(reports) == ["owner", "ACME held", "INDX benchmark"]
    (kept,) = reports.glob("compare-*/compare.json")
    assert json.loads(kept.read_text(encoding="utf-8"))["strategies"] == ["owner"]
    assert table((kept.parent / "index.html").read_text(encoding="utf-8"), "figures")
    command("compare")
    assert heads(reports) == ["beats", "owner", "ACME held", "INDX benchmark"]
    rows = table(page(reports, "index.html"), "reports")[1:]
    assert [row[0] for row in rows] == ["comparison", "comparison", "run", "run"]


def test_json_is_json_alone_and_the_page_is_written_too(run_made_up, command, reports):
    run_made_up("beats")
    (told,) = json.loads(command("compare", "--json").out)
    assert told["strategy"] == "beats"
    assert heads(reports) == ["beats", "ACME held", "INDX benchmark"]
    (reports / "compare.html").unlink()
    json.loads(run_made_up("beats", "--json").out)
    assert heads(reports) == ["beats", "ACME held", "INDX benchmark"]


def test_a_run_compares_the_latest_of_each_strategy_and_keeps_no_record(run_made_up, reports):
    run_made_up("owner")
    done = run_made_up("beats")
    assert f"The latest of each strategy: {reports / 'compare.html'}" in done.out.splitlines()
    assert heads(reports) == ["beats", "owner", "ACME held", "INDX benchmark"]
    assert not list(reports.glob("compare-*"))
    assert len(table(page(reports, "index.html"), "reports")) == 3


def test_another_run_that_is_damaged_is_told_and_left_out(run_made_up, command, reports):
    run_made_up("owner")
    (other,) = reports.glob("owner-*")
    (other / "run.json").write_text("{", encoding="utf-8")
    done = run_made_up("beats")
    assert done.code == 0
    assert "Final equity" in done.out
    (line,) = [line for line in done.err.splitlines() if "damaged" in line]
    assert line.startswith(f"Left out: {other / 'run.json'} is damaged (EOF while parsing")
    assert heads(reports) == ["beats", "ACME held", "INDX benchmark"]
    assert "run.json is damaged" in words(page(reports, "index.html"))


def test_sweeps_and_studies_stand_in_the_index(command, reports):
    command("sweep", "beats", "--symbol", "ACME", "--grid", "hold=1:3")
    assert [row[0] for row in table(page(reports, "index.html"), "reports")] == ["What", "sweep"]
    command("study", "earnings", "--symbol", "ACME", "--benchmark", "INDX", "--draws", "99")
    assert [row[0] for row in table(page(reports, "index.html"), "reports")[1:]] == [
        "study", "sweep",
    ]  # fmt: skip
    command("run", "beats", *MADE_UP)
    assert table(page(reports, "index.html"), "reports")[1][0] == "run"


def test_compare_without_runs_writes_nothing(command, reports):
    outcome = command("compare")
    assert outcome.code == 2
    assert list(reports.iterdir()) == []
