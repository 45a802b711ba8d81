"""Building blocks for `on_event`: small pure functions of the event and of what was known then.

Each answers None where it cannot know, such as in a stock's first sessions. Say then why there is
no signal: a signal takes `stop=None` for no stop at all.
"""

from backtest.strategy.blocks import (
    above_average,
    atr_stop,
    average_true_range,
    beta,
    events_near,
    faded,
    grade_scale,
    precision_scale,
    realised_volatility,
    sessions_since,
    standardised_surprise,
    volatility_weight,
)

__all__ = [
    "above_average",
    "atr_stop",
    "average_true_range",
    "beta",
    "events_near",
    "faded",
    "grade_scale",
    "precision_scale",
    "realised_volatility",
    "sessions_since",
    "standardised_surprise",
    "volatility_weight",
]
