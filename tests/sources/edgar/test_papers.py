"""Which papers are the stock, and in which shares: CUSIPs change, and stocks split."""

from datetime import date
from pathlib import Path

import pytest

from backtest.data.actions import Action, Actions
from backtest.data.datafile import DataFile
from backtest.data.prices import parse_prices
from backtest.errors import UsageError
from backtest.sources.holdings import Holding, papers_of
from backtest.sources.stakes import close_as_traded
from tests.edgar_site import ACME, quarterly
from tests.sources.edgar.test_stakes import COUNTS, OTHER, Q1, Q2, acme, cells

GE_OLD, GE_NEW = "369604103", "369604301"
BEFORE, AFTER = "2021-06-30", "2021-09-30"


def paper(shares, value, cusip, name="ACME CORP", title="COM"):
    return (name, value, shares, {"cusip": cusip, "title": title})


def reverse_split(site, old=None, new=None):
    """A million shares at 13.13 and 13.46 dollars, then an eighth of them at 103.04; thousands."""
    first = paper(1_000_000, 13130, GE_OLD)
    quarterly(site, "2021-05-14 12:00:00", "2021-03-31", [first, OTHER])
    quarterly(site, "2021-08-13 12:00:00", BEFORE, [old or paper(1_000_000, 13460, GE_OLD)])
    quarterly(
        site, "2021-11-12 12:00:00", AFTER, [new or paper(125_000, 12880, GE_NEW, "ACME CORP NEW")]
    )


def priced(adjust, *rows):
    known = {"adjust": adjust, "first": rows[0][:10], "last": rows[-1][:10]}
    text = "\n".join(["date,close", *rows]) + "\n"
    return parse_prices(DataFile(Path("made/ACME.csv"), text, "", known))


def test_a_close_of_more_than_a_week_before_does_not_count():
    prices = priced("none: as traded", "2025-03-24,50")
    assert close_as_traded(prices, Actions("ACME"), date(2025, 3, 23)) is None
    assert close_as_traded(prices, Actions("ACME"), date(2025, 3, 30)) == 50.0
    assert close_as_traded(prices, Actions("ACME"), date(2025, 3, 31)) is None


def test_a_stock_stays_itself_under_another_cusip_and_after_a_split(site, fetch):
    reverse_split(site)
    expected = [
        ("13F-HR", "2021-03-31", "1000000", "", "true"),
        ("13F-HR", BEFORE, "1000000", "1000000", "false"),
        ("13F-HR", AFTER, "125000", "125000", "false"),
    ]
    for cusips in ((), (GE_OLD,), (GE_NEW,)):
        fetched = fetch(cusips=cusips)
        assert cells(fetched, *COUNTS) == expected
    assert fetched.rows[2]["note"] == (
        "1,000,000 shares of 2021-06-30 are 125,000 of 2021-09-30, as the reports show: 1,000,000 "
        "shares at 13.46, then 125,000 at 103.04."
    )
    assert any(f"CUSIP {GE_NEW}: 1 line in 3 reports" in remark for remark in fetched.remarks)


def test_a_split_on_file_counts_whatever_was_traded_beside_it(site, fetch):
    reverse_split(site, new=paper(150_000, 15456, GE_NEW))
    split = Action(date(2021, 8, 2), "split", 0.125)
    (_, _, row) = fetch(actions=[split]).rows
    assert (row["shares"], row["previous_shares"]) == ("150000", "125000")
    assert row["note"].endswith("are 125,000 of 2021-09-30, by the actions on file.")


def test_a_split_that_nobody_tells_leaves_the_count_before_unknown(site, fetch):
    reverse_split(site, new=paper(150_000, 15456, GE_NEW))
    (*_, row) = fetch().rows
    assert (row["shares"], row["previous_shares"], row["first_filing"]) == ("150000", "", "false")
    assert "a split may lie between, and is not on file" in row["note"]


def test_a_cusip_on_file_leads_to_a_paper_of_another_name(site, fetch):
    reverse_split(site, new=paper(125_000, 12880, "000000AB1", "ZENITH HOLDINGS"))
    assert cells(fetch(), "shares") == [("1000000",), ("1000000",), ("0",)]
    told = [
        Action(date(2021, 8, 2), "cusip", name="000000AB1"),
        Action(date(2021, 8, 2), "split", 0.125),
    ]
    for cusips in ((), (GE_OLD,)):
        fetched = fetch(cusips=cusips, actions=told)
        assert cells(fetched, "shares", "previous_shares")[2] == ("125000", "125000")


@pytest.mark.parametrize(
    ("shares", "value", "previous"),
    [
        (1_000_000, 123_540_000, "1000000"),  # 10 for 1: 903.56 and 123.54 dollars
        (100_000, 45_000_000, "100000"),  # the price halved
        (200_000, 160_000_000, "100000"),  # twice as many, at 800 dollars
        (300_000, 271_068_000, "100000"),  # three times as many, at the same price
        (100_000, 90_000, "100000"),  # in thousands, which no price tells
        (1_050_000, 129_717_000, ""),  # ten for one and some bought, or a fall and ten times
    ],
)
def test_a_split_is_taken_where_shares_and_price_tell_of_it(site, fetch, shares, value, previous):
    quarterly(site, "2024-05-15 12:00:00", "2024-03-31", [acme(100_000, 90_356_000)])
    quarterly(site, "2024-08-14 12:00:00", "2024-06-30", [acme(shares, value)])
    assert cells(fetch(), "previous_shares")[1] == (previous,)


