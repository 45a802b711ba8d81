"""This module finds runs by name, and describes how each differs from defaults and others."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from backtest.engine.rules import Rules
from backtest.errors import UsageError, first_few, unknown
from backtest.experiments.runs.store import Run, read_run
from backtest.stats.formats import new_york_day
from backtest.strategy.parameters import flat
from backtest.workspace.files import read_each

_FEWEST = 3  # characters of the beginning of an id
_RULES = {  # the words for rules that differ from the costs
    "slippage_bps": "slippage {:g} bp",
    "commission_per_share": "commission {:g} $ a share",
    "reaction_minutes": "{:g} min to react",
    "hours": "{} hours",
    "extended_slippage_bps": "slippage {:g} bp outside of hours",
    "max_positions": "positions up to {:g}",
    "min_order": "orders from {:,.10g} $",
}


def variant(record: Mapping[str, Any]) -> list[str]:
    """Describe how a run's record differs from the defaults: `hold 5`, `institutional`, `QQQ`."""
    differs = record.get("differs", {})
    rules, costs = record["rules"], (record.get("costs") or {}).get("name", "retail")
    usual = ("SPY", record.get("universe"))
    words = [f"{name} {value}" for name, value in flat(differs.get("parameters", {})).items()]
    words += [
        _RULES[name].format(value) if name in _RULES and value is not None else f"{name} {value}"
        for name, value in differs.get("rules", {}).items()
    ]
    words += [costs] * (costs != "retail")
    if rules["cash"] != Rules().cash:
        words.append(f"{rules['cash']:,.10g} $")
    words += [record["benchmark"]] * (record["benchmark"] not in usual)
    optional = {
        "from {}": differs.get("first"),
        "to {}": differs.get("last"),
        "as of {}": record.get("as_of"),
        "by {}": differs.get("bars"),
        "no daily bars": differs.get("missing_bars") == "none",
        "on {}": differs.get("engine"),
    }
    return words + [text.format(value) for text, value in optional.items() if value]


def name_of(run: Run) -> str:
    """Return the label of a run and its variant in words; empty for a run of the defaults."""
    return " · ".join(filter(None, (run.label, *variant(run.manifest))))


def distinguishing_words(runs: Sequence[Run]) -> list[list[str]]:
    """Return for each run the words that tell it from the others; none where its name does.

    These are its label or, of its variant, the words that not all runs share. Among runs of the
    same strategy and stocks one without such words has `defaults`, and those that have the same
    words have their ids as well.
    """
    variants = [variant(run.manifest) for run in runs]
    shared = set[str].intersection(*map(set, variants)) if variants else set()
    words = [
        [run.label] if run.label else [word for word in each if word not in shared]
        for run, each in zip(runs, variants, strict=True)
    ]
    of_name = Counter(run.name for run in runs)
    alike = Counter((run.name, *each) for run, each in zip(runs, words, strict=True))
    return [
        each
        if of_name[run.name] == 1
        else (each or ["defaults"]) + [run.run_id] * (alike[run.name, *each] > 1)
        for run, each in zip(runs, words, strict=True)
    ]


def list_runs(
    reports: Path,
    tell: Callable[[str], object],
    names: Sequence[str] = (),
    *,
    settings: Mapping[str, str] | None = None,
    since: date | None = None,
) -> list[Run]:
    """List the runs in a folder, the one requested last first.

    Args:
        reports: the folder of reports.
        tell: a function that takes a sentence for each damaged run.
        names: names of the wanted runs, as `fitting_runs` takes them; all runs without any.
        settings: parameters that a run must have, as texts by dotted name.
        since: the New York day from which on it must have been requested.

    Raises:
        UsageError: a name fits no run, or no run has a parameter of that name.

    """
    runs = _newest_first(read_each(_folders(reports), read_run, tell))
    if names:
        fitting = [run for name in names for run in fitting_runs(reports, runs, name)]
        runs = _newest_first({run.run_id: run for run in fitting}.values())
    known = {name for run in runs for name in flat(run.manifest["parameters"])}
    for name in settings or {}:
        if runs and name not in known:
            raise unknown("parameter of these runs", name, known)
    return [
        run
        for run in runs
        if all(_has(run, name, text) for name, text in (settings or {}).items())
        and (since is None or new_york_day(run.last_request.isoformat()) >= since.isoformat())
    ]


