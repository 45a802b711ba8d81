"""The checks of prices, actions and rows at their bounds: at a limit, and just beyond it."""

from dataclasses import replace

import pytest

from backtest.data.actions import Action, Actions
from backtest.data.calendar import trading_calendar
from backtest.data.checks import (
    _check_against_prices,
    check_actions,
    check_data,
    check_doubles,
    check_gap,
    check_on_file,
    check_prices,
    check_record,
    check_symbols,
    check_table,
)
from backtest.data.event_checks import FiledEvent
from backtest.data.scheduled import Delisting, Dividend, Split
from tests.data.bars_by_hand import DAYS, flat, made
from tests.made_up import day, news


def action(on, name, amount=None, until=None):
    return Action(day(on), name, amount, until and day(until))


def told(findings):
    return [(one.severity, one.what) for one in findings]


def row(event):
    return FiledEvent("made", event.published_at.isoformat(), event)


# Rows among each other


@pytest.mark.parametrize(
    ("sources", "missing"),
    [
        (("https://example.org/1", None), False),
        ((None, "https://example.org/2"), False),
        ((None, None), True),
    ],
)
def test_one_source_of_two_is_enough(sources, missing):
    event = news(source_url=sources[0], source_url_2=sources[1])
    assert [one.severity for one in check_record(row(event), None)] == ["note"] * missing


@pytest.mark.parametrize(
    ("compiled_on", "is_late"), [("2025-06-03", True), ("2025-06-04", False), (None, False)]
)
def test_a_file_may_hold_what_came_on_the_day_it_was_compiled(compiled_on, is_late):
    event = news("2025-06-04T16:05:00-04:00", source_url="https://example.org/1")
    found = told(check_record(row(event), compiled_on))
    assert [severity for severity, _ in found] == ["warning"] * is_late


def at(clock, headline, **changes):
    return row(news(f"2025-06-04T{clock}:00-04:00", headline=headline, **changes))


@pytest.mark.parametrize(
    ("one", "other", "repeats"),
    [
        ("abcde", "abcdX", True),  # four letters of five are four fifths
        ("abcde", "abcXX", False),
        ("abcde", "ABCDE", True),
    ],
)
def test_headlines_that_share_four_fifths_are_alike(one, other, repeats):
    found = told(check_doubles([at("10:00", one), at("11:00", other)]))
    assert [severity for severity, _ in found] == ["warning"] * repeats


def test_a_row_repeats_one_of_its_own_symbol_and_day():
    first, last = at("10:00", "abcde"), at("12:00", "abcde")
    other = at("11:00", "abcde", symbol="BETA")
    later = row(news("2025-06-05T10:00:00-04:00", headline="abcde"))
    (found,) = check_doubles([first, other, later, last])
    assert found.what == f"Repeats {first.event.id} of the same day: abcde"


def test_the_first_row_of_each_symbol_without_prices_is_told():
    rows = [at("10:00", "one", symbol="ZZZ"), at("11:00", "two", symbol="ACMO"),
            at("12:00", "three", symbol="ACMO"), at("13:00", "four")]  # fmt: skip
    found = list(check_symbols(rows, ["ACXX", "ACME"]))
    assert [one.what for one in found] == [
        "ACMO has no prices; did you mean ACME?", "ZZZ has no prices",
    ]  # fmt: skip
    assert rows[1].event.id in found[0].where
    assert "`backtest prices import FILE --symbol ZZZ`" in found[1].mend


# A stamp in the morning. Gaps are in 64ths of the close, 128; of the sessions before they are one.

LAST = day("2025-06-30")


def gaps(count, *own):
    """Prices with so many sessions of a small gap, up or down, and the gaps that follow."""
    opens = [256.0, *(126.0 if n % 2 else 130.0 for n in range(count))]
    opens += [128 + 2 * gap for gap in own]
    calendar = trading_calendar()
    days = [str(calendar.after(LAST, n - count - 1)) for n in range(len(opens))]
    return made([[one, 300, 50, 128, 10] for one in opens], days=days)


def morning(prices, clock="08:00", on=LAST):
    return len(list(check_gap(row(news(f"{on}T{clock}:00-04:00")), prices)))


@pytest.mark.parametrize(
    ("own", "following", "is_told"),
    [
        (1.49, 4.0, 1),
        (1.5, 4.0, 0),  # not below 1.5 medians
        (-1.49, -4.0, 1),
        (-1.5, 4.0, 0),
        (1.49, 3.99, 0),  # below 4 medians
        (0.0, 5.0, 1),
    ],
)
def test_a_quiet_open_before_an_extraordinary_one_is_told(own, following, is_told):
    assert morning(gaps(30, own, following)) == is_told


