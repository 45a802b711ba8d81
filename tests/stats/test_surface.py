"""The surface of a sweep: axes, cells, distribution and neighbourhood, worked by hand."""

from __future__ import annotations

from itertools import product
from statistics import median

import numpy as np
import pandas as pd
import pytest

from backtest.stats.surface import (
    METRICS,
    Rank,
    Spread,
    bins,
    cells,
    histogram,
    make_grid,
    neighbourhood,
    rank,
    spread,
    summary,
)

NAN = float("nan")


def table(returns, **columns) -> pd.DataFrame:
    """Sets that return this, in product order; a Sharpe ratio of ten times the return."""
    returns = np.array(returns, float)
    figures = {
        "final_equity": 100_000 * (1 + returns),
        "total_return": returns,
        "sharpe": returns * 10,
        "max_drawdown": returns - 0.5,
        "trades": np.arange(len(returns)),
        "win_rate": 0.5,
        "commission": 10.0,
        "borrow": 2.0,
    }
    return pd.DataFrame({"set": np.arange(len(returns)), **figures, **columns})


def axis(values, default):
    return make_grid({"x": values}, {"x": default}).axes[0]


def figures(number, sets) -> dict[str, float | None]:
    """A set's figures, as those of the default are handed over."""
    row = sets.iloc[number].drop("set")
    return {name: None if pd.isna(value) else float(value) for name, value in row.items()}


# ---- axes ---------------------------------------------------------------------------------------


def test_numbers_rise_and_categories_follow_as_given():
    made = axis([0.3, None, 0.1, "auto", 2], 0.1)
    assert made.levels == (0.1, 0.3, 2, None, "auto")
    assert made.codes.tolist() == [1, 3, 0, 4, 2]
    assert (made.numbers, made.default, made.nearest) == (3, 0, 0)


@pytest.mark.parametrize(
    ("values", "default", "level", "nearest"),
    [
        ([4, 9, 12], 10, None, 1),
        ([4, 9, 12], 11, None, 2),
        ([8, 12], 10, None, 0),  # halfway: the lower
        ([8, 12], 99, None, 1),
        ([0.1, 0.2, 0.1 + 0.2], 0.3, 2, 2),  # the last bit of a float decides nothing
        ([1, 2], 2.0, 1, 1),
        ([0, 1], True, None, None),
        ([True, False], True, 0, 0),
        (["a", "b"], "c", None, None),
        ([0.1, 0.2], None, None, None),
        ([None, 0.2], None, 1, 1),
    ],
)
def test_default_has_a_level_or_a_nearest_number(values, default, level, nearest):
    made = axis(values, default)
    assert (made.default, made.nearest) == (level, nearest)


@pytest.mark.parametrize(
    ("values", "default", "steps"),
    [([1, 2], 1, True), ([1], 1, False), ([1, None, 2], None, False), (["a", "b"], "a", False)],
)
def test_only_numbers_have_steps(values, default, steps):
    assert axis(values, default).steps is steps


def test_sets_lie_in_product_order_with_the_last_axis_fastest():
    grid = make_grid({"x": [2, 1], "y": ["a", "b", "c"]}, {"x": 1, "y": "b"})
    assert grid.codes.tolist() == [[1, 1, 1, 0, 0, 0], [0, 1, 2, 0, 1, 2]]
    assert grid.default == 4


def test_default_outside_of_the_grid_has_no_number():
    assert make_grid({"x": [2, 1], "y": [5]}, {"x": 1, "y": 6}).default is None


@pytest.mark.parametrize(
    ("values", "most", "expected"),
    [
        ([1, 2, 3], 3, [[1], [2], [3]]),
        ([1, 2, 3, 4], 3, [[1], [2, 3], [4]]),
        (list(range(10)), 4, [[0, 1], [2, 3, 4], [5, 6, 7], [8, 9]]),
        ([1, None, 2, 3, 4], 3, [[1, 2], [3, 4], [None]]),
        (["a", "b", "c", "d"], 2, [["a", "b"], ["c", "d"]]),
    ],
)
def test_a_big_axis_is_joined_into_groups_of_neighbours(values, most, expected):
    made = axis(values, values[0])
    assert [[made.levels[place] for place in part] for part in bins(made, most)] == expected


