"""Where strategies, data and reports are found."""

import json
from pathlib import Path

import pytest

from backtest.errors import UsageError
from backtest.workspace.folders import Workspace, find_workspace, workspace_of_worker


@pytest.mark.parametrize("below", [".", "strategies", "data/prices", "reports"])
def test_the_checkout_is_found_from_anywhere_inside(checkout, below):
    assert find_workspace(start=checkout.root / below) == checkout.workspace


def test_the_working_folder_is_where_the_search_begins(checkout, monkeypatch):
    monkeypatch.chdir(checkout.root / "data" / "events")
    assert find_workspace() == checkout.workspace


def test_the_innermost_checkout_counts(checkout):
    inner = checkout.root / "reports" / "inner"
    for name in ("strategies", "data"):
        (inner / name).mkdir(parents=True)
    assert find_workspace(start=inner / "data").data == inner / "data"


def test_a_folder_with_one_of_the_two_is_no_checkout(checkout):
    (checkout.root / "data" / "data").mkdir()
    assert find_workspace(start=checkout.root / "data").data == checkout.root / "data"


def test_folders_that_are_given_go_before_those_of_the_checkout(checkout, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    found = find_workspace(data=other, start=checkout.root)
    assert found == Workspace(checkout.root / "strategies", other, checkout.root / "reports")
    found = find_workspace(reports=other / "new", start=checkout.root)
    assert found.reports == other / "new"  # is made when it is written to
    assert not found.reports.exists()


def test_with_all_folders_given_no_checkout_is_needed(checkout, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    found = find_workspace(
        checkout.root / "strategies", checkout.root / "data", elsewhere, start=elsewhere
    )
    assert found == Workspace(checkout.root / "strategies", checkout.root / "data", elsewhere)


def test_relative_and_home_folders_are_resolved(checkout, monkeypatch):
    monkeypatch.chdir(checkout.root / "strategies")
    monkeypatch.setenv("HOME", str(checkout.root))
    found = find_workspace(data=Path("../data"), reports=Path("~/runs"))
    assert (found.data, found.reports) == (checkout.root / "data", checkout.root / "runs")


@pytest.mark.parametrize("name", ["strategies", "data"])
def test_a_folder_that_is_not_there_is_told_with_both_ways_to_set_it(checkout, name):
    with pytest.raises(UsageError) as caught:
        find_workspace(**{name: checkout.root / "nowhere"}, start=checkout.root)
    assert str(caught.value) == (
        f"The {name} folder {checkout.root / 'nowhere'} is not there. "
        f"Point --{name} or BACKTEST_{name.upper()} to a folder that exists."
    )


def test_without_a_checkout_the_way_out_is_told(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(UsageError, match=r"No folder with strategies/ and data/ .*--strategies"):
        find_workspace()


def test_the_missing_reports_folder_names_the_option_that_exists(tmp_path_factory, checkout):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with pytest.raises(UsageError) as caught:
        find_workspace(checkout.root / "strategies", checkout.root / "data", start=elsewhere)
    assert "--out" in str(caught.value)
    assert "BACKTEST_REPORTS" in str(caught.value)


@pytest.mark.parametrize("name", ["data", "strategies"])
def test_folders_are_pointed_to_by_option_and_by_environment(
    command, checkout, monkeypatch, name, tmp_path_factory
):
    moved = tmp_path_factory.mktemp("moved") / "folder"
    (checkout.root / name).rename(moved)
    (checkout.root / name).mkdir()
    words = (
        ("list", "strategies", "--json") if name == "strategies" else ("prices", "list", "--json")
    )
    assert json.loads(command(*words).out) == []
    assert len(json.loads(command(*words, f"--{name}", str(moved)).out)) == 2
    monkeypatch.setenv(f"BACKTEST_{name.upper()}", str(moved))
    assert len(json.loads(command(*words).out)) == 2
    empty = tmp_path_factory.mktemp("empty")
    assert json.loads(command(*words, f"--{name}", str(empty)).out) == []  # the option goes first


def test_a_worker_needs_no_checkout_where_variables_name_its_folders(tmp_path, monkeypatch):
    signals, figures = tmp_path / "signals", tmp_path / "figures"
    for name, folder in (("STRATEGIES", signals), ("DATA", figures)):
        folder.mkdir()
        monkeypatch.setenv(f"BACKTEST_{name}", str(folder))
    monkeypatch.chdir(tmp_path)
    found = workspace_of_worker()
    assert (found.strategies, found.data) == (signals, figures)
    figures.rmdir()
    with pytest.raises(UsageError, match="BACKTEST_DATA"):
        workspace_of_worker()
