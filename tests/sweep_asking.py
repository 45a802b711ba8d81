"""Asking strategies for many sets, by the tree of a sweep and one by one."""

from __future__ import annotations

import itertools
import math
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from pydantic import Field

from backtest.engine.timeline import Question
from backtest.experiments.sweeps.answers import Answers, ask
from backtest.strategy.base import Signal, Strategy
from tests.made_up import earnings

EVENT = earnings()
QUESTION = Question(EVENT, SimpleNamespace(session=None))


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


def by_tree(cls, axes):
    """The signal of each set, and how often the strategy was asked."""
    kinds = {name: {type(value) for value in values} for name, values in axes.items()}
    numbers = frozenset(name for name, found in kinds.items() if found in ({int}, {float}))
    answers = Answers(QUESTION, partial(make, cls), numbers)
    shape = [len(values) for values in axes.values()]
    codes = dict(zip(axes, np.unravel_index(np.arange(math.prod(shape)), shape), strict=True))
    found: list[Any] = ["never answered"] * math.prod(shape)
    for answer, rows in answers.of(axes, codes):
        for row in rows:
            assert found[row] == "never answered"
            own = {term: axes[name][codes[name][row]] for term, name in answer.terms.items()}
            found[row] = answer.signal and answer.signal.model_copy(update=own)
    return found, answers.asked


def by_asking(cls, axes):
    return [ask(QUESTION, make(cls, values), values) for values in all_sets(axes)]
