"""Define the results of calls, which are frozen, hold DataFrames and print as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtest.errors import DataError
from backtest.experiments.runs import finding
from backtest.reports import audit_page, index_page, pages, run_page, study_page, sweep_page
from backtest.stats import surface

if TYPE_CHECKING:
    from backtest.audit import Audit
    from backtest.audit.declared import Report
    from backtest.experiments.records import ManyStudyRecord, StudyRecord
    from backtest.experiments.studies.subject import Study
    from backtest.experiments.sweeps.folder import Sweep

_WINDOW = ["known", "caar", "p", "p_holm", "p_across", "detectable"]
WIDE = 92  # characters of a line that is printed


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """A result is what a call has made and written to a folder; `print` shows it in sentences.

    Money is in dollars, returns are fractions, sessions are dates without a zone (`datetime64`),
    and what is unknown is NaN, NaT or None.

    Attributes:
        record: content of the folder's JSON file.
        path: folder of the result, in the reports folder.
        known: whether it existed already, made from the same inputs.

    """

    record: Mapping[str, Any]
    path: Path
    known: bool

    def __repr__(self) -> str:
        return str(self)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the DataFrames by the names of the attributes."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, pd.DataFrame)}

    def page(self) -> Path:
        """Write the result's page, and the index that links to it; return the page's path.

        Raises:
            UsageError: a folder cannot be written.

        """
        page = self._draw()
        index_page.write_index(self.path.parent)
        return page

    def markdown(self) -> str:
        """Return the sentences of `print` as Markdown; for a run also figures, trades, events."""
        lines = "\n".join(
            f"- **{pages.in_markdown(heading)}**: {pages.in_markdown(text)}"
            for heading, text in self._words()
        )
        return f"## {pages.in_markdown(self.path.name)}\n\n{lines}\n"

    def _draw(self) -> Path:
        raise NotImplementedError

    def _words(self) -> list[tuple[str, str]]:
        """Return headings, each with its sentences."""
        raise NotImplementedError

    def __str__(self) -> str:
        words = self._words()
        indent = 2 + max(len(heading) for heading, _ in words)
        return "\n".join(
            fill(text, WIDE, initial_indent=heading.ljust(indent), subsequent_indent=" " * indent)
            for heading, text in words
        )


@dataclass(frozen=True, eq=False, repr=False)
class _Summarized(Result):
    summary: Mapping[str, str]  # a sentence or more by heading

    def _words(self) -> list[tuple[str, str]]:
        return list(self.summary.items())


@dataclass(frozen=True, eq=False, repr=False)
class SweepResult(_Summarized):
    """The result of a sweep holds every set of a grid of parameters, and what all of them show.

    Attributes:
        sweep_id: hash of everything that decides the result.
        strategy: name of the strategy.
        sets: a row for each set, indexed by `set`: its parameters, then its figures.
        default: parameters and figures of the strategy's default set, by name.
        evidence: evidence for the best set, as in `sweep.json`.
        summary: findings in words, a sentence or more by heading.

    """

    sweep_id: str
    strategy: str
    sets: pd.DataFrame
    default: Mapping[str, Any]
    evidence: Mapping[str, Any]

    @classmethod
    def of(cls, sweep: Sweep, *, known: bool) -> SweepResult:
        """Make the result of a sweep that is in its folder."""
        record, sets = sweep.manifest, sweep.sets.to_pandas()
        summary = surface.summary(sets, record["axes"], record["base"], record["base_figures"])
        return cls(
            record,
            sweep.path,
            known,
            sweep_id=record["sweep_id"],
            strategy=record["strategy"],
            sets=sets.set_index("set"),
            default={**record["base"], **record["base_figures"]},
            evidence=record["evidence"],
            summary=dict(sweep_page.sweep_sentences(summary, record)),
        )

    def _draw(self) -> Path:
        return sweep_page.write_sweep_page(self.path, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class StudyResult(_Summarized):
    """A study of one stock compares its events with random days.

    Attributes:
        study_id: hash of everything that decides the result.
        name: kind of event, or strategy.
        windows: a row for each window: the number of events `known`, the average abnormal return
            `caar`, its p-value `p` among random days, that corrected for the windows, `p_holm`,
            that of the t test across events, `p_across`, and the least effect that would have been
            seen, `detectable`.
        events: a row for each event, indexed by `event_id`: `day_0`, the expected `direction`
            (+1, -1 or 0), and the abnormal return in each window.
        left_out: a row for each event that was not studied, with the `reason`.
        summary: findings in words, a sentence or more by heading.

    """

    study_id: str
    name: str
    windows: pd.DataFrame
    events: pd.DataFrame
    left_out: pd.DataFrame

    @classmethod
    def of(cls, done: Study[StudyRecord], *, known: bool) -> StudyResult:
        """Make the result of a study that is in its folder."""
        record = done.record
        columns = ["event_id", "kind", "headline", "day_0", "direction"]
        studied = pd.DataFrame(record["events"])
        cars = pd.DataFrame([event["cars"] for event in record["events"]])
        events = studied[columns].join(cars).astype({"day_0": "datetime64[ns]"})
        out = ["event_id", "kind", "published_at", "precision", "headline", "reason"]
        left_out = pd.DataFrame(record["left_out"], columns=out)
        left_out["published_at"] = pd.to_datetime(left_out["published_at"], utc=True)
        return cls(
            record,
            done.path,
            known,
            study_id=record["study_id"],
            name=record["name"],
            windows=pd.DataFrame(record["windows"]).set_index("window")[_WINDOW],
            events=events.set_index("event_id"),
            left_out=left_out.set_index("event_id"),
            summary=dict(study_page.study_sentences(record)),
        )

    def _draw(self) -> Path:
        return study_page.write_study_page(self.path, self.record, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class StocksStudyResult(_Summarized):
    """A study of many stocks shows returns around events, by quantile of a field if one is set.

    Attributes:
        study_id: hash of everything that decides the result.
        name: kind of event, or strategy.
        rows: a row by `window` and `group` (`all`, each quantile, and the `spread` of the highest
            less the lowest): the mean abnormal return `value`, its 95 % interval `low` to `high`,
            `p`, the least effect that would have been seen, `detectable`, and the number of
            `events` and of `seasons` in which they lie.
        curves: a row by `group` and `day`: the `mean` cumulative abnormal return, with its 95 %
            interval `low` to `high`.
        observations: a row for each stock and day 0: its value, quantile and abnormal returns.
        summary: findings in words, a sentence or more by heading.

    """

    study_id: str
    name: str
    rows: pd.DataFrame
    curves: pd.DataFrame
    observations: pd.DataFrame

    @classmethod
    def of(cls, done: Study[ManyStudyRecord], *, known: bool) -> StocksStudyResult:
        """Make the result of a study of many stocks that is in its folder."""
        record = done.record
        names = [study_page.group_name(record, place) for place in range(len(record["groups"]))]
        means = (
            (row["window"], group, mean)
            for row in record["rows"]
            for group, mean in (
                ("all", row["all"]),
                *zip(names, row["groups"], strict=True),
                ("spread", row["spread"]),
            )
        )
        rows = [{"window": window, "group": group, **mean} for window, group, mean in means if mean]
        curves = pd.concat(
            pd.DataFrame({**curve, "group": group, "day": record["days"]})
            for group, curve in zip(names or ["all"], record["curves"], strict=True)
        )
        cars = done.path / "cars.csv"
        return cls(
            record,
            done.path,
            known,
            study_id=record["study_id"],
            name=record["name"],
            rows=pd.DataFrame(rows).set_index(["window", "group"]),
            curves=curves.set_index(["group", "day"])[["mean", "low", "high"]],
            observations=pd.read_csv(
                cars,
                index_col="event_id",
                parse_dates=["day_0"],
                dtype={"symbol": "str"},
                keep_default_na=False,
                na_values=[""],
            ),
            summary=dict(study_page.many_sentences(record)),
        )

    def _draw(self) -> Path:
        return study_page.write_many_study_page(self.path, self.record, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult(Result):
    """An audit says whether a strategy looks ahead, and where.

    Attributes:
        audit_id: hash of everything that decides the result.
        strategy: name of the strategy.
        outcome: `clean`, `bias` or `not deterministic`.
        sentence: outcome in words.
        checks: a row for each check, indexed by its name: `title`, `worlds`, `dates`, `compared`
            and the `count` of findings.
        findings: a row for each finding on record: `check`, `date`, `event_id`, `what`.

    """

    audit_id: str
    strategy: str
    outcome: str
    sentence: str
    checks: pd.DataFrame
    findings: pd.DataFrame

    @classmethod
    def of(cls, done: Audit, *, known: bool) -> AuditResult:
        """Make the result of an audit that is in its folder."""
        record = done.record
        checks = [
            {"name": each["name"], "title": each["title"], **each["tried"], "count": each["count"]}
            for each in record["checks"]
        ]
        findings = [
            {"check": check["name"], **finding}
            for check in record["checks"]
            for finding in check["findings"]
        ]
        return cls(
            record,
            done.path,
            known,
            audit_id=record["audit_id"],
            strategy=record["strategy"],
            outcome=record["outcome"],
            sentence=record["sentence"],
            checks=pd.DataFrame(checks).set_index("name"),
            findings=pd.DataFrame(findings, columns=["check", "date", "event_id", "what"]),
        )

    def __str__(self) -> str:
        ((outcome, sentence),) = self._words()
        return fill(f"{self.strategy} · {outcome}. {sentence}", WIDE)

    def _words(self) -> list[tuple[str, str]]:
        return [(self.outcome + audit_page.by_bars(self.record["settings"]), self.sentence)]

    def _draw(self) -> Path:
        """Write also the pages of the strategy's runs, which show its last audit."""
        page = audit_page.write_audit_page(self.path, self.record, self.path.parent)
        source = self.strategy, self.record["strategy_sha256"]
        with suppress(DataError):  # the record of trials is damaged, which `run` reports
            for run in finding.list_runs(self.path.parent, lambda _: None):
                audited = (run.manifest["strategy"], run.manifest["strategy_sha256"]) == source
                if audited and "evidence" in run.manifest:
                    run_page.write_run_page(run)
        return page


@dataclass(frozen=True, eq=False, repr=False)
class CheckResult:
    """A check says whether a strategy keeps the contract.

    Attributes:
        strategy: name of the strategy.
        ok: whether no check failed.
        sentence: outcome in words; `print` shows it.
        checks: a row for each check, indexed by its name: `outcome`, `what`, `where`.
        report: report of the check, from which the other attributes are made.

    """

    strategy: str
    ok: bool
    sentence: str
    checks: pd.DataFrame
    report: Report

    @classmethod
    def of(cls, report: Report) -> CheckResult:
        """Make the result of a report on the contract."""
        rows = [vars(result) for result in report.results]
        checks = pd.DataFrame(rows, columns=["name", "outcome", "what", "where"]).set_index("name")
        return cls(report.strategy, not report.failed, report.sentence, checks, report)

    def __repr__(self) -> str:
        return f"{self.strategy}: {self.sentence}"
