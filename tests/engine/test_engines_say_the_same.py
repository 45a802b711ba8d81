"""What a run says beside its trades, by hand and in both engines, which are held to agree."""

from backtest.engine.kernel.replay import check_agreement, replay_by_kernel
from backtest.engine.replay.books import ReplayResult
from backtest.engine.replay.replay import replay
from backtest.engine.rules import Rules
from tests.engines import borrow_rates, made_up_bars, made_up_decisions, made_up_stocks
from tests.oracle import Settings
from tests.spec.case import Case, extended, long


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


def test_volumes_of_the_evening_before_a_split_are_in_the_shares_of_that_evening() -> None:
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
        settings=extended(max_participation=0.5),
        finer=finer,
        actions={"ACME": [("2025-06-04", "split", 2.0)]},
    )
    assert reasons(result) == {"e1": "cut to 5 shares by participation"}
