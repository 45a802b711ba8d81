"""What is read for a replay: spans of several stocks, what must be there, and as of a day."""

from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest

from backtest.data.actions import Action, Actions
from backtest.data.inputs import read_inputs
from backtest.data.kinds import FILED_KINDS, NEW_YORK, Earnings, Event, News, Start
from backtest.data.scheduled import Dividend
from backtest.data.tables import FilesAsOf, _of_new_ticker
from backtest.errors import DataError, MissingDataError, UsageError
from tests.data.test_bars import ROWS, write
from tests.made_up import ACME, INDX, NEWS, day, news
from tests.universes import bars as bars_at
from tests.universes import write_universe

HEAD, *LINES = ACME.splitlines(keepends=True)


def read(checkout, symbols=("ACME",), span=(None, None), listens_to=FILED_KINDS, **terms):
    terms = {"benchmark": "INDX", **terms}
    return read_inputs(checkout.root / "data", symbols, terms.pop("benchmark"), span, listens_to,
                       **terms)  # fmt: skip


@pytest.fixture
def two(checkout):
    """BETA has prices from the 3rd session of ACME to the 5th."""
    checkout.write("data/prices/BETA.csv", HEAD + "".join(LINES[2:5]))
    return checkout


def test_a_replay_lasts_from_the_first_session_of_any_to_the_last(two):
    found = read(two, ("BETA", "ACME"))
    assert (found.first, found.last) == (day("2025-06-02"), day("2025-07-15"))
    early = read(two, ("BETA", "ACME"), (None, day("2025-06-05")))
    assert (early.first, early.last) == (day("2025-06-02"), day("2025-06-05"))
    only = read(two, ("BETA",))
    assert (only.first, only.last) == (day("2025-06-04"), day("2025-06-06"))


def test_what_is_looked_at_is_seen_beside_what_is_traded_and_not_replayed(two):
    found = read(two, looks_at=("BETA", "ACME"))
    assert list(found.others) == ["BETA"]
    assert set(found.seen) == {"ACME", "BETA"}
    assert set(found.replayed) == set(found.actions) == {"ACME"}
    with pytest.raises(MissingDataError, match=r"Drift looks at GONE \(its looks_at\)"):
        read(two, looks_at=("GONE",), wanted_by="Drift")


def test_a_benchmark_that_is_traded_is_read_once(two):
    found = read(two, benchmark="ACME")
    assert found.benchmark is found.history["ACME"]
    assert read(two).benchmark.symbol == "INDX"


# What decides


def test_events_that_are_heard_of_stocks_that_are_traded_decide(checkout):
    before = read(checkout)
    names = {name for name in before.hashes((News,)) if name.startswith("events/")}
    assert names == {"events/news/ACME"}  # OTHR is not traded
    assert len([n for n in before.hashes((Event,)) if n.startswith("events/")]) == 4
    checkout.write("data/events/news.csv", NEWS.replace("contract,made up", "contract,a remark"))
    assert read(checkout).hashes((Event,)) == before.hashes((Event,))
    checkout.write("data/events/news.csv", NEWS.replace("contract,made up", "lockup,made up"))
    after = read(checkout).hashes((Event,))
    assert {n for n in after if after[n] != before.hashes((Event,))[n]} == {"events/news/ACME"}


def test_borrow_rates_on_file_decide(checkout):
    assert "borrow/ACME" in read(checkout).hashes(())
    assert set(read(checkout).hashes(())) == {"prices/ACME", "prices/INDX", "borrow/ACME"}


def test_a_file_from_before_versions_is_of_version_1(checkout):
    data = checkout.root / "data"
    found = read(checkout)
    file = found.history["ACME"].file
    old = replace(file, metadata={n: v for n, v in file.metadata.items() if n != "version"})
    history = {"ACME": replace(found.history["ACME"], file=old)}
    assert replace(found, history=history).versions(data)["prices/ACME.csv"] == 1


# What must be there


def test_closes_alone_are_traded_only_where_no_bars_are_needed(checkout):
    with pytest.raises(UsageError, match="INDX has closes alone"):
        read(checkout, ("INDX",))
    assert set(read(checkout, ("INDX",), needs_bars=False).span) == {"INDX"}


