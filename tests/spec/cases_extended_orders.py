"""Runs by bars of extended hours: costs, sizes, limits, hedges, and which bars a run has."""

from tests.spec.case import Case, extended, flat, long, short, trade

# fmt: off
CASES = [
    Case(
        name="slippage_outside_of_hours_is_its_own",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100
            2025-06-06 16:10 100 100 100 100
            2025-06-09 09:30 100 100 100 100
        """},
        signals=[long("2025-06-06 16:10", weight=0.51, hold_bars=1)],
        settings=extended(slippage_bps=100.0, extended_slippage_bps=200.0),
        trades=[  # 51,000 ÷ 102
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 102.0, "2025-06-09 09:30", 99.0,
                  "time", gross=500 * (99 - 102)),
        ],
        equity=[100_000, 98_500],
    ),
    Case(
        name="ranges_are_of_the_bar_before_of_the_same_hours",
        rule="extended hours",
        bars={},
        # A tenth of the range: none at first, of 20 % at 08:00, of 40 % at 09:30.
        finer={"ACME": """
            2025-06-06 15:55 100 120  80 100
            2025-06-06 16:10 100 110  90 100
            2025-06-09 08:00 100 101  99 100
            2025-06-09 09:30 100 101  99 100
        """},
        signals=[
            long("2025-06-06 16:10", weight=0.5, hold_bars=1),
            short("2025-06-09 09:30", weight=0.48, hold_bars=0, leave="close"),
        ],
        settings=extended(slippage_range=0.1),
        trades=[  # 99,000 × 0.48 ÷ 96 = 495
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 100.0, "2025-06-09 08:00", 98.0,
                  "time", gross=500 * (98 - 100)),
            trade("e2", "ACME", "short", 495, "2025-06-09 09:30", 96.0, "2025-06-09 09:30", 104.0,
                  "time", gross=495 * (96 - 104)),
        ],
        equity=[100_000, 99_000 - 495 * 8],
    ),
    Case(
        name="volumes_are_of_bars_of_the_same_hours",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:50 100 100 100 100 700
            2025-06-06 15:55 100 100 100 100 900
            2025-06-06 16:10 100 100 100 100  30
            2025-06-09 08:00 100 100 100 100  50
            2025-06-09 08:05 100 100 100 100  70
            2025-06-09 09:30 100 100 100 100  90
        """},
        signals=[
            long("2025-06-09 08:05", weight=0.5, hold_bars=1),
            long("2025-06-09 09:30", weight=0.5),  # renews nothing: the first leaves before
        ],
        settings=extended(max_participation=0.5),
        trades=[  # half of the median of 30 and 50, of 700 and 900
            trade("e1", "ACME", "long", 20, "2025-06-09 08:05", 100.0, "2025-06-09 09:30", 100.0,
                  "open"),
        ],
        equity=[100_000, 100_000],
        outcomes={"e1": "enter", "e2": "renew"},
        capped={"e1"},
    ),
    Case(
        name="volumes_of_regular_bars_leave_those_outside_out",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100 80
            2025-06-06 16:10 100 100 100 100  2
            2025-06-09 08:00 100 100 100 100  2
            2025-06-09 09:30 100 100 100 100 90
        """},
        signals=[
            long("2025-06-06 16:10", weight=0.2, hold_bars=1),  # no cap: none of its kind before
            long("2025-06-09 09:30", weight=0.5),
        ],
        settings=extended(max_participation=0.5),
        trades=[
            trade("e1", "ACME", "long", 200, "2025-06-06 16:10", 100.0, "2025-06-09 08:00", 100.0,
                  "time"),
            trade("e2", "ACME", "long", 40, "2025-06-09 09:30", 100.0, "2025-06-09 09:30", 100.0,
                  "open"),
        ],
        equity=[100_000, 100_000],
        capped={"e2"},
    ),
    Case(
        name="a_limit_after_hours_is_measured_from_the_last_regular_close",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100
            2025-06-06 16:10 101 102  90  91  # nor is the stop of 93.1 touched in it
            2025-06-09 09:30  99  99  99  99
        """},
        signals=[long("2025-06-06 16:10", weight=0.49, limit=0.02, stop=0.05)],
        settings=extended(),
        trades=[  # 49,000 ÷ 98
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 98.0, "2025-06-09 09:30", 99.0,
                  "open", gross=500.0),
        ],
        equity=[100_000, 100_500],
    ),
    Case(
        name="a_limit_at_the_open_is_measured_from_the_close_before_it",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100
            2025-06-09 09:25 110 110 110 110
            2025-06-09 09:30 109 109 104 106
        """},
        signals=[short("2025-06-09 09:30", weight=0.55, limit=-0.01)],
        settings=extended(),
        # A sale at 108.9 or better is filled at the open: 55,000 ÷ 108.9 = 505.05.
        trades=[
            trade("e1", "ACME", "short", 505, "2025-06-09 09:30", 109.0, "2025-06-09 09:30", 106.0,
                  "open", gross=505 * (109 - 106)),
        ],
        equity=[100_000, 101_515],
    ),
    Case(
        name="without_a_close_before_there_is_no_limit",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-05 16:10 100 100 100 100  # of a day before the run
            2025-06-06 08:00 100 100 100 100
            2025-06-06 09:30 100 100 100 100
        """},
        signals=[
            long("2025-06-06 08:00", weight=0.5, limit=0.0),
            long("2025-06-06 09:30", weight=0.5, limit=0.0),
        ],
        settings=extended(),
        trades=[
            trade("e2", "ACME", "long", 500, "2025-06-06 09:30", 100.0, "2025-06-06 09:30", 100.0,
                  "open"),
        ],
        equity=[100_000],
        outcomes={"e1": "not_filled", "e2": "enter"},
    ),
    Case(
        name="signals_before_and_after_hours_are_of_their_bars",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100
            2025-06-06 16:10 100 100 100 100
            2025-06-09 08:00 110 110 110 110
            2025-06-09 09:30 100 100 100 100
        """},
        signals=[
            long("2025-06-06 16:10", weight=0.5),
            short("2025-06-09 08:00", weight=0.5),
            short("2025-06-09 09:30", weight=0.2, resize=True),
        ],
        settings=extended(),
        # 105,000 ÷ 2 ÷ 110 = 477.3; then 109,770 × 0.2 ÷ 100 = 219.5.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 100.0, "2025-06-09 08:00", 110.0,
                  "reversal", gross=500 * 10.0),
            trade("e2", "ACME", "short", 477, "2025-06-09 08:00", 110.0, "2025-06-09 09:30", 100.0,
                  "open", gross=477 * 10.0),
        ],
        equity=[100_000, 109_770],
        outcomes={"e1": "enter", "e2": "reverse", "e3": "resize"},
    ),
    Case(
        name="what_is_for_the_close_waits_for_the_last_regular_bar",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100
            2025-06-06 16:10 100 105 100 105
            2025-06-09 09:30 106 106 106 106
            2025-06-09 15:55 110 111 110 111
            2025-06-09 16:10 111 120 111 120
            2025-06-10 09:30 115 115 115 115
        """},
        signals=[
            long("2025-06-06 16:10", weight=0.55, enter="close", hold_bars=2),
        ],
        settings=extended(),
        trades=[  # 55,000 ÷ the open of 110
            trade("e1", "ACME", "long", 500, "2025-06-09 15:55", 111.0, "2025-06-10 09:30", 115.0,
                  "time", gross=500 * 4.0),
        ],
        equity=[100_000, 100_000, 102_000],
    ),
]

