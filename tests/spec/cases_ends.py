"""Ends of a stock that are known: what is held at its last close is settled at the amount."""

from tests.spec.case import Case, flat, free, long, short, trade

ACME = """
    2025-06-02 100 101  99 100
    2025-06-03 100 102  98 102
    2025-06-04 104 108  97 106   # the last
"""
BARS = {
    "ACME": ACME,
    "BOLT": """
        2025-06-02 50 50 50 50
        2025-06-03 50 50 50 50
        2025-06-04 50 50 50 50
        2025-06-05 50 50 50 50
        2025-06-06 50 50 50 50
    """,
}
HEDGED = BARS | {
    "SPY": """
        2025-06-02 400 400 400 400
        2025-06-03 400 400 400 400
        2025-06-04 404 408 404 408
        2025-06-05 420 420 420 420
        2025-06-06 420 420 420 420
    """
}
DEAL = {"ACME": [("2025-06-05", "cash_merger", 110.0)]}
GONE = {"ACME": [("2025-06-05", "delisted", None)]}
SPY = (("SPY", 1.0),)

# fmt: off
CASES = [
    Case(
        name="a_long_is_settled_at_the_price_of_the_merger_without_costs",
        rule="ends",
        bars=BARS,
        actions=DEAL,
        settings=free(slippage_bps=100.0, commission_fixed=5.0),
        signals=[long("2025-06-03", weight=0.505)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 101.0, "2025-06-04", 110.0, "merger",
                  gross=500 * 9, commission=5),
        ],
        equity=[100_000, 100_000 + 500 - 5] + 3 * [104_495],
        cash=[100_000, 49_495] + 3 * [104_495],
    ),
    Case(
        name="a_short_is_settled_at_the_price_of_the_merger_and_pays_no_borrow_after_it",
        rule="ends",
        bars=BARS,
        actions=DEAL,
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-03", weight=0.5)],
        # One night at the close of 102: 500 × 102 × 1.02 × 0.001.
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-04", 110.0, "merger",
                  gross=500 * -10, borrow=52.02),
        ],
        equity=[100_000, 99_000] + 3 * [95_000 - 52.02],
    ),
    Case(
        name="a_delisted_stock_of_no_known_amount_is_settled_at_its_last_close",
        rule="ends",
        bars=BARS,
        actions=GONE,
        settings=free(commission_fixed=5.0),
        signals=[long("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 106.0, "delisted",
                  gross=500 * 6, commission=5),
        ],
        equity=[100_000, 100_995] + 3 * [102_995],
    ),
    Case(
        name="a_delisted_stock_may_be_worth_nothing",
        rule="ends",
        bars=BARS,
        actions={"ACME": [("2025-06-05", "delisted", 0.0)]},
        signals=[long("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 0.0, "delisted",
                  gross=500 * -100),
        ],
        equity=[100_000, 101_000] + 3 * [50_000],
    ),
    Case(
        name="a_short_of_what_is_worth_nothing_keeps_all",
        rule="ends",
        bars=BARS,
        actions={"ACME": [("2025-06-05", "delisted", 0.0)]},
        signals=[short("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-04", 0.0, "delisted",
                  gross=500 * 100),
        ],
        equity=[100_000, 99_000] + 3 * [150_000],
    ),
    Case(
        name="what_ends_in_a_halt_is_settled_in_the_session_before_its_day_and_pays_no_more_borrow",
        rule="ends",
        bars=BARS,
        actions={"ACME": [("2025-06-06", "cash_merger", 110.0)]},
        signals=[short("2025-06-03", weight=0.5)],
        settings=free(borrow_default=0.36),
        # Until Thursday's close it counts at Wednesday's, 106.
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-05", 110.0, "merger",
                  gross=500 * -10, borrow=52.02),
        ],
        equity=[100_000, 99_000, 97_000 - 52.02] + 2 * [95_000 - 52.02],
    ),
    Case(
        name="what_an_end_pays_is_not_there_before_it",
        rule="ends",
        bars=BARS,
        actions={"ACME": [("2025-06-09", "delisted", 0.0)]},
        signals=[
            long("2025-06-03", weight=0.5), long("2025-06-05", "BOLT", weight=0.25),
        ],
        # A quarter is of 103,000, which nobody knows yet to be 50,000.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-06", 0.0, "delisted",
                  gross=500 * -100),
            trade("e2", "BOLT", "long", 515, "2025-06-05", 50.0, "2025-06-06", 50.0, "open"),
        ],
        equity=[100_000, 101_000, 103_000, 103_000, 50_000],
    ),
    Case(
        name="an_end_beyond_the_last_session_of_all_is_settled_in_that",
        rule="ends",
        bars=BARS,
        actions={"ACME": [("2025-06-16", "delisted", 0.0)]},
        signals=[long("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-06", 0.0, "delisted",
                  gross=500 * -100),
        ],
        equity=[100_000, 101_000, 103_000, 103_000, 50_000],
    ),
    Case(
        name="the_legs_of_what_ends_in_a_halt_leave_at_that_close",
        rule="ends",
        bars=HEDGED,
        actions={"ACME": [("2025-06-06", "cash_merger", 110.0)]},
        signals=[long("2025-06-03", weight=0.4, legs=SPY)],
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-05", 110.0, "merger",
                  gross=400 * 10, hedge=100 * -20),
        ],
        settings=free(borrow_mode="none"),
        equity=[100_000, 100_800, 101_600, 102_000, 102_000],
    ),
    Case(
        name="what_acts_after_the_last_trade_and_before_the_end_is_in_what_it_pays",
        rule="ends",
        bars=BARS,
        actions={"ACME": [
            ("2025-06-05", "dividend", 2.0),
            ("2025-06-05", "split", 0.1),
            ("2025-06-06", "dividend", 30.0),
            ("2025-06-09", "cash_merger", 1_000.0),
        ]},
        signals=[long("2025-06-03", weight=0.5)],
        # For ten old shares 2 and 30 and 1,000 on the new one.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-06", 103.2, "merger",
                  gross=500 * 3.2),
        ],
        equity=[100_000, 101_000, 103_000, 103_000, 101_600],
    ),
    Case(
        name="the_account_may_end_with_its_only_stock",
        rule="ends",
        bars={"ACME": ACME},
        actions=DEAL,
        signals=[long("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 110.0, "merger",
                  gross=500 * 10),
        ],
        equity=[100_000, 101_000, 105_000],
        cash=[100_000, 50_000, 105_000],
    ),
    Case(
        name="a_dividend_or_split_on_the_day_of_the_end_has_no_bar_to_act_at",
        rule="ends",
        bars=BARS,
        actions={"ACME": [
            ("2025-06-05", "split", 2.0),
            ("2025-06-05", "dividend", 3.0),
            ("2025-06-05", "cash_merger", 110.0),
        ]},
        signals=[long("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 110.0, "merger",
                  gross=500 * 10),
        ],
        equity=[100_000, 101_000] + 3 * [105_000],
    ),
    Case(
        name="a_split_and_a_dividend_at_the_last_bar_come_before_the_end",
        rule="ends",
        bars={"ACME": """
            2025-06-02 100 100 100 100
            2025-06-03 100 100 100 100
            2025-06-04  50  50  50  50   # two for one
        """},
        actions={"ACME": [
            ("2025-06-04", "split", 2.0),
            ("2025-06-04", "dividend", 3.0),
            ("2025-06-05", "cash_merger", 60.0),
        ]},
        signals=[long("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-03", 50.0, "2025-06-04", 60.0, "merger",
                  gross=1_000 * 10, dividends=3_000),
        ],
        equity=[100_000, 100_000, 50_000 + 3_000 + 60_000],
    ),
    Case(
        name="a_stop_touched_in_the_last_session_comes_before_the_end",
        rule="ends",
        bars=BARS,
        actions=DEAL,
        signals=[long("2025-06-03", weight=0.5, stop=0.03)],  # 97
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 97.0, "stop",
                  gross=500 * -3),
        ],
        equity=[100_000, 101_000] + 3 * [98_500],
    ),
    Case(
        name="a_target_touched_in_the_last_session_comes_before_the_end",
        rule="ends",
        bars=BARS,
        actions=DEAL,
        signals=[long("2025-06-03", weight=0.5, target=0.08)],  # 108
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 108.0, "target",
                  gross=500 * 8),
        ],
        equity=[100_000, 101_000] + 3 * [104_000],
    ),
    Case(
        name="a_level_that_the_last_close_passes_comes_after_the_end",
        rule="ends",
        bars=BARS,
        actions=DEAL,
        signals=[long("2025-06-03", weight=0.5, target=0.05, levels="close")],  # 105
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 110.0, "merger",
                  gross=500 * 10),
        ],
        equity=[100_000, 101_000] + 3 * [105_000],
    ),
    Case(
        name="a_time_exit_at_the_last_open_comes_before_the_end_and_one_at_the_last_close_after_it",
        rule="ends",
        bars=BARS | {"CROW": ACME},
        actions=DEAL | {"CROW": [("2025-06-05", "cash_merger", 110.0)]},
        signals=[
            long("2025-06-03", weight=0.5, hold=1),
            long("2025-06-03", "CROW", weight=0.5, hold=1, leave="close"),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 104.0, "time",
                  gross=500 * 4),
            trade("e2", "CROW", "long", 500, "2025-06-03", 100.0, "2025-06-04", 110.0, "merger",
                  gross=500 * 10),
        ],
        equity=[100_000, 102_000] + 3 * [107_000],
    ),
    Case(
        name="an_entry_at_the_last_open_is_settled_at_that_close_whatever_its_hold",
        rule="ends",
        bars=BARS | {"CROW": ACME},
        actions=DEAL | {"CROW": [("2025-06-05", "delisted", 110.0)]},
        signals=[
            long("2025-06-04", weight=0.52),
            short("2025-06-04", "CROW", weight=0.26, hold=0),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-04", 104.0, "2025-06-04", 110.0, "merger",
                  gross=500 * 6),
            trade("e2", "CROW", "short", 250, "2025-06-04", 104.0, "2025-06-04", 110.0,
                  "delisted", gross=250 * -6),
        ],
        equity=[100_000, 100_000] + 3 * [101_500],
    ),
    Case(
        name="an_entry_at_its_limit_in_the_last_session_is_settled_at_that_close",
        rule="ends",
        bars=BARS,
        actions=DEAL,
        signals=[long("2025-06-04", weight=0.4998, limit=0.02)],  # 102 − 2 % = 99.96
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-04", 99.96, "2025-06-04", 110.0, "merger",
                  gross=500 * 10.04),
        ],
        equity=[100_000, 100_000] + 3 * [105_020],
    ),
    Case(
        name="a_flat_signal_for_the_last_close_finds_nothing_held",
        rule="ends",
        bars=BARS,
        actions=DEAL,
        signals=[long("2025-06-03", weight=0.5), flat("2025-06-04", leave="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 110.0, "merger",
                  gross=500 * 10),
        ],
        equity=[100_000, 101_000] + 3 * [105_000],
        outcomes={"e1": "enter", "e2": "nothing_held"},
    ),
    Case(
        name="what_is_settled_can_be_spent_at_that_close_and_sizes_are_of_the_open",
        rule="ends",
        bars=BARS,
        actions=DEAL,
        settings=free(max_positions=1),
        signals=[
            long("2025-06-03", weight=1.0),
            long("2025-06-04", "BOLT", weight=1.0, enter="close"),
        ],
        # 1,000 ACME at the open of 104 are 104,000, which 2,080 at 50 take; 110,000 are there.
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-03", 100.0, "2025-06-04", 110.0, "merger",
                  gross=1_000 * 10),
            trade("e2", "BOLT", "long", 2_080, "2025-06-04", 50.0, "2025-06-06", 50.0, "open"),
        ],
        equity=[100_000, 102_000] + 3 * [110_000],
        cash=[100_000, 0] + 3 * [6_000],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="what_is_settled_counts_at_the_raw_open_in_what_that_close_is_sized_on",
        rule="ends",
        bars=BARS,
        actions=DEAL,
        settings=free(slippage_bps=100.0),
        signals=[
            long("2025-06-04", weight=0.5252),
            long("2025-06-04", "BOLT", weight=0.5, enter="close"),
        ],
        # 500 ACME at 105.04 leave 47,480; with 52,000 at the open of 104 they are 99,480, of which
        # 49,740 ÷ 50.50 = 984.9.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-04", 105.04, "2025-06-04", 110.0, "merger",
                  gross=500 * 4.96),
            trade("e2", "BOLT", "long", 984, "2025-06-04", 50.5, "2025-06-06", 50.0, "open",
                  gross=-492),
        ],
        equity=[100_000, 100_000] + 3 * [100_000 + 2_480 - 492],
    ),
    Case(
        name="the_legs_of_a_stock_that_ends_leave_at_that_close_as_orders",
        rule="ends",
        bars=HEDGED,
        actions=DEAL,
        settings=free(commission_fixed=5.0, borrow_default=0.36, borrow_collateral=1.0),
        signals=[long("2025-06-03", weight=0.4, legs=SPY)],
        # 100 SPY from 400 to the close of 408, 5 each; one night at 400
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-04", 110.0, "merger",
                  gross=400 * 10, commission=5, hedge=100 * -8 - 10 - 40),
        ],
        of_legs={"commission": 2 * 5, "borrow": 40.0},
        equity=[100_000, 100_000 + 800 - 10] + 3 * [100_000 + 4_000 - 800 - 15 - 40],
        cash=[100_000, 99_990] + 3 * [100_000 + 4_000 - 800 - 15 - 40],
    ),
    Case(
        name="a_leg_whose_symbol_ends_with_the_account_stays_open_at_its_last_close",
        rule="ends",
        bars=HEDGED,
        actions={"SPY": [("2025-06-09", "cash_merger", 500.0)]},
        signals=[long("2025-06-03", "BOLT", weight=0.4, legs=SPY)],
        trades=[
            trade("e1", "BOLT", "long", 800, "2025-06-03", 50.0, "2025-06-06", 50.0, "open",
                  hedge=100 * -20),
        ],
        equity=[100_000, 100_000, 99_200, 98_000, 98_000],
    ),
    Case(
        name="legs_of_two_ends_at_one_close_net",
        rule="ends",
        bars=HEDGED | {"CROW": ACME},
        actions=DEAL | {"CROW": [("2025-06-05", "delisted", None)]},
        settings=free(slippage_bps=100.0),
        signals=[
            long("2025-06-03", weight=0.202, legs=SPY),  # 200 ACME at 101; 50.5: 51 SPY
            short("2025-06-03", "CROW", weight=0.198, legs=(("SPY", 1.03),)),  # 200 at 99; 50.985
        ],
        # 51 sold and 51 bought: at 400 and at 408, without slippage.
        trades=[
            trade("e1", "ACME", "long", 200, "2025-06-03", 101.0, "2025-06-04", 110.0, "merger",
                  gross=200 * 9, hedge=51 * -8),
            trade("e2", "CROW", "short", 200, "2025-06-03", 99.0, "2025-06-04", 106.0, "delisted",
                  gross=200 * -7, hedge=51 * 8),
        ],
        equity=[100_000, 100_000 + 200 - 600] + 3 * [100_400],
    ),
    Case(
        name="ruin_at_the_last_open_comes_before_the_end",
        rule="ends",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 100 100 100 100
                2025-06-04 210 210 210 210
            """,
            "BOLT": BARS["BOLT"],
        },
        actions=GONE,
        signals=[short("2025-06-03", weight=1.0), long("2025-06-05", "BOLT")],
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-03", 100.0, "2025-06-04", 210.0, "ruin",
                  gross=1_000 * -110),
        ],
        equity=[100_000, 100_000] + 3 * [-10_000],
        outcomes={"e1": "enter", "e2": "ruined"},
    ),
    Case(
        name="the_amount_of_an_end_may_ruin",
        rule="ends",
        bars=BARS,
        actions={"ACME": [("2025-06-05", "cash_merger", 200.0)]},
        signals=[
            short("2025-06-03", weight=1.0),
            long("2025-06-05", "BOLT"),
        ],
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-03", 100.0, "2025-06-04", 200.0,
                  "merger", gross=1_000 * -100),
        ],
        equity=[100_000, 98_000] + 3 * [0],
        outcomes={"e1": "enter", "e2": "ruined"},
    ),
]
