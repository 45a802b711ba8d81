"""Classes that stand in a notebook: what they use from elsewhere makes another run of them."""

import ast
import functools
import importlib
import linecache
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import backtest
from backtest import Signal, Strategy
from backtest.api.workspace import strategy_of
from backtest.errors import UsageError
from backtest.events import Earnings
from tests.api.test_library import MINE, on_acme, written


@pytest.fixture
def cells(checkout, monkeypatch):
    """What runs cells of one notebook, in the made-up checkout; names come back."""
    monkeypatch.chdir(checkout.root)
    notebook = ModuleType("made_up_notebook")
    monkeypatch.setitem(sys.modules, notebook.__name__, notebook)

    def run(*texts):
        for text in texts:
            cell = f"/tmp/ipykernel_1/{abs(hash(text))}.py"  # as Jupyter has it
            linecache.cache[cell] = (len(text), None, text.splitlines(keepends=True), cell)
            exec(compile(text, cell, "exec"), vars(notebook))
        return notebook

    return run


def holding(sessions):
    class Held(Strategy):
        listens_to = (Earnings,)

        def on_event(self, event, market):
            return Signal.long(event, hold=sessions)

    return Held


def test_classes_that_a_function_makes_are_runs_of_their_own(checkout, monkeypatch):
    monkeypatch.chdir(checkout.root)
    short, long = on_acme(holding(1)), on_acme(holding(4))
    assert short.trades["exit_session"].to_list() != long.trades["exit_session"].to_list()
    assert short.run_id != long.run_id
    assert backtest.compare(short, long)["p_holm"].index.str.startswith("held · ").sum() == 2
    assert on_acme(holding(1)).run_id == short.run_id


@pytest.mark.parametrize(
    ("before", "after", "is_another"),
    [
        ("HOLD = 1", "HOLD = 4", True),
        ("HOLD = 1\ndef sessions(): return HOLD", "def sessions(): return HOLD + 1", True),
        ("KINDS = ('a',)", "KINDS = ('b',)", True),
        ("LOG = []", "LOG.append(1)", False),
        ("OTHER = 1", "OTHER = 2", False),
    ],
)
def test_what_a_class_uses_of_another_cell_is_part_of_its_run(cells, before, after, is_another):
    start = "HOLD, KINDS, LOG = 2, (), []\ndef sessions(): return HOLD"
    text = MINE.replace("hold=self.hold", "hold=sessions() + 0 * len(LOG) + len(KINDS)")
    found = on_acme(cells(start, before, text).Mine)
    assert (on_acme(cells(after).Mine).run_id != found.run_id) is is_another


@pytest.mark.parametrize(
    ("start", "hold", "method"),
    [
        ("{n}", "[ONE for _ in (1,)][0]", ""),
        ("{n}", "(lambda: ONE)()", ""),
        ("datetime.timedelta({n})", "ONE.days", ""),
        ("range({n})", "len(ONE)", ""),
        ("functools.lru_cache(lambda: {n})", "ONE()", ""),
        ("{n}", "self.own()", "@staticmethod\n    def own(): return ONE"),
        ("{n}", "self.own()", "@classmethod\n    def own(cls): return ONE"),
        ("{n}", "self.own", "@property\n    def own(self): return ONE"),
    ],
)
def test_also_within_expressions_and_what_is_no_plain_method(cells, start, hold, method):
    text = MINE.replace("self.hold", hold) + f"\n    {method}\n"
    start = f"import datetime, functools\nONE = {start}"
    found = on_acme(cells(start.format(n=1), text).Mine)
    assert on_acme(cells(start.format(n=4)).Mine).run_id != found.run_id


@pytest.mark.parametrize(
    ("start", "hold", "more"),
    [
        ("ONE = {n}", "self.own", "own: typing.ClassVar[int] = ONE"),
        ("ONE = {n}", "self.own()", "def own(self, n=ONE): return n"),
        ("ONE = {n}", "self.own()", "def own(self, *, n=ONE): return n"),
        ("ONE = functools.partial(int, {n})", "ONE()", ""),
        ("ONE = functools.partial(dict, n={n})", "ONE()['n']", ""),
        ("def one(): return {n}\nONE = functools.partial(one)", "ONE()", ""),
        ("def one(): return {n}\nONE = (one,)", "ONE[0]()", ""),
        ("class ONE:\n    n = {n}", "ONE.n", ""),
        ("class ONE:\n    def __init__(self): self.n = {n}", "ONE().n", ""),
        ("def one(self): return {n}", "self.own()", "own = functools.partialmethod(one)"),
    ],
)
def test_also_what_a_class_or_a_function_holds(cells, start, hold, more):
    start = f"import functools, typing\n{start}"
    text = MINE.replace("self.hold", hold) + f"\n    {more}\n"
    found = on_acme(cells(start.format(n=1), text).Mine)
    assert on_acme(cells(start.format(n=1), text).Mine).run_id == found.run_id
    assert on_acme(cells(start.format(n=4), text).Mine).run_id != found.run_id


