"""One case of the spec: bars, signals and settings, and what must come of them.

The expected figures are computed by hand in the case, as expressions of literals. Sessions are
written as ISO dates, bars as a table of ``session open high low close`` and, if it matters,
``volume``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from tests.oracle import Action, Settings, Signal

DEFAULT = Settings()
# No slippage, no commission, no borrow: the bare prices.
FREE = Settings(slippage_bps=0.0, commission_per_share=0.0, borrow_default=0.0)


def free(**changes: Any) -> Settings:
    """Free trading, except for what is named."""
    return replace(FREE, **changes)


def long(session: str, symbol: str = "ACME", **terms: Any) -> Signal:
    """A signal to buy; the case fills in ``event_id`` and ``published_at`` where left out."""
    return Signal(date.fromisoformat(session), symbol, "long", **terms)


def short(session: str, symbol: str = "ACME", **terms: Any) -> Signal:
    """A signal to sell short."""
    return Signal(date.fromisoformat(session), symbol, "short", **terms)


def flat(session: str, symbol: str = "ACME", **terms: Any) -> Signal:
    """A signal to leave."""
    return Signal(date.fromisoformat(session), symbol, "flat", **terms)


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
    entered, left = date.fromisoformat(entry_session), date.fromisoformat(exit_session)
    return ExpectedTrade(
        event_id, symbol, direction, shares, entered, entry_price, left, exit_price, exit_reason,
        gross, commission, borrow, hedge, dividends,
    )  # fmt: skip


Row = tuple[date, float, float, float, float] | tuple[date, float, float, float, float, float]


def parse_bars(table: str) -> list[Row]:
    """Read ``session open high low close [volume]``, one session a line; ``#`` begins a comment."""
    rows: list[Row] = []
    for line in table.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        session, (open_, high, low, close, *volume) = words[0], map(float, words[1:])
        if not low <= min(open_, close) <= max(open_, close) <= high:
            raise ValueError(f"a bar that cannot be: {line.strip()!r}")
        if len(volume) > 1:
            raise ValueError(f"too many columns: {line.strip()!r}")
        rows.append((date.fromisoformat(session), open_, high, low, close, *volume))
    if [row[0] for row in rows] != sorted({row[0] for row in rows}):
        raise ValueError("sessions must rise")
    return rows


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
    actions: Mapping[str, Sequence[tuple[str, str, float | None]]] = field(default_factory=dict)

    def rows(self) -> dict[str, list[Row]]:
        """The bars by symbol."""
        return {symbol: parse_bars(table) for symbol, table in self.bars.items()}

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
