"""Actions at their bounds: the first and last day that counts, and the amounts that are allowed."""

from dataclasses import replace
from datetime import date

import pytest

from backtest.data.actions import (
    Action,
    Actions,
    basis_of,
    basis_sentences,
    in_new_shares,
    sha256_of_actions,
)
from tests.data.test_actions import AS_TRADED, PAID, applied, fault, parse, prices_on
from tests.made_up import day, ids, news, stake


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (Action(day("2025-06-03"), "dividend", 0.25), "dividend 2025-06-03 0.25"),
        (Action(day("2025-06-03"), "delisted", 0.0), "delisted 2025-06-03 0"),
        (
            Action(day("2025-06-03"), "halted", until=day("2025-06-04")),
            "halted 2025-06-03 until 2025-06-04",
        ),
        (Action(day("2025-06-03"), "renamed", name="OLDC"), "renamed 2025-06-03 OLDC"),
    ],
)
def test_an_action_is_told_by_what_it_has(action, text):
    assert str(action) == text


@pytest.mark.parametrize(
    ("adjust", "text"),
    [
        ("none: as traded", "as traded"),
        ("splits", "adjusted for splits as of 2025-06-13"),
        ("splits, as of 2025-06-10; not dividends", "adjusted for splits as of 2025-06-10"),
        (
            "splits and dividends, as of 2025-06-10",
            "adjusted for splits and dividends as of 2025-06-10",
        ),
        (None, "of an adjust mode that is not on record"),
        ("as it came", "of an adjust mode that is not on record"),
    ],
)
def test_a_basis_is_told_with_its_day(adjust, text):
    assert str(basis_of({"adjust": adjust, "last": "2025-06-13"})) == text


def test_what_had_happened_by_a_day_is_with_that_day():
    rows = parse(*PAID)
    assert len(rows.up_to(date(2025, 6, 10)).rows) == 4
    assert len(rows.up_to(date(2025, 6, 9)).rows) == 3


def test_a_halt_that_was_over_is_known_whole():
    rows = parse("2025-06-03,halted,,2025-06-04,,made up").up_to(date(2025, 6, 9)).rows
    assert [row.until for row in rows] == [date(2025, 6, 4)]


def test_a_halt_counts_where_it_reaches_into_the_span():
    halt = ["2025-06-03,halted,,2025-06-05,,made up"]
    assert applied(halt, AS_TRADED, first="2025-06-05") == [("2025-06-03", "halted", None)]
    assert applied(halt, AS_TRADED, first="2025-06-06") == []


def test_an_action_counts_on_the_last_session_and_not_after_it():
    paid = ["2025-06-11,dividend,0.3,,,made up"]
    assert len(applied(paid, AS_TRADED, last="2025-06-11")) == 1
    assert applied(paid, AS_TRADED, last="2025-06-10") == []


def test_an_end_before_the_first_price_does_not_count():
    end = ["2025-06-03,delisted,,,,made up"]
    assert applied(end, AS_TRADED, first="2025-06-04") == []


def test_another_name_changes_no_position():
    rows = ["2025-06-03,renamed,,,OLDC,made up", "2025-06-03,cusip,,,123456789,made up"]
    assert applied(rows, AS_TRADED) == []
    assert applied(rows, None) == []


@pytest.mark.parametrize(("as_of", "left"), [("2025-06-10", 0), ("2025-06-09", 1)])
def test_a_split_on_the_day_of_the_basis_is_in_the_prices(as_of, left):
    split = ["2025-06-10,split,3,,,made up"]
    assert len(applied(split, f"splits, as of {as_of}")) == left


@pytest.mark.parametrize(
    ("row", "amount"),
    [
        ("2025-06-03,delisted,0,,,x", 0.0),
        ("2025-06-03,delisted,0.5,,,x", 0.5),
        ("2025-06-03,delisted,,,,x", None),
        ("2025-06-03,cash_merger,0,,,x", 0.0),
        ("2025-06-03,dividend,0.01,,,x", 0.01),
        ("2025-06-03,dividend,1,,,x", 1.0),
        ("2025-06-03,split,2,,,x", 2.0),
        ("2025-06-03,split,0.1,,,x", 0.1),
    ],
)
def test_amounts_that_are_allowed(row, amount):
    (found,) = parse(row).rows
    assert found.amount == amount


