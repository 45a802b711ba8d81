"""Bad input: one clear message, the exit code of the design, nothing half written."""

import os
import re
import signal
import subprocess
import sys

import pytest

from backtest.errors import UsageError
from tests.made_up import ACME, BORROW, EARNINGS, INDX, Checkout

PRICES, EVENTS, RATES = "data/prices/ACME.csv", "data/events/earnings.csv", "data/borrow/ACME.csv"
MADE_UP = ("--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet")
WRONG_USE, BAD_DATA, INTERRUPTED = 2, 3, 130


def edit(name: str, old: str, new: str):
    return lambda checkout: checkout.edit(name, old, new)


def unsealed(name: str, old: str, new: str):
    return lambda checkout: checkout.edit(name, old, new, sealed=False)


def write(name: str, text: str):
    return lambda checkout: checkout.write(name, text)


def remove(name: str):
    return lambda checkout: (checkout.root / name).unlink()


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


FIRST = "2025-06-02,100.00,102.00,98.00,101.00,1000\n"
SECOND = "2025-06-03,101.00,103.00,99.00,102.00,1001\n"
BAD_FILES = {
    "prices missing": (remove(PRICES), WRONG_USE, ["symbol 'ACME'", "Known: INDX"]),
    "prices empty": (write(PRICES, ""), BAD_DATA, ["ACME.csv is empty", "header line"]),
    "prices blank": (write(PRICES, "\n \n"), BAD_DATA, ["ACME.csv is empty"]),
    "prices without rows": (write(PRICES, lines(ACME)[0]), BAD_DATA, ["a header but no row"]),
    "prices with a wrong column": (
        edit(PRICES, "date,open,high", "date,open,hi"),
        BAD_DATA,
        ["ACME.csv, line 1: no column 'high'", "Needed: date, open, high, low, close, volume"],
    ),
    "prices without dates": (
        edit(PRICES, "date,open", "day,open"),
        BAD_DATA,
        ["ACME.csv, line 1: no column 'date'", "Needed: date, close"],
    ),
    "a bad number": (
        edit(PRICES, FIRST, FIRST.replace("98.00", "cheap")),
        BAD_DATA,
        ["ACME.csv: 1 problem", "line 2, column low: 'cheap' is not a number above 0"],
    ),
    "a price of NaN": (
        edit(PRICES, SECOND, SECOND.replace("102.00", "nan")),
        BAD_DATA,
        ["line 3, column close: 'nan' is not a number above 0"],
    ),
    "a negative price": (
        edit(PRICES, FIRST, FIRST.replace("98.00", "-98.00")),
        BAD_DATA,
        ["line 2, column low: '-98.00' is not a number above 0"],
    ),
    "high below low": (
        edit(PRICES, FIRST, FIRST.replace("102.00", "97.00")),
        BAD_DATA,
        ["line 2: high 97 is below low 98; the high is the session's highest price"],
    ),
    "a duplicate date": (
        edit(PRICES, SECOND, SECOND + SECOND),
        BAD_DATA,
        ["line 4, column date: 2025-06-03 repeats line 3; one row a session, oldest first"],
    ),
    "dates out of order": (
        edit(PRICES, FIRST + SECOND, SECOND + FIRST),
        BAD_DATA,
        ["line 3, column date: 2025-06-02 comes before line 2"],
    ),
    "a gap against the calendar": (
        edit(PRICES, SECOND, ""),
        BAD_DATA,
        ["no row for the session 2025-06-03: a gap against the calendar XNYS"],
    ),
    "a day without a session": (
        edit(PRICES, "2025-06-20,", "2025-06-19,"),
        BAD_DATA,
        ["line 15, column date: 2025-06-19 is not a session of XNYS", "session 2025-06-20"],
    ),
    "prices that changed": (
        unsealed(PRICES, FIRST, FIRST.replace("98.00", "99.00")),
        BAD_DATA,
        ["ACME.csv changed since its metadata were written", "`backtest prices seal ACME`"],
    ),
    "prices without metadata": (
        remove("data/prices/ACME.meta.json"),
        BAD_DATA,
        ["no metadata file ACME.meta.json", "`backtest prices seal ACME --source"],
    ),
    "an event file missing": (remove(EVENTS), BAD_DATA, ["earnings.csv is missing"]),
    "an event file empty": (write(EVENTS, ""), BAD_DATA, ["earnings.csv is empty"]),
    "an event without a zone": (
        edit(EVENTS, "16:05:00-04:00", "16:05:00"),
        BAD_DATA,
        ["line 2, column published_at: '2025-06-04T16:05:00': has no zone; write one, such as"],
    ),
    "an event with an unknown column": (
        edit(EVENTS, "eps_consensus,", "eps_consensu,"),
        BAD_DATA,
        ["line 1, column 'eps_consensu': not a column of earnings; did you mean 'eps_consensus'?"],
    ),
    "an event twice": (
        write(EVENTS, EARNINGS + lines(EARNINGS)[1]),
        BAD_DATA,
        ["line 4: repeats line 2", "remove one"],
    ),
    "an event that strategies only look at": (
        edit("data/events/news.csv", "ACME,2025-06-12T09:24:00-04:00", "ACME,2025-06-12"),
        BAD_DATA,
        ["news.csv: 1 problem", "line 2, column published_at"],
    ),
    "a borrow rate above its bound": (
        edit(RATES, "0.36", "101"),
        BAD_DATA,
        ["borrow/ACME.csv: 1 problem", "line 3, column annual_rate: '101' is not a fraction"],
    ),
    "a borrow date twice": (
        edit(RATES, "2025-06-23", "2025-06-02"),
        BAD_DATA,
        ["line 3, column date: 2025-06-02 is there twice"],
    ),
    "borrow rates without a column": (
        write(RATES, BORROW.replace("annual_rate", "rate")),
        BAD_DATA,
        ["no column 'annual_rate'", "Needed: symbol, date, annual_rate"],
    ),
    "a benchmark that ends early": (
        write("data/prices/INDX.csv", "".join(lines(INDX)[:-1])),
        BAD_DATA,
        ["benchmark INDX has no close on 2025-07-15", "choose another --benchmark"],
    ),
    "a strategy with a syntax error": (
        edit("strategies/beats.py", "return Signal.long(", "return Signal.long(("),
        WRONG_USE,
        ["beats.py does not load: SyntaxError", "line 19: return Signal.long("],
    ),
    "a strategy with a wrong import": (
        edit("strategies/beats.py", "import Earnings", "import Earning"),
        WRONG_USE,
        ["beats.py does not load: ImportError", "line 6: from backtest.events import Earning"],
    ),
    "a strategy that fails while its class is made": (
        edit("strategies/beats.py", "Field(3, ge=1, le=20", "Field(3, ge=undefined_name"),
        WRONG_USE,
        ["does not load: NameError", "line 13: hold: int = Field(3, ge=undefined_name"],
    ),
    "a file without a strategy": (
        write("strategies/beats.py", "import backtest\n"),
        WRONG_USE,
        ["must define one subclass of Strategy or EventStrategy; it defines none"],
    ),
    "a strategy that fails on an event": (
        edit("strategies/beats.py", 'return "not a beat"', "return 1 / 0"),
        WRONG_USE,
        ["Beats failed on earnings-20250627-", "ZeroDivisionError", "line 18: return 1 / 0"],
    ),
    "a strategy that answers nothing": (
        edit("strategies/beats.py", 'return "not a beat"', "return None"),
        WRONG_USE,
        ["Beats answered earnings-20250627-", "with None", "with a text that says why"],
    ),
    "a strategy whose kinds are no tuple": (
        edit("strategies/beats.py", "(Earnings,)", "Earnings"),
        WRONG_USE,
        ["beats.py", "listens_to"],
    ),
}


