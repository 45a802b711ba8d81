"""Define the options that several commands share. Nothing heavy is imported here.

Modules of commands do not postpone annotations: typer would compile each string at every start.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from backtest.errors import UsageError

if TYPE_CHECKING:
    from backtest.strategy.parameters import Text

# The real stdout, to which `--json` prints while all other output goes to stderr.
STDOUT: ContextVar[TextIO | None] = ContextVar("STDOUT", default=None)

# `workspace.folders` looks up what the environment and `backtest.toml` say of these.
StrategiesFolder = Annotated[
    list[Path] | None,
    typer.Option(
        "--strategies",
        metavar="FOLDER",
        help="Folder of strategy files; repeat for several. The workspace's by default.",
    ),
]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Folder of prices, events and borrow rates; the workspace's by default.",
    ),
]
ReportsFolder = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FOLDER", help="Folder of the run folders; the workspace's by default."
    ),
]


def _with_files(symbols: list[str] | None) -> list[str] | None:
    from backtest.experiments.terms import read_symbols

    return symbols and read_symbols(symbols)


def _symbol_option(default: str) -> Any:
    return typer.Option(
        "--symbol",
        metavar="SYMBOL|FILE",
        callback=_with_files,
        help="A stock, repeat for several; or a file, one a line or a CSV with a column symbol. "
        f"[{default}]",
    )


Symbols = Annotated[list[str] | None, _symbol_option("CRWV")]
SymbolsOfFile = Annotated[list[str] | None, _symbol_option("what the file says")]
AnySymbols = Annotated[list[str] | None, _symbol_option("all")]
SymbolsOfRun = Annotated[
    list[str] | None, _symbol_option("png only: the run's first; of a universe, the account")
]
UniverseOption = Annotated[
    str | None,
    typer.Option(
        "--universe",
        metavar="NAME",
        help="Every member of a universe, such as us_large, in place of symbols.",
    ),
]
BenchmarkOption = Annotated[
    str | None,
    typer.Option(
        "--benchmark",
        help="Any symbol in data/prices, also the stock itself. [SPY; of a universe, the mean of "
        "its members]",
    ),
]


def number(
    name: str, text: str, example: str, unit: str, read: Callable[[str], float] = float
) -> Any:
    """Return an option for a number of a unit; the error suggests the right form of the value."""

    def parse(value: str) -> float:
        try:
            return read(value)
        except ValueError:
            bare = value.replace(",", "").strip("$ ")
            percentage, is_percentage, _ = bare.partition("%")
            suggestion = example
            if not is_percentage or unit == "basis points":
                with suppress(ValueError):
                    suggestion = f"{float(percentage) * (100 if is_percentage else 1):.10g}"
            raise UsageError(
                f"{name} {value!r} is not a number of {unit}. Write it as {name} {suggestion}."
            ) from None

    return typer.Option(name, metavar="NUMBER", parser=parse, help=text, show_default=False)


def _minutes(text: str) -> float:
    from backtest.experiments.terms import minutes_of

    return minutes_of(text)


_REACTION = number(
    "--reaction",
    "Minutes, or 30m or 2h, from publication to the earliest open. [5]",
    "5",
    "minutes",
    _minutes,
)


def choice(name: str, allowed: Sequence[str], text: str) -> Any:
    """Return an option that takes one of the allowed words."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise UsageError(f"{name} {value!r} is unknown. Choose one of {', '.join(allowed)}.")
        return value

    return typer.Option(name, metavar="|".join(allowed), parser=parse, help=text)


def day(name: str, text: str) -> Any:
    """Return an option that takes a day, written as `read_day` reads it."""

    def parse(value: str) -> date | None:
        from backtest.experiments.terms import read_day

        return read_day(name, value)

    return typer.Option(name, metavar="DAY", parser=parse, help=text)


Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="Strategies, run ids or their beginnings, run folders, labels, or patterns of these.",
    ),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set a parameter of the strategies; repeat for several. Lists by comma, "
        "`none` for no value; or JSON.",
    ),
]
CashOption = Annotated[
    float | None, number("--cash", "Dollars at the start. [100,000]", "100000", "dollars")
]
CostsOption = Annotated[
    str | None,
    typer.Option(
        "--costs",
        metavar="NAME|FILE",
        help="retail, institutional, frictionless, or a TOML file. [retail]",
    ),
]
StrategyArgument = Annotated[str, typer.Argument(metavar="STRATEGY", help="The strategy.")]
Reaction = Annotated[float, _REACTION]
SourceOption = Annotated[str | None, typer.Option(help="Where the rows come from.")]
Force = Annotated[bool, typer.Option("--force", help="Do it again although its result exists.")]
AcceptJumps = Annotated[
    bool, typer.Option("--accept-jumps", help="Keep prices that jump as after an unrecorded split.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print every row, however many there are.")
]
ToVersion = Annotated[
    int | None,
    typer.Option("--to", metavar="VERSION", help="The version to go back to. [the one before]"),
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="A field and its column; may be repeated."),
]
Zone = Annotated[
    str | None, typer.Option(help="Zone of times without one, such as 'New York' or UTC.")
]
DateFormat = Annotated[
    str | None, typer.Option(metavar="FORM", help="How days are written, such as %d/%m/%Y.")
]
Decimal = Annotated[
    Literal[".", ","] | None, choice("--decimal", (".", ","), "The decimal sign, . or ,")
]
Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="Such as cp1252; UTF-8 and UTF-16 are detected.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Write without asking, for scripts.")]


def parse_settings(texts: list[str] | None) -> "dict[str, Text]":
    """Return the parameters that `--set` sets, as unread text; errors as of `parse_pairs`."""
    from backtest.strategy.parameters import Text

    pairs = parse_pairs("--set", texts, example="hold=5", twice="; lists are written with commas")
    return {name: Text(text) for name, text in pairs.items()}


