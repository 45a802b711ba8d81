"""`events add` and `events remove` where somebody answers at a terminal."""

import io
import os
import sys

import pytest

from tests.commands import words
from tests.short_reports import reports


@pytest.fixture
def answer(command, monkeypatch):
    """The command line at a terminal where somebody gives these answers."""

    def answer(*arguments, answers):
        monkeypatch.setattr("backtest.cli.show.at_terminal", lambda: True)
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{one}\n" for one in answers)))
        return command(*arguments)

    return answer


def test_each_field_is_asked_for_until_it_is_right(answer, command):
    outcome = answer(
        "events", "add", "short_report",
        answers=[
            "acme", "ACME", "yesterday", "2025-06-24", "exact", "date", "", "Asked for", "Jane",
            "bear", "press", "a claim", "-1", "", "true", "", "unknown", "", "C", "", "y",
        ],
    )  # fmt: skip
    assert outcome.code == 0
    out = words(outcome.out)
    for told in (
        "symbol: The stock, in capitals.",
        "'acme': does not fit the pattern",
        "published_at: The latest time by which it certainly was public. Write one of 2025-11-10 1",
        "'yesterday': is no time; write one such as 2025-11-10T16:05:00-05:00",
        "precision: How well that time is known. One of date, week, month",
        "'2025-06-24' is a day alone; precision exact needs a time",
        "headline: What became public, in one line.",
        "A value is needed.",
        "author_type: What the author is. One of short_seller, analyst, press.",
        "'bear': Input should be 'short_seller', 'analyst' or 'press'",
        "target_price: What the author holds a share to be worth, dollars. A number from 0.",
        "'-1': Input should be greater than or equal to 0",
        "Either true or false.",
        "An address with https://, or 'unknown'.",
        "first tradable in the session of 2025-06-25",
        "version 2",
    ):
        assert told in out
    assert "retrieved_at:" not in out.partition("+ short_report-")[0]
    row = reports(command)["Asked for"]
    assert (row["claim"], row["discloses_short"], row["target_price"]) == ("a claim", True, None)


def test_a_time_that_tells_its_precision_is_asked_no_more(answer, command):
    outcome = answer(
        "events", "add", "news",
        answers=["ACME", "2025-06-24 after close", "Asked for", "contract", "", "unknown", "", "",
                 "", "y"],
    )  # fmt: skip
    assert outcome.code == 0
    assert "precision: How" not in outcome.out
    assert "    precision: session\n" in outcome.out


def test_fields_that_do_not_go_together_are_asked_for_again(answer, command, checkout):
    first = ["ACME", "2025-06-24 08:00 New York", "minute", "Asked for", "2025Q1"]
    numbers = ["0.5", "0.4", "", "", "", "", "9", "8", *([""] * 12)]
    keep = [""] * 11
    outcome = answer(
        "events", "add", "earnings",
        answers=[*first, *numbers, "unknown", *([""] * 3), *keep, "5", *([""] * 17), "y"],
    )  # fmt: skip
    assert "guidance_low 9 is above guidance_high 8\nOnce more" in outcome.out
    assert "    guidance_low: 5\n    guidance_high: 8\n" in outcome.out


def test_a_no_writes_nothing(answer, checkout):
    before = checkout.snapshot("data")
    name = "short_report-20250618-"
    (full,) = [n for n in answer("events", "list", answers=[]).out.split() if n.startswith(name)]
    outcome = answer("events", "remove", full, answers=["n"])
    assert (outcome.code, checkout.snapshot("data")) == (0, before)
    assert outcome.out.endswith("Nothing was written.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_at_a_real_terminal(checkout):
    import pty

    words = ["events", "add", "news"]
    answers = ["ACME", "2025-06-24", "date", "Typed", "contract", "", "unknown", "", "", "", "y"]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(checkout.root)
        code = "from backtest.cli.main import main; main()"
        os.execv(sys.executable, [sys.executable, "-c", code, *words])
    os.write(terminal, "".join(f"{one}\n" for one in answers).encode())
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # the other end has closed
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown.decode()
    assert b"Write it? [y/N]" in shown
    assert ",Typed,contract" in (checkout.root / "data/events/news.csv").read_text()
