"""Write the files of a new signal from `templates/`, all of them or none."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from backtest.data.datafile import metadata_of, metadata_path
from backtest.data.kinds import snake_case
from backtest.data.versions import clear, write_version
from backtest.errors import UsageError, unknown
from backtest.strategy.loading import event_kinds, strategy_origins
from backtest.workspace.files import clear_unfinished, write_text

if TYPE_CHECKING:
    from backtest.workspace.folders import Workspace


def _change(name: str, traded: str, missing: str) -> dict[str, str]:
    return {
        "template": "change", "field": name, "traded": traded, "left": f"{missing}=None",
        "reason": f"{name} is not known",
    }  # fmt: skip


def _text(name: str, value: str, other: str, **more: str) -> dict[str, str]:
    return {
        "template": "text", "field": name, "value": value, "traded": f'{name}="{value}"',
        "left": f'{name}="{other}"', "reason": f"{name} is {other}, not {value}", **more,
    }  # fmt: skip


def _dated(name: str, columns: str = "", cells: str = "") -> dict[str, str]:
    return {
        "template": "dated", "field": name, "columns": columns, "cells": cells,
        "traded": f'{name}="2025-07-31"', "left": f'{name}="2025-06-25"',
        "reason": "the day has come",
    }  # fmt: skip


# Terms that fill the templates, by the kind to start from. `traded` has the fields of an event that
# the new strategy trades, `left` those of one that it does not trade, for a `reason`.
_NEW = {
    "template": "own", "traded": "amount=1_000_000.0", "left": "amount=None",
    "reason": "the amount is not known",
}  # fmt: skip
_KNOWN = {
    "earnings": _change("eps_surprise", "eps=0.30, eps_consensus=0.20", "eps"),
    "stake_disclosure": _change("stake_change", "shares=150, previous_shares=100", "shares"),
    "news": _text("category", "$name", "something_else", reason_of="figures"),
    "short_report": _text(
        "author_type", "short_seller", "press", reason_of="claim", side="short", weight="-0.8"
    ),
    "report_date": _dated("report_on"),
    "index_change": _dated("effective_on", "index,change,", "example,added,"),
    "lockup_end": _dated("ends_on"),
    "dividend": _dated("ex_on"),
    "split": _dated("ex_on", "ratio,", "2,"),
    "delisting": _dated("delists_on"),
    "deal": _dated("closes_by", "acquirer,", "example,"),
    "decision_date": _dated("decides_on", "subject,", "example,"),
    "macro_date": _dated("happens_on", "release,", "CPI,"),
}

_SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_IMPORTED = (
    "Event", "EventStrategy", "Field", "Literal", "Market", "Signal", "Start", "Strategy", "Wait",
)  # fmt: skip


def checked_name(name: str, taken: Mapping[str, str]) -> str:
    """Return the name, or raise UsageError, which suggests another, where a signal cannot have it.

    `taken` holds the names in use, and what uses them.
    """
    if why := _why_not(name, taken):
        raise UsageError(
            f"A signal cannot be called {name!r}: the name {why}. Names are lower-case words "
            f"joined by _, such as {_alternative(name, taken)}."
        )
    return name


def camel_case(name: str) -> str:
    """Turn a name in snake case into one of a class, such as `InsiderSale`."""
    return "".join(word.capitalize() for word in name.split("_"))


def _why_not(name: str, taken: Mapping[str, str]) -> str:
    """Say what is wrong with a name; empty where nothing is."""
    camel = camel_case(name)
    if not _SNAKE_CASE.fullmatch(name):
        return "is not in snake case"
    if keyword.iskeyword(name) or keyword.iskeyword(camel):
        return "is a word of Python's"
    if camel in _IMPORTED:
        return "means something else here"
    if (again := snake_case(camel)) != name:
        return f"would turn into {again} by its class, {camel}"
    return f"is taken by {taken[name]}" if name in taken else ""


def _alternative(name: str, taken: Mapping[str, str]) -> str:
    """Find a similar name that is free."""
    words = re.sub(r"[^a-z0-9]+", "_", snake_case(name)).lstrip("0123456789_")
    free = snake_case(camel_case(words)) or "insider_sale"
    while _why_not(free, taken):
        free = snake_case(camel_case(f"{free}_signal"))
    return free


_EXAMPLE_DAY = "2025-01-31"  # the day of the row in `events.csv.tmpl`


@dataclass(frozen=True)
class NewSignal:
    """A new signal has the paths of the files that were written for it."""

    name: str
    kind: str
    strategy: Path
    test: Path
    events: Path | None  # None where the kind has a file or needs none


def new_signal(
    workspace: Workspace, name: str, *, kind: str | None = None, backtrader: bool = False
) -> NewSignal:
    """Write a strategy, its test, and for a new kind of event a file with an example row.

    The strategy starts from an existing kind, or from a new one that has the strategy's name.
    Raise UsageError where the name or the kind is wrong, a file exists already, or a folder cannot
    be written; nothing is written then.
    """
    if kind is not None and kind not in _KNOWN:
        raise unknown("kind of event to start from", kind, _KNOWN)
    terms = _terms(name, kind)
    template = terms["template"]
    if backtrader and template == "dated":
        raise UsageError(
            f"A strategy of Backtrader's hears of {kind} once and counts the sessions itself. "
            f"Leave out --backtrader: a Strategy waits for the day."
        )
    checked_name(name, _taken(workspace, new_kind=kind is None))
    code, test = ("backtrader_", "test_backtrader") if backtrader else ("", "test")
    file = workspace.data / "events" / (terms["file"] if kind is None else f"{kind}s.csv")
    needs_events = kind is None or (template == "dated" and not file.exists())
    new = NewSignal(
        name=name,
        kind=kind or name,
        strategy=workspace.strategies / f"{name}.py",
        test=workspace.strategies.parent / "tests" / f"test_{name}.py",
        events=file if needs_events else None,
    )
    texts = {}
    if new.events is not None:
        texts[new.events] = _filled("events.csv" if kind is None else "dated.csv", terms)
    texts[new.test] = _filled(f"{test}.py", terms)
    texts[new.strategy] = _laid_out(_filled(f"{code}{template}.py", terms), workspace)
    _write(texts, new.events)
    return new


def _taken(workspace: Workspace, *, new_kind: bool) -> dict[str, str]:
    """Return the names in use, and what uses them."""
    taken = {}
    if new_kind:
        taken = {
            kind: f"a kind of event, which another strategy can listen to (--from {kind})"
            if cls.__module__.startswith("backtest.")
            else "a kind of event"
            for kind, cls in event_kinds(workspace).items()
        }
    origins = strategy_origins(workspace)
    return taken | {name: f"the strategy {found[0].where}" for name, found in origins.items()}


def _terms(name: str, kind: str | None) -> dict[str, str]:
    """Return the terms that fill the templates."""
    terms = {
        "name": name,
        "words": name.replace("_", " "),
        "kind": camel_case(kind or name),
        "event": camel_case(kind) if kind else name,
        "strategy": f"{camel_case(name)}Strategy",
        "file": name + ("" if name.endswith("s") else "s") + ".csv",
        "side": "long",
        "weight": "0.8",
        **(_KNOWN[kind] if kind else _NEW),
    }
    return {key: Template(text).substitute(name=name) for key, text in terms.items()}


def _filled(template: str, terms: Mapping[str, str]) -> str:
    path = files("backtest.strategy") / "templates" / f"{template}.tmpl"
    return Template(path.read_text(encoding="utf-8")).substitute(terms)


def _laid_out(code: str, workspace: Workspace) -> str:
    """Sort the imports as ruff does in a checkout, where `backtest` in `src/` is first-party."""
    if not (workspace.strategies.parent / "src" / "backtest").is_dir():
        return code
    field, ours = "from pydantic import Field\n", "from backtest import "
    return code.replace(field, "").replace(ours, f"{field}\n{ours}") if field in code else code


def _write(texts: Mapping[Path, str], events: Path | None) -> None:
    """Write the files, the strategy last; where one cannot be written, remove the others again.

    Complete files that a killed command has written stay; its unfinished ones are removed.
    """
    for path in texts:
        clear_unfinished(path.parent, path.name)
    if events:
        clear(events)
    occupied = [path for path, text in texts.items() if not _is_free(path, text)]
    if events and not events.exists() and metadata_path(events).exists():
        occupied.append(metadata_path(events))
    if occupied:
        names = ", ".join(map(str, occupied))
        raise UsageError(
            f"{names} is there already, and nothing is overwritten. Move it away, or choose "
            f"another name."
        )
    written: list[Path] = []
    try:
        for path, text in texts.items():
            if path.exists():
                continue
            written.append(path)
            if path == events:
                metadata = metadata_of([_EXAMPLE_DAY], source=None)
                write_version(
                    path, text, metadata, reason="the example row of a new signal", over=None
                )
                written.append(metadata_path(path))
            else:
                write_text(path, text)
    except BaseException:
        for path in written:
            with suppress(OSError):  # its folder may be a file
                path.unlink()
        raise


def _is_free(path: Path, text: str) -> bool:
    """Tell whether nothing is in a place, or just what would be written there."""
    return not path.exists() or (path.is_file() and path.read_bytes() == text.encode())
