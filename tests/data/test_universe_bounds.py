"""Universes at their bounds: days of membership, spans of prices, and what is said of the rest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.data.datafile import DataFile
from backtest.data.events import EventFile
from backtest.data.kinds import Earnings
from backtest.data.prices import Prices
from backtest.data.universe import (
    Universe,
    mean_of_members,
    members_events,
    members_prices,
    members_spans,
    parse_universe,
    tables_folder,
)
from backtest.errors import DataError, UsageError
from tests.made_up import day, earnings

FILE = DataFile(Path("made/members.csv"), "", "", {})
DAYS = ("2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05")
YEAR = "2025-01-01 2025-12-31"


def parsed(rows):
    return parse_universe("mine", DataFile(FILE.path, "symbol,first,last\n" + rows, "", {}))


def closes(*values, days=DAYS, symbol="ACME", columns=("close",)):
    index = pd.DatetimeIndex(list(days[: len(values)]), name="session")
    table = pd.DataFrame(dict.fromkeys(columns, np.array(values, float)), index)
    facts = {"adjust": "none", "first": days[0], "last": str(index[-1].date())}
    return Prices(symbol, table, DataFile(Path(f"made/{symbol}.csv"), "", "", facts))


def universe(**spans):
    """Of days as they are written, `2025-06-03 2025-06-04`."""
    return Universe("mine", {symbol: [tuple(map(day, one.split())) for one in own]
                             for symbol, own in spans.items()}, FILE)  # fmt: skip


# The table


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("ACME,2025-06-03,\nACME,,2025-06-03\n", "line 3: ACME is a member in part of that span"),
        ("ACME,2025-06-03,\nACME,,2025-06-02\n", None),
        ("ACME,,2025-06-02\nACME,2025-06-09,\nACME,2025-06-10,\n", "line 4: ACME is a member in"),
        ("ACME,,2025-06-02\nACME,2025-06-09,\nACME,2025-06-02,2025-06-03\n", "line 4: ACME"),
        ("ACME,,\nBETA,,\nBETA,,\nACME,,\n", "line 4: BETA, line 5: ACME is a member in part"),
        ("ACME,2025-06-03,2025-06-03\n", None),  # for one day
        ("ACME,2025-06-04,2025-06-03\n", "first 2025-06-04 is later than last 2025-06-03"),
    ],
)
def test_the_spans_of_a_member_lie_apart(rows, told):
    if told is None:
        assert parsed(rows).symbols == ("ACME",)
        return
    with pytest.raises(DataError) as caught:
        parsed(rows)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("on", "is_member"),
    [("2025-06-02", False), ("2025-06-03", True), ("2025-06-04", True), ("2025-06-05", False)],
)
def test_a_member_is_one_on_the_first_and_the_last_day(on, is_member):
    mine = universe(ACME=["2025-06-03 2025-06-04"])
    assert mine.has("ACME", day(on)) is is_member
    assert mine.members(day(on)) == ("ACME",) * is_member


def test_a_universe_may_be_cut_to_some_members():
    mine = universe(ACME=["2025-06-02 2025-06-03"], BETA=["2025-06-02 2025-06-03"])
    assert mine.only(["BETA", "GONE"]).symbols == ("BETA",)


@pytest.mark.parametrize("table", ["prices", "events", "borrow"])
def test_a_folder_with_any_table_is_the_universe_s_own(tmp_path, table):
    own = tmp_path / "universes" / "mine"
    own.mkdir(parents=True)
    assert tables_folder(tmp_path, "mine") == tables_folder(tmp_path, None) == tmp_path
    (own / table).mkdir()
    assert tables_folder(tmp_path, "mine") == own
    assert tables_folder(tmp_path, None) == tmp_path


# Prices of members

BARS = ("open", "high", "low", "close", "volume")


def taken(tmp_path, *, bars):
    for symbol in ("ACME", "INDX", "LATE", "STRG"):
        (tmp_path / f"{symbol}.csv").touch()
    known = {"ACME": closes(1, 2, columns=BARS), "INDX": closes(1, 2), "STRG": closes(1, 2)}

    def read(symbol):
        if symbol == "LATE":
            raise UsageError("not there yet")
        return known[symbol]

    mine = universe(**{symbol: ["2025-06-02 2025-06-05"] for symbol in ("ACME", "INDX", "LATE",
                                                                         "GONE")})  # fmt: skip
    remarks = []
    return list(members_prices(mine, tmp_path, read, remarks, bars=bars)), remarks


def test_closes_are_taken_where_no_bars_are_needed(tmp_path):
    assert taken(tmp_path, bars=True) == (["ACME"], [
        "2 of 4 members have no prices: GONE, LATE.", "1 of 4 members have closes alone: INDX.",
    ])  # fmt: skip
    assert taken(tmp_path, bars=False) == (
        ["ACME", "INDX"], ["2 of 4 members have no prices: GONE, LATE."],
    )  # fmt: skip


@pytest.mark.parametrize(("bars", "word"), [(True, "bars"), (False, "prices")])
def test_a_universe_of_which_nothing_can_be_read_is_refused(tmp_path, bars, word):
    with pytest.raises(UsageError, match=f"No member of mine has {word} in "):
        members_prices(universe(GONE=["2025-06-02 2025-06-05"]), tmp_path, None, [], bars=bars)


def spanned(mine, history, first=None, last=None):
    remarks = []
    span = (first and day(first), last and day(last))
    return {
        s: len(p.table) for s, p in members_spans(mine, history, span, remarks).items()
    }, remarks


@pytest.mark.parametrize(
    ("span", "is_in"),
    [
        ("2025-05-01 2025-06-02", True),  # to the first price
        ("2025-05-01 2025-06-01", False),
        ("2025-06-05 2025-07-01", True),  # from the last one on
        ("2025-06-06 2025-07-01", False),
    ],
)
def test_a_member_is_replayed_where_it_was_one_within_its_prices(span, is_in):
    mine = universe(ACME=[span], BETA=["2025-06-02 2025-06-05"])
    found, remarks = spanned(mine, {"ACME": closes(1, 2, 3, 4), "BETA": closes(1, 2, 3, 4)})
    assert ("ACME" in found) is is_in
    told = ["1 of 2 members were members only before or after their prices: ACME."]
    assert remarks == ([] if is_in else told)


def test_one_of_several_memberships_is_enough():
    mine = universe(ACME=["2025-05-01 2025-05-02", "2025-06-03 2025-06-03"])
    assert spanned(mine, {"ACME": closes(1, 2, 3, 4)}) == ({"ACME": 4}, [])


def test_a_universe_without_a_member_in_its_prices_is_refused_with_the_remedy():
    mine = universe(ACME=["2025-05-01 2025-05-02"])
    with pytest.raises(UsageError, match=r"No stock was a member of mine while there are prices"):
        spanned(mine, {"ACME": closes(1, 2)})


def test_members_without_a_session_in_the_span_are_left_out():
    mine = universe(ACME=[YEAR], BETA=[YEAR])
    history = {"ACME": closes(1, 2), "BETA": closes(1, 2, 3, 4)}
    assert spanned(mine, history, "2025-06-04") == (
        {"BETA": 2}, ["1 of 2 members have no session in the span: ACME."],
    )  # fmt: skip
    with pytest.raises(UsageError) as caught:
        spanned(mine, history, "2025-06-06")
    assert "has a session from 2025-06-06 to 2025-06-05" in str(caught.value)
    assert "Their prices run from 2025-06-02 to 2025-06-05" in str(caught.value)
    with pytest.raises(UsageError, match="--from 2025-06-05 lies after --to 2025-06-04"):
        spanned(mine, history, "2025-06-05", "2025-06-04")
    with pytest.raises(UsageError, match="has a session from 2025-06-07 to 2025-06-07"):
        spanned(mine, history, "2025-06-07", "2025-06-07")


def test_the_prices_of_all_members_are_told_where_none_is_in_the_span():
    mine = universe(ACME=[YEAR], BETA=[YEAR])
    history = {"ACME": closes(1, 2), "BETA": closes(1, 2, days=DAYS[1:])}
    with pytest.raises(UsageError, match="Their prices run from 2025-06-02 to 2025-06-04"):
        spanned(mine, history, "2025-07-01")
    assert spanned(mine, history)[0] == {"ACME": 2, "BETA": 2}


# Their events and their mean


def test_events_of_strangers_are_left_out_and_those_of_all_are_kept():
    events = (earnings(), earnings(symbol="BETA"), earnings(symbol="GONE", headline="x"))
    file = EventFile(Earnings, events, FILE)
    remarks = []
    found = members_events(file, ["ACME", "BETA", "COIL"], remarks)
    assert found.events == events[:2]
    assert remarks == [
        "Left out of earnings.csv: 1 event of stocks that are not traded here, GONE.",
        "1 of 3 traded have no event in earnings.csv: COIL.",
    ]
    remarks.clear()
    assert members_events(replace(file, events=events[:2]), ["ACME", "BETA"], remarks).events
    assert remarks == []
    assert members_events(replace(file, events=()), ["ACME"], remarks).events == ()
    assert remarks == []


@pytest.mark.parametrize(
    ("span", "mean"),
    [
        # ACME rises by a tenth in each session, BETA does not move.
        ("2025-06-02 2025-06-05", [100, 105, 110.25, 115.7625]),
        ("2025-06-04 2025-06-04", [100, 110, 115.5, 127.05]),
        ("2025-06-05 2025-06-06", [100, 110, 121, 127.05]),
        ("2025-05-01 2025-06-03", [100, 105, 115.5, 127.05]),
        ("2025-05-01 2025-05-02", [100, 110, 121, 133.1]),
    ],
)
def test_a_return_counts_from_the_first_day_of_membership_to_the_last(span, mean):
    mine = universe(ACME=[YEAR], BETA=[span])
    history = {"ACME": closes(100, 110, 121, 133.1), "BETA": closes(5, 5, 5, 5, symbol="BETA")}
    found = mean_of_members(mine, history)
    assert found.table["close"].tolist() == pytest.approx(mean)
    assert (found.symbol, found.file) == ("mine", FILE)
    assert found.table.index.name == "session"


def test_sessions_of_all_members_are_in_order_whoever_has_them():
    mine = universe(ACME=[YEAR], BETA=[YEAR])
    history = {"ACME": closes(1, 2, days=DAYS[2:]), "BETA": closes(1, 2)}
    found = mean_of_members(mine, history).table
    assert found.index.strftime("%Y-%m-%d").tolist() == list(DAYS)
    assert found["close"].tolist() == [100, 200, 200, 400]
