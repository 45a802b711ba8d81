"""PBO against worked cases, SPA against arch itself."""

import numpy as np
import pytest
from arch.bootstrap import SPA, StationaryBootstrap

from backtest.stats import multiple_testing
from backtest.stats.multiple_testing import (
    _rank,
    _stationary_positions,
    probability_of_overfitting,
    superior_ability,
    wilson_interval,
)


def by_hand() -> np.ndarray:
    """Ratios of 3, 0 or -3 by half, of 1, and of 0: of mean and deviation, or of no mean."""
    falling = np.array([4.0, 2.0] * 2 + [-2.0, -4.0] * 2)
    return np.column_stack([falling, np.array([2.0, 0.0] * 4), np.array([1.0, -1.0] * 4)])


def noise(seed: int, rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, (rows, columns))


def test_pbo_by_hand():
    found = probability_of_overfitting(by_hand(), blocks=4)
    assert found.pbo == pytest.approx(1 / 3)
    # relative ranks 1/4, 2/4 and four times 3/4
    assert found.loss_share == pytest.approx(1 / 6)


def test_oldest_rows_that_fill_no_block_are_left_out():
    longer = np.vstack([np.full((3, 3), 99.0), by_hand()])
    found = probability_of_overfitting(longer, blocks=4)
    assert found.pbo == pytest.approx(1 / 3)


def test_one_dominant_variant_is_not_overfitted():
    returns = noise(1, 240, 20)
    returns[:, 7] += 0.05
    found = probability_of_overfitting(returns, blocks=8)
    assert (found.pbo, found.loss_share) == (0.0, 0.0)


def test_demeaned_columns_are_overfitted_without_exception():
    returns = noise(2, 240, 20)
    found = probability_of_overfitting(returns - returns.mean(axis=0), blocks=8)
    assert found.pbo == 1.0


def test_null_reference_and_its_scatter():
    draws = [
        probability_of_overfitting(noise(seed, 1000, 100), blocks=8).pbo for seed in range(100)
    ]
    assert np.mean(draws) == pytest.approx(0.511, abs=3 * 0.165 / 10)
    assert np.std(draws) == pytest.approx(0.165, abs=0.04)


def test_copies_of_a_variant_share_their_rank():
    values = np.repeat([0.2, 0.1], 5)
    assert {_rank(values, variant) for variant in range(5)} == {8.0}
    assert {_rank(values, variant) for variant in range(5, 10)} == {3.0}


def test_variants_that_never_trade_have_a_ratio_of_zero():
    returns = np.zeros((40, 3))
    found = probability_of_overfitting(returns, blocks=4)
    assert (found.pbo, found.loss_share) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("shape", "blocks", "message"),
    [((8, 3), 3, "even"), ((8, 3), 10, "even"), ((8, 3), 0, "even"), ((8, 1), 4, "one variant")],
)
def test_what_cannot_be_split(shape, blocks, message):
    with pytest.raises(ValueError, match=message):
        probability_of_overfitting(np.ones(shape), blocks=blocks)


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (2, 1), (7, 3), (250, 15)])
def test_positions_of_the_stationary_bootstrap_are_those_of_arch(rows, length):
    theirs = StationaryBootstrap(length, np.arange(rows), seed=5).bootstrap(20)
    rng = np.random.default_rng(5)
    for (positions,), _ in theirs:
        assert _stationary_positions(rng, rows, length).tolist() == positions.tolist()


def test_blocks_of_the_stationary_bootstrap_are_as_long_as_asked_and_begin_anywhere():
    rows, length, draws = 100, 10, 2_000
    rng = np.random.default_rng(6)
    drawn = np.array([_stationary_positions(rng, rows, length) for _ in range(draws)])
    goes_on = (np.diff(drawn, axis=1) % rows == 1).mean()
    # A block ends with chance 1/10, and the next one then goes on by accident with 1/100.
    assert goes_on == pytest.approx(0.9 + 0.1 / rows, abs=4 * 0.3 / np.sqrt(draws * (rows - 1)))
    counts = np.bincount(drawn.ravel(), minlength=rows)
    assert counts.min() > 0.8 * draws
    assert counts.max() < 1.2 * draws


