"""What a strategy hedges with needs bars of its own, one for each session of what is traded."""

import pytest

from backtest.data.inputs import read_inputs
from backtest.data.kinds import FILED_KINDS, Earnings
from backtest.errors import MissingDataError, UsageError
from tests.made_up import SESSIONS, day
from tests.universes import write_universe

BARS = "date,open,high,low,close,volume"


def hedged_with(checkout, *symbols):
    return read_inputs(
        checkout.root / "data", ["ACME"], "INDX", (None, None), FILED_KINDS,
        trades_also=symbols, wanted_by="Drift",
    )  # fmt: skip


def test_what_is_traded_by_events_is_no_hedge(checkout):
    with pytest.raises(UsageError, match=r"Drift hedges with ACME.*leave ACME out of the symbols"):
        hedged_with(checkout, "ACME")


def test_closes_alone_are_no_hedge_and_bars_can_be_had(checkout):
    with pytest.raises(UsageError) as caught:
        hedged_with(checkout, "INDX")
    assert "INDX has closes alone" in str(caught.value)
    assert "`backtest prices fetch INDX` loads its bars" in str(caught.value)
    assert "`backtest prices import FILE --symbol INDX` takes them" in str(caught.value)


def test_a_hedge_has_a_bar_in_every_session(checkout):
    days = read_inputs(
        checkout.root / "data", ["ACME"], "INDX", (None, None), FILED_KINDS
    ).span["ACME"].table.index.strftime("%Y-%m-%d").tolist()  # fmt: skip
    rows = [f"{day},9,9,9,9,10" for day in days]
    checkout.write("data/prices/FUND.csv", "\n".join([BARS, *rows]) + "\n")
    assert len(hedged_with(checkout, "FUND").hedges["FUND"].table) == len(days)
    checkout.write("data/prices/FUND.csv", "\n".join([BARS, *rows[:-2]]) + "\n")
    with pytest.raises(
        MissingDataError, match=rf"FUND.*no bar on {days[-2]} \(2 sessions in all\).*import more"
    ):
        hedged_with(checkout, "FUND")


def test_a_hedge_trades_in_every_session_in_which_a_stock_does(checkout):
    rows = [f"{one},9,{9 if one == '2025-06-05' else 10},9,9,10" for one in SESSIONS]
    silent = rows[3].removesuffix("10") + "0"
    checkout.write("data/prices/FUND.csv", "\n".join([BARS, *rows[:3], silent, *rows[4:]]) + "\n")
    with pytest.raises(MissingDataError) as caught:
        hedged_with(checkout, "FUND")
    assert "a halt or after its end, on 2025-06-05 (1 session in all)" in str(caught.value)
    assert str(caught.value).endswith("with --from and --to.")
    checkout.write(
        "data/actions/ACME.csv",
        "day,action,amount,until,name,source\n2025-06-05,halted,,2025-06-05,,made up\n",
    )
    assert hedged_with(checkout, "FUND").hedges["FUND"].halted == {day("2025-06-05")}


@pytest.mark.parametrize("order", [("FUND", "GOLD"), ("GOLD", "FUND")])
def test_a_hedge_trades_where_another_does_though_no_stock(checkout, order):
    """What the position is worth then hangs on both."""
    rows = "\n".join([BARS, *(f"{one},9,10,9,9,10" for one in SESSIONS)]) + "\n"
    halt = "day,action,amount,until,name,source\n2025-06-05,halted,,2025-06-05,,made up\n"
    for symbol in order:
        checkout.write(f"data/prices/{symbol}.csv", rows)
    checkout.write("data/actions/ACME.csv", halt)
    checkout.write("data/actions/GOLD.csv", halt)
    with pytest.raises(MissingDataError, match=r"GOLD.*not trade.* on 2025-06-05 \(1 session"):
        hedged_with(checkout, *order)
    checkout.write("data/actions/FUND.csv", halt)
    assert {*hedged_with(checkout, *order).hedges} == {*order}


@pytest.mark.parametrize("action", ["halted,,2025-07-31", "delisted,9,"])
def test_a_hedge_that_trades_no_more_is_told(checkout, action):
    rows = [f"{one},9,10,9,9,10" for one in SESSIONS]
    checkout.write("data/prices/FUND.csv", "\n".join([BARS, *rows]) + "\n")
    checkout.write(
        "data/actions/FUND.csv",
        f"day,action,amount,until,name,source\n2025-07-14,{action},,made up\n",
    )
    with pytest.raises(MissingDataError, match=r"FUND.*not trade.* on 2025-07-14 \(2 sessions"):
        hedged_with(checkout, "FUND")


def test_members_that_hedge_are_not_traded_and_stay_in_the_mean(checkout):
    write_universe(checkout)
    data = checkout.root / "data"
    found = read_inputs(
        data, (), "quartet", (None, None), [Earnings],
        trades_also=["BOLT"], wanted_by="Drift", universe="quartet",
    )  # fmt: skip
    assert [*found.span] == [*found.history] == ["ACME"]
    assert {*found.replayed} == {"ACME", "BOLT"}
    assert found.universe.symbols == ("ACME",)
    assert {event.symbol for event in found.events} == {"ACME"}
    whole = read_inputs(data, (), "quartet", (None, None), [Earnings], universe="quartet")
    assert found.benchmark.table.equals(whole.benchmark.table)
    told = "Members of quartet that hedge the others are not traded on events of their own: BOLT."
    assert told in found.assumptions
    assert told not in whole.assumptions
