// The page of a run with many trades: tables in pages, and the trades of one stock in a chart.
"use strict";
(() => {
  const { byId, plain, number, signed, percent, colour, data, make } = charts;
  const ROWS = { stocks: 10, trades: 25 }; // of a page of a table
  const NARROW = 600;
  const sign = (value) => (value > 0 ? "gain" : "loss");
  const [stocks, trades] = [
    data.stocks.map(([symbol, count, won, net, mean]) => ({ symbol, count, won, net, mean })).sort((a, b) => (a.symbol < b.symbol ? -1 : 1)),
    data.trades.map(([id, stock, long, bought, at, sold, out, left, shares, net, change, text]) => ({
      id, symbol: data.stocks[stock][0], side: long ? "long" : "short", entry: data.days[bought], at,
      exit: data.days[sold], out, left: data.exits[left], shares, net, change, text,
    })),
  ];
  let chosen = null;

  const price = (value) => number(value, value >= 1 || !value ? 2 : Math.max(4, 1 - Math.floor(Math.log10(value))));
  const choice = ({ symbol }) => make("button", { type: "button", title: "Show its trades in a chart", onclick: () => choose(symbol) }, symbol);
  const money = { name: "Net $", value: (row) => row.net, text: (row) => signed(row.net, 0), look: (row) => `n ${sign(row.net)}` };
  const stock = { name: "Stock", value: (row) => row.symbol, text: choice, look: () => "d" };
  const fill = (name, day, at) => ({
    name, value: (row) => row[day], look: () => "d",
    text: (row) => make("span", {}, row[day], make("span", { className: "second" }, `at ${price(row[at])}`)),
  });
  const figure = (name, key, form) => ({ name, value: (row) => row[key], text: (row) => form(row[key]), look: () => "n" });
  const whole = (value) => number(value, 0);

  const TABLES = {
    stocks: [stocks, [
      stock, figure("Trades", "count", whole), figure("Won", "won", whole), money,
      { ...figure("Mean return", "mean", percent), look: (row) => `n ${sign(row.mean)}` },
    ]],
    trades: [trades, [
      { ...figure("Trade", "id", String), look: () => "d" }, stock, { ...figure("Side", "side", String), look: () => "d" },
      { ...figure("Return", "change", percent), look: (row) => `n ${sign(row.change)}` }, money,
      fill("Entry", "entry", "at"), fill("Exit", "exit", "out"), { ...figure("Left by", "left", String), look: () => "d" },
      figure("Shares", "shares", (value) => number(value, Number.isInteger(value) ? 0 : 2)),
      { ...figure("Event, and why", "text", (text) => text || "unknown"), look: () => "text" },
    ]],
  };

  // One table: its rows are searched by all words, sorted by one column, and shown page by page.
  function paged(box) {
    const [rows, columns] = TABLES[box.dataset.paged];
    const most = ROWS[box.dataset.paged];
    const table = box.querySelector("table");
    const [earlier, later] = box.querySelectorAll(".turn button");
    const texts = rows.map((row) => Object.values(row).join(" ").toLowerCase());
    const state = { page: 0, by: null, sign: 1 };

    function matching() {
      const words = box.querySelector("input").value.toLowerCase().split(/\s+/);
      const fitting = rows.filter((_, n) => words.every((word) => texts[n].includes(word)));
      if (!state.by) return fitting;
      const { value } = state.by;
      return fitting.sort((a, b) => state.sign * (value(a) < value(b) ? -1 : Number(value(a) > value(b))));
    }

    function show() {
      const fitting = matching();
      const pages = Math.max(1, Math.ceil(fitting.length / most));
      state.page = Math.min(state.page, pages - 1);
      const shown = fitting.slice(state.page * most, (state.page + 1) * most);
      table.tBodies[0].replaceChildren(...shown.map((row) => make("tr", { className: row.symbol === chosen ? "picked" : "" },
        ...columns.map(({ text, look }) => make("td", { className: look(row) }, text(row))))));
      const part = fitting.length === rows.length ? "" : ` of ${whole(rows.length)}`;
      box.querySelector("output").textContent = `${whole(fitting.length)}${part} · page ${state.page + 1} of ${pages}`;
      [earlier.disabled, later.disabled] = [state.page === 0, state.page === pages - 1];
    }

    const turn = (by) => () => { state.page += by; show(); };
    earlier.addEventListener("click", turn(-1));
    later.addEventListener("click", turn(1));
    const form = box.querySelector("form");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => { state.page = 0; show(); });
    for (const column of columns) {
      const heading = make("th", { scope: "col", className: column.look(rows[0]).split(" ")[0] });
      heading.append(make("button", { type: "button", onclick: () => {
        const down = state.by === column && state.sign === 1;
        Object.assign(state, { by: column, sign: down ? -1 : 1, page: 0 });
        table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        show();
      } }, column.name));
      table.tHead.rows[0].append(heading);
    }
    box.hidden = false;
    show();
    return show;
  }

  const shows = [...document.querySelectorAll("[data-paged]")].map(paged);

  // ---- the charts -----------------------------------------------------------------------------

  const line = (x, y, more) => ({ type: "scatter", mode: "lines", x, y, ...more });

  function drawAccount() {
    const { equity, benchmark, stock: held, drawdown, benchmark_drawdown: fall } = data.account;
    const own = { color: colour("--accent"), width: 1.8 }, other = { color: colour("--soft"), width: 1.3, dash: "4px,3px" }, third = { color: colour("--kind-4"), width: 1.2 };
    const tip = (name, form) => ({ name, hovertemplate: `%{x}: %{y${form}}<extra>${plain(name)}</extra>` });
    const part = (name, sign, text) => `<span style="color:${colour(name)}">${sign} ${plain(text)}</span>`;
    const title = (text, y) => ({ text, xref: "paper", yref: "paper", x: 0, y, xanchor: "left", yanchor: "bottom", showarrow: false });
    const below = { yaxis: "y2" };
    const narrow = charts.widthOf(byId("account")) < NARROW;
    const key = [part("--accent", "━", data.strategy), part("--soft", "╍", data.benchmark), ...(held ? [part("--kind-4", "━", narrow ? "held" : data.stock)] : [])].join("  ");
    charts.draw(byId("account"), [
      ...(held ? [line(data.weeks, held.slice(1), { line: third, ...tip(data.stock, ":,.0f") })] : []),
      line(data.weeks, benchmark.slice(1), { line: other, ...tip(data.benchmark, ":,.0f") }),
      line(data.weeks, equity.slice(1), { line: own, ...tip(data.strategy, ":,.0f") }),
      line(data.weeks, fall, { line: other, ...below, ...tip(data.benchmark, ":.1%") }),
      line(data.weeks, drawdown, { line: own, ...below, ...tip(data.strategy, ":.1%") }),
    ], {
      height: 338, margin: { l: 50, r: 8, t: 24, b: 38 }, hovermode: "closest",
      xaxis: charts.dates(charts.widthOf(byId("account")) - 58), yaxis: { domain: [0.4, 1], fixedrange: true },
      yaxis2: { domain: [0, 0.28], fixedrange: true, tickformat: ".0%", nticks: 4 },
      annotations: [title(`Equity${narrow ? "" : " by week, dollars"}  ${key}`, 1), title("Drawdown, the deepest of the week", 0.28)],
    });
  }

  // How many trades went how far: to the left by their worst price, to the right by their best.
  function drawExcursions() {
    if (!data.excursions) return;
    const { step, worst, best } = data.excursions;
    const beyond = worst[0].length - 1;
    const places = [...worst[0].keys()];
    const sides = [[-1, worst], [1, best]].flatMap(([way, [gained, lost]]) => places.map((n) => {
      const [near, far] = [way * n * step, way * (n + 1) * step].map((one) => percent(one));
      const all = gained[n] + lost[n], share = all ? ` (${number((100 * gained[n]) / all, 0)} %)` : "";
      const where = n === beyond ? `beyond ${near}` : `${near} to ${far}`;
      return { x: 100 * way * (n + 0.5) * step, gained: gained[n], lost: lost[n], text: `${way < 0 ? "Worst" : "Best"} price ${where}<br>${whole(all)} trade${all === 1 ? "" : "s"}, ${whole(gained[n])} gained${share}` };
    }));
    const bar = (key) => ({
      type: "bar", x: sides.map(({ x }) => x), y: sides.map((one) => one[key]), text: sides.map(({ text }) => text), textposition: "none",
      hovertemplate: "%{text}<extra></extra>", marker: { color: colour(key === "gained" ? "--gain" : "--loss"), line: { color: colour("--paper"), width: 1 } },
    });
    const note = (text, x, name, xanchor) => ({ text, x, xref: "paper", y: 1, yref: "paper", yanchor: "bottom", xanchor, showarrow: false, font: { size: 12, color: colour(name) } });
    charts.draw(byId("excursions"), [bar("gained"), bar("lost")], {
      height: 260, barmode: "stack", bargap: 0, hovermode: "closest", margin: { l: 50, r: 8, t: 22, b: 40 },
      xaxis: charts.axis("From the entry price", { ticksuffix: " %", zeroline: true }), yaxis: { fixedrange: true, title: { text: "Trades" } },
      annotations: [
        note("← worst price", 0, "--soft", "left"), note("best price →", 1, "--soft", "right"),
        note(`<span style="color:${colour("--gain")}">■ gained</span>  <span style="color:${colour("--loss")}">■ lost</span>`, 0.5, "--ink", "center"),
      ],
    });
  }

  // The trades of the chosen stock from entry to exit, and below them what they earned together.
  function drawStock() {
    const own = trades.filter(({ symbol }) => symbol === chosen);
    const ends = (some) => [some.flatMap(({ entry, exit }) => [entry, exit, null]), some.flatMap(({ at, out }) => [at, out, null])];
    const tips = own.map(({ id, side, entry, at, exit, out, left, net, change }) =>
      `Trade ${id} ${side}<br>in ${entry} at ${price(at)}<br>out ${exit} at ${price(out)} by ${plain(left)}<br>${signed(net, 0)} ${plain("$")}, ${percent(change)}`);
    const shades = own.map(({ net }) => colour(`--${sign(net)}`));
    const path = (some, name) => line(...ends(some), { hoverinfo: "skip", line: { color: colour(name), width: 2 } });
    const marks = { type: "scatter", mode: "markers", text: tips, hovertemplate: "%{text}<extra></extra>" };
    let sum = 0;
    const inOrder = own.toSorted((a, b) => (a.exit < b.exit ? -1 : 1));
    const sums = inOrder.map(({ net }) => (sum += net));
    charts.draw(byId("stock-chart"), [
      path(own.filter(({ net }) => net > 0), "--gain"), path(own.filter(({ net }) => net <= 0), "--loss"),
      { ...marks, x: own.map(({ entry }) => entry), y: own.map(({ at }) => at), marker: { color: shades, size: 8, symbol: own.map(({ side }) => (side === "long" ? "triangle-up" : "triangle-down")) } },
      { ...marks, x: own.map(({ exit }) => exit), y: own.map(({ out }) => out), marker: { color: shades, size: 6, symbol: "x" } },
      line(inOrder.map(({ exit }) => exit), sums, { yaxis: "y2", line: { color: colour("--accent"), width: 1.6, shape: "hv" }, mode: "lines+markers", marker: { size: 4 }, hovertemplate: "%{x}: %{y:,.0f}<extra></extra>" }),
    ], {
      height: 308, margin: { l: 50, r: 8, t: 8, b: 38 }, hovermode: "closest",
      xaxis: charts.dates(charts.widthOf(byId("stock-chart")) - 58),
      yaxis: { domain: [0.42, 1], fixedrange: true, title: { text: "Fills, dollars", font: { size: 12 } } },
      yaxis2: { domain: [0, 0.32], fixedrange: true, title: { text: "Net, dollars", font: { size: 12 } }, nticks: 4 },
    });
  }

  function choose(symbol) {
    chosen = symbol;
    const { count, won, net, mean } = stocks.find((one) => one.symbol === symbol);
    const box = byId("stock");
    box.hidden = false;
    box.querySelector("h3").textContent = symbol;
    box.querySelector("p").textContent = `${whole(count)} trade${count === 1 ? "" : "s"}, ${whole(won)} won, ${signed(net, 0)} $, mean return ${percent(mean)}. ▲ long entry, ▼ short entry, ✕ exit; below, what they earned together.`;
    shows.forEach((show) => show());
    if (charts.canDraw) drawStock();
    box.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }

  if (!charts.canDraw) return;
  charts.keepDrawn(() => {
    drawAccount();
    drawExcursions();
    drawNull();
    if (chosen) drawStock();
  });
})();
