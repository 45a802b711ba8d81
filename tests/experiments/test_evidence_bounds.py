"""What a run's evidence says at its bounds: just enough occasions, just half of the trades."""

from types import SimpleNamespace

import numpy as np
import pytest

from backtest.engine.kernel.panel import panel_of
from backtest.engine.kernel.simulate import simulate
from backtest.engine.replay.books import Trade
from backtest.experiments.runs import evidence, placebo
from backtest.experiments.runs.evidence import Occasions, sentence
from backtest.experiments.runs.placebo import Null
from backtest.experiments.runs.store import LEADING
from tests.engines import made_up_prices
from tests.experiments.test_evidence import FOUND, ended, mean_trade, told
from tests.experiments.test_placebo import FREE, account, panel, signals, trade, walk

# The figures


def weighed(count: int, draws: int | None = 49, *, equity: list[float] | None = None, **terms):
    """The evidence of so many trades of two sessions each, five sessions apart."""
    one = account(signals(*((5 * n, 1 - n % 2 * 2) for n in range(count)), hold=2))
    made = simulate(
        one.panel, one.signals, np.array([0, count]), FREE, {}, trades=True, curves=True
    )
    trades = [
        trade(
            int(row["entry_bar"]), int(row["exit_bar"]), int(side), shares=float(row["shares"]),
            entry_price=float(row["entry_price"]), exit_price=float(row["exit_price"]),
            gross_profit=float(side * row["shares"] * (row["exit_price"] - row["entry_price"])),
        )
        for row, side in zip(made.trades, one.signals["side"], strict=True)
    ]  # fmt: skip
    curve = made.equity[0] if equity is None else np.array(equity)
    return evidence.evidence(one, trades, curve, draws=draws, **terms)


def test_six_occasions_carry_a_verdict_and_five_do_not():
    six, five = weighed(6), weighed(5)
    assert (six["occasions"], six["refused"]) == (6, "")
    assert six["p"] == max(
        six[name][LEADING]["p"] for name in ("random_timing", "random_direction")
    )
    assert six["p_low"] == max(
        six[name][LEADING]["p_low"] for name in ("random_timing", "random_direction")
    )
    assert six["mean_trade_return"]["unknown"] == ""
    assert six["detectable"] > 0
    assert five["refused"] == "Too few separate occasions for a verdict (5; 6 are needed)"
    assert five["p"] is five["p_low"] is five["random_timing"] is five["detectable"] is None
    assert five["mean_trade_return"]["unknown"] == "5 occasions: an interval needs 6"
    assert five["sharpe"]["unknown"].startswith("5 trades: at least 6")
    assert five["sharpe"]["low"] is five["sharpe"]["psr"] is five["sharpe"]["high"] is None


def test_twenty_sessions_with_a_position_carry_a_sharpe_ratio():
    """Eight trades of three sessions each, from entry to exit; six are in it for 18."""
    eight, six = weighed(8)["sharpe"], weighed(6)["sharpe"]
    assert eight["unknown"] == ""
    assert eight["low"] < eight["estimate"] < eight["high"]
    assert 0 < eight["psr"] < 1
    assert eight["per_session"]["observations"] == 60
    assert six["unknown"].startswith("18 sessions with a position: at least 20")
    assert six["low"] is six["psr"] is six["min_track_record"] is None
    assert six["estimate"] == pytest.approx(six["per_session"]["ratio"] * 252**0.5)


def test_without_a_trade_there_is_nothing_to_weigh():
    one = account(signals((5, 1), (20, 1)))
    for given in (one, account(signals())):
        found = evidence.evidence(given, [], np.full(60, 100_000.0), draws=9)
        assert found["refused"] == "No trade: there is nothing to weigh"
        assert (found["occasions"], found["trades"]) == (0, 0)


def test_the_sentence_of_six_occasions_in_one_part_says_so():
    """Of 60 sessions a quarter is 15, and the begins are 25 apart."""
    assert "All occasions lie in one part" not in weighed(6)["sentence"]
    one = account(signals(*((20 + 2 * n, 1) for n in range(6)), hold=1))
    trades = [trade(20 + 2 * n, 21 + 2 * n) for n in range(6)]
    found = evidence.evidence(one, trades, np.linspace(100_000, 101_000, 60), draws=49)
    assert "All occasions lie in one part" in found["sentence"]
    refused = evidence.evidence(one, trades, np.full(60, 1.0), draws=49, by_trades=True)
    assert "All occasions lie in one part" not in refused["sentence"]


