"""Leaving, and trading the difference to a new weight."""

from tests.spec.case import Case, flat, free, long, short, trade

DAYS = {
    "ACME": """
        2025-06-02 100 101  99 100
        2025-06-03 100 112  98 110
        2025-06-04 125 126 120 125
        2025-06-05 120 125 110 122
    """
}
TWO = DAYS | {
    "ZINC": """
        2025-06-02 50 50 50 50
        2025-06-03 50 50 50 50
        2025-06-04 50 50 50 50
        2025-06-05 50 50 50 50
    """
}
GAP = {
    "ACME": """
        2025-06-02 100 101  99 100
        2025-06-03 100 101  99 100
        2025-06-04  90  92  88  91
        2025-06-05  91  93  89  92
    """
}

# fmt: off
CASES = [
    Case(
        name="flat_leaves_at_the_open_whatever_way_is_held",
        rule="flat",
        bars=DAYS,
        signals=[short("2025-06-03", weight=0.5), flat("2025-06-04")],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-04", 125.0, "signal",
                  gross=500 * -25),
        ],
        equity=[100_000, 95_000, 87_500, 87_500],
        outcomes={"e1": "enter", "e2": "leave"},
    ),
    Case(
        name="flat_where_nothing_is_held",
        rule="flat",
        bars=DAYS,
        signals=[flat("2025-06-03")],
        trades=[],
        equity=[100_000, 100_000, 100_000, 100_000],
        outcomes={"e1": "nothing_held"},
    ),
    Case(
        name="what_leaves_makes_room_for_what_was_published_before_it",
        rule="flat",
        bars=TWO,
        # ZINC: 2,000 at 50. At the next open ACME is served first and still finds all of the room.
        signals=[
            long("2025-06-02", "ZINC", weight=1.0),
            long("2025-06-03", weight=1.0),
            flat("2025-06-03", "ZINC"),
        ],
        settings=free(max_positions=1),
        trades=[
            trade("e1", "ZINC", "long", 2_000, "2025-06-02", 50.0, "2025-06-03", 50.0, "signal"),
            trade("e2", "ACME", "long", 1_000, "2025-06-03", 100.0, "2025-06-05", 122.0, "open",
                  gross=1_000 * 22),
        ],
        equity=[100_000, 110_000, 125_000, 122_000],
        outcomes={"e1": "enter", "e2": "enter", "e3": "leave"},
    ),
    Case(
        name="a_resize_upwards_buys_the_difference_at_an_average_price",
        rule="resize",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.25),
            long("2025-06-04", weight=0.5, hold=1, resize=True),
        ],
        # 250 at 100; 106,250 ÷ 2 ÷ 125 = 425: 175 more at 125.
        trades=[
            trade("e1", "ACME", "long", 425, "2025-06-03", (250 * 100 + 175 * 125) / 425,
                  "2025-06-05", 120.0, "time", gross=250 * 20 - 175 * 5),
        ],
        equity=[100_000, 102_500, 106_250, 106_250 - 425 * 5],
        cash=[100_000, 75_000, 75_000 - 175 * 125, 106_250 - 425 * 5],
        outcomes={"e1": "enter", "e2": "resize"},
    ),
    Case(
        name="a_resize_downwards_sells_the_difference_each_order_pays",
        rule="resize",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.5),
            long("2025-06-04", weight=0.25, hold=1, resize=True),
        ],
        settings=free(commission_fixed=5.0),
        # 500 at 100. 100,000 − 5 + 12,500 = 112,495, ÷ 4 ÷ 125 = 224.99: 276 are sold.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-05",
                  (276 * 125 + 224 * 120) / 500, "time",
                  gross=276 * 25 + 224 * 20, commission=5 + 5 + 5),
        ],
        equity=[100_000, 104_995, 112_490, 112_485 - 224 * 5],
        outcomes={"e1": "enter", "e2": "resize"},
    ),
    Case(
        name="a_difference_below_min_order_renews",
        rule="resize",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.5),
            long("2025-06-04", weight=0.5, hold=1, resize=True),
        ],
        settings=free(min_order=6_375.0),
        # 112,500 ÷ 2 ÷ 125 = 450: 50 are worth 6,250.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-05", 120.0, "time",
                  gross=500 * 20),
        ],
        equity=[100_000, 105_000, 112_500, 110_000],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="a_difference_of_exactly_min_order_is_sent",
        rule="resize",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.5),
            long("2025-06-04", weight=0.5, hold=1, resize=True),
        ],
        settings=free(min_order=6_250.0),
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-05",
                  (50 * 125 + 450 * 120) / 500, "time", gross=50 * 25 + 450 * 20),
        ],
        equity=[100_000, 105_000, 112_500, 112_500 - 450 * 5],
        outcomes={"e1": "enter", "e2": "resize"},
    ),
    Case(
        name="a_resize_to_less_than_a_share_leaves",
        rule="resize",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.5),
            long("2025-06-04", weight=0.001, resize=True),  # 112.5 ÷ 125 = 0.9
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 125.0, "signal",
                  gross=500 * 25),
        ],
        equity=[100_000, 105_000, 112_500, 112_500],
        outcomes={"e1": "enter", "e2": "leave"},
    ),
    Case(
        name="a_resize_sets_the_stop_anew_and_all_leave_at_it",
        rule="resize",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.25, stop=0.5),
            long("2025-06-04", weight=0.5, stop=0.08, resize=True),
        ],
        # From the open of 125: 115. The next session falls to 110.
        trades=[
            trade("e1", "ACME", "long", 425, "2025-06-03", (250 * 100 + 175 * 125) / 425,
                  "2025-06-05", 115.0, "stop", gross=250 * 15 - 175 * 10),
        ],
        equity=[100_000, 102_500, 106_250, 106_250 - 425 * 10],
    ),
    Case(
        name="a_resize_at_the_close_is_sized_on_the_open",
        rule="resize",
        bars=DAYS,
        signals=[
            long("2025-06-02", weight=0.25),
            long("2025-06-03", weight=0.5, enter="close", resize=True),
        ],
        # 250 and 250 more: 100,000 ÷ 2 ÷ 100 = 500, filled at 110.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 105.0, "2025-06-05", 122.0, "open",
                  gross=500 * 17),
        ],
        equity=[100_000, 102_500, 102_500 + 500 * 15, 102_500 + 500 * 12],
        outcomes={"e1": "enter", "e2": "resize"},
    ),
    Case(
        name="a_resize_without_a_position_enters_and_against_it_reverses",
        rule="resize",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.5, resize=True),
            short("2025-06-04", weight=0.5, resize=True),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 125.0, "reversal",
                  gross=500 * 25),
            trade("e2", "ACME", "short", 450, "2025-06-04", 125.0, "2025-06-05", 122.0, "open",
                  gross=450 * 3),
        ],
        equity=[100_000, 105_000, 112_500, 112_500 + 450 * 3],
        outcomes={"e1": "enter", "e2": "reverse"},
    ),
    Case(
        name="a_resize_at_an_open_beyond_the_stop_comes_before_it",
        rule="resize",
        bars=GAP,
        signals=[
            long("2025-06-02", weight=0.25, stop=0.05),
            long("2025-06-04", weight=0.5, stop=0.05, resize=True),
        ],
        # The stop of 95 is passed by the open of 90; the new one of 85.5 is not touched.
        # 97,500 ÷ 2 ÷ 90 = 541.7: 291 more.
        trades=[
            trade("e1", "ACME", "long", 541, "2025-06-02", (250 * 100 + 291 * 90) / 541,
                  "2025-06-05", 92.0, "open", gross=250 * -8 + 291 * 2),
        ],
        equity=[100_000, 100_000, 100_000 - 250 * 9 + 291, 100_000 - 250 * 8 + 291 * 2],
        outcomes={"e1": "enter", "e2": "resize"},
    ),
    Case(
        name="a_resize_at_the_close_after_the_stop_was_filled_enters_anew",
        rule="resize",
        bars=GAP,
        signals=[
            long("2025-06-02", weight=0.25, stop=0.05),
            long("2025-06-04", weight=0.5, enter="close", resize=True),
        ],
        # Stopped at the open of 90; 97,500 ÷ 2 ÷ 90 = 541.7, filled at 91.
        trades=[
            trade("e1", "ACME", "long", 250, "2025-06-02", 100.0, "2025-06-04", 90.0, "stop",
                  gross=250 * -10),
            trade("e2", "ACME", "long", 541, "2025-06-04", 91.0, "2025-06-05", 92.0, "open",
                  gross=541),
        ],
        equity=[100_000, 100_000, 97_500, 97_500 + 541],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="a_resize_that_others_leave_less_room_than_it_holds_sells_nothing",
        rule="resize",
        bars=TWO,
        signals=[
            long("2025-06-02", weight=0.5),
            long("2025-06-03", "ZINC", weight=1.0),
            long("2025-06-03", weight=1.0, resize=True),
        ],
        settings=free(slippage_bps=100.0),
        # 495 at 101. Of 99,505 there is room for 990 ZINC at 50.50 beside 495 at 100. In its turn
        # ACME finds 99,505 − 49,995 = 49,510 at 101, which is less than 495: it renews.
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-02", 101.0, "2025-06-05", 122.0, "open",
                  gross=495 * 21),
            trade("e2", "ZINC", "long", 990, "2025-06-03", 50.5, "2025-06-05", 50.0, "open",
                  gross=990 * -0.5),
        ],
        equity=[99_505, 10 + 495 * 110 + 49_500, 10 + 495 * 125 + 49_500, 10 + 495 * 122 + 49_500],
        outcomes={"e1": "enter", "e2": "enter", "e3": "renew"},
    ),
]
