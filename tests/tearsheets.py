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

from backtest.reports.tearsheet import TearsheetInput, write_tearsheet

SESSIONS = 378
FIRST_TRADE = 150
NASTY = "<script>alert(1)</script>"


def made_up(sessions: int = SESSIONS, first_trade: int = 0) -> TearsheetInput:
    """Returns of a strategy that is in the market on a third of the days."""
    random = np.random.default_rng(7)
    index = pd.bdate_range("2024-01-02", periods=sessions)
    days_in = (random.random(sessions) < 0.35) & (np.arange(sessions) >= first_trade)
    returns = np.where(days_in, random.normal(0.004, 0.03, sessions), 0.0)
    if first_trade == 0:
        returns[0] = 0.01
    return TearsheetInput(
        title="made_up · ABC",
        parameters={"hold": "10"},
        returns=pd.Series(returns, index),
        benchmark=pd.Series(random.normal(0.0005, 0.01, sessions), index),
        benchmark_title="SPY",
        trades=6,
        ruined_on=None,
    )


def with_returns(source: TearsheetInput, days: dict[int, float], **changes) -> TearsheetInput:
    """The same run with no return but those of `days` (by number)."""
    returns = source.returns * 0.0
    for day, value in days.items():
        returns.iloc[day] = value
    return replace(source, returns=returns, **changes)


def ruined_run() -> TearsheetInput:
    source = made_up()
    returns = source.returns.copy()
    returns.iloc[200] = -1.25
    returns.iloc[201:] = 0.0
    return replace(source, returns=returns, ruined_on=returns.index[200].date())


def nasty_run() -> TearsheetInput:
    return replace(
        made_up(),
        title=NASTY,
        parameters={"{{metrics}}": f"{{{{ 7 * 7 }}}} {NASTY}", "note": "{{returns}} {% raw %}"},
        benchmark_title='<img src=x onerror="x()"> $a$ & _{{title}}',
    )


CASES = {
    "usual": lambda: made_up(first_trade=FIRST_TRADE),
    "first trade at once": made_up,
    "idle": lambda: with_returns(made_up(), {}, trades=0),
    "leap": lambda: with_returns(made_up(), {100: 1.5, 120: 0.1}),
    "both never fell": lambda: with_returns(
        made_up(30),
        dict.fromkeys(range(30), 0.001) | {5: 1.0},
        benchmark=made_up(30).benchmark * 0.0 + 0.001,
    ),
    "never recovered": lambda: with_returns(made_up(60), {0: -0.1, 30: -0.2, 40: 0.05}),
    "constant": lambda: replace(made_up(40), returns=made_up(40).returns * 0.0 + 0.001),
    "ruined": ruined_run,
    "nasty": nasty_run,
    "same name": lambda: replace(made_up(130), benchmark_title="Strategy"),
    **{f"{count} sessions": (lambda count=count: made_up(count)) for count in (1, 2, 5, 20)},
    "5 idle sessions": lambda: with_returns(made_up(5), {}, trades=0),
    "5 sessions to ruin": lambda: with_returns(made_up(5), {3: -1.0}),
}


@cache
def page(case: str) -> str:
    """The sheet of a case, written once."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tearsheet.html"
        write_tearsheet(CASES[case](), path)
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
