"""Results on disk as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from backtest.api.results import AuditResult, CheckResult, RunResult, StudyResult, SweepResult
from backtest.experiments.runs.run_files import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backtest.audit.contract.report import Report
    from backtest.audit.record import Audit
    from backtest.data.listing import EventRow
    from backtest.experiments.runs.store import Run
    from backtest.experiments.studies.record import StudyResult as Study
    from backtest.experiments.sweeps.folder import Sweep

_WINDOW = ["known", "caar", "p", "p_holm", "p_across", "detectable"]
_EVENT = ["id", "kind", "symbol", "published_at", "precision", "tradable_session", "headline"]


def run_result(run: Run) -> RunResult:
    """A run as it stands in its folder."""
    told = run.manifest
    figures = {
        told["strategy"]: told["summary"]["run"],
        told["benchmark"]: told["summary"]["benchmark"],
    }
    return RunResult(
        run_id=run.run_id,
        strategy=told["strategy"],
        parameters=told["parameters"],
        summary=pd.DataFrame(figures, dtype=float),
        trades=read_table(run.path / "trades.csv", index="trade_id"),
        equity=run.equity,
        decisions=read_table(run.path / "decisions.csv", index="event_id"),
        evidence=told["evidence"],
        manifest=told,
        path=run.path,
    )


def sweep_result(sweep: Sweep) -> SweepResult:
    """A sweep as it stands in its folder."""
    from backtest.reports.sweep_words import evidence_sentences, sentences
    from backtest.stats.surface import summary

    told, sets = sweep.manifest, sweep.sets.to_pandas()
    found = summary(sets, told["axes"], told["base"], told["base_figures"])
    words = [*sentences(found, told["trials"]), *evidence_sentences(told["evidence"])]
    return SweepResult(
        sweep_id=told["sweep_id"],
        strategy=told["strategy"],
        sets=sets.set_index("set"),
        default={**told["base"], **told["base_figures"]},
        evidence=told["evidence"],
        summary=dict(words),
        manifest=told,
        path=sweep.path,
    )


def study_result(done: Study) -> StudyResult:
    """A study as it stands in its folder."""
    from backtest.reports.study_page import sentences

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
        summary=dict(sentences(record)),
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


def event_table(rows: Sequence[EventRow]) -> pd.DataFrame:
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
