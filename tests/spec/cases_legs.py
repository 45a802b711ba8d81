"""Hedges: legs that are entered and left with their leader."""

from tests.spec.case import Case, free, long, short, trade

DAYS = {
    "ACME": """
        2025-06-02 100 101  99 100
        2025-06-03 100 112  98 110
        2025-06-04 105 115 100 108
    """,
    "BOLT": """
        2025-06-02 20 21 19 20
        2025-06-03 20 24 18 22
        2025-06-04 25 26 24 25
    """,
    "SPY": """
        2025-06-02 400 410 390 400
        2025-06-03 400 412 396 404
        2025-06-04 410 420 405 412
    """,
}
SPY = (("SPY", 1.0),)

# fmt: off
CASES = [
    Case(
        name="a_leg_is_entered_and_left_with_its_leader",
        rule="legs",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.4, hold=1, legs=SPY)],
        trades=[  # 400 ACME are 40,000, 100 SPY too
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-04", 105.0, "time",
                  gross=400 * 5, hedge=100 * (400 - 410)),
        ],
        equity=[100_000, 100_000 + 400 * 10 - 100 * 4, 100_000 + 2_000 - 1_000],
    ),
    Case(
        name="leader_and_legs_share_the_room",
        rule="legs",
        bars=DAYS,
        signals=[long("2025-06-03", weight=1.0, hold=1, legs=SPY)],
        trades=[  # 100,000 ÷ (1 + 1) ÷ 100 = 500; 50,000 ÷ 400 = 125
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 105.0, "time",
                  gross=500 * 5, hedge=125 * -10),
        ],
        equity=[100_000, 100_000 + 5_000 - 500, 100_000 + 2_500 - 1_250],
    ),
    Case(
        name="a_leg_leaves_at_the_close_of_the_session_in_which_its_leader_is_stopped",
        rule="legs",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.4, stop=0.02, legs=SPY)],
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-03", 98.0, "stop",
                  gross=400 * -2, hedge=100 * (400 - 404)),
        ],
        equity=[100_000, 100_000 - 800 - 400, 100_000 - 800 - 400],
        cash=[100_000, 100_000 - 800 - 400, 100_000 - 800 - 400],
    ),
    Case(
        name="a_leg_of_no_share_finds_no_room",
        rule="legs",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.4, legs=(("SPY", 0.004),))],  # 160 ÷ 400 + 0.5 = 0.9
        trades=[],
        equity=[100_000, 100_000, 100_000],
        outcomes={"e1": "no_room"},
    ),
    Case(
        name="half_a_share_of_a_leg_is_one",
        rule="legs",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.4, hold=1, legs=(("SPY", 0.005),))],  # 200 ÷ 400
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-04", 105.0, "time",
                  gross=2_000, hedge=-10),
        ],
        equity=[100_000, 100_000 + 4_000 - 4, 100_000 + 2_000 - 10],
    ),
    Case(
        name="half_a_share_of_a_leg_that_rounding_takes_below_is_one_too",
        rule="legs",
        bars={
            "ACME": """
                2025-06-02 11.33 11.33 11.33 11.33
                2025-06-03 11.33 11.33 11.33 11.33
            """,
            "SPY": """
                2025-06-02 20.6 20.6 20.6 20.6
                2025-06-03 20.6 21.6 20.6 21.6
            """,
        },
        # 1,134 ÷ 11.33 = 100.1; 100 × 11.33 × 0.5 ÷ 20.6 = 27.5, in binary a little less
        signals=[long("2025-06-03", weight=0.01134, legs=(("SPY", 0.5),))],
        trades=[
            trade("e1", "ACME", "long", 100, "2025-06-03", 11.33, "2025-06-03", 11.33, "open",
                  hedge=28 * -1),
        ],
        equity=[100_000, 100_000 - 28],
    ),
    Case(
        name="a_leg_of_the_same_direction_that_cash_cannot_pay_finds_no_room",
        rule="legs",
        bars=DAYS,
        # Room for 100,000 ÷ 2 each with max_gross 2.4: 120,000; the leader takes 60,000.
        signals=[long("2025-06-03", weight=0.6, legs=(("SPY", -1.0),))],
        settings=free(max_gross=2.4),
        trades=[],
        equity=[100_000, 100_000, 100_000],
        outcomes={"e1": "no_room"},
    ),
    Case(
        name="two_legs_of_one_symbol_net_to_one_order_at_an_open",
        rule="legs",
        bars=DAYS,
        # 200 ACME and 1,000 BOLT of 20,000 each: SPY −50 and +25 net to −25 at 400 − 1 % = 396,
        # which pays one commission of 6, by size 4 and 2. At the end all is marked.
        signals=[
            long("2025-06-03", weight=0.2, legs=SPY),
            short("2025-06-03", "BOLT", weight=0.2, legs=(("SPY", 0.5),)),
        ],
        settings=free(slippage_bps=100.0, commission_fixed=6.0),
        trades=[  # 20,000 ÷ 101 = 198.02; 20,000 ÷ 19.8 = 1,010.1
            trade("e1", "ACME", "long", 198, "2025-06-03", 101.0, "2025-06-04", 108.0, "open",
                  # 198 × 101 ÷ 400 = 49.995: 50
                  gross=198 * 7, commission=6, hedge=50 * (396 - 412) - 4),
            trade("e2", "BOLT", "short", 1_010, "2025-06-03", 19.8, "2025-06-04", 25.0, "open",
                  # 1,010 × 19.8 ÷ 2 ÷ 400 = 24.9975: 25
                  gross=1_010 * (19.8 - 25), commission=6, hedge=25 * (412 - 396) - 2),
        ],
        of_legs={"commission": 4 + 2},
        equity=[
            100_000,
            100_000 + 198 * 9 - 1_010 * 2.2 - 25 * (404 - 396) - 18,
            100_000 + 198 * 7 - 1_010 * 5.2 - 25 * (412 - 396) - 18,
        ],
    ),
    Case(
        name="legs_that_net_to_zero_trade_at_the_raw_open_and_pay_nothing",
        rule="legs",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.2, legs=SPY),  # 198 × 101 ÷ 400 = 49.995
            short("2025-06-03", "BOLT", weight=0.2, legs=SPY),  # 1,010 × 19.8 ÷ 400 = 49.995
        ],
        settings=free(slippage_bps=100.0, commission_fixed=6.0),
        trades=[
            trade("e1", "ACME", "long", 198, "2025-06-03", 101.0, "2025-06-04", 108.0, "open",
                  gross=198 * 7, commission=6, hedge=50 * (400 - 412)),
            trade("e2", "BOLT", "short", 1_010, "2025-06-03", 19.8, "2025-06-04", 25.0, "open",
                  gross=1_010 * (19.8 - 25), commission=6, hedge=50 * (412 - 400)),
        ],
        equity=[
            100_000,
            100_000 + 198 * 9 - 1_010 * 2.2 - 12,
            100_000 + 198 * 7 - 1_010 * 5.2 - 12,
        ],
    ),
    Case(
        name="a_reversal_leaves_all_and_enters_all",
        rule="legs",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.4, legs=SPY),
            short("2025-06-04", weight=0.4, hold=0, legs=SPY),
        ],
        # 100,000 + 400 × 5 − 100 × 10 = 101,000; 40,400 ÷ 105 = 384.8; 384 × 105 ÷ 410 = 98.3
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-04", 105.0, "reversal",
                  gross=2_000, hedge=-1_000),
            trade("e2", "ACME", "short", 384, "2025-06-04", 105.0, "2025-06-04", 108.0, "time",
                  gross=384 * -3, hedge=98 * (412 - 410)),
        ],
        equity=[100_000, 103_600, 101_000 - 384 * 3 + 98 * 2],
        outcomes={"e1": "enter", "e2": "reverse"},
    ),
    Case(
        name="a_margin_call_leaves_an_event_whole",
        rule="legs",
        bars=DAYS,
        # Short SPY at 404 is 40,400: with a margin of 3 it needs 121,200, and 103,600 are there.
        signals=[long("2025-06-03", weight=0.4, legs=SPY)],
        settings=free(maintenance_margin=3.0),
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-04", 105.0,
                  "margin_call", gross=2_000, hedge=-1_000),
        ],
        equity=[100_000, 103_600, 101_000],
    ),
    Case(
        name="the_borrow_of_a_leg_is_in_the_profit_of_the_hedge",
        rule="legs",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.4, hold=1, legs=SPY)],
        borrow={"SPY": [("2025-06-01", 0.36)]},
        settings=free(borrow_collateral=1.0),
        trades=[  # one night: 40,400 × 0.36 ÷ 360 = 40.40
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-04", 105.0, "time",
                  gross=2_000, hedge=-1_000 - 40.4),
        ],
        of_legs={"borrow": 40.4},
        equity=[100_000, 103_600, 101_000 - 40.4],
    ),
    Case(
        name="a_short_lot_in_a_symbol_that_is_net_long_owes_no_borrow",
        rule="legs",
        bars=DAYS,
        settings=free(borrow_collateral=1.0),
        borrow={"SPY": [("2025-06-01", 0.36)], "BOLT": [("2025-06-01", 0.0)]},
        signals=[
            long("2025-06-03", weight=0.1, legs=SPY),  # 25 SPY short
            short("2025-06-03", "BOLT", weight=0.2, legs=(("SPY", 0.6),)),  # 30 long
        ],
        trades=[
            trade("e1", "ACME", "long", 100, "2025-06-03", 100.0, "2025-06-04", 108.0, "open",
                  gross=100 * 8, hedge=25 * -12),
            trade("e2", "BOLT", "short", 1_000, "2025-06-03", 20.0, "2025-06-04", 25.0, "open",
                  gross=1_000 * -5, hedge=30 * 12),
        ],
        equity=[
            100_000,
            100_000 + 100 * 10 - 1_000 * 2 + 5 * 4,
            100_000 + 100 * 8 - 1_000 * 5 + 5 * 12,
        ],
    ),
    Case(
        name="the_borrow_of_two_short_lots_is_of_their_net_and_shared_by_shares",
        rule="legs",
        bars=DAYS | {"CROW": DAYS["ACME"]},
        settings=free(borrow_collateral=1.0),
        borrow={"SPY": [("2025-06-01", 0.36)], "BOLT": [("2025-06-01", 0.0)]},
        signals=[
            long("2025-06-03", weight=0.2, legs=SPY),  # 50 SPY short
            long("2025-06-03", "CROW", weight=0.1, legs=SPY),  # 25 short
            short("2025-06-03", "BOLT", weight=0.2, legs=(("SPY", 0.6),)),  # 30 long
        ],
        # 45 net at 404, a thousandth: 18.18, of which two thirds and one third.
        trades=[
            trade("e1", "ACME", "long", 200, "2025-06-03", 100.0, "2025-06-04", 108.0, "open",
                  gross=200 * 8, hedge=50 * -12 - 12.12),
            trade("e2", "CROW", "long", 100, "2025-06-03", 100.0, "2025-06-04", 108.0, "open",
                  gross=100 * 8, hedge=25 * -12 - 6.06),
            trade("e3", "BOLT", "short", 1_000, "2025-06-03", 20.0, "2025-06-04", 25.0, "open",
                  gross=1_000 * -5, hedge=30 * 12),
        ],
        of_legs={"borrow": 18.18},
        equity=[
            100_000,
            100_000 + 300 * 10 - 1_000 * 2 - 45 * 4,
            100_000 + 300 * 8 - 1_000 * 5 - 45 * 12 - 18.18,
        ],
    ),
    Case(
        name="a_signal_in_the_direction_of_a_hedged_position_renews_and_leaves_its_legs",
        rule="legs",
        bars=DAYS,
        signals=[
            long("2025-06-02", weight=0.4, hold=1, legs=SPY),
            long("2025-06-03", weight=0.2, hold=1, legs=(("SPY", 0.5), ("BOLT", 0.5))),
        ],
        # Not left at 100 but at 105; 100 SPY stay short.
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-02", 100.0, "2025-06-04", 105.0, "time",
                  gross=400 * 5, hedge=100 * -10),
        ],
        equity=[100_000, 100_000 + 4_000 - 400, 100_000 + 2_000 - 1_000],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="a_hedged_position_is_not_resized_but_renewed",
        rule="legs",
        bars=DAYS,
        signals=[
            long("2025-06-02", weight=0.2, hold=1, legs=SPY),
            long("2025-06-03", weight=0.4, stop=0.02, resize=True),  # more; 100 − 2 % = 98
        ],
        trades=[
            trade("e1", "ACME", "long", 200, "2025-06-02", 100.0, "2025-06-03", 98.0, "stop",
                  gross=200 * -2, hedge=50 * -4),
        ],
        equity=[100_000, 100_000 - 600, 100_000 - 600],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="a_hedged_position_is_not_reduced_but_renewed",
        rule="legs",
        bars=DAYS,
        signals=[
            long("2025-06-02", weight=0.4, legs=SPY),
            long("2025-06-03", weight=0.1, hold=0, resize=True),  # less
        ],
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-02", 100.0, "2025-06-03", 110.0, "time",
                  gross=400 * 10, hedge=100 * -4),
        ],
        equity=[100_000, 103_600, 103_600],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="the_margin_is_of_the_net_short_of_two_lots",
        rule="legs",
        bars=DAYS,
        # SPY: 50 short and 50 × 0.6 = 30 long, 20 net; at 404: 8,080. BOLT: 1,000 at 22: 22,000.
        # With a margin of 3.3 they need 99,264, and 100,000 + 2,000 − 2,000 − 80 = 99,920 are
        # there. With the 50 of one lot it were 139,260.
        settings=free(maintenance_margin=3.3),
        signals=[
            long("2025-06-03", weight=0.2, legs=SPY),
            short("2025-06-03", "BOLT", weight=0.2, legs=(("SPY", 0.6),)),
        ],
        trades=[
            trade("e1", "ACME", "long", 200, "2025-06-03", 100.0, "2025-06-04", 108.0, "open",
                  gross=200 * 8, hedge=50 * -12),
            trade("e2", "BOLT", "short", 1_000, "2025-06-03", 20.0, "2025-06-04", 25.0, "open",
                  gross=1_000 * -5, hedge=30 * 12),
        ],
        equity=[100_000, 99_920, 100_000 + 1_600 - 600 - 5_000 + 360],
    ),
    Case(
        name="a_margin_call_of_a_net_short_of_two_lots_leaves_both_events",
        rule="legs",
        bars=DAYS,
        # As above, but 99,920 are less than 3.33 × 30,080 = 100,166.40.
        settings=free(maintenance_margin=3.33),
        signals=[
            long("2025-06-03", weight=0.2, legs=SPY),
            short("2025-06-03", "BOLT", weight=0.2, legs=(("SPY", 0.6),)),
        ],
        trades=[
            trade("e1", "ACME", "long", 200, "2025-06-03", 100.0, "2025-06-04", 105.0,
                  "margin_call", gross=200 * 5, hedge=50 * -10),
            trade("e2", "BOLT", "short", 1_000, "2025-06-03", 20.0, "2025-06-04", 25.0,
                  "margin_call", gross=1_000 * -5, hedge=30 * 10),
        ],
        equity=[100_000, 99_920, 100_000 + 1_000 - 500 - 5_000 + 300],
    ),
]
