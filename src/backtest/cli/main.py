"""Run the command `backtest`; this is the one place that turns errors into exit codes."""

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

_INTERRUPTED_MESSAGE = (
    "interrupted: what was finished is kept, nothing is half written. "
    "The same command goes on from there."
)
INTERRUPTED = 130  # what shells and typer use for Ctrl-C
_ADDRESS_SPACE = 2_500_000_000  # bytes: what the kernel's compiler was seen to need, and some more
_GC_THRESHOLD = 500_000  # new objects between two garbage collections: more than a replay makes

app = options.App(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # frames around the help would double the time it takes to show
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Replay a stock's history against dated public events, and see whether trading them "
    "would have paid.",
    epilog="\b\nBegin with `backtest init FOLDER`, which makes a workspace, and go there.\n"
    "In a workspace: `backtest run` replays every strategy.\n\n"
    "Exit codes: 0 done, 1 a fault of the program, 2 wrong use or a contract that is not kept, "
    "3 bad data, 4 an audit is not clean or a check found look-ahead, "
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
    """Take the options that come before a command."""


class _EscapingStream:
    """This stream makes control characters visible; rich writes past it."""

    def __init__(self, stream: TextIO) -> None:
        # `show.console` writes to this attribute, named as in proxies of rich; proxies do not nest.
        self.rich_proxied_file: TextIO = getattr(stream, "rich_proxied_file", stream)

    def write(self, text: str) -> int:
        return self.rich_proxied_file.write(visible(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


class _UnfailingWriter(io.BufferedWriter):
    """This stream accepts output even after it can no longer be written.

    A reader that leaves, as `| head` does, or a full disk thus never stops a command halfway.
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
        """Keep the fault, and send all further output to the null device."""
        self.fault = fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def main() -> None:
    """Run the command line and exit with its code; a traceback means a fault of the program."""
    # Most objects of a command are modules, which stay: collecting took a third of its time.
    gc.set_threshold(_GC_THRESHOLD)
    atexit.register(gc.freeze)  # so that the process ends without a collection
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed: a file of data would get its descriptor
            null = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - to the end
            vars(sys).update({name: null, f"__{name}__": null})
    sys.stdout, output = _unfailing(sys.stdout)
    sys.stderr, _ = _unfailing(sys.stderr)
    sys.stdout, sys.stderr = _EscapingStream(sys.stdout), _EscapingStream(sys.stderr)
    code = _run()
    if output:
        sys.stdout.flush()
        if output.fault and not isinstance(output.fault, BrokenPipeError):
            done = "" if code else " All else that the command does was done."
            reason = output.fault.strerror or output.fault
            typer.echo(f"error: What is printed cannot be written: {reason}.{done}", err=True)
            code = code or UsageError.exit_code
    sys.exit(code)


def _warn_of_small_address_space() -> None:
    """Warn beforehand: without memory LLVM and Arrow abort the process, and BLAS waits for ever."""
    with suppress(ImportError):  # Windows
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if 0 <= limit < _ADDRESS_SPACE:
            typer.echo(
                f"warning: `ulimit -v` leaves this command {limit / 1e9:.1f} GB of addresses. With "
                f"less than {_ADDRESS_SPACE / 1e9:.1f} GB a library may end it without a message "
                f"(exit code 134), or wait for ever; nothing is half written then.",
                err=True,
            )


def _run() -> int:
    """Run the command and return its exit code; errors are printed to stderr."""
    try:
        _call()
    except BacktestError as error:
        typer.echo(f"error: {error}", err=True)
        return error.exit_code
    except SystemExit as ending:
        if ending.code == INTERRUPTED:
            causes = (
                str(cause) for cause in _chain(ending) if isinstance(cause, KeyboardInterrupt)
            )
            typer.echo(next(filter(None, causes), _INTERRUPTED_MESSAGE), err=True)
        if isinstance(ending.code, int | None):
            return ending.code or 0
        typer.echo(f"error: {ending.code}", err=True)  # as Python prints `sys.exit(text)`
        return BacktestError.exit_code
    return 0


def _unfailing(stream: TextIO) -> tuple[TextIO, _UnfailingWriter | None]:
    """Return a stream of the process that never fails; characters it cannot encode become ?."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream, None
    stream.reconfigure(errors="replace")
    if isinstance(stream.buffer, _UnfailingWriter):
        return stream, stream.buffer
    raw = getattr(stream.buffer, "raw", stream.buffer)  # the same where nothing is buffered
    if not isinstance(raw, io.RawIOBase):  # tests capture what is printed
        return stream, None
    output, is_line_buffered = _UnfailingWriter(raw), stream.line_buffering
    text = io.TextIOWrapper(output, stream.encoding, "replace", line_buffering=is_line_buffered)
    return text, output


# Faults of the machine or of a path, which no program can mend.
_SYSTEM_FAULTS = {
    errno.EACCES, errno.EDQUOT, errno.EIO, errno.EISDIR, errno.ELOOP, errno.EMFILE,
    errno.ENAMETOOLONG, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS,
}  # fmt: skip
_NO_SCRATCH = "No usable temporary directory"
_NO_MEMORY = ("failed to map segment", "cannot allocate memory", "can't start new thread")


def _call() -> None:
    """Run the command; raise `UsageError` for what the machine lacks or refuses."""
    try:
        _warn_of_small_address_space()
        app()
    except UnicodeEncodeError as error:  # lone surrogates of a path or a strategy's reason
        around = error.object[max(error.start - 30, 0) : error.end + 30]
        raise UsageError(
            f"{around!r} cannot be written as UTF-8. Name files, folders and reasons in whole "
            f"characters."
        ) from None
    except (KeyboardInterrupt, MemoryError, ImportError, OSError, RuntimeError) as error:
        # Python 3.11 wraps an interrupt of `__set_name__`, as while a class is made.
        if any(isinstance(cause, KeyboardInterrupt) for cause in _chain(error)):
            raise SystemExit(INTERRUPTED) from error
        if any(map(_is_out_of_memory, _chain(error))):
            raise UsageError("The memory that is free is too little for this command.") from None
        if isinstance(error, OSError) and (refusal := _refusal(error)):
            raise UsageError(f"{refusal}.") from None
        raise


def _refusal(error: OSError) -> str:
    """Return what the machine lacks or refuses; empty for a fault of the program."""
    if isinstance(error, shutil.Error):  # of a folder's copy: (source, target, reason) of each file
        return str(error.args[0][0][-1])
    if (reason := str(error.strerror)).startswith(_NO_SCRATCH):
        return f"{reason}. Set TMPDIR to a folder that can be written"
    if error.errno not in _SYSTEM_FAULTS:
        return ""
    return (f"{error.filename}: " if error.filename else "") + os.strerror(error.errno)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY)
