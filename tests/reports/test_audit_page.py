"""The audit page and its words: what they say of a clean audit and of one that found bias."""

from __future__ import annotations

import re

import pytest

from backtest.reports import audit_page as words
from backtest.reports.audit_page import write_audit_page
from tests.audits import decision, finding, record, touched
from tests.sweeps import rows, visible

NASTY = "</script><script>alert(1)</script>"


@pytest.fixture
def page_of(tmp_path):
    def make(made: dict) -> str:
        folder = tmp_path / "audit-made_up-ACME-0123456789"
        return write_audit_page(folder, made, tmp_path).read_text(encoding="utf-8")

    return make


def told(made: dict, heading: str) -> str:
    return dict(words.audit_sentences(made))[heading]


def without(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_a_clean_audit_says_so_and_shows_how_much_was_tried(page_of):
    text = visible(page_of(record()))
    assert "Audit of made_up · ACME 2025-06-02 to 2025-08-26 · audit 0123456789" in text
    assert "hold 3 · inner.side both" in text
    assert "Clean. What it does up to a date depends on nothing that comes later." in text
    assert "Checks passed 5 of 5 Worlds tried 50 Decisions compared 7,500" in text
    assert "Planted peek caught Audited on 2025-09-01" in text
    assert "differs" not in text


def test_an_audit_by_finer_bars_says_which(page_of):
    made = record()
    made["settings"] |= {"bars": "5m", "missing_bars": "none"}
    assert "Clean by bars of 5m alone. What it does" in visible(page_of(made))


def test_each_check_says_what_was_tried_and_what_was_found(page_of):
    found = {
        "reads": [touched("It reads a file.")],
        "prefix": [finding(), finding(date="2025-07-02")],
    }
    table = rows(page_of(record(found)), "checks")
    assert table[0] == ["Check", "Found", "What was tried", "How much"]
    assert [[without(cell) for cell in row] for row in (table[1], table[2], table[4])] == [
        [
            "Prefix",
            "2 findings, the first on 2025-06-13",
            "Each decision was made again on data that end with its session.",
            "10 worlds, 5 dates, 1,500 decisions compared",
        ],
        [
            "Scrambled prices",
            "nothing",
            "Each decision was made again with other prices after it.",
            "10 worlds, 5 dates, 1,500 decisions compared",
        ],
        [
            "Files and network",
            "1 finding",
            "What the strategy opens while it decides was noted.",
            "10 worlds, 5 dates, 1,500 decisions compared",
        ],
    ]


def test_both_decisions_stand_side_by_side_and_differences_are_marked(page_of):
    page = page_of(record({"prefix": [finding()]}))
    assert [[without(cell) for cell in row] for row in rows(page, "prefix")] == [
        ["", "On all data", "In the world"],
        ["action ≠ differs", "signal", "no_signal"],
        ["direction ≠ differs", "long", "–"],
        ["hold ≠ differs", "2", "–"],
        ["reason ≠ differs", "rising", "not rising"],
    ]
    assert page.count('<tr class="differs">') == 4
    assert "2025-06-13 earnings-20250612-0a1b2c" in visible(page)


def test_a_decision_that_is_not_made_is_told(page_of):
    both = {"full": None, "world": decision("buy 100 ACME", size=100.0)}
    page = page_of(record({"prefix": [finding(**both)]}))
    assert [[without(cell) for cell in row] for row in rows(page, "prefix")] == [
        ["", "On all data: nothing", "In the world"],
        ["size ≠ differs", "–", "100"],
    ]


def test_equal_fields_are_not_marked(page_of):
    same = decision("long", direction="long", stop=0.1)
    other = decision("long", direction="long", stop=0.2)
    page = page_of(record({"prefix": [finding(full=same, world=other)]}))
    assert [[without(cell) for cell in row] for row in rows(page, "prefix")[1:]] == [
        ["direction", "long", "long"],
        ["stop ≠ differs", "0.1", "0.2"],
    ]


def test_what_was_opened_has_no_other_side(page_of):
    text = visible(page_of(record({"reads": [touched("It reads prices/ACME.csv, line 9.")]})))
    assert "While it loads or decides It reads prices/ACME.csv, line 9." in text
    assert "In the world" not in text


def test_answers_that_change_are_shown_in_the_order_in_which_they_came(page_of):
    page = page_of(record({"repeat": [finding()]}, outcome="not deterministic"))
    assert [without(cell) for cell in rows(page, "repeat")[0]] == ["", "Asked first", "Asked again"]
    assert "Not deterministic." in visible(page)


def test_findings_beyond_the_first_are_folded_and_counted(page_of):
    page = page_of(record({"prefix": [finding()] * 25}))
    assert "25 findings, the first on 2025-06-13" in visible(page)
    assert "19 further findings of 24" in visible(page)
    assert page.count("<details>") == page.count("</details>") == 2  # these and the settings


def test_a_check_that_could_not_be_tried_passes_nothing(page_of):
    made = record()
    made["checks"][2] |= {"not_tried": "it hears of no event", "tried": {}}
    text = visible(page_of(made))
    assert "Checks passed 4 of 4" in text
    assert "not tried: it hears of no event" in text


def test_null_worlds_are_told_with_their_interval():
    assert told(record(), "Null world") == (
        "Prices and dates were drawn at random. 9 of 190 worlds with a p-value (4.7 %) look "
        "significant at the 5 % level; 95 % interval 2 % to 9 %."
    )
    assert (
        told(record(null={"why": "it never trades."}), "Null world")
        == "Not tried: it never trades."
    )


def test_that_events_move_what_is_done_is_shown_one_by_one(page_of):
    page = page_of(record())
    assert (
        "were delayed by a session, one at a time: 1 of 2 decisions moved or were gone."
        in visible(page)
    )
    assert rows(page, "sensitivity")[1:] == [
        ["A made-up beat", "2025-06-13", "2025-06-16", "yes"],
        ["A made-up contract", "2025-06-24", "no answer", "no"],
    ]
    quiet = record()
    quiet["sensitivity"]["delay"] = None
    assert "It acted on no event" in visible(page_of(quiet))
    assert told(quiet, "Delayed event").startswith("It acted on no event")


def test_findings_of_the_data_are_listed_by_weight(page_of):
    page = page_of(record())
    assert "were checked: 1 warning." in visible(page)
    assert [without(cell) for cell in rows(page, "data")[1]] == [
        "warning",
        "events/news.csv, line 2",
        "It states +5.0 %; prices moved +4.1 %.",
        "One of the two is wrong. Look it up, then backtest events seal news .",
    ]
    assert "were checked: nothing was found." in visible(page_of(record(data=[])))


def test_errors_in_the_data_are_told_at_the_top(page_of):
    bad = record()["data"][0] | {"severity": "error"}
    text = visible(page_of(record(data=[bad, bad])))
    assert "2 errors in the data" in text.partition("Checks passed")[0]
    assert "in the data" not in visible(page_of(record())).partition("Checks passed")[0]


def test_what_it_cannot_prove_and_what_decided_it_are_there(page_of):
    text = visible(page_of(record()))
    for heading, _ in words.limits():
        assert heading in text
    for part in ("strategy_sha256 " + "a" * 64, "inputs.prices/ACME.csv " + "c" * 64, "seed 1"):
        assert part in text


def test_orders_are_called_orders(page_of):
    text = visible(page_of(record(orders_itself=True)))
    assert "Orders compared 7,500" in text
    assert "1,500 orders compared" in text


def test_no_text_of_an_audit_becomes_part_of_the_page(page_of):
    sides = {name: decision(NASTY, **{NASTY: NASTY}) for name in ("full", "world")}
    bad = finding(what=NASTY, event_id=NASTY, **sides)
    made = record({"prefix": [bad]}, sentence=NASTY, parameters={NASTY: NASTY})
    made["sensitivity"]["peek"]["what"] = made["null"]["what"] = NASTY
    page = page_of(made)
    assert "<script>alert" not in page
    assert page.count("<script") == 1


def test_nothing_is_fetched_and_the_page_is_the_same_each_time(page_of):
    page = page_of(record({"prefix": [finding()]}))
    assert not re.search(r'(?:src|href)="https?:', page)
    assert page == page_of(record({"prefix": [finding()]}))
    assert 'href="../index.html"' in page
