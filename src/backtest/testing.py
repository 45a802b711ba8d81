"""This module serves the tests of your own strategies: `check_strategy` checks one, `ask` asks it.

Both look for the workspace upwards from the working folder, as the command line does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.errors import UsageError

if TYPE_CHECKING:
    from backtest.audit.declared import Report
    from backtest.strategy.base import Signal

__all__ = ["ask", "check_strategy"]


def check_strategy(name: str) -> Report:
    """Check a strategy against the contract, as `backtest check` does.

    Args:
        name: the strategy's name.

    Returns:
        The checks; `print` shows them as a table.

    Raises:
        AssertionError: the strategy breaks the contract, or looks ahead; the message is the
            table of checks.
        UsageError: there is no such strategy.

    """
    from backtest.audit.contract import check
    from backtest.workspace.folders import find_workspace, read_config

    report = check(find_workspace(), name, symbols=read_config().value("symbol"))
    if report.failed:
        raise AssertionError(str(report))
    return report


def ask(name: str, /, **fields: Any) -> Signal | str:
    """Return a strategy's answer to an invented event, after 60 invented sessions of prices.

    A strategy that answers with `Wait` is asked again, in up to 60 invented sessions after it.

    Args:
        name: the strategy's name.
        fields: fields of the event, such as `eps=0.30`; any others that it needs are invented.
            The event is of the first kind that the strategy listens to and that has the fields.

    Returns:
        The strategy's signal, or the reason why there is none.

    Raises:
        UsageError: there is no such strategy, it sends its own orders, no kind of event has the
            fields, or the strategy fails.

    """
    from backtest.audit.questions import example_case
    from backtest.strategy.base import Strategy
    from backtest.strategy.loading import find_strategy
    from backtest.strategy.parameters import configure
    from backtest.workspace.folders import find_workspace

    strategy = configure(find_strategy(find_workspace(), name), {})
    if not isinstance(strategy, Strategy):
        raise UsageError(f"{name} orders by itself as it trades: it cannot be asked.")
    decision = example_case(strategy, fields).ask(strategy)
    return decision.signal or decision.reason
