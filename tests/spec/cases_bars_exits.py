"""Runs by bars of five minutes: when a trade ends, by sessions, by bars and by the clock.

A stamp is the open of a bar by the clock of New York. Half of 100,000 at 100 is 500 shares, and a
point on them 500 dollars.
"""

from tests.spec.case import Case, flat, free, long, short, trade

# Tuesday to Friday. Each price says which bar it is of.
DAYS = {
    "ACME": """
        2025-06-03 09:30 100 101  99 100
        2025-06-03 09:35 101 102 100 101
        2025-06-03 15:50 102 103 101 102
        2025-06-03 15:55 103 105 102 104
        2025-06-04 09:30 110 111 109 110
        2025-06-04 09:35 111 112 110 111
        2025-06-04 15:50 112 113 111 112
        2025-06-04 15:55 113 115 112 114
        2025-06-05 09:30 120 121 119 120
        2025-06-05 09:35 121 122 120 121
        2025-06-05 15:55 123 125 122 124
    """
}
# The last two sessions have daily bars alone, the last of them after a weekend.
BY_THE_DAY = {"ACME": "2025-06-06 130 135 125 132 \n 2025-06-09 140 145 135 142"}


def held(
    name: str, *, left: str, price: float, equity: list, reason: str = "time", **terms
) -> Case:
    """500 shares of the bar of 09:35 on Tuesday, at 101 each, and where they are left."""
    terms = {"weight": 0.505, **terms}  # 50,500 ÷ 101
    return Case(
        name=name,
        rule="finer bars",
        bars=BY_THE_DAY,
        finer=DAYS,
        signals=[long("2025-06-03 09:35", **terms)],
        trades=[
            trade(
                "e1", "ACME", "long", 500, "2025-06-03 09:35", 101.0, left, price, reason,
                gross=500 * (price - 101),
            )
        ],
        equity=equity,
        outcomes={"e1": "enter"},
    )  # fmt: skip


# The equity at the closes of 104, 114, 124, 132 and 142 while it is held.
HELD = [101_500, 106_500, 111_500, 115_500, 120_500]

