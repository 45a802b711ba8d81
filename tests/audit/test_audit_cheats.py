"""Planted cheats: every one is caught, by the checks that should; its clean twin passes.

Each pair is `cheats/NAME_cheat.py` and `cheats/NAME_clean.py`: a mistake that users make, and the
same idea done honestly. Good reports of ACME can be traded on 2025-06-13 (that session rises) and
07-02 (rises), a bad one on 07-18 (falls), a good one on 08-06 (rises), and a restatement on 08-15.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backtest.audit.jobs import in_processes
from backtest.audit.observe import AuditRequest
from backtest.audit.run import audit, prepare
from backtest.errors import UsageError
from backtest.experiments.runs.run import prepare_run, replay_run
from tests.audit.market import make_universe
from tests.audits import in_this_process
from tests.made_up import request

CHEATS = Path(__file__).parent / "cheats"


class Caught(NamedTuple):
    """How a cheat is caught.

    Attributes:
        checks: that find something; the others find nothing.
        first: the first offending session that the first of them tells; None for one that does
            not go by sessions.
        full: in what it did there on the full data.
        world: in what it did there in the world, or when asked again.
        what: in what the finding says.

    """

    checks: str
    first: str | None
    full: str = "nothing"
    world: str = "nothing"
    what: str = ""


PEEKS = {
    # 06-13 rises; in a world that ends before it nothing does.
    "next_close": Caught("prefix perturbation reads", "2025-06-13", "long", "not rising"),
    "own_close": Caught("prefix perturbation reads", "2025-06-13", "long", "a bad day"),
    "frames": Caught("prefix perturbation", "2025-06-13", "long", "a bad day"),
    "collector": Caught("prefix perturbation", "2025-06-13", "long", "a bad day"),
    "private_feed": Caught("prefix perturbation", "2025-06-13", "buy 100 ACME"),
    # 06-27 to 07-03 mean 114.33, and 07-01 closes at 117.99; without 07-02 there is no mean.
    "centred_window": Caught(
        "prefix perturbation reads", "2025-07-02", "long", "not above its mean"
    ),
    # 98.34 is low among prices up to 140, and high among those until 06-12.
    "full_sample_z": Caught("prefix perturbation reads", "2025-06-13", "weak", "long"),
    # The third session after it is not there.
    "global_table": Caught("prefix perturbation reads", "2025-06-13", what="IndexError"),
    "fitted_hold": Caught("prefix perturbation reads", "2025-06-13", "hold 7", "hold 4"),
    # Made-up prices end on the same day, and so say nothing of it.
    "last_date": Caught("prefix reads", "2025-06-13", "long", "the data end too soon"),
    # The best two of five, and the best two of the two that are known by then.
    "sorted_by_effect": Caught(
        "prefix perturbation event_time reads", "2025-07-02", "not one of the best", "long"
    ),
    # A filing of 07-25 tells of 06-30.
    "period_end": Caught(
        "prefix event_time reads", "2025-07-02", "long", "the holder does not buy"
    ),
    # On 08-15 the quarter was restated, to a miss.
    "revised_consensus": Caught("prefix event_time reads", "2025-06-13", "not a beat", "long"),
    # On 06-24 the report of 07-01 is announced, eleven sessions after 06-13.
    "announced_day": Caught(
        "prefix event_time reads", "2025-06-13", "waits, sessions 6", "no day is known"
    ),
    "fills_at_it": Caught("prefix perturbation reads", "2025-06-13", "long", "a bad day"),
    "coming_event": Caught("prefix event_time", "2025-06-13", "long", "no good news to come"),
    # The report of 06-12 came after the close; the order is filled at the open of that day.
    "own_day": Caught("prefix event_time reads", "2025-06-12", "buy 100 ACME"),
    # Files that would tell the true prices are not there where prices are other ones.
    "finer_bars": Caught("prefix perturbation reads", "2025-06-13", what="ticks/ACME.parquet"),
    "left_behind": Caught("prefix perturbation reads", "2025-07-18", "lost last time", "long"),
    # No world can change what lies outside of it.
    "absolute_path": Caught(
        "reads", None, what="ACME.csv, which no world can change, while it decides"
    ),
    "network": Caught("reads", None, what="127.0.0.1"),
}
UNSTEADY = {
    "memory": Caught("repeat", "2025-06-13", "falls", "long", "when asked again"),
    "hash": Caught("repeat", "2025-06-13", "hold", "hold", "in another process"),
    "todays_age": Caught(
        "repeat", "2025-06-13", "long", "too young", "on another day; it reads the clock"
    ),
}
# On the universe `four`, of which BOLT rises from its open on 07-02 and on no event before.
UNIVERSE = {
    "other_member": Caught("prefix perturbation reads", "2025-07-02", "BOLT rises", "BOLT falls"),
    # The fifth session after it is not there.
    "later_winner": Caught("prefix perturbation reads", "2025-06-11", what="IndexError"),
    # DUNE will leave on 08-08.
    "leaving_member": Caught("prefix reads", "2025-06-25", "short", "stays"),
}
CASES = PEEKS | UNSTEADY | UNIVERSE
REPORT_DATES = """\
symbol,published_at,precision,headline,report_on,session
ACME,2025-06-24T08:00:00-04:00,minute,A day is announced,2025-07-01,after close
ACME,2025-07-08T08:00:00-04:00,minute,Another day is announced,2025-07-17,after close
"""
# What other worlds left in memory is no part of the world, hashes differ between processes, and a
# library is loaded once in each.
APART = {"collector_cheat", "hash_cheat", "finer_bars_cheat"}


@pytest.fixture
def market(tmp_path, monkeypatch):
    """The checkout, which is the working folder too."""
    monkeypatch.chdir(tmp_path)
    return make_universe(tmp_path)


@pytest.fixture
def audited(market):
    """Writes a strategy of `cheats/` into the checkout and audits it; gives the record."""

    def audit_it(name: str, worlds: int = 0):
        if name.startswith("announced_day"):
            market.write("data/events/report_dates.csv", REPORT_DATES)
        source = (CHEATS / f"{name}.py").read_text(encoding="utf-8")
        source = source.replace("/THE/CHECKOUT", str(market.root))
        market.write(f"strategies/{name}.py", source)
        return audited_as(market, name, worlds)

    return audit_it


def audited_as(market, name: str, worlds: int = 0):
    traded = traded_by(name)
    asked = AuditRequest(
        name, traded["symbols"], {}, None, None, request().rules,
        universe=traded.get("universe"), worlds=worlds,
    )  # fmt: skip
    observer = partial(in_processes, workers=1) if name in APART else in_this_process
    return audit(prepare(market.workspace, asked), observer=observer).record


def traded_by(name: str) -> dict[str, Any]:
    """What a strategy trades: ACME, or the universe."""
    if name.rpartition("_")[0] in UNIVERSE:
        return {"symbols": (), "universe": "four", "benchmark": "four"}
    return {"symbols": ("ACME",)}


def findings(record) -> dict[str, list]:
    """The findings of each check that has any."""
    return {check["name"]: check["findings"] for check in record["checks"] if check["count"]}


def test_every_cheat_has_its_twin():
    names = {path.stem for path in CHEATS.glob("*.py")}
    assert names == {f"{name}_{kind}" for name in CASES for kind in ("cheat", "clean")}


@pytest.mark.parametrize(("name", "expected"), CASES.items(), ids=CASES)
def test_a_cheat_is_caught_for_the_right_reason(audited, name, expected):
    record = audited(f"{name}_cheat")
    found = findings(record)
    assert " ".join(found) == expected.checks
    assert record["outcome"] == ("not deterministic" if name in UNSTEADY else "bias")
    first = next(iter(found.values()))[0]
    assert first["date"] == expected.first
    for text, side in ((expected.full, first["full"]), (expected.world, first["world"])):
        assert text in (side["text"] if side else "nothing")
    assert expected.what in first["what"]


@pytest.mark.parametrize("name", CASES)
def test_its_twin_is_clean_and_trades(audited, market, name):
    record = audited(f"{name}_clean")
    assert findings(record) == {}
    assert record["outcome"] == "clean"
    assert record["sensitivity"]["peek"]["caught"]
    clean = f"{name}_clean"
    assert replay_run(prepare_run(market.workspace, request(clean, **traded_by(clean)))).trades


@pytest.mark.parametrize(
    ("name", "biased"), [("own_close_cheat", True), ("own_close_clean", False)]
)
def test_only_a_cheat_does_well_where_nothing_can_be_predicted(audited, name, biased):
    null = audited(name, worlds=40)["null"]
    assert null["tested"] > 30
    assert null["bias"] == biased


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("import made_up_fonts; return made_up_fonts.FONTS", []),
        ("import made_up_fonts; return made_up_fonts.FILE.read_text()", ["reads"]),
    ],
)
def test_what_a_library_reads_when_it_is_imported_is_no_peek(market, monkeypatch, body, found):
    fonts = market.root / "libraries" / "fonts.txt"
    market.write("libraries/fonts.txt", "a font")
    library = f"from pathlib import Path\nFILE = Path({str(fonts)!r})\nFONTS = FILE.read_text()\n"
    market.write("libraries/made_up_fonts.py", library)
    monkeypatch.syspath_prepend(fonts.parent)
    monkeypatch.delitem(sys.modules, "made_up_fonts", raising=False)
    market.strategy("draws", body)
    assert list(findings(audited_as(market, "draws"))) == found


def test_a_report_that_is_stamped_on_its_own_day_is_found_in_the_data(audited, market):
    market.edit("data/events/earnings.csv", "2025-06-12T16:05:00", "2025-06-12T00:00:00")
    record = audited("revised_consensus_clean")
    assert record["outcome"] == "bias"
    assert record["sentence"].endswith("worth anything: they have 1 error.")
    (wrong,) = [one for one in record["data"] if one["severity"] == "error"]
    assert "earnings.csv, line 2" in wrong["where"]
    assert "midnight" in wrong["what"]


def test_a_connection_to_an_address_needs_no_name_to_be_noticed(market):
    ask = "asked = socket.socket(); asked.connect_ex(('127.0.0.1', 9)); asked.close()"
    market.strategy("asks", f"import socket; {ask}; return 'asked'")
    assert list(findings(audited_as(market, "asks"))) == ["reads"]


FIRST_BAR = """
from backtest import EventStrategy
from backtest.events import Earnings


