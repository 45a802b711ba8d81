"""Strategy files: loading, what is told of those that do not load, and their parameters."""

import sys
from datetime import date
from pathlib import Path

import pydantic
import pytest

from backtest.errors import UsageError
from backtest.events import Earnings
from backtest.strategy.base import imported_files
from backtest.strategy.loading import describe_strategies, load_strategy, strategy_names
from backtest.strategy.parameters import Text, configure, parameters

HEAD = """\
from datetime import date
from typing import Literal
from pydantic import BaseModel, Field
from backtest import Signal, Strategy
from backtest.events import Earnings
"""
RICH = (
    HEAD
    + """
class Exits(BaseModel):
    hold: int = Field(10, ge=1)
    stop: float | None = Field(0.15, gt=0, lt=1)

class Rich(Strategy):
    \"\"\"Has parameters of every form.

    And a second paragraph.
    \"\"\"
    listens_to = (Earnings,)
    exits: Exits = Exits()
    authors: frozenset[Literal["short_seller", "press"]] = Field(frozenset({"press"}), min_length=1)
    levels: list[float] = [0.1]
    steps: tuple[int, ...] = (1, 2)
    strict: bool = True
    side: Literal["long", "short"] = "long"
    since: date | None = None
"""
)


@pytest.fixture
def folder(checkout):
    checkout.write("strategies/rich.py", RICH)
    return checkout.root / "strategies"


def refusal(checkout, text: str, name: str = "bad") -> str:
    checkout.write(f"strategies/{name}.py", text)
    with pytest.raises(UsageError) as caught:
        load_strategy(checkout.root / "strategies", name)
    return str(caught.value)


# Loading


def test_strategies_are_the_files_that_are_not_private(checkout):
    checkout.write("strategies/_helper.py", "")
    checkout.write("strategies/notes.txt", "")
    (checkout.root / "strategies/.#beats.py").symlink_to("jo@host.1")  # as an editor locks a file
    assert strategy_names(checkout.root / "strategies") == ["beats", "owner"]


def test_a_strategy_is_loaded_by_the_name_of_its_file(folder):
    file = load_strategy(folder, "beats")
    assert (file.name, file.path, file.cls.__name__) == ("beats", folder / "beats.py", "Beats")
    assert file.cls.listens_to == (Earnings,)


@pytest.mark.parametrize(("name", "near"), [("beat", "beats"), ("onwer", "owner")])
def test_an_unknown_name_is_answered_with_the_nearest(checkout, name, near):
    with pytest.raises(UsageError) as caught:
        load_strategy(checkout.root / "strategies", name)
    assert str(caught.value) == (
        f"There is no strategy {name!r}. Did you mean {near!r}? Known: beats, owner."
    )


def test_a_name_like_none_is_answered_with_all(checkout):
    with pytest.raises(UsageError, match=r"no strategy 'zzz'\. Known: beats, owner\.$"):
        load_strategy(checkout.root / "strategies", "zzz")


@pytest.mark.parametrize("name", ["../strategies/beats", "beats.py", ""])
def test_a_path_is_no_name(checkout, name):
    with pytest.raises(UsageError, match="There is no strategy"):
        load_strategy(checkout.root / "strategies", name)


def test_a_syntax_error_shows_its_line(checkout):
    told = refusal(checkout, HEAD + "\nclass Bad(Strategy)\n    pass\n")
    assert f"{checkout.root}/strategies/bad.py does not load: SyntaxError" in told
    assert "line 7: class Bad(Strategy)" in told


def test_a_wrong_import_shows_its_line(checkout):
    told = refusal(checkout, "import os\nfrom backtest.events import Earning\n")
    assert "bad.py does not load: ImportError: cannot import name 'Earning'" in told
    assert "bad.py, line 2: from backtest.events import Earning" in told


def test_an_error_while_the_class_is_made_shows_its_line(checkout):
    told = refusal(checkout, HEAD + "\nclass Bad(Strategy):\n    hold: int = Field(1, ge=LEAST)\n")
    assert "does not load: NameError: name 'LEAST' is not defined" in told
    assert "bad.py, line 8: hold: int = Field(1, ge=LEAST)" in told


