"""Files of 5-minute bars as vendors and libraries write them: each is read to the same bars.

Bar `n` of 2025-06-03 opens `n` times five minutes after 09:30 in New York, at 10 dollars and `n`
cents, goes up to a dollar more, down to 9.5, closes at half a dollar more and trades 100 + `n`.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backtest.errors import UsageError
from backtest.sources.own_prices import read_price_file
from backtest.sources.own_times import Stamps

HEADER = "timestamp,open,high,low,close,volume"
NEW_YORK = ZoneInfo("America/New_York")
OPENS = [datetime(2025, 6, 3, 9, 30, tzinfo=NEW_YORK) + timedelta(minutes=5 * n) for n in range(78)]


def lines(row, *, zone="America/New_York", later=0, columns="ohlcv", header="", foot=""):
    """A file whose rows have their time written by `row`, and prices in the order of `columns`."""
    found = [header] if header else []
    for n, opens in enumerate(OPENS):
        prices = {"o": f"{10 + n / 100:.2f}", "h": f"{11 + n / 100:.2f}", "l": "9.50",
                  "c": f"{10.5 + n / 100:.2f}", "v": str(100 + n)}  # fmt: skip
        stamp = (opens + timedelta(minutes=later)).astimezone(ZoneInfo(zone))
        text = row.replace("SECONDS", str(int(stamp.timestamp())))
        cells = ",".join(prices.get(one, one) for one in columns)
        found.append(stamp.strftime(text).replace("PRICES", cells))
    return "\n".join([*found, foot])


VENDORS = {
    "FirstRate": (lines("%Y-%m-%d %H:%M:%S,PRICES"), "ET", {}),
    "Kibot": (lines("%m/%d/%Y,%H:%M,PRICES"), "ET", {"date_form": "%m/%d/%Y"}),
    "Polygon": (
        lines("BOLT,PRICES,SECONDS000000000,12", columns="vochl",
              header="ticker,volume,open,close,high,low,window_start,transactions"), None, {},
    ),
    "Databento": (
        lines("%Y-%m-%dT%H:%M:%S.000000000Z,33,1,77,PRICES,BOLT", zone="UTC",
              header="ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol"),
        None, {},
    ),
    "Interactive Brokers": (
        lines("%Y%m%d %H:%M:%S US/Eastern,PRICES,10.00,9",
              header="date,open,high,low,close,volume,average,barCount"), None, {},
    ),
    "Alpaca": (
        lines("BOLT,%Y-%m-%d %H:%M:%S+00:00,PRICES,3,10.00", zone="UTC",
              header="symbol,timestamp,open,high,low,close,volume,trade_count,vwap"), None, {},
    ),
    "TradingView": (lines("SECONDS,PRICES", header="time,open,high,low,close,Volume"), None, {}),
    "NinjaTrader": (
        lines("%Y%m%d %H%M%S,PRICES", zone="UTC", later=5).replace(",", ";"), "UTC", {},
    ),
    "Dukascopy": (
        lines("%d.%m.%Y %H:%M:%S.000,PRICES", zone="UTC",
              header="Gmt time,Open,High,Low,Close,Volume"), None, {"date_form": "%d.%m.%Y"},
    ),
    "Alpha Vantage": (lines("%Y-%m-%d %H:%M:%S,PRICES", header=HEADER), "ET", {}),
    "Tiingo": (
        lines("%Y-%m-%d %H:%M:%S+00:00,PRICES", zone="UTC", columns="chlov",
              header="date,close,high,low,open,volume"), None, {},
    ),
    "Twelve Data": (
        lines("%Y-%m-%d %H:%M:%S,PRICES", header="datetime,open,high,low,close,volume")
        .replace(",", ";"), "ET", {"decimal": "."},
    ),
    "Stooq": (
        lines("BOLT.US,5,%Y%m%d,%H%M%S,PRICES,0", zone="Europe/Warsaw",
              header="<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"),
        "Europe/Warsaw", {},
    ),
    "Barchart": (
        lines("%m/%d/%Y %H:%M,PRICES", zone="America/Chicago", columns="ohlc00v",
              header="Time,Open,High,Low,Last,Change,Chg,Volume",
              foot='"Downloaded from Barchart.com as of 06-03-2025 03:55pm CDT"'),
        "America/Chicago", {"date_form": "%m/%d/%Y"},
    ),
    "MetaTrader": (
        lines("%Y.%m.%d,%H:%M:%S,PRICES", zone="Europe/Athens", columns="ohlc5v1",
              header="<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>,<SPREAD>")
        .replace(",", "\t"), "Europe/Athens", {},
    ),
    "TradeStation": (
        lines("%m/%d/%Y,%H:%M,PRICES,0", later=5,
              header='"Date","Time","Open","High","Low","Close","Up","Down"'),
        "ET", {"date_form": "%m/%d/%Y", "columns": {"volume": "Up"}},
    ),
    "Schwab": (
        lines("PRICES,SECONDS000", header="open,high,low,close,volume,datetime"), None, {},
    ),
    "a German portal": (
        lines("%d.%m.%Y;%H:%M;PRICES", zone="Europe/Berlin",
              header="Datum;Zeit;Eröffnung;Hoch;Tief;Schluss;Volumen").replace(",", ";"),
        "Europe/Berlin", {"date_form": "%d.%m.%Y"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("vendor", VENDORS)
def test_bars_are_the_same_whoever_wrote_them(vendor, tmp_path):
    text, zone, terms = VENDORS[vendor]
    path = tmp_path / "BOLT.csv"
    path.write_text(text)
    file = read_price_file(path, **{"columns": {}, **terms}, stamps=Stamps("5m", zone))
    table = file.tables["BOLT"]
    assert len(table) == 78
    assert [str(one) for one in table.index[[0, 77]]] == [
        "2025-06-03 13:30:00", "2025-06-03 19:55:00",
    ]  # fmt: skip
    assert table.iloc[2].tolist() == [10.02, 11.02, 9.5, 10.52, 102]


def test_two_columns_that_may_be_the_time_are_asked_about(tmp_path):
    path = tmp_path / "BOLT.csv"
    path.write_text(
        lines("SECONDS,0,%Y-%m-%d %H:%M:%S,PRICES", zone="UTC",
              header="Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume")
    )  # fmt: skip
    with pytest.raises(UsageError, match="--map date='Timestamp'"):
        read_price_file(path, {}, stamps=Stamps("5m"))
    file = read_price_file(path, {"date": "Timestamp"}, stamps=Stamps("5m"))
    assert str(file.tables["BOLT"].index[0]) == "2025-06-03 13:30:00"
