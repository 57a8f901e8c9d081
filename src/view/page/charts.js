"use strict";
// What all charts share: axes, and a small chart of curves for the second tab.

const AXIS_FONT = "12px system-ui, sans-serif";
const GRID = { stroke: "#ececec", width: 1 };

const axis = (label, more) => ({
  label, font: AXIS_FONT, labelFont: AXIS_FONT, labelSize: 18, stroke: COLOURS.ink,
  grid: GRID, ticks: { stroke: "#bbb", width: 1, size: 5 }, ...more,
});

const noLegend = { legend: { show: false } };

/** Numbers at the ticks of an axis, without superfluous digits. */
const tickLabels = (u, ticks) => ticks.map(v => v === null ? "" : String(+v.toPrecision(6)));

/** Of a logarithmic axis: the powers of ten, and of a short one 2 and 5 times them, too. */
const logLabels = (u, ticks) => {
  const shown = ticks.filter(v => v);
  const short = shown.length && shown[shown.length - 1] / shown[0] < 120;
  return ticks.map(v => {
    if (!v) return "";
    const lead = +(v / 10 ** Math.floor(Math.log10(v) + 1e-9)).toPrecision(3);
    return lead === 1 || (short && (lead === 2 || lead === 5)) ? String(+v.toPrecision(3)) : "";
  });
};

/**
 * A chart with a title: `curves` of {name, colour, x, y, error, dots, dash}. `o` may hold x and y labels,
 * logX, logY (where it is worth it), xRange, yRange. Lines to compare with are curves, too.
 */
function chart(title, curves, o = {}) {
  const xs = [...new Set(curves.flatMap(c => c.x))].sort((a, b) => a - b);
  const at = new Map(xs.map((x, i) => [x, i]));
  const column = c => {
    const y = new Array(xs.length).fill(undefined);
    c.x.forEach((x, i) => { y[at.get(x)] = Number.isFinite(c.y[i]) ? c.y[i] : null; });
    return y;
  };
  const finite = curves.flatMap(c => c.y).filter(Number.isFinite);
  const least = finite.reduce((a, b) => Math.min(a, b), Infinity), most = finite.reduce((a, b) => Math.max(a, b), -Infinity);
  // Less than a decade is read better on a linear scale.
  const logY = o.logY && least > 0 && most > 10 * least;
  const errors = u => {
    curves.forEach((c, k) => {
      if (!c.error || !u.series[k + 1].show) return;
      u.ctx.save();
      u.ctx.strokeStyle = c.colour;
      u.ctx.lineWidth = devicePixelRatio;
      c.x.forEach((x, i) => {
        if (!Number.isFinite(c.error[i]) || !Number.isFinite(c.y[i])) return;
        const px = u.valToPos(x, "x", true);
        u.ctx.beginPath();
        u.ctx.moveTo(px, u.valToPos(c.y[i] - c.error[i], "y", true));
        u.ctx.lineTo(px, u.valToPos(c.y[i] + c.error[i], "y", true));
        u.ctx.stroke();
      });
      u.ctx.restore();
    });
  };
  const reach = (u, low, high) => {
    if (o.yRange) return o.yRange;
    if (low === null || high === null) return [0, 1];
    curves.forEach(c => c.error && c.y.forEach((v, i) => {
      if (!Number.isFinite(c.error[i])) return;
      low = Math.min(low, v - c.error[i]);
      high = Math.max(high, v + c.error[i]);
    }));
    const pad = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
    return [low - pad, high + pad];
  };
  const box = el("div", { class: "chart" }, el("h3", {}, title));
  const u = new uPlot({
    width: o.width || 430, height: o.height || 260, ...noLegend,
    cursor: { drag: { x: true, y: false }, points: { size: 6 } },
    scales: {
      x: { time: false, distr: o.logX ? 3 : 1, ...(o.xRange ? { range: o.xRange } : {}) },
      y: logY ? { distr: 3 } : { range: reach },
    },
    axes: [
      axis(o.x || "", { size: 34, values: o.logX ? logLabels : tickLabels }),
      axis(o.y || "", { size: 56, values: logY ? logLabels : tickLabels }),
    ],
    series: [{}, ...curves.map(c => ({
      label: c.name, stroke: c.colour, width: c.width || 1.5, spanGaps: true, dash: c.dash,
      points: { show: Boolean(c.dots), size: 6, fill: c.colour },
    }))],
    hooks: { draw: [errors] },
  }, [xs, ...curves.map(column)], box);
  u.root.dataset.chart = title;
  if (curves.length > 1) box.append(legend(curves));
  return box;
}

function legend(curves) {
  const entry = c => el("span", {}, el("i", { style: { borderColor: c.colour, borderTopStyle: c.dash ? "dashed" : "solid" } }), c.name);
  return el("div", { class: "legend" }, ...curves.map(entry));
}
