"""`compare`, `list`, `events` and `prices` on the made-up checkout, as a user types them."""

import json
import re

import pytest

from backtest.cli import show
from docs.tools.commands import commands
from tests.commands import MADE_UP, rows, too_wide, words
from tests.made_up import NEWS

# compare


def test_compare_puts_the_latest_run_of_each_strategy_side_by_side(run_made_up, command):
    run_made_up("beats")
    run_made_up("owner")
    run_made_up("beats", "--set", "hold=5")
    outcome = command("compare")
    assert outcome.code == 0
    # five sessions from 103 to 108: 485 × (108 × 0.9995 − 103 × 1.0005) − 4.85 is 2,345
    assert re.search(
        r"^Final equity \$ +102,3\d\d +129,9\d\d +130,000 +102,000$", outcome.out, re.MULTILINE
    )
    assert [line.split()[0] for line in outcome.out.splitlines()[3:] if line] == [
        "Trades", "Win", "Total", "CAGR", "Volatility", "Sharpe", "Sortino", "Max", "Calmar",
        "Exposure", "Commission", "Borrow", "Final", "Profit", "Expectancy", "Average", "Average",
        "Payoff", "Best", "Worst", "SQN", "Winning", "Losing", "MAE", "MFE",
        "Holding", "Longest", "Turnover", "Alpha",
        "Beta", "Alpha", "Beta", "p-value", "p-value,", "Mean", "95", "95", "Detectable",
        "Trials", "p-value:", "Mean", "An", "The",
    ]  # fmt: skip


def test_compare_takes_strategies_run_ids_and_folders(run_made_up, command, checkout):
    run_made_up("beats")
    old = next((checkout.root / "reports").glob("beats-*")).name
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
    asked = "Side by side: backtest compare "
    (ids,) = [line for line in run_made_up().out.splitlines() if line.startswith(asked)]
    assert command("compare", *ids.removeprefix(asked).split()).code == 0


def test_runs_are_compared_also_outside_of_a_checkout(run_made_up, command, monkeypatch, tmp_path):
    run_made_up()
    outside = tmp_path / "outside"
    outside.mkdir()
    reports = tmp_path / "reports"
    monkeypatch.chdir("/")
    assert command("compare", "--out", str(reports)).code == 0
    assert command("list", "runs", "--out", str(reports)).code == 0


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


def test_the_latest_run_is_the_one_requested_last_though_it_was_there_already(command, run_made_up):
    run_made_up("beats")
    run_made_up("beats", "--set", "hold=5")
    run_made_up("beats")
    listed = json.loads(command("list", "runs", "--json").out)
    assert [run["parameters"]["hold"] for run in listed] == [3, 5]
    (compared,) = json.loads(command("compare", "--json").out)[:1]
    assert compared["run_id"] == listed[0]["run_id"]
    assert (
        json.loads(command("report", "beats", "--format", "json").out)["run_id"]
        == (listed[0]["run_id"])
    )


def test_a_name_that_fits_a_damaged_run_too_says_so(command, run_made_up, checkout):
    run_made_up("beats")
    run_made_up("beats", "--set", "hold=5")
    listed = json.loads(command("list", "runs", "--json").out)
    damaged = checkout.root / "reports" / f"beats-ACME-{listed[0]['run_id']}" / "trades.csv"
    damaged.unlink()
    for told in (command("compare", "beats"), command("report", "beats", "--format", "json")):
        assert told.code == 0
        assert f"Left out: {damaged} is damaged" in told.err


def test_run_ids_are_shown_whole_for_they_are_what_a_user_types(
    command, run_made_up, checkout, monkeypatch
):
    run_made_up("owner", "--out", "reports")
    for cash in range(8):
        run_made_up("beats", "--cash", str(1000 + cash))
    ids = [folder.name[-10:] for folder in (checkout.root / "reports").glob("*-ACME-*")]
    assert len(ids) == 9
    for width in (60, 80, 100):
        monkeypatch.setenv("COLUMNS", str(width))
        for told in (command("list", "runs").out, command("compare", *ids).out):
            assert all(name in told for name in ids)
            assert too_wide(told, width) == []


@pytest.mark.parametrize("width", ["0", "00", "", "abc", "-80", "²"])
def test_what_is_no_width_in_columns_does_not_count(command, monkeypatch, width):
    monkeypatch.delenv("COLUMNS")
    whole = command("list", "strategies").out
    monkeypatch.setenv("COLUMNS", width)
    assert command("list", "strategies").out == whole
    monkeypatch.setenv("COLUMNS", width)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert show.console().width > 0


@pytest.mark.parametrize(
    ("width", "missing"),
    [(100, []), (70, ["From"]), (60, ["From", "Trades"])],
)
def test_a_narrow_list_of_runs_spares_what_tells_least(
    command, run_made_up, checkout, monkeypatch, width, missing
):
    (checkout.root / "strategies/owner.py").rename(
        checkout.root / "strategies/owner_for_a_while.py"
    )
    run_made_up()
    run_made_up("beats", "--from", "2025-06-03")
    monkeypatch.setenv("COLUMNS", str(width))
    heads, _, newest, *rest = command("list", "runs").out.splitlines()
    headers = ["Run", "Strategy", "Variant", "From", "Trades", "Return"]
    assert heads.split() == [name for name in headers if name not in missing]
    assert "beats" in newest
    told = words("\n".join(rest))
    assert "owner_for_a_while" in told
    assert "All runs: symbol ACME, to 2025-07-15." in told
    note = f"No room for {', '.join(missing)}: in a wider terminal, and with --json."
    assert (note in told) is bool(missing)


def variants(command, *arguments):
    listed = json.loads(command("list", "runs", *arguments, "--json").out)
    return [" · ".join(run["variant"]) for run in listed]


