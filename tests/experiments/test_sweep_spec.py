"""The specification of a sweep: a text that travels, and tells alone how the work is divided."""

import json
from dataclasses import replace

import pytest

from backtest.experiments.sweeps.grid import SweepSpec

SPEC = SweepSpec(
    strategy="beats",
    settings={"weight": "0.5"},
    axes={"hold": [1, 2, 3], "stop": [None, 0.1], "first": [True, False], "side": ["both", "ü"]},
    symbols=("ACME", "BOLT"),
    span=("2025-06-02", "2025-07-15"),
    rules={"cash": 100_000.0, "max_participation": None},
    inputs={"prices/ACME.csv": "ab"},
    strategy_sha256="cd",
    rules_version=1,
    packages={"numpy": "2.1.0"},
    bars="5m",
)
CHANGES = {
    "strategy": "others",
    "settings": {"weight": "0.6"},
    "axes": {"hold": [1, 2, 4]},
    "symbols": ("BOLT", "ACME"),
    "span": ("2025-06-03", "2025-07-15"),
    "rules": {"cash": 100_000.5},
    "inputs": {"prices/ACME.csv": "ac"},
    "strategy_sha256": "ce",
    "rules_version": 2,
    "packages": {"numpy": "2.1.1"},
    "universe": "tech",
    "bars": "1m",
    "missing_bars": "none",
}


def test_the_last_axis_changes_fastest():
    spec = of_sets(2, 3, 1)
    assert (spec.shape, spec.sets) == ((2, 3, 1), 6)
    codes = spec.codes(range(6))
    assert codes["p0"].tolist() == [0, 0, 0, 1, 1, 1]
    assert codes["p1"].tolist() == [0, 1, 2, 0, 1, 2]


def of_sets(*counts):
    return replace(SPEC, axes={f"p{n}": list(range(count)) for n, count in enumerate(counts)})


def test_it_comes_back_from_json_as_it_was():
    back = SweepSpec.from_json(SPEC.to_json())
    assert back == SPEC
    assert [type(value) for value in back.axes["first"]] == [bool, bool]
    assert (type(back.axes["hold"][0]), type(back.axes["stop"][1])) == (int, float)
    assert back.to_json() == SPEC.to_json()


def test_one_by_sessions_says_nothing_of_bars():
    spec = replace(SPEC, bars=None)
    assert "bars" not in spec.to_json()
    assert SweepSpec.from_json(spec.to_json()) == spec


def test_its_text_is_json_with_sorted_names():
    content = json.loads(SPEC.to_json())
    assert list(content) == sorted(content)
    assert content["axes"][1] == ["stop", [None, 0.1]]
    turned = dict(reversed(SPEC.inputs.items()))
    assert replace(SPEC, inputs=turned).to_json() == SPEC.to_json()


def test_doubles_keep_their_last_bit():
    values = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308]
    back = SweepSpec.from_json(replace(SPEC, axes={"x": values}).to_json())
    assert back.axes["x"] == values


def test_the_id_is_the_same_for_the_same_and_another_for_any_change():
    assert SPEC.sweep_id == SweepSpec.from_json(SPEC.to_json()).sweep_id
    assert len(SPEC.sweep_id) == 10
    assert set(CHANGES) == set(SPEC.__dataclass_fields__)
    ids = {replace(SPEC, **{name: value}).sweep_id for name, value in CHANGES.items()}
    assert len(ids - {SPEC.sweep_id}) == len(CHANGES)


def test_the_order_of_the_axes_decides_the_numbers_of_the_sets_and_so_the_id():
    turned = replace(SPEC, axes=dict(reversed(SPEC.axes.items())))
    assert turned.sweep_id != SPEC.sweep_id
    assert list(SweepSpec.from_json(turned.to_json()).axes) == list(turned.axes)


@pytest.mark.parametrize(
    ("counts", "chunk", "chunks", "last"),
    [
        ((1,), 1_000, 1, 1),
        ((40, 29, 3), 1_000, 4, 480),
        ((1_000,), 1_000, 1, 1_000),
        ((1_001,), 1_000, 2, 1),
        ((64, 1_000), 1_000, 64, 1_000),
        ((64_001,), 1_001, 64, 938),
        ((1_000, 1_000), 15_625, 64, 15_625),
        ((3, 131, 3_257), 20_000, 65, 1),
    ],
)
def test_chunks_hang_on_the_grid_alone(counts, chunk, chunks, last):
    spec = of_sets(*counts)
    assert (spec.chunk, spec.chunks) == (chunk, chunks)
    assert len(spec.numbers(chunks - 1)) == last
    sizes = [len(spec.numbers(number)) for number in range(chunks)]
    assert sum(sizes) == spec.sets
    assert set(sizes[:-1]) <= {chunk}
    assert "worker" not in spec.to_json()


def test_very_many_sets_are_only_counted():
    spec = of_sets(100_000, 100_000, 100)
    assert (spec.sets, spec.chunk, spec.chunks) == (10**12, 20_000, 50_000_000)


def test_days_are_dates():
    assert [day.isoformat() for day in SPEC.days] == list(SPEC.span)
