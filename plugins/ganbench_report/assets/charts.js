// Curves of many runs in one plot: losses and metrics over kimg or seconds, with floors, best and final. uPlot draws.

const COLOURS = 8;
const DASHES = [[], [8, 4], [2, 4], [10, 4, 2, 4]];
const LOG_RATIO = 20; // a metric that spans more, its floor included, is drawn on a logarithmic axis
const LEAST_SHARE = 0.2; // a floor beside which the curves would have less of the height is told in words at the edge instead
let drawn = [];

function removeCharts() {
  for (const { plot, observer } of drawn) {
    observer.disconnect();
    plot.destroy();
  }
  drawn = [];
}

/** Forget the charts whose place in the page something else has taken. */
function sweepCharts() {
  drawn = drawn.filter(({ plot, observer, host }) => {
    if (host.isConnected) return true;
    observer.disconnect();
    plot.destroy();
    return false;
  });
}

/** Return for each run of some the number of its colour: replicates share one. */
function coloursOf(numbers) {
  const seen = new Map();
  return new Map(numbers.map((number) => {
    const group = groups.get(number) ?? String(number);
    if (!seen.has(group)) seen.set(group, seen.size);
    return [number, seen.get(group)];
  }));
}

function strokeOf(index) {
  return colour(`--c${index % COLOURS}`);
}

function swatch(index) {
  return h("span", { class: `swatch c${index % COLOURS} d${Math.floor(index / COLOURS) % DASHES.length}`, "aria-hidden": "true" });
}

/** Return what can be drawn of some runs: a panel for each metric under each evaluation key, and for each statistic of training. */
function panelsOf(numbers) {
  const panels = new Map();
  for (const number of numbers) {
    for (const metric of runs[number].metrics) {
      const key = `${metric.name}@${metric.key}`;
      if (!panels.has(key)) panels.set(key, { key, title: metric.label, direction: metric.higher ? "higher" : "lower", metric: true, dataset: runs[number].dataset });
    }
  }
  const titles = [...panels.values()].map((panel) => panel.title);
  for (const panel of panels.values()) if (titles.filter((title) => title === panel.title).length > 1) panel.title += ` [${panel.key.split("@").at(-1).slice(0, 6)}]`;
  for (const number of numbers) {
    for (const name of Object.keys(runs[number].curves.values ?? {})) {
      if (!panels.has(name)) panels.set(name, { key: name, title: name.replaceAll("_", " "), direction: "", metric: false, statistic: !name.endsWith("loss") });
    }
  }
  return [...panels.values()];
}

function shownPanels(panels) {
  const wanted = state.show ? state.show.split(",") : panels.filter((panel) => !panel.statistic).map((panel) => panel.key);
  return panels.filter((panel) => wanted.includes(panel.key));
}

/** Return the curve of one run in one panel, or null. */
function curveOf(panel, number) {
  const run = runs[number];
  if (!panel.metric) {
    const values = run.curves.values?.[panel.key];
    return values ? { number, x: run.curves[state.x], y: values } : null;
  }
  const metric = run.metrics.find((one) => `${one.name}@${one.key}` === panel.key);
  if (!metric) return null;
  return { number, x: metric[state.x], y: metric.values, spreads: metric.spreads, best: metric.best, floor: metric.floor, floors: metric.floors };
}

/** Return a figure with the curves of some runs in one panel. */
function chart(panel, numbers, colours) {
  const curves = numbers.map((number) => curveOf(panel, number)).filter(Boolean);
  const arrow = { higher: " ↑", lower: " ↓" }[panel.direction] ?? "";
  const host = h("div", { class: "plot", tabindex: "0", role: "img", "aria-label": `${panel.title} of ${curves.length} run${curves.length === 1 ? "" : "s"}; the arrow keys go from point to point` });
  const floors = [...new Map(curves.filter((one) => one.floor !== null && one.floor !== undefined).map((one) => [one.floor, one])).values()];
  const real = floors.length ? h("span", { class: "aside" }, h("span", { class: "floor", "aria-hidden": "true" }), `real ${floors.slice(0, 3).map((one) => figure(one.floor)).join(", ")}`) : null;
  const figureElement = h("figure", { class: "chart" }, h("figcaption", {}, h("span", {}, `${panel.title}${arrow}`), real), host);
  const points = curves.flatMap((one) => one.y).filter((value) => value !== null);
  const near = floors.filter((one) => isNear(one.floor, points, panel.metric)), far = floors.filter((one) => !near.includes(one));
  const values = [...points, ...near.map((one) => one.floor)];
  if (!values.length) {
    host.append(h("p", { class: "empty" }, "no finite value"));
    return figureElement;
  }
  const least = Math.min(...values), most = Math.max(...values);
  const positive = values.filter((value) => value > 0);
  const logarithmic = isLogarithmic(values, panel.metric);
  const visible = (x, y) => (state.logx ? x > 0 : x !== null) && (logarithmic ? y > 0 : true);
  const tables = curves.map((one) => [[...one.x], one.y.map((y, i) => (y !== null && visible(one.x[i], y) ? y : null))]);
  const kept = tables.map(([x, y]) => {
    const at = x.map((_, i) => i).filter((i) => x[i] !== null && (!state.logx || x[i] > 0));
    return [at.map((i) => x[i]), at.map((i) => y[i])];
  });
  const data = uPlot.join(kept);
  if (!data[0].length) {
    host.append(h("p", { class: "empty" }, "no point can be drawn on a logarithmic axis"));
    return figureElement;
  }
  // The size is known as soon as the figure stands in the page.
  requestAnimationFrame(() => draw({ panel, host, curves, data, near, far, logarithmic, colours, low: logarithmic ? Math.min(...positive) : least, high: most }));
  return figureElement;
}

