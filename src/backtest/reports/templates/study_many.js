// Draws the mean cumulative abnormal return of each group, with its interval.
"use strict";
(() => {
  if (!charts.canDraw) return;
  const { apart, axis, byId, colour, data, percent, percents } = charts;
  const last = data.days.length - 1;
  const most = Math.max(1, data.curves.length - 1);

  // From the colour of losses through grey to that of gains.
  function shade(place) {
    if (data.curves.length === 1) return colour("--accent");
    const part = place / most;
    const [from, share] = part < 0.5 ? ["--loss", 1 - 2 * part] : ["--gain", 2 * part - 1];
    return `color-mix(in srgb, ${colour(from)} ${Math.round(100 * share)}%, ${colour("--soft")})`;
  }

  function resolved(place) {
    const probe = document.createElement("span");
    probe.style.color = shade(place);
    document.body.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    const numbers = color.match(/[\d.]+/g).map(Number);
    const scale = color.startsWith("color(") ? 255 : 1;
    return numbers.slice(0, 3).map((value) => Math.round(value * scale)).join(",");
  }

  function draw() {
    const hidden = { type: "scatter", mode: "lines", x: data.days, hoverinfo: "skip", line: { width: 0 }, showlegend: false };
    const traces = data.curves.flatMap((curve, place) => {
      const rgb = resolved(place);
      return [
        { ...hidden, y: percents(curve.low) },
        { ...hidden, y: percents(curve.high), fill: "tonexty", fillcolor: `rgba(${rgb},.14)` },
        {
          type: "scatter", mode: "lines", x: data.days, y: percents(curve.mean), name: curve.name,
          line: { color: `rgb(${rgb})`, width: 2.5 },
          text: curve.mean.map((value, day) => value === null ? "" : `${curve.name}<br><b>${percent(value, 2)}</b> by day ${data.days[day]}`),
          hovertemplate: "%{text}<extra></extra>", showlegend: false,
        },
      ];
    });
    const ends = data.curves.map((curve, place) => ({ curve, place, y: curve.mean[last] })).filter((end) => end.y !== null);
    ends.sort((one, other) => one.y - other.y);
    const all = data.curves.flatMap((curve) => [...curve.mean, ...curve.low, ...curve.high]).filter((value) => value !== null);
    const heights = apart(ends.map(({ y }) => y), (Math.max(...all) - Math.min(...all)) / 22);
    const labels = ends.map(({ curve, place }, n) => ({
      x: data.days[last], y: 100 * heights[n], xanchor: "left", xshift: 6, showarrow: false,
      text: curve.name, font: { size: 12, color: `rgb(${resolved(place)})` },
    }));
    charts.draw(byId("curve"), traces, {
      height: 440, margin: { l: 55, r: 12 + 7 * Math.max(...data.curves.map(({ name }) => name.length)), t: 8, b: 50 }, hovermode: "closest", annotations: labels,
      xaxis: axis("Sessions from day 0", { range: [data.days[0], data.days[last] + 0.3] }),
      yaxis: axis("Mean cumulative abnormal return", { ticksuffix: " %" }),
      shapes: [{ type: "line", x0: -0.5, x1: -0.5, yref: "paper", y0: 0, y1: 1, line: { color: colour("--soft"), width: 1, dash: "dot" } }],
    });
  }

  charts.keepDrawn(draw);
})();
