"""Questions to the document of a page; each gives what is wrong, and nothing where all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

# What a screen reader is told: of an element, and of what names it.
UNLABELLED = """() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (element) => element.outerHTML.slice(0, 120);
  const fault = (what, element) => faults.push(element ? `${what}: ${shown(element)}` : what);
  const byIds = (ids) => (ids ?? "").split(/\\s+/).filter(Boolean)
    .map((id) => document.getElementById(id)?.textContent.trim() ?? "").join(" ").trim();
  const nameOf = (element) =>
    element.getAttribute("aria-label") || byIds(element.getAttribute("aria-labelledby")) ||
    [...(element.labels ?? [])].map((label) => label.textContent.trim()).join(" ") ||
    (element.matches("a, button, summary") ? element.textContent.trim() : "");

  if (!document.documentElement.lang) fault("no language");
  if (!document.title.trim()) fault("no title");
  if (all("h1").length !== 1) fault(`${all("h1").length} h1`);
  if (all("main").length !== 1) fault(`${all("main").length} main`);
  if (!all("h1")[0]?.textContent.trim()) fault("h1 is empty");
  all("h1, h2, h3, h4").reduce((before, heading) => {
    const level = Number(heading.tagName[1]);
    if (level > before + 1) fault(`heading skips from ${before}`, heading);
    return level;
  }, 0);

  const ids = all("[id]").filter((one) => !one.closest("svg")).map((one) => one.id);
  ids.filter((id, place) => ids.indexOf(id) !== place)
    .forEach((id) => fault(`two elements are #${id}`));
  for (const attribute of ["aria-labelledby", "aria-describedby", "for", "aria-controls"]) {
    for (const element of all(`[${attribute}]`)) {
      if (!element.getAttribute(attribute).split(/\\s+/).every((id) => document.getElementById(id)))
        fault(`${attribute} names nothing`, element);
    }
  }

  const named = "[role=img], [role=region], [role=group], nav, section, " +
    "input, select, textarea, button, a, summary";
  all(named).filter((element) => !element.closest("svg") && !nameOf(element))
    .forEach((element) => fault("no name", element));
  all(".chart").filter((chart) => !["img", "figure", "group"].includes(chart.getAttribute("role")))
    .forEach((chart) => fault("a chart without a role", chart));
  all("img:not([alt])").forEach((image) => fault("no alternative text", image));
  all("fieldset").filter((one) => !one.querySelector("legend")?.textContent.trim())
    .forEach((one) => fault("no legend", one));
  all("th").filter((cell) => !cell.scope && cell.textContent.trim())
    .forEach((cell) => fault("th without scope", cell));
  all("table").filter((one) => one.rows.length && !one.querySelector("th"))
    .forEach((one) => fault("a table without headings", one));
  all(".scroll").filter((one) => one.scrollWidth > one.clientWidth && one.tabIndex !== 0)
    .forEach((one) => fault("scrolls, and no key reaches it", one));
  all("[tabindex]").filter((one) => one.tabIndex > 0)
    .forEach((one) => fault("out of turn among keys", one));
  return faults;
}"""

# Every text against the first background behind it: WCAG 2 asks for a contrast of 4.5 to 1.
PALE = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const parts = (colour) => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      known.set(colour, [...canvas.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(colour);
  };
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const contrast = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const found = parts(getComputedStyle(one).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const unseen = "script, style, noscript, select, .skip, .hidden-label";
  const found = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent.trim().slice(0, 60);
    if (!text || element.closest(unseen) || !element.getClientRects().length) continue;
    const svg = element.closest("svg");
    const style = getComputedStyle(element);
    const ink = parts(svg ? style.fill : style.color);
    const ratio = contrast(ink, behind(svg ? svg.parentElement : element));
    if (ratio < 4.5) found.set(`${ink} ${element.className}`, `${ratio.toFixed(2)}: ${text}`);
  }
  return [...found.values()];
}"""

# What reaches beyond the right edge, or the width of the document where nothing is to blame.
TOO_WIDE = """() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  const beyond = [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > clientWidth + 1)
    .filter((one) => !one.closest(".scroll *, svg *")).map((one) => one.outerHTML.slice(0, 100));
  return [`${scrollWidth} of ${clientWidth}`, ...beyond].slice(0, 6);
}"""

# Texts that are shown now, but for those that are of use on a screen alone.
TEXTS = """() => [...document.querySelectorAll("h1, h2, h3, p, dt, dd, th, td, li")]
  .filter((one) => one.getClientRects().length && !one.closest(
    "details, .controls, .chart, [aria-live], [aria-hidden=true]"))
  .map((one) => one.textContent.trim()).filter(Boolean)"""


def unlabelled(page: Page) -> list[str]:
    """Elements that a screen reader could not tell of."""
    return _ask(page, UNLABELLED)


def pale(page: Page) -> list[str]:
    """Texts that are too pale to be read, with their contrast."""
    return _ask(page, PALE)


def too_wide(page: Page) -> list[str]:
    """What makes the document wider than the window."""
    return _ask(page, TOO_WIDE)


def texts(page: Page) -> list[str]:
    """The texts that are shown."""
    return _ask(page, TEXTS)


def _ask(page: Page, question: str) -> list[str]:
    found: list[str] = page.evaluate(question)
    return found
