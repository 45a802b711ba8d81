"""Participation: an entry takes at most a share of the median volume of the sessions before it.

Prices stay at 100; the sixth column of the bars is the volume.
"""

from tests.spec.case import Case, free, long, short, trade

BARS = {
    "ACME": """
        2025-06-02 100 101 99 100 1000
        2025-06-03 100 101 99 100 3000
        2025-06-04 100 101 99 100 8000
        2025-06-05 100 101 99 100   50
        2025-06-06 100 101 99 100   50
    """
}
DRY = {
    "ACME": """
        2025-06-02 100 101 99 100    0
        2025-06-03 100 101 99 100    9
        2025-06-04 100 101 99 100 9000
    """
}
THIN = {
    "ACME": """
        2025-06-02 100 101 99 100  100
        2025-06-03 100 101 99 100  100
        2025-06-04 100 101 99 100  100
    """
}
DAYS = (1, 2, 3, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18, 21, 22, 23, 24, 25, 28, 29, 30, 31)
# A first session of 100, then ten of 1,000, ten of 2,000 and the one of the entry.
MONTH = {
    "ACME": "\n".join(
        f"2025-07-{day:02} 100 101 99 100 {volume}"
        for day, volume in zip(DAYS, [100] + 10 * [1000] + 10 * [2000] + [7], strict=True)
    )
}
E1 = frozenset({"e1"})
E2 = frozenset({"e2"})

