"""`backtest audit`: what it tells, its exit codes, JSON and page, and wrong use."""

import json

import pytest

from tests.commands import WRONG_USE, fails, too_wide, words

BIAS = 4
READ = "from pathlib import Path; text = Path('data/prices/ACME.csv').read_text()"
CHEAT = f"{READ}; return Signal.long(event, reason=str(len(text)))"


@pytest.fixture
def audit(in_one_process, command):
    def run(strategy, *arguments):
        return command("audit", strategy, "--symbol", "ACME", "--worlds", "0", *arguments)

    return run


def test_a_clean_strategy_is_told_with_what_was_tried(command, checkout):
    typed = ("audit", "beats", "--symbol", "ACME", "--worlds", "3")  # in processes, as by users
    done = command(*typed)
    told = words(done.out)
    assert done.code == 0
    for text in (
        "beats · ACME",
        "Clean. Nothing peeked",
        "2 worlds, 2 dates, 3 decisions compared. Nothing.",
        "caught in 2 of 2 worlds",
        "Delaying “A made-up beat” by one session: its order of 2025-06-05",
        "moved to 2025-06-06",
        "Null world",
        "What no audit can prove",
        "Hindsight",
    ):
        assert text in told
    assert not too_wide(done.out, 80)
    (folder,) = checkout.root.glob("reports/audit-beats-ACME-*")
    assert {path.name for path in folder.iterdir()} == {"audit.json", "index.html"}
    again = command(*typed)
    assert "It had been audited before" in again.out


def test_bias_is_shown_with_both_decisions_and_has_an_exit_code_of_its_own(audit, checkout):
    checkout.strategy("cheat", CHEAT)
    done = audit("cheat")
    told = words(done.out)
    assert done.code == BIAS
    for text in (
        "Bias found.",
        "Prefix: 2 findings, the first on 2025-06-05",
        "On all data long, weight 0.95:",
        "In the world long, weight 0.95:",
        "It reads data/prices/ACME.csv while it decides (cheat.py, line 10:",
    ):
        assert text in told
    assert not too_wide(done.out, 80)
    assert audit("cheat").code == BIAS  # shown again


def test_json_is_the_record(audit, checkout):
    done = audit("beats", "--json")
    (place,) = checkout.root.glob("reports/audit-*/audit.json")
    record = json.loads(place.read_text())
    del record["record_sha256"]
    assert json.loads(done.out) == {**record, "path": str(place.parent)}


def test_what_a_strategy_prints_is_not_in_the_way(audit, checkout):
    checkout.strategy("loud", 'print("loud"); return "no"')
    assert json.loads(audit("loud", "--json").out)["outcome"] == "clean"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("beat",), ["no strategy 'beat'", "'beats'"]),
        (("beats", "--set", "hold=0"), ["hold = 0"]),
        (("beats", "--from", "2030-01-01"), ["ACME has no session"]),
        (("beats", "--symbol", "NONE"), ["NONE"]),
    ],
)
def test_wrong_use_is_one_message(audit, checkout, arguments, told):
    before = checkout.snapshot()
    fails(audit(*arguments), WRONG_USE, told, checkout, before)


def test_the_pages_of_its_runs_show_how_a_strategy_was_last_audited(audit, run_made_up, checkout):
    run_made_up("beats")
    (page,) = checkout.root.glob("reports/beats-ACME-*/index.html")
    assert "not audited yet: <code>backtest audit beats</code>" in page.read_text()
    audit("beats")
    (folder,) = checkout.root.glob("reports/audit-beats-ACME-*")
    today = json.loads((folder / "audit.json").read_text())["finished_at"][:10]
    link = f'<a href="../{folder.name}/index.html">'
    assert f"{link}Clean, audited on {today}</a>" in page.read_text()
    assert f'href="{folder.name}/index.html"' in (checkout.root / "reports/index.html").read_text()
    run_made_up("beats", "--set", "hold=4")  # the audit was of other parameters
    (other,) = set(checkout.root.glob("reports/beats-ACME-*/index.html")) - {page}
    assert f"{link}Clean, audited on {today} with other parameters</a>" in other.read_text()
    checkout.edit("strategies/beats.py", '"a beat"', '"a good beat"')
    run_made_up("beats", "--force")
    newest = max(
        checkout.root.glob("reports/beats-ACME-*/index.html"), key=lambda p: p.stat().st_mtime
    )
    assert "not audited yet" in newest.read_text()
    assert audit("beats").code == 0
    assert "Clean, audited" in newest.read_text()


def test_a_run_says_in_a_line_whether_its_strategy_was_audited(audit, run_made_up, checkout):
    checkout.strategy("cheat", CHEAT)
    never = "Not audited: beats, cheat. `backtest audit NAME` looks for look-ahead."
    assert never in words(run_made_up("beats", "cheat").out)
    assert "Not audited: beats. `backtest audit beats` looks" in words(run_made_up("beats").out)
    audit("beats")
    audit("cheat")
    (folder,) = checkout.root.glob("reports/audit-cheat-ACME-*")
    today = json.loads((folder / "audit.json").read_text())["finished_at"][:10]
    caution = f"The audit of {today} found that it looks ahead."
    told = words(run_made_up("beats", "cheat").out)
    assert f"cheat: {caution} Audited clean: beats ({today})." in told
    assert "Not audited" not in told
    (page,) = checkout.root.glob("reports/cheat-ACME-*/index.html")
    link = f'<a href="../{folder.name}/index.html">Where.</a>'
    assert f'<p class="note">{caution} {link}</p>' in page.read_text()
    others = run_made_up("beats", "--set", "hold=4").out
    assert f"beats ({today} with other parameters)" in words(others)
    checkout.write("data/prices/BOLT.csv", (checkout.root / "data/prices/ACME.csv").read_text())
    of_both = run_made_up("beats", "--symbol", "ACME", "--symbol", "BOLT").out
    assert f"Audited clean: beats ({today} on ACME)." in words(of_both)
    checkout.edit("strategies/beats.py", '"a beat"', '"a good beat"')
    assert "Not audited: beats." in words(run_made_up("beats").out)


def test_a_broken_run_takes_nothing_from_an_audit(audit, checkout):
    checkout.write("reports/broken-ACME-0123456789/run.json", "{}")
    done = audit("beats")
    assert (done.code, done.err.strip()) == (0, "")
