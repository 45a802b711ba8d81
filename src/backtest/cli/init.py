"""`backtest init`: a workspace in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backtest.cli.options import AsJson

EXAMPLES = "Examples: `backtest init signals` · `backtest init .`"


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where; a folder that is there may be used.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make a workspace: strategies, data, reports and settings."""
    from backtest.cli import show
    from backtest.workspace.start import PARTS, make_workspace

    made = make_workspace(folder)
    if as_json:
        show.print_json({"path": str(made), "parts": PARTS})
        return
    typer.echo(f"{made} is a workspace: {', '.join(PARTS)}.")
    if made != Path.cwd():
        typer.echo(f"Go there: cd {folder}")
    typer.echo("Then: backtest list strategies, backtest run, or backtest new signal NAME")
