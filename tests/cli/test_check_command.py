"""`backtest check`, as it is typed."""

import json

import pytest

from backtest.audit.declared import TITLES
from tests.commands import WRONG_USE, fails, too_wide, words

ACME = ("--symbol", "ACME")
PEEKS = """\
import sys
        frame = sys._getframe()
        while frame and "history" not in frame.f_locals:
            frame = frame.f_back
        if frame is None:
            return "nothing to be seen"
        last = frame.f_locals["history"][event.symbol].table.index[-1]
        return f"the last day is {last}"
"""


def test_a_strategy_that_keeps_the_contract(command, checkout):
    checkout.strategy("sound", "return Signal.long(event, hold=3, reason='a report')")
    before = checkout.snapshot(".")
    done = command("check", "sound", *ACME)
    assert done.code == 0
    for title in TITLES.values():
        assert f"ok  {title}" in words(done.out).replace("ok ", "ok  ")
    assert "The contract is kept." in done.out
    assert too_wide(done.out, 80) == []
    assert {k: v for k, v in checkout.snapshot(".").items() if "pycache" not in k} == before


@pytest.mark.usefixtures("in_one_process")
def test_one_that_breaks_it_is_told_with_its_line(command, checkout):
    done = command("check", "beats", *ACME)  # it does not look whether the surprise is known
    assert done.code == WRONG_USE
    assert "failed Answers Beats failed on “A made-up beat” (earnings," in words(done.out)
    assert "beats.py, line 17: if event.eps_surprise <= 0:" in words(done.out)
    assert "The contract is broken: Answers." in done.out
    assert too_wide(done.out, 80) == []


@pytest.mark.usefixtures("in_one_process")
def test_one_that_peeks_has_the_exit_code_of_the_audit(command, checkout):
    checkout.strategy("peeks", PEEKS)
    done = command("check", "peeks", *ACME, "--json")
    assert done.code == 4
    told = json.loads(done.out)
    assert told["ok"] is False
    failed = [one["name"] for one in told["checks"] if one["outcome"] == "failed"]
    assert failed == ["peeking"]


@pytest.mark.usefixtures("in_one_process")
def test_parameters_can_be_set(command, checkout):
    more = '    weight: float = Field(1, gt=0, description="share of equity")\n'
    checkout.strategy("sized", "return Signal.long(event, weight=self.weight)", more=more)
    done = command("check", "sized", *ACME, "--set", "weight=2", "--json")
    assert done.code == WRONG_USE
    assert "weight 2" in done.out


def test_a_strategy_in_another_encoding_is_quoted(command, checkout):
    """Beside it lies a link that leads nowhere, which no copy for a world holds."""
    (checkout.root / "strategies/notes.txt").symlink_to("not_mounted")
    path = checkout.strategy("long", 'return "größer"', more="    größe: int = 3\n")
    text = f"# -*- coding: latin-1 -*-\n{path.read_text(encoding='utf-8')}"
    path.write_bytes(text.encode("latin-1"))
    outcome = command("check", "long", *ACME)
    assert (outcome.code, outcome.err) == (WRONG_USE, "")  # the parameter has no description
    assert "long.py, line 9: größe: int = 3" in words(outcome.out)


def test_an_unknown_strategy_is_one_message(command, checkout):
    fails(command("check", "beat"), WRONG_USE, ["'beats'"], checkout, checkout.snapshot())
