"""`backtest report`: a run in every format, as a user types it."""

import csv
import json
import os
import re
from datetime import date

import pytest

from backtest.reports.pages import store_plotly
from backtest.workspace import files
from tests.commands import BAD_DATA, MADE_UP, WRONG_USE, fails

FORMATS = ("html", "md", "json", "csv", "png")


@pytest.fixture
def folder(run_made_up, checkout):
    """The folder of a run of `beats`."""
    assert run_made_up("beats").code == 0
    (path,) = (checkout.root / "reports").glob("beats-*")
    return path


# Formats


def test_a_run_is_named_by_strategy_id_folder_or_path(folder, command):
    names = ("beats", folder.name[-10:], folder.name, f"reports/{folder.name}/", str(folder))
    told = {command("report", name, "--format", "md").out for name in names}
    assert len(told) == 1
    assert "## beats · ACME" in told.pop()


def test_a_page_is_drawn_anew_and_its_place_told(folder, command):
    page = folder / "index.html"
    page.write_text("of an earlier version")
    outcome = command("report", "beats")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{page}\n", "")
    assert "beats · ACME" in page.read_text(encoding="utf-8")


def test_a_table_is_the_file_of_the_run_byte_by_byte(folder, command, tmp_path):
    for table in ("trades", "equity", "decisions", "orders", "bars"):
        content = (folder / f"{table}.csv").read_bytes()
        asked = ("report", "beats", "--format", "csv", "--table", table)
        assert command(*asked).out.encode() == content
        assert command(*asked, "--output", str(tmp_path / "t.csv")).out == f"{tmp_path / 't.csv'}\n"
        assert (tmp_path / "t.csv").read_bytes() == content
    trades = (folder / "trades.csv").read_bytes()
    assert command("report", "beats", "--format", "csv").out.encode() == trades


def test_json_has_the_manifest_and_the_rows_with_numbers_as_numbers(folder, command):
    told = json.loads(command("report", "beats", "--format", "json").out)
    assert "" not in {*told["trades"][0].values(), *told["decisions"][0].values()}
    manifest = json.loads((folder / "run.json").read_text())
    assert {name: told[name] for name in ("run_id", "summary", "rules", "evidence")} == {
        name: manifest[name] for name in ("run_id", "summary", "rules", "evidence")
    }
    (trade,) = told["trades"]
    assert (trade["trade_id"], trade["shares"], trade["direction"]) == (1, 485, "long")
    assert trade["entry_price"] == 103 * 1.0005
    assert (trade["entry_session"], trade["exit_reason"]) == ("2025-06-05", "time")
    assert {type(trade[name]) for name in ("borrow", "net_profit", "return", "mae")} == {float}
    beat, miss = told["decisions"]
    assert (beat["headline"], beat["direction"], miss["direction"]) == (
        "A made-up beat", "long", None,
    )  # fmt: skip
    assert miss["source_url"] is None


def test_texts_are_utf_8_also_where_the_terminal_is_not(folder, command, checkout, run_made_up):
    checkout.edit("data/events/earnings.csv", "A made-up beat", "Über 5 %: ein Ergebnis")
    run_made_up("beats")
    for form in ("md", "json"):
        assert "Über 5 %" in command("report", "beats", "--format", form).out


def test_a_picture_lies_in_the_folder_of_the_run_or_where_it_is_wanted(folder, command, tmp_path):
    outcome = command("report", "beats", "--format", "png")
    assert (outcome.code, outcome.out) == (0, f"{folder / 'chart.png'}\n")
    wanted = tmp_path / "made" / "here.png"
    assert command("report", "beats", "--output", str(wanted)).out == f"{wanted}\n"
    assert wanted.read_bytes() == (folder / "chart.png").read_bytes()
    assert wanted.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("form", FORMATS)
def test_the_format_is_what_the_file_ends_in(folder, command, tmp_path, form):
    named, told = tmp_path / f"run.{form.upper()}", tmp_path / "told"
    assert command("report", "beats", "--output", str(named)).code == 0
    assert command("report", "beats", "--format", form, "--output", str(told)).code == 0
    assert named.read_bytes() == told.read_bytes()


# One file to be sent


