"""Versions: which one an undo finds, and what was left unfinished before a change."""

import json
from datetime import datetime
from hashlib import sha256

import pytest

from backtest.data import versions
from backtest.data.datafile import metadata_path, read_data_file, waiting_path
from backtest.data.versions import (
    clear_history,
    read_version,
    seal,
    undo,
    version_as_of,
    version_before,
    write_version,
)
from backtest.errors import DataError, UsageError
from tests.versioned import recorded

TEXTS = [f"date,close\n2025-06-0{n},{n}\n" for n in (2, 3, 4, 5)]
FACTS = {
    "source": "made up", "first": "2025-06-02", "last": "2025-06-02", "rows": 1, "adjust": None,
    "compiled_on": "2025-07-01",
}  # fmt: skip
LEFT = ".MADE.csv.0a1b2c3d"


@pytest.fixture
def path(tmp_path):
    """A file with four versions."""
    place, over = tmp_path / "data" / "prices" / "MADE.csv", None
    for number, text in enumerate(TEXTS, 1):
        over = write_version(place, text, FACTS, reason=f"change {number}", over=over).sha256
    return place


def read(path):
    return read_data_file(path, "backtest prices seal MADE")


def numbers(path):
    return [one.number for one in versions.versions(path)]


def history(path):
    return path.parent / ".history" / path.stem


def test_a_new_file_in_a_folder_that_is_not_there_is_version_1(path):
    assert numbers(path) == [1, 2, 3, 4]
    assert [one.reason for one in versions.versions(path)] == [f"change {n}" for n in (1, 2, 3, 4)]
    assert [read_version(path, one).text for one in versions.versions(path)] == TEXTS


def test_times_are_recorded_to_the_second(path):
    recorded_at = read(path).metadata["recorded_at"]
    assert datetime.fromisoformat(recorded_at).microsecond == 0
    assert "." not in recorded_at


def test_a_version_is_read_as_a_file_of_its_place_with_its_own_metadata(path):
    third = versions.versions(path)[2]
    file = read_version(path, third)
    assert (file.path, file.metadata["version"]) == (path, 3)
    assert file.metadata["reason"] == "change 3"


def test_the_number_of_a_version_is_in_use_for_ever(path):
    for copy in history(path).glob("4-*"):
        copy.unlink()
    for copy in history(path).glob("3-*.csv"):
        copy.rename(copy.with_name("7-damaged.csv"))
    made = write_version(path, TEXTS[0], FACTS, reason="more", over=read(path).sha256)
    assert made.number == 8


# Undo


@pytest.mark.parametrize(
    ("to", "text", "reason"),
    [
        (None, TEXTS[2], "undone, back to version 3"),
        (1, TEXTS[0], "undone, back to version 1"),
        (2, TEXTS[1], "undone, back to version 2"),
    ],
)
def test_undo_puts_the_version_back_that_is_named_or_the_one_before(path, to, text, reason):
    made = undo(path, over=read(path).sha256, to=to)
    assert (made.number, made.reason) == (5, reason)
    assert read(path).text == text


def test_undo_to_what_is_there_already_changes_nothing(path):
    made = undo(path, over=read(path).sha256, to=4)
    assert (made.number, made.reason) == (4, "change 4")
    assert numbers(path) == [1, 2, 3, 4]


def test_undo_to_a_version_that_an_undo_put_back_is_of_what_it_restored(path):
    undo(path, over=read(path).sha256, to=1)
    write_version(path, TEXTS[3], read(path).metadata, reason="again", over=read(path).sha256)
    made = undo(path, over=read(path).sha256, to=5)
    assert (made.number, made.reason) == (7, "undone, back to version 1")


def test_undo_goes_back_before_the_version_that_the_last_undo_restored(path):
    undo(path, over=read(path).sha256, to=3)
    assert version_before(path).number == 2
    undo(path, over=read(path).sha256)
    assert (read(path).text, version_before(path).number) == (TEXTS[1], 1)
    undo(path, over=read(path).sha256)
    with pytest.raises(UsageError, match="no version before this one"):
        version_before(path)


def test_a_version_that_is_none_is_told_with_those_there_are(path):
    with pytest.raises(UsageError, match=r"has no version 5\. Its versions: 1, 2, 3, 4\."):
        version_before(path, 5)
    with pytest.raises(UsageError, match=r"has no version 0\."):
        undo(path, over=read(path).sha256, to=0)


def test_the_version_of_the_very_moment_stands_in_for_none(path):
    recorded(path, 1, "2025-06-01T00:00:00+00:00")
    recorded(path, 2, "2025-06-02T00:00:00+00:00")
    moment = datetime.fromisoformat("2025-06-02T00:00:00+00:00")
    found, is_later = version_as_of(path, moment)
    assert (found.number, is_later) == (2, False)


# Seal


def test_a_seal_keeps_what_is_on_record_but_for_what_it_says(path):
    assert seal(path, ["2025-06-05"], source=None) == metadata_path(path)
    assert (read(path).metadata["source"], read(path).metadata["adjust"]) == ("made up", None)
    seal(path, ["2025-06-05"], source="another", adjust="splits")
    seal(path, ["2025-06-05"], source=None)
    assert (read(path).metadata["source"], read(path).metadata["adjust"]) == ("another", "splits")
    assert read(path).metadata["reason"] == "edited by hand and sealed"


