"""Print sweeps, studies, audits and checks of the contract to the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import typer
from rich.padding import Padding
from rich.text import Text

from backtest.cli import show
from backtest.cli.show import Column, assumptions, detailed, grid, print_columns, table
from backtest.reports import audit_page, study_page
from backtest.reports.study_page import MODELS, TESTS, events_text
from backtest.stats import LEVEL
from backtest.stats.formats import counted, effect, fine, new_york_day, percent, probability

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from backtest.api.results import (
        AuditResult,
        Result,
        StocksStudyResult,
        StudyResult,
        SweepResult,
    )
    from backtest.audit.declared import Report
    from backtest.experiments.studies.null_worlds import NullWorlds

Record = Mapping[str, Any]

_STYLES = {"ok": "green", "warning": "yellow", "failed": "red", "not tried": "dim"}
_MOST_FINDINGS = 3  # of a check; the page has more


def result(
    result: Result,
    show_result: Callable[[Console, Any], None],
    done: str,
    files: Mapping[str, str] = MappingProxyType({}),
    *,
    as_json: bool,
) -> None:
    """Draw the page of a result, unless reports are read-only, and print it and its files' paths.

    `done` says what was done to it if it existed before, as "audited"; `files` are names in its
    folder, by what they hold.
    """
    from backtest.api.pages import is_read_only

    page = result.path / "index.html"
    if not is_read_only(result.path.parent, show.warn):
        result.page()
    if as_json:
        show.print_json({**result.record, "path": str(result.path)})
        return
    out = show.console()
    show_result(out, result)
    if result.known:
        out.print(f"It had been {done} before with the same inputs; --force does it again.")
    paths = {name: result.path / file for name, file in files.items()}
    if page.exists():
        paths["The page"] = page
    for name, path in paths.items():
        typer.echo(f"{name + ':':<{1 + max(map(len, paths))}} {path}")


def sweep(out: Console, result: SweepResult) -> None:
    """Print the summary of a sweep, and its assumptions."""
    out.print(grid(result.summary.items()))
    assumptions(out, result.record.get("assumptions", ()))


def study_of_stocks(out: Console, result: StocksStudyResult) -> None:
    """Print a study of many stocks."""
    record, rows = result.record, result.record["rows"]
    means = [row["spread"] or row["all"] for row in rows]
    groups = range(len(record["groups"]))
    names = [study_page.group_name(record, n) for n in groups]
    labels = [*names, study_page.spread_name(record), "from", "to", "p", "p, Holm"]
    columns = [
        (
            row["window"],
            [
                *(fine(row["groups"][n]["value"]) for n in groups),
                *(fine(mean[name]) for name in ("value", "low", "high")),
                probability(mean["p"]),
                probability(row["p_holm"]),
            ],
        )
        for row, mean in zip(rows, means, strict=True)
    ]
    out.print(Text(f"{study_page.title(record)}\n", style="bold"))
    print_columns(out, {"": labels}, columns, section=len(groups))
    out.print("", grid(result.summary.items()), "", sep="\n")
    _print_minutes(out, record)


def study(out: Console, result: StudyResult) -> None:
    """Print a study of one stock."""
    record = result.record
    title = Text(study_page.title(record), style="bold")
    out.print(title, "", grid(result.summary.items()), sep="\n")
    notes = study_page.study_notes(record)
    windows = record["windows"]
    _print_minutes(out, record)
    caar = "Average cumulative abnormal return (CAAR)"
    _print_windows(out, caar, windows, "Overlaps", "overlaps")
    signed = record["signed"] or []
    _print_windows(out, "In the expected direction", signed, "As expected", "right")
    _print_heading(out, "Cumulative abnormal returns")
    out.print(_events(record, out.width))
    if groups := record["groups"]:
        _print_heading(out, f"Groups. {notes['groups']}")
        keys = {"By": [row["by"] for row in groups], "Group": [row["name"] for row in groups]}
        print_columns(out, keys, _figures(groups))
    _print_heading(out, f"Other tests, p-values. {notes['tests']}")
    tests = [
        (row["window"], [probability(row["tests"][test]["p"]) for test in TESTS]) for row in windows
    ]
    print_columns(out, {"Test": list(TESTS.values())}, tests)
    if left_out := record["left_out"]:
        _print_heading(out, "Left out")
        cells = (
            (new_york_day(event["published_at"]), event["reason"], event["headline"])
            for event in left_out
        )
        out.print(table(("Public", "Why", "Event"), cells, whole=["Public"]))
    out.print()


def _print_minutes(out: Console, record: Record) -> None:
    if "minutes" in record and record["minutes"]["events"]:
        _print_heading(out, f"By the minute. {study_page.MINUTE_NOTE}")
        headers = study_page.MINUTE_COLUMNS
        out.print(table(headers, study_page.minute_lines(record), whole=headers))


def _print_heading(out: Console, text: str) -> None:
    out.print(Text(f"\n{text}\n", style="bold"))


def _print_windows(out: Console, heading: str, rows: Sequence[Record], last: str, key: str) -> None:
    """Print the figures of each window; the `last` column has the value of `key`."""
    if not rows:
        return
    _print_heading(out, heading)
    columns = [
        *_figures(rows),
        ("Detectable", [effect(row["detectable"]) for row in rows]),
        (last, [str(row[key]) for row in rows]),
    ]
    print_columns(out, {"Window": [row["window"] for row in rows]}, columns)


def _figures(rows: Sequence[Record]) -> list[Column]:
    ps = {"p": "p", "p, Holm": "p_holm", "p of t": "p_across"}
    return [
        ("Events", [events_text(row) for row in rows]),
        ("CAAR", [percent(row["caar"]) for row in rows]),
        *((title, [probability(row[name]) for row in rows]) for title, name in ps.items()),
    ]


def _events(record: Record, width: int) -> Table:
    """Return a line with the CARs of each event, and what the event was below it."""
    columns = {"Day 0": [event["day_0"] for event in record["events"]]}
    windows = [row["window"] for row in record["windows"]]
    for name in windows:
        cells = [percent(event["cars"][name]) for event in record["events"]]
        columns[f"{name:>9}"] = [f"{cell:>9}" for cell in cells]
    below = []
    for event in record["events"]:
        labels = "".join(f"{text}, " for by, text in event["labels"].items() if by != "kind")
        text = f"{event['headline']} ({labels}{MODELS[event['model']]})"
        below.append(text + "".join(f"; {name}: {why}" for name, why in event["unknown"].items()))
    return detailed(columns, below, width, spare=[*columns][:1:-1])


def null_worlds(out: Console, rates: NullWorlds) -> None:
    """Print how often verdicts and intervals are right where there is nothing to find."""
    out.print(
        f"{rates.worlds} made-up worlds of each kind, without anything to find (seed "
        f"{rates.seed}). A sound verdict is better, or worse, in at most {100 * LEVEL:g} of 100; "
        f"an interval covers the true mean trade in 95. None: without a verdict. Given: with an "
        f"interval.\n"
    )
    kinds = rates.kinds
    covered = (f"{100 * kind.share('covered')[0]:.1f}" if kind.intervals else "–" for kind in kinds)
    columns = [
        ("Better", [_share_of(kind.share("better")) for kind in kinds]),
        ("Worse", [_share_of(kind.share("worse")) for kind in kinds]),
        ("None", [f"{100 * kind.refused / kind.worlds:.0f}" for kind in kinds]),
        ("Covers", [*covered]),
        ("Given", [f"{100 * kind.intervals / kind.worlds:.0f}" for kind in kinds]),
    ]
    print_columns(out, {"World, shares in %": [kind.world for kind in kinds]}, columns)
    out.print(
        f"\nThe permutation test of a study finds something in {rates.significant} of "
        f"{counted(rates.worlds, 'world')} with six events."
    )


def _share_of(share: tuple[float, float, float]) -> str:
    """Write a share with its Wilson interval, in percent."""
    value, low, high = (100 * part for part in share)
    return f"{value:.1f} ({low:.0f}–{high:.0f})"


def contract(out: Console, report: Report) -> None:
    """Print the results of a check of the contract."""
    rows = (
        (
            Text(result.outcome, style=_STYLES[result.outcome]),
            result.title,
            Text.assemble(result.what, (f"\n{result.where}" if result.where else "", "dim")),
        )
        for result in report.results
    )
    sentence = Text(report.sentence, style="red" if report.failed else "green")
    title = Text(f"{report.strategy} · contract", style="bold")
    out.print(title, "", grid(rows, ["", ""]), "", sentence, sep="\n")


def audit(out: Console, result: AuditResult) -> None:
    """Print an audit: what it tried, what it found, and what no audit can prove."""
    record = result.record
    color = "green" if record["outcome"] == "clean" else "red"
    title = Text(f"{audit_page.title(record)} · audit {record['audit_id']}", style="bold")
    outcome = Text(f"{audit_page.outcome(record)}. {record['sentence']}", style=color)
    out.print(title, "", outcome, "", grid(_summary(record), ["dim"]), sep="\n")
    for check in record["checks"]:
        if check["count"]:
            out.print(
                Text(f"\n{check['title']}: {audit_page.findings_text(check)}\n", style="bold")
            )
            for finding in check["findings"][:_MOST_FINDINGS]:
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
    """Yield a heading for each check, and sentences on what it tried and found."""
    noun = audit_page.compared_noun(record)
    for check in record["checks"]:
        size = "" if check["not_tried"] else f" {audit_page.size_text(check, noun)}."
        yield (
            check["title"],
            f"{check['what']}{size} {audit_page.findings_text(check).capitalize()}.",
        )
    yield from audit_page.audit_sentences(record)


def _sides(check: Record, finding: Record) -> Table:
    """Return the decisions in the full data and in the other world, a line each."""
    sides = [finding[side]["text"] if finding[side] else "nothing" for side in ("full", "world")]
    return grid(zip(audit_page.headings(check), sides, strict=True))
