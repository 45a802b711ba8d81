"""`backtest config`, and the settings that commands take from `backtest.toml`."""

import json

import pytest

from tests.commands import too_wide, words

MADE_UP = 'symbol = "ACME"\nbenchmark = "INDX"\n'


@pytest.fixture
def settings(checkout):
    """Write `backtest.toml`."""
    return lambda text: checkout.write("backtest.toml", text)


def test_each_setting_is_shown_with_where_it_came_from(command, settings, monkeypatch):
    file = settings('benchmark = "INDX"\ncash = 7000\n[strategies.beats]\nhold = 5\n')
    monkeypatch.setenv("BACKTEST_CASH", "5000")
    monkeypatch.setenv("COLUMNS", "200")
    out = command("config", "--symbol", "ACME").out
    assert out.startswith(f"backtest.toml: {file}\n")
    rows = [line.replace("built in", "program").split(maxsplit=2) for line in out.splitlines()[4:]]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["symbol", "--symbol", "ACME"],
        ["benchmark", "backtest.toml", "INDX"],
        ["cash", "BACKTEST_CASH", "5,000"],
        ["costs", "program", "retail"],
        ["folders.strategies", "program", f"{file.parent}/strategies"],
        ["folders.data", "program", f"{file.parent}/data"],
        ["folders.reports", "program", f"{file.parent}/reports"],
        ["strategies.beats.hold", "backtest.toml", "5"],
    ]


def test_a_parameter_is_shown_with_all_its_digits(command, settings):
    settings("cash = 1234567.5\n[strategies.beats]\nweight = 0.005\nhold = 12500\n")
    shown = dict(
        line.split()[::2] for line in command("config").out.splitlines() if "toml " in line
    )
    assert shown == {
        "cash": "1,234,567.5", "strategies.beats.weight": "0.005", "strategies.beats.hold": "12500",
    }  # fmt: skip


def test_the_settings_as_json(command, settings, monkeypatch):
    file = settings("cash = 7000\n[strategies.beats]\nhold = 5\n")
    monkeypatch.setenv("BACKTEST_SYMBOL", "ACME,OTHR")
    told = json.loads(command("config", "--costs", "frictionless", "--json").out)
    assert told["file"] == str(file)
    rows = {row.pop("key"): row for row in told["settings"]}
    names = ("strategies", "data", "reports")
    assert [*rows] == [
        "symbol", "benchmark", "cash", "costs", *(f"folders.{name}" for name in names),
        "strategies.beats.hold",
    ]  # fmt: skip
    in_file = {"source": "file", "where": str(file)}
    assert rows["symbol"] == {
        "value": ["ACME", "OTHR"], "source": "environment", "where": "BACKTEST_SYMBOL",
    }  # fmt: skip
    assert rows["benchmark"] == {"value": "SPY", "source": "built in", "where": ""}
    assert rows["cash"] == {"value": 7000.0, **in_file}
    assert rows["costs"] == {"value": "frictionless", "source": "option", "where": "--costs"}
    assert rows["strategies.beats.hold"] == {"value": 5, **in_file}


def test_it_is_shown_also_outside_of_a_workspace(command, monkeypatch, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    monkeypatch.chdir(outside)
    outcome = command("config")
    assert outcome.code == 0
    assert f"backtest.toml: none was found from {outside} upwards" in outcome.out
    assert words(outcome.out).endswith("folders.reports built in – ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[strategies.beast]\nhold = 5", "Did you mean 'beats'?"),
        ("[strategies.beats]\nhodl = 5", "Did you mean 'hold'?"),
        ("[strategies.beats]\nhold = 21", "beats: hold = 21: Input should be less than or equal"),
        ("[folders]\nreports = 'r'\ndata = 'nowhere'", "nowhere is not there. It is named in"),
    ],
)
def test_what_is_wrong_with_strategies_and_folders_is_told(command, settings, text, told):
    settings(text)
    outcome = command("config")
    assert outcome.code == 2
    assert told in outcome.err


def test_a_parameter_that_has_yet_to_be_set_is_no_fault_of_the_file(command, settings, checkout):
    checkout.edit("strategies/beats.py", "weight: float = Field(0.5, ", "weight: float = Field(")
    settings("[strategies.beats]\nhold = 5\n")
    assert command("config").code == 0


@pytest.mark.parametrize("asked", [("run", "beats"), ("list", "strategies"), ("config",)])
def test_an_unknown_key_stops_every_command(command, settings, checkout, asked):
    settings("bench = 'INDX'")
    outcome = command(*asked)
    assert (outcome.code, outcome.out) == (2, "")
    assert "Did you mean 'benchmark'?" in outcome.err
    assert checkout.snapshot() == {}


