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

# Two percent below the close of 100 is touched at 16:15, on Monday at 08:00.
WEEKEND = {
    "ACME": """
        2025-06-06 15:50 100 100 100 100
        2025-06-06 15:55 100 100 100 100
        2025-06-06 16:10 101 102  99 100
        2025-06-06 16:15  99 100  97 100
        2025-06-09 08:00  99 100  90 100
        2025-06-09 08:05 101 101  99 100
        2025-06-09 09:30  99 100  97 100
        2025-06-09 15:55  96  97  95  96
    """
}

CASES += [
    Case(
        name="a_limit_waits_through_the_evening",
        rule="limit",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 16:10", weight=0.49, limit=0.02, stop=0.01, hold=0)],
        settings=extended(),
        trades=[  # the stop of 97.02 does not watch outside of hours; touched at 09:30
            trade("e1", "ACME", "long", 500, "2025-06-06 16:15", 98.0, "2025-06-09 09:30", 97.02,
                  "stop", gross=500 * -0.98),
        ],
        equity=[100_000, 99_510],
    ),
    Case(
        name="a_limit_of_the_evening_lapses_with_its_day",
        rule="limit",
        bars={},
        finer=WEEKEND,
        signals=[
            long("2025-06-06 16:10", weight=0.48, limit=0.04),  # 96 is touched at 08:00
            long("2025-06-09 08:05", weight=0.5, hold_bars=1),
        ],
        settings=extended(max_positions=1, cash_rate=0.36),
        trades=[  # 100,300 × 0.5 ÷ 101 = 496.5
            trade("e2", "ACME", "long", 496, "2025-06-09 08:05", 101.0, "2025-06-09 09:30", 99.0,
                  "time", gross=496 * -2.0),
        ],
        equity=[100_000, 100_300 - 992],
        outcomes={"e1": "not_filled", "e2": "enter"},
        interest=300.0,
    ),
    Case(
        name="a_limit_before_the_open_waits_into_regular_hours",
        rule="limit",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-09 08:05", weight=0.49, limit=0.02, stop=0.01)],
        settings=extended(),
        trades=[  # filled at 09:30, whose low of 97 touches the stop of 97.02
            trade("e1", "ACME", "long", 500, "2025-06-09 09:30", 98.0, "2025-06-09 09:30", 97.02,
                  "stop", gross=500 * -0.98),
        ],
        equity=[100_000, 99_510],
    ),
    Case(
        name="a_limit_of_the_last_regular_bar_lapses_with_it",
        rule="limit",
        bars={},
        finer=WEEKEND,
        signals=[long("2025-06-06 15:55", weight=0.49, limit=0.005)],
        settings=extended(),
        trades=[],
        equity=[100_000, 100_000],
        outcomes={"e1": "not_filled"},
    ),
    Case(
        name="none_waits_on_where_the_cash_no_longer_pays_for_all",
        rule="limit",
        bars={},
        finer={**LATE, "BOLT": """
            2025-06-03 09:30 100 100 100 100
            2025-06-03 09:35 100 100 100 100
            2025-06-03 09:40 150 150 150 150
            2025-06-03 09:45 150 150 150 150
        """},
        # 1,530 of ACME at 98 are 149,940. After 500 of BOLT are covered at 150 there are 75,000.
        signals=[
            short("2025-06-03 09:30", "BOLT", weight=0.5),
            long("2025-06-03 09:35", weight=1.5, limit=0.02),
            flat("2025-06-03 09:40", "BOLT"),
        ],
        settings=free(max_gross=2.0),
        trades=[
            trade("e1", "BOLT", "short", 500, "2025-06-03 09:30", 100.0, "2025-06-03 09:40", 150.0,
                  "signal", gross=-25_000.0),
        ],
        equity=[75_000],
        outcomes={"e1": "enter", "e2": "not_filled", "e3": "leave"},
    ),
]
