"""Runs by bars of extended hours: what happens at night, margin, and which bars a run has."""

from tests.spec.case import Case, extended, flat, long, short, trade

WEEKEND = {
    "ACME": """
        2025-06-06 15:55 100 100 100 100
        2025-06-06 16:10 102 103 101 103
        2025-06-09 08:00 105 105 105 105
        2025-06-09 09:30 104 105 103 104
    """
}
# A thousandth a day.
LENT = {"borrow_default": 0.36, "borrow_collateral": 1.0}

# fmt: off
CASES = [
    Case(
        name="a_short_entered_after_hours_owes_the_weekend_by_the_close_of_its_bar",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[short("2025-06-06 16:10", weight=0.51), flat("2025-06-09 08:00")],
        settings=extended(**LENT),
        trades=[  # three days on 500 × 103
            trade("e1", "ACME", "short", 500, "2025-06-06 16:10", 102.0, "2025-06-09 08:00", 105.0,
                  "signal", gross=500 * (102 - 105), borrow=154.5),
        ],
        equity=[100_000, 98_500 - 154.5],
    ),
    Case(
        name="a_short_over_all_of_the_bars_of_a_night_pays_once",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        borrow={"ACME": [("2025-06-06", 0.72), ("2025-06-08", 0.36)]},
        signals=[short("2025-06-06 15:55", weight=0.5)],
        settings=extended(**LENT),
        trades=[  # at the rate of Friday
            trade("e1", "ACME", "short", 500, "2025-06-06 15:55", 100.0, "2025-06-09 09:30", 104.0,
                  "open", gross=500 * (100 - 104), borrow=309.0),
        ],
        equity=[100_000, 98_000 - 309],
    ),
    Case(
        name="a_short_covered_after_hours_owes_no_night",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[short("2025-06-06 15:55", weight=0.5, hold_bars=1)],
        settings=extended(**LENT),
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-06 15:55", 100.0, "2025-06-06 16:10", 102.0,
                  "time", gross=500 * (100 - 102)),
        ],
        equity=[100_000, 99_000],
    ),
    Case(
        name="interest_of_a_weekend_comes_before_the_open",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        # What is sized at 08:00 is of 100,300.
        signals=[long("2025-06-09 08:00", weight=1.0)],
        settings=extended(cash_rate=0.36),
        trades=[  # 100,300 ÷ 105 = 955.2
            trade("e1", "ACME", "long", 955, "2025-06-09 08:00", 105.0, "2025-06-09 09:30", 104.0,
                  "open", gross=-955.0),
        ],
        equity=[100_000, 100_300 - 955],
        interest=300.0,
    ),
    Case(
        name="interest_is_not_of_what_was_spent_after_hours",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 16:10", weight=0.51)],
        settings=extended(cash_rate=0.36),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 102.0, "2025-06-09 09:30", 104.0,
                  "open", gross=1_000.0),
        ],
        equity=[100_000, 101_000 + 147],
        interest=147.0,  # three thousandths of 49,000
    ),
    Case(
        name="bought_after_hours_before_its_ex_date_it_gets_the_dividend_before_the_open",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        actions={"ACME": [("2025-06-09", "dividend", 2.0)]},
        signals=[long("2025-06-06 16:10", weight=0.51), flat("2025-06-09 08:00")],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06 16:10", 102.0, "2025-06-09 08:00", 105.0,
                  "signal", gross=500 * (105 - 102), dividends=1_000.0),
        ],
        equity=[100_000, 102_500],
    ),
    Case(
        name="bought_after_hours_before_the_first_session_it_is_split_and_paid_in_it",
        rule="extended hours",
        bars={},
        finer={
            "ACME": """
                2025-06-06 16:10 102 103 101 103
                2025-06-09 08:00 52.5 52.5 52.5 52.5
                2025-06-09 09:30 52 52.5 51.5 52
            """,
            "BOLT": """
                2025-06-06 15:55 10 10 10 10
                2025-06-09 09:30 10 10 10 10
            """,
        },
        actions={"ACME": [("2025-06-09", "split", 2.0), ("2025-06-09", "dividend", 1.0)]},
        signals=[long("2025-06-06 16:10", weight=0.51), flat("2025-06-09 08:00")],
        settings=extended(),
        trades=[  # 500 at 102 are 1,000 at 51
            trade("e1", "ACME", "long", 1_000, "2025-06-06 16:10", 51.0, "2025-06-09 08:00", 52.5,
                  "signal", gross=1_000 * (52.5 - 51), dividends=1_000.0),
        ],
        equity=[100_000, 102_500],
    ),
    Case(
        name="left_after_hours_before_its_ex_date_it_gets_no_dividend",
        rule="extended hours",
        bars={},
        finer=WEEKEND,
        actions={"ACME": [("2025-06-09", "dividend", 2.0)]},
        signals=[
            long("2025-06-06 15:55", weight=0.5, hold_bars=1),
            long("2025-06-09 08:00", weight=0.525),  # too late
        ],
        settings=extended(),
        trades=[  # 101,000 × 0.525 ÷ 105
            trade("e1", "ACME", "long", 500, "2025-06-06 15:55", 100.0, "2025-06-06 16:10", 102.0,
                  "time", gross=500 * (102 - 100)),
            trade("e2", "ACME", "long", 505, "2025-06-09 08:00", 105.0, "2025-06-09 09:30", 104.0,
                  "open", gross=-505.0),
        ],
        equity=[100_000, 101_000 - 505],
    ),
    Case(
        name="after_hours_a_stock_trades_before_the_split_of_the_next_session",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100 10
            2025-06-06 16:10 102 104 100 104 10
            2025-06-09 08:00  50  51  49  50 50
            2025-06-09 09:30  48  49  47  48 10
        """},
        actions={"ACME": [("2025-06-09", "split", 2.0)]},
        # 51,000 ÷ 102; the stop of 96.9 stands at 48.45.
        signals=[long("2025-06-06 16:10", weight=0.51, stop=0.05)],
        settings=extended(),
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-06 16:10", 51.0, "2025-06-09 09:30", 48.0,
                  "stop", gross=1000 * (48 - 51)),
        ],
        equity=[100_000, 97_000],
    ),
    Case(
        # 19:30 in winter is after midnight by UTC.
        name="late_in_the_evening_it_is_still_the_day_before_the_ex_date",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-12-02 15:55 100 100 100 100
            2025-12-02 19:30 102 102 102 102
            2025-12-02 19:55 103 103 103 103
            2025-12-02 20:00  50  50  50  50  # too late
            2025-12-03 04:00 101 101 101 101
            2025-12-03 09:30 104 104 104 104
        """},
        actions={"ACME": [("2025-12-03", "dividend", 2.0)]},
        signals=[
            long("2025-12-02 15:55", weight=0.5, hold_bars=1),
            short("2025-12-02 19:55", weight=0.515, hold_bars=1),
        ],
        settings=extended(**LENT),
        # 101,000 × 0.515 ÷ 103 = 505, short of them for one night.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-12-02 15:55", 100.0, "2025-12-02 19:30", 102.0,
                  "time", gross=500 * (102 - 100)),
            trade("e2", "ACME", "short", 505, "2025-12-02 19:55", 103.0, "2025-12-03 04:00", 101.0,
                  "time", gross=505 * (103 - 101), borrow=505 * 0.103, dividends=-1_010.0),
        ],
        equity=[100_000, 101_000 + 1_010 - 1_010 - 505 * 0.103],
    ),
    Case(
        name="a_margin_call_of_a_close_before_the_open_covers_at_the_next_bar",
        rule="extended hours",
        bars={},
        # 1,000 short at 100: at 160 the equity is 40,000, less than 0.3 × 160,000 = 48,000.
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100
            2025-06-09 08:00 150 160 150 160
            2025-06-09 08:05 155 156 120 120
            2025-06-09 09:30 120 120 120 120
        """},
        signals=[short("2025-06-06 15:55", weight=1.0)],
        settings=extended(extended_slippage_bps=100.0),
        trades=[  # 155 and one percent
            trade("e1", "ACME", "short", 1000, "2025-06-06 15:55", 100.0, "2025-06-09 08:05",
                  156.55, "margin_call", gross=1000 * (100 - 156.55)),
        ],
        equity=[100_000, 43_450],
    ),
    Case(
        name="ruin_after_hours_ends_the_trading_before_the_open",
        rule="extended hours",
        bars={},
        finer={"ACME": """
            2025-06-06 15:55 100 100 100 100
            2025-06-06 16:10 150 210 150 205  # 100,000 − 1,000 × 105 is below zero
            2025-06-09 08:00 190 191 120 120
            2025-06-09 09:30 120 120 120 120
        """},
        signals=[short("2025-06-06 15:55", weight=1.0), long("2025-06-09 09:30", weight=0.5)],
        settings=extended(maintenance_margin=0.0),
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-06 15:55", 100.0, "2025-06-09 08:00", 190.0,
                  "ruin", gross=1000 * (100 - 190)),
        ],
        equity=[100_000, 10_000],
        outcomes={"e1": "enter", "e2": "ruined"},
    ),
    Case(
        name="a_stock_that_ends_is_settled_at_its_last_regular_close",
        rule="extended hours",
        bars={},
        finer={
            "ACME": """
                2025-06-06 15:55 100 100 100 100
                2025-06-06 16:10 102 102 102 102  # of a session in which it is gone
            """,
            "BOLT": """
                2025-06-06 15:55  50  50  50  50
                2025-06-06 16:10  50  50  50  50
                2025-06-09 09:30  50  50  50  50
            """,
        },
        actions={"ACME": [("2025-06-09", "cash_merger", 110.0)]},
        signals=[
            long("2025-06-06 15:55", weight=0.5),
            long("2025-06-06 16:10", "BOLT", weight=1.0),
        ],
        settings=extended(),
        trades=[  # 105,000 ÷ 50
            trade("e1", "ACME", "long", 500, "2025-06-06 15:55", 100.0, "2025-06-06 15:55", 110.0,
                  "merger", gross=5_000.0),
            trade("e2", "BOLT", "long", 2100, "2025-06-06 16:10", 50.0, "2025-06-09 09:30", 50.0,
                  "open"),
        ],
        equity=[105_000, 105_000],
    ),
]