def fitting_runs(reports: Path, runs: Sequence[Run], name: str) -> list[Run]:
    """Return the runs that a name fits; raise UsageError where none does.

    A name is the beginning of an id, a folder, a strategy, a label, or a glob of these.
    """
    name = _word(runs, name)
    exact = [run for run in runs if name in _exact_names(run)]
    if fitting := exact or [run for run in runs if _fits(run, name)]:
        return fitting
    known = [word for run in runs for word in _exact_names(run)]
    near, _, _ = str(unknown("run", name, known)).partition(" Known:")
    listed = [f"{run.manifest['strategy']} {run.run_id}" for run in runs]
    raise UsageError(
        f"{near} Known: {first_few(listed, 8) or 'none'}; they are in {reports}. Name a strategy, "
        f"an id or its beginning, a folder, a label, or a pattern such as 'earnings_*'. "
        f"`backtest list runs` shows them; `backtest run STRATEGY` makes one."
    )


def is_pattern(name: str) -> bool:
    """Tell whether a name is a glob, which may fit several runs."""
    return any(sign in name for sign in "*?[")


def find_run(reports: Path, name: str, tell: Callable[[str], object]) -> Run:
    """Return the run that a name fits, as in `fitting_runs`; of several the one requested last.

    `tell` takes a sentence for each damaged run that the name fits as well. Raise UsageError where
    no run fits, or the beginning of an id or a glob fits several, and DataError where only damaged
    runs fit.
    """
    if (Path(name) / "run.json").is_file():
        return read_run(Path(name))
    folders = _folders(reports)
    runs = _newest_first(read_each(folders, read_run, lambda _: None))
    text = _word(runs, name)
    undamaged = {run.path for run in runs}
    damaged = [folder for folder in folders if folder not in undamaged and text in _names(folder)]
    if damaged and not any(text in _exact_names(run) for run in runs):
        return read_run(damaged[0])  # raises what is wrong with it
    list(read_each(damaged, read_run, tell))
    fitting = fitting_runs(reports, runs, name)
    if len(fitting) > 1 and text not in _exact_names(fitting[0]):
        listed = [f"{run.path.name} ({name_of(run) or 'the defaults'})" for run in fitting]
        raise UsageError(
            f"{name!r} fits {len(fitting)} runs: {first_few(listed, 8)}. Name one of them."
        )
    return fitting[0]


def latest_runs(reports: Path, tell: Callable[[str], object]) -> list[Run]:
    """Return the run requested last of each strategy on each set of symbols, sorted by name."""
    latest: dict[str, Run] = {}
    for run in list_runs(reports, tell):
        latest.setdefault(run.name, run)
    return [latest[name] for name in sorted(latest)]


def _newest_first(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.last_request, run.run_id), reverse=True)


def _word(runs: Sequence[Run], name: str) -> str:
    """Return a label unchanged, for it may hold a slash, and the last part of any other path."""
    return name if any(run.label == name for run in runs) else Path(name).name or name


def _exact_names(run: Run) -> list[str]:
    names = (run.run_id, run.path.name, run.manifest["strategy"], run.label)
    return [name for name in names if name]  # most runs have no label, which is no name


def _fits(run: Run, name: str) -> bool:
    begins = len(name) >= _FEWEST and run.run_id.startswith(name)
    return begins or any(fnmatchcase(word, name) for word in _exact_names(run))


def _has(run: Run, name: str, text: str) -> bool:
    """Tell whether a run's parameter has a value, however that is written: 0.10 is 0.1."""
    value = flat(run.manifest["parameters"]).get(name)
    with suppress(ValueError, TypeError):
        return bool(json.loads(value or "") == json.loads(text))
    return value == text.strip()


def _folders(reports: Path) -> list[Path]:
    """Return the folders of runs, but for hidden ones, which are unfinished."""
    return [record.parent for record in reports.glob("[!.]*/run.json")]


def _names(folder: Path) -> tuple[str, str, str]:
    strategy, _, rest = folder.name.partition("-")
    return folder.name, strategy, rest.rpartition("-")[2]
