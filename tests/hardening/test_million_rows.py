"""A file of a million rows: taken in within its time, also where that is killed in the middle."""

import signal
import subprocess
import sys
import time
from datetime import date

import numpy as np
import pytest

from backtest.data.calendar import trading_calendar
from backtest.data.prices import read_prices
from tests.hardening.conftest import unfinished
from tests.hardening.test_endings import PROGRAM

pytestmark = pytest.mark.slow
SESSIONS = [str(day) for day in trading_calendar().between(date(2015, 1, 2), date(2024, 12, 31))]
SYMBOLS = [f"S{number:03}" for number in range(400)]
WORDS = ("prices", "import", "million.csv", "--source", "x", "--adjust", "none", "--yes")


def test_a_million_rows_come_in_also_after_a_kill(checkout, tried):
    root = checkout.root
    prices = {}
    with (root / "million.csv").open("w") as file:
        file.write("symbol,date,open,high,low,close,volume\n")
        for number, symbol in enumerate(SYMBOLS):
            steps = np.random.default_rng(number).normal(0, 0.01, len(SESSIONS))
            prices[symbol] = np.round(50 * np.exp(np.cumsum(steps)), 2).tolist()
            file.writelines(
                f"{symbol},{day},{price},{price + 1:.2f},{price - 0.5:.2f},{price},{number}\n"
                for day, price in zip(SESSIONS, prices[symbol], strict=True)
            )
    assert len(SYMBOLS) * len(SESSIONS) > 1_000_000
    folder = root / "data/prices/parquet"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *WORDS], cwd=root, stdout=-3, stderr=-3
    ) as running:
        while running.poll() is None and len([*folder.glob("[!.]*.parquet")]) < 100:
            time.sleep(0.05)
        running.kill()
        assert running.wait() == -signal.SIGKILL
    assert len([*folder.glob("[!.]*.parquet")]) < len(SYMBOLS)
    assert tried("prices", "list").code == 0
    begun = time.monotonic()
    assert tried(*WORDS).code == 0
    assert time.monotonic() - begun < 300
    assert unfinished(checkout) == []
    for symbol in SYMBOLS[::40]:
        table = read_prices(root / "data/prices", symbol, bars=True).table
        assert table["close"].tolist() == prices[symbol]
    assert tried(*WORDS).out.endswith("Nothing changes.\n")
