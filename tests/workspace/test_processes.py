"""Processes that a pool starts, and Ctrl-C meanwhile."""

import os
import signal
import sys
from multiprocessing.context import SpawnProcess

import pytest

from backtest.errors import BacktestError
from backtest.workspace.processes import WorkerPool


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_ctrl_c_while_a_process_starts_is_heard_when_it_has_started(monkeypatch):
    start, started = SpawnProcess.start, []

    def pressed(process):
        os.kill(os.getpid(), signal.SIGINT)
        start(process)
        started.append(process)

    monkeypatch.setattr(SpawnProcess, "start", pressed)
    with pytest.raises(KeyboardInterrupt):
        WorkerPool(1).submit(os.getpid)
    (process,) = started
    process.kill()
    process.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize(
    ("call", "kind"),
    [((signal.default_int_handler, 2, None), KeyboardInterrupt), ((sys.exit,), BacktestError)],
)
def test_whatever_a_call_raises_is_raised_here_and_the_process_serves_on(call, kind, capfd):
    """A strategy can raise what Ctrl-C does, and a worker leaves Ctrl-C to who has started it."""
    with WorkerPool(1) as pool:
        process = pool.submit(os.getpid).result()
        with pytest.raises(kind):
            pool.submit(*call).result()
        assert pool.submit(os.getpid).result() == process
    assert capfd.readouterr().err == ""