def test_a_seal_may_put_a_text_of_the_same_meaning_in_place(path):
    path.write_text("date,close\n5 June,5\n")
    seal(path, ["2025-06-05"], source=None, text=TEXTS[3])
    assert read(path).text == TEXTS[3]
    assert numbers(path)[-1] == 5


# What was left unfinished


def test_a_change_clears_what_was_left_beside_the_file_and_in_its_history(path):
    for folder in (path.parent, history(path)):
        (folder / LEFT).write_text("half")
    write_version(path, TEXTS[0], FACTS, reason="more", over=read(path).sha256)
    assert not (path.parent / LEFT).exists()
    assert not (history(path) / LEFT).exists()


def test_an_undo_clears_it_also_where_it_changes_nothing(path):
    for folder in (path.parent, history(path)):
        (folder / LEFT).write_text("half")
    undo(path, over=read(path).sha256, to=4)
    assert not (path.parent / LEFT).exists()
    assert not (history(path) / LEFT).exists()


def test_the_history_is_cleared_alone(path):
    for folder in (path.parent, history(path)):
        (folder / LEFT).write_text("half")
    clear_history(path)
    assert (path.parent / LEFT).exists()
    assert not (history(path) / LEFT).exists()


def test_for_a_new_file_no_folder_is_looked_through(path, monkeypatch):
    looked_at = []
    monkeypatch.setattr(versions, "clear", looked_at.append)
    other = path.with_name("OTHR.csv")
    write_version(other, TEXTS[0], FACTS, reason="new", over=None)
    assert looked_at == []
    write_version(other, TEXTS[1], FACTS, reason="more", over=read(other).sha256)
    assert looked_at == [other]


def test_of_a_new_file_that_was_begun_everything_is_cleared(path):
    other = path.with_name("OTHR.csv")
    waiting_path(other).write_text("{}")
    (path.parent / LEFT).write_text("half")
    write_version(other, TEXTS[0], FACTS, reason="new", over=None)
    assert not (path.parent / LEFT).exists()
    assert not waiting_path(other).exists()


@pytest.fixture
def half_changed(path):
    """The next version is in place, but its metadata still wait."""
    text = TEXTS[3] + "2025-06-06,6\n"
    known = {**FACTS, "sha256": sha256(text.encode()).hexdigest(), "version": 5,
             "recorded_at": "2025-07-02T00:00:00+00:00", "reason": "killed"}  # fmt: skip
    path.write_text(text)
    waiting_path(path).write_text(json.dumps(known))
    return path


def test_a_change_that_fails_after_one_that_was_killed_leaves_a_whole_version(
    half_changed, monkeypatch
):
    def fail(place, _):
        raise UsageError(f"{place} cannot be written")

    seen = read(half_changed)
    assert seen.metadata["version"] == 5
    monkeypatch.setattr(versions, "write_bytes", fail)
    with pytest.raises(UsageError, match="cannot be written"):
        write_version(half_changed, TEXTS[0], FACTS, reason="more", over=seen.sha256)
    assert read(half_changed).metadata["version"] == 5
    assert not waiting_path(half_changed).exists()


def test_a_change_keeps_the_version_whose_metadata_waited(half_changed):
    seen = read(half_changed)
    assert write_version(half_changed, TEXTS[0], FACTS, reason="more", over=seen.sha256).number == 6
    assert [one.reason for one in versions.versions(half_changed)][4:] == ["killed", "more"]
    assert read_version(half_changed, versions.versions(half_changed)[4]).text == seen.text


def test_metadata_that_wait_for_another_content_are_dropped(path):
    waiting_path(path).write_text(json.dumps({**FACTS, "sha256": "ab" * 32, "version": 9}))
    assert write_version(path, TEXTS[0], FACTS, reason="more", over=read(path).sha256).number == 5
    assert not waiting_path(path).exists()


def test_where_metadata_cannot_be_put_in_place_they_count_where_they_wait(path, monkeypatch):
    real = versions.os.replace

    def replace(source, target):
        if target == metadata_path(path):
            raise OSError(13, "Permission denied")
        real(source, target)

    seen = read(path).sha256
    monkeypatch.setattr(versions.os, "replace", replace)
    made = write_version(path, TEXTS[0], FACTS, reason="more", over=seen)
    assert (made.number, read(path).metadata["reason"]) == (5, "more")
    assert waiting_path(path).exists()


def test_what_is_no_longer_there_cannot_be_changed(path):
    seen = read(path).sha256
    path.unlink()
    with pytest.raises(UsageError, match="has changed since it was read, so nothing was written"):
        write_version(path, TEXTS[0], FACTS, reason="more", over=seen)
    with pytest.raises(DataError, match="is missing"):
        versions.versions(path)


def test_metadata_are_json_that_people_can_read(path):
    write_version(
        path, TEXTS[0], {**FACTS, "source": "Börse"}, reason="more", over=read(path).sha256
    )
    text = metadata_path(path).read_text(encoding="utf-8")
    assert text.startswith('{\n  "source": "Börse",\n')
    assert text.endswith("}\n")
