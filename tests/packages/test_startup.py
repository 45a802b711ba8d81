"""A command pays for what it uses: what is imported, and when."""

import subprocess
import sys

import pytest

from tests.commands import MADE_UP

DATA = {"pandas", "numpy", "backtrader", "exchange_calendars"}
# pandas itself loads pyarrow where it is installed, so that a run cannot be without it.
DRAWING = {"quantstats", "seaborn", "yfinance"}
WEIGHING = {"numba", "llvmlite", "scipy", "matplotlib"}
SWEEPS = {"distributed", "dask"}

HELP = (["--help"], ["run", "--help"], ["list", "--help"])
LISTS = (["list", "runs"], ["list", "strategies"])

# Tells of the modules that are there at the end.
AT_THE_END = """
import sys
from backtest.cli.main import main
try:
    main()
finally:
    print("modules", *sys.modules, file=sys.__stderr__)
"""
# ... and here those that are there when the evidence would be weighed, and when sheets be drawn.
BEFORE_THE_EVIDENCE = """
import sys
from backtest.cli import options
from backtest.cli.main import main
announce = options.announce_compiling
def weigh():
    print("<weighing>")
    print("modules", *sys.modules, file=sys.__stderr__)
    announce()
options.announce_compiling = weigh
main()
"""
BEFORE_THE_SHEETS = """
import sys
from backtest.cli.main import main
from backtest.reports import tearsheet
def draw_tearsheets(runs):
    print("<drawing>", len(runs))
    print("modules", *sys.modules, file=sys.__stderr__)
    yield from runs
tearsheet.draw_tearsheets = draw_tearsheets
main()
"""
BEFORE_THE_PAGE = """
import sys
from backtest.cli.main import main
from backtest.reports import compare_page
write_comparison = compare_page.write_comparison
def write(*given, **more):
    print("<drawing>")
    print("modules", *sys.modules, file=sys.__stderr__)
    return write_comparison(*given, **more)
compare_page.write_comparison = write
main()
"""


def process(checkout, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=checkout.root,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("modules ")]
    return set(told.split())


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_help_loads_no_data_and_draws_nothing(checkout, words):
    assert not imported(process(checkout, AT_THE_END, *words)) & (
        DATA | DRAWING | WEIGHING | SWEEPS | {"rich"}
    )


@pytest.mark.slow
@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_lists_load_no_data(checkout, run_made_up, words):
    run_made_up("beats")
    modules = imported(process(checkout, AT_THE_END, *words))
    assert not modules & (DATA | DRAWING | WEIGHING | SWEEPS | {"jinja2"})


@pytest.mark.slow
def test_a_comparison_reads_and_draws_without_the_libraries_of_a_run(checkout, run_made_up):
    run_made_up()
    modules = imported(process(checkout, AT_THE_END, "compare"))
    assert not modules & ((DATA - {"numpy", "pandas"}) | DRAWING | WEIGHING | SWEEPS)


@pytest.mark.slow
def test_a_comparison_tells_its_table_before_anything_that_draws_is_loaded(checkout, run_made_up):
    run_made_up("beats")
    done = process(checkout, BEFORE_THE_PAGE, "compare")
    assert "Final equity" in done.stdout.partition("<drawing>")[0]
    assert not imported(done) & (DATA - {"numpy", "pandas"} | {"jinja2"})


@pytest.mark.slow
def test_a_list_with_a_backtrader_strategy_loads_no_pandas(checkout):
    (checkout.root / "strategies" / "crossing.py").write_text(
        "from backtest import EventStrategy\n"
        "class Crossing(EventStrategy):\n"
        "    def notify_event(self, event): pass\n"
    )
    done = process(checkout, AT_THE_END, "list", "strategies")
    assert "crossing" in done.stdout
    assert "backtrader" in imported(done)
    assert not imported(done) & ({"pandas", "exchange_calendars"} | DRAWING | WEIGHING | SWEEPS)


@pytest.mark.slow
def test_a_run_tells_its_table_before_anything_that_weighs_or_draws_is_loaded(checkout):
    done = process(checkout, BEFORE_THE_EVIDENCE, "run", "beats", *MADE_UP)
    before, _, after = done.stdout.partition("<weighing>")
    assert "Final equity" in before
    assert "6 are needed" in after
    assert "pandas" in imported(done)
    assert not imported(done) & (DRAWING | WEIGHING | SWEEPS)


@pytest.mark.slow
def test_a_run_tells_its_evidence_before_anything_that_draws_is_loaded(checkout):
    sheets = [word for word in MADE_UP if word != "--no-tearsheet"]
    done = process(checkout, BEFORE_THE_SHEETS, "run", "beats", *sheets)
    assert "6 are needed" in done.stdout.partition("<drawing> 1")[0]
    assert not imported(done) & (DRAWING | SWEEPS)


@pytest.mark.slow
def test_a_run_without_a_sheet_loads_nothing_that_draws(checkout):
    modules = imported(process(checkout, AT_THE_END, "run", "beats", *MADE_UP))
    assert modules >= {"pandas", "numba"}
    assert not modules & (DRAWING | SWEEPS | {"arch", "scipy.stats"})


@pytest.mark.slow
def test_a_run_that_has_its_evidence_loads_nothing_that_weighs(checkout, run_made_up):
    run_made_up("beats")
    done = process(checkout, AT_THE_END, "run", "beats", *MADE_UP)
    assert "6 are needed" in done.stdout
    assert not imported(done) & (DRAWING | WEIGHING | SWEEPS)


@pytest.mark.slow
def test_a_second_list_asks_no_library_for_the_calendar(checkout, monkeypatch):
    monkeypatch.setenv("BACKTEST_CACHE", str(checkout.root / "cache"))
    first, second = (imported(process(checkout, AT_THE_END, "events", "list")) for _ in "12")
    assert "exchange_calendars" in first
    assert "exchange_calendars" not in second


def test_nothing_is_told_of_backtraders_docstrings():
    """Python 3.12 tells of their escapes where nobody compiled them, as after `uv pip install`."""
    program = "import backtest; compile(r'\"\\*\"', '/lib/backtrader/cerebro.py', 'exec')"
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
