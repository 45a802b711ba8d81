"""The trades on the embedded data, written by hand from the table of prices and the rules.

Every price is a literal of data/prices/CRWV.csv, every rate one of data/borrow/CRWV.csv. Market
and stop fills slip by five basis points; ten sessions are held, a stop stands 15 % from the entry.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt
from statistics import stdev

BUY, SELL = 1.0005, 0.9995


@dataclass(frozen=True)
class Row:
    """A trade by hand; `nights` are close × calendar days × annual rate of each night short."""

    event_id: str
    direction: str
    shares: int
    entry: tuple[str, float]
    leave: tuple[str, float]
    reason: str
    nights: float = 0.0

    @property
    def sign(self) -> int:
        return 1 if self.direction == "long" else -1

    @property
    def gross(self) -> float:
        return self.sign * self.shares * (self.leave[1] - self.entry[1])

    @property
    def commission(self) -> float:
        orders = 1 if self.reason == "open" else 2
        return orders * max(1.0, 0.005 * self.shares)  # below one per cent

    @property
    def borrow(self) -> float:
        return self.shares * 1.02 * self.nights / 360

    @property
    def net(self) -> float:
        return self.gross - self.commission - self.borrow


Q1 = "earnings-20250514-a29d3a"
Q2 = "earnings-20250812-1d60d9"
Q3 = "earnings-20251110-3354bd"
Q4 = "earnings-20260226-77d548"
Q1_2026 = "earnings-20260507-7b4daf"
Q2_2026 = "earnings-20260811-7eb7e5"
FIRST_FILING = "stake_disclosure-20250515-ddd2d9"
PURCHASE = "stake_disclosure-20260126-5dc371"
LOCKUP = "news-20250814-a4bb3c"
NVIDIA_CAPACITY = "news-20250915-847d62"
META_AND_NOTES = "news-20260409-a72711"
LEIDOS = "news-20260803-877e81"
INDIA = "news-20261007-0f0108"
KERRISDALE = "short_report-20250916-3bd697"
CHANOS_OCTOBER = "short_report-20251009-c908b1"
CHANOS_CREDIT = "short_report-20251201-003767"
CHANOS_CHIPS = "short_report-20251216-8570c3"

# The nights of each short, Friday's over three calendar days.
NIGHT_OF_MAY_15 = 65.77 * 0.083
NIGHTS_OF_AUGUST = (117.76 + 99.505) * 1.9 + 0.1 * (
    99.97 * 3 + 96.80 + 92.89 + 91.52 + 90.79 + 93.99 * 3 + 92.38 + 91.39
)
NIGHTS_OF_SEPTEMBER = 0.1 * (
    118.75 + 120.86 + 121.39 + 124.86 * 3 + 133.23 + 130.89 + 133.40 + 126.66 + 120.34 * 3 + 122.52
)
NIGHTS_OF_OCTOBER = 0.1 * (
    143.08 + 138.43 * 3 + 141.62 + 134.06 + 139.24 + 141.74 + 136.87 * 3 + 127.06 + 125.06 + 121.53
)
NIGHTS_FROM_DECEMBER_2 = 0.1 * (76.03 + 79.36 + 85.75 + 88.30 * 3 + 86.24)
NIGHTS_FROM_DECEMBER_17 = 0.1 * (64.55 + 67.68)
NIGHTS_OF_MARCH = 0.1 * (
    79.56 * 3 + 78.05 + 73.78 + 79.50 + 74.82 + 72.99 * 3 + 74.41 + 74.92 + 81.96 + 79.86
)
NIGHTS_OF_MAY_2026 = 0.1 * (
    114.15 * 3 + 114.70 + 107.75 + 111.31 + 114.215 + 107.30 * 3 + 103.77 + 99.81 + 101.28 + 107.58
)
NIGHTS_OF_THE_LOCKUP = 0.1 * (99.97 * 3 + 96.80 + 92.89 + 91.52 + 90.79)

# Stops that were touched: 15 % from the entry fill, in the session named, inside its range.
STOP_OF_MAY_16 = 68.87 * SELL * 1.15 * BUY  # high 84.00
STOP_OF_NOVEMBER_13 = 96.10 * BUY * 0.85 * SELL  # low 77.25, after 88.00 and 85.32
STOP_OF_DECEMBER_9 = 77.50 * SELL * 1.15 * BUY  # high 91.22, after 88.76 on the 5th
STOP_OF_DECEMBER_19 = 69.55 * SELL * 1.15 * BUY  # high 84.29
STOP_OF_FEBRUARY_3 = 102.00 * BUY * 0.85 * SELL  # low 83.93, after 88.52
STOP_OF_AUGUST_19 = 108.70 * BUY * 0.85 * SELL  # low 88.851, after 93.15


def short_of_may(shares: int, leave: tuple[str, float], reason: str) -> Row:
    """The miss of 2025Q1: −0.609 against −0.117, after the close of the 14th."""
    entry = ("2025-05-15", 68.87 * SELL)
    return Row(Q1, "short", shares, entry, leave, reason, NIGHT_OF_MAY_15)


def short_of_august(shares: int) -> Row:
    """The miss of 2025Q2: −0.269 against −0.204. Ten sessions on: the 27th."""
    entry, leave = ("2025-08-13", 132.975 * SELL), ("2025-08-27", 93.95 * BUY)
    return Row(Q2, "short", shares, entry, leave, "time", NIGHTS_OF_AUGUST)


def long_of_november(shares: int) -> Row:
    """The beat of 2025Q3: −0.08 against −0.36."""
    entry, leave = ("2025-11-11", 96.10 * BUY), ("2025-11-13", STOP_OF_NOVEMBER_13)
    return Row(Q3, "long", shares, entry, leave, "stop")


def short_of_february(shares: int) -> Row:
    """The miss of 2025Q4: −0.56 against −0.49. Ten sessions on: 2026-03-13."""
    entry, leave = ("2026-02-27", 84.22 * SELL), ("2026-03-13", 81.07 * BUY)
    return Row(Q4, "short", shares, entry, leave, "time", NIGHTS_OF_MARCH)


def short_of_may_2026(shares: int) -> Row:
    """The miss of 2026Q1: −1.11 against −0.92. Ten sessions on: the 22nd."""
    entry, leave = ("2026-05-08", 118.46 * SELL), ("2026-05-22", 109.32 * BUY)
    return Row(Q1_2026, "short", shares, entry, leave, "time", NIGHTS_OF_MAY_2026)


def long_of_august_2026(shares: int) -> Row:
    """The beat of 2026Q2: −1.03 against −1.27."""
    entry, leave = ("2026-08-12", 108.70 * BUY), ("2026-08-19", STOP_OF_AUGUST_19)
    return Row(Q2_2026, "long", shares, entry, leave, "stop")


def long_of_the_first_filing(shares: int) -> Row:
    """The 13F of 2025-05-15, a day alone. Ten sessions on, over Memorial Day: 06-02."""
    entry, leave = ("2025-05-16", 68.075 * BUY), ("2025-06-02", 116.295 * SELL)
    return Row(FIRST_FILING, "long", shares, entry, leave, "time")


def long_of_the_purchase(shares: int) -> Row:
    """94.5 % more shares, public before the open."""
    entry, leave = ("2026-01-26", 102.00 * BUY), ("2026-02-03", STOP_OF_FEBRUARY_3)
    return Row(PURCHASE, "long", shares, entry, leave, "stop")


def short_of_kerrisdale(shares: int) -> Row:
    """Published at 08:16. Ten sessions on: the 30th; no high reached 139.62."""
    entry, leave = ("2025-09-16", 121.47 * SELL), ("2025-09-30", 136.21 * BUY)
    return Row(KERRISDALE, "short", shares, entry, leave, "time", NIGHTS_OF_SEPTEMBER)


def short_of_october(shares: int) -> Row:
    """Published at 06:39. Ten sessions on: the 23rd; no high reached 160.66."""
    entry, leave = ("2025-10-09", 139.77 * SELL), ("2025-10-23", 120.09 * BUY)
    return Row(CHANOS_OCTOBER, "short", shares, entry, leave, "time", NIGHTS_OF_OCTOBER)


def short_of_december_2(shares: int) -> Row:
    """A day alone, the 1st."""
    entry, leave = ("2025-12-02", 77.50 * SELL), ("2025-12-09", STOP_OF_DECEMBER_9)
    return Row(CHANOS_CREDIT, "short", shares, entry, leave, "stop", NIGHTS_FROM_DECEMBER_2)


def short_of_december_17(shares: int) -> Row:
    """Published on the 16th at 19:31."""
    entry, leave = ("2025-12-17", 69.55 * SELL), ("2025-12-19", STOP_OF_DECEMBER_19)
    return Row(CHANOS_CHIPS, "short", shares, entry, leave, "stop", NIGHTS_FROM_DECEMBER_17)


def short_of_the_lockup(shares: int) -> Row:
    """Ended at the close of 2025-08-14. Five sessions on: the 22nd; no high reached 133.15."""
    entry, leave = ("2025-08-15", 95.90 * SELL), ("2025-08-22", 91.09 * BUY)
    return Row(LOCKUP, "short", shares, entry, leave, "time", NIGHTS_OF_THE_LOCKUP)


def long_of_september(shares: int) -> Row:
    """Before the open of the 15th; renewed on the 26th and the 30th. Ten sessions on: 10-14."""
    entry, leave = ("2025-09-15", 120.85 * BUY), ("2025-10-14", 138.17 * SELL)
    return Row(NVIDIA_CAPACITY, "long", shares, entry, leave, "time")


def long_of_april(shares: int) -> Row:
    """A day alone, the 9th; renewed on the 13th and the 16th. Ten sessions on: the 30th."""
    entry, leave = ("2026-04-10", 93.44 * BUY), ("2026-04-30", 117.29 * SELL)
    return Row(META_AND_NOTES, "long", shares, entry, leave, "time")


def long_of_august_4(shares: int) -> Row:
    """A day alone, the 3rd. Ten sessions on: the 18th."""
    entry, leave = ("2026-08-04", 86.425 * BUY), ("2026-08-18", 101.40 * SELL)
    return Row(LEIDOS, "long", shares, entry, leave, "time")


def long_of_october_8(shares: int) -> Row:
    """A day alone, the 7th. Open at the end; three average ranges of 4.496 reach down to 73.37."""
    entry, leave = ("2026-10-08", 86.81 * BUY), ("2026-10-09", 82.08)
    return Row(INDIA, "long", shares, entry, leave, "open")


def long_before_a_report(event_id: str, shares: int, entry: float, leave: float, *days: str) -> Row:
    """From the open of the first session to the close of the last, after which it reports."""
    first, last = days
    return Row(event_id, "long", shares, (first, entry * BUY), (last, leave * SELL), "time")


def short_about_the_end_of_the_lockup(shares: int) -> Row:
    """From the session before 2025-08-14 to the close of the one after; no high reached 152.84."""
    entry, leave = ("2025-08-13", 132.975 * SELL), ("2025-08-15", 99.97 * BUY)
    nights = (117.76 + 99.505) * 1.9
    return Row("lockup_end-20250806-2ec0e8", "short", shares, entry, leave, "time", nights)


EXPECTED = {
    # Announced on a Sunday for Wednesday the 14th of May, after the close: five sessions are the
    # 8th, 9th, 12th, 13th and 14th. Known late, from the 7th of August on: the 7th, 8th, 11th and
    # 12th. Known from Monday the 4th of May on, for the 7th. And the 5th to the 11th of August.
    "report_runup": [
        long_before_a_report(
            "report_date-20250504-9170a0", 1735, 54.71, 67.46, "2025-05-08", "2025-05-14"
        ),
        long_before_a_report(
            "report_date-20250806-b69317", 1003, 115.48, 148.75, "2025-08-07", "2025-08-12"
        ),
        long_before_a_report(
            "report_date-20260503-591622", 1216, 121.18, 128.84, "2026-05-04", "2026-05-07"
        ),
        long_before_a_report(
            "report_date-20260727-afc36f", 1691, 92.29, 90.32, "2026-08-05", "2026-08-11"
        ),
    ],
    "long_until_miss": [  # 95 % of 100,000 and of 81,527.56; left by Chanos, and open at the end
        Row(Q3, "long", 988, ("2025-11-11", 96.10 * BUY), ("2025-12-02", 77.50 * SELL), "signal"),
        Row(Q2_2026, "long", 712, ("2026-08-12", 108.70 * BUY), ("2026-10-09", 82.08), "open"),
    ],
    "lockup_day": [short_about_the_end_of_the_lockup(714)],
    "earnings_surprise": [
        short_of_may(1380, ("2025-05-16", STOP_OF_MAY_16), "stop"),
        short_of_august(612),
        long_of_november(1072),
        short_of_february(1050),
        short_of_may_2026(769),
        long_of_august_2026(895),
    ],
    "nvidia_stake": [long_of_the_first_filing(1394), long_of_the_purchase(1555)],
    "short_report": [
        short_of_kerrisdale(782),
        short_of_october(598),
        short_of_december_2(1218),
        short_of_december_17(1160),
    ],
    "lockup_expiry": [short_of_the_lockup(304)],
    "contract_news": [
        long_of_september(287),
        long_of_april(312),
        long_of_august_4(151),
        long_of_october_8(538),
    ],
    "all_events": [
        # the first filing turns the short around at the open, before its stop can be touched
        short_of_may(1380, ("2025-05-16", 68.075 * BUY), "reversal"),
        long_of_the_first_filing(1409),
        short_of_august(1206),
        short_of_kerrisdale(1673),
        short_of_october(1279),
        long_of_november(2099),
        short_of_december_2(2233),
        short_of_december_17(2127),
        long_of_the_purchase(1240),
        short_of_february(1289),
        short_of_may_2026(945),
        long_of_august_2026(1099),
    ],
    "buy_and_hold": [
        Row(
            "start-20250327-8ab7ee",
            "long",
            2562,
            ("2025-03-28", 39.00 * BUY),
            ("2026-10-09", 82.08),  # the last close
            "open",
        )
    ],
}
CASH = 100_000.0


def wild(*closes: float) -> float:
    """The volatility of 20 log returns by the year; the weight aims at 40 %."""
    assert len(closes) == 21
    moves = [log(after / before) for before, after in pairwise(closes)]
    return stdev(moves) * sqrt(252)


# The closes of the 21 sessions before each entry, by hand from the table of prices.
BEFORE_AUGUST_15 = (
    132.21, 123.02, 124.91, 129.77, 126.05, 120.00, 115.62, 110.28, 108.74, 102.89, 114.13,
    104.14, 106.01, 111.84, 110.24, 121.08, 129.55, 139.78, 148.75, 117.76, 99.505,
)  # fmt: skip
BEFORE_SEPTEMBER_15 = (
    99.505, 99.97, 96.80, 92.89, 91.52, 90.79, 93.99, 92.38, 91.39, 96.93, 102.79,
    103.04, 93.34, 89.88, 87.48, 89.09, 93.55, 100.22, 117.14, 112.69, 111.96,
)  # fmt: skip
BEFORE_APRIL_10 = (
    81.96, 79.86, 81.11, 85.86, 82.12, 82.82, 80.66, 81.47, 81.96, 83.02, 87.58,
    80.45, 74.81, 69.15, 77.47, 78.44, 82.24, 80.94, 85.24, 88.90, 92.00,
)  # fmt: skip
BEFORE_AUGUST_4 = (
    86.46, 83.53, 90.00, 89.70, 88.88, 83.31, 79.94, 77.12, 72.91, 73.21, 73.06,
    79.58, 82.64, 81.10, 71.88, 70.79, 67.30, 60.82, 73.90, 71.77, 85.76,
)  # fmt: skip
BEFORE_OCTOBER_8 = (
    94.94, 89.12, 88.99, 82.98, 80.92, 83.35, 79.88, 81.36, 85.43, 86.76, 86.90,
    90.13, 87.59, 85.07, 85.93, 87.12, 88.57, 89.62, 87.39, 91.72, 88.45,
)  # fmt: skip
B, C, BY_DAY = 0.75, 0.5, 0.75  # grades, and a time that is known by its day
WEIGHTS = {
    "buy_and_hold": [1.0],
    "lockup_expiry": [0.4 / wild(*BEFORE_AUGUST_15)],
    "contract_news": [
        0.4 / wild(*BEFORE_SEPTEMBER_15) * B,
        0.4 / wild(*BEFORE_APRIL_10) * B * BY_DAY,
        0.4 / wild(*BEFORE_AUGUST_4) * C * BY_DAY,
        0.4 / wild(*BEFORE_OCTOBER_8) * B * BY_DAY,
    ],
}
