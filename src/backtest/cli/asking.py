"""Asking at a terminal: for an event field by field, and for a yes before anything is written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.data.kinds import Event

_NOT_ASKED = "retrieved_at"  # it is now
_NUMBERS = {"number": "a number", "integer": "a whole number"}
_TEXTS = {"date": "A day such as 2025-03-28.", "date-time": "A time with its zone."}


def at_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask_event(kind: type[Event]) -> dict[str, str]:
    """Ask for the fields of an event, one by one; an answer that is wrong is asked for again.

    Returns:
        Texts by field, as `edits.add_event` takes them.

    """
    from backtest.data.events import columns_of, prepared

    typer.echo(
        f"An event of the kind {kind.kind}. Enter alone leaves what is not needed unknown.\n"
    )
    answers: dict[str, str] = {}
    while True:
        for name in columns_of(kind):
            if name != _NOT_ASKED:
                answers[name] = _implied(name, answers) or _ask(kind, name, answers)
        try:
            prepared(kind, answers)
        except ValueError as error:
            typer.echo(f"\n{error}\nOnce more; Enter alone keeps an answer.\n")
        else:
            return answers


def _implied(name: str, answers: Mapping[str, str]) -> str:
    """The precision, where the time has told it already; empty for any other field."""
    from backtest.data.events import stamped

    if name != "precision":
        return ""
    try:
        return stamped(answers["published_at"], "")[1]
    except ValueError:  # a day alone
        return ""


def _ask(kind: type[Event], name: str, answers: Mapping[str, str]) -> str:
    from backtest.data.events import field_fault

    field = kind.model_fields[name]
    needed = field.is_required() or name == "source_url"
    meaning = " ".join((field.description or "").split())
    allowed = _allowed(kind, name, answers)
    typer.echo(f"{name}: {meaning}" + f"\n  {allowed}" * bool(allowed))
    while True:
        shown = answers.get(name, "")
        answer = typer.prompt("  >", default=shown, show_default=bool(shown), prompt_suffix=" ")
        answer = str(answer).strip()
        if not answer and needed:
            typer.echo("  A value is needed.")
        elif fault := answer and field_fault(kind, {**answers, name: answer}, name):
            typer.echo(f"  {fault}")
        else:
            return answer


def _allowed(kind: type[Event], name: str, answers: Mapping[str, str]) -> str:
    """What may be answered, in words; empty where any text may."""
    from backtest.data.events import FORMS, UNKNOWN_SOURCE, is_bare_day

    if name == "published_at":
        return "Write one of\n    " + "\n    ".join(FORMS)
    if name == "precision" and is_bare_day(answers["published_at"]):
        return "One of date, week, month: the day is the last on which it can have become public."
    if name == "source_url":
        return f"An address with https://, or {UNKNOWN_SOURCE!r}."
    schema = kind.model_json_schema()["properties"][name]
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return _words(options[0]) if options else ""


def _words(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"One of {', '.join(map(str, schema['enum']))}."
    if schema.get("type") == "boolean":
        return "Either true or false."
    if number := _NUMBERS.get(schema.get("type", "")):
        low, high = schema.get("minimum"), schema.get("maximum")
        bounds = (
            f" {word} {end:g}" for word, end in (("from", low), ("to", high)) if end is not None
        )
        return f"{number.capitalize()}{''.join(bounds)}."
    if "pattern" in schema:
        return f"Text of the pattern {schema['pattern']}."
    return _TEXTS.get(schema.get("format", ""), "")