def test_a_split_that_is_not_in_the_prices_is_no_extraordinary_open():
    prices, on = gaps(30, 0.0, -32.0), trading_calendar().after(LAST, 1)  # at half of 128
    as_traded = replace(prices.file, metadata={"adjust": "none"})
    split = Actions("ACME", (Action(on, "split", 2.0),))
    assert morning(replace(prices, file=as_traded)) == 1
    assert morning(replace(prices, file=as_traded, actions=split)) == 0


def test_an_event_of_a_session_without_a_row_is_not_held_against_the_opens_after_it():
    prices = gaps(30, 0.0, 0.0, 5.0)
    assert morning(prices) == 0
    halted = replace(prices, table=prices.table.drop(prices.table.index[-3]))
    assert morning(halted) == 0


@pytest.mark.parametrize(("sessions", "is_told"), [(20, 1), (19, 0)])
def test_what_is_ordinary_takes_twenty_sessions(sessions, is_told):
    # The first session has no close before it, and so no gap.
    assert morning(gaps(sessions, 0.0, 5.0)) == is_told


def test_what_is_ordinary_is_of_the_sixty_sessions_before():
    calm = gaps(60, 0.0, 5.0)
    assert morning(calm) == 1
    wild = calm.table.copy()
    wild.iloc[1:31, 0] = 192.0  # half of the sixty: the median is far above one
    assert morning(replace(calm, table=wild)) == 0
    longer = gaps(90, 0.0, 5.0)
    table = longer.table.copy()
    table.iloc[1:31, 0] = 192.0  # before the sixty
    assert morning(replace(longer, table=table)) == 1
    table.iloc[31:61, 0] = 192.0
    assert morning(replace(longer, table=table)) == 0


def test_of_sixty_sessions_the_one_before_does_not_count():
    # With as many of each, the median lies between: 2 and 1 make 1.5, of which 4 are 6.
    prices = gaps(62, 0.0, 6.0)
    table = prices.table.copy()
    table.iloc[3:33, 0] = 132.0
    assert morning(replace(prices, table=table)) == 1
    table.iloc[2, 0] = 132.0  # 61 before: it would tip the median to 2
    assert morning(replace(prices, table=table)) == 1


def test_only_what_is_stamped_before_an_open_with_a_session_after_it_is_judged():
    prices = gaps(30, 0.0, 5.0)
    assert morning(prices, "09:29") == 1
    assert morning(prices, "09:30") == 0
    assert morning(prices, on=day("2025-06-28")) == 0  # a Saturday
    assert morning(prices.span(None, LAST)) == 0
    closes = replace(prices, table=prices.table[["close"]])
    assert morning(closes) == 0


# What was announced


def announced(kind, **terms):
    base = {
        "symbol": "ACME", "published_at": "2025-06-01T12:00:00Z", "precision": "exact",
        "headline": "Made up",
    }  # fmt: skip
    return row(kind(**base, **terms))


def missing(event, *actions):
    found = list(check_on_file(event, made(flat(10, 10, 10, 10), actions)))
    return [one.mend for one in found]


@pytest.mark.parametrize(
    ("on", "is_told"),
    [
        ("2025-06-02", 0),  # the first session: nothing was held before it
        ("2025-06-03", 1),
        ("2025-06-05", 1),
        ("2025-06-06", 0),
    ],
)
def test_a_dividend_and_a_split_are_missed_after_the_first_price_up_to_the_last(on, is_told):
    assert len(missing(announced(Dividend, ex_on=on, amount=0.5))) == is_told
    assert len(missing(announced(Split, ex_on=on, ratio=2))) == is_told


@pytest.mark.parametrize("on", ["2025-06-02", "2025-06-05", "2025-07-01"])
def test_a_delisting_is_missed_whenever_it_is(on):
    (mend,) = missing(announced(Delisting, delists_on=on))
    assert f"`backtest actions add ACME delisted {on} --source" in mend
    assert missing(announced(Delisting, delists_on=on), action(on, "delisted")) == []
    assert missing(announced(Delisting, delists_on=on), action(on, "cash_merger", 5.0)) == []


@pytest.mark.parametrize(
    ("filed", "is_told"),
    [
        (action("2025-06-04", "dividend", 0.5), 0),
        (action("2025-06-04", "dividend", 0.50049), 0),  # within a thousandth
        (action("2025-06-04", "dividend", 0.5006), 1),
        (action("2025-06-03", "dividend", 0.5), 1),
        (action("2025-06-04", "split", 0.5), 1),
    ],
)
def test_an_amount_is_met_within_a_thousandth(filed, is_told):
    mends = missing(announced(Dividend, ex_on="2025-06-04", amount=0.5), filed)
    assert len(mends) == is_told
    assert all("ACME dividend 2025-06-04 0.5 --source" in mend for mend in mends)


