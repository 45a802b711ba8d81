"""A sweep by finer bars, and over the time to react: each set is the run that its command makes."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from itertools import product

import numpy as np
import pyarrow.parquet as pq
import pytest

from backtest import sweep as call_sweep
from backtest.errors import UsageError
from backtest.experiments.runs.run import RunRequest, _measure, _replay, prepare_run
from backtest.experiments.sweeps.evaluate import Evaluator
from backtest.experiments.sweeps.grid import parse_axes
from backtest.experiments.sweeps.run import SweepRequest, prepare_sweep
from backtest.experiments.terms import make_rules
from backtest.experiments.trials import trial_sharpes
from backtest.stats.surface import FIGURES
from backtest.strategy.parameters import configure
from tests.cli.test_imported_bars import STRATEGY, five_minute_bars
from tests.commands import WRONG_USE, fails
from tests.made_up import SESSIONS
from tests.made_up_universe import CORP, write_members

HEAD = "symbol,published_at,precision,headline,author,author_type,target_price,note\n"
REPORTS = [  # times in New York, with their precision
    ("2025-06-05T10:15:00", "exact"),
    ("2025-06-05T14:00:30", "exact"),  # of the same session
    ("2025-06-10T08:00:00", "minute"),
    ("2025-06-12T15:52:00", "exact"),  # only without a reaction in the last bar
    ("2025-06-17T11:00:00", "session"),
    ("2025-06-25T16:30:00", "exact"),
    ("2025-07-01T09:30:00", "exact"),
    ("2025-07-03T12:40:00", "exact"),  # a half day
    ("2025-07-09T10:00:00", "exact"),  # in a session without finer bars
]
LACKING = ("2025-06-11", "2025-07-09")  # sessions without finer bars
TERMS = '''\
"""Made up: signals with terms that finer bars know."""

from pydantic import Field

from backtest import Signal, Strategy, Wait
from backtest.events import ShortReport


class Terms(Strategy):
    """Whatever the parameters say."""

    listens_to = (ShortReport,)
    signal_terms = ("stop",)
    how: str = "bars"
    bars: int = 3
    stop: float | None = Field(0.1, gt=0, lt=1)

    def on_event(self, event, market):
        if len(market.finer_bars()) % 5 == 4:
            return "one of five is left out, by what had ended then"
        waited = market.session > event.published_at.date()
        match self.how:
            case "bars":
                terms = {"hold_bars": self.bars}
            case "clock":
                terms = {"leave_at": "15:55"}
            case "close":
                terms = {"enter": "close", "hold": self.bars}
            case "day":
                terms = {"hold": 0}
            case "wait" if not waited:
                return Wait(event, sessions=1, reason="made up")
            case "wait":
                terms = {"hold": 1}
        return Signal.long(event, stop=self.stop, weight=0.5, reason="made up", **terms)
'''
BEFORE_THE_CLOSE = '''\
"""Made up: decides before the close."""

from backtest import Signal, Strategy
from backtest.events import ShortReport


class Late(Strategy):
    """Long at the close."""

    listens_to = (ShortReport,)
    decides = "close"
    hold: int = 1

    def on_event(self, event, market):
        return Signal.long(event, enter="close", hold=self.hold, weight=0.5, reason="made up")
'''

ONE_WAITS = '''\
"""Made up: waits a session for what is known to the second."""

from backtest import Signal, Strategy, Wait
from backtest.events import ShortReport


class Patient(Strategy):
    """Short at once, long after a wait."""

    listens_to = (ShortReport,)
    hold: int = 1

    def on_event(self, event, market):
        if event.precision == "session":
            return Signal.short(event, hold=self.hold, reason="made up")
        if market.session > event.published_at.date():
            return Signal.long(event, hold=self.hold, reason="made up")
        return Wait(event, sessions=1, reason="made up")
'''


def wavy_bars():
    """Five-minute bars that agree with ACME's daily rows, and move all day within their range."""
    head, *lines = five_minute_bars().splitlines()
    found = [head]
    for number, line in enumerate(lines):
        time, opens, high, low, _, volume = line.split(",")
        price = float(opens) + (number * 7 % 9 - 4) * 0.4
        within = f"{time},{price:.2f},{price + 0.1:.2f},{price - 0.1:.2f},{price:.2f},{volume}"
        if time[:10] not in LACKING:
            found.append(within if high == low else line)  # as it is the first, and the last
    outside = [
        f"{session} {hour}:{minute:02}:00,{price},{price},{price},{price},5"
        for number, session in enumerate(SESSIONS)
        if session not in LACKING
        for hour, price in (("08", 99 + number), ("17", 102 + number))
        for minute in range(0, 60, 5)
    ]
    return "\n".join([found[0], *sorted([*found[1:], *outside])]) + "\n"


