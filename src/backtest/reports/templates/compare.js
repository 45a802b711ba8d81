// Draws the equity of the chosen runs and benchmarks, and their drawdowns, in the chosen scale.
(() => {
  if (!charts.canDraw) return;
  const { byId, data, plain, number, signed, colour } = charts;
  const HEIGHT = 560;
  const TOP = 26; // pixels above the upper panel
  const BOTTOM = 34;
  const SPLIT = [0.3, 0.37]; // the top of the lower panel and the foot of the upper one
  const ROOMY = 760; // pixels of width that leave room for names at the ends of lines
  const LINE = 16; // pixels that a name takes in height
  const form = byId("choice");

  const SCALES = {
    money: {
      told: "Equity in dollars", value: (equity) => equity, axis: { tickformat: ",.0f", ticksuffix: " $" },
      text: (value) => `${number(value, 0)} $`,
    },
    percent: {
      told: "Return since the start, each from its own cash", value: (equity, cash) => 100 * (equity / cash - 1), axis: { ticksuffix: " %" },
      text: (value) => `${signed(value, 1)} %`,
    },
    log: {
      told: "Multiple of the cash at the start, equal steps for equal growth", axis: { type: "log" },
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
      const shared = { type: "scatter", mode: "lines", x: days, line, hovertemplate: "%{text}<extra></extra>" };
      const said = (text) => `${plain(name)}: <b>${text}</b>`;
      return [
        { ...shared, y: values, text: values.map((value) => (value === null ? "" : said(scale.text(value)))) },
        { ...shared, y: falls, yaxis: "y2", text: falls.map((value) => said(`${number(value, 1)} %`)) },
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

  // Names at the ends of lines, moved apart; none where they would not fit.
  function names(places, drawn, range, onAxis) {
    const height = (1 - SPLIT[1]) * (HEIGHT - TOP - BOTTOM);
    const ends = drawn.map(({ y }, n) => ({ place: places[n], value: onAxis(y.findLast((value) => value !== null)) }))
      .map((end) => ({ ...end, from: (height * (range[1] - end.value)) / (range[1] - range[0]) }))
      .sort((a, b) => a.from - b.from);
    if (ends.length * LINE > height) return [];
    ends.forEach((end, n) => { end.at = n ? Math.max(end.from, ends[n - 1].at + LINE) : end.from; });
    for (let n = ends.length - 1, most = height; n >= 0; n -= 1, most -= LINE) {
      ends[n].at = Math.min(ends[n].at, most);
      most = Math.min(most, ends[n].at);
    }
    return ends.map(({ place, value, from, at }) => {
      const { name, colour: variable } = data.series[place];
      return {
        x: 1, xref: "paper", xanchor: "left", xshift: 4, y: value, yref: "y", yanchor: "middle", yshift: from - at, showarrow: false,
        text: plain(name.length > 20 ? `${name.slice(0, 19)}…` : name), font: { color: colour(variable), size: 12 },
      };
    });
  }

  const heading = (text, y) => ({
    text, x: 0, xref: "paper", xanchor: "left", y, yref: "paper", yanchor: "bottom", yshift: 2, showarrow: false, font: { color: colour("--soft"), size: 12 },
  });

  function draw() {
    const element = byId("curves");
    const scale = SCALES[form.elements.scale.value];
    const places = data.series.map((_, place) => place).filter((place) => form.querySelector(`[name=series][value="${place}"]`).checked);
    const drawn = traces(places, scale);
    const upper = drawn.filter(({ yaxis }) => !yaxis);
    const isLog = scale.axis.type === "log";
    const onAxis = isLog ? Math.log10 : (value) => value;
    const range = rangeOf(upper, onAxis);
    const labels = element.clientWidth >= ROOMY ? names(places, upper, range, onAxis) : [];
    const fixed = { fixedrange: true, automargin: "width" };
    charts.draw(element, drawn, {
      height: HEIGHT, margin: { l: 55, r: labels.length ? 165 : 8, t: TOP, b: BOTTOM }, hovermode: "x unified",
      xaxis: { fixedrange: true, type: "date", anchor: "y2", range: [data.days[0], data.days[data.days.length - 1]], hoverformat: "%Y-%m-%d" },
      yaxis: { ...fixed, ...scale.axis, ...(isLog ? multiples(range) : {}), domain: [SPLIT[1], 1], range },
      yaxis2: { ...fixed, ticksuffix: " %", domain: [0, SPLIT[0]], rangemode: "tozero" },
      annotations: [
        heading(scale.told, 1), heading("Fall from the highest point before", SPLIT[0]),
        ...labels,
      ],
    });
    byId("caption").textContent = `${scale.told}. ${places.length} of ${data.series.length} curves shown.`;
  }

  form.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  charts.keepDrawn(draw);
})();
