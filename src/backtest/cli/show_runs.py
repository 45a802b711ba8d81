"""What the terminal shows of runs: figures side by side, trades, evidence and decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from backtest.cli.show import (
    MOST_ROWS,
    aligned,
    assumptions,
    labelled,
    new_table,
    notes,
    with_details,
    without,
)
from backtest.experiments.runs.finding import name_of, telling
from backtest.experiments.trials import trials_on_record
from backtest.reports.audit_page import audit_lines
from backtest.reports.compare_page import benchmarks_of, differences, heading, span_rows
from backtest.reports.run_words import (
    NO_EVENT,
    OPENING,
    evidence_rows,
    holm_line,
    no_room,
    no_trade,
    plain_sentence,
    profit_parts,
    reasons,
    ruin,
    speed_rows,
    untraded,
    verdict,
)
from backtest.stats.formats import (
    FIGURES,
    MORE_FIGURES,
    UNKNOWN,
    bar_or_session,
    count,
    counted,
    gain,
    percent,
    ratio,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from backtest.experiments.runs.store import Run

    Column = tuple[str, list[str]]  # a heading and its cells
    Form = tuple[str, str, Callable[[float | None], str]]  # as in FIGURES

_SPARE = ("From", "To", "Symbol")  # columns of runs, in the order in which they are left out
_ENDS = 10  # best, and worst, trades and commonest reasons where there are more


def runs(out: Console, found: Sequence[Run]) -> None:
    """Print runs, a row each; what all of them have in common is said once, below."""
    headers = ("Run", "Strategy", "Variant", "Symbol", "From", "To", "Trades", "Return")
    rows = [
        (
            run.run_id,
            run.manifest["strategy"],
            name_of(run) or "defaults",
            run.traded,
            run.manifest["span"]["first"],
            run.manifest["span"]["last"],
            count(run.summary["trades"]),
            percent(run.summary["total_return"]),
        )
        for run in found
    ]
    columns = {name: [row[n] for row in rows] for n, name in enumerate(headers)}
    several = len(rows) > 1
    common = [name for name in headers if name in _SPARE and several and len({*columns[name]}) == 1]
    below = [f"All runs: {', '.join(f'{name.lower()} {columns[name][0]}' for name in common)}."]
    below *= bool(common)
    for name in common:
        del columns[name]
    missing = without(columns, out.width, spare=(*_SPARE, "Trades"), wraps={"Variant": 16})
    table = new_table(*columns, right=("Trades", "Return"), whole=columns.keys() - {"Variant"})
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(Text, row))
    out.print(table)
    below += [f"{run.run_id}: {run.note}" for run in found if run.note]
    if missing:
        below.append(f"No room for {', '.join(missing)}: in a wider terminal, and with --json.")
    if below:
        notes(out, below)


def comparison(
    out: Console, runs: Sequence[Run], more: Sequence[tuple[str, Sequence[str]]] = ()
) -> None:
    """Print runs side by side, one column each, and their benchmarks behind them.

    Args:
        out: the terminal.
        runs: what is compared.
        more: further rows, a label and a cell for each run.

    """
    from backtest.experiments.runs.figures import all_figures  # loads pandas

    more = [*more, *span_rows(runs)]
    forms = (*FIGURES, *MORE_FIGURES) if more else FIGURES
    labels = [*(label for _, label, _ in forms), *(label for label, _ in more)]
    columns = [
        (
            heading(run, runs),
            [*_cells(all_figures(run), forms), *(cells[number] for _, cells in more)],
        )
        for number, run in enumerate(runs)
    ]
    empty = ["" for _ in more]
    columns += [(title, [*_cells(found, forms), *empty]) for title, found in _beside(runs)]
    _print_columns(out, "", labels, columns, right=True)


def _beside(runs: Sequence[Run]) -> list[tuple[str, Mapping[str, float | None]]]:
    """What stands beside runs, a heading and figures: what they traded, held, and benchmarks."""
    from backtest.experiments.runs.figures import holdings  # loads pandas

    several = len({tuple(run.manifest["span"].values()) for run in runs}) > 1
    rows = [
        ("\n".join([one.symbols, "held", *_span(one.run) * several]), one.figures)
        for one in holdings(runs)
    ]
    return [*rows, *((one.heading, one.figures) for one in benchmarks_of(runs))]


def _span(run: Run) -> list[str]:
    return [run.manifest["span"]["first"], f"to {run.manifest['span']['last']}"]


def overview(out: Console, runs: Sequence[Run]) -> None:
    """Print a line for each run, and below them what holding the stock and the benchmark made."""
    columns: dict[str, list[str]] = {
        "Strategy": [" · ".join([run.manifest["strategy"], *telling(run, runs)]) for run in runs],
        "Trades": [count(run.summary["trades"]) for run in runs],
        "Return": [percent(run.summary["total_return"]) for run in runs],
        "Drawdown": [percent(run.summary["max_drawdown"]) for run in runs],
        "Sharpe": [ratio(run.summary["sharpe"]) for run in runs],
        "Verdict": [verdict(run.manifest["evidence"]) for run in runs],
    }
    for title, figures in _beside(runs):
        beside = (
            title.replace("\n", " "),
            "",
            percent(figures["total_return"]),
            percent(figures["max_drawdown"]),
            ratio(figures["sharpe"]),
            "",
        )
        for column, cell in zip(columns.values(), beside, strict=True):
            column.append(cell)
    without(columns, out.width, spare=("Sharpe", "Drawdown"), wraps={"Strategy": 24, "Verdict": 16})
    right = [name for name in columns if name not in ("Strategy", "Verdict")]
    table = new_table(*columns, right=right, whole=right)
    for number, row in enumerate(zip(*columns.values(), strict=True), start=1):
        cells = [
            Text(cell, style=_color(cell) if name == "Return" else "")
            for name, cell in zip(columns, row, strict=True)
        ]
        table.add_row(*cells, end_section=number == len(runs))
    out.print(table)


def _print_columns(
    out: Console, corner: str, labels: Sequence[str], columns: Sequence[Column], *, right: bool
) -> None:
    """Print labelled rows; columns that do not fit the width follow in a further table."""
    width = out.width - max(map(len, (corner, *labels)))
    for place, group in enumerate(_fitting(columns, width)):
        if place:
            out.print()
        headings = [title for title, _ in group]
        table = new_table(corner, *headings, right=headings if right else (), whole=[corner])
        if sum(2 + max(len(title), _least_width((title, cells))) for title, cells in group) > width:
            for made, column in zip(table.columns[1:], group, strict=True):
                made.width = _least_width(column)  # titles wrap between words, never within one
        for number, label in enumerate(labels):
            table.add_row(label, *(cells[number] for _, cells in group))
        out.print(table)


def set_differently(out: Console, runs: Sequence[Run]) -> None:
    """Print what was set differently in the runs, a row each; nothing where they are alike."""
    rows = differences(runs)
    if rows:
        cells = [[UNKNOWN if value is None else value for value in values] for _, values in rows]
        columns = [(run.run_id, [row[n] for row in cells]) for n, run in enumerate(runs)]
        out.print()
        _print_columns(out, "Set differently", [name for name, _ in rows], columns, right=False)


def _color(result: str) -> str:
    """The color of a result with its sign."""
    return {"+": "green", "-": "red"}.get(result[:1], "")


def _cells(figures: Mapping[str, float | None], forms: Iterable[Form]) -> list[str]:
    return [form(figures.get(name)) for name, _, form in forms]


def _in_text(label: str, figure: str) -> str:
    name = label.removesuffix(" $")
    name = name if name.isupper() else name[0].lower() + name[1:]
    return f"{name} {figure}" + " $" * label.endswith(" $")


def _more_figures(run: Run) -> list[tuple[str, str]]:
    """The figures of trades, of the curve, and of what it has to do with the market, in lines."""
    from backtest.experiments.runs.figures import all_figures  # loads pandas

    found = all_figures(run)
    texts = {name: _in_text(label, form(found[name])) for name, label, form in MORE_FIGURES}
    names = list(texts)
    curve, market = names.index("longest_drawdown"), names.index("alpha")
    groups = {"Trades": names[:curve], "Curve": names[curve:market], "Market": names[market:]}
    return [
        (label, ", ".join(texts[name] for name in group if found[name] is not None) or UNKNOWN)
        for label, group in groups.items()
    ]


def _fitting(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """Columns in groups that are no wider than the width, at least one in each."""
    groups: list[list[Column]] = []
    left = 0
    for column in columns:
        need = 2 + _least_width(column)
        if not groups or need > left:
            groups.append([])
            left = width
        groups[-1].append(column)
        left -= need
    return groups


def _least_width(column: Column) -> int:
    """The width in which no word of the title and no cell is broken."""
    title, cells = column
    return max(map(len, [*title.split(), *cells]))


def trades(run: Run, width: int) -> Table:
    """Every trade with its figures under a heading, and below each its event."""
    events = {row["event_id"]: row for row in run.decisions}
    several = len(run.manifest["symbols"]) > 1
    cells = [_trade_cells(row) for row in run.trades]
    columns = {name: [row[name] for row in cells] for name in cells[0]}
    without(columns, width, spare=("Entry $", "Exit $"))
    head, *lines = aligned(columns, right=columns.keys() - {"Side", "Entered", "Left"})
    rows: list[tuple[Text | str, str]] = [(Text("  ".join(head), style="bold"), "")]
    for row, line in zip(run.trades, lines, strict=True):
        *texts, result, profit = line
        style = _color(result.strip())
        text = Text.assemble("  ".join(texts), "  ", (result, style), "  ", profit)
        left = f"left by {row['exit_reason'].replace('_', ' ')} · "
        rows.append((text, left + f"{row['symbol']}: " * several + _event_text(row, events)))
    return with_details(rows)


def _trade_cells(row: Mapping[str, str]) -> dict[str, str]:
    return {
        "Side": row["direction"],
        "Shares": f"{float(row['shares']):,.10g}",
        "Entered": bar_or_session(row["entry_session"], row.get("entry_bar")),
        "Entry $": f"{float(row['entry_price']):,.2f}",
        "Left": bar_or_session(row["exit_session"], row.get("exit_bar")) or "open",
        "Exit $": f"{float(row['exit_price']):,.2f}",
        "Return": percent(float(row["return"])),
        "Profit $": gain(float(row["net_profit"])),
    }


def _event_text(row: Mapping[str, str], events: Mapping[str, Mapping[str, str]]) -> str:
    event = events.get(row["event_id"])
    if event is None:
        return NO_EVENT
    return event["headline"] + f" ({event['reason']})" * bool(event["reason"])


def evidence(run: Run) -> Group:
    """What a run's result is worth: a sentence, the figures that it rests on, and others."""
    found, trials = run.manifest["evidence"], trials_on_record(run.path.parent, run.manifest)
    sentence = Text(plain_sentence(found, trials), style="bold")
    return Group(sentence, Text(), labelled([*evidence_rows(found, trials), *_more_figures(run)]))


