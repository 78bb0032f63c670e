// Tables: any document of ganbench, and the boards with sorting, filtering and grouping.

/** Return a document's section as a table. */
function plainTable(section, caption) {
  const columns = section.columns.map((column, i) => i).filter((i) => section.rows.some((row) => textOf(row.cells[i])));
  const head = h("tr", {}, columns.map((i) => h("th", { scope: "col", class: classOf(section.columns[i]) }, section.columns[i].title || h("span", { class: "unseen" }, "name"))));
  const body = section.rows.map((row) => h("tr", {}, columns.map((i, at) => cellOf(section.columns[i], row.cells[i], at === 0))));
  return wide(caption, h("table", { class: "plain" }, h("caption", { class: "unseen" }, caption), h("thead", {}, head), h("tbody", {}, body)));
}

/** Return a table in a frame that scrolls sideways, by the keyboard too. */
function wide(label, table) {
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": label }, table);
}

function textOf(cell) {
  return typeof cell === "string" ? cell : cell.t;
}

function classOf(column) {
  return column.number ? "number" : column.kind;
}

function cellOf(column, cell, first, inside) {
  const notes = (typeof cell === "string" ? [] : cell.n) || [];
  const tone = typeof cell === "string" ? "" : cell.o;
  const mark = notes.length ? h("span", { class: "mark", title: notes.join("\n") }, "*", h("span", { class: "unseen" }, notes.join("; "))) : null;
  const shown = tone ? h("span", { class: `tone ${tone}` }, textOf(cell)) : textOf(cell) || "–";
  return h(first ? "th" : "td", { class: classOf(column), scope: first && "row" }, inside || shown, mark);
}

/** Compare two cells: numbers by their value, texts as people order them; what is empty comes last whatever the direction. */
function order(one, other, sign) {
  const [a, b] = [one, other].map((cell) => (typeof cell === "string" ? cell : (cell.v ?? cell.t)));
  if ((a === "") !== (b === "")) return a === "" ? 1 : -1;
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return sign * a.localeCompare(b, "en", { numeric: true });
}

/** What a reader may group by: what the table says of rows, and every setting that differs between runs. */
function groupings() {
  const facts = [["board", "folder"], ["model", "model"], ["dataset", "dataset"], ["loss", "loss"], ["machine", "machine"], ["status", "status"], ["seed", "seed"]];
  const differing = facts.filter(([field]) => new Set(runs.map((run) => run[field])).size > 1);
  const paths = Object.keys(content.settings).filter((path) => path !== "training.seed" && isDifferent(content.settings[path]));
  return [["", "nothing"], ...differing.map(([field, text]) => [`@${field}`, text]), ...paths.sort().map((path) => [path, path])];
}

function isDifferent(pooled) {
  return new Set(pooled.at).size > 1;
}

function groupOf(row) {
  const number = row.runs[0];
  if (number === undefined) return "unknown";
  if (!state.group.startsWith("@")) return setting(content.settings, state.group, number) || "not a setting of these";
  return [...new Set(row.runs.map((one) => String(runs[one][state.group.slice(1)])))].join(", ");
}

function matches(section, row) {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const run = runs[row.runs[0]];
  const known = run ? [run.model, run.dataset, run.loss, run.status, run.machine, run.board, ...row.runs.map((n) => runs[n].id)] : [];
  return words.every((word) => {
    const [path, wanted] = word.split("=");
    if (wanted !== undefined && row.runs.length) {
      const fitting = Object.keys(content.settings).filter((one) => one.toLowerCase() === path || one.toLowerCase().endsWith(`.${path}`));
      return fitting.some((one) => row.runs.some((number) => setting(content.settings, one, number).toLowerCase() === wanted));
    }
    return [...row.cells.map(textOf), ...known].some((text) => text.toLowerCase().includes(word));
  });
}

const tableView = {
  tools(show) {
    if (!runs.length) return [];
    return [
      h("label", { class: "field grow", for: "filter" }, h("span", {}, "Filter"),
        h("input", { id: "filter", type: "search", value: state.q, placeholder: "words, or batch_size=64", oninput: (e) => change({ q: e.target.value }, show) })),
      boardChoice(show),
      select("group", "Group by", state.group, groupings(), (group) => change({ group }, show)),
      select("rows", "Rows", state.rows, [["means", "means over seeds"], ["runs", "single runs"]], (rows) => change({ rows, sort: "" }, show)),
      select("columns", "Columns", state.columns, [["fit", "the most important"], ["all", "all"]], (columns) => change({ columns }, show)),
    ];
  },

  show(host, show) {
    const parts = boardsShown().map((board) => boardPart(board, show));
    const left = content.unreadable.map((item) => h("li", {}, `${item.path}: ${item.reason}`));
    replace(host, parts, left.length ? [h("h2", {}, "Records that cannot be read"), h("ul", { class: "note" }, left)] : null);
  },
};

