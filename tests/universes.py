"""A made-up universe of four stocks, of which one has closes alone and one has no prices.

BOLT is flat at 50 with bars that go a dollar up and down; ACME is that of the checkout.
"""

from tests.made_up import ACME, INDX, SESSIONS, Checkout

MEMBERS = "symbol,first,last\nACME,,\nBOLT,2025-06-02,\nCOIL,,\nDUST,,\n"
COLUMNS = "symbol,published_at,precision,headline,period,eps,eps_consensus\n"
EARNINGS = (
    COLUMNS
    + """\
ACME,2025-06-04T16:05:00-04:00,exact,A made-up beat,2024Q4,0.30,0.20
BOLT,2025-06-10T16:05:00-04:00,exact,Another beat,2024Q4,0.30,0.20
BOLT,2025-06-27T08:00:00-04:00,minute,A made-up miss,2025Q1,-0.30,-0.20
STRG,2025-06-27T08:00:00-04:00,minute,Of a stranger,2025Q1,-0.30,-0.20
"""
)


def bars(opens) -> str:
    """A price file from the open of each session; a bar closes where it opened."""
    rows = (
        f"{day},{o},{o + 1},{o - 1},{o},1000000\n" for day, o in zip(SESSIONS, opens, strict=True)
    )
    return "date,open,high,low,close,volume\n" + "".join(rows)


def write_universe(checkout: Checkout, name: str = "quartet") -> Checkout:
    """Write the universe with prices and events of its own."""
    folder = f"data/universes/{name}"
    checkout.write(f"{folder}/members.csv", MEMBERS)
    checkout.write(f"{folder}/prices/ACME.csv", ACME)
    checkout.write(f"{folder}/prices/BOLT.csv", bars([50] * len(SESSIONS)))
    checkout.write(f"{folder}/prices/COIL.csv", INDX)
    checkout.write(f"{folder}/events/earnings.csv", EARNINGS)
    return checkout


def write_crowd(checkout: Checkout, stocks: int = 25) -> Checkout:
    """A universe of many stocks, each with a beat and a miss; S01 earns least, and so on.

    Each opens at 10, and from 2025-06-06 on at a tenth of a dollar more for each before it.
    """
    folder = "data/universes/crowd"
    names = [f"S{number:02}" for number in range(1, stocks + 1)]
    checkout.write(f"{folder}/members.csv", "symbol,first,last\n" + ",,\n".join([*names, ""]))
    rows = []
    for number, name in enumerate(names):
        opens = [10.0] * 4 + [round(10 + number / 10, 2)] * (len(SESSIONS) - 4)
        checkout.write(f"{folder}/prices/{name}.csv", bars(opens))
        rows.append(f"{name},2025-06-04T16:05:00-04:00,exact,Beat of {name},2024Q4,0.30,0.20\n")
        rows.append(f"{name},2025-06-27T08:00:00-04:00,minute,Miss of {name},2025Q1,-0.3,-0.2\n")
    checkout.write(f"{folder}/events/earnings.csv", COLUMNS + "".join(rows))
    return checkout