def test_a_jump_is_refused_unless_it_is_accepted(checkout):
    checkout.write("data/prices/JUMP.csv", bars_at([100] * 10 + [50] * 20))
    with pytest.raises(DataError, match=r"JUMP opens on 2025-06-16 at 0\.5 times"):
        read(checkout, ("JUMP",))
    (told,) = [one for one in read(checkout, ("JUMP",), accept_jumps=True).assumptions
               if "taken for a move" in one]  # fmt: skip
    assert told.startswith("JUMP opens on 2025-06-16")


def test_a_jump_of_the_benchmark_is_refused_as_well(checkout):
    checkout.write("data/prices/INDX.csv", INDX.replace("2025-05-30,50.00", "2025-05-30,102.00"))
    with pytest.raises(DataError, match="INDX opens on 2025-06-02"):
        read(checkout)
    own = read(checkout, benchmark="ACME")
    assert own.benchmark.symbol == "ACME"


def test_a_kind_that_always_is_on_file_is_missed_as_a_file(checkout):
    (checkout.root / "data/events/news.csv").unlink()
    with pytest.raises(DataError, match=r"news\.csv is missing") as caught:
        read(checkout, listens_to=(News,))
    assert not isinstance(caught.value, MissingDataError)


def test_any_other_kind_is_missed_with_the_command_that_makes_its_file(checkout):
    with pytest.raises(MissingDataError, match="There is no dividend to hear of"):
        read(checkout, listens_to=(Dividend,))
    header = "symbol,published_at,precision,headline,ex_on\n"
    checkout.write("data/events/dividends.csv", header)
    found = read(checkout, listens_to=(Dividend, Event, Start))
    assert Dividend in {file.kind for file in found.files}


def test_in_a_folder_of_its_own_every_kind_that_is_heard_must_be_there(checkout):
    write_universe(checkout)
    terms = {"symbols": (), "universe": "quartet", "benchmark": "quartet"}
    assert read(checkout, listens_to=(Earnings,), **terms).events
    with pytest.raises(MissingDataError, match="There is no news to hear of"):
        read(checkout, listens_to=(News,), **terms)


def test_what_a_universe_has_is_told_to_whoever_looks_for_it_elsewhere(checkout):
    write_universe(checkout)
    with pytest.raises(MissingDataError, match=r"The universe quartet has: choose --universe qu"):
        read(checkout, looks_at=("BOLT",))
    with pytest.raises(MissingDataError) as caught:
        read(checkout, looks_at=("GONE",))
    assert "choose --universe" not in str(caught.value)
    with pytest.raises(MissingDataError) as caught:
        read(checkout, (), listens_to=(Earnings,), universe="quartet", looks_at=("GONE",))
    assert "choose --universe" not in str(caught.value)


def test_a_universe_of_one_stock_is_its_own_mean(checkout):
    checkout.write("data/universes/one/members.csv", "symbol,first,last\nACME,,\n")
    told = "one has one stock, so that the mean of its members is that stock"
    terms = {"symbols": (), "universe": "one"}
    assert any(told in text for text in read(checkout, benchmark="one", **terms).assumptions)
    found = read(checkout, benchmark="INDX", **terms)
    assert not any(told in text for text in found.assumptions)
    assert found.benchmark.symbol == "INDX"
    assert "Members of one: made up for tests." in found.assumptions
    assert read(checkout, benchmark="ACME", **terms).benchmark.symbol == "ACME"
    write_universe(checkout)
    both = read(checkout, (), universe="quartet", benchmark="quartet", listens_to=(Earnings,))
    assert not any("has one stock" in text for text in both.assumptions)
    assert both.benchmark.symbol == "quartet"
    assert any("their mean (the benchmark)" in text for text in both.assumptions)


# Finer bars


def test_extended_hours_need_finer_bars(checkout):
    with pytest.raises(UsageError, match="Extended hours are told by bars finer than sessions"):
        read(checkout, hours="extended")
    write(checkout, ROWS)
    extended = read(checkout, bars="5m", hours="extended").finer["ACME"]
    assert extended.is_extended.any()
    assert not read(checkout, bars="5m").finer["ACME"].is_extended.any()


def test_bars_of_one_stock_are_enough_for_a_span_and_the_message_has_all_of_it(two):
    write(two, ROWS)  # July alone
    write(two, [("2025-06-04T13:30", 102.0, 104.0, 100.0, 103.0, 9.0)], symbol="BETA")
    found = read(two, ("ACME", "BETA"), (day("2025-06-04"), day("2025-06-20")), bars="5m")
    assert found.finer["BETA"].table[:, 4].tolist() == [9.0]
    assert found.finer["ACME"].table.size == 0  # of what comes after the span nothing
    with pytest.raises(UsageError, match=r"None of ACME, BETA has a bar of 5m from 2025-06-05 to "
                                         r"2025-06-20"):  # fmt: skip
        read(two, ("ACME", "BETA"), (day("2025-06-05"), day("2025-06-20")), bars="5m")


