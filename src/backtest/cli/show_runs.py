"""Print runs to the terminal: figures side by side, trades, evidence and decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from backtest.cli import show
from backtest.experiments.runs.finding import distinguishing_words, name_of
from backtest.experiments.trials import trials_on_record
from backtest.reports import compare_page, run_words
from backtest.reports.audit_page import audit_lines
from backtest.stats.formats import (
    FIGURES,
    MORE_FIGURES,
    UNKNOWN,
    bar_or_session,
    count,
    counted,
    few,
    gain,
    percent,
    price,
    ratio,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from backtest.experiments.runs.store import Run

Form = tuple[str, str, Callable[[float | None], str]]  # as in FIGURES

_SPARE = ("From", "To", "Symbol")  # columns of runs, in the order in which they are dropped
_ESSENTIALS = {
    "Return": ("total_return", percent),
    "Drawdown": ("max_drawdown", percent),
    "Sharpe": ("sharpe", ratio),
}
_ENDS = 10  # best trades, worst trades and commonest reasons that are printed of many


def runs(out: Console, runs: Sequence[Run]) -> None:
    """Print runs, a row each, and below them what all have in common."""
    spans = [run.manifest["span"] for run in runs]
    columns = {
        "Run": [run.run_id for run in runs],
        "Strategy": [run.manifest["strategy"] for run in runs],
        "Variant": [name_of(run) or "defaults" for run in runs],
        "Symbol": [run.traded for run in runs],
        "From": [span["first"] for span in spans],
        "To": [span["last"] for span in spans],
        "Trades": [count(run.summary["trades"]) for run in runs],
        "Return": [percent(run.summary["total_return"]) for run in runs],
    }
    below = []
    common = [name for name in columns if name in _SPARE and len({*columns[name]}) == 1]
    if common and len(runs) > 1:
        cells = ", ".join(f"{name.lower()} {columns.pop(name)[0]}" for name in common)
        below.append(f"All runs: {cells}.")
    below += [f"{run.run_id}: {run.note}" for run in runs if run.note]
    wraps = {"Variant": 16, "Strategy": 24}
    spare = (*_SPARE, "Trades")
    right = ("Trades", "Return")
    show.print_table(out, columns, spare=spare, wraps=wraps, right=right, below=below)


def comparison(
    out: Console, runs: Sequence[Run], more: Sequence[tuple[str, Sequence[str]]] = ()
) -> None:
    """Print runs side by side, a column each, then what they traded held, and their benchmarks.

    Each of `more` is a further row: a label, and a cell for each run.
    """
    from backtest.experiments.runs.figures import all_figures  # loads pandas

    more = [*more, *compare_page.span_rows(runs)]
    forms = (*FIGURES, *MORE_FIGURES) if more else FIGURES
    labels = [*(label for _, label, _ in forms), *(label for label, _ in more)]
    columns = [
        (heading, [*_cells(all_figures(run), forms), *(cells[number] for _, cells in more)])
        for number, (run, heading) in enumerate(zip(runs, compare_page.headings(runs), strict=True))
    ]
    columns += [
        (benchmark.heading, [*_cells(benchmark.figures, forms), *("" for _ in more)])
        for benchmark in _benchmarks(runs)
    ]
    show.print_columns(out, {"": labels}, columns)


def _benchmarks(runs: Sequence[Run]) -> list[compare_page.ComparedBenchmark]:
    """Return what runs are compared with: what they traded, held throughout, and benchmarks."""
    return [*compare_page.held_stocks(runs), *compare_page.benchmarks_of(runs)]


def overview(out: Console, runs: Sequence[Run]) -> None:
    """Print a line for each run, and for holding what they traded and their benchmarks."""
    columns: dict[str, list[str]] = {
        "Strategy": [
            " · ".join([run.manifest["strategy"], *differences])
            for run, differences in zip(runs, distinguishing_words(runs), strict=True)
        ],
        "Trades": [count(run.summary["trades"]) for run in runs],
        **{
            title: [form(run.summary[name]) for run in runs]
            for title, (name, form) in _ESSENTIALS.items()
        },
        "Verdict": [run_words.verdict(run.manifest["evidence"]) for run in runs],
    }
    for benchmark in _benchmarks(runs):
        figures = [form(benchmark.figures[name]) for name, form in _ESSENTIALS.values()]
        line = (benchmark.heading.replace("\n", " "), "", *figures, "")
        for column, cell in zip(columns.values(), line, strict=True):
            column.append(cell)
    wraps = {"Strategy": 24, "Verdict": 16}
    spare = ("Sharpe", "Drawdown")
    right = columns.keys() - wraps.keys()
    show.print_table(
        out, columns, spare=spare, wraps=wraps, right=right, colored="Return", section=len(runs)
    )


def set_differently(out: Console, runs: Sequence[Run]) -> None:
    """Print the settings in which runs differ, a row each; nothing where they are alike."""
    if rows := compare_page.differences(runs):
        columns = [
            (run.run_id, [UNKNOWN if (value := row[n]) is None else value for _, row in rows])
            for n, run in enumerate(runs)
        ]
        names = [name for name, _ in rows]
        out.print()
        show.print_columns(out, {"Set differently": names}, columns, right=False)


def _cells(figures: Mapping[str, float | None], forms: Iterable[Form]) -> list[str]:
    return [form(figures.get(name)) for name, _, form in forms]


def _in_text(label: str, figure: str) -> str:
    name = label.removesuffix(" $")
    name = name if name.isupper() else name[0].lower() + name[1:]
    return f"{name} {figure}" + " $" * label.endswith(" $")


def _more_figures(run: Run) -> list[tuple[str, str]]:
    """Return a line of figures each for the trades, for the curve, and for the market."""
    from backtest.experiments.runs.figures import all_figures  # loads pandas

    figures = all_figures(run)
    texts = {name: _in_text(label, form(figures[name])) for name, label, form in MORE_FIGURES}
    names = list(texts)
    curve, market = names.index("longest_drawdown"), names.index("alpha")
    groups = {"Trades": names[:curve], "Curve": names[curve:market], "Market": names[market:]}
    return [
        (label, ", ".join(texts[name] for name in group if figures[name] is not None) or UNKNOWN)
        for label, group in groups.items()
    ]


def _years(run: Run, rows: Iterable[tuple[str, float, float | None, float]]) -> Table:
    """Return a table of returns by year: of the run, of what it traded, held, and the benchmark."""
    manifest = run.manifest
    held = f"{few(manifest['symbols'])} held"
    names = ["Year", manifest["strategy"], held, manifest["benchmark"]]
    cells = [
        [year, *(percent(value) for value in returns if value is not None)]
        for year, *returns in rows
    ]
    if len(cells[0]) < len(names):
        del names[2]
    return show.table(names, cells, right=names[1:], whole=names)


def _trades(run: Run, width: int) -> Table:
    """Return every trade with its figures under a heading, and its event below it."""
    events = {row["event_id"]: row for row in run.decisions}
    several = len(run.manifest["symbols"]) > 1
    cells = [_trade_cells(row) for row in run.trades]
    columns = {name: [row[name] for row in cells] for name in cells[0]}
    below = (
        f"left by {row['exit_reason'].replace('_', ' ')} · "
        + f"{row['symbol']}: " * several
        + _event_text(row, events)
        for row in run.trades
    )
    right = columns.keys() - {"Side", "Entered", "Left"}
    spare = ("Entry $", "Exit $", "Left", "Shares")
    return show.detailed(columns, below, width, spare=spare, right=right, colored="Return")


def _trade_cells(row: Mapping[str, str]) -> dict[str, str]:
    return {
        "Side": row["direction"],
        "Shares": f"{float(row['shares']):,.10g}",
        "Entered": bar_or_session(row["entry_session"], row.get("entry_bar")),
        "Entry $": price(float(row["entry_price"])),
        "Left": bar_or_session(row["exit_session"], row.get("exit_bar")),
        "Exit $": price(float(row["exit_price"])),
        "Return": percent(float(row["return"])),
        "Profit $": gain(float(row["net_profit"])),
    }


def _event_text(row: Mapping[str, str], events: Mapping[str, Mapping[str, str]]) -> str:
    event = events.get(row["event_id"])
    if event is None:
        return run_words.NO_EVENT
    return event["headline"] + f" ({event['reason']})" * bool(event["reason"])


def warnings(out: Console, runs: Sequence[Run]) -> None:
    """Print warnings about runs, each once: of luck, ruin, look-ahead and assumptions."""
    if line := run_words.holm_line(runs):
        out.print(Text(f"\n{line}"))
    for run in runs:
        if len(runs) > 1 and (sentence := run_words.ruin(run)):
            out.print(Text(f"{run.manifest['strategy']}: {sentence}", style="red"))
    out.print()
    for line, is_caution in audit_lines(runs):
        out.print(Text(line, style="red" if is_caution else "dim"))
    sentences = (sentence for run in runs for sentence in run.manifest["assumptions"])
    show.assumptions(out, dict.fromkeys(sentences))


def _print_best_and_worst(out: Console, run: Run) -> None:
    """Print the trades with the highest and with the lowest returns, a line each."""
    ranked = sorted(run.trades, key=lambda row: float(row["return"]), reverse=True)
    rows = [*ranked[:_ENDS], *ranked[-_ENDS:]]
    columns = {
        "Stock": [row["symbol"] for row in rows],
        "Side": [row["direction"] for row in rows],
        "From": [bar_or_session(row["entry_session"], row.get("entry_bar")) for row in rows],
        "To": [bar_or_session(row["exit_session"], row.get("exit_bar")) for row in rows],
        "Left by": [row["exit_reason"].replace("_", " ") for row in rows],
        "Return": [percent(float(row["return"])) for row in rows],
        "Profit $": [gain(float(row["net_profit"])) for row in rows],
    }
    spare, right = ("Left by", "To", "Side", "Profit $"), ("Return", "Profit $")
    show.print_table(out, columns, spare=spare, right=right, colored="Return", section=_ENDS)


def _totals(run: Run) -> str:
    """Describe the trades of a run in a sentence."""
    profits = [float(row["net_profit"]) for row in run.trades]
    won = sum(profit > 0 for profit in profits)
    stocks = counted(len({row["symbol"] for row in run.trades}), "stock")
    return (
        f"{counted(len(profits), 'trade')} of {stocks}, {won:,} won; net profit "
        f"{gain(sum(profits))} $. The {_ENDS} best and the {_ENDS} worst by return:"
    )


def _untraded_reasons(run: Run) -> Table:
    """Return a table of how many events opened no trade, for each of the commonest reasons."""
    counts = [row for row in run_words.reasons(run) if row[0] not in run_words.OPENING]
    rows = [(f"{number:,}", outcome, why) for outcome, why, number in counts[:_ENDS]]
    if rest := counts[_ENDS:]:
        events = sum(number for *_, number in rest)
        rows.append((f"{events:,}", "", f"for {counted(len(rest), 'other reason')}"))
    headers = ("Events", "Became", "Why")
    return show.table(headers, rows, right=["Events"], whole=headers[:2])


def _untraded(run: Run) -> Table:
    """Return a table of every event that opened no trade, with the reason."""
    several = len(run.manifest["symbols"]) > 1
    rows = (
        (day, outcome, why, f"{row['symbol']}: " * several + row["headline"])
        for day, outcome, why, row in run_words.untraded_events(run)
    )
    headers = ("Public", "Became", "Why", "Event")
    return show.table(headers, rows, whole=headers[:2])


def run_details(out: Console, run: Run, *, whole: bool = False) -> None:
    """Print a run's trades, evidence and figures, and the events that opened no trade.

    Of more than `MOST_ROWS` trades or events, unless `whole`, the extremes and counts are printed.
    """
    out.print()
    name = " · ".join(filter(None, (run.name, name_of(run), f"run {run.run_id}")))
    out.print(Text(name, style="bold"))
    has_many_trades = not whole and len(run.trades) > show.MOST_ROWS
    if has_many_trades:
        out.print(Text(f"{_totals(run)}\n"))
        _print_best_and_worst(out, run)
    elif run.trades:
        out.print(_trades(run, out.width))
    else:
        out.print(Text(run_words.no_trade(run)))
    evidence, trials = run.manifest["evidence"], trials_on_record(run.path.parent, run.manifest)
    worth = Text(run_words.plain_sentence(evidence, trials), style="bold")
    figures = show.grid([*run_words.evidence_rows(evidence, trials), *_more_figures(run)], ["dim"])
    out.print("", worth, "", figures, sep="\n")
    if len(years := run_words.years(run)) > 1:
        out.print("", _years(run, years), sep="\n")
    has_many_events = not whole and len(run_words.untraded_events(run)) > show.MOST_ROWS
    untraded = _untraded_reasons(run) if has_many_events else _untraded(run)
    if untraded.row_count:
        out.print(Text("\nEvents that opened no trade\n", style="bold"))
        out.print(untraded)
    sentences = (run_words.profit_parts(run.trades), run_words.ruin(run), run_words.no_room(run))
    for sentence in filter(None, sentences):
        out.print(Text(f"\n{sentence}"))
    if rows := run_words.speed_rows(run):
        out.print(Text("\nWhat speed is worth\n", style="bold"))
        columns = ("Reaction", "Trades", "Net profit $", "Mean trade")
        out.print(show.table(columns, rows, right=columns[1:], whole=columns))
    if has_many_trades or has_many_events:
        out.print(Text("\nEvery trade and event: on the page, or here with -v", style="dim"))
