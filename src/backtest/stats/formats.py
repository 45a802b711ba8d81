"""Write figures and texts the same way in the terminal and on pages."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

UNKNOWN = "–"
_GROUPED = 10_000  # numbers from here on have their thousands grouped
_LEAST = 0.01  # percent
_NEARLY_ALL = 0.995  # a share that would round to 100 %
_NAMED = 3  # names in a line
_TENTH = 0.1  # a p-value
# C0 but for tab and line feed, delete, C1, and what changes the direction or breaks a line.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_SMALL, _LEAST_P = 0.01, 0.0001  # p-values that need more digits, and those that need no more


def visible(text: str) -> str:
    r"""Return a text with control characters and direction marks spelled out, such as `\u001b`.

    So no text from outside can move the cursor, color, hide or reverse what is printed. In JSON the
    spelled-out text means the same.
    """
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def new_york_day(stamp: str) -> str:
    """Return the New York day of an ISO time stamp."""
    return new_york_time(stamp)[:10]


def new_york_time(stamp: str) -> str:
    """Return the New York day and minute of an ISO time stamp."""
    from zoneinfo import ZoneInfo  # help has no times

    moment = datetime.fromisoformat(stamp).astimezone(ZoneInfo("America/New_York"))
    return moment.strftime("%Y-%m-%d %H:%M")


def bar_or_session(session: str, bar: str | None) -> str:
    """Return when a bar opened in New York, or its session where it is a daily bar."""
    return new_york_time(bar) if bar else session


def percent(value: float | None) -> str:
    """Write a fraction as a percentage with a sign; what rounds to zero has none."""
    return UNKNOWN if value is None else f"{_signed(f'{100 * value:+,.1f}')} %"


def fine(value: float | None) -> str:
    """Write a fraction as a percentage with a sign, to a hundredth of a percent."""
    return UNKNOWN if value is None else f"{100 * value:+z,.2f} %"


def effect(value: float | None) -> str:
    """Write a fraction as a percentage without a plus sign, to a tenth of a percent."""
    return UNKNOWN if value is None else f"{100 * value:,.1f} %"


def probability(value: float | None) -> str:
    """Write a p-value with two decimals, or with four where it is below 0.01."""
    if value is None:
        return UNKNOWN
    if value < _LEAST_P:
        return f"<{_LEAST_P}"
    return f"{value:.4f}" if value < _SMALL else f"{value:.2f}"


def p_value(p: float | None) -> str:
    """Write a p-value with two decimals, or with two significant digits where it is below 0.1."""
    if p is None:
        return UNKNOWN
    return f"{p:.2f}" if p >= _TENTH else f"{p:.2g}"


def gain(value: float | None) -> str:
    """Write a profit in whole dollars with a sign; what rounds to zero has none."""
    return UNKNOWN if value is None else _signed(f"{value:+,.0f}")


def _signed(text: str) -> str:
    return text if text.strip("+-0.") else text[1:]


def share(value: float | None) -> str:
    """Write a share of a whole as `rate` does, but 100 % for nothing less than all of it."""
    return "over 99 %" if value is not None and _NEARLY_ALL <= value < 1 else rate(value)


def rate(value: float | None) -> str:
    """Write a fraction as a whole percentage, below one percent with two digits."""
    if value is None:
        return UNKNOWN
    size = abs(100 * value)
    if size >= 1 or size == 0:
        return f"{100 * value:z,.0f} %"
    return f"{100 * value:.2g} %" if size >= _LEAST else f"under {_LEAST} %"


def price(value: float) -> str:
    """Write dollars a share to the cent; below a dollar to four decimals or more."""
    size = abs(value)
    digits = max(4, 1 - math.floor(math.log10(size))) if 0 < size < 1 else 2
    return f"{value:,.{digits}f}"


def ratio(value: float | None) -> str:
    """Write a ratio with two decimals."""
    return UNKNOWN if value is None else f"{value:z,.2f}"


def sessions(value: float | None) -> str:
    """Write a number of sessions, which may be a mean, to a tenth."""
    if value is None:
        return UNKNOWN
    text = f"{value:,.1f}".removesuffix(".0")
    return f"{text} session" if text == "1" else f"{text} sessions"


def count(value: float | None) -> str:
    """Write a whole number with thousands grouped."""
    return UNKNOWN if value is None else f"{value:z,.0f}"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun, such as `1 set` or `3,480 sets`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def few(names: Sequence[str]) -> str:
    """Join names in a line; of five or more name the first three and count the rest."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED + 1 else ""
    return ", ".join(names[:_NAMED] if more else names) + more


def field(name: str, value: Any) -> str:
    """Write a field of an event: changes and surprises in percent, large numbers grouped."""
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, datetime):
        return f"{new_york_time(value.isoformat())} New York ({value:%Y-%m-%d %H:%M:%S} UTC)"
    if name.endswith(("_surprise", "_change")):
        return percent(value)
    if isinstance(value, int | float) and abs(value) >= _GROUPED:
        return count(value)
    return str(value)


def costs_line(manifest: Mapping[str, Any]) -> str:
    """Describe the costs of a run or sweep in a line: the preset and its main figures."""
    rules, costs = manifest["rules"], manifest.get("costs")
    part = rules["slippage_range"]
    of_range = f" and {100 * part:g} % of the range" if part else ""
    parts = [
        costs["name"] if costs else "retail",
        f"{rules['commission_per_share']:g} $ a share",
        f"{rules['slippage_bps']:g} bp slippage{of_range}",
        f"borrow by {rules['borrow_mode']}" if rules["borrow_mode"] != "none" else "no borrow",
    ]
    if "reaction" not in manifest.get("axes", ()):  # of a sweep
        parts.append(f"{rules['reaction_minutes']:g} min to react")
    return ", ".join(parts)


FIGURES: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    ("trades", "Trades", count),
    ("win_rate", "Win rate", share),
    ("total_return", "Total return", percent),
    ("cagr", "CAGR", percent),
    ("volatility", "Volatility", rate),
    ("sharpe", "Sharpe", ratio),
    ("sortino", "Sortino", ratio),
    ("max_drawdown", "Max drawdown", percent),
    ("calmar", "Calmar", ratio),
    ("exposure", "Exposure", share),
    ("commission", "Commission $", count),
    ("borrow", "Borrow $", count),
    ("final_equity", "Final equity $", count),
)

# Figures that follow from a run's trades and curves, and need no place in its record.
MORE_FIGURES: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    ("profit_factor", "Profit factor", ratio),
    ("expectancy", "Expectancy $", gain),
    ("average_win", "Average win $", gain),
    ("average_loss", "Average loss $", gain),
    ("payoff", "Payoff", ratio),
    ("best_trade", "Best trade", percent),
    ("worst_trade", "Worst trade", percent),
    ("sqn", "SQN", ratio),
    ("winning_streak", "Winning streak", count),
    ("losing_streak", "Losing streak", count),
    ("mae", "MAE", percent),
    ("mfe", "MFE", percent),
    ("holding_sessions", "Holding time", sessions),
    ("longest_drawdown", "Longest drawdown", sessions),
    ("turnover", "Turnover a year", ratio),
    ("alpha", "Alpha to benchmark", percent),
    ("beta", "Beta to benchmark", ratio),
    ("alpha_stock", "Alpha to the stock", percent),
    ("beta_stock", "Beta to the stock", ratio),
)