def warnings(out: Console, runs: Sequence[Run]) -> None:
    """Print what to know of runs beside their figures, each once: luck, look-ahead, assumptions."""
    if line := holm_line(runs):
        out.print(Text(f"\n{line}"))
    for run in runs:
        if len(runs) > 1 and (sentence := ruin(run)):
            out.print(Text(f"{run.manifest['strategy']}: {sentence}", style="red"))
    out.print()
    for line, is_caution in audit_lines(runs):
        out.print(Text(line, style="red" if is_caution else "dim"))
    assumptions(out, dict.fromkeys(one for run in runs for one in run.manifest["assumptions"]))


def _best_and_worst(run: Run) -> Table:
    """The trades with the highest and with the lowest returns, a line each."""
    headers = ("Stock", "Side", "From", "To", "Left by", "Return", "Profit $")
    table = new_table(*headers, right=headers[-2:], whole=headers)
    ranked = sorted(run.trades, key=lambda row: float(row["return"]), reverse=True)
    for place, row in enumerate([*ranked[:_ENDS], *ranked[-_ENDS:]], start=1):
        result = float(row["return"])
        table.add_row(
            row["symbol"],
            row["direction"],
            bar_or_session(row["entry_session"], row.get("entry_bar")),
            bar_or_session(row["exit_session"], row.get("exit_bar")),
            row["exit_reason"].replace("_", " "),
            Text(percent(result), style="green" if result > 0 else "red"),
            gain(float(row["net_profit"])),
            end_section=place == _ENDS,
        )
    return table


