"""Splits: what was held at the close before is changed before the open; fractions leave in cash."""

from tests.spec.case import Case, free, long, short, trade

DAYS = {
    "ACME": """
        2025-06-02 100 101  99 100
        2025-06-03 100 102  98 100
        2025-06-04  50  51  49  50   # two for one
        2025-06-05  55  56  54  55
    """
}
ODD = {
    "ACME": """
        2025-06-02 100 101  99 100
        2025-06-03 100 103  99 102
        2025-06-04  66  67  65  66   # three for two: a mark of 102 is one of 68
        2025-06-05  66  67  65  66
    """
}
REVERSE = {
    "ACME": """
        2025-06-02  100  101   99  100
        2025-06-03  100  103   99  102
        2025-06-04 1040 1040 1040 1040   # one for ten
        2025-06-05 1050 1050 1050 1050
    """
}
LEVELS = {
    "ACME": """
        2025-06-02 100 100 100 100
        2025-06-03 100 105 100 104
        2025-06-04  52  53  46  50   # two for one
        2025-06-05  52  56  44  45
        2025-06-06  48  49  47  48
    """
}
FLAT = {
    "BOLT": """
        2025-06-02 50 50 50 50
        2025-06-03 50 50 50 50
        2025-06-04 50 50 50 50
        2025-06-05 50 50 50 50
    """
}
TWO_FOR_ONE = {"ACME": [("2025-06-04", "split", 2.0)]}
THREE_FOR_TWO = {"ACME": [("2025-06-04", "split", 1.5)]}
ONE_FOR_TEN = {"ACME": [("2025-06-04", "split", 0.1)]}