@pytest.mark.parametrize(
    ("head", "listens", "field"),
    [
        ("", "(Earnings,)", "since"),
        ("class Own(Event):\n    since: date | None = None\n", "()", "x"),
    ],
)
def test_an_annotation_that_is_there_for_type_checkers_alone_is_told(
    checkout, head, listens, field
):
    told = refusal(
        checkout,
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "from backtest import Strategy\nfrom backtest.events import Earnings, Event\n"
        f"if TYPE_CHECKING:\n    from datetime import date\n{head}class Bad(Strategy):\n"
        f"    listens_to = {listens if not head else '(Own,)'}\n"
        f"    {field}: {'date' if not head else 'int'} | None = None\n",
    )
    owner = "Own" if head else "Bad"
    assert f"bad.py: a field of {owner} is annotated with date, which is not there" in told


def test_an_annotation_may_be_defined_below(checkout):
    text = "class Late(Strategy):\n    hold: 'Later' = 3\nLater = int\n"
    checkout.write("strategies/late.py", HEAD + text)
    file = load_strategy(checkout.root / "strategies", "late")
    assert configure(file, {"hold": Text("5")}).hold == 5


def test_a_field_without_a_type_shows_the_class(checkout):
    told = refusal(checkout, HEAD + "\nclass Bad(Strategy):\n    hold = 5\n")
    assert "bad.py does not load: PydanticUserError" in told
    assert "bad.py, line 7: class Bad(Strategy):" in told


def test_an_error_in_a_neighbour_shows_the_line_there(checkout):
    checkout.write("strategies/_helper.py", "\n\nraise ValueError('made up')\n")
    told = refusal(checkout, "from ._helper import anything\n")
    assert "bad.py does not load: ValueError: made up" in told
    assert "_helper.py, line 3: raise ValueError('made up')" in told


def test_a_syntax_error_in_a_neighbour_names_the_neighbour(checkout):
    checkout.write("strategies/_helper.py", "x = 1\ndef broken(:\n")
    told = refusal(checkout, "from ._helper import anything\n")
    assert "_helper.py" in told
    assert "line 2: def broken(:" in told


def test_a_file_with_a_dot_in_its_name_does_not_load(checkout):
    told = refusal(checkout, HEAD + "class One(Strategy):\n    pass\n", "a.b")
    place = checkout.root / "strategies" / "a.b.py"
    assert told == f"{place} does not load: its name must not hold a dot. Rename it to a_b.py."


def test_a_file_that_ends_the_program_does_not_load(checkout):
    assert "bad.py does not load" in refusal(checkout, "import sys\nsys.exit()\n")


def test_a_file_that_is_not_utf_8_does_not_load(checkout):
    (checkout.root / "strategies/bad.py").write_bytes(b"x = '\xe9'\n")
    with pytest.raises(UsageError, match=r"bad\.py does not load: SyntaxError"):
        load_strategy(checkout.root / "strategies", "bad")


def test_a_file_with_null_bytes_does_not_load_and_names_no_line(checkout):
    told = refusal(checkout, HEAD + "\0")
    place = checkout.root / "strategies" / "bad.py"
    assert told.startswith(f"{place} does not load: SyntaxError: source code string cannot contain")
    assert "None" not in told


def test_a_file_holds_one_strategy(checkout):
    assert "must define one subclass of Strategy or EventStrategy; it defines none." in refusal(
        checkout, HEAD
    )
    two = HEAD + "class One(Strategy):\n    pass\nclass Two(Strategy):\n    pass\n"
    assert "EventStrategy; it defines One, Two." in refusal(checkout, two, "two")


def test_a_strategy_with_two_names_is_one(checkout):
    checkout.write("strategies/one.py", HEAD + "class One(Strategy):\n    pass\n\nOther = One\n")
    assert load_strategy(checkout.root / "strategies", "one").cls.__name__ == "One"