def _totals(run: Run) -> str:
    """The trades of a run in a sentence."""
    profits = [float(row["net_profit"]) for row in run.trades]
    won = sum(profit > 0 for profit in profits)
    stocks = counted(len({row["symbol"] for row in run.trades}), "stock")
    return (
        f"{counted(len(profits), 'trade')} of {stocks}, {won:,} won; net profit "
        f"{gain(sum(profits))} $. The {_ENDS} best and the {_ENDS} worst by return:"
    )


def _untraded_reasons(run: Run) -> Table:
    """How many events opened no trade for each of the commonest reasons."""
    counts = [row for row in reasons(run) if row[0] not in OPENING]
    table = new_table("Events", "Became", "Why", right=("Events",), whole=("Events", "Became"))
    for became, why, number in counts[:_ENDS]:
        table.add_row(f"{number:,}", became, Text(why))
    if rest := counts[_ENDS:]:
        events = sum(number for *_, number in rest)
        table.add_row(f"{events:,}", "", f"for {counted(len(rest), 'other reason')}")
    return table


def _untraded(run: Run) -> Table:
    """Every event that opened no trade, with the reason."""
    several = len(run.manifest["symbols"]) > 1
    table = new_table("Public", "Became", "Why", "Event", whole=("Public", "Became"))
    for day, became, why, row in untraded(run):
        headline = f"{row['symbol']}: " * several + row["headline"]
        table.add_row(day, became, Text(why), Text(headline))
    return table


