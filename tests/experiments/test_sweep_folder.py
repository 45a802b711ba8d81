"""Sweep folders: parts written whole, gone on with, joined; and what may be wrong with them."""

import errno
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from backtest.engine.rules import Rules
from backtest.errors import DataError, UsageError
from backtest.experiments.sweeps.folder import SweepFolder, _read_table, read_sweep
from tests.sweep_parts import Spec, evaluate
from tests.sweeps import EVIDENCE, set_of

ROOT = Path(__file__).parents[2]
SPEC = Spec()
MANIFEST = {
    "sweep_id": SPEC.sweep_id,
    "strategy": "beats",
    "symbols": ["ACME"],
    "parameters": {"hold": 3, "stop": None},
    "axes": SPEC.axes,
    "base": {"hold": 3, "stop": None},
    "base_figures": set_of(0.1),
    "sets": 24,
    "rules": Rules().model_dump(),
    "costs": None,
    "span": {"first": "2025-06-02", "last": "2025-07-15"},
    "trials": 24,
    "evidence": EVIDENCE,
    "finished_at": "2026-01-01T00:00:00+00:00",
}


@pytest.fixture
def folder(tmp_path):
    """The folder of the made-up sweep, held."""
    made = SweepFolder(tmp_path, SPEC)
    with made.held():
        yield made


def write(folder, *chunks):
    for chunk in chunks or range(SPEC.chunks):
        folder.write_part(chunk, evaluate(SPEC.to_json(), chunk))


def never(sentence):
    raise AssertionError(sentence)


def part(folder, chunk):
    return folder.work / "parts" / f"{chunk:05}.parquet"


# A sweep from its begin to its end


