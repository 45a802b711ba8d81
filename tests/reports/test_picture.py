"""The picture of a run shows what the files of its folder hold, and no text covers another."""

import itertools
import struct
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.style
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from backtest.errors import UsageError
from backtest.reports import picture
from backtest.reports.charts import TRADED
from backtest.reports.picture import GAIN, LOSS, PAPER, write_picture
from backtest.reports.run_page import write_run_page
from backtest.stats.formats import p_value
from tests.made_up import EVERY_KIND, day, do, often
from tests.universes import write_universe

GUARDED = "return Signal.long(event, weight=0.5, hold=3, stop=0.10, target=0.05)"


@pytest.fixture
def run(checkout):
    """Six events of four kinds, traded in both directions, with stops and targets."""
    checkout.strategy(
        "busy",
        "if 'miss' in event.headline: return 'no'\n"
        "        make = Signal.short if event.kind == 'news' else Signal.long\n"
        "        return make(event, weight=0.5, hold=3, stop=0.10, target=0.5)",
        EVERY_KIND,
    )
    return do(checkout, "busy")


def drawn(run):
    """The figure of a run, laid out."""
    with mpl.style.context(["default", picture._STYLE]):
        figure = picture._figure(run, run.manifest["symbols"][0])
        FigureCanvasAgg(figure).draw()
    return figure


def texts(figure) -> list:
    """Every text that is written, but for empty ones and those of ticks outside of their panel."""
    legend = [text for found in figure.legends for text in found.get_texts()]
    names = [axes.get_title("left") and axes._left_title for axes in figure.axes]
    panels = [
        text for axes in figure.axes for text in (*axes.texts, *labels(axes.xaxis, axes.yaxis))
    ]
    panels += filter(None, names)
    return [text for text in (*figure.texts, *legend, *panels) if text.get_text()]


def labels(*axes) -> list:
    return [
        label
        for axis in axes
        for tick in axis._update_ticks()  # those within the limits
        for label in (tick.label1, tick.label2)
        if label.get_visible()
    ]


# The file


def chunks_of(png):
    """The chunks by kind; the bytes of one may look like anything."""
    place, found = 8, {}
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        found[kind] = png[place + 8 : place + 8 + length]
        place += length + 12
    return found


def test_it_is_a_png_of_3200_by_1800_pixels_that_says_whose_it_is_and_no_date(run, tmp_path):
    content = write_picture(run, tmp_path / "chart.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == (3200, 1800)
    chunks = chunks_of(content)
    assert chunks[b"tEXt"] == b"Software\0backtest"  # so that a report may replace it
    assert not chunks.keys() & {b"iTXt", b"zTXt", b"tIME"}
    assert len(content) < 500_000


def test_the_same_run_gives_the_same_bytes_whatever_the_user_has_set(run, tmp_path):
    first = write_picture(run, tmp_path / "one.png").read_bytes()
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "font.family": "serif"}):
        before = dict(mpl.rcParams)
        assert write_picture(run, tmp_path / "two.png").read_bytes() == first
        assert dict(mpl.rcParams) == before


def test_a_place_that_cannot_be_written_is_told(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"chart\.png cannot be written"):
        write_picture(run, tmp_path / "file" / "chart.png")


def test_a_stock_that_the_run_has_not_is_told_with_those_it_has(run, tmp_path):
    with pytest.raises(UsageError, match=r"no stock in run \w+ that is named 'acme'.*Known: ACME"):
        write_picture(run, tmp_path / "chart.png", "acme")


# What it shows


def test_every_event_is_a_marker_filled_where_it_traded(run):
    events, *_ = drawn(run).axes
    shown = [(line.get_marker(), line.get_markerfacecolor() != PAPER) for line in events.lines]
    shapes = {"earnings": "o", "stake_disclosure": "D", "short_report": "v", "news": "s"}
    assert sorted(shown) == sorted(
        (shapes[row["kind"]], row["action"] in TRADED) for row in run.decisions
    )
    assert [label.get_text() for label in events.get_yticklabels()] == [
        "Earnings", "Stake disclosure", "Short report", "News",
    ]  # fmt: skip
    assert {filled for _, filled in shown} == {True, False}


