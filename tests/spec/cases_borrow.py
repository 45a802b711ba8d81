"""Borrow: what a night short costs. A rate of 0.36 is 0.001 a day."""

from tests.spec.case import Case, free, long, short, trade

WEEK = {
    "ACME": """
        2025-06-02 100 101  99 100   # Monday
        2025-06-03 102 103 101 102
        2025-06-04 104 105 103 104
        2025-06-05 106 107 105 106
        2025-06-06 108 109 107 108
    """
}
FRIDAY = {
    "ACME": """
        2025-06-06 100 101  99 100   # Friday
        2025-06-09 102 103 101 102
        2025-06-10 104 105 103 104
    """
}

# fmt: off
CASES = [
    Case(
        name="default_borrow_rate_of_three_percent",
        rule="borrow",
        bars=WEEK,
        settings=free(borrow_default=0.03),
        signals=[short("2025-06-04", weight=0.52, hold=1)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-04", 104.0, "2025-06-05", 106.0, "time",
                  gross=500 * (104 - 106), borrow=500 * 104 * 1.02 * 0.03 / 360),
        ],
        equity=[100_000, 100_000, 100_000] + 2 * [100_000 - 1000 - 500 * 104 * 1.02 * 0.03 / 360],
    ),
    Case(
        name="borrow_is_of_the_close_of_each_night_not_of_the_entry",
        rule="borrow",
        bars=WEEK,
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-02", weight=0.5)],
        # 500 x 1.02 x 0.001 = 0.51 for each dollar of the close; the last night is not paid
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-06", 108.0, "open",
                  gross=500 * (100 - 108), borrow=0.51 * (100 + 102 + 104 + 106)),
        ],
        equity=[
            100_000,
            100_000 - 500 * 2 - 0.51 * 100,
            100_000 - 500 * 4 - 0.51 * 202,
            100_000 - 500 * 6 - 0.51 * 306,
            100_000 - 500 * 8 - 0.51 * 412,
        ],
        cash=[
            150_000, 150_000 - 0.51 * 100, 150_000 - 0.51 * 202, 150_000 - 0.51 * 306,
            150_000 - 0.51 * 412,
        ],
    ),
    Case(
        name="borrow_over_a_weekend_is_three_days",
        rule="borrow",
        bars=FRIDAY,
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-06", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06", 100.0, "2025-06-10", 104.0, "open",
                  gross=500 * (100 - 104), borrow=0.51 * (100 * 3 + 102)),
        ],
        equity=[100_000, 100_000 - 500 * 2 - 0.51 * 300, 100_000 - 500 * 4 - 0.51 * 402],
    ),
    Case(
        name="borrow_over_a_holiday_is_two_days",
        rule="borrow",
        bars={
            "ACME": """
                2025-06-18 100 101  99 100   # Wednesday; Thursday is a holiday
                2025-06-20 100 101  99 100   # Friday
            """
        },
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-18", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-18", 100.0, "2025-06-20", 100.0, "open",
                  borrow=0.51 * 100 * 2),
        ],
        equity=[100_000, 100_000 - 0.51 * 100 * 2],
    ),
    Case(
        name="borrow_over_a_long_weekend_is_four_days",
        rule="borrow",
        bars={
            "ACME": """
                2025-07-03 100 101  99 100   # Thursday; Friday is a holiday
                2025-07-07  90  91  89  90   # Monday
                2025-07-08  90  91  89  90
            """
        },
        settings=free(borrow_default=0.36),
        signals=[short("2025-07-03", weight=0.5, hold=1)],
        # all four are due although the trade closes at that open
        trades=[
            trade("e1", "ACME", "short", 500, "2025-07-03", 100.0, "2025-07-07", 90.0, "time",
                  gross=500 * (100 - 90), borrow=0.51 * 100 * 4),
        ],
        equity=[100_000] + 2 * [105_000 - 0.51 * 100 * 4],
    ),
    Case(
        name="borrow_across_a_change_of_rate",
        rule="borrow",
        bars=WEEK,
        borrow={"ACME": [("2025-06-01", 0.36), ("2025-06-04", 0.72)]},
        signals=[short("2025-06-02", weight=0.5)],
        # a rate counts from the night of its own date on
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-06", 108.0, "open",
                  gross=500 * (100 - 108), borrow=0.51 * (100 + 102) + 1.02 * (104 + 106)),
        ],
        equity=[
            100_000,
            100_000 - 500 * 2 - 0.51 * 100,
            100_000 - 500 * 4 - 0.51 * 202,
            100_000 - 500 * 6 - 0.51 * 202 - 1.02 * 104,
            100_000 - 500 * 8 - 0.51 * 202 - 1.02 * 210,
        ],
    ),
    Case(
        name="a_rate_dated_in_the_weekend_counts_from_monday_night",
        rule="borrow",
        bars=FRIDAY,
        borrow={"ACME": [("2025-06-06", 0.36), ("2025-06-07", 0.72)]},
        signals=[short("2025-06-06", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06", 100.0, "2025-06-10", 104.0, "open",
                  gross=500 * (100 - 104), borrow=0.51 * 100 * 3 + 1.02 * 102),
        ],
        equity=[
            100_000,
            100_000 - 500 * 2 - 0.51 * 300,
            100_000 - 500 * 4 - 0.51 * 300 - 1.02 * 102,
        ],
    ),
    Case(
        name="nights_before_the_first_rate_pay_the_default",
        rule="borrow",
        bars=WEEK,
        settings=free(borrow_default=0.18),
        borrow={"ACME": [("2025-06-03", 0.36)]},
        signals=[short("2025-06-02", weight=0.5, hold=2)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-04", 104.0, "time",
                  gross=500 * (100 - 104), borrow=0.255 * 100 + 0.51 * 102),
        ],
        equity=[
            100_000, 100_000 - 500 * 2 - 25.5, 98_000 - 77.52, 98_000 - 77.52, 98_000 - 77.52,
        ],
    ),
    Case(
        name="a_rate_of_zero_is_a_rate",
        rule="borrow",
        bars=FRIDAY,
        settings=free(borrow_default=0.36),
        borrow={"ACME": [("2025-06-02", 0.72), ("2025-06-06", 0.0)]},
        signals=[short("2025-06-06", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06", 100.0, "2025-06-10", 104.0, "open",
                  gross=500 * (100 - 104)),
        ],
        equity=[100_000, 100_000 - 500 * 2, 100_000 - 500 * 4],
    ),
    Case(
        name="rates_of_one_symbol_are_not_those_of_another",
        rule="borrow",
        bars={"ACME": FRIDAY["ACME"], "BOLT": FRIDAY["ACME"]},
        settings=free(borrow_default=0.36),
        borrow={"BOLT": [("2025-06-01", 0.72)]},
        signals=[
            short("2025-06-06", "ACME", weight=0.5, hold=1),
            short("2025-06-06", "BOLT", weight=0.5, hold=1),
        ],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06", 100.0, "2025-06-09", 102.0, "time",
                  gross=-500 * 2, borrow=0.51 * 300),
            trade("e2", "BOLT", "short", 500, "2025-06-06", 100.0, "2025-06-09", 102.0, "time",
                  gross=-500 * 2, borrow=1.02 * 300),
        ],
        equity=[100_000] + 2 * [98_000 - 1.53 * 300],
    ),
    Case(
        name="no_night_no_borrow",
        rule="borrow",
        bars=WEEK,
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-03", weight=0.51, target=0.008)],
        # 102 x 0.992 = 101.184, reached in the entry session
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 102.0, "2025-06-03", 101.184,
                  "target", gross=500 * (102 - 101.184)),
        ],
        equity=[100_000] + 4 * [100_000 + 500 * 0.816],
    ),
    Case(
        name="borrow_on_the_day_of_a_stop",
        rule="borrow",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 102 126 101 102
                2025-06-04 104 105 103 104
            """
        },
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-02", weight=0.5, stop=0.25)],
        # the night before the stop is due, the night after it is not
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 125.0, "stop",
                  gross=500 * (100 - 125), borrow=0.51 * 100),
        ],
        equity=[100_000, 87_500 - 51, 87_500 - 51],
    ),
    Case(
        name="a_long_pays_no_borrow",
        rule="borrow",
        bars=FRIDAY,
        settings=free(borrow_default=0.36),
        borrow={"ACME": [("2025-06-01", 0.72)]},
        signals=[long("2025-06-06", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06", 100.0, "2025-06-10", 104.0, "open",
                  gross=500 * (104 - 100)),
        ],
        equity=[100_000, 100_000 + 500 * 2, 100_000 + 500 * 4],
    ),
    Case(
        name="borrow_is_taken_before_the_open_is_sized",
        rule="borrow",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 100 101  99 100
                2025-06-04 100 101  99 100
            """
        },
        settings=free(borrow_default=3.6),
        signals=[short("2025-06-02", weight=0.5), long("2025-06-03", weight=1.0)],
        # 500 x 100 x 1.02 x 0.01 = 510: 99,490 / 100 = 994.9; then it is long: no more nights
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 100.0,
                  "reversal", borrow=510.0),
            trade("e2", "ACME", "long", 994, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 99_490, 99_490],
        cash=[150_000, 99_490 - 99_400, 99_490 - 99_400],
    ),
    Case(
        name="a_renewed_short_pays_on",
        rule="borrow",
        bars=FRIDAY,
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-06", weight=0.5, hold=1), short("2025-06-09", hold=1)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06", 100.0, "2025-06-10", 104.0, "time",
                  gross=500 * (100 - 104), borrow=0.51 * (300 + 102)),
        ],
        equity=[100_000, 100_000 - 500 * 2 - 0.51 * 300, 98_000 - 0.51 * 402],
    ),
    Case(
        name="collateral_and_day_count_are_settings",
        rule="borrow",
        bars=FRIDAY,
        settings=free(borrow_default=0.365, borrow_collateral=1.0, borrow_day_count=365),
        signals=[short("2025-06-06", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06", 100.0, "2025-06-09", 102.0, "time",
                  gross=500 * (100 - 102), borrow=500 * 100 * 0.001 * 3),
        ],
        equity=[100_000] + 2 * [99_000 - 150],
    ),
]
