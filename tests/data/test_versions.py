"""Versions of data files: what is kept, what comes back, and what a killed process leaves."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from backtest.data import versions
from backtest.data.datafile import metadata_of, metadata_path, read_data_file
from backtest.data.versions import (
    read_version,
    seal,
    undo,
    version_as_of,
    version_before,
    write_version,
)
from backtest.errors import DataError, UsageError
from backtest.workspace.files import lock_file
from tests.versioned import recorded

FIRST = "date,close\n2025-06-02,1\n"
SECOND = FIRST + "2025-06-03,2\n"
THIRD = SECOND + "2025-06-04,3\n"
METADATA = {
    "source": "made up",
    "first": "2025-06-02",
    "last": "2025-06-02",
    "rows": 1,
    "adjust": "none",
    "compiled_on": "2025-07-01",
}


@pytest.fixture
def path(tmp_path):
    """A file that is version 1, as a checkout brings it: nothing tells when it came to be."""
    place = tmp_path / "prices" / "MADE.csv"
    place.parent.mkdir()
    place.write_text(FIRST)
    metadata_path(place).write_text(
        json.dumps({**METADATA, "sha256": sha256(FIRST.encode()).hexdigest()})
    )
    return place


def read(path):
    return read_data_file(path, seal_command="backtest prices seal MADE")


def change(path, text, reason="added a row"):
    file = read(path)
    return write_version(path, text, file.metadata, reason=reason, over=file.sha256)


def back(path):
    return undo(path, over=read(path).sha256)


def texts(path):
    return [read_version(path, version).text for version in versions.versions(path)]


def hidden(path):
    """What a change leaves in the folder beside the file, its metadata and its history."""
    return sorted(p.name for p in path.parent.glob(".*") if p.name != ".history")


# What a change keeps


def test_a_change_is_a_version_and_the_one_before_is_kept(path):
    made = change(path, SECOND)
    assert (made.number, made.reason) == (2, "added a row")
    assert datetime.now(UTC) - made.recorded_at < timedelta(minutes=1)
    assert read(path).text == SECOND
    assert read(path).metadata["source"] == "made up"
    assert read(path).metadata["version"] == 2
    assert texts(path) == [FIRST, SECOND]
    assert hidden(path) == []


def test_a_file_from_before_versions_is_version_1_of_the_day_it_was_compiled_on(path):
    (only,) = versions.versions(path)
    assert (only.number, only.recorded_at) == (1, datetime(2025, 7, 1, tzinfo=UTC))
    change(path, SECOND)
    first, _ = versions.versions(path)
    assert (first.number, first.recorded_at) == (1, datetime(2025, 7, 1, tzinfo=UTC))
    assert first.metadata["rows"] == 1


def test_a_new_file_is_version_1(tmp_path):
    place = tmp_path / "events" / "news.csv"
    write_version(
        place, FIRST, metadata_of(["2025-06-02"], source="made up"), reason="begun", over=None
    )
    assert read(place).text == FIRST
    assert read(place).metadata["version"] == 1
    assert texts(place) == [FIRST]


def test_bytes_are_kept_as_they_are(path):
    content = b"\xef\xbb\xbf" + SECOND.replace("\n", "\r\n").encode()
    write_version(path, content, METADATA, reason="saved by a spreadsheet", over=read(path).sha256)
    change(path, THIRD)
    second = versions.versions(path)[1]
    assert second.path.read_bytes() == content


def test_metadata_alone_can_change(path):
    file = read(path)
    write_version(
        path, FIRST, {**file.metadata, "source": "another"}, reason="named", over=file.sha256
    )
    assert [v.metadata["source"] for v in versions.versions(path)] == ["made up", "another"]


def test_a_change_of_what_is_no_longer_there_is_refused(path):
    seen = read(path).sha256
    change(path, SECOND)
    with pytest.raises(UsageError, match=r"MADE\.csv has changed since it was read"):
        write_version(path, THIRD, METADATA, reason="added", over=seen)
    with pytest.raises(UsageError, match="has changed since it was read"):
        write_version(path, THIRD, METADATA, reason="begun", over=None)
    assert texts(path) == [FIRST, SECOND]


# Edited by hand


def test_what_a_command_wrote_survives_an_edit_by_hand(path):
    change(path, SECOND)
    path.write_text(THIRD)
    seal(path, ["2025-06-02", "2025-06-03", "2025-06-04"], source=None, adjust=None)
    assert texts(path) == [FIRST, SECOND, THIRD]
    assert versions.versions(path)[-1].reason == "edited by hand and sealed"


def test_of_a_file_that_was_never_kept_an_edit_by_hand_leaves_the_metadata(path):
    path.write_text(SECOND)
    seal(path, ["2025-06-02", "2025-06-03"], source=None, adjust=None)
    first, second = versions.versions(path)
    assert (first.number, first.path, first.metadata["rows"]) == (1, None, 1)
    assert second.number == 2
    with pytest.raises(DataError, match=r"Version 1 of .*MADE\.csv is lost.*edited by hand"):
        read_version(path, first)
    with pytest.raises(DataError, match="is lost"):
        back(path)


# Undo


def test_undo_puts_the_version_before_back_as_a_new_one(path):
    change(path, SECOND)
    made = back(path)
    assert (made.number, made.reason) == (3, "undone, back to version 1")
    assert read(path).text == FIRST
    assert texts(path) == [FIRST, SECOND, FIRST]


def test_a_second_undo_goes_further_back_until_nothing_is_left(path):
    change(path, SECOND)
    change(path, THIRD)
    assert version_before(path).number == 2
    back(path)
    assert read(path).text == SECOND
    back(path)
    assert read(path).text == FIRST
    with pytest.raises(UsageError, match=r"MADE\.csv has no version before this one: .*nothing"):
        back(path)
    assert texts(path) == [FIRST, SECOND, THIRD, SECOND, FIRST]


def test_undo_after_an_undo_and_a_change(path):
    change(path, SECOND)
    back(path)
    change(path, THIRD)
    back(path)
    assert read(path).text == FIRST
    with pytest.raises(UsageError, match="nothing to undo"):
        back(path)


def test_nothing_to_undo(path):
    with pytest.raises(UsageError, match="nothing to undo"):
        back(path)


def test_undo_does_not_overwrite_an_edit_by_hand(path):
    change(path, SECOND)
    recorded = read(path).sha256
    path.write_text(THIRD)
    with pytest.raises(UsageError, match="has changed since it was read"):
        undo(path, over=recorded)
    assert path.read_text() == THIRD


def test_an_edit_by_hand_is_undone_where_the_version_is_named(path):
    change(path, SECOND)
    path.write_text(THIRD)
    edited = sha256(THIRD.encode()).hexdigest()
    with pytest.raises(UsageError, match=r"MADE\.csv was edited by hand.* seal, or .* --to"):
        undo(path, over=edited)
    assert path.read_text() == THIRD
    undo(path, over=edited, to=2)
    assert read(path).text == SECOND


# As of a moment


@pytest.fixture
def history(path):
    """Three versions: of 1 July, 1 August and 1 September."""
    change(path, SECOND)
    recorded(path, 2, "2025-08-01T00:00:00+00:00")
    change(path, THIRD)
    recorded(path, 3, "2025-09-01T00:00:00+00:00")
    return path


@pytest.mark.parametrize(
    ("moment", "number", "later"),
    [
        ("2025-06-30T23:59:59+00:00", 1, True),
        ("2025-07-01T00:00:00+00:00", 1, False),
        ("2025-07-31T23:59:59+00:00", 1, False),
        ("2025-08-01T00:00:00+00:00", 2, False),
        ("2025-08-31T23:59:59+00:00", 2, False),
        ("2025-08-31T23:59:59-04:00", 3, False),
        ("2030-01-01T00:00:00+00:00", 3, False),
    ],
)
def test_the_version_of_a_moment_is_the_newest_recorded_by_then(history, moment, number, later):
    found, stands_in = version_as_of(history, datetime.fromisoformat(moment))
    assert (found.number, stands_in) == (number, later)


def test_for_a_lost_version_the_next_that_was_kept_stands_in(path):
    path.write_text(SECOND)
    seal(path, [], source=None, adjust=None)
    found, stands_in = version_as_of(path, datetime(2025, 7, 2, tzinfo=UTC))
    assert (found.number, stands_in) == (2, True)


# Damage


def test_a_damaged_copy_is_refused(history):
    second = versions.versions(history)[1]
    second.path.write_text(SECOND + "2025-06-04,99\n")
    with pytest.raises(DataError, match=r"2-.*\.csv is damaged: it is no longer version 2 of"):
        read_version(history, second)
    with pytest.raises(DataError, match="is damaged"):
        back(history)
    assert read(history).text == THIRD


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sha256": "ab", "recorded_at": "yesterday"}'])
def test_damaged_metadata_in_the_history_are_told_and_do_not_stop_a_change(history, text):
    (place,) = (history.parent / ".history" / "MADE").glob("2-*.meta.json")
    place.write_text(text)
    with pytest.raises(DataError, match=r"2-.*\.meta\.json is damaged: .*Restore it, or remove"):
        versions.versions(history)
    assert change(history, SECOND).number == 4
    assert read(history).text == SECOND


# Faults


def test_only_one_process_at_a_time_changes_a_file(path):
    told = pytest.raises(UsageError, match=r"MADE\.csv is being changed by process \d+ on")
    with lock_file(path.parent / ".MADE.lock", "busy"), told:
        change(path, SECOND)
    assert read(path).text == FIRST
    assert change(path, SECOND).number == 2


def test_a_lock_that_a_killed_process_left_is_taken_over(path):
    (path.parent / ".MADE.lock").write_text("process 1 on another")
    assert change(path, SECOND).number == 2
    assert hidden(path) == []


@pytest.mark.parametrize("writes", range(4))
def test_a_full_disk_leaves_the_old_version(path, monkeypatch, writes):
    """The writes are: copy, its metadata, waiting metadata, the file."""
    real, count = versions.write_bytes, iter(range(100))

    def write(place, content):
        if next(count) >= writes:
            raise UsageError(f"{place} cannot be written: No space left on device.")
        real(place, content)

    monkeypatch.setattr(versions, "write_bytes", write)
    with pytest.raises(UsageError, match="No space left on device"):
        change(path, SECOND)
    monkeypatch.undo()
    assert read(path).text == FIRST
    assert hidden(path) == []
    assert change(path, SECOND).number in (2, 3)
    assert texts(path) == [FIRST, SECOND]


def test_a_folder_that_cannot_be_written_is_told(path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    seen = read(path).sha256
    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(UsageError, match=r"MADE\.csv cannot be changed: Permission denied"):
        write_version(path, SECOND, METADATA, reason="added", over=seen)


# Killed at each step: the writes are those above, then the metadata, then the new copy.
KILLED = """
import os, signal, sys
from pathlib import Path
from backtest.data.datafile import read_data_file
from backtest.data.versions import write_version
path, steps, real = Path(sys.argv[1]), int(sys.argv[2]), os.replace
file = read_data_file(path, seal_command="")
def replace(*places):
    global steps
    if steps == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    steps -= 1
    real(*places)
