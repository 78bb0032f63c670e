// A pad to draw points on, for a run of them. It draws a file and no data of a run: what a run trains on stands before its first step.

const PAD = { kept: "ganbench-drawn", file: "drawn.csv", least: 10, most: 100000 };
let sketch = { points: [], strokes: [] };

/** Keep what is drawn while this tab is open, where the browser lets it. */
function keepSketch() {
  try {
    sessionStorage.setItem(PAD.kept, csvOf(sketch.points));
  } catch {
    // a page that may store nothing loses it with the tab
  }
}

function csvOf(points) {
  return points.map(([x, y]) => `${Number(x.toFixed(4))},${Number(y.toFixed(4))}\n`).join("");
}

/** Return the points of a text, one a line, or which line is none. */
function pointsOf(text) {
  const points = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (!line.trim()) continue;
    const fields = line.split(/[,;\t]/).map((field) => field.trim());
    if (fields.length !== 2 || fields.includes("") || !fields.every((field) => Number.isFinite(Number(field)))) return { problem: `line ${i + 1} is no point: two numbers, as 0.5,-0.2` };
    points.push(fields.map(Number));
  }
  return points.length > PAD.most ? { problem: `${whole(PAD.most)} points are the most` } : { points };
}

/** Return a normally distributed number (Box and Muller 1958). */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

