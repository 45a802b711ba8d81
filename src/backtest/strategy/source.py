"""A strategy and the file of its source, whose hash tells what it does."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class StrategyFile:
    """A strategy, its name and the file that it was loaded from."""

    name: str
    path: Path
    cls: type[Any]  # a subclass of `Strategy` or of `EventStrategy`
    package: Path | None = None  # that is installed and that it is part of: a folder or a file
    defaults: Mapping[str, Any] = field(default_factory=dict)  # go before those of the class
    defaults_in: Path | None = None  # the file that sets them

    def source_sha256(self) -> str:
        """Hash of what the file does and what it imports: its neighbours, or its package.

        Comments, docstrings and the form of the text do not count, nor where the files are.
        """
        base = (self.package or self.path).parent
        paths = sorted(_sources_in(self.package) if self.package else _sources(self.path))
        return sha256_of([[p.relative_to(base).as_posix(), syntax(p.read_bytes())] for p in paths])


def _module_files(folder: Path, module: str) -> list[Path]:
    path = folder.joinpath(*module.split("."))
    packages = [parent / "__init__.py" for parent in (path, *path.parents) if parent != folder]
    return [path.with_suffix(".py"), *(file for file in packages if file.exists())]


def syntax(source: str | bytes) -> Any:
    """The syntax tree of a source without its docstrings, the same in every Python."""
    return _plain_tree(ast.parse(source))


def _plain_tree(node: Any) -> Any:
    """A part of a syntax tree as JSON knows it; fields that are empty are left out."""
    if isinstance(node, ast.AST):
        fields = {name: _plain_tree(value) for name, value in ast.iter_fields(node)}
        return {"": type(node).__name__, **{n: v for n, v in fields.items() if v not in (None, [])}}
    if isinstance(node, list):
        return [_plain_tree(one) for one in node if not _is_docstring(one)]
    return None if node is None else repr(node)


def _is_docstring(node: Any) -> bool:
    """Whether it is a text that stands alone, which does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _sources_in(package: Path) -> list[Path]:
    return [*package.rglob("*.py")] if package.is_dir() else [package]


def _sources(path: Path) -> set[Path]:
    """The file and, through relative imports, its neighbours."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        source = waiting.pop()
        if source in found or not source.exists():
            continue
        found.add(source)
        for node in ast.walk(ast.parse(source.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.level:
                folder = source.parents[node.level - 1]
                names = [node.module] if node.module else [alias.name for alias in node.names]
                for name in names:
                    waiting += _module_files(folder, str(name))
    return found
