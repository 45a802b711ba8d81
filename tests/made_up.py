"""A made-up checkout: the stock ACME, the benchmark INDX, their events and two strategies.

ACME opens at 100 on the first session and a dollar higher in each that follows; every bar goes two
dollars up and down from its open and closes a dollar above it. The sessions are real ones of the
NYSE: 2025-06-19 and 2025-07-04 are holidays, 2025-07-03 closes at 13:00.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from backtest.data.versions import seal
from backtest.events import Earnings, Event, News, ShortReport, StakeDisclosure
from backtest.experiments.runs import run as api
from backtest.experiments.runs.run import RunRequest
from backtest.experiments.terms import make_rules
from backtest.workspace.folders import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from backtest.experiments.runs.store import Run

SOURCE = "made up for tests"
SESSIONS = (
    *(f"2025-06-{day:02}" for day in (2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 20)),
    *(f"2025-06-{day:02}" for day in (23, 24, 25, 26, 27, 30)),
    *(f"2025-07-{day:02}" for day in (1, 2, 3, 7, 8, 9, 10, 11, 14, 15)),
)
ACME = "date,open,high,low,close,volume\n" + "".join(
    f"{day},{100 + n}.00,{102 + n}.00,{98 + n}.00,{101 + n}.00,{1000 + n}\n"
    for n, day in enumerate(SESSIONS)
)
INDX = "date,close\n2025-05-30,50.00\n" + "".join(f"{day},51.00\n" for day in SESSIONS)
EARNINGS = """\
symbol,published_at,precision,headline,period,eps,eps_consensus,source_url,grade,note
ACME,2025-06-04T16:05:00-04:00,exact,A made-up beat,2024Q4,0.30,0.20,https://example.org/1,A,made up
ACME,2025-06-27T08:00:00-04:00,minute,A made-up miss,2025Q1,-0.30,-0.20,,B,made up
"""
STAKES = """\
symbol,published_at,precision,headline,holder,form,as_of,shares,previous_shares,first_filing,note
ACME,2025-06-10T23:59:59-04:00,date,A made-up first filing,BIGCO,13F-HR,2025-03-31,100,,true,made up
ACME,2025-07-01T16:30:00-04:00,exact,A made-up sale,BIGCO,8-K,2025-06-30,50,100,false,made up
"""
REPORTS = """\
symbol,published_at,precision,headline,author,author_type,target_price,note
ACME,2025-06-18T23:59:59-04:00,date,A made-up report,Jane Bear,short_seller,10,made up
ACME,2025-06-29T23:59:59-04:00,week,A made-up rumour,Jane Bear,short_seller,,made up
"""
NEWS = """\
symbol,published_at,precision,headline,category,note
ACME,2025-06-12T09:24:00-04:00,minute,A made-up contract,contract,made up
OTHR,2025-06-12T09:24:00-04:00,minute,A made-up contract,contract,another stock
"""
EVERY_KIND = "Earnings, StakeDisclosure, ShortReport, News"
BORROW = """\
symbol,date,annual_rate,provider,source_url,note
ACME,2025-06-02,0.10,Made Up Lenders,,made up
ACME,2025-06-23,0.36,assumption,,made up
"""
BEATS = '''\
"""Made up for tests."""

from pydantic import Field

from backtest import Signal, Strategy
from backtest.events import Earnings


class Beats(Strategy):
    """Long a beat."""

    listens_to = (Earnings,)
    hold: int = Field(3, ge=1, le=20, description="sessions")
    weight: float = Field(0.5, gt=0, description="share of equity")

    def on_event(self, event, market):
        if event.eps_surprise <= 0:
            return "not a beat"
        return Signal.long(event, weight=self.weight, hold=self.hold, reason="a beat")
'''
OWNER = '''\
"""Made up for tests."""

from backtest import Signal, Strategy
from backtest.events import Start


class Owner(Strategy):
    """Long from the start."""

    listens_to = (Start,)

    def on_event(self, event, market):
        return Signal.long(event, weight=1.0, reason="held")
'''
FILES = {
    "data/prices/ACME.csv": ACME,
    "data/prices/INDX.csv": INDX,
    "data/events/earnings.csv": EARNINGS,
    "data/events/stake_disclosures.csv": STAKES,
    "data/events/short_reports.csv": REPORTS,
    "data/events/news.csv": NEWS,
    "data/borrow/ACME.csv": BORROW,
    "strategies/beats.py": BEATS,
    "strategies/owner.py": OWNER,
}


@dataclass(frozen=True)
class Checkout:
    """A made-up checkout in a temporary folder, and what tests do to it."""

    root: Path

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root / "strategies", self.root / "data", self.root / "reports")

    def write(self, name: str, text: str, *, sealed: bool = True) -> Path:
        """Overwrite a file; a data file gets metadata that fit, unless it is left unsealed."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        if path.suffix == ".csv" and sealed and text.strip():
            days = [line.split(",")[0] for line in text.splitlines()[1:]]
            seal(path, days, source=SOURCE, adjust=None)
        return path

    def edit(self, name: str, old: str, new: str, *, sealed: bool = True) -> Path:
        """Replace a text that occurs once in a file."""
        text = (self.root / name).read_bytes().decode()
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {name}"
        return self.write(name, text.replace(old, new), sealed=sealed)

    def strategy(self, name: str, body: str, listens_to: str = "Earnings", more: str = "") -> Path:
        """Write a strategy file whose `on_event` has the body given."""
        return self.write(
            f"strategies/{name}.py",
            "from pydantic import Field\nfrom backtest import Signal, Strategy\n"
            "from backtest.events import *\n\n\n"
            f"class Made(Strategy):\n    listens_to = ({listens_to},)\n{more}\n"
            f"    def on_event(self, event, market):\n        {body}\n",
        )

    def snapshot(self, folder: str = "reports") -> dict[str, bytes]:
        """Every file and folder below a folder, with its content, but for Python's own cache."""
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else b"<folder>"
            for path in sorted((self.root / folder).rglob("*"))
            if "__pycache__" not in path.parts
        }


