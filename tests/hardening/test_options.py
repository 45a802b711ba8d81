"""Command lines drawn at random: every option of every command with values that nobody means."""

from random import Random

import click
import pytest
import typer

from backtest.cli.main import app
from tests.hardening.conftest import SEED, TIMES, unfinished
from tests.hardening.mutants import HOSTILE

pytestmark = pytest.mark.slow
LINES = 12 * TIMES  # of each command
VALUES = (*HOSTILE, ".", "..", "/dev/null", "n" * 300, "ACME", "beats", "earnings", "data", "3",
          "hold=2", "hold=", "hold=1:3", "=", "close=x", "2025-06-10", "csv", "retail")  # fmt: skip
MEANT = ("ACME", "beats", "earnings", "INDX", "owner", "index", "data/events/earnings.csv")
# What asks the network, starts browsers and processes, or writes outside the workspace.
NOT_TRIED = {"events fetch", "prices fetch", "open", "audit", "init"}
WRITES_ANYWHERE = {"--out", "--output", "--data", "--strategies"}


def commands(group: click.Group, path: str = "") -> dict[str, click.Command]:
    found = {}
    for name, command in group.commands.items():
        whole = f"{path} {name}".strip()
        if hasattr(command, "commands"):
            found |= commands(command, whole)
        elif not any(whole.startswith(left) for left in NOT_TRIED):
            found[whole] = command
    return found


COMMANDS = commands(typer.main.get_command(app))


def line(name: str, random: Random) -> list[str]:
    """A command line: arguments that are often meant, and up to three options."""
    words = name.split()
    arguments = [one for one in COMMANDS[name].params if one.param_type_name == "argument"]
    options = [one for one in COMMANDS[name].params if one.param_type_name == "option"]
    for _ in arguments:
        if random.random() < 0.9:
            words.append(random.choice(MEANT if random.random() < 0.7 else VALUES))
    for option in random.sample(options, min(len(options), random.randrange(4))):
        words.append(option.opts[0])
        if not option.is_flag:
            value = random.choice(VALUES)
            if option.opts[0] in WRITES_ANYWHERE and value.startswith("/"):
                value = "/dev/null"
            words.append(value)
    return [word.replace("\x00", "") for word in words]  # which no shell can hand over


@pytest.mark.parametrize("name", COMMANDS)
def test_any_line_is_one_message_or_an_answer(checkout, tried, monkeypatch, name):
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    for number in range(LINES):
        words = line(name, Random(f"{name} {SEED + number}"))
        try:
            tried(*words)
        except AssertionError as error:
            raise AssertionError(f"line {SEED + number}: {words!r:.400}: {error}") from error
        assert unfinished(checkout) == []
