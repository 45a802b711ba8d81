"""Interest on cash, at a rate that is 0.001 a day: 100 on 100,000 each night."""

from tests.spec.case import Case, free, long, short, trade

FLAT = """
    2025-06-02 100 101  99 100   # Monday
    2025-06-03 100 101  99 100
    2025-06-04 100 101  99 100
"""
INTEREST = free(cash_rate=0.36)

# fmt: off
CASES = [
    Case(
        name="idle_cash_earns_interest_on_interest",
        rule="cash",
        bars={"ACME": FLAT},
        settings=INTEREST,
        signals=[],
        trades=[],
        equity=[100_000, 100_100, 100_200.10],
        cash=[100_000, 100_100, 100_200.10],
        interest=100 + 100.10,
    ),
    Case(
        name="cash_earns_nothing_by_default",
        rule="cash",
        bars={"ACME": FLAT},
        signals=[long("2025-06-03", weight=0.5)],
        trades=[trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 100.0, "open")],
        equity=[100_000, 100_000, 100_000],
        interest=0.0,
    ),
    Case(
        name="interest_over_a_weekend_is_three_days",
        rule="cash",
        bars={
            "ACME": """
                2025-06-06 100 101  99 100   # Friday
                2025-06-09 100 101  99 100
            """
        },
        settings=INTEREST,
        signals=[],
        trades=[],
        equity=[100_000, 100_300],
        interest=300.0,
    ),
    Case(
        name="interest_over_a_holiday_is_two_days",
        rule="cash",
        bars={
            "ACME": """
                2025-06-18 100 101  99 100   # Wednesday; Thursday is a holiday
                2025-06-20 100 101  99 100
            """
        },
        settings=INTEREST,
        signals=[],
        trades=[],
        equity=[100_000, 100_200],
        interest=200.0,
    ),
    Case(
        name="interest_has_the_day_count_of_the_borrow",
        rule="cash",
        bars={"ACME": FLAT},
        settings=free(cash_rate=0.73, borrow_day_count=365),
        signals=[],
        trades=[],
        equity=[100_000, 100_200, 100_400.40],
        interest=400.40,
    ),
    Case(
        name="what_is_invested_earns_no_interest",
        rule="cash",
        bars={"ACME": FLAT},
        settings=free(cash_rate=0.36, commission_fixed=4.0),
        signals=[long("2025-06-02", weight=0.6)],
        # 100,000 - 60,000 - 4
        trades=[
            trade("e1", "ACME", "long", 600, "2025-06-02", 100.0, "2025-06-04", 100.0, "open",
                  commission=4.0),
        ],
        equity=[99_996, 99_996 + 39.996, 99_996 + 39.996 + 40.035996],
        cash=[39_996, 40_035.996, 40_076.031996],
        interest=39.996 + 40.035996,
    ),
    Case(
        name="cash_from_an_exit_within_the_session_earns_from_that_night_on",
        rule="cash",
        bars={
            "ACME": """
                2025-06-02 100 111  99 105
                2025-06-03 100 101  99 100
            """
        },
        settings=INTEREST,
        signals=[long("2025-06-02", weight=0.5, target=0.10)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-02", 110.0, "target",
                  gross=5000),
        ],
        equity=[105_000, 105_105],
        interest=105.0,
    ),
    Case(
        name="the_proceeds_of_a_short_earn_nothing",
        rule="cash",
        bars={
            "ACME": """
                2025-06-02 100 103  99 102
                2025-06-03 102 103  89  90
                2025-06-04  90  91  89  90
            """
        },
        settings=INTEREST,
        signals=[short("2025-06-02", weight=0.5)],
        # 150,000 less 500 at the close: 99,000, then 105,099
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-04", 90.0, "open",
                  gross=500 * 10),
        ],
        equity=[99_000, 105_000 + 99, 105_000 + 99 + 105.099],
        cash=[150_000, 150_099, 150_204.099],
        interest=99 + 105.099,
    ),
    Case(
        name="interest_is_of_the_cash_before_the_borrow_of_that_night",
        rule="cash",
        bars={"ACME": FLAT},
        settings=free(cash_rate=0.36, borrow_default=0.36),
        signals=[short("2025-06-02", weight=0.5)],
        # 51 a night for the loan; interest on 100,000, then on 100,049
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-04", 100.0, "open",
                  borrow=51 + 51),
        ],
        equity=[100_000, 100_000 - 51 + 100, 100_000 - 102 + 100 + 100.049],
        interest=100 + 100.049,
    ),
    Case(
        name="shorts_worth_more_than_the_cash_earn_and_cost_nothing",
        rule="cash",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 100 151  99 150
                2025-06-04 150 151 149 150
            """,
            "BOLT": """
                2025-06-02 100 101  99 100
                2025-06-03 100 141  99 140
                2025-06-04 140 141 139 140
            """,
        },
        settings=free(cash_rate=0.36, max_gross=2.0),
        signals=[short("2025-06-02", "ACME", weight=1.0), long("2025-06-02", "BOLT", weight=1.0)],
        # 100,000 in cash, which the short takes first all and then more
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-02", 100.0, "2025-06-04", 150.0, "open",
                  gross=-1000 * 50),
            trade("e2", "BOLT", "long", 1000, "2025-06-02", 100.0, "2025-06-04", 140.0, "open",
                  gross=1000 * 40),
        ],
        equity=[100_000, 90_000, 90_000],
        cash=[100_000, 100_000, 100_000],
        interest=0.0,
    ),
    Case(
        name="negative_cash_pays_no_interest",
        rule="cash",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 250 251 249 250
                2025-06-04 250 251 249 250
            """,
            "BOLT": """
                2025-06-02 100 101  99 100
                2025-06-03 300 301 299 300
                2025-06-04 300 301 299 300
            """,
        },
        settings=free(cash_rate=0.36, max_gross=2.0),
        signals=[
            short("2025-06-02", "ACME", weight=1.0, hold=1),
            long("2025-06-02", "BOLT", weight=1.0),
        ],
        # 100,000 less 250,000 for the short
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-02", 100.0, "2025-06-03", 250.0, "time",
                  gross=-1000 * 150),
            trade("e2", "BOLT", "long", 1000, "2025-06-02", 100.0, "2025-06-04", 300.0, "open",
                  gross=1000 * 200),
        ],
        equity=[100_000, 150_000, 150_000],
        cash=[100_000, -150_000, -150_000],
        interest=0.0,
    ),
    Case(
        name="an_entry_is_sized_with_the_interest_of_its_open",
        rule="size",
        bars={"ACME": FLAT},
        settings=INTEREST,
        signals=[long("2025-06-03", weight=1.0)],
        trades=[
            trade("e1", "ACME", "long", 1001, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_100, 100_100],
        cash=[100_000, 0, 0],
        interest=100.0,
    ),
    Case(
        name="interest_ends_with_ruin_at_a_close",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 150 212 149 210
                2025-06-04 100 101  99 100
                2025-06-05 100 101  99 100
            """
        },
        settings=INTEREST,
        signals=[short("2025-06-02")],
        # 950 at 210 are 199,500; covered at 100 leaves 100,100, which earns nothing any more
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-04", 100.0, "ruin"),
        ],
        equity=[100_000, 195_100 - 199_500, 100_100, 100_100],
        cash=[195_000, 195_100, 100_100, 100_100],
        interest=100.0,
    ),
    Case(
        name="interest_for_the_night_before_a_ruin_at_the_open_is_paid",
        rule="ruin",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 210 212 149 150
                2025-06-04 150 151 149 150
            """
        },
        settings=INTEREST,
        signals=[short("2025-06-02")],
        trades=[
            trade("e1", "ACME", "short", 950, "2025-06-02", 100.0, "2025-06-03", 210.0, "ruin",
                  gross=-950 * 110),
        ],
        equity=[100_000, 195_100 - 199_500, 195_100 - 199_500],
        interest=100.0,
    ),
    Case(
        name="interest_comes_every_session_of_any_symbol",
        rule="several symbols",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 100 101  89  90   # the last
            """,
            "BOLT": """
                2025-06-05 100 101  99 100
                2025-06-06 100 101  99 100
                2025-06-09 100 101  99 100   # Monday
            """,
        },
        settings=INTEREST,
        signals=[short("2025-06-02", "ACME", weight=0.5)],
        # 150,000 less 500 at 100, and from the 3rd on less 500 at 90; two days to the 5th
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 90.0, "open",
                  gross=500 * 10),
        ],
        equity=[
            100_000,
            105_100,
            105_100 * 1.002,
            105_100 * 1.002 * 1.001,
            105_100 * 1.002 * 1.001 * 1.003,
        ],
        interest=100 + 105_100 * (1.002 * 1.001 * 1.003 - 1),
    ),
    Case(
        name="chosen_costs_all_at_once",
        rule="cash",
        bars={
            "ACME": """
                2025-06-02 100 104  96 100 2000
                2025-06-03 100 103  97 100 1000
                2025-06-04 100 101  99 100 1000
            """
        },
        settings=free(
            commission_fixed=4.0, slippage_range=0.5, max_participation=0.1,
            borrow_mode="flat", borrow_default=0.36, cash_rate=0.36,
        ),
        borrow={"ACME": [("2025-06-01", 0.72)]},
        signals=[short("2025-06-03", weight=0.5, hold=1)],
        # 100 earned; 200 sold at 100 x 0.96, cash 119,296; 20.40 for the loan,
        # 99.296 earned on 119,296 - 20,000; bought at 100 x 1.03
        trades=[
            trade("e1", "ACME", "short", 200, "2025-06-03", 96.0, "2025-06-04", 103.0, "time",
                  gross=-200 * 7, commission=4.0 + 4.0, borrow=20.40),
        ],
        equity=[100_000, 119_296 - 20_000, 119_296 - 20.40 + 99.296 - 20_600 - 4],
        cash=[100_000, 119_296, 98_770.896],
        outcomes={"e1": "enter"},
        capped=frozenset({"e1"}),
        interest=100 + 99.296,
    ),
    Case(
        name="cash_earns_nothing_after_a_ruin_that_could_sell_nothing",
        rule="interest",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 100 110 100 110
                2025-06-05 105 105 105 105   # no bar in the session between
            """,
            "SPY": """
                2025-06-02  400  400 400 400
                2025-06-03  400  404 400 404
                2025-06-04 1500 1500 404 404
                2025-06-05  410  410 410 410
            """,
        },
        settings=free(cash_rate=0.36),
        signals=[long("2025-06-03", weight=0.4, legs=(("SPY", 1.0),))],
        # 100; 400 ACME and 100 SPY; 100,100 − 40,400 earn 59.70. At the open 100,159.70 + 44,000
        # − 150,000 are less than nothing; at the close all is well, but nothing earns any more.
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-05", 105.0, "ruin",
                  gross=400 * 5, hedge=100 * -10),
        ],
        equity=[100_000, 103_700, 103_759.7, 101_159.7],
        interest=159.7,
    ),
]
