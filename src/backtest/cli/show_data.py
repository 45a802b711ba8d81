"""Print prices, actions, events, universes, strategies and settings to the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.padding import Padding
from rich.text import Text

from backtest.cli import show
from backtest.errors import DataError
from backtest.stats.formats import (
    UNKNOWN,
    counted,
    few,
    field,
    new_york_day,
    new_york_time,
    percent,
)
from backtest.strategy.parameters import to_text

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from backtest.data.edits import Diff, Edit
    from backtest.data.listing import ListedEvent
    from backtest.data.versions import Version
    from backtest.sources.action_files import ActionUpdate
    from backtest.sources.own_events import OwnEvents
    from backtest.sources.own_prices import PriceFile
    from backtest.sources.updates import PriceUpdate
    from backtest.workspace.folders import Config, Setting

MOST_SYMBOLS = 12  # symbols of an import, or changes of a symbol, that are printed one by one
_FIRST = 3  # rows, or reasons, that are printed of many
_COLORS = {
    "error": "red", "warning": "yellow", "note": "default",
    "false": "red", "imprecise": "yellow", "true": "green", "unknown": "default",
}  # fmt: skip


def events(out: Console, rows: Sequence[ListedEvent]) -> None:
    """Print events, a line each, with the headline below it."""
    columns = {
        "Id": [row.event.id for row in rows],
        "Public, New York": [row.published for row in rows],
        "Precise": [str(row.event.precision) for row in rows],
        "Tradable": [UNKNOWN if row.obstacle else str(row.session) for row in rows],
        "Grade": [row.event.grade or UNKNOWN for row in rows],
    }
    spare = ("Grade", "Precise", "Public, New York")
    out.print(show.detailed(columns, map(_headline, rows), out.width, spare=spare))


def event(out: Console, values: Mapping[str, Any]) -> None:
    """Print every field of an event, and where its row comes from."""
    fields = [(name, field(name, value)) for name, value in values.items() if name != "provenance"]
    origin = ("Where it comes from", "")
    out.print(show.table(("Field", "Value"), fields, whole=["Field"]), "", sep="\n")
    out.print(show.table(origin, _origin(values["provenance"]), whole=origin[:1]))


def kinds(out: Console, fields: Sequence[Mapping[str, Any]]) -> None:
    """Print the fields of each kind, those that every event needs first."""
    for kind, rows in groupby(fields, key=lambda row: row["kind"]):
        out.print(Text(kind, style="bold"))
        ordered = sorted(rows, key=lambda row: not row["needed"])
        lines = [(row["field"] + " *" * row["needed"], row["meaning"]) for row in ordered]
        out.print(Padding(show.grid(lines), (0, 0, 1, 4), expand=False))
    out.print("* each event needs it, and a source: an address, or unknown.", style="dim")


def _headline(row: ListedEvent) -> str:
    why = f" (not tradable: {row.obstacle})" if row.obstacle else ""
    symbol = f"{row.event.symbol}: " * bool(row.event.symbol)
    return symbol + row.event.headline + why


def _origin(origin: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the rows that tell where an event comes from: a heading and a text each."""
    retrieved = f"unknown; the file was compiled on {origin['compiled_on']}"
    if origin["retrieved_at"] is not None:
        retrieved = field("retrieved_at", origin["retrieved_at"])
    rest = ("came_in_with", "changed_last_with", "history")
    return [
        ("Sources", "\n".join(origin["sources"]) or "unknown"),
        ("Retrieved", retrieved),
        ("File", f"{origin['file']}, line {origin['line']}"),
        ("The file's sha256", origin["sha256"]),
        ("The file's source", origin["compiled_from"] or "unknown"),
        *((name.replace("_", " ").capitalize(), origin[name]) for name in rest if name in origin),
    ]


def _print_findings(out: Console, findings: pd.DataFrame) -> None:
    """Print findings by severity, and then how many there are of each."""
    from backtest.data.event_checks import SEVERITIES

    totals = []
    for severity in SEVERITIES:
        group = findings[findings["severity"] == severity]
        totals.append(counted(len(group), severity))
        if len(group):
            out.print(Text(f"{severity.capitalize()}s\n", style="bold"))
        for finding in group.to_dict("records"):
            out.print(Text(finding["what"], style=_COLORS[severity]))
            for name in ("where", "why", "mend"):
                text = Text(finding[name], style="dim", overflow="fold")
                out.print(Padding(text, (0, 0, 0, 4), expand=False))
            out.print()
    out.print(f"{', '.join(totals)}.")


