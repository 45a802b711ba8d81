"""Laws of versions, for any course of changes, undos and edits by hand."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.data.datafile import metadata_of, read_data_file
from backtest.data.edits import diff_rows
from backtest.data.versions import read_version, seal, undo, versions, write_version
from backtest.errors import UsageError

TEXTS = st.sampled_from(["date,close\n1,1\n", "date,close\n2,2\n", "date,close\r\n3,ü\r\n"])
STEPS = st.lists(st.one_of(TEXTS, st.tuples(st.just("by hand"), TEXTS), st.just("undo")))


def read(path):
    return read_data_file(path, seal_command="")


@given(TEXTS, STEPS)
def test_every_version_is_kept_and_undo_walks_back_as_in_an_editor(first, steps):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "prices" / "MADE.csv"
        write_version(path, first, metadata_of([], source="made up"), reason="begun", over=None)
        shown, back = [first], [first]  # all that stood there; what undo would walk through
        for step in steps:
            sha256 = read(path).sha256
            if step == "undo" and len(back) == 1:
                with pytest.raises(UsageError, match="nothing to undo"):
                    undo(path, over=sha256)
                continue
            if step == "undo":
                undo(path, over=sha256)
                back.pop()
            elif isinstance(step, tuple):
                path.write_bytes(step[1].encode())
                seal(path, [], source=None, adjust=None)
                back.append(step[1])
            else:
                write_version(path, step, read(path).metadata, reason="changed", over=sha256)
                back.append(step)
            shown.append(back[-1])
            assert read(path).text == back[-1]
        known = versions(path)
        assert [read_version(path, one).text for one in known] == shown
        assert [one.number for one in known] == list(range(1, len(shown) + 1))


ROWS = st.dictionaries(
    st.sampled_from("abcd"), st.dictionaries(st.sampled_from("xyz"), st.sampled_from("012"))
)


@given(ROWS, ROWS)
def test_a_diff_tells_all_that_leads_from_one_table_to_the_other(old, new):
    diff = diff_rows(old, new)
    made = {key: row for key, row in old.items() if key not in diff.removed} | diff.added
    for key, column, was, becomes in diff.changed:
        assert made[key].get(column, "") == was
        made[key] = {**made[key], column: becomes}
    filled = {key: {n: c for n, c in row.items() if c} for key, row in made.items()}
    assert filled == new
