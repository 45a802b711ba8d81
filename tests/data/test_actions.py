"""What happens to a share, as it is on file and as prices of each basis take it."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from shutil import rmtree

import pytest

from backtest.data.actions import Action, basis_sentences, parse_actions, read_actions
from backtest.data.datafile import DataFile
from backtest.data.inputs import read_inputs
from backtest.data.kinds import FILED_KINDS
from backtest.data.prices import jumps_of, parse_prices, read_prices, refuse_jumps
from backtest.data.versions import seal
from backtest.errors import DataError
from tests.made_up import day

HEADER = "day,action,amount,until,name,source"
BARS = "date,open,high,low,close,volume"
AS_TRADED = "none: as traded"

# ACME pays 1.00, splits 2:1, pays 0.80 for each of the new shares, splits 3:1 and pays 0.30.
PAID = (
    "2025-06-03,dividend,1,,,made up",
    "2025-06-05,dividend,0.8,,,made up",
    "2025-06-05,split,2,,,made up",
    "2025-06-10,split,3,,,made up",
    "2025-06-11,dividend,0.3,,,made up",
)


def parse(*rows):
    return parse_actions(DataFile(Path("made/ACME.csv"), "\n".join([HEADER, *rows]) + "\n", "", {}))


def fault(*rows):
    with pytest.raises(DataError) as caught:
        parse(*rows)
    return str(caught.value)


def prices_on(adjust, first="2025-06-02", last="2025-06-13"):
    days = [f"2025-06-{n:02}" for n in (2, 3, 4, 5, 6, 9, 10, 11, 12, 13)]
    rows = [f"{one},10,10,10,10,1000" for one in days if first <= one <= last]
    file = DataFile(
        Path("made/ACME.csv"),
        "\n".join([BARS, *rows]) + "\n",
        "",
        {"adjust": adjust, "first": rows[0][:10], "last": rows[-1][:10]},
    )
    return parse_prices(file)


def applied(rows, adjust, **span):
    found = parse(*rows).applied(prices_on(adjust, **span))
    return [(str(one.day), one.action, one.amount) for one in found]


def test_rows_are_ordered_by_day_and_a_split_comes_before_the_dividend_of_its_day():
    assert [(str(row.day), row.action) for row in parse(*reversed(PAID)).rows] == [
        ("2025-06-03", "dividend"),
        ("2025-06-05", "split"),
        ("2025-06-05", "dividend"),
        ("2025-06-10", "split"),
        ("2025-06-11", "dividend"),
    ]


def test_prices_as_traded_meet_every_action():
    assert applied(PAID, AS_TRADED) == [
        ("2025-06-03", "dividend", 1.0),
        ("2025-06-05", "split", 2.0),
        ("2025-06-05", "dividend", 0.8),
        ("2025-06-10", "split", 3.0),
        ("2025-06-11", "dividend", 0.3),
    ]


def test_prices_adjusted_for_splits_meet_dividends_of_their_own_shares():
    # One share of 3 June is six of 13 June, and one of 5 June is three.
    assert applied(PAID, "splits, as of 2025-06-13; not dividends") == [
        ("2025-06-03", "dividend", pytest.approx(1 / 6)),
        ("2025-06-05", "dividend", pytest.approx(0.8 / 3)),
        ("2025-06-11", "dividend", 0.3),
    ]


def test_a_split_after_the_day_of_the_basis_is_met_as_it_happens():
    assert applied(PAID, "splits, as of 2025-06-09; not dividends") == [
        ("2025-06-03", "dividend", 0.5),
        ("2025-06-05", "dividend", 0.8),
        ("2025-06-10", "split", 3.0),
        ("2025-06-11", "dividend", 0.3),
    ]


def test_a_basis_without_a_day_is_as_of_the_last_row():
    assert [one[1] for one in applied(PAID, "splits")] == ["dividend"] * 3
    assert [one[1] for one in applied(PAID, "splits", last="2025-06-09")] == ["dividend"] * 2


def test_prices_adjusted_for_dividends_never_meet_one():
    assert applied(PAID, "splits and dividends, as of June 2025") == []


def test_an_unknown_basis_is_refused_where_it_would_matter():
    with pytest.raises(DataError, match=r"dividend of 2025-06-03 .* seal ACME --adjust 'none'"):
        applied(PAID, None)
    assert applied(["2025-06-16,delisted,,,,made up"], None) == [("2025-06-16", "delisted", None)]


def test_what_lies_outside_of_the_span_is_not_met_but_an_end_after_the_last_price_is():
    rows = (*PAID, "2025-06-20,cash_merger,12.5,,,made up")
    assert applied(rows, AS_TRADED, first="2025-06-11") == [
        ("2025-06-11", "dividend", 0.3),
        ("2025-06-20", "cash_merger", 12.5),
    ]
    cut = prices_on(AS_TRADED).span(None, date(2025, 6, 3))
    assert [one.action for one in parse(*rows).applied(cut)] == ["dividend"]


def test_what_was_known_by_a_day_does_not_tell_when_a_halt_ends():
    rows = parse("2025-06-03,halted,,2025-06-10,,made up", "2025-06-12,delisted,,,,made up")
    assert rows.up_to(date(2025, 6, 5)).rows == (
        Action(date(2025, 6, 3), "halted", None, date(2025, 6, 5), "", "made up"),
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2025-06-03,spinoff,,,,x", "column action: 'spinoff' is not one of split, dividend"),
        ("3 June,split,2,,,x", "column day: '3 June' is not a day"),
        ("2025-06-07,dividend,1,,,x", "column day: 2025-06-07 is not a session of XNYS"),
        ("2025-06-03,dividend,,,,x", "column amount: '' is not dollars a share above 0"),
        ("2025-06-03,dividend,-1,,,x", "column amount: '-1' is not dollars a share above 0"),
        ("2025-06-03,split,1,,,x", "column amount: '1' is not new shares for one old share"),
        ("2025-06-03,split,nan,,,x", "column amount: 'nan' is not new shares"),
        ("2025-06-03,cash_merger,,,,x", "column amount: '' is not dollars a share from 0 up"),
        ("2025-06-03,halted,1,,,x", "column amount: '1' is not empty beside halted"),
        ("2025-06-03,halted,,2025-06-02,,x", "column until: 2025-06-02 is the last session of"),
        ("2025-06-03,renamed,,,old co,x", "column name: 'old co' is not the former ticker"),
        ("2025-06-03,cusip,,,123,x", "column name: '123' is not a CUSIP of nine characters"),
        ("2025-06-03,split,2,,OLD,x", "column name: 'OLD' beside split; leave it empty"),
        ("2025-06-03,split,2,,,", "column source: is empty"),
    ],
)
def test_every_fault_is_named(row, words):
    assert words in fault(row)


def test_a_second_row_of_a_day_and_rows_after_the_end_are_faults():
    twice = fault("2025-06-03,dividend,1,,,x", "2025-06-03,dividend,2,,,x")
    assert "line 3: a second dividend of 2025-06-03; add the two up" in twice
    same = fault("2025-06-03,dividend,1,,,x", "2025-06-03,dividend,1,,,y")
    assert "a second dividend of 2025-06-03; take one of them out" in same
    late = fault("2025-06-03,delisted,0,,,x", "2025-06-04,dividend,1,,,x")
    assert "a dividend on 2025-06-04, after the stock was delisted on 2025-06-03" in late


def test_a_symbol_without_a_file_has_no_actions(checkout):
    found = read_actions(checkout.root / "data/actions", "ACME")
    assert (found.rows, found.file) == ((), None)


# Prices beside their actions


def test_a_session_of_a_halt_needs_no_row_and_a_bar_without_trade_is_a_halt(checkout):
    checkout.write("data/actions/HALT.csv", f"{HEADER}\n2025-06-03,halted,,2025-06-04,,made up\n")
    rows = ["2025-06-02,9,9,9,9,10", "2025-06-05,9,9,9,9,0", "2025-06-06,8,9,8,9,10"]
    checkout.write("data/prices/HALT.csv", "\n".join([BARS, *rows]) + "\n")
    prices = read_prices(checkout.root / "data/prices", "HALT")
    assert prices.halted == {date(2025, 6, 3), date(2025, 6, 4), date(2025, 6, 5)}


def test_bars_of_a_file_without_any_volume_are_no_halts(checkout):
    rows = ["2025-06-02,9,9,9,9,0", "2025-06-03,9,9,9,9,0"]
    checkout.write("data/prices/HALT.csv", "\n".join([BARS, *rows]) + "\n")
    assert not read_prices(checkout.root / "data/prices", "HALT").halted


def inputs_of(checkout, symbol="ACME", as_of=None):
    return read_inputs(checkout.root / "data", [symbol], "INDX", (None, None), FILED_KINDS, as_of)


def test_a_run_rests_on_the_actions_of_its_span_alone(checkout):
    plain = inputs_of(checkout).hashes(FILED_KINDS)
    path = "data/actions/ACME.csv"
    early = "2024-06-03,dividend,1,,,x\n2025-06-03,renamed,,,OLDC,x\n"
    checkout.write(path, f"{HEADER}\n{early}")
    assert inputs_of(checkout).hashes(FILED_KINDS) == plain
    checkout.write(path, f"{HEADER}\n{early}2025-06-04,halted,,,,x\n")
    found = inputs_of(checkout)
    assert found.hashes(FILED_KINDS).keys() - plain.keys() == {"actions/ACME"}
    assert found.versions(checkout.root / "data")["actions/ACME.csv"] == 1 + 1


def test_a_stock_has_the_prices_and_events_of_its_former_ticker(checkout):
    acme = inputs_of(checkout)
    text = (checkout.root / "data/prices/ACME.csv").read_text().splitlines(keepends=True)
    begin = next(n for n, line in enumerate(text) if line.startswith("2025-06-13"))
    checkout.write("data/prices/NEWC.csv", "".join([text[0], *text[begin:]]))
    checkout.write("data/prices/ACME.csv", "".join(text[:begin]))
    checkout.write("data/actions/NEWC.csv", f"{HEADER}\n2025-06-13,renamed,,,ACME,made up\n")
    found = inputs_of(checkout, "NEWC")
    assert found.history["NEWC"].table.equals(acme.history["ACME"].table)
    assert "prices/ACME.csv" in found.versions(checkout.root / "data")
    until = day("2025-06-13")
    heard = [one for one in found.events if one.symbol == "NEWC"]
    assert heard
    assert [one.headline for one in heard] == [
        one.headline
        for one in acme.events
        if one.symbol == "ACME" and one.published_at.date() < until
    ]


@pytest.fixture
def renamed(checkout):
    """NEWC was ACME until 12 June; no file has an older version, which would stand in."""
    text = (checkout.root / "data/prices/ACME.csv").read_text().splitlines(keepends=True)
    begin = next(n for n, line in enumerate(text) if line.startswith("2025-06-13"))
    checkout.write("data/prices/NEWC.csv", "".join([text[0], *text[begin:]]))
    rmtree(checkout.root / "data/prices/.history/ACME")
    (checkout.root / "data/prices/ACME.meta.json").unlink()
    checkout.write("data/prices/ACME.csv", "".join(text[:begin]))
    checkout.write("data/actions/NEWC.csv", f"{HEADER}\n2025-06-13,renamed,,,ACME,made up\n")
    return checkout


def test_as_of_a_day_before_the_rename_a_stock_has_what_there_was_under_its_former_ticker(renamed):
    last = day("2025-06-12")
    found = inputs_of(renamed, "NEWC", as_of=last)
    heard = [one.headline for one in found.events if one.symbol == "NEWC"]
    assert heard
    assert heard == [one.headline for one in inputs_of(renamed, "NEWC").events
                     if one.symbol == "NEWC"]  # fmt: skip
    assert found.history["NEWC"].last == last


def test_as_of_a_day_before_the_rename_a_member_under_the_former_ticker_keeps_its_events(renamed):
    members = "symbol,first,last\nACME,,2025-06-12\nNEWC,2025-06-13,\n"
    renamed.write("data/universes/mine/members.csv", members)
    found = read_inputs(
        renamed.root / "data", (), "INDX", (None, None), FILED_KINDS, day("2025-06-12"),
        universe="mine",
    )  # fmt: skip
    assert list(found.span) == ["ACME"]
    assert {one.symbol for one in found.events} == {"ACME"}


# One basis

DAYS = ("2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05")


def closes_of(rows, closes, adjust=AS_TRADED, volumes=(100,) * 4, wide=()):
    """Prices that open at the close before, or where it says so at their own, beside actions."""
    lines = []
    for day_, close, volume in zip(DAYS, closes, volumes, strict=True):
        high = 2 * close if day_ in wide else close
        lines.append(f"{day_},{close},{high},{close},{close},{volume}")
    metadata = {"adjust": adjust, "first": DAYS[0], "last": DAYS[-1]}
    text = "\n".join([BARS, *lines]) + "\n"
    return parse_prices(DataFile(Path("made/ACME.csv"), text, "", metadata), parse(*rows))


def test_returns_are_total():
    # 100, then 50 after 2:1, then 48 and 2 paid, then 48: the holder has nothing gained or lost.
    prices = closes_of(["2025-06-03,split,2,,,x", "2025-06-04,dividend,2,,,x"], (100, 50, 48, 48))
    changes = prices.returns.tolist()[1:]
    assert changes == pytest.approx([0.0, 0.0, 0.0])
    assert prices.table["close"].tolist() == [100, 50, 48, 48]


def test_a_split_and_a_dividend_of_one_day_are_in_the_return_together():
    # One share of 100 becomes two of 48, each of which is paid 2.
    prices = closes_of(["2025-06-03,split,2,,,x", "2025-06-03,dividend,2,,,x"], (100, 48, 48, 48))
    changes = prices.returns.tolist()[1:]
    assert changes == pytest.approx([0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("closes", "shares"),
    [
        ((100, 100, 50, 50), 2),
        ((100, 100, 51.9, 52), 2),  # the day has a move of its own
        ((100, 100, 66.7, 67), 1.5),
        ((2, 2, 20, 20), 0.1),
        ((100, 100, 5, 5), 20),
    ],
)
def test_an_unrecorded_split_is_seen(closes, shares):
    (jump,) = jumps_of(closes_of([], closes))
    assert (str(jump.day), jump.shares, jump.is_news) == (
        "2025-06-04",
        pytest.approx(shares),
        False,
    )
    assert jump.times == closes[2] / closes[1]


def test_a_split_on_file_explains_its_jump_and_no_other():
    split = ["2025-06-04,split,2,,,x"]
    assert jumps_of(closes_of(split, (100, 100, 50, 50))) == []
    (jump,) = jumps_of(closes_of(split, (100, 100, 50, 100)))
    assert (str(jump.day), jump.shares) == ("2025-06-05", 0.5)


def test_a_split_that_the_prices_do_not_show_is_a_jump_as_well():
    split = ["2025-06-04,split,2,,,x"]
    (jump,) = jumps_of(closes_of(split, (50, 50, 50, 50)))  # and said to be as traded
    assert (str(jump.day), jump.times, jump.shares) == ("2025-06-04", 2.0, 0.5)
    assert jumps_of(closes_of(split, (50, 50, 50, 50), "splits")) == []
    (jump,) = jumps_of(closes_of(split, (100, 100, 50, 50), "splits"))  # and the other way round
    assert (str(jump.day), jump.times) == ("2025-06-04", 0.5)


def test_moves_of_heavy_trade_or_a_wide_range_are_news_but_never_of_a_large_ratio():
    halved, tenth = (100, 100, 50, 50), (100, 100, 10, 10)
    heavy = (100, 100, 600, 100)  # in shares 6 times, in dollars 3 times as usual
    assert [one.is_news for one in jumps_of(closes_of([], halved, volumes=heavy))] == [True]
    assert [one.is_news for one in jumps_of(closes_of([], halved, wide=DAYS[2:3]))] == [True]
    light = (100, 100, 400, 100)  # twice as usual in dollars
    assert [one.is_news for one in jumps_of(closes_of([], halved, volumes=light))] == [False]
    assert [one.is_news for one in jumps_of(closes_of([], tenth, volumes=heavy))] == [False]


def test_ordinary_falls_are_no_jumps():
    assert jumps_of(closes_of([], (100, 100, 60, 60))) == []
    assert jumps_of(closes_of([], (100, 100, 72, 72))) == []


def test_a_jump_is_refused_with_its_remedy_or_accepted_and_said():
    prices = closes_of([], (100, 100, 50, 50))
    with pytest.raises(DataError) as caught:
        refuse_jumps([prices], accept=False)
    text = str(caught.value)
    assert text.startswith("ACME opens on 2025-06-04 at 0.5 times the close before, a gain or a")
    assert "`backtest actions add ACME split 2025-06-04 2 --source '…'`" in text
    assert "--accept-jumps" in text
    split = closes_of(["2025-06-04,split,2,,,x"], (50, 50, 50, 50))
    with pytest.raises(
        DataError, match=r"split of 2 for 1 is on file .* seal ACME --adjust 'none'"
    ):
        refuse_jumps([split], accept=False)
    (sentence,) = refuse_jumps([prices], accept=True)
    assert sentence.endswith("times the close before, which is taken for a move of its price.")


def test_a_run_says_what_its_prices_are_and_what_is_applied():
    flat = (100, 100, 100, 100)
    stock = closes_of(["2025-06-04,dividend,2,,,x", "2025-06-05,halted,,,,x"], flat)
    fund = replace(closes_of([], flat, "splits and dividends, as of 2025-06-30"), symbol="FUND")
    assert basis_sentences({"ACME": stock}, fund) == [
        (
            "Prices: ACME as traded; FUND (the benchmark) adjusted for splits and dividends as of "
            "2025-06-30. Applied: 1 dividend."
        ),
        "ACME did not trade in 1 session: orders waited for the next open.",
    ]
    assert basis_sentences({"ACME": stock, "OTHR": stock}, None) == [
        (
            "Prices: ACME, OTHR as traded; their mean (the benchmark) of total returns. "
            "Applied: 2 dividends."
        ),
        "ACME, OTHR did not trade in 2 sessions: orders waited for the next open.",
    ]


def test_a_price_only_stock_beside_a_benchmark_with_dividends_is_said():
    flat = (100, 100, 100, 100)
    fund = replace(closes_of([], flat, "splits and dividends, as of 2025-06-30"), symbol="FUND")
    for adjust in ("splits, as of 2025-06-30; not dividends", AS_TRADED):
        _, sentence = basis_sentences({"ACME": closes_of([], flat, adjust)}, fund)
        assert sentence == (
            "The returns of FUND have its dividends; of ACME no dividend is on file, so what was "
            "paid on them is missing."
        )
    unpaid = closes_of([], flat, "none: as traded, no split or dividend in the span")
    assert len(basis_sentences({"ACME": unpaid}, fund)) == 1
    assert len(basis_sentences({"ACME": closes_of([], flat)}, closes_of([], flat))) == 1


def test_a_dividend_on_file_explains_its_fall():
    # A third of the price is paid out: 100 becomes 66.7, with 33.3 in cash.
    paid = ["2025-06-04,dividend,33.3,,,x"]
    assert jumps_of(closes_of(paid, (100, 100, 66.7, 66.7))) == []
    assert len(jumps_of(closes_of([], (100, 100, 66.7, 66.7)))) == 1


def test_a_split_in_a_halt_explains_the_first_open_after_it():
    rows = ["2025-06-03,split,2,,,x", "2025-06-03,halted,,2025-06-04,,x"]
    assert jumps_of(closes_of(rows, (100, 100, 100, 50))) == []


STAKES = (
    "symbol,published_at,precision,headline,holder,form,as_of,shares,previous_shares,source_url"
)


def stakes(checkout, *rows):
    """The counts before of the stakes of ACME, as a run reads them; a split is on file."""
    lines = [
        f"ACME,{published}T16:30:00-04:00,minute,stake of {as_of},{holder},13F-HR,{as_of},"
        f"{now},{before},https://example.org/x"
        for published, holder, as_of, now, before in rows
    ]
    checkout.write("data/events/stake_disclosures.csv", "\n".join([STAKES, *lines]) + "\n")
    split = "2025-06-05,split,4,,,x"
    checkout.write("data/actions/ACME.csv", f"{HEADER}\n{split}\n")
    prices = checkout.root / "data/prices/ACME.csv"
    days = [line[:10] for line in prices.read_text().splitlines()[1:]]
    seal(prices, days, source=None, adjust="splits, as of 2025-07-15")
    found = inputs_of(checkout).events
    return [one.previous_shares for one in found if one.kind == "stake_disclosure"]


def test_a_stake_after_a_split_is_held_against_the_count_in_new_shares(checkout):
    first = ("2025-06-04", "Fund", "2025-06-03", 100, "")
    after = ("2025-06-12", "Fund", "2025-06-11", 400, 100)
    assert stakes(checkout, first, after) == [None, 400]  # no change
    # As of a day before the split, of another holder, or in new shares already, it stays.
    early = ("2025-06-12", "Fund", "2025-06-04", 90, 100)
    assert stakes(checkout, first, early) == [None, 100]
    assert stakes(checkout, first, ("2025-06-12", "Other", "2025-06-11", 400, 100)) == [None, 100]
    assert stakes(checkout, first, ("2025-06-12", "Fund", "2025-06-11", 400, 400)) == [None, 400]
    # Of two disclosures of this count the later one is meant, which was after the split.
    again = ("2025-06-10", "Fund", "2025-06-09", 100, 400)
    last = ("2025-06-12", "Fund", "2025-06-11", 100, 100)
    assert stakes(checkout, first, again, last) == [None, 400, 100]


@pytest.mark.parametrize(("last", "is_told"), [("2025-06-09", False), ("2025-06-06", True)])
def test_an_end_without_a_reason_is_told_from_five_sessions_on(last, is_told):
    ended, other = prices_on(AS_TRADED, last=last), replace(prices_on(AS_TRADED), symbol="BOLT")
    told = " ".join(basis_sentences({"ACME": ended, "BOLT": other}, None))
    assert ("Why the prices of ACME end is not on file" in told) == is_told


def test_the_end_of_prices_in_a_halt_is_none():
    halt = parse("2025-06-09,halted,,2025-06-13,,x")
    ended = replace(prices_on(AS_TRADED, last="2025-06-06"), actions=halt)
    other = replace(prices_on(AS_TRADED), symbol="BOLT")
    assert "is not on file" not in " ".join(basis_sentences({"ACME": ended, "BOLT": other}, None))
