"""Purity: what a strategy touches besides what it is handed, by Python's audit events.

A world can only change the files of its own folder. A file that is named by its absolute path, the
network and other programs lie outside of it, so that to look at them is a finding of its own.
"""

from __future__ import annotations

import linecache
import os
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

Touched = dict[tuple[str, str], str]  # when, by what was done and the line


@contextmanager
def silent() -> Iterator[None]:
    """Nothing is printed meanwhile, and to end the program is a fault."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        try:
            yield
        except SystemExit as ending:
            raise UsageError(f"It ends the program (exit code {ending.code}).") from None


@contextmanager
def clock_at(moment: datetime | None, note: Callable[[], None]) -> Iterator[None]:
    """Set the clock of this process, let it go on from there, and put it right at the end.

    `note` is called from below whoever reads the clock; without a moment the clock is left alone.
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

        vars(traveller)["time_ns"] = noted  # each way of reading the clock comes down to it
        yield


_OPENED = ("open", "sqlite3.connect")
_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork")
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.sendto")
# what they open, Python does not tell
_UNSEEN = frozenset(
    {"h5py", "netCDF4", "tables"}
    | {f"pyarrow.{name}" for name in ("csv", "dataset", "feather", "fs", "json", "orc", "parquet")}
)


@contextmanager
def unloaded() -> Iterator[None]:
    """Libraries that open files unseen as if nobody had loaded them, so that who does is noted.

    The program itself reads bars with one of them.
    """
    names = [name for name in sys.modules if name in _UNSEEN and "." in name]
    kept = {name: sys.modules.pop(name) for name in names}
    parents = [name.rpartition(".")[::2] for name in names]
    for parent, child in parents:
        vars(sys.modules[parent]).pop(child, None)
    try:
        yield
    finally:
        sys.modules.update(kept)
        for (parent, child), module in zip(parents, kept.values(), strict=True):
            setattr(sys.modules[parent], child, module)


_OF_THE_SYSTEM = ("/dev/", "/etc/", "/proc/", "/sys/", "/usr/lib/", "/usr/share/")
_KEPT = "/dev/shm/"  # noqa: S108 - no device: a folder in memory, in which anyone may keep files
# What tells of prices wherever it lies, in a package too: the program's own has those of CRWV.
_DATA = frozenset({".csv", ".parquet", ".feather", ".h5", ".xlsx", ".npy", ".npz", ".pkl", ".db"})
_MOST = 20
CLOCK = "reads the clock"
_PACKAGE = Path(__file__).parent.parent


class Watch:
    """Notes what is touched while a strategy is at work, on another day where one is named.

    `touched` says when, by what was done, such as `reads data/prices/ACME.csv`, and the line.
    """

    def __init__(self, root: Path, moment: datetime | None = None) -> None:
        self.touched: Touched = {}
        self._root = root.resolve()
        self._moment = moment
        self._when = ""

    @contextmanager
    def during(self, when: str) -> Iterator[None]:
        """Watch meanwhile; `when` is such as `while it decides`."""
        global _active  # noqa: PLW0603 - the hook of a process is one and stays
        _install(_hook)
        before, _active, self._when = _active, self, when
        try:
            with clock_at(self._moment, self._note_clock), unloaded():
                yield
        finally:
            _active = before

    def see(self, event: str, terms: tuple[Any, ...]) -> None:
        """Note an audit event where it tells of something that is not the strategy's to touch."""
        what = self._described(event, terms)
        if not what or len(self.touched) >= _MOST:
            return
        is_table = event in _OPENED and _tells(Path(os.fsdecode(terms[0])))
        line = self._line(event, through_imports=is_table)
        if line is not None:
            self.touched.setdefault((what, line), self._when)

    def _note_clock(self) -> None:
        """Note the line of the strategy that reads the clock; who else does is of no interest."""
        if line := self._line():
            self.touched.setdefault((CLOCK, line), self._when)

    def _described(self, event: str, terms: tuple[Any, ...]) -> str:
        if event == "import":
            return f"loads {terms[0]}, which opens files unseen," if terms[0] in _UNSEEN else ""
        if event in _OPENED:
            return self._reading(*terms) if event == "open" else self._of_file(terms[0])
        if event in _PROGRAMS:
            return f"starts a program ({terms[0]})" if terms else "starts another process"
        if event in _NETWORK:
            return f"reaches for the network ({terms[0] if event.endswith('info') else terms[1]})"
        return ""

    def _reading(self, name: Any, _: str | None, flags: int) -> str:
        reads = flags & (os.O_WRONLY | os.O_RDWR) != os.O_WRONLY
        is_new = bool(flags & (os.O_TRUNC | os.O_EXCL))  # there is nothing in it yet
        return self._of_file(name) if reads and not is_new else ""

    def _of_file(self, name: Any) -> str:
        if isinstance(name, int) or name in ("", ":memory:"):  # open already, or a database of none
            return ""
        path = Path(os.path.realpath(os.fsdecode(name)))
        linked = Path(os.path.abspath(os.fsdecode(name)))  # noqa: PTH100 - links are kept
        if linked.is_relative_to(self._root / "data"):
            return f"reads {linked.relative_to(self._root)}"
        known = str(path).startswith((*_OF_THE_SYSTEM, *_libraries())) or str(path) in sys.path
        if (known and not _tells(path)) or _is_source_shown(path):
            return ""
        if path.is_relative_to(self._root):
            path = path.relative_to(self._root)
            is_code = path.suffix == ".py" or path.parent.name == "__pycache__"
            if path.parts[0] == "strategies" and is_code:
                return ""
        return f"reads {path}, which no world can change,"

    def _line(self, event: str = "", *, through_imports: bool = False) -> str | None:
        """The line of the strategy that is at work, or nothing where it is not on the way.

        None where it imports a library, which may read and import what it needs, unless it looks
        `through_imports`; of the event of an import what counts is who asks for it.
        """
        folder = str(self._root / "strategies")
        frame = sys._getframe(1)  # noqa: SLF001 - the one way to see who asks
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
    """Whether a frame is of an import; a loader that is asked for a file by itself is none."""
    code = frame.f_code
    return code.co_filename.startswith("<frozen importlib") and code.co_name != "get_data"


def _tells(path: Path) -> bool:
    """Whether a file may tell of prices, wherever it lies and whoever reads it."""
    return str(path).startswith(_KEPT) or not _DATA.isdisjoint(path.suffixes)


_active: Watch | None = None


_real = cache(os.path.realpath)  # a strategy may read the clock in every session


_install = cache(sys.addaudithook)  # once a process: a hook cannot be taken away


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


_EVENTS = frozenset({"import", *_OPENED, *_PROGRAMS, *_NETWORK})


def _is_source_shown(path: Path) -> bool:
    """Whether a line of code is looked up to tell of a failure or a warning."""
    frame = sys._getframe(1) if path.suffix == ".py" else None  # noqa: SLF001 - as above
    while frame is not None and frame.f_code.co_filename != linecache.__file__:
        frame = frame.f_back
    return frame is not None


@cache
def _libraries() -> tuple[str, ...]:
    """Folders of Python, its packages and this program, which code is loaded from."""
    folders = {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        site.getusersitepackages(),
        str(_PACKAGE),
        str(cache_folder()),
    }
    return tuple(sorted(os.path.realpath(folder) + os.sep for folder in folders))
