"""Arguments as a notebook gives them: a Series is a list of names, and what is wrong is told."""

import inspect
import pickle
import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import backtest
from backtest.errors import UsageError

ALL = [name for name in backtest.__all__ if inspect.isfunction(getattr(backtest, name))]
pytestmark = pytest.mark.usefixtures("inside")


def run(**terms):
    return backtest.run("beats", **{"symbols": "ACME", "benchmark": "INDX", **terms})


@pytest.mark.parametrize("table", [pd.Series, pd.Index, tuple, iter])
def test_names_come_in_any_collection(table):
    assert run(symbols=table(["ACME"])).run_id == run(strategies=("strategies",)).run_id


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"symbols": []}, "empty list names nothing"),
        ({"symbols": pd.Series([])}, "empty list names nothing"),
        ({"symbols": 5}, "symbols is 5. Allowed: a text, or several in a list"),
        ({"parameters": ["hold"]}, "parameters is .*'hold'.*values by name"),
        ({"rules": [("cash", 5)]}, "rules is .*values by name"),
        ({"costs": {"slippage_bps": 5}}, "costs is .*the name of some, or a TOML file"),
        ({"first": pd.NaT}, "first NaT is not a day"),
        ({"label": 5, "note": "a"}, "label is 5. Allowed: a text or None"),
        ({"label": "5", "note": "a\nb"}, "note .* is not one line"),
    ],
)
def test_what_is_wrong_is_one_message(terms, told):
    with pytest.raises(UsageError, match=told):
        run(**terms)


def test_a_grid_without_names_is_told():
    with pytest.raises(UsageError, match=r"grid is .*by name"):
        backtest.sweep("beats", ["hold"])


@pytest.mark.parametrize("name", ALL)
def test_every_argument_of_another_type_is_told(name):
    call, wrong = getattr(backtest, name), object()
    for argument, one in inspect.signature(call).parameters.items():
        told = rf"{argument} is <object|is no (strategy|run)"
        if one.kind is inspect.Parameter.VAR_POSITIONAL:
            with pytest.raises(UsageError, match=told):
                call("beats", wrong)
        elif one.kind is inspect.Parameter.KEYWORD_ONLY or argument != "options":
            with pytest.raises(UsageError, match=told):
                call(**{argument: wrong})


@pytest.mark.parametrize("name", ["strategies", "symbols"])
def test_what_a_list_holds_is_looked_at(name):
    for wrong in ([5], {5: 5}, np.arange(3)):
        with pytest.raises(UsageError, match=rf"^{name} is .*[5\]]}}?\)?\. Allowed: a "):
            run(**{name: wrong})


@pytest.mark.parametrize("wrong", [5, float("nan"), [1], b"x", pd.DataFrame(), int, pd.NaT])
def test_what_is_wrong_is_shown_in_a_line(wrong):
    with pytest.raises(UsageError, match=r"^universe is .*\. Allowed: a text or None\.$"):
        run(universe=wrong)


def test_arguments_that_a_call_shares_with_others_are_looked_at_too():
    with pytest.raises(UsageError, match=r"cik is '5'\. Allowed: a whole number or None"):
        backtest.fetch_earnings("ACME", cik="5")


@pytest.mark.parametrize("wrong", [pd.NaT, pd.NA, object()])
def test_a_value_that_no_parameter_has_is_told(wrong):
    run()
    for call in (lambda: run(parameters={"hold": wrong}), lambda: CALLS["sweep"](grid=[wrong])):
        with pytest.raises(UsageError, match="beats: hold = "):
            call()
    assert backtest.list_runs(parameters={"hold": wrong}).empty


def test_what_stands_by_name_is_looked_at():
    file = "data/prices/ACME.csv"
    for told in (
        {"columns": {"close": ["c"]}},
        {"constants": {"volume": 0}},
        {"columns": {5: "a"}},
    ):
        ((name, _),) = told.items()
        with pytest.raises(UsageError, match=f"^{name} is {{.*}}. Allowed: values by name"):
            backtest.import_prices(file, **told)


def test_no_name_and_no_path_has_a_null():
    for call, name in ((backtest.init, "folder"), (backtest.import_prices, "files")):
        with pytest.raises(UsageError, match=rf"^{name} is 'a\\x00'\. Allowed: "):
            call("a\0")


