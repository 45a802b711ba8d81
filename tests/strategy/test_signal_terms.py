"""Which terms of a signal go together, by bars and by the clock."""

import pytest
from pydantic import ValidationError

from backtest.strategy.base import Signal
from tests.made_up import report


@pytest.mark.parametrize(
    "terms",
    [
        {"hold_bars": 3},
        {"hold_bars": 1, "leave": "close", "enter": "close"},
        {"hold_bars": 0, "leave": "close"},
        {"leave_at": "15:55"},
        {"leave_at": "09:30", "hold": 0},
        {"leave_at": "04:00", "hold": 2, "enter": "close"},
    ],
)
def test_these_go_together(terms) -> None:
    signal = Signal.short(report(), weight=0.5, **terms)
    assert {name: getattr(signal, name) for name in terms} == terms


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"hold_bars": 3, "hold": 1}, "in place of hold"),
        ({"hold_bars": 3, "leave_at": "15:55"}, "in place of hold"),
        ({"hold_bars": 0}, "leaves at the close of the bar"),  # leave is the open
        ({"hold_bars": 0, "leave": "close", "enter": "close"}, "leaves at the close of the bar"),
        ({"hold_bars": -1}, "greater than or equal to 0"),
        ({"leave_at": "15:55", "enter": "close"}, "enters at the close cannot leave at it"),
        ({"leave_at": "15:55", "enter": "close", "hold": 0}, "cannot leave at it"),
        ({"leave_at": "24:00"}, "pattern"),
        ({"leave_at": "15:60"}, "pattern"),
        ({"leave_at": "9:30"}, "pattern"),
        ({"leave_at": "15:55:00"}, "pattern"),
    ],
)
def test_these_do_not(terms, why) -> None:
    with pytest.raises(ValidationError, match=why):
        Signal.short(report(), weight=0.5, **terms)


def test_hedges_in_one_symbol_add_up() -> None:
    signal = Signal.long(report()).hedged("SPY", 1.0).hedged("QQQ", 0.25).hedged("SPY", 0.5)
    assert signal.legs == (("SPY", 1.5), ("QQQ", 0.25))
    assert signal.hedged("SPY", 0.0) == signal
    assert signal.hedged("SPY", -1.5).legs == (("QQQ", 0.25),)
    thirds = Signal.long(report()).hedged("SPY", 0.1).hedged("SPY", 0.2)
    assert thirds.hedged("SPY", -0.3).legs == ()  # though 0.1 + 0.2 - 0.3 is not 0 in binary
    with pytest.raises(ValidationError, match="two legs are of one symbol"):
        Signal.long(report(), legs=(("SPY", 1.0), ("SPY", 0.5)))
