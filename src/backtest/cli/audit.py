"""`backtest audit`: proof that a strategy does not look ahead, or where it does."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.cli.options import (
    AsJson,
    CashOption,
    CommissionOption,
    CostsOption,
    DataFolder,
    FirstDay,
    LastDay,
    MaxPositions,
    MinOrder,
    ReactionOption,
    ReportsFolder,
    Settings,
    SlippageOption,
    StrategiesFolder,
    Symbols,
    UniverseOption,
    announce_compiling,
    parse_settings,
    rules_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from backtest.audit.declared import Report
    from backtest.audit.record import Audit
    from backtest.audit.run import PreparedAudit

    Record = Mapping[str, Any]


CHECK_EXAMPLES = (
    "Example: `backtest check insider_sale`. The exit code is 2 where the contract is broken and "
    "4 where the strategy looks ahead. `backtest audit` looks for that in many more worlds."
)
_STYLES = {"ok": "green", "warning": "yellow", "failed": "red", "not tried": "dim"}


def check(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="The strategy.")],
    symbol: Symbols = None,
    settings: Settings = None,
    as_json: AsJson = False,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Hold a strategy against the contract: pure, bounded, repeatable, never looking ahead."""
    from backtest.audit.contract import check as check_contract
    from backtest.cli import show
    from backtest.workspace.folders import find_workspace, read_config

    report = check_contract(
        find_workspace(strategies, data),
        strategy,
        symbols=read_config({"symbol": symbol}).value("symbol"),
        settings=parse_settings(settings or []),
    )
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


def audit(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="The strategy.")],
    symbol: Symbols = None,
    universe: UniverseOption = None,
    first: FirstDay = None,
    last: LastDay = None,
    settings: Settings = None,
    cash: CashOption = None,
    costs: CostsOption = None,
    commission: CommissionOption = None,
    slippage: SlippageOption = None,
    reaction: ReactionOption = None,
    max_positions: MaxPositions = None,
    min_order: MinOrder = None,
    worlds: Annotated[
        int | None,
        typer.Option(min=0, help="How many null worlds. [200; 100 for a strategy of Backtrader's]"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all that is random.")] = 1,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. [one for each core]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Audit again what has been.")] = False,
    as_json: AsJson = False,
    out: ReportsFolder = None,
    data: DataFolder = None,
    strategies: StrategiesFolder = None,
) -> None:
    """Ask whether a strategy looks ahead, and show where it does."""
    from backtest.audit.record import EXIT_CODE
    from backtest.audit.run import AuditRequest, prepare
    from backtest.cli import show
    from backtest.errors import DataError
    from backtest.experiments.terms import read_day, read_terms
    from backtest.reports.audit_page import write_audit_page
    from backtest.reports.index_page import write_index
    from backtest.workspace.folders import find_workspace

    workspace = find_workspace(strategies, data, out)
    terms = read_terms(
        workspace.data,
        {"symbol": symbol, "cash": cash, "costs": costs},
        rules_of(commission, slippage, reaction, max_positions, min_order),
        universe,
    )
    request = AuditRequest(
        strategy=strategy,
        symbols=terms.symbols,
        universe=terms.universe,
        settings=parse_settings(settings or []),
        first=read_day("--from", first),
        last=read_day("--to", last),
        rules=terms.rules,
        worlds=worlds,
        seed=seed,
    )
    prepared = prepare(workspace, request)
    known = prepared.exists and not force
    done = _audit(prepared, force=force, workers=workers)
    page = write_audit_page(done.path, done.record, workspace.reports)
    if as_json:
        show.print_json({**done.record, "path": str(done.path)})
    else:
        _print_audit(show.console(), done.record)
        if known:
            typer.echo("It had been audited before with the same inputs; --force does it again.")
        typer.echo(f"The page: {page}")
    with suppress(DataError):  # of a record of trials; `run` tells
        _redraw_runs(workspace.reports, done.record)
    write_index(workspace.reports)
    if done.record["outcome"] != "clean":
        raise typer.Exit(EXIT_CODE)


def _redraw_runs(reports: Path, record: Record) -> None:
    """Draw the pages of the strategy's runs anew: they show how it was last audited."""
    from backtest.experiments.runs.store import list_runs
    from backtest.reports.run_page import write_run_page

    for run in list_runs(reports, tell=lambda _: None):
        of = run.manifest["strategy"], run.manifest["strategy_sha256"]
        audited = of == (record["strategy"], record["strategy_sha256"])
        if audited and "evidence" in run.manifest:
            write_run_page(run)


def _audit(prepared: PreparedAudit, *, force: bool, workers: int | None) -> Audit:
    """Audit with a bar that shows how far it is."""
    import os
    from functools import partial

    from rich.progress import Progress

    from backtest.audit.jobs import in_processes
    from backtest.audit.run import audit as run_audit
    from backtest.cli import show

    if force or not prepared.exists:
        announce_compiling()
    observer = partial(in_processes, workers=workers or os.cpu_count() or 1)
    with Progress(console=show.console(stderr=True), transient=True) as bar:
        task = bar.add_task("Worlds", total=None)
        return run_audit(
            prepared,
            force=force,
            observer=observer,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _print_audit(out: Console, record: Record) -> None:
    from rich.padding import Padding
    from rich.table import Table as Grid
    from rich.text import Text

    from backtest.reports import audit_page as words

    color = "green" if record["outcome"] == "clean" else "red"
    out.print(Text(f"{words.title(record)} · audit {record['audit_id']}", style="bold"))
    out.print()
    out.print(Text(f"{words.outcome(record)}. {record['sentence']}", style=color))
    out.print()
    lines = Grid.grid(padding=(0, 2, 0, 0))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column()
    for heading, text in _summary(record):
        lines.add_row(heading, Text(text))
    out.print(lines)
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
    for heading, text in words.limits():
        out.print(Text.assemble((f"{heading}. ", "bold"), text), style="dim")
    out.print()


def _summary(record: Record) -> Iterator[tuple[str, str]]:
    """What was tried and found: a heading and its sentences."""
    from backtest.reports import audit_page as words

    noun = words.decided(record)
    for check in record["checks"]:
        size = "" if check["not_tried"] else f" {words.tried(check, noun)}."
        yield check["title"], f"{check['what']}{size} {words.found(check).capitalize()}."
    yield from words.audit_sentences(record)


def _sides(check: Record, finding: Record) -> Table:
    """Both decisions in two lines, one below the other."""
    from rich.table import Table as Grid
    from rich.text import Text

    from backtest.reports import audit_page as words

    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for heading, side in zip(words.headings(check), ("full", "world"), strict=True):
        grid.add_row(heading, Text(finding[side]["text"] if finding[side] else "nothing"))
    return grid
