"""Every case of the spec, through every engine."""

from collections import Counter
from importlib import import_module
from math import fsum
from pathlib import Path

import pytest

from tests.engines import ENGINES
from tests.oracle import Outcome
from tests.spec.case import Case

HERE = Path(__file__).parent
CASES: list[Case] = [
    case
    for path in sorted(HERE.glob("cases_*.py"))
    for case in import_module(f"tests.spec.{path.stem}").CASES
]


def close_to(expected: object) -> object:
    return pytest.approx(expected, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, engine: str) -> None:
    known: dict[str, object] = {"actions": case.dated_actions()} if case.actions else {}
    if case.finer:
        known["finer"] = case.finer_rows()
    asked = case.rows(), case.named_signals(), case.settings, case.rates()
    outcome = ENGINES[engine](*asked, **known)
    check_trades(case, outcome)
    check_equity(case, outcome)
    if case.outcomes is not None:
        assert outcome.outcomes == case.outcomes
    assert outcome.capped == case.capped
    assert outcome.interest == close_to(case.interest), "interest"
    for what, total in case.totals().items():
        assert getattr(outcome, what) == close_to(total), what
    check_identity(case, outcome)


def check_trades(case: Case, outcome: Outcome) -> None:
    def key(trade):
        return (
            trade.event_id, trade.symbol, trade.direction,
            trade.entry_session, trade.exit_session, trade.exit_reason,
            trade.entry_bar, trade.exit_bar,
        )  # fmt: skip

    assert [key(trade) for trade in outcome.trades] == [key(trade) for trade in case.trades]
    for got, wanted in zip(outcome.trades, case.trades, strict=True):
        assert got.shares == close_to(wanted.shares), "shares"
        assert got.entry_price == close_to(wanted.entry_price), "entry price"
        assert got.exit_price == close_to(wanted.exit_price), "exit price"
        assert got.gross_profit == close_to(wanted.gross), "gross profit"
        assert got.commission == close_to(wanted.commission), "commission"
        assert got.borrow == close_to(wanted.borrow), "borrow"
        assert got.hedge_profit == close_to(wanted.hedge), "hedge profit"
        assert got.dividends == close_to(wanted.dividends), "dividends"
        net = wanted.gross - wanted.commission - wanted.borrow + wanted.dividends + wanted.hedge
        assert got.net_profit == close_to(net), "net profit"


def check_equity(case: Case, outcome: Outcome) -> None:
    assert [point.session for point in outcome.equity] == case.sessions()
    assert [point.equity for point in outcome.equity] == close_to(list(case.equity))
    if case.cash is not None:
        assert [point.cash for point in outcome.equity] == close_to(list(case.cash))
    for point in outcome.equity:
        assert point.equity == close_to(point.cash + point.position_value)


def check_identity(case: Case, outcome: Outcome) -> None:
    profit = fsum(
        t.gross_profit - t.commission - t.borrow + t.dividends + t.hedge_profit
        for t in outcome.trades
    )
    assert outcome.equity[-1].equity == close_to(case.settings.cash + profit + outcome.interest)


def test_names_are_unique() -> None:
    repeated = [name for name, count in Counter(case.name for case in CASES).items() if count > 1]
    assert not repeated


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 65