def import_bars(command, checkout, bars, symbol="ACME"):
    (checkout.root / f"{symbol}.csv").write_text(bars)
    said = ("--symbol", symbol, "--bars", "5m", "--zone", "ET", "--stamped", "open",
            "--source", "made up", "--yes")  # fmt: skip
    assert command("prices", "import", f"{symbol}.csv", *said).code == 0


@pytest.fixture
def made(command, checkout):
    """The checkout with finer bars, and reports within sessions."""
    shutil.copy(STRATEGY, checkout.root / "strategies")
    checkout.write("strategies/terms.py", TERMS)
    checkout.write("strategies/late.py", BEFORE_THE_CLOSE)
    rows = (
        f"ACME,{published}-04:00,{precision},Report {n},Jane Bear,short_seller,10,made up\n"
        for n, (published, precision) in enumerate(REPORTS)
    )
    checkout.write("data/events/short_reports.csv", HEAD + "".join(rows))
    import_bars(command, checkout, wavy_bars())
    return checkout


def sweep_of(checkout, name, *grid, rules=None, **terms):
    request = SweepRequest(
        name, ("ACME",), {}, None, None, rules or make_rules(), grid=parse_axes(grid)
    )
    vars(request).update(terms)
    return Evaluator(prepare_sweep(checkout.workspace, request).spec, checkout.workspace)


def figures_of(sweep):
    return sweep.figures(sweep.spec.axes, sweep.spec.codes(np.arange(sweep.spec.sets)))


def plan_of(checkout, name, rules=None, engine="kernel", **terms):
    """A run of a strategy whose parameters are the defaults."""
    own = rules or make_rules()
    request = RunRequest(
        name, ("ACME",), {}, None, None, own, benchmark="INDX", engine=engine, **terms
    )
    return prepare_run(checkout.workspace, request)


def run_of(plan, **own):
    """The figures of a run of a set."""
    if "reaction" in own:
        rules = plan.request.rules.model_copy(update={"reaction_minutes": own.pop("reaction")})
        plan = replace(plan, request=replace(plan.request, rules=rules))
    plan = replace(plan, strategy=configure(plan.file, own))
    return _measure(plan, _replay(plan))[1]["run"]


BY_BARS = {"bars": "5m"}
NOT_BY_DAYS = {"bars": "5m", "missing_bars": "none"}
REACTION = "reaction=0,1m,5m,30m,2h,1440"
ODD = {"cash_rate": 0.05, "max_positions": 1, "slippage_range": 0.05, "max_participation": 0.5}
EXTENDED = {"hours": "extended", "extended_slippage_bps": 40.0}
SWEEPS = {
    "reaction alone": ("short_report", [REACTION], {}, BY_BARS),
    "reaction and parameters": ("short_report", [REACTION, "hold=1:3"], ODD, BY_BARS),
    "parameters first": ("short_report", ["stop=none,0.01", "reaction=5,60"], {}, BY_BARS),
    "parameters alone": ("short_report", ["hold=1,2,5", "stop=none,0.01"], {}, BY_BARS),
    "no daily bars": ("short_report", ["hold=1,2", "reaction=0,120"], {}, NOT_BY_DAYS),
    "by sessions": ("short_report", ["reaction=0,1m,2h,1440,10080", "hold=1:2"], {}, {}),
    "every term": (
        "terms",
        ["how=bars,clock,close,day,wait", "stop=none,0.02", "reaction=0,90"],
        ODD,
        BY_BARS,
    ),
    "decided before the close": ("late", ["hold=1:2", "reaction=0,5,600"], {}, BY_BARS),
}


