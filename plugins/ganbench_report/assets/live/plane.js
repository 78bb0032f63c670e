// A GAN of points in the plane, as GAN Lab shows it (Kahng et al. 2019): what is real, what is generated, and what the discriminator says where.

const LAYERS = { real: "real points", fake: "generated points", map: "discriminator", arrows: "gradients", manifold: "generator's manifold" };

function layersShown() {
  return new Set(state.layers.split(" "));
}

/** Return a function from a point to a place on a square canvas. */
function placer([[left, right], [bottom, top]], size) {
  return ([x, y]) => [((x - left) / (right - left)) * size, ((top - y) / (top - bottom)) * size];
}

const isPoint = (point) => point[0] !== null && point[1] !== null;

function drawMap(pen, view, size) {
  const { cells, side, middle } = view;
  const known = cells.filter((value) => value !== null).map((value) => Math.abs(value - middle)).sort((a, b) => a - b);
  const most = known[Math.floor(0.95 * (known.length - 1))] || 1, step = size / side;
  for (const [i, value] of cells.entries()) {
    if (value === null) continue;
    const at = Math.max(-1, Math.min(1, (value - middle) / most));
    pen.globalAlpha = 0.5 * Math.sqrt(Math.abs(at));
    pen.fillStyle = colour(at > 0 ? "--c2" : "--c3");
    const column = i % side, row = side - 1 - Math.floor(i / side), [x, y] = [Math.round(column * step), Math.round(row * step)];
    pen.fillRect(x, y, Math.round((column + 1) * step) - x, Math.round((row + 1) * step) - y);
  }
}

/** Draw the mesh: a cell that many latents share the room of is the denser the smaller it is. */
function drawManifold(pen, view, place, size) {
  const side = Math.round(Math.sqrt(view.manifold.length)), at = view.manifold.map((point) => (isPoint(point) ? place(point) : null));
  pen.fillStyle = pen.strokeStyle = colour("--c3");
  pen.lineWidth = 1;
  for (let row = 0; row + 1 < side; row++) {
    for (let column = 0; column + 1 < side; column++) {
      const corners = [row * side + column, row * side + column + 1, (row + 1) * side + column + 1, (row + 1) * side + column].map((i) => at[i]);
      if (corners.includes(null)) continue;
      const area = Math.abs(corners.reduce((sum, [x, y], i) => sum + x * corners[(i + 1) % 4][1] - corners[(i + 1) % 4][0] * y, 0)) / 2;
      pen.beginPath();
      for (const corner of corners) pen.lineTo(...corner);
      pen.closePath();
      pen.globalAlpha = Math.max(0.05, Math.min(0.5, (0.0004 * size * size) / Math.max(area, 1)));
      pen.fill();
      pen.globalAlpha = 0.35;
      pen.stroke();
    }
  }
}

function drawPoints(pen, points, place, name, radius) {
  pen.globalAlpha = 0.85;
  pen.fillStyle = colour(name);
  pen.strokeStyle = colour("--surface");
  pen.lineWidth = 0.75;
  for (const point of points.filter(isPoint)) {
    const [x, y] = place(point);
    pen.beginPath();
    pen.arc(x, y, radius, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
  }
}

/** Draw where the discriminator's score rises: the longest arrows are a twelfth of the plane. */
function drawArrows(pen, view, place, size) {
  const long = view.arrows.map(([x, y]) => Math.hypot(x ?? 0, y ?? 0)).sort((a, b) => a - b);
  const most = long[Math.floor(0.9 * (long.length - 1))] || 1;
  pen.globalAlpha = 0.6;
  pen.strokeStyle = colour("--ink");
  pen.lineWidth = 1;
  for (const [i, [dx, dy]] of view.arrows.entries()) {
    if (!isPoint(view.fake[i]) || dx === null || dy === null) continue;
    const [x, y] = place(view.fake[i]), length = (Math.min(Math.hypot(dx, dy) / most, 1) * size) / 12, angle = Math.atan2(-dy, dx);
    if (length < 2) continue;
    const [toX, toY] = [x + length * Math.cos(angle), y + length * Math.sin(angle)];
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(toX, toY);
    for (const turn of [2.6, -2.6]) {
      pen.moveTo(toX, toY);
      pen.lineTo(toX + 4 * Math.cos(angle + turn), toY + 4 * Math.sin(angle + turn));
    }
    pen.stroke();
  }
}

function drawPlane(canvas, view) {
  const size = canvas.clientWidth, scale = window.devicePixelRatio || 1, shown = layersShown();
  if (!size) return;
  canvas.width = canvas.height = Math.round(size * scale);
  const pen = canvas.getContext("2d"), place = placer(view.box, size);
  pen.scale(scale, scale);
  pen.fillStyle = colour("--surface");
  pen.fillRect(0, 0, size, size);
  if (shown.has("map") && view.cells) drawMap(pen, view, size);
  if (shown.has("manifold") && view.manifold) drawManifold(pen, view, place, size);
  if (shown.has("real")) drawPoints(pen, view.real, place, "--c2", 3);
  if (shown.has("fake")) drawPoints(pen, view.fake, place, "--c3", 3);
  if (shown.has("arrows") && view.arrows) drawArrows(pen, view, place, size);
}

function planeFacts(told) {
  const { modes, divergence, floor } = told.plane;
  return [
    ["seen", `${plain(told.samples_seen / 1000)} kimg, step ${whole(told.generator_steps)}`],
    ["modes found", modes ? `${modes.found} of ${modes.all}` : ""], ["points at a mode", modes ? `${plain(100 * modes.share)} %` : ""],
    ["JS divergence", `${figure(divergence, 3)} bit`], ["real against real", floor === null ? "" : `${figure(floor, 3)} bit`],
  ];
}

/** Return the picture with its layers; `update` draws what the run tells. */
function planePanel(name) {
  const canvas = h("canvas", { class: "plane", role: "img" }), table = h("div", {}), note = h("p", { class: "note" });
  let told = null;
  const draw = () => told && drawPlane(canvas, told.plane);
  const keys = { real: "c2", fake: "c3", map: "c2", arrows: "", manifold: "c3" };
  const toggles = Object.entries(LAYERS).map(([layer, label]) => toggle(`layer-${layer}`, [h("span", { class: `spot ${keys[layer]} ${layer}`, "aria-hidden": "true" }), label], layersShown().has(layer), (on) => {
    const shown = layersShown();
    on ? shown.add(layer) : shown.delete(layer);
    change({ layers: Object.keys(LAYERS).filter((one) => shown.has(one)).join(" ") || "none" });
    draw();
  }));
  new ResizeObserver(draw).observe(canvas);
  const update = (now) => {
    told = now;
    const { modes, divergence, without, manifold } = now.plane;
    const found = modes ? `${modes.found} of ${modes.all} modes found, ` : "";
    canvas.setAttribute("aria-label", `real and generated points of ${name} at ${plain(now.samples_seen / 1000)} kimg: ${found}Jensen-Shannon divergence ${figure(divergence, 3)} bit`);
    replace(table, facts(planeFacts(now)));
    const missing = [without && `no map and no arrows: ${without}`, !manifold && "no manifold: the generator is asked no plain latents"].filter(Boolean);
    note.textContent = `${missing.length ? `${missing.join("; ")}. ` : ""}Green is where the discriminator takes points for real, purple where it does not; arrows say where its score rises.`;
    draw();
  };
  return { host: h("div", { class: "planes" }, canvas, h("div", {}, h("fieldset", { class: "layers" }, h("legend", {}, "Layers"), toggles), table, note)), update, draw };
}
