"""The index: what a reports folder holds, newest first, from the records alone."""

import json
import os
import re

import pytest

from backtest.reports import index_page
from backtest.reports.compare_page import write_comparison
from backtest.reports.index_page import write_index
from tests.audits import record
from tests.made_up import do
from tests.pages import table, visible
from tests.studies import WINDOW, made_up_study
from tests.sweeps import FIGURES, write_sweep

HEADINGS = ["What", "Of", "Result", "Symbols", "Span", "Made (UTC)"]


@pytest.fixture
def reports(checkout):
    return checkout.root / "reports"


def index_of(reports) -> str:
    return write_index(reports).read_text(encoding="utf-8")


def write_study(reports, name="earnings", **changes):
    folder = reports / f"study-{name}-ACME-1123456789"
    folder.mkdir(parents=True)
    record = made_up_study(name=name, **changes)
    (folder / "study.json").write_text(json.dumps(record), encoding="utf-8")
    (folder / "index.html").write_text("")
    return folder


def test_runs_comparisons_sweeps_and_studies_are_listed_newest_first(checkout, reports):
    run = do(checkout)
    write_comparison(reports, [run], keep=True)
    write_sweep(reports, {"hold": [1, 2]}, {"hold": 1}, lambda *_: dict.fromkeys(FIGURES, 0.5))
    write_study(reports)
    head, *rows = table(index_of(reports), "reports")
    assert head == HEADINGS
    assert [row[0] for row in rows] == ["comparison", "run", "study", "sweep"]
    assert rows[0][1].startswith("1 run side by side ")
    assert rows[0][2:4] == ["beats", "ACME"]
    assert rows[1][1:5] == [
        f"beats INDX · {run.run_id}", "+1.4 % (held +30.0 %, INDX +2.0 %), 1 trade", "ACME",
        "2025-06-02 to 2025-07-15",
    ]  # fmt: skip
    assert rows[2][1:] == [
        "earnings 1123456789", "6 events, CAAR [-1,+1] -10.1 %, p-value 0.04", "ACME", "",
        "2025-08-02 10:00",
    ]  # fmt: skip
    assert rows[3][2].startswith("2 sets, the default +50.0 %, the best Sharpe 1.50 ( DSR 25 %)")


def test_the_direction_leads_in_the_study_of_a_strategy(reports):
    signed = {**WINDOW, "window": "[0,+1]", "known": 5, "caar": 0.05, "p": 0.5}
    write_study(reports, "beats", of="strategy", signed=[signed])
    assert table(index_of(reports), "reports")[1][2] == "5 events, CAAR [0,+1] +5.0 %, p-value 0.50"


def test_a_study_by_finer_bars_is_told_from_one_by_sessions(reports):
    write_study(reports, bars="5m")
    assert table(index_of(reports), "reports")[1][1] == "earnings by 5m · 1123456789"


def test_pages_and_tear_sheets_are_linked_where_they_are(checkout, reports):
    run = do(checkout)
    assert f"{run.path.name}/" not in index_of(reports)
    for name in ("index.html", "tearsheet.html"):
        (run.path / name).write_text("")
    links = re.findall(r'href="(beats[^"]*)"', index_of(reports))
    assert links == [f"{run.path.name}/index.html", f"{run.path.name}/tearsheet.html"]


def test_the_latest_comparison_is_linked_once_there_is_one(checkout, reports):
    run = do(checkout)
    assert "compare.html" not in index_of(reports)
    write_comparison(reports, [run])
    assert 'href="./compare.html">Latest comparison' in index_of(reports)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"run_id": "0123456789"}', "run.json is damaged (it lacks strategy)."),
        ('{"strategy": 5}', "run.json is damaged (strategy: Input should be a valid string)."),
        ("{", "run.json is damaged (EOF while parsing an object at line 1 column 1)."),
        ("[]", "run.json is damaged ("),
        ("\udcff", "run.json is damaged ("),
    ],
)
def test_what_cannot_be_read_is_told_and_hides_nothing(checkout, reports, text, told):
    run = do(checkout)
    broken = reports / "broken-ACME-0123456789"
    broken.mkdir()
    (broken / "run.json").write_bytes(text.encode(errors="surrogateescape"))
    rows = {row[1].partition(" ")[0]: row for row in table(index_of(reports), "reports")}
    assert rows["broken-ACME-0123456789"][2].startswith(told)
    assert run.run_id in rows["beats"][1]


