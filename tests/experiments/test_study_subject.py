"""Whose events a study takes, what it holds them against, and what is expected of each."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from backtest.engine.schedule import Decision
from backtest.errors import UsageError
from backtest.events import News
from backtest.experiments.studies import subject as module
from backtest.experiments.studies.subject import (
    StudyRequest,
    Subject,
    _expected,
    _explained,
    choose_benchmark,
    close_returns,
    corrected,
    find_subject,
    funds_in,
    is_tested,
    read_candidates,
    read_study_inputs,
    study_identity,
    untested,
    windows_of,
)
from backtest.strategy.base import Signal
from tests.engines import made_up_prices
from tests.made_up import day, earnings, news, report, stake

SESSIONS = pd.date_range("2025-01-01", periods=30)
OWN = np.tile([0.01, -0.02, 0.03, 0.0, -0.01], 6)


def prices(symbol, returns):
    table = pd.DataFrame(index=SESSIONS)
    growth = (1 + pd.Series(returns, SESSIONS)).cumprod()
    return SimpleNamespace(symbol=symbol, table=table, traded=table, growth=growth)


STOCK = prices("ACME", OWN)


@pytest.mark.parametrize(
    ("away", "looked_at"), [(-2, True), (-1, False), (0, False), (1, False), (2, True)]
)
def test_the_choice_does_not_look_at_sessions_beside_an_event(away, looked_at):
    """A fund that moves as the stock, but in a session so far from the event."""
    returns = OWN.copy()
    returns[10 + away] = 0.5
    found = choose_benchmark(STOCK, [prices("SPY", returns)], [10], named=False)
    assert (found.explained["SPY"] < 0.9) == looked_at
    assert (found.explained["SPY"] == pytest.approx(1)) != looked_at


def test_the_reason_says_how_the_fund_was_found():
    like, against = prices("SPY", 2 * OWN), prices("QQQ", np.tile([0.01, 0.02], 15))
    both = choose_benchmark(STOCK, [against, like], [], named=False)
    assert (both.symbol, both.explained["SPY"]) == ("SPY", pytest.approx(1))
    assert both.reason.endswith("SPY 100 % is explained; SPY explains most")
    np.testing.assert_allclose(both.returns[1:], 2 * OWN[1:])
    named = choose_benchmark(STOCK, [against], [], named=True)
    assert named.reason.startswith("named by --benchmark; of the variance of ACME")
    alone = choose_benchmark(STOCK, [against], [], named=False)
    assert alone.reason.startswith("the one at hand; of the variance of ACME")


@pytest.mark.parametrize(
    ("known", "share"), [(19, 0.0), (20, 1.0)], ids=["too few sessions", "enough"]
)
def test_a_share_of_variance_takes_twenty_sessions_that_both_know(known, share):
    market = -OWN
    market[known:] = np.nan
    assert _explained(OWN, market) == pytest.approx(share)
    assert _explained(market, OWN) == pytest.approx(share)


def test_where_one_does_not_move_nothing_is_explained():
    still = np.full(30, 0.01)
    assert _explained(OWN, still) == 0.0
    assert _explained(still, OWN) == 0.0


def test_half_of_the_variance_is_a_correlation_of_the_root_of_a_half():
    one, other = np.tile([1.0, 1, -1, -1], 6), np.tile([1.0, -1, 1, -1], 6)
    assert _explained(one + other, one) == pytest.approx(0.5)


def test_a_fund_is_there_and_not_studied_itself(checkout):
    folder = checkout.root / "data/prices"
    assert funds_in(folder, ("ACME",)) == []
    with pytest.raises(UsageError, match="no prices of SPY or QQQ to hold ACME against"):
        read_candidates(folder, "ACME", None)
    text = (folder / "INDX.csv").read_text()
    for name in ("QQQ", "SPY"):
        checkout.write(f"data/prices/{name}.csv", text)
    assert funds_in(folder, ("ACME",)) == ["SPY", "QQQ"]
    assert funds_in(folder, ("ACME", "SPY")) == ["QQQ"]
    assert [one.symbol for one in read_candidates(folder, "ACME", None)] == ["SPY", "QQQ"]
    assert [one.symbol for one in read_candidates(folder, "ACME", "INDX")] == ["INDX"]


def test_a_stock_is_not_held_against_itself(tmp_path):
    with pytest.raises(UsageError, match="--benchmark ACME is what is studied"):
        read_candidates(tmp_path, "ACME", "ACME")


@pytest.mark.parametrize(
    ("decides", "tested"),
    [(None, [True, True, True]), ("open", [False, True, True]), ("close", [False, False, True])],
)
def test_windows_of_what_a_strategy_may_have_seen_are_not_tested_and_come_last(decides, tested):
    subject = Subject("made up", (), strategy=decides and SimpleNamespace(decides=decides))
    usual = ((-1, 1), (0, 1), (1, 2))
    assert [is_tested(subject, window) for window in usual] == tested
    first = windows_of(StudyRequest("made up"), subject, usual)
    expected = {"open": ((0, 1), (1, 2), (-1, 1)), "close": ((1, 2), (-1, 1))}
    assert first == expected.get(decides, usual)  # a close is decided on for the day after
    assert windows_of(StudyRequest("made up", windows=usual), subject, ()) == usual


def test_what_is_not_tested_has_no_interval_either():
    mean = {"value": 0.1, "low": 0.05, "high": 0.15, "p": 0.001, "detectable": 0.02}
    blank = {"value": 0.1, "low": None, "high": None, "p": None, "detectable": None}
    row = {"window": "[-1,-1]", "all": mean, "groups": [mean], "spread": None}
    assert untested(row) == {**row, "all": blank, "groups": [blank]}


def test_a_share_of_no_worth_stands_still_where_its_prices_go_on():
    rows = [
        (day(f"2025-06-{n:02}"), *[p] * 4, 1.0)
        for n, p in ((2, 50.0), (3, 51.0), (4, 9.0), (5, 8.0))
    ]
    ended = made_up_prices("ACME", rows, [(day("2025-06-04"), "delisted", 0.0)])
    sessions = ended.table.index.append(pd.DatetimeIndex(["2025-06-06"]))
    found = [close_returns(ended, sessions, stands=stands) for stands in (True, False)]
    np.testing.assert_equal(found, [[np.nan, -1.0, 0.0, 0.0, np.nan]] * 2)


def decided(event, signal=None):
    return Decision(event, day("2025-06-05"), "notified", "", signal)


def surprise(eps, consensus):
    return earnings(eps=eps, eps_consensus=consensus)


@pytest.mark.parametrize(
    ("event", "direction", "why", "labels"),
    [
        (surprise(0.3, 0.2), 1, "sign of the EPS surprise", {"EPS surprise": "beat"}),
        (surprise(0.1, 0.2), -1, "sign of the EPS surprise", {"EPS surprise": "miss"}),
        (surprise(0.2, 0.2), 0, "sign of the EPS surprise", {"EPS surprise": "in line"}),
        (surprise(0.2, None), 0, "sign of the EPS surprise", {"EPS surprise": "unknown"}),
        (stake(shares=9, previous_shares=5), 1, "sign of the stake's change", {"stake": "raised"}),
        (stake(shares=5, previous_shares=9), -1, "sign of the stake's change", {"stake": "cut"}),
        (
            stake(shares=5, previous_shares=5),
            0,
            "sign of the stake's change",
            {"stake": "unchanged"},
        ),
        (report(), -1, "a case against the stock", {"author": "Jane Bear"}),
        (news(), 0, "nothing is expected of this kind", {"category": "contract"}),
    ],
)
def test_what_is_expected_of_an_event_by_what_it_says(event, direction, why, labels):
    assert _expected(decided(event), []) == (direction, why, {"kind": event.kind, **labels})


@pytest.mark.parametrize(("make", "direction"), [(Signal.long, 1), (Signal.short, -1)])
def test_a_signal_decides_what_is_expected(make, direction):
    event = surprise(0.3, 0.2)
    found = _expected(decided(event, make(event, reason="made up")), [])
    name = "long" if direction > 0 else "short"
    labels = {"kind": "earnings", "direction": name, "EPS surprise": "beat"}
    assert found == (direction, "made up", labels)


def test_of_a_flat_signal_nothing_is_expected():
    event = surprise(0.3, 0.2)
    found = _expected(decided(event, Signal.flat(event, reason="enough")), [])
    assert found == (0, "enough", {"kind": "earnings", "EPS surprise": "beat"})


def test_a_filing_of_an_earlier_day_than_is_known_says_nothing():
    first = stake("2025-06-04T16:05:00-04:00", as_of=day("2025-05-01"), shares=9)
    late = stake("2025-06-05T16:05:00-04:00", as_of=day("2025-03-31"), shares=5, previous_shares=9)
    direction, why, labels = _expected(decided(late), [first, late])
    assert (direction, why, labels["stake"]) == (0, "a stale filing says nothing", "stale")


def test_of_rows_with_a_p_value_each_is_corrected_for_their_number():
    rows = corrected([{"p": 0.01}, {"p": None}, {"p": 0.04}])
    assert [row["p_holm"] for row in rows] == [pytest.approx(0.02), None, pytest.approx(0.04)]


@pytest.mark.parametrize("strategy", [None, "beats"])
def test_all_that_is_asked_for_is_read(checkout, monkeypatch, strategy):
    """Of a strategy with what it looks at and trades besides, and with opens, highs and lows."""
    found = find_subject(checkout.workspace, strategy or "news", as_strategy=False)
    if strategy:
        sees = SimpleNamespace(looks_at=("SPY",), trades_also=("QQQ",))
        found = replace(found, strategy=sees)
    monkeypatch.setattr(module, "read_inputs", lambda *of, **by: (of, by))
    asked = StudyRequest("made up", ("ACME",), "three", bars="5m", accept_jumps=True)
    of, by = read_study_inputs(checkout.workspace, asked, found, "INDX")
    assert of == (checkout.workspace.data, ("ACME",), "INDX", (None, None), found.kinds)
    assert by == {
        "looks_at": ("SPY",) if strategy else (),
        "trades_also": ("QQQ",) if strategy else (),
        "universe": "three",
        "bars": "5m",
        "accept_jumps": True,
        "needs_bars": strategy is not None,
    }


def test_a_name_of_a_kind_and_of_a_strategy_is_the_kind_and_says_so(checkout):
    assert find_subject(checkout.workspace, "news", as_strategy=False).also == ""
    checkout.strategy("news", "return 'no'", "News")
    kind = find_subject(checkout.workspace, "news", as_strategy=False)
    assert (kind.strategy, kind.file, kind.kinds) == (None, None, (News,))
    assert "--strategy studies what news would trade" in kind.also
    own = find_subject(checkout.workspace, "news", as_strategy=True)
    assert (own.file.name, own.kinds, own.also) == ("news", (News,), "")
    with pytest.raises(UsageError, match="no strategy 'earnings'"):
        find_subject(checkout.workspace, "earnings", as_strategy=True)
    with pytest.raises(UsageError, match="no kind of event or strategy 'weather'"):
        find_subject(checkout.workspace, "weather", as_strategy=False)


@pytest.mark.parametrize(("name", "of"), [("earnings", "kind"), ("beats", "strategy")])
def test_what_decides_a_study_says_what_it_is_of(checkout, name, of):
    subject = find_subject(checkout.workspace, name, as_strategy=False)
    asked = StudyRequest(name, ("ACME",))
    inputs = read_study_inputs(checkout.workspace, asked, subject, "INDX")
    decides = study_identity(subject, inputs, {"more": 1}, [inputs.benchmark])
    assert (decides["name"], decides["of"], decides["more"]) == (name, of, 1)
    assert (decides["parameters"] is None) == (of == "kind")
    assert "bars" not in decides
    assert not [file for file in decides["inputs"] if file.startswith("borrow")]
    assert decides["inputs"]["prices/INDX"] == inputs.benchmark.sha256()
