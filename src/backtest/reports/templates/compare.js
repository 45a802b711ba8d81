// Draws the equity of the chosen runs and benchmarks, and their drawdowns, in the chosen scale.
(() => {
  if (!charts.canDraw) return;
  const { byId, data, plain, number, signed, colour, cut } = charts;
  const HEIGHT = 442;
  const TOP = 22; // pixels above the upper panel
  const BOTTOM = 38;
  const SPLIT = [0.3, 0.37]; // the top of the lower panel and the foot of the upper one
  const ROOMY = 560; // pixels of width that leave room for names at the ends of lines
  const LINE = 14; // pixels that a name takes in height
  const LETTERS = 28; // of a name at the end of its line
  const form = byId("choice");
  const rows = [...document.querySelectorAll("#overview tbody tr")].sort((a, b) => a.dataset.series - b.dataset.series);
  const boxes = rows.map((row) => row.querySelector("input"));

  const SCALES = {
    money: {
      title: "Equity in dollars", value: (equity) => equity, axis: { tickformat: ",.0f", ticksuffix: " $" },
      text: (value) => `${number(value, 0)} $`,
    },
    percent: {
      title: "Return since the start, each from its own cash", value: (equity, cash) => 100 * (equity / cash - 1), axis: { ticksuffix: " %" },
      text: (value) => `${signed(value, 1)} %`,
    },
    log: {
      title: "Multiple of the cash at the start, equal steps for equal growth", axis: { type: "log" },
      value: (equity, cash) => (equity > 0 ? equity / cash : null), text: (value) => `${number(value, 2)}×`,
    },
  };

  // A curve begins with the cash at the first open; a session without a close has no point.
  const curves = data.series.map((series) => {
    const points = [[data.days[series.first], series.cash]];
    series.equity.forEach((equity, place) => {
      if (equity !== null) points.push([data.days[series.first + place], equity]);
    });
    let peak = -Infinity;
    return {
      days: points.map(([day]) => day),
      equity: points.map(([, equity]) => equity),
      falls: points.map(([, equity]) => {
        peak = Math.max(peak, equity);
        return 100 * (equity / peak - 1);
      }),
    };
  });

  function traces(places, scale) {
    return places.flatMap((place) => {
      const { name, cash, isRun, dash, colour: variable } = data.series[place];
      const { days, equity, falls } = curves[place];
      const values = equity.map((value) => scale.value(value, cash));
      const line = { color: colour(variable), dash, width: isRun ? 2 : 1.3 };
      const shared = { type: "scatter", mode: "lines", meta: place, x: days, line, hovertemplate: "%{text}<extra></extra>" };
      const hint = (text, n) => `<b>${plain(name)}</b><br>${days[n]}: ${text}`;
      return [
        { ...shared, y: values, text: values.map((value, n) => (value === null ? "" : hint(scale.text(value), n))) },
        { ...shared, y: falls, yaxis: "y2", text: falls.map((value, n) => hint(`${number(value, 1)} % below its high`, n)) },
      ];
    });
  }

  // The least and greatest value with a little air, as the axis counts them.
  function rangeOf(drawn, onAxis) {
    const values = drawn.flatMap(({ y }) => y).filter((value) => value !== null).map(onAxis);
    if (!values.length) return [0, 1];
    const [least, most] = values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    const air = 0.04 * (most - least) || Math.abs(most) / 10 || 1;
    return [least - air, most + air];
  }

  // Round multiples within a range of powers of ten, more of them where it is narrow.
  function multiples([low, high]) {
    const step = high - low > 0.12 ? 0.1 : 0.02;
    const narrow = Array.from({ length: Math.round(9 / step) }, (_, n) => 1 + n * step);
    const wide = high - low > 1.2 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
    const values = [];
    for (let power = Math.floor(low); power <= high; power += 1) {
      values.push(...(high - low > 0.35 ? wide : narrow).map((value) => Number((value * 10 ** power).toPrecision(3))));
    }
    const within = values.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
    return { tickvals: within, ticktext: within.map((value) => `${value}×`) };
  }

  const shortened = (name) => cut(name, LETTERS);

  // Names at the ends of lines, moved apart; none where they would not fit.
  function names(places, drawn, range, onAxis) {
    const height = (1 - SPLIT[1]) * (HEIGHT - TOP - BOTTOM);
    const ends = drawn.map(({ y }, n) => ({ place: places[n], value: onAxis(y.findLast((value) => value !== null)) }))
      .map((end) => ({ ...end, from: (height * (range[1] - end.value)) / (range[1] - range[0]) }))
      .sort((a, b) => a.from - b.from);
    if (ends.length * LINE > height) return [];
    const heights = charts.apart(ends.map(({ from }) => from), LINE, height);
    return ends.map(({ place, value, from }, n) => {
      const { name, colour: variable } = data.series[place];
      return {
        x: 1, xref: "paper", xanchor: "left", xshift: 4, y: value, yref: "y", yanchor: "middle", yshift: from - heights[n], showarrow: false,
        text: plain(shortened(name)), font: { color: colour(variable), size: 11 },
      };
    });
  }

  const heading = (text, y) => ({
    text, x: 0, xref: "paper", xanchor: "left", y, yref: "paper", yanchor: "bottom", yshift: 2, showarrow: false, font: { color: colour("--soft"), size: 12 },
  });

  function draw() {
    const element = byId("curves");
    const scale = SCALES[form.elements.scale.value];
    const places = data.series.map((_, place) => place).filter((place) => boxes[place].checked);
    const drawn = traces(places, scale);
    const upper = drawn.filter(({ yaxis }) => !yaxis);
    const isLog = scale.axis.type === "log";
    const onAxis = isLog ? Math.log10 : (value) => value;
    const range = rangeOf(upper, onAxis);
    const labels = element.clientWidth >= ROOMY ? names(places, upper, range, onAxis) : [];
    const fixed = { fixedrange: true, automargin: "width" };
    const left = 55, right = labels.length ? 12 + 6.2 * Math.max(...places.map((place) => shortened(data.series[place].name).length)) : 8;
    charts.draw(element, drawn, {
      height: HEIGHT, margin: { l: left, r: right, t: TOP, b: BOTTOM },
      hovermode: "closest", hoverdistance: 40,
      xaxis: { ...charts.dates(charts.widthOf(element) - left - right), type: "date", range: [data.days[0], data.days[data.days.length - 1]], hoverformat: "%Y-%m-%d" },
      yaxis: { ...fixed, ...scale.axis, ...(isLog ? multiples(range) : {}), domain: [SPLIT[1], 1], range },
      yaxis2: { ...fixed, ticksuffix: " %", domain: [0, SPLIT[0]], rangemode: "tozero" },
      annotations: [
        heading(scale.title, 1), heading("Fall from the highest point before", SPLIT[0]),
        ...labels,
      ],
    });
    byId("caption").textContent = `${scale.title}. ${places.length} of ${data.series.length} curves shown.`;
  }

  // Makes a curve stand out, or none for null; its row in the table is marked as well.
  function point(place) {
    rows.forEach((row, n) => row.classList.toggle("pointed", n === place));
    const { data: drawn } = byId("curves");
    Plotly.restyle("curves", { opacity: drawn.map(({ meta }) => (place === null || meta === place ? 1 : 0.2)) });
  }

  // ---- return against drawdown --------------------------------------------------------------

  const PLACES = ["middle right", "middle left", "top center", "bottom center"];

  // Where each name stands beside its point so that none covers another; none where all would.
  function placed(points, pixels) {
    const taken = points.map(({ x, y }) => [pixels.x(x) - 6, pixels.y(y) - 6, pixels.x(x) + 6, pixels.y(y) + 6]);
    return points.map(({ x, y, name }, own) => {
      const [left, top, width] = [pixels.x(x), pixels.y(y), 7 * name.length];
      const boxes = [
        [left + 8, top - 7, left + 8 + width, top + 7], [left - 8 - width, top - 7, left - 8, top + 7],
        [left - width / 2, top - 22, left + width / 2, top - 8], [left - width / 2, top + 8, left + width / 2, top + 22],
      ];
      const free = boxes.findIndex((box) => box[0] > 0 && box[2] < pixels.width && box[1] > 0 && box[3] < pixels.height && taken.every((other, n) =>
        n === own || box[2] < other[0] || other[2] < box[0] || box[3] < other[1] || other[3] < box[1]));
      if (free >= 0) taken.push(boxes[free]);
      return free < 0 ? null : PLACES[free];
    });
  }

  function drawRisk() {
    const element = byId("risk");
    if (!element) return;
    const HIGH = 320, margin = { l: 64, r: 12, t: 12, b: 44 };
    const points = data.series.map(({ name, figures, texts, verdict, sign, colour: variable }) => ({
      name: shortened(name), x: -100 * figures.max_drawdown, y: 100 * figures.total_return, colour: colour(variable),
      sign,
      text: [`<b>${plain(name)}</b>`, `return ${texts.total_return}, drawdown ${texts.max_drawdown}`, verdict].filter(Boolean).join("<br>"),
    }));
    const across = rangeOf([{ y: points.map(({ x }) => x) }], (value) => value), up = rangeOf([{ y: points.map(({ y }) => y) }], (value) => value);
    const pixel = (value, [low, high], length) => (length * (value - low)) / (high - low);
    const width = charts.widthOf(element) - margin.l - margin.r, height = HIGH - margin.t - margin.b;
    const at = placed(points, { x: (value) => pixel(value, across, width), y: (value) => height - pixel(value, up, height), width, height });
    charts.draw(element, [{
      type: "scatter", mode: "markers+text", x: points.map(({ x }) => x), y: points.map(({ y }) => y),
      text: points.map(({ name }, n) => (at[n] ? plain(name) : "")), textposition: at.map((one) => one ?? "middle right"),
      textfont: { size: 12, color: points.map((one) => one.colour) },
      hovertext: points.map(({ text }) => text), hovertemplate: "%{hovertext}<extra></extra>",
      marker: { size: 10, symbol: points.map(({ sign }) => sign), color: points.map((one) => one.colour), line: { width: 2, color: points.map((one) => one.colour) } },
    }], {
      height: HIGH, margin, hovermode: "closest",
      xaxis: { fixedrange: true, range: across, zeroline: false, ticksuffix: " %", title: { text: "Deepest fall from a high", standoff: 4 } },
      yaxis: charts.axis("Return", { range: up, zeroline: true, ticksuffix: " %" }),
    });
  }

  form.addEventListener("input", draw);
  byId("overview").addEventListener("input", draw);
  rows.forEach((row, place) => {
    row.addEventListener("pointerenter", () => point(place));
    row.addEventListener("pointerleave", () => point(null));
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  charts.keepDrawn(() => {
    draw();
    drawRisk();
  });
  byId("curves").on("plotly_hover", ({ points: [{ data: { meta } }] }) => point(meta));
  byId("curves").on("plotly_unhover", () => point(null));
})();
