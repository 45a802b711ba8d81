"""The terminal and a pipe: their width, progress, tables, texts and questions in the one style."""

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
    from backtest.data.kinds import Event

# Of every text; its own lets most pass.
rich.text.strip_control_codes = visible  # type: ignore[assignment, attr-defined]
# Where a line may break: not between a figure and its unit.
rich._wrap.re_word = re.compile(r"\s*\S+(?: [%$]\S*)?\s*")  # noqa: SLF001
_COLORS = {"+": "green", "-": "red"}
MOST_ROWS = 20  # of trades or events that are printed one by one
_NO_WIDTH = 100_000
_NOT_ASKED = ("retrieved_at", "period_end")  # it is now; it comes with reports that are fetched


class _Trimmed:
    """A text stream of which no line ends with blanks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._stream.write(re.sub(r" +$", "", text, flags=re.MULTILINE))


def console(*, stderr: bool = False) -> Console:
    """The terminal; its width and NO_COLOR are respected. A pipe or a file has no width."""
    file: Any = sys.stderr if stderr else sys.stdout
    while hasattr(file, "rich_proxied_file"):  # what rich writes is for the terminal as it is
        file = file.rich_proxied_file
    if not os.environ.get("COLUMNS", "").strip("0").isdecimal():
        os.environ.pop("COLUMNS", None)  # rich would take 0 for a width
    as_it_is: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
    if file is None or file.isatty():
        return Console(file=file, stderr=stderr, **as_it_is)
    width = None if "COLUMNS" in os.environ else _NO_WIDTH
    trimmed: Any = _Trimmed(file)
    return Console(file=trimmed, width=width, **as_it_is)


@contextmanager
def progress(word: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr that appears with the first call: how many are done, of how many."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn(word), BarColumn(), MofNCompleteColumn(), Elapsed(), Remaining())
    bar = Progress(*columns, console=console(stderr=True), transient=True)
    task = bar.add_task(word, total=None)
    is_seen = bar.console.is_terminal

    def update(done: int, total: int) -> None:
        if is_seen:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()


def print_json(value: Any) -> None:
    """Print a value as JSON; what has an `as_dict` within it by that, else by its text."""

    def plain(one: Any) -> Any:
        return one.as_dict() if hasattr(one, "as_dict") else str(one)

    text = json.dumps(value, indent=2, ensure_ascii=False, default=plain)
    typer.echo(text, file=options.STDOUT.get())


def either(value: Any, show: Callable[[Console, Any], None], *, as_json: bool) -> None:
    """Print a value as JSON, or as the terminal shows it."""
    if as_json:
        print_json(value)
    else:
        show(console(), value)


def left_out(sentence: str) -> None:
    """Tell of something in reports that is damaged and left out."""
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
    """A table in the one style: figures to the `right`, what is `whole` never wrapped.

    Of so many rows as `section` says, the last has a line below it.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, show_edge=False)
    right, whole = set(right), set(whole)
    for header in headers:
        justify: Literal["left", "right"] = "right" if header in right else "left"
        made.add_column(header, justify=justify, no_wrap=header in whole, overflow="fold")
    for number, row in enumerate(rows, start=1):
        made.add_row(*map(_text, row), end_section=number == section)
    return made


def _text(cell: Cell) -> Text:
    """A text from outside is no markup."""
    return Text(cell) if isinstance(cell, str) else cell


def grid(rows: Iterable[Sequence[Cell]], styles: Sequence[str] = ("",)) -> Table:
    """Rows without headings: the first columns in their styles do not wrap, the last does."""
    made = Table.grid(padding=(0, 2, 0, 0))
    for style in styles:
        made.add_column(style=style, no_wrap=True)
    made.add_column(overflow="fold")
    for row in rows:
        made.add_row(*map(_text, row))
    return made


def without(
    columns: dict[str, list[str]],
    width: int,
    *,
    spare: Sequence[str],
    wraps: Mapping[str, int] = MappingProxyType({}),
) -> list[str]:
    """Take out columns that can be spared, in order, until the rest fits; return their names.

    Those that wrap need no more than so many characters.
    """
    needs = {
        name: min(max(map(len, (name, *cells))), wraps.get(name, width))
        for name, cells in columns.items()
    }
    missing: list[str] = []
    for name in spare:
        if name in needs and sum(needs.values()) + 2 * (len(needs) - 1) > width:
            missing.append(name)
            del needs[name], columns[name]
    return missing


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
    """Print a table without columns that have no room, which are named in a note; see `without`.

    Other notes stand `below` as well. Of the column that is `colored` the sign says how.
    """
    missing = without(columns, out.width, spare=spare, wraps=wraps)
    rows = [_colored(columns, row, colored) for row in zip(*columns.values(), strict=True)]
    whole = columns.keys() - wraps.keys()
    out.print(table([*columns], rows, right=right, whole=whole, section=section))
    if lines := [*below, *missing_columns(missing)]:
        notes(out, lines)


