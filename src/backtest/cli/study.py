"""`backtest study`: what a stock did round events, and whether random days do as much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from backtest.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.table import Table

    Record = Mapping[str, Any]

EXAMPLES = (
    "Examples: `backtest study earnings` · `backtest study short_report --strategy` · "
    "`backtest study news --window 0,+1 --window 0,+5` · `backtest study --null-world`"
)
_MODELS = ("market", "market_adjusted", "mean_adjusted")


@options.command
def study(
    folders: options.AllFolders,
    name: Annotated[
        str | None,
        typer.Argument(metavar="KIND|STRATEGY", help="A kind of event, or a strategy."),
    ] = None,
    as_strategy: Annotated[
        bool, typer.Option("--strategy", help="The strategy, where a kind has the same name.")
    ] = False,
    symbol: options.Symbols = None,
    universe: options.UniverseOption = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Of many stocks: sort the events, as by surprise."),
    ] = None,
    quantiles: Annotated[
        int, typer.Option(min=2, max=20, help="Groups of --by, equally large.")
    ] = 5,
    window: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIRST,LAST",
            help="Sessions from day 0, such as -1,+1; repeat for several, the first leads. "
            "[-1,+1 0,+1 0,+5 0,+20 -10,+10]",
        ),
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="Fund to hold the stock against. [SPY or QQQ, by fit]")
    ] = None,
    model: Annotated[
        str, typer.Option(help=f"Of normal returns: {', '.join(_MODELS)}.")
    ] = "market",
    reaction: Annotated[float, typer.Option(help="Minutes to react.", min=0, max=10_080)] = 5.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the random days.")] = 1,
    draws: Annotated[int, typer.Option(min=99, max=1_000_000, help="Random days.")] = 10_000,
    null_world: Annotated[
        bool, typer.Option("--null-world", help="Try the verdicts where there is nothing to find.")
    ] = False,
    worlds: Annotated[int, typer.Option(min=1, help="How many null worlds of each kind.")] = 400,
    force: Annotated[bool, typer.Option("--force", help="Study again what has been.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Study abnormal returns round the events of a kind, or those that a strategy would trade."""
    from backtest.api import calls
    from backtest.api.results import StudyResult
    from backtest.cli import show
    from backtest.errors import UsageError

    if null_world:
        if name is not None:
            raise UsageError("--null-world studies made-up prices; it takes no kind or strategy.")
        _null_worlds(worlds, seed, as_json=as_json)
        return
    if name is None:
        raise UsageError(
            "Name a kind of event or a strategy, such as `backtest study earnings`; "
            "`backtest list strategies` shows both. Or give --null-world."
        )
    found = calls.study(
        name,
        as_strategy=as_strategy,
        symbols=symbol,
        universe=universe,
        by=by,
        quantiles=quantiles,
        windows=window,
        benchmark=benchmark,
        model=cast("Any", model),
        reaction=reaction,
        seed=seed,
        draws=draws,
        force=force,
        **folders.arguments(),
    )
    page = found.page()
    if as_json:
        show.print_json({**found.record, "path": str(found.path)})
        return
    (_print_study if isinstance(found, StudyResult) else _print_many)(show.console(), found.record)
    if found.known:
        typer.echo("It had been studied before with the same inputs; --force does it again.")
    typer.echo(f"Every CAR: {found.path / 'cars.csv'}")
    typer.echo(f"The page:  {page}")


def _print_many(out: Console, record: Record) -> None:
    from rich.text import Text

    from backtest.cli import show
    from backtest.reports import many_study_page as words
    from backtest.reports.study_page import probability

    out.print(Text(words.title(record), style="bold"))
    out.print()
    rows = record["rows"]
    windows = [row["window"] for row in rows]
    table = show.new_table("", *windows, right=windows, whole=("",))
    for place in range(len(record["groups"])):
        table.add_row(
            words.group_name(record, place),
            *(words.fine(row["groups"][place]["value"]) for row in rows),
            end_section=place + 1 == len(record["groups"]),
        )
    means = [row["spread"] or row["all"] for row in rows]
    table.add_row(words.spread_name(record), *(words.fine(mean["value"]) for mean in means))
    table.add_row("from", *(words.fine(mean["low"]) for mean in means))
    table.add_row("to", *(words.fine(mean["high"]) for mean in means))
    table.add_row("p", *(probability(mean["p"]) for mean in means))
    table.add_row("corrected", *(probability(row["p_holm"]) for row in rows))
    out.print(table)
    out.print()
    out.print(show.headed(words.sentences(record)))
    out.print()


