"""Entries that wait for a price within the session."""

from tests.spec.case import Case, free, long, short, trade

DAYS = {
    "ACME": """
        2025-06-02 100 101  99 100
        2025-06-03  98 110  90 105
        2025-06-04 104 106 103 105
    """
}
STILL = """
    2025-06-02 50 50 50 50
    2025-06-03 50 50 50 50
    2025-06-04 50 50 50 50
"""

# fmt: off
CASES = [
    Case(
        name="a_limit_fills_at_its_level_without_slippage",
        rule="limit",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.475, limit=0.05)],  # 95; 47,500 ÷ 95 = 500
        settings=free(slippage_bps=100.0, commission_fixed=5.0),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 95.0, "2025-06-04", 105.0, "open",
                  gross=500 * 10, commission=5),
        ],
        equity=[100_000, 104_995, 104_995],
        outcomes={"e1": "enter"},
    ),
    Case(
        name="a_limit_fills_at_a_better_open",
        rule="limit",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.5, limit=0.0)],  # sized at 100, filled at 98
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 98.0, "2025-06-04", 105.0, "open",
                  gross=500 * 7),
        ],
        equity=[100_000, 103_500, 103_500],
    ),
    Case(
        name="a_limit_is_touched_by_a_low_that_equals_it",
        rule="limit",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.45, limit=0.1)],  # 90
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 90.0, "2025-06-04", 105.0, "open",
                  gross=500 * 15),
        ],
        equity=[100_000, 107_500, 107_500],
    ),
    Case(
        name="a_limit_that_is_not_reached_lapses",
        rule="limit",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.5, limit=0.101)],  # 89.9
        trades=[],
        equity=[100_000, 100_000, 100_000],
        outcomes={"e1": "not_filled"},
    ),
    Case(
        name="a_limit_of_a_short_is_above_the_last_close",
        rule="limit",
        bars=DAYS,
        signals=[short("2025-06-03", weight=0.5, limit=0.05)],  # 105; 50,000 ÷ 105 = 476.2
        trades=[
            trade("e1", "ACME", "short", 476, "2025-06-03", 105.0, "2025-06-04", 105.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
    ),
    Case(
        name="a_stop_may_be_touched_after_a_limit_in_one_session",
        rule="limit",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.475, limit=0.05, stop=0.04)],  # 95 − 4 % = 91.2
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 95.0, "2025-06-03", 91.2, "stop",
                  gross=500 * -3.8),
        ],
        equity=[100_000, 98_100, 98_100],
    ),
    Case(
        name="a_target_may_not_be_touched_after_a_limit_in_one_session",
        rule="limit",
        bars=DAYS,
        # 95 + 10 % = 104.5: the high of 110 may have been before; the next has one of 106.
        signals=[long("2025-06-03", weight=0.475, limit=0.05, target=0.1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 95.0, "2025-06-04", 104.5, "target",
                  gross=500 * 9.5),
        ],
        equity=[100_000, 105_000, 104_750],
    ),
    Case(
        name="without_an_earlier_close_no_limit_is_filled",
        rule="limit",
        bars=DAYS,
        signals=[long("2025-06-02", weight=0.5, limit=0.0)],
        trades=[],
        equity=[100_000, 100_000, 100_000],
        outcomes={"e1": "not_filled"},
    ),
    Case(
        name="a_reversal_with_a_limit_leaves_and_may_not_enter",
        rule="limit",
        bars=DAYS,
        signals=[long("2025-06-02", weight=0.5), short("2025-06-03", weight=0.5, limit=0.2)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 98.0, "reversal",
                  gross=500 * -2),
        ],
        equity=[100_000, 99_000, 99_000],
        outcomes={"e1": "enter", "e2": "not_filled"},
    ),
    Case(
        name="what_waits_at_a_limit_takes_room_from_later_entries",
        rule="limit",
        bars=DAYS | {"BOLT": """
            2025-06-02 50 50 50 50
            2025-06-03 50 50 50 50
            2025-06-04 50 50 50 50
        """},
        # 89.9 is not reached, but 889 × 89.9 = 79,921.10 stand by: 20,078.90 ÷ 50 = 401.6
        signals=[
            long("2025-06-03", weight=0.8, limit=0.101),
            long("2025-06-03", "BOLT", weight=1.0),
        ],
        trades=[trade("e2", "BOLT", "long", 401, "2025-06-03", 50.0, "2025-06-04", 50.0, "open")],
        equity=[100_000, 100_000, 100_000],
        cash=[100_000, 100_000 - 401 * 50, 100_000 - 401 * 50],
        outcomes={"e1": "not_filled", "e2": "enter"},
    ),
    Case(
        name="cash_that_waits_at_a_limit_cannot_be_spent_until_the_close",
        rule="limit",
        bars=DAYS | {"BOLT": STILL, "CROW": STILL},
        # Room is for twice the equity, but 1,112 × 89.9 = 99,968.80 of the cash stand by.
        settings=free(max_gross=2.0),
        signals=[
            long("2025-06-03", weight=1.0, limit=0.101),
            long("2025-06-03", "BOLT", weight=0.5),
            long("2025-06-03", "CROW", weight=0.5, enter="close"),
        ],
        trades=[
            trade("e3", "CROW", "long", 1_000, "2025-06-03", 50.0, "2025-06-04", 50.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
        cash=[100_000, 50_000, 50_000],
        outcomes={"e1": "not_filled", "e2": "no_room", "e3": "enter"},
    ),
    Case(
        name="the_commission_of_a_limit_stands_by_too",
        rule="limit",
        bars=DAYS | {"BOLT": STILL},
        # 500 × 90 and 30 stand by: of 54,970 BOLT pays 30 too: 54,940 ÷ 50 = 1,098.8.
        settings=free(max_gross=2.0, commission_fixed=30.0),
        signals=[
            long("2025-06-03", weight=0.45, limit=0.1),
            long("2025-06-03", "BOLT", weight=1.5),
        ],
        trades=[
            trade("e2", "BOLT", "long", 1_098, "2025-06-03", 50.0, "2025-06-04", 50.0, "open",
                  commission=30),
            trade("e1", "ACME", "long", 500, "2025-06-03", 90.0, "2025-06-04", 105.0, "open",
                  gross=500 * 15, commission=30),
        ],
        equity=[100_000, 107_440, 107_440],
        cash=[100_000, 40, 40],
    ),
    Case(
        name="a_short_that_waits_at_a_limit_takes_room_though_no_cash",
        rule="limit",
        bars=DAYS | {"BOLT": STILL},
        # 110.01 is one cent above the high; 727 × 110.01 = 79,977.27: 20,022.73 ÷ 50 = 400.5
        signals=[
            short("2025-06-03", weight=0.8, limit=0.1001),
            long("2025-06-03", "BOLT", weight=1.0),
        ],
        trades=[trade("e2", "BOLT", "long", 400, "2025-06-03", 50.0, "2025-06-04", 50.0, "open")],
        equity=[100_000, 100_000, 100_000],
        cash=[100_000, 80_000, 80_000],
        outcomes={"e1": "not_filled", "e2": "enter"},
    ),
    Case(
        name="after_a_limit_filled_at_the_open_the_stop_rests_through_that_session",
        rule="limit",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.5, limit=0.0, stop=0.05)],  # 98 − 5 % = 93.1
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 98.0, "2025-06-03", 93.1, "stop",
                  gross=500 * -4.9),
        ],
        equity=[100_000, 97_550, 97_550],
    ),
    Case(
        name="after_a_limit_filled_at_the_open_the_target_rests_through_that_session",
        rule="limit",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.5, limit=0.0, target=0.1)],  # 98 + 10 % = 107.8
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 98.0, "2025-06-03", 107.8, "target",
                  gross=500 * 9.8),
        ],
        equity=[100_000, 104_900, 104_900],
    ),
    Case(
        name="a_limit_that_leaves_its_target_below_the_open_is_not_touched_by_it",
        rule="limit",
        bars=DAYS,
        # 92, the open of 98 was before it: 92 + 5 % = 96.6 waits for the next open of 104.
        signals=[long("2025-06-03", weight=0.46, limit=0.08, target=0.05)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 92.0, "2025-06-04", 104.0, "target",
                  gross=500 * 12),
        ],
        equity=[100_000, 106_500, 106_000],
    ),
    Case(
        name="a_limit_is_filled_also_where_a_stop_has_taken_its_cash_meanwhile",
        rule="limit",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 100 160 100 120
                2025-06-04 120 120 120 120
            """,
            "ZINC": """
                2025-06-02 50 50 50 50
                2025-06-03 50 50 48 50
                2025-06-04 50 50 50 50
            """,
        },
        # 190,000 ÷ 49 = 3,877 are set aside of 200,000 in cash; then the cover takes 150,000.
        signals=[
            short("2025-06-02", weight=1.0, stop=0.5),
            long("2025-06-03", "ZINC", weight=1.9, limit=0.02),
        ],
        settings=free(max_gross=3.0),
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-02", 100.0, "2025-06-03", 150.0, "stop",
                  gross=-50_000),
            trade("e2", "ZINC", "long", 3_877, "2025-06-03", 49.0, "2025-06-04", 50.0, "open",
                  gross=3_877),
        ],
        equity=[100_000, 53_877, 53_877],
        cash=[200_000, 50_000 - 3_877 * 49, 50_000 - 3_877 * 49],
    ),
]
