"""What the terminal shows: tables of runs, trades and decisions."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import rich.text
import typer
from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backtest.experiments.trials import trials_on_record
from backtest.reports.audit_page import audit_lines
from backtest.reports.compare_page import benchmarks_of, differences, heading, span_rows
from backtest.reports.run_words import (
    NO_EVENT,
    OPENING,
    evidence_rows,
    hedge_sentence,
    holm_line,
    no_room,
    no_trade,
    plain_sentence,
    reasons,
    ruin,
    untraded,
)
from backtest.stats.formats import FIGURES, UNKNOWN, counted, gain, percent, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from backtest.experiments.runs.store import Run

    Column = tuple[str, list[str]]  # a heading and its cells

# Of every text; its own lets most pass.
rich.text.strip_control_codes = visible  # type: ignore[assignment, attr-defined]
MOST_ROWS = 20  # of trades or events that are printed one by one
_ENDS = 10  # best, and worst, trades and commonest reasons where there are more


class _Terminal(Console):
    """A console that leaves a closed pipe, as of `| head`, to the command line."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """The terminal; its width and NO_COLOR are respected."""
    return _Terminal(stderr=stderr, highlight=False)


@contextmanager
def progress(word: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr that appears with the first call: how many are done, of how many."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn(word), BarColumn(), MofNCompleteColumn(), Remaining())
    bar = Progress(*columns, console=console(stderr=True), transient=True)
    task = bar.add_task(word, total=None)

    def update(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def left_out(sentence: str) -> None:
    """Tell of something in reports that is damaged and left out."""
    typer.echo(sentence, err=True)


def new_table(*headers: str, right: Iterable[str] = (), whole: Iterable[str] = ()) -> Table:
    """An empty table in the one style.

    Args:
        headers: the columns.
        right: those that hold figures.
        whole: those that are never wrapped.

    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False)
    right, whole = set(right), set(whole)
    for header in headers:
        justify: Literal["left", "right"] = "right" if header in right else "left"
        table.add_column(header, justify=justify, no_wrap=header in whole, overflow="fold")
    return table


def print_fitted(
    out: Console,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Iterable[str],
    spare: Sequence[str],
) -> None:
    """Print a table without the columns for which the terminal has no room, and say which.

    Args:
        out: the terminal.
        headers: the columns.
        rows: their cells.
        right: those that hold figures.
        spare: those that can be spared, first those that say the same of all, then in this order.

    """
    columns = {name: [row[n] for row in rows] for n, name in enumerate(headers)}
    widths = {name: max(map(len, (name, *cells))) for name, cells in columns.items()}
    missing: list[str] = []
    for name in sorted(spare, key=lambda name: len({*columns[name]}) > 1):
        if sum(widths.values()) + 2 * (len(widths) - 1) > out.width:
            missing.append(name)
            del widths[name]
    table = new_table(*widths, right=right, whole=[name for name in widths if name in right])
    for row in zip(*(columns[name] for name in widths), strict=True):
        table.add_row(*row)
    out.print(table)
    if missing:
        notes(out, [f"No room for {', '.join(missing)}: in a wider terminal, and with --json."])


