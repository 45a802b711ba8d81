"""Plants faults in the rooms that decide a number, a date or a file, and counts those noticed.

`make mutants` runs this module. Of all faults that could be planted in a room a sample is drawn,
the same for a seed. Each is planted in a copy of the tree, where the tests that reach its line are
run. docs/testing.md explains those that change nothing which a run could show; any other survivor
is shown, and where those are more than one in ten of a room, the command fails.

    python -m tests.mutants [--seed 1] [--of 60] [ROOM ...]
"""

# ruff: noqa: T201 - it talks to whoever runs it

import argparse
import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from random import Random

from backtest.stats.multiple_testing import wilson_interval

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "mutants"
DOCS = ROOT / "docs" / "testing.md"
PYTHON = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
REPORT = "MUTANTS_REPORT"  # names the file that takes how each test of a count went
AIM = 0.9  # share noticed of what could be
SECONDS = 45.0  # of tests a mutant, as they took when nothing was planted
WORKERS = os.cpu_count() or 1

# The tests of a room. What measures for minutes, or asks a browser or other processes, is left out.
_OF_ROOMS = (
    "tests/api", "tests/audit", "tests/cli", "tests/data", "tests/experiments", "tests/golden",
    "tests/property/test_sweep_equals_runs.py", "--hypothesis-seed=1", "tests/reports",
    "tests/sources", "tests/stats", "tests/strategy", "tests/workspace",
    "tests/hardening/test_once_unnoticed.py", "tests/hardening/test_planted.py",
)  # fmt: skip
_OF_ENGINE = (
    "tests/spec", "tests/engine", "tests/data/test_market_view.py", "tests/data/test_tradable.py",
    "tests/golden/test_kernel_goldens.py", "tests/hardening/test_planted.py",
    "tests/experiments/test_run_figures.py", "tests/property/test_engines_equal_oracle.py",
    "tests/property/test_finer_bars_equal_oracle.py", "tests/property/test_orders_listed.py",
    "tests/property/test_sweep_equals_runs.py::test_the_kernels_figures_are_those_of_its_curve",
    "--hypothesis-seed=1",
)  # fmt: skip
ROOMS = {
    "data": _OF_ROOMS,
    "stats": _OF_ROOMS,
    "sources": _OF_ROOMS,
    "experiments": _OF_ROOMS,
    "engine": _OF_ENGINE,
}

# In place of numba: the kernel as Python reads it, whose records have their fields as attributes.
NUMBA = """import sys
from functools import wraps
from types import SimpleNamespace

import numpy as np

__version__ = "none"
config, types, cgutils = SimpleNamespace(CACHE_DIR=""), None, None
for name in ("core", "core.caching", "extending"):
    sys.modules[f"numba.{name}"] = sys.modules[__name__]


class IndexDataCacheFile:
    pass


class _Record(np.record):
    def __getattribute__(self, name):
        dtype = super().__getattribute__("dtype")
        return self[name] if name in dtype.names else super().__getattribute__(name)

    def __setattr__(self, name, value):
        self[name] = value


def _by_name(value):
    if isinstance(value, tuple):
        parts = [_by_name(one) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    has_fields = isinstance(value, np.ndarray) and value.dtype.names
    return value.view(np.dtype((_Record, value.dtype))) if has_fields else value


def njit(**_options):
    def compiled(function):
        @wraps(function)
        def call(*args):
            with np.errstate(all="ignore"):
                return function(*map(_by_name, args))

        call._cache = SimpleNamespace(_cache_file=IndexDataCacheFile())
        return call

    return compiled


def intrinsic(_function):
    return lambda value: value
"""

_SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_SAID = {  # arguments that decide nothing that is read again
    "description", "help", "frozen", "strict", "indent", "ensure_ascii", "encoding", "repr",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """Another text for a part of a module."""

    path: str  # from the tree's root
    lines: range
    start: int  # in bytes, as the end
    end: int
    text: str
    at_import: bool  # whether it is done once, when the module is loaded

    @property
    def change(self) -> str:
        """The module and the change, as docs/testing.md names a mutant."""
        source = (ROOT / self.path).read_bytes()[self.start : self.end].decode()
        before, after = (re.sub(r"\s+", " ", text)[:160] for text in (source, self.text))
        return f"{self.path.removeprefix('src/backtest/')}: {before} -> {after}"


def explained() -> set[str]:
    """The changes that docs/testing.md explains, one a line in blocks marked `mutants`."""
    blocks = re.findall(r"```mutants\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return {line for block in blocks for line in block.splitlines()}


def mutants(path: str) -> list[Mutant]:
    """Every fault that could be planted in a module."""
    source = (ROOT / path).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found, tree = [], ast.parse(source)
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    called = {line for one in functions for line in range(one.body[0].lineno, one.end_lineno + 1)}
    for node in _deciding(tree):
        for text in _others(node):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            whole = text if isinstance(node, ast.stmt) else f"({text})"
            lines = range(node.lineno, node.end_lineno + 1)
            found.append(Mutant(path, lines, start, end, whole, node.lineno not in called))
    return found


def _deciding(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below one that decide something: no types, and nothing that is only said."""
    if isinstance(node, ast.JoinedStr | ast.Raise) or _is_for_types(node):
        return
    if isinstance(node, ast.stmt | ast.expr):
        yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params"):
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, ast.AST) and not (isinstance(one, ast.keyword) and one.arg in _SAID):
                yield from _deciding(one)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _others(node: ast.AST) -> Iterator[str]:
    """What could stand in place of a node."""
    match node:
        case ast.stmt():
            yield from _other_statements(node)
        case ast.Compare(ops=[first, *more]):
            yield _with(node, ops=[_SWAPS[type(first)](), *more])
        case ast.BinOp() | ast.BoolOp() if type(node.op) in _SWAPS:
            yield _with(node, op=_SWAPS[type(node.op)]())
        case ast.UnaryOp():
            yield ast.unparse(node.operand)
        case ast.Constant(value=bool() | int() | float() as value):
            yield repr(not value if isinstance(value, bool) else value + 1)
        case ast.IfExp():
            yield _with(node, body=node.orelse, orelse=node.body)
        case ast.Name() if node.id in _NAMES:
            yield _NAMES[node.id]
        case ast.Call():
            said = [one for one in node.keywords if one.arg and one.arg not in _SAID]
            for one in said:
                yield _with(node, keywords=[other for other in node.keywords if other != one])


def _other_statements(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.AugAssign() if type(node.op) in _SWAPS:
            yield _with(node, op=_SWAPS[type(node.op)]())
        case ast.Return(value=ast.expr()) if ast.unparse(node.value) != "None":
            yield "return None"
        case ast.Expr(value=ast.Call()):
            yield "pass"
        case ast.Break():
            yield "continue"
        case ast.Continue():
            yield "break"


def _with(node: ast.AST, **changes: object) -> str:
    other = copy(node)
    vars(other).update(changes)
    return ast.unparse(other)


_WENT: list[str] = []  # how each test of this process went, and how long it took


def pytest_runtest_logreport(report) -> None:
    """As a plugin of pytest: a test may still keep files from being written."""
    if report.when == "call":
        _WENT.append(f"{report.outcome} {report.duration:.4f} {report.nodeid}\n")


def pytest_sessionfinish(session) -> None:
    if not hasattr(session.config, "workerinput"):  # the reports of all workers come to the first
        Path(os.environ[REPORT]).write_text("".join(_WENT))


class Tree:
    """A copy of the tree in which faults are planted, and tests are run."""

    def __init__(self, name: str, *, plain: bool) -> None:
        self.root = FOLDER / name
        shutil.rmtree(self.root, ignore_errors=True)
        listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for file in filter(None, names.split("\0")):
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, self.root / file)
        if plain:
            (self.root / "src/numba.py").write_text(NUMBA)

    def run(self, *words: str, seconds: float | None = None, **variables: str) -> int:
        """The exit code of pytest."""
        environment = {**os.environ, "PYTHONPATH": str(self.root / "src"), **variables}
        return subprocess.run(
            (*PYTHON, *words), cwd=self.root, env=environment, timeout=seconds, check=False,
            stdout=(FOLDER / "log").open("w"), stderr=subprocess.STDOUT,
        ).returncode  # fmt: skip

    def count(self, tests: tuple[str, ...]) -> "Reached":
        """Run tests and note which of them reach which line."""
        report, found = FOLDER / "report", FOLDER / "coverage"
        for earlier in (report, found):
            earlier.unlink(missing_ok=True)
        words = ("--cov=backtest", "--cov-context=test", "--cov-report=", "-m", "not slow")
        self.run(
            "-n", str(WORKERS), *words, "-p", "tests.mutants", *tests,
            **{REPORT: str(report), "COVERAGE_FILE": str(found)},
        )  # fmt: skip
        return Reached(self.root, report, found)

    def status(self, mutant: Mutant, tests: list[str], seconds: float) -> str:
        """What becomes of a mutant."""
        if not tests:
            return "not reached"
        path = self.root / mutant.path
        whole = path.read_bytes()
        path.write_bytes(whole[: mutant.start] + mutant.text.encode() + whole[mutant.end :])
        # Its length and its second may be those of the code that is kept compiled.
        Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)
        try:
            code = self.run("-n", "0", "-x", "-p", "no:randomly", *tests, seconds=20 + 5 * seconds)
        except subprocess.TimeoutExpired:
            return "never ended"
        finally:
            path.write_bytes(whole)
            Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)
        return "killed" if code else "survived"


class Reached:
    """Which tests reach a line, and how long they take."""

    def __init__(self, root: Path, report: Path, found: Path) -> None:
        from coverage import CoverageData

        self._root, self._found = root, CoverageData(found)
        self._found.read()
        self._lines: dict[str, dict[int, list[str]]] = {}
        lines = [line.split(" ", 2) for line in report.read_text().splitlines()]
        self.seconds = {name: float(took) for how, took, name in lines if how == "passed"}
        self.failed = [name for how, _, name in lines if how == "failed"]

    def by(self, mutant: Mutant) -> list[str]:
        """Tests that reach a mutant, the quickest first; a constant, those of its module.

        Others of their files follow: a fixture or what is kept of one may have reached it for them.
        """
        file = str(self._root / mutant.path)
        if file not in self._lines:
            self._lines[file] = self._found.contexts_by_lineno(file)
        lines = self._lines[file]
        counted = lines if mutant.at_import else mutant.lines
        own = {context for line in counted for context in lines.get(line, ())}
        names = {context.rpartition("|")[0] for context in own} & self.seconds.keys()
        if mutant.at_import and not names:  # a module of constants
            room = f"tests/{mutant.path.split('/')[2]}/"
            names = {name for name in self.seconds if name.startswith(room)}
        files = {_file(name) for name in names}
        beside = {name for name in self.seconds if _file(name) in files} - names
        found, left = [], SECONDS
        for name in (*self._quickest(names), *self._quickest(beside)):
            left -= self.seconds[name]
            if left < 0:
                break
            found.append(name)
        return found

    def _quickest(self, names: set[str]) -> list[str]:
        return sorted(names, key=lambda name: (self.seconds[name], name))


def _file(name: str) -> str:
    return name.partition("::")[0]


class Laboratory:
    """As many trees as there are processors, and what reaches which line in them."""

    def __init__(self, tests: tuple[str, ...]) -> None:
        self._trees = SimpleQueue[Tree]()
        for number in range(WORKERS):
            self._trees.put(Tree(str(number), plain=tests is _OF_ENGINE))
        tree = self._trees.get()
        self._reached = tree.count(tests)
        self._trees.put(tree)
        reached = self._reached
        print(f"{len(reached.seconds):,} tests, left out {len(reached.failed)}", flush=True)

    def try_all(self, drawn: list[Mutant]) -> Iterator[str]:
        """What becomes of each mutant, as soon as it is known."""
        with ThreadPoolExecutor(WORKERS) as pool:
            yield from pool.map(self._try, drawn)

    def _try(self, mutant: Mutant) -> str:
        found, tree = self._reached.by(mutant), self._trees.get()
        try:
            return tree.status(mutant, found, sum(self._reached.seconds[name] for name in found))
        finally:
            self._trees.put(tree)


def main() -> None:
    """Count the rooms that are named, or all."""
    words = argparse.ArgumentParser()
    words.add_argument("rooms", nargs="*", default=list(ROOMS), metavar="ROOM")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--of", type=int, default=60, help="mutants of each room")
    terms = words.parse_args()
    is_enough = True
    for tests, rooms in groupby(terms.rooms, key=lambda room: ROOMS[room]):
        laboratory = Laboratory(tests)
        for room in rooms:
            is_enough &= _is_noticed(room, laboratory, terms.seed, terms.of)
    sys.exit(not is_enough)


def _is_noticed(room: str, laboratory: Laboratory, seed: int, most: int) -> bool:
    """Show the faults of a room that nothing notices, and whether they are few enough."""
    files = sorted((ROOT / "src/backtest" / room).rglob("*.py"))
    names = [str(file.relative_to(ROOT)) for file in files]
    every = [one for name in names for one in mutants(name)]
    drawn = Random(f"{seed} {room}").sample(every, min(most, len(every)))
    known_equal, count = explained(), Counter[str]()
    for mutant, status in zip(drawn, laboratory.try_all(drawn), strict=True):
        is_missed = status in ("survived", "not reached")
        if is_missed and mutant.change not in known_equal:
            print(f"{status}, line {mutant.lines[0]}: {mutant.change}", flush=True)
        count["explained" if is_missed and mutant.change in known_equal else status] += 1
    noticed, could_be = count["killed"] + count["never ended"], len(drawn) - count["explained"]
    low, high = wilson_interval(noticed, could_be)
    print(
        f"{room}: {len(drawn)} of {len(every):,}, seed {seed}: "
        f"{', '.join(f'{n} {status}' for status, n in count.items())}; "
        f"{noticed / could_be:.0%} of what could be noticed ({low:.0%} to {high:.0%})",
        flush=True,
    )
    return noticed >= AIM * could_be


if __name__ == "__main__":
    main()
