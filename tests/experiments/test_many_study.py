"""Studies of many stocks by hand: observations, groups, what is taken off, and what is kept."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from backtest.errors import UsageError
from backtest.events import Earnings
from backtest.experiments.studies.many import (
    _group_names,
    _numbers,
    _plain,
    prepare_many_study,
    run_many_study,
)
from backtest.experiments.studies.subject import StudyRequest
from backtest.reports.study_page import many_sentences
from tests.commands import fails
from tests.made_up import EARNINGS, SESSIONS
from tests.made_up_universe import CORP, write_members

# ACME closes at 101, 102, 103, …; BOLT, of closes alone, at 50, 55, 50, …; CORP at 20.
BOLT = "date,close\n" + "".join(f"{day},{(50, 55)[n % 2]}.00\n" for n, day in enumerate(SESSIONS))
# Surprises of BOLT: +0.20 and, of the same evening, 0; of CORP +0.05. Those of ACME are +-0.50.
MORE = """\
BOLT,2025-06-04T16:05:00-04:00,exact,A beat,2024Q4,0.30,0.25,,A,made up
BOLT,2025-06-04T18:00:00-04:00,exact,The same as it is in the filing,2024Q4,0.25,0.25,,A,made up
CORP,2025-06-10T08:00:00-04:00,minute,A small beat,2024Q4,0.21,0.20,,A,made up
"""
STOCKS = ("ACME", "BOLT", "CORP")
MEMBERS = "symbol,first,last\n" + "".join(f"{s},2025-06-01,2025-12-31\n" for s in STOCKS)


def with_events(checkout, text):
    rows = text.splitlines(keepends=True)
    ordered = sorted(rows[1:], key=lambda row: row.split(",")[1])
    checkout.write("data/events/earnings.csv", rows[0] + "".join(ordered))


@pytest.fixture
def stocks(checkout):
    checkout.write("data/prices/BOLT.csv", BOLT)
    checkout.write("data/prices/CORP.csv", CORP)
    with_events(checkout, EARNINGS + MORE)
    write_members(checkout, MEMBERS)
    return checkout


def request(**changes):
    terms = {"symbols": STOCKS, "benchmark": "INDX", "windows": ((0, 0), (0, 1))}
    return StudyRequest("earnings", **{**terms, **changes})


def study(checkout, *, force=False, **changes):
    return run_many_study(prepare_many_study(checkout.workspace, request(**changes)), force=force)


def rows_of(result):
    return list(csv.DictReader(io.StringIO((result.path / "cars.csv").read_text())))


def test_a_stock_and_a_day_zero_are_one_observation(stocks):
    result = study(stocks, by="surprise", quantiles=2)
    record = result.record
    assert (record["told"], record["observations"]) == (5, 4)
    assert (record["stocks"], record["dates"], record["seasons"]) == (3, 3, 1)
    found = [
        (row["symbol"], row["day_0"], round(float(row["value"]), 9), row["group"])
        for row in rows_of(result)
    ]
    assert sorted(found) == [
        ("ACME", "2025-06-05", 0.5, "2"),
        ("ACME", "2025-06-27", -0.5, "1"),
        ("BOLT", "2025-06-05", 0.0, "1"),  # the last published of its evening
        ("CORP", "2025-06-10", 0.05, "2"),
    ]


def test_the_figures_by_group(stocks):
    record = study(stocks, by="surprise", quantiles=2).record
    first, second = record["rows"]
    # day 0: ACME 103 to 104 and 118 to 119, BOLT 50 to 55, CORP unmoved; INDX stands still
    low, high = (1 / 118 + 0.1) / 2, (1 / 103 + 0) / 2
    assert [group["value"] for group in first["groups"]] == pytest.approx([low, high])
    assert first["spread"]["value"] == pytest.approx(high - low)
    assert first["all"]["value"] == pytest.approx((low + high) / 2)
    # the day after: ACME 104 to 105 and 119 to 120, BOLT back to 50
    low += (1 / 119 - 1 / 11) / 2
    high += (1 / 104) / 2
    assert [group["value"] for group in second["groups"]] == pytest.approx([low, high])
    # only ACME's second report has ten sessions before it, in which ACME went from 108 to 119
    before = sum(1 / close for close in range(108, 119))
    assert record["curves"][0]["mean"][10] == pytest.approx(before)
    assert record["curves"][1]["mean"][10] is None


def test_a_stock_stands_still_in_a_session_in_which_it_does_not_trade(stocks):
    """ACME goes from 102 to 104 over a session without it, in which INDX fell; it is back then."""
    rows = (stocks.root / "data/prices/ACME.csv").read_text().splitlines(keepends=True)
    (halted,) = [row for row in rows if row.startswith("2025-06-04")]
    stocks.edit("data/prices/ACME.csv", halted, "")
    halt = "day,action,amount,until,name,source\n2025-06-04,halted,,2025-06-04,,made up\n"
    stocks.write("data/actions/ACME.csv", halt)
    stocks.edit("data/prices/INDX.csv", "2025-06-04,51.00", "2025-06-04,40.80")
    result = study(stocks, windows=((-1, 0), (0, 50)))
    first = next(row for row in rows_of(result) if row["symbol"] == "ACME")
    assert float(first["[-1,0]"]) == pytest.approx(104 / 102 - 1 + 0.20 - 0.25)
    assert first["[0,+50]"] == ""  # nothing is known after the last row


def test_what_comes_to_all_stocks_at_once_is_not_held_against_their_mean(stocks):
    rows = "published_at,precision,headline,release,happens_on,source_url\n"
    rows += "2025-06-04T08:00:00-04:00,exact,A made-up day,CPI,2025-06-11,https://example.org\n"
    stocks.write("data/events/macro_dates.csv", rows)
    terms = request(benchmark=None)
    with pytest.raises(UsageError, match="macro_date comes to all stocks at once"):
        prepare_many_study(stocks.workspace, replace(terms, name="macro_date"))
    against = replace(terms, name="macro_date", benchmark="INDX")
    assert run_many_study(prepare_many_study(stocks.workspace, against)).record["told"] == 3


def test_without_a_benchmark_the_mean_of_the_stocks_is_taken_off(stocks):
    result = study(stocks, benchmark=None)
    mean = (1 / 103 + 0.1 + 0) / 3
    (bolt,) = [row for row in rows_of(result) if row["symbol"] == "BOLT"]
    assert float(bolt["[0,0]"]) == pytest.approx(0.1 - mean)
    assert result.record["against"] == "the mean of the stocks, each of equal weight"


def test_symbols_are_held_against_spy_where_it_is_there(stocks):
    index = (stocks.root / "data/prices/INDX.csv").read_text(encoding="utf-8")
    stocks.write("data/prices/SPY.csv", index)
    by_default, named = study(stocks, benchmark=None), study(stocks, benchmark="INDX")
    assert by_default.record["against"] == "SPY"
    windows = ("[0,0]", "[0,+1]")
    assert [[row[w] for w in windows] for row in rows_of(by_default)] == [
        [row[w] for w in windows] for row in rows_of(named)
    ]


def test_without_a_field_the_expected_signs_are_the_groups(stocks):
    record = study(stocks).record
    assert record["groups"] == ["fall expected", "rise expected"]
    # ACME's second report is a miss; BOLT's in line: nothing is expected of it
    fall, rise = (group["value"] for group in record["rows"][0]["groups"])
    assert fall == pytest.approx(1 / 118)
    assert rise == pytest.approx((1 / 103 + 0) / 2)
    assert record["without_value"] == 1


def test_the_stocks_dates_and_quarters_are_those_of_so_many_observations(stocks):
    # Of one nothing is expected, and 15 sessions after ACME's second report no price is left.
    found = many_sentences(study(stocks, windows=((0, 15),)).record)
    assert found[0][1].startswith("2 of 4 observations of 3 stocks on 3 dates in 1 quarter. ")


def test_a_field_is_named_by_its_end_where_one_alone_has_it(stocks):
    assert study(stocks, by="surprise").record["by"] == "eps_surprise"
    with pytest.raises(UsageError, match="revenue_surprise: it is known of no event of earnings"):
        study(stocks, by="revenue_surprise")
    with pytest.raises(UsageError, match="eps"):
        study(stocks, by="weather")
    two = (EARNINGS + MORE).splitlines(keepends=True)
    two[0] = two[0].replace("eps_consensus", "eps_consensus,revenue,revenue_consensus")
    two[1:] = [",".join([*row.split(",")[:7], "11", "10", *row.split(",")[7:]]) for row in two[1:]]
    with_events(stocks, "".join(two))
    with pytest.raises(UsageError, match="can be eps_surprise or revenue_surprise: name the one"):
        study(stocks, by="surprise")


def test_stocks_with_closes_alone_are_studied_and_not_traded(stocks):
    of_universe = study(stocks, symbols=(), universe="three", benchmark=None).record
    assert of_universe["symbols"] == list(STOCKS)
    assert not any("closes alone" in text for text in of_universe["assumptions"])
    own = StudyRequest("beats", universe="three")
    traded = run_many_study(prepare_many_study(stocks.workspace, own)).record
    assert traded["symbols"] == ["ACME", "CORP"]
    assert "1 of 3 members have closes alone: BOLT." in traded["assumptions"]
    with pytest.raises(UsageError, match="BOLT has closes alone"):
        prepare_many_study(stocks.workspace, StudyRequest("beats", STOCKS))


def test_what_a_strategy_may_have_seen_is_told_as_not_tested(stocks):
    source = (stocks.workspace.strategies / "beats.py").read_text()
    late = source.replace("(Earnings,)\n", "(Earnings,)\n    decides = 'close'\n")
    stocks.write("strategies/beats.py", late.replace("long(event,", "long(event, enter='close',"))
    asked = StudyRequest("beats", universe="three", windows=((0, 1),))
    record = run_many_study(prepare_many_study(stocks.workspace, asked)).record
    told = dict(many_sentences(record))
    assert late != source
    assert "the first whose close comes later" in told["Day 0"]
    assert "day 0 ends with the first price that could be traded; a window" in told["Day 0"]
    assert "past that the strategy may have decided on, and not tested" in told["Found"]
    assert "too few to tell" not in told["Found"]


def test_a_study_that_stands_whole_is_read_and_another_is_made_anew(stocks):
    result = study(stocks)
    finished = result.record["finished_at"]
    prepared = prepare_many_study(stocks.workspace, request())
    assert prepared.exists
    assert run_many_study(prepared).record["finished_at"] == finished
    again = study(stocks, force=True)
    assert again.path == result.path
    assert again.record["finished_at"] > finished
    assert again.record["rows"] == result.record["rows"]
    (result.path / "cars.csv").unlink()
    assert not prepared.exists


@pytest.mark.parametrize(
    "changes",
    [{"by": "surprise"}, {"windows": ((0, 1),)}, {"reaction": 60.0}, {"symbols": ("ACME", "CORP")}],
    ids=str,
)
def test_whatever_decides_the_result_decides_the_id(stocks, changes):
    usual = prepare_many_study(stocks.workspace, request())
    assert prepare_many_study(stocks.workspace, request(**changes)).path != usual.path


def test_several_symbols_are_one_study(stocks, command):
    out = command("study", "earnings", "--symbol", "ACME", "--symbol", "BOLT").out
    assert out.startswith("earnings · ACME, BOLT")
    assert "BOLT" in (next((stocks.root / "reports").glob("study-*/cars.csv"))).read_text()


def test_a_field_for_one_stock_is_refused(stocks, command):
    outcome = command("study", "earnings", "--symbol", "ACME", "--by", "surprise")
    fails(outcome, 2, ["by sorts the events of many stocks"], stocks, stocks.snapshot())


def test_a_quarter_of_the_year_is_a_season(stocks):
    """The reports of June are of one season; one of July is of another."""
    later = MORE.replace("2025-06-10T08", "2025-07-02T08")
    with_events(stocks, EARNINGS + later)
    assert study(stocks).record["seasons"] == 2


@pytest.mark.parametrize(
    ("reason", "plain"),
    [
        ("known by the week alone, never traded", "known by the week alone"),
        ("not in the session: halted", "not in the session"),
        ("no close", "no close"),
    ],
)
def test_reasons_are_counted_without_what_is_particular(reason, plain):
    assert _plain(reason) == plain


def test_groups_are_named_by_their_ends():
    values = np.array([0.1, 0.15, 0.2, 0.25, 0.4, np.nan])
    group = np.array([0, 0, 1, 1, 3, -1])
    assert _group_names("eps_surprise", values, group, 4) == [
        "up to +15.0 %", "+20.0 % to +25.0 %", "none", "from +40.0 %",
    ]  # fmt: skip


def test_what_may_be_a_number_is_a_field_to_sort_by():
    found = _numbers(Earnings)
    assert {"eps", "eps_surprise", "revenue"} <= found
    assert not {"period", "headline", "symbol"} & found


def test_one_direction_alone_is_no_group(stocks):
    with_events(stocks, "".join((EARNINGS + MORE).splitlines(keepends=True)[:2]))
    record = study(stocks).record
    assert (record["groups"], record["without_value"]) == ([], 0)
    (curve,) = record["curves"]
    assert (curve["name"], len(curve["mean"])) == ("all events", 31)
    assert record["days"] == list(range(-10, 21))
    assert record["rows"][0]["spread"] is None


def test_without_any_event_there_is_nothing_to_study(stocks):
    with_events(stocks, EARNINGS.splitlines(keepends=True)[0])
    with pytest.raises(UsageError, match="There is no event of earnings on these stocks"):
        study(stocks)


def test_two_directions_without_a_third_are_two_groups(stocks):
    with_events(stocks, EARNINGS)
    assert study(stocks).record["groups"] == ["fall expected", "rise expected"]


def test_by_default_the_drift_is_told_apart_from_the_days_round_the_event(stocks):
    rows = study(stocks, windows=()).record["rows"]
    assert [row["window"] for row in rows] == [
        "[0,+10]", "[+1,+10]", "[-1,-1]", "[0,0]", "[0,+1]",
    ]  # fmt: skip


def test_the_three_most_frequent_reasons_are_told_where_nothing_can_be_studied(stocks):
    days = (("2025-05-01", "date"), ("2025-06-10", "week"), ("2025-06-10", "month"))
    days += (("2025-07-20", "date"),) * 2
    rows = "".join(
        f"ACME,{day}T23:59:59-04:00,{precision},Report {n},Jane Bear,short_seller,,made up\n"
        for n, (day, precision) in enumerate(days)
    )
    ordered = "".join(sorted(rows.splitlines(keepends=True), key=lambda row: row.split(",")[1]))
    head = "symbol,published_at,precision,headline,author,author_type,target_price,note\n"
    stocks.write("data/events/short_reports.csv", head + ordered)
    asked = StudyRequest("short_report", STOCKS, benchmark="INDX")
    with pytest.raises(UsageError, match="No event of short_report can be studied: 2 ") as told:
        prepare_many_study(stocks.workspace, asked)
    assert str(told.value).count("; 1 ") == 2
