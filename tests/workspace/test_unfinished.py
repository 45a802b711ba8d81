"""Unfinished work has a hidden name; what killed processes left is cleared."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from backtest.workspace.files import clear_unfinished, temporary_path, write_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_nobody_holds_is_cleared_and_nothing_else(tmp_path):
    (tmp_path / ".run.json.0a1b2c3d").write_text("half")
    (tmp_path / ".beats-ACME-0123456789.0a1b2c3d").mkdir()
    (tmp_path / ".beats-ACME-0123456789.0a1b2c3d" / "trades.csv").write_text("half")
    kept = [".CRWV.csv.20251231", ".CRWV.lock", ".hidden", ".sweep-beats-ACME-0123456789"]
    kept.append("run.0a1b2c3d")
    for name in kept:
        (tmp_path / name).write_text("mine")
    clear_unfinished(tmp_path)
    assert names(tmp_path) == kept


def test_what_a_living_process_holds_is_left(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from backtest.workspace.files import temporary_path\n"
        "with temporary_path(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "run.json")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    clear_unfinished(tmp_path)
    assert len(names(tmp_path)) == 1
    process.kill()
    process.communicate()
    assert len(names(tmp_path)) == 1
    clear_unfinished(tmp_path)
    assert names(tmp_path) == []


def test_a_folder_that_was_put_aside_comes_back_where_none_took_its_place(tmp_path):
    old = tmp_path / ".beats-ACME-0123456789.0a1b2c3d.old"
    old.mkdir()
    (old / "run.json").write_text("whole")
    clear_unfinished(tmp_path)
    assert names(tmp_path) == ["beats-ACME-0123456789"]
    old.mkdir()
    clear_unfinished(tmp_path)
    assert names(tmp_path) == ["beats-ACME-0123456789"]
    assert (tmp_path / "beats-ACME-0123456789" / "run.json").read_text() == "whole"


def test_nothing_is_left_afterwards(tmp_path):
    with temporary_path(tmp_path / "a") as beside:
        beside.write_text("half")
    write_folder(tmp_path / "b", {"one.txt": "1"})
    write_folder(tmp_path / "b", {"two.txt": "2"})
    assert names(tmp_path) == ["b"]
    assert names(tmp_path / "b") == ["two.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such locks")
def test_a_command_that_runs_under_a_lock_of_the_folder_above_writes(tmp_path):
    """As of `flock reports backtest run`, which would wait for itself."""
    import fcntl

    above = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(above, fcntl.LOCK_EX)
    second = Thread(target=write_folder, args=(tmp_path / "run", {"run.json": "2"}), daemon=True)
    second.start()
    second.join(20)
    try:
        assert names(tmp_path / "run") == ["run.json"]
    finally:
        os.close(above)


def test_of_two_that_write_a_folder_at_once_each_writes_it_whole(tmp_path, monkeypatch):
    place, exists = tmp_path / "run", Path.exists
    second = Thread(target=write_folder, args=(place, {"run.json": "2"}))

    def meanwhile(path):
        found = exists(path)
        if path == place and second.ident is None:
            second.start()
            second.join(0.3)  # it would end here, but has to wait
        return found

    monkeypatch.setattr(Path, "exists", meanwhile)
    write_folder(place, {"run.json": "1"})
    second.join()
    assert names(tmp_path) == ["run"]
    assert (place / "run.json").read_text() == "2"