def test_extended_hours_are_those_of_a_run(made):
    rules, reactions = make_rules(**EXTENDED), [0.0, 5.0, 40.0]
    plan = plan_of(made, "terms", rules, **BY_BARS)
    grid = ("how=bars,day,close", "reaction=0,5,40")
    figures = figures_of(sweep_of(made, "terms", *grid, rules=rules, **BY_BARS))
    regular = figures_of(sweep_of(made, "terms", *grid, **BY_BARS))
    for row, (how, minutes) in enumerate(product(("bars", "day", "close"), reactions)):
        wanted = run_of(plan, how=how, reaction=minutes)
        assert figures["final_equity"][row] == pytest.approx(wanted["final_equity"], rel=1e-9)
    assert (figures["final_equity"] != regular["final_equity"]).all()


@pytest.mark.parametrize(("name", "grid", "rules", "terms"), SWEEPS.values(), ids=SWEEPS)
def test_each_set_has_the_figures_of_its_run(made, name, grid, rules, terms):
    rules = make_rules(**rules)
    sweep, plan = (
        sweep_of(made, name, *grid, rules=rules, **terms),
        plan_of(made, name, rules, **terms),
    )
    figures, codes = figures_of(sweep), sweep.spec.codes(np.arange(sweep.spec.sets))
    assert (figures["trades"] > 0).any()
    for row in range(sweep.spec.sets):
        own = {axis: values[codes[axis][row]] for axis, values in sweep.spec.axes.items()}
        wanted = run_of(plan, **own)
        for figure in FIGURES:
            value = np.nan if wanted[figure] is None else wanted[figure]
            assert figures[figure][row] == pytest.approx(value, rel=1e-9, nan_ok=True), own


def test_of_one_bar_what_was_published_last_acts_also_where_it_was_asked_before(made):
    """The report of 14:00 waits for the bar in which that of 11:00, by its session, is put."""
    made.write("strategies/patient.py", ONE_WAITS)
    reports = [("2025-06-17T11:00:00", "session"), ("2025-06-17T14:00:00", "exact")]
    rows = (
        f"ACME,{published}-04:00,{precision},Report {n},Jane Bear,short_seller,10,made up\n"
        for n, (published, precision) in enumerate(reports)
    )
    made.write("data/events/short_reports.csv", HEAD + "".join(rows))
    plan = plan_of(made, "patient", **BY_BARS)
    figures = figures_of(sweep_of(made, "patient", "hold=1,2", **BY_BARS))
    for row, hold in enumerate([1, 2]):
        assert figures["final_equity"][row] == run_of(plan, hold=hold)["final_equity"] > 100_000


def test_a_set_has_the_figures_of_a_run_on_backtrader(made):
    sweep = sweep_of(made, "short_report", "reaction=1m,2h", "hold=2", **BY_BARS)
    figures, plan = figures_of(sweep), plan_of(made, "short_report", engine="backtrader", **BY_BARS)
    for row, minutes in enumerate([1.0, 120.0]):
        wanted = run_of(plan, reaction=minutes, hold=2)
        assert figures["final_equity"][row] == pytest.approx(wanted["final_equity"])


def test_a_strategy_is_asked_once_for_each_reaction(made, monkeypatch):
    from backtest.engine.timeline import Question

    asked = []
    ask = Question.ask
    monkeypatch.setattr(Question, "ask", lambda *of: asked.append(of) or ask(*of))
    monkeypatch.setattr("backtest.experiments.sweeps.answers._CHECKED", 0)
    sweep = sweep_of(made, "short_report", "reaction=0,60", "hold=1:4", **BY_BARS)
    figures_of(sweep)
    assert len(asked) == 2 * len(REPORTS) * 2  # with the first hold and the last
    figures_of(sweep)
    assert len(asked) == 2 * len(REPORTS) * 2