def test_neither_unfinished_work_nor_what_else_lies_there_is_listed(checkout, reports):
    do(checkout)
    (reports / ".sweep-beats").mkdir()
    (reports / ".sweep-beats" / "sweep.json").write_text("{}")
    (reports / "assets").mkdir(exist_ok=True)
    (reports / "notes.txt").write_text("mine")
    assert len(table(index_of(reports), "reports")) == 2


def test_an_empty_folder_says_how_to_begin(tmp_path):
    page = index_of(tmp_path / "reports")
    assert "There is nothing here yet. backtest run replays" in visible(page)
    assert '<table id="reports"' not in page


def test_of_very_many_the_newest_are_listed_and_the_page_says_so(reports, monkeypatch):
    monkeypatch.setattr(index_page, "MOST_ENTRIES", 2)
    for n in range(3):
        write_study(reports, f"kind_{n}", finished_at=f"2025-08-0{n + 1}T10:00:00+00:00")
        path = reports / f"study-kind_{n}-ACME-1123456789" / "study.json"
        os.utime(path, (n, n))
    page = index_of(reports)
    assert [row[1].split()[0] for row in table(page, "reports")[1:]] == ["kind_2", "kind_1"]
    assert "The newest 2 of 3 are listed." in visible(page)


def test_the_page_stays_light(reports):
    long = "a_strategy_with_a_rather_long_name"
    symbols = [f"SYM{n}" for n in range(40)]
    for n in range(700):
        folder = reports / f"compare-{n:010}"
        folder.mkdir()
        record = {
            "comparison_id": f"{n:010}",
            "runs": ["0123456789"] * 12,
            "strategies": [f"{long}_{k}" for k in range(12)],
            "symbols": symbols,
            "span": {"first": "2025-03-28", "last": "2026-10-02"},
            "finished_at": "2025-08-02T10:00:03.5+00:00",
        }
        (folder / "compare.json").write_text(json.dumps(record))
        (folder / "index.html").write_text("")
    page = index_of(reports)
    assert 300_000 < len(page.encode()) < 500_000
    assert " of 700 are listed." in visible(page)
    assert "SYM0, SYM1, SYM2, SYM3, SYM4 and 35 more" in table(page, "reports")[1]


def test_texts_from_outside_are_escaped(reports):
    nasty = "<script>alert(1)</script>"
    write_study(reports, symbol=nasty)
    page = index_of(reports)
    assert nasty not in page
    assert table(page, "reports")[1][3] == nasty


def test_rows_hold_what_the_form_narrows_by(checkout, reports):
    do(checkout)
    write_study(reports)
    page = index_of(reports)
    assert 'data-what="run" data-subject="beats" data-symbol="ACME" data-day="20' in page
    options = re.findall(r'<option value="(\w+)">', page)
    assert options == ["run", "comparison", "sweep", "study", "audit", "beats", "earnings"]
    assert 'data-narrows="reports"' in page


def test_audits_are_listed_with_their_outcome(reports):
    folder = reports / "audit-made_up-ACME-0123456789"
    folder.mkdir(parents=True)
    (folder / "audit.json").write_text(json.dumps(record(outcome="bias")), encoding="utf-8")
    (row,) = table(index_of(reports), "reports")[1:]
    assert row[0] == "audit"
    assert "Bias found" in row[2]
    assert row[4] == "2025-06-02 to 2025-08-26"


@pytest.mark.parametrize("broken", [{"symbols": ["ACME", 7]}, {"strategy": None}])
def test_a_record_with_other_than_names_gets_a_row_and_stops_nothing(checkout, reports, broken):
    run = do(checkout)
    path = run.path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **broken}), encoding="utf-8")
    (row,) = table(index_of(reports), "reports")[1:]
    assert re.match(
        r"run.json is damaged \((symbols.1|strategy): Input should be a valid str", row[2]
    )
