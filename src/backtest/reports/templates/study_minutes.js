// Draws the mean cumulative abnormal return by minute, and beside it volume and range.
(() => {
  if (!charts.canDraw || !charts.data.minutes) return;
  const { axis, byId, colour, data, number, percent, percents, widthOf } = charts;
  const { rows, ends } = data.minutes;
  const minutes = rows.map((row) => row.minute);
  const last = minutes[minutes.length - 1];
  const dotted = (at) => ({ type: "line", ...at, line: { color: colour("--soft"), width: 1, dash: "dot" } });
  const atPublication = () => dotted({ x0: 0, x1: 0, yref: "paper", y0: 0, y1: 1 });
  const signed = (minute) => `${minute > 0 ? "+" : ""}${minute}`.replace("-", "−");
  const narrow = () => widthOf(byId("by-minute")) < 480;

  function minuteAxis(to, more) {
    const ticks = narrow() ? [0, 60, 120] : [-30, 0, 30, 60, 90, 120];
    return axis("Minutes", {
      range: [minutes[0] - 2, to], zeroline: false, tickangle: 0,
      tickvals: [...ticks, ...more.map(({ x }) => x)], ticktext: [...ticks.map(signed), ...more.map(({ text }) => text)],
    });
  }

  function label(mean, when) {
    if (mean.value === null) return "";
    const ends = mean.low === null ? "" : `<br>interval ${percent(mean.low, 2)} to ${percent(mean.high, 2)}`;
    return `<b>${percent(mean.value, 2)}</b> ${when}${ends}<br>${number(mean.events, 0)} event${mean.events === 1 ? "" : "s"}`;
  }

  function drawMean() {
    const line = (name) => percents(rows.map((row) => row[name] ?? row.value));
    const hidden = { type: "scatter", mode: "lines", x: minutes, hoverinfo: "skip", line: { width: 0 } };
    const gap = narrow() ? 40 : 16;
    const places = ends.map((end, n) => ({ x: last + gap * (n + 1), text: end.name.replace(" ", "<br>") }));
    const reach = (from, to) => ends.map((end) => (end.low === null ? 0 : 100 * (end[to] - end[from])));
    const hovertemplate = "%{text}<extra></extra>";
    charts.draw(byId("by-minute"), [
      { ...hidden, y: line("low") },
      { ...hidden, y: line("high"), fill: "tonexty", fillcolor: colour("--line") },
      {
        type: "scatter", mode: "lines+markers", x: minutes, y: line("value"), hovertemplate,
        line: { color: colour("--accent"), width: 3 }, marker: { size: 4 },
        text: rows.map((row) => label(row, `by minute ${signed(row.minute)}`)),
      },
      {
        type: "scatter", mode: "markers", x: places.map(({ x }) => x), y: percents(ends.map((end) => end.value)), hovertemplate,
        marker: { size: 8, color: colour("--accent") }, text: ends.map((end) => label(end, end.name)),
        error_y: { type: "data", symmetric: false, array: reach("value", "high"), arrayminus: reach("low", "value"), color: colour("--soft") },
      },
    ], {
      height: 380, margin: { l: 55, r: 8, t: 8, b: 60 }, hovermode: "closest", shapes: [atPublication()],
      xaxis: minuteAxis(last + gap * (ends.length + 0.6), places),
      yaxis: axis("Mean cumulative abnormal return", { ticksuffix: " %" }),
    });
  }

  function drawMultiples() {
    const trace = (name, key, more) => ({
      type: "scatter", mode: "lines", name, x: minutes, y: rows.map((row) => row[key]), line: { color: colour(more), width: 2 },
      text: rows.map((row) => row[key] === null ? "" : `${name.toLowerCase()} <b>${number(row[key], 1)}</b> times the usual<br>in the bar that ends at minute ${signed(row.minute)}`),
      hovertemplate: "%{text}<extra></extra>",
    });
    charts.draw(byId("multiples"), [trace("Volume", "volume", "--kind-1"), trace("Range", "range", "--kind-2")], {
      height: 380, margin: { l: 50, r: 8, t: 8, b: 60 }, hovermode: "closest", showlegend: true,
      legend: { orientation: "h", x: 1, xanchor: "right", y: 1, yanchor: "top" },
      shapes: [atPublication(), dotted({ xref: "paper", x0: 0, x1: 1, y0: 1, y1: 1 })],
      xaxis: minuteAxis(last + 8, []),
      yaxis: axis("Times the usual", { rangemode: "tozero" }),
    });
  }

  charts.keepDrawn(() => { drawMean(); drawMultiples(); });
})();
