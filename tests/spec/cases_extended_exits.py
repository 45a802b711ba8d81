"""Runs by bars of extended hours: times to leave, stops, targets and levels of closes."""

from tests.spec.case import Case, extended, flat, long, short, trade

# A weekend: what trades on Friday after the close belongs to Monday's session.
WEEKEND = {
    "ACME": """
        2025-06-05 18:00  50  50  50  50  # after hours of a day before the first session
        2025-06-06 15:55 100 100 100 100
        2025-06-06 16:10 102 103 101 103
        2025-06-07 12:00  50  50  50  50  # on a Saturday
        2025-06-09 03:55  50  50  50  50  # too early
        2025-06-09 08:00 105 105 105 105
        2025-06-09 09:30 104 105 103 104
        2025-06-09 15:55 106 107 105 107
        2025-06-10 09:30 108 109 107 108
        2025-06-10 16:10  50  50  50  50  # of a session that the run does not have
    """
}

# fmt: off
CASES = [
    Case(
        name="entered_after_hours_it_is_held_from_the_next_session_on",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 16:10", weight=0.51, hold=1)],
        settings=extended(),
        trades=[  # 51,000 ÷ 102, left in the session after Monday's
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 102.0, "2025-06-10 09:30", 108.0,
                  "time", gross=500 * (108 - 102)),
        ],
        equity=[100_000, 102_500, 103_000],
    ),
    Case(
        name="entered_after_hours_a_hold_of_zero_ends_at_the_close_of_the_next_session",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 16:10", weight=0.51, hold=0)],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 102.0, "2025-06-09 15:55", 107.0,
                  "time", gross=500 * (107 - 102)),
        ],
        equity=[100_000, 102_500, 102_500],
    ),
    Case(
        name="a_hold_ends_in_the_first_regular_bar_of_its_session",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 15:55", weight=0.5, hold=1)],
        settings=extended(),
        trades=[  # neither at 16:10 nor at 08:00, which are Monday's too
            trade("e1", "ACME", "long", 500, "2025-06-06 15:55", 100.0, "2025-06-09 09:30", 104.0,
                  "time", gross=500 * (104 - 100)),
        ],
        equity=[100_000, 102_000, 102_000],
    ),
    Case(
        name="held_to_the_end_it_is_worth_the_last_regular_close",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-09 08:00", weight=0.525)],
        settings=extended(),
        trades=[  # 52,500 ÷ 105
            trade("e1", "ACME", "long", 500, "2025-06-09 08:00", 105.0, "2025-06-10 09:30", 108.0,
                  "open", gross=500 * (108 - 105)),
        ],
        equity=[100_000, 101_000, 101_500],
    ),
    Case(
        name="the_clock_is_looked_at_in_regular_bars_alone",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 16:10", weight=0.51, leave_at="08:00")],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 102.0, "2025-06-09 09:30", 104.0,
                  "time", gross=500 * (104 - 102)),
        ],
        equity=[100_000, 101_000, 101_000],
    ),
    Case(
        name="the_clock_of_the_session_after_an_entry_before_the_open",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-09 08:00", weight=0.525, leave_at="15:55", hold=0)],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-09 08:00", 105.0, "2025-06-09 15:55", 106.0,
                  "time", gross=500 * (106 - 105)),
        ],
        equity=[100_000, 100_500, 100_500],
    ),
    Case(
        name="bars_are_counted_outside_of_hours_and_end_there",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 15:55", weight=0.505, hold_bars=1)],
        settings=extended(slippage_bps=100.0, extended_slippage_bps=200.0),
        trades=[  # 50,500 ÷ 101; 102 less two percent
            trade("e1", "ACME", "long", 500, "2025-06-06 15:55", 101.0, "2025-06-06 16:10", 99.96,
                  "time", gross=500 * (99.96 - 101)),
        ],
        equity=[99_500, 99_480, 99_480],
    ),
    Case(
        name="bars_end_at_a_close_before_the_open",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 15:55", weight=0.505, hold_bars=2, leave="close")],
        settings=extended(slippage_bps=100.0, extended_slippage_bps=200.0),
        trades=[  # 105 less two percent; Saturday's bar and that of 03:55 are none
            trade("e1", "ACME", "long", 500, "2025-06-06 15:55", 101.0, "2025-06-09 08:00", 102.9,
                  "time", gross=500 * (102.9 - 101)),
        ],
        equity=[99_500, 100_950, 100_950],
    ),
    Case(
        name="bars_of_an_entry_after_hours_end_in_it",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 16:10", weight=0.51, hold_bars=0, leave="close")],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 102.0, "2025-06-06 16:10", 103.0,
                  "time", gross=500 * (103 - 102)),
        ],
        equity=[100_000, 100_500, 100_500],
    ),
    Case(
        name="renewed_before_the_open_it_is_held_from_that_session_on",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[
            long("2025-06-06 15:55", weight=0.5, hold=1),
            long("2025-06-09 08:00", weight=0.5, hold=1),
        ],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 15:55", 100.0, "2025-06-10 09:30", 108.0,
                  "time", gross=500 * (108 - 100)),
        ],
        equity=[100_000, 103_500, 104_000],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="a_flat_signal_leaves_before_the_open",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[short("2025-06-06 16:10", weight=0.51), flat("2025-06-09 08:00")],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06 16:10", 102.0, "2025-06-09 08:00", 105.0,
                  "signal", gross=500 * (102 - 105)),
        ],
        equity=[100_000, 98_500, 98_500],
    ),
]

