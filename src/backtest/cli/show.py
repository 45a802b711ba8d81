"""Print tables, texts, progress and JSON to a terminal or a pipe, and ask for answers."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeAlias

import rich._wrap
import rich.text
import typer
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backtest.cli import options
from backtest.errors import UsageError
from backtest.stats.formats import visible

if TYPE_CHECKING:
    import pandas as pd

    from backtest.data.kinds import Event

# Every text goes through this function of rich, which lets most control characters pass.
rich.text.strip_control_codes = visible  # type: ignore[assignment, attr-defined]
# A line must not break between a figure and its unit.
rich._wrap.re_word = re.compile(r"\s*\S+(?: [%$]\S*)?\s*")  # noqa: SLF001
_COLORS = {"+": "green", "-": "red"}
MOST_ROWS = 20  # trades, or events, that are printed one by one
_NO_WIDTH = 100_000
_NO_QUESTIONS = ("retrieved_at", "period_end")  # the time is now; fetched reports have the period


class _TrimmingStream:
    """This text stream writes no blanks at the end of a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._stream.write(re.sub(r" +$", "", text, flags=re.MULTILINE))


def console(*, stderr: bool = False) -> Console:
    """Return a console that respects the terminal's width and NO_COLOR; a pipe has no width."""
    file: Any = sys.stderr if stderr else sys.stdout
    while hasattr(
        file, "rich_proxied_file"
    ):  # rich's control characters have to reach the terminal
        file = file.rich_proxied_file
    if not os.environ.get("COLUMNS", "").strip("0").isdecimal():
        os.environ.pop("COLUMNS", None)  # rich would take 0 for a width
    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    if file is None or file.isatty():
        return Console(file=file, stderr=stderr, **plain)
    width = None if "COLUMNS" in os.environ else _NO_WIDTH
    trimmed: Any = _TrimmingStream(file)
    return Console(file=trimmed, width=width, **plain)


@contextmanager
def progress(word: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that moves a bar on stderr: it takes how many are done, and of how many.

    The bar appears with the first call, and only at a terminal.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn(word), BarColumn(), MofNCompleteColumn(), Elapsed(), Remaining())
    bar = Progress(*columns, console=console(stderr=True), transient=True)
    task = bar.add_task(word, total=None)

    def update(done: int, total: int) -> None:
        if bar.console.is_terminal:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()


def print_json(value: Any) -> None:
    """Print a value as JSON; objects in it become their `as_dict`, or else their text."""

    def plain(item: Any) -> Any:
        return item.as_dict() if hasattr(item, "as_dict") else str(item)

    text = json.dumps(value, indent=2, ensure_ascii=False, default=plain)
    typer.echo(text, file=options.STDOUT.get())


def output(value: Any, show: Callable[[Console, Any], None], *, as_json: bool) -> None:
    """Print a value as JSON, or show it on a console."""
    if as_json:
        print_json(value)
    else:
        show(console(), value)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by column; what is unknown is None, for which pandas has NaN."""
    rows: list[dict[str, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return rows


def warn(sentence: str) -> None:
    """Print to stderr a sentence about what is left out, such as a damaged report."""
    typer.echo(sentence, err=True)


Cell: TypeAlias = str | Text
Column: TypeAlias = tuple[str, Sequence[str]]  # a heading and its cells


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    right: Iterable[str] = (),
    whole: Iterable[str] = (),
    section: int = 0,
) -> Table:
    """Return a table: columns in `right` are right-justified, those in `whole` never wrap.

    A line is drawn below the row number `section`, counted from 1; 0 draws none.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False)
    right, whole = set(right), set(whole)
    for header in headers:
        justify: Literal["left", "right"] = "right" if header in right else "left"
        table.add_column(header, justify=justify, no_wrap=header in whole, overflow="fold")
    for number, row in enumerate(rows, start=1):
        table.add_row(*map(_text, row), end_section=number == section)
    return table


def _text(cell: Cell) -> Text:
    """Return a cell as text, which rich does not read as markup."""
    return Text(cell) if isinstance(cell, str) else cell


