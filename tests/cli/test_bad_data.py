"""Bad files, bad costs and spoiled runs: one clear message, the exit code of the design."""

import pytest

from tests.commands import BAD_DATA, WRONG_USE, fails
from tests.made_up import INDX

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
# One fault of each kind; every other one is told where the file is read (tests/data).
BAD_FILES = {
    "prices missing": (remove(PRICES), WRONG_USE, ["symbol 'ACME'", "Known: INDX"]),
    "a bad number": (
        edit(PRICES, FIRST, FIRST.replace("98.00", "cheap")),
        BAD_DATA,
        ["ACME.csv: 1 problem", "line 2, column low: 'cheap' is not a number above 0"],
    ),
    "a gap against the calendar": (
        edit(PRICES, SECOND, ""),
        BAD_DATA,
        ["no row for the session 2025-06-03: a gap against the calendar XNYS"],
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
    "an event without a zone": (
        edit(EVENTS, "16:05:00-04:00", "16:05:00"),
        BAD_DATA,
        ["line 2, column published_at: '2025-06-04T16:05:00': has no zone; write one, such as"],
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
    "a strategy that fails on an event": (
        edit("strategies/beats.py", 'return "not a beat"', "return 1 / 0"),
        WRONG_USE,
        ["Beats failed on earnings-20250627-", "ZeroDivisionError", "line 18: return 1 / 0"],
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
    "an unknown preset": ("chaep", "", WRONG_USE, ["no file or preset of costs 'chaep'. Did you"]),
    "not TOML": ("cheap", "[figures", BAD_DATA, ["cheap.toml is not readable TOML"]),
    "a figure out of bounds": (
        "cheap",
        "[figures]\nslippage_bps = -1",
        WRONG_USE,
        ["slippage_bps -1: Input should be greater than or equal to 0"],
    ),
}


@pytest.mark.parametrize(("name", "text", "code", "told"), COSTS.values(), ids=COSTS)
def test_bad_costs_are_one_clear_message(run_made_up, checkout, name, text, code, told):
    checkout.write("data/costs/cheap.toml", text)
    fails(run_made_up("beats", "--costs", name), code, told, checkout, {})


# Runs that were spoiled


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("run.json", "{", "run.json is damaged (EOF while parsing an object"),
        ("run.json", '{"run_id": "1"}', "run.json is damaged (it lacks strategy)"),
        (
            "trades.csv",
            "trade_id\n",
            "trades.csv is damaged (its sha256 is not the one in",
        ),
    ],
)
def test_a_damaged_run_is_left_out_told_where_it_is_named_and_made_anew(
    run_made_up, command, checkout, name, text, told
):
    run_made_up("beats")
    run_made_up("owner")
    (path,) = checkout.root.glob(f"reports/owner-*/{name}")
    path.write_text(text)
    for words in (("compare",), ("list", "runs"), ("list", "strategies")):
        outcome = command(*words)
        assert outcome.code == 0
        (line,) = [line for line in outcome.err.splitlines() if "damaged" in line]
        assert line.startswith(f"Left out: {path.parent}/{told}")
        assert "beats" in outcome.out
    for words in (("compare", "owner", "beats"), ("report", "owner"), ("open", path.parent.name)):
        (path.parent / "index.html").unlink(missing_ok=True)
        outcome = command(*words)
        assert outcome.code == BAD_DATA
        assert f"{path.parent}/{told}" in outcome.err
    assert run_made_up("owner").code == 0
    assert command("list", "runs").err == ""


@pytest.mark.parametrize("name", ["trades.csv", "decisions.csv", "equity.csv"])
def test_a_run_that_lost_a_file_is_run_again(run_made_up, checkout, name):
    run_made_up("beats")
    (path,) = checkout.root.glob(f"reports/*/{name}")
    path.unlink()
    outcome = run_made_up("beats")
    assert outcome.code == 0
    assert path.exists()


SWEEP = ("sweep", "beats", "--symbol", "ACME", "--grid", "hold=1:3")
STUDY = ("study", "earnings", "--symbol", "ACME", "--benchmark", "INDX", "--draws", "99")
AUDIT = ("audit", "beats", "--symbol", "ACME", "--worlds", "2", "--workers", "1")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (SWEEP, "sweep.json"),
        (SWEEP, "sets.parquet"),
        (STUDY, "study.json"),
        pytest.param(AUDIT, "audit.json", marks=pytest.mark.slow),
    ],
)
def test_what_is_cut_is_made_anew_by_the_same_command(command, checkout, words, name):
    first = command(*words)
    (path,) = checkout.root.glob(f"reports/*/{name}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    second = command(*words)
    assert second.code == first.code == 0
    assert "had been" not in second.out
    assert len(path.read_bytes()) == len(whole)
    assert "had been" in command(*words).out