CASES += [
    Case(
        name="where_a_hedge_has_no_bar_outside_of_hours_none_has",
        rule="extended hours",
        bars={},
        finer={
            "ACME": """
                2025-06-06 15:55 100 100 100 100
                2025-06-06 16:10 101 101 101 101
                2025-06-06 16:15 102 102 102 102
                2025-06-09 09:30 104 104 104 104
            """,
            "INDX": """
                2025-06-06 15:55 200 200 200 200
                2025-06-06 16:15 201 201 201 201
                2025-06-09 09:30 203 203 203 203
            """,
        },
        signals=[long("2025-06-06 15:55", weight=0.4, hold_bars=1, legs=(("INDX", 1.0),))],
        settings=extended(extended_slippage_bps=100.0),
        trades=[  # 400 at 100, less one percent; as many dollars of 200 short, and one percent
            trade("e1", "ACME", "long", 400, "2025-06-06 15:55", 100.0, "2025-06-06 16:15", 100.98,
                  "time", gross=400 * 0.98, hedge=200 * (200 - 203.01)),
        ],
        equity=[100_000, 100_000 + 392 - 602],
    ),
    Case(
        name="a_hedge_entered_after_hours_owes_the_night",
        rule="extended hours",
        bars={},
        finer={
            "ACME": """
                2025-06-06 15:55 100 100 100 100
                2025-06-06 16:10 100 100 100 100
                2025-06-09 08:00 102 102 102 102
                2025-06-09 09:30 104 104 104 104
            """,
            "INDX": """
                2025-06-06 15:55 190 190 190 190
                2025-06-06 16:10 200 202 200 202
                2025-06-09 08:00 203 203 203 203
                2025-06-09 09:30 204 204 204 204
            """,
        },
        signals=[long("2025-06-06 16:10", weight=0.4, legs=(("INDX", 1.0),)),
                 flat("2025-06-09 08:00")],
        settings=extended(borrow_default=0.36, borrow_collateral=1.0),
        trades=[  # three days on 200 × 202
            trade("e1", "ACME", "long", 400, "2025-06-06 16:10", 100.0, "2025-06-09 08:00", 102.0,
                  "signal", gross=400 * 2.0, hedge=200 * (200 - 203) - 121.2),
        ],
        of_legs={"borrow": 121.2},
        equity=[100_000, 100_200 - 121.2],
    ),
    Case(
        name="the_legs_of_a_leader_stopped_at_the_last_regular_bar_leave_at_its_close",
        rule="extended hours",
        bars={},
        finer={
            "ACME": """
                2025-06-06 09:30 100 100 100 100
                2025-06-06 15:55 100 100  94  96
                2025-06-06 16:10  97  97  97  97
                2025-06-09 09:30  98  98  98  98
            """,
            "INDX": """
                2025-06-06 09:30 200 200 200 200
                2025-06-06 15:55 199 199 198 198
                2025-06-06 16:10 150 150 150 150
                2025-06-09 09:30 150 150 150 150
            """,
        },
        signals=[long("2025-06-06 09:30", weight=0.4, stop=0.05, legs=(("INDX", 1.0),))],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-06 09:30", 100.0, "2025-06-06 15:55", 95.0,
                  "stop", gross=400 * -5.0, hedge=200 * 2.0),
        ],
        equity=[98_400, 98_400],
    ),
    Case(
        name="bars_outside_of_hours_of_a_session_by_the_day_are_left_out",
        rule="extended hours",
        bars={"ACME": "2025-06-09 104 105 103 104"},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100
            2025-06-06 16:10 102 102 102 102
            2025-06-09 08:00 103 103 103 103
            2025-06-09 16:10 106 106 106 106  # of Tuesday
            2025-06-10 09:30 108 108 108 108
        """},
        signals=[long("2025-06-06 15:55", weight=0.5, hold_bars=2)],
        settings=extended(extended_slippage_bps=100.0),
        trades=[  # 106 less one percent
            trade("e1", "ACME", "long", 500, "2025-06-06 15:55", 100.0, "2025-06-09 16:10", 104.94,
                  "time", gross=500 * 4.94),
        ],
        equity=[100_000, 102_000, 102_470],
    ),
    Case(
        name="bars_outside_of_hours_of_a_session_in_which_a_stock_halts_are_left_out",
        rule="extended hours",
        bars={},
        finer={
            "ACME": """
                2025-06-06 15:55 100 100 100 100
                2025-06-06 16:10 102 102 102 102
                2025-06-09 08:00 103 103 103 103
                2025-06-09 16:10 106 106 106 106  # of Tuesday
                2025-06-10 09:30 108 108 108 108
            """,
            "BOLT": """
                2025-06-06 15:55  50  50  50  50
                2025-06-09 09:30  50  50  50  50
                2025-06-10 09:30  50  50  50  50
            """,
        },
        signals=[long("2025-06-06 15:55", weight=0.5, hold_bars=1)],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 15:55", 100.0, "2025-06-09 16:10", 106.0,
                  "time", gross=500 * 6.0),
        ],
        equity=[100_000, 100_000, 103_000],
    ),
    Case(
        name="after_the_early_close_of_a_half_day_it_is_the_next_session",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-11-28 12:55 100 100 100 100
            2025-11-28 13:00 101 101 101 101
            2025-11-28 14:00 102 102 102 102
            2025-12-01 09:30 104 104 104 104
            2025-12-01 14:00 105 105 105 105
        """},
        signals=[long("2025-11-28 13:00", weight=0.505, hold=0)],
        settings=extended(extended_slippage_bps=0.0, slippage_bps=100.0),
        trades=[  # 50,500 ÷ 101; 105 less one percent
            trade("e1", "ACME", "long", 500, "2025-11-28 13:00", 101.0, "2025-12-01 14:00", 103.95,
                  "time", gross=500 * 2.95),
        ],
        equity=[100_000, 101_475],
    ),
]
