"""For the tests of your own strategies: `check_strategy` holds one against the contract.

Both calls look for the workspace upwards from the working folder, as the command line does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.errors import UsageError

if TYPE_CHECKING:
    from backtest.audit.declared import Report
    from backtest.strategy.base import Signal

__all__ = ["ask", "check_strategy"]


def check_strategy(name: str) -> Report:
    """Hold a strategy against the contract, as `backtest check` does.

    Args:
        name: of the strategy.

    Returns:
        The checks; `print` shows them as a table.

    Raises:
        AssertionError: it breaks the contract, or peeks; the message is the table of checks.
        UsageError: there is no such strategy.

    """
    from backtest.audit.contract import check
    from backtest.workspace.folders import find_workspace, read_config

    report = check(find_workspace(), name, symbols=read_config().value("symbol"))
    if report.failed:
        raise AssertionError(str(report))
    return report


def ask(name: str, /, **fields: Any) -> Signal | str:
    """What a strategy answers to a made-up event, with 60 made-up sessions before it.

    Where it waits, it is put to it again, in up to 60 made-up sessions after it.

    Args:
        name: of the strategy.
        fields: of the event, such as `eps=0.30`; what else is needed is made up. The event is
            of the first kind that the strategy listens to and that has the fields.

    Returns:
        Its signal, or the reason why there is none.

    Raises:
        UsageError: there is no such strategy, it orders by itself, no kind has the fields, or
            it fails.

    """
    from backtest.audit.questions import made_up_case
    from backtest.strategy.base import Strategy
    from backtest.strategy.loading import find_strategy
    from backtest.strategy.parameters import configure
    from backtest.workspace.folders import find_workspace

    strategy = configure(find_strategy(find_workspace(), name), {})
    if not isinstance(strategy, Strategy):
        raise UsageError(f"{name} orders by itself as it trades: it cannot be asked.")
    decision = made_up_case(strategy, fields).ask(strategy)
    return decision.signal or decision.reason