@contextmanager
def undoing() -> Iterator[None]:
    """Warn, when interrupted, that a second undo might go back one version further."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "interrupted: the file is as it was, or complete at the version before. "
            "Check it, or name the version with --to."
        ) from None


def parse_pairs(
    option: str, texts: list[str] | None, *, example: str, twice: str = ""
) -> dict[str, str]:
    """Split the texts of an option, each written as `name=value`.

    Raises:
        UsageError: a text lacks `=` or a name before it, or a name occurs twice.

    """
    pairs: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"{option} {text!r} is not of the form name=value, such as {example}.")
        if name in pairs:
            raise UsageError(f"{option} {name} is given twice{twice}.")
        pairs[name] = value
    return pairs


@dataclass(frozen=True, kw_only=True)
class Options:
    """Hold options that several commands take together; `spread` fills them in."""

    def arguments(self) -> dict[str, Any]:
        """Return the options as keyword arguments of calls of `api`."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class AccountOptions(Options):
    """Hold the options of an account: its cash, costs and trading rules."""

    cash: CashOption = None
    costs: CostsOption = None
    commission_per_share: Annotated[
        float | None,
        number(
            "--commission", "Dollars a share, whatever --costs says. [0.005]", "0.005", "dollars"
        ),
    ] = None
    slippage_bps: Annotated[
        float | None,
        number(
            "--slippage",
            "Basis points on market and stop fills, likewise. [5]",
            "5",
            "basis points",
        ),
    ] = None
    reaction_minutes: Annotated[float | None, _REACTION] = None
    max_positions: Annotated[
        int | None, typer.Option(help="Most positions at a time. [as many as there is room for]")
    ] = None
    min_order: Annotated[
        float | None,
        number("--min-order", "Dollars of the smallest entry that is sent. [0]", "500", "dollars"),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """Return the options as keyword arguments; trading rules except cash are in `rules`."""
        from backtest.engine.rules import Rules

        arguments = super().arguments()
        names = [name for name in arguments if name in Rules.model_fields and name != "cash"]
        return {"rules": {name: arguments.pop(name) for name in names}, **arguments}


@dataclass(frozen=True, kw_only=True)
class TermsOptions(AccountOptions):
    """Hold the options of a command that trades: the account, the stocks, the span and the bars."""

    symbols: Symbols = None
    universe: UniverseOption = None
    first: Annotated[date | None, day("--from", "First day of the replay.")] = None
    last: Annotated[date | None, day("--to", "Last day of the replay.")] = None
    hours: Annotated[
        str | None,
        typer.Option(
            metavar="regular|extended",
            help="Extended hours trade before the open and after the close too. [regular]",
        ),
    ] = None
    extended_slippage_bps: Annotated[
        float | None,
        number(
            "--extended-slippage", "Basis points outside regular hours. [25]", "25", "basis points"
        ),
    ] = None
    bars: Annotated[
        str | None,
        typer.Option(metavar="5m", help="Trade within sessions, by bars of 1m, 5m, 15m, 30m, 1h."),
    ] = None
    missing_bars: Annotated[
        str,
        typer.Option(metavar="daily|none", help="What trades an event for which --bars has none."),
    ] = "daily"
    parameters: SettingsOption = None

    def arguments(self) -> dict[str, Any]:
        """Return the options as keyword arguments, with the parameters split into names."""
        return {**super().arguments(), "parameters": parse_settings(self.parameters)}


@dataclass(frozen=True, kw_only=True)
class FolderOptions(Options):
    """Hold the options of a command that reads the data of a workspace."""

    data: DataFolder = None
    strategies: StrategiesFolder = None


@dataclass(frozen=True, kw_only=True)
class AllFolderOptions(FolderOptions):
    """Hold the options of a command that also uses the reports of a workspace."""

    reports: ReportsFolder = None


class App(typer.Typer):
    """`App` is a typer application whose commands may take classes of options: see `spread`."""

    def command(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        """Add a command as typer does, with its classes of options spread."""
        add = super().command(*args, **kwargs)
        return lambda function: add(spread(function))


def spread(function: Callable[..., None]) -> Callable[..., None]:
    """Return a command as typer takes it: each option of a class of options is a parameter."""
    parameters = dict(signature(function).parameters)
    groups: dict[str, Any] = {}
    for name, parameter in list(parameters.items()):
        if is_dataclass(parameter.annotation):
            groups[name] = parameters.pop(name).annotation
    keyword = Parameter.KEYWORD_ONLY
    flat = [parameter.replace(kind=keyword) for parameter in parameters.values()]
    flat += [
        Parameter(field.name, keyword, default=field.default, annotation=field.type)
        for group in groups.values()
        for field in fields(group)
    ]

    @wraps(function)
    def command(**values: Any) -> None:
        as_json = values.get("as_json")  # before a class of options takes it
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        with _stdout_for_json() if as_json else nullcontext():
            function(**values)

    command.__signature__ = Signature(flat)  # type: ignore[attr-defined]
    command.__annotations__ = {}  # typer would evaluate them again instead of the signature's
    return command


@contextmanager
def _stdout_for_json() -> Iterator[None]:
    """Send to stderr what anybody, such as a strategy, prints; `show.print_json` uses `STDOUT`."""
    before = STDOUT.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        STDOUT.reset(before)


def announce_compiling() -> None:
    """Tell the user that the kernel is compiled first, unless compiled code is on disk."""
    from backtest.engine.kernel.formulas import is_cached

    if not is_cached():
        typer.echo("The kernel is compiled for this machine, once: about half a minute.", err=True)
