"""A strategy that keeps what it was asked, and the decisions that came of it."""

from backtest.engine.timeline import decide
from backtest.events import Earnings, ShortReport, StakeDisclosure
from backtest.strategy.base import Strategy
from tests.made_up import MINUTES_5, day

END_OF_DAY = "T23:59:59-04:00"


class Asked(Strategy):
    """Answers every event by `answer` and keeps the markets that it saw."""

    listens_to = (Earnings, StakeDisclosure, ShortReport)
    seen: list = []  # noqa: RUF012 - pydantic copies it for each strategy
    answer: object = None

    def on_event(self, event, market):
        self.seen.append((event, market))
        return self.answer(event, market) if callable(self.answer) else "noted"


def ask(prices, events, answer=None, first=None, last=None, strategy=Asked, reaction=MINUTES_5):
    """The decisions on events of ACME, and what the strategy saw."""
    made = strategy(answer=answer)
    span = prices.span(first and day(first), last and day(last))
    decisions = decide(made, events, {"ACME": prices}, {"ACME": span}, reaction)
    return decisions, made.seen