# fmt: off
CASES = [
    Case(
        name="a_split_doubles_the_shares_of_a_long",
        rule="splits",
        bars=DAYS,
        actions=TWO_FOR_ONE,
        signals=[long("2025-06-03", weight=0.5, hold=2)],
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-03", 50.0, "2025-06-05", 55.0, "time",
                  gross=1_000 * 5),
        ],
        equity=[100_000, 100_000, 100_000, 105_000],
        cash=[100_000, 50_000, 50_000, 105_000],
    ),
    Case(
        name="a_split_doubles_the_shares_of_a_short_whose_last_night_was_of_the_old_ones",
        rule="splits",
        bars=DAYS,
        actions=TWO_FOR_ONE,
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-03", weight=0.5)],
        # 500 × 100 and then 1,000 × 50, each × 1.02 × 0.001
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-03", 50.0, "2025-06-05", 55.0, "open",
                  gross=1_000 * -5, borrow=51 + 51),
        ],
        equity=[100_000, 100_000, 100_000 - 51, 95_000 - 102],
        cash=[100_000, 150_000, 150_000 - 51, 150_000 - 102],
    ),
    Case(
        name="a_split_on_a_saturday_comes_after_three_nights_of_the_old_shares",
        rule="splits",
        bars={
            "ACME": """
                2025-06-05 100 100 100 100
                2025-06-06 100 110 100 110   # Friday
                2025-06-09  60  60  60  60   # two for one
            """
        },
        actions={"ACME": [("2025-06-07", "split", 2.0)]},
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-06", weight=0.5)],
        # 500 × 110 × 1.02 × 0.003
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-06", 50.0, "2025-06-09", 60.0, "open",
                  gross=1_000 * -10, borrow=168.3),
        ],
        equity=[100_000, 95_000, 90_000 - 168.3],
    ),
    Case(
        name="an_entry_at_the_open_of_a_split_has_the_new_shares",
        rule="splits",
        bars=DAYS,
        actions=TWO_FOR_ONE,
        signals=[long("2025-06-04", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-04", 50.0, "2025-06-05", 55.0, "open",
                  gross=1_000 * 5),
        ],
        equity=[100_000, 100_000, 100_000, 105_000],
    ),
    Case(
        name="an_exit_at_the_open_of_a_split_sells_the_new_shares",
        rule="splits",
        bars=DAYS,
        actions=TWO_FOR_ONE,
        signals=[long("2025-06-02", weight=0.5, hold=2)],
        settings=free(commission_per_share=0.01),  # at least 1 dollar: 5 of 500, 10 of 1,000
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-02", 50.0, "2025-06-04", 50.0, "time",
                  commission=5 + 10),
        ],
        equity=[99_995, 99_995, 99_985, 99_985],
    ),
    Case(
        name="a_split_of_the_first_session_or_before_changes_nothing",
        rule="splits",
        bars=DAYS,
        actions={"ACME": [("2025-05-30", "split", 3.0), ("2025-06-02", "split", 5.0)]},
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "time"),
        ],
        equity=4 * [100_000],
    ),
    Case(
        name="half_a_share_of_a_long_leaves_in_cash_at_the_last_close",
        rule="splits",
        bars=ODD,
        actions=THREE_FOR_TWO,
        signals=[long("2025-06-03", weight=0.005)],
        settings=free(commission_fixed=1.0),  # which the half share does not pay
        # 5 × 1.5 = 7.5; the half at 102 ÷ 1.5 = 68
        trades=[
            trade("e1", "ACME", "long", 7.5, "2025-06-03", 100 / 1.5, "2025-06-05",
                  (0.5 * 68 + 7 * 66) / 7.5, "open",
                  gross=0.5 * (68 - 100 / 1.5) + 7 * (66 - 100 / 1.5), commission=1),
        ],
        equity=[100_000, 100_009, 99_499 + 34 + 462, 99_499 + 34 + 462],
        cash=[100_000, 99_499, 99_499 + 34, 99_499 + 34],
    ),
    Case(
        name="half_a_share_of_a_short_is_paid_for_at_the_last_close",
        rule="splits",
        bars=ODD,
        actions=THREE_FOR_TWO,
        signals=[short("2025-06-03", weight=0.005, hold=2)],
        trades=[
            trade("e1", "ACME", "short", 7.5, "2025-06-03", 100 / 1.5, "2025-06-05",
                  (0.5 * 68 + 7 * 66) / 7.5, "time",
                  gross=0.5 * (100 / 1.5 - 68) + 7 * (100 / 1.5 - 66)),
        ],
        equity=[100_000, 99_990, 100_500 - 34 - 462, 100_500 - 34 - 462],
        cash=[100_000, 100_500, 100_500 - 34, 100_500 - 34 - 462],
    ),
    Case(
        name="a_reverse_split_without_a_rest",
        rule="splits",
        bars=REVERSE,
        actions=ONE_FOR_TEN,
        signals=[short("2025-06-03", weight=0.03, hold=2)],  # 30; 30 × 0.1 is a bit above 3
        trades=[
            trade("e1", "ACME", "short", 3, "2025-06-03", 1_000.0, "2025-06-05", 1_050.0, "time",
                  gross=3 * -50),
        ],
        equity=[100_000, 100_000 - 60, 100_000 - 120, 100_000 - 150],
        cash=[100_000, 103_000, 103_000, 103_000 - 3_150],
    ),
    Case(
        name="a_ratio_of_ten_digits_leaves_whole_shares",
        rule="splits",
        bars={
            "ACME": """
                2025-06-03 100 100 100 100
                2025-06-04 300 300 300 300   # one for three
            """
        },
        actions={"ACME": [("2025-06-04", "split", 0.3333333333)]},
        signals=[long("2025-06-03", weight=0.009)],
        # 9 × 0.3333333333 = 2.9999999997 are 3
        trades=[
            trade("e1", "ACME", "long", 2.9999999997, "2025-06-03", 100 / 0.3333333333,
                  "2025-06-04", 900 / 2.9999999997, "open"),
        ],
        equity=[100_000, 100_000],
        cash=[99_100, 99_100],
    ),
    Case(
        name="a_reverse_split_with_a_rest",
        rule="splits",
        bars=REVERSE,
        actions=ONE_FOR_TEN,
        signals=[long("2025-06-03", weight=0.505)],
        # 505 × 0.1 = 50.5; the half at 102 ÷ 0.1 = 1,020
        trades=[
            trade("e1", "ACME", "long", 50.5, "2025-06-03", 1_000.0, "2025-06-05",
                  (0.5 * 1_020 + 50 * 1_050) / 50.5, "open", gross=0.5 * 20 + 50 * 50),
        ],
        equity=[100_000, 101_010, 100_000 + 10 + 2_000, 100_000 + 10 + 2_500],
        cash=[100_000, 49_500, 49_500 + 510, 49_500 + 510],
    ),
    Case(
        name="a_split_that_leaves_nothing_ends_the_trade_at_that_open",
        rule="splits",
        bars=REVERSE,
        actions=ONE_FOR_TEN,
        signals=[long("2025-06-03", weight=0.009)],
        # 9 × 0.1 = 0.9 at 1,020
        trades=[
            trade("e1", "ACME", "long", 0.9, "2025-06-03", 1_000.0, "2025-06-04", 1_020.0, "split",
                  gross=0.9 * 20),
        ],
        equity=[100_000, 100_018, 100_018, 100_018],
        cash=[100_000, 99_100, 100_018, 100_018],
    ),
    Case(
        name="a_split_that_leaves_nothing_of_a_short_ends_it_too",
        rule="splits",
        bars=REVERSE,
        actions=ONE_FOR_TEN,
        signals=[short("2025-06-03", weight=0.009, hold=2)],
        trades=[
            trade("e1", "ACME", "short", 0.9, "2025-06-03", 1_000.0, "2025-06-04", 1_020.0,
                  "split", gross=0.9 * -20),
        ],
        equity=[100_000, 99_982, 99_982, 99_982],
        cash=[100_000, 100_900, 99_982, 99_982],
    ),
    Case(
        name="one_share_is_not_nothing",
        rule="splits",
        bars=REVERSE,
        actions=ONE_FOR_TEN,
        signals=[long("2025-06-03", weight=0.010)],
        trades=[
            trade("e1", "ACME", "long", 1, "2025-06-03", 1_000.0, "2025-06-05", 1_050.0, "open",
                  gross=50),
        ],
        equity=[100_000, 100_020, 100_040, 100_050],
    ),
    Case(
        name="after_a_split_that_leaves_nothing_its_seat_is_free_at_that_open",
        rule="splits",
        bars=REVERSE | FLAT,
        actions=ONE_FOR_TEN,
        settings=free(max_positions=1),
        signals=[long("2025-06-03", weight=0.005), long("2025-06-04", "BOLT", weight=0.5)],
        # 500 in 5 shares: 0.5 at 1,020. 99,500 + 510 = 100,010; 50,005 ÷ 50 = 1,000.1
        trades=[
            trade("e1", "ACME", "long", 0.5, "2025-06-03", 1_000.0, "2025-06-04", 1_020.0, "split",
                  gross=10),
            trade("e2", "BOLT", "long", 1_000, "2025-06-04", 50.0, "2025-06-05", 50.0, "open"),
        ],
        equity=[100_000, 100_010, 100_010, 100_010],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="after_a_split_that_leaves_nothing_a_signal_enters_anew",
        rule="splits",
        bars=REVERSE,
        actions=ONE_FOR_TEN,
        signals=[long("2025-06-03", weight=0.005), short("2025-06-04", weight=0.5)],
        # 50,005 ÷ 1,040 = 48.08
        trades=[
            trade("e1", "ACME", "long", 0.5, "2025-06-03", 1_000.0, "2025-06-04", 1_020.0, "split",
                  gross=10),
            trade("e2", "ACME", "short", 48, "2025-06-04", 1_040.0, "2025-06-05", 1_050.0, "open",
                  gross=48 * -10),
        ],
        equity=[100_000, 100_010, 100_010, 100_010 - 480],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="a_split_moves_a_resting_target",
        rule="splits",
        bars=LEVELS,
        actions=TWO_FOR_ONE,
        signals=[long("2025-06-03", weight=0.5, target=0.1)],  # 110, then 55
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-03", 50.0, "2025-06-05", 55.0, "target",
                  gross=1_000 * 5),
        ],
        equity=[100_000, 102_000, 100_000, 105_000, 105_000],
    ),
    Case(
        name="a_split_moves_a_resting_stop",
        rule="splits",
        bars=LEVELS,
        actions=TWO_FOR_ONE,
        signals=[long("2025-06-03", weight=0.5, stop=0.1)],  # 90, then 45; 46 is above it
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-03", 50.0, "2025-06-05", 45.0, "stop",
                  gross=1_000 * -5),
        ],
        equity=[100_000, 102_000, 100_000, 95_000, 95_000],
    ),
    Case(
        name="a_split_moves_the_stop_of_its_own_session",
        rule="splits",
        bars=LEVELS,
        actions=TWO_FOR_ONE,
        signals=[long("2025-06-03", weight=0.5, stop=0.08)],  # 92, then 46
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-03", 50.0, "2025-06-04", 46.0, "stop",
                  gross=1_000 * -4),
        ],
        equity=[100_000, 102_000, 96_000, 96_000, 96_000],
    ),
    Case(
        name="a_level_is_rounded_to_nine_decimals_by_a_split",
        rule="splits",
        bars={
            "ACME": """
                2025-06-03 100 100 100          100
                2025-06-04  30  30  26.666666667 30   # three for one
            """
        },
        actions={"ACME": [("2025-06-04", "split", 3.0)]},
        signals=[long("2025-06-03", weight=0.5, stop=0.2)],  # 80 ÷ 3 is less than its low
        trades=[
            trade("e1", "ACME", "long", 1_500, "2025-06-03", 100 / 3, "2025-06-04", 26.666666667,
                  "stop", gross=1_500 * 26.666666667 - 50_000),
        ],
        equity=[100_000, 50_000 + 1_500 * 26.666666667],
    ),
    Case(
        name="a_split_moves_the_trailing_stop",
        rule="splits",
        bars=LEVELS,
        actions=TWO_FOR_ONE,
        # The best close is 104, then 52: 52 − 11.5 % = 46.02.
        signals=[long("2025-06-03", weight=0.5, trailing_stop=0.115)],
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-03", 50.0, "2025-06-04", 46.02,
                  "trailing_stop", gross=1_000 * -3.98),
        ],
        equity=[100_000, 102_000] + 3 * [100_000 - 3_980],
    ),
    Case(
        name="a_split_moves_a_level_on_the_close",
        rule="splits",
        bars=LEVELS,
        actions=TWO_FOR_ONE,
        signals=[long("2025-06-03", weight=0.5, stop=0.1, levels="close")],  # 45, as the close
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-03", 50.0, "2025-06-06", 48.0, "stop",
                  gross=1_000 * -2),
        ],
        equity=[100_000, 102_000, 100_000, 95_000, 98_000],
    ),
    Case(
        name="what_passed_a_level_before_a_split_leaves_at_its_open_with_the_new_shares",
        rule="splits",
        bars=LEVELS,
        actions=TWO_FOR_ONE,
        signals=[short("2025-06-03", weight=0.5, stop=0.04, levels="close", enter="open"),
                 short("2025-06-05", weight=0.5)],
        # The entry session's close of 104 equals its stop of 104.
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-03", 50.0, "2025-06-04", 52.0, "stop",
                  gross=1_000 * -2),
            # 98,000 ÷ 2 ÷ 52 = 942.3
            trade("e2", "ACME", "short", 942, "2025-06-05", 52.0, "2025-06-06", 48.0, "open",
                  gross=942 * 4),
        ],
        equity=[100_000, 98_000, 98_000, 98_000 + 942 * 7, 98_000 + 942 * 4],
    ),
    Case(
        name="a_split_between_a_part_sold_and_a_part_bought",
        rule="splits",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 125 125 120 120
                2025-06-04  60  60  60  60   # two for one
                2025-06-05  48  55  48  55
            """
        },
        actions=TWO_FOR_ONE,
        signals=[
            long("2025-06-02", weight=0.5),
            long("2025-06-03", weight=0.25, resize=True),
            long("2025-06-05", weight=0.5, resize=True),
        ],
        # 500 at 100. 112,500 ÷ 4 ÷ 125 = 225: 275 sold at 125, cash 84,375. 450 after the split;
        # 84,375 + 21,600 = 105,975, ÷ 2 ÷ 48 = 1,103.9: 653 more at 48, cash 53,031.
        # Entered are 1,000 at 50 and 653 at 48, left have 550 at 62.50 and 1,103 at 55.
        trades=[
            trade("e1", "ACME", "long", 1_653, "2025-06-02", 81_344 / 1_653, "2025-06-05",
                  (550 * 62.5 + 1_103 * 55) / 1_653, "open",
                  gross=550 * 62.5 + 1_103 * 55 - 81_344),
        ],
        equity=[100_000, 111_375, 111_375, 53_031 + 1_103 * 55],
        cash=[50_000, 84_375, 84_375, 53_031],
        outcomes={"e1": "enter", "e2": "resize", "e3": "resize"},
    ),
    Case(
        name="a_split_with_a_rest_after_a_part_was_sold",
        rule="splits",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 110 110 105 105
                2025-06-04  72  72  72  72   # three for two
            """
        },
        actions={"ACME": [("2025-06-04", "split", 1.5)]},
        signals=[
            long("2025-06-02", weight=0.01),
            long("2025-06-03", weight=0.0077, resize=True),
        ],
        # 10 at 100. 100,100 × 0.0077 ÷ 110 = 7.007: 3 sold at 110. 7 × 1.5 = 10.5: the half leaves
        # at 105 ÷ 1.5 = 70. Of 15 entered for 1,000 have left 4.5 for 330, 0.5 for 35, and 10 are
        # worth 720.
        trades=[
            trade("e1", "ACME", "long", 15, "2025-06-02", 1_000 / 15, "2025-06-04",
                  (330 + 35 + 720) / 15, "open", gross=85),
        ],
        equity=[100_000, 99_330 + 7 * 105, 99_365 + 720],
        cash=[99_000, 99_330, 99_365],
        outcomes={"e1": "enter", "e2": "resize"},
    ),
    Case(
        name="of_one_day_the_split_comes_before_the_dividend",
        rule="splits",
        bars=DAYS,
        actions={"ACME": [("2025-06-04", "dividend", 1.0), ("2025-06-04", "split", 2.0)]},
        signals=[long("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-03", 50.0, "2025-06-05", 55.0, "open",
                  gross=1_000 * 5, dividends=1_000 * 1),
        ],
        equity=[100_000, 100_000, 101_000, 106_000],
    ),
    Case(
        name="after_a_halt_actions_come_in_order_of_their_days",
        rule="splits",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 100 102 100 102
                2025-06-09  34  34  34  34
            """,
            "BOLT": """
                2025-06-02 50 50 50 50
                2025-06-03 50 50 50 50
                2025-06-04 50 50 50 50
                2025-06-05 50 50 50 50
                2025-06-06 50 50 50 50
                2025-06-09 50 50 50 50
            """,
        },
        actions={"ACME": [
            ("2025-06-06", "dividend", 4.0),
            ("2025-06-05", "split", 1.5),
            ("2025-06-04", "dividend", 2.0),
            ("2025-06-06", "split", 2.0),
        ]},
        signals=[long("2025-06-03", weight=0.005)],
        # 5 are paid 2 each: 10. Of 7.5 the half leaves at 68, of 14 none; 14 are paid 4 each: 56.
        # Entered are 15 at 100 ÷ 3; left have 1 at 34 and 14 at 34.
        trades=[
            trade("e1", "ACME", "long", 15, "2025-06-03", 100 / 3, "2025-06-09", 34.0, "open",
                  gross=15 * 34 - 500, dividends=10 + 56),
        ],
        equity=[100_000] + 4 * [100_010] + [99_500 + 10 + 34 + 56 + 14 * 34],
        cash=[100_000] + 4 * [99_500] + [99_500 + 10 + 34 + 56],
    ),
    Case(
        name="two_splits_at_one_open_each_leave_their_fraction",
        rule="splits",
        bars={
            "ACME": """
                2025-06-03 100 102 100 102
                2025-06-04  50  50  50  50
            """
        },
        actions={"ACME": [("2025-06-04", "split", 1.5), ("2025-06-04", "split", 1.5)]},
        signals=[long("2025-06-03", weight=0.005)],
        # 5, 7.5, of which 0.5 at 68; 7, 10.5, of which 0.5 at 68 ÷ 1.5. Entered: 5 × 2.25 = 11.25.
        trades=[
            trade("e1", "ACME", "long", 11.25, "2025-06-03", 500 / 11.25, "2025-06-04",
                  (34 + 34 / 1.5 + 10 * 50) / 11.25, "open", gross=34 + 34 / 1.5),
        ],
        equity=[100_010, 100_000 + 34 + 34 / 1.5],
        cash=[99_500, 99_500 + 34 + 34 / 1.5],
    ),
    Case(
        name="a_limit_is_measured_from_the_last_close_after_a_split",
        rule="splits",
        bars=LEVELS,
        actions=TWO_FOR_ONE,
        # 104 ÷ 2 = 52, less 10 % = 46.80; 46,800 ÷ 46.8 = 1,000
        signals=[long("2025-06-04", weight=0.468, limit=0.1)],
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-04", 46.8, "2025-06-06", 48.0, "open",
                  gross=1_000 * 1.2),
        ],
        equity=[100_000, 100_000, 103_200, 98_200, 101_200],
    ),
    Case(
        name="volumes_before_a_split_count_in_new_shares",
        rule="splits",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100 1000
                2025-06-03 100 100 100 100 3000
                2025-06-04  50  50  50  50 9000   # two for one
                2025-06-05  50  50  50  50 9000
            """
        },
        actions=TWO_FOR_ONE,
        settings=free(max_participation=0.25),
        # 2,000 and 6,000: a quarter of 4,000; then 2,000, 6,000 and 9,000: a quarter of 6,000
        signals=[long("2025-06-04", weight=0.95), short("2025-06-05", weight=0.95)],
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-04", 50.0, "2025-06-05", 50.0, "reversal"),
            trade("e2", "ACME", "short", 1_500, "2025-06-05", 50.0, "2025-06-05", 50.0, "open"),
        ],
        equity=4 * [100_000],
        cash=[100_000, 100_000, 50_000, 175_000],
        capped=frozenset({"e1", "e2"}),
    ),
    Case(
        name="slippage_by_the_last_range_is_a_ratio_and_stays",
        rule="splits",
        bars=DAYS,
        actions=TWO_FOR_ONE,
        settings=free(slippage_range=0.5),
        signals=[long("2025-06-04", weight=0.51)],  # half of 4 %: 51; 51,000 ÷ 51 = 1,000
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-04", 51.0, "2025-06-05", 55.0, "open",
                  gross=1_000 * 4),
        ],
        equity=[100_000, 100_000, 99_000, 104_000],
    ),
    Case(
        name="a_margin_call_covers_the_new_shares",
        rule="splits",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 150 160 150 160
                2025-06-04  75  75  75  75   # two for one
            """
        },
        actions=TWO_FOR_ONE,
        signals=[short("2025-06-02")],
        # 950: 195,000 − 950 × 160 = 43,000 are less than 30 % of 152,000.
        trades=[
            trade("e1", "ACME", "short", 1_900, "2025-06-02", 50.0, "2025-06-04", 75.0,
                  "margin_call", gross=1_900 * -25),
        ],
        equity=[100_000, 43_000, 52_500],
    ),
    Case(
        name="a_hold_counts_on_over_a_split_and_a_renewal_is_of_the_new_price",
        rule="splits",
        bars=LEVELS,
        actions=TWO_FOR_ONE,
        signals=[long("2025-06-03", weight=0.5, hold=9, target=0.5),
                 long("2025-06-04", hold=2, stop=0.2, target=0.08)],  # from 52: 41.6 and 56.16
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-03", 50.0, "2025-06-06", 48.0, "time",
                  gross=1_000 * -2),
        ],
        equity=[100_000, 102_000, 100_000, 95_000, 98_000],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
]
