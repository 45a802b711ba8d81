"""Studies of a checkout: which events, what is held against what, and the figures by hand."""

import csv
import io
import json

import numpy as np
import pytest

from backtest.errors import UsageError
from backtest.experiments.studies import run as studies
from backtest.experiments.studies.run import measure, parse_windows, prepare_study
from backtest.experiments.studies.subject import StudiedEvent, StudyRequest
from backtest.reports import study_page as words
from backtest.stats.event_study import Series
from tests.made_up import day, earnings


def request(name="earnings", **changes) -> StudyRequest:
    terms = {"windows": ((-1, 1), (0, 1)), "draws": 199, "model": "market_adjusted"}
    return StudyRequest(name, ("ACME",), benchmark="INDX", **{**terms, **changes})


def study(checkout, name="earnings", **changes):
    return studies.run_study(prepare_study(checkout.workspace, request(name, **changes)))


def measured(returns, market, days, directions, labels=None, **terms):
    events = [
        StudiedEvent(earnings(), day("2025-06-05"), sign, "", (labels or [{}] * 99)[place])
        for place, sign in enumerate(directions)
    ]
    series = Series(np.array(returns), np.array(market), np.array(days))
    return measure(series, events, StudyRequest("made up", **{"draws": 199, **terms}))


# ---- figures ------------------------------------------------------------------------------------


def test_the_car_of_one_event_is_the_sum_of_what_goes_beyond_the_market(checkout):
    # ACME closes at 102, 103, 104, 105 and 106 from 06-03 on; INDX stands at 51 throughout.
    # The report of 06-04, 16:05, trades on 06-05: day 0, whose close is 104 after 103.
    (first, _) = study(checkout).record["events"]
    assert first["day_0"] == "2025-06-05"
    assert first["cars"]["[-1,+1]"] == pytest.approx(103 / 102 + 104 / 103 + 105 / 104 - 3)
    assert first["cars"]["[0,+1]"] == pytest.approx(104 / 103 + 105 / 104 - 2)


def test_what_the_market_did_is_taken_off(checkout):
    checkout.edit("data/prices/INDX.csv", "2025-06-05,51.00", "2025-06-05,51.51")
    (first, _) = study(checkout).record["events"]
    # up a hundredth on day 0, and back on the next
    market = 0.01 + (51.00 / 51.51 - 1)
    assert first["cars"]["[0,+1]"] == pytest.approx(104 / 103 + 105 / 104 - 2 - market)


def test_the_market_is_taken_over_the_sessions_that_the_stock_did_not_trade_in(checkout):
    """ACME goes from 102 to 104 over a session without it, in which INDX fell; it is back then."""
    rows = (checkout.root / "data/prices/ACME.csv").read_text().splitlines(keepends=True)
    (halted,) = [row for row in rows if row.startswith("2025-06-04")]
    checkout.edit("data/prices/ACME.csv", halted, "")
    halt = "day,action,amount,until,name,source\n2025-06-04,halted,,2025-06-04,,made up\n"
    checkout.write("data/actions/ACME.csv", halt)
    checkout.edit("data/prices/INDX.csv", "2025-06-04,51.00", "2025-06-04,40.80")
    (first, _) = study(checkout, windows=((0, 0),)).record["events"]
    assert first["cars"]["[0,0]"] == pytest.approx(104 / 102 - 1)


def test_the_past_that_a_strategy_may_have_decided_on_is_not_tested(checkout):
    """Of the window from the session before day 0 on there is the average, and no more."""
    record = study(checkout, "beats").record
    for past, since in (record["windows"], record["signed"]):
        assert (past["window"], past["p"], past["p_holm"]) == ("[-1,+1]", None, None)
        assert past["caar"] > 0
        assert since["p"] == since["p_holm"] > 0
    told = dict(words.study_sentences(record))
    assert "is not tested" in told["Found"]
    assert study(checkout).record["windows"][0]["p"] > 0  # of a kind nothing was decided


