"""The table that yfinance hands over."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from backtest.errors import DataError, UsageError
from backtest.sources import yahoo
from backtest.sources.yahoo_bars import finished_bars

EVENING = datetime(2025, 6, 20, 23, 0, tzinfo=UTC)


def table(**columns):
    names = ("Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits")
    index = pd.DatetimeIndex(["2025-06-18", "2025-06-20"], tz="America/New_York")
    values = {name: [1.0, 1.0] for name in names} | {"Stock Splits": [0.0, 0.0]} | columns
    return pd.DataFrame({n: v for n, v in values.items() if v is not None}, index=index)


def bars(frame):
    return finished_bars(yahoo.Answer(frame, "USD", EVENING), "ACME", "1d", None)


def test_two_levels_of_columns_are_made_one():
    frame = table(**{"Adj Close": [1.0, 1.0]})
    for order in (["Price", "Ticker"], ["Ticker", "Price"]):
        pairs = [(n, "ACME") if order[0] == "Price" else ("ACME", n) for n in frame.columns]
        level = frame.set_axis(pd.MultiIndex.from_tuples(pairs, names=order), axis=1)
        assert bars(level).table.columns.tolist() == ["open", "high", "low", "close", "volume"]


def test_two_symbols_in_one_table_are_not_taken_for_one():
    both = pd.concat({"ACME": table(), "BOLT": table()}, axis=1)
    with pytest.raises(DataError, match="column 'Open' twice"):
        bars(both)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (table(Close=None), "no column 'Close'"),
        (table(Volume=["1", "2"]), "column 'Volume' holds"),
        (table().tz_localize(None), "its rows are not told by times with a zone"),
        (table().reset_index(drop=True), "its rows are not told by times with a zone"),
    ],
)
def test_another_table_is_refused(frame, told):
    with pytest.raises(DataError, match="is of another form") as caught:
        bars(frame)
    assert told in str(caught.value)


def test_a_day_stands_once():
    frame = table()
    frame.index = frame.index[[0, 0]]
    with pytest.raises(DataError, match="two rows came for 2025-06-18"):
        bars(frame)


def test_nothing_finished_is_told():
    answer = replace(
        yahoo.Answer(table(), "USD", EVENING), asked_at=datetime(2025, 6, 18, tzinfo=UTC)
    )
    with pytest.raises(UsageError, match="no finished bar of 1d of ACME"):
        finished_bars(answer, "ACME", "1d", None)
