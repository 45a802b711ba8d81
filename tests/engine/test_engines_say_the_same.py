"""What a run says beside its trades, by hand and in both engines, which are held to agree."""

from dataclasses import replace
from datetime import date

import pytest

from backtest.engine.kernel.replay import check_agreement, replay_by_kernel
from backtest.engine.replay.books import ReplayResult
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from tests.engines import borrow_rates, made_up_bars, made_up_decisions, made_up_stocks
from tests.oracle import Settings
from tests.spec.case import Case, extended, free, long, short


def said(*signals, settings: Settings, bars=(), **parts) -> ReplayResult:
    """What the replay says of signals, bars and actions as in a case of the spec."""
    case = Case("", "", dict(bars), signals, [], [], settings, **parts)
    stocks, named = made_up_stocks(case.rows(), case.dated_actions()), case.named_signals()
    finer = case.finer_rows() if case.finer else None
    known = stocks, borrow_rates(stocks, case.rates()), made_up_decisions(named)
    rest = Rules(**vars(settings)), made_up_bars(stocks, finer, named, settings.hours)
    result, other = replay(*known, *rest), replay_by_kernel(*known, *rest)
    check_agreement("the replay", result, "the kernel", other)
    return result


def reasons(result: ReplayResult) -> dict[str, str]:
    return {decision.event.id: decision.reason for decision in result.decisions}


@pytest.mark.parametrize(("part", "cut"), [(0.5, "5 shares"), (0.1, "1 share")])
def test_volumes_of_the_evening_before_a_split_are_in_the_shares_of_that_evening(
    part: float, cut: str
) -> None:
    """The bar of 16:30 is of the session of the split, and trades before it."""
    finer = {
        "ACME": """
            2025-06-02 09:30 100 100 100 100 1000
            2025-06-02 16:30 100 100 100 100 10
            2025-06-03 09:30 100 100 100 100 1000
            2025-06-03 16:30 100 100 100 100 10
            2025-06-04 09:30 50 50 50 50 2000
        """
    }
    result = said(
        long("2025-06-03 16:30", weight=0.5),
        settings=extended(max_participation=part),
        finer=finer,
        actions={"ACME": [("2025-06-04", "split", 2.0)]},
    )
    assert reasons(result) == {"e1": f"cut to {cut} by participation"}


@pytest.mark.parametrize("actions", [{}, {"ACME": [("2025-06-04", "delisted", None)]}])
def test_the_last_close_of_what_ends_is_that_of_its_last_bar(actions) -> None:
    """The official close of the day, 102, is of an auction that no bar has."""
    result = said(
        long("2025-06-03 09:30", weight=0.5),
        settings=free(),
        bars={"ACME": "2025-06-03 100 102 100 102"},
        finer={
            "ACME": """
                2025-06-03 09:30 100 100 100 100
                2025-06-03 15:55 101 101 101 101
            """,
            "BOLT": "\n".join(f"2025-06-{n:02} 09:30 50 50 50 50" for n in (3, 4, 5, 6, 9, 10)),
        },
        actions=actions,
    )
    assert [trade.exit_price for trade in result.trades] == [101.0]


UNKNOWN = "No borrow rate is known for some nights short {}; 3.0% a year was charged."
TABLE = free(borrow_default=0.03)
FOUR_DAYS = """
    2025-06-02 100 100 100 100
    2025-06-03 100 100 100 100
    2025-06-04 100 100 100 100
    2025-06-05 100 100 100 100
"""
HALVED = """
    2025-06-02 100 100 100 100
    2025-06-03 100 100 100 100
    2025-06-04 50 50 50 50
    2025-06-05 50 50 50 50
"""


def test_the_rate_of_a_short_leg_is_said() -> None:
    result = said(
        long("2025-06-03", weight=0.4, hold=1, legs=(("HEDG", 1.0),)),
        settings=TABLE,
        bars={"ACME": FOUR_DAYS, "HEDG": FOUR_DAYS},
    )
    assert result.assumptions == [UNKNOWN.format("HEDG")]


