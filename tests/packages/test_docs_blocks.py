"""Every command and snippet of the documents runs, or says why it is not run."""

import re
import shutil
import tomllib
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
import typer

import backtest
from backtest.cli.main import app
from backtest.errors import MissingDataError
from tests.doc_blocks import PAGES, Block, before_pipe, blocks, matches, mentioned, of_kind
from tests.golden.goldens import ROOT

# As users type them, but for what takes long and has tests of its own.
SHORTER = {
    "run": ("--no-tearsheet",),
    "study --null-world": ("--worlds", "2"),
    "audit": ("--worlds", "5"),
}
SHOWN_ELSEWHERE = ("README.md", "evidence.md", "sweeps.md")  # what they print: by test_docs.py
# Slow commands in a list are not run again where a page shows what they print.
SHOWN = {
    tuple(words)
    for block in of_kind("shown")
    for words in block.commands
    if words[0] in ("audit", "check")
}
RUN = sorted({block.page for kind in ("python", "list", "shown") for block in of_kind(kind)})


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """A workspace with the project's data and a run of every strategy that has its data there."""
    root = tmp_path_factory.mktemp("ran")
    for name in ("data", "strategies"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    folders = {name: root / name for name in ("strategies", "data", "reports")}
    for path in (root / "strategies").glob("[!_]*.py"):
        with suppress(MissingDataError):  # what is hedged on a universe
            backtest.run(path.stem, **folders)
    return root


@pytest.fixture
def workspace(ran, tmp_path):
    """A copy of it."""
    return shutil.copytree(ran, tmp_path / "workspace")


def test_every_block_is_run_or_says_why_not():
    assert [block.name for block in blocks() if not block.kind] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run_in_order(workspace, command, monkeypatch, page):
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("COLUMNS", "92")
    monkeypatch.setenv("BROWSER", "true")
    for block in (block for block in blocks() if block.page == page):
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.kind == "python" and "listens_to" not in block.text:  # else test_docs.py runs it
            run_python(block)
        elif block.kind == "list" or (block.kind == "shown" and page.name not in SHOWN_ELSEWHERE):
            for words in block.commands:
                if block.kind == "shown" or tuple(words) not in SHOWN:
                    run_command(command, block, words)


def run_python(block: Block) -> None:
    names = {"__name__": "snippet"}
    exec(compile(block.text, block.name, "exec"), names)
    for name in [name for name in names if name.startswith("test_")]:
        names[name]()


def run_command(command, block: Block, words: list[str]) -> None:
    line = " ".join(words)
    more = [
        more for start, more in SHORTER.items() if block.kind == "list" and line.startswith(start)
    ]
    outcome = command(*before_pipe(words), *(more[0] if more else ()))
    printed = (outcome.out + outcome.err).replace(str(Path.cwd()), "/home/jo")
    told = f"{block.name}: backtest {line}\n{printed}"
    if block.kind == "shown":
        assert matches(block.text.partition("\n")[2], printed), told
    else:
        assert outcome.code == 0, told


@pytest.mark.parametrize("block", of_kind("toml"), ids=lambda block: block.name)
def test_toml_is_read(block):
    assert tomllib.loads(block.text)


def test_commands_of_the_documents_exist():
    wrong = []
    for page in PAGES:
        typed = [words for block in blocks() if block.page == page for words in block.commands]
        wrong += [
            f"{page.name}: {told}" for words in typed + mentioned(page) if (told := fault(words))
        ]
    assert wrong == []


@cache
def typer_commands():
    """The commands: to build them takes as long as a short run."""
    return typer.main.get_command(app)


def fault(words: list[str]) -> str:
    """What is wrong with the names in a command; empty where nothing is."""
    group, said = typer_commands(), "backtest"
    rest = before_pipe(words)
    while (
        hasattr(group, "commands") and rest and not rest[0].startswith("-") and rest[0] != "COMMAND"
    ):
        if rest[0] not in group.commands:
            return f"{said} has no command {rest[0]}"
        said, group, rest = f"{said} {rest[0]}", group.commands[rest[0]], rest[1:]
    known = {name for one in group.params for name in (*one.opts, *one.secondary_opts)}
    used = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    unknown = used - known - {"--help", "-h"}
    return f"{said} has no option {', '.join(unknown)}" if unknown else ""
