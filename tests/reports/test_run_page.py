"""The run page: what its chart draws, what its tables hold, and what it never does."""

import csv
import json
import re
from datetime import date, timedelta
from html.parser import HTMLParser

import pytest

from backtest.experiments.runs.store import Run
from backtest.reports import charts, run_page
from backtest.reports.charts import ChartAxis
from backtest.reports.pages import fill
from backtest.reports.run_page import write_run_page
from backtest.reports.run_words import run_markdown
from tests.made_up import SESSIONS, day, do

HOSTILE = '</script><script>alert("x")</script> & <b>bold</b>'
GUARDED = "return Signal.long(event, weight=0.5, hold=3, stop=0.10, target=0.05)"


class Page(HTMLParser):
    """A page's data, its rows by table, its links and its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.rows: dict[str, list[dict[str, str | None]]] = {"trades": [], "decisions": []}
        self.links: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self._table = ""
        self.feed(text)
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
        self.data = json.loads(found[1]) if found else None

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        if tag == "table":
            self._table = attributes.get("id") or ""
        if tag == "tr" and self._table in self.rows and len(attributes) > 0:
            self.rows[self._table].append(attributes)
        if tag == "a":
            self.links.append(attributes)


def page_of(run: Run) -> Page:
    return Page(write_run_page(run).read_text(encoding="utf-8"))


def rewrite(run: Run, name: str, change) -> Run:
    """The run with the rows of one of its files changed."""
    path = run.path / name
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    changed = change(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(changed)
    return Run(run.path, run.manifest)


# What the chart draws


def test_the_chart_holds_every_bar_event_and_trade(checkout):
    run = do(checkout)
    data = page_of(run).data
    (symbol,) = data["symbols"]
    assert data["days"] == list(SESSIONS)
    assert symbol["name"] == "ACME"
    assert symbol["bars"]["open"] == [100 + n for n in range(30)]
    assert symbol["bars"]["low"][:2] == [98, 99]
    assert symbol["bars"]["volume"][-1] == 1029
    # The beat of the 4th trades on the 5th, the fourth session; the miss of 2025-06-27 opened none.
    first, second = run.decisions
    assert symbol["events"] == [[3, 0, 1, first["event_id"]], [19 - 1, 0, 0, second["event_id"]]]
    assert symbol["trades"] == [["1", 3, 103.051, 6, 105.947, 1, 1, 0]]


def test_an_event_without_a_session_stands_at_the_first_one_on_or_after_its_day():
    axis = ChartAxis(["2025-06-27", "2025-06-30", "2025-07-01"])
    places = {"2025-06-29": 1, "2025-06-30": 1, "2025-03-01": 0, "2025-08-01": 2}
    assert {day: axis.bar_of(day) for day in places} == places


def test_an_event_known_by_its_week_is_on_the_chart_though_it_never_trades(checkout):
    checkout.strategy("reporter", "return 'noted'", "ShortReport")
    run = do(checkout, "reporter")
    (symbol,) = page_of(run).data["symbols"]
    places = {event[3]: event[0] for event in symbol["events"]}
    week = next(row["event_id"] for row in run.decisions if row["precision"] == "week")
    assert places[week] == SESSIONS.index("2025-06-30")  # a Sunday, the session after it


def test_levels_stand_over_the_sessions_in_which_the_order_was_live(checkout):
    checkout.strategy("guarded", GUARDED)
    run = do(checkout, "guarded")
    (symbol,) = page_of(run).data["symbols"]
    bought = 103 * 1.0005
    stop, target = symbol["levels"]["stop"][0], symbol["levels"]["limit"][0]
    assert stop == [3, pytest.approx([0.90 * bought] * 3, rel=1e-5)]
    assert target == [3, pytest.approx([1.05 * bought] * 3, rel=1e-5)]


def test_a_line_of_levels_ends_where_a_session_has_none():
    levels = {3: 90.0, 4: 90.0, 5: 91.0, 8: 80.0}
    assert charts._lines(levels) == [[3, [90.0, 90.0, 91.0]], [8, [80.0]]]


def test_the_account_begins_with_the_cash_and_knows_its_falls(checkout):
    checkout.strategy("short", "return Signal.short(event, weight=0.5, hold=2)")
    run = do(checkout, "short")
    account, equity = page_of(run).data["account"], run.equity
    assert account["equity"][0] == account["benchmark"][0] == 100_000
    assert account["equity"][1:] == pytest.approx(list(equity["equity"]), rel=1e-5)
    assert account["benchmark"][1:3] == [102_000, 102_000]
    held = equity["position_value"] / equity["equity"]
    assert account["exposure"] == pytest.approx(list(held), abs=5e-4)
    assert min(account["exposure"]) < -0.4
    deepest = run.summary["max_drawdown"]
    assert min(account["drawdown"]) == pytest.approx(deepest, abs=5e-4)
    assert account["drawdown"][0] == 0


def test_a_fall_below_the_cash_on_the_first_day_is_a_drawdown(checkout):
    def fall(rows):
        return [{**rows[0], "equity": "90000.0"}, *rows[1:]]

    run = rewrite(do(checkout), "equity.csv", fall)
    assert page_of(run).data["account"]["drawdown"][0] == -0.1


def test_a_large_account_is_told_to_the_dollar_and_a_ruin_to_a_tenth_of_a_percent(checkout):
    def large(rows):
        ends = ("1234567.8", "-1890911.2")
        return [{**row, "equity": ends[n > 0]} for n, row in enumerate(rows)]

    checkout.edit("data/prices/ACME.csv", ",1029\n", ",1234567\n")
    run = rewrite(do(checkout, rules={"cash": 1_000_000}), "equity.csv", large)
    data = page_of(run).data
    assert data["account"]["equity"][1:3] == [1_234_568, -1_890_911]
    assert data["account"]["drawdown"][1] == -2.532
    assert data["symbols"][0]["bars"]["volume"][-1] == 1_234_567


def test_a_part_of_the_history_says_where_it_begins_and_ends(checkout):
    data = page_of(do(checkout, first=day("2025-06-04"), last=day("2025-06-30"))).data
    assert data["span"] == [2, 19]
    assert len(data["days"]) == len(data["symbols"][0]["bars"]["close"]) == 30
    assert len(data["account"]["drawdown"]) == 18


def test_one_session_is_a_page_too(checkout):
    data = page_of(do(checkout, first=day("2025-06-05"), last=day("2025-06-05"))).data
    assert data["span"] == [3, 3]
    assert len(data["account"]["exposure"]) == 1


def test_too_many_bars_become_weeks(checkout, monkeypatch):
    monkeypatch.setattr(charts, "MOST_BARS", 10)
    run = do(checkout)
    data = page_of(run).data
    (symbol,) = data["symbols"]
    assert data["weekly"]
    assert data["days"][:3] == ["2025-06-06", "2025-06-13", "2025-06-20"]
    first = {name: values[0] for name, values in symbol["bars"].items()}
    assert first == {"open": 100, "high": 106, "low": 98, "close": 105, "volume": 5010}
    assert symbol["events"][0][0] == 0
    assert (symbol["trades"][0][1], symbol["trades"][0][3]) == (0, 1)
    assert data["span"] == [0, len(data["days"]) - 1]
    assert data["account"]["equity"][1] == pytest.approx(
        run.equity["equity"].loc["2025-06-06"], rel=1e-5
    )
    assert len(data["account"]["equity"]) == len(data["days"]) + 1


def test_a_week_has_its_deepest_fall_and_its_last_exposure(checkout, monkeypatch):
    monkeypatch.setattr(charts, "MOST_BARS", 20)
    run = do(checkout, "owner")
    first = run.equity.index[0]
    table = run.equity.copy()
    table.loc[table.index[1], "equity"] /= 2  # and it recovers within the week
    table.loc[table.index[4], "position_value"] = table.loc[table.index[4], "equity"] / 4
    monkeypatch.setitem(vars(run), "equity", table)
    account = charts.story(run, [])["account"]
    assert first.day_name() == "Monday"
    assert account["drawdown"][0] == pytest.approx(
        table["equity"].iloc[1] / table["equity"].iloc[0] - 1, abs=1e-3
    )
    assert account["exposure"][0] == 0.25


def test_of_too_many_symbols_those_stay_that_were_traded(checkout, monkeypatch):
    monkeypatch.setattr(charts, "MOST_BARS", 10)

    def twice(rows):
        return [{**row, "symbol": symbol} for symbol in ("AAAA", "ACME") for row in rows]

    run = rewrite(do(checkout), "bars.csv", twice)
    run.manifest["symbols"].insert(0, "AAAA")
    data = page_of(run).data
    assert [symbol["name"] for symbol in data["symbols"]] == ["ACME"]
    assert data["left_out"] == 1


def test_symbols_have_their_own_events_and_trades(checkout):
    def twice(rows):
        return [*rows, *({**row, "symbol": "BOLT"} for row in rows[5:])]

    run = rewrite(do(checkout), "bars.csv", twice)
    run.manifest["symbols"].append("BOLT")
    acme, bolt = page_of(run).data["symbols"]
    assert (len(acme["events"]), len(acme["trades"])) == (2, 1)
    assert (bolt["events"], bolt["trades"]) == ([], [])
    assert bolt["bars"]["close"][:6] == [None] * 5 + [106]


def test_kinds_keep_their_looks_and_new_ones_get_the_next(checkout):
    checkout.strategy("all", "return 'noted'", "Earnings, News, Start")
    kinds = {kind["name"]: kind for kind in page_of(do(checkout, "all")).data["kinds"]}
    assert {name: kind["shape"] for name, kind in kinds.items()} == {
        "earnings": "circle", "news": "square", "start": "star",
    }  # fmt: skip
    assert {kind["colour"] for kind in kinds.values()} <= {f"--kind-{n}" for n in range(1, 5)}


# What the tables hold


def test_every_trade_and_decision_has_a_row_that_the_chart_can_find(checkout):
    run = do(checkout)
    page = page_of(run)
    assert [row["data-trade"] for row in page.rows["trades"]] == ["1"]
    assert [row["data-event"] for row in page.rows["decisions"]] == [
        event[3] for event in page.data["symbols"][0]["events"]
    ]
    assert page.rows["trades"][0]["data-event"] == page.rows["decisions"][0]["data-event"]
    for text in ("A made-up beat", "2025-06-04 16:05", "enter long", "not a beat", "at 103.05"):
        assert text in page.text


def test_events_come_in_the_order_in_which_they_were_public(checkout):
    checkout.strategy("all", "return 'noted'", "Earnings, News, ShortReport, StakeDisclosure")
    run = do(checkout, "all")
    rows = [row["data-event"] for row in page_of(run).rows["decisions"]]
    published = {row["event_id"]: row["published_at"] for row in run.decisions}
    assert rows == sorted(published, key=published.__getitem__)


def test_the_newest_rows_stay_where_there_are_too_many_and_every_marker_does(checkout, monkeypatch):
    monkeypatch.setattr(run_page, "MOST_ROWS", (1,))
    run = do(checkout)
    page = page_of(run)
    newest = run.decisions[1]["event_id"]
    assert [row["data-event"] for row in page.rows["decisions"]] == [newest]
    assert [event[3] for event in page.data["symbols"][0]["events"]] == ["", newest]
    assert "The newest 1 of 2; all are in" in page.text
    assert page.text.count("The newest 1 of") == 1  # of the one trade none is missing


def test_a_run_without_a_trade_says_so(checkout):
    run = do(checkout, first=day("2025-06-09"), last=day("2025-06-18"))
    page = page_of(run)
    assert "<p>No trade: not tradable, 2 of 2 events.</p>" in page.text
    assert "no event opened one" in page.text
    assert page.data["symbols"][0]["trades"] == []
    assert "Where the profit came from" not in page.text


def test_a_trade_that_is_still_open_is_told_as_such(checkout):
    page = page_of(do(checkout, "owner"))
    (trade,) = page.data["symbols"][0]["trades"]
    assert (trade[3:5], trade[-1]) == ([29, 130], 1)
    assert page.rows["trades"][0]["data-left"] == "open"
    assert "there is no timing to test" in page.text


def test_a_trade_of_no_event_stands_without_one(checkout):
    def nameless(rows):
        return [{**row, "event_id": ""} for row in rows]

    page = page_of(rewrite(do(checkout), "trades.csv", nameless))
    assert page.rows["trades"][0]["data-event"] == ""


def test_prices_below_a_dollar_keep_the_digits_that_tell_them_apart(checkout):
    def cheap(rows):
        return [{**row, "entry_price": "0.023149", "exit_price": "0.0226"} for row in rows]

    run = rewrite(do(checkout), "trades.csv", cheap)
    assert re.findall(r"at 0\.\d+", page_of(run).text) == ["at 0.0231", "at 0.0226"]
    assert "| 0.0231 | 2025-06-10 | 0.0226 |" in run_markdown(run)


def test_a_headline_keeps_its_underscores_wherever_it_stands(checkout):
    checkout.edit("data/events/earnings.csv", "A made-up beat", "GPU_H100 __init__")
    text = page_of(do(checkout)).text
    assert len(re.findall(r"<t[hd][^>]*>(?:<span[^>]*>)?GPU_H100 __init__", text)) == 4
    assert "GPU H100" not in text


def test_a_month_that_rounds_to_zero_has_no_sign_and_no_colour():
    months = [("2025", [-0.00001, 0.00001, -0.5], -0.5)]
    cells = re.findall(r"<td(.*?)>(.*?)</td>", fill("months.html", months=months))
    assert [text for _, text in cells[:3]] == ["0.00", "0.00", "-50.00"]
    assert "down" not in cells[0][0]
    assert "--s:50%" in cells[2][0]  # the text stays readable, in the dark too


def test_ruin_is_told(checkout):
    run = do(checkout)
    told = page_of(Run(run.path, {**run.manifest, "ruined_on": "2025-06-09"})).text
    assert "Ruined on 2025-06-09" in told
    assert "Ruined on" not in page_of(run).text


def test_assumptions_are_told_beside_the_evidence(checkout):
    run = do(checkout)
    page = page_of(Run(run.path, {**run.manifest, "assumptions": ["It was <so>."]}))
    assert "It rests on an assumption." in page.text
    assert "It was &lt;so&gt;." in page.text


# What the page never does


def test_a_text_that_looks_like_a_script_stays_a_text(checkout):
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    checkout.edit("data/events/earnings.csv", "A made-up beat", quoted)
    plain, hostile = page_of(do(checkout, "owner")), page_of(do(checkout))
    assert hostile.tags.count("script") == plain.tags.count("script")
    assert "&lt;script&gt;alert(" in hostile.text
    assert 'alert("x")' not in hostile.text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//example.org", "http://", "http://[x"]
)
def test_only_web_addresses_become_links(checkout, address):
    def change(rows):
        return [{**row, "source_url": address} for row in rows]

    page = page_of(rewrite(do(checkout), "decisions.csv", change))
    assert address not in [link.get("href") for link in page.links]
    assert address in page.text


def test_links_elsewhere_tell_nothing_of_where_they_stand(checkout):
    page = page_of(do(checkout))
    outside = [link for link in page.links if "://" in (link["href"] or "")]
    assert [(link["href"], link["rel"]) for link in outside] == [
        ("https://example.org/1", "noopener noreferrer")
    ]
    assert 'href="../index.html"' in page.text
    assert 'href="../compare.html"' in page.text
    assert "default-src 'none'" in page.text


def test_the_page_is_the_same_bytes_each_time(checkout):
    run = do(checkout)
    first, second = (page_of(one).text for one in (run, Run(run.path, run.manifest)))
    assert first == second


def test_the_largest_page_stays_below_500_kb(checkout):
    run = do(checkout)
    days = [str(date(2010, 1, 4) + timedelta(n)) for n in range(3600)]
    sessions = [one for one in days if date.fromisoformat(one).weekday() < 5][:2500]
    events, trades = 2000, 300

    def bars(rows):
        return [{**rows[n % 30], "session": one, "close": 123.45} for n, one in enumerate(sessions)]

    def equity(rows):
        return [{**rows[n % 30], "session": one} for n, one in enumerate(sessions)]

    def decided(rows):
        long = {"source_url": f"https://example.org/{'x' * 60}", "headline": "A headline " * 9}
        return [
            {**rows[0], **long, "source_url_2": long["source_url"], "event_id": f"earnings-{n:016}",
             "published_at": f"{sessions[n]}T21:00:00+00:00", "tradable_session": sessions[n + 1]}
            for n in range(events)
        ]  # fmt: skip

    def traded(rows):
        return [
            {**rows[0], "trade_id": n + 1, "event_id": f"earnings-{n:016}",
             "entry_session": sessions[2 * n + 1], "exit_session": sessions[2 * n + 2]}
            for n in range(trades)
        ]  # fmt: skip

    def ordered(rows):
        return [
            {**rows[0], "session": one, "type": kind, "price": 100 + n / 7,
             "event_id": f"earnings-{n // 2:016}"}
            for n, one in enumerate(sessions) for kind in ("stop", "limit")
        ]  # fmt: skip

    changes = {
        "bars.csv": bars, "equity.csv": equity, "decisions.csv": decided, "trades.csv": traded,
        "orders.csv": ordered,
    }  # fmt: skip
    for name, change in changes.items():
        run = rewrite(run, name, change)
    found = run.manifest["attribution"]
    (group,) = found["profit_by"]["event"]
    found["profit_by"]["event"] = [{**group, "name": f"earnings-{n:016}"} for n in range(trades)]
    found["moves"] = [{**found["moves"][0], "event_id": f"earnings-{n:016}"} for n in range(events)]
    page = page_of(run)
    (symbol,) = page.data["symbols"]
    assert (len(symbol["events"]), len(symbol["trades"])) == (events, trades)
    assert len(page.rows["decisions"]) >= 50
    assert (run.path / "index.html").stat().st_size < 500_000


def test_costs_and_sources_are_told_whole(checkout):
    guarded = do(checkout, "owner")
    row = {**guarded.trades[0], "commission": "1.25", "borrow": "2.50"}
    assert run_page._trade(row, guarded)["costs"] == 3.75
    seen = {"source_url": "https://a.org/1", "source_url_2": "http://b.org"}
    guarded.decisions[0].update(seen)
    text = page_of(guarded).text
    for address, name in zip(seen.values(), ("a.org", "b.org"), strict=True):
        assert f'<a href="{address}" rel="noopener noreferrer">{name}</a>' in text


def test_an_event_that_renews_a_trade_is_one_that_traded(checkout):
    checkout.strategy("holds", "return Signal.long(event, hold=20)", "Earnings, News")
    run = do(checkout, "holds")
    assert [row["action"] for row in run.decisions] == ["enter", "renew", "renew"]
    (symbol,) = page_of(run).data["symbols"]
    assert [event[2] for event in symbol["events"]] == [1, 1, 1]


def test_what_is_there_once_is_told_in_the_singular(checkout):
    run = do(checkout)
    page = page_of(Run(run.path, {**run.manifest, "parameters": {"words": "long " * 30}}))
    assert "<summary>1 parameter</summary>" in page.text
