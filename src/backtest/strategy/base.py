"""Define `Strategy`, `Signal` and `Wait` for strategy files, and hash what such a file does."""

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
from backtest.errors import UsageError, describe_error
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
"""The terms of a signal that parameters can name; `NUMBERS` are those that are numbers."""
_DECIMALS = 12  # of the size of a leg, to which several hedges in one symbol add up


class Leg(NamedTuple):
    """A leg is the part of a hedged position that is in another symbol.

    Attributes:
        symbol: symbol that is traded against the stock.
        by: dollars of it for each dollar of the stock; above 0 in the other direction.

    """

    symbol: str
    by: float


class Signal(BaseModel):
    """A signal says what a strategy wants after an event: a position, and its exit plan.

    Attributes:
        symbol: stock to hold.
        event_id: id of the event that it answers.
        direction: `long` or `short`, or `flat` to leave what is held.
        weight: share of equity to hold, above 0; `max_gross` bounds it. None is an equal part of
            the room: `max_gross` ÷ `max_positions`, which must then be set.
        hold: sessions after the entry session until the exit; None to hold to the end. 0 leaves
            at the close of the entry session.
        hold_bars: bars of the stock after the entry bar until the exit, in place of `hold`; in a
            run by sessions a bar is a session. 0, with `leave="close"`, leaves at the close of
            the entry bar.
        leave_at: time in New York, such as `15:55`, of the exit in the session in which `hold`
            ends, or in the entry session without `hold`: at the first open from then on, else at
            the close of the session.
        stop: fraction of the entry price at which a loss is cut; None for no stop.
        target: fraction of the entry price at which a gain is taken; None for no target.
        trailing_stop: fraction from the best close since entry; None for no trailing stop.
        priority: rank among the signals at one open: the highest is served first, then the one
            published first, then by alphabet. Of several on one symbol the last still acts.
        limit: fraction by which the price must be better than the last close before the session
            (0: that close, or better). The entry waits for it through the session, then lapses.
            None for a market order.
        enter: price of the tradable session at which it is traded, `open` or `close`.
        leave: price of its last session at which it leaves when time is up, or when it is flat.
        levels: `session` if stop and target rest through each session; `close` if they are
            compared with each close alone, and the exit is at the next open.
        resize: whether to trade the difference to the new weight where the stock is held in this
            direction already. Otherwise the shares stay, and only the exit plan is new.
        legs: positions in other symbols against the stock, part of the same trade; see `hedged`.
        reason: reason in a few words, for the decision log.

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
        """Return the price of its session at which it is traded: `open` or `close`."""
        return self.leave if self.direction == "flat" else self.enter

    @property
    def held(self) -> int | None:
        """Return for how many sessions, or bars, it is held; None to the end."""
        if self.hold_bars is not None:
            return self.hold_bars
        return 0 if self.hold is None and self.leave_at else self.hold

    @property
    def leave_minute(self) -> int:
        """Return `leave_at` in minutes after midnight, New York; 0 without it."""
        if self.leave_at is None:
            return 0
        return int(self.leave_at[:2]) * 60 + int(self.leave_at[3:])

    @classmethod
    def long(cls, event: Event, **terms: Any) -> Signal:
        """Buy the event's stock; `terms` are `weight`, `hold` and the other attributes."""
        return cls(symbol=event.symbol, event_id=event.id, direction="long", **terms)

    @classmethod
    def short(cls, event: Event, **terms: Any) -> Signal:
        """Sell the event's stock short; `terms` are those of `long`."""
        return cls(symbol=event.symbol, event_id=event.id, direction="short", **terms)

    @classmethod
    def flat(cls, event: Event, **terms: Any) -> Signal:
        """Leave the event's stock, long or short; `terms` are `leave` and `reason`."""
        return cls(symbol=event.symbol, event_id=event.id, direction="flat", **terms)

    def hedged(self, symbol: str, by: float | None = 1.0) -> Signal:
        """Return the signal with a leg that is opened and closed with it.

        Args:
            symbol: symbol to trade against the stock, one of the strategy's `trades_also`.
            by: dollars of it for each dollar of the stock, such as its beta; below 0 in the same
                direction. 0 adds nothing; several of one symbol add up.

        Raises:
            ValueError: `by` is None, which is the answer of a block that cannot know it.

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
    """A wait asks for the same event again at a later open, with the market of that time.

    Attributes:
        event: event that is answered.
        sessions: sessions of the exchange until then, from 1.
        reason: what is awaited, in a few words, for the decision log.
        at_most: sessions after the event was first put to the strategy, beyond which it is not
            put again; None for no bound.
        gives_way: whether the wait ends without a signal where a newer event of the same symbol
            and kind is public by then, as when a date was moved.

    """

    event: Event
    sessions: Annotated[int, Field(ge=1, le=100_000)]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    at_most: Annotated[int, Field(ge=1)] | None = None
    gives_way: bool = False


class Strategy(BaseModel):
    """A strategy answers events with signals; its fields are its parameters.

    A subclass names the kinds of event in `listens_to`, declares parameters as typed fields with
    bounds, and defines `on_event`. It names other symbols whose past it looks at, such as an
    index, in `looks_at`. It is frozen: the same event and the same past give the same answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    listens_to: ClassVar[tuple[type[Event], ...]] = ()
    """Kinds of event that it is asked about."""

    looks_at: ClassVar[tuple[str, ...]] = ()
    """Symbols whose past it sees, and which it does not trade."""

    trades_also: ClassVar[tuple[str, ...]] = ()
    """Symbols that it trades as legs of its signals; it sees their past too. They need a bar in
    every session in which a stock or another of them trades, and cannot be traded by events of
    their own in the same run."""

    signal_terms: ClassVar[tuple[str, ...]] = ()
    """Parameters that `on_event` only passes on to the term of its signal with the same name, as
    `hold` in `Signal.long(event, hold=self.hold)`. A sweep asks once for all their values, and
    `backtest check` tries many of them."""

    decides: ClassVar[When] = "open"
    """Price of a session before which it decides. With `close` an event is traded at the first
    close that comes late enough, and every signal is for a close."""

    def on_event(self, event: Any, market: Market) -> Signal | Wait | str:
        """Answer an event with a `Signal`, with the reason why there is none, or with a `Wait`.

        Args:
            event: event of a kind in `listens_to`.
            market: all that was known before the open of the event's tradable session, or of the
                session that the strategy waited for.

        """
        raise NotImplementedError


