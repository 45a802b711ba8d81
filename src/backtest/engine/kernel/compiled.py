"""How the kernel is compiled, and the settings as it takes them.

Compiled code is kept in the user's cache folder under a hash of all source that goes into it:
numba itself does not notice a change in another file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from backtest.engine.rules import Rules
from backtest.workspace.files import cache_folder

F = TypeVar("F", bound="Callable[..., Any]")

_OPTIONS = {"nogil": True, "error_model": "numpy"}


class RuleNumbers(NamedTuple):
    """The settings of `Rules` that the kernel trades by, as numbers; NaN for None."""

    cash: float
    commission_per_share: float
    commission_fixed: float
    commission_bps: float
    commission_min: float
    commission_max: float
    slippage_bps: float
    extended_slippage_bps: float
    slippage_range: float
    max_participation: float
    max_gross: float
    max_positions: float
    min_order: float
    maintenance_margin: float
    borrow_collateral: float
    borrow_day_count: float
    cash_rate: float


def numbers_of(rules: Rules) -> RuleNumbers:
    """The settings as numbers."""
    values = {name: getattr(rules, name) for name in RuleNumbers._fields}
    return RuleNumbers(**{n: np.nan if v is None else float(v) for n, v in values.items()})


def compiled(function: F) -> F:
    """Compile a function that Python calls; it runs without the interpreter's lock."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_folder())
    try:
        made: F = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # no folder can be written: it is compiled in every process
        made = numba.njit(**_OPTIONS)(function)
    finally:
        numba.config.CACHE_DIR = before
    return made


def is_kept() -> bool:
    """Whether compiled code of this version is at hand, so that the first call does not wait."""
    return any(_folder().rglob("*.nbc"))


def inlined(function: F) -> F:
    """Compile a function into those that call it."""
    made: F = numba.njit(forceinline=True, **_OPTIONS)(function)
    return made


@inlined
def whole(value: Any) -> int:
    """A number of one type, whatever record it comes from: each type makes a version of its own."""
    return np.int64(value)  # type: ignore[return-value]


@cache
def _folder() -> Path:
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    here = Path(__file__).parent
    for path in [here.parent / "rules.py", *sorted(here.glob("*.py"))]:
        digest.update(path.read_bytes())
    return cache_folder() / f"kernel-{digest.hexdigest()[:16]}"


@intrinsic  # type: ignore[untyped-decorator]
def borrowed(_context: Any, value: Any) -> Any:
    """An array, or a tuple of arrays, without its owner: handing it on counts no references.

    The owner must outlive it.
    """

    def generate(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return _without_owner(context, builder, value, args[0])

    return value(value), generate


def _without_owner(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.BaseTuple):
        parts = zip(kind.types, cgutils.unpack_tuple(builder, value), strict=True)
        bare = [_without_owner(context, builder, part, inner) for part, inner in parts]
        return context.make_tuple(builder, kind, bare)
    array = context.make_helper(builder, kind, value=value)
    array.meminfo = context.get_constant_null(types.MemInfoPointer(types.voidptr))
    return array._getvalue()  # noqa: SLF001 - numba's way to read a structure
