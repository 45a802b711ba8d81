"""Where strategies are: folders of files and installed packages, and two of one name."""

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from backtest.audit.observe import AuditRequest
from backtest.audit.run import audit, prepare
from backtest.errors import UsageError
from backtest.strategy.loading import describe_strategies, find_strategy, strategy_origins
from backtest.workspace.folders import Workspace, find_workspace
from tests.audits import in_this_process
from tests.made_up import BEATS, OWNER, Checkout, do, make_rules


@pytest.fixture
def installed(checkout, monkeypatch, tmp_path_factory):
    """Install a made-up package; its files and its entry points are given."""

    def install(files: dict[str, str], entries: dict[str, str], name: str = "my-signals") -> Path:
        site = tmp_path_factory.mktemp("site")
        told = site / f"{name.replace('-', '_')}-1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = "".join(f"{one} = {value}\n" for one, value in entries.items())
        (told / "entry_points.txt").write_text(f"[backtest.strategies]\n{lines}")
        for place, text in files.items():
            (site / place).parent.mkdir(exist_ok=True)
            (site / place).write_text(text)
        monkeypatch.syspath_prepend(site)
        sites.append(str(site))
        return site

    sites: list[str] = []
    yield install
    for module, loaded in list(sys.modules.items()):
        if str(getattr(loaded, "__file__", "")).startswith(tuple(sites)):
            del sys.modules[module]


def other_folder(checkout: Checkout, name: str = "more", **files: str) -> Workspace:
    for file, text in files.items():
        checkout.write(f"{name}/{file}.py", text)
    return find_workspace([checkout.root / "strategies", checkout.root / name], start=checkout.root)


def test_strategies_are_found_in_every_folder_by_name(checkout):
    workspace = other_folder(checkout, zeal=BEATS, able=OWNER)
    assert list(strategy_origins(workspace)) == ["able", "beats", "owner", "zeal"]
    assert find_strategy(workspace, "zeal").path == checkout.root / "more/zeal.py"


def test_threads_load_strategies_beside_each_other(checkout):
    slow = f"import time\ntime.sleep(0.01)\n{BEATS}"
    workspace = other_folder(checkout, able=slow, brave=slow, calm=slow)
    names = ["able", "brave", "calm"] * 4
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(partial(find_strategy, workspace), names))
    assert [one.name for one in found] == names


def test_a_strategy_of_another_folder_runs_by_the_options(checkout, command):
    other_folder(checkout, zeal=BEATS)
    words = ("--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet")
    folders = ("--strategies", "strategies", "--strategies", "more")
    assert command("run", "zeal", *words, *folders).code == 0
    assert "There is no strategy 'zeal'" in command("run", "zeal", *words).err


def test_two_of_one_name_are_an_error_with_both_files(checkout):
    workspace = other_folder(checkout, beats=BEATS)
    with pytest.raises(UsageError) as caught:
        find_strategy(workspace, "beats")
    root = checkout.root
    assert str(caught.value) == (
        f"There are 2 strategies 'beats': {root}/strategies/beats.py, {root}/more/beats.py. "
        f"Rename all but one of them."
    )
    assert find_strategy(workspace, "owner").name == "owner"  # the others are not touched
    told = {row.path: row.error for row in describe_strategies(workspace)}
    assert told[f"{root}/strategies/beats.py"] == told[f"{root}/more/beats.py"] == str(caught.value)


def test_two_of_one_name_are_left_out_of_a_run_of_all(checkout, command):
    other_folder(checkout, owner=OWNER)
    words = ("--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet")
    outcome = command("run", *words, "--strategies", "strategies", "--strategies", "more")
    assert outcome.code == 2
    assert "owner was left out: There are 2 strategies 'owner': " in outcome.err
    assert [path.name[:-11] for path in checkout.root.glob("reports/*-ACME-*")] == ["beats-ACME"]


@pytest.mark.parametrize("value", ["my_signals.beats", "my_signals.beats:Beats"])
def test_an_installed_package_names_a_module_or_a_class(checkout, installed, value):
    files = {"my_signals/__init__.py": "", "my_signals/beats.py": BEATS}
    site = installed(files, {"quick": value})
    file = find_strategy(checkout.workspace, "quick")
    assert (file.name, file.cls.__name__) == ("quick", "Beats")
    assert file.path == site / "my_signals/beats.py"
    row = next(one for one in describe_strategies(checkout.workspace) if one.name == "quick")
    assert (row.path, row.error) == (f"{value} of my-signals 1.0", None)
    assert do(checkout, "quick").trades


def test_a_package_and_a_file_of_one_name_are_an_error_with_both(checkout, installed):
    installed({"lone.py": BEATS}, {"beats": "lone"})
    with pytest.raises(UsageError) as caught:
        find_strategy(checkout.workspace, "beats")
    assert f"{checkout.root}/strategies/beats.py, lone of my-signals 1.0" in str(caught.value)


def test_the_hash_of_an_installed_strategy_is_that_of_its_package(checkout, installed):
    files = {"pack/__init__.py": "", "pack/beats.py": BEATS, "pack/helper.py": "LIMIT = 1\n"}
    site = installed(files, {"quick": "pack.beats"})

    def digest() -> str:
        return find_strategy(checkout.workspace, "quick").source_sha256()

    before = digest()
    (site / "other.py").write_text("LIMIT = 2\n")
    assert digest() == before
    (site / "pack/helper.py").write_text("LIMIT = 2\n")
    assert digest() != before


def test_a_module_of_its_own_is_hashed_alone(checkout, installed):
    site = installed({"single.py": BEATS}, {"quick": "single"})
    before = find_strategy(checkout.workspace, "quick").source_sha256()
    (site / "other.py").write_text("LIMIT = 2\n")
    assert find_strategy(checkout.workspace, "quick").source_sha256() == before


@pytest.mark.parametrize(
    ("text", "value", "told"),
    [
        ("import nowhere_at_all\n", "broken_a", "broken_a of my-signals 1.0 does not load: Module"),
        ("x = 1\n", "broken_b", "broken_b of my-signals 1.0 must define one subclass of Strategy"),
        ("x = 1\n", "broken_c:x", "broken_c:x of my-signals 1.0 must define one subclass of Strat"),
        ("raise GeneratorExit\n", "broken_f", "broken_f of my-signals 1.0 does not load: Gen"),
        ("x = 1\n", "broken_d:y", "broken_d:y of my-signals 1.0 does not load: AttributeError"),
    ],
)  # fmt: skip
def test_a_package_that_does_not_load_says_why(checkout, installed, text, value, told):
    installed({f"{value.partition(':')[0]}.py": text}, {"bad": value})
    with pytest.raises(UsageError) as caught:
        find_strategy(checkout.workspace, "bad")
    assert str(caught.value).startswith(told)
    if "nowhere" in text:
        assert "broken_a.py, line 1: import nowhere_at_all" in str(caught.value)


@pytest.mark.parametrize("origin", ["another folder", "a package"])
def test_strategies_of_other_origins_are_audited(checkout, installed, origin):
    if origin == "a package":
        installed({"audited.py": BEATS}, {"zeal": "audited"})
        workspace = checkout.workspace
    else:
        workspace = other_folder(checkout, zeal=BEATS)
    request = AuditRequest("zeal", ("ACME",), {}, None, None, make_rules(), worlds=0)
    done = audit(prepare(workspace, request), observer=in_this_process)
    findings = [found for check in done.record["checks"] for found in check["findings"]]
    assert [found["what"] for found in findings] == []
