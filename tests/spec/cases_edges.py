"""Edges of the rules that faults planted in the engine have shown to be untested."""

from tests.spec.case import Case, free, long, short, trade

FLAT = """
    2025-06-02 100 101  99 100
    2025-06-03 100 101  99 100
"""
# A rate of 3.6 a year is one per cent a day, and the collateral 1.02 times the value.
NIGHT = 1.02 * 3.6 / 360

# fmt: off
CASES = [
    Case(
        name="the_borrow_of_every_short_is_taken_before_the_open_is_sized",
        rule="borrow",
        bars={
            "ACME": FLAT,
            "BOLT": FLAT,
            "COIL": """
                2025-06-02 10 10 10 10
                2025-06-03 10 10 10 10
            """,
        },
        signals=[
            short("2025-06-02", "ACME", weight=0.1),
            short("2025-06-02", "BOLT", weight=0.1),
            long("2025-06-03", "COIL", weight=0.5),
        ],
        settings=free(),
        borrow={"ACME": [("2025-06-01", 3.6)], "BOLT": [("2025-06-01", 3.6)]},
        # two nights of 102.00 leave 99,796.00, and half of it buys 4,989 shares; 4,994 after one
        trades=[
            trade("e1", "ACME", "short", 100, "2025-06-02", 100.0, "2025-06-03", 100.0, "open",
                  borrow=100 * 100 * NIGHT),
            trade("e2", "BOLT", "short", 100, "2025-06-02", 100.0, "2025-06-03", 100.0, "open",
                  borrow=100 * 100 * NIGHT),
            trade("e3", "COIL", "long", 4_989, "2025-06-03", 10.0, "2025-06-03", 10.0, "open"),
        ],
        equity=[100_000, 99_796],
        cash=[120_000, 119_796 - 49_890],
    ),
    Case(
        name="the_commission_of_an_entry_leaves_less_cash_to_the_next_of_its_open",
        rule="size",
        bars={"ACME": "2025-06-02 100 101 99 100", "BOLT": "2025-06-02 100 101 99 100"},
        signals=[
            long("2025-06-02", "ACME", weight=0.5),
            long("2025-06-02", "BOLT", weight=0.5),
        ],
        settings=free(cash=10_000.0, commission_fixed=100.0, commission_max=1.0),
        # the first takes 5,100; of the 4,900 left 48 shares and their commission can be paid
        trades=[
            trade("e1", "ACME", "long", 50, "2025-06-02", 100.0, "2025-06-02", 100.0, "open",
                  commission=100.0),
            trade("e2", "BOLT", "long", 48, "2025-06-02", 100.0, "2025-06-02", 100.0, "open",
                  commission=100.0),
        ],
        equity=[9_800],
        cash=[0],
    ),
    Case(
        name="no_share_of_a_long_counts_against_the_margin_of_the_shorts",
        rule="maintenance margin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 100 121  99 121
                2025-06-04 121 122 120 121
            """,
            "BOLT": """
                2025-06-02 10000 10000 10000 10000
                2025-06-03 10000 10000 10000 10000
                2025-06-04 10000 10000 10000 10000
            """,
        },
        signals=[short("2025-06-02", "ACME", weight=0.5), long("2025-06-02", "BOLT", weight=0.5)],
        settings=free(maintenance_margin=1.5),
        # 89,500 is less than 1.5 × 60,500 = 90,750
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-04", 121.0,
                  "margin_call", gross=500 * (100 - 121)),
            trade("e2", "BOLT", "long", 5, "2025-06-02", 10_000.0, "2025-06-04", 10_000.0, "open"),
        ],
        equity=[100_000, 89_500, 89_500],
    ),
    Case(
        name="a_long_target_at_a_better_open_is_not_slipped",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 120 121 119 120
            """
        },
        signals=[long("2025-06-02", weight=0.5, target=0.10)],
        settings=free(slippage_bps=50.0),
        # entered at 100.50: the target of 110.55 is passed at the open
        trades=[
            trade("e1", "ACME", "long", 497, "2025-06-02", 100.5, "2025-06-03", 120.0, "target",
                  gross=497 * (120.0 - 100.5)),
        ],
        equity=[100_000 - 497 * 0.5, 100_000 + 497 * 19.5],
    ),
    Case(
        name="a_short_target_at_a_better_open_is_not_slipped",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03  80  81  79  80
            """
        },
        signals=[short("2025-06-02", weight=0.5, target=0.10)],
        settings=free(slippage_bps=50.0),
        # entered at 99.50: the target of 89.55 is passed at the open
        trades=[
            trade("e1", "ACME", "short", 502, "2025-06-02", 99.5, "2025-06-03", 80.0, "target",
                  gross=502 * (99.5 - 80.0)),
        ],
        equity=[100_000 - 502 * 0.5, 100_000 + 502 * 19.5],
    ),
    Case(
        name="a_short_target_of_pennies_is_live",
        rule="target",
        bars={
            "ACME": """
                2025-06-02 1.00 1.00 0.60 0.70
                2025-06-03 0.70 0.70 0.40 0.60
            """
        },
        signals=[short("2025-06-02", weight=0.5, target=0.50)],
        trades=[
            trade("e1", "ACME", "short", 50_000, "2025-06-02", 1.0, "2025-06-03", 0.5, "target",
                  gross=50_000 * 0.5),
        ],
        equity=[100_000 + 50_000 * 0.3, 125_000],
    ),
    Case(
        name="after_equity_of_exactly_nothing_the_cash_that_is_left_earns_nothing",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 100 201 100 201
                2025-06-04 150 150 150 150
                2025-06-05 150 150 150 150
            """
        },
        signals=[short("2025-06-02", weight=1)],
        settings=free(cash_rate=3.6),
        # the first night earns a hundredth of the 100,000 that are not the proceeds
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-02", 100.0, "2025-06-04", 150.0, "ruin",
                  gross=1_000 * (100 - 150)),
        ],
        equity=[100_000, 0, 51_000, 51_000],
        interest=1_000.0,
    ),
    Case(
        name="after_the_last_cents_the_cash_that_is_left_earns_on",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 100            100 100
                2025-06-03 100 200.9990234375 100 200.9990234375
                2025-06-04 150 150            150 150
                2025-06-05 150 150            150 150
            """
        },
        signals=[short("2025-06-02", weight=1)],
        settings=free(cash_rate=3.6),
        # 0.9765625 is left at the second close, and a hundredth of it is earned
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-02", 100.0, "2025-06-04", 150.0,
                  "margin_call", gross=1_000 * (100 - 150)),
        ],
        equity=[100_000, 0.9765625, 51_000.009765625, 51_000.009765625 * 1.01],
        interest=1_000 + 0.009765625 + 510.00009765625,
    ),
]
