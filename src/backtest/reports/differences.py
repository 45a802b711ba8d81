"""What tells runs apart that stand side by side, in the terminal and on pages alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.stats.formats import UNKNOWN
from backtest.strategy.loading import flat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from backtest.experiments.runs.store import Run

    _Terms = tuple[str, tuple[str, str], float]  # of a benchmark: symbol, span, cash

_SHORT = 8  # digits of a checksum that are shown

# What makes the results of runs unlike, whatever their strategies are.
_GROUNDS: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
    ("span", lambda told: told["span"]),
    ("day of the data", lambda told: told.get("as_of")),
    ("symbols", lambda told: sorted(told["symbols"])),
    ("cash at the start", lambda told: told["rules"]["cash"]),
    ("costs and rules", lambda told: {**told["rules"], "cash": None}),
    ("version of the rules", lambda told: told.get("rules_version")),
)


class Benchmark(NamedTuple):
    """A benchmark of runs that are compared, once for each span and amount of cash.

    Attributes:
        heading: its lines, as those of `heading`.
        figures: by name.
        run: one that was held against it.

    """

    heading: str
    figures: Mapping[str, float | None]
    run: Run


def heading(run: Run, runs: Sequence[Run]) -> str:
    """The strategy, and below it what tells the run from the others."""
    lines = [run.manifest["strategy"].replace("_", " ")]
    if len({tuple(other.manifest["symbols"]) for other in runs}) > 1:
        lines.append("+".join(run.manifest["symbols"]))
    if sum(other.name == run.name for other in runs) > 1:
        lines.append(run.run_id)
    return "\n".join(lines)


def span(run: Run) -> tuple[str, str]:
    """The first and the last day."""
    return (run.manifest["span"]["first"], run.manifest["span"]["last"])


def span_rows(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """A label and a day for each run, where the spans differ."""
    ends = [span(run) for run in runs]
    return [
        (label, [end[n] for end in ends])
        for n, label in enumerate(("From", "To"))
        if len(set(ends)) > 1
    ]


def benchmarks_of(runs: Sequence[Run]) -> list[Benchmark]:
    """The benchmark of each span and amount of cash, once."""
    found: dict[_Terms, Run] = {}
    for run in runs:
        terms = (run.manifest["benchmark"], span(run), run.manifest["rules"]["cash"])
        found.setdefault(terms, run)
    return [
        Benchmark(_benchmark_heading(terms, found), run.manifest["summary"]["benchmark"], run)
        for terms, run in found.items()
    ]


def _benchmark_heading(terms: _Terms, found: Iterable[_Terms]) -> str:
    """The symbol, and below it what tells the benchmark from others of the same symbol."""
    symbol, (first, last), cash = terms
    alike = [other for other in found if other[0] == symbol]
    lines = [symbol, "benchmark"]
    if len({ends for _, ends, _ in alike}) > 1:
        lines += [first, f"to {last}"]
    if len({dollars for _, _, dollars in alike}) > 1:
        lines.append(f"{cash:,.10g} $")
    return "\n".join(lines)


def differences(runs: Sequence[Run]) -> list[tuple[str, list[str | None]]]:
    """What was set differently: a name, and the value of each run, None where it has none."""
    told = [_settings(run) for run in runs]
    rows = [
        (name, [settings.get(name) for settings in told])
        for name in dict.fromkeys(name for settings in told for name in settings)
    ]
    return [(name, values) for name, values in rows if len({*values} - {None}) > 1]


def unlike(runs: Sequence[Run]) -> list[str]:
    """In what the runs differ that makes them unlike, whatever their strategies are."""
    manifests = [run.manifest for run in runs]
    found = [
        name
        for name, ground in _GROUNDS
        if any(ground(told) != ground(manifests[0]) for told in manifests)
    ]
    files = {item for told in manifests for item in told.get("inputs", {}).items()}
    return [*found, "data files"] if len({name for name, _ in files}) < len(files) else found


def _settings(run: Run) -> dict[str, str]:
    """All that decides a result; parameters by strategy, since others' are not comparable."""
    told = run.manifest
    name, rest = (
        told["strategy"],
        {key: told.get(key) for key in ("benchmark", "symbols", "span", "as_of")},
    )
    return (
        flat({name: told["parameters"], **rest, "rules": told["rules"]})
        | {
            key: checksum[:_SHORT] if checksum else UNKNOWN
            for key, checksum in (
                *told.get("inputs", {}).items(),
                (f"{name}.py", told.get("strategy_sha256")),
            )
        }
        | {"version of the rules": str(told.get("rules_version", UNKNOWN))}
    )