# fmt: off
CASES = [
    held("without_a_plan_it_is_held_to_the_last_bar_of_all",
         left="2025-06-09", price=142.0, reason="open", equity=HELD),
    held("a_hold_of_one_leaves_at_the_open_of_the_first_bar_of_the_next_session",
         hold=1, left="2025-06-04 09:30", price=110.0, equity=[101_500] + 4 * [104_500]),
    held("a_hold_of_one_leaves_at_the_close_of_the_last_bar_of_the_next_session",
         hold=1, leave="close", left="2025-06-04 15:55", price=114.0,
         equity=[101_500] + 4 * [106_500]),
    held("a_hold_of_zero_leaves_at_the_close_of_the_last_bar_of_the_session",
         hold=0, left="2025-06-03 15:55", price=104.0, equity=5 * [101_500]),
    held("a_hold_counts_sessions_by_the_day_and_by_bars_alike",
         hold=3, left="2025-06-06", price=130.0, equity=[*HELD[:3], 114_500, 114_500]),
    held("a_hold_leaves_at_the_close_of_a_session_by_the_day",
         hold=4, leave="close", left="2025-06-09", price=142.0, equity=HELD),
    held("by_bars_it_leaves_at_the_open_of_the_second_bar_after_the_entry",
         hold_bars=2, left="2025-06-03 15:55", price=103.0, equity=5 * [101_000]),
    held("by_bars_it_leaves_at_the_close_of_the_second_bar_after_the_entry",
         hold_bars=2, leave="close", left="2025-06-03 15:55", price=104.0, equity=5 * [101_500]),
    held("by_no_bars_it_leaves_at_the_close_of_the_bar_of_the_entry",
         hold_bars=0, leave="close", left="2025-06-03 09:35", price=101.0, equity=5 * [100_000]),
    held("bars_are_counted_over_the_night",  # 15:50, 15:55, 09:30
         hold_bars=3, left="2025-06-04 09:30", price=110.0, equity=[101_500] + 4 * [104_500]),
    held("a_daily_bar_counts_as_one",  # after 2 of Tuesday, 4 of Wednesday, 3 of Thursday
         hold_bars=10, left="2025-06-06", price=130.0, equity=[*HELD[:3], 114_500, 114_500]),
    held("by_bars_it_leaves_at_the_close_of_a_daily_bar",
         hold_bars=10, leave="close", left="2025-06-06", price=132.0,
         equity=[*HELD[:4], 115_500]),
    held("bars_that_the_data_do_not_have_leave_it_open",
         hold_bars=12, left="2025-06-09", price=142.0, reason="open", equity=HELD),
    held("by_the_clock_it_leaves_at_the_open_of_the_bar_of_that_minute",
         leave_at="15:50", left="2025-06-03 15:50", price=102.0, equity=5 * [100_500]),
    held("by_the_clock_it_leaves_at_the_first_bar_after_that_minute",
         leave_at="15:51", left="2025-06-03 15:55", price=103.0, equity=5 * [101_000]),
    held("by_the_clock_of_an_earlier_minute_it_leaves_at_the_bar_after_the_entry",
         leave_at="09:32", left="2025-06-03 15:50", price=102.0, equity=5 * [100_500]),
    held("by_the_clock_of_the_minute_of_the_entry_it_leaves_at_the_bar_after_it",
         leave_at="09:35", left="2025-06-03 15:50", price=102.0, equity=5 * [100_500]),
    held("after_the_last_bar_of_the_session_the_clock_leaves_at_its_close",
         leave_at="15:58", left="2025-06-03 15:55", price=104.0, equity=5 * [101_500]),
    held("a_hold_of_zero_with_a_clock_is_none",
         hold=0, leave_at="15:55", left="2025-06-03 15:55", price=103.0, equity=5 * [101_000]),
    held("by_the_clock_of_the_next_session",
         hold=1, leave_at="09:35", left="2025-06-04 09:35", price=111.0,
         equity=[101_500] + 4 * [105_000]),
    held("beside_a_clock_leave_says_nothing",
         hold=1, leave_at="09:35", leave="close", left="2025-06-04 09:35", price=111.0,
         equity=[101_500] + 4 * [105_000]),
    held("a_clock_before_the_first_bar_leaves_at_it",
         hold=2, leave_at="04:00", left="2025-06-05 09:30", price=120.0,
         equity=[101_500, 106_500] + 3 * [109_500]),
    held("in_a_session_by_the_day_the_clock_leaves_at_its_close",
         hold=3, leave_at="09:35", left="2025-06-06", price=132.0, equity=[*HELD[:4], 115_500]),
    Case(
        name="entered_in_the_last_bar_the_clock_leaves_at_its_close",
        rule="finer bars",
        bars={},
        finer=DAYS,
        signals=[long("2025-06-03 15:55", weight=0.515, leave_at="15:55")],  # 51,500 ÷ 103
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 15:55", 103.0, "2025-06-03 15:55", 104.0,
                  "time", gross=500 * (104 - 103)),
        ],
        equity=3 * [100_500],
    ),
    Case(
        name="on_a_half_day_the_clock_leaves_at_the_close_of_its_last_bar",
        rule="finer bars",
        bars={},
        # The Friday after Thanksgiving closes at 13:00; what is stamped 13:00 is after hours.
        finer={"ACME": """
            2025-11-26 15:55  99 100  98 100
            2025-11-28 09:30 100 102  99 101
            2025-11-28 12:50 103 104 102 103
            2025-11-28 12:55 104 107 103 106
            2025-12-01 09:30 120 121 119 120
        """},
        signals=[long("2025-11-28 09:30", weight=0.5, leave_at="15:55")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-11-28 09:30", 100.0, "2025-11-28 12:55", 106.0,
                  "time", gross=500 * (106 - 100)),
        ],
        equity=[100_000, 103_000, 103_000],
    ),
    Case(
        name="a_bar_after_the_hours_of_a_half_day_is_not_traded",
        rule="finer bars",
        bars={"ACME": "2025-11-28 100 107 99 106"},  # as the exchange has it
        finer={"ACME": """
            2025-11-28 09:25  50  50  50  50  # before hours
            2025-11-28 09:30 100 102  99 101
            2025-11-28 12:55 104 107 103 106
            2025-11-28 13:00 200 200  10  10  # after hours
            2025-12-01 09:30 120 121 119 120
        """},
        signals=[long("2025-11-28 09:30", weight=0.5, hold=0, stop=0.3, target=0.9)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-11-28 09:30", 100.0, "2025-11-28 12:55", 106.0,
                  "time", gross=500 * (106 - 100)),
        ],
        equity=[103_000, 103_000],
    ),
    Case(
        name="the_clock_is_that_of_new_york_on_both_sides_of_the_change_in_autumn",
        rule="finer bars",
        bars={},
        # Clocks go back in the night to Sunday, November 2: 15:50 is 19:50 UTC before, 20:50 after.
        finer={"ACME": """
            2025-10-31 14:50 100 100 100 100
            2025-10-31 15:50 101 101 101 101
            2025-10-31 15:55 102 102 102 102
            2025-11-03 14:50 103 103 103 103
            2025-11-03 15:50 104 104 104 104
            2025-11-03 15:55 105 105 105 105
        """},
        signals=[long("2025-10-31 14:50", weight=0.5, hold=1, leave_at="15:50")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-10-31 14:50", 100.0, "2025-11-03 15:50", 104.0,
                  "time", gross=500 * (104 - 100)),
        ],
        equity=[101_000, 102_000],
    ),
    Case(
        name="the_clock_is_that_of_new_york_on_both_sides_of_the_change_in_spring",
        rule="finer bars",
        bars={},
        # Clocks go forward in the night to Sunday, March 9: 15:50 is 20:50 UTC before, 19:50 after.
        finer={"ACME": """
            2025-03-07 15:50 100 100 100 100
            2025-03-07 15:55 101 101 101 101
            2025-03-10 14:50 103 103 103 103
            2025-03-10 15:50 104 104 104 104
            2025-03-10 15:55 105 105 105 105
        """},
        signals=[long("2025-03-07 15:50", weight=0.5, hold=1, leave_at="15:50")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-03-07 15:50", 100.0, "2025-03-10 15:50", 104.0,
                  "time", gross=500 * (104 - 100)),
        ],
        equity=[100_500, 102_000],
    ),
    Case(
        name="a_renewal_counts_the_bars_anew_from_its_bar",
        rule="finer bars",
        bars={},
        finer=DAYS,
        signals=[
            long("2025-06-03 09:30", weight=0.5, hold_bars=2),
            long("2025-06-03 15:50", weight=0.5, hold_bars=2),  # on the bar at which it would leave
        ],
        trades=[  # 15:55, 09:30
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-04 09:30", 110.0,
                  "time", gross=500 * (110 - 100)),
        ],
        equity=[102_000, 105_000, 105_000],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="a_renewal_in_the_bar_of_the_clock_waits_for_the_bar_after_it",
        rule="finer bars",
        bars={},
        finer=DAYS,
        signals=[
            long("2025-06-03 09:30", weight=0.5, leave_at="15:50"),
            long("2025-06-03 15:50", weight=0.5, leave_at="15:50"),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-03 15:55", 103.0,
                  "time", gross=500 * (103 - 100)),
        ],
        equity=3 * [101_500],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="a_renewal_in_a_later_session_counts_the_hold_and_the_clock_from_there",
        rule="finer bars",
        bars={},
        finer=DAYS,
        signals=[
            long("2025-06-03 09:30", weight=0.5, hold=1, leave_at="15:50"),
            long("2025-06-04 09:35", weight=0.5, hold=1, leave_at="15:55"),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-05 15:55", 123.0,
                  "time", gross=500 * (123 - 100)),
        ],
        equity=[102_000, 107_000, 111_500],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="an_entry_at_the_close_is_at_that_of_the_last_bar_and_sized_on_its_open",
        rule="finer bars",
        bars={},
        finer=DAYS,
        signals=[long("2025-06-03 09:35", weight=0.515, enter="close", hold=1)],
        trades=[  # 51,500 ÷ 103
            trade("e1", "ACME", "long", 500, "2025-06-03 15:55", 104.0, "2025-06-04 09:30", 110.0,
                  "time", gross=500 * (110 - 104)),
        ],
        equity=[100_000, 103_000, 103_000],
    ),
    Case(
        name="after_an_entry_at_the_close_bars_count_from_the_first_of_the_next_session",
        rule="finer bars",
        bars={},
        finer=DAYS,
        signals=[long("2025-06-03 09:35", weight=0.515, enter="close", hold_bars=1, leave="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 15:55", 104.0, "2025-06-04 09:30", 110.0,
                  "time", gross=500 * (110 - 104)),
        ],
        equity=[100_000, 103_000, 103_000],
    ),
    Case(
        name="after_an_entry_at_the_close_the_clock_is_that_of_a_later_session",
        rule="finer bars",
        bars={},
        finer=DAYS,
        signals=[long("2025-06-03 09:35", weight=0.515, enter="close", hold=1, leave_at="09:35")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 15:55", 104.0, "2025-06-04 09:35", 111.0,
                  "time", gross=500 * (111 - 104)),
        ],
        equity=[100_000, 103_500, 103_500],
    ),
    Case(
        name="a_flat_for_the_close_leaves_at_that_of_the_last_bar",
        rule="finer bars",
        bars={},
        finer=DAYS,
        signals=[long("2025-06-03 09:30", weight=0.5), flat("2025-06-04 09:35", leave="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-04 15:55", 114.0,
                  "signal", gross=500 * (114 - 100)),
        ],
        equity=[102_000, 107_000, 107_000],
        outcomes={"e1": "enter", "e2": "leave"},
    ),
    Case(
        name="a_flat_leaves_at_the_open_of_its_bar",
        rule="finer bars",
        bars={},
        finer=DAYS,
        signals=[long("2025-06-03 09:30", weight=0.5), flat("2025-06-04 09:35")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:30", 100.0, "2025-06-04 09:35", 111.0,
                  "signal", gross=500 * (111 - 100)),
        ],
        equity=[102_000, 105_500, 105_500],
        outcomes={"e1": "enter", "e2": "leave"},
    ),
    Case(
        name="a_short_of_a_day_pays_no_borrow_and_one_over_the_night_does",
        rule="finer bars",
        bars={},
        finer=DAYS,
        signals=[
            short("2025-06-03 09:30", weight=0.5, leave_at="15:50"),
            short("2025-06-04 09:30", weight=0.55, hold=1),  # 54,450 of 99,000 at 110
        ],
        # 0.36 a year of 360 days is a thousandth a night, of the last close of 114.
        settings=free(borrow_default=0.36, borrow_collateral=1.0),
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03 09:30", 100.0, "2025-06-03 15:50", 102.0,
                  "time", gross=500 * (100 - 102)),
            trade("e2", "ACME", "short", 495, "2025-06-04 09:30", 110.0, "2025-06-05 09:30", 120.0,
                  "time", gross=495 * (110 - 120), borrow=495 * 114 * 0.001),
        ],
        equity=[
            99_000,
            99_000 - 495 * 4,
            99_000 - 495 * 10 - 495 * 114 * 0.001,
        ],
    ),
    *(
        Case(
            name=f"in_a_run_by_sessions_{name}",
            rule="finer bars",
            bars={
                "ACME": """
                    2025-06-03 100 105  99 104
                    2025-06-04 110 115 109 114
                    2025-06-05 120 125 119 124
                """
            },
            signals=[long("2025-06-03", weight=0.5, **terms)],
            trades=[
                trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, left, price, "time",
                      gross=500 * (price - 100)),
            ],
            equity=equity,
        )
        for name, terms, left, price, equity in (
            ("two_bars_are_two_sessions", {"hold_bars": 2}, "2025-06-05", 120.0,
             [102_000, 107_000, 110_000]),
            ("bars_end_at_their_close", {"hold_bars": 1, "leave": "close"}, "2025-06-04", 114.0,
             [102_000, 107_000, 107_000]),
            ("no_bar_is_the_close_of_the_entry", {"hold_bars": 0, "leave": "close"}, "2025-06-03",
             104.0, 3 * [102_000]),
            ("the_clock_is_the_close", {"leave_at": "09:35"}, "2025-06-03", 104.0, 3 * [102_000]),
            ("the_clock_of_a_later_one_is_its_close", {"hold": 1, "leave_at": "09:35"},
             "2025-06-04", 114.0, [102_000, 107_000, 107_000]),
        )
    ),
]