def test_a_dividend_of_an_unknown_amount_is_met_by_any():
    event = announced(Dividend, ex_on="2025-06-04")
    assert missing(event, action("2025-06-04", "dividend", 0.7)) == []
    (mend,) = missing(event)
    assert "`backtest actions add ACME dividend 2025-06-04 --source" in mend


def test_a_split_is_met_by_its_ratio():
    event = announced(Split, ex_on="2025-06-04", ratio=2)
    assert missing(event, action("2025-06-04", "split", 2.0)) == []
    (mend,) = missing(event, action("2025-06-04", "split", 3.0))
    assert "ACME split 2025-06-04 2 --source" in mend


def test_of_several_actions_of_a_day_one_that_fits_is_enough():
    event = announced(Delisting, delists_on="2025-06-04")
    both = (action("2025-06-04", "dividend", 1.0), action("2025-06-04", "delisted", 0.0))
    assert missing(event, *both) == []
    assert missing(row(news())) == []


# Prices


@pytest.mark.parametrize(
    ("close", "is_told"), [(159.9, False), (160.1, True), (40.0, False), (39.9, True)]
)
def test_a_move_of_more_than_three_fifths_is_noted(close, is_told):
    # From 100: 60 % up or down is the limit. Bars that open at the close before are no split.
    rows = [[100, 100, 100, 100, 10], [100, 200, 30, close, 10]]
    found = told(check_table(made(rows, days=DAYS[:2]), "made"))
    change = f"{close - 100:+.0f}"
    text = f"2025-06-03 closes {change} % from the close before"
    assert found == ([("note", text)] if is_told else [])


@pytest.mark.parametrize(("volume", "is_told"), [(0.0, True), (1.0, False)])
def test_a_session_without_volume_is_noted(volume, is_told):
    rows = [*flat(10), [10, 11, 9, 10, volume]]
    found = told(check_table(made(rows, days=DAYS[:2]), "made"))
    assert found == ([("note", "No volume on 2025-06-03")] if is_told else [])


def test_of_closes_alone_no_volume_is_missed():
    assert told(check_table(made([10, 11], days=DAYS[:2]), "made")) == []


def test_holes_are_noted():
    prices = made(flat(10, 10), days=(DAYS[0], DAYS[2]), holes=["2025-06-03"])
    assert told(check_table(prices, "made")) == [
        ("note", "No row on 2025-06-03: left out as holes")
    ]


# Actions that prices contradict


def contradicted(*actions, rows=None, **terms):
    return told(_check_against_prices(made(rows or flat(10, 10, 10, 10), actions, **terms), "made"))


@pytest.mark.parametrize(
    ("filed", "what"),
    [
        (action("2025-06-04", "dividend", 2.5), None),  # a quarter of 10
        (action("2025-06-04", "dividend", 2.51), "dividend of 2.51 on 2025-06-04, where the last"),
        (action("2025-06-06", "cash_merger", 12.5), None),
        (action("2025-06-06", "cash_merger", 12.51), "cash_merger of 12.51 on 2025-06-06"),
        (action("2025-06-06", "cash_merger", 7.49), "cash_merger of 7.49 on 2025-06-06"),
        (action("2025-06-06", "delisted", 0.0), None),  # nothing is paid: all is lost
        (action("2025-06-06", "delisted"), None),
        (action("2025-06-02", "dividend", 9.0), None),  # no close before it
    ],
)
def test_what_is_paid_is_held_against_the_close_before(filed, what):
    found = contradicted(filed)
    assert [severity for severity, _ in found] == ["warning"] * bool(what)
    assert all(text.startswith(what) for _, text in found)


def test_the_close_before_is_the_last_one_before_the_day():
    rows = flat(10, 20, 40, 30)
    found = contradicted(action("2025-06-05", "dividend", 10.5), rows=rows)
    assert found[0][1].endswith("where the last close is 40")


@pytest.mark.parametrize(
    ("on", "is_told"), [("2025-06-05", True), ("2025-06-06", False), ("2025-06-04", True)]
)
def test_prices_from_the_day_of_an_end_on_are_told(on, is_told):
    found = contradicted(action(on, "delisted"))
    text = f"delisted on {on}, with prices until 2025-06-05"
    assert found == ([("warning", text)] if is_told else [])


@pytest.mark.parametrize(
    ("first", "until", "days"),
    [
        ("2025-06-03", "2025-06-04", "2025-06-03, 2025-06-04"),
        ("2025-06-03", None, "2025-06-03"),
        ("2025-06-05", "2025-06-06", "2025-06-05"),
    ],
)
def test_volume_from_the_first_to_the_last_day_of_a_halt_is_told(first, until, days):
    found = contradicted(action(first, "halted", until=until))
    assert found == [("warning", f"Halted from {first}, with volume on {days}")]


