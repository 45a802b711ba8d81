"""`backtest universes`: the universes that there are, and what is missing in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from backtest.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backtest.data.listing import UniverseRow

EXAMPLES = (
    "Examples: `backtest universes` · `backtest universes --json` · "
    "`backtest universes seal mine --source 'my list'`"
)

app = typer.Typer(invoke_without_command=True, epilog=EXAMPLES)


@app.callback()
@options.command
def list_universes(
    folders: options.Folders,
    context: typer.Context,
    as_json: options.AsJson = False,
) -> None:
    """List the universes: stocks, span of prices, events of each kind, and what is missing."""
    from rich.table import Table
    from rich.text import Text

    from backtest.api import workspace as calls
    from backtest.cli import show

    if context.invoked_subcommand:
        return
    found = calls.universe_rows(**folders.arguments())
    if as_json:
        show.print_json([vars(row) for row in found])
        return
    terminal = show.console()
    for row in found:
        terminal.print(Text(row.name, style="bold"))
        grid = Table.grid(padding=(0, 2))
        for heading, text in _lines(row):
            grid.add_row(heading, Text(text))
        terminal.print(grid)
        terminal.print()
    if not found:
        terminal.print(
            "There is no universe in the data folder. Write one as universes/NAME/members.csv "
            "with the columns symbol, first, last.",
        )


def _lines(row: UniverseRow) -> Iterator[tuple[str, str]]:
    from backtest.stats.formats import counted, few

    yield "Stocks", f"{len(row.symbols):,}: {few(row.symbols)}"
    yield "Prices", f"{row.first} to {row.last}" if row.first else "none"
    counts = [f"{number:,} {kind.replace('_', ' ')}" for kind, number in row.events.items()]
    yield "Events", ", ".join(counts) or "none"
    missing = {"without prices": row.without_prices, "without events": row.without_events}
    told = [f"{counted(len(of), 'stock')} {what}: {few(of)}" for what, of in missing.items() if of]
    yield "Missing", "; ".join(told) or "nothing"
    yield "Source", row.source


@app.command("seal", epilog="Example: `backtest universes seal mine --source 'my list'`")
@options.command
def seal_universe(
    folders: options.Folders,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose table was changed.")],
    source: Annotated[str | None, typer.Option(help="Where the members come from.")] = None,
) -> None:
    """Check a table of members that you changed and record its sha256 anew."""
    from backtest.api import workspace as calls

    typer.echo(f"wrote {calls.seal_universe(name, source, **folders.arguments())}")
