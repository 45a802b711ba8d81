// What readers choose on the page of a run: a marker shows its row, a row moves the chart.
"use strict";
(() => {
  if (!runChart) return;
  const { byId, colour, data, make } = charts;
  const { symbols, rows, cell, known } = runChart;
  const AROUND = 12; // bars shown on either side of what was chosen
  const state = { symbol: 0, log: false, range: runChart.WHOLE, place: null, event: "", trade: "", card: [undefined, []] };
  const events = symbols.flatMap(({ events: own }, symbol) =>
    own.map(([place, kind, , id]) => ({ symbol, place, kind, id })));
  const trades = symbols.flatMap(({ trades: own }, symbol) => own.map((trade) => ({ symbol, ...trade })));

  function draw() {
    runChart.draw(state);
    byId("whole").disabled = state.range === runChart.WHOLE;
    byId("symbol").value = state.symbol;
    showStrip();
  }

  // ---- the strip: the closes of the whole span, and the part in view between two sliders --------

  const strip = byId("strip"), thumbs = [...strip.querySelectorAll("input")], part = strip.querySelector("i");
  const [begin, end] = runChart.WHOLE;
  const bars = data.days.length - 1;

  function showStrip() {
    const { close } = symbols[state.symbol].bars;
    const known = close.filter((price) => price !== null);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const y = (price) => 0.92 - (0.84 * (price - low)) / (high - low || 1);
    const points = close.map((price, place) => (price === null ? "" : `${place / (bars || 1)},${y(price)}`)).filter(Boolean);
    strip.querySelector("path").setAttribute("d", `M${points.join("L")}`);
    thumbs.forEach((thumb, n) => {
      Object.assign(thumb, { min: 0, max: bars });
      thumb.value = n ? Math.floor(state.range[1]) : Math.ceil(state.range[0]);
      thumb.setAttribute("aria-valuetext", data.days[thumb.value]);
    });
    const [from, to] = thumbs.map(({ value }) => 100 * (value / (bars || 1)));
    Object.assign(part.style, { left: `${from}%`, right: `${100 - to}%` });
  }

  function view(range) {
    const [from, to] = runChart.within(range);
    state.range = from <= begin && to >= end ? runChart.WHOLE : [from, to];
    draw();
  }

  thumbs.forEach((thumb, n) => thumb.addEventListener("input", () => {
    const range = [...state.range];
    range[n] = [begin, end][n];
    if (Number(thumb.value) !== [0, bars][n]) range[n] = Number(thumb.value) + [-0.5, 0.5][n];
    view(range[0] < range[1] ? range : state.range);
  }));
  part.addEventListener("pointerdown", (down) => {
    const range = state.range, scale = (end - begin) / strip.clientWidth;
    part.setPointerCapture(down.pointerId);
    part.onpointermove = ({ clientX }) => {
      const by = Math.max(begin - range[0], Math.min(end - range[1], (clientX - down.clientX) * scale));
      view(range.map((place) => place + by));
    };
    part.onpointerup = () => { part.onpointermove = null; };
  });

  // ---- the card -----------------------------------------------------------------------------

  function tradeLine(row) {
    const line = make("p", {}, make("b", {}, `Trade ${cell(row, "go")}`), `: ${cell(row, "shares")} shares, in ${cell(row, "entry")}, `);
    line.append(cell(row, "left") === "open" ? "still open, " : `left by ${cell(row, "left")}, `, `${cell(row, "exit")}: `);
    line.append(make("span", { className: row.dataset.result }, `${cell(row, "net")} $, ${cell(row, "return")}`), ".");
    return line;
  }

  const tradable = (row) => (row.querySelector(".tradable").dataset.v === "" ? "" : "tradable ") + cell(row, "tradable");

  function eventLines(row) {
    const sources = make("span");
    sources.append(...row.querySelector(".sources").cloneNode(true).childNodes);
    return [
      make("h3", {}, cell(row, "headline")),
      make("p", { className: "soft" }, ...row.querySelector(".kind").cloneNode(true).childNodes,
        ` · public ${cell(row, "go")} New York, ${known(row)} · ${tradable(row)} · grade ${cell(row, "grade")} · `, sources),
      make("p", {}, make("b", {}, cell(row, "action")), cell(row, "reason") && `: ${cell(row, "reason")}`),
    ];
  }

  const act = (text, onclick, disabled = false) => make("button", { type: "button", className: "act", onclick, disabled }, text);

  function showCard(event, trade) {
    state.card = [event, trade];
    showMinutes();
    const order = [...rows.event.keys()]; // as they became public
    const at = event ? order.indexOf(event.dataset.event) : -1;
    const step = (text, next) => act(text, () => choose(order[next], ""), !(next in order));
    const acts = make("div", { className: "acts" });
    if (event) acts.append(step("‹ Earlier event", at - 1), step("Later event ›", at + 1));
    if (event) acts.append(act("Its row below", () => reveal(event), event.hidden));
    if (trade.length) acts.append(act("Its trade below", () => reveal(trade[0]), trade[0].hidden));
    byId("event").classList.add("chosen");
    byId("event").replaceChildren(...(event ? eventLines(event) : [make("h3", {}, "A trade without an event")]), ...trade.map(tradeLine), acts);
  }

  // ---- the bars within the session of what was chosen ------------------------------------------

  function showMinutes() {
    const box = byId("minutes"), [event, trade] = state.card;
    if (!box) return;
    const symbol = (event ?? trade[0])?.dataset.symbol;
    const times = [...(event ? [cell(event, "tradable")] : []), ...trade.flatMap((row) => [cell(row, "entry"), cell(row, "exit")])];
    const own = data.minutes[symbol] ?? {};
    // A bar of the evening before has its day; a time without a clock is that of a session.
    const placed = (time, day) => own[day][0].indexOf(time.slice(0, 16).replace(`${day} `, ""));
    const within = (time) => Object.keys(own).find((day) => placed(time, day) >= 0) ?? (own[time.slice(0, 10)] && time.slice(0, 10));
    const session = times.map(within).find(Boolean);
    box.hidden = !session;
    if (!session) return;
    const [clock, open, high, low, close] = own[session];
    const at = (time) => placed(time, session);
    const sign = { long: "triangle-up", short: "triangle-down" };
    const fills = trade.flatMap((row) => ["entry", "exit"].map((name) => ({ name, time: cell(row, name), drawn: name === "exit" ? "x" : sign[row.dataset.side] })));
    const shown = fills.filter(({ time }) => at(time) >= 0);
    const price = ({ time }) => Number(time.split(" at ")[1].replaceAll(",", ""));
    const whole = clock.map((time) => (time.length > 5 ? time : `${session} ${time}`));
    const published = event ? cell(event, "go").slice(0, 16) : "";
    const known = published.startsWith(session) || published >= whole[0] ? published.replace(`${session} `, "") : "";
    const room = 0.05 * (Math.max(...high) - Math.min(...low)) || 1;
    const edge = open.map((price, n) => colour(close[n] < price ? "--fall" : "--rise"));
    const body = open.map((price, n) => colour(close[n] < price ? "--fall" : "--paper")); // as in the chart above
    const candle = (width, color) => ({ type: "bar", x: clock, width, hoverinfo: "skip", marker: { color, line: { color: edge, width: 1 } } });
    const place = whole.findIndex((time) => time > published) - 0.5;
    const every = Math.ceil(clock.length / 8), ticks = clock.filter((_, n) => n % every === 0);
    box.querySelector("h3").textContent = `${symbol} on ${session}, by the bars within the session, New York time`;
    charts.draw(box.querySelector(".chart"), [
      { ...candle(0.01, edge), base: low, y: high.map((price, n) => price - low[n]) },
      { ...candle(0.6, body), base: open.map((price, n) => Math.min(price, close[n])), y: open.map((price, n) => Math.abs(close[n] - price)) },
      { type: "scatter", mode: "markers", x: shown.map(({ time }) => clock[at(time)]), y: shown.map(price), text: shown.map(({ name }) => name),
        marker: { size: 11, color: colour("--ink"), symbol: shown.map(({ drawn }) => drawn) } },
    ], {
      height: 320, barmode: "overlay",
      xaxis: { type: "category", rangeslider: { visible: false }, tickvals: ticks, ticktext: ticks.map((time) => time.slice(-5)), fixedrange: true },
      yaxis: charts.axis("$", { range: [Math.min(...low) - room, Math.max(...high) + room] }),
      shapes: known && place > -1 ? [{ type: "line", x0: place, x1: place, y0: 0, y1: 1, yref: "paper", line: { dash: "dot", color: colour("--soft") } }] : [],
      annotations: known && place > -1 ? [{ x: place, y: 1, yref: "paper", text: `public ${known}`, showarrow: false, xanchor: "left" }] : [],
    });
  }

  // ---- choosing -----------------------------------------------------------------------------

  const motion = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

  function reveal(row) {
    row.scrollIntoView({ block: "center", behavior: motion() });
    row.querySelector("button").focus({ preventScroll: true });
  }

  // Brings a row to the top of the box that its table scrolls in; the page stays where it is.
  function pick(row) {
    row.classList.add("picked");
    const box = row.closest(".scroll");
    box.scrollTop = row.offsetTop - row.closest("table").tHead.offsetHeight;
  }

  // Shows an event with its trades, or a trade with its event; `move` brings the chart there.
  function choose(eventId, tradeId, move = false) {
    const event = rows.event.get(eventId);
    const shown = [...rows.trade.values()].filter(({ dataset }) =>
      (tradeId ? dataset.trade === tradeId : eventId && dataset.event === eventId));
    document.querySelectorAll("tr.picked").forEach((row) => row.classList.remove("picked"));
    [event, ...shown].filter(Boolean).forEach(pick);
    if (event || shown.length) showCard(event, shown);
    const marker = events.find(({ id }) => eventId && id === eventId);
    const trade = trades.find(({ id }) => id === (tradeId || shown[0]?.dataset.trade));
    const place = tradeId || !marker ? trade?.entry[0] : marker.place;
    Object.assign(state, { event: eventId, trade: trade?.id ?? "", place: place ?? null });
    if (marker || trade) {
      state.symbol = (trade ?? marker).symbol;
      const ends = [marker?.place, trade?.entry[0], trade?.exit[0]].filter((end) => end !== undefined);
      const hidden = place < state.range[0] || place > state.range[1];
      if (move || hidden) state.range = runChart.within([Math.min(...ends) - AROUND, Math.max(...ends) + AROUND]);
    }
    draw();
    if (move) byId("told").scrollIntoView({ block: "start", behavior: motion() });
  }

  for (const [table, chosen] of [["decisions", (row) => [row.dataset.event, ""]], ["trades", (row) => [row.dataset.event, row.dataset.trade]]]) {
    for (const head of document.querySelectorAll(`#${table} tbody .go`)) {
      head.replaceChildren(make("button", { type: "button", title: "Show it in the chart" }, head.textContent));
    }
    byId(table)?.tBodies[0].addEventListener("click", (click) => {
      const row = click.target.closest("tr");
      if (row && !click.target.closest("a")) choose(...chosen(row), true);
    });
  }

  // ---- the controls --------------------------------------------------------------------------

  function whole() {
    state.range = runChart.WHOLE;
    draw();
  }

  byId("symbols").hidden = symbols.length < 2;
  byId("symbol").append(...symbols.map(({ name }, value) => make("option", { value }, name)));
  byId("symbol").addEventListener("change", (change) => {
    Object.assign(state, { symbol: Number(change.target.value), place: null, event: "", trade: "" });
    draw();
  });
  byId("whole").addEventListener("click", whole);
  document.querySelectorAll("[name=price-scale]").forEach((choice) => choice.addEventListener("change", () => {
    state.log = choice.value === "log";
    draw();
  }));
  byId("how").textContent = [
    data.span[0] > 0 || data.span[1] < data.days.length - 1 ? "What lies outside of the run is grey." : "",
    data.weekly ? "A bar is a week: there are too many sessions to show each." : "",
    data.left_out ? `Symbols that traded less have no chart here (${data.left_out}); their trades and events are in the tables and files.` : "",
  ].filter(Boolean).join(" ");

  charts.keepDrawn(() => {
    draw();
    showMinutes();
    runChart.drawExcursions();
    drawNull();
  });
  byId("excursions")?.on("plotly_click", ({ points: [{ customdata }] }) =>
    choose(rows.trade.get(customdata)?.dataset.event ?? "", customdata, true));
  const chart = byId("story");
  const hint = byId("at").textContent;
  chart.addEventListener("mousemove", ({ clientX }) => {
    const { xaxis, margin } = chart._fullLayout;
    const place = Math.round(xaxis.p2d(clientX - chart.getBoundingClientRect().left - margin.l));
    byId("at").textContent = runChart.figures(place, state) || hint;
  });
  chart.addEventListener("mouseleave", () => { byId("at").textContent = hint; });
  chart.on("plotly_click", ({ points: [point] }) => {
    const { meta } = point.data;
    if (meta === "events" && point.customdata) choose(point.customdata, "");
    if (meta === "entry" || meta === "exit") choose(rows.trade.get(point.customdata)?.dataset.event ?? "", point.customdata);
  });
  chart.on("plotly_relayout", (change) => {
    if (!("xaxis.range[0]" in change)) return;
    view([change["xaxis.range[0]"], change["xaxis.range[1]"]]);
  });
  chart.on("plotly_doubleclick", whole);
})();