def test_a_late_report_is_compared_in_its_own_shares(site, fetch):
    split = Action(date(2024, 6, 10), "split", 10.0)
    quarterly(site, "2024-08-14 12:00:00", "2024-06-30", [acme(1_000_000)])
    quarterly(site, "2024-08-20 12:00:00", "2024-03-31", [acme(90_000)])
    assert cells(fetch(actions=[split]), "previous_shares") == [("",), ("100000",)]


def test_a_name_that_is_only_like_it_is_no_other_cusip(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [paper(10, 1, GE_OLD, "ACME ELECTRIC CO")])
    quarterly(site, "2025-08-14 16:00:00", Q2, [paper(20, 1, "111111111", "ACME ELECTRONICS CO")])
    assert cells(fetch(cusips=[GE_OLD]), "shares") == [("10",), ("0",)]


def test_two_classes_side_by_side_are_two_stocks(site, fetch):
    lines = [paper(10, 1, "02079K107", title="CAP STK CL C"), paper(20, 1, "02079K305")]
    quarterly(site, "2025-05-15 16:00:00", Q1, lines)
    with pytest.raises(UsageError, match="several papers of that name"):
        fetch()
    assert cells(fetch(cusips=["02079K305"]), "shares") == [("20",)]
    assert cells(fetch(cusips=["02079K305", "02079K107"]), "shares") == [("30",)]


def test_where_no_price_is_known_the_unit_is_said_to_be_unseen(site, fetch):
    quarterly(site, "2021-05-14 12:00:00", "2021-03-31", [acme(100, 5)])
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100, 5000)])
    quarterly(site, "2025-08-14 16:00:00", Q2, [acme(100, 5000)])
    fetched = fetch(close=lambda day: 50.0 if day == date(2025, 6, 30) else None)
    unseen = "No price tells whether the value is in dollars, as it should be, or in thousands."
    assert [row["note"] for row in fetched.rows] == ["", unseen, ""]
    assert f"{unseen} Days without a price: 2025-03-31." in fetched.remarks


def test_closes_are_in_dollars_of_their_day():
    rows = ["2024-06-06,120.91", "2024-06-07,120.888", "2024-06-10,121.79"]
    actions = Actions("ACME", (Action(date(2024, 6, 10), "split", 10.0),))
    for adjust, before in (("splits, as of 2026-10-09", 1208.88), ("none: as traded", 120.888)):
        prices = priced(adjust, *rows)
        assert close_as_traded(prices, actions, date(2024, 6, 7)) == pytest.approx(before)
        assert close_as_traded(prices, actions, date(2024, 6, 9)) == pytest.approx(before)
        assert close_as_traded(prices, actions, date(2024, 6, 10)) == 121.79


def test_of_a_company_of_several_tickers_the_class_is_to_be_seen(site, fetch):
    """A holder of one class alone has no second paper, beside which it would be asked about."""
    quarterly(site, "2025-05-15 16:00:00", Q1, [paper(100, 100, GE_NEW, title="CAP STK CL C")])
    (told,) = fetch(close=lambda day: 1.0).remarks
    site.tickers["ACMEC"] = ACME
    assert fetch(close=lambda day: 1.0).remarks == [
        told,
        (
            "EDGAR lists ACME, ACMEC of ACME CORP: see that these papers are ACME, or name its "
            "own with --cusip."
        ),
    ]
    assert len(fetch(close=lambda day: 1.0, cusips=(GE_NEW,)).remarks) == 1


def test_a_stock_that_no_table_has_is_told(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [OTHER])
    fetched = fetch()
    assert fetched.remarks[0] == (
        "1 report on Form 13F, and no line of ACME CORP. If one should be there, name the paper "
        "with --cusip."
    )
    quarterly(site, "2025-08-14 16:00:00", Q2, [("ACM LTD", 1, 7)])
    assert cells(fetch(cusips=["00000A100"]), "shares") == [("7",)]


def test_a_paper_that_no_report_has_is_told_without_a_name(site, fetch):
    quarterly(site, "2025-05-15 16:00:00", Q1, [OTHER])
    assert fetch(cusips=("000000AB1",)).remarks[0] == "CUSIP 000000AB1: 0 lines in 1 report."


def test_papers_that_one_table_has_side_by_side_are_two_whatever_other_tables_have():
    both = ("004800101", "004800200")
    first, second = (Holding("ACME CORP", "COM", cusip, 1.0, 1) for cusip in both)
    assert papers_of([[first], [second]], ["ACME CORP"]) == [*both]
    with pytest.raises(UsageError, match="several papers of that name"):
        papers_of([[first], [first, second]], ["ACME CORP"])


@pytest.mark.parametrize(("filed", "is_said"), [("2023-01-02", False), ("2023-01-03", True)])
def test_the_unit_is_unseen_from_the_day_on_that_tables_are_in_dollars(site, fetch, filed, is_said):
    quarterly(site, f"{filed} 16:00:00", "2022-12-31", [acme(100, 5000)])
    (row,) = fetch().rows
    assert row["note"].startswith("No price tells") is is_said


def test_a_split_is_told_with_what_was_fetched_where_it_lies_between(site, fetch):
    """A split of the day that the count before is of is in it, and one of the day after comes."""
    quarterly(site, "2025-05-15 16:00:00", Q1, [acme(100, 100)])
    quarterly(site, "2025-08-14 16:00:00", Q2, [acme(200, 200)])
    days = (date(2025, 3, 31), date(2025, 6, 10), date(2025, 7, 1))
    splits = [Action(day, "split", 2.0) for day in days]
    fetched = fetch(actions=splits, close=lambda day: 1.0)
    told = "100 shares of 2025-03-31 are 200 of 2025-06-30, by the actions on file."
    assert fetched.rows[1]["note"] == told
    assert fetched.remarks[-1].endswith(f": {told}")
    assert cells(fetched, "previous_shares") == [("",), ("200",)]
