"""Runs by bars: an entry at a limit waits on through the bars of its session."""

from tests.spec.case import Case, extended, flat, free, long, short, trade

# A limit two percent below the first close is at 98, which is touched at 09:45.
LATE = {
    "ACME": """
        2025-06-03 09:30 100 100 100 100
        2025-06-03 09:35 101 102  99 100
        2025-06-03 09:40 100 100  99 100
        2025-06-03 09:45  99  99  97  98
        2025-06-03 09:50  99  99  99  99
    """
}
BESIDE = {
    "BOLT": """
        2025-06-03 09:30  50  50  50  50
        2025-06-03 09:35  50  50  50  50
        2025-06-03 09:40  50  50  50  50
        2025-06-03 09:45  50  50  50  50
    """
}

# fmt: off
CASES = [
    Case(
        name="a_limit_that_waits_is_filled_at_a_better_open",
        rule="limit",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 101 102  99 100
            2025-06-03 09:40  97  97  90  96
        """},
        # 49,000 ÷ 98; five percent below 97 are 92.15.
        signals=[long("2025-06-03 09:35", weight=0.49, limit=0.02, stop=0.05)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:40", 97.0, "2025-06-03 09:40", 92.15,
                  "stop", gross=500 * -4.85),
        ],
        equity=[97_575],
    ),
    Case(
        name="a_limit_that_waits_is_filled_at_it_and_stopped_in_that_bar",
        rule="limit",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 101 102  99 100
            2025-06-03 09:40  99  99  90  96
        """},
        signals=[long("2025-06-03 09:35", weight=0.49, limit=0.02, stop=0.05)],
        trades=[  # five percent below 98
            trade("e1", "ACME", "long", 500, "2025-06-03 09:40", 98.0, "2025-06-03 09:40", 93.1,
                  "stop", gross=500 * -4.9),
        ],
        equity=[97_550],
    ),
    Case(
        name="a_short_waits_for_its_limit_too",
        rule="limit",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 100 101  99 100
            2025-06-03 09:40 103 104  99 100
        """},
        signals=[short("2025-06-03 09:35", weight=0.51, limit=0.02)],
        trades=[  # 51,000 ÷ 102
            trade("e1", "ACME", "short", 500, "2025-06-03 09:40", 103.0, "2025-06-03 09:40", 100.0,
                  "open", gross=500 * 3.0),
        ],
        equity=[101_500],
    ),
    Case(
        name="bars_count_from_the_one_in_which_a_limit_is_filled",
        rule="limit",
        bars={},
        finer=LATE,
        signals=[long("2025-06-03 09:35", weight=0.49, limit=0.02, hold_bars=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:45", 98.0, "2025-06-03 09:50", 99.0,
                  "time", gross=500.0),
        ],
        equity=[100_500],
    ),
    Case(
        name="the_clock_is_looked_at_after_the_bar_in_which_a_limit_is_filled",
        rule="limit",
        bars={},
        finer=LATE,
        signals=[long("2025-06-03 09:35", weight=0.49, limit=0.02, leave_at="09:40")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 09:45", 98.0, "2025-06-03 09:50", 99.0,
                  "time", gross=500.0),
        ],
        equity=[100_500],
    ),
    Case(
        name="a_limit_lapses_with_its_session",
        rule="limit",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 101 102  99 100
            2025-06-03 15:55 101 102  99 100
            2025-06-04 09:30 100 100  90  96
        """},
        signals=[long("2025-06-03 09:35", weight=0.49, limit=0.02)],
        trades=[],
        equity=[100_000, 100_000],
        outcomes={"e1": "not_filled"},
    ),
    Case(
        name="a_limit_is_sized_once",
        rule="limit",
        bars={},
        finer={**LATE, "BOLT": """
            2025-06-03 09:30  50  50  50  50
            2025-06-03 09:35  50  50  50  50
            2025-06-03 09:40  60  60  60  60
            2025-06-03 09:45  60  60  60  60
        """},
        signals=[
            long("2025-06-03 09:30", "BOLT", weight=0.5),
            long("2025-06-03 09:35", weight=0.49, limit=0.02),
        ],
        trades=[
            trade("e1", "BOLT", "long", 1000, "2025-06-03 09:30", 50.0, "2025-06-03 09:45", 60.0,
                  "open", gross=10_000.0),
            trade("e2", "ACME", "long", 500, "2025-06-03 09:45", 98.0, "2025-06-03 09:50", 99.0,
                  "open", gross=500.0),
        ],
        equity=[110_500],
    ),
    Case(
        name="a_limit_that_waits_takes_up_room",
        rule="limit",
        bars={},
        finer={**LATE, **BESIDE},
        signals=[
            long("2025-06-03 09:35", weight=0.49, limit=0.02),
            long("2025-06-03 09:40", "BOLT", weight=1.0),
        ],
        trades=[  # 51,000 ÷ 50 are left
            trade("e2", "BOLT", "long", 1020, "2025-06-03 09:40", 50.0, "2025-06-03 09:45", 50.0,
                  "open"),
            trade("e1", "ACME", "long", 500, "2025-06-03 09:45", 98.0, "2025-06-03 09:50", 99.0,
                  "open", gross=500.0),
        ],
        equity=[100_500],
    ),
    Case(
        name="what_a_limit_that_waits_would_cost_is_set_aside",
        rule="limit",
        bars={},
        finer={**LATE, **BESIDE},
        signals=[
            long("2025-06-03 09:35", weight=1.0, limit=0.02),
            long("2025-06-03 09:40", "BOLT", weight=0.5),
        ],
        settings=free(max_gross=2.0, commission_fixed=50.0, commission_max=1.0),
        # 1,019 at 98 and 50 leave 88; one of BOLT would be 50 and 50.
        trades=[
            trade("e1", "ACME", "long", 1019, "2025-06-03 09:45", 98.0, "2025-06-03 09:50", 99.0,
                  "open", gross=1_019.0, commission=50.0),
        ],
        equity=[100_969],
        outcomes={"e1": "enter", "e2": "no_room"},
    ),
    Case(
        name="a_limit_that_waits_takes_a_seat_until_a_newer_signal_ends_it",
        rule="limit",
        bars={},
        finer={**LATE, **BESIDE},
        signals=[
            long("2025-06-03 09:35", weight=0.49, limit=0.02),
            long("2025-06-03 09:40", "BOLT", weight=0.5),
            flat("2025-06-03 09:45"),
            long("2025-06-03 09:45", "BOLT", weight=0.5),
        ],
        settings=free(max_positions=1),
        trades=[
            trade("e4", "BOLT", "long", 1000, "2025-06-03 09:45", 50.0, "2025-06-03 09:45", 50.0,
                  "open"),
        ],
        equity=[100_000],
        outcomes={"e1": "superseded", "e2": "no_room", "e3": "nothing_held", "e4": "enter"},
    ),
    Case(
        name="a_newer_signal_ends_a_limit_that_waits_and_is_served",
        rule="limit",
        bars={},
        finer=LATE,
        signals=[
            long("2025-06-03 09:35", weight=0.49, limit=0.02),
            short("2025-06-03 09:40", weight=0.5),
        ],
        trades=[
            trade("e2", "ACME", "short", 500, "2025-06-03 09:40", 100.0, "2025-06-03 09:50", 99.0,
                  "open", gross=500.0),
        ],
        equity=[100_500],
        outcomes={"e1": "superseded", "e2": "enter"},
    ),
    Case(
        name="a_newer_limit_takes_the_place_of_the_one_that_waits",
        rule="limit",
        bars={},
        finer=LATE,
        signals=[
            long("2025-06-03 09:35", weight=0.49, limit=0.02),
            long("2025-06-03 09:40", weight=0.485, limit=0.03),
        ],
        trades=[  # 48,500 ÷ 97
            trade("e2", "ACME", "long", 500, "2025-06-03 09:45", 97.0, "2025-06-03 09:50", 99.0,
                  "open", gross=1_000.0),
        ],
        equity=[101_000],
        outcomes={"e1": "superseded", "e2": "enter"},
    ),
    Case(
        name="what_is_for_the_close_finds_a_limit_filled_in_the_last_bar",
        rule="limit",
        bars={},
        finer={"ACME": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 101 102  99 100
            2025-06-03 15:55  99  99  97  98.5
        """},
        signals=[
            long("2025-06-03 09:35", weight=0.49, limit=0.02),
            flat("2025-06-03 15:55", leave="close"),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03 15:55", 98.0, "2025-06-03 15:55", 98.5,
                  "signal", gross=250.0),
        ],
        equity=[100_250],
        outcomes={"e1": "enter", "e2": "leave"},
    ),
    Case(
        name="after_the_last_bar_of_its_stock_a_limit_sets_nothing_aside",
        rule="limit",
        bars={},
        finer={
            "ACME": """
                2025-06-03 09:35 100 100 100 100
                2025-06-03 09:40 101 102  99 100
                2025-06-03 15:50 101 102  99 100
            """,
            "BOLT": """
                2025-06-03 15:50  50  50  50  50
                2025-06-03 15:55  50  50  50  50
            """,
        },
        signals=[
            long("2025-06-03 09:40", weight=0.49, limit=0.02),
            long("2025-06-03 15:55", "BOLT", weight=1.0),
        ],
        trades=[
            trade("e2", "BOLT", "long", 2000, "2025-06-03 15:55", 50.0, "2025-06-03 15:55", 50.0,
                  "open"),
        ],
        equity=[100_000],
        outcomes={"e1": "not_filled", "e2": "enter"},
    ),
    Case(
        name="ruin_ends_a_limit_that_waits",
        rule="limit",
        bars={},
        finer={**LATE, "BOLT": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:40 190 205 190 205  # 200,000 − 205,000
            2025-06-03 09:45 190 190 120 120
        """},
        signals=[
            short("2025-06-03 09:30", "BOLT", weight=1.0),
            long("2025-06-03 09:35", weight=0.49, limit=0.02),
        ],
        settings=free(max_gross=2.0, maintenance_margin=0.0),
        trades=[
            trade("e1", "BOLT", "short", 1000, "2025-06-03 09:30", 100.0, "2025-06-03 09:45", 190.0,
                  "ruin", gross=-90_000.0),
        ],
        equity=[10_000],
        outcomes={"e1": "enter", "e2": "not_filled"},
    ),
]

