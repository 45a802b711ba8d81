"""Watch what a strategy touches besides what it is handed, by Python's audit events.

A world can only change the files of its own folder. A file that is named by its absolute path, the
network and other programs lie outside of it, so that to look at them is a finding of its own.
"""

from __future__ import annotations

import linecache
import os
import re
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from backtest.errors import UsageError
from backtest.workspace.files import cache_folder

Touched = dict[tuple[str, str], str]  # what was done and the line, to when


@contextmanager
def silent() -> Iterator[None]:
    """Discard what is printed within the context; UsageError where the program would end."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        try:
            yield
        except SystemExit as ending:
            raise UsageError(f"It ends the program (exit code {ending.code}).") from None


@contextmanager
def clock_at(moment: datetime | None, note: Callable[[], None]) -> Iterator[None]:
    """Set the clock of this process to a moment, from which it goes on, and restore it at the end.

    Whoever reads the clock calls `note`, so that it can look at the stack. Without a moment the
    clock is left alone.
    """
    if moment is None:
        yield
        return
    import time_machine

    # From a number, for a moment with a zone would change the zone of the process as well.
    with time_machine.travel(moment.timestamp()) as traveller:
        nanoseconds = traveller.time_ns

        def noted() -> int:
            note()
            return nanoseconds()

        vars(traveller)["time_ns"] = noted  # every way of reading the clock calls it
        yield


_OPENED = ("open", "sqlite3.connect")
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.sendto")
# Python raises no audit event for what these open.
_UNSEEN = frozenset(
    {"h5py", "netCDF4", "tables"}
    | {f"pyarrow.{name}" for name in ("csv", "dataset", "feather", "fs", "json", "orc", "parquet")}
)


@contextmanager
def unloaded() -> Iterator[None]:
    """Hide loaded libraries that open files unseen, so that whoever imports one is noted.

    The program itself reads bars with one of them.
    """
    names = [name for name in sys.modules if name in _UNSEEN and "." in name]
    modules = {name: sys.modules.pop(name) for name in names}
    parents = [name.rpartition(".")[::2] for name in names]
    for parent, child in parents:
        vars(sys.modules[parent]).pop(child, None)
    try:
        yield
    finally:
        sys.modules.update(modules)
        for (parent, child), module in zip(parents, modules.values(), strict=True):
            setattr(sys.modules[parent], child, module)


_OF_THE_SYSTEM = ("/dev/", "/etc/", "/proc/", "/sys/", "/usr/lib/", "/usr/share/")
_IN_MEMORY = "/dev/shm/"  # noqa: S108 - no device: a folder in which anyone may keep files
# Files that may hold prices wherever they lie, in a package too: this one ships those of CRWV.
_TABLES = frozenset({".csv", ".parquet", ".feather", ".h5", ".xlsx", ".npy", ".npz", ".pkl", ".db"})
_CODE_WITHOUT_FILE = re.compile("<[^/]*>")  # Python looks there for the line of a syntax error
_MOST_TOUCHED = 20
CLOCK = "reads the clock"
_PACKAGE = Path(__file__).parent.parent


class Watch:
    """A watch notes what a strategy touches while it is at work, on another day if one is named.

    `touched` maps what was done, such as `reads data/prices/ACME.csv`, and the line to when.
    """

    def __init__(self, root: Path, moment: datetime | None = None) -> None:
        self.touched: Touched = {}
        self._root = root.resolve()
        self._moment = moment
        self._when = ""

    @contextmanager
    def during(self, when: str) -> Iterator[None]:
        """Watch within the context; `when` is such as `while it decides`."""
        global _active  # noqa: PLW0603 - a process has one hook, for good
        _install(_hook)
        before, _active, self._when = _active, self, when
        try:
            with clock_at(self._moment, self._note_clock), unloaded():
                yield
        finally:
            _active = before

    def see(self, event: str, terms: tuple[Any, ...]) -> None:
        """Note an audit event of Python that touches what is not the strategy's to touch."""
        what = self._describe(event, terms)
        if not what or len(self.touched) >= _MOST_TOUCHED:
            return
        is_table = event in _OPENED and _may_hold_prices(Path(os.fsdecode(terms[0])))
        line = self._line(event, through_imports=is_table)
        if line is not None:
            self.touched.setdefault((what, line), self._when)

    def _note_clock(self) -> None:
        """Note the line of the strategy that reads the clock; other readers are of no interest."""
        if line := self._line():
            self.touched.setdefault((CLOCK, line), self._when)

    def _describe(self, event: str, terms: tuple[Any, ...]) -> str:
        if event == "import":
            return f"loads {terms[0]}, which opens files unseen," if terms[0] in _UNSEEN else ""
        if event in _OPENED:
            return self._describe_open(*terms) if event == "open" else self._describe_file(terms[0])
        if event in _PROGRAMS:
            return f"starts a program ({terms[0]})" if terms else "starts another process"
        if event in _NETWORK:
            return f"reaches for the network ({terms[0] if event.endswith('info') else terms[1]})"
        return ""

    def _describe_open(self, name: Any, mode: str | None, flags: int) -> str:
        reads = flags & (os.O_WRONLY | os.O_RDWR) != os.O_WRONLY
        is_new = bool(flags & (os.O_TRUNC | os.O_EXCL))  # there is nothing in it yet
        if not reads or is_new or (mode is not None and _is_code_without_file(name)):
            return ""  # `os.open`, which has no mode, may look in a folder that nobody names
        return self._describe_file(name)

    def _describe_file(self, name: Any) -> str:
        if isinstance(name, int) or name in ("", ":memory:"):  # open already, or no file
            return ""
        path = Path(os.path.realpath(os.fsdecode(name)))
        linked = Path(os.path.abspath(os.fsdecode(name)))  # noqa: PTH100 - links are kept
        if linked.is_relative_to(self._root / "data"):
            return f"reads {linked.relative_to(self._root)}"
        is_code = str(path).startswith((*_OF_THE_SYSTEM, *_libraries())) or str(path) in sys.path
        if (is_code and not _may_hold_prices(path)) or _is_source_shown(path):
            return ""
        if path.is_relative_to(self._root):
            path = path.relative_to(self._root)
            is_code = path.suffix == ".py" or path.parent.name == "__pycache__"
            if path.parts[0] == "strategies" and is_code:
                return ""
        return f"reads {path}, which no world can change,"

    def _line(self, event: str = "", *, through_imports: bool = False) -> str | None:
        """Return the line of the strategy that is at work; empty where it is not on the stack.

        None where it imports a library, which may read and import what it needs, unless it looks
        `through_imports`. The frames of an import that is itself the event do not count.
        """
        folder = str(self._root / "strategies")
        frame = sys._getframe(1)  # noqa: SLF001 - the one way to see the caller
        while event == "import" and (frame.f_code.co_filename == __file__ or _is_import(frame)):
            frame = frame.f_back  # type: ignore[assignment]
        while frame is not None:
            if _is_import(frame) and not through_imports:
                return None
            name = frame.f_code.co_filename
            if _real(name).startswith(folder):
                text = linecache.getline(name, frame.f_lineno).strip()
                return f"{Path(name).name}, line {frame.f_lineno}: {text}"
            frame = frame.f_back  # type: ignore[assignment]
        return ""