@pytest.mark.parametrize("numbers", [0, 1, 7, 500, 999, 1000])
@pytest.mark.parametrize("most", [2, 3, 50, 999])
def test_groups_hold_every_place_once_and_are_never_more_than_asked_for(numbers, most):
    made = axis([*range(numbers), *(f"c{n}" for n in range(1000 - numbers))], 0)
    groups = bins(made, most)
    assert [place for part in groups for place in part] == list(range(1000))
    assert len(groups) <= most
    assert not any(part[0] < numbers <= part[-1] for part in groups)


# ---- cells --------------------------------------------------------------------------------------


def test_a_cell_is_the_median_over_the_other_parameters():
    # x: 1, 2 · y: 10, 20 · z: a, b, c; z is the fastest
    sets = table([0.1, 0.2, 0.9, 0.0, 0.0, 0.3, -0.1, -0.2, -0.3, 0.5, 0.6, 0.4])
    grid = make_grid(
        {"x": [1, 2], "y": [10, 20], "z": ["a", "b", "c"]}, {"x": 1, "y": 20, "z": "c"}
    )
    one = {0: bins(grid.axes[0], 9), 1: bins(grid.axes[1], 9)}
    found = cells(sets, grid, one)
    assert found["total_return"].tolist() == [[0.2, 0.0], [-0.2, 0.5]]
    assert found["trades"].tolist() == [[1, 4], [7, 10]]
    fixed = cells(sets, grid, one, others_at_default=True)
    assert fixed["total_return"].tolist() == [[0.9, 0.3], [-0.3, 0.4]]


def test_cells_follow_the_order_of_the_axes_asked_for_and_of_rising_numbers():
    sets = table([1, 2, 3, 4, 5, 6])
    grid = make_grid({"x": [20, 10], "y": [1, 2, 3]}, {"x": 10, "y": 1})
    y, x = bins(grid.axes[1], 9), bins(grid.axes[0], 9)
    assert cells(sets, grid, {1: y, 0: x})["total_return"].tolist() == [[4, 1], [5, 2], [6, 3]]


def test_a_cell_without_the_figure_is_nan_and_one_with_some_is_their_median():
    sets = table([0.1, 0.2, 0.3, 0.4], sharpe=[NAN, NAN, NAN, 2.0])
    grid = make_grid({"x": [1, 2], "y": [1, 2]}, {"x": 1, "y": 1})
    found = cells(sets, grid, {0: bins(grid.axes[0], 9)})
    np.testing.assert_array_equal(found["sharpe"], [NAN, 2.0])


def test_others_cannot_be_at_a_default_that_the_grid_does_not_hold():
    sets = table([0.1, 0.2, 0.3, 0.4])
    grid = make_grid({"x": [1, 2], "y": [1, 2]}, {"x": 1, "y": 5})
    assert cells(sets, grid, {0: bins(grid.axes[0], 9)}, others_at_default=True) is None
    assert cells(sets, grid, {1: bins(grid.axes[1], 9)}, others_at_default=True) is not None


def test_cells_of_groups_agree_with_a_plain_count():
    axes = {"x": [5, 1, 4, 2, 3], "y": [None, 7, 8], "z": [0.5, 0.1, 0.2, 0.9]}
    values = np.random.default_rng(5).normal(size=60)
    sets = table(values)
    grid = make_grid(axes, {"x": 1, "y": None, "z": 0.2})
    groups = {0: bins(grid.axes[0], 2), 2: bins(grid.axes[2], 3)}
    assert [len(part) for part in groups[0]] == [2, 3]
    assert [len(part) for part in groups[2]] == [1, 2, 1]
    members = {0: [{1, 2}, {3, 4, 5}], 2: [{0.1}, {0.2, 0.5}, {0.9}]}
    sets_by_values = list(zip(product(*axes.values()), values, strict=True))
    expected = [
        [median(v for (x, _, z), v in sets_by_values if x in xs and z in zs) for zs in members[2]]
        for xs in members[0]
    ]
    found = cells(sets, grid, groups)
    np.testing.assert_allclose(found["total_return"], expected)
    assert set(found) == set(METRICS)


# ---- distribution -------------------------------------------------------------------------------


def test_spread_of_known_values():
    values = np.array([5.0, NAN, 1.0, 2.0, 3.0, 4.0])
    assert spread(values) == Spread(5, 1.0, 2.0, 3.0, 4.0, 5.0)
    assert spread(np.array([NAN])) is None


