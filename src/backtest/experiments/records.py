"""Declare the fields that readers use of `run.json`, `study.json` and `many-study.json`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from backtest.workspace.files import CostsName, IsoDay, IsoTime, Span

STUDY, MANY_STUDY = "study.json", "many-study.json"


class RunRules(TypedDict):
    """These rules are shown on pages; the record has all of them."""

    cash: float
    commission_per_share: float
    slippage_bps: float
    slippage_range: float
    reaction_minutes: float
    borrow_mode: str


class Figures(TypedDict):
    """Hold the figures of a run: shares and returns as fractions, amounts in dollars."""

    trades: int
    win_rate: float | None
    final_equity: float
    total_return: float
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    max_drawdown: float | None
    calmar: float | None
    exposure: float | None
    commission: float
    borrow: float
    dividends: float
    interest: float


class Summary(TypedDict):
    """A summary has the figures of the run and, by the same names, of its benchmark and stock."""

    run: Figures
    benchmark: dict[str, float | None]
    stock: dict[str, float | None] | None  # None in a universe, and where it is the benchmark


class AmongDraws(TypedDict):
    """Say where a figure of a run is among the draws of a null, as p-values."""

    observed: float | None
    p: float | None
    p_low: float | None


class HistogramRecord(TypedDict):
    """Hold the counts of equal bins, of which the first begins at `first`."""

    first: float
    step: float
    counts: list[int]


class Placebo(TypedDict):
    """Hold three figures of a run against the draws of one null."""

    sharpe: AmongDraws
    total_return: AmongDraws
    mean_trade_return: AmongDraws
    histogram: HistogramRecord | None
    drawn: NotRequired[int]  # where the verdict was certain before all draws were made


class IntervalRecord(TypedDict):
    """Hold an estimate with its interval, or why the interval is `unknown`."""

    estimate: float | None
    low: float | None
    high: float | None
    confidence: float
    unknown: str


class PerSession(TypedDict):
    """Hold the Sharpe ratio of daily returns, and what its error depends on."""

    ratio: float
    observations: int
    skewness: float
    kurtosis: float


class SharpeRatio(IntervalRecord):
    """The Sharpe ratio is annual; `per_session` is what PSR and DSR take, where it is known."""

    per_session: NotRequired[PerSession]
    psr: NotRequired[float | None]
    min_track_record: NotRequired[float | None]


class Evidence(TypedDict):
    """Hold what a run can prove; `refused` says why it has no verdict, if it has none."""

    sentence: str
    trades: int
    draws: int
    refused: str
    p: float | None
    p_low: float | None
    random_timing: Placebo | None
    random_direction: Placebo | None
    mean_trade_return: IntervalRecord
    detectable: float | None
    sharpe: SharpeRatio
    verdict: Literal["better", "worse", "neither", "none"]


class GroupRecord(TypedDict):
    """Sum the trades of one group, such as those of a year; profits are in dollars."""

    name: str
    trades: int
    wins: int
    net_profit: float
    mean_return: float


class MoveRecord(TypedDict):
    """Describe how the price moved at an event: prices in dollars, moves as fractions."""

    event_id: str
    last_close: float | None
    first_open: float | None
    gap: float | None
    direction: int | None  # +1 where it opened a long trade, -1 a short one
    traded: float | None  # exit fill ÷ entry fill − 1 of that trade


class Attribution(TypedDict):
    """Hold the profit by groups of trades, and the move at each event."""

    profit_by: dict[str, list[GroupRecord]]
    moves: list[MoveRecord]


class NoRoom(TypedDict):
    """Count the signals without room, and what each makes in an account of its own."""

    signals: int
    mean_return: float | None
    wins: int


class Differences(TypedDict):
    """Hold what differs from the defaults: parameters, rules, span and engine."""

    parameters: dict[str, Any]
    rules: dict[str, Any]
    first: IsoDay | None
    last: IsoDay | None
    engine: str | None


class Replayed(TypedDict):
    """Hold what the records of a run and of a sweep have in common."""

    strategy: str
    parameters: dict[str, Any]
    symbols: list[str]
    universe: NotRequired[str | None]
    span: Span
    rules: RunRules
    costs: CostsName | None
    finished_at: IsoTime


class AtReaction(TypedDict):
    """Tell what the strategy makes if it reacts so many minutes after an event."""

    reaction: float | None  # minutes; None for the next open by daily bars
    trades: int
    profit: float
    mean_trade_return: float | None


class RunRecord(Replayed):
    """A run's record is `run.json`; its last four fields are added when the run is weighed."""

    run_id: str
    engine: NotRequired[Literal["backtrader", "kernel"]]
    from_class: NotRequired[bool]  # the strategy is a class of a script or a notebook
    bars: NotRequired[str]
    missing_bars: NotRequired[Literal["daily", "none"]]
    benchmark: str
    as_of: IsoDay | None
    inputs: dict[str, str]
    strategy_sha256: str
    rules_version: int
    packages: dict[str, str]
    differs: NotRequired[Differences]
    assumptions: list[str]
    ruined_on: IsoDay | None
    summary: Summary
    files: dict[str, str]  # sha256 by name
    evidence: NotRequired[Evidence]
    attribution: NotRequired[Attribution]
    no_room: NotRequired[NoRoom]
    speed: NotRequired[list[AtReaction]]


