"""Own the stock after a beat until a report or a short seller says the contrary."""

from pydantic import Field

from backtest import Market, Signal, Strategy
from backtest.events import Earnings, ShortReport


class LongUntilMiss(Strategy):
    """Go long after a beat on earnings, and flat after a miss or a short seller's report.

    Only the next event that says the contrary ends the position, while the other strategies leave
    by the calendar or by the price. Drift after surprises was found to last for weeks and to be
    renewed by the next one (Bernard & Thomas 1990, who found surprises of neighbouring quarters
    alike). Nothing was fitted to the data.

    Its weaknesses: between two reports nothing ends the position, so that most of its result is
    the drift of the stock itself, and one position spans several events. There is no stop.
    """

    listens_to = (Earnings, ShortReport)
    signal_terms = ("weight",)
    threshold: float = Field(0.0, ge=0, description="least |EPS surprise| that counts, a fraction")
    weight: float = Field(0.95, gt=0, le=10, description="share of equity")

    def on_event(self, event: Earnings | ShortReport, market: Market) -> Signal | str:
        if isinstance(event, ShortReport):
            if event.author_type != "short_seller":
                return f"a case of {event.author_type}, not of a short seller"
            return Signal.flat(event, reason=f"{event.author} is short")
        surprise = event.eps_surprise
        if surprise is None:
            return "no eps surprise is known"
        shown = f"eps surprise {surprise:+.1%}"
        if abs(surprise) <= self.threshold:
            return f"{shown}: does not exceed {self.threshold:.1%}"
        if surprise < 0:
            return Signal.flat(event, reason=shown)
        return Signal.long(event, weight=self.weight, reason=shown)
