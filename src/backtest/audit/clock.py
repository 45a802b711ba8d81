"""Another day: strategies that ask the clock are told another time, and nobody else is.

Where a strategy imports `datetime` or `time` it is given stand-ins, which are the same but for the
clock; `pandas.Timestamp.now` and its like look who asks. The clock goes on from the moment shown.
"""

from __future__ import annotations

import builtins
import datetime as dt
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_IN_FOLDERS = "strategies_"  # how the packages begin that are made of folders of strategies


@dataclass(frozen=True)
class _Shown:
    """What the clock shows: seconds that it is ahead, to whom, and who hears of being asked."""

    ahead: float
    packages: Collection[str]
    tell: Callable[[], None]

    def to(self, name: str) -> bool:
        """Whether a module is a strategy's."""
        top = name.partition(".")[0]
        return top.startswith(_IN_FOLDERS) or top in self.packages


_shown: _Shown | None = None  # the modules of a process share one clock


@contextmanager
def showing(
    moment: dt.datetime | None, packages: Collection[str], tell: Callable[[], None]
) -> Iterator[None]:
    """Show strategies that are loaded and asked meanwhile another time.

    Args:
        moment: the time; None for the true one.
        packages: names of installed packages that hold strategies.
        tell: called from below whoever asks the clock.

    """
    global _shown  # noqa: PLW0603
    if moment is None:
        yield
        return
    _shown = _Shown(moment.timestamp() - time.time(), packages, tell)
    imports = builtins.__import__
    builtins.__import__ = partial(_import, imports)
    try:
        with _timestamps():
            yield
    finally:
        builtins.__import__, _shown = imports, None


def _import(
    imports: Callable[..., Any],
    name: str,
    space: Any = None,
    names: Any = None,
    fromlist: Any = (),
    level: int = 0,
) -> Any:
    found = imports(name, space, names, fromlist, level)
    asks = str(sys._getframe(1).f_globals.get("__name__", ""))  # noqa: SLF001 - see `_timestamps`
    return _STAND_INS.get(name, found) if not level and _shown and _shown.to(asks) else found


def _seconds() -> float:
    """The time that is shown, in seconds since 1970."""
    if _shown is None:  # a package keeps what it was given when it was loaded
        return time.time()
    _shown.tell()
    return time.time() + _shown.ahead


class _Like(type):
    """Of classes that make and recognise instances of their base, and none of their own."""

    def __call__(cls, *terms: Any, **named: Any) -> Any:
        return cls.__base__(*terms, **named)  # type: ignore[misc]

    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, cls.__base__)  # type: ignore[arg-type]

    def __subclasscheck__(cls, one: type) -> bool:
        return issubclass(one, cls.__base__)  # type: ignore[arg-type]

    def __get_pydantic_core_schema__(cls, _: Any, handler: Callable[[Any], Any]) -> Any:
        """Fields of this type are fields of the base."""
        return handler(cls.__base__)


class _Date(dt.date, metaclass=_Like):
    @classmethod
    def today(cls) -> Any:
        return dt.date.fromtimestamp(_seconds())  # noqa: DTZ012 - as `today` does


class _DateTime(dt.datetime, metaclass=_Like):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return dt.datetime.fromtimestamp(_seconds(), tz)

    @classmethod
    def today(cls) -> Any:
        return cls.now()

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(dt.UTC).replace(tzinfo=None)


def _at(function: Callable[..., Any], seconds: float | None = None) -> Any:
    """What a function of `time` makes of a time, or of now."""
    return function(_seconds() if seconds is None else seconds)


def _text(form: str, when: Any = None) -> str:
    return time.strftime(form, time.localtime(_seconds()) if when is None else when)


def _asctime(when: Any = None) -> str:
    return time.asctime(time.localtime(_seconds()) if when is None else when)


def _stand_in(module: ModuleType, **changes: Any) -> ModuleType:
    made = ModuleType(module.__name__, module.__doc__)
    vars(made).update(vars(module) | changes)
    return made


_STAND_INS = {
    "datetime": _stand_in(dt, date=_Date, datetime=_DateTime),
    "time": _stand_in(
        time,
        time=_seconds,
        time_ns=lambda: int(_seconds() * 1e9),
        strftime=_text,
        asctime=_asctime,
        **{name: partial(_at, getattr(time, name)) for name in ("localtime", "gmtime", "ctime")},
    ),
}


@contextmanager
def _timestamps() -> Iterator[None]:
    """Have pandas tell strategies the time that is shown; the calendar is told the true one."""
    from pandas import Timestamp

    def asked(real: Any, zone: str | None, cls: type[Timestamp], tz: Any = None) -> Any:
        name = str(sys._getframe(1).f_globals.get("__name__", ""))  # noqa: SLF001
        if _shown is None or not _shown.to(name):
            return real.__get__(None, cls)(*(() if zone else (tz,)))
        return cls.fromtimestamp(_seconds(), zone or tz)

    zones = {"now": None, "today": None, "utcnow": "UTC"}
    before = {name: vars(Timestamp)[name] for name in zones}
    for name, zone in zones.items():
        setattr(Timestamp, name, classmethod(partial(asked, before[name], zone)))
    try:
        yield
    finally:
        for name, real in before.items():
            setattr(Timestamp, name, real)
