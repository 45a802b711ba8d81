"""The tables of inputs: their rows and days, and that what is written elsewhere is read again."""

from pathlib import Path

import pandas as pd
import pytest

from backtest.data.bars import read_bars
from backtest.data.datafile import DataFile, read_data_file
from backtest.data.inputs import read_inputs
from backtest.data.kinds import FILED_KINDS
from backtest.data.prices import Prices, read_prices
from backtest.data.tables import FileTables, action_row, data_tables, event_row, member_row
from tests.data.test_bars import ROWS, write
from tests.made_up import utc

ACME, ACTIONS = "prices/ACME.csv", "actions/ACME.csv"
HEADER = "day,action,amount,until,name,source\n"


def tables_of(checkout, symbol="ACME", **terms):
    data = checkout.root / "data"
    inputs = read_inputs(data, [symbol], "INDX", (None, None), FILED_KINDS, **terms)
    return data_tables(inputs, data)


def cells(**given):
    return dict.fromkeys(("day", "action", "amount", "until", "name", "source"), "") | {
        "day": "2025-06-03", "source": "x", **given,
    }  # fmt: skip


# Rows


@pytest.mark.parametrize(
    ("row", "adjust", "day"),
    [
        ({"action": "split", "amount": "2"}, "splits, as of 2025-06-03", None),
        ({"action": "split", "amount": "2"}, "splits, as of 2025-06-02", "2025-06-03"),
        ({"action": "split", "amount": "2"}, "none: as traded", "2025-06-03"),
        ({"action": "renamed", "name": "OLDC"}, "none: as traded", None),
        ({"action": "dividend", "amount": "1"}, "splits, as of 2025-06-03", "2025-06-03"),
    ],
)
def test_what_is_in_the_prices_already_was_so_all_along(row, adjust, day):
    metadata = {"adjust": adjust, "last": "2025-06-30"}
    prices = Prices("ACME", pd.DataFrame(), DataFile(Path("made.csv"), "", "", metadata))
    assert action_row(prices, cells(**row)).day == day


def test_an_event_is_of_its_day_in_new_york_and_a_membership_of_its_first():
    row = event_row({"published_at": "2025-06-04T01:00:00Z"})
    assert (row.day, row.published_at) == ("2025-06-03", utc("2025-06-04T01:00:00Z"))
    assert member_row({"first": "2025-06-03"}).day == "2025-06-03"
    assert member_row({"first": ""}).day is None


def test_a_row_is_a_line_of_a_csv_file():
    assert member_row({"first": "", "note": 'a "b", c'}).line == ',"a ""b"", c"\n'


# What a data folder holds


def test_every_file_that_is_read_has_a_table(checkout):
    write(checkout, ROWS)
    checkout.write("data/" + ACTIONS, HEADER + "2025-06-11,halted,,,,x\n")
    found = tables_of(checkout, bars="5m")
    assert set(found.tables.prices) == {ACME, "prices/INDX.csv"}
    assert set(found.tables.bars) == {"prices/5m/ACME.parquet"}
    assert set(found.tables.frames) == {*found.tables.prices, *found.tables.bars}
    assert set(found.tables.rows) == {
        "events/earnings.csv", "events/news.csv", "events/short_reports.csv",
        "events/stake_disclosures.csv", "borrow/ACME.csv", ACTIONS,
    }  # fmt: skip
    assert [row.day for row in found.tables.borrow["borrow/ACME.csv"]] == [
        "2025-06-02", "2025-06-23",
    ]  # fmt: skip
    assert set(found.kinds) == set(found.tables.events)
    assert found.symbols[ACME] == found.symbols["prices/5m/ACME.parquet"] == "ACME"
    assert set(found.files) == {*found.tables.frames, *found.tables.rows}


