"""New signals while in a trade, and several signals at one open."""

from tests.spec.case import Case, free, long, short, trade

# fmt: off
CASES = [
    Case(
        name="renewal_keeps_the_shares_and_counts_the_hold_anew",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 104 106 103 105
                2025-06-04 106 108 105 107
                2025-06-05 108 109 107 108
                2025-06-06 109 110 108 110
            """
        },
        settings=free(commission_per_share=0.005),
        signals=[long("2025-06-02", weight=0.5, hold=2), long("2025-06-03", weight=0.9, hold=2)],
        # counted from 06-03: leaves on 06-05, not on 06-04; no order, no commission in between
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-05", 108.0, "time",
                  gross=500 * (108 - 100), commission=2.5 + 2.5),
        ],
        equity=[
            100_000 + 500 * 1 - 2.5, 100_000 + 500 * 5 - 2.5, 100_000 + 500 * 7 - 2.5,
            103_995, 103_995,
        ],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="renewal_comes_before_the_time_exit_of_the_same_open",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 104 106 103 105
                2025-06-04 106 108 105 107
            """
        },
        signals=[short("2025-06-02", weight=0.5, hold=1), short("2025-06-03", hold=1)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-04", 106.0, "time",
                  gross=500 * (100 - 106)),
        ],
        equity=[100_000 - 500 * 1, 100_000 - 500 * 5, 97_000],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="renewal_without_hold_holds_to_the_end",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 104 106 103 105
                2025-06-04 106 108 105 107
            """
        },
        signals=[long("2025-06-02", weight=0.5, hold=1), long("2025-06-03")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 107.0, "open",
                  gross=500 * (107 - 100)),
        ],
        equity=[100_000 + 500 * 1, 100_000 + 500 * 5, 100_000 + 500 * 7],
    ),
    Case(
        name="renewal_sets_stop_and_target_from_its_raw_open",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 120 122 118 121
                2025-06-04 121 149 119 140
                2025-06-05 140 150.5 139 150
            """
        },
        settings=free(slippage_bps=100.0),
        signals=[
            long("2025-06-02", weight=0.5, target=0.125),
            long("2025-06-03", stop=0.25, target=0.25),
        ],
        # first target 101 x 1.125 = 113.625 is gone; the new one is 120 x 1.25 = 150
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-02", 101.0, "2025-06-05", 150.0, "target",
                  gross=495 * (150 - 101)),
        ],
        equity=[
            100_000, 100_000 + 495 * (121 - 101), 100_000 + 495 * (140 - 101),
            100_000 + 495 * (150 - 101),
        ],
    ),
    Case(
        name="renewal_of_a_short_sets_the_stop_from_its_raw_open",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  80  82  78  81
                2025-06-04  81 100  80  99
            """
        },
        settings=free(slippage_bps=100.0),
        signals=[short("2025-06-02", weight=0.5, stop=0.25), short("2025-06-03", stop=0.25)],
        # sold at 99: 505 shares; stop 123.75, then 80 x 1.25 = 100; bought at 100 x 1.01
        trades=[
            trade("e1", "ACME", "short", 505, "2025-06-02", 99.0, "2025-06-04", 101.0, "stop",
                  gross=505 * (99 - 101)),
        ],
        equity=[100_000 + 505 * (99 - 101), 100_000 + 505 * (99 - 81), 100_000 - 505 * 2],
    ),
    Case(
        name="renewal_without_stop_takes_the_old_stop_away",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 100 101  60  65
                2025-06-04  65  66  50  55
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.25, target=0.25), long("2025-06-03")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 55.0, "open",
                  gross=500 * (55 - 100)),
        ],
        equity=[100_000 + 500 * 1, 100_000 - 500 * 35, 100_000 - 500 * 45],
    ),
    Case(
        name="renewal_at_an_open_that_gaps_through_the_old_stop",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  80  85  73  84
                2025-06-04  84  88  83  87
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.1), long("2025-06-03", stop=0.1)],
        # the signal comes first: the stop of 90 is gone, the new one is 80 x 0.9 = 72
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 87.0, "open",
                  gross=500 * (87 - 100)),
        ],
        equity=[100_000 + 500 * 1, 100_000 - 500 * 16, 100_000 - 500 * 13],
    ),
    Case(
        name="renewal_sets_a_stop_that_the_same_session_hits",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  80  85  70  84
                2025-06-04  84  88  83  87
            """
        },
        settings=free(slippage_bps=100.0),
        signals=[long("2025-06-02", weight=0.5, stop=0.1), long("2025-06-03", stop=0.1)],
        # not at the open for the old stop but at 80 x 0.9 = 72, then slippage
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-02", 101.0, "2025-06-03", 72 * 0.99, "stop",
                  gross=495 * (72 * 0.99 - 101)),
        ],
        equity=[100_000] + 2 * [100_000 + 495 * (72 * 0.99 - 101)],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="renewal_sets_a_target_that_the_same_session_hits",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 104 131 103 120
            """
        },
        signals=[long("2025-06-02", weight=0.5), long("2025-06-03", target=0.25)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 130.0, "target",
                  gross=500 * (130 - 100)),
        ],
        equity=[100_000 + 500 * 1, 115_000],
    ),
    Case(
        name="renewal_keeps_the_best_close_of_the_trade",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 100 161  99 160
                2025-06-03 140 145 130 140
                2025-06-04 140 141 119 125
            """
        },
        signals=[
            long("2025-06-02", weight=0.5, trailing_stop=0.5),
            long("2025-06-03", trailing_stop=0.25),
        ],
        # 160 x 0.75 = 120 although the newer closes are lower; live on 06-03, too, but not touched
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 120.0,
                  "trailing_stop", gross=500 * (120 - 100)),
        ],
        equity=[100_000 + 500 * 60, 100_000 + 500 * 40, 110_000],
    ),
    Case(
        name="trailing_stop_of_a_renewal_is_live_at_once",
        rule="trailing stop",
        bars={
            "ACME": """
                2025-06-02 100 161  99 160
                2025-06-03 119 130 110 125
                2025-06-04 125 126 124 125
            """
        },
        signals=[long("2025-06-02", weight=0.5), long("2025-06-03", trailing_stop=0.25)],
        # the best close was 160: the level of 120 lies above the open of the renewal
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 119.0,
                  "trailing_stop", gross=500 * (119 - 100)),
        ],
        equity=[100_000 + 500 * 60, 109_500, 109_500],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="reversal_from_long_to_short",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 125 126 119 120
                2025-06-04 120 121 114 115
            """
        },
        signals=[long("2025-06-02", weight=0.5), short("2025-06-03", weight=0.5)],
        # equity at the open of 06-03: 112,500; 56,250 / 125 = 450
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 125.0, "reversal",
                  gross=500 * (125 - 100)),
            trade("e2", "ACME", "short", 450, "2025-06-03", 125.0, "2025-06-04", 115.0, "open",
                  gross=450 * (125 - 115)),
        ],
        equity=[100_000 + 500 * 1, 112_500 + 450 * 5, 112_500 + 450 * 10],
        cash=[50_000, 112_500 + 450 * 125, 112_500 + 450 * 125],
        outcomes={"e1": "enter", "e2": "reverse"},
    ),
    Case(
        name="reversal_from_short_to_long_with_the_whole_account",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  80  84  79  83
                2025-06-04  83  86  82  85
            """
        },
        signals=[short("2025-06-02", weight=1.0), long("2025-06-03", weight=1.0)],
        # 1,000 x 20 earned: 120,000 / 80 = 1,500
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-02", 100.0, "2025-06-03", 80.0,
                  "reversal", gross=1000 * (100 - 80)),
            trade("e2", "ACME", "long", 1500, "2025-06-03", 80.0, "2025-06-04", 85.0, "open",
                  gross=1500 * (85 - 80)),
        ],
        equity=[100_000 - 1000 * 1, 120_000 + 1500 * 3, 120_000 + 1500 * 5],
        cash=[200_000, 0, 0],
    ),
    Case(
        name="reversal_at_a_gap_through_the_stop",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  80  82  69  70
                2025-06-04  70  71  59  60
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.1), short("2025-06-03", weight=0.5)],
        # the signal comes before the stop of 90; equity 90,000; 45,000 / 80 = 562.5
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 80.0, "reversal",
                  gross=500 * (80 - 100)),
            trade("e2", "ACME", "short", 562, "2025-06-03", 80.0, "2025-06-04", 60.0, "open",
                  gross=562 * (80 - 60)),
        ],
        equity=[100_000 + 500 * 1, 90_000 + 562 * 10, 90_000 + 562 * 20],
    ),
    Case(
        name="reversal_pays_slippage_twice_and_its_equity_is_of_the_raw_open",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 110 112 109 111
                2025-06-04 111 112 104 105
            """
        },
        settings=free(slippage_bps=100.0),
        signals=[long("2025-06-02", weight=0.5), short("2025-06-03", weight=0.5)],
        # bought 495 at 101; sold 495 and then the short at 110 x 0.99 = 108.9;
        # equity 100,000 + 495 x 9 = 104,455; half of it / 108.9 = 479.6
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-02", 101.0, "2025-06-03", 108.9, "reversal",
                  gross=495 * (108.9 - 101)),
            trade("e2", "ACME", "short", 479, "2025-06-03", 108.9, "2025-06-04", 105.0, "open",
                  gross=479 * (108.9 - 105)),
        ],
        equity=[
            100_000,
            100_000 + 495 * 7.9 + 479 * (108.9 - 111),
            100_000 + 495 * 7.9 + 479 * (108.9 - 105),
        ],
    ),
    Case(
        name="reversal_comes_before_the_time_exit_of_the_same_open",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 100 102  95  96
                2025-06-04  96  97  94  95
            """
        },
        signals=[long("2025-06-02", weight=0.5, hold=1), short("2025-06-03", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "reversal"),
            trade("e2", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-04", 96.0, "time",
                  gross=500 * (100 - 96)),
        ],
        equity=[100_000 + 500 * 1, 100_000 + 500 * 4, 102_000],
    ),
    Case(
        name="reversal_without_room_for_the_new_side_still_closes",
        rule="new signal while in a trade",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 110 112 109 111
            """
        },
        signals=[long("2025-06-02", weight=0.5), short("2025-06-03", weight=0.001)],
        # 105,000 x 0.001 / 110 is less than one share
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 110.0, "reversal",
                  gross=500 * (110 - 100)),
        ],
        equity=[100_000 + 500 * 1, 105_000],
        outcomes={"e1": "enter", "e2": "no_room"},
    ),
    Case(
        name="stop_of_the_reversed_side_on_the_session_of_the_reversal",
        rule="stop",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 100 126  99 110
                2025-06-04 110 112 109 111
            """
        },
        signals=[long("2025-06-02", weight=0.5), short("2025-06-03", weight=0.5, stop=0.25)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "reversal"),
            trade("e2", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-03", 125.0, "stop",
                  gross=500 * (100 - 125)),
        ],
        equity=[100_000 + 500 * 1, 87_500, 87_500],
    ),
]
