"""What the kernel's machine code is made of is in the key that it is kept under."""

import ast
from pathlib import Path

from backtest.engine import kernel

FOLDER = Path(kernel.__file__).parent
IN_KEY = ("backtest.engine.rules", "backtest.engine.kernel.")


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
