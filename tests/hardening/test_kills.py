"""Commands that are killed at each of their file operations: old or new, never half of it."""

import json
import os
import shutil
import sys

import pytest

from tests.hardening.conftest import QUICK, TIMES, unfinished

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
COMMANDS = {
    "run": RUN,
    "run again": (*RUN, "--force"),
    "compare": ("compare",),
    "report": ("report", "beats", "--output", "beats.md"),
    "study": STUDY,
    "events import": ADD,
    "events edit": EDIT,
    "events undo": ("events", "undo", "earnings", "--to", "1", "--yes"),
    "prices import": PRICES,
    "prices seal": ("prices", "seal", "ACME", "--source", "another"),
    "new signal": ("new", "signal", "mine"),
    "init": ("init", "new"),
}
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


def done_until(operation, root, command, words) -> int:
    """The exit code of a command that a fork runs, killed at an operation; 100 and more: theirs."""
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
    except BaseException:  # noqa: BLE001 - it must not come back
        os._exit(101)
    os._exit(100 if code else 0)


def snapshot(root, *parts) -> dict[str, bytes]:
    """The files in data and strategies, but for what only says when, and copies of versions."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for part in parts
        for path in (root / part).rglob("*")
        if path.suffix in (".csv", ".py", ".toml")
        and ".history" not in path.parts
        and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command_leaves_old_or_new_and_is_gone_on_with(
    furnished, command, tried, tmp_path_factory, name
):
    root = furnished.root
    (event,) = [line for line in tried("events", "list", "--json").out.splitlines() if False] or [
        ""
    ]
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

    parts = ("data", "strategies", "new")
    old = snapshot(root, *parts)
    assert tried(*words).code == 0
    new = snapshot(root, *parts)
    restore()
    operations = 0
    step = 64
    while step:  # how many operations there are: the first number at which nothing is killed
        code = done_until(operations + step, root, command, words)
        restore()
        assert code in (0, KILLED), code
        operations, step = (operations + step, step) if code == KILLED else (operations, step // 2)
    numbers = range(1, operations + 1, max(1, operations // KILLS))
    for number in numbers:
        assert done_until(number, root, command, words) == KILLED
        for path, content in snapshot(root, "data", "strategies").items():
            assert content in (old.get(path), new.get(path)), f"kill {number}: {path} is half"
        for reader in READERS:
            assert tried(*reader).code == 0, f"kill {number}"
        again = tried(*words)
        # After its last file the strategy is there, so that its name is taken.
        is_done = name == "new signal" and "taken by the strategy" in again.err
        assert again.code == 0 or is_done, f"kill {number}: {again.err}"
        assert snapshot(root, *parts) == new, f"kill {number}"
        tried("compare")
        assert unfinished(furnished) == [], f"kill {number}"
        restore()
