"""Writing pages: one look, every text escaped, and a script that no other page can slip in."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from functools import cache, partial
from importlib.metadata import version
from marshal import dumps, loads
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from backtest.stats import formats
from backtest.workspace.files import cached, sha256_of, write_text

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

# Of plotly's bundles the one with the charts that pages have: a third of the whole, and read in
# a third of the time. Where it comes from stands beside it.
PLOTLY = Path(__file__).parent / "plotly" / "plotly-cartesian-4.1.1.min.js"

_SIGNS = re.compile(r"([\\`*_\[\]<>|~$&])")
_CALLS = re.compile(r"([@#])(?=\w)")  # would call a person, or name an issue
_IN_ADDRESSES = ":/?#[]@!$&'*+,;=%~"
_NO_WIDTH = "\u200b"
_TEXTS = (".txt", ".md")  # templates of what is no page: nothing in them is escaped
_FILTERS = (
    "count", "counted", "effect", "few", "fine", "gain", "new_york_day", "new_york_time", "p_value",
    "percent", "price", "probability", "ratio", "share",
)  # fmt: skip


def store_plotly(reports: Path) -> Path:
    """Where the script of plotly lies in a reports folder; it is put there, or mended."""
    script, stored = PLOTLY.read_bytes(), reports / "assets" / PLOTLY.name
    if not stored.is_file() or stored.read_bytes() != script:
        write_text(stored, script.decode("utf-8"))
    return stored


_SCRIPT = re.compile(r'(<script nonce="[0-9a-f]+") src="([^"]+)"></script>')
_NAVIGATION = re.compile(r"<nav\b.*?</nav>\n?", re.DOTALL)
_LINK_BESIDE = re.compile(r'<a\b[^>]*? href="(?!https?://|#)[^"]*"[^>]*>(.*?)</a>', re.DOTALL)


def single_file(page: Path) -> str:
    """The text of a page of `write_page` as one that needs no other file.

    What leads to other pages is left out, and links to other files are plain text. The script
    carries the nonce that it is asked with, so that the page's CSP lets it run, and no other.
    """
    text = _NAVIGATION.sub("", page.read_text(encoding="utf-8"), count=1)
    text = _LINK_BESIDE.sub(r"\1", text)
    return _SCRIPT.sub(lambda asked: f"{asked[1]}>{_script(page, asked[2])}</script>", text)


def _script(page: Path, address: str) -> str:
    script = (page.parent / unquote(address)).read_text(encoding="utf-8")
    return script.replace("</script", r"<\/script")  # nothing in it ends it


def write_page(
    page: Path, reports: Path, template: str, *, data: Any = None, **content: Any
) -> Path:
    """Write a page in or below the reports folder, from a template; return its place.

    `data` is what its charts draw, ready for JSON; None for a page without charts, which needs no
    script. Raises UsageError where a folder cannot be written.
    """
    from markupsafe import Markup

    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    content |= {
        "plotly": None if data is None else _address(store_plotly(reports), page.parent),
        "root": f"{_address(reports, page.parent)}/",
        "data": Markup(text.replace("<", "\\u003c")),  # noqa: S704 - no tag can begin in it
    }
    # The same page has the same nonce, and nobody who writes a headline can know it.
    whole = fill(template, nonce="", **content)
    nonce = hashlib.sha256(whole.encode()).hexdigest()[:32]
    write_text(page, fill(template, nonce=nonce, **content))
    return page


def fill(template: str, **content: Any) -> str:
    """A text from a file in `templates/`; a name that is missing in `content` is an error."""
    return _templates().get_template(template).render(content)


def sentences(template: str, **content: Any) -> list[tuple[str, str]]:
    """The headings and sentences that a file in `templates/` sets; empty ones are left out."""
    found = _templates().get_template(template).make_module(content).sentences  # type: ignore[attr-defined]
    return [(heading, line) for heading, text in found if (line := " ".join(text.split()))]


@cache
def _templates() -> Environment:
    """Each template is compiled once on a machine, which takes longer than to fill it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    decides = [version("jinja2"), sys.version, Path(__file__).read_text(encoding="utf-8")]

    class Kept(Environment):
        def compile(self, source: Any, *where: Any) -> Any:
            name = f"page-{sha256_of([*decides, source, *where])[:32]}"
            code = cached(name, lambda: dumps(Environment.compile(self, source, *where)))
            return loads(code)  # noqa: S302 - the cache is the user's own, like that of Python

    pages = Kept(
        loader=PackageLoader("backtest.reports"),
        autoescape=lambda name: name is None or not name.endswith(_TEXTS),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters |= {name: getattr(formats, name) for name in _FILTERS}
    pages.filters |= {"in_markdown": in_markdown, "in_address": partial(quote, safe=_IN_ADDRESSES)}
    pages.filters["explained"] = explained
    pages.globals["unknown"] = formats.UNKNOWN
    return pages


def explained(text: object) -> Markup:
    """A text for a page in which each word of the glossary has its explanation, once."""
    from markupsafe import Markup, escape

    pattern, meanings = _glossary()
    left = set(meanings)

    def word(found: re.Match[str]) -> str:
        name = found[0].lower()
        if name not in left:
            return found[0]
        left.discard(name)
        return f'<abbr tabindex="0" title="{meanings[name]}">{found[0]}</abbr>'

    return Markup(pattern.sub(word, str(escape(text))))  # noqa: S704 - it is escaped before


@cache
def _glossary() -> tuple[re.Pattern[str], dict[str, str]]:
    """What finds the words of `templates/glossary.txt`, and their meanings by small letters."""
    from markupsafe import escape

    lines = fill("glossary.txt").splitlines()
    texts = dict(line.split(": ", 1) for line in lines)
    words = sorted(texts, key=len, reverse=True)  # `random timing` before a word within it
    either = [f"[{word[0].upper()}{word[0].lower()}]{re.escape(word[1:])}" for word in words]
    pattern = re.compile(rf"\b(?:{'|'.join(either)})\b")
    return pattern, {word.lower(): str(escape(text)) for word, text in texts.items()}


def in_markdown(text: str) -> str:
    """A text in one line in which Markdown finds no sign, no name and no number of an issue."""
    line = _SIGNS.sub(r"\\\1", " ".join(text.split()))
    return _CALLS.sub(rf"\1{_NO_WIDTH}", line)


def _address(place: Path, start: Path) -> str:
    return quote(PurePath(os.path.relpath(place, start)).as_posix())
