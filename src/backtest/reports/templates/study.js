// Draws the mean cumulative abnormal return of the chosen events over what random days do.
"use strict";
(() => {
  if (!charts.canDraw) return;
  const { axis, byId, colour, data, folded, percent, percents } = charts;
  let group = 0;

  function line(place, sign) {
    const event = data.events[place];
    const path = event.path.map((value) => (value === null ? null : sign * value));
    const name = `${event.day}${sign < 0 ? ", sign turned" : ""}<br>${folded(event.text)}`;
    return {
      type: "scatter", mode: "lines", x: data.days, y: percents(path),
      line: { color: colour("--soft"), width: 1 }, opacity: 0.7,
      text: path.map((value, day) => value === null ? "" : `${name}<br><b>${percent(value)}</b> by day ${data.days[day]}`),
      hovertemplate: "%{text}<extra></extra>",
    };
  }

  function draw() {
    const curve = data.curves[group];
    const element = byId("curve");
    const hidden = { type: "scatter", mode: "lines", x: data.days, hoverinfo: "skip", line: { width: 0 } };
    const traces = [
      { ...hidden, y: percents(curve.low) },
      { ...hidden, y: percents(curve.high), fill: "tonexty", fillcolor: colour("--line") },
      ...curve.places.map((place, n) => line(place, curve.signs[n])),
      {
        type: "scatter", mode: "lines+markers", x: data.days, y: percents(curve.mean),
        line: { color: colour("--accent"), width: 3 }, marker: { size: 5 },
        text: curve.mean.map((value, day) => value === null ? "" : `mean <b>${percent(value)}</b> by day ${data.days[day]}<br>random days ${percent(curve.low[day])} to ${percent(curve.high[day])}`),
        hovertemplate: "%{text}<extra></extra>",
      },
    ];
    charts.draw(element, traces, {
      height: 420, margin: { l: 55, r: 8, t: 8, b: 50 }, hovermode: "closest",
      xaxis: axis("Sessions from day 0"),
      yaxis: axis("Cumulative abnormal return", { ticksuffix: " %" }),
    });
    byId("caption").textContent = caption(curve);
  }

  function caption(curve) {
    const end = curve.mean.reduce((last, value, day) => (value === null ? last : day), null);
    const missing = curve.places.filter((place) => data.events[place].path.every((value) => value === null)).length;
    let text = `Thick: mean of ${curve.places.length} (${curve.name})`;
    if (end !== null) text += `, ${percent(curve.mean[end])} by day ${data.days[end]}`;
    text += ". Thin: each event. Band: where the means of 95 in 100 sets of random days lie, day by day.";
    if (missing) text += ` Not drawn: ${missing}, whose first day lies before the prices.`;
    return text;
  }

  data.curves.forEach((curve, place) => {
    byId("group").add(new Option(`${curve.name} (${curve.places.length})`, place));
  });
  byId("group").addEventListener("change", (event) => {
    group = Number(event.target.value);
    draw();
  });
  charts.keepDrawn(draw);
})();