SWEEP = ("sweep", "short_report", "--symbol", "ACME", "--bars", "5m", "--set", "hold=2")


def test_the_reaction_decides_the_bar(command, checkout):
    """All bars after 09:35 open at 103, from 10:00 on at 104; it leaves at 105 two sessions later.

    The report of 09:31 is traded at 09:40 after five minutes, and at 10:05 after half an hour.
    """
    shutil.copy(STRATEGY, checkout.root / "strategies")
    checkout.write(
        "data/events/short_reports.csv",
        f"{HEAD}ACME,2025-06-05T09:31:00-04:00,exact,A report,Jane Bear,short_seller,10,made up\n",
    )
    lines = five_minute_bars().splitlines()
    for number, line in enumerate(lines):
        time, *_, volume = line.split(",")
        if "2025-06-05 10:00:00" <= time <= "2025-06-05 15:50:00":
            lines[number] = f"{time},104,104,104,104,{volume}"
    import_bars(command, checkout, "\n".join(lines) + "\n")
    record = json.loads(command(*SWEEP, "--grid", "reaction=30m,5", "--json").out)
    assert record["axes"] == {"reaction": [5.0, 30.0]}  # by time
    assert (record["base"], record["bars"]) == ({"reaction": 5.0}, "5m")
    sets = pq.read_table(f"{record['path']}/sets.parquet").to_pydict()
    assert sets["reaction"] == [5.0, 30.0]
    # 5 basis points of slippage, half a cent a share each way, 10 % a year of 102 % of the closes:
    # 104 over one night, 105 over three
    borrow = 1.02 * 0.10 / 360 * (104 * 1 + 105 * 3)
    early = 922 * (103 * 0.9995 - 105 * 1.0005 - 0.01 - borrow)  # 95,000 / 102.9485 = 922.8
    late = 913 * (104 * 0.9995 - 105 * 1.0005 - 0.01 - borrow)  # 95,000 / 103.948 = 913.9
    assert sets["final_equity"] == pytest.approx([100_000 + early, 100_000 + late])
    assert record["base_figures"]["final_equity"] == pytest.approx(100_000 + early)


def test_without_bars_the_reaction_decides_the_session(command, checkout):
    """Public at 09:20: five minutes are over by the open, half an hour is not."""
    shutil.copy(STRATEGY, checkout.root / "strategies")
    checkout.write(
        "data/events/short_reports.csv",
        f"{HEAD}ACME,2025-06-05T09:20:00-04:00,exact,A report,Jane Bear,short_seller,10,made up\n",
    )
    found = call_sweep(
        "short_report", {"reaction": [0.5 * 60, "5m"]}, parameters={"hold": 2}, symbols="ACME",
        strategies=checkout.root / "strategies", data=checkout.root / "data",
        reports=checkout.root / "reports",
    )  # fmt: skip
    assert found.sets["reaction"].tolist() == [5.0, 30.0]
    borrow = 1.02 * 0.10 / 360
    # 06-05 opens at 103 and 06-09 at 105; 06-06 at 104 and 06-10 at 106
    early = 922 * (103 * 0.9995 - 105 * 1.0005 - 0.01 - borrow * (104 * 1 + 105 * 3))
    late = 913 * (104 * 0.9995 - 106 * 1.0005 - 0.01 - borrow * (105 * 3 + 106 * 1))
    assert found.sets["final_equity"].tolist() == pytest.approx([100_000 + early, 100_000 + late])
    assert found.default["reaction"] == 5.0
    assert "with reaction 30 min (set 1)" in found.summary["Best of 2"]  # it loses less