def test_a_page_in_one_file_needs_nothing_beside_it(folder, command, tmp_path):
    (folder / "tearsheet.html").write_text("a tear sheet")
    sent = tmp_path / "sent.html"
    assert command("report", "beats", "--output", str(sent)).code == 0
    text = sent.read_text(encoding="utf-8")
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "tearsheet.html" in page
    script = store_plotly(folder.parent).read_text(encoding="utf-8")
    assert "</script" not in script
    assert script in text
    shell = text.replace(script, "")
    addresses = re.findall(r'\b(?:href|src)="([^"]*)"', shell)
    assert "https://example.org/1" in addresses
    assert [a for a in addresses if not a.startswith(("https://", "#", "data:"))] == []
    assert "trades.csv" in shell  # as a text: what the folder of the run has


def test_the_security_policy_of_a_page_in_one_file_is_that_of_the_page(folder, command, tmp_path):
    sent = tmp_path / "sent.html"
    command("report", "beats", "--output", str(sent))
    text, page = (p.read_text(encoding="utf-8") for p in (sent, folder / "index.html"))
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">')
    assert policy.findall(text) == policy.findall(page)
    (nonce,) = set(re.findall(r"'nonce-([0-9a-f]+)'", text))
    scripts = re.findall(r"<script\b([^>]*)>", text.replace("application/json", ""))
    assert f' nonce="{nonce}"' in scripts
    assert text.count(f'<script nonce="{nonce}">') == 2  # plotly's, and the page's own


# Spreadsheets


@pytest.mark.parametrize("name", ["trades", "equity"])
def test_a_spreadsheet_reads_the_table_and_runs_nothing_in_it(folder, name, checkout, run_made_up):
    checkout.edit("data/events/earnings.csv", "A made-up beat", "=HYPERLINK(1)")
    checkout.strategy("sly", "return Signal.long(event, weight=0.5, hold=2, reason='=1+1')")
    assert run_made_up("sly").code == 0
    (path,) = (checkout.root / "reports").glob(f"sly-*/{name}.csv")
    content = path.read_bytes()
    assert content.isascii()
    rows = list(csv.DictReader(content.decode().splitlines(), strict=True))
    assert rows
    for row in rows:
        assert None not in row.values()
        for column, cell in row.items():
            if column.endswith("_bar"):
                assert cell == ""  # of daily bars
            elif column.endswith("session"):
                assert date.fromisoformat(cell).isoformat() == cell
            elif column in (
                "event_id",
                "symbol",
                "direction",
                "exit_reason",
                "entered_at",
                "left_at",
            ):
                assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.\-]*", cell)
            else:
                assert re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell), (column, cell)


def test_a_headline_is_kept_as_it_is_also_where_a_spreadsheet_would_run_it(
    run_made_up, checkout, command
):
    checkout.edit("data/events/earnings.csv", "A made-up beat", "=HYPERLINK(1)")
    run_made_up("beats")
    out = command("report", "beats", "--format", "csv", "--table", "decisions").out
    assert next(csv.DictReader(out.splitlines()))["headline"] == "=HYPERLINK(1)"


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["beat"], ["There is no run 'beat'", "Known: beats "]),
        (["beats", "--format", "pdf"], ["no format 'pdf'", "csv, html, json, md, png"]),
        (["beats", "--output", "beats.pdf"], ["no format 'pdf'", "csv, html, json, md, png"]),
        (
            ["beats", "--format", "csv", "--table", "trade"],
            ["no table 'trade'", "Did you mean 'trades'?", "bars, decisions, equity, orders"],
        ),
        (["beats", "--table", "trades"], ["--table is for --format csv", "html"]),
        (["beats", "--format", "md", "--symbol", "ACME"], ["--symbol is for --format png"]),
        (["beats", "--format", "png", "--symbol", "INDX"], ["'INDX'", "Known: ACME"]),
        (["beats", "--format", "md", "--output", "reports"], ["reports cannot be written"]),
        (["beats", "--format", "png", "--output", "reports"], ["reports cannot be written"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_told_with_what_is_allowed(folder, command, checkout, arguments, told):
    before = checkout.snapshot()
    fails(command("report", *arguments), WRONG_USE, told, checkout, before)


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_that_lacks_a_file_is_told_with_the_way_out(folder, command, checkout, form):
    (folder / "orders.csv").unlink()
    before = checkout.snapshot()
    told = [f"{folder / 'orders.csv'} is damaged (No such file", "The command that made it"]
    fails(command("report", "beats", "--format", form), BAD_DATA, told, checkout, before)


def test_a_run_without_evidence_has_no_page_yet_but_all_else(folder, command, checkout):
    manifest = json.loads((folder / "run.json").read_text())
    del manifest["evidence"], manifest["attribution"], manifest["record_sha256"]
    (folder / "run.json").write_text(json.dumps(manifest))
    before = checkout.snapshot()
    told = ["interrupted before its evidence was there", "`backtest run beats`"]
    fails(command("report", "beats"), WRONG_USE, told, checkout, before)
    for form in ("md", "json", "csv", "png"):
        assert command("report", "beats", "--format", form).code == 0


@pytest.mark.parametrize("form", ["html", "png", "md", "json", "csv"])
def test_only_a_report_is_written_over_unless_forced(command, run_made_up, tmp_path, form):
    run_made_up("beats")
    file = tmp_path / f"beats.{form}"
    assert command("report", "beats", "--output", str(file)).code == 0
    made = file.read_bytes()
    assert command("report", "beats", "--output", str(file)).code == 0
    file.write_bytes(b"mine\n")
    refused = command("report", "beats", "--output", str(file))
    assert (refused.code, refused.out, file.read_bytes()) == (WRONG_USE, "", b"mine\n")
    assert "nothing was written" in refused.err
    assert "--force" in refused.err
    assert command("report", "beats", "--output", str(file), "--force").code == 0
    assert file.read_bytes() == made


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "forced"])
def test_a_pipe_is_no_place_for_a_report(folder, command, checkout, tmp_path, force):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    before = checkout.snapshot()
    told = ["cannot be written: it is a folder, a device or a pipe, and a file is needed"]
    for name in (tmp_path / "pipe", tmp_path / "link"):
        for form in ("md", "png", "html"):
            asked = ("report", "beats", "--format", form, "--output", str(name), *force)
            fails(command(*asked), WRONG_USE, told, checkout, before)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("name", ["", ".", "/", "..", "n" * 300, "n" * 5_000])
