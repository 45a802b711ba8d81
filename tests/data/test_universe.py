"""Universes: members with their spans, what is traded of them, and their mean."""

from datetime import timedelta
from pathlib import Path

import pytest

from backtest.data.datafile import DataFile
from backtest.data.events import EventFile
from backtest.data.inputs import read_inputs
from backtest.data.market import tradable_session
from backtest.data.scheduled import MacroDate
from backtest.data.universe import (
    mean_of_members,
    members_events,
    parse_universe,
    read_universe,
    universe_names,
)
from backtest.data.versions import seal
from backtest.errors import DataError, UsageError
from backtest.events import Earnings
from tests.made_up import SOURCE, day, earnings, utc
from tests.versioned import recorded

HEADER = "symbol,first,last\n"


def parsed(tmp_path, rows):
    return parse_universe("mine", DataFile(tmp_path / "members.csv", HEADER + rows, "", {}))


def test_a_stock_is_a_member_from_its_first_day_to_its_last(tmp_path):
    mine = parsed(tmp_path, "BETA,2025-06-03,2025-06-05\nACME,2025-06-04,\nCHIP,,2025-06-03\n")
    assert mine.symbols == ("ACME", "BETA", "CHIP")
    assert mine.members(day("2025-06-02")) == ("CHIP",)
    assert mine.members(day("2025-06-03")) == ("BETA", "CHIP")
    assert mine.members(day("2025-06-05")) == ("ACME", "BETA")
    assert mine.members(day("2025-06-06")) == ("ACME",)
    assert mine.has("BETA", day("2025-06-05"))
    assert not mine.has("BETA", day("2025-06-06"))
    assert not mine.has("OTHR", day("2025-06-05"))


def test_a_stock_may_leave_and_come_back(tmp_path):
    mine = parsed(tmp_path, "ACME,,2025-06-03\nACME,2025-06-09,2025-06-10\n")
    assert mine.symbols == ("ACME",)
    days = ("2025-06-03", "2025-06-04", "2025-06-08", "2025-06-09", "2025-06-10", "2025-06-11")
    assert [mine.has("ACME", day(d)) for d in days] == [True, False, False, True, True, False]
    assert [len(mine.members(day(d))) for d in days] == [1, 0, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("ACME,,2025-06-03\nACME,2025-06-03,\n", "line 3: ACME is a member in part of that span"),
        ("ACME,,\nACME,,\n", "line 3: ACME is a member in part of that span already"),
        ("acme,,\n", "line 2, column symbol: 'acme' is no symbol"),
        (",,\n", "line 2, column symbol: '' is no symbol"),
        ("ACME,2025-02-30,\n", "line 2, column first: '2025-02-30' is not a day"),
        ("ACME,,20250630\n", "line 2, column last: '20250630' is not a day such as 2025-03-28"),
        ("ACME,,soon\n", "line 2, column last: 'soon' is not a day such as 2025-03-28, nor empty"),
        ("ACME,2025-06-04,2025-06-03\n", "first 2025-06-04 is later than last 2025-06-03"),
        ("", "no member; write one line a stock: symbol, first, last"),
    ],
)
def test_a_table_that_is_wrong_is_refused(tmp_path, rows, fault):
    with pytest.raises(DataError) as refused:
        parsed(tmp_path, rows)
    assert fault in str(refused.value)
    assert "members.csv: 1 problem" in str(refused.value)


def test_every_wrong_line_is_named_at_once(tmp_path):
    with pytest.raises(DataError, match=r"2 problems\n  line 2, .*\n  line 4, "):
        parsed(tmp_path, "acme,,\nBETA,,\nCHIP,x,\n")


# What is traded: ACME has bars, closes of 101, 102 … from 2025-06-02; INDX has closes alone.


def write_prices(folder, symbol, rows):
    path = folder / "prices" / f"{symbol}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{d},{close},{close},{close},{close},1000\n" for d, close in rows]
    path.write_text("date,open,high,low,close,volume\n" + "".join(lines))
    seal(path, [d for d, _ in rows], source=SOURCE, adjust="none")


def write_members(data, rows, name="mine"):
    path = data / "universes" / name / "members.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + rows)
    seal(path, [None], source=SOURCE, adjust=None)