# From Friday evening into Monday's session, where 98 is touched at 08:00.
WEEKEND = {
    "ACME": """
        2025-06-06 15:55 100 100 100 100
        2025-06-06 16:10 101 102  99 100
        2025-06-09 08:00  99  99  90  91
        2025-06-09 09:30  95  96  94  95
        2025-06-09 15:55  97  97  97  97
    """
}

CASES += [
    Case(
        name="a_limit_waits_over_the_night_of_its_session",
        rule="limit",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 16:10", weight=0.49, limit=0.02, stop=0.05, hold=0)],
        settings=extended(cash_rate=0.36),
        trades=[  # the stop of 93.1 does not watch the bar of 08:00
            trade("e1", "ACME", "long", 500, "2025-06-09 08:00", 98.0, "2025-06-09 15:55", 97.0,
                  "time", gross=-500.0),
        ],
        equity=[100_000, 100_300 - 500],
        interest=300.0,  # three thousandths: nothing is paid for yet
    ),
    Case(
        name="a_limit_of_the_last_regular_bar_lapses_with_it",
        rule="limit",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 15:55", weight=0.49, limit=0.02)],
        settings=extended(),
        trades=[],
        equity=[100_000, 100_000],
        outcomes={"e1": "not_filled"},
    ),
    Case(
        name="a_dividend_ends_a_limit_that_waits",
        rule="limit",
        bars={},
        finer=WEEKEND,
        actions={"ACME": [("2025-06-09", "dividend", 1.0)]},
        signals=[long("2025-06-06 16:10", weight=0.49, limit=0.02)],
        settings=extended(),
        trades=[],
        equity=[100_000, 100_000],
        outcomes={"e1": "not_filled"},
    ),
    Case(
        name="a_split_ends_a_limit_that_waits",
        rule="limit",
        bars={},
        finer=WEEKEND,
        actions={"ACME": [("2025-06-07", "split", 2.0)]},
        signals=[
            short("2025-06-06 16:10", weight=0.49, limit=0.03),
            long("2025-06-09 09:30", weight=0.5),
        ],
        settings=extended(max_positions=1),
        trades=[  # 50,000 ÷ 95
            trade("e2", "ACME", "long", 526, "2025-06-09 09:30", 95.0, "2025-06-09 15:55", 97.0,
                  "open", gross=1_052.0),
        ],
        equity=[100_000, 101_052],
        outcomes={"e1": "not_filled", "e2": "enter"},
    ),
]
