// The run among the accounts that trade its signals at random times.
"use strict";
const drawNull = () => {
  const { byId, colour, data, draw, number } = charts;
  if (!data.null) return;
  const { first, step, counts, run } = data.null;
  const middles = counts.map((_, n) => first + step * (n + 0.5));
  draw(byId("null"), [{
    type: "bar", x: middles, y: counts, width: step,
    marker: { color: middles.map((middle) => colour(middle < run ? "--line" : "--soft")), line: { color: colour("--paper"), width: 1 } },
    text: middles.map((middle, n) => `${number(middle - step / 2, 2)} to ${number(middle + step / 2, 2)}: ${number(counts[n], 0)} accounts`),
    textposition: "none", hovertemplate: "%{text}<extra></extra>",
  }], {
    height: 200, margin: { l: 8, r: 8, t: 22, b: 26 }, bargap: 0, hovermode: "closest",
    xaxis: { fixedrange: true, showgrid: false, zeroline: false }, yaxis: { fixedrange: true, visible: false },
    shapes: [{ type: "line", x0: run, x1: run, yref: "paper", y0: 0, y1: 1, line: { color: colour("--loss"), width: 2 } }],
    annotations: [{
      x: run, y: 1, yref: "paper", yanchor: "bottom", showarrow: false, text: `<b>this run ${number(run, 2)}</b>`, font: { color: colour("--loss") },
      xanchor: run > middles[Math.floor(middles.length / 2)] ? "right" : "left",
    }],
  });
};
