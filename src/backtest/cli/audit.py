"""`backtest audit`: proof that a strategy does not look ahead, or where it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console
    from rich.table import Table

    from backtest.audit.declared import Report

    Record = Mapping[str, Any]


CHECK_EXAMPLES = (
    "Example: `backtest check insider_sale`. The exit code is 2 where the contract is broken and "
    "4 where the strategy looks ahead. `backtest audit` looks for that in many more worlds."
)
_STYLES = {"ok": "green", "warning": "yellow", "failed": "red", "not tried": "dim"}


@options.command
def check(
    folders: options.Folders,
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="The strategy.")],
    symbol: options.Symbols = None,
    settings: options.Settings = None,
    as_json: options.AsJson = False,
) -> None:
    """Hold a strategy against the contract: pure, bounded, repeatable, never looking ahead."""
    from backtest.api import calls
    from backtest.cli import show

    parameters = options.parse_settings(settings)
    report = calls.check(
        strategy, parameters=parameters, symbols=symbol, **folders.arguments()
    ).report
    if as_json:
        show.print_json(report.as_dict())
    else:
        _print_report(show.console(), report)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _print_report(out: Console, report: Report) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for wraps in (False, False, True):
        table.add_column(no_wrap=not wraps, overflow="fold")
    for one in report.results:
        text = Text(one.what)
        if one.where:
            text.append(f"\n{one.where}", style="dim")
        table.add_row(Text(one.outcome, style=_STYLES[one.outcome]), one.title, text)
    out.print(Text(f"{report.strategy} · contract", style="bold"))
    out.print()
    out.print(table)
    out.print()
    out.print(Text(report.sentence, style="red" if report.failed else "green"))


EXAMPLES = (
    "Examples: `backtest audit nvidia_stake` · `backtest audit earnings_surprise --set hold=5` · "
    "`backtest audit earnings_surprise --universe us_large`. "
    "The exit code is 4 where the strategy is not found clean."
)
_MOST_SHOWN = 3  # findings of a check; the page has more


@options.command
def audit(
    terms: options.Terms,
    folders: options.AllFolders,
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="The strategy.")],
    worlds: Annotated[
        int | None,
        typer.Option(min=0, help="How many null worlds. [200; 100 for a strategy of Backtrader's]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random.")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. [one for each core]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Audit again what has been.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Ask whether a strategy looks ahead, and show where it does."""
    from backtest.api import calls
    from backtest.audit.record import EXIT_CODE
    from backtest.cli import show

    with show.progress("Worlds") as on_worlds:
        found = calls.audit_strategy(
            strategy,
            worlds=worlds,
            seed=seed,
            workers=workers,
            force=force,
            **terms.arguments(),
            **folders.arguments(),
            before=lambda _: options.announce_compiling(),
            on_worlds=on_worlds,
        )
    page = found.page()
    if as_json:
        show.print_json({**found.record, "path": str(found.path)})
    else:
        _print_audit(show.console(), found.record)
        if found.known:
            typer.echo("It had been audited before with the same inputs; --force does it again.")
        typer.echo(f"The page: {page}")
    if found.outcome != "clean":
        raise typer.Exit(EXIT_CODE)


def _print_audit(out: Console, record: Record) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from backtest.cli import show
    from backtest.reports import audit_page as words

    color = "green" if record["outcome"] == "clean" else "red"
    out.print(Text(f"{words.title(record)} · audit {record['audit_id']}", style="bold"))
    out.print()
    out.print(Text(f"{words.outcome(record)}. {record['sentence']}", style=color))
    out.print()
    out.print(show.labelled(_summary(record)))
    for check in record["checks"]:
        if check["count"]:
            out.print(Text(f"\n{check['title']}: {words.found(check)}\n", style="bold"))
            for finding in check["findings"][:_MOST_SHOWN]:
                if finding["date"]:
                    out.print(Text(f"{finding['date']} {finding['event_id']}"))
                out.print(Padding(Text(finding["what"]), (0, 0, 0, 2)))
                if finding["full"] or finding["world"]:
                    out.print(Padding(_sides(check, finding), (0, 0, 0, 2)))
    out.print(Text("\nWhat no audit can prove\n", style="bold"))
    for heading, text in words.LIMITS:
        out.print(Text.assemble((f"{heading}. ", "bold"), text), style="dim")
    out.print()


def _summary(record: Record) -> Iterator[tuple[str, str]]:
    """What was tried and found: a heading and its sentences."""
    from backtest.reports import audit_page as words

    noun = words.decided(record)
    for check in record["checks"]:
        size = "" if check["not_tried"] else f" {words.tried(check, noun)}."
        yield check["title"], f"{check['what']}{size} {words.found(check).capitalize()}."
    yield from words.sensitivity(record)
    yield "Null world", words.null(record)
    yield "Data", words.data(record)


def _sides(check: Record, finding: Record) -> Table:
    """Both decisions in two lines, one below the other."""
    from rich.table import Table as Grid
    from rich.text import Text

    from backtest.reports import audit_page as words

    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for heading, side in zip(words.headings(check), ("full", "world"), strict=True):
        grid.add_row(heading, Text(words.text_of(finding[side])))
    return grid
