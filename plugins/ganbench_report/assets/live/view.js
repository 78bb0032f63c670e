// A run while it trains: how far it is, its curves and its samples; and the cells of a matrix.

const TONES = { complete: "good", done: "good", running: "going", interrupted: "doubtful", waiting: "", unsupported: "doubtful" };
let liveParts = [];

/** Return the run that is shown: the one that was chosen, else the last one that is under way, else the last one. */
function liveRun() {
  const chosen = numberOf.get(state.run);
  if (chosen !== undefined) return chosen;
  const going = runs.map((run, number) => number).filter((number) => runs[number].status === "running");
  return going.at(-1) ?? runs.length - 1;
}

function shareOf(run) {
  return run.live.total_kimg > 0 ? Math.min(run.kimg / run.live.total_kimg, 1) : 0;
}

function percent(run) {
  return `${(100 * shareOf(run)).toFixed(shareOf(run) < 0.995 ? 0 : 1).replace(/\.0$/, "")} %`;
}

function secondsLeft(run) {
  const speed = run.live.recent ?? run.speed;
  return run.status === "running" && speed > 0 ? (1000 * Math.max(run.live.total_kimg - run.kimg, 0)) / speed : null;
}

function progressBar(run, label) {
  return h("progress", { max: "1", value: shareOf(run), "aria-label": label });
}

function headPart(number) {
  const run = runs[number], left = secondsLeft(run), speed = `${run.unit}/s`;
  return [
    h("h2", {}, h("a", { href: address({ view: "run", run: keys[number] }) }, runName(number))),
    h("p", { class: "progress" }, progressBar(run, `training of ${runName(number)}`), " ", h("strong", {}, percent(run)), ` ${plain(run.kimg)} of ${plain(run.live.total_kimg)} kimg`),
    facts([
      ["status", statusOf(run)], [speed, run.speed ? figure(run.speed) : "–"], [`${speed}, lately`, run.status === "running" && run.live.recent ? figure(run.live.recent) : ""],
      ["training so far", duration(run.seconds.training)], ["training left", left === null ? "" : duration(left)], ["dataset", run.dataset], ["id", run.id],
    ]),
  ];
}

function cellsPart() {
  const { cells, is_run: isRun } = content.live;
  const rows = cells.length ? cells : isRun ? [] : runs.map((run, number) => ({ name: runName(number), state: run.status, reason: run.reason, run: number }));
  if (!rows.length) return isRun ? null : h("p", { class: "empty" }, "no run has begun here yet");
  const count = new Map();
  for (const { state: said } of rows) count.set(said, (count.get(said) ?? 0) + 1);
  const shown = liveRun();
  const lines = rows.map((cell) => {
    const run = cell.run === null || cell.run === undefined ? null : runs[cell.run];
    const last = run?.metrics[0];
    const name = run ? h("a", { id: `cell-${cell.run}`, href: address({ view: "live", run: keys[cell.run] }), "aria-current": cell.run === shown ? "true" : null }, cell.name) : cell.name;
    const tone = TONES[cell.state] ?? "bad";
    return [name, h("span", { class: tone ? `tone ${tone}` : "" }, cell.state), run && run.live.total_kimg ? [progressBar(run, `training of ${cell.name}`), " ", percent(run)] : "",
      run && run.speed ? figure(run.speed) : "", last ? `${last.label} ${figure(last.values.at(-1))}` : "", run && secondsLeft(run) !== null ? duration(secondsLeft(run)) : "", cell.reason];
  });
  const headings = ["cell", "state", "training", "samples/s", "quality", "left", "reason"], kinds = ["name", "text", "bar", "number", "number", "number", "text"];
  const kept = headings.map((_, i) => i).filter((i) => i < 2 || lines.some((line) => line[i] !== ""));
  const pick = (list) => kept.map((i) => list[i]);
  return [
    h("p", { class: "machine" }, [...count].map(([said, number]) => `${number} ${said}`).join(" · ")),
    simpleTable("cells", pick(headings), lines.map(pick), pick(kinds)),
  ];
}

/** What stands in the view, each with what it is made of: it is made again when that changes, and nobody is reading it just then. */
function livePartsOf(number) {
  const cells = { host: h("div", {}), of: () => [content.live, runs.map((run) => [run.kimg, run.status, run.metrics.length])], make: cellsPart };
  if (number < 0) return [cells];
  const run = () => runs[number];
  const parts = [cells, { host: h("section", {}), of: () => [run().kimg, run().live, run().status, run().reason, run().speed], make: () => headPart(number) }];
  parts.push({ host: h("div", {}), of: () => [run().id, number in inside.shown, run().status === "running"], make: () => inside.make(number) });
  const charts = h("div", { class: "charts" }), colours = coloursOf([number]);
  const panels = shownPanels(panelsOf([number]));
  for (const panel of panels) {
    const of = () => (panel.metric ? run().metrics.filter((one) => one.name === panel.key.split("@")[0]) : run().curves.values?.[panel.key]);
    parts.push({ host: h("div", {}), into: charts, of, make: () => chart(panel, [number], colours) });
  }
  parts.push({ host: h("div", {}), of: () => [charts.childElementCount > 0], make: () => (panels.length ? charts : h("p", { class: "empty" }, "no curve yet")) });
  parts.push({ host: h("div", {}), of: () => run().pictures, make: () => sampleCards([number]) ?? h("p", { class: "empty" }, "no samples yet") });
  return parts;
}

/** Tell whether somebody reads a part just then, by pointer or keyboard, or listens to it: it stands still until that is over. */
function isInUse(host) {
  const plays = [...host.querySelectorAll("audio, video")].some((one) => !one.paused) || [...host.querySelectorAll(".timeline button")].some((one) => one.textContent === "Pause");
  return plays || host.matches(":active") || host.querySelector(".plot:hover, .plot:focus") !== null;
}

function refreshLive() {
  for (const part of liveParts) {
    const now = JSON.stringify(part.of());
    if (now === part.before || (part.before !== undefined && isInUse(part.host))) continue;
    part.before = now;
    const focused = part.host.contains(document.activeElement) ? document.activeElement.id : "";
    replace(part.host, part.make());
    if (focused) document.getElementById(focused)?.focus();
  }
  sweepCharts();
}

const liveView = {
  shape: "",

  tools() {
    return [];
  },

  /** Return what decides which parts there are. */
  shapeNow() {
    const number = liveRun();
    return JSON.stringify([number, number < 0 ? [] : panelsOf([number]).map((panel) => panel.key), state.show]);
  },

  show(host) {
    liveView.shape = liveView.shapeNow();
    liveParts = livePartsOf(liveRun());
    for (const part of liveParts) part.into?.append(part.host);
    replace(host, liveParts.filter((part) => !part.into).map((part) => part.host));
    refreshLive();
  },
};