@pytest.fixture
def data(checkout):
    """ACME and BETA have bars, INDX closes alone, GONE none."""
    data = checkout.root / "data"
    days = ("2025-06-03", "2025-06-04", "2025-06-05")
    write_prices(data, "BETA", list(zip(days, (50, 60, 54), strict=True)))
    write_members(data, "ACME,,\nBETA,2025-06-05,\nGONE,,\nINDX,,\n")
    return data


def inputs(data, **changes):
    terms = {
        "symbols": (), "benchmark": "mine", "span": (None, None), "listens_to": (Earnings,),
        "universe": "mine",
    }  # fmt: skip
    return read_inputs(data, **{**terms, **changes})


def test_universes_are_found_by_their_folder(data):
    write_members(data, "ACME,,\n", "another")
    (data / "universes/empty").mkdir()
    assert universe_names(data) == ["another", "mine"]
    with pytest.raises(UsageError, match=r"'anothr'.*another"):
        read_universe(data, "anothr")


def test_a_table_that_changed_is_refused_until_it_is_sealed(data):
    path = data / "universes/mine/members.csv"
    path.write_text(path.read_text() + "CHIP,,\n")
    with pytest.raises(DataError, match="backtest universes seal mine"):
        read_universe(data, "mine")


def test_members_that_cannot_be_traded_are_left_out_and_counted(data):
    found = inputs(data)
    assert list(found.span) == ["ACME", "BETA"]
    assert found.universe.symbols == ("ACME", "BETA")  # GONE can be traded on no day
    assert found.assumptions[:3] == [
        f"Members of mine: {SOURCE}.",
        "1 of 4 members have no prices: GONE.",
        "1 of 4 members have closes alone: INDX.",
    ]


def test_of_many_that_are_left_out_three_are_named(data):
    write_members(data, "ACME,,\n" + "".join(f"X{n},,\n" for n in range(1200)))
    (remark,) = [one for one in inputs(data).assumptions if "no prices" in one]
    assert remark == "1,200 of 1,201 members have no prices: X0, X1, X10 and 1,197 more."


def test_a_member_without_a_session_in_the_span_is_left_out(data):
    found = inputs(data, span=(day("2025-06-06"), None))
    assert list(found.span) == list(found.history) == ["ACME"]
    assert "1 of 4 members have no session in the span: BETA." in found.assumptions
    with pytest.raises(UsageError, match="No member of mine has a session from 2030-01-02"):
        inputs(data, span=(day("2030-01-02"), None))


def test_a_universe_of_which_nothing_can_be_traded_is_refused(data):
    write_members(data, "GONE,,\nINDX,,\n")
    with pytest.raises(UsageError, match=r"No member of mine has bars in .*backtest prices import"):
        inputs(data)


def test_events_of_strangers_are_left_out_and_counted(data):
    write_members(data, "BETA,,\n")
    found = inputs(data)
    assert found.events == []
    # two reports, two stakes, two short reports and one piece of news are of ACME, one of OTHR
    assert (
        "Left out of earnings.csv: 2 events of stocks that are not traded here, ACME."
        in found.assumptions
    )
    assert (
        "Left out of news.csv: 2 events of stocks that are not traded here, ACME, OTHR."
        in found.assumptions
    )
    assert "1 of 2 traded have no event in earnings.csv: BETA." in inputs_of_two(data).assumptions


def test_those_without_an_event_of_their_own_are_counted_beside_events_of_the_market():
    terms = {
        "published_at": utc("2025-06-04T12:00Z"), "precision": "exact", "headline": "A release",
        "release": "CPI", "happens_on": day("2025-06-27"),
    }  # fmt: skip
    events = (MacroDate(**terms), MacroDate(symbol="ACME", **terms))
    file = EventFile(MacroDate, events, DataFile(Path("macro_dates.csv"), "", "", {}))
    remarks = []
    assert members_events(file, ["ACME", "BETA"], remarks) == file
    assert remarks == ["1 of 2 traded have no event in macro_dates.csv: BETA."]


def inputs_of_two(data):
    write_members(data, "ACME,,\nBETA,,\n")
    return inputs(data)


