"""The command `backtest`, and the one place that turns errors into exit codes."""

import atexit
import errno
import gc
import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from backtest import __version__
from backtest.cli import events, evidence, options, prices, run, workspace
from backtest.errors import BacktestError, UsageError
from backtest.stats.formats import visible

_KEPT = (
    "interrupted: what had ended is kept, nothing is half written. "
    "The same command goes on from there."
)
INTERRUPTED = 130  # what shells and typer use for Ctrl-C
_ADDRESSES = 2_500_000_000  # bytes that the kernel's compiler has been seen to need, and some
_NEW_OBJECTS = 500_000  # between two searches for garbage: more than a replay makes

app = options.App(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # frames around the help would double the time until it is there
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Replay a stock's history against dated public events, and see whether trading them "
    "would have paid.",
    epilog="\b\nBegin with `backtest init FOLDER`: it makes a workspace; go there.\n"
    "In a workspace: `backtest run` replays every strategy.\n\n"
    "Exit codes: 0 done, 1 a fault of the program, 2 wrong use or a contract that is not kept, "
    "3 bad data, 4 an audit is not clean or a check found a look ahead, "
    "5 a source on the network did not answer, 130 interrupted.",
)
app.command("init", epilog=workspace.INIT_EXAMPLES)(workspace.init)
app.command("run", epilog=run.EXAMPLES)(run.run)
app.command("sweep", epilog=evidence.SWEEP_EXAMPLES)(evidence.sweep)
app.command("study", epilog=evidence.STUDY_EXAMPLES)(evidence.study)
app.command("audit", epilog=evidence.AUDIT_EXAMPLES)(evidence.audit)
app.command("check", epilog=evidence.CHECK_EXAMPLES)(evidence.check)
app.command("simulate", epilog=run.SIMULATE_EXAMPLES)(run.simulate)
app.command("compare", epilog=workspace.COMPARE_EXAMPLES)(workspace.compare)
app.command("report", epilog=workspace.REPORT_EXAMPLES)(workspace.report)
app.command("open", epilog=workspace.OPEN_EXAMPLES)(workspace.open_page)
app.command("config", epilog=workspace.CONFIG_EXAMPLES)(workspace.config)
events.app.add_typer(events.fetch, name="fetch")
app.add_typer(workspace.new, name="new")
app.add_typer(workspace.listing, name="list")
app.add_typer(events.app, name="events")
app.add_typer(prices.app, name="prices")
app.add_typer(prices.actions, name="actions")
app.add_typer(workspace.universes, name="universes")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"backtest {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