/** Tell whether values are drawn on a logarithmic axis. */
function isLogarithmic(values, isMetric) {
  const least = Math.min(...values);
  return state.logy === "on" ? values.some((value) => value > 0) : state.logy === "auto" && isMetric && least > 0 && Math.max(...values) / least > LOG_RATIO;
}

/** Tell whether real against real can stand beside some points without pressing their curves flat. */
function isNear(floor, points, isMetric) {
  const at = isLogarithmic([...points, floor], isMetric) ? Math.log : Number;
  const spanOf = (some) => Math.max(...some) - Math.min(...some);
  const [span, height] = [points, [...points, floor]].map((some) => spanOf(some.map(at).filter(Number.isFinite)));
  return !(span > 0) || span >= LEAST_SHARE * height;
}

function draw({ panel, host, curves, data, near, far, logarithmic, colours, low, high }) {
  if (!host.isConnected) return;
  const ink = colour("--muted"), line = colour("--line"), surface = colour("--surface");
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif" };
  const series = curves.map((one) => ({
    stroke: strokeOf(colours.get(one.number)), width: panel.metric ? 1.75 : 1.25, spanGaps: true, points: { show: panel.metric && curves.length < 7 && one.y.length < 40, size: 5 },
    dash: DASHES[Math.floor(colours.get(one.number) / COLOURS) % DASHES.length],
  }));
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  const range = logarithmic ? () => [roundTo(low, Math.floor), roundTo(high, Math.ceil)] : () => [low - pad, high + pad];
  const powers = { filter: (_, ticks) => ticks.map((value) => (!logarithmic || Number.isInteger(Number(Math.log10(value).toFixed(6))) ? value : null)) };
  const options = {
    width: Math.max(host.clientWidth, 120), height: host.clientHeight || 240, legend: { show: false }, focus: { alpha: 0.25 },
    cursor: { points: { show: false }, y: false, drag: { x: true, y: false, setScale: true } },
    scales: { x: { time: false, distr: state.logx ? 3 : 1 }, y: { distr: logarithmic ? 3 : 1, range } },
    axes: [
      { ...axis, label: state.x === "kimg" ? "kimg" : "seconds of training", labelSize: 18, size: 34, values: (_, ticks) => ticks.map(tick) },
      { ...axis, grid: { ...axis.grid, ...powers }, ticks: { ...axis.ticks, ...powers }, size: 58, values: (_, ticks) => ticks.map(tick) },
    ],
    series: [{}, ...series],
    hooks: { drawClear: [(plot) => drawFloors(plot, near, ink)], draw: [(plot) => drawMarks(plot, curves, colours, surface)] },
  };
  const plot = new uPlot(options, data, host);
  const observer = new ResizeObserver(() => plot.setSize({ width: Math.max(host.clientWidth, 120), height: host.clientHeight || 240 }));
  observer.observe(host);
  drawn.push({ plot, observer, host });
  tellFloors(plot, far, low);
  addHover(plot, host, curves);
}

/** Return the next number with one digit that is not 0. */
function roundTo(value, direction) {
  const size = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return direction(Number((value / size).toFixed(6))) * size;
}

function tick(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  return size >= 1e6 || (size > 0 && size < 1e-3) ? value.toExponential(0) : String(Number(value.toPrecision(6)));
}

/** Draw real against real: the mean as a line, the range over the splits as a band. */
function drawFloors(plot, floors, ink) {
  const { ctx, bbox } = plot, at = (value) => plot.valToPos(value, "y", true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const { floor, floors: [lowest, highest] } of floors) {
    ctx.strokeStyle = ctx.fillStyle = ink;
    ctx.lineWidth = 1.25 * devicePixelRatio;
    if (lowest > 0 || plot.scales.y.distr === 1) {
      ctx.globalAlpha = 0.15;
      ctx.fillRect(bbox.left, at(highest), bbox.width, Math.max(at(lowest) - at(highest), 1));
    }
    ctx.globalAlpha = 1;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, at(floor));
    ctx.lineTo(bbox.left + bbox.width, at(floor));
    ctx.stroke();
  }
  ctx.restore();
}