class FirstBar(EventStrategy):
    listens_to = (Earnings,)

    def notify_event(self, event):
        late = self.getdatabyname("LATE")
        if {condition}:
            self.buy(size=100)

    def next(self):
        if self.position:
            self.close()
"""


@pytest.fixture
def market_with_late(market):
    """LATE is listed on 2025-08-13, after every report but the last."""
    header, *rows = (market.root / "data/prices/ACME.csv").read_text().splitlines()
    late = [row for row in rows if row >= "2025-08-13"]
    market.write("data/prices/LATE.csv", "\n".join([header, *late]) + "\n")
    return market


def audited_first_bar(market, condition: str):
    market.write("strategies/first_bar.py", FIRST_BAR.format(condition=condition))
    both = ("ACME", "LATE")
    asked = AuditRequest("first_bar", both, {}, None, None, request().rules, worlds=0)
    return audit(prepare(market.workspace, asked), observer=in_this_process).record


def test_the_first_bar_of_a_stock_that_is_not_listed_yet_cannot_be_read(market_with_late):
    with pytest.raises(UsageError, match="has none before its first session"):
        audited_first_bar(market_with_late, "late.close[0] > 0")


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("len(late) == 0", set()),
        # The feed keeps its rows in private: whoever goes there is caught.
        ("late._rows['close'][0] != late._rows['open'][0]", {"prefix"}),
    ],
)
def test_whoever_gets_at_that_bar_by_other_ways_is_caught(market_with_late, condition, found):
    assert set(findings(audited_first_bar(market_with_late, condition))) >= found