def test_parts_in_any_order_make_one_file_in_order(folder, tmp_path):
    write(folder, 3, 0, 4, 1)
    assert folder.finished_parts(never) == [0, 1, 3, 4]
    assert not folder.path.exists()
    write(folder, 2)
    sweep = folder.finish(MANIFEST)
    assert folder.path.exists()
    assert sweep.path == tmp_path / "sweep-beats-ACME-0123456789"
    assert sorted(path.name for path in sweep.path.iterdir()) == ["sets.parquet", "sweep.json"]
    assert sweep.sets.column("set").to_pylist() == list(range(24))
    assert sweep.sets.column("hold").to_pylist() == [n // 4 + 1 for n in range(24)]
    assert sweep.sets.column("stop").to_pylist() == [None, 0.1, 0.2, 0.3] * 6
    found = read_sweep(sweep.path).manifest
    digest = sha256((sweep.path / "sets.parquet").read_bytes()).hexdigest()
    assert found == {**MANIFEST, "files": {"sets.parquet": digest}}
    assert read_sweep(sweep.path).sets == sweep.sets


def test_only_the_finished_sweep_is_left(tmp_path):
    folder = SweepFolder(tmp_path, SPEC)
    with folder.held():
        write(folder)
        sweep = folder.finish(MANIFEST)
    assert list(tmp_path.iterdir()) == [sweep.path]


def test_a_sweep_whose_specification_was_removed_meanwhile_is_finished(folder):
    write(folder)
    (folder.work / "spec.json").unlink()
    assert {file.name for file in folder.finish(MANIFEST).path.iterdir()} == {
        "sets.parquet", "sweep.json",
    }  # fmt: skip


def test_each_part_is_a_row_group(folder):
    write(folder)
    file = pq.ParquetFile(folder.finish(MANIFEST).path / "sets.parquet")
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [5, 5, 5, 5, 4]


def test_the_bytes_hang_on_the_parts_alone(tmp_path):
    contents = []
    for name, order in (("one", [0, 1, 2, 3, 4]), ("two", [4, 2, 0, 3, 1])):
        folder = SweepFolder(tmp_path / name, SPEC)
        with folder.held():
            write(folder, *order)
            contents.append((folder.finish(MANIFEST).path / "sets.parquet").read_bytes())
    assert contents[0] == contents[1]


def test_a_broken_finished_sweep_is_replaced(folder, tmp_path):
    folder.path.mkdir()
    (folder.path / "sweep.json").write_text("{}")
    write(folder)
    assert folder.finish(MANIFEST).sets.num_rows == 24


def test_many_symbols_and_parts_read_one_after_the_other(tmp_path):
    spec = Spec(symbols=tuple("ABCDE"))
    assert SweepFolder(tmp_path, spec).path.name == "sweep-beats-5-symbols-0123456789"


# Going on


def test_a_second_command_goes_on(tmp_path):
    for chunks, known in (((0, 1), []), ((2,), [0, 1]), ((3, 4), [0, 1, 2])):
        folder = SweepFolder(tmp_path, SPEC)
        with folder.held():
            assert folder.finished_parts(never) == known
            write(folder, *chunks)
    with folder.held():
        assert folder.finish(MANIFEST).sets.num_rows == 24


def spoil_bit(content):
    data = bytearray(content)
    data[content.index(b"PAR1") + 60] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda content: b"", "no readable Parquet"),
        (lambda content: content[: len(content) // 2], "no readable Parquet"),
        (lambda content: b"\0" * len(content), "no readable Parquet"),
        (spoil_bit, "no readable Parquet"),
        (lambda _: evaluate(SPEC.to_json(), 2), "it does not hold the sets 5 to 9"),
        (lambda _: evaluate(Spec(sets=8).to_json(), 1), "it does not hold the sets 5 to 9"),
        (lambda _: evaluate(Spec("other").to_json(), 1), "it is of another sweep"),
    ],
    ids=["empty", "cut", "zeros", "bit", "number", "rows", "sweep"],
)
def test_a_corrupt_part_is_set_aside_and_told(folder, spoil, reason):
    write(folder, 0, 1, 2)
    part(folder, 1).write_bytes(spoil(part(folder, 1).read_bytes()))
    told = []
    assert folder.finished_parts(told.append) == [0, 2]
    assert len(told) == 1
    assert f"{part(folder, 1)} is corrupt ({reason}" in told[0]
    assert "evaluated again" in told[0]
    assert "\n" not in told[0]
    assert not part(folder, 1).exists()
    assert part(folder, 1).with_name("00001.parquet.corrupt").exists()
    write(folder, 1, 3, 4)
    assert folder.finished_parts(never) == [0, 1, 2, 3, 4]
    assert folder.finish(MANIFEST).sets.num_rows == 24
    assert sorted(path.name for path in folder.path.iterdir()) == ["sets.parquet", "sweep.json"]


@pytest.mark.parametrize("name", ["00005.parquet", "-0001.parquet", "mine.parquet"])
def test_a_part_that_no_chunk_has_is_set_aside(folder, name):
    write(folder)
    (folder.work / "parts" / name).write_bytes(evaluate(SPEC.to_json(), 0))
    told = []
    assert folder.finished_parts(told.append) == [0, 1, 2, 3, 4]
    assert len(told) == 1
    assert name in told[0]


def test_what_a_killed_writer_left_is_removed(tmp_path):
    folder = SweepFolder(tmp_path, SPEC)
    with folder.held():
        write(folder, 0)
        half = part(folder, 1).with_name(".00001.parquet.0a1b2c3d")
        half.write_bytes(b"PAR1")
    with folder.held():
        assert folder.finished_parts(never) == [0]
        assert not half.exists()


def test_another_specification_is_refused(tmp_path):
    folder = SweepFolder(tmp_path, SPEC)
    with folder.held():
        write(folder, 0)
    other = SweepFolder(tmp_path, Spec(sets=23))
    with (
        pytest.raises(UsageError, match="not the specification of this sweep") as caught,
        other.held(),
    ):
        pass
    assert str(folder.work) in str(caught.value)
    with folder.held():
        assert folder.finished_parts(never) == [0]


def test_a_part_that_is_gone_before_the_end_is_told(folder):
    write(folder, 0, 1, 2, 4)
    with pytest.raises(DataError, match=r"00003\.parquet cannot be read any more.*same command"):
        folder.finish(MANIFEST)
    write(folder, 3)
    assert folder.finish(MANIFEST).sets.num_rows == 24


