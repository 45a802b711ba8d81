"""Audits of symbols that are kept as Parquet: as their CSV twins, and of hundreds at once.

ACME, its events and the index INDX are made up: see tests/made_up.py. The reports can be traded on
2025-06-05 and 2025-06-27.
"""

from __future__ import annotations

import pytest

from backtest.audit.observe import AuditRequest
from backtest.audit.run import audit, prepare
from backtest.data.datafile import metadata_of, metadata_path
from backtest.data.price_rows import parquet_bytes
from backtest.data.prices import read_prices
from backtest.data.versions import write_version
from backtest.errors import DataError
from tests.audits import in_this_process
from tests.made_up import day, request

LOOKS = '    looks_at = ("INDX",)\n'
PAST = 'market.bars("INDX")["close"]'
AHEAD = (
    '__import__("backtest.data.prices").data.prices.read_prices('
    '__import__("pathlib").Path("data/prices"), "INDX").table["close"][str(market.session):]'
)


@pytest.fixture(autouse=True)
def _inside(checkout, monkeypatch):
    monkeypatch.chdir(checkout.root)


def keep_as_parquet(folder, symbol, table):
    days = [f"{one:%Y-%m-%d}" for one in table.index]
    path = folder / "parquet" / f"{symbol}.parquet"
    write_version(
        path, parquet_bytes(table), metadata_of(days, source="made up"), reason="test", over=None
    )


def moved_to_parquet(checkout, symbol):
    folder = checkout.root / "data/prices"
    table = read_prices(folder, symbol).table
    (folder / f"{symbol}.csv").unlink()
    metadata_path(folder / f"{symbol}.csv").unlink()
    keep_as_parquet(folder, symbol, table)


def prepared(checkout, strategy, *symbols, worlds=0, last=None):
    rules = request().rules
    asked = AuditRequest(strategy, symbols or ("ACME",), {}, None, last, rules, worlds=worlds)
    return prepare(checkout.workspace, asked)


def audited(checkout, strategy, *symbols, **changes):
    return audit(prepared(checkout, strategy, *symbols, **changes), observer=in_this_process).record


def told(record) -> dict[str, list]:
    """What was found, by check: each session with both answers once.

    Who reads Parquet also loads its reader, which is a finding more.
    """
    found = {
        check["name"]: [(one["date"], one["full"], one["world"]) for one in check["findings"]]
        for check in record["checks"]
        if check["count"]
    }
    return {
        name: [row for place, row in enumerate(rows) if row not in rows[:place]]
        for name, rows in found.items()
    }


def answering(closes) -> str:
    return f"return Signal.long(event, reason=str({closes}.round(2).to_list()))"


@pytest.mark.parametrize(
    ("closes", "found"), [(PAST, []), (AHEAD, ["prefix", "perturbation", "reads"])]
)
def test_a_symbol_that_is_looked_at_is_audited_as_its_csv_twin(checkout, closes, found):
    checkout.strategy("looking", answering(closes), more=LOOKS)
    csv = audited(checkout, "looking")
    moved_to_parquet(checkout, "INDX")
    parquet = audited(checkout, "looking")
    assert list(told(parquet)) == found
    assert {one[0] for one in told(parquet).get("prefix", [])} <= {"2025-06-05", "2025-06-27"}
    assert told(parquet) == told(csv)
    assert parquet["sensitivity"] == csv["sensitivity"]
    assert parquet["outcome"] == ("bias" if found else "clean")


def test_a_stock_that_is_traded_is_audited_as_its_csv_twin(checkout):
    csv = audited(checkout, "beats", worlds=3)
    moved_to_parquet(checkout, "ACME")
    parquet = audited(checkout, "beats", worlds=3)
    for name in ("checks", "sensitivity", "null", "outcome"):
        assert parquet[name] == csv[name]
    assert "prices/parquet/ACME.parquet" in parquet["inputs"]
    assert parquet["sensitivity"]["peek"]["caught"] == 2


def test_a_changed_parquet_file_is_refused(checkout):
    moved_to_parquet(checkout, "ACME")
    path = checkout.root / "data/prices/parquet/ACME.parquet"
    path.write_bytes(parquet_bytes(read_prices(path.parents[1], "ACME").table * 2))
    with pytest.raises(DataError, match="acknowledge it with `backtest prices seal ACME`"):
        prepared(checkout, "beats")


@pytest.mark.parametrize("count", [25, pytest.param(300, marks=pytest.mark.slow)])
def test_a_universe_is_audited(checkout, count):
    folder = checkout.root / "data/prices"
    acme = read_prices(folder, "ACME").table
    symbols = [f"S{number:03}" for number in range(count)]
    for number, symbol in enumerate(symbols):
        keep_as_parquet(folder, symbol, acme.assign(volume=acme["volume"] + number))
    keep_as_parquet(folder, "UNREAD", acme)
    events = checkout.root / "data/events/earnings.csv"
    text = events.read_text().replace("ACME", symbols[-1])
    checkout.write("data/events/earnings.csv", text)
    record = audited(checkout, "beats", *symbols, last=day("2025-06-20"))
    assert record["outcome"] == "clean"
    assert len([name for name in record["inputs"] if name.startswith("prices/")]) == count
    # one report can be traded by then: it is asked without, with other prices, with other events
    tried = {check["name"]: check["tried"]["worlds"] for check in record["checks"]}
    assert [tried[name] for name in ("prefix", "perturbation", "event_time")] == [1, 3, 3]
    assert record["sensitivity"]["peek"]["caught"] == 1
