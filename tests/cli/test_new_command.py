"""`backtest new signal`, as it is typed."""

import json

import pytest

from tests.commands import WRONG_USE, fails, too_wide, words

ACME = ("--symbol", "ACME")


def test_it_tells_what_it_wrote_and_what_comes_next(command, checkout):
    done = command("new", "signal", "insider_sale")
    assert done.code == 0
    for place in (
        "strategies/insider_sale.py",
        "data/events/insider_sales.csv",
        "tests/test_insider_sale.py",
    ):
        assert f"wrote {place}" in done.out
        assert (checkout.root / place).exists()
    assert "backtest check insider_sale" in done.out
    assert "backtest events seal insider_sale" in done.out
    assert too_wide(done.out, 80) == []


def test_one_that_starts_from_a_kind_has_no_events_of_its_own(command, checkout):
    done = command("new", "signal", "selling", "--from", "news", "--json")
    written = json.loads(done.out)
    assert written["events"] is None
    assert written["strategy"] == str(checkout.root / "strategies" / "selling.py")
    assert not (checkout.root / "data/events/sellings.csv").exists()


def test_it_runs_at_once_and_says_that_the_example_is_to_be_replaced(command, run_made_up):
    command("new", "signal", "insider_sale")
    done = run_made_up("insider_sale")
    assert done.code == 0
    assert "No trade: no event that it listens to is about ACME." in words(done.out)
    assert "the example row of a new signal waits to be replaced" in words(done.out)


def test_what_replaces_the_example_row_has_a_source(command, checkout):
    command("new", "signal", "sale")
    path = checkout.root / "data/events/sales.csv"
    path.write_text(path.read_text().replace("EXAMPLE", "ACME"))
    done = command("events", "seal", "sale")
    assert (done.code, done.err.count("has no source on record. Name one with --source")) == (2, 1)
    assert command("events", "seal", "sale", "--source", "made up").code == 0


def test_from_the_example_to_a_trade(command, checkout, run_made_up):
    command("new", "signal", "insider_sale")
    listed = json.loads(command("events", "list", "--kind", "insider_sale", "--json").out)
    event = ("symbol=ACME", "published_at=2025-06-04 16:05 New York", "precision=minute")
    fields = (*event, "headline=Made up", "party=Jane Boss", "amount=5000", "source_url=unknown")
    given = [word for field in fields for word in ("--field", field)]
    assert command("events", "add", "insider_sale", *given, "--yes").code == 0
    assert command("events", "remove", listed[0]["id"], "--yes").code == 0
    assert command("check", "insider_sale", *ACME).code == 0
    assert command("audit", "insider_sale", *ACME, "--worlds", "0", "--workers", "1").code == 0
    assert "Jane Boss, 5,000 dollars" in words(run_made_up("insider_sale").out)
    assert command("compare", "insider_sale").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("InsiderSale",), "such as insider_sale"),
        (("beats",), "beats.py"),
        (("sale", "--from", "new"), "Did you mean 'news'?"),
    ],
)
def test_wrong_use_is_one_message_and_writes_nothing(command, checkout, arguments, told):
    before = checkout.snapshot(".")
    fails(command("new", "signal", *arguments), WRONG_USE, [told], checkout, checkout.snapshot())
    assert checkout.snapshot(".") == before


def test_what_a_killed_command_had_not_ended_is_cleared_by_the_next(command, checkout):
    left = [
        checkout.root / "strategies/.mine.py.0a1b2c3d",
        checkout.root / "tests/.test_mine.py.0a1b2c3d",
    ]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    assert command("new", "signal", "mine").code == 0
    assert not any(path.exists() for path in left)