def verdicts(out: Console, claims: Sequence[Mapping[str, Any]]) -> None:
    """Print each claim with its verdict and the evidence, and then what the verdicts mean."""
    from backtest.audit.claims import JUDGEMENTS, MEANING, with_unit

    rows: list[tuple[show.Cell, show.Cell]] = []
    for claim in claims:
        figures = f"Claimed {with_unit(claim['claimed'], claim['unit'])}"
        if claim["found"]:
            figures += f", found {claim['found']}"
        rows.append((Text(claim["verdict"], style=_COLORS[claim["verdict"]]), claim["statement"]))
        rows.append(("", Text(f"{figures}. {claim['evidence']}\n", style="dim")))
    out.print(show.grid(rows))
    counts = Counter(claim["verdict"] for claim in claims)
    totals = ", ".join(f"{counts[judgement]} {judgement}" for judgement in JUDGEMENTS)
    out.print(Text(f"{counted(len(claims), 'claim')}: {totals}."))
    out.print(Text(MEANING, style="dim"))


def findings(rows: pd.DataFrame, *, as_json: bool) -> None:
    """Print findings, errors first; exit with the code of bad data if there is an error."""
    if as_json:
        show.print_json(rows.to_dict("records"))
    else:
        _print_findings(show.console(), rows)
    if "error" in set(rows["severity"]):
        raise typer.Exit(DataError.exit_code)


def file_columns(file: PriceFile | OwnEvents) -> None:
    """Print how the columns of a file were understood, and notes on it."""
    columns = ", ".join(f"{field} from {name!r}" for field, name in file.columns.items())
    typer.echo(f"{file.path} is read as follows: {columns}.")
    for note in file.notes:
        typer.echo(note)


def price_file(file: PriceFile) -> None:
    """Print how the columns of a price file were understood, and its first rows."""
    file_columns(file)
    columns = [name for name in file.columns if name not in ("date", "time", "symbol")]
    first = [
        (symbol, key, values)
        for symbol, rows in list(file.tables.items())[:3]
        for key, values in zip(rows.index[:3], rows.to_numpy()[:3].tolist(), strict=True)
    ]
    keys = {"Symbol": [symbol for symbol, *_ in first]}
    if file.bars:
        keys["Opens, New York"] = [new_york_time(f"{key.isoformat()}Z") for _, key, _ in first]
    else:
        keys["Date"] = [str(key.date()) for _, key, _ in first]
    cells = [
        (name, [f"{values[n]:,.10g}" for *_, values in first]) for n, name in enumerate(columns)
    ]
    out = show.console()
    show.print_columns(out, keys, cells)
    total = sum(len(rows) for rows in file.tables.values())
    out.print(f"{counted(len(file.tables), 'symbol')}, {counted(total, 'row')}")


def prices_written(updates: list[tuple[PriceUpdate, Version | None]]) -> None:
    """Print what changed in price files, and the versions that were written."""
    for update, version in updates:
        written = "  no price changed" if update.actions else "  unchanged"
        if version:
            written = f"  wrote {update.path}, version {version.number}"
        for line in (*_update_lines(update), written):
            typer.echo(line)


def price_updates(updates: list[PriceUpdate]) -> None:
    """Print what changes: the first symbols row by row, those with changes first, then totals."""
    ordered = sorted(updates, key=lambda update: not (update.added or update.changes))
    for update in ordered[:MOST_SYMBOLS]:
        for line in _update_lines(update):
            typer.echo(line)
    if len(updates) > MOST_SYMBOLS:
        added = sum(len(update.added) for update in updates)
        changed = sum(len({change.key for change in update.changes}) for update in updates)
        typer.echo(
            f"… and {counted(len(updates) - MOST_SYMBOLS, 'more symbol')}. "
            f"In all {counted(added, 'row')} added, {changed:,} that differ."
        )


