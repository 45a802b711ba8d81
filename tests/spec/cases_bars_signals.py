"""Runs by bars of five minutes: several signals of a session, and of several symbols."""

from tests.spec.case import Case, flat, free, long, short, trade

DAY = {
    "ACME": """
        2025-06-03 09:30 100 101  99 100
        2025-06-03 09:35 102 103 101 102
        2025-06-03 15:55 110 112 109 111
        2025-06-04 09:30 120 121 119 120
    """
}

# fmt: off
CASES = [
    Case(
        name="two_signals_of_one_session_reverse_within_it",
        rule="finer bars",
        bars={},
        finer=DAY,
        signals=[
            long("2025-06-03 09:30", weight=0.5),
            short("2025-06-03 15:55", weight=0.5, hold=1),
        ],
        # 100,000 + 500 × 10 = 105,000, half of it at 110 is 477 shares.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-03 15:55", 110.0,
                  "reversal", gross=500 * (110 - 100)),
            trade("e2", "ACME", "short", 477, "2025-06-03 15:55", 110.0, "2025-06-04 09:30", 120.0,
                  "time", gross=477 * (110 - 120)),
        ],
        equity=[105_000 - 477, 105_000 - 4_770],
        outcomes={"e1": "enter", "e2": "reverse"},
    ),
    Case(
        name="two_signals_of_one_session_enter_and_leave_within_it",
        rule="finer bars",
        bars={},
        finer=DAY,
        signals=[long("2025-06-03 09:30", weight=0.5), flat("2025-06-03 09:35")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-03 09:35", 102.0,
                  "signal", gross=500 * (102 - 100)),
        ],
        equity=[101_000, 101_000],
        outcomes={"e1": "enter", "e2": "leave"},
    ),
    Case(
        name="of_two_signals_of_one_bar_the_one_published_last_acts",
        rule="finer bars",
        bars={},
        finer=DAY,
        signals=[short("2025-06-03 09:35", weight=0.5), long("2025-06-03 09:35", weight=0.51)],
        trades=[  # 51,000 ÷ 102
            trade("e2", "ACME", "long", 500, "2025-06-03 09:35", 102.0, "2025-06-04 09:30", 120.0,
                  "open", gross=500 * (120 - 102)),
        ],
        equity=[104_500, 109_000],
        outcomes={"e1": "superseded", "e2": "enter"},
    ),
    Case(
        name="of_two_signals_for_one_close_the_one_published_last_acts",
        rule="finer bars",
        bars={},
        finer=DAY,
        # Known at different bars, they act at the same one.
        signals=[
            short("2025-06-03 09:30", weight=0.5, enter="close"),
            long("2025-06-03 09:35", weight=0.55, enter="close"),
        ],
        trades=[  # 55,000 ÷ the last open of 110
            trade("e2", "ACME", "long", 500, "2025-06-03 15:55", 111.0, "2025-06-04 09:30", 120.0,
                  "open", gross=500 * (120 - 111)),
        ],
        equity=[100_000, 104_500],
        outcomes={"e1": "superseded", "e2": "enter"},
    ),
    Case(
        name="a_signal_for_the_close_gives_way_to_a_newer_one_of_the_last_bar",
        rule="finer bars",
        bars={},
        finer=DAY,
        signals=[
            short("2025-06-03 09:30", weight=0.5, enter="close"),
            long("2025-06-03 15:55", weight=0.55),
        ],
        trades=[
            trade("e2", "ACME", "long", 500, "2025-06-03 15:55", 110.0, "2025-06-04 09:30", 120.0,
                  "open", gross=500 * (120 - 110)),
        ],
        equity=[100_500, 105_000],
        outcomes={"e1": "superseded", "e2": "enter"},
    ),
    Case(
        name="a_signal_for_the_close_comes_after_those_of_the_bars_before",
        rule="finer bars",
        bars={},
        finer=DAY,
        signals=[
            flat("2025-06-03 09:30", leave="close"),
            long("2025-06-03 09:35", weight=0.51),
        ],
        trades=[
            trade("e2", "ACME", "long", 500, "2025-06-03 09:35", 102.0, "2025-06-03 15:55", 111.0,
                  "signal", gross=500 * (111 - 102)),
        ],
        equity=[104_500, 104_500],
        outcomes={"e1": "leave", "e2": "enter"},
    ),
    Case(
        name="in_a_session_by_the_day_its_signals_are_of_one_bar",
        rule="finer bars",
        bars={"ACME": "2025-06-04 120 125 115 122"},
        finer={"ACME": "2025-06-03 15:55 100 100 100 100"},
        signals=[short("2025-06-04 09:30", weight=0.5), long("2025-06-04 09:30", weight=0.6)],
        trades=[
            trade("e2", "ACME", "long", 500, "2025-06-04", 120.0, "2025-06-04", 122.0, "open",
                  gross=500 * (122 - 120)),
        ],
        equity=[100_000, 101_000],
        outcomes={"e1": "superseded", "e2": "enter"},
    ),
    Case(
        name="what_leaves_at_a_bar_makes_room_for_what_enters_at_the_next",
        rule="finer bars",
        bars={},
        finer={
            **DAY,
            "BOLT": """
                2025-06-03 09:30  50  50  50  50
                2025-06-03 09:35  50  50  50  50
                2025-06-03 15:55  50  50  50  50
                2025-06-04 09:30  55  55  55  55
            """,
        },
        signals=[
            long("2025-06-03 09:30", weight=1.0, hold_bars=1),
            long("2025-06-03 09:35", "BOLT", weight=0.5),  # signals come before time exits
            long("2025-06-03 15:55", "BOLT", weight=0.5),
        ],
        # 1,000 at 100, left at 102; half of 102,000 at 50.
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-03 09:30", 100.0, "2025-06-03 09:35", 102.0,
                  "time", gross=1000 * (102 - 100)),
            trade("e3", "BOLT", "long", 1020, "2025-06-03 15:55", 50.0, "2025-06-04 09:30", 55.0,
                  "open", gross=1020 * (55 - 50)),
        ],
        equity=[102_000, 102_000 + 5_100],
        outcomes={"e1": "enter", "e2": "no_room", "e3": "enter"},
    ),
    Case(
        name="equity_at_a_bar_counts_a_symbol_that_has_none_at_its_last_close",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 09:30 100 110 100 110
                2025-06-03 09:40 130 130 130 130
            """,
            "BOLT": """
                2025-06-03 09:30  50  50  50  50
                2025-06-03 09:35  50  50  50  50
                2025-06-03 09:40  50  50  50  50
            """,
        },
        signals=[
            long("2025-06-03 09:30", weight=0.5),
            long("2025-06-03 09:35", "BOLT", weight=0.4),  # of 105,000: 42,000 ÷ 50
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-03 09:40", 130.0,
                  "open", gross=500 * (130 - 100)),
            trade("e2", "BOLT", "long", 840, "2025-06-03 09:35", 50.0, "2025-06-03 09:40", 50.0,
                  "open"),
        ],
        equity=[115_000],
    ),
    Case(
        name="a_stop_waits_through_a_halt_and_fills_at_the_bar_that_ends_it",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 09:30 100 101  99 100
                2025-06-03 11:00  90  92  89  91
            """,
            "BOLT": """
                2025-06-03 09:30  50  50  50  50
                2025-06-03 10:00  50  50  50  50
                2025-06-03 11:00  50  50  50  50
            """,
        },
        signals=[long("2025-06-03 09:30", weight=0.5, stop=0.05)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-03 11:00", 90.0,
                  "stop", gross=500 * (90 - 100)),
        ],
        equity=[95_000],
    ),
    Case(
        name="a_halt_of_a_session_counts_neither_for_the_hold_nor_for_the_bars",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 09:30 100 101  99 100
                2025-06-05 09:30 103 104 102 103
                2025-06-05 09:35 104 105 103 104
            """,
            "BOLT": """
                2025-06-03 09:30  50  50  50  50
                2025-06-04 09:30  50  50  50  50
                2025-06-05 09:30  50  50  50  50
            """,
        },
        signals=[long("2025-06-03 09:30", weight=0.5, hold=1, leave_at="09:35")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-05 09:35", 104.0,
                  "time", gross=500 * (104 - 100)),
        ],
        equity=[100_000, 100_000, 102_000],
    ),
    Case(
        name="bars_of_two_symbols_that_never_meet_are_served_in_their_order",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 09:30 100 100 100 100
                2025-06-03 09:40 104 104 104 104
            """,
            "BOLT": """
                2025-06-03 09:35  50  50  50  50
                2025-06-03 09:45  60  60  60  60
            """,
        },
        signals=[
            long("2025-06-03 09:30", weight=1.0, hold_bars=1),
            long("2025-06-03 09:45", "BOLT", weight=0.6),  # 62,400 ÷ 60
        ],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-03 09:30", 100.0, "2025-06-03 09:40", 104.0,
                  "time", gross=1000 * (104 - 100)),
            trade("e2", "BOLT", "long", 1040, "2025-06-03 09:45", 60.0, "2025-06-03 09:45", 60.0,
                  "open"),
        ],
        equity=[104_000],
    ),
    Case(
        name="borrow_over_a_session_without_bars_of_the_stock_is_owed_at_its_next_bar",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 09:30 100 102  99 102
                2025-06-05 09:35 103 104 102 103
            """,
            "BOLT": """
                2025-06-04 09:30  50  50  50  50
                2025-06-05 09:30  50  50  50  50
            """,
        },
        signals=[short("2025-06-03 09:30", weight=0.5)],
        settings=free(borrow_default=0.36, borrow_collateral=1.0),
        trades=[  # two nights of a thousandth of 51,000
            trade("e1", "ACME", "short", 500, "2025-06-03 09:30", 100.0, "2025-06-05 09:35", 103.0,
                  "open", gross=500 * (100 - 103), borrow=102.0),
        ],
        equity=[99_000, 99_000, 98_500 - 102],
    ),
]
