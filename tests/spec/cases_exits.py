"""Time exit, target, stop and target in one session, and the last bar."""

from tests.spec.case import Case, free, long, short, trade

# fmt: off
CASES = [
    Case(
        name="time_exit_at_the_open_after_hold_sessions",
        rule="time exit",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 100 104  98 103
                2025-06-04 103 106 102 105
                2025-06-05 108 109 104 104
                2025-06-06 104 105 100 101
            """
        },
        signals=[long("2025-06-03", weight=0.5, hold=2)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-05", 108.0, "time",
                  gross=500 * (108 - 100)),
        ],
        equity=[100_000, 100_000 + 500 * 3, 100_000 + 500 * 5, 104_000, 104_000],
    ),
    Case(
        name="hold_of_one_leaves_at_the_next_open",
        rule="time exit",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  96  97  90  91
                2025-06-04  91  92  90  91
            """
        },
        signals=[short("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 96.0, "time",
                  gross=500 * (100 - 96)),
        ],
        equity=[100_000 - 500 * 1, 102_000, 102_000],
    ),
    Case(
        name="hold_counts_sessions_not_days",
        rule="time exit",
        bars={
            "ACME": """
                2025-06-18 100 101  99 100   # Wednesday; Thursday is a holiday
                2025-06-20 102 103 101 102   # Friday
                2025-06-23 104 106 103 105   # Monday
                2025-06-24 107 108 106 107
            """
        },
        signals=[long("2025-06-18", weight=0.5, hold=2)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-18", 100.0, "2025-06-23", 104.0, "time",
                  gross=500 * (104 - 100)),
        ],
        equity=[100_000, 100_000 + 500 * 2, 102_000, 102_000],
    ),
    Case(
        name="time_exit_of_a_long_pays_slippage",
        rule="slippage",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 104 106 103 105
            """
        },
        settings=free(slippage_bps=5.0),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        # 50,000 / 100.05 = 499.75; sold at 104 x 0.9995 = 103.948
        trades=[
            trade("e1", "ACME", "long", 499, "2025-06-02", 100.05, "2025-06-03", 103.948, "time",
                  gross=499 * (103.948 - 100.05)),
        ],
        equity=[100_000 + 499 * (101 - 100.05), 100_000 + 499 * (103.948 - 100.05)],
    ),
    Case(
        name="time_exit_of_a_short_pays_slippage",
        rule="slippage",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 104 106 103 105
            """
        },
        settings=free(slippage_bps=5.0),
        signals=[short("2025-06-02", weight=0.5, hold=1)],
        # sold at 99.95: 500.25 shares; bought at 104 x 1.0005 = 104.052
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 99.95, "2025-06-03", 104.052, "time",
                  gross=500 * (99.95 - 104.052)),
        ],
        equity=[100_000 + 500 * (99.95 - 101), 100_000 + 500 * (99.95 - 104.052)],
    ),
    Case(
        name="hold_beyond_the_data_stays_open",
        rule="last bar",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 104 106 103 105
                2025-06-04 105 107 101 102
            """
        },
        settings=free(slippage_bps=5.0, commission_per_share=0.005),
        signals=[long("2025-06-02", weight=0.5, hold=3)],
        # neither slippage nor commission at the last close: nothing was sold
        trades=[
            trade("e1", "ACME", "long", 499, "2025-06-02", 100.05, "2025-06-04", 102.0, "open",
                  gross=499 * (102 - 100.05), commission=499 * 0.005),
        ],
        equity=[
            100_000 + 499 * (101 - 100.05) - 2.495,
            100_000 + 499 * (105 - 100.05) - 2.495,
            100_000 + 499 * (102 - 100.05) - 2.495,
        ],
    ),
    Case(
        name="time_exit_on_the_last_bar",
        rule="last bar",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 104 106 103 105
                2025-06-04 106 107 101 102
            """
        },
        signals=[long("2025-06-02", weight=0.5, hold=2)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 106.0, "time",
                  gross=500 * (106 - 100)),
        ],
        equity=[100_000 + 500 * 1, 100_000 + 500 * 5, 103_000],
    ),
    Case(
        name="time_exit_comes_before_the_stop_its_open_gaps_through",
        rule="time exit",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  80  82  70  75
            """
        },
        settings=free(commission_per_share=0.005),
        signals=[long("2025-06-02", weight=0.5, hold=1, stop=0.1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 80.0, "time",
                  gross=500 * (80 - 100), commission=2.5 + 2.5),
        ],
        equity=[100_000 + 500 - 2.5, 100_000 - 10_000 - 5],
    ),
    Case(
        name="target_of_a_long_fills_at_its_level",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 110 130 109 128
                2025-06-04 128 129 120 121
            """
        },
        signals=[long("2025-06-02", weight=0.5, target=0.25)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 125.0, "target",
                  gross=500 * (125 - 100)),
        ],
        equity=[100_000 + 500 * 1, 112_500, 112_500],
    ),
    Case(
        name="target_of_a_short_fills_at_its_level",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  90  91  70  72
                2025-06-04  72  75  70  74
            """
        },
        signals=[short("2025-06-02", weight=0.5, target=0.25)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 75.0, "target",
                  gross=500 * (100 - 75)),
        ],
        equity=[100_000 - 500 * 1, 112_500, 112_500],
    ),
    Case(
        name="target_touched_to_the_cent",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 110 124.99 109 120
                2025-06-04 120 125    118 119
            """
        },
        signals=[long("2025-06-02", weight=0.5, target=0.25)],
        # a high of 124.99 misses 125, a high of 125 touches it
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 125.0, "target",
                  gross=500 * (125 - 100)),
        ],
        equity=[100_000 + 500 * 1, 100_000 + 500 * 20, 112_500],
    ),
    Case(
        name="target_of_a_short_touched_to_the_cent",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 102    99 101
                2025-06-03  90  91 75.01  80
                2025-06-04  80  82    75  81
            """
        },
        signals=[short("2025-06-02", weight=0.5, target=0.25)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-04", 75.0, "target",
                  gross=500 * (100 - 75)),
        ],
        equity=[100_000 - 500 * 1, 100_000 + 500 * 20, 112_500],
    ),
    Case(
        name="target_of_a_long_fills_at_a_better_open",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 140 142 135 138
            """
        },
        signals=[long("2025-06-02", weight=0.5, target=0.25)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 140.0, "target",
                  gross=500 * (140 - 100)),
        ],
        equity=[100_000 + 500 * 1, 120_000],
    ),
    Case(
        name="target_of_a_short_fills_at_a_better_open",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  60  66  58  65
            """
        },
        signals=[short("2025-06-02", weight=0.5, target=0.25)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 60.0, "target",
                  gross=500 * (100 - 60)),
        ],
        equity=[100_000 - 500 * 1, 120_000],
    ),
    Case(
        name="target_is_set_from_the_fill_and_has_no_slippage",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 110 126 109 120
                2025-06-04 120 127 118 119
            """
        },
        settings=free(slippage_bps=100.0),
        signals=[long("2025-06-02", weight=0.5, target=0.25)],
        # fill 101, 495 shares, target 101 x 1.25 = 126.25: 126 misses it, 127 does not
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-02", 101.0, "2025-06-04", 126.25, "target",
                  gross=495 * (126.25 - 101)),
        ],
        equity=[100_000, 100_000 + 495 * (120 - 101), 100_000 + 495 * (126.25 - 101)],
    ),
    Case(
        name="target_on_the_entry_session",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 130  99 110
                2025-06-03 110 112 108 109
            """
        },
        signals=[long("2025-06-02", weight=0.5, target=0.25)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-02", 125.0, "target",
                  gross=500 * (125 - 100)),
        ],
        equity=[112_500, 112_500],
    ),
    Case(
        name="stop_and_target_in_one_session_the_stop_counts",
        rule="stop and target in one session",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 100 130  70 128
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.25, target=0.25)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 75.0, "stop",
                  gross=500 * (75 - 100)),
        ],
        equity=[100_000 + 500 * 1, 87_500],
    ),
    Case(
        name="stop_and_target_of_a_short_on_the_entry_session_the_stop_counts",
        rule="stop and target in one session",
        bars={
            "ACME": """
                2025-06-02 100 130  70  72
                2025-06-03  72  74  70  71
            """
        },
        signals=[short("2025-06-02", weight=0.5, stop=0.25, target=0.25)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-02", 125.0, "stop",
                  gross=500 * (100 - 125)),
        ],
        equity=[87_500, 87_500],
    ),
    Case(
        name="open_beyond_the_target_but_the_stop_is_touched_later",
        rule="stop and target in one session",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 130 131  70  90
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.25, target=0.25)],
        # harsh and plain: the stop is looked at first, always
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 75.0, "stop",
                  gross=500 * (75 - 100)),
        ],
        equity=[100_000 + 500 * 1, 87_500],
    ),
    Case(
        name="gap_through_the_stop_in_a_session_that_reaches_the_target",
        rule="stop and target in one session",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  60 130  55 128
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.25, target=0.25)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 60.0, "stop",
                  gross=500 * (60 - 100)),
        ],
        equity=[100_000 + 500 * 1, 80_000],
    ),
    Case(
        name="gap_of_a_short_through_the_stop_in_a_session_that_reaches_the_target",
        rule="stop and target in one session",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 140 145  70  72
            """
        },
        signals=[short("2025-06-02", weight=0.5, stop=0.25, target=0.25)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 140.0, "stop",
                  gross=500 * (100 - 140)),
        ],
        equity=[100_000 - 500 * 1, 80_000],
    ),
]
