"""Texts from outside with control characters: every output has them as text that can be read."""

import json
import shutil
import sys

import pytest

from backtest.stats.formats import visible
from tests.hardening.conftest import QUICK

HOSTILE = "A \x1b[31mred\x1b[0m \x1b]0;title\x07 \x08\x9b2J beat \u202etaeb\u2066 \x7f\u200f"
CONTROLS = [chr(n) for n in (*range(9), *range(11, 32), *range(127, 160))]
MARKS = [*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"]


@pytest.mark.parametrize("character", [*CONTROLS, *MARKS])
def test_each_character_is_read_by_its_number(character):
    assert visible(f"a{character}b") == f"a\\u{ord(character):04x}b"


def test_the_rest_is_left_as_it_is_and_in_json_it_says_the_same():
    text = "Zürich\t日本 – “quote” 🚀\nnext"
    assert visible(text) == text
    value = {"headline": HOSTILE}
    assert json.loads(visible(json.dumps(value, ensure_ascii=False))) == value


@pytest.fixture
def hostile(checkout):
    checkout.edit("data/events/earnings.csv", "A made-up beat", HOSTILE)
    checkout.edit("data/events/earnings.csv", "A made-up miss", HOSTILE)
    return checkout


def is_clean(text: str) -> bool:
    return not any(character in text for character in (*CONTROLS, *MARKS))


def test_no_command_prints_one(hostile, command, run_made_up):
    outcome = run_made_up("beats", "-v")
    assert outcome.code == 0
    outputs = {"run": outcome}
    for words in (
        ("report", "beats", "--format", "md"),
        ("report", "beats", "--format", "json"),
        ("report", "beats", "--format", "csv", "--table", "decisions"),
        ("events", "list"),
        ("events", "list", "--json"),
        ("study", "earnings", "--symbol", "ACME", "--benchmark", "INDX"),
        ("run", "no\x1b[31msuch"),
        ("report", "no\u202esuch"),
        ("events", "show", "no\x9bsuch"),
    ):
        outputs[" ".join(words)] = command(*words)
    for name, outcome in outputs.items():
        assert is_clean(outcome.out + outcome.err), name
    assert "\\u001b[31mred" in outputs["run"].out
    listed = json.loads(outputs["events list --json"].out)
    assert HOSTILE in [row["headline"] for row in listed]
    event_id = next(row["id"] for row in listed if row["headline"] == HOSTILE)
    found = command("events", "show", event_id)
    assert found.code == 0
    assert is_clean(found.out)
    assert "\\u202etaeb" in found.out


def test_a_file_of_markdown_has_none_either(hostile, command, run_made_up):
    run_made_up("beats")
    file = hostile.root / "report.md"
    assert command("report", "beats", "--format", "md", "--output", str(file)).code == 0
    text = file.read_text(encoding="utf-8")
    assert is_clean(text)
    assert "u001b" in text


@pytest.mark.parametrize(
    "words", [("run", *QUICK), ("study", "--symbol", "ACME", "--benchmark", "INDX")]
)
def test_half_a_character_is_one_message_and_writes_nothing(checkout, command, words):
    """As of a file that is read with `errors="surrogateescape"`."""
    checkout.strategy("half", r"return Signal.long(event, hold=3, reason='a \udcff beat')")
    outcome = command(words[0], "half", *words[1:])
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert r"a \udcff beat" in outcome.err
    assert "cannot be written as UTF-8" in outcome.err
    assert checkout.snapshot() == {}


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are whole characters there")
def test_a_workspace_may_lie_in_a_folder_of_another_encoding(checkout, command, monkeypatch):
    folder = checkout.root / "Z\udcfcrich"
    for part in ("strategies", "data"):
        shutil.copytree(checkout.root / part, folder / part)
    monkeypatch.chdir(folder)
    for words in (("run", "beats", *QUICK), ("list", "strategies"), ("compare",)):
        assert command(*words).code == 0, words
    assert [*folder.glob("reports/beats-*/index.html")]
