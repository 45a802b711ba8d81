"""Describe runs in words and figures, for the terminal, Markdown and pages alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from backtest.experiments.trials import trials_on_record
from backtest.reports.pages import fill, sentences
from backtest.reports.tearsheet_charts import compounded
from backtest.stats import SESSIONS_A_YEAR
from backtest.stats.formats import (
    FIGURES,
    UNKNOWN,
    bar_or_session,
    costs_line,
    count,
    counted,
    few,
    gain,
    new_york_day,
    p_value,
    percent,
    share,
    visible,
)
from backtest.strategy.parameters import flat
from backtest.workspace.files import sha256_of

if TYPE_CHECKING:
    from backtest.experiments.runs.figures import Group
    from backtest.experiments.runs.store import Run


MANY = 300  # trades; of more, each is not drawn and listed
ENDS = 10  # stocks that earned most, and as many that earned least
MOST_REASONS = 25
_FIGURE = re.compile(r"\d{4}-\d\d-\d\d|[+-]?\d[\d,.]*(?: ?%)?")
_NO_ROOM = "no_room"


def no_trade(run: Run) -> str:
    """Say what most events of a run without trades led to, signals first, and why."""
    if not run.decisions:
        names = " or ".join(run.manifest["symbols"])
        return (
            f"No trade: no event that it listens to is about {names}. `backtest events list` shows "
            f"what is on file; the example row of a new signal waits to be replaced."
        )
    counts = Counter(row["action"] for row in run.decisions)
    most = _NO_ROOM if _NO_ROOM in counts else counts.most_common(1)[0][0]
    # The signal's own reason comes before "no room".
    reasons = {
        row["reason"].split("no room: ")[-1] for row in run.decisions if row["action"] == most
    }
    why = f" ({reasons.pop()})" if len(reasons) == 1 else ""
    events = counted(len(run.decisions), "event")
    return f"No trade: {most.replace('_', ' ')}{why}, {counts[most]:,} of {events}."


OPENING = ("enter", "reverse")  # the actions that open a trade
NO_EVENT = "an order without an event"
_COMPARED = (
    ("p", "p-value", p_value),
    ("mean_trade", "Mean trade", percent),
    ("mean_trade_low", "95 % from", percent),
    ("mean_trade_high", "95 % to", percent),
    ("detectable", "Detectable edge", share),
)


def plain_sentence(evidence: Mapping[str, Any], trials: Mapping[str, Any]) -> str:
    """Return the sentence on the evidence, and how many variants were tried where it is good."""
    text = str(evidence["sentence"])
    if evidence["verdict"] == "better" and trials["count"] > 1:
        text += f" {trials['count']:,} variants were tried; the p-value counts one."
    return text


def verdict(evidence: Mapping[str, Any]) -> str:
    """Say the verdict of a run's evidence in a few words, or why there is none."""
    name = evidence["verdict"]
    if name == "none":
        why = re.split(r"[:,(]", evidence["refused"])[0].strip().removesuffix(" for a verdict")
        return why[0].lower() + why[1:]
    p = evidence["p_low"] if name == "worse" else evidence["p"]
    words = {"better": "better than luck", "worse": "worse than luck", "neither": "like luck"}
    return f"{words[name]}, p {p_value(p)}"


def ruin(run: Run) -> str:
    """Say that a run was ruined, and when; empty where it was not."""
    day = run.manifest["ruined_on"]
    return f"Ruined on {day}: equity fell to zero or below, and the trading ended." if day else ""


def no_room(run: Run) -> str:
    """Say how many signals found no room, and what they would have made; empty without any."""
    record = run.manifest.get("no_room")
    if not record or not record["signals"]:
        return ""
    text = f"{counted(record['signals'], 'signal')} found no room"
    if record["mean_return"] is None:
        return f"{text}, and would not have been entered alone either."
    mean = percent(record["mean_return"])
    if record["signals"] == 1:
        return f"{text}; traded alone, it would have made {mean}."
    return (
        f"{text}; traded alone, they would have made {mean} a trade in the mean, "
        f"{record['wins']:,} of them a profit."
    )


