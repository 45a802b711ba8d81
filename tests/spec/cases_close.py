"""Entries and exits at the close."""

from tests.spec.case import Case, flat, free, long, short, trade

DAYS = {
    "ACME": """
        2025-06-02 100 101  99 100
        2025-06-03 100 112  98 110
        2025-06-04 105 115 100 108
        2025-06-05 120 125 118 122
    """
}

# fmt: off
CASES = [
    Case(
        name="hold_of_zero_leaves_at_the_close_of_the_entry_session",
        rule="at the close",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.5, hold=0)],
        trades=[  # 50,000 ÷ 100
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-03", 110.0, "time",
                  gross=500 * (110 - 100)),
        ],
        equity=[100_000, 105_000, 105_000, 105_000],
        cash=[100_000, 105_000, 105_000, 105_000],
        outcomes={"e1": "enter"},
    ),
    Case(
        name="an_entry_at_the_close_is_sized_on_the_open",
        rule="at the close",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.5, enter="close")],
        trades=[  # 50,000 ÷ the open of 100, not ÷ the close of 110
            trade("e1", "ACME", "long", 500, "2025-06-03", 110.0, "2025-06-05", 122.0, "open",
                  gross=500 * (122 - 110)),
        ],
        equity=[100_000, 100_000, 100_000 - 500 * 2, 100_000 + 500 * 12],
        cash=[100_000] + 3 * [100_000 - 500 * 110],
    ),
    Case(
        name="cash_too_small_at_the_close_buys_fewer",
        rule="at the close",
        bars=DAYS,
        signals=[long("2025-06-03", weight=1.0, enter="close", hold=1, leave="close")],
        trades=[  # 1,000 at the open, but 100,000 ÷ 110 = 909.09
            trade("e1", "ACME", "long", 909, "2025-06-03", 110.0, "2025-06-04", 108.0, "time",
                  gross=909 * (108 - 110)),
        ],
        equity=[100_000, 100_000, 100_000 - 909 * 2, 100_000 - 909 * 2],
    ),
    Case(
        name="what_the_cash_leaves_of_an_order_at_the_close_is_filled_below_min_order",
        rule="at the close",
        bars=DAYS,
        settings=free(min_order=100_000.0),
        signals=[long("2025-06-03", weight=1.0, enter="close", hold=1, leave="close")],
        trades=[  # sent for 1,000 × 100; 909 × 110 = 99,990 are paid for
            trade("e1", "ACME", "long", 909, "2025-06-03", 110.0, "2025-06-04", 108.0, "time",
                  gross=909 * (108 - 110)),
        ],
        equity=[100_000, 100_000, 100_000 - 909 * 2, 100_000 - 909 * 2],
    ),
    Case(
        name="fills_at_the_close_pay_slippage_and_commission",
        rule="at the close",
        bars=DAYS,
        signals=[long("2025-06-03", weight=0.5, enter="close", hold=1, leave="close")],
        settings=free(slippage_bps=100.0, commission_fixed=7.0),
        trades=[  # 50,000 ÷ 101 = 495.05; 110 + 1 % = 111.1; 108 − 1 % = 106.92
            trade("e1", "ACME", "long", 495, "2025-06-03", 111.1, "2025-06-04", 106.92, "time",
                  gross=495 * (106.92 - 111.1), commission=7 + 7),
        ],
        equity=[
            100_000,
            100_000 - 495 * 1.1 - 7,
            100_000 - 495 * 4.18 - 14,
            100_000 - 495 * 4.18 - 14,
        ],
    ),
    Case(
        name="after_an_entry_at_the_close_the_stop_rests_from_the_next_session_on",
        rule="at the close",
        bars=DAYS,
        # Set from 110: 104.5. The low of 98 in the entry session was before; the next has 100.
        signals=[long("2025-06-03", weight=0.5, enter="close", stop=0.05)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 110.0, "2025-06-04", 104.5, "stop",
                  gross=500 * (104.5 - 110)),
        ],
        equity=[100_000, 100_000, 100_000 - 2_750, 100_000 - 2_750],
    ),
    Case(
        name="at_the_close_of_a_session_whose_stop_was_touched_a_signal_enters_anew",
        rule="at the close",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.5, stop=0.02),  # 98 is the low
            long("2025-06-03", "ACME", weight=0.5, enter="close", event_id="e0", published_at=0),
            long("2025-06-04", weight=0.5, enter="close"),
        ],
        # e0 is superseded by e1, the later of the session; e3 finds nothing held.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-03", 98.0, "stop",
                  gross=500 * -2),
            # 99,000 ÷ 2 ÷ 105 = 471.4
            trade("e3", "ACME", "long", 471, "2025-06-04", 108.0, "2025-06-05", 122.0, "open",
                  gross=471 * 14),
        ],
        equity=[100_000, 99_000, 99_000, 99_000 + 471 * 14],
        outcomes={"e0": "superseded", "e1": "enter", "e3": "enter"},
    ),
    Case(
        name="a_stop_and_an_entry_at_the_close_of_one_session",
        rule="at the close",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.5, stop=0.0001, levels="close"),
            long("2025-06-02", weight=0.5, stop=0.02, event_id="before", published_at=0),
            short("2025-06-04", weight=0.5, enter="close"),
        ],
        # `before` enters 500 at 100, stop at 98; e1 renews it from 100 with a look at closes:
        # 110 is above 99.99. At the close of the 4th e3 leaves at 108 and sells
        # (50,000 + 500 × 105) ÷ 2 ÷ 105 = 488.1.
        trades=[
            trade("before", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 108.0,
                  "reversal", gross=500 * 8),
            trade("e3", "ACME", "short", 488, "2025-06-04", 108.0, "2025-06-05", 122.0, "open",
                  gross=488 * (108 - 122)),
        ],
        equity=[100_000, 105_000, 104_000, 104_000 - 488 * 14],
        outcomes={"before": "enter", "e1": "renew", "e3": "reverse"},
    ),
    Case(
        name="at_the_close_a_renewal_comes_before_a_time_exit",
        rule="at the close",
        bars=DAYS,
        signals=[
            long("2025-06-02", weight=0.5, hold=1, leave="close"),
            long("2025-06-03", weight=0.5, enter="close", hold=1, leave="close"),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 108.0, "time",
                  gross=500 * 8),
        ],
        equity=[100_000, 105_000, 104_000, 104_000],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="flat_at_the_close_of_the_entry_session",
        rule="flat",
        bars=DAYS | {"BOLT": "2025-06-02 10 10 10 10\n2025-06-03 10 10 10 10"},
        signals=[
            long("2025-06-02", weight=0.5),
            flat("2025-06-03", leave="close"),
            flat("2025-06-03", "BOLT", leave="close"),
        ],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 110.0, "signal",
                  gross=500 * 10),
        ],
        equity=[100_000, 105_000, 105_000, 105_000],
        outcomes={"e1": "enter", "e2": "leave", "e3": "nothing_held"},
    ),
    Case(
        name="what_was_entered_at_the_open_counts_at_the_raw_open_in_what_the_close_is_sized_on",
        rule="at the close",
        bars=DAYS | {"BOLT": """
            2025-06-03 50 60 50 60
            2025-06-04 60 60 60 60
            2025-06-05 60 60 60 60
        """},
        settings=free(slippage_bps=100.0),
        signals=[
            long("2025-06-03", weight=0.5),
            long("2025-06-03", "BOLT", weight=0.5, enter="close"),
        ],
        # 495 ACME at 101 leave 50,005; with 49,500 at the open of 100 they are 99,505, of which
        # 49,752.50 ÷ 50.50 = 985.2, and at 60.60 they cost more than the cash: 825.2.
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-03", 101.0, "2025-06-05", 122.0, "open",
                  gross=495 * 21),
            trade("e2", "BOLT", "long", 825, "2025-06-03", 60.6, "2025-06-05", 60.0, "open",
                  gross=825 * -0.6),
        ],
        equity=[
            100_000,
            100_000 + 495 * 9 - 495,
            100_000 + 495 * 7 - 495,
            100_000 + 495 * 21 - 495,
        ],
    ),
    Case(
        name="a_resize_to_as_much_as_is_held_comes_after_a_time_exit_of_that_close",
        rule="at the close",
        bars=DAYS,
        signals=[
            long("2025-06-03", weight=0.5, hold=1, leave="close"),
            long("2025-06-04", weight=0.5125, enter="close", resize=True),
        ],
        # 0.5125 of 50,000 + 500 × 105 are 52,531.25, which at 105 are the 500 that are held.
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-03", 100.0, "2025-06-04", 108.0, "time",
                  gross=500 * 8),
            trade("e2", "ACME", "long", 500, "2025-06-04", 108.0, "2025-06-05", 122.0, "open",
                  gross=500 * 14),
        ],
        equity=[100_000, 105_000, 104_000, 104_000 + 500 * 14],
        outcomes={"e1": "enter", "e2": "enter"},
    ),
    Case(
        name="equity_at_a_close_is_of_the_raw_opens_not_of_the_fills",
        rule="at the close",
        bars=DAYS | {"BOLT": """
            2025-06-03 50 50 50 50
            2025-06-04 50 50 50 50
            2025-06-05 50 50 50 50
        """},
        settings=free(slippage_bps=100.0),
        signals=[
            long("2025-06-03", weight=0.5),
            long("2025-06-03", "BOLT", weight=0.25, enter="close"),
        ],
        # A quarter of 99,505 is 24,876.25, ÷ 50.50 = 492.6; of 100,000 it were 495.
        trades=[
            trade("e1", "ACME", "long", 495, "2025-06-03", 101.0, "2025-06-05", 122.0, "open",
                  gross=495 * 21),
            trade("e2", "BOLT", "long", 492, "2025-06-03", 50.5, "2025-06-05", 50.0, "open",
                  gross=492 * -0.5),
        ],
        equity=[
            100_000,
            100_000 + 495 * 9 - 246,
            100_000 + 495 * 7 - 246,
            100_000 + 495 * 21 - 246,
        ],
    ),
]
