"""Make every comparison in one run (`make bench`); write it to README.md and latest.json."""

import json
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

import growth
import many_stocks
import replay
import rows
import startup
import table
import universes

HERE = Path(__file__).parent
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def main() -> None:
    measured, grown = [], {}
    with tempfile.TemporaryDirectory() as folder:
        print(*table.HEAD, sep="\n", flush=True)
        # Memory comes first, because a command that is started counts what this process holds then.
        for row in chain(
            universes.rows(), many_stocks.rows(), startup.rows(), replay.rows(),
            rows.rows(Path(folder)),
        ):  # fmt: skip
            measured.append(row)
            print(table.line(row), flush=True)
        for what, sizes in growth.tables(Path(folder)):
            grown[what] = sizes
            print("", *table.grown(what, sizes), sep="\n", flush=True)
    _write(measured, grown)


def _write(measured: list[dict[str, Any]], grown: dict[str, growth.Table]) -> None:
    about = table.about()
    lines = [
        f"{about['date']}, {about['machine']}, Python {about['python']}.",
        f"The program's environment: {_versions(about['program'])}.",
        f"The peers': {_versions(about['peers'])}.",
        "",
        *table.HEAD,
        *map(table.line, measured),
        "",
        *table.memory(measured),
        "How time grows:",
        "",
    ]
    for what, sizes in grown.items():
        lines += table.grown(what, sizes)
    readme = HERE / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    text = "\n".join([BEGIN, *lines, END])
    readme.write_text(before + text + after, "utf-8")
    found = {"about": about, "rows": measured, "growth": grown}
    (HERE / "latest.json").write_text(
        json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )


def _versions(packages: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items())


if __name__ == "__main__":
    main()
