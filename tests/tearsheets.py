"""Made-up runs for the tear sheet, their sheets, and what tests read in these."""

from __future__ import annotations

import html
import math
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

from backtest.experiments.runs.store import Run
from backtest.reports.tearsheet import write_tearsheet

SESSIONS = 378
FIRST_TRADE = 150
NASTY = "<script>alert(1)</script>"
SENTENCE = "6 trades. Random timing does as well 3 times in 10."


def made_up(sessions: int = SESSIONS, first_trade: int = 0) -> Run:
    """A run of a strategy that is in the market on a third of the days."""
    random = np.random.default_rng(7)
    index = pd.bdate_range("2024-01-02", periods=sessions)
    days_in = (random.random(sessions) < 0.35) & (np.arange(sessions) >= first_trade)
    returns = np.where(days_in, random.normal(0.004, 0.03, sessions), 0.0)
    if first_trade == 0:
        returns[0] = 0.01
    benchmark = random.normal(0.0005, 0.01, sessions)
    manifest = {
        "run_id": "0123456789",
        "strategy": "made_up",
        "symbols": ["ABC"],
        "parameters": {"hold": 10},
        "benchmark": "SPY",
        "rules": {},
        "ruined_on": None,
        "summary": {"run": {"trades": 6}},
        "evidence": {"sentence": SENTENCE, "sharpe": {"unknown": ""}},
    }
    columns = {"return": returns, "benchmark_return": benchmark, "holding_return": np.nan}
    return with_table(Run(Path(), manifest), pd.DataFrame(columns, index))


def with_table(run: Run, table: pd.DataFrame) -> Run:
    """The run with a table of equity that stands in no file."""
    run.__dict__["equity"] = table
    return run


def with_returns(
    run: Run, days: dict[int, float], benchmark: float | None = None, **changes: object
) -> Run:
    """The same run with no return but those of `days` (by number)."""
    returns = np.zeros(len(run.equity))
    returns[list(days)] = list(days.values())
    table = run.equity.assign(**{"return": returns})
    if benchmark is not None:
        table["benchmark_return"] = benchmark
    return with_table(replace(run, manifest={**run.manifest, **changes}), table)


def ruined_run() -> Run:
    run = made_up()
    days = dict(enumerate(run.equity["return"][:200])) | {200: -1.25}
    return with_returns(run, days, ruined_on=f"{run.equity.index[200]:%Y-%m-%d}")


def nasty_run() -> Run:
    run = made_up()
    run.manifest.update(
        strategy=NASTY,
        parameters={"{{metrics}}": f"{{{{ 7 * 7 }}}} {NASTY}", "note": "{{returns}} {% raw %}"},
        benchmark='<img src=x onerror="x()"> $a$ & _{{title}}',
    )
    return run


def few_trades() -> Run:
    run = made_up(first_trade=FIRST_TRADE)
    run.manifest["evidence"]["sharpe"]["unknown"] = "2 trades: at least 6 are needed"
    return run


def constant_run() -> Run:
    return with_returns(made_up(40), dict.fromkeys(range(40), 0.001))


def same_name() -> Run:
    run = made_up(130)
    run.manifest["benchmark"] = "Strategy"
    return run


NO_TRADE = {"summary": {"run": {"trades": 0}}}
CASES = {
    "usual": lambda: made_up(first_trade=FIRST_TRADE),
    "first trade at once": made_up,
    "few trades": few_trades,
    "idle": lambda: with_returns(made_up(), {}, **NO_TRADE),
    "leap": lambda: with_returns(made_up(), {100: 1.5, 120: 0.1}),
    "both never fell": lambda: with_returns(
        made_up(30), dict.fromkeys(range(30), 0.001) | {5: 1.0}, benchmark=0.001
    ),
    "never recovered": lambda: with_returns(made_up(60), {0: -0.1, 30: -0.2, 40: 0.05}),
    "constant": constant_run,
    "ruined": ruined_run,
    "nasty": nasty_run,
    "same name": same_name,
    **{f"{count} sessions": (lambda count=count: made_up(count)) for count in (1, 2, 5, 20)},
    "5 idle sessions": lambda: with_returns(made_up(5), {}, **NO_TRADE),
    "5 sessions to ruin": lambda: with_returns(made_up(5), {3: -1.0}, ruined_on="2024-01-05"),
}


def write(run: Run, folder: Path) -> Path:
    """Write the sheet of a run into a folder; return its place."""
    placed = with_table(replace(run, path=folder), run.equity)
    write_tearsheet(placed)
    return folder / "tearsheet.html"


@cache
def page(case: str) -> str:
    """The sheet of a case, written once."""
    with TemporaryDirectory() as folder:
        path = write(CASES[case](), Path(folder))
        assert [file.name for file in Path(folder).iterdir()] == ["tearsheet.html"]
        return path.read_text(encoding="utf-8")


def visible(source: str) -> str:
    """What a reader sees."""
    bare = re.sub(r"<style.*?</style>|<head>.*?</head>|<!--.*?-->", " ", source, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", bare))


def rows(source: str, kind: str) -> dict[str, list[str]]:
    """A table of the page: first cell to the others."""
    body = re.search(rf'<table class="{kind}">.*?<tbody>(.*?)</tbody>', source, re.DOTALL)
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body[1].split("</tr>")]
    return {cells[0]: cells[1:] for cells in found if len(cells) > 1}


def number(cell: str) -> float:
    return float(cell.rstrip("%").replace(",", "")) / (100 if cell.endswith("%") else 1)


def total(returns: pd.Series) -> float:
    return math.prod(1.0 + returns) - 1.0


def near(expected: float) -> object:
    return pytest.approx(expected, abs=0.0000501)  # a percentage with two decimals
