"""Asking strategies for many sets, as a sweep does and one by one."""

from __future__ import annotations

import itertools
import math
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
from pydantic import Field

from backtest.engine.kernel import SIGNAL
from backtest.engine.kernel.panel import set_terms
from backtest.engine.timeline import Question
from backtest.experiments.sweeps.answers import Answers, ask, derives
from backtest.strategy.base import Signal, Strategy
from tests.made_up import earnings

EVENT = earnings()
PAST = SimpleNamespace()
TAPE = SimpleNamespace(play=lambda session, now: None, lock=nullcontext(), past=PAST)
QUESTION = Question(EVENT, SimpleNamespace(session=None, now=None), TAPE)
EMPTY = np.zeros(1, SIGNAL)
# One bar, and nothing is hedged.
PANEL = SimpleNamespace(
    kinds=None,
    columns={EVENT.symbol: 0},
    bar_of=lambda session: 0,
    bar_for=lambda decision: 0,
)


class Made(Strategy):
    """What the strategies of these tests have for parameters."""

    hold: int = Field(3, ge=1)
    stop: float | None = Field(0.1, gt=0, lt=1)
    level: float = 0.5
    note: str = "x"
    flag: bool = True


def long(**terms):
    return Signal.long(EVENT, **terms)


def make(cls, values):
    """The strategy of these values, by dotted names."""
    content: dict[str, Any] = {}
    for name, value in values.items():
        inner = content
        *parents, leaf = name.split(".")
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[leaf] = value
    return cls.model_validate(content)


def all_sets(axes):
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def by_sweep(cls, axes):
    """The signal of each set as the kernel's bytes, and how many strategies were made for them.

    Those that are made to hold some answers against the strategy's own are not counted.
    """
    made: list[Any] = []
    answers = Answers(
        "made", [QUESTION], PANEL, 0, lambda v: made.append(v) or make(cls, v), terms(cls)
    )
    checked: list[int] = []
    check = answers._check
    answers._check = lambda *of: checked.append(len(made)) or check(*of)
    shape = [len(values) for values in axes.values()]
    codes = dict(zip(axes, np.unravel_index(np.arange(math.prod(shape)), shape), strict=True))
    found = answers.signals(axes, codes)
    return [record.tobytes() for record in found[:, 0]], checked[0]


def terms(cls):
    return () if derives(cls) else cls.signal_terms


def by_asking(cls, axes):
    found = []
    for values in all_sets(axes):
        record = EMPTY[0].copy()
        signal = ask(QUESTION, make(cls, values), values).signal
        if signal is not None:
            set_terms(record, signal)
        found.append(record.tobytes())
    return found