def test_of_two_that_have_no_name_both_count(cells):
    text = MINE.replace("self.hold", "ONE() + TWO()")
    start = "TWO = lambda: 2"
    found = on_acme(cells("ONE = lambda: 1", start, text).Mine)
    assert on_acme(cells("ONE = lambda: 4", start, text).Mine).run_id != found.run_id


@pytest.mark.parametrize("cell", ["import made_up_one as one", "from made_up_one import *"])
def test_a_file_that_another_cell_imports_is_part_of_the_run(cells, cell, monkeypatch):
    """Also where cells have names as in Jupyter, of files that are not there."""
    monkeypatch.syspath_prepend(".")
    text = MINE.replace("self.hold", "one.own()" if "as one" in cell else "own()")
    found = []
    for n in (1, 4, 1):
        Path("made_up_one.py").write_text(f"def own(): return {n}  # {len(found)}\n")
        importlib.invalidate_caches()
        sys.modules.pop("made_up_one", None)
        found.append(on_acme(cells(cell, text).Mine).run_id)
    assert found[0] == found[2] != found[1]


def test_what_only_an_attribute_is_called_is_not_used(cells):
    found = on_acme(cells("symbol = 1", MINE.replace("self.hold", "len(event.symbol)")).Mine)
    assert on_acme(cells("symbol = 2").Mine).run_id == found.run_id


def test_a_base_of_another_cell_is_part_of_the_run(cells):
    child = "class Child(Mine):\n    def on_event(self, *given): return super().on_event(*given)\n"
    found = on_acme(cells(MINE, child).Child)
    again = on_acme(cells(MINE.replace("Signal.long", "Signal.short"), child).Child)
    assert again.run_id != found.run_id


def test_results_are_compared_where_there_is_no_workspace(checkout, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(checkout.root)
    runs = on_acme("beats"), on_acme("owner")
    known = backtest.compare(*runs)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    pd.testing.assert_frame_equal(backtest.compare(*runs), known)
    with pytest.raises(UsageError, match="No folder with strategies"):
        backtest.compare(runs[0], "owner")


class Calmer(holding(2)):  # type: ignore[misc]
    weight: float = 0.5


def test_a_class_of_a_file_may_have_no_method_of_its_own(checkout, monkeypatch):
    monkeypatch.chdir(checkout.root)
    assert len(on_acme(Calmer).trades) == 2


def dressed(method):
    @functools.wraps(method)
    def inner(*given):
        return method(*given)

    return inner


def test_what_decorates_a_method_does_not_hide_its_text(checkout, monkeypatch):
    monkeypatch.chdir(checkout.root)
    text = MINE.replace("    def", "    @dressed\n    def")
    text = f"from {__name__} import dressed\n{text}"
    found = on_acme(written(text))
    assert on_acme(written(text.replace("Signal.long", "Signal.short"))).run_id != found.run_id


def test_a_class_that_is_written_twice_in_a_text_is_two_runs(cells):
    again = MINE.replace("self.hold", "1").partition("class")[2]
    notebook = cells(f"{MINE}\nFIRST = Mine\n\nclass{again}")
    first, other = on_acme(notebook.FIRST), on_acme(notebook.Mine)
    assert first.trades["exit_session"].to_list() != other.trades["exit_session"].to_list()
    assert first.run_id != other.run_id
    assert on_acme(notebook.FIRST).run_id == first.run_id


def test_a_function_without_a_name_may_stand_twice_in_a_text(cells):
    made = 'type("Mine", (Strategy,), {"listens_to": (Earnings,), "__module__": __name__,\n'
    told = '"on_event": lambda self, event, market: Signal.long(event, hold=%d)})'
    texts = [f"{name} = {made}{told % hold}" for name, hold in (("ONE", 1), ("TWO", 4))]
    notebook = cells("\n".join([MINE.partition("class")[0], *texts]))
    assert on_acme(notebook.ONE).run_id != on_acme(notebook.TWO).run_id


def test_a_text_is_read_once_for_all_of_its_functions(cells, monkeypatch):
    helpers = "".join(f"def part{n}(): return {n}\n" for n in range(20))
    uses = " + ".join(f"part{n}()" for n in range(20))
    mine = cells(helpers + MINE.replace("self.hold", f"1 + {uses}")).Mine
    read, parse = [], ast.parse
    monkeypatch.setattr(ast, "parse", lambda *one: read.append(one) or parse(*one))
    strategy_of(mine).source_sha256()
    assert len(read) < 10
