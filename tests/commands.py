"""What commands print and leave, as the tests of the command line read it."""

import csv
import re

from tests.made_up import Checkout, Outcome

MADE_UP = ("--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet")
WRONG_USE, BAD_DATA, INTERRUPTED = 2, 3, 130


def rows(checkout, name, run="*"):
    (path,) = checkout.root.glob(f"reports/{run}/{name}")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def words(text: str) -> str:
    """The text with its layout taken out."""
    return re.sub(r"\s+", " ", text)


def too_wide(text: str, width: int) -> list[str]:
    """Lines wider than the terminal; a place is never broken."""
    return [line for line in text.splitlines() if len(line) > width and ".html" not in line]


def fails(
    outcome: Outcome, code: int, told: list[str], checkout: Checkout, before: dict[str, bytes]
) -> None:
    """A failure is one message with these texts, and the reports are what they were before."""
    assert outcome.code == code
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("error: ") == 1
    assert "Traceback" not in outcome.err
    for text in told:
        assert text in outcome.err
    assert checkout.snapshot() == before
