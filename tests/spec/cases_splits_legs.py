"""Splits of hedged positions: a leg keeps its fraction; legs leave with a leader of no share."""

from tests.spec.case import Case, free, long, short, trade

BARS = {
    "ACME": """
        2025-06-02 100 100 100 100
        2025-06-03 100 100 100 100
        2025-06-04 100 100 100 100
        2025-06-05 100 100 100 100
    """,
    "BOLT": """
        2025-06-02 50 50 50 50
        2025-06-03 50 50 50 50
        2025-06-04 50 50 50 50
        2025-06-05 50 50 50 50
    """,
    "SPY": """
        2025-06-02 400 400 400 400
        2025-06-03 400 420 400 420
        2025-06-04 280 284 280 284   # three for two, in some cases
        2025-06-05 288 288 288 288
    """,
}
REVERSE = {
    "ACME": """
        2025-06-02  100  100  100  100
        2025-06-03  100  102  100  102
        2025-06-04 1000 1000 1000 1000   # one for ten
        2025-06-05 1000 1000 1000 1000
    """,
    "BOLT": BARS["BOLT"],
    "SPY": """
        2025-06-02  80  80  80  80
        2025-06-03  80  84  80  84
        2025-06-04  90  96  90  96
        2025-06-05 100 100 100 100
    """,
}
SPLIT = {"SPY": [("2025-06-04", "split", 1.5)]}
ONE_FOR_TEN = {"ACME": [("2025-06-04", "split", 0.1)]}
SPY = (("SPY", 1.0),)

