"""Which run is meant, and what tells a run from others: its variant, in words."""

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
from backtest.workspace.files import readable

_FEWEST = 3  # characters of the beginning of an id
_RULES = {  # in words where a figure differs from what the costs say
    "slippage_bps": "slippage {:g} bp",
    "commission_per_share": "commission {:g} $ a share",
    "reaction_minutes": "{:g} min to react",
    "hours": "{} hours",
    "extended_slippage_bps": "slippage {:g} bp outside of hours",
    "max_positions": "positions up to {:g}",
    "min_order": "orders from {:,.10g} $",
}


def variant(record: Mapping[str, Any]) -> list[str]:
    """What a run differs in from the defaults, such as `hold 5`, `institutional`, `QQQ`.

    Args:
        record: what `run.json` holds.

    """
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
    words += [f"from {day}" for day in [differs.get("first")] if day]
    words += [f"to {day}" for day in [differs.get("last")] if day]
    words += [f"as of {day}" for day in [record.get("as_of")] if day]
    words += [f"by {length}" for length in [differs.get("bars")] if length]
    words += ["no daily bars"] * (differs.get("missing_bars") == "none")
    return words + [f"on {engine}" for engine in [differs.get("engine")] if engine]


def name_of(run: Run) -> str:
    """The label of a run, and its variant in words; empty where it is the defaults'."""
    return " · ".join(filter(None, (run.label, *variant(run.manifest))))


def telling(runs: Sequence[Run]) -> list[list[str]]:
    """What tells each run from the others; empty where it is the only one of the defaults.

    These are its label or, of its variant, the words that not all runs share; `defaults` where
    others of the same strategy and stocks have such words; and its id where another says the same.
    """
    words = [variant(run.manifest) for run in runs]
    shared = set[str].intersection(*map(set, words)) if words else set()
    own = [
        [run.label] if run.label else [word for word in its if word not in shared]
        for run, its in zip(runs, words, strict=True)
    ]
    same = Counter(run.name for run in runs)
    alike = Counter((run.name, *lines) for run, lines in zip(runs, own, strict=True))
    return [
        lines
        if same[run.name] == 1
        else (lines or ["defaults"]) + [run.run_id] * (alike[run.name, *lines] > 1)
        for run, lines in zip(runs, own, strict=True)
    ]


def list_runs(
    reports: Path,
    tell: Callable[[str], object],
    names: Sequence[str] = (),
    *,
    settings: Mapping[str, str] | None = None,
    since: date | None = None,
) -> list[Run]:
    """The runs in a folder, the one requested last first.

    Args:
        reports: the folder.
        tell: takes a sentence for each that is damaged.
        names: those that are meant, as of `find_run`; all without any.
        settings: parameters that a run must have, as texts by dotted name.
        since: the New York day since which it was requested.

    Raises:
        UsageError: a name fits no run, or no run has a parameter of that name.

    """
    runs = _newest_first(readable(_folders(reports), read_run, tell))
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
    """The runs that a name fits: an id or its beginning, a folder, a strategy, a label, a glob.

    Raises UsageError where none fits.
    """
    name = _word(runs, name)
    exact = [run for run in runs if name in _exact_names(run)]
    if found := exact or [run for run in runs if _fits(run, name)]:
        return found
    known = [word for run in runs for word in _exact_names(run) if word]
    near, _, _ = str(unknown("run", name, known)).partition(" Known:")
    listed = [f"{run.manifest['strategy']} {run.run_id}" for run in runs]
    raise UsageError(
        f"{near} Known: {first_few(listed, 8) or 'none'}; they are in {reports}. Name a strategy, "
        f"an id or its beginning, a folder, a label, or a pattern such as 'earnings_*'. "
        f"`backtest list runs` shows them; `backtest run STRATEGY` makes one."
    )


def is_pattern(name: str) -> bool:
    """Whether a name is a glob, which may be of several runs."""
    return any(sign in name for sign in "*?[")


def find_run(reports: Path, name: str, tell: Callable[[str], object]) -> Run:
    """The run that a name fits, as of `fitting_runs`; of several the one requested last.

    `tell` takes a sentence for each that the name fits as well and that is damaged. Raises
    UsageError where none fits, or the beginning of an id fits several, and DataError where none
    does but damaged ones.
    """
    if (Path(name) / "run.json").is_file():
        return read_run(Path(name))
    folders = _folders(reports)
    runs = _newest_first(readable(folders, read_run, lambda _: None))
    text = _word(runs, name)
    sound = {run.path for run in runs}
    others = [one for one in folders if one not in sound and text in _names(one)]
    if others and not any(text in _exact_names(run) for run in runs):
        return read_run(others[0])  # raises what is wrong with it
    list(readable(others, read_run, tell))
    found = fitting_runs(reports, runs, name)
    is_exact = text in _exact_names(found[0])
    if len(found) > 1 and not is_exact:
        listed = [f"{run.path.name} ({name_of(run) or 'the defaults'})" for run in found]
        raise UsageError(
            f"{name!r} fits {len(found)} runs: {first_few(listed, 8)}. Name one of them."
        )
    return found[0]


def latest_runs(reports: Path, tell: Callable[[str], object]) -> list[Run]:
    """The run requested last of each strategy on each set of symbols, by name."""
    latest: dict[str, Run] = {}
    for run in list_runs(reports, tell):
        latest.setdefault(run.name, run)
    return [latest[name] for name in sorted(latest)]


def _newest_first(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.last_request, run.run_id), reverse=True)


def _word(runs: Sequence[Run], name: str) -> str:
    """A label as it is, which may hold a slash; of a path the last part."""
    return name if any(run.label == name for run in runs) else Path(name).name


def _exact_names(run: Run) -> tuple[str, ...]:
    return (run.run_id, run.path.name, run.manifest["strategy"], run.label)


def _fits(run: Run, name: str) -> bool:
    begins = len(name) >= _FEWEST and run.run_id.startswith(name)
    return begins or any(fnmatchcase(word, name) for word in _exact_names(run))


def _has(run: Run, name: str, text: str) -> bool:
    """Whether a run has a parameter of a value, which may be written in another way."""
    value = flat(run.manifest["parameters"]).get(name)
    with suppress(ValueError, TypeError):
        return bool(json.loads(value or "") == json.loads(text))
    return value == text.strip()


def _folders(reports: Path) -> list[Path]:
    """The folders of runs; hidden ones are unfinished work."""
    return [record.parent for record in reports.glob("[!.]*/run.json")]


def _names(folder: Path) -> tuple[str, str, str]:
    strategy, _, rest = folder.name.partition("-")
    return folder.name, strategy, rest.rpartition("-")[2]
