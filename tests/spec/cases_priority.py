"""Who is served first at one open: priority, then publication, then the alphabet."""

from tests.spec.case import Case, free, long, short, trade

FLAT = """
    2025-06-02 100 101  99 100
    2025-06-03 100 101  99 100
"""
THREE = {"ACME": FLAT, "BOLT": FLAT, "COIL": FLAT}
LEVEL = [100_000, 100_000]

# fmt: off
CASES = [
    Case(
        name="a_higher_priority_is_served_before_an_earlier_publication",
        rule="who is served first",
        bars=THREE,
        signals=[
            long("2025-06-02", "ACME", weight=0.6, priority=-0.5),
            long("2025-06-02", "BOLT", weight=0.6),
            long("2025-06-02", "COIL", weight=0.3, priority=0.25),
        ],
        # 30,000, then 60,000; 10,000 are left; trades stand in the order of their entries
        trades=[
            trade("e3", "COIL", "long", 300, "2025-06-02", 100.0, "2025-06-03", 100.0, "open"),
            trade("e2", "BOLT", "long", 600, "2025-06-02", 100.0, "2025-06-03", 100.0, "open"),
            trade("e1", "ACME", "long", 100, "2025-06-02", 100.0, "2025-06-03", 100.0, "open"),
        ],
        equity=LEVEL,
    ),
    Case(
        name="legs_are_served_in_the_turn_of_their_leader",
        rule="who is served first",
        bars={
            **THREE,
            "COIL": """
                2025-06-02 100 101 99 100
                2025-06-03 100 101 89  90
            """,
        },
        signals=[
            long("2025-06-02", "BOLT", weight=0.6, published_at=1),
            long("2025-06-02", "ACME", weight=0.25, legs=(("COIL", 1.0),), priority=1.0,
                 published_at=2),
        ],
        # 25,000 and as much of its leg, then the 50,000 that are left
        trades=[
            trade("e2", "ACME", "long", 250, "2025-06-02", 100.0, "2025-06-03", 100.0, "open",
                  hedge=250 * 10),
            trade("e1", "BOLT", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "open"),
        ],
        equity=[100_000, 102_500],
    ),
    Case(
        name="of_one_priority_the_first_published_is_served_first",
        rule="who is served first",
        bars=THREE,
        settings=free(max_positions=1),
        signals=[
            long("2025-06-02", "ACME", weight=0.5, priority=1.0, published_at=3),
            long("2025-06-02", "BOLT", weight=0.5, priority=1.0, published_at=2),
            long("2025-06-02", "COIL", weight=0.5, priority=0.0, published_at=1),
        ],
        trades=[
            trade("e2", "BOLT", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "open"),
        ],
        equity=LEVEL,
        outcomes={"e1": "no_room", "e2": "enter", "e3": "no_room"},
    ),
    Case(
        name="of_one_priority_and_publication_the_alphabet_decides",
        rule="who is served first",
        bars=THREE,
        settings=free(max_positions=1),
        signals=[
            long("2025-06-02", "COIL", weight=0.5, priority=1.0, published_at=1),
            long("2025-06-02", "BOLT", weight=0.5, priority=1.0, published_at=1),
            long("2025-06-02", "ACME", weight=0.5, published_at=1),
        ],
        trades=[
            trade("e2", "BOLT", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "open"),
        ],
        equity=LEVEL,
        outcomes={"e1": "no_room", "e2": "enter", "e3": "no_room"},
    ),
    Case(
        name="of_two_on_one_symbol_the_last_acts_whatever_the_priorities",
        rule="who is served first",
        bars=THREE,
        signals=[
            long("2025-06-02", "ACME", weight=0.6, priority=9.0),
            short("2025-06-02", "ACME", weight=0.6, priority=-1.0),
            long("2025-06-02", "BOLT", weight=0.6),
        ],
        # the last on ACME acts, in the turn of its own priority
        trades=[
            trade("e3", "BOLT", "long", 600, "2025-06-02", 100.0, "2025-06-03", 100.0, "open"),
            trade("e2", "ACME", "short", 400, "2025-06-02", 100.0, "2025-06-03", 100.0, "open"),
        ],
        equity=LEVEL,
        outcomes={"e1": "superseded", "e2": "enter", "e3": "enter"},
    ),
    Case(
        name="a_priority_is_that_of_its_own_open",
        rule="who is served first",
        bars=THREE,
        settings=free(max_positions=1),
        signals=[
            long("2025-06-02", "ACME", weight=0.5),
            long("2025-06-03", "BOLT", weight=0.5, priority=9.0),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "open"),
        ],
        equity=LEVEL,
        outcomes={"e1": "enter", "e2": "no_room"},
    ),
    Case(
        name="a_reversal_of_higher_priority_gives_its_room_to_those_after_it",
        rule="who is served first",
        bars=THREE,
        signals=[
            long("2025-06-02", "ACME", weight=1.0),
            long("2025-06-03", "BOLT", weight=0.5),
            short("2025-06-03", "ACME", weight=0.5, priority=1.0),
        ],
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-02", 100.0, "2025-06-03", 100.0,
                  "reversal"),
            trade("e3", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-03", 100.0, "open"),
            trade("e2", "BOLT", "long", 500, "2025-06-03", 100.0, "2025-06-03", 100.0, "open"),
        ],
        equity=LEVEL,
        outcomes={"e1": "enter", "e2": "enter", "e3": "reverse"},
    ),
]