def test_every_trade_has_its_span_its_entry_and_its_exit(run):
    prices = drawn(run).axes[1]
    marks = [
        (line.get_marker(), *line.get_xdata(), *line.get_ydata())
        for line in prices.lines
        if line.get_marker() != "None"
    ]
    expected, sessions = [], list(run.equity.index.strftime("%Y-%m-%d"))
    for trade in run.trades:
        begin, end = (sessions.index(trade[f"{what}_session"]) for what in ("entry", "exit"))
        left = "o" if trade["exit_reason"] == "open" else "X"
        entry = "^" if trade["direction"] == "long" else "v"
        expected += [
            (entry, begin, float(trade["entry_price"])), (left, end, float(trade["exit_price"])),
        ]  # fmt: skip
    assert marks == expected
    assert len(run.trades) > 2
    assert {mark[0] for mark in marks} >= {"^", "v", "X"}
    spans = [patch for patch in prices.patches if patch.get_alpha()]
    assert [patch.get_facecolor()[:3] for patch in spans] == [
        mpl.colors.to_rgb(GAIN if float(trade["return"]) > 0 else LOSS) for trade in run.trades
    ]


def levels(run, name: str) -> list[tuple[float, float, float]]:
    """Begin, end and price of each level that is drawn by that name."""
    prices = drawn(run).axes[1]
    found = [line for line in prices.lines if line.get_label() == name]
    return [(*line.get_xdata(), line.get_ydata()[0]) for line in found]


def test_levels_are_those_of_the_orders_in_steps(checkout):
    checkout.strategy("guarded", GUARDED)
    run = do(checkout, "guarded")
    bought = 103 * 1.0005
    assert levels(run, "stop")[0] == pytest.approx((2.5, 5.5, 0.9 * bought))  # three sessions
    assert levels(run, "limit")[0] == pytest.approx((2.5, 5.5, 1.05 * bought))


def test_an_order_at_a_level_that_is_not_known_yet_is_drawn_nowhere(checkout):
    checkout.write(
        "strategies/unguarded.py",
        "from backtest import EventStrategy\nfrom backtest.events import Earnings\n\n\n"
        "class Unguarded(EventStrategy):\n    listens_to = (Earnings,)\n\n"
        "    def notify_event(self, event):\n"
        "        self.buy(size=1)\n        self.sell(size=1, exectype=3, price=float('nan'))\n",
    )
    run = do(checkout, "unguarded")
    assert {row["price"] for row in run.orders if row["type"] == "stop"} == {""}
    assert levels(run, "stop") == []
    text = write_run_page(run).read_text(encoding="utf-8")
    assert '"stop":[]' in text.replace(" ", "")


def test_a_level_that_moves_is_a_step(checkout):
    checkout.strategy(
        "trailing", "return Signal.long(event, weight=0.5, hold=5, trailing_stop=0.05)"
    )
    run = do(checkout, "trailing")
    stops = [row for row in run.orders if row["type"] == "stop"]
    first = {row["price"] for row in stops if row["event_id"] == run.trades[0]["event_id"]}
    steps = levels(run, "stop")[: len(first)]
    assert len(steps) > 2
    assert [end for _, end, _ in steps[:-1]] == [begin for begin, _, _ in steps[1:]]


def test_an_event_outside_of_the_run_stands_at_its_edge(checkout):
    run = do(checkout, first=day("2025-06-06"), last=day("2025-06-20"))
    events = drawn(run).axes[0]
    early, late = (line.get_xdata()[0] for line in events.lines)
    assert early < 0  # tradable the session before
    assert late > 10 - 1
    low, high = events.get_xlim()
    assert low < early < late < high


def test_the_bars_are_those_of_the_run_and_of_its_stock(checkout):
    run = do(checkout, first=day("2025-06-06"), last=day("2025-06-20"))
    (bodies,) = drawn(run).axes[1].containers
    assert [bar.get_x() + bar.get_width() / 2 for bar in bodies] == pytest.approx(range(10))
    assert bodies[0].get_y() == 104  # its open


def test_equity_begins_with_the_cash_and_falls_as_the_drawdown_says(run):
    _, _, equity, drawdown = drawn(run).axes
    (own, other), (depth, _) = equity.lines, drawdown.lines
    cash = run.manifest["rules"]["cash"]
    assert list(own.get_ydata()) == [cash, *run.equity["equity"]]
    end = cash * (1 + run.manifest["summary"]["benchmark"]["total_return"])
    assert other.get_ydata()[-1] == pytest.approx(end)
    assert min(depth.get_ydata()) == pytest.approx(100 * run.summary["max_drawdown"])


