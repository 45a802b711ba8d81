"""Borrow by the table of rates, at one flat rate, or none. A rate of 0.36 is 0.001 a day."""

from tests.spec.case import Case, free, short, trade

FRIDAY = {
    "ACME": """
        2025-06-05 100 101  99 100   # Thursday
        2025-06-06 100 101  99 100
        2025-06-09 100 101  99 100   # Monday
    """
}
TABLE = {"ACME": [("2025-06-06", 0.72)]}
SHORT = [short("2025-06-05", weight=0.5)]

# fmt: off
CASES = [
    Case(
        name="borrow_by_the_table_is_the_default_until_the_first_rate",
        rule="borrow",
        bars=FRIDAY,
        borrow=TABLE,
        settings=free(borrow_mode="table", borrow_default=0.36),
        signals=SHORT,
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-05", 100.0, "2025-06-09", 100.0, "open",
                  borrow=51 + 3 * 102),
        ],
        equity=[100_000, 100_000 - 51, 100_000 - 357],
    ),
    Case(
        name="flat_borrow_overlooks_the_table",
        rule="borrow",
        bars=FRIDAY,
        borrow=TABLE,
        settings=free(borrow_mode="flat", borrow_default=0.36),
        signals=SHORT,
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-05", 100.0, "2025-06-09", 100.0, "open",
                  borrow=51 + 3 * 51),
        ],
        equity=[100_000, 100_000 - 51, 100_000 - 204],
    ),
    Case(
        name="flat_borrow_needs_no_table",
        rule="borrow",
        bars=FRIDAY,
        settings=free(borrow_mode="flat", borrow_default=0.36, borrow_day_count=365),
        signals=SHORT,
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-05", 100.0, "2025-06-09", 100.0, "open",
                  borrow=4 * 51_000 * 0.36 / 365),
        ],
        equity=[
            100_000, 100_000 - 51_000 * 0.36 / 365, 100_000 - 4 * 51_000 * 0.36 / 365,
        ],
    ),
    Case(
        name="flat_borrow_of_nothing_is_nothing",
        rule="borrow",
        bars=FRIDAY,
        borrow=TABLE,
        settings=free(borrow_mode="flat", borrow_default=0.0),
        signals=SHORT,
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-05", 100.0, "2025-06-09", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
    ),
    Case(
        name="no_borrow_overlooks_table_and_default",
        rule="borrow",
        bars=FRIDAY,
        borrow=TABLE,
        settings=free(borrow_mode="none", borrow_default=0.36),
        signals=SHORT,
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-05", 100.0, "2025-06-09", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
    ),
    Case(
        name="no_borrow_where_one_symbol_has_rates_and_one_has_none",
        rule="borrow",
        bars={"ACME": FRIDAY["ACME"], "BOLT": FRIDAY["ACME"]},
        borrow=TABLE,
        settings=free(borrow_mode="none", borrow_default=0.36),
        signals=[short("2025-06-05", "ACME", weight=0.5), short("2025-06-05", "BOLT", weight=0.5)],
        trades=[
            trade("e1", "ACME", "short", 500, "2025-06-05", 100.0, "2025-06-09", 100.0, "open"),
            trade("e2", "BOLT", "short", 500, "2025-06-05", 100.0, "2025-06-09", 100.0, "open"),
        ],
        equity=[100_000, 100_000, 100_000],
    ),
]
