// What a page is told while it is open. It asks for nothing again: the browser keeps the stream, and takes it up when the server is back.

const connection = h("p", { class: "connection", role: "status" });
let isStale = false;

function showMade() {
  const told = Math.max(0, ...runs.map((run) => run.live.told ?? 0));
  const going = runs.filter((run) => run.status === "running");
  parts.made.textContent = told ? `${going.length ? "live" : "at rest"} · last told ${new Date(1000 * told).toLocaleTimeString("en-GB")} · ganbench ${content.version}` : `ganbench ${content.version}`;
  const run = content.live.is_run ? runs[0] : null;
  document.title = (run && run.status === "running" ? `${percent(run)} · ` : "") + titleOf();
}

/** Show what is new: the live view part by part; another view as a whole, as soon as nobody is in the middle of something. */
function catchUp() {
  if (!isStale) return;
  showMade();
  if (state.view === "draw") return; // nothing there is of a run
  if (state.view === "live" && liveView.shape === liveView.shapeNow()) {
    isStale = false;
    refreshLive();
    isStale = liveParts.some((part) => JSON.stringify(part.of()) !== part.before);
    return;
  }
  const view = parts.view, holds = view.contains(document.activeElement) && document.activeElement.matches("input, select, .plot");
  if (holds || view.querySelector(".plot:hover") || view.matches(":active")) return;
  isStale = false;
  const focused = view.contains(document.activeElement) ? document.activeElement.id : "";
  if (!parts.tools.contains(document.activeElement)) showTools();
  showView();
  if (focused) document.getElementById(focused)?.focus();
}

function hear(message) {
  if (message.content) {
    take({ ...message.content, place: content.place });
  } else {
    for (const [number, run] of Object.entries(message.runs)) runs[number] = run;
    content.live = message.live;
  }
  isStale = true;
  catchUp();
}

function listen() {
  const stream = new EventSource(`events?from=${encodeURIComponent(content.place)}`);
  stream.addEventListener("open", () => {
    connection.textContent = "";
  });
  stream.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  stream.addEventListener("shown", (event) => {
    inside.shown = JSON.parse(event.data);
    isStale = true;
    catchUp();
    inside.refresh();
  });
  stream.addEventListener("error", () => {
    const isOver = stream.readyState === EventSource.CLOSED;
    connection.textContent = isOver
      ? "The server refuses this page: another one has its place. “ganbench watch” prints the address of today."
      : "No server: what you see is what was last told. The page goes on when “ganbench watch” runs again.";
  });
}

document.querySelector("header").append(connection);
showMade();
setInterval(catchUp, 1000);
listen();