def test_what_is_left_within_a_session_is_known_to_a_later_event_of_it(made):
    """A trade of 10:25 that is left at 10:40 is over by 14:10 of the same session."""
    sweep = sweep_of(made, "terms", "bars=2,3", "how=bars", **BY_BARS)
    found = sweep.histories(sweep.spec.axes, sweep.spec.codes(np.arange(2)))
    first, second = (
        next(n for n, event in enumerate(sweep.events) if event.headline == f"Report {report}")
        for report in (0, 1)
    )
    times = sweep.panel.times[np.array([*found.exits[:, first], sweep.bars[second]])]
    clock = [str(time)[11:16] for time in times]
    assert clock == ["14:35", "14:40", "18:10"]  # UTC
    assert found.returns.shape == (len(SESSIONS), 2)
    plan = plan_of(made, "terms", **BY_BARS)
    for row, bars in enumerate((2, 3)):
        run = run_of(plan, bars=bars)
        assert found.held()[:, row].mean() == pytest.approx(run["exposure"])


def test_an_event_is_put_where_the_fastest_could_trade_it(made):
    """After two hours 15:52 is the next session; without a reaction it is the last bar."""
    sweep = sweep_of(made, "short_report", "reaction=0,120", **BY_BARS)
    by_name = dict(zip((event.headline for event in sweep.events), sweep.bars, strict=True))
    assert str(sweep.panel.times[by_name["Report 3"]])[:16] == "2025-06-12T19:55"
    assert sweep.bars == sorted(sweep.bars)


def test_trials_count_the_reaction_wherever_it_comes_from(command, made):
    def tried():
        return len(trial_sharpes(made.root / "reports", "short_report", ["ACME"]))

    run = ("run", *SWEEP[1:], "--benchmark", "INDX", "--no-tearsheet")
    assert command(*run).code == 0
    assert tried() == 1
    assert command(*SWEEP, "--grid", "reaction=5,30").code == 0
    assert tried() == 2  # that of the run, and another reaction
    assert command(*run, "--reaction", "30m").code == 0
    assert tried() == 2
    assert command(*run, "--reaction", "31").code == 0
    assert tried() == 3
    folders = {path.name for path in (made.root / "reports").glob("short_report-*")}
    assert len(folders) == 3


def test_the_page_says_reaction_and_gives_the_run(command, made):
    from tests.sweeps import drawn, rows, visible

    out = command(*SWEEP, "--grid", "reaction=30m,5m", "--grid", "stop=none,0.1").out
    assert "reaction 5 min, stop" in " ".join(out.split())
    (page,) = (made.root / "reports").glob("sweep-*/index.html")
    text = page.read_text(encoding="utf-8")
    assert "Varied: reaction 5 min, 30 min · stop none, 0.1" in visible(text)
    assert "by bars of 5m" in visible(text)
    assert "min to react" not in visible(text)
    data = drawn(text)
    assert data["axes"]["0"]["labels"] == ["5 min", "30 min"]
    assert data["axes"]["0"]["values"] == ["5", "30"]
    assert "--reaction" not in data["command"]
    command = " ".join(data["command"])
    assert " --bars 5m --set " in command
    assert "--set hold=2" in command
    assert {row[1] for row in rows(text, "ranked") if row[0].isdigit()} == {"5 min", "30 min"}


WRONG = {
    "no time": (["reaction=x"], "--grid reaction: x is no time to react. Write minutes from 0 to"),
    "negative": (["reaction=-5,5"], "--grid reaction: -5 is no time to react"),
    "negative with a unit": (["reaction=-5m"], "--grid reaction: -5m is no time to react"),
    "longer than a week": (["reaction=10081"], "10081 is no time to react"),
    "no number": (["reaction=nan"], "nan is no time to react"),
    "endless": (["reaction=inf"], "inf is no time to react"),
    "none": (["reaction=none"], "none is no time to react"),
    "a unit alone": (["reaction=m"], "m is no time to react"),
    "another unit": (["reaction=1d"], "1d is no time to react"),
    "empty": (["reaction="], "--grid reaction has no value."),
    "the same twice": (["reaction=60,1h"], "--grid reaction: 1h is there twice."),
    "two grids": (["reaction=1", "reaction=2"], "--grid reaction is given twice"),
    "a range of times": (["reaction=1m:5m"], "reaction=1m:5m is not a range of numbers"),
    "a range past its end": (["reaction=0:5:2"], "does not end at 5"),
}


