"""Costs that can be chosen: the rules' functions by hand, the presets, and files of one's own."""

import numpy as np
import pytest

from backtest.engine import rules as rule
from backtest.engine.rules import COST_FIELDS, Rules, read_costs
from backtest.errors import DataError, UsageError
from backtest.experiments.terms import make_rules
from tests.golden.goldens import ROOT

PRESETS = ROOT / "data" / "costs"


@pytest.mark.parametrize(
    ("shares", "price", "settings", "charge"),
    [
        (1_000, 50.0, {}, 5.0),  # 1,000 × 0.005
        (100, 50.0, {}, 1.0),  # 0.50, but 1.00 at least
        (10, 5.0, {}, 0.5),  # 1.00 at least, but 1 % of 50 at most
        (1_000, 50.0, {"commission_bps": 2.0}, 15.0),  # 5 + 50,000 × 0.0002
        (1_000, 50.0, {"commission_fixed": 3.0}, 8.0),
        (1_000, 50.0, {"commission_per_share": 0.0}, 0.0),  # free: no minimum either
    ],
)
def test_commission(shares: int, price: float, settings: dict, charge: float) -> None:
    assert rule.commission(shares, price, Rules(**settings)) == pytest.approx(charge)


def test_slippage_in_basis_points_and_as_a_share_of_the_last_range() -> None:
    assert rule.slippage(0.10, Rules()) == pytest.approx(0.0005)
    assert rule.slippage(0.10, Rules(slippage_range=0.2)) == pytest.approx(0.0205)
    assert rule.slippage(9.0, Rules(slippage_range=1.0)) == 0.99


def test_participation_cap() -> None:
    volumes = [100.0, 900.0, 300.0, 500.0]
    assert rule.participation_cap(volumes, Rules(max_participation=0.1)) == 40  # median 400
    assert rule.participation_cap(volumes, Rules()) is None
    assert rule.participation_cap([], Rules(max_participation=0.1)) is None


def test_a_level_is_what_it_is_on_paper() -> None:
    assert 100 * 1.1 != 110.0  # in binary
    assert rule.target_level(100.0, 1, 0.1) == 110.0
    assert rule.stop_level(96.14805, 1, 0.10) == 86.533245


def test_borrow_over_a_weekend() -> None:
    assert rule.borrow_charge(12_000.0, 0.30, 3, Rules()) == pytest.approx(30.60)


def test_interest() -> None:
    assert rule.interest(36_000.0, 3, Rules(cash_rate=0.04)) == pytest.approx(12.0)
    assert rule.interest(-36_000.0, 3, Rules(cash_rate=0.04)) == 0.0


def test_returns_above_cash() -> None:
    rules = Rules(cash_rate=0.036)  # a ten-thousandth a day
    weekend = rule.above_cash(0.001, 3.0, rules)
    assert weekend == pytest.approx(0.0007)
    alone = np.array([0.0003, 0.0003 + 1e-16, 0.0])
    assert rule.above_cash(alone, np.array([3.0, 3.0, 0.0]), rules).tolist() == [0.0, 0.0, 0.0]


def test_the_presets_that_ship() -> None:
    assert sorted(file.stem for file in PRESETS.glob("*.toml")) == [
        "frictionless",
        "institutional",
        "retail",
    ]


@pytest.mark.parametrize("name", ["frictionless", "institutional", "retail"])
def test_every_figure_of_a_preset_has_a_source(name: str) -> None:
    costs = read_costs(PRESETS, name)
    for figure in costs.figures:
        topic = figure.removeprefix("max_").split("_")[0]
        assert {"figures", topic} & set(costs.sources), f"{figure} has no source"


def test_retail_is_the_default() -> None:
    assert make_rules(read_costs(PRESETS, "retail")) == Rules()


def test_frictionless_costs_nothing() -> None:
    rules = make_rules(read_costs(PRESETS, "frictionless"))
    assert rule.commission(1_000, 50.0, rules) == 0.0
    assert rule.slippage(0.5, rules) == 0.0
    assert rules.borrow_mode == "none"


def test_options_go_before_costs() -> None:
    rules = make_rules(read_costs(PRESETS, "frictionless"), slippage_bps=7.0, cash=None)
    assert (rules.slippage_bps, rules.commission_per_share, rules.cash) == (7.0, 0.0, 100_000.0)


def test_a_file_of_ones_own(tmp_path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[figures]\ncommission_fixed = 4.95\ncash_rate = 0.03\n")
    costs = read_costs(PRESETS, str(file))
    assert (costs.name, dict(costs.figures)) == (
        "mine",
        {"commission_fixed": 4.95, "cash_rate": 0.03},
    )


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[figures", DataError, "not readable TOML"),
        ("commission_fixed = 1", DataError, r"must hold a table \[figures\]"),
        ("[figures]\n[extra]\n", DataError, "no other"),
        ("[figures]\ncomission_fixed = 1", UsageError, "Did you mean 'commission_fixed'"),
        ("[figures]\ncash = 1", UsageError, "'cash'"),  # what an account has is no cost
        ("sources = 'a broker'\n[figures]\nslippage_bps = 1", DataError, "sources"),
    ],
)
def test_a_malformed_file(tmp_path, text: str, error: type, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(error, match=message):
        read_costs(PRESETS, str(file))


def test_a_figure_out_of_bounds() -> None:
    with pytest.raises(UsageError, match=r"slippage_bps -1\.0: .* greater than or equal to 0"):
        make_rules(slippage_bps=-1.0)


def test_a_figure_that_is_no_number(tmp_path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[figures]\nslippage_bps = 'much'")
    with pytest.raises(UsageError, match="slippage_bps 'much': Input should be a valid number"):
        make_rules(read_costs(PRESETS, str(file)))


def test_an_unknown_preset() -> None:
    with pytest.raises(UsageError, match="Did you mean 'retail'"):
        read_costs(PRESETS, "retial")


def test_what_is_a_cost() -> None:
    assert not {"max_gross", "max_positions", "min_order"} & set(COST_FIELDS)
    assert "borrow_mode" in COST_FIELDS
