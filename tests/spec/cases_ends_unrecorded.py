"""Ends that nobody recorded, and halts: after five sessions without a bar a stock is given up."""

from tests.spec.case import Case, free, long, short, trade

ACME = """
    2025-06-02 100 100 100 100
    2025-06-03 100 104 100 104   # the last
"""
BOLT = """
    2025-06-02 50 50 50 50
    2025-06-03 50 50 50 50
    2025-06-04 50 50 50 50
    2025-06-05 50 50 50 50
    2025-06-06 50 50 50 50
    2025-06-09 50 50 50 50
"""
FIFTH = BOLT + "\n2025-06-10 50 50 50 50"
LATER = FIFTH + "\n2025-06-11 50 50 50 50"
HALT = """
    2025-06-02 100 100 100 100
    2025-06-03 100 104 100 104
    2025-06-11  60  66  58  62   # after five sessions without a bar
    2025-06-12  70  70  70  70
"""
LONGER = LATER + "\n2025-06-12 50 50 50 50"
HALTED = [(f"2025-06-{day:02}", "halted", None) for day in (4, 5, 6, 9, 10, 11, 12)]
SPY = LATER.replace("50 50 50 50", "400 400 400 400").replace(
    "06-10 400 400 400 400", "06-10 400 420 400 420"
)

