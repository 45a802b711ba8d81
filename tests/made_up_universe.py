"""A made-up universe: CORP, a stock that stays at 20, and the table of members."""

from backtest.data.versions import seal
from tests.made_up import SESSIONS, SOURCE

CORP = "date,open,high,low,close,volume\n" + "".join(
    f"{day},20.00,21.00,19.00,20.00,800\n" for day in SESSIONS
)


def write_members(checkout, text):
    """Write the members of the universe `three`."""
    path = checkout.write("data/universes/three/members.csv", text, sealed=False)
    seal(path, [line.split(",")[1] for line in text.splitlines()[1:]], source=SOURCE, adjust=None)
