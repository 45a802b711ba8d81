"""Processes that a pool starts, and Ctrl-C meanwhile."""

import os
import signal
from multiprocessing.context import SpawnProcess

import pytest

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
