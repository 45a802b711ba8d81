// What the charts of all pages share: the figures of the page, texts, colours, and one look.
"use strict";
const charts = (() => {
  const byId = (id) => document.getElementById(id);
  const FAMILY = "system-ui, sans-serif";
  const PRINTED_WIDTH = 700; // of a portrait page, in pixels
  let printing = false;

  // Plotly reads tags, entities and formulas in texts.
  const plain = (text) => text.replace(/[&<>$]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const formats = {}; // by digits: to make one takes longer than to use it a hundred times
  function number(value, digits) {
    formats[digits] ??= new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return formats[digits].format(value);
  }
  // What rounds to zero has no sign.
  function signed(value, digits) {
    const text = number(value, digits);
    if (!/[1-9]/.test(text)) return number(0, digits);
    return (value > 0 ? "+" : "") + text;
  }

  const percent = (fraction, digits = 1) => `${signed(100 * fraction, digits)} %`;
  const percents = (fractions) => fractions.map((one) => (one === null ? null : 100 * one));
  const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

  function make(tag, more, ...children) {
    const element = Object.assign(document.createElement(tag), more);
    element.append(...children);
    return element;
  }

  // A text in lines that a narrow screen holds, for a label of plotly.
  function folded(text, most = 38) {
    const lines = [""];
    for (const word of text.split(" ")) {
      if (lines[lines.length - 1].length + word.length > most) lines.push("");
      lines[lines.length - 1] += (lines[lines.length - 1] && " ") + word;
    }
    return lines.map(plain).join("<br>");
  }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const isDark = () => !printing && matchMedia("(prefers-color-scheme: dark)").matches;

  const isPrinting = () => printing;
  const widthOf = (element) => (printing ? PRINTED_WIDTH : element.clientWidth);

  // An axis as wide as its labels.
  const axis = (title, more) => ({ title: { text: plain(title), standoff: 8 }, fixedrange: true, automargin: "width", ...more });

  // An axis so wide, of as many dates as have room side by side; below it two lines.
  const dates = (width) => ({ fixedrange: true, anchor: "y2", tickangle: 0, nticks: Math.max(2, Math.floor(width / 70)) });

  // Sorted positions moved apart by a gap, in their order and none beyond the most.
  function apart(positions, gap, most = Infinity) {
    const moved = [];
    positions.forEach((one, n) => moved.push(n ? Math.max(one, moved[n - 1] + gap) : one));
    for (let n = moved.length - 1, edge = most; n >= 0; n -= 1) {
      moved[n] = Math.min(moved[n], edge);
      edge = moved[n] - gap;
    }
    return moved;
  }

  // Draws or redraws a chart in the look of all pages; `layout` goes before it.
  function draw(element, traces, layout, config = {}) {
    const looks = { gridcolor: colour("--line"), zerolinecolor: colour("--soft"), linecolor: colour("--soft") };
    const axes = Object.fromEntries(
      Object.entries(layout).filter(([name]) => /^[xy]axis/.test(name))
        .map(([name, own]) => [name, { ...looks, ...own }]),
    );
    // Plotly removes an empty text beside a marker, and others with it when it redraws.
    const filled = (trace) => (trace.mode === "markers+text" ? { ...trace, text: trace.text.map((one) => one || " ") } : trace);
    return Plotly.react(element, traces.map(filled), {
      width: widthOf(element),
      margin: { l: 50, r: 8, t: 8, b: 50 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: FAMILY, size: 13, color: colour("--ink") },
      hoverlabel: { bgcolor: colour("--paper"), bordercolor: colour("--soft"), align: "left", font: { family: FAMILY, color: colour("--ink") } },
      dragmode: false, showlegend: false,
      ...layout, ...axes,
    }, { displayModeBar: false, ...config });
  }

  // Calls `drawAll` now and whenever the width, the colours or the medium change.
  function keepDrawn(drawAll) {
    const print = (on) => () => {
      printing = on;
      document.documentElement.classList.toggle("light", on);
      drawAll();
    };
    addEventListener("beforeprint", print(true));
    addEventListener("afterprint", print(false));
    let width = innerWidth;
    addEventListener("resize", () => { // phones report a resize whenever their address bar hides
      if (innerWidth !== width) drawAll();
      width = innerWidth;
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    document.querySelectorAll(".drawn").forEach((part) => { part.hidden = false; });
    drawAll();
  }

  const canDraw = Boolean(window.Plotly);
  if (!canDraw) byId("no-charts").hidden = false;
  return { byId, plain, number, signed, percent, percents, cut, folded, make, axis, dates, apart, colour, isDark, isPrinting, widthOf, draw, keepDrawn, canDraw, data: JSON.parse(byId("data").textContent) };
})();
