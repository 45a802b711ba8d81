"""A made-up checkout with 60 sessions of ACME that wander, and events spread over them.

ACME begins at 100 and takes a step of a few per cent each session, drawn from a fixed seed; INDX,
the benchmark, takes steps of its own. The sessions are real ones of the NYSE, from 2025-06-02 on.
"""

from __future__ import annotations

import random
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from backtest.data.calendar import trading_calendar
from backtest.data.datafile import metadata_of, open_data_file
from backtest.data.price_rows import parquet_bytes
from backtest.data.versions import write_version
from tests.made_up import Checkout, make_checkout

if TYPE_CHECKING:
    from pathlib import Path

SESSIONS = [str(day) for day in trading_calendar().between(date(2025, 6, 2), date(2025, 8, 26))]
EARNINGS = """\
symbol,published_at,precision,headline,period,eps,eps_consensus,note
ACME,2025-06-12T16:05:00-04:00,exact,A made-up beat,2024Q2,0.30,0.20,made up
ACME,2025-07-01T16:05:00-04:00,exact,A second beat,2024Q3,0.25,0.20,made up
ACME,2025-07-17T16:05:00-04:00,exact,A made-up miss,2024Q4,0.10,0.20,made up
ACME,2025-08-05T16:05:00-04:00,exact,A third beat,2025Q1,0.40,0.20,made up
ACME,2025-08-15T08:00:00-04:00,minute,A quarter restated,2024Q2,0.30,0.35,made up
"""
STAKES = """\
symbol,published_at,precision,headline,holder,form,as_of,shares,previous_shares,first_filing,note
ACME,2025-06-10T16:30:00-04:00,exact,A first filing,BIGCO,13F-HR,2025-03-31,100,,true,
ACME,2025-07-25T16:30:00-04:00,exact,A purchase,BIGCO,13F-HR,2025-06-30,150,100,false,
"""
REPORTS = """\
symbol,published_at,precision,headline,author,author_type,target_price,note
ACME,2025-06-18T23:59:59-04:00,date,A made-up report,Jane Bear,short_seller,10,made up
ACME,2025-08-11T08:00:00-04:00,minute,A second report,Jane Bear,short_seller,12,made up
"""
NEWS = """\
symbol,published_at,precision,headline,category,note
ACME,2025-06-24T09:00:00-04:00,minute,A made-up contract,contract,made up
ACME,2025-07-29T09:00:00-04:00,minute,A second contract,contract,made up
"""


def make_market(root: Path) -> Checkout:
    """Write the checkout into an empty folder."""
    checkout = make_checkout(root)
    checkout.write("data/prices/ACME.csv", _bars(seed=11))
    closes = [",".join(line.split(",")[::4]) for line in _bars(seed=12).splitlines()]
    checkout.write("data/prices/INDX.csv", "\n".join(closes) + "\n")
    for name, text in {
        "earnings": EARNINGS,
        "stake_disclosures": STAKES,
        "short_reports": REPORTS,
        "news": NEWS,
    }.items():
        checkout.write(f"data/events/{name}.csv", text)
    bars = pd.read_csv(root / "data/prices/ACME.csv")  # as files of no known kind may be there
    (root / "data/prices/ticks").mkdir()
    bars.to_parquet(root / "data/prices/ticks/ACME.parquet")
    checkout.write("reports/earlier/trades.csv", "2025-07-18,lost\n", sealed=False)
    return checkout


MEMBERS = """\
symbol,first,last
ACME,,
BOLT,,
COAL,2025-06-20,
DUNE,,2025-08-08
"""
REPORTS_OF_FOUR = """\
symbol,published_at,precision,headline,period,eps,eps_consensus,note
BOLT,2025-06-10T16:05:00-04:00,exact,BOLT misses,2024Q2,0.10,0.20,made up
ACME,2025-06-12T16:05:00-04:00,exact,ACME beats,2024Q2,0.30,0.20,made up
COAL,2025-06-16T16:05:00-04:00,exact,COAL is no member yet,2024Q2,0.30,0.20,made up
DUNE,2025-06-24T16:05:00-04:00,exact,DUNE beats by more,2024Q2,0.40,0.20,made up
COAL,2025-07-01T16:05:00-04:00,exact,COAL beats by less,2024Q3,0.22,0.20,made up
ACME,2025-07-17T16:05:00-04:00,exact,ACME beats by much,2024Q3,0.60,0.20,made up
DUNE,2025-08-12T16:05:00-04:00,exact,DUNE is no member any more,2025Q1,0.40,0.20,made up
"""


