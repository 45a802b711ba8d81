"""The record of trials with a bit turned: the right count and ratios, or one message."""

from random import Random

import pyarrow as pa
import pytest

from backtest.errors import DataError
from backtest.experiments.trials import record_run, record_sweep, trial_sharpes
from tests.hardening.conftest import SEED, TIMES


@pytest.fixture
def file(tmp_path):
    """Thirty runs, and a sweep that tried two hundred sets before them."""
    rules = {"reaction_minutes": 5.0}
    terms = {"strategy": "beats", "symbols": ["ACME"], "rules": rules}
    holds = list(range(200))
    swept = {
        **terms, "sweep_id": "s", "parameters": {"hold": 1}, "axes": {"hold": holds},
        "finished_at": "2025-12-31T00:00:00+00:00",
    }  # fmt: skip
    sharpes = [hold / 50 for hold in holds]
    record_sweep(tmp_path, swept, [pa.table({"set": holds, "hold": holds, "sharpe": sharpes})])
    for n in range(30):
        run = {
            **terms, "run_id": f"r{n}", "parameters": {"hold": n},
            "summary": {"run": {"sharpe": n / 10}},
            "finished_at": f"2026-01-01T00:00:{n:02}+00:00",
        }  # fmt: skip
        record_run(tmp_path, run)
    return tmp_path / "trials.sqlite"


def test_no_turned_bit_changes_what_was_tried(file):
    right = [*(n / 10 for n in range(30)), *(n / 50 for n in range(30, 200))]
    whole = file.read_bytes()
    noticed = 0
    for number in range(500 * TIMES):
        random = Random(f"trials {SEED + number}")
        turned = bytearray(whole)
        turned[random.randrange(len(whole))] ^= 1 << random.randrange(8)
        file.write_bytes(turned)
        try:
            assert sorted(trial_sharpes(file.parent, "beats", ["ACME"])) == sorted(right), number
        except DataError as error:
            noticed += f"{file} is not a readable record of trials" in str(error)
    assert noticed > 50  # of bits in pages that are in use
