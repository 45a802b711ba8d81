"""Write the comparison page: runs side by side, which earned on what, and how they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import compress
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from typing_extensions import TypedDict

from backtest.experiments.runs.finding import distinguishing_words
from backtest.experiments.terms import run_id
from backtest.experiments.trials import trials_on_record
from backtest.reports.charts import Curve, chart, curves_of, matrix, strengths
from backtest.reports.pages import write_page
from backtest.reports.run_words import (
    comparison_notes,
    comparison_rows,
    holm_corrected,
    is_many,
    verdict,
)
from backtest.stats import LEVEL
from backtest.stats.formats import FIGURES, MORE_FIGURES, costs_line, counted
from backtest.strategy.parameters import flat
from backtest.workspace.files import IsoTime, Span, record_text, write_text

if TYPE_CHECKING:
    from backtest.experiments.runs.store import Run


_SHORT = 8  # digits of a checksum that are shown

# What makes the results of runs incomparable, whatever their strategies are.
_GROUNDS: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
    ("span", lambda manifest: manifest["span"]),
    ("day of the data", lambda manifest: manifest["as_of"]),
    ("symbols", lambda manifest: sorted(manifest["symbols"])),
    ("cash at the start", lambda manifest: manifest["rules"]["cash"]),
    ("costs and rules", lambda manifest: {**manifest["rules"], "cash": None}),
    ("version of the rules", lambda manifest: manifest["rules_version"]),
)


class ComparedBenchmark(NamedTuple):
    """A compared benchmark has figures, and a run with the column of its returns in equity.csv."""

    heading: str
    figures: Mapping[str, Any]
    run: Run
    column: str


def headings(runs: Sequence[Run]) -> list[str]:
    """Return for each run its strategy, and below it what tells the run from the others."""
    differ = len({run.traded for run in runs}) > 1
    return [
        "\n".join(
            [
                run.manifest["strategy"].replace("_", " "),
                *["+".join(traded(run.manifest))] * differ,
                *own,
            ]
        )
        for run, own in zip(runs, distinguishing_words(runs), strict=True)
    ]


def traded(record: Mapping[str, Any]) -> list[str]:
    """Return the universe alone, or else the symbols."""
    return [record["universe"]] if record.get("universe") else record["symbols"]


def _span(run: Run) -> tuple[str, str]:
    return (run.manifest["span"]["first"], run.manifest["span"]["last"])


def span_rows(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Return the rows of first and last sessions, where they differ: a label, and a day a run."""
    ends = [_span(run) for run in runs]
    return [
        (label, [end[n] for end in ends])
        for n, label in enumerate(("From", "To"))
        if len(set(ends)) > 1
    ]


def benchmarks_of(runs: Sequence[Run]) -> list[ComparedBenchmark]:
    """Return the benchmarks, one for each symbol, span and amount of cash."""
    benchmarks = [(run.manifest["benchmark"], run.benchmark, run) for run in runs]
    return _distinct(benchmarks, "benchmark", "benchmark_return")


def held_stocks(runs: Sequence[Run]) -> list[ComparedBenchmark]:
    """Return the stocks held throughout, one for each symbol, span and amount of cash."""
    from backtest.experiments.runs.figures import holdings  # loads pandas

    return _distinct(holdings(runs), "held", "holding_return")


def _distinct(
    benchmarks: Iterable[tuple[str, Mapping[str, Any], Run]], what: str, column: str
) -> list[ComparedBenchmark]:
    """Keep each once; its heading says what tells it from others of the same symbol."""
    by_symbol: dict[str, dict[tuple[str, str, float], tuple[Mapping[str, Any], Run]]] = {}
    for symbol, figures, run in benchmarks:
        terms = (*_span(run), run.manifest["rules"]["cash"])
        by_symbol.setdefault(symbol, {}).setdefault(terms, (figures, run))
    distinct = []
    for symbol, by_terms in by_symbol.items():
        differ = [len(set(values)) > 1 for values in zip(*by_terms, strict=True)]
        for (first, last, cash), (figures, run) in by_terms.items():
            words = compress((f"from {first}", f"to {last}", f"{cash:,.10g} $"), differ)
            heading = "\n".join([symbol, what, *words])
            distinct.append(ComparedBenchmark(heading, figures, run, column))
    return distinct


def differences(runs: Sequence[Run]) -> list[tuple[str, list[str | None]]]:
    """Return what was set differently: a name, and the value of each run, None without one."""
    rows = _side_by_side([_settings(run) for run in runs])
    return [(name, values) for name, values in rows if len({*values} - {None}) > 1]


def _side_by_side(settings: Sequence[Mapping[str, str]]) -> list[tuple[str, list[str | None]]]:
    names = dict.fromkeys(name for one in settings for name in one)
    return [(name, [one.get(name) for one in settings]) for name in names]