def test_a_halt_without_volume_or_of_closes_alone_contradicts_nothing():
    halt = action("2025-06-03", "halted")
    rows = flat(10, 10, 10, 10)
    rows[1][4] = 0.0
    assert contradicted(halt, rows=rows) == []
    rows[1][4] = 1.0
    assert len(contradicted(halt, rows=rows)) == 1
    assert contradicted(halt, rows=[10, 10, 10, 10]) == []


def test_a_split_that_prices_do_not_show_is_an_error_and_a_dividend_of_the_day_is_not():
    rows = [action("2025-06-04", "split", 2.0), action("2025-06-04", "dividend", 0.1)]
    assert contradicted(*rows) == [
        ("error", "The split of 2025-06-04 and the prices of that day disagree")
    ]
    assert contradicted(*rows, rows=flat(20, 20, 10, 10)) == []
    assert contradicted(rows[1], rows=flat(20, 20, 10, 10)) == []


def test_actions_that_cannot_be_applied_are_one_error():
    found = list(_check_against_prices(made(
        flat(10, 10, 10, 10), [action("2025-06-04", "dividend", 1.0)], adjust="of a kind"
    ), "made"))  # fmt: skip
    assert [one.severity for one in found] == ["error"]
    assert found[0].what.startswith("ACME: whether its prices are adjusted for the dividend of")
    assert found[0].mend.startswith("Say it with `backtest prices seal ACME --adjust 'none'`")


# Files of a folder


def test_actions_are_checked_of_some_symbols_or_of_all(checkout):
    head = "day,action,amount,until,name,source\n"
    checkout.write("data/actions/ACME.csv", head + "2025-06-03,spinoff,,,,x\n", sealed=False)
    checkout.write("data/actions/BETA.csv", head + "2025-06-03,delisted,,,,x\n")
    assert {one.where for one in check_actions(checkout.workspace)} == {"data/actions/ACME.csv"}
    assert check_actions(checkout.workspace, ["BETA"]) == []
    assert check_actions(checkout.workspace, ["GONE"]) == []


def test_actions_that_cannot_be_read_are_no_fault_of_the_prices(checkout):
    head = "day,action,amount,until,name,source\n"
    checkout.write("data/actions/ACME.csv", head + "2025-06-03,spinoff,,,,x\n")
    (found,) = (
        one for one in check_prices(checkout.workspace, ["ACME"]) if one.severity == "error"
    )
    assert (found.where, found.mend) == (
        "data/actions/ACME.csv", "Correct the file, then `backtest actions seal ACME`.",
    )  # fmt: skip
    errors = [
        one for one in check_data(checkout.workspace, (), ["ACME"]) if one.severity == "error"
    ]
    assert errors == [found]


def test_prices_that_were_changed_are_found_beside_actions_that_cannot_be_read(checkout):
    head = "day,action,amount,until,name,source\n"
    checkout.write("data/actions/ACME.csv", head + "2025-06-03,spinoff,,,,x\n")
    checkout.edit(
        "data/prices/ACME.csv", "101.00,103.00,99.00", "101.00,104.00,99.00", sealed=False
    )
    errors = [
        one.what for one in check_prices(checkout.workspace) if one.where.endswith("ACME.csv")
    ]
    assert len(errors) == 2
    assert errors[1].startswith("ACME.csv changed since its metadata were written")


def test_prices_that_cannot_be_read_are_told_once_whatever_lies_beside_them(checkout):
    head = "day,action,amount,until,name,source\n"
    checkout.write("data/actions/ACME.csv", head + "2025-06-10,dividend,1,,,x\n")
    checkout.edit("data/prices/ACME.csv", "101.00,103.00,99.00", "101.00,93.00,99.00")
    assert check_actions(checkout.workspace) == []
    found = check_prices(checkout.workspace, ["ACME"])
    assert {one.where for one in found} == {"data/prices/ACME.csv"}
    assert found[0].mend == "Correct the file, then `backtest prices seal ACME`."


def test_a_file_that_cannot_be_opened_is_to_be_restored(checkout):
    (checkout.root / "data/prices/ACME.csv").write_text("")
    (found,) = [
        one for one in check_prices(checkout.workspace, ["ACME"]) if "borrow" not in one.where
    ]
    assert (found.what, found.mend) == (
        "is empty. It needs a header line and one line a row.", "Restore the file.",
    )  # fmt: skip


def test_borrow_rates_of_a_stock_with_closes_alone_are_not_missed(checkout):
    assert check_prices(checkout.workspace, ["INDX"]) == []