def speed_rows(run: Run) -> list[tuple[str, str, str, str]]:
    """Return by reaction time the trades, their net profit and mean; the run's own is marked."""
    own = run.manifest["rules"]["reaction_minutes"]
    return [
        (
            "the next open"
            if one["reaction"] is None
            else f"{one['reaction']:g} min{' (this run)' if one['reaction'] == own else ''}",
            f"{one['trades']:,}",
            gain(one["profit"]),
            UNKNOWN if one["mean_trade_return"] is None else percent(one["mean_trade_return"]),
        )
        for one in run.manifest.get("speed", ())
    ]


def profit_parts(trades: Sequence[Mapping[str, str]]) -> str:
    """Say what hedges and dividends made of the profit; empty where there were none."""
    names = ("net_profit", "hedge_profit", "dividends")
    columns = [[float(trade[name]) for trade in trades] for name in names]
    (net, hedges, dividends), parts = map(sum, columns), []
    if any(columns[1]):
        parts.append(f"The stocks made {gain(net - hedges)} $, their hedges {gain(hedges)} $.")
    if any(columns[2]):
        parts.append(f"Dividends made {gain(dividends)} $ of the profit.")
    return " ".join(parts)


def untraded_events(run: Run) -> list[tuple[str, str, str, Mapping[str, str]]]:
    """List each event that opened no trade: its day, what became of it, why, and its row."""
    return [
        (new_york_day(row["published_at"]), row["action"].replace("_", " "), row["reason"], row)
        for row in run.decisions
        if row["action"] not in OPENING
    ]


def reasons(run: Run) -> list[tuple[str, str, int]]:
    """Return what became of events, why, and how many; the commonest first.

    Reasons that differ in their figures alone are one.
    """
    by_reason: dict[tuple[str, str], list[str]] = {}
    for row in run.decisions:
        why = row["reason"].split("; ")[-1]
        key = (row["action"].replace("_", " "), _FIGURE.sub("…", why))
        by_reason.setdefault(key, []).append(why)
    rows = [
        (action, whys[0] if len({*whys}) == 1 else pattern, len(whys))
        for (action, pattern), whys in by_reason.items()
    ]
    return sorted(rows, key=lambda row: -row[2])


def is_many(run: Run) -> bool:
    """Tell whether a run has too many trades or stocks to draw and list each."""
    return bool(run.manifest.get("universe")) or len(run.trades) > MANY


def earned(trades: Iterable[Mapping[str, str]], by: Callable[[Any], str]) -> list[Group]:
    """Return what the trades of each group earned, most first; `by` names the group of a row."""
    from backtest.experiments.runs.figures import grouped  # loads pandas

    rows = ((by(row), float(row["net_profit"]), float(row["return"])) for row in trades)
    return sorted(grouped(rows), key=lambda group: -group.net_profit)


def ranked_stocks(run: Run) -> list[Group]:
    """Return what the trades of each stock earned, most first."""
    return earned(run.trades, itemgetter("symbol"))


def most_reasons(run: Run) -> list[tuple[str, str, int]]:
    """Return the commonest `reasons`; the others are one row."""
    rows = reasons(run)
    if rest := rows[MOST_REASONS:]:
        total = sum(number for *_, number in rest)
        rows[MOST_REASONS:] = [("other", counted(len(rest), "more reason"), total)]
    return rows


def years(run: Run) -> list[tuple[str, float, float | None, float]]:
    """Return by calendar year the returns of a run, of what it traded held, and of the benchmark.

    Held is None where the benchmark is what was traded. The year of a ruin is the last.
    """
    table, last = run.equity, (run.manifest["ruined_on"] or "9999")[:4]
    returns = compounded(table[["return", "holding_return", "benchmark_return"]], table.index.year)
    held = run.manifest["summary"]["stock"] is not None
    return [
        (str(year), own, stock if held else None, other)
        for year, own, stock, other in returns.itertuples()
        if str(year) <= last
    ]