def test_trades_that_stand_in_for_signals_have_no_verdict():
    found = weighed(6, by_trades=True)
    assert found["by_trades"]
    assert found["refused"].startswith("No verdict: it orders by itself")
    assert not weighed(6)["by_trades"]


@pytest.mark.parametrize(("least", "is_ruined"), [(0.0, True), (0.01, False)])
def test_nothing_left_is_ruin(least, is_ruined):
    found = weighed(5, equity=[*[100_000.0] * 58, least, 90_000.0])
    assert found["ruined"] is is_ruined
    assert found["total_return"] == pytest.approx(-0.1)
    assert ("per_session" not in found["sharpe"]) == is_ruined
    assert found["sharpe"]["unknown"].startswith("ruined, " if is_ruined else "5 trades")


def test_a_ruined_account_has_no_ratio_to_compare():
    """The price is fifty times as high in the midst of the sixth trade."""
    rows = [
        (day, *(price * (1 if n < 27 else 50) for price in prices))
        for n, (day, *prices) in enumerate(walk(1))
    ]
    bars = panel_of({"ACME": made_up_prices("ACME", rows)})
    one = account(signals(*((5 * n, -1) for n in range(6)), hold=4), bars)
    trades = [trade(5 * n, 5 * n + 4, -1) for n in range(6)]
    found = evidence.evidence(one, trades, np.linspace(100_000, 101_000, 60), draws=49)
    assert found["refused"] == "The account has no Sharpe ratio to compare"
    assert found["p"] is found["random_timing"] is None


def test_so_many_draws_are_made_as_are_asked_for(monkeypatch):
    assert weighed(6, 49)["draws"] == 49
    monkeypatch.setattr(evidence, "DRAWS", 33)
    found = weighed(6, None)
    assert found["draws"] == 33
    assert sum(found["random_timing"]["histogram"]["counts"]) == 33


def test_an_occasion_lasts_from_its_begin_to_the_next():
    occasions = Occasions(np.array([2, 5]), np.array([0, 1, 1]))
    assert occasions.groups(8).tolist() == [-1, -1, 0, 0, 0, 1, 1, 1]
    assert occasions.sums(np.array([1.0, 2.0, 4.0])).tolist() == [1, 6]
    assert occasions.count == 2


@pytest.mark.parametrize(
    ("entries", "of_trade"), [([5, 6, 9, 10, 30], [0, 0, 0, 1, 1]), ([3, 10], [0, 1])]
)
def test_a_trade_is_of_the_occasion_that_has_begun(entries, of_trade):
    """One that was entered before all of them, as no signal has it, is of the first."""
    one = account(signals((5, 1), (7, 1), (10, 1)))
    trades = [trade(at, at + 1) for at in entries]
    found = evidence._occasions(one, np.array([0, 0, 1]), trades)
    assert found.begins.tolist() == [5, 10]
    assert found.of_trade.tolist() == of_trade


def null(draws, *, is_complete: bool = False, observed: float = 60.5) -> Null:
    values = np.asarray(draws, float)
    return Null(
        dict.fromkeys(placebo.STATISTICS, observed), dict.fromkeys(placebo.STATISTICS, values),
        is_complete,
    )  # fmt: skip


def test_a_null_has_percentiles_and_a_picture():
    found = evidence._null(null(range(101)), 101)
    expected = {"5": 5, "25": 25, "50": 50, "75": 75, "95": 95}
    assert found["sharpe"]["percentiles"] == pytest.approx(expected)
    assert found["sharpe"]["observed"] == 60.5
    assert found["sharpe"]["p"] == pytest.approx((1 + 40) / 102)  # 61 to 100
    assert found["sharpe"]["p_low"] == pytest.approx((1 + 61) / 102)
    picture = found["histogram"]
    edges = picture["first"] + picture["step"] * np.arange(len(picture["counts"]) + 1)
    assert np.histogram(np.arange(101), edges)[0].sum() == sum(picture["counts"]) == 101
    assert edges[0] <= 0 < edges[1]
    assert edges[-2] <= 100 <= edges[-1]