FAILING_ON_BACKTRADER = """\
from backtest import EventStrategy
from backtest.events import Earnings


class Failing(EventStrategy):
    listens_to = (Earnings,)

    def notify_event(self, event):
        1 / 0
"""


def fails(outcome, code: int, told: list[str], checkout: Checkout, before: dict[str, bytes]):
    assert outcome.code == code
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("error: ") == 1
    assert "Traceback" not in outcome.err
    for text in told:
        assert text in outcome.err
    assert checkout.snapshot() == before


@pytest.mark.parametrize(("spoil", "code", "told"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_one_clear_message_and_writes_nothing(
    run_made_up, checkout, spoil, code, told
):
    spoil(checkout)
    fails(run_made_up("beats"), code, told, checkout, {})


def test_a_backtrader_strategy_that_fails_on_an_event_is_told_alike(run_made_up, checkout):
    checkout.write("strategies/failing.py", FAILING_ON_BACKTRADER)
    told = ["Failing failed on earnings-20250604-", "ZeroDivisionError", "line 9: 1 / 0"]
    fails(run_made_up("failing"), WRONG_USE, told, checkout, {})


COSTS = {
    "an unknown preset": (
        None,
        "chaep",
        WRONG_USE,
        ["no file or preset of costs 'chaep'. Did you"],
    ),
    "not TOML": ("[figures", "cheap", BAD_DATA, ["cheap.toml is not readable TOML"]),
    "no figures": (
        "slippage_bps = 1",
        "cheap",
        BAD_DATA,
        ["cheap.toml must hold a table [figures]"],
    ),
    "an unknown figure": (
        "[figures]\nslipage_bps = 1",
        "cheap",
        WRONG_USE,
        ["cheap.toml", "'slipage_bps'. Did you mean 'slippage_bps'?"],
    ),
    "a figure out of bounds": (
        "[figures]\nslippage_bps = -1",
        "cheap",
        WRONG_USE,
        ["slippage_bps -1: Input should be greater than or equal to 0"],
    ),
    "a figure that is no number": (
        "[figures]\nslippage_bps = 'much'",
        "cheap",
        WRONG_USE,
        ["slippage_bps 'much': Input should be a valid number"],
    ),
    "sources that are no table": (
        "sources = 'a broker'\n[figures]\nslippage_bps = 1",
        "cheap",
        BAD_DATA,
        ["cheap.toml", "sources"],
    ),
}


@pytest.mark.parametrize(("text", "name", "code", "told"), COSTS.values(), ids=COSTS)
def test_bad_costs_are_one_clear_message(run_made_up, checkout, text, name, code, told):
    checkout.write("data/costs/cheap.toml", text or "[figures]\nslippage_bps = 1\n")
    fails(run_made_up("beats", "--costs", name), code, told, checkout, {})


WRONG_WORDS = {
    "an unknown strategy": (["beatz"], ["no strategy 'beatz'. Did you mean 'beats'?", "owner"]),
    "an unknown parameter": (
        ["beats", "--set", "hodl=5"],
        ["no parameter of beats 'hodl'. Did you mean 'hold'?", "Known: hold, weight."],
    ),
    "a parameter of one strategy set for all": (
        ["--set", "hold=5"],
        ["no parameter of owner 'hold'", "Known: none"],
    ),
    "a parameter below its bound": (
        ["beats", "--set", "hold=0"],
        ["beats: hold = '0': Input should be greater than or equal to 1"],
    ),
    "a parameter above its bound": (
        ["beats", "--set", "hold=21"],
        ["beats: hold = '21': Input should be less than or equal to 20"],
    ),
    "a parameter of the wrong type": (
        ["beats", "--set", "hold=long"],
        ["beats: hold = 'long': Input should be a valid integer"],
    ),
    "a parameter that is no number": (["beats", "--set", "weight=nan"], ["beats: weight = 'nan'"]),
    "two bad parameters": (
        ["beats", "--set", "hold=0", "--set", "weight=-1"],
        ["hold = '0'", "weight = '-1': Input should be greater than 0"],
    ),
    "a setting without a value": (
        ["beats", "--set", "hold"],
        ["--set 'hold' is not of the form name=value, such as hold=5"],
    ),
    "a setting without a name": (["beats", "--set", "=5"], ["not of the form name=value"]),
    "a setting given twice": (
        ["beats", "--set", "hold=5", "--set", "hold=6"],
        ["--set hold is given twice"],
    ),
    "a day that is none": (["--from", "2025-02-30"], ["--from '2025-02-30' is not a day"]),
    "a day in another form": (["--to", "3/28/2025"], ["--to '3/28/2025' is not a day. Write"]),
    "a span without a session": (
        ["--from", "2025-07-04", "--to", "2025-07-06"],
        ["ACME has no session from 2025-07-04 to 2025-07-06", "from 2025-06-02 to 2025-07-15"],
    ),
    "a span that ends before it begins": (
        ["--from", "2025-07-01", "--to", "2025-06-10"],
        ["ACME has no session from 2025-07-01 to 2025-06-10", "choose --from and --to within"],
    ),
    "a span after the prices": (["--from", "2026-01-01"], ["ACME has no session from 2026-01-01"]),
    "cash of zero": (["--cash", "0"], ["cash 0.0: Input should be greater than 0"]),
    "cash that is no number": (["--cash", "nan"], ["cash nan: Input should be"]),
    "cash without end": (["--cash", "inf"], ["cash inf: Input should be"]),
    "slippage that pays": (["--slippage", "-1"], ["slippage_bps -1.0: Input should be"]),
    "a commission that pays": (["--commission", "-1"], ["commission_per_share -1.0: Input"]),
    "a reaction into the past": (["--reaction", "-5"], ["reaction_minutes -5.0: Input should be"]),
}


@pytest.mark.parametrize(("words", "told"), WRONG_WORDS.values(), ids=WRONG_WORDS)
def test_wrong_use_is_one_clear_message_and_writes_nothing(run_made_up, checkout, words, told):
    fails(run_made_up(*words), WRONG_USE, told, checkout, {})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--symbol", "ACMD", "--benchmark", "INDX"], ["symbol 'ACMD'. Did you mean 'ACME'?"]),
        (["--symbol", "ACME", "--benchmark", "INDY"], ["symbol 'INDY'. Did you mean 'INDX'?"]),
        (
            ["--symbol", "INDX", "--benchmark", "INDX"],
            ["INDX has closes alone, so it can be a benchmark but not be traded"],
        ),
        (["--symbol", "../prices/ACME", "--benchmark", "INDX"], ["no price file"]),
    ],
    ids=["unknown stock", "unknown benchmark", "stock with closes alone", "a path"],
)
def test_a_wrong_symbol_is_answered_with_what_is_there(command, checkout, words, told):
    fails(command("run", "beats", "--no-tearsheet", *words), WRONG_USE, told, checkout, {})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["compare"], ["There is no run in", "Make one with `backtest run`"]),
        (["compare", "beats"], ["There is no run 'beats'", "make one with `backtest run`"]),
        (["events", "show", "earnings-20250604-000000"], ["Did you mean 'earnings-20250604-"]),
        (["events", "list", "--kind", "earning"], ["Did you mean 'earnings'?"]),
        (["events", "seal", "earning"], ["Did you mean 'earnings'?"]),
        (["events", "list", "--data", "nowhere"], ["The data folder", "BACKTEST_DATA"]),
        (
            ["list", "strategies", "--strategies", "nowhere"],
            ["--strategies or BACKTEST_STRATEGIES"],
        ),
    ],
    ids=" ".join,
)
def test_other_commands_answer_wrong_use_alike(command, checkout, words, told):
    fails(command(*words), WRONG_USE, told, checkout, {})