def test_strategies_that_are_imported_do_not_count(checkout):
    checkout.write("strategies/wide.py", HEAD + (
        "from .beats import Beats\n\nclass Wide(Beats):\n    '''Beats, wide.'''\n"
    ))  # fmt: skip
    assert load_strategy(checkout.root / "strategies", "wide").cls.__name__ == "Wide"


@pytest.mark.parametrize("kinds", ["Earnings", "('earnings',)", "(Earnings, 5)", "None"])
def test_listens_to_is_a_tuple_of_kinds(checkout, kinds):
    text = HEAD + f"\nclass Bad(Strategy):\n    listens_to = {kinds}\n"
    assert "listens_to" in refusal(checkout, text)


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ('"hold"', "signal_terms must be a tuple of parameters"),
        ("(5,)", "signal_terms must be a tuple of parameters"),
        ('("hodl",)', "'hodl'. Did you mean 'hold'? Known: hold."),
        ('("side",)', "'side'"),
    ],
)
def test_signal_terms_are_parameters_named_as_terms_of_a_signal(checkout, terms, told):
    fields = "    hold: int = 3\n    side: str = 'both'\n"
    text = HEAD + f"\nclass Bad(Strategy):\n    signal_terms = {terms}\n{fields}"
    assert told in refusal(checkout, text)


def test_a_file_that_changed_is_loaded_as_it_is_now(checkout):
    folder = checkout.root / "strategies"
    before = load_strategy(folder, "beats")
    assert before.cls.model_fields["hold"].default == 3
    checkout.edit("strategies/beats.py", "Field(3,", "Field(12,")
    assert load_strategy(folder, "beats").cls.model_fields["hold"].default == 12


def test_a_strategy_of_backtrader_is_loaded_with_its_params(checkout):
    checkout.write(
        "strategies/plain.py",
        "from backtest import EventStrategy\nfrom backtest.events import Earnings\n\n"
        "class Plain(EventStrategy):\n    listens_to = (Earnings,)\n"
        "    params = (('period', 20), ('share', 0.5))\n"
        "    def notify_event(self, event):\n        pass\n",
    )
    file = load_strategy(checkout.root / "strategies", "plain")
    assert configure(file, {"period": Text("5")}).parameters == {"period": 5, "share": 0.5}
    with pytest.raises(UsageError, match=r"no parameter of plain 'perio'.*mean 'period'"):
        configure(file, {"perio": 5})
    with pytest.raises(UsageError, match=r"plain: period = 'long': Input should be a valid integ"):
        configure(file, {"period": "long"})


def test_files_of_one_name_in_two_folders_are_kept_apart(checkout, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "beats.py").write_text(HEAD + "\nclass Other(Strategy):\n    pass\n")
    assert load_strategy(checkout.root / "strategies", "beats").cls.__name__ == "Beats"
    assert load_strategy(other, "beats").cls.__name__ == "Other"


# The source's hash


def digest(checkout, name: str = "user") -> str:
    return load_strategy(checkout.root / "strategies", name).source_sha256()


# Neighbours are imported by their bare names too where a file sees to the path.
BESIDE = "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\n"