def _print_study(out: Console, record: Record) -> None:
    from rich.text import Text

    from backtest.cli import show
    from backtest.reports import study_page as words

    out.print(Text(words.title(record), style="bold"))
    out.print()
    out.print(show.headed(words.sentences(record)))
    names = "".join(f"{row['window']:>11}" for row in record["windows"])
    parts = (
        ("Average cumulative abnormal return (CAAR)", _windows(record["windows"])),
        ("In the expected direction", _windows(record["signed"] or [])),
        (f"Cumulative abnormal returns\n\n{'Day 0':<10}{names}", _events(record)),
        (f"Groups. {words.groups_note(record)}", _groups(record)),
        (f"Other tests, p-values. {words.tests_note(record)}", _tests(record)),
        ("Left out", _left_out(record)),
    )
    for heading, table in parts:
        if table.row_count:
            out.print(Text(f"\n{heading}\n", style="bold"))
            out.print(table)
    out.print()


def _windows(rows: Sequence[Mapping[str, Any]]) -> Table:
    from backtest.cli.show import new_table
    from backtest.reports.study_page import effect, observed, probability
    from backtest.stats.formats import percent

    last = "As expected" if rows and "right" in rows[0] else "Overlaps"
    headers = ("Window", "Events", "CAAR", "p", "p corrected", "p of t", "Detectable", last)
    table = new_table(*headers, right=headers[1:], whole=headers)
    for row in rows:
        table.add_row(
            row["window"],
            observed(row),
            percent(row["caar"]),
            probability(row["p"]),
            probability(row["p_holm"]),
            probability(row["p_across"]),
            effect(row["detectable"]),
            str(row["right" if "right" in row else "overlaps"]),
        )
    return table


def _events(record: Record) -> Table:
    """A line with the CARs of each event, and below it what the event was."""
    from rich.text import Text

    from backtest.cli.show import with_details
    from backtest.reports.study_page import MODELS
    from backtest.stats.formats import percent

    lines = []
    for event in record["events"]:
        cars = "".join(f"{percent(car):>11}" for car in event["cars"].values())
        labels = "".join(f"{text}, " for by, text in event["labels"].items() if by != "kind")
        below = f"{event['headline']} ({labels}{MODELS[event['model']]})"
        below += "".join(f"; {name}: {why}" for name, why in event["unknown"].items())
        lines.append((Text(f"{event['day_0']}{cars}"), below))
    return with_details(lines)


def _groups(record: Record) -> Table:
    from backtest.cli.show import new_table
    from backtest.reports.study_page import observed, probability
    from backtest.stats.formats import percent

    headers = ("By", "Group", "Events", "CAAR", "p", "p corrected", "p of t")
    table = new_table(*headers, right=headers[2:], whole=("By", *headers[2:]))
    for row in record["groups"]:
        table.add_row(
            row["by"],
            row["name"],
            observed(row),
            percent(row["caar"]),
            probability(row["p"]),
            probability(row["p_holm"]),
            probability(row["p_across"]),
        )
    return table


def _tests(record: Record) -> Table:
    from backtest.cli.show import new_table
    from backtest.reports.study_page import TESTS, probability

    names = [row["window"] for row in record["windows"]]
    table = new_table("Test", *names, right=names, whole=("Test",))
    for test, label in TESTS.items():
        ps = [probability(row["tests"][test]["p"]) for row in record["windows"]]
        table.add_row(label, *ps)
    return table


def _left_out(record: Record) -> Table:
    from rich.text import Text

    from backtest.cli.show import new_table
    from backtest.stats.formats import new_york_day

    table = new_table("Public", "Why", "Event", whole=("Public",))
    for event in record["left_out"]:
        public = new_york_day(event["published_at"])
        table.add_row(public, Text(event["reason"]), Text(event["headline"]))
    return table


def _null_worlds(worlds: int, seed: int, *, as_json: bool) -> None:
    from backtest.cli import show
    from backtest.experiments.studies.null_worlds import calibrate, null_study
    from backtest.stats import LEVEL

    options.announce_compiling()
    found, studied = calibrate(worlds, seed=seed), null_study(worlds, seed=seed)
    if as_json:
        rows = [one.as_dict() for one in found]
        show.print_json({"worlds": rows, "study": {"significant": studied, "worlds": worlds}})
        return
    typer.echo(
        f"{worlds} made-up worlds of each kind, without anything to find (seed {seed}). A sound\n"
        f"verdict is better, or worse, in at most {100 * LEVEL:g} of 100; an interval covers the\n"
        f"true mean trade in 95. None: without a verdict. Given: with an interval.\n"
    )
    headers = ("World, shares in %", "Better", "Worse", "None", "Covers", "Given")
    table = show.new_table(*headers, right=headers[1:], whole=headers)
    for one in found:
        table.add_row(
            one.world,
            *(_share_of(one.share(name)) for name in ("better", "worse")),
            f"{100 * one.refused / one.worlds:.0f}",
            f"{100 * one.share('covered')[0]:.1f}" if one.intervals else "–",
            f"{100 * one.intervals / one.worlds:.0f}",
        )
    show.console().print(table)
    typer.echo(
        f"\nThe permutation test of a study finds something in {studied} of {worlds} worlds "
        f"with\nsix events."
    )


def _share_of(share: tuple[float, float, float]) -> str:
    """A share with its Wilson interval, in percent."""
    found, low, high = (100 * value for value in share)
    return f"{found:.1f} ({low:.0f}–{high:.0f})"
