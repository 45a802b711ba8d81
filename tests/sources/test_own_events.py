"""Files of events as vendors write them: rows are taken in as they mean, or asked about."""

import pandas as pd
import pytest

from backtest.data.kinds import Earnings, News, ShortReport, StakeDisclosure
from backtest.errors import DataError, UsageError
from backtest.sources.own_events import MissingFieldsError, read_event_file
from tests.commands import WRONG_USE, words

UNKNOWN = {"source_url": "unknown"}


@pytest.fixture
def read(tmp_path):
    def read(text, kind=Earnings, name="mine.csv", encoding="utf-8", **reading):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return read_event_file(path, kind, **{**UNKNOWN, **reading})

    return read


def only(found, *fields):
    (row,) = found.rows
    return tuple(row.get(name, "") for name in fields)


EARNINGS = ("symbol", "published_at", "precision", "eps", "eps_consensus")


@pytest.mark.parametrize(
    ("text", "reading", "expected"),
    [
        (  # Alpha Vantage
            (
                "fiscalDateEnding,reportedDate,reportedEPS,estimatedEPS,surprise,surprisePercentage,"
                "reportTime\n2025-03-31,2025-05-08,-0.22,-0.39,0.17,43.5897,post-market\n"
            ),
            {"constants": {"symbol": "BOLT"}},
            ("BOLT", "2025-05-08T23:59:59-04:00", "session", "-0.22", "-0.39"),
        ),
        (
            (
                "fiscalDateEnding,reportedDate,reportedEPS,estimatedEPS,reportTime\n"
                "2025-03-31,2025-05-08,None,0.39,pre-market\n"
            ),
            {"constants": {"symbol": "BOLT"}},
            ("BOLT", "2025-05-08T09:00:00-04:00", "session", "", "0.39"),
        ),
        (  # Nasdaq
            (
                "Fiscal Quarter End,Date Reported,Earnings Per Share,"
                "Consensus EPS Forecast,% Surprise\n"
                "Mar 2025,5/15/2025,$0.61,$0.50,22\n"
            ),
            {"constants": {"symbol": "BOLT", "precision": "date"}},
            ("BOLT", "2025-05-15T23:59:59-04:00", "date", "0.61", "0.5"),
        ),
        (  # Zacks
            (
                "Date,Period Ending,Estimate,Reported,Surprise,% Surprise,Time\n"
                "5/15/2025,3/2025,$0.50,($0.61),-1.11,-222%,Before Open\n"
            ),
            {"constants": {"symbol": "BOLT"}},
            ("BOLT", "2025-05-15T09:00:00-04:00", "session", "-0.61", "0.5"),
        ),
        (  # of Kaggle
            "symbol,date,qtr,eps_est,eps,release_time\nBOLT,2025-05-08,03/2025,0.5,0.61,post\n",
            {},
            ("BOLT", "2025-05-08T23:59:59-04:00", "session", "0.61", "0.5"),
        ),
        (  # Finnhub
            (
                "date,epsActual,epsEstimate,hour,quarter,revenueActual,revenueEstimate,symbol,year\n"
                "2025-05-08,0.61,0.5,amc,1,1200000,1000000,BOLT,2025\n"
            ),
            {},
            ("BOLT", "2025-05-08T23:59:59-04:00", "session", "0.61", "0.5"),
        ),
        (  # in capitals, of semicolons, with the decimal comma
            "TICKER;DATE REPORTED;TIME;EPS;ESTIMATE\nbolt;08.05.2025;BMO;0,61;0,5\n",
            {},
            ("BOLT", "2025-05-08T09:00:00-04:00", "session", "0.61", "0.5"),
        ),
        (  # of commas, with the decimal comma, as only the user can tell
            'Symbol,Date,Time,EPS,Estimate\nBOLT,2025-05-08,bmo,"0,612","0,5"\n',
            {"decimal": ","},
            ("BOLT", "2025-05-08T09:00:00-04:00", "session", "0.612", "0.5"),
        ),
        (
            "Symbol,Date,Time,EPS,Estimate\nBOLT,2025-05-08,time-not-supplied,0.61,--\n",
            {},
            ("BOLT", "2025-05-08T23:59:59-04:00", "date", "0.61", ""),
        ),
        (
            "Symbol,Date,Time,EPS,Estimate\nBOLT,2025-05-08,16:05 ET,0.61,0.5\n",
            {},
            ("BOLT", "2025-05-08T16:05:00-04:00", "minute", "0.61", "0.5"),
        ),
    ],
)
def test_reports_of_vendors_are_read(read, text, reading, expected):
    assert only(read(text, **reading), *EARNINGS) == expected


