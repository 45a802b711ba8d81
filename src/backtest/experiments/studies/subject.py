"""Find what is studied, the events of a kind or of a strategy, and write a study's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from backtest.data.calendar import as_utc64, trading_calendar
from backtest.data.inputs import Inputs, read_inputs
from backtest.data.kinds import Earnings, Event, News, ShortReport, StakeDisclosure, Start
from backtest.data.prices import Prices, price_symbols, read_prices
from backtest.errors import UsageError, unknown
from backtest.experiments.terms import Plan, identity, installed_packages
from backtest.stats.figures import varies
from backtest.stats.minutes import BarsByClock, by_clock, minutes_study
from backtest.stats.multiple_testing import holm_of_known
from backtest.strategy.base import BacktraderStrategy, Strategy, StrategyFile, heard_kinds
from backtest.strategy.loading import event_kinds, find_strategy, strategy_origins
from backtest.strategy.parameters import configure, to_record
from backtest.workspace.files import read_record, record_text, write_folder

if TYPE_CHECKING:
    import pandas as pd

    from backtest.data.bars import FinerBars
    from backtest.engine.schedule import Decision
    from backtest.stats import Floats
    from backtest.stats.event_study import Model, Window
    from backtest.workspace.folders import Workspace

T = TypeVar("T")
_FUNDS = ("SPY", "QQQ")
_CARS = "cars.csv"
_FEWEST = 20  # sessions of which a share of variance is taken
_JUDGING = ("p", "p_across", "low", "high", "detectable")


@dataclass(frozen=True)
class StudyRequest:
    """Say what is studied: the events of a kind or of a strategy, and on which stocks."""

    name: str
    symbols: tuple[str, ...] = ()
    universe: str | None = None  # in place of symbols
    as_strategy: bool = False  # whether the strategy is meant where a kind has its name
    # A fund; where None the mean of the universe, of equal weights, and for symbols SPY or QQQ: for
    # one stock by fit, for many the first of them, or their own mean where there is neither.
    benchmark: str | None = None
    reaction: float = 5.0  # minutes from publication to the earliest open
    bars: str | None = None  # length of finer bars, such as 5m, to study minutes by as well
    windows: tuple[Window, ...] = ()  # windows, the leading one first; empty for the usual ones
    accept_jumps: bool = False  # whether to take prices that jump as after a split as they are
    model: Model = "market"  # model of normal returns of one stock
    seed: int = 1  # seed of the random days that one stock is compared with
    draws: int = 10_000  # draws of these days
    by: str | None = None  # field of many stocks' kind to sort by, or the end of its name
    quantiles: int = 5  # number of groups by that field


@dataclass(frozen=True)
class Benchmark:
    """Hold the market of a study, and why it is this one."""

    symbol: str  # the fund
    reason: str  # why this fund
    returns: Floats  # its returns in the stock's sessions, shape (T,); NaN where unknown
    explained: Mapping[str, float]  # share of the variance away from events, by candidate


def read_candidates(folder: Path, symbol: str, named: str | None) -> list[Prices]:
    """Read the prices of the fund that is named, or else of SPY and QQQ; UsageError without any."""
    if named == symbol:
        raise UsageError(f"--benchmark {named} is what is studied: it does nothing beyond itself.")
    names = funds_in(folder, (symbol,)) if named is None else [named]
    if not names:
        raise UsageError(
            f"{folder} holds no prices of {' or '.join(_FUNDS)} to hold {symbol} against. "
            f"Name another fund with --benchmark."
        )
    return [read_prices(folder, name) for name in names]


def funds_in(folder: Path, studied: Sequence[str]) -> list[str]:
    """Return those of SPY and QQQ that have prices and are not studied themselves."""
    symbols = price_symbols(folder)
    return [name for name in _FUNDS if name in symbols and name not in studied]


def choose_benchmark(
    stock: Prices, candidates: Sequence[Prices], day_zeros: Sequence[int], *, named: bool
) -> Benchmark:
    """Choose the candidate that explains most of the stock where no event is near.

    `day_zeros` are positions in the stock's sessions; `named`: the user has named the candidate.
    """
    sessions = stock.table.index
    of_stock = close_returns(stock, sessions)
    returns = {prices.symbol: close_returns(prices, sessions) for prices in candidates}
    near = [day + away for day in day_zeros for away in (-1, 0, 1)]
    quiet = np.setdiff1d(np.arange(len(of_stock)), near)
    explained = {name: _explained(of_stock[quiet], each[quiet]) for name, each in returns.items()}
    best = max(explained, key=lambda name: explained[name])
    shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in explained.items())
    reason = (
        f"of the variance of {stock.symbol} in sessions away from the events, {shares} is explained"
    )
    if named:
        reason = f"named by --benchmark; {reason}"
    elif len(explained) > 1:
        reason = f"{reason}; {best} explains most"
    else:
        reason = f"the one at hand; {reason}"
    return Benchmark(best, reason, returns[best], explained)


def close_returns(prices: Prices, sessions: pd.Index[Any], *, stands: bool = False) -> Floats:
    """Return the returns from session to session, with dividends, shape (T,); NaN where unknown.

    With `stands` a price without a row between its first and last stands still there, as in a halt.
    """
    grown = prices.growth.reindex(sessions, method="ffill" if stands else None)
    known = (sessions > prices.traded.index.min()) & (sessions <= prices.table.index.max())
    changes = grown.pct_change(fill_method=None).mask(grown.shift() == 0, 0.0)  # worth nothing
    return np.asarray(changes.where(known), np.float64)


def _explained(stock: Floats, market: Floats) -> float:
    known = ~np.isnan(stock) & ~np.isnan(market)
    if known.sum() < _FEWEST or not (varies(stock[known]) and varies(market[known])):
        return 0.0
    return float(np.corrcoef(stock[known], market[known])[0, 1] ** 2)


@dataclass(frozen=True)
class Subject:
    """Name what is studied: kinds of event, or a strategy with those that it listens to."""

    name: str  # as the user wrote it
    kinds: tuple[type[Event], ...]  # the kinds of event
    file: StrategyFile | None = None  # the strategy's; None where all events of a kind are studied
    strategy: Strategy | None = None  # with its default parameters; None likewise
    also: str = ""  # what else has this name, in a sentence; empty where nothing has


@dataclass(frozen=True)
class StudiedEvent:
    """Hold an event with its day 0 and the direction that is expected."""

    event: Event
    session: date  # day 0, the first session whose open comes after it was public
    direction: int  # where the price is expected to go, +1 or -1; 0 where nothing is expected
    why: str  # the reason of the direction
    labels: dict[str, str]  # its group by each way of grouping


def find_subject(workspace: Workspace, name: str, *, as_strategy: bool) -> Subject:
    """Find the kind of event with this name, or the strategy; only that with `as_strategy`.

    Raises UsageError where nothing has the name, or the strategy answers with no signals.
    """
    kinds, strategies = event_kinds(workspace), strategy_origins(workspace)
    if name in kinds and not as_strategy:
        also = f"A strategy has this name too: --strategy studies what {name} would trade."
        return Subject(name, (kinds[name],), also=also if name in strategies else "")
    if name not in strategies:
        what = "strategy" if as_strategy else "kind of event or strategy"
        raise unknown(what, name, strategies if as_strategy else {*kinds, *strategies})
    file = find_strategy(workspace, name)
    strategy = configure(file, {})
    if isinstance(strategy, BacktraderStrategy):
        kind_names = ", ".join(kind.kind for kind in file.cls.listens_to)
        raise UsageError(
            f"{name} orders by itself and answers events with no signal, so that nothing says "
            f"which it trades. Study the kinds that it hears of: {kind_names}."
        )
    return Subject(name, tuple(strategy.listens_to), file, strategy)


def is_tested(subject: Subject, window: Window) -> bool:
    """Tell whether a window holds none of the past that a strategy may have decided on."""
    return subject.strategy is None or window[0] >= (subject.strategy.decides == "close")


def untested(value: Any) -> Any:
    """Blank the values in a row by which its window would be judged."""
    if isinstance(value, dict):
        return {name: None if name in _JUDGING else untested(v) for name, v in value.items()}
    return [untested(each) for each in value] if isinstance(value, list) else value


def windows_of(
    request: StudyRequest, subject: Subject, usual: Sequence[Window]
) -> tuple[Window, ...]:
    """Return the windows of the request, or the usual ones, those that are tested first."""
    # Usual windows that begin on day 0 begin a day later if the strategy decides before its close.
    by = 0 if is_tested(subject, (0, 0)) else 1
    moved = [(first + by, last + by) if first == 0 else (first, last) for first, last in usual]
    tested_first = sorted(dict.fromkeys(moved), key=lambda window: not is_tested(subject, window))
    return request.windows or tuple(tested_first)


def read_study_inputs(
    workspace: Workspace, request: StudyRequest, subject: Subject, benchmark: str
) -> Inputs:
    """Read what is studied; errors as of `read_inputs`."""
    strategy = subject.strategy
    return read_inputs(
        workspace.data,
        request.symbols,
        benchmark,
        (None, None),
        subject.kinds,
        looks_at=strategy.looks_at if strategy else (),
        trades_also=strategy.trades_also if strategy else (),
        universe=request.universe,
        bars=request.bars,
        accept_jumps=request.accept_jumps,
        needs_bars=strategy is not None,  # a strategy may look at opens, highs and lows
    )


def study_identity(
    subject: Subject, inputs: Inputs, terms: Mapping[str, Any], others: Sequence[Prices] = ()
) -> dict[str, Any]:
    """Return all that decides a study: its subject, inputs, other prices and terms."""
    if inputs.finer:
        terms = {**terms, "bars": next(iter(inputs.finer.values())).of}
    strategy = subject.strategy
    if strategy and strategy.decides != "open":
        terms = {**terms, "decides": strategy.decides}
    heard = heard_kinds(strategy) if strategy else subject.kinds
    hashes = replace(inputs, rates={}).hashes(heard)  # nothing is traded, so nothing is borrowed
    hashes |= {f"prices/{each.symbol}": each.sha256() for each in others}
    return identity(
        subject.file,
        hashes,
        name=subject.name,
        of="kind" if strategy is None else "strategy",
        parameters=None if strategy is None else to_record(strategy),
        **terms,
    )


def events_of(
    subject: Subject, inputs: Inputs, reaction: timedelta
) -> tuple[list[StudiedEvent], list[Decision]]:
    """Return the events with a day 0, in order of publication, and those that are left out."""
    from backtest.engine.bars import sessions_alone
    from backtest.engine.schedule import schedule
    from backtest.engine.timeline import decide

    where = (inputs.events, inputs.seen, inputs.span, reaction)
    if subject.strategy is None:
        decisions = schedule(subject.kinds, *where, inputs.universe)
    else:
        bars = sessions_alone(inputs.replayed, inputs.finer)
        decisions = decide(subject.strategy, *where, inputs.universe, bars)
    studied, left_out = [], []
    for decision in decisions:
        event, session = decision.event, decision.tradable_session
        if isinstance(event, Start):
            left_out.append(replace(decision, reason="no public fact: the replay begins"))
        elif session is None or decision.action in ("not_tradable", "no_signal"):
            left_out.append(decision)
        else:
            studied.append(StudiedEvent(event, session, *_expected(decision, inputs.events)))
    return studied, left_out


def corrected(
    rows: list[dict[str, Any]], tested: Callable[[Any], Any] = lambda row: row
) -> list[dict[str, Any]]:
    """Correct the p-value of each row, in the part that `tested` returns, for their number."""
    ps = holm_of_known([tested(row)["p"] for row in rows])
    return [{**row, "p_holm": p} for row, p in zip(rows, ps, strict=True)]


def study_minutes(inputs: Inputs, events: Sequence[StudiedEvent]) -> dict[str, Any]:
    """Study the minutes round the events known to the minute, where there are finer bars."""
    if not inputs.finer:
        return {}
    calendar = trading_calendar()
    bars = {symbol: inputs.finer[symbol] for symbol in inputs.span}
    days = np.unique(np.concatenate([one.sessions for one in bars.values()]))
    length = next(iter(bars.values())).length

    def slots(one: FinerBars, moments: Any, sessions: Any) -> list[int]:
        """Count bars from the open; those of an hour may open on the hour, but for the first."""
        step = np.timedelta64(length, "m")
        apart, counts = np.unique(one.times.view("m8[us]") % step, return_counts=True)
        grid = np.datetime64(0, "us") + apart[counts.argmax()]
        opens = calendar.times_of(sessions, "open")
        return list(((moments - grid) // step - (opens - grid) // step).tolist())

    known = [each.event for each in events if each.event.precision in ("exact", "minute")]
    by_symbol: dict[str, list[tuple[int, int]]] = {}  # session and bar of each event
    for symbol, one in bars.items():
        times = [as_utc64(event.published_at) for event in known if event.symbol == symbol]
        public = np.array(times, "M8[us]")
        sessions = calendar.sessions_at(public)
        inside = np.isin(sessions, one.sessions)
        public, sessions = public[inside], sessions[inside]
        rows, numbers = np.searchsorted(days, sessions), slots(one, public, sessions)
        by_symbol[symbol] = list(zip(rows.tolist(), numbers, strict=True))

    def clock(one: FinerBars) -> BarsByClock:
        rows = np.searchsorted(days, one.sessions).tolist()
        nights = _nights(one, inputs.span[one.symbol], days)
        return by_clock(length, rows, slots(one, one.times, one.sessions), one.table, nights)

    stocks = ((clock(bars[symbol]), some) for symbol, some in by_symbol.items() if some)
    outside = len(events) - sum(map(len, by_symbol.values()))
    return {"minutes": {"outside": outside, **minutes_study(length, stocks)}}


def _nights(bars: FinerBars, prices: Prices, days: Any) -> Floats:
    """Return the return from each session's close to the next open, with dividends and splits."""
    grown, daily = prices.growth, bars.by_session
    opens = grown * (daily["open"] / daily["close"])
    nights = opens.reindex(grown.index).shift(-1) / grown - 1
    return np.asarray(nights.reindex(days.astype("M8[ns]")), np.float64)


