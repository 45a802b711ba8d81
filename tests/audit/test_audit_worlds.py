"""The worlds of an audit: what is taken away, made up, delayed and altered, and what stays."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.audit import worlds
from backtest.audit.jobs import Source
from backtest.audit.worlds import DecisionTime, altered_events, delayed_events
from backtest.data.borrow import read_borrow_rates
from backtest.data.calendar import trading_calendar
from backtest.data.datafile import read_data_file
from backtest.data.events import read_all_events, read_events
from backtest.data.inputs import read_inputs
from backtest.data.kinds import FILED_KINDS, Earnings
from backtest.data.prices import read_prices
from backtest.data.tables import data_tables
from backtest.data.versions import seal
from backtest.errors import DataError
from tests.made_up import MINUTES_5, SESSIONS, day

ACME, INDX, EARNINGS = "prices/ACME.csv", "prices/INDX.csv", "events/earnings.csv"
MIDDLE = "2025-06-27"  # the second report is public at 08:00 of it, and so tradable in it


def source_of(checkout, *looks_at) -> Source:
    data = checkout.root / "data"
    inputs = read_inputs(data, ["ACME"], "INDX", (None, None), FILED_KINDS, looks_at=looks_at)
    return Source(checkout.workspace, data_tables(inputs, data), MINUTES_5)


@pytest.fixture
def source(checkout):
    return source_of(checkout)


def opening(session: str) -> DecisionTime:
    return DecisionTime(day(session), trading_calendar().time_of(day(session), "open"))


def cells(rows, name) -> list[str]:
    return [row.cells[name] for row in rows]


def before(table, until) -> pd.DataFrame:
    return table[table.index < until]


@pytest.fixture
def written(source, tmp_path):
    """Writes a world and gives its data folder."""

    def write(world):
        root = tmp_path / "world"
        source.copy_to(root)
        source.write(root, world)
        return root / "data"

    return write


# ---- files --------------------------------------------------------------------------------------


def test_the_world_as_it_is_has_the_files_as_they_are(checkout, source, written):
    data = written(source.as_is())
    for name, file in source.data.files.items():
        assert (data / name).read_bytes() == (checkout.root / "data" / name).read_bytes()
        assert read_data_file(data / name, seal_command="").metadata == file.metadata


def test_a_world_holds_what_the_run_reads_and_no_other_symbol(checkout, written):
    checkout.write("data/prices/OTHER.csv", "date,close\n2025-07-01,7.00\n2025-07-02,8.00\n")
    source = source_of(checkout)
    assert set(source.as_is().prices) == {ACME, INDX}
    assert set(source_of(checkout, "OTHER").as_is().prices) == {ACME, INDX, "prices/OTHER.csv"}
    data = written(worlds.prefix(source, opening(MIDDLE)))
    assert sorted(path.name for path in (data / "prices").glob("*.csv")) == ["ACME.csv", "INDX.csv"]


def test_a_world_is_read_by_the_program_and_its_metadata_tell_nothing_of_the_rest(source, written):
    data = written(worlds.prefix(source, opening(MIDDLE)))
    prices = read_prices(data / "prices", "ACME", bars=True)
    assert prices.last == day(MIDDLE)
    assert prices.file.metadata["last"] == MIDDLE
    assert prices.file.metadata["rows"] == len(prices.table)
    assert len(read_all_events(data / "events", FILED_KINDS)) == 4
    assert read_borrow_rates(data / "borrow", "ACME").rates[-1].day == day("2025-06-23")


def test_data_that_must_not_be_written_can_be_audited(checkout, source, written):
    kept = [checkout.root / "data" / place for place in ("prices", ACME)]
    modes = [path.stat().st_mode for path in kept]
    for path, mode in zip(kept, modes, strict=True):
        path.chmod(mode & ~0o222)
    data = written(source.as_is())
    for path, mode in zip(kept, modes, strict=True):
        path.chmod(mode)
    assert all((data / place).stat().st_mode & 0o200 for place in ("prices", ACME))


def test_where_prices_are_other_ones_no_other_file_tells_the_true_ones(
    checkout, source, written, monkeypatch
):
    checkout.write("data/prices/1h/ACME.parquet", "finer bars")
    left = checkout.write("reports/earlier/trades.csv", "a trade", sealed=False)
    monkeypatch.chdir(checkout.root)
    data = written(source.as_is())
    assert (data / "prices/1h/ACME.parquet").exists()
    assert (data.parent / "reports/earlier/trades.csv").read_text() == "a trade"
    source.write(data.parent, worlds.prefix(source, opening(MIDDLE)))
    assert not (data / "prices/1h/ACME.parquet").exists()
    assert not (data.parent / "reports").exists()
    assert left.exists()


def test_a_file_that_cannot_be_read_is_told(checkout):
    checkout.edit("data/prices/INDX.csv", "2025-06-05,51.00", "2025-06-05,x")
    with pytest.raises(DataError, match=r"INDX\.csv"):
        source_of(checkout)


def test_a_file_that_was_changed_is_refused(checkout):
    checkout.edit("data/prices/INDX.csv", "2025-06-05,51.00", "2025-06-05,52.00", sealed=False)
    with pytest.raises(DataError, match=r"INDX\.csv changed since its metadata were written"):
        source_of(checkout)


# ---- prefix -------------------------------------------------------------------------------------


def test_before_a_session_all_is_as_it_was_and_the_session_says_nothing(source):
    world = worlds.prefix(source, opening(MIDDLE))
    for name in (ACME, INDX):
        true = source.as_is().prices[name]
        pd.testing.assert_frame_equal(before(world.prices[name], MIDDLE), before(true, MIDDLE))
        assert world.prices[name].index[-1] == pd.Timestamp(MIDDLE)
    last, quiet = world.prices[ACME].iloc[-2], world.prices[ACME].iloc[-1]
    assert quiet["open"] == quiet["close"] == last["close"]
    assert [quiet["high"], quiet["low"]] == pytest.approx(
        [1.01 * last["close"], 0.99 * last["close"]], abs=0.005
    )
    assert quiet["volume"] == last["volume"]


def test_an_event_is_there_when_its_session_is_and_not_a_session_earlier(source):
    # public on 06-04 at 16:05, tradable on 06-05
    for until, count in (("2025-06-04", 0), ("2025-06-05", 1), ("2025-06-26", 1), (MIDDLE, 2)):
        assert len(worlds.prefix(source, opening(until)).events[EARNINGS]) == count


def test_the_time_to_react_counts(source):
    # news at 09:24 of 06-12: the open of 09:30 comes 6 minutes later
    for minutes, count in ((5, 2), (6, 0)):
        world = worlds.prefix(
            replace(source, reaction=timedelta(minutes=minutes)), opening("2025-06-12")
        )
        assert len(world.events["events/news.csv"]) == count


def test_borrow_rates_of_the_future_are_gone(source):
    rates = worlds.prefix(source, opening("2025-06-23")).borrow["borrow/ACME.csv"]
    assert cells(rates, "date") == ["2025-06-02"]


def test_a_stock_whose_first_price_comes_later_keeps_that_day_alone(checkout):
    checkout.write(
        "data/prices/LATE.csv", "date,close\n2025-07-01,7.00\n2025-07-02,8.00\n2025-07-03,9.00\n"
    )
    world = worlds.prefix(source_of(checkout, "LATE"), opening(MIDDLE))
    late = world.prices["prices/LATE.csv"]
    assert late["close"].to_dict() == {pd.Timestamp("2025-07-01"): 100.0}


# ---- made-up prices -----------------------------------------------------------------------------


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_made_up_prices_have_the_same_days_and_nothing_else_of_the_future(source, variant):
    world = worlds.perturbed(source, opening(MIDDLE), 1, variant)
    for name in (ACME, INDX):
        true, made = source.as_is().prices[name], world.prices[name]
        assert list(made.index) == list(true.index)
        pd.testing.assert_frame_equal(before(made, MIDDLE), before(true, MIDDLE))
    same = world.prices[ACME]["close"] == source.as_is().prices[ACME]["close"]
    assert same[MIDDLE:].sum() <= 1  # by chance, to the cent


def test_made_up_bars_are_sound_and_drawn_anew_for_each_session_seed_and_variant(source, written):
    asked = [(MIDDLE, 1, 0), (MIDDLE, 2, 0), (MIDDLE, 1, 1), (SESSIONS[0], 1, 0)]
    made = [worlds.perturbed(source, opening(one), seed, n).prices[ACME] for one, seed, n in asked]
    assert len({tuple(table["close"]) for table in made}) == len(asked)
    again = worlds.perturbed(source, opening(MIDDLE), 1, 0)
    pd.testing.assert_frame_equal(again.prices[ACME], made[0])
    assert (made[0].round(2) == made[0]).all(axis=None)  # as the true ones, in whole cents
    world = worlds.perturbed(source, opening(SESSIONS[0]), 1, 0)
    read = read_prices(written(world) / "prices", "ACME", bars=True)  # refuses a high below a low
    pd.testing.assert_frame_equal(read.table, made[3])


def test_a_null_world_has_days_of_the_stock_in_another_order(source):
    world = worlds.shuffled(source, np.random.default_rng(1), [day(one) for one in SESSIONS])
    moves = [
        (table["close"] / table["close"].shift()).dropna().tolist()
        for table in (world.prices[ACME], source.as_is().prices[ACME])
    ]
    assert moves[0] != pytest.approx(moves[1])
    assert all(min(abs(move - true) for true in moves[1]) < 2e-4 for move in moves[0])


def test_events_of_a_null_world_keep_their_time_of_day_and_what_they_say(source, written):
    sessions = [day(one) for one in SESSIONS]
    world = worlds.shuffled(source, np.random.default_rng(1), sessions)
    old, new = (one.events["events/stake_disclosures.csv"] for one in (source.as_is(), world))
    for row, moved in zip(old, new, strict=True):
        assert moved.published_at is not None
        assert moved.published_at.timetz() != row.published_at
        assert moved.cells["published_at"][11:19] == row.cells["published_at"][11:19]
        assert moved.cells["headline"] == row.cells["headline"]
        lag = day(row.day) - day(row.cells["as_of"])
        assert day(moved.day) - day(moved.cells["as_of"]) == lag
    read_all_events(written(world) / "events", FILED_KINDS)


def test_in_a_null_world_no_event_is_there_twice_and_what_finds_no_session_is_not(checkout):
    rows = [f"ACME,2025-06-{n:02}T23:59:59-04:00,date,Made up,contract" for n in (10, 11, 12)]
    checkout.write(
        "data/events/news.csv",
        "\n".join(["symbol,published_at,precision,headline,category", *rows, ""]),
    )
    source, sessions = source_of(checkout), [day(one) for one in SESSIONS[:2]]
    for seed in range(5):
        world = worlds.shuffled(source, np.random.default_rng(seed), sessions)
        days = {row.day for row in world.events["events/news.csv"]}
        assert days == set(SESSIONS[:2])


# ---- events -------------------------------------------------------------------------------------


def changed(source, change, until="2025-06-26"):
    return worlds.with_later_events(source, opening(until), change)


def test_later_events_are_dropped_and_prices_stay(source):
    world = changed(source, lambda _: None)
    assert cells(world.events[EARNINGS], "headline") == ["A made-up beat"]
    assert world.prices is source.as_is().prices


def test_later_events_come_a_week_later_at_the_same_time_of_day(source):
    late = delayed_events(source)
    world = changed(source, lambda row: late[row.line])
    first, second = world.events[EARNINGS]
    assert first.line == source.as_is().events[EARNINGS][0].line
    assert second.published_at == datetime(2025, 7, 4, 12, 0, tzinfo=UTC)


def test_a_delay_keeps_the_end_of_the_day_when_the_clocks_change(checkout):
    checkout.edit("data/events/short_reports.csv", "2025-06-18T", "2025-10-29T")
    late = delayed_events(source := source_of(checkout))
    reports = source.as_is().events["events/short_reports.csv"]
    row = next(row for row in reports if row.day == "2025-10-29")
    moved = late[row.line]
    assert moved is not None
    assert moved.cells["published_at"] == "2025-11-05T23:59:59-05:00"


def test_altered_events_say_something_else_and_are_still_of_their_kind(source, written):
    instead = altered_events(source, seed=1)
    world = changed(source, lambda row: instead[row.line], SESSIONS[0])
    read_all_events(written(world) / "events", FILED_KINDS)
    for true, other in zip(source.as_is().events[EARNINGS], world.events[EARNINGS], strict=True):
        assert other.cells["symbol"] == true.cells["symbol"]
        assert other.published_at == true.published_at
        for name in ("eps", "eps_consensus", "headline", "period"):
            assert other.cells[name] != true.cells[name]


def test_a_number_that_altered_would_be_infinite_is_altered_otherwise(checkout):
    checkout.edit("data/events/short_reports.csv", "short_seller,10,", "short_seller,1e308,")
    source = source_of(checkout)
    for seed in range(20):
        world = altered_events(source, seed=seed)
        row = next(row for row in world.values() if row and row.cells.get("target_price"))
        assert row.cells["target_price"] != "inf"


def test_one_event_can_be_delayed_until_it_is_tradable_a_session_later(source, written):
    # public on Friday 06-27 before the open; a day later it would be tradable on Monday
    event = source.as_is().events[EARNINGS][1]
    world = worlds.with_one_delayed(source, event)
    moved = read_events(written(world) / "events", Earnings).events[1]
    assert moved.published_at == datetime(2025, 6, 28, 12, 0, tzinfo=UTC)


# ---- what happens to the share ------------------------------------------------------------------

PAID = (
    "day,action,amount,until,name,source\n2025-06-04,dividend,1,,,made up\n"
    "2025-06-06,split,2,,,made up\n2025-06-27,halted,,2025-07-02,,made up\n"
    "2025-07-08,dividend,1,,,made up\n2025-07-10,split,2,,,made up\n"
)
PAID_FILE = "actions/ACME.csv"


@pytest.fixture
def paid(checkout):
    checkout.write("data/actions/ACME.csv", PAID)
    prices = checkout.root / "data/prices/ACME.csv"
    rest = 4  # sessions from the second split on, in which a share is half of one before
    lines = prices.read_text().splitlines()
    halves = [
        ",".join([cells[0], *(str(float(cell) / 2) for cell in cells[1:5]), cells[5]])
        for cells in (line.split(",") for line in lines[-rest:])
    ]
    prices.write_text("\n".join([*lines[:-rest], *halves]) + "\n")
    rows = [line.split(",")[0] for line in lines[1:]]
    seal(prices, rows, source=None, adjust="splits, as of 2025-06-06; not dividends")
    return source_of(checkout)


def of_paid(rows) -> list[tuple[str, str, str]]:
    return [(row.cells["day"], row.cells["action"], row.cells["until"]) for row in rows]


def test_a_prefix_knows_no_later_action_nor_when_a_halt_ends(paid):
    known = worlds.prefix(paid, opening(MIDDLE)).actions[PAID_FILE]
    assert of_paid(known) == [
        ("2025-06-04", "dividend", ""),
        ("2025-06-06", "split", ""),
        ("2025-06-27", "halted", MIDDLE),
    ]


def test_a_prefix_keeps_the_split_that_its_prices_are_adjusted_for(paid):
    known = worlds.prefix(paid, opening("2025-06-05")).actions[PAID_FILE]
    assert of_paid(known) == [("2025-06-04", "dividend", ""), ("2025-06-06", "split", "")]


def test_drawn_prices_have_no_dividend_nor_split(paid):
    drawn = worlds.perturbed(paid, opening(MIDDLE), 1, 0).actions[PAID_FILE]
    assert [one[1] for one in of_paid(drawn)] == ["dividend", "split", "halted"]


def test_a_world_is_written_with_its_actions(paid, tmp_path):
    root = tmp_path / "world"
    paid.copy_to(root)
    paid.write(root, worlds.prefix(paid, opening(MIDDLE)))
    inputs = read_inputs(root / "data", ["ACME"], "INDX", (None, None), FILED_KINDS)
    rows = inputs.actions["ACME"].applied(inputs.span["ACME"])
    assert [(row.action, row.amount) for row in rows] == [("dividend", 0.5), ("halted", None)]


def test_a_prefix_of_a_stock_before_it_was_renamed_can_be_read(checkout, tmp_path):
    text = (checkout.root / "data/prices/ACME.csv").read_text().splitlines(keepends=True)
    begin = next(n for n, line in enumerate(text) if line.startswith(MIDDLE))
    checkout.write("data/prices/NEWC.csv", "".join([text[0], *text[begin:]]))
    checkout.write("data/prices/ACME.csv", "".join(text[:begin]))
    row = f"{MIDDLE},renamed,,,ACME,made up\n"
    checkout.write("data/actions/NEWC.csv", f"day,action,amount,until,name,source\n{row}")
    data = checkout.root / "data"
    inputs = read_inputs(data, ["NEWC"], "INDX", (None, None), FILED_KINDS)
    source = Source(checkout.workspace, data_tables(inputs, data), MINUTES_5)
    root, early = tmp_path / "world", opening("2025-06-05")
    source.copy_to(root)
    source.write(root, worlds.prefix(source, early))
    found = read_prices(root / "data/prices", "NEWC").table
    assert found.index[0] == pd.Timestamp("2025-06-02")
    assert len(found) == len(before(found, "2025-06-06")) + 1  # of the later file one row is left


def test_what_nobody_may_look_into_is_in_no_world(checkout, source, tmp_path, monkeypatch):
    """As `lost+found`, where the data have a disk of their own."""
    closed, real = checkout.root / "data/lost+found", Path.iterdir
    closed.mkdir()

    def look(path):
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", look)
    source.copy_to(tmp_path / "world")
    assert [*real(tmp_path / "world/data/lost+found")] == []
    assert (tmp_path / "world/data/events").is_dir()