def test_the_mean_counts_a_member_from_the_day_that_it_joins(data):
    # ACME: 101, 102, 103, 104; BETA: 50, 60, 54, a member from the 5th, so +20 % does not count
    closes = inputs(data, span=(None, day("2025-06-06"))).benchmark.table["close"]
    expected = [100, 100 * 102 / 101, 100 * 103 / 101]
    expected.append(expected[-1] * (1 + (104 / 103 - 1 + 54 / 60 - 1) / 2))
    expected.append(expected[-1] * 105 / 104)  # BETA has no price any more
    assert closes.iloc[:5].tolist() == pytest.approx(expected, rel=1e-12)
    assert [str(d.date()) for d in closes.index[[0, 4]]] == ["2025-06-02", "2025-06-06"]


def test_without_any_member_that_trades_the_mean_stays(data):
    history = {"BETA": inputs(data).history["BETA"]}
    closes = mean_of_members(read_universe(data, "mine"), history).table["close"]
    assert closes.tolist() == pytest.approx([100, 100, 90])


def test_a_folder_of_its_own_holds_prices_and_events(data):
    own = data / "universes/mine"
    write_prices(own, "BETA", [("2025-06-03", 7), ("2025-06-04", 8)])
    write_members(data, "ACME,,\nBETA,,\n")
    found = inputs(data, benchmark="INDX", looks_at=("ACME",), listens_to=())
    assert list(found.span) == ["BETA"]  # ACME's prices are in the data folder alone
    assert found.history["BETA"].table["close"].tolist() == [7, 8]
    assert found.files == []
    assert found.benchmark.symbol == "INDX"
    assert found.others["ACME"].table["close"].iloc[0] == 101
    assert sorted(found.versions(data)) == [
        "prices/ACME.csv", "prices/INDX.csv", "universes/mine/members.csv",
        "universes/mine/prices/BETA.csv",
    ]  # fmt: skip


def test_members_alone_take_the_prices_of_the_data_folder(data):
    found = inputs(data)
    assert found.history["BETA"].file.path == data / "prices/BETA.csv"
    assert {file.kind.kind for file in found.files} == {
        "earnings", "stake_disclosure", "short_report", "news",
    }  # fmt: skip


def test_membership_is_part_of_what_decides_and_the_order_of_rows_is_not(data):
    before = inputs(data).hashes((Earnings,))
    write_members(data, "INDX,,\nBETA,2025-06-05,\nGONE,,\nACME,,\n")
    assert inputs(data).hashes((Earnings,)) == before
    write_members(data, "ACME,,\nBETA,2025-06-04,\nGONE,,\nINDX,,\n")
    after = inputs(data).hashes((Earnings,))
    # the membership, and the mean that it makes
    assert {n for n in after if after[n] != before[n]} == {"universe", "prices/mine"}


def test_as_of_a_day_members_are_those_of_then(data):
    for path in data.rglob("*.csv"):
        if ".history" not in path.parts:
            recorded(path, 1, "2025-06-01T00:00:00+00:00")
    early = inputs(data, as_of=day("2025-06-02"))
    assert list(early.span) == ["ACME"]
    assert "2 of 4 members have no prices: BETA, GONE." in early.assumptions  # BETA's begin later
    late = inputs(data, as_of=day("2025-06-04"))
    assert list(late.span) == ["ACME"]  # BETA joins a day later
    assert list(inputs(data, as_of=day("2025-06-05")).span) == ["ACME", "BETA"]
    assert late.last == day("2025-06-04")
    assert [event.headline for event in late.events] == ["A made-up beat"]


def test_an_event_is_traded_only_while_its_stock_is_a_member(data):
    write_members(data, "ACME,,2025-06-04\n")
    found = inputs(data)
    terms = (found.history["ACME"], found.span["ACME"], timedelta(minutes=5), found.universe)
    early, late = earnings("2025-06-03T16:05:00-04:00"), earnings("2025-06-04T16:05:00-04:00")
    assert tradable_session(early, *terms) == (day("2025-06-04"), "")
    assert tradable_session(late, *terms) == (
        day("2025-06-05"), "the stock was no member of mine then",
    )  # fmt: skip
