"""Settings: an option, else the environment, else `backtest.toml`, else what is built in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from math import isfinite
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from backtest.errors import UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILE = "backtest.toml"
_STRATEGIES = "strategies"  # the table of their parameters
_FOLDERS = "folders."

Tables = dict[str, dict[str, Any]]
Source = Literal["option", "environment", "file", "built in"]


@dataclass(frozen=True)
class Setting:
    """A value that is in force, and where it came from.

    Attributes:
        key: as in the file, such as `cash` or `folders.data`.
        value: several symbols or folders are a tuple; None for a folder that nothing names.
        source: which of the four ways decided.
        where: the option, the variable or the file; empty for what is built in.

    """

    key: str
    value: Any
    source: Source = "built in"
    where: str = ""


@dataclass(frozen=True)
class Defaults:
    """Parameters of strategies that a file sets.

    Attributes:
        path: the file; None where there is none.
        tables: by strategy, its parameters as they stand there.
        strict: whether every strategy must be one that is found; not where the folder of
            strategies is another than the file reckoned with.

    """

    path: Path | None = None
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    strict: bool = False


@dataclass(frozen=True)
class Config:
    """Every setting.

    Attributes:
        path: of the file; None where there is none.
        settings: by key.
        defaults: parameters of strategies.

    """

    path: Path | None
    settings: Mapping[str, Setting]
    defaults: Defaults

    def value(self, key: str) -> Any:
        """The value that is in force."""
        return self.settings[key].value

    def chosen(self, key: str) -> Any:
        """The value, or None where it is the one that is built in."""
        setting = self.settings[key]
        return None if setting.source == "built in" else setting.value

    def one_symbol(self) -> str:
        """The symbol of a command that takes but one.

        Raises:
            UsageError: there are several.

        """
        setting = self.settings["symbol"]
        if len(setting.value) > 1:
            raise UsageError(
                f"{setting.where} names {', '.join(setting.value)}, and one stock is taken here. "
                f"Choose it with --symbol."
            )
        return str(setting.value[0])


def read_config(given: Mapping[str, Any] | None = None, start: Path | None = None) -> Config:
    """Find every setting.

    Args:
        given: values of options by key; None and an empty list are an option not given.
        start: where the search upwards for the workspace begins; the working folder by default.

    Raises:
        UsageError: the file cannot be read, has an unknown key, or a value is not allowed.

    """
    root = _find_root(start or Path.cwd())
    path = root / FILE if root and (root / FILE).is_file() else None
    stated, tables = _read_file(path) if path else ({}, {})
    options = {
        key: value
        for key, value in (given or {}).items()
        if value is not None and not (isinstance(value, list) and not value)
    }
    settings = {}
    for key, kind in _KINDS.items():
        if key in options:
            where, base, value = kind.option, Path.cwd(), options[key]
            settings[key] = Setting(key, kind.read(value, where, base), "option", where)
        elif text := os.environ.get(kind.variable):
            where, base, value = kind.variable, Path.cwd(), kind.of_text(text)
            settings[key] = Setting(key, kind.read(value, where, base), "environment", where)
        elif path and key in stated:
            value = kind.read(stated[key], f"{path}: {key}", path.parent)
            settings[key] = Setting(key, value, "file", str(path))
        else:
            settings[key] = Setting(key, kind.built_in(root))
    reckoned_with = settings["folders.strategies"].source in ("file", "built in")
    return Config(path, settings, Defaults(path, tables, strict=bool(path) and reckoned_with))


def _find_root(start: Path) -> Path | None:
    """The nearest folder upwards that is a workspace."""
    for folder in (start.resolve(), *start.resolve().parents):
        both = (folder / "strategies").is_dir() and (folder / "data").is_dir()
        if both or (folder / FILE).is_file():
            return folder
    return None


def _read_file(path: Path) -> tuple[dict[str, object], Tables]:
    """What a file states by key, and its tables of strategies' parameters."""
    import tomllib

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not readable TOML: {error}.") from None
    tables = _table(path, _STRATEGIES, content.pop(_STRATEGIES, {}))
    for name, table in tables.items():
        _table(path, f"{_STRATEGIES}.{name}", table)
    folders = _table(path, "folders", content.pop("folders", {}))
    stated = {**content, **{f"folders.{name}": value for name, value in folders.items()}}
    for key in stated:
        if key not in _KINDS:
            raise unknown(f"setting in {path}:", key, [*_KINDS, _STRATEGIES])
    return stated, tables


