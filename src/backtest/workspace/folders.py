"""The workspace: where its folders are, what its settings say, and how a new one is made.

A setting is an option, else of the environment, else of `backtest.toml`, else built in.
"""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Any

from backtest.errors import UsageError, unknown
from backtest.workspace.files import clear_unfinished, is_left, unfinished

FILE = "backtest.toml"

# By key: the kind, what is built in, the option, what is allowed, and what parts several values.
_TABLE = {
    "symbol": ("text", "CRWV", "--symbol", 'a stock, such as "CRWV", or several in a list', ","),
    "benchmark": ("text", "SPY", "--benchmark", 'a symbol, such as "SPY"', ""),
    "cash": ("dollars", 100_000.0, "--cash", "dollars greater than 0, such as 100000", ""),
    "costs": ("costs", "retail", "--costs", 'a preset, such as "retail", or a TOML file', ""),
    "folders.strategies": (
        "folder", "strategies", "--strategies",
        'a folder, such as "strategies", or several in a list', os.pathsep,
    ),
    "folders.data": ("folder", "data", "--data", 'a folder, such as "data"', ""),
    "folders.reports": ("folder", "reports", "--out", 'a folder, such as "reports"', ""),
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """A value, from an `option`, the `environment` or a `file`, named by `where`, or `built in`."""

    key: str
    value: Any
    source: str = "built in"
    where: str = ""


@dataclass(frozen=True)
class Defaults:
    """Parameters by strategy that a file sets; where `strict`, each strategy must exist."""

    path: Path | None = None
    tables: dict[str, dict[str, Any]] = field(default_factory=dict, hash=False)
    strict: bool = False


@dataclass(frozen=True)
class Config:
    """Every setting by its key in the file, and strategies' parameters; `path` is the file's."""

    path: Path | None
    settings: dict[str, Setting]
    defaults: Defaults

    def value(self, key: str) -> Any:
        """The value that is in force."""
        return self.settings[key].value

    def chosen(self, key: str) -> Any:
        """The value, or None where it is the one that is built in."""
        return None if self.settings[key].source == "built in" else self.value(key)

    def one_symbol(self) -> str:
        """The symbol of a command that takes one; several raise a `UsageError`."""
        symbols, where = self.value("symbol"), self.settings["symbol"].where
        if len(symbols) > 1:
            named = f"{where} names {', '.join(symbols)}"
            raise UsageError(f"{named}, and one stock is taken here. Choose it with --symbol.")
        return str(symbols[0])


def read_config(options: dict[str, Any] | None = None, start: Path | None = None) -> Config:
    """Find every setting, from options by key and in the workspace around `start`.

    Several values are a tuple; a folder that nothing names is None. UsageError where the file
    cannot be read, has an unknown key, or a value is not allowed.
    """
    around = (start or Path.cwd()).resolve()
    root = next((one for one in (around, *around.parents) if _is_workspace(one)), None)
    path = root / FILE if root and (root / FILE).is_file() else None
    stated, tables = _read_file(path) if path else ({}, {})
    used = options or {}
    settings = {key: _find(key, used.get(key), stated.get(key), root) for key in _TABLE}
    strict = path is not None and settings["folders.strategies"].source in ("file", "built in")
    return Config(path, settings, Defaults(path, tables, strict))


def _is_workspace(folder: Path) -> bool:
    has_both = (folder / "strategies").is_dir() and (folder / "data").is_dir()
    return has_both or (folder / FILE).is_file()


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not readable TOML: {error}.") from None
    strategies, folders = stated.pop("strategies", {}), stated.pop("folders", {})
    tables = {"strategies": strategies, "folders": folders}
    if isinstance(strategies, dict):
        tables |= {f"strategies.{name}": table for name, table in strategies.items()}
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {key} is {table!r}. Write a table, under the line [{key}].")
    stated |= {f"folders.{name}": value for name, value in folders.items()}
    for key in stated:
        if key not in _TABLE:
            raise unknown(f"setting in {path}:", key, [*_TABLE, "strategies"])
    return stated, strategies


def _find(key: str, option: Any, stated: Any, root: Path | None) -> Setting:
    """The setting that goes first; paths begin at the working folder or at the workspace."""
    kind, built_in, name, allowed, separator = _TABLE[key]
    variable, here = f"BACKTEST_{key.removeprefix('folders.').upper()}", Path()
    ranked = (
        ("option", name, None if isinstance(option, list) and not option else option, here),
        ("environment", variable, _parse(os.environ.get(variable, ""), kind, separator), here),
        ("file", str(root and root / FILE), stated, root),
        ("built in", "", built_in, root),
    )
    source, where, value, base = next(way for way in ranked if way[2] is not None)
    if base is None and kind == "folder":
        return Setting(key, None)
    several = value if separator and isinstance(value, list | tuple) else [value]
    values = tuple(dict.fromkeys(_value(kind, one, base or here) for one in several))
    if not values or None in values:
        at = f"{where}: {key}" if source == "file" else where
        raise UsageError(f"{at} is {value!r}. Allowed: {allowed}.")
    return Setting(key, values if separator else values[0], source, where)


def _parse(text: str, kind: str, separator: str) -> object:
    """What the file would state in place of a variable's text; None where that is empty."""
    if separator:
        return [part.strip() for part in text.split(separator) if part.strip()] or None
    with suppress(ValueError):
        return float(text) if kind == "dollars" else text or None
    return text or None


def _value(kind: str, stated: Any, base: Path) -> str | float | Path | None:
    if kind == "dollars":
        is_number = isinstance(stated, Real) and not isinstance(stated, bool)
        return float(stated) if is_number and 0 < stated <= sys.float_info.max else None
    text = str(stated) if isinstance(stated, str | Path) else ""
    is_path = kind == "folder" or (kind == "costs" and text.endswith(".toml"))
    if not is_path or not text.strip():
        return text if text.strip() else None
    with suppress(RuntimeError, ValueError):  # no such user; a character that no path has
        path = (base / Path(text).expanduser()).resolve()
        return path if kind == "folder" else str(path)
    return None


@dataclass(frozen=True)
class Workspace:
    """The folders that a command works with."""

    strategies: Path  # to which new ones go
    data: Path
    reports: Path
    more: tuple[Path, ...] = ()  # of strategies
    defaults: Defaults = field(default_factory=Defaults)


def find_workspace(
    strategies: Path | Sequence[Path] | None = None,
    data: Path | None = None,
    reports: Path | None = None,
    start: Path | None = None,
) -> Workspace:
    """Take the folders that are named and find the others: see `read_config`.

    The search upwards begins at `start`, by default the working folder. UsageError where a folder
    that is named is not there, none was found, or `backtest.toml` is wrong.
    """
    options = {"strategies": strategies, "data": data, "reports": reports}
    config = read_config({f"folders.{name}": one for name, one in options.items()}, start)
    first, *more = (_existing(config, "strategies", one) for one in _named(config, "strategies"))
    return Workspace(
        strategies=first,
        data=_existing(config, "data", _named(config, "data")),
        reports=_named(config, "reports"),
        more=tuple(more),
        defaults=config.defaults,
    )


def workspace_of_worker() -> Workspace:
    """The folders of a worker: it writes nothing, so reports may be nowhere.

    Its work says all that decides the result, so that no defaults of a file count.
    """
    return replace(find_workspace(reports=Path("reports")), defaults=Defaults())


def find_reports(reports: Path | None = None) -> Path:
    """The reports folder that is named, or else of the workspace, as of `find_workspace`."""
    found: Path = _named(read_config({"folders.reports": reports}), "reports")
    return found


def find_data(data: Path | None = None) -> Path:
    """The data folder that is named, or else of the workspace, as of `find_workspace`."""
    config = read_config({"folders.data": data})
    return _existing(config, "data", _named(config, "data"))


def _existing(config: Config, name: str, folder: Path) -> Path:
    if not folder.is_dir():
        setting = config.settings[f"folders.{name}"]
        named = f" It is named in {setting.where}." if setting.source == "file" else ""
        raise UsageError(
            f"The {name} folder {folder} is not there.{named} Point --{name} or "
            f"BACKTEST_{name.upper()} to a folder that exists."
        )
    return folder


def _named(config: Config, name: str) -> Any:
    found = config.value(f"folders.{name}")
    if found is None:
        raise UsageError(
            f"No folder with strategies/ and data/ was found from {Path.cwd()} upwards, nor a "
            f"{FILE}. Make a workspace with `backtest init FOLDER`, work inside one, or give "
            f"{'--out' if name == 'reports' else f'--{name}'} (or set BACKTEST_{name.upper()})."
        )
    return found


# A new workspace: its parts in a folder, whole or not at all

PARTS = ("strategies", "data", "reports", "backtest.toml")
_NEW = "workspace"  # what its parts stand in, hidden, until they are whole
_PACKAGE = Path(__file__).parents[1]
_UNSEEN = shutil.ignore_patterns("__pycache__", ".*.lock", ".*.next")


def make_workspace(folder: Path) -> Path:
    """Write the strategies and the data that ship, an empty reports folder and settings.

    The folder, of which the absolute path comes back, may hold anything but these four parts.
    UsageError where it has one of them, or cannot be written; nothing was changed then.
    """
    folder = folder.expanduser().resolve()
    begun = _begun(folder)
    there = [part for part in PARTS if os.path.lexists(folder / part)]  # a dead link too
    if there and not (begun and all(not (begun / part).exists() for part in there)):
        raise UsageError(
            f"{folder} has {', '.join(there)} already; nothing was written. Choose another folder."
        )
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    moved: list[Path] = []
    try:
        with unfinished(folder / _NEW, Path.mkdir) as beside:
            if begun:
                begun.replace(beside)
            else:
                _fill(beside)
            for part in PARTS:
                if part not in there:
                    (beside / part).rename(folder / part)
                    moved.append(folder / part)  # what another has put there meanwhile is not ours
    except BaseException as error:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if missing:
            shutil.rmtree(missing[-1], ignore_errors=True)
        if isinstance(error, OSError):
            raise UsageError(
                f"{folder} cannot be written: {error.strerror or error}. Choose another folder."
            ) from None
        raise
    clear_unfinished(folder, _NEW)
    return folder


def _begun(folder: Path) -> Path | None:
    """What a killed process had written whole and not moved to its place: settings come last."""
    with suppress(OSError):
        for file in folder.glob(f".{_NEW}.*/{FILE}"):
            if is_left(file.parent):
                return file.parent
    return None


def _fill(folder: Path) -> None:
    embedded = _PACKAGE / "embedded"
    # what ships is in the wheel, or else in the checkout
    shipped = embedded if (embedded / "data").is_dir() else _PACKAGE.parents[1]
    for part in ("strategies", "data"):
        shutil.copytree(
            shipped / part, folder / part, ignore=_UNSEEN, copy_function=shutil.copyfile
        )
    (folder / "reports").mkdir()
    shutil.copyfile(embedded / "backtest.toml", folder / "backtest.toml")