class StudySettings(TypedDict):
    """Hold the sessions of the estimation window, and the seed and number of draws."""

    estimation: int
    seed: int
    draws: int


class EventFields(TypedDict):
    """Hold what every row of a study says about its event."""

    event_id: str
    kind: str
    published_at: IsoTime
    precision: str
    headline: str


class StudiedRow(EventFields):
    """An event of a study has by window its CAR and standard error, or why it is unknown."""

    day_0: IsoDay
    direction: int
    model: str
    model_reason: str
    estimation_days: int
    beta: float | None
    cars: dict[str, float | None]
    errors: dict[str, float | None]
    unknown: dict[str, str]
    path: list[float | None]


class LeftOutRow(EventFields):
    """Describe an event that a study leaves out, with the reason."""

    reason: str


class Average(TypedDict):
    """An average is a mean CAR with p-values; `known` counts the days 0 of events with a CAR."""

    events: int
    known: int
    caar: float | None
    p: float | None
    p_holm: float | None
    p_across: float | None


class WindowRow(Average):
    """A window row is of all events, or of those in the expected direction, which have no tests."""

    window: str
    detectable: float | None
    overlaps: NotRequired[int]
    right: NotRequired[int]
    tests: NotRequired[dict[str, dict[str, Any]]]


class GroupRow(Average):
    """Describe the average of one group of events, such as `surprise` by `above`."""

    by: str
    name: str


class MeanPath(TypedDict):
    """Hold a mean CAR by day, as a fraction, with its interval or the band of random days."""

    name: str
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]


class CurveRecord(MeanPath):
    """Describe the mean path of a group; `places` number its rows among the events."""

    by: str
    places: list[int]
    signs: list[int]


Windows = Annotated[list[WindowRow], Field(min_length=1)]


class MeanInterval(TypedDict):
    """Hold a mean of abnormal returns, as a fraction, with its interval."""

    value: float | None
    low: float | None
    high: float | None
    events: int


class MinuteRow(TypedDict):
    """Hold the mean move until a minute after publication, and volume and range against usual."""

    minute: int
    car: MeanInterval
    volume: float | None
    range: float | None


class MinutesRecord(TypedDict):
    """Hold the study of the first minutes after events, by finer bars."""

    events: int
    stocks: int
    sessions: int
    without_usual: int  # events with too few sessions before
    outside: int  # events not known to the minute, or outside the hours with bars
    rows: list[MinuteRow]
    close: MeanInterval
    next_open: MeanInterval
    shares: dict[str, float | None]


class _Studied(TypedDict):
    study_id: str
    name: str
    of: Literal["kind", "strategy"]
    reaction_minutes: float
    decides: NotRequired[Literal["close"]]  # the price before which is decided; else the open
    days: list[int]
    finished_at: IsoTime
    files: NotRequired[dict[str, str]]
    bars: NotRequired[str]
    minutes: NotRequired[MinutesRecord]  # with finer bars alone


class StudyRecord(_Studied):
    """Describe a study of one stock; it is `study.json`."""

    symbol: str
    benchmark: str
    benchmark_reason: str
    settings: StudySettings
    also: str
    events: list[StudiedRow]
    windows: Windows
    signed: Windows | None
    groups: list[GroupRow]
    curves: list[CurveRecord]
    left_out: list[LeftOutRow]


class MeanRow(MeanInterval):
    """Hold a mean of many stocks, tested; `seasons` counts its quarters."""

    p: float | None
    detectable: float | None
    seasons: int


class ManyWindowRow(TypedDict):
    """Hold the means of a window: of all events, of each group, and their spread."""

    window: str
    all: MeanRow
    groups: list[MeanRow]
    spread: MeanRow | None
    p_holm: float | None
    tested: NotRequired[bool]  # False for the past that a strategy may have decided on


class ManyStudyRecord(_Studied):
    """Describe a study of many stocks; `told` counts all events, used or not."""

    symbols: list[str]
    universe: str | None
    against: str
    by: str | None
    quantiles: int | None
    told: int
    observations: int
    stocks: int
    dates: int
    seasons: int
    without_value: int
    without_return: NotRequired[int]
    groups: list[str]
    rows: Annotated[list[ManyWindowRow], Field(min_length=1)]
    curves: list[MeanPath]
    left_out: dict[str, int]
    assumptions: list[str]
