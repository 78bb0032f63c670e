"use strict";
// What every view shares: the content of the page, the state that the address keeps, elements, and numbers as readers want them.

const VIEWS = { live: "Live", table: "Table", curves: "Curves", samples: "Samples", run: "One run", compare: "Side by side", verdicts: "Verdicts", draw: "Draw" };
let content, runs, tabs;

/** Take what the page shows; a page that lives is given more of it later. */
function take(given) {
  content = given;
  runs = content.runs;
  const has = { live: "live" in content, verdicts: content.verdicts.length, draw: "live" in content };
  tabs = Object.keys(VIEWS).filter((view) => has[view] ?? (runs.length || content.unreadable.length));
  nameRuns();
}

// A run is called by its id in the address, which stays when the page is made again from more runs. Replicates have one colour and one line in a key.
let keys = [], numberOf = new Map(), groups = new Map();

function nameRuns() {
  keys = runs.map((run) => {
    const twins = runs.filter((other) => other.id === run.id);
    return twins.length === 1 ? run.id : `${run.board}/${run.id}`;
  });
  numberOf = new Map(keys.map((key, i) => [key, i]));
  groups = new Map();
  for (const [b, board] of content.boards.entries()) {
    for (const [s, section] of board.means.sections.entries()) {
      for (const [r, row] of section.rows.entries()) for (const number of row.runs) groups.set(number, `${b}/${s}/${r}`);
    }
  }
}

take(JSON.parse(document.getElementById("content").textContent));
const DEFAULTS = {
  view: tabs[0] ?? "table", board: "", q: "", group: "", rows: "means", columns: "fit", sort: "", runs: "", x: "kimg", logx: "", logy: "auto", show: "", at: "",
  run: "", a: "", b: "", differences: "1", layers: "real fake map arrows manifold",
};
const state = { ...DEFAULTS };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of Object.keys(DEFAULTS)) state[name] = given.get(name) ?? DEFAULTS[name];
  if (!(state.view in VIEWS) || (["live", "draw"].includes(state.view) && !("live" in content))) state.view = DEFAULTS.view;
}

function address(changes) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...state, ...changes })) if (value !== DEFAULTS[name]) given.set(name, value);
  return `#${given}`;
}

/** Change the state without a new entry in the history; then show what it means. */
function change(changes, show) {
  Object.assign(state, changes);
  history.replaceState(null, "", address({}));
  if (show) show();
}

/** Return an element. Texts become text and never markup. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function replace(host, ...children) {
  host.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

/** Return a number with four significant digits, and no exponent where it can be read without. */
function figure(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1e7 || (size > 0 && size < 1e-4)) return value.toExponential(digits - 1);
  const rounded = Math.abs(Number(value.toPrecision(digits)));
  const before = rounded >= 1 ? Math.floor(Math.log10(rounded)) + 1 : value === 0 ? 1 : 1 + Math.floor(Math.log10(rounded));
  const decimals = Math.max(0, digits - before);
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** Return a number without zeros at its end. */
function plain(value) {
  const text = figure(value);
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 99.95) return `${Number(seconds.toPrecision(3))} s`;
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60);
  if (minutes < 100) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

function whole(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en-US");
}

function select(id, label, value, options, onchange) {
  const list = options.map(([key, text]) => h("option", { value: key }, text));
  const element = h("select", { id, onchange: (event) => onchange(event.target.value) }, list);
  element.value = value;
  return h("label", { class: "field", for: id }, h("span", {}, label), element);
}

function toggle(id, label, checked, onchange) {
  return h("label", { class: "check", for: id }, h("input", { id, type: "checkbox", checked, onchange: (e) => onchange(e.target.checked) }), label);
}

/** Return what a setting of a run is, as text; an empty one where it has none. */
function setting(pool, path, number) {
  const pooled = pool[path];
  return pooled && pooled.at[number] >= 0 ? pooled.values[pooled.at[number]] : "";
}

function runName(number) {
  const run = runs[number];
  const name = run.name.includes(`seed ${run.seed}`) ? run.name : `${run.name} seed ${run.seed}`;
  return content.boards.length > 1 ? `${name} · ${run.dataset}` : name;
}

function boardsShown() {
  const chosen = content.boards.filter((board) => board.name === state.board);
  return chosen.length ? chosen : content.boards;
}

/** The runs that curves and samples show: those that the reader chose, else the best rows of the first board. */
function chosenRuns() {
  if (state.runs) return state.runs.split(",").map(decodeURIComponent).filter((key) => numberOf.has(key)).map((key) => numberOf.get(key));
  const board = boardsShown()[0];
  if (!board) return [];
  const rows = board.means.sections.flatMap((section) => {
    const column = section.columns.findIndex((one) => one.part === "final");
    const sign = column >= 0 && section.columns[column].direction === "higher" ? -1 : 1;
    return section.rows.map((row) => ({ row, value: column < 0 ? null : (row.cells[column].v ?? null), sign }));
  });
  rows.sort((one, other) => (one.value === null) - (other.value === null) || one.sign * (one.value - other.value));
  return rows.slice(0, 5).flatMap(({ row }) => row.runs).slice(0, 24);
}

function runsAddress(numbers) {
  return numbers.map((number) => encodeURIComponent(keys[number])).join(",") || "none";
}

function toggleRuns(numbers, wanted) {
  const chosen = new Set(chosenRuns());
  for (const number of numbers) wanted ? chosen.add(number) : chosen.delete(number);
  return runsAddress([...chosen]);
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