def test_of_legs_the_rates_of_the_nights_of_a_net_short_are_said() -> None:
    """They net to nothing over the split, to 200 short over the next night."""
    bars = {"ACME": FOUR_DAYS, "BOLT": FOUR_DAYS, "HEDG": HALVED}
    signals = (
        long("2025-06-03", weight=0.1, legs=(("HEDG", 1.0),)),
        short("2025-06-03", "BOLT", weight=0.1, hold=1, legs=(("HEDG", 1.0),)),
    )
    quotes = [("2025-06-01", 0.1), ("2025-06-04", 0.2)]
    rates = {"ACME": quotes, "BOLT": quotes}
    parts = {"settings": TABLE, "bars": bars, "actions": {"HEDG": [("2025-06-04", "split", 2.0)]}}
    assert said(*signals, **parts, borrow=rates).assumptions == [UNKNOWN.format("HEDG")]
    assert said(*signals, **parts, borrow=rates | {"HEDG": [quotes[1]]}).assumptions == []
    kept = replace(signals[1], hold=None)
    assert said(signals[0], kept, **parts, borrow=rates).assumptions == []


def test_the_rate_of_a_night_is_said_and_not_that_of_a_day() -> None:
    """In the evening a bar belongs to the next session already, and the night is still to come."""
    finer = {
        "ACME": "\n".join(
            f"2025-06-0{day} {clock} 100 100 100 100 1000"
            for day in (2, 3, 4)
            for clock in ("09:30", "16:30")
        )
    }
    settings = extended(borrow_default=0.03)
    over_night = said(short("2025-06-03 16:30", hold_bars=1), settings=settings, finer=finer)
    assert over_night.assumptions == [UNKNOWN.format("ACME")]
    within_a_day = said(short("2025-06-03 09:30", hold_bars=1), settings=settings, finer=finer)
    assert within_a_day.assumptions == []


def test_a_rate_of_nothing_is_not_said() -> None:
    result = said(short("2025-06-03"), settings=free(), bars={"ACME": FOUR_DAYS})
    assert result.assumptions == []


def test_ruin_within_a_session_is_of_that_session() -> None:
    """2,000 short at 100: at the close of 160 it owes 20,000, at the next open 80,000 are left."""
    finer = {
        "ACME": """
            2025-06-02 09:30 100 100 100 100
            2025-06-03 09:30 100 160 100 160
            2025-06-03 15:00 110 110 105 105
            2025-06-04 09:30 105 105 105 105
        """
    }
    signals = short("2025-06-03 09:30", weight=2.0), long("2025-06-04 09:30")
    result = said(*signals, settings=free(max_gross=2.0, maintenance_margin=0.0), finer=finer)
    assert [trade.exit_reason for trade in result.trades] == ["ruin"]
    assert reasons(result) == {"e1": "", "e2": "the account was ruined before"}
    assert [point.equity for point in result.curve] == [100_000, 80_000, 80_000]
    assert result.ruined_on == date(2025, 6, 3)


def test_why_a_limit_was_not_filled() -> None:
    finer = {
        "ACME": """
            2025-06-02 09:30 100 100 100 100
            2025-06-03 09:30 100 101 99 100
            2025-06-03 09:35 100 101 99 100
            2025-06-03 09:40 100 101 99 100
        """
    }
    result = said(
        long("2025-06-02 09:30", weight=0.1, limit=-0.05),
        long("2025-06-03 09:30", weight=0.1, limit=0.05),
        long("2025-06-03 09:35", weight=0.1, limit=0.05),
        short("2025-06-03 09:40", weight=0.1, limit=0.05),
        settings=free(),
        finer=finer,
    )
    newer = "a newer signal ended it while it waited for its limit"
    assert reasons(result) == {
        "e1": "no close came before, from which its limit is measured",
        "e2": newer,
        "e3": newer,
        "e4": "the price did not come to the limit",
    }
    assert [d.action for d in result.decisions] == [
        "not_filled", "superseded", "superseded", "not_filled",
    ]  # fmt: skip
