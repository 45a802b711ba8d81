"""The commands on the made-up checkout, as a user types them."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.made_up import NEWS

PROGRAM = [sys.executable, "-m", "backtest.cli.main"]
MADE_UP = ("--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet")
COMMANDS = (
    ("run",),
    ("compare",),
    ("list", "strategies"),
    ("list", "runs"),
    ("events", "list"),
    ("events", "show"),
    ("events", "seal"),
    ("prices", "list"),
    ("prices", "seal"),
)


def rows(checkout, name, run="*"):
    (path,) = checkout.root.glob(f"reports/{run}/{name}")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def words(text: str) -> str:
    """The text with its layout taken out."""
    return re.sub(r"\s+", " ", text)


def too_wide(text: str, width: int) -> list[str]:
    """Lines wider than the terminal; a place is never broken."""
    return [line for line in text.splitlines() if len(line) > width and "index.html" not in line]


# run


def test_run_replays_every_strategy_and_shows_figures_trades_and_events(run_made_up, checkout):
    outcome = run_made_up()
    assert (outcome.code, outcome.err) == (0, "")
    assert "ACME from 2025-06-02 to 2025-07-15, start 100,000 $, benchmark INDX" in outcome.out
    assert re.search(r"^Trades +1 +1 +–$", outcome.out, re.MULTILINE)
    assert re.search(r"^Total return +\+1\.4 % +\+29\.9 % +\+2\.0 %$", outcome.out, re.MULTILINE)
    assert re.search(r"long +2025-06-05 +103\.05 +to +2025-06-10 +105\.95 +time", outcome.out)
    assert "A made-up beat (a beat)" in outcome.out
    assert re.search(r"2025-06-27 +no signal +not a beat +A made-up miss", outcome.out)
    folders = sorted(path.name for path in (checkout.root / "reports").iterdir())
    assert [re.sub("-[0-9a-f]{10}$", "", name) for name in folders] == ["beats-ACME", "owner-ACME"]
    for name in folders:
        assert f"reports/{name}/index.html" in outcome.out
        assert sorted(path.name for path in (checkout.root / "reports" / name).iterdir()) == [
            "decisions.csv", "equity.csv", "index.html", "run.json", "trades.csv",
        ]  # fmt: skip


def test_the_trade_of_the_made_up_beat_by_hand(run_made_up, checkout):
    run_made_up("beats")
    (trade,) = rows(checkout, "trades.csv")
    # Public on 2025-06-04 at 16:05: opens at 103 on the 5th; half of 100,000 buys 485 shares;
    # three sessions later, 06-10, it opens at 106. Half a cent a share, 1 dollar at least.
    entry, leave = 103 * 1.0005, 106 * 0.9995
    assert (trade["direction"], trade["shares"]) == ("long", "485")
    assert (trade["entry_session"], trade["exit_session"]) == ("2025-06-05", "2025-06-10")
    assert float(trade["entry_price"]) == pytest.approx(entry, rel=1e-12)
    assert float(trade["exit_price"]) == pytest.approx(leave, rel=1e-12)
    assert float(trade["commission"]) == pytest.approx(2 * 485 * 0.005, rel=1e-12)
    assert float(trade["net_profit"]) == pytest.approx(485 * (leave - entry) - 4.85, rel=1e-12)
    assert trade["exit_reason"] == "time"


def test_run_takes_the_strategies_named_once_each(run_made_up, checkout):
    outcome = run_made_up("owner", "owner")
    assert "owner · ACME" in outcome.out
    assert "beats · ACME" not in outcome.out
    assert len(list((checkout.root / "reports").iterdir())) == 1


def test_settings_reach_the_strategy(run_made_up, checkout):
    assert run_made_up("beats", "--set", "hold=5", "--set", "weight = 0.25").code == 0
    (trade,) = rows(checkout, "trades.csv")
    assert (trade["shares"], trade["exit_session"]) == ("242", "2025-06-12")
    manifest = json.loads(next(checkout.root.glob("reports/*/run.json")).read_text())
    assert manifest["parameters"] == {"hold": 5, "weight": 0.25}


def test_rules_are_set_by_options(run_made_up, checkout):
    options = ("--cash", "10000", "--commission", "0", "--slippage", "0", "--reaction", "1440")
    assert run_made_up("beats", *options).code == 0
    (trade,) = rows(checkout, "trades.csv")
    # A day to react: the open of the 6th, 104; 5,000 dollars buy 48 shares; the 11th opens at 107.
    assert (trade["entry_session"], trade["entry_price"]) == ("2025-06-06", "104.0")
    assert (trade["shares"], trade["net_profit"]) == ("48", "144.0")
    rules = json.loads(next(checkout.root.glob("reports/*/run.json")).read_text())["rules"]
    assert rules["cash"] == 10_000
    assert rules["reaction_minutes"] == 1440
    assert rules["slippage_bps"] == 0
    assert rules["commission_per_share"] == 0


def test_costs_come_from_a_preset_or_a_file_and_options_go_before(run_made_up, checkout):
    checkout.write("data/costs/cheap.toml", "[figures]\nslippage_bps = 0\ncommission_min = 3\n")
    assert run_made_up("beats", "--costs", "cheap").code == 0
    (trade,) = rows(checkout, "trades.csv")
    assert (trade["entry_price"], trade["commission"]) == ("103.0", "6.0")
    shorter = ("--costs", "data/costs/cheap.toml", "--slippage", "10", "--out", "other")
    assert run_made_up("beats", *shorter).code == 0
    manifest = json.loads(next(checkout.root.glob("other/*/run.json")).read_text())
    assert (manifest["rules"]["slippage_bps"], manifest["rules"]["commission_min"]) == (10, 3)


def test_from_and_to_bound_the_replay_and_leave_events_outside_untraded(run_made_up, checkout):
    outcome = run_made_up("beats", "--from", "2025-06-07", "--to", "2025-06-20")
    assert "ACME from 2025-06-09 to 2025-06-20" in outcome.out
    assert "No trade." in outcome.out
    assert re.search(r"2025-06-04 +not tradable +before the first", outcome.out)
    assert re.search(r"2025-06-27 +not tradable +after the last", outcome.out)
    assert len(rows(checkout, "equity.csv")) == 9
    first, second = rows(checkout, "decisions.csv")
    assert first["reason"] == "before the first session of the replay, 2025-06-09"
    assert second["reason"] == "after the last session of the replay, 2025-06-20"
    assert (first["action"], first["tradable_session"]) == ("not_tradable", "2025-06-05")


def test_run_as_json_is_json_alone(run_made_up, checkout):
    outcome = run_made_up("--json")
    beats, owner = json.loads(outcome.out)
    assert [beats["strategy"], owner["strategy"]] == ["beats", "owner"]
    assert beats["summary"]["run"]["trades"] == 1
    assert beats["summary"]["run"]["total_return"] == pytest.approx(
        (485 * (106 * 0.9995 - 103 * 1.0005) - 4.85) / 100_000
    )
    assert Path(beats["path"]).parent == checkout.root / "reports"
    assert beats["inputs"].keys() == {
        "prices/ACME.csv", "prices/INDX.csv", "borrow/ACME.csv", "events/earnings.csv",
        "events/stake_disclosures.csv", "events/short_reports.csv", "events/news.csv",
    }  # fmt: skip
    assert "Infinity" not in outcome.out
    assert "NaN" not in outcome.out


def test_a_run_that_exists_is_shown_and_not_repeated_unless_forced(run_made_up, checkout):
    first = run_made_up("beats")
    before = checkout.snapshot()
    second = run_made_up("beats")
    assert checkout.snapshot() == before
    assert "1 of 1 had been run before with the same inputs and was not run again" in words(
        second.out
    )
    assert second.out.startswith(first.out.split("\nbeats: ")[0].rstrip())
    forced = run_made_up("beats", "--force")
    assert "run before" not in forced.out
    manifest = next(name for name in before if name.endswith("run.json"))
    after = checkout.snapshot()
    assert after[manifest] != before[manifest]  # it was finished later
    assert {n for n in after if after[n] != before[n]} <= {
        manifest, manifest.replace("run.json", "index.html"),
    }  # fmt: skip


def test_no_tearsheet_is_drawn_where_none_is_wanted(command, checkout):
    assert command("run", "beats", *MADE_UP).code == 0
    assert list(checkout.root.glob("reports/*/tearsheet.html")) == []


def test_runs_go_to_the_folder_that_is_named_by_option_or_environment(
    run_made_up, checkout, monkeypatch
):
    assert run_made_up("beats", "--out", "elsewhere/deep").code == 0
    assert len(list(checkout.root.glob("elsewhere/deep/beats-ACME-*"))) == 1
    monkeypatch.setenv("BACKTEST_REPORTS", str(checkout.root / "by-environment"))
    assert run_made_up("beats").code == 0
    assert len(list(checkout.root.glob("by-environment/beats-ACME-*"))) == 1
    assert checkout.snapshot() == {}


def test_the_place_of_a_run_is_printed_letter_by_letter(run_made_up, checkout):
    outcome = run_made_up("beats", "--out", "runs [old]")
    assert str(checkout.root / "runs [old]" / "beats-ACME-") in outcome.out


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(run_made_up, command, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    outcome = run_made_up()
    assert too_wide(outcome.out, width) == []
    for words in (("compare",), ("list", "runs"), ("list", "strategies"), ("events", "list")):
        assert too_wide(command(*words).out, width) == []


def test_colours_are_for_terminals_and_never_with_no_color(run_made_up, command, monkeypatch):
    assert "\x1b[" not in run_made_up().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32m" in run_made_up().out
    monkeypatch.setenv("NO_COLOR", "1")
    for outcome in (run_made_up(), command("compare"), command("events", "list")):
        assert re.findall(r"\x1b\[[\d;]*3[0-7]", outcome.out) == []


def test_texts_of_the_data_are_shown_as_they_are(run_made_up, command, checkout):
    checkout.edit("data/events/earnings.csv", "A made-up beat", "A [red]made-up[/red] :smile: beat")
    assert "A [red]made-up[/red] :smile: beat (a beat)" in run_made_up("beats").out
    assert "[red]made-up[/red]" in re.sub(r"\s+", "", command("events", "list").out)


# compare


def test_compare_puts_the_latest_run_of_each_strategy_side_by_side(run_made_up, command):
    run_made_up("beats")
    run_made_up("owner")
    run_made_up("beats", "--set", "hold=5")
    outcome = command("compare")
    assert outcome.code == 0
    # five sessions from 103 to 108: 485 × (108 × 0.9995 − 103 × 1.0005) − 4.85 is 2,345
    assert re.search(r"^Final equity \$ +102,3\d\d +129,9\d\d +102,000$", outcome.out, re.MULTILINE)
    assert [line.split()[0] for line in outcome.out.splitlines()[3:]] == [
        "Trades", "Win", "Total", "CAGR", "Volatility", "Sharpe", "Sortino", "Max", "Calmar",
        "Exposure", "Commission", "Borrow", "Final",
    ]  # fmt: skip


def test_compare_takes_strategies_run_ids_and_folders(run_made_up, command, checkout):
    run_made_up("beats")
    old = next((checkout.root / "reports").iterdir()).name
    run_made_up("beats", "--set", "hold=5")
    run_made_up("owner")
    by_id = json.loads(command("compare", old[-10:], "--json").out)
    by_folder = json.loads(command("compare", old, "--json").out)
    newest = json.loads(command("compare", "beats", "--json").out)
    assert by_id == by_folder
    assert by_id[0]["run_id"] == old[-10:]
    assert newest[0]["run_id"] != old[-10:]
    both = command("compare", old[-10:], "beats").out
    assert old[-10:] in both  # the two need to be told apart


def test_compare_names_the_spans_where_they_differ(run_made_up, command):
    run_made_up("beats", "--from", "2025-06-03")
    run_made_up("owner")
    out = command("compare").out
    assert re.search(r"^From +2025-06-03 +2025-06-02", out, re.MULTILINE)
    assert re.search(r"^To +2025-07-15 +2025-07-15", out, re.MULTILINE)


# list


def test_list_strategies_shows_events_parameters_and_what_does_not_load(command, checkout):
    checkout.write("strategies/broken.py", "import nowhere_at_all\n")
    out = command("list", "strategies").out
    for told in ("beats", "Long a beat.", "acts on earnings", "hold=3", "weight=0.5", "owner"):
        assert told in out
    assert "ModuleNotFoundError: No module named 'nowhere_at_all'" in words(out)
    assert "line 1: import nowhere_at_all" in words(out)
    beats, broken, owner = json.loads(command("list", "strategies", "--json").out)
    assert beats["parameters"] == {"hold": "3", "weight": "0.5"}  # as --set takes them
    assert beats["events"] == ["earnings"]
    assert beats["error"] is None
    assert "broken.py does not load: ModuleNotFoundError" in broken["error"]
    assert owner["events"] == ["start"]


def test_list_runs_shows_the_newest_first(command, run_made_up):
    assert json.loads(command("list", "runs", "--json").out) == []
    run_made_up("owner")
    run_made_up("beats")
    found = json.loads(command("list", "runs", "--json").out)
    assert [run["strategy"] for run in found] == ["beats", "owner"]
    assert found[0]["span"] == {"first": "2025-06-02", "last": "2025-07-15"}


@pytest.mark.parametrize("width", [80, 100])
def test_run_ids_are_shown_whole_for_they_are_what_a_user_types(
    command, run_made_up, checkout, monkeypatch, width
):
    monkeypatch.setenv("COLUMNS", str(width))
    run_made_up("owner")
    (folder,) = (checkout.root / "reports").iterdir()
    assert folder.name[-10:] in command("list", "runs").out


# events and prices


def test_events_list_shows_each_with_its_tradable_session(command):
    outcome = command("events", "list", "--symbol", "ACME", "--json")
    found = [
        (row["kind"], row["tradable_session"], row["not_tradable_because"])
        for row in json.loads(outcome.out)
    ]
    assert found == [
        ("earnings", "2025-06-05", None),
        ("stake_disclosure", "2025-06-11", None),
        ("news", "2025-06-12", None),
        ("short_report", "2025-06-20", None),  # over Juneteenth
        ("earnings", "2025-06-27", None),
        ("short_report", None, "known by the week alone, never traded"),
        ("stake_disclosure", "2025-07-02", None),
    ]


def test_events_list_can_be_narrowed(command):
    kinds = json.loads(command("events", "list", "--kind", "short_report", "--json").out)
    assert {row["kind"] for row in kinds} == {"short_report"}
    other = json.loads(command("events", "list", "--symbol", "OTHR", "--json").out)
    assert [row["not_tradable_because"] for row in other] == ["no prices of OTHR"]
    late = json.loads(command("events", "list", "--kind", "news", "--reaction", "6", "--json").out)
    assert late[0]["tradable_session"] == "2025-06-13"  # 09:24 and six minutes are the open


def test_events_list_as_a_table(command):
    out = words(command("events", "list").out)
    assert re.search(
        r"earnings-20250604-[0-9a-f]{6} 2025-06-04 16:05 exact 2025-06-05 A A made-up beat", out
    )
    assert re.search(
        r"short_report-20250629-[0-9a-f]{6} 2025-06-29 23:59 week – – A made-up rumour "
        r"\(not tradable: known by the week alone, never traded\)",
        out,
    )


def test_event_ids_are_shown_whole_for_they_are_what_a_user_types(command):
    ids = [row["id"] for row in json.loads(command("events", "list", "--json").out)]
    table = command("events", "list").out
    assert [name for name in ids if name not in table] == []


def test_events_show_tells_all_that_is_known_and_what_follows(command):
    (row,) = json.loads(command("events", "list", "--kind", "earnings", "--json").out)[:1]
    out = command("events", "show", row["id"]).out
    assert re.search(r"eps_surprise +\+50\.0 %", out)
    assert re.search(r"published_at +2025-06-04 16:05 New York", out)
    assert re.search(r"tradable_session +2025-06-05", out)
    assert re.search(r"headline +A made-up beat", out)
    assert re.search(r"revenue +–", out)
    shown = json.loads(command("events", "show", row["id"], "--json").out)
    assert shown == row


def test_kinds_that_strategies_define_are_listed(command, checkout):
    checkout.strategy("sales", "return 'no'", "Sale", more="    pass\n")
    path = checkout.root / "strategies/sales.py"
    kind = "class Sale(Event):\n    seller: str\n\n\nclass Made"
    path.write_text(path.read_text().replace("class Made", kind))
    checkout.write(
        "data/events/sales.csv",
        "symbol,published_at,precision,headline,seller\n"
        "ACME,2025-06-05T09:00:00-04:00,exact,A made-up sale,Joe\n",
    )
    (row,) = json.loads(command("events", "list", "--kind", "sale", "--json").out)
    assert (row["seller"], row["tradable_session"]) == ("Joe", "2025-06-05")


def test_prices_list_shows_spans_and_sources(command):
    acme, indx = json.loads(command("prices", "list", "--json").out)
    assert acme == {
        "symbol": "ACME", "first": "2025-06-02", "last": "2025-07-15", "sessions": 30,
        "columns": "open high low close volume", "adjust": None, "source": "made up for tests",
    }  # fmt: skip
    assert (indx["sessions"], indx["columns"]) == (31, "close")
    out = words(command("prices", "list").out)
    assert "ACME 2025-06-02 to 2025-07-15 30 sessions open high low close volume" in out
    assert "INDX 2025-05-30 to 2025-07-15 31 sessions close" in out


def test_sealing_a_changed_file_lets_it_be_used_again(command, run_made_up, checkout):
    checkout.edit("data/events/earnings.csv", "0.30,0.20", "0.10,0.20", sealed=False)
    assert run_made_up("beats").code == 3
    sealed = command("events", "seal", "earnings")
    assert (sealed.code, sealed.err) == (0, "")
    assert sealed.out == f"wrote {checkout.root}/data/events/earnings.meta.json\n"
    assert run_made_up("beats").code == 0
    assert rows(checkout, "trades.csv") == []


def test_sealing_prices_and_rates_keeps_the_source_and_takes_a_new_one(command, checkout):
    metadata = checkout.root / "data/prices/ACME.meta.json"
    checkout.edit("data/prices/ACME.csv", ",1029\n", ",1030\n", sealed=False)
    assert command("prices", "seal", "ACME").code == 0
    assert json.loads(metadata.read_text())["source"] == "made up for tests"
    assert (
        command("prices", "seal", "ACME", "--source", "made up anew", "--adjust", "none").code == 0
    )
    sealed = json.loads(metadata.read_text())
    assert (sealed["source"], sealed["adjust"], sealed["rows"]) == ("made up anew", "none", 30)
    checkout.edit("data/borrow/ACME.csv", "0.36", "0.37", sealed=False)
    assert command("prices", "seal", "ACME", "--borrow").code == 0
    assert command("run", "beats", *MADE_UP).code == 0


def test_a_file_that_is_not_good_is_not_sealed(command, checkout):
    before = (checkout.root / "data/events/news.meta.json").read_bytes()
    checkout.write("data/events/news.csv", NEWS.replace("minute", "hour"), sealed=False)
    outcome = command("events", "seal", "news")
    assert outcome.code == 3
    assert "news.csv: 2 problems" in outcome.err
    assert (checkout.root / "data/events/news.meta.json").read_bytes() == before


# help, and the program as a process


def test_version(command):
    outcome = command("--version")
    assert (outcome.code, outcome.out) == (0, "backtest 0.1.0\n")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_an_example(command, words):
    outcome = command(*words, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.search(rf"Examples?: `backtest {' '.join(words)}", outcome.out)
    assert too_wide(outcome.out, 80) == []


def test_help_imports_nothing_heavy():
    heavy = ("pandas", "numpy", "backtrader", "quantstats", "exchange_calendars", "matplotlib")
    asks = [["--help"], *([*words, "--help"] for words in COMMANDS)]
    code = f"""