@pytest.mark.parametrize("lift", [0.0, -0.01, 0.001])
def test_spa_is_that_of_arch_on_studentised_differences(monkeypatch, lift):
    monkeypatch.setattr(multiple_testing, "_COLUMNS", 4)
    returns, benchmark = noise(4, 200, 6), noise(5, 200, 1)[:, 0]
    returns[:, :3] += lift
    excess = returns - benchmark[:, None]
    weights = multiple_testing._resampling_weights(200, 1, 200) - 1 / 200
    spread = np.sqrt(200 * (weights**2).sum(axis=1).mean())
    excess = excess - (1 - spread) * excess.mean(axis=0)
    test = SPA(np.zeros(200), -excess / excess.std(axis=0), reps=200, seed=1, nested=True)
    test.compute()
    found = superior_ability(returns, benchmark, seed=1, draws=200)
    for name, theirs in (("lower", "lower"), ("p", "consistent"), ("upper", "upper")):
        assert getattr(found, name) * 201 - 1 == pytest.approx(test.pvalues[theirs] * 200)
    assert found.lower <= found.p <= found.upper


def test_blocks_vary_less_than_the_mean_of_noise_as_worked_out():
    """Two rows of a draw are the same with chance 1 ÷ n, unless they are of one block."""
    rows, length = 126, 11
    apart = np.arange(1, rows)
    together = 2 * np.sum((rows - apart) * (1 - 1 / length) ** apart) / rows
    weights = multiple_testing._resampling_weights(rows, 1, 4_000) - 1 / rows
    expected = 1 - (1 + together) / rows  # 0.85 of the variance of the mean
    assert rows * (weights**2).sum(axis=1).mean() == pytest.approx(expected, rel=0.02)


def test_level_of_spa_holds_for_half_a_year():
    """Of 600 tries with the spread of the blocks as it is 45 found something."""
    tries = 600
    found = sum(
        superior_ability(noise(seed, 126, 20), np.zeros(126), seed=seed, draws=99).p <= 0.05
        for seed in range(tries)
    )
    low, high = wilson_interval(found, tries, 0.99)
    assert low <= 0.05 <= high


def test_spa_finds_what_is_better_and_never_says_zero():
    returns, benchmark = noise(6, 250, 5), noise(7, 250, 1)[:, 0]
    returns[:, 2] += 0.005
    assert superior_ability(returns, benchmark, seed=1, draws=99).p == 1 / 100


def test_level_of_spa_holds_for_the_best_of_many():
    tries = 150
    found = sum(
        superior_ability(noise(seed, 250, 50), np.zeros(250), seed=1, draws=99).p <= 0.1
        for seed in range(tries)
    )
    low, high = wilson_interval(found, tries, 0.99)
    assert low <= 0.1 <= high


def test_copies_do_not_move_spa_and_is_seeded():
    returns, benchmark = noise(9, 100, 3), noise(10, 100, 1)[:, 0]
    copies = np.column_stack([returns, returns, benchmark])
    one, other = (superior_ability(each, benchmark, seed=3) for each in (returns, copies))
    assert one == other
    assert one != superior_ability(returns, benchmark, seed=4)


def test_spa_against_itself_is_unknown():
    benchmark = noise(11, 50, 1)
    assert superior_ability(benchmark, benchmark[:, 0], seed=1) is None


def test_two_variants_are_enough_to_choose_from():
    better = np.column_stack([np.tile([0.03, -0.01], 4), np.tile([0.01, -0.03], 4)])
    found = probability_of_overfitting(better, blocks=2)
    assert (found.pbo, found.loss_share) == (0.0, 0.0)


def test_a_variant_that_loses_as_much_in_every_period_has_a_ratio_of_zero():
    """What is left of its variance is rounding. Zero is more than the other's ratio of -1/2."""
    returns = np.column_stack([np.full(8, -0.1), np.tile([-0.03, 0.01], 4)])
    found = probability_of_overfitting(returns, blocks=2)
    assert (found.pbo, found.loss_share) == (0.0, 0.0)


def test_of_two_rows_there_is_an_answer():
    found = superior_ability(np.array([[0.01], [0.03]]), np.zeros(2), seed=1, draws=9)
    assert 0 < found.lower <= found.p <= found.upper <= 1


@pytest.mark.parametrize(("deviations", "is_left_out"), [(1.2, False), (1.8, False), (2.1, True)])
def test_a_variant_is_left_out_of_the_null_below_the_root_of_twice_the_iterated_logarithm(
    deviations, is_left_out
):
    """Of 500 sessions that is √(2 ln ln 500) = 1.91 standard deviations of its mean."""
    rows = 500
    poor = noise(12, rows, 1)[:, 0]
    scaled = poor / poor.std()
    means = multiple_testing._resampling_weights(rows, 1, 1000) @ scaled
    poor -= (scaled.mean() + deviations * means.std()) * poor.std()
    found = superior_ability(poor[:, None], np.zeros(rows), seed=1)
    assert found.p == (found.lower if is_left_out else found.upper)
    assert found.lower < found.upper
