"""Wrong words, numbers, days and symbols: one clear message, and nothing is written."""

import pytest

from tests.commands import BAD_DATA, WRONG_USE, fails

WRONG_WORDS = {
    "an unknown strategy": (["beatz"], ["no strategy 'beatz'. Did you mean 'beats'?", "owner"]),
    "an unknown parameter": (
        ["beats", "--set", "hodl=5"],
        ["no parameter of beats 'hodl'. Did you mean 'hold'?", "Known: hold, weight."],
    ),
    "a parameter of one strategy set for all": (
        ["--set", "hold=5"],
        [
            "--set hold=5 is for each of the 2 strategies that are run",
            "the parameter hold is known to beats alone.",
            "`backtest run beats --set hold=5`",
        ],
    ),
    "a parameter of no strategy set for all": (
        ["--set", "hodl=5"],
        ["is known to none of them.", "`backtest run NAME --set hodl=5`"],
    ),
    "a parameter of a single strategy": (
        ["owner", "--set", "hold=5"],
        ["no parameter of owner 'hold'", "Known: none"],
    ),
    "a parameter below its bound": (
        ["beats", "--set", "hold=0"],
        ["beats: hold = 0: Input should be greater than or equal to 1"],
    ),
    "a parameter above its bound": (
        ["beats", "--set", "hold=21"],
        ["beats: hold = 21: Input should be less than or equal to 20"],
    ),
    "a parameter of the wrong type": (
        ["beats", "--set", "hold=long"],
        ["beats: hold = 'long': Input should be a valid integer"],
    ),
    "a parameter that is no number": (["beats", "--set", "weight=nan"], ["beats: weight = nan"]),
    "two bad parameters": (
        ["beats", "--set", "hold=0", "--set", "weight=-1"],
        ["hold = 0", "weight = -1.0: Input should be greater than 0"],
    ),
    "a setting without a value": (
        ["beats", "--set", "hold"],
        ["--set 'hold' is not of the form name=value, such as hold=5"],
    ),
    "a setting without a name": (["beats", "--set", "=5"], ["not of the form name=value"]),
    "a setting given twice": (
        ["beats", "--set", "hold=5", "--set", "hold=6"],
        ["--set hold is given twice"],
    ),
    "a day that is none": (["--from", "2025-02-30"], ["--from '2025-02-30' is not a day"]),
    "a day in another form": (["--to", "3/28/2025"], ["--to '3/28/2025' is not a day. Write"]),
    "a span without a session": (
        ["--from", "2025-07-04", "--to", "2025-07-06"],
        ["ACME has no session from 2025-07-04 to 2025-07-06", "from 2025-06-02 to 2025-07-15"],
    ),
    "a span that ends before it begins": (
        ["--from", "2025-07-01", "--to", "2025-06-10"],
        ["--from 2025-07-01 lies after --to 2025-06-10"],
    ),
    "a span after the prices": (["--from", "2026-01-01"], ["ACME has no session from 2026-01-01"]),
    "cash of zero": (["--cash", "0"], ["--cash is 0.0. Allowed: dollars greater than 0"]),
    "cash that is no number": (["--cash", "nan"], ["--cash is nan. Allowed: dollars greater"]),
    "cash without end": (["--cash", "inf"], ["--cash is inf. Allowed: dollars greater"]),
    "slippage that pays": (["--slippage", "-1"], ["slippage_bps -1.0: Input should be"]),
    "a commission that pays": (["--commission", "-1"], ["commission_per_share -1.0: Input"]),
    "a reaction into the past": (["--reaction", "-5"], ["reaction_minutes -5.0: Input should be"]),
}


@pytest.mark.parametrize(("words", "told"), WRONG_WORDS.values(), ids=WRONG_WORDS)
def test_wrong_use_is_one_clear_message_and_writes_nothing(run_made_up, checkout, words, told):
    fails(run_made_up(*words), WRONG_USE, told, checkout, {})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--symbol", "ACMD", "--benchmark", "INDX"], ["symbol 'ACMD'. Did you mean 'ACME'?"]),
        (["--symbol", "ACME", "--benchmark", "INDY"], ["symbol 'INDY'. Did you mean 'INDX'?"]),
        (
            ["--symbol", "INDX", "--benchmark", "INDX"],
            ["INDX has closes alone, so it can be a benchmark but not be traded"],
        ),
        (["--symbol", "../prices/ACME", "--benchmark", "INDX"], ["no price file"]),
    ],
    ids=["unknown stock", "unknown benchmark", "stock with closes alone", "a path"],
)
def test_a_wrong_symbol_is_answered_with_what_is_there(command, checkout, words, told):
    fails(command("run", "beats", "--no-tearsheet", *words), WRONG_USE, told, checkout, {})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["compare"], ["There is no run in", "Make one with `backtest run`"]),
        (["compare", "beats"], ["There is no run 'beats'", "`backtest run STRATEGY` makes one"]),
        (["events", "show", "earnings-20250604-000000"], ["Did you mean 'earnings-20250604-"]),
        (["events", "list", "--kind", "earning"], ["Did you mean 'earnings'?"]),
        (["events", "seal", "earning"], ["Did you mean 'earnings'?"]),
        (["events", "list", "--data", "nowhere"], ["The data folder", "BACKTEST_DATA"]),
        (
            ["list", "strategies", "--strategies", "nowhere"],
            ["--strategies or BACKTEST_STRATEGIES"],
        ),
    ],
    ids=" ".join,
)
def test_other_commands_answer_wrong_use_alike(command, checkout, words, told):
    fails(command(*words), WRONG_USE, told, checkout, {})


def test_an_unsealed_file_without_a_source_asks_for_one(command, checkout):
    (checkout.root / "data/prices/ACME.meta.json").unlink()
    fails(
        command("prices", "seal", "ACME"),
        WRONG_USE,
        ["no source on record", "--source"],
        checkout,
        {},
    )
    assert not (checkout.root / "data/prices/ACME.meta.json").exists()
    unknown = command("prices", "seal", "ACMF", "--source", "made up")
    fails(unknown, BAD_DATA, ["ACMF.csv is missing"], checkout, {})


@pytest.mark.parametrize("reaction", ["nan", "inf", "1e300"])
def test_a_reaction_without_end_is_wrong_use(command, reaction):
    outcome = command("events", "list", "--reaction", reaction)
    assert outcome.code == WRONG_USE
    assert "reaction" in outcome.err


@pytest.mark.parametrize("words", [["run", "--bogus"], ["run", "--cash", "much"], ["bogus"]])
def test_wrong_options_are_told_by_the_command_line_itself(command, checkout, words):
    outcome = command(*words)
    assert outcome.code == WRONG_USE
    assert outcome.out == ""
    assert words[1] in outcome.err if len(words) > 1 else words[0] in outcome.err
    assert checkout.snapshot() == {}


def test_outside_of_a_checkout_the_way_out_is_told(command, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    outcome = command("run")
    assert outcome.code == WRONG_USE
    assert "No folder with strategies/ and data/ was found" in outcome.err
    assert "Make a workspace with `backtest init FOLDER`" in outcome.err
    assert "BACKTEST_STRATEGIES" in outcome.err
