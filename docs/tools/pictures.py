"""Photograph the pages for the documents, in light and dark: `python -m docs.tools.pictures`.

This needs Chromium. Look at the pictures before you commit them.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

import backtest
from backtest.errors import MissingDataError
from backtest.experiments.runs.finding import latest_runs
from backtest.experiments.runs.store import read_run
from backtest.experiments.studies.many import prepare_many_study, run_many_study
from backtest.experiments.studies.subject import StudyRequest
from backtest.reports.compare_page import write_comparison
from backtest.reports.picture import write_picture
from backtest.reports.study_page import write_many_study_page
from backtest.workspace.folders import find_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SCALE = 2  # twice the dots: sharp on a dense screen
SIZES = {
    "run-page": (1280, 900), "compare": (1280, 1060), "sweep": (1100, 1040),
    "tearsheet": (1100, 955), "many-stocks": (1100, 775),
}  # fmt: skip


def main() -> None:
    """Run everything again, and photograph the top of each page."""
    with tempfile.TemporaryDirectory() as folder:
        pages = drawn(Path(folder))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
            for name, page in pages.items():
                for scheme in ("light", "dark"):
                    photograph(browser, name, page, scheme)
            browser.close()


def drawn(reports: Path) -> dict[str, Path]:
    """Return the pages by the name of their picture; write the picture of a run at once."""
    folders = {"strategies": ROOT / "strategies", "data": ROOT / "data", "reports": reports}
    names = sorted(path.stem for path in folders["strategies"].glob("[!_]*.py"))
    runs = {}
    for name in names:
        with suppress(MissingDataError):  # one for a universe, which `backtest run` leaves out
            runs[name] = backtest.run(name, **folders)
    stake = runs["nvidia_stake"]
    write_picture(read_run(stake.path), IMAGES / "picture.png")
    grid = {"hold": "1:40", "stop": "0.02:0.30:0.01", "threshold": [0, 0.05, 0.1]}
    return {
        "run-page": stake.page(tearsheet=True),
        "tearsheet": stake.path / "tearsheet.html",
        "compare": write_comparison(reports, latest_runs(reports, print)),
        "sweep": backtest.sweep("earnings_surprise", grid, **folders).page(),
        "many-stocks": many_stocks(reports),
    }


def many_stocks(reports: Path) -> Path:
    """Return the page of a study of the universe that ships."""
    workspace = find_workspace([ROOT / "strategies"], ROOT / "data", reports)
    request = StudyRequest("earnings", universe="us_large", by="surprise")
    made = run_many_study(prepare_many_study(workspace, request))
    return write_many_study_page(made.path, made.record, reports)


def photograph(browser: Browser, name: str, page: Path, scheme: str) -> None:
    """Write the top of a page in 256 colours, which are all that it has apart from smoothing."""
    width, height = SIZES[name]
    size = {"width": width, "height": height}
    tab = browser.new_page(viewport=size, device_scale_factor=SCALE, color_scheme=scheme)
    tab.goto(page.as_uri())
    tab.wait_for_timeout(1500)
    picture = Image.open(BytesIO(tab.screenshot())).convert("RGB").quantize(256, dither=0)
    ending = "" if scheme == "light" else "-dark"
    picture.save(IMAGES / f"{name}{ending}.png", optimize=True)
    tab.close()


if __name__ == "__main__":
    main()