def run_details(out: Console, run: Run, *, whole: bool = False) -> None:
    """Print a run's trades, its evidence, the events that opened none, and what it assumes.

    Of many trades or events the ends and counts are printed, unless the whole is wanted.
    """
    out.print()
    name = " · ".join(filter(None, (run.name, name_of(run), f"run {run.run_id}")))
    out.print(Text(name, style="bold"))
    cut = not whole and len(run.trades) > MOST_ROWS
    if cut:
        out.print(Text(_totals(run)))
        out.print()
        out.print(_best_and_worst(run))
    elif run.trades:
        out.print(trades(run, out.width))
    else:
        out.print(Text(no_trade(run)))
    out.print()
    out.print(evidence(run))
    many = not whole and len(untraded(run)) > MOST_ROWS
    rest = _untraded_reasons(run) if many else _untraded(run)
    if rest.row_count:
        out.print(Text("\nEvents that opened no trade\n", style="bold"))
        out.print(rest)
    if sentence := profit_parts(run.trades):
        out.print(Text(f"\n{sentence}"))
    if sentence := ruin(run):
        out.print(Text(sentence))
    if sentence := no_room(run):
        out.print(Text(f"\n{sentence}"))
    if rows := speed_rows(run):
        out.print(Text("\nWhat speed is worth\n", style="bold"))
        columns = ("Reaction", "Trades", "Net profit $", "Mean trade")
        table = new_table(*columns, right=columns[1:], whole=columns)
        for row in rows:
            table.add_row(*row)
        out.print(table)
    if cut or many:
        out.print(Text("\nEvery trade and event: on the page, or here with -v", style="dim"))