# Beyond the stop of 95 and the target of 110 outside of hours alone, but for the open of Monday.
BEYOND = {
    "ACME": """
        2025-06-06 09:30 100 101  99 100
        2025-06-06 15:55 100 101  99 100
        2025-06-06 16:10  96 120  85  86
        2025-06-09 08:00  92  93  80  88
        2025-06-09 09:30  93  94  92  93
        2025-06-09 09:35  94  99  93  97
    """
}

CASES += [
    Case(
        name="a_stop_rests_outside_of_hours_and_is_filled_at_the_open",
        rule="extended hours",
        bars={},
        finer=BEYOND,
        signals=[long("2025-06-06 09:30", weight=0.5, stop=0.05, target=0.1)],
        settings=extended(slippage_bps=100.0),
        trades=[  # 50,000 ÷ 101 = 495.05; the stop is at 95.95, the open 93 less one percent
            trade("e1", "ACME", "long", 495, "2025-06-06 09:30", 101.0, "2025-06-09 09:30", 92.07,
                  "stop", gross=495 * (92.07 - 101)),
        ],
        equity=[100_000 - 495, 100_000 + 495 * (92.07 - 101)],
    ),
    Case(
        name="a_stop_does_not_watch_the_bar_of_its_entry_after_hours",
        rule="extended hours",
        bars={},
        finer=BEYOND,
        # 48,000 ÷ 96, with the stop at 86.4 and the target at 96.96.
        signals=[long("2025-06-06 16:10", weight=0.48, stop=0.1, target=0.01)],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 96.0, "2025-06-09 09:35", 96.96,
                  "target", gross=500 * 0.96),
        ],
        equity=[100_000, 100_480],
    ),
    Case(
        name="a_target_passed_before_the_open_is_filled_better_at_it",
        rule="extended hours",
        bars={},
        finer=BEYOND,
        signals=[short("2025-06-06 09:30", weight=0.5, target=0.06)],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06 09:30", 100.0, "2025-06-09 09:30", 93.0,
                  "target", gross=500 * (100 - 93)),
        ],
        equity=[100_000, 103_500],
    ),
    Case(
        name="a_trailing_stop_does_not_move_outside_of_hours",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 09:30 100 110 100 110
            2025-06-06 16:10 140 150 140 150
            2025-06-09 08:00  98 150  98 150
            2025-06-09 09:30 120 121 100 105  # 110 × 0.9 = 99; 150 × 0.9 would be 135
            2025-06-09 09:35 105 106  98 100
        """},
        signals=[long("2025-06-06 09:30", weight=0.5, trailing_stop=0.1)],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 09:30", 100.0, "2025-06-09 09:35", 99.0,
                  "trailing_stop", gross=500 * (99 - 100)),
        ],
        equity=[105_000, 99_500],
    ),
    Case(
        name="a_trailing_stop_of_an_entry_after_hours_begins_with_a_regular_close",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100
            2025-06-06 16:10 100 150 100 150
            2025-06-09 09:30 120 121  80 110  # no regular close is known yet
            2025-06-09 09:35 105 106  98 100  # 110 × 0.9 = 99
        """},
        signals=[long("2025-06-06 16:10", weight=0.5, trailing_stop=0.1)],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 100.0, "2025-06-09 09:35", 99.0,
                  "trailing_stop", gross=500 * (99 - 100)),
        ],
        equity=[100_000, 99_500],
    ),
    Case(
        name="a_level_passed_by_the_last_regular_close_leaves_after_hours",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 09:30 100 101  99 100
            2025-06-06 15:55  98  99  93  94
            2025-06-06 16:10  95  96  94  96
            2025-06-09 09:30  97  98  96  97
        """},
        signals=[long("2025-06-06 09:30", weight=0.5, stop=0.05, levels="close")],
        settings=extended(extended_slippage_bps=100.0),
        trades=[  # 95 less one percent
            trade("e1", "ACME", "long", 500, "2025-06-06 09:30", 100.0, "2025-06-06 16:10", 94.05,
                  "stop", gross=500 * (94.05 - 100)),
        ],
        equity=[97_000, 100_000 + 500 * (94.05 - 100)],
    ),
    Case(
        name="a_close_outside_of_hours_passes_no_level",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100
            2025-06-06 16:10  90  90  90  90
            2025-06-09 08:00  91  91  91  91
            2025-06-09 09:30  97  98  90  96
            2025-06-09 09:35  96  97  94  95
            2025-06-09 09:40  94  94  94  94
        """},
        signals=[long("2025-06-06 15:55", weight=0.5, stop=0.05, levels="close")],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 15:55", 100.0, "2025-06-09 09:40", 94.0,
                  "stop", gross=500 * (94 - 100)),
        ],
        equity=[100_000, 97_000],
    ),
]
