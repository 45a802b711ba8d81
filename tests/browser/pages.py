"""What the tests of pages share: where pages are, what they must not do, and questions to them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page


@dataclass(frozen=True)
class Reports:
    """The made-up reports."""

    root: Path

    def folder(self, start: str) -> Path:
        """The folder of a run, sweep or study, by how its name begins."""
        (found,) = self.root.glob(f"{start}-*")
        return found

    def page(self, name: str) -> Path:
        """A page by the name of its file, or by how the name of its folder begins."""
        return self.root / name if name.endswith(".html") else self.folder(name) / "index.html"


def rows(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def watch(page: Page, faults: list[str]) -> None:
    """Write down errors and warnings, dialogs, and requests to anywhere but the disk."""

    def dismiss(dialog: Dialog) -> None:
        faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("console", lambda line: faults.append(f"console: {line.type} {line.text}"))
    page.on(
        "request",
        lambda one: one.url.startswith(("file:", "data:")) or faults.append(f"request: {one.url}"),
    )


def figure(page: Page, chart: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The traces and the layout of a chart, as given to plotly."""
    data, layout = page.evaluate(
        "(id) => { const { data, layout } = document.getElementById(id);"
        " return JSON.parse(JSON.stringify([data, layout])); }",
        chart,
    )
    return data, layout


def hover(page: Page, chart: str, curve: int, point: int) -> str:
    """What the label over a point of a chart says, its lines joined by spaces."""
    label: str = page.evaluate(
        """([id, curveNumber, pointNumber]) => {
          Plotly.Fx.hover(id, [{ curveNumber, pointNumber }]);
          const texts = document.querySelectorAll(`#${id} .hoverlayer text`);
          return [...texts].map((text) => {
            const lines = text.querySelectorAll("tspan.line");
            return (lines.length ? [...lines] : [text]).map((line) => line.textContent).join(" ");
          }).join(" ");
        }""",
        [chart, curve, point],
    )
    return label


def beside(page: Page, chart: str) -> tuple[int, int]:
    """How many texts stand beside the markers of a chart, and how many were given to plotly."""
    shown = page.locator(f"#{chart} .textpoint").all_text_contents()
    traces = [one for one in figure(page, chart)[0] if one.get("mode") == "markers+text"]
    given = [text for trace in traces for text in trace["text"]]
    return sum(bool(one.strip()) for one in shown), sum(bool(one.strip()) for one in given)


def settle(page: Page) -> None:
    """Wait until what the page was told, such as a new width, has been drawn."""
    page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")


def at(page: Page, chart: str, curve: int, point: int) -> tuple[float, float]:
    """Where a point of a chart lies in the window, in pixels; the page is scrolled to it."""
    page.locator(f"#{chart}").scroll_into_view_if_needed()
    left, top = page.evaluate(
        """([id, curve, point]) => {
          const element = document.getElementById(id);
          const { x, y, xaxis, yaxis } = element.data[curve];
          const { left, top } = element.getBoundingClientRect();
          const pixel = (axis, value) => axis._offset + axis.d2p(value);
          return [
            left + pixel(element._fullLayout[xaxis.replace("x", "xaxis")], x[point]),
            top + pixel(element._fullLayout[yaxis.replace("y", "yaxis")], y[point]),
          ];
        }""",
        [chart, curve, point],
    )
    return left, top


def column(page: Page, table: str, heading: str) -> list[str]:
    """The cells below a heading, hidden rows left out, in the order shown: `data-v` or text."""
    cells: list[str] = page.evaluate(
        """([id, heading]) => {
          const table = document.getElementById(id);
          const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
          const place = heads.find((one) => one.textContent.trim() === heading).cellIndex;
          return [...table.tBodies[0].rows].filter((row) => !row.hidden)
            .map((row) => row.cells[place].dataset.v ?? row.cells[place].textContent.trim());
        }""",
        [table, heading],
    )
    return cells