@pytest.mark.parametrize(
    "row",
    [
        "2025-06-03,dividend,0,,,x",
        "2025-06-03,split,0,,,x",
        "2025-06-03,delisted,-0.5,,,x",
        "2025-06-03,delisted,soon,,,x",
        "2025-06-03,cash_merger,inf,,,x",
        "2025-06-03,dividend,inf,,,x",
        "2025-06-03,dividend,much,,,x",
        "2025-06-03,renamed,1,,OLDC,x",
        "2025-06-03,renamed,soon,,OLDC,x",
    ],
)
def test_amounts_that_are_not_allowed(row):
    assert "column amount: " in fault(row)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2025-06-03,halted,,2025-06-07,,x", "column until: 2025-06-07 is not a session"),
        ("2025-06-07,halted,,2025-06-09,,x", "column day: 2025-06-07 is not a session"),
        ("2025-06-07,split,2,,,x", "column day: 2025-06-07 is not a session"),
        ("2025-06-03,delisted,,2025-06-04,,x", "column until: 2025-06-04 is the last session"),
        ("2025-06-03,halted,,soon,,x", "column until: 'soon' is not a day such as 2025-03-28, nor"),
        ("2025-06-03,halted,,,OLDC,x", "column name: 'OLDC' beside halted; leave it empty"),
        ("2025-06-03,renamed,,,,x", "column name: '' is not the former ticker"),
    ],
)
def test_days_and_names_that_are_not_allowed(row, words):
    assert words in fault(row)


def test_a_halt_may_last_one_session_and_names_and_ends_may_be_of_any_day():
    one = parse("2025-06-03,halted,,2025-06-03,,x").rows[0]
    assert (one.day, one.until) == (date(2025, 6, 3), date(2025, 6, 3))
    saturday = ("2025-06-07,renamed,,,OLDC,x", "2025-06-07,cusip,,,12345678A,x")
    assert len(parse(*saturday, "2025-06-14,delisted,,,,x").rows) == 3


def test_nothing_else_happens_on_the_day_of_an_end():
    told = fault("2025-06-03,delisted,0,,,x", "2025-06-03,dividend,1,,,x")
    assert "a dividend on 2025-06-03, after the stock was delisted on 2025-06-03" in told
    told = fault("2025-06-03,delisted,0,,,x", "2025-06-05,cash_merger,1,,,x")
    assert told.count("after the stock was") == 1
    assert len(parse("2025-06-02,dividend,1,,,x", "2025-06-03,delisted,0,,,x").rows) == 2


def test_the_hash_is_of_what_actions_do_and_not_of_their_source():
    halt = Action(day("2025-06-03"), "halted", until=day("2025-06-04"), source="one")
    others = [
        replace(halt, until=day("2025-06-05")), replace(halt, until=None),
        replace(halt, day=day("2025-06-02")), replace(halt, name="OLDC"),
        replace(halt, amount=1.0), replace(halt, action="delisted"),
    ]  # fmt: skip
    hashes = {sha256_of_actions([one]) for one in (halt, *others)}
    assert len(hashes) == 7
    assert sha256_of_actions([replace(halt, source="another")]) in hashes


# Stakes in new shares. ACME splits 4:1 on 5 June.

SPLIT = {"ACME": Actions("ACME", (Action(day("2025-06-05"), "split", 4.0),))}


def counts(*stakes, of=SPLIT):
    """The counts before, as disclosed on day by day at noon."""
    return [one.previous_shares for one in in_new_shares(stakes, of)]


def disclosed(on, as_of, shares, previous=None, **changes):
    at = f"{on}T12:00:00-04:00"
    return stake(at, as_of=as_of, shares=shares, previous_shares=previous, **changes)


FIRST = disclosed("2025-06-04", "2025-06-03", 100)


@pytest.mark.parametrize(
    ("later", "count"),
    [
        (disclosed("2025-06-06", "2025-06-05", 400, 100), 400),  # as of the day of the split
        (disclosed("2025-06-06", "2025-06-04", 400, 100), 100),  # and of the day before
        (disclosed("2025-06-06", None, 400, 100), 100),
        (disclosed("2025-06-06", "2025-06-05", 400), None),
        (disclosed("2025-06-06", "2025-06-05", 400, 100, symbol="BETA"), 100),
        (disclosed("2025-06-04", "2025-06-03", 400, 100), 100),  # of the same moment as the first
    ],
)
def test_a_count_is_renewed_for_splits_between_the_days_of_both_disclosures(later, count):
    assert counts(FIRST, later) == [None, count]


