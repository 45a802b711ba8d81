"""`backtest init`: a workspace, whole or not at all, never over what is there."""

import filecmp
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backtest.errors import UsageError
from backtest.workspace import folders as new_workspace
from backtest.workspace.folders import PARTS, make_workspace, read_config
from tests.golden.goldens import ROOT

EMPTY: set[str] = set()


@pytest.fixture
def inside(command, monkeypatch, tmp_path_factory):
    """The command line in an empty folder."""
    folder = tmp_path_factory.mktemp("inside")
    monkeypatch.chdir(folder)
    return folder


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(place) for place in found if "__pycache__" not in place.parts}


def test_a_folder_that_leads_nowhere_is_refused(command, inside):
    (inside / "loop").symlink_to("loop")
    for folder in ("~no_such_user/signals", "loop/signals"):
        outcome = command("init", folder)
        assert outcome.code == 2, outcome.err
        assert f"{folder} cannot be written: " in outcome.err
        assert outcome.err.endswith(". Choose another folder.\n")


def test_a_workspace_has_all_strategies_and_all_data_as_they_are(command, inside):
    outcome = command("init", "deep/signals")
    assert (outcome.code, outcome.err) == (0, "")
    made = inside / "deep/signals"
    assert {path.name for path in made.iterdir()} == set(PARTS)
    for part in ("strategies", "data"):
        assert files(made / part) == {
            name for name in files(ROOT / part) if not name.endswith((".lock", ".next"))
        }
        assert all(
            filecmp.cmp(made / part / name, ROOT / part / name, shallow=False)
            for name in files(made / part)
        )
    assert f"{made} is a workspace: strategies, data, reports, backtest.toml." in outcome.out
    assert "cd deep/signals" in outcome.out


def test_what_it_writes_are_the_settings_that_are_built_in(inside):
    made = make_workspace(inside)
    config = read_config(start=made)
    assert config.path == made / "backtest.toml"
    for name in ("strategies", "data", "reports"):
        assert config.settings[f"folders.{name}"].source == "file"
        assert (made / name).is_dir()
    lines = config.path.read_text(encoding="utf-8").splitlines()
    examples = [line.removeprefix("# ") for line in lines]
    stated = "\n".join(line for line in examples if "=" in line or line.startswith("["))
    config.path.write_text(stated, encoding="utf-8")
    values = {key: read_config(start=made).value(key) for key in ("symbol", "cash", "costs")}
    assert values == {"symbol": ("CRWV",), "cash": 100_000.0, "costs": "retail"}
    assert read_config(start=made).defaults.tables == {"earnings_surprise": {"hold": 5}}


def test_the_folder_may_hold_other_files(command, inside):
    mine = ("notes.txt", ".bashrc.20251231", ".cache.deadbeef")
    for name in mine:
        (inside / name).write_text("mine")
    told = json.loads(command("init", ".", "--json").out)
    assert told == {"path": str(inside), "parts": list(PARTS)}
    assert [(inside / name).read_text() for name in mine] == ["mine"] * len(mine)
    assert json.loads(command("prices", "list", "--json").out)


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_written_over_what_is_there(command, inside, part):
    (inside / part).write_text("mine")
    outcome = command("init", ".")
    assert outcome.code == 2
    assert f"{inside} has {part} already; nothing was written." in outcome.err
    assert {path.name for path in inside.iterdir()} == {part}


def test_a_link_that_leads_nowhere_is_left(command, inside):
    (inside / "data").symlink_to(inside / "not_mounted")
    assert command("init", ".").code == 2
    assert [path.name for path in inside.iterdir()] == ["data"]


def test_a_name_with_a_blank_is_told_as_a_shell_takes_it(command, inside):
    assert "Go there: cd 'my signals'\n" in command("init", "my signals").out


def test_what_comes_in_between_is_not_taken_away(inside, monkeypatch):
    def fill(beside):
        real(beside)
        (inside / "data").mkdir()
        (inside / "data" / "mine.csv").write_text("mine")

    real = new_workspace._fill
    monkeypatch.setattr(new_workspace, "_fill", fill)
    with pytest.raises(UsageError, match="cannot be written"):
        make_workspace(inside)
    assert [path.name for path in inside.rglob("*")] == ["data", "mine.csv"]


def test_a_file_is_no_folder(command, inside):
    (inside / "taken").write_text("mine")
    outcome = command("init", "taken")
    assert outcome.code == 2
    assert f"{inside}/taken cannot be written: " in outcome.err


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["copyfile", "rename"])
def test_a_failure_leaves_nothing(inside, monkeypatch, there, failure, step):
    if there:
        (inside / "new").mkdir()
    done = []

    def fails_at_the_third(*given, **more):
        done.append(given)
        if len(done) == 3:
            raise failure
        return real(*given, **more)

    owner = new_workspace.shutil if step == "copyfile" else Path
    real = getattr(shutil if step == "copyfile" else Path, step)
    monkeypatch.setattr(owner, step, fails_at_the_third)
    with pytest.raises((new_workspace.UsageError, KeyboardInterrupt)):
        make_workspace(inside / "new" if there else inside / "new" / "deep")
    monkeypatch.undo()
    assert {str(path.relative_to(inside)) for path in inside.rglob("*")} == (
        {"new"} if there else EMPTY
    )


@pytest.mark.parametrize("rename", [1, 2, 3, 4])
def test_a_killed_init_is_gone_on_with(inside, rename):
    """The process dies at one of the four renames: the same command makes the workspace whole."""
    program = (
        "import os, sys; from pathlib import Path; from backtest.cli.main import main\n"
        "left, real = [int(sys.argv.pop())], Path.rename\n"
        "def rename(path, target):\n"
        "    left[0] -= 1\n"
        "    return real(path, target) if left[0] else os._exit(9)\n"
        "Path.rename = rename; main()"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, "init", "new", str(rename)], cwd=inside, check=False
    )
    assert killed.returncode == 9
    there = {path.name for path in (inside / "new").iterdir()} & {*PARTS}
    assert there == {*PARTS[: rename - 1]}
    made = make_workspace(inside / "new")
    assert {path.name for path in made.iterdir()} == {*PARTS}
    assert files(made / "data") == {
        name for name in files(ROOT / "data") if not name.endswith((".lock", ".next"))
    }