def term_of(name: str) -> str:
    """Return the term that a parameter of `signal_terms` sets: `hold` for `earnings.hold`."""
    return name.rpartition(".")[2]


@dataclass(frozen=True)
class BacktraderStrategy:
    """A strategy of Backtrader's is kept as class and parameters, and made anew for each replay."""

    decides: ClassVar[When] = "open"  # it orders before the open
    looks_at: ClassVar[tuple[str, ...]] = ()  # Backtrader shows the symbols that are traded
    trades_also: ClassVar[tuple[str, ...]] = ()  # it may order any of those

    cls: type[Any]
    parameters: Mapping[str, Any]

    @property
    def listens_to(self) -> tuple[type[Event], ...]:
        """Return the kinds of event that its `notify_event` receives."""
        return tuple(self.cls.listens_to)


def heard_kinds(strategy: Strategy | BacktraderStrategy) -> tuple[type[Event], ...]:
    """Return the kinds of event that a strategy can see.

    The market shows a `Strategy` every public event; one of Backtrader's sees what it listens to.
    """
    return strategy.listens_to if isinstance(strategy, BacktraderStrategy) else (Event,)


def is_strategy(value: object) -> bool:
    """Tell whether a value is a class of a strategy."""
    # An EventStrategy is recognized by its method: importing the class would load Backtrader.
    return isinstance(value, type) and (
        issubclass(value, Strategy) or hasattr(value, "notify_event")
    )


# The file of a strategy