class _Screen:
    """A stream on which control characters are text; rich, which paints, sees to its own."""

    def __init__(self, stream: TextIO) -> None:
        # Where rich writes; of a stream that is one already, where that does.
        self.rich_proxied_file: TextIO = getattr(stream, "rich_proxied_file", stream)

    def write(self, text: str) -> int:
        return self.rich_proxied_file.write(visible(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


class _Patient(io.BufferedWriter):
    """A stream that takes what is printed also when nobody can read it any more.

    So a reader that leaves, as `| head` does, or a full disk changes nothing of what is done.
    """

    fault: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as fault:
            self._swallow(fault)
            return len(data)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as fault:
            self._swallow(fault)

    def _swallow(self, fault: OSError) -> None:
        """Let this and the rest go nowhere."""
        self.fault = fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def main() -> None:
    """Run the command line. A user's error is one message; a traceback is a fault of ours."""
    # Most of what a command makes are modules, which stay: a third of its time went into this.
    gc.set_threshold(_NEW_OBJECTS)
    atexit.register(gc.freeze)  # nor is anything searched when the process ends
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # it is closed, and a file of data would take its number
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - to the end
            vars(sys).update({name: nowhere, f"__{name}__": nowhere})
    sys.stdout, output = _patient(sys.stdout)
    sys.stderr, _ = _patient(sys.stderr)
    sys.stdout, sys.stderr = _Screen(sys.stdout), _Screen(sys.stderr)
    code = _run()
    if output:
        sys.stdout.flush()
        if output.fault and not isinstance(output.fault, BrokenPipeError):
            done = "" if code else " All else that the command does was done."
            reason = output.fault.strerror or output.fault
            typer.echo(f"error: What is printed cannot be written: {reason}.{done}", err=True)
            code = code or UsageError.exit_code
    sys.exit(code)


def _warn_of_few_addresses() -> None:
    """Say beforehand what cannot be said later: LLVM and Arrow abort the process, BLAS waits."""
    with suppress(ImportError):  # Windows
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if 0 <= limit < _ADDRESSES:
            typer.echo(
                f"warning: `ulimit -v` leaves this command {limit / 1e9:.1f} GB of addresses. With "
                f"less than {_ADDRESSES / 1e9:.1f} GB a library may end it without a message "
                f"(exit code 134), or wait for ever; nothing is half written then.",
                err=True,
            )


def _run() -> int:
    """The exit code of the command."""
    try:
        _call()
    except BacktestError as error:
        typer.echo(f"error: {error}", err=True)
        return error.exit_code
    except SystemExit as ending:
        if ending.code == INTERRUPTED:
            said = (str(one) for one in _chain(ending) if isinstance(one, KeyboardInterrupt))
            typer.echo(next(filter(None, said), _KEPT), err=True)
        if isinstance(ending.code, int | None):
            return ending.code or 0
        typer.echo(f"error: {ending.code}", err=True)  # as `sys.exit` of a text does
        return BacktestError.exit_code
    return 0


def _patient(stream: TextIO) -> tuple[TextIO, _Patient | None]:
    """A stream of the process as a patient one; a terminal that lacks a letter shows ?."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream, None
    stream.reconfigure(errors="replace")
    if isinstance(stream.buffer, _Patient):
        return stream, stream.buffer
    raw = getattr(stream.buffer, "raw", stream.buffer)  # the same where nothing is buffered
    if not isinstance(raw, io.RawIOBase):  # tests read what is printed
        return stream, None
    output, lines = _Patient(raw), stream.line_buffering
    return io.TextIOWrapper(output, stream.encoding, "replace", line_buffering=lines), output


# Faults of the machine or of a path: no program can mend them.
_OF_THE_SYSTEM = {
    errno.EACCES, errno.EDQUOT, errno.EIO, errno.EISDIR, errno.ELOOP, errno.EMFILE,
    errno.ENAMETOOLONG, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS,
}  # fmt: skip
_NO_SCRATCH = "No usable temporary directory"
_NO_MEMORY = ("failed to map segment", "cannot allocate memory", "can't start new thread")


def _call() -> None:
    """Run the command; what the machine lacks or refuses is a `UsageError`."""
    try:
        _warn_of_few_addresses()
        app()
    except UnicodeEncodeError as error:  # what is no text at all, from a path or a strategy
        around = error.object[max(error.start - 30, 0) : error.end + 30]
        raise UsageError(
            f"{around!r} cannot be written as UTF-8. Name files, folders and reasons in whole "
            f"characters."
        ) from None
    except (KeyboardInterrupt, MemoryError, ImportError, OSError, RuntimeError) as error:
        # Python 3.11 wraps what interrupts a `__set_name__`, as when a class is made.
        if any(isinstance(one, KeyboardInterrupt) for one in _chain(error)):
            raise SystemExit(INTERRUPTED) from error
        if any(map(_is_of_memory, _chain(error))):
            raise UsageError("The memory that is free is too little for this command.") from None
        if isinstance(error, OSError) and (refusal := _refusal(error)):
            raise UsageError(f"{refusal}.") from None
        raise


def _refusal(error: OSError) -> str:
    """What the machine lacks or refuses; empty of what is a fault of the program."""
    if isinstance(error, shutil.Error):  # of a folder that is copied: by file what is wrong
        return str(error.args[0][0][-1])
    if (reason := str(error.strerror)).startswith(_NO_SCRATCH):
        return f"{reason}. Set TMPDIR to a folder that can be written"
    if error.errno not in _OF_THE_SYSTEM:
        return ""
    return (f"{error.filename}: " if error.filename else "") + os.strerror(error.errno)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY)
