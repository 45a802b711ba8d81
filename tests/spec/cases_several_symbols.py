"""Several symbols in one account: room, order of service, different spans."""

from tests.spec.case import Case, free, long, short, trade

FLAT = """
    2025-06-02 100 101  99 100
    2025-06-03 100 101  99 100
    2025-06-04 100 101  99 100
"""
TWO = {"ACME": FLAT, "BOLT": FLAT}

# fmt: off
CASES = [
    Case(
        name="two_symbols_share_one_account",
        rule="several symbols",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 101 105 100 104
            """,
            "BOLT": """
                2025-06-02  50  51  48  49
                2025-06-03  49  50  46  47
            """,
        },
        signals=[long("2025-06-02", "ACME", weight=0.5), short("2025-06-02", "BOLT", weight=0.5)],
        # both are sized on 100,000
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 104.0, "open",
                  gross=500 * (104 - 100)),
            trade("e2", "BOLT", "short", 1000, "2025-06-02", 50.0, "2025-06-03", 47.0, "open",
                  gross=1000 * (50 - 47)),
        ],
        equity=[100_000 + 500 * 1 + 1000 * 1, 100_000 + 500 * 4 + 1000 * 3],
        cash=[100_000, 100_000],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="the_second_of_two_longs_gets_what_room_is_left",
        rule="several symbols",
        bars=TWO,
        signals=[long("2025-06-03", "ACME", weight=0.6), long("2025-06-03", "BOLT", weight=0.6)],
        trades=[
            trade("e1", "ACME", "long", 600, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
            trade("e2", "BOLT", "long", 400, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
        cash=[100_000, 0, 0],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="the_second_of_two_shorts_gets_what_room_is_left",
        rule="several symbols",
        bars=TWO,
        settings=free(slippage_bps=100.0),
        signals=[short("2025-06-03", "ACME", weight=0.5), short("2025-06-03", "BOLT", weight=0.6)],
        # 505 at the fill of 99 take 49,995, not 50,500: 50,005 / 99 = 505.1
        trades=[
            trade("e1", "ACME", "short", 505, "2025-06-03", 99.0, "2025-06-04", 100.0, "open",
                  gross=-505),
            trade("e2", "BOLT", "short", 505, "2025-06-03", 99.0, "2025-06-04", 100.0, "open",
                  gross=-505),
        ],
        equity=[100_000, 100_000 - 1010, 100_000 - 1010],
    ),
    Case(
        name="a_third_symbol_finds_no_room",
        rule="several symbols",
        bars={"ACME": FLAT, "BOLT": FLAT, "COIL": FLAT},
        signals=[
            long("2025-06-03", "COIL", weight=0.5),
            short("2025-06-03", "BOLT", weight=0.5),
            long("2025-06-03", "ACME", weight=0.5),
        ],
        # the short brings cash but no room
        trades=[
            trade("e1", "COIL", "long", 500, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
            trade("e2", "BOLT", "short", 500, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
        cash=[100_000, 100_000, 100_000],
        outcomes={"e1": "enter", "e2": "enter", "e3": "no_room"},
    ),
    Case(
        name="served_by_publication_before_symbol",
        rule="several symbols",
        bars=TWO,
        signals=[
            long("2025-06-03", "ACME", weight=0.6, published_at=2),
            long("2025-06-03", "BOLT", weight=0.6, published_at=1),
        ],
        trades=[
            trade("e2", "BOLT", "long", 600, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
            trade("e1", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
    ),
    Case(
        name="published_at_the_same_time_served_by_symbol_before_event_id",
        rule="several symbols",
        bars=TWO,
        signals=[
            long("2025-06-03", "BOLT", weight=0.6, published_at=1, event_id="a"),
            long("2025-06-03", "ACME", weight=0.6, published_at=1, event_id="b"),
        ],
        trades=[
            trade("b", "ACME", "long", 600, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
            trade("a", "BOLT", "long", 400, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
    ),
    Case(
        name="a_superseding_signal_waits_for_its_own_turn",
        rule="several symbols",
        bars=TWO,
        signals=[
            long("2025-06-03", "ACME", weight=0.6),
            long("2025-06-03", "BOLT", weight=0.6),
            long("2025-06-03", "ACME", weight=0.6),
        ],
        # of ACME e3 acts, and it was published after e2
        trades=[
            trade("e2", "BOLT", "long", 600, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
            trade("e3", "ACME", "long", 400, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
        outcomes={"e1": "superseded", "e2": "enter", "e3": "enter"},
    ),
    Case(
        name="older_positions_take_room_at_their_open_not_at_their_entry",
        rule="several symbols",
        bars={
            "ACME": """
                2025-06-02 100 121  99 120
                2025-06-03 150 161 149 160
            """,
            "BOLT": """
                2025-06-02 100 101  99 100
                2025-06-03 100 101  99 101
            """,
        },
        signals=[long("2025-06-02", "ACME", weight=0.5), short("2025-06-03", "BOLT", weight=0.9)],
        # equity 125,000 at the open, of which ACME is 75,000
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 160.0, "open",
                  gross=500 * (160 - 100)),
            trade("e2", "BOLT", "short", 500, "2025-06-03", 100.0, "2025-06-03", 101.0, "open",
                  gross=500 * (100 - 101)),
        ],
        equity=[100_000 + 500 * 20, 100_000 + 500 * 60 - 500],
    ),
    Case(
        name="a_position_that_leaves_by_time_still_takes_room_at_that_open",
        rule="several symbols",
        bars=TWO,
        signals=[
            long("2025-06-02", "ACME", weight=0.75, hold=1),
            long("2025-06-03", "BOLT", weight=0.75),
        ],
        # 25,000 of room and of cash, although ACME is sold at the same open
        trades=[
            trade("e1", "ACME", "long", 750, "2025-06-02", 100.0, "2025-06-03", 100.0, "time"),
            trade("e2", "BOLT", "long", 250, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
        cash=[25_000, 75_000, 75_000],
    ),
    Case(
        name="a_reversal_gives_room_to_those_served_after_it",
        rule="several symbols",
        bars=TWO,
        signals=[
            long("2025-06-02", "ACME", weight=1.0),
            short("2025-06-03", "ACME", weight=0.4),
            long("2025-06-03", "BOLT", weight=1.0),
        ],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-02", 100.0, "2025-06-03", 100.0,
                  "reversal"),
            trade("e2", "ACME", "short", 400, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
            trade("e3", "BOLT", "long", 600, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
        cash=[0, 100_000 + 40_000 - 60_000, 80_000],
        outcomes={"e1": "enter", "e2": "reverse", "e3": "enter"},
    ),
    Case(
        name="a_reversal_gives_no_room_to_those_served_before_it",
        rule="several symbols",
        bars=TWO,
        signals=[
            long("2025-06-02", "ACME", weight=1.0),
            long("2025-06-03", "BOLT", weight=1.0),
            short("2025-06-03", "ACME", weight=0.4),
        ],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-02", 100.0, "2025-06-03", 100.0,
                  "reversal"),
            trade("e3", "ACME", "short", 400, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
        outcomes={"e1": "enter", "e2": "no_room", "e3": "reverse"},
    ),
    Case(
        name="a_renewal_needs_no_room",
        rule="several symbols",
        bars=TWO,
        signals=[
            long("2025-06-02", "ACME", weight=0.5),
            long("2025-06-02", "BOLT", weight=0.5),
            long("2025-06-03", "ACME", weight=1.0, hold=1),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 100.0, "time"),
            trade("e2", "BOLT", "long", 500, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
        outcomes={"e1": "enter", "e2": "enter", "e3": "renew"},
    ),
    Case(
        name="wider_max_gross_lets_a_short_pay_for_a_long",
        rule="several symbols",
        bars=TWO,
        settings=free(max_gross=2.0),
        signals=[short("2025-06-03", "ACME", weight=1.0), long("2025-06-03", "BOLT", weight=1.25)],
        # room for 200,000 - 100,000; the cash of 200,000 would pay more
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
            trade("e2", "BOLT", "long", 1000, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
        cash=[100_000, 100_000, 100_000],
    ),
    Case(
        name="wider_max_gross_lends_no_cash_to_a_second_long",
        rule="several symbols",
        bars=TWO,
        settings=free(max_gross=2.0),
        signals=[long("2025-06-03", "ACME", weight=0.7), long("2025-06-03", "BOLT", weight=0.7)],
        trades=[
            trade("e1", "ACME", "long", 700, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
            trade("e2", "BOLT", "long", 300, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
        cash=[100_000, 0, 0],
    ),
    Case(
        name="a_symbol_that_begins_later",
        rule="first bar",
        bars={
            "ACME": FLAT,
            "BOLT": """
                2025-06-04 20 22 19 21
                2025-06-05 21 23 20 22
            """,
        },
        signals=[long("2025-06-02", "ACME", weight=0.5), long("2025-06-04", "BOLT", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
            trade("e2", "BOLT", "long", 2500, "2025-06-04", 20.0, "2025-06-05", 22.0, "open",
                  gross=2500 * (22 - 20)),
        ],
        equity=[100_000, 100_000, 100_000 + 2500, 100_000 + 5000],
    ),
    Case(
        name="a_symbol_whose_data_end_counts_at_its_last_close",
        rule="last bar",
        bars={
            "ACME": """
                2025-06-02 100 102  99 101
                2025-06-03 101 112 100 110
            """,
            "BOLT": """
                2025-06-02 105 106 104 105
                2025-06-03 105 106 104 105
                2025-06-04 105 106 104 105
                2025-06-05 105 108 104 107
            """,
        },
        signals=[
            long("2025-06-02", "ACME", weight=0.5, hold=2),
            short("2025-06-05", "BOLT", weight=0.5),
        ],
        # equity 105,000, of which ACME is 55,000: room for 50,000 / 105 = 476.2
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 110.0, "open",
                  gross=500 * (110 - 100)),
            trade("e2", "BOLT", "short", 476, "2025-06-05", 105.0, "2025-06-05", 107.0, "open",
                  gross=476 * (105 - 107)),
        ],
        equity=[100_500, 105_000, 105_000, 105_000 - 476 * 2],
    ),
]
