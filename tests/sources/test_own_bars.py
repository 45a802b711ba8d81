"""Anyone's file of bars finer than sessions: zones, stamps, lengths, hours, and what is asked for.

Sessions begin at 09:30 and end at 16:00 in New York, that of 2025-07-03 at 13:00; in June New York
is four hours behind UTC, in December five.
"""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from backtest.data.bars import read_bars
from backtest.errors import DataError, UsageError
from backtest.experiments.panel_files import read_panel
from backtest.sources.own_prices import import_prices, read_price_file, read_prices_and_actions
from backtest.sources.own_times import Stamps
from tests.commands import BAD_DATA, WRONG_USE, words

NEW_YORK = ZoneInfo("America/New_York")


def opens(day="2025-06-03", first="09:30", count=78, minutes=5):
    """The opens of bars in New York."""
    begin = datetime.fromisoformat(f"{day} {first}").replace(tzinfo=NEW_YORK)
    return [begin + timedelta(minutes=minutes * n) for n in range(count)]


def text(stamp, form):
    units = {"seconds": 1, "milliseconds": 10**3, "nanoseconds": 10**9}
    return str(int(stamp.timestamp()) * units[form]) if form in units else stamp.strftime(form)


def csv(stamps, form="%Y-%m-%d %H:%M:%S", header="Datetime,Open,High,Low,Close,Volume"):
    """A file in which bar `n` opens at 10 + n cents."""
    rows = [
        f"{text(stamp, form)},{10 + n / 100:.2f},{11 + n / 100:.2f},9.5,{10.5 + n / 100:.2f},{n}"
        for n, stamp in enumerate(stamps)
    ]
    return "\n".join([header, *rows]) + "\n"


@pytest.fixture
def read(tmp_path):
    def read(text, name="BOLT.csv", bars="5m", zone=None, stamped=None, **reading):
        path = tmp_path / name
        if isinstance(text, pd.DataFrame):
            text.to_parquet(path)
        else:
            path.write_text(text)
        stamps = Stamps(bars, zone, stamped)
        return read_price_file(path, **{"columns": {}, "stamps": stamps, **reading})

    return read


def times(file, symbol="BOLT"):
    return np.datetime_as_string(file.tables[symbol].index.to_numpy(), unit="m").tolist()


JUNE = ["2025-06-03T13:30", "2025-06-03T13:35", "2025-06-03T13:40"]  # 78 bars, to 19:55


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        (csv(opens(), "%Y-%m-%d %H:%M:%S%z"), None),
        (csv([one.astimezone(ZoneInfo("UTC")) for one in opens()], "%Y-%m-%dT%H:%M:%SZ"), None),
        (csv(opens(), "seconds"), None),
        (csv(opens(), "milliseconds"), None),
        (csv(opens(), "nanoseconds", "window_start,open,high,low,close,volume"), None),
        (csv(opens()), "New York"),
        (csv(opens()), "EST"),
        (csv(opens(), "%Y-%m-%d %H:%M:%S US/Eastern"), None),
        (csv(opens(), "%d-%b-%Y %I:%M %p"), "New York"),
        (csv([one.astimezone(ZoneInfo("Europe/Berlin")) for one in opens()]), "Europe/Berlin"),
        (csv(opens(), "%d-%b-%Y,%H:%M", "Date,Time,Open,High,Low,Close,Volume"), "New York"),
        (csv(opens(), "%Y%m%d,%H%M%S",
             "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"), "New York"),
        (csv(opens(), "%Y%m%d,%-H%M", "Date,Time,Open,High,Low,Close,Volume"), "New York"),
        (csv(opens(), "%Y%m%d  %H:%M:%S"), "New York"),
        (csv(opens(), "%Y%m%d %H%M%S").replace(",", ";"), "New York"),
        (csv(opens()).partition("\n")[2], "New York"),
    ],
    ids=["offsets", "Z", "seconds", "milliseconds", "nanoseconds", "bare", "EST", "zone behind",
         "AM and PM", "Berlin", "two columns", "digits", "hours without a zero", "two spaces",
         "day and digits", "no header"],
)  # fmt: skip
def test_times_are_read_in_every_usual_way(read, text, zone):
    file = read(text, zone=zone)
    assert times(file)[:3] == JUNE
    assert times(file)[-1] == "2025-06-03T19:55"
    assert file.tables["BOLT"].iloc[2].tolist() == [10.02, 11.02, 9.5, 10.52, 2.0]


def test_a_download_of_yfinance_needs_nothing_said(read):
    head = "Price,Open,High,Low,Close,Volume\nTicker,BOLT,BOLT,BOLT,BOLT,BOLT\nDatetime,,,,,"
    utc = [one.astimezone(ZoneInfo("UTC")) for one in opens()]
    file = read(csv(utc, "%Y-%m-%d %H:%M:%S+00:00", head), "any.csv")
    assert times(file)[:3] == JUNE


