"""Commission: rates, minimum and maximum, each order by itself."""

from tests.spec.case import DEFAULT, Case, free, long, short, trade

BARS = {
    "ACME": """
        2025-06-02 100 102  99 101
        2025-06-03 104 106 103 105
        2025-06-04 105 107 104 106
    """
}

# fmt: off
CASES = [
    Case(
        name="commission_per_share_on_both_orders",
        rule="commission",
        bars=BARS,
        settings=free(commission_per_share=0.005),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=500 * 4, commission=500 * 0.005 + 500 * 0.005),
        ],
        equity=[100_000 + 500 * 1 - 2.5, 101_995, 101_995],
        cash=[100_000 - 50_000 - 2.5, 101_995, 101_995],
    ),
    Case(
        name="commission_of_a_short_is_taken_from_its_proceeds",
        rule="commission",
        bars=BARS,
        settings=free(commission_per_share=0.005),
        signals=[short("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=500 * (100 - 104), commission=2.5 + 2.5),
        ],
        equity=[100_000 - 500 * 1 - 2.5, 97_995, 97_995],
        cash=[100_000 + 50_000 - 2.5, 97_995, 97_995],
    ),
    Case(
        name="commission_is_at_least_its_minimum",
        rule="commission",
        bars=BARS,
        settings=free(commission_per_share=0.005),
        signals=[long("2025-06-02", weight=0.1, hold=1)],
        # 100 x 0.005 = 0.50, so 1.00 an order
        trades=[
            trade("e1", "ACME", "long", 100, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=100 * 4, commission=1.00 + 1.00),
        ],
        equity=[100_000 + 100 - 1, 100_398, 100_398],
    ),
    Case(
        name="commission_is_at_most_a_share_of_the_value",
        rule="commission",
        bars={
            "ACME": """
                2025-06-02 0.125 0.26 0.120 0.25
                2025-06-03 0.250 0.26 0.240 0.25
            """
        },
        settings=free(cash=1000.0, commission_per_share=0.005),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        # 4,000 x 0.005 = 20, but 1 % of 500 is 5 and 1 % of 1,000 is 10
        trades=[
            trade("e1", "ACME", "long", 4000, "2025-06-02", 0.125, "2025-06-03", 0.25, "time",
                  gross=4000 * 0.125, commission=5.00 + 10.00),
        ],
        equity=[1000 + 500 - 5, 1000 + 500 - 15],
        cash=[1000 - 500 - 5, 1485],
    ),
    Case(
        name="the_maximum_beats_the_minimum",
        rule="commission",
        bars={
            "ACME": """
                2025-06-02 10 21  9 20
                2025-06-03 15 21 14 20
            """
        },
        settings=free(cash=100.0, commission_per_share=0.005),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        # five shares: 1 % of 50 is 0.50 and 1 % of 75 is 0.75, both below the minimum of 1.00
        trades=[
            trade("e1", "ACME", "long", 5, "2025-06-02", 10.0, "2025-06-03", 15.0, "time",
                  gross=5 * 5, commission=0.50 + 0.75),
        ],
        equity=[100 + 50 - 0.5, 100 + 25 - 1.25],
    ),
    Case(
        name="commission_in_basis_points_of_the_value",
        rule="commission",
        bars=BARS,
        settings=free(commission_bps=10.0),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        # 0.1 % of 50,000 and of 52,000
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=500 * 4, commission=50.0 + 52.0),
        ],
        equity=[100_000 + 500 - 50, 101_898, 101_898],
    ),
    Case(
        name="commission_per_share_and_basis_points_add_up",
        rule="commission",
        bars=BARS,
        settings=free(commission_bps=10.0, commission_per_share=0.005),
        signals=[short("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=-500 * 4, commission=(2.5 + 50.0) + (2.5 + 52.0)),
        ],
        equity=[100_000 - 500 - 52.5, 98_000 - 107, 98_000 - 107],
    ),
    Case(
        name="basis_points_have_the_minimum_too",
        rule="commission",
        bars=BARS,
        settings=free(commission_bps=1.0),
        signals=[long("2025-06-02", weight=0.01, hold=1)],
        # 0.01 % of 1,000 is 0.10, so 1.00 an order
        trades=[
            trade("e1", "ACME", "long", 10, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=10 * 4, commission=1.00 + 1.00),
        ],
        equity=[100_000 + 10 - 1, 100_038, 100_038],
    ),
    Case(
        name="basis_points_have_the_maximum_too",
        rule="commission",
        bars=BARS,
        settings=free(commission_bps=200.0),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        # 2 % asked, 1 % allowed
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=500 * 4, commission=500.0 + 520.0),
        ],
        equity=[100_000 + 500 - 500, 100_980, 100_980],
    ),
    Case(
        name="free_orders_owe_no_minimum",
        rule="commission",
        bars=BARS,
        settings=free(commission_min=50.0),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=500 * 4),
        ],
        equity=[100_000 + 500, 102_000, 102_000],
    ),
    Case(
        name="a_reversal_pays_two_commissions",
        rule="commission",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 100 101  99 100
                2025-06-04 100 101  99 100
            """
        },
        settings=free(commission_per_share=0.005),
        signals=[long("2025-06-02", weight=0.5), short("2025-06-03", weight=0.5, hold=1)],
        # equity 100,000 - 2.50 at the reversal: half of it / 100 = 499.99
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "reversal",
                  commission=2.5 + 2.5),
            trade("e2", "ACME", "short", 499, "2025-06-03", 100.0, "2025-06-04", 100.0, "time",
                  commission=2.495 + 2.495),
        ],
        equity=[100_000 + 500 - 2.5, 100_000 - 5 - 2.495, 100_000 - 5 - 4.99],
    ),
    Case(
        name="commission_of_a_stop_is_of_its_fill_after_slippage",
        rule="commission",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03  80  81  79  80
            """
        },
        settings=free(commission_bps=10.0, slippage_bps=100.0),
        signals=[long("2025-06-02", weight=0.5, stop=0.1)],
        # bought 495 at 101, sold at 80 x 0.99 = 79.2
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-02", 101.0, "2025-06-03", 79.2, "stop",
                  gross=495 * (79.2 - 101), commission=495 * 0.101 + 495 * 0.0792),
        ],
        equity=[100_000 - 495 * 0.101, 100_000 - 495 * 21.8 - 495 * 0.1802],
    ),
    Case(
        name="commission_of_a_target_is_of_its_fill",
        rule="commission",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 110 126 109 120
            """
        },
        settings=free(commission_bps=10.0),
        signals=[long("2025-06-02", weight=0.5, target=0.25)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 125.0, "target",
                  gross=500 * 25, commission=50 + 62.5),
        ],
        equity=[100_000 + 500 - 50, 112_500 - 112.5],
    ),
    Case(
        name="all_default_costs_of_a_short",
        rule="commission",
        bars={
            "ACME": """
                2025-08-12 140     142 138 141
                2025-08-13 132.975 134 118 120
                2025-08-14 119     121 108 110
                2025-08-15 110     112  99 100   # Friday
                2025-08-18  99     101  94  95
                2025-08-19  95      96  91  92
                2025-08-20  90.155  93  90  92
            """
        },
        settings=DEFAULT,
        signals=[short("2025-08-13", hold=5)],
        # sold at 132.975 x 0.9995 = 132.9085125: 95,000 / 132.9085125 = 714.8;
        # bought at 90.155 x 1.0005 = 90.2000775; a night costs 714 x 1.02 x 0.03 / 360 = 0.06069
        # for each dollar of the close
        trades=[
            trade("e1", "ACME", "short", 714, "2025-08-13", 132.9085125, "2025-08-20", 90.2000775,
                  "time", gross=714 * (132.9085125 - 90.2000775), commission=3.57 + 3.57,
                  borrow=0.06069 * (120 + 110 + 100 * 3 + 95 + 92)),
        ],
        equity=[
            100_000,
            100_000 - 3.57 + 714 * (132.9085125 - 120),
            100_000 - 3.57 + 714 * (132.9085125 - 110) - 0.06069 * 120,
            100_000 - 3.57 + 714 * (132.9085125 - 100) - 0.06069 * 230,
            100_000 - 3.57 + 714 * (132.9085125 - 95) - 0.06069 * 530,
            100_000 - 3.57 + 714 * (132.9085125 - 92) - 0.06069 * 625,
            100_000 - 7.14 + 714 * (132.9085125 - 90.2000775) - 0.06069 * 717,
        ],
    ),
    Case(
        name="all_default_costs_of_a_stopped_long",
        rule="commission",
        bars={
            "ACME": """
                2025-11-10 100.50 102.00 98.00 101.00
                2025-11-11  96.10  97.00 88.00  88.50
                2025-11-12  91.77  92.00 85.32  86.00
                2025-11-13  86.00  87.00 85.00  86.50
            """
        },
        settings=DEFAULT,
        signals=[long("2025-11-11", hold=10, stop=0.10)],
        # bought at 96.14805: 95,000 / 96.14805 = 988.06; stop 86.533245, missed by 88.00
        trades=[
            trade("e1", "ACME", "long", 988, "2025-11-11", 96.14805, "2025-11-12",
                  86.533245 * 0.9995, "stop", gross=988 * (86.533245 * 0.9995 - 96.14805),
                  commission=4.94 + 4.94),
        ],
        equity=[
            100_000,
            100_000 - 4.94 + 988 * (88.50 - 96.14805),
            100_000 - 9.88 + 988 * (86.533245 * 0.9995 - 96.14805),
            100_000 - 9.88 + 988 * (86.533245 * 0.9995 - 96.14805),
        ],
    ),
]
