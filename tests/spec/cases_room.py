"""Room at an open: how many positions, orders too small to send, equal parts of the room."""

from tests.spec.case import Case, free, long, short, trade

FLAT = """
    2025-06-02 100 101  99 100
    2025-06-03 100 101  99 100
    2025-06-04 100 101  99 100
"""
THREE = {"ACME": FLAT, "BOLT": FLAT, "COIL": FLAT}
LEVEL = [100_000, 100_000, 100_000]
SQUEEZE = {
    "ACME": """
        2025-06-02 100 101  99 100
        2025-06-03 150 161 149 160
        2025-06-04 150 151 149 150
    """,
    "BOLT": FLAT,
}

# fmt: off
CASES = [
    Case(
        name="one_more_than_max_positions_finds_no_room",
        rule="max_positions",
        bars=THREE,
        settings=free(max_positions=2),
        signals=[
            long("2025-06-02", "ACME", weight=0.25),
            short("2025-06-02", "BOLT", weight=0.25),
            long("2025-06-02", "COIL", weight=0.25),
        ],
        trades=[
            trade("e1", "ACME", "long", 250, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
            trade("e2", "BOLT", "short", 250, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=LEVEL,
        outcomes={"e1": "enter", "e2": "enter", "e3": "no_room"},
    ),
    Case(
        name="a_reversal_keeps_its_place",
        rule="max_positions",
        bars=THREE,
        settings=free(max_positions=1),
        signals=[
            long("2025-06-02", "ACME", weight=0.25),
            long("2025-06-03", "BOLT", weight=0.25),
            short("2025-06-03", "ACME", weight=0.5),
            long("2025-06-03", "COIL", weight=0.25),
        ],
        # BOLT is served before the reversal and COIL after it: neither finds the place free
        trades=[
            trade("e1", "ACME", "long", 250, "2025-06-02", 100.0, "2025-06-03", 100.0, "reversal"),
            trade("e3", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=LEVEL,
        outcomes={"e1": "enter", "e2": "no_room", "e3": "reverse", "e4": "no_room"},
    ),
    Case(
        name="a_renewal_needs_no_place",
        rule="max_positions",
        bars=THREE,
        settings=free(max_positions=1, min_order=50_000.0),
        signals=[
            long("2025-06-02", "ACME", weight=0.5),
            long("2025-06-03", "ACME", weight=0.01, hold=1),
        ],
        # nor is it held against the least size of an order
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 100.0, "time"),
        ],
        equity=LEVEL,
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="a_position_that_leaves_by_time_still_takes_a_place_at_that_open",
        rule="max_positions",
        bars=THREE,
        settings=free(max_positions=1),
        signals=[
            long("2025-06-02", "ACME", weight=0.25, hold=1),
            long("2025-06-03", "BOLT", weight=0.25),
            long("2025-06-04", "COIL", weight=0.25),
        ],
        trades=[
            trade("e1", "ACME", "long", 250, "2025-06-02", 100.0, "2025-06-03", 100.0, "time"),
            trade("e3", "COIL", "long", 250, "2025-06-04", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=LEVEL,
        outcomes={"e1": "enter", "e2": "no_room", "e3": "enter"},
    ),
    Case(
        name="a_margin_call_frees_its_place",
        rule="max_positions",
        bars=SQUEEZE,
        settings=free(max_positions=1, slippage_bps=100.0),
        signals=[short("2025-06-02", "ACME", weight=0.99), long("2025-06-04", "BOLT", weight=0.5)],
        # sold at 99; 199,000 - 160,000 is below 48,000; covered at 151.5, which leaves 47,500;
        # sized on 199,000 - 150,000 = 49,000: 24,500 / 101 = 242.6; 47,500 would buy 235
        trades=[
            trade("e1", "ACME", "short", 1000, "2025-06-02", 99.0, "2025-06-04", 151.5,
                  "margin_call", gross=1000 * (99 - 151.5)),
            trade("e2", "BOLT", "long", 242, "2025-06-04", 101.0, "2025-06-04", 100.0, "open",
                  gross=-242),
        ],
        equity=[99_000, 39_000, 47_500 - 242],
        cash=[199_000, 199_000, 47_500 - 242 * 101],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="an_entry_of_exactly_min_order_is_sent",
        rule="min_order",
        bars=THREE,
        settings=free(min_order=25_000.0),
        signals=[
            long("2025-06-02", "ACME", weight=0.25), long("2025-06-02", "BOLT", weight=0.2499)
        ],
        trades=[
            trade("e1", "ACME", "long", 250, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=LEVEL,
        outcomes={"e1": "enter", "e2": "no_room"},
    ),
    Case(
        name="min_order_is_of_the_value_at_the_fill",
        rule="min_order",
        bars=THREE,
        settings=free(min_order=24_947.0, slippage_bps=100.0),
        signals=[
            long("2025-06-04", "ACME", weight=0.25), long("2025-06-04", "BOLT", weight=0.249)
        ],
        # 247 at 101 are 24,947, 246 are not
        trades=[
            trade("e1", "ACME", "long", 247, "2025-06-04", 101.0, "2025-06-04", 100.0, "open",
                  gross=-247),
        ],
        equity=[100_000, 100_000, 100_000 - 247],
        outcomes={"e1": "enter", "e2": "no_room"},
    ),
    Case(
        name="what_room_is_left_may_be_too_small_to_send",
        rule="min_order",
        bars=THREE,
        settings=free(min_order=5_000.01),
        signals=[
            long("2025-06-02", "ACME", weight=0.95), long("2025-06-02", "BOLT", weight=0.95)
        ],
        trades=[
            trade("e1", "ACME", "long", 950, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=LEVEL,
        outcomes={"e1": "enter", "e2": "no_room"},
    ),
    Case(
        name="a_reversal_too_small_to_send_leaves_and_does_not_enter",
        rule="min_order",
        bars=THREE,
        settings=free(min_order=10_000.0),
        signals=[
            long("2025-06-02", "ACME", weight=0.5), short("2025-06-03", "ACME", weight=0.05)
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "reversal"),
        ],
        equity=LEVEL,
        cash=[50_000, 100_000, 100_000],
        outcomes={"e1": "enter", "e2": "no_room"},
    ),
    Case(
        name="without_a_weight_each_gets_an_equal_part_of_the_room",
        rule="weight",
        bars=THREE,
        settings=free(max_positions=3),
        signals=[
            long("2025-06-02", "ACME", weight=None),
            short("2025-06-02", "BOLT", weight=None),
            long("2025-06-02", "COIL", weight=0.1),
        ],
        # 100,000 / 3 / 100 = 333.3; a weight that is there counts as ever
        trades=[
            trade("e1", "ACME", "long", 333, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
            trade("e2", "BOLT", "short", 333, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
            trade("e3", "COIL", "long", 100, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=LEVEL,
    ),
    Case(
        name="an_equal_part_is_of_max_gross_and_of_the_equity_of_the_day",
        rule="weight",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 120 121 119 120
            """,
            "BOLT": """
                2025-06-02 100 101  99 100
                2025-06-03 100 101  99 100
            """,
        },
        settings=free(max_positions=4, max_gross=2.0),
        signals=[
            long("2025-06-02", "ACME", weight=None), short("2025-06-03", "BOLT", weight=None)
        ],
        # 2 / 4 of 100,000, then of 110,000
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 120.0, "open",
                  gross=500 * 20),
            trade("e2", "BOLT", "short", 550, "2025-06-03", 100.0, "2025-06-03", 100.0, "open"),
        ],
        equity=[100_000, 110_000],
    ),
    Case(
        name="the_only_position_without_a_weight_takes_all_room",
        rule="weight",
        bars=THREE,
        settings=free(max_positions=1),
        signals=[long("2025-06-02", "ACME", weight=None)],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=LEVEL,
    ),
]
