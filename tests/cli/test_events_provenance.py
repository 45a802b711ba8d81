"""`events show`: where an event came from."""

import json

from tests.commands import words
from tests.made_up import EARNINGS, SOURCE
from tests.short_reports import reports


def test_show_tells_where_an_event_came_from(add, command):
    add("--yes")
    name = reports(command)["Made up anew"]["id"]
    command("events", "edit", name, "--field", "claim=a claim", "--yes")
    shown = json.loads(command("events", "show", name, "--json").out)
    origin = shown["provenance"]
    assert origin["sources"] == ["https://example.org/new"]
    assert origin["retrieved_at"] == shown["retrieved_at"]
    assert (origin["file"], origin["line"]) == ("events/short_reports.csv", 4)
    assert len(origin["sha256"]) == 64
    assert origin["came_in_with"].startswith("version 2 of 20")
    assert origin["came_in_with"].endswith("UTC, added an event")
    assert origin["changed_last_with"].startswith("version 3 of 20")
    out = words(command("events", "show", name).out)
    assert "File events/short_reports.csv, line 4" in out
    assert "Sources https://example.org/new" in out
    assert "Came in with version 2 of" in out


def test_show_of_a_row_from_before_says_what_is_unknown(add, command):
    add("--yes")
    out = words(command("events", "show", reports(command)["A made-up report"]["id"]).out)
    assert "Sources unknown" in out
    assert "Retrieved unknown; the file was compiled on 20" in out
    assert "Came in with version 1 of" in out
    assert "Changed last with version 1 of" in out
    assert f"The file's source {SOURCE}" in out


def test_show_of_an_event_in_a_damaged_history_tells_of_the_damage(add, command, checkout):
    add("--yes")
    (copy,) = (checkout.root / "data/events/.history/short_reports").glob("1-*.csv")
    copy.write_text("symbol\n")
    outcome = command("events", "show", reports(command)["Made up anew"]["id"])
    assert outcome.code == 0
    assert "is damaged: it is no longer version 1 of short_reports.csv" in words(outcome.out)


def test_an_event_that_survived_only_an_edit_by_hand_says_so(command, checkout):
    path = checkout.root / "data/events/earnings.csv"
    for copy in (path.parent / ".history/earnings").iterdir():
        copy.unlink()
    path.write_text(EARNINGS.replace("0.30,0.20", "0.31,0.20"))
    command("events", "seal", "earnings")
    (row, _) = json.loads(command("events", "list", "--kind", "earnings", "--json").out)
    origin = json.loads(command("events", "show", row["id"], "--json").out)["provenance"]
    assert origin["came_in_with"].endswith("(or the version before, whose text was not kept)")
