"""The program as a library: each call on the made-up checkout."""

import doctest
import importlib
import inspect
import json
import linecache
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import backtest
from backtest.api.workspace import folder_lock
from backtest.errors import DataError, UsageError
from backtest.experiments.runs import run as engine_runs
from backtest.experiments.runs.store import read_run
from backtest.experiments.studies import null_worlds
from backtest.reports.audit_page import audit_lines
from tests.made_up import often

ROOT = Path(__file__).parents[2]
TEXTS = {"event_id", "symbol", "direction", "exit_reason"}
PLACEBOS = ("random_timing", "random_direction")
CALLS = [name for name in backtest.__all__ if inspect.isfunction(getattr(backtest, name))]


@pytest.mark.parametrize("name", ["run", "compare", "sweep", "study", "load_events"])
def test_examples_show_what_comes_out(name, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("BACKTEST_REPORTS", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    names = {call: getattr(backtest, call) for call in CALLS}
    (example,) = doctest.DocTestFinder(recurse=False).find(names[name], name, globs=names)
    told = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(example, out=told.append)
    assert example.examples
    assert not runner.failures, "".join(told)


def on_acme(strategy="beats", **terms):
    return backtest.run(strategy, symbols="ACME", **{"benchmark": "INDX", **terms})


def test_a_run_is_that_of_the_command(inside, run_made_up):
    found = on_acme(parameters={"hold": 5})
    (told,) = json.loads(run_made_up("beats", "--set", "hold=5", "--json").out)
    assert (found.run_id, found.parameters) == (told["run_id"], {"hold": 5, "weight": 0.5})
    assert found.summary["beats"]["total_return"] == told["summary"]["run"]["total_return"]
    assert found.evidence == told["evidence"]


def test_threads_that_make_the_same_take_turns(inside, monkeypatch):
    """Else one reads, or writes to, the folder that another puts in place of its own."""
    replay, within, most = engine_runs.replay_run, [], []

    def watched(plan, **terms):
        within.append(plan.id)
        time.sleep(0.1)
        most.append(len(within))
        made = replay(plan, **terms)
        within.pop()
        return made

    monkeypatch.setattr(engine_runs, "replay_run", watched)
    with ThreadPoolExecutor(3) as threads:
        made = list(threads.map(lambda _: on_acme(force=True).run_id, range(3)))
    assert (len(set(made)), most) == (1, [1, 1, 1])


def test_threads_that_begin_at_once_wait_for_one_lock():
    class Slow(type(Path())):
        def __hash__(self):
            time.sleep(0.01)
            return super().__hash__()

    with ThreadPoolExecutor(4) as threads:
        first, *others = threads.map(folder_lock, [Slow("run")] * 4)
    assert all(one is first for one in others)


def test_a_run_is_in_tables_with_types(inside):
    found = on_acme()
    assert list(found.summary) == ["beats", "ACME held", "INDX"]
    (trade,) = found.trades.itertuples()
    assert (trade.entry_session, trade.exit_session) == (
        pd.Timestamp("2025-06-05"), pd.Timestamp("2025-06-10"),
    )  # fmt: skip
    assert trade.net_profit + 100_000 == pytest.approx(found.equity["equity"].iloc[-1])
    assert found.equity.index.dtype.kind == "M"
    beat, miss = found.decisions.itertuples()
    assert (beat.action, miss.action) == ("enter", "no_signal")
    assert beat.published_at == pd.Timestamp("2025-06-04T20:05Z")
    assert beat.tradable_session == pd.Timestamp("2025-06-05")


def test_a_run_without_a_trade_has_empty_tables(inside):
    found = on_acme(last="2025-06-03")
    assert (len(found.trades), len(found.equity), len(found.decisions)) == (0, 2, 2)
    kinds, usual = (  # numbers and sessions
        {name: one.kind for name, one in trades.dtypes.items() if name not in TEXTS}
        for trades in (found.trades, on_acme().trades)
    )
    assert kinds == usual
    assert set(found.decisions["action"]) == {"not_tradable"}
    assert "No trade: there is nothing to weigh." in str(found)


def test_a_result_tells_itself_and_cannot_be_changed(inside):
    found = on_acme()
    assert repr(found) == str(found)
    first, then = str(found).split("\n", 1)
    assert first == "beats · ACME from 2025-06-02 to 2025-07-15: +1.4 %"
    assert then.startswith("1 trade on 1 occasion. ")
    assert then.endswith("\nACME held +30.0 %, INDX +2.0 %")
    with pytest.raises(FrozenInstanceError):
        found.run_id = "another"


def test_a_run_takes_days_rules_and_costs(inside):
    found = on_acme(
        first=date(2025, 6, 4), last="2025-06-20", cash=5_000, rules={"slippage_bps": 9}
    )
    told = found.record
    assert told["span"] == {"first": "2025-06-04", "last": "2025-06-20"}
    assert (told["rules"]["cash"], told["rules"]["slippage_bps"]) == (5_000, 9)
    costs = inside.root / "mine.toml"
    costs.write_text("[figures]\nslippage_bps = 1\n")
    assert on_acme(costs=costs).record["rules"]["slippage_bps"] == 1


def test_pages_are_drawn_when_they_are_asked_for(inside):
    found = on_acme()
    assert not (found.path / "index.html").exists()
    assert "beats" in found.page().read_text(encoding="utf-8")
    assert not (found.path / "tearsheet.html").exists()
    swept = backtest.sweep("beats", {"hold": [1, 2]}, symbols="ACME")
    studied = backtest.study("earnings", symbols="ACME", benchmark="INDX", draws=99)
    assert [one.page().name for one in (swept, studied)] == ["index.html"] * 2


def test_a_result_gives_frames_and_markdown_and_says_whether_it_was_known(inside):
    found = on_acme()
    assert list(found.frames()) == ["summary", "trades", "equity", "decisions"]
    assert "### Trades" in found.markdown()
    assert (found.known, on_acme().known) == (False, True)
    studied = backtest.study("earnings", symbols="ACME", benchmark="INDX", draws=99)
    assert list(studied.frames()) == ["windows", "events", "left_out"]
    assert "- **Found**: 2 events." in studied.markdown()
    assert (inside.root / "reports" / "index.html").exists() is False
    studied.page()
    assert (inside.root / "reports" / "index.html").exists()


def written(text, name="Mine"):
    """The class of a cell, as a notebook makes it: in no file, and its text is known."""
    cell = f"<cell {abs(hash(text))}>"
    linecache.cache[cell] = (len(text), None, text.splitlines(keepends=True), cell)
    module = ModuleType("a_notebook")
    sys.modules[module.__name__] = module  # as a notebook's __main__ is
    exec(compile(text, cell, "exec"), vars(module))
    return vars(module)[name]


MINE = """\
from backtest import Signal, Strategy
from backtest.events import Earnings


class Mine(Strategy):
    listens_to = (Earnings,)
    hold: int = 3

    def on_event(self, event, market):
        return Signal.long(event, hold=self.hold)
"""


def test_a_class_of_a_notebook_runs(inside):
    mine = written(MINE)
    found = on_acme(mine, parameters={"hold": 2})
    assert (found.strategy, found.parameters) == ("mine", {"hold": 2})
    assert len(found.trades) == 2
    assert on_acme(mine(hold=2)).run_id == found.run_id
    assert on_acme(mine).run_id != found.run_id


def test_a_class_has_to_be_saved_before_it_can_be_audited(inside):
    found = on_acme(written(MINE))
    page = found.page().read_text(encoding="utf-8")
    assert "This class was not audited: save it in the strategies folder first, then" in page
    ((line, _),) = audit_lines([read_run(found.path)])
    assert line.endswith("looks for look-ahead in what is saved in the strategies folder.")
    assert "not audited yet" in on_acme("beats").page().read_text(encoding="utf-8")


def test_a_class_that_was_changed_is_another_run(inside):
    found = on_acme(written(MINE))
    assert on_acme(written(MINE.replace("Signal.long", "Signal.short"))).run_id != found.run_id


def test_a_class_whose_neighbour_was_changed_is_another_run(inside, monkeypatch):
    monkeypatch.syspath_prepend(inside.root)
    text = MINE.replace("hold=self.hold", "hold=hold()")
    inside.write("a_script.py", f"from made_up_help import hold\n{text}")
    ids = []
    for sessions in (3, 12):
        inside.write("made_up_help.py", f"def hold(): return {sessions}\n")
        importlib.invalidate_caches()
        ids.append(on_acme(importlib.import_module("a_script").Mine).run_id)
        del sys.modules["a_script"], sys.modules["made_up_help"]
    assert ids[0] != ids[1]


def test_a_class_is_replayed_for_other_cells_may_have_changed(inside):
    text = MINE.replace("Signal.long", "SIDE")
    mine = written(text)
    scope = mine.on_event.__globals__
    scope["SIDE"] = backtest.Signal.long
    before = on_acme(mine)
    scope["SIDE"] = backtest.Signal.short
    after = on_acme(mine)
    assert (set(before.trades["direction"]), set(after.trades["direction"])) == (
        {"long"},
        {"short"},
    )


def test_a_class_of_backtrader_runs(inside):
    mine = written(
        "from backtest import EventStrategy\nfrom backtest.events import Earnings\n\n\n"
        "class Mine(EventStrategy):\n    listens_to = (Earnings,)\n\n"
        "    def notify_event(self, event):\n        self.buy(size=10)\n"
    )
    assert len(on_acme(mine).trades) == 1


def test_a_class_without_a_source_is_refused(inside):
    mine = written(MINE)
    linecache.clearcache()
    with pytest.raises(UsageError, match=r"source of Mine cannot be read.*in a cell"):
        on_acme(mine)


def test_runs_are_compared_with_their_benchmark_and_evidence(inside):
    longs, shorts = (on_acme(often(inside, make, make)) for make in ("long", "short"))
    runs = [on_acme(), on_acme("owner"), on_acme(parameters={"hold": 2}), longs, shorts]
    table = backtest.compare(*runs)
    one, *_ = runs
    names = ["beats · defaults", "owner", "beats · hold 2", "long", "short", "ACME held", "INDX"]
    assert list(table.index) == names
    assert table["trials"].to_list()[:3] == [2, 1, 2]
    assert table.loc[names[:3], "p"].isna().all()
    for name, run in (("long", longs), ("short", shorts)):
        both = [run.evidence[placebo]["sharpe"]["p"] for placebo in PLACEBOS]
        assert table.loc[name, "p"] == max(both)
    assert table.loc["long", "p"] < table.loc["short", "p"]  # ACME does nothing but rise
    assert table.loc["long", "p_holm"] == min(2 * table.loc["long", "p"], 1)
    assert table.loc["INDX", ["trades", "p", "trials"]].isna().all()
    assert list(backtest.compare(one.run_id).index) == ["beats", "ACME held", "INDX"]
    latest = ["beats · hold 2", "long", "owner", "short", "ACME held", "INDX"]
    assert list(backtest.compare().index) == latest


def test_a_sweep_has_every_set(inside):
    found = backtest.sweep(
        "beats", {"hold": "1:3", "weight": [0.2, 0.4]}, symbols="ACME", rules={"slippage_bps": 0}
    )
    assert list(found.sets.index) == list(range(6))
    assert found.sets.loc[3, ["hold", "weight"]].to_list() == [2, 0.4]
    assert (found.default["hold"], found.default["weight"]) == (3, 0.5)
    own = on_acme(parameters={"hold": 2, "weight": 0.4}, rules={"slippage_bps": 0})
    assert found.sets.loc[3, "total_return"] == pytest.approx(own.summary["beats"]["total_return"])
    assert "6 sets were tried" in str(found)
    again = backtest.sweep(
        "beats",
        {"hold": range(1, 4), "weight": "0.2,0.4"},
        symbols="ACME",
        rules={"slippage_bps": 0},
    )
    assert again.sweep_id == found.sweep_id


def test_a_study_has_windows_events_and_what_was_left_out(inside):
    found = backtest.study(
        "short_report", symbols="ACME", benchmark="INDX", windows=[(0, 1), (-1, 1)], draws=99
    )
    assert list(found.windows.index) == ["[0,+1]", "[-1,+1]"]
    (event,) = found.events.itertuples()
    assert event.day_0 == pd.Timestamp("2025-06-20")  # the day before is a holiday
    assert found.left_out["reason"].str.contains("week").all()
    assert "[0,+1]" in str(found)


def test_a_study_takes_its_benchmark_from_the_settings(inside):
    inside.write("backtest.toml", 'symbol = "ACME"\nbenchmark = "INDX"\n')
    assert backtest.study("earnings", draws=99).record["benchmark"] == "INDX"


def test_windows_may_be_of_numpy_and_none_are_those_by_default(inside):
    terms = {"symbols": "ACME", "benchmark": "INDX", "draws": 99}
    for windows in ([tuple(np.array([0, 1]))], np.array([[0, 1]]), ["0,+1"]):
        study = backtest.study("earnings", windows=windows, **terms)
        assert list(study.windows.index) == ["[0,+1]"]
    assert len(backtest.study("earnings", windows=[], **terms).windows) == 5


@pytest.mark.parametrize("ends", [5, None, {-1, 1}])
def test_a_window_that_is_no_pair_is_refused_from_an_iterator_too(inside, ends):
    with pytest.raises(UsageError, match=f"--window {str(ends)!r} is not of the form"):
        backtest.study("earnings", windows=iter([ends]))


@pytest.mark.parametrize(
    "first", ["2025-06-04", date(2025, 6, 4), pd.Timestamp("2025-06-04 15:00")]
)
def test_a_day_may_be_a_text_a_date_or_a_time_of_that_day(inside, first):
    assert on_acme(first=first).equity.index[0] == pd.Timestamp("2025-06-04")


def test_events_are_loaded_with_the_session_they_can_be_traded_in(inside):
    found = backtest.load_events(symbols="ACME")
    assert found["published_at"].is_monotonic_increasing
    assert set(found["kind"]) == {"earnings", "stake_disclosure", "short_report", "news"}
    rumour = found[found["precision"] == "week"].iloc[0]
    assert pd.isna(rumour["tradable_session"])
    assert "week" in rumour["not_tradable_because"]
    assert "holder" not in backtest.load_events("earnings")


def test_a_kind_without_a_file_has_no_events_and_the_columns_of_others(inside):
    none, some = backtest.load_events("split"), backtest.load_events("earnings", "ACME")
    assert (len(none), none.index.name) == (0, "id")
    assert [*none.columns] == [*some.columns][: len(none.columns)]
    assert none["published_at"].dt.tz is not None
    assert none["tradable_session"].dtype.kind == "M"
    assert none[none["kind"].str.startswith("s")].empty


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: on_acme("beat"), "There is no strategy 'beat'. Did you mean 'beats'"),
        (lambda: on_acme(parameters={"hald": 3}), "Did you mean 'hold'"),
        (lambda: on_acme(parameters={"hold": 0}), "hold = 0"),
        (lambda: on_acme(first="June"), "first 'June' is not a day"),
        (lambda: on_acme(rules={"slippage": 3}), "Did you mean 'slippage_bps'"),
        (lambda: on_acme(rules={"slippage_bps": -3}), "slippage_bps"),
        (lambda: on_acme(costs="retial"), "costs"),
        (lambda: on_acme(int), "is no strategy"),
        (lambda: on_acme(7), "7 is no strategy"),
        (lambda: on_acme(reports="/dev/null/here"), "cannot be written"),
        (lambda: on_acme(data="nowhere"), "The data folder"),
        (lambda: backtest.compare("nothing"), "There is no run 'nothing'"),
        (backtest.compare, "There is no run in"),
        (lambda: backtest.sweep("beats", {"hold": 3}, symbols="ACME"), "no collection of values"),
        (lambda: backtest.sweep("beats", {"hald": [3]}, symbols="ACME"), "Did you mean 'hold'"),
        (lambda: backtest.sweep(written(MINE), {"hold": [3]}), "strategy is the class Mine."),
        (lambda: backtest.study(written(MINE)), "name is the class Mine. Allowed: a name; save"),
        (lambda: backtest.study("earning", symbols="ACME"), "Did you mean 'earnings'"),
        (lambda: backtest.study("earnings", windows=[(1, 0)]), "ends before it begins"),
        (lambda: backtest.study("earnings", windows=[1]), "as in [(-1, 1)]"),
        (lambda: on_acme(first=2025), "first is 2025. Allowed: a day, such as"),
        (lambda: backtest.study("earnings", model="marked"), "Did you mean 'market'"),
        (lambda: backtest.study("earnings", draws=9), "draws"),
        (lambda: backtest.load_events("earning"), "Did you mean 'earnings'"),
    ],
)  # fmt: skip
def test_wrong_use_is_told(inside, call, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        call()


def test_damaged_data_are_told(inside):
    inside.write("data/prices/ACME.csv", "date,open\n2025-06-02,x\n")
    with pytest.raises(DataError, match=r"ACME\.csv"):
        on_acme()


def test_the_program_is_imported_lightly():
    code = "import sys, backtest; print(len([m for m in sys.modules if m.startswith('backtest')]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_names_are_calls_whatever_was_imported_before():
    code = "print(all(callable(getattr(backtest, n)) for n in backtest.__all__ if n[0] != '_'))"
    rooms = ("experiments.runs", "experiments.studies", "experiments.sweeps", "audit")
    loaded = "".join(f"import backtest.{room}.run\n" for room in rooms)
    done = subprocess.run(
        [sys.executable, "-c", loaded + code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


def test_what_is_there_is_named():
    assert dir(backtest) == sorted(backtest.__all__)
    assert all(getattr(backtest, name) is not None for name in backtest.__all__)


def test_arguments_have_the_same_names_and_terms_in_every_call():
    terms = {}
    for call in CALLS:
        for one in inspect.signature(getattr(backtest, call)).parameters.values():
            terms.setdefault(one.name, set()).add(one.annotation)
    assert "symbol" not in terms
    varied = {"strategy", "name", "benchmark", "reports"}
    varied |= {"symbols", "kind", "adjust"}  # one alone, where a file is changed
    varied |= {"prices"}  # frames by symbol; to `simulate` the bars of its signals
    assert {name for name, some in terms.items() if len(some) > 1} <= varied


@pytest.mark.slow
def test_the_contract_is_checked(inside):
    kept = backtest.check("owner", symbols="ACME")
    assert (kept.ok, kept.strategy) == (True, "owner")
    broken = backtest.check("beats", symbols="ACME")  # a surprise that is unknown is not below 0
    assert not broken.ok
    assert list(broken.checks.index[broken.checks["outcome"] == "failed"]) == ["answers"]
    assert str(broken) == "beats: The contract is broken: Answers."


def test_prices_are_loaded_as_tables_of_sessions(inside):
    found = backtest.load_prices("ACME")
    assert list(found) == ["ACME"]
    assert found["ACME"].loc["2025-06-03"].to_list() == [101, 103, 99, 102, 1001]
    with pytest.raises(UsageError, match="ACMF"):
        backtest.load_prices("ACMF")


def test_null_worlds_are_counted_by_kind(monkeypatch):
    defaults = null_worlds.calibrate.__kwdefaults__
    few = defaults | {"kinds": null_worlds.WORLDS[:2]}
    monkeypatch.setattr(null_worlds.calibrate, "__kwdefaults__", few)
    judged = backtest.null_worlds(3, seed=2)
    assert (judged.worlds, judged.seed) == (3, 2)
    counts = judged.frame()
    assert list(counts.index) == ["independent days, 6 events", "independent days, 12 events"]
    assert set(counts["worlds"]) == {3}
    assert (counts["better"] + counts["worse"] + counts["refused"] <= 3).all()