def make_universe(root: Path) -> Checkout:
    """The checkout with a universe of four stocks, named `four`, in a folder of its own."""
    checkout, folder = make_market(root), "data/universes/four"
    checkout.write(f"{folder}/members.csv", MEMBERS)
    checkout.write(f"{folder}/events/earnings.csv", REPORTS_OF_FOUR)
    for number, symbol in enumerate(("ACME", "BOLT", "COAL", "DUNE")):
        checkout.write(f"{folder}/prices/{symbol}.csv", _bars(seed=11 + number))
    return checkout


def _bars(seed: int) -> str:
    drawn = random.Random(seed)
    lines, last = ["date,open,high,low,close,volume"], 100.0
    for day in SESSIONS:
        opened = round(last * (1 + drawn.gauss(0, 0.01)), 2)
        closed = round(opened * (1 + drawn.gauss(0, 0.03)), 2)
        high, low = max(opened, closed) + 0.5, min(opened, closed) - 0.5
        lines.append(f"{day},{opened},{high:.2f},{low:.2f},{closed},{drawn.randint(1000, 9000)}")
        last = closed
    return "\n".join(lines) + "\n"


BY_BARS_FROM = "2025-06-20"
NEWS_WITHIN = """\
symbol,published_at,precision,headline,category,note
ACME,2025-06-10T10:15:00-04:00,minute,Before there are bars,contract,made up
ACME,2025-06-23T10:15:00-04:00,minute,In the morning,contract,made up
ACME,2025-06-26T13:40:00-04:00,minute,In the afternoon,contract,made up
ACME,2025-07-03T10:02:00-04:00,minute,On a half day,contract,made up
ACME,2025-07-09T15:58:00-04:00,minute,In the last bar,contract,made up
ACME,2025-07-15T11:20:00-04:00,minute,Before noon,contract,made up
ACME,2025-07-15T14:20:00-04:00,minute,After noon,contract,made up
"""


def make_market_by_bars(root: Path) -> Checkout:
    """The checkout with bars of 30 minutes of ACME from 2025-06-20 on, and news within them.

    INDX has none, nor any price but closes. The daily prices are what the bars make together.
    """
    checkout = make_market(root)
    checkout.write("data/events/news.csv", NEWS_WITHIN)
    daily = pd.read_csv(root / "data/prices/ACME.csv", index_col="date")
    drawn, last, found = random.Random(21), float(daily.loc["2025-06-18", "close"]), {}
    for day in daily.index[daily.index >= BY_BARS_FROM]:
        hours = [
            trading_calendar().time_of(date.fromisoformat(day), at) for at in ("open", "close")
        ]
        times = pd.date_range(*hours, freq="30min", inclusive="left").tz_localize(None)
        rows = []
        for _ in times:
            opened, closed = (round(last * (1 + drawn.gauss(0, 0.01)), 2) for _ in "oc")
            high, low = max(opened, closed) + 0.25, min(opened, closed) - 0.25
            rows.append([opened, round(high, 2), round(low, 2), closed, drawn.randint(100, 900)])
            last = closed
        bars = pd.DataFrame(rows, times.rename("time"), list(daily.columns))
        found[day] = bars
        daily.loc[day] = [
            bars["open"].iloc[0], bars["high"].max(), bars["low"].min(), bars["close"].iloc[-1],
            bars["volume"].sum(),
        ]  # fmt: skip
    checkout.write("data/prices/ACME.csv", daily.to_csv())
    write_bars(root, "ACME", pd.concat(found.values()))
    return checkout


def write_bars(root: Path, symbol: str, bars: pd.DataFrame) -> None:
    """Write bars of 30 minutes, by their open in UTC without a zone, with metadata that fit."""
    path = root / f"data/prices/30m/{symbol}.parquet"
    path.parent.mkdir(exist_ok=True)
    facts = metadata_of(bars.index.strftime("%Y-%m-%d").tolist(), source="made up")
    over = open_data_file(path).sha256 if path.exists() else None
    write_version(path, parquet_bytes(bars), facts, reason="made up", over=over)