def test_bars_up_to_the_last_session_of_the_span_are_read(checkout):
    write(checkout, ROWS)
    found = read(checkout, span=(None, day("2025-07-03")), bars="5m").finer["ACME"]
    assert np.unique(found.sessions).astype(str).tolist() == ["2025-07-02", "2025-07-03"]


def test_a_universe_may_have_bars_of_its_own_or_those_of_the_data_folder(checkout):
    write_universe(checkout)
    terms = {"symbols": (), "universe": "quartet", "listens_to": (Earnings,), "bars": "5m",
             "benchmark": "quartet"}  # fmt: skip
    with pytest.raises(UsageError, match="There is no file of 5m bars"):
        read(checkout, **terms)
    write(checkout, ROWS)
    bolt = [("2025-07-02T13:30", 50.0, 51.0, 49.0, 50.0, 7.0)]
    write(checkout, bolt, symbol="BOLT")
    found = read(checkout, **terms)
    assert found.finer["BOLT"].table[:, 4].tolist() == [7.0]
    own = checkout.root / "data/universes/quartet/prices/5m"
    own.mkdir()
    for name in ("BOLT.parquet", "BOLT.meta.json"):
        (checkout.root / "data/prices/5m" / name).rename(own / name)
    assert read(checkout, **terms).finer["BOLT"].file.path == own / "BOLT.parquet"


def test_a_hedge_without_bars_of_the_length_is_missing_data(checkout):
    checkout.write("data/prices/FUND.csv", bars_at([9] * 30))
    write(checkout, ROWS)
    with pytest.raises(MissingDataError, match="There is no file of 5m bars"):
        read(checkout, trades_also=("FUND",), wanted_by="Drift", bars="5m")
    hedged = read(checkout, trades_also=("FUND",), wanted_by="Drift",
                  span=(day("2025-06-04"), day("2025-06-06")))  # fmt: skip
    assert len(hedged.hedges["FUND"].table) == 3
    assert len(hedged.others["FUND"].table) == 30
    assert set(hedged.rates) == {"ACME", "FUND"}


# As of a day


def test_today_is_no_day_to_come(checkout):
    today = datetime.now(NEW_YORK).date()
    assert FilesAsOf(checkout.root, checkout.root, today).day == today
    with pytest.raises(UsageError, match="is still to come"):
        FilesAsOf(checkout.root, checkout.root, date(9999, 1, 1))


def test_ten_files_of_a_late_history_are_named(checkout):
    files = FilesAsOf(checkout.root, checkout.root, date(2025, 6, 2))
    for number in range(11):
        files.stand_ins[checkout.root / f"F{number:02}.csv"] = date(2025, 6, 3)
    (sentence,) = files.assumptions()
    assert sentence.startswith("F00.csv, F01.csv, ")
    assert "F09.csv and 1 more are on record only from 2025-06-03, after 2025-06-02" in sentence


# Under a new ticker


def renamed(on, symbol):
    return Actions(symbol, (Action(day(on), "renamed", name="ACME"),))


@pytest.mark.parametrize(
    ("at", "symbol"),
    [
        ("2025-06-03T23:59:59-04:00", "NEWC"),
        ("2025-06-04T00:00:00-04:00", "ACME"),  # on the day of the rename it is another stock
        ("2025-06-05T12:00:00-04:00", "ACME"),
    ],
)
def test_an_event_before_a_rename_is_of_the_stock_of_today(at, symbol):
    renames = {"ACME": [renamed("2025-06-04", "NEWC")]}
    assert _of_new_ticker(news(at), renames).symbol == symbol
    assert _of_new_ticker(news(at), {"BETA": renames["ACME"]}).symbol == "ACME"


def test_of_a_ticker_that_two_stocks_bore_an_event_is_of_the_one_of_its_time():
    renames = {"ACME": [renamed("2025-06-02", "ONEC"), renamed("2025-06-10", "TWOC")]}
    assert _of_new_ticker(news("2025-06-05T12:00:00-04:00"), renames).symbol == "TWOC"
    assert _of_new_ticker(news("2025-06-01T12:00:00-04:00"), renames).symbol == "ONEC"
