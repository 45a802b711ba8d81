"""An account traded on signals from files: its tables, its counts and what its borrow rests on."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from backtest.engine.kernel import CAPPED, IS_FLAT, OUTCOMES
from backtest.engine.rules import Rules
from backtest.errors import AccountingError, DataError, UsageError
from backtest.experiments.panel_files import read_panel
from backtest.experiments.simulation import Simulation, read_signals, simulate_files
from tests.experiments.test_signal_files import MINUTES_5, refused, signal, written
from tests.parquet_bars import at, bar, write

FREE = Rules(commission_per_share=0, slippage_bps=0, borrow_default=0)
DAYS = [date(2025, 6, day) for day in (2, 3, 4, 5, 6)]
BARS = [
    *(bar("ACME", day, 100 + 10 * n) for n, day in enumerate(DAYS)),
    *(bar("BOLT", day, 50) for day in DAYS),
]


@pytest.fixture
def prices(tmp_path):
    return write(tmp_path / "bars.parquet", BARS)


def made(prices, *signals: dict, rules: Rules = FREE, **terms) -> Simulation:
    path = written(prices.parent / "signals.parquet", *signals)
    return simulate_files(prices, path, rules, prices.parent / "borrow", **terms)


def test_one_signal_alone_is_traded(prices) -> None:
    """454 shares at 110, sold two sessions later at 130."""
    one = made(prices, signal("02 10:00", hold=2, weight=0.5, event_id="e"), curves=True)
    figures = one.figures()
    assert figures["final_equity"] == 100_000 + 454 * 20
    assert (figures["trades"], figures["win_rate"], figures["sharpe"]) == (1, 1, None)
    (row,) = one.trades().to_pylist()
    expected = {
        "trade_id": 1, "event_id": "e", "symbol": "ACME", "direction": "long", "shares": 454,
        "entry_session": DAYS[1], "entry_price": 110, "exit_session": DAYS[3], "exit_price": 130,
        "exit_reason": "time", "gross_profit": 9_080, "net_profit": 9_080, "borrow": 0,
        "entry_bar": at("03 09:30"), "exit_bar": at("05 09:30"),
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert row["return"] == pytest.approx(9_080 / (454 * 110))
    rows = one.equity().to_pylist()
    assert [row["session"] for row in rows] == DAYS
    assert [row["equity"] for row in rows] == [100_000, 100_000, 104_540, 109_080, 109_080]
    assert (rows[1]["cash"], rows[1]["position_value"]) == (100_000 - 454 * 110, 454 * 110)
    assert rows[2]["return"] == pytest.approx(0.0454)


def test_curves_are_made_where_they_are_wanted(prices) -> None:
    given = signal("02 10:00", hold=2)
    assert made(prices, given).result.equity.size == 0
    assert made(prices, given, curves=True).result.equity.shape == (1, 5)


def test_a_curve_that_was_not_made_is_told(prices) -> None:
    with pytest.raises(UsageError, match=r"no curve of the account.*curves=True"):
        made(prices, signal("02 10:00")).equity()


def test_it_is_shown_in_two_lines(prices) -> None:
    one = made(prices, signal("02 10:00", hold=2, weight=0.5), signal("06 10:00"))
    assert repr(one) == (
        "ACME, BOLT from 2025-06-02 to 2025-06-06: +9.1 %\n"
        "2 signals, 1 trade, final equity 109,080 $"
    )


def test_ruin_is_in_what_is_shown(prices) -> None:
    path = write(prices, [bar("ACME", day, 50 if n < 3 else 500) for n, day in enumerate(DAYS)])
    assert repr(made(path, signal("02 10:00", direction="short"))).endswith(" $, ruined")


def test_trades_are_in_order_of_entry_and_shorts_are_told(prices) -> None:
    one = made(
        prices,
        signal("04 10:00", "BOLT", "short", event_id="later", weight=0.2),
        signal("02 10:00", "BOLT", "short", event_id="first", weight=0.2, hold=1),
        signal("03 10:00", event_id="between", weight=0.2, hold=1),
        signal("01 10:00", event_id="early"),
    )
    told = [
        (row["trade_id"], row["event_id"], row["direction"]) for row in one.trades().to_pylist()
    ]
    assert told == [(1, "first", "short"), (2, "between", "long"), (3, "later", "short")]
    counts = one.counts()
    names = ("symbols", "sessions", "bars", "signals", "entered", "not_tradable")
    assert [counts[name] for name in names] == [2, 5, 10, 4, 3, 1]


def bare(**changes) -> Simulation:
    """A simulation of which only some parts are known."""
    panel = SimpleNamespace(
        symbols=("ACME", "BOLT", "CORE"), count=5, sessions=np.array(DAYS, "M8[D]"),
        prices={"open": np.array([[1.0, np.nan, 1.0]])},
    )  # fmt: skip
    parts = {"panel": panel, "signals": None, "rules": FREE, "rates": {}, "result": None}
    return Simulation(**{**parts, **changes})


def test_outcomes_are_counted_also_of_what_the_volume_has_cut() -> None:
    outcomes = np.array([1, 1 + CAPPED, 2, 3 + CAPPED, *range(4, len(OUTCOMES))])
    signals = SimpleNamespace(rows=range(len(outcomes)), left_out={"a": 2, "b": 3})
    counts = bare(signals=signals, result=SimpleNamespace(outcomes=outcomes)).counts()
    names = ("entered", "renewed", "reversed", "superseded", "no_room", "ruined", "resized", "left",
             "not_filled", "nothing_held")  # fmt: skip
    assert [counts[name] for name in names] == [2, *[1] * 9]
    assert (counts["capped_by_volume"], counts["not_tradable"], counts["bars"]) == (2, 5, 2)
    assert counts["signals"] == len(outcomes) + 5


@pytest.mark.parametrize(
    ("flag", "lowest", "is_ruined"),
    [(False, 0.01, False), (False, 0.0, True), (False, -1.0, True), (True, 5.0, True)],
)
def test_an_account_is_ruined_where_its_equity_was_ever_zero(flag, lowest, is_ruined) -> None:
    totals = [{"is_ruined": flag, "lowest": lowest}]
    assert bare(result=SimpleNamespace(totals=totals)).is_ruined is is_ruined


@pytest.mark.parametrize(("astray", "holds"), [(0.0, True), (0.004, True), (0.02, False)])
def test_books_balance_to_the_cent(prices, astray, holds) -> None:
    one = made(prices, signal("02 10:00", hold=2), rules=FREE.model_copy(update={"cash_rate": 0.1}))
    assert one.result.totals[0]["interest"] > 1
    one.result.totals["equity"][0] += astray
    if holds:
        one.check_identity()
    else:
        with pytest.raises(AccountingError):
            one.check_identity()


@pytest.mark.parametrize(("astray", "holds"), [(900.0, True), (1_100.0, False)])
def test_fortunes_balance_to_what_a_double_of_many_sums_resolves(astray, holds) -> None:
    """Of a quadrillion a thousand dollars are a trillionth."""
    names = ("shares", "exit_price", "entry_price", "commission", "borrow", "hedge_profit",
             "dividends")  # fmt: skip
    totals = [{"interest": 0.0, "equity": 1e15 + astray}]
    one = bare(
        signals=SimpleNamespace(rows=np.zeros(0, [("side", "i1")])),
        rules=SimpleNamespace(cash=1e15),
        result=SimpleNamespace(totals=totals, trades=np.zeros(0, [(name, "f8") for name in names])),
    )
    if holds:
        one.check_identity()
    else:
        with pytest.raises(AccountingError):
            one.check_identity()


# Signals


def test_a_signal_of_the_midnight_before_the_first_session_is_of_its_day(prices) -> None:
    panel = read_panel(prices)
    path = prices.parent / "signals.parquet"
    table = read_signals(written(path, signal("02 00:00"), signal("01 23:59")), panel, MINUTES_5)
    assert table.rows["bar"].tolist() == [0]
    assert sum(table.left_out.values()) == 1


def test_a_flat_signal_leaves_when_it_says_whatever_an_entry_would(prices) -> None:
    """It enters nothing, so that `enter` and a hold of 0 say nothing of it."""
    path = prices.parent / "signals.parquet"
    given = signal("02 10:00", direction="flat", enter="close", leave="open", hold=0)
    rows = read_signals(written(path, given), read_panel(prices), MINUTES_5).rows
    assert rows["terms"].tolist() == [IS_FLAT]
    given = signal("02 10:00", direction="flat", leave="close", hold=0)
    assert len(read_signals(written(path, given), read_panel(prices), MINUTES_5).rows) == 1


@pytest.mark.parametrize(
    "terms", [{"enter": "open"}, {"leave": "open"}, {"levels": "session"}, {"enter": None}]
)
def test_what_is_usual_says_nothing(prices, terms) -> None:
    path = written(
        prices.parent / "signals.parquet", signal("02 10:00", **terms), enter=pa.string()
    )
    assert read_signals(path, read_panel(prices), MINUTES_5).rows["terms"].tolist() == [0]


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"enter": "close", "hold": 0}, "What enters at the close cannot leave at it"),
        ({"enter": "close", "limit": 0.01}, "A limit is for an entry at the open"),
        ({"enter": "noon"}, "enter is open or close; 1 row breaks this:"),
        ({"levels": "open"}, "levels is session or close; 1 row breaks this:"),
        ({"hold": 2.5}, "A hold is a whole number from 0 and up to 1000000, or null"),
        ({"stop": 1.0}, "A stop is a number above 0 and below 1, or null"),
        ({"priority": float("inf")}, "A priority is a number, or null"),
    ],
)
def test_a_term_that_is_wrong_is_told_with_its_bounds(prices, terms, told) -> None:
    path = written(prices.parent / "s.parquet", signal("02 10:00", **terms), hold=pa.float64())
    refused(path, read_panel(prices), told, "row 0")


def test_a_null_among_terms_breaks_no_rule(prices) -> None:
    path = prices.parent / "signals.parquet"
    given = [signal("02 10:00", stop=None, resize=None), signal("02 11:00", stop=0.1, resize=True)]
    rows = read_signals(written(path, *given), read_panel(prices), MINUTES_5).rows
    assert np.isnan(rows["stop"]).tolist() == [True, False]


# Bars


def test_rows_outside_of_the_hours_are_left_out(tmp_path) -> None:
    path = tmp_path / "bars.parquet"
    rows = [
        bar("ACME", at(when), price, regular=regular)
        for when, price, regular in (
            ("02 08:00", 90, False), ("02 09:30", 100, True), ("02 18:00", 90, False),
            ("03 09:30", 101, True),
        )
    ]  # fmt: skip
    assert read_panel(write(path, rows)).prices["open"][:, 0].tolist() == [100, 101]


def test_a_row_is_told_by_its_number_also_after_rows_that_are_left_out(tmp_path) -> None:
    rows = [
        bar("ACME", at(when), price, regular=regular)
        for when, price, regular in (
            ("02 08:00", 90, False), ("02 09:00", 90, None), ("02 09:30", 100, True),
            ("02 09:31", -1, True),
        )
    ]  # fmt: skip
    path = write(tmp_path / "bars.parquet", rows)
    with pytest.raises(DataError, match="row 3: ACME 2025-06-02 13:31:00 UTC, open -1"):
        read_panel(path)


@pytest.mark.parametrize("flag", [1, "true"])
def test_a_flag_that_is_no_boolean_is_told(tmp_path, flag) -> None:
    path = write(tmp_path / "bars.parquet", [bar("ACME", at("02 09:30"), 100, regular=flag)])
    with pytest.raises(DataError, match=r"column 'regular': .* It must hold booleans"):
        read_panel(path)


@pytest.mark.parametrize(("volume", "size"), [(False, "9.6 GB"), (True, "12.0 GB")])
def test_more_than_the_machine_holds_is_told_in_gigabytes(tmp_path, monkeypatch, volume, size):
    """Four prices of eight bytes at three times for a hundred million symbols, or five numbers."""
    from backtest.experiments import panel_files

    path = write(tmp_path / "bars.parquet", [{**row, "volume": 1.0} for row in BARS[:3]])
    times = np.array(DAYS[:3], "M8[D]")
    monkeypatch.setattr(panel_files, "_keys", lambda _: (range(100_000_000), times))

    def blank_prices(shape):
        raise MemoryError

    monkeypatch.setattr(panel_files, "blank_prices", blank_prices)
    with pytest.raises(UsageError, match=f"3 times × 100,000,000 symbols take {size}"):
        read_panel(path, volume=volume)


def test_a_damaged_text_is_told_by_the_first_line_of_what_is_wrong(tmp_path) -> None:
    from backtest.experiments.panel_files import readable

    def fail() -> None:
        with readable(tmp_path / "x.parquet"):
            raise ValueError("\nfirst line\nsecond line")

    with pytest.raises(DataError, match=r"x\.parquet is not readable Parquet \(first line\)\."):
        fail()


def test_texts_of_any_kind_are_texts(tmp_path) -> None:
    from backtest.experiments.panel_files import NUMBER, TEXT

    texts = (
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()),
    )
    assert all(TEXT.fits(kind) for kind in texts)
    assert not any(TEXT.fits(k) for k in (pa.int8(), pa.dictionary(pa.int8(), pa.int64())))
    assert all(NUMBER.fits(kind) for kind in (pa.int8(), pa.float32(), pa.decimal128(5, 2)))
    assert not any(NUMBER.fits(kind) for kind in (pa.string(), pa.bool_()))


def test_a_folder_in_a_folder_named_after_a_symbol(tmp_path) -> None:
    """The first part `symbol=` counts, and a file of its own is named by itself."""
    one = tmp_path / "symbol=ACME" / "symbol=BOLT" / "x.parquet"
    assert read_panel(write(one, BARS[:1], symbol=None).parents[2]).symbols == ("ACME",)
    assert read_panel(one).symbols == ("x",)
    hidden = write(tmp_path / "symbol=ACME" / ".tmp" / "y.parquet", BARS[:1], symbol=None)
    assert hidden.exists()
    assert len(parquet.read_table(hidden)) == 1
    assert read_panel(tmp_path).symbols == ("ACME",)
