"""Write the generated pages: the reference of commands, and the tutorial with its outputs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from docs.tools.commands import commands_page
from docs.tools.notebook import as_page, executed, read_notebook, write_notebook

DOCS = Path(__file__).parents[1]
NOTEBOOK = DOCS / "tutorial.ipynb"
ABOUT = (
    "This page is the notebook `docs/tutorial.ipynb` ([download](tutorial.ipynb)), with the "
    "outputs of its cells."
)


def generated() -> dict[Path, str]:
    """Return the pages that are made from code, or from the notebook as it is, by path."""
    return {
        DOCS / "reference" / "commands.md": commands_page(),
        DOCS / "tutorial.md": as_page(read_notebook(NOTEBOOK), ABOUT),
    }


def main() -> None:
    """Run the notebook and write every generated page."""
    with tempfile.TemporaryDirectory() as reports:
        os.environ["BACKTEST_REPORTS"] = reports
        write_notebook(NOTEBOOK, executed(read_notebook(NOTEBOOK)))
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