# Disks and folders


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_keeps_what_was_written(folder, monkeypatch):
    write(folder, 0, 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match="No space left on device") as caught:
            write(folder, 2)
    assert "2 of 5 parts are on disk and kept" in str(caught.value)
    assert "the same command goes on from them" in str(caught.value)
    names = [path.name for path in (folder.work / "parts").iterdir()]
    assert sorted(names) == ["00000.parquet", "00001.parquet"]
    assert folder.finished_parts(never) == [0, 1]


@pytest.mark.parametrize("name", ["ParquetWriter", "write_bytes"])
def test_a_disk_that_is_full_at_the_end_keeps_every_part(folder, monkeypatch, name):
    write(folder)
    with monkeypatch.context() as patched:
        owner = pq if name == "ParquetWriter" else Path
        patched.setattr(owner, name, full)
        with pytest.raises(UsageError, match="No space left on device"):
            folder.finish(MANIFEST)
    assert not folder.path.exists()
    assert folder.finished_parts(never) == [0, 1, 2, 3, 4]
    assert folder.finish(MANIFEST).sets.num_rows == 24


def test_a_reports_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "reports").write_text("mine")
    with (
        pytest.raises(UsageError, match=r"cannot be written.*--out"),
        SweepFolder(tmp_path / "reports", SPEC).held(),
    ):
        pass


# Two processes


def test_a_folder_that_another_process_holds_is_refused(folder, tmp_path):
    code = f"""
import sys
from hashlib import sha256
from pathlib import Path
from backtest.errors import UsageError
from backtest.experiments.sweeps.folder import SweepFolder
from tests.sweep_parts import Spec
try:
    with SweepFolder(Path({str(tmp_path)!r}), Spec()).held():
        print("held")
except UsageError as error:
    print(error)
"""
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"being run by process {os.getpid()} on " in other.stdout
    write(folder, 0)


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path):
    code = f"""
import os, signal
from hashlib import sha256
from pathlib import Path
from backtest.experiments.sweeps.folder import SweepFolder
from tests.sweep_parts import Spec
with SweepFolder(Path({str(tmp_path)!r}), Spec()).held():
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert [path.name for path in tmp_path.glob(".*.lock")] == [".sweep-beats-ACME-0123456789.lock"]
    with SweepFolder(tmp_path, SPEC).held():
        pass
    assert list(tmp_path.glob(".*.lock")) == []


# Reading


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({**MANIFEST, "base": 1})[:-9]])
def test_a_manifest_that_is_none_is_told_with_the_way_out(folder, text):
    write(folder)
    sweep = folder.finish(MANIFEST)
    (sweep.path / "sweep.json").write_text(text)
    with pytest.raises(DataError, match=r"sweep\.json is damaged .*The command that made it"):
        read_sweep(sweep.path)


@pytest.mark.parametrize(
    "spoil",
    [
        Path.unlink,
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(spoil_bit(path.read_bytes())),
        lambda path: path.write_bytes(evaluate(SPEC.to_json(), 0)),
        lambda path: path.write_bytes(evaluate(Spec("other", chunk=24).to_json(), 0)),
    ],
    ids=["missing", "cut", "bit", "rows", "sweep"],
)
def test_sets_that_the_sweep_did_not_write_are_told(folder, spoil):
    write(folder)
    sweep = folder.finish(MANIFEST)
    spoil(sweep.path / "sets.parquet")
    with pytest.raises(DataError, match=r"sets\.parquet is damaged .*The command that made it"):
        _ = read_sweep(sweep.path).sets


def test_no_bit_that_is_flipped_among_the_values_makes_other_values(folder):
    write(folder)
    whole = (folder.finish(MANIFEST).path / "sets.parquet").read_bytes()
    table = _read_table(whole, SPEC.sweep_id)
    footer = 8 + int.from_bytes(whole[-8:-4], "little")
    unnoticed = 0
    for place in range(4, len(whole) - footer, 5):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1
        try:
            found = _read_table(bytes(spoilt), SPEC.sweep_id)
        except ValueError:
            continue
        unnoticed += not found.equals(table)
    assert unnoticed == 0
