"""Worlds to trade in: bars, signals, settings and borrow rates, drawn by hypothesis.

Prices move calmly, gap, move by a limit without a range, or halt; they cost pennies or fortunes.
Everything is drawn from choices that make levels, opens and cash meet exactly now and then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle import Action, Settings, Signal
from tests.oracle_bars import is_session

Row = tuple[date, float, float, float, float] | tuple[date, float, float, float, float, float]
SYMBOLS = ("ACME", "BOLT", "COIL")
SPANS = (
    date(2025, 6, 2), date(2025, 6, 12), date(2025, 8, 20), date(2025, 12, 15),
    date(2025, 10, 27), date(2025, 3, 3), date(2025, 11, 24),
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """All that a simulation needs."""

    bars: dict[str, list[Row]]
    signals: list[Signal]
    settings: Settings
    borrow: dict[str, list[tuple[date, float]]]
    actions: dict[str, list[Action]] = field(default_factory=dict)

    def sessions(self) -> list[date]:
        return sorted({row[0] for rows in self.bars.values() for row in rows})


def exchange_sessions(first: date, count: int) -> list[date]:
    """Sessions of the exchange from ``first`` on."""
    days = (first + timedelta(days=n) for n in range(2 * count + 10))
    return [day for day in days if is_session(day)][:count]


def fractions(*extra: float) -> st.SearchStrategy[float]:
    """Distances of stops and targets: round ones, exact in binary, tiny and odd ones."""
    usual = st.sampled_from((0.25, 0.5, 0.125, 0.1, 0.05, 0.01, 0.0001, *extra))
    return usual | st.floats(0.001, 0.9, allow_subnormal=False)


@st.composite
def prices(draw: st.DrawFn) -> tuple[float, float]:
    """A first price and its tick."""
    lowest, highest, tick = draw(
        st.sampled_from(
            [
                (100.0, 100.0, 0.01),  # the plain case first: it is what hypothesis shrinks to
                (1.0, 500.0, 0.01),
                (0.01, 1.0, 0.0001),
                (1_000.0, 200_000.0, 0.5),
            ]
        )
    )
    return draw(st.floats(lowest, highest)), tick


def rounded(price: float, tick: float) -> float:
    """To the nearest tick, at least one."""
    return max(round(round(price / tick) * tick, 6), tick)


# What the open does against the last close (eight choices each), and how far the rest reaches.
OPENS = {
    "calm": (1.0, 1.0, 1.001, 0.999, 1.01, 0.99, 1.02, 0.98),
    "wide": (1.0, 1.03, 0.97, 1.05, 0.95, 1.1, 0.9, 1.07),
    "gap": (0.9, 1.1, 0.75, 1.25, 0.5, 1.5, 0.8, 1.2),
    "limit": (0.9, 1.1, 0.75, 1.25, 0.8, 1.2, 0.95, 1.05),
    "halt": (1.0,) * 8,
    "leap": (2.0, 0.4, 3.0, 0.25, 4.0, 0.2, 2.5, 0.6),
}
REACH = {"calm": 0.02, "wide": 0.3, "gap": 0.15, "limit": 0.0, "halt": 0.0, "leap": 0.6}
CLOSES = (0.0, 0.1, -0.1, 0.25, -0.25, 0.4, -0.4, 0.5, -0.5, 0.62, -0.62, 0.8, -0.8, 0.9, -0.9, 1.0)
WICKS = (0.0, 0.2, 0.5, 1.0)
KINDS = tuple(OPENS)
SHAPES = len(KINDS) * 8 * len(CLOSES) * len(WICKS) * len(WICKS)


def shaped(shape: int, session: date, last: float, tick: float) -> Row:
    """The bar that a number stands for, after a close of ``last``. Zero is a halt of no range.

    One number a bar, not one for each price: drawing is what takes the time.
    """
    shape, above = divmod(shape, len(WICKS))
    shape, below = divmod(shape, len(WICKS))
    shape, closing = divmod(shape, len(CLOSES))
    number, opening = divmod(shape, 8)
    kind = KINDS[number]
    reach = REACH[kind]
    open_ = rounded(last * OPENS[kind][opening], tick)
    close = rounded(open_ * (1 + reach * CLOSES[closing]), tick)
    high = rounded(max(open_, close) * (1 + reach * WICKS[above]), tick)
    low = rounded(min(open_, close) * (1 - reach * WICKS[below]), tick)
    return (session, open_, high, low, close)


@st.composite
def tables(draw: st.DrawFn, sessions: list[date]) -> list[Row]:
    """The bars of one symbol, one for each of the sessions."""
    price, tick = draw(prices())
    last = rounded(price, tick)
    count = len(sessions)
    rows: list[Row] = []
    shapes = draw(st.lists(st.integers(0, SHAPES - 1), min_size=count, max_size=count))
    for session, shape in zip(sessions, shapes, strict=True):
        rows.append(shaped(shape, session, last, tick))
        last = rows[-1][4]
    return rows


@st.composite
def markets(draw: st.DrawFn, fewest: int = 3, most: int = 25) -> dict[str, list[Row]]:
    """One to three symbols; one of them covers all sessions, the others a part of them."""
    count = draw(st.integers(fewest, most))
    sessions = exchange_sessions(draw(st.sampled_from(SPANS)), count)
    symbols = SYMBOLS[: draw(st.integers(1, 3))]
    whole = draw(st.sampled_from(symbols))
    bars: dict[str, list[Row]] = {}
    for symbol in symbols:
        first, last = 0, count
        if symbol != whole and draw(st.booleans()):
            first = draw(st.integers(0, count - 1))
            last = draw(st.integers(first + 1, count))
        bars[symbol] = draw(tables(sessions[first:last]))
    return bars


@st.composite
def with_volumes(draw: st.DrawFn, rows: list[Row]) -> list[Row]:
    """The bars with volumes: of any size, often none at all, and calm or wild within a symbol."""
    size = draw(st.sampled_from((100, 1, 10_000, 1_000_000)))
    choices = draw(st.sampled_from(((10,), (10, 5, 7, 30), (0, 1, 2, 10), (0, 0, 3))))
    count = len(rows)
    volumes = draw(st.lists(st.sampled_from(choices), min_size=count, max_size=count))
    # One price and no volume is a halt.
    least = [int(row[2] == row[3]) for row in rows]
    numbers = [max(number, one) for number, one in zip(volumes, least, strict=True)]
    return [(*row[:5], float(size * number)) for row, number in zip(rows, numbers, strict=True)]


@st.composite
def signal_lists(
    draw: st.DrawFn,
    bars: dict[str, list[Row]],
    *,
    may_leave_out_weights: bool,
    newer: bool,
) -> list[Signal]:
    """Up to twelve signals, often several at one open, in any order of the list."""
    count = draw(st.integers(0, 8) | st.integers(6, 12))
    ids = draw(st.permutations([f"e{number}" for number in range(1, count + 1)]))
    # Signals crowd into so many sessions, from the first on or up to the last.
    busy, late = draw(st.integers(1, 25)), draw(st.sampled_from((False, False, True)))
    bold = draw(st.sampled_from((False, False, True)))  # large shorts without exits: margin, ruin
    directions = ("short",) if bold else ("long", "short")
    # In some worlds signals trade at closes, wait at limits, leave, resize, and are hedged.
    news = newer and draw(st.sampled_from((False, True, True))) and not bold
    weights = st.sampled_from((0.95, 0.5, 1.0, 0.25, 0.05, 2.0)) | st.floats(0.001, 2.0)
    if news:  # there is room for several, and something to resize
        weights = st.sampled_from((0.2, 0.4, 0.1, 0.05, 0.3, 0.5))
    if may_leave_out_weights:
        weights = st.none() | weights
    is_ranked = draw(st.booleans())
    priorities = st.sampled_from((0.0, 1.0, -1.0, 2.5)) if is_ranked else st.just(0.0)
    plans = {
        "hold": st.none() | st.integers(1, 6),
        "stop": st.none() | fractions(),
        "target": st.none() | fractions(1.0, 2.0),
        "trailing_stop": st.none() | fractions(),
    }
    signals = []
    sessions = {row[0] for rows in bars.values() for row in rows}
    whole = [symbol for symbol in sorted(bars) if len(bars[symbol]) == len(sessions)]
    # Legs are in one symbol, which has every bar, and then no signals of its own.
    hedge = draw(st.sampled_from(("", whole[-1], whole[-1]))) if news and len(bars) > 1 else ""
    for event_id in ids:
        symbol = draw(st.sampled_from(sorted(set(bars) - {hedge})))
        days = bars[symbol]
        place = draw(st.integers(0, min(busy, len(days)) - 1))
        session = days[-1 - place if late else place][0]
        minutes = timedelta(minutes=draw(st.integers(0, 3)))
        terms = {} if bold else {name: draw(plan) for name, plan in plans.items()}
        signals.append(
            Signal(
                session=session,
                symbol=symbol,
                direction=draw(st.sampled_from((*directions, "flat") if news else directions)),
                weight=draw(st.sampled_from((1.0, 1.5, 2.0)) if bold else weights),
                published_at=datetime.combine(session, time(12), UTC) + minutes,
                event_id=event_id,
                priority=draw(priorities),
                **(draw(newer_terms(terms, hedge)) if news else terms),
            )
        )
    return signals


NUMBERS = tuple(37 * number % 128 for number in range(128))  # all, the plain one first


@st.composite
def newer_terms(draw: st.DrawFn, terms: dict[str, Any], hedge: str) -> dict[str, Any]:
    """The terms, with what a signal may say beside them; one number draws most of it."""
    number = draw(st.sampled_from(NUMBERS))
    terms = {
        **terms,
        "enter": "close" if number & 1 else "open",
        "leave": "close" if number & 2 else "open",
        "levels": "close" if number & 4 else "session",
        "resize": bool(number & 8) and not (hedge and number & 64),
    }
    if number & 16 and terms["enter"] == "open" and terms["hold"] is not None:
        terms["hold"] -= 1  # 0 leaves at the close
    may_wait = number & 32 and terms["enter"] == "open" and not terms["resize"]
    if may_wait and not (hedge and number & 64):
        terms["limit"] = draw(st.sampled_from((0.0, 0.01, 0.05, -0.02, 0.1, 0.25)))
    elif number & 64 and hedge:
        terms["legs"] = ((hedge, draw(st.sampled_from((1.0, 0.5, 1.3, -0.4, 0.07)))),)
    return terms


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    """Zero, usual and odd costs; small and large accounts.

    Half of them leave alone what can be chosen beyond that, the others choose about half of it.
    """
    plain = draw(st.sampled_from((True, False)))

    def choose(*values: float) -> float:
        return draw(st.sampled_from(values))

    def seldom(default: Any, *others: Any) -> Any:
        return default if plain else draw(st.sampled_from((default,) * len(others) + others))

    return Settings(
        commission_fixed=seldom(0.0, 2.5, 9.99),
        slippage_range=seldom(0.0, 0.1, 0.02, 1.0),
        max_participation=seldom(None, 0.1, 0.01, 0.5, 1.0),
        max_positions=seldom(None, 1, 2, 3),
        min_order=seldom(0.0, 100.0, 5_000.0, 25_000.0),
        borrow_mode=seldom("table", "flat", "none"),
        cash_rate=seldom(0.0, 0.045, 0.36, 5.0),
        cash=choose(100_000.0, 100_000.0, 12_345.67, 500.0, 10_000_000.0),
        commission_per_share=choose(0.0, 0.005, 0.03),
        commission_bps=choose(0.0, 1.0, 10.0, 150.0),
        commission_min=choose(0.0, 1.0, 5.0),
        commission_max=choose(0.01, 0.001, 0.05),
        slippage_bps=choose(0.0, 5.0, 50.0, 300.0),
        max_gross=choose(1.0, 0.5, 1.5, 2.0),
        maintenance_margin=choose(0.30, 0.0, 0.25, 0.5),
        borrow_default=choose(0.0, 0.03, 0.36, 5.0),
        borrow_collateral=choose(1.02, 1.0),
        borrow_day_count=draw(st.sampled_from((360, 365))),
    )


@st.composite
def rates(draw: st.DrawFn, bars: dict[str, list[Row]]) -> dict[str, list[tuple[date, float]]]:
    """Borrow rates of some of the symbols, from before, within or after their bars."""
    found: dict[str, list[tuple[date, float]]] = {}
    for symbol in sorted(bars):
        start = bars[symbol][0][0]
        offsets = draw(st.sets(st.integers(-3, 20), max_size=4))
        if offsets:
            found[symbol] = [
                (start + timedelta(days=n), draw(st.sampled_from((0.0, 0.02, 0.5, 2.0))))
                for n in sorted(offsets)
            ]
    return found


@st.composite
def worlds(draw: st.DrawFn, *, newer: bool = True) -> World:
    """A world to trade in; `newer` says whether signals may do more than enter at an open."""
    chosen = draw(settings())
    if chosen.max_participation is None:
        bars = draw(markets())
    else:  # sometimes with more sessions than the median looks back on
        few = draw(st.booleans())
        bars = draw(markets() if few else markets(22, 28))
        bars = {symbol: draw(with_volumes(rows)) for symbol, rows in bars.items()}
    may_leave_out = chosen.max_positions is not None
    signals = draw(signal_lists(bars, may_leave_out_weights=may_leave_out, newer=newer))
    return World(bars, signals, chosen, draw(rates(bars)))
