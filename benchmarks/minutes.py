"""Measure a run on a million made-up one-minute bars with 2,500 events, and compare its engines.

`python benchmarks/minutes.py` measures only this, in some minutes. It reports seconds, CPU seconds
and memory of the whole command from a cold start, including evidence and page; then, for the first
60 sessions, the ratio of the replay on Backtrader to that by the kernel.
"""

import os
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from subprocess import DEVNULL, Popen

import numpy as np
import pandas as pd
from startup import PROGRAM

from backtest.data.calendar import trading_calendar

SYMBOL, EVENTS, BARS = "WALK", 2_500, 1_000_000
ROOT = Path(__file__).resolve().parents[1]
RUN = ("run", "short_report", "--symbol", SYMBOL, "--bars", "1m", "--set", "hold=1",
       "--benchmark", SYMBOL, "--no-tearsheet")  # fmt: skip


def walk(folder: Path) -> None:
    """Write files with the minutes, sessions and events of a random walk without drift."""
    calendar, rng = trading_calendar(), np.random.default_rng(1)
    days = calendar.between(date(2015, 1, 5), date(2025, 12, 31))
    opens, closes = calendar.times_of(days, "open"), calendar.times_of(days, "close")
    counts = ((closes - opens) / np.timedelta64(1, "m")).astype(int)
    kept = np.cumsum(counts) <= BARS
    days, opens, counts = days[kept], opens[kept], counts[kept]
    minutes = [n * np.timedelta64(1, "m") for n in map(np.arange, counts)]
    times = np.concatenate([first + more for first, more in zip(opens, minutes, strict=True)])
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 5e-4, len(times)))), 4)
    open_ = np.append(100.0, close[:-1])
    table = pd.DataFrame({
        "time": pd.DatetimeIndex(times, tz="UTC"),
        "open": open_, "high": np.maximum(open_, close) * 1.0002,
        "low": np.minimum(open_, close) * 0.9998, "close": close,
        "volume": rng.integers(100, 9_000, len(times)),
    })  # fmt: skip
    table.to_parquet(folder / "minutes.parquet")
    by = table.groupby(np.repeat(days, counts))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    by.agg(how).to_csv(folder / "sessions.csv", index_label="date")
    stamps = np.sort(rng.choice(times[:-2_000], EVENTS, replace=False)).astype("M8[s]")
    rows = [
        f"{SYMBOL},{at}+00:00,exact,Report {n},Nobody,short_seller" for n, at in enumerate(stamps)
    ]
    head = "symbol,published_at,precision,headline,author,author_type"
    (folder / "reports.csv").write_text("\n".join([head, *rows, ""]))


def command(*words: str | Path) -> tuple[float, float, float]:
    """Return the seconds, CPU seconds and MB that a command of the program takes."""
    begun = time.perf_counter()
    with Popen([PROGRAM, *map(str, words)], stdout=DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words} ended with {process.returncode}")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        data, out = Path(place) / "data", Path(place) / "out"
        shutil.copytree(ROOT / "data", data)  # files of other kinds of events are read as well
        walk(Path(place))
        own = ("--data", data, "--source", "walk", "--yes")
        command("prices", "import", Path(place) / "sessions.csv", "--symbol", SYMBOL,
                "--adjust", "none", *own)  # fmt: skip
        command("prices", "import", Path(place) / "minutes.parquet", "--symbol", SYMBOL,
                "--bars", "1m", *own)  # fmt: skip
        command("events", "import", Path(place) / "reports.csv", "--kind", "short_report",
                "--source-url", "unknown", "--data", data, "--yes")  # fmt: skip
        terms = ("--data", data, "--strategies", ROOT / "strategies", "--out", out)
        few = ("--to", "2015-04-01")
        command(*RUN, *terms, *few, "--engine", "kernel")  # compiles where that was not done yet
        print("whole command: {:.1f} s, {:.1f} s CPU, {:.0f} MB".format(*command(*RUN, *terms)))
        engines = [
            command(*RUN, *terms, *few, "--force", "--engine", engine)[1]
            for engine in ("backtrader", "kernel")
        ]
        print(f"Backtrader against the kernel, 60 sessions, CPU: {engines[0] / engines[1]:.1f} ×")


if __name__ == "__main__":
    main()
