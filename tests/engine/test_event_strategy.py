"""Plain Backtrader strategies that hear of events. ACME is made up: see tests/made_up.py.

ACME opens at 100 on 2025-06-02 and a dollar higher each session; each bar closes a dollar above
its open and reaches two dollars to either side.
"""

from datetime import date

import pytest

from backtest.errors import UsageError
from backtest.experiments.runs.run import prepare_run, run
from tests.made_up import Checkout, request

FILE = '''\
import backtrader as bt
from backtest import EventStrategy
from backtest.events import *


class Made(EventStrategy):
    """Made up for tests."""

    listens_to = (Earnings, ShortReport)
    params = (("size", 100), ("label", "x"), ("none", None))
    log = []

    def notify_event(self, event):
        {notify}

    def next(self):
        {next}
'''
BUY = "self.buy(size=self.p.size)"


@pytest.fixture
def replayed(checkout: Checkout):
    def replay(notify: str = BUY, following: str = "pass", settings=None, **changes):
        checkout.write("strategies/made.py", FILE.format(notify=notify, next=following))
        asked = request("made", settings=settings or {}, **changes)
        return run(prepare_run(checkout.workspace, asked), force=True)

    return replay


def actions(run) -> dict[str, str]:
    return {row["headline"]: row["action"] for row in run.decisions}


def test_an_order_of_notify_event_is_filled_at_the_tradable_open(replayed) -> None:
    # public 2025-06-04 16:05, tradable 2025-06-05: the fourth session, open 103
    first = replayed(f"not self.position and {BUY}").trades[0]
    assert (first["entry_session"], first["shares"]) == ("2025-06-05", "100")
    assert float(first["entry_price"]) == pytest.approx(103 * 1.0005)


@pytest.mark.parametrize("terms", ["size=", "None, "])
def test_numbers_of_numpy_are_ordered_and_put_on_record(replayed, terms) -> None:
    numbers = f"{terms}np.int64(100), exectype=bt.Order.Limit, price=np.float32(103)"
    made = replayed(f"import numpy as np; not self.position and self.buy({numbers})")
    assert [row["shares"] for row in made.trades] == ["100"]


def test_the_strategy_hears_before_that_session_and_sees_nothing_of_it(replayed) -> None:
    seen = "assert (self.data.datetime.date(0).isoformat(), self.data.close[0]) in {known}; {buy}"
    known = {("2025-06-04", 103.0), ("2025-06-26", 118.0), ("2025-06-18", 113.0)}
    assert len(replayed(seen.format(known=known, buy=BUY)).trades) == 1


def test_the_strategy_sees_nothing_that_was_written_of_the_event_later(replayed) -> None:
    made = replayed("assert (event.note, event.source_url) == ('', None)")
    (decision,) = (row for row in made.decisions if row["headline"] == "A made-up beat")
    assert decision["source_url"] == "https://example.org/1"


def test_trades_name_the_event_that_opened_them_and_decisions_say_so(replayed) -> None:
    buy_beats = f"event.kind == 'earnings' and event.eps_surprise > 0 and {BUY}"
    made = replayed(buy_beats)
    assert [row["event_id"] for row in made.trades] == [made.decisions[0]["event_id"]]
    assert actions(made) == {
        "A made-up beat": "enter",
        "A made-up report": "no_signal",
        "A made-up miss": "no_signal",
        "A made-up rumour": "not_tradable",  # known by its week
    }


def test_indicators_and_later_orders_work_as_in_backtrader(replayed) -> None:
    made = replayed(
        f"not self.position and {BUY}", "len(self) == 10 and self.close()"
    )  # the tenth close is that of 2025-06-13, so out at the open of 2025-06-16
    first = made.trades[0]
    assert (first["exit_session"], first["exit_reason"]) == ("2025-06-16", "strategy")
    assert float(first["exit_price"]) == pytest.approx(110 * 0.9995)


def test_a_stop_sent_with_its_entry_is_live_in_the_entry_session(replayed) -> None:
    stop = "self.sell(size=self.p.size, exectype=bt.Order.Stop, price=101.5)"
    first = replayed(f"not self.position and ({BUY}, {stop})").trades[0]
    assert (first["exit_session"], first["exit_reason"]) == ("2025-06-05", "stop")
    assert float(first["exit_price"]) == pytest.approx(101.5 * 0.9995)


def test_a_short_pays_borrow_and_the_books_balance(replayed) -> None:
    made = replayed(
        "event.eps_surprise > 0 and self.sell(size=100) if event.kind == 'earnings' else None",
        "self.data.datetime.date(0).isoformat() == '2025-06-05' and self.close()",
    )
    row = made.trades[0]
    assert float(row["borrow"]) == pytest.approx(100 * 104 * 1.02 * 0.10 / 360)  # one night
    net = float(row["gross_profit"]) - float(row["commission"]) - float(row["borrow"])
    assert made.summary["final_equity"] == pytest.approx(100_000 + net)


def test_growing_and_shrinking_is_one_trade_at_average_prices(replayed) -> None:
    made = replayed(
        f"event.kind == 'earnings' and event.eps_surprise > 0 and {BUY}",
        "len(self) == 4 and self.buy(size=100); len(self) == 5 and self.sell(size=50)",
        rules={"commission_per_share": 0.0, "slippage_bps": 0.0},
    )
    row = made.trades[0]
    assert (row["shares"], row["exit_reason"]) == ("200", "open")
    assert float(row["entry_price"]) == (103 + 104) / 2
    # 50 sold at 105, 150 valued at the last close of 130
    assert float(row["gross_profit"]) == 50 * 105 + 150 * 130 - 200 * 103.5