def grid(rows: Iterable[Sequence[Cell]], styles: Sequence[str] = ("",)) -> Table:
    """Return rows without headings: the last column wraps, the others have the styles."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for style in styles:
        grid.add_column(style=style, no_wrap=True)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(*map(_text, row))
    return grid


def _drop_columns(
    columns: dict[str, list[str]], width: int, spare: Sequence[str], wraps: Mapping[str, int]
) -> list[str]:
    """Remove spare columns, in their order, until the others fit the width; return their names.

    A column in `wraps` needs no more characters than its number there.
    """
    needs = {
        name: min(max(map(len, (name, *cells))), wraps.get(name, width))
        for name, cells in columns.items()
    }
    dropped: list[str] = []
    for name in spare:
        if name in needs and sum(needs.values()) + 2 * (len(needs) - 1) > width:
            dropped.append(name)
            del needs[name], columns[name]
    return dropped


def print_table(
    out: Console,
    columns: dict[str, list[str]],
    *,
    spare: Sequence[str],
    wraps: Mapping[str, int] = MappingProxyType({}),
    right: Collection[str] = (),
    colored: str = "",
    section: int = 0,
    below: Sequence[str] = (),
) -> None:
    """Print a table without the columns that do not fit, and notes; see `_drop_columns`.

    The notes are those of `below` and the names of the columns that were dropped. Cells of the
    column `colored` are green where they begin with +, and red where they begin with -.
    """
    dropped = _drop_columns(columns, out.width, spare, wraps)
    rows = [_colored(columns, row, colored) for row in zip(*columns.values(), strict=True)]
    whole = columns.keys() - wraps.keys()
    out.print(table([*columns], rows, right=right, whole=whole, section=section))
    if lines := [*below, *_dropped_note(dropped)]:
        notes(out, lines)


def _colored(columns: Iterable[str], row: Iterable[str], colored: str) -> list[Text]:
    return [
        Text(cell, style=_COLORS.get(cell.strip()[:1], "") if name == colored else "")
        for name, cell in zip(columns, row, strict=True)
    ]


def _dropped_note(names: Sequence[str]) -> list[str]:
    """Return the note on columns that were dropped; nothing if there are none."""
    listed = ", ".join(map(str.strip, names))
    return [f"No room for {listed}: in a wider terminal, and with --json."] if names else []


def print_columns(
    out: Console,
    keys: Mapping[str, Sequence[str]],
    columns: Sequence[Column],
    *,
    right: bool = True,
    section: int = 0,
) -> None:
    """Print a table; columns that do not fit the width follow in further tables, after the keys."""
    width = out.width + 2 - sum(2 + _width(key) for key in keys.items())
    for number, group in enumerate(_fitting(columns, width)):
        if number:
            out.print()
        titles = [title for title, _ in group]
        rows = zip(*keys.values(), *(cells for _, cells in group), strict=True)
        part = table(
            [*keys, *titles], rows, right=titles if right else (), whole=keys, section=section
        )
        if sum(2 + _width(column) for column in group) > width:
            for drawn, column in zip(part.columns[len(keys) :], group, strict=True):
                drawn.width = _least_width(column)  # titles wrap between words, never within one
        out.print(part)


def _fitting(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """Group columns so that no group is wider than the width, unless one column alone is."""
    groups: list[list[Column]] = []
    room = 0
    for column in columns:
        need = 2 + _least_width(column)
        if not groups or need > room:
            groups.append([])
            room = width
        groups[-1].append(column)
        room -= need
    return groups


def _least_width(column: Column) -> int:
    """Return the least width that breaks no word of the title and no cell."""
    title, cells = column
    return max(map(len, [*title.split(), *cells]))


def _width(column: Column) -> int:
    return max(len(column[0]), _least_width(column))


def detailed(
    columns: dict[str, list[str]],
    below: Iterable[str],
    width: int,
    *,
    spare: Sequence[str],
    right: Iterable[str] = (),
    colored: str = "",
) -> Table:
    """Return rows under their headings, each with a text below it; see `print_table`."""
    dropped = _drop_columns(columns, width, spare, {})
    padded = []
    for name, cells in columns.items():
        wide = max(map(len, (name, *cells)))
        side = str.rjust if name in right else str.ljust
        padded.append([side(cell, wide) for cell in (name, *cells)])
    head, *rows = zip(*padded, strict=True)
    lines: list[tuple[Text | str, str]] = [(Text("  ".join(head), style="bold"), "")]
    for row, text in zip(rows, below, strict=True):
        lines.append((Text("  ").join(_colored(columns, row, colored)), text))
    lines += [(Text(f"\n{note}", style="dim"), "") for note in _dropped_note(dropped)]
    return with_details(lines)


def with_details(lines: Iterable[tuple[Text | str, str]]) -> Table:
    """Return lines, each with an indented text below it that may wrap."""
    grid = Table.grid()
    grid.add_column(overflow="fold")
    for line, below in lines:
        grid.add_row(line)
        if below:
            grid.add_row(Padding(Text(below, style="dim"), (0, 0, 0, 7), expand=False))
    return grid


def notes(out: Console, lines: Iterable[str]) -> None:
    """Print notes below a table."""
    out.print()
    for line in lines:
        out.print(Text(line, style="dim"))


def assumptions(out: Console, sentences: Iterable[str]) -> None:
    """Print the assumptions that a result rests on, a line each."""
    for number, sentence in enumerate(sentences):
        out.print(Text("\n" * (number == 0) + f"Assumption: {sentence}", style="yellow"))


def at_terminal() -> bool:
    """Tell whether somebody at a terminal can answer questions."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_confirmed(*, yes: bool) -> bool:
    """Tell whether `yes`, or an answer, says to write; UsageError where nobody can be asked."""
    if not yes and not at_terminal():
        raise UsageError("Nothing was written: there is no terminal to ask at. Give --yes.")
    if yes or typer.confirm("Write it?"):
        return True
    typer.echo("Nothing was written.")
    return False


