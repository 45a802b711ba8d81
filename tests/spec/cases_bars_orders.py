"""Runs by bars of five minutes: stops, targets, limits, margin and costs within a session."""

from tests.spec.case import Case, free, long, short, trade

# fmt: off
CASES = [
    Case(
        name="a_stop_is_touched_in_the_bar_of_the_entry",
        rule="finer bars",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 100 101  94  99
            2025-06-03 09:40  99 100  98  99
        """},
        signals=[long("2025-06-03 09:35", weight=0.5, stop=0.05)],
        settings=free(slippage_bps=100.0),
        # 50,000 ÷ 101 = 495.05; the stop is 101 × 0.95 = 95.95, less one percent 94.9905.
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-03 09:35", 101.0, "2025-06-03 09:35", 94.9905,
                  "stop", gross=495 * (94.9905 - 101)),
        ],
        equity=[100_000 + 495 * (94.9905 - 101)],
    ),
    Case(
        name="a_low_before_the_bar_of_the_entry_touches_no_stop",
        rule="finer bars",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 100  80 100
            2025-06-03 09:35 100 101  96  99
            2025-06-03 09:40  94  95  93  94
        """},
        signals=[long("2025-06-03 09:35", weight=0.5, stop=0.05)],
        trades=[  # beyond the stop of 95 at the open
            trade("e1", "ACME", "long", 500, "2025-06-03 09:35", 100.0, "2025-06-03 09:40", 94.0,
                  "stop", gross=500 * (94 - 100)),
        ],
        equity=[97_000],
    ),
    Case(
        name="of_stop_and_target_in_one_bar_the_stop_counts",
        rule="finer bars",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 104  96 100
            2025-06-03 09:35 100 106  94 100
            2025-06-03 09:40 100 107  99 100
        """},
        signals=[long("2025-06-03 09:30", weight=0.5, stop=0.05, target=0.05)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-03 09:35", 95.0,
                  "stop", gross=500 * (95 - 100)),
        ],
        equity=[97_500],
    ),
    Case(
        name="of_stop_and_target_in_one_session_the_bar_that_comes_first_counts",
        rule="finer bars",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 104  96 100
            2025-06-03 09:35 100 106  99 100
            2025-06-03 09:40 100 101  90 100
        """},
        signals=[long("2025-06-03 09:30", weight=0.5, stop=0.05, target=0.05)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-03 09:35", 105.0,
                  "target", gross=500 * (105 - 100)),
        ],
        equity=[102_500],
    ),
    Case(
        name="a_trailing_stop_moves_with_the_close_of_each_bar",
        rule="finer bars",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 112  80 110  # not live in the bar of the entry
            2025-06-03 09:35 110 125 100 120  # 110 × 0.9 = 99 is not touched
            2025-06-03 09:40 120 121 107 110  # 120 × 0.9 = 108 is
        """},
        signals=[long("2025-06-03 09:30", weight=0.5, trailing_stop=0.1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-03 09:40", 108.0,
                  "trailing_stop", gross=500 * (108 - 100)),
        ],
        equity=[104_000],
    ),
    Case(
        name="a_level_of_closes_is_passed_by_a_bar_and_leaves_at_the_open_of_the_next",
        rule="finer bars",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 101  90 100  # a low passes nothing
            2025-06-03 09:35  98  99  93  94
            2025-06-03 09:40  97  98  96  97
        """},
        signals=[long("2025-06-03 09:30", weight=0.5, stop=0.05, levels="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-03 09:40", 97.0,
                  "stop", gross=500 * (97 - 100)),
        ],
        equity=[98_500],
    ),
    Case(
        name="a_level_passed_by_the_last_close_leaves_at_the_first_open_of_the_next_session",
        rule="finer bars",
        bars={"ACME": "2025-06-04 90 91 89 90"},  # which is by the day
        finer={"ACME": """
            2025-06-03 09:30 100 101  99 100
            2025-06-03 15:55 100 106 100 106
        """},
        signals=[long("2025-06-03 09:30", weight=0.5, target=0.05, levels="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-04", 90.0,
                  "target", gross=500 * (90 - 100)),
        ],
        equity=[103_000, 95_000],
    ),
    Case(
        name="a_limit_that_its_bar_does_not_reach_waits_for_the_next",
        rule="finer bars",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 101 102  99 100  # 98 is not reached
            2025-06-03 09:40 100 100  95  96
        """},
        signals=[long("2025-06-03 09:35", weight=0.49, limit=0.02)],
        trades=[  # 49,000 ÷ 98
            trade("e1", "ACME", "long", 500, "2025-06-03 09:40", 98.0, "2025-06-03 09:40", 96.0,
                  "open", gross=500 * (96 - 98)),
        ],
        equity=[99_000],
        outcomes={"e1": "enter"},
    ),
    Case(
        name="a_limit_is_measured_from_the_close_of_the_bar_before",
        rule="finer bars",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 101 102  97  99
            2025-06-03 09:40  99  99  99  99
        """},
        signals=[long("2025-06-03 09:35", weight=0.49, limit=0.02, hold_bars=1)],
        trades=[  # 49,000 ÷ 98
            trade("e1", "ACME", "long", 500, "2025-06-03 09:35", 98.0, "2025-06-03 09:40", 99.0,
                  "time", gross=500 * (99 - 98)),
        ],
        equity=[100_500],
        outcomes={"e1": "enter"},
    ),
    Case(
        name="a_limit_is_measured_from_the_close_of_a_session_by_the_day",
        rule="finer bars",
        bars={"ACME": "2025-06-02 90 110 90 100"},
        finer={"ACME": """
            2025-06-03 09:30 101 102  97  99
            2025-06-03 09:35  99  99  99  99
        """},
        signals=[long("2025-06-03 09:30", weight=0.49, limit=0.02, hold_bars=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 98.0, "2025-06-03 09:35", 99.0,
                  "time", gross=500 * (99 - 98)),
        ],
        equity=[100_000, 100_500],
    ),
    Case(
        name="a_limit_in_a_session_by_the_day_waits_through_it",
        rule="finer bars",
        bars={"ACME": "2025-06-04 101 102 97 99"},
        finer={"ACME": "2025-06-03 15:55 100 100 100 100"},
        signals=[long("2025-06-04 09:30", weight=0.49, limit=0.02, leave_at="09:35")],
        trades=[  # in it there is no clock
            trade("e1", "ACME", "long", 500, "2025-06-04", 98.0, "2025-06-04", 99.0, "time",
                  gross=500 * (99 - 98)),
        ],
        equity=[100_000, 100_500],
    ),
    Case(
        name="a_margin_call_within_a_session_covers_at_the_next_bar",
        rule="finer bars",
        bars={},
        # 1,000 short at 100: at 160 the equity is 40,000, less than 0.3 × 160,000 = 48,000.
        finer={"ACME": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 150 160 150 160
            2025-06-03 09:40 155 156 120 120
        """},
        signals=[short("2025-06-03 09:30", weight=1.0)],
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-03 09:30", 100.0, "2025-06-03 09:40", 155.0,
                  "margin_call", gross=1000 * (100 - 155)),
        ],
        equity=[45_000],
    ),
    Case(
        name="ruin_within_a_session_ends_the_trading_at_the_next_bar",
        rule="finer bars",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 150 210 150 205  # 100,000 − 1,000 × 105 is below zero
            2025-06-03 09:40 190 191 120 120
            2025-06-04 09:30 120 121 119 120
        """},
        signals=[short("2025-06-03 09:30", weight=1.0), long("2025-06-04 09:30", weight=0.5)],
        settings=free(maintenance_margin=0.0),
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-03 09:30", 100.0, "2025-06-03 09:40", 190.0,
                  "ruin", gross=1000 * (100 - 190)),
        ],
        equity=[10_000, 10_000],
        outcomes={"e1": "enter", "e2": "ruined"},
    ),
    Case(
        name="slippage_looks_at_the_range_of_the_finer_bar_before",
        rule="finer bars",
        bars={"ACME": "2025-06-03 100 150 50 100"},  # another kind: not looked at
        finer={"ACME": """
            2025-06-02 15:55 100 102  98 100
            2025-06-04 09:30 100 101  99 100
            2025-06-04 09:35 100 105  95 100
        """},
        # A tenth of the range of 4 %, then of 2 %.
        signals=[long("2025-06-04 09:30", weight=0.5, hold_bars=1)],
        settings=free(slippage_range=0.1),
        trades=[  # 50,000 ÷ 100.4 = 498.01
            trade("e1", "ACME", "long", 498, "2025-06-04 09:30", 100.4, "2025-06-04 09:35", 99.8,
                  "time", gross=498 * (99.8 - 100.4)),
        ],
        equity=[100_000, 100_000, 100_000 - 498 * 0.6],
    ),
    Case(
        name="slippage_of_a_session_by_the_day_looks_at_the_one_before_by_the_day",
        rule="finer bars",
        bars={"ACME": "2025-06-03 100 110 90 100 \n 2025-06-05 100 100 100 100"},
        finer={"ACME": """
            2025-06-02 09:30 100 130  70 100
            2025-06-04 09:30 100 150  50 100
        """},
        signals=[
            long("2025-06-03 09:30", weight=0.5, hold=0),  # none of its kind before: no range
            long("2025-06-05 09:30", weight=0.5, hold=0),
        ],
        settings=free(slippage_range=0.1),
        # A tenth of 20 % is 2 %: 50,000 ÷ 102 = 490.2. That at the close of Tuesday is still none.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-03", 100.0, "time"),
            trade("e2", "ACME", "long", 490, "2025-06-05", 102.0, "2025-06-05", 98.0, "time",
                  gross=490 * (98 - 102)),
        ],
        equity=[100_000, 100_000, 100_000, 100_000 - 490 * 4],
    ),
    Case(
        name="participation_is_of_the_volume_of_finer_bars",
        rule="finer bars",
        bars={"ACME": "2025-06-03 100 100 100 100 9000"},
        finer={"ACME": """
            2025-06-02 15:50 100 100 100 100 30
            2025-06-02 15:55 100 100 100 100 50
            2025-06-04 09:30 100 100 100 100 70
            2025-06-04 09:35 100 100 100 100 70
        """},
        signals=[long("2025-06-04 09:30", weight=0.5, hold_bars=1)],
        settings=free(max_participation=0.5),
        trades=[  # half of the median of 30 and 50
            trade("e1", "ACME", "long", 20, "2025-06-04 09:30", 100.0, "2025-06-04 09:35", 100.0,
                  "time"),
        ],
        equity=3 * [100_000],
        capped={"e1"},
    ),
    Case(
        name="participation_of_a_session_by_the_day_is_of_those_by_the_day",
        rule="finer bars",
        bars={"ACME": "2025-06-03 100 100 100 100 600 \n 2025-06-05 100 100 100 100 100"},
        finer={"ACME": """
            2025-06-02 15:55 100 100 100 100 30
            2025-06-04 09:30 100 100 100 100 50
        """},
        signals=[
            long("2025-06-03 09:30", weight=0.5, hold=0),  # none of its kind before: no cap
            long("2025-06-05 09:30", weight=0.5, hold=0),
        ],
        settings=free(max_participation=0.5),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-03", 100.0, "time"),
            trade("e2", "ACME", "long", 300, "2025-06-05", 100.0, "2025-06-05", 100.0, "time"),
        ],
        equity=4 * [100_000],
        capped={"e2"},
    ),
    Case(
        name="participation_looks_back_on_twenty_bars_of_its_kind",
        rule="finer bars",
        bars={},
        # Of the twenty before, nine are of 10, ten of 20, one of 90.
        finer={"ACME": "\n".join([
            *(f"2025-06-03 10:{n:02} 100 100 100 100 10" for n in range(10)),
            *(f"2025-06-03 10:{n:02} 100 100 100 100 20" for n in range(10, 20)),
            "2025-06-03 10:20 100 100 100 100 90",
            "2025-06-03 10:21 100 100 100 100 1",
        ])},
        signals=[long("2025-06-03 10:21", weight=0.5)],
        settings=free(max_participation=1.0),
        trades=[  # the tenth and the eleventh are of 20
            trade("e1", "ACME", "long", 20, "2025-06-03 10:21", 100.0, "2025-06-03 10:21", 100.0,
                  "open"),
        ],
        equity=[100_000],
        capped={"e1"},
    ),
    Case(
        name="interest_is_of_the_nights_and_not_of_the_bars",
        rule="finer bars",
        bars={"ACME": "2025-06-06 100 100 100 100"},
        finer={"ACME": """
            2025-06-05 09:30 100 100 100 100
            2025-06-05 15:55 100 100 100 100
            2025-06-09 09:30 100 100 100 100
            2025-06-09 15:55 100 100 100 100
        """},
        signals=[],
        settings=free(cash_rate=0.36),  # a thousandth a day, three of them over the weekend
        trades=[],
        equity=[100_000, 100_100, 100_100 * 1.003],
        interest=100_100 * 1.003 - 100_000,
    ),
    Case(
        name="a_weekend_of_borrow_is_owed_by_the_last_close_of_finer_bars",
        rule="finer bars",
        bars={"ACME": "2025-06-09 104 106 102 105"},
        finer={"ACME": """
            2025-06-06 09:30 100 101  99 100
            2025-06-06 15:55 101 103 100 102
        """},
        signals=[short("2025-06-06 15:55", weight=0.505, hold=1)],  # 50,500 ÷ 101
        settings=free(borrow_default=0.36, borrow_collateral=1.0),
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06 15:55", 101.0, "2025-06-09", 104.0,
                  "time", gross=500 * (101 - 104), borrow=500 * 102 * 0.001 * 3),
        ],
        equity=[99_500, 98_500 - 153],
    ),
]
