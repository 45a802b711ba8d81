"""`backtest prices fetch` and `undo`: what is shown, what is written, and what scripts learn."""

import json
from datetime import UTC, datetime

import pytest

from backtest.sources import yahoo
from backtest.sources.http import Patience
from tests.commands import WRONG_USE, words
from tests.local_server import Answer
from tests.made_up import ACME
from tests.yahoo import chart, minutes, yahoo_server

NO_ANSWER = 5
ROWS = [
    (day, *(float(cell) for cell in cells[:4]), int(cells[4]))
    for day, *cells in (line.split(",") for line in ACME.splitlines()[1:])
]
LATER = ("2025-07-16", 130.0, 132.0, 128.0, 131.0, 1030)


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(yahoo, "_PATIENCE", Patience(tries=2, seconds=10, each=5, wait=0.001))
    monkeypatch.setattr(yahoo, "_PACE", yahoo.Pace(10_000))
    monkeypatch.setattr(yahoo, "_now", lambda: datetime(2025, 7, 17, 12, tzinfo=UTC))
    with yahoo_server(monkeypatch) as site:
        site.has("ACME", chart([*ROWS, LATER]))
        yield site


@pytest.fixture
def known(checkout):
    """The adjust mode of the made-up file is on record."""
    path = checkout.root / "data/prices/ACME.meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "adjust": "none"}))


def test_a_new_symbol_can_be_run_at_once(site, command, checkout):
    site.has("BOLT", chart(ROWS))
    outcome = command("prices", "fetch", "bolt")
    assert (outcome.code, outcome.err) == (0, "")
    path = checkout.root / "data/prices/BOLT.csv"
    assert outcome.out == (
        f"BOLT: 30 rows added, 2025-06-02 to 2025-07-15\n  wrote {path}, version 1\n"
    )
    terms = ("--symbol", "BOLT", "--benchmark", "INDX", "--no-tearsheet")
    assert command("run", "owner", *terms).code == 0
    assert "BOLT" in command("prices", "list").out


@pytest.mark.usefixtures("known")
def test_a_refetch_adds_rows_and_can_be_undone(site, command, checkout):
    path = checkout.root / "data/prices/ACME.csv"
    out = command("prices", "fetch", "ACME").out
    assert "ACME: 1 row added, 2025-07-16 to 2025-07-16" in out
    assert path.read_text() == ACME + "2025-07-16,130,132,128,131,1030\n"
    metadata = json.loads(path.with_suffix(".meta.json").read_text())
    assert metadata["source"].startswith("made up for tests Later rows: Yahoo Finance")
    again = command("prices", "fetch", "ACME").out
    assert "0 rows added" in again
    assert "unchanged" in again
    assert command("prices", "undo", "ACME").out.endswith("undone, back to version 1\n")
    assert path.read_text() == ACME


@pytest.mark.usefixtures("known")
def test_rows_that_differ_are_shown_and_replaced_on_request(site, command, checkout):
    revised = [("2025-06-02", 100.0, 102.0, 97.5, 101.0, 1000), *ROWS[1:]]
    site.has("ACME", chart(revised))
    path = checkout.root / "data/prices/ACME.csv"
    out = command("prices", "fetch", "ACME").out
    assert "  2025-06-02 low: 98 → 97.5\n" in out
    assert "  1 row on file would change: --accept-revisions replaces what differs\n" in out
    assert path.read_text() == ACME
    out = command("prices", "fetch", "ACME", "--accept-revisions").out
    assert "  replaced 1 row\n" in out
    assert path.read_text() == ACME.replace(
        "2025-06-02,100.00,102.00,98.00,101.00,1000", "2025-06-02,100,102,97.5,101,1000"
    )


def test_what_fails_does_not_keep_the_others_from_coming(site, command, checkout):
    site.has("BOLT", chart(ROWS))
    site.has("COIL", Answer(b"", status=500))
    outcome = command("prices", "fetch", "COIL", "BOLT", "NONE")
    assert outcome.code == NO_ANSWER
    assert "BOLT: 30 rows added" in outcome.out
    first, second, *_ = outcome.err.splitlines()
    assert first == "error: 2 of 3 symbols could not be fetched."
    assert second.startswith("  COIL: Yahoo, 1d bars")
    assert "\n  NONE: Yahoo" in outcome.err
    assert not (checkout.root / "data/prices/COIL.csv").exists()


def test_scripts_get_json(site, command):
    site.has("BOLT", chart(ROWS, splits={"2025-06-04": (2, 1)}))
    (told,) = json.loads(command("prices", "fetch", "BOLT", "--json", "--to", "2025-06-04").out)
    assert told["added"] == ["2025-06-02", "2025-06-03", "2025-06-04"]
    assert (told["version"], told["notes"]) == (1, ["2 shares came for one on 2025-06-04."])
    (split,) = told["actions"]["added"]
    assert (split["day"], split["action"], split["amount"]) == ("2025-06-04", "split", "2")


def test_actions_are_shown_where_no_price_changes(site, command, checkout):
    site.has("BOLT", chart(ROWS))
    command("prices", "fetch", "BOLT")
    site.has("BOLT", chart(ROWS, dividends={"2025-06-04": 0.5}))
    told = command("prices", "fetch", "BOLT").out
    assert "  added dividend 2025-06-04 0.5\n" in told
    assert told.endswith("  no price changed\n")
    assert (checkout.root / "data/actions/BOLT.csv").read_text().splitlines()[1:] == [
        "2025-06-04,dividend,0.5,,,Yahoo Finance"
    ]


def test_finer_bars_go_into_a_folder_of_their_own(site, command, checkout):
    site.has("BOLT", chart(minutes("2025-07-15", 7, 60)))
    out = command("prices", "fetch", "BOLT", "--bars", "1h").out
    assert "BOLT: 7 rows added, 2025-07-15T13:30Z to 2025-07-15T19:30Z" in out
    assert (checkout.root / "data/prices/1h/BOLT.parquet").exists()
    outcome = command("prices", "undo", "BOLT", "--bars", "1h")
    assert (outcome.code, "nothing to undo" in outcome.err) == (WRONG_USE, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ACME", "--bars", "2h"), "Bars of '2h' are unknown. Choose one of 1m, 5m, 15m, 30m, 1h."),
        (("ACME", "--adjust", "none"), "--adjust 'none' is unknown. Choose one of splits, all."),
        (("../ACME",), "'../ACME' is no symbol"),
        (("ACME", "--from", "June"), "--from 'June' is not a day"),
        (("BOLT", "--from", "2025-06-05", "--to", "2025-06-04"), "is after --to 2025-06-04"),
        (("BOLT", "--bars", "1h", "--adjust", "all"), "for splits alone"),
        (("BOLT", "--from", "2030-01-01"), "--from 2030-01-01 is after --to today"),
        (("ACME",), "is not on record"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_asked(site, command, checkout, arguments, told):
    before = checkout.snapshot("data")
    outcome = command("prices", "fetch", *arguments)
    assert outcome.code == WRONG_USE
    assert told in words(outcome.err)
    assert checkout.snapshot("data") == before
    assert site.asked == []


def test_undo_of_what_is_not_there(command):
    outcome = command("prices", "undo", "NONE")
    assert (outcome.code, outcome.err.startswith("error: There is no price file")) == (
        WRONG_USE,
        True,
    )
