"""A page as one file, to be sent: the script of its charts within it, no link to what is beside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = re.compile(r'(<script nonce="[0-9a-f]+") src="([^"]+)"></script>')
_NAVIGATION = re.compile(r"<nav\b.*?</nav>\n?", re.DOTALL)
_LINK_BESIDE = re.compile(r'<a\b[^>]*? href="(?!https?://|#)[^"]*"[^>]*>(.*?)</a>', re.DOTALL)


def single_file(page: Path) -> str:
    """The text of a page that needs no other file.

    What leads to other pages is left out, and links to other files are plain text. The script
    carries the nonce that it is asked with, so that the page's CSP lets it run, and no other.

    Args:
        page: a page as `write_page` writes it.

    """
    text = _NAVIGATION.sub("", page.read_text(encoding="utf-8"), count=1)
    text = _LINK_BESIDE.sub(r"\1", text)
    return _SCRIPT.sub(lambda asked: f"{asked[1]}>{_script(page, asked[2])}</script>", text)


def _script(page: Path, address: str) -> str:
    script = (page.parent / unquote(address)).read_text(encoding="utf-8")
    return script.replace("</script", r"<\/script")  # nothing in it ends it
