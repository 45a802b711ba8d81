"""`backtest simulate` as it is typed, in a made-up checkout."""

import csv
import json
import os
import subprocess
import sys
from datetime import date
from math import fsum
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from backtest.engine.kernel.simulate import simulate
from tests.commands import BAD_DATA, WRONG_USE, fails
from tests.made_up import SESSIONS
from tests.parquet_bars import at, bar, write

DAYS = [date.fromisoformat(day) for day in SESSIONS]
# ACME as the checkout has it: opens at 100 and a dollar higher each session, closes a dollar above.
ACME = [bar("ACME", day, 100 + n, 102 + n, 98 + n, 101 + n) for n, day in enumerate(DAYS)]
BOLT = [
    bar(
        "BOLT",
        day,
        50,
        51,
        49,
        50,
    )
    for day in DAYS
]
FREE = ("--costs", "free.toml")
FREE_FIGURES = "[figures]\ncommission_per_share = 0\nslippage_bps = 0\nborrow_default = 0\n"
SIGNALS = [
    # symbol, published in June, direction, event, weight, hold
    ("ACME", "02 16:05", "long", "beat, first", 0.5, 2),
    ("BOLT", "03 09:20", "short", "miss", 0.25, None),
    ("ACME", "03 16:05", "long", "again", 0.5, 3),
    ("ACME", "01 12:00", "long", "early", 0.5, 1),
    ("BOLT", "03 08:00", "long", "older", 0.25, None),
]  # fmt: skip


