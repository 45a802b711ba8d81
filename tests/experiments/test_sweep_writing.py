"""How the sweep page is written, what of a broken sweep is refused, and its sentences."""

from __future__ import annotations

import hashlib
import json
import re
import struct

import pandas as pd
import pytest

from backtest.errors import DataError, UsageError
from backtest.reports.pages import PLOTLY, store_plotly
from backtest.reports.sweep_page import (
    evidence_sentences,
    label,
    share_of,
    span,
    sweep_sentences,
    write_sweep_page,
)
from backtest.stats.surface import summary
from tests.sweeps import EVIDENCE, set_of, write_sweep

HOLD = list(range(1, 11))


def test_page_is_the_same_each_time_and_leaves_nothing_else(tmp_path):
    folder = write_sweep(tmp_path, {"hold": HOLD}, {"hold": 4}, lambda hold: set_of(hold / 100))
    first = write_sweep_page(folder, tmp_path).read_text(encoding="utf-8")
    second = write_sweep_page(folder, tmp_path).read_text(encoding="utf-8")
    assert first == second
    assert {file.name for file in folder.iterdir()} == {"index.html", "sets.parquet", "sweep.json"}


def test_plotly_is_stored_once_and_mended_where_it_was_damaged(tmp_path):
    stored = store_plotly(tmp_path)
    text = stored.read_text(encoding="utf-8")
    assert "plotly.js" in text[:200]
    written = stored.stat().st_mtime_ns
    assert store_plotly(tmp_path).stat().st_mtime_ns == written
    for damaged in ("half", text.replace("Plotly", "plotly")):
        stored.write_text(damaged, encoding="utf-8")
        assert store_plotly(tmp_path).read_text(encoding="utf-8") == text
    assert [file.name for file in stored.parent.iterdir()] == [stored.name]


def test_plotly_is_the_script_that_the_page_beside_it_names():
    told = (PLOTLY.parent / "README.md").read_text(encoding="utf-8")
    (version,) = re.findall(r"^\| version \| (\S+) \|$", told, re.MULTILINE)
    (sha256,) = re.findall(r"^\| sha256 \| `([0-9a-f]{64})` \|$", told, re.MULTILINE)
    assert hashlib.sha256(PLOTLY.read_bytes()).hexdigest() == sha256
    assert PLOTLY.name == f"plotly-cartesian-{version}.min.js"
    assert f"v{version}\n" in PLOTLY.read_text(encoding="utf-8")[:200]
    assert "MIT License" in (PLOTLY.parent / "LICENSE").read_text(encoding="utf-8")


def test_reports_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "assets").write_text("a file")
    with pytest.raises(UsageError, match=r"assets.*cannot be written"):
        store_plotly(tmp_path)


def changed_record(folder, **changes):
    record = json.loads((folder / "sweep.json").read_text()) | changes
    kept = {name: value for name, value in record.items() if value is not None or name == "costs"}
    (folder / "sweep.json").write_text(json.dumps(kept))


def with_changed_bytes(folder):
    path = folder / "sets.parquet"
    options = {"write_page_checksum": True, "compression": "none", "use_dictionary": False}
    pd.read_parquet(path).to_parquet(path, write_statistics=False, **options)
    told, changed = (struct.pack("<d", value) for value in (0.07, 0.09))  # the return of a set
    content = path.read_bytes()
    assert told in content
    path.write_bytes(content.replace(told, changed))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "sweep.json").unlink(), r"sweep\.json is damaged"),
        (lambda folder: (folder / "sweep.json").write_text("{"), r"sweep\.json is damaged"),
        (lambda folder: (folder / "sweep.json").write_text("7"), r"sweep\.json is damaged"),
        (lambda folder: changed_record(folder, axes=None), r"it lacks axes"),
        (lambda folder: changed_record(folder, base={}), r"different parameters"),
        (lambda folder: changed_record(folder, sets=11), r"10 sets, sweep\.json names 11"),
        (lambda folder: changed_record(folder, axes={"hold": [1]}), r"its axes make 1,"),
        (lambda folder: (folder / "sets.parquet").unlink(), r"sets\.parquet is damaged"),
        (lambda folder: (folder / "sets.parquet").write_text("PAR1"), r"sets\.parquet is damaged"),
        (lambda folder: without(folder, "sharpe"), r"sets\.parquet is damaged .*sharpe"),
        (with_changed_bytes, r"sets\.parquet is damaged .*CRC"),
    ],
)  # fmt: skip
def test_broken_sweep_is_refused_with_the_file_and_the_way_out(break_it, message, tmp_path):
    folder = write_sweep(tmp_path, {"hold": HOLD}, {"hold": 4}, lambda hold: set_of(hold / 100))
    break_it(folder)
    with pytest.raises(DataError, match=message) as caught:
        write_sweep_page(folder, tmp_path)
    assert "The command that made it makes it anew" in str(caught.value)
    assert not (folder / "index.html").exists()


def without(folder, column):
    sets = pd.read_parquet(folder / "sets.parquet").drop(columns=column)
    sets.to_parquet(folder / "sets.parquet")


# ---- words --------------------------------------------------------------------------------------


def test_sentences_for_the_terminal():
    sets = pd.DataFrame([set_of(hold / 100 - 0.05) for hold in HOLD])
    found = summary(sets, {"hold": HOLD}, {"hold": 4}, set_of(-0.01))
    told = dict(sweep_sentences(found, {"trials": 1234, "evidence": EVIDENCE}))
    assert list(told)[:6] == [
        "Tried",
        "Returns",
        "Sharpe",
        "The default",
        "Around it",
        "Best of 10",
    ]
    assert told["Tried"] == (
        "10 sets were tried, and no two gave the same result. "
        "On record for this strategy and these symbols: 1,234 sets."
    )
    assert told["Returns"] == (
        "Median +0.5 %, the middle half from -1.8 % to +2.8 %, all from -4.0 % to +5.0 %; "
        "5 of 10 (50 %) end above zero."
    )
    assert told["Around it"] == (
        "The 2 sets one step away in one parameter: median -1.0 %, from -2.0 % to 0.0 %. "
        "The default returns -1.0 %. "
        "Its neighbours span 2.0 points of return, all sets 9.0."
    )
    assert told["Best of 10"].startswith("+5.0 % with hold 10 (set 9), the best of 10 sets tried. ")


def test_a_p_value_of_a_sweep_is_never_told_as_none():
    """Of 1,000 draws it is 1 in 1,001 at least."""
    found = {**EVIDENCE, "superior": {"p": 1 / 1001, "lower": 1 / 1001, "upper": 1 / 1001}}
    assert (
        "beats holding the stock throughout: p 0.0010,"
        in dict(evidence_sentences(found))["Against holding"]
    )


@pytest.mark.parametrize(
    ("part", "told"),
    [(0, "none"), (1, "under 1 %"), (500, "50 %"), (999, "over 99 %"), (1000, "all")],
)
def test_shares_never_round_some_to_none_nor_most_to_all(part, told):
    assert share_of(part, 1000) == f"{part:,} of 1,000 ({told})"


def test_values_as_texts():
    assert [label(value) for value in (0.1 + 0.2, 5, None, True, "a")] == [
        "0.3", "5", "none", "True", "a",
    ]  # fmt: skip
    assert span([1, 2, 3, 4, 5, 6]) == "1, 2, 3, 4, 5, 6"
    assert span([0.5, *range(7)]) == "0.5, 0, 1 … 6 (8 values)"