os.replace = replace
write_version(path, sys.argv[3], file.metadata, reason="killed", over=file.sha256)
"""


@pytest.mark.parametrize("steps", range(7))
def test_a_process_killed_at_any_step_leaves_the_old_version_or_the_new(path, steps):
    words = [sys.executable, "-c", KILLED, str(path), str(steps), SECOND]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    file = read(path)  # fits its metadata
    now = SECOND if steps >= 4 else FIRST
    assert (file.text, file.metadata.get("version", 1)) == (now, 2 if steps >= 4 else 1)
    assert texts(path)[-1] == now
    change(path, THIRD)
    assert texts(path) == [FIRST, *([SECOND] if steps >= 4 else []), THIRD]
    assert hidden(path) == []
    assert not list((path.parent / ".history" / "MADE").glob(".*"))
    back(path)
    assert read(path).text == now


def test_a_link_stays_one_and_what_it_points_to_is_written(path, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for place in (path, metadata_path(path)):
        place.rename(elsewhere / place.name)
        place.symlink_to(elsewhere / place.name)
    (elsewhere / f".{path.name}.0a1b2c3d").write_text("half")
    write_version(path, SECOND, METADATA, reason="more", over=read(path).sha256)
    assert path.is_symlink()
    assert metadata_path(path).is_symlink()
    assert (elsewhere / path.name).read_text() == SECOND
    assert read_data_file(elsewhere / path.name, "seal").metadata["version"] == 2
    assert sorted(one.name for one in elsewhere.iterdir()) == ["MADE.csv", "MADE.meta.json"]
