"""Bad files, bad costs and spoiled runs: one clear message, the exit code of the design."""

import pytest

from tests.commands import BAD_DATA, WRONG_USE, fails
from tests.made_up import ACME, BORROW, EARNINGS, INDX

PRICES, EVENTS, RATES = "data/prices/ACME.csv", "data/events/earnings.csv", "data/borrow/ACME.csv"


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


# Runs that were spoiled


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"run_id": "1"}', '"text"', "\xff"])
@pytest.mark.parametrize("words", [("compare",), ("list", "runs")], ids=" ".join)
def test_a_spoiled_manifest_is_told_with_its_place(run_made_up, command, checkout, text, words):
    run_made_up("owner")
    (manifest,) = checkout.root.glob("reports/*/run.json")
    manifest.write_text(text, encoding="latin-1")
    outcome = command(*words)
    assert outcome.code == BAD_DATA
    assert f"{manifest} is not a readable record" in outcome.err


@pytest.mark.parametrize("name", ["trades.csv", "decisions.csv", "equity.csv"])
def test_a_run_that_lost_a_file_is_told_or_run_again(run_made_up, checkout, name):
    run_made_up("beats")
    (path,) = checkout.root.glob(f"reports/*/{name}")
    path.unlink()
    outcome = run_made_up("beats")
    assert "Traceback" not in outcome.err
    assert path.exists() or (outcome.code == BAD_DATA and name in outcome.err)