def _update_lines(update: PriceUpdate) -> Iterable[str]:
    added, changes = update.added, update.changes
    span = f", {added[0]} to {added[-1]}" if added else ""
    yield f"{update.symbol}: {counted(len(added), 'row')} added{span}"
    for change in changes[:MOST_SYMBOLS]:
        yield f"  {change.key} {change.column}: {change.old} → {change.new}"
    if len(changes) > MOST_SYMBOLS:
        yield f"  … and {len(changes) - MOST_SYMBOLS:,} more cells"
    if changes:
        differ = counted(len({change.key for change in changes}), "row")
        kept = f"{differ} on file would change: --accept-revisions replaces what differs"
        yield f"  replaced {differ}" if update.accepted else f"  {kept}"
    for note in update.notes:
        yield f"  {note}"
    if update.actions is not None:
        yield from action_lines(update.actions)
        if update.actions:
            yield f"  actions go to {update.actions.path}"


def action_lines(update: ActionUpdate) -> Iterator[str]:
    """Yield lines on the actions that are added, and on what differs in those on file."""
    for row in update.added[:MOST_SYMBOLS]:
        yield f"  added {row}"
    if len(update.added) > MOST_SYMBOLS:
        yield f"  … and {len(update.added) - MOST_SYMBOLS:,} more actions"
    for change in update.changes:
        yield f"  {change.key}, {change.column}: {change.old or UNKNOWN} → {change.new or UNKNOWN}"
    if update.changes and not update.accepted:
        yield "  these stay as they are on file; --accept-revisions replaces them"


def actions(out: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print actions, a line each."""
    if not rows:
        out.print("There are no actions on file.")
        return
    headers = ("Symbol", "Day", "Action", "Amount", "More", "Source")
    cells = (
        (
            row["symbol"],
            row["day"],
            row["action"],
            "" if row["amount"] is None else f"{row['amount']:,.10g}",
            f"until {row['until']}" if row["until"] else row["name"],
            row["source"],
        )
        for row in rows
    )
    out.print(show.table(headers, cells, right=["Amount"], whole=headers[:4]))


def symbols(out: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print symbols, a line each, with their adjust mode and source below."""
    below = [f"Adjusted: {row['adjust'] or UNKNOWN}. {row['source']}" for row in rows]
    out.print(show.with_details(zip(map(_price_line, rows), below, strict=True)))


def _price_line(row: Mapping[str, Any]) -> str:
    span = f"{row['first']} to {row['last']}  {row['sessions']:>6,} sessions"
    return f"{row['symbol']:<6} {row['bars']:<5}  {span}  {row['columns']}"


def changes(edit: Edit, *, whole: bool) -> None:
    """Print the rows that change, and when their events can be traded; a few, or `whole`."""
    out = show.console()
    rows = list(_rows(edit.diff))
    is_cut = len(rows) > show.MOST_ROWS and not whole
    for line, style in chain.from_iterable(rows[:_FIRST] if is_cut else rows):
        out.print(Text(line, style=style), soft_wrap=True)
    for row in edit.events[:_FIRST] if is_cut else edit.events:
        when = row.obstacle or f"first tradable in the session of {row.session}"
        line = f"{row.event.id}: public {row.published} New York, {when}"
        out.print(Text(line), soft_wrap=True)
    if is_cut:
        rest = counted(len(rows) - _FIRST, "more row")
        out.print(Text(f"… and {rest}; -v prints them all", style="dim"))
        out.print(Text(_counts(edit)))


def _counts(edit: Edit) -> str:
    """Count the rows that are added, changed and removed, and the events that cannot be traded."""
    diff = edit.diff
    changed = len({change.key for change in diff.changed})
    added, removed = len(diff.added), len(diff.removed)
    text = f"In all {added:,} added, {changed:,} changed, {removed:,} removed."
    obstacles = Counter(row.obstacle for row in edit.events if row.obstacle).most_common()
    if not obstacles:
        return text
    why = "; ".join(f"{number:,} {obstacle}" for obstacle, number in obstacles[:_FIRST])
    rest = sum(number for _, number in obstacles[_FIRST:])
    more = f"; {rest:,} for other reasons" if rest else ""
    total = sum(number for _, number in obstacles)
    return f"{text} {counted(total, 'event')} cannot be traded: {why}{more}."


def _rows(diff: Diff) -> Iterator[list[tuple[str, str]]]:
    """Yield the lines of each row that changes, each with its style."""
    for sign, rows, style in (("+", diff.added, "green"), ("-", diff.removed, "red")):
        for name, row in rows.items():
            cells = [f"    {column}: {cell}" for column, cell in row.items() if cell]
            yield [(line, style) for line in (f"{sign} {name}", *cells)]
    for name, changes in groupby(diff.changed, key=lambda change: change.key):
        yield [
            (f"~ {name}", "yellow"),
            *(
                (f"    {change.column}: {change.old or UNKNOWN} → {change.new or UNKNOWN}", "")
                for change in changes
            ),
        ]


def settings(config: Config, rows: Iterable[Setting]) -> None:
    """Print the place of `backtest.toml`, and each setting with its value and origin."""
    file = config.path or f"none was found from {Path.cwd()} upwards"
    out = show.console()
    out.print(Text(f"backtest.toml: {file}\n"), soft_wrap=True)
    names = {"file": "backtest.toml"}
    cells = (
        (row.key, names.get(row.source) or row.where or row.source, _in_words(row.value))
        for row in rows
    )
    out.print(show.table(("Setting", "From", "Value"), cells, whole=("Setting", "From")))


def _in_words(value: Any) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:,.15g}" if isinstance(value, float) else to_text(value)


