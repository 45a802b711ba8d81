"""What the kernel's machine code is made of is in the key that it is kept under."""

import ast
import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.caching import IndexDataCacheFile

from backtest.engine import kernel
from backtest.engine.kernel import formulas
from tests.mutants import NUMBA

FOLDER = Path(kernel.__file__).parent
IN_KEY = ("backtest.engine.rules", "backtest.engine.kernel")


def test_no_constant_of_the_kernel_comes_from_a_file_outside_of_the_key():
    found = {}
    for path in FOLDER.glob("*.py"):
        tree = ast.parse(path.read_text())
        if not any(isinstance(n, ast.FunctionDef) and n.decorator_list for n in tree.body):
            continue
        for node in tree.body:
            module = node.module if isinstance(node, ast.ImportFrom) else ""
            if module.startswith("backtest.") and not module.startswith(IN_KEY):
                names = [one.name for one in node.names if one.name.isupper()]
                found |= dict.fromkeys(names, path.name)
    assert found == {}


def twice(value: int) -> int:
    return 2 * value


@pytest.mark.parametrize("ending", ["nbc", "nbi"])
@pytest.mark.parametrize("content", [b"", b"\0\0\0"])
def test_code_that_is_kept_and_damaged_is_compiled_anew(monkeypatch, tmp_path, ending, content):
    """As a power cut leaves it: numba does not wait for the disk."""
    monkeypatch.setattr(formulas, "_folder", lambda: tmp_path)
    assert formulas.compiled(twice)(3) == 6
    (kept,) = tmp_path.rglob(f"*.{ending}")
    kept.write_bytes(content)
    assert formulas.compiled(twice)(3) == 6
    assert kept.read_bytes() != content


def test_code_that_finds_no_room_is_not_kept(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(formulas, "_folder", lambda: tmp_path)
    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", full)
    assert formulas.compiled(twice)(3) == 6


def test_a_module_can_stand_in_for_numba(tmp_path):
    """As `make mutants` has it, which plants faults in the kernel."""
    (tmp_path / "numba.py").write_text(NUMBA)
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    subprocess.run(
        [sys.executable, "-c", "import backtest.engine.kernel.simulate"],
        env={**os.environ, "PYTHONPATH": paths}, check=True,
    )  # fmt: skip
