"""Why a run made no trade, in a sentence for the terminal and for pages alike."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from backtest.stats.formats import counted

if TYPE_CHECKING:
    from backtest.experiments.runs.store import Run

_NO_ROOM = "no_room"


def no_trade(run: Run) -> str:
    """What became of most events of a run without trades; of those with a signal, if any had one.

    The reason is told too where it is the same for all of them.
    """
    if not run.decisions:
        names = " or ".join(run.manifest["symbols"])
        return (
            f"No trade: no event that it listens to is about {names}. `backtest events list` shows "
            f"what is on file; the example row of a new signal waits to be replaced."
        )
    became = Counter(row["action"] for row in run.decisions)
    most = _NO_ROOM if _NO_ROOM in became else became.most_common(1)[0][0]
    # The reason of the signal stands before that of having no room for it.
    reasons = {
        row["reason"].split("no room: ")[-1] for row in run.decisions if row["action"] == most
    }
    why = f" ({reasons.pop()})" if len(reasons) == 1 else ""
    events = counted(len(run.decisions), "event")
    return f"No trade: {most.replace('_', ' ')}{why}, {became[most]:,} of {events}."
