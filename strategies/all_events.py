"""Trade earnings, stakes and short reports together; the newest signal wins."""

from pydantic import Field

from backtest import Market, Signal, Strategy
from backtest.events import Earnings, Event, ShortReport, StakeDisclosure

from .earnings_surprise import EarningsSurprise
from .nvidia_stake import NvidiaStake
from .short_report import ShortReports


class AllEvents(Strategy):
    """Trade earnings, stakes and short reports in one account; the newest signal wins.

    More events are more evidence only if they do not overlap: a signal that comes while
    another's trade is open cuts that trade short. The weaknesses of the three strategies add up.
    """

    listens_to = (Earnings, StakeDisclosure, ShortReport)
    signal_terms = (
        *(f"earnings.{name}" for name in EarningsSurprise.signal_terms),
        *(f"stakes.{name}" for name in NvidiaStake.signal_terms),
        *(f"reports.{name}" for name in ShortReports.signal_terms),
    )
    earnings: EarningsSurprise = Field(EarningsSurprise(), description="see earnings_surprise")
    stakes: NvidiaStake = Field(NvidiaStake(), description="see nvidia_stake")
    reports: ShortReports = Field(ShortReports(), description="see short_report")

    def on_event(self, event: Event, market: Market) -> Signal | str:
        if isinstance(event, Earnings):
            return self.earnings.on_event(event, market)
        if isinstance(event, StakeDisclosure):
            return self.stakes.on_event(event, market)
        return self.reports.on_event(event, market)
