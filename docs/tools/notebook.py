"""Run the notebook cell by cell in this process, and show it as a page."""

from __future__ import annotations

import ast
import io
import json
import linecache
import sys
from contextlib import redirect_stdout
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path

Notebook = dict[str, Any]
_WIDTH = 80  # as in a notebook


def read_notebook(path: Path) -> Notebook:
    """Read the notebook in a file."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def write_notebook(path: Path, notebook: Notebook) -> None:
    """Write a notebook as Jupyter does."""
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def executed(notebook: Notebook) -> Notebook:
    """Return the notebook with the outputs of its cells, run in order.

    A cell may print, and may end with an expression, which is shown. Magics are not supported.
    """
    module = ModuleType("notebook")
    sys.modules[module.__name__] = module  # where Backtrader looks for the module of a class
    cells, count = [], 0
    try:
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                count += 1
                outputs = _run("".join(cell["source"]), count, vars(module))
                cells.append({**cell, "execution_count": count, "outputs": outputs})
            else:
                cells.append(cell)
    finally:
        del sys.modules[module.__name__]
    return {**notebook, "cells": cells}


def _run(source: str, count: int, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a cell, and return what it printed and its last value, as Jupyter records them."""
    name = f"<cell {count}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    body = ast.parse(source, name).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    wide = ("display.width", _WIDTH, "display.max_columns", 20)
    with redirect_stdout(printed), pd.option_context(*wide):
        exec(compile(ast.Module(body, []), name, "exec"), names)  # noqa: S102 - our own cells
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), names)  # noqa: S307
        shown = [] if value is None else [_shown(value, count)]
    if text := printed.getvalue():
        shown.insert(0, {"name": "stdout", "output_type": "stream", "text": _lines(text)})
    return shown


def _shown(value: object, count: int) -> dict[str, Any]:
    data = {"text/plain": _lines(repr(value))}
    if isinstance(value, pd.DataFrame):
        data = {"text/html": _lines(value.to_html(border=0)), **data}
    return {
        "data": data,
        "execution_count": count,
        "metadata": {},
        "output_type": "execute_result",
    }


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def as_page(notebook: Notebook, about: str) -> str:
    """Return the notebook as Markdown: its texts, its code and its outputs.

    Args:
        notebook: the notebook with its outputs.
        about: text below the title.

    """
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        else:
            parts.append(f"```python\n{source}\n```")
            parts += [_output(output) for output in cell["outputs"]]
    title, _, rest = "\n\n".join(parts).partition("\n\n")
    return f"{title}\n\n{about}\n\n{rest}\n"


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "text/html" in data:
        return "".join(data["text/html"]).replace(' class="dataframe"', "")
    text = "".join(output["text"] if "text" in output else data["text/plain"])
    return f'```text title="Output"\n{text.rstrip()}\n```'
