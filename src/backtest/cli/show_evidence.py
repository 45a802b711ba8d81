"""What the terminal shows of studies, audits and checks of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backtest.cli.show import console, headed, labelled, new_table, with_details
from backtest.reports import audit_page, study_page
from backtest.reports.study_page import MODELS, TESTS, observed
from backtest.stats import LEVEL
from backtest.stats.formats import effect, fine, new_york_day, percent, probability

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from backtest.audit.declared import Report
    from backtest.experiments.studies.null_worlds import NullWorlds

    Record = Mapping[str, Any]

_STYLES = {"ok": "green", "warning": "yellow", "failed": "red", "not tried": "dim"}
_MOST_SHOWN = 3  # findings of a check; the page has more


def study_of_stocks(out: Console, record: Record) -> None:
    """Print a study of many stocks."""
    out.print(Text(study_page.title(record), style="bold"))
    out.print()
    rows = record["rows"]
    windows = [row["window"] for row in rows]
    table = new_table("", *windows, right=windows, whole=("",))
    for place in range(len(record["groups"])):
        table.add_row(
            study_page.group_name(record, place),
            *(fine(row["groups"][place]["value"]) for row in rows),
            end_section=place + 1 == len(record["groups"]),
        )
    means = [row["spread"] or row["all"] for row in rows]
    table.add_row(study_page.spread_name(record), *(fine(mean["value"]) for mean in means))
    table.add_row("from", *(fine(mean["low"]) for mean in means))
    table.add_row("to", *(fine(mean["high"]) for mean in means))
    table.add_row("p", *(probability(mean["p"]) for mean in means))
    table.add_row("corrected", *(probability(row["p_holm"]) for row in rows))
    out.print(table)
    out.print()
    out.print(headed(study_page.many_sentences(record)))
    out.print()


def study(out: Console, record: Record) -> None:
    """Print a study of one stock."""
    out.print(Text(study_page.title(record), style="bold"))
    out.print()
    out.print(headed(study_page.study_sentences(record)))
    names = "".join(f"{row['window']:>11}" for row in record["windows"])
    notes = study_page.study_notes(record)
    parts = (
        ("Average cumulative abnormal return (CAAR)", _windows(record["windows"])),
        ("In the expected direction", _windows(record["signed"] or [])),
        (f"Cumulative abnormal returns\n\n{'Day 0':<10}{names}", _events(record)),
        (f"Groups. {notes['groups']}", _groups(record)),
        (f"Other tests, p-values. {notes['tests']}", _tests(record)),
        ("Left out", _left_out(record)),
    )
    minutes: tuple[tuple[str, Table], ...] = ()
    if "minutes" in record:
        note = f"By the minute. {study_page.minute_note(record)}"
        minutes = ((note, _minutes(record)),)
    for heading, table in (*minutes, *parts):
        if table.row_count:
            out.print(Text(f"\n{heading}\n", style="bold"))
            out.print(table)
    out.print()


def _minutes(record: Record) -> Table:
    headers = study_page.MINUTE_COLUMNS
    table = new_table(*headers, right=headers[1:], whole=headers)
    for line in study_page.minute_lines(record):
        table.add_row(*line)
    return table


def _windows(rows: Sequence[Mapping[str, Any]]) -> Table:
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
    lines = []
    for event in record["events"]:
        cars = "".join(f"{percent(car):>11}" for car in event["cars"].values())
        labels = "".join(f"{text}, " for by, text in event["labels"].items() if by != "kind")
        below = f"{event['headline']} ({labels}{MODELS[event['model']]})"
        below += "".join(f"; {name}: {why}" for name, why in event["unknown"].items())
        lines.append((Text(f"{event['day_0']}{cars}"), below))
    return with_details(lines)


def _groups(record: Record) -> Table:
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
    names = [row["window"] for row in record["windows"]]
    table = new_table("Test", *names, right=names, whole=("Test",))
    for test, label in TESTS.items():
        ps = [probability(row["tests"][test]["p"]) for row in record["windows"]]
        table.add_row(label, *ps)
    return table


def _left_out(record: Record) -> Table:
    table = new_table("Public", "Why", "Event", whole=("Public",))
    for event in record["left_out"]:
        public = new_york_day(event["published_at"])
        table.add_row(public, Text(event["reason"]), Text(event["headline"]))
    return table


def null_worlds(judged: NullWorlds) -> None:
    """Print how verdicts and intervals do where there is nothing to find."""
    typer.echo(
        f"{judged.worlds} made-up worlds of each kind, without anything to find (seed "
        f"{judged.seed}). A sound\n"
        f"verdict is better, or worse, in at most {100 * LEVEL:g} of 100; an interval covers the\n"
        f"true mean trade in 95. None: without a verdict. Given: with an interval.\n"
    )
    headers = ("World, shares in %", "Better", "Worse", "None", "Covers", "Given")
    table = new_table(*headers, right=headers[1:], whole=headers)
    for one in judged.kinds:
        table.add_row(
            one.world,
            *(_share_of(one.share(name)) for name in ("better", "worse")),
            f"{100 * one.refused / one.worlds:.0f}",
            f"{100 * one.share('covered')[0]:.1f}" if one.intervals else "–",
            f"{100 * one.intervals / one.worlds:.0f}",
        )
    console().print(table)
    typer.echo(
        f"\nThe permutation test of a study finds something in {judged.significant} of "
        f"{judged.worlds} worlds with\nsix events."
    )


def _share_of(share: tuple[float, float, float]) -> str:
    """A share with its Wilson interval, in percent."""
    found, low, high = (100 * value for value in share)
    return f"{found:.1f} ({low:.0f}–{high:.0f})"


def contract(out: Console, report: Report) -> None:
    """Print what a check of the contract found."""
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


def audit(out: Console, record: Record) -> None:
    """Print an audit: what was tried, what was found, and what no audit can prove."""
    color = "green" if record["outcome"] == "clean" else "red"
    out.print(Text(f"{audit_page.title(record)} · audit {record['audit_id']}", style="bold"))
    out.print()
    out.print(Text(f"{audit_page.outcome(record)}. {record['sentence']}", style=color))
    out.print()
    out.print(labelled(_summary(record)))
    for check in record["checks"]:
        if check["count"]:
            out.print(Text(f"\n{check['title']}: {audit_page.found(check)}\n", style="bold"))
            for finding in check["findings"][:_MOST_SHOWN]:
                if finding["date"]:
                    out.print(Text(f"{finding['date']} {finding['event_id']}"))
                out.print(Padding(Text(finding["what"]), (0, 0, 0, 2), expand=False))
                if finding["full"] or finding["world"]:
                    out.print(Padding(_sides(check, finding), (0, 0, 0, 2), expand=False))
    out.print(Text("\nWhat no audit can prove\n", style="bold"))
    for heading, text in audit_page.limits():
        out.print(Text.assemble((f"{heading}. ", "bold"), text), style="dim")
    out.print()


def _summary(record: Record) -> Iterator[tuple[str, str]]:
    """What was tried and found: a heading and its sentences."""
    noun = audit_page.decided(record)
    for check in record["checks"]:
        size = "" if check["not_tried"] else f" {audit_page.tried(check, noun)}."
        yield check["title"], f"{check['what']}{size} {audit_page.found(check).capitalize()}."
    yield from audit_page.audit_sentences(record)


def _sides(check: Record, finding: Record) -> Table:
    """Both decisions in two lines, one below the other."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for heading, side in zip(audit_page.headings(check), ("full", "world"), strict=True):
        grid.add_row(heading, Text(finding[side]["text"] if finding[side] else "nothing"))
    return grid
