"""Costs that can be chosen: a fixed commission, and slippage by the range of the session before."""

from tests.spec.case import Case, free, long, short, trade

BARS = {
    "ACME": """
        2025-06-02 100 102  99 101
        2025-06-03 104 106 103 105
        2025-06-04 105 107 104 106
    """
}
SMALL = {
    "ACME": """
        2025-06-02 10 21  9 20
        2025-06-03 15 21 14 20
    """
}
# Half of the range is 4 % of the close on the 2nd, 2 % on the 3rd and 10 % on the 4th.
RANGES = {
    "ACME": """
        2025-06-02 100 104  96 100
        2025-06-03 100 102  98 100
        2025-06-04 100 110  90 100
        2025-06-05 100 101  99 100
    """
}
# Half of the range is 4 % on the 2nd, 10 % on the 3rd; the 3rd touches 93.60, the 4th 78.
FALL = {
    "ACME": """
        2025-06-02 100 104  96 100
        2025-06-03 100 113  93 100
        2025-06-04  80  81  77  78
    """
}
WILD = {
    "ACME": """
        2025-06-02 100 200  50 100   # a range of 150 %
        2025-06-03 100 102  98 100
        2025-06-04 100 101  99 100
    """
}

# fmt: off
CASES = [
    # a fixed commission
    Case(
        name="a_fixed_commission_on_both_orders",
        rule="commission",
        bars=BARS,
        settings=free(commission_fixed=4.0),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=500 * 4, commission=4.0 + 4.0),
        ],
        equity=[100_000 + 500 - 4, 101_992, 101_992],
        cash=[50_000 - 4, 101_992, 101_992],
    ),
    Case(
        name="a_fixed_commission_adds_to_shares_and_basis_points",
        rule="commission",
        bars=BARS,
        settings=free(commission_fixed=2.0, commission_per_share=0.005, commission_bps=10.0),
        signals=[short("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=-500 * 4, commission=(2.0 + 2.5 + 50.0) + (2.0 + 2.5 + 52.0)),
        ],
        equity=[100_000 - 500 - 54.5, 98_000 - 111, 98_000 - 111],
    ),
    Case(
        name="a_fixed_commission_below_the_minimum_is_raised_to_it",
        rule="commission",
        bars=BARS,
        settings=free(commission_fixed=0.4),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=500 * 4, commission=1.00 + 1.00),
        ],
        equity=[100_000 + 500 - 1, 101_998, 101_998],
    ),
    Case(
        name="a_fixed_commission_may_be_below_a_minimum_of_nothing",
        rule="commission",
        bars=BARS,
        settings=free(commission_fixed=0.4, commission_min=0.0),
        signals=[long("2025-06-02", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 106.0, "open",
                  gross=500 * 6, commission=0.40),
        ],
        equity=[100_000 + 500 - 0.4, 100_000 + 2500 - 0.4, 100_000 + 3000 - 0.4],
    ),
    Case(
        name="the_minimum_is_of_the_sum_not_of_its_parts",
        rule="commission",
        bars=BARS,
        settings=free(commission_fixed=0.6, commission_per_share=0.005),
        signals=[long("2025-06-02", weight=0.1, hold=1)],
        # 0.60 and 100 x 0.005 = 0.50, each below 1.00
        trades=[
            trade("e1", "ACME", "long", 100, "2025-06-02", 100.0, "2025-06-03", 104.0, "time",
                  gross=100 * 4, commission=1.10 + 1.10),
        ],
        equity=[100_000 + 100 - 1.1, 100_397.8, 100_397.8],
    ),
    Case(
        name="the_maximum_cuts_a_fixed_commission",
        rule="commission",
        bars=SMALL,
        settings=free(cash=100.0, commission_fixed=4.0),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        # 1 % of 50 and of 75, below the minimum too
        trades=[
            trade("e1", "ACME", "long", 5, "2025-06-02", 10.0, "2025-06-03", 15.0, "time",
                  gross=5 * 5, commission=0.50 + 0.75),
        ],
        equity=[100 + 50 - 0.5, 100 + 25 - 1.25],
    ),
    Case(
        name="a_fixed_commission_is_paid_out_of_the_cash_of_a_long",
        rule="size",
        bars=BARS,
        settings=free(commission_fixed=5.0),
        signals=[long("2025-06-02", weight=1.0)],
        # 1,000 shares would leave nothing for it
        trades=[
            trade("e1", "ACME", "long", 999, "2025-06-02", 100.0, "2025-06-04", 106.0, "open",
                  gross=999 * 6, commission=5.0),
        ],
        equity=[99_995 + 999, 99_995 + 999 * 5, 99_995 + 999 * 6],
        cash=[95, 95, 95],
    ),
    Case(
        name="a_reversal_pays_the_fixed_commission_twice",
        rule="new signal while in a trade",
        bars=BARS,
        settings=free(commission_fixed=4.0),
        signals=[long("2025-06-02", weight=0.5), short("2025-06-03", weight=0.5)],
        # half of 99,996 + 500 x 4 = 101,996 at 104: 490.4
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "reversal",
                  gross=500 * 4, commission=8.0),
            trade("e2", "ACME", "short", 490, "2025-06-03", 104.0, "2025-06-04", 106.0, "open",
                  gross=-490 * 2, commission=4.0),
        ],
        equity=[100_500 - 4, 102_000 - 12 - 490, 102_000 - 12 - 980],
        outcomes={"e1": "enter", "e2": "reverse"},
    ),
    # slippage by the range
    Case(
        name="the_first_session_has_no_range_before_it",
        rule="slippage",
        bars=RANGES,
        settings=free(slippage_range=0.5),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 96.0, "time",
                  gross=500 * (96 - 100)),
        ],
        equity=[100_000] + 3 * [98_000],
    ),
    Case(
        name="the_first_session_has_its_basis_points",
        rule="slippage",
        bars=RANGES,
        settings=free(slippage_range=0.5, slippage_bps=100.0),
        signals=[long("2025-06-02", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-02", 101.0, "2025-06-05", 100.0, "open",
                  gross=-495),
        ],
        equity=4 * [100_000 - 495],
    ),
    Case(
        name="an_entry_slips_by_the_range_of_the_session_before",
        rule="slippage",
        bars=RANGES,
        settings=free(slippage_range=0.5),
        signals=[short("2025-06-03", weight=0.5, hold=2)],
        # 520 shares; out on the 5th after the wide range of the 4th
        trades=[
            trade("e1", "ACME", "short", 520, "2025-06-03", 96.0, "2025-06-05", 110.0, "time",
                  gross=520 * (96 - 110)),
        ],
        equity=[100_000, 100_000 - 520 * 4, 100_000 - 520 * 4, 100_000 - 520 * 14],
    ),
    Case(
        name="basis_points_and_range_add_up",
        rule="slippage",
        bars=RANGES,
        settings=free(slippage_range=0.5, slippage_bps=100.0),
        signals=[long("2025-06-03", weight=0.5, hold=1)],
        # bought at 105: 476; sold at 97
        trades=[
            trade("e1", "ACME", "long", 476, "2025-06-03", 105.0, "2025-06-04", 97.0, "time",
                  gross=476 * (97 - 105)),
        ],
        equity=[100_000, 100_000 - 476 * 5, 100_000 - 476 * 8, 100_000 - 476 * 8],
    ),
    Case(
        name="a_stop_in_the_entry_session_slips_like_the_entry",
        rule="slippage",
        bars=FALL,
        settings=free(slippage_range=0.5),
        signals=[long("2025-06-03", weight=0.5, stop=0.10)],
        # bought at 104: 480; the stop of 93.60 x 0.96
        trades=[
            trade("e1", "ACME", "long", 480, "2025-06-03", 104.0, "2025-06-03", 89.856, "stop",
                  gross=480 * (89.856 - 104)),
        ],
        equity=[100_000] + 2 * [100_000 - 480 * 14.144],
    ),
    Case(
        name="a_stop_slips_by_the_range_of_the_session_before_its_own",
        rule="slippage",
        bars=FALL,
        settings=free(slippage_range=0.5),
        signals=[long("2025-06-03", weight=0.5, stop=0.25)],
        # the stop of 78 x 0.9
        trades=[
            trade("e1", "ACME", "long", 480, "2025-06-03", 104.0, "2025-06-04", 70.2, "stop",
                  gross=480 * (70.2 - 104)),
        ],
        equity=[100_000, 100_000 - 480 * 4, 100_000 - 480 * 33.8],
    ),
    Case(
        name="a_stop_gapped_through_slips_from_the_open",
        rule="slippage",
        bars=FALL,
        settings=free(slippage_range=0.5),
        signals=[long("2025-06-03", weight=0.5, stop=0.20)],
        # the stop of 83.20; opened at 80, x 0.9
        trades=[
            trade("e1", "ACME", "long", 480, "2025-06-03", 104.0, "2025-06-04", 72.0, "stop",
                  gross=480 * (72 - 104)),
        ],
        equity=[100_000, 100_000 - 480 * 4, 100_000 - 480 * 32],
    ),
    Case(
        name="a_target_does_not_slip_by_the_range",
        rule="slippage",
        bars=RANGES,
        settings=free(slippage_range=0.5),
        signals=[short("2025-06-03", weight=0.5, target=0.0625)],
        # sold at 96: 520; the target is 90
        trades=[
            trade("e1", "ACME", "short", 520, "2025-06-03", 96.0, "2025-06-04", 90.0, "target",
                  gross=520 * 6),
        ],
        equity=[100_000, 100_000 - 520 * 4] + 2 * [100_000 + 520 * 6],
    ),
    Case(
        name="both_orders_of_a_reversal_slip_by_the_same_range",
        rule="slippage",
        bars=RANGES,
        settings=free(slippage_range=0.5),
        signals=[long("2025-06-03", weight=0.5), short("2025-06-05", weight=0.5)],
        # 480 at 104; on the 5th half of the equity of 98,080 at 90: 544.9
        trades=[
            trade("e1", "ACME", "long", 480, "2025-06-03", 104.0, "2025-06-05", 90.0, "reversal",
                  gross=-480 * 14),
            trade("e2", "ACME", "short", 544, "2025-06-05", 90.0, "2025-06-05", 100.0, "open",
                  gross=-544 * 10),
        ],
        equity=[100_000, 98_080, 98_080, 100_000 - 480 * 14 - 544 * 10],
    ),
    Case(
        name="slippage_of_a_buyer_is_at_most_99_percent",
        rule="slippage",
        bars=WILD,
        settings=free(slippage_range=1.0),
        signals=[long("2025-06-03", weight=0.5, hold=1)],
        # 50,000 / 199 = 251.3; sold at 100 x 0.96
        trades=[
            trade("e1", "ACME", "long", 251, "2025-06-03", 199.0, "2025-06-04", 96.0, "time",
                  gross=251 * (96 - 199)),
        ],
        equity=[100_000, 100_000 - 251 * 99, 100_000 - 251 * 103],
    ),
    Case(
        name="slippage_of_a_seller_is_at_most_99_percent_basis_points_included",
        rule="slippage",
        bars=WILD,
        settings=free(slippage_range=0.65, slippage_bps=200.0),
        signals=[long("2025-06-02", weight=0.51, hold=1)],
        # 0.975 + 0.02 is more than 0.99: bought at 102, sold at 1
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 102.0, "2025-06-03", 1.0, "time",
                  gross=500 * (1 - 102)),
        ],
        equity=[100_000 - 500 * 2] + 2 * [100_000 - 500 * 101],
    ),
    Case(
        name="each_symbol_slips_by_its_own_range",
        rule="slippage",
        bars={
            "ACME": """
                2025-06-02 100 104  96 100
                2025-06-03 100 101  99 100
            """,
            "BOLT": """
                2025-06-02  50  51  49  50
                2025-06-03  50  51  49  50
            """,
            "COIL": """
                2025-06-03  20  30  10  20   # its first session
            """,
        },
        settings=free(slippage_range=0.5),
        signals=[
            long("2025-06-03", "ACME", weight=0.1045),
            short("2025-06-03", "BOLT", weight=0.0982),
            long("2025-06-03", "COIL", weight=0.1001),
        ],
        trades=[
            trade("e1", "ACME", "long", 100, "2025-06-03", 104.0, "2025-06-03", 100.0, "open",
                  gross=-100 * 4),
            trade("e2", "BOLT", "short", 200, "2025-06-03", 49.0, "2025-06-03", 50.0, "open",
                  gross=-200),
            trade("e3", "COIL", "long", 500, "2025-06-03", 20.0, "2025-06-03", 20.0, "open"),
        ],
        equity=[100_000, 100_000 - 400 - 200],
    ),
    Case(
        name="a_margin_call_slips_by_the_range",
        rule="slippage",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 161 145 160   # half of 10 %
                2025-06-04 150 152 148 149
            """
        },
        settings=free(slippage_range=0.5),
        signals=[short("2025-06-02")],
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 157.5,
                  "margin_call", gross=-950 * 57.5),
        ],
        equity=[100_000, 43_000, 100_000 - 950 * 57.5],
    ),
]
