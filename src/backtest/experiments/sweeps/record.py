"""The record of a sweep: what readers use of `sweep.json`."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from backtest.experiments.runs.record import RunRules
from backtest.workspace.records import CostsName, Moment, Span


class SetFigures(TypedDict):
    """The figures of a set; None where one has no meaning."""

    final_equity: float | None
    total_return: float | None
    sharpe: float | None
    max_drawdown: float | None
    trades: float | None
    win_rate: float | None
    commission: float | None
    borrow: float | None


class Best(TypedDict):
    """The best set: its Sharpe ratio a year, deflated by the trials on record."""

    set: int
    trials: int
    sharpe: float | None
    dsr: float | None


class Overfitting(TypedDict):
    """The probability of backtest overfitting, by so many blocks of sessions."""

    pbo: float
    loss_share: float
    blocks: int


class SuperiorAbility(TypedDict):
    """The p-value against holding, and its bounds."""

    p: float
    lower: float
    upper: float


class Thin(TypedDict):
    """Why the trades of the best set, and of all, are too few to tell; empty where they are not."""

    best: str
    all: str


ChosenSet = TypedDict(
    "ChosenSet",
    {"event_id": str, "known": bool, "set": int | None, "return": float, "default": float},
)


class WalkForward(TypedDict):
    """Event by event the set that was chosen on earlier ones, and what that earned in sum."""

    events: list[ChosenSet]
    total: float
    default: float
    hindsight: float


class SweepEvidence(TypedDict):
    """What the best of a sweep is worth."""

    compared: int
    distinct: int
    best: Best
    overfitting: Overfitting | None
    thin: Thin
    superior: SuperiorAbility | None
    walk_forward: WalkForward


class SweepRecord(TypedDict):
    """What `sweep.json` holds."""

    sweep_id: str
    strategy: str
    symbols: list[str]
    parameters: dict[str, Any]
    axes: dict[str, list[Any]]
    base: dict[str, Any]
    base_figures: SetFigures
    sets: int
    rules: RunRules
    costs: CostsName | None
    span: Span
    trials: int
    evidence: SweepEvidence
    finished_at: Moment