def evidence_rows(evidence: Mapping[str, Any], trials: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the evidence of a run says, a label and a text each."""
    return sentences("evidence.txt", evidence=evidence, trials=trials, year=SESSIONS_A_YEAR)


def evidence_figures(run: Run) -> dict[str, float | None]:
    """Return the figures of a run's evidence that are compared; None where one is unknown."""
    evidence = run.manifest.get("evidence", {})
    mean = evidence.get("mean_trade_return", {})
    return {
        "mean_trade": mean.get("estimate"),
        "mean_trade_low": mean.get("low"),
        "mean_trade_high": mean.get("high"),
        "detectable": evidence.get("detectable"),
        "p": evidence.get("p"),
    }


def holm_corrected(runs: Sequence[Run]) -> list[float | None]:
    """Return the p-values of runs, corrected for their number (Holm); None where unknown."""
    known = {run.run_id: p for run in runs if (p := evidence_figures(run)["p"]) is not None}
    if len(known) > 1:
        from backtest.stats.multiple_testing import holm

        known = dict(zip(known, holm(list(known.values())).tolist(), strict=True))
    return [known.get(run.run_id) for run in runs]


def comparison_rows(
    runs: Sequence[Run], trials: Sequence[Mapping[str, Any]]
) -> list[tuple[str, list[str]]]:
    """Return the rows of a comparison on the evidence: a label, and a cell for each run."""
    figures = [evidence_figures(run) for run in runs]
    rows = [(label, [form(one[name]) for one in figures]) for name, label, form in _COMPARED]
    if len(runs) > 1:
        rows.insert(1, ("p-value, Holm", [p_value(p) for p in holm_corrected(runs)]))
    return [*rows, ("Trials", [count(record["count"]) for record in trials])]


def comparison_notes(runs: Sequence[Run]) -> list[str]:
    """Say what the rows of `comparison_rows` mean, and which runs have no evidence yet."""
    known = sum(evidence_figures(run)["p"] is not None for run in runs)
    notes = ["p-value: how often random times or directions do as well, by the Sharpe ratio."]
    if known > 1:
        notes.append(f"p-value, Holm: the same, corrected for the {known} runs that are compared.")
    notes += [
        "Mean trade: net profit ÷ entry value; the win rate counts each trade alike.",
        "An edge of the detectable size would be missed more than once in five times.",
    ]
    if missing := [run.run_id for run in runs if "evidence" not in run.manifest]:
        notes.append(f"Without evidence yet: {', '.join(missing)}; `backtest run` adds it.")
    return notes


def holm_line(runs: Sequence[Run]) -> str:
    """Say what the p-values are once corrected for the number of runs; empty for fewer than two."""
    known = [(run, p) for run, p in zip(runs, holm_corrected(runs), strict=True) if p is not None]
    if len(known) < 2:  # noqa: PLR2004
        return ""
    listed = ", ".join(f"{run.manifest['strategy']} {p_value(p)}" for run, p in known)
    return f"p-values, corrected for {len(known)} strategies (Holm): {listed}."


def run_markdown(run: Run) -> str:
    """Return a run as Markdown, as for a message; texts from outside are shown literally."""
    manifest, many, opening = run.manifest, is_many(run), [ruin(run)]
    if "evidence" in manifest:
        trials = trials_on_record(run.path.parent, manifest)
        opening.insert(0, plain_sentence(manifest["evidence"], trials))
    settings = [
        f"{manifest['span']['first']} to {manifest['span']['last']}",
        f"start {manifest['rules']['cash']:,.0f} dollars",
        f"costs: {costs_line(manifest)}",
        *(f"{name} {value}" for name, value in flat(manifest["parameters"]).items()),
    ]
    stocks, inputs = ranked_stocks(run), manifest["inputs"]
    left_out = max(0, len(stocks) - 2 * ENDS)
    text = fill(
        "run.md",
        run=run,
        manifest=manifest,
        many=many,
        sentence=" ".join(filter(None, opening)),
        settings=settings,
        figures=FIGURES,
        held=manifest["summary"]["stock"],
        stock=f"{few(manifest['symbols'])} held",
        years=years(run),
        no_trade="" if run.trades else no_trade(run),
        no_event=NO_EVENT,
        events={row["event_id"]: row for row in run.decisions},
        stocks=[*stocks[:ENDS], *stocks[-ENDS:]] if left_out else stocks,
        left_out=left_out,
        reasons=most_reasons(run),
        untraded=untraded_events(run),
        no_room=no_room(run),
        speed=speed_rows(run),
        when=bar_or_session,
        inputs={f"{len(inputs):,} inputs": sha256_of(inputs)} if many else inputs,
    )
    return visible(text)
