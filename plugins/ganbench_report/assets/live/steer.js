// The inside of a run that tells it, and what its page may ask of it: to pause, go on, take one step, update one network alone, or learn at another rate.

const inside = {
  shown: {}, // by the number of a run: the stamp of what it tells, and whether it takes commands
  panel: null,

  /** Return the part of a run: its picture and its controls; for one that takes none a word on how it would. */
  make(number) {
    inside.panel = null;
    if (!(number in inside.shown)) {
      return runs[number].status === "running" ? h("p", { class: "note" }, "To pause this run or change its learning rate from here, start it with --reporter watch.") : null;
    }
    const plane = planePanel(runName(number)), controls = steering(number);
    plane.host.hidden = controls.host.hidden = true;
    inside.panel = { number, plane, controls, stamp: "", isFetching: false };
    inside.refresh();
    return h("section", { class: "inside", "aria-label": "inside the run" }, controls.host, plane.host);
  },

  /** Fetch what the run tells where it is new, one at a time. */
  async refresh() {
    const panel = inside.panel, shown = panel && inside.shown[panel.number];
    if (!shown || panel.isFetching) return;
    panel.controls.heed(shown.heeds);
    if (panel.stamp === shown.stamp) return;
    panel.isFetching = true;
    try {
      const answer = await fetch(`views/${panel.number}?${shown.stamp}`);
      if (!answer.ok) return;
      const told = await answer.json();
      panel.stamp = shown.stamp;
      panel.plane.host.hidden = !told.plane;
      if (told.plane) panel.plane.update(told);
      panel.controls.update(told);
    } catch {
      return; // the server has gone; the page says so elsewhere
    } finally {
      panel.isFetching = false;
    }
    if (inside.panel === panel && inside.shown[panel.number]?.stamp !== panel.stamp) inside.refresh();
  },
};

function steering(number) {
  const status = h("p", { class: "steered", role: "status" });
  let isPaused = false, isHeeding = false, rates = {};
  const ask = async (command) => {
    try {
      const answer = await fetch(`commands/${number}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(command) });
      if (!answer.ok) status.textContent = await answer.text();
    } catch {
      status.textContent = "The server does not answer; nothing was changed.";
    }
  };
  const pause = h("button", { type: "button", class: "plain", id: "pause", onclick: () => ask({ do: isPaused ? "continue" : "pause" }) }, "Pause");
  const step = h("button", { type: "button", class: "plain", id: "step", onclick: () => ask({ do: "step" }) }, "One step");
  const value = h("input", { id: "rate", type: "number", step: "any", min: "0", required: true, inputmode: "decimal" });
  const chooser = h("select", { id: "optimizer", onchange: () => show() });
  const show = () => {
    value.value = rates[chooser.value] === undefined ? "" : String(Number(rates[chooser.value].toPrecision(4)));
  };
  const form = h("form", { class: "rate", onsubmit: (event) => {
    event.preventDefault();
    ask({ do: "learning_rate", optimizer: chooser.value, value: Number(value.value) });
  } },
  h("label", { class: "field", for: "optimizer" }, h("span", {}, "Optimizer"), chooser), h("label", { class: "field", for: "rate" }, h("span", {}, "Learning rate"), value),
  h("button", { class: "plain" }, "Change"));
  const alone = h("fieldset", { class: "alone" }), hint = h("span", { class: "aside" });
  const showAlone = (names) => {
    const buttons = names.map((name) => h("button", { type: "button", class: "plain", id: `alone-${name}`, onclick: () => ask({ do: "update", optimizer: name }) }, `${name[0].toUpperCase()}${name.slice(1)}`));
    replace(alone, h("legend", {}, "Update alone"), buttons, hint);
  };
  const enable = () => {
    for (const one of [pause, step, ...form.elements]) one.disabled = !isHeeding;
    alone.disabled = !isHeeding || !isPaused;
    hint.textContent = isPaused ? "" : "of a paused run";
  };
  const interventions = h("div", { class: "interventions" }, form, alone, h("p", { class: "note" }, "A change and an update alone are interventions: the run says so for ever, and is compared and averaged with none."));
  const host = h("div", { class: "steering" }, h("div", { class: "buttons" }, pause, step, status), interventions);
  return {
    host,
    heed(heeds) {
      isHeeding = heeds;
      enable();
      host.hidden = !heeds;
    },
    update(told) {
      isPaused = told.paused;
      pause.textContent = isPaused ? "Continue" : "Pause";
      const taken = Object.entries(told.alone ?? {}).map(([name, count]) => `${whole(count)} of the ${name} alone`).join(" and ");
      const where = isPaused ? `paused at ${plain(told.samples_seen / 1000)} kimg, step ${whole(told.generator_steps)}` : "";
      status.textContent = told.complaint || (where && taken ? `${where}, with ${taken}` : where);
      const names = Object.keys(told.learning_rates), changed = JSON.stringify(told.learning_rates) !== JSON.stringify(rates);
      if (names.join() !== Object.keys(rates).join()) {
        replace(chooser, names.map((name) => h("option", { value: name }, name)));
        showAlone(names);
      }
      alone.hidden = names.length < 2;
      enable();
      rates = told.learning_rates;
      interventions.hidden = !names.length;
      if (changed && document.activeElement !== value) show();
    },
  };
}
