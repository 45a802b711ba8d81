"""Two answers held against each other, and what many null worlds together say."""

import pytest

from backtest.audit.checks import Check, Probe, differences, finding, note_chance, spread, text_of
from backtest.audit.jobs import Job
from backtest.audit.observe import Observation
from backtest.audit.run import _verdict, null_record
from backtest.data.event_checks import Finding
from tests.made_up import day


def answer(session="2025-06-05", **changes):
    terms = {"action": "long", "weight": 0.5, "reason": "up 1.25 %", **changes}
    return {"date": day(session), "event_id": "a", **terms}


def test_answers_that_are_the_same_do_not_differ():
    assert list(differences([answer()], [answer()])) == []


@pytest.mark.parametrize(
    "change",
    [
        {"action": "short"}, {"weight": 0.6}, {"reason": "up 1.26 %"}, {"reason": "down 1.25 %"},
        {"hold": 3},
    ],
)  # fmt: skip
def test_an_answer_that_differs_in_any_term_does(change):
    assert list(differences([answer()], [answer(**change)])) == [(answer(), answer(**change))]


def test_rounding_is_no_difference():
    near = answer(weight=0.5 + 1e-12, reason="up 1.25000000000001 %")
    assert list(differences([answer()], [near])) == []


def test_missing_and_extra_answers_are_told():
    late = answer("2025-06-06")
    assert list(differences([answer(), late], [answer()])) == [(late, None)]
    assert list(differences([answer()], [answer(), late])) == [(None, late)]


def test_orders_of_one_open_are_held_against_their_like():
    def order(size, event_id="a"):
        terms = {"symbol": "ACME", "size": size, "type": "market", "price": 9.0}
        return {"date": day("2025-06-05"), "event_id": event_id, **terms}

    ours = [order(5), order(-3), order(7, "b")]
    assert list(differences(ours, [ours[2], ours[0], ours[1]])) == []
    assert list(differences(ours, [order(5), order(-4), order(7, "b")])) == [(ours[1], order(-4))]
    assert text_of(order(-1300)) == "sell 1,300 ACME, market"


def test_a_finding_has_both_sides():
    told = finding("It differs", (answer(hold=3), None))
    assert told["date"] == "2025-06-05"
    assert told["full"]["text"] == "long, weight 0.5, hold 3: up 1.25 %"
    assert told["world"] is None


def seen(p_values) -> list[Observation]:
    return [Observation(p=p) for p in p_values]


def test_null_worlds_as_luck_has_them_are_no_bias():
    told = null_record(seen([0.01] * 10 + [0.5] * 190 + [None] * 3))
    assert (told["worlds"], told["tested"], told["significant"]) == (203, 200, 10)
    assert told["share"] == 0.05
    assert not told["bias"]


def test_many_more_than_luck_has_are_bias():
    assert not null_record(seen([0.01] * 20 + [0.5] * 180))["bias"]
    assert null_record(seen([0.01] * 25 + [0.5] * 175))["bias"]


def test_null_worlds_that_cannot_be_tested_say_why():
    assert null_record([], "none was asked for")["why"] == "none was asked for."
    assert "trades in none" in null_record(seen([None]))["why"]
    assert "in all of them. Bad" in null_record([Observation(error="Bad")])["why"]


def test_an_error_in_the_data_is_not_told_as_a_peek():
    wrong = Finding("error", "actions/ACME.csv", "Its split and its prices disagree", "why", "how")
    outcome, sentence = _verdict({"prefix": Check("prefix", "")}, biased=False, data=[wrong] * 2)
    assert outcome == "bias"
    assert sentence.endswith("no result on these data is worth anything: they have 2 errors.")
    assert "before they were public" not in sentence


def test_what_differs_by_chance_in_a_world_is_not_held_against_it():
    asked: list[Job] = []

    def told(reason):
        return Observation(passes=[[answer(reason=reason)]])

    def judged(again) -> Check:
        repeated, prefix, job = Check("repeat", ""), Check("prefix", ""), Job(dict, None)
        prefix.differing = [Probe("prefix", day("2025-06-05"), "", job)] * 2

        def observer(_, groups):
            asked.extend(job for group in groups for job in group.jobs)
            return ((job, again) for group in groups for job in group.jobs)

        found = note_chance(repeated, None, observer, [prefix, Check("x", "")], {job: told("up")})
        assert found == bool(repeated.findings)
        return repeated

    assert not judged(told("up")).findings
    assert len(judged(told("down")).findings) == 1
    assert len(judged(Observation(error="It failed")).findings) == 1
    assert len(asked) == 3


def test_of_many_items_some_are_tried_spread_evenly():
    assert spread("abcdefghij", 5) == ["b", "d", "f", "h", "j"]
    assert spread("abc", 5) == ["a", "b", "c"]
    assert spread([], 5) == []