@pytest.fixture
def _path_as_it_was(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in [name for name in sys.modules if name.startswith(("_helper", "_tools"))]:
        del sys.modules[name]


@pytest.mark.usefixtures("_path_as_it_was")
@pytest.mark.parametrize(
    ("line", "neighbour"),
    [
        ("from ._helper import LIMIT", "_helper.py"),
        ("from . import _helper", "_helper.py"),
        ("from .beats import Beats", "beats.py"),
        ("from ._tools.deep import LIMIT", "_tools/deep.py"),
        ("from ._tools.up import LIMIT", "_helper.py"),
        ("from ._tools import deep", "_tools/deep.py"),
        (f"{BESIDE}from _helper import LIMIT", "_helper.py"),
        (f"{BESIDE}import _tools.deep as deep", "_tools/deep.py"),
        (f"{BESIDE}from _tools import deep", "_tools/deep.py"),
        (f"{BESIDE}from _tools.across import LIMIT", "_helper.py"),
    ],
)
def test_the_hash_changes_with_the_neighbours_that_are_imported(checkout, line, neighbour):
    checkout.write("strategies/_helper.py", "LIMIT = 1\n")
    checkout.write("strategies/_tools/deep.py", "LIMIT = 1\n")
    checkout.write("strategies/_tools/up.py", "from .._helper import LIMIT\n")
    checkout.write("strategies/_tools/across.py", "from _helper import LIMIT\n")
    checkout.write("strategies/user.py", HEAD + f"{line}\nclass User(Strategy):\n    pass\n")
    before = digest(checkout)
    for unrelated in ("owner.py", "_other.py", "notes.txt"):
        with (checkout.root / "strategies" / unrelated).open("a") as file:
            file.write("# more\n")
    assert digest(checkout) == before
    with (checkout.root / "strategies" / neighbour).open("a") as file:
        file.write("# more\n")
    assert digest(checkout) == before
    with (checkout.root / "strategies" / neighbour).open("a") as file:
        file.write("MORE = 1\n")
    assert digest(checkout) != before


def test_a_relative_import_from_above_all_folders_is_left_to_python(checkout):
    dots = "." * (len(checkout.root.parts) + 9)
    guarded = f"try:\n    from {dots} import tool\nexcept ImportError:\n    tool = None\n"
    checkout.write("strategies/user.py", HEAD + guarded + "class User(Strategy):\n    pass\n")
    assert digest(checkout)


def test_the_hash_changes_with_the_neighbours_of_neighbours_and_the_file_itself(checkout):
    checkout.write("strategies/_deep.py", "LIMIT = 1\n")
    checkout.write("strategies/_helper.py", "from ._deep import LIMIT\nfrom . import user\n")
    user = HEAD + "def later():\n    from ._helper import LIMIT\nclass User(Strategy):\n    pass\n"
    checkout.write("strategies/user.py", user)
    first = digest(checkout)
    checkout.write("strategies/_deep.py", "LIMIT = 2\n")
    second = digest(checkout)
    checkout.write("strategies/user.py", user + "    more: int = 1\n")
    assert len({first, second, digest(checkout)}) == 3


@pytest.mark.usefixtures("_path_as_it_was")
@pytest.mark.parametrize("inside", [False, True], ids=["at the top", "in on_event"])
@pytest.mark.parametrize(
    ("line", "limit"),
    [
        ("from ._helper import LIMIT", "LIMIT"),
        ("from . import _helper", "_helper.LIMIT"),
        ("from ._tools import deep", "deep.LIMIT"),
        ("from _helper import LIMIT", "LIMIT"),
        ("from _tools import deep", "deep.LIMIT"),
        ("import _tools.deep as deep", "deep.LIMIT"),
    ],
)
def test_a_neighbour_is_loaded_as_it_is_now_wherever_it_is_imported(
    checkout, line, limit, *, inside
):
    top, within = ("", line) if inside else (line, "")
    body = f"    def on_event(self, event, market):\n        {within}\n        return {limit}\n"
    checkout.write("strategies/user.py", f"{HEAD}{BESIDE}{top}\nclass User(Strategy):\n{body}")
    for number in (1, 222):
        for neighbour in ("_helper.py", "_tools/deep.py"):
            checkout.write(f"strategies/{neighbour}", f"LIMIT = {number}\n")
        strategy = load_strategy(checkout.root / "strategies", "user").cls()
        assert strategy.on_event(None, None) == number


def test_a_strategy_that_another_imports_later_stays_there_for_backtrader(checkout):
    folder = checkout.root / "strategies"
    user = f"{HEAD}class User(Strategy):\n    def late(self):\n        from . import beats\n"
    checkout.write("strategies/user.py", user)
    beats = load_strategy(folder, "beats").cls
    load_strategy(folder, "user")
    assert beats.__module__ in sys.modules


def test_only_what_is_a_neighbour_counts(checkout):
    """A broken file of the name of a standard module is imported by nobody."""
    lines = "import statistics\ntry:\n    import _broken\nexcept ImportError:\n    pass\n"
    checkout.write("strategies/statistics.py", "def unfinished(")
    checkout.write("strategies/_broken.py", "def unfinished(")
    checkout.write("strategies/user.py", f"{HEAD}{lines}class User(Strategy):\n    hold: int = 1\n")
    folder = checkout.root / "strategies"
    first = load_strategy(folder, "user").source_sha256()
    checkout.write("strategies/statistics.py", "def unfinished(more")
    assert load_strategy(folder, "user").source_sha256() == first
    checkout.write("strategies/_broken.py", "def unfinished(more")
    assert load_strategy(folder, "user").source_sha256() != first


def test_what_is_installed_is_no_neighbour_of_what_is_installed_beside_it():
    installed = Path(pydantic.__file__).parents[1]
    assert (installed / "annotated_types").is_dir()
    assert imported_files(installed / "strategy.py", "import annotated_types, pydantic") == set()


# Parameters


def values(folder, **settings: str):
    texts = {name.replace("__", "."): Text(text) for name, text in settings.items()}
    return configure(load_strategy(folder, "rich"), texts)


def complaint(folder, settings: dict[str, str], name: str = "rich") -> str:
    texts = {name: Text(text) for name, text in settings.items()}
    with pytest.raises(UsageError) as caught:
        configure(load_strategy(folder, name), texts)
    return str(caught.value)


def test_defaults_hold_where_nothing_is_set(folder):
    made = values(folder)
    assert (made.exits.hold, made.exits.stop, made.strict) == (10, 0.15, True)
    assert made.authors == {"press"}


def test_values_are_read_by_the_type_of_their_field(folder):
    made = values(folder, strict="false", side="short", since="2025-06-02")
    assert (made.strict, made.side, made.since) == (False, "short", date(2025, 6, 2))


def test_nested_parameters_are_set_by_dotted_name_and_leave_the_others(folder):
    made = values(folder, exits__hold="5")
    assert (made.exits.hold, made.exits.stop) == (5, 0.15)
    assert set(parameters(type(made))) == {
        "exits.hold", "exits.stop", "authors", "levels", "steps", "strict", "side", "since",
    }  # fmt: skip


def test_sets_are_written_by_comma(folder):
    assert values(folder, authors="short_seller, press").authors == {"short_seller", "press"}
    assert values(folder, authors="press,").authors == {"press"}


def test_lists_are_written_by_comma(folder):
    assert values(folder, levels="0.1, 0.2").levels == [0.1, 0.2]
    assert values(folder, levels="0.3").levels == [0.3]
    assert values(folder, steps="3,2,1").steps == (3, 2, 1)


@pytest.mark.parametrize("text", ["none", "None", " NONE "])
def test_none_is_no_value(folder, text):
    assert values(folder, exits__stop=text).exits.stop is None


def test_none_where_a_value_is_needed_is_refused(folder):
    assert "rich: exits.hold = 'none': Input should be a valid integer" in complaint(
        folder, {"exits.hold": "none"}
    )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"exits.hold": "0"}, "rich: exits.hold = 0: Input should be greater than or equal to 1"),
        ({"exits.stop": "1"}, "rich: exits.stop = 1.0: Input should be less than 1"),
        ({"exits.stop": "inf"}, "rich: exits.stop = inf"),
        ({"side": "both"}, "rich: side = 'both': Input should be 'long' or 'short'"),
        ({"strict": "perhaps"}, "rich: strict = 'perhaps': Input should be a valid boolean"),
        ({"authors": "analyst"}, "Input should be 'short_seller' or 'press'"),
        ({"authors": ""}, "rich: authors"),
        ({"since": "June"}, "rich: since = 'June'"),
    ],
)
def test_a_value_out_of_bounds_is_told_with_what_is_allowed(folder, settings, told):
    assert told in complaint(folder, settings)