def _table(path: Path, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {key} is {value!r}. Write a table, under the line [{key}].")
    return value


# What a setting may be


@dataclass(frozen=True)
class _Kind:
    """How a setting is named, read and checked.

    Attributes:
        option, variable: its other names.
        allowed: what it may be, in words.
        built_in: its value where nothing is chosen, from the workspace's folder or None.
        of_text: a variable's text as the file would state it.
        check: the value of what is stated, with paths that begin at a folder; None where it is
            not allowed.

    """

    option: str
    variable: str
    allowed: str
    built_in: Callable[[Path | None], Any]
    of_text: Callable[[str], object]
    check: Callable[[object, Path], Any]

    def read(self, stated: object, where: str, base: Path) -> Any:
        found = self.check(stated, base)
        if found is None:
            raise UsageError(f"{where} is {stated!r}. Allowed: {self.allowed}.")
        return found


def _name(stated: object, _base: Path) -> str | None:
    return stated if isinstance(stated, str) and stated.strip() else None


def _names(stated: object, base: Path) -> Any:
    return _each(_name, stated, base)


def _folder(stated: object, base: Path) -> Path | None:
    if not isinstance(stated, str | Path) or not str(stated).strip():
        return None
    try:
        return (base / Path(stated).expanduser()).resolve()
    except (RuntimeError, ValueError):  # no such user; a character that no path has
        return None


def _folders(stated: object, base: Path) -> Any:
    return _each(_folder, stated, base)


def _each(check: Callable[[object, Path], Any], stated: object, base: Path) -> Any:
    """One or several, each once; None where one of them is not allowed, or there is none."""
    several = stated if isinstance(stated, list | tuple) else [stated]
    found = dict.fromkeys(check(one, base) for one in several)
    return tuple(found) if found and None not in found else None


def _costs(stated: object, base: Path) -> str | None:
    """A preset's name, or the path of a file."""
    name = _name(stated, base)
    return str(_folder(name, base)) if name and name.endswith(".toml") else name


def _dollars(stated: object, _base: Path) -> float | None:
    if isinstance(stated, bool) or not isinstance(stated, Real):
        return None
    dollars = float(stated)
    return dollars if isfinite(dollars) and dollars > 0 else None


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _by_comma(text: str) -> object:
    return [part.strip() for part in text.split(",")]


def _by_separator(text: str) -> object:
    return [part for part in text.split(os.pathsep) if part]


_KINDS = {
    "symbol": _Kind(
        "--symbol", "BACKTEST_SYMBOL", 'a stock, such as "CRWV", or several in a list',
        lambda _: ("CRWV",), _by_comma, _names,
    ),
    "benchmark": _Kind(
        "--benchmark", "BACKTEST_BENCHMARK", 'a symbol, such as "SPY"', lambda _: "SPY", str, _name
    ),
    "cash": _Kind(
        "--cash", "BACKTEST_CASH", "dollars greater than 0, such as 100000",
        lambda _: 100_000.0, _number, _dollars,
    ),
    "costs": _Kind(
        "--costs", "BACKTEST_COSTS", 'a preset, such as "retail", or a TOML file',
        lambda _: "retail", str, _costs,
    ),
    "folders.strategies": _Kind(
        "--strategies", "BACKTEST_STRATEGIES",
        'a folder, such as "strategies", or several in a list',
        lambda root: root and (root / "strategies",), _by_separator, _folders,
    ),
    "folders.data": _Kind(
        "--data", "BACKTEST_DATA", 'a folder, such as "data"',
        lambda root: root and root / "data", str, _folder,
    ),
    "folders.reports": _Kind(
        "--out", "BACKTEST_REPORTS", 'a folder, such as "reports"',
        lambda root: root and root / "reports", str, _folder,
    ),
}  # fmt: skip