def test_of_a_stock_that_was_renamed_each_file_has_its_own_rows(checkout):
    text = (checkout.root / "data/prices/ACME.csv").read_text().splitlines(keepends=True)
    checkout.write("data/prices/OLDA.csv", "".join(text[:3]))  # 2 and 3 June
    checkout.write("data/prices/OLDB.csv", "".join([text[0], *text[3:6]]))  # 4 to 6 June
    checkout.write("data/prices/NEWC.csv", "".join([text[0], *text[6:]]))
    renames = "2025-06-04,renamed,,,OLDA,x\n2025-06-09,renamed,,,OLDB,x\n"
    checkout.write("data/actions/NEWC.csv", HEADER + renames)
    write(checkout, ROWS, symbol="NEWC")
    write(checkout, ROWS[:2], symbol="OLDB")
    found = tables_of(checkout, "NEWC", bars="5m")
    rows = {name: len(table) for name, table in found.tables.prices.items()}
    assert (rows["prices/OLDA.csv"], rows["prices/OLDB.csv"], rows["prices/NEWC.csv"]) == (2, 3, 25)
    assert found.tables.prices["prices/NEWC.csv"].index[0] == pd.Timestamp("2025-06-09")
    for name in ("prices/OLDA.csv", "prices/OLDB.csv", "prices/5m/OLDB.parquet"):
        assert found.symbols[name] == "NEWC"


def test_members_of_a_universe_are_rows_and_their_mean_is_no_price_file(checkout):
    checkout.write("data/universes/mine/members.csv", "symbol,first,last\nACME,2025-06-02,\n")
    data = checkout.root / "data"
    inputs = read_inputs(data, (), "mine", (None, None), FILED_KINDS, universe="mine")
    found = data_tables(inputs, data)
    (row,) = found.tables.members["universes/mine/members.csv"]
    assert (row.day, row.line) == ("2025-06-02", "ACME,2025-06-02,\n")
    assert set(found.tables.prices) == {ACME}
    assert "universes/mine/members.csv" in found.tables.rows


# Written elsewhere


def test_what_is_altered_is_written_with_metadata_that_fit(checkout, tmp_path):
    write(checkout, ROWS)
    checkout.write("data/" + ACTIONS, HEADER + "2025-06-11,halted,,,,x\n")
    found = tables_of(checkout, bars="5m")
    tables = found.tables
    few = FileTables(
        prices={**tables.prices, ACME: tables.prices[ACME].iloc[:2]},
        events={name: rows[1:] for name, rows in tables.events.items()},
        borrow=tables.borrow, members={}, actions={ACTIONS: []},
        bars={name: table.iloc[1:3] for name, table in tables.bars.items()},
    )  # fmt: skip
    data = tmp_path / "other"
    found.write(data, few)

    def read(name):
        return read_data_file(data / name, "")

    header, *lines = (checkout.root / "data" / ACME).read_text().splitlines()
    assert read(ACME).text.splitlines()[0] == header
    assert read(ACME).text.splitlines()[1] == "2025-06-02,100.0,102.0,98.0,101.0,1000.0"
    assert (read(ACME).metadata["last"], read(ACME).metadata["rows"]) == ("2025-06-03", 2)
    assert len(lines) == 30
    assert read("events/news.csv").text.count("\n") == 2
    assert read("events/news.csv").metadata["first"] == "2025-06-12"
    assert read("prices/5m/ACME.parquet").metadata["rows"] == 2
    for name in ("prices/INDX.csv", "borrow/ACME.csv"):  # as they are
        assert (data / name).read_bytes() == (checkout.root / "data" / name).read_bytes()
    assert read(ACTIONS).text == HEADER
    assert (read(ACTIONS).metadata["first"], read(ACTIONS).metadata["rows"]) == (None, 0)
    assert len(read_prices(data / "prices", "ACME").table) == 2
    assert read_bars(data / "prices", "ACME", "5m").table[:, 4].tolist() == [10.0, 20.0]


def test_what_is_not_altered_is_written_byte_by_byte(checkout, tmp_path):
    write(checkout, ROWS)
    found = tables_of(checkout, bars="5m")
    found.write(tmp_path / "same", found.tables)
    for name in found.files:
        same, true = (tmp_path / "same" / name), (checkout.root / "data" / name)
        assert same.read_bytes() == true.read_bytes()
        assert read_data_file(same, "").metadata == found.files[name].metadata
