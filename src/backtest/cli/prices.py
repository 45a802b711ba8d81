"""Define `backtest prices` and `backtest actions`, which keep the files of a share."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import backtest
from backtest import cli
from backtest.cli import options
from backtest.errors import BacktestError, UsageError, raise_refused

if TYPE_CHECKING:
    from backtest.data.versions import Version
    from backtest.sources.updates import PriceUpdate


app = options.App(no_args_is_help=True, help="List, fetch, import, check and seal prices.")
Accept = Annotated[
    bool, typer.Option("--accept-revisions", help="Replace rows that differ; else they stay.")
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out wrong rows; their sessions are not traded.")
]
BarLength = Annotated[
    str | None, typer.Option(help="Bars finer than sessions: 1m, 5m, 15m, 30m or 1h.")
]
OneSymbol = Annotated[
    str | None, typer.Argument(metavar="SYMBOL", help="One symbol; all by default.")
]
SymbolArgument = Annotated[str, typer.Argument(metavar="SYMBOL", help="The symbol.")]
AdjustMode = Annotated[
    str | None, typer.Option(help="Adjust mode: none, splits, splits and dividends.")
]


@app.command(
    "fetch", epilog="Example: `backtest prices fetch CRWV` · `backtest prices fetch SPY QQQ`"
)
def fetch(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL", help="As Yahoo writes them.")],
    bars: BarLength = None,
    first: Annotated[
        date | None, options.day("--from", "First day. [that of the file, or of Yahoo's data]")
    ] = None,
    last: Annotated[
        date | None, options.day("--to", "Last day. [that of the last finished bar]")
    ] = None,
    adjust: Annotated[
        Literal["splits", "all"] | None,
        options.choice(
            "--adjust",
            ("splits", "all"),
            "splits, or all for splits and dividends (closes alone, for a benchmark). "
            "[as the file is adjusted, else splits]",
        ),
    ] = None,
    accept: Accept = False,
    skip_bad: SkipBad = False,
    as_json: options.AsJson = False,
    data: options.DataFolder = None,
) -> None:
    """Fetch prices from Yahoo. New rows are added, rows that differ are shown.

    Yahoo has the last 7 days of 1m bars, 59 days of 5m to 30m bars, and 729 days of 1h bars.
    """
    updates: list[tuple[PriceUpdate, Version | None]] = []
    try:
        with cli.show.progress("Fetching") as on_symbol:
            backtest.fetch_prices(
                symbols,
                bars=bars,
                first=first,
                last=last,
                adjust=adjust,
                accept=accept,
                skip_bad=skip_bad,
                data=data,
                on_update=lambda *update: updates.append(update),
                on_symbol=on_symbol,
            )
    finally:
        if updates and as_json:
            cli.show.print_json([_as_dict(update, version) for update, version in updates])
        elif updates:
            cli.show_data.prices_written(updates)


@app.command("import", epilog="Example: `backtest prices import ACME.csv --source 'my broker'`")
def import_file(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="CSV or Parquet.")],
    symbol: options.SymbolsOfFile = None,
    columns: options.Columns = None,
    adjust: AdjustMode = None,
    source: options.SourceOption = None,
    closes: Annotated[
        bool, typer.Option("--closes", help="Import closes alone, as for a benchmark.")
    ] = False,
    decimal: options.Decimal = None,
    date_format: options.DateFormat = None,
    encoding: options.Encoding = None,
    constants: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="volume=0", help="The volume of all rows of a file without."),
    ] = None,
    actions: Annotated[
        Path | None, typer.Option(help="A CSV file of dividends, splits, halts and delistings.")
    ] = None,
    dividends: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Derive the dividends from this column of adjusted closes."
        ),
    ] = None,
    bars: BarLength = None,
    zone: options.Zone = None,
    stamped: Annotated[
        str | None, typer.Option(help="Whether a bar's time is its open or its end.")
    ] = None,
    accept: Accept = False,
    *,
    skip_bad: SkipBad = False,
    yes: options.Yes = False,
    data: options.DataFolder = None,
) -> None:
    """Import files of prices, of one symbol or many. Guesses about their format are shown first."""
    from backtest.sources.own_prices import import_prices, read_prices_and_actions
    from backtest.sources.own_times import Stamps
    from backtest.workspace.folders import find_data

    if bars is None and (zone or stamped):
        raise UsageError("--zone and --stamped are of bars finer than sessions: give --bars 5m.")
    side: Any = stamped  # `Stamps` checks it
    folder = find_data(data)
    file = read_prices_and_actions(
        files, options.parse_pairs("--map", columns, example="close=Last"),
        constants=options.parse_pairs("--set", constants, example="volume=0"),
        symbols=symbol or [], decimal=decimal, date_form=date_format,
        encoding=encoding, closes=closes, skip_bad=skip_bad, actions=actions, dividends=dividends,
        stamps=Stamps(bars, zone, side) if bars else None,
    )  # fmt: skip
    cli.show_data.price_file(file)
    if source is None and cli.show.at_terminal() and not yes:
        source = typer.prompt("Where do the figures come from?", default="unknown")
    refused: dict[str, BacktestError] = {}
    total = len(file.tables) + len(file.refused)
    prepared = import_prices(
        folder, file, refused, source=source, adjust=adjust, accept=accept, skip_bad=skip_bad
    )
    updates = []
    with cli.show.progress("Checking") as on_symbol:
        for number, update in enumerate(prepared, start=1):
            updates.append(update)
            on_symbol(number, total)
    cli.show_data.price_updates(updates)
    if not any(updates):
        raise_refused(refused, total, "taken in")
        typer.echo("Nothing changes.")
        return
    if not cli.show.is_confirmed(yes=yes):
        return
    with cli.show.progress("Writing") as on_symbol:
        for number, update in enumerate(updates, start=1):
            update.make()
            on_symbol(number, len(updates))
    paths = [path for update in updates for path in update.paths]
    count = f"{len(paths):,} files: " * (len(paths) > 1)
    if len(paths) > cli.show_data.MOST_SYMBOLS:
        paths = sorted({path.parent for path in paths})
    typer.echo(f"wrote {count}{', '.join(map(str, paths))}")
    raise_refused(refused, total, "taken in")


@app.command("undo", epilog="Example: `backtest prices undo CRWV`")
def undo(
    symbol: SymbolArgument,
    bars: BarLength = None,
    to: options.ToVersion = None,
    data: options.DataFolder = None,
) -> None:
    """Undo the last change of a price file. Repeat it to undo the one before."""
    with options.undoing():
        path, version = backtest.undo_prices(symbol, bars, to=to, data=data)
    typer.echo(f"{path} is at version {version.number}: {version.reason}")


def _as_dict(update: "PriceUpdate", version: "Version | None") -> dict[str, Any]:
    """Return an update of prices, and the version that it became, as a JSON object."""
    from backtest.sources.action_files import action_cells

    actions = update.actions
    return {
        "symbol": update.symbol,
        "path": str(update.path),
        "version": version.number if version else None,
        "added": list(update.added),
        "replaced": sorted(update.replaced),
        "changed": [change._asdict() for change in update.changes],
        "holes": sorted(map(str, update.holes)),
        "actions": None
        if actions is None
        else {
            "added": [action_cells(row) for row in actions.added],
            "changed": [change._asdict() for change in actions.changes],
        },
        "notes": list(update.notes),
    }


@app.command("list", epilog="Example: `backtest prices list`")
def list_prices(folders: options.FolderOptions, as_json: options.AsJson = False) -> None:
    """List the symbols with their span, adjust mode and source."""
    rows = cli.show.records(backtest.list_prices(data=folders.data).reset_index())
    cli.show.output(rows, cli.show_data.symbols, as_json=as_json)


@app.command("check", epilog="Example: `backtest prices check CRWV`")
def check_prices(
    folders: options.FolderOptions, symbol: OneSymbol = None, as_json: options.AsJson = False
) -> None:
    """Find unlikely prices, and borrow rates that nobody quoted."""
    cli.show_data.findings(backtest.check_prices(symbol, **folders.arguments()), as_json=as_json)


@app.command("seal", epilog="Example: `backtest prices seal CRWV --source 'my broker'`")
def seal_prices(
    folders: options.FolderOptions,
    symbol: SymbolArgument,
    source: options.SourceOption = None,
    adjust: AdjustMode = None,
    borrow: Annotated[
        bool, typer.Option("--borrow", help="Seal the file of borrow rates instead.")
    ] = False,
    bars: BarLength = None,
) -> None:
    """Check a price file that you changed, and record its new sha256."""
    sealed = backtest.seal_prices(
        symbol, source, adjust, borrow=borrow, bars=bars, **folders.arguments()
    )
    typer.echo(f"wrote {sealed}")


actions = options.App(
    no_args_is_help=True, help="List, add, check and seal dividends, splits, halts, delistings."
)


@actions.command("list", epilog="Example: `backtest actions list CRWV`")
def list_actions(
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="SYMBOL", help="Symbols; all by default.")
    ] = None,
    as_json: options.AsJson = False,
    data: options.DataFolder = None,
) -> None:
    """List dividends, splits, halts, delistings and new names by day."""
    frame = backtest.list_actions(symbols, data=data)
    for name in ("day", "until"):
        frame[name] = frame[name].dt.strftime("%Y-%m-%d")
    cli.show.output(cli.show.records(frame), cli.show_data.actions, as_json=as_json)


@actions.command("add", epilog="Example: `backtest actions add ACME split 2025-06-05 2 --source …`")
def add_action(
    symbol: SymbolArgument,
    action: Annotated[
        str,
        typer.Argument(
            metavar="ACTION",
            help="dividend, split, delisted, cash_merger, halted, renamed or cusip.",
        ),
    ],
    day: Annotated[
        str, typer.Argument(metavar="DAY", help="First session after it, such as the ex-date.")
    ],
    amount: Annotated[
        float | None,
        typer.Argument(
            metavar="AMOUNT", help="Dollars a share; for a split new shares for one: 2, or 0.1."
        ),
    ] = None,
    until: Annotated[date | None, options.day("--until", "Last session of a halt.")] = None,
    name: Annotated[str, typer.Option(help="The former ticker, or the new CUSIP.")] = "",
    source: Annotated[str, typer.Option(help="Where the action can be looked up.")] = "",
    yes: options.Yes = False,
    data: options.DataFolder = None,
) -> None:
    """Record an action; one of the same day and kind is replaced."""
    update = backtest.add_action(
        symbol, action, day, amount,
        until=until, name=name, source=source, dry_run=True, data=data,
    )  # fmt: skip
    for line in cli.show_data.action_lines(update):
        typer.echo(line)
    if not update:
        typer.echo(f"{update.path} has it already: nothing changes.")
    elif cli.show.is_confirmed(yes=yes) and (version := update.make()):
        typer.echo(f"wrote {update.path}, version {version.number}")


@actions.command("check", epilog="Example: `backtest actions check CRWV`")
def check_actions(
    folders: options.FolderOptions, symbol: OneSymbol = None, as_json: options.AsJson = False
) -> None:
    """Find actions that are wrong, or that prices contradict."""
    cli.show_data.findings(backtest.check_actions(symbol, **folders.arguments()), as_json=as_json)


@actions.command("undo", epilog="Example: `backtest actions undo CRWV`")
def undo_actions(
    symbol: SymbolArgument, to: options.ToVersion = None, data: options.DataFolder = None
) -> None:
    """Undo the last change of a file of actions. Repeat it to undo the one before."""
    with options.undoing():
        path, version = backtest.undo_actions(symbol, to=to, data=data)
    typer.echo(f"wrote {path}, version {version.number}: {version.reason}")


@actions.command("seal", epilog="Example: `backtest actions seal CRWV --source 'the company'`")
def seal_actions(
    folders: options.FolderOptions, symbol: SymbolArgument, source: options.SourceOption = None
) -> None:
    """Check a file that you changed, and record its new sha256."""
    typer.echo(f"wrote {backtest.seal_actions(symbol, source, **folders.arguments())}")