def test_numbers_of_numpy_are_numbers():
    assert run(cash=np.int64(5000), force=np.True_, accept_jumps=np.False_).known is False


def test_numbers_may_be_decimal():
    assert backtest.load_events(reaction=Decimal(5)).equals(backtest.load_events())


def test_an_array_of_one_text_is_no_text():
    with pytest.raises(
        UsageError, match=r"^symbols is array\('ACME'.*\. Allowed: a text, or several"
    ):
        run(symbols=np.array("ACME"))


def test_a_call_travels_to_other_processes():
    assert pickle.loads(pickle.dumps(backtest.run)) is backtest.run
    with pytest.raises(TypeError, match="unexpected keyword argument 'symbol'"):
        run(symbol="ACME")


@pytest.mark.parametrize(("place", "name"), [(0, "prices"), (1, "signals")])
def test_a_frame_where_a_file_is_named_is_told(place, name):
    files = ["a.parquet", "b.parquet"]
    files[place] = pd.DataFrame()
    with pytest.raises(UsageError, match=rf"{name} is a DataFrame\. Allowed: a Parquet file"):
        backtest.simulate(*files)


def test_a_rule_that_simulate_cannot_keep_is_told():
    with pytest.raises(UsageError, match="within the hours alone"):
        backtest.simulate("a.parquet", "b.parquet", rules={"hours": "extended"})


CALLS = {
    "study": lambda **terms: backtest.study("earnings", symbols="ACME", **terms),
    "load_events": backtest.load_events,
    "show_event": lambda **terms: backtest.show_event(backtest.load_events().index[0], **terms),
    "audit_strategy": lambda **terms: backtest.audit_strategy("beats", symbols="ACME", **terms),
    "sweep": lambda grid=(1,), **terms: backtest.sweep(
        "beats", {"hold": grid}, symbols="ACME", **terms
    ),
    "null_worlds": backtest.null_worlds,
}


@pytest.mark.parametrize(
    ("call", "terms"),
    [
        *((call, {"reaction": -1}) for call in ("study", "load_events", "show_event")),
        *((call, {"reaction": [5]}) for call in ("study", "load_events", "show_event")),
        ("study", {"reaction": float("nan")}),
        ("study", {"reaction": "soon"}),
        ("study", {"draws": 1e3}),
        ("study", {"seed": -1}),
        ("audit_strategy", {"seed": "x"}),
        ("audit_strategy", {"worlds": -1}),
        ("sweep", {"workers": -1}),
        ("sweep", {"workers": 1.5}),
        ("null_worlds", {"worlds": 0}),
    ],
)
def test_a_number_out_of_bounds_is_told(call, terms):
    ((name, value),) = terms.items()
    noun = "minutes from 0 to 10,080" if name == "reaction" else "a whole number"
    with pytest.raises(
        UsageError, match=rf"{name} is .?{re.escape(str(value))}.?\. Allowed: {noun}"
    ):
        CALLS[call](**terms)


def test_numbers_that_count_may_be_of_numpy():
    one, draws = np.int64(1), np.int64(1000)
    backtest.study("earnings", symbols="ACME", benchmark="INDX", seed=one, draws=draws)
    assert CALLS["audit_strategy"](seed=one, worlds=one).outcome


def test_nothing_is_tradable_before_it_was_public():
    quick, slow = (backtest.load_events(reaction=one)["tradable_session"] for one in (0, "1h"))
    assert (quick <= slow)[slow.notna()].all()


def test_runs_are_compared_by_their_folders_and_not_in_a_list():
    found = run()
    assert list(backtest.compare(found.path).index) == list(backtest.compare(found).index)
    assert backtest.find_page(found.path) == found.path / "index.html"
    for wrong in ([found], None):
        with pytest.raises(UsageError, match="is no run"):
            backtest.compare(wrong)


def test_a_folder_that_is_no_run_is_not_called_damaged(tmp_path):
    run()
    for folder in (tmp_path / "reports" / "nothing", tmp_path):
        with pytest.raises(UsageError, match="run"):
            backtest.compare(folder)


def test_an_empty_text_among_folders_is_none():
    assert run(strategies=[""]).run_id == run(strategies=["strategies"]).run_id