def test_what_is_no_name_of_a_file_is_one_message(command, run_made_up, checkout, name):
    run_made_up("beats")
    before = checkout.snapshot()
    for form in ("md", "png", "html"):
        outcome = command("report", "beats", "--format", form, "--output", name)
        fails(outcome, WRONG_USE, [], checkout, before)


# Read-only reports


@pytest.fixture
def lock_reports(checkout, monkeypatch):
    """Make the reports read-only; permissions do not bind root."""
    reports, unfinished = checkout.root / "reports", files.temporary_path

    def refuse(path, *more):
        if reports in path.parents:
            raise OSError(30, "Read-only file system")
        return unfinished(path, *more)

    def lock():
        monkeypatch.setattr(files, "temporary_path", refuse)
        monkeypatch.setattr(os, "access", lambda path, mode: reports not in [path, *path.parents])

    return lock


def test_in_a_read_only_folder_a_run_is_read_and_a_report_goes_elsewhere(
    command, run_made_up, checkout, tmp_path, monkeypatch, lock_reports
):
    run_made_up("beats")
    command("report", "beats")
    before = checkout.snapshot()
    lock_reports()
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    for words in (("run", "beats", *MADE_UP), ("compare",), ("list", "runs"), ("open",)):
        assert command(*words).code == 0, words
    file = tmp_path / "beats.html"
    assert command("report", "beats", "--output", str(file)).code == 0
    assert file.stat().st_size > 10_000
    assert checkout.snapshot() == before


@pytest.mark.parametrize(
    "words",
    [
        ("sweep", "beats", "--grid", "hold=1,3"),
        ("study", "earnings", "--benchmark", "INDX", "--draws", "199"),
        ("audit", "beats", "--worlds", "0"),
    ],
    ids=lambda words: words[0],
)
@pytest.mark.usefixtures("in_one_process")
def test_what_is_there_is_shown_from_a_read_only_folder(words, command, checkout, lock_reports):
    words = (*words, "--symbol", "ACME")
    made = command(*words)
    before = checkout.snapshot()
    lock_reports()
    shown = command(*words)
    assert (shown.code, shown.err.count("is read-only: no page is drawn")) == (0, 1)
    assert made.out.splitlines()[-1] == shown.out.splitlines()[-1]  # the place of its page
    assert command(*words, "--json").code == 0
    (page,) = checkout.root.glob(f"reports/{words[0]}-*/index.html")
    page.unlink()
    assert "index.html" not in command(*words).out
    del before[str(page.relative_to(checkout.root))]
    assert checkout.snapshot() == before


@pytest.mark.parametrize("option", ["label", "note"])
def test_a_label_or_a_note_is_not_lost_in_silence(folder, option, command, checkout, lock_reports):
    before = checkout.snapshot()
    lock_reports()
    told = [f"{folder / option} cannot be written: Read-only file system"]
    outcome = command("run", "beats", *MADE_UP, f"--{option}", "mine")
    fails(outcome, WRONG_USE, told, checkout, before)
