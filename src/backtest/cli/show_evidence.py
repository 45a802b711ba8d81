"""What the terminal shows of studies, audits and checks of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from rich.padding import Padding
from rich.text import Text

from backtest.cli.show import assumptions, grid, headed, table, with_details
from backtest.reports import audit_page, study_page
from backtest.reports.study_page import MODELS, TESTS, observed
from backtest.stats import LEVEL
from backtest.stats.formats import effect, fine, new_york_day, percent, probability

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console
    from rich.table import Table

    from backtest.api.results import AuditResult, StocksStudyResult, StudyResult, SweepResult
    from backtest.audit.declared import Report
    from backtest.experiments.studies.null_worlds import NullWorlds

    Record = Mapping[str, Any]

_STYLES = {"ok": "green", "warning": "yellow", "failed": "red", "not tried": "dim"}
_MOST_SHOWN = 3  # findings of a check; the page has more
_FOUND = ("Events", "CAAR", "p", "p corrected", "p of t")


def sweep(out: Console, found: SweepResult) -> None:
    """Print what a sweep says."""
    out.print(headed(found.summary.items()))
    assumptions(out, found.record.get("assumptions", ()))


def study_of_stocks(out: Console, found: StocksStudyResult) -> None:
    """Print a study of many stocks."""
    record, rows = found.record, found.record["rows"]
    windows = [row["window"] for row in rows]
    means = [row["spread"] or row["all"] for row in rows]
    groups = range(len(record["groups"]))
    lines = [
        *(
            (study_page.group_name(record, n), *(fine(row["groups"][n]["value"]) for row in rows))
            for n in groups
        ),
        (study_page.spread_name(record), *(fine(mean["value"]) for mean in means)),
        ("from", *(fine(mean["low"]) for mean in means)),
        ("to", *(fine(mean["high"]) for mean in means)),
        ("p", *(probability(mean["p"]) for mean in means)),
        ("corrected", *(probability(row["p_holm"]) for row in rows)),
    ]
    shown = table(["", *windows], lines, right=windows, whole=[""], section=len(groups))
    title = Text(study_page.title(record), style="bold")
    out.print(title, "", shown, "", headed(found.summary.items()), "", sep="\n")


def study(out: Console, found: StudyResult) -> None:
    """Print a study of one stock."""
    record = found.record
    title = Text(study_page.title(record), style="bold")
    out.print(title, "", headed(found.summary.items()), sep="\n")
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
    for heading, part in parts:
        if part.row_count:
            out.print(Text(f"\n{heading}\n", style="bold"))
            out.print(part)
    out.print()


def _found(row: Record) -> tuple[str, ...]:
    ps = (probability(row[name]) for name in ("p", "p_holm", "p_across"))
    return (observed(row), percent(row["caar"]), *ps)


def _windows(rows: Sequence[Record]) -> Table:
    name, last = "overlaps", "Overlaps"
    if rows and "right" in rows[0]:
        name, last = "right", "As expected"
    headers = ("Window", *_FOUND, "Detectable", last)
    cells = (
        (row["window"], *_found(row), effect(row["detectable"]), str(row[name])) for row in rows
    )
    return table(headers, cells, right=headers[1:], whole=headers)


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
    cells = ((row["by"], row["name"], *_found(row)) for row in record["groups"])
    return table(("By", "Group", *_FOUND), cells, right=_FOUND, whole=("By", *_FOUND))


def _tests(record: Record) -> Table:
    windows = record["windows"]
    names = [row["window"] for row in windows]
    cells = (
        (label, *(probability(row["tests"][test]["p"]) for row in windows))
        for test, label in TESTS.items()
    )
    return table(("Test", *names), cells, right=names, whole=["Test"])


def _left_out(record: Record) -> Table:
    cells = (
        (new_york_day(event["published_at"]), event["reason"], event["headline"])
        for event in record["left_out"]
    )
    return table(("Public", "Why", "Event"), cells, whole=["Public"])


def null_worlds(out: Console, judged: NullWorlds) -> None:
    """Print how verdicts and intervals do where there is nothing to find."""
    typer.echo(
        f"{judged.worlds} made-up worlds of each kind, without anything to find (seed "
        f"{judged.seed}). A sound\n"
        f"verdict is better, or worse, in at most {100 * LEVEL:g} of 100; an interval covers the\n"
        f"true mean trade in 95. None: without a verdict. Given: with an interval.\n"
    )
    headers = ("World, shares in %", "Better", "Worse", "None", "Covers", "Given")
    rows = (
        (
            one.world,
            *(_share_of(one.share(name)) for name in ("better", "worse")),
            f"{100 * one.refused / one.worlds:.0f}",
            f"{100 * one.share('covered')[0]:.1f}" if one.intervals else "–",
            f"{100 * one.intervals / one.worlds:.0f}",
        )
        for one in judged.kinds
    )
    out.print(table(headers, rows, right=headers[1:], whole=headers))
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
    rows = (
        (
            Text(one.outcome, style=_STYLES[one.outcome]),
            one.title,
            Text.assemble(one.what, (f"\n{one.where}" * bool(one.where), "dim")),
        )
        for one in report.results
    )
    sentence = Text(report.sentence, style="red" if report.failed else "green")
    title = Text(f"{report.strategy} · contract", style="bold")
    out.print(title, "", grid(rows, "", ""), "", sentence, sep="\n")


def audit(out: Console, found: AuditResult) -> None:
    """Print an audit: what was tried, what was found, and what no audit can prove."""
    record = found.record
    color = "green" if record["outcome"] == "clean" else "red"
    title = Text(f"{audit_page.title(record)} · audit {record['audit_id']}", style="bold")
    outcome = Text(f"{audit_page.outcome(record)}. {record['sentence']}", style=color)
    out.print(title, "", outcome, "", grid(_summary(record), "dim"), sep="\n")
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
    sides = [finding[side]["text"] if finding[side] else "nothing" for side in ("full", "world")]
    return grid(zip(audit_page.headings(check), sides, strict=True), "")
