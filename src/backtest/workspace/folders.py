"""Find the folders of a workspace, read its settings, and make a new one.

A setting comes from an option, else the environment, else `backtest.toml`, else it is built in.
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
from backtest.workspace.files import clear_unfinished, is_abandoned, temporary_path

FILE = "backtest.toml"

# By key: the kind, the built-in value, the option, what is allowed, the separator of several values
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
    """A setting is a value with its `source`: `option`, `environment`, `file` or `built in`.

    `where` names the option, the variable or the file.
    """

    key: str
    value: Any
    source: str = "built in"
    where: str = ""


@dataclass(frozen=True)
class Defaults:
    """`Defaults` are a file's parameters by strategy; if `strict`, each strategy must exist."""

    path: Path | None = None
    tables: dict[str, dict[str, Any]] = field(default_factory=dict, hash=False)
    strict: bool = False


@dataclass(frozen=True)
class Config:
    """`Config` holds every setting by its key, and strategies' parameters; `path` is the file's."""

    path: Path | None
    settings: dict[str, Setting]
    defaults: Defaults

    def value(self, key: str) -> Any:
        """Return the value in force."""
        return self.settings[key].value

    def chosen(self, key: str) -> Any:
        """Return the value, or None where it is only the built-in one."""
        return None if self.settings[key].source == "built in" else self.value(key)

    def one_symbol(self) -> str:
        """Return the symbol for a command that takes one; raise UsageError where there are more."""
        symbols, where = self.value("symbol"), self.settings["symbol"].where
        if len(symbols) > 1:
            named = f"{where} names {', '.join(symbols)}"
            raise UsageError(f"{named}, and one stock is taken here. Choose it with --symbol.")
        return str(symbols[0])


def read_config(options: dict[str, Any] | None = None, start: Path | None = None) -> Config:
    """Find every setting, from options by key and in the workspace around `start`.

    Symbols and strategies' folders are tuples; a folder that nothing names is None. Raise
    UsageError where the file cannot be read or has an unknown key, or a value is not allowed.
    """
    origin = (start or Path.cwd()).resolve()
    root = next((folder for folder in (origin, *origin.parents) if _is_workspace(folder)), None)
    path = root / FILE if root and (root / FILE).is_file() else None
    values, tables = _read_file(path) if path else ({}, {})
    options = options or {}
    settings = {key: _find(key, options.get(key), values.get(key), root) for key in _TABLE}
    strict = path is not None and settings["folders.strategies"].source in ("file", "built in")
    return Config(path, settings, Defaults(path, tables, strict))


def _is_workspace(folder: Path) -> bool:
    has_both = (folder / "strategies").is_dir() and (folder / "data").is_dir()
    return has_both or (folder / FILE).is_file()


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the settings by key, and the tables of parameters by strategy."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not readable TOML: {error}.") from None
    strategies, folders = values.pop("strategies", {}), values.pop("folders", {})
    tables = {"strategies": strategies, "folders": folders}
    if isinstance(strategies, dict):
        tables |= {f"strategies.{name}": table for name, table in strategies.items()}
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {key} is {table!r}. Write a table, under the line [{key}].")
    values |= {f"folders.{name}": value for name, value in folders.items()}
    for key in values:
        if key not in _TABLE:
            raise unknown(f"setting in {path}:", key, [*_TABLE, "strategies"])
    return values, strategies


def _find(key: str, option: Any, in_file: Any, root: Path | None) -> Setting:
    """Find the setting that takes precedence; paths start at the working folder or at `root`."""
    kind, built_in, name, allowed, separator = _TABLE[key]
    variable, here = f"BACKTEST_{key.removeprefix('folders.').upper()}", Path()
    ranked = (
        ("option", name, None if isinstance(option, list) and not option else option, here),
        ("environment", variable, _parse(os.environ.get(variable, ""), kind, separator), here),
        ("file", str(root and root / FILE), in_file, root),
        ("built in", "", built_in, root),
    )
    source, where, value, base = next(entry for entry in ranked if entry[2] is not None)
    if base is None and kind == "folder":
        return Setting(key, None)
    parts = value if separator and isinstance(value, list | tuple) else [value]
    values = tuple(dict.fromkeys(_value(kind, part, base or here) for part in parts))
    if not values or None in values:
        at = f"{where}: {key}" if source == "file" else where
        raise UsageError(f"{at} is {value!r}. Allowed: {allowed}.")
    return Setting(key, values if separator else values[0], source, where)


def _parse(text: str, kind: str, separator: str) -> object:
    """Turn a variable's text into the value that the file would have; None where it is empty."""
    if separator:
        return [part.strip() for part in text.split(separator) if part.strip()] or None
    with suppress(ValueError):
        return float(text) if kind == "dollars" else text or None
    return text or None


def _value(kind: str, raw: Any, base: Path) -> str | float | Path | None:
    """Read a value as its kind; None where it is not allowed."""
    if kind == "dollars":
        is_number = isinstance(raw, Real) and not isinstance(raw, bool)
        return float(raw) if is_number and 0 < raw <= sys.float_info.max else None
    text = str(raw) if isinstance(raw, str | Path) else ""
    is_path = kind == "folder" or (kind == "costs" and text.endswith(".toml"))
    if not is_path or not text.strip():
        return text if text.strip() else None
    with suppress(RuntimeError, ValueError):  # no such user; a character that no path has
        path = (base / Path(text).expanduser()).resolve()
        return path if kind == "folder" else str(path)
    return None