# fmt: off
CASES = [
    Case(
        name="a_leg_keeps_its_fraction_after_a_split",
        rule="splits",
        bars=BARS,
        actions=SPLIT,
        settings=free(borrow_default=0.36, borrow_collateral=1.0),
        signals=[long("2025-06-03", weight=0.1, hold=2, legs=SPY)],
        # 25 SPY at 400 become 37.5 at 266.67; they leave at 288. Nights: 25 × 420 and 37.5 × 284,
        # × 0.001.
        trades=[
            trade("e1", "ACME", "long", 100, "2025-06-03", 100.0, "2025-06-05", 100.0, "time",
                  hedge=10_000 - 37.5 * 288 - 10.5 - 10.65),
        ],
        of_legs={"borrow": 10.5 + 10.65},
        equity=[
            100_000,
            100_000 - 25 * 20,
            110_000 - 37.5 * 284 - 10.5,
            110_000 - 37.5 * 288 - 21.15,
        ],
        cash=[100_000, 100_000, 100_000 - 10.5, 110_000 - 37.5 * 288 - 21.15],
    ),
    Case(
        name="an_order_of_a_fraction_pays_commission_and_slippage_on_it",
        rule="splits",
        bars=BARS,
        actions=SPLIT,
        settings=free(commission_per_share=0.1, commission_min=0.0, slippage_bps=100.0),
        signals=[long("2025-06-03", weight=0.101, hold=1, legs=SPY)],
        # 100 ACME at 101 and left at 99, 10 each; 25.25 SPY to the nearest: 25 at 396, 2.50;
        # 37.5 at 282.80, 3.75
        trades=[
            trade("e1", "ACME", "long", 100, "2025-06-03", 101.0, "2025-06-04", 99.0, "time",
                  gross=-200, commission=20,
                  hedge=25 * 396 - 37.5 * 282.8 - 2.5 - 3.75),
        ],
        of_legs={"commission": 2.5 + 3.75},
        equity=[
            100_000,
            100_000 - 100 - 10 - 25 * 24 - 2.5,
            100_000 - 220 + 25 * 396 - 37.5 * 282.8 - 6.25,
            100_000 - 220 + 25 * 396 - 37.5 * 282.8 - 6.25,
        ],
    ),
    Case(
        name="lots_of_legs_that_net_to_a_fraction_share_its_commission",
        rule="splits",
        bars=BARS,
        actions=SPLIT,
        settings=free(commission_fixed=6.0),
        signals=[
            long("2025-06-03", weight=0.1, hold=1, legs=SPY),  # 25 SPY short
            short("2025-06-03", "BOLT", weight=0.1, hold=1, legs=(("SPY", 0.2),)),  # 5 long
        ],
        # In: 20 net, 6 by 25 and 5: 5 and 1. Out: 37.5 bought and 7.5 sold, 30 net, 5 and 1.
        trades=[
            trade("e1", "ACME", "long", 100, "2025-06-03", 100.0, "2025-06-04", 100.0, "time",
                  commission=12, hedge=10_000 - 37.5 * 280 - 10),
            trade("e2", "BOLT", "short", 200, "2025-06-03", 50.0, "2025-06-04", 50.0, "time",
                  commission=12, hedge=7.5 * 280 - 2_000 - 2),
        ],
        of_legs={"commission": 2 * 6},
        equity=[100_000, 100_000 - 18 - 400, 100_000 - 36 - 400, 100_000 - 36 - 400],
    ),
    Case(
        name="a_split_of_the_leader_leaves_its_legs_as_they_are",
        rule="splits",
        bars=REVERSE,
        actions=ONE_FOR_TEN,
        signals=[long("2025-06-03", weight=0.105, hold=2, legs=SPY)],
        # 105 ACME, 10.5 after it, the half at 1,020; 131.25 SPY, to the nearest 131
        trades=[
            trade("e1", "ACME", "long", 10.5, "2025-06-03", 1_000.0, "2025-06-05",
                  (510 + 10_000) / 10.5, "time", gross=510 + 10_000 - 10_500, hedge=131 * -20),
        ],
        equity=[
            100_000,
            100_000 + 210 - 131 * 4,
            100_000 + 10 - 131 * 16,
            100_000 + 10 - 131 * 20,
        ],
    ),
    Case(
        name="the_legs_of_a_leader_of_no_share_leave_at_that_open",
        rule="splits",
        bars=REVERSE,
        actions=ONE_FOR_TEN,
        settings=free(commission_fixed=2.0, commission_max=1.0),
        signals=[long("2025-06-03", weight=0.008, legs=SPY)],  # 8 ACME, 10 SPY
        # 0.8 at 1,020 = 816; 10 SPY are bought at 90
        trades=[
            trade("e1", "ACME", "long", 0.8, "2025-06-03", 1_000.0, "2025-06-04", 1_020.0, "split",
                  gross=16, commission=2, hedge=10 * -10 - 4),
        ],
        of_legs={"commission": 2 * 2},
        equity=[100_000, 100_000 + 16 - 40 - 4, 99_910, 99_910],
        cash=[100_000, 99_996, 99_910, 99_910],
    ),
    Case(
        name="the_legs_of_a_leader_of_no_share_net_with_those_of_that_open",
        rule="splits",
        bars=REVERSE,
        actions=ONE_FOR_TEN,
        settings=free(commission_fixed=3.0, commission_max=1.0, slippage_bps=100.0),
        signals=[
            long("2025-06-03", weight=0.00808, legs=SPY),  # 808 ÷ 101 = 8; 10.1 SPY: 10 at 79.20
            short("2025-06-04", "BOLT", weight=0.01, legs=(("SPY", -2.0),)),
        ],
        # At the open: 0.8 at 1,020. Equity 100,000 − 808 − 3 + 792 − 3 + 816 − 900 = 99,894;
        # 998.94 ÷ 49.5 = 20.2: 20 BOLT; 20 × 49.5 × 2 ÷ 90 = 22 SPY are sold short; 10 are bought.
        # 12 net at 89.10; the fee of 3 by 10 and 22: 0.9375 and 2.0625.
        trades=[
            trade("e1", "ACME", "long", 0.8, "2025-06-03", 1_010.0, "2025-06-04", 1_020.0, "split",
                  gross=8, commission=3, hedge=792 - 891 - 3 - 0.9375),
            trade("e2", "BOLT", "short", 20, "2025-06-04", 49.5, "2025-06-05", 50.0, "open",
                  gross=-10, commission=3, hedge=22 * (89.1 - 100) - 2.0625),
        ],
        of_legs={"commission": 3 + 3},
        equity=[
            100_000,
            100_000 - 6 + 8 * 1 - 10 * 4.8,
            100_000 - 9 + 8 - 99 - 3 - 10 + 22 * (89.1 - 96),
            100_000 - 9 + 8 - 99 - 3 - 10 + 22 * (89.1 - 100),
        ],
    ),
    Case(
        name="the_legs_of_a_leader_of_no_share_are_split_and_pay_before_they_leave",
        rule="splits",
        bars=REVERSE | {
            "SPY": """
                2025-06-02 80 80 80 80
                2025-06-03 80 84 80 84
                2025-06-04 45 48 45 48   # two for one
                2025-06-05 50 50 50 50
            """
        },
        actions=ONE_FOR_TEN | {
            "SPY": [("2025-06-04", "split", 2.0), ("2025-06-04", "dividend", 1.0)]
        },
        signals=[long("2025-06-03", weight=0.008, legs=SPY)],
        # 0.8 ACME at 1,020; 10 SPY are 20, pay 1 each and are bought at 45
        trades=[
            trade("e1", "ACME", "long", 0.8, "2025-06-03", 1_000.0, "2025-06-04", 1_020.0, "split",
                  gross=16, hedge=20 * 40 - 20 - 20 * 45),
        ],
        of_legs={"dividends": -20 * 1},
        equity=[100_000, 100_000 + 16 - 40, 100_016 - 120, 100_016 - 120],
    ),
    Case(
        name="a_split_of_a_leg_changes_neither_equity_nor_room_at_its_open",
        rule="splits",
        bars=BARS | {
            "SPY": """
                2025-06-02 400 400 400 400
                2025-06-03 400 400 400 400
                2025-06-04 200 200 200 200   # two for one
                2025-06-05 200 200 200 200
            """
        },
        actions={"SPY": [("2025-06-04", "split", 2.0)]},
        settings=free(borrow_mode="none"),
        signals=[
            long("2025-06-03", weight=0.4, legs=SPY),  # 100 SPY at 400, then 200 at 200
            long("2025-06-04", "BOLT", weight=0.4),
        ],
        # 100,000 less 40,000 twice leave 20,000 ÷ 50
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-05", 100.0, "open"),
            trade("e2", "BOLT", "long", 400, "2025-06-04", 50.0, "2025-06-05", 50.0, "open"),
        ],
        equity=[100_000] * 4,
    ),
    Case(
        name="a_split_of_lots_that_net_to_nothing",
        rule="splits",
        bars=BARS | {
            "SPY": """
                2025-06-02 400 400 400 400
                2025-06-03 400 400 400 400
                2025-06-04 210 220 210 220   # two for one
                2025-06-05 230 230 230 230
            """
        },
        actions={"SPY": [("2025-06-04", "split", 2.0)]},
        settings=free(borrow_mode="none"),
        signals=[
            long("2025-06-03", weight=0.2, hold=1, legs=SPY),  # 50 SPY short at 400
            short("2025-06-03", "BOLT", weight=0.2, hold=2, legs=SPY),  # 50 long
        ],
        # 100 are bought at 210, and 100 sold at 230
        trades=[
            trade("e1", "ACME", "long", 200, "2025-06-03", 100.0, "2025-06-04", 100.0, "time",
                  hedge=20_000 - 21_000),
            trade("e2", "BOLT", "short", 400, "2025-06-03", 50.0, "2025-06-05", 50.0, "time",
                  hedge=23_000 - 20_000),
        ],
        equity=[100_000, 100_000, 100_000 - 1_000 + 2_000, 100_000 - 1_000 + 3_000],
    ),
    Case(
        name="a_dividend_of_lots_that_net_to_nothing",
        rule="dividends",
        bars=BARS | {
            "SPY": """
                2025-06-02 400 400 400 400
                2025-06-03 400 400 400 400
                2025-06-04 400 400 400 400
                2025-06-05 400 400 400 400
            """
        },
        actions={"SPY": [("2025-06-04", "dividend", 2.0)]},
        settings=free(borrow_mode="none"),
        signals=[
            long("2025-06-03", weight=0.2, hold=2, legs=SPY),  # 50 SPY short
            short("2025-06-03", "BOLT", weight=0.2, hold=2, legs=SPY),  # 50 long
        ],
        trades=[
            trade("e1", "ACME", "long", 200, "2025-06-03", 100.0, "2025-06-05", 100.0, "time",
                  hedge=-50 * 2),
            trade("e2", "BOLT", "short", 400, "2025-06-03", 50.0, "2025-06-05", 50.0, "time",
                  hedge=50 * 2),
        ],
        equity=4 * [100_000],
    ),
]
