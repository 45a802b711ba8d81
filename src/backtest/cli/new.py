"""`backtest new signal`: the files that a signal of your own begins with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backtest.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from backtest.strategy.new import NewSignal


INIT_EXAMPLES = "Examples: `backtest init signals` · `backtest init .`"


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where; a folder that is there may be used.")
    ],
    as_json: options.AsJson = False,
) -> None:
    """Make a workspace: strategies, data, reports and settings."""
    from backtest.cli import show
    from backtest.workspace.folders import PARTS, make_workspace

    made = make_workspace(folder)
    if as_json:
        show.print_json({"path": str(made), "parts": PARTS})
        return
    typer.echo(f"{made} is a workspace: {', '.join(PARTS)}.")
    if made != Path.cwd():
        typer.echo(f"Go there: cd {folder}")
    typer.echo("Then: backtest list strategies, backtest run, or backtest new signal NAME")


app = options.App(no_args_is_help=True, help="Begin a signal of your own.")


@app.command(
    "signal",
    epilog="Examples: `backtest new signal insider_sale` · "
    "`backtest new signal insider_sale --from news`. Nothing is ever overwritten.",
)
def new_signal(
    folders: options.Folders,
    name: Annotated[str, typer.Argument(metavar="NAME", help="In snake case: insider_sale.")],
    kind: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="KIND",
            help="Start from a kind of event that is there: earnings, news, short_report, "
            "stake_disclosure; or one of dates that are known, such as report_date.",
        ),
    ] = None,
    backtrader: Annotated[
        bool, typer.Option("--backtrader", help="Write a strategy of Backtrader's.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Write a strategy that runs at once, its events with an example row, and its test."""
    from rich.text import Text

    from backtest.api import workspace as calls
    from backtest.cli import show

    new = calls.new_signal(name, kind, backtrader=backtrader, **folders.arguments())
    if as_json:
        show.print_json(vars(new))
        return
    terminal = show.console()
    for path, what in _written(new):
        typer.echo(f"wrote {_relative(path)}")
        typer.echo(f"      {what}")
    terminal.print(Text("\nNext\n", style="bold"))
    for command, what in _next(new):
        typer.echo(f"  {command}")
        typer.echo(f"      {what}")


def _written(new: NewSignal) -> Iterator[tuple[Path, str]]:
    yield new.strategy, "the rule: parameters, and what follows from an event"
    if new.events:
        yield new.events, "its events: one example row, made up and never traded; replace it"
    yield new.test, "its test: the contract, and what it answers"


def _next(new: NewSignal) -> Iterator[tuple[str, str]]:
    """The commands that lead from here to a result, and what each is for."""
    if new.events:
        yield (
            f"edit {_relative(new.events)}",
            "put real rows, each with its source, for the example",
        )
        seal = f"backtest events seal {new.kind} --source 'where the rows come from'"
        yield seal, "checks the rows and records what they are"
    yield f"backtest check {new.name}", "the contract of every strategy, in seconds"
    yield f"backtest audit {new.name}", "whether it looks ahead"
    yield f"backtest run {new.name}", "what it would have earned, and what that is worth"
    yield "backtest compare", "beside what ran before"
    yield f"backtest open {new.name}", "its page: each event and trade"


def _relative(path: Path) -> str:
    """A place as one would type it from the working folder."""
    return os.path.relpath(path)
