"""This module holds the trading rules as settings and pure functions of numbers, without state.

Money is in dollars, shares are whole and positive, rates and weights are fractions. The kernel
compiles the functions as they stand, so those that it uses may call only each other.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from math import floor, isnan
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from backtest.errors import DataError, UsageError, unknown
from backtest.stats import NO_RETURN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

FloatOrArray = TypeVar("FloatOrArray", "float", "NDArray[np.float64]")

_BASIS_POINT = 1e-4
_MOST_SLIPPAGE = 0.99
_LEVEL_UNIT = 1e9  # levels are exact to a billionth of a dollar
_ROUNDING = 1e-9  # so that what is exact on paper is not lost to the last bit of a double
_LAST_BITS = 1e-14  # the relative error that a product of two doubles leaves
VOLUME_SESSIONS = 20
# The kinds of bar; an extended one is outside the trading hours. They stand here because the kernel
# is compiled anew when this file changes.
DAILY, FINER, EXTENDED = range(3)

RULES_VERSION = 16
"""This number is the version of what trades, figures, evidence and the files of a run mean.

It is part of every id, in place of the program's text. Raise it with every change after which the
same inputs give another result; `tests/golden` fails where that is forgotten.
"""


class Rules(BaseModel):
    """Hold the settings that every engine trades by."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    cash: Annotated[float, Field(gt=0, le=1e12, description="dollars at the start")] = 100_000.0
    commission_per_share: Annotated[float, Field(ge=0, description="dollars")] = 0.005
    commission_fixed: Annotated[float, Field(ge=0, description="dollars an order")] = 0.0
    commission_bps: Annotated[float, Field(ge=0, description="basis points of the value")] = 0.0
    commission_min: Annotated[float, Field(ge=0, description="dollars an order")] = 1.0
    commission_max: Annotated[float, Field(gt=0, description="fraction of the value")] = 0.01
    slippage_bps: Annotated[float, Field(ge=0, lt=10_000, description="basis points")] = 5.0
    extended_slippage_bps: Annotated[
        float, Field(ge=0, lt=10_000, description="basis points, outside of the hours")
    ] = 25.0
    slippage_range: Annotated[float, Field(ge=0, le=1, description="of the last range")] = 0.0
    max_participation: Annotated[float, Field(gt=0, le=1, description="of volume")] | None = None
    hours: Literal["regular", "extended"] = "regular"
    reaction_minutes: Annotated[float, Field(ge=0, le=10_080, description="minutes")] = 5.0
    max_gross: Annotated[float, Field(gt=0, le=10, description="fraction of equity")] = 1.0
    max_positions: (
        Annotated[int, Field(ge=1, le=1_000_000, description="positions at a time")] | None
    ) = None
    min_order: Annotated[float, Field(ge=0, description="dollars of an entry")] = 0.0
    maintenance_margin: Annotated[float, Field(ge=0, description="fraction of shorts")] = 0.30
    borrow_mode: Literal["table", "flat", "none"] = "table"
    borrow_default: Annotated[float, Field(ge=0, description="a year, flat or unknown")] = 0.03
    borrow_collateral: Annotated[float, Field(ge=0, description="times market value")] = 1.02
    borrow_day_count: Annotated[int, Field(gt=0, le=366, description="days of a year")] = 360
    cash_rate: Annotated[float, Field(ge=0, description="earned a year")] = 0.0


_NOT_COSTS = {
    "cash", "hours", "reaction_minutes", "max_gross", "max_positions", "min_order",
    "maintenance_margin",
}  # fmt: skip
COST_FIELDS = tuple(name for name in Rules.model_fields if name not in _NOT_COSTS)


@dataclass(frozen=True)
class Costs:
    """Hold settings of the rules by name, and the sources of their figures."""

    name: str
    figures: Mapping[str, Any]
    sources: Mapping[str, str]


