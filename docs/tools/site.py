"""A hook of the site: links that leave `docs/` work in the repository, and are plain text here."""

from __future__ import annotations

import re
from typing import Any

# Files outside that have a page on the site.
_PAGES = {"../data/README.md": "dictionary.md", "../README.md": "index.md"}
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)#]*)(#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead the links of a page to pages of the site, or nowhere."""
    return markdown if "/" in page.file.src_uri else _LINK.sub(_on_site, markdown)


def _on_site(link: re.Match[str]) -> str:
    text, place, anchor = link.groups(default="")
    known = _PAGES.get(place)
    return f"[{text}]({known}{anchor})" if known else f"`{place.removeprefix('../')}`"
