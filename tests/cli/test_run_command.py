"""`backtest run` on the made-up checkout, as a user types it."""

import json
import re
from pathlib import Path

import pytest

from tests.commands import MADE_UP, rows, too_wide, words
from tests.made_up_universe import CORP, write_members


def test_run_replays_every_strategy_and_shows_a_line_for_each(run_made_up, checkout):
    outcome = run_made_up()
    assert (outcome.code, outcome.err) == (0, "")
    assert "ACME from 2025-06-02 to 2025-07-15, start 100,000 $, benchmark INDX" in outcome.out
    for line in (
        r"beats +1 +\+1\.4 % +0\.0 % +5\.09 +too few separate occasions",
        r"owner +1 +\+29\.9 % .*held from the",
        r"ACME held +\+30\.0 %",
        r"INDX benchmark +\+2\.0 %",
    ):
        assert re.search(f"^{line}", outcome.out, re.MULTILINE)
    assert "A made-up beat" not in outcome.out
    folders = sorted(path.parent.name for path in checkout.root.glob("reports/*/run.json"))
    assert [re.sub("-[0-9a-f]{10}$", "", name) for name in folders] == ["beats-ACME", "owner-ACME"]
    for name in folders:
        assert f"reports/{name}/index.html" in outcome.out
        assert sorted(path.name for path in (checkout.root / "reports" / name).iterdir()) == [
            "bars.csv", "decisions.csv", "equity.csv", "index.html", "orders.csv", "run.json",
            "trades.csv",
        ]  # fmt: skip


def test_a_strategy_that_is_named_shows_its_figures_trades_and_events(run_made_up):
    for outcome in (run_made_up("beats"), run_made_up("beats", "-v"), run_made_up("-v")):
        assert (outcome.code, outcome.err) == (0, "")
        assert re.search(r"^Side +Shares +Entered +Entry \$ +Left", outcome.out, re.MULTILINE)
        trade = r"long +485 +2025-06-05 +103\.05 +2025-06-10 +105\.95 +\+2\.8 % +\+1,399$"
        assert re.search(trade, outcome.out, re.MULTILINE)
        assert "left by time · A made-up beat (a beat)" in outcome.out
        assert "expectancy +1,399 $" in words(outcome.out)
        assert re.search(r"2025-06-27 +no signal +not a beat +A made-up miss", outcome.out)
    one = run_made_up("beats").out
    assert re.search(r"^Total return +\+1\.4 % +\+30\.0 % +\+2\.0 %$", one, re.MULTILINE)


def test_what_says_nothing_leaves_no_empty_brackets_and_no_bare_colon(
    run_made_up, command, checkout
):
    checkout.strategy("mute", "return Signal.long(event, hold=3)")
    out = run_made_up("mute").out
    assert "A made-up beat\n" in re.sub(" +\n", "\n", out)
    assert "()" not in out
    assert "()" not in command("report", "mute", "--format", "md").out
    checkout.strategy("mute", "raise ValueError")
    assert re.search(r"failed on earnings-\S+: ValueError\n", run_made_up("mute").err)
    checkout.strategy("mute", "return ''")
    assert "with ''. on_event answers with a Signal, or with a text" in run_made_up("mute").err


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
    assert "owner " in outcome.out
    assert "beats · ACME" not in outcome.out
    assert len(list(checkout.root.glob("reports/*/run.json"))) == 1


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
    assert "No trade: not tradable, 2 of 2 events." in outcome.out
    assert re.search(r"2025-06-04 +not tradable +before the first", outcome.out)
    assert re.search(r"2025-06-27 +not tradable +after the last", outcome.out)
    assert len(rows(checkout, "equity.csv")) == 9
    first, second = rows(checkout, "decisions.csv")
    assert first["reason"] == "before the first session of the replay, 2025-06-09"
    assert second["reason"] == "after the last price of ACME in the replay, 2025-06-20"
    told = [(row["action"], row["tradable_session"]) for row in (first, second)]
    assert told == [("not_tradable", "")] * 2


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
        "prices/ACME", "prices/INDX", "borrow/ACME", "events/earnings/ACME",
        "events/stake_disclosure/ACME", "events/short_report/ACME", "events/news/ACME",
    }  # fmt: skip
    assert "Infinity" not in outcome.out
    assert "NaN" not in outcome.out