@pytest.mark.parametrize(("aware", "zone"), [(True, None), (False, "New York")])
def test_parquet_has_times_with_a_zone_or_without(read, aware, zone):
    index = pd.DatetimeIndex(opens() if aware else [one.replace(tzinfo=None) for one in opens()])
    table = pd.DataFrame({"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.0, "volume": 5},
                         index=index.rename("timestamp"))  # fmt: skip
    assert times(read(table, "BOLT.parquet", zone=zone))[:3] == JUNE


def test_bare_times_are_asked_about(read):
    with pytest.raises(UsageError, match=r"'2025-06-03 09:30:00' have no zone.*--zone 'New York'"):
        read(csv(opens()))


def test_days_that_can_be_read_in_two_ways_are_asked_about(read):
    text = csv(opens(), "%m/%d/%Y %H:%M")
    with pytest.raises(UsageError, match="--date-format '%m/%d/%Y'"):
        read(text, zone="New York")
    assert times(read(text, zone="New York", date_form="%m/%d/%Y"))[:3] == JUNE


def test_days_and_hours_without_zeros_are_read_row_by_row(read):
    stamps = [*opens("2025-11-03"), *opens("2025-12-01")]  # 11/3 and 12/1 are as long
    file = read(csv(stamps, "%-m/%-d/%Y %-H:%M"), zone="New York", date_form="%m/%d/%Y")
    assert times(file)[0] == "2025-11-03T14:30"
    assert times(file)[77:79] == ["2025-11-03T20:55", "2025-12-01T14:30"]


def test_days_without_a_time_are_no_bars(read):
    with pytest.raises(UsageError, match=r"'2025-06-03' has no time of day.*--map time=COLUMN"):
        read("Date,Open,High,Low,Close,Volume\n2025-06-03,1,1,1,1,1\n", zone="New York")


def test_a_zone_that_is_none_is_refused(read):
    with pytest.raises(UsageError, match="The zone 'Nowhere' is unknown"):
        read(csv(opens()), zone="Nowhere")


def test_both_sides_of_a_change_of_clocks_begin_at_half_past_nine(read):
    file = read(csv([*opens("2025-10-31"), *opens("2025-11-03")]), zone="New York")
    assert times(file)[0] == "2025-10-31T13:30"
    assert times(file)[78] == "2025-11-03T14:30"


# Open or end


def test_bars_stamped_by_their_end_are_known_by_the_last_close(read):
    file = read(csv(opens(first="09:35")), zone="New York")
    assert times(file)[:3] == JUNE
    assert "is read as the end of a bar, 2025-06-03 09:30 New York" not in file.notes[0]
    assert "'2025-06-03 09:35:00' is read as the end of a bar, 2025-06-03 09:35" in file.notes[0]


def test_a_half_day_ends_at_one(read):
    file = read(csv(opens("2025-07-03", "09:35", 42)), zone="New York")
    assert times(file)[-1] == "2025-07-03T16:55"


@pytest.mark.parametrize(("first", "count"), [("09:30", 79), ("10:00", 20)])
def test_stamps_that_tell_neither_are_asked_about(read, first, count):
    text = csv(opens(first=first, count=count))
    with pytest.raises(UsageError, match="--stamped open or --stamped end"):
        read(text, zone="New York")
    assert times(read(text, zone="New York", stamped="open"))[0][-5:] in ("13:30", "14:00")
    assert times(read(text, zone="New York", stamped="end"))[1][-5:] in ("13:30", "14:00")


def test_bars_before_the_open_tell_it_by_the_hours_of_the_day(read):
    whole = opens(first="04:00", count=192)  # to 19:55
    assert times(read(csv(whole), zone="New York"))[0] == "2025-06-03T08:00"
    ends = [one + timedelta(minutes=5) for one in whole]
    assert times(read(csv(ends), zone="New York"))[0] == "2025-06-03T08:00"


def test_a_last_bar_that_is_shorter_opens_where_the_one_before_ended(read):
    ends = [*opens(first="10:30", count=6, minutes=60), *opens(first="16:00", count=1)]
    file = read(csv(ends), bars="1h", zone="New York")
    assert [one[-5:] for one in times(file)] == [
        "13:30", "14:30", "15:30", "16:30", "17:30", "18:30", "19:30",
    ]  # fmt: skip


def test_a_first_bar_that_is_shorter_opens_with_the_session(read):
    ends = opens(first="10:00", count=7, minutes=60)
    assert times(read(csv(ends), bars="1h", zone="New York"))[:2] == [
        "2025-06-03T13:30", "2025-06-03T14:00",
    ]  # fmt: skip


# Which bars they are


@pytest.mark.parametrize(
    ("minutes", "count", "said", "told"),
    [
        (1, 390, "5m", "open 1 min apart.*--bars 1m"),
        (5, 78, "1m", "open 5 min apart.*--bars 5m"),
        (2, 195, "5m", "open 2 min apart.*Bars can be of 1m, 5m, 15m, 30m, 1h"),
    ],
)
def test_another_length_than_was_said_is_refused(read, minutes, count, said, told):
    text = csv(opens(count=count, minutes=minutes))
    with pytest.raises(UsageError, match=told):
        read(text, bars=said, zone="New York")


def test_bars_in_which_nothing_was_traded_may_be_missing(read):
    kept = [one for n, one in enumerate(opens()) if n % 3 or n == 0]
    assert len(times(read(csv(kept), zone="New York"))) == len(kept)


def test_a_wrong_zone_is_noticed(read):
    with pytest.raises(DataError, match=r"no bar opens within the hours of a session.*zone right"):
        read(csv(opens()), zone="Asia/Tokyo", stamped="open")


def test_a_time_twice_is_told_with_its_lines(read):
    text = csv(opens()) + "2025-06-03 09:35:00,1,1,1,1,1\n"
    told = r"two rows of the open of a bar, 2025-06-03 09:35 New York, line 3 and line 80\."
    with pytest.raises(DataError, match=told):
        read(text, zone="New York")


def test_a_cell_that_is_no_time_or_number_is_told(read):
    text = csv(opens()).replace("2025-06-03 09:35:00,10.01", "soon,ten")
    with pytest.raises(DataError) as caught:
        read(text, zone="New York")
    assert "line 3, column Datetime: 'soon' is no time" in str(caught.value)
    assert "line 3, column Open: 'ten' is no number" in str(caught.value)


def test_closes_alone_and_actions_are_not_of_bars(read, tmp_path):
    text = "Datetime,Close\n2025-06-03 09:30:00,1\n2025-06-03 09:35:00,1\n"
    with pytest.raises(UsageError, match="bars need open, high, low and close"):
        read(text, zone="New York")
    with pytest.raises(UsageError, match="come with daily prices, without --bars"):
        read_prices_and_actions(
            [tmp_path / "BOLT.csv"], {}, actions=None, dividends="Adj Close", stamps=Stamps("5m")
        )


# What is written


@pytest.fixture
def take(read, tmp_path):
    def take(text, *, accept=False, skip_bad=False, **reading):
        file = read(text, skip_bad=skip_bad, **{"zone": "New York", **reading})
        refused = {}
        updates = list(
            import_prices(tmp_path / "data", file, refused, source="made up", adjust="none",
                          accept=accept, skip_bad=skip_bad)
        )  # fmt: skip
        if refused:
            raise next(iter(refused.values()))
        return updates

    return take


def test_bars_of_before_and_after_the_session_are_kept_marked_and_not_read(take, tmp_path):
    (update,) = take(csv(opens(first="04:00", count=192)))
    update.make()
    path = tmp_path / "data/prices/5m/BOLT.parquet"
    whole = pd.read_parquet(path)
    assert len(whole) == 192
    assert whole["regular"].sum() == 78
    bars = read_bars(tmp_path / "data/prices", "BOLT", "5m")
    assert len(bars.times) == 78
    assert bars.table[0, 0] == 10.66  # the 66th bar of the day
    assert len(read_panel(path.parent).times) == 78
    facts = json.loads(path.with_suffix(".meta.json").read_text())
    assert (facts["first"], facts["last"], facts["rows"]) == ("2025-06-03", "2025-06-03", 192)
    assert facts["adjust"] == "none"
    assert facts["retrievals"][0]["bars"] == "5m"


def test_a_winter_evening_is_still_its_day(take, tmp_path):
    (update,) = take(csv(opens("2025-12-02", "04:00", 192)))  # 19:55 is 00:55 UTC of the next
    update.make()
    facts = json.loads((tmp_path / "data/prices/5m/BOLT.meta.json").read_text())
    assert facts["last"] == "2025-12-02"


def test_later_bars_are_added_and_others_wait_for_a_word(take):
    (first,) = take(csv(opens()))
    first.make()
    text = csv([*opens(), *opens("2025-06-04")])
    (update,) = take(text.replace("09:35:00,10.01", "09:35:00,10.03"))
    assert len(update.added) == 78
    assert [(one.key, one.column, one.old, one.new) for one in update.changes] == [
        ("2025-06-03T13:35Z", "open", "10.01", "10.03"),
    ]  # fmt: skip
    assert update.make().number == 2
    (again,) = take(text.replace("09:35:00,10.01", "09:35:00,10.03"), accept=True)
    assert again.make().number == 3


def test_a_bar_that_is_wrong_stops_the_import_or_is_left_out(take, tmp_path):
    text = csv(opens()).replace("10.01,11.01", "10.01,8.00")
    with pytest.raises(DataError) as caught:
        take(text)
    assert "row of 2025-06-03T13:35Z (line 3): high 8 is below low 9.5" in str(caught.value)
    assert "--skip-bad" in str(caught.value)
    assert not (tmp_path / "data/prices/5m/BOLT.parquet").exists()
    (update,) = take(text, skip_bad=True)
    assert len(update.added) == 77
    assert "Left out as wrong: 2025-06-03T13:35Z (line 3)." in update.notes


def test_many_symbols_come_in_one_file(take, tmp_path):
    lines = csv(opens()).splitlines()
    text = "\n".join([f"{lines[0]},Symbol", *(f"{line},{symbol}" for symbol in ("BOLT", "NUTS")
                                              for line in lines[1:])])  # fmt: skip
    for update in take(text, name="all.csv"):
        update.make()
    for symbol in ("BOLT", "NUTS"):
        assert len(read_bars(tmp_path / "data/prices", symbol, "5m").times) == 78


def test_what_differs_from_the_daily_prices_is_said_before_it_is_written(command, checkout):
    (checkout.root / "ACME.csv").write_text(csv(opens()))  # at 10, where the day opens at 101
    (checkout.root / "BOLT.csv").write_text(csv(opens()))
    said = ("--bars", "5m", "--zone", "New York", "--source", "made up", "--yes")
    out = words(command("prices", "import", "ACME.csv", *said).out)
    assert "No run takes them so. ACME: bars of 5m and daily prices differ by more than 1 %" in out
    assert "first on 2025-06-03 open 10 by its bars, 101 by the day" in out
    out = words(command("prices", "import", "BOLT.csv", *said).out)
    assert "No run takes them so. There is no price file in" in out


def test_files_of_one_stock_come_in_together(command, checkout):
    for name, text in {"a.csv": csv(opens()), "b.csv": csv(opens("2025-06-04"))}.items():
        (checkout.root / name).write_text(text)
    said = ("--bars", "5m", "--symbol", "ACME", "--zone", "ET", "--source", "made up", "--yes")
    assert command("prices", "import", "a.csv", "b.csv", *said).code == 0
    path = checkout.root / "data/prices/5m/ACME.parquet"
    assert len(pd.read_parquet(path)) == 156
    facts = json.loads(path.with_suffix(".meta.json").read_text())
    assert (facts["version"], facts["retrievals"][0]["file"]) == (1, "a.csv, b.csv")
    (checkout.root / "b.csv").write_text(csv(opens()).replace("10.01", "10.02"))
    outcome = command("prices", "import", "a.csv", "b.csv", *said)
    assert outcome.code == BAD_DATA
    assert "ACME: two of the files have other prices of 2025-06-03 13:35" in words(outcome.err)


def test_the_command_takes_a_file_and_puts_it_back(command, checkout):
    (checkout.root / "ACME.csv").write_text(csv(opens()))
    asked = command("prices", "import", "ACME.csv", "--bars", "5m", "--source", "made up", "--yes")
    assert asked.code == WRONG_USE
    assert "--zone 'New York'" in asked.err
    said = ("--bars", "5m", "--zone", "New York", "--source", "made up", "--yes")
    done = command("prices", "import", "ACME.csv", *said)
    assert done.code == 0
    assert "2025-06-03 09:30" in done.out
    assert "ACME: 78 rows added, 2025-06-03T13:30Z to 2025-06-03T19:55Z" in done.out
    assert "prices/5m/ACME.parquet" in words(done.out)
    (checkout.root / "ACME.csv").write_text(csv([*opens(), *opens("2025-06-04")]))
    assert command("prices", "import", "ACME.csv", *said).code == 0
    assert "at version 3" in words(command("prices", "undo", "ACME", "--bars", "5m").out)
    folder = checkout.root / "data/prices"
    assert len(read_bars(folder, "ACME", "5m").times) == 78
    path = folder / "5m/ACME.parquet"
    path.write_bytes(pd.read_parquet(path).iloc[:70].to_parquet())
    with pytest.raises(DataError, match="changed since"):
        read_bars(folder, "ACME", "5m")
    assert command("prices", "seal", "ACME", "--bars", "5m").code == 0
    assert len(read_bars(folder, "ACME", "5m").times) == 70


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--bars", "7m"), "Bars of '7m' are unknown. Choose one of 1m, 5m, 15m, 30m, 1h."),
        (("--bars", "5m", "--stamped", "middle"), "--stamped 'middle' is unknown."),
        (("--zone", "UTC"), "give --bars 5m"),
    ],
)
def test_wrong_options_are_told(command, checkout, options, told):
    (checkout.root / "ACME.csv").write_text(csv(opens()))
    done = command("prices", "import", "ACME.csv", *options)
    assert done.code == WRONG_USE
    assert told in words(done.err)