def test_a_quarter_is_named_where_the_file_names_it(read):
    header = "symbol,date,time,eps,quarter,year\n"
    for cells, period in (("1,2025", "2025Q1"), ("Q3 2024,", "2024Q3"), ("2025Q2,", "2025Q2")):
        found = read(f"{header}BOLT,2025-05-08,amc,0.6,{cells}\n")
        assert only(found, "period", "headline") == (period, f"Quarterly report {period}")
    found = read("symbol,date,time,eps,period,period_year\nBOLT,2025-05-08,amc,0.6,Q3,2025\n")
    assert only(found, "period") == ("2025Q3",)
    found = read(f"{header}BOLT,2025-05-08,amc,0.6,Mar 2025,\n")  # whose quarter that is, is open
    assert only(found, "period", "headline") == ("", "Quarterly report")


def test_insider_trades_of_openinsider_become_news(read):
    found = read(
        "X,Filing Date,Trade Date,Ticker,Company Name,Insider Name,Title,Trade Type,Price,Qty,"
        "Owned,ΔOwn,Value\n"
        'D,2025-05-08 21:35:07,2025-05-06,BOLT,"Bolt, Inc.",Doe Jane,CEO,S - Sale,$78.11,'
        '"-25,000","1,234,567",-2%,"-$1,952,750"\n'
        'D,2025-05-09 08:00:00,2025-05-06,BOLT,"Bolt, Inc.",Roe Jim,Dir,P - Purchase,$1,2,3,4,5\n',
        News,
    )
    first, second = found.rows
    assert (first["published_at"], first["precision"]) == ("2025-05-08T21:35:07-04:00", "exact")
    assert (first["category"], second["category"]) == ("insider_sale", "insider_purchase")
    assert first["headline"] == "Form 4: S - Sale by Doe Jane, CEO"
    assert "Qty -25,000; Price $78.11" in first["figures"]


def test_lists_of_short_reports_take_what_holds_for_all(read):
    text = "Date,Ticker,Firm,Headline,URL\n2025-05-08,BOLT,Bear,A case,https://example.org/r\n"
    with pytest.raises(MissingFieldsError) as caught:
        read(text, ShortReport, source_url=None)
    assert caught.value.fields == ["precision", "author_type"]
    assert "author_type: What the author is. One of short_seller, analyst, press." in str(
        caught.value
    )
    assert "--set precision=… --set author_type=…" in str(caught.value)
    constants = {"precision": "date", "author_type": "Short Seller"}
    found = read(text, ShortReport, source_url=None, constants={**constants, "author_type":
                                                                "short_seller"})  # fmt: skip
    assert only(found, "author", "published_at", "source_url") == (
        "Bear", "2025-05-08T23:59:59-04:00", "https://example.org/r",
    )  # fmt: skip