@pytest.fixture
def files(checkout) -> tuple[str, str]:
    """Bars and signals in the checkout, and costs of nothing."""
    checkout.write("free.toml", FREE_FIGURES)
    write(checkout.root / "bars.parquet", [*ACME, *BOLT])
    names = ("symbol", "published_at", "direction", "event_id", "weight", "hold")
    columns = dict(zip(names, map(list, zip(*SIGNALS, strict=True)), strict=True))
    moments = pa.array(map(at, columns["published_at"]), pa.timestamp("s", "UTC"))
    signals = pa.table({**columns, "published_at": moments})
    parquet.write_table(signals, checkout.root / "signals.parquet")
    return ("bars.parquet", "signals.parquet")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_comes_out(files, command) -> None:
    done = command("simulate", *files, *FREE, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    # 495 ACME at 101 on 2025-06-03, sold after the renewal's three sessions at 105 on 2025-06-09;
    # 500 BOLT short at 50, still open at 50.
    assert told["figures"]["final_equity"] == pytest.approx(100_000 + 495 * 4)
    assert told["figures"]["total_return"] == pytest.approx(0.0198)
    assert told["figures"]["trades"] == 2
    assert told["figures"]["win_rate"] == 0.5
    assert told["counts"] == {
        "symbols": 2,
        "sessions": 30,
        "bars": 60,
        "signals": 5,
        "entered": 2,
        "renewed": 1,
        "reversed": 0,
        "superseded": 1,
        "no_room": 0,
        "ruined": 0,
        "resized": 0,
        "left": 0,
        "not_filled": 0,
        "nothing_held": 0,
        "not_tradable": 1,
        "capped_by_volume": 0,
    }
    assert told["left_out"] == {"public before the first price of its symbol": 1}
    assert told["span"] == {"first": "2025-06-02", "last": "2025-07-15"}
    assert (told["prices"], told["signals"]) == files
    assert told["costs"] == {"name": "free"}
    assert told["assumptions"] == []
    assert told["is_ruined"] is False


def test_the_table(files, command) -> None:
    done = command("simulate", *files, *FREE)
    assert done.code == 0, done.err
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[:2] == [
        "2 symbols, 30 sessions, 60 bars, 5 signals",
        "From 2025-06-02 to 2025-07-15, start 100,000 $",
    ]
    for line in (
        "Total return +2.0 %", "Final equity $ 101,980", "Interest $ 0", "Entered 2", "No room 0",
        "Not tradable: 1 public before the first price of its symbol.",
    ):  # fmt: skip
        assert line in lines
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_trades_as_csv(files, command, checkout) -> None:
    done = command("simulate", *files, "--trades", "out/trades.csv", "--json")
    assert done.code == 0, done.err
    rows = table(checkout.root / "out" / "trades.csv")
    assert list(rows[0]) == [
        "trade_id", "event_id", "symbol", "direction", "shares", "entry_session", "entry_price",
        "exit_session", "exit_price", "exit_reason", "gross_profit", "commission", "borrow",
        "net_profit", "return", "entry_bar", "exit_bar",
    ]  # fmt: skip
    first, second = rows
    told = [first[name] for name in ("trade_id", "event_id", "symbol", "direction", "shares")]
    assert told == ["1", "beat, first", "ACME", "long", "494"]
    assert (first["entry_session"], first["exit_session"]) == ("2025-06-03", "2025-06-09")
    assert first["entry_bar"].startswith("2025-06-03 13:30:00")
    assert float(first["entry_price"]) == 101 * 1.0005
    assert (second["event_id"], second["direction"]) == ("miss", "short")
    assert (second["exit_session"], second["exit_reason"]) == ("2025-07-15", "open")
    net = fsum(float(row["net_profit"]) for row in rows)
    figures = json.loads(done.out)["figures"]
    assert figures["final_equity"] == pytest.approx(100_000 + net)
    for name in ("commission", "borrow"):
        assert figures[name] == pytest.approx(fsum(float(row[name]) for row in rows))
    for row in rows:
        cost = float(row["shares"]) * float(row["entry_price"])
        assert float(row["return"]) == pytest.approx(float(row["net_profit"]) / cost)


def test_the_trades_as_parquet_are_those_of_the_csv(files, command, checkout) -> None:
    for name in ("t.csv", "t.parquet"):
        assert command("simulate", *files, "--trades", name).code == 0
    rows = parquet.read_table(checkout.root / "t.parquet").to_pylist()
    texts = table(checkout.root / "t.csv")
    assert [[str(r["shares"]), r["event_id"], str(r["exit_session"])] for r in rows] == [
        [r["shares"], r["event_id"], r["exit_session"]] for r in texts
    ]
    assert [row["entry_price"] for row in rows] == [float(row["entry_price"]) for row in texts]
    assert rows[0]["entry_bar"] == at("03 09:30")


def test_the_equity_of_sessions(files, command, checkout) -> None:
    done = command("simulate", *files, *FREE, "--equity", "equity.csv", "--json")
    rows = table(checkout.root / "equity.csv")
    assert list(rows[0]) == ["session", "equity", "cash", "position_value", "return"]
    assert [row["session"] for row in rows] == list(SESSIONS)
    assert float(rows[0]["equity"]) == 100_000
    # 495 ACME from 101 to 102; 500 BOLT short at 50.
    assert float(rows[1]["equity"]) == 100_495
    assert float(rows[1]["cash"]) == 100_000 - 495 * 101 + 500 * 50
    assert float(rows[1]["return"]) == pytest.approx(0.00495)
    assert float(rows[-1]["equity"]) == json.loads(done.out)["figures"]["final_equity"]


def test_finer_bars_have_an_equity_at_each_sessions_last(checkout, files, command) -> None:
    rows = [bar("ACME", at(when), price) for when, price in (
        ("02 09:30", 100), ("02 15:59", 110), ("03 09:30", 120), ("03 15:59", 130))]  # fmt: skip
    write(checkout.root / "fine.parquet", rows)
    signals = {
        "symbol": ["ACME"],
        "published_at": pa.array([at("02 09:00")]),
        "direction": ["long"],
    }
    parquet.write_table(pa.table({**signals, "weight": [1.0]}), checkout.root / "one.parquet")
    options = (*FREE, "--equity", "e.parquet", "--trades", "t.parquet", "--json")
    done = command("simulate", "fine.parquet", "one.parquet", *options)
    assert done.code == 0, done.err
    equity = parquet.read_table(checkout.root / "e.parquet").to_pydict()
    assert equity["equity"] == [110_000, 130_000]
    assert json.loads(done.out)["counts"]["sessions"] == 2
    assert json.loads(done.out)["figures"]["sharpe"] is None  # of two sessions there is none
    (trade,) = parquet.read_table(checkout.root / "t.parquet").to_pylist()
    assert (trade["event_id"], trade["exit_bar"]) == ("0", at("03 15:59"))


class TestBorrow:
    def test_a_default_is_told(self, files, command) -> None:
        told = json.loads(command("simulate", *files, "--json").out)
        assert told["assumptions"] == [
            "No borrow rate is known for some nights short BOLT; 3.0% a year was charged."
        ]
        assert told["figures"]["borrow"] > 0

    def test_rates_are_taken_from_the_data_folder(self, checkout, files, command) -> None:
        rates = "BOLT,2025-06-02,0.36,Made Up Lenders,,made up\n"
        header = "symbol,date,annual_rate,provider,source_url,note\n"
        checkout.write("data/borrow/BOLT.csv", header + rates)
        told = json.loads(command("simulate", *files, "--slippage", "0", "--json").out)
        (carried,) = told["assumptions"]
        assert "quoted for 2025-06-02, 36.0% a year, was carried on to 2025-07-14" in carried
        # 500 at 50, 42 calendar days from 2025-06-03 to 2025-07-15, collateral 1.02.
        assert told["figures"]["borrow"] == pytest.approx(25_000 * 1.02 * 0.001 * 42)
        checkout.edit("data/borrow/BOLT.csv", "Made Up Lenders", "assumption")
        told = json.loads(command("simulate", *files, "--json").out)
        guess = (
            "The borrow rate of BOLT from 2025-06-02 on, 36.0% a year, is an assumption. made up"
        )
        assert told["assumptions"] == [guess]
        checkout.edit("data/borrow/BOLT.csv", "2025-06-02", "2025-06-04")
        told = json.loads(command("simulate", *files, "--json").out)
        assert "some nights short BOLT" in told["assumptions"][1]

    def test_a_guess_is_told_where_it_is_charged(self, checkout, files, command) -> None:
        """Short in the nights from 2025-06-03 to 07-14, which are guessed from a day on."""
        header = "symbol,date,annual_rate,provider,source_url,note\n"
        quoted = "".join(f"BOLT,{day},0.36,Lenders,,\n" for day in ("2025-06-02", "2025-06-25"))
        for day, is_charged in (("2025-07-14", True), ("2025-07-15", False)):
            guess = f"BOLT,{day},0.1,assumption,,\n"
            checkout.write("data/borrow/BOLT.csv", header + quoted + guess)
            told = json.loads(command("simulate", *files, "--json").out)["assumptions"]
            assert ("is an assumption." in str(told)) == is_charged

    def test_a_flat_rate_is_no_assumption(self, checkout, files, command) -> None:
        checkout.write("flat.toml", '[figures]\nborrow_mode = "flat"\n')
        told = json.loads(command("simulate", *files, "--costs", "flat.toml", "--json").out)
        assert told["assumptions"] == []
        assert told["figures"]["borrow"] > 0

    def test_rates_that_were_changed_are_refused(self, checkout, files, command) -> None:
        write(checkout.root / "bars.parquet", [*ACME, *BOLT])
        checkout.edit("data/borrow/ACME.csv", "0.10", "0.11", sealed=False)
        before = checkout.snapshot()
        fails(command("simulate", *files), BAD_DATA, ["ACME.csv changed since"], checkout, before)


class TestOptions:
    def test_cash_commission_slippage_and_reaction(self, files, command) -> None:
        options = ("--cash", "5000", "--commission", "0", "--slippage", "0", "--reaction", "60")
        told = json.loads(command("simulate", *files, *options, "--json").out)
        assert told["rules"]["cash"] == 5000
        assert told["figures"]["commission"] == 0
        # With an hour to react, the one of 09:20 is traded a session later than that of 08:00.
        assert told["counts"]["superseded"] == 0
        assert told["counts"]["reversed"] == 1
        assert told["rules"]["slippage_bps"] == 0

    def test_a_cap_on_participation_needs_volume(self, checkout, files, command) -> None:
        checkout.write("capped.toml", "[figures]\nmax_participation = 0.1\n")
        before = checkout.snapshot()
        done = command("simulate", *files, "--costs", "capped.toml")
        fails(done, BAD_DATA, ["bars.parquet: no column 'volume'"], checkout, before)
        rows = [{**row, "volume": 1000.0} for row in (*ACME, *BOLT)]
        write(checkout.root / "bars.parquet", rows)
        told = json.loads(command("simulate", *files, "--costs", "capped.toml", "--json").out)
        assert told["counts"]["capped_by_volume"] == 2

    def test_a_setting_out_of_bounds(self, checkout, files, command) -> None:
        done = command("simulate", *files, "--cash", "-1")
        fails(done, WRONG_USE, ["cash", "greater than 0"], checkout, checkout.snapshot())


def test_a_kernel_that_must_be_compiled_is_told(files, command, monkeypatch) -> None:
    monkeypatch.setattr("backtest.engine.kernel.formulas.is_cached", lambda: False)
    done = command("simulate", *files, "--json")
    assert done.err == "The kernel is compiled for this machine, once: about half a minute.\n"
    assert json.loads(done.out)["counts"]["symbols"] == 2


def test_books_that_do_not_balance_are_a_fault_of_the_program(files, command, monkeypatch) -> None:
    def astray(*words, **options):
        result = simulate(*words, **options)
        result.trades["commission"][0] += 0.01
        return result

    monkeypatch.setattr("backtest.experiments.simulation.simulate", astray)
    done = command("simulate", *files)
    assert done.code == 1
    assert "The accounting identity is broken" in done.err


class TestWrong:
    @pytest.mark.parametrize(
        ("words", "code", "told"),
        [
            (("none.parquet", "signals.parquet"), WRONG_USE, "There is no file none.parquet"),
            (("bars.parquet", "none.parquet"), WRONG_USE, "There is no file none.parquet"),
            (("data", "signals.parquet"), WRONG_USE, "no file *.parquet in the folder data"),
            (("signals.parquet", "signals.parquet"), BAD_DATA, "no column that says when"),
            (("bars.parquet", "bars.parquet"), BAD_DATA, "columns that no signal has"),
            (("data/prices/ACME.csv", "signals.parquet"), BAD_DATA, "`to_parquet` of pandas"),
        ],
    )
    def test_files(self, checkout, files, command, words, code, told) -> None:
        fails(command("simulate", *words), code, [told], checkout, checkout.snapshot())

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (("--trades", "trades.xlsx"), "trades.xlsx must end in .parquet or .csv"),
            (("--equity", "equity"), "equity must end in .parquet or .csv"),
            (("--trades", "./bars.parquet"), "bars.parquet would be overwritten"),
            (("--equity", "signals.parquet"), "signals.parquet would be overwritten"),
            (("--trades", "x.csv", "--equity", "./x.csv"), "x.csv would be overwritten"),
        ],
    )
    def test_places_to_write_to(self, checkout, files, command, options, told) -> None:
        before = (checkout.root / "bars.parquet").read_bytes()
        done = command("simulate", *files, *options)
        fails(done, WRONG_USE, [told], checkout, checkout.snapshot())
        assert (checkout.root / "bars.parquet").read_bytes() == before

    @pytest.mark.parametrize("name", ["ACME.parquet", "in/new.parquet"])
    def test_a_table_among_the_prices(self, checkout, files, command, name) -> None:
        """It would replace prices, or be read as such the next time."""
        write(checkout.root / "prices" / "ACME.parquet", ACME)
        before, options = checkout.snapshot(), ("--trades", f"prices/{name}")
        done = command("simulate", "prices", "signals.parquet", *options)
        fails(done, WRONG_USE, ["would be one of the prices"], checkout, before)
        done = command("simulate", "prices", "signals.parquet", "--trades", "prices/trades.csv")
        assert done.code == BAD_DATA  # of BOLT there are no bars

    def test_a_pipe_is_no_place_to_write_to(self, checkout, files, command) -> None:
        os.mkfifo(checkout.root / "trades.csv")
        done = command("simulate", *files, "--trades", "trades.csv")
        fails(done, WRONG_USE, ["it is a folder, a device or a pipe"], checkout, {})
        assert (checkout.root / "trades.csv").is_fifo()

    def test_a_place_that_cannot_be_written(self, checkout, files, command) -> None:
        (checkout.root / "file").touch()
        done = command("simulate", *files, "--trades", "file/trades.csv")
        fails(done, WRONG_USE, ["trades.csv cannot be written"], checkout, checkout.snapshot())

    def test_ruin_is_told(self, checkout, files, command) -> None:
        rows = [bar("ACME", day, 50 if n < 3 else 500) for n, day in enumerate(DAYS)]
        write(checkout.root / "bars.parquet", rows)
        signals = {"symbol": ["ACME"], "published_at": pa.array([at("02 12:00")])}
        signals |= {"direction": ["short"], "weight": [1.0]}
        parquet.write_table(pa.table(signals), checkout.root / "signals.parquet")
        done = command("simulate", *files)
        assert done.code == 0, done.err
        assert "Ruined: equity fell to zero or below." in done.out


def test_it_imports_nothing_that_it_does_not_use(checkout, files) -> None:
    code = (
        "import sys\nfrom backtest.cli.main import main\n"
        "try:\n    main()\nfinally:\n    print('modules', *sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "simulate", *files],
        cwd=checkout.root,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules = set(done.stderr.partition("modules ")[2].split())
    assert "numba" in modules
    assert not modules & {"backtrader", "matplotlib", "quantstats", "distributed"}
