"""Sessions of the replay in which a stock does not trade, through both engines.

BOLT is flat at 50; where it is silent its bars have no volume and one price.
"""

import pytest

from tests.made_up import SESSIONS, do
from tests.universes import bars

ENGINES = ("backtrader", "kernel")
ACTIONS = "day,action,amount,until,name,source\n"


def write_bolt(checkout, silent=(), actions=""):
    rows = bars([50] * len(SESSIONS))
    for day in silent:
        rows = rows.replace(f"{day},50,51,49,50,1000000", f"{day},50,50,50,50,0")
    checkout.write("data/prices/BOLT.csv", rows)
    if actions:
        checkout.write("data/actions/BOLT.csv", f"{ACTIONS}{actions},made up\n")


def told(run):
    return [
        (one["symbol"], str(one["tradable_session"]), one["action"], one["reason"])
        for one in run.decisions
    ]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("symbols", [("BOLT",), ("ACME", "BOLT")])
@pytest.mark.parametrize(
    ("silent", "actions"),
    [
        (SESSIONS[-6:], ""),
        ((), "2025-07-08,halted,,2025-07-31,"),
        ((), "2025-07-08,delisted,10,,"),
    ],
)
def test_news_after_the_last_open_of_a_stock_is_not_traded(
    checkout, silent, actions, symbols, engine
):
    write_bolt(checkout, silent, actions)
    checkout.write(
        "data/events/news.csv",
        "symbol,published_at,precision,headline,category,note\n"
        "BOLT,2025-07-08T17:24:00-04:00,minute,A contract,contract,made up\n",
    )
    checkout.strategy("newsy", "return Signal.long(event, weight=0.4, hold=2)", listens_to="News")
    run = do(checkout, "newsy", symbols=symbols, engine=engine)
    why = "no trade of BOLT from 2025-07-09 to the end of the replay"
    assert told(run) == [("BOLT", "", "not_tradable", why)]
