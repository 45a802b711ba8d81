"""Entry at the open, and the number of shares."""

from tests.spec.case import Case, free, long, short, trade

RISING = {
    "ACME": """
        2025-06-02 100 102  99 101
        2025-06-03 100 104  98 103
        2025-06-04 103 106 102 105
    """
}

# fmt: off
CASES = [
    Case(
        name="long_enters_at_the_open_of_its_session",
        rule="entry",
        bars=RISING,
        signals=[long("2025-06-03", weight=0.95)],
        # at the open of 100, neither at the close before (101) nor at the close after (103)
        trades=[
            trade("e1", "ACME", "long", 950, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=950 * (105 - 100)),
        ],
        equity=[100_000, 100_000 + 950 * (103 - 100), 100_000 + 950 * (105 - 100)],
        cash=[100_000, 100_000 - 950 * 100, 100_000 - 950 * 100],
        outcomes={"e1": "enter"},
    ),
    Case(
        name="short_enters_at_the_open_of_its_session",
        rule="entry",
        bars=RISING,
        signals=[short("2025-06-03", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=500 * (100 - 105)),
        ],
        equity=[100_000, 100_000 - 500 * 3, 100_000 - 500 * 5],
        cash=[100_000, 100_000 + 500 * 100, 100_000 + 500 * 100],
        outcomes={"e1": "enter"},
    ),
    Case(
        name="no_signal_no_trade",
        rule="entry",
        bars=RISING,
        signals=[],
        trades=[],
        equity=[100_000, 100_000, 100_000],
        cash=[100_000, 100_000, 100_000],
        outcomes={},
    ),
    Case(
        name="entry_on_the_first_bar",
        rule="entry",
        bars=RISING,
        signals=[long("2025-06-02", weight=0.5)],
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-04", 105.0, "open",
                  gross=500 * (105 - 100)),
        ],
        equity=[100_000 + 500 * 1, 100_000 + 500 * 3, 100_000 + 500 * 5],
    ),
    Case(
        name="entry_on_the_last_bar",
        rule="last bar",
        bars=RISING,
        signals=[long("2025-06-04", weight=0.412)],
        # 0.412 x 100,000 / 103 = 400; entered at the last open, marked at the last close
        trades=[
            trade("e1", "ACME", "long", 400, "2025-06-04", 103.0, "2025-06-04", 105.0, "open",
                  gross=400 * (105 - 103)),
        ],
        equity=[100_000, 100_000, 100_000 + 400 * 2],
        outcomes={"e1": "enter"},
    ),
    Case(
        name="long_pays_slippage_at_the_entry",
        rule="entry",
        bars=RISING,
        settings=free(slippage_bps=5.0),
        signals=[long("2025-06-03", weight=0.95)],
        # fill 100 x 1.0005 = 100.05; 95,000 / 100.05 = 949.5
        trades=[
            trade("e1", "ACME", "long", 949, "2025-06-03", 100.05, "2025-06-04", 105.0, "open",
                  gross=949 * (105 - 100.05)),
        ],
        equity=[100_000, 100_000 + 949 * (103 - 100.05), 100_000 + 949 * (105 - 100.05)],
        cash=[100_000, 100_000 - 949 * 100.05, 100_000 - 949 * 100.05],
    ),
    Case(
        name="short_receives_less_by_slippage_at_the_entry",
        rule="entry",
        bars=RISING,
        settings=free(slippage_bps=5.0),
        signals=[short("2025-06-03", weight=0.5)],
        # fill 100 x 0.9995 = 99.95; 50,000 / 99.95 = 500.25
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 99.95, "2025-06-04", 105.0, "open",
                  gross=500 * (99.95 - 105)),
        ],
        equity=[100_000, 100_000 + 500 * (99.95 - 103), 100_000 + 500 * (99.95 - 105)],
        cash=[100_000, 100_000 + 500 * 99.95, 100_000 + 500 * 99.95],
    ),
    Case(
        name="slippage_goes_beyond_the_range_of_a_halted_bar",
        rule="slippage",
        bars={
            "ACME": """
                2025-06-02 100 100 100 100
                2025-06-03 100 100 100 100
                2025-06-04 100 100 100 100
            """
        },
        settings=free(slippage_bps=50.0),
        signals=[long("2025-06-03", weight=0.5, hold=1)],
        # buys at 100.5, above the high; 50,000 / 100.5 = 497.5; sells at 99.5, below the low
        trades=[
            trade("e1", "ACME", "long", 497, "2025-06-03", 100.5, "2025-06-04", 99.5, "time",
                  gross=497 * (99.5 - 100.5)),
        ],
        equity=[100_000, 100_000 - 497 * 0.5, 100_000 - 497 * 1.0],
    ),
    Case(
        name="sized_on_the_open_that_gapped_not_on_the_last_close",
        rule="size",
        bars={
            "ACME": """
                2025-06-02 100 101  99 100
                2025-06-03 125 130 124 128
            """
        },
        signals=[long("2025-06-03", weight=0.95)],
        # 95,000 / 125 = 760 shares; 950 sized on the close would cost 118,750
        trades=[
            trade("e1", "ACME", "long", 760, "2025-06-03", 125.0, "2025-06-03", 128.0, "open",
                  gross=760 * (128 - 125)),
        ],
        equity=[100_000, 100_000 + 760 * 3],
    ),
    Case(
        name="whole_shares_rounded_down",
        rule="size",
        bars={
            "ACME": """
                2025-06-02 300 305 298 301
                2025-06-03 301 303 299 300
            """
        },
        signals=[long("2025-06-03", weight=0.95)],
        # 95,000 / 301 = 315.6
        trades=[
            trade("e1", "ACME", "long", 315, "2025-06-03", 301.0, "2025-06-03", 300.0, "open",
                  gross=315 * (300 - 301)),
        ],
        equity=[100_000, 100_000 - 315],
    ),
    Case(
        name="small_account_buys_few_shares",
        rule="size",
        bars=RISING,
        settings=free(cash=350.0),
        signals=[long("2025-06-03", weight=0.95)],
        # 332.5 / 100 = 3.3
        trades=[
            trade("e1", "ACME", "long", 3, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=3 * (105 - 100)),
        ],
        equity=[350, 350 + 3 * 3, 350 + 3 * 5],
    ),
    Case(
        name="one_share_dearer_than_the_weight_finds_no_room",
        rule="size",
        bars=RISING,
        settings=free(cash=105.0),
        signals=[long("2025-06-03", weight=0.95)],
        # 99.75 / 100 is less than one share, although the cash would pay one
        trades=[],
        equity=[105, 105, 105],
        outcomes={"e1": "no_room"},
    ),
    Case(
        name="sized_on_the_equity_of_the_day_not_on_the_first_cash",
        rule="size",
        bars={
            "ACME": """
                2025-06-02 100 105  99 104
                2025-06-03 120 122 110 112
                2025-06-04 100 108  98 106
            """
        },
        signals=[long("2025-06-02", weight=0.5, hold=1), long("2025-06-04", weight=0.5)],
        # 500 x 20 earned: 110,000 x 0.5 / 100 = 550
        trades=[
            trade("e1", "ACME", "long", 500, "2025-06-02", 100.0, "2025-06-03", 120.0, "time",
                  gross=500 * (120 - 100)),
            trade("e2", "ACME", "long", 550, "2025-06-04", 100.0, "2025-06-04", 106.0, "open",
                  gross=550 * (106 - 100)),
        ],
        equity=[100_000 + 500 * 4, 110_000, 110_000 + 550 * 6],
    ),
    Case(
        name="full_weight_leaves_room_for_the_commission",
        rule="size",
        bars=RISING,
        settings=free(commission_per_share=0.005),
        signals=[long("2025-06-03", weight=1.0)],
        # 1,000 shares and 5.00 commission exceed the cash; 999 shares and 4.995 do not
        trades=[
            trade("e1", "ACME", "long", 999, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=999 * (105 - 100), commission=999 * 0.005),
        ],
        equity=[100_000, 100_000 + 999 * 3 - 4.995, 100_000 + 999 * 5 - 4.995],
        cash=[100_000, 100_000 - 99_900 - 4.995, 100_000 - 99_900 - 4.995],
    ),
    Case(
        name="a_dear_commission_costs_many_shares",
        rule="size",
        bars=RISING,
        settings=free(commission_bps=100.0, commission_max=0.02),
        signals=[long("2025-06-03", weight=1.0)],
        # a share costs 100 + 1: 100,000 / 101 = 990.1
        trades=[
            trade("e1", "ACME", "long", 990, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=990 * (105 - 100), commission=990 * 1.0),
        ],
        equity=[100_000, 100_000 + 990 * 3 - 990, 100_000 + 990 * 5 - 990],
        cash=[100_000, 100_000 - 990 * 101, 100_000 - 990 * 101],
    ),
    Case(
        name="cash_for_the_price_but_not_for_the_commission_finds_no_room",
        rule="size",
        bars=RISING,
        settings=free(cash=100.0, commission_per_share=0.005),
        signals=[long("2025-06-03", weight=1.0)],
        # one share costs 100 and 1.00 (the minimum, and also 1 % of the value)
        trades=[],
        equity=[100, 100, 100],
        outcomes={"e1": "no_room"},
    ),
    Case(
        name="weight_above_max_gross_is_cut",
        rule="several symbols",
        bars=RISING,
        settings=free(max_gross=0.5),
        signals=[short("2025-06-03", weight=0.8)],
        # room for 50,000 / 100
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=500 * (100 - 105)),
        ],
        equity=[100_000, 100_000 - 500 * 3, 100_000 - 500 * 5],
        outcomes={"e1": "enter"},
    ),
    Case(
        name="a_short_may_exceed_the_equity_where_max_gross_allows",
        rule="size",
        bars=RISING,
        settings=free(max_gross=1.5),
        signals=[short("2025-06-03", weight=2.0)],
        # room for 150,000 / 100
        trades=[
            trade("e1", "ACME", "short", 1500, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=1500 * (100 - 105)),
        ],
        equity=[100_000, 100_000 - 1500 * 3, 100_000 - 1500 * 5],
        cash=[100_000, 250_000, 250_000],
    ),
    Case(
        name="a_long_never_exceeds_the_cash",
        rule="size",
        bars=RISING,
        settings=free(max_gross=2.0),
        signals=[long("2025-06-03", weight=2.0)],
        # max_gross would allow 2,000 shares, the cash pays 1,000
        trades=[
            trade("e1", "ACME", "long", 1000, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=1000 * (105 - 100)),
        ],
        equity=[100_000, 100_000 + 1000 * 3, 100_000 + 1000 * 5],
        cash=[100_000, 0, 0],
    ),
    Case(
        name="room_for_a_short_is_counted_at_the_fill",
        rule="several symbols",
        bars=RISING,
        settings=free(slippage_bps=100.0),
        signals=[short("2025-06-03", weight=2.0)],
        # fill 99: 100,000 / 99 = 1,010.1; counted at the open of 100 it would be 1,000
        trades=[
            trade("e1", "ACME", "short", 1010, "2025-06-03", 99.0, "2025-06-04", 105.0, "open",
                  gross=1010 * (99 - 105)),
        ],
        equity=[100_000, 100_000 + 1010 * (99 - 103), 100_000 + 1010 * (99 - 105)],
    ),
    Case(
        name="one_share_is_a_position",
        rule="size",
        bars=RISING,
        settings=free(cash=110.0),
        signals=[long("2025-06-03", weight=0.95)],
        # 104.5 / 100
        trades=[
            trade("e1", "ACME", "long", 1, "2025-06-03", 100.0, "2025-06-04", 105.0, "open",
                  gross=105 - 100),
        ],
        equity=[110, 113, 115],
        outcomes={"e1": "enter"},
    ),
]