def test_runs_have_names_by_which_they_are_found(command, run_made_up, checkout):
    (checkout.root / "cheap.toml").write_text("[figures]\nslippage_bps = 1\n")
    run_made_up("beats")
    run_made_up("beats", "--set", "hold=5", "--costs", "cheap.toml", "--cash", "5000")
    run_made_up(
        "beats", "--from", "2025-06-03", "--to", "2025-07-01", "--slippage", "0", "--label", "mine"
    )
    run_made_up("owner")
    five, bare = "hold 5 · cheap · 5,000 $ · INDX", "INDX"
    mine, owner = "slippage 0 bp · INDX · from 2025-06-03 · to 2025-07-01", "INDX"
    assert variants(command) == [owner, mine, five, bare]
    assert variants(command, "beats") == [mine, five, bare]
    assert variants(command, "mine") == [mine]
    assert variants(command, "ow*") == [owner]
    assert variants(command, "beats", "--set", "hold=5.0") == [five]
    assert variants(command, "--since", "2999-01-01") == []
    run = json.loads(command("list", "runs", "mine", "--json").out)[0]
    assert run["label"] == "mine"
    for name in (run["run_id"], run["run_id"][:6], run["path"], "mine"):
        assert (
            json.loads(command("report", name, "--format", "json").out)["run_id"] == (run["run_id"])
        )
    both = words(command("compare", "beats", "--all").out)
    for word in ("hold 5", "cheap", "5,000 $", "mine", "INDX", "Unlike is compared here"):
        assert word in both
    assert "hold 5" not in words(command("compare", "beats").out)


def test_a_name_that_fits_several_or_none_says_which_there_are(command, run_made_up):
    run_made_up("beats")
    run_made_up("beats", "--set", "hold=5")
    several = command("report", "beats-*")
    assert (several.code, several.out) == (2, "")
    assert "'beats-*' fits 2 runs: beats-ACME-" in several.err
    assert "(hold 5 · INDX)" in several.err
    none = command("compare", "beatz")
    assert "There is no run 'beatz'. Did you mean 'beats'? Known: beats " in none.err
    wrong = command("list", "runs", "--set", "hol=5")
    assert "There is no parameter of these runs 'hol'. Did you mean 'hold'?" in wrong.err


def test_a_label_and_a_note_stay_with_their_run(command, run_made_up):
    run_made_up("beats", "--label", "first try", "--note", "before the merger")
    run_made_up("beats", "--force")
    run_made_up("beats")
    (run,) = json.loads(command("list", "runs", "--json").out)
    assert (run["label"], run["note"]) == ("first try", "before the merger")
    told = command("list", "runs").out
    assert "first try · INDX" in told
    assert "before the merger" in told
    bad = run_made_up("beats", "--label", "two\nlines")
    assert bad.code == 2
    assert "The label 'two\\nlines' is not one line of printable text" in bad.err


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
    for six in ("6", "6m"):
        asked = ("events", "list", "--kind", "news", "--reaction", six, "--json")
        late = json.loads(command(*asked).out)
        assert late[0]["tradable_session"] == "2025-06-13"  # 09:24 and six minutes are the open


def test_wherever_a_reaction_is_taken_it_may_be_a_time():
    helps = {
        path: option.help
        for path, one in commands().items()
        for option in one.params
        if "--reaction" in option.opts
    }
    assert {"backtest run", "backtest study", "backtest events show"} <= helps.keys()
    assert [path for path, told in helps.items() if "30m or 2h" not in told] == []


def test_events_list_as_a_table(command):
    out = words(command("events", "list").out)
    assert re.search(
        r"earnings-20250604-[0-9a-f]{6} 2025-06-04 16:05 exact 2025-06-05 A ACME: A made-up beat",
        out,
    )
    assert re.search(
        r"short_report-20250629-[0-9a-f]{6} 2025-06-29 23:59 week – – ACME: A made-up rumour "
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
    assert shown.pop("provenance")["line"] == 2
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
        "symbol": "ACME", "bars": "daily", "first": "2025-06-02", "last": "2025-07-15",
        "sessions": 30, "columns": "open high low close volume", "adjust": None,
        "source": "made up for tests",
    }  # fmt: skip
    assert (indx["sessions"], indx["columns"]) == (31, "close")
    out = words(command("prices", "list").out)
    assert "ACME daily 2025-06-02 to 2025-07-15 30 sessions open high low close volume" in out
    assert "INDX daily 2025-05-30 to 2025-07-15 31 sessions close" in out


def test_prices_without_an_adjust_mode_are_shown_beside_others(command):
    command("prices", "seal", "INDX", "--adjust", "splits")
    assert "Adjusted: –. made up for tests INDX" in words(command("prices", "list").out)
    acme, indx = json.loads(command("prices", "list", "--json").out)
    assert (acme["adjust"], indx["adjust"]) == (None, "splits")


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


def test_an_unknown_symbol_of_events_is_answered_with_the_nearest(command):
    outcome = command("events", "list", "--symbol", "acme")
    assert outcome.code == 2
    assert "Did you mean 'ACME'?" in outcome.err


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (60, "Id Tradable"),
        (70, "Id Public, New York Tradable"),
        (80, "Id Public, New York Precise Tradable Grade"),
    ],
)
def test_events_list_names_the_symbol_at_every_width(command, monkeypatch, width, columns):
    monkeypatch.setenv("COLUMNS", str(width))
    heads, first, below, *_ = command("events", "list").out.splitlines()
    assert " ".join(heads.split()) == columns
    assert below.strip() == "ACME: A made-up beat"
    assert too_wide(heads + "\n" + first, width) == []