@dataclass(frozen=True)
class Workspace:
    """A workspace holds the folders that a command works with."""

    strategies: Path  # to which new strategies are written
    data: Path
    reports: Path
    more: tuple[Path, ...] = ()  # further folders of strategies
    defaults: Defaults = field(default_factory=Defaults)


def find_workspace(
    strategies: Path | Sequence[Path] | None = None,
    data: Path | None = None,
    reports: Path | None = None,
    start: Path | None = None,
) -> Workspace:
    """Take the folders that are named and find the others, as `read_config` does.

    The search upwards begins at `start`, by default the working folder. Raise UsageError where a
    folder that is named does not exist, none is found, or `backtest.toml` is wrong.
    """
    options = {"strategies": strategies, "data": data, "reports": reports}
    config = read_config({f"folders.{name}": path for name, path in options.items()}, start)
    first, *more = (_existing(config, "strategies", path) for path in _folder(config, "strategies"))
    data_folder = _existing(config, "data", _folder(config, "data"))
    return Workspace(first, data_folder, _folder(config, "reports"), tuple(more), config.defaults)


def workspace_of_worker() -> Workspace:
    """Find the folders of a worker, which writes nothing, so that reports need not exist.

    A worker's job names all that decides the result, so that no defaults of a file count.
    """
    return replace(find_workspace(reports=Path("reports")), defaults=Defaults())


def find_reports(reports: Path | None = None) -> Path:
    """Return the reports folder that is named, or else the workspace's; see `find_workspace`."""
    folder: Path = _folder(read_config({"folders.reports": reports}), "reports")
    return folder


def find_data(data: Path | None = None) -> Path:
    """Return the data folder that is named, or else the workspace's; see `find_workspace`."""
    config = read_config({"folders.data": data})
    return _existing(config, "data", _folder(config, "data"))


def _existing(config: Config, name: str, folder: Path) -> Path:
    if not folder.is_dir():
        setting = config.settings[f"folders.{name}"]
        origin = f" It is named in {setting.where}." if setting.source == "file" else ""
        raise UsageError(
            f"The {name} folder {folder} is not there.{origin} Point --{name} or "
            f"BACKTEST_{name.upper()} to a folder that exists."
        )
    return folder


def _folder(config: Config, name: str) -> Any:
    folder = config.value(f"folders.{name}")
    if folder is None:
        raise UsageError(
            f"No folder with strategies/ and data/ was found from {Path.cwd()} upwards, nor a "
            f"{FILE}. Make a workspace with `backtest init FOLDER`, work inside one, or give "
            f"{'--out' if name == 'reports' else f'--{name}'} (or set BACKTEST_{name.upper()})."
        )
    return folder


# A new workspace

PARTS = ("strategies", "data", "reports", FILE)
_NEW = "workspace"  # the hidden folder of its parts until they are complete
_PACKAGE = Path(__file__).parents[1]
_UNSEEN = shutil.ignore_patterns("__pycache__", ".*.lock", ".*.next")


def make_workspace(folder: Path) -> Path:
    """Write the strategies and data that ship, an empty reports folder and settings.

    Return the folder's absolute path. It may hold anything but these four parts: raise UsageError
    where it has one of them, or cannot be written; nothing has changed then.
    """
    try:
        folder = folder.expanduser().resolve()
    except RuntimeError as error:  # no such user, or links in a circle
        fault = str(error).rstrip(".")
        raise UsageError(f"{folder} cannot be written: {fault}. Choose another folder.") from None
    begun = _begun(folder)
    present = [part for part in PARTS if os.path.lexists(folder / part)]  # a dead link too
    if present and not (begun and all(not (begun / part).exists() for part in present)):
        names = ", ".join(present)
        raise UsageError(
            f"{folder} has {names} already; nothing was written. Choose another folder."
        )
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    moved: list[Path] = []
    try:
        with temporary_path(folder / _NEW, Path.mkdir) as temporary:
            if begun:
                begun.replace(temporary)
            else:
                _fill(temporary)
            for part in PARTS:
                if part not in present:
                    (temporary / part).rename(folder / part)
                    moved.append(folder / part)  # only what is ours may be removed again
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
    """Find what a killed process had completed but not moved: its settings are written last."""
    with suppress(OSError):
        for file in folder.glob(f".{_NEW}.*/{FILE}"):
            if is_abandoned(file.parent):
                return file.parent
    return None


def _fill(folder: Path) -> None:
    embedded = _PACKAGE / "embedded"
    # The wheel holds what ships; without a wheel the checkout does.
    shipped = embedded if (embedded / "data").is_dir() else _PACKAGE.parents[1]
    for part in ("strategies", "data"):
        shutil.copytree(
            shipped / part, folder / part, ignore=_UNSEEN, copy_function=shutil.copyfile
        )
    (folder / "reports").mkdir()
    shutil.copyfile(embedded / FILE, folder / FILE)