# fmt: off
CASES = [
    Case(
        name="an_entry_takes_its_share_of_the_one_session_before",
        rule="participation",
        bars=BARS,
        settings=free(max_participation=0.25),
        signals=[long("2025-06-03", weight=0.5)],
        # a quarter of 1,000, not of the 3,000 of its own session
        trades=[
            trade("e1", "ACME", "long", 250, "2025-06-03", 100.0, "2025-06-06", 100.0, "open"),
        ],
        equity=5 * [100_000],
        cash=[100_000] + 4 * [75_000],
        outcomes={"e1": "enter"},
        capped=E1,
    ),
    Case(
        name="what_is_a_whole_share_on_paper_is_one",
        rule="participation",
        bars=THIN,
        settings=free(max_participation=0.29),
        signals=[long("2025-06-03", weight=0.5)],
        # 29 % of 100, which doubles make 28.999999999999996
        trades=[
            trade("e1", "ACME", "long", 29, "2025-06-03", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=3 * [100_000],
        cash=[100_000] + 2 * [97_100],
        outcomes={"e1": "enter"},
        capped=E1,
    ),
    Case(
        name="a_short_entry_is_cut_too",
        rule="participation",
        bars=BARS,
        settings=free(max_participation=0.25),
        signals=[short("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 250, "2025-06-03", 100.0, "2025-06-06", 100.0, "open"),
        ],
        equity=5 * [100_000],
        cash=[100_000] + 4 * [125_000],
        capped=E1,
    ),
    Case(
        name="the_median_of_two_is_their_mean",
        rule="participation",
        bars=BARS,
        settings=free(max_participation=0.25),
        signals=[long("2025-06-04", weight=0.95)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-04", 100.0, "2025-06-06", 100.0, "open"),
        ],
        equity=5 * [100_000],
        capped=E1,
    ),
    Case(
        name="the_median_of_three_is_the_middle_one",
        rule="participation",
        bars=BARS,
        settings=free(max_participation=0.25),
        signals=[long("2025-06-05", weight=0.95)],
        trades=[
            trade("e1", "ACME", "long", 750, "2025-06-05", 100.0, "2025-06-06", 100.0, "open"),
        ],
        equity=5 * [100_000],
        capped=E1,
    ),
    Case(
        name="the_median_of_four_is_not_of_their_order_in_time",
        rule="participation",
        bars=BARS,
        settings=free(max_participation=0.25),
        signals=[long("2025-06-06", weight=0.95)],
        # 50, 1,000, 3,000, 8,000: 2,000
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-06", 100.0, "2025-06-06", 100.0, "open"),
        ],
        equity=5 * [100_000],
        capped=E1,
    ),
    Case(
        name="the_median_looks_back_on_twenty_sessions",
        rule="participation",
        bars=MONTH,
        settings=free(max_participation=0.5),
        signals=[short("2025-07-31", weight=0.95)],
        # half of 1,500; with the first session it were half of 1,000
        trades=[
            trade("e1", "ACME", "short", 750, "2025-07-31", 100.0, "2025-07-31", 100.0, "open"),
        ],
        equity=22 * [100_000],
        capped=E1,
    ),
    Case(
        name="no_session_before_is_no_limit",
        rule="participation",
        bars=DRY,
        settings=free(max_participation=0.25),
        signals=[long("2025-06-02", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=3 * [100_000],
        outcomes={"e1": "enter"},
    ),
    Case(
        name="no_session_of_the_symbol_before_is_no_limit",
        rule="participation",
        bars={
            "ACME": """
                2025-06-02 100 101 99 100 8
                2025-06-03 100 101 99 100 8
            """,
            "BOLT": """
                2025-06-03 100 101 99 100 8
            """,
        },
        settings=free(max_participation=0.25),
        signals=[long("2025-06-03", "BOLT", weight=0.5), long("2025-06-03", "ACME", weight=0.5)],
        trades=[
            trade("e1", "BOLT", "long", 500, "2025-06-03", 100.0, "2025-06-03", 100.0, "open"),
            trade("e2", "ACME", "long", 2, "2025-06-03", 100.0, "2025-06-03", 100.0, "open"),
        ],
        equity=2 * [100_000],
        capped=E2,
    ),
    Case(
        name="no_volume_leaves_no_room",
        rule="participation",
        bars=DRY,
        settings=free(max_participation=1.0),
        signals=[long("2025-06-03", weight=0.5)],
        trades=[],
        equity=3 * [100_000],
        outcomes={"e1": "no_room"},
        capped=E1,
    ),
    Case(
        name="less_than_one_share_is_none",
        rule="participation",
        bars=DRY,
        settings=free(max_participation=0.2),
        signals=[short("2025-06-04", weight=0.5)],
        # a fifth of 4.5
        trades=[],
        equity=3 * [100_000],
        outcomes={"e1": "no_room"},
        capped=E1,
    ),
    Case(
        name="the_median_may_be_a_half_and_shares_are_whole",
        rule="participation",
        bars=DRY,
        settings=free(max_participation=1.0),
        signals=[short("2025-06-04", weight=0.5)],
        # 4.5
        trades=[
            trade("e1", "ACME", "short", 4, "2025-06-04", 100.0, "2025-06-04", 100.0, "open"),
        ],
        equity=3 * [100_000],
        capped=E1,
    ),
    Case(
        name="an_exit_is_not_cut",
        rule="participation",
        bars=DRY,
        settings=free(max_participation=0.25),
        signals=[long("2025-06-02", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "time"),
        ],
        equity=3 * [100_000],
        cash=[50_000, 100_000, 100_000],
    ),
    Case(
        name="a_stop_is_not_cut",
        rule="participation",
        bars={
            "ACME": """
                2025-06-02 100 101 99 100 0
                2025-06-03 100 101 89  95 0
            """
        },
        settings=free(max_participation=0.25),
        signals=[long("2025-06-02", weight=0.5, stop=0.10)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 90.0, "stop",
                  gross=-500 * 10),
        ],
        equity=[100_000, 95_000],
    ),
    Case(
        name="a_reversal_closes_all_and_its_entry_is_cut",
        rule="participation",
        bars=BARS,
        settings=free(max_participation=0.25),
        signals=[long("2025-06-02", weight=0.5), short("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "reversal"),
            trade("e2", "ACME", "short", 250, "2025-06-03", 100.0, "2025-06-06", 100.0, "open"),
        ],
        equity=5 * [100_000],
        cash=[50_000] + 4 * [125_000],
        outcomes={"e1": "enter", "e2": "reverse"},
        capped=E2,
    ),
    Case(
        name="a_reversal_cut_to_nothing_still_closes",
        rule="participation",
        bars=DRY,
        settings=free(max_participation=0.25),
        signals=[short("2025-06-02", weight=0.5), long("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-02", 100.0, "2025-06-03", 100.0, "reversal"),
        ],
        equity=3 * [100_000],
        cash=[150_000, 100_000, 100_000],
        outcomes={"e1": "enter", "e2": "no_room"},
        capped=E2,
    ),
    Case(
        name="a_renewal_is_not_cut",
        rule="participation",
        bars=DRY,
        settings=free(max_participation=0.25),
        signals=[long("2025-06-02", weight=0.5), long("2025-06-03", weight=0.5, hold=1)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 100.0, "time"),
        ],
        equity=3 * [100_000],
        outcomes={"e1": "enter", "e2": "renew"},
    ),
    Case(
        name="the_volume_cuts_before_the_cash_does",
        rule="participation",
        bars=BARS,
        settings=free(max_participation=1.0, commission_fixed=5.0, max_gross=2.0),
        signals=[long("2025-06-03", weight=2.0)],
        # 2,000 wanted, 1,000 of the volume, 999 of the cash
        trades=[
            trade("e1", "ACME", "long", 999, "2025-06-03", 100.0, "2025-06-06", 100.0, "open",
                  commission=5.0),
        ],
        equity=[100_000] + 4 * [99_995],
        cash=[100_000] + 4 * [95],
        capped=E1,
    ),
    Case(
        name="the_gross_cuts_before_the_volume_does",
        rule="participation",
        bars=BARS,
        settings=free(max_participation=0.25, max_gross=0.25),
        signals=[long("2025-06-03", weight=0.5)],
        # 250 of the gross, which is what the volume allows
        trades=[
            trade("e1", "ACME", "long", 250, "2025-06-03", 100.0, "2025-06-06", 100.0, "open"),
        ],
        equity=5 * [100_000],
    ),
    Case(
        name="what_one_symbol_was_cut_is_room_for_the_next",
        rule="participation",
        bars={
            "ACME": BARS["ACME"],
            "BOLT": """
                2025-06-02 100 101 99 100   # a million
                2025-06-03 100 101 99 100
            """,
        },
        settings=free(max_participation=0.25),
        signals=[long("2025-06-03", "ACME", weight=0.6), long("2025-06-03", "BOLT", weight=0.8)],
        trades=[
            trade("e1", "ACME", "long", 250, "2025-06-03", 100.0, "2025-06-06", 100.0, "open"),
            trade("e2", "BOLT", "long", 750, "2025-06-03", 100.0, "2025-06-03", 100.0, "open"),
        ],
        equity=5 * [100_000],
        capped=E1,
    ),
    Case(
        name="of_a_resize_the_volume_cuts_what_is_added",
        rule="participation",
        bars=BARS,
        settings=free(max_participation=0.25),
        signals=[
            long("2025-06-03", weight=0.2),
            long("2025-06-04", weight=0.95, resize=True),
        ],
        # 200 are held, 750 more are wanted: a quarter of 2,000 is 500.
        trades=[
            trade("e1", "ACME", "long", 700, "2025-06-03", 100.0, "2025-06-06", 100.0, "open"),
        ],
        equity=5 * [100_000],
        cash=[100_000, 80_000, 30_000, 30_000, 30_000],
        outcomes={"e1": "enter", "e2": "resize"},
        capped=E2,
    ),
    Case(
        name="a_resize_to_less_is_not_cut_by_the_volume",
        rule="participation",
        bars=BARS,
        settings=free(max_participation=0.05),
        signals=[
            long("2025-06-02", weight=0.9),
            long("2025-06-03", weight=0.1, resize=True),
        ],
        # 800 are sold, where 50 could be bought.
        trades=[
            trade("e1", "ACME", "long", 900, "2025-06-02", 100.0, "2025-06-06", 100.0, "open"),
        ],
        equity=5 * [100_000],
        cash=[10_000, 90_000, 90_000, 90_000, 90_000],
        outcomes={"e1": "enter", "e2": "resize"},
    ),
]
