"""The record of a run: what readers use of `run.json`."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from backtest.workspace.records import CostsName, Day, Moment, Span


class RunRules(TypedDict):
    """The rules that pages show; all of them stand in the record."""

    cash: float
    commission_per_share: float
    slippage_bps: float
    slippage_range: float
    reaction_minutes: float
    borrow_mode: str


class Figures(TypedDict):
    """What the figures of a run and of its benchmark share; None where one has no meaning."""

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
    interest: float


class RunFigures(Figures):
    """The figures of a run."""

    trades: int
    win_rate: float | None


class BenchmarkFigures(Figures):
    """The figures of a benchmark, which trades nothing."""

    trades: None
    win_rate: None


class Summary(TypedDict):
    """The figures of the run, and those of its benchmark."""

    run: RunFigures
    benchmark: BenchmarkFigures


class Standing(TypedDict):
    """Where a run is among draws by one statistic."""

    observed: float | None
    p: float | None
    p_low: float | None
    percentiles: dict[str, float]


class HistogramRecord(TypedDict):
    """How many draws fell between neighbouring edges."""

    first: float
    step: float
    counts: list[int]


class Placebo(TypedDict):
    """A run among draws of one placebo, and the picture of the Sharpe ratio."""

    sharpe: Standing
    total_return: Standing
    mean_trade_return: Standing
    histogram: HistogramRecord | None
    drawn: NotRequired[int]  # where the verdict was certain before all draws were made


class IntervalRecord(TypedDict):
    """An estimate and its interval, or why that is unknown."""

    estimate: float | None
    low: float | None
    high: float | None
    confidence: float
    unknown: str


class SharpeRatio(IntervalRecord):
    """The Sharpe ratio, a year; by session what PSR and DSR are made of, where it is known."""

    per_session: NotRequired[dict[str, float]]
    psr: NotRequired[float | None]
    min_track_record: NotRequired[float | None]


class Evidence(TypedDict):
    """What the result of a run is worth."""

    sentence: str
    trades: int
    occasions: int
    by_trades: bool
    ruined: bool
    total_return: float
    level: float
    power: float
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
    """The trades of a group and what they earned."""

    name: str
    trades: int
    wins: int
    net_profit: float
    mean_return: float


class MoveRecord(TypedDict):
    """The gap on an event, and what was earned on it."""

    event_id: str
    last_close: float | None
    first_open: float | None
    gap: float | None
    direction: int | None
    traded: float | None


class Attribution(TypedDict):
    """Where the profit came from, by way of grouping, and the move on each event."""

    profit_by: dict[str, list[GroupRecord]]
    moves: list[MoveRecord]


class NoRoom(TypedDict):
    """Signals without room, and what each would have made in an account of its own."""

    signals: int
    mean_return: float | None
    wins: int


class RunRecord(TypedDict):
    """What `run.json` holds; the last three come after the rest is written."""

    run_id: str
    strategy: str
    parameters: dict[str, Any]
    symbols: list[str]
    universe: NotRequired[str | None]
    engine: NotRequired[Literal["backtrader", "kernel"]]
    benchmark: str
    span: Span
    as_of: Day | None
    rules: RunRules
    inputs: dict[str, str]
    strategy_sha256: str
    rules_version: int
    packages: dict[str, str]
    costs: CostsName | None
    finished_at: Moment
    assumptions: list[str]
    ruined_on: Day | None
    summary: Summary
    files: dict[str, str]  # by name the sha256
    evidence: NotRequired[Evidence]
    attribution: NotRequired[Attribution]
    no_room: NotRequired[NoRoom]
