"""Options that several commands share. Nothing heavy is imported here.

In modules of commands annotations are no texts: each start would compile them anew.
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

# Where JSON is printed while what else is printed goes to stderr.
STDOUT: ContextVar[TextIO | None] = ContextVar("STDOUT", default=None)

# What the environment and `backtest.toml` say of these is looked up by `workspace.folders`.
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
        help="Stock; repeat for several, or a file: one a line, or a CSV with a column symbol. "
        f"[{default}]",
    )


Symbols = Annotated[list[str] | None, _symbol_option("CRWV")]
SymbolsOfFile = Annotated[list[str] | None, _symbol_option("what the file says")]
AnySymbols = Annotated[list[str] | None, _symbol_option("all")]
SymbolsOfRun = Annotated[
    list[str] | None, _symbol_option("png alone: the run's first; of a universe, the account")
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
    """An option that takes a number of a unit; what is nearly one is told its right form."""

    def parse(value: str) -> float:
        try:
            return read(value)
        except ValueError:
            bare = value.replace(",", "").strip("$ ")
            percentage, is_percentage, _ = bare.partition("%")
            right = example
            if not is_percentage or unit == "basis points":
                with suppress(ValueError):
                    right = f"{float(percentage) * (100 if is_percentage else 1):.10g}"
            raise UsageError(
                f"{name} {value!r} is not a number of {unit}. Write it as {name} {right}."
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
    """An option that takes one of some words."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise UsageError(f"{name} {value!r} is unknown. Choose one of {', '.join(allowed)}.")
        return value

    return typer.Option(name, metavar="|".join(allowed), parser=parse, help=text)


def day(name: str, text: str) -> Any:
    """An option that takes a day."""

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
BarsOption = Annotated[
    str | None,
    typer.Option(metavar="5m", help="Trade within sessions, by bars of 1m, 5m, 15m, 30m, 1h."),
]
MissingBarsOption = Annotated[
    str, typer.Option(metavar="daily|none", help="What trades an event where those are missing.")
]
SourceOption = Annotated[str | None, typer.Option(help="Where the rows come from.")]
Force = Annotated[bool, typer.Option("--force", help="Do again what was done before.")]
AcceptJumps = Annotated[
    bool, typer.Option("--accept-jumps", help="Take prices that jump as after an unrecorded split.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")]

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print every row, however many there are.")
]
ToVersion = Annotated[
    int | None,
    typer.Option("--to", metavar="VERSION", help="The version to go back to. [the one before]"),
]
DateFormat = Annotated[
    str | None, typer.Option(metavar="FORM", help="How days are written, as %d/%m/%Y.")
]
Decimal = Annotated[
    Literal[".", ","] | None, choice("--decimal", (".", ","), "The decimal sign, . or ,")
]
Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="Such as cp1252; UTF-8 and UTF-16 are known.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Write without asking, for scripts.")]


def parse_settings(texts: list[str] | None) -> "dict[str, Text]":
    """The parameters that `--set` sets; see `parse_pairs`."""
    from backtest.strategy.parameters import Text

    pairs = parse_pairs("--set", texts, example="hold=5", twice="; lists are written with commas")
    return {name: Text(text) for name, text in pairs.items()}


@contextmanager
def undoing() -> Iterator[None]:
    """Tell whoever interrupts that a second undo would go one version further."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "interrupted: the file is as it was, or whole at the version before. "
            "Look at it, or name the version with --to."
        ) from None


def parse_pairs(
    option: str, texts: list[str] | None, *, example: str, twice: str = ""
) -> dict[str, str]:
    """The texts of an option, each written as `name=value`.

    Raises:
        UsageError: a text has no `=`, or a name comes twice.

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
    """Options that several commands take together; `spread` hands them on."""

    def arguments(self) -> dict[str, Any]:
        """The same as calls take them."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, kw_only=True)
class AccountOptions(Options):
    """Options of an account: its cash, costs and trading rules."""

    cash: CashOption = None
    costs: CostsOption = None
    commission_per_share: Annotated[
        float | None,
        number(
            "--commission",
            "Dollars a share, in place of what the costs say. [0.005]",
            "0.005",
            "dollars",
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
        int | None, typer.Option(help="Most positions at a time. [as many as the room]")
    ] = None
    min_order: Annotated[
        float | None,
        number("--min-order", "Dollars below which no entry is sent. [0]", "500", "dollars"),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """The same as calls take them; trading rules, but for the cash, stand together."""
        from backtest.engine.rules import Rules

        found = super().arguments()
        names = [name for name in found if name in Rules.model_fields and name != "cash"]
        return {"rules": {name: found.pop(name) for name in names}, **found}


@dataclass(frozen=True, kw_only=True)
class TermsOptions(AccountOptions):
    """Options of a command that trades: an account, what it trades, from when to when."""

    symbols: Symbols = None
    universe: UniverseOption = None
    first: Annotated[date | None, day("--from", "First day of the replay.")] = None
    last: Annotated[date | None, day("--to", "Last day of the replay.")] = None
    hours: Annotated[
        str | None,
        typer.Option(
            metavar="regular|extended",
            help="Trade what is decided also before the open and after the close. [regular]",
        ),
    ] = None
    extended_slippage_bps: Annotated[
        float | None,
        number(
            "--extended-slippage",
            "Basis points on fills outside of the hours. [25]",
            "25",
            "basis points",
        ),
    ] = None
    parameters: SettingsOption = None

    def arguments(self) -> dict[str, Any]:
        """The same as calls take them."""
        return {**super().arguments(), "parameters": parse_settings(self.parameters)}


@dataclass(frozen=True, kw_only=True)
class FolderOptions(Options):
    """Options of a command that reads the data of a workspace."""

    data: DataFolder = None
    strategies: StrategiesFolder = None


@dataclass(frozen=True, kw_only=True)
class AllFolderOptions(FolderOptions):
    """The same of one that also writes to its reports."""

    reports: ReportsFolder = None


class App(typer.Typer):
    """Commands, of which a parameter may be a class of options; see `spread`."""

    def command(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        """Add a command as typer does."""
        add = super().command(*args, **kwargs)
        return lambda function: add(spread(function))


def spread(function: Callable[..., None]) -> Callable[..., None]:
    """A command as typer takes it: in place of a class of options each option by itself."""
    found = signature(function).parameters
    groups: dict[str, Any] = {
        name: one.annotation for name, one in found.items() if is_dataclass(one.annotation)
    }
    flat = [
        one.replace(kind=Parameter.KEYWORD_ONLY)
        for name, one in found.items()
        if name not in groups
    ]
    for group in groups.values():
        flat += [
            Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type)
            for one in fields(group)
        ]

    @wraps(function)
    def called(**values: Any) -> None:
        is_for_json = values.get("as_json")
        for name, group in groups.items():
            own = {field.name: values.pop(field.name) for field in fields(group)}
            values[name] = group(**own)
        with _stdout_for_json() if is_for_json else nullcontext():
            function(**values)

    called.__signature__ = Signature(flat)  # type: ignore[attr-defined]
    called.__annotations__ = {}  # typer would evaluate them again, and take those of the signature
    return called


@contextmanager
def _stdout_for_json() -> Iterator[None]:
    """Whatever is printed meanwhile goes to stderr, as by a strategy, but for `show.print_json`."""
    before = STDOUT.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        STDOUT.reset(before)


def announce_compiling() -> None:
    """Say that the kernel has to be compiled first, where it has."""
    from backtest.engine.kernel.formulas import is_kept

    if not is_kept():
        typer.echo("The kernel is compiled for this machine, once: about half a minute.", err=True)