const drawView = {
  brush: { count: 5, spread: 0.03 },

  tools() {
    return [];
  },

  show(host) {
    const { brush } = drawView, cross = [0, 0];
    let isCrossShown = false, last = null;
    const canvas = h("canvas", { class: "plane pad", id: "pad", tabindex: "0", role: "application", "aria-describedby": "pad-help" });
    const said = h("p", { class: "steered", role: "status", id: "drawn" });
    const text = h("textarea", { id: "drawn-points", rows: "8", spellcheck: "false", autocomplete: "off" });
    const undo = h("button", { type: "button", class: "plain", id: "undo", onclick: () => takeBack() }, "Undo");
    const clear = h("button", { type: "button", class: "plain", id: "clear", onclick: () => set([], []) }, "Clear");
    const save = h("button", { type: "button", class: "plain", id: "save", onclick: () => download() }, `Save ${PAD.file}`);

    const paint = () => {
      const size = canvas.clientWidth, scale = window.devicePixelRatio || 1;
      if (!size) return;
      canvas.width = canvas.height = Math.round(size * scale);
      const pen = canvas.getContext("2d"), place = placer([[-1, 1], [-1, 1]], size);
      pen.scale(scale, scale);
      pen.fillStyle = pen.strokeStyle = colour("--line");
      pen.fillRect(size / 2, 0, 1, size);
      pen.fillRect(0, size / 2, size, 1);
      drawPoints(pen, sketch.points, place, "--c2", 3);
      if (!isCrossShown) return;
      const [x, y] = place(cross);
      pen.globalAlpha = 1;
      pen.strokeStyle = colour("--ink");
      pen.beginPath();
      pen.arc(x, y, 8, 0, 2 * Math.PI);
      for (const [dx, dy] of [[12, 0], [0, 12]]) {
        pen.moveTo(x - dx, y - dy);
        pen.lineTo(x + dx, y + dy);
      }
      pen.stroke();
    };
    const tell = (also = "") => {
      const count = sketch.points.length, where = also || (isCrossShown ? `cross at ${plain(cross[0])}, ${plain(cross[1])}` : "");
      said.textContent = `${whole(count)} point${count === 1 ? "" : "s"}${where ? ` · ${where}` : ""}`;
      canvas.setAttribute("aria-label", `drawing pad from -1 to 1 on both axes, ${whole(count)} points`);
      undo.disabled = !sketch.strokes.length;
      clear.disabled = !count;
      save.disabled = count < PAD.least;
      save.title = save.disabled ? `${PAD.least} points are the least` : "";
    };
    const show = (also) => {
      if (document.activeElement !== text) text.value = csvOf(sketch.points);
      keepSketch();
      tell(also);
      paint();
    };
    const set = (points, strokes, also) => {
      sketch = { points, strokes };
      show(also);
    };
    const takeBack = () => {
      const at = sketch.strokes.pop();
      if (at !== undefined) set(sketch.points.slice(0, at), sketch.strokes);
    };
    const dab = ([x, y]) => {
      const inside = (value) => Math.max(-1, Math.min(1, value));
      for (let i = 0; i < brush.count && sketch.points.length < PAD.most; i++) sketch.points.push([inside(x + brush.spread * normal()), inside(y + brush.spread * normal())]);
    };
    const download = () => {
      const url = URL.createObjectURL(new Blob([`x,y\n${csvOf(sketch.points)}`], { type: "text/csv" }));
      h("a", { href: url, download: PAD.file }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
      tell(`saved as ${PAD.file} where your browser saves files`);
    };

    const pointOf = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      isCrossShown = false;
      sketch.strokes.push(sketch.points.length);
      dab((last = pointOf(event)));
      show();
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = last && pointOf(event);
      if (!now || Math.hypot(now[0] - last[0], now[1] - last[1]) < 0.02) return;
      dab((last = now));
      tell();
      paint();
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        if (last) show();
        last = null;
      });
    }
    canvas.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.2 : 0.05, moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }, move = moves[event.key];
      if (event.altKey || event.ctrlKey || event.metaKey || !(move || ["Enter", " ", "Backspace"].includes(event.key))) return;
      event.preventDefault();
      isCrossShown = true;
      if (move) {
        for (const axis of [0, 1]) cross[axis] = Math.max(-1, Math.min(1, Math.round(100 * (cross[axis] + move[axis])) / 100));
        tell();
        paint();
      } else if (event.key === "Backspace") {
        takeBack();
      } else {
        sketch.strokes.push(sketch.points.length);
        dab(cross);
        show();
      }
    });
    text.addEventListener("input", () => {
      const { points, problem } = pointsOf(text.value);
      if (problem) {
        tell(problem);
        text.setAttribute("aria-invalid", "true");
        return;
      }
      text.removeAttribute("aria-invalid");
      set(points, []);
    });

    const number = (id, label, name, least, most, step) => h("label", { class: "field", for: id }, h("span", {}, label), h("input", { id, type: "number", value: String(brush[name]), min: String(least), max: String(most), step, inputmode: "decimal", onchange: (event) => {
      const given = Number(event.target.value);
      brush[name] = Number.isFinite(given) && event.target.value !== "" ? Math.max(least, Math.min(most, name === "count" ? Math.round(given) : given)) : brush[name];
      event.target.value = String(brush[name]);
    } }));
    replace(host, h("div", { class: "planes drawing" }, canvas, h("div", {},
      h("p", { class: "note", id: "pad-help" }, "Press or drag on the pad. By keyboard: arrow keys move a cross (with Shift farther), Enter puts points there, Backspace takes the last back; or write the points below."),
      h("div", { class: "tools rate" }, number("brush-count", "Points at once", "count", 1, 100, "1"), number("brush-spread", "Spread", "spread", 0, 1, "any"), h("div", { class: "buttons" }, undo, clear)),
      said,
      h("label", { class: "field", for: "drawn-points" }, h("span", {}, "Points, one a line: x,y"), text),
      h("div", { class: "buttons" }, save),
      h("p", { class: "note" }, "What a run trains on stands before its first step, and is part of what it is compared by. So drawn points begin a run of their own:"),
      h("pre", { class: "command" }, `ganbench run --plugin mlp --dataset points -o dataset.path=${PAD.file} --reporter watch`.split(" ").map((word, i) => [i ? " " : "", h("span", { class: "word" }, word)])),
      h("p", { class: "note" }, `Run it in the folder where ${PAD.file} is, or give the file's whole path. Any CSV file of two columns will do.`))));
    new ResizeObserver(paint).observe(canvas);
    show();
  },
};

try {
  sketch.points = pointsOf(sessionStorage.getItem(PAD.kept) ?? "").points ?? [];
} catch {
  // as above
}
