"""Write the reference of commands from the command line itself."""

from __future__ import annotations

import re
from typing import Any

import typer

from backtest.cli.main import app

HEAD = """\
# Commands

This page shows what `backtest COMMAND --help` says about every command. Folders, the stock, the
benchmark, cash and costs may also be set by environment variables or in `backtest.toml`.
"""


def commands_page() -> str:
    """Return the page as Markdown, with a heading for each command."""
    found = {path: one for path, one in commands().items() if _does_something(one)}
    rows = [
        f"| [`{path}`](#{path.replace(' ', '-')}) | {_cell(one.help)} |"
        for path, one in found.items()
    ]
    codes = " ".join((commands()["backtest"].epilog or "").partition("\n\n")[2].split())
    parts = [HEAD, codes, "\n".join(["| command | what it does |", "|---|---|", *rows])]
    parts += [_section(path, one) for path, one in found.items()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _does_something(command: Any) -> bool:
    """Tell whether a command is more than the name of a group."""
    return not hasattr(command, "commands") or command.invoke_without_command


def commands() -> dict[str, Any]:
    """Return every command and group of commands by the words that call it."""
    return dict(_below("backtest", typer.main.get_command(app)))


def _below(path: str, command: Any) -> list[tuple[str, Any]]:
    found = [(path, command)]
    for name, inner in getattr(command, "commands", {}).items():
        found += _below(f"{path} {name}", inner)
    return found


def _section(path: str, command: Any) -> str:
    context = command.context_class(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    rows = [record for one in command.params if (record := one.get_help_record(context))]
    parts = [f"## {path}", " ".join((command.help or "").split()), f"`{usage}`"]
    if rows:
        table = [f"| {_names(names)} | {_cell(told)} |" for names, told in rows]
        parts.append("\n".join(["| option | what it does |", "|---|---|", *table]))
    parts.append(command.epilog or "")
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    """Put a text on one line, escape what Markdown would interpret, and name types in one word."""
    return _plain(text).replace("|", "\\|").replace("[", "\\[")


def _plain(text: str) -> str:
    return re.sub(r"<(list\[)?(\w+)[^>]*>", lambda found: found[2].upper(), " ".join(text.split()))


def _names(text: str) -> str:
    """Return the names of an option as code; a bar would end the cell."""
    text = _plain(text)
    return f"<code>{text.replace('|', '&#124;')}</code>" if "|" in text else f"`{text}`"