def test_every_bad_value_is_told_at_once(folder):
    told = complaint(folder, {"exits.hold": "0", "side": "both", "strict": "perhaps"})
    assert told.count("Input should be") == 3


@pytest.mark.parametrize(
    ("name", "near"),
    [("exits.hodl", "exits.hold"), ("hold", "exits.hold"), ("author", "authors"), ("Side", "side")],
)
def test_an_unknown_parameter_is_answered_with_the_nearest(folder, name, near):
    told = complaint(folder, {name: "5"})
    assert f"There is no parameter of rich {name!r}. Did you mean {near!r}?" in told
    assert "Known: authors, exits.hold, exits.stop, levels," in told


def test_a_group_of_parameters_is_no_parameter(folder):
    assert "There is no parameter of rich 'exits'" in complaint(folder, {"exits": "5"})


# Descriptions


def test_a_strategy_that_says_nothing_of_itself_has_no_words_of_another(checkout):
    checkout.strategy("silent", "return 'no'")
    found = {row.name: row.summary for row in describe_strategies(checkout.workspace)}
    assert found == {"beats": "Long a beat.", "owner": "Long from the start.", "silent": ""}


def test_descriptions_hold_defaults_as_set_takes_them(checkout, folder):
    rich = next(row for row in describe_strategies(checkout.workspace) if row.name == "rich")
    assert rich.summary == "Has parameters of every form."
    assert rich.events == ("earnings",)
    assert rich.error is None
    assert rich.parameters == {
        "exits.hold": "10", "exits.stop": "0.15", "authors": "press", "levels": "0.1",
        "steps": "1,2", "strict": "True", "side": "long", "since": "none",
    }  # fmt: skip


