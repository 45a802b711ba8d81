"""What is nearly right is told with its right form."""

import pytest

from tests.commands import WRONG_USE, words

ACME = ("--symbol", "ACME")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "beats", "--cash", "100,000"], "Write it as --cash 100000."),
        (["run", "beats", "--cash", "1e5x"], "is not a number of dollars"),
        (["run", "beats", "--slippage", "0.1%"], "of basis points. Write it as --slippage 10."),
        (["run", "beats", "--commission", "$0.01"], "Write it as --commission 0.01."),
        (["run", "beats", "--commission", "1%"], "Write it as --commission 0.005."),
        (["run", "beats", "--reaction", "ten"], "Write it as --reaction 5."),
        (["run", "beats", "hold=5"], "`backtest run beats --set hold=5`"),
        (["run", "hold=5", "weight=1"], "`backtest run NAME --set hold=5 --set weight=1`"),
        (["run", "beats", "--set", "hold=1:10"], "A sweep tries a range: `--grid hold=1:10`"),
        (["sweep", "beats", *ACME, "--grid", "hold=1-10"], "`--grid hold=1:10`"),
        (["sweep", "beats", *ACME, "--grid", "hold=1..10"], "`--grid hold=1:10`"),
        (["compare", "beatz"], "There is no run 'beatz'."),
    ],
)
def test_the_message_has_the_right_form(command, arguments, told):
    outcome = command(*arguments)
    assert (outcome.code, outcome.out) == (WRONG_USE, "")
    assert outcome.err.startswith("error: ")
    assert told in words(outcome.err)


def test_prices_that_end_after_the_benchmarks_name_the_option(command, checkout):
    index = (checkout.root / "data/prices/INDX.csv").read_text().splitlines(keepends=True)
    checkout.write("data/prices/INDX.csv", "".join(index[:-2]))
    outcome = command("run", "beats", "--symbol", "ACME", "--benchmark", "INDX")
    assert outcome.code == 3
    assert "choose another --benchmark, or a span with --to 2025-07-11." in outcome.err


def test_seal_takes_rows_as_people_write_them(command, checkout):
    path = checkout.root / "data/events/short_reports.csv"
    header, first, *rest = path.read_text().splitlines()
    row = "ACME,2025-06-24 before open,,By hand,Jane Bear,short_seller,9,made up"
    path.write_text("\n".join([header, first, row, *rest]) + "\n")
    assert command("events", "seal", "short_report").code == 0
    assert "ACME,2025-06-24T09:00:00-04:00,session,By hand," in path.read_text()
    assert first in path.read_text()
    assert "By hand" in command("events", "list").out


def test_seal_takes_an_unknown_source(command, checkout):
    path = checkout.edit("data/events/earnings.csv", "https://example.org/1", "unknown")
    assert command("events", "seal", "earnings").code == 0
    assert "unknown" not in path.read_text()


def test_seal_of_a_row_that_is_wrong_leaves_the_file(command, checkout):
    path = checkout.edit("data/events/earnings.csv", "2025-06-27T08:00:00-04:00", "2025-06-27")
    before = path.read_bytes()
    outcome = command("events", "seal", "earnings")
    assert outcome.code == 3
    assert "line 3" in outcome.err
    assert path.read_bytes() == before
