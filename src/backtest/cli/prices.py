"""`backtest prices`: the price files that are there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli import options
from backtest.errors import BacktestError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backtest.data.versions import Version
    from backtest.sources.own_files import PriceFile
    from backtest.sources.updates import PriceUpdate


_MOST = 12  # changes that are shown of a symbol, and symbols of an import
Accept = Annotated[
    bool,
    typer.Option("--accept-revisions", help="Replace rows that differ; without it they stay."),
]


def fetch(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL", help="As Yahoo writes them.")],
    interval: Annotated[str, typer.Option(help="1d, 1h, 5m or 1m.")] = "1d",
    first: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DAY", help="First day; that of the file, or as far as Yahoo goes."
        ),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day; the last finished bar.")
    ] = None,
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
    from backtest.experiments.terms import read_day
    from backtest.sources.updates import check_symbol, raise_refused
    from backtest.sources.yahoo import ADJUSTS, INTERVALS, fetch_prices
    from backtest.workspace.folders import find_data

    names = list(dict.fromkeys(check_symbol(symbol.upper()) for symbol in symbols))
    terms: dict[str, Any] = {
        "interval": _one_of("--interval", interval, INTERVALS),
        "first": read_day("--from", first),
        "last": read_day("--to", last),
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
        from backtest.cli import show

        show.print_json([_as_dict(update, version) for update, version in made])
    else:
        _show_made(made)
    raise_refused(failed, len(names), "fetched")


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet.")],
    symbol: Annotated[
        str | None,
        typer.Option(help="Whose prices they are; of a file with many, the one to take."),
    ] = None,
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
    from backtest.cli.event_edits import at_terminal
    from backtest.sources.own_files import import_prices, read_price_file
    from backtest.sources.updates import raise_refused
    from backtest.workspace.folders import find_data

    named = options.parse_pairs("--map", columns or [], example="close=Last")
    sign = None if decimal is None else _one_of("--decimal", decimal, (".", ","))
    folder = find_data(data)
    found = read_price_file(
        file, named, symbol=symbol, decimal=sign, date_form=date_format, closes=closes
    )
    _show_guess(found)
    if source is None and at_terminal() and not yes:
        source = typer.prompt("Where do the figures come from?", default="unknown")
    refused: dict[str, BacktestError] = {}
    total = len(found.tables)
    prepared = import_prices(folder, found, refused, source=source, adjust=adjust, accept=accept)
    updates = list(_with_progress(prepared, "Checking", total))
    _show_updates(updates)
    if not any(update.added or update.replaced for update in updates):
        raise_refused(refused, total, "taken in")
        typer.echo("Nothing changes.")
        return
    if not yes:
        if not at_terminal():
            raise UsageError("Nothing was written: there is no terminal to ask at. --yes writes.")
        if not typer.confirm("Write it?"):
            typer.echo("Nothing was written.")
            return
    written = [u.path for u in _with_progress(updates, "Writing") if u.make() is not None]
    places = written if len(written) <= _MOST else sorted({path.parent for path in written})
    files = f"{len(written):,} files: " * (len(written) > 1)
    typer.echo(f"wrote {files}{', '.join(map(str, places))}")
    raise_refused(refused, total, "taken in")


def undo(
    symbol: Annotated[str, typer.Argument(help="The symbol whose file is put back.")],
    interval: Annotated[str, typer.Option(help="1d, 1h, 5m or 1m.")] = "1d",
    data: options.DataFolder = None,
) -> None:
    """Put the version of a price file before this one back; again for the one before."""
    from backtest.api import data as calls
    from backtest.sources.yahoo import INTERVALS

    path, version = calls.undo_prices(symbol, _one_of("--interval", interval, INTERVALS), data=data)
    typer.echo(f"wrote {path}, version {version.number}: {version.reason}")


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


def _show_guess(file: PriceFile) -> None:
    """The columns as they were understood, and the first rows."""
    from backtest.cli import show
    from backtest.stats.formats import counted

    columns = [name for name in file.columns if name not in ("date", "symbol")]
    table = show.new_table("Symbol", "Date", *columns, right=columns)
    for symbol, rows in list(file.tables.items())[:3]:
        for day, values in zip(rows.index[:3], rows.to_numpy()[:3].tolist(), strict=True):
            table.add_row(symbol, str(day.date()), *(f"{value:,.10g}" for value in values))
    out = show.console()
    taken = ", ".join(f"{field} from {name!r}" for field, name in file.columns.items())
    out.print(f"{file.path} is read so: {taken}.", soft_wrap=True, markup=False)
    for note in file.notes:
        out.print(note, soft_wrap=True, markup=False)
    out.print(table)
    rows = sum(len(rows) for rows in file.tables.values())
    out.print(f"{counted(len(file.tables), 'symbol')}, {counted(rows, 'row')}")


def _show_made(made: list[tuple[PriceUpdate, Version | None]]) -> None:
    from rich.text import Text

    from backtest.cli import show

    out = show.console()
    for update, version in made:
        written = f"  wrote {update.path}, version {version.number}" if version else "  unchanged"
        for line in (*_lines(update), written):
            out.print(Text(line), soft_wrap=True)


def _show_updates(updates: list[PriceUpdate]) -> None:
    """What changes, of the first symbols row by row; those that change come first."""
    from rich.text import Text

    from backtest.cli import show

    out = show.console()
    for update in sorted(updates, key=lambda one: not (one.added or one.changes))[:_MOST]:
        for line in _lines(update):
            out.print(Text(line), soft_wrap=True)
    if len(updates) > _MOST:
        added = sum(len(update.added) for update in updates)
        changed = sum(len({change.key for change in update.changes}) for update in updates)
        out.print(
            f"… and {len(updates) - _MOST:,} more symbols. "
            f"In all {added:,} rows added, {changed:,} that differ."
        )


def _lines(update: PriceUpdate) -> Iterable[str]:
    from backtest.stats.formats import counted

    added, changes = update.added, update.changes
    span = f", {added[0]} to {added[-1]}" if added else ""
    yield f"{update.symbol}: {counted(len(added), 'row')} added{span}"
    for change in changes[:_MOST]:
        yield f"  {change.key} {change.column}: {change.old} → {change.new}"
    if len(changes) > _MOST:
        yield f"  … and {len(changes) - _MOST:,} more cells"
    if changes:
        differ = counted(len({change.key for change in changes}), "row")
        yield (
            f"  replaced {differ}"
            if update.accepted
            else (
                f"  what came differs in {differ}; the file stays, --accept-revisions replaces them"
            )
        )
    for note in update.notes:
        yield f"  {note}"


COMMANDS = (
    ("fetch", fetch, "Example: `backtest prices fetch CRWV` · `backtest prices fetch SPY QQQ`"),
    ("import", import_file, "Example: `backtest prices import ACME.csv --source 'my broker'`"),
    ("undo", undo, "Example: `backtest prices undo CRWV`"),
)


app = typer.Typer(no_args_is_help=True, help="List, fetch, import, check and seal prices.")
for name, command, example in COMMANDS:
    app.command(name, epilog=example)(command)


@app.command("list", epilog="Example: `backtest prices list`")
@options.command
def list_prices(
    folders: options.Folders,
    as_json: options.AsJson = False,
) -> None:
    """List the symbols with their span, adjust mode and source."""
    from backtest.api import data as calls
    from backtest.cli import show
    from backtest.stats.formats import UNKNOWN

    rows = calls.list_prices(data=folders.data).reset_index().to_dict("records")
    if as_json:
        show.print_json(rows)
        return
    lines = ((_line(row), f"Adjusted: {row['adjust'] or UNKNOWN}. {row['source']}") for row in rows)
    show.console().print(show.with_details(lines))


def _line(row: dict[str, Any]) -> str:
    span = f"{row['first']} to {row['last']}  {row['sessions']:>6,} sessions"
    return f"{row['symbol']:<6} {span}  {row['columns']}"


@app.command("check", epilog="Example: `backtest prices check CRWV`")
@options.command
def check_prices(
    folders: options.Folders,
    symbol: Annotated[str | None, typer.Argument(help="One symbol; all by default.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Find prices that changed or are unlikely, and borrow rates that nobody quoted."""
    from backtest.api import data as calls
    from backtest.cli.events import show_findings

    show_findings(calls.check_prices(symbol, **folders.arguments()), as_json=as_json)


@app.command("seal", epilog="Example: `backtest prices seal CRWV --source 'my broker'`")
@options.command
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
