"""One case of the spec: bars, signals and settings, and what must come of them.

The expected figures are computed by hand in the case, as expressions of literals. Sessions are
written as ISO dates, bars as a table of ``session open high low close`` and, if it matters,
``volume``. Of runs by finer bars stamps are those of New York, ``2025-06-03 09:35``, by which bars,
signals and trades name the bar that opens then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any

from tests.oracle import Action, Settings, Signal
from tests.oracle_bars import hours, is_session, session_at, utc
from tests.oracle_parts import day

DEFAULT = Settings()
# No slippage, no commission, no borrow: the bare prices.
FREE = Settings(
    slippage_bps=0.0, extended_slippage_bps=0.0, commission_per_share=0.0, borrow_default=0.0
)


def free(**changes: Any) -> Settings:
    """Free trading, except for what is named."""
    return replace(FREE, **changes)


def extended(**changes: Any) -> Settings:
    """Free trading by finer bars outside of regular hours too."""
    return free(hours="extended", **changes)


def moment(stamp: str) -> date:
    """A session, or the moment at which a bar opens by the clock of New York, in UTC."""
    session, _, clock = stamp.partition(" ")
    opened = date.fromisoformat(session)
    return utc(opened, time.fromisoformat(clock)) if clock else opened


def long(session: str, symbol: str = "ACME", **terms: Any) -> Signal:
    """A signal to buy; the case fills in ``event_id`` and ``published_at`` where left out."""
    return Signal(moment(session), symbol, "long", **terms)


def short(session: str, symbol: str = "ACME", **terms: Any) -> Signal:
    """A signal to sell short."""
    return Signal(moment(session), symbol, "short", **terms)


def flat(session: str, symbol: str = "ACME", **terms: Any) -> Signal:
    """A signal to leave."""
    return Signal(moment(session), symbol, "flat", **terms)


@dataclass(frozen=True)
class ExpectedTrade:
    """A trade as the case states it."""

    event_id: str
    symbol: str
    direction: str
    shares: float
    entry_session: date
    entry_price: float
    exit_session: date
    exit_price: float
    exit_reason: str
    gross: float = 0.0
    commission: float = 0.0
    borrow: float = 0.0
    hedge: float = 0.0  # net profit of its legs
    dividends: float = 0.0  # below zero where a short has paid them
    entry_bar: datetime | None = None
    exit_bar: datetime | None = None


def trade(
    event_id: str,
    symbol: str,
    direction: str,
    shares: float,
    entry_session: str,
    entry_price: float,
    exit_session: str,
    exit_price: float,
    exit_reason: str,
    *,
    gross: float = 0.0,
    commission: float = 0.0,
    borrow: float = 0.0,
    hedge: float = 0.0,
    dividends: float = 0.0,
) -> ExpectedTrade:
    """An expected trade. What is not given is zero: nothing is derived."""
    entered, left = moment(entry_session), moment(exit_session)
    sessions = [session_at(at) if isinstance(at, datetime) else at for at in (entered, left)]
    times = [at if isinstance(at, datetime) else None for at in (entered, left)]
    return ExpectedTrade(
        event_id, symbol, direction, shares, sessions[0], entry_price, sessions[1], exit_price,
        exit_reason, gross, commission, borrow, hedge, dividends, *times,
    )  # fmt: skip


Row = tuple[date, float, float, float, float] | tuple[date, float, float, float, float, float]


def parse_bars(table: str) -> list[Row]:
    """Read ``session open high low close [volume]``, one bar a line; ``#`` begins a comment."""
    rows: list[Row] = []
    for line in table.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if ":" in words[1]:
            words[:2] = [" ".join(words[:2])]
        session, (open_, high, low, close, *volume) = words[0], map(float, words[1:])
        if not low <= min(open_, close) <= max(open_, close) <= high:
            raise ValueError(f"a bar that cannot be: {line.strip()!r}")
        if len(volume) > 1:
            raise ValueError(f"too many columns: {line.strip()!r}")
        rows.append((moment(session), open_, high, low, close, *volume))
    if [row[0] for row in rows] != sorted({row[0] for row in rows}):
        raise ValueError("sessions must rise")
    return rows


def composed(rows: Sequence[Row]) -> dict[date, Row]:
    """Finer bars of regular hours as those of their sessions."""
    sessions: dict[date, list[Row]] = {}
    for row in rows:
        session = day(row[0])
        opened, closed = hours(session)
        if is_session(session) and opened <= row[0] < closed:
            sessions.setdefault(session, []).append(row)
    return {
        session: (
            session,
            bars[0][1],
            max(bar[2] for bar in bars),
            min(bar[3] for bar in bars),
            bars[-1][4],
            *([sum(bar[5] for bar in bars)] if len(bars[0]) > 5 else []),
        )
        for session, bars in sessions.items()
    }


@dataclass(frozen=True)
class Case:
    """A row of the spec. ``rule`` names the row of the design's table it belongs to.

    Signals without an ``event_id`` are named e1, e2, ... in the order of the list, and those
    without a ``published_at`` were published in that order.
    """

    name: str
    rule: str
    bars: Mapping[str, str]
    signals: Sequence[Signal]
    trades: Sequence[ExpectedTrade]
    equity: Sequence[float]  # at the close of each session of any symbol
    settings: Settings = FREE
    borrow: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)
    cash: Sequence[float] | None = None
    outcomes: Mapping[str, str] | None = None
    capped: set[str] | frozenset[str] = frozenset()  # events whose shares the volume has cut
    interest: float = 0.0
    of_legs: Mapping[str, float] = field(default_factory=dict)  # what legs paid, and were paid
    actions: Mapping[str, Sequence[tuple[str, str, float | None]]] = field(default_factory=dict)
    finer: Mapping[str, str] = field(default_factory=dict)  # bars of five minutes

    def totals(self) -> dict[str, float]:
        """What the account has paid and been paid, its legs included."""
        return {
            what: sum(getattr(one, what) for one in self.trades) + self.of_legs.get(what, 0.0)
            for what in ("commission", "borrow", "dividends")
        }

    def rows(self) -> dict[str, list[Row]]:
        """The bars of sessions by symbol; where a session has finer bars alone, theirs composed."""
        rows = {symbol: parse_bars(table) for symbol, table in self.bars.items()}
        for symbol, finer in self.finer_rows().items():
            daily = {row[0]: row for row in rows.get(symbol, [])}
            rows[symbol] = sorted((composed(finer) | daily).values())
        return rows

    def finer_rows(self) -> dict[str, list[Row]]:
        """The finer bars by symbol."""
        return {symbol: parse_bars(table) for symbol, table in self.finer.items()}

    def sessions(self) -> list[date]:
        """The sessions of all symbols together."""
        return sorted({row[0] for rows in self.rows().values() for row in rows})

    def named_signals(self) -> list[Signal]:
        """The signals with their ids and order of publication filled in."""
        return [
            replace(
                signal,
                event_id=signal.event_id or f"e{number}",
                published_at=number if signal.published_at is None else signal.published_at,
            )
            for number, signal in enumerate(self.signals, start=1)
        ]

    def rates(self) -> dict[str, list[tuple[date, float]]]:
        """The borrow rates by symbol."""
        return {
            symbol: [(date.fromisoformat(day), rate) for day, rate in pairs]
            for symbol, pairs in self.borrow.items()
        }

    def dated_actions(self) -> dict[str, list[Action]]:
        """The dividends, splits and ends by symbol."""
        return {
            symbol: [(date.fromisoformat(day), action, amount) for day, action, amount in found]
            for symbol, found in self.actions.items()
        }