import sys
from backtest.cli.main import main
for words in {asks!r}:
    sys.argv = ["backtest", *words]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, words
    found = [name for name in {heavy!r} if name in sys.modules]
    assert not found, (words, found)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def process(checkout, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = "from backtest.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=checkout.root / "data",  # found from inside the checkout
        env={**os.environ, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_the_program_as_a_process(checkout):
    done = process(checkout, "run", "beats", *MADE_UP, NO_COLOR="1", PYTHONIOENCODING="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert "A made-up beat (a beat)" in done.stdout
    assert "\x1b" not in done.stdout
    assert len(list(checkout.root.glob("reports/beats-ACME-*/run.json"))) == 1
    failed = process(checkout, "run", "beatz", *MADE_UP)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == (
        "error: There is no strategy 'beatz'. Did you mean 'beats'? Known: beats, owner.\n"
    )


def test_a_reader_that_goes_away_is_no_error(checkout):
    program = "from backtest.cli.main import main; main()"
    shell = f"'{sys.executable}' -c '{program}' events list --json | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell],
        cwd=checkout.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[", "")


def test_a_strategy_that_fails_does_not_hide_the_others(run_made_up, checkout):
    checkout.strategy("broken", "return 1 / 0")
    outcome = run_made_up()
    assert outcome.code == 2
    assert "beats · ACME" in outcome.out
    assert "ZeroDivisionError" in outcome.err


def test_compare_says_what_was_set_differently(run_made_up, command):
    run_made_up("beats")
    run_made_up("beats", "--set", "hold=5", "--slippage", "20", "--cash", "50000")
    runs = json.loads(command("list", "runs", "--json").out)
    ids = [made["run_id"] for made in runs]
    lines = [line.split() for line in command("compare", *ids).out.splitlines()]
    assert ["beats.hold", "5", "3"] in lines
    assert ["rules.slippage_bps", "20.0", "5.0"] in lines
    assert ["rules.cash", "50000.0", "100000.0"] in lines
    assert sum(line.count("INDX") for line in lines) == 2  # the benchmark of each amount of cash


def test_compare_of_runs_that_are_alike_says_nothing_of_settings(run_made_up, command):
    run_made_up()
    assert "Set differently" not in command("compare").out


def test_the_places_of_runs_can_be_compared_as_printed(run_made_up, command):
    ids = run_made_up().out.splitlines()[-1].removeprefix("Side by side: backtest compare ")
    assert command("compare", *ids.split()).code == 0


def test_a_reader_that_goes_away_is_no_fault(checkout):
    script = f"{sys.executable} -c 'from backtest.cli.main import main; main()' run"
    folders = f"--symbol ACME --benchmark INDX --no-tearsheet --data {checkout.root}/data"
    where = f"--strategies {checkout.root}/strategies --out {checkout.root}/reports"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script} {folders} {where} | head -1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ACME from 2025-06-02")


def test_runs_are_compared_also_outside_of_a_checkout(run_made_up, command, monkeypatch, tmp_path):
    run_made_up()
    outside = tmp_path / "outside"
    outside.mkdir()
    reports = tmp_path / "reports"
    monkeypatch.chdir("/")
    assert command("compare", "--out", str(reports)).code == 0
    assert command("list", "runs", "--out", str(reports)).code == 0


def test_an_unknown_symbol_of_events_is_answered_with_the_nearest(command):
    outcome = command("events", "list", "--symbol", "acme")
    assert outcome.code == 2
    assert "Did you mean 'ACME'?" in outcome.err