def test_rank_counts_what_is_below_and_what_is_equal():
    values = np.array([0.1, 0.2, 0.2, NAN, 0.3])
    assert rank(values, 0.2) == Rank(below=1, equal=2, known=4)
    assert rank(values, 9.0) == Rank(below=4, equal=0, known=4)
    assert rank(values, None) is None


def test_histogram_has_round_edges_and_zero_is_one_of_them():
    found = histogram(np.array([-0.31, 0.0, 0.04, 0.049, NAN, 0.62]), None, most=10)
    assert found.edges.tolist() == pytest.approx([n / 10 for n in range(-4, 8)])
    assert found.counts.tolist() == [1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("highest", "step"),
    [(1.0, 0.1), (1.1, 0.2), (2.0, 0.2), (2.4, 0.25), (2.6, 0.5), (5.0, 0.5), (5.1, 1.0)],
)
def test_the_step_of_a_histogram_is_the_next_round_number(highest, step):
    found = histogram(np.array([0.0, highest]), None, most=10)
    assert np.diff(found.edges) == pytest.approx(step)


def test_a_step_is_a_tenth_of_a_percent_at_least():
    assert np.diff(histogram(np.array([0.0, 0.002]), None).edges) == pytest.approx(0.001)


def test_histogram_reaches_to_the_default():
    found = histogram(np.array([0.1, 0.2]), 0.95, most=10)
    assert found.edges[-1] > 0.95
    assert found.counts.sum() == 2
    assert len(found.counts) == len(found.edges) - 1


@pytest.mark.parametrize("values", [[0.0], [0.15, 0.15], [-1.7], [0.3, 0.1 + 0.2], [1e-9, -1e-9]])
def test_histogram_counts_values_at_an_edge_and_values_that_hardly_differ(values):
    found = histogram(np.array(values), values[0])
    assert found.counts.sum() == len(values)
    assert found.edges[0] <= min(values)
    assert max(values) <= found.edges[-1]


def test_histogram_of_nothing_known():
    assert histogram(np.array([NAN, NAN]), None) is None


# ---- neighbourhood ------------------------------------------------------------------------------

THREE = {"x": [1, 2, 3], "y": [10, 20, 30]}
NINE = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def near(axes, base, returns=NINE):
    return neighbourhood(table(returns), make_grid(axes, base))


def test_neighbours_of_the_middle_are_four_beside_and_eight_around():
    found = near(THREE, {"x": 2, "y": 20})
    assert (found.beside.count, found.around.count) == (4, 8)
    assert found.beside.returns == spread(np.array([0.2, 0.4, 0.6, 0.8]))
    assert found.around.returns == spread(np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]))
    assert found.beside.sharpes == spread(10 * np.array([0.2, 0.4, 0.6, 0.8]))
    assert (found.moved, found.held) == ({}, ())


def test_neighbours_of_a_corner_are_two_beside_and_three_around():
    found = near(THREE, {"x": 3, "y": 30})
    assert found.beside.returns == spread(np.array([0.6, 0.8]))
    assert found.around.returns == spread(np.array([0.5, 0.6, 0.8]))


def test_a_step_leads_to_the_next_number_whatever_the_order_of_the_grid():
    found = near({"x": [9, 1, 3]}, {"x": 3}, [0.9, 0.1, 0.3])
    assert found.beside.returns == spread(np.array([0.1, 0.9]))


def test_nearest_set_stands_in_for_a_default_between_the_numbers_and_is_a_neighbour():
    found = near(THREE, {"x": 2, "y": 24})
    assert found.moved == {"y": 20}
    assert (found.beside.count, found.around.count) == (5, 9)


def test_categories_are_held_at_the_default():
    found = near({"x": [1, 2, 3], "y": ["a", "b", "c"]}, {"x": 2, "y": "b"})
    assert found.held == ("y",)
    assert found.beside.returns == found.around.returns == spread(np.array([0.2, 0.8]))


def test_no_step_leads_from_a_number_to_a_category_nor_back():
    axes = {"x": [1, 2, 3], "y": [None, 10, 20]}
    assert near(axes, {"x": 2, "y": 20}).beside.returns == spread(np.array([0.3, 0.5, 0.9]))
    held = near(axes, {"x": 2, "y": None})
    assert held.held == ("y",)
    assert held.around.returns == spread(np.array([0.1, 0.7]))