def test_columns_can_be_named_and_constants_hold_cells(read):
    text = "Wann,Wer,Was\n2025-05-08,BOLT,Bear & Co\n"
    found = read(
        text, ShortReport, columns={"published_at": "Wann", "symbol": "Wer", "author": "Was"},
        constants={"headline": "Report by {Was}", "precision": "date", "author_type": "press"},
    )  # fmt: skip
    assert only(found, "headline", "author") == ("Report by Bear & Co", "Bear & Co")
    with pytest.raises(UsageError, match=r"no field of short_report 'autor'\. Did you mean 'auth"):
        read(text, ShortReport, columns={"autor": "Was"})
    with pytest.raises(UsageError, match="no column of the file 'Wo'"):
        read(text, ShortReport, columns={"author": "Wo"})


def test_a_stake_is_read_with_its_counts(read):
    found = read(
        "Filing Date,Report Date,Ticker,Fund,Form Type,Shares\n"
        '05/14/2025,03/31/2025,BOLT,BIGCO,13F-HR,"24,300,000"\n',
        StakeDisclosure,
        constants={"precision": "date", "headline": "{Fund} holds {Shares}"},
    )  # fmt: skip
    fields = ("published_at", "as_of", "holder", "form", "shares", "headline")
    assert only(found, *fields) == (
        "2025-05-14T23:59:59-04:00", "2025-03-31", "BIGCO", "13F-HR", "24300000",
        "BIGCO holds 24,300,000",
    )  # fmt: skip


# Days and times


def news(*stamps):
    return "symbol,published_at,headline,category\n" + "".join(
        f"BOLT,{stamp},No {n},Insider Sale\n" for n, stamp in enumerate(stamps)
    )


@pytest.mark.parametrize(
    ("stamp", "expected", "precision"),
    [
        ("2025-05-08 16:05 New York", "2025-05-08T16:05:00-04:00", "minute"),
        ("2025-05-08T20:05:07Z", "2025-05-08T20:05:07Z", "exact"),
        ("2025-05-08 before open", "2025-05-08T09:00:00-04:00", "session"),
        ("5/15/2025 4:05 PM ET", "2025-05-15T16:05:00-04:00", "minute"),
        ("15.05.2025 16:05:30 ET", "2025-05-15T16:05:30-04:00", "exact"),
        ("15 May 2025 AMC", "2025-05-15T23:59:59-04:00", "session"),
        ("May 15, 2025 before market open", "2025-05-15T09:00:00-04:00", "session"),
    ],
)
def test_times_are_read_as_they_are_written(read, stamp, expected, precision):
    stamp = f'"{stamp}"' if "," in stamp else stamp
    found = read(news(stamp), News)
    assert only(found, "published_at", "precision") == (expected, precision)
    assert found.rows[0]["category"] == "insider_sale"


def test_days_that_can_be_read_in_two_ways_are_asked_about(read):
    date = {"constants": {"precision": "date"}}
    with pytest.raises(
        UsageError, match=r"'11/10/2025' can be read as .* --date-format '%m/%d/%Y'"
    ):
        read(news("11/10/2025", "12/10/2025"), News, **date)
    found = read(news("11/10/2025", "12/10/2025"), News, date_form="%d/%m/%Y", **date)
    assert found.rows[0]["published_at"] == "2025-10-11T23:59:59-04:00"
    found = read(news("11/10/2025", "12/15/2025"), News, **date)  # there is no 15th month
    assert found.rows[0]["published_at"] == "2025-11-10T23:59:59-05:00"


def test_a_time_without_a_zone_is_asked_about(read):
    with pytest.raises(DataError, match=r"line 2, .*has no zone.*--zone 'New York'"):
        read(news("2025-05-08 16:05:00"), News)
    for zone, stamp in (("New York", "16:05:00-04:00"), ("Europe/Berlin", "16:05:00+02:00")):
        found = read(news("2025-05-08 16:05:00"), News, zone=zone)
        assert only(found, "published_at", "precision") == (f"2025-05-08T{stamp}", "minute")
    with pytest.raises(UsageError, match="The zone 'Atlantis' is unknown"):
        read(news("2025-05-08 16:05:00"), News, zone="Atlantis")


