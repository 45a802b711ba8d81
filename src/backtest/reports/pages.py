"""Filling a page's template: every text is escaped, and a name that is not given is an error."""

from __future__ import annotations

from typing import Any


def fill(template: str, **content: Any) -> str:
    """A page as HTML, from a file in `templates/`."""
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