def test_default_without_a_place_has_no_neighbourhood():
    assert near({"x": [1, 2, 3], "y": [10, 20, 30]}, {"x": 2, "y": None}) is None


def test_single_set_has_no_neighbour():
    found = near({"x": [1]}, {"x": 1}, [0.1])
    assert (found.around.count, found.around.returns) == (0, None)


# ---- summary ------------------------------------------------------------------------------------


def test_summary_by_hand():
    # 0.5 twice, within half a cent; one set never trades, one is ruined
    sets = table(
        [-0.2, 0.5, 0.5 + 4e-8, 0.0, -1.3, 0.1],
        sharpe=[-2.0, 5.0, 5.0, NAN, NAN, 1.0],
        trades=[6, 6, 6, 0, 6, 6],
    )
    axes = {"x": [1, 2, 3], "y": ["a", "b"]}
    found = summary(sets, axes, {"x": 3, "y": "b"}, figures(5, sets))
    assert (found.sets, found.distinct) == (6, 5)
    assert (found.above_zero, found.never_traded, found.ruined) == (3, 1, 1)
    assert found.returns.median == pytest.approx(0.05)
    assert found.sharpes == Spread(4, -2.0, 0.25, 3.0, 5.0, 5.0)
    assert found.by_return == Rank(below=3, equal=1, known=6)
    assert found.by_sharpe == Rank(below=1, equal=1, known=4)
    assert found.neighbourhood.around.returns == spread(np.array([0.0]))
    assert [(one.number, one.alike) for one in found.best] == [
        (1, 2),
        (5, 1),
        (3, 1),
        (0, 1),
        (4, 1),
    ]
    assert found.worst == ()
    assert found.best[0].settings == {"x": 1, "y": "b"}
    assert found.best[2].figures["sharpe"] is None


def test_best_and_worst_are_distinct_results_and_do_not_overlap():
    sets = table([n // 2 / 100 for n in range(16)])  # eight results, each twice
    found = summary(sets, {"x": list(range(16))}, {"x": 0}, figures(0, sets))
    assert [one.number for one in found.best] == [14, 12, 10, 8, 6]
    assert [one.number for one in found.worst] == [0, 2, 4]
    assert {one.alike for one in (*found.best, *found.worst)} == {2}


def test_summary_names_the_parameters_whose_default_has_no_place():
    sets = table([0.1, 0.2])
    found = summary(sets, {"stop": [0.1, 0.2]}, {"stop": None}, figures(0, sets))
    assert (found.unplaced, found.neighbourhood) == (("stop",), None)


def test_summary_without_any_trade():
    sets = table([0.0, 0.0], sharpe=[NAN, NAN], trades=[0, 0], win_rate=[NAN, NAN])
    found = summary(sets, {"x": [1, 2]}, {"x": 1}, figures(0, sets))
    assert (found.sharpes, found.by_sharpe, found.distinct) == (None, None, 1)
    assert found.best[0].figures["win_rate"] is None


def test_an_axis_of_one_value_does_not_vary():
    grid = make_grid({"x": [1], "y": [1, 2], "z": [5, 6, 7]}, {"x": 1, "y": 1, "z": 5})
    assert grid.varied == [1, 2]


@pytest.mark.parametrize(("highest", "count"), [(0.4, 41), (0.405, 21)])
def test_a_histogram_has_some_forty_bins_at_most(highest, count):
    """A fortieth of 0.4 is 0.01, and one of 0.405 is more: the next round step is 0.02."""
    assert len(histogram(np.array([0.0, highest]), None).counts) == count


def test_a_value_at_the_last_edge_is_in_the_last_bin():
    """0.29 is 28.999 steps of 0.01 as doubles divide, and 29 of them as they multiply."""
    found = histogram(np.array([0.0, 0.29]), None, most=29)
    assert (len(found.counts), found.edges[-1]) == (29, 0.29)
    assert (found.counts[0], found.counts[-1], found.counts.sum()) == (1, 1, 2)


def test_a_set_that_keeps_a_cent_is_not_ruined():
    sets = table([-1.0, -1.0, -0.9999999], final_equity=[-5.0, 0.0, 0.01])
    assert summary(sets, {"x": [1, 2, 3]}, {"x": 1}, figures(0, sets)).ruined == 2