def _expected(decision: Decision, events: Sequence[Event]) -> tuple[int, str, dict[str, str]]:
    """Return the direction, by the signal or else by the event, its reason, and the labels."""
    event, labels = decision.event, {"kind": decision.event.kind}
    direction, why = 0, "nothing is expected of this kind"
    if decision.direction is not None:
        labels["direction"] = decision.direction
    if isinstance(event, Earnings):
        why, change = "sign of the EPS surprise", event.eps_surprise
        direction, labels["EPS surprise"] = _sign_and_word(change, "beat", "miss", "in line")
    elif isinstance(event, StakeDisclosure) and event.is_stale(events):
        why, labels["stake"] = "a stale filing says nothing", "stale"
    elif isinstance(event, StakeDisclosure):
        why, change = "sign of the stake's change", event.stake_change
        direction, labels["stake"] = _sign_and_word(change, "raised", "cut", "unchanged")
    elif isinstance(event, ShortReport):
        direction, why = -1, "a case against the stock"
        labels["author"] = event.author
    elif isinstance(event, News):
        labels["category"] = event.category
    if decision.signal is not None:
        sides = {"long": 1, "short": -1, None: 0}  # of a flat one nothing is expected
        direction, why = sides[decision.direction], decision.signal.reason
    return direction, why, labels


