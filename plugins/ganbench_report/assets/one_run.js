// One run: quality, curves, samples, where the time went, every setting with its source, the machine.

function runChoice(id, label, value, show, name) {
  const options = content.boards.map((board) => h("optgroup", { label: board.name }, board.runs.map((number) => h("option", { value: keys[number] }, runName(number)))));
  const element = h("select", { id, onchange: (event) => change({ [name]: event.target.value, at: "" }, show) }, options);
  element.value = value;
  return h("label", { class: "field", for: id }, h("span", {}, label), element);
}

function facts(rows, kind) {
  return h("dl", { class: kind }, rows.filter(([, value]) => value !== "" && value !== null && value !== undefined).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function simpleTable(label, headings, rows, kinds = []) {
  const head = h("tr", {}, headings.map((heading, i) => h("th", { scope: "col", class: kinds[i] || "" }, heading)));
  const body = rows.map((row) => h("tr", {}, row.map((cell, i) => h(i ? "td" : "th", { scope: i ? null : "row", class: kinds[i] || "" }, cell))));
  return wide(label, h("table", { class: "plain" }, h("thead", {}, head), h("tbody", {}, body)));
}

function statusOf(run) {
  const said = run.status === "complete" && run.collapsed ? "collapsed" : run.status;
  const tone = { complete: "good", running: "going", collapsed: "doubtful", interrupted: "doubtful" }[said] ?? "bad";
  return h("span", { class: `tone ${tone}` }, run.reason ? `${said}: ${run.reason}` : said);
}

function qualityPart(run) {
  return simpleTable("quality", ["metric", "final", "best", "at kimg", "real", "real, in its splits"], run.metrics.map((metric) => {
    const last = metric.values.length - 1, spread = (i) => (metric.spreads[i] ? ` ±${figure(metric.spreads[i], 2)}` : "");
    return [`${metric.label} ${metric.higher ? "↑" : "↓"}`, figure(metric.values[last]) + spread(last), figure(metric.values[metric.best]) + spread(metric.best), plain(metric.kimg[metric.best]),
      figure(metric.floor), metric.floors.length ? metric.floors.map((value) => figure(value)).join(" to ") : "–"];
  }), ["name", "number", "number", "number", "number", "number"]);
}

/** Return where the wall clock went; the parts do not overlap. */
function timePart(run) {
  const rows = Object.entries(run.seconds).filter(([, seconds]) => seconds !== null);
  return simpleTable("where the time went", ["part", "time", "share", h("span", { class: "unseen" }, "as a bar")], [
    ...rows.map(([name, seconds]) => {
      const share = run.wall_seconds > 0 ? seconds / run.wall_seconds : 0;
      return [name, duration(seconds), `${(100 * share).toFixed(1)} %`, h("progress", { max: "1", value: share, "aria-label": `share of ${name}` })];
    }),
    ["wall clock", duration(run.wall_seconds), "", ""],
  ], ["name", "number", "number", "bar"]);
}

function speedPart(run) {
  return facts([
    [`${run.unit}/s`, figure(run.speed)], ["seconds per kimg", figure(run.seconds_per_kimg)], ["peak memory", run.memory_mib === null ? "–" : `${whole(Math.round(run.memory_mib))} MiB`],
    ...run.phases.map(([name, milliseconds]) => [`phase ${name}`, `${figure(milliseconds)} ms`]),
    ["FLOPs per iteration", run.flops ? run.flops.toExponential(3) : ""], ...Object.entries(run.parameters).map(([name, count]) => [`parameters, ${name}`, whole(count)]),
  ]);
}

function settingsPart(number) {
  const rows = Object.keys(content.settings).filter((path) => content.settings[path].at[number] >= 0);
  const known = rows.some((path) => setting(content.sources, path, number));
  const table = simpleTable("settings", ["setting", "value", "source"], rows.map((path) => {
    const from = setting(content.sources, path, number) || "not recorded";
    return [path, setting(content.settings, path, number), from === "default" || !known ? h("span", { class: "aside" }, from) : from];
  }), ["name", "text", "text"]);
  return h("details", { open: true }, h("summary", {}, `Settings (${rows.length})`), known ? null : h("p", { class: "note" }, "This run's config.toml does not say where its values came from; runs of today's ganbench say it."), table);
}

function keyPart(title, digest) {
  const fields = Object.entries(content.keys[digest] ?? {}).map(([name, value]) => [name, value.length === 64 ? value.slice(0, 12) : value]);
  return h("details", {}, h("summary", {}, title, h("span", { class: "aside" }, digest)), facts(fields));
}

const runView = {
  tools(show) {
    return [runChoice("run", "Run", keys[chosenRun()], show, "run")];
  },

  show(host) {
    const number = chosenRun(), run = runs[number], trained = run?.kind === "run";
    if (!run) return replace(host, h("p", { class: "empty" }, "this page holds no run"));
    const panels = panelsOf([number]).filter((panel) => !panel.statistic), colours = coloursOf([number]);
    const cards = sampleCards([number]);
    replace(host,
      h("h2", {}, runName(number)),
      facts([["status", statusOf(run)], ["kind", trained ? "" : run.kind], ["model", run.model], ["dataset", run.dataset], ["loss", run.loss], ["seed", String(run.seed)], [trained ? "budget" : "trained for", trained || run.kimg ? `${plain(run.kimg)} kimg` : ""],
        ["generator steps", trained ? whole(run.steps) : ""],
        ["created", run.created.slice(0, 19).replace("T", " ")], ["ganbench", run.version], ["resumed", run.resumes ? String(run.resumes) : ""]]),
      facts([["id", run.id], ["folder", run.path]], "long"),
      run.notes.length ? h("ul", { class: "note" }, run.notes.map((note) => h("li", {}, note))) : null,
      run.metrics.length ? [h("h3", {}, "Quality"), qualityPart(run)] : null,
      panels.length ? [h("h3", {}, "Curves"), h("div", { class: "charts" }, panels.map((panel) => chart(panel, [number], colours)))] : null,
      cards ? [h("h3", {}, "Samples"), cards] : null,
      h("div", { class: "pair" }, trained ? h("section", {}, h("h3", {}, "Speed"), speedPart(run)) : null, h("section", {}, h("h3", {}, "Where the time went"), timePart(run))),
      h("h3", {}, "Machine"), facts([["machine", run.machine], ["host", run.host], ["load", run.load === null ? "" : `${run.load} processes wanted a CPU at the end`]]),
      keyPart("Hardware", run.keys.hardware), keyPart("Software", run.keys.software), run.evaluation_keys.map((digest) => keyPart("Evaluation", digest)),
      h("h3", {}, "Plugins"), simpleTable("plugins", ["kind", "name", "distribution", "version", "source"], run.plugins, ["name", "text", "text", "text", "text"]),
      h("h3", {}, "Configuration"), settingsPart(number));
  },
};

function chosenRun() {
  return numberOf.get(state.run) ?? chosenRuns()[0] ?? 0;
}
