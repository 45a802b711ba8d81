"""This module compiles the kernel and the formulas of `rules.py`, and computes fills by them.

Compiled code is kept in the user's cache folder under a hash of all source that goes into it, for
numba itself does not notice a change in another file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.caching import IndexDataCacheFile
from numba.extending import intrinsic
from numpy.typing import NDArray

from backtest.engine import rules
from backtest.engine.kernel import AT_CLOSE, SPLIT, Bars, RuleNumbers
from backtest.engine.rules import EXTENDED, VOLUME_SESSIONS
from backtest.workspace.files import cache_folder

F = TypeVar("F", bound="Callable[..., Any]")

_OPTIONS = {"nogil": True, "error_model": "numpy"}


class _CodeCache(IndexDataCacheFile):
    """Keep a function's code, which is compiled anew where it is damaged or finds no room."""

    def load(self, key: Any) -> Any:
        try:
            return super().load(key)
        except Exception:  # noqa: BLE001 - pickle promises no kind of error
            with suppress(OSError):
                self.flush()  # else nothing could be kept there any more
            return None

    def save(self, key: Any, data: Any) -> None:
        with suppress(OSError):
            super().save(key, data)


def compiled(function: F) -> F:
    """Compile a function that Python calls; it runs without the interpreter's lock."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_folder())
    try:
        dispatcher: Any = numba.njit(cache=True, **_OPTIONS)(function)
        dispatcher._cache._cache_file.__class__ = _CodeCache  # noqa: SLF001 - numba takes no other
    except RuntimeError:  # no folder can be written: it is compiled in every process
        dispatcher = numba.njit(**_OPTIONS)(function)
    finally:
        numba.config.CACHE_DIR = before
    return dispatcher  # type: ignore[no-any-return]


def is_cached() -> bool:
    """Tell whether compiled code of this version is kept, so that the first call does not wait."""
    return any(_folder().rglob("*.nbc"))


def inlined(function: F) -> F:
    """Compile a function into those that call it."""
    dispatcher: F = numba.njit(forceinline=True, **_OPTIONS)(function)
    return dispatcher


@inlined
def whole(value: Any) -> int:
    """Return a record's number as an int64: numba compiles a version for each type of argument."""
    return np.int64(value)  # type: ignore[return-value]


@cache
def _folder() -> Path:
    digest = hashlib.sha256(f"{numba.__version__} {np.__version__}".encode())
    here = Path(__file__).parent
    for path in [here.parent / "rules.py", *sorted(here.glob("*.py"))]:
        digest.update(path.read_bytes())
    return cache_folder() / f"kernel-{digest.hexdigest()[:16]}"


rule = ModuleType(rules.__name__)
"""It holds the functions of `rules.py`, compiled; they call each other's compiled forms."""

_space = vars(rule)
_space |= {name: value for name, value in vars(rules).items() if isinstance(value, float)}
_space["floor"] = np.floor  # shares are doubles here, so that no count overflows
_space["isnan"] = np.isnan
for _name, _value in list(vars(rules).items()):
    if isinstance(_value, FunctionType) and _value.__module__ == rules.__name__:
        _space[_name] = inlined(FunctionType(_value.__code__, _space, _name))


# Fills: prices, slippage, volume


@inlined
def price_at(bars: Bars, bar: int, symbol: int, at: int) -> float:
    """Return the open or the close of a bar, as `at` says; dollars."""
    prices = bars.prices[bar, symbol]
    return float(prices.close if at == AT_CLOSE else prices.open)


@inlined
def fill_at(bars: Bars, rules: RuleNumbers, bar: int, symbol: int, side: int, at: int) -> float:
    """Return the price of a fill at the open or at the close of a bar, slippage included."""
    price = price_at(bars, bar, symbol, at)
    return float(rule.fill_price(price, side, slippage(bars, rules, bar, symbol)))


@inlined
def is_last(bars: Bars, bar: int, symbol: int, spans: NDArray[np.int64]) -> bool:
    """Tell whether a bar is a symbol's last of its session, on its day where `spans` are days."""
    after = bar + 1
    while (
        after < len(bars.session)
        and bars.session[after] == bars.session[bar]
        and spans[after] == spans[bar]
    ):
        if not np.isnan(bars.prices[after, symbol].close):
            return False
        after += 1
    return True


@inlined
def last_close(bars: Bars, bar: int, symbol: int) -> float:
    """Return the close of the symbol's previous bar, adjusted to this bar's splits; NaN without."""
    ratio = split_ratio(bars, bar, symbol, bars.first_action[bar + 1])
    for before in range(bar - 1, -1, -1):
        close = bars.prices[before, symbol].close
        if not np.isnan(close):
            return float(close / ratio)
    return np.nan


@inlined
def split_ratio(bars: Bars, bar: int, symbol: int, end: int) -> float:
    """Return the new shares for an old one by the splits of a bar, before action `end`."""
    ratio = 1.0
    for number in range(bars.first_action[bar], end):
        action = bars.actions[number]
        if action.symbol == symbol and action.what == SPLIT:
            ratio *= action.value
    return ratio


@inlined
def slippage(bars: Bars, rules: RuleNumbers, bar: int, symbol: int) -> float:
    """Return a bar's slippage, given the range of the symbol's previous bar of the same kind."""
    last_range = 0.0
    if rules.slippage_range > 0:
        for before in range(bar - 1, -1, -1):
            close = bars.prices[before, symbol].close
            if not np.isnan(close) and bars.kinds[before] == bars.kinds[bar]:
                last_range = (
                    bars.prices[before, symbol].high - bars.prices[before, symbol].low
                ) / close
                break
    return float(rule.slippage(last_range, rules, bars.kinds[bar] == EXTENDED))


@inlined
def most_shares(bars: Bars, rules: RuleNumbers, bar: int, symbol: int) -> float:
    """Return the participation cap of an entry by bars of its kind; infinite before any volume."""
    seen = np.empty(VOLUME_SESSIONS)
    count, before, ratio = 0, bar - 1, 1.0
    while before >= 0 and count < VOLUME_SESSIONS:
        ratio *= split_ratio(bars, before + 1, symbol, bars.first_action[before + 2])
        is_alike = bars.kinds[before] == bars.kinds[bar]
        if is_alike and not np.isnan(bars.prices[before, symbol].close):
            seen[count] = bars.volume[before, symbol] * ratio
            count += 1
        before -= 1
    if count == 0:
        return np.inf
    return float(rule.most_shares(np.median(seen[:count]), rules.max_participation))


# Arrays without their owners


@intrinsic  # type: ignore[untyped-decorator]
def borrowed(_context: Any, value: Any) -> Any:
    """Return an array, or a tuple of them, without its owner: passing it on counts no references.

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
