"""Records of each kind: whatever is wrong in one is told with its file and its field."""

import json
from copy import deepcopy
from typing import Any

import pytest

from backtest.audit import AuditRecord
from backtest.engine.rules import Rules
from backtest.errors import DataError
from backtest.experiments.records import RunRecord, StudyRecord
from backtest.experiments.sweeps.folder import SweepRecord
from backtest.reports.compare_page import ComparisonRecord
from backtest.workspace.files import read_each, read_record, record_text
from tests.audits import record as made_up_audit
from tests.studies import made_up_study
from tests.sweeps import EVIDENCE, set_of

SPAN = {"first": "2025-06-02", "last": "2025-07-15"}
FINISHED = "2025-08-01T10:00:03+00:00"
FIGURES = {
    **dict.fromkeys(("final_equity", "total_return", "commission", "borrow", "dividends"), 1.0),
    "interest": 1.0,
    **dict.fromkeys(("cagr", "volatility", "sharpe", "sortino", "max_drawdown", "calmar")),
    "exposure": 0.5,
}
RUN = {
    "run_id": "0123456789",
    "strategy": "beats",
    "parameters": {"hold": 3},
    "symbols": ["ACME"],
    "benchmark": "INDX",
    "span": SPAN,
    "as_of": None,
    "rules": Rules().model_dump(),
    "inputs": {},
    "strategy_sha256": "a" * 64,
    "rules_version": 2,
    "packages": {},
    "costs": None,
    "finished_at": FINISHED,
    "assumptions": [],
    "ruined_on": None,
    "summary": {
        "run": {**FIGURES, "trades": 1, "win_rate": 1.0},
        "benchmark": {**FIGURES, "trades": None, "win_rate": None},
        "stock": None,
    },
    "files": {},
}
SWEEP = {
    "sweep_id": "0123456789",
    "strategy": "beats",
    "symbols": ["ACME"],
    "parameters": {},
    "axes": {"hold": [1, 2]},
    "base": {"hold": 1},
    "base_figures": set_of(0.1),
    "sets": 2,
    "rules": Rules().model_dump(),
    "costs": None,
    "span": SPAN,
    "trials": 2,
    "evidence": EVIDENCE,
    "finished_at": FINISHED,
}
COMPARISON = {
    "comparison_id": "0123456789",
    "runs": ["0123456789"],
    "strategies": ["beats"],
    "symbols": ["ACME"],
    "span": SPAN,
    "finished_at": FINISHED,
}
RECORDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "run": (RunRecord, RUN),
    "sweep": (SweepRecord, SWEEP),
    "study": (StudyRecord, made_up_study()),
    "audit": (AuditRecord, made_up_audit()),
    "comparison": (ComparisonRecord, COMPARISON),
}
FIELDS = [
    (name, field)
    for name, (kind, record) in RECORDS.items()
    for field in sorted(kind.__annotations__.keys() & record.keys())
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "record.json"


def write(path, content: bytes | dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def fault_of(path, kind) -> str:
    """What is said to be wrong; the file and the way out are told too."""
    with pytest.raises(DataError) as caught:
        read_record(path, kind)
    told = str(caught.value)
    assert told.startswith(f"{path} is damaged (")
    assert told.endswith("The command that made it makes it anew; otherwise remove the folder.")
    assert "\n" not in told
    return told.removeprefix(f"{path} is damaged (").partition("). The command")[0]


@pytest.mark.parametrize("name", RECORDS)
def test_a_whole_record_is_read_as_it_stands_with_what_no_reader_knows(path, name):
    kind, record = RECORDS[name]
    written = {"unheard_of": [1], **record}
    write(path, written)
    found = read_record(path, kind)
    assert found == written
    assert list(found) == list(written)


def otherwise(value: Any) -> list[Any]:
    """A record in all ways that one figure or text in it may be another of its type."""
    if isinstance(value, dict | list):
        found = []
        for key in value if isinstance(value, dict) else range(len(value)):
            for other in otherwise(value[key]):
                changed = deepcopy(value)
                changed[key] = other
                found.append(changed)
        return found
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1]
    return [f"{value}x"] if isinstance(value, str) else []


@pytest.mark.parametrize("name", RECORDS)
def test_no_figure_of_the_right_type_changes_unnoticed(path, name):
    kind, record = RECORDS[name]
    write(path, record_text(record).encode())
    assert read_record(path, kind) == record
    sealed = json.loads(path.read_bytes())
    write(path, {key: sealed[key] for key in sorted(sealed)})  # another order is no other content
    assert read_record(path, kind) == record
    changes = otherwise(sealed)
    assert len(changes) > len(record) / 2
    for changed in changes:
        write(path, changed)
        assert fault_of(path, kind)


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_field_that_is_missing_or_of_another_type_is_named(path, name, field):
    kind, record = RECORDS[name]
    write(path, {other: value for other, value in record.items() if other != field})
    assert fault_of(path, kind) == f"it lacks {field}"
    write(path, {**record, field: 1.5 if isinstance(record[field], str | int) else "text"})
    assert fault_of(path, kind).startswith(f"{field}")


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b"{", "EOF while parsing an object at line 1 column 1"),
        (json.dumps(RUN).encode()[:-30], "EOF while parsing"),
        (b"text", "expected"),
        (b'{"strategy": "\xff"}', "invalid unicode code point"),
        (b"\xff\xfe{}", "expected value"),
        (b'{"x": ' * 100_000 + b"1" + b"}" * 100_000, "recursion limit exceeded"),
        (b"[]", "Input should be a valid dictionary"),
        (b"null", "Input should be a valid dictionary"),
        (b'"text"', "Input should be a valid dictionary"),
        (b"{}", "it lacks "),
    ],
)
def test_what_is_no_record_is_told(path, name, content, told):
    write(path, content)
    assert fault_of(path, RECORDS[name][0]).startswith(told)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"summary": {}}, "it lacks summary.run"),
        ({"symbols": None}, "symbols: Input should be a valid list"),
        ({"symbols": ["ACME", 7]}, "symbols.1: Input should be a valid string"),
        (
            {"rules": {**RUN["rules"], "cash": "100000"}},
            "rules.cash: Input should be a valid",
        ),
        ({"span": {"first": "2025-06-02"}}, "it lacks span.last"),
        ({"span": {**SPAN, "last": "2025-06-31"}}, "span.last: Value error, day is out of range"),
        ({"finished_at": "yesterday"}, "finished_at: Value error, Invalid isoformat string"),
        ({"finished_at": "2025-08-01T10:00"}, "finished_at: Value error, 2025-08-01T10:00 has no"),
        ({"evidence": {}}, "it lacks evidence.sentence"),
        ({"evidence": None}, "evidence: Input should be a valid dictionary"),
        ({"attribution": {"profit_by": {}}}, "it lacks attribution.moves"),
    ],
)
def test_the_field_within_is_named(path, changes, told):
    write(path, {**RUN, **changes})
    assert fault_of(path, RunRecord).startswith(told)


def test_a_study_has_a_window(path):
    write(path, made_up_study(windows=[]))
    assert fault_of(path, StudyRecord).startswith("windows: List should have at least 1 item")


def test_a_record_that_is_missing_or_a_folder_is_told(path):
    assert "No such file or directory" in fault_of(path, RunRecord)
    path.mkdir(parents=True)
    assert "Is a directory" in fault_of(path, RunRecord)


def test_a_record_that_nobody_may_read_is_not_called_damaged(path, monkeypatch):
    """Otherwise the advice would be to remove the folder."""

    def locked(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", locked)
    with pytest.raises(DataError, match=r"record\.json cannot be read: Permission denied\.$"):
        read_record(path, RunRecord)


def test_damaged_ones_are_left_out_and_told(tmp_path):
    def read(folder):
        return read_record(folder / "compare.json", ComparisonRecord)

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    write(whole / "compare.json", COMPARISON)
    write(broken / "compare.json", {})
    told: list[str] = []
    assert list(read_each([broken, whole], read, told.append)) == [COMPARISON]
    (line,) = told
    assert line.startswith(
        f"Left out: {broken / 'compare.json'} is damaged (it lacks comparison_id)"
    )