def failure(strategy: type, where: str, error: BaseException) -> UsageError:
    """Return the error for a strategy that fails, with the line of the strategy's file.

    `where` says when it failed, such as `on earnings-20251110-3354bd`. A KeyboardInterrupt is
    raised as it is: Ctrl-C is no failure of the strategy.
    """
    if isinstance(error, KeyboardInterrupt):
        raise error
    frames = traceback.extract_tb(error.__traceback__)
    codes = (getattr(value, "__code__", None) for value in vars(strategy).values())
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
        f"{strategy.__name__} failed {where}: {describe_error(error, what)}\n"
        f"  {frame.filename}, line {frame.lineno}: {frame.line}"
    )


@dataclass(frozen=True)
class StrategyFile:
    """A strategy file holds a strategy, its name and the path that it was loaded from."""

    name: str
    path: Path
    cls: type[Any]  # a subclass of `Strategy` or of `EventStrategy`
    package: Path | None = None  # the installed package that it is part of: a folder or a file
    defaults: Mapping[str, Any] = field(default_factory=dict)  # take precedence over the class's
    defaults_in: Path | None = None  # the file that sets them

    def source_sha256(self) -> str:
        """Hash what the file does and what it imports: its neighbours, or its whole package.

        Comments, docstrings, formatting and the place of the files do not count.
        """
        if self.package:
            sources = self.package.rglob("*.py") if self.package.is_dir() else [self.package]
            return sha256_of(syntaxes(sources, self.package.parent))
        files = {self.path, *imported_files(self.path, self.path.read_bytes())}
        return sha256_of(syntaxes(files, self.path.parent))


def syntaxes(paths: Iterable[Path], base: Path) -> list[list[Any]]:
    """Return, file by file, the path relative to a folder and the syntax tree."""
    return [
        [Path(os.path.relpath(path, base)).as_posix(), _syntax_or_text(path)]
        for path in sorted(paths)
    ]


def _syntax_or_text(path: Path) -> Any:
    """Return a file's syntax tree, or its text where it has none, for it may never be imported."""
    try:
        return syntax(path.read_bytes())
    except (SyntaxError, ValueError):
        return repr(path.read_bytes())


def syntax(source: str | bytes) -> Any:
    """Return a source's syntax tree without docstrings, in JSON values, the same in every Python.

    Raise SyntaxError or ValueError where the source cannot be parsed.
    """
    return _plain_tree(ast.parse(source))


def _plain_tree(node: Any) -> Any:
    """Convert a part of a syntax tree to JSON values; empty fields are left out."""
    if isinstance(node, ast.AST):
        fields = {name: _plain_tree(value) for name, value in ast.iter_fields(node)}
        return {"": type(node).__name__, **{n: v for n, v in fields.items() if v not in (None, [])}}
    if isinstance(node, list):
        return [_plain_tree(item) for item in node if not _is_docstring(item)]
    return None if node is None else repr(node)


def _is_docstring(node: Any) -> bool:
    """Tell whether a statement is only a text, which does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


_INSTALLED = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
_NO_NEIGHBOURS = sys.stdlib_module_names | {"backtest"}


def imported_files(path: Path, source: str | bytes) -> set[Path]:
    """Find the neighbours that a file or a cell imports, and those that they import in turn.

    Installed packages, this program and the standard library are not neighbours.
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
    """Return where imported files would be if they were in the folder of `path` or in `base`."""
    files: list[Path] = []
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # importing it reports the error
        return files
    around = {path.parent, base} - _INSTALLED
    for node in ast.walk(tree):
        names: list[str] = []
        folders = around
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            prefix = f"{node.module}." if node.module else ""
            names = [prefix + alias.name for alias in node.names]  # each may be a module
            folders = set(path.parents[node.level - 1 : node.level]) if node.level else around
        if folders is around:
            names = [name for name in names if name.partition(".")[0] not in _NO_NEIGHBOURS]
        files += [file for name in names for one in folders for file in _module_files(one, name)]
    return files


def _module_files(folder: Path, name: str) -> list[Path]:
    """Return the possible files of a module below a folder, and of the packages it is in."""
    path = folder.joinpath(*name.split("."))
    parts = [part for part in (path, *path.parents) if folder in part.parents]
    return [file for part in parts for file in (part.with_suffix(".py"), part / "__init__.py")]
