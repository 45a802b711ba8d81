"""The formulas of `rules.py`, compiled, and what the kernel's orders are filled at by them."""

from __future__ import annotations

from types import FunctionType, ModuleType

import numpy as np
from numpy.typing import NDArray

from backtest.engine import rules
from backtest.engine.kernel.compiled import RuleNumbers, inlined
from backtest.engine.kernel.records import AT_CLOSE, SPLIT, Bars
from backtest.engine.rules import EXTENDED, VOLUME_SESSIONS

rule = ModuleType(rules.__name__)
"""The functions of `rules.py`, compiled as they stand; they call each other's compiled forms."""

_space = vars(rule)
_space |= {name: value for name, value in vars(rules).items() if isinstance(value, float)}
_space["floor"] = np.floor  # shares are doubles here, so that no count overflows
_space["isnan"] = np.isnan
for _name, _value in list(vars(rules).items()):
    if isinstance(_value, FunctionType) and _value.__module__ == rules.__name__:
        _space[_name] = inlined(FunctionType(_value.__code__, _space, _name))


# What orders are filled at: prices, slippage, volume


@inlined
def price_at(bars: Bars, bar: int, symbol: int, at: int) -> float:
    """The open or the close of a bar."""
    prices = bars.prices[bar, symbol]
    return float(prices.close if at == AT_CLOSE else prices.open)


@inlined
def fill_at(bars: Bars, rules: RuleNumbers, bar: int, symbol: int, side: int, at: int) -> float:
    """What an order is filled at, at the open or at the close of a bar.

    Shares are counted at the open, which is known before a close too.
    """
    price = price_at(bars, bar, symbol, at)
    return float(rule.fill_price(price, side, slippage(bars, rules, bar, symbol)))


@inlined
def is_last(bars: Bars, bar: int, symbol: int, spans: NDArray[np.int64]) -> bool:
    """Whether a bar is the last of a symbol in its session, as far as that is of one span."""
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
    """The close of the symbol's bar before, as of this bar's shares; NaN where it has none."""
    ratio = split_ratio(bars, bar, symbol, bars.first_action[bar + 1])
    for before in range(bar - 1, -1, -1):
        close = bars.prices[before, symbol].close
        if not np.isnan(close):
            return float(close / ratio)
    return np.nan


@inlined
def split_ratio(bars: Bars, bar: int, symbol: int, end: int) -> float:
    """New shares for an old one by the splits of a bar up to an action."""
    ratio = 1.0
    for number in range(bars.first_action[bar], end):
        action = bars.actions[number]
        if action.symbol == symbol and action.what == SPLIT:
            ratio *= action.value
    return ratio


@inlined
def slippage(bars: Bars, rules: RuleNumbers, bar: int, symbol: int) -> float:
    """The slippage of a bar, from the range of the symbol's bar before of its kind."""
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
    """The participation cap of an entry, by bars of its kind; infinite before any volume."""
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
