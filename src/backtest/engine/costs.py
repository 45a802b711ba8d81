"""Costs from a TOML file: `[figures]` are settings of the rules, `[sources]` says where from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.engine.rules import Rules
from backtest.errors import DataError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_COSTS = {"cash", "reaction_minutes", "max_gross", "maintenance_margin"}
COST_FIELDS = tuple(name for name in Rules.model_fields if name not in _NOT_COSTS)


@dataclass(frozen=True)
class Costs:
    """Settings of the rules by name, and the sources of their figures."""

    name: str
    figures: Mapping[str, Any]
    sources: Mapping[str, str]


def preset_names(folder: Path) -> list[str]:
    """The presets in a folder."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def read_costs(folder: Path, name: str) -> Costs:
    """Read a preset of a folder by name, or a file of one's own.

    Args:
        folder: the folder of presets.
        name: a preset such as `retail`, or the path of a file.

    Raises:
        UsageError: there is neither a preset nor a file of that name, or a figure is unknown.
        DataError: the file is not TOML, or has no figures.

    """
    file = folder / f"{name}.toml" if name in preset_names(folder) else Path(name)
    if not file.is_file():
        raise unknown("file or preset of costs", name, preset_names(folder))
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is not readable TOML: {error}.") from None
    figures = content.get("figures")
    tables = all(isinstance(table, dict) for table in content.values())
    if not isinstance(figures, dict) or not tables or set(content) - {"figures", "sources"}:
        raise DataError(f"{file} must hold a table [figures], and may hold [sources], no other.")
    for figure in figures:
        if figure not in COST_FIELDS:
            raise unknown(f"figure of costs in {file}:", figure, COST_FIELDS)
    sources = {str(key): str(value) for key, value in content.get("sources", {}).items()}
    return Costs(file.stem, figures, sources)