def labelled(lines: Iterable[tuple[str, str]]) -> Table:
    """Dim labels that do not wrap, each with its text beside it."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for label, text in lines:
        grid.add_row(label, Text(text))
    return grid


def headed(lines: Iterable[tuple[str, str]]) -> Table:
    """Headings, each with its sentences beside it."""
    grid = Table.grid(padding=(0, 2))
    for name, text in lines:
        grid.add_row(name, Text(text))
    return grid


def with_details(lines: Iterable[tuple[Text | str, str]]) -> Table:
    """Lines that fit the narrowest terminal, each with a text below it that may wrap."""
    grid = Table.grid()
    for line, below in lines:
        grid.add_row(line)
        grid.add_row(Padding(Text(below, style="dim"), (0, 0, 0, 7)))
    return grid


def comparison(
    out: Console, runs: Sequence[Run], more: Sequence[tuple[str, Sequence[str]]] = ()
) -> None:
    """Print runs side by side, one column each, and their benchmarks behind them.

    Args:
        out: the terminal.
        runs: what is compared.
        more: further rows, a label and a cell for each run.

    """
    more = [*more, *span_rows(runs)]
    labels = [*(label for _, label, _ in FIGURES), *(label for label, _ in more)]
    columns = [
        (heading(run, runs), [*_cells(run.summary), *(cells[number] for _, cells in more)])
        for number, run in enumerate(runs)
    ]
    columns += [
        (one.heading, [*_cells(one.figures), *("" for _ in more)]) for one in benchmarks_of(runs)
    ]
    _print_columns(out, "", labels, columns, right=True)


def _print_columns(
    out: Console, corner: str, labels: Sequence[str], columns: Sequence[Column], *, right: bool
) -> None:
    """Print labelled rows; columns that do not fit the width follow in a further table."""
    width = out.width - max(map(len, (corner, *labels)))
    for place, group in enumerate(_fitting(columns, width)):
        if place:
            out.print()
        headings = [title for title, _ in group]
        table = new_table(corner, *headings, right=headings if right else (), whole=[corner])
        if sum(2 + max(len(title), _least_width((title, cells))) for title, cells in group) > width:
            for made, column in zip(table.columns[1:], group, strict=True):
                made.width = _least_width(column)  # titles wrap between words, never within one
        for number, label in enumerate(labels):
            table.add_row(label, *(cells[number] for _, cells in group))
        out.print(table)


def notes(out: Console, lines: Iterable[str]) -> None:
    """Print what a table means below it."""
    out.print()
    for line in lines:
        out.print(Text(line, style="dim"))


def set_differently(out: Console, runs: Sequence[Run]) -> None:
    """Print what was set differently in the runs, a row each; nothing where they are alike."""
    rows = differences(runs)
    if rows:
        cells = [[UNKNOWN if value is None else value for value in values] for _, values in rows]
        columns = [(run.run_id, [row[n] for row in cells]) for n, run in enumerate(runs)]
        out.print()
        _print_columns(out, "Set differently", [name for name, _ in rows], columns, right=False)


def _cells(figures: Mapping[str, float | None]) -> list[str]:
    return [form(figures[name]) for name, _, form in FIGURES]


def _fitting(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """Columns in groups that are no wider than the width, at least one in each."""
    groups: list[list[Column]] = []
    left = 0
    for column in columns:
        need = 2 + _least_width(column)
        if not groups or need > left:
            groups.append([])
            left = width
        groups[-1].append(column)
        left -= need
    return groups


def _least_width(column: Column) -> int:
    """The width in which no word of the title and no cell is broken."""
    title, cells = column
    return max(map(len, [*title.split(), *cells]))


def trades(run: Run) -> Table:
    """Every trade with its figures, and below them its event."""
    events = {row["event_id"]: row for row in run.decisions}
    several = len(run.manifest["symbols"]) > 1
    return with_details(
        (_trade_line(row), f"{row['symbol']}: " * several + _event_text(row, events))
        for row in run.trades
    )


def _trade_line(row: Mapping[str, str]) -> Text:
    result = float(row["return"])
    return Text.assemble(
        f"{row['direction']:<6} {row['entry_session']} {float(row['entry_price']):>9,.2f}  to  "
        f"{row['exit_session']} {float(row['exit_price']):>9,.2f}  ",
        f"{row['exit_reason'].replace('_', ' '):<13}",
        (f"{percent(result):>9}", "green" if result > 0 else "red"),
    )


def _event_text(row: Mapping[str, str], events: Mapping[str, Mapping[str, str]]) -> str:
    event = events.get(row["event_id"])
    if event is None:
        return NO_EVENT
    return event["headline"] + f" ({event['reason']})" * bool(event["reason"])


def evidence(run: Run) -> Group:
    """What a run's result is worth: a sentence, and the figures that it rests on."""
    found, trials = run.manifest["evidence"], trials_on_record(run.path.parent, run.manifest)
    sentence = Text(plain_sentence(found, trials), style="bold")
    return Group(sentence, Text(), labelled(evidence_rows(found, trials)))


def correction(out: Console, runs: Sequence[Run]) -> None:
    """Print the p-values of several runs once their number counts."""
    if line := holm_line(runs):
        out.print()
        out.print(Text(line))


