"""`Strategy` and `Signal`, which a strategy file is made of, and strategies of Backtrader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from backtest.data.kinds import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.data.market import Market

Direction = Literal["long", "short"]
Weight = Annotated[float, Field(gt=0, le=10)]
Sessions = Annotated[int, Field(ge=1, le=1_000_000)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Distance = Annotated[float, Field(gt=0, le=1_000)]
TERMS = ("weight", "hold", "stop", "target", "trailing_stop", "priority")  # numbers of a signal


class Signal(BaseModel):
    """What a strategy wants after an event: a position, and the plan to leave it.

    Attributes:
        symbol: the stock to hold.
        event_id: the event that is acted on.
        direction: `long` or `short`.
        weight: share of equity to hold, above 0; `max_gross` bounds it. None is an equal part of
            the room: `max_gross` ÷ `max_positions`, which must then be set.
        hold: sessions after the entry session until the exit at the open; None to the end.
        stop: fraction of the entry price at which a loss is cut; None for no stop.
        target: fraction of the entry price at which a gain is taken; None for no target.
        trailing_stop: fraction from the best close since entry; None for none.
        priority: of the signals at one open those with a higher one are served first, then those
            published first, the alphabet last. Of several on one symbol the last still acts.
        reason: why, in a few words, for the decision log.

    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    symbol: str
    event_id: str
    direction: Direction
    weight: Weight | None = 0.95
    hold: Sessions | None = None
    stop: Fraction | None = None
    target: Distance | None = None
    trailing_stop: Fraction | None = None
    priority: float = 0.0
    reason: str = ""

    @classmethod
    def long(cls, event: Event, **terms: Any) -> Signal:
        """Own the event's stock.

        Args:
            event: the event that is answered.
            terms: `weight`, `hold`, `stop`, `target`, `trailing_stop`, `priority` and `reason`,
                as above.

        """
        return cls(symbol=event.symbol, event_id=event.id, direction="long", **terms)

    @classmethod
    def short(cls, event: Event, **terms: Any) -> Signal:
        """Sell the event's stock short. Terms as for `long`."""
        return cls(symbol=event.symbol, event_id=event.id, direction="short", **terms)


class Strategy(BaseModel):
    """A rule that answers events with signals. Its fields are its parameters.

    Subclasses name the kinds of event in `listens_to`, declare parameters as typed fields with
    bounds, and write `on_event`. Those that look at the past of other symbols, such as an index,
    name them in `looks_at`. They are frozen: the same event and the same past give the
    same answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    listens_to: ClassVar[tuple[type[Event], ...]] = ()
    """The kinds of event that it is asked about."""

    looks_at: ClassVar[tuple[str, ...]] = ()
    """Symbols whose past it sees and does not trade."""

    signal_terms: ClassVar[tuple[str, ...]] = ()
    """Parameters that `on_event` does no more with than hand them on, as the terms of its signal
    that have their names: `hold` in `Signal.long(event, hold=self.hold)`. A sweep asks once for all
    their values, and `backtest check` proves them."""

    def on_event(self, event: Any, market: Market) -> Signal | str:
        """Answer an event with a `Signal`, or with the reason why there is none.

        Args:
            event: an event of a kind in `listens_to`.
            market: what was known before the open of the event's tradable session.

        """
        raise NotImplementedError


def term_of(name: str) -> str:
    """The term of a signal that a parameter in `signal_terms` is: `hold` of `earnings.hold`."""
    return name.rpartition(".")[2]


@dataclass(frozen=True)
class BacktraderStrategy:
    """A Backtrader strategy with its parameters set; made anew for each replay."""

    cls: type[Any]
    parameters: Mapping[str, Any]

    @property
    def listens_to(self) -> tuple[type[Event], ...]:
        """The kinds of event that it hears of."""
        kinds: tuple[type[Event], ...] = self.cls.listens_to
        return kinds

    @property
    def looks_at(self) -> tuple[str, ...]:
        """None: Backtrader shows the symbols that are traded."""
        return ()


def heard_kinds(strategy: Strategy | BacktraderStrategy) -> tuple[type[Event], ...]:
    """The kinds of event that a strategy can see.

    The market shows a `Strategy` every public event; one of Backtrader's sees what it hears of.
    """
    return strategy.listens_to if isinstance(strategy, BacktraderStrategy) else (Event,)


def is_strategy(value: object) -> bool:
    """Whether it is a class of a strategy."""
    # An EventStrategy is known by its method: to import the class would load Backtrader.
    return isinstance(value, type) and (
        issubclass(value, Strategy) or hasattr(value, "notify_event")
    )
