// Draws the charts of a sweep from the figures in #data, which are grouped and rounded already.
"use strict";
(() => {
  if (!charts.canDraw) return;
  const { byId, colour, cut, data, draw, isDark, number, plain, signed, widthOf } = charts;
  const state = { pair: 0, metric: 0, others: "all" };

  // ---- texts ----------------------------------------------------------------------------------

  function shown(metric, value) {
    if (value === null) return "none";
    if (metric.percent) return signed(value, metric.digits) + " %";
    return number(value, Number.isInteger(value) && metric.key === "trades" ? 0 : metric.digits);
  }
  const sets = (count) => number(count, 0) + (count === 1 ? " set" : " sets");

  // ---- looks ----------------------------------------------------------------------------------

  // Colours that colour-blind people can tell apart: orange to blue with zero in the colour of the
  // page where zero separates good from bad; else cividis and viridis.
  function coloursOf(metric) {
    if (metric.signed && isDark()) return ["#ffb070", "#a8541a", "#232a35", "#2a78ad", "#8fd0ff"];
    if (metric.signed) return ["#7f2f00", "#e08a4a", "#f4f4f2", "#5aa5d6", "#00406b"];
    if (metric.key === "trades") return ["#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"];
    return ["#00204d", "#414d6b", "#7c7b78", "#bcae6c", "#ffea46"];
  }

  // The ends of the scale, symmetric around zero where its colour in the middle stands for zero.
  function endsOf(metric, values) {
    const known = values.filter((value) => value !== null);
    const least = 10 ** -metric.digits; // where all are equal
    if (metric.signed) {
      const most = known.reduce((largest, value) => Math.max(largest, Math.abs(value)), least);
      return [-most, most];
    }
    const lowest = known.reduce((a, b) => Math.min(a, b), known.length ? known[0] : 0);
    return [lowest, known.reduce((a, b) => Math.max(a, b), lowest + least)];
  }

  function drawScale(metric, colours, [lowest, highest]) {
    const [bar, labels] = byId("scale").children;
    bar.style.background = `linear-gradient(to right, ${colours.join(", ")})`;
    labels.replaceChildren(...[lowest, (lowest + highest) / 2, highest].map((value) => {
      const label = document.createElement("span");
      label.textContent = metric.key === "trades" ? number(value, 1) : shown(metric, value);
      return label;
    }));
  }

  const axis = (title, more) => charts.axis(title, { zeroline: false, ...more });

  // An axis with as many labels as there is room for, evenly spaced.
  function labelled(of, element, height) {
    const width = widthOf(element);
    const most = width < 600 ? 12 : 24;
    const texts = of.labels.map((text) => cut(text, most));
    const longest = 8 * Math.max(...texts.map((text) => text.length));
    const room = Math.max(2, Math.floor(height ? height / 30 : (width - 60) / (longest + 14)));
    const every = Math.ceil(texts.length / room);
    const at = texts.map((_, place) => place).filter((place) => place % every === 0);
    return {
      tickmode: "array", tickvals: at, ticktext: at.map((place) => plain(texts[place])), tickangle: 0,
      showgrid: false,
    };
  }

  // ---- the surface ----------------------------------------------------------------------------

  function view() {
    if (data.line) return { values: data.line, x: data.axes[Object.keys(data.axes)[0]] };
    const pair = data.pairs[state.pair];
    return {
      values: pair[state.others], x: data.axes[pair.x], y: data.axes[pair.y], names: pair.others,
      others: state.others,
    };
  }

  function behind(v, i, j) {
    const cell = v.x.sizes[i] * (v.y ? v.y.sizes[j] : 1);
    if (v.others === "fixed") return cell;
    const total = (sizes) => sizes.reduce((sum, size) => sum + size, 0);
    return (cell * data.sets) / (total(v.x.sizes) * (v.y ? total(v.y.sizes) : 1));
  }

  function hint(v, metric, value, i, j) {
    const count = behind(v, i, j);
    const place = [v.x, v.y].map((of, n) => of && `${of.name} ${of.labels[n ? j : i]}`).filter(Boolean);
    const what = (count > 1 ? "median " : "") + metric.label.toLowerCase();
    return plain(place.join(", ")) + `<br><b>${what} ${shown(metric, value)}</b><br>${sets(count)}`;
  }

  // A name of an axis as far as there is room; the caption has it whole.
  const fitting = (name, room) => cut(name, Math.floor(room / 8));

  function drawMap(v, metric, rows) {
    const element = byId("map");
    const ends = endsOf(metric, rows.flat());
    const colours = coloursOf(metric);
    drawScale(metric, colours, ends);
    const framed = v.x.default !== null && v.y.default !== null;
    const box = framed && {
      type: "rect", x0: v.x.default - 0.5, x1: v.x.default + 0.5, y0: v.y.default - 0.5, y1: v.y.default + 0.5,
    };
    const height = Math.min(560, Math.max(260, 26 * v.y.labels.length + 90));
    const gap = Math.min(widthOf(element) / v.x.labels.length, height / v.y.labels.length) > 16 ? 1 : 0;
    draw(element, [{
      type: "heatmap", z: rows, zmin: ends[0], zmax: ends[1], showscale: false,
      colorscale: colours.map((one, place) => [place / 4, one]),
      text: rows.map((row, j) => row.map((value, i) => hint(v, metric, value, i, j))),
      hovertemplate: "%{text}<extra></extra>", hoverongaps: true,
      xgap: gap, ygap: gap,
    }], {
      height,
      xaxis: axis(fitting(v.x.name, widthOf(element) - 100), labelled(v.x, element)),
      yaxis: axis(fitting(v.y.name, height - 90), labelled(v.y, element, height)),
      shapes: framed
        ? [{ ...box, line: { color: "#fff", width: 5 } }, { ...box, line: { color: "#000", width: 2.5 } }]
        : [],
    });
    return framed;
  }

  function drawLine(v, metric, values) {
    const element = byId("map");
    const across = v.x.numbers || v.x.labels.map((_, place) => place);
    const marked = v.x.default !== null;
    const own = data.default[metric.key];
    const hints = values.map((value, i) => hint(v, metric, value, i));
    const traces = [{
      type: "scatter", mode: v.x.numbers ? "lines+markers" : "markers",
      x: across, y: values, text: hints, hovertemplate: "%{text}<extra></extra>",
      line: { color: colour("--accent") }, marker: { color: colour("--accent"), size: v.x.numbers ? 6 : 10 },
    }];
    const level = (value, dash) => traces.push({
      type: "scatter", mode: "lines", x: [across[0], across[across.length - 1]], y: [value, value],
      line: { color: colour("--soft"), dash }, hoverinfo: "skip",
    });
    if (own !== null) level(own, "dot");
    if (metric.key === "total_return" && data.holding !== null) level(data.holding, "dash");
    if (marked) {
      const at = v.x.default;
      traces.push({
        type: "scatter", mode: "markers", x: [across[at]], y: [values[at]], text: [hints[at]],
        hovertemplate: "%{text}<br>the default<extra></extra>",
        marker: { symbol: "square-open", size: 18, color: colour("--ink"), line: { width: 2.5 } },
      });
    }
    draw(element, traces, {
      height: 360,
      xaxis: axis(v.x.name, v.x.numbers ? { ticksuffix: v.x.name === "reaction" ? " min" : "" } : labelled(v.x, element)),
      yaxis: axis(metric.label, { ticksuffix: metric.percent ? " %" : "", zeroline: metric.signed }),
    });
    return marked;
  }

  function drawSurface() {
    if (!byId("map")) return;
    const v = view();
    const metric = data.metrics[state.metric];
    const values = v.values[metric.key];
    const framed = v.y ? drawMap(v, metric, values) : drawLine(v, metric, values);
    byId("caption").textContent = caption(v, metric, values.flat(), framed);
    if (byId("as-table").open) fillTable(v, metric, v.y ? values : [values]);
  }

  function caption(v, metric, values, framed) {
    const known = values.filter((value) => value !== null);
    const where = v.y ? `${metric.label} by ${v.x.name} (across) and ${v.y.name} (up)` : `${metric.label} by ${v.x.name}`;
    const lowest = known.reduce((a, b) => Math.min(a, b), Infinity);
    const highest = known.reduce((a, b) => Math.max(a, b), -Infinity);
    const range = known.length
      ? `from ${shown(metric, lowest)} to ${shown(metric, highest)}, ${sets(data.sets)} tried`
      : "known of no set";
    let text = `${where}: ${range}.`;
    const names = (v.names || []).join(", ");
    if (names && v.others === "all") text += ` A cell is the median over every value of ${names}.`;
    if (names && v.others === "fixed") text += ` ${names} as in the default.`;
    if (framed) text += " The frame marks the default.";
    if (metric.key === "total_return" && data.holding !== null) text += ` ${data.held} returned ${shown(metric, data.holding)}${v.y ? "" : " (dashed)"}.`;
    if (!v.y && data.default[metric.key] !== null) text += " The dotted line is at the default's figure.";
    text += " Choose a cell for the command that runs it.";
    return text;
  }

  function fillTable(v, metric, rows) {
    const table = document.querySelector("#as-table table");
    const cell = (tag, text, scope) => {
      const made = document.createElement(tag);
      made.textContent = text;
      if (scope) made.scope = scope;
      return made;
    };
    table.replaceChildren(cell("caption", metric.label));
    const head = table.createTHead().insertRow();
    head.append(cell("th", v.y ? `${v.y.name} \\ ${v.x.name}` : v.x.name));
    head.append(...v.x.labels.map((label) => cell("th", label, "col")));
    const body = table.createTBody();
    rows.forEach((row, j) => {
      const line = body.insertRow(0); // upwards, as in the chart
      line.append(cell("th", v.y ? v.y.labels[j] : metric.label, "row"));
      row.forEach((value, i) => {
        const made = cell("td", "");
        const button = Object.assign(document.createElement("button"), { type: "button", title: "Show the command that runs it", onclick: () => choose(i, j) });
        button.textContent = shown(metric, value);
        made.append(button);
        if (v.x.default === i && (!v.y || v.y.default === j)) made.className = "framed";
        line.append(made);
      });
    });
  }

  // ---- the command of a cell ------------------------------------------------------------------

  // Of a group of values the one in its middle runs; what the chart does not vary is the default.
  function choose(i, j = 0) {
    const v = view();
    const settings = { ...data.base, [v.x.name]: v.x.values[i], ...(v.y && { [v.y.name]: v.y.values[j] }) };
    const sets = Object.entries(settings).flatMap(([name, value]) => name === "reaction" ? ["--reaction", value] : ["--set", `${name}=${value}`]);
    showCommand(byId("command"), [...data.command, ...sets].map(quoted).join(" "));
  }

  function listen() {
    byId("map")?.on("plotly_click", ({ points: [{ x, y, curveNumber, pointNumber }] }) => {
      if (!data.line) choose(x, y);
      else choose(curveNumber ? view().x.default : pointNumber); // the mark of the default lies above
    });
  }

  // ---- the distributions ----------------------------------------------------------------------

  function drawHistogram(histogram) {
    const metric = data.metrics.find((one) => one.key === histogram.metric);
    const { edges, counts } = histogram;
    const middle = counts.map((_, n) => (edges[n] + edges[n + 1]) / 2);
    const pad = counts.length < 6 ? 3 * (edges[1] - edges[0]) : 0; // a lone bar would fill the chart
    const ends = [edges[0] - pad, edges[edges.length - 1] + pad];
    const form = (value) => shown({ ...metric, digits: metric.percent ? 1 : 2 }, value);
    const own = data.default[histogram.metric];
    // A label lies away from the other line, but never beyond the chart.
    const side = (value, other) => {
      const place = (value - ends[0]) / (ends[1] - ends[0]);
      if (place < 0.3 || place > 0.7) return place < 0.3 ? "left" : "right";
      return value < other ? "right" : "left";
    };
    const holding = histogram.metric === "total_return" ? data.holding : null;
    const beyond = holding !== null && (holding < ends[0] || holding > ends[1]);
    const mark = (value, other, name, dash, level) => value !== null && {
      line: {
        type: "line", x0: value, x1: value, yref: "paper", y0: 0, y1: 1 + level,
        line: { color: colour("--ink"), width: 2, dash },
      },
      label: {
        x: value, y: 1 + level, yref: "paper", yanchor: "bottom", showarrow: false, bgcolor: colour("--paper"), borderpad: 0,
        xanchor: side(value, other), text: `${name} ${form(value)}`,
      },
    };
    const marks = [
      mark(own, histogram.median, "default", "solid", 0.09), mark(histogram.median, own, "median", "dot", 0),
      !beyond && mark(holding, own, "holding", "dash", 0.18),
    ].filter(Boolean);
    const aside = { xref: "paper", y: 1.18, yref: "paper", yanchor: "bottom", showarrow: false };
    const away = beyond && (holding > ends[1]
      ? { ...aside, x: 1, xanchor: "right", text: `holding ${form(holding)} →` }
      : { ...aside, x: 0, xanchor: "left", text: `← holding ${form(holding)}` });
    draw(byId(histogram.metric), [{
      type: "bar", x: middle, y: counts, width: counts.map((_, n) => edges[n + 1] - edges[n]),
      marker: {
        color: middle.map((value) => colour(value < 0 ? "--loss" : "--gain")),
        line: { color: colour("--paper"), width: 1 },
      },
      text: counts.map((count, n) => `${form(edges[n])} to ${form(edges[n + 1])}<br><b>${sets(count)}</b>`),
      textposition: "none", hovertemplate: "%{text}<extra></extra>",
    }], {
      height: 300, margin: { l: 50, r: 8, t: 72, b: 50 }, bargap: 0,
      xaxis: axis(metric.label, { ticksuffix: metric.percent ? " %" : "", range: ends }),
      yaxis: axis("Sets", { rangemode: "tozero", dtick: Math.max(...counts) < 6 ? 1 : undefined }),
      shapes: marks.map((one) => one.line), annotations: [...marks.map((one) => one.label), away].filter(Boolean),
    });
  }

  // ---- the controls ---------------------------------------------------------------------------

  function setUp() {
    data.pairs.forEach((pair, place) => {
      byId("pair").add(new Option(`${data.axes[pair.x].name} × ${data.axes[pair.y].name}`, place));
    });
    if (byId("metrics")) {
      data.metrics.forEach((metric, place) => {
        const label = document.createElement("label");
        const input = Object.assign(document.createElement("input"), {
          type: "radio", name: "metric", value: place, checked: place === 0,
        });
        label.append(input, metric.label);
        byId("metrics").append(label);
      });
      byId("controls").addEventListener("change", turn);
      byId("as-table").addEventListener("toggle", drawSurface);
    }
  }

  function turn(event) {
    const { id, name, value } = event.target;
    if (id === "pair") state.pair = Number(value);
    if (name === "metric") state.metric = Number(value);
    if (name === "others") state.others = value;
    if (id === "pair") offerOthers();
    drawSurface();
  }

  function offerOthers() {
    const [all, fixed] = document.querySelectorAll("input[name=others]");
    if (!fixed) return;
    fixed.disabled = data.pairs[state.pair].fixed === null;
    if (fixed.disabled) {
      all.checked = true;
      state.others = "all";
    }
  }

  function drawAll() {
    drawSurface();
    data.histograms.filter(Boolean).forEach(drawHistogram);
  }

  setUp();
  offerOthers();
  charts.keepDrawn(drawAll);
  listen();
})();
