"""Levels are rounded to nine decimals.

In floats 100 x 1.1 and 50 x 1.1 lie above 110 and 55, and 90 x 0.7 lies below 63, so that a bar
that just reaches the level would miss it.
"""

from tests.spec.case import Case, free, long, short, trade

# fmt: off
CASES = [
    Case(
        name="a_long_target_of_ten_percent_is_touched_at_110",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 101    99 100
                2025-06-03 100 109.99 99 100
                2025-06-04 100 110.00 99 100
            """
        },
        signals=[long("2025-06-02", weight=0.5, target=0.10)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 110.0, "target",
                  gross=500 * 10),
        ],
        equity=[100_000, 100_000, 105_000],
    ),
    Case(
        name="a_target_set_anew_is_rounded_too",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 80  81 79 80
                2025-06-03 50  54 49 50
                2025-06-04 50  55 49 50
            """
        },
        signals=[long("2025-06-02", weight=0.4), long("2025-06-03", target=0.10)],
        # 10 % over the open of 50
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 80.0, "2025-06-04", 55.0, "target",
                  gross=500 * (55 - 80)),
        ],
        equity=[100_000, 100_000 - 500 * 30, 100_000 - 500 * 25],
    ),
    Case(
        name="a_long_stop_of_thirty_percent_is_touched_at_63",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 90 91 89    90
                2025-06-03 80 81 63.01 70
                2025-06-04 70 71 63    64
            """
        },
        signals=[long("2025-06-02", weight=0.45, stop=0.30)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 90.0, "2025-06-04", 63.0, "stop",
                  gross=500 * (63 - 90)),
        ],
        equity=[100_000, 100_000 - 500 * 20, 100_000 - 500 * 27],
    ),
    Case(
        name="a_short_stop_of_ten_percent_is_touched_at_110",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 101    99 100
                2025-06-03 100 109.99 99 100
                2025-06-04 100 110.00 99 100
            """
        },
        signals=[short("2025-06-02", weight=0.5, stop=0.10)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-04", 110.0, "stop",
                  gross=-500 * 10),
        ],
        equity=[100_000, 100_000, 95_000],
    ),
    Case(
        name="a_short_target_of_thirty_percent_is_touched_at_63",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 90 91 89    90
                2025-06-03 80 81 63.01 70
                2025-06-04 70 71 63    64
            """
        },
        signals=[short("2025-06-02", weight=0.45, target=0.30)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 90.0, "2025-06-04", 63.0, "target",
                  gross=500 * (90 - 63)),
        ],
        equity=[100_000, 100_000 + 500 * 20, 100_000 + 500 * 27],
    ),
    Case(
        name="a_long_trailing_stop_of_thirty_percent_is_touched_at_63",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 80 91 79    90   # best close
                2025-06-03 80 81 63.01 70
                2025-06-04 70 71 63    64
            """
        },
        signals=[long("2025-06-02", weight=0.4, trailing_stop=0.30)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 80.0, "2025-06-04", 63.0,
                  "trailing_stop", gross=500 * (63 - 80)),
        ],
        equity=[100_000 + 500 * 10, 100_000 - 500 * 10, 100_000 - 500 * 17],
    ),
    Case(
        name="a_short_trailing_stop_of_ten_percent_is_touched_at_55",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 60 61    49 50   # best close
                2025-06-03 51 54.99 50 52
                2025-06-04 52 55    51 54
            """
        },
        signals=[short("2025-06-02", weight=0.3, trailing_stop=0.10)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 60.0, "2025-06-04", 55.0,
                  "trailing_stop", gross=500 * (60 - 55)),
        ],
        equity=[100_000 + 500 * 10, 100_000 + 500 * 8, 100_000 + 500 * 5],
    ),
    Case(
        name="the_fill_after_slippage_gives_the_level",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 101   99 100
                2025-06-03 100 109   99 100
                2025-06-04 100 111.1 99 100
            """
        },
        settings=free(slippage_bps=100.0),
        signals=[long("2025-06-02", weight=0.5, target=0.10)],
        # bought at 101: 495 shares; 111.1 is 10 % more
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-02", 101.0, "2025-06-04", 111.1, "target",
                  gross=495 * 10.1),
        ],
        equity=[100_000 - 495, 100_000 - 495, 100_000 + 495 * 10.1],
    ),
    Case(
        name="a_level_has_no_tenth_decimal",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 50 51 49            50
                2025-06-03 40 41 33.3333333332 40   # below the third, above its nine decimals
                2025-06-04 40 41 33.333333333  40
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=1 / 3)],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-02", 50.0, "2025-06-04", 33.333333333,
                  "stop", gross=1000 * (33.333333333 - 50)),
        ],
        equity=[100_000, 90_000, 50_000 + 33_333.333333],
    ),
]
