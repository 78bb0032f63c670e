// The page around the views: heading, tabs, colours, and showing what the address says.

const views = { table: tableView, curves: curvesView, samples: samplesView, run: runView, compare: compareView, verdicts: verdictsView };
if ("live" in content) Object.assign(views, { live: liveView, draw: drawView });
const parts = { tabs: h("nav", { "aria-label": "views" }), tools: h("div", { class: "tools" }), view: h("div", {}), heading: h("h2", { class: "unseen" }), made: h("p", { class: "aside" }), chosen: h("p", { class: "chosen", role: "status" }) };

function updateChosen() {
  const count = chosenRuns().length;
  replace(parts.tabs, tabs.map((name) => h("a", { href: address({ view: name }), "aria-current": state.view === name ? "page" : null }, VIEWS[name])));
  parts.chosen.textContent = state.view === "table" && runs.length ? `${count} run${count === 1 ? "" : "s"} chosen for curves and samples` : "";
}

function showView() {
  removeCharts();
  views[state.view].show(parts.view, showView);
  parts.heading.textContent = VIEWS[state.view];
  updateChosen();
}

function showTools() {
  const again = () => {
    showView();
    if (state.view === "compare" || state.view === "run") document.title = titleOf();
  };
  replace(parts.tools, views[state.view].tools(again));
  parts.tools.hidden = !parts.tools.childElementCount;
}

function showPage() {
  showTools();
  document.title = titleOf();
  showView();
  parts.tabs.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function titleOf() {
  return `${VIEWS[state.view]} · ${content.title}`;
}

const THEMES = { "": "as the system", light: "light", dark: "dark" };

/** Remember the colours where the browser lets a file remember anything. */
function remembered(value) {
  try {
    if (value === undefined) return localStorage.getItem("ganbench-theme") ?? "";
    localStorage.setItem("ganbench-theme", value);
  } catch {
    // a page that may store nothing follows the system
  }
  return value ?? "";
}

function setTheme(theme) {
  if (theme in THEMES && theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

function build() {
  setTheme(remembered());
  const theme = select("theme", "Colours", document.documentElement.dataset.theme ?? "", Object.entries(THEMES), (value) => {
    remembered(value);
    setTheme(value);
    showView();
  });
  parts.made.textContent = `${whole(runs.length)} run${runs.length === 1 ? "" : "s"} · made ${content.created.slice(0, 16).replace("T", " ")} UTC by ganbench ${content.version}`;
  document.body.append(
    h("a", { class: "skip", href: "#main", onclick: (event) => {
      event.preventDefault();
      parts.view.closest("main").focus();
    } }, "to the content"),
    h("header", {}, h("div", { class: "top" }, h("div", {}, h("h1", {}, content.title), parts.made), theme), parts.tabs),
    h("main", { tabindex: "-1", id: "main" }, parts.heading, parts.tools, parts.chosen, parts.view),
    h("footer", {}, h("p", {}, "The address keeps what you see: copy it to cite a view. Charts are drawn by uPlot 1.6.32, © 2022 Leon Sorokin, MIT licence.")),
  );
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showView);
  addEventListener("hashchange", () => {
    readAddress();
    showPage();
  });
  addEventListener("beforeprint", () => {
    for (const element of document.querySelectorAll("main details")) element.open = true;
  });
  readAddress();
  showPage();
}

build();