def test_a_default_that_is_made_of_other_parameters_is_described(checkout):
    fields = "    hold: int = 3\n    twice: int = Field(default_factory=lambda d: 2 * d['hold'])\n"
    fields += "    exit: Exit = Field(default_factory=lambda d: Exit(stop=0.1 * d['hold']))\n"
    own = "from pydantic import BaseModel\n\nclass Exit(BaseModel):\n    stop: float = 0.5\n\n"
    checkout.write("strategies/pair.py", f"{HEAD}{own}class Pair(Strategy):\n{fields}")
    pair = next(row for row in describe_strategies(checkout.workspace) if row.name == "pair")
    others = dict.fromkeys(("twice", "exit.stop"), "(made of others)")
    assert pair.parameters == {"hold": "3", **others}
    file = load_strategy(checkout.root / "strategies", "pair")
    assert configure(file, {"hold": 2}).exit.stop == 0.2
    assert configure(file, {"exit.stop": 0.3}).exit.stop == 0.3


def test_what_a_description_shows_can_be_set(checkout, folder):
    file = load_strategy(folder, "rich")
    rich = next(row for row in describe_strategies(checkout.workspace) if row.name == "rich")
    texts = {name: Text(text) for name, text in rich.parameters.items()}
    assert configure(file, texts) == file.cls()


def test_a_file_that_does_not_load_says_why_and_the_others_are_there(checkout):
    checkout.write("strategies/bad.py", "import nowhere_at_all\n")
    (checkout.root / "strategies/gone.py").symlink_to("not_mounted.py")
    bad, beats, gone, owner = describe_strategies(checkout.workspace)
    assert "ModuleNotFoundError: No module named 'nowhere_at_all'" in bad.error
    assert "gone.py does not load: FileNotFoundError: " in gone.error
    assert [beats.error, owner.error] == [None, None]


def test_the_order_of_a_list_is_kept(checkout):
    text = HEAD + "\nclass Steps(Strategy):\n    steps: tuple[int, ...] = (3, 1, 2)\n"
    checkout.write("strategies/steps.py", text)
    row = next(r for r in describe_strategies(checkout.workspace) if r.name == "steps")
    assert row.parameters == {"steps": "3,1,2"}


def test_a_file_that_raises_what_ctrl_c_raises_does_not_load_and_ends_nothing(command, checkout):
    checkout.write("strategies/hostile.py", "raise KeyboardInterrupt\n")
    outcome = command("list", "strategies")
    assert outcome.code == 0
    assert "beats" in outcome.out
    told = "".join((outcome.out + outcome.err).split())  # a long place is broken anywhere
    assert "hostile.pydoesnotload:KeyboardInterrupt" in told