def test_the_heading_tells_return_benchmark_trades_p_and_span(checkout):
    run = do(checkout, often(checkout))
    texts = drawn(run).texts
    told = " ".join(text.get_text().replace("\n", " ") for text in texts)
    assert told.startswith("often · ACME ")
    assert "6 trades" in told
    assert "INDX +2.0 %" in told
    p = run.manifest["evidence"]["p"]
    assert 0 < p < 1
    assert f"p-value {p_value(p)}" in told
    assert "2025-06-02 to 2025-07-15" in told
    assert f"run {run.run_id}" in told
    assert run.manifest["evidence"]["sentence"] in told
    assert min(text.get_fontsize() for text in texts) > 5.9  # of a long sentence in two lines


def test_the_key_names_what_is_there_and_nothing_else(checkout):
    def key(strategy):
        figure = drawn(do(checkout, strategy))
        return [text.get_text() for text in figure.legends[0].get_texts()]

    assert key("owner") == ["event, traded", "gain", "long entry", "still open"]
    checkout.strategy("silent", "return 'no'")
    assert key("silent") == ["event, not traded"]


# Nothing covers anything


@pytest.mark.parametrize("case", ["busy", "owner", "silent", "one session", "long names"])
def test_no_text_covers_another_or_leaves_the_picture(checkout, run, case):
    if case == "silent":
        checkout.strategy("silent", "return 'no'")
    if case == "long names":
        run = do(checkout, "owner")
        name = "strategy_of_a_person_who_likes_words_" * 3
        run.manifest["strategy"] = name
        run.manifest["rules"]["borrow_mode"] = name
    if case in ("owner", "silent"):
        run = do(checkout, case)
    if case == "one session":
        run = do(checkout, last=day("2025-06-02"))
    figure = drawn(run)
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    assert len(boxes) > 10
    covering = [
        (a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if one.overlaps(other)
    ]
    assert covering == []
    width, height = figure.bbox.size
    assert [
        text for text, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ] == []


def test_results_that_fit_in_no_row_are_left_out_rather_than_written_over_others(run):
    run.trades[:] = run.trades[:1] * 5
    prices = drawn(run).axes[1]
    assert len({text.get_position()[1] for text in prices.texts}) == len(prices.texts) == 3
    assert len([patch for patch in prices.patches if patch.get_alpha()]) == 5


# A universe


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ((0.0, 0.015), ["0", "0.005", "0.01", "0.015"]),
        ((-0.6, 0.0), ["\N{MINUS SIGN}0.6", "\N{MINUS SIGN}0.4", "\N{MINUS SIGN}0.2", "0"]),
        ((0.0, 120_000.0), ["0", "40k", "80k", "120k"]),
        ((0.0, 3e9), ["0", "1B", "2B", "3B"]),
    ],
)
def test_no_letter_stands_for_a_thousandth_as_m_is_read_as_a_million(ends, told):
    with mpl.style.context(["default", picture._STYLE]):
        figure = Figure()
        axes = figure.subplots()
        axes.plot(ends)
        picture._panel(axes, "Price")
        FigureCanvasAgg(figure).draw()
    assert [text.get_text() for text in labels(axes.yaxis) if text.get_text()] == told


def test_a_stock_that_is_reversed_in_a_session_is_held_once_in_it():
    days = ["2025-06-05", "2025-06-06", "2025-06-09", "2025-06-10"]
    trades = [
        {"symbol": symbol, "entry_session": days[first], "exit_session": days[last]}
        for symbol, first, last in (("ACME", 0, 1), ("ACME", 1, 2), ("BOLT", 1, 1))
    ]
    run = SimpleNamespace(equity=pd.DataFrame(index=pd.DatetimeIndex(days)), trades=trades)
    assert picture._held(run) == [1, 2, 1, 0]


def test_the_picture_of_a_universe_is_of_the_account_and_a_stock_can_be_named(checkout, tmp_path):
    write_universe(checkout)
    run = do(checkout, "beats", symbols=(), universe="quartet", benchmark="quartet")
    with mpl.style.context(["default", picture._STYLE]):
        figure = picture._account_figure(run)
        FigureCanvasAgg(figure).draw()
    said = " ".join(text.get_text() for text in texts(figure))
    assert "beats · quartet, 2 stocks" in said
    assert "Stocks held" in said
    # ACME from the open of 2025-06-05 on, BOLT from that of 2025-06-11 on
    counts = dict(zip(map(str, run.equity.index.date), picture._held(run), strict=True))
    held = {row["symbol"]: row for row in run.trades}
    for session, count in counts.items():
        assert count == sum(
            row["entry_session"] <= session <= row["exit_session"] for row in held.values()
        )
    whole = write_picture(run, tmp_path / "whole.png").read_bytes()
    assert write_picture(run, tmp_path / "one.png", "ACME").read_bytes() != whole