def strategies(out: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print strategies, each with what it acts on, its state and how it last ran."""
    for row in rows:
        out.print(Text(row["name"], style="bold"))
        lines = Text("\n").join(Text(text, style=style) for text, style in _strategy_lines(row))
        out.print(Padding(lines, (0, 0, 1, 4), expand=False))


def _strategy_lines(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the lines about a strategy, each with its style."""
    ran = _last(row["last_run"], lambda run: f"{percent(run['total_return'])} ({run['run_id']})")
    audited = _last(row["last_audit"], itemgetter("outcome"))
    history = f"last run {ran} · last audit {audited}"
    if row["error"] is not None:
        # The message names the path, except of a file of an installed package.
        path = [] if row["path"] in row["error"] else [(row["path"], "dim")]
        return [(row["error"], "red"), *path, (history, "dim")]
    parameters = " ".join(f"{name}={value}" for name, value in row["parameters"].items())
    return [
        *([(row["summary"], "")] if row["summary"] else []),
        (f"acts on {', '.join(row['events'])}", ""),
        *([(parameters, "dim")] if parameters else []),
        (f"ok · {row['path']}", "dim"),
        (history, "dim"),
    ]


def _last(record: Mapping[str, Any] | None, outcome: Callable[[Mapping[str, Any]], str]) -> str:
    """Tell when a strategy was last run or audited, the outcome, and whether it changed since."""
    if record is None:
        return "never"
    changed = "" if record["unchanged"] else ", changed since"
    return f"{new_york_day(record['finished_at'])} {outcome(record)}{changed}"


def universes(out: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print universes: stocks, prices, events, what is missing, and the source."""
    if not rows:
        typer.echo(
            "There is no universe in the data folder. Write one as universes/NAME/members.csv "
            "with the columns symbol, first, last."
        )
    for row in rows:
        out.print(Text(row["name"], style="bold"), show.grid(_universe_lines(row)), "", sep="\n")


def _universe_lines(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Stocks", f"{len(row['symbols']):,}: {few(row['symbols'])}"
    yield "Prices", f"{row['first']} to {row['last']}" if row["first"] else "none"
    counts = [f"{number:,} {kind.replace('_', ' ')}" for kind, number in row["events"].items()]
    yield "Events", ", ".join(counts) or "none"
    missing = {"without prices": row["without_prices"], "without events": row["without_events"]}
    parts = [f"{counted(len(of), 'stock')} {what}: {few(of)}" for what, of in missing.items() if of]
    yield "Missing", "; ".join(parts) or "nothing"
    yield "Source", row["source"]