def test_a_run_that_exists_is_shown_and_not_repeated_unless_forced(run_made_up, checkout):
    first = run_made_up("beats")
    before = checkout.snapshot()
    second = run_made_up("beats")
    (asked_for,) = {name for name, text in checkout.snapshot().items() if before.get(name) != text}
    assert asked_for.endswith("/requested_at")
    assert "1 of 1 had been run before with the same inputs and was not run again" in words(
        second.out
    )
    assert second.out.startswith(first.out.split("\nbeats: ")[0].rstrip())
    forced = run_made_up("beats", "--force")
    assert "run before" not in forced.out
    manifest = next(name for name in before if name.endswith("run.json"))
    after = checkout.snapshot()
    assert after[manifest] != before[manifest]  # it was finished later
    assert {n for n in after if after[n] != before.get(n)} <= {
        manifest, manifest.replace("run.json", "index.html"), asked_for,
        "reports/index.html",  # which tells the minute
    }  # fmt: skip


@pytest.mark.parametrize("settings", [(), ("--set", "weight=0.25")])
def test_a_parameter_that_all_strategies_have_needs_no_name(run_made_up, checkout, settings):
    checkout.edit(
        "strategies/owner.py", "    listens_to", "    weight: float = 1.0\n    listens_to"
    )
    assert run_made_up(*settings).code == 0
    told = [json.loads(path.read_text()) for path in checkout.root.glob("reports/*/run.json")]
    wanted = {0.25} if settings else {0.5, 1.0}
    assert {one["parameters"]["weight"] for one in told} == wanted


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


def test_columns_for_which_there_is_no_room_are_named(run_made_up, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "55")
    several = words(run_made_up("beats", "owner").out)
    assert "No room for Sharpe, Drawdown: in a wider terminal" in several
    assert "No room for Entry $, Exit $: in a wider terminal" in words(run_made_up("beats").out)
    listed = words(command("events", "list").out)
    assert "No room for Grade, Precise, Public, New York: in a wider terminal" in listed


def test_in_the_narrowest_terminal_a_trade_has_a_line_and_no_word_is_cut(
    run_made_up, checkout, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "40")
    checkout.edit("data/events/earnings.csv", "A made-up beat", "beat-" * 12 + "end")
    out = run_made_up("beats").out
    assert re.search(r"^long +2025-06-05 +\+2\.8 % +\+1,399$", out, re.MULTILINE)
    assert "beat-" * 12 + "end" in re.sub(r"\s+", "", out)