# fmt: off
CASES = [
    Case(
        name="a_stock_without_bars_is_settled_at_the_close_of_the_fifth_session_after_its_last",
        rule="ends",
        bars={"ACME": ACME, "BOLT": LATER},
        settings=free(slippage_bps=100.0, commission_fixed=5.0),
        signals=[long("2025-06-02", weight=0.505)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 101.0, "2025-06-10", 104.0, "delisted",
                  gross=500 * 3, commission=5),
        ],
        equity=[99_495] + 7 * [101_495],
        cash=6 * [49_495] + 2 * [101_495],
    ),
    Case(
        name="the_fifth_session_may_be_the_last_of_all",
        rule="ends",
        bars={"ACME": ACME, "BOLT": FIFTH},
        signals=[short("2025-06-02", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-10", 104.0,
                  "delisted", gross=500 * -4),
        ],
        equity=[100_000] + 6 * [98_000],
        cash=6 * [150_000] + [98_000],
    ),
    Case(
        name="with_four_sessions_left_it_stays_open",
        rule="ends",
        bars={"ACME": ACME, "BOLT": BOLT},
        signals=[long("2025-06-02", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "open",
                  gross=500 * 4),
        ],
        equity=[100_000] + 5 * [102_000],
        cash=6 * [50_000],
    ),
    Case(
        name="five_sessions_are_counted_in_the_sessions_of_all_stocks_together",
        rule="ends",
        bars={
            "ACME": ACME,
            "BOLT": """
                2025-06-02 50 50 50 50
                2025-06-04 50 50 50 50
                2025-06-06 50 50 50 50
                2025-06-10 50 50 50 50
            """,
            "CROW": """
                2025-06-05 50 50 50 50
                2025-06-09 50 50 50 50
                2025-06-11 50 50 50 50
            """,
        },
        signals=[long("2025-06-02", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-10", 104.0, "delisted",
                  gross=500 * 4),
        ],
        equity=[100_000] + 7 * [102_000],
        cash=6 * [50_000] + 2 * [102_000],
    ),
    Case(
        name="a_short_of_a_stock_without_bars_pays_no_borrow_until_it_is_settled",
        rule="ends",
        bars={"ACME": ACME, "BOLT": LATER},
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-02", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-10", 104.0,
                  "delisted", gross=500 * -4, borrow=51),
        ],
        equity=[100_000] + 7 * [98_000 - 51],
    ),
    Case(
        name="the_room_of_a_stock_without_bars_is_used_by_the_signal_of_the_next_session",
        rule="ends",
        bars={"ACME": ACME, "BOLT": LATER},
        signals=[
            long("2025-06-02", weight=1.0),
            long("2025-06-10", "BOLT", weight=1.0),
            long("2025-06-11", "BOLT", weight=1.0),
        ],
        # 1,000 at 104: 104,000 ÷ 50 = 2,080
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-02", 100.0, "2025-06-10", 104.0,
                  "delisted", gross=1_000 * 4),
            trade("e3", "BOLT", "long", 2_080, "2025-06-11", 50.0, "2025-06-11", 50.0, "open"),
        ],
        equity=[100_000] + 7 * [104_000],
        cash=6 * [0] + [104_000, 0],
        outcomes={"e1": "enter", "e2": "no_room", "e3": "enter"},
    ),
    Case(
        name="the_room_and_seat_of_a_stock_without_bars_are_used_at_the_close_that_settles_it",
        rule="ends",
        bars={"ACME": ACME, "BOLT": LATER},
        settings=free(max_positions=1),
        signals=[
            long("2025-06-02", weight=1.0),
            long("2025-06-09", "BOLT", weight=1.0, enter="close"),
            long("2025-06-10", "BOLT", weight=1.0, enter="close"),
        ],
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-02", 100.0, "2025-06-10", 104.0,
                  "delisted", gross=1_000 * 4),
            trade("e3", "BOLT", "long", 2_080, "2025-06-10", 50.0, "2025-06-11", 50.0, "open"),
        ],
        equity=[100_000] + 7 * [104_000],
        cash=8 * [0],
        outcomes={"e1": "enter", "e2": "no_room", "e3": "enter"},
    ),
    Case(
        name="the_legs_of_a_stock_without_bars_leave_at_the_close_that_settles_it",
        rule="ends",
        bars={"ACME": ACME, "SPY": SPY},
        settings=free(borrow_default=0.36, borrow_collateral=1.0),
        signals=[long("2025-06-02", weight=0.4, legs=(("SPY", 1.0),))],
        # 100 SPY from 400 to the close of 420; eight nights at 400
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-02", 100.0, "2025-06-10", 104.0, "delisted",
                  gross=400 * 4, hedge=100 * -20 - 8 * 40),
        ],
        of_legs={"borrow": 8 * 40},
        equity=[
            100_000, 101_560, 101_520, 101_480, 101_440, 101_320, 101_280 - 2_000, 99_280,
        ],
    ),
    Case(
        name="what_ruin_could_not_sell_is_settled",
        rule="ends",
        bars={
            "ACME": ACME,
            "BOLT": LATER.replace("06-04 50 50 50 50", "06-04 200 200 200 200").replace(
                "06-05 50 50 50 50", "06-05 200 200 200 200"
            ),
        },
        settings=free(max_gross=2.0),
        signals=[
            long("2025-06-02", weight=0.5),
            short("2025-06-02", "BOLT", weight=1.0),
            long("2025-06-11", "BOLT"),
        ],
        # 2,000 BOLT from 50 to 200: 150,000 + 52,000 − 400,000 at the open: ruined and covered.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-10", 104.0, "delisted",
                  gross=500 * 4),
            trade("e2", "BOLT", "short", 2_000, "2025-06-02", 50.0, "2025-06-04", 200.0, "ruin",
                  gross=2_000 * -150),
        ],
        equity=[100_000, 102_000] + 6 * [-198_000],
        cash=2 * [150_000] + 4 * [-250_000] + 2 * [-198_000],
        outcomes={"e1": "enter", "e2": "enter", "e3": "ruined"},
    ),
    Case(
        name="what_a_margin_call_could_not_cover_is_settled",
        rule="ends",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 150 160 150 160   # the last
            """,
            "BOLT": LATER,
        },
        signals=[short("2025-06-02")],
        # 950: 195,000 − 152,000 = 43,000 are less than 30 % of 152,000.
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-10", 160.0,
                  "delisted", gross=950 * -60),
        ],
        equity=[100_000] + 7 * [43_000],
        cash=6 * [195_000] + 2 * [43_000],
    ),
    Case(
        name="a_halt_of_five_sessions_is_no_end",
        rule="halts",
        bars={"ACME": HALT, "BOLT": LONGER},
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-03", weight=0.5, hold=2)],
        # The hold counts its own bars; eight nights at 104 and one at 62, × 500 × 1.02 × 0.001.
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-12", 70.0, "time",
                  gross=500 * 30, borrow=0.51 * (8 * 104 + 62)),
        ],
        equity=[
            100_000, *6 * [98_000], 100_000 + 500 * 38 - 424.32, 115_000 - 424.32 - 31.62,
        ],
    ),
    Case(
        name="the_first_fill_after_a_halt_is_at_the_open_that_ends_it",
        rule="halts",
        bars={"ACME": HALT, "BOLT": LONGER},
        signals=[short("2025-06-11", weight=0.6, hold=1)],
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-11", 60.0, "2025-06-12", 70.0, "time",
                  gross=1_000 * -10),
        ],
        equity=7 * [100_000] + [98_000, 90_000],
    ),
    Case(
        name="a_stop_waits_through_a_halt_and_fills_at_the_open_that_ends_it",
        rule="halts",
        bars={"ACME": HALT, "BOLT": LONGER},
        signals=[long("2025-06-03", weight=0.5, stop=0.1)],  # 90
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-11", 60.0, "stop",
                  gross=500 * -40),
        ],
        equity=[100_000] + 6 * [102_000] + 2 * [80_000],
    ),
    Case(
        name="a_limit_after_a_halt_is_measured_from_the_close_before_it",
        rule="halts",
        bars={"ACME": HALT, "BOLT": LONGER},
        signals=[short("2025-06-11", weight=0.66, limit=-0.375)],  # 104 − 37.5 % = 65
        trades=[  # 66,000 ÷ 65 = 1,015.4; sold at 65
            trade("e1", "ACME", "short", 1_015, "2025-06-11", 65.0, "2025-06-12", 70.0, "open",
                  gross=1_015 * -5),
        ],
        equity=7 * [100_000] + [100_000 + 1_015 * 3, 100_000 - 1_015 * 5],
    ),
    Case(
        name="a_dividend_and_a_split_in_a_halt_come_before_the_open_that_ends_it",
        rule="halts",
        bars={"ACME": HALT, "BOLT": LONGER},
        actions={"ACME": [("2025-06-05", "dividend", 3.0), ("2025-06-09", "split", 2.0)]},
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-03", weight=0.5, stop=0.3)],  # 130, then 65
        # 500 pay 3 each and 0.51 × 8 × 104; 1,000 are bought at 65.
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-03", 50.0, "2025-06-11", 65.0, "stop",
                  gross=1_000 * -15, borrow=424.32, dividends=-1_500),
        ],
        equity=[100_000] + 6 * [98_000] + 2 * [85_000 - 1_500 - 424.32],
    ),
    Case(
        name="a_halt_over_the_last_session_leaves_it_open_at_its_last_close",
        rule="halts",
        bars={"ACME": ACME, "BOLT": "\n".join(BOLT.splitlines()[:-1])},
        actions={"ACME": [("2025-06-05", "dividend", 3.0), ("2025-06-06", "split", 2.0)]},
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-03", weight=0.5, hold=1)],
        trades=[  # which no open follows: neither borrow nor actions
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-03", 104.0, "open",
                  gross=500 * -4),
        ],
        equity=[100_000] + 4 * [98_000],
    ),
    Case(
        name="a_halt_on_file_over_the_last_session_is_no_end",
        rule="halts",
        bars={"ACME": ACME, "BOLT": LONGER},
        actions={"ACME": HALTED},
        signals=[long("2025-06-02", weight=0.5, hold=2)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "open",
                  gross=500 * 4),
        ],
        equity=[100_000] + 8 * [102_000],
        cash=9 * [50_000],
    ),
    Case(
        name="after_a_halt_on_file_five_sessions_are_counted_from_its_last",
        rule="halts",
        bars={"ACME": ACME, "BOLT": LONGER},
        actions={"ACME": HALTED[:1]},
        signals=[long("2025-06-02", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-11", 104.0, "delisted",
                  gross=500 * 4),
        ],
        equity=[100_000] + 8 * [102_000],
        cash=7 * [50_000] + 2 * [102_000],
    ),
]