def test_the_average_is_that_of_the_events_whose_car_is_known(checkout):
    record = study(checkout, windows=((0, 15), (0, 1))).record
    long, short = record["windows"]
    assert (long["known"], long["unknown"], short["known"]) == (1, 1, 2)
    assert long["caar"] == record["events"][0]["cars"]["[0,+15]"]
    assert record["events"][1]["cars"]["[0,+15]"] is None
    assert "returns end" in record["events"][1]["unknown"]["[0,+15]"]
    cars = [event["cars"]["[0,+1]"] for event in record["events"]]
    assert short["caar"] == pytest.approx(sum(cars) / 2)


def test_with_the_expected_sign_rises_and_falls_do_not_cancel_out():
    returns = np.zeros(100)
    returns[[30, 60]] = 0.1, -0.1
    found = measured(returns, np.zeros(100), [30, 60], [1, -1], windows=((0, 0),))
    assert found["windows"][0]["caar"] == 0
    (signed,) = found["signed"]
    assert signed["caar"] == pytest.approx(0.1)
    assert (signed["known"], signed["right"]) == (2, 2)


def test_events_of_which_nothing_is_expected_have_no_sign(checkout):
    assert study(checkout, "news").record["signed"] is None
    returns = np.zeros(100)
    returns[30] = 0.1
    found = measured(returns, np.zeros(100), [30, 60], [1, 0], windows=((0, 0),))
    assert found["signed"][0]["known"] == 1


def test_a_move_that_no_other_day_has_is_found_and_a_common_one_is_not():
    rng = np.random.default_rng(5)
    market, noise = rng.normal(0, 0.01, 300), rng.normal(0, 0.02, 300)
    days = [60, 120, 180, 240]
    moved = noise.copy()
    moved[days] += 0.15
    quiet, loud = (
        measured(market + own, market, days, [1] * 4, windows=((0, 0),))["windows"][0]
        for own in (noise, moved)
    )
    assert loud["p"] == pytest.approx(2 / 200)  # no draw is as high
    assert quiet["p"] > 0.05


def test_groups_have_their_own_average_and_a_correction_for_their_number():
    rng = np.random.default_rng(6)
    returns = rng.normal(0, 0.02, 200)
    labels = [{"author": name} for name in ("Bear", "Bear", "Wolf")]
    found = measured(returns, np.zeros(200), [50, 90, 130], [0] * 3, labels, windows=((0, 1),))
    bear, wolf = found["groups"]
    cars = [event["cars"]["[0,+1]"] for event in found["events"]]
    assert (bear["name"], bear["events"], wolf["name"]) == ("Bear", 2, "Wolf")
    assert bear["caar"] == pytest.approx((cars[0] + cars[1]) / 2)
    assert wolf["caar"] == pytest.approx(cars[2])
    least, most = sorted((bear, wolf), key=lambda row: row["p"])
    assert least["p_holm"] == pytest.approx(min(1, 2 * least["p"]))
    assert most["p_holm"] == pytest.approx(max(least["p_holm"], most["p"]))


def test_a_fact_that_many_tell_is_one_observation():
    returns = np.random.default_rng(8).normal(0, 0.02, 200)
    returns[[50, 90, 130]] = 0.08, -0.02, 0.05
    labels = [{"category": name} for name in ("deal", "deal", "deal", "deal", "suit")]
    terms = {"windows": ((0, 0),), "model": "market_adjusted"}
    once = measured(returns, np.zeros(200), [50, 90, 130], [1, 1, 1], **terms)
    days = [50, 50, 50, 90, 130]
    often = measured(returns, np.zeros(200), days, [1, 0, 1, 1, 1], labels, **terms)
    (row,), (signed,), (deal, _) = often["windows"], often["signed"], often["groups"]
    assert (row["events"], row["known"], row["overlaps"]) == (5, 3, 0)
    assert row["caar"] == pytest.approx((0.08 - 0.02 + 0.05) / 3)
    assert {**row, "events": 3} == once["windows"][0]
    assert {**signed, "events": 3} == once["signed"][0]
    assert (signed["events"], signed["known"], signed["right"]) == (4, 3, 2)
    assert (deal["events"], deal["known"]) == (4, 2)
    assert deal["caar"] == pytest.approx((0.08 - 0.02) / 2)
    assert often["average"] == once["average"]
    assert len(often["events"]) == 5