def test_an_unsealed_file_without_a_source_asks_for_one(command, checkout):
    (checkout.root / "data/prices/ACME.meta.json").unlink()
    fails(
        command("prices", "seal", "ACME"),
        WRONG_USE,
        ["no source on record", "--source"],
        checkout,
        {},
    )
    assert not (checkout.root / "data/prices/ACME.meta.json").exists()
    unknown = command("prices", "seal", "ACMF", "--source", "made up")
    fails(unknown, BAD_DATA, ["ACMF.csv is missing"], checkout, {})


@pytest.mark.parametrize("reaction", ["nan", "inf", "1e300"])
def test_a_reaction_without_end_is_wrong_use(command, reaction):
    outcome = command("events", "list", "--reaction", reaction)
    assert outcome.code == WRONG_USE
    assert "reaction" in outcome.err


@pytest.mark.parametrize("words", [["run", "--bogus"], ["run", "--cash", "much"], ["bogus"]])
def test_wrong_options_are_told_by_the_command_line_itself(command, checkout, words):
    outcome = command(*words)
    assert outcome.code == WRONG_USE
    assert outcome.out == ""
    assert words[1] in outcome.err if len(words) > 1 else words[0] in outcome.err
    assert checkout.snapshot() == {}


def test_outside_of_a_checkout_the_way_out_is_told(command, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    outcome = command("run")
    assert outcome.code == WRONG_USE
    assert "No folder with strategies/ and data/ was found" in outcome.err
    assert "BACKTEST_STRATEGIES" in outcome.err


# Folders that cannot be written


@pytest.mark.parametrize("place", ["a-file", "a-file/below"])
def test_a_reports_folder_that_is_a_file_is_told(run_made_up, checkout, place):
    (checkout.root / "a-file").write_text("mine")
    outcome = run_made_up("beats", "--out", place)
    told = [f"{checkout.root / place}", "cannot be written", "--out"]
    fails(outcome, WRONG_USE, told, checkout, {})
    assert (checkout.root / "a-file").read_text() == "mine"


def test_an_unwritable_reports_folder_is_told(run_made_up, checkout):
    reports = checkout.root / "reports"
    reports.chmod(0o500)
    if os.access(reports, os.W_OK):
        pytest.skip("whoever runs this may write everywhere")
    outcome = run_made_up("beats")
    reports.chmod(0o700)
    fails(outcome, WRONG_USE, ["cannot be written", "--out"], checkout, {})


def test_a_full_disk_leaves_nothing_half_written(run_made_up, checkout, monkeypatch):
    from pathlib import Path

    write_text = Path.write_text

    def full(path, *args, **kwargs):
        if path.name == "equity.csv":
            raise OSError(28, "No space left on device")
        return write_text(path, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    fails(run_made_up("beats"), WRONG_USE, ["No space left on device"], checkout, {})


# Runs that were spoiled


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"run_id": "1"}', '"text"', "\xff"])
@pytest.mark.parametrize("words", [("compare",), ("list", "runs")], ids=" ".join)
def test_a_spoiled_manifest_is_told_with_its_place(run_made_up, command, checkout, text, words):
    run_made_up("owner")
    (manifest,) = checkout.root.glob("reports/*/run.json")
    manifest.write_text(text, encoding="latin-1")
    outcome = command(*words)
    assert outcome.code == BAD_DATA
    assert f"{manifest} is not a readable manifest" in outcome.err


@pytest.mark.parametrize("name", ["trades.csv", "decisions.csv", "equity.csv"])
def test_a_run_that_lost_a_file_is_told_or_run_again(run_made_up, checkout, name):
    run_made_up("beats")
    (path,) = checkout.root.glob(f"reports/*/{name}")
    path.unlink()
    outcome = run_made_up("beats")
    assert "Traceback" not in outcome.err
    assert path.exists() or (outcome.code == BAD_DATA and name in outcome.err)


def test_a_run_that_fails_leaves_older_runs_alone(run_made_up, checkout, monkeypatch):
    run_made_up()
    before = checkout.snapshot()

    def fail(*_: object) -> None:
        raise UsageError("made up")

    monkeypatch.setattr("backtest.engine.timeline.decide", fail)
    fails(run_made_up("--force", "beats"), WRONG_USE, ["made up"], checkout, before)


# Ctrl-C


def test_ctrl_c_in_the_middle_of_a_run_is_one_message_and_writes_nothing(run_made_up, checkout):
    checkout.edit("strategies/beats.py", 'return "not a beat"', "raise KeyboardInterrupt")
    outcome = run_made_up("beats")
    assert (outcome.code, outcome.out) == (INTERRUPTED, "")
    assert outcome.err.startswith("interrupted")
    assert len(outcome.err.splitlines()) == 1
    assert checkout.snapshot() == {}


def test_ctrl_c_while_a_run_is_replaced_keeps_the_older_one(run_made_up, checkout, monkeypatch):
    run_made_up("beats")
    before = checkout.snapshot()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("backtest.runs._decisions_csv", stop)
    outcome = run_made_up("beats", "--force")
    assert outcome.code == INTERRUPTED
    assert checkout.snapshot() == before


def test_ctrl_c_as_a_signal_to_the_process(checkout):
    asleep = 'print("asleep", flush=True) or __import__("time").sleep(60)'
    checkout.edit("strategies/beats.py", 'return "not a beat"', f"return {asleep}")
    program = "from backtest.cli.main import main; main()"
    running = subprocess.Popen(
        [sys.executable, "-c", program, "run", "beats", *MADE_UP],
        cwd=checkout.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout.readline() == "asleep\n"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (INTERRUPTED, "")
    assert re.fullmatch(r"interrupted.*\n", err)
    assert checkout.snapshot() == {}
