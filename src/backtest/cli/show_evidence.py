"""What the terminal shows of studies, audits and checks of the contract."""

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
from backtest.reports.study_page import MODELS, TESTS, observed
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
_MOST_SHOWN = 3  # findings of a check; the page has more


def result(
    found: Result,
    printed: Callable[[Console, Any], None],
    done: str,
    files: Mapping[str, str] = MappingProxyType({}),
    *,
    as_json: bool,
) -> None:
    """Draw the page of a result where it can be, and print its record and where its files are."""
    from backtest.api.pages import is_read_only

    page = found.path / "index.html"
    if not is_read_only(found.path.parent, show.left_out):
        found.page()
    if as_json:
        show.print_json({**found.record, "path": str(found.path)})
        return
    out = show.console()
    printed(out, found)
    if found.known:
        out.print(f"It had been {done} before with the same inputs; --force does it again.")
    paths = {name: found.path / file for name, file in files.items()}
    if page.exists():
        paths["The page"] = page
    for name, path in paths.items():
        typer.echo(f"{name + ':':<{1 + max(map(len, paths))}} {path}")


def sweep(out: Console, found: SweepResult) -> None:
    """Print what a sweep says."""
    out.print(grid(found.summary.items()))
    assumptions(out, found.record.get("assumptions", ()))


def study_of_stocks(out: Console, found: StocksStudyResult) -> None:
    """Print a study of many stocks."""
    record, rows = found.record, found.record["rows"]
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
    out.print("", grid(found.summary.items()), "", sep="\n")
    _print_minutes(out, record)


def study(out: Console, found: StudyResult) -> None:
    """Print a study of one stock."""
    record = found.record
    title = Text(study_page.title(record), style="bold")
    out.print(title, "", grid(found.summary.items()), sep="\n")
    notes = study_page.study_notes(record)
    windows = record["windows"]
    _print_minutes(out, record)
    _print_windows(out, "Average cumulative abnormal return (CAAR)", windows, "Overlaps")
    _print_windows(out, "In the expected direction", record["signed"] or [], "As expected")
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
        names = ("reason", "headline")
        cells = ([new_york_day(one["published_at"]), *(one[n] for n in names)] for one in left_out)
        out.print(table(("Public", "Why", "Event"), cells, whole=["Public"]))
    out.print()


def _print_minutes(out: Console, record: Record) -> None:
    if "minutes" in record and record["minutes"]["events"]:
        _print_heading(out, f"By the minute. {study_page.minute_note(record)}")
        headers = study_page.MINUTE_COLUMNS
        out.print(table(headers, study_page.minute_lines(record), whole=headers))


def _print_heading(out: Console, text: str) -> None:
    out.print(Text(f"\n{text}\n", style="bold"))


def _print_windows(out: Console, heading: str, rows: Sequence[Record], last: str) -> None:
    if not rows:
        return
    _print_heading(out, heading)
    name = {"Overlaps": "overlaps", "As expected": "right"}[last]
    columns = [
        *_figures(rows),
        ("Detectable", [effect(row["detectable"]) for row in rows]),
        (last, [str(row[name]) for row in rows]),
    ]
    print_columns(out, {"Window": [row["window"] for row in rows]}, columns)


def _figures(rows: Sequence[Record]) -> list[Column]:
    ps = {"p": "p", "p, Holm": "p_holm", "p of t": "p_across"}
    return [
        ("Events", [observed(row) for row in rows]),
        ("CAAR", [percent(row["caar"]) for row in rows]),
        *((title, [probability(row[name]) for row in rows]) for title, name in ps.items()),
    ]


def _events(record: Record, width: int) -> Table:
    """A line with the CARs of each event, and below it what the event was."""
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


def null_worlds(out: Console, judged: NullWorlds) -> None:
    """Print how verdicts and intervals do where there is nothing to find."""
    out.print(
        f"{judged.worlds} made-up worlds of each kind, without anything to find (seed "
        f"{judged.seed}). A sound verdict is better, or worse, in at most {100 * LEVEL:g} of 100; "
        f"an interval covers the true mean trade in 95. None: without a verdict. Given: with an "
        f"interval.\n"
    )
    shares = [[_share_of(one.share(name)) for one in judged.kinds] for name in ("better", "worse")]
    columns = [
        ("Better", shares[0]),
        ("Worse", shares[1]),
        ("None", [f"{100 * one.refused / one.worlds:.0f}" for one in judged.kinds]),
        (
            "Covers",
            [
                f"{100 * one.share('covered')[0]:.1f}" * bool(one.intervals) or "–"
                for one in judged.kinds
            ],
        ),
        ("Given", [f"{100 * one.intervals / one.worlds:.0f}" for one in judged.kinds]),
    ]
    print_columns(out, {"World, shares in %": [one.world for one in judged.kinds]}, columns)
    out.print(
        f"\nThe permutation test of a study finds something in {judged.significant} of "
        f"{counted(judged.worlds, 'world')} with six events."
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
    out.print(title, "", grid(rows, ["", ""]), "", sentence, sep="\n")


def audit(out: Console, found: AuditResult) -> None:
    """Print an audit: what was tried, what was found, and what no audit can prove."""
    record = found.record
    color = "green" if record["outcome"] == "clean" else "red"
    title = Text(f"{audit_page.title(record)} · audit {record['audit_id']}", style="bold")
    outcome = Text(f"{audit_page.outcome(record)}. {record['sentence']}", style=color)
    out.print(title, "", outcome, "", grid(_summary(record), ["dim"]), sep="\n")
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
    return grid(zip(audit_page.headings(check), sides, strict=True))