def test_where_events_of_a_day_expect_both_ways_the_last_published_counts():
    returns = np.zeros(100)
    returns[[30, 60]] = 0.1, 0.2
    found = measured(returns, np.zeros(100), [30, 30, 60], [1, -1, 1], windows=((0, 0),))
    (signed,) = found["signed"]
    assert (signed["events"], signed["known"], signed["right"]) == (3, 2, 1)
    assert signed["caar"] == pytest.approx((0.2 - 0.1) / 2)
    assert found["curves"][1]["signs"] == [-1, -1, 1]


def test_days_are_told_where_they_are_fewer_than_the_events():
    row = {"events": 12, "known": 7}
    assert words.events_text(row) == "12 on 7 days"
    assert words.events_text({"events": 7, "known": 7}) == "7"


def test_the_curve_ends_where_the_widest_window_does():
    rng = np.random.default_rng(7)
    returns = rng.normal(0, 0.02, 200)
    windows = ((-3, 4), (0, 1))
    found = measured(returns, np.zeros(200), [50, 90], [1, -1], windows=windows)
    everyone, signed = found["curves"]
    assert everyone["mean"][-1] == pytest.approx(found["windows"][0]["caar"])
    assert signed["mean"][-1] == pytest.approx(found["signed"][0]["caar"])
    assert found["days"] == list(range(-3, 5))
    assert all(low < high for low, high in zip(everyone["low"], everyone["high"], strict=True))


# ---- which events, and against what -------------------------------------------------------------


def test_events_without_a_day_are_listed_with_the_reason(checkout):
    record = study(checkout, "short_report").record
    assert [event["direction"] for event in record["events"]] == [-1]
    (rumour,) = record["left_out"]
    assert rumour["reason"] == "known by the week alone, never traded"


def test_a_strategy_is_studied_by_what_it_would_trade(checkout):
    record = study(checkout, "beats").record
    assert [event["direction"] for event in record["events"]] == [1]
    assert [event["reason"] for event in record["left_out"]] == ["not a beat"]
    assert record["of"] == "strategy"


def test_a_stale_filing_is_no_sale(checkout):
    checkout.edit(
        "data/events/stake_disclosures.csv",
        "BIGCO,8-K,2025-06-30,50,100,false",
        "BIGCO,8-K,2025-03-30,50,100,false",
    )
    first, stale = study(checkout, "stake_disclosure").record["events"]
    assert first["direction"] == 0  # nothing was known before
    assert (stale["direction"], stale["labels"]["stake"]) == (0, "stale")


def test_the_fund_that_explains_more_of_the_stock_is_chosen(checkout):
    stock = (checkout.root / "data/prices/ACME.csv").read_text().splitlines()[1:]
    closes = [(line.split(",")[0], float(line.split(",")[4])) for line in stock]
    like = "".join(f"{session},{close:.2f}\n" for session, close in closes)
    unlike = "".join(f"{line[0]},{100 + 5 * (n % 3):.2f}\n" for n, line in enumerate(closes))
    checkout.write("data/prices/SPY.csv", f"date,close\n{unlike}")
    checkout.write("data/prices/QQQ.csv", f"date,close\n{like}")
    chosen = prepare_study(checkout.workspace, StudyRequest("earnings", ("ACME",))).benchmark
    assert chosen.symbol == "QQQ"
    assert "QQQ 100 %" in chosen.reason
    assert "QQQ explains most" in chosen.reason


def test_too_few_days_for_the_market_model_are_told_by_event(checkout):
    for event in study(checkout, model="market").record["events"]:
        assert event["model"] == "market_adjusted"
        assert f"{event['estimation_days']} estimation days" in event["model_reason"]


# ---- words and files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [("1,-1", "did you mean -1,+1"), ("1", "such as -1,+1"), ("a,b", "whole"), ("0,61", "60")],
)
def test_a_window_that_is_none_is_refused(text, told):
    with pytest.raises(UsageError, match=told.replace("+", r"\+")):
        parse_windows([text])


