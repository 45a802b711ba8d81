"""Prices at their bounds: which file holds them, halts and ends, what a share grows to, jumps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backtest.data.actions import Action
from backtest.data.prices import (
    MOST_CSV,
    _continued,
    actions_folder,
    holes_of,
    jumps_of,
    path_for,
    price_path,
    price_symbols,
    refuse_jumps,
)
from backtest.errors import DataError, UsageError
from tests.data.bars_by_hand import DAYS, flat, made
from tests.made_up import day


def action(on, name, amount=None, until=None):
    return Action(day(on), name, amount, until and day(until))


# Files


def test_new_symbols_go_into_the_dataset_from_more_than_twenty_on(tmp_path):
    assert path_for(tmp_path, "ACME") == tmp_path / "ACME.csv"
    assert path_for(tmp_path, "ACME", among=MOST_CSV) == tmp_path / "ACME.csv"
    assert path_for(tmp_path, "ACME", among=MOST_CSV + 1) == tmp_path / "parquet/ACME.parquet"
    (tmp_path / "ACME.csv").touch()
    assert path_for(tmp_path, "ACME", among=1000) == tmp_path / "ACME.csv"


def test_a_symbol_has_one_file(tmp_path):
    (tmp_path / "parquet").mkdir()
    assert price_path(tmp_path, "ACME") is None
    (tmp_path / "parquet/ACME.parquet").touch()
    assert price_path(tmp_path, "ACME") == tmp_path / "parquet/ACME.parquet"
    (tmp_path / "ACME.csv").touch()
    with pytest.raises(DataError, match=r"ACME\.csv and .*ACME\.parquet both hold ACME\."):
        price_path(tmp_path, "ACME")
    (tmp_path / ".hidden.csv").touch()
    (tmp_path / "BETA.csv").touch()
    assert price_symbols(tmp_path) == ["ACME", "BETA"]


def test_a_symbol_in_small_letters_has_the_file_of_that_name_alone(tmp_path):
    (tmp_path / "acme.csv").touch()
    assert price_path(tmp_path, "acme") == tmp_path / "acme.csv"
    assert price_path(tmp_path, "beta") is None


def test_actions_lie_beside_the_prices_of_both_kinds():
    assert actions_folder(Path("data/prices/ACME.csv")) == Path("data/actions")
    assert actions_folder(Path("data/prices/parquet/ACME.parquet")) == Path("data/actions")


# Sessions in which it traded


def traded(prices):
    return [str(one) for one in prices.days]


def test_nothing_is_traded_from_the_day_of_an_end_on():
    assert traded(made(flat(1, 1, 1, 1), [action("2025-06-04", "delisted")])) == list(DAYS[:2])
    later = [action("2025-06-03", "dividend", 1.0), action("2025-06-04", "cash_merger", 1.0)]
    assert traded(made(flat(1, 1, 1, 1), later)) == list(DAYS[:2])


def test_a_bar_without_volume_is_silent_where_it_has_one_price():
    rows = flat(1, 1, 1, 1)
    rows[1][4] = rows[2][4] = 0.0
    rows[2][1] = 2.0  # its high: somebody traded
    rows[3][4] = 1.0
    prices = made(rows)
    assert {str(one) for one in prices.halted} == {"2025-06-03"}
    assert traded(prices) == ["2025-06-02", "2025-06-04", "2025-06-05"]


def test_a_span_of_silent_bars_alone_is_silent_where_other_bars_of_the_prices_have_volume():
    rows = flat(1, 1, 1, 1)
    rows[1][4] = rows[2][4] = 0.0
    span = made(rows).span(day("2025-06-03"), day("2025-06-04"))
    assert traded(span) == traded(span.span(day("2025-06-04"), None)) == []
    rows[0][4] = rows[3][4] = 0.0
    assert traded(made(rows).span(day("2025-06-03"), day("2025-06-04"))) == list(DAYS[1:3])


def test_halts_count_from_the_first_session_to_the_last():
    halts = [action("2025-05-30", "halted", until="2025-06-02"),
             action("2025-06-05", "halted", until="2025-06-06")]  # fmt: skip
    assert sorted(map(str, made(flat(1, 1, 1, 1), halts).halted)) == ["2025-06-02", "2025-06-05"]


def test_a_session_without_a_row_is_silent_also_among_closes():
    assert made([1, 1], days=(DAYS[0], DAYS[3])).halted == {day(DAYS[1]), day(DAYS[2])}


def test_the_first_session_from_one_on_in_which_it_traded():
    prices = made(flat(1, 1, 1, 1), [action("2025-06-03", "halted", until="2025-06-04")])
    assert prices.trades_from(day("2025-06-02")) == day("2025-06-02")
    assert prices.trades_from(day("2025-06-03")) == day("2025-06-05")
    assert prices.trades_from(day("2025-06-05")) == day("2025-06-05")
    assert prices.trades_from(day("2025-06-06")) == day("2025-06-06")


def test_holes_lie_between_the_first_and_the_last_session_and_have_no_row():
    holes = ["2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05", "2025-06-06"]
    prices = made(flat(1, 1, 1), days=(DAYS[0], DAYS[2], DAYS[3]), holes=holes)
    assert prices.holes == {day("2025-06-03")}
    assert holes_of({}) == frozenset()


# What a share grows to


def growth(closes, *actions, **terms):
    return made(closes, actions, **terms).growth.tolist()


@pytest.mark.parametrize(
    ("closes", "actions", "grown"),
    [
        ((100, 50, 50, 55), [("2025-06-03", "split", 2.0)], [1, 1, 1, 1.1]),
        ((50, 50, 50, 50), [("2025-06-02", "split", 2.0)], [1, 1, 1, 1]),  # on the first session
        ((100, 50, 50, 50), [("2025-06-05", "split", 2.0)], [1, 0.5, 0.5, 1]),
        ((100, 100, 100, 100), [("2025-06-02", "dividend", 10.0)], [1, 1, 1, 1]),
        ((100, 90, 90, 90), [("2025-06-03", "dividend", 10.0)], [1, 1, 1, 1]),
        ((100, 100, 100, 90), [("2025-06-05", "dividend", 10.0)], [1, 1, 1, 1]),
        ((100, 100, 80, 80), [("2025-06-04", "delisted", 50.0)], [1, 0.5, 0.5, 0.5]),
        ((100, 100, 80, 80), [("2025-06-04", "delisted", None)], [1, 1, 1, 1]),
        ((100, 100, 80, 80), [("2025-06-06", "cash_merger", 120.0)], [1, 1, 0.8, 1.2]),
        ((100, 100, 80, 80), [("2025-06-03", "cash_merger", 120.0)], [1.2, 1.2, 1.2, 1.2]),
        ((100, 100, 80, 80), [("2025-06-02", "cash_merger", 120.0)], [1, 1, 1, 1]),
        # 5 dollars and what is paid for the share.
        ((100, 90, 80, 80), [("2025-06-03", "dividend", 5.0), ("2025-06-04", "delisted", 60.0)],
         [1, 0.65, 0.65, 0.65]),
        ((100, 45, 45, 45), [("2025-06-03", "split", 2.0), ("2025-06-03", "dividend", 5.0)],
         [1, 1, 1, 1]),
        ((100, 100, 80, 80), [("2025-06-03", "halted", None)], [1, 1, 0.8, 0.8]),
        ((100, 100, 80, 80), [("2025-06-03", "halted", None), ("2025-06-04", "dividend", 20.0)],
         [1, 1, 1, 1]),
    ],
)  # fmt: skip
def test_what_a_dollar_of_the_first_close_has_grown_to(closes, actions, grown):
    assert growth(closes, *(action(*one) for one in actions)) == pytest.approx(grown)


def test_in_a_halt_a_dividend_before_a_split_is_of_the_old_share():
    # 10 dollars and two shares of 45 are the 100 of before.
    actions = [action("2025-06-03", "dividend", 10.0), action("2025-06-04", "split", 2.0)]
    assert growth((100, 45), *actions, days=(DAYS[0], DAYS[3])) == pytest.approx([1, 1])


def test_a_dividend_on_a_silent_bar_counts_at_the_next_close():
    rows = flat(100, 100, 100, 90)
    rows[1][4] = rows[2][4] = 0.0
    assert growth(rows, action("2025-06-03", "dividend", 10.0)) == pytest.approx([1, 1, 1, 1])


def test_before_its_first_trade_a_share_has_grown_to_nothing_else():
    rows = flat(90, 100, 100, 110)
    rows[0][4] = 0.0
    assert growth(rows) == pytest.approx([1, 1, 1, 1.1])
    assert made(rows).returns.isna().tolist() == [True, True, False, False]
    assert made(rows).span(None, day("2025-06-02")).returns.isna().tolist() == [True]


def test_returns_begin_with_none_and_miss_no_session():
    changes = made([100, 110, 110, 99]).returns
    assert np.isnan(changes.iloc[0])
    assert changes.iloc[1:].tolist() == pytest.approx([0.1, 0.0, -0.1])


def test_the_hash_of_prices_tells_days_columns_and_rows_apart():
    closes = made([1, 2, 3, 4])
    others = [
        made([1, 2, 3, 5]), made([1, 2, 3, 4], days=(*DAYS[:3], "2025-06-06")),
        replace(closes, table=closes.table.rename(columns={"close": "open"})),
    ]  # fmt: skip
    assert len({one.sha256() for one in (closes, *others)}) == 4
    whole = replace(closes, table=closes.table.astype(int))
    assert whole.sha256() == closes.sha256() == made([1, 2, 3, 4], symbol="BETA").sha256()


# Spans


def test_a_span_may_be_one_day_and_is_not_backwards():
    prices = made(flat(1, 2, 3, 4))
    assert prices.span(day(DAYS[1]), day(DAYS[1])).table["close"].tolist() == [2]
    with pytest.raises(UsageError, match="--from 2025-06-04 lies after --to 2025-06-03"):
        prices.span(day(DAYS[2]), day(DAYS[1]))


# Under a former ticker


@pytest.mark.parametrize(
    ("former_days", "renamed_on", "own_days", "closes"),
    [
        (DAYS[:2], "2025-06-04", DAYS[2:], [1, 2, 1, 2]),
        (DAYS[:2], "2025-06-05", DAYS[2:], [1, 2, 1, 2]),
        (DAYS[:3], "2025-06-04", DAYS[2:], [1, 2]),  # it does not end before
        (DAYS[:3], "2025-06-05", DAYS[2:], [1, 2]),
        (DAYS[:2], "2025-06-03", DAYS[2:], [1, 2]),
        (DAYS[1:2], "2025-06-03", DAYS[2:], [1, 2]),
    ],
)
def test_prices_under_a_former_ticker_that_end_before_come_first(
    former_days, renamed_on, own_days, closes
):
    former = made(range(1, len(former_days) + 1), days=former_days, symbol="OLDC")
    own = made(range(1, len(own_days) + 1), days=own_days)
    joined = _continued(former, own, day(renamed_on))
    assert joined.table["close"].tolist() == closes
    assert joined.former == ((former,) if len(closes) > len(own_days) else ())


def test_prices_under_a_former_ticker_are_of_the_same_kind():
    own = made([1, 2], days=DAYS[2:])
    with pytest.raises(DataError, match=r"ACME was OLDC until 2025-06-04, whose prices are of an"):
        _continued(made([1, 2], days=DAYS[:2], symbol="OLDC", adjust="splits"), own, day(DAYS[2]))
    with pytest.raises(DataError, match="or of other columns"):
        _continued(made(flat(1, 2), days=DAYS[:2], symbol="OLDC"), own, day(DAYS[2]))


# Jumps


def jumps(closes, *actions, **terms):
    return jumps_of(made(closes, actions, **terms))


@pytest.mark.parametrize(
    "shares", [1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100]
)  # fmt: skip
def test_splits_and_reverse_splits_of_usual_ratios_are_seen(shares):
    (found,) = jumps([120, 120, 120 / shares, 120 / shares])
    assert (str(found.day), found.shares, found.is_news) == ("2025-06-04", shares, False)
    (found,) = jumps([120, 120, 120 * shares, 120 * shares])
    assert found.shares == 1 / shares


@pytest.mark.parametrize(
    ("close", "is_jump"),
    [
        (52.4, True),  # 2 for 1 but for 4.8 %
        (52.6, False),
        (47.6, True),
        (47.4, False),
        (68.2, True),  # 3 for 2 but for 2.3 %
        (68.4, False),  # but for 2.6 %
        (65.1, True),
        (64.9, False),
        (146.4, True),  # 2 for 3 but for 2.4 %
        (146.2, False),  # but for 2.6 %
        (153.8, False),
        (189.9, False),  # nearer to 1 for 2, but for more than 5 %
        (190.1, True),
    ],
)
def test_a_day_of_a_split_has_a_move_of_its_own_of_five_per_cent_or_half_of_it(close, is_jump):
    assert len(jumps([100, 100, close, close])) == is_jump


def test_the_open_counts_where_there_is_one():
    rows = flat(100, 100, 50, 50)
    rows[2][:4] = [50, 80, 50, 80]
    rows[3][:4] = [80, 80, 80, 80]
    assert [str(one.day) for one in jumps(rows)] == ["2025-06-04"]
    assert jumps(rows)[0].times == 0.5


def test_a_split_or_dividend_on_file_for_another_day_explains_nothing():
    split, paid = action("2025-06-02", "split", 2.0), action("2025-06-02", "dividend", 50.0)
    assert len(jumps([100, 100, 50, 50], split, paid)) == 1  # on the first session
    late = action("2025-06-05", "split", 2.0)
    found = jumps([100, 50, 50, 25], late)
    assert [(str(one.day), one.on_file) for one in found] == [("2025-06-03", None)]
    wrong = jumps([100, 50, 50, 50], late)
    assert [(str(one.day), one.on_file) for one in wrong] == [
        ("2025-06-03", None), ("2025-06-05", 2.0),
    ]  # fmt: skip


# Of news: 24 sessions, then one that opens at half the close before. Usual are volumes of 100.

CALM = [f"2025-06-{n:02}" for n in (2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 20, 23, 24, 25,
                                    26, 27, 30)] + ["2025-07-01", "2025-07-02", "2025-07-03",
                                                    "2025-07-07", "2025-07-08"]  # fmt: skip


def last_of(volume=100.0, high=1.0, at=50.0, before=(), width=1.0):
    """Whether the jump of the last session is one of news; `before` are earlier volumes."""
    rows = [[100, 100 * width, 100, 100, 100.0] for _ in CALM]
    rows[-1] = [at, at * high, at, at, volume]
    for place, own in enumerate(before):
        rows[place][4] = own
    (found,) = jumps(rows, days=CALM)
    return found.is_news


@pytest.mark.parametrize(
    ("terms", "is_news"),
    [
        ({"volume": 500.0}, False),  # in dollars 2.5 times as much as usual
        ({"volume": 501.0}, True),
        ({"volume": 251.0, "at": 200.0}, True),  # of a rise in shares
        ({"volume": 250.0, "at": 200.0}, False),
        ({"volume": 1e6, "at": 25.0}, False),  # no news makes a quarter of a price
        ({"volume": 1e6, "at": 400.0}, False),
        ({"volume": 1e6, "at": 100 / 3}, True),
        ({"volume": 1e6, "at": 300.0}, True),
        ({"high": 1.284}, False),  # its log is just below a quarter
        ({"high": 1.285}, True),
        ({"high": 1.285, "width": 1.08}, True),  # three times the log of 1.08 is 0.231
        ({"high": 1.33, "width": 1.1}, False),  # and of 1.1 0.286, which is that of 1.331
        ({"high": 1.332, "width": 1.1}, True),
    ],
)
def test_a_jump_of_heavy_trade_or_a_wide_range_is_news(terms, is_news):
    assert last_of(**terms) is is_news


def test_usual_is_the_median_of_the_twenty_sessions_before():
    # Of the 24 before the last, the first four do not count; of twenty, ten decide the median.
    assert last_of(501.0, before=[900.0] * 13) is True
    assert last_of(501.0, before=[900.0] * 14) is False  # between 100 and 900
    assert last_of(501.0, before=[1.0] * 3 + [102.0] * 11) is False
    assert last_of(501.0, before=[1.0] * 4 + [102.0] * 9) is True


def test_where_nobody_traded_before_no_trade_is_heavy():
    assert last_of(501.0, before=[0.0] * 24, width=1.01) is False
    assert last_of(501.0, before=[0.3] * 24) is True


def test_closes_alone_tell_no_news():
    (found,) = jumps([100, 100, 50, 50])
    assert found.is_news is False


def test_the_first_jump_is_refused_and_the_others_are_named():
    one, two = made([100, 100, 50, 50]), made([100, 50, 50, 50], symbol="BETA")
    with pytest.raises(DataError) as caught:
        refuse_jumps([one, two], accept=False)
    assert " So do others: BETA opens on 2025-06-03 at 0.5 times the close before." in (
        str(caught.value)
    )
    with pytest.raises(DataError) as caught:
        refuse_jumps([one], accept=False)
    assert "So do others" not in str(caught.value)
    assert len(refuse_jumps([one, two], accept=True)) == 2
    assert refuse_jumps([made([100, 100, 99, 99])], accept=False) == []
