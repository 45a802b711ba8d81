"""The strategies that `backtest run` replays: those that are named, or all that load."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backtest.strategy.parameters import Text
    from backtest.strategy.source import StrategyFile
    from backtest.workspace.folders import Workspace


def chosen_strategies(
    workspace: Workspace, names: Sequence[str], settings: Mapping[str, Text]
) -> tuple[list[StrategyFile], list[str]]:
    """Load the strategies that are run.

    Args:
        workspace: the folders.
        names: of the strategies; empty for all.
        settings: parameters that are set in each of them, by dotted name.

    Returns:
        The strategies once each, and a message for each that was not named and does not load.

    Raises:
        UsageError: a strategy that is named does not load, none does, or a parameter is not one
            of each of several strategies.

    """
    from backtest.errors import UsageError
    from backtest.strategy.loading import find_strategy, strategy_origins

    files: list[StrategyFile] = []
    left_out: list[str] = []
    for name in dict.fromkeys(names or strategy_origins(workspace)):
        try:
            files.append(find_strategy(workspace, name))
        except UsageError as error:
            if names:
                raise
            left_out.append(f"{name} was left out: {error}")
    if not files:
        raise UsageError(
            "\n".join(left_out)
            or f"There is no strategy in {workspace.strategies}. "
            f"Point --strategies or BACKTEST_STRATEGIES to a folder of strategy files."
        )
    if len(files) > 1:
        _check_settings(files, settings)
    return files, left_out


def _check_settings(files: Sequence[StrategyFile], settings: Mapping[str, Text]) -> None:
    """Hold what is set in several strategies against the parameters of each."""
    from backtest.errors import UsageError
    from backtest.strategy.parameters import parameters

    for name, value in settings.items():
        having = [file.name for file in files if name in parameters(file.cls)]
        if len(having) < len(files):
            known = f"{', '.join(having)} alone" if having else "none of them"
            raise UsageError(
                f"--set {name}={value.text} is for each of the {len(files)} strategies that are "
                f"run, but the parameter {name} is known to {known}. Name the one that is meant: "
                f"`backtest run {having[0] if having else 'NAME'} --set {name}={value.text}`; "
                f"`backtest list strategies` shows the parameters of each."
            )
