"""`backtest study`: tables, JSON, the folder and its page, and wrong use."""

import json
import re

import pytest

from backtest.experiments.studies import null_worlds
from backtest.experiments.studies.many import WINDOWS as MANY
from backtest.stats.event_study import WINDOWS
from docs.tools.commands import commands
from tests.commands import WRONG_USE, fails, rows, too_wide, words

ON_ACME = ("--symbol", "ACME", "--benchmark", "INDX", "--draws", "199")


@pytest.fixture
def study(command):
    def run(*arguments):
        return command("study", *arguments, *ON_ACME)

    return run


def page_of(checkout) -> str:
    (page,) = checkout.root.glob("reports/study-*/index.html")
    return page.read_text(encoding="utf-8")


def test_a_study_tells_what_it_found_and_how_and_where_it_is(study, checkout):
    done = study("earnings", "--window", "-1,+1", "--window", "0,2")
    assert (done.code, done.err) == (0, "")
    told = words(done.out)
    for text in (
        "earnings · ACME",
        "2 events. Over [-1,+1] ACME did",
        "Random days do as much",
        "would have been missed",
        "the first whose open comes later than 5 minutes after publication",
        "INDX: named by --benchmark",
        "market-adjusted for 2 events (",
        "market needs 30",
        "[0,+2]",
        "A made-up beat (beat, market-adjusted)",
        "Holm's for 2 groups",
        "indicative",
    ):
        assert text in told
    assert not too_wide(done.out.replace("cars.csv", "index.html"), 80)
    folder = next(checkout.root.glob("reports/study-earnings-ACME-*"))
    assert {path.name for path in folder.iterdir()} == {"cars.csv", "index.html", "study.json"}


def figures(text: str) -> set[str]:
    return set(re.findall(r"[+-]?\d+\.\d+", text))


@pytest.mark.parametrize("several", [(), ("--symbol", "INDX")])
def test_in_a_narrow_terminal_every_figure_is_whole(study, monkeypatch, several):
    asked = ("earnings", "--window", "-1,+1", "--window", "0,2", *several)
    wide = study(*asked).out
    monkeypatch.setenv("COLUMNS", "50")
    narrow = study(*asked).out
    assert figures(narrow) == figures(wide)
    assert not too_wide(narrow.split("It had been studied")[0], 50)


