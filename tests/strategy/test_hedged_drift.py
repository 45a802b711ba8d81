"""The shipped `hedged_drift`: how its basket was fixed, and what it answers."""

from datetime import timedelta

import pandas as pd
import pytest

from backtest.data.kinds import Earnings
from backtest.data.market import Market, Tape
from backtest.data.prices import read_prices
from backtest.data.universe import mean_of_members, read_universe
from backtest.strategy.loading import load_strategy
from tests.golden.goldens import ROOT
from tests.made_up import SESSIONS, day, utc

HEDGED = load_strategy(ROOT / "strategies", "hedged_drift").cls
MOVES = [
    0.01,
    -0.02,
    0.03,
] * 20  # sixty returns of each in the basket; the stock moves twice as much


def closes(moves, start=100.0):
    found = [start]
    for move in moves:
        found.append(found[-1] * (1 + move))
    return found


def reports(*surprises):
    """One report a day from 2025-06-02 on, with such surprises on a consensus of one dollar."""
    return [
        Earnings(
            symbol="ACME", published_at=utc(f"{session}T16:05:00-04:00"), precision="exact",
            headline="A quarter", eps=1 + surprise, eps_consensus=1.0,
        )
        for session, surprise in zip(SESSIONS, surprises, strict=False)
    ]  # fmt: skip


def answer(*surprises, moves=MOVES, **settings):
    """What is answered to the last of several reports, before the open of 2025-06-20."""
    days = pd.bdate_range(end="2025-06-18", periods=len(moves) + 1, name="session")
    shown = {symbol: closes(moves, 50.0) for symbol in HEDGED.trades_also}
    shown["ACME"] = closes([2 * move for move in moves])
    tables = {symbol: pd.DataFrame({"close": own}, days) for symbol, own in shown.items()}
    events, now = reports(*surprises), utc("2025-06-20T09:30:00-04:00")
    tape = Tape(tables, events, timedelta(0), lambda _: ("ACME",))
    tape.play(day("2025-06-20"), now)
    market = Market(day("2025-06-20"), now, "ACME", tape.past)
    return HEDGED(**settings).on_event(events[-1], market)


def test_the_basket_went_most_closely_with_the_mean_in_the_first_sixty_returns() -> None:
    data = ROOT / "data"
    universe = read_universe(data, "us_large")
    prices = {
        symbol: read_prices(data / "universes/us_large/prices", symbol)
        for symbol in universe.symbols
    }
    began = min(one.first for one in prices.values())
    of_mean = mean_of_members(universe, prices).table["close"].pct_change().iloc[1:61]
    assert str(of_mean.index[-1].date()) == "2013-09-25"
    closeness = {
        symbol: one.table["close"].pct_change().iloc[1:61].corr(of_mean)
        for symbol, one in prices.items()
        if one.first == began
    }
    assert tuple(sorted(closeness, key=closeness.__getitem__)[:-6:-1]) == HEDGED.trades_also


@pytest.mark.parametrize(
    ("surprises", "direction"), [((0.1, 0.2, 0.3), "long"), ((0.3, 0.2, 0.1), "short")]
)
def test_the_best_and_the_worst_are_hedged_by_beta_in_equal_parts(surprises, direction) -> None:
    signal = answer(*surprises)
    assert (signal.direction, signal.weight, signal.hold) == (direction, 0.05, 20)
    # It moves twice as much as each of the five, and so as their mean: a fifth of 2 each.
    assert [leg.symbol for leg in signal.legs] == list(HEDGED.trades_also)
    assert [leg.by for leg in signal.legs] == pytest.approx([0.4] * 5)


def test_what_is_in_the_middle_or_not_known_is_not_traded() -> None:
    assert answer(0.1, 0.3, 0.2) == "above 50% of the surprises of 90 days: in the middle"
    assert answer(0.1) == "its surprise, or any to hold it against, is unknown"
    assert answer(0.1, 0.2, moves=MOVES[:59]) == "its beta is unknown: too few sessions"
    assert answer(0.1, 0.3, 0.2, tail=0.5).direction == "short"