def make_checkout(root: Path) -> Checkout:
    """Write the made-up checkout into an empty folder."""
    checkout = Checkout(root)
    for name, text in FILES.items():
        checkout.write(name, text)
    (root / "reports").mkdir()
    return checkout


def often(checkout: Checkout, name: str = "often", make: str = "long") -> str:
    """A strategy of six occasions: each event for one session, two of them in one trade."""
    checkout.strategy(
        name, f"return Signal.{make}(event, weight=0.5, hold=1)", f"Start, {EVERY_KIND}"
    )
    return name


class Outcome(NamedTuple):
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str


def request(strategy: str = "beats", **changes: Any) -> RunRequest:
    """A request on ACME; `rules` takes changed settings by name."""
    terms: dict[str, Any] = {
        "symbols": ("ACME",),
        "settings": {},
        "first": None,
        "last": None,
        "benchmark": "INDX",
        **changes,
    }
    terms["rules"] = make_rules(**terms.pop("rules", {}))
    return RunRequest(strategy=strategy, **terms)


def do(checkout: Checkout, strategy: str = "beats", *, force: bool = False, **changes: Any) -> Run:
    """The run of a request on ACME."""
    prepared = api.prepare_run(checkout.workspace, request(strategy, **changes))
    return api.run(prepared, force=force)


def utc(text: str) -> datetime:
    """A moment from its ISO text, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


MINUTES_5 = timedelta(minutes=5)


def earnings(at: str = "2025-06-04T16:05:00-04:00", **changes: Any) -> Earnings:
    """A made-up quarterly report."""
    return Earnings(**{**_common(at), "period": "2025Q1", **changes})


def stake(at: str = "2025-06-04T16:05:00-04:00", **changes: Any) -> StakeDisclosure:
    """A made-up stake of BIGCO."""
    return StakeDisclosure(**{**_common(at), "holder": "BIGCO", "form": "8-K", **changes})


def report(at: str = "2025-06-04T16:05:00-04:00", **changes: Any) -> ShortReport:
    """A made-up report of a short seller."""
    author = {"author": "Jane Bear", "author_type": "short_seller"}
    return ShortReport(**{**_common(at), **author, **changes})


def news(at: str = "2025-06-04T16:05:00-04:00", **changes: Any) -> News:
    """A made-up contract."""
    return News(**{**_common(at), "category": "contract", **changes})


def _common(at: str) -> dict[str, Any]:
    return {"symbol": "ACME", "published_at": at, "precision": "exact", "headline": "Made up"}


def ids(events: Any) -> list[str]:
    """The ids of events."""
    return [event.id for event in events]


def kinds(events: Any) -> list[type[Event]]:
    """The kinds of events."""
    return [type(event) for event in events]
