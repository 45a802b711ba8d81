"""What belongs together: chains by plans, occasions by what was held."""

import numpy as np
import pytest

from backtest.engine.kernel import AT_OPEN, IN_SESSION, REASONS, SIGNAL, TRADE
from backtest.experiments.runs.placebo import chains_of, longest_trade, occasions_of


def signals(*terms: tuple[int, int]) -> np.ndarray:
    """Signals of session and hold."""
    rows = np.zeros(len(terms), SIGNAL)
    rows["bar"], rows["hold"] = np.array(terms).T
    return rows


def trades(*terms: tuple[int, int, str] | None) -> np.ndarray:
    """What became of each signal: entry, exit and reason; None for no trade."""
    rows = np.zeros(len(terms), TRADE)
    for row, one in zip(rows, terms, strict=True):
        if one:
            row["entry_bar"], row["exit_bar"], row["shares"] = one[0], one[1], 10
            row["reason"] = REASONS.index(one[2])
            row["left_at"] = IN_SESSION if one[2] == "stop" else AT_OPEN
    return rows


@pytest.mark.parametrize(
    ("terms", "numbers", "first", "lengths"),
    [
        # Planned up to 13; 14 is free of it, and 15 lies within 14's hold.
        ([(10, 3), (14, 3), (15, 3)], [0, 1, 1], [10, 14], [4, 5]),
        # At the open of the planned exit a signal still renews.
        ([(10, 3), (13, 1)], [0, 0], [10], [5]),
        # A long plan outlasts the shorter ones after it.
        ([(10, 20), (12, 1), (25, 1), (31, 1)], [0, 0, 0, 1], [10, 31], [21, 2]),
        # No time exit counts with the longest trade, here 7.
        ([(10, -1), (17, 1), (19, 1)], [0, 0, 1], [10, 19], [9, 2]),
        ([(5, 2), (5, 4), (9, 1)], [0, 0, 0], [5], [6]),
    ],
)
def test_a_session_joins_a_chain_up_to_its_last_planned_exit(terms, numbers, first, lengths):
    found = chains_of(signals(*terms), longest=7)
    assert found.of_signal.tolist() == numbers
    assert found.first.tolist() == first
    assert found.lengths.tolist() == lengths


@pytest.mark.parametrize(
    ("terms", "made", "numbers"),
    [
        # Flat in between: two occasions.
        ([(10, 3), (20, 3)], [(10, 13, "time"), (20, 23, "time")], [0, 1]),
        # A time exit at an open is out by then, a stop in that session is not.
        ([(10, 3), (13, 3)], [(10, 13, "time"), (13, 16, "time")], [0, 1]),
        ([(10, 9), (13, 3)], [(10, 13, "stop"), (13, 16, "time")], [0, 0]),
        ([(10, 9), (14, 3)], [(10, 13, "stop"), (14, 16, "time")], [0, 1]),
        # A shorter trade within a longer one does not end it.
        (
            [(10, 9), (12, 2), (15, 2)],
            [(10, 20, "time"), (12, 14, "time"), (15, 17, "time")],
            [0, 0, 0],
        ),
        # The first session counts like any other.
        ([(0, 2), (3, 2)], [(0, 2, "time"), (3, 5, "time")], [0, 1]),
        # A reversal leaves nothing flat.
        ([(10, 9), (13, 3)], [(10, 13, "reversal"), (13, 16, "time")], [0, 0]),
        # A renewal makes no trade and belongs to what it renews.
        ([(10, 5), (12, 5), (20, 5)], [(10, 17, "time"), None, (20, 25, "time")], [0, 0, 1]),
        # What found no room on a day of its own joins the one before, also at the end.
        ([(10, 2), (20, 2), (30, 2)], [(10, 12, "time"), None, (30, 32, "time")], [0, 1, 1]),
        ([(10, 2), (20, 2)], [(10, 12, "time"), None], [0, 0]),
        ([(10, 2), (20, 2)], [None, None], [0, 0]),
        # All symbols of a session, and one that is still held.
        (
            [(10, 5), (10, 2), (14, 2), (15, 2)],
            [(10, 15, "time"), (10, 12, "time"), (14, 16, "time"), (15, 17, "time")],
            [0, 0, 0, 0],
        ),
    ],
)
def test_an_occasion_lasts_until_all_of_it_is_left(terms, made, numbers):
    assert occasions_of(signals(*terms), trades(*made)).tolist() == numbers


def test_a_calendar_in_which_something_is_always_held_is_cut():
    # Each trade lasts 5 sessions and the next begins after 3: cut at 2 × 5 sessions.
    starts = range(0, 30, 3)
    found = occasions_of(
        signals(*((at, 5) for at in starts)), trades(*((at, at + 5, "time") for at in starts))
    )
    # 0, 3, 6, 9 | 12, 15, 18, 21 | 24, 27: sessions 12 and 24 are 10 or more after the first.
    assert found.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(("step", "numbers"), [(2, [0] * 5 + [1] * 5), (3, [0] * 4 + [1] * 4)])
def test_an_occasion_is_cut_when_it_has_gone_on_for_twice_the_longest_trade(step, numbers):
    """Of 5 sessions: session 10 is the first of another, 9 is not."""
    starts = range(0, step * len(numbers), step)
    made = trades(*((at, at + 5, "time") for at in starts))
    assert occasions_of(signals(*((at, 5) for at in starts)), made).tolist() == numbers


def test_a_trade_of_one_share_is_a_trade():
    made = trades((10, 19, "time"), (20, 23, "time"))
    made["shares"] = 1
    assert occasions_of(signals((10, 9), (20, 3)), made).tolist() == [0, 1]
    assert longest_trade(made) == 9


def test_the_longest_trade():
    assert longest_trade(trades((3, 9, "time"), None, (4, 9, "stop"))) == 6
    # One that is still open counts the last session too.
    assert longest_trade(trades((3, 9, "open"))) == 7
    assert longest_trade(trades(None)) == 1
    assert longest_trade(trades((3, 3, "stop"))) == longest_trade(trades((3, 4, "time"))) == 1