def read_costs(folder: Path, name: str) -> Costs:
    """Read costs from a preset of `folder`, or from the TOML file at the path `name`.

    Raise UsageError where there is neither a preset nor a file of that name, or a figure is
    unknown; DataError where the file is not TOML, or has no figures.
    """
    presets = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    file = presets.get(name, Path(name))
    if not file.is_file():
        raise unknown("file or preset of costs", name, list(presets))
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file} is not readable TOML: {error}.") from None
    figures = content.get("figures")
    tables = all(isinstance(table, dict) for table in content.values())
    if not isinstance(figures, dict) or not tables or set(content) - {"figures", "sources"}:
        raise DataError(f"{file} must hold a table [figures], and may hold [sources], no other.")
    for figure in figures:
        if figure not in COST_FIELDS:
            raise unknown(f"figure of costs in {file}:", figure, COST_FIELDS)
    sources = {str(key): str(value) for key, value in content.get("sources", {}).items()}
    return Costs(file.stem, figures, sources)


def slippage(last_range: float, rules: Rules, is_extended: bool = False) -> float:  # noqa: FBT001, FBT002 - compiled
    """Return the slippage of a bar as a fraction of the price.

    `last_range` is (high − low) ÷ close of the previous bar of the same kind, which is known at the
    open; 0 for the first. An extended bar is outside the trading hours.
    """
    points = rules.extended_slippage_bps if is_extended else rules.slippage_bps
    return min(points * _BASIS_POINT + rules.slippage_range * last_range, _MOST_SLIPPAGE)


def fill_price(price: float, side: int, slip: float) -> float:
    """Return what a market or stop order is filled at: `price`, slipped against the trader.

    `price` is the open, or the level that was touched; `side` is +1 to buy, -1 to sell; `slip` is a
    fraction of the price.
    """
    return price * (1 + side * slip)


def commission(shares: float, price: float, rules: Rules) -> float:
    """Return the commission of one order, dollars.

    The minimum applies where a commission is charged at all; the maximum is a fraction of the
    order's value and takes precedence over the minimum.
    """
    value = shares * price
    charge = (
        rules.commission_fixed
        + rules.commission_per_share * shares
        + rules.commission_bps * _BASIS_POINT * value
    )
    if charge == 0:
        return 0.0
    return min(max(charge, rules.commission_min), rules.commission_max * value)


def participation_cap(volumes: Sequence[float], rules: Rules) -> int | None:
    """Return the most shares that an entry may have, given the volumes of the last sessions.

    None where no cap is set, or where no session has been seen yet.
    """
    if rules.max_participation is None or not volumes:
        return None
    return most_shares(median(volumes), rules.max_participation)


def most_shares(median_volume: float, participation: float) -> int:
    """Return the whole shares that a participation in the median volume allows."""
    return floor(participation * median_volume + _ROUNDING)


def check_weights(is_left_out: Any, rules: Rules) -> None:
    """Raise UsageError if a signal leaves out its weight and no `max_positions` gives one."""
    if is_left_out and rules.max_positions is None:
        raise UsageError(
            "A signal has no weight, which means an equal part of the room: max_gross ÷ "
            "max_positions. max_positions is not set. Set it among the rules, such as "
            "max_positions=10, or give the signal a weight above 0."
        )


def share_of_equity(weight: float, rules: Rules) -> float:
    """Return a signal's weight; where it is NaN, an equal part of the room for `max_positions`."""
    # `check_weights` has refused what would divide by None.
    return rules.max_gross / rules.max_positions if isnan(weight) else weight  # type: ignore[operator]


def shares_for(value: float, fill: float) -> int:
    """Return the whole shares that a value buys at a fill price; 0 where it buys none."""
    return max(floor(value / fill + _ROUNDING), 0)


def hedge_shares(value: float, price: float) -> int:
    """Return the signed shares of a leg of a signed value, rounded to the nearest."""
    shares = floor(abs(value) / price + 0.5 + _ROUNDING)
    return shares if value > 0 else -shares


