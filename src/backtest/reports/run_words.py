"""Runs in words and figures, in the terminal, as Markdown and on pages alike."""

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


MANY = 300  # trades, from which on each is too many to draw and list
ENDS = 10  # stocks that earned most, and least
MOST_REASONS = 25
_FIGURE = re.compile(r"\d{4}-\d\d-\d\d|[+-]?\d[\d,.]*(?: ?%)?")
_NO_ROOM = "no_room"


def no_trade(run: Run) -> str:
    """What became of most events of a run without trades, and why; of those with a signal first."""
    if not run.decisions:
        names = " or ".join(run.manifest["symbols"])
        return (
            f"No trade: no event that it listens to is about {names}. `backtest events list` shows "
            f"what is on file; the example row of a new signal waits to be replaced."
        )
    became = Counter(row["action"] for row in run.decisions)
    most = _NO_ROOM if _NO_ROOM in became else became.most_common(1)[0][0]
    # The reason of the signal stands before that of having no room for it.
    reasons = {
        row["reason"].split("no room: ")[-1] for row in run.decisions if row["action"] == most
    }
    why = f" ({reasons.pop()})" if len(reasons) == 1 else ""
    events = counted(len(run.decisions), "event")
    return f"No trade: {most.replace('_', ' ')}{why}, {became[most]:,} of {events}."


OPENING = ("enter", "reverse")  # what an event becomes that opens a trade
NO_EVENT = "an order without an event"
_COMPARED = (
    ("p", "p-value", p_value),
    ("mean_trade", "Mean trade", percent),
    ("mean_trade_low", "95 % from", percent),
    ("mean_trade_high", "95 % to", percent),
    ("detectable", "Detectable edge", share),
)


def plain_sentence(found: Mapping[str, Any], trials: Mapping[str, Any]) -> str:
    """The sentence of a run, which says so where it speaks for one of many variants."""
    text = str(found["sentence"])
    if found["verdict"] == "better" and trials["count"] > 1:
        text += f" {trials['count']:,} variants were tried; the p-value counts one."
    return text


def verdict(found: Mapping[str, Any]) -> str:
    """The verdict of a run's evidence in a few words."""
    if found["verdict"] == "none":
        why = re.split(r"[:,(]", found["refused"])[0].strip().removesuffix(" for a verdict")
        return why[0].lower() + why[1:]
    p = found["p_low"] if found["verdict"] == "worse" else found["p"]
    words = {"better": "better than luck", "worse": "worse than luck", "neither": "like luck"}
    return f"{words[found['verdict']]}, p {p_value(p)}"


def ruin(run: Run) -> str:
    """That a run was ruined; empty where it was not."""
    day = run.manifest["ruined_on"]
    return f"Ruined on {day}: equity fell to zero or below, and the trading ended." if day else ""


def no_room(run: Run) -> str:
    """How many signals found no room, and what they would have made; empty where all had some."""
    found = run.manifest.get("no_room")
    if not found or not found["signals"]:
        return ""
    text = f"{counted(found['signals'], 'signal')} found no room"
    if found["mean_return"] is None:
        return f"{text}, and would not have been entered alone either."
    made = percent(found["mean_return"])
    if found["signals"] == 1:
        return f"{text}; traded alone, it would have made {made}."
    return (
        f"{text}; traded alone, they would have made {made} a trade in the mean, "
        f"{found['wins']:,} of them a profit."
    )


def speed_rows(run: Run) -> list[tuple[str, str, str, str]]:
    """By reaction time the trades, their net profit and the mean trade; the run's own is marked."""
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
    """What hedges and dividends made of the profit; empty where there were none."""
    names = ("net_profit", "hedge_profit", "dividends")
    columns = [[float(trade[name]) for trade in trades] for name in names]
    (net, hedges, dividends), parts = map(sum, columns), []
    if any(columns[1]):
        parts.append(f"The stocks made {gain(net - hedges)} $, their hedges {gain(hedges)} $.")
    if any(columns[2]):
        parts.append(f"Dividends made {gain(dividends)} $ of the profit.")
    return " ".join(parts)


def untraded(run: Run) -> list[tuple[str, str, str, Mapping[str, str]]]:
    """Of each event that opened no trade: its day, what it became, why, and its row."""
    return [
        (new_york_day(row["published_at"]), row["action"].replace("_", " "), row["reason"], row)
        for row in run.decisions
        if row["action"] not in OPENING
    ]


