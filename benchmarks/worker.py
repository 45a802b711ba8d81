"""Run one side of a comparison: a process that prepares once, then works whenever it is told to.

It reads a case (arrays, `.npz`) and answers each line on its input with the seconds that the work
took. It writes the results of the first work for the driver to compare. It uses only the standard
library and numpy, because it runs in both environments.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]


def serve(prepare: Callable[[Arrays], Callable[[], Arrays]]) -> None:
    """Answer the driver until it closes the pipe.

    Args:
        prepare: function that takes the case, loads and compiles what the work needs, and returns
            the work: a function without arguments that returns arrays by name.

    """
    results = Path(sys.argv[2])
    with np.load(sys.argv[1]) as arrays:
        work = prepare(dict(arrays))
    _answer("ready")
    for _ in sys.stdin:
        begin = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - begin
        if not results.exists():
            np.savez(results, **result)
        del result
        gc.collect()  # what a run leaves behind is not charged to the next
        _answer(seconds)


def _answer(word: str | float) -> None:
    sys.stdout.write(json.dumps(word) + "\n")
    sys.stdout.flush()
