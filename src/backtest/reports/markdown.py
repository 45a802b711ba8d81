"""A run as Markdown, to be read in a message: figures, trades, and what became of the events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from backtest.experiments.trials import trials_on_record
from backtest.reports.run_many import ENDS, earned, is_many, most_reasons
from backtest.reports.run_words import NO_EVENT, no_room, no_trade, plain_sentence, ruin, untraded
from backtest.stats.formats import FIGURES, costs_line, gain, percent
from backtest.strategy.parameters import flat
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backtest.experiments.runs.store import Run

_SIGNS = re.compile(r"([\\`*_\[\]<>|~$&])")
_CALLS = re.compile(r"([@#])(?=\w)")  # would call a person, or name an issue
_IN_ADDRESSES = ":/?#[]@!$&'*+,;=%~"
_NO_WIDTH = "\u200b"


def run_markdown(run: Run) -> str:
    """A run as Markdown that shows every text from outside as it is."""
    manifest, many = run.manifest, is_many(run)
    parts = [
        f"## {escaped(run.name)}",
        _sentence(run),
        _settings(run),
        _figures(run),
        "### Trades",
        escaped(no_trade(run)) if not run.trades else _stocks(run) if many else _trades(run),
    ]
    if many:
        parts += ["### What became of the events", _reasons(run)]
    elif untraded(run):
        parts += ["### Events that opened no trade", _untraded(run)]
    if sentence := no_room(run):
        parts.append(escaped(sentence))
    if sentences := manifest["assumptions"]:
        parts += ["### Assumptions", "\n".join(f"- {escaped(text)}" for text in sentences)]
    parts += ["### What decided it", _identity(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """A text in one line in which Markdown finds no sign, no name and no number of an issue."""
    line = _SIGNS.sub(r"\\\1", " ".join(text.split()))
    return _CALLS.sub(rf"\1{_NO_WIDTH}", line)


def _sentence(run: Run) -> str:
    told = [ruin(run)]
    if "evidence" in run.manifest:
        trials = trials_on_record(run.path.parent, run.manifest)
        told.insert(0, plain_sentence(run.manifest["evidence"], trials))
    text = " ".join(filter(None, told))
    return f"**{escaped(text)}**" if text else ""


def _settings(run: Run) -> str:
    manifest = run.manifest
    span, settings = manifest["span"], flat(manifest["parameters"])
    told = [
        f"{span['first']} to {span['last']}",
        f"start {manifest['rules']['cash']:,.0f} dollars",
        f"costs: {costs_line(manifest)}",
        *(f"{name} {value}" for name, value in settings.items()),
    ]
    return escaped(" · ".join(told))


def _figures(run: Run) -> str:
    own, other = run.summary, run.benchmark
    names = ("", run.manifest["strategy"], run.manifest["benchmark"])
    rows = ((escaped(label), form(own[name]), form(other[name])) for name, label, form in FIGURES)
    return _table(names, rows, right={1, 2})


def _trades(run: Run) -> str:
    events = {row["event_id"]: row for row in run.decisions}
    headings = (
        "Symbol", "Side", "Entry", "at", "Exit", "at", "Left by", "Net $", "Return", "Event",
    )  # fmt: skip
    rows = (
        (
            escaped(row["symbol"]),
            row["direction"],
            row["entry_session"],
            f"{float(row['entry_price']):,.2f}",
            row["exit_session"],
            f"{float(row['exit_price']):,.2f}",
            escaped(row["exit_reason"].replace("_", " ")),
            gain(float(row["net_profit"])),
            percent(float(row["return"])),
            _event(events.get(row["event_id"])),
        )
        for row in run.trades
    )
    return _table(headings, rows, right={3, 5, 7, 8})


def _stocks(run: Run) -> str:
    """The stocks that earned most, and those that lost most."""
    stocks = sorted(earned(run, "symbol"), key=lambda stock: stock.net_profit, reverse=True)
    shown = stocks if len(stocks) <= 2 * ENDS else [*stocks[:ENDS], *stocks[-ENDS:]]
    rows = (
        (
            escaped(stock.name),
            f"{stock.trades:,}",
            f"{stock.wins:,}",
            gain(stock.net_profit),
            percent(stock.mean_return),
        )
        for stock in shown
    )
    table = _table(("Stock", "Trades", "Won", "Net $", "Mean return"), rows, right={1, 2, 3, 4})
    left = len(stocks) - len(shown)
    return f"{table}\n\n{left:,} stocks between these are left out." if left else table


def _reasons(run: Run) -> str:
    rows = ((escaped(became), f"{n:,}", escaped(why)) for became, why, n in most_reasons(run))
    return _table(("Became", "Events", "Why"), rows, right={1})


def _event(row: Mapping[str, str] | None) -> str:
    if row is None:
        return NO_EVENT
    return _headline(row) + f" ({escaped(row['reason'])})" * bool(row["reason"])


def _untraded(run: Run) -> str:
    several = len(run.manifest["symbols"]) > 1
    cells = (
        (
            day,
            escaped(became),
            escaped(why),
            f"{escaped(row['symbol'])}: " * several + _headline(row),
        )
        for day, became, why, row in untraded(run)
    )
    return _table(("Public", "Became", "Why", "Event"), cells)


def _headline(row: Mapping[str, str]) -> str:
    """The headline of an event, which leads to its source where that is a web address."""
    text, address = escaped(row["headline"]), row.get("source_url", "")
    if not address.startswith(("https://", "http://")):
        return text
    return f"[{text}](<{quote(address, safe=_IN_ADDRESSES)}>)"


def _identity(run: Run) -> str:
    manifest, inputs = run.manifest, run.manifest["inputs"]
    if is_many(run):
        inputs = {f"{len(inputs):,} inputs": sha256_of(inputs)}
    packages = ", ".join(f"{name} {version}" for name, version in manifest["packages"].items())
    rows = (
        ("Run", run.run_id),
        ("Strategy, sha256", manifest["strategy_sha256"]),
        ("Version of the rules", str(manifest["rules_version"])),
        *((f"{escaped(name)}, sha256", sha256) for name, sha256 in inputs.items()),
        ("Packages", escaped(packages)),
    )
    return _table(("", ""), rows)


def _table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()
) -> str:
    rule = ["--:" if number in set(right) else "---" for number in range(len(headings))]
    lines = ([escaped(heading) for heading in headings], rule, *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
