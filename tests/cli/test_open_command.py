"""`backtest open`: which page is shown, what is drawn first, and where there is no browser."""

import shlex
import subprocess
import sys
import webbrowser

import pytest

from tests.commands import BAD_DATA, WRONG_USE, fails


@pytest.fixture
def opened(monkeypatch):
    """The addresses that a browser was asked for."""
    addresses = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(addresses.append(url)) or True)
    return addresses


@pytest.fixture
def folder(run_made_up, checkout):
    """The folder of a run of `beats`."""
    assert run_made_up("beats").code == 0
    (path,) = (checkout.root / "reports").glob("beats-*")
    return path


def shows(outcome, opened, page):
    assert (outcome.code, outcome.out) == (0, f"{page}\n")
    assert outcome.err == ("INDX\n" if (page.parent / "run.json").exists() else "")
    assert opened == [page.as_uri()]
    assert page.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [[], ["index"]], ids=["nothing", "index"])
def test_the_index_is_shown_as_of_now(folder, command, opened, checkout, words):
    index = checkout.root / "reports" / "index.html"
    index.write_text("of yesterday")
    shows(command("open", *words), opened, index)
    assert folder.name in index.read_text(encoding="utf-8")


def test_a_run_is_named_by_strategy_id_folder_or_path(folder, command, opened):
    for name in ("beats", folder.name[-10:], folder.name, f"reports/{folder.name}/"):
        opened.clear()
        shows(command("open", name), opened, folder / "index.html")


def test_a_page_that_is_there_is_shown_as_it_is(folder, command, opened):
    page = folder / "index.html"
    page.write_text("as it is")
    shows(command("open", "beats"), opened, page)
    assert page.read_text() == "as it is"


def test_a_run_page_that_is_missing_is_drawn(folder, command, opened):
    page = folder / "index.html"
    page.unlink()
    for name in ("beats", folder.name, folder.name[-10:]):
        page.unlink(missing_ok=True)
        opened.clear()
        shows(command("open", name), opened, page)


def test_a_comparison_that_is_missing_is_drawn_of_the_latest_runs(
    folder, run_made_up, command, opened, checkout
):
    run_made_up("owner")
    page = checkout.root / "reports" / "compare.html"
    page.unlink(missing_ok=True)
    shows(command("open", "compare"), opened, page)
    text = page.read_text(encoding="utf-8")
    assert "beats" in text
    assert "owner" in text
    page.write_text("of chosen runs")
    opened.clear()
    shows(command("open", "compare"), opened, page)
    assert page.read_text() == "of chosen runs"


@pytest.mark.parametrize("name", ["sweep-beats-ACME-0123456789", "study-x-ACME-0123456789"])
def test_other_pages_are_named_by_folder_or_id(folder, command, opened, checkout, name):
    page = checkout.root / "reports" / name / "index.html"
    page.parent.mkdir()
    page.write_text("a page")
    for said in (name, "0123456789"):
        opened.clear()
        shows(command("open", said), opened, page)


def test_a_newer_run_of_the_strategy_is_the_one_that_its_name_means(
    folder, run_made_up, command, opened
):
    run_made_up("beats", "--set", "hold=5")
    command("open", "beats")
    assert opened
    assert folder.as_uri() not in opened[0]


# Where it cannot be


def test_a_name_that_nothing_has_is_told_with_what_there_is(folder, command, opened, checkout):
    page = checkout.root / "reports" / "sweep-beats-ACME-0123456789" / "index.html"
    page.parent.mkdir()
    page.write_text("a page")
    before = checkout.snapshot()
    told = [
        "There is no run 'bests'",
        f"beats {folder.name[-10:]}",
        "Other pages: index, compare, sweep-beats-ACME-0123456789.",
    ]
    fails(command("open", "bests"), WRONG_USE, told, checkout, before)
    assert opened == []


def test_a_comparison_of_no_runs_is_told(command, opened, checkout):
    told = ["There is no run in", "`backtest run`"]
    fails(command("open", "compare"), WRONG_USE, told, checkout, checkout.snapshot())


def test_a_page_that_cannot_be_drawn_is_told(folder, command, opened, checkout):
    for name in ("index.html", "bars.csv"):
        (folder / name).unlink()
    told = [f"{folder / 'bars.csv'} is damaged (No such file", "The command that made it"]
    fails(command("open", "beats"), BAD_DATA, told, checkout, checkout.snapshot())


def no_browser(_):
    return False


def broken_browser(_):
    raise webbrowser.Error("could not locate runnable browser")


@pytest.mark.parametrize("browser", [no_browser, broken_browser])
def test_without_a_browser_the_address_is_told_and_nothing_failed(
    folder, command, monkeypatch, browser
):
    monkeypatch.setattr(webbrowser, "open", browser)
    page = folder / "index.html"
    outcome = command("open", "beats")
    assert (outcome.code, outcome.out) == (0, f"{page}\n")
    assert outcome.err == f"INDX\nNo browser could be started here. The address: {page.as_uri()}\n"


def test_the_browser_that_the_user_has_chosen_is_started(folder, checkout, monkeypatch):
    script = checkout.root / "browser.py"
    script.write_text("import sys; open('asked', 'w').write(sys.argv[1])")
    chosen = shlex.join([sys.executable, str(script), "%s"])
    monkeypatch.setenv("BROWSER", chosen)
    code = "from backtest.cli.main import main; main()"
    words = [sys.executable, "-c", code, "open", "beats"]
    done = subprocess.run(words, cwd=checkout.root, capture_output=True, text=True, check=False)
    page = folder / "index.html"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{page}\n", "INDX\n")
    assert (checkout.root / "asked").read_text() == page.as_uri()


def test_a_run_is_told_by_what_it_differs_in(run_made_up, command, opened):
    run_made_up("beats", "--set", "hold=5", "--label", "longer")
    assert command("open", "longer").err == "longer · hold 5 · INDX\n"
