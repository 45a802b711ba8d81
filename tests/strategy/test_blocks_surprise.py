"""Standardised surprises by hand. ACME is made up."""

import pytest

from backtest.blocks import standardised_surprise
from tests.block_market import made_market
from tests.made_up import earnings, news


def report(at, eps=None, consensus=None, **changes):
    return earnings(f"2025-{at}T16:05:00-04:00", eps=eps, eps_consensus=consensus, **changes)


# By 1, 2 and 3 cents more than expected: mean 2 cents, standard deviation 1 cent.
PAST = [report("06-03", 0.21, 0.20), report("06-04", 0.22, 0.20), report("06-05", -0.27, -0.30)]
NOW = report("06-18", 0.45, 0.40)  # 5 cents


def market(*reports):
    return made_market(events=[*reports, NOW])


def test_a_surprise_in_standard_deviations_from_the_mean_of_those_before():
    assert standardised_surprise(NOW, market(*PAST), least=3) == pytest.approx(3.0, rel=1e-9)


def test_the_report_itself_is_not_its_own_history():
    assert standardised_surprise(NOW, market(*PAST), least=4) is None
    assert standardised_surprise(NOW, market(*PAST)) is None  # four by default


def test_what_came_after_the_report_is_not_its_history():
    later = report("06-19", 9.0, 0.20)  # known at the decision, and no past of this report
    found = standardised_surprise(NOW, market(*PAST, later), least=3)
    assert found == pytest.approx(3.0, rel=1e-9)


def test_other_stocks_and_kinds_are_not_its_history():
    other = report("06-10", 9.0, 0.20, symbol="OTHR")
    assert standardised_surprise(NOW, market(*PAST, other, news()), least=3) == pytest.approx(3.0)


def test_unknown_surprises_do_not_count():
    unknown = report("06-10", 0.20, None)
    assert standardised_surprise(NOW, market(*PAST, unknown), least=4) is None
    assert standardised_surprise(unknown, market(*PAST), least=3) is None


def test_history_that_is_all_the_same_says_nothing():
    same = [report("06-03", 0.25, 0.125), report("06-04", 0.5, 0.375)]
    assert standardised_surprise(NOW, market(*same), least=2) is None


def test_dollars_that_are_the_same_but_for_rounding_are_the_same():
    same = [report("06-03", 0.3, 0.2), report("06-04", 0.4, 0.3), report("06-05", 0.5, 0.4)]
    assert standardised_surprise(NOW, market(*same), least=3) is None


def test_a_consensus_of_zero_is_no_obstacle():
    past = [report("06-03", 0.01, 0.0), report("06-04", 0.03, 0.0)]  # mean 2, deviation √2 cents
    found = standardised_surprise(NOW, market(*past), least=2)
    assert found == pytest.approx(3 / 2**0.5, rel=1e-9)


def test_one_report_before_is_never_enough():
    assert standardised_surprise(NOW, market(PAST[0]), least=1) is None


def test_revenue_and_guidance_are_taken_as_fractions():
    figures = {"revenue_consensus": 100.0, "guidance_consensus": 100.0}

    def told(at, revenue, guided):
        more = {"revenue": revenue, "guidance_low": guided, "guidance_high": guided}
        return report(at, **figures, **more)

    # revenue +1 %, +3 %, then +5 %: (5 − 2) ÷ √2; guidance −1 %, −3 %, then −5 %
    past, now = [told("06-03", 101.0, 99.0), told("06-04", 103.0, 97.0)], told("06-18", 105.0, 95.0)
    seen = made_market(events=[*past, now])
    expected = pytest.approx(3 / 2**0.5, rel=1e-9)
    assert standardised_surprise(now, seen, "revenue", least=2) == expected
    assert -standardised_surprise(now, seen, "guidance", least=2) == expected
    assert standardised_surprise(now, seen, "eps", least=2) is None
