"""Maintenance margin and ruin.

950 shares sold at 100 bring the cash to 195,000. At a close of 160 the equity is 43,000, which is
less than 30 % of 152,000; at a close of 210 it is -4,500.
"""

from tests.spec.case import Case, free, long, short, trade

SQUEEZE = {
    "ACME": """
        2025-06-02 100 101  99 100
        2025-06-03 150 161 149 160
        2025-06-04 150 152 148 149
        2025-06-05 140 141 139 140
    """
}
DISASTER = {
    "ACME": """
        2025-06-02 100 101  99 100
        2025-06-03 150 212 149 210
        2025-06-04 205 206 100 101
        2025-06-05 100 101  99 100
    """
}

# fmt: off
CASES = [
    Case(
        name="margin_call_covers_at_the_next_open",
        rule="maintenance margin",
        bars=SQUEEZE,
        signals=[short("2025-06-02")],
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 150.0,
                  "margin_call", gross=950 * (100 - 150)),
        ],
        equity=[100_000, 43_000, 52_500, 52_500],
        cash=[195_000, 195_000, 52_500, 52_500],
    ),
    Case(
        name="margin_call_pays_slippage_commission_and_borrow",
        rule="maintenance margin",
        bars=SQUEEZE,
        settings=free(slippage_bps=100.0, commission_per_share=0.005, borrow_default=0.36),
        signals=[short("2025-06-02")],
        # sold at 99: 959 shares, 4.795 an order; bought at 150 x 1.01;
        # nights at 959 x 1.02 x 0.001 for each dollar of 100 and 160
        trades=[
            trade("e1", "ACME", "short", 959, "2025-06-02", 99.0, "2025-06-04", 151.5,
                  "margin_call", gross=959 * (99 - 151.5), commission=4.795 + 4.795,
                  borrow=959 * 0.00102 * 260),
        ],
        equity=[
            100_000 - 959 - 4.795,
            100_000 + 959 * (99 - 160) - 4.795 - 959 * 0.00102 * 100,
            100_000 + 959 * (99 - 151.5) - 9.59 - 959 * 0.00102 * 260,
            100_000 + 959 * (99 - 151.5) - 9.59 - 959 * 0.00102 * 260,
        ],
    ),
    Case(
        name="equity_of_exactly_the_margin_is_enough",
        rule="maintenance margin",
        bars={
            "ACME": """
                2025-06-02 100 101    99 100
                2025-06-03 230 245   225 240
                2025-06-04 240 242   239 240.5
                2025-06-05 241 243   238 239
            """
        },
        settings=free(maintenance_margin=0.25),
        signals=[short("2025-06-02", weight=0.5)],
        # at 240: 150,000 - 120,000 = 30,000 = 25 % of 120,000; at 240.50: 29,750 < 30,062.50
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-05", 241.0,
                  "margin_call", gross=500 * (100 - 241)),
        ],
        equity=[100_000, 30_000, 29_750, 29_500],
    ),
    Case(
        name="margin_is_checked_at_the_close_only",
        rule="maintenance margin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 100 190  99 100
                2025-06-04 100 101  99 100
            """
        },
        signals=[short("2025-06-02")],
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
    ),
    Case(
        name="margin_call_stands_even_if_the_open_has_recovered",
        rule="maintenance margin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 161 149 160
                2025-06-04 101 102 100 101
            """
        },
        signals=[short("2025-06-02")],
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 101.0,
                  "margin_call", gross=-950),
        ],
        equity=[100_000, 43_000, 99_050],
    ),
    Case(
        name="margin_call_comes_before_a_signal_to_stay_short",
        rule="maintenance margin",
        bars=SQUEEZE,
        signals=[short("2025-06-02"), short("2025-06-04", weight=0.5)],
        # covered, then sold anew: half of 52,500 / 150 = 175
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 150.0,
                  "margin_call", gross=950 * (100 - 150)),
            trade("e2", "ACME", "short", 175, "2025-06-04", 150.0, "2025-06-05", 140.0, "open",
                  gross=175 * (150 - 140)),
        ],
        equity=[100_000, 43_000, 52_500 + 175 * 1, 52_500 + 175 * 10],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="margin_call_comes_before_a_reversal",
        rule="maintenance margin",
        bars=SQUEEZE,
        signals=[short("2025-06-02"), long("2025-06-04", weight=1.0)],
        # nothing is left to reverse: 52,500 / 150 = 350
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 150.0,
                  "margin_call", gross=950 * (100 - 150)),
            trade("e2", "ACME", "long", 350, "2025-06-04", 150.0, "2025-06-05", 140.0, "open",
                  gross=350 * (140 - 150)),
        ],
        equity=[100_000, 43_000, 52_500 - 350 * 1, 52_500 - 350 * 10],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="margin_call_comes_before_a_time_exit",
        rule="maintenance margin",
        bars=SQUEEZE,
        signals=[short("2025-06-02", hold=2)],
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 150.0,
                  "margin_call", gross=950 * (100 - 150)),
        ],
        equity=[100_000, 43_000, 52_500, 52_500],
    ),
    Case(
        name="a_stop_in_the_session_of_the_squeeze_spares_the_margin_call",
        rule="maintenance margin",
        bars=SQUEEZE,
        signals=[short("2025-06-02", stop=0.5)],
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-03", 150.0, "stop",
                  gross=950 * (100 - 150)),
        ],
        equity=[100_000, 52_500, 52_500, 52_500],
    ),
    Case(
        name="margin_call_after_the_last_close_never_comes",
        rule="last bar",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 161 149 160
            """
        },
        signals=[short("2025-06-02")],
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-03", 160.0, "open",
                  gross=950 * (100 - 160)),
        ],
        equity=[100_000, 43_000],
    ),
    Case(
        name="a_falling_long_gets_no_margin_call",
        rule="maintenance margin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03  20  21   9  10
                2025-06-04  10  11   9  10
            """
        },
        signals=[long("2025-06-02", weight=1.0)],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-02", 100.0, "2025-06-04", 10.0, "open",
                  gross=1000 * (10 - 100)),
        ],
        equity=[100_000, 10_000, 10_000],
    ),
    Case(
        name="ruin_at_a_close_ends_everything_at_the_next_open",
        rule="ruin",
        bars=DISASTER,
        signals=[short("2025-06-02"), long("2025-06-05")],
        # a margin call was due as well; ruin is the reason given; 250 are left and stay
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 205.0, "ruin",
                  gross=950 * (100 - 205)),
        ],
        equity=[100_000, -4_500, 250, 250],
        cash=[195_000, 195_000, 250, 250],
        outcomes={"e1": "enter", "e2": "ruined"},
    ),
    Case(
        name="ruin_at_an_open_comes_before_signals_and_stops",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 220 221 100 101
                2025-06-04 100 101  99 100
            """
        },
        signals=[
            short("2025-06-02", stop=0.5),
            long("2025-06-03"),
            short("2025-06-03"),
            long("2025-06-04"),
        ],
        # 195,000 - 209,000 at the open: no stop, no signal, none is superseded
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-03", 220.0, "ruin",
                  gross=950 * (100 - 220)),
        ],
        equity=[100_000, -14_000, -14_000],
        outcomes={"e1": "enter", "e2": "ruined", "e3": "ruined", "e4": "ruined"},
    ),
    Case(
        name="ruin_at_the_open_of_a_margin_call",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 161 149 160
                2025-06-04 210 211 209 210
            """
        },
        signals=[short("2025-06-02")],
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 210.0, "ruin",
                  gross=950 * (100 - 210)),
        ],
        equity=[100_000, 43_000, -4_500],
    ),
    Case(
        name="equity_of_exactly_nothing_is_ruin_even_if_the_open_recovers",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 201 149 200
                2025-06-04 150 152 148 149
                2025-06-05 140 141 139 140
            """
        },
        signals=[short("2025-06-02", weight=1.0), short("2025-06-04"), short("2025-06-05")],
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-02", 100.0, "2025-06-04", 150.0, "ruin",
                  gross=1000 * (100 - 150)),
        ],
        equity=[100_000, 0, 50_000, 50_000],
        outcomes={"e1": "enter", "e2": "ruined", "e3": "ruined"},
    ),
    Case(
        name="ruin_without_a_position_ends_the_trading_too",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 140 151 139 140
                2025-06-04 140 141 139 140
            """
        },
        settings=free(max_gross=2.0),
        signals=[short("2025-06-02", weight=2.0, stop=0.5), long("2025-06-04")],
        # 2,000 sold at 100 and bought at 150: the cash of 300,000 is gone
        trades=[
            trade("e1", "ACME", "short", 2000, "2025-06-02", 100.0, "2025-06-03", 150.0, "stop",
                  gross=2000 * (100 - 150)),
        ],
        equity=[100_000, 0, 0],
        outcomes={"e1": "enter", "e2": "ruined"},
    ),
    Case(
        name="ruin_pays_slippage_and_commission_and_stays_below_zero",
        rule="ruin",
        bars=DISASTER,
        settings=free(slippage_bps=100.0, commission_per_share=0.005),
        signals=[short("2025-06-02", weight=1.0)],
        # sold at 99: 1,010 shares, 5.05 an order; bought at 205 x 1.01 = 207.05
        trades=[
            trade("e1", "ACME", "short", 1010, "2025-06-02", 99.0, "2025-06-04", 207.05, "ruin",
                  gross=1010 * (99 - 207.05), commission=5.05 + 5.05),
        ],
        equity=[
            100_000 - 1010 - 5.05,
            100_000 + 1010 * (99 - 210) - 5.05,
            100_000 + 1010 * (99 - 207.05) - 10.1,
            100_000 + 1010 * (99 - 207.05) - 10.1,
        ],
    ),
    Case(
        name="borrow_is_taken_before_ruin_is_judged",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 195  99 190
                2025-06-03 190 191 100 101
            """
        },
        settings=free(maintenance_margin=0.0, borrow_default=36.0, borrow_collateral=1.0),
        signals=[short("2025-06-02", weight=1.0)],
        # 200,000 - 190,000 = 10,000 before the night, which costs a tenth of 190,000
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-02", 100.0, "2025-06-03", 190.0, "ruin",
                  gross=1000 * (100 - 190), borrow=19_000.0),
        ],
        equity=[10_000, -9_000],
    ),
    Case(
        name="ruin_at_the_last_close_leaves_the_trade_open",
        rule="last bar",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 212 149 210
            """
        },
        signals=[short("2025-06-02")],
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-03", 210.0, "open",
                  gross=950 * (100 - 210)),
        ],
        equity=[100_000, -4_500],
    ),
    Case(
        name="equity_of_exactly_nothing_at_an_open_is_ruin",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 200 201 149 150
            """
        },
        signals=[short("2025-06-02", weight=1.0), short("2025-06-03", weight=1.0)],
        # 200,000 - 200,000
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-02", 100.0, "2025-06-03", 200.0, "ruin",
                  gross=1000 * (100 - 200)),
        ],
        equity=[100_000, 0],
        outcomes={"e1": "enter", "e2": "ruined"},
    ),
    Case(
        name="a_last_dollar_is_no_ruin",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100   101   0.001 0.001
                2025-06-03 0.001 0.001 0.001 0.001
                2025-06-04 0.002 0.003 0.002 0.003
            """
        },
        signals=[long("2025-06-02", weight=1.0), long("2025-06-03", hold=1)],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-02", 100.0, "2025-06-04", 0.002, "time",
                  gross=1000 * (0.002 - 100)),
        ],
        equity=[1, 1, 2],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
]
