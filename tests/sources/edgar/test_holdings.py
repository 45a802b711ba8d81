"""Which papers of 13F tables a stock is, and which splits lie between two of its counts."""

from datetime import date
from math import exp

import pytest

from backtest.data.actions import Action, Actions
from backtest.sources.holdings import (
    Count,
    Holding,
    ShareSplit,
    _abbreviates,
    _class,
    _core,
    _split_between,
    in_dollars,
    in_shares_of,
    listed_papers,
    nearest_papers,
    papers_of,
    same_company,
    splits_of,
)

OWN = "004800101"


def paper(issuer="ACME CORP", cusip=OWN, title="COM"):
    return Holding(issuer, title, cusip, 1.0, 1)


@pytest.mark.parametrize(
    ("value", "close", "said"),
    [
        (500_000, 100.0, False),  # 50 dollars a share, half of the close
        (499_900, 100.0, True),
        (500_000, 25.0, False),  # twice the close
        (500_100, 25.0, True),
    ],
)
def test_a_value_fits_a_close_from_half_to_twice(value, close, said):
    assert bool(in_dollars(value, 10_000, date(2023, 2, 14), close)[1]) is said


def test_what_is_divided_is_said_to_be():
    amount, remark = in_dollars(1_000_000, 10_000, date(2022, 11, 14), 100.0)
    assert amount == pytest.approx(1_000_000)
    assert remark.endswith("the close was 100.00: taken divided by 1000.")


# Which papers


@pytest.mark.parametrize(
    ("issuer", "cusip", "title", "is_taken"),
    [
        ("ZENITH INC", "004800200", "COM", True),  # of the number of the issuer, six characters
        ("ZENITH INC", "004801200", "COM", False),
        ("ACME CORP NEW", "999999200", "COM", True),  # of its name
        ("ZENITH INC", "004800200", "CL B", False),  # another class
    ],
)
def test_a_paper_of_the_issuer_s_number_or_name_is_the_stock_too(issuer, cusip, title, is_taken):
    tables = [[paper()], [paper(issuer, cusip, title)]]
    assert papers_of(tables, ["ACME CORP"], cusips=[OWN]) == [OWN, cusip][: 1 + is_taken]


def test_a_paper_that_stands_beside_the_stock_in_any_table_is_another():
    other = paper("ZENITH INC", "004800200")
    for tables in ([[paper()], [paper(), other]], [[paper(), other], [other]]):
        assert papers_of(tables, ["ACME CORP"]) == [OWN]


def test_a_cusip_on_file_counts_where_a_line_has_it_or_the_name():
    gone = "999999999"
    assert papers_of([[paper()]], ["ACME CORP"], on_file=[gone]) == [OWN, gone]
    assert papers_of([[paper("ZENITH INC")]], ["ACME CORP"], on_file=[gone]) == []
    assert papers_of([[paper("ZENITH INC")]], ["ACME CORP"], on_file=[OWN]) == [OWN]
    assert papers_of([[paper("ZENITH INC")]], ["ACME CORP"], cusips=[gone]) == [gone]


def test_an_abbreviated_name_counts_only_where_none_is_written_out():
    short = paper("GENERAL ELEC CO", "111111111")
    assert papers_of([[short]], ["Nothing Inc", "General Electric Co"]) == ["111111111"]
    whole = paper("GENERAL ELECTRIC CO", "222222222")
    assert papers_of([[short, whole]], ["General Electric Co"]) == ["222222222"]


def test_no_more_than_ten_papers_are_listed():
    papers = [paper(cusip=f"{n:09}") for n in range(11)]
    assert listed_papers(papers).count("--cusip") == 10
    assert "000000009" in listed_papers(papers)


def test_papers_are_near_whose_letters_are_two_fifths_the_same():
    """Of `abcde` and `abfgh` two letters of five are the same in each: 4 ÷ 10."""
    near, far, same_one = paper("abfgh", "1"), paper("abfghi", "2"), paper("abcde", "3")
    assert nearest_papers([[far, near]], ["abcde"], 3) == [near]
    assert nearest_papers([[near], [same_one]], ["zzzzz", "abcde"], 3) == [same_one, near]
    assert nearest_papers([[near], [same_one]], ["abcde"], 1) == [same_one]


