"""Made-up reports of every kind, written by the commands that users type."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest

from backtest.cli.main import main
from tests.made_up import EARNINGS, SESSIONS, make_checkout

if TYPE_CHECKING:
    from pathlib import Path

COMPARED = ("beats", "mixed", "never", "owner")

# What a page must show as text: a tag, a formula, an entity, quotes.
NASTY = 'A <script>alert(1)</script> beat of $\\alpha$ &amp; "quotes"'
_QUOTED = '"' + NASTY.replace('"', '""') + '"'

# BOOM stands at 40 and trebles over the night before 2025-06-24: whoever is short is ruined. It
# closes where it opened, but for a fall in its fourth session.
BOOM = "date,open,high,low,close,volume\n" + "".join(
    f"{day},{price},{price + 1},{price - 1},{price - (n == 3)},{5000 + n}\n"
    for n, (day, price) in enumerate((day, 40 if day < "2025-06-24" else 120) for day in SESSIONS)
)
OF_BOOM = "BOOM,2025-06-16T16:05:00-04:00,exact,A made-up boom,2025Q1,0.10,0.30,,B,made up\n"

# A stop that is hit, a target that is met, and events that change nothing.
MIXED = """\
if isinstance(event, ShortReport):
            return Signal.short(event, weight=0.4, hold=5, stop=0.03, reason="a report")
        if isinstance(event, Earnings) and (event.eps_surprise or 0) > 0:
            return Signal.long(event, weight=0.8, hold=20, stop=0.1, target=0.04, reason="a beat")
        if isinstance(event, News):
            return Signal.long(event, weight=0.3, hold=3, trailing_stop=0.05, reason="news")
        return "neither a beat, nor news, nor a report\""""
STRATEGIES = {
    "mixed": (MIXED, "Earnings, ShortReport, News, StakeDisclosure"),
    "never": ('return "on principle"', "Earnings, News"),
    "bear": ("return Signal.short(event, weight=1.0, reason='a miss')", "Earnings"),
}
MADE_UP = ("--benchmark", "INDX", "--no-tearsheet")
COMMANDS = (
    ("run", "mixed", "--symbol", "ACME", "--symbol", "BOOM", "--accept-jumps", *MADE_UP),
    ("run", "--symbol", "ACME", *MADE_UP),
    ("run", "beats", "--symbol", "ACME", "--benchmark", "INDX"),  # adds its tear sheet
    ("run", "bear", "--symbol", "BOOM", "--accept-jumps", *MADE_UP),
    ("sweep", "beats", "--symbol", "ACME", "--grid", "hold=1:8", "--grid", "weight=0.3:0.6:0.1"),
    ("study", "earnings", "--symbol", "ACME", "--benchmark", "INDX", "--window", "-1,+1"),
    ("compare", *COMPARED),
    ("audit", "never", "--symbol", "ACME", "--worlds", "0"),
)


def write_reports(root: Path) -> Path:
    """Write the reports into an empty folder; return the folder that holds them."""
    checkout = make_checkout(root)
    checkout.write("data/prices/BOOM.csv", BOOM)
    checkout.write(
        "data/events/earnings.csv", EARNINGS.replace("A made-up beat", _QUOTED) + OF_BOOM
    )
    for name, (body, listens_to) in STRATEGIES.items():
        checkout.strategy(name, body, listens_to)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("BACKTEST_")]:
            patch.delenv(name)
        patch.chdir(root)
        for name in ("stdout", "stderr"):  # the commands take them over
            patch.setattr(sys, name, io.StringIO())
        for arguments in COMMANDS:
            patch.setattr(sys, "argv", ["backtest", *arguments])
            with pytest.raises(SystemExit) as end:
                main()
            assert not end.value.code, arguments
    return root / "reports"
