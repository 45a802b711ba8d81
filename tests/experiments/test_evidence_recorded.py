"""What is said of made-up accounts, as recorded: seeds, draws and bounds that no other test sees.

`python -m tests.experiments.test_evidence_recorded` records anew what has changed for a reason.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from backtest.experiments.studies.null_worlds import WORLDS, NullWorld, judge
from tests.golden.goldens import rounded

RECORD = Path(__file__).with_suffix(".json")
DRAWS = 49
KINDS = {
    kind.name: kind
    for kind in (
        *(kind for kind in WORLDS if kind.stocks < 20),
        NullWorld("8 stocks, half of them listed late", 10, 5, 200, 8, 0.3, sides="date", late=0.5),
        NullWorld("too short to move in", 3, 5, sessions=24),
        NullWorld("more sessions held than there are", 30, 12),
        NullWorld("trailing stops", 12, 20, exits={"trailing_stop": 0.05}),
        NullWorld("no trade", 0, 5),
    )
}


def found(name: str) -> dict[str, Any]:
    """The evidence of a world of a kind, its doubles to nine digits."""
    made: dict[str, Any] = rounded(judge(KINDS[name], (3,), DRAWS))
    return {part: content for part, content in made.items() if part != "sentence"}


@pytest.mark.parametrize("name", KINDS)
def test_evidence_is_as_recorded(name: str) -> None:
    assert found(name) == json.loads(RECORD.read_text(encoding="utf-8"))[name]


if __name__ == "__main__":
    made = {name: found(name) for name in KINDS}
    RECORD.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
