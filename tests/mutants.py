"""Plants faults in the engine, one at a time, and tells which of them no test notices.

`make mutants` runs this module. mutmut makes the mutants in a copy of the tree, `mutants/`, and
runs the tests that reach each of them. Survivors that change nothing that a run could show are
explained in docs/testing.md; any other is shown with its difference, and the command fails.

    python -m tests.mutants [--report]     --report: only tell of the last run
"""

# ruff: noqa: T201 - it talks to whoever runs it

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "mutants"
DOCS = ROOT / "docs" / "testing.md"
NOTICED = ("killed", "timeout")  # a mutant that never ends is noticed


@dataclass(frozen=True)
class Mutant:
    """A mutant, what became of it, and its difference."""

    name: str
    status: str
    difference: str = ""

    @property
    def change(self) -> str:
        """The function and the line put in (or dropped), as docs/testing.md names a mutant."""
        function = self.name.removeprefix("backtest.engine.").partition("__mutmut_")[0]
        function = re.sub(r"\.x_(?=\w)", ".", function.replace("xǁ", "").replace("ǁ", "."))
        lines = self.difference.splitlines()[3:]  # after the head
        added = [line[1:].strip() for line in lines if line.startswith("+")]
        dropped = ["without " + line[1:].strip() for line in lines if line.startswith("-")]
        return f"{function}: {' '.join(added or dropped)}"


def mutmut(*arguments: str) -> str:
    command = (sys.executable, "-m", "mutmut", *arguments)
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def run() -> None:
    """Make all mutants anew and test them."""
    shutil.rmtree(FOLDER, ignore_errors=True)  # mutmut keeps old results, also of old tests
    command = (sys.executable, "-m", "mutmut", "run", "--max-children", str(os.cpu_count() or 1))
    subprocess.run(command, cwd=ROOT, check=True)


def mutants() -> list[Mutant]:
    """Every mutant of the last run; those that no test noticed with their difference."""
    found = []
    for line in mutmut("results", "--all", "true").splitlines():
        name, _, status = line.strip().rpartition(": ")
        shown = "" if status in NOTICED else mutmut("show", name).partition("\n")[2]
        found.append(Mutant(name, status, shown))
    return found


def explained() -> set[str]:
    """The changes that docs/testing.md explains, one a line in blocks marked `mutants`."""
    blocks = re.findall(r"```mutants\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return {line for block in blocks for line in block.splitlines()}


def main() -> None:
    """Test the mutants, count them, and show the survivors that nobody has explained."""
    if sys.argv[1:] != ["--report"]:
        run()
    made, known = mutants(), explained()
    left = [mutant for mutant in made if mutant.status not in NOTICED]
    strange = [mutant for mutant in left if mutant.change not in known]
    for mutant in strange:
        print(f"\n{mutant.status}: {mutant.name}\n{mutant.change}\n{mutant.difference}")
    for change in sorted(known - {mutant.change for mutant in left}):
        print(f"explained in {DOCS.name}, but no survivor: {change}")
    count = Counter(mutant.status for mutant in made)
    share = sum(count[status] for status in NOTICED) / len(made)
    print(f"{len(made)} mutants: " + ", ".join(f"{n} {status}" for status, n in count.items()))
    print(f"{share:.1%} noticed; {len(left) - len(strange)} explained, {len(strange)} not")
    sys.exit(bool(strange))


if __name__ == "__main__":
    main()