def test_a_run_takes_its_symbol_benchmark_cash_and_costs_from_the_file(command, settings, checkout):
    checkout.write("free.toml", "[figures]\nslippage_bps = 0.0\n")
    settings(f'{MADE_UP}cash = 7000\ncosts = "free.toml"\n[folders]\nreports = "made"\n')
    (run,) = json.loads(command("run", "beats", "--no-tearsheet", "--json").out)
    assert (run["symbols"], run["benchmark"], run["costs"]["name"]) == (["ACME"], "INDX", "free")
    assert (run["rules"]["cash"], run["rules"]["slippage_bps"]) == (7000.0, 0.0)
    assert run["path"].startswith(str(checkout.root / "made"))
    (other,) = json.loads(command("run", "beats", "--no-tearsheet", "--json", "--cash", "900").out)
    assert other["rules"]["cash"] == 900


def test_the_run_is_that_of_the_options(command, settings, checkout):
    options = ("--symbol", "ACME", "--benchmark", "INDX", "--cash", "7000", "--set", "hold=5")
    asked = ("run", "beats", "--no-tearsheet", "--json")
    (by_options,) = json.loads(command(*asked, *options).out)
    settings(f"{MADE_UP}cash = 7000\n[strategies.beats]\nhold = 5\n")
    (by_file,) = json.loads(command(*asked).out)
    assert by_file["run_id"] == by_options["run_id"]


def test_a_sweep_varies_what_the_file_sets_and_calls_it_the_default(command, settings):
    settings(f"{MADE_UP}[strategies.beats]\nhold = 5\nweight = 0.4\n")
    told = json.loads(command("sweep", "beats", "--grid", "hold=2,5", "--json").out)
    assert told["base"] == {"hold": 5}
    assert told["parameters"]["weight"] == 0.4
    assert told["symbols"] == ["ACME"]


def test_an_audit_asks_the_strategy_that_would_run(command, settings):
    settings(f"{MADE_UP}[strategies.beats]\nhold = 5\n")
    told = json.loads(command("audit", "beats", "--worlds", "0", "--json").out)
    assert (told["parameters"]["hold"], told["symbols"]) == (5, ["ACME"])
    assert told["outcome"] == "clean"


def test_a_study_takes_the_symbol_and_the_benchmark_that_were_chosen(command, settings):
    settings(MADE_UP)
    told = json.loads(command("study", "earnings", "--draws", "99", "--json").out)
    assert (told["symbol"], told["benchmark"]) == ("ACME", "INDX")


# The list of strategies


def test_the_list_tells_state_place_last_run_and_last_audit(command, run_made_up, checkout):
    run_made_up("beats")
    command("audit", "beats", "--symbol", "ACME", "--worlds", "0")
    checkout.write("strategies/broken.py", "import nowhere_at_all\n")
    beats, broken, owner = json.loads(command("list", "strategies", "--json").out)
    assert (beats["state"], broken["state"], owner["state"]) == ("ok", "not usable", "ok")
    assert beats["path"] == f"{checkout.root}/strategies/beats.py"
    assert beats["last_run"]["unchanged"] is beats["last_audit"]["unchanged"] is True
    assert beats["last_audit"]["outcome"] == "clean"
    assert (owner["last_run"], owner["last_audit"]) == (None, None)
    out = command("list", "strategies").out
    told = words(out)
    assert (
        f"ok · {checkout.root}/strategies/beats.py" in out.replace("\n    ", "").replace(" \n", "")
        or "ok ·" in told
    )
    assert f"({beats['last_run']['run_id']}) · last audit" in told
    assert "last run never · last audit never" in told
    assert "line 1: import nowhere_at_all" in told
    assert too_wide(out, 80) == []


def test_the_list_tells_that_a_strategy_changed_since(command, run_made_up, checkout):
    run_made_up("beats")
    checkout.edit("strategies/beats.py", "not a beat", "no beat")
    assert ", changed since · last audit never" in words(command("list", "strategies").out)


def test_a_strategy_that_the_file_makes_unusable_is_listed_so(command, settings):
    settings("[strategies.beats]\nhold = 21\n")
    beats, owner = json.loads(command("list", "strategies", "--json").out)
    assert (beats["state"], owner["state"]) == ("not usable", "ok")
    assert "hold = 21: Input should be less than or equal" in beats["error"]


def test_the_list_shows_the_parameters_that_the_file_sets(command, settings):
    settings("[strategies.beats]\nhold = 5\n")
    beats, _ = json.loads(command("list", "strategies", "--json").out)
    assert beats["parameters"] == {"hold": "5", "weight": "0.5"}
