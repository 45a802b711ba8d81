"""Margin, ruin and scarce cash with several symbols in one account."""

from tests.spec.case import Case, free, long, short, trade

FLAT = """
    2025-06-02 100 101  99 100
    2025-06-03 100 101  99 100
    2025-06-04 100 101  99 100
"""
# ACME trebles while a short of BOLT loses as much: after 06-03 the cash is -50,000
SCARCE = {
    "ACME": """
        2025-06-02 100 201  99 200
        2025-06-03 200 301 199 300
        2025-06-04 300 301 299 300
    """,
    "BOLT": """
        2025-06-02 100 101  99 100
        2025-06-03 300 301 299 300
        2025-06-04 300 301 299 300
    """,
    "COIL": FLAT,
}
SCARCE_TRADES = [
    trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 300.0, "open",
          gross=500 * (300 - 100)),
    trade("e2", "BOLT", "short", 500, "2025-06-02", 100.0, "2025-06-03", 300.0, "time",
          gross=500 * (100 - 300)),
]  # fmt: skip
SCARCE_SIGNALS = [
    long("2025-06-02", "ACME", weight=0.5),
    short("2025-06-02", "BOLT", weight=0.5, hold=1),
]

# fmt: off
CASES = [
    Case(
        name="margin_call_leaves_the_longs_alone",
        rule="maintenance margin",
        bars={
            "ACME": FLAT,
            "BOLT": """
                2025-06-02 100 101  99 100
                2025-06-03 200 221 199 220
                2025-06-04 210 212 208 209
            """,
        },
        signals=[long("2025-06-02", "ACME", weight=0.4), short("2025-06-02", "BOLT", weight=0.6)],
        # 120,000 + 40,000 - 132,000 = 28,000 is less than 30 % of 132,000
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
            trade("e2", "BOLT", "short", 600, "2025-06-02", 100.0, "2025-06-04", 210.0,
                  "margin_call", gross=600 * (100 - 210)),
        ],
        equity=[100_000, 28_000, 34_000],
        cash=[120_000, 120_000, -6_000],
    ),
    Case(
        name="longs_count_as_equity_for_the_margin",
        rule="maintenance margin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 140 151 139 150
                2025-06-04 150 151 149 150
            """,
            "BOLT": """
                2025-06-02 100 101  99 100
                2025-06-03 200 221 199 220
                2025-06-04 210 212 208 209
            """,
        },
        signals=[long("2025-06-02", "ACME", weight=0.4), short("2025-06-02", "BOLT", weight=0.6)],
        # 120,000 + 60,000 - 132,000 = 48,000 is more than 39,600
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-02", 100.0, "2025-06-04", 150.0, "open",
                  gross=400 * 50),
            trade("e2", "BOLT", "short", 600, "2025-06-02", 100.0, "2025-06-04", 209.0, "open",
                  gross=600 * (100 - 209)),
        ],
        equity=[100_000, 48_000, 120_000 + 60_000 - 600 * 209],
    ),
    Case(
        name="margin_call_covers_every_short",
        rule="maintenance margin",
        bars={
            "ACME": FLAT,
            "BOLT": """
                2025-06-02 100 101  99 100
                2025-06-03 200 211 199 210
                2025-06-04 200 201 199 200
            """,
        },
        signals=[short("2025-06-02", "ACME", weight=0.5), short("2025-06-02", "BOLT", weight=0.5)],
        # 200,000 - 155,000 = 45,000 is less than 46,500
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-04", 100.0,
                  "margin_call"),
            trade("e2", "BOLT", "short", 500, "2025-06-02", 100.0, "2025-06-04", 200.0,
                  "margin_call", gross=500 * (100 - 200)),
        ],
        equity=[100_000, 45_000, 50_000],
    ),
    Case(
        name="margin_call_gives_room_to_the_signals_of_its_open",
        rule="maintenance margin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 161 149 160
                2025-06-04 150 152 148 149
            """,
            "BOLT": FLAT,
        },
        signals=[short("2025-06-02", "ACME"), long("2025-06-04", "BOLT", weight=1.0)],
        # 195,000 - 142,500 = 52,500
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 150.0,
                  "margin_call", gross=950 * (100 - 150)),
            trade("e2", "BOLT", "long", 525, "2025-06-04", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 43_000, 52_500],
        cash=[195_000, 195_000, 0],
    ),
    Case(
        name="equity_for_sizing_is_taken_before_the_covers_of_a_margin_call",
        rule="maintenance margin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 161 149 160
                2025-06-04 150 152 148 149
            """,
            "BOLT": FLAT,
        },
        settings=free(commission_fixed=500.0, commission_max=0.1),
        signals=[short("2025-06-02", "ACME"), long("2025-06-04", "BOLT", weight=0.5)],
        # 194,500 - 142,500 = 52,000 at the open, half of which buys 260 shares; after the cover
        # and its 500 of commission it would be 51,500, and 257 shares
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 150.0,
                  "margin_call", gross=950 * (100 - 150), commission=500.0 + 500.0),
            trade("e2", "BOLT", "long", 260, "2025-06-04", 100.0, "2025-06-04", 100.0, "open",
                  commission=500.0),
        ],
        equity=[99_500, 194_500 - 152_000, 51_000],
        cash=[194_500, 194_500, 194_500 - 143_000 - 26_500],
    ),
    Case(
        name="what_was_entered_at_this_open_takes_room_at_its_fill",
        rule="several symbols",
        bars={"ACME": FLAT, "BOLT": FLAT},
        settings=free(slippage_bps=100.0),
        signals=[
            short("2025-06-02", "ACME", weight=0.6), short("2025-06-02", "BOLT", weight=0.6),
        ],
        # filled at 99: 606 shares take 59,994; 40,006 of room are 404 shares. At the open of 100
        # they would take 60,600, and leave 397.
        trades=[
            trade("e1", "ACME", "short", 606, "2025-06-02", 99.0, "2025-06-04", 100.0, "open",
                  gross=606 * (99 - 100)),
            trade("e2", "BOLT", "short", 404, "2025-06-02", 99.0, "2025-06-04", 100.0, "open",
                  gross=404 * (99 - 100)),
        ],
        equity=[98_990, 98_990, 98_990],
    ),
    Case(
        name="margin_call_cannot_cover_where_the_data_end",
        rule="last bar",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 161 149 160
            """,
            "BOLT": FLAT,
        },
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-02", "ACME"), long("2025-06-04", "BOLT")],
        # marked at 160 to the end, no more nights paid, and no room beside it
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-03", 160.0, "open",
                  gross=950 * (100 - 160), borrow=950 * 100 * 0.00102),
        ],
        equity=[100_000, 43_000 - 96.9, 43_000 - 96.9],
        outcomes={"e1": "enter", "e2": "no_room"},
    ),
    Case(
        name="ruin_closes_longs_and_shorts",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 100 101  99 100
                2025-06-04  90  95  89  94
            """,
            "BOLT": """
                2025-06-02 100 101  99 100
                2025-06-03 200 301 199 300
                2025-06-04 250 252 240 241
            """,
        },
        signals=[long("2025-06-02", "ACME", weight=0.4), short("2025-06-02", "BOLT", weight=0.6)],
        # 120,000 + 40,000 - 180,000 at the close; 120,000 + 36,000 - 150,000 at the open
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-02", 100.0, "2025-06-04", 90.0, "ruin",
                  gross=400 * (90 - 100)),
            trade("e2", "BOLT", "short", 600, "2025-06-02", 100.0, "2025-06-04", 250.0, "ruin",
                  gross=600 * (100 - 250)),
        ],
        equity=[100_000, -20_000, 6_000],
    ),
    Case(
        name="ruin_closes_a_halted_stock_at_its_next_open",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 212 149 210
                2025-06-05 200 201 199 200
            """,
            "BOLT": """
                2025-06-02 100 101  99 100
                2025-06-03 100 101  99 100
                2025-06-04 120 131 119 130
                2025-06-05 130 131 129 130
            """,
        },
        signals=[short("2025-06-02", "ACME"), long("2025-06-02", "BOLT", weight=0.05)],
        # 195,000 - 199,500 at the close; BOLT brings 6,000, and ACME takes 190,000 a day later
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-05", 200.0, "ruin",
                  gross=950 * (100 - 200)),
            trade("e2", "BOLT", "long", 50, "2025-06-02", 100.0, "2025-06-04", 120.0, "ruin",
                  gross=50 * (120 - 100)),
        ],
        equity=[100_000, -4_500, -3_500, 6_000],
        cash=[190_000, 190_000, 196_000, 6_000],
    ),
    Case(
        name="ruin_leaves_a_position_whose_data_ended_marked",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 212 149 210
            """,
            "BOLT": """
                2025-06-02 100 101  99 100
                2025-06-03 100 101  99 100
                2025-06-04 120 131 119 130
                2025-06-05 130 131 129 130
            """,
        },
        signals=[
            short("2025-06-02", "ACME"),
            long("2025-06-02", "BOLT", weight=0.05),
            long("2025-06-05", "BOLT"),
        ],
        # 190,000 + 5,000 - 199,500 at the close; the 50 shares of BOLT bring 6,000
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-03", 210.0, "open",
                  gross=950 * (100 - 210)),
            trade("e2", "BOLT", "long", 50, "2025-06-02", 100.0, "2025-06-04", 120.0, "ruin",
                  gross=50 * (120 - 100)),
        ],
        equity=[100_000, -4_500, -3_500, -3_500],
        cash=[190_000, 190_000, 196_000, 196_000],
        outcomes={"e1": "enter", "e2": "enter", "e3": "ruined"},
    ),
    Case(
        name="a_long_without_cash_finds_no_room",
        rule="size",
        bars=SCARCE,
        settings=free(max_gross=2.0, maintenance_margin=0.0),
        signals=[*SCARCE_SIGNALS, long("2025-06-04", "COIL", weight=0.4)],
        # equity 100,000 and room for 50,000, but the cash is -50,000
        trades=SCARCE_TRADES,
        equity=[150_000, 100_000, 100_000],
        cash=[100_000, -50_000, -50_000],
        outcomes={"e1": "enter", "e2": "enter", "e3": "no_room"},
    ),
    Case(
        name="a_short_that_leaves_the_cash_below_zero_finds_no_room",
        rule="size",
        bars=SCARCE,
        settings=free(max_gross=2.0, maintenance_margin=0.0),
        signals=[*SCARCE_SIGNALS, short("2025-06-04", "COIL", weight=0.4)],
        # 40,000 of proceeds against -50,000
        trades=SCARCE_TRADES,
        equity=[150_000, 100_000, 100_000],
        cash=[100_000, -50_000, -50_000],
        outcomes={"e1": "enter", "e2": "enter", "e3": "no_room"},
    ),
    Case(
        name="a_short_that_brings_the_cash_to_zero_finds_room",
        rule="size",
        bars=SCARCE,
        settings=free(max_gross=2.0, maintenance_margin=0.0),
        signals=[*SCARCE_SIGNALS, short("2025-06-04", "COIL", weight=0.5)],
        trades=[
            *SCARCE_TRADES,
            trade("e3", "COIL", "short", 500, "2025-06-04", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[150_000, 100_000, 100_000],
        cash=[100_000, -50_000, 0],
        outcomes={"e1": "enter", "e2": "enter", "e3": "enter"},
    ),
    Case(
        name="a_short_whose_commission_leaves_the_cash_below_zero_finds_no_room",
        rule="size",
        bars=SCARCE,
        settings=free(
            max_gross=2.5, maintenance_margin=0.0, commission_bps=100.0, commission_max=0.02
        ),
        signals=[*SCARCE_SIGNALS, short("2025-06-04", "COIL", weight=0.54)],
        # 1 % an order: 500 + 500 + 1,500, so the cash is -52,500 and the equity 97,500;
        # 0.54 of it / 100 = 526.5; 52,600 of proceeds would do, less 526 of commission they do not
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 300.0, "open",
                  gross=500 * (300 - 100), commission=500.0),
            trade("e2", "BOLT", "short", 500, "2025-06-02", 100.0, "2025-06-03", 300.0, "time",
                  gross=500 * (100 - 300), commission=500.0 + 1500.0),
        ],
        equity=[149_000, 97_500, 97_500],
        cash=[99_000, -52_500, -52_500],
        outcomes={"e1": "enter", "e2": "enter", "e3": "no_room"},
    ),
]