def _colored(columns: Iterable[str], row: Iterable[str], colored: str) -> list[Text]:
    return [
        Text(cell, style=_COLORS.get(cell.strip()[:1], "") if name == colored else "")
        for name, cell in zip(columns, row, strict=True)
    ]


def missing_columns(names: Sequence[str]) -> list[str]:
    """The sentence on columns that `without` took out, if there are any."""
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
    """Print a table; columns that do not fit the width follow in a further one, after the keys."""
    width = out.width + 2 - sum(2 + _width(key) for key in keys.items())
    for place, group in enumerate(_fitting(columns, width)):
        if place:
            out.print()
        titles = [title for title, _ in group]
        rows = zip(*keys.values(), *(cells for _, cells in group), strict=True)
        made = table(
            [*keys, *titles], rows, right=titles if right else (), whole=keys, section=section
        )
        if sum(2 + _width(column) for column in group) > width:
            for drawn, column in zip(made.columns[len(keys) :], group, strict=True):
                drawn.width = _least_width(column)  # titles wrap between words, never within one
        out.print(made)


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
    """Lines under their headings, each with a text below; what has no room is named at the end.

    Of the column that is `colored` the sign says how.
    """
    missing = without(columns, width, spare=spare)
    padded = []
    for name, cells in columns.items():
        wide = max(map(len, (name, *cells)))
        side = str.rjust if name in right else str.ljust
        padded.append([side(cell, wide) for cell in (name, *cells)])
    head, *rows = zip(*padded, strict=True)
    lines: list[tuple[Text | str, str]] = [(Text("  ".join(head), style="bold"), "")]
    for row, text in zip(rows, below, strict=True):
        lines.append((Text("  ").join(_colored(columns, row, colored)), text))
    lines += [(Text(f"\n{note}", style="dim"), "") for note in missing_columns(missing)]
    return with_details(lines)


def with_details(lines: Iterable[tuple[Text | str, str]]) -> Table:
    """Lines that fit the narrowest terminal, each with a text below it that may wrap."""
    made = Table.grid()
    made.add_column(overflow="fold")
    for line, below in lines:
        made.add_row(line)
        if below:
            made.add_row(Padding(Text(below, style="dim"), (0, 0, 0, 7), expand=False))
    return made


def notes(out: Console, lines: Iterable[str]) -> None:
    """Print what a table means below it."""
    out.print()
    for line in lines:
        out.print(Text(line, style="dim"))


def assumptions(out: Console, sentences: Iterable[str]) -> None:
    """What a result rests on that nobody quoted, a line each."""
    for number, sentence in enumerate(sentences):
        out.print(Text("\n" * (number == 0) + f"Assumption: {sentence}", style="yellow"))


def at_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_confirmed(*, yes: bool) -> bool:
    """Whether what was printed is to be written: `yes`, or the answer at the terminal."""
    if not yes and not at_terminal():
        raise UsageError("Nothing was written: there is no terminal to ask at. --yes writes.")
    if yes or typer.confirm("Write it?"):
        return True
    typer.echo("Nothing was written.")
    return False


def ask_event(kind: type[Event]) -> dict[str, str]:
    """The fields of an event, asked for one by one; an answer that is wrong is asked for again."""
    from backtest.data.events import columns_of, prepared

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
            if name not in _NOT_ASKED:
                answers[name] = _implied(name, answers) or ask_field(kind, name, answers)
        try:
            prepared(kind, answers)
        except ValueError as error:
            typer.echo(f"\n{error}\nOnce more; Enter alone keeps an answer.\n")
        else:
            return answers


def _implied(name: str, answers: Mapping[str, str]) -> str:
    """The precision, where the time has told it already; empty for any other field."""
    from backtest.data.events import stamped

    if name != "precision":
        return ""
    try:
        return stamped(answers["published_at"], "")[1]
    except ValueError:  # a day alone
        return ""


def ask_field(kind: type[Event], name: str, answers: Mapping[str, str]) -> str:
    """A field of an event, asked for until the answer may stand; it can lean on earlier ones."""
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
    """What may be answered, in words; empty where any text may."""
    from backtest.data.events import FORMS, UNKNOWN_SOURCE, field_schema, in_words, is_bare_day

    if name == "published_at":
        return "Write one of\n    " + "\n    ".join(FORMS)
    if name == "precision" and is_bare_day(answers["published_at"]):
        return "One of date, week, month: the day is the last on which it can have become public."
    if name == "source_url":
        return f"An address with https://, or {UNKNOWN_SOURCE!r}."
    return in_words(field_schema(kind, name))
