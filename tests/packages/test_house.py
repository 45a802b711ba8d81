"""The house: what every line of the package keeps to."""

import ast
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

PACKAGE = Path(__file__).parents[2] / "src" / "backtest"


def named(path: Path) -> dict[str, str]:
    """What a module calls by a name in capitals and small letters: a class, or an alias."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef):
            found[node.name] = f"class in {path.relative_to(PACKAGE)}"
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [one.id for one in targets if isinstance(one, ast.Name)]
            aliases = [name for name in names if name[0].isupper() and not name.isupper()]
            found |= dict.fromkeys(aliases, ast.unparse(node.value))
    return found


def test_the_name_of_a_class_stands_for_nothing_else():
    meanings = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        for name, meaning in named(path).items():
            meanings[name].add(meaning)
    classes = {name for name, known in meanings.items() if any("class in" in m for m in known)}
    assert len(classes) > 100
    assert {name: meanings[name] for name in classes if len(meanings[name]) > 1} == {}


def test_no_module_needs_one_that_needs_it():
    graph = grimp.build_graph("backtest", exclude_type_checking_imports=True)
    assert len(graph.modules) > 100
    needed = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(needed).prepare()  # raises CycleError with the modules of a circle
