"""What the calls give back: frozen, with DataFrames, and a text that tells it in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtest.experiments.runs.store import read_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from backtest.audit.declared import Report
    from backtest.audit.record import Audit
    from backtest.data.listing import ListedEvent
    from backtest.experiments.records import ManyStudyRecord, StudyRecord
    from backtest.experiments.runs.store import Run
    from backtest.experiments.studies.run import Study
    from backtest.experiments.sweeps.folder import Sweep


_WINDOW = ["known", "caar", "p", "p_holm", "p_across", "detectable"]
_EVENT = ["id", "kind", "symbol", "published_at", "precision", "tradable_session", "headline"]


def run_result(run: Run) -> RunResult:
    """A run as it stands in its folder."""
    manifest = run.manifest
    figures = {
        manifest["strategy"]: manifest["summary"]["run"],
        manifest["benchmark"]: manifest["summary"]["benchmark"],
    }
    return RunResult(
        run_id=run.run_id,
        strategy=manifest["strategy"],
        parameters=manifest["parameters"],
        summary=pd.DataFrame(figures, dtype=float),
        trades=read_table(run.path / "trades.csv", index="trade_id"),
        equity=run.equity,
        decisions=read_table(run.path / "decisions.csv", index="event_id"),
        evidence=manifest["evidence"],
        manifest=manifest,
        path=run.path,
    )


def sweep_result(sweep: Sweep) -> SweepResult:
    """A sweep as it stands in its folder."""
    from backtest.reports.sweep_page import sweep_sentences
    from backtest.stats.surface import summary

    manifest, sets = sweep.manifest, sweep.sets.to_pandas()
    found = summary(sets, manifest["axes"], manifest["base"], manifest["base_figures"])
    return SweepResult(
        sweep_id=manifest["sweep_id"],
        strategy=manifest["strategy"],
        sets=sets.set_index("set"),
        default={**manifest["base"], **manifest["base_figures"]},
        evidence=manifest["evidence"],
        summary=dict(sweep_sentences(found, manifest)),
        manifest=manifest,
        path=sweep.path,
    )


def study_result(done: Study[StudyRecord]) -> StudyResult:
    """A study as it stands in its folder."""
    from backtest.reports.study_page import study_sentences

    record = done.record
    events = pd.DataFrame(
        [
            {
                "event_id": event["event_id"],
                "kind": event["kind"],
                "headline": event["headline"],
                "day_0": pd.Timestamp(event["day_0"]),
                "direction": event["direction"],
                **event["cars"],
            }
            for event in record["events"]
        ]
    )
    columns = ["event_id", "kind", "published_at", "precision", "headline", "reason"]
    left_out = pd.DataFrame(record["left_out"], columns=columns)
    left_out["published_at"] = pd.to_datetime(left_out["published_at"], utc=True)
    return StudyResult(
        study_id=record["study_id"],
        name=record["name"],
        windows=pd.DataFrame(record["windows"]).set_index("window")[_WINDOW],
        events=events.set_index("event_id"),
        left_out=left_out.set_index("event_id"),
        summary=dict(study_sentences(record)),
        record=record,
        path=done.path,
    )


def stocks_study_result(done: Study[ManyStudyRecord]) -> StocksStudyResult:
    """A study of many stocks as it stands in its folder."""
    from backtest.reports.study_page import group_name, many_sentences

    record = done.record
    names = [group_name(record, place) for place in range(len(record["groups"]))]
    rows = [
        {"window": row["window"], "group": group, **mean}
        for row in record["rows"]
        for group, mean in (
            ("all", row["all"]),
            *zip(names, row["groups"], strict=True),
            ("spread", row["spread"]),
        )
        if mean is not None
    ]
    curves = pd.concat(
        pd.DataFrame({**curve, "group": group, "day": record["days"]})
        for group, curve in zip(names or ["all"], record["curves"], strict=True)
    )
    return StocksStudyResult(
        study_id=record["study_id"],
        name=record["name"],
        rows=pd.DataFrame(rows).set_index(["window", "group"]),
        curves=curves.set_index(["group", "day"])[["mean", "low", "high"]],
        observations=pd.read_csv(
            done.path / "cars.csv", index_col="event_id", parse_dates=["day_0"]
        ),
        summary=dict(many_sentences(record)),
        record=record,
        path=done.path,
    )


def audit_result(done: Audit) -> AuditResult:
    """An audit as it stands in its folder."""
    record = done.record
    checks = [
        {"name": one["name"], "title": one["title"], **one["tried"], "count": one["count"]}
        for one in record["checks"]
    ]
    columns = ["check", "date", "event_id", "what"]
    findings = [
        {"check": one["name"], **finding} for one in record["checks"] for finding in one["findings"]
    ]
    return AuditResult(
        audit_id=record["audit_id"],
        strategy=record["strategy"],
        outcome=record["outcome"],
        sentence=record["sentence"],
        checks=pd.DataFrame(checks).set_index("name"),
        findings=pd.DataFrame(findings, columns=columns),
        record=record,
        path=done.path,
    )


def check_result(report: Report) -> CheckResult:
    """What a check of the contract has found."""
    rows = [vars(one) for one in report.results]
    checks = pd.DataFrame(rows, columns=["name", "outcome", "what", "where"]).set_index("name")
    return CheckResult(report.strategy, not report.failed, report.sentence, checks)


def event_table(rows: Sequence[ListedEvent]) -> pd.DataFrame:
    """Events, a row each; fields that no event of the table has a value for are left out."""
    table = pd.DataFrame([row.as_dict() for row in rows])
    more = [name for name in table.columns if name not in _EVENT]
    table = table[[*_EVENT, *more]].set_index("id").dropna(axis="columns", how="all")
    table["tradable_session"] = pd.to_datetime(table.get("tradable_session"))
    return table


def comparison(runs: Sequence[Run]) -> pd.DataFrame:
    """Runs and their benchmarks, a row each: the figures, then the evidence."""
    from backtest.experiments.trials import trials_on_record
    from backtest.reports.compare_page import benchmarks_of
    from backtest.reports.run_words import corrected, evidence_figures

    rows: dict[str, dict[str, Any]] = {}
    for run, p_holm in zip(runs, corrected(runs), strict=True):
        trials = trials_on_record(run.path.parent, run.manifest)["count"]
        row = {**run.summary, **evidence_figures(run), "p_holm": p_holm, "trials": trials}
        rows[_name(run.manifest["strategy"], run, runs)] = row
    for benchmark in benchmarks_of(runs):
        symbol = benchmark.run.manifest["benchmark"]
        rows[f"{symbol} of {benchmark.run.run_id}" if symbol in rows else symbol] = dict(
            benchmark.figures
        )
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.astype({"trades": "Int64", "trials": "Int64"})


def _name(strategy: str, run: Run, runs: Sequence[Run]) -> str:
    """The strategy, and the run id where several runs are of it."""
    several = sum(other.manifest["strategy"] == strategy for other in runs) > 1
    return f"{strategy} {run.run_id}" if several else strategy


class _Printed:
    """A result that a notebook shows as its words, not as all that it holds."""

    def __repr__(self) -> str:
        return str(self)


_WIDE = 92


@dataclass(frozen=True, eq=False, repr=False)
class RunResult(_Printed):
    """A run: what one strategy did with one set of parameters, and what that is worth.

    `print` tells it in a few lines. Money is in dollars, returns are fractions, sessions are dates
    without a zone (`datetime64`), and what is unknown is NaN, NaT or None.

    Attributes:
        run_id: a hash of everything that decides the result.
        strategy: its name.
        parameters: its parameters, by name.
        summary: the figures, a row each; a column for the run and one for its benchmark.
        trades: a row for each trade from flat to flat, indexed by `trade_id`.
        equity: a row for each session, indexed by it: `equity`, `cash`, `position_value`,
            `return`, `benchmark_return`.
        decisions: a row for each event that the strategy listens to, indexed by `event_id`: when it
            was public (UTC), the first session it could be traded in, what became of it and why.
        evidence: what the result is worth, as `run.json` has it.
        manifest: all that `run.json` holds.
        path: the folder of the run.

    """

    run_id: str
    strategy: str
    parameters: Mapping[str, Any]
    summary: pd.DataFrame
    trades: pd.DataFrame
    equity: pd.DataFrame
    decisions: pd.DataFrame
    evidence: Mapping[str, Any]
    manifest: Mapping[str, Any]
    path: Path

    def __str__(self) -> str:
        from textwrap import fill

        from backtest.experiments.trials import trials_on_record
        from backtest.reports.run_words import plain_sentence
        from backtest.stats.formats import few, percent

        manifest = self.manifest
        trials = trials_on_record(self.path.parent, manifest)
        total = percent(manifest["summary"]["run"]["total_return"])
        span = f"{manifest['span']['first']} to {manifest['span']['last']}"
        return (
            f"{self.strategy} · {manifest.get('universe') or few(manifest['symbols'])} "
            f"from {span}: {total}\n"
            f"{fill(plain_sentence(self.evidence, trials), _WIDE)}"
        )

    def page(self, *, tearsheet: bool = False) -> Path:
        """Draw the page of the run and return its place.

        Args:
            tearsheet: also draw the tear sheet with the figures of quantstats.

        Raises:
            UsageError: the folder cannot be written.

        """
        from backtest.experiments.runs.store import read_run
        from backtest.reports.run_page import write_run_page
        from backtest.reports.tearsheet import draw_tearsheet

        if tearsheet:
            draw_tearsheet(self.path)
        write_run_page(read_run(self.path))
        return self.path / "index.html"


@dataclass(frozen=True, eq=False, repr=False)
class SweepResult(_Printed):
    """A sweep: every set of a grid of parameters, and what the whole of them says.

    Attributes:
        sweep_id: a hash of everything that decides the result.
        strategy: its name.
        sets: a row for each set, indexed by `set`: its parameters, then its figures.
        default: the set that the strategy's own parameters make, by name.
        evidence: what the best set is worth, as `sweep.json` has it.
        summary: what the sweep says, a sentence or more for each heading; `print` shows it.
        manifest: all that `sweep.json` holds.
        path: the folder of the sweep.

    """

    sweep_id: str
    strategy: str
    sets: pd.DataFrame
    default: Mapping[str, Any]
    evidence: Mapping[str, Any]
    summary: Mapping[str, str]
    manifest: Mapping[str, Any]
    path: Path

    def __str__(self) -> str:
        return _lines(self.summary)

    def page(self) -> Path:
        """Draw the page of the sweep and return its place.

        Raises:
            UsageError: the folder cannot be written.

        """
        from backtest.reports.sweep_page import write_sweep_page

        return write_sweep_page(self.path, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class StudyResult(_Printed):
    """An event study: what the stock did about some events, and whether random days do as much.

    Attributes:
        study_id: a hash of everything that decides the result.
        name: the kind of event, or the strategy.
        windows: a row for each window: `known` events, the average abnormal return `caar`, its
            p-value `p` among random days and corrected for the windows `p_holm`, that of the t test
            across events `p_across`, and the least effect that would have been seen, `detectable`.
        events: a row for each event, indexed by `event_id`: `day_0`, the direction that was
            expected (+1, -1 or 0), and its abnormal return in each window.
        left_out: events that were not studied, and why.
        summary: what the study says, a sentence or more for each heading; `print` shows it.
        record: all that `study.json` holds.
        path: the folder of the study.

    """

    study_id: str
    name: str
    windows: pd.DataFrame
    events: pd.DataFrame
    left_out: pd.DataFrame
    summary: Mapping[str, str]
    record: Mapping[str, Any]
    path: Path

    def __str__(self) -> str:
        return _lines(self.summary)

    def page(self) -> Path:
        """Draw the page of the study and return its place.

        Raises:
            UsageError: the folder cannot be written.

        """
        from backtest.reports.study_page import write_study_page

        return write_study_page(self.path, self.record, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class StocksStudyResult(_Printed):
    """An event study of many stocks, by quantile of a field where one is named.

    Attributes:
        study_id: a hash of everything that decides the result.
        name: the kind of event, or the strategy.
        rows: by `window` and `group` (`all`, each quantile, and the `spread` of the highest less
            the lowest): the mean abnormal return `value`, its 95 % interval `low` to `high`, `p`,
            the least effect that would have been seen, `detectable`, and how many `events` lie in
            how many `seasons`.
        curves: by `group` and `day`: the `mean` cumulative abnormal return and its interval.
        observations: a row for each stock and day 0: its value, quantile and abnormal returns.
        summary: what the study says, a sentence or more for each heading; `print` shows it.
        record: all that the record of the study holds.
        path: the folder of the study.

    """

    study_id: str
    name: str
    rows: pd.DataFrame
    curves: pd.DataFrame
    observations: pd.DataFrame
    summary: Mapping[str, str]
    record: Mapping[str, Any]
    path: Path

    def __str__(self) -> str:
        return _lines(self.summary)

    def page(self) -> Path:
        """Draw the page of the study and return its place.

        Raises:
            UsageError: the folder cannot be written.

        """
        from backtest.reports.study_page import write_many_study_page

        return write_many_study_page(self.path, self.record, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult(_Printed):
    """An audit: whether a strategy looks ahead, and where.

    Attributes:
        audit_id: a hash of everything that decides the result.
        strategy: its name.
        outcome: `clean`, `bias` or `not deterministic`.
        sentence: the outcome in words; `print` shows it.
        checks: a row for each check, indexed by its name: `title`, `worlds`, `dates`, `compared`
            and the `count` of findings.
        findings: a row for each finding that is kept: `check`, `date`, `event_id`, `what`.
        record: all that `audit.json` holds.
        path: the folder of the audit.

    """

    audit_id: str
    strategy: str
    outcome: str
    sentence: str
    checks: pd.DataFrame
    findings: pd.DataFrame
    record: Mapping[str, Any]
    path: Path

    def __str__(self) -> str:
        from textwrap import fill

        return fill(f"{self.strategy} · {self.outcome}. {self.sentence}", _WIDE)

    def page(self) -> Path:
        """Draw the page of the audit and return its place.

        Raises:
            UsageError: the folder cannot be written.

        """
        from backtest.reports.audit_page import write_audit_page

        return write_audit_page(self.path, self.record, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class CheckResult(_Printed):
    """Whether a strategy keeps the contract.

    Attributes:
        strategy: its name.
        ok: whether no check failed.
        sentence: the outcome in words; `print` shows it.
        checks: a row for each check, indexed by its name: `outcome`, `what`, `where`.

    """

    strategy: str
    ok: bool
    sentence: str
    checks: pd.DataFrame

    def __str__(self) -> str:
        return f"{self.strategy}: {self.sentence}"


def _lines(summary: Mapping[str, str]) -> str:
    """Each heading with its sentences beside it."""
    from textwrap import fill

    wide = 2 + max(map(len, summary))
    return "\n".join(
        fill(text, _WIDE, initial_indent=heading.ljust(wide), subsequent_indent=" " * wide)
        for heading, text in summary.items()
    )