@pytest.mark.parametrize("width", range(50, 60))
def test_no_line_ends_between_a_figure_and_its_unit(run_made_up, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert not re.search(r"\d *\n *%", run_made_up("beats").out)


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(run_made_up, command, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    outcome = run_made_up()
    assert too_wide(outcome.out, width) == []
    for asked in (("compare",), ("list", "runs"), ("list", "strategies"), ("events", "list")):
        assert too_wide(command(*asked).out, width) == []


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


def test_a_label_and_the_name_of_costs_are_shown_as_they_are(run_made_up, command, checkout):
    figures = '[figures]\nslippage_bps = 7\n[sources]\nslippage = "made up"\n'
    costs = checkout.write("low [b].toml", figures)
    label = "old [red] :smile: [/b]"
    for outcome in (
        run_made_up("beats", "--label", label, "--costs", str(costs)),
        command("compare", label),
    ):
        assert (outcome.code, outcome.err) == (0, "")
        assert label in words(outcome.out)
    assert label in command("report", label, "--format", "json").out
    assert "Costs: low [b], " in run_made_up("beats", "--costs", str(costs)).out


def test_a_strategy_that_fails_does_not_hide_the_others(run_made_up, checkout):
    checkout.strategy("broken", "return 1 / 0")
    outcome = run_made_up()
    assert outcome.code == 2
    assert "beats " in outcome.out
    assert "ZeroDivisionError" in outcome.err


SYNTAX = "class Broken(Strategy)\n    pass\n"


def test_a_file_that_does_not_load_is_left_out_and_told_at_the_end(run_made_up, command, checkout):
    checkout.write("strategies/askew.py", SYNTAX)
    outcome = run_made_up()
    assert outcome.code == 2
    assert "beats " in outcome.out
    assert "owner " in outcome.out
    assert outcome.err.startswith("error: askew was left out: ")
    assert "askew.py does not load: SyntaxError" in outcome.err
    assert "line 1: class Broken(Strategy)" in outcome.err
    as_json = run_made_up("--json")
    assert as_json.code == 2
    assert [made["strategy"] for made in json.loads(as_json.out)] == ["beats", "owner"]
    for asked in (("compare",), ("list", "strategies"), ("list", "runs")):
        assert command(*asked).code == 0


def test_a_file_that_does_not_load_is_an_error_where_it_is_named_or_alone(run_made_up, checkout):
    checkout.write("strategies/askew.py", SYNTAX)
    named = run_made_up("beats", "askew")
    assert (named.code, named.out, checkout.snapshot()) == (2, "", {})
    assert "line 1: class Broken(Strategy)" in named.err
    for name in ("beats", "owner"):
        (checkout.root / f"strategies/{name}.py").unlink()
    alone = run_made_up()
    assert (alone.code, alone.out) == (2, "")
    assert "askew was left out: " in alone.err


NEEDY = """
from backtest import Signal, Strategy
from backtest.events import Earnings, MacroDate

class Needy(Strategy):
    \"\"\"Needs what is not there.\"\"\"

    listens_to = ({kind},)
    {names} = {symbols}

    def on_event(self, event, market):
        return Signal.long(event, hold=1)
"""


@pytest.mark.parametrize(
    ("kind", "names", "symbols", "told"),
    [
        ("Earnings", "trades_also", ("CORP",), ["needy hedges with CORP", "--universe three"]),
        ("Earnings", "looks_at", ("CORP",), ["needy looks at CORP", "choose --universe three"]),
        ("Earnings", "trades_also", ("INDX",), ["INDX has closes alone", "`backtest prices fetch"]),
        ("Earnings", "looks_at", ("NONE",), ["no price file", "'NONE'", "needy looks at NONE"]),
        ("MacroDate", "looks_at", (), ["macro_dates.csv is missing", "`backtest events import"]),
    ],
)
def test_a_strategy_that_lacks_its_data_is_not_run_and_the_others_are(
    run_made_up, checkout, kind, names, symbols, told
):
    write_members(checkout, "symbol,first,last\nCORP,,\n")
    checkout.write("data/universes/three/prices/CORP.csv", CORP)
    checkout.write("strategies/needy.py", NEEDY.format(kind=kind, names=names, symbols=symbols))
    outcome = run_made_up()
    assert outcome.code == 0
    assert "beats " in outcome.out
    assert "owner " in outcome.out
    (line,) = outcome.err.splitlines()
    assert line.startswith("needy was not run. ")
    assert all(text in line for text in told)
    alone = run_made_up("needy")
    assert (alone.code, alone.out, alone.err) == (2, "", f"error: {line[19:]}\n")


def test_why_there_is_no_trade_is_told(run_made_up):
    out = words(run_made_up("beats", "--cash", "50").out)
    assert (
        "No trade: no room (not one share fits the weight, the cash and the gross limit), 1 of 2 "
        "events." in out
    )
    assert re.search(r"Max drawdown 0\.0 %", out)