function boardChoice(show) {
  if (content.boards.length < 2) return null;
  return select("board", "Folder", state.board, [["", "all"], ...content.boards.map((board) => [board.name, board.name])], (board) => change({ board }, show));
}

function boardPart(board, show) {
  const table = state.rows === "runs" ? board.each : board.means;
  const shown = table.sections.map((section, s) => sectionPart(board, section, `${content.boards.indexOf(board)}-${s}`, show));
  const lines = (list) => (list.length ? h("ul", { class: "note" }, list.map((line) => h("li", {}, line))) : null);
  const how = table.explanation.length ? h("details", {}, h("summary", {}, "What the columns mean"), lines(table.explanation)) : null;
  const count = `${board.runs.length} run${board.runs.length === 1 ? "" : "s"}`;
  return h("section", { class: "board" }, h("h2", {}, board.name, h("span", { class: "aside" }, count)), shown, lines(table.legend), how);
}

function sectionPart(board, section, place, show) {
  const all = state.columns === "all";
  const wanted = section.columns.map((column, i) => i).filter((i) => (all ? section.rows.some((row) => textOf(row.cells[i])) : section.columns[i].shown));
  const rows = section.rows.filter((row) => matches(section, row));
  const [id, direction] = state.sort.split(":");
  const by = section.columns.findIndex((column) => column.id === id);
  if (by >= 0) rows.sort((one, other) => order(one.cells[by], other.cells[by], direction === "down" ? -1 : 1));
  const head = wanted.map((i) => sortHeading(section.columns[i], `sort-${place}-${i}`, i === by, direction, show));
  const chosen = new Set(chosenRuns());
  const lines = [];
  let last = null;
  if (state.group) rows.sort((one, other) => order(groupOf(one), groupOf(other), 1));
  for (const row of rows) {
    const group = state.group ? groupOf(row) : null;
    if (group !== last) lines.push(h("tr", { class: "group" }, h("th", { colspan: String(wanted.length + 1), scope: "colgroup" }, `${groupings().find(([key]) => key === state.group)?.[1] ?? state.group}: ${group}`)));
    last = group;
    lines.push(rowPart(section, row, wanted, chosen));
  }
  if (!rows.length) lines.push(h("tr", {}, h("td", { colspan: String(wanted.length + 1), class: "empty" }, "no row has these words")));
  const same = all ? [] : section.same;
  const select = h("th", { scope: "col", class: "pick" }, h("span", { class: "unseen" }, "shown in curves and samples"));
  return [
    h("p", { class: "machine" }, [section.title, ...same].join(" · ")),
    wide(`${board.name}, ${section.title}`, h("table", { class: "board" }, h("thead", {}, h("tr", {}, select, head)), h("tbody", {}, lines))),
  ];
}

function sortHeading(column, id, isBy, direction, show) {
  const first = column.direction === "higher" ? "down" : "up";
  const next = isBy ? (direction === "up" ? "down" : "up") : first;
  const press = () => change({ sort: `${column.id}:${next}` }, () => {
    show();
    document.getElementById(id)?.focus();
  });
  const sign = h("span", { class: "sign", "aria-hidden": "true" }, isBy ? (direction === "up" ? "▲" : "▼") : "");
  return h("th", { scope: "col", class: classOf(column), "aria-sort": isBy ? (direction === "up" ? "ascending" : "descending") : null },
    h("button", { type: "button", id, onclick: press }, column.title || "name", sign));
}

function rowPart(section, row, wanted, chosen) {
  const known = row.runs.length > 0;
  const name = textOf(row.cells[section.columns.findIndex((column) => column.kind === "name")]);
  const pick = h("input", {
    type: "checkbox", checked: known && row.runs.every((number) => chosen.has(number)), disabled: !known, "aria-label": `show ${name} in curves and samples`,
    onchange: (event) => change({ runs: toggleRuns(row.runs, event.target.checked) }, updateChosen),
  });
  return h("tr", {}, h("td", { class: "pick" }, pick), wanted.map((i) => {
    const column = section.columns[i];
    const link = column.kind === "name" && known ? h("a", { href: address({ view: "run", run: keys[row.runs[0]] }) }, textOf(row.cells[i])) : null;
    return cellOf(column, row.cells[i], column.kind === "name", link);
  }));
}
