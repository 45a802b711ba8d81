"""What all of this room judges commands by.

`HARDENING` is how many times more is tried than `make test-all` has time for, and
`HARDENING_SEED` where the draws begin.
"""

import os
import re
from collections.abc import Callable

import pytest

from tests.made_up import Outcome

TIMES = int(os.environ.get("HARDENING", "1"))
SEED = int(os.environ.get("HARDENING_SEED", "0"))
ALLOWED = {0, 2, 3, 4, 5}
UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}(\.old)?")
QUICK = ("--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet")


@pytest.fixture
def tried(command, checkout) -> Callable[..., Outcome]:
    """A command, judged: its exit code, one message, no traceback, and nothing left unfinished."""

    def tried(*words: str) -> Outcome:
        said = " ".join(words)[:200]
        try:
            outcome = command(*words)
        except BaseException as error:
            raise AssertionError(f"{said}: {type(error).__name__}: {str(error)[:300]}") from error
        assert outcome.code in ALLOWED, f"{said}: exit code {outcome.code}: {outcome.err[-300:]}"
        assert "Traceback" not in outcome.err, f"{said}: {outcome.err[-300:]}"
        if outcome.code:
            assert (outcome.out + outcome.err).strip(), (
                f"{said}: exit code {outcome.code} without a message"
            )
        return outcome

    return tried


def unfinished(checkout) -> list[str]:
    """What a command has left under a hidden name."""
    names = (path.name for path in checkout.root.rglob(".*"))
    return [name for name in names if UNFINISHED.fullmatch(name)]
