"""`events check`, `events claims` and `prices check` as a user types them."""

import json
import re

import pytest

from tests.commands import BAD_DATA, WRONG_USE, too_wide, words
from tests.data.test_claims import SESSION, claims, row
from tests.made_up import NEWS

NEWS_FILE, CLAIMS = "data/events/news.csv", "data/claims.csv"
MIDNIGHT = NEWS + "ACME,2025-06-13T00:00:00-04:00,exact,More,contract,close +9.9%\n"


def test_data_without_an_error_end_in_0(command):
    outcome = command("events", "check")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("Notes\n")
    assert outcome.out.endswith("0 errors, 0 warnings, 8 notes.\n")
    outcome = command("prices", "check")
    assert outcome.code == 0
    assert outcome.out.endswith("0 errors, 0 warnings, 1 note.\n")


def test_errors_come_first_and_end_in_3(command, checkout):
    checkout.write(NEWS_FILE, MIDNIGHT)
    outcome = command("events", "check")
    assert outcome.code == BAD_DATA
    assert re.findall(r"^(Errors|Warnings|Notes)$", outcome.out, re.MULTILINE) == [
        "Errors", "Warnings", "Notes",
    ]  # fmt: skip
    lines = [line.rstrip() for line in outcome.out.splitlines()]
    assert lines[:4] == [
        "Errors",
        "",
        "Stamped at midnight with precision exact: 2025-06-13T00:00:00-04:00",
        "    " + next(one for one in lines if "line 4, news-20250613-" in one).strip(),
    ]
    assert "Write precision `date`, stamped 23:59:59 New York time" in words(outcome.out)
    assert "Then `backtest events seal news`." in words(outcome.out)
    assert lines[-1] == "1 error, 1 warning, 9 notes."
    assert too_wide(outcome.out, 80) == []


def test_one_kind_is_checked_alone(command, checkout):
    checkout.write(NEWS_FILE, MIDNIGHT)
    assert command("events", "check", "--kind", "earnings").code == 0
    assert command("events", "check", "--kind", "news").code == BAD_DATA
    outcome = command("events", "check", "--kind", "new")
    assert outcome.code == WRONG_USE
    assert "Did you mean 'news'?" in outcome.err


def test_one_symbol_is_checked_alone(command, checkout):
    checkout.edit("data/prices/ACME.csv", "2025-06-02,100.00", "2025-06-02,100.01", sealed=False)
    assert command("prices", "check", "INDX").out == "0 errors, 0 warnings, 0 notes.\n"
    outcome = command("prices", "check", "ACME")
    assert outcome.code == BAD_DATA
    assert "acknowledge it with `backtest prices seal ACME`" in words(outcome.out)
    command("prices", "seal", "ACME")
    assert command("prices", "check", "ACME").code == 0
    outcome = command("prices", "check", "ACM")
    assert outcome.code == WRONG_USE
    assert "Did you mean 'ACME'?" in outcome.err


def test_findings_are_there_for_scripts(command, checkout):
    checkout.write(NEWS_FILE, MIDNIGHT)
    outcome = command("events", "check", "--kind", "news", "--json")
    assert outcome.code == BAD_DATA
    found = json.loads(outcome.out)
    assert found[0]["severity"] == "note"  # in the order of the file
    assert {frozenset(one) for one in found} == {
        frozenset(("severity", "where", "what", "why", "mend"))
    }
    prices = command("prices", "check", "--json")
    assert prices.code == 0
    assert [one["where"] for one in json.loads(prices.out)] == ["data/borrow/ACME.csv"]


def test_claims_are_shown_with_verdict_and_evidence(command, checkout):
    checkout.write(
        CLAIMS, claims(row(**SESSION), row(**{**SESSION, "claim_id": "two", "claimed": "5"}))
    )
    outcome = command("events", "claims")
    assert (outcome.code, outcome.err) == (0, "")
    assert re.findall(r"^(\w+) +Made up *$", outcome.out, re.MULTILINE) == ["true", "false"]
    assert "Claimed 5 %, found +0.9 %. 2025-06-12: close +0.9 %" in words(outcome.out)
    assert "2 claims: 1 true, 0 imprecise, 1 false, 0 unknown." in outcome.out
    assert too_wide(outcome.out, 80) == []
    one, two = json.loads(command("events", "claims", "--json").out)
    assert (one["claim_id"], one["claimed"], one["verdict"]) == ("one", "1", "true")
    assert (two["verdict"], two["found"]) == ("false", "+0.9 %")


def test_a_claim_without_a_figure_is_unknown_beside_others(command, checkout):
    gone = {**SESSION, "claim_id": "two", "symbol": "GONE"}
    checkout.write(CLAIMS, claims(row(**SESSION), row(**gone)))
    shown = words(command("events", "claims").out)
    assert "Claimed 1 %, found +0.9 %. " in shown
    assert "Claimed 1 %. There are no prices of GONE." in shown
    one, two = json.loads(command("events", "claims", "--json").out)
    assert (one["found"], two["found"]) == ("+0.9 %", None)


def test_a_bad_claim_is_one_message(command, checkout):
    checkout.write(CLAIMS, claims(row(**{**SESSION, "unit": "days"})))
    outcome = command("events", "claims")
    assert (outcome.code, outcome.out) == (BAD_DATA, "")
    assert "line 2, column unit: 'days' of close_change is not one of percent" in outcome.err


def test_a_changed_claim_is_acknowledged_by_sealing(command, checkout):
    checkout.write(CLAIMS, claims(row(**SESSION)))
    checkout.edit(CLAIMS, "Made up", "Made up anew", sealed=False)
    assert "`backtest events seal claims`" in command("events", "claims").err
    assert command("events", "seal", "claims").code == 0
    assert "Made up anew" in command("events", "claims").out


def test_there_need_not_be_claims(command):
    outcome = command("events", "claims")
    assert outcome.code == BAD_DATA
    assert "claims.csv is missing" in outcome.err


@pytest.mark.parametrize("words", [("events", "check"), ("events", "claims"), ("prices", "check")])
def test_help_has_an_example(command, words):
    assert f"Example: `backtest {' '.join(words)}" in command(*words, "--help").out
