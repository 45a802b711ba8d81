"""Commands that are killed at each of their file operations: old or new, never half of it."""

import json
import os
import shutil
import sys

import pytest
from pyarrow import parquet

from tests.hardening.conftest import QUICK, TIMES, unfinished
from tests.made_up import ACME
from tests.parquet_bars import DAILY, MINUTES, at, write
from tests.universes import write_crowd, write_universe

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]
KILLS = 8 * TIMES  # of each command, evenly spread over its operations
KILLED = 9
OPERATIONS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"}
RUN = ("run", "beats", *QUICK)
STUDY = ("study", "earnings", "--symbol", "ACME", "--benchmark", "INDX", "--draws", "99")
ADD = ("events", "import", "mine.csv", "--kind", "news", "--yes")
EDIT = ("events", "edit", "{event}", "--field", "note=other", "--yes")
PRICES = ("prices", "import", "prices.csv", "--symbol", "NEW", "--source", "x", "--yes")
MINUTE_BARS = ("prices", "import", "minutes.parquet", "--bars", "1m", "--set", "volume=0")
MANY = ("prices", "import", "many.csv", "--source", "x", "--yes")
SWEEP = ("sweep", "beats", "--grid", "hold=1:12", "--yes")
BARS = ("simulate", "bars.parquet", "signals.parquet", "--trades", "t.csv", "--equity", "e.csv")
SPLIT = ("actions", "add", "BOLT", "split", "2025-06-10", "2", "--source", "x", "--yes")
FIELDS = tuple(
    word
    for name, value in {
        "symbol": "ACME", "published_at": "2025-06-24T10:00:00-04:00", "precision": "exact",
        "headline": "A report", "author": "Jane Bear", "author_type": "short_seller",
        "source_url": "https://example.org/2", "retrieved_at": "2025-06-25T10:00:00-04:00",
    }.items()
    for word in ("--field", f"{name}={value}")
)  # fmt: skip
COMMANDS = {
    "run": RUN,
    "run again": (*RUN, "--force"),
    "compare": ("compare",),
    "report": ("report", "beats", "--output", "beats.md"),
    "run of a universe": ("run", "beats", "--universe", "quartet", "--no-tearsheet"),
    "sweep": (*SWEEP, "--symbol", "ACME"),
    "sweep of a universe": (*SWEEP, "--universe", "quartet"),
    "study": STUDY,
    "study of a universe": ("study", "earnings", "--universe", "crowd"),
    "audit": ("audit", "beats", "--symbol", "ACME", "--worlds", "0"),
    "simulate": BARS,
    "events add": ("events", "add", "short_report", *FIELDS, "--yes"),
    "events import": ADD,
    "events edit": EDIT,
    "events remove": ("events", "remove", "{event}", "--yes"),
    "events undo": ("events", "undo", "earnings", "--to", "1", "--yes"),
    "events seal": ("events", "seal", "earnings", "--source", "another"),
    "prices import": PRICES,
    "prices import of many": MANY,
    "prices import of bars": (*MINUTE_BARS, "--source", "x", "--yes"),
    "prices import with actions": (*PRICES, "--adjust", "none", "--actions", "actions.csv"),
    "prices undo": ("prices", "undo", "ACME", "--to", "1"),
    "prices seal": ("prices", "seal", "ACME", "--source", "another"),
    "actions add": SPLIT,
    "actions undo": ("actions", "undo", "ACME", "--to", "1"),
    "actions seal": ("actions", "seal", "ACME", "--source", "another"),
    "universes seal": ("universes", "seal", "quartet", "--source", "another"),
    "new signal": ("new", "signal", "mine"),
    "init": ("init", "new"),
}
MORE = [f"M{number:02}" for number in range(1, 24)]  # more than come as CSV
DONE = {"new signal": ["taken by the strategy"], "events remove": ["There is no event"],
        "events add": ["is there already"]}  # fmt: skip
READERS = (("prices", "list"), ("events", "list"), ("list", "runs"), ("config",))


