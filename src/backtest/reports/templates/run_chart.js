// The chart of a run: events, candles with trades and levels, volume, and the account beneath,
// on one time axis that counts bars. `runChart.draw(state)` draws it anew.
"use strict";
const runChart = (() => {
  const { byId, plain, number, percent, cut, folded, colour, data } = charts;
  if (!charts.canDraw) return null;
  const { days } = data;
  const symbols = data.symbols.map((symbol) => ({
    ...symbol,
    trades: symbol.trades.map(([id, bought, at, sold, out, long, gain, open]) =>
      ({ id, entry: [bought, at], exit: [sold, out], long, gain, open })),
  }));
  const last = days.length - 1;
  const NARROW = 600;
  const GAP = 26; // above each panel, for its title, in pixels
  const DATES = 30; // below the prices; they are repeated at the foot
  const PRINTED = 0.52; // of the height, so that the chart stands on the first page
  const FEWEST = 8; // bars that a view shows
  const WHOLE = [-0.5 - Math.max(1, days.length / 60), last + 0.5 + Math.max(0.5, days.length / 120)];

  // ---- texts, from the rows of the tables -------------------------------------------------------

  const rowsBy = (table, name) =>
    new Map([...document.querySelectorAll(`#${table} tbody tr`)].map((row) => [row.dataset[name], row]));
  const rows = { event: rowsBy("decisions", "event"), trade: rowsBy("trades", "trade") };
  const cell = (row, name) => row.querySelector(`.${name}`).textContent.trim();
  const known = (row) => (cell(row, "precision") === "exact" ? "known exactly" : `known to the ${cell(row, "precision")}`);

  function eventText([place, kind, , id]) {
    const row = rows.event.get(id);
    if (!row) return `${plain(data.kinds[kind].name)}, ${days[place]}<br>its row is in decisions.csv`;
    const [headline, ...more] = [
      cell(row, "headline"), `Public ${cell(row, "go")} New York, ${known(row)}`, `Grade ${cell(row, "grade")}`,
      `Became: ${[cell(row, "action"), cell(row, "reason")].filter(Boolean).join(", ")}`,
    ].map((line) => folded(line, 52));
    return [`<b>${headline}</b>`, ...more].join("<br>");
  }

  function tradeText(trade) {
    const row = rows.trade.get(trade.id);
    if (!row) return `Trade ${plain(trade.id)}<br>its row is in trades.csv`;
    const text = (name) => plain(cell(row, name));
    return [
      `<b>Trade ${text("go")}: <span style="color:${resultColour(trade)}">${text("return")}</span></b>`,
      `${text("shares")} shares, ${text("net")} ${plain("$")}`,
      `In ${text("entry")}`,
      trade.open ? `Open ${text("exit")}` : `Out ${text("exit")} by ${text("left")}`,
    ].join("<br>");
  }

  // ---- the time axis ------------------------------------------------------------------------

  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const month = (day) => MONTHS[Number(day.slice(5, 7)) - 1];
  const dayOfMonth = (day) => `${Number(day.slice(8))} ${month(day)}`;
  const year = (day) => day.slice(0, 4);
  const UNITS = [ // what a day belongs to, its label, and the room that this takes in pixels
    [(day) => day, dayOfMonth, 56],
    [(day) => Math.floor((Date.parse(day) / 864e5 + 3) / 7), dayOfMonth, 56],
    [(day) => day.slice(0, 7), month, 40],
    [(day) => day.slice(0, 4) + Math.floor((Number(day.slice(5, 7)) - 1) / 3), month, 40],
    [year, year, 46],
  ];

  // Labels where days, weeks, months, quarters or years begin: the finest that has room, or every
  // second or third of a finer one where that would leave too few.
  function timeTicks([from, to], width) {
    const seen = days.map((_, place) => place).filter((place) => place >= from && place <= to);
    const options = UNITS.map(([unit, label, room]) => {
      const begins = seen.filter((place) => place > 0 && unit(days[place]) !== unit(days[place - 1]));
      return { at: begins.length ? begins : seen.slice(0, 1), label, room };
    });
    const fits = options.findIndex(({ at, room }) => at.length * room <= width);
    const coarsest = fits < 0 ? options.length - 1 : fits;
    const { at, label, room } = options[coarsest > 0 && options[coarsest].at.length < 3 ? coarsest - 1 : coarsest];
    const every = Math.ceil((at.length * room) / width);
    const tickvals = at.filter((_, n) => n % every === 0);
    const years = tickvals.map((place) => year(days[place]));
    const named = (n) => label !== year && years[n] !== years[n - 1];
    const ticktext = tickvals.map((place, n) => label(days[place]) + (named(n) ? `<br>${years[n]}` : ""));
    return { tickmode: "array", tickvals, ticktext };
  }

  // ---- the panels -----------------------------------------------------------------------------

  const LANE = { wide: 28, named: 18, row: 9, mostRows: 6 }; // heights in pixels; `named` of a name above
  const perBar = {}; // how many events of a kind share a bar
  symbols.forEach(({ events }, symbol) => events.forEach(([place, kind]) => {
    perBar[[symbol, place, kind]] = (perBar[[symbol, place, kind]] ?? 0) + 1;
  }));
  const laneRows = Math.min(LANE.mostRows, Math.max(3, ...Object.values(perBar)));
  const tint = (name, part) => { // of a colour as #rgb or #rrggbb
    const digits = colour(name).slice(1).replace(/^(.)(.)(.)$/, "$1$1$2$2$3$3");
    return `rgba(${[0, 2, 4].map((n) => parseInt(digits.slice(n, n + 2), 16))},${part})`;
  };
  const resultColour = (trade) => colour(trade.gain ? "--gain" : "--loss");
  const inView = (state) => (place) => place >= state.range[0] - 0.5 && place <= state.range[1] + 0.5;

  // Ends of an axis that hold values, with some room; `least` is held too, and its zero is an end.
  function ends(values, least = []) {
    const known = [...values.filter((value) => value !== null), ...least];
    const [low, high] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
    const more = 0.06 * (high - low || Math.abs(high) || 1);
    const end = (value, room) => (value === 0 && least.length ? 0 : value + room);
    return [end(low, -more), end(high, more)];
  }

  // By event the row in its lane, in the middle 0: markers that would meet stand above each other.
  function stacked(events, pixels) {
    const SIZE = 11; // of a marker with its outline, in pixels
    const levels = new Map();
    for (let lane = 0; lane < data.kinds.length; lane += 1) {
      const own = events.filter(([, kind]) => kind === lane).sort((a, b) => a[0] - b[0]);
      let group = [];
      const close = () => {
        const most = Math.max(...group.map(([, row]) => row));
        group.forEach(([event, row]) => levels.set(event, row - most / 2));
        group = [];
      };
      for (const event of own) {
        const near = group.filter(([other]) => (event[0] - other[0]) * pixels < SIZE);
        if (!near.length && group.length) close();
        const taken = near.map(([, row]) => row);
        const free = [...Array(laneRows).keys()].find((row) => !taken.includes(row));
        group.push([event, free ?? group.length % laneRows]);
      }
      if (group.length) close();
    }
    return levels;
  }

  // The headline beside a marker, as far as there is room before the next one; once zoomed in.
  function labelled(events, state, pixels) {
    if (state.range === WHOLE) return { mode: "markers" };
    const LETTER = 6; // pixels
    const ahead = (place) => Math.min(state.range[1], ...events.map(([other]) => other).filter((other) => other > place)) - place;
    const shown = new Set(); // of events on one bar the first alone
    const text = events.map(([place, , , id]) => {
      const most = Math.floor((ahead(place) * pixels - 22) / LETTER), row = rows.event.get(id);
      if (!inView(state)(place) || shown.has(place) || most < 8 || !row) return "";
      shown.add(place);
      return `\u2002${plain(cut(cell(row, "headline"), most))}`;
    });
    return { mode: "markers+text", text, textposition: "middle right", textfont: { size: 11, color: colour("--soft") } };
  }

  function lanes(symbol, state, { narrow, pixels }) {
    const named = narrow ? LANE.named : 0;
    const height = named + LANE.wide + LANE.row * (laneRows - 3);
    const low = named / height / 2; // markers leave room for the name of the lane above them
    const rowsOf = stacked(symbol.events, pixels);
    const level = (event) => event[1] + low + (rowsOf.get(event) * LANE.row) / height;
    const traces = data.kinds.map((kind, lane) => {
      const own = symbol.events.filter((event) => event[1] === lane);
      return {
        type: "scatter", meta: "events", name: plain(kind.name),
        x: own.map(([place]) => place), y: own.map(level),
        customdata: own.map(([, , , id]) => id), hovertext: own.map(eventText), hovertemplate: "%{hovertext}<extra></extra>",
        ...labelled(own, state, pixels),
        marker: {
          symbol: own.map(([, , traded]) => kind.shape + (traded ? "" : "-open")),
          color: colour(kind.colour), size: 9, opacity: 1, line: { width: 1.6, color: colour(kind.colour) },
        },
      };
    });
    const chosen = symbol.events.find((event) => event[3] && event[3] === state.event);
    if (chosen) {
      traces.push({
        type: "scatter", mode: "markers", hoverinfo: "skip", x: [chosen[0]], y: [level(chosen)],
        marker: { symbol: "circle-open", size: 19, color: colour("--ink"), line: { width: 1.5 } },
      });
    }
    const count = data.kinds.length;
    return {
      title: `Events${narrow ? "" : ", at their tradable session, or where there is none as they became public"}`, height: Math.max(1, count) * height, traces,
      axis: {
        range: [Math.max(count, 1) - 0.5, -0.5], zeroline: false, showgrid: state.range === WHOLE, tickmode: "array",
        tickvals: data.kinds.map((_, lane) => lane + low), ticktext: data.kinds.map(({ name }) => (narrow ? "" : plain(name))),
      },
      labels: narrow ? data.kinds.map(({ name }, lane) => ({ text: plain(name), y: lane - 0.5 })) : [],
    };
  }

  // A line through the levels of bars, of which each holds from edge to edge; broken between lines.
  function stepLine(lines) {
    const points = lines.flatMap(([first, levels]) => [
      ...levels.flatMap((level, n) => [[first + n - 0.5, level], [first + n + 0.5, level]]), [null, null],
    ]);
    return { x: points.map(([x]) => x), y: points.map(([, y]) => y) };
  }

  // The bodies of the candles, filled where the price fell; they hide their part of the wicks.
  const direction = (open, close) => (close < open ? "--fall" : "--rise");

  function bodies({ open, close }) {
    const places = [...days.keys()];
    return {
      type: "bar", meta: "candles", hoverinfo: "none", width: 0.5,
      x: places, base: open, y: places.map((place) => (close[place] === null ? null : close[place] - open[place])),
      marker: {
        color: places.map((place) => colour(close[place] < open[place] ? "--fall" : "--paper")),
        line: { color: places.map((place) => colour(direction(open[place], close[place]))), width: 1 },
      },
    };
  }

  // One path for the wicks of each direction: as a trace each would be an element of its own.
  function wicks({ open, low, high, close }, yref) {
    return ["--rise", "--fall"].map((name) => {
      const own = [...days.keys()].filter((place) => low[place] !== null && direction(open[place], close[place]) === name);
      const path = own.map((place) => `M${place},${low[place]}L${place},${high[place]}`).join("");
      return { type: "path", yref, path, line: { color: colour(name), width: 1 }, layer: "between" };
    }).filter(({ path }) => path);
  }

  function tradeTraces({ trades, levels }) {
    const line = (own, name) => ({
      type: "scatter", mode: "lines", hoverinfo: "skip", line: { color: colour(name), width: 1.5 },
      x: own.flatMap(({ entry, exit }) => [entry[0], exit[0], null]),
      y: own.flatMap(({ entry, exit }) => [entry[1], exit[1], null]),
    });
    const fills = (end, symbolOf) => ({
      type: "scatter", mode: "markers", meta: end, x: trades.map((trade) => trade[end][0]), y: trades.map((trade) => trade[end][1]),
      customdata: trades.map(({ id }) => id), text: trades.map(tradeText), hovertemplate: "%{text}<extra></extra>",
      marker: { symbol: trades.map(symbolOf), size: 10, color: trades.map(resultColour), line: { width: 1, color: colour("--paper") } },
    });
    const level = (name, dash) => ({
      type: "scatter", mode: "lines", meta: name, ...stepLine(levels[name]), connectgaps: false,
      hovertemplate: `${name} %{y}<extra></extra>`, line: { color: colour("--ink"), width: 1.2, dash },
    });
    return [
      level("stop", "4px,3px"), level("limit", "1px,3px"),
      line(trades.filter(({ gain }) => gain), "--gain"), line(trades.filter(({ gain }) => !gain), "--loss"),
      fills("entry", ({ long }) => (long ? "triangle-up" : "triangle-down")),
      fills("exit", ({ open }) => (open ? "circle-open" : "x")),
    ];
  }

  // So high that the dates below are seen with the lanes above.
  const PRICES = Math.min(310, Math.max(180, 322 - data.kinds.length * (LANE.wide + LANE.row * (laneRows - 3))));

  function prices(symbol, state, { narrow }) {
    const seen = inView(state);
    const { bars, trades, levels } = symbol;
    const values = [
      ...days.flatMap((_, place) => (seen(place) ? [bars.low[place], bars.high[place]] : [])),
      ...trades.flatMap(({ entry, exit }) => [entry, exit].filter(([place]) => seen(place)).map(([, price]) => price)),
      ...[...levels.stop, ...levels.limit].flatMap(([first, own]) => own.filter((_, n) => seen(first + n))),
    ];
    return {
      title: `<b>${plain(symbol.name)}</b>, dollars${data.weekly ? ", a candle a week" : ""}`, height: narrow ? 240 : PRICES,
      traces: [bodies(bars), ...tradeTraces(symbol)],
      axis: state.log
        ? { type: "log", range: ends(values.filter((value) => value > 0).map(Math.log10)), dtick: "D1", tickformat: "~g", zeroline: false }
        : { type: "linear", range: ends(values), zeroline: false },
    };
  }

  function volume({ bars }, state, { narrow }) {
    const seen = inView(state);
    return {
      title: "Volume, shares", height: narrow ? 44 : 56,
      traces: [{ type: "bar", hoverinfo: "none", x: [...days.keys()], y: bars.volume, marker: { color: colour("--soft"), opacity: 0.55, line: { width: 0 } } }],
      axis: { range: ends(bars.volume.filter((_, place) => seen(place)), [0, 1]), nticks: 3 },
    };
  }

  // ---- the account ----------------------------------------------------------------------------

  // Curves that begin with the cash at the first open have one value more than there are bars.
  function curve(values, atOpen, more) {
    const first = data.span[0];
    const x = values.map((_, n) => (atOpen && n === 0 ? first - 0.5 : first + n - (atOpen ? 1 : 0)));
    return { type: "scatter", mode: x.length > 1 ? "lines" : "markers", hoverinfo: "none", x, y: values, ...more };
  }

  function account(names, state, panel, looks) {
    const seen = inView(state);
    const traces = names.map((name, n) => curve(data.account[name], panel.atOpen, { meta: name, ...looks[n] }));
    const values = traces.flatMap(({ x, y }) => y.filter((_, n) => seen(x[n])));
    return { ...panel, traces, axis: { range: ends(values, panel.least), zeroline: Boolean(panel.least), nticks: panel.nticks, tickformat: panel.format } };
  }

  function accountPanels(state, { narrow }) {
    const short = (name) => plain(cut(name, narrow ? 16 : 24));
    const [own, other] = [short(data.strategy), short(data.benchmark)];
    const ownLine = { color: colour("--accent"), width: 1.8 };
    const otherLine = { color: colour("--soft"), width: 1.4, dash: "4px,3px" };
    const heldLine = { color: colour("--kind-4"), width: 1.2 };
    const part = (name, sign, text) => `  <span style="color:${colour(name)}">${sign} ${text}</span>`;
    const keyed = part("--accent", "━", own) + part("--soft", "╍", other);
    const held = data.account.stock ? part("--kind-4", "━", narrow ? "held" : short(data.stock)) : "";
    return [
      account([...(held ? ["stock"] : []), "benchmark", "equity"], state, { title: `Equity${narrow ? "" : " at each close"}, dollars${keyed}${held}`, height: narrow ? 130 : 160, atOpen: true, nticks: 5 },
        [...(held ? [{ line: heldLine }] : []), { line: otherLine }, { line: ownLine }]),
      account(["benchmark_drawdown", "drawdown"], state, { title: `Drawdown${keyed}`, height: narrow ? 70 : 84, least: [-0.01, 0], nticks: 4, format: ".1~%" },
        [{ line: otherLine }, { line: ownLine, fill: "tozeroy", fillcolor: tint("--accent", 0.15) }]),
      account(["exposure"], state, { title: "Exposure: positions ÷ equity, below zero short", height: narrow ? 60 : 70, least: [0, 0.05], nticks: 4, format: ".0%" },
        [{ line: { ...ownLine, width: 1, shape: "hvh" }, fill: "tozeroy", fillcolor: tint("--accent", 0.3) }]),
    ];
  }

  // ---- the whole ------------------------------------------------------------------------------

  // Trades as bands behind the candles with their wicks, what lies outside of the run in grey, and the chosen bar.
  function shapes(symbol, state, pricesAxis, top) {
    const grey = { type: "rect", yref: "paper", y0: 0, y1: top, fillcolor: tint("--soft", 0.14), line: { width: 0 }, layer: "below" };
    const all = symbol.trades.map((trade) => ({
      type: "rect", name: `trade ${trade.id}`, yref: `${pricesAxis} domain`, y0: 0, y1: 1, x0: trade.entry[0] - 0.5, x1: trade.exit[0] + 0.5,
      fillcolor: resultColour(trade), opacity: trade.id === state.trade ? 0.26 : 0.14, line: { width: 0 }, layer: "below",
    }));
    all.push(...wicks(symbol.bars, pricesAxis));
    if (data.span[0] > 0) all.push({ ...grey, x0: WHOLE[0], x1: data.span[0] - 0.5 });
    if (data.span[1] < last) all.push({ ...grey, x0: data.span[1] + 0.5, x1: WHOLE[1] });
    if (state.place !== null) {
      all.push({ type: "line", yref: "paper", y0: 0, y1: top, x0: state.place, x1: state.place, line: { color: colour("--ink"), width: 1, dash: "2px,3px" } });
    }
    return all;
  }

  // Lays out panels from top to bottom: `state` is { symbol, log, range, place, event, trade }.
  function draw(state) {
    const element = byId("story");
    const width = charts.widthOf(element);
    const narrow = width < NARROW;
    const left = narrow ? 44 : Math.max(56, 16 + 7 * Math.max(0, ...data.kinds.map(({ name }) => name.length)));
    byId("strip").style.marginLeft = `${left}px`;
    const room = width - left - 8;
    const view = { narrow, pixels: room / (state.range[1] - state.range[0]) };
    const symbol = symbols[state.symbol];
    const panels = [
      lanes(symbol, state, view), prices(symbol, state, view), volume(symbol, state, view), ...accountPanels(state, view),
    ];
    const [tall, gap] = charts.isPrinting() ? [PRINTED, 20] : [1, GAP];
    const total = panels.reduce((sum, { height }) => sum + tall * height + gap, DATES);
    const layout = {
      height: total + 44, margin: { l: left, r: 8, t: 0, b: 44 }, bargap: 0.25, hovermode: "closest", hoverdistance: 24, spikedistance: -1,
      font: { family: "system-ui, sans-serif", size: narrow ? 11 : 12, color: colour("--ink") },
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      xaxis: {
        range: [...state.range], anchor: "y2", zeroline: false, ...timeTicks(state.range, room),
        showspikes: true, spikemode: "across", spikesnap: "cursor", spikethickness: 1, spikedash: "solid", spikecolor: colour("--soft"),
      },
      annotations: [], shapes: shapes(symbol, state, "y2", 1 - gap / total),
    };
    const label = (more) => ({ xref: "paper", x: 0, xanchor: "left", showarrow: false, align: "left", ...more });
    let top = 0;
    panels.forEach(({ title, height, axis, labels = [] }, n) => {
      top += gap;
      const domain = [Math.max(0, 1 - (top + tall * height) / total), 1 - top / total];
      top += tall * height;
      layout[`yaxis${n ? n + 1 : ""}`] = { domain, fixedrange: true, ...axis };
      if (n === 1) top += DATES;
      layout.annotations.push(label({ text: title, yref: "paper", y: domain[1], yanchor: "bottom" }));
      labels.forEach(({ text, y }) => layout.annotations.push(label({ text, yref: "y", y, yanchor: "top", font: { color: colour("--soft"), size: 11 } })));
    });
    const { tickvals, ticktext } = layout.xaxis;
    tickvals.forEach((x, n) => layout.annotations.push({ x, y: 0, yref: "paper", yanchor: "top", yshift: -4, text: ticktext[n], showarrow: false, align: "center" }));
    const traces = panels.flatMap(({ traces: own }, n) => own.map((trace) => ({ ...trace, xaxis: "x", yaxis: `y${n ? n + 1 : ""}` })));
    return charts.draw(element, traces, layout, { doubleClick: false, showTips: false });
  }

  // For each trade a bar from its worst to its best price, and a mark where it ended.
  function drawExcursions() {
    const element = byId("excursions");
    if (!element) return;
    const known = new Map(symbols.flatMap(({ trades }) => trades.map((trade) => [trade.id, trade])));
    const own = data.excursions.map(([id, worst, end, best]) => ({ worst, end, best, ...(known.get(id) ?? { id, gain: end > 0 }) }));
    const x = own.map(({ id }) => Number(id)); // they count from 1 on
    const bar = (key, name) => ({
      type: "bar", hoverinfo: "skip", x, y: own.map((trade) => trade[key]), width: Math.min(0.5, 0.1 + 0.04 * own.length), marker: { color: tint(name, 0.35), line: { width: 0 } },
    });
    charts.draw(element, [bar("worst", "--loss"), bar("best", "--gain"), {
      type: "scatter", mode: "markers", x, y: own.map(({ end }) => end), customdata: own.map(({ id }) => id), meta: "excursions",
      marker: { symbol: own.map(({ open }) => (open ? "circle-open" : "x")), size: 8, color: own.map(resultColour) },
      text: own.map((trade) => `${tradeText(trade)}<br>MAE ${percent(trade.worst)}, MFE ${percent(trade.best)}`), hovertemplate: "%{text}<extra></extra>",
    }], {
      height: 260, barmode: "overlay", hovermode: "closest", margin: { l: 50, r: 8, t: 8, b: 40 },
      xaxis: { fixedrange: true, showgrid: false, tickformat: "d", title: { text: "Trade" }, ...(own.length < 12 ? { dtick: 1 } : {}) },
      yaxis: { fixedrange: true, tickformat: ".0%", zeroline: true },
    });
  }

  // What the chart shows at a bar, in words; nothing outside of the history.
  function figures(place, state) {
    if (!days[place]) return "";
    const { bars } = symbols[state.symbol], { account: own } = data, n = place - data.span[0];
    const parts = [`${data.weekly ? "Week to " : ""}${days[place]}`];
    if (bars.close[place] !== null) {
      parts.push(`open ${bars.open[place]}, high ${bars.high[place]}, low ${bars.low[place]}, close ${bars.close[place]}`, `volume ${number(bars.volume[place], 0)}`);
    }
    if (n >= 0 && n < own.drawdown.length) {
      parts.push(`equity ${number(own.equity[n + 1], 0)} $, ${data.benchmark} ${number(own.benchmark[n + 1], 0)} $`, ...(own.stock ? [`${data.stock} ${number(own.stock[n + 1], 0)} $`] : []), `drawdown ${percent(own.drawdown[n])}`, `exposure ${own.exposure[n] === null ? "unknown" : percent(own.exposure[n])}`);
    }
    return parts.join(" · ");
  }

  // A range of bars, clipped to the history and not too short to read.
  function within([from, to]) {
    const middle = (from + to) / 2, half = Math.max(to - from, FEWEST) / 2;
    const [low, high] = [Math.max(WHOLE[0], middle - half), Math.min(WHOLE[1], middle + half)];
    return low >= high ? WHOLE : [low, high];
  }

  return { draw, drawExcursions, figures, within, symbols, WHOLE, rows, cell, known };
})();