def test_an_order_across_zero_closes_one_trade_and_opens_the_next(replayed) -> None:
    made = replayed(
        f"event.kind == 'earnings' and event.eps_surprise > 0 and {BUY}",
        "len(self) == 5 and self.sell(size=300)",
        rules={"slippage_bps": 0.0, "commission_per_share": 0.02, "commission_min": 0.0},
    )
    long, short = made.trades
    assert (long["direction"], long["shares"], long["exit_price"]) == ("long", "100", "105.0")
    assert (short["direction"], short["shares"], short["entry_price"]) == ("short", "200", "105.0")
    assert (float(long["commission"]), float(short["commission"])) == pytest.approx((4.0, 4.0))


def test_an_order_that_backtrader_refuses_is_told(replayed) -> None:
    made = replayed("self.buy(size=10_000)")
    assert made.trades == []
    assert actions(made)["A made-up beat"] == "no_room"


def test_an_event_without_a_bar_before_it_is_not_tradable(replayed) -> None:
    made = replayed(first=date(2025, 6, 5))
    assert actions(made)["A made-up beat"] == "not_tradable"
    assert "no bar comes before" in made.decisions[0]["reason"]


def test_parameters_are_set_by_name_and_have_the_type_of_their_default(replayed) -> None:
    made = replayed(f"not self.position and {BUY}", settings={"size": 7, "label": "y"})
    assert made.trades[0]["shares"] == "7"
    assert made.manifest["parameters"] == {"size": 7, "label": "y", "none": None}


@pytest.mark.parametrize(
    ("what", "use"),
    [
        ("bt.ind.SMA", "self.p.none.__name__ == 'SMA'"),
        ("lambda n: n + 1", "self.p.none(1) == 2"),
        ("len", "self.p.none((1,)) == 1"),
        ("dict", "self.p.none() == {}"),
        ("np.array([1.5])", "self.p.none.sum() == 1.5"),
    ],
)
def test_a_parameter_that_no_text_can_tell_stays_what_it_is(checkout, what, use) -> None:
    text = FILE.replace('("none", None)', f'("none", {what})')
    text = "import numpy as np\n" + text.format(notify=f"if {use}: {BUY}", next="pass")
    checkout.write("strategies/made.py", text)
    made = run(prepare_run(checkout.workspace, request("made", settings={"size": 7})))
    assert made.manifest["parameters"] == {"size": 7, "label": "x"}
    assert made.trades
    with pytest.raises(UsageError, match="no parameter of made 'none'"):
        prepare_run(checkout.workspace, request("made", settings={"none": 1}))


@pytest.mark.parametrize("settings", [{"sise": "7"}, {"size": "seven"}])
def test_a_wrong_parameter_is_a_wrong_use(replayed, settings) -> None:
    with pytest.raises(UsageError, match="size"):
        replayed(settings=settings)


def test_a_reversal_that_is_half_refused_closes_the_trade_and_the_books_balance(replayed) -> None:
    made = replayed(
        "self.sell(size=900) if not self.position else None",
        "len(self) == 6 and self.buy(size=2500)",  # covers; there is no cash for 1600 more
    )
    first = made.trades[0]
    assert (first["direction"], first["exit_reason"]) == ("short", "strategy")
    assert len(made.trades) == 1 or made.trades[1]["entry_session"] > first["exit_session"]


def test_what_is_to_come_is_not_in_the_lines(replayed) -> None:
    with pytest.raises(UsageError, match="IndexError"):
        replayed(following="self.data.close[1]")


def test_backtraders_way_to_see_the_bar_at_its_open_is_refused(replayed) -> None:
    with pytest.raises(UsageError, match="next_open"):
        replayed(following="pass\n\n    def next_open(self):\n        pass")


def test_an_average_that_is_longer_than_the_span_is_no_fault(replayed) -> None:
    average = "pass\n\n    def __init__(self):\n        bt.indicators.SMA(self.data, period=900)"
    assert replayed(following=average).trades != []


def test_an_order_waits_for_a_bar_of_its_symbol(checkout, replayed) -> None:
    header, *rows = (checkout.root / "data/prices/ACME.csv").read_text().splitlines()
    late = "\n".join([header, *rows[6:12]]) + "\n"
    checkout.write("data/prices/LATE.csv", late)
    made = replayed(
        "self.getposition(self.getdatabyname('LATE')).size or "
        "self.buy(data=self.getdatabyname('LATE'), size=1)",
        symbols=("ACME", "LATE"),
    )
    days = [row.split(",")[0] for row in rows[6:12]]
    assert made.trades[0]["entry_session"] == days[0] > made.decisions[0]["tradable_session"]
    assert all(row["entry_session"] in days for row in made.trades)


def test_events_of_one_session_are_heard_in_order_of_publication(checkout, replayed) -> None:
    columns = "symbol,published_at,precision,headline,author,author_type\n"
    rows = [
        f"ACME,2025-06-04T{at}-04:00,minute,made up {at},Jane Bear,short_seller\n"
        for at in ("16:30:00", "16:10:00", "16:20:00")
    ]
    checkout.write("data/events/short_reports.csv", columns + "".join(rows))
    heard = "self.heard = [*getattr(self, 'heard', []), event.published_at]"
    check = "assert sorted(getattr(self, 'heard', [])) == getattr(self, 'heard', [])"
    assert len(replayed(heard, check).decisions) == 5


def test_a_trailing_stop_of_backtrader_is_named(replayed) -> None:
    trail = "self.sell(size=100, exectype=bt.Order.StopTrail, trailamount=1.5)"
    made = replayed(f"not self.position and ({BUY}, {trail})")
    assert made.trades[0]["exit_reason"] == "trailing_stop"
