"""What the calls give back: frozen, with DataFrames, and a text that tells it in words."""

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
    from backtest.audit.declared import Report
    from backtest.audit.record import Audit
    from backtest.experiments.records import ManyStudyRecord, StudyRecord
    from backtest.experiments.studies.subject import Study
    from backtest.experiments.sweeps.folder import Sweep

_WINDOW = ["known", "caar", "p", "p_holm", "p_across", "detectable"]
WIDE = 92  # of a text that is printed


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What a call has made and written to a folder of the reports; `print` tells it in words.

    Money is in dollars, returns are fractions, sessions are dates without a zone (`datetime64`),
    and what is unknown is NaN, NaT or None.

    Attributes:
        record: all that the JSON file of the folder holds.
        path: the folder.
        known: whether it had been made before with the same inputs.

    """

    record: Mapping[str, Any]
    path: Path
    known: bool

    def __repr__(self) -> str:
        return str(self)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Its DataFrames by name."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: one for name, one in named.items() if isinstance(one, pd.DataFrame)}

    def page(self) -> Path:
        """Draw its page, and the index that leads to it; return the page's path.

        Raises:
            UsageError: a folder cannot be written.

        """
        page = self._draw()
        index_page.write_index(self.path.parent)
        return page

    def markdown(self) -> str:
        """What `print` tells as Markdown; of a run also its figures, trades and events."""
        lines = "\n".join(
            f"- **{pages.in_markdown(one)}**: {pages.in_markdown(text)}"
            for one, text in self._words()
        )
        return f"## {pages.in_markdown(self.path.name)}\n\n{lines}\n"

    def _draw(self) -> Path:
        raise NotImplementedError

    def _words(self) -> list[tuple[str, str]]:
        """Headings, each with its sentences."""
        raise NotImplementedError

    def __str__(self) -> str:
        words = self._words()
        wide = 2 + max(len(heading) for heading, _ in words)
        return "\n".join(
            fill(text, WIDE, initial_indent=heading.ljust(wide), subsequent_indent=" " * wide)
            for heading, text in words
        )


@dataclass(frozen=True, eq=False, repr=False)
class _Summarized(Result):
    summary: Mapping[str, str]  # what it says, a sentence or more for each heading

    def _words(self) -> list[tuple[str, str]]:
        return list(self.summary.items())


@dataclass(frozen=True, eq=False, repr=False)
class SweepResult(_Summarized):
    """A sweep: every set of a grid of parameters, and what the whole of them says.

    Attributes:
        sweep_id: a hash of everything that decides the result.
        strategy: its name.
        sets: a row for each set, indexed by `set`: its parameters, then its figures.
        default: the set that the strategy's own parameters make, by name.
        evidence: what the best set is worth, as `sweep.json` has it.
        summary: what the sweep says, a sentence or more for each heading.

    """

    sweep_id: str
    strategy: str
    sets: pd.DataFrame
    default: Mapping[str, Any]
    evidence: Mapping[str, Any]

    @classmethod
    def of(cls, sweep: Sweep, *, known: bool) -> SweepResult:
        """A sweep as it stands in its folder."""
        record, sets = sweep.manifest, sweep.sets.to_pandas()
        found = surface.summary(sets, record["axes"], record["base"], record["base_figures"])
        return cls(
            record,
            sweep.path,
            known,
            sweep_id=record["sweep_id"],
            strategy=record["strategy"],
            sets=sets.set_index("set"),
            default={**record["base"], **record["base_figures"]},
            evidence=record["evidence"],
            summary=dict(sweep_page.sweep_sentences(found, record)),
        )

    def _draw(self) -> Path:
        return sweep_page.write_sweep_page(self.path, self.path.parent)


@dataclass(frozen=True, eq=False, repr=False)
class StudyResult(_Summarized):
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
        summary: what the study says, a sentence or more for each heading.

    """

    study_id: str
    name: str
    windows: pd.DataFrame
    events: pd.DataFrame
    left_out: pd.DataFrame

    @classmethod
    def of(cls, done: Study[StudyRecord], *, known: bool) -> StudyResult:
        """A study as it stands in its folder."""
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
        summary: what the study says, a sentence or more for each heading.

    """

    study_id: str
    name: str
    rows: pd.DataFrame
    curves: pd.DataFrame
    observations: pd.DataFrame

    @classmethod
    def of(cls, done: Study[ManyStudyRecord], *, known: bool) -> StocksStudyResult:
        """A study of many stocks as it stands in its folder."""
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
    """An audit: whether a strategy looks ahead, and where.

    Attributes:
        audit_id: a hash of everything that decides the result.
        strategy: its name.
        outcome: `clean`, `bias` or `not deterministic`.
        sentence: the outcome in words.
        checks: a row for each check, indexed by its name: `title`, `worlds`, `dates`, `compared`
            and the `count` of findings.
        findings: a row for each finding that is kept: `check`, `date`, `event_id`, `what`.

    """

    audit_id: str
    strategy: str
    outcome: str
    sentence: str
    checks: pd.DataFrame
    findings: pd.DataFrame

    @classmethod
    def of(cls, done: Audit, *, known: bool) -> AuditResult:
        """An audit as it stands in its folder."""
        record = done.record
        checks = [
            {"name": one["name"], "title": one["title"], **one["tried"], "count": one["count"]}
            for one in record["checks"]
        ]
        findings = [
            {"check": one["name"], **found} for one in record["checks"] for found in one["findings"]
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
        """Draw also the pages of the strategy's runs, which show how it was last audited."""
        page = audit_page.write_audit_page(self.path, self.record, self.path.parent)
        source = self.strategy, self.record["strategy_sha256"]
        with suppress(DataError):  # of a record of trials; `run` tells
            for run in finding.list_runs(self.path.parent, lambda _: None):
                audited = (run.manifest["strategy"], run.manifest["strategy_sha256"]) == source
                if audited and "evidence" in run.manifest:
                    run_page.write_run_page(run)
        return page


@dataclass(frozen=True, eq=False, repr=False)
class CheckResult:
    """Whether a strategy keeps the contract.

    Attributes:
        strategy: its name.
        ok: whether no check failed.
        sentence: the outcome in words; `print` shows it.
        checks: a row for each check, indexed by its name: `outcome`, `what`, `where`.
        report: the same as the check wrote it.

    """

    strategy: str
    ok: bool
    sentence: str
    checks: pd.DataFrame
    report: Report

    @classmethod
    def of(cls, report: Report) -> CheckResult:
        """What a check of the contract has found."""
        rows = [vars(one) for one in report.results]
        checks = pd.DataFrame(rows, columns=["name", "outcome", "what", "where"]).set_index("name")
        return cls(report.strategy, not report.failed, report.sentence, checks, report)

    def __repr__(self) -> str:
        return f"{self.strategy}: {self.sentence}"