@pytest.mark.parametrize(
    ("title", "found"),
    [("COM", set()), ("CAP STK CL A", {"cl", "a"}), ("Class A Ord 1", {"cl", "a"}),
     ("SHS NEW", set())],
)  # fmt: skip
def test_the_class_of_a_paper_is_what_is_no_common_stock(title, found):
    assert _class(title) == found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ALPHABETIC BETA GAMMADE IN", "alphabetic beta gammade"),  # 26 characters: cut off
        ("ALPHABETIC BETA GAMMAD IN", "alphabetic beta gammad in"),
        ("ALPHABETIC BETA GAMMADELTA", "alphabetic beta gammadelta"),
        ("ACME PLC IRELAND", "acme"),
        ("ACME PLC NEW IRELAND", "acme"),
        ("ACME PLC GREEN ISLAND", "acme green island"),  # two words are no country
        ("U S STEEL CORP", "us steel"),
        ("BANK OF ACME AND CO", "bank acme"),
        ("THE NEW CO", "the new co"),
        ("CO ACME", "acme"),  # what begins a name is not its form
    ],
)
def test_the_words_of_a_name_that_matter(name, words):
    assert _core(name) == words.split()


@pytest.mark.parametrize(
    ("short", "word", "does"),
    [
        ("co", "company", True), ("c", "company", False), ("company", "company", False),
        ("mfg", "manufacturing", True), ("mgf", "manufacturing", False),
        ("pptys", "properties", True), ("ompany", "company", False), ("cx", "company", False),
    ],
)  # fmt: skip
def test_an_abbreviation_begins_the_same_and_keeps_the_order(short, word, does):
    assert _abbreviates(short, word) is does


def test_one_word_at_least_is_written_out():
    assert same_company("ACME ELECTRIC", "ACME ELEC")
    assert not same_company("ACME ELECTRIC", "ACM ELEC")
    assert not same_company("ACME ELECTRIC", "ACME")
    assert same_company("JP MORGAN", "JPMORGAN")
    for one, other in (("ACME MFG", "ACME MANUFACTURING"), ("ACME MANUFACTURING", "ACME MFG")):
        assert same_company(one, other)


# Splits between two counts

DAY, NEXT = date(2024, 3, 31), date(2024, 6, 30)
ONE = frozenset({OWN})


def count(shares, value, day=DAY, cusips=ONE):
    return Count(day, shares, value, cusips)


def between(before, after):
    found = _split_between(before, after)
    return found if found is None else found.ratio or "unknown"


RATIOS = (2, 3, 7, 100, 1 / 2, 1 / 3, 1 / 100, 3 / 2, 2 / 3, 4 / 3, 3 / 4, 5 / 4, 4 / 5, 5 / 2)


@pytest.mark.parametrize("ratio", [*RATIOS, 2 / 5])
def test_shares_and_price_that_change_by_a_ratio_of_splits_show_one(ratio):
    shares = round(600_000 * ratio)
    assert between(count(600_000, 6e7), count(shares, 6e7, NEXT)) == pytest.approx(ratio)


@pytest.mark.parametrize("shares", [2_333, 3_500, 286])
def test_another_ratio_may_be_a_split_with_trades(shares):
    assert between(count(1_000, 6e7), count(shares, 6e7, NEXT)) == "unknown"


def test_more_than_a_hundred_for_one_or_one_for_more_is_no_ratio_of_splits():
    for before, after in ((1_000, 101_000), (101_000, 1_000)):
        assert between(count(before, 6e7), count(after, 6e7, NEXT)) == "unknown"


def test_a_count_is_of_a_ratio_where_it_is_off_by_less_than_a_share():
    assert between(count(1_001, 6e7), count(500, 6e7, NEXT)) == 0.5  # 500.5
    assert between(count(1_001, 6e7), count(2_001, 6e7, NEXT)) == "unknown"
    assert between(count(1_001, 6e7), count(2_003, 6e7, NEXT)) == "unknown"


@pytest.mark.parametrize(("shares", "ratio"), [(10, 1 / 100), (20, 1 / 50), (50, 1 / 20)])
def test_of_ratios_that_a_small_count_fits_the_nearest_is_meant(shares, ratio):
    """Of 1,000 shares 1 for 100 makes 10, and 1 for 91 makes 10.99."""
    assert between(count(1_000, 6e7), count(shares, 6e7, NEXT)) == ratio


