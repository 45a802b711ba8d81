"""A run as Markdown: what stands in it, and that no text from outside is read as a sign."""

import re
from html import unescape

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from backtest.experiments.runs.store import Run
from backtest.reports.pages import in_markdown
from backtest.reports.run_words import run_markdown, years
from tests.made_up import do


def cells(text: str) -> list[list[str]]:
    """The rows of all tables, split at the bars that are not escaped."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])] for line in lines]


def test_it_tells_figures_trades_other_events_and_what_decided(checkout):
    run = do(checkout)
    text = run_markdown(run)
    assert text.startswith("## beats · ACME\n\n**1 trade on 1 occasion. ")
    assert "2025-06-02 to 2025-07-15 · start 100,000 dollars · costs: retail" in text
    assert "hold 3 · weight 0.5" in text
    rows = cells(text)
    assert ["", "beats", "ACME held", "INDX"] in rows
    assert ["Trades", "1", "–", "–"] in rows
    assert ["Total return", "+1.4 %", "+30.0 %", "+2.0 %"] in rows
    (trade,) = [row for row in rows if row[:2] == ["ACME", "long"]]
    assert trade[2:9] == [
        "2025-06-05", "103.05", "2025-06-10", "105.95", "time", "+1,399", "+2.8 %",
    ]  # fmt: skip
    assert trade[9] == "[A made-up beat](<https://example.org/1>) (a beat)"
    assert ["2025-06-27", "no signal", "not a beat", "A made-up miss"] in rows
    assert ["Run", run.run_id] in rows
    assert ["prices/ACME, sha256", run.manifest["inputs"]["prices/ACME"]] in rows


def test_a_run_of_several_years_tells_their_returns(checkout):
    run = do(checkout)
    days = ["2024-12-30", "2024-12-31", "2025-01-02"]
    returns = {
        "return": [0.1, -0.5, 0.2],
        "holding_return": [0.0, 0.3, -0.1],
        "benchmark_return": [0.01, 0.0, 0.05],
    }
    vars(run)["equity"] = pd.DataFrame(returns, index=pd.to_datetime(days))
    assert "Year" not in str(cells(run_markdown(do(checkout))))
    rows = cells(run_markdown(run))
    assert ["Year", "beats", "ACME held", "INDX"] in rows
    assert ["2024", "-45.0 %", "+30.0 %", "+1.0 %"] in rows  # 1.1 × 0.5 is 0.55
    assert ["2025", "+20.0 %", "-10.0 %", "+5.0 %"] in rows
    after = Run(run.path, {**run.manifest, "ruined_on": "2024-12-31"})
    vars(after)["equity"] = run.equity
    assert [year for year, *_ in years(after)] == ["2024"]


def test_every_row_of_a_table_has_as_many_cells_as_its_heading(checkout):
    checkout.edit("data/events/earnings.csv", "A made-up beat", "a | b || c")
    text = run_markdown(do(checkout))
    for part in text.split("\n\n"):
        if part.startswith("|"):
            assert len({len(row) for row in cells(part)}) == 1
    assert r"a \| b \|\| c" in text


def test_assumptions_and_ruin_are_told(checkout):
    checkout.strategy("shorter", "return Signal.short(event, weight=0.5, hold=2)")
    run = do(checkout, "shorter")
    text = run_markdown(run)
    assert "### Assumptions\n\n- Prices: " in text
    assert "\n- The borrow rate of ACME" in text
    ruined = Run(run.path, {**run.manifest, "ruined_on": "2025-06-30"})
    assert "Ruined on 2025-06-30" in run_markdown(ruined)
    assert "Ruined" not in text


def test_a_run_without_trades_or_without_evidence_is_told(checkout):
    checkout.strategy("silent", "return 'no'")
    run = do(checkout, "silent")
    assert "### Trades\n\nNo trade: no signal (no), 2 of 2 events.\n" in run_markdown(run)
    bare = {name: value for name, value in run.manifest.items() if name != "evidence"}
    assert run_markdown(Run(run.path, bare)).startswith("## silent · ACME\n\n2025-06-02")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("a *b* _c_ `d` ~e~", r"a \*b\* \_c\_ \`d\` \~e\~"),
        ("[here](javascript:alert)", r"\[here\](javascript:alert)"),
        ("two\nlines\r\n| three", r"two lines \| three"),
        ("5 $ and 6 $ &amp; \\", r"5 \$ and 6 \$ \&amp; \\"),
        ("ask @somebody about #12", "ask @\u200bsomebody about #\u200b12"),
        ("# 3 @ 5", "# 3 @ 5"),
    ],
)
def test_no_sign_of_markdown_is_read_in_a_text(text, shown):
    assert in_markdown(text) == shown


HOSTILE = """<img src=x onerror=alert(1)> a|b `c` *d* **e** _f_ ~~g~~ [h](http://e.org) ![i](j)
\\| &lt; $k$ <!-- l --> https://e.org/m_n_o # - + 1. > ```"""


def test_a_reader_of_markdown_shows_a_hostile_headline_as_it_is(checkout):
    quoted = HOSTILE.replace('"', '""')
    checkout.edit("data/events/earnings.csv", "A made-up beat", f'"{quoted}"')
    html = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .render(run_markdown(do(checkout)))
    )
    (cell,) = re.findall(r'<td><a href="https://example.org/1">(.*?)</a> \(a beat\)</td>', html)
    assert "<" not in cell
    assert unescape(cell) == " ".join(HOSTILE.split())


def test_a_source_is_a_link_that_ends_where_it_ends(checkout):
    checkout.edit("data/events/earnings.csv", "https://example.org/1", "https://e.org/a(b)>|c d")
    assert "(<https://e.org/a%28b%29%3E%7Cc%20d>)" in run_markdown(do(checkout))


def test_an_address_that_is_not_of_the_web_is_no_link(checkout):
    run = do(checkout)
    run.decisions[0]["source_url"] = "javascript:alert(1)"
    text = run_markdown(run)
    assert "javascript" not in text
    assert "A made-up beat (a beat)" in text
