"""How figures are written: what rounds to zero has no sign."""

from datetime import UTC, datetime

import pytest

from backtest.engine.rules import Rules
from backtest.stats.formats import (
    FIGURES,
    bar_or_session,
    costs_line,
    count,
    counted,
    effect,
    few,
    field,
    fine,
    gain,
    new_york_day,
    p_value,
    percent,
    price,
    probability,
    ratio,
    sessions,
    share,
    visible,
)


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (percent, 0.0, "0.0 %"),
        (percent, -0.0, "0.0 %"),
        (percent, 0.0004, "0.0 %"),
        (percent, -0.0004, "0.0 %"),
        (percent, 0.0006, "+0.1 %"),
        (percent, -1.0, "-100.0 %"),
        (percent, None, "–"),
        (share, -0.0, "0 %"),
        (share, 0.0064, "0.64 %"),
        (share, 0.00994, "0.99 %"),
        (share, -0.001, "-0.1 %"),
        (share, 0.0006, "0.06 %"),
        (share, 2e-7, "under 0.01 %"),
        (ratio, -0.001, "0.00"),
        (count, -0.4, "0"),
        (gain, -0.4, "0"),
        (gain, 0.4, "0"),
        (gain, -1000.0, "-1,000"),
        (gain, 20.0, "+20"),
    ],
)
def test_zero_has_no_sign(form, value, text):
    assert form(value) == text


@pytest.mark.parametrize(
    ("part", "told"), [(0.0, "5 bp slippage,"), (0.05, "5 bp slippage and 5 % of the range,")]
)
def test_slippage_by_the_range_is_told_with_the_costs(part, told):
    assert told in costs_line({"rules": Rules(slippage_range=part).model_dump()})


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (probability, 0.00009, "<0.0001"),
        (probability, 0.0001, "0.0001"),
        (probability, 0.0099, "0.0099"),
        (probability, 0.01, "0.01"),
        (probability, None, "–"),
        (p_value, 0.0523, "0.052"),
        (p_value, 0.1, "0.10"),
        (p_value, 0.523, "0.52"),
        (p_value, None, "–"),
        (percent, 246.479, "+24,647.9 %"),
        (fine, -12.3456, "-1,234.56 %"),
        (effect, 12.3456, "1,234.6 %"),
        (share, 15.9, "1,590 %"),
        (share, 1.0, "100 %"),
        (share, 0.994, "99 %"),
        (share, 0.9951, "over 99 %"),
        (ratio, 4361.4, "4,361.40"),
        (share, 0.014, "1 %"),
        (share, -0.014, "-1 %"),
        (share, 0.0001, "0.01 %"),
        (share, 0.00009, "under 0.01 %"),
        (share, None, "–"),
        (fine, 0.00012, "+0.01 %"),
        (fine, -0.00004, "+0.00 %"),
        (fine, None, "–"),
        (effect, 0.0123, "1.2 %"),
        (effect, None, "–"),
        (sessions, 2.5, "2.5 sessions"),
        (sessions, 1.0, "1 session"),
        (sessions, 1.04, "1 session"),
        (sessions, 1234.0, "1,234 sessions"),
        (sessions, None, "–"),
        (price, 0.0231, "0.0231"),
        (price, 0.0012, "0.0012"),
        (price, 0.00097, "0.00097"),
        (price, -0.0000404, "-0.000040"),
        (price, 0.99996, "1.0000"),
        (price, 0.0, "0.00"),
        (price, 1.005, "1.00"),
        (price, 1234.5, "1,234.50"),
        (ratio, None, "–"),
        (count, None, "–"),
        (gain, None, "–"),
    ],
)
def test_a_figure_has_as_many_digits_as_count(form, value, text):
    assert form(value) == text


def test_one_is_counted_without_an_s():
    assert [counted(n, "set") for n in (0, 1, 3480)] == ["0 sets", "1 set", "3,480 sets"]


@pytest.mark.parametrize(
    ("names", "text"),
    [("abc", "a, b, c"), ("abcd", "a, b, c, d"), ("abcde", "a, b, c and 2 more")],
)
def test_of_five_names_three_are_told(names, text):
    assert few(list(names)) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("eps", None, "–"),
        ("period", "", "–"),
        ("eps", 0, "0"),
        ("eps_surprise", 0.5, "+50.0 %"),
        ("stake_change", -0.5, "-50.0 %"),
        ("shares", 9_999, "9999"),
        ("shares", 10_000, "10,000"),
        ("shares", -10_000, "-10,000"),
        ("period", "2024Q4", "2024Q4"),
        (
            "published_at",
            datetime(2025, 6, 4, 20, 5, 7, tzinfo=UTC),
            "2025-06-04 16:05 New York (2025-06-04 20:05:07 UTC)",
        ),
    ],
)
def test_a_field_of_an_event_is_written_by_what_it_is(name, value, text):
    assert field(name, value) == text


def test_a_day_is_that_of_new_york():
    """It is still the evening before there at 02:30 UTC."""
    stamp = "2025-06-05T02:30:00+00:00"
    assert new_york_day(stamp) == "2025-06-04"
    assert bar_or_session("2025-06-04", stamp) == "2025-06-04 22:30"
    assert bar_or_session("2025-06-04", None) == "2025-06-04"


def test_marks_that_turn_text_around_are_read_and_line_feeds_stay():
    assert visible("a\u202eb\x1b\n\t") == "a\\u202eb\\u001b\n\t"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {},
            "retail, 0.005 $ a share, 5 bp slippage, borrow by recorded, 5 min to react",
        ),
        (
            {"costs": {"name": "own"}, "axes": {"reaction": [5, 30]}},
            "own, 0.005 $ a share, 5 bp slippage, borrow by recorded",
        ),
        (
            {"borrow_mode": "none"},
            "retail, 0.005 $ a share, 5 bp slippage, no borrow, 5 min to react",
        ),
    ],
)
def test_costs_are_told_in_a_line(changes, told):
    own = {"commission_per_share": 0.005, "slippage_bps": 5.0, "reaction_minutes": 5.0}
    mode = changes.get("borrow_mode", "recorded")
    rules = Rules().model_dump() | own | {"borrow_mode": mode}
    assert costs_line({"rules": rules, **changes}) == told


@pytest.mark.parametrize(("value", "text"), [(0.9951, "100 %"), (0.0064, "0.64 %"), (None, "–")])
def test_a_volatility_is_no_share_of_a_whole(value, text):
    forms = {name: form for name, _, form in FIGURES}
    assert forms["volatility"](value) == text
    assert forms["win_rate"](0.9951) == "over 99 %"
