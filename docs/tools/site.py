"""Lead links that leave `docs/` to pages of the site, or make them plain text, as a hook of it."""

from __future__ import annotations

import re
from typing import Any

# Files outside that have a page on the site.
_PAGES = {"../data/README.md": "dictionary.md", "../README.md": "index.md"}
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)#]*)(#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replace the links of a page by links to pages of the site, or by plain text."""
    return markdown if "/" in page.file.src_uri else _LINK.sub(_on_site, markdown)


def _on_site(link: re.Match[str]) -> str:
    text, place, anchor = link.groups(default="")
    known = _PAGES.get(place)
    return f"[{text}]({known}{anchor})" if known else f"`{place.removeprefix('../')}`"
