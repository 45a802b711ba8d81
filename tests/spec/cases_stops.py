"""Stop and trailing stop."""

from tests.spec.case import Case, free, long, short, trade

# fmt: off
CASES = [
    Case(
        name="stop_on_the_entry_session",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 100 101  89  95
                2025-06-04  95  96  94  95
            """
        },
        signals=[long("2025-06-03", weight=0.5, stop=0.10)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-03", 90.0, "stop",
                  gross=500 * (90 - 100)),
        ],
        equity=[100_000, 95_000, 95_000],
        cash=[100_000, 95_000, 95_000],
        outcomes={"e1": "enter"},
    ),
    Case(
        name="stop_of_a_short_on_the_entry_session",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 100 130  98 105
                2025-06-04 105 106 104 105
            """
        },
        signals=[short("2025-06-03", weight=0.5, stop=0.25)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-03", 125.0, "stop",
                  gross=500 * (100 - 125)),
        ],
        equity=[100_000, 87_500, 87_500],
        cash=[100_000, 87_500, 87_500],
    ),
    Case(
        name="stop_in_a_later_session_fills_at_its_level",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 101 104  95 103
                2025-06-04  98  99  88  97
                2025-06-05  97  98  96  97
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.10)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 90.0, "stop",
                  gross=500 * (90 - 100)),
        ],
        equity=[100_000 + 500 * 1, 100_000 + 500 * 3, 95_000, 95_000],
    ),
    Case(
        name="stop_touched_to_the_cent",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 102    99 101
                2025-06-03  80  82 75.01  80
                2025-06-04  80  81    75  79
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.25)],
        # a low of 75.01 misses 75, a low of 75 touches it
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 75.0, "stop",
                  gross=500 * (75 - 100)),
        ],
        equity=[100_000 + 500 * 1, 100_000 - 500 * 20, 87_500],
    ),
    Case(
        name="stop_of_a_short_touched_to_the_cent",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100    102  99 101
                2025-06-03 120 124.99 118 120
                2025-06-04 120    125 119 121
            """
        },
        signals=[short("2025-06-02", weight=0.5, stop=0.25)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-04", 125.0, "stop",
                  gross=500 * (100 - 125)),
        ],
        equity=[100_000 - 500 * 1, 100_000 - 500 * 20, 87_500],
    ),
    Case(
        name="gap_through_the_stop_fills_at_the_open",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  80  95  78  94
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.10)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 80.0, "stop",
                  gross=500 * (80 - 100)),
        ],
        equity=[100_000 + 500 * 1, 90_000],
    ),
    Case(
        name="gap_of_a_short_through_the_stop_fills_at_the_open",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 140 142 101 102
            """
        },
        settings=free(slippage_bps=100.0),
        signals=[short("2025-06-02", weight=0.5, stop=0.25)],
        # sold at 99: 505 shares; stop 123.75; bought at 140 x 1.01 = 141.4
        trades=[
            trade("e1", "ACME", "short", 505, "2025-06-02", 99.0, "2025-06-03", 141.4, "stop",
                  gross=505 * (99 - 141.4)),
        ],
        equity=[100_000 + 505 * (99 - 101), 100_000 + 505 * (99 - 141.4)],
    ),
    Case(
        name="stop_is_set_from_the_fill_and_pays_slippage",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 102    99 101
                2025-06-03 100 101 90.04  95
            """
        },
        settings=free(slippage_bps=5.0),
        signals=[long("2025-06-02", weight=0.5, stop=0.10)],
        # stop 100.05 x 0.9 = 90.045, touched by 90.04; from the open it would be 90: not touched
        trades=[
            trade("e1", "ACME", "long", 499, "2025-06-02", 100.05, "2025-06-03", 90.045 * 0.9995,
                  "stop", gross=499 * (90.045 * 0.9995 - 100.05)),
        ],
        equity=[100_000 + 499 * (101 - 100.05), 100_000 + 499 * (90.045 * 0.9995 - 100.05)],
    ),
    Case(
        name="stop_fill_may_lie_below_the_low",
        rule="slippage",
        bars={
            "ACME": """
                2025-06-02 100 102    99 101
                2025-06-03 100 101 75.75  95
            """
        },
        settings=free(slippage_bps=100.0),
        signals=[long("2025-06-02", weight=0.5, stop=0.25)],
        # fill 101, 495 shares; stop 75.75, the very low; sold at 75.75 x 0.99 = 74.9925
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-02", 101.0, "2025-06-03", 74.9925, "stop",
                  gross=495 * (74.9925 - 101)),
        ],
        equity=[100_000, 100_000 + 495 * (74.9925 - 101)],
    ),
    Case(
        name="tight_stop_above_the_open_of_the_entry_fills_at_the_open",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 101 102 100 101
            """
        },
        settings=free(slippage_bps=100.0),
        signals=[long("2025-06-02", weight=0.5, stop=0.005)],
        # fill 101, stop 100.495: the open of 100 is beyond it at once; sold at 100 x 0.99
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-02", 101.0, "2025-06-02", 99.0, "stop",
                  gross=495 * (99 - 101)),
        ],
        equity=[100_000 - 990, 100_000 - 990],
    ),
    Case(
        name="after_a_stop_the_hold_does_nothing",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  95  96  88  90
                2025-06-04  91  93  90  92
                2025-06-05  92  95  91  94
            """
        },
        settings=free(commission_per_share=0.005),
        signals=[long("2025-06-02", weight=0.5, stop=0.10, hold=2)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 90.0, "stop",
                  gross=500 * (90 - 100), commission=2.5 + 2.5),
        ],
        equity=[100_000 + 500 - 2.5, 94_995, 94_995, 94_995],
    ),
    Case(
        name="stop_on_the_last_bar",
        rule="last bar",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  95  96  88  94
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.10)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 90.0, "stop",
                  gross=500 * (90 - 100)),
        ],
        equity=[100_000 + 500 * 1, 95_000],
    ),
    Case(
        name="trailing_stop_is_not_live_on_the_entry_session",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 100 101  50  96
                2025-06-03  96  97  80  95
                2025-06-04  95  96  70  71
            """
        },
        signals=[long("2025-06-02", weight=0.5, trailing_stop=0.25)],
        # 06-02 falls to 50 unharmed; then 96 x 0.75 = 72: 80 misses it, 70 does not
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 72.0,
                  "trailing_stop", gross=500 * (72 - 100)),
        ],
        equity=[100_000 - 500 * 4, 100_000 - 500 * 5, 86_000],
    ),
    Case(
        name="trailing_stop_follows_the_best_close_and_no_high",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 100 110  99 108
                2025-06-03 110 200 100 120
                2025-06-04 119 121  95 100
                2025-06-05 100 101  89  91
            """
        },
        signals=[long("2025-06-02", weight=0.5, trailing_stop=0.25)],
        # 06-03: 108 x 0.75 = 81; 06-04: 120 x 0.75 = 90, missed by 95 (the high of 200 is none
        # of its business); 06-05: still 90, for it never falls
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-05", 90.0,
                  "trailing_stop", gross=500 * (90 - 100)),
        ],
        equity=[100_000 + 500 * 8, 100_000 + 500 * 20, 100_000, 95_000],
    ),
    Case(
        name="trailing_stop_moves_between_sessions_only",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 100 104  99 100
                2025-06-03 100 165  80 160
                2025-06-04 119 125 110 120
            """
        },
        signals=[long("2025-06-02", weight=0.5, trailing_stop=0.25)],
        # 06-03: 100 x 0.75 = 75 all session long; 06-04: 160 x 0.75 = 120, gapped through to 119
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 119.0,
                  "trailing_stop", gross=500 * (119 - 100)),
        ],
        equity=[100_000, 100_000 + 500 * 60, 109_500],
    ),
    Case(
        name="trailing_stop_of_a_short_follows_the_lowest_close",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 100 150  95  96
                2025-06-03  96  97  60  80
                2025-06-04  80  99  75  88
                2025-06-05  90 101  89  99
            """
        },
        settings=free(slippage_bps=100.0),
        signals=[short("2025-06-02", weight=0.5, trailing_stop=0.25)],
        # sold at 99: 505 shares; 06-03: 96 x 1.25 = 120; from 06-04: 80 x 1.25 = 100,
        # missed by 99, hit by 101; bought at 100 x 1.01
        trades=[
            trade("e1", "ACME", "short", 505, "2025-06-02", 99.0, "2025-06-05", 101.0,
                  "trailing_stop", gross=505 * (99 - 101)),
        ],
        equity=[
            100_000 + 505 * (99 - 96), 100_000 + 505 * (99 - 80), 100_000 + 505 * (99 - 88),
            100_000 - 505 * 2,
        ],
    ),
    Case(
        name="of_stop_and_trailing_stop_the_higher_is_live",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 100 161  99 160
                2025-06-03 160 161 119 150
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.25, trailing_stop=0.25)],
        # stop 75, trailing 160 x 0.75 = 120
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 120.0,
                  "trailing_stop", gross=500 * (120 - 100)),
        ],
        equity=[100_000 + 500 * 60, 110_000],
    ),
    Case(
        name="of_stop_and_trailing_stop_of_a_short_the_lower_is_live",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 100 110  99 108
                2025-06-03 108 136 107 130
            """
        },
        signals=[short("2025-06-02", weight=0.5, stop=0.25, trailing_stop=0.25)],
        # stop 125, trailing 108 x 1.25 = 135
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 125.0, "stop",
                  gross=500 * (100 - 125)),
        ],
        equity=[100_000 - 500 * 8, 87_500],
    ),
    Case(
        name="stop_and_trailing_stop_at_one_level_count_as_stop",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 100 101  74  80
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.25, trailing_stop=0.25)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 75.0, "stop",
                  gross=500 * (75 - 100)),
        ],
        equity=[100_000, 87_500],
    ),
    Case(
        name="stop_guards_the_entry_session_that_the_trailing_stop_does_not",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 100 101  49  60
                2025-06-03  60  61  40  42
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.5, trailing_stop=0.1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-02", 50.0, "stop",
                  gross=500 * (50 - 100)),
        ],
        equity=[75_000, 75_000],
    ),
    Case(
        name="trailing_stop_and_target_in_one_session_the_stop_counts",
        rule="stop and target in one session",
        bars={
            "ACME": """
                2025-06-02 100 121  99 120
                2025-06-03 120 126  89 125
            """
        },
        signals=[long("2025-06-02", weight=0.5, target=0.25, trailing_stop=0.25)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 90.0,
                  "trailing_stop", gross=500 * (90 - 100)),
        ],
        equity=[100_000 + 500 * 20, 95_000],
    ),
]
