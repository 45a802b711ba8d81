"""`Strategy`, `Signal` and `Wait`, of which a strategy file is made, Backtrader's, and the file."""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    dataclasses,
    model_validator,
)

from backtest.data.kinds import Event, When
from backtest.errors import UsageError, told
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from backtest.data.market import Market

Direction = Literal["long", "short"]
Weight = Annotated[float, Field(gt=0, le=10)]
Sessions = Annotated[int, Field(ge=0, le=1_000_000)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Distance = Annotated[float, Field(gt=0, le=1_000)]
Clock = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1\d|2[0-3]):[0-5]\d$")]
NUMBERS = ("weight", "hold", "stop", "target", "trailing_stop", "priority", "limit")
TERMS = (*NUMBERS, "hold_bars", "leave_at", "enter", "leave", "levels", "resize")
"""The terms of a signal, which a strategy can hand on; `NUMBERS` are those that are numbers."""
_DECIMALS = 12  # of what hedges in one symbol add up to


class Leg(NamedTuple):
    """A part of a hedged position in another symbol.

    Attributes:
        symbol: what is traded against the stock.
        by: value of it for each dollar of the stock, above 0 in the other direction.

    """

    symbol: str
    by: float


class Signal(BaseModel):
    """What a strategy wants after an event: a position, and the plan to leave it.

    Attributes:
        symbol: the stock to hold.
        event_id: the event that is acted on.
        direction: `long` or `short`, or `flat` to leave what is held.
        weight: share of equity to hold, above 0; `max_gross` bounds it. None is an equal part of
            the room: `max_gross` ÷ `max_positions`, which must then be set.
        hold: sessions after the entry session until the exit; None to the end. 0 leaves at the
            close of the entry session.
        hold_bars: in place of `hold` bars of the stock after the one of the entry; in a run by
            sessions these are its bars. With `leave="close"` 0 leaves at the close of that bar.
        leave_at: the time in New York, such as `15:55`, at which it leaves in the session in which
            `hold` ends, which without one is that of the entry: at the first open from then on,
            else at the close of the session.
        stop: fraction of the entry price at which a loss is cut; None for no stop.
        target: fraction of the entry price at which a gain is taken; None for no target.
        trailing_stop: fraction from the best close since entry; None for none.
        priority: of the signals at one open those with a higher one are served first, then those
            published first, the alphabet last. Of several on one symbol the last still acts.
        limit: the entry waits through the session for a price this fraction better than the last
            close before it (0: that close, or better), and lapses; None for a market order.
        enter: at which of the tradable session it is traded, `open` or `close`.
        leave: at which of its last session it leaves when the time is up, or when it is flat.
        levels: `session`: stop and target rest through each session; `close`: they are looked at
            in each close alone, and what has passed them leaves at the next open.
        resize: where the stock is held in this direction already, trade the difference to the
            new weight. Otherwise the shares stay, and the exit plan alone is new.
        legs: what is traded against the stock as a part of the same position; see `hedged`.
        reason: why, in a few words, for the decision log.

    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    symbol: str
    event_id: str
    direction: Direction | Literal["flat"]
    weight: Weight | None = 0.95
    hold: Sessions | None = None
    hold_bars: Sessions | None = None
    leave_at: Clock | None = None
    stop: Fraction | None = None
    target: Distance | None = None
    trailing_stop: Fraction | None = None
    priority: float = 0.0
    limit: Annotated[float, Field(gt=-1, lt=1)] | None = None
    enter: When = "open"
    leave: When = "open"
    levels: Literal["session", "close"] = "session"
    resize: bool = False
    legs: tuple[Leg, ...] = ()
    reason: str = ""

    @model_validator(mode="after")
    def _terms_that_go_together(self) -> Self:
        if self.hold_bars is not None and (self.hold is not None or self.leave_at):
            raise ValueError("hold_bars stands in place of hold and of leave_at")
        if self.hold_bars == 0 and (self.leave == "open" or self.enter == "close"):
            raise ValueError("hold_bars=0 leaves at the close of the bar of an entry at its open")
        is_of_a_day = self.hold == 0 or (self.leave_at and self.hold is None)
        if self.enter == "close" and is_of_a_day:
            raise ValueError("what enters at the close cannot leave at it: hold=0 needs enter=open")
        if self.limit is not None and (self.enter == "close" or self.resize or self.legs):
            raise ValueError("a limit is for an entry at enter=open, without resize and legs")
        if self.legs and self.resize:
            raise ValueError("a hedged position is not resized")
        if len(dict(self.legs)) < len(self.legs):
            raise ValueError("two legs are of one symbol: add them up, as hedged does")
        return self

    @property
    def at(self) -> When:
        """At which of its session it is traded."""
        return self.leave if self.direction == "flat" else self.enter

    @property
    def held(self) -> int | None:
        """How many sessions, or bars, it is held for; None to the end."""
        if self.hold_bars is not None:
            return self.hold_bars
        return 0 if self.hold is None and self.leave_at else self.hold

    @property
    def leave_minute(self) -> int:
        """The minute after midnight of `leave_at`; 0 without one."""
        if self.leave_at is None:
            return 0
        return int(self.leave_at[:2]) * 60 + int(self.leave_at[3:])

    @classmethod
    def long(cls, event: Event, **terms: Any) -> Signal:
        """Own the event's stock.

        Args:
            event: the event that is answered.
            terms: `weight`, `hold` and the others, as above.

        """
        return cls(symbol=event.symbol, event_id=event.id, direction="long", **terms)

    @classmethod
    def short(cls, event: Event, **terms: Any) -> Signal:
        """Sell the event's stock short. Terms as for `long`."""
        return cls(symbol=event.symbol, event_id=event.id, direction="short", **terms)

    @classmethod
    def flat(cls, event: Event, **terms: Any) -> Signal:
        """Leave the event's stock, whichever way it is held. Terms: `leave` and `reason`."""
        return cls(symbol=event.symbol, event_id=event.id, direction="flat", **terms)

    def hedged(self, symbol: str, by: float | None = 1.0) -> Signal:
        """The signal with a leg that is opened and left with it.

        Args:
            symbol: what is traded against the stock, one of the strategy's `trades_also`.
            by: dollars of it for each dollar of the stock, such as its beta; below 0 in the same
                direction. With 0 nothing is added; several of one symbol add up.

        Raises:
            ValueError: `by` is None, which is what a block answers where it cannot know.

        """
        if by is None:
            raise ValueError(
                f"how much of {symbol} hedges it is unknown: say why there is no signal"
            )
        sizes = dict(self.legs)
        sizes[symbol] = round(sizes.get(symbol, 0.0) + by, _DECIMALS)
        legs = [leg for leg in sizes.items() if leg[1]]
        return type(self)(**{**self.model_dump(), "legs": legs})


