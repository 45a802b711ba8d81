"""`--symbol` repeated, or a file of symbols; and imports of many rows."""

import json

import pytest

from tests.commands import WRONG_USE, fails
from tests.made_up import ACME
from tests.universes import COLUMNS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("stocks.txt", "ACME\n\n BOLT \nACME\n"),
        ("stocks.csv", "name,Symbol\nAcme Corp.,ACME\nBolt Inc.,BOLT\n"),
    ],
)
def test_a_file_holds_the_symbols(checkout, command, name, text):
    checkout.write("data/prices/BOLT.csv", ACME)
    (checkout.root / name).write_text(text, encoding="utf-8")
    terms = ("--symbol", name, "--benchmark", "INDX", "--no-tearsheet", "--json")
    (told,) = json.loads(command("run", "beats", *terms).out)
    assert told["symbols"] == ["ACME", "BOLT"]
    assert json.loads(command("study", "earnings", "--symbol", name, "--json").out)["symbols"] == [
        "ACME", "BOLT",
    ]  # fmt: skip
    settings = json.loads(command("config", "--symbol", name, "--json").out)["settings"]
    assert next(one for one in settings if one["key"] == "symbol")["value"] == ["ACME", "BOLT"]


def test_the_list_of_events_takes_several_symbols_or_a_file(checkout, command):
    (checkout.root / "stocks.txt").write_text("ACME\nOTHR\n", encoding="utf-8")
    several = command("events", "list", "--symbol", "ACME", "--symbol", "OTHR", "--json").out
    assert {row["symbol"] for row in json.loads(several)} == {"ACME", "OTHR"}
    assert command("events", "list", "--symbol", "stocks.txt", "--json").out == several
    one = json.loads(command("events", "list", "--symbol", "OTHR", "--json").out)
    assert [row["symbol"] for row in one] == ["OTHR"]


@pytest.mark.parametrize("text", ["", "ticker,name\nACME,Acme Corp.\n"])
def test_a_file_without_symbols_is_told(checkout, command, text):
    (checkout.root / "stocks.csv").write_text(text, encoding="utf-8")
    before = checkout.snapshot()
    outcome = command("run", "beats", "--symbol", "stocks.csv")
    fails(outcome, WRONG_USE, ["stocks.csv is no file of symbols"], checkout, before)


def test_many_events_are_counted_and_all_printed_with_verbose(checkout, command):
    rows = [
        f"ACME,2025-06-{2 + n // 10:02}T16:{10 + n % 10}:00-04:00,exact,Report {n},2024Q4,0.3,0.2\n"
        for n in range(40)
    ]
    checkout.write("mine.csv", COLUMNS + "".join(rows), sealed=False)
    import_file = ("events", "import", "mine.csv", "--kind", "earnings", "--source-url", "unknown")
    whole = command(*import_file, "--verbose").out
    assert all(f"headline: Report {n}\n" in whole for n in range(40))
    out = command(*import_file, "--yes").out
    assert out.count("headline: Report") == 3
    assert "… and 37 more rows; -v prints them all" in out
    assert "In all 40 added, 0 changed, 0 removed." in out
    assert len(out.splitlines()) < 40
    assert "wrote " in out


def test_each_stock_that_is_named_has_a_picture(checkout, command, run_made_up):
    checkout.write("data/prices/BOLT.csv", ACME)
    run_made_up("beats", "--symbol", "ACME", "--symbol", "BOLT")
    draw = ("report", "beats", "--format", "png", "--symbol", "ACME", "--symbol", "BOLT")
    assert [line.rpartition("/")[2] for line in command(*draw).out.split()] == [
        "chart-ACME.png", "chart-BOLT.png",
    ]  # fmt: skip
    command(*draw, "--output", "mine.png")
    assert (checkout.root / "mine-BOLT.png").exists()