def test_a_window_for_which_there_is_no_room_is_named(study, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    told = words(study("earnings").out)
    assert "No room for [-10,+10]: in a wider terminal, and with --json." in told


def test_events_that_are_left_out_are_listed_with_the_reason(study):
    told = words(study("short_report").out)
    assert "1 left out" in told
    assert "known by the week alone" in told
    assert "In the expected direction" in told


def test_json_is_the_record(study, checkout):
    told = json.loads(study("earnings", "--json").out)
    (place,) = checkout.root.glob("reports/study-*/study.json")
    record = json.loads(place.read_text())
    del record["record_sha256"]
    assert told == {**record, "path": str(place.parent)}
    assert told["settings"]["seed"] == 1
    assert set(told["inputs"]) == {"prices/ACME", "prices/INDX", "events/earnings/ACME"}
    assert [row["window"] for row in told["windows"]] == [
        "[-1,+1]", "[0,+1]", "[0,+5]", "[0,+20]", "[-10,+10]",
    ]  # fmt: skip
    assert set(told["windows"][0]["tests"]) == {
        "t", "t_prediction", "cross_section", "patell", "bmp", "kp_patell", "kp_bmp", "corrado",
        "sign",
    }  # fmt: skip


def test_a_study_that_exists_is_shown_and_forced_ones_are_the_same(study, checkout):
    study("earnings")
    before = rows(checkout, "cars.csv", "study-*")
    assert "It had been studied before" in study("earnings").out
    forced = study("earnings", "--force")
    assert "It had been studied before" not in forced.out
    assert rows(checkout, "cars.csv", "study-*") == before


def test_a_name_of_both_is_the_kind_unless_the_strategy_is_asked_for(study, checkout):
    checkout.strategy("news", "return Signal.short(event)", "News")
    kind = json.loads(study("news", "--json").out)
    strategy = json.loads(study("news", "--strategy", "--json").out)
    assert (kind["of"], strategy["of"]) == ("kind", "strategy")
    assert "--strategy" in kind["also"]
    assert [event["direction"] for event in strategy["events"]] == [-1]


def test_the_page_names_every_event_escapes_it_and_fetches_nothing(study, checkout):
    checkout.edit("data/events/earnings.csv", "A made-up beat", "A <script>beat</script> & more")
    study("earnings")
    page = page_of(checkout)
    assert "A &lt;script&gt;beat&lt;/script&gt; &amp; more" in page
    assert "<script>beat" not in page
    assert not re.search(r'(src|href)="https?:', page)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    chart = json.loads(data[1])
    assert chart["events"][0]["text"] == "A <script>beat</script> & more"
    assert [curve["name"] for curve in chart["curves"]] == [
        "all events", "in the expected direction",
    ]  # fmt: skip
    assert (checkout.root / "reports" / "assets").is_dir()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["earning"], ["no kind of event or strategy 'earning'. Did you mean 'earnings'?"]),
        (["beat"], ["Did you mean 'beats'?"]),
        (["earnings", "--strategy"], ["no strategy 'earnings'", "beats, owner"]),
        (["earnings", "--window", "1,-1"], ["ends before it begins", "did you mean -1,+1?"]),
        (["earnings", "--window", "one"], ["'one' is not of the form first,last", "-1,+1"]),
        (["earnings", "--window", "0,61"], ["reaches beyond 60 sessions"]),
        (["earnings", "--model", "capm"], ["no model 'capm'", "market_adjusted"]),
        (["owner"], ["No event of owner on ACME can be studied", "the replay begins"]),
        (["earnings", "--window", "-30,-29"], ["No event of earnings", "the returns begin"]),
        ([], ["Name a kind of event or a strategy"]),
        (["earnings", "--null-world"], ["takes no kind or strategy"]),
    ],
    ids=str,
)
def test_wrong_use_is_one_clear_message_and_writes_nothing(study, checkout, arguments, told):
    fails(study(*arguments), WRONG_USE, told, checkout, {})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--benchmark", "INDY"], ["'INDY'. Did you mean 'INDX'?"]),
        ([], ["no prices of SPY or QQQ to hold ACME against", "--benchmark"]),
    ],
    ids=["unknown", "none at hand"],
)
def test_a_missing_benchmark_is_told(command, checkout, arguments, told):
    fails(
        command("study", "earnings", "--symbol", "ACME", *arguments), WRONG_USE, told, checkout, {}
    )


DEFAULTS = null_worlds.calibrate.__kwdefaults__


def test_null_worlds_show_the_share_of_each_verdict(command, checkout, monkeypatch):
    kinds = null_worlds.WORLDS[:2]
    monkeypatch.setattr(null_worlds.calibrate, "__kwdefaults__", DEFAULTS | {"kinds": kinds})
    monkeypatch.setenv("COLUMNS", "80")
    done = command("study", "--null-world", "--worlds", "20")
    assert done.code == 0
    assert too_wide(done.out, 80) == []
    for text in ("20 made-up worlds of each kind", "independent days, 6 events", "Covers", "of 20"):
        assert text in words(done.out)
    told = json.loads(command("study", "--null-world", "--worlds", "5", "--json").out)
    assert [row["worlds"] for row in told["worlds"]] == [5, 5]
    assert told["study"]["worlds"] == 5
    assert checkout.snapshot() == {}


def test_help_tells_the_windows_of_one_stock_and_of_many():
    helps = {one.name: one.help for one in commands()["backtest study"].params}
    told = [",".join(f"{day:+d}" if day else "0" for day in pair) for pair in (*WINDOWS, *MANY)]
    found = helps["window"].partition("[")[2].rstrip("]").replace("; of many stocks", "").split()
    assert found == told