def affordable_long(shares: int, fill: float, cash: float, rules: Rules) -> int:
    """Return the most shares, up to `shares`, that cash pays for, commission included."""
    cash += _ROUNDING
    if shares * fill + commission(shares, fill, rules) <= cash:
        return shares
    low, middle, high = 0, shares // 2, shares  # the cost grows with the shares: search by halves
    while low < middle < high:  # doubles may lie more than one apart
        if middle * fill + commission(middle, fill, rules) <= cash:
            low = middle
        else:
            high = middle
        middle = (low + high) // 2
    return low


def affordable_short(shares: int, fill: float, cash: float, rules: Rules) -> int:
    """Return `shares`, or 0 where the account would stay in debt even after the sale."""
    left = cash + shares * fill - commission(shares, fill, rules)
    return shares if left >= -_ROUNDING else 0


def covers(cash: float, cost: float) -> bool:
    """Tell whether cash pays for what the waiting entries would cost."""
    return cash + _ROUNDING >= cost


def is_sent(shares: float, fill: float, rules: Rules) -> bool:
    """Tell whether an order of so many shares is sent: it has some, and is worth `min_order`."""
    return shares > 0 and shares * fill + _ROUNDING >= rules.min_order


def is_nothing(shares: float) -> bool:
    """Tell whether shares, of which splits may leave fractions, add up to none."""
    return abs(shares) < _ROUNDING


def times_ratio(shares: float, ratio: float) -> float:
    """Return the shares after a split, fractions included; 70 × 0.1 is 7."""
    exact = shares * ratio
    nearest = floor(exact + 0.5)
    return nearest if abs(exact - nearest) < _LAST_BITS * exact else exact


def split_shares(shares: float, ratio: float) -> tuple[float, float]:
    """Return the whole shares after a split, and the fraction of one that is settled in cash."""
    whole = floor(shares * ratio + _ROUNDING)
    rest = shares * ratio - whole
    return whole, (rest if rest > _ROUNDING else 0.0)


def stop_level(price: float, direction: int, fraction: float) -> float:
    """Return the level a fraction of `price` to the losing side; `direction` +1 long, -1 short."""
    return level(price * (1 - direction * fraction))


def target_level(price: float, direction: int, fraction: float) -> float:
    """Return the level a fraction of `price` to the winning side; `direction` +1 long, -1 short."""
    return level(price * (1 + direction * fraction))


def level(price: float) -> float:
    """Round a level to a billionth of a dollar, half up."""
    # 100 × 1.1 is 110.00000000000001 in binary, and a high of 110 touches it all the same.
    return floor(price * _LEVEL_UNIT + 0.5) / _LEVEL_UNIT


def interest(cash: float, days: int, rules: Rules) -> float:
    """Return the dollars that free cash earns over calendar `days`; debt earns nothing."""
    return max(cash, 0.0) * rules.cash_rate / rules.borrow_day_count * days


def above_cash(change: FloatOrArray, nights: FloatOrArray, rules: Rules) -> FloatOrArray:
    """Return a session's return less what cash earned over the nights before it.

    Sharpe and Sortino ratios, and all that is made of them, are computed from these returns: that
    cash earns interest is no skill. What is nothing but rounding is 0.
    """
    excess = change - nights * rules.cash_rate / rules.borrow_day_count
    return excess * (abs(excess) > NO_RETURN)


def borrow_charge(value: float, annual_rate: float, days: int, rules: Rules) -> float:
    """Return the dollars that it costs to hold a short worth `value` over calendar `days`."""
    return value * rules.borrow_collateral * annual_rate / rules.borrow_day_count * days


def is_margin_call(equity: float, short_value: float, rules: Rules) -> bool:
    """Tell whether equity at the close falls short of the maintenance margin of the shorts."""
    return short_value > 0 and equity < rules.maintenance_margin * short_value
