"""Writing pages: one look, every text escaped, and a script that no other page can slip in."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from backtest.reports.assets import store_plotly
from backtest.workspace.files import write_text

if TYPE_CHECKING:
    from pathlib import Path


def write_page(
    page: Path, reports: Path, template: str, *, data: Any = None, **content: Any
) -> Path:
    """Write a page and return its place.

    Args:
        page: the file, in the reports folder or in a folder of it.
        reports: the reports folder, in whose `assets` the script of the charts is kept.
        template: a file in `templates/` that extends `base.html`.
        data: what the charts of the page draw, ready for JSON; None for a page without charts.
        content: what the template names.

    Raises:
        UsageError: a folder cannot be written.

    """
    plotly = None if data is None else _address(store_plotly(reports), page.parent)
    root = _address(reports, page.parent)
    write_text(page, render(template, data=data, plotly=plotly, root=f"{root}/", **content))
    return page


def render(
    template: str, *, data: Any = None, plotly: str | None = None, root: str, **content: Any
) -> str:
    """A page as HTML.

    Args:
        template: a file in `templates/` that extends `base.html`.
        data: as for `write_page`.
        plotly: the address of plotly's script, relative to the page; None without charts.
        root: the address of the reports folder, likewise, with a slash at its end.
        content: what the template names.

    """
    from markupsafe import Markup

    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    content |= {
        "plotly": plotly,
        "root": root,
        "data": Markup(text.replace("<", "\\u003c")),  # noqa: S704 - no tag can begin in it
    }
    # The same page has the same nonce, and nobody who writes a headline can know it.
    whole = fill(template, nonce="", **content)
    return fill(template, nonce=hashlib.sha256(whole.encode()).hexdigest()[:32], **content)


def fill(template: str, **content: Any) -> str:
    """A text from a file in `templates/`; a name that is not given is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("backtest.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(content)


def _address(place: Path, start: Path) -> str:
    return quote(PurePath(os.path.relpath(place, start)).as_posix())
