"""Several signals at one open, and signals after a trade is over."""

from tests.spec.case import Case, long, short, trade

CALM = {
    "ACME": """
        2025-06-02 100 102  99 100
        2025-06-03 100 103  98 102
        2025-06-04 104 106 103 105
    """
}

# fmt: off
CASES = [
    Case(
        name="of_two_signals_at_one_open_the_later_published_acts",
        rule="several signals at one open",
        bars=CALM,
        signals=[long("2025-06-03", weight=0.5), short("2025-06-03", weight=0.25)],
        trades=[
            trade("e2", "ACME", "short", 250, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=250 * (100 - 105)),
        ],
        equity=[100_000, 100_000 - 250 * 2, 100_000 - 250 * 5],
        outcomes={"e1": "superseded", "e2": "enter"},
    ),
    Case(
        name="publication_decides_not_the_order_of_the_list",
        rule="several signals at one open",
        bars=CALM,
        signals=[
            long("2025-06-03", weight=0.5, published_at=7, event_id="late"),
            short("2025-06-03", weight=0.25, published_at=3, event_id="early"),
        ],
        trades=[
            trade("late", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=500 * (105 - 100)),
        ],
        equity=[100_000, 100_000 + 500 * 2, 100_000 + 500 * 5],
        outcomes={"early": "superseded", "late": "enter"},
    ),
    Case(
        name="published_at_the_same_time_the_last_event_id_acts",
        rule="several signals at one open",
        bars=CALM,
        signals=[
            long("2025-06-03", weight=0.5, published_at=5, event_id="b"),
            short("2025-06-03", weight=0.25, published_at=5, event_id="a"),
        ],
        trades=[
            trade("b", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=500 * (105 - 100)),
        ],
        equity=[100_000, 100_000 + 500 * 2, 100_000 + 500 * 5],
        outcomes={"a": "superseded", "b": "enter"},
    ),
    Case(
        name="of_three_signals_at_one_open_two_are_superseded",
        rule="several signals at one open",
        bars=CALM,
        signals=[
            short("2025-06-03", weight=0.5),
            short("2025-06-03", weight=0.4),
            long("2025-06-03", weight=0.3),
        ],
        trades=[
            trade("e3", "ACME", "long", 300, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=300 * (105 - 100)),
        ],
        equity=[100_000, 100_000 + 300 * 2, 100_000 + 300 * 5],
        outcomes={"e1": "superseded", "e2": "superseded", "e3": "enter"},
    ),
    Case(
        name="a_superseded_reversal_does_not_happen",
        rule="several signals at one open",
        bars=CALM,
        signals=[
            long("2025-06-02", weight=0.5, hold=1),
            short("2025-06-03", weight=0.5),
            long("2025-06-03", weight=0.5, hold=1),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 104.0, "time",
                  gross=500 * (104 - 100)),
        ],
        equity=[100_000, 100_000 + 500 * 2, 102_000],
        outcomes={"e1": "enter", "e2": "superseded", "e3": "renew"},
    ),
    Case(
        name="a_superseded_renewal_leaves_no_stop_behind",
        rule="several signals at one open",
        bars=CALM,
        signals=[
            long("2025-06-02", weight=0.5),
            long("2025-06-03", stop=0.01),
            long("2025-06-03"),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 105.0, "open",
                  gross=500 * (105 - 100)),
        ],
        equity=[100_000, 100_000 + 500 * 2, 100_000 + 500 * 5],
        outcomes={"e1": "enter", "e2": "superseded", "e3": "renew"},
    ),
    Case(
        name="the_last_signal_acts_even_if_it_finds_no_room",
        rule="several signals at one open",
        bars=CALM,
        signals=[long("2025-06-03", weight=0.5), long("2025-06-03", weight=0.0005)],
        trades=[],
        equity=[100_000, 100_000, 100_000],
        outcomes={"e1": "superseded", "e2": "no_room"},
    ),
    Case(
        name="a_new_signal_enters_again_after_a_stop",
        rule="entry",
        bars={
            "ACME": """
                2025-06-02 100 102  89  95
                2025-06-03  95  96  94  95
                2025-06-04  95  98  94  97
            """
        },
        signals=[long("2025-06-02", weight=0.5, stop=0.1), long("2025-06-03", weight=0.5)],
        # 500 x -10: 95,000 x 0.5 / 95 = 500
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-02", 90.0, "stop",
                  gross=500 * (90 - 100)),
            trade("e2", "ACME", "long", 500, "2025-06-03", 95.0, "2025-06-04", 97.0, "open",
                  gross=500 * (97 - 95)),
        ],
        equity=[95_000, 95_000, 95_000 + 500 * 2],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="a_new_signal_enters_again_after_a_time_exit",
        rule="entry",
        bars={
            "ACME": """
                2025-06-02 100 102  99 100
                2025-06-03 100 103  98 102
                2025-06-04 100 106  99 105
            """
        },
        signals=[long("2025-06-02", weight=0.5, hold=1), short("2025-06-04", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "time"),
            trade("e2", "ACME", "short", 500, "2025-06-04", 100.0, "2025-06-04", 105.0, "open",
                  gross=500 * (100 - 105)),
        ],
        equity=[100_000, 100_000, 100_000 - 500 * 5],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
]