def differing_settings(runs: Sequence[Run]) -> list[str]:
    """Return what makes the runs incomparable, whatever their strategies are."""
    manifests = [run.manifest for run in runs]
    grounds = [
        name
        for name, ground in _GROUNDS
        if any(ground(manifest) != ground(manifests[0]) for manifest in manifests)
    ]
    files = {item for manifest in manifests for item in manifest["inputs"].items()}
    return grounds + ["data files"] * (len({name for name, _ in files}) < len(files))


def _settings(run: Run) -> dict[str, str]:
    """Return all that decides a result; parameters are named by strategy, as only these compare."""
    manifest: Mapping[str, Any] = run.manifest
    name = manifest["strategy"]
    rest = {key: manifest[key] for key in ("benchmark", "span", "as_of", "rules")}
    checksums = {**manifest["inputs"], f"{name}.py": manifest["strategy_sha256"]}
    return {
        **flat({name: manifest["parameters"], **rest, "symbols": traded(manifest)}),
        **{key: one[:_SHORT] for key, one in checksums.items()},
        "version of the rules": str(manifest["rules_version"]),
    }


FEWEST_COMMON = 20  # sessions that a correlation needs
_DOLLARS = {"commission": min, "borrow": min, "final_equity": max}
_BEST: dict[str, Callable[..., float]] = {
    **dict.fromkeys(("win_rate", "total_return", "cagr", "sharpe", "sortino", "calmar"), max),
    "max_drawdown": max,  # the one nearest zero, for drawdowns are negative
    "volatility": min,
    **_DOLLARS,
}


class ComparedCell(NamedTuple):
    """A cell is a figure as text, and whether it is the best of its row."""

    text: str
    best: bool


def figure_rows(
    runs: Sequence[Run], benchmarks: Sequence[ComparedBenchmark]
) -> list[tuple[str, list[ComparedCell]]]:
    """Return rows of a label, and a cell for each run and then each benchmark.

    A benchmark is never the best. Neither is any run where all show the same, or in dollars where
    they began with different amounts.
    """
    same_cash = len({run.manifest["rules"]["cash"] for run in runs}) == 1
    rows = []
    for name, label, form in FIGURES:
        values = {value for run in runs if (value := run.summary.get(name)) is not None}
        choose = _BEST.get(name) if same_cash or name not in _DOLLARS else None
        has_rivals = len({form(value) for value in values}) > 1
        best = form(choose(values)) if choose and has_rivals else None
        own = [form(run.summary.get(name)) for run in runs]
        beside = [
            ComparedCell(form(benchmark.figures.get(name)), best=False) for benchmark in benchmarks
        ]
        rows.append((label, [*(ComparedCell(text, text == best) for text in own), *beside]))
    return rows


def correlations(curves: Sequence[Curve]) -> list[list[tuple[float | None, int]]]:
    """Return Pearson's correlation of returns in pairs, None if unknown, with common sessions."""
    import pandas as pd

    columns = [curve.returns for curve in curves]
    returns = pd.concat(columns, axis=1, ignore_index=True, sort=True)
    known = returns.notna().astype(int)
    rows = zip(
        returns.corr(min_periods=FEWEST_COMMON).to_numpy().tolist(),
        (known.T @ known).to_numpy().tolist(),
        strict=True,
    )
    return [
        [(None if isnan(value) else value, common) for value, common in zip(*row, strict=True)]
        for row in rows
    ]


class ComparisonRecord(TypedDict):
    """A record is what `compare.json` holds."""

    comparison_id: str
    runs: list[str]
    strategies: list[str]
    symbols: list[str]
    span: Span
    finished_at: IsoTime


def _record(reports: Path, runs: Sequence[Run]) -> Path:
    """Write `compare.json` of a comparison; return its folder, which is the same for equal runs."""
    identity = run_id({"runs": sorted(run.run_id for run in runs)})
    first, last = zip(*map(_span, runs), strict=True)
    record: ComparisonRecord = {
        "comparison_id": identity,
        "runs": [run.run_id for run in runs],
        "strategies": [run.manifest["strategy"] for run in runs],
        "symbols": sorted({name for run in runs for name in traded(run.manifest)}),
        "span": {"first": min(first), "last": max(last)},
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
    }
    folder = reports / f"compare-{identity}"
    write_text(folder / "compare.json", record_text(record))
    return folder


_OVERVIEW = ("total_return", "max_drawdown", "sharpe", "trades")
_SIGNS = {"none": "x-thin", "better": "circle"}  # markers of verdicts; others are hollow circles


def write_comparison(reports: Path, runs: Sequence[Run], *, keep: bool = False) -> Path:
    """Write `compare.html`, and with `keep` a folder for the index as well; return the page."""
    content = _content(runs)
    page = write_page(reports / "compare.html", reports, "compare.html", **content)
    if keep:
        folder = _record(reports, runs)
        write_page(folder / "index.html", reports, "compare.html", **content)
    return page