/** Say at the edges which real against real lies far above or below what is drawn. */
function tellFloors(plot, floors, low) {
  for (const side of ["above", "below"]) {
    const some = floors.filter((one) => (one.floor > low) === (side === "above"));
    if (some.length) plot.over.append(h("div", { class: `edge ${side}` }, `real ${some.slice(0, 3).map((one) => figure(one.floor)).join(", ")}, far ${side}`));
  }
}

/** Draw a ring around the best value of each metric, and a dot on the last one. */
function drawMarks(plot, curves, colours, surface) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left - 8, bbox.top - 8, bbox.width + 16, bbox.height + 16);
  ctx.clip();
  for (const one of curves) {
    if (one.best === undefined) continue;
    const last = one.y.length - 1;
    for (const [i, radius, isRing] of [[last, 3.5, false], [one.best, 6, true]]) {
      if (one.y[i] === null || (state.logx && one.x[i] <= 0)) continue;
      const x = plot.valToPos(one.x[i], "x", true), y = plot.valToPos(one.y[i], "y", true);
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      ctx.beginPath();
      ctx.arc(x, y, radius * devicePixelRatio, 0, 2 * Math.PI);
      ctx.strokeStyle = ctx.fillStyle = strokeOf(colours.get(one.number));
      ctx.lineWidth = 1.25 * devicePixelRatio;
      if (isRing) ctx.stroke();
      else ctx.fill();
      if (!isRing) {
        ctx.strokeStyle = surface;
        ctx.stroke();
      }
    }
  }
  ctx.restore();
}

/** Show what lies nearest to the pointer; the arrow keys go from point to point, and from run to run. */
function addHover(plot, host, curves) {
  const bubble = h("div", { class: "bubble", role: "status", hidden: true });
  const dot = h("div", { class: "dot", hidden: true });
  plot.over.append(dot, bubble);
  let at = null;
  const near = (k, from) => {
    const column = plot.data[k];
    for (let step = 0; step < column.length; step++) {
      if (column[from - step] !== null && column[from - step] !== undefined) return from - step;
      if (column[from + step] !== null && column[from + step] !== undefined) return from + step;
    }
    return -1;
  };
  const hide = () => {
    bubble.hidden = dot.hidden = true;
    if (at) plot.setSeries(null, { focus: true });
    at = null;
  };
  const place = (k, i) => {
    const x = plot.data[0][i], y = plot.data[k][i], one = curves[k - 1];
    const left = plot.valToPos(x, "x"), top = plot.valToPos(y, "y");
    if (left < -1 || left > plot.over.clientWidth + 1) return;
    const point = one.x.indexOf(x), spread = one.spreads?.[point];
    const words = [point === one.best && "best", one.best !== undefined && point === one.y.length - 1 && "final"].filter(Boolean);
    replace(bubble,
      h("strong", {}, runName(one.number)), h("span", {}, `${figure(y)}${spread ? ` ±${figure(spread, 2)}` : ""}${words.length ? ` (${words.join(", ")})` : ""}`),
      h("span", {}, state.x === "kimg" ? `at ${plain(x)} kimg` : `after ${duration(x)} of training`));
    bubble.hidden = dot.hidden = false;
    if (!at || at[0] !== k) plot.setSeries(k, { focus: true });
    at = [k, i];
    dot.style.left = `${left}px`;
    dot.style.top = `${top}px`;
    bubble.style.left = `${Math.max(0, Math.min(left + 12, plot.over.clientWidth - bubble.offsetWidth))}px`;
    bubble.style.top = `${top > plot.over.clientHeight / 2 ? top - bubble.offsetHeight - 12 : top + 12}px`;
  };
  plot.over.addEventListener("mousemove", (event) => {
    const { left: x, top: y } = plot.over.getBoundingClientRect(), left = event.clientX - x, top = event.clientY - y;
    let best = null;
    const idx = plot.posToIdx(left);
    for (let k = 1; k < plot.data.length; k++) {
      const i = near(k, idx);
      if (i < 0) continue;
      const dx = plot.valToPos(plot.data[0][i], "x") - left, dy = plot.valToPos(plot.data[k][i], "y") - top, far = dx * dx + dy * dy;
      if (!best || far < best.far) best = { k, i, far };
    }
    if (best && best.far < 80 * 80) place(best.k, best.i);
    else hide();
  });
  plot.over.addEventListener("mouseleave", hide);
  host.addEventListener("blur", hide);
  host.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: 0, ArrowDown: 0 };
    if (event.key === "Escape") hide();
    if (!(event.key in steps)) return;
    event.preventDefault();
    let [k, i] = at ?? [1, near(1, plot.data[0].length - 1)];
    if (at && steps[event.key] === 0) {
      k = ((k - 1 + (event.key === "ArrowDown" ? 1 : curves.length - 1)) % curves.length) + 1;
      i = near(k, i);
    }
    if (at && steps[event.key]) {
      let next = i + steps[event.key];
      while (next >= 0 && next < plot.data[0].length && (plot.data[k][next] ?? null) === null) next += steps[event.key];
      if (next >= 0 && next < plot.data[0].length) i = next;
    }
    if (i >= 0) place(k, i);
  });
}