def reasons(run: Run) -> list[tuple[str, str, int]]:
    """What events became, why but for figures that differ, and how many; the commonest first."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in run.decisions:
        why = row["reason"].split("; ")[-1]
        found.setdefault((row["action"].replace("_", " "), _FIGURE.sub("…", why)), []).append(why)
    rows = [
        (became, whys[0] if len({*whys}) == 1 else alike, len(whys))
        for (became, alike), whys in found.items()
    ]
    return sorted(rows, key=lambda row: -row[2])


def is_many(run: Run) -> bool:
    """Whether a run has too many trades or stocks to draw and list each."""
    return bool(run.manifest.get("universe")) or len(run.trades) > MANY


def earned(trades: Iterable[Mapping[str, str]], by: Callable[[Any], str]) -> list[Group]:
    """What the trades of each name earned that `by` reads from a row, most first."""
    from backtest.experiments.runs.figures import grouped  # loads pandas

    rows = ((by(row), float(row["net_profit"]), float(row["return"])) for row in trades)
    return sorted(grouped(rows), key=lambda group: -group.net_profit)


def ranked_stocks(run: Run) -> list[Group]:
    """What the trades of each stock earned, most first."""
    return earned(run.trades, itemgetter("symbol"))


def most_reasons(run: Run) -> list[tuple[str, str, int]]:
    """The commonest `reasons`; the rest is a sum."""
    rows = reasons(run)
    if rest := rows[MOST_REASONS:]:
        total = sum(number for *_, number in rest)
        rows[MOST_REASONS:] = [("other", counted(len(rest), "more reason"), total)]
    return rows


def years(run: Run) -> list[tuple[str, float, float | None, float]]:
    """By calendar year the returns of a run, of what it traded held, and of the benchmark.

    Held is None where the benchmark tells it. After the year of a ruin there is nothing to tell.
    """
    table, last = run.equity, (run.manifest["ruined_on"] or "9999")[:4]
    returns = compounded(table[["return", "holding_return", "benchmark_return"]], table.index.year)
    held = run.manifest["summary"]["stock"] is not None
    return [
        (str(year), own, stock if held else None, other)
        for year, own, stock, other in returns.itertuples()
        if str(year) <= last
    ]


def evidence_rows(found: Mapping[str, Any], trials: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the evidence of a run says, a label and a text each."""
    return sentences("evidence.txt", found=found, trials=trials, year=SESSIONS_A_YEAR)


def evidence_figures(run: Run) -> dict[str, float | None]:
    """The figures of a run's evidence that are compared; None where one is unknown."""
    found = run.manifest.get("evidence", {})
    mean = found.get("mean_trade_return", {})
    return {
        "mean_trade": mean.get("estimate"),
        "mean_trade_low": mean.get("low"),
        "mean_trade_high": mean.get("high"),
        "detectable": found.get("detectable"),
        "p": found.get("p"),
    }


def corrected(runs: Sequence[Run]) -> list[float | None]:
    """The p-values of runs that are looked at together, corrected for their number (Holm)."""
    known = {run.run_id: p for run in runs if (p := evidence_figures(run)["p"]) is not None}
    if len(known) > 1:
        from backtest.stats.multiple_testing import holm

        known = dict(zip(known, holm(list(known.values())).tolist(), strict=True))
    return [known.get(run.run_id) for run in runs]


def comparison_rows(
    runs: Sequence[Run], trials: Sequence[Mapping[str, Any]]
) -> list[tuple[str, list[str]]]:
    """The rows of a comparison that tell the evidence, a cell a run."""
    found = [evidence_figures(run) for run in runs]
    rows = [(label, [form(one[name]) for one in found]) for name, label, form in _COMPARED]
    if len(runs) > 1:
        rows.insert(1, ("p-value, Holm", [p_value(p) for p in corrected(runs)]))
    return [*rows, ("Trials", [count(tried["count"]) for tried in trials])]


def comparison_notes(runs: Sequence[Run]) -> list[str]:
    """What the rows of `comparison_rows` mean, and which runs have none yet."""
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
    """What the p-values of several runs are once their number counts; empty for one."""
    known = [(run, p) for run, p in zip(runs, corrected(runs), strict=True) if p is not None]
    if len(known) < 2:  # noqa: PLR2004
        return ""
    listed = ", ".join(f"{run.manifest['strategy']} {p_value(p)}" for run, p in known)
    return f"p-values, corrected for {len(known)} strategies (Holm): {listed}."


def run_markdown(run: Run) -> str:
    """A run as Markdown, to be read in a message: every text from outside is shown as it is."""
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
        untraded=untraded(run),
        no_room=no_room(run),
        speed=speed_rows(run),
        when=bar_or_session,
        inputs={f"{len(inputs):,} inputs": sha256_of(inputs)} if many else inputs,
    )
    return visible(text)
