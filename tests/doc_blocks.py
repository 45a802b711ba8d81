"""The fenced blocks of the documents, and the commands in them.

The blocks of a page are one session, from top to bottom. A block is one of
- `python`: run as it stands, as a strategy where it defines one; after `<!-- saved as: FILE -->`
  written to that file, with which the commands that follow work;
- a command after `$` with what it prints, where a line … stands for more;
- a list of commands, each run in turn;
- `toml`: read;
- anything else, marked `<!-- not run: the reason -->` in the line before; its commands are
  checked.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tests.golden.goldens import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GENERATED = ("tutorial.md", "commands.md")  # held equal to what makes them
PAGES = [
    ROOT / "README.md",
    ROOT / "data" / "README.md",
    *(p for p in sorted((ROOT / "docs").rglob("*.md")) if p.name not in GENERATED),
]
_FENCE = re.compile(
    r"(?:<!-- (not run|saved as): ([^\n]+) -->\n)?^```([^\n]*)\n(.*?)\n```$",
    re.DOTALL | re.MULTILINE,
)
_INLINE = re.compile(r"(?<!`)`backtest ([^`]+)`(?!`)")


class Block(NamedTuple):
    """A fenced block.

    Attributes:
        page: the file.
        line: of its fence.
        language: what stands behind the fence.
        text: what is in it.
        reason: why it is not run; empty where it is.
        file: where it is saved; empty where it is not.

    """

    page: Path
    line: int
    language: str
    text: str
    reason: str
    file: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def kind(self) -> str:
        """How it is tested: python, toml, mutants, shown, list, not run; empty for nothing."""
        if self.language in ("python", "toml", "mutants"):
            return "not run" if self.reason else self.language
        if self.language in ("", "console") and not self.reason:
            first = self.text.splitlines()[0]
            if first.startswith("$ backtest "):
                return "shown"
            if all(line.startswith("backtest ") for line in self.text.splitlines() if line):
                return "list"
        return "not run" if self.reason else ""

    @property
    def commands(self) -> list[list[str]]:
        """The words of each `backtest` command in it, without comments and what it is piped to."""
        lines = [line.removeprefix("$ ") for line in self.text.splitlines()]
        return [_words(line) for line in lines if line.startswith("backtest ")]


@cache
def blocks() -> list[Block]:
    """Every fenced block of every page."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for fence in _FENCE.finditer(text):
            mark, told, language, content = fence.groups(default="")
            line = text[: fence.start()].count("\n") + 1
            reason, file = (told if mark == one else "" for one in ("not run", "saved as"))
            found.append(Block(page, line, language.split(" ")[0], content, reason, file))
    return found


def of_kind(kind: str) -> list[Block]:
    """The blocks that are tested in a way."""
    return [block for block in blocks() if block.kind == kind]


def mentioned(page: Path) -> list[list[str]]:
    """The words of each command that stands in the running text of a page."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [_words(f"backtest {' '.join(found.split())}") for found in _INLINE.findall(text)]


def _words(line: str) -> list[str]:
    return shlex.split(line.replace("…", ""), comments=True)[1:]


def matches(shown: str, printed: str) -> bool:
    """Whether a command printed what is shown, where … stands for anything."""
    lines = "\n".join(line.rstrip() for line in printed.splitlines())
    pattern = re.escape(shown).replace(re.escape("\n…"), ".*").replace("…", ".*?")
    return re.search(pattern, lines, re.DOTALL) is not None


def before_pipe(words: list[str]) -> list[str]:
    """The words of a command, without what its output is handed to."""
    return words[: words.index("|")] if "|" in words else words
