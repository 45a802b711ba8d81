"""The public call: `new_signal` writes the files that a signal begins with, all or none."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, field
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from backtest.data.datafile import metadata_of, metadata_path
from backtest.data.versions import put
from backtest.errors import UsageError, unknown
from backtest.strategy.kinds import event_kinds
from backtest.strategy.places import strategy_places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from backtest.workspace.folders import Workspace


@dataclass(frozen=True)
class Beginning:
    """What a template needs to know of a kind.

    Attributes:
        kind: the class of the kind; empty for one that is new.
        template: `own`, `change` or `text`.
        traded: fields of an event that the new strategy trades, as Python writes them.
        left: of one that it leaves alone.
        reason: what it answers then.
        more: by name, what else the template asks for.

    """

    kind: str
    template: str
    traded: str
    left: str
    reason: str
    more: Mapping[str, str] = field(default_factory=dict)


_NEW = Beginning("", "own", "amount=1_000_000.0", "amount=None", "the amount is not known")
_KNOWN = {
    "earnings": Beginning(
        "Earnings",
        "change",
        "eps=0.30, eps_consensus=0.20",
        "eps=None",
        "eps_surprise is not known",
        {"field": "eps_surprise"},
    ),
    "stake_disclosure": Beginning(
        "StakeDisclosure",
        "change",
        "shares=150, previous_shares=100",
        "shares=None",
        "stake_change is not known",
        {"field": "stake_change"},
    ),
    "news": Beginning(
        "News",
        "text",
        'category="$name"',
        'category="something_else"',
        "category is something_else, not $name",
        {"field": "category", "value": "$name", "told": "figures"},
    ),
    "short_report": Beginning(
        "ShortReport",
        "text",
        'author_type="short_seller"',
        'author_type="press"',
        "author_type is press, not short_seller",
        {
            "field": "author_type",
            "value": "short_seller",
            "told": "claim",
            "side": "short",
            "weight": "-0.8",
        },
    ),
}


def beginning(kind: str | None) -> Beginning:
    """What a signal starts from.

    Args:
        kind: a kind that ships, or None for one that is new.

    Raises:
        UsageError: there is no such kind.

    """
    if kind is None:
        return _NEW
    if kind not in _KNOWN:
        raise unknown("kind of event to start from", kind, _KNOWN)
    return _KNOWN[kind]


_RIGHT = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IMPORTED = ("Event", "EventStrategy", "Field", "Literal", "Market", "Signal", "Start", "Strategy")


def checked_name(name: str, taken: Mapping[str, str]) -> str:
    """The name, where a signal can have it.

    Args:
        name: of the new signal.
        taken: names that are, and by what.

    Raises:
        UsageError: it is not in snake case, is a word of Python's, is lost in the name of its
            class, or is taken; the message suggests another.

    """
    if why := _why_not(name, taken):
        raise UsageError(
            f"A signal cannot be called {name!r}: the name {why}. Names are lower-case words "
            f"joined by _, such as {_instead(name, taken)}."
        )
    return name


def camel_case(name: str) -> str:
    """The name as one of a class: `InsiderSale`."""
    return "".join(word.capitalize() for word in name.split("_"))


def _snake_case(name: str) -> str:
    """The name of a class as that of its kind of event."""
    return _WORD_BEGINS.sub("_", name).lower()


def _why_not(name: str, taken: Mapping[str, str]) -> str:
    """What is wrong with a name; empty where nothing is."""
    camel = camel_case(name)
    if not _RIGHT.fullmatch(name):
        return "is not in snake case"
    if keyword.iskeyword(name) or keyword.iskeyword(camel):
        return "is a word of Python's"
    if camel in _IMPORTED:
        return "means something else here"
    if (again := _snake_case(camel)) != name:
        return f"would turn into {again} by its class, {camel}"
    return f"is taken by {taken[name]}" if name in taken else ""


def _instead(name: str, taken: Mapping[str, str]) -> str:
    """A name like it that can be had."""
    words = re.sub(r"[^a-z0-9]+", "_", _snake_case(name)).lstrip("0123456789_")
    found = _snake_case(camel_case(words)) or "insider_sale"
    while _why_not(found, taken):
        found += "_signal"
    return found


_EXAMPLE_DAY = "2025-01-31"  # of the row in `events.csv.tmpl`


@dataclass(frozen=True)
class NewSignal:
    """What was written.

    Attributes:
        name: of the strategy.
        strategy: the file of the rule.
        test: the file of its test.
        events: the file of its events; None where it starts from a kind that is there.

    """

    name: str
    strategy: Path
    test: Path
    events: Path | None


def new_signal(
    workspace: Workspace, name: str, *, kind: str | None = None, backtrader: bool = False
) -> NewSignal:
    """Write a strategy, a test, and for a kind of event of its own a file with an example row.

    Args:
        workspace: the folders; the tests stand beside the strategies.
        name: of the strategy, in snake case.
        kind: the kind of event to start from; None for a new one, named as the strategy.
        backtrader: whether the strategy is an `EventStrategy`.

    Raises:
        UsageError: the name or the kind is wrong, a file is there already, or a folder cannot
            be written. Nothing was written then.

    """
    start = beginning(kind)
    checked_name(name, _taken(workspace, new_kind=kind is None))
    terms = _terms(name, start)
    code, test = ("backtrader_", "test_backtrader") if backtrader else ("", "test")
    new = NewSignal(
        name=name,
        strategy=workspace.strategies / f"{name}.py",
        test=workspace.strategies.parent / "tests" / f"test_{name}.py",
        events=None if kind else workspace.data / "events" / terms["file"],
    )
    texts = {
        new.strategy: _laid_out(_filled(f"{code}{start.template}.py", terms), workspace),
        new.test: _filled(f"{test}.py", terms),
    }
    _write(texts, new.events, _filled("events.csv", terms))
    return new


def _taken(workspace: Workspace, *, new_kind: bool) -> dict[str, str]:
    """The names that are taken, and by what."""
    taken = {}
    if new_kind:
        known = event_kinds(workspace)
        taken = {
            kind: f"a kind of event, which another strategy can listen to (--from {kind})"
            if cls.__module__.startswith("backtest.")
            else "a kind of event"
            for kind, cls in known.items()
        }
    places = strategy_places(workspace)
    return taken | {name: f"the strategy {places[name][0]}" for name in places}


def _terms(name: str, start: Beginning) -> dict[str, str]:
    """What the templates are filled with."""
    words, camel = name.replace("_", " "), camel_case(name)
    terms = {
        "name": name,
        "words": words,
        "kind": start.kind or camel,
        "event": start.kind or name,
        "strategy": f"{camel}Strategy",
        "file": name + ("" if name.endswith("s") else "s") + ".csv",
        "side": "long",
        "weight": "0.8",
        **start.more,
        "traded": start.traded,
        "left": start.left,
        "reason": start.reason,
    }
    return {key: Template(text).substitute(name=name) for key, text in terms.items()}


def _filled(template: str, terms: Mapping[str, str]) -> str:
    place = files("backtest.strategy.new") / "templates" / f"{template}.tmpl"
    return Template(place.read_text(encoding="utf-8")).substitute(terms)


def _laid_out(code: str, workspace: Workspace) -> str:
    """The imports in the order of ruff, for which a package in `src/` is not one of others."""
    if not (workspace.strategies.parent / "src" / "backtest").is_dir():
        return code
    field, ours = "from pydantic import Field\n", "from backtest import "
    return code.replace(field, "").replace(ours, f"{field}\n{ours}") if field in code else code


def _write(texts: Mapping[Path, str], events: Path | None, rows: str) -> None:
    """Write the files; where one cannot be written, those before it are taken away again."""
    wanted = [*texts, *([events, metadata_path(events)] if events else [])]
    if there := [path for path in wanted if path.exists()]:
        names = ", ".join(map(str, there))
        raise UsageError(
            f"{names} is there already, and nothing is overwritten. Move it away, or choose "
            f"another name."
        )
    written: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
        if events:
            metadata = metadata_of([_EXAMPLE_DAY], source=None)
            put(events, rows, metadata, reason="the example row of a new signal", over=None)
    except BaseException as error:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UsageError(f"{error.filename} cannot be written: {error.strerror}.") from None
        raise
