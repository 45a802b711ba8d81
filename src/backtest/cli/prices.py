"""`backtest prices`: the price files that are there."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli import options
from backtest.errors import BacktestError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backtest.data.versions import Version
    from backtest.sources.updates import PriceUpdate


app = options.App(no_args_is_help=True, help="List, fetch, import, check and seal prices.")
Accept = Annotated[
    bool, typer.Option("--accept-revisions", help="Replace rows that differ; without it they stay.")
]


@app.command(
    "fetch", epilog="Example: `backtest prices fetch CRWV` · `backtest prices fetch SPY QQQ`"
)
def fetch(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL", help="As Yahoo writes them.")],
    interval: Annotated[str, typer.Option(help="1d, 1h, 5m or 1m.")] = "1d",
    first: Annotated[
        date | None, options.day("--from", "First day; that of the file, or as far as Yahoo goes.")
    ] = None,
    last: Annotated[date | None, options.day("--to", "Last day; the last finished bar.")] = None,
    adjust: Annotated[
        str | None,
        typer.Option(
            help="splits, or all for splits and dividends (closes alone, for a benchmark); "
            "as the file has it, else splits."
        ),
    ] = None,
    accept: Accept = False,
    as_json: options.AsJson = False,
    data: options.DataFolder = None,
) -> None:
    """Fetch prices from Yahoo: new rows are added, rows that differ are shown."""
    from backtest.cli import show, show_data
    from backtest.sources.updates import check_symbol, raise_refused
    from backtest.sources.yahoo import ADJUSTS, INTERVALS, fetch_prices
    from backtest.workspace.folders import find_data

    names = list(dict.fromkeys(check_symbol(symbol.upper()) for symbol in symbols))
    terms: dict[str, Any] = {
        "interval": _one_of("--interval", interval, INTERVALS),
        "first": first,
        "last": last,
        "adjust": None if adjust is None else _one_of("--adjust", adjust, ADJUSTS),
        "accept": accept,
        "among": len(names),
    }
    folder = find_data(data)
    made: list[tuple[PriceUpdate, Version | None]] = []
    failed: dict[str, BacktestError] = {}
    for symbol in _with_progress(names, "Fetching"):
        try:
            update = fetch_prices(folder, symbol, **terms)
            made.append((update, update.make()))
        except BacktestError as error:
            failed[symbol] = error
    if as_json:
        show.print_json([_as_dict(update, version) for update, version in made])
    else:
        show_data.prices_written(made)
    raise_refused(failed, len(names), "fetched")


@app.command("import", epilog="Example: `backtest prices import ACME.csv --source 'my broker'`")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet.")],
    symbol: options.SymbolsOfFile = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="FIELD=COLUMN", help="Such as close=Last; repeat for several."
        ),
    ] = None,
    adjust: Annotated[
        str | None, typer.Option(help="Adjust mode: none, splits, splits and dividends.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where the figures come from.")] = None,
    closes: Annotated[
        bool, typer.Option("--closes", help="Take closes alone, as for a benchmark.")
    ] = False,
    decimal: Annotated[str | None, typer.Option(help="The decimal sign, . or ,")] = None,
    date_format: Annotated[
        str | None, typer.Option(metavar="FORM", help="How days are written, as %d/%m/%Y.")
    ] = None,
    accept: Accept = False,
    yes: options.Yes = False,
    data: options.DataFolder = None,
) -> None:
    """Take in a file of daily prices, of one symbol or many; what is guessed is shown first."""
    from backtest.cli import show_data
    from backtest.cli.event_edits import at_terminal, is_confirmed
    from backtest.sources.own_files import import_prices, read_price_file
    from backtest.sources.updates import raise_refused
    from backtest.workspace.folders import find_data

    named = options.parse_pairs("--map", columns or [], example="close=Last")
    sign = None if decimal is None else _one_of("--decimal", decimal, (".", ","))
    folder = find_data(data)
    found = read_price_file(
        file, named, symbols=symbol or [], decimal=sign, date_form=date_format, closes=closes
    )
    show_data.price_file(found)
    if source is None and at_terminal() and not yes:
        source = typer.prompt("Where do the figures come from?", default="unknown")
    refused: dict[str, BacktestError] = {}
    total = len(found.tables)
    prepared = import_prices(folder, found, refused, source=source, adjust=adjust, accept=accept)
    updates = list(_with_progress(prepared, "Checking", total))
    show_data.price_updates(updates)
    if not any(update.added or update.replaced for update in updates):
        raise_refused(refused, total, "taken in")
        typer.echo("Nothing changes.")
        return
    if not is_confirmed(yes=yes):
        return
    written = [u.path for u in _with_progress(updates, "Writing") if u.make() is not None]
    paths = (
        written
        if len(written) <= show_data.MOST_SYMBOLS
        else sorted({path.parent for path in written})
    )
    files = f"{len(written):,} files: " * (len(written) > 1)
    typer.echo(f"wrote {files}{', '.join(map(str, paths))}")
    raise_refused(refused, total, "taken in")


@app.command("undo", epilog="Example: `backtest prices undo CRWV`")
def undo(
    symbol: Annotated[str, typer.Argument(help="The symbol whose file is put back.")],
    interval: Annotated[str, typer.Option(help="1d, 1h, 5m or 1m.")] = "1d",
    to: options.ToVersion = None,
    data: options.DataFolder = None,
) -> None:
    """Put the version of a price file before this one back; again for the one before."""
    from backtest.api import data as calls
    from backtest.sources.yahoo import INTERVALS

    each = _one_of("--interval", interval, INTERVALS)
    try:
        path, version = calls.undo_prices(symbol, each, to=to, data=data)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(options.LOOK_FIRST) from None
    typer.echo(f"{path} is at version {version.number}: {version.reason}")


def _one_of(option: str, text: str, allowed: tuple[Any, ...]) -> Any:
    if text not in allowed:
        raise UsageError(f"{option} {text!r} is unknown. Choose one of {', '.join(allowed)}.")
    return text


def _with_progress(work: Iterable[Any], word: str, total: int | None = None) -> Iterable[Any]:
    """The same one by one, with a bar at a terminal; nothing may be printed meanwhile."""
    from rich.progress import track

    from backtest.cli import show

    terminal = show.console(stderr=True)
    if not terminal.is_terminal:
        return work
    return track(work, word, total=total, console=terminal, transient=True)


def _as_dict(update: PriceUpdate, version: Version | None) -> dict[str, Any]:
    """A change as JSON has it."""
    return {
        "symbol": update.symbol,
        "path": str(update.path),
        "version": version.number if version else None,
        "added": list(update.added),
        "replaced": sorted(update.replaced),
        "changed": [change._asdict() for change in update.changes],
        "notes": list(update.notes),
    }


@app.command("list", epilog="Example: `backtest prices list`")
def list_prices(folders: options.Folders, as_json: options.AsJson = False) -> None:
    """List the symbols with their span, adjust mode and source."""
    from backtest.api import data as calls
    from backtest.cli import show, show_data

    rows = calls.list_prices(data=folders.data).reset_index().to_dict("records")
    if as_json:
        show.print_json(rows)
    else:
        show_data.symbols(show.console(), rows)


@app.command("check", epilog="Example: `backtest prices check CRWV`")
def check_prices(
    folders: options.Folders,
    symbol: Annotated[str | None, typer.Argument(help="One symbol; all by default.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Find prices that changed or are unlikely, and borrow rates that nobody quoted."""
    from backtest.api import data as calls
    from backtest.cli import show_data

    show_data.findings(calls.check_prices(symbol, **folders.arguments()), as_json=as_json)


@app.command("seal", epilog="Example: `backtest prices seal CRWV --source 'my broker'`")
def seal_prices(
    folders: options.Folders,
    symbol: Annotated[str, typer.Argument(help="The symbol whose file was changed.")],
    source: Annotated[str | None, typer.Option(help="Where the figures come from.")] = None,
    adjust: Annotated[
        str | None, typer.Option(help="Adjust mode: none, or for splits and dividends.")
    ] = None,
    borrow: Annotated[bool, typer.Option("--borrow", help="The file of borrow rates.")] = False,
) -> None:
    """Check a price file that you changed and record its sha256 anew."""
    from backtest.api import data as calls

    sealed = calls.seal_prices(symbol, source, adjust, borrow=borrow, **folders.arguments())
    typer.echo(f"wrote {sealed}")
