"""Data files and their metadata: what is refused, how it is mended, and that writes are whole."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backtest.data import datafile
from backtest.data.datafile import (
    DataFile,
    csv_text,
    metadata_path,
    open_known_file,
    raise_problems,
    read_data_file,
    read_rows,
    span_of,
    waiting_path,
    write_data_file,
)
from backtest.data.versions import seal
from backtest.errors import DataError, UsageError
from backtest.workspace.files import write_text

TEXT = "date,close\n2025-06-02,1\n2025-06-03,2\n"
COMMAND = "backtest prices seal MADE"


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "MADE.csv"
    place.write_text(TEXT)
    seal(place, ["2025-06-03", "2025-06-02"], source="made up", adjust="none")
    return place


def read(path: Path) -> DataFile:
    return read_data_file(path, seal_command=COMMAND)


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path)
    return str(caught.value)


def listing(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.iterdir() if place.name != ".history")


def test_a_sealed_file_is_read_with_its_metadata(path):
    file = read(path)
    assert file.text == TEXT
    assert file.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert file.metadata.pop("recorded_at").startswith(file.metadata["compiled_on"])
    assert file.metadata == {
        "source": "made up",
        "first": "2025-06-02",
        "last": "2025-06-03",
        "rows": 2,
        "adjust": "none",
        "compiled_on": datetime.now(UTC).date().isoformat(),
        "sha256": file.sha256,
        "reason": "edited by hand and sealed",
        "version": 1,
    }
    assert metadata_path(path) == path.parent / "MADE.meta.json"
    assert (path.parent / "MADE.meta.json").exists()


def test_one_changed_byte_is_refused_with_the_command_that_acknowledges_it(path):
    path.write_text(TEXT.replace(",2\n", ",3\n"))
    told = refusal(path)
    assert told.startswith(f"{path} changed since its metadata were written (sha256 ")
    assert f"acknowledge it with `{COMMAND}`; else restore the file" in told
    assert hashlib.sha256(TEXT.encode()).hexdigest()[:12] in told


def test_line_ends_count_as_content(path):
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    assert "changed since" in refusal(path)


def test_a_file_without_metadata_asks_for_its_source(path):
    metadata_path(path).unlink()
    told = refusal(path)
    assert f"{path} has no metadata file MADE.meta.json" in told
    assert f"`{COMMAND} --source '…'`" in told


@pytest.mark.parametrize("text", ["", "{", "source: made up", '{"source": "made up",}'])
def test_corrupt_metadata_are_refused(path, text):
    metadata_path(path).write_text(text)
    assert refusal(path).startswith(f"{metadata_path(path)} is not readable JSON")


@pytest.mark.parametrize("text", ["[]", '"made up"', "1", "null"])
def test_metadata_of_another_shape_are_refused(path, text):
    metadata_path(path).write_text(text)
    assert str(metadata_path(path)) in refusal(path)


def test_metadata_that_are_not_utf_8_are_refused(path):
    metadata_path(path).write_bytes(b'{"source": "\xff"}')
    assert str(metadata_path(path)) in refusal(path)


def test_incomplete_metadata_name_what_they_lack(path):
    known = json.loads(metadata_path(path).read_text())
    del known["rows"], known["compiled_on"]
    metadata_path(path).write_text(json.dumps(known))
    told = refusal(path)
    assert f"{metadata_path(path)} lacks rows, compiled_on. Write it anew with `{COMMAND}" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "MADE.csv is empty. It needs a header line and one line a row."),
        (b" \n\t\n", "MADE.csv is empty"),
        (b"date,close\n2025-06-02,1\n\xe9\n", "MADE.csv, line 3: not UTF-8. Save the file as"),
    ],
)
def test_unreadable_content_is_told(path, content, told):
    path.write_bytes(content)
    assert told in refusal(path)


def test_a_missing_file_is_told(path):
    path.unlink()
    assert refusal(path) == f"{path} is missing."


def test_a_folder_in_place_of_a_file_is_told(path):
    path.unlink()
    path.mkdir()
    assert f"{path} cannot be read: Is a directory" in refusal(path)


# Seal


def test_seal_keeps_source_and_adjust_mode_that_are_on_record(path):
    path.write_text(TEXT + "2025-06-04,3\n")
    days = ["2025-06-02", "2025-06-03", "2025-06-04"]
    assert seal(path, days, source=None, adjust=None) == metadata_path(path)
    metadata = read(path).metadata
    assert (metadata["source"], metadata["adjust"]) == ("made up", "none")
    assert (metadata["first"], metadata["last"], metadata["rows"]) == (days[0], days[2], 3)


def test_seal_takes_a_new_source_and_adjust_mode(path):
    seal(path, [], source="another", adjust="splits")
    metadata = read(path).metadata
    assert (metadata["source"], metadata["adjust"]) == ("another", "splits")
    assert (metadata["first"], metadata["last"], metadata["rows"]) == (None, None, 0)


def test_seal_without_any_source_asks_for_one(path):
    metadata_path(path).unlink()
    with pytest.raises(UsageError, match=r"MADE\.csv has no source on record.*--source"):
        seal(path, [], source=None, adjust=None)
    assert not metadata_path(path).exists()


@pytest.mark.parametrize("text", ["{", "[]"])
def test_corrupt_metadata_can_be_written_anew_by_the_command_that_the_message_names(path, text):
    metadata_path(path).write_text(text)
    seal(path, ["2025-06-02"], source="made up anew", adjust=None)
    assert read(path).metadata["source"] == "made up anew"


# Rows


def rows(text: str, required: tuple[str, ...] = ("date",)) -> list[tuple[int, dict[str, str]]]:
    problems: list[str] = []
    found = read_rows(DataFile(Path("made/up.csv"), text, "", {}), required, problems)
    raise_problems(Path("made/up.csv"), problems)
    return found


def test_rows_come_with_their_lines_and_stripped_cells():
    assert rows('date , close\n\n a,1\n"b\nc", 2 \nd,\n') == [
        (3, {"date": "a", "close": "1"}),
        (5, {"date": "b\nc", "close": "2"}),
        (6, {"date": "d", "close": ""}),
    ]


def test_ragged_rows_are_named_all_at_once():
    with pytest.raises(DataError) as caught:
        rows("date,close\n1\n1,2\n1,2,3\n")
    assert str(caught.value) == (
        "made/up.csv: 2 problems\n"
        "  line 2: 1 cells where the header has 2\n"
        "  line 4: 3 cells where the header has 2"
    )


def test_one_problem_is_not_called_problems():
    with pytest.raises(DataError, match=r"^made.up\.csv: 1 problem\n  line 2: bad$"):
        raise_problems(Path("made/up.csv"), ["line 2: bad"])
    assert raise_problems(Path("made/up.csv"), []) is None


# Whole or not at all


def test_a_text_is_written_with_its_folder_and_replaces_the_old(tmp_path):
    place = tmp_path / "deep" / "er" / "file.txt"
    write_text(place, "one\r\ntwo\n")
    write_text(place, "ü\n")
    assert place.read_bytes() == "ü\n".encode()
    assert listing(place.parent) == ["file.txt"]


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_trace(path, monkeypatch, step):
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path if step == "write_bytes" else os, step, fail)
    with pytest.raises(UsageError, match=r"MADE\.csv cannot be written: No space left on device"):
        write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == TEXT
    assert listing(path.parent) == ["MADE.csv", "MADE.meta.json"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_a_write_that_is_interrupted_leaves_the_old_file_and_no_trace(path, monkeypatch, kind):
    def stop(*_: object) -> None:
        raise kind

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(kind):
        write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == TEXT
    assert listing(path.parent) == ["MADE.csv", "MADE.meta.json"]


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match=r"below\.txt cannot be written"):
        write_text(tmp_path / "file" / "below.txt", "new")
    assert (tmp_path / "file").read_text() == "mine"


# Metadata and texts


def test_metadata_that_wait_count_where_they_fit(path):
    known = json.loads(metadata_path(path).read_text())
    waiting_path(path).write_text(json.dumps({**known, "source": "waiting"}))
    assert read(path).metadata["source"] == "waiting"
    assert open_known_file(path).metadata["source"] == "waiting"
    waiting_path(path).write_text(json.dumps({**known, "source": "waiting", "sha256": "ab"}))
    assert open_known_file(path).metadata["source"] == "made up"
    metadata_path(path).unlink()
    assert open_known_file(path).metadata == {}


def test_a_file_that_is_being_put_in_place_is_read_once_more(path, monkeypatch):
    text = TEXT + "2025-06-04,3\n"
    real, asked = datafile.known_metadata, []

    def known(place, sha256):
        asked.append(sha256)
        found = real(place, sha256)
        if len(asked) == 1:
            seal(place, ["2025-06-02"], source="put meanwhile")
        return found

    path.write_text(text)
    monkeypatch.setattr(datafile, "known_metadata", known)
    assert read(path).metadata["source"] == "put meanwhile"


def test_a_file_is_read_twice_at_most(path, monkeypatch):
    real, asked = datafile.open_data_file, []
    monkeypatch.setattr(datafile, "open_data_file", lambda place: asked.append(1) or real(place))
    path.write_text(TEXT + "x")
    assert "changed since" in refusal(path)
    assert len(asked) == 2


def test_a_span_of_days_is_from_the_first_to_the_last_of_those_that_are_known():
    assert span_of(["2025-06-03", None, "2025-06-02"]) == {
        "first": "2025-06-02", "last": "2025-06-03", "rows": 3,
    }  # fmt: skip
    assert span_of([None]) == {"first": None, "last": None, "rows": 1}


def test_a_file_is_written_with_its_folder_and_again(tmp_path):
    place = tmp_path / "deep" / "er" / "MADE.csv"
    known = {"source": "ü", "compiled_on": "2025-07-01", "adjust": None, **span_of([])}
    for text in ("old\n", TEXT):
        write_data_file(place, text.encode(), known)
    assert (read(place).text, read(place).metadata["source"]) == (TEXT, "ü")


def test_a_table_keeps_the_line_ends_of_the_one_before():
    rows = [{"a": 1, "b": None, "c": 3}, {"a": "x,y"}]
    assert csv_text(["a", "b"], rows) == 'a,b\n1,\n"x,y",\n'
    for text, ends in (("a\r\n1\r\n", "\r\n"), ("a\n1\n", "\n")):
        like = DataFile(Path("made.csv"), text, "", {})
        assert csv_text(["a"], [{"a": 1}], like) == f"a{ends}1{ends}"


def test_lines_may_end_with_a_carriage_return_alone():
    assert rows("date,close\ra,1\rb,2\r") == [
        (2, {"date": "a", "close": "1"}), (3, {"date": "b", "close": "2"}),
    ]  # fmt: skip


def test_a_cell_may_hold_a_carriage_return():
    ((_, cells),) = rows('date,close\n"a\rb",1\n')
    assert cells["date"] == "a\rb"


def test_columns_are_needed_and_named_once():
    with pytest.raises(DataError, match=r"made/up.csv, line 1: column 'a' twice\. Needed: date\."):
        rows("date,a,b,a,b\n")
    with pytest.raises(DataError, match=r"made/up.csv, line 1: no column 'date'"):
        rows("day,close\n")


@pytest.mark.parametrize(("count", "more"), [(50, ""), (51, "… and 1 more"), (60, "… and 10 more")])
def test_fifty_problems_are_told(count, more):
    with pytest.raises(DataError) as caught:
        raise_problems(Path("made/up.csv"), [f"line {n}" for n in range(count)])
    first, *lines = str(caught.value).splitlines()
    assert first == f"made/up.csv: {count} problems"
    assert len(lines) == 50 + bool(more)
    assert not more or lines[-1].strip() == more