def test_what_is_undefined_is_none():
    found = evidence._null(null([np.nan, np.nan], observed=np.nan), 2)
    assert found["sharpe"] == {"observed": None, "p": None, "p_low": None, "percentiles": {}}
    assert found["histogram"] is None
    assert evidence._null(None, 2) is None


@pytest.mark.parametrize(
    ("made", "asked", "is_complete", "drawn"),
    [(99, 100, False, 99), (100, 100, False, None), (64, 100, True, None)],
)
def test_how_many_were_drawn_is_told_where_the_verdict_was_certain_before(
    made, asked, is_complete, drawn
):
    found = evidence._null(null(range(made), is_complete=is_complete), asked)
    assert found.get("drawn") == drawn


@pytest.mark.parametrize(
    ("profits", "levels", "is_known"),
    [
        ((-31, -31, -30, -31, -31, -31), 3, False),  # just half of them met the stop
        ((-31, -31, -30, -31, -31, -31, -31), 3, True),
        ((-31,) * 8 + (200, 150, 0), 8, False),  # neither gained nor lost
        ((31,) * 8 + (-200, -150, 0), 8, False),
        ((31,) * 8 + (-200, -150, -1), 8, True),
    ],
)
def test_trades_of_which_half_met_a_level_need_three_of_either_end(profits, levels, is_known):
    assert (mean_trade(ended(*profits, levels=levels))["unknown"] == "") == is_known


def test_the_mean_trade_is_weighed_by_what_was_put_in():
    """10 × 100 dollars gained 100, 10 × 300 lost 60: a hundredth, not the mean of the two."""
    one, other = ended(100, -60, levels=0)
    trades = [one, Trade(**{**vars(other), "entry_price": 300.0})]
    occasions = Occasions(np.arange(2), np.arange(2))
    found = evidence._mean_trade(occasions, trades, None, "refused")
    assert found["mean_trade_return"]["estimate"] == pytest.approx(0.01)
    assert found["detectable"] is None
    assert evidence._mean_trade(None, (), None, "")["mean_trade_return"]["unknown"] == "no trade"


def test_the_least_edge_is_wider_where_draws_without_knowledge_are():
    trades = ended(*(40, -30, 20, 35, -25, 10, 5), levels=0)
    each = Occasions(np.arange(7), np.arange(7))
    own = evidence._mean_trade(each, trades, None, "")
    wide = evidence._mean_trade(each, trades, null(np.linspace(-0.5, 0.5, 99)), "")
    assert wide["detectable"] > 5 * own["detectable"] > 0
    low, high = (wide["mean_trade_return"][name] for name in ("low", "high"))
    assert high - low > 0.9
    assert high - low > own["mean_trade_return"]["high"] - own["mean_trade_return"]["low"]


@pytest.mark.parametrize(("count", "sessions", "held", "unit", "groups"), [
    (6, 126, True, "occasion", 6), (5, 126, True, "month", 6), (5, 127, True, "month", 7),
    (None, 42, True, "month", 2), (5, 126, False, "occasion", 5), (None, 42, False, "month", 2),
])  # fmt: skip
def test_the_ratio_goes_by_month_where_occasions_are_few_and_something_is_mostly_held(
    count, sessions, held, unit, groups
):
    """A month is 21 sessions, and the rest one more."""
    occasions = count and Occasions(np.arange(count) * 20, np.arange(count))
    returns = np.random.default_rng(1).normal(0, 0.01, sessions)
    drawn = null([1.0, 2.0])
    found, draws, told = evidence._sharpe_by_occasion(returns, occasions, drawn, mostly_held=held)
    assert (told, found.count) == (unit, groups)
    assert draws.tolist() == ([1.0, 2.0] if unit == "occasion" else [])
    found = evidence._sharpe_by_occasion(returns, occasions, None, mostly_held=held)
    assert found[1].tolist() == []