@pytest.mark.parametrize(("grid", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_reaction_is_told(command, checkout, grid, told):
    axes = [word for text in grid for word in ("--grid", text)]
    outcome = command("sweep", "beats", "--symbol", "ACME", *axes)
    fails(outcome, WRONG_USE, [told], checkout, {})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--grid", "reaction=5,10", "--reaction", "5"], "by --reaction and by --grid"),
        (["--grid", "hold=1", "--bars", "7m"], "length of bars '7m'"),
        (["--grid", "hold=1", "--missing-bars", "some"], "missing_bars 'some'"),
        (["--grid", "hold=1", "--bars", "5m"], "There is no file of 5m bars"),
    ],
)
def test_wrong_terms_are_told(command, checkout, arguments, told):
    outcome = command("sweep", "beats", "--symbol", "ACME", *arguments)
    fails(outcome, WRONG_USE, [told], checkout, {})


def test_a_parameter_of_that_name_is_refused_in_a_grid_and_can_be_set(command, checkout):
    checkout.write("strategies/quick.py", BEFORE_THE_CLOSE.replace("Late", "Quick").replace(
        "hold: int = 1", "hold: int = 1\n    reaction: int = 2"
    ))  # fmt: skip
    own = ("sweep", "quick", "--symbol", "ACME", "--grid", "reaction=1,2")
    told = "quick has a parameter of this name, and so has the time to react in the trading rules"
    fails(command(*own), WRONG_USE, [told], checkout, {})
    assert command(*own[:-1], "hold=1,2", "--set", "reaction=3", "--reaction", "7").code == 0


def test_values_of_python_are_read_alike(checkout):
    def minutes(*values):
        request = SweepRequest(
            "beats", ("ACME",), {}, None, None, make_rules(), grid={"reaction": list(values)}
        )
        return prepare_sweep(checkout.workspace, request).spec.axes["reaction"]

    assert minutes(60, 0.5, "90s", "2h", "30m", np.float64(5)) == [0.5, 1.5, 5, 30, 60, 120]
    for wrong in (True, None, timedelta(minutes=5), [5]):
        with pytest.raises(UsageError, match="is no time to react"):
            minutes(wrong)


def test_a_universe_is_swept_by_reaction_and_by_bars(command, made):
    made.write("data/prices/CORP.csv", CORP)
    write_members(
        made, "symbol,first,last\nACME,2025-06-01,2025-12-31\nCORP,2025-06-01,2025-12-31\n"
    )
    arguments = ("sweep", "short_report", "--universe", "three", "--grid", "reaction=0,1440")
    record = json.loads(command(*arguments, "--json").out)
    assert (record["universe"], record["sets"]) == ("three", 2)
    outcome = command(*arguments, "--bars", "5m")
    assert (outcome.code, outcome.out) == (WRONG_USE, "")
    assert "CORP" in outcome.err
    flat = "".join(
        f"{line.split(',')[0]},20,21,19,20,10\n" for line in wavy_bars().splitlines()[1:]
    )
    import_bars(command, made, "Datetime,Open,High,Low,Close,Volume\n" + flat, "CORP")
    outcome = command(*arguments, "--bars", "5m", "--json")
    assert outcome.code == 0, outcome.err
    record = json.loads(outcome.out)
    equity = pq.read_table(f"{record['path']}/sets.parquet")["final_equity"].to_pylist()
    rules = make_rules()
    for row, minutes in enumerate([0.0, 1440.0]):
        request = RunRequest(
            "short_report",
            (),
            {},
            None,
            None,
            rules.model_copy(update={"reaction_minutes": minutes}),
            benchmark="three",
            universe="three",
            engine="kernel",
            bars="5m",
        )
        plan = prepare_run(made.workspace, request)
        wanted = _measure(plan, _replay(plan))[1]["run"]["final_equity"]
        assert equity[row] == pytest.approx(wanted)
