"""Which run is meant, and what tells it from others: names, variants, settings and days."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from backtest.engine.rules import Rules
from backtest.errors import DataError, UsageError
from backtest.experiments.runs import finding
from backtest.experiments.runs.finding import distinguishing_words, fitting_runs, name_of, variant
from backtest.experiments.runs.store import Run
from tests.made_up import do


def record(**changes) -> dict:
    usual = {
        "strategy": "beats", "symbols": ["ACME"], "run_id": "abc1234567", "benchmark": "SPY",
        "rules": Rules().model_dump(), "costs": None, "parameters": {"hold": 3, "weight": 0.5},
        "finished_at": "2025-06-02T10:00:00+00:00",
    }  # fmt: skip
    return {**usual, **changes}


def run(identity: str, label: str = "", folder: Path | None = None, **changes) -> Run:
    manifest = record(run_id=identity, **changes)
    path = (folder or Path("/nowhere")) / f"beats-ACME-{identity}"
    if label:
        path.mkdir()
        (path / "label").write_text(label)
    return Run(path, manifest)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"differs": {"parameters": {"hold": 5, "inner": {"x": 1}}}}, ["hold 5", "inner.x 1"]),
        ({"differs": {"rules": {"slippage_bps": 0.0}}}, ["slippage 0 bp"]),
        ({"differs": {"rules": {"min_order": 1_234_567.0}}}, ["orders from 1,234,567 $"]),
        ({"differs": {"rules": {"max_positions": None}}}, ["max_positions None"]),
        ({"differs": {"rules": {"max_gross": 2.0}}}, ["max_gross 2.0"]),
        ({"costs": {"name": "dear"}}, ["dear"]),
        ({"costs": {"name": "retail"}}, []),
        ({"rules": {"cash": 5_000.0}}, ["5,000 $"]),
        ({"benchmark": "QQQ"}, ["QQQ"]),
        ({"benchmark": "chips", "universe": "chips"}, []),
        ({"differs": {"first": "2025-06-02", "last": None}}, ["from 2025-06-02"]),
        ({"differs": {"last": "2025-06-03"}, "as_of": "2025-07-01"},
         ["to 2025-06-03", "as of 2025-07-01"]),
        ({"differs": {"bars": "5m", "missing_bars": "none"}}, ["by 5m", "no daily bars"]),
        ({"differs": {"bars": "5m", "missing_bars": "daily"}}, ["by 5m"]),
        ({"differs": {"engine": "kernel"}}, ["on kernel"]),
    ],
)  # fmt: skip
def test_a_variant_is_what_differs_from_the_defaults(changes, words):
    assert variant(record(**changes)) == words


def test_a_name_is_the_label_and_the_variant(tmp_path):
    assert name_of(run("a")) == ""
    assert name_of(run("b", "mine", tmp_path, benchmark="QQQ")) == "mine · QQQ"


def test_runs_are_told_apart_by_what_they_do_not_share(tmp_path):
    alone, bare = run("a", strategy="owner"), run("b", benchmark="QQQ")
    five = run("c", benchmark="QQQ", differs={"parameters": {"hold": 5}})
    mine = run("d", "mine", tmp_path, benchmark="QQQ")
    runs = [alone, bare, five, mine]
    assert distinguishing_words(runs) == [[], ["QQQ"], ["hold 5", "QQQ"], ["mine"]]
    assert distinguishing_words(runs[1:]) == [["defaults"], ["hold 5"], ["mine"]]
    again = run("e", benchmark="QQQ", differs={"parameters": {"hold": 5}})
    assert distinguishing_words([*runs[1:], again]) == [
        ["defaults"], ["hold 5", "c"], ["mine"], ["hold 5", "e"],
    ]  # fmt: skip


def test_the_only_run_of_a_strategy_says_what_is_its_own():
    five = run("a", differs={"parameters": {"hold": 5}}, benchmark="QQQ")
    other = run("b", strategy="owner", benchmark="QQQ")
    assert distinguishing_words([five, other]) == [["hold 5"], []]
    assert distinguishing_words([five]) == [[]]
    assert distinguishing_words([]) == []


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("abc", True), ("ab", False), ("abd", False), ("abc1234567", True), ("beats", True),
        ("reports/beats-ACME-abc1234567", True), ("beats-*", True), ("be", False), ("b?ats", True),
        ("bc1", False), ("Beats", False), ("", False), (".", False), ("/", False),
    ],
)  # fmt: skip
def test_a_run_fits_three_characters_of_its_id_its_whole_names_or_a_pattern(name, fits):
    runs = [run("abc1234567")]
    if fits:
        assert fitting_runs(Path("reports"), runs, name) == runs
    else:
        with pytest.raises(UsageError, match="There is no run"):
            fitting_runs(Path("reports"), runs, name)


def test_an_exact_name_goes_before_the_beginning_of_another(tmp_path):
    short, long = run("abc", "", tmp_path), run("abcdef")
    assert fitting_runs(Path(), [short, long], "abc") == [short]
    labelled = run("x1", "abcd", tmp_path)
    assert fitting_runs(Path(), [short, long, labelled], "abcd") == [labelled]


@pytest.mark.parametrize(
    ("name", "is_glob"), [("beats", False), ("b*", True), ("b?ats", True), ("[bc]eats", True)]
)
def test_a_star_a_mark_or_a_bracket_makes_a_pattern(name, is_glob):
    assert finding.is_pattern(name) == is_glob


def test_runs_can_be_narrowed_by_name_setting_and_day(checkout):
    reports = checkout.root / "reports"
    three, four = do(checkout), do(checkout, settings={"hold": 4})

    def found(*names: str, **terms) -> list[str]:
        listed = finding.list_runs(reports, pytest.fail, names, **terms)
        return [one.run_id for one in listed]

    assert found() == found("beats") == found("beats", four.run_id) == [four.run_id, three.run_id]
    assert found(three.run_id) == found(settings={"hold": "3"}) == [three.run_id]
    assert found(settings={"hold": "4", "weight": "0.5"}) == [four.run_id]
    assert found(settings={"hold": "4", "weight": "0.4"}) == []
    today = four.last_request.astimezone().date()
    days = [date.fromisoformat(finding.new_york_day(four.last_request.isoformat()))]
    assert found(since=days[0]) == found()
    assert found(since=days[0] + timedelta(days=1)) == []
    assert abs((today - days[0]).days) <= 1
    with pytest.raises(UsageError, match="parameter of these runs 'hol'"):
        found(settings={"hol": "3"})
    assert finding.list_runs(checkout.root / "none", pytest.fail, settings={"hol": "3"}) == []


def test_a_run_that_several_names_mean_is_listed_once_and_newest_first(checkout):
    reports = checkout.root / "reports"
    old, new = do(checkout), do(checkout, settings={"hold": 4})
    listed = finding.list_runs(reports, pytest.fail, (old.run_id, "beats", new.run_id))
    assert [one.run_id for one in listed] == [new.run_id, old.run_id]


def test_the_beginning_of_several_ids_is_none_of_them(checkout, monkeypatch):
    reports = checkout.root / "reports"
    old, new = do(checkout), do(checkout, settings={"hold": 4})
    with pytest.raises(UsageError, match=r"'beats-ACME\*' fits 2 runs: .*\(hold 4 · INDX\)"):
        finding.find_run(reports, "beats-ACME*", pytest.fail)
    assert finding.find_run(reports, "beats", pytest.fail).run_id == new.run_id
    monkeypatch.chdir(checkout.root)
    for name in (str(old.path), f"reports/{old.path.name}", old.path.name, old.run_id[:9]):
        assert finding.find_run(reports, name, pytest.fail).run_id == old.run_id
    (old.path / "trades.csv").unlink()
    with pytest.raises(DataError, match=r"trades\.csv is damaged"):
        finding.find_run(reports, str(old.path), pytest.fail)
    assert finding._names(Path("fade_the_gap-A+B-0123456789")) == (
        "fade_the_gap-A+B-0123456789", "fade_the_gap", "0123456789",
    )  # fmt: skip
