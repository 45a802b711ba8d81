"""Parquet files with damaged pages: one message or a right answer, and never a crash."""

import json
import os
import shutil
from random import Random

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from backtest.data.price_rows import parquet_bytes
from backtest.data.prices import read_prices
from backtest.data.versions import seal
from tests.hardening.conftest import SEED, TIMES, unfinished
from tests.parquet_bars import DAILY, at, write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]
MUTANTS = 60 * TIMES  # of each file
JUDGED = 100  # how a fork ends whose command was judged good
SIGNALS = [
    {"symbol": "ACME", "published_at": at("02 10:00"), "direction": "long", "weight": 0.5},
    {"symbol": "BOLT", "published_at": at("02 10:00"), "direction": "short", "hold": 2},
]
EVENTS = {
    "symbol": ["ACME"], "published_at": ["2025-06-05T16:05:00-04:00"], "precision": ["exact"],
    "headline": ["A contract"], "category": ["contract"], "source_url": ["https://example.org/1"],
}  # fmt: skip
SIMULATE = ("simulate", "bars.parquet", "signals.parquet", "--json")
FILES = {
    "bars.parquet": SIMULATE,
    "signals.parquet": SIMULATE,
    "prices.parquet": (
        "prices", "import", "prices.parquet", "--symbol", "NEW", "--source", "x", "--yes",
    ),
    "events.parquet": ("events", "import", "events.parquet", "--kind", "news", "--yes"),
    "data/prices/parquet/ACME.parquet": ("prices", "seal", "ACME", "--source", "x"),
}  # fmt: skip


@pytest.fixture
def furnished(checkout):
    root = checkout.root
    write(root / "bars.parquet", DAILY)
    signals = pd.DataFrame(SIGNALS)
    columns = {name: pa.array(signals[name], from_pandas=True) for name in signals}
    columns["published_at"] = columns["published_at"].cast(pa.timestamp("us", "UTC"))
    columns["hold"] = columns["hold"].cast(pa.int32())
    parquet.write_table(pa.table(columns), root / "signals.parquet")
    parquet.write_table(pa.table(EVENTS), root / "events.parquet")
    table = read_prices(root / "data/prices", "ACME", bars=True).table
    table.index.name = "session"
    table.reset_index().to_parquet(root / "prices.parquet")
    dataset = root / "data/prices/parquet"
    dataset.mkdir()
    for left in root.glob("data/prices/ACME.*"):
        left.unlink()
    (dataset / "ACME.parquet").write_bytes(parquet_bytes(table))
    seal(
        dataset / "ACME.parquet",
        [day.date().isoformat() for day in table.index],
        source="x",
        adjust=None,
    )
    return checkout


def with_damaged_pages(content: bytes, random: Random) -> bytes:
    """The same with bytes of another value between the first mark and the footer, or in that."""
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    first, last = (4, footer) if random.random() < 0.7 else (footer, len(content) - 8)
    damaged = bytearray(content)
    for _ in range(random.choice([1, 1, 4])):
        damaged[random.randrange(first, last)] = random.randrange(256)
    if random.random() < 0.2:
        begin = random.randrange(first, last)
        end = min(last, begin + random.randrange(64))
        damaged[begin:end] = bytes(end - begin)
    return bytes(damaged)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_page_is_one_message_and_never_a_crash(furnished, tried, tmp_path_factory, name):
    root, words = furnished.root, FILES[name]
    assert tried(*words).code == 0
    before = tmp_path_factory.mktemp("before")
    shutil.copytree(root, before, dirs_exist_ok=True)
    whole = (root / name).read_bytes()
    for number in range(SEED, SEED + MUTANTS):
        (root / name).write_bytes(with_damaged_pages(whole, Random(f"{name} {number}")))
        child = os.fork()
        if not child:
            try:
                tried(*words)
                os._exit(JUDGED)
            except BaseException as error:  # noqa: BLE001 - it must not come back
                (root / "fault").write_text(str(error))
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        fault = (root / "fault").read_text() if (root / "fault").exists() else ""
        assert code == JUDGED, f"mutant {number}: {code} {fault}"
        assert unfinished(furnished) == [], f"mutant {number}"
        for there in root.iterdir():
            shutil.rmtree(there) if there.is_dir() else there.unlink()
        shutil.copytree(before, root, dirs_exist_ok=True)


@pytest.mark.parametrize("name", ["bars.parquet", "signals.parquet", "prices.parquet"])
def test_a_page_that_has_a_checksum_is_held_against_it(furnished, tried, name):
    path = furnished.root / name
    parquet.write_table(
        parquet.read_table(path), path, write_page_checksum=True, compression="none",
        use_dictionary=False,
    )  # fmt: skip
    whole = tried(*FILES[name])
    assert whole.code == 0
    content = bytearray(path.read_bytes())
    first = parquet.ParquetFile(path).metadata.row_group(0).column(2)
    content[first.data_page_offset + first.total_compressed_size - 3] ^= 1  # of a price
    path.write_bytes(content)
    outcome = tried(*FILES[name])
    assert outcome.code == 3, json.dumps(outcome)
    assert str(path.name) in outcome.err