def _sign_and_word(change: float | None, up: str, down: str, level: str) -> tuple[int, str]:
    sign = int(np.sign(change or 0))
    return sign, "unknown" if change is None else (level, up, down)[sign]


@dataclass(frozen=True)
class Study(Generic[T]):
    """Hold the record of a study, and its folder."""

    path: Path
    record: T


@dataclass(frozen=True)
class StudyPlan(Plan[Study[T]]):
    """Hold the inputs of a study, read and checked."""

    file: ClassVar[str]  # the name of the record
    kind: ClassVar[type[Any]]  # what the record holds
    request: StudyRequest
    subject: Subject
    inputs: Inputs
    events: Sequence[StudiedEvent]
    left_out: Sequence[Decision]

    def read(self) -> Study[T]:
        """Read the study; DataError where its record, or the table of CARs, is damaged."""
        return Study(self.path, read_record(self.path / self.file, self.kind))


def write_study(
    plan: StudyPlan[T], started: datetime, figures: Mapping[str, Any], cars: pd.DataFrame
) -> Study[T]:
    """Write a study's folder and read it; raises UsageError where it cannot be written."""
    table = cars.to_csv(index=False, lineterminator="\n")
    record = {
        "study_id": plan.id,
        **plan.identity,
        "packages": installed_packages(),
        "started_at": started.isoformat(timespec="seconds"),
        **figures,
        "finished_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "files": {_CARS: sha256(table.encode()).hexdigest()},
    }
    write_folder(plan.path, {_CARS: table, plan.file: record_text(record)})
    return plan.read()
