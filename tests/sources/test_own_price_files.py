"""Which rows of a file of prices count, how several files are one, and what is kept of them."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.data.prices import read_prices
from backtest.errors import DataError, UsageError
from backtest.sources.own_prices import (
    PriceFile,
    _joined,
    import_prices,
    read_price_file,
    read_prices_and_actions,
)
from backtest.sources.own_times import Stamps
from tests.made_up import SESSIONS
from tests.sources.test_updates import bars

HEADER = "date,open,high,low,close,volume\n"
TEN = ["10,12,9,11,100"] * 30


def rows(*cells, days=SESSIONS):
    return HEADER + "".join(f"{day},{one}\n" for day, one in zip(days, cells, strict=False))


@pytest.fixture
def read(tmp_path):
    def read(text, name="BOLT.csv", **reading):
        path = tmp_path / name
        path.write_text(text)
        return read_price_file(path, reading.pop("columns", {}), **reading)

    return read


# Which rows count


@pytest.mark.parametrize(("count", "more"), [(3, ""), (4, " and 1 more")])
def test_of_rows_that_are_no_prices_three_are_named(read, count, more):
    text = rows(*TEN[:2]) + "note,,,,,\n" * count
    file = read(text)
    named = ", ".join(f"line {n} ('note')" for n in (4, 5, 6))
    assert f"Not rows of prices: {named}{more}." in file.notes
    assert len(file.tables["BOLT"]) == 2


def test_empty_rows_before_the_first_and_after_the_last_price_are_passed_over(read):
    empty = ",,,,"
    file = read(rows(empty, empty, *TEN[:3], empty))
    assert file.tables["BOLT"].index[0] == pd.Timestamp(SESSIONS[2])
    assert file.lines["BOLT"].tolist() == [4, 5, 6]
    with pytest.raises(DataError, match=f"line 3: {SESSIONS[1]} has no prices"):
        read(rows(TEN[0], empty, TEN[0]))


def test_a_row_with_prices_is_one_whatever_its_day_is(read):
    saturday = "2025-06-07"
    file = read(rows(*TEN[:2]) + f"{saturday},{TEN[0]}\n{saturday},,,,,\n")
    assert file.lines["BOLT"].tolist() == [2, 3, 4]
    assert f"Not rows of prices: line 5 ('{saturday}')." in file.notes


def test_a_way_out_is_named_where_a_row_is_right(read):
    with pytest.raises(DataError, match="--skip-bad"):
        read(rows("cheap,12,9,11,100", TEN[0]))
    with pytest.raises(DataError, match="'cheap' is no number") as caught:
        read(rows("cheap,12,9,11,100"))
    assert "--skip-bad" not in str(caught.value)


@pytest.mark.parametrize(("count", "more"), [(10, ""), (11, " and 1 more")])
def test_of_rows_without_a_day_ten_are_named(read, count, more):
    file = read(rows(*TEN[:2]) + f"soon,{TEN[0]}\n" * count, skip_bad=True)
    named = ", ".join(f"line {n}" for n in range(4, 14))
    assert f"Left out, without a day: {named}{more}." in file.notes
    assert len(file.tables["BOLT"]) == 2


def test_a_symbol_whose_rows_have_no_day_is_refused_beside_another(read):
    text = f"symbol,{HEADER}BOLT,{SESSIONS[0]},{TEN[0]}\nCOIL,soon,{TEN[0]}\n"
    file = read(text, skip_bad=True)
    assert list(file.tables) == ["BOLT"]
    assert "COIL has no row with a day" in str(file.refused["COIL"])
    with pytest.raises(DataError, match="COIL has no row with a day"):
        read(text, symbols=["COIL"], skip_bad=True)


def test_of_three_rows_of_a_day_two_are_named_and_the_same_twice_is_once(read):
    text = rows(*TEN[:2])
    assert len(read(text + f"{SESSIONS[1]},{TEN[0]}\n").tables["BOLT"]) == 2
    text += "".join(f"{SESSIONS[1]},10,12,9,{close},100\n" for close in (10, 9))
    with pytest.raises(DataError, match=f"two rows of {SESSIONS[1]}, line 3 and line 4. One row"):
        read(text)
    assert len(read(text, skip_bad=True).tables["BOLT"]) == 4


def test_rows_are_put_in_order_with_their_lines(read):
    file = read(rows(*TEN[:3], days=(SESSIONS[1], SESSIONS[2], SESSIONS[0])))
    assert file.lines["BOLT"].tolist() == [4, 2, 3]
    assert file.tables["BOLT"].index.is_monotonic_increasing


def test_what_is_told_of_reading_is_of_the_first_row_with_a_day(read):
    text = HEADER + f"soon,{TEN[0]}\n" + rows(*TEN[:2]).removeprefix(HEADER)
    notes = read(text, skip_bad=True).notes
    assert notes[0] == f"'{SESSIONS[0]}' is read as {SESSIONS[0]}, and '.' as the decimal sign."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("null,null,null,null,null", True), ("10,12,9,11,", True), ("10,12,9,11,5", False),
    ],
)  # fmt: skip
def test_a_volume_that_is_unknown_counts_as_none_beside_prices(read, text, said):
    file = read(rows(TEN[0], text, TEN[0]), skip_bad=True)
    volume = file.tables["BOLT"]["volume"].tolist()[1]
    note = "Volumes that are not known count as 0: 1."
    if text.startswith("null"):
        assert np.isnan(volume)
        assert note not in file.notes
    else:
        assert volume == (0.0 if said else 5.0)
        assert (note in file.notes) is said


def test_a_volume_is_unknown_of_rows_of_prices_alone(read):
    file = read(rows(TEN[0], "0.25 Dividend,,,,", TEN[0]))
    assert not any("Volumes" in note for note in file.notes)
    assert len(file.tables["BOLT"]) == 2


# Several files as one


def price_file(name, tables, notes=("read so", "more"), **facts):
    return PriceFile(Path(name), {}, list(notes), tables, {}, "line", name=name, **facts)


def test_files_are_one_by_symbol_and_row():
    one = price_file("1.csv", {"BOLT": bars(SESSIONS[2:4]), "COIL": bars(SESSIONS[:1])})
    two = price_file("2.csv", {"BOLT": bars(SESSIONS[:2], 50.0)}, refused={"NUTS": DataError("x")})
    again = price_file("3.csv", {"COIL": bars(SESSIONS[:1])})
    assert _joined([one]) is one
    file = _joined([one, two, again])
    assert file.tables["BOLT"].index.tolist() == [pd.Timestamp(day) for day in SESSIONS[:4]]
    assert file.tables["BOLT"]["open"].tolist() == [50, 51, 100, 101]
    assert len(file.tables["COIL"]) == 1
    assert list(file.refused) == ["NUTS"]
    assert (file.name, file.lines) == ("1.csv, 2.csv, 3.csv", {})
    assert file.notes == ["read so", "more", "2 more files.", "2.csv: more", "3.csv: more"]


def test_of_files_that_contradict_each_other_the_symbol_is_refused():
    table = bars(SESSIONS[:2])
    other = table.assign(close=[101.0, 101.5])
    file = _joined(
        [price_file("1.csv", {"A": table, "B": table}), price_file("2.csv", {"A": other})]
    )
    assert list(file.tables) == ["B"]
    assert f"two of the files have other prices of {SESSIONS[1]}" in str(file.refused["A"])
    closes = bars(SESSIONS[2:4])[["close"]]
    file = _joined([price_file("1.csv", {"A": table}), price_file("2.csv", {"A": closes})])
    assert "two of the files have other columns." in str(file.refused["A"])


def test_ten_notes_of_further_files_are_told():
    files = [price_file(f"{n}.csv", {}) for n in range(12)]
    notes = _joined(files).notes
    assert notes[:3] == ["read so", "more", "11 more files."]
    assert notes[3:] == [f"{n}.csv: more" for n in range(1, 11)]


# What is kept


def take(folder, file, **terms):
    refused = {}
    terms = {"source": "mine", "adjust": "none", "accept": False, **terms}
    return list(import_prices(folder, file, refused, **terms)), refused


def test_the_source_and_the_mode_are_those_on_record_where_none_is_said(tmp_path):
    file = price_file("BOLT.csv", {"BOLT": bars(SESSIONS[:2])})
    with pytest.raises(UsageError, match="Say where the figures come from"):
        take(tmp_path, file, source=None)
    ((update,), _) = take(tmp_path, file)
    update.make()
    ((update,), refused) = take(
        tmp_path, price_file("BOLT.csv", {"BOLT": bars(SESSIONS[:3])}), source=None, adjust=None
    )
    facts = update.make().metadata
    assert (facts["source"], facts["adjust"], refused) == ("mine", "none", {})
    retrieval = facts["retrievals"][-1]
    assert (retrieval["file"], "bars" in retrieval) == ("BOLT.csv", False)
    assert datetime.fromisoformat(retrieval["fetched_at"]).microsecond == 0
    updates, refused = take(tmp_path, file, adjust="splits")
    assert updates == []
    assert "is adjusted so: none" in str(refused["BOLT"])
    ((update,), _) = take(tmp_path, price_file("x", {"BOLT": bars(SESSIONS[:4])}), source="ours")
    assert update.make().metadata["source"] == "mine Later rows: ours"
    assert len(read_prices(tmp_path / "prices", "BOLT").table) == 4


def test_what_was_refused_in_reading_is_refused_in_taking(tmp_path):
    fault = DataError("no")
    file = price_file("x.csv", {"BOLT": bars(SESSIONS[:2])}, refused={"COIL": fault})
    updates, refused = take(tmp_path, file)
    assert ([one.symbol for one in updates], refused) == (["BOLT"], {"COIL": fault})


@pytest.mark.parametrize(
    ("bars_of", "folder"),
    [(None, "prices"), (None, "prices/parquet"), (None, "actions"), ("5m", "prices/5m")],
)
def test_what_killed_processes_left_is_cleared_away(tmp_path, bars_of, folder):
    left = tmp_path / folder / ".BOLT.csv.0a1b2c3d"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    assert take(tmp_path, price_file("x.csv", {}, bars=bars_of)) == ([], {})
    assert not left.exists()


def test_bars_come_without_actions_and_dividends(tmp_path):
    path, mine = tmp_path / "BOLT.csv", tmp_path / "mine.csv"
    path.write_text("time,open,high,low,close,volume\n2025-06-02T13:30:00Z,10,12,9,11,100\n")
    stamps = Stamps("1h", stamped="open")
    file = read_prices_and_actions([path], {}, actions=None, dividends=None, stamps=stamps)
    assert list(file.tables["BOLT"]) == ["open", "high", "low", "close", "volume"]
    for terms in ({"actions": mine, "dividends": None}, {"actions": None, "dividends": "x"}):
        with pytest.raises(UsageError, match="come with daily prices, without --bars"):
            read_prices_and_actions([path], {}, stamps=stamps, **terms)


def test_a_row_that_is_wrong_is_told_by_where_it_stood(tmp_path):
    table = bars(SESSIONS[:2])
    table.iloc[1, 1] = 1.0
    lines = {"BOLT": np.array([4, 7])}
    file = PriceFile(Path("x"), {}, [], {"BOLT": table}, lines, "row", name="x")
    _, refused = take(tmp_path, file)
    assert f"{SESSIONS[1]} (row 7): high 1 is below" in str(refused["BOLT"])