/** The list from which a reader chooses runs, which is the key of the colours too. */
function chooser(show) {
  const chosen = new Set(chosenRuns()), colours = coloursOf([...chosen]);
  const lists = content.boards.map((board, b) => {
    const rows = board.means.sections.flatMap((section, s) => section.rows.map((row, r) => ({ row, id: `row-${b}-${s}-${r}` })));
    const items = rows.filter(({ row }) => row.runs.length).map(({ row, id }) => {
      const some = row.runs.filter((number) => chosen.has(number));
      const press = (event) => change({ runs: toggleRuns(row.runs, event.target.checked) }, () => {
        show();
        document.getElementById(id)?.focus();
      });
      const mark = some.length ? swatch(colours.get(some[0])) : h("span", { class: "swatch none", "aria-hidden": "true" });
      const seeds = row.runs.length > 1 ? h("span", { class: "aside" }, `${row.runs.length} seeds`) : null;
      return h("li", {}, h("label", { class: "check", for: id }, h("input", { id, type: "checkbox", checked: some.length > 0, onchange: press }), mark, h("span", {}, runs[row.runs[0]].row), seeds));
    });
    return [content.boards.length > 1 ? h("p", { class: "folder" }, board.name) : null, h("ul", { class: "plain" }, items)];
  });
  const wide = matchMedia("(min-width: 900px)").matches;
  return h("details", { class: "chooser", open: wide }, h("summary", {}, "Runs"), lists);
}

const curvesView = {
  tools(show) {
    return [
      select("x", "Over", state.x, [["kimg", "kimg"], ["seconds", "seconds of training"]], (x) => change({ x }, show)),
      toggle("logx", "log x", state.logx === "1", (on) => change({ logx: on ? "1" : "" }, show)),
      select("logy", "y axis", state.logy, [["auto", "as fits"], ["on", "logarithmic"], ["off", "linear"]], (logy) => change({ logy }, show)),
    ];
  },

  show(host, show) {
    const numbers = chosenRuns(), colours = coloursOf(numbers), panels = panelsOf(numbers), shown = shownPanels(panels);
    const boxes = panels.map((panel, i) => toggle(`panel-${i}`, panel.title, shown.includes(panel), (on) => {
      const wanted = panels.filter((one) => (one === panel ? on : shown.includes(one))).map((one) => one.key);
      change({ show: wanted.join(",") || "none" }, () => {
        show();
        document.getElementById(`panel-${i}`)?.focus();
      });
    }));
    const told = shown.some((panel) => panel.metric) ? "A ring is the best value, a dot the last; the dashed line is real against real, with its range over the splits; where it lies too far off to be drawn, its edge says so. Drag to enlarge, double click to go back." : "";
    const none = numbers.some((number) => runs[number].curves.values) ? "" : "These runs kept no events, so there are metrics and no losses.";
    replace(host, h("div", { class: "beside" }, chooser(show), h("div", {},
      boxes.length > 1 ? h("fieldset", { class: "panels" }, h("legend", {}, "Shown"), boxes) : null,
      numbers.length ? null : h("p", { class: "empty" }, "no run is chosen"),
      h("div", { class: "charts" }, shown.map((panel) => chart(panel, numbers, colours))),
      h("p", { class: "note" }, [told, none].filter(Boolean).join(" ")),
      numbers.length ? valuesTable(numbers, panels.filter((panel) => panel.metric)) : null)));
  },
};

/** The same as numbers, for whoever cannot see or does not trust a curve. */
function valuesTable(numbers, panels) {
  if (!panels.length) return null;
  const head = panels.flatMap((panel) => ["final", "best", "real"].map((part) => h("th", { scope: "col", class: "number" }, `${panel.title} ${part}`)));
  const body = numbers.map((number) => h("tr", {}, h("th", { scope: "row", class: "name" }, runName(number)), panels.flatMap((panel) => {
    const one = curveOf(panel, number);
    const values = one ? [one.y.at(-1), one.y[one.best], one.floor] : [null, null, null];
    return values.map((value) => h("td", { class: "number" }, figure(value)));
  })));
  return h("details", {}, h("summary", {}, "The values as a table"), wide("final and best values", h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "name" }, "run"), head)), h("tbody", {}, body))));
}
