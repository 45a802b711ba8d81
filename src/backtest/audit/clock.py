"""Another day: what a process takes for the time while a strategy is at work.

`time-machine` puts another clock under `datetime`, `time` and what reads them, such as pandas.
C code that asks the system by itself is not reached: `np.datetime64("now")`, and `time.ctime()` and
`time.asctime()` without a time.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime


@contextmanager
def clock_at(moment: datetime | None, note: Callable[[], None]) -> Iterator[None]:
    """Set the clock of this process, let it go on from there, and put it right at the end.

    Args:
        moment: the time; None leaves the clock as it is.
        note: called from below whoever reads the clock.

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
