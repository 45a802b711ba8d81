"""Stops and targets that are looked at in the close alone."""

from tests.spec.case import Case, free, long, short, trade

DAYS = {
    "ACME": """
        2025-06-02 100 100 100 100
        2025-06-03 100 105  80 100
        2025-06-04 100 101  88  90
        2025-06-05  70  75  70  72
    """
}
UP = {
    "ACME": """
        2025-06-02 100 100 100 100
        2025-06-03 100 130 100 120
        2025-06-04 115 118 100 108
        2025-06-05 130 130 130 130
    """
}

# fmt: off
CASES = [
    Case(
        name="a_stop_on_the_close_leaves_at_the_next_open_through_its_gap",
        rule="levels on the close",
        bars=DAYS,
        # 80 and 88 in the sessions are no matter; the close of 90 is at the level.
        signals=[long("2025-06-03", weight=0.5, stop=0.1, levels="close")],
        settings=free(slippage_bps=100.0),
        trades=[  # 50,000 ÷ 101 = 495.05; the stop is at 90.9
            trade("e1", "ACME", "long", 495, "2025-06-03", 101.0, "2025-06-05", 69.3, "stop",
                  gross=495 * (69.3 - 101)),
        ],
        equity=[100_000, 100_000 - 495, 100_000 - 495 * 11, 100_000 - 495 * 31.7],
    ),
    Case(
        name="a_close_that_equals_the_stop_has_passed_it",
        rule="levels on the close",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.5, stop=0.1, levels="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-05", 70.0, "stop",
                  gross=500 * -30),
        ],
        equity=[100_000, 100_000, 95_000, 85_000],
    ),
    Case(
        name="a_close_short_of_the_stop_has_not_passed_it",
        rule="levels on the close",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.5, stop=0.1001, levels="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-05", 72.0, "open",
                  gross=500 * -28),
        ],
        equity=[100_000, 100_000, 95_000, 86_000],
    ),
    Case(
        name="a_target_on_the_close_of_a_short",
        rule="levels on the close",
        bars=DAYS,
        signals=[short("2025-06-03", weight=0.5, target=0.1, levels="close")],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-05", 70.0, "target",
                  gross=500 * 30),
        ],
        equity=[100_000, 100_000, 105_000, 115_000],
    ),
    Case(
        name="a_trailing_stop_on_the_close_is_from_the_best_close_before",
        rule="levels on the close",
        bars=UP,
        # None in the entry session; then 120 − 10 % = 108, which the close equals.
        signals=[long("2025-06-03", weight=0.5, trailing_stop=0.1, levels="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-05", 130.0,
                  "trailing_stop", gross=500 * 30),
        ],
        equity=[100_000, 110_000, 104_000, 115_000],
    ),
    Case(
        name="after_a_level_was_passed_a_signal_at_that_open_enters_anew",
        rule="levels on the close",
        bars=UP,
        signals=[
            long("2025-06-03", weight=0.5, target=0.2, levels="close"),
            long("2025-06-04", weight=0.5),
        ],
        # The close of 120 equals the target: left at 115. 107,500 ÷ 2 ÷ 115 = 467.4
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 115.0, "target",
                  gross=500 * 15),
            trade("e2", "ACME", "long", 467, "2025-06-04", 115.0, "2025-06-05", 130.0, "open",
                  gross=467 * 15),
        ],
        equity=[100_000, 110_000, 107_500 - 467 * 7, 107_500 + 467 * 15],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="the_close_of_an_entry_passes_no_level",
        rule="levels on the close",
        bars=UP,
        # Bought at 121.20 for a close of 120; the stop is at 120.594.
        signals=[long("2025-06-03", weight=0.5, stop=0.005, enter="close", levels="close")],
        settings=free(slippage_bps=100.0),
        trades=[  # 50,000 ÷ 101 = 495.05; the close of 108 has passed it: 130 − 1 %
            trade("e1", "ACME", "long", 495, "2025-06-03", 121.2, "2025-06-05", 128.7, "stop",
                  gross=495 * 7.5),
        ],
        equity=[100_000, 100_000 - 495 * 1.2, 100_000 - 495 * 13.2, 100_000 + 495 * 7.5],
    ),
    Case(
        name="the_close_of_an_entry_below_its_stop_is_no_stop_at_the_next_open",
        rule="levels on the close",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 100 100 100 100
                2025-06-04 110 130 110 130
                2025-06-05 130 130 130 130
            """
        },
        signals=[long("2025-06-03", weight=0.5, stop=0.005, enter="close", levels="close")],
        settings=free(slippage_bps=100.0),
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-03", 101.0, "2025-06-05", 130.0, "open",
                  gross=495 * 29),
        ],
        equity=[100_000, 100_000 - 495, 100_000 + 495 * 29, 100_000 + 495 * 29],
    ),
    Case(
        name="what_has_passed_a_level_waits_through_a_halt",
        rule="levels on the close",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 100 100  90  90
                2025-06-05 120 120 120 120
            """,
            "BOLT": """
                2025-06-02 50 50 50 50
                2025-06-03 50 50 50 50
                2025-06-04 50 50 50 50
                2025-06-05 50 50 50 50
            """,
        },
        signals=[long("2025-06-03", weight=0.5, stop=0.1, levels="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-05", 120.0, "stop",
                  gross=500 * 20),
        ],
        equity=[100_000, 95_000, 95_000, 110_000],
        cash=[100_000, 50_000, 50_000, 110_000],
    ),
    Case(
        name="a_session_without_a_bar_has_no_close_that_passes_a_level",
        rule="levels on the close",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 100 120 100 120
                2025-06-05 107 107 107 107
                2025-06-06 100 100 100 100
            """,
            "BOLT": """
                2025-06-02 50 50 50 50
                2025-06-03 50 50 50 50
                2025-06-04 50 50 50 50
                2025-06-05 50 50 50 50
                2025-06-06 50 50 50 50
            """,
        },
        # The trailing stop is at 108 from the close of 120 on; the first close below it is 107.
        signals=[long("2025-06-03", weight=0.5, trailing_stop=0.1, levels="close")],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-06", 100.0,
                  "trailing_stop"),
        ],
        equity=[100_000, 110_000, 110_000, 103_500, 100_000],
    ),
]