def test_windows_are_read_once_each():
    assert parse_windows(["-1,+1", "[0,5]", "-1,1"]) == ((-1, 1), (0, 5))


def test_the_same_inputs_give_the_same_id_and_the_same_bytes(checkout):
    prepared = prepare_study(checkout.workspace, request())
    first = studies.run_study(prepared)
    cars = (first.path / "cars.csv").read_bytes()
    again = studies.run_study(prepare_study(checkout.workspace, request()), force=True)
    assert again.path == first.path
    assert (again.path / "cars.csv").read_bytes() == cars
    times = ("started_at", "finished_at")
    told = [{k: v for k, v in r.record.items() if k not in times} for r in (first, again)]
    assert told[0] == told[1]
    assert json.loads((first.path / "study.json").read_text())["study_id"] in first.path.name


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 2},
        {"windows": ((0, 1),)},
        {"model": "mean_adjusted"},
        {"reaction": 900.0},
    ],
    ids=str,
)
def test_whatever_decides_the_result_decides_the_id(checkout, changes):
    own = prepare_study(checkout.workspace, request())
    assert prepare_study(checkout.workspace, request(**changes)).path != own.path


def test_every_event_and_window_has_its_row(checkout):
    text = (study(checkout).path / "cars.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["window"] for row in rows] == ["[-1,+1]", "[0,+1]"] * 2
    assert float(rows[1]["car"]) == pytest.approx(104 / 103 + 105 / 104 - 2)


def test_day_0_of_what_decides_before_the_close_is_told_by_the_close(checkout):
    late = "    decides = 'close'\n"
    checkout.strategy("late", "return Signal.long(event, enter='close')", more=late)
    told = dict(words.study_sentences(study(checkout, "late").record))["Day 0"]
    assert "the first whose close comes later than 5 minutes after publication" in told
    assert told.endswith("day 0 ends with the first price that could be traded.")


def test_a_study_without_a_single_event_says_why(checkout):
    with pytest.raises(UsageError, match=r"(?s)No event of owner on ACME.*the replay begins"):
        prepare_study(checkout.workspace, request("owner"))


@pytest.mark.parametrize(
    ("p", "across", "told"),
    [
        (0.31, 0.01, "31 times in 100. Not distinguishable from chance."),
        (0.004, 0.3, "40 times in 10,000. These days are unlike random ones, but a mean of zero"),
        (0.0001, 0.3, "once in 10,000. These days"),
        (2e-6, 0.3, "2 times in 1,000,000. These"),
        (0.02, None, "2 times in 100. These days are unlike random ones, but a mean of zero"),
        (0.02, 0.01, "2 times in 100. The spread across events agrees (t: p = 0.01)."),
    ],
)
def test_wild_days_are_not_told_to_be_an_effect(p, across, told):
    row = {
        "window": "[0,+1]", "events": 6, "known": 6, "caar": -0.1, "p": p, "p_holm": p,
        "p_across": across, "detectable": 0.12, "overlaps": 0,
    }  # fmt: skip
    record = {
        "of": "kind", "symbol": "ACME", "windows": [row], "signed": None, "events": [],
        "left_out": [], "also": "", "reaction_minutes": 5.0, "benchmark": "INDX",
        "benchmark_reason": "by name", "settings": {"estimation": 120},
    }  # fmt: skip
    found = dict(words.study_sentences(record))["Found"]
    assert told in found
    assert "An average effect under 12.0 % would have been missed" in found


def test_a_window_reaches_sixty_sessions_either_way():
    assert parse_windows(["0,0", "-60,60"]) == ((0, 0), (-60, 60))
    for text in ("-61,0", "0,61"):
        with pytest.raises(UsageError, match="reaches beyond 60 sessions"):
            parse_windows([text])


def test_a_group_of_one_day_has_no_curve_of_its_own():
    returns, labels = np.zeros(200), [{"author": name} for name in ("Bear", "Bear", "Wolf")]
    returns[[50, 90, 130]] = 0.1, 0.2, 0.3
    found = measured(returns, np.zeros(200), [50, 90, 130], [0] * 3, labels, windows=((0, 0),))
    assert [(each["by"], each["name"]) for each in found["curves"]] == [
        ("", "all events"), ("author", "Bear"),
    ]  # fmt: skip
    assert found["curves"][1]["places"] == [0, 1]
    assert found["curves"][1]["mean"] == pytest.approx([0.15])
    (alone,) = measured(returns, np.zeros(200), [50], [0], windows=((0, 0),))["curves"]
    assert (alone["name"], alone["mean"]) == ("all events", [pytest.approx(0.1)])


def test_a_label_that_all_days_share_makes_no_group():
    labels = [{"author": "Bear"}] * 3
    terms = {"windows": ((0, 0),)}
    assert measured(np.zeros(99), np.zeros(99), [5, 9, 9], [0] * 3, labels, **terms)["groups"] == []
    some = [{"author": "Bear"}, {}, {"author": "Bear"}]
    found = measured(np.zeros(99), np.zeros(99), [5, 7, 9], [0] * 3, some, **terms)["groups"]
    assert [(each["name"], each["events"]) for each in found] == [("Bear", 2)]


@pytest.mark.parametrize(("tested", "known"), [((True, False), True), ((False, True), False)])
def test_groups_are_tested_where_the_window_that_leads_is(tested, known):
    labels = [{"author": "Bear"}, {}, {"author": "Bear"}]
    events = [StudiedEvent(earnings(), day("2025-06-05"), 0, "", each) for each in labels]
    series = Series(np.arange(99) / 1e3, np.zeros(99), np.array([5, 7, 9]))
    asked = StudyRequest("made up", draws=199, windows=((-1, 0), (0, 1)))
    (bear,) = measure(series, events, asked, tested)["groups"]
    assert bear["caar"] is not None
    assert (bear["p"] is not None, bear["p_holm"] is not None) == (known, known)


def test_the_band_holds_95_of_100_random_days():
    """Days make returns from 0 to 199 ten-thousandths, all equally likely."""
    returns = np.arange(200) / 1e4
    terms = {"windows": ((0, 0),), "model": "market_adjusted"}
    (all_events,) = measured(returns, np.zeros(200), [190], [0], **terms)["curves"]
    (low,), (high,) = all_events["low"], all_events["high"]
    assert low == pytest.approx(0.0005, abs=0.0002)
    assert high == pytest.approx(0.0194, abs=0.0002)


def test_each_day_of_a_curve_is_held_against_windows_that_reach_to_it(monkeypatch):
    lengths = []
    monkeypatch.setattr(
        studies, "permutation_test", lambda *_, length, **__: lengths.append(length)
    )
    days = np.array([4])
    studies._curve(np.zeros((3, 9)), studies._Selection("", "", days, days, {4: 1}), seed=1)
    assert lengths == [1, 2, 3]


def test_a_move_of_nothing_is_not_in_the_expected_direction():
    returns = np.zeros(100)
    returns[30] = -0.1
    terms = {"windows": ((0, 0),), "model": "market_adjusted"}
    found = measured(returns, np.zeros(100), [30, 50, 70], [-1, 1, -1], **terms)
    (signed,) = found["signed"]
    assert (signed["known"], signed["right"]) == (3, 1)
    assert signed["caar"] == pytest.approx(0.1 / 3)
    assert signed["detectable"] > 0


def test_a_study_that_stands_whole_is_read_unless_it_is_forced(checkout):
    first = study(checkout).record
    assert first["benchmark_given"]
    assert "." not in first["started_at"]  # whole seconds
    assert study(checkout).record == first
    forced = studies.run_study(prepare_study(checkout.workspace, request()), force=True).record
    assert forced["finished_at"] > first["finished_at"]


def test_a_fund_that_was_not_named_is_no_given_one(checkout):
    index = (checkout.root / "data/prices/INDX.csv").read_text(encoding="utf-8")
    checkout.write("data/prices/SPY.csv", index)
    plan = prepare_study(checkout.workspace, StudyRequest("earnings", ("ACME",)))
    assert (plan.identity["benchmark"], plan.identity["benchmark_given"]) == ("SPY", False)