def ask_event(kind: type[Event]) -> dict[str, str]:
    """Ask for the fields of an event until it is valid; UsageError where nobody can be asked."""
    from backtest.data.events import columns_of, prepare_row

    if not at_terminal():
        raise UsageError(
            f"There is no terminal to ask at. Give each field of the {kind.kind} with "
            f"--field name=value, or a file with --csv. Its fields: {', '.join(columns_of(kind))}."
        )
    typer.echo(
        f"An event of the kind {kind.kind}. Enter alone leaves what is not needed unknown.\n"
    )
    answers: dict[str, str] = {}
    while True:
        for name in columns_of(kind):
            if name not in _NO_QUESTIONS:
                answers[name] = _implied(name, answers) or ask_field(kind, name, answers)
        try:
            prepare_row(kind, answers)
        except ValueError as error:
            typer.echo(f"\n{error}\nOnce more; Enter alone keeps an answer.\n")
        else:
            return answers


def _implied(name: str, answers: Mapping[str, str]) -> str:
    """Return the precision that the time of an event implies; empty otherwise."""
    from backtest.data.events import parse_time

    if name != "precision":
        return ""
    try:
        return parse_time(answers["published_at"], "")[1]
    except ValueError:  # a day alone
        return ""


def ask_field(kind: type[Event], name: str, answers: Mapping[str, str]) -> str:
    """Ask for a field of an event until its text is valid beside the earlier answers; return it."""
    from backtest.data.events import field_fault

    field = kind.model_fields[name]
    needed = field.is_required() or name == "source_url"
    meaning = " ".join((field.description or "").split())
    allowed = _allowed(kind, name, answers)
    typer.echo(f"{name}: {meaning}" + f"\n  {allowed}" * bool(allowed))
    while True:
        before = answers.get(name, "")
        answer = typer.prompt("  >", default=before, show_default=bool(before), prompt_suffix=" ")
        answer = str(answer).strip()
        if not answer and needed:
            typer.echo("  A value is needed.")
        elif fault := answer and field_fault(kind, {**answers, name: answer}, name):
            typer.echo(f"  {fault}")
        else:
            return answer


def _allowed(kind: type[Event], name: str, answers: Mapping[str, str]) -> str:
    """Describe the texts that a field allows; empty where any text is allowed."""
    from backtest.data.events import FORMS, UNKNOWN_SOURCE, field_schema, in_words, is_bare_day

    if name == "published_at":
        return "Write one of\n    " + "\n    ".join(FORMS)
    if name == "precision" and is_bare_day(answers["published_at"]):
        return "One of date, week, month: the day is the last on which it can have become public."
    if name == "source_url":
        return f"An address with https://, or {UNKNOWN_SOURCE!r}."
    return in_words(field_schema(kind, name))