@pytest.mark.parametrize(("off", "ratio"), [(0.138, 2.0), (-0.138, 2.0), (0.139, "unknown")])
def test_the_price_may_be_off_by_a_fifth_of_the_split_as_logarithms(off, ratio):
    """Of two for one that is a fifth of 0.6931, or 0.1386."""
    assert between(count(1_000, 1e6), count(2_000, 1e6 * exp(off), NEXT)) == ratio


def test_below_a_thousand_dollars_a_value_tells_no_price():
    assert between(count(100, 1_000.0), count(200, 1_000.0, NEXT)) == 2.0
    assert between(count(100, 999.9), count(200, 1_000.0, NEXT)) is None
    assert between(count(100, 1_000.0), count(200, 999.9, NEXT)) is None
    assert between(count(0, 5_000.0), count(200, 5_000.0, NEXT)) is None
    assert between(count(100, 5_000.0), count(0, 5_000.0, NEXT)) is None


@pytest.mark.parametrize(
    ("shares", "value", "cusips", "found"),
    [
        (1_000, 151_000, {"other"}, "unknown"),  # the price rose by more than half
        (1_000, 150_000, {"other"}, None),
        (1_000, 66_000, {"other"}, "unknown"),
        (1_000, 151_000, {OWN, "other"}, None),  # but under the same CUSIP
        (1_800, 100_000, {OWN}, "unknown"),  # 1.8 times as many of the same worth
        (1_799, 100_000, {OWN}, None),
        (3_500, 199_000, {OWN}, "unknown"),  # the worth no more than doubled
        (3_500, 201_000, {OWN}, None),
        (286, 51_000, {OWN}, "unknown"),  # nor halved
        (286, 49_000, {OWN}, None),
    ],
)
def test_a_split_may_hide_behind_a_large_move(shares, value, cusips, found):
    """The count before is of 1,000 shares at 100 dollars."""
    after = count(shares, value, NEXT, frozenset(cusips))
    assert between(count(1_000, 100_000), after) == found


@pytest.mark.parametrize(
    ("day", "found"),
    [(DAY, 2), (date(2024, 4, 1), 1), (NEXT, 1), (date(2024, 7, 1), 2)],
)
def test_counts_show_a_split_only_where_none_between_them_is_on_file(day, found):
    rows = (Action(date(2020, 1, 2), "split", 3.0), Action(day, "split", 2.0))
    counts = [count(1_000, 1e6), count(2_000, 1e6, NEXT)]
    splits = splits_of(Actions("ACME", rows), counts)
    assert len(splits) == found + 1
    assert splits[0] == ShareSplit(
        date(2020, 1, 1), date(2020, 1, 2), 3.0, "by the actions on file"
    )


FIRST, LATER = date(2024, 4, 10), date(2024, 4, 20)


@pytest.mark.parametrize(
    ("counted", "day", "shares"),
    [
        (FIRST, LATER, 200), (LATER, FIRST, 50),  # the split is after the one, by the other
        (date(2024, 4, 1), date(2024, 5, 1), 200),
        (LATER, date(2024, 5, 1), 100), (date(2024, 4, 1), FIRST, 100), (FIRST, FIRST, 100),
        (date(2024, 4, 11), LATER, None), (FIRST, date(2024, 4, 19), None),  # within its days
        (date(2024, 4, 15), date(2024, 4, 15), None),
    ],
)  # fmt: skip
def test_a_count_is_compared_in_the_shares_of_a_day(counted, day, shares):
    splits = [ShareSplit(FIRST, LATER, 2.0, "made up")]
    assert in_shares_of(day, 100, counted, splits) == shares


def test_a_split_on_file_is_of_the_night_before_its_day():
    day, before = date(2024, 6, 10), date(2024, 6, 9)
    splits = splits_of(Actions("ACME", (Action(day, "split", 10.0),)), [])
    assert in_shares_of(day, 100, before, splits) == 1_000
    assert in_shares_of(before, 100, day, splits) == 10
    assert in_shares_of(date(2024, 6, 8), 100, before, splits) == 100


def test_a_count_across_an_unknown_ratio_is_unknown_and_shares_are_whole():
    unknown = ShareSplit(FIRST, LATER, None, "made up")
    assert in_shares_of(LATER, 100, FIRST, [unknown]) is None
    half = ShareSplit(FIRST, LATER, 0.5, "made up")
    assert in_shares_of(LATER, 7, FIRST, [half, half]) == 2  # 1.75
