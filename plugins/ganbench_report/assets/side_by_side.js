// Two runs side by side, with what differs; and the verdicts that ganbench reached.

const UNSEEN_NAME = () => h("span", { class: "unseen" }, "name");

function pairOf() {
  const usual = chosenRuns();
  const a = numberOf.get(state.a) ?? usual[0] ?? 0;
  const b = numberOf.get(state.b) ?? usual.find((number) => groups.get(number) !== groups.get(a)) ?? usual.find((number) => number !== a) ?? (runs.length > 1 ? (a + 1) % runs.length : a);
  return [a, b];
}

/** Return the lines of both runs: name, value of the one, value of the other. */
function figuresOf(a, b) {
  const [one, other] = [runs[a], runs[b]];
  const metrics = panelsOf([a, b]).filter((panel) => panel.metric).flatMap((panel) => {
    const [x, y] = [curveOf(panel, a), curveOf(panel, b)];
    const arrow = panel.direction === "higher" ? "↑" : "↓";
    return [[`${panel.title} ${arrow} final`, figure(x?.y.at(-1)), figure(y?.y.at(-1))], [`${panel.title} ${arrow} best`, figure(x?.y[x.best]), figure(y?.y[y.best])], [`${panel.title} real`, figure(x?.floor), figure(y?.floor)]];
  });
  const parts = [...new Set([...Object.keys(one.parameters), ...Object.keys(other.parameters)])];
  return [
    ["status", one.status, other.status], ["kind", one.kind, other.kind], ...metrics,
    ["samples per second", figure(one.speed), figure(other.speed)], ["seconds per kimg", figure(one.seconds_per_kimg), figure(other.seconds_per_kimg)],
    ["peak memory, MiB", figure(one.memory_mib), figure(other.memory_mib)], ["kimg", plain(one.kimg), plain(other.kimg)], ["generator steps", whole(one.steps), whole(other.steps)],
    ["training", duration(one.seconds.training), duration(other.seconds.training)], ["evaluation", duration(one.seconds.evaluation), duration(other.seconds.evaluation)], ["wall clock", duration(one.wall_seconds), duration(other.wall_seconds)],
    ...parts.map((name) => [`parameters, ${name}`, whole(one.parameters[name]), whole(other.parameters[name])]), ["losses of the first steps", one.trajectory, other.trajectory],
  ];
}

function settingsOf(a, b) {
  return Object.keys(content.settings).map((path) => [path, setting(content.settings, path, a), setting(content.settings, path, b)]).filter(([, one, other]) => one || other);
}

function keyFields(name, a, b) {
  const [one, other] = [a, b].map((number) => content.keys[runs[number].keys[name]] ?? {});
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].sort().map((field) => [field, one[field] ?? "", other[field] ?? ""]);
}

function pluginsOf(a, b) {
  const [one, other] = [a, b].map((number) => new Map(runs[number].plugins.map(([kind, name, , version, source]) => [`${kind} ${name}`, [version, source].filter(Boolean).join(" ")])));
  return [...new Set([...one.keys(), ...other.keys()])].map((name) => [name, one.get(name) ?? "", other.get(name) ?? ""]);
}

function pairTable(title, rows) {
  const shown = state.differences ? rows.filter(([, one, other]) => one !== other) : rows;
  if (!rows.length) return null;
  const told = shown.length ? h("div", {}, simpleTable(title, [UNSEEN_NAME(), "A", "B"], shown.map(([name, one, other]) => [name, mark(one, one !== other), mark(other, one !== other)]), ["name", "text", "text"])) : h("p", { class: "note" }, "nothing differs");
  return h("section", {}, h("h3", {}, title), told);
}

function mark(text, differs) {
  return differs ? h("strong", {}, text || "–") : text || "–";
}

const compareView = {
  tools(show) {
    if (!runs.length) return [];
    const [a, b] = pairOf();
    return [
      runChoice("a", "A", keys[a], show, "a"), runChoice("b", "B", keys[b], show, "b"),
      toggle("differences", "only what differs", state.differences === "1", (on) => change({ differences: on ? "1" : "" }, show)),
    ];
  },

  show(host) {
    if (!runs.length) return replace(host, h("p", { class: "empty" }, "this page holds no run"));
    const [a, b] = pairOf(), both = [...new Set([a, b])];
    const colours = new Map(both.map((number, i) => [number, i]));
    const panels = panelsOf(both).filter((panel) => !panel.statistic);
    replace(host,
      h("p", {}, [a, b].map((number, i) => [i ? " " : "", h("span", { class: "versus" }, swatch(colours.get(number)), `${"AB"[i]}: `, h("a", { href: address({ view: "run", run: keys[number] }) }, runName(number)))])),
      h("p", { class: "note" }, "Two runs show no more than that they differ. What is better, and how sure that is, “ganbench compare” says of runs with several seeds."),
      h("section", {}, h("h3", {}, "Numbers"), simpleTable("numbers", [UNSEEN_NAME(), "A", "B"], figuresOf(a, b), ["name", "number", "number"])),
      h("h3", {}, "Curves"), h("div", { class: "charts" }, panels.map((panel) => chart(panel, both, colours))),
      sampleCards(both),
      pairTable("Settings", settingsOf(a, b)), pairTable("Plugins and their sources", pluginsOf(a, b)), pairTable("Hardware", keyFields("hardware", a, b)), pairTable("Software", keyFields("software", a, b)));
  },
};

const verdictsView = {
  tools() {
    return [];
  },

  show(host) {
    if (!content.verdicts.length) {
      return replace(host, h("p", { class: "empty" }, "This page holds no verdict. “ganbench compare BASE HEAD -o json=verdict.json” makes one; give its file to “ganbench report” too."));
    }
    replace(host, content.verdicts.map(({ name, document: verdict }) => {
      const [sentence, ...rest] = verdict.heading;
      const lines = (list) => (list.length ? h("ul", { class: "note" }, list.map((line) => h("li", {}, line))) : null);
      return h("section", { class: "board" }, h("h2", {}, name), h("p", { class: "verdict" }, sentence), lines(rest),
        verdict.sections.map((section) => [h("h3", {}, section.title), plainTable(section, section.title)]), lines([...verdict.legend, ...verdict.explanation]));
    }));
  },
};