def test_a_count_as_of_the_day_of_a_split_is_in_new_shares_already():
    first = disclosed("2025-06-06", "2025-06-05", 100)
    later = disclosed("2025-06-12", "2025-06-11", 100, 100)
    assert counts(first, later) == [None, 100]


def test_a_disclosure_of_the_same_moment_is_not_an_earlier_one():
    twin = disclosed("2025-06-12", "2025-06-03", 100, headline="Another")
    later = disclosed("2025-06-12", "2025-06-11", 400, 100)
    assert counts(twin, later) == [None, 100]


def test_a_disclosure_of_an_unknown_day_is_no_beginning():
    later = disclosed("2025-06-12", "2025-06-11", 400, 100)
    assert counts(disclosed("2025-06-04", None, 100), later) == [None, 100]
    assert counts(disclosed("2025-06-04", None, 100), FIRST, later) == [None, None, 400]


def test_the_latest_of_several_disclosures_of_a_count_is_the_beginning():
    again = disclosed("2025-06-10", "2025-06-09", 100)
    assert counts(FIRST, again, disclosed("2025-06-12", "2025-06-11", 100, 100))[-1] == 100


def test_a_count_that_an_older_disclosure_had_too_is_in_new_shares_already():
    many, sold = (
        disclosed("2025-06-02", "2025-05-30", 400),
        disclosed("2025-06-04", "2025-06-03", 100),
    )
    kept = disclosed(
        "2025-06-12", "2025-06-11", 400, 400
    )  # 100 of before 4:1, as a fetch writes it
    assert counts(many, sold, kept) == [None, None, 400]
    unknown = disclosed("2025-06-05", "2025-06-04", None)
    bare = disclosed("2025-06-12", "2025-06-11", 400, 100)  # the last count that is known
    assert counts(many, sold, unknown, bare) == [None, None, None, 400]


def test_several_splits_are_multiplied_and_other_actions_are_not():
    rows = (
        Action(day("2025-06-05"), "split", 4.0),
        Action(day("2025-06-06"), "dividend", 3.0),
        Action(day("2025-06-09"), "split", 0.5),
    )
    later = disclosed("2025-06-12", "2025-06-11", 200, 100)
    assert counts(FIRST, later, of={"ACME": Actions("ACME", rows)}) == [None, 200]


def test_stakes_in_a_stock_that_has_no_split_are_not_compared():
    class Uncompared:
        __hash__ = None

        def __eq__(self, other):
            raise AssertionError

    stakes = [FIRST.model_copy(update={"holder": Uncompared()}) for _ in range(2)]
    assert counts(*stakes, of={"ACME": Actions("ACME")}) == [None, None]


def test_other_events_stay_as_they_are_and_in_their_order():
    events = [news(), FIRST, news("2025-06-05T12:00:00-04:00")]
    assert ids(in_new_shares(events, SPLIT)) == ids(events)


# What a run says


def test_an_end_on_file_is_not_missed():
    ended = replace(prices_on(AS_TRADED, last="2025-06-06"), actions=parse(
        "2025-06-03,dividend,1,,,x", "2025-06-09,delisted,2,,,x"
    ))  # fmt: skip
    other = replace(prices_on(AS_TRADED), symbol="BOLT")
    (sentence,) = basis_sentences({"ACME": ended, "BOLT": other}, None)
    assert sentence.endswith("Applied: 1 dividend, 1 delisting.")


def test_a_benchmark_that_is_traded_is_named_once():
    prices = prices_on(AS_TRADED)
    assert basis_sentences({"ACME": prices}, prices) == [
        "Prices: ACME as traded. Applied: nothing."
    ]


def test_a_stock_with_one_dividend_on_file_lacks_none():
    paid = replace(
        prices_on(AS_TRADED), actions=parse("2025-06-03,dividend,1,,,x", "2025-06-05,split,2,,,x")
    )
    fund = replace(prices_on("splits and dividends"), symbol="FUND")
    assert len(basis_sentences({"ACME": paid}, fund)) == 1
    split = replace(prices_on(AS_TRADED), actions=parse("2025-06-05,split,2,,,x"))
    assert len(basis_sentences({"ACME": split}, fund)) == 2
    assert len(basis_sentences({"ACME": replace(fund, symbol="ACME")}, fund)) == 1