@dataclasses.dataclass(frozen=True)
class Wait:
    """Ask me again: the same event, at an open some sessions later, with the market of then.

    Attributes:
        event: the event that is answered.
        sessions: of the exchange until then, from 1.
        reason: what is waited for, in a few words, for the decision log.
        at_most: sessions after the first time it is put to the strategy beyond which it is not
            put any more; None for no bound.
        gives_way: whether the wait ends without a signal where a newer event of the same symbol
            and kind is public by then: a date that was moved.

    """

    event: Event
    sessions: Annotated[int, Field(ge=1, le=100_000)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    at_most: Annotated[int, Field(ge=1)] | None = None
    gives_way: bool = False


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

    trades_also: ClassVar[tuple[str, ...]] = ()
    """Symbols that it trades against others, as legs of its signals; it sees their past too. They
    need a bar in every session in which a stock or another of them trades, and cannot be traded by
    events of their own in the same run."""

    signal_terms: ClassVar[tuple[str, ...]] = ()
    """Parameters that `on_event` does no more with than hand them on, as the terms of its signal
    that have their names: `hold` in `Signal.long(event, hold=self.hold)`. A sweep asks once for all
    their values, and `backtest check` tries many of them."""

    decides: ClassVar[When] = "open"
    """Before which price of a session it decides. With `close` an event can be traded at the first
    close that comes late enough, and every signal is for a close."""

    def on_event(self, event: Any, market: Market) -> Signal | Wait | str:
        """Answer an event with a `Signal`, with the reason why there is none, or with a `Wait`.

        Args:
            event: an event of a kind in `listens_to`.
            market: what was known before the open of the event's tradable session, or of the one
                that was waited for.

        """
        raise NotImplementedError


def term_of(name: str) -> str:
    """The term of a signal that a parameter in `signal_terms` is: `hold` of `earnings.hold`."""
    return name.rpartition(".")[2]


@dataclass(frozen=True)
class BacktraderStrategy:
    """A Backtrader strategy with its parameters set; made anew for each replay."""

    decides: ClassVar[When] = "open"  # before which it orders
    looks_at: ClassVar[tuple[str, ...]] = ()  # Backtrader shows the symbols that are traded
    trades_also: ClassVar[tuple[str, ...]] = ()  # of those it orders what it likes

    cls: type[Any]
    parameters: Mapping[str, Any]

    @property
    def listens_to(self) -> tuple[type[Event], ...]:
        """The kinds of event that it hears of."""
        kinds: tuple[type[Event], ...] = self.cls.listens_to
        return kinds


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


# The file


def failure(strategy: type, where: str, error: BaseException) -> UsageError:
    """The error for a strategy that fails, with the line of the strategy's file.

    `where` says when it failed, such as `on earnings-20251110-3354bd`. Ctrl-C is no failure, and
    goes on from here.
    """
    if isinstance(error, KeyboardInterrupt):
        raise error
    frames = traceback.extract_tb(error.__traceback__)
    codes = (getattr(method, "__code__", None) for method in vars(strategy).values())
    files = {code.co_filename for code in codes if code}
    frame = next((f for f in reversed(frames) if f.filename in files), frames[-1])
    what = None
    if isinstance(error, IndexError) and "array" in str(error):
        what = "it reads a bar that is not there: a stock has none before its first session"
    if isinstance(error, ValidationError):
        what = "; ".join(
            ": ".join([*map(str, fault["loc"][-1:]), fault["msg"]]) for fault in error.errors()
        )
    return UsageError(
        f"{strategy.__name__} failed {where}: {told(error, what)}\n"
        f"  {frame.filename}, line {frame.lineno}: {frame.line}"
    )


@dataclass(frozen=True)
class StrategyFile:
    """A strategy, its name and the file that it was loaded from."""

    name: str
    path: Path
    cls: type[Any]  # a subclass of `Strategy` or of `EventStrategy`
    package: Path | None = None  # that is installed and that it is part of: a folder or a file
    defaults: Mapping[str, Any] = field(default_factory=dict)  # go before those of the class
    defaults_in: Path | None = None  # the file that sets them

    def source_sha256(self) -> str:
        """Hash of what the file does and what it imports: its neighbours, or its package.

        Comments, docstrings and the form of the text do not count, nor where the files are.
        """
        if self.package:
            return sha256_of(syntaxes(_sources_in(self.package), self.package.parent))
        found = {self.path, *imported(self.path, self.path.read_bytes())}
        return sha256_of(syntaxes(found, self.path.parent))


def syntaxes(paths: Iterable[Path], base: Path) -> list[list[Any]]:
    """The syntax tree of each file, after its place as seen from a folder."""
    return [
        [Path(os.path.relpath(path, base)).as_posix(), _syntax_or_text(path)]
        for path in sorted(paths)
    ]


def _syntax_or_text(path: Path) -> Any:
    """The syntax tree of a file, or its text where that is none: nothing may ever load it."""
    try:
        return syntax(path.read_bytes())
    except (SyntaxError, ValueError):
        return repr(path.read_bytes())


def syntax(source: str | bytes) -> Any:
    """The syntax tree of a source without its docstrings, the same in every Python."""
    return _plain_tree(ast.parse(source))


def _plain_tree(node: Any) -> Any:
    """A part of a syntax tree as JSON knows it; fields that are empty are left out."""
    if isinstance(node, ast.AST):
        fields = {name: _plain_tree(value) for name, value in ast.iter_fields(node)}
        return {"": type(node).__name__, **{n: v for n, v in fields.items() if v not in (None, [])}}
    if isinstance(node, list):
        return [_plain_tree(one) for one in node if not _is_docstring(one)]
    return None if node is None else repr(node)


def _is_docstring(node: Any) -> bool:
    """Whether it is a text that stands alone, which does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _sources_in(package: Path) -> list[Path]:
    return [*package.rglob("*.py")] if package.is_dir() else [package]


_INSTALLED = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
_NO_NEIGHBOURS = sys.stdlib_module_names | {"backtest"}


def imported(path: Path, source: str | bytes) -> set[Path]:
    """The neighbours of a file, or of a cell, that its text imports, and those that they import.

    What is installed, this program and the standard library are no neighbours.
    """
    found: set[Path] = set()
    waiting = _imports(path, source, path.parent)
    while waiting:
        file = waiting.pop()
        if file not in found and file.is_file():
            found.add(file)
            waiting += _imports(file, file.read_bytes(), path.parent)
    return found


def _imports(path: Path, source: str | bytes, base: Path) -> list[Path]:
    """Where the files that a text imports would be, were they neighbours of it or in the base."""
    found: list[Path] = []
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # importing it tells why
        return found
    for node in ast.walk(tree):
        names: list[str] = []
        folders = {one for one in (path.parent, base) if one not in _INSTALLED}
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            within = f"{node.module}." if node.module else ""
            names = [within + alias.name for alias in node.names]  # each may be a module
            folders = {path.parents[node.level - 1]} if node.level else folders
        if not getattr(node, "level", 0):
            names = [name for name in names if name.partition(".")[0] not in _NO_NEIGHBOURS]
        found += [file for name in names for one in folders for file in _module_files(one, name)]
    return found


def _module_files(folder: Path, name: str) -> list[Path]:
    """The files of a module below a folder, of which there are some, and of its packages."""
    path = folder.joinpath(*name.split("."))
    parts = [part for part in (path, *path.parents) if folder in part.parents]
    return [file for part in parts for file in (part.with_suffix(".py"), part / "__init__.py")]
