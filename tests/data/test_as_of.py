"""Runs as of a day: the files in the version of then, and nothing that came later."""

from datetime import UTC, datetime, timedelta

import pytest

from backtest.errors import DataError, UsageError
from backtest.experiments.runs.run import prepare_run
from backtest.experiments.runs.store import read_run
from tests.made_up import day, do, ids, request
from tests.versioned import changed, recorded

ACME, EARNINGS = "data/prices/ACME.csv", "data/events/earnings.csv"
JUNE = "2025-06-01T00:00:00+00:00"
BASIS = (
    "Prices: ACME of an adjust mode that is not on record; INDX (the benchmark) of an adjust mode "
    "that is not on record. Applied: nothing."
)
BEAT = ("0.30,0.20", "0.10,0.20")  # the beat of 4 June becomes a miss


@pytest.fixture
def old(checkout):
    """The made-up checkout, on record since the first of June."""
    for path in (checkout.root / "data").rglob("*.csv"):
        if ".history" not in path.parts:
            recorded(path, 1, JUNE)
    return checkout


def prepared(checkout, as_of=None, **changes):
    as_of = as_of and day(as_of)
    return prepare_run(checkout.workspace, request(as_of=as_of, **changes))


def test_prices_and_the_span_end_with_the_day(old):
    inputs = prepared(old, "2025-06-20").inputs
    assert inputs.last == day("2025-06-20")
    assert inputs.history["ACME"].last == day("2025-06-20")
    assert inputs.benchmark.last == day("2025-06-20")
    assert prepared(old, "2025-06-22").inputs.last == day("2025-06-20")  # a Sunday
    assert prepared(old, "2025-06-20", last=day("2025-06-18")).inputs.last == day("2025-06-18")


@pytest.mark.parametrize(
    ("as_of", "events"),
    [("2025-06-17", 4), ("2025-06-18", 5), ("2025-06-26", 5), ("2025-06-27", 6)],
)
def test_events_are_those_that_were_public_at_the_end_of_the_day(old, as_of, events):
    # 4, 10, 12 (twice), 18 at 23:59:59, 27, 29 June and 1 July
    assert len(prepared(old, as_of).inputs.events) == events


def test_files_are_read_in_the_version_of_then(old):
    changed(old.root / EARNINGS, *BEAT, "2025-06-21T03:59:59+00:00")  # the 20th in New York
    changed(old.root / ACME, "101.00,1000", "101.50,1000", "2025-06-21T04:00:00+00:00")
    late, early = prepared(old, "2025-06-20"), prepared(old, "2025-06-19")
    assert (late.versions["events/earnings.csv"], late.versions["prices/ACME.csv"]) == (2, 1)
    assert (early.versions["events/earnings.csv"], early.versions["prices/ACME.csv"]) == (1, 1)
    assert early.inputs.events[0].eps == 0.30
    assert late.inputs.events[0].eps == 0.10
    assert late.inputs.history["ACME"].table["close"].iloc[0] == 101.00
    assert prepared(old).inputs.history["ACME"].table["close"].iloc[0] == 101.50


def test_a_run_of_then_is_repeated_whatever_was_changed_since(old):
    then = do(old, as_of=day("2025-06-20"))
    changed(old.root / EARNINGS, *BEAT)
    changed(old.root / ACME, "106.00,1005", "106.50,1005")
    again = do(old, as_of=day("2025-06-20"), force=True)
    assert again.run_id == then.run_id
    assert again.trades == then.trades
    assert len(do(old).trades) == 0  # the beat is a miss now


def test_the_manifest_names_the_day_and_the_versions(old):
    manifest = read_run(do(old, as_of=day("2025-06-20")).path).manifest
    assert manifest["as_of"] == "2025-06-20"
    files = (
        "prices/ACME.csv", "prices/INDX.csv", "borrow/ACME.csv", "events/earnings.csv",
        "events/stake_disclosures.csv", "events/short_reports.csv", "events/news.csv",
    )  # fmt: skip
    assert manifest["versions"] == dict.fromkeys(files, 1)
    assert manifest["assumptions"] == [BASIS]


def test_the_day_is_part_of_the_run_id(old):
    now, then = do(old), do(old, as_of=day("2025-07-15"))
    assert now.manifest["inputs"] == then.manifest["inputs"]
    assert now.manifest["as_of"] is None
    assert now.run_id != then.run_id


def test_the_number_of_a_version_is_not(old):
    before = do(old).run_id
    changed(old.root / EARNINGS, *BEAT)
    changed(old.root / EARNINGS, *reversed(BEAT))
    assert prepared(old).versions["events/earnings.csv"] == 3
    assert do(old).run_id == before


def test_a_history_that_begins_later_is_told(old):
    begin = "2025-06-24T12:00:00+00:00"
    for name in (ACME, EARNINGS):
        recorded(old.root / name, 1, begin)
    recorded(old.root / "data/events/news.csv", 1, "2025-06-25T12:00:00+00:00")
    rest = (
        "on record only from {}, after 2025-06-20: the oldest version was used, without what "
        "became public later. What was corrected or filled in between the two days is in it."
    )
    assert do(old, as_of=day("2025-06-20")).manifest["assumptions"] == [
        "events/earnings.csv, prices/ACME.csv are " + rest.format("2025-06-24"),
        "events/news.csv is " + rest.format("2025-06-25"),
        BASIS,
    ]


def test_a_damaged_version_is_refused(old):
    changed(old.root / EARNINGS, *BEAT)
    (copy,) = (old.root / "data/events/.history/earnings").glob("1-*.csv")
    copy.write_text(copy.read_text().replace("made-up", "made up"))
    with pytest.raises(DataError, match=r"1-.*\.csv is damaged: .*version 1 of earnings\.csv"):
        prepared(old, "2025-06-20")
    assert prepared(old).inputs.events


def test_a_file_that_was_edited_and_not_sealed_is_refused_as_ever(old):
    old.edit(EARNINGS, *BEAT, sealed=False)
    with pytest.raises(DataError, match="acknowledge it with `backtest events seal earnings`"):
        prepared(old, "2025-06-20")


def test_a_day_before_the_first_price_is_refused(old):
    with pytest.raises(UsageError, match=r"of ACME was there as of 2025-06-01: .* on 2025-06-02"):
        prepared(old, "2025-06-01")


def test_a_day_to_come_is_refused(old):
    ahead = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    with pytest.raises(UsageError, match=f"{ahead} is still to come"):
        prepared(old, ahead)


def test_nothing_public_later_reaches_the_decisions(old):
    made = do(old, as_of=day("2025-06-20"))
    assert ids(prepared(old, "2025-06-20").inputs.events[:1]) == [made.decisions[0]["event_id"]]
    assert len(made.decisions) == 1


def test_the_command_says_as_of_when(old, command):
    terms = ("--symbol", "ACME", "--benchmark", "INDX", "--no-tearsheet")
    outcome = command("run", "beats", *terms, "--as-of", "2025-06-20")
    assert outcome.code == 0
    assert outcome.out.startswith("ACME from 2025-06-02 to 2025-06-20, start 100,000 $")
    assert "As of 2025-06-20: what was on record and public at the end of that day" in outcome.out
    (page,) = (old.root / "reports").glob("beats-*/index.html")
    assert "2025-06-20 · as of 2025-06-20 · benchmark INDX" in page.read_text()
    command("run", "beats", *terms)
    assert "as_of " in command("compare", *[p.name for p in old.root.glob("reports/beats-*")]).out
    wrong = command("run", "beats", *terms, "--as-of", "soon")
    assert "--as-of 'soon' is not a day. Write it as 2025-03-28." in wrong.err
