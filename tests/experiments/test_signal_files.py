"""Signals from Parquet files: the bar at which each can be traded, and what is refused."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from pydantic import ValidationError

from backtest.data.market import tradable_session
from backtest.engine.kernel import (
    ENTERS_AT_CLOSE,
    IS_FLAT,
    LEAVES_AT_CLOSE,
    LOOKS_AT_CLOSES,
    RESIZES,
    WAITS,
)
from backtest.errors import DataError, UsageError
from backtest.experiments.panel_files import read_panel
from backtest.experiments.simulation import TOO_EARLY, TOO_LATE, read_signals
from backtest.strategy.base import NUMBERS, Signal
from tests.engines import made_up_prices
from tests.made_up import news
from tests.parquet_bars import MONDAY, TUESDAY, WEDNESDAY, at, bar, write
from tests.property.strategies import exchange_sessions

MINUTES_5 = timedelta(minutes=5)
THURSDAY, FRIDAY = date(2025, 6, 5), date(2025, 6, 6)
# BOLT has no bar on Wednesday and ends a day before ACME; COIL begins on Wednesday.
DAILY = [
    *(bar("ACME", day, 100) for day in (MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)),
    *(bar("BOLT", day, 50) for day in (MONDAY, TUESDAY, THURSDAY)),
    *(bar("COIL", day, 10) for day in (WEDNESDAY, THURSDAY, FRIDAY)),
]
TYPES = {
    "symbol": pa.string(),
    "published_at": pa.timestamp("us", "America/New_York"),
    "direction": pa.string(),
    "event_id": pa.string(),
    "hold": pa.int64(),
    **dict.fromkeys(("weight", "stop", "target", "trailing_stop", "priority"), pa.float64()),
}


@pytest.fixture
def panel(tmp_path):
    return read_panel(write(tmp_path / "bars.parquet", DAILY))


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "signals.parquet"


def signal(published: str, symbol: str = "ACME", direction: str = "long", **terms) -> dict:
    return {"symbol": symbol, "published_at": at(published), "direction": direction, **terms}


def written(path: Path, *signals: dict, **types: pa.DataType) -> Path:
    names = dict.fromkeys(name for row in signals for name in row)
    kinds = TYPES | types
    table = {name: pa.array([row.get(name) for row in signals], kinds.get(name)) for name in names}
    parquet.write_table(pa.table(table), path)
    return path


class TestBars:
    @pytest.mark.parametrize(
        ("published", "symbol", "session"),
        [
            ("02 09:24", "ACME", MONDAY),
            ("02 09:25", "ACME", TUESDAY),  # five minutes on are the open itself
            ("02 16:05", "ACME", TUESDAY),
            ("03 16:05", "BOLT", THURSDAY),  # it has no bar on Wednesday
            ("04 09:24", "COIL", WEDNESDAY),  # public on the day of its first price
            ("06 09:24", "ACME", FRIDAY),
        ],
    )
    def test_the_first_bar_of_the_symbol_that_opens_later(
        self, panel, path, published, symbol, session
    ) -> None:
        table = read_signals(written(path, signal(published, symbol)), panel, MINUTES_5)
        assert panel.sessions[table.rows["bar"]].tolist() == [session]
        assert panel.symbols[table.rows["symbol"][0]] == symbol
        assert table.left_out == {}

    def test_those_that_cannot_be_traded_are_counted(self, panel, path) -> None:
        signals = [
            signal("01 23:59"),  # the day before the first price
            signal("03 23:59", "COIL"),
            signal("06 09:25"),
            signal("05 09:26", "BOLT"),
            signal("20 09:26", "BOLT"),
            signal("02 10:00"),
        ]
        table = read_signals(written(path, *signals), panel, MINUTES_5)
        assert len(table.rows) == 1
        assert table.left_out == {TOO_EARLY: 2, TOO_LATE: 3}

    def test_finer_bars(self, tmp_path, path) -> None:
        rows = [bar("ACME", at(when), 100) for when in ("02 10:00", "02 15:59", "03 09:30")]
        panel = read_panel(write(tmp_path / "minutes.parquet", rows))
        signals = [signal(when) for when in ("02 08:00", "02 09:55", "02 15:53", "02 15:54")]
        table = read_signals(written(path, *signals), panel, MINUTES_5)
        assert table.rows["bar"].tolist() == [0, 1, 1, 2]

    @pytest.mark.parametrize(("seconds", "session"), [(59.999999, MONDAY), (60, TUESDAY)])
    def test_reaction_times_have_fractions(self, panel, path, seconds, session) -> None:
        written(path, signal("02 09:29"))
        table = read_signals(path, panel, timedelta(seconds=seconds))
        assert panel.sessions[table.rows["bar"]].tolist() == [session]

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    def test_publications_of_any_unit(self, panel, path, unit) -> None:
        written(path, signal("02 09:25"), published_at=pa.timestamp(unit, "Asia/Tokyo"))
        table = read_signals(path, panel, MINUTES_5)
        assert panel.sessions[table.rows["bar"]].tolist() == [TUESDAY]

    @given(st.data())
    def test_as_the_timeline_has_it(self, tmp_path_factory, data) -> None:
        """Of symbols without holes, whatever the publication and the reaction."""
        folder = tmp_path_factory.mktemp("signals")
        sessions = exchange_sessions(MONDAY, 8)
        first = data.draw(st.integers(0, 6))
        own = sessions[first : data.draw(st.integers(first + 1, 8))]
        rows = [*(bar("ACME", day, 1) for day in own), *(bar("BOLT", day, 1) for day in sessions)]
        panel = read_panel(write(folder / "bars.parquet", rows))
        reaction = timedelta(minutes=data.draw(st.integers(0, 1500)))
        minutes = st.integers(0, 16 * 24 * 60)
        near = st.sampled_from([24 * 60 * n + 570 for n in range(14)]).map(
            lambda minute: minute - reaction // timedelta(minutes=1)
        )
        moments = data.draw(st.lists(minutes | near, min_size=1, max_size=5))
        start = at("01 00:00")
        prices = made_up_prices("ACME", [(day, 1, 1, 1, 1) for day in own])
        expected = []
        for minute in moments:
            event = news((start + timedelta(minutes=minute)).isoformat())
            session, obstacle = tradable_session(event, prices, prices, reaction)
            if not obstacle:
                expected.append(session)
        signals = [
            {**signal("01 00:00"), "published_at": start + timedelta(minutes=minute)}
            for minute in moments
        ]
        table = read_signals(written(folder / "signals.parquet", *signals), panel, reaction)
        assert panel.sessions[table.rows["bar"]].tolist() == sorted(expected)
        assert sum(table.left_out.values()) == len(moments) - len(expected)


class TestTerms:
    def test_they_are_as_written(self, panel, path) -> None:
        written(
            path,
            signal(
                "02 10:00",
                weight=0.5,
                hold=3,
                stop=0.1,
                target=0.2,
                trailing_stop=0.3,
                priority=-1.5,
            ),
            signal("02 11:00", "BOLT", "short"),
        )
        rows = read_signals(path, panel, MINUTES_5).rows
        numbers = ["bar", "symbol", "side", "hold", "weight", "stop", "target", "trailing_stop"]
        assert rows[numbers][0].tolist() == (1, 0, 1, 3, 0.5, 0.1, 0.2, 0.3)
        default = Signal.model_fields["weight"].default
        assert rows[numbers[:5]][1].tolist() == (1, 1, -1, -1, default)
        assert np.isnan([rows[1][name] for name in numbers[5:]]).all()
        assert rows["priority"].tolist() == [-1.5, 0.0]

    def test_words_say_when_and_flat_signals_leave(self, panel, path) -> None:
        written(
            path,
            signal("02 10:00", enter="close", leave="open", levels="close", limit=None),
            signal("02 11:00", "BOLT", "flat", enter="open", leave="close", levels="session"),
            signal("03 10:00", "BOLT", enter="open", leave="close", limit=0.02),
        )
        rows = read_signals(path, panel, MINUTES_5).rows
        assert rows["side"].tolist() == [1, 0, 1]
        assert rows["terms"].tolist() == [
            ENTERS_AT_CLOSE | LOOKS_AT_CLOSES,
            IS_FLAT | ENTERS_AT_CLOSE | LEAVES_AT_CLOSE,  # where it leaves is when it is traded
            LEAVES_AT_CLOSE | WAITS,
        ]

    def test_a_signal_can_resize_what_is_held(self, panel, path) -> None:
        rows = [signal("02 10:00", resize=resize) for resize in (True, False, None)]
        terms = read_signals(written(path, *rows), panel, MINUTES_5).rows["terms"]
        assert terms.tolist() == [RESIZES, 0, 0]

    def test_what_resize_cannot_be(self, panel, path) -> None:
        written(path, signal("02 10:00", resize=True, limit=0.01))
        refused(path, panel, "A limit is for an entry without resize", "row 0")
        written(path, signal("02 10:00", resize="yes"))
        refused(path, panel, "resize", "booleans")
        written(path, signal("02 10:00", legs="SPY"))
        refused(path, panel, "columns that no signal has: legs")

    def test_what_is_for_the_close_is_of_the_last_bar_of_its_session(self, tmp_path, path) -> None:
        times = ("02 09:30", "02 12:00", "02 15:55", "03 09:30", "03 15:55")
        bars = [bar("ACME", at(time), 100.0) for time in times]
        panel = read_panel(write(tmp_path / "finer.parquet", bars))
        at_open, *at_close = (signal("02 09:40", enter=enter) for enter in ("open", "close"))
        written(path, at_open, *at_close, signal("02 15:53", enter="close"),
                signal("02 15:59", direction="flat", leave="close"))  # fmt: skip
        assert read_signals(path, panel, MINUTES_5).rows["bar"].tolist() == [1, 2, 4, 4]

    @pytest.mark.parametrize("terms", [{"hold": 0}, {"limit": 0.01}])
    def test_what_does_not_go_with_an_entry_at_the_close(self, panel, path, terms) -> None:
        written(path, signal("02 10:00", enter="close", **terms))
        refused(path, panel, "at the", "row 0")

    def test_without_the_columns_they_are_the_defaults(self, panel, path) -> None:
        rows = read_signals(written(path, signal("02 10:00")), panel, MINUTES_5).rows
        default = Signal.model_fields["weight"].default
        assert rows[["bar", "symbol", "side", "hold", "weight"]][0].tolist() == (
            1,
            0,
            1,
            -1,
            default,
        )
        unknown = ("stop", "target", "trailing_stop", "limit")
        assert np.isnan([rows[0][name] for name in unknown]).all()
        assert rows["terms"].tolist() == [0]
        assert rows["priority"].tolist() == [0.0]

    def test_a_column_of_nulls_alone_has_no_type(self, panel, path) -> None:
        terms = dict.fromkeys(("hold", "stop"))
        written(path, signal("02 10:00", **terms), hold=pa.null(), stop=pa.null())
        assert read_signals(path, panel, MINUTES_5).rows["hold"].tolist() == [-1]

    @pytest.mark.parametrize("kind", [pa.float64(), pa.decimal128(9, 2), pa.uint8()])
    def test_whole_numbers_of_any_type(self, panel, path, kind) -> None:
        number = Decimal(7) if "decimal" in str(kind) else 7
        written(path, signal("02 10:00", hold=number), hold=kind)
        assert read_signals(path, panel, MINUTES_5).rows["hold"].tolist() == [7]

    @pytest.mark.parametrize("hold", [2.0**31, 2.0**64, 1e300])
    def test_a_hold_beyond_the_bounds_of_a_signal(self, panel, path, hold) -> None:
        written(path, signal("02 10:00", hold=hold), hold=pa.float64())
        with pytest.raises(DataError, match="hold"):
            read_signals(path, panel, MINUTES_5)

    @pytest.mark.parametrize("term", NUMBERS)
    @pytest.mark.parametrize(
        "value",
        [
            *(-1.0, -0.0, 0.0, 1e-9, 0.5, 0.9999, 1.0, 1.5, 2.0, 10.0, 10.001, 1e6),
            *map(float, ("nan", "inf", "-inf")),
        ],
    )
    def test_bounds_are_those_of_a_signal(self, panel, path, term, value) -> None:
        written(path, signal("02 10:00", **{term: value}), hold=pa.float64())
        try:
            Signal(symbol="ACME", event_id="e", direction="long", **{term: value})
        except ValidationError:
            kind = "a whole number" if term.startswith("hold") else "a number"
            with pytest.raises(DataError, match=rf"A {term} is {kind}\b.*\n.*row 0: {term} "):
                read_signals(path, panel, MINUTES_5)
        else:
            rows = read_signals(path, panel, MINUTES_5).rows
            assert rows[term].tolist() == [value]


class TestOrder:
    def test_by_bar_publication_symbol_and_event(self, panel, path) -> None:
        signals = [
            signal("03 10:00", event_id="f"),
            signal("02 12:00", "BOLT", event_id="a"),
            signal("02 12:00", "ACME", event_id="e2"),
            signal("02 12:00", "ACME", event_id="e10"),
            signal("02 11:59", "BOLT", event_id="z"),
            signal("04 10:00", "BOLT", event_id="l"),
            signal("02 20:00", "ACME", event_id="b"),
        ]
        table = read_signals(written(path, *signals), panel, MINUTES_5)
        assert table.event_ids.tolist() == ["z", "e10", "e2", "a", "b", "f", "l"]
        assert table.rows["bar"].tolist() == [1, 1, 1, 1, 1, 2, 3]

    def test_without_ids_the_rows_number_the_events(self, panel, path) -> None:
        signals = [signal("03 10:00"), *(signal("02 10:00") for _ in range(11))]
        table = read_signals(written(path, *signals), panel, MINUTES_5)
        assert table.event_ids.tolist() == [str(row) for row in (*range(1, 12), 0)]


def refused(path: Path, panel, *told: str) -> None:
    with pytest.raises(DataError) as caught:
        read_signals(path, panel, MINUTES_5)
    for text in (str(path), *told):
        assert text in str(caught.value)


class TestRefused:
    def test_a_file_that_is_not_there(self, panel, path) -> None:
        with pytest.raises(UsageError, match="There is no file"):
            read_signals(path, panel, MINUTES_5)

    def test_a_folder(self, panel, path) -> None:
        path.mkdir()
        with pytest.raises(UsageError, match="is a folder"):
            read_signals(path, panel, MINUTES_5)

    def test_a_file_that_is_corrupt(self, panel, path) -> None:
        path.write_bytes(b"not Parquet")
        refused(path, panel, "is not readable Parquet")

    def test_a_file_without_rows(self, panel, path) -> None:
        written(path, signal("02 10:00"))
        parquet.write_table(parquet.read_table(path)[:0], path)
        refused(path, panel, "has no row")

    @pytest.mark.parametrize("name", ["symbol", "published_at", "direction"])
    def test_a_column_that_is_missing(self, panel, path, name) -> None:
        row = signal("02 10:00")
        del row[name]
        refused(written(path, row), panel, f"no column {name!r}")

    def test_a_column_that_is_mistyped(self, panel, path) -> None:
        refused(
            written(path, signal("02 10:00", stop_loss=0.1)), panel,
            "columns that no signal has: stop_loss. Allowed: symbol, published_at",
        )  # fmt: skip

    def test_the_index_of_pandas_is_no_column_of_ours(self, panel, path) -> None:
        written(path, signal("02 10:00", __index_level_0__=1))
        assert len(read_signals(path, panel, MINUTES_5).rows) == 1

    def test_times_without_a_zone(self, panel, path) -> None:
        row = signal("02 10:00")
        row["published_at"] = row["published_at"].replace(tzinfo=None)
        written(path, row, published_at=pa.timestamp("us"))
        refused(path, panel, "'published_at': timestamp[us]. It must hold timestamps with a zone")

    def test_terms_that_are_texts(self, panel, path) -> None:
        written(path, signal("02 10:00", stop="10%"), stop=pa.string())
        refused(path, panel, "'stop': string. It must hold numbers")

    def test_symbols_without_bars_are_named(self, panel, path) -> None:
        signals = [signal("02 10:00", symbol) for symbol in ("ACME", "ACMEE", None, "DROP")]
        refused(
            written(path, *signals), panel, "A signal's symbol is one that has bars",
            "3 rows break this:", "row 1: symbol ACMEE", "row 2: symbol missing",
            "row 3: symbol DROP",
        )  # fmt: skip

    @pytest.mark.parametrize("word", ["Long", "buy", "", None])
    def test_another_direction(self, panel, path, word) -> None:
        written(path, signal("02 10:00", direction=word))
        refused(
            path, panel, "long, short or flat; 1 row breaks this:", f"direction {word or 'missing'}"
        )

    def test_no_publication(self, panel, path) -> None:
        written(path, signal("02 10:00"), {**signal("02 10:00"), "published_at": None})
        refused(path, panel, "when it was published; 1 row breaks this:", "row 1")

    @pytest.mark.parametrize("event_id", [None, ""])
    def test_events_without_a_name_among_others(self, panel, path, event_id) -> None:
        signals = [signal("02 10:00", event_id="e"), signal("02 10:00", event_id=event_id)]
        refused(written(path, *signals), panel, "names its event", "row 1")
