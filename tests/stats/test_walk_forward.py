"""Walk-forward over events, by hand."""

import numpy as np

from backtest.stats.multiple_testing import walk_forward

NONE = np.nan
# Three sets on four events; the third event is traded by nobody.
RETURNS = np.array(
    [
        [0.01, 0.02, NONE, -0.10],  # the default
        [0.05, -0.03, NONE, 0.20],
        [NONE, 0.30, NONE, 0.01],
    ]
)
BARS = np.array([10, 20, 30, 40])
EXITS = np.array([[15, 25, 0, 45], [15, 25, 0, 45], [0, 25, 0, 45]])


def test_each_event_is_traded_by_what_earlier_ones_taught():
    found = walk_forward(RETURNS, EXITS, BARS, default=0)
    # nothing known, so the default; then set 1 had earned 5 %; then set 2 30 %, set 1 only 2 %
    assert found.events.tolist() == [0, 1, 3]
    assert found.picked.tolist() == [0, 1, 2]
    assert found.known.tolist() == [False, True, True]
    assert found.returns.tolist() == [0.01, -0.03, 0.01]
    assert found.default.tolist() == [0.01, 0.02, -0.10]
    assert found.hindsight.tolist() == [0.0, 0.30, 0.01]  # set 2: 31 %, set 1: 22 %


def test_a_trade_that_is_still_open_teaches_nothing():
    late = EXITS.copy()
    late[:, 0] = 20  # left in the session of the second event, not before it
    found = walk_forward(RETURNS, late, BARS, default=0)
    assert found.picked.tolist() == [0, 0, 2]
    assert found.known.tolist() == [False, False, True]


def test_of_equal_sets_the_default_stays():
    returns = np.array([[0.1, 0.1], [0.1, 0.2]])
    found = walk_forward(returns, EXITS[:2, :2], BARS[:2], default=1)
    assert found.picked.tolist() == [1, 1]


def test_no_trade_at_all():
    found = walk_forward(np.full((2, 3), NONE), np.zeros((2, 3)), BARS[:3], default=1)
    assert len(found.events) == len(found.returns) == 0


def test_it_is_the_plain_rule_on_many_events():
    drawn = np.random.default_rng(3)
    bars = np.sort(drawn.integers(60, size=50))
    returns = np.where(drawn.random((7, 50)) < 0.4, NONE, drawn.normal(0, 0.05, (7, 50)))
    exits = np.minimum(bars + drawn.integers(0, 30, size=(7, 50)), 60)
    found = walk_forward(returns, exits, bars, default=2)
    for event, known, picked in zip(found.events, found.known, found.picked, strict=True):
        over = ~np.isnan(returns) & (exits < bars[event])
        earned = np.where(over, np.nan_to_num(returns), 0).sum(axis=1)
        assert known == over.any()
        assert picked == (int(np.argmax(earned)) if earned.max() > earned[2] else 2)