@pytest.fixture
def furnished(checkout, tried):
    """The made-up checkout with a run, two versions of a file, and files to take in."""
    data = checkout.root / "data"
    checkout.edit("data/events/earnings.csv", "A made-up beat", "Another beat")
    news = (data / "events/news.csv").read_text().replace("note\n", "note,source_url\n")
    lines = [line + ",unknown" * (n > 0) for n, line in enumerate(news.splitlines())]
    text = "\n".join(lines).replace("A made-up contract", "A new contract")
    text = text.replace("source_url", "source_url,retrieved_at")
    text = text.replace("unknown", "unknown,2025-06-12T10:00:00+00:00")
    (checkout.root / "mine.csv").write_text(f"{text}\n")
    shutil.copy(data / "prices/ACME.csv", checkout.root / "prices.csv")
    checkout.edit("data/prices/ACME.csv", "06-02,100.00", "06-02,100.01")
    rows = ACME.splitlines()
    many = [f"{name},{row}" for row in rows[1:] for name in MORE]
    (checkout.root / "many.csv").write_text("\n".join([f"symbol,{rows[0]}", *many, ""]))
    (checkout.root / "actions.csv").write_text("day,action,amount\n2025-06-05,dividend,0.5\n")
    assert tried("prices", "seal", "ACME", "--adjust", "none").code == 0
    for amount in ("0.5", "0.6"):
        paid = ("ACME", "dividend", "2025-06-05", amount, "--source", "x", "--yes")
        assert tried("actions", "add", *paid).code == 0
    write_universe(checkout)
    write_crowd(checkout, stocks=8)
    write(checkout.root / "bars.parquet", DAILY)
    write(checkout.root / "minutes.parquet", MINUTES)
    signal = {"symbol": "ACME", "when": at("02 10:00"), "direction": "long", "weight": 0.5}
    table = write(checkout.root / "signals.parquet", [signal])
    found = parquet.read_table(table)
    parquet.write_table(
        found.rename_columns([n.replace("time", "published_at") for n in found.column_names]),
        table,
    )
    for words in (RUN, ("compare",)):
        assert tried(*words).code == 0
    return checkout


def is_operation(event, arguments, root) -> bool:
    """Whether an event of Python's audit changes a file in a folder."""
    path = arguments[0] if arguments else None
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    mode, flags = arguments[1:3] if event == "open" else ("w", 0)
    writes = any(letter in (mode or "") for letter in "wax+") or (flags or 0) & os.O_CREAT
    return bool(writes) and (root / os.fsdecode(path)).is_relative_to(root)


def done_until(operation, root, command, words, tally=None) -> int:
    """The exit code of a command that a fork runs, killed at an operation; 100 and more: theirs.

    Where the operation is 0 it is not killed, and `tally` takes how many operations there are.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = [operation]

    def count(event, arguments):
        if event in {*OPERATIONS, "open"} and is_operation(event, arguments, root):
            left[0] -= 1
            if not left[0]:
                os._exit(KILLED)

    try:
        sys.addaudithook(count)
        code = command(*words).code
        if tally:
            tally.write_text(str(-left[0]))
    except BaseException:  # noqa: BLE001 - it must not come back
        os._exit(102)
    os._exit(101 if code else 100)


def snapshot(root, *parts) -> dict[str, bytes]:
    """The files in data and strategies, but for what only says when, and copies of versions."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for part in parts
        for path in (root / part).rglob("*")
        if path.suffix in (".csv", ".py", ".toml", ".parquet")
        and ".history" not in path.parts
        and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command_leaves_old_or_new_and_is_gone_on_with(
    furnished, command, tried, in_one_process, tmp_path_factory, name
):
    root = furnished.root
    words = COMMANDS[name]
    if "{event}" in words:
        found = json.loads(tried("events", "list", "--json").out)
        event = next(row["id"] for row in found if row["headline"] == "Another beat")
        words = tuple(event if word == "{event}" else word for word in words)
    before = tmp_path_factory.mktemp("before")
    shutil.copytree(root, before, dirs_exist_ok=True)

    def restore():
        for there in root.iterdir():
            shutil.rmtree(there) if there.is_dir() else there.unlink()
        shutil.copytree(before, root, dirs_exist_ok=True)

    parts = ("data", "strategies", "new", "reports")
    old = snapshot(root, *parts)
    assert tried(*words).code == 0
    new = snapshot(root, *parts)
    restore()
    tally = tmp_path_factory.mktemp("tally") / "operations"
    assert done_until(0, root, command, words, tally) == 100
    operations = int(tally.read_text())
    assert operations
    restore()
    numbers = range(1, operations + 1, max(1, operations // KILLS))
    for number in numbers:
        assert done_until(number, root, command, words) == KILLED
        for path, content in snapshot(root, "data", "strategies").items():
            assert content in (old.get(path), new.get(path)), f"kill {number}: {path} is half"
        for reader in READERS:
            assert tried(*reader).code == 0, f"kill {number}"
        again = tried(*words)
        # After its last file the strategy or event is there, or what was removed is not.
        is_done = any(told in again.err for told in DONE.get(name, ()))
        assert again.code == 0 or is_done, f"kill {number}: {again.err}"
        assert snapshot(root, *parts) == new, f"kill {number}"
        for clears in (("compare",), ("events", "undo", "earnings")):  # nobody says yes to it
            tried(*clears)
        assert unfinished(furnished) == [], f"kill {number}"
        restore()
