"""Settings: which of option, environment, file and program decides, and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest

from backtest.engine.rules import Rules
from backtest.errors import UsageError
from backtest.experiments.runs.run import prepare_run
from backtest.workspace.folders import Setting, find_workspace, read_config, workspace_of_worker
from tests.made_up import request

# By key: the variable, the option's name, and texts for the variable and for the file.
SCALARS = {
    "symbol": ("--symbol", "BACKTEST_SYMBOL", "NVDA", '"OTHR"'),
    "benchmark": ("--benchmark", "BACKTEST_BENCHMARK", "QQQ", '"INDX"'),
    "cash": ("--cash", "BACKTEST_CASH", "5000", "7000"),
    "costs": ("--costs", "BACKTEST_COSTS", "institutional", '"frictionless"'),
}
FOLDERS = {
    "folders.strategies": ("--strategies", "BACKTEST_STRATEGIES"),
    "folders.data": ("--data", "BACKTEST_DATA"),
    "folders.reports": ("--out", "BACKTEST_REPORTS"),
}
GIVEN = {"symbol": ["ACME"], "benchmark": "SPY", "cash": 3000.0, "costs": "retail"}
BUILT_IN = {"symbol": ("CRWV",), "benchmark": "SPY", "cash": 100_000.0, "costs": "retail"}
BY_VARIABLE = {
    "symbol": ("NVDA",), "benchmark": "QQQ", "cash": 5000.0, "costs": "institutional",
}  # fmt: skip
BY_FILE = {"symbol": ("OTHR",), "benchmark": "INDX", "cash": 7000.0, "costs": "frictionless"}


@pytest.fixture
def file(checkout, monkeypatch) -> Path:
    """A `backtest.toml` in the made-up checkout, which is stood in."""
    monkeypatch.chdir(checkout.root)
    return checkout.write("backtest.toml", "")


def refusal(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_config()
    return str(caught.value)


# Which decides


@pytest.mark.parametrize("key", SCALARS)
def test_an_option_goes_before_the_environment_before_the_file_before_the_program(
    file, monkeypatch, key
):
    option, variable, text, stated = SCALARS[key]
    assert read_config().settings[key] == Setting(key, BUILT_IN[key], "built in", "")
    file.write_text(f"{key} = {stated}\n", encoding="utf-8")
    assert read_config().settings[key] == Setting(key, BY_FILE[key], "file", str(file))
    monkeypatch.setenv(variable, text)
    by_variable = Setting(key, BY_VARIABLE[key], "environment", variable)
    assert read_config().settings[key] == by_variable
    chosen = read_config({key: GIVEN[key]}).settings[key]
    expected = ("ACME",) if key == "symbol" else GIVEN[key]
    assert chosen == Setting(key, expected, "option", option)


@pytest.mark.parametrize("key", FOLDERS)
def test_folders_are_decided_alike_and_each_begins_where_it_was_named(
    file, monkeypatch, tmp_path_factory, key
):
    option, variable = FOLDERS[key]
    inner, name = tmp_path_factory.mktemp("elsewhere"), key.partition(".")[2]

    def found(given: object = None) -> tuple[Path, str, str]:
        setting = read_config({key: given}, start=file.parent).settings[key]
        folder = setting.value[0] if isinstance(setting.value, tuple) else setting.value
        return folder, setting.source, setting.where

    monkeypatch.chdir(inner)
    assert found() == (file.parent / name, "built in", "")
    file.write_text(f'[folders]\n{name} = "mine"\n', encoding="utf-8")
    assert found() == (file.parent / "mine", "file", str(file))
    monkeypatch.setenv(variable, "mine")
    assert found() == (inner / "mine", "environment", variable)
    assert found(Path("given")) == (inner / "given", "option", option)


def test_every_setting_is_told_also_outside_of_a_workspace(tmp_path_factory):
    config = read_config(start=tmp_path_factory.mktemp("elsewhere"))
    assert config.path is None
    assert {key: setting.value for key, setting in config.settings.items()} == {
        **BUILT_IN, "folders.strategies": None, "folders.data": None, "folders.reports": None,
    }  # fmt: skip


def test_what_is_built_in_is_what_the_rules_have():
    assert read_config().value("cash") == Rules().cash


def test_what_nobody_chose_is_left_to_the_command(file, monkeypatch):
    assert [read_config().chosen(key) for key in SCALARS] == [None] * 4
    monkeypatch.setenv("BACKTEST_BENCHMARK", "SPY")  # the same as what is built in, but chosen
    assert read_config().chosen("benchmark") == "SPY"


def test_an_empty_variable_and_an_empty_list_are_not_given(file, monkeypatch):
    monkeypatch.setenv("BACKTEST_CASH", "")
    config = read_config({"symbol": [], "cash": None})
    assert {config.settings[key].source for key in SCALARS} == {"built in"}


@pytest.mark.parametrize("below", ["strategies", "data/prices", "reports"])
def test_the_file_is_found_upwards(file, below):
    assert read_config(start=file.parent / below).path == file


def test_the_nearest_workspace_counts_with_or_without_a_file(file):
    for name in ("strategies", "data"):
        (file.parent / "inner" / name).mkdir(parents=True)
    assert read_config(start=file.parent / "inner").path is None
    (file.parent / "inner" / "backtest.toml").touch()
    assert read_config(start=file.parent / "inner").path == file.parent / "inner/backtest.toml"


def test_a_folder_with_a_file_is_a_workspace(file, tmp_path_factory):
    alone = tmp_path_factory.mktemp("alone")
    folders = f"data = '{file.parent}/data'\nstrategies = '{file.parent}/strategies'\n"
    (alone / "backtest.toml").write_text(f"[folders]\n{folders}", encoding="utf-8")
    found = find_workspace(start=alone)
    assert (found.strategies, found.data) == (file.parent / "strategies", file.parent / "data")
    assert found.reports == alone / "reports"


def test_several_symbols_and_folders_are_a_list_each_once(file, monkeypatch):
    file.write_text(
        'symbol = ["ACME", "OTHR", "ACME"]\n[folders]\nstrategies = ["strategies", "./strategies"]',
        encoding="utf-8",
    )
    config = read_config()
    assert config.value("symbol") == ("ACME", "OTHR")
    assert config.value("folders.strategies") == (file.parent / "strategies",)
    monkeypatch.setenv("BACKTEST_SYMBOL", "NVDA, CRWV")
    monkeypatch.setenv("BACKTEST_STRATEGIES", f"data{os.pathsep}reports")
    config = read_config()
    assert config.value("symbol") == ("NVDA", "CRWV")
    assert config.value("folders.strategies") == (file.parent / "data", file.parent / "reports")


def test_a_file_of_costs_begins_at_the_folder_of_the_settings(file, monkeypatch):
    file.write_text('costs = "mine.toml"', encoding="utf-8")
    monkeypatch.chdir(file.parent / "data")
    assert read_config().value("costs") == str(file.parent / "mine.toml")


def test_a_command_for_one_stock_asks_which_where_there_are_several(file):
    file.write_text('symbol = ["ACME", "OTHR"]', encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_config().one_symbol()
    assert str(caught.value) == (
        f"{file} names ACME, OTHR, and one stock is taken here. Choose it with --symbol."
    )
    assert read_config({"symbol": "OTHR"}).one_symbol() == "OTHR"


# What is refused


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ("symbl = 'ACME'", "symbl", "symbol"),
        ("Cash = 5", "Cash", "cash"),
        ("[folders]\nreport = 'r'", "folders.report", "folders.reports"),
        ("[strategy.beats]\nhold = 5", "strategy", "strategies"),
        ("data = 'mine'", "data", "folders.data"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(file, text, key, near):
    told = refusal(file, text)
    assert told.startswith(
        f"There is no setting in {file}: {key!r}. Did you mean {near!r}? Known: benchmark, cash,"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cash = '5'", "cash is '5'. Allowed: dollars greater than 0, such as 100000."),
        ("cash = true", "cash is True. Allowed: dollars greater"),
        ("cash = 0", "cash is 0. Allowed: dollars greater"),
        ("cash = nan", "cash is nan. Allowed: dollars greater"),
        (f"cash = {10**400}", f"cash is {10**400}. Allowed: dollars greater"),
        ("symbol = []", 'symbol is []. Allowed: a stock, such as "CRWV", or several in a list.'),
        ("symbol = ['ACME', 5]", "symbol is ['ACME', 5]. Allowed: a stock"),
        ("benchmark = ''", "benchmark is ''. Allowed: a symbol"),
        ("costs = 5", "costs is 5. Allowed: a preset"),
        ("[folders]\ndata = '~no_such_user/data'", "folders.data is '~no_such_user/data'. Allowed"),
        ("[folders]\ndata = ['a', 'b']", "folders.data is ['a', 'b']. Allowed: a folder"),
        ("folders = 'x'", "folders is 'x'. Write a table, under the line [folders]."),
        ("[strategies]\nbeats = 5", "strategies.beats is 5. Write a table, under the line [strat"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_what_is_allowed(file, text, told):
    assert refusal(file, text).startswith(f"{file}: {told}")


@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_dollars_may_be_of_numpy(file, kind):
    assert read_config({"cash": kind(5000)}).value("cash") == 5000.0


def test_a_wrong_variable_is_told_by_its_name(file, monkeypatch):
    monkeypatch.setenv("BACKTEST_CASH", "much")
    assert refusal(file, "") == (
        "BACKTEST_CASH is 'much'. Allowed: dollars greater than 0, such as 100000."
    )


def test_a_file_that_is_no_toml_is_told_with_its_line(file):
    assert refusal(file, "symbol = 'ACME'\ncash =") == (
        f"{file} is not readable TOML: Invalid value (at end of document)."
    )
    file.write_bytes(b"symbol = '\xe9'")
    with pytest.raises(UsageError, match=r"is not readable TOML: .*utf-8"):
        read_config()


def test_a_byte_order_mark_is_no_error(file):
    file.write_bytes(b"\xef\xbb\xbfcash = 5\n")
    assert read_config().value("cash") == 5


def test_a_folder_that_is_not_there_is_told_with_the_file_that_names_it(file):
    file.write_text('[folders]\ndata = "nowhere"', encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        find_workspace()
    assert str(caught.value).startswith(
        f"The data folder {file.parent}/nowhere is not there. It is named in {file}. Point --data "
    )


# Defaults of strategies


def parameters(**settings: object) -> dict[str, object]:
    prepared = prepare_run(find_workspace(), request(settings=settings))
    return prepared.strategy.model_dump()


def test_a_default_of_the_file_goes_before_the_class_and_after_a_setting(file):
    assert parameters() == {"hold": 3, "weight": 0.5}
    file.write_text("[strategies.beats]\nhold = 7\n", encoding="utf-8")
    assert parameters() == {"hold": 7, "weight": 0.5}
    assert parameters(hold=9) == {"hold": 9, "weight": 0.5}


def test_a_default_gives_the_run_that_the_setting_gives(file, checkout):
    def path(**settings: object) -> Path:
        return prepare_run(find_workspace(), request(settings=settings)).path

    plain, set_by_option = path(), path(hold=7)
    file.write_text("[strategies.beats]\nhold = 7\n", encoding="utf-8")
    assert path() == set_by_option != plain


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[strategies.beast]\nhold = 5", "no strategy (set in FILE): 'beast'. Did you mean 'beat"),
        ("[strategies.beats]\nhodl = 5", "no parameter of beats (set in FILE): 'hodl'. Did you me"),
        ("[strategies.beats]\nhold = 0", "beats: hold = 0: Input should be greater than or"),
    ],
)  # fmt: skip
def test_a_default_that_is_wrong_is_told_with_its_file(file, text, told):
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        parameters()
    assert told.replace("FILE", str(file)) in str(caught.value)
    assert f"(set in {file})" in str(caught.value)


def test_a_bad_setting_is_not_put_down_to_the_file(file):
    file.write_text("[strategies.beats]\nhold = 7\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        parameters(hold="0")
    assert "set in" not in str(caught.value)


def test_other_folders_of_strategies_need_not_have_those_of_the_file(file, tmp_path_factory):
    file.write_text("[strategies.beast]\nhold = 7\n", encoding="utf-8")
    other = find_workspace(tmp_path_factory.mktemp("other"))
    with pytest.raises(UsageError, match="There is no strategy 'beats'"):
        prepare_run(other, request())


def test_a_worker_takes_no_defaults_from_where_it_stands(file):
    file.write_text("[strategies.beats]\nhold = 7\n", encoding="utf-8")
    found = prepare_run(workspace_of_worker(), request())
    assert found.strategy.model_dump() == {"hold": 3, "weight": 0.5}
