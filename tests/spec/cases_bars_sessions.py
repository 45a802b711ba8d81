"""Runs by bars of five minutes: sessions by the day between them, hedges, actions and ends."""

from tests.spec.case import Case, flat, free, long, short, trade

# Wednesday's finer bars are missing; its low and high lie beyond those of the days beside it.
MIXED = {
    "ACME": """
        2025-06-03 09:30 100 101  99 100
        2025-06-03 15:55 104 106 103 105
        2025-06-05 09:30 120 121 119 120
        2025-06-05 15:55 124 126 123 125
    """
}
WEDNESDAY = {"ACME": "2025-06-04 110 118 92 115"}

# fmt: off
CASES = [
    Case(
        name="a_session_by_the_day_is_one_bar_between_finer_ones",
        rule="finer bars",
        bars=WEDNESDAY,
        finer=MIXED,
        signals=[long("2025-06-04 09:30", weight=0.55, hold=1, leave="close")],
        trades=[  # 55,000 ÷ 110
            trade("e1", "ACME", "long", 500, "2025-06-04", 110.0, "2025-06-05 15:55", 125.0, "time",
                  gross=500 * (125 - 110)),
        ],
        equity=[100_000, 102_500, 107_500],
    ),
    Case(
        name="in_a_session_by_the_day_the_stop_comes_before_the_target",
        rule="finer bars",
        bars=WEDNESDAY,
        finer=MIXED,
        signals=[long("2025-06-03 15:55", weight=0.52, stop=0.1, target=0.1)],
        trades=[  # 52,000 ÷ 104; 93.6 and 114.4 lie both within 92 and 118
            trade("e1", "ACME", "long", 500, "2025-06-03 15:55", 104.0, "2025-06-04", 93.6, "stop",
                  gross=500 * (93.6 - 104)),
        ],
        equity=[100_500, 94_800, 94_800],
    ),
    Case(
        name="entered_in_a_session_by_the_day_it_leaves_by_the_clock_of_the_next",
        rule="finer bars",
        bars=WEDNESDAY,
        finer=MIXED,
        signals=[long("2025-06-04 09:30", weight=0.55, hold=1, leave_at="10:00")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-04", 110.0, "2025-06-05 15:55", 124.0, "time",
                  gross=500 * (124 - 110)),
        ],
        equity=[100_000, 102_500, 107_000],
    ),
    Case(
        name="entered_in_a_session_by_the_day_the_clock_leaves_at_its_close",
        rule="finer bars",
        bars=WEDNESDAY,
        finer=MIXED,
        signals=[long("2025-06-04 09:30", weight=0.55, leave_at="10:00")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-04", 110.0, "2025-06-04", 115.0, "time",
                  gross=500 * (115 - 110)),
        ],
        equity=[100_000, 102_500, 102_500],
    ),
    Case(
        name="an_entry_at_the_close_of_a_session_by_the_day",
        rule="finer bars",
        bars=WEDNESDAY,
        finer=MIXED,
        signals=[long("2025-06-04 09:30", weight=0.55, enter="close", hold_bars=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-04", 115.0, "2025-06-05 09:30", 120.0, "time",
                  gross=500 * (120 - 115)),
        ],
        equity=[100_000, 100_000, 102_500],
    ),
    Case(
        name="where_one_symbol_lacks_finer_bars_all_are_by_the_day",
        rule="finer bars",
        # BOLT has a daily bar on Wednesday and no finer one: ACME's finer ones are left out.
        bars={"BOLT": "2025-06-04 50 60 40 55"},
        finer={
            "ACME": """
                2025-06-03 09:30 100 101  99 100
                2025-06-04 09:30 100 105  95 102
                2025-06-04 15:55 102 110 101 108
                2025-06-05 09:30 120 121 119 120
            """,
            "BOLT": """
                2025-06-03 09:30 50 50 50 50
                2025-06-05 09:30 60 60 60 60
            """,
        },
        signals=[
            long("2025-06-04 09:30", weight=0.5, hold_bars=1, stop=0.05, target=0.1),
        ],
        trades=[  # of the daily bar 100 110 95 108 both are touched
            trade("e1", "ACME", "long", 500, "2025-06-04", 100.0, "2025-06-04", 95.0, "stop",
                  gross=500 * (95 - 100)),
        ],
        equity=[100_000, 97_500, 97_500],
    ),
    Case(
        name="a_symbol_without_a_daily_bar_does_not_keep_the_others_from_finer_ones",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 09:30 100 101  99 100
                2025-06-04 09:30 100 105  98 102
                2025-06-04 15:55 102 110  94 108
                2025-06-05 09:30 120 121 119 120
            """,
            "BOLT": """
                2025-06-03 09:30 50 50 50 50
                2025-06-05 09:30 60 60 60 60
            """,
        },
        signals=[long("2025-06-04 09:30", weight=0.5, stop=0.05, target=0.05)],
        trades=[  # the target is touched in the first bar already
            trade("e1", "ACME", "long", 500, "2025-06-04 09:30", 100.0, "2025-06-04 09:30", 105.0,
                  "target", gross=500 * (105 - 100)),
        ],
        equity=[100_000, 102_500, 102_500],
    ),
]

# An index to hedge with has a bar beside each of the stock's.
HEDGED = {
    "ACME": """
        2025-06-03 09:30 100 101  99 100
        2025-06-03 09:35 102 104  94 104
        2025-06-03 15:55 104 106 103 105
    """,
    "INDX": """
        2025-06-03 09:30 200 200 200 200
        2025-06-03 09:35 201 202 200 202
        2025-06-03 09:40 209 209 209 209
        2025-06-03 15:55 204 206 203 205
    """,
}

CASES += [
    Case(
        name="a_hedge_is_entered_and_left_at_the_bars_of_its_leader",
        rule="finer bars",
        bars={},
        finer=HEDGED,
        signals=[long("2025-06-03 09:30", weight=0.4, legs=(("INDX", 1.0),), leave_at="15:55")],
        trades=[  # 40,000 ÷ 100, and as many dollars of 200 short, covered at 204
            trade("e1", "ACME", "long", 400, "2025-06-03 09:30", 100.0, "2025-06-03 15:55", 104.0,
                  "time", gross=400 * (104 - 100), hedge=200 * (200 - 204)),
        ],
        equity=[100_800],
    ),
    Case(
        name="the_hedge_of_a_leader_stopped_within_a_bar_leaves_at_the_close_of_that_bar",
        rule="finer bars",
        bars={},
        finer=HEDGED,
        signals=[long("2025-06-03 09:30", weight=0.4, stop=0.05, legs=(("INDX", 1.0),))],
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03 09:30", 100.0, "2025-06-03 09:35", 95.0,
                  "stop", gross=400 * (95 - 100), hedge=200 * (200 - 202)),
        ],
        equity=[97_600],
    ),
    Case(
        name="where_a_hedge_lacks_a_bar_of_its_stock_the_session_is_by_the_day",
        rule="finer bars",
        bars={},
        finer={**HEDGED, "INDX": "2025-06-03 09:30 200 200 200 200"},
        signals=[long("2025-06-03 09:30", weight=0.4, leave_at="09:35", legs=(("INDX", 1.0),))],
        trades=[  # at the close of its daily bar 100 106 94 105
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-03", 105.0, "time",
                  gross=400 * (105 - 100)),
        ],
        equity=[102_000],
    ),
    Case(
        name="a_bar_of_one_hedge_alone_is_left_out_and_the_session_is_by_finer_bars",
        rule="finer bars",
        bars={},
        finer={
            **HEDGED,
            "FUND": """
                2025-06-03 09:30 50 50 50 50
                2025-06-03 09:35 51 52 50 51
                2025-06-03 15:55 52 52 52 52
            """,
        },
        signals=[
            long("2025-06-03 09:30", weight=0.4, legs=(("INDX", 0.5), ("FUND", 0.5)),
                 leave_at="15:55"),
        ],
        trades=[  # 20,000 dollars short of each: 100 shares at 200, and 400 at 50
            trade("e1", "ACME", "long", 400, "2025-06-03 09:30", 100.0, "2025-06-03 15:55", 104.0,
                  "time", gross=400 * (104 - 100), hedge=100 * (200 - 204) + 400 * (50 - 52)),
        ],
        equity=[100_400],
    ),
    Case(
        name="a_last_bar_of_one_hedge_alone_is_no_close_of_the_other",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 09:30 100 100 100 100
                2025-06-04 15:50 101 101 101 101
            """,
            "INDX": """
                2025-06-03 09:30 200 200 200 200
                2025-06-04 15:50 200 200 200 200
                2025-06-04 15:55 210 210 210 210
            """,
            "FUND": """
                2025-06-03 09:30 50 50 50 50
                2025-06-04 15:50 50 50 50 50
            """,
        },
        signals=[
            long("2025-06-03 09:30", weight=0.4, legs=(("INDX", 0.5), ("FUND", 0.5))),
        ],
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03 09:30", 100.0, "2025-06-04 15:50", 101.0,
                  "open", gross=400 * 1),
        ],
        equity=[100_000, 100_400],
    ),
    Case(
        name="two_hedges_of_a_stock_that_ends_leave_at_the_last_bar_of_both",
        rule="finer bars",
        bars={},
        finer={
            "ACME": "2025-06-03 09:30 100 100 100 100",
            "BOLT": """
                2025-06-04 09:30 50 50 50 50
                2025-06-05 09:30 50 50 50 50
            """,
            "INDX": """
                2025-06-03 09:30 200 200 200 200
                2025-06-04 09:30 210 210 210 210
                2025-06-04 15:55 220 220 220 220
                2025-06-05 09:30 200 200 200 200
            """,
            "FUND": """
                2025-06-03 09:30 50 50 50 50
                2025-06-04 09:30 50 50 50 50
                2025-06-05 09:30 50 50 50 50
            """,
        },
        actions={"ACME": [("2025-06-05", "delisted", 90.0)]},
        settings=free(borrow_mode="none"),
        signals=[
            long("2025-06-03 09:30", weight=0.4, legs=(("INDX", 0.5), ("FUND", 0.5))),
        ],
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03 09:30", 100.0, "2025-06-04 09:30", 90.0,
                  "delisted", gross=400 * -10, hedge=100 * -10),
        ],
        equity=[100_000, 95_000, 95_000],
    ),
    Case(
        name="the_borrow_of_a_hedge_is_of_the_night",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 15:55 100 100 100 100
                2025-06-04 09:30 100 100 100 100
                2025-06-04 09:35 103 103 103 103
            """,
            "INDX": """
                2025-06-03 15:55 200 200 200 200
                2025-06-04 09:30 200 200 200 200
                2025-06-04 09:35 201 201 201 201
            """,
        },
        signals=[long("2025-06-03 15:55", weight=0.4, hold_bars=2, legs=(("INDX", 1.0),))],
        settings=free(borrow_default=0.36, borrow_collateral=1.0),
        trades=[  # a thousandth of 200 × 200
            trade("e1", "ACME", "long", 400, "2025-06-03 15:55", 100.0, "2025-06-04 09:35", 103.0,
                  "time", gross=400 * (103 - 100), hedge=200 * (200 - 201) - 40.0),
        ],
        of_legs={"borrow": 40.0},
        equity=[100_000, 101_200 - 200 - 40],
    ),
]

CASES += [
    Case(
        name="a_dividend_comes_before_the_first_bar_of_its_day",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 15:55 100 100 100 100
                2025-06-04 09:30 100 100 100 100
                2025-06-04 09:35  98  99  94  99
            """
        },
        actions={"ACME": [("2025-06-04", "dividend", 2.0)]},
        signals=[
            long("2025-06-03 15:55", weight=0.5, stop=0.05),
            flat("2025-06-04 09:30"),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 15:55", 100.0, "2025-06-04 09:30", 100.0,
                  "signal", dividends=500 * 2.0),
        ],
        equity=[100_000, 101_000],
    ),
    Case(
        name="what_enters_at_the_first_bar_of_the_ex_date_is_paid_nothing",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 15:55 100 100 100 100
                2025-06-04 09:30 100 100 100 100
                2025-06-04 09:35 100 100 100 100
            """
        },
        actions={"ACME": [("2025-06-04", "dividend", 2.0)]},
        signals=[long("2025-06-04 09:30", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-04 09:30", 100.0, "2025-06-04 09:35", 100.0,
                  "open"),
        ],
        equity=[100_000, 100_000],
    ),
    Case(
        name="a_short_over_the_night_pays_borrow_and_dividend_once",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 15:55 100 100 100 100
                2025-06-04 09:30  98  98  98  98
                2025-06-04 09:35  97  97  97  97
                2025-06-04 09:40  96  96  96  96
            """
        },
        actions={"ACME": [("2025-06-04", "dividend", 2.0)]},
        signals=[short("2025-06-03 15:55", weight=0.5, hold_bars=3)],
        settings=free(borrow_default=0.36, borrow_collateral=1.0),
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03 15:55", 100.0, "2025-06-04 09:40", 96.0,
                  "time", gross=500 * (100 - 96), borrow=50.0, dividends=-1_000.0),
        ],
        equity=[100_000, 100_000 + 2_000 - 50 - 1_000],
    ),
    Case(
        name="a_dividend_comes_before_the_first_bar_of_its_own_stock",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 15:55 100 100 100 100
                2025-06-04 09:40 100 100 100 100
            """,
            "BOLT": """
                2025-06-04 09:30  50  50  50  50
                2025-06-04 09:40  50  50  50  50
                2025-06-04 09:45  50  50  50  50
            """,
        },
        actions={"ACME": [("2025-06-04", "dividend", 2.0)]},
        signals=[
            long("2025-06-03 15:55", weight=0.5),
            long("2025-06-04 09:30", "BOLT", weight=0.1, hold_bars=1),
            long("2025-06-04 09:45", "BOLT", weight=0.1),
        ],
        trades=[  # a tenth of 100,000, then of 101,000
            trade("e1", "ACME", "long", 500, "2025-06-03 15:55", 100.0, "2025-06-04 09:40", 100.0,
                  "open", dividends=1_000.0),
            trade("e2", "BOLT", "long", 200, "2025-06-04 09:30", 50.0, "2025-06-04 09:40", 50.0,
                  "time"),
            trade("e3", "BOLT", "long", 202, "2025-06-04 09:45", 50.0, "2025-06-04 09:45", 50.0,
                  "open"),
        ],
        equity=[100_000, 101_000],
    ),
    Case(
        name="a_split_comes_before_the_first_bar_of_its_own_stock",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 15:55 100 100 100 100
                2025-06-04 09:40  50  50  50  50
            """,
            "BOLT": """
                2025-06-04 09:30  50  50  50  50
                2025-06-04 09:45  50  50  50  50
            """,
        },
        actions={"ACME": [("2025-06-04", "split", 2.0)]},
        signals=[
            long("2025-06-03 15:55", weight=0.5),
            long("2025-06-04 09:30", "BOLT", weight=1.0),  # there is room for 50,000
        ],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-03 15:55", 50.0, "2025-06-04 09:40", 50.0,
                  "open"),
            trade("e2", "BOLT", "long", 1000, "2025-06-04 09:30", 50.0, "2025-06-04 09:45", 50.0,
                  "open"),
        ],
        equity=[100_000, 100_000],
    ),
    Case(
        name="a_split_comes_before_the_first_bar_of_its_day_and_moves_the_stop",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 15:55 100 100 100 100
                2025-06-04 09:30  50  51  49  50
                2025-06-04 09:35  48  49  47  48
            """
        },
        actions={"ACME": [("2025-06-04", "split", 2.0)]},
        signals=[long("2025-06-03 15:55", weight=0.5, stop=0.05)],
        trades=[  # 500 at 100 are 1,000 at 50, the stop of 95 stands at 47.5
            trade("e1", "ACME", "long", 1000, "2025-06-03 15:55", 50.0, "2025-06-04 09:35", 47.5,
                  "stop", gross=1000 * (47.5 - 50)),
        ],
        equity=[100_000, 97_500],
    ),
    Case(
        name="a_split_before_a_session_by_the_day",
        rule="finer bars",
        bars={"ACME": "2025-06-04 50 51 49 50"},
        finer={"ACME": "2025-06-03 15:55 100 100 100 100 \n 2025-06-05 09:30 52 52 52 52"},
        actions={"ACME": [("2025-06-04", "split", 2.0)]},
        signals=[long("2025-06-03 15:55", weight=0.5, hold_bars=2)],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-03 15:55", 50.0, "2025-06-05 09:30", 52.0,
                  "time", gross=1000 * (52 - 50)),
        ],
        equity=[100_000, 100_000, 102_000],
    ),
    Case(
        name="volumes_of_finer_bars_before_a_split_are_in_new_shares",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 15:50 100 100 100 100 10
                2025-06-03 15:55 100 100 100 100 10
                2025-06-04 09:30  50  50  50  50 50
                2025-06-04 09:35  50  50  50  50 70
            """
        },
        actions={"ACME": [("2025-06-04", "split", 2.0)]},
        signals=[long("2025-06-04 09:35", weight=0.5)],
        settings=free(max_participation=0.5),
        trades=[  # half of the median of 20, 20 and 50
            trade("e1", "ACME", "long", 10, "2025-06-04 09:35", 50.0, "2025-06-04 09:35", 50.0,
                  "open"),
        ],
        equity=[100_000, 100_000],
        capped={"e1"},
    ),
    Case(
        name="a_delisted_stock_is_settled_at_the_close_of_its_last_bar",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 09:30 100 101  99 100
                2025-06-03 15:50 101 102 100 101
            """,
            "BOLT": """
                2025-06-03 09:30  50  50  50  50
                2025-06-03 15:55  50  50  50  50
                2025-06-04 09:30  50  50  50  50
            """,
        },
        actions={"ACME": [("2025-06-04", "delisted", 70.0)]},
        signals=[
            long("2025-06-03 09:30", weight=0.5, hold=0),
            # What is settled at 15:50 can be spent at 15:55: 100,000 − 500 × 30.
            long("2025-06-03 15:55", "BOLT", weight=1.0),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-03 15:50", 70.0,
                  "delisted", gross=500 * (70 - 100)),
            trade("e2", "BOLT", "long", 1700, "2025-06-03 15:55", 50.0, "2025-06-04 09:30", 50.0,
                  "open"),
        ],
        equity=[85_000, 85_000],
    ),
    Case(
        name="what_ends_in_a_halt_is_settled_at_the_close_of_the_last_bar_of_all",
        rule="finer bars",
        bars={},
        finer={
            "ACME": """
                2025-06-03 09:30 100 101  99 100
                2025-06-03 15:50 101 102 100 101
            """,
            "BOLT": """
                2025-06-03 09:30  50  50  50  50
                2025-06-04 09:30  50  50  50  50
                2025-06-04 15:55  50  50  50  50
                2025-06-05 09:30  50  50  50  50
            """,
        },
        actions={"ACME": [("2025-06-05", "delisted", None)]},
        signals=[long("2025-06-03 09:30", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-04 15:55", 101.0,
                  "delisted", gross=500 * 1),
        ],
        equity=[100_500, 100_500, 100_500],
    ),
    Case(
        name="a_merger_pays_at_the_close_of_a_last_session_by_the_day",
        rule="finer bars",
        bars={"ACME": "2025-06-04 100 101 99 100"},
        finer={"ACME": "2025-06-03 15:55 100 100 100 100"},
        actions={"ACME": [("2025-06-05", "cash_merger", 120.0)]},
        signals=[long("2025-06-03 15:55", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 15:55", 100.0, "2025-06-04", 120.0,
                  "merger", gross=500 * (120 - 100)),
        ],
        equity=[100_000, 110_000],
    ),
    Case(
        name="a_stock_whose_bars_end_is_settled_at_the_last_bar_of_the_fifth_session_after",
        rule="finer bars",
        # The fifth session after Tuesday is the Tuesday of the week after; Friday is by the day.
        bars={"BOLT": "2025-06-06 50 50 50 50"},
        finer={
            "ACME": "2025-06-03 15:55 100 100 90 90",
            "BOLT": """
                2025-06-03 15:55  50  50  50  50
                2025-06-04 09:30  50  50  50  50
                2025-06-05 09:30  50  50  50  50
                2025-06-09 09:30  50  50  50  50
                2025-06-10 09:30  50  50  50  50
                2025-06-10 09:35  50  50  50  50
                2025-06-11 09:30  50  50  50  50
            """,
        },
        signals=[
            long("2025-06-03 15:55", weight=1.0),
            long("2025-06-10 09:35", "BOLT", weight=1.0),  # its room is still taken
            long("2025-06-11 09:30", "BOLT", weight=1.0),
        ],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-03 15:55", 100.0, "2025-06-10 09:35", 90.0,
                  "delisted", gross=1000 * (90 - 100)),
            trade("e3", "BOLT", "long", 1800, "2025-06-11 09:30", 50.0, "2025-06-11 09:30", 50.0,
                  "open"),
        ],
        equity=7 * [90_000],
        outcomes={"e1": "enter", "e2": "no_room", "e3": "enter"},
    ),
]