@pytest.mark.parametrize(("held", "is_known"), [(63, True), (62, False)])
def test_something_is_mostly_held_from_half_of_the_sessions_on(held, is_known, monkeypatch):
    """Then six months stand in for five occasions, which are too few."""
    monkeypatch.setattr(evidence, "_held", lambda *_: held)
    account = SimpleNamespace(rules=FREE, panel=SimpleNamespace(nights=np.zeros(126)))
    equity = FREE.cash * np.cumprod(1 + np.random.default_rng(1).normal(0, 0.01, 126))
    occasions = Occasions(np.arange(5) * 20, np.array([0, 1, 2, 3, 4, 4]))
    trades = ended(*(40, -30, 20, 35, -25, 10), levels=0)
    found = evidence._sharpe(account, trades, equity, occasions, None)
    assert found["estimate"] is not None
    assert (found["low"] is not None) == is_known


@pytest.mark.parametrize(
    ("p", "p_low", "verdict"),
    [(0.05, 0.99, "better"), (0.0501, 0.05, "worse"), (0.0501, 0.0501, "neither")],
)
def test_a_verdict_is_at_the_level_itself(p, p_low, verdict):
    assert evidence._verdict({"refused": "", "p": p, "p_low": p_low}) == verdict
    assert evidence._verdict({"refused": "Why", "p": p, "p_low": p_low}) == "none"


def test_of_signals_without_room_those_that_trade_nothing_have_no_return():
    """A hundred dollars buy no share of a stock at 110; one that makes nothing is no win."""
    from backtest.engine.timeline import Decision
    from backtest.strategy.base import Signal

    days = panel().session_days.tolist()
    rows = [(day, 110, 110, 110, 110 if n < 3 else 121) for n, day in enumerate(days)]
    rows = [
        (day, 121 if n > 3 else 110, 121, 110, close) for n, (day, *_, close) in enumerate(rows)
    ]
    one = account(signals((5, 1)), panel_of({"ACME": made_up_prices("ACME", rows)}))
    decisions = [
        Decision(
            SimpleNamespace(id=str(weight)), days[1], "no_room", "",
            Signal(symbol="ACME", event_id=str(weight), direction=side, weight=weight, hold=hold),
        )
        for weight, side, hold in (
            (0.001, "long", 4), (0.5, "long", 4), (0.5, "short", 4), (0.5, "long", 1),
        )
    ]  # fmt: skip
    found = evidence._no_room(one, decisions)
    assert found == {"signals": 4, "mean_return": pytest.approx(0.0), "wins": 1}


# The sentence


@pytest.mark.parametrize(
    ("p", "drawn", "words"),
    [
        (0.095, 10_000, "10 times in 100"),  # nine and a half of a hundred are two figures
        (0.094, 10_000, "94 times in 1,000"),
        (0.05, 1_000, "50 times in 1,000"),  # a tenth of a thousand draws are a hundred
        (0.05, 999, "5 times in 100"),
        (0.00005, 10_000, "once in 10,000"),
        (0.00014, 10_000, "once in 10,000"),
        (0.0002, 10_000, "2 times in 10,000"),
    ],
)
def test_how_often_has_two_figures_where_so_many_were_drawn(p, drawn, words):
    assert evidence._times({LEADING: {"p": p}, "drawn": drawn}, "p") == words
    if drawn == evidence.DRAWS:
        assert evidence._times({LEADING: {"p": p}}, "p") == words


@pytest.mark.parametrize(
    ("timing", "direction", "stands_out"),
    [(0.05, 0.9, "The times"), (0.051, 0.05, "The directions"), (0.051, 0.051, None)],
)
def test_what_stands_out_alone_does_at_the_level_itself(timing, direction, stands_out):
    text = told((timing, 0.99), (direction, 0.99))
    assert ("stand out" in text) == bool(stands_out)
    assert stands_out is None or f"{stands_out} stand out, " in text


def test_a_loss_is_told_of_what_is_better_and_a_gain_of_what_is_worse():
    assert told(verdict="better", total_return=-1e-4).endswith("It lost 0.01 % all the same.")
    assert "all the same" not in told(verdict="better", total_return=0.1)
    assert told(verdict="worse", total_return=1e-3).endswith("It made +0.1 % all the same.")
    assert "all the same" not in told(verdict="worse", total_return=-0.1)


def test_a_ruin_is_told_of_a_refused_run_too():
    text = sentence({**FOUND, "ruined": True, "refused": "Too few"})
    assert text == "9 trades on 7 occasions, then ruin. Too few."