def test_yfinance_s_reports_are_read(read):
    text = "Earnings Date,EPS Estimate,Reported EPS\n2025-05-08 16:00:00-04:00,0.5,0.61\n"
    found = read(text, constants={"symbol": "BOLT"})
    assert only(found, *EARNINGS) == ("BOLT", "2025-05-08 16:00:00-04:00", "minute", "0.61", "0.5")


def test_midnights_alone_are_days(read):
    found = read(news("2025-05-08 00:00:00"), News, constants={"precision": "date"})
    assert only(found, "published_at") == ("2025-05-08T23:59:59-04:00",)


def test_a_bare_day_is_as_well_known_as_is_said(read):
    with pytest.raises(MissingFieldsError, match="--set precision=…"):
        read(news("2025-05-08"), News)
    found = read(news("2025-05-09"), News, constants={"precision": "week"})
    assert only(found, "published_at", "precision") == ("2025-05-09T23:59:59-04:00", "week")


def test_an_hour_of_no_meaning_is_told_by_its_line(read):
    with pytest.raises(DataError, match=r"line 2, column Date: 'lunch' is no time of day"):
        read("Symbol,Date,Time,EPS\nBOLT,2025-05-08,lunch,0.6\n")


# Encodings, Parquet, the command


def test_a_guessed_encoding_is_asked_about_where_it_matters(read):
    text = news("2025-05-08").replace("No 0", "Übernahme")
    date = {"constants": {"precision": "date"}}
    with pytest.raises(UsageError, match="--encoding cp1252"):
        read(text, News, encoding="cp1252", **date)
    path = read(text, News, **date).path
    path.write_bytes(text.encode("cp1252"))
    found = read_event_file(path, News, encoding="cp1252", **UNKNOWN, **date)
    assert only(found, "headline") == ("Übernahme",)
    assert only(read(text, News, encoding="utf-16", **date), "headline") == ("Übernahme",)


def test_parquet_is_read_as_csv_is(tmp_path):
    path = tmp_path / "mine.parquet"
    moments = pd.to_datetime(["2025-05-08T20:05:00Z"])
    table = pd.DataFrame({"ticker": ["BOLT"], "published_at": moments, "eps": [0.61]})
    table.to_parquet(path)
    found = read_event_file(path, Earnings, constants={"precision": "exact"}, **UNKNOWN)
    assert only(found, "symbol", "published_at", "eps") == (
        "BOLT", "2025-05-08T20:05:00+00:00", "0.61",
    )  # fmt: skip


def test_what_is_lacking_is_asked_at_a_terminal(command, checkout, monkeypatch):
    file = checkout.root / "mine.csv"
    file.write_text("Date,Ticker,Firm,Headline\n2025-06-11,ACME,Bear,A case\n")
    arguments = ("events", "import", "mine.csv", "--kind", "short_report")
    outcome = command(*arguments, "--yes")
    assert outcome.code == WRONG_USE
    assert "--source-url unknown. Its columns: Date, Ticker, Firm, Headline." in words(outcome.err)
    monkeypatch.setattr("backtest.cli.show.at_terminal", lambda: True)
    answers = iter(["date", "short_seller", "unknown"])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(answers))
    monkeypatch.setattr("typer.confirm", lambda _: True)
    outcome = command(*arguments)
    assert outcome.code == 0
    assert "author from 'Firm'" in words(outcome.out)
    text = (checkout.root / "data/events/short_reports.csv").read_text()
    assert "ACME,2025-06-11T23:59:59-04:00,date,A case,Bear,short_seller" in text


def test_the_kinds_are_listed_with_what_each_needs(command):
    out = words(command("events", "kinds", "short_report").out)
    assert "author_type * What the author is. One of short_seller, analyst, press." in out
    assert "target_price What the author holds a share to be worth" in out
    assert "no kind of event 'shorts'" in command("events", "kinds", "shorts").err