def _is_import(frame: FrameType) -> bool:
    """Tell whether a frame runs an import; a loader that is asked for a file by itself does not."""
    code = frame.f_code
    return code.co_filename.startswith("<frozen importlib") and code.co_name != "get_data"


def _is_code_without_file(name: Any) -> bool:
    """Tell whether a missing file is named as code that comes from none, such as `<string>`."""
    if isinstance(name, int):
        return False
    text = os.fsdecode(name)
    return bool(_CODE_WITHOUT_FILE.fullmatch(text)) and not Path(text).exists()


def _may_hold_prices(path: Path) -> bool:
    """Tell whether a file may hold prices, wherever it lies and whoever reads it."""
    return str(path).startswith(_IN_MEMORY) or not _TABLES.isdisjoint(path.suffixes)


_active: Watch | None = None
_real = cache(os.path.realpath)  # a strategy may read the clock in every session
_install = cache(sys.addaudithook)  # once a process: a hook cannot be removed
_EVENTS = frozenset({"import", *_OPENED, *_PROGRAMS, *_NETWORK})


def _hook(event: str, terms: tuple[Any, ...]) -> None:
    global _active  # noqa: PLW0603
    watch = _active
    if watch is None or event not in _EVENTS:
        return
    _active = None  # what the hook itself opens is not the strategy's
    try:
        watch.see(event, terms)
    finally:
        _active = watch


def _is_source_shown(path: Path) -> bool:
    """Tell whether a line of code is read to be shown with a failure or a warning."""
    frame = sys._getframe(1) if path.suffix == ".py" else None  # noqa: SLF001 - as above
    while frame is not None and frame.f_code.co_filename != linecache.__file__:
        frame = frame.f_back
    return frame is not None


@cache
def _libraries() -> tuple[str, ...]:
    """Return the folders that code is loaded from: Python's, its packages' and this program's."""
    folders = {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        site.getusersitepackages(),
        str(_PACKAGE),
        str(cache_folder()),
    }
    return tuple(sorted(os.path.realpath(folder) + os.sep for folder in folders))