def audits(out: Console, runs: Sequence[Run]) -> None:
    """Print how the strategies of runs were last audited."""
    out.print()
    for line, is_caution in audit_lines(runs):
        out.print(Text(line, style="red" if is_caution else "dim"))


def _best_and_worst(run: Run) -> Table:
    """The trades with the highest and with the lowest returns, a line each."""
    headers = ("Stock", "Side", "From", "To", "Left by", "Return", "Profit $")
    table = new_table(*headers, right=headers[-2:], whole=headers)
    ranked = sorted(run.trades, key=lambda row: float(row["return"]), reverse=True)
    for place, row in enumerate([*ranked[:_ENDS], *ranked[-_ENDS:]], start=1):
        result = float(row["return"])
        table.add_row(
            row["symbol"],
            row["direction"],
            row["entry_session"],
            row["exit_session"],
            row["exit_reason"].replace("_", " "),
            Text(percent(result), style="green" if result > 0 else "red"),
            gain(float(row["net_profit"])),
            end_section=place == _ENDS,
        )
    return table


def _totals(run: Run) -> str:
    """The trades of a run in a sentence."""
    profits = [float(row["net_profit"]) for row in run.trades]
    won = sum(profit > 0 for profit in profits)
    stocks = counted(len({row["symbol"] for row in run.trades}), "stock")
    return (
        f"{counted(len(profits), 'trade')} of {stocks}, {won:,} won; net profit "
        f"{gain(sum(profits))} $. The {_ENDS} best and the {_ENDS} worst by return:"
    )


def _untraded_reasons(run: Run) -> Table:
    """How many events opened no trade for each of the commonest reasons."""
    counts = [row for row in reasons(run) if row[0] not in OPENING]
    table = new_table("Events", "Became", "Why", right=("Events",), whole=("Events", "Became"))
    for became, why, number in counts[:_ENDS]:
        table.add_row(f"{number:,}", became, Text(why))
    if rest := counts[_ENDS:]:
        events = sum(number for *_, number in rest)
        table.add_row(f"{events:,}", "", f"for {counted(len(rest), 'other reason')}")
    return table


def _untraded(run: Run) -> Table:
    """Every event that opened no trade, with the reason."""
    several = len(run.manifest["symbols"]) > 1
    table = new_table("Public", "Became", "Why", "Event", whole=("Public", "Became"))
    for day, became, why, row in untraded(run):
        headline = f"{row['symbol']}: " * several + row["headline"]
        table.add_row(day, became, Text(why), Text(headline))
    return table


def assumptions(out: Console, sentences: Iterable[str]) -> None:
    """What a result rests on that nobody quoted, a paragraph each."""
    for sentence in sentences:
        out.print(Text(f"\nAssumption: {sentence}", style="yellow"))


def run_details(out: Console, run: Run, *, whole: bool = False) -> None:
    """Print a run's trades, its evidence, the events that opened none, and what it assumes.

    Of many trades or events the ends and counts are printed, unless the whole is wanted.
    """
    out.print()
    out.rule(Text(f"{run.name} · run {run.run_id}", style="bold"), align="left")
    out.print()
    cut = not whole and len(run.trades) > MOST_ROWS
    if cut:
        out.print(Text(_totals(run)))
        out.print()
        out.print(_best_and_worst(run))
    elif run.trades:
        out.print(trades(run))
    else:
        out.print(Text(no_trade(run)))
    if "evidence" in run.manifest:
        out.print()
        out.print(evidence(run))
    many = not whole and len(untraded(run)) > MOST_ROWS
    rest = _untraded_reasons(run) if many else _untraded(run)
    if rest.row_count:
        out.print(Text("\nEvents that opened no trade\n", style="bold"))
        out.print(rest)
    if sentence := hedge_sentence(run.trades):
        out.print(Text(f"\n{sentence}"))
    if sentence := ruin(run):
        out.print(Text(sentence))
    if sentence := no_room(run):
        out.print(Text(f"\n{sentence}"))
    assumptions(out, run.manifest["assumptions"])
    if cut or many:
        out.print(Text("\nEvery trade and event: on the page, or here with -v", style="dim"))
