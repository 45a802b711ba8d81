"""Options that several commands share. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtest.errors import UsageError

if TYPE_CHECKING:
    from backtest.strategy.parameters import Text

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
        "--out",
        metavar="FOLDER",
        help="Folder of the run folders; the workspace's by default.",
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
AnySymbols = Annotated[list[str] | None, _symbol_option("all")]
UniverseOption = Annotated[
    str | None,
    typer.Option(
        "--universe",
        metavar="NAME",
        help="Every member of a universe, such as us_large, in place of symbols.",
    ),
]
Benchmark = Annotated[
    str | None,
    typer.Option(
        "--benchmark",
        help="Any symbol in data/prices, also the stock itself. [SPY; of a universe, the mean of "
        "its members]",
    ),
]
FirstDay = Annotated[
    str | None, typer.Option("--from", metavar="DAY", help="First day of the replay.")
]
LastDay = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day of the replay.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set a parameter of the strategies; repeat for several. Lists by comma, "
        "`none` for no value; or JSON.",
    ),
]
CashOption = Annotated[float | None, typer.Option("--cash", help="Dollars at the start. [100,000]")]
CostsOption = Annotated[
    str | None,
    typer.Option(
        "--costs",
        metavar="NAME|FILE",
        help="retail, institutional, frictionless, or a TOML file. [retail]",
    ),
]
CommissionOption = Annotated[
    float | None,
    typer.Option("--commission", help="Dollars a share, in place of what the costs say. [0.005]"),
]
SlippageOption = Annotated[
    float | None,
    typer.Option("--slippage", help="Basis points on market and stop fills, likewise. [5]"),
]
ReactionOption = Annotated[
    float | None,
    typer.Option("--reaction", help="Minutes from publication to the earliest open. [5]"),
]
MaxPositions = Annotated[
    int | None,
    typer.Option("--max-positions", help="Most positions at a time. [as many as the room]"),
]
MinOrder = Annotated[
    float | None, typer.Option("--min-order", help="Dollars below which no entry is sent. [0]")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")]

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print every row, however many there are.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Write without asking, for scripts.")]


def parse_settings(texts: list[str]) -> dict[str, Text]:
    """Parameters given as `name=value`.

    Raises:
        UsageError: a text has no `=`, or a name is given twice.

    """
    from backtest.strategy.parameters import Text

    more = "; lists are written with commas"
    pairs = parse_pairs("--set", texts, example="hold=5", twice=more)
    return {name: Text(text) for name, text in pairs.items()}


def parse_pairs(option: str, texts: list[str], *, example: str, twice: str = "") -> dict[str, str]:
    """Texts given as `name=value`.

    Args:
        option: the option that takes them, for the message.
        texts: what was given.
        example: one that is right.
        twice: what to say where a name is given twice.

    Raises:
        UsageError: a text has no `=`, or a name is given twice.

    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UsageError(f"{option} {text!r} is not of the form name=value, such as {example}.")
        if name in pairs:
            raise UsageError(f"{option} {name} is given twice{twice}.")
        pairs[name] = value
    return pairs


def rules_of(
    commission: float | None,
    slippage: float | None,
    reaction: float | None,
    max_positions: int | None,
    min_order: float | None,
) -> dict[str, float | None]:
    """The trading rules that options set, by name."""
    return {
        "commission_per_share": commission,
        "slippage_bps": slippage,
        "reaction_minutes": reaction,
        "max_positions": max_positions,
        "min_order": min_order,
    }


def announce_compiling() -> None:
    """Say that the kernel has to be compiled first, where it has."""
    from backtest.engine.kernel.compiled import is_kept

    if not is_kept():
        typer.echo("The kernel is compiled for this machine, once: about 15 seconds.", err=True)
