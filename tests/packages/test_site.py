"""The documentation site: built as `make docs` does, and what is generated is up to date."""

import os
import re
import subprocess
import sys

import pytest

from backtest.cli.main import INTERRUPTED
from backtest.errors import BacktestError
from docs.tools.__main__ import NOTEBOOK, generated
from docs.tools.commands import commands_page
from docs.tools.notebook import executed, read_notebook
from tests.golden.goldens import ROOT

MEND = "call `make docs`, and look at what changed"


@pytest.mark.parametrize(
    ("path", "text"), generated().items(), ids=lambda one: getattr(one, "name", "")
)
def test_generated_pages_are_up_to_date(path, text):
    assert path.read_text(encoding="utf-8") == text, f"{path} is old: {MEND}"


def test_the_reference_of_commands_has_no_word_that_a_browser_takes_for_a_tag():
    assert set(re.findall(r"</?(\w+)[^>]*>", commands_page())) == {"code"}


def test_the_reference_of_commands_tells_every_exit_code():
    codes = [*sorted({0, 4, *exit_codes(BacktestError)}), INTERRUPTED]
    assert codes == [0, 1, 2, 3, 4, 5, 130]
    assert re.findall(
        r"(\d+) [a-z]", commands_page().partition("Exit codes: ")[2].partition(".")[0]
    ) == [str(code) for code in codes]


def test_the_runs_that_are_listed_are_chosen_by_a_parameter_and_given_none():
    part = commands_page().partition("\n## backtest list runs\n")[2].partition("\n## ")[0]
    (told,) = re.findall(r"^\| `--set NAME=VALUE` \| (.*) \|$", part, re.MULTILINE)
    assert told.startswith("Runs with ")


def exit_codes(kind):
    return {kind.exit_code}.union(*map(exit_codes, kind.__subclasses__()))


def test_what_a_command_takes_is_named_in_capitals():
    usages = re.findall(r"^`(backtest .*)`$", commands_page(), re.MULTILINE)
    assert [usage for usage in usages if re.search(r"[\[{][a-z]+[\]}]", usage)] == []


@pytest.mark.slow
@pytest.mark.usefixtures("_compiled")
def test_the_notebook_gives_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT / "docs")
    monkeypatch.setenv("BACKTEST_REPORTS", str(tmp_path))
    notebook = read_notebook(NOTEBOOK)
    again = executed(notebook)
    for kept, found in zip(notebook["cells"], again["cells"], strict=True):
        assert found == kept, MEND


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it, with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_on_the_site(site):
    sources = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    assert [path for path in sources if not (site / path.with_suffix(".html")).exists()] == []
    assert not list(site.rglob("*.py"))


@pytest.mark.slow
def test_the_site_asks_no_other_address_for_anything(site):
    fetched = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"((?:https?:)?//[^\"]*)"
        r"|<link\b[^>]*\bhref=\"((?:https?:)?//[^\"]*)"
        r"|(?:url\(|@import )[\"']?((?:https?:)?//[^\"')]*)"
    )
    files = [path for kind in ("html", "css") for path in site.rglob(f"*.{kind}")]
    assert len(files) > 20
    assert [
        f"{path}: {found}" for path in files for found in fetched.findall(path.read_text("utf-8"))
    ] == []


@pytest.mark.slow
def test_the_reference_shows_every_call_with_its_example(site):
    page = re.sub(r"<[^>]+>", "", (site / "reference" / "api.html").read_text(encoding="utf-8"))
    for call in ("run", "compare", "sweep", "study", "load_events"):
        assert re.search(rf"^{call}\(", page, re.MULTILINE)
    assert page.count("&gt;&gt;&gt; found = ") == 5
