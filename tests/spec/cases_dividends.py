"""Dividends: what was held at the close before the ex-date is paid before its open."""

from tests.spec.case import Case, flat, free, long, short, trade

DAYS = {
    "ACME": """
        2025-06-02 100 101 99 100
        2025-06-03 100 101 99 100
        2025-06-04  98  99 97  98   # ex-date
        2025-06-05  98  99 97  98
    """
}
BOLT = {
    "BOLT": """
        2025-06-02 50 50 50 50
        2025-06-03 50 50 50 50
        2025-06-04 50 50 50 50
        2025-06-05 50 50 50 50
    """
}
SPY = {
    "SPY": """
        2025-06-02 400 400 400 400
        2025-06-03 400 400 400 400
        2025-06-04 396 396 396 396   # ex-date
        2025-06-05 396 396 396 396
    """
}
STILL = {
    "ACME": """
        2025-06-02 100 101 99 100
        2025-06-03 100 101 99 100   # ex-date
        2025-06-04 100 101 99 100
    """
}
TWO_DOLLARS = {"ACME": [("2025-06-04", "dividend", 2.0)]}

# fmt: off
CASES = [
    Case(
        name="a_dividend_is_paid_to_a_long",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[long("2025-06-03", weight=0.5, hold=2)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-05", 98.0, "time",
                  gross=500 * -2, dividends=500 * 2),
        ],
        equity=4 * [100_000],
        cash=[100_000, 50_000, 51_000, 100_000],
    ),
    Case(
        name="a_short_pays_a_dividend",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[short("2025-06-03", weight=0.5, hold=2)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-05", 98.0, "time",
                  gross=500 * 2, dividends=500 * -2),
        ],
        equity=4 * [100_000],
        cash=[100_000, 150_000, 149_000, 100_000],
    ),
    Case(
        name="an_entry_at_the_open_of_the_ex_date_is_paid_nothing",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[long("2025-06-04", weight=0.49)],  # 49,000 ÷ 98
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-04", 98.0, "2025-06-05", 98.0, "open"),
        ],
        equity=4 * [100_000],
        cash=[100_000, 100_000, 51_000, 51_000],
    ),
    Case(
        name="an_exit_at_the_open_of_the_ex_date_is_paid",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[long("2025-06-03", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 98.0, "time",
                  gross=500 * -2, dividends=500 * 2),
        ],
        equity=4 * [100_000],
    ),
    Case(
        name="a_dividend_of_the_entry_and_one_after_the_exit_are_not_paid",
        rule="dividends",
        bars=DAYS,
        actions={"ACME": [
            ("2025-06-03", "dividend", 7.0),
            ("2025-06-04", "dividend", 2.0),
            ("2025-06-05", "dividend", 9.0),
        ]},
        signals=[short("2025-06-03", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-04", 98.0, "time",
                  gross=500 * 2, dividends=500 * -2),
        ],
        equity=4 * [100_000],
    ),
    Case(
        name="a_dividend_of_the_first_session_or_before_is_nobodys",
        rule="dividends",
        bars=DAYS,
        actions={"ACME": [("2025-05-30", "dividend", 7.0), ("2025-06-02", "dividend", 9.0)]},
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "time"),
        ],
        equity=4 * [100_000],
    ),
    Case(
        name="an_entry_at_the_close_before_the_ex_date_is_paid",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[
            long("2025-06-03", weight=0.5, enter="close"),
            flat("2025-06-04", leave="close"),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 98.0, "signal",
                  gross=500 * -2, dividends=500 * 2),
        ],
        equity=4 * [100_000],
        cash=[100_000, 50_000, 100_000, 100_000],
    ),
    Case(
        name="a_reversal_at_the_ex_date_pays_the_one_that_left",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[long("2025-06-03", weight=0.5), short("2025-06-04", weight=0.49)],
        # 50,000 + 1,000 + 500 × 98 = 100,000
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 98.0, "reversal",
                  gross=500 * -2, dividends=500 * 2),
            trade("e2", "ACME", "short", 500, "2025-06-04", 98.0, "2025-06-05", 98.0, "open"),
        ],
        equity=4 * [100_000],
        outcomes={"e1": "enter", "e2": "reverse"},
    ),
    Case(
        name="a_resize_at_the_ex_date_is_paid_on_all_that_was_held",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[
            long("2025-06-03", weight=0.5),
            long("2025-06-04", weight=0.245, resize=True),  # 24,500 ÷ 98 = 250
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-05", 98.0, "open",
                  gross=500 * -2, dividends=500 * 2),
        ],
        equity=4 * [100_000],
        cash=[100_000, 50_000, 51_000 + 250 * 98, 51_000 + 250 * 98],
        outcomes={"e1": "enter", "e2": "resize"},
    ),
    Case(
        name="a_stop_at_the_ex_date_is_where_it_was_and_the_dividend_is_paid",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[long("2025-06-03", weight=0.5, stop=0.03)],  # 97, which the low of 97 touches
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 97.0, "stop",
                  gross=500 * -3, dividends=500 * 2),
        ],
        equity=[100_000, 100_000, 99_500, 99_500],
    ),
    Case(
        name="a_stop_of_the_session_before_the_ex_date_is_paid_nothing",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[long("2025-06-03", weight=0.5, stop=0.01)],  # 99
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-03", 99.0, "stop",
                  gross=500 * -1),
        ],
        equity=[100_000, 99_500, 99_500, 99_500],
    ),
    Case(
        name="a_stop_on_the_close_before_the_ex_date_leaves_at_its_open_and_is_paid",
        rule="dividends",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03  95  96  89  90
                2025-06-04  88  89  87  88   # ex-date
            """
        },
        actions=TWO_DOLLARS,
        signals=[long("2025-06-02", weight=0.5, stop=0.1, levels="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 88.0, "stop",
                  gross=500 * -12, dividends=500 * 2),
        ],
        equity=[100_000, 95_000, 95_000],
    ),
    Case(
        name="a_dividend_does_not_move_the_target_of_a_short",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[short("2025-06-03", weight=0.5, target=0.025)],  # 97.50
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-04", 97.5, "target",
                  gross=500 * 2.5, dividends=500 * -2),
        ],
        equity=[100_000, 100_000, 100_250, 100_250],
    ),
    Case(
        name="a_dividend_does_not_move_the_trailing_stop",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[long("2025-06-03", weight=0.5, trailing_stop=0.025)],  # 97.50
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 97.5,
                  "trailing_stop", gross=500 * -2.5, dividends=500 * 2),
        ],
        equity=[100_000, 100_000, 99_750, 99_750],
    ),
    Case(
        name="a_limit_at_the_ex_date_is_measured_from_the_close_before",
        rule="dividends",
        bars=DAYS,
        actions=TWO_DOLLARS,
        signals=[long("2025-06-04", weight=0.4875, limit=0.025)],  # 97.50; 48,750 ÷ 97.5 = 500
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-04", 97.5, "2025-06-05", 98.0, "open",
                  gross=500 * 0.5),
        ],
        equity=[100_000, 100_000, 100_250, 100_250],
    ),
    Case(
        name="over_a_weekend_a_short_pays_borrow_on_the_old_close_and_the_dividend",
        rule="dividends",
        bars={
            "ACME": """
                2025-06-06 100 101 99 100   # Friday
                2025-06-09  98  99 97  98
                2025-06-10  98  99 97  98
            """
        },
        actions={"ACME": [("2025-06-07", "dividend", 2.0)]},  # a Saturday: paid on Monday
        settings=free(borrow_default=0.36),
        signals=[short("2025-06-06", weight=0.5)],
        # 500 × 1.02 × 0.001 = 0.51 for each dollar of 100 for three nights, of 98 for one
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06", 100.0, "2025-06-10", 98.0, "open",
                  gross=500 * 2, borrow=0.51 * (300 + 98), dividends=500 * -2),
        ],
        equity=[100_000, 100_000 - 153, 100_000 - 153 - 49.98],
        cash=[150_000, 149_000 - 153, 149_000 - 153 - 49.98],
    ),
    Case(
        name="a_dividend_that_takes_all_ruins_at_that_open",
        rule="dividends",
        bars=STILL | {"BOLT": BOLT["BOLT"].replace("2025-06-05 50 50 50 50", "")},
        actions={"ACME": [("2025-06-03", "dividend", 100.0)]},
        signals=[short("2025-06-02", weight=1.0), long("2025-06-03", "BOLT")],
        # 200,000 − 100,000 of the dividend − 100,000 of the short: nothing
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-02", 100.0, "2025-06-03", 100.0, "ruin",
                  dividends=-100_000),
        ],
        equity=[100_000, 0, 0],
        outcomes={"e1": "enter", "e2": "ruined"},
    ),
    Case(
        name="a_dividend_that_leaves_ten_dollars_does_not_ruin",
        rule="dividends",
        bars=STILL,
        actions={"ACME": [("2025-06-03", "dividend", 99.99)]},
        signals=[short("2025-06-02", weight=1.0)],
        # 10 are less than 30 % of 100,000 at the close
        trades=[
            trade("e1", "ACME", "short", 1_000, "2025-06-02", 100.0, "2025-06-04", 100.0,
                  "margin_call", dividends=-99_990),
        ],
        equity=[100_000, 10, 10],
    ),
    Case(
        name="a_dividend_counts_in_the_equity_that_sizes_are_shares_of",
        rule="dividends",
        bars={"ACME": STILL["ACME"], "BOLT": BOLT["BOLT"]},
        actions={"ACME": [("2025-06-03", "dividend", 2.0)]},
        signals=[long("2025-06-02", weight=0.5), long("2025-06-03", "BOLT", weight=0.4)],
        # 50,000 + 1,000 + 50,000 = 101,000; 40,400 ÷ 50 = 808
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 100.0, "open",
                  dividends=500 * 2),
            trade("e2", "BOLT", "long", 808, "2025-06-03", 50.0, "2025-06-05", 50.0, "open"),
        ],
        equity=[100_000, 101_000, 101_000, 101_000],
        cash=[50_000, 51_000 - 40_400, 10_600, 10_600],
    ),
    Case(
        name="a_dividend_can_be_spent_at_the_open_of_its_ex_date",
        rule="dividends",
        bars={"ACME": STILL["ACME"], "BOLT": BOLT["BOLT"]},
        actions={"ACME": [("2025-06-03", "dividend", 2.0)]},
        signals=[long("2025-06-02", weight=1.0), long("2025-06-03", "BOLT", weight=1.0)],
        settings=free(max_gross=2.0),
        # 1,000 shares are all of the cash; 2,000 ÷ 50 = 40
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-02", 100.0, "2025-06-04", 100.0, "open",
                  dividends=1_000 * 2),
            trade("e2", "BOLT", "long", 40, "2025-06-03", 50.0, "2025-06-05", 50.0, "open"),
        ],
        equity=[100_000, 102_000, 102_000, 102_000],
        cash=[0, 0, 0, 0],
    ),
    Case(
        name="a_dividend_earns_interest_from_the_night_after_its_ex_date_on",
        rule="dividends",
        bars=STILL,
        actions={"ACME": [("2025-06-03", "dividend", 2.0)]},
        signals=[long("2025-06-02", weight=1.0)],
        settings=free(cash_rate=0.36),
        trades=[
            trade("e1", "ACME", "long", 1_000, "2025-06-02", 100.0, "2025-06-04", 100.0, "open",
                  dividends=1_000 * 2),
        ],
        equity=[100_000, 102_000, 102_002],
        interest=2_000 * 0.001,
    ),
    Case(
        name="dividends_of_legs_are_in_the_profit_of_the_hedge",
        rule="dividends",
        bars=DAYS | SPY,
        actions=TWO_DOLLARS | {"SPY": [("2025-06-04", "dividend", 4.0)]},
        signals=[long("2025-06-03", weight=0.4, hold=2, legs=(("SPY", 1.0),))],
        # 400 ACME are paid 2; 100 SPY that were sold pay 4 and win 4
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-05", 98.0, "time",
                  gross=400 * -2, hedge=100 * 4 - 100 * 4, dividends=400 * 2),
        ],
        of_legs={"dividends": -100 * 4},
        equity=4 * [100_000],
        cash=[100_000, 100_000, 100_000 + 800 - 400, 100_000],
    ),
    Case(
        name="a_leg_that_is_long_is_paid_and_one_that_is_short_pays",
        rule="dividends",
        bars={"ACME": DAYS["ACME"].replace("98  99 97  98", "100 101 99 100")} | BOLT | SPY,
        actions={"SPY": [("2025-06-04", "dividend", 4.0)]},
        signals=[
            long("2025-06-03", weight=0.2, legs=(("SPY", 1.0),)),  # 50 SPY short
            short("2025-06-03", "BOLT", weight=0.2, legs=(("SPY", 0.5),)),  # 25 SPY long
        ],
        trades=[
            trade("e1", "ACME", "long", 200, "2025-06-03", 100.0, "2025-06-05", 100.0, "open",
                  hedge=50 * 4 - 50 * 4),
            trade("e2", "BOLT", "short", 400, "2025-06-03", 50.0, "2025-06-05", 50.0, "open",
                  hedge=25 * -4 + 25 * 4),
        ],
        of_legs={"dividends": 25 * 4 - 50 * 4},
        equity=4 * [100_000],
        cash=[100_000, 110_000, 110_000 - 25 * 4, 110_000 - 25 * 4],
    ),
]
