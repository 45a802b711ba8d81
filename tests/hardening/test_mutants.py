"""Seeded mutants of every file that the program reads: one message, or the right answer."""

import shutil
import sqlite3
from contextlib import closing
from random import Random

import pytest

from backtest.workspace.files import record_text
from tests.audits import record as audit_record
from tests.hardening.conftest import QUICK, SEED, TIMES, unfinished
from tests.hardening.mutants import mutant

pytestmark = pytest.mark.slow
MUTANTS = 6 * TIMES  # of each file
RUN = ("run", "beats", *QUICK)
SWEEP = ("sweep", "beats", "--symbol", "ACME", "--grid", "hold=1:2", "--workers", "1")
STUDY = ("study", "earnings", "--symbol", "ACME", "--benchmark", "INDX", "--draws", "99")
LISTS = (("list", "runs"), ("compare",), ("report", "beats", "--format", "md"), RUN)
SETTINGS = '[strategies.beats]\nhold = 3\n\n[folders]\ndata = "data"\n'
COSTS = '[figures]\nslippage_bps = 7.0\n\n[sources]\nslippage_bps = "made up"\n'
DATA = (("prices", "list"), ("events", "list"), RUN)
# By file, as a pattern in the checkout, the commands that read it.
FILES = {
    "data/prices/ACME.csv": (*DATA, ("prices", "seal", "ACME"), RUN),
    "data/prices/ACME.meta.json": (*DATA, ("prices", "undo", "ACME"), ("prices", "seal", "ACME")),
    "data/prices/.history/ACME/1-*.meta.json": (("prices", "undo", "ACME"), RUN),
    "data/prices/.history/ACME/1-*.csv": (("prices", "undo", "ACME"), RUN),
    "data/events/earnings.csv": (*DATA, ("events", "seal", "earnings"), RUN),
    "data/events/earnings.meta.json": (*DATA, ("events", "seal", "earnings"), RUN),
    "data/events/stake_disclosures.csv": (("events", "seal", "stake_disclosure"), *DATA),
    "data/borrow/ACME.csv": (*DATA, ("prices", "seal", "ACME", "--borrow"), RUN),
    "mine.csv": (
        ("events", "import", "mine.csv", "--kind", "earnings", "--yes"),
        ("events", "undo", "earnings", "--to", "1", "--yes"),
    ),
    "prices.csv": (
        ("prices", "import", "prices.csv", "--symbol", "NEWS", "--source", "x", "--yes"),
        ("prices", "list"),
    ),
    "symbols.csv": (("run", "beats", "--symbol", "symbols.csv", "--no-tearsheet"),),
    "backtest.toml": (("config",), ("list", "strategies")),
    "costs.toml": ((*RUN, "--costs", "costs.toml"),),
    "reports/beats-*/run.json": LISTS,
    "reports/beats-*/trades.csv": LISTS,
    "reports/beats-*/equity.csv": LISTS,
    "reports/beats-*/decisions.csv": LISTS,
    "reports/beats-*/orders.csv": LISTS,
    "reports/beats-*/bars.csv": LISTS,
    "reports/beats-*/requested_at": LISTS,
    "reports/trials.sqlite": LISTS,
    "reports/compare-*/compare.json": (("open",), ("compare",)),
    "reports/sweep-*/sweep.json": (("open",), SWEEP),
    "reports/sweep-*/sets.parquet": (("open",), SWEEP),
    "reports/study-*/study.json": (("open",), STUDY),
    "reports/study-*/cars.csv": (("open",), STUDY),
    "reports/audit-*/audit.json": (("open",), RUN),
}
TABLES = ("trades", "equity", "decisions", "orders", "bars")


@pytest.fixture
def furnished(checkout, tried, monkeypatch):
    """The made-up checkout with one of everything that the program reads."""
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    checkout.edit("data/prices/ACME.csv", "06-02,100.00", "06-02,100.01")  # a second version
    data = checkout.root / "data"
    shutil.copy(data / "events/earnings.csv", checkout.root / "mine.csv")
    shutil.copy(data / "prices/ACME.csv", checkout.root / "prices.csv")
    (checkout.root / "symbols.csv").write_text("symbol\nACME\n")
    (checkout.root / "backtest.toml").write_text(SETTINGS)
    (checkout.root / "costs.toml").write_text(COSTS)
    folder = checkout.root / "reports/audit-beats-ACME-0123456789"
    folder.mkdir(parents=True)
    (folder / "audit.json").write_text(record_text(audit_record()))
    for words in (RUN, RUN, ("compare",)):
        assert tried(*words).code == 0
    return checkout


@pytest.mark.parametrize("pattern", FILES)
def test_each_is_one_message_or_the_right_answer(furnished, tried, pattern, tmp_path_factory):
    for words in {SWEEP, STUDY} & {*FILES[pattern]}:
        assert tried(*words).code == 0
    (path,) = furnished.root.glob(pattern)
    whole, before = path.read_bytes(), tmp_path_factory.mktemp("before")
    shutil.copytree(furnished.root, before, dirs_exist_ok=True)
    for number in range(MUTANTS // 3 if SWEEP in FILES[pattern] else MUTANTS):  # each takes seconds
        random = Random(f"{pattern} {SEED + number}")
        content = mutant(whole, random)
        path.write_bytes(content)
        for words in FILES[pattern]:
            try:
                outcome = tried(*words)
            except AssertionError as error:
                raise AssertionError(
                    f"mutant {SEED + number}: {content[:500]!r}: {error}"
                ) from error
            if path.stem in TABLES and words[0] == "report" and content != whole:
                assert outcome.code == 3, f"mutant {SEED + number} is reported as good"
        assert unfinished(furnished) == []
        for there in furnished.root.iterdir():
            shutil.rmtree(there) if there.is_dir() else there.unlink()
        shutil.copytree(before, furnished.root, dirs_exist_ok=True)


def test_a_record_of_trials_of_another_shape_is_one_message(furnished, tried):
    file = furnished.root / "reports/trials.sqlite"
    file.unlink()
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("CREATE TABLE trials (x TEXT)")
    for words in LISTS:
        tried(*words)