def _content(runs: Sequence[Run]) -> dict[str, Any]:
    benchmarks = [*held_stocks(runs), *benchmarks_of(runs)]
    every = headings(runs) + [one.heading for one in benchmarks]
    names = [text.replace("\n", " · " if n < len(runs) else " ") for n, text in enumerate(every)]
    curves = curves_of(runs, benchmarks)
    events, pairs = matrix(runs), correlations(curves)
    trials = [trials_on_record(run.path.parent, run.manifest) for run in runs]
    drawn = chart(curves, names, len(runs))
    overview = _overview(runs, benchmarks)
    for line, one in zip(drawn["series"], overview, strict=True):
        line |= {name: one[name] for name in ("figures", "texts", "verdict", "sign")}
    return {
        "data": drawn,
        "series": drawn["series"],
        "step": drawn["step"],
        "runs": runs,
        "names": names,
        "columns": [text.split("\n") for text in every],
        "addresses": [_address(run) for run in runs],
        "about": _about(runs),
        "unlike": differing_settings(runs),
        "in_percent": len({run.manifest["rules"]["cash"] for run in runs}) > 1,
        "overview": overview,
        "better": _better(overview),
        "figures": figure_rows(runs, benchmarks),
        "evidence": [*comparison_rows(runs, trials), *span_rows(runs)],
        "more": _more(runs),
        "notes": comparison_notes(runs),
        "matrix": events,
        "too_many": any(map(is_many, runs)),
        "strengths": strengths(events, runs),
        "kinds": sorted({row.event["kind"] for row in events.rows}),
        "symbols": len({row.event["symbol"] for row in events.rows}),
        "correlations": pairs,
        "common": sorted({sessions for row in pairs for _, sessions in row}),
        "differences": differences(runs),
        "parameters": _side_by_side([flat(run.manifest["parameters"]) for run in runs]),
    }


def _address(run: Run) -> str:
    """Return the address of a run's page in the reports; empty where none was written."""
    return f"{quote(run.path.name)}/index.html" if (run.path / "index.html").is_file() else ""


def _about(runs: Sequence[Run]) -> list[str]:
    rows = [
        [" to ".join(_span(run)) for run in runs],
        [f"start {run.manifest['rules']['cash']:,.0f} $" for run in runs],
        [f"benchmark {run.manifest['benchmark']}" for run in runs],
        [f"costs: {costs_line(run.manifest)}" for run in runs],
    ]
    return [texts[0] for texts in rows if len(set(texts)) == 1]


def _overview(runs: Sequence[Run], benchmarks: Sequence[ComparedBenchmark]) -> list[dict[str, Any]]:
    """Return the essentials of each run, then of each benchmark: figures, p-value, and verdict."""
    forms = {name: form for name, _, form in FIGURES}
    summaries = [run.summary for run in runs] + [dict(one.figures) for one in benchmarks]
    verdicts = [*map(_verdict, runs, holm_corrected(runs))]
    verdicts += [{"verdict": "", "why": "", "p": None, "sign": "diamond-open"}] * len(benchmarks)
    return [
        {
            "figures": {name: figures.get(name) for name in _OVERVIEW},
            "texts": {name: forms[name](figures.get(name)) for name in _OVERVIEW},
            **verdict,
        }
        for figures, verdict in zip(summaries, verdicts, strict=True)
    ]


def _more(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Return the figures of trades and of markets: a label, and a cell for each run."""
    from backtest.experiments.runs.figures import all_figures  # loads pandas

    figures = [all_figures(run) for run in runs]
    return [(label, [form(one[name]) for one in figures]) for name, label, form in MORE_FIGURES]


def _verdict(run: Run, p: float | None) -> dict[str, Any]:
    """Return the verdict on a run among others, in short and whole, its p-value and its marker."""
    evidence = run.manifest.get("evidence")
    if not evidence:
        return {"verdict": "not weighed yet", "why": "", "p": None, "sign": _SIGNS["none"]}
    name = evidence["verdict"]
    text = "no verdict" if name == "none" else verdict(evidence).partition(", p ")[0]
    sign = _SIGNS.get(name, "circle-open")
    if name == "better" and p is not None and p > LEVEL:
        text, sign = "better alone, not among so many", "circle-open"
    return {"verdict": text, "why": evidence["sentence"], "p": p, "sign": sign}


def _better(overview: Iterable[Mapping[str, Any]]) -> str:
    """Say how many runs are better than luck, of those with a verdict."""
    judged = [one["verdict"] for one in overview if one["p"] is not None]
    if not judged:
        return "No run has trades enough for a verdict."
    better = judged.count("better than luck")
    return f"{better:,} of {counted(len(judged), 'run')} with a verdict did better than luck."
