"""Write pages: all have one look, escape every text, and run no script but their own."""

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

# Plotly's smallest bundle that has the charts of the pages: a third of the whole, and read in a
# third of the time. The README beside it says where it comes from.
PLOTLY = Path(__file__).parent / "plotly" / "plotly-cartesian-4.1.1.min.js"

_SIGNS = re.compile(r"([\\`*_\[\]<>|~$&])")
_CALLS = re.compile(r"([@#])(?=\w)")  # what would notify a person, or link to an issue
_IN_ADDRESSES = ":/?#[]@!$&'*+,;=%~"
_NO_WIDTH = "\u200b"
_TEXTS = (".txt", ".md")  # templates of texts, in which nothing is escaped
_FILTERS = (
    "count", "counted", "effect", "few", "fine", "gain", "new_york_day", "new_york_time", "p_value",
    "percent", "price", "probability", "ratio", "share",
)  # fmt: skip


def store_plotly(reports: Path) -> Path:
    """Put plotly's script into a reports folder, if it is not there whole; return its path."""
    script, stored = PLOTLY.read_bytes(), reports / "assets" / PLOTLY.name
    if not stored.is_file() or stored.read_bytes() != script:
        write_text(stored, script.decode("utf-8"))
    return stored


_SCRIPT = re.compile(r'(<script nonce="[0-9a-f]+") src="([^"]+)"></script>')
_NAVIGATION = re.compile(r"<nav\b.*?</nav>\n?", re.DOTALL)
_LINK_BESIDE = re.compile(r'<a\b[^>]*? href="(?!https?://|#)[^"]*"[^>]*>(.*?)</a>', re.DOTALL)


def single_file(page: Path) -> str:
    """Return the text of a page of `write_page` as one that needs no other file.

    The navigation is left out, and links to other files become plain text. The script keeps its
    nonce, so that the page's content security policy lets it run, and no other.
    """

    def inlined(tag: re.Match[str]) -> str:
        script = (page.parent / unquote(tag[2])).read_text(encoding="utf-8")
        script = script.replace("</script", r"<\/script")  # nothing in it may end it
        return f"{tag[1]}>{script}</script>"

    text = _NAVIGATION.sub("", page.read_text(encoding="utf-8"), count=1)
    return _SCRIPT.sub(inlined, _LINK_BESIDE.sub(r"\1", text))


def write_page(
    page: Path, reports: Path, template: str, *, data: Any = None, **content: Any
) -> Path:
    """Write a page in or below the reports folder from a template; return its path.

    `data` is what its charts draw, ready for JSON; a page without charts (None) needs no plotly.
    Raises UsageError where a folder cannot be written.
    """
    from markupsafe import Markup

    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    content |= {
        "plotly": None if data is None else _address(store_plotly(reports), page.parent),
        "root": f"{_address(reports, page.parent)}/",
        "data": Markup(text.replace("<", "\\u003c")),  # noqa: S704 - no tag can begin in it
    }
    # The same page has the same nonce, and the author of a headline cannot know it.
    whole = fill(template, nonce="", **content)
    nonce = hashlib.sha256(whole.encode()).hexdigest()[:32]
    write_text(page, fill(template, nonce=nonce, **content))
    return page


def fill(template: str, **content: Any) -> str:
    """Fill in a template of `templates/`; a name that is missing in `content` is an error."""
    return _templates().get_template(template).render(content)


def sentences(template: str, **content: Any) -> list[tuple[str, str]]:
    """Return the headings and sentences that a template sets; empty sentences are left out."""
    module: Any = _templates().get_template(template).make_module(content)
    pairs = ((heading, " ".join(text.split())) for heading, text in module.sentences)
    return [(heading, line) for heading, line in pairs if line]


@cache
def _templates() -> Environment:
    """Return the templates; each is compiled once on a machine, for that is slower than filling."""
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
    """Return a text for a page in which the first of each word of the glossary is explained."""
    from markupsafe import Markup, escape

    pattern, meanings = _glossary()
    left = set(meanings)

    def word(match: re.Match[str]) -> str:
        name = match[0].lower()
        if name not in left:
            return match[0]
        left.discard(name)
        return f'<abbr tabindex="0" title="{meanings[name]}">{match[0]}</abbr>'

    return Markup(pattern.sub(word, str(escape(text))))  # noqa: S704 - it is escaped before


@cache
def _glossary() -> tuple[re.Pattern[str], dict[str, str]]:
    """Return a pattern of the words in `glossary.txt`, and their meanings by word in lower case."""
    from markupsafe import escape

    lines = fill("glossary.txt").splitlines()
    texts = dict(line.split(": ", 1) for line in lines)
    words = sorted(texts, key=len, reverse=True)  # `random timing` before a word within it
    either = [f"[{word[0].upper()}{word[0].lower()}]{re.escape(word[1:])}" for word in words]
    pattern = re.compile(rf"\b(?:{'|'.join(either)})\b")
    return pattern, {word.lower(): str(escape(text)) for word, text in texts.items()}


def in_markdown(text: str) -> str:
    """Return a text as one line in which Markdown finds no markup, no user and no issue number."""
    line = _SIGNS.sub(r"\\\1", " ".join(text.split()))
    return _CALLS.sub(rf"\1{_NO_WIDTH}", line)


def _address(path: Path, start: Path) -> str:
    return quote(PurePath(os.path.relpath(path, start)).as_posix())
